/*
 * sign.c - Amazon's signature version 4, as much of it as signed URLs need
 *
 * What is signed is the hash of a "canonical request", written here in the one form that both sides must arrive at: the
 * path and the query escaped, parameters in order, and the host.
 */
#include "assets/sign.h"

#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define HASH_SIZE SHA256_DIGEST_LENGTH
#define TEXT_SIZE 8192

static void
put_text(WireWriter *out, const char *text)
{
	wire_put_bytes(out, text, strlen(text));
}

/* Everything but letters, digits and -_.~ is escaped; slashes too, except in a path. */
static void
put_escaped(WireWriter *out, const char *text, size_t len, bool in_path)
{
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) text[i];
		char escape[4];

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c != 0 && strchr("-_.~", c) != NULL) || (in_path && c == '/'))
		{
			wire_put_bytes(out, &text[i], 1);
			continue;
		}
		snprintf(escape, sizeof(escape), "%%%02X", c);
		wire_put_bytes(out, escape, 3);
	}
}

static void
put_hex(WireWriter *out, const unsigned char hash[HASH_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < HASH_SIZE; i++)
	{
		char pair[2] = {digits[hash[i] >> 4], digits[hash[i] & 15]};

		wire_put_bytes(out, pair, 2);
	}
}

static void
mac(const void *key, size_t key_len, const char *text, unsigned char result[HASH_SIZE])
{
	unsigned len = HASH_SIZE;

	HMAC(EVP_sha256(), key, (int) key_len, (const unsigned char *) text, strlen(text), result, &len);
}

/* A key for one day, region and service, made from the secret. */
static void
derive_key(const StorageKey *key, const char *day, unsigned char result[HASH_SIZE])
{
	char first[512];
	int len = snprintf(first, sizeof(first), "AWS4%s", key->secret_access_key);

	mac(first, len < (int) sizeof(first) ? (size_t) len : sizeof(first) - 1, day, result);
	mac(result, HASH_SIZE, key->region, result);
	mac(result, HASH_SIZE, "s3", result);
	mac(result, HASH_SIZE, "aws4_request", result);
	OPENSSL_cleanse(first, sizeof(first));
}

static void
put_query(WireWriter *out, const StorageKey *key, const char *scope, const char *moment, unsigned valid_s)
{
	char number[16];

	put_text(out, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
	put_escaped(out, key->access_key_id, strlen(key->access_key_id), false);
	put_text(out, "%2F");
	put_escaped(out, scope, strlen(scope), false);
	put_text(out, "&X-Amz-Date=");
	put_text(out, moment);
	snprintf(number, sizeof(number), "%u", valid_s);
	put_text(out, "&X-Amz-Expires=");
	put_text(out, number);
	put_text(out, "&X-Amz-SignedHeaders=host");
}

bool
sign_url(const StorageKey *key, const char *method, WireString object, int64_t at_s, unsigned valid_s, WireWriter *out)
{
	const char *host = strstr(key->bucket_url, "://");
	const char *path;
	size_t path_len;
	time_t at = (time_t) at_s;
	struct tm parts;
	char moment[24];
	char day[12];
	char scope[192];
	char text[TEXT_SIZE];
	WireWriter request = {.data = (uint8_t *) text, .size = sizeof(text)};
	WireWriter to_sign;
	unsigned char hash[HASH_SIZE];
	unsigned char signing_key[HASH_SIZE];

	if (host == NULL || gmtime_r(&at, &parts) == NULL ||
		strftime(moment, sizeof(moment), "%Y%m%dT%H%M%SZ", &parts) == 0)
		return false;
	host += 3;
	path = strchr(host, '/');
	if (path == NULL)
		path = host + strlen(host);
	path_len = strlen(path);
	while (path_len > 0 && path[path_len - 1] == '/')
		path_len--;
	snprintf(day, sizeof(day), "%.8s", moment);
	if (path == host ||
		snprintf(scope, sizeof(scope), "%s/%s/s3/aws4_request", day, key->region) >= (int) sizeof(scope))
		return false;

	put_text(&request, method);
	put_text(&request, "\n");
	wire_put_bytes(&request, path, path_len);
	put_text(&request, "/");
	put_escaped(&request, object.data, object.len, true);
	put_text(&request, "\n");
	put_query(&request, key, scope, moment, valid_s);
	put_text(&request, "\nhost:");
	wire_put_bytes(&request, host, (size_t) (path - host));
	put_text(&request, "\n\nhost\nUNSIGNED-PAYLOAD");
	if (request.overflow)
		return false;
	SHA256(request.data, request.len, hash);

	to_sign = (WireWriter){.data = (uint8_t *) text, .size = sizeof(text) - 1};
	put_text(&to_sign, "AWS4-HMAC-SHA256\n");
	put_text(&to_sign, moment);
	put_text(&to_sign, "\n");
	put_text(&to_sign, scope);
	put_text(&to_sign, "\n");
	put_hex(&to_sign, hash);
	text[to_sign.len] = '\0';
	derive_key(key, day, signing_key);
	mac(signing_key, HASH_SIZE, text, hash);
	OPENSSL_cleanse(signing_key, sizeof(signing_key));

	wire_put_bytes(out, key->bucket_url, (size_t) (path - key->bucket_url) + path_len);
	put_text(out, "/");
	put_escaped(out, object.data, object.len, true);
	put_text(out, "?");
	put_query(out, key, scope, moment, valid_s);
	put_text(out, "&X-Amz-Signature=");
	put_hex(out, hash);
	return !out->overflow;
}
