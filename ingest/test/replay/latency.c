/*
 * latency.c - a histogram of answer times
 */
#include "replay.h"

static unsigned
bucket_of(uint64_t us)
{
	unsigned shift;

	if (us < 64)
		return (unsigned) us;
	shift = 57 - (unsigned) __builtin_clzll(us);
	if (shift * 64 + (us >> shift) >= LATENCY_BUCKETS)
		return LATENCY_BUCKETS - 1;
	return shift * 64 + (unsigned) (us >> shift);
}

/* The middle of a bucket, in us. */
static double
bucket_middle(unsigned bucket)
{
	unsigned shift = bucket < 128 ? 0 : bucket / 64 - 1;

	return (double) ((uint64_t) (bucket - shift * 64) << shift) + (double) (UINT64_C(1) << shift) / 2;
}

void
add_latency(Latencies *latencies, int64_t ns)
{
	latencies->counts[bucket_of(ns > 0 ? (uint64_t) ns / 1000 : 0)]++;
	latencies->total++;
	if (ns > latencies->max_ns)
		latencies->max_ns = ns;
}

double
latency_ms(const Latencies *latencies, double quantile)
{
	uint64_t wanted = (uint64_t) (quantile * (double) latencies->total);
	uint64_t seen = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
	{
		seen += latencies->counts[i];
		if (seen > wanted)
			return bucket_middle(i) / 1000;
	}
	return (double) latencies->max_ns / 1e6;
}

void
print_latencies(const Latencies *latencies)
{
	printf("latency ms: p50 %.2f, p90 %.2f, p99 %.2f, max %.2f\n", latency_ms(latencies, 0.5),
		   latency_ms(latencies, 0.9), latency_ms(latencies, 0.99), (double) latencies->max_ns / 1e6);
}
