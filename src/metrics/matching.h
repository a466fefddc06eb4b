/*
 * matching.h - what the files that make SQL of a filter share; others use filter.h
 */
#ifndef OPENREPLAY_METRICS_MATCHING_H
#define OPENREPLAY_METRICS_MATCHING_H

#include "postgres.h"

#include "metrics/filter.h"

/* Appends " AND column >= ..." and so on for the bounds of the filter's range that there are. */
extern void add_time_range(Sql *sql, const Filter *filter, const char *column);
/* Whether a condition of an event is about its session. */
extern bool asks_session(const FilterEvent *event);
/* What an event has to be, its time apart: conditions on e and d, and on s where the item asks for that. */
extern void add_event_conditions(Sql *sql, const Filter *filter, const FilterEvent *event);
/* The operator of a comparison that takes a value, such as "<=" or "ILIKE". */
extern const char *comparison_symbol(FilterComparison comparison);
/* A pattern for ILIKE, palloc'd, in which the value's own % and _ are letters. */
extern char *like_pattern(const char *value, bool from_start, bool to_end);
/* Appends "($1, $2)", for IN. */
extern void add_text_list(Sql *sql, int n, char **values);

#endif /* OPENREPLAY_METRICS_MATCHING_H */
