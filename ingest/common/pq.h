/*
 * pq.h - libpq without unbounded waits
 *
 * Each call waits on the socket up to a deadline and runs the caller's tick meanwhile, so that a thread which owns a
 * connection can answer its clients while the database hangs.  A call that ran into its deadline leaves the connection
 * in the middle of something: close it.
 */
#ifndef OPENREPLAY_PQ_H
#define OPENREPLAY_PQ_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct PqWait
{
	int64_t timeout_ms;			  /* for each call */
	void (*tick)(void *argument); /* about every 100 ms of waiting; may be NULL */
	void *argument;
} PqWait;

typedef enum PqOutcome
{
	PQ_DONE,	/* committed */
	PQ_REFUSED, /* the server reported an error: nothing was done, the connection is usable */
	PQ_UNKNOWN	/* connection lost or deadline passed: perhaps done, perhaps not */
} PqOutcome;

/*
 * False for a connection string or URL that cannot be meant as it is.  libpq would say why, and quote what it takes for
 * a port or a host, which is a password as soon as one holds a character that has to be escaped.
 */
extern bool pq_is_conninfo(const char *conninfo);

/*
 * Connects; keepalives are set so that a vanished server is noticed within half a minute unless conninfo says
 * otherwise. NULL with a message in error on failure.  Close with PQfinish().
 */
extern PGconn *pq_connect(const char *conninfo, const char *application, const PqWait *wait, char *error,
						  size_t error_size);

/*
 * One statement with text parameters.  The result (PGRES_TUPLES_OK or PGRES_COMMAND_OK) is to be cleared by the caller;
 * NULL with a message in error on any failure, PQstatus() then tells whether the connection survived.
 */
extern PGresult *pq_query(PGconn *conn, const char *sql, int nparams, const char *const *params, const PqWait *wait,
						  char *error, size_t error_size);

/*
 * One SELECT whose rows come one by one and in binary form, so that nobody holds them all; the deadline is for each
 * row. take gets each; once it returns false the others are read and dropped.  False with a message in error on any
 * failure, with an empty one when take ended it.
 */
extern bool pq_each_row(PGconn *conn, const char *sql, int nparams, const char *const *params, const PqWait *wait,
						bool (*take)(void *argument, const PGresult *row), void *argument, char *error,
						size_t error_size);

/* A COPY FROM STDIN in three steps; the transaction is the statement's own.  put and end may follow a failed put. */
extern PqOutcome pq_copy_begin(PGconn *conn, const char *sql, const PqWait *wait, char *error, size_t error_size);
extern bool pq_copy_put(PGconn *conn, const void *data, size_t len, size_t *unflushed, const PqWait *wait);
extern PqOutcome pq_copy_end(PGconn *conn, const PqWait *wait, char *error, size_t error_size);

/* Waits for input on the connection or on wake_fd, at most timeout_ms.  False when the connection is dead. */
extern bool pq_await_input(PGconn *conn, int wake_fd, int64_t timeout_ms);

#endif /* OPENREPLAY_PQ_H */
