/*
 * util.c - memory, clocks, files, gzip and the body hash
 *
 * This is a program for tests: out of memory, or a file that is not there, ends it with a message.
 */
#include "replay.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <zlib.h>

#define MAX_INFLATED_BYTES (64 << 20)

void *
need(void *memory)
{
	if (memory == NULL)
		fail("out of memory");
	return memory;
}

void
fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("openreplay-replay: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

static int64_t
read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t
wall_ms(void)
{
	return read_clock(CLOCK_REALTIME) / 1000000;
}

int64_t
clock_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint8_t *
read_whole_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	struct stat status;
	uint8_t *data;

	if (file == NULL)
		return NULL;
	if (fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode))
	{
		fclose(file);
		return NULL;
	}
	data = need(malloc((size_t) status.st_size + 1));
	*len = fread(data, 1, (size_t) status.st_size, file);
	data[*len] = '\0';
	fclose(file);
	return data;
}

/* Two lanes of multiply-and-fold, eight bytes each a step: the hash must cost less than sending the body. */
uint64_t
hash_bytes(const void *data, size_t len)
{
	const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
	const uint8_t *bytes = data;
	uint64_t a = len * factor;
	uint64_t b = ~len;
	uint64_t word;
	size_t left = len;

	for (; left >= 16; left -= 16, bytes += 16)
	{
		memcpy(&word, bytes, 8);
		a = (a ^ word) * factor;
		a ^= a >> 29;
		memcpy(&word, bytes + 8, 8);
		b = (b ^ word) * factor;
		b ^= b >> 31;
	}
	for (; left > 0; left--, bytes++)
	{
		a = (a ^ *bytes) * factor;
		a ^= a >> 29;
	}
	a ^= b * UINT64_C(0xc2b2ae3d27d4eb4f);
	a ^= a >> 32;
	a *= factor;
	return a ^ (a >> 29);
}

uint8_t *
inflate_gzip(const uint8_t *data, size_t len, size_t *out_len)
{
	z_stream stream = {.next_in = (Bytef *) data, .avail_in = (uInt) len};
	size_t room = len * 4 + 1024;
	uint8_t *out = need(malloc(room));
	int result;

	if (inflateInit2(&stream, 15 + 16) != Z_OK)
		fail("zlib: %s", stream.msg ? stream.msg : "out of memory");
	for (;;)
	{
		stream.next_out = out + stream.total_out;
		stream.avail_out = (uInt) (room - stream.total_out);
		result = inflate(&stream, Z_NO_FLUSH);
		if (result != Z_OK || stream.avail_out > 0 || room >= MAX_INFLATED_BYTES)
			break;
		room *= 2;
		out = need(realloc(out, room));
	}
	*out_len = stream.total_out;
	inflateEnd(&stream);
	if (result == Z_STREAM_END)
		return out;
	free(out);
	return NULL;
}

/* Level 6, as browsers' CompressionStream does. */
uint8_t *
deflate_gzip(const uint8_t *data, size_t len, size_t *out_len)
{
	z_stream stream = {.next_in = (Bytef *) data, .avail_in = (uInt) len};
	uint8_t *out;
	size_t room;

	if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		fail("zlib: %s", stream.msg ? stream.msg : "out of memory");
	room = deflateBound(&stream, len);
	out = need(malloc(room));
	stream.next_out = out;
	stream.avail_out = (uInt) room;
	if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
		fail("zlib: a body does not fit its bound");
	*out_len = stream.total_out;
	deflateEnd(&stream);
	return out;
}
