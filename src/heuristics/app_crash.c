/*
 * app_crash.c - the page lost most of its nodes around an error: frameworks unmount what they cannot render
 *
 * Whichever of the two is told first.
 */
#include "heuristics/detector.h"

typedef struct AppCrash
{
	int64_t drop; /* when the nodes went, 0: not yet */
	uint64_t message_id;
	int64_t error; /* latest error or failed request, 0: none */
} AppCrash;

STATE_OF(app_crash, AppCrash);

static void
note_error(AppCrash *state, int64_t time)
{
	if (time > state->error)
		state->error = time;
}

static void
test(AppCrash *state, Detection *detection)
{
	int64_t gap = state->drop > state->error ? state->drop - state->error : state->error - state->drop;

	if (state->drop == 0 || state->error == 0 || gap >= threshold(detection, APP_CRASH_GAP))
		return;
	report(detection, (Fact){.timestamp = state->drop, .message_id = state->message_id});
	*state = (AppCrash){0};
}

void
app_crash_feed(void *self, Detection *detection)
{
	AppCrash *state = self;
	const WireValue *values = detection->values;

	switch (detection->message->type)
	{
		case MSG_UnbindNodes:
			if (as_signed(values[UnbindNodes_TotalRemovedPercent].u) < threshold(detection, APP_CRASH_PERCENT))
				return;
			state->drop = detection->clock;
			state->message_id = detection->message_id;
			break;
		case MSG_JSException:
			note_error(state, detection->message->timestamp);
			break;
		case MSG_NetworkRequest:
			if (as_signed(values[NetworkRequest_Status].u) >= threshold(detection, BAD_REQUEST_STATUS))
				note_error(state, own_time(detection, values[NetworkRequest_Timestamp].u));
			break;
	}
	test(state, detection);
}
