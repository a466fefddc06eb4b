/*
 * mobile_events.c - from message to rows, for messages of mobile applications
 *
 * Each carries its own time, and has no page and no element: rows are keyed by time and folded index.  Filter boxes
 * know the values by types of their own; for who the visitor is, searches ask for another spelling (..IOS, on Android
 * as well) than was ever written (..MOBILE), so both are.
 */
#include "postgres.h"

#include "assets/url.h"
#include "heuristics/identity.h"
#include "pipeline/mobile_events.h"

static Rows *
start_mobile_event(BatchContext *context, RowTable table, const WireMessage *message)
{
	return start_common_event(context, table, message->timestamp, message_id(context, message));
}

static void
suggest_value(BatchContext *context, const char *type, WireString value)
{
	suggest(context->pass, context->project->project_id, type, value);
}

/* ---- who it is ---- */

void
write_mobile_user_id(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString id = values[MobileUserID_ID].s;

	if (id.len == 0)
		return;
	note_identity(context->pass, context->session->session_id, IDENTITY_USER_ID, id);
	suggest_value(context, "USERIDMOBILE", id);
	suggest_value(context, "USERIDIOS", id);
}

void
write_mobile_anonymous_id(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString id = values[MobileUserAnonymousID_ID].s;

	if (id.len == 0)
		return;
	note_identity(context->pass, context->session->session_id, IDENTITY_ANONYMOUS_ID, id);
	suggest_value(context, "USERANONYMOUSIDMOBILE", id);
	suggest_value(context, "USERANONYMOUSIDIOS", id);
}

void
write_mobile_metadata(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	note_metadata(context, values[MobileMetadata_Key].s, values[MobileMetadata_Value].s);
}

/* ---- what happened ---- */

/* Unlike those of web pages these are no issues. */
void
write_mobile_event(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString name = values[MobileEvent_Name].s;

	write_custom(context, name, values[MobileEvent_Payload].s, "info", message->timestamp,
				 message_id(context, message));
	suggest_value(context, "CUSTOMMOBILE", name);
}

void
write_tap(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString label = values[MobileClickEvent_Label].s;
	Rows *rows = start_mobile_event(context, ROWS_TAPS, message);

	put_text(rows, label, MAX_NAME);
	suggest_value(context, "CLICKMOBILE", label);
}

void
write_swipe(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString label = values[MobileSwipeEvent_Label].s;
	Rows *rows = start_mobile_event(context, ROWS_SWIPES, message);

	put_text(rows, label, MAX_NAME);
	put_text(rows, values[MobileSwipeEvent_Direction].s, MAX_NAME);
	put_int32(rows, number(values[MobileSwipeEvent_X].u));
	put_int32(rows, number(values[MobileSwipeEvent_Y].u));
	suggest_value(context, "SWIPEMOBILE", label);
}

/* The label of the field, never what was typed. */
void
write_mobile_input(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString label = values[MobileInputEvent_Label].s;
	Rows *rows = start_mobile_event(context, ROWS_MOBILE_INPUTS, message);

	put_text(rows, label, MAX_NAME);
	suggest_value(context, "INPUTMOBILE", label);
}

/* Views that come into sight; that they leave it makes no row. */
void
write_view(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString name = values[MobileViewComponentEvent_ViewName].s;
	Rows *rows;

	if (name.len == 0)
		name = values[MobileViewComponentEvent_ScreenName].s;
	if (!values[MobileViewComponentEvent_Visible].b || name.len == 0)
		return;
	rows = start_mobile_event(context, ROWS_VIEWS, message);
	put_text(rows, name, MAX_NAME);
	suggest_value(context, "VIEWMOBILE", name);
}

/* Of these the documented columns are the URL as it was sent, how long it took and whether it succeeded. */
void
write_mobile_request(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	WireString url = values[MobileNetworkCall_URL].s;
	UrlText without_query = strip_query(url.data, url.len);
	Rows *rows = start_mobile_event(context, ROWS_REQUESTS, message);

	put_text(rows, url, MAX_TEXT);
	for (int column = 0; column < 7; column++)
		put_null(rows); /* host, path, query, bodies, status, method */
	put_int32(rows, number(values[MobileNetworkCall_Duration].u));
	put_bool(rows, values[MobileNetworkCall_Status].u < 400);
	put_null(rows);
	suggest_value(context, "REQUESTMOBILE", wire_string(without_query.data, without_query.len));
}

void
write_mobile_graphql(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	write_graphql_call(context, message, values[MobileGraphQL_OperationName].s, values[MobileGraphQL_Variables].s,
					   values[MobileGraphQL_Response].s);
}

/* ---- what went wrong ---- */

void
write_crash(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	static const int parts[] = {MobileCrash_Name, MobileCrash_Reason, MobileCrash_Stacktrace};
	Rows *rows = context->pass->rows;
	Identity identity;
	char id[IDENTITY_SIZE];

	identity_start(&identity);
	for (int i = 0; i < lengthof(parts); i++)
		identity_add(&identity, values[parts[i]].s.data, values[parts[i]].s.len);
	identity_finish(&identity, (uint32) context->project->project_id, id);

	row_start(rows, ROWS_CRASHES);
	put_cstring(rows, id);
	put_int32(rows, context->project->project_id);
	for (int i = 0; i < lengthof(parts); i++)
		put_text(rows, values[parts[i]].s, 0);

	start_mobile_event(context, ROWS_CRASH_EVENTS, message);
	put_cstring(rows, id);
}

void
write_mobile_issue(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	write_told_issue(context, values[MobileIssueEvent_Type].s, values[MobileIssueEvent_ContextString].s,
					 message->timestamp, message_id(context, message), values[MobileIssueEvent_Payload].s);
}
