/*
 * start_not.c - POST /v1/web/not-started
 *
 * Trackers up to 16 tell that they did not start, and do not listen to the answer.  What they say is checked as a start
 * is, and then nothing is kept: there is no session that it could belong to.
 */
#include "server/routes.h"
#include "server/start.h"

static bool
admit_nothing(Request *request)
{
	if (read_agent(request, true))
		answer(request, ANSWER_OK);
	return false;
}

void
note_not_started(Request *request, const uint8_t *body, size_t len)
{
	static const StartKind not_started = {
		.client = START_WEB,
		.no_project_key = ANSWER_NO_MOBILE_PROJECT_KEY,
		.admit = admit_nothing,
	};

	begin_start(&not_started, request, body, len);
}
