/*
 * drain.c - entries on their way out of the spool
 *
 * A writer whose way leads to the spool commits from there, in groups like any other, and passes over what the lane's
 * last number says is committed.  New entries keep coming into the spool behind it, so the last step needs a moment in
 * which none do: the writer lets its queue wait, reads to the end, commits, and then takes the queue itself again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "server/metrics.h"
#include "server/writer.h"

#define HOUR_US INT64_C(3600000000)
#define MOMENT_MS 5

/* ---- at the end ---------------------------------------------------------------------------------------------------
 */

static void
leave_spool(Writer *writer)
{
	spool_leave(writer->lanes->spool, writer->number);
	pthread_mutex_lock(&writer->lock);
	writer->way = TO_DATABASE;
	writer->flight_us = 0;
	pthread_mutex_unlock(&writer->lock);
	log_info("the spool is drained writer=%u", writer->number);
}

/* All that was there is committed: one step nearer to leaving. */
static void
come_nearer(Writer *writer, bool quiet)
{
	struct timespec until;

	if (quiet)
	{
		leave_spool(writer);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += MOMENT_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&writer->lock);
	if (writer->way == TO_SPOOL && !writer->draining)
		writer->way = CATCHING_UP;
	if (writer->spooler_has || writer->draining)
		pthread_cond_timedwait(&writer->arrived, &writer->lock, &until);
	pthread_mutex_unlock(&writer->lock);
}

/* ---- groups -------------------------------------------------------------------------------------------------------
 */

static bool
is_ours(const Writer *writer, const SpoolRecord *record)
{
	return record->shard >= writer->first_shard && record->shard <= writer->last_shard;
}

/* Puts a record into flight; one that was read has to be kept, so memory is waited for. */
static void
take_record(Writer *writer, const SpoolRecord *record)
{
	Entry *entry;

	while ((entry = restore_entry(record, writer->server_id)) == NULL)
	{
		complain(writer, "cannot drain the spool", "out of memory");
		pause_writer(writer, RETRY_MS);
	}
	append_entry(&writer->flight, entry);
}

void
take_spooled(Writer *writer)
{
	char error[SPOOL_ERROR_SIZE] = "";
	SpoolRead read = SPOOL_RECORD;
	size_t bytes = 0;
	SpoolRecord record;
	bool quiet;

	/* Looked at first: what the spooler had then is in the spool now, or still with it. */
	pthread_mutex_lock(&writer->lock);
	quiet = writer->way == CATCHING_UP && !writer->spooler_has;
	pthread_mutex_unlock(&writer->lock);

	while (writer->flight.count < GROUP_ROWS && bytes < GROUP_BYTES &&
		   (read = spool_next(writer->lanes->spool, writer->number, &record, error)) == SPOOL_RECORD)
	{
		if (!is_ours(writer, &record))
			continue;
		writer->passed++;
		writer->read_us = record.received_us;
		if (record.seq <= writer->committed_seq[record.shard])
			continue;
		take_record(writer, &record);
		bytes += record.body_len;
	}
	if (writer->flight.count > 0)
		return;
	if (writer->passed > 0)
		note_drained(writer);
	if (read == SPOOL_FAILED)
	{
		complain(writer, "cannot drain the spool", error);
		pause_writer(writer, RETRY_MS);
	}
	else if (read == SPOOL_END)
		come_nearer(writer, quiet);
}

void
note_drained(Writer *writer)
{
	spool_forget(writer->lanes->spool, writer->number, writer->passed);
	count_drained(writer->passed);
	writer->passed = 0;
	/* Others that came in the same microsecond may be behind it. */
	pthread_mutex_lock(&writer->lock);
	writer->spool_clock_us = writer->read_us - 1;
	pthread_mutex_unlock(&writer->lock);
}

bool
ensure_old_partitions(Writer *writer, char *error)
{
	for (const Entry *entry = writer->flight.first; entry != NULL; entry = entry->next)
	{
		char seconds[32];
		const char *params[1] = {seconds};
		int64_t hour = entry->received_us / HOUR_US;
		PGresult *result;

		if (hour == writer->ensured_hour)
			continue;
		snprintf(seconds, sizeof(seconds), "%lld", (long long) (hour * 3600));
		result = pq_query(writer->conn, "SELECT openreplay.ensure_batch_partitions(to_timestamp($1::bigint), 0)", 1,
						  params, &writer->wait, error, WRITER_ERROR_SIZE);
		if (result == NULL)
			return false;
		PQclear(result);
		writer->ensured_hour = hour;
	}
	return true;
}
