/*
 * counting.c - sessions, users and events counted by something
 *
 * The hard idea: count(DISTINCT) sorts, and in one process.  Here rows are first made distinct by a hash, which
 * parallel workers share, and then only counted; where nothing can be there twice, not even that.
 */
#include "postgres.h"

#include "metrics/counting.h"
#include "metrics/matching.h"

/* ---- one row a thing that is counted ----------------------------------------------------------------------------- */

static void
add_key(Sql *sql, const Counting *counting)
{
	if (counting->key == NULL)
		sql_add(sql, "NULL::bigint");
	else if (counting->step == 0)
		sql_add(sql, "%s", counting->key);
	else
	{
		sql_add(sql, "(%s - ", counting->key);
		sql_bigint(sql, counting->series->filter->from_ts);
		sql_add(sql, ") / ");
		sql_bigint(sql, counting->step);
	}
}

/* Whether one session may be several rows of a key, of some level. */
static bool
is_repeated(const Counting *counting, int levels)
{
	return counting->events != NULL || breakdown_multiplies(counting->card, levels);
}

/* What makes rows of a key distinct; NULL: they are. */
static const char *
distinct_by(const Counting *counting, int levels)
{
	switch (counting->what)
	{
		case COUNT_USERS:
			return "s.user_id";
		case COUNT_EVENTS:
			return NULL;
		default:
			return is_repeated(counting, levels) ? "s.session_id" : NULL;
	}
}

static void
add_from_where(Sql *sql, const Counting *counting, int levels)
{
	const Filter *filter = counting->series->filter;

	sql_add(sql, " FROM ");
	add_sessions(sql, filter, false);
	if (counting->events != NULL)
	{
		sql_add(sql, " JOIN (");
		add_event_rows(sql, counting->card, filter, counting->events);
		sql_add(sql, ") AS x ON x.session_id = s.session_id");
	}
	add_breakdown_joins(sql, counting->card, filter, levels, counting->events == NULL);
	sql_add(sql, "%s WHERE ", counting->joins == NULL ? "" : counting->joins);
	add_sessions_where(sql, filter);
	if (counting->condition != NULL)
		sql_add(sql, " AND %s", counting->condition);
	if (counting->what == COUNT_USERS)
		sql_add(sql, " AND s.user_id <> ''");
	if (counting->nvalues > 0)
	{
		sql_add(sql, " AND %s IN ", counting->key);
		add_text_list(sql, counting->nvalues, counting->values);
	}
}

/* Rows (key, b1, ..., id if they have to be made distinct, n). */
static void
add_base(Sql *sql, const Counting *counting, int levels, const char *id)
{
	sql_add(sql, "SELECT ");
	add_key(sql, counting);
	sql_add(sql, " AS key");
	add_breakdown_columns(sql, counting->card, levels);
	if (id != NULL)
		sql_add(sql, ", %s AS id", id);
	if (counting->what == COUNT_SESSIONS_EVENTS)
		sql_add(sql, ", %s(greatest(s.events_count, 1)) AS n", id != NULL ? "min" : "sum");
	else
		sql_add(sql, ", %s AS n", id != NULL ? "1" : "count(*)");
	add_from_where(sql, counting, levels);
	sql_add(sql, " GROUP BY key");
	add_breakdown_names(sql, levels);
	if (id != NULL)
		sql_add(sql, ", id");
}

/* ---- levels ------------------------------------------------------------------------------------------------------ */

/* Rows (path, key, value) of a level from rows of add_base(), which are of this level or, in a CTE, of all levels. */
static void
add_level(Sql *sql, const Counting *counting, int level, bool of_cte, const char *id)
{
	bool ready = id == NULL && !of_cte;

	sql_add(sql, "SELECT ");
	add_breakdown_path(sql, counting->name, level);
	sql_add(sql, " AS path, key, %s::bigint AS value FROM ", ready ? "n" : "sum(n)");
	if (!of_cte)
	{
		sql_add(sql, "(");
		add_base(sql, counting, level, id);
		sql_add(sql, ") AS base");
	}
	else if (id != NULL && level < counting->card->nbreakdowns)
	{
		sql_add(sql, "(SELECT DISTINCT key");
		add_breakdown_names(sql, level);
		sql_add(sql, ", id, n FROM base) AS base");
	}
	else
		sql_add(sql, "base");
	if (ready)
		return;
	sql_add(sql, " GROUP BY key");
	add_breakdown_names(sql, level);
}

void
add_counts(Sql *sql, const Counting *counting)
{
	int levels = counting->card->nbreakdowns;
	/* events have no id to tell them apart by: levels where they are repeated are no sums of the ones below */
	bool of_cte = levels > 0 && !(counting->what == COUNT_EVENTS && breakdown_multiplies(counting->card, levels));
	const char *id = distinct_by(counting, levels);

	sql_add(sql, "(");
	if (of_cte)
	{
		sql_add(sql, "WITH base AS (");
		add_base(sql, counting, levels, id);
		sql_add(sql, ") ");
	}
	for (int level = 0; level <= levels; level++)
	{
		if (level > 0)
			sql_add(sql, " UNION ALL ");
		add_level(sql, counting, level, of_cte, id);
	}
	sql_add(sql, ")");
}
