/*
 * parse.c - from the JSON of a filter to its structure
 *
 * Owns the rules of both generations: an item with "name" is of the second, one with "type" of the first.  What comes
 * out is the same for both: conditions on the session, and events with conditions of their own.
 *
 * The hard idea: absence.  A negative comparison of an event means that no such event is in the session, never that one
 * is that differs.  So a negative item is stored as its positive form and marked negated: in the first generation by
 * its own operator, in the second when all its conditions are negative.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "regex/regex.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/syscache.h"

#include "metrics/filter.h"
#include "metrics/members.h"

#define MAX_ITEMS 100
#define MAX_CONDITIONS 50 /* of one event */
#define MAX_VALUES 200
#define MAX_VALUE_LENGTH 8000 /* characters: what is longer was cut when it was stored */
#define MAX_REGEX_LENGTH 256
#define MAX_NUMBER_LENGTH 40
#define MAX_SEGMENT_DEPTH 3
#define SHOWN_LENGTH 60

typedef struct Parser
{
	Filter *filter;
	int nitems;
	int depth; /* of saved searches in saved searches */
	const char *segments[MAX_SEGMENT_DEPTH];
} Parser;

typedef struct Texts
{
	int n;
	char **values;
} Texts;

static void parse_list(Parser *parser, JsonbContainer *list);

/* ---- errors -------------------------------------------------------------------------------------------------------
 */

/* What a client wrote, as a message can show it. */
static const char *
shown(const char *text)
{
	int length = pg_mbcliplen(text, (int) strlen(text), SHOWN_LENGTH);

	return text[length] == '\0' ? text : psprintf("%.*s...", length, text);
}

static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), hint ? errhint("%s", hint) : 0);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* A list of scalars, or one scalar; nulls are left out, and with distinct what comes again. */
static Texts
get_texts(JsonbContainer *object, const char *name, const char *owner, bool distinct)
{
	JsonbValue value;
	Texts texts = {0};
	int n = 1;

	if (!get_member(object, name, NULL, &value))
		return texts;
	if (is_list(&value))
		n = JsonContainerSize(value.val.binary.data);
	if (n > MAX_VALUES)
		refuse(psprintf("filter \"%s\" has %d values", shown(owner), n),
			   psprintf("At most %d are allowed.", MAX_VALUES));
	texts.values = palloc(Max(n, 1) * sizeof(char *));
	for (int i = 0; i < n; i++)
	{
		JsonbValue *element = is_list(&value) ? getIthJsonbValueFromContainer(value.val.binary.data, i) : &value;
		char *text = scalar_text(element);
		bool known = false;

		if (element->type == jbvNull)
			continue;
		if (text == NULL)
			refuse(psprintf("a %s of filter \"%s\" is a list or an object", name, shown(owner)),
				   "It is a string or a number, or a list of those.");
		if (pg_mbstrlen(text) > MAX_VALUE_LENGTH)
			refuse(psprintf("a %s of filter \"%s\" is too long", name, shown(owner)),
				   psprintf("At most %d characters are allowed.", MAX_VALUE_LENGTH));
		for (int j = 0; distinct && j < texts.n && !known; j++)
			known = strcmp(texts.values[j], text) == 0;
		if (!known)
			texts.values[texts.n++] = text;
	}
	return texts;
}

static bool
is_number(const char *text)
{
	const char *c = text + (*text == '-');
	size_t whole = strspn(c, "0123456789");

	if (strlen(text) > MAX_NUMBER_LENGTH || whole == 0)
		return false;
	c += whole;
	if (*c == '.')
	{
		size_t fraction = strspn(c + 1, "0123456789");

		if (fraction == 0)
			return false;
		c += 1 + fraction;
	}
	return *c == '\0';
}

/* ---- conditions ---------------------------------------------------------------------------------------------------
 */

static void
check_regex(const char *name, const char *pattern)
{
	int length = (int) strlen(pattern);
	pg_wchar *wide;
	regex_t compiled;
	int result;

	if (pg_mbstrlen(pattern) > MAX_REGEX_LENGTH)
		refuse(psprintf("a pattern of filter \"%s\" is too long", shown(name)),
			   psprintf("At most %d characters are allowed.", MAX_REGEX_LENGTH));
	wide = palloc((length + 1) * sizeof(pg_wchar));
	length = pg_mb2wchar_with_len(pattern, wide, length);
	result = pg_regcomp(&compiled, wide, length, REG_ADVANCED, DEFAULT_COLLATION_OID);
	pfree(wide);
	if (result != REG_OKAY)
	{
		char fault[100];

		pg_regerror(result, &compiled, fault, sizeof(fault));
		refuse(psprintf("a pattern of filter \"%s\" is no regular expression", shown(name)), fault);
	}
	pg_regfree(&compiled);
}

static bool
is_issue_type(const char *label)
{
	Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("issue_type"),
							   ObjectIdGetDatum(LookupExplicitNamespace("public", true)));

	return strlen(label) < NAMEDATALEN &&
		   SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(type), CStringGetDatum(label));
}

/* Leaves what can be compared in the condition's values. */
static void
check_values(FilterCondition *condition)
{
	int n = 0;

	for (int i = 0; i < condition->nvalues; i++)
	{
		char *value = condition->values[i];

		switch (condition->type)
		{
			case FILTER_NUMBER:
				if (value[0] == '\0') /* a row that nobody has filled in yet */
					continue;
				if (!is_number(value))
					refuse(
						psprintf("value \"%s\" of filter \"%s\" is not a number", shown(value), shown(condition->name)),
						"Values are numbers, such as 400 or \"2.5\".");
				break;
			case FILTER_BOOLEAN:
				if (value[0] == '\0')
					continue;
				if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
					refuse(psprintf("value \"%s\" of filter \"%s\" is neither true nor false", shown(value),
									shown(condition->name)),
						   "Values are \"true\" and \"false\".");
				break;
			case FILTER_ISSUES:
				if (value[0] == '\0')
					continue;
				if (!is_issue_type(value))
					refuse(psprintf("value \"%s\" of filter \"%s\" is not a kind of issue", shown(value),
									shown(condition->name)),
						   "SELECT type FROM openreplay.issue_types() lists them.");
				break;
			case FILTER_DURATION:
				if (value[0] != '\0' && !is_number(value))
					continue;
				break;
			default:
				if (condition->comparison == FILTER_REGEX)
					check_regex(condition->name, value);
		}
		condition->values[n++] = value;
	}
	condition->nvalues = n;
}

static const FilterOperator *
get_operator(JsonbContainer *item, const char *name)
{
	char *text = get_text(item, "operator", NULL);
	const FilterOperator *op = text == NULL ? NULL : find_filter_operator(text);

	if (text == NULL)
		refuse(psprintf("filter \"%s\" has no operator", shown(name)),
			   psprintf("Operators are %s.", list_filter_operators(FILTER_TEXT)));
	if (op == NULL)
		refuse(psprintf("filter \"%s\" has an unknown operator \"%s\"", shown(name), shown(text)),
			   psprintf("Operators are %s, selectorIs and its like, <, >, <=, >=, true, false.",
						list_filter_operators(FILTER_TEXT)));
	return op;
}

/*
 * Completes a condition whose name, type and expression are known from its item's operator and value.  False when the
 * item says nothing yet: it has no value though it needs one.
 */
static bool
complete_condition(FilterCondition *condition, JsonbContainer *item, const FilterOperator *op)
{
	Texts texts = get_texts(item, "value", condition->name, condition->type != FILTER_DURATION);

	if (!filter_type_allows(condition->type, op->comparison))
		refuse(psprintf("filter \"%s\" cannot use operator \"%s\"", shown(condition->name), op->name),
			   psprintf("Its operators are %s.", list_filter_operators(condition->type)));
	condition->operator_name = op->name;
	condition->comparison = op->comparison;
	condition->nvalues = texts.n;
	condition->values = texts.values;
	check_values(condition);
	return condition->nvalues > 0 || !comparison_needs_value(condition->comparison);
}

static FilterComparison
positive(FilterComparison comparison)
{
	return comparison == FILTER_NOT_EQUAL	   ? FILTER_EQUAL
		   : comparison == FILTER_NOT_CONTAINS ? FILTER_CONTAINS
											   : comparison;
}

/* The slot of a metadata key; 0 when the project has none of that name. */
static int
metadata_slot(const Filter *filter, const char *key)
{
	for (int i = 0; i < lengthof(filter->metadata); i++)
		if (filter->metadata[i] != NULL && strcmp(filter->metadata[i], key) == 0)
			return i + 1;
	return 0;
}

/* metadata_3: the slot itself; 0 for other names. */
static int
numbered_slot(const char *name)
{
	const char *digits = name + strlen("metadata");

	if (pg_strncasecmp(name, "metadata", strlen("metadata")) != 0)
		return 0;
	digits += *digits == '_';
	if (digits[0] == '1' && digits[1] == '0' && digits[2] == '\0')
		return 10;
	return digits[0] >= '1' && digits[0] <= '9' && digits[1] == '\0' ? digits[0] - '0' : 0;
}

static void
set_slot(FilterCondition *condition, int slot)
{
	condition->type = FILTER_TEXT;
	condition->expression = psprintf("s.metadata_%d", slot);
}

/* ---- conditions on the session ------------------------------------------------------------------------------------
 */

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
	op = attribute->type == FILTER_DURATION ? find_filter_operator("is") : get_operator(item, name);
	if (op->of_selector)
		refuse(psprintf("filter \"%s\" cannot use operator \"%s\"", shown(name), op->name),
			   psprintf("Its operators are %s.", list_filter_operators(attribute->type)));
	if (attribute->type == FILTER_METADATA)
	{
		int slot;

		source = get_texts(item, "source", name, true);
		if (source.n != 1)
			refuse("a filter on metadata needs one source",
				   "Its source is the name of the metadata, such as \"plan\".");
		slot = metadata_slot(filter, source.values[0]);
		if (slot == 0)
			slot = numbered_slot(source.values[0]);
		if (slot == 0) /* a search does not fail because a slot was cleared */
			return;
		set_slot(&condition, slot);
	}
	if (!complete_condition(&condition, item, op))
		return;
	if (condition.type == FILTER_ISSUES)
	{
		source = get_texts(item, "source", name, true);
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
	const FilterOperator *op = get_operator(item, name);

	set_slot(&condition, slot);
	if (complete_condition(&condition, item, op))
		filter->conditions[filter->nconditions++] = condition;
}

/* ---- events -------------------------------------------------------------------------------------------------------
 */

/* Mobile applications have taps, fields and views of their own. */
static FilterKind
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
set_property(FilterCondition *condition, const FilterProperty *property)
{
	condition->type = property->type;
	condition->expression = property->expression;
	condition->second = property->second[0] != '\0' ? property->second : NULL;
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
		refuse(psprintf("filters of \"%s\" are no list", shown(name)), NULL);
	if (JsonContainerSize(value.val.binary.data) > MAX_CONDITIONS)
		refuse(psprintf("\"%s\" has too many filters", shown(name)),
			   psprintf("At most %d are allowed.", MAX_CONDITIONS));
	return value.val.binary.data;
}

static JsonbContainer *
get_item(JsonbContainer *list, uint32 i)
{
	JsonbValue *value = getIthJsonbValueFromContainer(list, i);

	if (!is_object(value))
		refuse(psprintf("filter %u is no object", i + 1),
			   "A filter is {\"type\": \"userBrowser\", \"operator\": \"is\", \"value\": [\"Chrome\"]}.");
	return value->val.binary.data;
}

static void
refuse_property(const FilterEvent *event, const char *name)
{
	refuse(psprintf("events \"%s\" have no \"%s\"", shown(event->name), shown(name)),
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
		refuse(psprintf("a filter of \"%s\" has no name", shown(event->name)),
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
		set_property(condition, property);
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
	set_slot(condition, numbered_slot(name));
}

/* Conditions on one event, those that say nothing yet left out. */
static void
parse_conditions(const Filter *filter, FilterEvent *event, JsonbContainer *list)
{
	uint32 n = list == NULL ? 0 : JsonContainerSize(list);

	event->conditions = palloc0((n + 1) * sizeof(FilterCondition));
	for (uint32 i = 0; i < n; i++)
	{
		JsonbContainer *item = get_item(list, i);
		FilterCondition *condition = &event->conditions[event->nconditions];
		const FilterOperator *op;

		parse_condition_name(filter, event, item, condition);
		op = get_operator(item, condition->name);
		if (op->of_selector)
		{
			const FilterProperty *selector = find_filter_property(event->kind, "selector");

			if (selector == NULL)
				refuse_property(event, "selector");
			set_property(condition, selector);
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
	Texts sources = get_texts(item, "source", event->name, true);

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
		refuse("inputs of mobile applications have no value", "Leave out the source.");
	else if (event->kind != EVENTS_INPUTS)
		return;
	event->nsources = sources.n;
	event->sources = sources.values;
}

/* An event of the first generation that is compared with the item's own value. */
static void
parse_simple_event(Parser *parser, JsonbContainer *item, FilterEvent *event, const char *property_name)
{
	const FilterOperator *op = get_operator(item, event->name);
	const FilterProperty *property = find_filter_property(event->kind, op->of_selector ? "selector" : property_name);
	FilterCondition *condition = palloc0(sizeof(FilterCondition));

	if (property == NULL)
		refuse_property(event, "selector");
	condition->name = event->name;
	set_property(condition, property);
	if (!complete_condition(condition, item, op))
		return;
	event->negated = comparison_is_negative(condition->comparison);
	condition->comparison = positive(condition->comparison);
	event->conditions = condition;
	event->nconditions = condition->comparison == FILTER_PRESENT ? 0 : 1;
	set_sources(parser->filter, event, item);
	add_event(parser, event);
}

static void
parse_metric_event(Parser *parser, JsonbContainer *item, const char *name, const FilterMetric *metric)
{
	FilterEvent event = {.name = name, .kind = kind_of_project(parser->filter, metric->kind), .metric = metric};
	char *text = get_text(item, "sourceOperator", "source_operator");
	const FilterOperator *op = text == NULL ? NULL : find_filter_operator(text);
	JsonbValue value;
	Texts sources;

	if (event.kind != metric->kind)
		refuse(psprintf("mobile applications have no \"%s\"", shown(name)), NULL);
	if (op == NULL || op->of_selector ||
		(op->comparison != FILTER_EQUAL && (op->comparison < FILTER_LESS || op->comparison > FILTER_AT_LEAST)))
		refuse(psprintf("filter \"%s\" needs a sourceOperator", shown(name)), "It is one of =, <, >, <=, >=.");
	if (!get_member(item, "source", NULL, &value))
		refuse(psprintf("filter \"%s\" needs a source", shown(name)), "It is a list of numbers.");
	event.metric_comparison = op->comparison;
	sources = get_texts(item, "source", name, true);
	if (sources.n == 0)
		return;
	for (int i = 0; i < sources.n; i++)
		if (!is_number(sources.values[i]))
			refuse(psprintf("source \"%s\" of filter \"%s\" is not a number", shown(sources.values[i]), shown(name)),
				   NULL);
	event.nsources = sources.n;
	event.sources = sources.values;
	parse_simple_event(parser, item, &event, "url_path");
}

static void
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
		refuse(psprintf("filter \"%s\" needs filters", shown(name)),
			   psprintf("They can be about %s.", list_filter_properties(event.kind)));
	event.negated = comparison_is_negative(get_operator(item, name)->comparison);
	parse_conditions(parser->filter, &event, conditions);
	add_event(parser, &event);
}

static bool
get_property_order(JsonbContainer *item, const char *name)
{
	char *order = get_text(item, "propertyOrder", "property_order");

	if (order != NULL && strcmp(order, "and") != 0 && strcmp(order, "or") != 0 && order[0] != '\0')
		refuse(psprintf("propertyOrder of \"%s\" cannot be \"%s\"", shown(name), shown(order)), "It is and or or.");
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
		conditions[i].comparison = positive(conditions[i].comparison);
	return n > 0;
}

/* type is NULL for an event that a site names itself. */
static void
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
	event.negated = comparison_is_negative(get_operator(item, name)->comparison);
	if (!event.negated)
		event.negated = turn_to_absence(event.conditions, event.nconditions);
	add_event(parser, &event);
}

/* A property without its event: some event of the session has it so. */
static void
parse_anywhere(Parser *parser, JsonbContainer *item, const char *name)
{
	Filter *filter = parser->filter;
	const FilterOperator *op = get_operator(item, name);
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
			set_property(condition, property);
		else
			set_payload_key(condition, name, item);
		if (!complete_condition(condition, item, op))
			return;
		anywhere.negated = comparison_is_negative(condition->comparison);
		condition->comparison = positive(condition->comparison);
		anywhere.nevents++;
	}
	if (anywhere.nevents == 0)
		refuse(psprintf("there is no filter \"%s\"", shown(name)),
			   psprintf("Events are %s; attributes of sessions are %s and metadata_1 to metadata_10. Other names are "
						"of events that a site reports itself, with autoCaptured false.",
						list_filter_events(FILTER_GENERATION_SECOND), list_filter_attributes()));
	filter->anywhere[filter->nanywhere++] = anywhere;
}

/* ---- saved searches and actions -----------------------------------------------------------------------------------
 */

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
		refuse(segment ? "a segment needs a searchId" : "an action needs an actionId", NULL);
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

/* ---- items --------------------------------------------------------------------------------------------------------
 */

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
		refuse(psprintf("there is no filter \"%s\"", shown(name)),
			   psprintf("Events are %s; attributes of sessions are %s.", list_filter_events(FILTER_GENERATION_FIRST),
						list_filter_attributes()));
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
		refuse(psprintf("there is no event \"%s\"", shown(name)),
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
		JsonbContainer *item = get_item(list, i);
		char *name;

		if (++parser->nitems > MAX_ITEMS)
			refuse("there are too many filters", psprintf("At most %d are allowed.", MAX_ITEMS));
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
			refuse(psprintf("filter %u has neither type nor name", i + 1),
				   "A filter is {\"type\": \"userBrowser\", \"operator\": \"is\", \"value\": [\"Chrome\"]}.");
	}
}

static void
parse_member_list(Parser *parser, JsonbContainer *object, const char *name)
{
	JsonbValue value;

	if (!get_member(object, name, NULL, &value))
		return;
	if (!is_list(&value))
		refuse(psprintf("%s is no list", name), NULL);
	parse_list(parser, value.val.binary.data);
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

static int64
get_moment(JsonbContainer *object, const char *name, const char *alias, int64 otherwise)
{
	char *text = get_text(object, name, alias);

	if (text == NULL || text[0] == '\0')
		return otherwise;
	if (!is_number(text) || text[0] == '-' || strlen(text) > 15)
		refuse(psprintf("%s cannot be \"%s\"", name, shown(text)), "It is a time in milliseconds since 1970.");
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
		refuse("startTimestamp is after endTimestamp", NULL);
	set_filter_range(filter, from_ts, to_ts, false);
	if (order != NULL && strcmp(order, "or") == 0)
		filter->order = FILTER_OR;
	else if (order != NULL && strcmp(order, "and") == 0)
		filter->order = FILTER_AND;
	else if (order != NULL && order[0] != '\0' && strcmp(order, "then") != 0)
		refuse(psprintf("eventsOrder cannot be \"%s\"", shown(order)), "It is then, and or or.");
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
	read_project(filter);
	if (JB_ROOT_IS_OBJECT(json))
		parse_object(&parser, &json->root);
	else if (JB_ROOT_IS_ARRAY(json) && !JB_ROOT_IS_SCALAR(json))
		parse_list(&parser, &json->root);
	else
		refuse("a filter is a JSON object",
			   "It is {\"filters\": [{\"type\": \"userBrowser\", \"operator\": \"is\", \"value\": [\"Chrome\"]}]}.");
	return filter;
}

void
parse_filter_items(Filter *filter, JsonbContainer *list)
{
	Parser parser = {.filter = filter, .nitems = filter->nconditions + filter->nanywhere + filter->nevents};

	parse_list(&parser, list);
}
