/*
 * project_lists.c - GET /v1/web/tags, GET /v1/web/conditions/{project}, GET /v1/mobile/conditions/{project}
 *
 * What a tracker has to know of its project, from memory.  Trackers 14 observe the page only after tags has answered,
 * so that answer waits for nothing but, once and for a session that another server began, the question whose it is.
 */
#include "server/routes.h"

#define JSON_MAX ((size_t) 64 << 20) /* no more than the snapshot's file holds */

static void
answer_tags(Request *request)
{
	Buffer json;

	if (request->lookup == SESSION_MISSING)
	{
		answer(request, ANSWER_NO_SESSION);
		return;
	}
	if (request->lookup == SESSION_FAILED)
	{
		answer(request, ANSWER_FAILED);
		return;
	}
	init_buffer(&json, JSON_MAX);
	put_text(&json, "{\"tags\":");
	if (request->lookup == SESSION_FOUND)
		put_project_tags(request->server->snapshot, request->session.project_id, &json);
	else
		put_text(&json, "[]");
	put_text(&json, "}");
	answer_json(request, 200, &json);
}

void
list_tags(Request *request, const uint8_t *body, size_t len)
{
	(void) body;
	(void) len;
	with_session(request, answer_tags);
}

/* Whose session it is may be unknown: conditions are no secret, and what is asked for is in the path. */
static void
answer_conditions(Request *request, bool mobile)
{
	int32_t project_id = read_parameter(request->parameter);
	Buffer json;

	if (request->lookup == SESSION_FOUND && request->session.project_id != project_id)
	{
		answer(request, ANSWER_PROJECT_MISMATCH);
		return;
	}
	init_buffer(&json, JSON_MAX);
	put_text(&json, "{\"conditions\":");
	put_project_conditions(request->server->snapshot, project_id, mobile, &json);
	put_text(&json, "}");
	answer_json(request, 200, &json);
}

static void
answer_web_conditions(Request *request)
{
	answer_conditions(request, false);
}

static void
answer_mobile_conditions(Request *request)
{
	answer_conditions(request, true);
}

void
list_web_conditions(Request *request, const uint8_t *body, size_t len)
{
	(void) body;
	(void) len;
	with_session(request, answer_web_conditions);
}

void
list_mobile_conditions(Request *request, const uint8_t *body, size_t len)
{
	(void) body;
	(void) len;
	with_session(request, answer_mobile_conditions);
}
