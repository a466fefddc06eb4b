/*
 * spooler.c - entries on their way into the spool
 *
 * While the database is away a thread of its own takes the writers' queues, because a writer's thread may be stuck in
 * the database for as long as it waits there.  What gathers while one group is made durable is the next group.
 *
 * The hard idea: an entry has one number for ever.  What was in flight when its writer turned to the spool is written
 * there under the number it was sent with; should that commit turn out to have happened, the number tells.  What comes
 * later is numbered on.  A writer that never met the database since the server started numbers from the bound that
 * numbers.c keeps.
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "server/metrics.h"
#include "server/writer.h"

#define COMPLAINT_MS 10000

/* The caller holds the writer's lock.  False while there are no numbers beyond those in the database. */
static bool
number_without_database(Writer *writer)
{
	int64_t bound = numbers_bound(writer->lanes->numbers);

	if (writer->numbered || bound == 0)
		return writer->numbered;
	for (unsigned shard = writer->first_shard; shard <= writer->last_shard; shard++)
	{
		if (writer->last_seq[shard] < bound)
			writer->last_seq[shard] = bound;
	}
	writer->numbered = true;
	return true;
}

/* ---- turning to the spool -----------------------------------------------------------------------------------------
 */

/* Makes what is in flight durable and tells who waits for it; the entries stay until the commit is decided. */
static void
spool_flight(Writer *writer)
{
	Spool *spool = writer->lanes->spool;
	int64_t now_ms = monotonic_ms();
	char error[SPOOL_ERROR_SIZE] = "";
	size_t count = 0;
	bool ok = true;

	if (writer->flight.count == 0)
		return;
	spool_begin(spool);
	for (Entry *entry = writer->flight.first; ok && entry != NULL; entry = entry->next)
	{
		SpoolRecord record = record_of(entry);

		/* A refused start is never written. */
		if (is_abandoned(entry, now_ms))
			continue;
		ok = spool_put(spool, &record, error);
		count++;
	}
	if (ok)
		ok = spool_end(spool, error);
	else
		spool_cancel(spool);
	for (Entry *entry = writer->flight.first; entry != NULL; entry = entry->next)
	{
		entry->spooled = ok && !is_abandoned(entry, now_ms);
		tell_waiter(entry, ok);
	}
	if (ok)
		count_spooled(count);
	else
		complain(writer, "the spool takes no batches", error);
}

void
enter_spool(Writer *writer)
{
	const Entry *first = writer->flight.first;
	bool may;

	pthread_mutex_lock(&writer->lock);
	may = number_without_database(writer);
	pthread_mutex_unlock(&writer->lock);
	if (!may)
		return;
	if (writer->way == TO_DATABASE)
	{
		spool_join(writer->lanes->spool, writer->number);
		spool_flight(writer);
		log_warning("spooling until the database is back writer=%u waiting=%zu", writer->number,
					atomic_load(&writer->depth));
	}
	pthread_mutex_lock(&writer->lock);
	if (writer->way == TO_DATABASE)
	{
		if (first == NULL)
			first = writer->queue.first;
		writer->spool_clock_us = (first != NULL ? first->received_us : writer->last_received_us) - 1;
	}
	writer->way = TO_SPOOL;
	pthread_mutex_unlock(&writer->lock);
	wake_spooler(writer->lanes);
}

/* ---- the thread ---------------------------------------------------------------------------------------------------
 */

void
wake_spooler(Lanes *lanes)
{
	pthread_mutex_lock(&lanes->spooler_lock);
	lanes->spooler_wake = true;
	pthread_mutex_unlock(&lanes->spooler_lock);
	pthread_cond_signal(&lanes->spooler_wanted);
}

/* Moves a group from the queue to the spooler; entries that cannot be numbered keep 0.  False: nothing to do. */
static bool
take_queue(Writer *writer)
{
	size_t bytes = 0;
	bool may;

	pthread_mutex_lock(&writer->lock);
	if (writer->way != TO_SPOOL || writer->queue.first == NULL || !number_without_database(writer))
	{
		pthread_mutex_unlock(&writer->lock);
		return false;
	}
	may = may_number(writer);
	init_list(&writer->spooling);
	while (writer->queue.first != NULL && writer->spooling.count < GROUP_ROWS && bytes < GROUP_BYTES)
	{
		Entry *entry = writer->queue.first;

		writer->queue.first = entry->next;
		writer->queue.count--;
		bytes += entry->row_len;
		if (may)
			entry->seq = ++writer->last_seq[entry->shard];
		append_entry(&writer->spooling, entry);
	}
	if (writer->queue.first == NULL)
		writer->queue.last = &writer->queue.first;
	writer->spooler_has = true;
	pthread_mutex_unlock(&writer->lock);
	return true;
}

/* Puts what fits; the rest is refused at once. */
static void
put_group(Writer *writer, char *error)
{
	int64_t now_ms = monotonic_ms();

	for (Entry *entry = writer->spooling.first; entry != NULL; entry = entry->next)
	{
		SpoolRecord record = record_of(entry);

		entry->spooled =
			entry->seq > 0 && !is_abandoned(entry, now_ms) && spool_put(writer->lanes->spool, &record, error);
	}
}

/* Answers everybody of the group; returns how many were refused. */
static size_t
finish_group(Writer *writer, bool durable)
{
	size_t spooled = 0;
	size_t refused = 0;
	Entry *next;

	for (Entry *entry = writer->spooling.first; entry != NULL; entry = next)
	{
		bool ok = durable && entry->spooled;

		next = entry->next;
		if (ok)
			spooled++;
		else
			refused++;
		finish_entry(writer, entry, ok);
	}
	count_spooled(spooled);
	count_dropped(refused);
	pthread_mutex_lock(&writer->lock);
	writer->spooler_has = false;
	pthread_mutex_unlock(&writer->lock);
	pthread_cond_signal(&writer->arrived);
	return refused;
}

/* One group of all writers that have one.  False when none had. */
static bool
spool_group(Lanes *lanes, int64_t *next_complaint_ms)
{
	char error[SPOOL_ERROR_SIZE] = "STATE_DIR cannot be written";
	bool taken[lanes->nwriters];
	size_t refused = 0;
	bool any = false;
	bool ok;

	for (unsigned i = 0; i < lanes->nwriters; i++)
	{
		taken[i] = take_queue(&lanes->writers[i]);
		any = any || taken[i];
	}
	if (!any)
		return false;
	spool_begin(lanes->spool);
	for (unsigned i = 0; i < lanes->nwriters; i++)
	{
		if (taken[i])
			put_group(&lanes->writers[i], error);
	}
	ok = spool_end(lanes->spool, error);
	for (unsigned i = 0; i < lanes->nwriters; i++)
	{
		if (taken[i])
			refused += finish_group(&lanes->writers[i], ok);
	}
	if (refused > 0 && monotonic_ms() >= *next_complaint_ms)
	{
		*next_complaint_ms = monotonic_ms() + COMPLAINT_MS;
		log_error("the spool takes no more, trackers are told 503 error=\"%s\" bytes=%llu entries=%llu", error,
				  (unsigned long long) spool_bytes(lanes->spool), (unsigned long long) spool_entries(lanes->spool));
	}
	return true;
}

void *
run_spooler(void *argument)
{
	Lanes *lanes = argument;
	int64_t next_complaint_ms = 0;
	bool stop = false;

	while (!stop)
	{
		pthread_mutex_lock(&lanes->spooler_lock);
		while (!lanes->spooler_wake && !lanes->spooler_stop)
			pthread_cond_wait(&lanes->spooler_wanted, &lanes->spooler_lock);
		stop = lanes->spooler_stop;
		lanes->spooler_wake = false;
		pthread_mutex_unlock(&lanes->spooler_lock);
		while (spool_group(lanes, &next_complaint_ms))
			;
	}
	return NULL;
}
