/*
 * caller.h - SQL functions called for requests, without a thread waiting for each
 *
 * What a request needs of the database beyond the snapshot: whose a session is, which feature flags a visitor has, what
 * a usability test asks.  One thread with one connection makes the calls in the order of their coming.  Every waiter is
 * woken exactly once, at its limit at the latest, whatever the database does.
 */
#ifndef OPENREPLAY_CALLER_H
#define OPENREPLAY_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/settings.h"

#define CALL_PARAMETERS_MAX 3

typedef enum CallOutcome
{
	CALL_DONE,
	CALL_REFUSED,	  /* the database reported an error, sqlstate tells which */
	CALL_UNAVAILABLE, /* it is away, or too many calls wait for it */
	CALL_TOO_LATE	  /* not answered within the limit */
} CallOutcome;

#define CALL_OUTCOMES (CALL_TOO_LATE + 1)

/* Who calls, embedded in the caller's own struct; wake is called once, from the thread or from queue_call(). */
typedef struct Call
{
	struct Call *next;
	void (*wake)(struct Call *call);
	const char *sql; /* a literal with $1, $2 ...; returns one value */
	int nparameters;
	const char *parameters[CALL_PARAMETERS_MAX]; /* as text, valid until wake */
	int64_t limit_ms;							 /* from queueing to wake; the database is held to it too */
	int64_t deadline_ms;						 /* set by queue_call() */

	/* after wake */
	CallOutcome outcome;
	char sqlstate[6];
	char *value; /* of the first row and column, to be freed; NULL for no row or SQL's NULL */
} Call;

typedef struct Caller Caller;

extern Caller *open_caller(const Settings *settings, char *error, size_t error_size);

/* Wakes all who wait; later calls find the database unavailable. */
extern void stop_caller(Caller *caller);
extern void close_caller(Caller *caller);

/* Thread-safe.  While the database is away, wakes at once. */
extern void queue_call(Caller *caller, Call *call);

extern bool caller_connected(Caller *caller);

typedef struct CallGauges
{
	size_t waiting;
	uint64_t finished[CALL_OUTCOMES]; /* since the start, by outcome */
} CallGauges;

extern void read_call_gauges(Caller *caller, CallGauges *gauges);

#endif /* OPENREPLAY_CALLER_H */
