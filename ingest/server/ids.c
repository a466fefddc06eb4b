/*
 * ids.c - session ids for all threads of this server
 */
#include "server/ids.h"

#include <pthread.h>
#include <stdbool.h>

#include "common/clock.h"
#include "visit/visit.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static SessionIds ids;
static bool initialised;

uint64_t
issue_session_id(int server_id)
{
	for (;;)
	{
		int64_t now_ms = wall_ms();
		uint64_t id;

		if (now_ms <= VISIT_EPOCH_MS)
			return 0;
		pthread_mutex_lock(&lock);
		if (!initialised)
			session_ids_init(&ids, (uint16_t) server_id);
		initialised = true;
		ids.server_id = (uint16_t) server_id; /* another one after the database was replaced */
		/* After the clock was set back ids run ahead of it, rather than keep visitors waiting until it catches up. */
		if (now_ms < ids.last_ms && ids.used >= 256)
			now_ms = ids.last_ms + 1;
		id = next_session_id(&ids, now_ms);
		pthread_mutex_unlock(&lock);
		if (id != 0)
			return id;
		sleep_ms(1);
	}
}
