/*
 * start_web.c - POST /v1/web/start
 */
#include <string.h>

#include "server/routes.h"
#include "server/start.h"

#define BUFFER_DIFF_MAX 300000 /* ms; 14.0.14 sends its clock instead */

static bool
admit_browser(Request *request)
{
	Start *start = request->work;

	if (strcmp(start->project.platform, "web") != 0)
	{
		answer(request, ANSWER_NOT_A_WEB_PROJECT);
		return false;
	}
	if (!read_agent(request, true))
		return false;
	start->visitor = (Visitor){
		.platform = "web",
		.os = start->agent.os,
		.os_version = start->agent.os_version,
		.browser = start->agent.browser,
		.browser_version = start->agent.browser_version,
		.device = start->agent.device,
		.device_type = device_type_name(start->agent.device_type),
		.heap_size = start->asked.heap_size,
	};
	return true;
}

/*
 * The session begins in our time: now, less what the tracker buffered before it asked.  Old and offline trackers count
 * by their own clock; that is believed for a day at most, which is as far as a session's row may lie before its id.
 */
static void
set_times(Start *start, int64_t arrived_ms, int64_t now_ms)
{
	const StartRequest *asked = &start->asked;

	start->token.delay_ms = arrived_ms - asked->timestamp;
	start->token.expires_ms = now_ms + start->project.max_session_duration_ms;
	if (asked->is_offline || is_old_tracker(asked->tracker_version))
		start->start_ts = believable_time(asked->timestamp, now_ms);
	else if (asked->buffer_diff > 0 && asked->buffer_diff < BUFFER_DIFF_MAX)
		start->start_ts = now_ms - asked->buffer_diff;
	else
		start->start_ts = now_ms;
}

static void
put_answer(const Request *request, Buffer *json)
{
	const Start *start = request->work;
	const Settings *settings = &request->server->settings;
	const Project *project = &start->project;

	put_format(json, ",\"timestamp\":0,\"startTimestamp\":%lld,\"delay\":%lld",
			   (long long) session_id_ms(start->token.session_id), (long long) start->token.delay_ms);
	put_field(json, "userUUID", start->user_uuid);
	put_field(json, "userOS", start->visitor.os);
	put_field(json, "userDevice", start->visitor.device);
	put_field(json, "userBrowser", start->visitor.browser);
	put_field(json, "userCountry", start->place.country);
	put_field(json, "userState", start->place.state);
	put_field(json, "userCity", start->place.city);
	put_format(json, ",\"sessionID\":\"%llu\",\"projectID\":\"%d\"", (unsigned long long) start->token.session_id,
			   project->id);
	put_format(json, ",\"beaconSizeLimit\":%lld,\"compressionThreshold\":%lld",
			   (long long) (project->beacon_size > 0 ? project->beacon_size : settings->beacon_size_limit),
			   (long long) settings->compression_threshold);
	put_format(json, ",\"canvasEnabled\":%s,\"canvasQuality\":\"%s\",\"canvasFPS\":%lld",
			   settings->record_canvas ? "true" : "false", settings->canvas_quality, (long long) settings->canvas_fps);
	put_promises(request, json);
	if (settings->protocol_version > 0)
		put_format(json, ",\"protocolVersion\":%lld", (long long) settings->protocol_version);
}

void
start_session(Request *request, const uint8_t *body, size_t len)
{
	static const StartKind web = {
		.client = START_WEB,
		.no_project_key = ANSWER_NO_PROJECT_KEY,
		.sampled = true,
		.admit = admit_browser,
		.set_times = set_times,
		.put_answer = put_answer,
	};

	begin_start(&web, request, body, len);
}
