/*
 * recording_order.c - merging batches into one sequence
 *
 * Order is (time, tab, page, stream, place in the stream): what a tab told in one stream stays as it was told, because
 * the positions of nodes are computed for exactly that order.  Tabs are ordered by their names and batches of one place
 * by their bytes, so that nothing depends on which batch arrived first.
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

/* Mobile files are ordered by index alone, which counts on from the start of the app. */
static int64_t
time_of(const WireBatch *batch, const WireMessage *message)
{
	return batch->platform == WIRE_MOBILE ? 0 : message->timestamp;
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

/* ---- placing batches ---- */

static int
compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int
compare_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
	size_t len = a_len < b_len ? a_len : b_len;
	int result = len > 0 ? memcmp(a, b, len) : 0;

	return result != 0 ? result : compare_numbers(a_len, b_len);
}

static int
compare_places(const PlacedBatch *a, const PlacedBatch *b)
{
	int result = compare_bytes(a->tab.data, a->tab.len, b->tab.data, b->tab.len);

	if (result == 0)
		result = compare_numbers(a->page_no, b->page_no);
	if (result == 0)
		result = compare_numbers(a->stream, b->stream);
	if (result == 0)
		result = compare_numbers(a->first_index, b->first_index);
	return result;
}

static int
compare_placed(const void *a, const void *b)
{
	const PlacedBatch *x = a;
	const PlacedBatch *y = b;
	int result = compare_places(x, y);

	return result != 0 ? result : compare_bytes(x->batch->body, x->batch->len, y->batch->body, y->batch->len);
}

static bool
place_batch(const RecordingBatch *batch, PlacedBatch *placed)
{
	WireBatch walk;

	if (open_batch(&walk, batch) != WIRE_OK)
		return false;
	*placed = (PlacedBatch){.batch = batch, .tab = walk.header.tab, .version = walk.header.version};
	/* the same messages of an app may come in other batches after an error: their indexes alone place them */
	if (walk.platform == WIRE_MOBILE)
		return true;
	placed->page_no = walk.header.page_no;
	placed->first_index = walk.header.first_index;
	if (walk.header.version > 1)
		placed->stream = (RecordingStream) (STREAM_PLAYER + walk.header.version - 2);
	return true;
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
	return (a->placed > b->placed) - (a->placed < b->placed);
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

void
open_order(RecordingOrder *order, const RecordingBatch *batches, size_t count)
{
	size_t nplaced = 0;
	size_t nruns = 0;

	for (size_t i = 0; i < count; i++)
	{
		if (place_batch(&batches[i], &order->placed[nplaced]))
			nplaced++;
		else
			order->broken++;
	}
	order->nplaced = nplaced;
	qsort(order->placed, nplaced, sizeof(PlacedBatch), compare_placed);
	for (size_t i = 0; i < nplaced; i++)
	{
		PlacedBatch *placed = &order->placed[i];
		size_t cut;

		if (i > 0)
		{
			if (compare_placed(placed, placed - 1) == 0)
			{
				placed->place = placed[-1].place;
				continue; /* sent twice */
			}
			placed->place = placed[-1].place + (compare_places(placed, placed - 1) != 0);
		}
		cut = cut_batch(order, placed, order->runs + nruns);
		for (size_t run = 0; run < cut; run++)
			add_run(order, &order->runs[nruns++]);
	}
}

/* Reads the run's next message; false at its end. */
static bool
advance(Run *run)
{
	int64_t time;

	if (!next_recorded(&run->walk, &run->message) || run->message.index == run->end_index)
		return false;
	time = time_of(&run->walk, &run->message);
	if (time > run->time)
		run->time = time;
	return true;
}

/* A batch that was cut on its way, or sent in other pieces, tells messages that another tells too. */
static bool
is_repetition(const RecordingOrder *order, const Run *run)
{
	const WireMessage *message = &run->message;

	return order->last_placed != NULL && order->last_placed->place == run->placed->place && order->time == run->time &&
		   order->last.index == message->index && order->last.wire_type == message->wire_type &&
		   order->last.body_len == message->body_len && memcmp(order->last.body, message->body, message->body_len) == 0;
}

const Run *
next_in_order(RecordingOrder *order)
{
	for (;;)
	{
		Run *run;

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
		run = order->given = order->heap[0];
		if (is_repetition(order, run))
			continue;
		order->time = run->time;
		order->last_placed = run->placed;
		order->last = run->message;
		return run;
	}
}
