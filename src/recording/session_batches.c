/*
 * session_batches.c - reading a session back from openreplay.batches
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/timestamp.h"

#include "recording/compress.h"
#include "recording/session_batches.h"
#include "visit/visit.h"

#define PG_EPOCH_MS INT64CONST(946684800000)

static const Oid types[] = {INT8OID, TIMESTAMPTZOID};

/* The session and a time before which it has nothing. */
static void
set_arguments(int64 session_id, Datum arguments[2])
{
	arguments[0] = Int64GetDatum(session_id);
	/* nothing is received before its session exists; a day allows for clocks that disagree */
	arguments[1] = TimestampTzGetDatum((session_id_ms((uint64) session_id) - PG_EPOCH_MS) * 1000 - USECS_PER_DAY);
}

bool
has_first_batches(int64 session_id)
{
	Datum arguments[2];
	bool isnull;

	set_arguments(session_id, arguments);
	/* an aggregate: one row, and both kinds of an answer in one look */
	SPI_execute_with_args(
		"SELECT count(*) FILTER (WHERE kind = 's') > 0 OR count(*) FILTER (WHERE kind IN ('w', 'm')) = 0"
		" FROM openreplay.batches WHERE session_id = $1 AND received_at >= $2",
		2, (Oid *) types, arguments, NULL, true, 0);
	return DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

Portal
open_session_batches(int64 session_id)
{
	Datum arguments[2];

	set_arguments(session_id, arguments);
	return SPI_cursor_open_with_args(NULL,
									 "SELECT body, kind FROM openreplay.batches WHERE session_id = $1"
									 " AND received_at >= $2 AND kind IN ('w', 'm')"
									 " ORDER BY received_at, server_id, seq",
									 2, (Oid *) types, arguments, NULL, true, 0);
}

bool
next_session_batch(Portal cursor, RecordingBatch *batch)
{
	MemoryContext context = CurrentMemoryContext;
	bool isnull;
	bytea *stored;
	Datum body;
	const uint8_t *inflated;

	SPI_cursor_fetch(cursor, true, 1);
	if (SPI_processed == 0)
		return false;
	MemoryContextSwitchTo(context);
	body = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	stored = DatumGetByteaPP(body);
	inflated = inflate_body(stored, &batch->len);
	if (inflated == (const uint8_t *) VARDATA_ANY(stored))
		inflated = memcpy(palloc(Max(batch->len, 1)), inflated, batch->len);
	batch->body = inflated;
	batch->platform = DatumGetChar(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull)) == 'm'
						  ? WIRE_MOBILE
						  : WIRE_WEB;
	if ((Pointer) stored != DatumGetPointer(body))
		pfree(stored);
	SPI_freetuptable(SPI_tuptable);
	return true;
}
