/*
 * predefined.h - what the predefined cards share
 *
 * They ask a fixed question about the sessions of a project that lasted longer than nothing and began from the range's
 * start on and before its end; events have to be in the range, too.  Buckets are half-open and there are normally as
 * many as the card's density, the last of which begins with the range's end and is empty.
 */
#ifndef OPENREPLAY_METRICS_PREDEFINED_H
#define OPENREPLAY_METRICS_PREDEFINED_H

#include "metrics/card.h"

/* The filter of those sessions; palloc'd. */
extern Filter *counted_sessions(const Card *card);

/* Each appends what follows FROM, up to and with conditions that may go on with AND: sessions are s, events e. */
extern void add_counted_sessions(Sql *sql, const Filter *filter);
extern void add_counted_events(Sql *sql, const Filter *filter, const char *events);

/* The number of the bucket of a moment, and the time at which a bucket begins; the arguments are SQL. */
extern void add_bucket(Sql *sql, const Card *card, const char *moment);
extern void add_bucket_time(Sql *sql, const Card *card, const char *bucket);

/* What follows FROM: all buckets as b (bucket). */
extern void add_buckets(Sql *sql, const Card *card);

#endif /* OPENREPLAY_METRICS_PREDEFINED_H */
