/*
 * pass.c - one pass: what waits in the lanes becomes rows, in one transaction
 *
 * Rows, positions and checkpoints commit together, so a batch takes effect exactly once, whenever we are killed.  A
 * pass runs in a subtransaction: when some entry makes it fail, everything is undone, and isolate.c finds the one.
 */
#include "postgres.h"

#include <zstd.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "pipeline/injection.h"
#include "pipeline/pass.h"

/* A pass ends before the entry that would be one too many: a transaction stays short and its rows fit in memory. */
#ifndef PASS_ENTRIES
#define PASS_ENTRIES 1000
#endif
#define PASS_BYTES ((size_t) 64 * 1024 * 1024)
#define PASS_MS 1000
#define KEPT_BUFFER_BYTES (8 * 1024 * 1024)

/* ---- entries ---- */

bool
inflate_entry(Pass *pass, const Entry *entry, const uint8 **data, size_t *len, const char **reason)
{
	MemoryContext old = MemoryContextSwitchTo(pass->entry_context);
	bytea *body = (bytea *) PG_DETOAST_DATUM_PACKED(PointerGetDatum(entry->body));
	unsigned long long size = ZSTD_getFrameContentSize(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body));
	size_t result;

	MemoryContextSwitchTo(old);
	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
	{
		*reason = "the stored body is no zstd frame with a content size";
		return false;
	}
	if (size > WIRE_BODY_MAX)
	{
		*reason = "the body is larger than 64 MiB";
		return false;
	}
	if (size + 1 > pass->buffer_size)
	{
		if (pass->buffer != NULL)
			pfree(pass->buffer);
		pass->buffer_size = Max(size + 1, 256 * 1024);
		pass->buffer = MemoryContextAllocHuge(pass->context, pass->buffer_size);
	}
	result = ZSTD_decompress(pass->buffer, pass->buffer_size, VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body));
	if (ZSTD_isError(result))
	{
		*reason = "the stored body cannot be inflated";
		return false;
	}
	pass->inflated_bytes += result;
	*data = pass->buffer;
	*len = result;
	return true;
}

void
report_broken(Pass *pass, const Entry *entry, const char *reason, int messages_kept)
{
	Lane *lane = lane_of(pass->pipeline, entry->server_id, entry->shard);
	MemoryContext old = MemoryContextSwitchTo(pass->context);
	bytea *body = (bytea *) PG_DETOAST_DATUM_PACKED(PointerGetDatum(entry->body));
	char kind[2] = {entry->kind, '\0'};

	MemoryContextSwitchTo(old);
	if (lane != NULL)
		lane->broken++;
	row_start(pass->rows, ROWS_BROKEN);
	put_timestamp(pass->rows, entry->received_at);
	put_int64(pass->rows, entry->session_id);
	put_int64(pass->rows, entry->seq);
	put_int32(pass->rows, entry->server_id);
	put_int32(pass->rows, messages_kept);
	put_int16(pass->rows, entry->shard);
	put_cstring(pass->rows, kind);
	put_cstring(pass->rows, reason);
	put_bytes(pass->rows, VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body));
}

void
discard(Pass *pass, const Entry *entry)
{
	if (pass->discarded == NULL)
		pass->discarded = MemoryContextAlloc(pass->context, 16 * sizeof(Entry));
	else if (pass->ndiscarded >= 16 && (pass->ndiscarded & (pass->ndiscarded - 1)) == 0)
		pass->discarded = repalloc(pass->discarded, 2 * pass->ndiscarded * sizeof(Entry));
	pass->discarded[pass->ndiscarded++] = *entry;
}

void
report_duplicate(Pass *pass, const Entry *entry)
{
	Lane *lane = lane_of(pass->pipeline, entry->server_id, entry->shard);

	discard(pass, entry);
	if (lane != NULL)
		lane->duplicates++;
}

/* Nothing that comes late brings a deleted session back. */
static void
drop(Pass *pass, const Entry *entry, Lane *lane)
{
	discard(pass, entry);
	lane->dropped++;
}

/* ---- one entry ---- */

/*
 * Images are part of the recording only: openreplay.images() reads them where they are.  After the end they make it be
 * stored again.
 */
static void
note_images(Pass *pass, const Entry *entry)
{
	LiveSession *session = find_live_session(pass->pipeline->sessions, entry->session_id);

	if (session == NULL)
		return;
	touch_session(pass, session);
	open_again(session);
}

static void
process_entry(Pass *pass, const Entry *entry)
{
	Lane *lane = lane_of(pass->pipeline, entry->server_id, entry->shard);
	const char *reason;

	lane->entries++;
	lane->seq = entry->seq;
	lane->received_at = Max(lane->received_at, entry->received_at);
	if (is_deleted(pass, entry->session_id))
	{
		drop(pass, entry, lane);
		return;
	}
	switch (entry->kind)
	{
		case ENTRY_START:
			if (!start_session(pass, entry, &reason))
				report_broken(pass, entry, reason, 0);
			else if (pass->pipeline->leave_parked)
				pass->pipeline->started = entry->session_id;
			else
				process_parked(pass, entry->session_id);
			break;
		case ENTRY_WEB:
		case ENTRY_MOBILE:
		case ENTRY_SIGNAL:
		case ENTRY_ANALYTICS:
			process_or_park(pass, entry);
			break;
		case ENTRY_CANVAS:
		case ENTRY_SCREENSHOTS:
			note_images(pass, entry);
			break;
		default:
			report_broken(pass, entry, "unknown kind of entry", 0);
	}
	MemoryContextReset(pass->entry_context);
}

/* ---- the pass ---- */

static struct HTAB *
int_keyed_table(MemoryContext context, const char *name, Size keysize, Size entrysize)
{
	HASHCTL control = {.keysize = keysize, .entrysize = entrysize, .hcxt = context};

	return hash_create(name, 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static Pass *
begin_pass(Pipeline *pipeline)
{
	MemoryContext context = AllocSetContextCreate(pipeline->context, "openreplay pass", ALLOCSET_DEFAULT_SIZES);
	Pass *pass = MemoryContextAllocZero(context, sizeof(Pass));

	pass->pipeline = pipeline;
	pass->context = context;
	pass->entry_context = AllocSetContextCreate(context, "openreplay entry", ALLOCSET_DEFAULT_SIZES);
	pass->rows = create_rows(context);
	pass->projects = int_keyed_table(context, "projects", sizeof(int32), sizeof(Project));
	return pass;
}

void
touch_session(Pass *pass, LiveSession *session)
{
	if (pass->ntouched > 0 && pass->touched[pass->ntouched - 1] == session->session_id)
		return;
	if (session->ended)
	{
		pass->ended = pass->ended ? repalloc(pass->ended, (pass->nended + 1) * sizeof(int64))
								  : MemoryContextAlloc(pass->context, sizeof(int64));
		pass->ended[pass->nended++] = session->session_id;
	}
	if (pass->ntouched == pass->touched_size)
	{
		pass->touched_size = pass->touched_size ? pass->touched_size * 2 : 64;
		pass->touched = pass->touched ? repalloc(pass->touched, pass->touched_size * sizeof(int64))
									  : MemoryContextAlloc(pass->context, pass->touched_size * sizeof(int64));
	}
	pass->touched[pass->ntouched++] = session->session_id;
}

/* Checkpoints of the sessions of this pass: those that are due, all where nothing stays in memory. */
static void
put_checkpoints(Pass *pass)
{
	for (int i = 0; i < pass->ntouched; i++)
	{
		LiveSession *session = find_live_session(pass->pipeline->sessions, pass->touched[i]);

		if (session != NULL && (checkpoint_is_due(session) || (session->dirty && !pass->pipeline->keeps_state)))
			checkpoint_session(session, pass->rows);
	}
}

/* What was opened again has no valid sequence until it ends the next time. */
static void
forget_sequences(Pass *pass)
{
	Oid types[] = {INT8ARRAYOID};
	Datum *ids = palloc(Max(pass->nended, 1) * sizeof(Datum));
	Datum arguments[1];
	int n = 0;

	for (int i = 0; i < pass->nended; i++)
	{
		LiveSession *session = find_live_session(pass->pipeline->sessions, pass->ended[i]);

		if (session != NULL && !session->ended)
			ids[n++] = Int64GetDatum(pass->ended[i]);
	}
	if (n == 0)
		return;
	arguments[0] = PointerGetDatum(construct_array(ids, n, INT8OID, 8, true, TYPALIGN_DOUBLE));
	SPI_execute_with_args("SELECT openreplay.forget_session_events($1)", 1, types, arguments, NULL, false, 0);
}

static void
delete_discarded(Pass *pass)
{
	static SPIPlanPtr plan;
	Oid types[] = {INT4ARRAYOID, INT2ARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID};
	int n = pass->ndiscarded;
	Datum *columns[4];
	Datum arguments[4];

	if (n == 0)
		return;
	for (int c = 0; c < 4; c++)
		columns[c] = palloc(n * sizeof(Datum));
	for (int i = 0; i < n; i++)
	{
		columns[0][i] = Int32GetDatum(pass->discarded[i].server_id);
		columns[1][i] = Int16GetDatum(pass->discarded[i].shard);
		columns[2][i] = Int64GetDatum(pass->discarded[i].seq);
		columns[3][i] = TimestampTzGetDatum(pass->discarded[i].received_at);
	}
	arguments[0] = PointerGetDatum(construct_array(columns[0], n, INT4OID, 4, true, TYPALIGN_INT));
	arguments[1] = PointerGetDatum(construct_array(columns[1], n, INT2OID, 2, true, TYPALIGN_SHORT));
	arguments[2] = PointerGetDatum(construct_array(columns[2], n, INT8OID, 8, true, TYPALIGN_DOUBLE));
	arguments[3] = PointerGetDatum(construct_array(columns[3], n, TIMESTAMPTZOID, 8, true, TYPALIGN_DOUBLE));
	if (plan == NULL)
	{
		plan = SPI_prepare(
			"DELETE FROM openreplay.batches b USING unnest($1, $2, $3, $4) AS d (server_id, shard, seq, received_at)"
			" WHERE b.server_id = d.server_id AND b.shard = d.shard AND b.seq = d.seq"
			" AND b.received_at = d.received_at",
			4, types);
		SPI_keepplan(plan);
	}
	SPI_execute_plan(plan, arguments, NULL, false, 0);
}

void
put_positions(Pass *pass, double elapsed_ms)
{
	Lanes *lanes = &pass->pipeline->lanes;

	for (int i = 0; i < lanes->count; i++)
	{
		Lane *lane = &lanes->lanes[i];

		if (lane->entries == 0)
			continue;
		row_start(pass->rows, ROWS_PASSES);
		put_int64(pass->rows, lane->seq);
		put_timestamp(pass->rows, lane->received_at);
		put_int64(pass->rows, lane->messages);
		put_int64(pass->rows, lane->bytes);
		put_int32(pass->rows, lane->server_id);
		put_int32(pass->rows, lane->entries);
		put_int32(pass->rows, lane->duplicates);
		put_int32(pass->rows, lane->broken);
		put_int32(pass->rows, lane->parked);
		put_int32(pass->rows, lane->dropped);
		put_int32(pass->rows, pass->rows_written);
		put_int32(pass->rows, pass->rows_known);
		put_float4(pass->rows, (float) elapsed_ms);
		put_int16(pass->rows, lane->shard);
	}
}

static void
reset_lane_counts(Pipeline *pipeline)
{
	for (int i = 0; i < pipeline->lanes.count; i++)
	{
		Lane *lane = &pipeline->lanes.lanes[i];

		lane->entries = lane->duplicates = lane->broken = lane->parked = lane->dropped = 0;
		lane->messages = lane->bytes = 0;
	}
}

void
finish_pass(Pass *pass)
{
	put_identities(pass);
	put_checkpoints(pass);
	forget_sequences(pass);
	put_parked(pass);
	write_rows(pass->rows, &pass->rows_written, &pass->rows_known);
	delete_discarded(pass);
	CRASH_POINT("discarded");
}

static bool
is_full(const Pass *pass, const instr_time *start)
{
	instr_time elapsed;

	if (pass->inflated_bytes >= PASS_BYTES)
		return true;
	INSTR_TIME_SET_CURRENT(elapsed);
	INSTR_TIME_SUBTRACT(elapsed, *start);
	return INSTR_TIME_GET_MILLISEC(elapsed) >= PASS_MS;
}

void
ordinary_work(Pass *pass, const void *arg)
{
	int limit = *(const int *) arg;
	instr_time start;
	instr_time elapsed;

	INSTR_TIME_SET_CURRENT(start);
	read_entries(pass, limit);
	if (pass->nentries == 0)
		return;
	CRASH_POINT("read");
	pass->parked = MemoryContextAlloc(pass->context, pass->nentries * sizeof(Entry *));
	prepare_sessions_of_pass(pass);
	CRASH_POINT("prepared");
	for (int i = 0; i < pass->nentries; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i > 0 && is_full(pass, &start))
			leave_entries(pass, i);
		else
			process_entry(pass, &pass->entries[i]);
		CRASH_POINT("applied");
	}
	finish_pass(pass);
	INSTR_TIME_SET_CURRENT(elapsed);
	INSTR_TIME_SUBTRACT(elapsed, start);
	put_positions(pass, INSTR_TIME_GET_MILLISEC(elapsed));
	write_rows(pass->rows, &pass->rows_written, &pass->rows_known);
	pass->entries_done = pass->nentries;
}

/* Faults of the moment, not of an entry: the same pass may succeed later. */
static bool
is_transient(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case MAKE_SQLSTATE('4', '0', '0', '0', '0'): /* transaction rollback: deadlock, serialization */
		case MAKE_SQLSTATE('5', '3', '0', '0', '0'): /* insufficient resources: disk full, out of memory */
		case MAKE_SQLSTATE('5', '5', '0', '0', '0'): /* lock not available */
		case MAKE_SQLSTATE('5', '7', '0', '0', '0'): /* operator intervention: cancel, shutdown */
		case MAKE_SQLSTATE('5', '8', '0', '0', '0'): /* system errors */
		case MAKE_SQLSTATE('4', '2', '0', '0', '0'): /* a missing table or right: nothing an entry could cause */
			return true;
	}
	return false;
}

int64
try_pass(Pipeline *pipeline, PassWork work, const void *arg, char **error)
{
	MemoryContext old_context = CurrentMemoryContext;
	ResourceOwner old_owner = CurrentResourceOwner;
	Lanes saved = pipeline->lanes;
	Pass *volatile pass = NULL;
	int64 done;

	saved.lanes = MemoryContextAlloc(pipeline->context, Max(saved.count, 1) * sizeof(Lane));
	if (saved.count > 0)
		memcpy(saved.lanes, pipeline->lanes.lanes, saved.count * sizeof(Lane));

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		MemoryContextSwitchTo(old_context);
		SPI_connect();
		pass = begin_pass(pipeline);
		work(pass, arg);
		SPI_finish();
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(old_context);
		CurrentResourceOwner = old_owner;
		done = pass->entries_done;
	}
	PG_CATCH();
	{
		ErrorData *data;

		MemoryContextSwitchTo(old_context);
		data = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(old_context);
		CurrentResourceOwner = old_owner;

		/* memory is ahead of the tables now */
		forget_all_live_sessions(pipeline->sessions);
		hash_destroy(pipeline->suggestions);
		pipeline->suggestions = int_keyed_table(pipeline->context, "suggestions", sizeof(uint64), sizeof(uint64));
		memcpy(pipeline->lanes.lanes, saved.lanes, saved.count * sizeof(Lane));
		pipeline->lanes.count = saved.count;
		pipeline->lanes.first = saved.first;
		if (error == NULL || is_transient(data->sqlerrcode))
			ReThrowError(data);
		*error = pstrdup(data->message);
		FreeErrorData(data);
		done = -1;
	}
	PG_END_TRY();

	pfree(saved.lanes);
	reset_lane_counts(pipeline);
	if (pass != NULL)
		MemoryContextDelete(pass->context);
	if (!pipeline->keeps_state)
		forget_all_live_sessions(pipeline->sessions);
	return done;
}

int64
do_pass(Pipeline *pipeline, PassWork work, const void *arg)
{
	return try_pass(pipeline, work, arg, NULL);
}

int64
run_pass(Pipeline *pipeline)
{
	int limit = PASS_ENTRIES;
	char *error = NULL;
	int64 done = try_pass(pipeline, ordinary_work, &limit, &error);

	return done >= 0 ? done : isolate_fault(pipeline, PASS_ENTRIES);
}

Pipeline *
create_pipeline(MemoryContext parent, uint64 shards, bool keeps_state)
{
	MemoryContext context = AllocSetContextCreate(parent, "openreplay pipeline", ALLOCSET_DEFAULT_SIZES);
	Pipeline *pipeline = MemoryContextAllocZero(context, sizeof(Pipeline));

	if (GetDatabaseEncoding() != PG_UTF8)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("openreplay needs a database with encoding UTF8"),
				errhint("Create the database with ENCODING 'UTF8' TEMPLATE template0."));
	pipeline->context = context;
	pipeline->shards = shards;
	pipeline->keeps_state = keeps_state;
	pipeline->sessions = create_live_sessions(context);
	pipeline->suggestions = int_keyed_table(context, "suggestions", sizeof(uint64), sizeof(uint64));
	return pipeline;
}
