/*
 * pq.c - libpq without unbounded waits
 *
 * Connections are in non-blocking mode; every wait is a poll() in slices, between which the caller's tick runs.
 */
#include "common/pq.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#define SLICE_MS 100
#define FLUSH_BYTES 65536 /* libpq moves what it could not send at each put: keep that small */

/* True when the socket is ready for events; false at the deadline. */
static bool
wait_socket(PGconn *conn, short events, int64_t deadline_ms, const PqWait *wait)
{
	for (;;)
	{
		struct pollfd poll_fd = {PQsocket(conn), events, 0};
		int64_t left_ms = deadline_ms - monotonic_ms();
		int ready;

		if (left_ms <= 0 || poll_fd.fd < 0)
			return false;
		ready = poll(&poll_fd, 1, left_ms < SLICE_MS ? (int) left_ms : SLICE_MS);
		if (ready > 0)
			return true;
		if (ready < 0 && errno != EINTR)
			return false;
		if (wait->tick != NULL)
			wait->tick(wait->argument);
	}
}

/* The message without its line ends; an error of the server begins with its SQLSTATE. */
static void
copy_error(const char *message, char *error, size_t error_size)
{
	snprintf(error, error_size, "%s", message);
	for (size_t len = strlen(error); len > 0 && error[len - 1] == '\n'; len--)
		error[len - 1] = '\0';
}

static void
copy_result_error(const PGresult *result, char *error, size_t error_size)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	char text[512];

	if (sqlstate == NULL || message == NULL)
	{
		copy_error(PQresultErrorMessage(result), error, error_size);
		return;
	}
	snprintf(text, sizeof(text), "%s: %s", sqlstate, message);
	copy_error(text, error, error_size);
}

static void
ignore_notice(void *argument, const PGresult *result)
{
	(void) argument;
	(void) result;
}

/* No host has an @ but for an abstract socket, which begins with one. */
static bool
is_plausible(const PQconninfoOption *option)
{
	if (option->val == NULL || option->val[0] == '\0')
		return true;
	if (strcmp(option->keyword, "port") == 0)
		return option->val[strspn(option->val, "0123456789,")] == '\0';
	return strcmp(option->keyword, "host") != 0 || strchr(option->val + 1, '@') == NULL;
}

bool
pq_is_conninfo(const char *conninfo)
{
	PQconninfoOption *options;
	bool ok;

	/* libpq takes anything else for the name of a database. */
	if (strchr(conninfo, '=') == NULL && strstr(conninfo, "://") == NULL)
		return true;
	options = PQconninfoParse(conninfo, NULL);
	ok = options != NULL;
	for (const PQconninfoOption *option = options; ok && option->keyword != NULL; option++)
		ok = is_plausible(option);
	PQconninfoFree(options);
	return ok;
}

PGconn *
pq_connect(const char *conninfo, const char *application, const PqWait *wait, char *error, size_t error_size)
{
	/* The caller's conninfo comes last and so wins. */
	static const char *const keywords[] = {
		"keepalives_idle", "keepalives_interval",		"keepalives_count", "tcp_user_timeout",
		"client_encoding", "fallback_application_name", "dbname",			NULL};
	const char *const values[] = {"5", "3", "4", "20000", "UTF8", application, conninfo, NULL};
	int64_t deadline_ms = monotonic_ms() + wait->timeout_ms;
	PGconn *conn = PQconnectStartParams(keywords, values, 1);
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	if (conn == NULL)
	{
		copy_error("out of memory", error, error_size);
		return NULL;
	}
	PQsetNoticeReceiver(conn, ignore_notice, NULL);
	while (PQstatus(conn) != CONNECTION_BAD && state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED)
	{
		if (!wait_socket(conn, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ms, wait))
		{
			copy_error("timeout while connecting", error, error_size);
			PQfinish(conn);
			return NULL;
		}
		state = PQconnectPoll(conn);
	}
	if (PQstatus(conn) != CONNECTION_OK || PQsetnonblocking(conn, 1) != 0)
	{
		copy_error(PQerrorMessage(conn), error, error_size);
		PQfinish(conn);
		return NULL;
	}
	return conn;
}

/* Sends all that libpq has buffered, reading meanwhile: the server may have to get rid of an answer first. */
static bool
flush(PGconn *conn, int64_t deadline_ms, const PqWait *wait)
{
	for (;;)
	{
		int left = PQflush(conn);

		if (left <= 0)
			return left == 0;
		if (!wait_socket(conn, POLLOUT | POLLIN, deadline_ms, wait) || !PQconsumeInput(conn))
			return false;
	}
}

/* The next result, NULL at the end of the statement; *lost when the connection or the deadline ended the wait. */
static PGresult *
next_result(PGconn *conn, int64_t deadline_ms, const PqWait *wait, bool *lost)
{
	while (PQisBusy(conn))
	{
		if (!wait_socket(conn, POLLIN, deadline_ms, wait) || !PQconsumeInput(conn))
		{
			*lost = true;
			return NULL;
		}
	}
	return PQgetResult(conn);
}

static void
describe_loss(PGconn *conn, char *error, size_t error_size)
{
	copy_error(PQstatus(conn) == CONNECTION_BAD ? PQerrorMessage(conn) : "timeout", error, error_size);
	if (error[0] == '\0')
		copy_error("connection lost", error, error_size);
}

PGresult *
pq_query(PGconn *conn, const char *sql, int nparams, const char *const *params, const PqWait *wait, char *error,
		 size_t error_size)
{
	int64_t deadline_ms = monotonic_ms() + wait->timeout_ms;
	PGresult *kept = NULL;
	bool lost = false;

	if (!PQsendQueryParams(conn, sql, nparams, NULL, params, NULL, NULL, 0) || !flush(conn, deadline_ms, wait))
	{
		describe_loss(conn, error, error_size);
		return NULL;
	}
	for (;;)
	{
		PGresult *result = next_result(conn, deadline_ms, wait, &lost);

		if (result == NULL)
			break;
		PQclear(kept);
		kept = result;
	}
	if (lost || kept == NULL)
	{
		describe_loss(conn, error, error_size);
		PQclear(kept);
		return NULL;
	}
	if (PQresultStatus(kept) != PGRES_TUPLES_OK && PQresultStatus(kept) != PGRES_COMMAND_OK)
	{
		copy_result_error(kept, error, error_size);
		PQclear(kept);
		return NULL;
	}
	return kept;
}

/* Reads to the end of the statement.  Its success is that of its first result. */
static PqOutcome
finish(PGconn *conn, int64_t deadline_ms, const PqWait *wait, char *error, size_t error_size)
{
	bool lost = false;
	bool failed = false;
	bool done = false;
	PGresult *result;

	while ((result = next_result(conn, deadline_ms, wait, &lost)) != NULL)
	{
		if (PQresultStatus(result) == PGRES_COMMAND_OK)
			done = true;
		else if (!failed)
		{
			failed = true;
			copy_result_error(result, error, error_size);
		}
		PQclear(result);
		if (PQstatus(conn) == CONNECTION_BAD)
			break;
	}
	/* The server reports success only after the commit, so a connection that dies just afterwards changes nothing. */
	if (done && !failed)
		return PQ_DONE;
	if (lost || PQstatus(conn) == CONNECTION_BAD)
	{
		if (!failed)
			describe_loss(conn, error, error_size);
		return PQ_UNKNOWN;
	}
	return PQ_REFUSED;
}

bool
pq_each_row(PGconn *conn, const char *sql, int nparams, const char *const *params, const PqWait *wait,
			bool (*take)(void *argument, const PGresult *row), void *argument, char *error, size_t error_size)
{
	bool lost = false;
	bool taking = true;
	PGresult *result;

	error[0] = '\0';
	if (!PQsendQueryParams(conn, sql, nparams, NULL, params, NULL, NULL, 1) || !PQsetSingleRowMode(conn) ||
		!flush(conn, monotonic_ms() + wait->timeout_ms, wait))
	{
		describe_loss(conn, error, error_size);
		return false;
	}
	while ((result = next_result(conn, monotonic_ms() + wait->timeout_ms, wait, &lost)) != NULL)
	{
		if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
			taking = taking && take(argument, result);
		else if (PQresultStatus(result) != PGRES_TUPLES_OK && error[0] == '\0')
			copy_result_error(result, error, error_size);
		PQclear(result);
		if (PQstatus(conn) == CONNECTION_BAD)
			break;
	}
	if (lost)
		describe_loss(conn, error, error_size);
	return taking && error[0] == '\0';
}

PqOutcome
pq_copy_begin(PGconn *conn, const char *sql, const PqWait *wait, char *error, size_t error_size)
{
	int64_t deadline_ms = monotonic_ms() + wait->timeout_ms;
	bool lost = false;
	PGresult *result;
	ExecStatusType status;

	if (!PQsendQuery(conn, sql) || !flush(conn, deadline_ms, wait))
	{
		describe_loss(conn, error, error_size);
		return PQ_UNKNOWN;
	}
	result = next_result(conn, deadline_ms, wait, &lost);
	if (result == NULL)
	{
		describe_loss(conn, error, error_size);
		return PQ_UNKNOWN;
	}
	status = PQresultStatus(result);
	if (status != PGRES_COPY_IN)
		copy_result_error(result, error, error_size);
	PQclear(result);
	if (status == PGRES_COPY_IN)
		return PQ_DONE;

	/* An error: read up to the end of the statement, keeping its message. */
	{
		char ignored[256];

		return finish(conn, deadline_ms, wait, ignored, sizeof(ignored)) == PQ_UNKNOWN ? PQ_UNKNOWN : PQ_REFUSED;
	}
}

bool
pq_copy_put(PGconn *conn, const void *data, size_t len, size_t *unflushed, const PqWait *wait)
{
	if (PQputCopyData(conn, data, (int) len) != 1)
		return false;
	*unflushed += len;
	if (*unflushed < FLUSH_BYTES)
		return true;
	*unflushed = 0;
	return flush(conn, monotonic_ms() + wait->timeout_ms, wait);
}

PqOutcome
pq_copy_end(PGconn *conn, const PqWait *wait, char *error, size_t error_size)
{
	int64_t deadline_ms = monotonic_ms() + wait->timeout_ms;

	if (PQputCopyEnd(conn, NULL) != 1 || !flush(conn, deadline_ms, wait))
	{
		describe_loss(conn, error, error_size);
		return PQ_UNKNOWN;
	}
	return finish(conn, deadline_ms, wait, error, error_size);
}

bool
pq_await_input(PGconn *conn, int wake_fd, int64_t timeout_ms)
{
	struct pollfd poll_fds[2] = {{PQsocket(conn), POLLIN, 0}, {wake_fd, POLLIN, 0}};

	if (poll(poll_fds, 2, timeout_ms < 0 ? 0 : (int) timeout_ms) < 0 && errno != EINTR)
		return false;
	return poll_fds[0].revents == 0 || PQconsumeInput(conn);
}
