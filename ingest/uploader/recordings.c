/*
 * recordings.c - an ended session's files
 *
 * The files are made twice: once to know their sizes, which a frame tells before its content, and once to be compressed
 * as they come.  dom.mobs is put last: whoever finds it finds the others too.
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

/*
 * Not "immutable", as a session that goes on after its end is stored again under the same keys; private, as it shows
 * what a visitor saw.
 */
#define CACHE_CONTROL "max-age=3600, private"

bool
put_object(Job *job, int64_t session_id, const char *name, Compressor *compressor, uint64_t uncompressed)
{
	char key[128];
	StorageObject object = {
		.key = key,
		.content_type = "application/octet-stream",
		.cache_control = CACHE_CONTROL,
	};

	if (!finish_compressor(compressor))
	{
		snprintf(job->error, sizeof(job->error), "cannot compress %s: out of memory", name);
		return false;
	}
	snprintf(key, sizeof(key), "%" PRId64 "/%s", session_id, name);
	object.data = compressor->data;
	object.len = compressor->len;
	if (!storage_put(job->storage, &object, job->error, sizeof(job->error)))
		return false;
	ADD_METRIC(job->metrics->files, 1);
	ADD_METRIC(job->metrics->file_bytes, uncompressed);
	ADD_METRIC(job->metrics->stored_bytes, compressor->len);
	return true;
}

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
	Compressor *compressors = sink;

	compress_bytes(&compressors[file], data, len);
	return !compressors[file].failed;
}

/* Makes, compresses and puts the files of the session's batches. */
static bool
store_files(Job *job, int64_t session_id, const SessionData *data, void *workspace, RecordingOptions *options,
			RecordingCounts *counts)
{
	static const RecordingFile order[] = {RECORDING_DEVTOOLS, RECORDING_DOM_END, RECORDING_DOM_START};
	Compressor compressors[RECORDING_FILE_COUNT];
	RecordingCounts again;
	bool ok = true;

	options->put = count_only;
	write_recording(data->batches, data->nbatches, options, workspace, counts);
	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
		open_compressor(&compressors[i], (int) job->settings->compression_level, counts->bytes[i]);
	options->put = compress_file;
	options->sink = compressors;
	write_recording(data->batches, data->nbatches, options, workspace, &again);
	for (int i = 0; i < RECORDING_FILE_COUNT && ok; i++)
		if (counts->bytes[order[i]] > 0)
			ok = put_object(job, session_id, recording_file_names[order[i]], &compressors[order[i]],
							counts->bytes[order[i]]);
	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
		close_compressor(&compressors[i]);
	return ok;
}

static bool
store_batches(Job *job, int64_t session_id, const SessionData *data)
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
		.max_bytes = (uint64_t) job->settings->max_file_size,
		.rewrite = rewrite_message,
		.rewrite_context = &rules,
	};
	void *workspace = malloc(recording_workspace_size(data->batches, data->nbatches, &options));
	RecordingCounts counts;
	bool ok = false;

	if (rules.scratch == NULL || workspace == NULL || assets.known == NULL)
		snprintf(job->error, sizeof(job->error), "out of memory for %zu batches", data->nbatches);
	else
		ok = store_files(job, session_id, data, workspace, &options, &counts);
	free(workspace);
	free(rules.scratch);
	json_decref(assets.known);
	if (!ok)
		return false;

	ADD_METRIC(job->metrics->batches, data->nbatches);
	ADD_METRIC(job->metrics->batch_bytes, data->bytes);
	ADD_METRIC(job->metrics->broken, counts.broken + data->broken);
	if (counts.cut > 0 || data->cut)
	{
		ADD_METRIC(job->metrics->cut, 1);
		log_warning("a recording is cut at a size limit session=%" PRId64
					" batches=%zu bytes=%zu messages_left=%" PRIu64,
					session_id, data->nbatches, data->bytes, counts.cut);
	}
	return true;
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
					  sizeof(job->error));
	if (ok && !data.began && (data.nbatches > 0 || data.nimages > 0))
	{
		/* what is stored has more than what is here */
		snprintf(job->error, sizeof(job->error),
				 "the first batches of session %" PRId64
				 " are gone from the database: what is stored of it stays as it is",
				 (int64_t) session_id);
		job->permanent = true;
		ok = false;
	}
	if (ok && data.nbatches > 0)
		ok = store_batches(job, session_id, &data);
	if (ok && data.nimages > 0)
		ok = store_images(job, session_id, &data);
	if (ok && data.nbatches > 0)
		ADD_METRIC(job->metrics->recordings, 1);
	free_session(&data);
	return ok;
}
