/*
 * metrics.c - counters, in Prometheus' text format
 */
#include "uploader/metrics.h"

#include <sys/resource.h>

/* Upper bounds of the histogram's buckets. */
static const unsigned job_bounds_ms[JOB_BUCKETS] = {10, 50, 100, 500, 1000, 5000, 10000, 60000, 300000, 1800000};

static const char *const job_names[JOB_NUMBERS] = {
	[JOB_REMOVAL] = "remove",
	[JOB_RECORDING] = "recording",
	[JOB_ASSET] = "asset",
};

void
count_job(Metrics *metrics, JobNumber job, int64_t us)
{
	size_t bucket = 0;

	while (bucket < JOB_BUCKETS && us > INT64_C(1000) * job_bounds_ms[bucket])
		bucket++;
	ADD_METRIC(metrics->job_times[job][bucket], 1);
	ADD_METRIC(metrics->job_us[job], (uint64_t) us);
}

static void
put_counter(Buffer *text, const char *name, const char *help, unsigned long long value)
{
	put_format(text,
			   "# HELP openreplay_uploader_%s %s\n# TYPE openreplay_uploader_%s counter\nopenreplay_uploader_%s %llu\n",
			   name, help, name, name, value);
}

static void
put_asset_failures(Buffer *text, const Metrics *metrics)
{
	static const char *const reasons[ASSET_FAILURES] = {
		[ASSET_ADDRESS] = "address", [ASSET_STATUS] = "status", [ASSET_SIZE] = "size",		 [ASSET_TIME] = "time",
		[ASSET_TYPE] = "type",		 [ASSET_KEY] = "key",		[ASSET_NETWORK] = "network",
	};

	put_text(text, "# HELP openreplay_uploader_asset_failures_total Tries that gave no copy.\n"
				   "# TYPE openreplay_uploader_asset_failures_total counter\n");
	for (int i = 0; i < ASSET_FAILURES; i++)
		put_format(text, "openreplay_uploader_asset_failures_total{reason=\"%s\"} %llu\n", reasons[i],
				   GET_METRIC(metrics->asset_failures[i]));
}

static void
put_job_times(Buffer *text, const Metrics *metrics)
{
	put_text(text, "# HELP openreplay_uploader_job_seconds How long what was done took, from its claim on.\n"
				   "# TYPE openreplay_uploader_job_seconds histogram\n");
	for (int job = 0; job < JOB_NUMBERS; job++)
	{
		unsigned long long count = 0;

		for (size_t i = 0; i < JOB_BUCKETS; i++)
		{
			count += GET_METRIC(metrics->job_times[job][i]);
			put_format(text, "openreplay_uploader_job_seconds_bucket{kind=\"%s\",le=\"%g\"} %llu\n", job_names[job],
					   job_bounds_ms[i] / 1000.0, count);
		}
		count += GET_METRIC(metrics->job_times[job][JOB_BUCKETS]);
		put_format(text,
				   "openreplay_uploader_job_seconds_bucket{kind=\"%s\",le=\"+Inf\"} %llu\n"
				   "openreplay_uploader_job_seconds_sum{kind=\"%s\"} %.6f\n"
				   "openreplay_uploader_job_seconds_count{kind=\"%s\"} %llu\n",
				   job_names[job], count, job_names[job], (double) GET_METRIC(metrics->job_us[job]) / 1e6,
				   job_names[job], count);
	}
}

/* What the process itself has used: seconds of CPU, and the most memory it ever had. */
static void
put_usage(Buffer *text)
{
	struct rusage used;

	if (getrusage(RUSAGE_SELF, &used) != 0)
		return;
	put_format(text,
			   "# HELP openreplay_uploader_cpu_seconds_total CPU time used.\n"
			   "# TYPE openreplay_uploader_cpu_seconds_total counter\nopenreplay_uploader_cpu_seconds_total %.3f\n"
			   "# HELP openreplay_uploader_memory_max_bytes Most memory resident so far.\n"
			   "# TYPE openreplay_uploader_memory_max_bytes gauge\nopenreplay_uploader_memory_max_bytes %llu\n",
			   (double) (used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
				   (double) (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
			   (unsigned long long) used.ru_maxrss * 1024);
}

void
write_metrics(Buffer *text, const Metrics *metrics)
{
	put_counter(text, "recordings_total", "Recordings stored.", GET_METRIC(metrics->recordings));
	put_counter(text, "merged_total", "Of them, those merged into files whose batches are gone.",
				GET_METRIC(metrics->merged));
	put_counter(text, "batches_total", "Batches read for recordings.", GET_METRIC(metrics->batches));
	put_counter(text, "batch_bytes_total", "Bytes of these batches, inflated.", GET_METRIC(metrics->batch_bytes));
	put_counter(text, "files_total", "Files stored.", GET_METRIC(metrics->files));
	put_counter(text, "file_bytes_total", "Bytes of these files before compression.", GET_METRIC(metrics->file_bytes));
	put_counter(text, "stored_bytes_total", "Bytes stored.", GET_METRIC(metrics->stored_bytes));
	put_counter(text, "removals_total", "Sessions whose objects were removed.", GET_METRIC(metrics->removals));
	put_counter(text, "assets_total", "Style sheets and fonts copied.", GET_METRIC(metrics->assets));
	put_counter(text, "asset_bytes_total", "Bytes of these copies.", GET_METRIC(metrics->asset_bytes));
	put_asset_failures(text, metrics);
	put_counter(text, "deliveries_total", "Messages delivered.", GET_METRIC(metrics->deliveries));
	put_counter(text, "failures_total", "Tries that failed.", GET_METRIC(metrics->failures));
	put_counter(text, "broken_total", "Batches and messages left out as unreadable.", GET_METRIC(metrics->broken));
	put_counter(text, "cut_recordings_total", "Recordings cut at a size limit.", GET_METRIC(metrics->cut));
	put_job_times(text, metrics);
	put_usage(text);
}
