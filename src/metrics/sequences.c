/*
 * sequences.c - which questions the sequences of sessions answer, and the SQL that asks them
 *
 * The hard idea: a condition is evaluated once for each different value instead of once for each event.  The very text
 * that matching.c makes of it is put over rows of the dictionary that are dressed up as rows of the event table; what
 * satisfies it is a set of ids, and the sequences only look ids up in sets.
 */
#include "postgres.h"

#include "metrics/matching.h"
#include "metrics/sequences.h"
#include "openreplay.h"

const SequenceKind sequence_kinds[] = {
#define SEQUENCE(code, kind, name, relation, joined) {code, name, EVENTS_##kind, relation, joined},
#include "metrics/sequences.list.h"
#undef SEQUENCE
};
const int n_sequence_kinds = lengthof(sequence_kinds);

const CarriedColumn carried_columns[] = {
#define CARRIED(kind, column, type) {EVENTS_##kind, column, type},
#include "metrics/sequences.list.h"
#undef CARRIED
};
const int n_carried_columns = lengthof(carried_columns);

const SequenceKind *
find_sequence_kind(FilterKind kind)
{
	for (int i = 0; i < n_sequence_kinds; i++)
		if (sequence_kinds[i].kind == kind)
			return &sequence_kinds[i];
	return NULL;
}

/* ---- what they carry --------------------------------------------------------------------------------------------- */

static bool
is_name_character(char c)
{
	return isalnum((unsigned char) c) || c == '_' || c == '"';
}

static bool
is_carried(FilterKind kind, const char *column, size_t len)
{
	for (int i = 0; i < n_carried_columns; i++)
		if (carried_columns[i].kind == kind && strlen(carried_columns[i].name) == len &&
			memcmp(carried_columns[i].name, column, len) == 0)
			return true;
	return false;
}

/* Whether all columns that SQL of the catalogue names are there; those of d are looked up where they are. */
static bool
expression_is_carried(FilterKind kind, const char *expression)
{
	for (const char *c = expression; *c != '\0'; c++)
	{
		size_t len = 0;

		if (c[1] != '.' || (*c != 'e' && *c != 's' && *c != 'm') || (c > expression && is_name_character(c[-1])))
			continue;
		while (is_name_character(c[2 + len]))
			len++;
		if (*c != 'e' || !is_carried(kind, c + 2, len))
			return false;
	}
	return true;
}

static bool
condition_is_carried(FilterKind kind, const FilterCondition *condition)
{
	if (condition->key != NULL || condition->expression == NULL || condition->type == FILTER_DURATION ||
		condition->type == FILTER_ISSUES)
		return false;
	return expression_is_carried(kind, condition->expression) &&
		   (condition->second == NULL || expression_is_carried(kind, condition->second));
}

static bool
event_is_carried(const FilterEvent *event)
{
	if (find_sequence_kind(event->kind) == NULL || event->metric != NULL)
		return false;
	if (event->nsources > 0 && event->kind != EVENTS_ERRORS)
		return false; /* what was typed */
	if (event->fixed != NULL && !expression_is_carried(event->kind, event->fixed))
		return false;
	for (int i = 0; i < event->nconditions; i++)
		if (!condition_is_carried(event->kind, &event->conditions[i]))
			return false;
	return true;
}

bool
sequences_answer(const FilterEvent *events, int nevents)
{
	if (!openreplay_use_session_events)
		return false;
	for (int i = 0; i < nevents; i++)
		if (!event_is_carried(&events[i]))
			return false;
	return nevents > 0;
}

/* ---- SQL --------------------------------------------------------------------------------------------------------- */

void
add_sequence_values(Sql *sql, const Filter *filter, const SequenceKind *kind)
{
	int detail = 0;

	sql_add(sql, "(SELECT v.value_id");
	for (int i = 0; i < n_carried_columns; i++)
	{
		const CarriedColumn *column = &carried_columns[i];

		if (column->kind != kind->kind)
			continue;
		if (detail == 0)
			sql_add(sql, ", v.value::%s AS %s", column->type, column->name);
		else
			sql_add(sql, ", v.details[%d]::%s AS %s", detail, column->type, column->name);
		detail++;
	}
	sql_add(sql, " FROM openreplay.event_values v WHERE v.project_id = ");
	sql_integer(sql, filter->project_id);
	sql_add(sql, " AND v.kind = %d) e", kind->code);
	if (kind->joined[0] != '\0')
		sql_add(sql, " JOIN %s", kind->joined);
}

/* A subquery without references to the outer one, so it is evaluated once: which values satisfy which item. */
static void
add_step_values(Sql *sql, const Filter *filter, const FilterEvent *events, int nevents)
{
	sql_add(sql, "(SELECT openreplay.step_values(ARRAY[");
	for (int i = 0; i < nevents; i++)
		sql_add(sql, "%s%d", i == 0 ? "" : ", ",
				(events[i].negated ? -1 : 1) * find_sequence_kind(events[i].kind)->code);
	sql_add(sql, "]::integer[], v.step, v.value_id) FROM (");
	for (int i = 0; i < nevents; i++)
	{
		sql_add(sql, "%sSELECT %d AS step, e.value_id FROM ", i == 0 ? "" : " UNION ALL ", i);
		add_sequence_values(sql, filter, find_sequence_kind(events[i].kind));
		sql_add(sql, " WHERE ");
		add_event_conditions(sql, filter, &events[i]);
	}
	sql_add(sql, ") v)");
}

void
add_follow_sequence(Sql *sql, const Filter *filter, const FilterEvent *events, int nevents)
{
	bool excludes_end = filter->to_ts != PG_INT64_MAX && filter->to_exclusive;

	sql_add(sql, "openreplay.follow_sequence(q.events, q.start_ts, ");
	sql_bigint(sql, filter->from_ts);
	sql_add(sql, ", ");
	sql_bigint(sql, filter->to_ts - (excludes_end ? 1 : 0));
	sql_add(sql, ", ");
	add_step_values(sql, filter, events, nevents);
	sql_add(sql, ")");
}
