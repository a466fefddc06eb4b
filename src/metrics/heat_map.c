/*
 * heat_map.c - where people click on a page, and a session to show it on
 *
 * The frontend draws points over a page that it replays from some session, so a card is a session; the points come by a
 * request of their own.  The choice among the sessions that qualify is by lot, so that one can ask for another; the
 * card's "seed" makes it the same every time.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "metrics/card.h"
#include "metrics/matching.h"
#include "metrics/members.h"
#include "metrics/parse.h"

PG_FUNCTION_INFO_V1(openreplay_heatmap_points);

#define MAX_POINTS 500
#define CLICKS "events.clicks e"
#define MAX_SEED INT64CONST(999999999999999)

/* The project's sessions by a filter, as s, and the clicks in them, as e. */
static void
add_clicks(Sql *sql, const Filter *filter)
{
	add_sessions(sql, filter, false);
	sql_add(sql, " JOIN " CLICKS " ON e.session_id = s.session_id WHERE ");
	add_sessions_where(sql, filter);
	sql_add(sql, " AND ");
	add_event_where(sql, filter, &(FilterEvent){.kind = EVENTS_CLICKS});
}

static bool
asks_for(const Filter *filter, FilterKind kind)
{
	for (int i = 0; i < filter->nevents; i++)
		if (filter->events[i].kind == kind && !filter->events[i].negated)
			return true;
	return false;
}

static bool
asks_about(const Filter *filter, const char *expression)
{
	for (int i = 0; i < filter->nconditions; i++)
		if (filter->conditions[i].expression != NULL && strcmp(filter->conditions[i].expression, expression) == 0)
			return true;
	return false;
}

/* What the filter says about the path of a page, which holds for that of a click as well; NULL: nothing. */
static const FilterCondition *
find_path_condition(const Filter *filter)
{
	for (int i = 0; i < filter->nevents; i++)
		for (int j = 0;
			 filter->events[i].kind == EVENTS_PAGES && !filter->events[i].negated && j < filter->events[i].nconditions;
			 j++)
		{
			const FilterCondition *condition = &filter->events[i].conditions[j];

			if (condition->expression != NULL && strcmp(condition->expression, "e.path") == 0 && condition->nvalues > 0)
				return condition;
		}
	return NULL;
}

/* A scalar: the path that is clicked most in the range; with a session, of those that are clicked in it. */
static void
add_most_clicked_path(Sql *sql, const Filter *filter, const char *session)
{
	sql_add(sql, "(SELECT e.path FROM ");
	add_clicks(sql, filter);
	sql_add(sql, " AND e.path IS NOT NULL");
	if (session != NULL)
		sql_add(sql, " AND e.path IN (SELECT o.path FROM events.clicks o WHERE o.session_id = %s)", session);
	sql_add(sql, " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1)");
}

/* Which path clicks have to be on: the filter's, or the one that is clicked most. */
static void
add_path_where(Sql *sql, const Card *card, const Filter *filter)
{
	const FilterCondition *condition = find_path_condition(filter);

	sql_add(sql, " AND ");
	if (condition != NULL)
	{
		add_condition(sql, filter, condition);
		return;
	}
	sql_add(sql, "e.path = ");
	add_most_clicked_path(sql, all_sessions(card), NULL);
}

/* ORDER BY that draws lots. */
static void
add_lot(Sql *sql, const Card *card, const char *key)
{
	int64 seed = get_card_number(card->root, "seed", -1, 0, MAX_SEED);

	if (seed < 0)
		seed = (int64) (pg_prng_uint64(&pg_global_prng_state) & MAX_SEED);
	sql_add(sql, "hashtextextended(%s, ", key);
	sql_bigint(sql, seed);
	sql_add(sql, ")");
}

/* ---- the first generation's card: a session ---------------------------------------------------------------------- */

/* The session that a saved card keeps; "": none. */
static const char *
kept_session(const Card *card)
{
	char *text = get_text(card->root, "sessionId", NULL);
	JsonbValue data;

	if (text == NULL && get_member(card->root, "data", NULL, &data) && is_object(&data))
		text = get_text(data.val.binary.data, "sessionId", NULL);
	if (text == NULL || strspn(text, "0123456789") != strlen(text) || strlen(text) > 19)
		return "";
	return text;
}

/* Up to twenty sessions that qualify, the newest, whose recording is stored or not. */
static void
add_candidates(Sql *sql, const Filter *filter, bool stored)
{
	sql_add(sql, "(SELECT s.session_id, s.start_ts, s.duration, %s AS stored FROM ", stored ? "true" : "false");
	add_sessions(sql, filter, false);
	sql_add(sql, " WHERE ");
	add_sessions_where(sql, filter);
	if (!asks_about(filter, "s.duration"))
		sql_add(sql, " AND s.duration >= 5000");
	if (!asks_about(filter, "s.user_device_type::text"))
		sql_add(sql, " AND s.user_device_type = 'desktop'");
	sql_add(sql, " AND s.events_count > 0");
	for (FilterKind kind = EVENTS_PAGES; kind <= EVENTS_CLICKS; kind++)
	{
		if (asks_for(filter, kind))
			continue;
		sql_add(sql, " AND EXISTS (SELECT FROM ");
		add_events(sql, kind);
		sql_add(sql, " WHERE e.session_id = s.session_id AND ");
		add_event_where(sql, filter, &(FilterEvent){.kind = kind});
		sql_add(sql, ")");
	}
	if (stored)
		sql_add(sql, " AND EXISTS (SELECT FROM openreplay.stored_recordings r WHERE r.session_id = s.session_id)");
	sql_add(sql, " ORDER BY s.start_ts DESC LIMIT 20)");
}

/* The session that the card keeps, or one by lot: if any recording is stored, one of those. */
static void
add_chosen(Sql *sql, const Card *card, const Filter *filter)
{
	const char *kept = kept_session(card);

	sql_add(sql, "WITH kept AS (SELECT s.session_id, s.start_ts, s.duration, EXISTS (SELECT FROM "
				 "openreplay.stored_recordings r WHERE r.session_id = s.session_id) AS stored FROM public.sessions s "
				 "WHERE s.session_id = ");
	sql_bigint(sql, strtoll(kept, NULL, 10));
	sql_add(sql, " AND s.project_id = ");
	sql_integer(sql, card->project_id);
	sql_add(sql, "), stored AS MATERIALIZED ");
	add_candidates(sql, filter, true);
	sql_add(sql, ", any_session AS MATERIALIZED ");
	add_candidates(sql, filter, false);
	sql_add(
		sql,
		", chosen AS (SELECT *, true AS kept FROM kept UNION ALL SELECT l.*, false FROM (SELECT * FROM (SELECT * FROM "
		"stored UNION ALL SELECT * FROM any_session WHERE NOT EXISTS (SELECT FROM stored)) AS x "
		"WHERE NOT EXISTS (SELECT FROM kept) ORDER BY ");
	add_lot(sql, card, "x.session_id::text");
	sql_add(sql, " LIMIT 1) AS l) ");
}

static void
add_session_map(Sql *sql, Card *card)
{
	const Filter *filter = first_filter(card);
	const FilterCondition *path = find_path_condition(filter);

	add_chosen(sql, card, filter);
	sql_add(sql, "SELECT coalesce((SELECT jsonb_build_object('projectId', ");
	sql_integer(sql, card->project_id);
	sql_add(sql, ", 'sessionId', c.session_id::text, 'startTs', c.start_ts, 'duration', c.duration, 'path', ");
	if (path != NULL)
	{
		sql_text(sql, path->values[0]);
		sql_add(sql, "::text");
	}
	else
		add_most_clicked_path(sql, all_sessions(card), "c.session_id");
	sql_add(sql,
			", 'domURL', coalesce((SELECT jsonb_agg(f.url ORDER BY f.file DESC) FROM openreplay.recording_places("
			"c.session_id) AS f WHERE f.file LIKE 'dom.%%'), '[]'), 'mobsUrl', jsonb_build_array(), 'events', "
			"coalesce((SELECT jsonb_agg(jsonb_build_object('messageId', e.message_id, 'timestamp', e.\"timestamp\", "
			"'host', e.host, 'path', e.path, 'value', e.path, 'url', e.path, 'type', 'LOCATION') "
			"ORDER BY e.\"timestamp\", e.message_id) FROM events.pages e WHERE e.session_id = c.session_id), '[]')) || "
			"CASE WHEN c.kept AND NOT c.stored THEN '{\"issue\": \"mob file not found\"}' ELSE '{}' END::jsonb "
			"FROM chosen c), 'null')");
}

/* ---- the second generation's card: a session and a moment in it -------------------------------------------------- */

static void
add_moment_map(Sql *sql, Card *card)
{
	const Filter *filter = first_filter(card);
	Filter later = *filter; /* a click may come a day after the range in which its session began */

	set_filter_range(&later, card->from_ts, card->to_ts + INT64CONST(86400000), false);
	sql_add(
		sql,
		"WITH candidate AS (SELECT s.session_id, s.start_ts, s.duration, e.\"timestamp\", e.message_id, e.path FROM ");
	add_sessions(sql, filter, false);
	sql_add(sql, " JOIN " CLICKS " ON e.session_id = s.session_id WHERE ");
	add_sessions_where(sql, filter);
	sql_add(sql, " AND s.duration > 500 AND ");
	add_event_where(sql, &later, &(FilterEvent){.kind = EVENTS_CLICKS});
	add_path_where(sql, card, filter);
	sql_add(sql, " ORDER BY %s e.\"timestamp\", s.session_id, e.message_id LIMIT 10) ",
			find_path_condition(filter) != NULL ? "s.duration," : "");
	sql_add(sql,
			"SELECT coalesce((SELECT jsonb_build_object('sessionId', c.session_id::text, 'startTs', c.start_ts, "
			"'duration', c.duration, 'eventTimestamp', c.\"timestamp\", 'urlPath', c.path) FROM candidate c ORDER BY ");
	add_lot(sql, card, "format('%s/%s', c.session_id, c.message_id)");
	sql_add(sql, " LIMIT 1), '{\"sessionId\": \"\", \"startTs\": 0, \"duration\": 0, \"eventTimestamp\": 0, "
				 "\"urlPath\": \"\"}')");
}

void
add_heat_map_chart(Sql *sql, Card *card)
{
	if (card->generation == FILTER_GENERATION_FIRST)
		add_session_map(sql, card);
	else
		add_moment_map(sql, card);
}

/* ---- points ------------------------------------------------------------------------------------------------------ */

/*
 * Rows (session_id, timestamp, message_id, x, y) without what a click rage repeats: of the n clicks of one the first
 * stays.  They are those from its time on; only if these are not all within five seconds, also those before.
 */
static void
add_calm_points(Sql *sql, const Filter *filter)
{
	sql_add(sql,
			"SELECT p.* FROM point p LEFT JOIN (SELECT DISTINCT x.session_id, x.message_id FROM (SELECT p.session_id, "
			"p.message_id, r.n, row_number() OVER (PARTITION BY r.session_id, r.issue_id, r.\"timestamp\", r.seq_index "
			"ORDER BY p.\"timestamp\" < r.\"timestamp\", p.\"timestamp\", p.message_id) AS place "
			"FROM point p JOIN (SELECT e.session_id, e.\"timestamp\", e.issue_id, e.seq_index, "
			"coalesce(substring(e.payload ->> 'Count' FROM '^[0-9]{1,9}$')::integer, 3) AS n FROM ");
	add_events(sql, EVENTS_ISSUES);
	sql_add(sql, " WHERE d.type = 'click_rage' AND d.project_id = ");
	sql_integer(sql, filter->project_id);
	add_session_bounds(sql, filter, "e.session_id");
	sql_add(sql, ") AS r ON r.session_id = p.session_id AND abs(p.\"timestamp\" - r.\"timestamp\") < 5000) AS x "
				 "WHERE x.place BETWEEN 2 AND x.n) AS repeated "
				 "ON repeated.session_id = p.session_id AND repeated.message_id = p.message_id "
				 "WHERE repeated.session_id IS NULL");
}

void
add_heat_map_points_chart(Sql *sql, Card *card)
{
	const Filter *filter = first_filter(card);

	sql_add(sql,
			"WITH point AS (SELECT e.session_id, e.\"timestamp\", e.message_id, e.normalized_x, e.normalized_y FROM ");
	add_clicks(sql, filter);
	sql_add(sql, " AND e.normalized_x IS NOT NULL AND e.normalized_y IS NOT NULL");
	add_path_where(sql, card, filter);
	sql_add(sql, ") SELECT coalesce(jsonb_agg(jsonb_build_object('normalizedX', c.normalized_x, 'normalizedY', "
				 "c.normalized_y) ORDER BY c.\"timestamp\", c.session_id, c.message_id), '[]') FROM (");
	if (get_boolean(card->root, "includeClickRage", NULL, false))
		sql_add(sql, "SELECT p.* FROM point p");
	else
		add_calm_points(sql, filter);
	sql_add(sql, " ORDER BY p.\"timestamp\", p.session_id, p.message_id LIMIT %d) AS c", MAX_POINTS);
}

/* What a request for points says about the path; NULL: no url, no points. */
static FilterCondition *
parse_url(JsonbContainer *request)
{
	static const char *const operators[] = {"is", "startsWith", "contains", "endsWith"};
	char *url = get_text(request, "url", NULL);
	char *name = get_text(request, "operator", NULL);
	FilterCondition *condition;

	if (url == NULL || url[0] == '\0')
		return NULL;
	if (name == NULL || name[0] == '\0')
		name = "startsWith";
	for (int i = 0; i < lengthof(operators); i++)
	{
		if (strcmp(name, operators[i]) != 0)
			continue;
		condition = palloc0(sizeof(FilterCondition));
		condition->name = "url";
		condition->operator_name = name;
		condition->type = FILTER_TEXT;
		condition->expression = "e.path";
		condition->comparison = find_filter_operator(name)->comparison;
		condition->nvalues = 1;
		condition->values = palloc(sizeof(char *));
		condition->values[0] = url;
		return condition;
	}
	refuse_filter(psprintf("operator cannot be \"%s\"", shorten(name)), "It is is, startsWith, contains or endsWith.");
	return NULL;
}

/* heatmap_points(project_id integer, request jsonb) */
Datum
openreplay_heatmap_points(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	FilterCondition *url;
	Filter *filter;
	Jsonb *request;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	request = PG_GETARG_JSONB_P(1);
	if (!JB_ROOT_IS_OBJECT(request))
		refuse_filter("a request is a JSON object",
					  "It is {\"url\": \"/cart\", \"operator\": \"is\", \"filters\": []}.");
	filter = parse_filter(PG_GETARG_INT32(0), request);
	url = parse_url(&request->root);
	if (url == NULL)
		return (Datum) 0;
	sql->by_month = true;
	sql_add(sql, "SELECT e.normalized_x, e.normalized_y FROM ");
	add_clicks(sql, filter);
	sql_add(sql, " AND e.normalized_x IS NOT NULL AND e.normalized_y IS NOT NULL AND ");
	add_condition(sql, filter, url);
	if (get_boolean(&request->root, "clickRage", NULL, false))
		sql_add(sql,
				" AND EXISTS (SELECT FROM events_common.issues o JOIN public.issues d ON d.issue_id = o.issue_id WHERE "
				"o.session_id = e.session_id AND o.\"timestamp\" = e.\"timestamp\" AND d.type = 'click_rage')");
	sql_add(sql, " ORDER BY e.\"timestamp\", e.session_id, e.message_id LIMIT %d", MAX_POINTS);
	return sql_return_rows(sql, fcinfo);
}
