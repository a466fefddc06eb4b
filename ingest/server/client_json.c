/*
 * client_json.c - JSON as clients send it
 *
 * A start that is refused costs a whole page view, so whatever a JavaScript engine can produce must be readable:
 * jansson is stricter than that about bytes that are not UTF-8, halves of surrogate pairs (a user name cut in the
 * middle of an emoji) and U+0000 in keys, so these are mended in the text before it is parsed.
 */
#include "server/client_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "visit/visit.h"

#define MAX_DEPTH 64

static bool
nests_too_deep(const char *text, size_t len)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++)
	{
		if (in_string)
		{
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = false;
		}
		else if (text[i] == '"')
			in_string = true;
		else if ((text[i] == '{' || text[i] == '[') && ++depth > MAX_DEPTH)
			return true;
		else if (text[i] == '}' || text[i] == ']')
			depth--;
	}
	return false;
}

/* Takes U+0000 out, which nobody can store and jansson reads in no key; the text's new length. */
static size_t
drop_nul_escapes(char *text, size_t len)
{
	static const char nul[] = "\\u0000";
	size_t kept = 0;

	for (size_t i = 0; i < len;)
	{
		if (len - i >= sizeof(nul) - 1 && memcmp(text + i, nul, sizeof(nul) - 1) == 0)
		{
			i += sizeof(nul) - 1;
			continue;
		}
		if (text[i] == '\\' && i + 1 < len)
			text[kept++] = text[i++];
		text[kept++] = text[i++];
	}
	return kept;
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
	len = drop_nul_escapes(text, len);
	mend_surrogates(text, len);
	if (nests_too_deep(text, len))
		snprintf(error, error_size, "JSON is nested too deeply");
	else
	{
		/* All numbers as doubles: the trackers' are, and an integer too large for us is no reason to refuse. */
		object = json_loadb(text, len, JSON_DECODE_INT_AS_REAL, &why);
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
