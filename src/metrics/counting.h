/*
 * counting.h - sessions, users and events counted by something, which is what most cards are
 *
 *		add_counts(sql, &(Counting){.card = card, .series = series, .what = COUNT_SESSIONS, .key = "s.user_browser"});
 */
#ifndef OPENREPLAY_METRICS_COUNTING_H
#define OPENREPLAY_METRICS_COUNTING_H

#include "postgres.h"

#include "metrics/breakdown.h"

typedef enum CountWhat
{
	COUNT_SESSIONS,
	COUNT_USERS,		  /* by user_id; sessions without are none */
	COUNT_EVENTS,		  /* the rows of events */
	COUNT_SESSIONS_EVENTS /* what the sessions' own counters say, at least one each */
} CountWhat;

typedef struct Counting
{
	const Card *card;
	const CardSeries *series;
	CountWhat what;
	const char *name;	   /* of the series, first of the path */
	const char *key;	   /* an expression over s, its joins and x, events; NULL: all is one */
	int64 step;			   /* not 0: the key is a time, counted by the number of its bucket since the card's start */
	const char *joins;	   /* NULL: none; after FROM, over s */
	const char *condition; /* NULL: none; over s and its joins */
	int nvalues;		   /* values the key has to be one of; 0: any */
	char **values;
	const EventRows *events; /* NULL: sessions are counted by what they are themselves */
} Counting;

/*
 * Appends a query: rows (path text[], key, value bigint), for each key and each level of the card's breakdowns, the
 * whole included.  What is counted is counted distinct at each.
 */
extern void add_counts(Sql *sql, const Counting *counting);

#endif /* OPENREPLAY_METRICS_COUNTING_H */
