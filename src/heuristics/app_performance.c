/*
 * app_performance.c - how an app runs: frame rate, processor load, memory and battery, summed up over 15 minutes
 *
 * Each measurement is a message of its own.  A window begins with its first one and is closed by the first after its
 * time, or by the end of the session.
 */
#include <string.h>

#include "heuristics/detector.h"

static const char *const metric_names[APP_METRICS] = {
	[APP_FPS] = "fps",
	[APP_CPU] = "mainThreadCPU",
	[APP_MEMORY] = "memoryUsage",
	[APP_BATTERY] = "batteryLevel",
};

typedef struct Measure
{
	int64_t min;
	int64_t max;
	double sum;
	uint64_t count;
} Measure;

typedef struct AppPerformance
{
	int64_t start; /* 0: no window is open */
	int64_t last;
	Measure measures[APP_METRICS];
} AppPerformance;

STATE_OF(app_performance, AppPerformance);

/* The average is cut, not rounded; of values too large for a double it stays between them. */
static Spread
spread(const Measure *measure)
{
	double average = measure->sum / (double) measure->count;
	int64_t whole = average < (double) measure->max ? (int64_t) average : measure->max;

	return (Spread){measure->min, whole > measure->min ? whole : measure->min, measure->max};
}

static void
close_window(AppPerformance *state, Detection *detection)
{
	if (state->start != 0)
	{
		AppPerformanceSummary summary = {.start_ms = state->start, .end_ms = state->last};

		for (int i = 0; i < APP_METRICS; i++)
		{
			summary.measured[i] = state->measures[i].count > 0;
			if (summary.measured[i])
				summary.spreads[i] = spread(&state->measures[i]);
		}
		report(detection, (Fact){.timestamp = state->start, .app_performance = &summary});
	}
	*state = (AppPerformance){0};
}

static AppMetric
metric_of(WireString name)
{
	AppMetric metric = 0;

	while (metric < APP_METRICS &&
		   (name.len != strlen(metric_names[metric]) || memcmp(name.data, metric_names[metric], name.len) != 0))
		metric++;
	return metric;
}

void
app_performance_feed(void *self, Detection *detection)
{
	AppPerformance *state = self;
	AppMetric metric = metric_of(detection->values[MobilePerformanceEvent_Name].s);
	int64_t value = as_signed(detection->values[MobilePerformanceEvent_Value].u);
	Measure *measure;

	if (state->start != 0 && detection->clock - state->start >= threshold(detection, APP_PERFORMANCE_WINDOW))
		close_window(state, detection);
	if (metric == APP_METRICS)
		return;
	if (state->start == 0)
		state->start = detection->clock;
	state->last = detection->clock;
	measure = &state->measures[metric];
	if (measure->count == 0 || value < measure->min)
		measure->min = value;
	if (measure->count == 0 || value > measure->max)
		measure->max = value;
	measure->sum += (double) value;
	measure->count++;
}

void
app_performance_flush(void *state, Detection *detection)
{
	close_window(state, detection);
}
