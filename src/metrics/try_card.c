/*
 * try_card.c - a card computed, and its plan
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/jsonb.h"

#include "metrics/card.h"

#define MAX_EVENTS_BY_MONTH 2

PG_FUNCTION_INFO_V1(openreplay_try_card);
PG_FUNCTION_INFO_V1(openreplay_explain_card);

void
plan_by_month(Sql *sql, const Card *card)
{
	sql->by_month = true;
	for (int i = 0; i < card->nseries; i++)
		if (card->series[i].filter->nevents + card->series[i].filter->nanywhere > MAX_EVENTS_BY_MONTH)
			sql->by_month = false;
}

/* Kinds may run queries of their own before; what they make is to outlive them. */
void
add_card_chart(Sql *sql, Card *card)
{
	MemoryContext context = CurrentMemoryContext;

	SPI_connect();
	MemoryContextSwitchTo(context);
	plan_by_month(sql, card);
	card->type->add_chart(sql, card);
	SPI_finish();
}

Datum
run_chart(Sql *sql)
{
	MemoryContext context = CurrentMemoryContext;
	Datum chart;
	bool isnull;

	SPI_connect();
	chart = sql_run_jsonb(sql, context, &isnull);
	SPI_finish();
	return isnull ? (Datum) 0 : chart;
}

/* try_card(project_id integer, card jsonb, viewer_id integer) */
Datum
openreplay_try_card(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	int32 viewer_id = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);
	Card *card;
	Datum chart;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	card = parse_card(PG_GETARG_INT32(0), PG_GETARG_JSONB_P(1), PG_ARGISNULL(2) ? NULL : &viewer_id);
	add_card_chart(sql, card);
	chart = run_chart(sql);
	if (chart == (Datum) 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(chart);
}

/* explain_card(project_id integer, card jsonb) */
Datum
openreplay_explain_card(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Sql *sql = sql_new();
	Card *card;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	card->explained = true;
	sql_add(sql, "EXPLAIN (COSTS OFF) ");
	add_card_chart(sql, card);
	SPI_connect();
	sql_run_utility(sql);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
	return (Datum) 0;
}
