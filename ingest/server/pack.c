/*
 * pack.c - gzip in, zstd out
 *
 * Setting up a compression context costs more than compressing a batch with it, so each thread keeps one.
 */
#include "server/pack.h"

#include <pthread.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define LEVEL 1
#define KEEP_BYTES ((size_t) 1 << 20) /* a larger buffer is given back after use */
#define LEAST_BYTES ((size_t) 65536)

typedef struct Bench
{
	ZSTD_CCtx *zstd;
	z_stream gzip;
	bool gzip_ready;
	uint8_t *frame;
	size_t frame_size;
	uint8_t *plain;
	size_t plain_size;
} Bench;

static pthread_key_t bench_key;
static pthread_once_t bench_once = PTHREAD_ONCE_INIT;

static void
free_bench(void *argument)
{
	Bench *bench = argument;

	ZSTD_freeCCtx(bench->zstd);
	if (bench->gzip_ready)
		inflateEnd(&bench->gzip);
	free(bench->frame);
	free(bench->plain);
	free(bench);
}

static void
make_bench_key(void)
{
	pthread_key_create(&bench_key, free_bench);
}

static Bench *
this_thread(void)
{
	Bench *bench;

	pthread_once(&bench_once, make_bench_key);
	bench = pthread_getspecific(bench_key);
	if (bench == NULL && (bench = calloc(1, sizeof(*bench))) != NULL && pthread_setspecific(bench_key, bench) != 0)
	{
		free(bench);
		bench = NULL;
	}
	return bench;
}

/* Makes a buffer hold size bytes; its content is kept when keep is set. */
static bool
make_room(uint8_t **buffer, size_t *buffer_size, size_t size, bool keep)
{
	uint8_t *larger;

	if (size <= *buffer_size && (keep || *buffer_size <= KEEP_BYTES || size > KEEP_BYTES))
		return true;
	if (size < LEAST_BYTES)
		size = LEAST_BYTES;
	if (!keep)
	{
		free(*buffer);
		*buffer = NULL;
		*buffer_size = 0;
	}
	larger = realloc(*buffer, size);
	if (larger == NULL)
		return false;
	*buffer = larger;
	*buffer_size = size;
	return true;
}

bool
inflate_gzip(const uint8_t *data, size_t len, size_t max, const uint8_t **out, size_t *out_len)
{
	Bench *bench = this_thread();
	z_stream *gzip;
	size_t used = 0;

	if (bench == NULL || len > UINT32_MAX || !make_room(&bench->plain, &bench->plain_size, LEAST_BYTES, false))
		return false;
	gzip = &bench->gzip;
	if (!bench->gzip_ready)
	{
		if (inflateInit2(gzip, 15 + 16) != Z_OK) /* gzip wrapper only */
			return false;
		bench->gzip_ready = true;
	}
	else if (inflateReset(gzip) != Z_OK)
		return false;
	gzip->next_in = (Bytef *) data;
	gzip->avail_in = (uInt) len;

	for (;;)
	{
		size_t room = bench->plain_size - used;
		int result;

		if (room == 0)
		{
			size_t larger = bench->plain_size * 2;

			/* One byte more than allowed is enough to know. */
			if (used > max)
				return false;
			if (larger > max + 1)
				larger = max + 1;
			if (!make_room(&bench->plain, &bench->plain_size, larger, true))
				return false;
			room = bench->plain_size - used;
		}
		gzip->next_out = bench->plain + used;
		gzip->avail_out = (uInt) room;
		result = inflate(gzip, Z_NO_FLUSH);
		used += room - gzip->avail_out;

		if (result == Z_STREAM_END)
		{
			if (gzip->avail_in == 0)
				break;
			if (inflateReset(gzip) != Z_OK) /* the next member */
				return false;
		}
		else if (result != Z_OK || (gzip->avail_in == 0 && gzip->avail_out > 0))
			return false;
	}
	if (used > max)
		return false;
	*out = bench->plain;
	*out_len = used;
	return true;
}

bool
pack_body(const void *data, size_t len, const void **frame, size_t *frame_len)
{
	Bench *bench = this_thread();
	size_t written;

	if (bench == NULL || !make_room(&bench->frame, &bench->frame_size, ZSTD_compressBound(len), false))
		return false;
	if (bench->zstd == NULL && (bench->zstd = ZSTD_createCCtx()) == NULL)
		return false;
	written = ZSTD_compressCCtx(bench->zstd, bench->frame, bench->frame_size, data, len, LEVEL);
	if (ZSTD_isError(written))
		return false;
	*frame = bench->frame;
	*frame_len = written;
	return true;
}
