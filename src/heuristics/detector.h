/*
 * detector.h - what detector files share; private to them
 */
#ifndef OPENREPLAY_DETECTOR_H
#define OPENREPLAY_DETECTOR_H

#include "heuristics/detectors.h"

/*
 * Numbers and functions of the detectors: DETECTOR_dead_click, dead_click_feed() ... at most 15, because bits for them
 * share a word.
 */
typedef enum DetectorNumber
{
#define TYPE(name)
#define DETECTOR(name, platform, state_bytes, tick, flush, wants, awaits) DETECTOR_##name,
#include "detectors.list.h"
#undef DETECTOR
	DETECTOR_COUNT
} DetectorNumber;

_Static_assert(DETECTOR_COUNT <= 15, "bits for detectors share a word");

#define DETECTOR(name, platform, state_bytes, tick, flush, wants, awaits) \
	extern void name##_feed(void *state, Detection *detection); \
	extern void name##_tick(void *state, Detection *detection); \
	extern void name##_flush(void *state, Detection *detection); \
	enum \
	{ \
		name##_state_bytes = (state_bytes) \
	};
#include "detectors.list.h"
#undef DETECTOR
#undef TYPE

/* To be stated once in each file: the list's size is the struct's. */
#define STATE_OF(name, type) \
	_Static_assert(sizeof(type) == (name##_state_bytes), "detectors.list.h tells " #type "'s size")

/* From now on the detector is fed what it awaits: of the player's stream, or only of the others. */
extern void await_messages(Detection *detection, bool of_player, bool of_others);

/* It is to be called at this time (of the player's clock), and must ask again when it is. */
extern void wake_at(Detection *detection, int64_t time);

/* Gives a fact of the detector being called. */
extern void report(Detection *detection, Fact fact);

/* A number of the wire as a signed one. */
static inline int64_t
as_signed(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (int64_t) value;
}

static inline int64_t
threshold(const Detection *detection, Threshold which)
{
	return detection->thresholds->values[which];
}

/* The time a message claims for itself, or the clock when it claims none or one more than a day ahead. */
#define PLAUSIBLE_AHEAD_MS 86400000

static inline int64_t
own_time(const Detection *detection, uint64_t claimed)
{
	int64_t time = as_signed(claimed);

	return time > 0 && time - PLAUSIBLE_AHEAD_MS <= detection->clock ? time : detection->clock;
}

/*
 * An element's label.  Trackers cut theirs after 100 characters, which fit; a longer one, which only a page can have
 * set, is cut between two characters.
 */
#define LABEL_BYTES 302

typedef struct Label
{
	uint16_t len;
	char text[LABEL_BYTES];
} Label;

/* How many bytes of a label are kept. */
extern uint32_t label_len(WireString text);

extern void keep_label(Label *label, WireString text);

static inline WireString
label_text(const Label *label)
{
	return wire_string(label->text, label->len);
}

/* Share of a timer's ticks that came in time, and processor load in percent from it (heuristics 4.3). */
#define TICK_MS 30 /* period of the tracker's timer */

extern double tick_rate(int64_t ticks, int64_t elapsed_ms);
extern int64_t cpu_percent(double rate);

/* Half away from zero, and never outside of what an int64 holds. */
extern int64_t rounded(double value);

#endif /* OPENREPLAY_DETECTOR_H */
