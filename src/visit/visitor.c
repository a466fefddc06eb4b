/*
 * visitor.c - the anonymous visitor's uuid, and client text made fit for the database
 *
 * Hard idea: PostgreSQL refuses U+0000 and anything that is not UTF-8, and one refused value loses a whole batch of
 * rows. So every text that came from a client is repaired here, where it enters, and is storable from then on.
 */
#include "visit.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* ---- uuids ---- */

static const char hex_digits[] = "0123456789abcdef";

static bool
is_hyphen_place(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

bool
parse_uuid(const char *text, size_t len, char *uuid)
{
	static const char urn[] = "urn:uuid:";
	bool hyphens = true;

	if (len == 38 && text[0] == '{' && text[37] == '}')
	{
		text++;
		len = 36;
	}
	else if (len == 45 && strncasecmp(text, urn, sizeof(urn) - 1) == 0)
	{
		text += sizeof(urn) - 1;
		len = 36;
	}
	else if (len == 32)
		hyphens = false;
	else if (len != 36)
		return false;

	for (size_t i = 0; i < 36; i++)
	{
		char c;

		if (is_hyphen_place(i))
		{
			if (hyphens && *text++ != '-')
				return false;
			uuid[i] = '-';
			continue;
		}
		c = *text++;
		if (c >= 'A' && c <= 'F')
			c = (char) (c - 'A' + 'a');
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		uuid[i] = c;
	}
	uuid[36] = '\0';
	return true;
}

void
make_uuid(char *uuid)
{
	unsigned char bytes[16];
	size_t nibble = 0;

	/* Without randomness all visitors would become one; there is no sensible way to go on. */
	if (getentropy(bytes, sizeof(bytes)) != 0)
		abort();
	bytes[6] = (unsigned char) ((bytes[6] & 0x0f) | 0x40); /* version 4 */
	bytes[8] = (unsigned char) ((bytes[8] & 0x3f) | 0x80); /* variant of RFC 4122 */
	for (size_t i = 0; i < 36; i++)
	{
		if (is_hyphen_place(i))
		{
			uuid[i] = '-';
			continue;
		}
		uuid[i] = hex_digits[nibble % 2 == 0 ? bytes[nibble / 2] >> 4 : bytes[nibble / 2] & 0x0f];
		nibble++;
	}
	uuid[36] = '\0';
}

/* ---- text ---- */

/*
 * Length of the UTF-8 sequence at text if *valid, else of the longest beginning of one: what one U+FFFD stands for
 * (Unicode 15, 3.9, "U+FFFD Substitution of Maximal Subparts", and table 3-7 for the ranges of the second byte, which
 * are what refuses overlong forms, surrogates and anything past U+10FFFF).
 */
static size_t
measure_sequence(const unsigned char *text, size_t len, bool *valid)
{
	unsigned char lead = text[0];
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t need;
	size_t i;

	*valid = false;
	if (lead < 0x80)
		need = 1;
	else if (lead >= 0xc2 && lead <= 0xdf)
		need = 2;
	else if (lead >= 0xe0 && lead <= 0xef)
	{
		need = 3;
		if (lead == 0xe0)
			low = 0xa0;
		else if (lead == 0xed)
			high = 0x9f;
	}
	else if (lead >= 0xf0 && lead <= 0xf4)
	{
		need = 4;
		if (lead == 0xf0)
			low = 0x90;
		else if (lead == 0xf4)
			high = 0x8f;
	}
	else
		return 1;

	for (i = 1; i < need; i++)
	{
		if (i == len || text[i] < low || text[i] > high)
			return i;
		low = 0x80;
		high = 0xbf;
	}
	*valid = true;
	return need;
}

size_t
clean_text(const char *text, size_t len, size_t max_chars, char *out)
{
	static const char replacement[] = "\xef\xbf\xbd";
	const unsigned char *at = (const unsigned char *) text;
	size_t written = 0;
	size_t chars = 0;

	while (len > 0 && (max_chars == 0 || chars < max_chars))
	{
		bool valid;
		size_t size = measure_sequence(at, len, &valid);

		if (!valid)
		{
			memcpy(out + written, replacement, 3);
			written += 3;
			chars++;
		}
		else if (*at != '\0')
		{
			memcpy(out + written, at, size);
			written += size;
			chars++;
		}
		at += size;
		len -= size;
	}
	out[written] = '\0';
	return written;
}

/* The value of four hexadecimal digits, -1 when they are not. */
static int
read_hex4(const char *text)
{
	int value = 0;

	for (int i = 0; i < 4; i++)
	{
		char c = text[i];

		value <<= 4;
		if (c >= '0' && c <= '9')
			value |= c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value |= (c | 0x20) - 'a' + 10;
		else
			return -1;
	}
	return value;
}

/* Whether an escape of six bytes is a surrogate from first on: 0xd800 the first half, 0xdc00 the second. */
static bool
is_surrogate(const char *escape, const char *end, int first)
{
	int value;

	if (end - escape < 6 || escape[0] != '\\' || escape[1] != 'u')
		return false;
	value = read_hex4(escape + 2);
	return value >= first && value < first + 0x400;
}

void
mend_surrogates(char *json, size_t len)
{
	char *end = json + len;

	for (char *at = json; (at = memchr(at, '\\', (size_t) (end - at))) != NULL && end - at >= 2; at += 2)
	{
		if (is_surrogate(at, end, 0xd800) && is_surrogate(at + 6, end, 0xdc00))
			at += 10; /* a whole pair */
		else if (is_surrogate(at, end, 0xd800) || is_surrogate(at, end, 0xdc00))
			memcpy(at + 2, "fffd", 4);
	}
}
