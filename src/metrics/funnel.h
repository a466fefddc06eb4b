/*
 * funnel.h - what the files about funnels share
 */
#ifndef OPENREPLAY_METRICS_FUNNEL_H
#define OPENREPLAY_METRICS_FUNNEL_H

#include "postgres.h"

#include "metrics/card.h"

/* The stages of a card's first series, and whom they are asked of. */
typedef struct Funnel
{
	Card *card;
	Filter *filter;	  /* the series', of all sessions, with the card's range; NULL without a series */
	Filter *sessions; /* the same without events: whoever could enter */
	int nstages;
	FilterEvent *stages;
	int nleading; /* stages at the beginning that must not be */
} Funnel;

extern Funnel *get_funnel(Card *card);

/*
 * Appends a subquery: a row (session_id bigint, stage integer, times bigint[]) for each session that reached the first
 * stage; stage is the number of the last that it reached, from 1 on, and times are those of add_reached().
 */
extern void add_funnel_sessions(Sql *sql, const Funnel *funnel);
/* Appends "WITH r AS (...)" of them. */
extern void add_with_funnel_sessions(Sql *sql, const Funnel *funnel);

/* ---- funnel_issues.c --------------------------------------------------------------------------------------------- */

/*
 * Appends a scalar subquery: how many lost sessions the issues explain.  The rows of add_funnel_sessions() are there
 * as r.
 */
extern void add_total_drop(Sql *sql, const Funnel *funnel);

/* card_issues() and issue_sessions() of funnels. */
extern void add_funnel_issues_json(Sql *sql, Card *card);
extern void add_funnel_issue_sessions(Sql *sql, Card *card, const char *issue_id);

#endif /* OPENREPLAY_METRICS_FUNNEL_H */
