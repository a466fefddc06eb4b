/*
 * courier.h - the thread that delivers messages: hooks, chat, mail
 */
#ifndef OPENREPLAY_COURIER_H
#define OPENREPLAY_COURIER_H

#include <pthread.h>

#include "uploader/worker.h"

typedef struct Courier
{
	Uploader *uploader;
	char name[200]; /* under which it claims */
	pthread_t thread;
	bool started;
	bool unreachable; /* once: the database could not be asked to the end */
} Courier;

/* With DELIVERIES=0 there is none, and that is no failure. */
extern bool start_courier(Courier *courier, Uploader *uploader);
extern void join_courier(Courier *courier);

#endif /* OPENREPLAY_COURIER_H */
