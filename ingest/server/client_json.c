/*
 * client_json.c - JSON as clients send it
 *
 * A start that is refused costs a whole page view, so whatever a JavaScript engine can produce must be readable:
 * jansson is stricter than that about bytes that are not UTF-8 and about halves of surrogate pairs (a user name cut in
 * the middle of an emoji), so both are mended in the text before it is parsed.
 */
#include "server/client_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "visit/visit.h"

#define MAX_DEPTH 64

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

static bool
is_surrogate(int value, int first)
{
	return value >= first && value < first + 0x400;
}

/* Makes \ud800 ... \udfff without their other half \ufffd, in place.  False when the nesting is too deep. */
static bool
mend_text(char *text, size_t len)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++)
	{
		if (!in_string)
		{
			if (text[i] == '{' || text[i] == '[')
				depth++;
			else if (text[i] == '}' || text[i] == ']')
				depth--;
			else if (text[i] == '"')
				in_string = true;
			if (depth > MAX_DEPTH)
				return false;
		}
		else if (text[i] == '"')
			in_string = false;
		else if (text[i] == '\\')
		{
			i++;
			if (i + 5 <= len && text[i] == 'u')
			{
				int value = read_hex4(text + i + 1);

				if (is_surrogate(value, 0xd800) && i + 11 <= len && text[i + 5] == '\\' && text[i + 6] == 'u' &&
					is_surrogate(read_hex4(text + i + 7), 0xdc00))
					i += 10; /* a whole pair */
				else if (is_surrogate(value, 0xd800) || is_surrogate(value, 0xdc00))
					memcpy(text + i + 1, "fffd", 4);
			}
		}
	}
	return true;
}

json_t *
read_client_json(const uint8_t *json, size_t len, char *error, size_t error_size)
{
	json_error_t why = {.text = ""};
	char *text = malloc(3 * len + 1);
	json_t *object = NULL;

	if (text == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	len = clean_text((const char *) json, len, 0, text);
	if (!mend_text(text, len))
		snprintf(error, error_size, "JSON is nested too deeply");
	else
	{
		/* All numbers as doubles: the trackers' are, and an integer too large for us is no reason to refuse. */
		object = json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &why);
		if (object == NULL)
			snprintf(error, error_size, "%s", why.text);
		else if (!json_is_object(object))
			snprintf(error, error_size, "a JSON object is expected");
	}
	free(text);
	if (object != NULL && !json_is_object(object))
	{
		json_decref(object);
		object = NULL;
	}
	return object;
}

json_t *
client_member(const json_t *object, const char *name)
{
	json_t *found = json_object_get(object, name);
	const char *key;
	json_t *value;

	if (found == NULL)
	{
		json_object_foreach((json_t *) object, key, value)
		{
			if (!json_is_null(value) && strcasecmp(key, name) == 0)
				found = value;
		}
	}
	return json_is_null(found) ? NULL : found;
}

char *
client_text(const json_t *value, size_t max_chars)
{
	char shown[32] = "";
	const char *text = shown;
	size_t len;
	char *clean;

	if (json_is_string(value))
		text = json_string_value(value);
	else if (json_is_number(value))
		snprintf(shown, sizeof(shown), "%.15g", json_number_value(value));
	else if (json_is_boolean(value))
		text = json_is_true(value) ? "true" : "false";
	len = json_is_string(value) ? json_string_length(value) : strlen(text);
	clean = malloc(3 * len + 1);
	if (clean != NULL)
		clean_text(text, len, max_chars, clean);
	return clean;
}

int64_t
client_number(const json_t *value)
{
	double number = json_is_number(value) ? json_number_value(value) : 0;

	if (json_is_string(value))
		number = strtod(json_string_value(value), NULL);
	return number >= -SAFE_INTEGER && number <= SAFE_INTEGER ? (int64_t) number : 0;
}
