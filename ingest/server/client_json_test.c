/*
 * client_json_test.c - what is read out of the JSON of clients
 */
#include "server/client_json.c"

#include "check.h"

static char why[256];

static json_t *
read_text(const char *text)
{
	return read_client_json((const uint8_t *) text, strlen(text), why, sizeof(why));
}

static void
check_refused(const char *text, const char *reason)
{
	CHECK(read_text(text) == NULL);
	if (reason != NULL)
		CHECK_TEXT(why, reason);
}

static void
check_text(const json_t *object, const char *name, size_t max_chars, const char *expected)
{
	char *text = client_text(client_member(object, name), max_chars);

	CHECK_TEXT(text, expected);
	free(text);
}

static void
check_members(void)
{
	json_t *object = read_text("{\"testid\":1,\"TESTID\":2,\"testId\":3,\"Other\":4,\"other\":null,\"none\":null}");

	CHECK_INT(client_number(client_member(object, "testId")), 3);
	CHECK_INT(client_number(client_member(object, "TESTID")), 2);
	CHECK_INT(client_number(client_member(object, "Other")), 4);
	/* the exact name wins, also with nothing in it */
	CHECK(client_member(object, "other") == NULL);
	CHECK_INT(client_number(client_member(object, "OTHER")), 4);
	CHECK(client_member(object, "none") == NULL && client_member(object, "missing") == NULL);
	CHECK(client_member(NULL, "missing") == NULL);
	json_decref(object);
}

static void
check_texts(void)
{
	json_t *object =
		read_text("{\"s\":\"a\\u0000b\\ud83d\\ude00\\ud83dc\",\"i\":10,\"f\":0.5,\"big\":123456789012345678901,"
				  "\"t\":true,\"n\":null,\"o\":{},\"l\":[1]}");

	check_text(object, "s", 0,
			   "ab\xf0\x9f\x98\x80\xef\xbf\xbd"
			   "c");
	check_text(object, "s", 3, "ab\xf0\x9f\x98\x80");
	check_text(object, "i", 0, "10");
	check_text(object, "f", 0, "0.5");
	check_text(object, "big", 0, "1.23456789012346e+20");
	check_text(object, "t", 0, "true");
	check_text(object, "n", 0, "");
	check_text(object, "o", 0, "");
	check_text(object, "l", 0, "");
	json_decref(object);
}

static void
check_numbers(void)
{
	json_t *object =
		read_text("{\"a\":12.9,\"b\":\"13\",\"c\":-5,\"d\":1e300,\"e\":\"1e300\",\"f\":\"nan\",\"g\":\"x\","
				  "\"h\":true,\"i\":9007199254740991}");

	CHECK_INT(client_number(client_member(object, "a")), 12);
	CHECK_INT(client_number(client_member(object, "b")), 13);
	CHECK_INT(client_number(client_member(object, "c")), -5);
	CHECK_INT(client_number(client_member(object, "d")), 0);
	CHECK_INT(client_number(client_member(object, "e")), 0);
	CHECK_INT(client_number(client_member(object, "f")), 0);
	CHECK_INT(client_number(client_member(object, "g")), 0);
	CHECK_INT(client_number(client_member(object, "h")), 0);
	CHECK_INT(client_number(client_member(object, "i")), INT64_C(9007199254740991));
	CHECK_INT(client_number(NULL), 0);
	json_decref(object);
}

/* U+0000 is nowhere, and what only looks like it stays. */
static void
check_nul(void)
{
	json_t *object =
		read_text("{\"k\\u0000ey\":\"a\\u0000\\u0000\",\"\\\\u0000\":\"\\\\u0000\\\\\\u0000\",\"\\u0000\":5}");

	check_text(object, "key", 0, "a");
	check_text(object, "\\u0000", 0, "\\u0000\\");
	CHECK_INT(client_number(json_object_get(object, "")), 5);
	CHECK_INT(json_object_size(object), 3);
	json_decref(object);
	check_refused("{\"a\":\"\\", NULL);
	check_refused("{\"a\":\"\\u000", NULL);
}

int
main(void)
{
	check_refused("", NULL);
	check_refused("{\"a\":", NULL);
	check_refused("[1]", "a JSON object is expected");
	check_refused("7", NULL);
	check_members();
	check_texts();
	check_numbers();
	check_nul();
	return check_summary("client_json");
}
