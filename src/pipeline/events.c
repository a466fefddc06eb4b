/*
 * events.c - from message to rows: one function a message, and the table that names them
 *
 * What each column holds, how long texts may be and which messages are skipped follows the documented tables; where an
 * older system was wrong (a click's row keyed by a folded number, an input's by its node) the row is keyed by
 * message_id().
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "assets/url.h"
#include "heuristics/identity.h"
#include "pipeline/errors.h"
#include "pipeline/events.h"
#include "pipeline/issues.h"
#include "pipeline/json.h"
#include "pipeline/mobile_events.h"

int64
message_id(const BatchContext *context, const WireMessage *message)
{
	return (int64) ((message->index + ((uint64) context->tab << 48)) & PG_INT64_MAX);
}

int32
seq_index(int64 id)
{
	return (int32) (id % PG_INT32_MAX);
}

static WireString
wire_of(UrlText text)
{
	return wire_string(text.data, text.len);
}

static bool
split(BatchContext *context, WireString url, UrlParts *parts)
{
	return split_url(url.data, url.len, MemoryContextAlloc(context->pass->entry_context, URL_BUFFER_SIZE(url.len)),
					 parts);
}

Rows *
start_event(BatchContext *context, RowTable table, const WireMessage *message, int64 timestamp)
{
	Rows *rows = context->pass->rows;

	row_start(rows, table);
	put_int64(rows, context->session->session_id);
	put_int64(rows, message_id(context, message));
	put_int64(rows, timestamp);
	return rows;
}

Rows *
start_common_event(BatchContext *context, RowTable table, int64 timestamp, int64 message_id)
{
	Rows *rows = context->pass->rows;

	row_start(rows, table);
	put_int64(rows, context->session->session_id);
	put_int64(rows, timestamp);
	put_int32(rows, seq_index(message_id));
	return rows;
}

/* ---- clicks and inputs ---- */

/*
 * Trackers send hundredths of a percent of the page's size.  Those before 14.0.3 sent whole percents at times, and 101
 * for "not known"; the oldest message has no coordinates at all.
 */
static void
put_point(Rows *rows, const BatchContext *context, const WireMessage *message, const WireValue *values)
{
	uint64 x = values[MouseClick_NormalizedX].u;
	uint64 y = values[MouseClick_NormalizedY].u;

	if (message->wire_type == MSG_MouseClickDeprecated || (!context->session->exact_points && (x == 101 || y == 101)))
	{
		put_null(rows);
		put_null(rows);
		return;
	}
	if (!context->session->exact_points && x <= 100 && y <= 100)
	{
		x *= 100;
		y *= 100;
	}
	put_int32(rows, number(x));
	put_int32(rows, number(y));
}

static void
write_click(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString label = values[MouseClick_Label].s;
	UrlParts parts;
	Rows *rows;
	char *url;

	if (label.len == 0)
		return;
	if (!split(context, message->url, &parts))
		parts = (UrlParts){{"", 0}, {"", 0}, {"", 0}};
	url = MemoryContextAlloc(context->pass->entry_context, parts.host.len + parts.path.len + 1);
	memcpy(url, parts.host.data, parts.host.len);
	memcpy(url + parts.host.len, parts.path.data, parts.path.len);

	rows = start_event(context, ROWS_CLICKS, message, message->timestamp);
	put_text(rows, label, MAX_NAME);
	put_text(rows, values[MouseClick_Selector].s, MAX_TEXT);
	put_text(rows, wire_string(url, parts.host.len + parts.path.len), MAX_NAME);
	put_text(rows, wire_of(parts.path), MAX_NAME);
	put_int32(rows, number(values[MouseClick_HesitationTime].u));
	put_point(rows, context, message, values);
	suggest(context->pass, context->project->project_id, "CLICK", label);
}

/* Measured times beyond an integer are measuring errors. */
static int64
input_time(int64 ms)
{
	return ms >= 0 && ms <= PG_INT32_MAX ? ms : 0;
}

static void
write_input(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString label = values[InputChange_Label].s;
	Rows *rows;

	if (label.len == 0)
		return;
	rows = start_event(context, ROWS_INPUTS, message, message->timestamp);
	put_text(rows, label, MAX_NAME);
	put_int32(rows, input_time(values[InputChange_InputDuration].i));
	put_int32(rows, input_time(values[InputChange_HesitationTime].i));
	suggest(context->pass, context->project->project_id, "INPUT", label);
}

/* ---- requests and resources ---- */

static void
put_method(Rows *rows, WireString method)
{
	static const char *const methods[] = {
		"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
	};

	for (int i = 0; i < lengthof(methods); i++)
	{
		if (method.len == strlen(methods[i]) && pg_strncasecmp(method.data, methods[i], method.len) == 0)
		{
			put_cstring(rows, methods[i]);
			return;
		}
	}
	put_null(rows);
}

static void
put_payload(Rows *rows, const BatchContext *context, WireString payload)
{
	if (context->project->save_payloads)
		put_text(rows, payload, 0);
	else
		put_null(rows);
}

static void
write_request(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString url = values[NetworkRequest_URL].s;
	uint64 status = values[NetworkRequest_Status].u;
	UrlParts parts;
	Rows *rows;

	if (!split(context, url, &parts))
		return;
	rows = start_common_event(context, ROWS_REQUESTS, message->timestamp, message_id(context, message));
	put_text(rows, url, MAX_TEXT);
	put_text(rows, wire_of(parts.host), MAX_HOST);
	put_text(rows, wire_of(parts.path), MAX_NAME);
	put_text_or_null(rows, wire_of(parts.query), MAX_TEXT);
	put_payload(rows, context, values[NetworkRequest_Request].s);
	put_payload(rows, context, values[NetworkRequest_Response].s);
	if (status <= PG_INT16_MAX)
		put_int16(rows, (int64) status);
	else
		put_null(rows);
	put_method(rows, values[NetworkRequest_Method].s);
	put_int32(rows, number(values[NetworkRequest_Duration].u));
	put_bool(rows, status < 400);
	put_int64(rows, number(values[NetworkRequest_TransferredBodySize].u));
	suggest(context->pass, context->project->project_id, "REQUEST", wire_of(parts.path));
}

static const char *
resource_type(WireString initiator, UrlText path)
{
	static const struct
	{
		const char *ending;
		const char *type;
	} endings[] = {
		{"css", "stylesheet"}, {"js", "script"}, {"png", "img"},   {"gif", "img"},	 {"jpg", "img"},
		{"jpeg", "img"},	   {"svg", "img"},	 {"mp4", "media"}, {"mkv", "media"}, {"ogg", "media"},
		{"webm", "media"},	   {"avi", "media"}, {"mp3", "media"},
	};
	const char *dot = path.len > 0 ? memrchr(path.data, '.', path.len) : NULL;

	if (text_is(initiator, "xmlhttprequest") || text_is(initiator, "fetch"))
		return "fetch";
	if (text_is(initiator, "img"))
		return "img";
	for (int i = 0; dot != NULL && i < lengthof(endings); i++)
		if (text_is(wire_string(dot + 1, (size_t) (path.data + path.len - dot - 1)), endings[i].ending))
			return endings[i].type;
	return "other";
}

static void
write_resource(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString url = values[ResourceTiming_URL].s;
	UrlText hostpath = strip_query(url.data, url.len);
	UrlParts parts;
	Rows *rows;

	if (!split(context, url, &parts))
		return;
	rows = start_event(context, ROWS_RESOURCES, message, number(values[ResourceTiming_Timestamp].u));
	put_cstring(rows, resource_type(values[ResourceTiming_Initiator].s, parts.path));
	put_text(rows, url, MAX_TEXT);
	put_text(rows, wire_of(parts.host), MAX_HOST);
	put_text(rows, wire_of(hostpath), MAX_NAME);
	put_bool(rows, values[ResourceTiming_Duration].u != 0);
	put_int16(rows, 0);
	put_int64_or_null(rows, number(values[ResourceTiming_Duration].u));
	put_int64_or_null(rows, number(values[ResourceTiming_TTFB].u));
	put_int64_or_null(rows, number(values[ResourceTiming_HeaderSize].u));
	put_int32_or_null(rows, number(values[ResourceTiming_EncodedBodySize].u));
	put_int32_or_null(rows, number(values[ResourceTiming_DecodedBodySize].u));
}

void
write_graphql_call(BatchContext *context, const WireMessage *message, WireString name, WireString variables,
				   WireString response)
{
	Rows *rows = start_event(context, ROWS_GRAPHQL, message, message->timestamp);

	put_text(rows, name, MAX_NAME);
	put_payload(rows, context, variables);
	put_payload(rows, context, response);
	suggest(context->pass, context->project->project_id, "GRAPHQL", name);
}

static void
write_graphql(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	write_graphql_call(context, message, values[GraphQL_OperationName].s, values[GraphQL_Variables].s,
					   values[GraphQL_Response].s);
}

/* ---- what the site's own code tells ---- */

void
write_custom(BatchContext *context, WireString name, WireString payload, const char *level, int64 timestamp,
			 int64 message_id)
{
	Rows *rows = start_common_event(context, ROWS_CUSTOMS, timestamp, message_id);

	put_text(rows, name, MAX_NAME);
	put_json(rows, payload, "{}");
	put_cstring(rows, level);
}

void
write_custom_event_at(BatchContext *context, WireString name, WireString payload, int64 timestamp, int64 message_id)
{
	write_custom(context, name, payload, "info", timestamp, message_id);
	/* every custom event is an issue of type custom as well: the search for issues relies on it */
	write_issue(context, "custom", name, timestamp, message_id, payload);
	suggest(context->pass, context->project->project_id, "CUSTOM", name);
}

/*
 * When a custom event happened: at the message's time, unless the number or_timestamp in its payload tells another one
 * since the session began.  No clock is a day ahead.
 */
static int64
custom_event_time(BatchContext *context, const WireMessage *message, WireString payload)
{
	static const char member[] = "or_timestamp";
	int64 time = message->timestamp;
	MemoryContext old;
	Jsonb *json;
	JsonbValue *told = NULL;

	if (payload.len == 0 || memmem(payload.data, payload.len, member, strlen(member)) == NULL)
		return time;
	old = MemoryContextSwitchTo(context->pass->entry_context);
	json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring(json_from_client(payload)))));
	if (JB_ROOT_IS_OBJECT(json))
		told = getKeyJsonValueFromContainer(&json->root, member, (int) strlen(member), NULL);
	if (told != NULL && told->type == jbvNumeric)
	{
		double ms = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(told->val.numeric)));

		if (ms >= (double) context->session->start_ms && ms <= (double) time + MAX_AHEAD_MS)
			time = (int64) ms;
	}
	MemoryContextSwitchTo(old);
	return time;
}

static void
write_custom_event(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString payload = values[CustomEvent_Payload].s;

	write_custom_event_at(context, values[CustomEvent_Name].s, payload, custom_event_time(context, message, payload),
						  message_id(context, message));
}

static void
write_custom_issue(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString name = values[CustomIssue_Name].s;
	WireString payload = values[CustomIssue_Payload].s;
	int64 id = message_id(context, message);

	write_custom(context, name, payload, "error", message->timestamp, id);
	write_issue(context, "custom", name, message->timestamp, id, payload);
}

static void
write_state_action(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString name = values[StateAction_Type].s;
	Rows *rows = start_event(context, ROWS_STATE_ACTIONS, message, message->timestamp);

	put_text(rows, name, MAX_NAME);
	suggest(context->pass, context->project->project_id, "STATEACTION", name);
}

static void
write_user_id(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString id = values[UserID_ID].s;

	if (id.len == 0)
		return;
	note_identity(context->pass, context->session->session_id, IDENTITY_USER_ID, id);
	suggest(context->pass, context->project->project_id, "USERID", id);
}

static void
write_anonymous_id(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString id = values[UserAnonymousID_ID].s;

	if (id.len == 0)
		return;
	note_identity(context->pass, context->session->session_id, IDENTITY_ANONYMOUS_ID, id);
	suggest(context->pass, context->project->project_id, "USERANONYMOUSID", id);
}

void
note_metadata(BatchContext *context, WireString key, WireString value)
{
	for (int i = 0; i < 10; i++)
	{
		const char *name = context->project->metadata[i];

		if (name == NULL || !text_is(key, name))
			continue;
		note_identity(context->pass, context->session->session_id, IDENTITY_METADATA_1 + i, value);
		return;
	}
}

static void
write_metadata(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	note_metadata(context, values[Metadata_Key].s, values[Metadata_Value].s);
}

/* ---- what the tracker noticed ---- */

static void
write_mouse_thrashing(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	write_thrashing_issue(context, message->url, number(values[MouseThrashing_Timestamp].u),
						  message_id(context, message));
}

/*
 * Issues that trackers find themselves.  What detectors find here as well would be counted twice, and what has messages
 * of its own (custom, js_exception, mouse_thrashing, incident) comes with those; of the rest, what the schema has a
 * label for is stored.
 */
static bool
is_told_by_trackers_only(WireString type)
{
	static const char *const types[] = {
		"excessive_scrolling",
		"missing_resource",
		"slow_resource",
		"slow_page_load",
		"crash",
		"ml_cpu",
		"ml_memory",
		"ml_dead_click",
		"ml_click_rage",
		"ml_mouse_thrashing",
		"ml_excessive_scrolling",
		"ml_slow_resources",
	};

	for (int i = 0; i < lengthof(types); i++)
		if (text_is(type, types[i]))
			return !detectors_find(types[i], strlen(types[i]));
	return false;
}

void
write_told_issue(BatchContext *context, WireString type, WireString context_string, int64 timestamp, int64 message_id,
				 WireString payload)
{
	char label[64];

	if (!is_told_by_trackers_only(type))
		return;
	snprintf(label, sizeof(label), "%.*s", (int) type.len, type.data);
	write_issue(context, label, context_string, timestamp, message_id, payload);
}

static void
write_issue_event(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	int64 own = number(values[IssueEvent_Timestamp].u);

	/* its MessageID counts otherwise than everything else */
	write_told_issue(context, values[IssueEvent_Type].s, values[IssueEvent_ContextString].s,
					 own > 0 ? own : message->timestamp, message_id(context, message), values[IssueEvent_Payload].s);
}

/* All incidents are one issue; what each was is in its payload. */
static void
write_incident(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	MemoryContext old = MemoryContextSwitchTo(context->pass->entry_context);
	StringInfoData payload;

	initStringInfo(&payload);
	appendStringInfoString(&payload, "{\"label\": ");
	escape_json(&payload, text_to_cstring(clean_client_text(values[Incident_Label].s, MAX_NAME)));
	appendStringInfo(&payload, ", \"start_time\": " INT64_FORMAT ", \"end_time\": " INT64_FORMAT "}",
					 values[Incident_StartTime].i, values[Incident_EndTime].i);
	MemoryContextSwitchTo(old);
	write_issue(context, "incident", wire_string("", 0), message->timestamp, message_id(context, message),
				wire_string(payload.data, payload.len));
}

static void
write_canvas(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	Rows *rows = context->pass->rows;
	WireString node = values[CanvasNode_NodeId].s;
	char id[128];

	snprintf(id, sizeof(id), INT64_FORMAT "_%.*s", number(values[CanvasNode_Timestamp].u), (int) Min(node.len, 64),
			 node.data);
	row_start(rows, ROWS_CANVAS);
	put_int64(rows, context->session->session_id);
	put_text(rows, wire_string(id, strlen(id)), 0);
	put_int64(rows, number(values[CanvasNode_Timestamp].u));
}

static void
write_tag(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	Rows *rows = start_common_event(context, ROWS_TAGS, message->timestamp, message_id(context, message));

	put_int32(rows, values[TagTrigger_TagId].i);
	put_int32(rows, context->project->project_id);
}

const MessageWriter message_writers[WIRE_TYPE_COUNT] = {
	[MSG_SetNodeAttributeURLBased] = queue_assets,
	[MSG_SetCSSDataURLBased] = queue_assets,
	[MSG_CSSInsertRuleURLBased] = queue_assets,
	[MSG_AdoptedSSReplaceURLBased] = queue_assets,
	[MSG_AdoptedSSInsertRuleURLBased] = queue_assets,
	[MSG_MouseClick] = write_click,
	[MSG_InputChange] = write_input,
	[MSG_NetworkRequest] = write_request,
	[MSG_ResourceTiming] = write_resource,
	[MSG_GraphQL] = write_graphql,
	[MSG_JSException] = write_exception,
	[MSG_IntegrationEvent] = write_integration_event,
	[MSG_CustomEvent] = write_custom_event,
	[MSG_CustomIssue] = write_custom_issue,
	[MSG_StateAction] = write_state_action,
	[MSG_UserID] = write_user_id,
	[MSG_UserAnonymousID] = write_anonymous_id,
	[MSG_Metadata] = write_metadata,
	[MSG_MouseThrashing] = write_mouse_thrashing,
	[MSG_IssueEvent] = write_issue_event,
	[MSG_Incident] = write_incident,
	[MSG_CanvasNode] = write_canvas,
	[MSG_TagTrigger] = write_tag,
	[MSG_MobileUserID] = write_mobile_user_id,
	[MSG_MobileUserAnonymousID] = write_mobile_anonymous_id,
	[MSG_MobileMetadata] = write_mobile_metadata,
	[MSG_MobileEvent] = write_mobile_event,
	[MSG_MobileClickEvent] = write_tap,
	[MSG_MobileSwipeEvent] = write_swipe,
	[MSG_MobileInputEvent] = write_mobile_input,
	[MSG_MobileViewComponentEvent] = write_view,
	[MSG_MobileNetworkCall] = write_mobile_request,
	[MSG_MobileGraphQL] = write_mobile_graphql,
	[MSG_MobileCrash] = write_crash,
	[MSG_MobileIssueEvent] = write_mobile_issue,
};
