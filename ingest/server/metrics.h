/*
 * metrics.h - what the server has done since it started
 *
 * Counters only, each counted where it happens, all thread-safe; written out in the Prometheus text format.
 */
#ifndef OPENREPLAY_METRICS_H
#define OPENREPLAY_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"

#define METRIC_ENDPOINTS 32 /* places for routes; endpoint numbers are the caller's */

extern void count_request(unsigned endpoint, unsigned status);
extern void count_received(size_t bytes); /* body bytes on the wire */
extern void count_commit(size_t rows, size_t bytes, int64_t us);
extern void count_commit_failure(void);
extern void count_dropped(size_t entries); /* told 503 and given up */
extern void count_spooled(size_t entries); /* acknowledged when the spool had them */
extern void count_drained(size_t entries); /* found committed after they had been spooled */

/* endpoint_names: METRIC_ENDPOINTS names or NULLs. */
extern void write_metrics(Buffer *text, const char *const *endpoint_names);

/* One value that is looked up rather than counted. */
extern void write_gauge(Buffer *text, const char *name, const char *help, double value);

#endif /* OPENREPLAY_METRICS_H */
