/*
 * status.h - what an uploader tells of itself: its counters, what waits for it, and whether it can work
 */
#ifndef OPENREPLAY_UPLOADER_STATUS_H
#define OPENREPLAY_UPLOADER_STATUS_H

#include <pthread.h>

#include "common/buffer.h"
#include "common/pq.h"
#include "uploader/worker.h"

#define BACKLOG_KINDS 8

/* What waits in the outbox for any uploader. */
typedef struct Backlog
{
	long long waiting;
	long long in_progress;
	long long given_up;
	double age_s; /* of the oldest that is not given up */
} Backlog;

typedef struct Status
{
	const Uploader *uploader;
	const Worker *workers;
	unsigned nworkers;

	pthread_mutex_t lock; /* of all below */
	Backlog backlog[BACKLOG_KINDS];
	int64_t last_beat_ms; /* monotonic; 0: none yet */
	double beat_ms;		  /* that it took */
} Status;

extern void open_status(Status *status, const Uploader *uploader, const Worker *workers, unsigned nworkers);
extern void close_status(Status *status);

/* All beats got through, which took so long; reads the backlog.  False when the connection is of no use any more. */
extern bool note_beat(Status *status, PGconn *conn, const PqWait *wait, double ms);

/* In Prometheus' text format. */
extern void show_metrics(Status *status, Buffer *text);

/* As JSON (application/health+json); false when it cannot do its work. */
extern bool show_health(Status *status, Buffer *json);

#endif /* OPENREPLAY_UPLOADER_STATUS_H */
