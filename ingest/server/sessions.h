/*
 * sessions.h - which project a session belongs to, as far as this server knows
 *
 * A token says which session asks, not whose it is.  The server that issued it remembers that for the token's life,
 * also of sessions that are not recorded and so have no row anywhere; of other sessions the database knows
 * (session_facts.h).  Thread-safe, no I/O.
 */
#ifndef OPENREPLAY_SESSIONS_H
#define OPENREPLAY_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Sessions remembered at most; then each new one takes the place of the one whose token expires first.  At two hours of
 * life that is 145 starts a second; 40 to 80 bytes each, allocated as they come, 42 MB when full.
 */
#define SESSIONS_MAX (1u << 20)

typedef struct SessionFacts
{
	int32_t project_id;
	bool recorded; /* false: a start with doNotRecord, there will be no row */
} SessionFacts;

typedef struct Sessions Sessions;

/* An empty map of at most max sessions (SESSIONS_MAX; tests take fewer); NULL without memory. */
extern Sessions *open_sessions(size_t max);
extern void close_sessions(Sessions *sessions);

/*
 * Remembers a session until a minute after expires_ms (unix ms).  Again for the same session: the later expiry holds.
 * Without memory the session is not remembered.
 */
extern void remember_session(Sessions *sessions, uint64_t session_id, int32_t project_id, int64_t expires_ms,
							 bool recorded);

/* False when the session is not known here. */
extern bool recall_session(Sessions *sessions, uint64_t session_id, SessionFacts *facts);

/*
 * Counts bytes of images of the session; false, and not counted, when they would be more than limit in all.  A session
 * that is not known is counted from now on, for a day.
 */
extern bool take_session_bytes(Sessions *sessions, uint64_t session_id, size_t bytes, size_t limit);

/* Takes counted bytes back that were not stored after all. */
extern void give_session_bytes(Sessions *sessions, uint64_t session_id, size_t bytes);

extern size_t count_sessions(Sessions *sessions);

#endif /* OPENREPLAY_SESSIONS_H */
