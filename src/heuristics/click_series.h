/*
 * click_series.h - clicks on one thing in quick succession; shared by click_rage.c and tap_rage.c
 *
 * The gap is between neighbours, so a series has no longest length.  It is told when it is over: by the first click
 * that does not belong to it, or at the end of the session.
 */
#ifndef OPENREPLAY_CLICK_SERIES_H
#define OPENREPLAY_CLICK_SERIES_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "heuristics/detector.h"

typedef struct ClickSeries
{
	int64_t first_clock;
	int64_t last_clock;
	uint64_t message_id; /* of the first click, as is the selector */
	uint64_t selector;
	uint64_t whole_label; /* hash of the label before it was cut */
	uint32_t count;		  /* 0: no series */
	Label label;
	uint8_t unused[4];
} ClickSeries;

static inline void
close_series(ClickSeries *series, Detection *detection, Threshold clicks)
{
	char payload[32];

	if (series->count > 0 && series->count >= threshold(detection, clicks))
	{
		snprintf(payload, sizeof(payload), "{\"Count\":%" PRIu32 "}", series->count);
		report(detection, (Fact){.timestamp = series->first_clock,
								 .message_id = series->message_id,
								 .context = label_text(&series->label),
								 .selector = series->selector,
								 .payload = payload});
	}
	memset(series, 0, sizeof(*series));
}

static inline void
add_click(ClickSeries *series, Detection *detection, WireString label, WireString selector, Threshold clicks,
		  Threshold gap)
{
	uint64_t whole_label = selector_hash(label.data, label.len);

	if (series->count > 0 && series->whole_label == whole_label &&
		detection->clock - series->last_clock < threshold(detection, gap))
	{
		if (series->count < UINT32_MAX)
			series->count++;
		series->last_clock = detection->clock;
		return;
	}
	close_series(series, detection, clicks);
	if (label.len == 0)
		return;
	series->first_clock = series->last_clock = detection->clock;
	series->message_id = detection->message_id;
	series->selector = selector_hash(selector.data, selector.len);
	series->whole_label = whole_label;
	series->count = 1;
	keep_label(&series->label, label);
}

#endif /* OPENREPLAY_CLICK_SERIES_H */
