/*
 * identities.c - changes to the rows of sessions
 *
 * Who the visitor is and where they came from arrives in messages; a pass gathers the changes of each session and
 * updates its row once, and only if it really differs.
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "assets/url.h"
#include "pipeline/pass.h"

typedef struct SessionChange
{
	int64 session_id;					/* hash key */
	WireString fields[IDENTITY_FIELDS]; /* data NULL: unchanged */
} SessionChange;

void
note_identity(Pass *pass, int64 session_id, IdentityField field, WireString value)
{
	bool found;
	SessionChange *change;
	char *copy;

	if (pass->identities == NULL)
	{
		HASHCTL control = {.keysize = sizeof(int64), .entrysize = sizeof(SessionChange), .hcxt = pass->context};

		pass->identities = hash_create("identities", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	change = hash_search(pass->identities, &session_id, HASH_ENTER, &found);
	if (!found)
		memset(change->fields, 0, sizeof(change->fields));
	/* the first referrer is where the visitor came from; later ones are pages of the site itself */
	if (field == IDENTITY_REFERRER && change->fields[field].data != NULL)
		return;
	copy = MemoryContextAlloc(pass->context, value.len + 1);
	memcpy(copy, value.data, value.len);
	change->fields[field] = wire_string(copy, value.len);
}

static void
put_field(Rows *rows, WireString value)
{
	if (value.data == NULL)
		put_null(rows);
	else
		put_text(rows, value, 8000);
}

void
put_identities(Pass *pass)
{
	HASH_SEQ_STATUS walk;
	SessionChange *change;

	if (pass->identities == NULL)
		return;
	hash_seq_init(&walk, pass->identities);
	while ((change = hash_seq_search(&walk)) != NULL)
	{
		WireString referrer = change->fields[IDENTITY_REFERRER];

		row_start(pass->rows, ROWS_IDENTITIES);
		put_int64(pass->rows, change->session_id);
		put_field(pass->rows, change->fields[IDENTITY_USER_ID]);
		put_field(pass->rows, change->fields[IDENTITY_ANONYMOUS_ID]);
		put_field(pass->rows, referrer);
		if (referrer.data == NULL)
			put_null(pass->rows);
		else
		{
			UrlText base = strip_query(referrer.data, referrer.len);

			put_text(pass->rows, wire_string(base.data, base.len), 8000);
		}
		for (int i = IDENTITY_UTM_SOURCE; i < IDENTITY_FIELDS; i++)
			put_field(pass->rows, change->fields[i]);
	}
	hash_destroy(pass->identities);
	pass->identities = NULL;
}
