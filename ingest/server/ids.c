/*
 * ids.c - session ids for all threads of this server
 *
 * A thread keeps the reserved time ahead of the ids, so that nobody waits for a disk, and rests while no session
 * starts. Where the disk does not take it, ids are given all the same: to give one twice would then still need a crash
 * and a clock that was set back.
 */
#include "server/ids.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/files.h"
#include "common/log.h"
#include "visit/visit.h"

#define PATH_SIZE 4096
#define AHEAD_MS 10000
#define EARLY_MS 5000						/* reserved again when so little is left */
#define RETRY_MS 1000						/* after the disk refused */
#define BELIEVED_MS (INT64_C(20) * 3600000) /* ids a day ahead are refused by the database */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wanted = PTHREAD_COND_INITIALIZER;   /* the thread has to reserve */
static pthread_cond_t reserved = PTHREAD_COND_INITIALIZER; /* it did, or could not */
static SessionIds ids;
static int64_t reserved_ms; /* on disk: no id is beyond it */
static int64_t needed_ms;	/* somebody wants ids up to here */
static int64_t refused_ms;	/* monotonic: the disk refused then; 0: it did not */
static bool stopping;
static pthread_t thread;
static char path[PATH_SIZE];

static bool
write_reserved(int64_t ms)
{
	char content[32];

	snprintf(content, sizeof(content), "%" PRId64 "\n", ms);
	if (write_small_file(path, content))
		return true;
	log_warning("cannot note the time of session ids file=%s error=\"%m\"", path);
	return false;
}

/* The time in the file; 0 when there is none. */
static bool
read_reserved(int64_t *ms, char *error, size_t error_size)
{
	size_t len;
	char *content = read_small_file(path, 100, &len);
	char *end;

	*ms = 0;
	if (content == NULL && errno == ENOENT)
		return true;
	if (content != NULL)
	{
		*ms = strtoll(content, &end, 10);
		len = (size_t) (end - content);
		if (content[len] != '\n')
			len = 0;
		free(content);
		if (len > 0)
			return true;
	}
	snprintf(error, error_size, "%.400s is unreadable: it keeps session ids unique, remove it if the clock is right",
			 path);
	return false;
}

static void *
run_ids(void *argument)
{
	(void) argument;
	pthread_mutex_lock(&lock);
	while (!stopping)
	{
		int64_t until_ms;
		bool ok;

		if (needed_ms <= reserved_ms - EARLY_MS || (refused_ms != 0 && monotonic_ms() - refused_ms < RETRY_MS))
		{
			needed_ms = 0;
			pthread_cond_wait(&wanted, &lock);
			continue;
		}
		until_ms = needed_ms + AHEAD_MS;
		pthread_mutex_unlock(&lock);
		ok = write_reserved(until_ms);
		pthread_mutex_lock(&lock);
		refused_ms = ok ? 0 : monotonic_ms();
		if (ok)
			reserved_ms = until_ms;
		pthread_cond_broadcast(&reserved);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

bool
open_ids(const Settings *settings, char *error, size_t error_size)
{
	int64_t now_ms = wall_ms();
	int64_t last_ms;

	snprintf(path, sizeof(path), "%s/session_ids", settings->state_dir);
	if (!read_reserved(&last_ms, error, error_size))
		return false;
	session_ids_init(&ids, 0);
	if (last_ms - now_ms > BELIEVED_MS)
		log_error("session ids are far ahead of the clock, beginning anew with the clock ahead_ms=%lld",
				  (long long) (last_ms - now_ms));
	else if (last_ms >= VISIT_EPOCH_MS)
		ids.last_ms = last_ms + 1;
	if (pthread_create(&thread, NULL, run_ids, NULL) == 0)
		return true;
	snprintf(error, error_size, "cannot start the thread of session ids");
	return false;
}

void
close_ids(void)
{
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_mutex_unlock(&lock);
	pthread_cond_signal(&wanted);
	pthread_join(thread, NULL);
	if (reserved_ms > ids.last_ms)
		write_reserved(ids.last_ms);
}

/* Has the time of the last id reserved; waits for that only when it is not.  The caller holds lock. */
static void
reserve(void)
{
	int64_t own_ms = ids.last_ms;

	while (own_ms > reserved_ms - EARLY_MS)
	{
		if (own_ms > needed_ms)
			needed_ms = own_ms;
		pthread_cond_signal(&wanted);
		if (own_ms <= reserved_ms || (refused_ms != 0 && monotonic_ms() - refused_ms < RETRY_MS))
			return;
		pthread_cond_wait(&reserved, &lock);
	}
}

uint64_t
issue_session_id(int server_id)
{
	for (;;)
	{
		int64_t now_ms = wall_ms();
		uint64_t id = 0;
		bool fits;

		pthread_mutex_lock(&lock);
		ids.server_id = (uint16_t) server_id; /* another one after the database was replaced */
		/* After the clock was set back ids run ahead of it, rather than keep visitors waiting until it catches up. */
		if (now_ms < ids.last_ms && ids.used >= 256)
			now_ms = ids.last_ms + 1;
		fits = now_ms > VISIT_EPOCH_MS && now_ms <= VISIT_LAST_MS;
		if (fits)
			id = next_session_id(&ids, now_ms);
		if (id != 0)
			reserve();
		pthread_mutex_unlock(&lock);
		if (id != 0 || !fits)
			return id;
		sleep_ms(1);
	}
}
