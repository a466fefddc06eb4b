/*
 * visit_test.c - session ids, visitor ids, texts
 */
#include "visit/visit.h"

#include "check.h"

#include <stdlib.h>

/* ---- session ids ---- */

static void
test_id_parts(void)
{
	SessionIds ids;
	uint64_t id = 0;

	session_ids_init(&ids, 0x1234);
	for (int i = 0; i < 8; i++)
		id = next_session_id(&ids, INT64_C(1760000000123));
	CHECK_INT(id, INT64_C(3523215362064790535));
	CHECK_INT(id, INT64_C(0x30e4f9b47b123407));
	CHECK_INT(session_id_ms(id), INT64_C(1760000000123));
	CHECK_INT(session_id_ms(UINT64_MAX), VISIT_EPOCH_MS + (INT64_C(1) << 40) - 1);
}

static void
test_id_sequence(void)
{
	const int64_t now = INT64_C(1760000000000);
	SessionIds ids;
	uint64_t last = 0;

	session_ids_init(&ids, 65535);
	for (unsigned i = 0; i < 256; i++)
	{
		uint64_t id = next_session_id(&ids, now);

		CHECK_INT(id & 0xff, i);
		CHECK(id > last);
		last = id;
	}
	CHECK_INT(next_session_id(&ids, now), 0);
	CHECK_INT(next_session_id(&ids, now), 0);
	CHECK(next_session_id(&ids, now + 1) > last);
}

static void
test_id_clock(void)
{
	const int64_t last_ms = VISIT_EPOCH_MS + (INT64_C(1) << 40) - 1;
	const int64_t now = INT64_C(1760000000000);
	SessionIds ids;
	uint64_t last;

	/* an hour back: ids still grow, and starts are not refused until the clock has caught up */
	session_ids_init(&ids, 7);
	last = next_session_id(&ids, now);
	for (int i = 0; i < 1000; i++)
	{
		uint64_t id = next_session_id(&ids, now - 3600000 + i / 300);

		CHECK(id > last);
		CHECK_INT(id >> 8 & 0xffff, 7);
		last = id;
	}
	CHECK_INT(session_id_ms(last), now + 3);
	CHECK(next_session_id(&ids, now + 100) > last);

	/* a clock that cannot be right */
	session_ids_init(&ids, 7);
	CHECK_INT(next_session_id(&ids, 0), 0);
	CHECK_INT(next_session_id(&ids, INT64_MIN), 0);
	CHECK_INT(next_session_id(&ids, VISIT_EPOCH_MS), 0);
	CHECK_INT(next_session_id(&ids, last_ms + 1), 0);
	CHECK_INT(next_session_id(&ids, INT64_MAX), 0);
	CHECK_INT(session_id_ms(next_session_id(&ids, VISIT_EPOCH_MS + 1)), VISIT_EPOCH_MS + 1);
	CHECK_INT(session_id_ms(next_session_id(&ids, last_ms)), last_ms);
	for (int i = 0; i < 255; i++)
		CHECK(next_session_id(&ids, last_ms - 1) != 0);
	CHECK_INT(next_session_id(&ids, last_ms - 1), 0);
}

static int
compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a;
	uint64_t y = *(const uint64_t *) b;

	return x < y ? -1 : x > y;
}

static void
test_ids_differ(void)
{
	enum
	{
		COUNT = 200000
	};
	uint64_t *ids = malloc(COUNT * sizeof(*ids));
	SessionIds servers[2];
	int64_t now = INT64_C(1760000000000);
	int count = 0;
	int repeated = 0;

	if (ids == NULL)
		abort();
	session_ids_init(&servers[0], 1);
	session_ids_init(&servers[1], 2);
	srand(1);
	while (count < COUNT)
	{
		uint64_t id = next_session_id(&servers[rand() % 2], now);

		if (id == 0 || rand() % 100 == 0)
			now += rand() % 7 - 2; /* a clock that also steps back */
		if (id != 0)
			ids[count++] = id;
	}
	qsort(ids, COUNT, sizeof(*ids), compare_ids);
	for (int i = 1; i < COUNT; i++)
		repeated += ids[i] == ids[i - 1];
	CHECK_INT(repeated, 0);
	free(ids);
}

static void
check_even(const int *shards, int mean)
{
	for (int i = 0; i < VISIT_SHARDS; i++)
		CHECK(shards[i] > mean * 8 / 10 && shards[i] < mean * 12 / 10);
}

static void
test_shards(void)
{
	int burst[VISIT_SHARDS] = {0};
	int trickle[VISIT_SHARDS] = {0};
	int servers[VISIT_SHARDS] = {0};
	SessionIds ids;

	/* the published outputs of splitmix64 from seed 0 begin e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f */
	CHECK_INT(session_shard(UINT64_C(0x9e3779b97f4a7c15)), 0xe2 >> 2);
	CHECK_INT(session_shard(UINT64_C(0x9e3779b97f4a7c15) * 2), 0x6e >> 2);
	CHECK_INT(session_shard(UINT64_C(0x9e3779b97f4a7c15) * 3), 0x06 >> 2);
	CHECK_INT(session_shard(0), 0);

	session_ids_init(&ids, 1);
	for (int i = 0; i < 64000; i++)
	{
		burst[session_shard(next_session_id(&ids, INT64_C(1760000000000) + i / 256))]++;
		trickle[session_shard(next_session_id(&ids, INT64_C(1760000001000) + INT64_C(1000) * i))]++;
		servers[session_shard(UINT64_C(0x30e4f9b47b000000) | (uint64_t) i << 8)]++;
	}
	check_even(burst, 1000);
	check_even(trickle, 1000);
	check_even(servers, 1000);
}

/* ---- visitors ---- */

static void
check_uuid(const char *text, bool accepted)
{
	char uuid[VISIT_UUID_SIZE] = "";

	CHECK(parse_uuid(text, strlen(text), uuid) == accepted);
	if (accepted)
		CHECK_TEXT(uuid, "7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5");
}

static void
test_uuids(void)
{
	char uuid[VISIT_UUID_SIZE];
	char other[VISIT_UUID_SIZE];

	check_uuid("7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5", true);
	check_uuid("7F0C1D2E-3A4B-4C5D-8E6F-708192A3B4C5", true);
	check_uuid("7f0c1d2e3a4b4c5d8e6f708192a3b4c5", true);
	check_uuid("{7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5}", true);
	check_uuid("urn:uuid:7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5", true);
	check_uuid("URN:UUID:7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5", true);

	check_uuid("", false);
	check_uuid("null", false);
	check_uuid("7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c", false);
	check_uuid("7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c55", false);
	check_uuid("7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4cg", false);
	check_uuid("7f0c1d2e-3a4b-4c5d-8e6f+708192a3b4c5", false);
	check_uuid("7f0c1d2e3-a4b-4c5d-8e6f-708192a3b4c5", false);
	check_uuid("(7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5)", false);
	check_uuid("{7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5)", false);
	check_uuid("{7f0c1d2e3a4b4c5d8e6f708192a3b4c5}", false);
	check_uuid("urn:uid::7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5", false);
	check_uuid("7f0c1d2e3a4b4c5d8e6f708192a3b4c ", false);

	make_uuid(uuid);
	make_uuid(other);
	CHECK_INT(strlen(uuid), 36);
	CHECK(strcmp(uuid, other) != 0);
	CHECK(uuid[14] == '4');
	CHECK(strchr("89ab", uuid[19]) != NULL);
	CHECK(parse_uuid(uuid, 36, other));
	CHECK_TEXT(other, uuid);
}

#define R "\xef\xbf\xbd"

static void
check_clean(const char *text, size_t len, size_t max_chars, const char *expected)
{
	char out[256];
	char *exact = malloc(len + 1); /* so that ASan sees a read past len */

	if (exact == NULL)
		abort();
	memcpy(exact, text, len);
	CHECK_INT(clean_text(exact, len, max_chars, out), strlen(expected));
	CHECK_TEXT(out, expected);
	free(exact);
}

static void
test_clean_text(void)
{
#define CLEAN(text, expected) check_clean(text, sizeof(text) - 1, 0, expected)
#define CUT(text, max_chars, expected) check_clean(text, sizeof(text) - 1, max_chars, expected)
	CLEAN("", "");
	CLEAN("plain", "plain");
	CLEAN("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\x89", "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\x89");
	CLEAN("a\0b\0", "ab");
	CLEAN("\0", "");
	CLEAN("\x80\xbf", R R); /* continuations of nothing */
	CLEAN("a\xc3", "a" R);	/* cut at the end */
	CLEAN("\xe2\x82", R);	/* one beginning, one mark */
	CLEAN("\xf0\x9f\x8e"
		  "a",
		  R "a");
	CLEAN("\xc3(", R "(");
	CLEAN("\xc0\x80\xc1\xbf", R R R R); /* overlong */
	CLEAN("\xe0\x80\x80\xe0\x9f\xbf", R R R R R R);
	CLEAN("\xf0\x80\x80\x80", R R R R);
	CLEAN("\xed\xa0\x80", R R R);										   /* a surrogate */
	CLEAN("\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80");		   /* its neighbours */
	CLEAN("\xf4\x8f\xbf\xbf\xf4\x90\x80\x80", "\xf4\x8f\xbf\xbf" R R R R); /* past U+10FFFF */
	CLEAN("\xf5\xff\xfe", R R R);
	CLEAN("\xc3\0\xa9", R R); /* NUL breaks a sequence, then goes */

	CUT("abcdef", 3, "abc");
	CUT("abc", 3, "abc");
	CUT("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 2, "\xe2\x82\xac\xe2\x82\xac");
	CUT("\xff\xff\xff", 1, R);
	CUT("a\0b\0c", 2, "ab");
#undef CLEAN
#undef CUT
}

static void
check_mended(const char *json, const char *expected)
{
	char text[100];
	size_t len = strlen(json);
	char *exact = malloc(len); /* so that reading past the end is seen */

	memcpy(exact, json, len);
	mend_surrogates(exact, len);
	memcpy(text, exact, len);
	text[len] = '\0';
	free(exact);
	CHECK_TEXT(text, expected);
}

static void
test_surrogates(void)
{
	check_mended("\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\"");
	check_mended("\"\\ud83d\"", "\"\\ufffd\"");
	check_mended("\"\\uDE00x\"", "\"\\ufffdx\"");
	check_mended("\"\\ud83d\\ud83d\\ude00\\ude00\"", "\"\\ufffd\\ud83d\\ude00\\ufffd\"");
	check_mended("\"\\\\ud83d\\n\\u00e4\"", "\"\\\\ud83d\\n\\u00e4\""); /* an escaped backslash is no escape */
	check_mended("\\ud83d\\u", "\\ufffd\\u");
	check_mended("\\ud83", "\\ud83");
	check_mended("\\", "\\");
	check_mended("x\\\\", "x\\\\");
	check_mended("", "");
}

static void
test_ios_models(void)
{
	CHECK_TEXT(ios_model_name("iPhone15,2"), "iPhone 14 Pro");
	CHECK_TEXT(ios_model_name("iPhone5,2"), "iPhone 5");
	CHECK_TEXT(ios_model_name("iPad2,7"), "iPad mini");
	CHECK_TEXT(ios_model_name("iPad8,12"), "iPad Pro (12.9-inch) (4th generation)");
	CHECK_TEXT(ios_model_name("arm64"), "Simulator");
	CHECK_TEXT(ios_model_name("iPhone99,1"), "iPhone99,1");
	CHECK_TEXT(ios_model_name(""), "");
}

int
main(void)
{
	test_id_parts();
	test_id_sequence();
	test_id_clock();
	test_ids_differ();
	test_shards();
	test_uuids();
	test_clean_text();
	test_surrogates();
	test_ios_models();
	return check_summary("visit");
}
