/*
 * insights.c - what goes wrong more, or less, than in the period before
 *
 * A category is a kind of events and what names them.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "metrics/card.h"
#include "metrics/parse.h"

PG_FUNCTION_INFO_V1(openreplay_insights);

#define TOP_NAMES 10

static const struct
{
	const char *name;
	FilterKind kind;
	const char *label;
	const char *condition;
} categories[] = {
	{"errors", EVENTS_ERRORS, "left(concat_ws(': ', d.name, d.message), 300)", "d.source = 'js_exception'"},
	{"network", EVENTS_REQUESTS, "coalesce(e.host, '')", "NOT e.success"},
	{"rage", EVENTS_ISSUES, "left(d.context_string, 300)", "d.type = 'click_rage'"},
	{"resources", EVENTS_ISSUES, "d.type::text",
	 "d.type IN ('cpu', 'memory', 'missing_resource', 'slow_page_load', 'slow_resource')"},
};

static bool
is_wanted(const Card *card, const char *category)
{
	for (int i = 0; i < card->nvalues; i++)
		if (strcmp(card->values[i], category) == 0)
			return true;
	return card->nvalues == 0;
}

static void
check_categories(const Card *card)
{
	for (int i = 0; i < card->nvalues; i++)
	{
		bool known = false;

		for (int j = 0; j < lengthof(categories); j++)
			known = known || strcmp(card->values[i], categories[j].name) == 0;
		if (!known)
			refuse_filter(psprintf("there is no category \"%s\"", shorten(card->values[i])),
						  "Categories are errors, network, rage and resources.");
	}
}

/* Rows (name, n) of a category, of the sessions of the first series that began in a range. */
static void
add_category(Sql *sql, const Card *card, int category, int64 from_ts, int64 to_ts)
{
	Filter filter = *first_filter(card);

	filter.population = FILTER_COUNTED;
	set_filter_range(&filter, from_ts, to_ts, true);
	sql_add(sql, "SELECT %s AS name, count(*) AS n FROM ", categories[category].label);
	add_sessions(sql, &filter, false);
	sql_add(sql, " JOIN ");
	add_events(sql, categories[category].kind);
	sql_add(sql, " ON e.session_id = s.session_id WHERE ");
	add_sessions_where(sql, &filter);
	sql_add(sql, " AND ");
	add_event_where(sql, &filter, &(FilterEvent){.kind = categories[category].kind});
	sql_add(sql, " AND %s GROUP BY 1", categories[category].condition);
}

/* Rows (place, category, name, value, old_value, ratio, change), of each category the names with the most. */
static void
add_insights(Sql *sql, const Card *card)
{
	int64 length = card->to_ts - card->from_ts;
	bool first = true;

	check_categories(card);
	for (int i = 0; i < lengthof(categories); i++)
	{
		if (!is_wanted(card, categories[i].name))
			continue;
		sql_add(sql,
				"%s(SELECT %d AS place, '%s'::text AS category, n.name, n.n AS value, coalesce(o.n, 0) AS old_value, "
				"100 * n.n::float8 / n.total::float8 AS ratio, 100 * (n.n - o.n)::float8 / o.n AS change FROM "
				"(SELECT x.*, sum(x.n) OVER () AS total FROM (",
				first ? "" : " UNION ALL ", i, categories[i].name);
		add_category(sql, card, i, card->from_ts, card->to_ts);
		sql_add(sql, ") AS x ORDER BY x.n DESC, x.name LIMIT %d) AS n LEFT JOIN (", TOP_NAMES);
		add_category(sql, card, i, card->from_ts - length, card->from_ts);
		sql_add(sql, ") AS o ON o.name = n.name)");
		first = false;
	}
}

void
add_insights_chart(Sql *sql, Card *card)
{
	sql_add(sql,
			"SELECT coalesce(jsonb_agg(jsonb_build_object('category', i.category, 'name', i.name, 'value', i.value, "
			"'oldValue', i.old_value, 'ratio', i.ratio, 'change', i.change, 'isNew', i.old_value = 0) "
			"ORDER BY i.place, i.value DESC, i.name), '[]') FROM (");
	add_insights(sql, card);
	sql_add(sql, ") AS i");
}

/* insights(project_id integer, card jsonb) */
Datum
openreplay_insights(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	plan_by_month(sql, card);
	sql_add(sql, "SELECT i.category, i.name, i.value, i.old_value, i.ratio, i.change FROM (");
	add_insights(sql, card);
	sql_add(sql, ") AS i ORDER BY i.place, i.value DESC, i.name");
	return sql_return_rows(sql, fcinfo);
}
