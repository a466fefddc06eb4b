/*
 * anr.c - an app that gives no sign of life for long: "application not responding"
 *
 * Taps, inputs and measurements are its heartbeat; whatever comes after a long silence, or the end of a session that
 * went on without them, tells that there was one.  Historic servers had the rule and did not use it: an app in the
 * background is silent as well.  So a project has to ask for it.
 */
#include "heuristics/detector.h"

typedef struct Anr
{
	int64_t heartbeat; /* 0: none yet */
	uint64_t message_id;
	Label label; /* last tapped or edited */
} Anr;

STATE_OF(anr, Anr);

static void
test(const Anr *state, Detection *detection)
{
	if (state->heartbeat != 0 && detection->clock - state->heartbeat >= threshold(detection, ANR_SILENCE) &&
		threshold(detection, ANR_ENABLED))
		report(detection, (Fact){.timestamp = state->heartbeat,
								 .message_id = state->message_id,
								 .context = label_text(&state->label)});
}

void
anr_feed(void *self, Detection *detection)
{
	Anr *state = self;

	test(state, detection);
	state->heartbeat = detection->clock;
	state->message_id = detection->message_id;
	if (detection->message->type == MSG_MobileClickEvent)
		keep_label(&state->label, detection->values[MobileClickEvent_Label].s);
	else if (detection->message->type == MSG_MobileInputEvent)
		keep_label(&state->label, detection->values[MobileInputEvent_Label].s);
}

void
anr_flush(void *self, Detection *detection)
{
	Anr *state = self;

	test(state, detection);
	*state = (Anr){0};
}
