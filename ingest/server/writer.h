/*
 * writer.h - what the queueing side (lanes.c), the database side (writer.c, claim.c) and the spool's side (spooler.c,
 * drain.c) of the lanes share
 */
#ifndef OPENREPLAY_WRITER_H
#define OPENREPLAY_WRITER_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/pq.h"
#include "server/lanes.h"
#include "server/numbers.h"
#include "server/spool.h"
#include "visit/visit.h"

/* The binary COPY row of openreplay.batches up to its body. */
#define ROW_PREFIX 69

/* At most so much is committed, or spooled, at once. */
#define GROUP_ROWS 4000
#define GROUP_BYTES (8 << 20)

#define RETRY_MS 200
#define WRITER_ERROR_SIZE 512

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
	bool spooled;  /* durable in the spool, whatever becomes of this copy */
	bool restored; /* this copy was read from there */
	uint8_t row[]; /* ready to be sent but for seq, received_at and server_id */
};

typedef struct EntryList
{
	Entry *first;
	Entry **last; /* where the next one is linked */
	size_t count;
} EntryList;

/*
 * The way that the entries of a writer's lanes take.  Only the writer's thread changes it.  What was spooled has to be
 * committed before what is not, so new entries follow into the spool until it is nearly empty; then they wait in the
 * queue for the moment in which the last of it is committed.
 */
typedef enum Way
{
	TO_DATABASE,
	TO_SPOOL,	/* the spooler takes the queue */
	CATCHING_UP /* nobody takes the queue */
} Way;

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
	Way way;
	bool numbered;					/* last_seq is known to be beyond all that was ever given */
	bool spooler_has;				/* the spooler is about to make entries of ours durable */
	int64_t last_seq[VISIT_SHARDS]; /* the last number given in each lane */
	int64_t spool_clock_us;			/* unless TO_DATABASE: all received up to here is committed */

	atomic_bool connected;
	atomic_size_t depth; /* entries queued or in flight */

	/* the spooler's own, while spooler_has */
	EntryList spooling;

	/* the thread's own */
	int server_id;						 /* whose lanes these are; -1: none taken yet */
	EntryList flight;					 /* sent or being sent; commit not confirmed */
	int64_t committed_seq[VISIT_SHARDS]; /* the last number of each lane in the database */
	int64_t read_us;					 /* received_us of the last of our entries read from the spool */
	size_t passed;						 /* our entries read from the spool since the last that was forgotten */
	int64_t ensured_hour;				 /* there is a partition for spooled entries of this hour */
	int64_t lost_ms;					 /* monotonic: without the lanes since; 0: with them */
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
	Numbers *numbers;
	Spool *spool;

	pthread_t spooler;
	pthread_mutex_t spooler_lock;
	pthread_cond_t spooler_wanted;
	bool spooler_wake; /* guarded by spooler_lock */
	bool spooler_stop;

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

/* lanes.c: an entry as the spool keeps it, pointing into the entry; and back, NULL when out of memory. */
extern SpoolRecord record_of(const Entry *entry);
extern Entry *restore_entry(const SpoolRecord *record, int server_id);

/* lanes.c: true when numbers may be given to a group; the caller holds the writer's lock. */
extern bool may_number(Writer *writer);

/* lanes.c: tells the waiter and frees the entry / only tells the waiter. */
extern void finish_entry(Writer *writer, Entry *entry, bool committed);
extern void tell_waiter(Entry *entry, bool committed);

/* claim.c: connects, takes the lanes and settles what was in flight.  False with a message logged now and then. */
extern bool connect_writer(Writer *writer);
extern void disconnect_writer(Writer *writer);
extern bool ensure_partitions(Writer *writer, char *error, size_t error_size);

/* spooler.c: from now on the writer's entries go to the spool; also what it has in flight. */
extern void enter_spool(Writer *writer);
extern void wake_spooler(Lanes *lanes);
extern void *run_spooler(void *lanes);

/* drain.c: takes a group out of the spool into flight, or finds that it is empty and leaves it. */
extern void take_spooled(Writer *writer);

/* drain.c: the restored entries in flight are committed. */
extern void note_drained(Writer *writer);

/* drain.c: there is a partition for each restored entry in flight. */
extern bool ensure_old_partitions(Writer *writer, char *error);

/*
 * writer.c: forgets what is in flight and in the spool as well; when the database has refused the flight, also what
 * nobody waits for any more.
 */
extern void drop_spooled(Writer *writer, bool refused);

/* writer.c: waits, telling those who wait too long. */
extern void pause_writer(Writer *writer, int64_t ms);

/* writer.c: says what is wrong, but not hundreds of times a minute. */
extern void complain(Writer *writer, const char *what, const char *error);

/* writer.c: nobody waits for the entry any more, and it is too old or of no use to be written. */
extern bool is_abandoned(const Entry *entry, int64_t now_ms);

/* writer.c: the thread. */
extern void *run_writer(void *writer);

#endif /* OPENREPLAY_WRITER_H */
