/*
 * parse_events.c - event items of a filter
 *
 * The hard idea: absence.  A negative comparison of an event means that no such event is in the session, never that one
 * is that differs.  So a negative item is stored as its positive form and marked negated: in the first generation by
 * its own operator, in the second when all its conditions are negative.
 */
#include "postgres.h"

#include "metrics/members.h"
#include "metrics/parse.h"

#define MAX_CONDITIONS 50 /* of one event */

/* ---- events ------------------------------------------------------------------------------------------------------ */

FilterKind
kind_of_project(const Filter *filter, FilterKind kind)
{
	if (filter->web)
		return kind;
	return kind == EVENTS_CLICKS   ? EVENTS_TAPS
		   : kind == EVENTS_INPUTS ? EVENTS_MOBILE_INPUTS
		   : kind == EVENTS_PAGES  ? EVENTS_VIEWS
								   : kind;
}

static void
add_event(Parser *parser, const FilterEvent *event)
{
	parser->filter->events[parser->filter->nevents++] = *event;
}

/* The list of conditions of an event item; NULL when it has none. */
static JsonbContainer *
get_conditions(JsonbContainer *item, const char *name)
{
	JsonbValue value;

	if (!get_member(item, "filters", NULL, &value))
		return NULL;
	if (!is_list(&value))
		refuse_filter(psprintf("filters of \"%s\" are no list", shorten(name)), NULL);
	if (JsonContainerSize(value.val.binary.data) > MAX_CONDITIONS)
		refuse_filter(psprintf("\"%s\" has too many filters", shorten(name)),
					  psprintf("At most %d are allowed.", MAX_CONDITIONS));
	return value.val.binary.data;
}

static void
refuse_property(const FilterEvent *event, const char *name)
{
	refuse_filter(psprintf("events \"%s\" have no \"%s\"", shorten(event->name), shorten(name)),
				  psprintf("They have %s.", list_filter_properties(event->kind)));
}

/* What a site put into its event's payload. */
static void
set_payload_key(FilterCondition *condition, const char *key, JsonbContainer *item)
{
	char *data_type = get_text(item, "dataType", "data_type");

	condition->type = FILTER_TEXT;
	if (data_type != NULL && (strcmp(data_type, "number") == 0 || strcmp(data_type, "integer") == 0))
		condition->type = FILTER_NUMBER;
	else if (data_type != NULL && strcmp(data_type, "boolean") == 0)
		condition->type = FILTER_BOOLEAN;
	condition->expression = NULL;
	condition->key = key;
}

static void
parse_condition_name(const Filter *filter, const FilterEvent *event, JsonbContainer *item, FilterCondition *condition)
{
	char *name = get_text(item, "name", "type");
	const FilterProperty *property;
	const FilterAttribute *attribute;

	if (name == NULL)
		refuse_filter(psprintf("a filter of \"%s\" has no name", shorten(event->name)),
					  psprintf("Names are %s.", list_filter_properties(event->kind)));
	condition->name = name;
	property = find_filter_property(event->kind, name);
	if (event->kind == EVENTS_CUSTOMS &&
		(property == NULL || !get_boolean(item, "autoCaptured", "auto_captured", true)))
	{
		set_payload_key(condition, name, item);
		return;
	}
	if (property != NULL)
	{
		set_condition_property(condition, property);
		return;
	}
	attribute = find_filter_attribute(name);
	if (attribute != NULL && (attribute->type == FILTER_TEXT || attribute->type == FILTER_NUMBER))
	{
		condition->type = attribute->type;
		condition->expression = attribute->expression;
		return;
	}
	if (numbered_slot(name) == 0)
		refuse_property(event, name);
	set_metadata_slot(condition, numbered_slot(name));
}

/* Conditions on one event, those that say nothing yet left out. */
static void
parse_conditions(const Filter *filter, FilterEvent *event, JsonbContainer *list)
{
	uint32 n = list == NULL ? 0 : JsonContainerSize(list);

	event->conditions = palloc0((n + 1) * sizeof(FilterCondition));
	for (uint32 i = 0; i < n; i++)
	{
		JsonbContainer *item = get_filter_item(list, i);
		FilterCondition *condition = &event->conditions[event->nconditions];
		const FilterOperator *op;

		parse_condition_name(filter, event, item, condition);
		op = get_filter_operator(item, condition->name);
		if (op->of_selector)
		{
			const FilterProperty *selector = find_filter_property(event->kind, "selector");

			if (selector == NULL)
				refuse_property(event, "selector");
			set_condition_property(condition, selector);
		}
		if (complete_condition(condition, item, op))
			event->nconditions++;
		else
			memset(condition, 0, sizeof(*condition));
	}
}

static void
set_sources(Filter *filter, FilterEvent *event, JsonbContainer *item)
{
	Texts sources = get_value_texts(item, "source", event->name, true);

	if (event->kind == EVENTS_ERRORS)
	{
		JsonbValue value;
		bool first_is_null = get_member(item, "source", NULL, &value) && is_list(&value) &&
							 JsonContainerSize(value.val.binary.data) > 0 &&
							 getIthJsonbValueFromContainer(value.val.binary.data, 0)->type == jbvNull;

		if (first_is_null || (sources.n > 0 && (sources.values[0][0] == '\0' || strcmp(sources.values[0], "*") == 0)))
			return;
		if (sources.n == 0)
		{
			sources.n = 1;
			sources.values = palloc(sizeof(char *));
			sources.values[0] = "js_exception";
		}
	}
	else if (event->kind == EVENTS_MOBILE_INPUTS && sources.n > 0)
		refuse_filter("inputs of mobile applications have no value", "Leave out the source.");
	else if (event->kind != EVENTS_INPUTS)
		return;
	event->nsources = sources.n;
	event->sources = sources.values;
}

/* An event of the first generation that is compared with the item's own value. */
static void
parse_simple_event(Parser *parser, JsonbContainer *item, FilterEvent *event, const char *property_name)
{
	const FilterOperator *op = get_filter_operator(item, event->name);
	const FilterProperty *property = find_filter_property(event->kind, op->of_selector ? "selector" : property_name);
	FilterCondition *condition = palloc0(sizeof(FilterCondition));

	if (property == NULL)
		refuse_property(event, "selector");
	condition->name = event->name;
	set_condition_property(condition, property);
	if (!complete_condition(condition, item, op))
		return;
	event->negated = comparison_is_negative(condition->comparison);
	condition->comparison = positive_comparison(condition->comparison);
	event->conditions = condition;
	event->nconditions = condition->comparison == FILTER_PRESENT ? 0 : 1;
	set_sources(parser->filter, event, item);
	add_event(parser, event);
}

void
parse_metric_event(Parser *parser, JsonbContainer *item, const char *name, const FilterMetric *metric)
{
	FilterEvent event = {.name = name, .kind = kind_of_project(parser->filter, metric->kind), .metric = metric};
	char *text = get_text(item, "sourceOperator", "source_operator");
	const FilterOperator *op = text == NULL ? NULL : find_filter_operator(text);
	JsonbValue value;
	Texts sources;

	if (event.kind != metric->kind)
		refuse_filter(psprintf("mobile applications have no \"%s\"", shorten(name)), NULL);
	if (op == NULL || op->of_selector ||
		(op->comparison != FILTER_EQUAL && (op->comparison < FILTER_LESS || op->comparison > FILTER_AT_LEAST)))
		refuse_filter(psprintf("filter \"%s\" needs a sourceOperator", shorten(name)), "It is one of =, <, >, <=, >=.");
	if (!get_member(item, "source", NULL, &value))
		refuse_filter(psprintf("filter \"%s\" needs a source", shorten(name)), "It is a list of numbers.");
	event.metric_comparison = op->comparison;
	sources = get_value_texts(item, "source", name, true);
	if (sources.n == 0)
		return;
	for (int i = 0; i < sources.n; i++)
		if (!is_decimal_number(sources.values[i]))
			refuse_filter(
				psprintf("source \"%s\" of filter \"%s\" is not a number", shorten(sources.values[i]), shorten(name)),
				NULL);
	event.nsources = sources.n;
	event.sources = sources.values;
	parse_simple_event(parser, item, &event, "url_path");
}

void
parse_first_generation_event(Parser *parser, JsonbContainer *item, const char *name, const FilterEventType *type)
{
	FilterEvent event = {.name = name, .kind = kind_of_project(parser->filter, type->kind)};
	JsonbContainer *conditions;

	if (type->condition[0] != '\0')
		event.fixed = type->condition;
	if (type->property[0] != '\0')
	{
		parse_simple_event(parser, item, &event, type->property);
		return;
	}
	conditions = get_conditions(item, name);
	if (conditions == NULL)
		refuse_filter(psprintf("filter \"%s\" needs filters", shorten(name)),
					  psprintf("They can be about %s.", list_filter_properties(event.kind)));
	event.negated = comparison_is_negative(get_filter_operator(item, name)->comparison);
	parse_conditions(parser->filter, &event, conditions);
	add_event(parser, &event);
}

static bool
get_property_order(JsonbContainer *item, const char *name)
{
	char *order = get_text(item, "propertyOrder", "property_order");

	if (order != NULL && strcmp(order, "and") != 0 && strcmp(order, "or") != 0 && order[0] != '\0')
		refuse_filter(psprintf("propertyOrder of \"%s\" cannot be \"%s\"", shorten(name), shorten(order)),
					  "It is and or or.");
	return order != NULL && strcmp(order, "or") == 0;
}

/* All conditions negative: no event of that name satisfies them made positive. */
static bool
turn_to_absence(FilterCondition *conditions, int n)
{
	for (int i = 0; i < n; i++)
		if (!comparison_is_negative(conditions[i].comparison))
			return false;
	for (int i = 0; i < n; i++)
		conditions[i].comparison = positive_comparison(conditions[i].comparison);
	return n > 0;
}

/* type is NULL for an event that a site names itself. */
void
parse_second_generation_event(Parser *parser, JsonbContainer *item, const char *name, const FilterEventType *type)
{
	FilterEvent event = {.name = name, .kind = EVENTS_CUSTOMS};

	if (type == NULL)
		event.custom_name = name;
	else
	{
		event.kind = kind_of_project(parser->filter, type->kind);
		event.fixed = type->condition[0] != '\0' ? type->condition : NULL;
	}
	event.any = get_property_order(item, name);
	parse_conditions(parser->filter, &event, get_conditions(item, name));
	event.negated = comparison_is_negative(get_filter_operator(item, name)->comparison);
	if (!event.negated)
		event.negated = turn_to_absence(event.conditions, event.nconditions);
	add_event(parser, &event);
}

/* A property without its event: some event of the session has it so. */
void
parse_anywhere(Parser *parser, JsonbContainer *item, const char *name)
{
	Filter *filter = parser->filter;
	const FilterOperator *op = get_filter_operator(item, name);
	bool captured = get_boolean(item, "autoCaptured", "auto_captured", true);
	FilterAnywhere anywhere = {.events = palloc0(EVENTS_KINDS * sizeof(FilterEvent))};

	for (int kind = 0; kind < EVENTS_KINDS; kind++)
	{
		const FilterProperty *property = captured ? find_filter_property(kind, name) : NULL;
		FilterEvent *event = &anywhere.events[anywhere.nevents];
		FilterCondition *condition;

		if (property == NULL && (captured || kind != EVENTS_CUSTOMS))
			continue;
		*event = (FilterEvent){.name = name, .kind = kind, .nconditions = 1};
		condition = event->conditions = palloc0(sizeof(FilterCondition));
		condition->name = name;
		if (property != NULL)
			set_condition_property(condition, property);
		else
			set_payload_key(condition, name, item);
		if (!complete_condition(condition, item, op))
			return;
		anywhere.negated = comparison_is_negative(condition->comparison);
		condition->comparison = positive_comparison(condition->comparison);
		anywhere.nevents++;
	}
	if (anywhere.nevents == 0)
		refuse_filter(
			psprintf("there is no filter \"%s\"", shorten(name)),
			psprintf("Events are %s; attributes of sessions are %s and metadata_1 to metadata_10. Other names are "
					 "of events that a site reports itself, with autoCaptured false.",
					 list_filter_events(FILTER_GENERATION_SECOND), list_filter_attributes()));
	filter->anywhere[filter->nanywhere++] = anywhere;
}
