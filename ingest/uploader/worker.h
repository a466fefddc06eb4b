/*
 * worker.h - a thread that takes rows of the outbox and does them, one after the other
 */
#ifndef OPENREPLAY_UPLOADER_WORKER_H
#define OPENREPLAY_UPLOADER_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "uploader/metrics.h"
#include "uploader/settings.h"
#include "uploader/storage.h"

/* What all workers share; outlives them. */
typedef struct Uploader
{
	const Settings *settings;
	Storage *storage;
	Storage *assets_storage;
	Metrics *metrics;
	bool once; /* end when there is nothing to do now */
	atomic_bool stopping;
	int wake_fd; /* readable when stopping */
} Uploader;

typedef struct Worker
{
	Uploader *uploader;
	char name[200]; /* under which it claims */
	pthread_t thread;
	bool started;
	atomic_int_fast64_t began_ms; /* monotonic, what it does at the moment; 0: nothing */
	bool unreachable;			  /* once: the database could not be asked to the end */
} Worker;

extern bool start_worker(Worker *worker, Uploader *uploader, unsigned number);

/* Waits for its end: with once by itself, else when stopping. */
extern void join_worker(Worker *worker);

#endif /* OPENREPLAY_UPLOADER_WORKER_H */
