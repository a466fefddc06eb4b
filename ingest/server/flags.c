/*
 * flags.c - POST /v1/web/feature-flags
 *
 * What a tracker says of its visitor goes to SQL, where flags are decided, in one form whatever tracker it was.  The
 * project is the session's.  A page may wait for the answer, so without one in time no flag is on.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "server/client_json.h"
#include "server/memory.h"
#include "server/routes.h"

#define FLAGS_MS 300
#define TEXT_MAX 8000 /* characters */
#define ANSWER_MAX ((size_t) 16 << 20)
#define WRAPPED_MAX 4 /* trackers wrap what they remember once for each page */

static void
free_visitor(void *work)
{
	give_memory(strlen(work));
	free(work);
}

static void
answer_no_flags(Request *request)
{
	Buffer json;

	init_buffer(&json, 64);
	put_text(&json, "{\"flags\":[]}");
	answer_json(request, 200, &json);
}

static void
answer_flags(Request *request)
{
	const Call *call = &request->call;
	Buffer json;

	if (call->outcome == CALL_REFUSED)
		answer(request, ANSWER_FAILED);
	else if (call->outcome != CALL_DONE || call->value == NULL)
		answer_no_flags(request);
	else
	{
		init_buffer(&json, ANSWER_MAX);
		put_text(&json, call->value);
		answer_json(request, 200, &json);
	}
}

static void
ask_for_flags(Request *request)
{
	const char **parameters = request->call.parameters;

	switch (request->lookup)
	{
		case SESSION_FOUND:
			break;
		case SESSION_FAILED:
			answer(request, ANSWER_FAILED);
			return;
		case SESSION_MISSING:
		case SESSION_UNSURE:
			answer_no_flags(request);
			return;
	}
	parameters[0] = project_text(request);
	parameters[1] = request->work;
	parameters[2] = session_text(request);
	if (request->session.recorded)
		call_database(request, "SELECT openreplay.give_flags($3::bigint, $1::integer, $2::jsonb)", 3, FLAGS_MS,
					  answer_flags);
	else
		call_database(request, "SELECT openreplay.evaluate_flags($1::integer, $2::jsonb)", 2, FLAGS_MS, answer_flags);
}

/* ---- the visitor --------------------------------------------------------------------------------------------------
 */

static void
set_text(json_t *object, const char *name, const json_t *value)
{
	char *text = client_text(value, TEXT_MAX);

	json_object_set_new(object, name, json_string(text != NULL ? text : ""));
	free(text);
}

static json_t *
read_metadata(const json_t *given)
{
	json_t *metadata = json_object();
	const char *key;
	json_t *value;

	json_object_foreach((json_t *) given, key, value)
	{
		set_text(metadata, key, value);
	}
	return metadata;
}

/* What the browser remembers is true or a variant's name, by itself or in {"key", "value"}. */
static json_t *
read_kept(const json_t *given)
{
	json_t *kept = json_object();
	const char *key;
	json_t *value;

	json_object_foreach((json_t *) given, key, value)
	{
		for (int i = 0; i < WRAPPED_MAX && json_is_object(value); i++)
			value = client_member(value, "value");
		if (json_is_boolean(value))
			json_object_set(kept, key, value);
		else if (json_is_string(value))
			set_text(kept, key, value);
	}
	return kept;
}

/* The visitor's JSON as openreplay.evaluate_flags() wants it, to be freed; NULL without memory. */
static char *
make_visitor(Request *request, const json_t *asked)
{
	static const char *const fields[] = {"os", "device", "country", "state", "city", "browser", "referrer", "userID"};
	json_t *visitor = json_object();
	char *text;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		set_text(visitor, fields[i], client_member(asked, fields[i]));
	json_object_set_new(visitor, "sessionID", json_string(session_text(request)));
	json_object_set_new(visitor, "metadata", read_metadata(client_member(asked, "metadata")));
	json_object_set_new(visitor, "persistFlags", read_kept(client_member(asked, "persistFlags")));
	text = json_dumps(visitor, JSON_COMPACT);
	json_decref(visitor);
	return text;
}

/* It decides nothing, the session does; none at all is as good. */
static bool
is_project(const json_t *value)
{
	return value == NULL || client_number(value) > 0;
}

void
evaluate_flags(Request *request, const uint8_t *body, size_t len)
{
	char why[256];
	json_t *asked = read_client_json(body, len, why, sizeof(why));

	if (asked == NULL)
		answer_error(request, 400, why);
	else if (!is_project(client_member(asked, "projectID")))
		answer_error(request, 500, "projectID is not a number");
	else
	{
		char *visitor = make_visitor(request, asked);

		if (visitor != NULL && take_memory(strlen(visitor)))
		{
			request->work = visitor;
			request->free_work = free_visitor;
			with_session(request, ask_for_flags);
		}
		else
		{
			free(visitor);
			answer(request, ANSWER_BUSY);
		}
	}
	json_decref(asked);
}
