/*
 * visit_fuzz.c - libFuzzer target: what a client sends as token, uuid and text
 *
 * Besides memory errors: an accepted token or uuid has one spelling, and cleaned text is clean.
 */
#include "visit/visit.h"

#include <stdlib.h>
#include <string.h>

#define SECRET "secret"

static void
require(bool ok)
{
	if (!ok)
		abort();
}

static void
fuzz_token(const char *text, size_t len)
{
	Token token;
	char again[VISIT_TOKEN_SIZE];

	if (read_token(text, len, SECRET, sizeof(SECRET) - 1, 0, &token) >= TOKEN_WRONG_SIGN)
		return;
	make_token(&token, SECRET, sizeof(SECRET) - 1, again);
	require(strlen(again) == len && memcmp(again, text, len) == 0);
}

/* The bytes as the numbers of a token. */
static void
fuzz_round_trip(const char *bytes, size_t len)
{
	Token token;
	Token read;
	char text[VISIT_TOKEN_SIZE];

	if (len < sizeof(token))
		return;
	memcpy(&token, bytes, sizeof(token));
	make_token(&token, SECRET, sizeof(SECRET) - 1, text);
	require(read_token(text, strlen(text), SECRET, sizeof(SECRET) - 1, token.expires_ms, &read) == TOKEN_JUST_EXPIRED);
	require(memcmp(&token, &read, sizeof(token)) == 0);
}

static void
fuzz_uuid(const char *text, size_t len)
{
	char uuid[VISIT_UUID_SIZE];
	char again[VISIT_UUID_SIZE];

	if (!parse_uuid(text, len, uuid))
		return;
	require(strlen(uuid) == VISIT_UUID_SIZE - 1);
	require(parse_uuid(uuid, strlen(uuid), again) && strcmp(uuid, again) == 0);
}

static void
fuzz_text(const char *text, size_t len)
{
	size_t max_chars = len == 0 ? 0 : (unsigned char) text[0] % 16;
	char *clean = malloc(3 * len + 1);
	char *again;
	size_t size;

	require(clean != NULL);
	size = clean_text(text, len, max_chars, clean);
	require(size <= 3 * len && strlen(clean) == size);
	require(max_chars == 0 || size <= 4 * max_chars);
	again = malloc(3 * size + 1);
	require(again != NULL);
	require(clean_text(clean, size, max_chars, again) == size && memcmp(clean, again, size) == 0);
	free(again);
	free(clean);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;

	fuzz_token(text, size);
	fuzz_round_trip(text, size);
	fuzz_uuid(text, size);
	fuzz_text(text, size);
	return 0;
}
