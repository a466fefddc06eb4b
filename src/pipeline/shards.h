/*
 * shards.h - who processes a shard
 *
 * Everything of a session happens in one shard, and a shard is processed by one backend at a time: a worker, or a call
 * of process_batches().  The holder has the shard's advisory lock.
 */
#ifndef OPENREPLAY_SHARDS_H
#define OPENREPLAY_SHARDS_H

#include "postgres.h"

/* Takes those of the wanted shards that are free and returns them; until commit, or for the backend's life. */
extern uint64 take_shards(uint64 wanted, bool for_transaction);

/* Whether openreplay.pipeline allows workers in this cluster and database, and the schema is there. */
extern bool may_run_here(void);

/* Settings under which lanes are read by their indexes, whatever statistics new partitions lack; until the level ends.
 */
extern void set_planner(bool for_transaction);

#endif /* OPENREPLAY_SHARDS_H */
