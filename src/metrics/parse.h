/*
 * parse.h - what the files that parse a filter share; others use filter.h
 */
#ifndef OPENREPLAY_METRICS_PARSE_H
#define OPENREPLAY_METRICS_PARSE_H

#include "postgres.h"

#include "metrics/filter.h"

#define MAX_ITEMS 100
#define MAX_SEGMENT_DEPTH 3

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

/* ---- conditions.c ------------------------------------------------------------------------------------------------ */

/* Raises invalid_parameter_value; hint may be NULL. */
extern void refuse_filter(const char *message, const char *hint) pg_attribute_noreturn();
/* What a client wrote, as a message can show it. */
extern const char *shorten(const char *text);

extern Texts get_value_texts(JsonbContainer *object, const char *name, const char *owner, bool distinct);
extern bool is_decimal_number(const char *text);
extern bool is_issue_type(const char *label);
/* The i-th item of a list, which has to be an object. */
extern JsonbContainer *get_filter_item(JsonbContainer *list, uint32 i);
extern const FilterOperator *get_filter_operator(JsonbContainer *item, const char *name);
extern bool complete_condition(FilterCondition *condition, JsonbContainer *item, const FilterOperator *op);
extern FilterComparison positive_comparison(FilterComparison comparison);

/* Slots of metadata, from 1 on; 0 for a name that is none. */
extern int metadata_slot(const Filter *filter, const char *key);
extern int numbered_slot(const char *name);

/* What a condition is about. */
extern void set_metadata_slot(FilterCondition *condition, int slot);
extern void set_condition_property(FilterCondition *condition, const FilterProperty *property);

/* ---- parse_events.c ---------------------------------------------------------------------------------------------- */

/* Mobile applications have taps, fields and views of their own. */
extern FilterKind kind_of_project(const Filter *filter, FilterKind kind);
extern void parse_first_generation_event(Parser *parser, JsonbContainer *item, const char *name,
										 const FilterEventType *type);
extern void parse_metric_event(Parser *parser, JsonbContainer *item, const char *name, const FilterMetric *metric);
/* type is NULL for an event that a site names itself. */
extern void parse_second_generation_event(Parser *parser, JsonbContainer *item, const char *name,
										  const FilterEventType *type);
/* A property without its event: some event of the session has it so. */
extern void parse_anywhere(Parser *parser, JsonbContainer *item, const char *name);

#endif /* OPENREPLAY_METRICS_PARSE_H */
