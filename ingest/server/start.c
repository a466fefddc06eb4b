/*
 * start.c - POST /v1/web/start
 *
 * The server decides alone whether a visitor records: project from the snapshot, device from the user agent, dice, id
 * and token.  The database learns of a session by a start entry on the session's own lane, ahead of all its batches,
 * and the tracker hears 200 once that is committed.  Nothing that is refused is ever written.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "server/ids.h"
#include "server/pack.h"
#include "server/routes.h"
#include "server/start_request.h"

#define ERROR_SIZE 1024
#define AGENT_MAX 2048	/* bytes of a User-Agent that are looked at */
#define AGENT_SHOWN 300 /* characters of it in an error */
#define KEY_SHOWN 40
#define JSON_MAX (1 << 20)
#define BUFFER_DIFF_MAX 300000 /* ms; 14.0.14 sends its clock instead */
#define DAY_MS INT64_C(86400000)

/* What is known so far; lives in request->work from the first answerable moment on. */
typedef struct Start
{
	StartRequest asked;
	Project project;
	UserAgent agent;
	Place place;
	char agent_text[3 * AGENT_MAX + 1];
	char user_uuid[VISIT_UUID_SIZE];
	Token token;
	int64_t start_ts;
	bool looked_again; /* the snapshot was refreshed for this request */
} Start;

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

static void
put_field(Buffer *json, const char *name, const char *text)
{
	put_format(json, ",\"%s\":", name);
	put_json_string(json, text != NULL ? text : "");
}

static void
answer_start(Request *request)
{
	const Start *start = request->work;
	const Settings *settings = &request->server->settings;
	const Project *project = &start->project;
	char token_text[VISIT_TOKEN_SIZE];
	Buffer json;

	make_token(&start->token, settings->token_secret, settings->token_secret_len, token_text);
	init_buffer(&json, JSON_MAX);
	put_format(&json, "{\"timestamp\":0,\"startTimestamp\":%lld,\"delay\":%lld",
			   (long long) session_id_ms(start->token.session_id), (long long) start->token.delay_ms);
	put_field(&json, "token", token_text);
	put_field(&json, "userUUID", start->user_uuid);
	put_field(&json, "userOS", start->agent.os);
	put_field(&json, "userDevice", start->agent.device);
	put_field(&json, "userBrowser", start->agent.browser);
	put_field(&json, "userCountry", start->place.country);
	put_field(&json, "userState", start->place.state);
	put_field(&json, "userCity", start->place.city);
	put_format(&json, ",\"sessionID\":\"%llu\",\"projectID\":\"%d\"", (unsigned long long) start->token.session_id,
			   project->id);
	put_format(&json, ",\"beaconSizeLimit\":%lld,\"compressionThreshold\":%lld",
			   (long long) (project->beacon_size > 0 ? project->beacon_size : settings->beacon_size_limit),
			   (long long) settings->compression_threshold);
	/* Canvas frames have no endpoint yet; quality and rate must be valid all the same. */
	put_text(&json, ",\"canvasEnabled\":false,\"canvasQuality\":\"low\",\"canvasFPS\":1");
	/* Trackers 14 take absent features for enabled ones. */
	put_format(&json, ",\"features\":{\"feature-flags\":%s,\"usability-test\":%s}",
			   settings->feature_flags ? "true" : "false", settings->usability_tests ? "true" : "false");
	if (settings->protocol_version > 0)
		put_format(&json, ",\"protocolVersion\":%lld", (long long) settings->protocol_version);
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

/* ---- the start entry ----------------------------------------------------------------------------------------------
 */

/* All keys always; "" and 0 mean unknown. */
static void
put_start_entry(Buffer *json, const Start *start)
{
	const StartRequest *asked = &start->asked;
	const UserAgent *agent = &start->agent;

	put_format(json, "{\"session_id\":\"%llu\",\"project_id\":%d,\"start_ts\":%lld",
			   (unsigned long long) start->token.session_id, start->project.id, (long long) start->start_ts);
	put_field(json, "tracker_version", asked->tracker_version);
	put_field(json, "rev_id", asked->rev_id);
	put_field(json, "platform", "web");
	put_field(json, "user_uuid", start->user_uuid);
	put_field(json, "user_os", agent->os);
	put_field(json, "user_os_version", agent->os_version);
	put_field(json, "user_browser", agent->browser);
	put_field(json, "user_browser_version", agent->browser_version);
	put_field(json, "user_device", agent->device);
	put_field(json, "user_device_type", device_type_name(agent->device_type));
	put_field(json, "user_country", start->place.country);
	put_field(json, "user_state", start->place.state);
	put_field(json, "user_city", start->place.city);
	put_format(json, ",\"user_device_memory_size\":%lld,\"user_device_heap_size\":%lld",
			   (long long) asked->device_memory, (long long) asked->heap_size);
	put_field(json, "user_id", asked->user_id);
	put_field(json, "timezone", asked->timezone);
	put_format(json, ",\"screen_width\":%lld,\"screen_height\":%lld", (long long) asked->width,
			   (long long) asked->height);
	put_field(json, "user_agent", start->agent_text);
	put_format(json, ",\"delay_ms\":%lld,\"expires_ms\":%lld}", (long long) start->token.delay_ms,
			   (long long) start->token.expires_ms);
}

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

/* ---- decisions ----------------------------------------------------------------------------------------------------
 */

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

/*
 * When the session began, in our time: now, less what the tracker buffered before it asked.  Old and offline trackers
 * count by their own clock; that is believed for a day at most, which is as far as a session's row may lie before its
 * id.
 */
static int64_t
start_time(const StartRequest *asked, int64_t now_ms)
{
	int64_t start_ts = now_ms;

	if (asked->is_offline || (asked->tracker_version != NULL && is_old_tracker(asked->tracker_version)))
		start_ts = asked->timestamp;
	else if (asked->buffer_diff > 0 && asked->buffer_diff < BUFFER_DIFF_MAX)
		start_ts = now_ms - asked->buffer_diff;
	if (start_ts > now_ms)
		return now_ms;
	return start_ts < now_ms - DAY_MS ? now_ms - DAY_MS : start_ts;
}

/* True when the token asks for a session that may go on: one known to be of another project may not. */
static bool
continue_session(Request *request)
{
	Start *start = request->work;
	const Settings *settings = &request->server->settings;
	SessionFacts facts;

	return start->asked.token != NULL && !start->asked.reset &&
		   read_token(start->asked.token, strlen(start->asked.token), settings->token_secret,
					  settings->token_secret_len, request->arrived_ms, &start->token) == TOKEN_VALID &&
		   !(recall_session(request->server->sessions, start->token.session_id, &facts) &&
			 facts.project_id != start->project.id);
}

static void
begin_session(Request *request)
{
	Start *start = request->work;
	const Project *project = &start->project;
	char error[ERROR_SIZE];
	int64_t now_ms;

	if ((int) throw_dice() >= project->sample_rate)
	{
		snprintf(error, sizeof(error), "capture rate miss, rate: %d", project->sample_rate);
		answer_error(request, 403, error);
		return;
	}
	start->token.session_id = issue_session_id(lanes_server_id(request->server->lanes));
	if (start->token.session_id == 0)
	{
		answer_error(request, 500, "epoch is not in the past");
		return;
	}
	/* The id may be ahead of the clock, but no session begins in the future. */
	now_ms = session_id_ms(start->token.session_id);
	if (now_ms > wall_ms())
		now_ms = wall_ms();
	start->token.delay_ms = request->arrived_ms - start->asked.timestamp;
	start->token.expires_ms = now_ms + project->max_session_duration_ms;
	start->start_ts = start_time(&start->asked, now_ms);
	remember_session(request->server->sessions, start->token.session_id, project->id, start->token.expires_ms,
					 !start->asked.do_not_record);
	if (start->asked.do_not_record)
		answer_start(request);
	else
		store_start(request);
}

/* Who asks: false, and answered, when it is no browser. */
static bool
recognise_agent(Request *request)
{
	Start *start = request->work;
	const char *header = request_header(request, "User-Agent");
	char shown[3 * AGENT_SHOWN + 1];
	char error[ERROR_SIZE];

	if (header != NULL)
		clean_text(header, strnlen(header, AGENT_MAX), 0, start->agent_text);
	if (start->agent_text[0] != '\0')
		parse_user_agent(request->server->agents, start->agent_text, &start->agent);
	if (start->agent_text[0] != '\0' && !start->agent.spider && start->agent.os[0] != '\0' &&
		start->agent.browser[0] != '\0')
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
	if (strcmp(start->project.platform, "web") != 0)
	{
		answer(request, ANSWER_NOT_A_WEB_PROJECT);
		return;
	}
	if (!recognise_agent(request))
		return;
	if (start->asked.user_uuid == NULL ||
		!parse_uuid(start->asked.user_uuid, strlen(start->asked.user_uuid), start->user_uuid))
		make_uuid(start->user_uuid);
	find_place(request->server->geo, &request->client, &start->place);

	if (continue_session(request))
		answer_start(request);
	else if (lanes_server_id(request->server->lanes) < 0)
		answer(request, ANSWER_NO_DATABASE); /* the very first start: no number for the ids yet */
	else
		begin_session(request);
}

void
start_session(Request *request, const uint8_t *body, size_t len)
{
	Start *start = calloc(1, sizeof(*start));
	char why[256];
	char clean[3 * sizeof(why) + 1];

	if (start == NULL)
	{
		answer(request, ANSWER_BUSY);
		return;
	}
	request->work = start;
	request->free_work = free_start;
	if (!read_start_request(body, len, &start->asked, why, sizeof(why)))
	{
		clean_text(why, strlen(why), 0, clean); /* it quotes the body */
		answer_error(request, 400, clean);
		return;
	}
	if (start->asked.project_key == NULL)
	{
		answer(request, ANSWER_NO_PROJECT_KEY);
		return;
	}
	find_and_start(request);
}
