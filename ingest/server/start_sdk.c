/*
 * start_sdk.c - POST /v1/sdk/start: the analytics SDK without a tracker
 *
 * It tells what a tracker leaves to the User-Agent; what it does not tell is taken from there.
 */
#include <string.h>

#include "server/routes.h"
#include "server/start.h"

/* The first that is known. */
static const char *
known(const char *told, const char *otherwise)
{
	return told != NULL && told[0] != '\0' ? told : otherwise;
}

static bool
admit_sdk(Request *request)
{
	Start *start = request->work;
	const StartRequest *asked = &start->asked;
	const UserAgent *agent = &start->agent;
	const char *platform = known(asked->platform, "web");

	read_agent(request, false);
	start->visitor = (Visitor){
		.platform = "web",
		.os = known(asked->os, agent->os),
		.os_version = known(asked->os_version, asked->os != NULL ? NULL : agent->os_version),
		.browser = known(asked->browser, known(agent->browser, "Other")),
		.browser_version = known(asked->browser_version, asked->browser != NULL ? NULL : agent->browser_version),
		.device = agent->device,
		.device_type = device_type_name(start->agent_text[0] != '\0' ? agent->device_type : DEVICE_OTHER),
	};
	/* Apps have no browser. */
	if (strcmp(platform, "ios") == 0 || strcmp(platform, "android") == 0)
	{
		start->visitor.platform = strcmp(platform, "ios") == 0 ? "ios" : "android";
		start->visitor.browser = NULL;
		start->visitor.browser_version = NULL;
	}
	return true;
}

static void
set_times(Start *start, int64_t arrived_ms, int64_t now_ms)
{
	(void) arrived_ms;
	start->token.delay_ms = 0;
	start->token.expires_ms = now_ms + DAY_MS;
	start->start_ts = now_ms;
}

void
start_sdk_session(Request *request, const uint8_t *body, size_t len)
{
	static const StartKind sdk = {
		.client = START_SDK,
		.no_project_key = ANSWER_NO_PROJECT_KEY,
		.admit = admit_sdk,
		.set_times = set_times,
	};

	begin_start(&sdk, request, body, len);
}
