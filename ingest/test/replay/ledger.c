/*
 * ledger.c - what was acknowledged, written down before it is counted
 */
#include "replay.h"

#include <inttypes.h>
#include <stdlib.h>

struct Ledger
{
	FILE *file;
	const char *path;
};

Ledger *
open_ledger(const char *path)
{
	Ledger *ledger;

	if (path == NULL)
		return NULL;
	ledger = need(calloc(1, sizeof(Ledger)));
	ledger->path = path;
	ledger->file = fopen(path, "a");
	if (ledger->file == NULL)
		fail("cannot write the ledger %s", path);
	setvbuf(ledger->file, NULL, _IOFBF, 1 << 16);
	return ledger;
}

void
ledger_start(Ledger *ledger, uint64_t session_id)
{
	if (ledger && fprintf(ledger->file, "s %" PRIu64 "\n", session_id) < 0)
		fail("cannot write the ledger %s", ledger->path);
}

void
ledger_batch(Ledger *ledger, uint64_t session_id, const PartName *part)
{
	if (ledger && fprintf(ledger->file, "w %" PRIu64 " %016" PRIx64 " %" PRIu32 " %" PRIu64 " %" PRIu64 "\n",
						  session_id, part->hash, part->size, part->page_no, part->first_index) < 0)
		fail("cannot write the ledger %s", ledger->path);
}

void
ledger_refusal(Ledger *ledger, int status)
{
	if (ledger && fprintf(ledger->file, "r %" PRId64 " %d\n", wall_ms(), status) < 0)
		fail("cannot write the ledger %s", ledger->path);
}

void
flush_ledger(Ledger *ledger)
{
	if (ledger && fflush(ledger->file) != 0)
		fail("cannot write the ledger %s", ledger->path);
}

void
close_ledger(Ledger *ledger)
{
	if (ledger == NULL)
		return;
	if (fclose(ledger->file) != 0)
		fail("cannot write the ledger %s", ledger->path);
	free(ledger);
}
