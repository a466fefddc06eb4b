/*
 * performance.c - frame rate, processor load and heap, summed up over about two minutes
 *
 * The first sample of a window is only its baseline: what it counts belongs to the time before.  A smallest value of 0
 * counts as "not known" and gives way to any other.
 */
#include "heuristics/detector.h"

typedef struct Measure
{
	int64_t min;
	int64_t max;
	double sum;
} Measure;

typedef struct Performance
{
	int64_t start; /* 0: no window is open */
	int64_t last_sample;
	uint64_t count;
	Measure fps;
	Measure cpu; /* its sum is that of the tick rates */
	Measure total_heap;
	Measure used_heap;
} Performance;

STATE_OF(performance, Performance);

static void
add_value(Measure *measure, int64_t value, double exact, bool first)
{
	if (first || measure->min == 0 || value < measure->min)
		measure->min = value;
	if (first || value > measure->max)
		measure->max = value;
	measure->sum += exact;
}

static Spread
spread(const Measure *measure, uint64_t count)
{
	return (Spread){measure->min, rounded(measure->sum / (double) count), measure->max};
}

static void
close_window(Performance *state, Detection *detection)
{
	if (state->count > 0 && state->start < state->last_sample)
	{
		PerformanceSummary summary = {
			.start_ms = state->start,
			.end_ms = state->last_sample,
			.fps = spread(&state->fps, state->count),
			.cpu = {state->cpu.min, 100 - rounded(state->cpu.sum * 100 / (double) state->count), state->cpu.max},
			.total_heap = spread(&state->total_heap, state->count),
			.used_heap = spread(&state->used_heap, state->count),
		};

		report(detection, (Fact){.timestamp = state->start, .performance = &summary});
	}
	*state = (Performance){0};
}

static void
close_if_over(Performance *state, Detection *detection)
{
	int64_t end = state->start + threshold(detection, PERFORMANCE_WINDOW);

	if (state->start == 0)
		return;
	if (detection->state->clocks[0] >= end)
		close_window(state, detection);
	else
		wake_at(detection, end);
}

static void
add_sample(Performance *state, Detection *detection, int64_t elapsed_ms)
{
	const WireValue *values = detection->values;
	double fps = (double) values[PerformanceTrack_Frames].i * 1000 / (double) elapsed_ms;
	double rate = tick_rate(values[PerformanceTrack_Ticks].i, elapsed_ms);
	uint64_t total_heap = values[PerformanceTrack_TotalJSHeapSize].u;
	uint64_t used_heap = values[PerformanceTrack_UsedJSHeapSize].u;
	bool first = state->count == 0;

	add_value(&state->fps, rounded(fps), fps, first);
	add_value(&state->cpu, cpu_percent(rate), rate, first);
	add_value(&state->total_heap, as_signed(total_heap), (double) total_heap, first);
	add_value(&state->used_heap, as_signed(used_heap), (double) used_heap, first);
	state->count++;
	state->last_sample = detection->clock;
}

void
performance_feed(void *self, Detection *detection)
{
	Performance *state = self;
	const WireValue *values = detection->values;
	int64_t elapsed_ms = detection->clock - state->last_sample;

	if (state->start == 0 || values[PerformanceTrack_Frames].i < 0 || values[PerformanceTrack_Ticks].i < 0)
	{
		close_window(state, detection);
		state->start = state->last_sample = detection->clock;
	}
	else if (elapsed_ms > 0)
		add_sample(state, detection, elapsed_ms);
	close_if_over(state, detection);
}

void
performance_tick(void *state, Detection *detection)
{
	close_if_over(state, detection);
}

void
performance_flush(void *state, Detection *detection)
{
	close_window(state, detection);
}
