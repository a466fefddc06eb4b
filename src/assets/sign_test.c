/*
 * sign_test.c - signed URLs against the example in Amazon's documentation
 */
#include <stdlib.h>

#include "check.h"
#include "assets/sign.h"

static const StorageKey example = {
	.bucket_url = "https://examplebucket.s3.amazonaws.com",
	.region = "us-east-1",
	.access_key_id = "AKIAIOSFODNN7EXAMPLE",
	.secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

static const char *
signed_url(const StorageKey *key, const char *object, unsigned valid_s)
{
	static char url[1024];
	WireWriter out = {.data = (uint8_t *) url, .size = sizeof(url) - 1};

	if (!sign_url(key, "GET", wire_string(object, strlen(object)), 1369353600, valid_s, &out))
		return "(none)";
	url[out.len] = '\0';
	return url;
}

int
main(void)
{
	static const char without_signature[] =
		"https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
		"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
		"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=";
	StorageKey key = example;
	char url[64];
	WireWriter small = {.data = (uint8_t *) url, .size = sizeof(url)};
	const char *text;

	CHECK_TEXT(strstr(signed_url(&example, "test.txt", 86400), "X-Amz-Signature="),
			   "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
	text = signed_url(&example, "test.txt", 86400);
	CHECK(strncmp(text, without_signature, strlen(without_signature)) == 0);

	/* a bucket in the path, with and without a slash at its end, is one bucket */
	key.bucket_url = "http://127.0.0.1:9000/mobs";
	CHECK(strncmp(signed_url(&key, "12/dom.mobs", 60), "http://127.0.0.1:9000/mobs/12/dom.mobs?", 39) == 0);
	text = strdup(signed_url(&key, "12/dom.mobs", 60));
	key.bucket_url = "http://127.0.0.1:9000/mobs//";
	CHECK_TEXT(signed_url(&key, "12/dom.mobs", 60), text);
	free((void *) text);
	CHECK(strncmp(signed_url(&key, "a b?c#d", 60), "http://127.0.0.1:9000/mobs/a%20b%3Fc%23d?", 41) == 0);

	key.bucket_url = "examplebucket";
	CHECK_TEXT(signed_url(&key, "x", 60), "(none)");
	key.bucket_url = "https://";
	CHECK_TEXT(signed_url(&key, "x", 60), "(none)");
	CHECK(!sign_url(&example, "GET", wire_string("x", 1), 0, 60, &small));
	return check_summary("sign");
}
