/*
 * recording_order.c - merging batches into one sequence
 *
 * Order is (time, tab, page, stream, place in the stream): what a tab told in one stream stays as it was told, because
 * the positions of nodes are computed for exactly that order.  Tabs are ordered by their names and batches of one place
 * by the hashes of their bytes, so that nothing depends on which batch arrived first, or is told by a stored file.
 *
 * The hard idea: batches are nearly in order already.  Each is cut into runs in which time does not go back (one, save
 * after a buffered start) and the runs are merged, so that memory is needed for runs and not for messages.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/codec.h"
#include "wire/recording_order.h"

/*
 * A clock that goes back more often within one batch is no clock; from then on its messages stay where they were sent.
 * Bounds the memory that bytes of a client can ask for.
 */
#define RUNS_PER_BATCH 4

static bool
is_recorded(const WireMessage *message)
{
	return (wire_types[message->wire_type].flags & (WIRE_IN_DOM_FILE | WIRE_IN_DEVTOOLS)) != 0;
}

/* Mobile files are ordered by index alone, which counts on from the start of the app.  A file has no negative times. */
static int64_t
time_of(const WireBatch *batch, const WireMessage *message)
{
	return batch->platform == WIRE_MOBILE || message->timestamp < 0 ? 0 : message->timestamp;
}

static bool
next_recorded(WireBatch *batch, WireMessage *message)
{
	while (wire_batch_next(batch, message))
		if (is_recorded(message))
			return true;
	return false;
}

static WireError
open_batch(WireBatch *walk, const RecordingBatch *batch)
{
	return wire_batch_open(walk, batch->body, batch->len, batch->platform, wire_string("", 0));
}

void
measure_batch(const RecordingBatch *batch, RecordingSize *size)
{
	WireBatch walk;
	WireMessage message;
	int64_t last = INT64_MIN;

	*size = (RecordingSize){0};
	if (open_batch(&walk, batch) != WIRE_OK)
		return;
	while (next_recorded(&walk, &message))
	{
		int64_t time = time_of(&walk, &message);

		if (size->runs == 0 || (time < last && size->runs < RUNS_PER_BATCH))
		{
			size->runs++;
			last = time;
		}
		if (time > last)
			last = time;
		if (message.wire_type == MSG_StringDictGlobal || message.wire_type == MSG_StringDict)
			size->definitions++;
	}
}

void
measure_stored_file(const StoredFile *stored, RecordingSize *size)
{
	StoredWalk walk;
	StoredItem item;

	*size = (RecordingSize){.runs = 1};
	open_stored_file(&walk, stored);
	while (next_stored_item(&walk, &item))
	{
		size->batches += item.new_batch;
		size->definitions += item.type == MSG_StringDictGlobal || item.type == MSG_StringDict;
	}
}

/* ---- placing batches ---- */

static int
compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int
compare_strings(WireString a, WireString b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int result = len > 0 ? memcmp(a.data, b.data, len) : 0;

	return result != 0 ? result : compare_numbers(a.len, b.len);
}

static int
compare_places(const PlacedBatch *a, const PlacedBatch *b)
{
	int result = compare_strings(a->origin.tab, b->origin.tab);

	if (result == 0)
		result = compare_numbers(a->origin.page_no, b->origin.page_no);
	if (result == 0)
		result = compare_numbers(a->stream, b->stream);
	if (result == 0)
		result = compare_numbers(a->origin.first_index, b->origin.first_index);
	return result;
}

static int
compare_placed(const void *a, const void *b)
{
	const PlacedBatch *x = a;
	const PlacedBatch *y = b;
	int result = compare_places(x, y);

	return result != 0 ? result : compare_numbers(x->origin.hash, y->origin.hash);
}

/* Eight bytes, the first the least significant: one load where that is the machine's order. */
static inline uint64_t
read_word(const uint8_t *bytes)
{
	return (uint64_t) bytes[0] | (uint64_t) bytes[1] << 8 | (uint64_t) bytes[2] << 16 | (uint64_t) bytes[3] << 24 |
		   (uint64_t) bytes[4] << 32 | (uint64_t) bytes[5] << 40 | (uint64_t) bytes[6] << 48 |
		   (uint64_t) bytes[7] << 56;
}

/* The same on all machines, as it is stored.  Nobody gains by two batches of one's own session that hash alike. */
static uint64_t
hash_body(const uint8_t *body, size_t len)
{
	static const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
	uint8_t last[8] = {0};
	uint64_t hash = len * factor;

	for (; len >= 8; body += 8, len -= 8)
	{
		hash = (hash ^ read_word(body)) * factor;
		hash ^= hash >> 32;
	}
	for (size_t i = 0; i < len; i++)
		last[i] = body[i];
	hash = (hash ^ read_word(last)) * factor;
	return hash ^ hash >> 32;
}

static RecordingStream
stream_of(const OriginBatch *origin)
{
	return origin->version > 1 ? (RecordingStream) (STREAM_PLAYER + origin->version - 2) : STREAM_PLAYER;
}

static bool
place_batch(const RecordingBatch *batch, PlacedBatch *placed)
{
	WireBatch walk;

	if (open_batch(&walk, batch) != WIRE_OK)
		return false;
	*placed = (PlacedBatch){
		.batch = batch,
		.origin = {.tab = walk.header.tab,
				   .version = walk.header.version,
				   .mobile = walk.platform == WIRE_MOBILE,
				   .hash = hash_body(batch->body, batch->len)},
	};
	/* the same messages of an app may come in other batches after an error: their indexes alone place them */
	if (placed->origin.mobile)
		return true;
	placed->origin.page_no = walk.header.page_no;
	placed->origin.first_index = walk.header.first_index;
	placed->stream = stream_of(&placed->origin);
	return true;
}

static size_t
place_stored_batches(PlacedBatch *placed, const StoredFile *stored, uint32_t number)
{
	StoredWalk walk;
	StoredItem item;
	size_t count = 0;

	open_stored_file(&walk, stored);
	while (next_stored_item(&walk, &item))
	{
		if (!item.new_batch)
			continue;
		placed[count++] = (PlacedBatch){
			.origin = item.origin, .stream = stream_of(&item.origin), .stored = number, .number = item.batch};
	}
	return count;
}

/* ---- merging ---- */

/* Negative if a's message comes first.  An index tells the place in a batch, and on mobile in the session. */
static int
compare_runs(const Run *a, const Run *b)
{
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->placed->place != b->placed->place)
		return a->placed->place < b->placed->place ? -1 : 1;
	if (a->message.index != b->message.index)
		return a->message.index < b->message.index ? -1 : 1;
	if (a->placed->first != b->placed->first)
		return a->placed->first < b->placed->first ? -1 : 1;
	/* what is stored comes before what is here, as it also tells where a file was cut */
	return (a->stored == NULL) - (b->stored == NULL);
}

static void
sink_top(RecordingOrder *order)
{
	Run *run = order->heap[0];
	size_t at = 0;

	for (;;)
	{
		size_t child = 2 * at + 1;

		if (child >= order->running)
			break;
		if (child + 1 < order->running && compare_runs(order->heap[child + 1], order->heap[child]) < 0)
			child++;
		if (compare_runs(run, order->heap[child]) <= 0)
			break;
		order->heap[at] = order->heap[child];
		at = child;
	}
	order->heap[at] = run;
}

static void
add_run(RecordingOrder *order, Run *run)
{
	size_t at = order->running++;

	while (at > 0 && compare_runs(run, order->heap[(at - 1) / 2]) < 0)
	{
		order->heap[at] = order->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	order->heap[at] = run;
}

/* Cuts a batch into its runs; returns how many, by the same rule as measure_batch. */
static size_t
cut_batch(RecordingOrder *order, const PlacedBatch *placed, Run *runs)
{
	WireBatch walk;
	WireMessage message;
	int64_t last = INT64_MIN;
	size_t count = 0;

	open_batch(&walk, placed->batch);
	while (next_recorded(&walk, &message))
	{
		int64_t time = time_of(&walk, &message);

		if (count == 0 || (time < last && count < RUNS_PER_BATCH))
		{
			if (count > 0)
				runs[count - 1].end_index = message.index;
			runs[count++] =
				(Run){.walk = walk, .message = message, .placed = placed, .time = time, .end_index = UINT64_MAX};
			last = time;
		}
		if (time > last)
			last = time;
	}
	order->broken += walk.error != WIRE_OK;
	return count;
}

/* Reads the next item of a stored file; false at its end. */
static bool
advance_stored(Run *run)
{
	StoredReading *reading = run->stored;
	StoredBatch *batch;
	StoredItem item;

	if (!next_stored_item(&reading->walk, &item))
		return false;
	batch = &reading->batches[item.batch];
	batch->index += (uint64_t) item.index_step;
	reading->kind = item.kind;
	run->placed = batch->placed;
	run->time = batch->placed->origin.mobile || item.time < 0 ? 0 : item.time;
	run->message = (WireMessage){
		.type = wire_canonical_type(item.type),
		.wire_type = (uint8_t) item.type,
		.body = item.fields,
		.body_len = (uint32_t) item.len,
		.index = batch->index,
		.timestamp = run->time,
		.url = wire_string("", 0),
		.title = wire_string("", 0),
		.tab = item.tab,
	};
	return true;
}

/* Sorts all batches, and tells each its place and which are the same. */
static void
place_batches(RecordingOrder *order, const RecordingBatch *batches, size_t count, const StoredFile *stored,
			  size_t nstored)
{
	size_t nplaced = 0;

	for (size_t i = 0; i < count; i++)
	{
		if (place_batch(&batches[i], &order->placed[nplaced]))
			nplaced++;
		else
			order->broken++;
	}
	for (size_t i = 0; i < nstored; i++)
		nplaced += place_stored_batches(order->placed + nplaced, &stored[i], (uint32_t) i + 1);
	order->nplaced = nplaced;
	if (nplaced > 0)
		qsort(order->placed, nplaced, sizeof(PlacedBatch), compare_placed);
	for (size_t i = 0; i < nplaced; i++)
	{
		PlacedBatch *placed = &order->placed[i];

		placed->first = placed;
		if (i == 0)
			continue;
		placed->place = placed[-1].place + (compare_places(placed, placed - 1) != 0);
		if (compare_placed(placed, placed - 1) == 0)
			placed->first = placed[-1].first;
	}
}

static void
open_readings(RecordingOrder *order, const StoredFile *stored, size_t nstored)
{
	StoredBatch *batches = order->stored_batches;

	order->nreadings = nstored;
	for (size_t i = 0; i < nstored; i++)
	{
		StoredReading *reading = &order->readings[i];

		*reading = (StoredReading){.file = stored[i].file, .batches = batches};
		open_stored_file(&reading->walk, &stored[i]);
		for (size_t n = 0; n < order->nplaced; n++)
		{
			const PlacedBatch *placed = &order->placed[n];

			if (placed->stored != i + 1)
				continue;
			reading->batches[placed->number] = (StoredBatch){placed, origin_base_index(&placed->origin)};
			batches++;
		}
	}
}

void
open_order(RecordingOrder *order, const RecordingBatch *batches, size_t count, const StoredFile *stored, size_t nstored)
{
	size_t nruns = 0;

	place_batches(order, batches, count, stored, nstored);
	open_readings(order, stored, nstored);
	for (size_t i = 0; i < order->nplaced; i++)
	{
		PlacedBatch *placed = &order->placed[i];
		size_t cut;

		if (placed->batch == NULL || placed->first->cut)
			continue; /* not here, or sent twice */
		placed->first->cut = true;
		cut = cut_batch(order, placed, order->runs + nruns);
		for (size_t run = 0; run < cut; run++)
			add_run(order, &order->runs[nruns++]);
	}
	for (size_t i = 0; i < nstored; i++)
	{
		Run *run = &order->runs[nruns++];

		*run = (Run){.stored = &order->readings[i]};
		if (advance_stored(run))
			add_run(order, run);
	}
}

/* Reads the run's next message; false at its end. */
static bool
advance(Run *run)
{
	int64_t time;

	if (run->stored != NULL)
		return advance_stored(run);
	if (!next_recorded(&run->walk, &run->message) || run->message.index == run->end_index)
		return false;
	time = time_of(&run->walk, &run->message);
	if (time > run->time)
		run->time = time;
	return true;
}

const Run *
next_in_order(RecordingOrder *order)
{
	if (order->given != NULL)
	{
		/* the run whose message was given is on top */
		if (!advance(order->given))
			order->heap[0] = order->heap[--order->running];
		if (order->running > 0)
			sink_top(order);
		order->given = NULL;
	}
	if (order->running == 0)
		return NULL;
	return order->given = order->heap[0];
}
