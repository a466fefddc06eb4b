/*
 * tables.c - which values are most frequent: browsers, countries, pages, requests, kinds of issues
 *
 * Owns what can be listed, the order of values and the pages of a list.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "metrics/counting.h"
#include "metrics/parse.h"

PG_FUNCTION_INFO_V1(openreplay_table_values);

static const EventRows pages = {.kinds = 1 << EVENTS_PAGES, .by_path = true, .key = "e.path"};
static const EventRows requests = {.kinds = 1 << EVENTS_REQUESTS, .by_path = true, .key = "e.path"};

typedef struct ValueList
{
	int generation; /* 0: either */
	const char *metric;
	const char *key;
	const char *joins;
	const char *condition;
	const EventRows *events;
} ValueList;

static const ValueList lists[] = {
	{0, "userId", .key = "s.user_id"},
	{0, "userBrowser", .key = "s.user_browser"},
	{0, "userDevice", .key = "s.user_device"},
	{0, "userCountry", .key = "s.user_country::text"},
	{0, "userOs", .key = "s.user_os"},
	{FILTER_GENERATION_FIRST, "referrer", .key = "s.referrer", .condition = "s.base_referrer IS NOT NULL"},
	{FILTER_GENERATION_SECOND, "referrer", .key = "s.referrer"},
	{0, "issue", .key = "k.kind", .joins = " CROSS JOIN LATERAL unnest(s.issue_types::text[]) AS k (kind)"},
	{FILTER_GENERATION_FIRST, "location", .key = "x.key", .events = &pages},
	{FILTER_GENERATION_FIRST, "fetch", .key = "x.key", .events = &requests},
	{FILTER_GENERATION_SECOND, "LOCATION", .key = "x.key", .condition = "x.key <> ''", .events = &pages},
	{FILTER_GENERATION_SECOND, "REQUEST", .key = "x.key", .condition = "x.key <> ''", .events = &requests},
};

static const ValueList *
find_list(const Card *card)
{
	for (int i = 0; i < lengthof(lists); i++)
		if ((lists[i].generation == 0 || lists[i].generation == card->generation) &&
			strcmp(lists[i].metric, card->type->metric) == 0)
			return &lists[i];
	return NULL;
}

static CountWhat
counted_things(const Card *card, const ValueList *list)
{
	switch (card->format)
	{
		case CARD_USERS:
			return COUNT_USERS;
		case CARD_EVENTS:
			return list->events != NULL ? COUNT_EVENTS : COUNT_SESSIONS_EVENTS;
		default:
			return COUNT_SESSIONS;
	}
}

/* In the second generation a table has the name of its card. */
static const char *
table_name(const Card *card, const CardSeries *series)
{
	if (card->generation == FILTER_GENERATION_FIRST)
		return series->name;
	return card->name[0] != '\0' ? card->name : card->type->metric;
}

/* Rows (path, key, value, place) of one series, of all places; a key that is NULL in one generation is '' in the other.
 */
static void
add_ranks(Sql *sql, const Card *card, const CardSeries *series)
{
	const ValueList *list = find_list(card);
	const char *key = list->key;

	for (int i = 0; i < card->nvalues; i++)
		if (!is_issue_type(card->values[i]))
			refuse_filter(psprintf("metricValue \"%s\" is not a kind of issue", shorten(card->values[i])),
						  "SELECT type FROM openreplay.issue_types() lists them.");
	if (card->generation == FILTER_GENERATION_SECOND && list->events == NULL)
		key = psprintf("coalesce(%s, '')", key);
	sql_add(sql, "SELECT c.path, c.key, c.value, row_number() OVER (PARTITION BY c.path ORDER BY c.value DESC, c.key "
				 "COLLATE \"C\") AS place FROM ");
	add_counts(sql, &(Counting){.card = card,
								.series = series,
								.name = table_name(card, series),
								.what = counted_things(card, list),
								.key = key,
								.joins = list->joins,
								.condition = list->condition,
								.nvalues = card->nvalues,
								.values = card->values,
								.events = list->events});
	sql_add(sql, " AS c");
}

/* Rows (path, leaf, size): a page of values for each path, in an envelope whose members the generations call otherwise.
 */
static void
add_pages(Sql *sql, const Card *card, const CardSeries *series)
{
	bool first = card->generation == FILTER_GENERATION_FIRST;
	bool with_users = first && card->format == CARD_USERS;

	sql_add(sql,
			"SELECT r.path, jsonb_build_object('%s', count(*), '%s', sum(r.value), 'values', "
			"coalesce(jsonb_agg(jsonb_build_object('name', r.key, 'total', r.value%s) ORDER BY r.place) FILTER (WHERE ",
			first ? "count" : "total", first ? "total" : "count", with_users ? ", 'userCount', r.value" : "");
	add_page_condition(sql, card);
	sql_add(sql, "), '[]')) AS leaf, sum(r.value) AS size FROM (");
	add_ranks(sql, card, series);
	sql_add(sql, ") AS r GROUP BY r.path");
}

/* A list of tables, one a series. */
void
add_tables_chart(Sql *sql, Card *card)
{
	sql_add(sql, "SELECT jsonb_build_array(");
	for (int i = 0; i < card->nseries; i++)
	{
		sql_add(sql, "%scoalesce((SELECT leaf FROM (", i > 0 ? ", " : "");
		add_pages(sql, card, &card->series[i]);
		sql_add(sql, ") AS t), '{\"count\": 0, \"total\": 0, \"values\": []}')");
	}
	sql_add(sql, ")");
}

/* {"series": {NAME: {"total", "count", "values"}}}, broken down. */
void
add_table_tree(Sql *sql, Card *card)
{
	const CardSeries *series = require_series(card);

	sql_add(sql, "WITH page AS (");
	add_pages(sql, card, series);
	sql_add(sql, "), node AS (SELECT path, leaf, size FROM page UNION ALL SELECT ARRAY[");
	sql_text(sql, table_name(card, series));
	sql_add(sql, "], '{\"total\": 0, \"count\": 0, \"values\": []}', 0 WHERE NOT EXISTS (SELECT FROM page))");
	add_series_tree(sql, card);
}

/* table_values(project_id integer, card jsonb) */
Datum
openreplay_table_values(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	check_card_type(card, "table");
	if (card->nseries == 0)
		return (Datum) 0;
	plan_by_month(sql, card);
	if (find_list(card) == NULL)
		refuse_filter(psprintf("a table of %s is no list of values", card->type->metric), NULL);
	for (int i = 0; i < card->nseries; i++)
	{
		sql_add(sql, "%sSELECT %d AS n, r.path, r.place, r.key::text, r.value FROM (",
				i > 0 ? " UNION ALL " : "SELECT t.path[1], t.path[2:], t.place, t.key, t.value FROM (", i);
		add_ranks(sql, card, &card->series[i]);
		sql_add(sql, ") AS r WHERE ");
		add_page_condition(sql, card);
	}
	sql_add(sql, ") AS t ORDER BY t.n, t.path COLLATE \"C\", t.place");
	return sql_return_rows(sql, fcinfo);
}
