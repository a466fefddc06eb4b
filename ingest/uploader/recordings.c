/*
 * recordings.c - an ended session's files
 *
 * The files are made twice: once to know their sizes, which a frame tells before its content, and once to be compressed
 * as they come.  dom.mobs is put last: whoever finds it finds the others too.
 *
 * Of a session whose batches are partly gone, the files in storage stand for those: what is here is merged into them. A
 * merge that was killed anywhere is merged again.  Messages go from dom.mobs to dom.mobe by it, never back, so that the
 * new dom.mobe and the old dom.mobs have everything between them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assets/rewrite.h"
#include "common/log.h"
#include "uploader/compressor.h"
#include "uploader/job.h"
#include "uploader/session_data.h"
#include "uploader/stored_object.h"

/* The files that storage has, and what write_recording() is told of them. */
typedef struct StoredFiles
{
	StoredObject objects[RECORDING_FILE_COUNT];
	StoredFile files[RECORDING_FILE_COUNT];
	size_t count;
} StoredFiles;

typedef struct FileCompressors
{
	Compressor files[RECORDING_FILE_COUNT];
	Compressor origins[RECORDING_FILE_COUNT];
} FileCompressors;

static bool
count_only(void *sink, RecordingFile file, const void *data, size_t len)
{
	(void) sink;
	(void) file;
	(void) data;
	(void) len;
	return true;
}

static bool
compress_file(void *sink, RecordingFile file, const void *data, size_t len)
{
	Compressor *compressor = &((FileCompressors *) sink)->files[file];

	compress_bytes(compressor, data, len);
	return !compressor->failed;
}

static bool
compress_origin(void *sink, RecordingFile file, const void *data, size_t len)
{
	Compressor *compressor = &((FileCompressors *) sink)->origins[file];

	compress_bytes(compressor, data, len);
	return !compressor->failed;
}

/* A session that was stored in two parts, and now is one. */
static bool
remove_second_part(Job *job, int64_t session_id)
{
	char key[64];

	snprintf(key, sizeof(key), "%" PRId64 "/%s", session_id, recording_file_names[RECORDING_DOM_END]);
	return storage_remove(job->storage, key, job->error, sizeof(job->error));
}

static bool
put_files(Job *job, int64_t session_id, FileCompressors *compressors, const RecordingCounts *counts,
		  bool had_second_part)
{
	static const RecordingFile order[] = {RECORDING_DEVTOOLS, RECORDING_DOM_END, RECORDING_DOM_START};

	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
	{
		RecordingFile file = order[i];

		if (counts->bytes[file] > 0)
		{
			if (!put_object(job, session_id, recording_file_names[file], &compressors->files[file],
							&compressors->origins[file], counts->bytes[file]))
				return false;
		}
		else if (file == RECORDING_DOM_END && had_second_part && !remove_second_part(job, session_id))
			return false;
	}
	return true;
}

/* Makes, compresses and puts the files of the session's batches. */
static bool
store_files(Job *job, int64_t session_id, const SessionData *data, void *workspace, RecordingOptions *options,
			RecordingCounts *counts, bool had_second_part)
{
	FileCompressors *compressors = malloc(sizeof(FileCompressors));
	int level = (int) job->settings->compression_level;
	RecordingCounts again;
	bool ok;

	if (compressors == NULL)
	{
		snprintf(job->error, sizeof(job->error), "out of memory");
		return false;
	}
	options->put = options->put_origin = count_only;
	write_recording(data->batches, data->nbatches, options, workspace, counts);
	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
	{
		open_compressor(&compressors->files[i], level, counts->bytes[i]);
		open_compressor(&compressors->origins[i], level, counts->origin_bytes[i]);
	}
	options->put = compress_file;
	options->put_origin = compress_origin;
	options->sink = compressors;
	write_recording(data->batches, data->nbatches, options, workspace, &again);
	ok = put_files(job, session_id, compressors, counts, had_second_part);
	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
	{
		close_compressor(&compressors->files[i]);
		close_compressor(&compressors->origins[i]);
	}
	free(compressors);
	return ok;
}

static void
tell_limits(Job *job, int64_t session_id, const SessionData *data, const RecordingCounts *counts)
{
	ADD_METRIC(job->metrics->batches, data->nbatches);
	ADD_METRIC(job->metrics->batch_bytes, data->bytes);
	ADD_METRIC(job->metrics->broken, counts->broken + data->broken);
	if (counts->cut == 0 && !data->cut)
		return;
	ADD_METRIC(job->metrics->cut, 1);
	log_warning("a recording is cut at a size limit session=%" PRId64 " batches=%zu bytes=%zu messages_left=%" PRIu64,
				session_id, data->nbatches, data->bytes, counts->cut);
}

/* Of the DOM files together, and of the devtools file: never less than is stored, which would be lost. */
static uint64_t
choose_limit(const Job *job, const StoredFiles *stored)
{
	uint64_t limit = (uint64_t) job->settings->max_file_size;
	uint64_t sizes[2] = {0};

	for (size_t i = 0; i < stored->count; i++)
		sizes[stored->files[i].file == RECORDING_DEVTOOLS] += stored->files[i].len;
	for (int i = 0; i < 2; i++)
		if (sizes[i] > limit)
			limit = sizes[i];
	return limit;
}

static bool
store_batches(Job *job, int64_t session_id, const SessionData *data, const StoredFiles *stored, bool had_second_part)
{
	size_t scratch_size = 2 * WIRE_MAX_STRING_BYTES; /* most of its pages are never touched */
	CopiedAssets assets = {.job = job, .known = json_object()};
	AssetRules rules = {
		.origin = {job->assets_origin, strlen(job->assets_origin)},
		.day = asset_day((uint64_t) session_id),
		.left_hosts = {job->assets_left_hosts, strlen(job->assets_left_hosts)},
		.wanted = is_asset_copied,
		.context = &assets,
		.scratch = malloc(scratch_size),
		.scratch_size = scratch_size,
	};
	RecordingOptions options = {
		.player = job->player,
		.split_ms = job->settings->file_split_time_s * 1000,
		.max_bytes = choose_limit(job, stored),
		.rewrite = rewrite_message,
		.rewrite_context = &rules,
		.stored = stored->files,
		.nstored = stored->count,
	};
	void *workspace = malloc(recording_workspace_size(data->batches, data->nbatches, &options));
	RecordingCounts counts;
	bool ok = false;

	if (rules.scratch == NULL || workspace == NULL || assets.known == NULL)
		snprintf(job->error, sizeof(job->error), "out of memory for %zu batches", data->nbatches);
	else
		ok = store_files(job, session_id, data, workspace, &options, &counts, had_second_part);
	free(workspace);
	free(rules.scratch);
	json_decref(assets.known);
	if (ok)
		tell_limits(job, session_id, data, &counts);
	return ok;
}

/* ---- what came late ---- */

static void
free_stored_files(StoredFiles *stored)
{
	for (size_t i = 0; i < stored->count; i++)
		free_object(&stored->objects[i]);
}

/* Reads what storage has of the session's files. */
static bool
read_stored_files(Job *job, int64_t session_id, size_t max, StoredFiles *stored)
{
	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
	{
		StoredObject *object = &stored->objects[stored->count];
		StoredFile *file = &stored->files[stored->count];
		StorageAnswer answer = get_object(job, session_id, recording_file_names[i], max, object);

		if (answer == STORAGE_MISSING)
			continue;
		stored->count++;
		if (answer == STORAGE_FAILED)
			return false;
		max -= object->len + object->origin_len;
		*file = (StoredFile){(RecordingFile) i, object->content, object->len, object->origin, object->origin_len};
		if (!is_stored_file_whole(file))
		{
			snprintf(job->error, sizeof(job->error),
					 "what came late cannot be added to %" PRId64 "/%s, as its batches are gone and it is not what was "
					 "stored",
					 session_id, recording_file_names[i]);
			job->permanent = true;
			return false;
		}
	}
	return true;
}

static bool
merge_batches(Job *job, int64_t session_id, const SessionData *data)
{
	size_t limit = (size_t) job->settings->session_size_limit;
	StoredFiles stored = {.count = 0};
	bool ok = read_stored_files(job, session_id, limit > data->bytes ? limit - data->bytes : 1, &stored) &&
			  store_batches(job, session_id, data, &stored, false);

	free_stored_files(&stored);
	if (ok)
		ADD_METRIC(job->metrics->merged, 1);
	return ok;
}

/* ---- a session ---- */

/* What the database knows to be stored of a session. */
typedef struct StoredState
{
	bool stored;
	bool batches_gone;
	bool second_part;
} StoredState;

/* Asked after the batches are read: what was dropped while they were is known then.  began: the first is among them. */
static bool
read_stored_state(Job *job, int64_t session_id, bool began, StoredState *state)
{
	char id[32];
	const char *params[] = {id};
	PGresult *result;

	snprintf(id, sizeof(id), "%" PRId64, session_id);
	result = pq_query(job->conn,
					  "SELECT batches_gone, array_to_string(coalesce(files, '{dom.mobs,devtools.mob}'), ','),"
					  " coalesce('dom.mobe' = ANY (files), false)"
					  " FROM openreplay.stored_recordings WHERE session_id = $1::bigint",
					  1, params, &job->wait, job->error, sizeof(job->error));
	if (result == NULL)
		return false;
	*state = (StoredState){.stored = PQntuples(result) > 0};
	if (state->stored)
	{
		state->batches_gone = !began || PQgetvalue(result, 0, 0)[0] == 't';
		state->second_part = PQgetvalue(result, 0, 2)[0] == 't';
		if (state->batches_gone)
			put_text(&job->files, PQgetvalue(result, 0, 1));
	}
	PQclear(result);
	return true;
}

static bool
store_session(Job *job, int64_t session_id, const SessionData *data)
{
	static const StoredFiles nothing;
	StoredState state;

	if (!read_stored_state(job, session_id, data->began, &state))
		return false;
	if (!state.batches_gone && !data->began && (data->nbatches > 0 || data->nimages > 0))
	{
		snprintf(job->error, sizeof(job->error),
				 "the first batches of session %" PRId64 " are gone from the database, and were not stored",
				 session_id);
		job->permanent = true;
		return false;
	}
	return (data->nbatches == 0 ||
			(state.batches_gone ? merge_batches(job, session_id, data)
								: store_batches(job, session_id, data, &nothing, state.second_part))) &&
		   (data->nimages == 0 || store_images(job, session_id, data, state.batches_gone));
}

bool
store_recording(Job *job)
{
	json_int_t session_id = json_integer_value(json_object_get(job->payload, "session_id"));
	SessionData data;
	bool ok;

	if (session_id <= 0)
	{
		snprintf(job->error, sizeof(job->error), "the payload has no session_id");
		job->permanent = true;
		return false;
	}
	ok = read_session(job->conn, session_id, (size_t) job->settings->session_size_limit, &job->wait, &data, job->error,
					  sizeof(job->error)) &&
		 store_session(job, session_id, &data);
	if (ok && data.nbatches > 0)
		ADD_METRIC(job->metrics->recordings, 1);
	free_session(&data);
	return ok;
}
