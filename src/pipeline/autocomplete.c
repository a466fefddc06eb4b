/*
 * autocomplete.c - values offered in filter boxes
 *
 * Nearly every value was seen before.  Hashes of those written lately keep them from reaching the table; a forgotten
 * one costs an index look-up, a collision of 64-bit hashes a suggestion.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/hsearch.h"

#include "pipeline/pass.h"

#define REMEMBERED_VALUES 50000
#define MAX_VALUE_BYTES 8000 /* longer ones are no suggestion */

bool
was_written_lately(Pass *pass, uint64 hash)
{
	struct HTAB *remembered = pass->pipeline->suggestions;
	bool found;

	if (hash_get_num_entries(remembered) >= REMEMBERED_VALUES &&
		hash_search(remembered, &hash, HASH_FIND, NULL) == NULL)
	{
		HASH_SEQ_STATUS walk;
		uint64 *old;

		hash_seq_init(&walk, remembered);
		while ((old = hash_seq_search(&walk)) != NULL)
			hash_search(remembered, old, HASH_REMOVE, NULL);
	}
	hash_search(remembered, &hash, HASH_ENTER, &found);
	return found;
}

void
suggest(Pass *pass, int32 project_id, const char *type, WireString value)
{
	uint64 hash;

	if (value.len == 0 || value.len > MAX_VALUE_BYTES)
		return;
	hash = hash_bytes_extended((const unsigned char *) value.data, (int) value.len, (uint64) project_id);
	hash = hash_combine64(hash, hash_bytes_extended((const unsigned char *) type, (int) strlen(type), 0));
	if (was_written_lately(pass, hash))
		return;
	row_start(pass->rows, ROWS_AUTOCOMPLETE);
	put_int32(pass->rows, project_id);
	put_cstring(pass->rows, type);
	put_text(pass->rows, value, 0);
}
