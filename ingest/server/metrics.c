/*
 * metrics.c - counters
 */
#include "server/metrics.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

static const unsigned statuses[] = {200, 400, 401, 403, 404, 405, 413, 415, 426, 429, 431, 500, 503};
#define STATUS_COUNT (sizeof(statuses) / sizeof(statuses[0]))

/* Upper bounds of the histogram buckets. */
static const unsigned group_bounds[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 4000};
#define GROUP_COUNT (sizeof(group_bounds) / sizeof(group_bounds[0]))
static const unsigned commit_bounds_ms[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000};
#define COMMIT_COUNT (sizeof(commit_bounds_ms) / sizeof(commit_bounds_ms[0]))
static const unsigned request_bounds_ms[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 10000};
#define REQUEST_COUNT (sizeof(request_bounds_ms) / sizeof(request_bounds_ms[0]))

static const char *const rejection_names[REJECTION_COUNT] = {
	[REJECTED_CONNECTION] = "connection", [REJECTED_SLOW] = "slow", [REJECTED_RATE] = "rate",
	[REJECTED_HEADERS] = "headers",		  [REJECTED_SIZE] = "size", [REJECTED_CLIENT_MEMORY] = "client_memory",
	[REJECTED_MEMORY] = "memory",
};

/* The last column takes statuses that are not listed. */
static atomic_uint_fast64_t requests[METRIC_ENDPOINTS][STATUS_COUNT + 1];
static atomic_uint_fast64_t request_times[METRIC_ENDPOINTS][REQUEST_COUNT + 1];
static atomic_uint_fast64_t request_us[METRIC_ENDPOINTS];
static atomic_uint_fast64_t rejected[REJECTION_COUNT];
static atomic_uint_fast64_t received_bytes;
static atomic_uint_fast64_t sent_bytes;
static atomic_uint_fast64_t group_sizes[GROUP_COUNT + 1];
static atomic_uint_fast64_t commit_times[COMMIT_COUNT + 1];
static atomic_uint_fast64_t commits;
static atomic_uint_fast64_t commit_us;
static atomic_uint_fast64_t last_commit_us;
static atomic_uint_fast64_t committed_rows;
static atomic_uint_fast64_t committed_bytes;
static atomic_uint_fast64_t commit_failures;
static atomic_uint_fast64_t dropped_entries;
static atomic_uint_fast64_t spooled_entries;
static atomic_uint_fast64_t drained_entries;

#define ADD(counter, value) atomic_fetch_add_explicit(&(counter), (value), memory_order_relaxed)
#define GET(counter) ((unsigned long long) atomic_load_explicit(&(counter), memory_order_relaxed))

static size_t
bucket_of(const unsigned *bounds, size_t count, uint64_t value)
{
	size_t i = 0;

	while (i < count && value > bounds[i])
		i++;
	return i;
}

void
count_request(unsigned endpoint, unsigned status, int64_t us, size_t sent)
{
	size_t column = 0;

	endpoint %= METRIC_ENDPOINTS;
	while (column < STATUS_COUNT && statuses[column] != status)
		column++;
	ADD(requests[endpoint][column], 1);
	ADD(request_times[endpoint][bucket_of(request_bounds_ms, REQUEST_COUNT, (uint64_t) (us + 999) / 1000)], 1);
	ADD(request_us[endpoint], (uint64_t) us);
	ADD(sent_bytes, sent);
}

void
count_rejected(Rejection reason)
{
	ADD(rejected[reason], 1);
}

void
count_received(size_t bytes)
{
	ADD(received_bytes, bytes);
}

void
count_commit(size_t rows, size_t bytes, int64_t us)
{
	ADD(commits, 1);
	ADD(commit_us, (uint64_t) us);
	atomic_store_explicit(&last_commit_us, (uint64_t) us, memory_order_relaxed);
	ADD(committed_rows, rows);
	ADD(committed_bytes, bytes);
	ADD(group_sizes[bucket_of(group_bounds, GROUP_COUNT, rows)], 1);
	ADD(commit_times[bucket_of(commit_bounds_ms, COMMIT_COUNT, (uint64_t) (us + 999) / 1000)], 1);
}

void
count_commit_failure(void)
{
	ADD(commit_failures, 1);
}

void
count_dropped(size_t entries)
{
	ADD(dropped_entries, entries);
}

void
count_spooled(size_t entries)
{
	ADD(spooled_entries, entries);
}

void
count_drained(size_t entries)
{
	ADD(drained_entries, entries);
}

void
write_head(Buffer *text, const char *name, const char *type, const char *help)
{
	put_format(text, "# HELP openreplay_ingest_%s %s\n# TYPE openreplay_ingest_%s %s\n", name, help, name, type);
}

static void
write_counter(Buffer *text, const char *name, const char *help, unsigned long long value)
{
	write_head(text, name, "counter", help);
	put_format(text, "openreplay_ingest_%s %llu\n", name, value);
}

void
write_gauge(Buffer *text, const char *name, const char *help, double value)
{
	write_head(text, name, "gauge", help);
	put_format(text, "openreplay_ingest_%s %.15g\n", name, value);
}

/*
 * The lines of one histogram.  label: "" or name="value"; bounds are multiplied by unit; sum is the sum of the observed
 * values in the metric's own unit.
 */
static void
write_buckets(Buffer *text, const char *name, const char *label, const unsigned *bounds, size_t count, double unit,
			  atomic_uint_fast64_t *buckets, double sum)
{
	const char *comma = label[0] != '\0' ? "," : "";
	unsigned long long total = 0;
	char labels[96] = "";

	for (size_t i = 0; i < count; i++)
	{
		total += GET(buckets[i]);
		put_format(text, "openreplay_ingest_%s_bucket{%s%sle=\"%g\"} %llu\n", name, label, comma, bounds[i] * unit,
				   total);
	}
	total += GET(buckets[count]);
	if (label[0] != '\0')
		snprintf(labels, sizeof(labels), "{%s}", label);
	put_format(text,
			   "openreplay_ingest_%s_bucket{%s%sle=\"+Inf\"} %llu\nopenreplay_ingest_%s_sum%s %.15g\n"
			   "openreplay_ingest_%s_count%s %llu\n",
			   name, label, comma, total, name, labels, sum, name, labels, total);
}

double
last_commit_ms(void)
{
	return (double) GET(last_commit_us) / 1000;
}

static void
write_requests(Buffer *text, const char *const *endpoint_names)
{
	bool used[METRIC_ENDPOINTS] = {false};
	char label[64];

	write_head(text, "requests_total", "counter", "Answered requests by endpoint and status.");
	for (unsigned endpoint = 0; endpoint < METRIC_ENDPOINTS; endpoint++)
	{
		for (size_t column = 0; column <= STATUS_COUNT; column++)
		{
			unsigned long long count = GET(requests[endpoint][column]);

			if (count == 0 || endpoint_names[endpoint] == NULL)
				continue;
			used[endpoint] = true;
			put_format(text, "openreplay_ingest_requests_total{endpoint=\"%s\",status=\"", endpoint_names[endpoint]);
			if (column < STATUS_COUNT)
				put_format(text, "%u\"} %llu\n", statuses[column], count);
			else
				put_format(text, "other\"} %llu\n", count);
		}
	}
	write_head(text, "request_seconds", "histogram", "From the request line to the answer, by endpoint.");
	for (unsigned endpoint = 0; endpoint < METRIC_ENDPOINTS; endpoint++)
	{
		if (!used[endpoint])
			continue;
		snprintf(label, sizeof(label), "endpoint=\"%s\"", endpoint_names[endpoint]);
		write_buckets(text, "request_seconds", label, request_bounds_ms, REQUEST_COUNT, 0.001, request_times[endpoint],
					  (double) GET(request_us[endpoint]) / 1e6);
	}
	write_head(text, "rejected_total", "counter", "What was turned away to protect the server, by reason.");
	for (unsigned reason = 0; reason < REJECTION_COUNT; reason++)
		put_format(text, "openreplay_ingest_rejected_total{reason=\"%s\"} %llu\n", rejection_names[reason],
				   GET(rejected[reason]));
}

void
write_metrics(Buffer *text, const char *const *endpoint_names)
{
	write_requests(text, endpoint_names);
	write_counter(text, "received_bytes_total", "Request body bytes received.", GET(received_bytes));
	write_counter(text, "sent_bytes_total", "Answer body bytes sent.", GET(sent_bytes));
	write_counter(text, "committed_rows_total", "Entries committed.", GET(committed_rows));
	write_counter(text, "committed_bytes_total", "Row bytes committed, compressed.", GET(committed_bytes));
	write_counter(text, "commit_failures_total", "Commits refused by the database or lost.", GET(commit_failures));
	write_counter(text, "dropped_entries_total", "Entries told 503 and given up.", GET(dropped_entries));
	write_counter(text, "spooled_entries_total", "Entries acknowledged from the spool.", GET(spooled_entries));
	write_counter(text, "drained_entries_total", "Spooled entries that are committed since.", GET(drained_entries));
	write_head(text, "commit_seconds", "histogram", "Duration of group commits.");
	write_buckets(text, "commit_seconds", "", commit_bounds_ms, COMMIT_COUNT, 0.001, commit_times,
				  (double) GET(commit_us) / 1e6);
	write_head(text, "group_rows", "histogram", "Entries in a group commit.");
	write_buckets(text, "group_rows", "", group_bounds, GROUP_COUNT, 1, group_sizes, (double) GET(committed_rows));
}
