/*
 * session_batches.h - the stored batches of one session
 */
#ifndef OPENREPLAY_SESSION_BATCHES_H
#define OPENREPLAY_SESSION_BATCHES_H

#include "postgres.h"

#include "utils/portal.h"

#include "wire/recording_file.h"

/* Opens a cursor on a session's batches, without start entries and images, as they arrived.  Needs an SPI connection.
 */
extern Portal open_session_batches(int64 session_id);

/* The next one, in the current memory context; false at the end. */
extern bool next_session_batch(Portal cursor, RecordingBatch *batch);

/* Whether the entry is here with which a session begins, or nothing is: else what was dropped cannot be told. */
extern bool has_first_batches(int64 session_id);

#endif /* OPENREPLAY_SESSION_BATCHES_H */
