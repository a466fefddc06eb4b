/*
 * events.c - events and issues as lists: what happened in a project, and what trouble there was
 *
 * Owns what an event of each kind is called and what of it is shown.  The event items of a filter choose events here,
 * any of them; its other conditions choose sessions, as everywhere.
 *
 * The hard idea: rows become JSON only after each kind has been cut to a page, since that costs more than finding them.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/timestamp.h"

#include "metrics/card.h"
#include "metrics/filter.h"
#include "metrics/members.h"
#include "metrics/parse.h"

#define DEFAULT_LIMIT 50
#define MAX_LIMIT 200
#define MAX_PAGE 1000
#define WEEK_MS (INT64CONST(7) * 86400000)

PG_FUNCTION_INFO_V1(openreplay_search_events);
PG_FUNCTION_INFO_V1(openreplay_search_issues);

typedef struct ListedKind
{
	FilterKind kind;
	const char *name;	 /* SQL, over e and d */
	const char *value;	 /* likewise */
	const char *unasked; /* which of its events are listed where a filter has no event items, SQL; NULL: none */
} ListedKind;

static const ListedKind listed_kinds[] = {
	{EVENTS_PAGES, "'LOCATION'", "e.path", "true"},
	{EVENTS_CLICKS, "'CLICK'", "e.label", "true"},
	{EVENTS_INPUTS, "'INPUT'", "e.label", "true"},
	{EVENTS_CUSTOMS, "e.name", "NULL::text", "true"},
	{EVENTS_REQUESTS, "'REQUEST'", "coalesce(e.path, e.url)", "true"},
	{EVENTS_GRAPHQL, "'GRAPHQL'", "e.name", "true"},
	{EVENTS_STATE_ACTIONS, "'STATE_ACTION'", "e.name", "true"},
	{EVENTS_ERRORS, "'ERROR'", "concat_ws(': ', d.name, d.message)", "true"},
	{EVENTS_ISSUES, "CASE WHEN d.type = 'incident' THEN 'INCIDENT' ELSE 'ISSUE' END",
	 "concat_ws(' ', d.type::text, nullif(d.context_string, ''))", "d.type <> \'custom\'"},
	{EVENTS_TAGS, "'TAG_TRIGGER'", "(SELECT t.name FROM public.tags t WHERE t.tag_id = e.tag_id)", NULL},
	{EVENTS_PERFORMANCE, "'PERFORMANCE'", "e.path", NULL},
	{EVENTS_TAPS, "'TAP'", "e.label", "true"},
	{EVENTS_MOBILE_INPUTS, "'INPUT'", "e.label", "true"},
	{EVENTS_SWIPES, "'SWIPE'", "concat_ws(' ', e.direction, e.label)", "true"},
	{EVENTS_VIEWS, "'VIEW'", "e.name", "true"},
	{EVENTS_CRASHES, "'CRASH'", "concat_ws(': ', d.name, d.reason)", "true"},
};

typedef struct EventList
{
	Filter *filter;	  /* what the client asked for */
	Filter *sessions; /* the same without its event items */
	bool ascending;
	int limit;
	int page; /* from 1 */
} EventList;

static bool
is_asked_for(const EventList *list, const ListedKind *kind)
{
	for (int i = 0; i < list->filter->nevents; i++)
		if (list->filter->events[i].kind == kind->kind)
			return true;
	return list->filter->nevents == 0 && kind->unasked != NULL;
}

/* An item that must not be there is for events of its kind that are not so. */
static void
add_item(Sql *sql, const EventList *list, const FilterEvent *item)
{
	if (!item->negated)
	{
		add_event_where(sql, list->filter, item);
		return;
	}
	add_event_where(sql, list->filter, &(FilterEvent){.kind = item->kind});
	sql_add(sql, " AND (");
	add_event_where(sql, list->filter, item);
	sql_add(sql, ") IS NOT TRUE");
}

static void
add_events_from(Sql *sql, const EventList *list, const ListedKind *kind)
{
	const char *before = " AND (";

	sql_add(sql, " FROM ");
	add_sessions(sql, list->sessions, false);
	sql_add(sql, " JOIN ");
	add_events(sql, kind->kind);
	sql_add(sql, " ON e.session_id = s.session_id WHERE ");
	add_sessions_where(sql, list->sessions);
	if (list->filter->nevents == 0)
	{
		sql_add(sql, " AND %s AND ", kind->unasked);
		add_event_where(sql, list->filter, &(FilterEvent){.kind = kind->kind});
		return;
	}
	for (int i = 0; i < list->filter->nevents; i++)
	{
		if (list->filter->events[i].kind != kind->kind)
			continue;
		sql_add(sql, "%s(", before);
		add_item(sql, list, &list->filter->events[i]);
		sql_add(sql, ")");
		before = " OR ";
	}
	sql_add(sql, ")");
}

static void
add_order(Sql *sql, const EventList *list)
{
	const char *direction = list->ascending ? "" : " DESC";

	sql_add(sql, " ORDER BY \"timestamp\"%s, session_id%s, key%s", direction, direction, direction);
}

/* As many events of a kind as the pages up to this one can have. */
static void
add_page_of_kind(Sql *sql, const EventList *list, const ListedKind *kind)
{
	sql_add(
		sql,
		"(SELECT session_id, \"timestamp\", name, value, user_id, user_uuid, to_jsonb(e)"
		" - '{session_id,message_id,timestamp,seq_index}'::text[] AS properties, key"
		" FROM (SELECT e.session_id, e.\"timestamp\", %s AS name, %s AS value, s.user_id, s.user_uuid, e, %s AS key",
		kind->name, kind->value, event_key(kind->kind));
	add_events_from(sql, list, kind);
	add_order(sql, list);
	sql_add(sql, " LIMIT ");
	sql_bigint(sql, (int64) list->page * list->limit);
	sql_add(sql, ") AS found)");
}

static void
add_list(Sql *sql, const EventList *list)
{
	const char *before = "";

	sql_add(sql, "SELECT session_id, \"timestamp\", name, value, user_id, user_uuid, properties, total FROM (");
	for (int i = 0; i < lengthof(listed_kinds); i++)
	{
		if (!is_asked_for(list, &listed_kinds[i]))
			continue;
		sql_add(sql, "%s", before);
		add_page_of_kind(sql, list, &listed_kinds[i]);
		before = " UNION ALL ";
	}
	sql_add(sql, ") AS event, (SELECT sum(n)::bigint AS total FROM (");
	before = "";
	for (int i = 0; i < lengthof(listed_kinds); i++)
	{
		if (!is_asked_for(list, &listed_kinds[i]))
			continue;
		sql_add(sql, "%sSELECT count(*) AS n", before);
		add_events_from(sql, list, &listed_kinds[i]);
		before = " UNION ALL ";
	}
	sql_add(sql, ") AS counts) AS totals");
	add_order(sql, list);
	sql_add(sql, " LIMIT ");
	sql_bigint(sql, list->limit);
	sql_add(sql, " OFFSET ");
	sql_bigint(sql, (int64) (list->page - 1) * list->limit);
}

static void
parse_options(EventList *list, Jsonb *json)
{
	Filter *filter = list->filter;
	char *order = NULL;

	list->limit = DEFAULT_LIMIT;
	list->page = 1;
	if (JB_ROOT_IS_OBJECT(json))
	{
		list->limit = get_card_number(&json->root, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT);
		list->page = get_card_number(&json->root, "page", 1, 1, MAX_PAGE);
		order = get_text(&json->root, "sortOrder", "order");
	}
	list->ascending = order != NULL && pg_strcasecmp(order, "asc") == 0;
	if (filter->from_ts == PG_INT64_MIN && filter->to_ts == PG_INT64_MAX)
	{
		int64 now_ms = GetCurrentTransactionStartTimestamp() / 1000 +
					   (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY * 1000;

		set_filter_range(filter, now_ms - WEEK_MS, now_ms, false);
	}
}

/* search_events(project_id integer, filter jsonb) */
Datum
openreplay_search_events(PG_FUNCTION_ARGS)
{
	EventList list = {0};
	Sql *sql = sql_new();

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	list.filter = parse_filter(PG_GETARG_INT32(0), PG_GETARG_JSONB_P(1));
	list.filter->population = FILTER_ALL;
	parse_options(&list, PG_GETARG_JSONB_P(1));
	list.sessions = palloc(sizeof(Filter));
	*list.sessions = *list.filter;
	list.sessions->nevents = 0;
	add_list(sql, &list);
	return sql_return_rows(sql, fcinfo);
}

/* ---- issues ------------------------------------------------------------------------------------------------------ */

/* Kinds of issues that are asked for; without any, all but what a site reports itself. */
static void
add_issue_types(Sql *sql, Jsonb *json)
{
	Texts types = {0};

	if (JB_ROOT_IS_OBJECT(json))
		types = get_value_texts(&json->root, "types", "types", true);
	if (types.n == 0)
	{
		sql_add(sql, " AND d.type <> 'custom'");
		return;
	}
	sql_add(sql, " AND d.type::text IN (");
	for (int i = 0; i < types.n; i++)
	{
		sql_add(sql, "%s", i > 0 ? ", " : "");
		sql_text(sql, types.values[i]);
	}
	sql_add(sql, ")");
}

/* A row an issue and session first, since few sessions have many issues and counting what differs is slow. */
static void
add_issue_counts(Sql *sql, const Filter *filter, Jsonb *json)
{
	sql_add(sql,
			"SELECT issue_id, sum(n)::bigint AS occurrences, count(*) AS sessions, count(DISTINCT visitor) AS users,"
			" min(earliest) AS earliest, max(latest) AS latest FROM ("
			"SELECT e.issue_id, min(coalesce(s.user_id, s.user_uuid::text)) AS visitor, count(*) AS n,"
			" min(e.\"timestamp\") AS earliest, max(e.\"timestamp\") AS latest FROM ");
	add_sessions(sql, filter, false);
	sql_add(sql, " JOIN ");
	add_events(sql, EVENTS_ISSUES);
	sql_add(sql, " ON e.session_id = s.session_id WHERE ");
	add_sessions_where(sql, filter);
	sql_add(sql, " AND ");
	add_event_where(sql, filter, &(FilterEvent){.kind = EVENTS_ISSUES});
	add_issue_types(sql, json);
	sql_add(sql, " GROUP BY e.issue_id, s.session_id) AS of_session GROUP BY issue_id");
}

/* search_issues(project_id integer, filter jsonb) */
Datum
openreplay_search_issues(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	int64 limit = MAX_LIMIT;
	int64 page = 1;
	Jsonb *json;
	Filter *filter;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	json = PG_GETARG_JSONB_P(1);
	filter = parse_filter(PG_GETARG_INT32(0), json);
	if (JB_ROOT_IS_OBJECT(json))
	{
		limit = get_card_number(&json->root, "limit", MAX_LIMIT, 1, MAX_LIMIT);
		page = get_card_number(&json->root, "page", 1, 1, MAX_PAGE);
	}
	sql_add(
		sql,
		"SELECT o.issue_id, i.type::text, coalesce(t.title, i.type::text), i.context_string, o.occurrences, o.sessions,"
		" o.users, o.earliest, o.latest, count(*) OVER () FROM (");
	add_issue_counts(sql, filter, json);
	sql_add(sql, ") AS o JOIN public.issues i ON i.issue_id = o.issue_id"
				 " LEFT JOIN openreplay.issue_types() t ON t.type = i.type::text"
				 " ORDER BY o.sessions DESC, o.occurrences DESC, o.issue_id LIMIT ");
	sql_bigint(sql, limit);
	sql_add(sql, " OFFSET ");
	sql_bigint(sql, (page - 1) * limit);
	return sql_return_rows(sql, fcinfo);
}
