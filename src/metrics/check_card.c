/*
 * check_card.c - what a card is understood to be, for whoever stores it
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "metrics/card.h"
#include "metrics/members.h"

PG_FUNCTION_INFO_V1(openreplay_check_card);

static void
push_key(JsonbParseState **state, const char *name)
{
	JsonbValue key = {.type = jbvString, .val.string = {.val = (char *) name, .len = strlen(name)}};

	pushJsonbValue(state, WJB_KEY, &key);
}

static void
push_text(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue value = {.type = jbvString, .val.string = {.val = (char *) text, .len = strlen(text)}};

	pushJsonbValue(state, token, &value);
}

static void
push_number(JsonbParseState **state, const char *name, int64 number)
{
	JsonbValue value = {.type = jbvNumeric, .val.numeric = int64_to_numeric(number)};

	push_key(state, name);
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* A card as it was understood.  metricOf stays as it was written, since each generation has its own spelling. */
static Jsonb *
understood_card(const Card *card)
{
	char *metric = get_text(card->root, "metricOf", "metric_of");
	bool known = metric != NULL && same_filter_name(metric, card->type->metric);
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_number(&state, "generation", card->generation);
	push_key(&state, "metricType");
	push_text(&state, WJB_VALUE, card->type->type);
	push_key(&state, "metricOf");
	push_text(&state, WJB_VALUE, known ? metric : card->type->metric);
	push_key(&state, "viewType");
	push_text(&state, WJB_VALUE, card->view);
	push_key(&state, "metricFormat");
	push_text(&state, WJB_VALUE, card_format_name(card->format));
	push_key(&state, "metricValue");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < card->nvalues; i++)
		push_text(&state, WJB_ELEM, card->values[i]);
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	push_number(&state, "seriesCount", card->nseries);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* check_card(project_id integer, card jsonb) returns jsonb */
Datum
openreplay_check_card(PG_FUNCTION_ARGS)
{
	Jsonb *json = PG_GETARG_JSONB_P(1);
	Card *card;
	/* whoever asks for the chart says for when; the second generation cannot do without */
	Datum range = DirectFunctionCall1(
		jsonb_in, CStringGetDatum("{\"startTimestamp\": 1600000000000, \"endTimestamp\": 1600000000001}"));

	if (JB_ROOT_IS_OBJECT(json))
		json = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(json), range));
	card = parse_card(PG_GETARG_INT32(0), json, NULL);
	add_card_chart(sql_new(), card);
	PG_RETURN_JSONB_P(understood_card(card));
}
