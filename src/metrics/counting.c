/*
 * counting.c - sessions, users and events counted by something
 *
 * The hard idea: count(DISTINCT) sorts, and in one process.  Here sessions that may be there twice are counted by
 * openreplay.count_distinct(), users are first made distinct by a hash and then only counted, which parallel workers
 * share; where nothing can be there twice, not even that.
 */
#include "postgres.h"

#include "metrics/counting.h"
#include "metrics/matching.h"
#include "metrics/sequences.h"
#include "openreplay.h"

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

/* By what rows of a key are made distinct before they are counted; NULL: they need not be. */
static const char *
distinct_by(const Counting *counting, int levels)
{
	if (counting->what == COUNT_USERS)
		return "s.user_id";
	return counting->what == COUNT_SESSIONS_EVENTS && is_repeated(counting, levels) ? "s.session_id" : NULL;
}

/* Of which level or key events are the values, so that sessions are joined to them; NULL: of none. */
static const EventRows *
joined_events(const Counting *counting, int levels)
{
	static const EventRows of_items = {.kinds = 0};

	if (counting->events != NULL)
		return counting->events;
	/* without items the session counts, too, when it has no such events: breakdown.c joins them */
	if (breakdown_of_events(counting->card, levels) && event_rows_suffice(counting->series->filter, &of_items))
		return &of_items;
	return NULL;
}

/* joins: more of them, over s and what of events is joined to it. */
static void
add_from_where(Sql *sql, const Counting *counting, int levels, const EventRows *events, const char *joins)
{
	const Filter *filter = counting->series->filter;
	Filter sessions = *filter;

	if (events != NULL && event_rows_suffice(filter, events))
		sessions.nevents = 0;
	sql_add(sql, " FROM ");
	add_sessions(sql, &sessions, false);
	if (events != NULL)
	{
		sql_add(sql, " JOIN (");
		add_event_rows(sql, counting->card, filter, events);
		sql_add(sql, ") AS x ON x.session_id = s.session_id");
	}
	add_breakdown_joins(sql, counting->card, filter, levels, events == NULL);
	sql_add(sql, "%s WHERE ", joins == NULL ? "" : joins);
	add_sessions_where(sql, &sessions);
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

/* Rows (key, b1, ..., id if they have to be made distinct, n); n are sessions themselves where levels are made of them.
 */
static void
add_base(Sql *sql, const Counting *counting, int levels, bool shared, const char *id)
{
	sql_add(sql, "SELECT ");
	add_key(sql, counting);
	sql_add(sql, " AS key");
	add_breakdown_columns(sql, counting->card, levels);
	if (id != NULL)
		sql_add(sql, ", %s AS id", id);
	if (counting->what == COUNT_SESSIONS_EVENTS)
		sql_add(sql, ", %s(greatest(s.events_count, 1)) AS n", id != NULL ? "min" : "sum");
	else if (id != NULL)
		sql_add(sql, ", 1 AS n");
	else if (counting->what == COUNT_SESSIONS && is_repeated(counting, levels))
		sql_add(sql, ", openreplay.%s(s.session_id) AS n", shared ? "distinct_ids" : "count_distinct");
	else
		sql_add(sql, ", count(*) AS n");
	add_from_where(sql, counting, levels, joined_events(counting, levels), counting->joins);
	sql_add(sql, " GROUP BY key");
	add_breakdown_names(sql, levels);
	if (id != NULL)
		sql_add(sql, ", id");
}

/* ---- events by sequences ----------------------------------------------------------------------------------------- */

/* Whether all events are counted over time, whatever they are about, so that sequences tell. */
static bool
is_of_sequences(const Counting *counting, int levels)
{
	const Filter *filter = counting->series->filter;

	for (int i = 0; i < filter->nevents; i++)
		if (!filter->events[i].negated)
			return false;
	return openreplay_use_session_events && counting->what == COUNT_EVENTS && counting->key != NULL &&
		   counting->events->kinds == EVENTS_ALL && !breakdown_of_events(counting->card, levels);
}

/* Kinds of events that are in sequences. */
static uint32
sequence_kinds_mask(void)
{
	uint32 kinds = 0;

	for (int kind = 0; kind < EVENTS_KINDS; kind++)
		if (find_sequence_kind(kind) != NULL)
			kinds |= (uint32) 1 << kind;
	return kinds;
}

/* Rows (key, b1, ..., n) of sessions that have a sequence. */
static void
add_sequence_base(Sql *sql, const Counting *counting, int levels)
{
	const Filter *filter = counting->series->filter;

	sql_add(sql, "SELECT u.place - 1 AS key");
	add_breakdown_names(sql, levels);
	sql_add(sql, ", u.n FROM (SELECT openreplay.count_times(q.events, q.start_ts, ");
	sql_bigint(sql, filter->from_ts);
	sql_add(sql, ", ");
	sql_bigint(sql, filter->to_ts - (filter->to_exclusive ? 1 : 0));
	sql_add(sql, ", ");
	sql_bigint(sql, counting->step);
	sql_add(sql, ") AS counts");
	add_breakdown_columns(sql, counting->card, levels);
	add_from_where(sql, counting, levels, NULL,
				   " JOIN openreplay.session_events q ON q.session_id = s.session_id AND q.project_id = s.project_id");
	add_session_bounds(sql, filter, "q.session_id");
	if (filter->sample_rate < 100)
		sql_add(sql, " AND openreplay.sample_key(q.session_id) < %d", filter->sample_rate);
	for (int i = 0; i < levels; i++)
		sql_add(sql, "%sb%d", i == 0 ? " GROUP BY " : ", ", i + 1);
	sql_add(sql, ") AS g, unnest(g.counts) WITH ORDINALITY AS u (n, place) WHERE u.n > 0");
}

/* The same, with what sequences do not hold: other kinds of events, and those of sessions that go on. */
static void
add_event_base(Sql *sql, const Counting *counting, int levels)
{
	const EventRows held = {.kinds = sequence_kinds_mask()};
	const EventRows others = {.kinds = EVENTS_ALL & ~held.kinds};
	Counting of_held = *counting;
	Counting of_others = *counting;

	of_held.events = &held;
	of_held.condition = "NOT s.has_sequence";
	of_others.events = &others;
	sql_add(sql, "SELECT key");
	add_breakdown_names(sql, levels);
	sql_add(sql, ", sum(n) AS n FROM (");
	add_sequence_base(sql, counting, levels);
	sql_add(sql, " UNION ALL (");
	add_base(sql, &of_held, levels, false, NULL);
	sql_add(sql, ") UNION ALL (");
	add_base(sql, &of_others, levels, false, NULL);
	sql_add(sql, ")) AS part GROUP BY key");
	add_breakdown_names(sql, levels);
}

/* ---- levels ------------------------------------------------------------------------------------------------------ */

/* Rows (path, key, value) of a level from rows of add_base(), which are of this level or, in a CTE, of all levels. */
static void
add_level(Sql *sql, const Counting *counting, int level, bool shared, const char *id)
{
	bool ready = id == NULL && !shared;
	bool of_ids = shared && counting->what == COUNT_SESSIONS && is_repeated(counting, counting->card->nbreakdowns);

	sql_add(sql, "SELECT ");
	add_breakdown_path(sql, counting->name, level);
	sql_add(sql, " AS path, key, %s::bigint AS value FROM ",
			ready	 ? "n"
			: of_ids ? "openreplay.count_distinct(n)"
					 : "sum(n)");
	if (!shared)
	{
		sql_add(sql, "(");
		if (is_of_sequences(counting, level))
			add_event_base(sql, counting, level);
		else
			add_base(sql, counting, level, false, id);
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

/*
 * Whether rows of all levels are made once and levels made from them: one process does that, so it pays only where
 * finding the sessions or their events is the greater part.  Events have no id to tell them apart by, so that what is
 * above a level where they are repeated cannot be made from it.
 */
static bool
is_shared(const Counting *counting, int levels)
{
	const Filter *filter = counting->series->filter;

	if (levels == 0 || (counting->what == COUNT_EVENTS && breakdown_multiplies(counting->card, levels)) ||
		is_of_sequences(counting, levels))
		return false;
	return filter->nevents > 0 || filter->nanywhere > 0 ||
		   (counting->what == COUNT_SESSIONS && is_repeated(counting, levels - 1));
}

void
add_counts(Sql *sql, const Counting *counting)
{
	int levels = counting->card->nbreakdowns;
	bool shared = is_shared(counting, levels);

	sql_add(sql, "(");
	if (shared)
	{
		sql_add(sql, "WITH base AS (");
		add_base(sql, counting, levels, true, distinct_by(counting, levels));
		sql_add(sql, ") ");
	}
	for (int level = 0; level <= levels; level++)
	{
		if (level > 0)
			sql_add(sql, " UNION ALL ");
		add_level(sql, counting, level, shared, distinct_by(counting, shared ? levels : level));
	}
	sql_add(sql, ")");
}
