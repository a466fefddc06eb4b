/*
 * end.c - sessions end when nothing came for the timeout, by the clock of their lanes
 *
 * "Nothing came" cannot be told from the time of day: after an outage hours of batches may be waiting.  A lane's clock
 * is the arrival of the last entry that was read from it, or the heartbeat its idle writer left.  Clocks are read
 * before the last entries are, so whatever arrived up to a clock has been applied when it is used.  A writer that has
 * been silent for WRITER_SILENCE while it could speak holds nothing back, and where no writer is left at all the time
 * of day is the clock.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "openreplay.h"
#include "pipeline/injection.h"
#include "pipeline/pass.h"

#define WRITER_SILENCE "60 seconds"
#define END_AT_MOST 500			 /* sessions in one transaction */
#define FIND_AT_ONCE 1000		 /* rows */
#define WRONG_CLOCK_DURATION 999 /* ms: marks sessions whose client clock was behind their start */

void
read_lane_clocks(Pipeline *pipeline, LaneClocks *clocks)
{
	SPI_connect();
	SPI_execute("SELECT server_id, max(clock) FROM openreplay.heartbeats"
				" WHERE greatest(noted_at, pg_postmaster_start_time()) > now() - interval '" WRITER_SILENCE "'"
				" GROUP BY server_id",
				false, 0);
	for (int shard = 0; shard < VISIT_SHARDS; shard++)
		clocks->clocks[shard] = DT_NOEND;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		int32 server_id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		TimestampTz clock =
			DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));

		for (int shard = 0; shard < VISIT_SHARDS; shard++)
		{
			Lane *lane = lane_of(pipeline, server_id, (int16) shard);
			TimestampTz lane_clock = lane ? Max(lane->received_at, clock) : clock;

			clocks->clocks[shard] = Min(clocks->clocks[shard], lane_clock);
		}
	}
	for (int shard = 0; shard < VISIT_SHARDS; shard++)
		if (clocks->clocks[shard] == DT_NOEND)
			clocks->clocks[shard] = GetCurrentTimestamp();
	SPI_finish();
}

/* ---- which sessions ---- */

typedef struct IdleSearch
{
	const LaneClocks *clocks;
	int64 *ids;
	int count;
	int size;
} IdleSearch;

static bool
is_idle(const LaneClocks *clocks, int64 session_id, TimestampTz last_received_at)
{
	TimestampTz clock = clocks->clocks[session_shard((uint64) session_id)];

	return clock - last_received_at >= openreplay_session_timeout_s * USECS_PER_SEC;
}

static void
collect_idle(LiveSession *session, void *arg)
{
	IdleSearch *search = arg;

	if (!session->ended && search->count < search->size &&
		is_idle(search->clocks, session->session_id, session->last_received_at))
		search->ids[search->count++] = session->session_id;
}

static void
collect_idle_rows(Pipeline *pipeline, IdleSearch *search)
{
	for (uint64 i = 0; i < SPI_processed && search->count < search->size; i++)
	{
		bool isnull;
		int64 id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		TimestampTz last = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));

		/* memory knows better than the checkpoint */
		if (find_live_session(pipeline->sessions, id) == NULL && is_idle(search->clocks, id, last))
			search->ids[search->count++] = id;
	}
}

/*
 * Those that are not in memory and idle by their checkpoint, which may not know of all that came.  Most rows are of
 * sessions in memory, so they are looked through by and by.
 */
static void
find_idle_checkpoints(Pipeline *pipeline, IdleSearch *search)
{
	Datum shards[VISIT_SHARDS];
	int nshards = 0;
	Oid types[] = {INT2ARRAYOID, TIMESTAMPTZOID};
	Datum arguments[2];
	TimestampTz newest = DT_NOBEGIN;
	Portal cursor;

	for (int shard = 0; shard < VISIT_SHARDS; shard++)
	{
		if ((pipeline->shards & (UINT64CONST(1) << shard)) == 0)
			continue;
		shards[nshards++] = Int16GetDatum(shard);
		newest = Max(newest, search->clocks->clocks[shard]);
	}
	if (nshards == 0)
		return;
	arguments[0] = PointerGetDatum(construct_array(shards, nshards, INT2OID, 2, true, TYPALIGN_SHORT));
	arguments[1] = TimestampTzGetDatum(newest - openreplay_session_timeout_s * USECS_PER_SEC);
	cursor = SPI_cursor_open_with_args(NULL,
									   "SELECT session_id, last_received_at FROM openreplay.live_sessions"
									   " WHERE shard = ANY ($1) AND ended_at IS NULL AND last_received_at <= $2",
									   2, types, arguments, NULL, false, 0);
	do
	{
		SPI_cursor_fetch(cursor, true, FIND_AT_ONCE);
		collect_idle_rows(pipeline, search);
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed == FIND_AT_ONCE && search->count < search->size);
	SPI_cursor_close(cursor);
}

/* ---- ending them ---- */

static int64
duration_of(const LiveSession *session)
{
	int64 duration = session->clock_ms - session->start_ms;

	if (session->clock_ms == 0)
		return 0; /* no message at all */
	if (duration < 0)
		return WRONG_CLOCK_DURATION;
	if (duration == WRONG_CLOCK_DURATION)
		return WRONG_CLOCK_DURATION + 1;
	return Min(duration, PG_INT32_MAX);
}

/* Durations, counters and remains, the recording on its way, the announcement. */
static void
close_sessions(const int64 *ids, const int32 *durations, const Datum *remains, int count)
{
	Oid types[] = {INT8ARRAYOID, INT4ARRAYOID, BYTEAARRAYOID};
	Datum *id_values = palloc(count * sizeof(Datum));
	Datum *duration_values = palloc(count * sizeof(Datum));
	Datum arguments[3];

	for (int i = 0; i < count; i++)
	{
		id_values[i] = Int64GetDatum(ids[i]);
		duration_values[i] = Int32GetDatum(durations[i]);
	}
	arguments[0] = PointerGetDatum(construct_array(id_values, count, INT8OID, 8, true, TYPALIGN_DOUBLE));
	arguments[1] = PointerGetDatum(construct_array(duration_values, count, INT4OID, 4, true, TYPALIGN_INT));
	arguments[2] = PointerGetDatum(construct_array((Datum *) remains, count, BYTEAOID, -1, false, TYPALIGN_INT));
	SPI_execute_with_args("SELECT openreplay.close_sessions($1, $2, $3)", 3, types, arguments, NULL, false, 0);
}

/*
 * A worker that went without a word left checkpoints that do not know of the last batches: what is not idle after all
 * is noted as that, so that the next look passes it over.
 */
static bool
is_still_heard_of(Pass *pass, LiveSession *session, const LaneClocks *clocks)
{
	if (is_idle(clocks, session->session_id, session->last_received_at))
		return false;
	touch_session(pass, session);
	session->checkpoint_now = true;
	return true;
}

static int
end_sessions(Pass *pass, const int64 *ids, int count, const LaneClocks *clocks)
{
	int32 *durations = palloc(Max(count, 1) * sizeof(int32));
	int64 *ended = palloc(Max(count, 1) * sizeof(int64));
	Datum *remains = palloc(Max(count, 1) * sizeof(Datum));
	int nended = 0;
	int nloaded = 0;

	for (int i = 0; i < count; i++)
	{
		LiveSession *session = find_live_session(pass->pipeline->sessions, ids[i]);

		if (session == NULL)
			continue; /* deleted meanwhile, or written by another version */
		nloaded++;
		if (is_still_heard_of(pass, session, clocks))
			continue;
		touch_session(pass, session);
		flush_pages(pass, session);
		flush_detectors(pass, session);
		session->ended = true;
		session->checkpoint_now = true;
		ended[nended] = session->session_id;
		remains[nended] = PointerGetDatum(remains_of(session));
		durations[nended++] = (int32) duration_of(session);
	}
	finish_pass(pass); /* counters are counted from what is written */
	if (nended > 0)
		close_sessions(ended, durations, remains, nended);
	CRASH_POINT("ended");
	pass->entries_done = nloaded;
	return nended;
}

typedef struct EndWork
{
	const LaneClocks *clocks;
	int limit;
	int64 *session_id; /* the session tried, when it is one; given: that and no other */
	bool gives_up;	   /* it is marked as ended, and nothing is written of it */
	int64 *ended;	   /* counts those that ended */
} EndWork;

static void
mark_ended(Pass *pass, int64 session_id)
{
	LiveSession *session = find_live_session(pass->pipeline->sessions, session_id);

	if (session != NULL)
	{
		touch_session(pass, session);
		session->ended = true;
		session->checkpoint_now = true;
	}
	finish_pass(pass);
	pass->entries_done = 1;
}

static void
end_work(Pass *pass, const void *arg)
{
	const EndWork *work = arg;
	int64 *ids = palloc(work->limit * sizeof(int64));
	IdleSearch search = {.clocks = work->clocks, .ids = ids, .size = work->limit};

	if (work->gives_up)
		ids[search.count++] = *work->session_id;
	else
	{
		walk_live_sessions(pass->pipeline->sessions, collect_idle, &search);
		find_idle_checkpoints(pass->pipeline, &search);
	}
	if (search.count == 0)
		return;
	if (work->session_id != NULL)
		*work->session_id = ids[0];
	prepare_sessions(pass, ids, search.count);
	if (work->gives_up)
		mark_ended(pass, ids[0]);
	else
		*work->ended += end_sessions(pass, ids, search.count, work->clocks);
}

/* After a failure: the one that cannot be ended is left as it is, so that the others can. */
static int64
end_singly(Pipeline *pipeline, const LaneClocks *clocks, int64 *ended)
{
	int64 total = 0;
	int64 done;

	do
	{
		int64 session_id = 0;
		EndWork work = {clocks, 1, &session_id, false, ended};
		char *error = NULL;

		done = try_pass(pipeline, end_work, &work, &error);
		if (done < 0)
		{
			ereport(LOG, errmsg("session " INT64_FORMAT " could not be ended: %s", session_id, error),
					errhint("Its duration, counters and recording are not written. They will be if it ends again."));
			work.gives_up = true;
			done = do_pass(pipeline, end_work, &work);
			*ended += done;
		}
		total += done;
	} while (done > 0 && total < END_AT_MOST);
	return total;
}

int64
end_idle_sessions(Pipeline *pipeline, const LaneClocks *clocks, int64 *ended)
{
	EndWork work = {clocks, END_AT_MOST, NULL, false, ended};
	char *error = NULL;
	int64 done = try_pass(pipeline, end_work, &work, &error);

	return done >= 0 ? done : end_singly(pipeline, clocks, ended);
}
