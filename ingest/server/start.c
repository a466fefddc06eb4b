/*
 * start.c - the course of a session start
 *
 * The server decides alone whether a visitor records: project from the snapshot, device from the user agent, dice, id
 * and token.  The database learns of a session by a start entry on the session's own lane, ahead of all its batches,
 * and the tracker hears 200 once that is committed.  Nothing that is refused is ever written.
 */
#include "server/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "server/ids.h"
#include "server/pack.h"

#define ERROR_SIZE 1024
#define AGENT_SHOWN 300 /* characters of a User-Agent in an error */
#define KEY_SHOWN 40
#define JSON_MAX (1 << 20)

static void find_and_start(Request *request);

static void
free_start(void *work)
{
	Start *start = work;

	free_start_request(&start->asked);
	free(start);
}

/* ---- the answer ---------------------------------------------------------------------------------------------------
 */

void
put_field(Buffer *json, const char *name, const char *text)
{
	put_format(json, ",\"%s\":", name);
	put_json_string(json, text != NULL ? text : "");
}

void
put_promises(const Request *request, Buffer *json)
{
	const Settings *settings = &request->server->settings;

	/* Trackers 14 take absent features for enabled ones. */
	put_format(json, ",\"features\":{\"feature-flags\":%s,\"usability-test\":%s}",
			   settings->feature_flags ? "true" : "false", settings->usability_tests ? "true" : "false");
	if (settings->frames_support)
		put_text(json, ",\"framesSupport\":true");
}

static void
answer_start(Request *request)
{
	const Start *start = request->work;
	const Settings *settings = &request->server->settings;
	char token_text[VISIT_TOKEN_SIZE];
	Buffer json;

	make_token(&start->token, settings->token_secret, settings->token_secret_len, token_text);
	init_buffer(&json, JSON_MAX);
	put_text(&json, "{\"token\":");
	put_json_string(&json, token_text);
	if (start->kind->put_answer != NULL)
		start->kind->put_answer(request, &json);
	put_text(&json, "}");
	answer_json(request, 200, &json);
}

static void
after_commit(Request *request)
{
	if (request->lane_waiter.committed)
		answer_start(request);
	else
		answer(request, ANSWER_BUSY);
}

/* ---- new sessions -------------------------------------------------------------------------------------------------
 */

static void
store_start(Request *request)
{
	Entry *entry = NULL;
	const void *frame;
	size_t frame_len;
	Buffer json;

	init_buffer(&json, JSON_MAX);
	put_start_entry(&json, request->work);
	if (!json.failed && pack_body(json.data, json.len, &frame, &frame_len))
		entry = make_entry(((Start *) request->work)->token.session_id, 's', (uint32_t) json.len, frame, frame_len);
	free_buffer(&json);
	if (entry != NULL)
		store_entries(request, &entry, 1, after_commit);
	else
		answer(request, ANSWER_BUSY);
}

/* Uniform in 0 .. 99. */
static unsigned
throw_dice(void)
{
	uint32_t random;

	do
	{
		while (getrandom(&random, sizeof(random), 0) != sizeof(random))
			;
	} while (random >= UINT32_MAX - UINT32_MAX % 100);
	return random % 100;
}

int64_t
believable_time(int64_t told_ms, int64_t now_ms)
{
	return told_ms > now_ms - DAY_MS && told_ms < now_ms ? told_ms : now_ms;
}

/* False, and answered, when the dice are against the session. */
static bool
throw_for_session(Request *request)
{
	const Start *start = request->work;
	char error[ERROR_SIZE];
	const char *condition = start->asked.condition;
	int rate = -1;

	if (condition != NULL && condition[0] != '\0')
		rate = condition_rate(request->server->snapshot, start->project.id, condition);
	if (rate < 0)
		rate = start->project.sample_rate;
	if ((int) throw_dice() < rate)
		return true;
	snprintf(error, sizeof(error), "capture rate miss, rate: %d", rate);
	answer_error(request, 403, error);
	return false;
}

static void
begin_session(Request *request)
{
	Start *start = request->work;
	int64_t now_ms;

	if (start->kind->sampled && !throw_for_session(request))
		return;
	if (start->kind->admit_new != NULL && !start->kind->admit_new(request))
		return;
	start->token.session_id = issue_session_id(lanes_server_id(request->server->lanes));
	if (start->token.session_id == 0)
	{
		answer_error(request, 500, wall_ms() <= VISIT_EPOCH_MS ? "epoch is not in the past" : "epoch is too small");
		return;
	}
	/* The id may be ahead of the clock, but no session begins in the future. */
	now_ms = session_id_ms(start->token.session_id);
	if (now_ms > wall_ms())
		now_ms = wall_ms();
	start->kind->set_times(start, request->arrived_ms, now_ms);
	remember_session(request->server->sessions, start->token.session_id, start->project.id, start->token.expires_ms,
					 !start->asked.do_not_record);
	if (start->asked.do_not_record)
		answer_start(request);
	else
		store_start(request);
}

static bool
has_valid_token(Request *request)
{
	Start *start = request->work;
	const Settings *settings = &request->server->settings;

	return start->asked.token != NULL && !start->asked.reset &&
		   read_token(start->asked.token, strlen(start->asked.token), settings->token_secret,
					  settings->token_secret_len, request->arrived_ms, &start->token) == TOKEN_VALID;
}

static void
start_afresh(Request *request)
{
	if (lanes_server_id(request->server->lanes) < 0)
		answer(request, ANSWER_NO_DATABASE); /* the very first start: no number for the ids yet */
	else
		begin_session(request);
}

/* A session that is known to be of another project does not go on with this one's key; any other one does. */
static void
continue_session(Request *request)
{
	if (request->lookup == SESSION_FOUND && request->session.project_id != ((Start *) request->work)->project.id)
		start_afresh(request);
	else
		answer_start(request);
}

/* ---- who asks -----------------------------------------------------------------------------------------------------
 */

bool
read_agent(Request *request, bool require_browser)
{
	Start *start = request->work;
	const char *header = request_header(request, "User-Agent");
	char shown[3 * AGENT_SHOWN + 1];
	char error[ERROR_SIZE];

	if (header != NULL)
		clean_text(header, strnlen(header, AGENT_MAX), 0, start->agent_text);
	if (start->agent_text[0] != '\0')
		parse_user_agent(request->server->agents, start->agent_text, &start->agent);
	if (!require_browser || (start->agent_text[0] != '\0' && !start->agent.spider && start->agent.os[0] != '\0' &&
							 start->agent.browser[0] != '\0'))
		return true;
	clean_text(start->agent_text, strlen(start->agent_text), AGENT_SHOWN, shown);
	snprintf(error, sizeof(error), "browser not recognized, user-agent: %s", shown);
	answer_error(request, 403, error);
	return false;
}

static void
say_unknown_project(Request *request)
{
	const char *key = ((Start *) request->work)->asked.project_key;
	char shown[3 * KEY_SHOWN + 1];
	char error[ERROR_SIZE];

	clean_text(key, strlen(key), KEY_SHOWN, shown);
	snprintf(error, sizeof(error), "project doesn't exist or is not active, key: %s", shown);
	answer_error(request, 404, error);
}

static void
after_refresh(Request *request)
{
	((Start *) request->work)->looked_again = true;
	find_and_start(request);
}

/* Waits for a fresh snapshot, once; afterwards the key is unknown, or the database is. */
static void
look_again(Request *request)
{
	Start *start = request->work;

	if (!start->looked_again)
	{
		suspend_request(request, after_refresh);
		if (!await_refresh(request->server->snapshot, &request->snapshot_waiter))
			resume_request(request);
	}
	else if (!request->snapshot_waiter.refreshed)
		answer(request, ANSWER_NO_DATABASE);
	else
	{
		remember_missing(request->server->snapshot, start->asked.project_key);
		say_unknown_project(request);
	}
}

/* From the project on: called again when the project had to be looked up first. */
static void
find_and_start(Request *request)
{
	Start *start = request->work;

	switch (find_project(request->server->snapshot, start->asked.project_key, &start->project))
	{
		case PROJECT_FOUND:
			break;
		case PROJECT_MISSING:
			say_unknown_project(request);
			return;
		case PROJECT_UNSURE:
			look_again(request);
			return;
	}
	if (!start->kind->admit(request))
		return;
	if (start->asked.user_uuid == NULL ||
		!parse_uuid(start->asked.user_uuid, strlen(start->asked.user_uuid), start->user_uuid))
		make_uuid(start->user_uuid);
	find_place(request->server->geo, &request->address, &start->place);

	if (has_valid_token(request))
	{
		request->token = start->token;
		with_session(request, continue_session);
	}
	else
		start_afresh(request);
}

void
begin_start(const StartKind *kind, Request *request, const uint8_t *body, size_t len)
{
	Start *start = calloc(1, sizeof(*start));
	char why[256];

	if (start == NULL)
	{
		answer(request, ANSWER_BUSY);
		return;
	}
	start->kind = kind;
	request->work = start;
	request->free_work = free_start;
	if (!read_start_request(kind->client, body, len, &start->asked, why, sizeof(why)))
	{
		answer_error(request, 400, why);
		return;
	}
	if (start->asked.project_key == NULL)
	{
		answer(request, kind->no_project_key);
		return;
	}
	find_and_start(request);
}
