/*
 * ids.h - session ids for all threads of this server
 */
#ifndef OPENREPLAY_IDS_H
#define OPENREPLAY_IDS_H

#include <stdint.h>

/*
 * A new id.  server_id is the number the database gave this server.  Waits up to a millisecond or two when more than
 * 256 starts meet in one.  0 when the clock is before the ids' epoch.
 */
extern uint64_t issue_session_id(int server_id);

#endif /* OPENREPLAY_IDS_H */
