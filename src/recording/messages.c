/*
 * messages.c - decoded messages in SQL
 *
 * openreplay.messages() shows a session as its batches tell it, openreplay.decode_batch() one body.  Both show what was
 * sent (wire types and their fields), not what it was turned into.  openreplay.last_message_ms() only looks at times.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "pipeline/rows.h"
#include "recording/compress.h"
#include "recording/session_batches.h"
#include "wire/wire.h"

#define COLUMNS 6

PG_FUNCTION_INFO_V1(openreplay_messages);
PG_FUNCTION_INFO_V1(openreplay_decode_batch);
PG_FUNCTION_INFO_V1(openreplay_last_message_ms);

static void
append_value(StringInfo json, WireKind kind, WireValue value)
{
	switch (kind)
	{
		case WIRE_BOOLEAN:
			appendStringInfoString(json, value.b ? "true" : "false");
			break;
		case WIRE_UINT:
			appendStringInfo(json, UINT64_FORMAT, value.u);
			break;
		case WIRE_INT:
			appendStringInfo(json, INT64_FORMAT, value.i);
			break;
		case WIRE_STRING:
			escape_json(json, text_to_cstring(clean_client_text(value.s, 0)));
			break;
	}
}

static Datum
fields_of(const WireMessage *message)
{
	const WireType *type = wire_type(message->wire_type);
	WireValue values[WIRE_MAX_FIELDS];
	StringInfoData json;

	wire_decode_sent(message, values);
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 0; i < type->nfields; i++)
	{
		appendStringInfo(&json, "%s\"%s\":", i ? "," : "", type->fields[i].name);
		append_value(&json, type->fields[i].kind, values[i]);
	}
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* Appends the messages of one batch; returns why it ended early, or NULL. */
static const char *
put_batch(ReturnSetInfo *result, const uint8_t *data, size_t len, WirePlatform platform)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "openreplay message", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	WireBatch batch;
	WireMessage message;

	wire_batch_open(&batch, data, len, platform, wire_string("", 0));
	while (wire_batch_next(&batch, &message))
	{
		Datum values[COLUMNS];
		bool nulls[COLUMNS] = {0};

		CHECK_FOR_INTERRUPTS();
		old = MemoryContextSwitchTo(context);
		values[0] = Int64GetDatum((int64) (message.index & PG_INT64_MAX));
		values[1] = Int64GetDatum(message.timestamp);
		values[2] = PointerGetDatum(clean_client_text(message.tab, 200));
		nulls[2] = message.tab.len == 0;
		values[3] = Int32GetDatum(message.wire_type);
		values[4] = CStringGetTextDatum(wire_type(message.wire_type)->name);
		values[5] = fields_of(&message);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	return batch.error == WIRE_OK ? NULL : wire_error_text(batch.error);
}

static WirePlatform
platform_of(const uint8_t *data, size_t len)
{
	return len > 0 && data[0] == MSG_MobileBatchMeta ? WIRE_MOBILE : WIRE_WEB;
}

Datum
openreplay_decode_batch(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea *body = PG_GETARG_BYTEA_PP(0);
	size_t len;
	const uint8_t *data;
	const char *fault;

	InitMaterializedSRF(fcinfo, 0);
	data = inflate_body(body, &len);
	fault = put_batch(result, data, len, platform_of(data, len));
	if (fault != NULL)
		ereport(WARNING, errmsg("the batch could not be read to its end: %s", fault),
				errdetail("The messages before the fault are returned."));
	return (Datum) 0;
}

Datum
openreplay_last_message_ms(PG_FUNCTION_ARGS)
{
	bytea *body = PG_GETARG_BYTEA_PP(0);
	int64 latest_ms = PG_GETARG_INT64(1);
	int64 last_ms = 0;
	size_t len;
	const char *fault;
	const uint8_t *data = inflate_whole_body(body, &len, &fault);
	WireBatch batch;
	WireMessage message;

	if (data == NULL)
		PG_RETURN_NULL();
	wire_batch_open(&batch, data, len, platform_of(data, len), wire_string("", 0));
	while (wire_batch_next(&batch, &message))
		if (message.timestamp > last_ms && message.timestamp <= latest_ms)
			last_ms = message.timestamp;
	if (last_ms == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(last_ms);
}

/* Remembers a body; false when the same bytes were shown before. */
static bool
note_body(HTAB *shown, const uint8_t *data, size_t len)
{
	uint64 hash = hash_bytes_extended(data, (int) len, 0);
	bool found;

	hash_search(shown, &hash, HASH_ENTER, &found);
	return !found;
}

Datum
openreplay_messages(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int64 session_id = PG_GETARG_INT64(0);
	HASHCTL control = {.keysize = sizeof(uint64), .entrysize = sizeof(uint64), .hcxt = CurrentMemoryContext};
	HTAB *shown = hash_create("shown batches", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	RecordingBatch batch;
	Portal cursor;
	MemoryContext batch_context;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	cursor = open_session_batches(session_id);
	batch_context = AllocSetContextCreate(CurrentMemoryContext, "openreplay batch", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(batch_context);
	while (next_session_batch(cursor, &batch))
	{
		if (note_body(shown, batch.body, batch.len))
			put_batch(result, batch.body, batch.len, batch.platform);
		MemoryContextReset(batch_context);
	}
	SPI_finish();
	hash_destroy(shown);
	return (Datum) 0;
}
