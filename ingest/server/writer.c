/*
 * writer.c - database side of the lanes
 *
 * One thread, one connection: take everything queued, write it with one COPY, which is one transaction, wake those who
 * waited, repeat.
 *
 * The hard idea: a commit whose answer never came is settled by sequence numbers.  What was sent stays in "flight" with
 * its numbers.  After reconnecting, take_lanes() ends whatever is left of the old connection and returns the last
 * number of each lane; entries up to it are committed, the others are sent again as they were.  New entries wait behind
 * them.
 *
 * What waited for SPOOL_AFTER_MS goes to the spool (spooler.c), with the numbers it has, and comes back from there
 * (drain.c) as entries like any other.  Where there is no room for it, waiters are told so after COMMIT_TIMEOUT_MS.  A
 * batch whose client was told 503 is still written if the database is back within a minute (the client may have been a
 * closing page, and the pass drops duplicates); a start is not, because its page does not record and a session without
 * batches would be a phantom.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "server/metrics.h"
#include "server/writer.h"

#define QUERY_TIMEOUT_MS 30000
#define EXPIRY_MS 50
#define ORPHAN_MS 60000
#define HEARTBEAT_MS 5000
#define COMPLAINT_MS 10000
#define READ_ONLY "25006:" /* the SQLSTATE an error message begins with */
#define ERROR_SIZE WRITER_ERROR_SIZE

static const char copy_sql[] =
	"COPY openreplay.batches (seq, session_id, received_at, server_id, size_bytes, shard, kind, "
	"body) FROM STDIN (FORMAT binary)";
static const uint8_t copy_header[19] = "PGCOPY\n\377\r\n\0"; /* then flags and extension length, both 0 */
static const uint8_t copy_trailer[2] = {0xff, 0xff};

void
complain(Writer *writer, const char *what, const char *error)
{
	int64_t now_ms = monotonic_ms();

	if (now_ms < writer->next_complaint_ms)
		return;
	writer->next_complaint_ms = now_ms + COMPLAINT_MS;
	log_warning("%s writer=%u waiting=%zu error=\"%s\"", what, writer->number, atomic_load(&writer->depth), error);
}

/* ---- patience -----------------------------------------------------------------------------------------------------
 */

bool
is_abandoned(const Entry *entry, int64_t now_ms)
{
	return entry->waiter == NULL && !entry->spooled && (entry->kind == 's' || now_ms - entry->queued_ms >= ORPHAN_MS);
}

/* True when entries have waited long enough for the database, or would have to. */
static bool
wants_spool(Writer *writer, int64_t now_ms)
{
	int64_t after_ms = writer->lanes->settings->spool_after_ms;
	const Entry *first = writer->flight.first;
	bool late;

	if (writer->way == TO_SPOOL)
		return false;
	if (writer->lost_ms != 0 && now_ms - writer->lost_ms >= after_ms)
		return true;
	if (first != NULL && first->waiter != NULL && now_ms - first->queued_ms >= after_ms)
		return true;
	pthread_mutex_lock(&writer->lock);
	first = writer->queue.first;
	late = first != NULL && now_ms - first->queued_ms >= after_ms;
	if (writer->draining && writer->lost_ms != 0 && atomic_load(&writer->depth) > 0)
		late = true;
	pthread_mutex_unlock(&writer->lock);
	return late;
}

/* Spools what waited long, tells those who waited too long.  Runs as the tick of all database waits. */
static void
expire_waiters(void *argument)
{
	Writer *writer = argument;
	int64_t timeout_ms = writer->lanes->settings->commit_timeout_ms;
	int64_t now_ms = monotonic_ms();
	Entry *entry;
	Entry **link;

	if (now_ms < writer->next_expiry_ms)
		return;
	writer->next_expiry_ms = now_ms + EXPIRY_MS;
	if (wants_spool(writer, now_ms))
		enter_spool(writer);

	for (entry = writer->flight.first; entry != NULL && now_ms - entry->queued_ms >= timeout_ms; entry = entry->next)
		tell_waiter(entry, false);

	pthread_mutex_lock(&writer->lock);
	link = &writer->queue.first;
	while ((entry = *link) != NULL && now_ms - entry->queued_ms >= timeout_ms)
	{
		tell_waiter(entry, false);
		if (is_abandoned(entry, now_ms))
		{
			*link = entry->next;
			writer->queue.count--;
			count_dropped(1);
			finish_entry(writer, entry, false);
		}
		else
			link = &entry->next;
	}
	if (entry == NULL)
		writer->queue.last = link;
	pthread_mutex_unlock(&writer->lock);
}

void
pause_writer(Writer *writer, int64_t ms)
{
	int64_t until_ms = monotonic_ms() + ms;

	do
	{
		sleep_ms(EXPIRY_MS);
		expire_waiters(writer);
	} while (monotonic_ms() < until_ms);
}

/* While draining: true once all that is left is in the spool. */
static bool
rests_in_spool(Writer *writer)
{
	bool rests;

	pthread_mutex_lock(&writer->lock);
	rests = writer->draining && writer->way == TO_SPOOL && atomic_load(&writer->depth) == 0;
	pthread_mutex_unlock(&writer->lock);
	return rests;
}

/* While draining: true once waiting for the database has gone on for too long. */
static bool
out_of_patience(Writer *writer)
{
	bool draining;

	pthread_mutex_lock(&writer->lock);
	draining = writer->draining;
	pthread_mutex_unlock(&writer->lock);
	if (!draining)
		return false;
	if (writer->give_up_ms == 0)
		writer->give_up_ms = monotonic_ms() + writer->lanes->settings->commit_timeout_ms;
	return atomic_load(&writer->depth) == 0 || monotonic_ms() >= writer->give_up_ms;
}

/* ---- groups -------------------------------------------------------------------------------------------------------
 */

/* Moves what is queued into flight, waiting for it until the next chore.  False when draining and nothing is left. */
static bool
take_group(Writer *writer)
{
	size_t bytes = 0;
	bool more = true;
	bool may;

	pthread_mutex_lock(&writer->lock);
	while (writer->queue.first == NULL && !writer->draining && monotonic_ms() < writer->next_chores_ms)
	{
		struct timespec until = {writer->next_chores_ms / 1000, (writer->next_chores_ms % 1000) * 1000000};

		writer->idle = true;
		pthread_cond_timedwait(&writer->arrived, &writer->lock, &until);
		writer->idle = false;
	}
	may = writer->queue.first == NULL || may_number(writer);
	while (may && writer->queue.first != NULL && writer->flight.count < GROUP_ROWS && bytes < GROUP_BYTES)
	{
		Entry *entry = writer->queue.first;

		writer->queue.first = entry->next;
		writer->queue.count--;
		bytes += entry->row_len;
		number_entry(entry, ++writer->last_seq[entry->shard], writer->server_id);
		append_entry(&writer->flight, entry);
	}
	writer->flight_us = writer->flight.first != NULL ? writer->flight.first->received_us : 0;
	if (writer->queue.first == NULL)
	{
		writer->queue.last = &writer->queue.first;
		more = !writer->draining || writer->flight.count > 0;
	}
	pthread_mutex_unlock(&writer->lock);
	if (!may)
	{
		complain(writer, "cannot note the numbers of the lanes", "STATE_DIR cannot be written");
		pause_writer(writer, RETRY_MS);
	}
	return more;
}

static PqOutcome
send_flight(Writer *writer, size_t *bytes, char *error)
{
	size_t unflushed = 0;
	PqOutcome outcome = pq_copy_begin(writer->conn, copy_sql, &writer->wait, error, ERROR_SIZE);

	if (outcome != PQ_DONE)
		return outcome;
	pq_copy_put(writer->conn, copy_header, sizeof(copy_header), &unflushed, &writer->wait);
	for (Entry *entry = writer->flight.first; entry != NULL; entry = entry->next)
	{
		*bytes += entry->row_len;
		if (!pq_copy_put(writer->conn, entry->row, entry->row_len, &unflushed, &writer->wait))
		{
			snprintf(error, ERROR_SIZE, "connection lost while sending");
			return PQ_UNKNOWN;
		}
	}
	pq_copy_put(writer->conn, copy_trailer, sizeof(copy_trailer), &unflushed, &writer->wait);
	return pq_copy_end(writer->conn, &writer->wait, error, ERROR_SIZE);
}

static void
finish_flight(Writer *writer, bool committed)
{
	Entry *next;

	for (Entry *entry = writer->flight.first; entry != NULL; entry = next)
	{
		next = entry->next;
		if (committed)
			writer->committed_seq[entry->shard] = entry->seq;
		finish_entry(writer, entry, committed);
	}
	init_list(&writer->flight);
	pthread_mutex_lock(&writer->lock);
	writer->flight_us = 0;
	pthread_mutex_unlock(&writer->lock);
	if (committed && writer->passed > 0)
		note_drained(writer);
}

/* What is in the spool as well need not wait here to be sent again; refused: nor what nobody waits for. */
void
drop_spooled(Writer *writer, bool refused)
{
	int64_t now_ms = monotonic_ms();
	Entry *entry = writer->flight.first;
	Entry *next;

	init_list(&writer->flight);
	for (; entry != NULL; entry = next)
	{
		next = entry->next;
		if (entry->spooled && !entry->restored)
			finish_entry(writer, entry, true);
		else if (refused && is_abandoned(entry, now_ms))
		{
			count_dropped(1);
			finish_entry(writer, entry, false);
		}
		else
			append_entry(&writer->flight, entry);
	}
}

static void
write_flight(Writer *writer)
{
	char error[ERROR_SIZE] = "";
	char ignored[ERROR_SIZE];
	int64_t started_us = monotonic_us();
	size_t bytes = 0;

	if (writer->flight.first->restored && !ensure_old_partitions(writer, error))
	{
		complain(writer, "cannot make room for spooled batches", error);
		if (PQstatus(writer->conn) == CONNECTION_BAD || PQtransactionStatus(writer->conn) != PQTRANS_IDLE)
			disconnect_writer(writer);
		pause_writer(writer, RETRY_MS);
		return;
	}
	switch (send_flight(writer, &bytes, error))
	{
		case PQ_DONE:
			count_commit(writer->flight.count, bytes, monotonic_us() - started_us);
			finish_flight(writer, true);
			break;
		case PQ_REFUSED:
			/* Every row is of our own making, so the cause lies with the database: say it and try again. */
			count_commit_failure();
			complain(writer, "the database refused batches", error);
			drop_spooled(writer, true);
			writer->ensured_hour = -1;
			if (strncmp(error, READ_ONLY, strlen(READ_ONLY)) == 0)
				disconnect_writer(writer); /* DATABASE_URL may know where the primary is now */
			else if (!ensure_partitions(writer, ignored, sizeof(ignored)) && PQstatus(writer->conn) == CONNECTION_BAD)
				disconnect_writer(writer);
			pause_writer(writer, RETRY_MS);
			break;
		case PQ_UNKNOWN:
			count_commit_failure();
			complain(writer, "lost the database during a commit", error);
			disconnect_writer(writer);
			break;
	}
}

/*
 * All that a writer received up to this moment is committed; what it receives from now on is later.  What is spooled is
 * not committed.
 */
static int64_t
clock_of(Writer *writer)
{
	int64_t clock_us = wall_us();

	pthread_mutex_lock(&writer->lock);
	if (writer->way != TO_DATABASE)
		clock_us = writer->spool_clock_us;
	else if (writer->flight_us != 0)
		clock_us = writer->flight_us - 1;
	else if (writer->queue.first != NULL)
		clock_us = writer->queue.first->received_us - 1;
	else if (clock_us < writer->last_received_us)
		clock_us = writer->last_received_us;
	if (writer->last_received_us <= clock_us)
		writer->last_received_us = clock_us + 1;
	pthread_mutex_unlock(&writer->lock);
	return clock_us;
}

/* Tells the readers of our lanes how far all of them are; the first writer does it for the server. */
static bool
send_heartbeat(Writer *writer, char *error)
{
	Lanes *lanes = writer->lanes;
	char id[32];
	char clock_text[32];
	const char *params[2] = {id, clock_text};
	int64_t clock_us = INT64_MAX;
	PGresult *result;

	for (unsigned i = 0; i < lanes->nwriters; i++)
	{
		int64_t writer_us = clock_of(&lanes->writers[i]);

		if (writer_us < clock_us)
			clock_us = writer_us;
	}
	snprintf(id, sizeof(id), "%d", atomic_load(&lanes->server_id));
	snprintf(clock_text, sizeof(clock_text), "%lld", (long long) clock_us);
	result = pq_query(writer->conn,
					  "SELECT openreplay.heartbeat($1, timestamptz 'epoch' + $2::bigint * interval '1 microsecond')", 2,
					  params, &writer->wait, error, ERROR_SIZE);
	PQclear(result);
	return result != NULL;
}

static void
do_chores(Writer *writer)
{
	char error[ERROR_SIZE];
	int64_t now_ms = monotonic_ms();
	bool ok = true;

	if (now_ms >= writer->next_chores_ms)
	{
		writer->next_chores_ms = now_ms + HEARTBEAT_MS;
		if (writer->number == 0)
			ok = send_heartbeat(writer, error);
		if (ok && writer->number == 0 && now_ms >= writer->next_partitions_ms)
			ok = ensure_partitions(writer, error, sizeof(error));
	}
	if (!ok)
	{
		complain(writer, "a periodic call failed", error);
		if (PQstatus(writer->conn) == CONNECTION_BAD || PQtransactionStatus(writer->conn) != PQTRANS_IDLE)
			disconnect_writer(writer);
	}
}

/* What could not be committed before the end. */
static void
abandon_rest(Writer *writer)
{
	size_t left;
	Entry *next;

	drop_spooled(writer, false);
	left = atomic_load(&writer->depth);
	if (left > 0)
	{
		log_warning("stopping without the database, unacknowledged entries dropped writer=%u count=%zu", writer->number,
					left);
		count_dropped(left);
	}
	finish_flight(writer, false);
	pthread_mutex_lock(&writer->lock);
	for (Entry *entry = writer->queue.first; entry != NULL; entry = next)
	{
		next = entry->next;
		finish_entry(writer, entry, false);
	}
	init_list(&writer->queue);
	pthread_mutex_unlock(&writer->lock);
}

void *
run_writer(void *argument)
{
	Writer *writer = argument;
	char error[ERROR_SIZE];

	writer->server_id = -1;
	writer->lost_ms = monotonic_ms();
	writer->wait = (PqWait){QUERY_TIMEOUT_MS, expire_waiters, writer};
	for (;;)
	{
		expire_waiters(writer);
		if (writer->conn == NULL)
			drop_spooled(writer, false);
		if (rests_in_spool(writer))
			break;
		if (writer->conn == NULL && !connect_writer(writer))
		{
			if (out_of_patience(writer))
				break;
			pause_writer(writer, RETRY_MS);
			continue;
		}
		if (writer->flight.count == 0 && writer->way != TO_DATABASE)
			take_spooled(writer);
		else if (writer->flight.count == 0 && !take_group(writer))
			break;
		if (writer->flight.count > 0)
			write_flight(writer);
		if (writer->flight.count > 0 && out_of_patience(writer))
			break;
		if (writer->conn != NULL && writer->flight.count == 0)
			do_chores(writer);
	}
	if (writer->conn != NULL && writer->number == 0 && !send_heartbeat(writer, error))
		log_warning("cannot send the last heartbeat error=\"%s\"", error);
	abandon_rest(writer);
	if (writer->conn != NULL)
		disconnect_writer(writer);
	return NULL;
}
