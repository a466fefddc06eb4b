/*
 * batch.c - walking the messages of one batch
 *
 * A batch of today is "sized": every message but the header carries a three-byte length, so a walk touches only the
 * bytes it needs and unknown types are passed over.  Mobile batches and very old web batches are not, and end where a
 * type is unknown.  The walk keeps the context (index, time, page, tab) that messages have only by their place in the
 * batch.
 */
#include "wire/wire.h"
#include "wire/codec.h"

#define SIZE_BYTES 3

static inline uint32_t
read_size(const uint8_t *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16;
}

/*
 * The tab of a batch is that of its first TabData.  Trackers put one among the first three messages; batches of
 * trackers that know no tabs are walked once in vain.
 */
static WireString
find_tab(const uint8_t *pos, const uint8_t *end)
{
	while (end - pos > SIZE_BYTES)
	{
		unsigned type = *pos;
		uint32_t size = read_size(pos + 1);

		pos += 1 + SIZE_BYTES;
		if (type >= WIRE_TYPE_COUNT || wire_is_unsized(type) || size > (size_t) (end - pos))
			break;
		if (type == MSG_TabData)
		{
			const uint8_t *field = pos;
			WireValue values[WIRE_MAX_FIELDS];
			unsigned nread;

			if (wire_read_fields(MSG_TabData, &field, pos + size, values, &nread) == WIRE_OK)
				return values[TabData_TabId].s;
		}
		pos += size;
	}
	return wire_string("", 0);
}

WireError
wire_batch_open(WireBatch *batch, const void *data, size_t len, WirePlatform platform, WireString remembered_url)
{
	WireValue values[WIRE_MAX_FIELDS];
	const uint8_t *start = data;
	const uint8_t *pos = start;
	const uint8_t *end = start + len;
	unsigned type;
	unsigned nread;

	*batch = (WireBatch){
		.data = start,
		.len = len,
		.platform = platform,
		.header.tab = wire_string("", 0),
		.header.location = wire_string("", 0),
		.url = remembered_url,
		.title = wire_string("", 0),
		.tab = wire_string("", 0),
	};
	if (len == 0)
		return WIRE_OK;

	type = *pos++;
	if (type != MSG_BatchMetadata && type != MSG_BatchMeta && type != MSG_MobileBatchMeta)
		return WIRE_OK;

	batch->error = wire_read_fields(type, &pos, end, values, &nread);
	if (batch->error != WIRE_OK)
		return batch->error;

	batch->header.present = true;
	batch->header.type = type;
	switch (type)
	{
		case MSG_BatchMetadata:
			if (values[BatchMetadata_Version].u > 5)
				return batch->error = WIRE_VERSION_UNSUPPORTED;
			batch->header.version = (uint32_t) values[BatchMetadata_Version].u;
			batch->header.page_no = values[BatchMetadata_PageNo].u;
			batch->header.first_index = values[BatchMetadata_FirstIndex].u;
			batch->header.timestamp = values[BatchMetadata_Timestamp].i;
			batch->header.location = values[BatchMetadata_Location].s;
			batch->sized = batch->header.version > 0;
			batch->url = batch->header.location;
			break;
		case MSG_BatchMeta:
			batch->header.page_no = values[BatchMeta_PageNo].u;
			batch->header.first_index = values[BatchMeta_FirstIndex].u;
			batch->header.timestamp = values[BatchMeta_Timestamp].i;
			break;
		case MSG_MobileBatchMeta:
			batch->header.first_index = values[MobileBatchMeta_FirstIndex].u;
			batch->header.timestamp = (int64_t) values[MobileBatchMeta_Timestamp].u;
			batch->platform = WIRE_MOBILE;
			break;
	}
	/* the first message, the header itself, gets exactly this index */
	batch->index = (batch->header.page_no << 32) + batch->header.first_index - 1;
	batch->timestamp = batch->header.timestamp;
	if (batch->sized)
		batch->tab = batch->header.tab = find_tab(pos, end);
	return WIRE_OK;
}

static bool
fail(WireBatch *batch, WireError error)
{
	batch->error = error;
	batch->error_offset = batch->pos;
	return false;
}

/* The few types that move the context; telling them apart from the others must cost next to nothing. */
static const bool moves_context[WIRE_TYPE_COUNT] = {
	[MSG_Timestamp] = true,
	[MSG_SessionStart] = true,
	[MSG_SessionEnd] = true,
	[MSG_SetPageLocation] = true,
	[MSG_SetPageLocationDeprecated] = true,
	[MSG_TabData] = true,
};

static void
apply_context(WireBatch *batch, const WireMessage *message)
{
	const uint8_t *pos = message->body;
	const uint8_t *end = pos + message->body_len;
	WireValue values[WIRE_MAX_FIELDS];
	uint64_t time;

	switch (message->wire_type)
	{
		case MSG_Timestamp:
		case MSG_SessionStart:
		case MSG_SessionEnd:
			if (wire_read_uint(&pos, end, &time) == WIRE_OK)
				batch->timestamp = time > INT64_MAX ? INT64_MAX : (int64_t) time;
			break;
		case MSG_SetPageLocation:
		case MSG_SetPageLocationDeprecated:
			if (wire_decode(message, values) == WIRE_OK)
			{
				batch->url = values[SetPageLocation_URL].s;
				batch->title = values[SetPageLocation_DocumentTitle].s;
			}
			break;
		case MSG_TabData:
			if (wire_decode_sent(message, values) == WIRE_OK)
				batch->tab = values[TabData_TabId].s;
			break;
	}
}

/* A mobile message carries its own time as its first field, which does not become the batch's. */
static int64_t
own_timestamp(const WireMessage *message)
{
	const uint8_t *pos = message->body;
	uint64_t time;

	if (wire_read_uint(&pos, pos + message->body_len, &time) != WIRE_OK)
		return 0;
	return time > INT64_MAX ? INT64_MAX : (int64_t) time;
}

static WireError
skip_fields(unsigned id, const uint8_t **pos, const uint8_t *end)
{
	WireValue ignored[WIRE_MAX_FIELDS];
	unsigned nread;

	return wire_read_fields(id, pos, end, ignored, &nread);
}

/* Passes over a mobile message of unknown type: Timestamp, Length, then Length bytes. */
static WireError
skip_mobile(const uint8_t **pos, const uint8_t *end)
{
	uint64_t number;
	WireError error = wire_read_uint(pos, end, &number);

	if (error == WIRE_OK)
		error = wire_read_uint(pos, end, &number);
	if (error != WIRE_OK)
		return error;
	if (number > (uint64_t) (end - *pos))
		return WIRE_TRUNCATED;
	*pos += number;
	return WIRE_OK;
}

bool
wire_batch_next(WireBatch *batch, WireMessage *message)
{
	if (batch->error != WIRE_OK)
		return false;

	for (;;)
	{
		const uint8_t *end = batch->data + batch->len;
		const uint8_t *pos = batch->data + batch->pos;
		const WireType *type;
		WireError error;
		uint64_t id;
		bool is_header = !batch->started && batch->header.present;

		if (pos == end)
			return false;
		if (*pos < WIRE_TYPE_COUNT)
			id = *pos++;
		else
		{
			error = wire_read_uint(&pos, end, &id);
			if (error != WIRE_OK)
				return fail(batch, error);
		}
		type = id < WIRE_TYPE_COUNT && wire_types[id].name != NULL ? &wire_types[id] : NULL;
		message->body = pos;

		if (batch->started && (id == MSG_BatchMetadata || id == MSG_BatchMeta))
			return fail(batch, WIRE_HEADER_MISPLACED);
		if (batch->sized && !is_header && id != MSG_PartitionedMessage)
		{
			uint32_t size;

			if (end - pos < SIZE_BYTES)
				return fail(batch, WIRE_TRUNCATED);
			size = read_size(pos);
			pos += SIZE_BYTES;
			if (size > (size_t) (end - pos))
				return fail(batch, WIRE_TRUNCATED);
			message->body = pos;
			message->body_len = size;
			pos += size;
		}
		else
		{
			if (type != NULL)
				error = skip_fields((unsigned) id, &pos, end);
			else if (batch->platform == WIRE_MOBILE)
				error = skip_mobile(&pos, end);
			else
				error = WIRE_UNKNOWN_UNSIZED;
			if (error != WIRE_OK)
				return fail(batch, error);
			message->body_len = (uint32_t) (pos - message->body);
		}

		batch->started = true;
		batch->pos = (size_t) (pos - batch->data);
		batch->index++;
		if (type == NULL)
		{
			batch->unknown++;
			continue;
		}

		message->wire_type = (uint8_t) id;
		message->type = wire_canonical_type((unsigned) id);
		if (moves_context[id])
			apply_context(batch, message);
		message->index = batch->index;
		message->timestamp = type->platform == WIRE_MOBILE ? own_timestamp(message) : batch->timestamp;
		message->url = batch->url;
		message->title = batch->title;
		message->tab = batch->tab;
		return true;
	}
}
