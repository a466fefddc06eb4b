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

static size_t
entry_size(size_t body_len)
{
	return sizeof(Entry) + ROW_PREFIX + body_len;
}

Entry *
make_entry(uint64_t session_id, char kind, uint32_t size_bytes, const void *body, size_t body_len)
{
	Entry *entry;
	uint8_t *row;

	if (!take_memory(entry_size(body_len)))
		return NULL;
	entry = malloc(entry_size(body_len));
	if (entry == NULL)
	{
		give_memory(entry_size(body_len));
		return NULL;
	}
	*entry = (Entry){.row_len = (uint32_t) (ROW_PREFIX + body_len), .kind = kind};
	entry->shard = (uint8_t) session_shard(session_id);

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
	give_memory(entry_size(entry->row_len - ROW_PREFIX));
	free(entry);
}

void
tell_waiter(Entry *entry, bool committed)
{
	LaneWaiter *waiter = entry->waiter;

	if (waiter == NULL)
		return;
	entry->waiter = NULL;
	assert(waiter->pending > 0);
	if (!committed)
		waiter->committed = false;
	if (--waiter->pending == 0)
		waiter->wake(waiter);
}

void
finish_entry(Writer *writer, Entry *entry, bool committed)
{
	tell_waiter(entry, committed);
	free_entry(entry);
	atomic_fetch_sub_explicit(&writer->depth, 1, memory_order_relaxed);
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
	bool wake;

	waiter->pending = count;
	waiter->committed = true;

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
	wake = writer->idle;
	writer->idle = false;
	pthread_mutex_unlock(&writer->lock);

	if (wake)
		pthread_cond_signal(&writer->arrived);
	return true;
}

static bool
start_writer(Lanes *lanes, unsigned number)
{
	Writer *writer = &lanes->writers[number];
	pthread_condattr_t attributes;

	writer->lanes = lanes;
	writer->number = number;
	writer->first_shard = first_shard(number, lanes->nwriters);
	writer->last_shard = first_shard(number + 1, lanes->nwriters) - 1;
	init_list(&writer->queue);
	init_list(&writer->flight);
	pthread_mutex_init(&writer->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&writer->arrived, &attributes);
	pthread_condattr_destroy(&attributes);
	return pthread_create(&writer->thread, NULL, run_writer, writer) == 0;
}

Lanes *
open_lanes(const Settings *settings, char *error, size_t error_size)
{
	unsigned nwriters = (unsigned) settings->writers;
	Lanes *lanes = calloc(1, sizeof(*lanes) + nwriters * sizeof(Writer));

	if (lanes == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	lanes->settings = settings;
	atomic_init(&lanes->server_id, recall_server_id(settings));
	lanes->nwriters = nwriters;
	for (unsigned i = 0; i < nwriters; i++)
	{
		if (!start_writer(lanes, i))
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
}

void
close_lanes(Lanes *lanes)
{
	for (unsigned i = 0; i < lanes->nwriters; i++)
	{
		pthread_mutex_destroy(&lanes->writers[i].lock);
		pthread_cond_destroy(&lanes->writers[i].arrived);
	}
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

size_t
lanes_depth(Lanes *lanes)
{
	size_t depth = 0;

	for (unsigned i = 0; i < lanes->nwriters; i++)
		depth += atomic_load_explicit(&lanes->writers[i].depth, memory_order_relaxed);
	return depth;
}
