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
#define TABLES "table tableView barChart pieChart progressChart chart list"
#define ALL_FORMATS (CARD_SESSIONS | CARD_USERS | CARD_EVENTS)

CARD(FIRST, "timeseries", "sessionCount", LINES, CARD_SESSIONS | CARD_USERS, 0, add_timeseries_chart)
CARD(FIRST, "timeseries", "userCount", LINES, CARD_SESSIONS | CARD_USERS, 0, add_timeseries_chart)
CARD(FIRST, "table", "userId", "table", CARD_SESSIONS, 0, add_tables_chart)
CARD(FIRST, "table", "userBrowser", "table", CARD_SESSIONS | CARD_USERS, 0, add_tables_chart)
CARD(FIRST, "table", "userDevice", "table", CARD_SESSIONS | CARD_USERS, 0, add_tables_chart)
CARD(FIRST, "table", "userCountry", "table", CARD_SESSIONS | CARD_USERS, 0, add_tables_chart)
CARD(FIRST, "table", "userOs", "table", CARD_SESSIONS, 0, add_tables_chart)
CARD(FIRST, "table", "issue", "table", CARD_SESSIONS | CARD_USERS, CARD_VALUES, add_tables_chart)
CARD(FIRST, "table", "location", "table", CARD_SESSIONS | CARD_USERS, 0, add_tables_chart)
CARD(FIRST, "table", "fetch", "table", CARD_SESSIONS | CARD_USERS, 0, add_tables_chart)
CARD(FIRST, "table", "referrer", "table", CARD_SESSIONS | CARD_USERS, 0, add_tables_chart)
CARD(FIRST, "table", "sessions", "table", CARD_SESSIONS, CARD_FIRST_SERIES, add_sessions_chart)
CARD(FIRST, "table", "jsException", "table", CARD_SESSIONS, CARD_FIRST_SERIES, add_errors_chart)
CARD(SECOND, "timeseries", "sessionCount", ALL_LINES, ALL_FORMATS, CARD_BREAKDOWNS, add_timeseries_tree)
CARD(SECOND, "timeseries", "userCount", ALL_LINES, ALL_FORMATS, CARD_BREAKDOWNS, add_timeseries_tree)
CARD(SECOND, "timeseries", "eventCount", ALL_LINES, ALL_FORMATS, CARD_BREAKDOWNS, add_timeseries_tree)
CARD(SECOND, "table", "LOCATION", TABLES, ALL_FORMATS, CARD_FIRST_SERIES | CARD_BREAKDOWNS, add_table_tree)
CARD(SECOND, "table", "REQUEST", TABLES, ALL_FORMATS, CARD_FIRST_SERIES | CARD_BREAKDOWNS, add_table_tree)
CARD(SECOND, "table", "userBrowser", TABLES, ALL_FORMATS, CARD_FIRST_SERIES | CARD_BREAKDOWNS, add_table_tree)
CARD(SECOND, "table", "referrer", TABLES, ALL_FORMATS, CARD_FIRST_SERIES | CARD_BREAKDOWNS, add_table_tree)
CARD(SECOND, "table", "userId", TABLES, ALL_FORMATS, CARD_FIRST_SERIES | CARD_BREAKDOWNS, add_table_tree)
CARD(SECOND, "table", "userCountry", TABLES, ALL_FORMATS, CARD_FIRST_SERIES | CARD_BREAKDOWNS, add_table_tree)
CARD(SECOND, "table", "userDevice", TABLES, ALL_FORMATS, CARD_FIRST_SERIES | CARD_BREAKDOWNS, add_table_tree)
CARD(SECOND, "table", "screenResolution", TABLES, ALL_FORMATS | CARD_RESOLUTIONS, CARD_FIRST_SERIES, add_resolutions_chart)
CARD(SECOND, "table", "jsException", TABLES, ALL_FORMATS, CARD_FIRST_SERIES, add_error_list)

CARD(FIRST, "funnel", "sessionCount", "chart", CARD_SESSIONS | CARD_USERS, CARD_FIRST_SERIES, add_first_funnel_chart)
CARD(SECOND, "funnel", "sessionCount", "chart columnChart metric table", ALL_FORMATS, CARD_FIRST_SERIES | CARD_BREAKDOWNS, add_second_funnel_chart)
CARD(SECOND, "funnel", "userCount", "chart columnChart metric table", ALL_FORMATS, CARD_FIRST_SERIES | CARD_BREAKDOWNS, add_second_funnel_chart)
CARD(SECOND, "funnel", "eventCount", "chart columnChart metric table", ALL_FORMATS, CARD_FIRST_SERIES | CARD_BREAKDOWNS, add_second_funnel_chart)

CARD(FIRST, "pathAnalysis", "sessionCount", "chart", CARD_SESSIONS, CARD_FIRST_SERIES | CARD_VALUES | CARD_JOURNEY, add_journey_chart)
CARD(SECOND, "pathAnalysis", "sessionCount", "chart lineChart sunburst", CARD_SESSIONS, CARD_FIRST_SERIES | CARD_VALUES | CARD_JOURNEY, add_journey_chart)

/* a fixed question; see predefined.list.h for what add_figure_chart draws */
#define FIXED(type, metric, chart) CARD(FIRST, type, metric, "chart list", CARD_SESSIONS, CARD_PREDEFINED, chart)
FIXED("webVitals", "countSessions", add_figure_chart)
FIXED("webVitals", "userCount", add_figure_chart)
FIXED("webVitals", "countRequests", add_figure_chart)
FIXED("webVitals", "avgVisitedPages", add_figure_chart)
FIXED("webVitals", "avgSessionDuration", add_figure_chart)
FIXED("webVitals", "avgImageLoadTime", add_figure_chart)
FIXED("webVitals", "avgRequestLoadTime", add_figure_chart)
FIXED("webVitals", "avgPageLoadTime", add_figure_chart)
FIXED("webVitals", "avgDomContentLoadStart", add_figure_chart)
FIXED("webVitals", "avgFirstContentfulPixel", add_figure_chart)
FIXED("webVitals", "avgPagesDomBuildtime", add_figure_chart)
FIXED("webVitals", "avgPagesResponseTime", add_figure_chart)
FIXED("webVitals", "avgResponseTime", add_figure_chart)
FIXED("webVitals", "avgFirstPaint", add_figure_chart)
FIXED("webVitals", "avgDomContentLoaded", add_figure_chart)
FIXED("webVitals", "avgTillFirstByte", add_figure_chart)
FIXED("webVitals", "avgTimeToInteractive", add_figure_chart)
FIXED("webVitals", "avgTimeToRender", add_figure_chart)
FIXED("webVitals", "avgUsedJsHeapSize", add_figure_chart)
FIXED("webVitals", "avgCpu", add_figure_chart)
FIXED("webVitals", "avgFps", add_figure_chart)
FIXED("performance", "cpu", add_figure_chart)
FIXED("performance", "fps", add_figure_chart)
FIXED("performance", "memoryConsumption", add_figure_chart)
FIXED("performance", "timeToRender", add_figure_chart)
FIXED("performance", "pagesDomBuildtime", add_figure_chart)
FIXED("performance", "pagesResponseTime", add_figure_chart)
FIXED("performance", "crashes", add_crashes_chart)
FIXED("performance", "impactedSessionsBySlowPages", add_impacted_sessions_by_slow_pages_chart)
FIXED("performance", "pagesResponseTimeDistribution", add_pages_response_time_distribution_chart)
FIXED("performance", "resourcesVsVisuallyComplete", add_resources_vs_visually_complete_chart)
FIXED("performance", "sessionsPerBrowser", add_sessions_per_browser_chart)
FIXED("performance", "slowestDomains", add_slowest_domains_chart)
FIXED("performance", "speedLocation", add_speed_location_chart)
FIXED("errors", "domainsErrors4xx", add_domains_4xx_chart)
FIXED("errors", "domainsErrors5xx", add_domains_5xx_chart)
FIXED("errors", "errorsPerDomains", add_errors_per_domains_chart)
FIXED("errors", "callsErrors", add_calls_errors_chart)
FIXED("errors", "errorsPerType", add_errors_per_type_chart)
FIXED("errors", "impactedSessionsByJsErrors", add_impacted_sessions_by_js_errors_chart)
FIXED("errors", "resourcesByParty", add_resources_by_party_chart)
FIXED("resources", "missingResources", add_missing_resources_chart)
FIXED("resources", "slowestResources", add_slowest_resources_chart)
FIXED("resources", "resourcesLoadingTime", add_resources_loading_time_chart)
FIXED("resources", "resourceTypeVsResponseEnd", add_resource_type_vs_response_end_chart)
FIXED("resources", "resourcesCountByType", add_resources_count_by_type_chart)

#undef FIXED
CARD(FIRST, "retention", "userCount", "chart", CARD_SESSIONS | CARD_USERS, CARD_FIRST_SERIES, add_retention_chart)
CARD(FIRST, "retention", "acquisition", "chart", CARD_SESSIONS | CARD_USERS, CARD_FIRST_SERIES, add_acquisition_chart)
CARD(FIRST, "stickiness", "userCount", "chart", CARD_SESSIONS | CARD_USERS, CARD_FIRST_SERIES, add_stickiness_chart)
CARD(FIRST, "insights", "issueCategories", "list chart", CARD_SESSIONS, CARD_FIRST_SERIES | CARD_VALUES, add_insights_chart)
CARD(FIRST, "heatMap", "heatMapUrl", "chart", CARD_SESSIONS | CARD_USERS, CARD_FIRST_SERIES, add_heat_map_chart)
CARD(SECOND, "heatMap", "heatMapUrl", "chart", CARD_SESSIONS | CARD_USERS | CARD_EVENTS, CARD_FIRST_SERIES, add_heat_map_chart)
CARD(SECOND, "heatmaps_session", "heatMapUrl", "chart", CARD_SESSIONS | CARD_USERS | CARD_EVENTS, CARD_FIRST_SERIES, add_heat_map_points_chart)
CARD(SECOND, "webVital", "webVitalUrl", "chart", CARD_SESSIONS | CARD_USERS | CARD_EVENTS, CARD_FIRST_SERIES, add_web_vitals_chart)
#undef FIRST
#undef SECOND
#undef LINES
#undef ALL_LINES
#undef TABLES
#undef ALL_FORMATS
