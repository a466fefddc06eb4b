/*
 * predefined.list.h - predefined cards that are one figure and its course
 *
 *	FIGURE(metricOf, alias, form, events, expression, condition, moment, unit, compared)
 *
 * alias: the same figure under metricType performance.  form: see FigureForm.  events: the table, as e; "": the
 *sessions themselves, s.  condition: on what is counted; POSITIVE: more than nothing was measured.  moment: what
 *decides the bucket, the session's start or the event.  unit TIME: milliseconds, shown as ms, s or min.  compared: with
 *the period before.
 */
/* clang-format off */

#define PAGES "events.pages"
#define RESOURCES "events.resources"
#define SAMPLES "events.performance"
#define START "s.start_ts"
#define EVENT "e.\"timestamp\""
#define POSITIVE "%s > 0"
#define TIME ""

FIGURE("countSessions", "", COUNT, "", "1", "", START, "count", true)
FIGURE("userCount", "", USERS, "", "s.user_id", "", START, "count", true)
/* named after requests, but it counts page views */
FIGURE("countRequests", "", COUNT, PAGES, "1", "", EVENT, "count", false)
FIGURE("avgVisitedPages", "", MEAN_UP, "", "s.pages_count", "", START, "count", true)
FIGURE("avgSessionDuration", "", MEAN, "", "s.duration", "", START, TIME, true)
FIGURE("avgImageLoadTime", "", MEAN, RESOURCES, "e.duration", "%s > 0 AND e.type = 'img'", EVENT, TIME, true)
FIGURE("avgRequestLoadTime", "", MEAN, RESOURCES, "e.duration", "%s > 0 AND e.type = 'fetch'", EVENT, TIME, true)
FIGURE("avgPageLoadTime", "", MEAN, PAGES, "e.load_time", POSITIVE, EVENT, TIME, true)
FIGURE("avgDomContentLoadStart", "", MEAN, PAGES, "e.dom_content_loaded_time", POSITIVE, EVENT, TIME, true)
FIGURE("avgFirstContentfulPixel", "", MEAN, PAGES, "e.first_contentful_paint_time", POSITIVE, EVENT, TIME, true)
FIGURE("avgPagesDomBuildtime", "pagesDomBuildtime", MEAN, PAGES, "e.dom_building_time", POSITIVE, EVENT, TIME, false)
FIGURE("avgPagesResponseTime", "pagesResponseTime", MEAN, PAGES, "e.response_time", POSITIVE, START, TIME, false)
FIGURE("avgResponseTime", "", MEAN, PAGES, "e.response_time", POSITIVE, START, TIME, false)
FIGURE("avgFirstPaint", "", MEAN, PAGES, "e.first_paint_time", POSITIVE, START, TIME, false)
FIGURE("avgDomContentLoaded", "", MEAN, PAGES, "e.dom_content_loaded_time", POSITIVE, START, TIME, false)
FIGURE("avgTillFirstByte", "", MEAN, PAGES, "e.ttfb", POSITIVE, START, TIME, false)
FIGURE("avgTimeToInteractive", "", MEAN, PAGES, "e.time_to_interactive", POSITIVE, START, TIME, false)
FIGURE("avgTimeToRender", "timeToRender", MEAN, PAGES, "e.visually_complete", POSITIVE, EVENT, TIME, false)
/* bytes, whatever the unit says: who shows them divides */
FIGURE("avgUsedJsHeapSize", "memoryConsumption", MEAN, SAMPLES, "e.avg_used_js_heap_size", "", START, "mb", false)
FIGURE("avgCpu", "cpu", MEAN, SAMPLES, "e.avg_cpu", "", START, "%", false)
FIGURE("avgFps", "fps", MEAN, SAMPLES, "e.avg_fps", POSITIVE, START, "f/s", false)

#undef PAGES
#undef RESOURCES
#undef SAMPLES
#undef START
#undef EVENT
#undef POSITIVE
#undef TIME
