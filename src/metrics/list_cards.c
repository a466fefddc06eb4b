/*
 * list_cards.c - cards that list sessions, errors or sizes of screens, and what is behind any card
 *
 * Owns the shapes of these lists.  Which sessions and errors there are, searches know (openreplay.search(),
 * openreplay.search_errors()); errors of the second generation have a definition of their own, here.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"

#include "metrics/card.h"
#include "metrics/members.h"
#include "metrics/parse.h"

PG_FUNCTION_INFO_V1(openreplay_card_sessions);
PG_FUNCTION_INFO_V1(openreplay_sessions_of_card);
PG_FUNCTION_INFO_V1(openreplay_card_errors);

/* ---- searches ---------------------------------------------------------------------------------------------------- */

static void
add_option(Sql *sql, const Card *card, const char *name)
{
	char *text = get_text(card->root, name, NULL);

	if (text == NULL)
		return;
	sql_add(sql, " || jsonb_build_object('%s', ", name);
	sql_text(sql, text);
	sql_add(sql, ")");
}

/* The arguments of a search for a series: project, filter and viewer. */
static void
add_search_arguments(Sql *sql, const Card *card, const CardSeries *series, const char *const *options)
{
	sql_integer(sql, card->project_id);
	sql_add(sql, ", %s(", JB_ROOT_IS_ARRAY(series->json) ? "jsonb_build_object" : "openreplay.flat_filter");
	sql_add(sql, "%s", JB_ROOT_IS_ARRAY(series->json) ? "'filters', " : "");
	sql_datum(sql, JSONBOID, JsonbPGetDatum(series->json));
	sql_add(sql, ") || jsonb_build_object('startTimestamp', ");
	sql_bigint(sql, card->from_ts);
	sql_add(sql, ", 'endTimestamp', ");
	sql_bigint(sql, card->to_ts);
	sql_add(sql, ", 'limit', ");
	sql_integer(sql, card->limit);
	sql_add(sql, ", 'page', ");
	sql_integer(sql, card->page);
	sql_add(sql, ", 'density', ");
	sql_integer(sql, card->density);
	sql_add(sql, ")");
	for (; *options != NULL; options++)
		add_option(sql, card, *options);
	sql_add(sql, ", ");
	if (card->has_viewer)
		sql_integer(sql, card->viewer_id);
	else
		sql_add(sql, "NULL::integer");
}

static const char *const session_options[] = {"sort", "order", NULL};
static const char *const error_options[] = {"sort", "order", "status", "query", NULL};

void
add_sessions_chart(Sql *sql, Card *card)
{
	if (card->nseries == 0)
	{
		sql_add(sql, "SELECT '{\"total\": 0, \"sessions\": []}'::jsonb");
		return;
	}
	sql_add(sql, "SELECT openreplay.search(");
	add_search_arguments(sql, card, &card->series[0], session_options);
	sql_add(sql, ")");
}

void
add_errors_chart(Sql *sql, Card *card)
{
	if (card->nseries == 0)
	{
		sql_add(sql, "SELECT '{\"total\": 0, \"errors\": []}'::jsonb");
		return;
	}
	sql_add(sql, "SELECT openreplay.list_errors(");
	add_search_arguments(sql, card, &card->series[0], error_options);
	sql_add(sql, ")");
}

/* ---- errors, second generation ----------------------------------------------------------------------------------- */

/* The filter without the events that only say which errors are listed. */
static Filter *
without_errors(const Filter *filter)
{
	Filter *other = palloc(sizeof(Filter));

	*other = *filter;
	other->events = palloc(Max(filter->nevents, 1) * sizeof(FilterEvent));
	other->nevents = 0;
	for (int i = 0; i < filter->nevents; i++)
		if (filter->events[i].kind != EVENTS_ERRORS || filter->events[i].negated)
			other->events[other->nevents++] = filter->events[i];
	return other;
}

/* Which errors are listed: those of the series' own items, or what sites themselves raised and browsers tell. */
static void
add_wanted_errors(Sql *sql, const Filter *filter)
{
	int n = 0;

	add_event_where(sql, filter, &(FilterEvent){.kind = EVENTS_ERRORS});
	for (int i = 0; i < filter->nevents; i++)
	{
		if (filter->events[i].kind != EVENTS_ERRORS || filter->events[i].negated)
			continue;
		sql_add(sql, "%s", n++ == 0 ? " AND ((" : ") OR (");
		add_event_where(sql, filter, &filter->events[i]);
	}
	sql_add(sql, "%s", n > 0 ? "))" : " AND d.source = 'js_exception' AND d.message <> 'Script error.'");
}

/* Rows (error_id, session_id, timestamp, user_id), one an occurrence. */
static void
add_occurrences(Sql *sql, const Filter *filter)
{
	const Filter *sessions = without_errors(filter);

	sql_add(sql, "SELECT e.error_id, e.session_id, e.\"timestamp\", s.user_id FROM ");
	add_sessions(sql, sessions, false);
	sql_add(sql, " JOIN ");
	add_events(sql, EVENTS_ERRORS);
	sql_add(sql, " ON e.session_id = s.session_id WHERE ");
	add_sessions_where(sql, sessions);
	sql_add(sql, " AND ");
	add_wanted_errors(sql, filter);
}

static const char *
error_order(const Card *card)
{
	char *sort = get_text(card->root, "sortBy", NULL);

	if (sort == NULL || sort[0] == '\0' || strcmp(sort, "time") == 0)
		return "latest";
	if (strcmp(sort, "sessions") == 0 || strcmp(sort, "users") == 0)
		return sort[0] == 's' ? "sessions" : "users";
	refuse_filter(psprintf("errors cannot be sorted by \"%s\"", shorten(sort)), "It is time, sessions or users.");
}

/* CTEs: of a page of errors, in how many sessions each occurred in each bucket, as a list of points. */
static void
add_error_charts(Sql *sql, const Card *card)
{
	int64 step = Max((card->to_ts - card->from_ts) / (card->density < 2 ? 7 : card->density - 1), 1);

	sql_add(sql, ", bucketed AS (SELECT o.error_id, (o.\"timestamp\" - ");
	sql_bigint(sql, card->from_ts);
	sql_add(sql, ") / ");
	sql_bigint(sql, step);
	sql_add(sql,
			" AS bucket, count(DISTINCT o.session_id) AS n FROM occurrence AS o JOIN page USING (error_id) GROUP BY "
			"1, 2), chart AS (SELECT p.error_id, jsonb_agg(jsonb_build_object('timestamp', ");
	sql_bigint(sql, card->from_ts);
	sql_add(sql, " + g.bucket * ");
	sql_bigint(sql, step);
	sql_add(sql, ", 'count', coalesce(b.n, 0)) ORDER BY g.bucket) AS points FROM page AS p CROSS JOIN "
				 "generate_series(0::bigint, ");
	sql_bigint(sql, (card->to_ts - card->from_ts) / step);
	sql_add(sql, ") AS g (bucket) LEFT JOIN bucketed AS b USING (error_id, bucket) GROUP BY 1)");
}

void
add_error_list(Sql *sql, Card *card)
{
	const CardSeries *series = require_series(card);

	sql_add(sql, "WITH occurrence AS MATERIALIZED (");
	add_occurrences(sql, series->filter);
	sql_add(
		sql,
		"), counted AS (SELECT error_id, count(DISTINCT nullif(user_id, '')) AS users, count(DISTINCT session_id) AS "
		"sessions, count(*) AS total, min(\"timestamp\") AS earliest, max(\"timestamp\") AS latest FROM occurrence "
		"GROUP BY error_id), ranked AS (SELECT *, row_number() OVER (ORDER BY %s DESC, error_id) AS place FROM "
		"counted), page AS (SELECT * FROM ranked AS r WHERE ",
		error_order(card));
	add_page_condition(sql, card);
	sql_add(sql, ")");
	add_error_charts(sql, card);
	sql_add(sql,
			" SELECT jsonb_build_object('total', (SELECT count(*) FROM counted), 'errors', "
			"coalesce(jsonb_agg(jsonb_build_object('errorId', p.error_id, 'name', d.name, 'message', d.message, "
			"'users', p.users, 'total', p.total, 'sessions', p.sessions, 'firstOccurrence', p.earliest, "
			"'lastOccurrence', p.latest, 'chart', c.points) ORDER BY p.place), '[]')) FROM page AS p JOIN chart AS c "
			"USING (error_id) JOIN public.errors AS d USING (error_id)");
}

/* ---- screens ----------------------------------------------------------------------------------------------------- */

/*
 * Each size is the centre of the sizes whose area is within 5 % of its own.  There may be as many sizes as sessions, so
 * they are not joined to each other: areas and bounds are put in one order, and the sessions up to each added up.
 */
void
add_resolutions_chart(Sql *sql, Card *card)
{
	const CardSeries *series = require_series(card);

	sql_add(sql, "WITH size AS (SELECT s.screen_width AS width, s.screen_height AS height, count(*) AS n FROM ");
	add_sessions(sql, series->filter, false);
	sql_add(sql, " WHERE ");
	add_sessions_where(sql, series->filter);
	sql_add(
		sql,
		" GROUP BY 1, 2), centre AS (SELECT width, height, width::numeric * height AS area, n FROM size WHERE width > "
		"0 "
		"AND height > 0), line AS (SELECT width, height, side, sum(n) OVER (ORDER BY area, side ROWS UNBOUNDED "
		"PRECEDING) "
		"AS below FROM (SELECT width, height, area, 0 AS side, n FROM centre UNION ALL SELECT width, height, area * "
		"0.95, -1, 0 FROM centre UNION ALL SELECT width, height, area * 1.05, 1, 0 FROM centre) AS l), ranked AS ("
		"SELECT width, height, members, row_number() OVER (ORDER BY members DESC, width, height) AS place FROM ("
		"SELECT width, height, max(below) FILTER (WHERE side = 1) - max(below) FILTER (WHERE side = -1) AS members "
		"FROM "
		"line GROUP BY 1, 2) AS c) SELECT jsonb_build_object('series', jsonb_build_object(");
	sql_text(sql, card->name[0] != '\0' ? card->name : card->type->metric);
	sql_add(sql,
			", jsonb_build_object('total', (SELECT coalesce(sum(n), 0) FROM size), 'count', (SELECT count(*) FROM "
			"centre), 'values', coalesce(jsonb_agg(jsonb_build_object('centerWidth', width, 'centerHeight', height, "
			"'minWidth', trunc(0.95 * width), 'maxWidth', trunc(1.05 * width), 'minHeight', trunc(0.95 * height), "
			"'maxHeight', trunc(1.05 * height), 'totalInGroup', members) ORDER BY place), '[]')))) FROM ranked AS r "
			"WHERE ");
	add_page_condition(sql, card);
}

/* ---- what is behind a card --------------------------------------------------------------------------------------- */

static void
add_series_id(Sql *sql, const CardSeries *series)
{
	sql_add(sql, "jsonb_build_object('seriesId', ");
	if (series->series_id == 0)
		sql_add(sql, "NULL");
	else
		sql_integer(sql, series->series_id);
	sql_add(sql, ", 'seriesName', ");
	sql_text(sql, series->name);
	sql_add(sql, ")");
}

static Card *
get_card_and_viewer(FunctionCallInfo fcinfo)
{
	int32 viewer_id = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return NULL;
	return parse_card(PG_GETARG_INT32(0), PG_GETARG_JSONB_P(1), PG_ARGISNULL(2) ? NULL : &viewer_id);
}

/* card_sessions(project_id integer, card jsonb, viewer_id integer) */
Datum
openreplay_card_sessions(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card = get_card_and_viewer(fcinfo);

	if (card == NULL)
		PG_RETURN_NULL();
	sql_add(sql, "SELECT jsonb_build_array(");
	for (int i = 0; i < card->nseries; i++)
	{
		sql_add(sql, "%s", i > 0 ? ", " : "");
		add_series_id(sql, &card->series[i]);
		sql_add(sql, " || openreplay.search(");
		add_search_arguments(sql, card, &card->series[i], session_options);
		sql_add(sql, ")");
	}
	sql_add(sql, ")");
	PG_RETURN_DATUM(run_chart(sql));
}

/* sessions_of_card(project_id integer, card jsonb, viewer_id integer) */
Datum
openreplay_sessions_of_card(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_and_viewer(fcinfo);
	if (card == NULL || card->nseries == 0)
		return (Datum) 0;
	for (int i = 0; i < card->nseries; i++)
	{
		sql_add(sql, "%sSELECT ", i > 0 ? " UNION ALL " : "");
		sql_text(sql, card->series[i].name);
		sql_add(sql, ", f.* FROM openreplay.search_sessions(");
		add_search_arguments(sql, card, &card->series[i], session_options);
		sql_add(sql, ") AS f");
	}
	return sql_return_rows(sql, fcinfo);
}

/* card_errors(project_id integer, card jsonb, viewer_id integer) */
Datum
openreplay_card_errors(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card = get_card_and_viewer(fcinfo);

	if (card == NULL || card->nseries == 0)
		PG_RETURN_NULL();
	sql_add(sql, "SELECT ");
	add_series_id(sql, &card->series[0]);
	sql_add(sql, " || openreplay.list_errors(");
	add_search_arguments(sql, card, &card->series[0], error_options);
	sql_add(sql, ")");
	PG_RETURN_DATUM(run_chart(sql));
}
