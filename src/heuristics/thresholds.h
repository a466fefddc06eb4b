/*
 * thresholds.h - the numbers detectors judge by
 */
#ifndef OPENREPLAY_THRESHOLDS_H
#define OPENREPLAY_THRESHOLDS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum Threshold
{
#define THRESHOLD(constant, name, value, minimum, maximum, unit, meaning) constant,
#include "thresholds.list.h"
#undef THRESHOLD
	THRESHOLD_COUNT
} Threshold;

/* The numbers in force, by Threshold. */
typedef struct Thresholds
{
	int64_t values[THRESHOLD_COUNT];
} Thresholds;

typedef struct ThresholdInfo
{
	const char *name; /* "click_rage.gap" */
	int64_t value;	  /* unless a project says otherwise */
	int64_t minimum;
	int64_t maximum;
	const char *unit;
	const char *meaning;
} ThresholdInfo;

extern const ThresholdInfo threshold_infos[THRESHOLD_COUNT];

extern void default_thresholds(Thresholds *thresholds);

/* Changes one by name; false, and nothing changed, when there is none of that name or the value is out of range. */
extern bool change_threshold(Thresholds *thresholds, const char *name, int64_t value);

#endif /* OPENREPLAY_THRESHOLDS_H */
