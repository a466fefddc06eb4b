/*
 * recording_order.h - all messages of a session in the order of a recording; private to src/wire
 */
#ifndef OPENREPLAY_RECORDING_ORDER_H
#define OPENREPLAY_RECORDING_ORDER_H

#include "wire/recording_file.h"

/* The streams of protocol 2 in the order in which their messages of one moment apply; protocol 1 is all player. */
typedef enum RecordingStream
{
	STREAM_PLAYER,
	STREAM_ASSETS,
	STREAM_DEVTOOLS,
	STREAM_ANALYTICS
} RecordingStream;

/* A batch and its place among the others. */
typedef struct PlacedBatch
{
	const RecordingBatch *batch;
	WireString tab; /* of its header: the tab that never changes while a page lives */
	uint64_t page_no;
	uint64_t first_index;
	uint32_t version;
	RecordingStream stream;
	uint32_t place; /* batches with the same are several tellings of the same messages */
} PlacedBatch;

/* A stretch of a batch in which time does not go back, and how far it has been read. */
typedef struct Run
{
	WireBatch walk;
	WireMessage message;
	const PlacedBatch *placed;
	int64_t time;		/* of the message, ms */
	uint64_t end_index; /* the message with this index begins the batch's next run */
} Run;

typedef struct RecordingOrder
{
	PlacedBatch *placed;
	size_t nplaced;
	Run *runs;
	Run **heap; /* the run with the earliest message first */
	size_t running;
	Run *given; /* whose message was returned last */
	uint64_t broken;
	/* the message before, to know its repetition */
	int64_t time;
	const PlacedBatch *last_placed;
	WireMessage last;
} RecordingOrder;

/* Whether a batch is readable, and what it holds. */
typedef struct RecordingSize
{
	size_t runs;
	size_t definitions; /* of dictionary strings */
} RecordingSize;

extern void measure_batch(const RecordingBatch *batch, RecordingSize *size);

/* placed, runs and heap are arrays as long as the batches and as the sum of their runs. */
extern void open_order(RecordingOrder *order, const RecordingBatch *batches, size_t count);

/* The next message that belongs into some file, with its time; NULL at the end.  Valid until the next call. */
extern const Run *next_in_order(RecordingOrder *order);

static inline bool
strings_equal(WireString a, WireString b)
{
	return a.len == b.len && __builtin_memcmp(a.data, b.data, a.len) == 0;
}

#endif /* OPENREPLAY_RECORDING_ORDER_H */
