/*
 * process.c - the pipeline by hand: process_batches() and end_sessions()
 *
 * The same passes the workers run, in the caller's transaction, for the shards no worker holds.  State lives only in
 * its checkpoints here, so each call leaves nothing in memory.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "executor/spi.h"
#include "pipeline/pass.h"
#include "pipeline/shards.h"

PG_FUNCTION_INFO_V1(openreplay_process_batches);
PG_FUNCTION_INFO_V1(openreplay_end_sessions);

static Pipeline *
open_pipeline(void)
{
	Pipeline *pipeline = create_pipeline(CurrentMemoryContext, take_shards(PG_UINT64_MAX, true), false);

	SPI_connect();
	read_lane_positions(pipeline);
	SPI_finish();
	return pipeline;
}

static int64
process_all(Pipeline *pipeline)
{
	int64 total = 0;
	int64 done;

	while ((done = run_pass(pipeline)) > 0)
		total += done;
	return total;
}

Datum
openreplay_process_batches(PG_FUNCTION_ARGS)
{
	int level = NewGUCNestLevel();
	int64 total;
	Pipeline *pipeline;

	set_planner(true);
	pipeline = open_pipeline();
	total = process_all(pipeline);
	MemoryContextDelete(pipeline->context);
	AtEOXact_GUC(true, level);
	PG_RETURN_INT64(total);
}

Datum
openreplay_end_sessions(PG_FUNCTION_ARGS)
{
	int level = NewGUCNestLevel();
	int64 ended = 0;
	Pipeline *pipeline;
	LaneClocks clocks;

	set_planner(true);
	pipeline = open_pipeline();
	read_lane_clocks(pipeline, &clocks);
	if (!PG_ARGISNULL(0))
		for (int shard = 0; shard < VISIT_SHARDS; shard++)
			clocks.clocks[shard] = PG_GETARG_TIMESTAMPTZ(0);
	/* nothing may end with batches unread */
	process_all(pipeline);
	while (end_idle_sessions(pipeline, &clocks, &ended) > 0)
		;
	MemoryContextDelete(pipeline->context);
	AtEOXact_GUC(true, level);
	PG_RETURN_INT64(ended);
}
