/*
 * writer.h - what lanes.c (queueing side) and writer.c (database side) share
 */
#ifndef OPENREPLAY_WRITER_H
#define OPENREPLAY_WRITER_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/pq.h"
#include "server/lanes.h"
#include "visit/visit.h"

/* The binary COPY row of openreplay.batches up to its body. */
#define ROW_PREFIX 69

struct Entry
{
	Entry *next;
	LaneWaiter *waiter;	 /* NULL once it was told something */
	int64_t queued_ms;	 /* monotonic */
	int64_t received_us; /* wall clock, never decreasing within a writer */
	int64_t seq;		 /* 0 until the entry leaves the queue for its first group, then fixed */
	uint32_t row_len;
	uint8_t shard;
	char kind;
	uint8_t row[]; /* ready to be sent but for seq, received_at and server_id */
};

typedef struct EntryList
{
	Entry *first;
	Entry **last; /* where the next one is linked */
	size_t count;
} EntryList;

/* A writer owns one connection and through it the lanes of its shards. */
typedef struct Writer
{
	Lanes *lanes;
	unsigned number;
	unsigned first_shard;
	unsigned last_shard;
	pthread_t thread;

	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t arrived;
	EntryList queue;
	int64_t last_received_us; /* no later entry gets an earlier time */
	int64_t flight_us;		  /* received_us of the first entry in flight, 0: none */
	bool idle;				  /* the thread sleeps on arrived */
	bool draining;

	atomic_bool connected;
	atomic_size_t depth; /* entries queued or in flight */

	/* the thread's own */
	int server_id;	  /* whose lanes these are; -1: none taken yet */
	EntryList flight; /* sent or being sent; commit not confirmed */
	int64_t last_seq[VISIT_SHARDS];
	PGconn *conn;
	PqWait wait;
	int64_t next_expiry_ms;
	int64_t next_chores_ms;
	int64_t next_partitions_ms;
	int64_t next_complaint_ms;
	int64_t give_up_ms; /* when draining: 0 or the end of all patience */
} Writer;

struct Lanes
{
	const Settings *settings;
	atomic_int server_id; /* -1 until known */
	unsigned nwriters;
	Writer writers[];
};

static inline void
init_list(EntryList *list)
{
	list->first = NULL;
	list->last = &list->first;
	list->count = 0;
}

static inline void
append_entry(EntryList *list, Entry *entry)
{
	entry->next = NULL;
	*list->last = entry;
	list->last = &entry->next;
	list->count++;
}

/* lanes.c: completes the row; called by the writer when the entry leaves the queue. */
extern void number_entry(Entry *entry, int64_t seq, int server_id);

/* lanes.c: tells the waiter and frees the entry / only tells the waiter. */
extern void finish_entry(Writer *writer, Entry *entry, bool committed);
extern void tell_waiter(Entry *entry, bool committed);

/* claim.c: connects, takes the lanes and settles what was in flight.  False with a message logged now and then. */
extern bool connect_writer(Writer *writer);
extern void disconnect_writer(Writer *writer);
extern bool ensure_partitions(Writer *writer, char *error, size_t error_size);

/* writer.c: says what is wrong, but not hundreds of times a minute. */
extern void complain(Writer *writer, const char *what, const char *error);

/* writer.c: nobody waits for the entry any more, and it is too old or of no use to be written. */
extern bool is_abandoned(const Entry *entry, int64_t now_ms);

/* writer.c: the thread. */
extern void *run_writer(void *writer);

#endif /* OPENREPLAY_WRITER_H */
