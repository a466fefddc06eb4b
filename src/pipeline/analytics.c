/*
 * analytics.c - what a site's analytics report: events, and changes of what is known of its users
 *
 * A report is {"data": {"user_actions": [...], "events": [...]}}, or the same without the wrapper.  Events become
 * custom events of the session.  They come without index, so a row's key is a hash of what it says, and the how-manieth
 * of those alike in its report it is: sent again in another report it is known.  What an action changes depends on what
 * is there, which openreplay.change_user() knows.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/hsearch.h"

#include "pipeline/events.h"
#include "pipeline/json.h"

#define MAX_USER_ID 255 /* characters, as of the names of well-known properties */
#define MAX_ACTIONS 500 /* of one report; trackers send a handful every 5 s */

typedef struct Report
{
	BatchContext context;
	const Entry *entry;
	HTAB *seen; /* how often an event was in this report */
	int actions;
} Report;

typedef struct Seen
{
	uint64 hash; /* key, first */
	int count;
} Seen;

/* The client's time where it can be, within a day of the session, else when it arrived; in ms. */
static int64
time_of(const Report *report, JsonbContainer *object)
{
	int64 received_ms = TIMESTAMP_TO_MS(report->entry->received_at);
	int64 session_ms = session_id_ms((uint64) report->context.session->session_id);
	int64 timestamp = number_member(object, "timestamp");

	return timestamp > session_ms - DAY_MS && timestamp < received_ms + DAY_MS ? timestamp : received_ms;
}

static WireString
trim(WireString text)
{
	while (text.len > 0 && isspace((unsigned char) text.data[0]))
		text = wire_string(text.data + 1, text.len - 1);
	while (text.len > 0 && isspace((unsigned char) text.data[text.len - 1]))
		text.len--;
	return text;
}

/* ---- events ---- */

static int64
event_id(Report *report, WireString name, WireString payload, int64 timestamp)
{
	uint64 hash = hash_bytes_extended((const unsigned char *) name.data, (int) name.len, (uint64) timestamp);
	Seen *seen;
	bool found;

	hash = hash_combine64(hash, hash_bytes_extended((const unsigned char *) payload.data, (int) payload.len, 0));
	if (report->seen == NULL)
	{
		HASHCTL control = {.keysize = sizeof(uint64), .entrysize = sizeof(Seen), .hcxt = CurrentMemoryContext};

		report->seen = hash_create("events of a report", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	seen = hash_search(report->seen, &hash, HASH_ENTER, &found);
	seen->count = found ? seen->count + 1 : 0;
	return (int64) (hash_combine64(hash, (uint64) seen->count) & PG_INT64_MAX);
}

static void
write_event(Report *report, JsonbContainer *event)
{
	JsonbValue buffer;
	WireString name = trim(text_member(event, "name"));
	WireString payload = json_text(json_member(event, "payload", &buffer));
	int64 timestamp = time_of(report, event);

	if (name.len > 0)
		write_custom_event_at(&report->context, name, payload, timestamp, event_id(report, name, payload, timestamp));
}

/* ---- users ---- */

static void
put_user_id(Rows *rows, WireString user_id)
{
	put_text(rows, user_id, MAX_USER_ID);
}

static void
note_user(Report *report, WireString user_id, TimestampTz at)
{
	Pass *pass = report->context.pass;
	LiveSession *session = report->context.session;

	note_identity(pass, session->session_id, IDENTITY_USER_ID, user_id);
	suggest(pass, session->project_id, session->mobile ? "USERIDMOBILE" : "USERID", user_id);
	row_start(pass->rows, ROWS_USER_DEVICES);
	put_int64(pass->rows, rows_waiting(pass->rows, ROWS_USER_DEVICES));
	put_int64(pass->rows, session->session_id);
	put_user_id(pass->rows, user_id);
	put_timestamp(pass->rows, at);
}

static void
write_action(Report *report, JsonbContainer *action)
{
	Rows *rows = report->context.pass->rows;
	JsonbValue buffer;
	WireString type = text_member(action, "type");
	WireString user_id = trim(text_member(action, "user_id"));
	TimestampTz at = MS_TO_TIMESTAMP(time_of(report, action));

	if (user_id.len == 0 || report->actions++ >= MAX_ACTIONS)
		return;
	if (text_is(type, "identity"))
		note_user(report, user_id, at);
	row_start(rows, ROWS_USER_CHANGES);
	put_int64(rows, rows_waiting(rows, ROWS_USER_CHANGES));
	put_int32(rows, report->context.session->project_id);
	put_user_id(rows, user_id);
	put_text(rows, type, 100);
	put_json(rows, json_text(json_member(action, "payload", &buffer)), "{}");
	put_timestamp(rows, at);
}

/* ---- the report ---- */

/* Calls write for the objects in an array; anything else is passed over. */
static void
walk_objects(Report *report, JsonbContainer *container, const char *key, void (*write)(Report *, JsonbContainer *))
{
	JsonbValue buffer;
	JsonbValue *array = json_member(container, key, &buffer);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue element;

	if (array == NULL || array->type != jbvBinary || !JsonContainerIsArray(array->val.binary.data))
		return;
	iterator = JsonbIteratorInit(array->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
		if (token == WJB_ELEM && element.type == jbvBinary && JsonContainerIsObject(element.val.binary.data))
			write(report, element.val.binary.data);
}

static JsonbContainer *
unwrap(JsonbContainer *json, JsonbValue *buffer)
{
	JsonbValue *data = json_member(json, "data", buffer);

	return data != NULL && data->type == jbvBinary && JsonContainerIsObject(data->val.binary.data)
			   ? data->val.binary.data
			   : json;
}

bool
changes_users(JsonbContainer *json)
{
	JsonbValue buffer;
	JsonbValue member;
	JsonbValue *actions;

	if (!JsonContainerIsObject(json))
		return false;
	actions = json_member(unwrap(json, &buffer), "user_actions", &member);
	return actions != NULL && actions->type == jbvBinary && JsonContainerIsArray(actions->val.binary.data) &&
		   JsonContainerSize(actions->val.binary.data) > 0;
}

const char *
write_analytics(Pass *pass, LiveSession *session, const Entry *entry, JsonbContainer *json)
{
	Report report = {
		.context = {.pass = pass, .session = session, .project = find_project(pass, session->project_id)},
		.entry = entry,
	};
	JsonbValue buffer;

	json = unwrap(json, &buffer);
	walk_objects(&report, json, "user_actions", write_action);
	walk_objects(&report, json, "events", write_event);
	return report.actions > MAX_ACTIONS ? "more than 500 actions on users in one report: the first 500 were done"
										: NULL;
}
