/*
 * paths_test.c - the targets that trackers, proxies and mischief makers send
 */
#include "server/paths.c"

#include "check.h"

static const char *
cleaned(const char *target)
{
	static char path[CLEAN_PATH_SIZE];

	return clean_path(target, path) ? path : "too long";
}

int
main(void)
{
	char parameter[PATH_PARAMETER_SIZE];
	char huge[3000];

	CHECK_TEXT(cleaned("/v1/web/i"), "/v1/web/i");
	CHECK_TEXT(cleaned("/ingest/v1/web/i"), "/v1/web/i");
	CHECK_TEXT(cleaned("/ingest//v1///web/i?batch=1_2"), "/v1/web/i");
	CHECK_TEXT(cleaned("//ingest/v1/web/start"), "/v1/web/start");
	CHECK_TEXT(cleaned("http://host:80/ingest/v1/web/start?x"), "/v1/web/start");
	CHECK_TEXT(cleaned("https://host"), "/");
	CHECK_TEXT(cleaned("https://host?x=/v1/web/i"), "/");
	CHECK_TEXT(cleaned("/ingest"), "/");
	CHECK_TEXT(cleaned("/ingest?x"), "/");
	CHECK_TEXT(cleaned("/ingest/"), "/");
	CHECK_TEXT(cleaned("/ingestion"), "/ingestion");
	CHECK_TEXT(cleaned(""), "/");
	CHECK_TEXT(cleaned("?"), "/");
	CHECK_TEXT(cleaned("*"), "*");
	memset(huge, 'a', sizeof(huge));
	huge[sizeof(huge) - 1] = '\0';
	CHECK_TEXT(cleaned(huge), "too long");
	memset(huge, '/', sizeof(huge) - 1);
	CHECK_TEXT(cleaned(huge), "/");

	CHECK(match_path("/v1/web/i", "/v1/web/i", parameter) && !match_path("/v1/web/i", "/v1/web/", parameter));
	CHECK(match_path("/a/*", "/a/12", parameter));
	CHECK_TEXT(parameter, "12");
	CHECK(!match_path("/a/*", "/a/", parameter) && !match_path("/a/*", "/a", parameter));
	CHECK(!match_path("/a/*", "/a/1/2", parameter) && !match_path("/a/*", "/b/1", parameter));
	CHECK(match_path("/a/*", "/a/100000000000000000000000000000000000000", parameter));
	CHECK_INT(read_parameter(parameter), 0);
	CHECK_INT(read_parameter("12"), 12);
	CHECK_INT(read_parameter("0012"), 12);
	CHECK_INT(read_parameter("2147483647"), 2147483647);
	CHECK_INT(read_parameter("2147483648"), 0);
	CHECK_INT(read_parameter(""), 0);
	CHECK_INT(read_parameter("-1"), 0);
	CHECK_INT(read_parameter("1x"), 0);

	CHECK_INT(find_split("/v1/web/i?batch=3_1_900_kyes&split=712"), 712);
	CHECK_INT(find_split("/v1/web/i?split=5&batch=5_network:500_$3"), 5);
	CHECK_INT(find_split("/v1/web/i?batch=split=5"), -1);
	CHECK_INT(find_split("/v1/web/i?xsplit=5"), -1);
	CHECK_INT(find_split("/v1/web/i?split="), -1);
	CHECK_INT(find_split("/v1/web/i?split=-5"), -1);
	CHECK_INT(find_split("/v1/web/i?split=7x"), -1);
	CHECK_INT(find_split("/v1/web/i?split=99999999999999999999"), -1);
	CHECK_INT(find_split("/split=5"), -1);
	return check_summary("paths");
}
