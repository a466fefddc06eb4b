/*
 * recording_origin.c - reading a stored file together with its origin, and the bytes of the latter
 */
#include <string.h>

#include "wire/codec.h"
#include "wire/recording_origin.h"

#define HASH_BYTES 8

/* Whether an item tells its time; that of a message is in the file. */
static bool
tells_time(OriginKind kind)
{
	return kind == ORIGIN_TIMESTAMP || kind == ORIGIN_LEFT_OUT || kind == ORIGIN_CUT;
}

/* ---- reading ---- */

static bool
read_uint(StoredWalk *walk, uint64_t *value)
{
	if (wire_read_uint(&walk->origin, walk->origin_end, value) != WIRE_OK)
		walk->damaged = true;
	return !walk->damaged;
}

static bool
read_int(StoredWalk *walk, int64_t *value)
{
	uint64_t number = 0;
	bool ok = read_uint(walk, &number);

	*value = wire_unzigzag(number);
	return ok;
}

static bool
read_string(StoredWalk *walk, WireString *value)
{
	uint64_t len = 0;

	if (!read_uint(walk, &len))
		return false;
	if (len > WIRE_MAX_STRING_BYTES || len > (uint64_t) (walk->origin_end - walk->origin))
	{
		walk->damaged = true;
		return false;
	}
	*value = wire_string((const char *) walk->origin, (size_t) len);
	walk->origin += len;
	return true;
}

void
open_stored_file(StoredWalk *walk, const StoredFile *stored)
{
	static const uint8_t without_indexes[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint64_t version = 0;
	uint64_t split = 0;

	*walk = (StoredWalk){
		.pos = stored->data,
		.end = stored->data + stored->len,
		.origin = stored->origin,
		.origin_end = stored->origin + stored->origin_len,
		.tab = wire_string("", 0),
	};
	if (stored->file != RECORDING_DOM_END)
	{
		if (stored->len < sizeof(without_indexes) ||
			memcmp(stored->data, without_indexes, sizeof(without_indexes)) != 0)
			walk->damaged = true;
		else
			walk->pos += sizeof(without_indexes);
	}
	if (!read_uint(walk, &version) || !read_uint(walk, &split) || !read_string(walk, &walk->tab) ||
		version != ORIGIN_VERSION || split > INT64_MAX)
		walk->damaged = true;
	walk->split_ms = (int64_t) split;
}

static bool
read_batch(StoredWalk *walk, OriginBatch *batch)
{
	uint64_t version = 0;

	*batch = (OriginBatch){0};
	if (!read_uint(walk, &version) || !read_uint(walk, &batch->page_no) || !read_uint(walk, &batch->first_index))
		return false;
	if (walk->origin_end - walk->origin < HASH_BYTES || version > 2 * 5 + 1)
	{
		walk->damaged = true;
		return false;
	}
	batch->version = (uint32_t) version / 2;
	batch->mobile = version % 2 != 0;
	for (int i = 0; i < HASH_BYTES; i++)
		batch->hash |= (uint64_t) walk->origin[i] << (8 * i);
	walk->origin += HASH_BYTES;
	return true;
}

/* The type and the fields that come next in the file. */
static bool
read_message(StoredWalk *walk, StoredItem *item, WireValue *values)
{
	unsigned nread;

	item->type = walk->pos < walk->end ? *walk->pos++ : WIRE_TYPE_COUNT;
	item->fields = walk->pos;
	if (item->type >= WIRE_TYPE_COUNT || !(wire_types[item->type].flags & (WIRE_IN_DOM_FILE | WIRE_IN_DEVTOOLS)) ||
		wire_read_fields(item->type, &walk->pos, walk->end, values, &nread) != WIRE_OK)
		walk->damaged = true;
	return !walk->damaged;
}

/* A message of the file, with the Timestamp and the TabData that were put in before it. */
static bool
read_from_file(StoredWalk *walk, StoredItem *item, bool tab_put_in)
{
	WireValue values[WIRE_MAX_FIELDS];

	if (!read_message(walk, item, values))
		return false;
	if (item->type == MSG_Timestamp)
	{
		uint64_t time = values[Timestamp_Timestamp].u;

		walk->time = time > INT64_MAX ? INT64_MAX : (int64_t) time;
		if (!read_message(walk, item, values))
			return false;
	}
	if (item->type == MSG_TabData)
		walk->tab = values[TabData_TabId].s;
	if (tab_put_in)
	{
		if (item->type != MSG_TabData)
			walk->damaged = true;
		else
			read_message(walk, item, values);
	}
	if (item->type == MSG_Timestamp || (tab_put_in && item->type == MSG_TabData))
		walk->damaged = true;
	item->len = (size_t) (walk->pos - item->fields);
	item->time = walk->time;
	return !walk->damaged;
}

/* A message as it was sent, fields may be missing. */
static bool
read_left_out(StoredWalk *walk, StoredItem *item)
{
	uint64_t len = 0;

	if (!read_uint(walk, &len))
		return false;
	if (len == 0 || len > (uint64_t) (walk->origin_end - walk->origin) || *walk->origin >= WIRE_TYPE_COUNT ||
		!(wire_types[*walk->origin].flags & WIRE_IN_DOM_FILE))
	{
		walk->damaged = true;
		return false;
	}
	item->type = *walk->origin;
	item->fields = walk->origin + 1;
	item->len = (size_t) len - 1;
	walk->origin += len;
	return true;
}

static bool
read_content(StoredWalk *walk, StoredItem *item, unsigned head)
{
	int64_t step;

	item->type = MSG_Timestamp;
	item->fields = walk->origin;
	item->len = 0;
	if (tells_time(item->kind))
	{
		if (!read_int(walk, &step))
			return false;
		item->time = (int64_t) ((uint64_t) walk->time + (uint64_t) step);
	}
	if (item->kind == ORIGIN_MESSAGE && !read_from_file(walk, item, (head & ORIGIN_TAB_PUT_IN) != 0))
		return false;
	if (item->kind == ORIGIN_LEFT_OUT && !read_left_out(walk, item))
		return false;
	item->tab = (head & ORIGIN_NO_TAB) ? wire_string("", 0) : walk->tab;
	return true;
}

bool
next_stored_item(StoredWalk *walk, StoredItem *item)
{
	unsigned head;
	uint64_t number = 0;

	if (walk->damaged)
		return false;
	if (walk->origin == walk->origin_end)
	{
		walk->damaged = true;
		return false;
	}
	head = *walk->origin++;
	item->kind = (OriginKind) (head & ORIGIN_KIND);
	if (item->kind >= ORIGIN_END)
	{
		walk->damaged = item->kind != ORIGIN_END || walk->pos != walk->end || walk->origin != walk->origin_end;
		walk->origin--; /* the end again */
		return false;
	}
	item->new_batch = (head & ORIGIN_NEW_BATCH) != 0;
	if (item->new_batch)
	{
		WireString tab;

		if (!read_string(walk, &tab) || !read_batch(walk, &item->origin))
			return false;
		item->origin.tab = tab;
		walk->batch = walk->nbatches++;
	}
	else if (head & ORIGIN_OTHER_BATCH)
	{
		if (!read_uint(walk, &number))
			return false;
		walk->batch = number < walk->nbatches ? (uint32_t) number : UINT32_MAX;
	}
	if (walk->batch >= walk->nbatches)
		walk->damaged = true;
	item->batch = walk->batch;
	return !walk->damaged && read_int(walk, &item->index_step) && read_content(walk, item, head);
}

bool
is_stored_file_whole(const StoredFile *stored)
{
	StoredWalk walk;
	StoredItem item;

	open_stored_file(&walk, stored);
	while (next_stored_item(&walk, &item))
		;
	return !walk.damaged;
}

/* ---- writing ---- */

void
put_origin_batch(WireWriter *writer, const OriginBatch *batch)
{
	uint8_t hash[HASH_BYTES];

	for (int i = 0; i < HASH_BYTES; i++)
		hash[i] = (uint8_t) (batch->hash >> (8 * i));
	wire_put_uint(writer, 2 * batch->version + (batch->mobile ? 1 : 0));
	wire_put_uint(writer, batch->page_no);
	wire_put_uint(writer, batch->first_index);
	wire_put_bytes(writer, hash, sizeof(hash));
}

void
put_origin_item(WireWriter *writer, OriginKind kind, int64_t index_step, int64_t time_step, unsigned type, size_t len)
{
	wire_put_int(writer, index_step);
	if (tells_time(kind))
		wire_put_int(writer, time_step);
	if (kind == ORIGIN_LEFT_OUT)
	{
		wire_put_uint(writer, 1 + len);
		wire_put_uint(writer, type);
	}
}
