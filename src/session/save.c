/*
 * save.c - checkpoints outside of passes, and sessions that leave memory
 *
 * A pass writes the checkpoints of what it touched when they are due; here are those of sessions that leave memory, and
 * who leaves.  A session needs no memory once it is silent for a while, or earlier when others need the room: its
 * checkpoint holds all that memory knew, and its next batch brings it back.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "openreplay.h"
#include "pipeline/pass.h"

#define SAVE_AT_MOST 1000	  /* checkpoints in one transaction */
#define EVICT_AFTER_MS 300000 /* a session silent for this long needs no memory */

/* ---- who stays ---- */

typedef struct HeardOf
{
	TimestampTz *times;
	int count;
} HeardOf;

static void
note_heard_of(LiveSession *session, void *arg)
{
	HeardOf *heard = arg;

	heard->times[heard->count++] = session->last_received_at;
}

static int
compare_times(const void *a, const void *b)
{
	TimestampTz x = *(const TimestampTz *) a;
	TimestampTz y = *(const TimestampTz *) b;

	return (x > y) - (x < y);
}

/* Adding up the memory looks at every session, so it is done when many have come. */
bool
memory_is_short(Pipeline *pipeline)
{
	long count = count_live_sessions(pipeline->sessions);

	if (count < pipeline->weighed_sessions + pipeline->weighed_sessions / 8 + 500)
		return false;
	pipeline->weighed_sessions = count;
	return live_sessions_bytes(pipeline->sessions) > (Size) openreplay_worker_memory_kb * 1024;
}

TimestampTz
memory_horizon(Pipeline *pipeline)
{
	TimestampTz silent = GetCurrentTimestamp() - EVICT_AFTER_MS * INT64CONST(1000);
	Size limit = (Size) openreplay_worker_memory_kb * 1024;
	Size bytes = live_sessions_bytes(pipeline->sessions);
	HeardOf heard = {0};
	TimestampTz last_to_go;

	if (bytes <= limit)
		return silent;
	/* three quarters of what fits stay; equals of the last one to go, go too, so that some always do */
	heard.times = palloc(count_live_sessions(pipeline->sessions) * sizeof(TimestampTz));
	walk_live_sessions(pipeline->sessions, note_heard_of, &heard);
	qsort(heard.times, heard.count, sizeof(TimestampTz), compare_times);
	last_to_go = heard.times[heard.count - 1 - (int) (0.75 * limit / bytes * heard.count)];
	pfree(heard.times);
	return Max(silent, last_to_go + 1);
}

/* ---- checkpoints ---- */

typedef struct DueSearch
{
	TimestampTz horizon;
	int64 *ids;
	int count;
} DueSearch;

static void
collect_due(LiveSession *session, void *arg)
{
	DueSearch *search = arg;

	if (session->dirty && search->count < SAVE_AT_MOST && session->last_received_at < search->horizon)
		search->ids[search->count++] = session->session_id;
}

static void
save_work(Pass *pass, const void *arg)
{
	DueSearch search = {
		.horizon = *(const TimestampTz *) arg,
		.ids = MemoryContextAlloc(pass->context, SAVE_AT_MOST * sizeof(int64)),
	};

	walk_live_sessions(pass->pipeline->sessions, collect_due, &search);
	/* a checkpoint of a session that was deleted would bring it back */
	prepare_sessions(pass, search.ids, search.count);
	for (int i = 0; i < search.count; i++)
	{
		LiveSession *session = find_live_session(pass->pipeline->sessions, search.ids[i]);

		if (session != NULL)
			checkpoint_session(session, pass->rows);
	}
	finish_pass(pass);
	pass->entries_done = search.count;
}

int64
save_checkpoints(Pipeline *pipeline, TimestampTz horizon)
{
	return do_pass(pipeline, save_work, &horizon);
}

/* ---- leaving memory ---- */

typedef struct Eviction
{
	Pipeline *pipeline;
	TimestampTz horizon;
} Eviction;

static void
evict(LiveSession *session, void *arg)
{
	Eviction *eviction = arg;

	if (!session->dirty && session->last_received_at < eviction->horizon)
		forget_live_session(eviction->pipeline->sessions, session->session_id);
}

void
evict_sessions(Pipeline *pipeline, TimestampTz horizon)
{
	Eviction eviction = {pipeline, horizon};

	walk_live_sessions(pipeline->sessions, evict, &eviction);
	pipeline->weighed_sessions = count_live_sessions(pipeline->sessions);
}
