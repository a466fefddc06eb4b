/*
 * card.c - from the JSON of a card to its structure, and the card computed
 *
 * Owns what all kinds of cards have in common: which combinations there are, the range, the series, and what is put
 * right without a word because stored cards have it wrong.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "metrics/breakdown.h"
#include "metrics/card.h"
#include "metrics/members.h"
#include "metrics/parse.h"

#define MAX_SERIES 5
#define MAX_BREAKDOWNS 3
#define MAX_LIMIT 200
#define MAX_PAGE 1000000
#define MAX_NAME 200
#define WEEK_MS (INT64CONST(7) * 86400000)
#define MAX_TIME INT64CONST(999999999999999)
/* 2000-01-01: what is before it is seconds that were meant to be milliseconds */
#define LEAST_TIME INT64CONST(946684800000)

PG_FUNCTION_INFO_V1(openreplay_card_catalogue);

static const CardType card_types[] = {
#define CARD(generation, type, metric, views, formats, traits, chart) \
	{generation, type, metric, views, formats, traits, chart},
#include "metrics/cards.list.h"
#undef CARD
};

static const struct
{
	const char *name;
	CardFormat format;
} formats[] = {
	{"sessionCount", CARD_SESSIONS},
	{"userCount", CARD_USERS},
	{"eventCount", CARD_EVENTS},
	{"screenResolution", CARD_RESOLUTIONS},
};

/* ---- what there is ----------------------------------------------------------------------------------------------- */

static bool
is_one_of(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (const char *found = words; (found = strstr(found, word)) != NULL; found += length)
		if ((found == words || found[-1] == ' ') && (found[length] == ' ' || found[length] == '\0'))
			return length > 0;
	return false;
}

static const CardType *
find_card_type(int generation, const char *type, const char *metric)
{
	for (int i = 0; i < lengthof(card_types); i++)
		if ((generation == 0 || card_types[i].generation == generation) && strcmp(card_types[i].type, type) == 0 &&
			(metric == NULL || same_filter_name(card_types[i].metric, metric)))
			return &card_types[i];
	return NULL;
}

static bool
has_spelling(int generation, const char *type, const char *metric)
{
	for (int i = 0; i < lengthof(card_types); i++)
		if (card_types[i].generation == generation && strcmp(card_types[i].type, type) == 0 &&
			strcmp(card_types[i].metric, metric) == 0)
			return true;
	return false;
}

/* Kinds, or with a kind what can be asked of it. */
static char *
list_card_types(int generation, const char *type)
{
	StringInfoData list;
	const char *last = "";

	initStringInfo(&list);
	for (int i = 0; i < lengthof(card_types); i++)
	{
		const CardType *row = &card_types[i];
		const char *name = type == NULL ? row->type : row->metric;

		if (row->generation != generation || (type != NULL && strcmp(row->type, type) != 0) || strcmp(name, last) == 0)
			continue;
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", name);
		last = name;
	}
	return list.data;
}

/* What tells the generations apart, where the card does not say it itself. */
static bool
has_second_filters(JsonbContainer *object)
{
	JsonbValue filters;
	JsonbValue *item;

	if (!get_member(object, "filters", NULL, &filters) || !is_list(&filters))
		return false;
	for (uint32 i = 0; (item = getIthJsonbValueFromContainer(filters.val.binary.data, i)) != NULL; i++)
		if (is_object(item) && get_text(item->val.binary.data, "name", NULL) != NULL)
			return true;
	return false;
}

static bool
has_second_series(JsonbContainer *root)
{
	JsonbValue list;
	JsonbValue *item;

	if (!get_member(root, "series", NULL, &list) || !is_list(&list))
		return false;
	for (uint32 i = 0; (item = getIthJsonbValueFromContainer(list.val.binary.data, i)) != NULL; i++)
	{
		JsonbValue filter;

		if (is_object(item) && get_member(item->val.binary.data, "filter", NULL, &filter) && is_object(&filter) &&
			has_second_filters(filter.val.binary.data))
			return true;
	}
	return false;
}

static int
card_generation(JsonbContainer *root, const char *type, const char *metric)
{
	int64 generation = get_card_number(root, "generation", 0, FILTER_GENERATION_FIRST, FILTER_GENERATION_SECOND);
	JsonbValue value;

	if (generation != 0)
		return (int) generation;
	if (find_card_type(FILTER_GENERATION_FIRST, type, metric) == NULL &&
		(find_card_type(FILTER_GENERATION_SECOND, type, metric) != NULL ||
		 (find_card_type(FILTER_GENERATION_FIRST, type, NULL) == NULL &&
		  find_card_type(FILTER_GENERATION_SECOND, type, NULL) != NULL)))
		return FILTER_GENERATION_SECOND;
	/* location and LOCATION differ in nothing else */
	if (metric != NULL && !has_spelling(FILTER_GENERATION_FIRST, type, metric) &&
		has_spelling(FILTER_GENERATION_SECOND, type, metric))
		return FILTER_GENERATION_SECOND;
	if (get_member(root, "breakdowns", NULL, &value) || get_member(root, "sampleRate", NULL, &value) ||
		has_second_series(root))
		return FILTER_GENERATION_SECOND;
	return FILTER_GENERATION_FIRST;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

int64
get_card_number(JsonbContainer *object, const char *name, int64 otherwise, int64 least, int64 most)
{
	char *text = get_text(object, name, NULL);
	int64 number;

	if (text == NULL || text[0] == '\0')
		return otherwise;
	number = strspn(text, "0123456789") == strlen(text) && strlen(text) <= 15 ? strtoll(text, NULL, 10) : -1;
	if (number < least || number > most)
		refuse_filter(psprintf("%s cannot be \"%s\"", name, shorten(text)),
					  psprintf("It is a whole number from " INT64_FORMAT " to " INT64_FORMAT ".", least, most));
	return number;
}

/* A list of texts; a single one counts as a list. */
static char **
get_texts(JsonbContainer *root, const char *name, int most, int *n)
{
	JsonbValue value;
	char **texts;

	*n = 0;
	if (!get_member(root, name, NULL, &value))
		return NULL;
	texts = palloc(most * sizeof(char *));
	if (!is_list(&value))
	{
		texts[0] = scalar_text(&value);
		*n = texts[0] != NULL && texts[0][0] != '\0';
		return texts;
	}
	for (uint32 i = 0; i < JsonContainerSize(value.val.binary.data); i++)
	{
		char *text = scalar_text(getIthJsonbValueFromContainer(value.val.binary.data, i));

		if (text == NULL)
			refuse_filter(psprintf("%s is a list of texts", name), NULL);
		if (text[0] == '\0') /* a row that nobody has filled in yet */
			continue;
		if (*n == most)
			refuse_filter(psprintf("%s has too many values", name), psprintf("At most %d are allowed.", most));
		texts[(*n)++] = text;
	}
	return texts;
}

static void
parse_type(Card *card)
{
	char *type = get_text(card->root, "metricType", "metric_type");
	char *metric = get_text(card->root, "metricOf", "metric_of");
	int generation;

	if (type == NULL)
		refuse_filter("a card needs a metricType",
					  psprintf("It is one of %s.", list_card_types(FILTER_GENERATION_FIRST, NULL)));
	generation = card_generation(card->root, type, metric);
	card->generation = generation;
	card->type = find_card_type(generation, type, metric);
	if (card->type == NULL && find_card_type(generation, type, NULL) == NULL)
		refuse_filter(psprintf("there is no metricType \"%s\"", shorten(type)),
					  psprintf("It is one of %s.", list_card_types(generation, NULL)));
	/* stored funnels have all sorts of things */
	if (card->type == NULL && strcmp(type, "funnel") == 0)
		card->type = find_card_type(generation, type, "sessionCount");
	if (card->type == NULL)
		refuse_filter(psprintf("a card of metricType \"%s\" cannot have metricOf \"%s\"", type, shorten(metric)),
					  psprintf("It is one of %s.", list_card_types(generation, type)));
}

static void
parse_view(Card *card)
{
	char *view = get_text(card->root, "viewType", "view_type");
	const char *views = card->type->views;

	card->view = pnstrdup(views, strcspn(views, " "));
	if (view == NULL || view[0] == '\0' || strcmp(views, "chart") == 0)
		return;
	if (!is_one_of(views, view))
		refuse_filter(
			psprintf("a card of metricType \"%s\" cannot have viewType \"%s\"", card->type->type, shorten(view)),
			psprintf("It is one of %s.", views));
	card->view = view;
}

static void
parse_format(Card *card)
{
	char *name = get_text(card->root, "metricFormat", "metric_format");

	card->format = CARD_SESSIONS;
	if (name == NULL || name[0] == '\0' || strcmp(name, "default") == 0)
		return;
	for (int i = 0; i < lengthof(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
		{
			card->format = formats[i].format;
			if ((card->type->formats & card->format) != 0)
				return;
			/* what has but one way is counted that way */
			if (card->type->traits & CARD_PREDEFINED)
			{
				card->format = CARD_SESSIONS;
				return;
			}
			refuse_filter(
				psprintf("%s of %s cannot have metricFormat \"%s\"", card->type->type, card->type->metric, name), NULL);
		}
	refuse_filter(psprintf("there is no metricFormat \"%s\"", shorten(name)),
				  "It is sessionCount, userCount or eventCount.");
}

static void
parse_range(Card *card)
{
	int64 now_ms = GetCurrentTransactionStartTimestamp() / 1000 +
				   (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY * 1000;
	bool second = card->generation == FILTER_GENERATION_SECOND;
	int64 least = second ? LEAST_TIME : 0;
	int64 from_ts = get_card_number(card->root, "startDate", -1, least, MAX_TIME);
	int64 to_ts = get_card_number(card->root, "endDate", -1, least, MAX_TIME);

	card->from_ts = get_card_number(card->root, "startTimestamp", from_ts, least, MAX_TIME);
	card->to_ts = get_card_number(card->root, "endTimestamp", to_ts, least, MAX_TIME);
	if (second && (card->from_ts < 0 || card->to_ts < 0))
		refuse_filter("a card needs a startTimestamp and an endTimestamp", "They are milliseconds since 1970.");
	if (card->to_ts < 0)
		card->to_ts = now_ms;
	if (card->from_ts < 0)
		card->from_ts = card->to_ts - WEEK_MS;
	if (card->from_ts > card->to_ts || (second && card->from_ts == card->to_ts))
		refuse_filter("startTimestamp is after endTimestamp", NULL);
}

static void
parse_numbers(Card *card)
{
	bool second = card->generation == FILTER_GENERATION_SECOND;

	if (card->type->traits & CARD_JOURNEY)
		card->density = get_card_number(card->root, "density", 4, 1, 720);
	else
		card->density = get_card_number(card->root, "density", 7, 1, second ? 720 : 200);
	if (card->type->traits & CARD_JOURNEY)
		card->density = Min(Max(card->density, 2), 10);
	card->limit = get_card_number(card->root, "limit", MAX_LIMIT, 1, MAX_LIMIT);
	card->page = get_card_number(card->root, "page", 1, 1, MAX_PAGE);
	card->sample_rate = get_card_number(card->root, "sampleRate", 100, 0, 100);
	if (card->sample_rate == 0)
		card->sample_rate = 100;
}

static void
parse_breakdowns(Card *card)
{
	card->breakdowns = get_texts(card->root, "breakdowns", MAX_BREAKDOWNS, &card->nbreakdowns);
	for (int i = 0; i < card->nbreakdowns; i++)
	{
		check_breakdown(card->breakdowns[i]);
		for (int j = 0; j < i; j++)
			if (same_filter_name(card->breakdowns[i], card->breakdowns[j]))
				refuse_filter(psprintf("breakdowns has \"%s\" twice", shorten(card->breakdowns[i])), NULL);
	}
	if (card->nbreakdowns > 0 && !(card->type->traits & CARD_BREAKDOWNS))
		refuse_filter(psprintf("%s of %s cannot be broken down", card->type->type, card->type->metric), NULL);
}

/* ---- series ------------------------------------------------------------------------------------------------------ */

/* The series' filter with those of the card: openreplay.merge_filters() has the rule. */
static Jsonb *
merge_filters(Jsonb *filter, const JsonbValue *more)
{
	MemoryContext context = CurrentMemoryContext;
	Sql *sql = sql_new();
	MemoryContext old;
	bool isnull;

	sql_add(sql, "SELECT openreplay.merge_filters(");
	sql_datum(sql, JSONBOID, JsonbPGetDatum(filter));
	sql_add(sql, ", ");
	sql_datum(sql, JSONBOID, JsonbPGetDatum(JsonbValueToJsonb((JsonbValue *) more)));
	sql_add(sql, ")");
	SPI_connect();
	sql_run(sql);
	old = MemoryContextSwitchTo(context);
	filter = DatumGetJsonbPCopy(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	MemoryContextSwitchTo(old);
	SPI_finish();
	return filter;
}

static Jsonb *
empty_filter(void)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
}

Filter *
all_sessions(const Card *card)
{
	Filter *filter = parse_filter(card->project_id, empty_filter());

	set_filter_range(filter, card->from_ts, card->to_ts, false);
	filter->sample_rate = card->sample_rate;
	return filter;
}

Filter *
first_filter(const Card *card)
{
	return card->nseries > 0 ? card->series[0].filter : all_sessions(card);
}

/* A name that no series before it has, since a chart is keyed by names. */
static const char *
series_name(const Card *card, int index, char *name)
{
	const char *wanted = name != NULL && name[0] != '\0' ? name : psprintf("%d", index + 1);
	const char *unique = wanted;

	if (strlen(wanted) > MAX_NAME)
		wanted = unique = pnstrdup(wanted, pg_mbcliplen(wanted, strlen(wanted), MAX_NAME));
	for (int n = 2, i = 0; i < index; i++)
		if (strcmp(card->series[i].name, unique) == 0)
		{
			unique = psprintf("%s (%d)", wanted, n++);
			i = -1;
		}
	return unique;
}

static void
parse_one_series(Card *card, const JsonbValue *item)
{
	CardSeries *series = &card->series[card->nseries];
	JsonbContainer *object;
	JsonbValue value;

	if (!is_object(item))
		refuse_filter(psprintf("series %d is no object", card->nseries + 1),
					  "A series is {\"name\": \"Sign-ups\", \"filter\": {\"filters\": [...]}}.");
	object = item->val.binary.data;
	series->series_id = get_card_number(object, "seriesId", 0, 0, PG_INT32_MAX);
	series->name = series_name(card, card->nseries, get_text(object, "name", NULL));
	if (!get_member(object, "filter", NULL, &value))
		series->json = empty_filter();
	else if (is_object(&value) || is_list(&value))
		series->json = JsonbValueToJsonb(&value);
	else
		refuse_filter(psprintf("the filter of series \"%s\" is no object", shorten(series->name)), NULL);
	if (get_member(card->root, "filters", NULL, &value) && is_list(&value) &&
		JsonContainerSize(value.val.binary.data) > 0)
		series->json = merge_filters(series->json, &value);
	series->filter = parse_filter(card->project_id, series->json);
	set_filter_range(series->filter, card->from_ts, card->to_ts, false);
	series->filter->sample_rate = card->sample_rate;
	card->nseries++;
}

static void
parse_series(Card *card)
{
	int most = card->type->traits & CARD_FIRST_SERIES ? 1 : MAX_SERIES;
	JsonbValue list;

	if (card->type->traits & CARD_PREDEFINED)
		return;
	card->series = palloc0(MAX_SERIES * sizeof(CardSeries));
	if (!get_member(card->root, "series", NULL, &list))
		return;
	if (!is_list(&list))
		refuse_filter("series is no list", NULL);
	if (JsonContainerSize(list.val.binary.data) > MAX_SERIES)
		refuse_filter("a card has too many series", psprintf("At most %d are allowed.", MAX_SERIES));
	for (uint32 i = 0; i < JsonContainerSize(list.val.binary.data) && card->nseries < most; i++)
		parse_one_series(card, getIthJsonbValueFromContainer(list.val.binary.data, i));
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

Card *
parse_card(int32 project_id, Jsonb *json, const int32 *viewer_id)
{
	Card *card = palloc0(sizeof(Card));
	char *name;

	if (!JB_ROOT_IS_OBJECT(json))
		refuse_filter("a card is a JSON object",
					  "It is {\"metricType\": \"timeseries\", \"metricOf\": \"sessionCount\", \"series\": [...]}.");
	card->project_id = project_id;
	card->root = &json->root;
	if (viewer_id != NULL)
	{
		card->has_viewer = true;
		card->viewer_id = *viewer_id;
	}
	parse_type(card);
	parse_view(card);
	parse_format(card);
	parse_range(card);
	parse_numbers(card);
	parse_breakdowns(card);
	if (card->type->traits & CARD_VALUES)
		card->values = get_texts(card->root, "metricValue", 100, &card->nvalues);
	name = get_text(card->root, "name", NULL);
	card->name = name == NULL ? "" : name;
	parse_series(card);
	return card;
}

const char *
card_format_name(CardFormat format)
{
	for (int i = 0; i < lengthof(formats); i++)
		if (formats[i].format == format)
			return formats[i].name;
	return "";
}

int64
card_step(const Card *card, bool one_less)
{
	int64 points = Max(card->density - (one_less ? 1 : 0), 1);

	return Max((card->to_ts - card->from_ts) / points, 1);
}

void
add_page_condition(Sql *sql, const Card *card)
{
	sql_add(sql, "r.place > ");
	sql_bigint(sql, (int64) (card->page - 1) * card->limit);
	sql_add(sql, " AND r.place <= ");
	sql_bigint(sql, (int64) card->page * card->limit);
}

Card *
get_card_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return NULL;
	return parse_card(PG_GETARG_INT32(0), PG_GETARG_JSONB_P(1), NULL);
}

void
check_card_type(const Card *card, const char *type)
{
	if (strcmp(card->type->type, type) != 0)
		refuse_filter(psprintf("the card is no %s", type), psprintf("Its metricType is \"%s\".", card->type->type));
}

const CardSeries *
require_series(const Card *card)
{
	if (card->nseries == 0)
		refuse_filter("a card needs a series",
					  "It is {\"series\": [{\"name\": \"Sign-ups\", \"filter\": {\"filters\": [...]}}]}.");
	return &card->series[0];
}

/* card_catalogue() returns table (generation integer, metric_type, metric_of text, view_types text[], formats text[])
 */
Datum
openreplay_card_catalogue(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < lengthof(card_types); i++)
	{
		const CardType *row = &card_types[i];
		StringInfoData names;
		Datum values[5];
		bool nulls[5] = {false};

		initStringInfo(&names);
		for (int j = 0; j < lengthof(formats); j++)
			if (row->formats & formats[j].format)
				appendStringInfo(&names, "%s%s", names.len > 0 ? " " : "", formats[j].name);
		values[0] = Int32GetDatum(row->generation);
		values[1] = CStringGetTextDatum(row->type);
		values[2] = CStringGetTextDatum(row->metric);
		values[3] = CStringGetTextDatum(row->views);
		values[4] = CStringGetTextDatum(names.data);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
