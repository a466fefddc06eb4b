/*
 * recording.c - recording files in SQL
 *
 * openreplay.recording() makes a file from the session's stored batches, live or ended, and gives the bytes that the
 * uploader stores.  It holds the inflated batches and the file in memory; a session beyond the limit is refused.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "openreplay.h"
#include "recording/copies.h"
#include "recording/session_batches.h"
#include "wire/recording_file.h"

#define MAX_SESSION_BYTES (UINT64CONST(512) * 1024 * 1024)
#define SCRATCH_BYTES (2 * WIRE_MAX_STRING_BYTES)

PG_FUNCTION_INFO_V1(openreplay_recording);

typedef struct FileSink
{
	bool wanted[RECORDING_FILE_COUNT];
	StringInfoData bytes;
} FileSink;

static bool
take_bytes(void *arg, RecordingFile file, const void *data, size_t len)
{
	FileSink *sink = arg;

	CHECK_FOR_INTERRUPTS();
	if (sink->wanted[file])
		appendBinaryStringInfo(&sink->bytes, data, (int) len);
	return true;
}

static void
choose_files(const char *name, bool *wanted)
{
	bool known = false;

	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
		known |= wanted[i] = strcmp(name, recording_file_names[i]) == 0;
	if (strcmp(name, "dom.mob") == 0)
		known = wanted[RECORDING_DOM_START] = wanted[RECORDING_DOM_END] = true;
	if (!known)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a recording has no file \"%s\"", name),
				errhint("Its files are dom.mobs and dom.mobe, together dom.mob, and devtools.mob."));
}

static void
require_session(int64 session_id)
{
	Oid types[] = {INT8OID};
	Datum arguments[] = {Int64GetDatum(session_id)};

	SPI_execute_with_args("SELECT FROM public.sessions WHERE session_id = $1", 1, types, arguments, NULL, true, 1);
	if (SPI_processed == 0)
		ereport(ERROR, errcode(ERRCODE_NO_DATA_FOUND), errmsg("there is no session " INT64_FORMAT, session_id),
				errhint("openreplay.sessions lists them, live and ended."));
}

/* Part of a recording would look like the whole of it. */
static void
require_all_batches(int64 session_id)
{
	Oid types[] = {INT8OID};
	Datum arguments[] = {Int64GetDatum(session_id)};

	SPI_execute_with_args("SELECT FROM openreplay.stored_recordings WHERE session_id = $1 AND batches_gone", 1, types,
						  arguments, NULL, true, 1);
	if (SPI_processed > 0)
		ereport(ERROR, errcode(ERRCODE_NO_DATA_FOUND),
				errmsg("batches of session " INT64_FORMAT " are no longer in the database", session_id),
				errdetail("Its recording is in storage, also what came late."),
				errhint("openreplay.recording_urls() tells where, openreplay.messages() shows what is still here."));
	if (!has_first_batches(session_id))
		ereport(ERROR, errcode(ERRCODE_NO_DATA_FOUND),
				errmsg("the first batches of session " INT64_FORMAT " are no longer in the database", session_id),
				errdetail("They were dropped by their age, and were not stored before."),
				errhint("openreplay.messages() shows what is still here."));
}

/* All batches of a session, inflated, in the current memory context. */
static RecordingBatch *
read_batches(int64 session_id, size_t *count)
{
	Portal cursor = open_session_batches(session_id);
	size_t size = 64;
	RecordingBatch *batches = palloc(size * sizeof(RecordingBatch));
	uint64 bytes = 0;

	*count = 0;
	while (next_session_batch(cursor, &batches[*count]))
	{
		CHECK_FOR_INTERRUPTS();
		bytes += batches[*count].len;
		if (bytes > MAX_SESSION_BYTES)
			ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("the batches of session " INT64_FORMAT " are larger than %d MB", session_id,
						   (int) (MAX_SESSION_BYTES >> 20)),
					errhint("openreplay.messages() reads a session of any size."));
		if (++*count == size)
			batches = repalloc_huge(batches, (size *= 2) * sizeof(RecordingBatch));
	}
	return batches;
}

Datum
openreplay_recording(PG_FUNCTION_ARGS)
{
	int64 session_id = PG_GETARG_INT64(0);
	FileSink sink = {.wanted = {false}};
	Copies copies;
	AssetRules rules = {
		.origin = {openreplay_assets_origin, strlen(openreplay_assets_origin)},
		.day = asset_day((uint64) session_id),
		.left_hosts = {openreplay_assets_left_hosts, strlen(openreplay_assets_left_hosts)},
		.wanted = is_asset_copied,
		.context = &copies,
		.scratch_size = SCRATCH_BYTES,
	};
	RecordingOptions options = {
		.player = (RecordingPlayer) openreplay_player,
		.split_ms = RECORDING_SPLIT_MS,
		.max_bytes = RECORDING_MAX_BYTES,
		.rewrite = rewrite_message,
		.rewrite_context = &rules,
		.put = take_bytes,
		.sink = &sink,
	};
	RecordingBatch *batches;
	RecordingCounts counts;
	size_t count;
	void *workspace;
	bytea *result;

	choose_files(text_to_cstring(PG_GETARG_TEXT_PP(1)), sink.wanted);
	SPI_connect();
	require_session(session_id);
	require_all_batches(session_id);
	batches = read_batches(session_id, &count);
	if (count > 0)
	{
		/* the pages of memory that are not needed are never touched */
		rules.scratch = palloc(SCRATCH_BYTES);
		workspace = palloc_extended(recording_workspace_size(batches, count, &options), MCXT_ALLOC_HUGE);
		open_copies(&copies);
		initStringInfo(&sink.bytes);
		write_recording(batches, count, &options, workspace, &counts);
	}
	if (count == 0 || sink.bytes.len == 0)
	{
		SPI_finish();
		PG_RETURN_NULL();
	}
	result = SPI_palloc(VARHDRSZ + sink.bytes.len);
	SET_VARSIZE(result, VARHDRSZ + sink.bytes.len);
	memcpy(VARDATA(result), sink.bytes.data, sink.bytes.len);
	SPI_finish();
	PG_RETURN_BYTEA_P(result);
}
