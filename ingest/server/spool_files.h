/*
 * spool_files.h - what spool.c (writing) and spool_read.c (reading) share
 */
#ifndef OPENREPLAY_SPOOL_FILES_H
#define OPENREPLAY_SPOOL_FILES_H

#include <pthread.h>

#include "server/spool.h"

#define SPOOL_PATH_SIZE 4096
#define SEGMENT_SUFFIX ".spool"

typedef struct Segment
{
	uint64_t number; /* also its file's name */
	uint64_t size;	 /* durable bytes; readers go no further */
	bool damaged;	 /* something in it cannot be read: the file is kept for a look */
} Segment;

typedef struct SpoolReader
{
	/* guarded by the spool's lock */
	bool joined;
	uint64_t kept; /* number of the first segment it may still need */

	/* its own */
	uint64_t segment; /* being read; with fd < 0 any that is not before it */
	uint64_t offset;  /* of the first byte in the buffer not given out yet */
	int fd;			  /* -1: none open */
	uint8_t *buffer;
	size_t buffer_size;
	size_t buffer_len;
	size_t buffer_at;
} SpoolReader;

struct Spool
{
	char folder[SPOOL_PATH_SIZE];
	int folder_fd;
	uint64_t limit;
	uint64_t segment_bytes; /* a segment that has grown to this gets a successor */

	/* guarded by append_lock, which is taken before lock */
	pthread_mutex_t append_lock;
	int fd;				 /* the segment being written, -1: none */
	uint64_t next;		 /* number of the segment after it */
	uint64_t written;	 /* its bytes with those of the group */
	size_t group_count;	 /* records of the group */
	uint64_t group_from; /* where the group begins */

	/* guarded by lock */
	pthread_mutex_t lock;
	Segment *segments; /* oldest first */
	size_t nsegments;
	size_t segments_size;
	uint64_t writing; /* number of the segment being written, 0: none */
	uint64_t bytes;
	uint64_t entries;

	unsigned nreaders;
	SpoolReader readers[];
};

/* spool.c: a segment's path; suffix "" or what is put behind the name. */
extern void segment_path(const Spool *spool, uint64_t number, const char *suffix, char path[SPOOL_PATH_SIZE]);

/* spool.c: the caller holds lock, or is the only one so far. */
extern bool add_segment(Spool *spool, uint64_t number, uint64_t size);
extern void remove_segments(Spool *spool); /* those no reader needs */

/* spool.c: what comes next begins a new segment.  The caller holds append_lock, or is the only one. */
extern void stop_writing_segment(Spool *spool);

/* spool_read.c: places the reader before all segments from that number on. */
extern void place_reader(SpoolReader *reader, uint64_t number);
extern void free_reader(SpoolReader *reader);

#endif /* OPENREPLAY_SPOOL_FILES_H */
