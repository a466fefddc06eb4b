/*
 * detectors.c - who is fed what
 *
 * Most messages are the page's DOM and interest nobody at the moment, so the test for that is one look into a table of
 * bits (detectors_step() in the header).  The table is made from the list of detectors when it is first needed.
 */
#include <string.h>

#include "heuristics/detector.h"

typedef struct Detector
{
	const char *name;
	WirePlatform platform;
	size_t offset;
	void (*feed)(void *state, Detection *detection);
	void (*tick)(void *state, Detection *detection);
	void (*flush)(void *state, Detection *detection);
	const uint8_t *wants; /* ends with 0, which is no message anybody wants */
	const uint8_t *awaits;
} Detector;

/* clang-format off: the list, expanded */
#define TYPE(name) MSG_##name,
#define DETECTOR(name, platform, state_bytes, tick, flush, wants, awaits) \
	static const uint8_t name##_wants[] = {wants 0}; \
	static const uint8_t name##_awaits[] = {awaits 0};
#include "detectors.list.h"
#undef DETECTOR
#undef TYPE

#define TYPE(name)
#define OFFSET_WEB(name) offsetof(DetectorState, own.web.name)
#define OFFSET_MOBILE(name) offsetof(DetectorState, own.mobile_app.name)
#define DETECTOR(name, platform, state_bytes, tick, flush, wants, awaits) \
	{#name, WIRE_##platform, OFFSET_##platform(name), name##_feed, tick, flush, name##_wants, name##_awaits},
static const Detector detectors[DETECTOR_COUNT] = {
#include "detectors.list.h"
};
#undef DETECTOR
#undef TYPE
/* clang-format on */

static DetectorBits interests[2][WIRE_TYPE_COUNT];
static DetectorBits ticking_detectors;
static bool interests_made;

static void
make_interests(void)
{
	for (int i = 0; i < DETECTOR_COUNT; i++)
	{
		DetectorBits *table = interests[detectors[i].platform];

		if (detectors[i].tick != NULL)
			ticking_detectors |= UINT32_C(1) << i;
		for (const uint8_t *type = detectors[i].wants; *type != 0; type++)
			table[*type] |= UINT32_C(1) << i;
		for (const uint8_t *type = detectors[i].awaits; *type != 0; type++)
			table[*type] |= UINT32_C(1) << (i + 16);
	}
	interests_made = true;
}

const DetectorBits *
detector_interests(WirePlatform platform)
{
	if (!interests_made)
		make_interests();
	return interests[platform];
}

static bool
runs_in(const Detector *detector, const DetectorState *state)
{
	return (detector->platform == WIRE_MOBILE) == (state->mobile != 0);
}

static void *
state_of(const Detector *detector, DetectorState *state)
{
	return (char *) state + detector->offset;
}

void
detectors_start(DetectorState *state, WirePlatform platform)
{
	memset(state, 0, sizeof(*state));
	state->mobile = platform == WIRE_MOBILE;
	state->alarm = INT64_MAX;
}

bool
detectors_find(const char *type, size_t len)
{
	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (strlen(detectors[i].name) == len && memcmp(detectors[i].name, type, len) == 0)
			return true;
	return false;
}

void
detectors_feed(DetectorState *state, DetectorBits bits, const WireMessage *message, const WireValue *values,
			   unsigned stream, Detection *detection)
{
	bool alarm = (bits & DETECTOR_ALARM) != 0;
	DetectorBits called = (bits & 0xFFFF) | bits >> 17;

	detection->state = state;
	detection->message = message;
	detection->values = values;
	detection->stream = stream;
	detection->clock = state->clocks[stream];
	if (alarm)
		state->alarm = INT64_MAX;
	if (alarm)
		called |= ticking_detectors;
	while (called != 0)
	{
		unsigned i = (unsigned) __builtin_ctz(called); /* in the list's order */
		const Detector *detector = &detectors[i];

		called &= called - 1;
		detection->detector = i;
		if (bits & (UINT32_C(1) << i | UINT32_C(1) << (i + 17)))
			detector->feed(state_of(detector, state), detection);
		if (alarm && detector->tick != NULL && runs_in(detector, state))
			detector->tick(state_of(detector, state), detection);
	}
}

void
detectors_flush(DetectorState *state, Detection *detection)
{
	detection->state = state;
	detection->message = NULL;
	detection->values = NULL;
	detection->stream = 0;
	detection->clock = state->clocks[0];
	for (unsigned i = 0; i < DETECTOR_COUNT; i++)
	{
		detection->detector = i;
		if (detectors[i].flush != NULL && runs_in(&detectors[i], state))
			detectors[i].flush(state_of(&detectors[i], state), detection);
	}
}

/* ---- for detectors ---- */

void
await_messages(Detection *detection, bool of_player, bool of_others)
{
	DetectorState *state = detection->state;
	uint16_t bit = (uint16_t) (1 << detection->detector);

	state->awaiting = (uint16_t) (of_player ? state->awaiting | bit : state->awaiting & ~bit);
	state->awaiting_others = (uint16_t) (of_others ? state->awaiting_others | bit : state->awaiting_others & ~bit);
}

void
wake_at(Detection *detection, int64_t time)
{
	if (time < detection->state->alarm)
		detection->state->alarm = time;
}

void
report(Detection *detection, Fact fact)
{
	fact.detector = detectors[detection->detector].name;
	if (fact.performance == NULL && fact.app_performance == NULL)
		fact.type = fact.detector; /* each finds the issue it is named after */
	if (fact.payload == NULL)
		fact.payload = "";
	if (fact.context.data == NULL)
		fact.context = wire_string("", 0);
	detection->sink(&fact, detection->sink_arg);
}

uint64_t
selector_hash(const char *text, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a, 64 bits */

	if (len == 0)
		return 0;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t) text[i]) * UINT64_C(0x100000001b3);
	return hash ? hash : 1;
}

uint32_t
label_len(WireString text)
{
	uint32_t len = text.len;

	if (len > LABEL_BYTES)
		for (len = LABEL_BYTES; len > 0 && ((uint8_t) text.data[len] & 0xC0) == 0x80; len--)
			;
	return len;
}

void
keep_label(Label *label, WireString text)
{
	label->len = (uint16_t) label_len(text);
	memcpy(label->text, text.data, label->len);
}

double
tick_rate(int64_t ticks, int64_t elapsed_ms)
{
	double rate = (double) ticks * TICK_MS / (double) elapsed_ms;

	return rate > 1 ? 1 : rate;
}

int64_t
cpu_percent(double rate)
{
	return 100 - rounded(rate * 100);
}

int64_t
rounded(double value)
{
	int64_t whole;
	double rest;

	if (!(value > -9e18))
		return INT64_MIN;
	if (value > 9e18)
		return INT64_MAX;
	whole = (int64_t) value;
	rest = value - (double) whole;
	return whole + (rest >= 0.5) - (rest <= -0.5);
}
