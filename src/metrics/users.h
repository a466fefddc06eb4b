/*
 * users.h - what cards about users share: who they are, and calendars
 *
 * A user is a user_id that is not empty; visits without one are nobody's.  What a user did is the sessions, longer than
 * nothing, that the card's first series finds: without conditions all of them, with an event those with its use.
 */
#ifndef OPENREPLAY_METRICS_USERS_H
#define OPENREPLAY_METRICS_USERS_H

#include "metrics/card.h"

#define DAY_MS INT64CONST(86400000)

/* The first series' filter, for sessions that began from from_ts on and before to_ts; palloc'd. */
extern Filter *filter_of_users(const Card *card, int64 from_ts, int64 to_ts);

/* What follows FROM, up to and with conditions that may go on with AND: sessions s of users. */
extern void add_sessions_of_users(Sql *sql, const Filter *filter);

#endif /* OPENREPLAY_METRICS_USERS_H */
