/*
 * stored_object.c - objects of a recording
 */
#include "uploader/stored_object.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define KEY_SIZE 192
#define DIGEST_BYTES 8 /* of SHA-256 in a name; nobody gains by states of his own session that have them in common */

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

static void
name_key(char key[KEY_SIZE], int64_t session_id, const char *name)
{
	snprintf(key, KEY_SIZE, "%" PRId64 "/%s", session_id, name);
}

/* Of the origin of an object that has these bytes. */
static void
name_origin_key(char key[KEY_SIZE], int64_t session_id, const char *name, const void *data, size_t len)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char hex[2 * DIGEST_BYTES + 1];

	SHA256(data, len, digest);
	for (int i = 0; i < DIGEST_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	snprintf(key, KEY_SIZE, "%" PRId64 "/%s.%s.origin", session_id, name, hex);
}

/* ---- putting ---- */

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

static bool
put(Job *job, const char *key, const Compressor *content)
{
	StorageObject object = {
		.key = key,
		.data = content->data,
		.len = content->len,
		.content_type = "application/octet-stream",
		.cache_control = CACHE_CONTROL,
	};

	if (!is_still_ours(job) || !storage_put(job->storage, &object, job->error, sizeof(job->error)))
		return false;
	ADD_METRIC(job->metrics->stored_bytes, content->len);
	return true;
}

bool
put_object(Job *job, int64_t session_id, const char *name, Compressor *content, Compressor *origin,
		   uint64_t uncompressed)
{
	char key[KEY_SIZE];
	char origin_key[KEY_SIZE];

	if (!finish_compressor(content) || !finish_compressor(origin))
	{
		snprintf(job->error, sizeof(job->error), "cannot compress %s: out of memory", name);
		return false;
	}
	name_key(key, session_id, name);
	name_origin_key(origin_key, session_id, name, content->data, content->len);
	if (!put(job, origin_key, origin) || !put(job, key, content))
		return false;
	list(job, name);
	ADD_METRIC(job->metrics->files, 1);
	ADD_METRIC(job->metrics->file_bytes, uncompressed);
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

/* What cannot be merged into is told, and stays as it is. */
static StorageAnswer
refuse(Job *job, const char *key, const char *reason)
{
	snprintf(job->error, sizeof(job->error), "what came late cannot be added to %s, as its batches are gone and it %s",
			 key, reason);
	job->permanent = true;
	return STORAGE_FAILED;
}

/* Inflates what was read; STORAGE_THERE if it could. */
static StorageAnswer
inflate_read(Job *job, const char *key, const void *data, size_t data_len, size_t *room, uint8_t **out, size_t *len)
{
	switch (inflate(data, data_len, room, out, len))
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
	return STORAGE_THERE;
}

static StorageAnswer
get_origin(Job *job, const char *key, const char *origin_key, size_t *room, StoredObject *object)
{
	void *data;
	size_t len;
	StorageAnswer answer = storage_get(job->storage, origin_key, *room, &data, &len, job->error, sizeof(job->error));

	if (answer == STORAGE_MISSING)
		return refuse(job, key, "is not what was stored, or has lost its origin");
	if (answer == STORAGE_THERE)
		answer = inflate_read(job, origin_key, data, len, room, &object->origin, &object->origin_len);
	free(data);
	return answer;
}

StorageAnswer
get_object(Job *job, int64_t session_id, const char *name, size_t max, StoredObject *object)
{
	char key[KEY_SIZE];
	char origin_key[KEY_SIZE];
	void *data;
	size_t len;
	StorageAnswer answer;

	*object = (StoredObject){0};
	name_key(key, session_id, name);
	answer = storage_get(job->storage, key, max, &data, &len, job->error, sizeof(job->error));
	if (answer == STORAGE_MISSING)
		return is_listed(job, name) ? refuse(job, key, "is not in storage") : STORAGE_MISSING;
	if (answer == STORAGE_FAILED)
		return STORAGE_FAILED;
	name_origin_key(origin_key, session_id, name, data, len);
	answer = inflate_read(job, key, data, len, &max, &object->content, &object->len);
	free(data);
	return answer == STORAGE_THERE ? get_origin(job, key, origin_key, &max, object) : answer;
}

void
free_object(StoredObject *object)
{
	free(object->content);
	free(object->origin);
	*object = (StoredObject){0};
}
