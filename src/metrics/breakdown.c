/*
 * breakdown.c - a card's numbers by country, browser, path and so on, one inside the other
 *
 * Owns what values there are, which of a node's children are shown, and the nesting of the answer.  The hard idea: a
 * session may fall under several values, so that no level is the sum of the one below; each is counted by itself.
 */
#include "postgres.h"

#include "metrics/breakdown.h"
#include "metrics/parse.h"

#define MAX_CHILDREN 1000

typedef enum BreakdownSource
{
	BREAKDOWN_SESSION,
	BREAKDOWN_ISSUES,
	BREAKDOWN_EVENT
} BreakdownSource;

typedef struct BreakdownKey
{
	const char *name;
	BreakdownSource source;
	const char *expression;
} BreakdownKey;

static const BreakdownKey keys[] = {
#define BREAKDOWN(name, source, expression) {name, BREAKDOWN_##source, expression},
#include "metrics/breakdowns.list.h"
#undef BREAKDOWN
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

static const BreakdownKey *
find_breakdown(const char *name)
{
	for (int i = 0; i < lengthof(keys); i++)
		if (same_filter_name(keys[i].name, name))
			return &keys[i];
	return NULL;
}

void
check_breakdown(const char *name)
{
	StringInfoData list;

	if (find_breakdown(name) != NULL)
		return;
	initStringInfo(&list);
	for (int i = 0; i < lengthof(keys); i++)
		appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", keys[i].name);
	refuse_filter(psprintf("nothing can be broken down by \"%s\"", shorten(name)),
				  psprintf("It is one of %s.", list.data));
}

static bool
has_source(const Card *card, int levels, BreakdownSource source)
{
	for (int i = 0; i < levels; i++)
		if (find_breakdown(card->breakdowns[i])->source == source)
			return true;
	return false;
}

bool
breakdown_multiplies(const Card *card, int levels)
{
	return has_source(card, levels, BREAKDOWN_ISSUES) || has_source(card, levels, BREAKDOWN_EVENT);
}

bool
breakdown_of_events(const Card *card, int levels)
{
	return has_source(card, levels, BREAKDOWN_EVENT);
}

/* Kinds of events that have one of the properties. */
static uint32
breakdown_kinds(const Card *card)
{
	uint32 kinds = 0;

	for (int i = 0; i < card->nbreakdowns; i++)
	{
		const BreakdownKey *key = find_breakdown(card->breakdowns[i]);

		for (int kind = 0; kind < EVENTS_KINDS && key->source == BREAKDOWN_EVENT; kind++)
			if (find_filter_property(kind, key->expression) != NULL)
				kinds |= (uint32) 1 << kind;
	}
	return kinds;
}

void
add_breakdown_joins(Sql *sql, const Card *card, const Filter *filter, int levels, bool with_events)
{
	if (with_events && has_source(card, levels, BREAKDOWN_EVENT))
	{
		sql_add(sql, " LEFT JOIN (");
		add_event_rows(sql, card, filter, &(EventRows){.kinds = breakdown_kinds(card)});
		sql_add(sql, ") AS x ON x.session_id = s.session_id");
	}
	if (has_source(card, levels, BREAKDOWN_ISSUES))
		sql_add(sql, " LEFT JOIN LATERAL unnest(s.issue_types) AS i (issue_type) ON true");
}

void
add_breakdown_columns(Sql *sql, const Card *card, int levels)
{
	for (int i = 0; i < levels; i++)
	{
		const BreakdownKey *key = find_breakdown(card->breakdowns[i]);
		const char *expression = key->source == BREAKDOWN_EVENT ? psprintf("x.v%d", i + 1) : key->expression;

		sql_add(sql, ", coalesce(nullif(%s, ''), '(empty)') AS b%d", expression, i + 1);
	}
}

void
add_breakdown_names(Sql *sql, int levels)
{
	for (int i = 0; i < levels; i++)
		sql_add(sql, ", b%d", i + 1);
}

void
add_breakdown_path(Sql *sql, const char *series, int levels)
{
	sql_add(sql, "ARRAY[");
	sql_text(sql, series);
	add_breakdown_names(sql, levels);
	sql_add(sql, "]");
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void
add_event_values(Sql *sql, const Card *card, FilterKind kind)
{
	for (int i = 0; i < card->nbreakdowns; i++)
	{
		const BreakdownKey *key = find_breakdown(card->breakdowns[i]);
		const FilterProperty *property = NULL;

		if (key->source == BREAKDOWN_EVENT)
			property = find_filter_property(kind, key->expression);
		if (property == NULL)
			sql_add(sql, ", NULL::text AS v%d", i + 1);
		else
			sql_add(sql, ", (%s)::text AS v%d", property->expression, i + 1);
	}
}

/* An item without what does not bear on the path; without conditions, if nothing does. */
static FilterEvent
path_conditions(const FilterEvent *item)
{
	FilterEvent left = {.name = item->name, .kind = item->kind, .any = item->any, .negated = item->negated};

	left.conditions = palloc(Max(item->nconditions, 1) * sizeof(FilterCondition));
	for (int i = 0; i < item->nconditions; i++)
		if (item->conditions[i].expression != NULL && strcmp(item->conditions[i].expression, "e.path") == 0)
			left.conditions[left.nconditions++] = item->conditions[i];
	/* one of several was enough, so that of the path need not hold */
	if (item->any && left.nconditions < item->nconditions)
		left.nconditions = 0;
	return left;
}

/* The items that events of a kind are chosen by; returns how many. */
static int
choose_items(const Filter *filter, const EventRows *rows, FilterKind kind, FilterEvent *items)
{
	int n = 0;

	for (int i = 0; i < filter->nevents; i++)
	{
		FilterEvent item = filter->events[i];

		if (item.kind != kind)
			continue;
		if (rows->by_path)
			item = path_conditions(&item);
		if (rows->by_path ? item.nconditions > 0 : !item.negated)
			items[n++] = item;
	}
	return n;
}

static void
add_one_kind(Sql *sql, const Card *card, const Filter *filter, const EventRows *rows, FilterKind kind,
			 const FilterEvent *items, int nitems)
{
	bool with_session = false;

	for (int i = 0; i < nitems; i++)
		with_session = with_session || asks_session(&items[i]);
	sql_add(sql, "SELECT e.session_id, e.\"timestamp\"");
	if (rows->key != NULL)
		sql_add(sql, ", %s AS key", rows->key);
	add_event_values(sql, card, kind);
	sql_add(sql, " FROM ");
	add_events(sql, kind);
	if (with_session)
		sql_add(sql, " JOIN public.sessions s ON s.session_id = e.session_id");
	sql_add(sql, " WHERE ");
	/* what bounds all of them stands by itself, so that months are left out by it */
	if (nitems != 1 || items[0].negated)
		add_event_where(sql, filter, &(FilterEvent){.kind = kind});
	for (int i = 0; i < nitems; i++)
	{
		if (nitems > 1 || items[0].negated)
			sql_add(sql, "%s%s(", i == 0 ? " AND (" : " OR ", items[i].negated ? "NOT " : "");
		add_event_where(sql, filter, &items[i]);
		if (nitems > 1 || items[0].negated)
			sql_add(sql, "%s", i == nitems - 1 ? "))" : ")");
	}
}

void
add_event_rows(Sql *sql, const Card *card, const Filter *filter, const EventRows *rows)
{
	FilterEvent *items = palloc(Max(filter->nevents, 1) * sizeof(FilterEvent));
	bool by_items = false;
	bool first = true;

	for (int i = 0; i < filter->nevents && !rows->by_path; i++)
		by_items = by_items || !filter->events[i].negated;
	for (int kind = 0; kind < EVENTS_KINDS; kind++)
	{
		int nitems = choose_items(filter, rows, kind, items);

		if (by_items ? nitems == 0 : (rows->kinds & ((uint32) 1 << kind)) == 0)
			continue;
		sql_add(sql, "%s", first ? "" : " UNION ALL ");
		add_one_kind(sql, card, filter, rows, kind, items, nitems);
		first = false;
	}
}

/* Whether nothing but the path is asked of an item. */
static bool
is_of_path(const FilterEvent *item)
{
	return item->fixed == NULL && item->custom_name == NULL && item->metric == NULL && item->nsources == 0 &&
		   item->nconditions > 0 && path_conditions(item).nconditions == item->nconditions;
}

bool
event_rows_suffice(const Filter *filter, const EventRows *rows)
{
	for (int i = 0; i < filter->nconditions; i++)
		if (filter->conditions[i].nsources > 0) /* wants to know when the events were */
			return false;
	for (int i = 0; i < filter->nevents; i++)
		if (filter->events[i].negated)
			return false;
	if (rows->by_path)
		return filter->nevents == 1 && (rows->kinds & ((uint32) 1 << filter->events[0].kind)) != 0 &&
			   is_of_path(&filter->events[0]);
	return filter->nevents == 1 || (filter->nevents > 1 && filter->order == FILTER_OR);
}

/* ---- the tree ---------------------------------------------------------------------------------------------------- */

/*
 * How many rows there are no planner knows, so nothing is joined here: places are told by windows, and parents meet
 * their children by being grouped with them.
 */
void
add_kept_nodes(Sql *sql, const char *cte, int levels)
{
	if (levels == 1)
	{
		sql_add(sql, "SELECT * FROM %s", cte);
		return;
	}
	sql_add(sql, "SELECT * FROM (SELECT *");
	for (int level = 2; level <= levels; level++)
		sql_add(sql, ", max(place) FILTER (WHERE cardinality(path) = %d) OVER (PARTITION BY path[:%d]) AS place%d",
				level, level, level);
	sql_add(sql,
			" FROM (SELECT *, row_number() OVER (PARTITION BY cardinality(path), path[:cardinality(path) - 1] ORDER BY "
			"size "
			"DESC, path COLLATE \"C\") AS place FROM %s) AS n) AS n WHERE true",
			cte);
	for (int level = 2; level <= levels; level++)
		sql_add(sql, " AND coalesce(place%d, 1) <= %d", level, MAX_CHILDREN);
}

void
add_series_tree(Sql *sql, const Card *card)
{
	int levels = card->nbreakdowns + 1;

	sql_add(sql, ", kept AS (");
	add_kept_nodes(sql, "node", levels);
	sql_add(sql, "), tree%d AS (SELECT path, leaf AS tree FROM kept WHERE cardinality(path) = %d)", levels, levels);
	for (int level = levels - 1; level >= 1; level--)
		sql_add(
			sql,
			", tree%d AS (SELECT path, coalesce(jsonb_object_agg(child, part) FILTER (WHERE child IS NOT NULL), '{}') "
			"|| jsonb_build_object('$overall', (array_agg(part) FILTER (WHERE child IS NULL))[1]) AS tree FROM (SELECT "
			"path, NULL::text AS child, leaf AS part FROM kept WHERE cardinality(path) = %d UNION ALL SELECT "
			"path[:%d], "
			"path[%d], tree FROM tree%d) AS p GROUP BY path)",
			level, level, level, level + 1, level + 1);
	sql_add(sql, " SELECT jsonb_build_object('series', coalesce(jsonb_object_agg(path[1], tree), '{}')) FROM tree1");
}
