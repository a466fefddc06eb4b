/*
 * recording_order.h - all messages of a session in the order of a recording; private to src/wire
 */
#ifndef OPENREPLAY_RECORDING_ORDER_H
#define OPENREPLAY_RECORDING_ORDER_H

#include "wire/recording_origin.h"

/* The streams of protocol 2 in the order in which their messages of one moment apply; protocol 1 is all player. */
typedef enum RecordingStream
{
	STREAM_PLAYER,
	STREAM_ASSETS,
	STREAM_DEVTOOLS,
	STREAM_ANALYTICS
} RecordingStream;

/* What the origin of a file being written knows of a batch. */
typedef struct ToldBatch
{
	uint32_t number; /* from 1; 0: not named so far */
	uint64_t index;	 /* of the item told last */
} ToldBatch;

/* A batch, here or known from a stored file, and its place among the others. */
typedef struct PlacedBatch
{
	const RecordingBatch *batch; /* NULL: only known from a stored file */
	OriginBatch origin;
	RecordingStream stream;
	uint32_t place;						  /* batches with the same are several tellings of the same messages */
	struct PlacedBatch *first;			  /* of those that are the same batch: it stands for them all */
	bool cut;							  /* into runs, of first */
	uint32_t stored;					  /* the stored file that names it, from 1 */
	uint32_t number;					  /* in that */
	ToldBatch told[RECORDING_FILE_COUNT]; /* of first */
} PlacedBatch;

/* A batch as a stored file names it. */
typedef struct StoredBatch
{
	const PlacedBatch *placed;
	uint64_t index; /* of the item read last */
} StoredBatch;

typedef struct StoredReading
{
	RecordingFile file;
	StoredWalk walk;
	OriginKind kind; /* of the item read last */
	StoredBatch *batches;
} StoredReading;

/* A stretch of a batch in which time does not go back, or a stored file, and how far it has been read. */
typedef struct Run
{
	WireBatch walk;
	StoredReading *stored; /* NULL: a batch, read by walk */
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
	StoredReading *readings; /* of the stored files */
	StoredBatch *stored_batches;
	size_t nreadings;
	Run *given; /* whose message was returned last */
	uint64_t broken;
} RecordingOrder;

/* Whether something is readable, and what it holds. */
typedef struct RecordingSize
{
	size_t batches; /* that a stored file names */
	size_t runs;
	size_t definitions; /* of dictionary strings */
} RecordingSize;

extern void measure_batch(const RecordingBatch *batch, RecordingSize *size);
extern void measure_stored_file(const StoredFile *stored, RecordingSize *size);

/*
 * placed, runs and heap are arrays as long as the batches, stored ones included, and as the sum of all runs; readings
 * and stored_batches as there are stored files and batches in them.
 */
extern void open_order(RecordingOrder *order, const RecordingBatch *batches, size_t count, const StoredFile *stored,
					   size_t nstored);

/*
 * The next message that belongs into some file, with its time; NULL at the end.  Valid until the next call.  One that
 * is told several times is returned as often, in a row.
 */
extern const Run *next_in_order(RecordingOrder *order);

static inline bool
strings_equal(WireString a, WireString b)
{
	return a.len == b.len && __builtin_memcmp(a.data, b.data, a.len) == 0;
}

#endif /* OPENREPLAY_RECORDING_ORDER_H */
