/*
 * token_test.c - tokens: one spelling each, and nothing else gets through
 */
#include "visit/visit.h"

#include "check.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SECRET "secret_token_string"
#define EARLY_TOKEN "qrmzm13cfoxz.3t.mgjauf0b.Bghjox6jwEkkEYzRi99hMQ1Nty4eoyVC7GsqmHhGznhx"
#define LATE_TOKEN "qrmzm13cfoxz.-16.mgjauf0b.6zNZDqwcoyTrFzMefgmqJRx8m6fVFYQk4pUuiPvygqa4"
#define EXPIRES INT64_C(1760007200123)

static TokenState
read_text(const char *text, int64_t now_ms, Token *token)
{
	return read_token(text, strlen(text), SECRET, strlen(SECRET), now_ms, token);
}

static void
check_round_trip(Token token)
{
	char text[VISIT_TOKEN_SIZE];
	char again[VISIT_TOKEN_SIZE];
	Token read = {0};

	make_token(&token, SECRET, strlen(SECRET), text);
	CHECK(strlen(text) < VISIT_TOKEN_SIZE);
	read_text(text, 0, &read);
	CHECK(read.session_id == token.session_id);
	CHECK_INT(read.delay_ms, token.delay_ms);
	CHECK_INT(read.expires_ms, token.expires_ms);
	make_token(&read, SECRET, strlen(SECRET), again);
	CHECK_TEXT(again, text);
}

static void
test_token_vectors(void)
{
	Token token = {.session_id = UINT64_C(3523215362064790535), .delay_ms = 137, .expires_ms = EXPIRES};
	Token read = {0};
	char text[VISIT_TOKEN_SIZE];

	make_token(&token, SECRET, strlen(SECRET), text);
	CHECK_TEXT(text, EARLY_TOKEN);
	CHECK_INT(read_text(EARLY_TOKEN, EXPIRES - 1, &read), TOKEN_VALID);
	CHECK_INT(read.session_id, INT64_C(3523215362064790535));
	CHECK_INT(read.delay_ms, 137);
	CHECK_INT(read.expires_ms, EXPIRES);

	token.delay_ms = -42;
	make_token(&token, SECRET, strlen(SECRET), text);
	CHECK_TEXT(text, LATE_TOKEN);
	CHECK_INT(read_text(LATE_TOKEN, EXPIRES - 1, &read), TOKEN_VALID);
	CHECK_INT(read.delay_ms, -42);

	check_round_trip((Token){0, 0, 1});
	check_round_trip((Token){UINT64_MAX, INT64_MIN, INT64_MAX});
	check_round_trip((Token){UINT64_MAX, INT64_MAX, INT64_MAX});
	check_round_trip((Token){UINT64_C(1) << 63, -1, INT64_MIN});
	/* some of these signatures begin with a zero byte */
	for (int i = 1; i <= 2000; i++)
		check_round_trip((Token){(uint64_t) i, i, i});
}

static void
test_token_expiry(void)
{
	Token read = {0};

	CHECK_INT(read_text(EARLY_TOKEN, INT64_MIN, &read), TOKEN_VALID);
	CHECK_INT(read_text(EARLY_TOKEN, EXPIRES - 1, &read), TOKEN_VALID);
	CHECK_INT(read_text(EARLY_TOKEN, EXPIRES, &read), TOKEN_JUST_EXPIRED);
	CHECK_INT(read_text(EARLY_TOKEN, EXPIRES + 29999, &read), TOKEN_JUST_EXPIRED);
	read = (Token){0};
	CHECK_INT(read_text(EARLY_TOKEN, EXPIRES + 30000, &read), TOKEN_EXPIRED);
	CHECK_INT(read.session_id, INT64_C(3523215362064790535));
	CHECK_INT(read_text(EARLY_TOKEN, INT64_MAX, &read), TOKEN_EXPIRED);

	CHECK_TEXT(token_state_text(TOKEN_JUST_EXPIRED), "token just expired");
	CHECK_TEXT(token_state_text(TOKEN_EXPIRED), "token expired");
	CHECK_TEXT(token_state_text(TOKEN_WRONG_SIGN), "wrong token sign");
	CHECK_TEXT(token_state_text(TOKEN_WRONG_FORMAT), "wrong token format");
}

/* One character changed anywhere, by all that can stand in a token and more. */
static void
test_token_tampered(void)
{
	static const char others[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-+ \t/";
	const Token untouched = {1, 2, 3};
	Token read = untouched;
	int accepted = 0;
	char text[VISIT_TOKEN_SIZE];
	size_t len = strlen(LATE_TOKEN);

	for (size_t i = 0; i < len; i++)
	{
		for (const char *other = others; *other != '\0'; other++)
		{
			memcpy(text, LATE_TOKEN, len + 1);
			if (text[i] == *other)
				continue;
			text[i] = *other;
			accepted += read_text(text, 0, &read) < TOKEN_WRONG_SIGN;
		}
		memcpy(text, LATE_TOKEN, len + 1);
		text[i] = '\0';
		accepted += read_token(text, len, SECRET, strlen(SECRET), 0, &read) < TOKEN_WRONG_SIGN;
		accepted += read_token(LATE_TOKEN, i, SECRET, strlen(SECRET), 0, &read) < TOKEN_WRONG_SIGN;
	}
	CHECK_INT(accepted, 0);
	CHECK(memcmp(&read, &untouched, sizeof(read)) == 0);

	CHECK_INT(read_token(EARLY_TOKEN, strlen(EARLY_TOKEN), "secret", 6, 0, &read), TOKEN_WRONG_SIGN);
	CHECK_INT(read_token(EARLY_TOKEN, strlen(EARLY_TOKEN), "", 0, 0, &read), TOKEN_WRONG_SIGN);
	/* the signature of the other token */
	CHECK_INT(read_text("qrmzm13cfoxz.3t.mgjauf0b.6zNZDqwcoyTrFzMefgmqJRx8m6fVFYQk4pUuiPvygqa4", 0, &read),
			  TOKEN_WRONG_SIGN);
}

static void
test_token_shapes(void)
{
	static const char *const shapes[] = {
		"",
		".",
		"..",
		"a",
		"a.b",
		"a.b.c",
		"a.b.c.d.e",
		"a.b.c.",
		"....",
		EARLY_TOKEN ".",
		"." EARLY_TOKEN,
		EARLY_TOKEN " ",
		" " EARLY_TOKEN,
		EARLY_TOKEN "\n",
		EARLY_TOKEN "1",
		EARLY_TOKEN EARLY_TOKEN,
		/* the signature with a leading zero byte too many, one that is none, one above 2^256 */
		"qrmzm13cfoxz.3t.mgjauf0b.1Bghjox6jwEkkEYzRi99hMQ1Nty4eoyVC7GsqmHhGznhx",
		"qrmzm13cfoxz.3t.mgjauf0b.",
		"qrmzm13cfoxz.3t.mgjauf0b.0OIl",
		"qrmzm13cfoxz.3t.mgjauf0b.zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
		"qrmzm13cfoxz.3t.mgjauf0b.11111111111111111111111111111111",
		"qrmzm13cfoxz.3t.mgjauf0b.111111111111111111111111111111111",
		"qrmzm13cfoxz.3t.mgjauf0b.\xc3\xa9",
	};
	Token read;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		CHECK(read_text(shapes[i], 0, &read) >= TOKEN_WRONG_SIGN);
	CHECK_INT(read_text("a.b.c", 0, &read), TOKEN_WRONG_FORMAT);
	CHECK_INT(read_text("a.b.c.d.e", 0, &read), TOKEN_WRONG_FORMAT);
	CHECK_INT(read_text("a.b.c.d", 0, &read), TOKEN_WRONG_SIGN);
}

/* The signature of numbers in base 58, worked out the slow way. */
static void
sign_numbers(const char *numbers, char *token)
{
	static const char digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
	unsigned char bytes[32];
	char reversed[64];
	int count = 0;
	int left = 0;

	HMAC(EVP_sha256(), SECRET, strlen(SECRET), (const unsigned char *) numbers, strlen(numbers), bytes, NULL);
	for (int first = 0; first < 32;)
	{
		unsigned rest = 0;

		if (bytes[first] == 0)
		{
			left += first == left && count == 0;
			first++;
			continue;
		}
		for (int i = first; i < 32; i++)
		{
			rest = rest << 8 | bytes[i];
			bytes[i] = (unsigned char) (rest / 58);
			rest %= 58;
		}
		reversed[count++] = digits[rest];
	}
	while (left-- > 0)
		reversed[count++] = '1';
	token += snprintf(token, VISIT_TOKEN_SIZE, "%s.", numbers);
	while (count > 0)
		*token++ = reversed[--count];
	*token = '\0';
}

/* Numbers have one spelling; correctly signed texts that no server writes are no tokens. */
static void
test_token_numbers(void)
{
	static const char *const wrong[] = {
		"..",
		"a..b",
		".a.b",
		"a.b.",
		"-a.b.c",
		"A.b.c",
		"a.B.c",
		"0a.b.c",
		"a.00.c",
		"a.-0.c",
		"a.-.c",
		"a.--1.c",
		"a.+1.c",
		"a.b.0c",
		"a.b. c",
		"3w5e11264sgsg.b.c",
		"zzzzzzzzzzzzzzzzzzzz.b.c",
		"a.1y2p0ij32e8e8.c",
		"a.-1y2p0ij32e8e9.c",
		"a.b.1y2p0ij32e8e8",
		"a.\xc3\xa9.c",
	};
	static const char *const right[] = {"a.b.c", "0.0.0", "3w5e11264sgsf.1y2p0ij32e8e7.1y2p0ij32e8e7",
										"a.-1y2p0ij32e8e8.c"};
	char text[VISIT_TOKEN_SIZE];
	Token read;

	sign_numbers("qrmzm13cfoxz.3t.mgjauf0b", text);
	CHECK_TEXT(text, EARLY_TOKEN);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		sign_numbers(wrong[i], text);
		CHECK_INT(read_text(text, 0, &read), TOKEN_WRONG_FORMAT);
	}
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
	{
		sign_numbers(right[i], text);
		CHECK_INT(read_text(text, -1, &read), TOKEN_VALID);
	}
}

int
main(void)
{
	test_token_vectors();
	test_token_expiry();
	test_token_tampered();
	test_token_shapes();
	test_token_numbers();
	return check_summary("token");
}
