/*
 * start_request_test.c - the JSON of a start, as trackers and mischief makers write it
 */
#include "server/client_json.c"
#include "server/start_request.c"

#include "check.h"

static char why[256];

static bool
reads(const char *json, StartRequest *start)
{
	why[0] = '\0';
	return read_start_request(START_WEB, (const uint8_t *) json, strlen(json), start, why, sizeof(why));
}

static void
test_values(void)
{
	StartRequest start;

	CHECK(
		reads("{\"projectKey\":\"k\",\"trackerVersion\":\"19.0.1\",\"revID\":\"r\",\"userUUID\":null,\"userID\":\"u\","
			  "\"timezone\":\"UTC+02:00\",\"token\":\"t\",\"timestamp\":1759999999986,\"bufferDiff\":25000,"
			  "\"deviceMemory\":8192,\"jsHeapSizeLimit\":4294705152,\"width\":1920,\"height\":1080,\"reset\":true,"
			  "\"doNotRecord\":true,\"isOffline\":true,\"isSnippet\":false,\"other\":{\"projectKey\":\"no\"}}",
			  &start));
	CHECK_TEXT(start.project_key, "k");
	CHECK_TEXT(start.tracker_version, "19.0.1");
	CHECK_TEXT(start.user_id, "u");
	CHECK(start.user_uuid == NULL);
	CHECK_INT(start.timestamp, INT64_C(1759999999986));
	CHECK_INT(start.buffer_diff, 25000);
	CHECK_INT(start.heap_size, INT64_C(4294705152));
	CHECK_INT(start.width, 1920);
	CHECK(start.reset && start.do_not_record && start.is_offline);
	free_start_request(&start);

	CHECK(reads("{}", &start));
	CHECK(start.project_key == NULL && start.timestamp == 0 && !start.reset);
	free_start_request(&start);
}

static void
test_leniency(void)
{
	StartRequest start;

	/* letter case: exact wins wherever it stands */
	CHECK(reads("{\"projectKey\":\"exact\",\"PROJECTKEY\":\"loud\",\"donotrecord\":true}", &start));
	CHECK_TEXT(start.project_key, "exact");
	CHECK(start.do_not_record);
	free_start_request(&start);

	/* types: a wrong one is as if missing; numbers are rounded and kept in range */
	CHECK(reads("{\"projectKey\":5,\"timestamp\":\"1\",\"width\":10.5,\"height\":-3,\"deviceMemory\":1e18,"
				"\"jsHeapSizeLimit\":99999999999999999999999,\"reset\":1,\"bufferDiff\":null}",
				&start));
	CHECK(start.project_key == NULL);
	CHECK_INT(start.timestamp, 0);
	CHECK_INT(start.width, 11);
	CHECK_INT(start.height, 0);
	CHECK_INT(start.device_memory, INT32_MAX);
	CHECK_INT(start.heap_size, INT64_C(9007199254740991));
	CHECK(!start.reset);
	free_start_request(&start);
	CHECK(reads("{\"timestamp\":-1.5}", &start));
	CHECK_INT(start.timestamp, -2);
	free_start_request(&start);
}

static void
test_text(void)
{
	StartRequest start;

	/* halves of surrogate pairs, in every position; whole pairs stay */
	CHECK(reads("{\"userID\":\"\\ud83d\\ude00|\\ud83d|\\ude00|\\ud83d\\ud83d\\ude00\"}", &start));
	CHECK_TEXT(start.user_id, "\xf0\x9f\x98\x80|\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd\xf0\x9f\x98\x80");
	free_start_request(&start);
	CHECK(reads("{\"userID\":\"\\\\ud83d\"}", &start)); /* an escaped backslash is no escape */
	CHECK_TEXT(start.user_id, "\\ud83d");
	free_start_request(&start);
	CHECK(reads("{\"userID\":\"a\\u0000b\xff\xc3\"}", &start));
	CHECK_TEXT(start.user_id, "ab\xef\xbf\xbd\xef\xbf\xbd");
	free_start_request(&start);
	CHECK(!reads("{\"userID\":\"\\ud8", &start));
	free_start_request(&start);
	CHECK(!reads("{\"userID\":\"\\", &start));
	free_start_request(&start);
}

static void
test_refusals(void)
{
	static const char *const bad[] = {"",		 " ",		  "{", "[]", "null", "\"projectKey\"", "{\"a\":1} x",
									  "{'a':1}", "{\"a\":01}"};
	char deep[200];
	StartRequest start;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		CHECK(!reads(bad[i], &start));
		CHECK(why[0] != '\0');
		free_start_request(&start);
	}
	memset(deep, '[', sizeof(deep));
	deep[sizeof(deep) - 1] = '\0';
	CHECK(!reads(deep, &start));
	CHECK_TEXT(why, "JSON is nested too deeply");
	free_start_request(&start);
	CHECK(reads("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}",
				&start));
	free_start_request(&start);
}

static void
test_versions(void)
{
	CHECK(is_old_tracker("4.1.5"));
	CHECK(is_old_tracker("3.9.9"));
	CHECK(is_old_tracker("4.0.10-beta"));
	CHECK(!is_old_tracker("4.1.6"));
	CHECK(!is_old_tracker("4.2.0"));
	CHECK(!is_old_tracker("14.0.14"));
	CHECK(!is_old_tracker("development"));
	CHECK(!is_old_tracker(""));
}

int
main(void)
{
	test_values();
	test_leniency();
	test_text();
	test_refusals();
	test_versions();
	return check_summary("start_request");
}
