/*
 * lanes.c - queueing side of the lanes
 *
 * The hard idea: order is made here, once.  Under the writer's lock an entry gets its time and its place; the writer
 * later numbers entries in that very order and one connection commits them in it.  So a reader that remembers the last
 * number it saw of a lane never misses an entry that committed late.
 */
#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "server/identity.h"
#include "server/memory.h"
#include "server/writer.h"

/* Places of the fields in a row: a 16-bit field count, then 32-bit length and value of each. */
#define SEQ_AT 6
#define SESSION_AT 18
#define RECEIVED_AT 30
#define SERVER_AT 42
#define SIZE_AT 50
#define SHARD_AT 58
#define KIND_AT 64
#define BODY_LEN_AT 65

#define ROW_FIELDS 8
#define POSTGRES_EPOCH_US INT64_C(946684800000000) /* 2000-01-01, where timestamptz starts */

static void
put16(uint8_t *at, uint16_t value)
{
	value = htobe16(value);
	memcpy(at, &value, sizeof(value));
}

static void
put32(uint8_t *at, uint32_t value)
{
	value = htobe32(value);
	memcpy(at, &value, sizeof(value));
}

static void
put64(uint8_t *at, uint64_t value)
{
	value = htobe64(value);
	memcpy(at, &value, sizeof(value));
}

static uint32_t
get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

static uint64_t
get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return be64toh(value);
}

static size_t
entry_size(size_t body_len)
{
	return sizeof(Entry) + ROW_PREFIX + body_len;
}

/* The row but for what number_entry() adds. */
static Entry *
build_entry(unsigned shard, uint64_t session_id, char kind, uint32_t size_bytes, const void *body, size_t body_len)
{
	Entry *entry = malloc(entry_size(body_len));
	uint8_t *row;

	if (entry == NULL)
		return NULL;
	*entry = (Entry){.row_len = (uint32_t) (ROW_PREFIX + body_len), .shard = (uint8_t) shard, .kind = kind};
	row = entry->row;
	put16(row, ROW_FIELDS);
	put32(row + SEQ_AT - 4, 8);
	put32(row + SESSION_AT - 4, 8);
	put64(row + SESSION_AT, session_id);
	put32(row + RECEIVED_AT - 4, 8);
	put32(row + SERVER_AT - 4, 4);
	put32(row + SIZE_AT - 4, 4);
	put32(row + SIZE_AT, size_bytes);
	put32(row + SHARD_AT - 4, 2);
	put16(row + SHARD_AT, entry->shard);
	put32(row + KIND_AT - 4, 1);
	row[KIND_AT] = (uint8_t) kind;
	put32(row + BODY_LEN_AT, (uint32_t) body_len);
	memcpy(row + ROW_PREFIX, body, body_len);
	return entry;
}

Entry *
make_entry(uint64_t session_id, char kind, uint32_t size_bytes, const void *body, size_t body_len)
{
	Entry *entry;

	if (!take_memory(entry_size(body_len)))
		return NULL;
	entry = build_entry(session_shard(session_id), session_id, kind, size_bytes, body, body_len);
	if (entry == NULL)
		give_memory(entry_size(body_len));
	return entry;
}

SpoolRecord
record_of(const Entry *entry)
{
	return (SpoolRecord){
		.seq = entry->seq,
		.session_id = get64(entry->row + SESSION_AT),
		.received_us = entry->received_us,
		.size_bytes = get32(entry->row + SIZE_AT),
		.shard = entry->shard,
		.kind = entry->kind,
		.body_len = entry->row_len - ROW_PREFIX,
		.body = entry->row + ROW_PREFIX,
	};
}

Entry *
restore_entry(const SpoolRecord *record, int server_id)
{
	Entry *entry = build_entry(record->shard, record->session_id, record->kind, record->size_bytes, record->body,
							   record->body_len);

	if (entry == NULL)
		return NULL;
	entry->spooled = true;
	entry->restored = true;
	entry->received_us = record->received_us;
	number_entry(entry, record->seq, server_id);
	return entry;
}

void
number_entry(Entry *entry, int64_t seq, int server_id)
{
	entry->seq = seq;
	put64(entry->row + SEQ_AT, (uint64_t) seq);
	put64(entry->row + RECEIVED_AT, (uint64_t) (entry->received_us - POSTGRES_EPOCH_US));
	put32(entry->row + SERVER_AT, (uint32_t) server_id);
}

void
free_entry(Entry *entry)
{
	if (!entry->restored)
		give_memory(entry_size(entry->row_len - ROW_PREFIX));
	free(entry);
}

void
tell_waiter(Entry *entry, bool committed)
{
	LaneWaiter *waiter = entry->waiter;
	int pending;

	if (waiter == NULL)
		return;
	entry->waiter = NULL;
	if (!committed)
		atomic_store(&waiter->committed, false);
	pending = atomic_fetch_sub(&waiter->pending, 1);
	assert(pending > 0);
	if (pending == 1)
		waiter->wake(waiter);
}

void
finish_entry(Writer *writer, Entry *entry, bool committed)
{
	tell_waiter(entry, committed);
	if (!entry->restored)
		atomic_fetch_sub_explicit(&writer->depth, 1, memory_order_relaxed);
	free_entry(entry);
}

bool
may_number(Writer *writer)
{
	int64_t last = 0;

	if (!writer->numbered)
		return false;
	for (unsigned shard = writer->first_shard; shard <= writer->last_shard; shard++)
	{
		if (writer->last_seq[shard] > last)
			last = writer->last_seq[shard];
	}
	return reserve_numbers(writer->lanes->numbers, last);
}

/* Shards are split evenly: writer w has shards w * 64 / n to (w + 1) * 64 / n - 1. */
static unsigned
first_shard(unsigned writer, unsigned nwriters)
{
	return writer * VISIT_SHARDS / nwriters;
}

static Writer *
writer_of(Lanes *lanes, unsigned shard)
{
	unsigned number = shard * lanes->nwriters / VISIT_SHARDS;

	while (shard > lanes->writers[number].last_shard)
		number++;
	return &lanes->writers[number];
}

bool
queue_entries(Lanes *lanes, Entry **entries, int count, LaneWaiter *waiter)
{
	Writer *writer = writer_of(lanes, entries[0]->shard);
	int64_t queued_ms = monotonic_ms();
	int64_t received_us;
	bool spool;
	bool wake;

	atomic_store(&waiter->pending, count);
	atomic_store(&waiter->committed, true);

	pthread_mutex_lock(&writer->lock);
	if (writer->draining)
	{
		pthread_mutex_unlock(&writer->lock);
		return false;
	}
	received_us = wall_us();
	if (received_us < writer->last_received_us)
		received_us = writer->last_received_us;
	writer->last_received_us = received_us;
	for (int i = 0; i < count; i++)
	{
		assert(entries[i]->shard == entries[0]->shard);
		entries[i]->waiter = waiter;
		entries[i]->queued_ms = queued_ms;
		entries[i]->received_us = received_us;
		append_entry(&writer->queue, entries[i]);
	}
	atomic_fetch_add_explicit(&writer->depth, (size_t) count, memory_order_relaxed);
	spool = writer->way == TO_SPOOL;
	wake = writer->idle && !spool;
	if (wake)
		writer->idle = false;
	pthread_mutex_unlock(&writer->lock);

	if (wake)
		pthread_cond_signal(&writer->arrived);
	if (spool)
		wake_spooler(lanes);
	return true;
}

/* found: what the spool holds of earlier runs. */
static void
init_writer(Lanes *lanes, unsigned number, const SpoolFound *found)
{
	Writer *writer = &lanes->writers[number];
	pthread_condattr_t attributes;

	writer->lanes = lanes;
	writer->number = number;
	writer->first_shard = first_shard(number, lanes->nwriters);
	writer->last_shard = first_shard(number + 1, lanes->nwriters) - 1;
	init_list(&writer->queue);
	init_list(&writer->flight);
	init_list(&writer->spooling);
	writer->ensured_hour = -1;
	memcpy(writer->last_seq, found->last_seq, sizeof(writer->last_seq));
	if (found->entries > 0)
	{
		writer->way = TO_SPOOL;
		writer->spool_clock_us = found->oldest_us - 1;
		writer->last_received_us = found->newest_us;
	}
	pthread_mutex_init(&writer->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&writer->arrived, &attributes);
	pthread_condattr_destroy(&attributes);
}

Lanes *
open_lanes(const Settings *settings, char *error, size_t error_size)
{
	unsigned nwriters = (unsigned) settings->writers;
	Lanes *lanes = calloc(1, sizeof(*lanes) + nwriters * sizeof(Writer));
	SpoolFound found;

	if (lanes == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	lanes->settings = settings;
	atomic_init(&lanes->server_id, recall_server_id(settings));
	pthread_mutex_init(&lanes->spooler_lock, NULL);
	pthread_cond_init(&lanes->spooler_wanted, NULL);
	lanes->numbers = open_numbers(settings, error, error_size);
	if (lanes->numbers != NULL)
		lanes->spool = open_spool(settings->state_dir, settings->spool_limit, nwriters, &found, error, error_size);
	if (lanes->spool == NULL)
	{
		close_lanes(lanes);
		return NULL;
	}
	if (found.entries > 0)
		log_warning("the spool has entries of an earlier run entries=%llu bytes=%llu",
					(unsigned long long) found.entries, (unsigned long long) spool_bytes(lanes->spool));
	/* The threads look at each other's writers. */
	lanes->nwriters = nwriters;
	for (unsigned i = 0; i < nwriters; i++)
		init_writer(lanes, i, &found);
	if (pthread_create(&lanes->spooler, NULL, run_spooler, lanes) != 0)
	{
		snprintf(error, error_size, "cannot start the spooler thread");
		close_lanes(lanes);
		return NULL;
	}
	for (unsigned i = 0; i < nwriters; i++)
	{
		if (pthread_create(&lanes->writers[i].thread, NULL, run_writer, &lanes->writers[i]) != 0)
		{
			lanes->nwriters = i; /* as many as there are to be ended */
			drain_lanes(lanes);
			close_lanes(lanes);
			snprintf(error, error_size, "cannot start a writer thread");
			return NULL;
		}
	}
	return lanes;
}

void
drain_lanes(Lanes *lanes)
{
	for (unsigned i = 0; i < lanes->nwriters; i++)
	{
		Writer *writer = &lanes->writers[i];

		pthread_mutex_lock(&writer->lock);
		writer->draining = true;
		pthread_mutex_unlock(&writer->lock);
		pthread_cond_signal(&writer->arrived);
	}
	for (unsigned i = 0; i < lanes->nwriters; i++)
		pthread_join(lanes->writers[i].thread, NULL);
	pthread_mutex_lock(&lanes->spooler_lock);
	lanes->spooler_stop = true;
	pthread_mutex_unlock(&lanes->spooler_lock);
	pthread_cond_signal(&lanes->spooler_wanted);
	pthread_join(lanes->spooler, NULL);
}

void
close_lanes(Lanes *lanes)
{
	for (unsigned i = 0; i < lanes->nwriters; i++)
	{
		pthread_mutex_destroy(&lanes->writers[i].lock);
		pthread_cond_destroy(&lanes->writers[i].arrived);
	}
	pthread_mutex_destroy(&lanes->spooler_lock);
	pthread_cond_destroy(&lanes->spooler_wanted);
	if (lanes->spool != NULL)
		close_spool(lanes->spool);
	if (lanes->numbers != NULL)
		close_numbers(lanes->numbers);
	free(lanes);
}

int
lanes_server_id(Lanes *lanes)
{
	return atomic_load(&lanes->server_id);
}

bool
lanes_connected(Lanes *lanes)
{
	for (unsigned i = 0; i < lanes->nwriters; i++)
	{
		if (!atomic_load(&lanes->writers[i].connected))
			return false;
	}
	return true;
}

bool
lanes_can_spool(Lanes *lanes)
{
	return lanes_server_id(lanes) >= 0 && numbers_bound(lanes->numbers) > 0;
}

void
read_spool_gauges(Lanes *lanes, SpoolGauges *gauges)
{
	int64_t now_us = wall_us();
	int64_t oldest_us = now_us;

	*gauges = (SpoolGauges){.entries = spool_entries(lanes->spool), .bytes = spool_bytes(lanes->spool)};
	for (unsigned i = 0; i < lanes->nwriters && gauges->entries > 0; i++)
	{
		Writer *writer = &lanes->writers[i];

		pthread_mutex_lock(&writer->lock);
		if (writer->way != TO_DATABASE && writer->spool_clock_us < oldest_us)
			oldest_us = writer->spool_clock_us;
		pthread_mutex_unlock(&writer->lock);
	}
	gauges->age_s = (double) (now_us - oldest_us) / 1e6;
}

void
read_lane_gauges(Lanes *lanes, LaneGauges *gauges)
{
	gauges->held = 0;
	for (unsigned i = 0; i < lanes->nwriters; i++)
	{
		Writer *writer = &lanes->writers[i];

		if (atomic_load(&writer->connected))
			gauges->held += writer->last_shard - writer->first_shard + 1;
		pthread_mutex_lock(&writer->lock);
		for (unsigned shard = writer->first_shard; shard <= writer->last_shard; shard++)
			gauges->last_seq[shard] = writer->last_seq[shard];
		pthread_mutex_unlock(&writer->lock);
	}
}

size_t
lanes_depth(Lanes *lanes)
{
	size_t depth = 0;

	for (unsigned i = 0; i < lanes->nwriters; i++)
		depth += atomic_load_explicit(&lanes->writers[i].depth, memory_order_relaxed);
	return depth;
}
