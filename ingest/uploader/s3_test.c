/*
 * s3_test.c - where a bucket is, how keys are written, what may be tried again, what lists and answers say
 */
#include "uploader/s3_request.c"
#include "uploader/storage_s3.c"

#include "check.h"

static const char *
bucket_url(const char *addressing, const char *endpoint)
{
	static char url[URL_SIZE];
	Settings settings = {
		.aws_endpoint = (char *) endpoint,
		.aws_region = (char *) "eu-west-1",
		.bucket_name = (char *) "mobs",
		.s3_addressing = (char *) addressing,
	};
	char *made = make_bucket_url(&settings);

	snprintf(url, sizeof(url), "%s", made);
	free(made);
	return url;
}

static void
test_bucket_urls(void)
{
	CHECK_TEXT(bucket_url("auto", ""), "https://mobs.s3.eu-west-1.amazonaws.com");
	CHECK_TEXT(bucket_url("virtual", ""), "https://mobs.s3.eu-west-1.amazonaws.com");
	CHECK_TEXT(bucket_url("path", ""), "https://s3.eu-west-1.amazonaws.com/mobs");
	CHECK_TEXT(bucket_url("auto", "https://minio.test:9000"), "https://minio.test:9000/mobs");
	CHECK_TEXT(bucket_url("path", "https://minio.test:9000//"), "https://minio.test:9000/mobs");
	CHECK_TEXT(bucket_url("virtual", "http://minio.test:9000/"), "http://mobs.minio.test:9000");
	CHECK_TEXT(bucket_url("auto", "https://host/a/b/"), "https://host/a/b/mobs");
}

static const char *
request_url(const char *key, const char *query)
{
	static char url[URL_SIZE];
	S3 s3 = {.url = (char *) "https://h/b"};
	Request request = {.key = key, .query = query};

	return make_url(url, &s3, &request) ? url : "(too long)";
}

static void
test_request_urls(void)
{
	char longest[URL_SIZE];

	CHECK_TEXT(request_url("", "list-type=2&prefix=1%2F"), "https://h/b?list-type=2&prefix=1%2F");
	CHECK_TEXT(request_url("1/dom.mobs", ""), "https://h/b/1/dom.mobs");
	CHECK_TEXT(request_url("https!3A!2F!2Fh!2Fa-b_c~d.css.7", ""),
			   "https://h/b/https%213A%212F%212Fh%212Fa-b_c~d.css.7");
	CHECK_TEXT(request_url("a b+c%d'(e)*f&g=h?i#j", "uploads="),
			   "https://h/b/a%20b%2Bc%25d%27%28e%29%2Af%26g%3Dh%3Fi%23j?uploads=");
	CHECK_TEXT(request_url("caf\xc3\xa9", ""), "https://h/b/caf%C3%A9");
	/* a key of 1,024 bytes fits, whatever they are */
	memset(longest, '!', sizeof(longest));
	longest[1024] = '\0';
	CHECK_INT(strlen(request_url(longest, "uploads=")), 11 + 1 + 3 * 1024 + 9);
	memset(longest, '!', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	CHECK_TEXT(request_url(longest, ""), "(too long)");
}

static void
test_retries(void)
{
	static const struct
	{
		long status;
		const char *code;
		bool again;
	} cases[] = {
		{500, "InternalError", true},
		{503, "SlowDown", true},
		{502, "", true},
		{408, "", true},
		{429, "", true},
		{400, "RequestTimeout", true},
		{400, "BadDigest", true},
		{400, "XAmzContentSHA256Mismatch", true},
		{409, "OperationAborted", true},
		{200, "InternalError", true}, /* of an upload in parts */
		{400, "InvalidArgument", false},
		{403, "SignatureDoesNotMatch", false},
		{403, "RequestTimeTooSkewed", false},
		{404, "NoSuchBucket", false},
		{409, "BucketNotEmpty", false},
		{301, "PermanentRedirect", false}, /* another region's */
		{307, "TemporaryRedirect", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Answer answer = {.status = cases[i].status};

		snprintf(answer.code, sizeof(answer.code), "%s", cases[i].code);
		check_report(may_pass(&answer) == cases[i].again, __FILE__, __LINE__, "may_pass: ", cases[i].code);
	}
}

static void
test_pauses(void)
{
	Answer answer = {0};

	for (int attempt = 1; attempt < TRIES; attempt++)
	{
		int64_t middle_ms = FIRST_PAUSE_MS << (attempt - 1);
		int64_t pause_ms = next_pause(attempt, &answer);

		CHECK(pause_ms >= middle_ms / 2 && pause_ms <= middle_ms * 3 / 2);
	}
	snprintf(answer.retry_after, sizeof(answer.retry_after), "4");
	CHECK_INT(next_pause(1, &answer), 4000);
	snprintf(answer.retry_after, sizeof(answer.retry_after), "86400");
	CHECK_INT(next_pause(1, &answer), LONGEST_PAUSE_MS);
	snprintf(answer.retry_after, sizeof(answer.retry_after), "99999999999999999999999999999");
	CHECK(next_pause(1, &answer) <= LONGEST_PAUSE_MS);
	/* a date, or nonsense, asks for nothing */
	snprintf(answer.retry_after, sizeof(answer.retry_after), "Wed, 21 Oct 2026 07:28:00 GMT");
	CHECK(next_pause(1, &answer) < 1000);
	snprintf(answer.retry_after, sizeof(answer.retry_after), "-99999999999999999999");
	CHECK(next_pause(1, &answer) < 1000);
}

static const char *
header(const char *line, const char *name)
{
	static char value[16];

	value[0] = '\0';
	find_header(line, strlen(line), name, value, sizeof(value));
	return value;
}

static void
test_answers(void)
{
	static const char list[] = "<Key>1/a&amp;b</Key><Key>2</Key><Key>3";
	const char *pos = list;
	char text[16];
	char escaped[] = "&amp;&lt;&gt;&quot;&apos;&#38;&#x26;&#xe9;&#;&amp;amp;&nbsp;&";

	CHECK_TEXT(header("ETag: \"abc\"\r\n", "etag:"), "\"abc\"");
	CHECK_TEXT(header("etag:\"abc\"", "etag:"), "\"abc\"");
	CHECK_TEXT(header("ETag:   \r\n", "etag:"), "");
	CHECK_TEXT(header("ETag", "etag:"), "");
	CHECK_TEXT(header("X-ETag: a", "etag:"), "");
	CHECK_TEXT(header("ETag: 01234567890123456789", "etag:"), "012345678901234");

	CHECK(find_element(&pos, "Key", text, sizeof(text)));
	CHECK_TEXT(text, "1/a&amp;b");
	CHECK(find_element(&pos, "Key", text, sizeof(text)));
	CHECK_TEXT(text, "2");
	CHECK(!find_element(&pos, "Key", text, sizeof(text)));
	pos = "<Key>this is longer than what it shall fit into</Key>";
	CHECK(!find_element(&pos, "Key", text, sizeof(text)));
	pos = NULL;
	CHECK(!find_element(&pos, "Key", text, sizeof(text)));

	unescape_xml(escaped);
	CHECK_TEXT(escaped, "&<>\"'&&??&amp;&nbsp;&");
}

int
main(void)
{
	test_bucket_urls();
	test_request_urls();
	test_retries();
	test_pauses();
	test_answers();
	return check_summary("s3");
}
