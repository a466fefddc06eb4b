/*
 * heart.c - a beat for every worker, every BEAT_MS
 *
 * On a connection of its own: a worker may spend minutes on one recording, and what it holds is given to others after a
 * minute without a beat.
 */
#include "uploader/heart.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/files.h"
#include "common/log.h"

#define BEAT_MS 15000
#define BEAT_TIMEOUT_MS 5000
#define ERROR_SIZE 512
#define METRICS_MAX 262144

/* False when the connection is of no use any more. */
static bool
beat(const Heart *heart, PGconn *conn, const PqWait *wait)
{
	Status *status = heart->status;
	int64_t began_us = monotonic_us();

	for (unsigned i = 0; i < status->nworkers; i++)
	{
		const char *params[] = {status->workers[i].name};
		char error[ERROR_SIZE];
		PGresult *result = pq_query(conn, "SELECT openreplay.beat_outbox($1)", 1, params, wait, error, sizeof(error));

		PQclear(result);
		if (result == NULL)
		{
			log_error("no beat worker=%s error=\"%s\"", status->workers[i].name, error);
			return false;
		}
	}
	return note_beat(status, conn, wait, (double) (monotonic_us() - began_us) / 1000);
}

static void
write_metrics_file(const Heart *heart)
{
	const char *path = heart->status->uploader->settings->metrics_file;
	Buffer text;

	if (path[0] == '\0')
		return;
	init_buffer(&text, METRICS_MAX);
	show_metrics(heart->status, &text);
	errno = ENOMEM;
	if (text.failed || !write_small_file(path, text.data))
		log_error("METRICS_FILE cannot be written file=%s error=\"%m\"", path);
	free_buffer(&text);
}

static void *
keep_beating(void *argument)
{
	Heart *heart = argument;
	PqWait wait = {.timeout_ms = BEAT_TIMEOUT_MS};
	PGconn *conn = NULL;
	struct pollfd poll_fd = {heart->stop_fd, POLLIN, 0};

	do
	{
		char error[ERROR_SIZE];

		if (conn == NULL)
			conn = pq_connect(heart->status->uploader->settings->database_url, "openreplay-uploader", &wait, error,
							  sizeof(error));
		if (conn != NULL && !beat(heart, conn, &wait))
		{
			PQfinish(conn);
			conn = NULL;
		}
		write_metrics_file(heart);
	} while (poll(&poll_fd, 1, BEAT_MS) <= 0);
	write_metrics_file(heart);
	PQfinish(conn);
	return NULL;
}

bool
start_heart(Heart *heart, Status *status)
{
	*heart = (Heart){.status = status};
	heart->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	heart->started = heart->stop_fd >= 0 && pthread_create(&heart->thread, NULL, keep_beating, heart) == 0;
	return heart->started;
}

void
stop_heart(Heart *heart)
{
	if (heart->started)
	{
		eventfd_write(heart->stop_fd, 1);
		pthread_join(heart->thread, NULL);
	}
	if (heart->stop_fd > 0)
		close(heart->stop_fd);
	heart->started = false;
}
