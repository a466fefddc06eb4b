/*
 * isolate.c - the one entry that makes a pass fail is found and put aside, its neighbours lose nothing
 *
 * Entries are tried one by one.  A start brings with it all that waited for it, so when that fails the start is tried
 * alone, and what waited one after the other behind it.
 */
#include "postgres.h"

#include "pipeline/pass.h"

/*
 * Puts the next entry aside: it is kept with the broken ones and no longer among the batches, where it would make the
 * session's state fail too whenever it is derived again.
 */
static void
put_aside_work(Pass *pass, const void *arg)
{
	const char *reason = arg;

	read_entries(pass, 1);
	if (pass->nentries == 1)
	{
		Entry *entry = &pass->entries[0];
		Lane *lane = lane_of(pass->pipeline, entry->server_id, entry->shard);

		lane->entries++;
		lane->seq = entry->seq;
		lane->received_at = Max(lane->received_at, entry->received_at);
		report_broken(pass, entry, reason, 0);
		discard(pass, entry);
		put_positions(pass, 0);
		finish_pass(pass);
		pass->entries_done = 1;
	}
}

/* ---- what waited for a session ---- */

typedef struct ParkedWork
{
	int64 session_id;
	const char *reason; /* why the next one is put aside; NULL: it is applied */
} ParkedWork;

static void
one_parked_work(Pass *pass, const void *arg)
{
	const ParkedWork *work = arg;
	int64 session_id = work->session_id;
	Entry *entries;
	int nentries;

	prepare_sessions(pass, &session_id, 1);
	if (find_live_session(pass->pipeline->sessions, session_id) == NULL)
		return;
	entries = read_entries_of(pass, &session_id, 1, true, &nentries);
	if (nentries == 0)
		return;
	pass->parked = MemoryContextAlloc(pass->context, nentries * sizeof(Entry *));
	if (work->reason == NULL)
		process_or_park(pass, &entries[0]);
	else
	{
		report_broken(pass, &entries[0], work->reason, 0);
		discard(pass, &entries[0]);
	}
	for (int i = 1; i < nentries; i++)
		pass->parked[pass->nparked++] = &entries[i];
	finish_pass(pass);
	pass->entries_done = 1;
}

static void
apply_parked_singly(Pipeline *pipeline, int64 session_id)
{
	int64 done;

	do
	{
		ParkedWork work = {session_id, NULL};
		char *error = NULL;

		done = try_pass(pipeline, one_parked_work, &work, &error);
		if (done < 0)
		{
			ereport(LOG, errmsg("an entry could not be processed and is kept as broken: %s", error));
			work.reason = error;
			done = do_pass(pipeline, one_parked_work, &work);
		}
	} while (done > 0);
}

/* The next entry once more, now without what waits for it. */
static int64
try_without_parked(Pipeline *pipeline, char **error)
{
	int one = 1;
	int64 done;

	pipeline->started = 0;
	pipeline->leave_parked = true;
	done = try_pass(pipeline, ordinary_work, &one, error);
	pipeline->leave_parked = false;
	if (done > 0 && pipeline->started != 0)
		apply_parked_singly(pipeline, pipeline->started);
	return done;
}

/* ---- one by one ---- */

int64
isolate_fault(Pipeline *pipeline, int limit)
{
	int64 total = 0;

	for (int i = 0; i < limit; i++)
	{
		int one = 1;
		char *error = NULL;
		int64 done = try_pass(pipeline, ordinary_work, &one, &error);

		if (done == 0)
			break;
		if (done < 0)
			done = try_without_parked(pipeline, &error);
		if (done < 0)
		{
			ereport(LOG, errmsg("an entry could not be processed and is kept as broken: %s", error));
			return total + do_pass(pipeline, put_aside_work, error);
		}
		total += done;
	}
	return total;
}
