/*
 * session_data.h - all that the database holds of one session's recording, in memory
 */
#ifndef OPENREPLAY_SESSION_DATA_H
#define OPENREPLAY_SESSION_DATA_H

#include "common/pq.h"
#include "wire/recording_file.h"

/* The body of an entry with images, inflated: image records. */
typedef struct ImageEntry
{
	uint8_t *body;
	size_t len;
	bool screenshots; /* of a phone's screen; else of a canvas */
	/* when it came: entries are ordered by these three */
	int64_t received_at; /* us */
	int32_t server_id;
	int64_t seq;
} ImageEntry;

typedef struct SessionData
{
	RecordingBatch *batches; /* as they arrived */
	size_t nbatches;
	ImageEntry *images; /* as they arrived */
	size_t nimages;
	size_t bytes;	 /* of all bodies */
	bool began;		 /* the entry with which every session starts is here, and so nothing was dropped */
	bool cut;		 /* it is more than the limit; what came after is not here */
	uint64_t broken; /* entries whose body is damaged */
} SessionData;

/* False with a message in error.  To be freed in both cases. */
extern bool read_session(PGconn *conn, int64_t session_id, size_t limit, const PqWait *wait, SessionData *data,
						 char *error, size_t error_size);
extern void free_session(SessionData *data);

#endif /* OPENREPLAY_SESSION_DATA_H */
