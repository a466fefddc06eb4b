/*
 * predefined.c - predefined cards: sessions and buckets of all of them, and those that are one figure and its course
 *
 * The hard idea: rows are summed up by bucket where they are read, and figures are made of the sums.  So nothing is
 * read twice, parallel workers can share the reading, and the figure is right whatever the buckets hold.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "metrics/matching.h"
#include "metrics/predefined.h"

PG_FUNCTION_INFO_V1(openreplay_card_points);
PG_FUNCTION_INFO_V1(openreplay_card_value);

/* How sums (total, n, and for MEAN_UP counted, those that are positive) become a point and the figure. */
typedef enum FigureForm
{
	COUNT,
	MEAN,
	MEAN_UP, /* points are means of all; the figure that of the positive ones, rounded up */
	USERS	 /* distinct ones */
} FigureForm;

static const struct
{
	const char *point;
	const char *figure;
} forms[] = {
	[COUNT] = {"p.total", "sum(p.total)"},
	[MEAN] = {"p.total / nullif(p.n, 0)", "sum(p.total) / nullif(sum(p.n), 0)::float8"},
	[MEAN_UP] = {"p.total / nullif(p.n, 0)", "ceil(sum(p.total) / nullif(sum(p.counted), 0)::float8)"},
	[USERS] = {"p.total", NULL},
};

typedef struct Figure
{
	const char *name;
	const char *alias;
	FigureForm form;
	const char *events;
	const char *expression;
	const char *condition;
	const char *moment;
	const char *unit;
	bool compared;
} Figure;

static const Figure figures[] = {
#define FIGURE(name, alias, form, events, expression, condition, moment, unit, compared) \
	{name, alias, form, events, expression, condition, moment, unit, compared},
#include "metrics/predefined.list.h"
#undef FIGURE
};

/* ---- sessions and buckets ---------------------------------------------------------------------------------------- */

Filter *
counted_sessions(const Card *card)
{
	Filter *filter = all_sessions(card);

	filter->population = FILTER_COUNTED;
	set_filter_range(filter, card->from_ts, card->to_ts, true);
	return filter;
}

void
add_counted_sessions(Sql *sql, const Filter *filter)
{
	add_sessions(sql, filter, false);
	sql_add(sql, " WHERE ");
	add_sessions_where(sql, filter);
}

void
add_counted_events(Sql *sql, const Filter *filter, const char *events)
{
	sql_add(sql, "%s e JOIN ", events);
	add_sessions(sql, filter, false);
	sql_add(sql, " ON s.session_id = e.session_id WHERE ");
	add_sessions_where(sql, filter);
	add_session_bounds(sql, filter, "e.session_id");
	add_time_range(sql, filter, "e.\"timestamp\"");
}

void
add_bucket(Sql *sql, const Card *card, const char *moment)
{
	sql_add(sql, "(%s - ", moment);
	sql_bigint(sql, card->from_ts);
	sql_add(sql, ") / ");
	sql_bigint(sql, card_step(card, true));
}

void
add_bucket_time(Sql *sql, const Card *card, const char *bucket)
{
	sql_bigint(sql, card->from_ts);
	sql_add(sql, " + %s * ", bucket);
	sql_bigint(sql, card_step(card, true));
}

void
add_buckets(Sql *sql, const Card *card)
{
	sql_add(sql, "generate_series(0::bigint, ");
	/* a single point stands for the whole range, whose end would be another */
	sql_bigint(sql, card->density == 1 ? 0 : (card->to_ts - card->from_ts) / card_step(card, true));
	sql_add(sql, ") AS b (bucket)");
}

/* ---- figures ----------------------------------------------------------------------------------------------------- */

static const Figure *
find_figure(const char *name)
{
	for (int i = 0; i < lengthof(figures); i++)
		if (strcmp(figures[i].name, name) == 0 || strcmp(figures[i].alias, name) == 0)
			return &figures[i];
	return NULL;
}

static void
add_counted(Sql *sql, const Filter *filter, const Figure *figure)
{
	if (figure->events[0] == '\0')
		add_counted_sessions(sql, filter);
	else
		add_counted_events(sql, filter, figure->events);
	if (figure->condition[0] != '\0')
	{
		sql_add(sql, " AND ");
		sql_add(sql, figure->condition, figure->expression);
	}
}

/* Rows (bucket, total, n, counted) of the buckets that have any. */
static void
add_sums(Sql *sql, const Card *card, const Filter *filter, const Figure *figure)
{
	sql_add(sql, "SELECT ");
	if (figure->form == USERS)
	{
		sql_add(sql, "u.bucket, count(*)::float8 AS total, 1 AS n, 1 AS counted FROM (SELECT DISTINCT ");
		add_bucket(sql, card, figure->moment);
		sql_add(sql, " AS bucket, s.user_id FROM ");
		add_counted(sql, filter, figure);
		sql_add(sql, " AND s.user_id <> '') AS u");
	}
	else
	{
		add_bucket(sql, card, figure->moment);
		sql_add(sql, " AS bucket, sum((%s)::float8) AS total, count(*) AS n, ", figure->expression);
		if (figure->form == MEAN_UP)
			sql_add(sql, "count(*) FILTER (WHERE %s > 0) AS counted FROM ", figure->expression);
		else
			sql_add(sql, "count(*) AS counted FROM ");
		add_counted(sql, filter, figure);
	}
	sql_add(sql, " GROUP BY 1");
}

/* Rows (timestamp, total, n, counted) of all buckets. */
static void
add_points(Sql *sql, const Card *card, const Filter *filter, const Figure *figure)
{
	sql_add(sql, "SELECT ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, " AS \"timestamp\", coalesce(c.total, 0) AS total, c.n, c.counted FROM ");
	add_buckets(sql, card);
	sql_add(sql, " LEFT JOIN (");
	add_sums(sql, card, filter, figure);
	sql_add(sql, ") AS c ON c.bucket = b.bucket");
}

/* The figure as an aggregate over such rows p. */
static void
add_figure(Sql *sql, const Filter *filter, const Figure *figure)
{
	sql_add(sql, "coalesce(");
	if (figure->form == USERS)
	{
		sql_add(sql, "(SELECT count(*)::float8 FROM (SELECT DISTINCT s.user_id FROM ");
		add_counted(sql, filter, figure);
		sql_add(sql, " AND s.user_id <> '') AS u)");
	}
	else
		sql_add(sql, "%s", forms[figure->form].figure);
	sql_add(sql, ", 0)");
}

/* A scalar: the figure of the period before, NULL if it is not compared. */
static void
add_previous(Sql *sql, const Card *card, const Figure *figure)
{
	Filter *filter;

	if (!figure->compared)
	{
		sql_add(sql, "NULL::float8");
		return;
	}
	filter = counted_sessions(card);
	set_filter_range(filter, card->from_ts - (card->to_ts - card->from_ts), card->from_ts, true);
	sql_add(sql, "(SELECT ");
	add_figure(sql, filter, figure);
	sql_add(sql, " FROM (");
	if (figure->form == USERS)
		sql_add(sql, "VALUES (0)");
	else
		add_sums(sql, card, filter, figure);
	sql_add(sql, ") AS p)");
}

/*
 * A row (value, previous, progress, times, points), in the unit that is stored.  progress is positive when the figure
 * fell.
 */
static void
add_figure_row(Sql *sql, const Card *card, const Figure *figure, bool with_previous)
{
	Filter *filter = counted_sessions(card);

	sql_add(sql,
			"SELECT v.*, CASE WHEN v.value > 0 THEN 100 * (v.previous - v.value) / v.value WHEN v.previous = 0 THEN 0 "
			"WHEN v.previous > 0 THEN 100 END::float8 AS progress FROM (SELECT ");
	add_figure(sql, filter, figure);
	sql_add(sql, " AS value, ");
	if (with_previous)
		add_previous(sql, card, figure);
	else
		sql_add(sql, "NULL::float8");
	sql_add(sql,
			" AS previous, array_agg(p.\"timestamp\" ORDER BY p.\"timestamp\") AS times, "
			"array_agg(coalesce(%s, 0) ORDER BY p.\"timestamp\") AS points FROM (",
			forms[figure->form].point);
	add_points(sql, card, filter, figure);
	sql_add(sql, ") AS p) AS v");
}

void
add_figure_chart(Sql *sql, Card *card)
{
	const Figure *figure = find_figure(card->type->metric);

	sql_add(sql, "SELECT jsonb_build_object('value', f.value / u.divisor, 'unit', u.unit, 'chart', "
				 "(SELECT jsonb_agg(jsonb_build_object('timestamp', x.t, 'value', x.v / u.divisor) ORDER BY x.t) "
				 "FROM unnest(f.times, f.points) AS x (t, v)))");
	if (figure->compared)
		sql_add(sql, " || jsonb_build_object('progress', f.progress)");
	sql_add(sql, " FROM (");
	add_figure_row(sql, card, figure, true);
	sql_add(sql, ") AS f, LATERAL (SELECT ");
	if (figure->unit[0] == '\0')
		sql_add(sql, "CASE WHEN f.value > 60000 THEN 60000 WHEN f.value > 1000 THEN 1000 ELSE 1 END AS divisor, "
					 "CASE WHEN f.value > 60000 THEN 'min' WHEN f.value > 1000 THEN 's' ELSE 'ms' END AS unit");
	else
		sql_add(sql, "1 AS divisor, '%s' AS unit", figure->unit);
	sql_add(sql, ") AS u");
}

/* ---- for people with psql ---------------------------------------------------------------------------------------- */

static const Figure *
figure_of_card(const Card *card)
{
	const Figure *figure = card->type->traits & CARD_PREDEFINED ? find_figure(card->type->metric) : NULL;

	if (figure == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s of metricType \"%s\" is not one figure", card->type->metric, card->type->type),
						errhint("Figures are those of metricType webVitals; openreplay.try_card() draws every card.")));
	return figure;
}

/* card_points(project_id integer, card jsonb) */
Datum
openreplay_card_points(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	plan_by_month(sql, card);
	sql_add(sql, "SELECT x.t, x.v FROM (");
	add_figure_row(sql, card, figure_of_card(card), false);
	sql_add(sql, ") AS f, unnest(f.times, f.points) AS x (t, v) ORDER BY x.t");
	return sql_return_rows(sql, fcinfo);
}

/* card_value(project_id integer, card jsonb) */
Datum
openreplay_card_value(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	const Figure *figure;
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	plan_by_month(sql, card);
	figure = figure_of_card(card);
	sql_add(sql, "SELECT f.value, f.previous, f.progress, '%s'::text FROM (",
			figure->unit[0] == '\0' ? "ms" : figure->unit);
	add_figure_row(sql, card, figure, true);
	sql_add(sql, ") AS f");
	return sql_return_rows(sql, fcinfo);
}
