/*
 * body_fuzz.c - libFuzzer target: what a client sends as a body
 *
 * Gzip and JSON; what starts make of it is start_request_fuzz.c's.  Besides memory errors: what was compressed comes
 * back, one byte more than allowed never does, and texts that were read are storable.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "server/client_json.h"
#include "server/pack.h"
#include "visit/visit.h"

#define INFLATED_MAX 200000

static void
require(bool ok)
{
	if (!ok)
		abort();
}

static void
fuzz_inflate(const uint8_t *data, size_t size)
{
	const uint8_t *plain;
	size_t len;

	if (inflate_gzip(data, size, INFLATED_MAX, &plain, &len))
		require(len <= INFLATED_MAX);
}

/* The input as what was compressed: whole, in two members, with too low a limit, cut, and with a wrong byte. */
static void
fuzz_gzip(const uint8_t *data, size_t size)
{
	z_stream stream = {0};
	uint8_t *packed = malloc(2 * (size + 1000));
	const uint8_t *plain;
	size_t packed_len;
	size_t len;

	require(packed != NULL && deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	stream.next_in = (Bytef *) data;
	stream.avail_in = (uInt) size;
	stream.next_out = packed;
	stream.avail_out = (uInt) (size + 1000);
	require(deflate(&stream, Z_FINISH) == Z_STREAM_END);
	packed_len = stream.total_out;
	deflateEnd(&stream);

	require(inflate_gzip(packed, packed_len, size, &plain, &len) && len == size && memcmp(plain, data, size) == 0);
	if (size > 0)
	{
		require(!inflate_gzip(packed, packed_len, size - 1, &plain, &len));
		require(!inflate_gzip(packed, packed_len - 1 - data[0] % packed_len % 20, size, &plain, &len));
		packed[(data[0] * 256 + data[size - 1]) % packed_len] ^= 1 + data[size / 2] % 255;
		fuzz_inflate(packed, packed_len);
		packed[(data[0] * 256 + data[size - 1]) % packed_len] ^= 1 + data[size / 2] % 255;
	}
	memcpy(packed + packed_len, packed, packed_len);
	require(inflate_gzip(packed, 2 * packed_len, 2 * size, &plain, &len) && len == 2 * size);
	free(packed);
}

static void
require_clean(const char *text)
{
	size_t len = strlen(text);
	char *again = malloc(3 * len + 1);

	require(again != NULL && clean_text(text, len, 0, again) == len && memcmp(again, text, len) == 0);
	free(again);
}

static void
fuzz_members(const uint8_t *data, size_t size)
{
	char error[256] = "";
	json_t *object = read_client_json(data, size, error, sizeof(error));
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		char *text = client_text(value, 100);

		require(text != NULL);
		require_clean(text);
		free(text);
		client_number(value);
		require(json_is_null(value) || client_member(object, name) == value);
	}
	json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_inflate(data, size);
	fuzz_gzip(data, size);
	fuzz_members(data, size);
	return 0;
}
