/*
 * journey_issues.c - issues of the sessions that a journey is about
 *
 * These are the sessions with the start point, or any page where there is none, and without any excluded event.
 */
#include "postgres.h"

#include "metrics/journey.h"
#include "metrics/matching.h"
#include "metrics/parse.h"

/* Rows (session_id, issue_id, type, context_string), one an occurrence in the card's range. */
static void
add_occurrences(Sql *sql, const Journey *journey)
{
	FilterEvent page = {.kind = kind_of_project(journey->filter, EVENTS_PAGES)};

	sql_add(sql, "SELECT s.session_id, i.issue_id, i.type::text AS type, i.context_string FROM ");
	add_sessions(sql, journey->filter, false);
	sql_add(sql, " JOIN events_common.issues o ON o.session_id = s.session_id JOIN public.issues i ON i.issue_id = "
				 "o.issue_id WHERE i.project_id = ");
	sql_integer(sql, journey->filter->project_id);
	sql_add(sql, " AND s.events_count > 1");
	add_session_bounds(sql, journey->filter, "o.session_id");
	add_time_range(sql, journey->filter, "o.\"timestamp\"");
	sql_add(sql, " AND ");
	add_sessions_where(sql, journey->filter);
	sql_add(sql, " AND ");
	add_has_event(sql, journey, journey->start != NULL ? journey->start : &page);
	for (int i = 0; i < journey->nexcludes; i++)
	{
		sql_add(sql, " AND NOT ");
		add_has_event(sql, journey, &journey->excludes[i]);
	}
}

void
add_journey_issues_json(Sql *sql, Card *card)
{
	const Journey *journey = get_journey(card);

	sql_add(sql,
			"WITH i AS MATERIALIZED (SELECT o.type, o.context_string, count(DISTINCT o.session_id) AS sessions FROM (");
	add_occurrences(sql, journey);
	sql_add(sql,
			") o GROUP BY 1, 2) SELECT jsonb_build_object('count', (SELECT count(*) FROM i), 'total', (SELECT "
			"coalesce(sum(i.sessions), 0) FROM i), 'values', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', "
			"i.type, 'value', i.context_string, 'total', i.sessions, 'sessionCount', i.sessions) ORDER BY i.sessions "
			"DESC, i.type, i.context_string), '[]') FROM (SELECT * FROM i ORDER BY i.sessions DESC, i.type, "
			"i.context_string LIMIT %d OFFSET ",
			card->limit);
	sql_bigint(sql, (int64) (card->page - 1) * card->limit);
	sql_add(sql, ") i))");
}

void
add_journey_issue_sessions(Sql *sql, Card *card, const char *issue_id)
{
	sql_add(sql, "SELECT DISTINCT o.session_id FROM (");
	add_occurrences(sql, get_journey(card));
	sql_add(sql, " AND i.issue_id = ");
	sql_text(sql, issue_id);
	sql_add(sql, ") o ORDER BY 1");
}
