/*
 * start.c - start entries become sessions
 *
 * A start entry is JSON made by the ingest server from what a tracker told of its visitor.  It is acknowledged before
 * the database has seen it, so nothing in it may make it be lost: what does not fit a column is corrected to what does.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "pipeline/json.h"
#include "pipeline/pass.h"

#define MAX_START_BYTES (1024 * 1024)
/* click coordinates are always hundredths of a percent from this tracker on */
#define EXACT_POINTS_SINCE 14000003

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
	Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(enum_name),
							   ObjectIdGetDatum(get_namespace_oid("public", false)));
	char label[NAMEDATALEN];

	if (value.len == 0 || value.len >= NAMEDATALEN)
		return false;
	memcpy(label, value.data, value.len);
	label[value.len] = '\0';
	return strlen(label) == value.len &&
		   SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(type), CStringGetDatum(label));
}

/* The value if the type in schema public has such a label, else what stands for all others. */
static WireString
label_or(WireString value, const char *enum_name, const char *otherwise)
{
	return is_label(value, enum_name) ? value : wire_string(otherwise, strlen(otherwise));
}

/* ---- the session ---- */

/* What a start entry tells and more than one place needs, corrected. */
typedef struct Start
{
	JsonbContainer *json;
	int64 session_id;
	int32 project_id;
	int64 start_ms;
	int64 client_start_ms; /* by the clock of a mobile session's messages */
	WireString platform;
	WireString country;
	bool mobile;
} Start;

/* Once per pass and month, not per session. */
static void
ensure_month(Pass *pass, int64 session_id)
{
	Oid types[] = {TIMESTAMPTZOID};
	Datum arguments[1];
	int64 session_ms = session_id_ms((uint64) session_id);
	bool isnull;

	if (session_id >= pass->month_first_id && session_id < pass->month_end_id)
		return;
	arguments[0] = TimestampTzGetDatum(MS_TO_TIMESTAMP(session_ms));
	SPI_execute_with_args("SELECT openreplay.session_id_at(month AT TIME ZONE 'UTC'),"
						  " openreplay.session_id_at((month + interval '1 month') AT TIME ZONE 'UTC')"
						  " FROM date_trunc('month', $1 AT TIME ZONE 'UTC') AS month,"
						  " openreplay.ensure_session_partitions($1, 0)",
						  1, types, arguments, NULL, false, 1);
	pass->month_first_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	pass->month_end_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	SPI_freetuptable(SPI_tuptable);
}

static void
put_session(Pass *pass, const Start *start)
{
	Rows *rows = pass->rows;
	JsonbContainer *json = start->json;
	WireString uuid_text = text_member(json, "user_uuid");
	char uuid[VISIT_UUID_SIZE];

	if (!parse_uuid(uuid_text.data, uuid_text.len, uuid))
		make_uuid(uuid);

	row_start(rows, ROWS_SESSIONS);
	put_int64(rows, start->session_id);
	put_int32(rows, start->project_id);
	put_int64(rows, start->start_ms);
	put_text(rows, text_member(json, "tracker_version"), 200);
	put_text_or_null(rows, text_member(json, "rev_id"), 2000);
	put_text(rows, start->platform, 0);
	put_cstring(rows, uuid);
	put_text(rows, text_member(json, "user_os"), 200);
	put_text_or_null(rows, text_member(json, "user_os_version"), 200);
	/* a web session has a browser, a mobile one has none */
	if (start->mobile)
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
	put_text(rows, label_or(text_member(json, "user_device_type"), "device_type", "other"), 0);
	put_text(rows, start->country, 0);
	put_text_or_null(rows, text_member(json, "user_state"), 200);
	put_text_or_null(rows, text_member(json, "user_city"), 200);
	put_int32_or_null(rows, number_member(json, "user_device_memory_size"));
	put_int64_or_null(rows, number_member(json, "user_device_heap_size"));
	put_text_or_null(rows, text_member(json, "user_id"), 8000);
	put_text(rows, text_member(json, "timezone"), 200);
	put_int32(rows, Max(number_member(json, "screen_width"), 0));
	put_int32(rows, Max(number_member(json, "screen_height"), 0));
	put_int64(rows, start->start_ms / 1000);
}

/* Filter boxes of mobile sessions ask for types of their own, which were meant to be written and never were. */
static void
suggest_visitor(Pass *pass, const Start *start)
{
	static const struct
	{
		const char *member;
		const char *type;
		const char *mobile_type;
	} values[] = {
		{"user_os", "USEROS", "USEROSIOS"},	   {"user_device", "USERDEVICE", "USERDEVICEIOS"},
		{"rev_id", "REVID", "REVIDIOS"},	   {"user_id", "USERID", "USERIDIOS"},
		{"user_state", "USERSTATE", NULL},	   {"user_city", "USERCITY", NULL},
		{"user_browser", "USERBROWSER", NULL},
	};

	suggest(pass, start->project_id, "USERCOUNTRY", start->country);
	if (start->mobile)
		suggest(pass, start->project_id, "USERCOUNTRYIOS", start->country);
	for (int i = 0; i < lengthof(values); i++)
	{
		WireString value = text_member(start->json, values[i].member);

		suggest(pass, start->project_id, values[i].type, value);
		if (start->mobile && values[i].mobile_type != NULL)
			suggest(pass, start->project_id, values[i].mobile_type, value);
	}
}

static void
make_live(Pass *pass, const Start *start, const Entry *entry)
{
	LiveSession *session = add_live_session(pass->pipeline->sessions, entry->session_id);
	int64 session_ms = session_id_ms((uint64) entry->session_id);

	session->project_id = start->project_id;
	session->mobile = start->mobile;
	session->exact_points = version_number(text_member(start->json, "tracker_version")) >= EXACT_POINTS_SINCE;
	session->start_ms = start->mobile ? start->client_start_ms : start->start_ms;
	session->expires_ms = Min(Max(number_member(start->json, "expires_ms"), session_ms), session_ms + 30 * DAY_MS);
	session->last_received_at = entry->received_at;
	session->checkpoint_now = true;
	note_position(session, entry->server_id, entry->seq);
	touch_session(pass, session);
}

/* Where the visitor came from, when the start tells it and not the first page. */
static void
note_source(Pass *pass, const Start *start)
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
		WireString value = text_member(start->json, sources[i].key);

		if (value.len > 0)
			note_identity(pass, start->session_id, sources[i].field, value);
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
	int64 project_id;
	WireString platform;
	Start start = {.session_id = entry->session_id};

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
	json = jsonb_from_client(wire_string((const char *) data, len));
	if (!JB_ROOT_IS_OBJECT(json))
	{
		*reason = "the start entry is no JSON object";
		return false;
	}
	start.json = &json->root;
	project_id = number_member(start.json, "project_id");
	project = find_project(pass, (int32) project_id);
	if (!project->known || project->project_id != project_id)
	{
		*reason = "there is no such project";
		return false;
	}
	/* sent twice, by two servers or after a lost answer */
	if (find_live_session(pass->pipeline->sessions, entry->session_id) != NULL)
		return true;

	start.project_id = project->project_id;
	platform = text_member(start.json, "platform");
	/* whatever is not the web has no browser */
	start.platform = label_or(platform, "platform", platform.len == 0 ? "web" : "ios");
	start.mobile = start.platform.data[0] != 'w';
	start.country = label_or(text_member(start.json, "user_country"), "country", "UN");
	start.start_ms = number_member(start.json, "start_ts");
	/* partitions bound it: at most a day before the id, never after it; anything else is a wrong clock */
	if (start.start_ms <= session_ms - DAY_MS || start.start_ms >= session_ms + DAY_MS)
		start.start_ms = session_ms;
	start.client_start_ms = start.start_ms;
	start.start_ms = Min(start.start_ms, session_ms);
	ensure_month(pass, entry->session_id);
	put_session(pass, &start);
	suggest_visitor(pass, &start);
	note_source(pass, &start);
	make_live(pass, &start, entry);
	return true;
}
