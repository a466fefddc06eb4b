/*
 * session_lookup.c - whose session is it?
 *
 * This server remembers the sessions it began; any other one is asked for in the database, once, and remembered then.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/request.h"

#define LOOKUP_MS 300

static void
after_call(Request *request)
{
	const Call *call = &request->call;
	int32_t project_id = call->value != NULL ? (int32_t) strtol(call->value, NULL, 10) : 0;

	switch (call->outcome)
	{
		case CALL_DONE:
			request->lookup = project_id != 0 ? SESSION_FOUND : SESSION_MISSING;
			break;
		case CALL_REFUSED:
			request->lookup = SESSION_FAILED;
			break;
		case CALL_UNAVAILABLE:
		case CALL_TOO_LATE:
			request->lookup = SESSION_UNSURE;
			break;
	}
	if (request->lookup == SESSION_FOUND)
	{
		request->session = (SessionFacts){project_id, true};
		remember_session(request->server->sessions, request->token.session_id, project_id, request->token.expires_ms,
						 true);
	}
	request->after_lookup(request);
}

const char *
session_text(Request *request)
{
	snprintf(request->session_text, sizeof(request->session_text), "%" PRIu64, request->token.session_id);
	return request->session_text;
}

const char *
project_text(Request *request)
{
	snprintf(request->project_text, sizeof(request->project_text), "%" PRId32, request->session.project_id);
	return request->project_text;
}

void
with_session(Request *request, RequestContinuation then)
{
	if (recall_session(request->server->sessions, request->token.session_id, &request->session))
	{
		request->lookup = SESSION_FOUND;
		then(request);
		return;
	}
	request->after_lookup = then;
	request->call.parameters[0] = session_text(request);
	call_database(request, "SELECT openreplay.session_project($1::bigint)", 1, LOOKUP_MS, after_call);
}
