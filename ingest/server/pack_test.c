/*
 * pack_test.c - gzip streams of all kinds, zstd frames
 */
#include "server/pack.c"

#include <stdio.h>
#include <string.h>

#include "check.h"

#define ROOM 4000000

static uint8_t plain[3000000];
static uint8_t packed[ROOM];

/* Appends one gzip member; returns the new length. */
static size_t
add_member(size_t at, const uint8_t *data, size_t len)
{
	z_stream stream = {0};

	CHECK_INT(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_in = (Bytef *) data;
	stream.avail_in = (uInt) len;
	stream.next_out = packed + at;
	stream.avail_out = (uInt) (ROOM - at);
	CHECK_INT(deflate(&stream, Z_FINISH), Z_STREAM_END);
	at += stream.total_out;
	deflateEnd(&stream);
	return at;
}

static void
test_gzip(void)
{
	const uint8_t *out;
	size_t out_len;
	size_t len;

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t) (i * i >> 7);

	/* one member, several members, an empty one */
	len = add_member(0, plain, 1000);
	CHECK(inflate_gzip(packed, len, 1000, &out, &out_len) && out_len == 1000 && memcmp(out, plain, 1000) == 0);
	CHECK(!inflate_gzip(packed, len, 999, &out, &out_len));
	len = add_member(len, plain + 1000, 200000);
	len = add_member(len, plain, 0);
	CHECK(inflate_gzip(packed, len, 1 << 20, &out, &out_len) && out_len == 201000 && memcmp(out, plain, out_len) == 0);
	len = add_member(0, plain, 0);
	CHECK(inflate_gzip(packed, len, 1 << 20, &out, &out_len) && out_len == 0);

	/* cut off, garbage after the end, not gzip at all, nothing */
	len = add_member(0, plain, 5000);
	for (size_t cut = 0; cut < len; cut += 7)
		CHECK(!inflate_gzip(packed, cut, 1 << 20, &out, &out_len));
	packed[len] = 'x';
	CHECK(!inflate_gzip(packed, len + 1, 1 << 20, &out, &out_len));
	CHECK(!inflate_gzip((const uint8_t *) "{\"projectKey\":1}", 16, 1 << 20, &out, &out_len));

	/* large, and a bomb at its cap: exactly the cap passes, one byte more does not */
	len = add_member(0, plain, sizeof(plain));
	CHECK(inflate_gzip(packed, len, sizeof(plain), &out, &out_len) && out_len == sizeof(plain));
	CHECK(memcmp(out, plain, sizeof(plain)) == 0);
	CHECK(!inflate_gzip(packed, len, sizeof(plain) - 1, &out, &out_len));

	/* a small one afterwards gives the large buffer back */
	len = add_member(0, plain, 10);
	CHECK(inflate_gzip(packed, len, 1 << 20, &out, &out_len) && out_len == 10);
	CHECK(this_thread()->plain_size <= KEEP_BYTES);
}

static void
test_zstd(void)
{
	const void *frame;
	size_t frame_len;
	static uint8_t back[sizeof(plain)];

	for (size_t len = 0; len <= sizeof(plain); len = len * 3 + 1)
	{
		CHECK(pack_body(plain, len, &frame, &frame_len));
		CHECK_INT(ZSTD_getFrameContentSize(frame, frame_len), len);
		CHECK_INT(ZSTD_decompress(back, sizeof(back), frame, frame_len), len);
		CHECK(memcmp(back, plain, len) == 0);
	}
}

int
main(void)
{
	test_gzip();
	test_zstd();
	free_bench(this_thread());
	return check_summary("pack");
}
