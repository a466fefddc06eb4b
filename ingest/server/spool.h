/*
 * spool.h - what was acknowledged while the database was away, on disk
 *
 * One log for the whole server, in segments of STATE_DIR/spool.  Any thread may append; several readers (the writers of
 * the lanes) each go through it at their own pace and pick what is theirs.  A segment goes when every reader that needs
 * it has said that it is done with it.
 */
#ifndef OPENREPLAY_SPOOL_H
#define OPENREPLAY_SPOOL_H

#include "server/spool_record.h"

#define SPOOL_SHARDS 64
#define SPOOL_ERROR_SIZE 256

typedef struct Spool Spool;

/* What an earlier run left. */
typedef struct SpoolFound
{
	uint64_t entries;
	int64_t last_seq[SPOOL_SHARDS]; /* the highest number of each lane, 0: none */
	int64_t oldest_us;				/* received; INT64_MAX: nothing */
	int64_t newest_us;				/* INT64_MIN: nothing */
} SpoolFound;

typedef enum SpoolRead
{
	SPOOL_RECORD,
	SPOOL_END,	 /* no more for now */
	SPOOL_FAILED /* the disk does not give it: try again */
} SpoolRead;

/*
 * Opens or makes state_dir/spool, which the caller has to have for itself alone, and cuts off what a crash left
 * half-written.  limit: bytes on disk.  All readers have joined at the beginning when anything was found, none
 * otherwise. NULL with a message in error.
 */
extern Spool *open_spool(const char *state_dir, int64_t limit, unsigned nreaders, SpoolFound *found, char *error,
						 size_t error_size);
extern void close_spool(Spool *spool);

/*
 * Appends a group.  Others wait between begin and end, so that what gathers meanwhile is one group again.  put is false
 * when the record does not fit in the limit or on the disk; the others may go on.  end makes the group durable, or
 * takes all of it back and is false; so does cancel.  The reason is in error (SPOOL_ERROR_SIZE) and else left as it is.
 */
extern void spool_begin(Spool *spool);
extern bool spool_put(Spool *spool, const SpoolRecord *record, char *error);
extern bool spool_end(Spool *spool, char *error);
extern void spool_cancel(Spool *spool);

/* From now on the reader gets, and so keeps on disk, what is appended. */
extern void spool_join(Spool *spool, unsigned reader);

/* The next record of any lane; its body is valid until the reader's next call. */
extern SpoolRead spool_next(Spool *spool, unsigned reader, SpoolRecord *record, char *error);

/* The reader needs nothing again that it was given so far; entries of those were its own. */
extern void spool_forget(Spool *spool, unsigned reader, size_t entries);

/* The reader needs nothing of what is there.  The log is empty once nobody does. */
extern void spool_leave(Spool *spool, unsigned reader);

/* Thread-safe, for the metrics. */
extern uint64_t spool_entries(Spool *spool); /* not yet forgotten by the reader they belong to */
extern uint64_t spool_bytes(Spool *spool);	 /* on disk */

#endif /* OPENREPLAY_SPOOL_H */
