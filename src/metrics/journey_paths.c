/*
 * journey_paths.c - the paths of a journey as SQL
 *
 * Sessions that have a sequence are answered from it: which values of the dictionary are wanted is found out once, and
 * openreplay.sequence_path() walks the bytes.  The others are answered from their rows, by window functions; these are
 * the definition.  Both are counted link by link before they meet, values of sequences by their numbers.
 */
#include "postgres.h"

#include "metrics/journey.h"
#include "metrics/matching.h"
#include "metrics/sequences.h"

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

const char *
path_name(FilterKind kind)
{
	return names[kind];
}

static bool
is_second(const Journey *journey)
{
	return journey->card->generation == FILTER_GENERATION_SECOND;
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

/* Whether an event is what an item asks for, or is not, for one that asks for its absence; never NULL. */
static void
add_is_event(Sql *sql, const Journey *journey, const FilterEvent *item)
{
	sql_add(sql, "((");
	add_event_conditions(sql, journey->filter, item);
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

/* Whether the event can be what the path begins with. */
static void
add_starts(Sql *sql, const Journey *journey, const JourneyKind *kind)
{
	if (may_start(journey, kind))
		add_is_event(sql, journey, journey->start);
	else
		sql_add(sql, "false");
	sql_add(sql, " AS starts");
}

/* Conditions on events of a kind that they are on a path at all. */
static void
add_on_path(Sql *sql, const Journey *journey, const JourneyKind *kind)
{
	sql_add(sql, "%s <> ''", names[kind->events.kind]);
	for (int i = 0; i < journey->nexcludes; i++)
	{
		if (journey->excludes[i].kind != kind->events.kind)
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

/* ---- from rows --------------------------------------------------------------------------------------------------- */

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

/* Rows (session_id, kind, type, value, timestamp, key, starts) of one kind. */
static void
add_kind_events(Sql *sql, const Journey *journey, const JourneyKind *kind)
{
	const FilterEvent *events = &kind->events;

	sql_add(sql, "SELECT b.session_id, %d AS kind, ", events->kind);
	sql_text(sql, kind->type);
	sql_add(sql, "::text COLLATE \"C\" AS type, %s COLLATE \"C\" AS value, e.\"timestamp\", (%s)::bigint AS key, ",
			names[events->kind], event_key(events->kind));
	add_starts(sql, journey, kind);
	sql_add(sql, " FROM b JOIN ");
	add_events(sql, events->kind);
	sql_add(sql, " ON e.session_id = b.session_id");
	if (is_about_session(journey, kind))
		sql_add(sql, " JOIN public.sessions s ON s.session_id = b.session_id");
	sql_add(sql, " WHERE ");
	add_on_path(sql, journey, kind);
	sql_add(sql, " AND ");
	add_event_where(sql, journey->filter, events);
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

/* The same from the start point on, with the first event of it, and no other one if it is there as such only. */
static void
add_events_from_start(Sql *sql, const Journey *journey, const char *order)
{
	sql_add(sql,
			"SELECT e.* FROM (SELECT e.*, count(*) FILTER (WHERE e.starts) OVER (PARTITION BY e.session_id ORDER BY %s "
			"ROWS UNBOUNDED PRECEDING) AS seen FROM (",
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

/* The sessions, as b, and their steps, as p: (session_id, step, type, value, next_type, next_value, gap, first_type,
 * first_value). */
static void
add_steps_of_rows(Sql *sql, const Journey *journey, bool with_sequences)
{
	const char *direction = journey->backwards ? "DESC" : "ASC";
	const char *order =
		psprintf("e.\"timestamp\" %s, e.key %s, e.kind %s, e.value %s", direction, direction, direction, direction);

	sql_add(sql, "b AS (SELECT s.session_id FROM ");
	add_sessions(sql, journey->filter, false);
	sql_add(sql, " WHERE s.events_count > 1 AND ");
	add_sessions_where(sql, journey->filter);
	sql_add(sql,
			"%s), p AS MATERIALIZED (SELECT e.* FROM (SELECT e.session_id, row_number() OVER w AS step, e.type, "
			"e.value, lead(e.type) OVER w AS next_type, lead(e.value) OVER w AS next_value, abs(lead(e.\"timestamp\") "
			"OVER w - e.\"timestamp\") AS gap, first_value(e.type) OVER w AS first_type, first_value(e.value) OVER w "
			"AS first_value FROM (",
			with_sequences ? " AND NOT s.has_sequence" : "");
	if (journey->start != NULL)
		add_events_from_start(sql, journey, order);
	else
		add_all_events(sql, journey);
	sql_add(sql, ") e WINDOW w AS (PARTITION BY e.session_id ORDER BY %s)) e WHERE e.step <= %d)", order,
			journey->nsteps);
}

/* ---- from sequences ---------------------------------------------------------------------------------------------- */

static bool
sequences_tell(const Journey *journey)
{
	int n = 0;
	FilterEvent *events = palloc((journey->nkinds + journey->nexcludes + 1) * sizeof(FilterEvent));

	for (int i = 0; i < journey->nkinds; i++)
		events[n++] = journey->kinds[i].events;
	for (int i = 0; i < journey->nexcludes; i++)
		events[n++] = journey->excludes[i];
	if (journey->start != NULL)
		events[n++] = *journey->start;
	return sequences_answer(events, n);
}

/* Values that can be on a path, as v: (code, type, value, starts, only_start). */
static void
add_path_values(Sql *sql, const Journey *journey)
{
	sql_add(sql, "v AS MATERIALIZED (");
	for (int i = 0; i < journey->nkinds; i++)
	{
		const JourneyKind *kind = &journey->kinds[i];
		const SequenceKind *sequence = find_sequence_kind(kind->events.kind);

		sql_add(sql, "%sSELECT (%d::bigint << 32) + e.value_id AS code, ", i == 0 ? "" : " UNION ALL ", sequence->code);
		sql_text(sql, kind->type);
		sql_add(sql, "::text COLLATE \"C\" AS type, %s COLLATE \"C\" AS value, ", names[kind->events.kind]);
		add_starts(sql, journey, kind);
		sql_add(sql, ", %s AS only_start FROM ", kind->only_start ? "true" : "false");
		add_sequence_values(sql, journey->filter, sequence);
		sql_add(sql, " WHERE ");
		add_on_path(sql, journey, kind);
		sql_add(sql, " AND ");
		add_event_conditions(sql, journey->filter, &kind->events);
	}
	sql_add(sql, ")");
}

/* Paths of numbers, as q: (path), values and times in turn. */
static void
add_sequence_paths(Sql *sql, const Journey *journey)
{
	const Filter *filter = journey->filter;

	add_path_values(sql, journey);
	sql_add(sql, ", q AS MATERIALIZED (SELECT openreplay.sequence_path(q.events, q.start_ts, ");
	sql_bigint(sql, filter->from_ts);
	sql_add(sql, ", ");
	sql_bigint(sql, filter->to_ts - (filter->to_exclusive ? 1 : 0));
	sql_add(sql, ", ARRAY(SELECT v.code FROM v WHERE NOT v.only_start), ");
	sql_add(sql, journey->start != NULL ? "ARRAY(SELECT v.code FROM v WHERE v.starts)" : "NULL");
	sql_add(sql, ", %d, %s) AS path FROM ", journey->nsteps, journey->backwards ? "true" : "false");
	add_sessions(sql, filter, false);
	sql_add(sql, " JOIN openreplay.session_events q ON q.session_id = s.session_id WHERE q.project_id = ");
	sql_integer(sql, filter->project_id);
	add_session_bounds(sql, filter, "q.session_id");
	if (filter->sample_rate < 100)
		sql_add(sql, " AND openreplay.sample_key(q.session_id) < %d", filter->sample_rate);
	sql_add(sql, " AND s.has_sequence AND s.events_count > 1 AND ");
	add_sessions_where(sql, filter);
	sql_add(sql, ")");
}

/* ---- both together ----------------------------------------------------------------------------------------------- */

/* "WITH ..." of all paths, p and q, and of what they may begin with, f: (type, value), and of that in numbers, g:
 * (code). */
static void
add_with_paths(Sql *sql, const Journey *journey, bool with_sequences)
{
	sql_add(sql, "WITH ");
	if (with_sequences)
	{
		add_sequence_paths(sql, journey);
		sql_add(sql, ", ");
	}
	add_steps_of_rows(sql, journey, with_sequences);
	sql_add(sql, ", f AS MATERIALIZED (SELECT c.type, c.value FROM (SELECT p.type, p.value, count(*) AS n FROM p WHERE "
				 "p.step = 1 GROUP BY "
				 "1, 2");
	if (with_sequences)
		sql_add(sql,
				" UNION ALL SELECT v.type, v.value, c.n FROM (SELECT q.path[1] AS code, count(*) AS n FROM q WHERE "
				"q.path IS NOT NULL GROUP BY 1) c JOIN v ON v.code = c.code");
	sql_add(sql, ") c GROUP BY 1, 2 ORDER BY sum(c.n) DESC, 1, 2");
	if (journey->start == NULL)
		sql_add(sql, " LIMIT 1");
	else if (is_second(journey))
		sql_add(sql, " LIMIT %d", journey->rows);
	sql_add(sql, ")");
	if (with_sequences)
		sql_add(sql, ", g AS MATERIALIZED (SELECT v.code FROM v JOIN f ON f.type = v.type AND f.value = v.value)");
}

/* Links, as l: (step, type, value, next_type, next_value, sessions, gap), gap being the sum. */
static void
add_links(Sql *sql, const Journey *journey, bool with_sequences)
{
	sql_add(sql,
			", l AS MATERIALIZED (SELECT c.step, c.type, c.value, c.next_type, c.next_value, sum(c.sessions)::bigint "
			"AS sessions, "
			"sum(c.gap) AS gap FROM (SELECT p.step::integer, p.type, p.value, p.next_type, p.next_value, count(*) AS "
			"sessions, "
			"sum(p.gap) AS gap FROM p JOIN f ON f.type = p.first_type AND f.value = p.first_value WHERE p.step < %d "
			"GROUP BY 1, 2, 3, 4, 5",
			journey->nsteps);
	if (with_sequences)
		sql_add(
			sql,
			" UNION ALL SELECT c.links[k][1]::integer, v.type, v.value, w.type, w.value, c.links[k][4], c.links[k][5] "
			"FROM (SELECT openreplay.path_links(q.path, %d) AS links FROM q JOIN g ON g.code = q.path[1]) c CROSS JOIN "
			"generate_subscripts(c.links, 1) AS k JOIN v ON v.code = c.links[k][2] LEFT JOIN v w ON w.code = "
			"c.links[k][3]",
			journey->nsteps);
	sql_add(sql, ") c GROUP BY 1, 2, 3, 4, 5)");
}

/* The names of each step that are shown by themselves, as n: (step, type, value). */
static void
add_named(Sql *sql, const Journey *journey)
{
	sql_add(sql,
			", n AS MATERIALIZED (SELECT * FROM (SELECT c.step, c.type, c.value, row_number() OVER (PARTITION BY "
			"c.step ORDER BY "
			"sum(c.sessions) DESC, c.type, c.value) AS rank FROM (SELECT l.step, l.type, l.value, l.sessions FROM l "
			"UNION ALL "
			"SELECT l.step + 1, l.next_type, l.next_value, l.sessions FROM l WHERE l.step = %d AND l.next_type IS NOT "
			"NULL) c "
			"GROUP BY 1, 2, 3) n WHERE n.rank <= %d)",
			journey->nsteps - 1, journey->rows);
}

#define LINK_ORDER "l.sessions DESC, l.type, l.value, l.next_type NULLS LAST, l.next_value"

/* The first generation keeps the links of most sessions at each step, from where the ones before lead to. */
static void
add_kept(Sql *sql, const Journey *journey)
{
	for (int step = 1; step < journey->nsteps; step++)
	{
		sql_add(sql, ", k%d AS MATERIALIZED (SELECT l.* FROM l WHERE l.step = %d AND ", step, step);
		if (step == 1)
			sql_add(sql, "l.next_type IS NOT NULL");
		else
			sql_add(sql, "(l.type, l.value) IN (SELECT k.next_type, k.next_value FROM k%d k)", step - 1);
		sql_add(sql, " ORDER BY " LINK_ORDER " LIMIT %d)", journey->rows);
	}
	sql_add(sql,
			" SELECT l.step, l.type, l.value, l.next_type, l.next_value, l.sessions, (l.gap / l.sessions)::float8 AS "
			"gap FROM (");
	for (int step = 1; step < journey->nsteps; step++)
		sql_add(sql, "%sSELECT * FROM k%d", step == 1 ? "" : " UNION ALL ", step);
	sql_add(sql, ") l ORDER BY l.step, " LINK_ORDER);
}

void
add_journey_links(Sql *sql, const Journey *journey)
{
	bool with_sequences = sequences_tell(journey);

	add_with_paths(sql, journey, with_sequences);
	add_links(sql, journey, with_sequences);
	if (!is_second(journey))
	{
		add_kept(sql, journey);
		return;
	}
	add_named(sql, journey);
	/* all others are one */
	sql_add(sql,
			" SELECT l.step, coalesce(a.type, '" JOURNEY_OTHER "') AS type, coalesce(a.value, '') AS value, CASE WHEN "
			"l.next_type IS NOT NULL THEN coalesce(z.type, '" JOURNEY_OTHER
			"') END AS next_type, CASE WHEN l.next_type IS NOT "
			"NULL THEN coalesce(z.value, '') END AS next_value, sum(l.sessions)::bigint AS sessions, (sum(l.gap) / "
			"sum(l.sessions))::float8 AS gap FROM l LEFT JOIN n a ON a.step = l.step AND a.type = l.type AND a.value = "
			"l.value "
			"LEFT JOIN n z ON z.step = l.step + 1 AND z.type = l.next_type AND z.value = l.next_value GROUP BY 1, 2, "
			"3, 4, 5 "
			"ORDER BY 1, 6 DESC, 2, 3, 4 NULLS LAST, 5");
}

void
add_journey_paths(Sql *sql, const Journey *journey)
{
	bool with_sequences = sequences_tell(journey);

	add_with_paths(sql, journey, with_sequences);
	sql_add(sql, " SELECT c.path, sum(c.n)::bigint AS sessions FROM (SELECT array_agg(ARRAY[p.type, p.value] ORDER BY "
				 "p.step) AS path, 1 AS n "
				 "FROM p JOIN f ON f.type = p.first_type AND f.value = p.first_value GROUP BY p.session_id");
	if (with_sequences)
		sql_add(sql, " UNION ALL SELECT array_agg(ARRAY[v.type, v.value] ORDER BY k.place), min(c.n) FROM (SELECT c.*, "
					 "row_number() OVER () AS id FROM (SELECT openreplay.path_values(q.path) AS codes, count(*) AS n "
					 "FROM q JOIN g "
					 "ON g.code = q.path[1] GROUP BY 1) c) c CROSS JOIN unnest(c.codes) WITH ORDINALITY AS k (code, "
					 "place) JOIN v "
					 "ON v.code = k.code GROUP BY c.id");
	sql_add(sql, ") c GROUP BY 1 ORDER BY 1");
}
