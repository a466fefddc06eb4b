/*
 * cards.list.h - every kind of card: what may be asked, and who answers
 *
 *	CARD(generation, metricType, metricOf, viewTypes, formats, traits, chart)
 *
 * Names are those of the web frontend's two generations.
 */
/* clang-format off */

#define FIRST FILTER_GENERATION_FIRST
#define SECOND FILTER_GENERATION_SECOND
#define LINES "lineChart areaChart"
#define ALL_LINES "lineChart areaChart barChart progressChart pieChart metric table columnChart"

CARD(FIRST, "timeseries", "sessionCount", LINES, CARD_SESSIONS | CARD_USERS, 0, add_timeseries_chart)
CARD(FIRST, "timeseries", "userCount", LINES, CARD_SESSIONS | CARD_USERS, 0, add_timeseries_chart)

CARD(FIRST, "funnel", "sessionCount", "chart", CARD_SESSIONS | CARD_USERS, CARD_FIRST_SERIES, add_first_funnel_chart)
CARD(SECOND, "funnel", "sessionCount", "chart columnChart metric table", CARD_SESSIONS | CARD_USERS, CARD_FIRST_SERIES, add_second_funnel_chart)
CARD(SECOND, "funnel", "userCount", "chart columnChart metric table", CARD_SESSIONS | CARD_USERS, CARD_FIRST_SERIES, add_second_funnel_chart)

#undef FIRST
#undef SECOND
#undef LINES
#undef ALL_LINES
