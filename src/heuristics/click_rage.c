/*
 * click_rage.c - clicks on one label, quicker than anybody clicks who is content
 */
#include "heuristics/click_series.h"

STATE_OF(click_rage, ClickSeries);

void
click_rage_feed(void *state, Detection *detection)
{
	const WireValue *values = detection->values;

	add_click(state, detection, values[MouseClick_Label].s, values[MouseClick_Selector].s, CLICK_RAGE_CLICKS,
			  CLICK_RAGE_GAP);
}

void
click_rage_flush(void *state, Detection *detection)
{
	close_series(state, detection, CLICK_RAGE_CLICKS);
}
