/*
 * ids_test.c - no session id twice, through steps of the clock, bursts, crashes and restarts
 *
 * The clock is the test's: it stands still but for what is slept.
 */
#include <unistd.h>

#include "common/clock.h"

static int64_t clock_ms;

static int64_t
test_wall_ms(void)
{
	return clock_ms;
}

static void
test_sleep_ms(int64_t ms)
{
	clock_ms += ms;
}

#define wall_ms test_wall_ms
#define sleep_ms test_sleep_ms
#include "server/ids.c"

#include "check.h"

#define SERVER 0x1234
#define NOON_MS INT64_C(1760000000000)

static char folder[] = "/tmp/openreplay-ids-test-XXXXXX";
static Settings settings = {.state_dir = folder};
static uint64_t last_id;

/* As a new process begins; the clock shows now_ms. */
static void
begin(int64_t now_ms)
{
	char error[512];

	clock_ms = now_ms;
	reserved_ms = 0;
	needed_ms = 0;
	refused_ms = 0;
	stopping = false;
	CHECK(open_ids(&settings, error, sizeof(error)));
}

/* As a process ends that was killed: what is on disk stays as it is. */
static void
crash(void)
{
	char kept[PATH_SIZE];

	snprintf(kept, sizeof(kept), "%s/kept", folder);
	CHECK(link(path, kept) == 0);
	close_ids();
	CHECK(rename(kept, path) == 0);
}

/* So many ids, each beyond the last; how many ms the clock moved on. */
static int64_t
issue(int count)
{
	int64_t began_ms = clock_ms;
	int wrong = 0;

	for (int i = 0; i < count; i++)
	{
		uint64_t id = issue_session_id(SERVER);

		if (id <= last_id || (id >> 8 & 0xffff) != SERVER)
			wrong++;
		last_id = id;
	}
	CHECK(wrong == 0);
	return clock_ms - began_ms;
}

int
main(void)
{
	CHECK(mkdtemp(folder) != NULL);

	/* 256 a millisecond, the next one waits for the next */
	begin(NOON_MS);
	CHECK(issue(256) == 0);
	CHECK(session_id_ms(last_id) == NOON_MS);
	CHECK(issue(1) == 1);
	CHECK(issue(1000) == 3);
	CHECK(session_id_ms(last_id) == clock_ms);

	/* set back by an hour: nobody waits, the ids run ahead */
	clock_ms -= 3600000;
	CHECK(issue(1000) == 0);
	CHECK(session_id_ms(last_id) < NOON_MS + 20);

	/* ended well, and begun before the ids' time and after it */
	close_ids();
	begin(NOON_MS - 3600000);
	CHECK(issue(300) == 0);
	close_ids();
	begin(NOON_MS + 60000);
	CHECK(issue(1) == 0);
	CHECK(session_id_ms(last_id) == NOON_MS + 60000);

	/* killed, and begun at once on a clock that was set back: behind what was reserved, which is seconds ahead */
	clock_ms += 7000;
	issue(1);
	crash();
	begin(clock_ms - 600000);
	issue(1000);
	CHECK(session_id_ms(last_id) - (NOON_MS + 67000) <= AHEAD_MS + EARLY_MS);

	/* with a clock that no id can tell there is none, and nobody waits for one */
	clock_ms = VISIT_EPOCH_MS;
	CHECK(issue_session_id(SERVER) == 0);
	clock_ms = VISIT_LAST_MS + 1;
	CHECK(issue_session_id(SERVER) == 0);
	clock_ms = NOON_MS + 120000;
	issue(1);
	clock_ms = VISIT_LAST_MS;
	issue(256);
	CHECK(issue_session_id(SERVER) == 0);
	close_ids();

	unlink(path);
	CHECK(rmdir(folder) == 0);
	return check_summary("ids");
}
