/*
 * sessions.c - which project a session belongs to, as far as this server knows
 *
 * Split into shards with a lock each.  A shard is a heap of sessions, the first to expire on top, and a hash table of
 * their places in the heap; so the one that has to go is always at hand, and what moves in the heap tells the table.
 */
#include "server/sessions.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/clock.h"
#include "visit/visit.h"

#define KEPT_MS 60000 /* beyond the token's expiry: late batches are still let in for 30 s */
#define DAY_MS INT64_C(86400000)
#define FIRST_SIZE 16u /* a power of two */
#define EXPIRED_AT_ONCE 2

#define NO_PROJECT 0 /* only its bytes are counted */

typedef struct KnownSession
{
	uint64_t session_id;
	int64_t expires_ms;
	uint64_t bytes; /* of images */
	int32_t project_id;
	bool recorded;
} KnownSession;

typedef struct Shard
{
	pthread_mutex_t lock;
	KnownSession *heap; /* heap[0] expires first */
	uint32_t count;
	uint32_t size;	 /* of the heap; the table has twice as many places */
	uint32_t *table; /* place in the heap + 1, 0: free; linear probing */
} Shard;

struct Sessions
{
	uint32_t shard_max;
	Shard shards[VISIT_SHARDS];
};

static Shard *
shard_of(Sessions *sessions, uint64_t session_id)
{
	return &sessions->shards[session_shard(session_id)];
}

/* ---- the table ----------------------------------------------------------------------------------------------------
 */

static uint32_t
home_of(const Shard *shard, uint64_t session_id)
{
	return (uint32_t) ((session_id * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (2 * shard->size - 1);
}

/* Where the session is in the table, or the free place where it would be.  There is always a free one. */
static uint32_t
probe(const Shard *shard, uint64_t session_id)
{
	uint32_t at = home_of(shard, session_id);

	while (shard->table[at] != 0 && shard->heap[shard->table[at] - 1].session_id != session_id)
		at = (at + 1) & (2 * shard->size - 1);
	return at;
}

/* Frees a place; sessions that were pushed past it move up, so that no search ends before them. */
static void
free_place(Shard *shard, uint32_t at)
{
	uint32_t mask = 2 * shard->size - 1;
	uint32_t next = at;

	for (;;)
	{
		uint32_t home;

		next = (next + 1) & mask;
		if (shard->table[next] == 0)
			break;
		home = home_of(shard, shard->heap[shard->table[next] - 1].session_id);
		if (((next - home) & mask) < ((next - at) & mask))
			continue;
		shard->table[at] = shard->table[next];
		at = next;
	}
	shard->table[at] = 0;
}

/* ---- the heap -----------------------------------------------------------------------------------------------------
 */

static void
swap(Shard *shard, uint32_t a, uint32_t b)
{
	uint32_t place_a = probe(shard, shard->heap[a].session_id);
	uint32_t place_b = probe(shard, shard->heap[b].session_id);
	KnownSession session = shard->heap[a];

	shard->heap[a] = shard->heap[b];
	shard->heap[b] = session;
	shard->table[place_a] = b + 1;
	shard->table[place_b] = a + 1;
}

static void
sift_up(Shard *shard, uint32_t at)
{
	while (at > 0 && shard->heap[at].expires_ms < shard->heap[(at - 1) / 2].expires_ms)
	{
		swap(shard, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static void
sift_down(Shard *shard, uint32_t at)
{
	for (;;)
	{
		uint32_t child = 2 * at + 1;

		if (child + 1 < shard->count && shard->heap[child + 1].expires_ms < shard->heap[child].expires_ms)
			child++;
		if (child >= shard->count || shard->heap[child].expires_ms >= shard->heap[at].expires_ms)
			return;
		swap(shard, at, child);
		at = child;
	}
}

static void
forget_first(Shard *shard)
{
	uint32_t last = shard->count - 1;

	if (last > 0)
		swap(shard, 0, last);
	free_place(shard, probe(shard, shard->heap[last].session_id));
	shard->count--;
	sift_down(shard, 0);
}

/* ---- the shard ----------------------------------------------------------------------------------------------------
 */

/* Room for one session more; false without memory. */
static bool
make_room(Shard *shard, uint32_t max)
{
	uint32_t size = shard->size == 0 ? FIRST_SIZE : 2 * shard->size;
	KnownSession *heap;
	uint32_t *table;

	while (shard->count >= max)
		forget_first(shard);
	if (shard->count < shard->size)
		return true;
	heap = realloc(shard->heap, size * sizeof(*heap));
	if (heap == NULL)
		return false;
	shard->heap = heap;
	table = calloc(2 * (size_t) size, sizeof(*table));
	if (table == NULL)
		return false;
	free(shard->table);
	shard->table = table;
	shard->size = size;
	for (uint32_t i = 0; i < shard->count; i++)
		shard->table[probe(shard, shard->heap[i].session_id)] = i + 1;
	return true;
}

static KnownSession *
find_session(Shard *shard, uint64_t session_id)
{
	uint32_t place = shard->size == 0 ? 0 : shard->table[probe(shard, session_id)];

	return place == 0 ? NULL : &shard->heap[place - 1];
}

/* Adds what is not there yet, in the place of some whose time is over. */
static KnownSession *
add_session(Sessions *sessions, Shard *shard, const KnownSession *session)
{
	int64_t over_ms = wall_ms() - KEPT_MS;

	for (int i = 0; i < EXPIRED_AT_ONCE && shard->count > 0 && shard->heap[0].expires_ms < over_ms; i++)
		forget_first(shard);
	if (!make_room(shard, sessions->shard_max))
		return NULL;
	shard->heap[shard->count] = *session;
	shard->table[probe(shard, session->session_id)] = shard->count + 1;
	sift_up(shard, shard->count++);
	return find_session(shard, session->session_id);
}

void
remember_session(Sessions *sessions, uint64_t session_id, int32_t project_id, int64_t expires_ms, bool recorded)
{
	Shard *shard = shard_of(sessions, session_id);
	KnownSession *session;

	assert(project_id != NO_PROJECT);
	pthread_mutex_lock(&shard->lock);
	session = find_session(shard, session_id);
	if (session == NULL)
	{
		KnownSession fresh = {session_id, expires_ms, 0, project_id, recorded};

		add_session(sessions, shard, &fresh);
	}
	else
	{
		session->project_id = project_id;
		session->recorded = recorded;
		if (session->expires_ms < expires_ms)
		{
			session->expires_ms = expires_ms;
			sift_down(shard, (uint32_t) (session - shard->heap));
		}
	}
	pthread_mutex_unlock(&shard->lock);
}

bool
recall_session(Sessions *sessions, uint64_t session_id, SessionFacts *facts)
{
	Shard *shard = shard_of(sessions, session_id);
	const KnownSession *session;
	bool known;

	pthread_mutex_lock(&shard->lock);
	session = find_session(shard, session_id);
	known = session != NULL && session->project_id != NO_PROJECT;
	if (known)
		*facts = (SessionFacts){session->project_id, session->recorded};
	pthread_mutex_unlock(&shard->lock);
	return known;
}

bool
take_session_bytes(Sessions *sessions, uint64_t session_id, size_t bytes, size_t limit)
{
	Shard *shard = shard_of(sessions, session_id);
	KnownSession *session;
	bool taken;

	pthread_mutex_lock(&shard->lock);
	session = find_session(shard, session_id);
	if (session == NULL)
	{
		KnownSession fresh = {session_id, session_id_ms(session_id) + DAY_MS, 0, NO_PROJECT, true};

		session = add_session(sessions, shard, &fresh);
	}
	taken = session != NULL && session->bytes <= limit && bytes <= limit - session->bytes;
	if (taken)
		session->bytes += bytes;
	pthread_mutex_unlock(&shard->lock);
	return taken;
}

void
give_session_bytes(Sessions *sessions, uint64_t session_id, size_t bytes)
{
	Shard *shard = shard_of(sessions, session_id);
	KnownSession *session;

	pthread_mutex_lock(&shard->lock);
	session = find_session(shard, session_id);
	/* it may have been forgotten and counted anew meanwhile */
	if (session != NULL)
		session->bytes -= bytes < session->bytes ? bytes : session->bytes;
	pthread_mutex_unlock(&shard->lock);
}

size_t
count_sessions(Sessions *sessions)
{
	size_t count = 0;

	for (int i = 0; i < VISIT_SHARDS; i++)
	{
		pthread_mutex_lock(&sessions->shards[i].lock);
		count += sessions->shards[i].count;
		pthread_mutex_unlock(&sessions->shards[i].lock);
	}
	return count;
}

Sessions *
open_sessions(size_t max)
{
	Sessions *sessions = calloc(1, sizeof(*sessions));

	if (sessions == NULL)
		return NULL;
	sessions->shard_max = (uint32_t) (max / VISIT_SHARDS);
	if (sessions->shard_max == 0)
		sessions->shard_max = 1;
	for (int i = 0; i < VISIT_SHARDS; i++)
		pthread_mutex_init(&sessions->shards[i].lock, NULL);
	return sessions;
}

void
close_sessions(Sessions *sessions)
{
	for (int i = 0; i < VISIT_SHARDS; i++)
	{
		pthread_mutex_destroy(&sessions->shards[i].lock);
		free(sessions->shards[i].heap);
		free(sessions->shards[i].table);
	}
	free(sessions);
}
