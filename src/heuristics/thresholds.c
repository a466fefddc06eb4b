/*
 * thresholds.c - the catalogue of thresholds, and changing one
 */
#include <string.h>

#include "heuristics/thresholds.h"

const ThresholdInfo threshold_infos[THRESHOLD_COUNT] = {
#define THRESHOLD(constant, name, value, minimum, maximum, unit, meaning) \
	[constant] = {name, value, minimum, maximum, unit, meaning},
#include "thresholds.list.h"
#undef THRESHOLD
};

void
default_thresholds(Thresholds *thresholds)
{
	for (int i = 0; i < THRESHOLD_COUNT; i++)
		thresholds->values[i] = threshold_infos[i].value;
}

bool
change_threshold(Thresholds *thresholds, const char *name, int64_t value)
{
	for (int i = 0; i < THRESHOLD_COUNT; i++)
	{
		if (strcmp(threshold_infos[i].name, name) != 0)
			continue;
		if (value < threshold_infos[i].minimum || value > threshold_infos[i].maximum)
			return false;
		thresholds->values[i] = value;
		return true;
	}
	return false;
}
