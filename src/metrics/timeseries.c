/*
 * timeseries.c - sessions, users and events over time, and beside those of the time before
 *
 * A bucket begins with its point in time and ends before the next; the last one includes the range's end, which is a
 * point of its own for a client.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "metrics/counting.h"

PG_FUNCTION_INFO_V1(openreplay_timeseries);
PG_FUNCTION_INFO_V1(openreplay_compare_timeseries);

static const EventRows all_events = {.kinds = EVENTS_ALL};

static const struct
{
	const char *metric;
	CountWhat what;
	const char *key; /* the time that decides in which bucket something is */
	const EventRows *events;
} measures[] = {
	{"sessionCount", COUNT_SESSIONS, "s.start_ts", NULL},
	{"userCount", COUNT_USERS, "s.start_ts", NULL},
	{"eventCount", COUNT_EVENTS, "x.\"timestamp\"", &all_events},
};

/* Rows (path, key, value) of the buckets that have any, or of the whole range as one. */
static void
add_series_counts(Sql *sql, const Card *card, const CardSeries *series, bool whole)
{
	for (int i = 0; i < lengthof(measures); i++)
		if (strcmp(measures[i].metric, card->type->metric) == 0)
			add_counts(sql, &(Counting){.card = card,
										.series = series,
										.name = series->name,
										.what = measures[i].what,
										.key = whole ? NULL : measures[i].key,
										.step = card_step(card, false),
										.events = measures[i].events});
}

/*
 * Rows (path, bucket, value): every bucket of every series and of what it is broken down to, with 0 where there is
 * nothing; of the whole range, bucket is NULL.
 */
static void
add_points(Sql *sql, const Card *card, bool whole)
{
	sql_add(sql,
			"WITH counted AS (SELECT NULL::text[] AS path, NULL::bigint AS key, NULL::bigint AS value WHERE false");
	for (int i = 0; i < card->nseries; i++)
	{
		sql_add(sql, " UNION ALL ");
		add_series_counts(sql, card, &card->series[i], whole);
	}
	sql_add(sql,
			"), sized AS (SELECT path, sum(value) AS size, array_agg(key) AS keys, array_agg(value) AS values FROM "
			"(SELECT path, key, value FROM counted");
	for (int i = 0; i < card->nseries; i++)
	{
		sql_add(sql, " UNION ALL SELECT ARRAY[");
		sql_text(sql, card->series[i].name);
		sql_add(sql, "], %s, 0", whole ? "NULL" : "0");
	}
	sql_add(sql, ") AS c GROUP BY path), chosen AS (");
	add_kept_nodes(sql, "sized", card->nbreakdowns + 1);
	sql_add(sql,
			") SELECT path, bucket, sum(value)::bigint AS value FROM (SELECT c.path, u.bucket, u.value FROM chosen AS "
			"c, unnest(c.keys, c.values) AS u (bucket, value) UNION ALL SELECT c.path, b.bucket, 0 FROM chosen AS c, ");
	if (whole)
		sql_add(sql, "(VALUES (NULL::bigint)) AS b (bucket)");
	else
	{
		sql_add(sql, "generate_series(0::bigint, ");
		sql_bigint(sql, (card->to_ts - card->from_ts) / card_step(card, false));
		sql_add(sql, ") AS b (bucket)");
	}
	sql_add(sql, ") AS p GROUP BY path, bucket");
}

/* The point in time where a bucket begins. */
static void
add_timestamp(Sql *sql, const Card *card)
{
	sql_bigint(sql, card->from_ts);
	sql_add(sql, " + p.bucket * ");
	sql_bigint(sql, card_step(card, false));
}

/* ---- charts ------------------------------------------------------------------------------------------------------ */

/* A list of points, the series side by side. */
void
add_timeseries_chart(Sql *sql, Card *card)
{
	sql_add(sql, "SELECT coalesce(jsonb_agg(jsonb_build_object('timestamp', ");
	add_timestamp(sql, card);
	sql_add(sql, ") || p.point ORDER BY p.bucket), '[]') FROM (SELECT q.bucket, jsonb_object_agg(q.path[1], q.value) "
				 "AS point FROM (");
	add_points(sql, card, false);
	sql_add(sql, ") AS q GROUP BY 1) AS p");
}

/* {"series": {NAME: {TIMESTAMP: n}}}, broken down. */
void
add_timeseries_tree(Sql *sql, Card *card)
{
	(void) require_series(card);
	sql_add(sql, "WITH node AS (SELECT p.path, jsonb_object_agg(");
	add_timestamp(sql, card);
	sql_add(sql, ", p.value) AS leaf, sum(p.value) AS size FROM (");
	add_points(sql, card, false);
	sql_add(sql, ") AS p GROUP BY p.path)");
	add_series_tree(sql, card);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static void
add_row_order(Sql *sql, const Card *card)
{
	sql_add(sql, " ORDER BY array_position(ARRAY[");
	for (int i = 0; i < card->nseries; i++)
	{
		sql_add(sql, "%s", i > 0 ? ", " : "");
		sql_text(sql, card->series[i].name);
	}
	sql_add(sql, "]::text[], p.path[1]), p.path COLLATE \"C\", p.bucket");
}

/* timeseries(project_id integer, card jsonb) */
Datum
openreplay_timeseries(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	check_card_type(card, "timeseries");
	if (card->nseries == 0)
		return (Datum) 0;
	plan_by_month(sql, card);
	sql_add(sql, "SELECT p.path[1], p.path[2:], ");
	add_timestamp(sql, card);
	sql_add(sql, ", p.value FROM (");
	add_points(sql, card, false);
	sql_add(sql, ") AS p");
	add_row_order(sql, card);
	return sql_return_rows(sql, fcinfo);
}

/* The same card, of a range as long, up to where its own begins. */
static Card *
card_before(const Card *card)
{
	Card *before = palloc(sizeof(Card));

	*before = *card;
	before->from_ts = card->from_ts - (card->to_ts - card->from_ts);
	before->to_ts = card->from_ts;
	before->series = palloc(card->nseries * sizeof(CardSeries));
	for (int i = 0; i < card->nseries; i++)
	{
		Filter *filter = palloc(sizeof(Filter));

		*filter = *card->series[i].filter;
		set_filter_range(filter, before->from_ts, before->to_ts, true);
		before->series[i] = card->series[i];
		before->series[i].filter = filter;
	}
	return before;
}

static void
add_comparison(Sql *sql, const Card *card, const Card *before, bool whole)
{
	sql_add(sql,
			"SELECT coalesce(n.path, o.path) AS path, coalesce(n.bucket, o.bucket) AS bucket, coalesce(n.value, 0) "
			"AS value, coalesce(o.value, 0) AS previous FROM (");
	add_points(sql, card, whole);
	sql_add(sql, ") AS n FULL JOIN (");
	add_points(sql, before, whole);
	sql_add(sql, ") AS o ON o.path = n.path AND coalesce(o.bucket, -1) = coalesce(n.bucket, -1)");
}

/* compare_timeseries(project_id integer, card jsonb) */
Datum
openreplay_compare_timeseries(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card;
	Card *before;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	check_card_type(card, "timeseries");
	if (card->nseries == 0)
		return (Datum) 0;
	plan_by_month(sql, card);
	before = card_before(card);
	sql_add(sql, "SELECT p.path[1], p.path[2:], ");
	add_timestamp(sql, card);
	sql_add(sql, ", p.value, p.previous, openreplay.progress(p.previous, p.value) FROM (");
	add_comparison(sql, card, before, true);
	sql_add(sql, " UNION ALL ");
	add_comparison(sql, card, before, false);
	sql_add(sql, ") AS p");
	add_row_order(sql, card);
	return sql_return_rows(sql, fcinfo);
}
