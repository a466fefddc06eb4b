/*
 * timeseries.c - sessions, users and events over time
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "metrics/card.h"

PG_FUNCTION_INFO_V1(openreplay_timeseries);

/*
 * Rows (series, name, bucket, value) of the buckets that have any; bucket is the number of the bucket from 0 on.  The
 * last one includes the range's end, which is a bucket of its own for a client.
 */
static void
add_counts(Sql *sql, const Card *card)
{
	bool users = strcmp(card->type->metric, "userCount") == 0;

	for (int i = 0; i < card->nseries; i++)
	{
		const CardSeries *series = &card->series[i];

		sql_add(sql, "%sSELECT %d AS series, (s.start_ts - ", i > 0 ? " UNION ALL " : "", i);
		sql_bigint(sql, card->from_ts);
		sql_add(sql, ") / ");
		sql_bigint(sql, card_step(card, false));
		sql_add(sql, " AS bucket, %s AS value FROM ", users ? "count(DISTINCT nullif(s.user_id, ''))" : "count(*)");
		add_sessions(sql, series->filter, false);
		sql_add(sql, " WHERE ");
		add_sessions_where(sql, series->filter);
		sql_add(sql, " GROUP BY 2");
	}
	if (card->nseries == 0)
		sql_add(sql, "SELECT 0 AS series, 0::bigint AS bucket, 0::bigint AS value WHERE false");
}

/* Rows (series, name, timestamp, value): every bucket of every series. */
static void
add_points(Sql *sql, const Card *card)
{
	int64 step = card_step(card, false);

	sql_add(sql, "SELECT n.series, n.name, ");
	sql_bigint(sql, card->from_ts);
	sql_add(sql, " + b.bucket * ");
	sql_bigint(sql, step);
	sql_add(sql, " AS \"timestamp\", coalesce(c.value, 0) AS value FROM (VALUES (-1, NULL::text)");
	for (int i = 0; i < card->nseries; i++)
	{
		sql_add(sql, ", (%d, ", i);
		sql_text(sql, card->series[i].name);
		sql_add(sql, ")");
	}
	sql_add(sql, ") AS n (series, name) CROSS JOIN generate_series(0::bigint, ");
	sql_bigint(sql, (card->to_ts - card->from_ts) / step);
	sql_add(sql, ") AS b (bucket) LEFT JOIN (");
	add_counts(sql, card);
	sql_add(sql, ") AS c ON c.series = n.series AND c.bucket = b.bucket WHERE n.series >= 0");
}

void
add_timeseries_chart(Sql *sql, Card *card)
{
	sql_add(sql,
			"SELECT coalesce(jsonb_agg(jsonb_build_object('timestamp', p.\"timestamp\") || p.point ORDER BY "
			"p.\"timestamp\"), '[]') FROM (SELECT q.\"timestamp\", jsonb_object_agg(q.name, q.value) AS point FROM (");
	add_points(sql, card);
	sql_add(sql, ") AS q GROUP BY 1) AS p");
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
	sql_add(sql, "SELECT p.name, p.\"timestamp\", p.value FROM (");
	add_points(sql, card);
	sql_add(sql, ") AS p ORDER BY p.series, p.\"timestamp\"");
	SPI_connect();
	sql_return(sql, (ReturnSetInfo *) fcinfo->resultinfo);
	SPI_finish();
	return (Datum) 0;
}
