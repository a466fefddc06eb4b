/*
 * tap_rage.c - the same in an app: taps on one label
 */
#include "heuristics/click_series.h"

STATE_OF(tap_rage, ClickSeries);

void
tap_rage_feed(void *state, Detection *detection)
{
	add_click(state, detection, detection->values[MobileClickEvent_Label].s, wire_string("", 0), TAP_RAGE_TAPS,
			  TAP_RAGE_GAP);
}

void
tap_rage_flush(void *state, Detection *detection)
{
	close_series(state, detection, TAP_RAGE_TAPS);
}
