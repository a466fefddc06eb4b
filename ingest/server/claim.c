/*
 * claim.c - a writer's claim on its lanes
 *
 * Connecting is more than reaching the database: the server's number is confirmed, the locks of the lanes are taken
 * from whatever is left of an earlier connection, and what that connection had in flight is settled.  Only then may
 * anything be sent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "server/identity.h"
#include "server/metrics.h"
#include "server/writer.h"

#define CONNECT_TIMEOUT_MS 5000
#define PARTITIONS_MS 600000
#define ERROR_SIZE WRITER_ERROR_SIZE

void
disconnect_writer(Writer *writer)
{
	atomic_store(&writer->connected, false);
	PQfinish(writer->conn);
	writer->conn = NULL;
	if (writer->lost_ms == 0)
		writer->lost_ms = monotonic_ms();
	drop_spooled(writer, false);
}

static bool
run(Writer *writer, const char *sql, char *error, size_t error_size)
{
	PGresult *result = pq_query(writer->conn, sql, 0, NULL, &writer->wait, error, error_size);

	PQclear(result);
	return result != NULL;
}

bool
ensure_partitions(Writer *writer, char *error, size_t error_size)
{
	writer->next_partitions_ms = monotonic_ms() + PARTITIONS_MS;
	return run(writer, "SELECT openreplay.ensure_batch_partitions()", error, error_size);
}

/* Entries of the lane in flight up to seq are in the table: marks them by seq 0. */
static void
mark_committed(Writer *writer, long shard, int64_t seq)
{
	for (Entry *entry = writer->flight.first; entry != NULL; entry = entry->next)
	{
		if (entry->shard == shard && entry->seq <= seq)
			entry->seq = 0;
	}
}

/* Acknowledges what is marked; the rest stays in flight to be sent again, under the same numbers. */
static void
settle_flight(Writer *writer)
{
	int64_t now_ms = monotonic_ms();
	size_t committed = 0;
	Entry *entry;
	Entry *next;

	drop_spooled(writer, false);
	entry = writer->flight.first;
	init_list(&writer->flight);
	for (; entry != NULL; entry = next)
	{
		next = entry->next;
		if (entry->seq == 0)
		{
			committed++;
			finish_entry(writer, entry, true);
		}
		else if (is_abandoned(entry, now_ms))
		{
			count_dropped(1);
			finish_entry(writer, entry, false);
		}
		else
			append_entry(&writer->flight, entry);
	}
	pthread_mutex_lock(&writer->lock);
	writer->flight_us = writer->flight.first != NULL ? writer->flight.first->received_us : 0;
	pthread_mutex_unlock(&writer->lock);
	if (writer->flight.count == 0 && writer->passed > 0)
		note_drained(writer);
	if (committed + writer->flight.count > 0)
		log_info("settled an unknown commit writer=%u committed=%zu again=%zu", writer->number, committed,
				 writer->flight.count);
}

static bool
take_lanes(Writer *writer, int server_id, char *error)
{
	char id[16];
	char first[16];
	char last[16];
	char instance[IDENTITY_INSTANCE_SIZE];
	const char *params[4] = {id, first, last, instance};
	PGresult *result;
	bool renamed = server_id != writer->server_id;

	snprintf(id, sizeof(id), "%d", server_id);
	snprintf(first, sizeof(first), "%u", writer->first_shard);
	snprintf(last, sizeof(last), "%u", writer->last_shard);
	if (!read_instance(writer->lanes->settings, instance, error, ERROR_SIZE))
		return false;
	result = pq_query(writer->conn, "SELECT shard, seq FROM openreplay.take_lanes($1, $2, $3, $4)", 4, params,
					  &writer->wait, error, ERROR_SIZE);
	if (result == NULL)
		return false;
	for (int row = 0; row < PQntuples(result); row++)
	{
		long shard = strtol(PQgetvalue(result, row, 0), NULL, 10);
		int64_t seq = strtoll(PQgetvalue(result, row, 1), NULL, 10);

		if (shard < 0 || shard >= VISIT_SHARDS)
			continue;
		/* Another number means another database, which has nothing of ours: all is new to it. */
		if (!renamed)
			mark_committed(writer, shard, seq);
		writer->committed_seq[shard] = seq;
		pthread_mutex_lock(&writer->lock);
		if (seq > writer->last_seq[shard])
			writer->last_seq[shard] = seq;
		pthread_mutex_unlock(&writer->lock);
	}
	PQclear(result);
	settle_flight(writer);
	writer->server_id = server_id;
	for (Entry *entry = writer->flight.first; renamed && entry != NULL; entry = entry->next)
		number_entry(entry, entry->seq, server_id);

	pthread_mutex_lock(&writer->lock);
	writer->numbered = true;
	if (!may_number(writer))
		log_warning("cannot note the numbers of the lanes error=\"%m\"");
	pthread_mutex_unlock(&writer->lock);
	return true;
}

bool
connect_writer(Writer *writer)
{
	Lanes *lanes = writer->lanes;
	PqWait patience = writer->wait;
	char error[ERROR_SIZE];
	int server_id;

	patience.timeout_ms = CONNECT_TIMEOUT_MS;
	writer->conn = pq_connect(lanes->settings->database_url, "openreplay-ingest", &patience, error, sizeof(error));
	if (writer->conn == NULL)
	{
		complain(writer, "cannot connect to the database", error);
		return false;
	}
	/*
	 * An answer of 200 means durable, whatever the database's default is.  And should this host vanish, the database
	 * notices within a minute, for another one to take the server's place.
	 */
	if (run(writer,
			"SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
			error, sizeof(error)) &&
		run(writer,
			"SELECT set_config('tcp_keepalives_idle', '20', false), set_config('tcp_keepalives_interval', '10', "
			"false), "
			"set_config('tcp_keepalives_count', '3', false)",
			error, sizeof(error)) &&
		(server_id = register_server(lanes->settings, spool_entries(lanes->spool) > 0, writer->conn, &writer->wait,
									 error, sizeof(error))) >= 0 &&
		take_lanes(writer, server_id, error) && ensure_partitions(writer, error, sizeof(error)))
	{
		atomic_store(&lanes->server_id, server_id);
		atomic_store(&writer->connected, true);
		writer->lost_ms = 0;
		writer->ensured_hour = -1;
		writer->next_chores_ms = 0;
		writer->next_complaint_ms = 0;
		log_info("lanes taken writer=%u server_id=%d shards=%u-%u", writer->number, server_id, writer->first_shard,
				 writer->last_shard);
		return true;
	}
	complain(writer, "cannot take the lanes", error);
	disconnect_writer(writer);
	return false;
}
