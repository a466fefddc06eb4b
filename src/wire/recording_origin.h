/*
 * recording_origin.h - where each message of a stored file came from; private to src/wire
 *
 * A file has neither indexes nor batches, so it alone cannot say where among its messages those belong that come later.
 * Its origin, which is stored beside it, can: the identity of each batch, and for each message, in the order of the
 *file, its batch and its index.  Together they are one more run of messages to be merged.
 *
 *	origin: version, FILE_SPLIT_TIME, the tab in which the file begins, items
 *	item:	head, [a batch: tab, page, first index, version, hash], step of the index, [step of time], [type, fields]
 */
#ifndef OPENREPLAY_RECORDING_ORIGIN_H
#define OPENREPLAY_RECORDING_ORIGIN_H

#include "wire/recording_file.h"

#define ORIGIN_VERSION 1

typedef enum OriginKind
{
	ORIGIN_MESSAGE,	  /* the file's next one */
	ORIGIN_TIMESTAMP, /* was sent here, and told or not before the next message */
	ORIGIN_LEFT_OUT,  /* the player does not know it, but what comes later may need it */
	ORIGIN_CUT,		  /* the first beyond the limit of size */
	ORIGIN_END
} OriginKind;

/* The head of an item: its kind, and what is told with it. */
#define ORIGIN_KIND 0x07
#define ORIGIN_NEW_BATCH 0x08	/* is of a batch not named so far */
#define ORIGIN_OTHER_BATCH 0x10 /* is of a batch named before the last one */
#define ORIGIN_TAB_PUT_IN 0x20	/* a TabData that nobody sent is before the message */
#define ORIGIN_NO_TAB 0x40		/* the message was in no tab, whatever the file says */

/* What a batch is known by. */
typedef struct OriginBatch
{
	WireString tab; /* of its header: the tab that never changes while a page lives */
	uint64_t page_no;
	uint64_t first_index;
	uint32_t version;
	bool mobile;
	uint64_t hash; /* of its body */
} OriginBatch;

static inline uint64_t
origin_base_index(const OriginBatch *batch)
{
	return (batch->page_no << 32) + batch->first_index;
}

/* ---- reading ---- */

typedef struct StoredItem
{
	OriginKind kind;
	bool new_batch;
	OriginBatch origin; /* with new_batch */
	uint32_t batch;		/* numbered from 0 in the order in which they are new */
	int64_t index_step; /* from the last item of the batch; of the first from origin_base_index() */
	int64_t time;
	unsigned type;
	const uint8_t *fields;
	size_t len;
	WireString tab;
} StoredItem;

typedef struct StoredWalk
{
	const uint8_t *pos; /* in the file */
	const uint8_t *end;
	const uint8_t *origin;
	const uint8_t *origin_end;
	int64_t split_ms;
	int64_t time;
	WireString tab;
	uint32_t nbatches;
	uint32_t batch;
	bool damaged; /* the two are not whole, or do not belong together */
} StoredWalk;

extern void open_stored_file(StoredWalk *walk, const StoredFile *stored);

/* False at the end, or when damaged. */
extern bool next_stored_item(StoredWalk *walk, StoredItem *item);

/* ---- writing: head, of a new batch its tab and this, of another its number, then the item ---- */

#define ORIGIN_ITEM_SIZE 80 /* bytes of all but the tab and a message that was left out */

extern void put_origin_batch(WireWriter *writer, const OriginBatch *batch);

/* time_step from the time that the file told last; the fields of a message that was left out follow. */
extern void put_origin_item(WireWriter *writer, OriginKind kind, int64_t index_step, int64_t time_step, unsigned type,
							size_t len);

#endif /* OPENREPLAY_RECORDING_ORIGIN_H */
