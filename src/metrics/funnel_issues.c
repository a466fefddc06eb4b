/*
 * funnel_issues.c - which issues keep sessions from getting through a funnel
 *
 * An issue counts in a session that happened in its window: from the first stage to the last, or to the session's end
 * where that was not reached.  What it explains, significance.c tells from how many sessions have it and are lost.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "metrics/funnel.h"

PG_FUNCTION_INFO_V1(openreplay_funnel_issues);

#define MAX_LISTED 20

/* Rows (session_id, issue_id, type, context_string, lost, user_uuid), one an occurrence; the sessions are there as r.
 */
static void
add_occurrences(Sql *sql, const Funnel *funnel)
{
	sql_add(sql,
			"SELECT r.session_id, i.issue_id, i.type::text AS type, i.context_string, r.stage < %d AS lost, "
			"s.user_uuid FROM r JOIN public.sessions s ON s.session_id = r.session_id JOIN events_common.issues o ON "
			"o.session_id = r.session_id JOIN public.issues i ON i.issue_id = o.issue_id WHERE i.project_id = ",
			funnel->nstages);
	sql_integer(sql, funnel->filter->project_id);
	sql_add(sql,
			" AND i.type <> 'custom' AND o.\"timestamp\" >= r.times[1] AND (CASE WHEN r.stage = %d THEN "
			"o.\"timestamp\" <= r.times[%d] ELSE o.\"timestamp\" <= s.start_ts + s.duration OR s.duration IS NULL END)",
			funnel->nstages, funnel->nstages);
	add_session_bounds(sql, funnel->filter, "s.session_id");
	add_session_bounds(sql, funnel->filter, "o.session_id");
}

void
add_total_drop(Sql *sql, const Funnel *funnel)
{
	sql_add(
		sql,
		"(SELECT c.drop_due FROM (SELECT count(*) AS sessions, count(x.session_id) AS "
		"affected, count(*) FILTER (WHERE r.stage < %d) AS lost, count(x.session_id) FILTER (WHERE r.stage < %d) AS "
		"both_ FROM r LEFT JOIN (SELECT DISTINCT o.session_id FROM (",
		funnel->nstages, funnel->nstages);
	add_occurrences(sql, funnel);
	sql_add(sql,
			") o) x ON x.session_id = r.session_id) p, openreplay.issue_significance(p.sessions, p.affected, p.lost, "
			"p.both_) c)");
}

/* Rows of funnel_issues(). */
static void
add_issues(Sql *sql, const Funnel *funnel)
{
	sql_add(
		sql,
		" SELECT i.issue_id, i.type, coalesce(t.title, i.type) AS title, i.context_string, i.affected, n.sessions - "
		"i.affected AS unaffected, i.users, i.lost, c.correlation, c.confidence, c.significant, c.lost_conversions, "
		"c.conversion_impact FROM (SELECT o.issue_id, o.type, o.context_string, count(DISTINCT o.session_id) AS "
		"affected, count(DISTINCT o.user_uuid) AS users, count(DISTINCT o.session_id) FILTER (WHERE o.lost) AS lost "
		"FROM (");
	add_occurrences(sql, funnel);
	sql_add(
		sql,
		") o GROUP BY 1, 2, 3) i CROSS JOIN (SELECT count(*) AS sessions, count(*) FILTER (WHERE r.stage < %d) AS lost "
		"FROM r) n CROSS JOIN LATERAL openreplay.issue_significance(n.sessions, i.affected, n.lost, i.lost) c LEFT "
		"JOIN "
		"openreplay.issue_types() t ON t.type = i.type",
		funnel->nstages);
}

static void
add_issue_list(Sql *sql, const char *condition)
{
	sql_add(
		sql,
		"(SELECT coalesce(jsonb_agg(jsonb_build_object('issueId', i.issue_id, 'type', i.type, 'title', i.title, "
		"'contextString', i.context_string, 'affectedSessions', i.affected, 'unaffectedSessions', i.unaffected, "
		"'affectedUsers', i.users, 'lostConversions', i.lost_conversions, 'conversionImpact', i.conversion_impact) "
		"ORDER BY i.affected DESC, i.type, i.context_string), '[]') FROM (SELECT * FROM i WHERE %s ORDER BY i.affected "
		"DESC, i.type, i.context_string LIMIT %d) i)",
		condition, MAX_LISTED);
}

void
add_funnel_issues_json(Sql *sql, Card *card)
{
	Funnel *funnel = get_funnel(card);

	if (funnel->nstages == 0)
	{
		sql_add(sql, "SELECT '{\"significant\": [], \"insignificant\": [], \"criticalIssuesCount\": 0, "
					 "\"totalDropDueToIssues\": 0}'::jsonb");
		return;
	}
	add_with_funnel_sessions(sql, funnel);
	sql_add(sql, ", i AS MATERIALIZED (");
	add_issues(sql, funnel);
	sql_add(sql, ") SELECT jsonb_build_object('totalDropDueToIssues', ");
	add_total_drop(sql, funnel);
	sql_add(sql, ", 'criticalIssuesCount', 0, 'significant', ");
	add_issue_list(sql, "i.significant");
	sql_add(sql, ", 'insignificant', ");
	add_issue_list(sql, "NOT i.significant");
	sql_add(sql, ")");
}

void
add_funnel_issue_sessions(Sql *sql, Card *card, const char *issue_id)
{
	Funnel *funnel = get_funnel(card);

	if (funnel->nstages == 0)
	{
		sql_add(sql, "SELECT 0::bigint WHERE false");
		return;
	}
	add_with_funnel_sessions(sql, funnel);
	sql_add(sql, " SELECT DISTINCT o.session_id FROM (");
	add_occurrences(sql, funnel);
	sql_add(sql, " AND i.issue_id = ");
	sql_text(sql, issue_id);
	sql_add(sql, ") o ORDER BY 1");
}

/* funnel_issues(project_id integer, card jsonb) */
Datum
openreplay_funnel_issues(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card;
	Funnel *funnel;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	check_card_type(card, "funnel");
	funnel = get_funnel(card);
	if (funnel->nstages == 0)
		return (Datum) 0;
	plan_by_month(sql, card);
	add_with_funnel_sessions(sql, funnel);
	add_issues(sql, funnel);
	sql_add(sql, " ORDER BY i.affected DESC, i.type, i.context_string");
	return sql_return_rows(sql, fcinfo);
}
