/*
 * session_data.c - reading a session's entries from openreplay.batches
 */
#include "uploader/session_data.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "visit/visit.h"
#include "wire/wire.h"

#define DAY_MS INT64_C(86400000)

typedef struct Reading
{
	SessionData *data;
	size_t limit;
	size_t batches_size;
	size_t images_size;
	bool out_of_memory;
} Reading;

/* Room for one more element; false without memory. */
static bool
make_room(void **array, size_t count, size_t *size, size_t element)
{
	size_t wanted = *size == 0 ? 64 : 2 * *size;
	void *larger;

	if (count < *size)
		return true;
	larger = realloc(*array, wanted * element);
	if (larger == NULL)
		return false;
	*array = larger;
	*size = wanted;
	return true;
}

/* A body as it was sent, or NULL: damaged, or no memory for it. */
static uint8_t *
inflate(Reading *reading, const char *frame, size_t frame_len, size_t *len)
{
	unsigned long long size = ZSTD_getFrameContentSize(frame, frame_len);
	uint8_t *body;

	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > WIRE_BODY_MAX)
		return NULL;
	if (reading->data->bytes + size > reading->limit)
	{
		reading->data->cut = true;
		return NULL;
	}
	body = malloc(size > 0 ? size : 1);
	if (body == NULL)
	{
		reading->out_of_memory = true;
		return NULL;
	}
	*len = ZSTD_decompress(body, size, frame, frame_len);
	if (ZSTD_isError(*len))
	{
		free(body);
		return NULL;
	}
	return body;
}

static bool
keep_batch(Reading *reading, uint8_t *body, size_t len, WirePlatform platform)
{
	SessionData *data = reading->data;

	if (!make_room((void **) &data->batches, data->nbatches, &reading->batches_size, sizeof(RecordingBatch)))
		return false;
	data->batches[data->nbatches++] = (RecordingBatch){body, len, platform};
	return true;
}

/* Numbers come as PostgreSQL sends them, most significant byte first. */
static int64_t
read_number(const PGresult *row, int column)
{
	const uint8_t *bytes = (const uint8_t *) PQgetvalue(row, 0, column);
	uint64_t number = 0;

	for (int i = 0; i < PQgetlength(row, 0, column); i++)
		number = number << 8 | bytes[i];
	return (int64_t) number;
}

static bool
keep_images(Reading *reading, const PGresult *row, uint8_t *body, size_t len, bool screenshots)
{
	SessionData *data = reading->data;

	if (!make_room((void **) &data->images, data->nimages, &reading->images_size, sizeof(ImageEntry)))
		return false;
	data->images[data->nimages++] = (ImageEntry){
		.body = body,
		.len = len,
		.screenshots = screenshots,
		.received_at = read_number(row, 2),
		.server_id = (int32_t) read_number(row, 3),
		.seq = read_number(row, 4),
	};
	return true;
}

/* One entry; false ends the reading. */
static bool
take_entry(void *argument, const PGresult *row)
{
	Reading *reading = argument;
	char kind = PQgetvalue(row, 0, 0)[0];
	size_t len;
	uint8_t *body;

	if (kind == 's')
	{
		reading->data->began = true;
		return true;
	}
	body = inflate(reading, PQgetvalue(row, 0, 1), (size_t) PQgetlength(row, 0, 1), &len);
	if (body == NULL)
	{
		if (reading->data->cut || reading->out_of_memory)
			return false;
		reading->data->broken++;
		return true;
	}
	reading->data->bytes += len;
	if (kind == 'w' || kind == 'm' ? keep_batch(reading, body, len, kind == 'm' ? WIRE_MOBILE : WIRE_WEB)
								   : keep_images(reading, row, body, len, kind == 'i'))
		return true;
	free(body);
	reading->out_of_memory = true;
	return false;
}

bool
read_session(PGconn *conn, int64_t session_id, size_t limit, const PqWait *wait, SessionData *data, char *error,
			 size_t error_size)
{
	Reading reading = {.data = data, .limit = limit};
	char id[32];
	char since[32];
	const char *const params[] = {id, since};

	*data = (SessionData){0};
	snprintf(id, sizeof(id), "%" PRId64, session_id);
	/* nothing is received before its session exists; a day allows for clocks that disagree */
	snprintf(since, sizeof(since), "%" PRId64, (session_id_ms((uint64_t) session_id) - DAY_MS) / 1000);
	if (pq_each_row(conn,
					"SELECT kind, body, (extract(epoch FROM received_at) * 1000000)::bigint, server_id::integer,"
					" seq::bigint FROM openreplay.batches WHERE session_id = $1::bigint"
					" AND received_at >= to_timestamp($2::bigint) AND kind IN ('s', 'w', 'm', 'c', 'i')"
					" ORDER BY received_at, server_id, seq",
					2, params, wait, take_entry, &reading, error, error_size))
		return true;
	if (reading.out_of_memory)
		snprintf(error, error_size, "out of memory with %zu bytes of batches", data->bytes);
	return data->cut && !reading.out_of_memory;
}

void
free_session(SessionData *data)
{
	for (size_t i = 0; i < data->nbatches; i++)
		free((void *) data->batches[i].body);
	for (size_t i = 0; i < data->nimages; i++)
		free(data->images[i].body);
	free(data->batches);
	free(data->images);
	*data = (SessionData){0};
}
