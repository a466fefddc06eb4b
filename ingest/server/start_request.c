/*
 * start_request.c - reads the JSON of a start
 *
 * A start that is refused costs a whole page view, so whatever a JavaScript engine can produce must be readable:
 * jansson is stricter than that about bytes that are not UTF-8 and about halves of surrogate pairs (a user name cut in
 * the middle of an emoji), so both are mended in the text before it is parsed.
 */
#include "server/start_request.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "visit/visit.h"

#define MAX_DEPTH 64
#define SAFE_INTEGER 9007199254740991.0 /* JavaScript's */

typedef enum FieldType
{
	FIELD_TEXT,	   /* char *, at most max characters */
	FIELD_WHOLE,   /* int64_t, negatives allowed */
	FIELD_NATURAL, /* int64_t, from 0 to max */
	FIELD_FLAG	   /* bool */
} FieldType;

typedef struct Field
{
	const char *name;
	FieldType type;
	size_t offset;
	int64_t max;
} Field;

#define AT(field) offsetof(StartRequest, field)

static const Field fields[] = {
	{"projectKey", FIELD_TEXT, AT(project_key), 200},
	{"trackerVersion", FIELD_TEXT, AT(tracker_version), 100},
	{"revID", FIELD_TEXT, AT(rev_id), 1000},
	{"userUUID", FIELD_TEXT, AT(user_uuid), 100},
	{"userID", FIELD_TEXT, AT(user_id), 8000},
	{"timezone", FIELD_TEXT, AT(timezone), 100},
	{"token", FIELD_TEXT, AT(token), 200},
	{"timestamp", FIELD_WHOLE, AT(timestamp), 0},
	{"bufferDiff", FIELD_NATURAL, AT(buffer_diff), INT64_MAX},
	{"deviceMemory", FIELD_NATURAL, AT(device_memory), INT32_MAX},
	{"jsHeapSizeLimit", FIELD_NATURAL, AT(heap_size), INT64_MAX},
	{"width", FIELD_NATURAL, AT(width), INT32_MAX},
	{"height", FIELD_NATURAL, AT(height), INT32_MAX},
	{"reset", FIELD_FLAG, AT(reset), 0},
	{"doNotRecord", FIELD_FLAG, AT(do_not_record), 0},
	{"isOffline", FIELD_FLAG, AT(is_offline), 0},
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

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

static void
set_text(const Field *field, const json_t *value, StartRequest *start)
{
	char **text = (char **) ((char *) start + field->offset);
	size_t len = json_string_length(value);
	char *clean = json_is_string(value) ? malloc(3 * len + 1) : NULL;

	free(*text);
	*text = clean;
	if (clean != NULL)
		clean_text(json_string_value(value), len, (size_t) field->max, clean);
}

/* Rounded, and kept within what JavaScript counts exactly. */
static int64_t
whole_number(const Field *field, const json_t *value)
{
	double number = json_is_number(value) ? json_number_value(value) : 0;
	int64_t whole;
	double least = field->type == FIELD_NATURAL ? 0 : -SAFE_INTEGER;
	double most =
		field->type == FIELD_NATURAL && field->max < (int64_t) SAFE_INTEGER ? (double) field->max : SAFE_INTEGER;

	if (number < least)
		number = least;
	if (number > most)
		number = most;
	whole = (int64_t) number;
	return whole + (number - (double) whole >= 0.5) - ((double) whole - number >= 0.5);
}

static void
set_field(const Field *field, const json_t *value, StartRequest *start)
{
	char *at = (char *) start + field->offset;

	switch (field->type)
	{
		case FIELD_TEXT:
			set_text(field, value, start);
			break;
		case FIELD_WHOLE:
		case FIELD_NATURAL:
			*(int64_t *) at = whole_number(field, value);
			break;
		case FIELD_FLAG:
			*(bool *) at = json_is_true(value);
			break;
	}
}

/* Keys in any letter case first, then exact ones, which so win. */
static void
set_fields(json_t *object, StartRequest *start)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		for (size_t i = 0; i < FIELD_COUNT; i++)
		{
			if (strcasecmp(key, fields[i].name) == 0)
				set_field(&fields[i], value, start);
		}
	}
	for (size_t i = 0; i < FIELD_COUNT; i++)
	{
		value = json_object_get(object, fields[i].name);
		if (value != NULL)
			set_field(&fields[i], value, start);
	}
}

bool
read_start_request(const uint8_t *json, size_t len, StartRequest *start, char *error, size_t error_size)
{
	json_error_t why = {.text = ""};
	char *text = malloc(3 * len + 1);
	json_t *object = NULL;

	memset(start, 0, sizeof(*start));
	if (text == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return false;
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
	if (!json_is_object(object))
	{
		json_decref(object);
		return false;
	}
	set_fields(object, start);
	json_decref(object);
	return true;
}

void
free_start_request(StartRequest *start)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
	{
		if (fields[i].type == FIELD_TEXT)
			free(*(char **) ((char *) start + fields[i].offset));
	}
	memset(start, 0, sizeof(*start));
}

bool
is_old_tracker(const char *version)
{
	unsigned parts[3] = {0, 0, 0};

	if (sscanf(version, "%4u.%4u.%4u", &parts[0], &parts[1], &parts[2]) < 3)
		return false;
	if (parts[0] != 4)
		return parts[0] < 4;
	if (parts[1] != 1)
		return parts[1] < 1;
	return parts[2] < 6;
}
