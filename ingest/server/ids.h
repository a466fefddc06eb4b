/*
 * ids.h - session ids for all threads of this server
 *
 * An id is never given twice, whatever the clock does, also across restarts: STATE_DIR/session_ids keeps a time that no
 * id given so far is beyond, reserved some seconds ahead.
 */
#ifndef OPENREPLAY_IDS_H
#define OPENREPLAY_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/settings.h"

/* Starts the thread that reserves ahead.  False with a message in error. */
extern bool open_ids(const Settings *settings, char *error, size_t error_size);

/* Notes exactly how far the ids are.  Nobody may want one any more. */
extern void close_ids(void);

/*
 * A new id.  server_id is the number the database gave this server.  Waits up to a millisecond or two when more than
 * 256 starts meet in one.  Its time is ahead of the clock after a crash, by seconds, and after the clock was set back.
 * 0 when the clock is before the ids' epoch or too far behind it.
 */
extern uint64_t issue_session_id(int server_id);

#endif /* OPENREPLAY_IDS_H */
