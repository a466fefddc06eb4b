/*
 * errors.c - exceptions: the distinct error, its occurrence, its tags
 *
 * Two exceptions are the same error when name, message and the place they were thrown at (the first stack frame) are
 * the same.  The stack is the tracker's JSON and not to be trusted: a frame of another shape leaves the place out.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "heuristics/identity.h"
#include "pipeline/errors.h"
#include "pipeline/json.h"

#define MAX_TAGS 100 /* of one exception */
#define MAX_TAG 2000 /* characters */

typedef struct Frame
{
	WireString file;
	int64 line;
	int64 column;
} Frame;

/* A number without fraction, or absent (0); false for anything else. */
static bool
read_integer(JsonbContainer *object, const char *key, int64 *result)
{
	JsonbValue buffer;
	JsonbValue *value = json_member(object, key, &buffer);
	char *text;
	char *end;

	*result = 0;
	if (value == NULL || value->type == jbvNull)
		return true;
	if (value->type != jbvNumeric)
		return false;
	text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
	errno = 0;
	*result = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool
read_frame(JsonbContainer *object, Frame *frame)
{
	JsonbValue buffer;
	JsonbValue *file = json_member(object, "fileName", &buffer);

	frame->file = wire_string("", 0);
	if (file != NULL && file->type == jbvString)
		frame->file = wire_string(file->val.string.val, file->val.string.len);
	else if (file != NULL && file->type != jbvNull)
		return false;
	return read_integer(object, "lineNumber", &frame->line) && read_integer(object, "columnNumber", &frame->column);
}

/* The first frame of a stack all of whose frames have the expected shape. */
static bool
first_frame(WireString payload, Frame *frame)
{
	Jsonb *stack = jsonb_from_client(payload);
	int count;

	if (!JB_ROOT_IS_ARRAY(stack) || JB_ROOT_IS_SCALAR(stack))
		return false;
	count = JB_ROOT_COUNT(stack);
	for (int i = 0; i < count; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(&stack->root, i);
		Frame ignored;

		if (element->type == jbvNull && i > 0)
			continue;
		if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data) ||
			!read_frame(element->val.binary.data, i == 0 ? frame : &ignored))
			return false;
	}
	return count > 0;
}

static void
name_error(const BatchContext *context, const WireValue *values, char *id)
{
	static const char source[] = "js_exception";
	Identity identity;
	Frame frame;

	identity_start(&identity);
	identity_add(&identity, source, strlen(source));
	identity_add(&identity, values[JSException_Name].s.data, values[JSException_Name].s.len);
	identity_add(&identity, values[JSException_Message].s.data, values[JSException_Message].s.len);
	if (first_frame(values[JSException_Payload].s, &frame))
	{
		identity_add(&identity, frame.file.data, frame.file.len);
		identity_add_number(&identity, frame.line);
		identity_add_number(&identity, frame.column);
	}
	identity_finish(&identity, (uint32) context->project->project_id, id);
}

static void
write_tag(BatchContext *context, const WireMessage *message, const char *error_id, WireString key, WireString value)
{
	Rows *rows = context->pass->rows;

	row_start(rows, ROWS_ERROR_TAGS);
	put_int64(rows, context->session->session_id);
	put_int64(rows, message_id(context, message));
	put_cstring(rows, error_id);
	put_text(rows, key, MAX_TAG);
	put_text(rows, value, MAX_TAG);
}

static WireString
text_of(const JsonbValue *value)
{
	char *text;

	switch (value->type)
	{
		case jbvNull:
			return wire_string("null", 4);
		case jbvString:
			return wire_string(value->val.string.val, value->val.string.len);
		case jbvBool:
			return value->val.boolean ? wire_string("true", 4) : wire_string("false", 5);
		case jbvNumeric:
			text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
			return wire_string(text, strlen(text));
		default:
			text = JsonbToCString(NULL, value->val.binary.data, value->val.binary.len);
			return wire_string(text, strlen(text));
	}
}

/* Metadata is an object of tags, or a list of names without values. */
static void
write_tags(BatchContext *context, const WireMessage *message, const char *error_id, WireString metadata)
{
	Jsonb *json = jsonb_from_client(metadata);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	JsonbValue key;
	int count = 0;

	if (JB_ROOT_IS_SCALAR(json))
		return;
	iterator = JsonbIteratorInit(&json->root);
	while (count < MAX_TAGS && (token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = value;
		else if (token == WJB_VALUE)
			write_tag(context, message, error_id, text_of(&key), text_of(&value)), count++;
		else if (token == WJB_ELEM)
			write_tag(context, message, error_id, text_of(&value), wire_string("", 0)), count++;
	}
}

void
write_exception(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	Rows *rows = context->pass->rows;
	MemoryContext old = MemoryContextSwitchTo(context->pass->entry_context);
	char id[IDENTITY_SIZE];

	name_error(context, values, id);
	row_start(rows, ROWS_ERRORS);
	put_cstring(rows, id);
	put_int32(rows, context->project->project_id);
	put_cstring(rows, "js_exception");
	put_text(rows, values[JSException_Name].s, 0);
	put_text(rows, values[JSException_Message].s, 0);
	put_json(rows, values[JSException_Payload].s, "[]");

	row_start(rows, ROWS_ERROR_EVENTS);
	put_int64(rows, context->session->session_id);
	put_int64(rows, message_id(context, message));
	put_int64(rows, message->timestamp);
	put_cstring(rows, id);
	write_tags(context, message, id, values[JSException_Metadata].s);
	MemoryContextSwitchTo(old);
}

/* ---- errors that other tools know of the session ---- */

/* Above the indexes of all pages a session can have, and exact in JSON's numbers. */
#define INTEGRATION_IDS (INT64CONST(1) << 52)

static bool
is_integration(WireString source)
{
	static const char *const sources[] = {
		"bugsnag", "cloudwatch",  "datadog",   "newrelic",		"rollbar",
		"sentry",  "stackdriver", "sumologic", "elasticsearch",
	};

	for (int i = 0; i < lengthof(sources); i++)
		if (text_is(source, sources[i]))
			return true;
	return false;
}

/*
 * Each comes as a message without batch, so all have index 1; what it says is what tells them apart.
 */
void
write_integration_event(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	Rows *rows = context->pass->rows;
	WireString source = values[IntegrationEvent_Source].s;
	WireString name = values[IntegrationEvent_Name].s;
	WireString text = values[IntegrationEvent_Message].s;
	uint64 hash = hash_bytes_extended(message->body, (int) message->body_len, 0);
	Identity identity;
	char id[IDENTITY_SIZE];

	if (!is_integration(source))
		return;
	identity_start(&identity);
	identity_add(&identity, source.data, source.len);
	identity_add(&identity, name.data, name.len);
	identity_add(&identity, text.data, text.len);
	identity_finish(&identity, (uint32) context->project->project_id, id);

	row_start(rows, ROWS_ERRORS);
	put_cstring(rows, id);
	put_int32(rows, context->project->project_id);
	put_text(rows, source, 0);
	put_text(rows, name, 0);
	put_text(rows, text, 0);
	put_json(rows, values[IntegrationEvent_Payload].s, "{}");

	row_start(rows, ROWS_ERROR_EVENTS);
	put_int64(rows, context->session->session_id);
	put_int64(rows, INTEGRATION_IDS + (int64) (hash % INTEGRATION_IDS));
	put_int64(rows, number(values[IntegrationEvent_Timestamp].u));
	put_cstring(rows, id);
}
