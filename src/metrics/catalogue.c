/*
 * catalogue.c - the rows of filters.list.h, how they are found and what they allow
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "metrics/filter.h"

const FilterOperator filter_operators[] = {
#define OPERATOR(name, comparison, of_selector) {name, FILTER_##comparison, of_selector},
#include "metrics/filters.list.h"
#undef OPERATOR
};
const FilterAttribute filter_attributes[] = {
#define ATTRIBUTE(name, alias, type, expression) {name, alias, FILTER_##type, expression},
#include "metrics/filters.list.h"
#undef ATTRIBUTE
};
const FilterEventType filter_events[] = {
#define EVENT(name, alias, generation, kind, property, condition) \
	{name, alias, FILTER_GENERATION_##generation, EVENTS_##kind, property, condition},
#include "metrics/filters.list.h"
#undef EVENT
};
const FilterMetric filter_metrics[] = {
#define METRIC(name, kind, expression, scale, sampled) {name, EVENTS_##kind, expression, scale, sampled},
#include "metrics/filters.list.h"
#undef METRIC
};
const FilterProperty filter_properties[] = {
#define PROPERTY(kind, name, alias, type, expression, second) \
	{EVENTS_##kind, name, alias, FILTER_##type, expression, second},
#include "metrics/filters.list.h"
#undef PROPERTY
};
const int n_filter_operators = lengthof(filter_operators);
const int n_filter_attributes = lengthof(filter_attributes);
const int n_filter_events = lengthof(filter_events);
const int n_filter_metrics = lengthof(filter_metrics);
const int n_filter_properties = lengthof(filter_properties);

/* Without case and underscores: userOs, USEROS and user_os are one name. */
bool
same_filter_name(const char *a, const char *b)
{
	for (;;)
	{
		while (*a == '_')
			a++;
		while (*b == '_')
			b++;
		if (pg_ascii_tolower((unsigned char) *a) != pg_ascii_tolower((unsigned char) *b))
			return false;
		if (*a == '\0')
			return true;
		a++;
		b++;
	}
}

static bool
has_name(const char *name, const char *row_name, const char *row_alias)
{
	return same_filter_name(name, row_name) || (row_alias[0] != '\0' && same_filter_name(name, row_alias));
}

const FilterOperator *
find_filter_operator(const char *name)
{
	for (int i = 0; i < n_filter_operators; i++)
		if (strcmp(name, filter_operators[i].name) == 0)
			return &filter_operators[i];
	return NULL;
}

const FilterAttribute *
find_filter_attribute(const char *name)
{
	for (int i = 0; i < n_filter_attributes; i++)
		if (has_name(name, filter_attributes[i].name, filter_attributes[i].alias))
			return &filter_attributes[i];
	return NULL;
}

const FilterEventType *
find_filter_event(const char *name, int generation)
{
	for (int i = 0; i < n_filter_events; i++)
		if (filter_events[i].generation == generation && has_name(name, filter_events[i].name, filter_events[i].alias))
			return &filter_events[i];
	return NULL;
}

const FilterMetric *
find_filter_metric(const char *name)
{
	for (int i = 0; i < n_filter_metrics; i++)
		if (same_filter_name(name, filter_metrics[i].name))
			return &filter_metrics[i];
	return NULL;
}

const FilterProperty *
find_filter_property(FilterKind kind, const char *name)
{
	for (int i = 0; i < n_filter_properties; i++)
		if (filter_properties[i].kind == kind && has_name(name, filter_properties[i].name, filter_properties[i].alias))
			return &filter_properties[i];
	return NULL;
}

bool
filter_type_allows(FilterType type, FilterComparison comparison)
{
	switch (type)
	{
		case FILTER_TEXT:
		case FILTER_METADATA:
			return comparison <= FILTER_REGEX || comparison == FILTER_PRESENT || comparison == FILTER_UNDEFINED;
		case FILTER_NUMBER:
			return comparison == FILTER_EQUAL || comparison == FILTER_NOT_EQUAL ||
				   (comparison >= FILTER_LESS && comparison <= FILTER_UNDEFINED);
		case FILTER_BOOLEAN:
			return comparison == FILTER_EQUAL || comparison == FILTER_NOT_EQUAL || comparison >= FILTER_PRESENT;
		case FILTER_ISSUES:
			return comparison == FILTER_EQUAL || comparison == FILTER_NOT_EQUAL || comparison == FILTER_PRESENT ||
				   comparison == FILTER_UNDEFINED;
		case FILTER_DURATION:
		case FILTER_IGNORED:
			return true;
	}
	return false;
}

bool
comparison_needs_value(FilterComparison comparison)
{
	return comparison < FILTER_PRESENT;
}

bool
comparison_is_negative(FilterComparison comparison)
{
	return comparison == FILTER_NOT_EQUAL || comparison == FILTER_NOT_CONTAINS;
}

static void
list_name(StringInfo list, const char *name)
{
	appendStringInfo(list, "%s%s", list->len > 0 ? ", " : "", name);
}

char *
list_filter_operators(FilterType type)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n_filter_operators; i++)
		if (!filter_operators[i].of_selector && filter_type_allows(type, filter_operators[i].comparison))
			list_name(&list, filter_operators[i].name);
	return list.data;
}

char *
list_filter_properties(FilterKind kind)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n_filter_properties; i++)
		if (filter_properties[i].kind == kind)
			list_name(&list, filter_properties[i].name);
	return list.data;
}

char *
list_filter_events(int generation)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n_filter_events; i++)
		if (filter_events[i].generation == generation)
			list_name(&list, filter_events[i].name);
	if (generation == FILTER_GENERATION_FIRST)
		for (int i = 0; i < n_filter_metrics; i++)
			list_name(&list, filter_metrics[i].name);
	return list.data;
}

char *
list_filter_attributes(void)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n_filter_attributes; i++)
		if (filter_attributes[i].type != FILTER_IGNORED)
			list_name(&list, filter_attributes[i].name);
	return list.data;
}
