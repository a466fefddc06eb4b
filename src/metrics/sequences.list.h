/*
 * sequences.list.h - which events a session's sequence holds, and what it tells of them
 *
 * SEQUENCE(code, kind, name, relation, joined): events of a kind of filters.list.h.  The code is what is stored, and
 *   never given to another kind; relation is where they come from, joined what their value refers to, as d.
 * CARRIED(kind, column, type): a column whose value the sequence tells, by way of openreplay.event_values: the first of
 * a kind is there as value, the others are the elements of details.  Conditions on other columns need the rows.
 *
 * What has many different values, such as selectors, stays out: each pair of them would be one more value.
 *
 * Include it with the macros defined; no include guard on purpose.
 */
/* clang-format off */
#ifdef SEQUENCE
SEQUENCE(1, PAGES, "pages", "events.pages", "")
SEQUENCE(2, CLICKS, "clicks", "events.clicks", "")
SEQUENCE(3, INPUTS, "inputs", "events.inputs", "")
SEQUENCE(4, CUSTOMS, "customs", "events_common.customs", "")
SEQUENCE(5, REQUESTS, "requests", "events_common.requests", "")
SEQUENCE(6, GRAPHQL, "graphql", "events.graphql", "")
SEQUENCE(7, STATE_ACTIONS, "state_actions", "events.state_actions", "")
SEQUENCE(8, ERRORS, "errors", "events.errors", "public.errors d ON d.error_id = e.error_id")
SEQUENCE(9, TAGS, "tags", "events.tags", "")
SEQUENCE(10, ISSUES, "issues", "events_common.issues", "public.issues d ON d.issue_id = e.issue_id")
SEQUENCE(11, TAPS, "taps", "events_ios.taps", "")
SEQUENCE(12, MOBILE_INPUTS, "mobile_inputs", "events_ios.inputs", "")
SEQUENCE(13, SWIPES, "swipes", "events_ios.swipes", "")
SEQUENCE(14, VIEWS, "views", "events_ios.views", "")
SEQUENCE(15, CRASHES, "crashes", "events_common.crashes", "public.crashes_ios d ON d.crash_ios_id = e.crash_ios_id")
#endif

#ifdef CARRIED
CARRIED(PAGES, "path", "text")
CARRIED(PAGES, "host", "text")
CARRIED(CLICKS, "label", "text")
CARRIED(INPUTS, "label", "text")
CARRIED(CUSTOMS, "name", "text")
CARRIED(CUSTOMS, "level", "events_common.custom_level")
CARRIED(REQUESTS, "path", "text")
CARRIED(REQUESTS, "host", "text")
CARRIED(REQUESTS, "method", "public.http_method")
CARRIED(REQUESTS, "status_code", "smallint")
CARRIED(REQUESTS, "success", "boolean")
CARRIED(GRAPHQL, "name", "text")
CARRIED(GRAPHQL, "method", "public.http_method")
CARRIED(STATE_ACTIONS, "name", "text")
CARRIED(ERRORS, "error_id", "text")
CARRIED(TAGS, "tag_id", "integer")
CARRIED(ISSUES, "issue_id", "text")
CARRIED(TAPS, "label", "text")
CARRIED(MOBILE_INPUTS, "label", "text")
CARRIED(SWIPES, "label", "text")
CARRIED(SWIPES, "direction", "text")
CARRIED(VIEWS, "name", "text")
CARRIED(CRASHES, "crash_ios_id", "text")
#endif
/* clang-format on */
