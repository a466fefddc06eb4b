/*
 * heart.h - tells the database that the workers live, and writes the metrics
 */
#ifndef OPENREPLAY_HEART_H
#define OPENREPLAY_HEART_H

#include "uploader/status.h"

typedef struct Heart
{
	Status *status;
	int stop_fd; /* readable when it shall stop: after the workers, so that what they do last is theirs */
	pthread_t thread;
	bool started;
} Heart;

extern bool start_heart(Heart *heart, Status *status);
extern void stop_heart(Heart *heart);

#endif /* OPENREPLAY_HEART_H */
