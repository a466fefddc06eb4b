/*
 * matching.c - from a filter to SQL
 *
 * The hard idea: leave the planner every choice.  Whether an event is there is asked by EXISTS, which it can turn into
 * a hash join over a month of events or into look-ups for ten sessions, as the values suggest.  Only what must know
 * when things happened, events in order or the time span that issues are looked for in, gathers the matching events of
 * all items in one list, sorted by nobody, and folds it by session.
 */
#include "postgres.h"

#include "metrics/matching.h"
#include "metrics/sequences.h"

typedef struct KindRow
{
	const char *relation;
	const char *key;
} KindRow;

static const KindRow kinds[] = {
#define KIND(constant, relation, key) {relation, key},
#include "metrics/filters.list.h"
#undef KIND
};

/* ---- events ------------------------------------------------------------------------------------------------------ */

const char *
event_key(FilterKind kind)
{
	return kinds[kind].key;
}

void
add_events(Sql *sql, FilterKind kind)
{
	sql_add(sql, "%s", kinds[kind].relation);
}

static void
add_metric(Sql *sql, const Filter *filter, const FilterEvent *event)
{
	const FilterMetric *metric = event->metric;

	sql_add(sql, " AND ");
	if (metric->sampled)
	{
		sql_add(sql, "EXISTS (SELECT FROM events.performance p WHERE p.session_id = e.session_id");
		add_session_bounds(sql, filter, "p.session_id");
		sql_add(sql, " AND p.\"timestamp\" >= e.\"timestamp\" AND ");
	}
	sql_add(sql, "%s > 0 AND (", metric->expression);
	for (int i = 0; i < event->nsources; i++)
	{
		sql_add(sql, "%s%s %s ", i == 0 ? "" : " OR ", metric->expression, comparison_symbol(event->metric_comparison));
		sql_numeric(sql, event->sources[i]);
		if (metric->scale != 1)
			sql_add(sql, " * " INT64_FORMAT, metric->scale);
	}
	sql_add(sql, "%s", metric->sampled ? "))" : ")");
}

static void
add_event_sources(Sql *sql, const FilterEvent *event)
{
	if (event->kind == EVENTS_ERRORS)
	{
		sql_add(sql, " AND d.source::text IN ");
		add_text_list(sql, event->nsources, event->sources);
		return;
	}
	sql_add(sql, " AND (");
	for (int i = 0; i < event->nsources; i++)
	{
		sql_add(sql, "%se.value ILIKE ", i == 0 ? "" : " OR ");
		sql_text(sql, like_pattern(event->sources[i], false, false));
	}
	sql_add(sql, ")");
}

/* The same sessions whatever is asked: 0 to 99 percent of them. */
static void
add_sample(Sql *sql, const Filter *filter, const char *column)
{
	if (filter->sample_rate < 100)
		sql_add(sql, " AND openreplay.sample_key(%s) < %d", column, filter->sample_rate);
}

void
add_event_conditions(Sql *sql, const Filter *filter, const FilterEvent *event)
{
	sql_add(sql, "true");
	if (event->fixed != NULL)
		sql_add(sql, " AND %s", event->fixed);
	if (event->custom_name != NULL)
	{
		sql_add(sql, " AND e.name = ");
		sql_text(sql, event->custom_name);
	}
	for (int i = 0; i < event->nconditions; i++)
	{
		sql_add(sql, "%s", i == 0 ? " AND (" : event->any ? " OR " : " AND ");
		add_condition(sql, filter, &event->conditions[i]);
	}
	if (event->nconditions > 0)
		sql_add(sql, ")");
	if (event->metric != NULL)
		add_metric(sql, filter, event);
	else if (event->nsources > 0)
		add_event_sources(sql, event);
}

void
add_event_where(Sql *sql, const Filter *filter, const FilterEvent *event)
{
	add_event_conditions(sql, filter, event);
	add_session_bounds(sql, filter, "e.session_id");
	add_time_range(sql, filter, "e.\"timestamp\"");
	add_sample(sql, filter, "e.session_id");
}

bool
asks_session(const FilterEvent *event)
{
	for (int i = 0; i < event->nconditions; i++)
	{
		const char *expression = event->conditions[i].expression;

		if (expression != NULL && (strncmp(expression, "s.", 2) == 0 || strstr(expression, "(s.") != NULL))
			return true;
	}
	return false;
}

static void
add_exists(Sql *sql, const Filter *filter, const FilterEvent *event)
{
	sql_add(sql, "EXISTS (SELECT FROM ");
	add_events(sql, event->kind);
	sql_add(sql, " WHERE e.session_id = s.session_id AND ");
	add_event_where(sql, filter, event);
	sql_add(sql, ")");
}

static void
add_anywhere(Sql *sql, const Filter *filter, const FilterAnywhere *anywhere)
{
	sql_add(sql, "%s(", anywhere->negated ? "NOT " : "");
	for (int i = 0; i < anywhere->nevents; i++)
	{
		if (i > 0)
			sql_add(sql, " OR ");
		add_exists(sql, filter, &anywhere->events[i]);
	}
	sql_add(sql, ")");
}

static void
add_all_anywhere(Sql *sql, const Filter *filter)
{
	for (int i = 0; i < filter->nanywhere; i++)
	{
		sql_add(sql, " AND ");
		add_anywhere(sql, filter, &filter->anywhere[i]);
	}
}

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

/* Whose events are read from where. */
typedef enum SessionsRead
{
	READ_ALL,
	READ_WITHOUT_SEQUENCE /* the others' are read from their sequences */
} SessionsRead;

/* What does not depend on the events of the list. */
static void
add_session_conditions(Sql *sql, const Filter *filter, bool with_issue_sources)
{
	sql_add(sql, "s.project_id = ");
	sql_integer(sql, filter->project_id);
	add_session_bounds(sql, filter, "s.session_id");
	add_time_range(sql, filter, "s.start_ts");
	if (filter->population != FILTER_ALL)
		sql_add(sql, " AND s.duration %s", filter->population == FILTER_ENDED ? "IS NOT NULL" : "> 0");
	/* what is not in the sample has no events, which must not pass for their absence */
	if (filter->sample_rate < 100 && (filter->nevents > 0 || filter->nanywhere > 0))
		sql_add(sql, " AND openreplay.sample_key(s.session_id) < %d", filter->sample_rate);
	for (int i = 0; i < filter->nconditions; i++)
	{
		/* when it happened is not known yet */
		if (filter->conditions[i].nsources > 0 && !with_issue_sources)
			continue;
		sql_add(sql, " AND ");
		add_condition(sql, filter, &filter->conditions[i]);
	}
}

static int
count_positive(const Filter *filter)
{
	int n = 0;

	for (int i = 0; i < filter->nevents; i++)
		n += !filter->events[i].negated;
	return n;
}

/* Whether the order of events decides, not only which there are. */
static bool
is_ordered(const Filter *filter)
{
	return filter->order == FILTER_THEN && filter->nevents > 1 && count_positive(filter) > 0;
}

static bool
has_issue_sources(const Filter *filter)
{
	for (int i = 0; i < filter->nconditions; i++)
		if (filter->conditions[i].nsources > 0)
			return true;
	return false;
}

/* Those sessions whose events are read as rows. */
static void
add_read_sessions(Sql *sql, const Filter *filter, SessionsRead read)
{
	add_session_conditions(sql, filter, false);
	if (read == READ_WITHOUT_SEQUENCE)
		sql_add(sql, " AND NOT s.has_sequence");
}

static void
add_steps_of(Sql *sql, const Filter *filter, const FilterEvent *events, int nevents, SessionsRead read)
{
	sql_add(sql, "SELECT s.session_id, x.step, x.\"timestamp\", x.key FROM public.sessions s JOIN (");
	for (int i = 0; i < nevents; i++)
	{
		sql_add(sql, "%sSELECT e.session_id, %d AS step, e.\"timestamp\", (%s)::bigint AS key FROM ",
				i == 0 ? "" : " UNION ALL ", i, kinds[events[i].kind].key);
		add_events(sql, events[i].kind);
		/* these may leave few sessions, whose events are then looked up one session at a time */
		if (asks_session(&events[i]) || filter->nconditions > 0 || read == READ_WITHOUT_SEQUENCE)
		{
			sql_add(sql, " JOIN public.sessions s ON s.session_id = e.session_id WHERE ");
			add_read_sessions(sql, filter, read);
			sql_add(sql, " AND ");
		}
		else
			sql_add(sql, " WHERE ");
		add_event_where(sql, filter, &events[i]);
	}
	/* joined here in any case: the planner knows how many sessions there are, and nothing of columns of a UNION */
	sql_add(sql, ") x ON x.session_id = s.session_id WHERE ");
	add_read_sessions(sql, filter, read);
}

void
add_steps(Sql *sql, const Filter *filter, const FilterEvent *events, int nevents)
{
	add_steps_of(sql, filter, events, nevents, READ_ALL);
}

/* A step is its kind, from 1 on, negative for one that must not be. */
void
add_follow_steps(Sql *sql, const FilterEvent *events, int nevents)
{
	sql_add(sql, "openreplay.follow_steps(ARRAY[");
	for (int i = 0; i < nevents; i++)
		sql_add(sql, "%s%d", i == 0 ? "" : ", ", (events[i].negated ? -1 : 1) * (events[i].kind + 1));
	sql_add(sql, "]::integer[], t.step, t.\"timestamp\", t.key)");
}

static void
add_followed_rows(Sql *sql, const Filter *filter, const FilterEvent *events, int nevents, SessionsRead read)
{
	sql_add(sql, "SELECT t.session_id, ");
	add_follow_steps(sql, events, nevents);
	sql_add(sql, " AS times FROM (");
	add_steps_of(sql, filter, events, nevents, read);
	sql_add(sql, ") t GROUP BY t.session_id");
}

/*
 * Sessions with a sequence have ended; of what it does not know of them the row is asked.  Few reach that many items,
 * so it is better to ask for these twice than to hand on all of them.
 */
static void
add_followed_sequences(Sql *sql, const Filter *filter, const FilterEvent *events, int nevents, int more_than)
{
	bool asks_row = filter->nconditions > 0 || filter->population == FILTER_COUNTED;

	sql_add(sql, "SELECT q.session_id, ");
	add_follow_sequence(sql, filter, events, nevents);
	sql_add(sql, " AS times FROM openreplay.session_events q");
	if (asks_row)
		sql_add(sql, " JOIN public.sessions s ON s.session_id = q.session_id");
	sql_add(sql, " WHERE q.project_id = ");
	sql_integer(sql, filter->project_id);
	add_session_bounds(sql, filter, "q.session_id");
	add_time_range(sql, filter, "q.start_ts");
	add_sample(sql, filter, "q.session_id");
	if (asks_row)
	{
		sql_add(sql, " AND ");
		add_session_conditions(sql, filter, false);
	}
	sql_add(sql, " AND cardinality(");
	add_follow_sequence(sql, filter, events, nevents);
	/* the fence: and not once more for each element that is asked of the result */
	sql_add(sql, ") > %d OFFSET 0", more_than);
}

/* A row (session_id, times) for each session with more than so many times that satisfies the conditions on sessions. */
static void
add_followed(Sql *sql, const Filter *filter, const FilterEvent *events, int nevents, int more_than)
{
	bool by_sequences = sequences_answer(events, nevents);

	sql_add(sql, "SELECT f.session_id, f.times FROM (");
	if (by_sequences)
	{
		sql_add(sql, "(");
		add_followed_sequences(sql, filter, events, nevents, more_than);
		sql_add(sql, ") UNION ALL ");
	}
	sql_add(sql, "(");
	add_followed_rows(sql, filter, events, nevents, by_sequences ? READ_WITHOUT_SEQUENCE : READ_ALL);
	sql_add(sql, ")) f WHERE cardinality(f.times) > %d", more_than);
}

/* Sessions in whose events the items follow each other. */
static void
add_ordered(Sql *sql, const Filter *filter)
{
	sql_add(sql, " JOIN (SELECT f.session_id, f.times[1] AS first_event_ts, f.times[%d] AS last_event_ts FROM (",
			filter->nevents + 1);
	add_followed(sql, filter, filter->events, filter->nevents, filter->nevents);
	sql_add(sql, ") f) m ON m.session_id = s.session_id");
}

bool
add_found_sessions(Sql *sql, const Filter *filter)
{
	if (!is_ordered(filter) || filter->nanywhere > 0 || has_issue_sources(filter))
		return false;
	add_followed(sql, filter, filter->events, filter->nevents, filter->nevents);
	return true;
}

void
add_reached(Sql *sql, const Filter *filter, const FilterEvent *events, int nevents)
{
	sql_add(sql, "SELECT f.session_id, f.times FROM (");
	add_followed(sql, filter, events, nevents, 0);
	sql_add(sql, ") f");
	if (filter->nanywhere > 0 || has_issue_sources(filter))
	{
		sql_add(sql, " JOIN public.sessions s ON s.session_id = f.session_id CROSS JOIN LATERAL (SELECT f.times[1] AS "
					 "first_event_ts, f.times[cardinality(f.times)] AS last_event_ts) m WHERE ");
		add_session_conditions(sql, filter, true);
		add_all_anywhere(sql, filter);
	}
}

/* When the items of sessions that satisfy them anyhow were first and last seen. */
static void
add_span(Sql *sql, const Filter *filter)
{
	FilterEvent *positive = palloc(Max(filter->nevents, 1) * sizeof(FilterEvent));
	int n = 0;

	for (int i = 0; i < filter->nevents; i++)
		if (!filter->events[i].negated)
			positive[n++] = filter->events[i];
	if (n == 0)
	{
		sql_add(sql, " CROSS JOIN (SELECT 0::bigint AS first_event_ts, 0::bigint AS last_event_ts) m");
		return;
	}
	sql_add(sql, " LEFT JOIN (SELECT t.session_id AS matching_id, min(t.\"timestamp\") AS first_ts, "
				 "max(t.\"timestamp\") AS last_ts FROM (");
	add_steps(sql, filter, positive, n);
	sql_add(sql, ") t GROUP BY t.session_id) span ON span.matching_id = s.session_id"
				 " CROSS JOIN LATERAL (SELECT coalesce(span.first_ts, 0) AS first_event_ts, coalesce(span.last_ts, 0) "
				 "AS last_event_ts) m");
}

void
add_sessions(Sql *sql, const Filter *filter, bool with_times)
{
	sql_add(sql, "public.sessions s");
	if (is_ordered(filter))
		add_ordered(sql, filter);
	else if (with_times || (filter->nevents > 0 && has_issue_sources(filter)))
		add_span(sql, filter);
}

/*
 * Whether events of which one is enough are asked for together.  As many EXISTS with OR between them no join can serve;
 * one of all of them is a semi-join.  With conditions on sessions these may be few, and each is looked up.
 */
static bool
asks_together(const Filter *filter)
{
	for (int i = 0; i < filter->nevents; i++)
		if (filter->events[i].negated || asks_session(&filter->events[i]))
			return false;
	return filter->order == FILTER_OR && filter->nevents > 1 && filter->nconditions == 0;
}

static void
add_exists_together(Sql *sql, const Filter *filter)
{
	sql_add(sql, " AND EXISTS (SELECT FROM (");
	for (int i = 0; i < filter->nevents; i++)
	{
		sql_add(sql, "%sSELECT e.session_id FROM ", i == 0 ? "" : " UNION ALL ");
		add_events(sql, filter->events[i].kind);
		sql_add(sql, " WHERE ");
		add_event_where(sql, filter, &filter->events[i]);
	}
	sql_add(sql, ") x WHERE x.session_id = s.session_id)");
}

void
add_sessions_where(Sql *sql, const Filter *filter)
{
	add_session_conditions(sql, filter, true);
	add_all_anywhere(sql, filter);
	if (is_ordered(filter) || filter->nevents == 0)
		return;
	if (asks_together(filter))
	{
		add_exists_together(sql, filter);
		return;
	}
	sql_add(sql, " AND (");
	for (int i = 0; i < filter->nevents; i++)
	{
		if (i > 0)
			sql_add(sql, "%s", filter->order == FILTER_OR ? " OR " : " AND ");
		sql_add(sql, "%s", filter->events[i].negated ? "NOT " : "");
		add_exists(sql, filter, &filter->events[i]);
	}
	sql_add(sql, ")");
}
