/*
 * start.c - start entries become sessions
 *
 * A start entry is JSON made by the ingest server from what a tracker told of its visitor.  It is acknowledged before
 * the database has seen it, so nothing in it may make it be lost: what does not fit a column is corrected to what does.
 */
#include "postgres.h"

#include <math.h>

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "pipeline/json.h"
#include "pipeline/pass.h"

#define DAY_MS INT64CONST(86400000)
#define MAX_START_BYTES (1024 * 1024)
/* click coordinates are always hundredths of a percent from this tracker on */
#define EXACT_POINTS_SINCE 14000003

/* ---- reading the JSON ---- */

static WireString
text_member(Jsonb *json, const char *key)
{
	JsonbValue buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(&json->root, key, (int) strlen(key), &buffer);

	if (value == NULL || value->type != jbvString)
		return wire_string("", 0);
	return wire_string(value->val.string.val, value->val.string.len);
}

static int64
number_member(Jsonb *json, const char *key)
{
	JsonbValue buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(&json->root, key, (int) strlen(key), &buffer);
	double number;

	if (value == NULL || value->type != jbvNumeric)
		return 0;
	number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	if (number >= 9.2e18)
		return PG_INT64_MAX;
	if (number <= -9.2e18)
		return PG_INT64_MIN;
	return (int64) rint(number);
}

/* major * 1,000,000 + minor * 1000 + patch; development builds, which do not parse, count as newest */
static int64
version_number(WireString version)
{
	int64 parts[3] = {0, 0, 0};
	uint32 pos = 0;

	for (int i = 0; i < 3; i++)
	{
		if (pos >= version.len || version.data[pos] < '0' || version.data[pos] > '9')
			return PG_INT64_MAX;
		while (pos < version.len && version.data[pos] >= '0' && version.data[pos] <= '9' && parts[i] < 100000)
			parts[i] = parts[i] * 10 + (version.data[pos++] - '0');
		if (i < 2 && (pos >= version.len || version.data[pos++] != '.'))
			return PG_INT64_MAX;
	}
	return parts[0] * 1000000 + Min(parts[1], 999) * 1000 + Min(parts[2], 999);
}

/* ---- labels of enums ---- */

static bool
is_label(WireString value, const char *enum_name)
{
	Oid types[] = {TEXTOID, TEXTOID};
	Datum arguments[] = {PointerGetDatum(clean_client_text(value, 100)), CStringGetTextDatum(enum_name)};
	bool found;

	SPI_execute_with_args("SELECT FROM pg_catalog.pg_enum WHERE enumlabel = $1::name AND enumtypid = $2::regtype", 2,
						  types, arguments, NULL, false, 1);
	found = SPI_processed == 1;
	SPI_freetuptable(SPI_tuptable);
	return found;
}

static void
put_label(Rows *rows, WireString value, const char *enum_name, const char *otherwise)
{
	if (value.len > 0 && value.len < 64 && is_label(value, enum_name))
		put_text(rows, value, 0);
	else
		put_cstring(rows, otherwise);
}

/* ---- the session ---- */

static void
ensure_month(int64 session_ms)
{
	Oid types[] = {TIMESTAMPTZOID};
	Datum arguments[] = {TimestampTzGetDatum(MS_TO_TIMESTAMP(session_ms))};

	SPI_execute_with_args("SELECT openreplay.ensure_session_partitions($1, 0)", 1, types, arguments, NULL, false, 1);
	SPI_freetuptable(SPI_tuptable);
}

static void
put_session(Pass *pass, Jsonb *json, int64 session_id, int32 project_id, int64 start_ms, bool mobile)
{
	Rows *rows = pass->rows;
	WireString uuid_text = text_member(json, "user_uuid");
	char uuid[VISIT_UUID_SIZE];

	if (!parse_uuid(uuid_text.data, uuid_text.len, uuid))
		make_uuid(uuid);

	row_start(rows, ROWS_SESSIONS);
	put_int64(rows, session_id);
	put_int32(rows, project_id);
	put_int64(rows, start_ms);
	put_text(rows, text_member(json, "tracker_version"), 200);
	put_text_or_null(rows, text_member(json, "rev_id"), 2000);
	put_label(rows, text_member(json, "platform"), "public.platform", mobile ? "ios" : "web");
	put_cstring(rows, uuid);
	put_text(rows, text_member(json, "user_os"), 200);
	put_text_or_null(rows, text_member(json, "user_os_version"), 200);
	/* a web session has a browser, a mobile one has none */
	if (mobile)
	{
		put_null(rows);
		put_null(rows);
	}
	else
	{
		put_text(rows, text_member(json, "user_browser"), 200);
		put_text_or_null(rows, text_member(json, "user_browser_version"), 200);
	}
	put_text(rows, text_member(json, "user_device"), 200);
	put_label(rows, text_member(json, "user_device_type"), "public.device_type", "other");
	put_label(rows, text_member(json, "user_country"), "public.country", "UN");
	put_text_or_null(rows, text_member(json, "user_state"), 200);
	put_text_or_null(rows, text_member(json, "user_city"), 200);
	put_int32_or_null(rows, number_member(json, "user_device_memory_size"));
	put_int64_or_null(rows, number_member(json, "user_device_heap_size"));
	put_text_or_null(rows, text_member(json, "user_id"), 8000);
	put_text(rows, text_member(json, "timezone"), 200);
	put_int32(rows, Max(number_member(json, "screen_width"), 0));
	put_int32(rows, Max(number_member(json, "screen_height"), 0));
	put_int64(rows, start_ms / 1000);
}

static void
suggest_visitor(Pass *pass, Jsonb *json, int32 project_id)
{
	static const char *const values[][2] = {
		{"USEROS", "user_os"},	   {"USERDEVICE", "user_device"},	{"USERBROWSER", "user_browser"},
		{"REVID", "rev_id"},	   {"USERCOUNTRY", "user_country"}, {"USERSTATE", "user_state"},
		{"USERCITY", "user_city"}, {"USERID", "user_id"},
	};

	for (int i = 0; i < lengthof(values); i++)
		suggest(pass, project_id, values[i][0], text_member(json, values[i][1]));
}

/* Where the visitor came from, when the start tells it and not the first page. */
static void
note_source(Pass *pass, Jsonb *json, int64 session_id)
{
	static const struct
	{
		const char *key;
		IdentityField field;
	} sources[] = {
		{"referrer", IDENTITY_REFERRER},
		{"utm_source", IDENTITY_UTM_SOURCE},
		{"utm_medium", IDENTITY_UTM_MEDIUM},
		{"utm_campaign", IDENTITY_UTM_CAMPAIGN},
	};

	for (int i = 0; i < lengthof(sources); i++)
	{
		WireString value = text_member(json, sources[i].key);

		if (value.len > 0)
			note_identity(pass, session_id, sources[i].field, value);
	}
}

bool
start_session(Pass *pass, const Entry *entry, const char **reason)
{
	int64 session_ms = session_id_ms((uint64) entry->session_id);
	int64 now_ms = TIMESTAMP_TO_MS(GetCurrentTimestamp());
	const uint8_t *data;
	size_t len;
	Jsonb *json;
	Project *project;
	LiveSession *session;
	bool mobile;
	int64 start_ms;
	WireString platform;

	if (!inflate_entry(pass, entry, &data, &len, reason))
		return false;
	if (entry->session_id <= 0 || session_ms > now_ms + DAY_MS)
	{
		*reason = "the session's id is of no time between 2019 and tomorrow";
		return false;
	}
	if (len > MAX_START_BYTES)
	{
		*reason = "the start entry is larger than 1 MiB";
		return false;
	}
	json = DatumGetJsonbP(DirectFunctionCall1(
		jsonb_in, CStringGetDatum(text_to_cstring(json_from_client(wire_string((const char *) data, len))))));
	if (!JB_ROOT_IS_OBJECT(json))
	{
		*reason = "the start entry is no JSON object";
		return false;
	}
	project = find_project(pass, (int32) number_member(json, "project_id"));
	if (!project->known)
	{
		*reason = "there is no such project";
		return false;
	}
	/* sent twice, by two servers or after a lost answer */
	if (find_live_session(pass->pipeline->sessions, entry->session_id) != NULL)
		return true;

	platform = text_member(json, "platform");
	mobile = platform.len > 0 && strncmp(platform.data, "web", platform.len) != 0;
	start_ms = number_member(json, "start_ts");
	/* partitions bound it: at most a day before the id, never after it; anything else is a wrong clock */
	if (start_ms <= session_ms - DAY_MS || start_ms > session_ms)
		start_ms = session_ms;
	ensure_month(session_ms);
	put_session(pass, json, entry->session_id, project->project_id, start_ms, mobile);
	suggest_visitor(pass, json, project->project_id);
	note_source(pass, json, entry->session_id);

	session = add_live_session(pass->pipeline->sessions, entry->session_id);
	session->project_id = project->project_id;
	session->mobile = mobile;
	session->exact_points = version_number(text_member(json, "tracker_version")) >= EXACT_POINTS_SINCE;
	session->start_ms = start_ms;
	session->expires_ms = Min(Max(number_member(json, "expires_ms"), session_ms), session_ms + 30 * DAY_MS);
	session->last_received_at = entry->received_at;
	session->checkpoint_now = true;
	note_position(session, entry->server_id, entry->seq);
	touch_session(pass, session);
	return true;
}
