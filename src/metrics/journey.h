/*
 * journey.h - what the files about journeys share
 */
#ifndef OPENREPLAY_METRICS_JOURNEY_H
#define OPENREPLAY_METRICS_JOURNEY_H

#include "postgres.h"

#include "metrics/card.h"

/* Types of what is no event, with an empty name: all names that are not shown, and those whose path has ended. */
#define JOURNEY_OTHER "OTHER"
#define JOURNEY_DROP "DROP"

/* Events that are steps of paths. */
typedef struct JourneyKind
{
	FilterEvent events;
	const char *type; /* as the chart names it */
	bool only_start;  /* they are there as the start point only */
} JourneyKind;

typedef struct Journey
{
	Card *card;
	Filter *filter; /* the sessions, with the card's range, its end out */
	int nkinds;
	JourneyKind *kinds;
	bool backwards;		/* from the last event on, each step is the one before */
	FilterEvent *start; /* NULL: none */
	int nexcludes;
	FilterEvent *excludes;
	int nsteps;
	int rows; /* of a step that are shown each by itself */
} Journey;

/* Raises invalid_parameter_value for what is unknown or not allowed. */
extern Journey *get_journey(Card *card);

/* ---- journey_paths.c --------------------------------------------------------------------------------------------- */

/* An expression over e and d: what events of a kind are called; NULL: they have no name. */
extern const char *path_name(FilterKind kind);

/* Appends the condition on s that it has an event that is what the item asks for. */
extern void add_has_event(Sql *sql, const Journey *journey, const FilterEvent *item);

/*
 * Appends a query: a row (step integer, type, value, next_type, next_value text, sessions bigint, gap double precision)
 * for each step and what follows it, in the order of step and number of sessions.  Steps are from 1 on and up to the
 * one before the last; next_type is NULL where the path ends; gap is the mean time in ms between the two events.  In
 * the first generation only the links that are kept are there, in the second names that are not shown are one.
 */
extern void add_journey_links(Sql *sql, const Journey *journey);

/* Appends a query: a row (path text[], sessions bigint) for each path, sorted; a path is pairs of type and value. */
extern void add_journey_paths(Sql *sql, const Journey *journey);

/* ---- journey_graph.c --------------------------------------------------------------------------------------------- */

typedef struct JourneyNode
{
	int depth; /* from 0 on */
	const char *type;
	const char *name;
	int64 sessions;
	bool starting;
	int rank; /* in its depth: names, then the others, then those whose path has ended */
} JourneyNode;

typedef struct JourneyLink
{
	int source; /* numbers of nodes */
	int target;
	int64 sessions;
	double value; /* percent of the sessions that began */
	bool whole;	  /* a chart shows it without its fraction */
	bool has_gap;
	double gap; /* ms from source to target */
} JourneyLink;

typedef struct JourneyGraph
{
	int nnodes;
	JourneyNode *nodes;
	int nlinks;
	JourneyLink *links;
} JourneyGraph;

/* Runs the query within the caller's SPI connection; nodes and links are sorted as a chart has them. */
extern JourneyGraph *get_journey_graph(const Journey *journey);

/* ---- journey_tree.c ---------------------------------------------------------------------------------------------- */

/* The paths as a tree, as JSON text; runs a query within the caller's SPI connection. */
extern char *get_journey_tree(const Journey *journey);

/* ---- journey_issues.c -------------------------------------------------------------------------------------------- */

/* card_issues() and issue_sessions() of journeys. */
extern void add_journey_issues_json(Sql *sql, Card *card);
extern void add_journey_issue_sessions(Sql *sql, Card *card, const char *issue_id);

#endif /* OPENREPLAY_METRICS_JOURNEY_H */
