/*
 * parse.c - from the JSON of a filter to its structure
 *
 * Owns the list of items and what makes one of either generation: an item with "name" is of the second, one with "type"
 * of the first.  What comes out is the same for both: conditions on the session, and events with conditions of their
 * own.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "metrics/members.h"
#include "metrics/parse.h"

static void parse_list(Parser *parser, JsonbContainer *list);

/* ---- conditions on the session ----------------------------------------------------------------------------------- */

/* Whether an earlier item of the first generation is about the same; its values are then joined. */
static bool
merge_condition(Filter *filter, const FilterCondition *condition)
{
	if (condition->type == FILTER_ISSUES || condition->type == FILTER_DURATION)
		return false;
	for (int i = 0; i < filter->nconditions; i++)
	{
		FilterCondition *known = &filter->conditions[i];

		if (!same_filter_name(known->name, condition->name) ||
			strcmp(known->operator_name, condition->operator_name) != 0 ||
			strcmp(known->expression, condition->expression) != 0)
			continue;
		known->values = repalloc(known->values, (known->nvalues + condition->nvalues + 1) * sizeof(char *));
		memcpy(known->values + known->nvalues, condition->values, condition->nvalues * sizeof(char *));
		known->nvalues += condition->nvalues;
		return true;
	}
	return false;
}

static void
parse_attribute(Parser *parser, JsonbContainer *item, const char *name, const FilterAttribute *attribute, bool first)
{
	Filter *filter = parser->filter;
	FilterCondition condition = {.name = name, .type = attribute->type, .expression = attribute->expression};
	const FilterOperator *op;
	Texts source;

	if (attribute->type == FILTER_IGNORED)
		return;
	/* how long a session was has a minimum and a maximum, whatever the operator says */
	op = attribute->type == FILTER_DURATION ? find_filter_operator("is") : get_filter_operator(item, name);
	if (op->of_selector)
		refuse_filter(psprintf("filter \"%s\" cannot use operator \"%s\"", shorten(name), op->name),
					  psprintf("Its operators are %s.", list_filter_operators(attribute->type)));
	if (attribute->type == FILTER_METADATA)
	{
		int slot;

		source = get_value_texts(item, "source", name, true);
		if (source.n != 1)
			refuse_filter("a filter on metadata needs one source",
						  "Its source is the name of the metadata, such as \"plan\".");
		slot = metadata_slot(filter, source.values[0]);
		if (slot == 0)
			slot = numbered_slot(source.values[0]);
		if (slot == 0) /* a search does not fail because a slot was cleared */
			return;
		set_metadata_slot(&condition, slot);
	}
	if (!complete_condition(&condition, item, op))
		return;
	if (condition.type == FILTER_ISSUES)
	{
		source = get_value_texts(item, "source", name, true);
		condition.nsources = source.n;
		condition.sources = source.values;
	}
	if (!first || !merge_condition(filter, &condition))
		filter->conditions[filter->nconditions++] = condition;
}

static void
parse_slot(Parser *parser, JsonbContainer *item, const char *name, int slot)
{
	Filter *filter = parser->filter;
	FilterCondition condition = {.name = name};
	const FilterOperator *op = get_filter_operator(item, name);

	set_metadata_slot(&condition, slot);
	if (complete_condition(&condition, item, op))
		filter->conditions[filter->nconditions++] = condition;
}

/* ---- saved searches and actions ---------------------------------------------------------------------------------- */

/* The stored JSON; NULL when there is none that can be used. */
static Jsonb *
read_saved(const char *statement, const char *id, int32 project_id)
{
	MemoryContext context = CurrentMemoryContext;
	Oid types[] = {TEXTOID, INT4OID};
	Datum arguments[] = {CStringGetTextDatum(id), Int32GetDatum(project_id)};
	Jsonb *json = NULL;
	bool isnull;

	SPI_connect();
	if (SPI_execute_with_args(statement, 2, types, arguments, NULL, true, 1) == SPI_OK_SELECT && SPI_processed == 1)
	{
		Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
		{
			MemoryContext old = MemoryContextSwitchTo(context);

			json = DatumGetJsonbPCopy(value);
			MemoryContextSwitchTo(old);
		}
	}
	SPI_finish();
	return json;
}

static void
parse_saved(Parser *parser, JsonbContainer *item, bool segment)
{
	char *id = segment ? get_text(item, "searchId", "search_id") : get_text(item, "actionId", "action_id");
	Jsonb *json;

	if (id == NULL)
		refuse_filter(segment ? "a segment needs a searchId" : "an action needs an actionId", NULL);
	if (parser->depth == MAX_SEGMENT_DEPTH)
		return;
	for (int i = 0; i < parser->depth; i++)
		if (strcmp(parser->segments[i], id) == 0)
			return;
	json = read_saved(segment ? "SELECT s.search_data -> 'filters' FROM public.saved_searches s"
								" WHERE s.search_id::text = lower($1) AND s.project_id = $2 AND s.deleted_at IS NULL"
								" AND (s.expires_at IS NULL OR s.expires_at > timezone('utc', now()))"
							  : "SELECT a.filters FROM public.actions a"
								" WHERE a.action_id::text = lower($1) AND a.project_id = $2",
					  id, parser->filter->project_id);
	if (json == NULL || !JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json))
		return;
	parser->segments[parser->depth++] = id;
	parse_list(parser, &json->root);
	parser->depth--;
}

/* ---- items ------------------------------------------------------------------------------------------------------- */

static void
parse_first_generation(Parser *parser, JsonbContainer *item, const char *name)
{
	const FilterEventType *event = find_filter_event(name, FILTER_GENERATION_FIRST);
	const FilterMetric *metric = find_filter_metric(name);
	const FilterAttribute *attribute = find_filter_attribute(name);

	if (event != NULL)
		parse_first_generation_event(parser, item, name, event);
	else if (metric != NULL)
		parse_metric_event(parser, item, name, metric);
	else if (attribute != NULL)
		parse_attribute(parser, item, name, attribute, true);
	else
		refuse_filter(psprintf("there is no filter \"%s\"", shorten(name)),
					  psprintf("Events are %s; attributes of sessions are %s.",
							   list_filter_events(FILTER_GENERATION_FIRST), list_filter_attributes()));
}

static void
parse_second_generation(Parser *parser, JsonbContainer *item, const char *name)
{
	const FilterEventType *event = find_filter_event(name, FILTER_GENERATION_SECOND);
	const FilterAttribute *attribute = find_filter_attribute(name);
	bool is_event = get_boolean(item, "isEvent", "is_event", event != NULL && attribute == NULL);
	bool captured = get_boolean(item, "autoCaptured", "auto_captured", true);

	if (is_event && !captured)
		parse_second_generation_event(parser, item, name, NULL);
	else if (is_event && event != NULL)
		parse_second_generation_event(parser, item, name, event);
	else if (is_event)
		refuse_filter(psprintf("there is no event \"%s\"", shorten(name)),
					  psprintf("Events are %s. Those that a site names itself have autoCaptured false.",
							   list_filter_events(FILTER_GENERATION_SECOND)));
	else if (numbered_slot(name) > 0)
		parse_slot(parser, item, name, numbered_slot(name));
	else if (attribute != NULL && captured)
		parse_attribute(parser, item, name, attribute, false);
	else
		parse_anywhere(parser, item, name);
}

static void
parse_list(Parser *parser, JsonbContainer *list)
{
	Filter *filter = parser->filter;

	for (uint32 i = 0; i < JsonContainerSize(list); i++)
	{
		JsonbContainer *item = get_filter_item(list, i);
		int nevents = filter->nevents;
		char *name;

		if (++parser->nitems > MAX_ITEMS)
			refuse_filter("there are too many filters", psprintf("At most %d are allowed.", MAX_ITEMS));
		if (filter->conditions == NULL)
		{
			filter->conditions = palloc0(MAX_ITEMS * sizeof(FilterCondition));
			filter->anywhere = palloc0(MAX_ITEMS * sizeof(FilterAnywhere));
			filter->events = palloc0(MAX_ITEMS * sizeof(FilterEvent));
		}
		if (get_boolean(item, "isSegment", "is_segment", false))
			parse_saved(parser, item, true);
		else if (get_boolean(item, "isAction", "is_action", false))
			parse_saved(parser, item, false);
		else if ((name = get_text(item, "name", NULL)) != NULL)
			parse_second_generation(parser, item, name);
		else if ((name = get_text(item, "type", NULL)) != NULL)
			parse_first_generation(parser, item, name);
		else
			refuse_filter(psprintf("filter %u has neither type nor name", i + 1),
						  "A filter is {\"type\": \"userBrowser\", \"operator\": \"is\", \"value\": [\"Chrome\"]}.");
		/* those of a saved search know theirs already */
		for (; nevents < filter->nevents; nevents++)
			if (filter->events[nevents].item == NULL)
				filter->events[nevents].item = JsonbValueToJsonb(getIthJsonbValueFromContainer(list, i));
	}
}

static void
parse_member_list(Parser *parser, JsonbContainer *object, const char *name)
{
	JsonbValue value;

	if (!get_member(object, name, NULL, &value))
		return;
	if (!is_list(&value))
		refuse_filter(psprintf("%s is no list", name), NULL);
	parse_list(parser, value.val.binary.data);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static int64
get_moment(JsonbContainer *object, const char *name, const char *alias, int64 otherwise)
{
	char *text = get_text(object, name, alias);

	if (text == NULL || text[0] == '\0')
		return otherwise;
	if (!is_decimal_number(text) || text[0] == '-' || strlen(text) > 15)
		refuse_filter(psprintf("%s cannot be \"%s\"", name, shorten(text)), "It is a time in milliseconds since 1970.");
	return strtoll(text, NULL, 10);
}

static void
parse_object(Parser *parser, JsonbContainer *object)
{
	Filter *filter = parser->filter;
	char *order = get_text(object, "eventsOrder", "events_order");
	int64 from_ts = get_moment(object, "startTimestamp", "startDate", PG_INT64_MIN);
	int64 to_ts = get_moment(object, "endTimestamp", "endDate", PG_INT64_MAX);

	if (from_ts > to_ts)
		refuse_filter("startTimestamp is after endTimestamp", NULL);
	set_filter_range(filter, from_ts, to_ts, false);
	if (order != NULL && strcmp(order, "or") == 0)
		filter->order = FILTER_OR;
	else if (order != NULL && strcmp(order, "and") == 0)
		filter->order = FILTER_AND;
	else if (order != NULL && order[0] != '\0' && strcmp(order, "then") != 0)
		refuse_filter(psprintf("eventsOrder cannot be \"%s\"", shorten(order)), "It is then, and or or.");
	parse_member_list(parser, object, "events");
	parse_member_list(parser, object, "filters");
}

static void
read_project(Filter *filter)
{
	MemoryContext context = CurrentMemoryContext;
	Oid types[] = {INT4OID};
	Datum arguments[] = {Int32GetDatum(filter->project_id)};
	MemoryContext old;
	char *platform;

	SPI_connect();
	SPI_execute_with_args("SELECT platform, metadata_1, metadata_2, metadata_3, metadata_4, metadata_5, metadata_6,"
						  " metadata_7, metadata_8, metadata_9, metadata_10"
						  " FROM public.projects WHERE project_id = $1 AND deleted_at IS NULL",
						  1, types, arguments, NULL, true, 1);
	if (SPI_processed == 0)
		ereport(ERROR, errcode(ERRCODE_NO_DATA_FOUND), errmsg("project not found"),
				errdetail("There is no project %d.", filter->project_id));
	platform = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	filter->web = strcmp(platform, "web") == 0;
	old = MemoryContextSwitchTo(context);
	for (int i = 0; i < lengthof(filter->metadata); i++)
	{
		char *name = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 2);

		filter->metadata[i] = name == NULL ? NULL : pstrdup(name);
	}
	MemoryContextSwitchTo(old);
	SPI_finish();
}

void
set_filter_range(Filter *filter, int64 from_ts, int64 to_ts, bool to_exclusive)
{
	filter->from_ts = from_ts;
	filter->to_ts = to_ts;
	filter->to_exclusive = to_exclusive;
}

Filter *
parse_filter(int32 project_id, Jsonb *json)
{
	Filter *filter = palloc0(sizeof(Filter));
	Parser parser = {.filter = filter};

	filter->project_id = project_id;
	set_filter_range(filter, PG_INT64_MIN, PG_INT64_MAX, false);
	filter->sample_rate = 100;
	read_project(filter);
	if (JB_ROOT_IS_OBJECT(json))
		parse_object(&parser, &json->root);
	else if (JB_ROOT_IS_ARRAY(json) && !JB_ROOT_IS_SCALAR(json))
		parse_list(&parser, &json->root);
	else
		refuse_filter(
			"a filter is a JSON object",
			"It is {\"filters\": [{\"type\": \"userBrowser\", \"operator\": \"is\", \"value\": [\"Chrome\"]}]}.");
	return filter;
}

void
parse_filter_items(Filter *filter, JsonbContainer *list)
{
	Parser parser = {.filter = filter, .nitems = filter->nconditions + filter->nanywhere + filter->nevents};

	parse_list(&parser, list);
}
