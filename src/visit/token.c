/*
 * token.c - the signed text by which a tracker proves which session it belongs to
 *
 *	<id>.<delay>.<expiry>.<signature>	numbers in base 36, HMAC-SHA256 of the text before the last dot in base 58
 *
 * Trackers compare tokens as texts and other servers may share the secret, so there is exactly one spelling of each
 *token and reading accepts no other: no leading zeros, no capitals, no plus sign, a signature of exactly 32 bytes.
 *
 * Read for every batch: works on the caller's text and the stack only.  Nothing of the text but its dots and its length
 *is looked at before the signature holds.
 */
#include "visit.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define SIGNATURE_SIZE 32	  /* bytes of a SHA-256 */
#define SIGNATURE_TEXT_MAX 44 /* digits of 2^256 - 1 in base 58 */
#define JUST_EXPIRED_MS 30000

static const char base36_digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
static const char base58_digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/* ---- base 36 ---- */

/* Writes the digits at out and returns the end; at most 13 digits. */
static char *
write_base36(char *out, uint64_t value)
{
	char digits[13];
	int count = 0;

	do
	{
		digits[count++] = base36_digits[value % 36];
		value /= 36;
	} while (value > 0);
	while (count > 0)
		*out++ = digits[--count];
	return out;
}

static char *
write_base36_signed(char *out, int64_t value)
{
	if (value >= 0)
		return write_base36(out, (uint64_t) value);
	*out++ = '-';
	return write_base36(out, 0 - (uint64_t) value);
}

/* Only the spelling that write_base36() gives. */
static bool
read_base36(const char *text, const char *end, uint64_t *value)
{
	uint64_t result = 0;

	if (text == end || (*text == '0' && end - text > 1))
		return false;
	for (; text < end; text++)
	{
		unsigned digit;

		if (*text >= '0' && *text <= '9')
			digit = (unsigned) (*text - '0');
		else if (*text >= 'a' && *text <= 'z')
			digit = (unsigned) (*text - 'a') + 10;
		else
			return false;
		if (__builtin_mul_overflow(result, UINT64_C(36), &result) || __builtin_add_overflow(result, digit, &result))
			return false;
	}
	*value = result;
	return true;
}

static bool
read_base36_signed(const char *text, const char *end, int64_t *value)
{
	bool negative = text < end && *text == '-';
	uint64_t magnitude;

	if (!read_base36(text + negative, end, &magnitude))
		return false;
	if (negative)
	{
		if (magnitude == 0 || magnitude > UINT64_C(1) << 63)
			return false;
		*value = (int64_t) (0 - magnitude);
		return true;
	}
	if (magnitude > INT64_MAX)
		return false;
	*value = (int64_t) magnitude;
	return true;
}

/* ---- base 58 ---- */

/*
 * A number of 256 bits to digits by long division; a leading zero byte is a leading '1', so that the length survives.
 * Returns the end of at most SIGNATURE_TEXT_MAX digits.
 */
static char *
write_base58(char *out, const unsigned char *bytes)
{
	unsigned char digits[SIGNATURE_TEXT_MAX] = {0};
	size_t first = sizeof(digits); /* digits[first ..] are the number so far */
	size_t zeros = 0;

	while (zeros < SIGNATURE_SIZE && bytes[zeros] == 0)
		zeros++;
	for (size_t i = zeros; i < SIGNATURE_SIZE; i++)
	{
		unsigned carry = bytes[i];

		for (size_t d = sizeof(digits); carry > 0 || d > first;)
		{
			d--;
			carry += (unsigned) digits[d] << 8;
			digits[d] = (unsigned char) (carry % 58);
			carry /= 58;
			if (d < first)
				first = d;
		}
	}

	while (zeros-- > 0)
		*out++ = '1';
	for (size_t d = first; d < sizeof(digits); d++)
		*out++ = base58_digits[digits[d]];
	return out;
}

/* The inverse; false unless text is what write_base58() gives for some 32 bytes. */
static bool
read_base58(const char *text, size_t len, unsigned char *bytes)
{
	uint32_t words[SIGNATURE_SIZE / 4] = {0}; /* the number, most significant first */
	size_t ones = 0;
	size_t zeros = 0;

	if (len > SIGNATURE_TEXT_MAX)
		return false;
	while (ones < len && text[ones] == '1')
		ones++;
	for (size_t i = ones; i < len; i++)
	{
		const char *found = text[i] == '\0' ? NULL : strchr(base58_digits, text[i]);
		uint64_t carry;

		if (found == NULL)
			return false;
		carry = (uint64_t) (found - base58_digits);
		for (size_t w = SIGNATURE_SIZE / 4; w-- > 0;)
		{
			carry += words[w] * UINT64_C(58);
			words[w] = (uint32_t) carry;
			carry >>= 32;
		}
		if (carry > 0)
			return false;
	}
	for (size_t i = 0; i < SIGNATURE_SIZE; i++)
		bytes[i] = (unsigned char) (words[i / 4] >> (24 - 8 * (i % 4)));
	while (zeros < SIGNATURE_SIZE && bytes[zeros] == 0)
		zeros++;
	return zeros == ones;
}

/* ---- tokens ---- */

static bool
sign(const char *text, size_t len, const void *secret, size_t secret_len, unsigned char *signature)
{
	unsigned int size = SIGNATURE_SIZE;

	return HMAC(EVP_sha256(), secret, (int) secret_len, (const unsigned char *) text, len, signature, &size) != NULL &&
		   size == SIGNATURE_SIZE;
}

void
make_token(const Token *token, const void *secret, size_t secret_len, char *text)
{
	unsigned char signature[SIGNATURE_SIZE];
	char *end = text;

	/* 13 + 14 + 14 + 44 digits, 3 dots */
	_Static_assert(13 + 14 + 14 + SIGNATURE_TEXT_MAX + 3 < VISIT_TOKEN_SIZE, "the longest token fits");

	end = write_base36(end, token->session_id);
	*end++ = '.';
	end = write_base36_signed(end, token->delay_ms);
	*end++ = '.';
	end = write_base36_signed(end, token->expires_ms);
	if (sign(text, (size_t) (end - text), secret, secret_len, signature))
	{
		*end++ = '.';
		end = write_base58(end, signature);
	}
	else
		end = text; /* the library is out of memory: an empty token, which no server takes */
	*end = '\0';
}

TokenState
read_token(const char *text, size_t len, const void *secret, size_t secret_len, int64_t now_ms, Token *token)
{
	const char *dots[3];
	int parts = 1;
	const char *end = text + len;
	unsigned char expected[SIGNATURE_SIZE];
	unsigned char signature[SIGNATURE_SIZE];
	Token read;

	if (len >= VISIT_TOKEN_SIZE)
		return TOKEN_WRONG_FORMAT;
	for (const char *at = text; at < end; at++)
	{
		if (*at != '.')
			continue;
		if (parts == 4)
			return TOKEN_WRONG_FORMAT;
		dots[parts++ - 1] = at;
	}
	if (parts != 4)
		return TOKEN_WRONG_FORMAT;

	if (!read_base58(dots[2] + 1, (size_t) (end - dots[2] - 1), signature) ||
		!sign(text, (size_t) (dots[2] - text), secret, secret_len, expected) ||
		CRYPTO_memcmp(signature, expected, SIGNATURE_SIZE) != 0)
		return TOKEN_WRONG_SIGN;

	if (!read_base36(text, dots[0], &read.session_id) || !read_base36_signed(dots[0] + 1, dots[1], &read.delay_ms) ||
		!read_base36_signed(dots[1] + 1, dots[2], &read.expires_ms))
		return TOKEN_WRONG_FORMAT;

	*token = read;
	if (read.expires_ms > now_ms)
		return TOKEN_VALID;
	/* unsigned: the distance of two int64 always fits */
	return (uint64_t) now_ms - (uint64_t) read.expires_ms < JUST_EXPIRED_MS ? TOKEN_JUST_EXPIRED : TOKEN_EXPIRED;
}

const char *
token_state_text(TokenState state)
{
	switch (state)
	{
		case TOKEN_VALID:
			return "valid token";
		case TOKEN_JUST_EXPIRED:
			return "token just expired";
		case TOKEN_EXPIRED:
			return "token expired";
		case TOKEN_WRONG_SIGN:
			return "wrong token sign";
		case TOKEN_WRONG_FORMAT:
			break;
	}
	return "wrong token format";
}
