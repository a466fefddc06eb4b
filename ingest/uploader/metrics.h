/*
 * metrics.h - what has been done since the start
 */
#ifndef OPENREPLAY_UPLOADER_METRICS_H
#define OPENREPLAY_UPLOADER_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"

/* Why there is no copy of an asset. */
typedef enum AssetFailure
{
	ASSET_ADDRESS, /* inside, or no http */
	ASSET_STATUS,
	ASSET_SIZE,
	ASSET_TIME,
	ASSET_TYPE,
	ASSET_KEY,
	ASSET_NETWORK, /* all else that may pass */
	ASSET_FAILURES
} AssetFailure;

/* What workers do. */
typedef enum JobNumber
{
	JOB_REMOVAL,
	JOB_RECORDING,
	JOB_ASSET,
	JOB_NUMBERS
} JobNumber;

#define JOB_BUCKETS 10

typedef struct Metrics
{
	atomic_uint_fast64_t recordings; /* stored */
	atomic_uint_fast64_t merged;	 /* of them, into files whose batches are gone */
	atomic_uint_fast64_t batches;	 /* read for them */
	atomic_uint_fast64_t batch_bytes;
	atomic_uint_fast64_t files; /* stored */
	atomic_uint_fast64_t file_bytes;
	atomic_uint_fast64_t stored_bytes;
	atomic_uint_fast64_t removals; /* sessions whose objects were removed */
	atomic_uint_fast64_t assets;   /* copies stored */
	atomic_uint_fast64_t asset_bytes;
	atomic_uint_fast64_t asset_failures[ASSET_FAILURES];
	atomic_uint_fast64_t deliveries; /* messages that their receivers have taken */
	atomic_uint_fast64_t failures;	 /* tries that will be repeated, or were given up */
	atomic_uint_fast64_t failures_in_a_row;
	atomic_uint_fast64_t job_times[JOB_NUMBERS][JOB_BUCKETS + 1]; /* of those that were done */
	atomic_uint_fast64_t job_us[JOB_NUMBERS];
	atomic_uint_fast64_t broken; /* batches and messages left out as unreadable */
	atomic_uint_fast64_t cut;	 /* sessions of which not everything was stored, because of a size limit */
} Metrics;

#define ADD_METRIC(counter, value) atomic_fetch_add_explicit(&(counter), (value), memory_order_relaxed)
#define GET_METRIC(counter) ((unsigned long long) atomic_load_explicit(&(counter), memory_order_relaxed))

/* A worker has done something, which took so long. */
extern void count_job(Metrics *metrics, JobNumber job, int64_t us);

/* In Prometheus' text format. */
extern void write_metrics(Buffer *text, const Metrics *metrics);

#endif /* OPENREPLAY_UPLOADER_METRICS_H */
