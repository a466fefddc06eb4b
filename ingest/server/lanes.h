/*
 * lanes.h - the ordered way of entries into openreplay.batches
 *
 * A lane is (server, shard).  What is queued on a lane is committed in the order of queueing, with strictly increasing
 * sequence numbers and never decreasing times, and whoever queued it is woken once it is durable: committed, or in the
 * spool while the database is away.  Many requests share one commit: all that arrives while one is under way goes into
 * the next.
 */
#ifndef OPENREPLAY_LANES_H
#define OPENREPLAY_LANES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/settings.h"
#include "visit/visit.h"

typedef struct Lanes Lanes;
typedef struct Entry Entry;

/*
 * Who waits for a commit, embedded in the waiter's own struct.  wake is called once, when all its entries are decided,
 * from the thread that decides the last one: two of them may be with the spooler and still in the queue.
 */
typedef struct LaneWaiter
{
	void (*wake)(struct LaneWaiter *waiter);
	atomic_int pending;	   /* entries not yet decided */
	atomic_bool committed; /* read it after wake: all of them are durable */
} LaneWaiter;

/* Starts the writer threads; they connect by themselves and keep trying.  NULL with a message in error. */
extern Lanes *open_lanes(const Settings *settings, char *error, size_t error_size);

/*
 * Commits or spools what is queued, within COMMIT_TIMEOUT_MS, tells the readers how far this server's clock is, wakes
 * all waiters and ends the threads.  Entries that come later are refused.
 */
extern void drain_lanes(Lanes *lanes);
extern void close_lanes(Lanes *lanes);

/*
 * An entry holding a copy of body (one zstd frame).  kind: 's' session start, 'w' web batch; size_bytes: size before
 * compression.  NULL when memory or MEMORY_LIMIT is exhausted.
 */
extern Entry *make_entry(uint64_t session_id, char kind, uint32_t size_bytes, const void *body, size_t body_len);
extern void free_entry(Entry *entry);

/*
 * Queues the entries of one session (one, or two that must keep their order) and takes them over.  False, and they stay
 * the caller's, when the lanes are draining.  The waiter may be woken before this returns.
 */
extern bool queue_entries(Lanes *lanes, Entry **entries, int count, LaneWaiter *waiter);

/* The 16-bit number the database gave this server, -1 while unknown. */
extern int lanes_server_id(Lanes *lanes);

/* True when every writer holds its lanes. */
extern bool lanes_connected(Lanes *lanes);

/* True while entries can be made durable without the database: the lanes' numbers are known. */
extern bool lanes_can_spool(Lanes *lanes);

/* Entries queued or being written. */
extern size_t lanes_depth(Lanes *lanes);

/* What is in the spool: entries, bytes on disk, and how long ago the oldest was received, at most. */
typedef struct SpoolGauges
{
	uint64_t entries;
	uint64_t bytes;
	double age_s;
} SpoolGauges;

extern void read_spool_gauges(Lanes *lanes, SpoolGauges *gauges);

/* The last number given in each lane, 0: none or not known; and how many of them are held. */
typedef struct LaneGauges
{
	int64_t last_seq[VISIT_SHARDS];
	unsigned held;
} LaneGauges;

extern void read_lane_gauges(Lanes *lanes, LaneGauges *gauges);

#endif /* OPENREPLAY_LANES_H */
