/*
 * cpu.c - the page's thread was busy for long
 *
 * The tracker counts a timer of 30 ms; of the ticks that a span of time should have had, those that came tell how free
 * the thread was.
 */
#include <inttypes.h>
#include <stdio.h>

#include "heuristics/detector.h"

typedef struct Cpu
{
	int64_t last_sample; /* 0: none yet */
	int64_t start;		 /* of high load, 0: it is not high */
	uint64_t message_id; /* there */
	int64_t percent;	 /* highest since */
} Cpu;

STATE_OF(cpu, Cpu);

static void
close_span(Cpu *state, Detection *detection)
{
	int64_t duration = state->last_sample - state->start;

	if (state->start != 0 && duration >= threshold(detection, CPU_DURATION))
	{
		char payload[80];

		snprintf(payload, sizeof(payload), "{\"Duration\":%" PRId64 ",\"Rate\":%" PRId64 "}", duration, state->percent);
		report(detection, (Fact){.timestamp = state->start,
								 .message_id = state->message_id,
								 .context = detection->url,
								 .payload = payload});
	}
	state->start = 0;
	state->message_id = 0;
	state->percent = 0;
}

void
cpu_feed(void *self, Detection *detection)
{
	Cpu *state = self;
	const WireValue *values = detection->values;
	int64_t elapsed_ms = state->last_sample ? detection->clock - state->last_sample : 0;
	int64_t percent;

	/* each stream has its clock, and a sample may come in one that is behind */
	if (detection->clock < state->last_sample)
		return;
	state->last_sample = detection->clock;
	if (values[PerformanceTrack_Frames].i < 0 || values[PerformanceTrack_Ticks].i < 0)
	{
		close_span(state, detection); /* the tab was hidden */
		return;
	}
	if (elapsed_ms == 0)
		return;
	percent = cpu_percent(tick_rate(values[PerformanceTrack_Ticks].i, elapsed_ms));
	if (percent < threshold(detection, CPU_PERCENT))
	{
		close_span(state, detection);
		return;
	}
	if (state->start == 0)
	{
		state->start = detection->clock;
		state->message_id = detection->message_id;
	}
	if (percent > state->percent)
		state->percent = percent;
}

void
cpu_flush(void *state, Detection *detection)
{
	close_span(state, detection);
}
