/*
 * card_issues.c - issues behind a card, and the sessions that have one of them
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "metrics/card.h"
#include "metrics/funnel.h"
#include "metrics/journey.h"
#include "metrics/parse.h"

PG_FUNCTION_INFO_V1(openreplay_card_issues);
PG_FUNCTION_INFO_V1(openreplay_issue_sessions);

/* Kinds of cards that have issues. */
typedef struct IssueCard
{
	const char *type;
	bool wrapped;							  /* its issues are a member of the answer in any case */
	void (*add_issues)(Sql *sql, Card *card); /* appends a query: one row of one jsonb */
	void (*add_sessions)(Sql *sql, Card *card, const char *issue_id); /* appends a query for session_ids */
} IssueCard;

static const IssueCard issue_cards[] = {
	{"funnel", true, add_funnel_issues_json, add_funnel_issue_sessions},
	{"pathAnalysis", false, add_journey_issues_json, add_journey_issue_sessions},
};

static const IssueCard *
get_issue_card(const Card *card)
{
	for (int i = 0; i < lengthof(issue_cards); i++)
		if (strcmp(issue_cards[i].type, card->type->type) == 0)
			return &issue_cards[i];
	refuse_filter(psprintf("a card of metricType \"%s\" has no issues", card->type->type),
				  "Funnels and journeys have.");
}

/* card_issues(project_id integer, card jsonb) */
Datum
openreplay_card_issues(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	Sql *sql = sql_new();
	Card *card = get_card_argument(fcinfo);
	const IssueCard *type = get_issue_card(card);
	Datum issues;
	bool isnull;

	if (card->nseries > 0 && card->series[0].series_id > 0)
	{
		sql_add(sql, "SELECT jsonb_build_object('seriesId', ");
		sql_integer(sql, card->series[0].series_id);
		sql_add(sql, ", 'seriesName', ");
		sql_text(sql, card->series[0].name);
		sql_add(sql, "::text, 'issues', (");
	}
	else
		sql_add(sql, type->wrapped ? "SELECT jsonb_build_object('issues', (" : "SELECT ((");
	plan_by_month(sql, card);
	type->add_issues(sql, card);
	sql_add(sql, "))");
	SPI_connect();
	issues = sql_run_jsonb(sql, context, &isnull);
	SPI_finish();
	PG_RETURN_DATUM(issues);
}

/* issue_sessions(project_id integer, card jsonb, issue_id text) */
Datum
openreplay_issue_sessions(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	card = get_card_argument(fcinfo);
	plan_by_month(sql, card);
	get_issue_card(card)->add_sessions(sql, card, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	return sql_return_rows(sql, fcinfo);
}
