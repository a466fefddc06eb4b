/*
 * vitals.h - which web vitals there are: the aggregate openreplay.vitals() and the card share their order
 *
 *	VITAL(key, tracker's name, argument, scale, zero, good, medium)
 *
 * key: in the chart.  tracker's name: in events.pages.web_vitals, "" for none; what the tracker measured itself wins.
 * argument: of the aggregate, the column of events.pages, -1 for none.  scale: of the tracker's number, to the unit of
 * the bounds.  zero: whether 0 was measured, or nothing.  good, medium: the highest value that is rated so; Core Web
 *Vitals' thresholds for those.
 */
#ifndef OPENREPLAY_METRICS_VITALS_H
#define OPENREPLAY_METRICS_VITALS_H

/* clang-format off */
#define VITALS(VITAL) \
	VITAL("domBuildingTime", "", 0, 1, false, 300, 600) \
	VITAL("ttfb", "TTFB", 1, 1, false, 200, 600) \
	VITAL("speedIndex", "", 2, 1, false, 3400, 5800) \
	VITAL("firstContentfulPaintTime", "", 3, 1, false, 1800, 3000) \
	VITAL("lcp", "LCP", -1, 1, false, 2500, 4000) \
	/* a layout shift is a small fraction: hundredths */ \
	VITAL("cls", "CLS", -1, 100, true, 10, 25) \
	VITAL("inp", "INP", -1, 1, false, 200, 500)
/* clang-format on */

/* What the aggregate tells of each, in this order. */
#define VITAL_FIGURES 7 /* number, minimum, mean, maximum, percentiles 50, 75, 90 */

#endif /* OPENREPLAY_METRICS_VITALS_H */
