/*
 * start_mobile.c - POST /v1/mobile/start
 *
 * Messages of mobile trackers carry the client's time, so the session begins by it too and the token has no delay.
 */
#include <string.h>

#include "server/routes.h"
#include "server/start.h"

static const char *
ios_device_type(const char *identifier)
{
	if (strstr(identifier, "iPhone") != NULL)
		return device_type_name(DEVICE_MOBILE);
	if (strstr(identifier, "iPad") != NULL)
		return device_type_name(DEVICE_TABLET);
	return device_type_name(DEVICE_OTHER);
}

/* What an Android tracker says, when it is one of ours. */
static const char *
told_device_type(const char *told)
{
	for (DeviceType type = DEVICE_DESKTOP; told != NULL && type < DEVICE_OTHER; type++)
	{
		if (strcmp(told, device_type_name(type)) == 0)
			return device_type_name(type);
	}
	return device_type_name(DEVICE_OTHER);
}

static bool
admit_app(Request *request)
{
	Start *start = request->work;
	const StartRequest *asked = &start->asked;
	const char *device = asked->device != NULL ? asked->device : "";
	bool android = asked->platform != NULL && strcmp(asked->platform, "android") == 0;

	if (strcmp(start->project.platform, "ios") != 0 && strcmp(start->project.platform, "android") != 0)
	{
		answer(request, ANSWER_NOT_A_MOBILE_PROJECT);
		return false;
	}
	if (!is_usable_mobile_tracker(asked->tracker_version))
	{
		answer(request, ANSWER_OLD_MOBILE_TRACKER);
		return false;
	}
	start->visitor = (Visitor){
		.platform = android ? "android" : "ios",
		.os = android ? "Android" : "IOS",
		.os_version = asked->os_version,
		.device = android ? device : ios_model_name(device),
		.device_type = android ? told_device_type(asked->device_type) : ios_device_type(device),
		.heap_size = asked->device_memory,
	};
	return true;
}

static bool
admit_new_app(Request *request)
{
	return read_agent(request, true);
}

static void
set_times(Start *start, int64_t arrived_ms, int64_t now_ms)
{
	(void) arrived_ms;
	start->token.delay_ms = 0;
	start->token.expires_ms = now_ms + start->project.max_session_duration_ms;
	start->start_ts = believable_time(start->asked.timestamp, now_ms);
}

/* iOS decodes strictly: a missing member, or one of another type, is a failed start. */
static void
put_answer(const Request *request, Buffer *json)
{
	const Start *start = request->work;
	const Settings *settings = &request->server->settings;

	put_field(json, "userUUID", start->user_uuid);
	put_format(json, ",\"sessionID\":\"%llu\",\"projectID\":\"%d\"", (unsigned long long) start->token.session_id,
			   start->project.id);
	put_format(json, ",\"fps\":%lld,\"quality\":\"%s\",\"beaconSizeLimit\":%lld,\"imagesHashList\":null",
			   (long long) settings->mobile_fps, settings->mobile_quality, (long long) settings->beacon_size_limit);
	put_promises(request, json);
}

void
start_mobile_session(Request *request, const uint8_t *body, size_t len)
{
	static const StartKind mobile = {
		.client = START_MOBILE,
		.no_project_key = ANSWER_NO_MOBILE_PROJECT_KEY,
		.sampled = true,
		.admit = admit_app,
		.admit_new = admit_new_app,
		.set_times = set_times,
		.put_answer = put_answer,
	};

	begin_start(&mobile, request, body, len);
}
