/*
 * users.c - users that come back, and those that do not
 *
 * Days and weeks are those of UTC; weeks begin on Monday.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "metrics/members.h"
#include "metrics/parse.h"
#include "metrics/users.h"

PG_FUNCTION_INFO_V1(openreplay_retention);
PG_FUNCTION_INFO_V1(openreplay_stickiness);
PG_FUNCTION_INFO_V1(openreplay_users_active);
PG_FUNCTION_INFO_V1(openreplay_users_slipping);

#define WEEK_MS (7 * DAY_MS)
#define MONDAY_MS (4 * DAY_MS) /* the first one after the epoch */
#define WEEKS 10
#define MAX_BUCKETS 10000

/* ---- who --------------------------------------------------------------------------------------------------------- */

Filter *
filter_of_users(const Card *card, int64 from_ts, int64 to_ts)
{
	Filter *filter = palloc(sizeof(Filter));

	*filter = *first_filter(card);
	filter->population = FILTER_COUNTED;
	set_filter_range(filter, from_ts, to_ts, true);
	return filter;
}

void
add_sessions_of_users(Sql *sql, const Filter *filter)
{
	add_sessions(sql, filter, false);
	sql_add(sql, " WHERE s.user_id <> '' AND ");
	add_sessions_where(sql, filter);
}

/* The beginning of the day or week of a moment. */
static int64
beginning(int64 moment, int64 length, int64 first)
{
	int64 past = (moment - first) % length;

	return moment - (past < 0 ? past + length : past);
}

/* ---- retention --------------------------------------------------------------------------------------------------- */

/*
 * Rows (first_week, week, users, share): of the users who were first seen in a week, from 0 on, how many were there so
 * many weeks later, and that in percent.  Week 0 is that of the range's start; whoever was seen before it is not
 * counted.
 */
static void
add_cohorts(Sql *sql, const Card *card, int first_weeks)
{
	int64 from_ts = beginning(card->from_ts, WEEK_MS, MONDAY_MS);

	/* no joins: whoever was there before has week -1 among his, and users are counted as they are grouped */
	sql_add(sql, "WITH activity AS (SELECT DISTINCT s.user_id, (s.start_ts - ");
	sql_bigint(sql, from_ts);
	sql_add(sql, ") / ");
	sql_bigint(sql, WEEK_MS);
	sql_add(sql, " AS week FROM ");
	add_sessions_of_users(sql, filter_of_users(card, from_ts, from_ts + WEEKS * WEEK_MS));
	sql_add(sql, " UNION ALL SELECT DISTINCT s.user_id, -1 FROM ");
	add_sessions_of_users(sql, filter_of_users(card, PG_INT64_MIN, from_ts));
	sql_add(
		sql,
		"), newcomer AS (SELECT a.user_id, min(a.week) AS first_week, array_agg(a.week) AS weeks FROM activity a "
		"GROUP BY 1 HAVING min(a.week) BETWEEN 0 AND %d), "
		"seen AS (SELECT n.first_week, w.n - n.first_week AS week, count(*) AS users FROM newcomer n, "
		"unnest(n.weeks) AS w (n) GROUP BY 1, 2) "
		"SELECT f.n AS first_week, w.n AS week, coalesce(s.users, 0) AS users, coalesce(100 * s.users::float8 / "
		"z.users, 0) AS share FROM generate_series(0, %d) AS f (n) CROSS JOIN LATERAL generate_series(0, %d - f.n) AS "
		"w (n) LEFT JOIN seen s ON s.first_week = f.n AND s.week = w.n LEFT JOIN seen z ON z.first_week = f.n AND "
		"z.week = 0",
		first_weeks - 1, first_weeks - 1, WEEKS - 1);
}

static void
add_week_time(Sql *sql, const Card *card, const char *week)
{
	sql_bigint(sql, beginning(card->from_ts, WEEK_MS, MONDAY_MS));
	sql_add(sql, " + %s * ", week);
	sql_bigint(sql, WEEK_MS);
}

void
add_retention_chart(Sql *sql, Card *card)
{
	sql_add(sql, "SELECT jsonb_build_object('startTimestamp', ");
	add_week_time(sql, card, "0");
	sql_add(sql, ", 'chart', jsonb_agg(jsonb_build_object('timestamp', ");
	add_week_time(sql, card, "c.week");
	sql_add(sql, ", 'week', c.week, 'usersCount', c.users, 'percentage', c.share) ORDER BY c.week)) FROM (");
	add_cohorts(sql, card, 1);
	sql_add(sql, ") AS c");
}

void
add_acquisition_chart(Sql *sql, Card *card)
{
	sql_add(sql, "SELECT jsonb_build_object('startTimestamp', ");
	add_week_time(sql, card, "0");
	sql_add(sql, ", 'chart', jsonb_agg(jsonb_build_object('timestamp', ");
	add_week_time(sql, card, "f.first_week");
	sql_add(
		sql,
		", 'week', f.first_week, 'usersCount', f.users, 'chart', f.weeks) ORDER BY f.first_week)) FROM (SELECT "
		"c.first_week, max(c.users) FILTER (WHERE c.week = 0) AS users, jsonb_agg(jsonb_build_object('week', c.week, "
		"'usersCount', c.users, 'percentage', c.share) ORDER BY c.week) AS weeks FROM (");
	add_cohorts(sql, card, WEEKS);
	sql_add(sql, ") AS c GROUP BY 1) AS f");
}

/* retention(project_id integer, card jsonb) */
Datum
openreplay_retention(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	plan_by_month(sql, card);
	sql_add(sql, "SELECT ");
	add_week_time(sql, card, "c.first_week");
	sql_add(sql, ", c.week, c.users, c.share FROM (");
	add_cohorts(sql, card, WEEKS);
	sql_add(sql, ") AS c ORDER BY c.first_week, c.week");
	return sql_return_rows(sql, fcinfo);
}

/* ---- stickiness -------------------------------------------------------------------------------------------------- */

/* Rows (days, users, share): how many users were active on so many days of the range, in percent of all. */
static void
add_active_days(Sql *sql, const Card *card)
{
	sql_add(sql, "WITH day AS (SELECT DISTINCT s.user_id, s.start_ts / ");
	sql_bigint(sql, DAY_MS);
	sql_add(sql, " AS day FROM ");
	add_sessions_of_users(sql, filter_of_users(card, card->from_ts, card->to_ts));
	sql_add(
		sql,
		"), sticky AS (SELECT x.days, count(*) AS users FROM (SELECT user_id, count(*) AS days FROM day GROUP BY 1) AS "
		"x "
		"GROUP BY 1) SELECT d.n AS days, coalesce(s.users, 0) AS users, coalesce(100 * s.users::float8 / "
		"(SELECT sum(users) FROM sticky)::float8, 0) AS share FROM generate_series(1, (SELECT max(days) FROM sticky)) "
		"AS d (n) LEFT JOIN sticky s ON s.days = d.n");
}

void
add_stickiness_chart(Sql *sql, Card *card)
{
	sql_add(
		sql,
		"SELECT jsonb_build_object('usersCount', coalesce(sum(d.users), 0), 'avg', coalesce(sum(d.days * d.users) / "
		"nullif(sum(d.users), 0)::float8, 0), 'chart', coalesce(jsonb_agg(jsonb_build_object('days', d.days, "
		"'usersCount', d.users, 'percentage', d.share) ORDER BY d.days), '[]')) FROM (");
	add_active_days(sql, card);
	sql_add(sql, ") AS d");
}

/* stickiness(project_id integer, card jsonb) */
Datum
openreplay_stickiness(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	plan_by_month(sql, card);
	sql_add(sql, "SELECT d.days, d.users, d.share FROM (");
	add_active_days(sql, card);
	sql_add(sql, ") AS d ORDER BY d.days");
	return sql_return_rows(sql, fcinfo);
}

/* ---- who is there, who is not any more --------------------------------------------------------------------------- */

/* users_active(project_id integer, card jsonb) */
Datum
openreplay_users_active(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	char *granularity;
	int64 length = DAY_MS;
	int64 first;
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	plan_by_month(sql, card);
	granularity = get_text(card->root, "granularity", NULL);
	if (granularity != NULL && strcmp(granularity, "week") == 0)
		length = WEEK_MS;
	else if (granularity != NULL && strcmp(granularity, "day") != 0)
		refuse_filter(psprintf("granularity cannot be \"%s\"", shorten(granularity)), "It is day or week.");
	first = beginning(card->from_ts, length, MONDAY_MS);
	if ((card->to_ts - first) / length >= MAX_BUCKETS)
		refuse_filter("the range has too many days or weeks", psprintf("At most %d are allowed.", MAX_BUCKETS));

	sql_add(sql, "SELECT t.t, coalesce(a.users, 0) FROM generate_series(");
	sql_bigint(sql, first);
	sql_add(sql, ", ");
	sql_bigint(sql, Max(card->to_ts - 1, first));
	sql_add(sql, ", ");
	sql_bigint(sql, length);
	sql_add(sql, ") AS t (t) LEFT JOIN (SELECT x.n, count(*) AS users FROM (SELECT DISTINCT s.user_id, (s.start_ts - ");
	sql_bigint(sql, first);
	sql_add(sql, ") / ");
	sql_bigint(sql, length);
	sql_add(sql, " AS n FROM ");
	add_sessions_of_users(sql, filter_of_users(card, card->from_ts, card->to_ts));
	sql_add(sql, ") AS x GROUP BY 1) AS a ON a.n = (t.t - ");
	sql_bigint(sql, first);
	sql_add(sql, ") / ");
	sql_bigint(sql, length);
	sql_add(sql, " ORDER BY 1");
	return sql_return_rows(sql, fcinfo);
}

/* users_slipping(project_id integer, card jsonb) */
Datum
openreplay_users_slipping(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	plan_by_month(sql, card);
	sql_add(sql, "SELECT s.user_id, max(s.start_ts), count(*) FROM ");
	add_sessions_of_users(sql, filter_of_users(card, card->from_ts, card->to_ts));
	sql_add(sql, " GROUP BY 1 HAVING max(s.start_ts) < ");
	sql_bigint(sql, card->to_ts - WEEK_MS);
	sql_add(sql, " ORDER BY 2 DESC, 1 LIMIT ");
	sql_bigint(sql, card->limit);
	sql_add(sql, " OFFSET ");
	sql_bigint(sql, (int64) (card->page - 1) * card->limit);
	return sql_return_rows(sql, fcinfo);
}
