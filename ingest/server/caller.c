/*
 * caller.c - SQL functions called for requests, without a thread waiting for each
 *
 * The hard idea is whom a slow call may delay: nobody beyond his own limit.  The database ends a statement at the
 * call's limit (statement_timeout), so that it does no work that nobody waits for; while the thread waits for it, it
 * tells everybody behind whose time is over; and a connection that does not answer even then is given up, after which
 * all calls are told at once that the database is away, until there is a new one.
 */
#include "server/caller.h"

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

#define CALLS_MAX 1024 /* that wait */
#define CONNECT_MS 3000
#define RETRY_MS 500
#define HANGING_MS 1000 /* how much longer than its limit a statement may take to end */
#define COMPLAINT_MS 10000
#define IDLE_MS 60000
#define ERROR_SIZE 512

struct Caller
{
	const Settings *settings;
	pthread_t thread;
	int wake_fd;
	atomic_bool connected;
	atomic_ullong finished[CALL_OUTCOMES];

	/* guarded by lock */
	pthread_mutex_t lock;
	Call *first;
	Call **last; /* where the next one is put */
	size_t waiting;
	bool stopping;

	/* the thread's own */
	Call *current; /* being made; NULL once its waiter was told that it is too late */
	PGconn *conn;
	int64_t limit_ms; /* statement_timeout of conn, 0: not set yet */
	int64_t next_complaint_ms;
};

static void
complain(Caller *caller, const char *what, const char *error)
{
	int64_t now_ms = monotonic_ms();

	if (now_ms < caller->next_complaint_ms)
		return;
	caller->next_complaint_ms = now_ms + COMPLAINT_MS;
	log_warning("%s error=\"%s\"", what, error);
}

static void
finish_call(Caller *caller, Call *call, CallOutcome outcome)
{
	atomic_fetch_add_explicit(&caller->finished[outcome], 1, memory_order_relaxed);
	call->outcome = outcome;
	call->wake(call); /* it may be gone now */
}

static void
wake_thread(Caller *caller)
{
	uint64_t one = 1;

	while (write(caller->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void
queue_call(Caller *caller, Call *call)
{
	bool queued = false;

	call->next = NULL;
	call->value = NULL;
	call->sqlstate[0] = '\0';
	call->deadline_ms = monotonic_ms() + call->limit_ms;

	pthread_mutex_lock(&caller->lock);
	if (!caller->stopping && caller->waiting < CALLS_MAX && atomic_load(&caller->connected))
	{
		*caller->last = call;
		caller->last = &call->next;
		caller->waiting++;
		queued = true;
	}
	pthread_mutex_unlock(&caller->lock);
	if (queued)
		wake_thread(caller);
	else
		finish_call(caller, call, CALL_UNAVAILABLE);
}

bool
caller_connected(Caller *caller)
{
	return atomic_load(&caller->connected);
}

void
read_call_gauges(Caller *caller, CallGauges *gauges)
{
	pthread_mutex_lock(&caller->lock);
	gauges->waiting = caller->waiting;
	pthread_mutex_unlock(&caller->lock);
	for (int i = 0; i < CALL_OUTCOMES; i++)
		gauges->finished[i] = atomic_load_explicit(&caller->finished[i], memory_order_relaxed);
}

/* ---- the thread ---------------------------------------------------------------------------------------------------
 */

/* Takes out the calls that wait, all or those whose time is over. */
static Call *
take_calls(Caller *caller, bool all)
{
	int64_t now_ms = monotonic_ms();
	Call *taken = NULL;
	Call **end = &taken;
	Call **at;

	pthread_mutex_lock(&caller->lock);
	for (at = &caller->first; *at != NULL;)
	{
		Call *call = *at;

		if (!all && call->deadline_ms > now_ms)
		{
			at = &call->next;
			continue;
		}
		*at = call->next;
		call->next = NULL;
		*end = call;
		end = &call->next;
		caller->waiting--;
	}
	caller->last = at;
	pthread_mutex_unlock(&caller->lock);
	return taken;
}

static void
finish_calls(Caller *caller, Call *calls, CallOutcome outcome)
{
	while (calls != NULL)
	{
		Call *call = calls;

		calls = call->next;
		finish_call(caller, call, outcome);
	}
}

/* While the database is waited for: nobody waits longer than he wanted. */
static void
tell_late_ones(void *argument)
{
	Caller *caller = argument;
	Call *call = caller->current;

	if (call != NULL && monotonic_ms() >= call->deadline_ms)
	{
		caller->current = NULL;
		finish_call(caller, call, CALL_TOO_LATE);
	}
	finish_calls(caller, take_calls(caller, false), CALL_TOO_LATE);
}

static void
disconnect(Caller *caller)
{
	atomic_store(&caller->connected, false);
	PQfinish(caller->conn);
	caller->conn = NULL;
	finish_calls(caller, take_calls(caller, true), CALL_UNAVAILABLE);
}

static void
connect_caller(Caller *caller)
{
	PqWait wait = {CONNECT_MS, NULL, NULL};
	char error[ERROR_SIZE];

	caller->conn = pq_connect(caller->settings->database_url, "openreplay-ingest caller", &wait, error, sizeof(error));
	caller->limit_ms = 0;
	if (caller->conn != NULL)
		atomic_store(&caller->connected, true);
	else
		complain(caller, "cannot connect for calls", error);
}

/* One statement; NULL with its error, after which there may be no connection any more. */
static PGresult *
ask(Caller *caller, int64_t limit_ms, const char *sql, int nparameters, const char *const *parameters, char *error)
{
	PqWait wait = {limit_ms + HANGING_MS, tell_late_ones, caller};

	return pq_query(caller->conn, sql, nparameters, parameters, &wait, error, ERROR_SIZE);
}

/* Makes the current call, which may be gone once something was waited for. */
static PGresult *
make_call(Caller *caller, char *error)
{
	int64_t limit_ms = caller->current->limit_ms;
	char limit[64];
	PGresult *result;

	if (caller->limit_ms != limit_ms)
	{
		snprintf(limit, sizeof(limit), "SET statement_timeout = %lld", (long long) limit_ms);
		result = ask(caller, limit_ms, limit, 0, NULL, error);
		if (result == NULL)
			return NULL;
		PQclear(result);
		caller->limit_ms = limit_ms;
		if (caller->current == NULL)
			return NULL;
	}
	return ask(caller, limit_ms, caller->current->sql, caller->current->nparameters, caller->current->parameters,
			   error);
}

/* Puts the value where the waiter finds it. */
static CallOutcome
take_value(Call *call, const PGresult *result)
{
	if (PQntuples(result) == 0 || PQnfields(result) == 0 || PQgetisnull(result, 0, 0))
		return CALL_DONE;
	call->value = strdup(PQgetvalue(result, 0, 0));
	return call->value != NULL ? CALL_DONE : CALL_UNAVAILABLE;
}

/* An error of the server begins with its SQLSTATE, which unlike libpq's "FATAL" always has a digit. */
static bool
has_sqlstate(const char *error)
{
	return strlen(error) > 5 && error[5] == ':' && strcspn(error, "0123456789") < 5;
}

/* Some errors say no more than that nobody can be served now. */
static CallOutcome
take_error(Call *call, const char *error)
{
	static const char *const away[] = {"08", "53", "57P", "25006"};

	if (!has_sqlstate(error))
		return CALL_UNAVAILABLE;
	memcpy(call->sqlstate, error, 5);
	call->sqlstate[5] = '\0';
	for (size_t i = 0; i < sizeof(away) / sizeof(away[0]); i++)
	{
		if (strncmp(call->sqlstate, away[i], strlen(away[i])) == 0)
			return CALL_UNAVAILABLE;
	}
	return strcmp(call->sqlstate, "57014") == 0 ? CALL_TOO_LATE : CALL_REFUSED;
}

static void
serve(Caller *caller, Call *call)
{
	char error[ERROR_SIZE] = "";
	PGresult *result;

	caller->current = call;
	result = make_call(caller, error);
	call = caller->current;
	caller->current = NULL;
	if (call != NULL)
	{
		CallOutcome outcome = result != NULL ? take_value(call, result) : take_error(call, error);

		/* class 28 is what a client may not, which is no news */
		if (outcome == CALL_REFUSED && strncmp(call->sqlstate, "28", 2) != 0)
			complain(caller, "the database refused a call", call->sqlstate);
		finish_call(caller, call, outcome);
	}
	PQclear(result);
	/* A statement that did not come to its end leaves its connection in the middle of something. */
	if (result == NULL &&
		(PQstatus(caller->conn) != CONNECTION_OK || PQtransactionStatus(caller->conn) != PQTRANS_IDLE))
	{
		complain(caller, "the connection for calls is lost", error);
		disconnect(caller);
	}
}

static Call *
take_first(Caller *caller)
{
	Call *call;

	pthread_mutex_lock(&caller->lock);
	call = caller->first;
	if (call != NULL)
	{
		caller->first = call->next;
		if (caller->first == NULL)
			caller->last = &caller->first;
		caller->waiting--;
	}
	pthread_mutex_unlock(&caller->lock);
	return call;
}

static bool
is_stopping(Caller *caller)
{
	bool stopping;

	pthread_mutex_lock(&caller->lock);
	stopping = caller->stopping;
	pthread_mutex_unlock(&caller->lock);
	return stopping;
}

/* Sleeps until there may be something to do; notices a connection that ends. */
static void
await_reason(Caller *caller)
{
	uint64_t ignored;

	if (!pq_await_input(caller->conn, caller->wake_fd, caller->conn != NULL ? IDLE_MS : RETRY_MS))
	{
		complain(caller, "the connection for calls is lost", "closed by the server");
		disconnect(caller);
	}
	if (read(caller->wake_fd, &ignored, sizeof(ignored)) < 0 && errno != EAGAIN && errno != EINTR)
		log_warning("cannot read the caller's wake-up error=\"%m\"");
}

static void *
run_caller(void *argument)
{
	Caller *caller = argument;
	Call *call;

	while (!is_stopping(caller))
	{
		if (caller->conn == NULL)
			connect_caller(caller);
		while (caller->conn != NULL && (call = take_first(caller)) != NULL)
		{
			if (monotonic_ms() >= call->deadline_ms)
				finish_call(caller, call, CALL_TOO_LATE);
			else
				serve(caller, call);
		}
		await_reason(caller);
	}
	disconnect(caller);
	return NULL;
}

Caller *
open_caller(const Settings *settings, char *error, size_t error_size)
{
	Caller *caller = calloc(1, sizeof(*caller));

	if (caller == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	caller->settings = settings;
	caller->last = &caller->first;
	atomic_init(&caller->connected, false);
	pthread_mutex_init(&caller->lock, NULL);
	caller->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (caller->wake_fd >= 0 && pthread_create(&caller->thread, NULL, run_caller, caller) == 0)
		return caller;
	snprintf(error, error_size, "cannot start the thread for calls: %s", strerror(errno));
	close_caller(caller);
	return NULL;
}

void
stop_caller(Caller *caller)
{
	pthread_mutex_lock(&caller->lock);
	caller->stopping = true;
	pthread_mutex_unlock(&caller->lock);
	wake_thread(caller);
	pthread_join(caller->thread, NULL);
}

void
close_caller(Caller *caller)
{
	if (caller->wake_fd >= 0)
		close(caller->wake_fd);
	pthread_mutex_destroy(&caller->lock);
	free(caller);
}
