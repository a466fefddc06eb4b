/*
 * memory.c - the heap is a multiple of what it was on average so far
 */
#include <inttypes.h>
#include <stdio.h>

#include "heuristics/detector.h"

typedef struct Memory
{
	double sum; /* of all samples, which are bytes */
	uint64_t count;
	int64_t start; /* of high usage, 0: it is not high */
	uint64_t message_id;
	int64_t percent; /* highest since */
} Memory;

STATE_OF(memory, Memory);

static void
close_span(Memory *state, Detection *detection)
{
	if (state->start != 0)
	{
		char payload[48];

		snprintf(payload, sizeof(payload), "{\"Rate\":%" PRId64 "}", state->percent - 100); /* above the average */
		report(detection, (Fact){.timestamp = state->start,
								 .message_id = state->message_id,
								 .context = detection->url,
								 .payload = payload});
	}
	state->start = 0;
	state->message_id = 0;
	state->percent = 0;
}

/* 0 when the browser tells no heap sizes. */
static int64_t
percent_of_average(const Memory *state, double used)
{
	double average = state->sum / (double) state->count;

	return average > 0 ? rounded(used / average * 100) : 0;
}

void
memory_feed(void *self, Detection *detection)
{
	Memory *state = self;
	double used = (double) detection->values[PerformanceTrack_UsedJSHeapSize].u;

	if (state->count > 0 && (int64_t) state->count >= threshold(detection, MEMORY_SAMPLES))
	{
		int64_t percent = percent_of_average(state, used);

		if (percent < threshold(detection, MEMORY_PERCENT))
			close_span(state, detection);
		else
		{
			if (state->start == 0)
			{
				state->start = detection->clock;
				state->message_id = detection->message_id;
			}
			if (percent > state->percent)
				state->percent = percent;
		}
	}
	state->sum += used;
	state->count++;
}

void
memory_flush(void *state, Detection *detection)
{
	close_span(state, detection);
}
