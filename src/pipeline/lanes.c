/*
 * lanes.c - reading what waits in the lanes
 *
 * A lane is written by one connection in the order of seq, so "everything behind my position" misses nothing, whatever
 * commits late.  One statement looks into all lanes of the worker, each by its index, and run-time pruning by
 * received_at keeps it to the newest partitions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pipeline/pass.h"

static SPIPlanPtr
keep_plan(SPIPlanPtr *plan, const char *sql, int nargs, Oid *types)
{
	if (*plan == NULL)
	{
		*plan = SPI_prepare(sql, nargs, types);
		if (*plan == NULL)
			elog(ERROR, "cannot prepare a statement: %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(*plan);
	}
	return *plan;
}

static int64
int64_column(uint64 row, int column)
{
	bool isnull;

	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull));
}

static int32
int32_column(uint64 row, int column)
{
	bool isnull;

	return DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull));
}

Lane *
lane_of(Pipeline *pipeline, int32 server_id, int16 shard)
{
	Lanes *lanes = &pipeline->lanes;

	for (int i = 0; i < lanes->count; i++)
		if (lanes->lanes[i].shard == shard && lanes->lanes[i].server_id == server_id)
			return &lanes->lanes[i];
	return NULL;
}

static void
add_lane(Pipeline *pipeline, int32 server_id, int16 shard, int64 seq, TimestampTz received_at)
{
	Lanes *lanes = &pipeline->lanes;

	if (lanes->count == lanes->allocated)
	{
		int size = lanes->allocated ? lanes->allocated * 2 : VISIT_SHARDS;

		lanes->lanes = lanes->lanes ? repalloc(lanes->lanes, size * sizeof(Lane))
									: MemoryContextAlloc(pipeline->context, size * sizeof(Lane));
		lanes->allocated = size;
	}
	lanes->lanes[lanes->count++] =
		(Lane){.server_id = server_id, .shard = shard, .seq = seq, .received_at = received_at};
}

/* Adds the lanes of servers not known yet, at their positions. */
void
find_new_lanes(Pipeline *pipeline)
{
	static SPIPlanPtr plan;

	SPI_execute_plan(
		keep_plan(&plan,
				  "SELECT v.server_id, n.shard::int4, coalesce(p.seq, 0), coalesce(p.received_at, '-infinity')"
				  " FROM openreplay.servers v CROSS JOIN generate_series(0, 63) n (shard)"
				  " LEFT JOIN LATERAL (SELECT q.seq, q.received_at FROM openreplay.passes q"
				  " WHERE q.server_id = v.server_id AND q.shard = n.shard ORDER BY q.seq DESC LIMIT 1) p ON true"
				  " ORDER BY v.server_id, n.shard",
				  0, NULL),
		NULL, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		int32 server_id = int32_column(i, 1);
		int16 shard = (int16) int32_column(i, 2);

		if ((pipeline->shards & (UINT64CONST(1) << shard)) == 0)
			continue;
		if (lane_of(pipeline, server_id, shard) == NULL)
			add_lane(pipeline, server_id, shard, int64_column(i, 3),
					 DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 4, &isnull)));
	}
}

void
read_lane_positions(Pipeline *pipeline)
{
	pipeline->lanes.count = 0;
	find_new_lanes(pipeline);
}

static Datum
array_of(Datum *values, int count, Oid type, int len, char align)
{
	return PointerGetDatum(construct_array(values, count, type, len, len <= 8, align));
}

#define ENTRY_COLUMNS "b.seq, b.session_id, b.received_at, b.server_id, b.shard::int4, b.kind, b.body"

/* Copies the rows of the last statement into the memory of the pass. */
static Entry *
copy_entries(Pass *pass, int *count)
{
	Entry *entries = MemoryContextAlloc(pass->context, Max(SPI_processed, 1) * sizeof(Entry));

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool isnull;
		struct varlena *body = (struct varlena *) DatumGetPointer(SPI_getbinval(tuple, desc, 7, &isnull));
		Entry *entry = &entries[i];

		entry->seq = int64_column(i, 1);
		entry->session_id = int64_column(i, 2);
		entry->received_at = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 3, &isnull));
		entry->server_id = int32_column(i, 4);
		entry->shard = (int16) int32_column(i, 5);
		entry->kind = DatumGetChar(SPI_getbinval(tuple, desc, 6, &isnull));
		/* a toast pointer stays one until its entry's turn */
		entry->body = MemoryContextAlloc(pass->context, VARSIZE_ANY(body));
		memcpy(entry->body, body, VARSIZE_ANY(body));
	}
	*count = (int) SPI_processed;
	SPI_freetuptable(SPI_tuptable);
	return entries;
}

/* Where an entry's lane is among the lanes. */
static int
place_of(const Lanes *lanes, const Entry *entry)
{
	int place = 0;

	while (lanes->lanes[place].server_id != entry->server_id || lanes->lanes[place].shard != entry->shard)
		place++;
	return place;
}

void
read_entries(Pass *pass, int limit)
{
	static SPIPlanPtr plan;
	static Oid types[] = {INT4ARRAYOID, INT2ARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, INT4OID, INT4OID};
	Lanes *lanes = &pass->pipeline->lanes;
	Datum *servers = palloc(lanes->count * sizeof(Datum));
	Datum *shards = palloc(lanes->count * sizeof(Datum));
	Datum *seqs = palloc(lanes->count * sizeof(Datum));
	Datum *times = palloc(lanes->count * sizeof(Datum));
	Datum arguments[6];

	pass->nentries = 0;
	if (lanes->count == 0)
		return;
	for (int i = 0; i < lanes->count; i++)
	{
		const Lane *lane = &lanes->lanes[(lanes->first + i) % lanes->count];

		servers[i] = Int32GetDatum(lane->server_id);
		shards[i] = Int16GetDatum(lane->shard);
		seqs[i] = Int64GetDatum(lane->seq);
		times[i] = TimestampTzGetDatum(lane->received_at);
	}
	arguments[0] = array_of(servers, lanes->count, INT4OID, 4, TYPALIGN_INT);
	arguments[1] = array_of(shards, lanes->count, INT2OID, 2, TYPALIGN_SHORT);
	arguments[2] = array_of(seqs, lanes->count, INT8OID, 8, TYPALIGN_DOUBLE);
	arguments[3] = array_of(times, lanes->count, TIMESTAMPTZOID, 8, TYPALIGN_DOUBLE);
	arguments[4] = Int32GetDatum(Max(limit / 8, 1)); /* no lane takes more than an eighth of a pass */
	arguments[5] = Int32GetDatum(limit);

	SPI_execute_plan(keep_plan(&plan,
							   "SELECT " ENTRY_COLUMNS
							   " FROM unnest($1, $2, $3, $4) AS l (server_id, shard, seq, received_at)"
							   " CROSS JOIN LATERAL (SELECT * FROM openreplay.batches c WHERE c.server_id = l.server_id"
							   " AND c.shard = l.shard AND c.seq > l.seq AND c.received_at >= l.received_at"
							   " ORDER BY c.seq LIMIT $5) b LIMIT $6",
							   6, types),
					 arguments, NULL, false, 0);
	pass->entries = copy_entries(pass, &pass->nentries);

	/* the next pass begins behind the lane where this one had to stop */
	if (pass->nentries == limit)
		lanes->first = (place_of(lanes, &pass->entries[pass->nentries - 1]) + 1) % lanes->count;
}

void
leave_entries(Pass *pass, int from)
{
	pass->pipeline->lanes.first = place_of(&pass->pipeline->lanes, &pass->entries[from]);
	pass->nentries = from;
}

/* The ids as an array, and since when entries of these sessions may have been received. */
static void
put_session_arguments(Datum *arguments, const int64 *session_ids, int count)
{
	Datum *ids = palloc(count * sizeof(Datum));
	int64 oldest = session_ids[0];

	for (int i = 0; i < count; i++)
	{
		ids[i] = Int64GetDatum(session_ids[i]);
		oldest = Min(oldest, session_ids[i]);
	}
	arguments[0] = array_of(ids, count, INT8OID, 8, TYPALIGN_DOUBLE);
	/* nothing of a session is received before it exists; a day allows for clocks that disagree */
	arguments[1] = TimestampTzGetDatum(MS_TO_TIMESTAMP(session_id_ms((uint64) oldest)) - USECS_PER_DAY);
}

Entry *
read_entries_of(Pass *pass, const int64 *session_ids, int count, bool from_parked, int *nentries)
{
	static SPIPlanPtr all_plan;
	static SPIPlanPtr parked_plan;
	static Oid types[] = {INT8ARRAYOID, TIMESTAMPTZOID};
	Datum arguments[2];

	put_session_arguments(arguments, session_ids, count);
	if (from_parked)
		SPI_execute_plan(
			keep_plan(&parked_plan,
					  "WITH p AS (DELETE FROM openreplay.parked_batches WHERE session_id = ANY ($1) RETURNING *)"
					  " SELECT " ENTRY_COLUMNS
					  " FROM p JOIN openreplay.batches b USING (server_id, shard, seq, received_at)"
					  " WHERE b.received_at >= $2 ORDER BY b.received_at, b.server_id, b.seq",
					  2, types),
			arguments, NULL, false, 0);
	else
		SPI_execute_plan(keep_plan(&all_plan,
								   "SELECT " ENTRY_COLUMNS " FROM openreplay.batches b WHERE b.session_id = ANY ($1)"
								   " AND b.received_at >= $2 ORDER BY b.received_at, b.server_id, b.seq",
								   2, types),
						 arguments, NULL, false, 0);
	return copy_entries(pass, nentries);
}

Entry *
read_unapplied_entries(Pass *pass, const int64 *session_ids, int count, int *nentries)
{
	static SPIPlanPtr plan;
	static Oid types[] = {INT8ARRAYOID, TIMESTAMPTZOID, INT8ARRAYOID, INT4ARRAYOID, INT8ARRAYOID};
	Datum *ids = palloc(count * LIVE_MAX_LANES * sizeof(Datum));
	Datum *servers = palloc(count * LIVE_MAX_LANES * sizeof(Datum));
	Datum *seqs = palloc(count * LIVE_MAX_LANES * sizeof(Datum));
	int npositions = 0;
	Datum arguments[5];

	for (int i = 0; i < count; i++)
	{
		LiveSession *session = find_live_session(pass->pipeline->sessions, session_ids[i]);

		for (int j = 0; j < session->nlanes; j++)
		{
			ids[npositions] = Int64GetDatum(session->session_id);
			servers[npositions] = Int32GetDatum(session->lanes[j].server_id);
			seqs[npositions++] = Int64GetDatum(session->lanes[j].seq);
		}
	}
	put_session_arguments(arguments, session_ids, count);
	arguments[2] = array_of(ids, npositions, INT8OID, 8, TYPALIGN_DOUBLE);
	arguments[3] = array_of(servers, npositions, INT4OID, 4, TYPALIGN_INT);
	arguments[4] = array_of(seqs, npositions, INT8OID, 8, TYPALIGN_DOUBLE);
	SPI_execute_plan(keep_plan(&plan,
							   "SELECT " ENTRY_COLUMNS " FROM openreplay.batches b WHERE b.session_id = ANY ($1)"
							   " AND b.received_at >= $2 AND NOT EXISTS (SELECT FROM unnest($3, $4, $5)"
							   " AS applied (session_id, server_id, seq) WHERE applied.session_id = b.session_id"
							   " AND applied.server_id = b.server_id AND applied.seq >= b.seq)"
							   " ORDER BY b.received_at, b.server_id, b.seq",
							   5, types),
					 arguments, NULL, false, 0);
	return copy_entries(pass, nentries);
}
