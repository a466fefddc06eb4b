/*
 * breakdown.h - a card's numbers by country, browser, path and so on, one inside the other
 *
 * Sessions joined to the values they fall under, and the nested answer.  A kind of card that is broken down asks its
 * question once a level, the whole being level 0, of rows such as
 *
 *		SELECT ..., s.session_id
 *		add_breakdown_columns()			-- ", ... AS b1, ... AS b2"
 *		FROM add_sessions() add_breakdown_joins() WHERE add_sessions_where()
 *
 * and grouped by add_breakdown_path() for that level, counting distinct sessions where breakdown_multiplies(); then
 *
 *		WITH node AS (SELECT path, leaf, size ...) add_series_tree()
 *
 * makes of all levels the envelope {"series": {NAME: ...}}.
 */
#ifndef OPENREPLAY_METRICS_BREAKDOWN_H
#define OPENREPLAY_METRICS_BREAKDOWN_H

#include "postgres.h"

#include "metrics/card.h"
#include "metrics/filter.h"
#include "metrics/sql.h"

/* Raises invalid_parameter_value for a name that is none, listing those there are. */
extern void check_breakdown(const char *name);

/* Whether a session may fall under several values of the first levels, and so be in several rows. */
extern bool breakdown_multiplies(const Card *card, int levels);
/* Whether it takes events to know the values of the first levels. */
extern bool breakdown_of_events(const Card *card, int levels);
/*
 * Appends joins to s for the first levels.  with_events is false where the caller has joined add_event_rows() as x
 * himself, whose values they are then.
 */
extern void add_breakdown_joins(Sql *sql, const Card *card, const Filter *filter, int levels, bool with_events);
/* Appends ", value AS b1, ..." of the first levels; a value is never NULL or empty but "(empty)". */
extern void add_breakdown_columns(Sql *sql, const Card *card, int levels);
/* Appends ", b1, b2" for GROUP BY and SELECT. */
extern void add_breakdown_names(Sql *sql, int levels);
/* Appends an array: the series' name and the values of the first levels. */
extern void add_breakdown_path(Sql *sql, const char *series, int levels);

/* Which events: those of the series' items, or without such items all of some kinds; kinds are bits (1 << EVENTS_...).
 */
typedef struct EventRows
{
	uint32 kinds;
	/* all of them that the conditions on paths of the series' own items of the kind leave, instead of the items' events
	 */
	bool by_path;
	const char *key; /* an expression over e; NULL: none */
} EventRows;

#define EVENTS_ALL (((uint32) 1 << EVENTS_KINDS) - 1)

/*
 * Appends a query: a row (session_id, "timestamp", key if asked for, v1, v2, ... of the card's breakdowns, NULL for
 * those that are not of events) for each event, once however many items it satisfies.  Every card that reads events to
 * list or to count them gets them from here.
 */
extern void add_event_rows(Sql *sql, const Card *card, const Filter *filter, const EventRows *rows);
/* Whether a session that has such a row has all the events that the filter asks for, which need not be asked again. */
extern bool event_rows_suffice(const Filter *filter, const EventRows *rows);

/*
 * Completes a query that begins with "WITH node AS (SELECT path text[], leaf jsonb, size bigint ...)": path as of
 * add_breakdown_path(), size what the largest children are chosen by.  One row, one jsonb: {"series": {...}}, in it
 * "$overall" beside the children.
 */
extern void add_series_tree(Sql *sql, const Card *card);
/*
 * The same choice for whoever needs it before: appends a query of those rows of a CTE (path, size and more) that are
 * among the thousand largest children of a parent that is kept.  The first level is the series.
 */
extern void add_kept_nodes(Sql *sql, const char *cte, int levels);

#endif /* OPENREPLAY_METRICS_BREAKDOWN_H */
