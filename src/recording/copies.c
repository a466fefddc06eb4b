/*
 * copies.c - which assets a recording may name by their copies
 *
 * Each is looked up once for a recording: its pages name the same style sheets again and again, and its files must
 * agree.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "recording/copies.h"

typedef struct Copy
{
	UrlText key; /* must be first; its text is the table's memory context's */
	bool is_there;
} Copy;

static uint32
hash_key(const void *key, Size size)
{
	const UrlText *text = key;

	return DatumGetUInt32(hash_any((const unsigned char *) text->data, (int) text->len));
}

static int
compare_keys(const void *left, const void *right, Size size)
{
	const UrlText *a = left;
	const UrlText *b = right;

	return a->len == b->len ? memcmp(a->data, b->data, a->len) : 1;
}

void
open_copies(Copies *copies)
{
	HASHCTL control = {
		.keysize = sizeof(UrlText),
		.entrysize = sizeof(Copy),
		.hash = hash_key,
		.match = compare_keys,
		.hcxt = CurrentMemoryContext,
	};

	copies->context = CurrentMemoryContext;
	copies->known = hash_create("copies", 64, &control, HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

static bool
look_up(UrlText key)
{
	static SPIPlanPtr plan = NULL;
	Oid types[] = {TEXTOID};
	Datum arguments[] = {PointerGetDatum(cstring_to_text_with_len(key.data, (int) key.len))};
	bool isnull;
	bool copied;

	if (plan == NULL)
	{
		SPIPlanPtr made = SPI_prepare("SELECT openreplay.is_copied($1)", 1, types);

		if (made == NULL || SPI_keepplan(made) != 0)
			elog(ERROR, "cannot prepare the look-up of assets");
		plan = made;
	}
	SPI_execute_plan(plan, arguments, NULL, true, 1);
	copied =
		SPI_processed == 1 && DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	pfree(DatumGetPointer(arguments[0]));
	return copied;
}

bool
is_asset_copied(void *arg, UrlText url, UrlText key)
{
	Copies *copies = arg;
	Copy *copy = hash_search(copies->known, &key, HASH_FIND, NULL);
	char *text;
	bool is_there;

	if (copy != NULL)
		return copy->is_there;
	if (hash_get_num_entries(copies->known) >= ASSETS_OF_RECORDING_MAX)
		return false;
	is_there = look_up(key);
	text = MemoryContextAlloc(copies->context, key.len);
	memcpy(text, key.data, key.len);
	key.data = text;
	copy = hash_search(copies->known, &key, HASH_ENTER, NULL);
	copy->is_there = is_there;
	return is_there;
}
