/*
 * journey.c - which ways sessions take: the options of a journey, and its paths as SQL
 *
 * A path is the first events of a session, of the kinds that were chosen and without those that were excluded, as many
 * as the journey has steps; backwards, the last ones.  It begins with the session's first event that satisfies the
 * start point; where there is no such point, only sessions are looked at that begin with what most of them begin with.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "metrics/journey.h"
#include "metrics/matching.h"
#include "metrics/members.h"
#include "metrics/parse.h"

#define MAX_ROWS 50
#define MOST_LINKS 8
#define FEW_LINKS 4

/* What an event is called in a path; NULL: it has no name. */
static const char *const names[EVENTS_KINDS] = {
	[EVENTS_PAGES] = "e.path",		   [EVENTS_CLICKS] = "e.label",
	[EVENTS_INPUTS] = "e.label",	   [EVENTS_CUSTOMS] = "e.name",
	[EVENTS_REQUESTS] = "e.path",	   [EVENTS_GRAPHQL] = "e.name",
	[EVENTS_STATE_ACTIONS] = "e.name", [EVENTS_ERRORS] = "coalesce(d.name, d.message)",
	[EVENTS_TAGS] = "e.tag_id::text",  [EVENTS_ISSUES] = "d.type::text",
	[EVENTS_TAPS] = "e.label",		   [EVENTS_MOBILE_INPUTS] = "e.label",
	[EVENTS_SWIPES] = "e.direction",   [EVENTS_VIEWS] = "e.name",
	[EVENTS_CRASHES] = "d.name",
};

/* ---- options ----------------------------------------------------------------------------------------------------- */

static bool
is_second(const Journey *journey)
{
	return journey->card->generation == FILTER_GENERATION_SECOND;
}

/* The items of an option that is a list of events or one of them. */
static FilterEvent *
get_events(const Journey *journey, const char *name, int *n)
{
	Filter items = *journey->filter;
	JsonbParseState *state = NULL;
	JsonbValue value;
	Jsonb *list;

	*n = 0;
	if (!get_member(journey->card->root, name, NULL, &value) || (!is_list(&value) && !is_object(&value)))
		return NULL;
	if (is_list(&value))
		list = JsonbValueToJsonb(&value);
	else
	{
		pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
		pushJsonbValue(&state, WJB_ELEM, &value);
		list = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
	}
	items.conditions = NULL; /* new lists are made */
	items.nconditions = items.nanywhere = items.nevents = 0;
	parse_filter_items(&items, &list->root);
	if (items.nconditions + items.nanywhere > 0)
		refuse_filter(psprintf("%s has something that is no event", name),
					  psprintf("Events are %s.", list_filter_events(journey->card->generation)));
	for (int i = 0; i < items.nevents; i++)
		if (names[items.events[i].kind] == NULL)
			refuse_filter(psprintf("no journey goes by \"%s\"", shorten(items.events[i].name)), NULL);
	*n = items.nevents;
	return items.events;
}

static bool
is_known_kind(const Journey *journey, const FilterEvent *events)
{
	for (int i = 0; i < journey->nkinds; i++)
	{
		const FilterEvent *known = &journey->kinds[i].events;

		if (known->kind == events->kind &&
			(known->custom_name == NULL ||
			 (events->custom_name != NULL && strcmp(known->custom_name, events->custom_name) == 0)))
			return true;
	}
	return false;
}

static void
add_kind(Journey *journey, const FilterEvent *events, const char *type, bool only_start)
{
	JourneyKind *kind = &journey->kinds[journey->nkinds++];

	kind->events.name = events->name;
	kind->events.kind = events->kind;
	kind->events.fixed = events->fixed;
	kind->events.custom_name = events->custom_name;
	kind->type = type;
	kind->only_start = only_start;
}

static const FilterEventType *
find_event_type(const Journey *journey, const char *name)
{
	const FilterEventType *type = find_filter_event(name, journey->card->generation);

	/* what a site calls its own events may differ from the others in case only */
	return type != NULL && is_second(journey) && strcmp(type->name, name) != 0 ? NULL : type;
}

static void
parse_kind(Journey *journey, const char *name)
{
	const FilterEventType *type = find_event_type(journey, name);
	FilterEvent events = {.name = name, .kind = EVENTS_CUSTOMS};

	if (type != NULL)
	{
		events.kind = kind_of_project(journey->filter, type->kind);
		events.fixed = type->condition[0] != '\0' ? type->condition : NULL;
	}
	else if (is_second(journey))
		events.custom_name = name;
	if ((type == NULL && !is_second(journey)) || names[events.kind] == NULL)
		refuse_filter(psprintf("no journey goes by \"%s\"", shorten(name)),
					  "It goes by location, click, input, custom.");
	if (!is_known_kind(journey, &events))
		add_kind(journey, &events, type != NULL ? type->name : name, false);
}

static void
parse_kinds(Journey *journey)
{
	const Card *card = journey->card;

	journey->kinds = palloc0((card->nvalues + 2) * sizeof(JourneyKind));
	for (int i = 0; i < card->nvalues; i++)
		if (find_event_type(journey, card->values[i]) != NULL)
			parse_kind(journey, card->values[i]);
	/* names of a site's events after those that may be all of them */
	for (int i = 0; i < card->nvalues; i++)
		if (find_event_type(journey, card->values[i]) == NULL)
			parse_kind(journey, card->values[i]);
	if (journey->nkinds == 0)
		parse_kind(journey, is_second(journey) ? "LOCATION" : "location");
}

/* Whether two events are asked for a value that both have. */
static bool
share_value(const FilterEvent *a, const FilterEvent *b)
{
	const FilterCondition *x = a->conditions, *y = b->conditions;

	if (a->kind != b->kind || a->negated || b->negated || a->nconditions != 1 || b->nconditions != 1 ||
		x->comparison != FILTER_EQUAL || y->comparison != FILTER_EQUAL || x->expression == NULL ||
		y->expression == NULL || strcmp(x->expression, y->expression) != 0)
		return false;
	for (int i = 0; i < x->nvalues; i++)
		for (int j = 0; j < y->nvalues; j++)
			if (strcmp(x->values[i], y->values[j]) == 0)
				return true;
	return false;
}

static void
parse_start(Journey *journey)
{
	FilterEvent *start;
	const FilterEventType *type;
	const char *label;
	int n;

	start = get_events(journey, "startPoint", &n);
	if (n > 1)
		refuse_filter("a journey has one start point", NULL);
	if (n == 0)
		return;
	journey->start = start;
	for (int i = 0; i < journey->nexcludes; i++)
		if (share_value(start, &journey->excludes[i]))
			refuse_filter("the start point of the journey is excluded", NULL);
	if (is_known_kind(journey, start))
		return;
	type = start->custom_name != NULL ? NULL : find_filter_event(start->name, journey->card->generation);
	label = type != NULL ? type->name : start->name;
	add_kind(journey, &(FilterEvent){.name = start->name, .kind = start->kind, .custom_name = start->custom_name},
			 label, is_second(journey));
}

Journey *
get_journey(Card *card)
{
	Journey *journey = palloc0(sizeof(Journey));
	char *start_type = get_text(card->root, "startType", "start_type");
	bool few = get_boolean(card->root, "hideExcess", "hide_excess", false);

	journey->card = card;
	journey->filter =
		card->nseries > 0
			? card->series[0].filter
			: parse_filter(card->project_id, DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"))));
	journey->filter->population = FILTER_COUNTED;
	set_filter_range(journey->filter, card->from_ts, card->to_ts, true);
	journey->nsteps = card->density;
	if (!is_second(journey))
		journey->rows = few ? FEW_LINKS : MOST_LINKS;
	else
		journey->rows = few ? get_card_number(card->root, "rows", 5, 1, MAX_ROWS) : MAX_ROWS;
	if (start_type != NULL && strcmp(start_type, "end") == 0)
		journey->backwards = true;
	else if (start_type != NULL && start_type[0] != '\0' && strcmp(start_type, "start") != 0)
		refuse_filter(psprintf("startType cannot be \"%s\"", shorten(start_type)), "It is start or end.");
	parse_kinds(journey);
	journey->excludes = get_events(journey, "excludes", &journey->nexcludes);
	parse_start(journey);
	return journey;
}

/* ---- paths ------------------------------------------------------------------------------------------------------- */

/* Whether an event is what an item asks for, or is not, for one that asks for its absence; never NULL. */
static void
add_is_event(Sql *sql, const Journey *journey, const FilterEvent *item)
{
	sql_add(sql, "((");
	add_event_where(sql, journey->filter, item);
	sql_add(sql, ") IS %s)", item->negated ? "NOT TRUE" : "TRUE");
}

void
add_has_event(Sql *sql, const Journey *journey, const FilterEvent *item)
{
	sql_add(sql, "EXISTS (SELECT FROM ");
	add_events(sql, item->kind);
	sql_add(sql, " WHERE e.session_id = s.session_id AND ");
	if (item->negated)
	{
		add_event_where(sql, journey->filter, &(FilterEvent){.kind = item->kind, .custom_name = item->custom_name});
		sql_add(sql, " AND ");
		add_is_event(sql, journey, item);
	}
	else
		add_event_where(sql, journey->filter, item);
	sql_add(sql, ")");
}

static bool
may_start(const Journey *journey, const JourneyKind *kind)
{
	return journey->start != NULL && journey->start->kind == kind->events.kind;
}

static bool
is_about_session(const Journey *journey, const JourneyKind *kind)
{
	if (may_start(journey, kind) && asks_session(journey->start))
		return true;
	for (int i = 0; i < journey->nexcludes; i++)
		if (journey->excludes[i].kind == kind->events.kind && asks_session(&journey->excludes[i]))
			return true;
	return false;
}

/* Rows (session_id, type, value, timestamp, key, starts) of one kind. */
static void
add_kind_events(Sql *sql, const Journey *journey, const JourneyKind *kind)
{
	const FilterEvent *events = &kind->events;

	sql_add(sql, "SELECT b.session_id, ");
	sql_text(sql, kind->type);
	sql_add(sql, "::text COLLATE \"C\" AS type, %s COLLATE \"C\" AS value, e.\"timestamp\", (%s)::bigint AS key, ",
			names[events->kind], event_key(events->kind));
	if (may_start(journey, kind))
		add_is_event(sql, journey, journey->start);
	else
		sql_add(sql, "false");
	sql_add(sql, " AS starts FROM b JOIN ");
	add_events(sql, events->kind);
	sql_add(sql, " ON e.session_id = b.session_id");
	if (is_about_session(journey, kind))
		sql_add(sql, " JOIN public.sessions s ON s.session_id = b.session_id");
	sql_add(sql, " WHERE %s <> '' AND ", names[events->kind]);
	add_event_where(sql, journey->filter, events);
	for (int i = 0; i < journey->nexcludes; i++)
	{
		if (journey->excludes[i].kind != events->kind)
			continue;
		sql_add(sql, " AND NOT ");
		add_is_event(sql, journey, &journey->excludes[i]);
	}
	if (kind->only_start)
	{
		sql_add(sql, " AND ");
		add_is_event(sql, journey, journey->start);
	}
}

static void
add_all_events(Sql *sql, const Journey *journey)
{
	for (int i = 0; i < journey->nkinds; i++)
	{
		sql_add(sql, "%s", i == 0 ? "" : " UNION ALL ");
		add_kind_events(sql, journey, &journey->kinds[i]);
	}
}

/* The sessions as b. */
static void
add_journey_sessions(Sql *sql, const Journey *journey)
{
	sql_add(sql, "WITH b AS (SELECT s.session_id FROM ");
	add_sessions(sql, journey->filter, false);
	sql_add(sql, " WHERE s.events_count > 1 AND ");
	add_sessions_where(sql, journey->filter);
	sql_add(sql, ")");
}

/*
 * Rows (session_id, step, type, value, next_type, next_value, gap, first_type, first_value) as p, and what paths may
 * begin with as f.
 */
static void
add_with_steps(Sql *sql, const Journey *journey)
{
	const char *direction = journey->backwards ? "DESC" : "ASC";
	const char *order =
		psprintf("e.\"timestamp\" %s, e.key %s, e.type %s, e.value %s", direction, direction, direction, direction);

	add_journey_sessions(sql, journey);
	sql_add(sql,
			", p AS MATERIALIZED (SELECT e.* FROM (SELECT e.session_id, row_number() OVER w AS step, e.type, e.value, "
			"lead(e.type) OVER w AS next_type, lead(e.value) OVER w AS next_value, abs(lead(e.\"timestamp\") OVER w - "
			"e.\"timestamp\") AS gap, first_value(e.type) OVER w AS first_type, first_value(e.value) OVER w AS "
			"first_value FROM (");
	if (journey->start != NULL)
	{
		sql_add(
			sql,
			"SELECT e.* FROM (SELECT e.*, count(*) FILTER (WHERE e.starts) OVER (PARTITION BY e.session_id ORDER BY "
			"%s ROWS UNBOUNDED PRECEDING) AS seen FROM (",
			order);
		add_all_events(sql, journey);
		sql_add(sql, ") e) e WHERE e.seen > 0");
		for (int i = 0; i < journey->nkinds; i++)
			if (journey->kinds[i].only_start)
			{
				sql_add(sql, " AND (e.type <> ");
				sql_text(sql, journey->kinds[i].type);
				sql_add(sql, " OR (e.starts AND e.seen = 1))");
			}
	}
	else
		add_all_events(sql, journey);
	sql_add(sql, ") e WINDOW w AS (PARTITION BY e.session_id ORDER BY %s)) e WHERE e.step <= %d)", order,
			journey->nsteps);
	sql_add(sql, ", f AS (SELECT p.type, p.value FROM p WHERE p.step = 1 GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2");
	if (journey->start == NULL)
		sql_add(sql, " LIMIT 1");
	else if (is_second(journey))
		sql_add(sql, " LIMIT %d", journey->rows);
	sql_add(sql, ") ");
}

/* The names of each step that are shown by themselves, as n. */
static void
add_named(Sql *sql, const Journey *journey)
{
	sql_add(
		sql,
		", n AS (SELECT * FROM (SELECT p.step, p.type, p.value, row_number() OVER (PARTITION BY p.step ORDER BY "
		"count(*) "
		"DESC, p.type, p.value) AS rank FROM p JOIN f ON f.type = p.first_type AND f.value = p.first_value GROUP BY 1, "
		"2, 3) n WHERE n.rank <= %d) ",
		journey->rows);
}

void
add_journey_links(Sql *sql, const Journey *journey)
{
	add_with_steps(sql, journey);
	if (is_second(journey))
	{
		add_named(sql, journey);
		/* all others are one */
		sql_add(sql,
				"SELECT p.step::integer, coalesce(a.type, '" JOURNEY_OTHER
				"') AS type, coalesce(a.value, '') AS value, "
				"CASE WHEN p.next_type IS NOT NULL THEN coalesce(z.type, '" JOURNEY_OTHER "') END AS next_type, CASE "
				"WHEN p.next_type IS NOT NULL THEN coalesce(z.value, '') END AS next_value, ");
	}
	else
		sql_add(sql, "SELECT p.step::integer, p.type, p.value, p.next_type, p.next_value, ");
	sql_add(sql, "count(*) AS sessions, avg(p.gap)::float8 AS gap FROM p JOIN f ON f.type = p.first_type AND f.value = "
				 "p.first_value ");
	if (is_second(journey))
		sql_add(sql,
				"LEFT JOIN n a ON a.step = p.step AND a.type = p.type AND a.value = p.value LEFT JOIN n z ON z.step = "
				"p.step + 1 AND z.type = p.next_type AND z.value = p.next_value ");
	sql_add(sql, "WHERE p.step < %d GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 6 DESC, 2, 3, 4 NULLS LAST, 5", journey->nsteps);
}

void
add_journey_paths(Sql *sql, const Journey *journey)
{
	add_with_steps(sql, journey);
	sql_add(
		sql,
		"SELECT q.path, count(*) AS sessions FROM (SELECT array_agg(ARRAY[p.type, p.value] ORDER BY p.step) AS path "
		"FROM p JOIN f ON f.type = p.first_type AND f.value = p.first_value GROUP BY p.session_id) q GROUP BY 1 "
		"ORDER BY 1");
}
