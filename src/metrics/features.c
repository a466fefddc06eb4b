/*
 * features.c - how much a site's features are used: a feature is an event and its value, such as a button and its label
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "metrics/users.h"

PG_FUNCTION_INFO_V1(openreplay_feature_usage);
PG_FUNCTION_INFO_V1(openreplay_feature_adoption);
PG_FUNCTION_INFO_V1(openreplay_feature_users);

#define TOP_VALUES 7
#define TOP_USERS 10

/* What tells the features of a kind of events apart. */
static const char *const values[EVENTS_KINDS] = {
	[EVENTS_PAGES] = "e.path",		   [EVENTS_CLICKS] = "e.label",	  [EVENTS_INPUTS] = "e.label",
	[EVENTS_CUSTOMS] = "e.name",	   [EVENTS_REQUESTS] = "e.path",  [EVENTS_GRAPHQL] = "e.name",
	[EVENTS_STATE_ACTIONS] = "e.name", [EVENTS_ERRORS] = "d.message", [EVENTS_TAGS] = "e.tag_id::text",
	[EVENTS_ISSUES] = "d.type::text",  [EVENTS_TAPS] = "e.label",	  [EVENTS_MOBILE_INPUTS] = "e.label",
	[EVENTS_SWIPES] = "e.label",	   [EVENTS_VIEWS] = "e.name",	  [EVENTS_CRASHES] = "d.name",
};

static FilterEvent *
positive_events(const Filter *filter, int *n)
{
	FilterEvent *events = palloc(Max(filter->nevents, 1) * sizeof(FilterEvent));

	*n = 0;
	for (int i = 0; i < filter->nevents; i++)
		if (!filter->events[i].negated)
			events[(*n)++] = filter->events[i];
	return events;
}

/* Rows (user_id, session_id) of users, one for each use of what the first series asks for; without, for each session.
 */
static void
add_uses(Sql *sql, const Filter *filter)
{
	int n;
	FilterEvent *events = positive_events(filter, &n);

	sql_add(sql, "SELECT s.user_id, s.session_id FROM ");
	add_sessions(sql, filter, false);
	if (n > 0)
	{
		sql_add(sql, " JOIN (");
		add_steps(sql, filter, events, n);
		sql_add(sql, ") AS u ON u.session_id = s.session_id");
	}
	sql_add(sql, " WHERE s.user_id <> '' AND ");
	add_sessions_where(sql, filter);
}

/*
 * feature_usage(project_id integer, card jsonb): features of the kind of the first series' first event, with its
 * conditions; clicks if it has none
 */
Datum
openreplay_feature_usage(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	FilterEvent any = {.kind = EVENTS_CLICKS};
	FilterEvent *event = &any;
	Filter *filter;
	Card *card;
	int n;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	plan_by_month(sql, card);
	filter = filter_of_users(card, card->from_ts, card->to_ts);
	if (positive_events(filter, &n) != NULL && n > 0 && values[positive_events(filter, &n)->kind] != NULL)
		event = positive_events(filter, &n);
	sql_add(sql, "WITH use AS (SELECT %s AS value, s.user_id, e.session_id, count(*) AS uses FROM ",
			values[event->kind]);
	add_sessions(sql, filter, false);
	sql_add(sql, " JOIN ");
	add_events(sql, event->kind);
	sql_add(sql, " ON e.session_id = s.session_id WHERE s.user_id <> '' AND ");
	add_sessions_where(sql, filter);
	sql_add(sql, " AND ");
	add_event_where(sql, filter, event);
	sql_add(sql, " AND %s <> '' GROUP BY 1, 2, 3), ", values[event->kind]);
	sql_add(
		sql,
		"person AS (SELECT value, user_id, sum(uses) AS uses, count(*) AS sessions FROM use GROUP BY 1, 2), "
		"total AS (SELECT (SELECT count(*) FROM (SELECT DISTINCT user_id FROM person) AS x) AS users, "
		"(SELECT sum(uses) FROM person) AS uses) "
		"SELECT p.value, count(*), 100 * count(*) / t.users::float8, sum(p.uses)::bigint, 100 * sum(p.uses)::float8 / "
		"t.uses::float8, sum(p.uses)::float8 / sum(p.sessions)::float8 FROM person p, total t "
		"GROUP BY p.value, t.users, t.uses ORDER BY 4 DESC, 1 LIMIT %d",
		TOP_VALUES);
	return sql_return_rows(sql, fcinfo);
}

/* feature_adoption(project_id integer, card jsonb) */
Datum
openreplay_feature_adoption(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Filter *everybody;
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	plan_by_month(sql, card);
	everybody = all_sessions(card);
	everybody->population = FILTER_COUNTED;
	set_filter_range(everybody, card->from_ts, card->to_ts, true);
	sql_add(sql, "SELECT f.n, a.n, CASE WHEN a.n > 0 THEN 100 * f.n::float8 / a.n ELSE 0 END FROM "
				 "(SELECT count(*) AS n FROM (SELECT DISTINCT s.user_id FROM ");
	add_sessions_of_users(sql, filter_of_users(card, card->from_ts, card->to_ts));
	sql_add(sql, ") AS x) AS f, (SELECT count(*) AS n FROM (SELECT DISTINCT s.user_id FROM ");
	add_sessions_of_users(sql, everybody);
	sql_add(sql, ") AS x) AS a");
	return sql_return_rows(sql, fcinfo);
}

/* feature_users(project_id integer, card jsonb) */
Datum
openreplay_feature_users(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	plan_by_month(sql, card);
	sql_add(sql, "SELECT u.user_id, sum(u.uses)::bigint, count(*) FROM (SELECT x.user_id, x.session_id, count(*) AS "
				 "uses FROM (");
	add_uses(sql, filter_of_users(card, card->from_ts, card->to_ts));
	sql_add(sql, ") AS x GROUP BY 1, 2) AS u GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %d", TOP_USERS);
	return sql_return_rows(sql, fcinfo);
}
