/*
 * start_request.c - reads the JSON of a start
 *
 * Which key fills what is a table for each client.
 */
#include "server/start_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/client_json.h"
#include "visit/visit.h"

typedef enum FieldType
{
	FIELD_TEXT,	   /* char *, at most max characters */
	FIELD_LABEL,   /* the same; a number is taken for its digits */
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

static const Field web_fields[] = {
	{"projectKey", FIELD_TEXT, AT(project_key), 200},
	{"trackerVersion", FIELD_TEXT, AT(tracker_version), 100},
	{"revID", FIELD_TEXT, AT(rev_id), 1000},
	{"userUUID", FIELD_TEXT, AT(user_uuid), 100},
	{"userID", FIELD_TEXT, AT(user_id), 8000},
	{"timezone", FIELD_TEXT, AT(timezone), 100},
	{"token", FIELD_TEXT, AT(token), 200},
	{"condition", FIELD_TEXT, AT(condition), 255},
	{"timestamp", FIELD_WHOLE, AT(timestamp), 0},
	{"bufferDiff", FIELD_NATURAL, AT(buffer_diff), INT64_MAX},
	{"deviceMemory", FIELD_NATURAL, AT(device_memory), INT32_MAX},
	{"jsHeapSizeLimit", FIELD_NATURAL, AT(heap_size), INT64_MAX},
	{"width", FIELD_NATURAL, AT(width), INT32_MAX},
	{"height", FIELD_NATURAL, AT(height), INT32_MAX},
	{"reset", FIELD_FLAG, AT(reset), 0},
	{"doNotRecord", FIELD_FLAG, AT(do_not_record), 0},
	{"isOffline", FIELD_FLAG, AT(is_offline), 0},
	{NULL, FIELD_FLAG, 0, 0},
};

static const Field mobile_fields[] = {
	{"projectKey", FIELD_TEXT, AT(project_key), 200},
	{"trackerVersion", FIELD_TEXT, AT(tracker_version), 100},
	{"revID", FIELD_TEXT, AT(rev_id), 1000},
	{"userUUID", FIELD_TEXT, AT(user_uuid), 100},
	{"timezone", FIELD_TEXT, AT(timezone), 100},
	{"token", FIELD_TEXT, AT(token), 200},
	{"condition", FIELD_TEXT, AT(condition), 255},
	{"platform", FIELD_TEXT, AT(platform), 20},
	{"userOSVersion", FIELD_LABEL, AT(os_version), 100},
	{"userDevice", FIELD_TEXT, AT(device), 200},
	{"userDeviceType", FIELD_TEXT, AT(device_type), 20},
	{"timestamp", FIELD_NATURAL, AT(timestamp), INT64_MAX},
	{"deviceMemory", FIELD_NATURAL, AT(device_memory), INT32_MAX},
	{"width", FIELD_NATURAL, AT(width), INT32_MAX},
	{"height", FIELD_NATURAL, AT(height), INT32_MAX},
	{"doNotRecord", FIELD_FLAG, AT(do_not_record), 0},
	{NULL, FIELD_FLAG, 0, 0},
};

static const Field sdk_fields[] = {
	{"projectKey", FIELD_TEXT, AT(project_key), 200},
	{"sdk_version", FIELD_LABEL, AT(tracker_version), 100},
	{"device_id", FIELD_TEXT, AT(user_uuid), 100},
	{"user_id", FIELD_TEXT, AT(user_id), 8000},
	{"timezone", FIELD_TEXT, AT(timezone), 100},
	{"platform", FIELD_TEXT, AT(platform), 20},
	{"os", FIELD_TEXT, AT(os), 100},
	{"os_version", FIELD_LABEL, AT(os_version), 100},
	{"browser", FIELD_TEXT, AT(browser), 100},
	{"browser_version", FIELD_LABEL, AT(browser_version), 100},
	{"initial_referrer", FIELD_TEXT, AT(referrer), 8000},
	{"utm_source", FIELD_TEXT, AT(utm_source), 8000},
	{"utm_medium", FIELD_TEXT, AT(utm_medium), 8000},
	{"utm_campaign", FIELD_TEXT, AT(utm_campaign), 8000},
	{"screen_width", FIELD_NATURAL, AT(width), INT32_MAX},
	{"screen_height", FIELD_NATURAL, AT(height), INT32_MAX},
	{NULL, FIELD_FLAG, 0, 0},
};

static const Field *const fields_of[] = {
	[START_WEB] = web_fields, [START_MOBILE] = mobile_fields, [START_SDK] = sdk_fields};

static void
set_text(const Field *field, const json_t *value, StartRequest *start)
{
	if (json_is_string(value) || (field->type == FIELD_LABEL && json_is_number(value)))
		*(char **) ((char *) start + field->offset) = client_text(value, (size_t) field->max);
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
		case FIELD_LABEL:
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

static void
set_fields(const Field *fields, const json_t *object, StartRequest *start)
{
	for (const Field *field = fields; field->name != NULL; field++)
	{
		const json_t *value = client_member(object, field->name);

		if (value != NULL)
			set_field(field, value, start);
	}
}

bool
read_start_request(StartClient client, const uint8_t *json, size_t len, StartRequest *start, char *error,
				   size_t error_size)
{
	json_t *object = read_client_json(json, len, error, error_size);

	memset(start, 0, sizeof(*start));
	if (object == NULL)
		return false;
	set_fields(fields_of[client], object, start);
	json_decref(object);
	return true;
}

void
free_start_request(StartRequest *start)
{
	for (size_t client = 0; client < sizeof(fields_of) / sizeof(fields_of[0]); client++)
	{
		for (const Field *field = fields_of[client]; field->name != NULL; field++)
		{
			char **text = (char **) ((char *) start + field->offset);

			if (field->type != FIELD_TEXT && field->type != FIELD_LABEL)
				continue;
			free(*text);
			*text = NULL;
		}
	}
	memset(start, 0, sizeof(*start));
}

/* -1, 0, 1 as the version is below, the same as or above the other one; 2 when it is none. */
static int
compare_version(const char *version, const unsigned other[3])
{
	unsigned parts[3] = {0, 0, 0};

	if (version == NULL || sscanf(version, "%9u.%9u.%9u", &parts[0], &parts[1], &parts[2]) < 3)
		return 2;
	for (int i = 0; i < 3; i++)
	{
		if (parts[i] != other[i])
			return parts[i] < other[i] ? -1 : 1;
	}
	return 0;
}

bool
is_old_tracker(const char *version)
{
	return compare_version(version, (const unsigned[3]){4, 1, 6}) < 0;
}

bool
is_usable_mobile_tracker(const char *version)
{
	int compared = compare_version(version, (const unsigned[3]){1, 0, 9});

	return compared == 0 || compared == 1;
}
