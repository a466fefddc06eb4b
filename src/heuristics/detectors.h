/*
 * detectors.h - from messages to issues and performance summaries
 *
 * One set of small state machines per tab of a session.  They are fed the tab's messages in the order in which its
 * batches came and give facts; what becomes of those is the caller's business.  The whole state is one struct of plain
 * bytes: copied, stored and restored it goes on as if nothing had happened.
 *
 * The hard part is time.  A detector is given a clock that never goes backwards, the running maximum of message times.
 * A tracker of protocol 2 sends a tab's messages in four streams (player, assets, devtools, analytics) whose batches
 * cover the same half minute one after the other; one clock for all of them would stand at the end of the first batch
 * while the others tell what happened before, and clicks a second apart would be no time apart.  So each stream has a
 * clock of its own.  Detectors that look at one stream are right at once; dead_click, which has to know of assets too,
 * holds its verdict back in such tabs until the other streams must have caught up.
 */
#ifndef OPENREPLAY_DETECTORS_H
#define OPENREPLAY_DETECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "heuristics/thresholds.h"
#include "wire/wire.h"

#define DETECTOR_STREAMS 4 /* player or everything, assets, devtools, analytics */

/* A tab's detectors.  Zeroes and detectors_start() make a new one; private to src/heuristics but for its size. */
typedef struct DetectorState
{
	int64_t clocks[DETECTOR_STREAMS]; /* highest message time of each stream, ms */
	int64_t alarm;					  /* when a detector wants to be called without a message, ms */
	uint16_t awaiting;				  /* detectors that are fed what they await, by number */
	uint16_t awaiting_others;		  /* the same, of the streams beside the player's */
	uint8_t mobile;
	uint8_t streams; /* bit n: stream n was seen */
	uint8_t unused[2];
	union
	{
#define TYPE(name)
#define PLATFORM_WEB(name, state_bytes) uint64_t name[(state_bytes) / 8];
#define PLATFORM_MOBILE(name, state_bytes)
#define DETECTOR(name, platform, state_bytes, tick, flush, wants, awaits) PLATFORM_##platform(name, state_bytes)
		struct
		{
#include "detectors.list.h"
		} web;
#undef PLATFORM_WEB
#undef PLATFORM_MOBILE
#define PLATFORM_WEB(name, state_bytes)
#define PLATFORM_MOBILE(name, state_bytes) uint64_t name[(state_bytes) / 8];
		struct
		{
#include "detectors.list.h"
		} mobile_app;
#undef PLATFORM_WEB
#undef PLATFORM_MOBILE
#undef DETECTOR
#undef TYPE
	} own;
} DetectorState;

/* Min, avg, max. */
typedef struct Spread
{
	int64_t min;
	int64_t avg;
	int64_t max;
} Spread;

typedef struct PerformanceSummary
{
	int64_t start_ms;
	int64_t end_ms;
	Spread fps;		   /* frames a second */
	Spread cpu;		   /* percent */
	Spread total_heap; /* bytes */
	Spread used_heap;
} PerformanceSummary;

typedef enum AppMetric
{
	APP_FPS,
	APP_CPU,	 /* percent */
	APP_MEMORY,	 /* bytes */
	APP_BATTERY, /* percent */
	APP_METRICS
} AppMetric;

/* The same for an app, where each metric is measured on its own. */
typedef struct AppPerformanceSummary
{
	int64_t start_ms;
	int64_t end_ms;
	bool measured[APP_METRICS];
	Spread spreads[APP_METRICS];
} AppPerformanceSummary;

/* What a detector found.  Texts and pointers are valid during the call of the sink only. */
typedef struct Fact
{
	const char *detector;						  /* its name */
	const char *type;							  /* of issue; NULL for a summary */
	int64_t timestamp;							  /* when it began, ms */
	uint64_t message_id;						  /* of the message it began with; 0 for a summary, which is of none */
	WireString context;							  /* what it is about: a label, a URL, or nothing */
	uint64_t selector;							  /* selector_hash() of the element clicked, 0 if there is none */
	const char *payload;						  /* JSON, or "" */
	const PerformanceSummary *performance;		  /* one of these, or */
	const AppPerformanceSummary *app_performance; /* none for an issue */
} Fact;

typedef void (*FactSink)(const Fact *fact, void *arg);

/* What detectors need to know beside the message. */
typedef struct Detection
{
	const Thresholds *thresholds;
	FactSink sink;
	void *sink_arg;
	WireString url;		 /* the tab's current page */
	uint64_t message_id; /* of the message at hand */

	/* filled by detectors_feed() and detectors_flush() */
	DetectorState *state;
	const WireMessage *message;
	const WireValue *values;
	int64_t clock; /* of the message's stream; at the end of the session of the player's */
	unsigned stream;
	unsigned detector; /* number of the one being called */
} Detection;

extern void detectors_start(DetectorState *state, WirePlatform platform);

/* Whether issues of this type are found here; those that trackers find themselves are then not counted again. */
extern bool detectors_find(const char *type, size_t len);

/* The stream of a batch. */
static inline unsigned
detector_stream(const WireHeader *header)
{
	return header->version >= 3 && header->version <= 5 ? header->version - 2 : 0;
}

/*
 * Two steps for each message.  detectors_step() moves the clock and tells who wants the message, as bits; mostly nobody
 * does.  Then detectors_feed(), with the message's values if detectors_want_values() of those bits.  Messages without a
 * plausible time must not get here.
 */
typedef uint32_t DetectorBits;

#define DETECTOR_ALARM 0x10000

extern const DetectorBits *detector_interests(WirePlatform platform); /* by message type: wants | awaits << 16 */

static inline DetectorBits
detectors_step(DetectorState *state, const DetectorBits *interests, uint8_t type, int64_t timestamp, unsigned stream)
{
	DetectorBits interest = interests[type];
	DetectorBits bits = interest & 0xFFFF;

	if (interest >> 16)
		bits |= ((interest >> 16) & (stream == 0 ? state->awaiting : state->awaiting_others)) << 17;
	if (timestamp > state->clocks[stream])
	{
		state->clocks[stream] = timestamp;
		state->streams |= (uint8_t) (1 << stream);
		if (stream == 0 && timestamp >= state->alarm)
			bits |= DETECTOR_ALARM;
	}
	return bits;
}

static inline bool
detectors_want_values(DetectorBits bits)
{
	return (bits & 0xFFFF) != 0;
}

extern void detectors_feed(DetectorState *state, DetectorBits bits, const WireMessage *message, const WireValue *values,
						   unsigned stream, Detection *detection);

/* The end of the session: everything pending is judged.  Later messages go on with what remains. */
extern void detectors_flush(DetectorState *state, Detection *detection);

/* Of a selector's text, never 0 but for an empty one; equal texts have equal hashes. */
extern uint64_t selector_hash(const char *text, size_t len);

#endif /* OPENREPLAY_DETECTORS_H */
