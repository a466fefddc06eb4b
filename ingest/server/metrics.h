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

/* What was turned away to protect the server. */
typedef enum Rejection
{
	REJECTED_CONNECTION,	/* the client has too many */
	REJECTED_SLOW,			/* a connection whose request or answer took too long */
	REJECTED_RATE,			/* the client asks too often */
	REJECTED_HEADERS,		/* too many */
	REJECTED_SIZE,			/* a body over its limit, on the wire or inflated */
	REJECTED_CLIENT_MEMORY, /* the client's bodies hold its share of memory */
	REJECTED_MEMORY,		/* all memory is in use */
	REJECTION_COUNT
} Rejection;

#define METRIC_ENDPOINTS 32 /* places for routes; endpoint numbers are the caller's */

/* us: from the request line to the answer; sent: bytes of its body. */
extern void count_request(unsigned endpoint, unsigned status, int64_t us, size_t sent);
extern void count_received(size_t bytes); /* body bytes on the wire */
extern void count_commit(size_t rows, size_t bytes, int64_t us);
extern void count_commit_failure(void);
extern void count_dropped(size_t entries); /* told 503 and given up */
extern void count_spooled(size_t entries); /* acknowledged when the spool had them */
extern void count_rejected(Rejection reason);
extern void count_drained(size_t entries); /* found committed after they had been spooled */

/* endpoint_names: METRIC_ENDPOINTS names or NULLs. */
extern void write_metrics(Buffer *text, const char *const *endpoint_names);

/* Values that are looked up rather than counted. */
extern void write_gauge(Buffer *text, const char *name, const char *help, double value);

/* The head of a metric whose lines the caller writes itself; name and type as Prometheus has them. */
extern void write_head(Buffer *text, const char *name, const char *type, const char *help);

/* Milliseconds that the last group commit took, 0 before the first. */
extern double last_commit_ms(void);

#endif /* OPENREPLAY_METRICS_H */
