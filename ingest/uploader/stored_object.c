/*
 * stored_object.c - objects of a recording
 */
#include "uploader/stored_object.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define KEY_SIZE 128
#define ORIGIN_TAG "ORor" /* begins the frame that is passed over: others may use such frames, too */
#define ORIGIN_TAG_SIZE 4
#define SKIPPED_MAGIC UINT32_C(0x184D2A57)
#define SKIPPED_HEADER_SIZE 8

/*
 * Not "immutable", as a session that goes on after its end is stored again under the same keys; private, as it shows
 * what a visitor saw.
 */
#define CACHE_CONTROL "max-age=3600, private"

/* ---- names ---- */

static bool
is_listed(const Job *job, const char *name)
{
	size_t len = strlen(name);

	for (const char *pos = job->files.data; pos != NULL && *pos != '\0';)
	{
		const char *end = strchrnul(pos, ',');

		if ((size_t) (end - pos) == len && memcmp(pos, name, len) == 0)
			return true;
		pos = *end == ',' ? end + 1 : end;
	}
	return false;
}

static void
list(Job *job, const char *name)
{
	if (is_listed(job, name))
		return;
	if (job->files.len > 0)
		put_text(&job->files, ",");
	put_text(&job->files, name);
}

/* ---- putting ---- */

static void
put_uint32(uint8_t *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t) (value >> (8 * i));
}

static uint32_t
get_uint32(const uint8_t *data)
{
	return (uint32_t) data[0] | (uint32_t) data[1] << 8 | (uint32_t) data[2] << 16 | (uint32_t) data[3] << 24;
}

/* Adds the frame of the origin behind that of the content. */
static bool
add_origin(Compressor *content, const Compressor *origin)
{
	size_t size = SKIPPED_HEADER_SIZE + ORIGIN_TAG_SIZE + origin->len;
	uint8_t *larger = size <= UINT32_MAX ? realloc(content->data, content->len + size) : NULL;

	if (larger == NULL)
		return false;
	content->data = larger;
	content->size = content->len + size;
	put_uint32(larger + content->len, SKIPPED_MAGIC);
	put_uint32(larger + content->len + 4, (uint32_t) (ORIGIN_TAG_SIZE + origin->len));
	memcpy(larger + content->len + SKIPPED_HEADER_SIZE, ORIGIN_TAG, ORIGIN_TAG_SIZE);
	memcpy(larger + content->len + SKIPPED_HEADER_SIZE + ORIGIN_TAG_SIZE, origin->data, origin->len);
	content->len += size;
	return true;
}

/*
 * A worker that was stopped for long, with its machine perhaps, must not replace what another has stored meanwhile: its
 * batches may be gone.  Between this and the put is no longer than the put takes.
 */
static bool
is_still_ours(Job *job)
{
	const char *params[] = {job->outbox_id, job->worker};
	PGresult *result = pq_query(job->conn, "SELECT openreplay.holds_outbox($1::bigint, $2)", 2, params, &job->wait,
								job->error, sizeof(job->error));
	bool ours = result != NULL && PQgetvalue(result, 0, 0)[0] == 't';

	if (result != NULL && !ours)
		snprintf(job->error, sizeof(job->error), "another uploader was given this recording meanwhile");
	PQclear(result);
	return ours;
}

bool
put_object(Job *job, int64_t session_id, const char *name, Compressor *content, Compressor *origin,
		   uint64_t uncompressed)
{
	char key[KEY_SIZE];
	StorageObject object = {
		.key = key,
		.content_type = "application/octet-stream",
		.cache_control = CACHE_CONTROL,
	};

	if (!finish_compressor(content) || !finish_compressor(origin) || !add_origin(content, origin))
	{
		snprintf(job->error, sizeof(job->error), "cannot compress %s: out of memory", name);
		return false;
	}
	snprintf(key, sizeof(key), "%" PRId64 "/%s", session_id, name);
	object.data = content->data;
	object.len = content->len;
	if (!is_still_ours(job) || !storage_put(job->storage, &object, job->error, sizeof(job->error)))
		return false;
	list(job, name);
	ADD_METRIC(job->metrics->files, 1);
	ADD_METRIC(job->metrics->file_bytes, uncompressed);
	ADD_METRIC(job->metrics->stored_bytes, content->len);
	return true;
}

/* ---- getting ---- */

typedef enum Inflated
{
	INFLATED,
	INFLATED_DAMAGED,
	INFLATED_TOO_LARGE,
	INFLATED_NO_MEMORY
} Inflated;

/* One frame, which tells its size, and has to fit into *room. */
static Inflated
inflate(const uint8_t *frame, size_t frame_len, size_t *room, uint8_t **out, size_t *len)
{
	unsigned long long size = ZSTD_getFrameContentSize(frame, frame_len);

	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
		return INFLATED_DAMAGED;
	if (size > *room)
		return INFLATED_TOO_LARGE;
	*out = malloc(size > 0 ? size : 1);
	if (*out == NULL)
		return INFLATED_NO_MEMORY;
	*len = ZSTD_decompress(*out, size, frame, frame_len);
	if (ZSTD_isError(*len) || *len != size)
		return INFLATED_DAMAGED;
	*room -= size;
	return INFLATED;
}

static Inflated
take_apart(const uint8_t *data, size_t len, size_t room, StoredObject *object)
{
	size_t content_len = ZSTD_findFrameCompressedSize(data, len);
	const uint8_t *skipped = data + content_len;
	size_t skipped_len;
	Inflated result;

	if (ZSTD_isError(content_len))
		return INFLATED_DAMAGED;
	result = inflate(data, content_len, &room, &object->content, &object->len);
	if (result != INFLATED || content_len == len)
		return result;
	skipped_len = len - content_len;
	if (skipped_len < SKIPPED_HEADER_SIZE + ORIGIN_TAG_SIZE || get_uint32(skipped) != SKIPPED_MAGIC ||
		get_uint32(skipped + 4) != skipped_len - SKIPPED_HEADER_SIZE ||
		memcmp(skipped + SKIPPED_HEADER_SIZE, ORIGIN_TAG, ORIGIN_TAG_SIZE) != 0)
		return INFLATED_DAMAGED;
	return inflate(skipped + SKIPPED_HEADER_SIZE + ORIGIN_TAG_SIZE, skipped_len - SKIPPED_HEADER_SIZE - ORIGIN_TAG_SIZE,
				   &room, &object->origin, &object->origin_len);
}

/* What cannot be merged into is told, and stays as it is. */
static StorageAnswer
refuse(Job *job, const char *key, const char *reason)
{
	snprintf(job->error, sizeof(job->error), "what came late cannot be added to %s, as its batches are gone and it %s",
			 key, reason);
	job->permanent = true;
	return STORAGE_FAILED;
}

StorageAnswer
get_object(Job *job, int64_t session_id, const char *name, size_t max, StoredObject *object)
{
	char key[KEY_SIZE];
	void *data;
	size_t len;
	Inflated inflated;
	StorageAnswer answer;

	*object = (StoredObject){0};
	snprintf(key, sizeof(key), "%" PRId64 "/%s", session_id, name);
	answer = storage_get(job->storage, key, max, &data, &len, job->error, sizeof(job->error));
	if (answer == STORAGE_MISSING)
		return is_listed(job, name) ? refuse(job, key, "is not in storage") : STORAGE_MISSING;
	if (answer == STORAGE_FAILED)
		return STORAGE_FAILED;
	inflated = take_apart(data, len, max, object);
	free(data);
	switch (inflated)
	{
		case INFLATED_DAMAGED:
			return refuse(job, key, "is damaged");
		case INFLATED_TOO_LARGE:
			return refuse(job, key, "has more than SESSION_SIZE_LIMIT allows");
		case INFLATED_NO_MEMORY:
			snprintf(job->error, sizeof(job->error), "out of memory for %s", key);
			return STORAGE_FAILED;
		case INFLATED:
			break;
	}
	if (object->origin_len == 0)
		return refuse(job, key, "was stored without its origin, by an older version");
	return STORAGE_THERE;
}

void
free_object(StoredObject *object)
{
	free(object->content);
	free(object->origin);
	*object = (StoredObject){0};
}
