/*
 * session_id.c - flake ids: when a session began, which server made it, and its shard
 *
 * An id is 40 bits of milliseconds since VISIT_EPOCH_MS, 16 bits of server and 8 bits of sequence, so ids of all
 * servers sort by the time the sessions began, and no two servers need to talk to keep them apart.
 *
 * Hard idea: uniqueness must not hang on the clock.  Time only ever moves the generator forward.  While the clock
 * stands behind what was already handed out (it was stepped back), the generator borrows from its own future, a
 * millisecond per 256 ids, rather than repeat an id or refuse visits until the clock has caught up.
 */
#include "visit.h"

#define IDS_PER_MS 256u

_Static_assert(VISIT_SHARDS == 1 << 6, "session_shard() takes the top 6 bits");

void
session_ids_init(SessionIds *ids, uint16_t server_id)
{
	ids->server_id = server_id;
	ids->last_ms = VISIT_EPOCH_MS;
	ids->used = 0;
}

uint64_t
next_session_id(SessionIds *ids, int64_t now_ms)
{
	uint64_t id;

	if (now_ms <= VISIT_EPOCH_MS || now_ms > VISIT_LAST_MS)
		return 0;

	if (now_ms > ids->last_ms)
	{
		ids->last_ms = now_ms;
		ids->used = 0;
	}
	else if (ids->used == IDS_PER_MS)
	{
		if (now_ms == ids->last_ms || ids->last_ms == VISIT_LAST_MS)
			return 0;
		ids->last_ms++;
		ids->used = 0;
	}

	id = (uint64_t) (ids->last_ms - VISIT_EPOCH_MS) << 24 | (uint64_t) ids->server_id << 8 | ids->used;
	ids->used++;
	return id;
}

int64_t
session_id_ms(uint64_t session_id)
{
	return (int64_t) (session_id >> 24) + VISIT_EPOCH_MS;
}

/*
 * The finaliser of splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014), then the
 * top 6 bits.  Ids made in a row differ only in a few low or middle bits; the finaliser lets each of them reach every
 * output bit, so a burst of starts on one server spreads over all shards.  Never change it: rows and lanes are placed
 * by it.
 */
unsigned
session_shard(uint64_t session_id)
{
	uint64_t x = session_id;

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	return (unsigned) (x >> 58);
}
