/*
 * sessions_test.c - what is remembered, what has to go first, and the bytes of a session
 */
#include "server/sessions.c"

#include "check.h"

#define MANY 200000

static int64_t now_ms;

/* Ids as servers give them: a millisecond apart. */
static uint64_t
id_of(int n)
{
	return ((uint64_t) (now_ms - VISIT_EPOCH_MS + n) << 24) | 0x1200u;
}

/* Lives between one and two hours, in no order. */
static int64_t
expiry_of(int n)
{
	return now_ms + 3600000 + (int64_t) ((unsigned) n * 2654435761u % 3600000u);
}

static void
check_facts(void)
{
	Sessions *sessions = open_sessions(SESSIONS_MAX);
	SessionFacts facts;

	CHECK(!recall_session(sessions, id_of(1), &facts));
	remember_session(sessions, id_of(1), 7, now_ms + 1000, false);
	CHECK(recall_session(sessions, id_of(1), &facts) && facts.project_id == 7 && !facts.recorded);
	remember_session(sessions, id_of(1), 8, now_ms + 500, true);
	CHECK(recall_session(sessions, id_of(1), &facts) && facts.project_id == 8 && facts.recorded);
	CHECK(!recall_session(sessions, id_of(2), &facts));
	close_sessions(sessions);
}

/* All of many, each with its own facts, while the tables grow. */
static void
check_many(void)
{
	Sessions *sessions = open_sessions(SESSIONS_MAX);
	SessionFacts facts;
	int wrong = 0;

	for (int n = 0; n < MANY; n++)
		remember_session(sessions, id_of(n), n + 1, expiry_of(n), n % 2 == 0);
	for (int n = 0; n < MANY; n++)
		wrong +=
			!recall_session(sessions, id_of(n), &facts) || facts.project_id != n + 1 || facts.recorded != (n % 2 == 0);
	CHECK_INT(wrong, 0);
	close_sessions(sessions);
}

/* A full map makes room for each new session by forgetting the one that expires first; compared with a plain list. */
static void
check_eviction(void)
{
	enum
	{
		KEPT = 50
	};
	static int kept[VISIT_SHARDS][KEPT];
	int counts[VISIT_SHARDS] = {0};
	Sessions *sessions = open_sessions(KEPT * VISIT_SHARDS);
	SessionFacts facts;
	int expected = 0;
	int known = 0;
	int wrong = 0;

	for (int n = 0; n < MANY; n++)
	{
		unsigned shard = session_shard(id_of(n));
		int first = 0;

		remember_session(sessions, id_of(n), n + 1, expiry_of(n), true);
		if (counts[shard] < KEPT)
		{
			kept[shard][counts[shard]++] = n;
			continue;
		}
		for (int i = 1; i < KEPT; i++)
		{
			if (expiry_of(kept[shard][i]) < expiry_of(kept[shard][first]))
				first = i;
		}
		kept[shard][first] = n;
	}
	for (int n = 0; n < MANY; n++)
		known += recall_session(sessions, id_of(n), &facts);
	for (int i = 0; i < VISIT_SHARDS; i++)
	{
		expected += counts[i];
		for (int at = 0; at < counts[i]; at++)
			wrong += !recall_session(sessions, id_of(kept[i][at]), &facts) || facts.project_id != kept[i][at] + 1;
	}
	CHECK_INT(wrong, 0);
	CHECK_INT(expected, KEPT * VISIT_SHARDS);
	CHECK_INT(known, expected);
	close_sessions(sessions);
}

/* What has expired makes room before anybody else. */
static void
check_expiry(void)
{
	Sessions *sessions = open_sessions(SESSIONS_MAX);
	SessionFacts facts;

	for (int n = 0; n < 10000; n++)
		remember_session(sessions, id_of(n), 1, now_ms - KEPT_MS - 1000, true);
	CHECK_INT(count_sessions(sessions), VISIT_SHARDS);
	remember_session(sessions, id_of(10001), 1, now_ms - KEPT_MS / 2, true);
	CHECK(recall_session(sessions, id_of(10001), &facts));
	close_sessions(sessions);
}

static void
check_bytes(void)
{
	Sessions *sessions = open_sessions(SESSIONS_MAX);
	SessionFacts facts;

	remember_session(sessions, id_of(1), 7, now_ms + 1000, true);
	CHECK(take_session_bytes(sessions, id_of(1), 60, 100));
	CHECK(!take_session_bytes(sessions, id_of(1), 41, 100));
	CHECK(take_session_bytes(sessions, id_of(1), 40, 100));
	CHECK(!take_session_bytes(sessions, id_of(1), 1, 100));
	CHECK(!take_session_bytes(sessions, id_of(1), SIZE_MAX, 1000));
	/* a lower limit since */
	CHECK(!take_session_bytes(sessions, id_of(1), 0, 50));

	/* what was not stored does not count */
	give_session_bytes(sessions, id_of(1), 30);
	CHECK(!take_session_bytes(sessions, id_of(1), 31, 100));
	CHECK(take_session_bytes(sessions, id_of(1), 30, 100));
	give_session_bytes(sessions, id_of(1), SIZE_MAX);
	CHECK(take_session_bytes(sessions, id_of(1), 100, 100));
	give_session_bytes(sessions, id_of(7), 1);
	CHECK(take_session_bytes(sessions, id_of(7), 100, 100));

	/* a session of another server is counted too, and then gets its facts */
	CHECK(take_session_bytes(sessions, id_of(2), 60, 100));
	CHECK(!recall_session(sessions, id_of(2), &facts));
	remember_session(sessions, id_of(2), 9, now_ms + 1000, true);
	CHECK(recall_session(sessions, id_of(2), &facts) && facts.project_id == 9);
	CHECK(!take_session_bytes(sessions, id_of(2), 41, 100));
	close_sessions(sessions);
}

int
main(void)
{
	now_ms = wall_ms();
	check_facts();
	check_many();
	check_eviction();
	check_expiry();
	check_bytes();
	return check_summary("sessions");
}
