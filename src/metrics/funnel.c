/*
 * funnel.c - how many get how far through a list of events
 *
 * The events of the first series are the stages, in the order of the list.  Who reached a stage is decided by
 * add_reached(): it is reached at the earliest event that is not before the stage before, whatever happens in between.
 * Sessions that go on count.  A client of the second generation may count users, whose sessions are then one row of
 * events, or runs through the stages that do not overlap.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"

#include "metrics/breakdown.h"
#include "metrics/funnel.h"

PG_FUNCTION_INFO_V1(openreplay_funnel);
PG_FUNCTION_INFO_V1(openreplay_funnel_sessions);

/* What a stage is, as the client wrote it; its values as a list in any case. */
#define STAGE_VALUES "jsonb_path_query_array(v.item, '$.value[*] ? (@ != null)')"
#define STAGE_NAME "coalesce(v.item ->> 'name', v.item ->> 'type')"
#define STAGE_FILTERS "nullif(jsonb_path_query_array(v.item, '$.filters[*]'), '[]')"

Funnel *
get_funnel(Card *card)
{
	Funnel *funnel = palloc0(sizeof(Funnel));

	funnel->card = card;
	if (card->nseries == 0)
		return funnel;
	funnel->filter = card->series[0].filter;
	funnel->filter->population = FILTER_ALL;
	set_filter_range(funnel->filter, card->from_ts, card->to_ts, card->generation == FILTER_GENERATION_SECOND);
	funnel->stages = funnel->filter->events;
	funnel->nstages = funnel->filter->nevents;
	while (funnel->nleading < funnel->nstages && funnel->stages[funnel->nleading].negated)
		funnel->nleading++;
	funnel->sessions = palloc(sizeof(Filter));
	*funnel->sessions = *funnel->filter;
	funnel->sessions->nevents = 0;
	return funnel;
}

/* ---- who reached what -------------------------------------------------------------------------------------------- */

static void
add_reached_stage(Sql *sql, const Funnel *funnel)
{
	sql_add(sql, "least(cardinality(f.times), %d)", funnel->nstages);
}

/* What a session without any of the events reached: the stages that must not be. */
static void
add_leading_times(Sql *sql, const Funnel *funnel)
{
	sql_add(sql, "array_fill(0::bigint, ARRAY[%d])", funnel->nleading + (funnel->nleading == funnel->nstages ? 1 : 0));
}

static void
add_no_first_event(Sql *sql, const Funnel *funnel)
{
	sql_add(sql, "NOT EXISTS (SELECT FROM ");
	add_events(sql, funnel->stages[0].kind);
	sql_add(sql, " WHERE e.session_id = s.session_id AND ");
	add_event_where(sql, funnel->sessions, &funnel->stages[0]);
	sql_add(sql, ")");
}

/* Whoever has no event is not left out by those. */
static void
add_sample(Sql *sql, const Funnel *funnel)
{
	if (funnel->filter->sample_rate < 100)
		sql_add(sql, " AND openreplay.sample_key(s.session_id) < %d", funnel->filter->sample_rate);
}

void
add_funnel_sessions(Sql *sql, const Funnel *funnel)
{
	if (funnel->nleading == 0)
	{
		sql_add(sql, "SELECT f.session_id, ");
		add_reached_stage(sql, funnel);
		sql_add(sql, " AS stage, f.times FROM (");
		add_reached(sql, funnel->filter, funnel->stages, funnel->nstages);
		sql_add(sql, ") f");
		return;
	}
	sql_add(sql, "SELECT f.session_id, ");
	add_reached_stage(sql, funnel);
	sql_add(sql, " AS stage, f.times FROM (SELECT s.session_id, coalesce(f.times, ");
	add_leading_times(sql, funnel);
	sql_add(sql, ") AS times FROM ");
	add_sessions(sql, funnel->sessions, false);
	sql_add(sql, " LEFT JOIN (");
	add_reached(sql, funnel->filter, funnel->stages, funnel->nstages);
	sql_add(sql, ") f ON f.session_id = s.session_id WHERE ");
	add_sessions_where(sql, funnel->sessions);
	add_sample(sql, funnel);
	sql_add(sql, " AND (f.session_id IS NOT NULL OR ");
	add_no_first_event(sql, funnel);
	sql_add(sql, ")) f");
}

/* ---- counted ----------------------------------------------------------------------------------------------------- */

static const char *
series_key(const Card *card)
{
	return card->name[0] != '\0' ? card->name : "Funnel";
}

static bool
counts_users_of_events(const Funnel *funnel)
{
	return funnel->card->format == CARD_USERS && funnel->card->generation == FILTER_GENERATION_SECOND;
}

/* Sessions that could enter, as v: session_id, user_id and the values that they fall under, each once. */
static void
add_values(Sql *sql, const Funnel *funnel, int level)
{
	const Card *card = funnel->card;

	sql_add(sql, "(SELECT %ss.session_id, s.user_id", breakdown_multiplies(card, level) ? "DISTINCT " : "");
	add_breakdown_columns(sql, card, level);
	sql_add(sql, " FROM ");
	add_sessions(sql, funnel->sessions, false);
	add_breakdown_joins(sql, card, funnel->filter, level, true);
	sql_add(sql, " WHERE ");
	add_sessions_where(sql, funnel->sessions);
	add_sample(sql, funnel);
	sql_add(sql, ") AS v");
}

/* Events that match stages, as add_steps() has them, of sessions that could enter: x, joined to v. */
static void
add_events_of_values(Sql *sql, const Funnel *funnel, int level)
{
	sql_add(sql, "(");
	add_steps(sql, funnel->sessions, funnel->stages, funnel->nstages);
	sql_add(sql, ") AS x JOIN ");
	add_values(sql, funnel, level);
	sql_add(sql, " ON v.session_id = x.session_id");
}

/* Rows (user_id, b1, ..., times): users followed over the events of all their sessions; a key is of one session only.
 */
static void
add_followed_users(Sql *sql, const Funnel *funnel, int level)
{
	sql_add(sql, "SELECT t.user_id");
	add_breakdown_names(sql, level);
	sql_add(sql, ", ");
	add_follow_steps(sql, funnel->stages, funnel->nstages);
	sql_add(sql, " AS times FROM (SELECT v.user_id");
	add_breakdown_names(sql, level);
	sql_add(sql, ", x.step, x.\"timestamp\", hashint8extended(x.key, x.session_id) AS key FROM ");
	add_events_of_values(sql, funnel, level);
	sql_add(sql, " WHERE v.user_id <> '') AS t GROUP BY t.user_id");
	add_breakdown_names(sql, level);
}

/* Rows (b1, ..., reached), one a user. */
static void
add_users_of_events(Sql *sql, const Funnel *funnel, int level)
{
	sql_add(sql, "SELECT CASE WHEN f.user_id IS NULL THEN %d ELSE ", funnel->nleading);
	add_reached_stage(sql, funnel);
	sql_add(sql, " END AS reached");
	add_breakdown_names(sql, level);
	sql_add(sql, " FROM ");
	if (funnel->nleading > 0)
	{
		/* users without any of the events passed what must not be */
		sql_add(sql, "(SELECT v.user_id");
		add_breakdown_names(sql, level);
		sql_add(sql, " FROM ");
		add_values(sql, funnel, level);
		sql_add(sql, " WHERE v.user_id <> '' GROUP BY v.user_id");
		add_breakdown_names(sql, level);
		sql_add(sql, ") AS u LEFT JOIN ");
	}
	sql_add(sql, "(");
	add_followed_users(sql, funnel, level);
	sql_add(sql, ") AS f");
	if (funnel->nleading == 0)
		return;
	sql_add(sql, " USING (user_id");
	add_breakdown_names(sql, level);
	sql_add(sql, ")");
}

/* Rows (b1, ..., reached), one a session or user, counted by the sessions r. */
static void
add_reached_by_sessions(Sql *sql, const Funnel *funnel, int level)
{
	bool users = funnel->card->format == CARD_USERS;

	sql_add(sql, users ? "SELECT max(r.stage) AS reached" : "SELECT r.stage AS reached");
	add_breakdown_names(sql, level);
	sql_add(sql, " FROM r");
	if (users || level > 0)
	{
		sql_add(sql, " JOIN ");
		add_values(sql, funnel, level);
		sql_add(sql, " ON v.session_id = r.session_id");
	}
	if (!users)
		return;
	sql_add(sql, " WHERE v.user_id <> '' GROUP BY v.user_id");
	add_breakdown_names(sql, level);
}

/* Rows (path, stage, n) of a level: runs through the stages until this one, of which a session may have several. */
static void
add_runs(Sql *sql, const Funnel *funnel, int level)
{
	sql_add(sql, "SELECT ");
	add_breakdown_path(sql, series_key(funnel->card), level);
	sql_add(sql, " AS path, c.stage::integer, sum(c.n)::bigint AS n FROM (SELECT v.*, openreplay.count_runs(ARRAY[");
	for (int i = 0; i < funnel->nstages; i++)
		sql_add(sql, "%s%d", i == 0 ? "" : ", ", (funnel->stages[i].negated ? -1 : 1) * (funnel->stages[i].kind + 1));
	sql_add(sql,
			"]::integer[], coalesce(x.steps, '{}'), coalesce(x.times, '{}'), coalesce(x.keys, '{}')) AS counts FROM ");
	add_values(sql, funnel, level);
	sql_add(
		sql,
		"%s (SELECT x.session_id, array_agg(x.step) AS steps, array_agg(x.\"timestamp\") AS times, array_agg(x.key) "
		"AS keys FROM (",
		funnel->nleading > 0 ? " LEFT JOIN" : " JOIN");
	add_steps(sql, funnel->sessions, funnel->stages, funnel->nstages);
	sql_add(sql,
			") AS x GROUP BY 1) AS x ON x.session_id = v.session_id) AS r, unnest(r.counts) WITH ORDINALITY AS c (n, "
			"stage) WHERE c.n > 0 GROUP BY c.stage");
	add_breakdown_names(sql, level);
}

/* Rows (path, stage, n) of a level: how many reached it; stages that nobody reached may be missing. */
static void
add_level(Sql *sql, const Funnel *funnel, int level)
{
	if (funnel->card->format == CARD_EVENTS)
	{
		add_runs(sql, funnel, level);
		return;
	}
	sql_add(sql, "SELECT ");
	add_breakdown_path(sql, series_key(funnel->card), level);
	sql_add(sql,
			" AS path, g.stage, sum(h.n)::bigint AS n FROM generate_series(1, %d) AS g (stage) JOIN (SELECT reached",
			funnel->nstages);
	add_breakdown_names(sql, level);
	sql_add(sql, ", count(*) AS n FROM (");
	if (counts_users_of_events(funnel))
		add_users_of_events(sql, funnel, level);
	else
		add_reached_by_sessions(sql, funnel, level);
	sql_add(sql, ") AS u GROUP BY reached");
	add_breakdown_names(sql, level);
	sql_add(sql, ") AS h ON h.reached >= g.stage GROUP BY g.stage");
	add_breakdown_names(sql, level);
}

void
add_with_funnel_sessions(Sql *sql, const Funnel *funnel)
{
	sql_add(sql, "WITH r AS MATERIALIZED (");
	add_funnel_sessions(sql, funnel);
	sql_add(sql, ")");
}

/*
 * Appends "WITH ... stages AS (...)", rows (path, stage, item, reached, before): all stages of the whole and of
 * whatever it is broken down to; before are those that reached the stage before.
 */
static void
add_with_stages(Sql *sql, const Funnel *funnel)
{
	if (counts_users_of_events(funnel) || funnel->card->format == CARD_EVENTS)
		sql_add(sql, "WITH");
	else
	{
		add_with_funnel_sessions(sql, funnel);
		sql_add(sql, ",");
	}
	sql_add(sql, " counted AS (");
	for (int level = 0; level <= funnel->card->nbreakdowns; level++)
	{
		sql_add(sql, "%s", level > 0 ? " UNION ALL " : "");
		add_level(sql, funnel, level);
	}
	sql_add(sql,
			"), stages AS (SELECT p.path, v.stage, v.item, coalesce(c.n, 0) AS reached, lag(coalesce(c.n, 0)) OVER "
			"(PARTITION BY p.path ORDER BY v.stage) AS before FROM (SELECT path FROM counted UNION SELECT ");
	add_breakdown_path(sql, series_key(funnel->card), 0);
	sql_add(sql, ") AS p CROSS JOIN (VALUES ");
	for (int i = 0; i < funnel->nstages; i++)
	{
		sql_add(sql, "%s(%d, ", i == 0 ? "" : ", ", i + 1);
		sql_datum(sql, JSONBOID, JsonbPGetDatum(funnel->stages[i].item));
		sql_add(sql, ")");
	}
	sql_add(sql, ") AS v (stage, item) LEFT JOIN counted AS c ON c.path = p.path AND c.stage = v.stage) ");
}

/* ---- charts ------------------------------------------------------------------------------------------------------ */

void
add_first_funnel_chart(Sql *sql, Card *card)
{
	Funnel *funnel = get_funnel(card);

	if (funnel->nstages == 0)
	{
		sql_add(sql, "SELECT '{\"stages\": [], \"totalDropDueToIssues\": 0}'::jsonb");
		return;
	}
	add_with_stages(sql, funnel);
	sql_add(
		sql,
		"SELECT jsonb_build_object('stages', jsonb_agg(jsonb_build_object('value', " STAGE_VALUES
		", 'type', " STAGE_NAME ", 'operator', v.item ->> 'operator', 'dropPct', CASE WHEN v.before = 0 THEN 0 ELSE "
		"100 * (v.before - v.reached) / v.before END, 'dropDueToIssues', CASE v.stage WHEN %d THEN v.lost ELSE 0 END, "
		"'%s', v.reached) ORDER BY v.stage), 'totalDropDueToIssues', max(v.lost)) FROM (SELECT v.*, least(d.lost, "
		"first_value(v.reached) OVER w - last_value(v.reached) OVER w) AS lost FROM stages AS v CROSS JOIN (SELECT ",
		funnel->nstages, card->format == CARD_USERS ? "usersCount" : "sessionsCount");
	add_total_drop(sql, funnel);
	sql_add(sql,
			" AS lost) d WINDOW w AS (ORDER BY v.stage ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) v");
}

void
add_second_funnel_chart(Sql *sql, Card *card)
{
	Funnel *funnel = get_funnel(card);

	if (funnel->nstages == 0)
	{
		sql_add(sql, "WITH node AS (SELECT ");
		add_breakdown_path(sql, series_key(card), 0);
		sql_add(sql, " AS path, '{\"stages\": []}'::jsonb AS leaf, 0 AS size)");
		add_series_tree(sql, card);
		return;
	}
	add_with_stages(sql, funnel);
	sql_add(sql,
			", node AS (SELECT v.path, jsonb_build_object('stages', jsonb_agg(jsonb_build_object('value', " STAGE_VALUES
			", 'type', " STAGE_NAME ", 'operator', v.item ->> 'operator', 'propertyOrder', coalesce(v.item ->> "
			"'propertyOrder', 'and'), 'dropPct', 100::float8 * (v.before - v.reached) / nullif(v.before, 0), 'count', "
			"v.reached) || CASE WHEN " STAGE_FILTERS
			" IS NULL THEN '{}' ELSE jsonb_build_object('filters', " STAGE_FILTERS
			") END ORDER BY v.stage)) AS leaf, max(v.reached) AS size FROM stages AS v GROUP BY v.path)");
	add_series_tree(sql, card);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* The card of a function's arguments; raises invalid_parameter_value unless it is of the type. */
static Funnel *
get_funnel_argument(FunctionCallInfo fcinfo)
{
	Card *card = get_card_argument(fcinfo);

	if (card == NULL)
		return NULL;
	check_card_type(card, "funnel");
	return get_funnel(card);
}

/* funnel(project_id integer, card jsonb) */
Datum
openreplay_funnel(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Funnel *funnel;

	InitMaterializedSRF(fcinfo, 0);
	funnel = get_funnel_argument(fcinfo);
	if (funnel == NULL || funnel->nstages == 0)
		return (Datum) 0;
	plan_by_month(sql, funnel->card);
	add_with_stages(sql, funnel);
	sql_add(sql, "SELECT v.path[2:], v.stage, " STAGE_NAME
				 ", v.item ->> 'operator', ARRAY(SELECT jsonb_array_elements_text(" STAGE_VALUES ")), " STAGE_FILTERS
				 ", v.reached, 100::float8 * (v.before - v.reached) / nullif(v.before, 0) FROM stages AS v ORDER BY "
				 "v.path COLLATE \"C\", v.stage");
	return sql_return_rows(sql, fcinfo);
}

/* funnel_sessions(project_id integer, card jsonb, stage integer, dropped boolean) */
Datum
openreplay_funnel_sessions(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Funnel *funnel;
	int32 stage;
	bool dropped;

	InitMaterializedSRF(fcinfo, 0);
	funnel = get_funnel_argument(fcinfo);
	if (funnel == NULL || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		return (Datum) 0;
	stage = PG_GETARG_INT32(2);
	dropped = PG_GETARG_BOOL(3);
	if (stage < 1 || stage > funnel->nstages)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no stage %d", stage),
				errhint("The funnel has %d.", funnel->nstages));
	plan_by_month(sql, funnel->card);
	sql_add(sql, "SELECT r.session_id, r.times[%d] FROM (", dropped ? stage - 1 : stage);
	add_funnel_sessions(sql, funnel);
	if (dropped)
		sql_add(sql, ") r WHERE r.stage = %d ORDER BY r.session_id", stage - 1);
	else
		sql_add(sql, ") r WHERE r.stage >= %d ORDER BY r.session_id", stage);
	return sql_return_rows(sql, fcinfo);
}
