/*
 * condition_sql.c - from the conditions of a filter, and its range of time, to SQL
 *
 * Every table that is partitioned by session_id is bounded by it in every place, so that a range of time reads its
 * months only: an id was given within 24 hours after the session's start_ts (openreplay.bound_start_ts()).
 */
#include "postgres.h"

#include "metrics/matching.h"

#define ID_EPOCH_MS INT64CONST(1550000000000) /* openreplay.session_id_at() */
#define ID_SHIFT 24
#define MAX_ID_DELAY_MS INT64CONST(86400000)
#define MAX_MOMENT_MS INT64CONST(100000000000000) /* far beyond any session, far below where ids overflow */

/* ---- time -------------------------------------------------------------------------------------------------------- */

static int64
id_at(int64 moment)
{
	moment = Max(moment, ID_EPOCH_MS);
	return (Min(moment, MAX_MOMENT_MS) - ID_EPOCH_MS) << ID_SHIFT;
}

void
add_session_bounds(Sql *sql, const Filter *filter, const char *column)
{
	if (filter->from_ts != PG_INT64_MIN)
	{
		sql_add(sql, " AND %s >= ", column);
		sql_bigint(sql, id_at(filter->from_ts));
	}
	if (filter->to_ts != PG_INT64_MAX)
	{
		sql_add(sql, " AND %s < ", column);
		sql_bigint(sql, id_at(Min(filter->to_ts, MAX_MOMENT_MS) + MAX_ID_DELAY_MS + 1));
	}
}

void
add_time_range(Sql *sql, const Filter *filter, const char *column)
{
	if (filter->from_ts != PG_INT64_MIN)
	{
		sql_add(sql, " AND %s >= ", column);
		sql_bigint(sql, filter->from_ts);
	}
	if (filter->to_ts != PG_INT64_MAX)
	{
		sql_add(sql, " AND %s %s ", column, filter->to_exclusive ? "<" : "<=");
		sql_bigint(sql, filter->to_ts);
	}
}

/* ---- conditions -------------------------------------------------------------------------------------------------- */

/* A pattern for ILIKE in which the value's own % and _ are letters. */
char *
like_pattern(const char *value, bool from_start, bool to_end)
{
	StringInfoData pattern;

	initStringInfo(&pattern);
	if (!from_start)
		appendStringInfoChar(&pattern, '%');
	for (const char *c = value; *c; c++)
	{
		if (*c == '%' || *c == '_' || *c == '\\')
			appendStringInfoChar(&pattern, '\\');
		appendStringInfoChar(&pattern, *c);
	}
	if (!to_end)
		appendStringInfoChar(&pattern, '%');
	return pattern.data;
}

/* The expression of a condition; of a payload's key with its type. */
static void
add_expression(Sql *sql, const FilterCondition *condition, const char *expression)
{
	if (condition->key == NULL)
	{
		sql_add(sql, "(%s)", expression);
		return;
	}
	if (condition->type == FILTER_TEXT)
	{
		sql_add(sql, "(e.payload ->> ");
		sql_text(sql, condition->key);
		sql_add(sql, ")");
		return;
	}
	/* texts that are numbers count as such; what is none is missing */
	sql_add(sql, "(substring(e.payload ->> ");
	sql_text(sql, condition->key);
	if (condition->type == FILTER_NUMBER)
		sql_add(sql, " FROM '^-?[0-9]{1,40}(?:[.][0-9]{1,40})?$')::numeric)");
	else
		sql_add(sql, " FROM '^(?:true|false)$')::boolean)");
}

const char *
comparison_symbol(FilterComparison comparison)
{
	switch (comparison)
	{
		case FILTER_EQUAL:
			return "=";
		case FILTER_NOT_EQUAL:
			return "<>";
		case FILTER_LESS:
			return "<";
		case FILTER_GREATER:
			return ">";
		case FILTER_AT_MOST:
			return "<=";
		case FILTER_AT_LEAST:
			return ">=";
		case FILTER_CONTAINS:
		case FILTER_STARTS_WITH:
		case FILTER_ENDS_WITH:
			return "ILIKE";
		case FILTER_NOT_CONTAINS:
			return "NOT ILIKE";
		case FILTER_REGEX:
			return "~";
		default:
			elog(ERROR, "comparison %d takes no value", comparison);
	}
}

static void
add_value(Sql *sql, const FilterCondition *condition, const char *value)
{
	switch (condition->comparison)
	{
		case FILTER_CONTAINS:
		case FILTER_NOT_CONTAINS:
			sql_text(sql, like_pattern(value, false, false));
			break;
		case FILTER_STARTS_WITH:
			sql_text(sql, like_pattern(value, true, false));
			break;
		case FILTER_ENDS_WITH:
			sql_text(sql, like_pattern(value, false, true));
			break;
		default:
			if (condition->type == FILTER_NUMBER)
				sql_numeric(sql, value);
			else if (condition->type == FILTER_BOOLEAN)
				sql_add(sql, "%s", value[0] == 't' ? "true" : "false");
			else
				sql_text(sql, value);
	}
}

/* One expression against all values: any of them, or for a negative comparison none. */
static void
add_comparisons(Sql *sql, const FilterCondition *condition, const char *expression)
{
	bool negative = comparison_is_negative(condition->comparison);

	sql_add(sql, "(");
	for (int i = 0; i < condition->nvalues; i++)
	{
		if (i > 0)
			sql_add(sql, "%s", negative ? " AND " : " OR ");
		add_expression(sql, condition, expression);
		sql_add(sql, " %s ", comparison_symbol(condition->comparison));
		add_value(sql, condition, condition->values[i]);
	}
	sql_add(sql, ")");
}

static void
add_simple_condition(Sql *sql, const FilterCondition *condition, const char *expression)
{
	switch (condition->comparison)
	{
		case FILTER_PRESENT:
			add_expression(sql, condition, expression);
			sql_add(sql, " IS NOT NULL");
			break;
		case FILTER_UNDEFINED:
			sql_add(sql, "(");
			add_expression(sql, condition, expression);
			sql_add(sql, " IS NULL");
			if (condition->type == FILTER_TEXT)
			{
				sql_add(sql, " OR ");
				add_expression(sql, condition, expression);
				sql_add(sql, " = ''");
			}
			sql_add(sql, ")");
			break;
		case FILTER_TRUE:
		case FILTER_FALSE:
			add_expression(sql, condition, expression);
			sql_add(sql, " = %s", condition->comparison == FILTER_TRUE ? "true" : "false");
			break;
		default:
			add_comparisons(sql, condition, expression);
	}
}

/* Values are minimum and maximum; nothing, 0 or less is no bound. */
static void
add_duration(Sql *sql, const FilterCondition *condition)
{
	sql_add(sql, "(true");
	for (int i = 0; i < Min(condition->nvalues, 2); i++)
	{
		const char *value = condition->values[i];

		if (value[0] == '\0' || value[0] == '-' || strspn(value, "0.") == strlen(value))
			continue;
		sql_add(sql, " AND s.duration %s ", i == 0 ? ">=" : "<=");
		sql_numeric(sql, value);
	}
	sql_add(sql, ")");
}

void
add_text_list(Sql *sql, int n, char **values)
{
	for (int i = 0; i < n; i++)
	{
		sql_add(sql, "%s", i == 0 ? "(" : ", ");
		sql_text(sql, values[i]);
	}
	sql_add(sql, ")");
}

/* An occurrence about one of the sources, while the session's events satisfied the filter or else in its range. */
static void
add_issue_source(Sql *sql, const Filter *filter, const FilterCondition *condition)
{
	sql_add(sql, "EXISTS (SELECT FROM events_common.issues o JOIN public.issues i ON i.issue_id = o.issue_id"
				 " WHERE o.session_id = s.session_id");
	add_session_bounds(sql, filter, "o.session_id");
	sql_add(sql, " AND i.project_id = ");
	sql_integer(sql, filter->project_id);
	sql_add(sql, " AND i.context_string IN ");
	add_text_list(sql, condition->nsources, condition->sources);
	if (condition->comparison != FILTER_PRESENT)
	{
		sql_add(sql, " AND i.type::text IN ");
		add_text_list(sql, condition->nvalues, condition->values);
	}
	if (filter->nevents > 0)
		sql_add(sql, " AND o.\"timestamp\" >= m.first_event_ts AND o.\"timestamp\" <= m.last_event_ts");
	else
		add_time_range(sql, filter, "o.\"timestamp\"");
	sql_add(sql, ")");
}

static void
add_issues(Sql *sql, const Filter *filter, const FilterCondition *condition)
{
	bool with_source = condition->nsources > 0 && condition->comparison != FILTER_UNDEFINED;

	if (condition->comparison == FILTER_NOT_EQUAL && with_source)
	{
		sql_add(sql, "NOT ");
		add_issue_source(sql, filter, condition);
		return;
	}
	switch (condition->comparison)
	{
		case FILTER_PRESENT:
			sql_add(sql, "cardinality(s.issue_types) > 0");
			break;
		case FILTER_UNDEFINED:
			sql_add(sql, "cardinality(s.issue_types) = 0");
			break;
		default:
			if (condition->comparison == FILTER_NOT_EQUAL)
				sql_add(sql, "NOT ");
			sql_add(sql, "s.issue_types && ARRAY[");
			for (int i = 0; i < condition->nvalues; i++)
			{
				sql_add(sql, "%s", i == 0 ? "" : ", ");
				sql_text(sql, condition->values[i]);
			}
			sql_add(sql, "]::text[]::public.issue_type[]");
	}
	if (with_source)
	{
		sql_add(sql, " AND ");
		add_issue_source(sql, filter, condition);
	}
}

void
add_condition(Sql *sql, const Filter *filter, const FilterCondition *condition)
{
	switch (condition->type)
	{
		case FILTER_DURATION:
			add_duration(sql, condition);
			return;
		case FILTER_ISSUES:
			sql_add(sql, "(");
			add_issues(sql, filter, condition);
			sql_add(sql, ")");
			return;
		default:
			break;
	}
	if (condition->second == NULL)
	{
		add_simple_condition(sql, condition, condition->expression);
		return;
	}
	sql_add(sql, "(");
	add_simple_condition(sql, condition, condition->expression);
	sql_add(sql, "%s", comparison_is_negative(condition->comparison) ? " AND " : " OR ");
	add_simple_condition(sql, condition, condition->second);
	sql_add(sql, ")");
}
