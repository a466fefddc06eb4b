/*
 * parked.c - entries that came before their session
 *
 * A session's lane can bring a batch before the start entry: several servers, a start that was spooled.  Such an entry
 * is noted in openreplay.parked_batches, and applied right after its session's start.
 */
#include "postgres.h"

#include "pipeline/pass.h"

void
process_or_park(Pass *pass, const Entry *entry)
{
	LiveSession *session = find_live_session(pass->pipeline->sessions, entry->session_id);

	if (session != NULL)
		apply_entry(pass, session, entry, true);
	else
		pass->parked[pass->nparked++] = entry;
}

void
process_parked(Pass *pass, int64 session_id)
{
	int nentries = 0;
	Entry *entries = is_awaited(pass, session_id) ? read_entries_of(pass, &session_id, 1, true, &nentries) : NULL;

	for (int i = 0; i < nentries; i++)
		process_or_park(pass, &entries[i]);
	for (int i = 0; i < pass->nparked; i++)
	{
		const Entry *entry = pass->parked[i];

		if (entry == NULL || entry->session_id != session_id)
			continue;
		pass->parked[i] = NULL;
		process_or_park(pass, entry);
	}
}

void
put_parked(Pass *pass)
{
	for (int i = 0; i < pass->nparked; i++)
	{
		const Entry *entry = pass->parked[i];

		if (entry == NULL)
			continue;
		lane_of(pass->pipeline, entry->server_id, entry->shard)->parked++;
		row_start(pass->rows, ROWS_PARKED);
		put_int64(pass->rows, entry->session_id);
		put_int32(pass->rows, entry->server_id);
		put_int16(pass->rows, entry->shard);
		put_int64(pass->rows, entry->seq);
		put_timestamp(pass->rows, entry->received_at);
	}
	pass->nparked = 0;
}
