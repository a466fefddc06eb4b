/*
 * worker.c - claim, do, tell
 *
 * The claim commits before anything is done and the end is told after everything was, so a worker that is killed in
 * between leaves a row that another gets when this one has been silent for long enough.  A worker that has lost its
 * connection does not know what it holds, and so puts back whatever is claimed under its name before it goes on.
 */
#include "uploader/worker.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "uploader/job.h"

#define IDLE_MS 5000 /* between two looks when nothing is announced: retries come due by time */
#define RECONNECT_MS 1000
#define ERROR_SIZE 512
#define FILES_MAX (16 << 20) /* bytes of the names of a recording's objects */

typedef struct JobKind
{
	const char *kind;
	JobNumber number;
	bool (*run)(Job *job);
	void (*disown)(Job *job); /* what was done turned out to be somebody else's, or unwanted; NULL: no matter */
} JobKind;

/* In the order in which they are taken. */
static const JobKind kinds[] = {
	{"remove", JOB_REMOVAL, remove_recordings, NULL},
	{"recording", JOB_RECORDING, store_recording, disown_recording},
	{"asset", JOB_ASSET, store_asset, NULL},
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static bool
is_stopping(const Uploader *uploader)
{
	return atomic_load(&uploader->stopping);
}

/* Sleeps unless stopping. */
static void
rest(const Uploader *uploader, int ms)
{
	struct pollfd poll_fd = {uploader->wake_fd, POLLIN, 0};

	poll(&poll_fd, 1, ms);
}

/* A statement about this worker; logs its failure.  To be cleared. */
static PGresult *
ask(Worker *worker, Job *job, const char *sql, int nparams, const char *const *params)
{
	char error[ERROR_SIZE];
	PGresult *result = pq_query(job->conn, sql, nparams, params, &job->wait, error, sizeof(error));

	if (result == NULL)
		log_error("the database refused worker=%s statement=\"%.60s\" error=\"%s\"", worker->name, sql, error);
	return result;
}

static bool
connect_worker(Worker *worker, Job *job)
{
	const char *params[] = {worker->name};
	char error[ERROR_SIZE];
	PGresult *result;

	job->conn = pq_connect(job->settings->database_url, "openreplay-uploader", &job->wait, error, sizeof(error));
	if (job->conn == NULL)
	{
		log_error("cannot connect to the database error=\"%s\"", error);
		return false;
	}
	result = ask(worker, job, "LISTEN openreplay_outbox", 0, NULL);
	PQclear(result);
	if (result != NULL)
	{
		result = ask(worker, job, "SELECT openreplay.release_outbox($1)", 1, params);
		PQclear(result);
	}
	if (result != NULL)
		return true;
	PQfinish(job->conn);
	job->conn = NULL;
	return false;
}

/* Tells the database how a job ended; false when that did not get through. */
static bool
tell(Worker *worker, Job *job, const JobKind *kind, const char *id, bool done)
{
	const char *files = job->files.data != NULL ? job->files.data : "";
	const char *done_params[] = {id, worker->name, files};
	const char *failed_params[] = {id, worker->name, job->error, job->permanent ? "true" : "false"};
	PGresult *result =
		done ? ask(worker, job, "SELECT openreplay.finish_outbox($1::bigint, $2, string_to_array($3, ','))", 3,
				   done_params)
			 : ask(worker, job, "SELECT openreplay.fail_outbox($1::bigint, $2, $3, $4::boolean)", 4, failed_params);
	bool told = result != NULL;

	if (told && PQgetvalue(result, 0, 0)[0] != 't')
	{
		log_warning("no longer ours worker=%s id=%s kind=%s", worker->name, id, kind->kind);
		if (kind->disown != NULL)
			kind->disown(job);
	}
	PQclear(result);
	return told;
}

static const JobKind *
find_kind(const char *name)
{
	const JobKind *kind = kinds;

	while (strcmp(kind->kind, name) != 0)
		kind++; /* no others are claimed */
	return kind;
}

/* One row of the outbox, claimed already; false when the connection is of no use any more. */
static bool
do_claimed(Worker *worker, Job *job, const PGresult *claimed)
{
	const char *id = PQgetvalue(claimed, 0, 0);
	const JobKind *kind = find_kind(PQgetvalue(claimed, 0, 1));
	json_t *payload = json_loads(PQgetvalue(claimed, 0, 2), 0, NULL);
	int64_t began_us = monotonic_us();
	bool usable;
	bool done;

	job->payload = payload;
	job->player = strcmp(PQgetvalue(claimed, 0, 4), "1.20") == 0 ? RECORDING_PLAYER_1_20 : RECORDING_PLAYER_1_27;
	job->assets_origin = PQgetvalue(claimed, 0, 5);
	job->assets_left_hosts = PQgetvalue(claimed, 0, 6);
	job->attempt = atoi(PQgetvalue(claimed, 0, 3));
	job->permanent = false;
	job->error[0] = '\0';
	job->outbox_id = id;
	job->worker = worker->name;
	init_buffer(&job->files, FILES_MAX);
	atomic_store(&worker->began_ms, monotonic_ms());
	done = kind->run(job);
	atomic_store(&worker->began_ms, 0);
	if (done && job->files.failed)
	{
		snprintf(job->error, sizeof(job->error), "too many objects for a recording");
		done = false;
	}
	if (done)
	{
		count_job(job->metrics, kind->number, monotonic_us() - began_us);
		atomic_store(&job->metrics->failures_in_a_row, 0);
		log_debug("done id=%s kind=%s ms=%" PRId64, id, kind->kind, (monotonic_us() - began_us) / 1000);
	}
	else
	{
		ADD_METRIC(job->metrics->failures, 1);
		ADD_METRIC(job->metrics->failures_in_a_row, 1);
		log_error("failed id=%s kind=%s attempt=%s error=\"%s\"", id, kind->kind, PQgetvalue(claimed, 0, 3),
				  job->error);
	}
	usable = PQstatus(job->conn) == CONNECTION_OK && PQtransactionStatus(job->conn) == PQTRANS_IDLE &&
			 tell(worker, job, kind, id, done);
	json_decref(payload);
	job->payload = NULL;
	free_buffer(&job->files);
	return usable;
}

/* The kinds as an array of the database. */
static void
list_kinds(char *list, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < KIND_COUNT; i++)
		len += (size_t) snprintf(list + len, size - len, "%c%s", i == 0 ? '{' : ',', kinds[i].kind);
	snprintf(list + len, size - len, "}");
}

/* Does what is there; false when the connection is of no use any more. */
static bool
empty_outbox(Worker *worker, Job *job)
{
	char kind_list[256];
	const char *params[] = {worker->name, kind_list};

	list_kinds(kind_list, sizeof(kind_list));
	while (!is_stopping(worker->uploader))
	{
		PGresult *claimed = ask(worker, job,
								"SELECT outbox_id, kind, payload, attempts,"
								" coalesce(current_setting('openreplay.player', true), ''),"
								" coalesce(current_setting('openreplay.assets_origin', true), ''),"
								" coalesce(current_setting('openreplay.assets_left_hosts', true), '')"
								" FROM openreplay.claim_outbox($1, $2::text[], 1)",
								2, params);
		bool usable = claimed != NULL;
		bool empty = usable && PQntuples(claimed) == 0;

		if (usable && !empty)
			usable = do_claimed(worker, job, claimed);
		PQclear(claimed);
		if (!usable || empty)
			return usable;
	}
	return true;
}

/* Until there may be something to do: an announcement, a time, or the end. */
static bool
await_work(Worker *worker, Job *job)
{
	PGnotify *notify;

	if (!pq_await_input(job->conn, worker->uploader->wake_fd, IDLE_MS))
		return false;
	while ((notify = PQnotifies(job->conn)) != NULL)
		PQfreemem(notify);
	return true;
}

static void
disconnect(Worker *worker, Job *job, bool usable)
{
	const char *params[] = {worker->name};

	if (job->conn == NULL)
		return;
	if (usable)
		PQclear(ask(worker, job, "SELECT openreplay.release_outbox($1)", 1, params));
	PQfinish(job->conn);
	job->conn = NULL;
}

static void *
work(void *argument)
{
	Worker *worker = argument;
	Uploader *uploader = worker->uploader;
	Job job = {
		.settings = uploader->settings,
		.storage = uploader->storage,
		.assets_storage = uploader->assets_storage,
		.metrics = uploader->metrics,
		.wait = {.timeout_ms = uploader->settings->database_timeout_s * 1000},
	};
	bool usable = true;

	while (!is_stopping(uploader))
	{
		usable = job.conn != NULL || connect_worker(worker, &job);
		usable = usable && empty_outbox(worker, &job);
		if (uploader->once)
		{
			worker->unreachable = !usable;
			break;
		}
		if (usable)
			usable = await_work(worker, &job);
		if (!usable)
		{
			disconnect(worker, &job, false);
			rest(uploader, RECONNECT_MS);
		}
	}
	disconnect(worker, &job, usable);
	return NULL;
}

bool
start_worker(Worker *worker, Uploader *uploader, unsigned number)
{
	*worker = (Worker){.uploader = uploader};
	snprintf(worker->name, sizeof(worker->name), "%s/%u", uploader->settings->uploader_name, number);
	worker->started = pthread_create(&worker->thread, NULL, work, worker) == 0;
	return worker->started;
}

void
join_worker(Worker *worker)
{
	if (worker->started)
		pthread_join(worker->thread, NULL);
	worker->started = false;
}
