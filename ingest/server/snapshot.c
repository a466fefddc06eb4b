/*
 * snapshot.c - the active projects with their tags and conditions, in memory
 *
 * Readers copy out of a set of projects under a mutex; the thread builds a new set aside and swaps it in.
 * Requests that wait for a refresh are served together: however many unknown keys arrive, there is one query at a time
 * and at most ten a second.  What was read is also kept in STATE_DIR (snapshot_file.c) for the next start.
 */
#include "server/snapshot.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/pq.h"
#include "server/snapshot_file.h"

#define REFRESH_MS 60000
#define MISSING_MS 5000
#define MISSING_SLOTS 256
#define LEAST_INTERVAL_MS 100
#define RETRY_MS 1000
#define CALL_TIMEOUT_MS 3000
#define COMPLAINT_MS 10000
#define ERROR_SIZE 512

typedef struct MissingKey
{
	char key[PROJECT_KEY_SIZE];
	int64_t until_ms;
} MissingKey;

struct Snapshot
{
	const Settings *settings;
	pthread_t thread;
	int wake_fd;

	/* guarded by lock */
	pthread_mutex_t lock;
	ProjectSet *set;   /* NULL: nothing known yet */
	bool loaded;	   /* from the database */
	int64_t loaded_ms; /* monotonic; when it was */
	bool stopping;
	bool wanted; /* a refresh was asked for */
	SnapshotWaiter *waiters;
	MissingKey missing[MISSING_SLOTS];

	atomic_llong largest_beacon;

	/* the thread's own */
	PGconn *conn;
	int64_t refreshed_ms; /* monotonic; when the last attempt began */
	int64_t next_complaint_ms;
};

static MissingKey *
missing_slot(Snapshot *snapshot, const char *key)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *key != '\0'; key++)
		hash = (hash ^ (unsigned char) *key) * 16777619u;
	return &snapshot->missing[hash % MISSING_SLOTS];
}

/* Under the lock. */
static const KnownProject *
known_by_id(const Snapshot *snapshot, int32_t id)
{
	return snapshot->set == NULL ? NULL : project_by_id(snapshot->set, id);
}

ProjectLookup
find_project(Snapshot *snapshot, const char *key, Project *project)
{
	ProjectLookup lookup = PROJECT_UNSURE;
	const KnownProject *found;
	const MissingKey *missing;

	/* Keys are far shorter; a longer one needs no look. */
	if (strlen(key) >= PROJECT_KEY_SIZE)
		return PROJECT_MISSING;

	pthread_mutex_lock(&snapshot->lock);
	found = snapshot->set == NULL ? NULL : project_by_key(snapshot->set, key);
	missing = missing_slot(snapshot, key);
	if (found != NULL)
	{
		*project = found->project;
		lookup = PROJECT_FOUND;
	}
	else if (strcmp(missing->key, key) == 0 && monotonic_ms() < missing->until_ms)
		lookup = PROJECT_MISSING;
	pthread_mutex_unlock(&snapshot->lock);
	return lookup;
}

bool
find_project_by_id(Snapshot *snapshot, int32_t id, Project *project)
{
	const KnownProject *found;

	pthread_mutex_lock(&snapshot->lock);
	found = known_by_id(snapshot, id);
	if (found != NULL)
		*project = found->project;
	pthread_mutex_unlock(&snapshot->lock);
	return found != NULL;
}

void
put_project_tags(Snapshot *snapshot, int32_t project_id, Buffer *json)
{
	const KnownProject *found;

	pthread_mutex_lock(&snapshot->lock);
	found = known_by_id(snapshot, project_id);
	put_text(json, found != NULL ? found->lists.tags : "[]");
	pthread_mutex_unlock(&snapshot->lock);
}

void
put_project_conditions(Snapshot *snapshot, int32_t project_id, bool mobile, Buffer *json)
{
	const KnownProject *found;

	pthread_mutex_lock(&snapshot->lock);
	found = known_by_id(snapshot, project_id);
	if (found == NULL)
		put_text(json, "[]");
	else
		put_text(json, mobile ? found->lists.mobile_conditions : found->lists.web_conditions);
	pthread_mutex_unlock(&snapshot->lock);
}

int
condition_rate(Snapshot *snapshot, int32_t project_id, const char *name)
{
	const KnownProject *found;
	int rate;

	pthread_mutex_lock(&snapshot->lock);
	found = known_by_id(snapshot, project_id);
	rate = found != NULL ? rate_of_condition(found, name) : -1;
	pthread_mutex_unlock(&snapshot->lock);
	return rate;
}

void
remember_missing(Snapshot *snapshot, const char *key)
{
	MissingKey *missing;

	if (strlen(key) >= PROJECT_KEY_SIZE)
		return;
	pthread_mutex_lock(&snapshot->lock);
	missing = missing_slot(snapshot, key);
	memcpy(missing->key, key, strlen(key) + 1);
	missing->until_ms = monotonic_ms() + MISSING_MS;
	pthread_mutex_unlock(&snapshot->lock);
}

static void
wake_thread(Snapshot *snapshot)
{
	uint64_t one = 1;

	while (write(snapshot->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

bool
await_refresh(Snapshot *snapshot, SnapshotWaiter *waiter)
{
	bool ok;

	pthread_mutex_lock(&snapshot->lock);
	ok = !snapshot->stopping;
	if (ok)
	{
		waiter->refreshed = false;
		waiter->next = snapshot->waiters;
		snapshot->waiters = waiter;
		snapshot->wanted = true;
	}
	pthread_mutex_unlock(&snapshot->lock);
	if (ok)
		wake_thread(snapshot);
	return ok;
}

void
refresh_snapshot(Snapshot *snapshot)
{
	pthread_mutex_lock(&snapshot->lock);
	snapshot->wanted = true;
	pthread_mutex_unlock(&snapshot->lock);
	wake_thread(snapshot);
}

int64_t
largest_beacon(Snapshot *snapshot)
{
	return atomic_load_explicit(&snapshot->largest_beacon, memory_order_relaxed);
}

bool
has_projects(Snapshot *snapshot)
{
	bool has;

	pthread_mutex_lock(&snapshot->lock);
	has = snapshot->set != NULL && snapshot->set->count > 0;
	pthread_mutex_unlock(&snapshot->lock);
	return has;
}

bool
snapshot_loaded(Snapshot *snapshot)
{
	bool loaded;

	pthread_mutex_lock(&snapshot->lock);
	loaded = snapshot->loaded;
	pthread_mutex_unlock(&snapshot->lock);
	return loaded;
}

double
snapshot_age_s(Snapshot *snapshot)
{
	double age_s = -1;

	pthread_mutex_lock(&snapshot->lock);
	if (snapshot->loaded)
		age_s = (double) (monotonic_ms() - snapshot->loaded_ms) / 1000;
	pthread_mutex_unlock(&snapshot->lock);
	return age_s;
}

/* ---- the thread ---------------------------------------------------------------------------------------------------
 */

static void
complain(Snapshot *snapshot, const char *what, const char *error)
{
	int64_t now_ms = monotonic_ms();

	if (now_ms < snapshot->next_complaint_ms)
		return;
	snapshot->next_complaint_ms = now_ms + COMPLAINT_MS;
	log_warning("%s error=\"%s\"", what, error);
}

static bool
connect_snapshot(Snapshot *snapshot, const PqWait *wait, char *error)
{
	static const char *const channels[] = {"LISTEN project", "LISTEN openreplay_snapshot"};
	PGresult *result;

	if (snapshot->conn != NULL)
		return true;
	snapshot->conn =
		pq_connect(snapshot->settings->database_url, "openreplay-ingest snapshot", wait, error, ERROR_SIZE);
	if (snapshot->conn == NULL)
		return false;
	for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++)
	{
		result = pq_query(snapshot->conn, channels[i], 0, NULL, wait, error, ERROR_SIZE);
		if (result == NULL)
		{
			PQfinish(snapshot->conn);
			snapshot->conn = NULL;
			return false;
		}
		PQclear(result);
	}
	return true;
}

/* Copies a row into project; false when the key is longer than any key can be. */
static bool
read_project(const PGresult *result, int row, Project *project)
{
	int len = snprintf(project->key, sizeof(project->key), "%s", PQgetvalue(result, row, 1));

	project->id = (int32_t) strtol(PQgetvalue(result, row, 0), NULL, 10);
	snprintf(project->platform, sizeof(project->platform), "%s", PQgetvalue(result, row, 2));
	project->sample_rate = (int32_t) strtol(PQgetvalue(result, row, 3), NULL, 10);
	project->max_session_duration_ms = strtoll(PQgetvalue(result, row, 4), NULL, 10);
	project->beacon_size = strtoll(PQgetvalue(result, row, 5), NULL, 10);
	if (project->beacon_size > BEACON_SIZE_MAX)
		project->beacon_size = BEACON_SIZE_MAX;
	return len >= 0 && (size_t) len < sizeof(project->key);
}

/* Takes over an ordered set. */
static void
use_projects(Snapshot *snapshot, ProjectSet *set, bool loaded)
{
	int64_t largest = snapshot->settings->beacon_size_limit;
	ProjectSet *old;

	for (size_t i = 0; i < set->count; i++)
	{
		if (set->projects[i].project.beacon_size > largest)
			largest = set->projects[i].project.beacon_size;
	}
	pthread_mutex_lock(&snapshot->lock);
	old = snapshot->set;
	if (old == NULL || snapshot->loaded != loaded || old->count != set->count)
		log_info("project snapshot projects=%zu from=%s", set->count, loaded ? "database" : "disk");
	snapshot->set = set;
	snapshot->loaded = loaded;
	if (loaded)
		snapshot->loaded_ms = monotonic_ms();
	memset(snapshot->missing, 0, sizeof(snapshot->missing));
	pthread_mutex_unlock(&snapshot->lock);
	atomic_store(&snapshot->largest_beacon, largest);
	free_project_set(old);
}

/* The set of all rows; NULL without memory. */
static ProjectSet *
read_projects(const PGresult *result)
{
	ProjectSet *set = make_project_set();
	bool ok = set != NULL;

	for (int row = 0; ok && row < PQntuples(result); row++)
	{
		ProjectLists lists = {PQgetvalue(result, row, 6), PQgetvalue(result, row, 7), PQgetvalue(result, row, 8)};
		Project project;

		if (read_project(result, row, &project))
			ok = add_project(set, &project, &lists);
	}
	if (ok && order_project_set(set))
		return set;
	free_project_set(set);
	return NULL;
}

static bool
load_projects(Snapshot *snapshot, const PqWait *wait, char *error)
{
	PGresult *result = pq_query(snapshot->conn,
								"SELECT project_id, project_key, platform, sample_rate, max_session_duration_ms, "
								"beacon_size, tags, web_conditions, mobile_conditions "
								"FROM openreplay.project_snapshot()",
								0, NULL, wait, error, ERROR_SIZE);
	ProjectSet *set;

	if (result == NULL)
		return false;
	set = read_projects(result);
	PQclear(result);
	if (set == NULL)
	{
		snprintf(error, ERROR_SIZE, "out of memory");
		return false;
	}
	keep_projects(snapshot->settings->state_dir, set);
	use_projects(snapshot, set, true);
	return true;
}

/* One attempt; whoever waited before it began is woken after it. */
static bool
refresh(Snapshot *snapshot)
{
	PqWait wait = {CALL_TIMEOUT_MS, NULL, NULL};
	char error[ERROR_SIZE];
	SnapshotWaiter *waiters;
	bool ok;

	pthread_mutex_lock(&snapshot->lock);
	waiters = snapshot->waiters;
	snapshot->waiters = NULL;
	snapshot->wanted = false;
	pthread_mutex_unlock(&snapshot->lock);

	snapshot->refreshed_ms = monotonic_ms();
	ok = connect_snapshot(snapshot, &wait, error) && load_projects(snapshot, &wait, error);
	if (!ok)
	{
		complain(snapshot, "cannot read the projects", error);
		PQfinish(snapshot->conn);
		snapshot->conn = NULL;
	}
	while (waiters != NULL)
	{
		SnapshotWaiter *waiter = waiters;

		waiters = waiter->next; /* it may be gone once woken */
		waiter->refreshed = ok;
		waiter->wake(waiter);
	}
	return ok;
}

/* Sleeps until a refresh is due or wanted.  False when stopping. */
static bool
await_reason(Snapshot *snapshot)
{
	for (;;)
	{
		int64_t interval_ms = snapshot->conn != NULL ? REFRESH_MS : RETRY_MS;
		int64_t now_ms = monotonic_ms();
		uint64_t ignored;
		bool stopping;
		PGnotify *notice;

		/* First, because one may have come along with the last query's answer. */
		while (snapshot->conn != NULL && (notice = PQnotifies(snapshot->conn)) != NULL)
		{
			PQfreemem(notice);
			pthread_mutex_lock(&snapshot->lock);
			snapshot->wanted = true;
			pthread_mutex_unlock(&snapshot->lock);
		}

		pthread_mutex_lock(&snapshot->lock);
		if (snapshot->wanted)
			interval_ms = LEAST_INTERVAL_MS;
		stopping = snapshot->stopping;
		pthread_mutex_unlock(&snapshot->lock);
		if (stopping)
			return false;
		if (now_ms - snapshot->refreshed_ms >= interval_ms)
			return true;

		if (!pq_await_input(snapshot->conn, snapshot->wake_fd, snapshot->refreshed_ms + interval_ms - now_ms))
		{
			PQfinish(snapshot->conn);
			snapshot->conn = NULL;
			continue;
		}
		if (read(snapshot->wake_fd, &ignored, sizeof(ignored)) < 0 && errno != EAGAIN && errno != EINTR)
			log_warning("cannot read the snapshot's wake-up error=\"%m\"");
	}
}

static void *
run_snapshot(void *argument)
{
	Snapshot *snapshot = argument;
	SnapshotWaiter *waiter;

	do
		refresh(snapshot);
	while (await_reason(snapshot));

	PQfinish(snapshot->conn);
	pthread_mutex_lock(&snapshot->lock);
	while ((waiter = snapshot->waiters) != NULL)
	{
		snapshot->waiters = waiter->next;
		waiter->wake(waiter);
	}
	pthread_mutex_unlock(&snapshot->lock);
	return NULL;
}

Snapshot *
open_snapshot(const Settings *settings, char *error, size_t error_size)
{
	Snapshot *snapshot = calloc(1, sizeof(*snapshot));
	ProjectSet *kept;

	if (snapshot == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	snapshot->settings = settings;
	atomic_init(&snapshot->largest_beacon, settings->beacon_size_limit);
	pthread_mutex_init(&snapshot->lock, NULL);
	kept = recall_projects(settings->state_dir);
	if (kept != NULL)
		use_projects(snapshot, kept, false);
	snapshot->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (snapshot->wake_fd < 0 || pthread_create(&snapshot->thread, NULL, run_snapshot, snapshot) != 0)
	{
		snprintf(error, error_size, "cannot start the snapshot thread: %s", strerror(errno));
		if (snapshot->wake_fd >= 0)
			close(snapshot->wake_fd);
		free_project_set(snapshot->set);
		free(snapshot);
		return NULL;
	}
	return snapshot;
}

void
stop_snapshot(Snapshot *snapshot)
{
	pthread_mutex_lock(&snapshot->lock);
	snapshot->stopping = true;
	pthread_mutex_unlock(&snapshot->lock);
	wake_thread(snapshot);
	pthread_join(snapshot->thread, NULL);
}

void
close_snapshot(Snapshot *snapshot)
{
	close(snapshot->wake_fd);
	pthread_mutex_destroy(&snapshot->lock);
	free_project_set(snapshot->set);
	free(snapshot);
}
