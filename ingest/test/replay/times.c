/*
 * times.c - moving a recorded batch to another time
 *
 * Hard idea: a varint of milliseconds keeps its length (6 bytes from 1971 to 2109 unsigned, to 2039 zigzag), so a batch
 * is moved in place: no size prefix, no `split` offset and no byte but the times' own changes, unknown messages
 * included.  The shared decoder says where the numbers are once; after that a move costs six bytes a time.
 *
 * A number is a time when it lies within a day of the recording.  At 1.8e12 nothing else in the catalogue does: sizes,
 * coordinates, node ids and durations are smaller by orders of magnitude.
 */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define MAX_VARINT_BYTES 10

static size_t
encode_number(WireKind kind, int64_t value, uint8_t *out)
{
	WireWriter writer = {.data = out, .size = MAX_VARINT_BYTES};

	if (kind == WIRE_UINT)
		wire_put_uint(&writer, (uint64_t) value);
	else
		wire_put_int(&writer, value);
	return writer.len;
}

static void
add_mark(TimeMarks *marks, size_t offset, WireKind kind, int64_t value)
{
	if (marks->count == marks->room)
	{
		marks->room = marks->room ? marks->room * 2 : 64;
		marks->items = need(realloc(marks->items, marks->room * sizeof(TimeMark)));
	}
	marks->items[marks->count++] = (TimeMark){.offset = (uint32_t) offset, .kind = kind, .value = value};
}

/*
 * Field positions follow from the lengths of the fields before.  A sender that pads its varints would break that, so
 * the bytes at the position are compared with the number's own before they count as found.
 */
static void
mark_message(const WireMessage *message, const uint8_t *batch, size_t base, int64_t around_ms, TimeMarks *marks)
{
	const WireType *type = wire_type(message->wire_type);
	WireValue values[WIRE_MAX_FIELDS];
	size_t pos = 0;

	if (wire_decode_sent(message, values) != WIRE_OK)
		return;
	for (int i = 0; i < type->nfields; i++)
	{
		WireKind kind = type->fields[i].kind;
		uint8_t encoded[MAX_VARINT_BYTES];
		int64_t number;
		size_t len;

		if (kind == WIRE_BOOLEAN)
		{
			pos++;
			continue;
		}
		if (kind == WIRE_STRING)
		{
			pos += encode_number(WIRE_UINT, values[i].s.len, encoded) + values[i].s.len;
			continue;
		}
		number = kind == WIRE_UINT ? (int64_t) values[i].u : values[i].i;
		len = encode_number(kind, number, encoded);
		if (number > around_ms - DAY_MS && number < around_ms + DAY_MS && pos + len <= message->body_len &&
			memcmp(message->body + pos, encoded, len) == 0)
			add_mark(marks, base + (size_t) (message->body - batch) + pos, kind, number);
		pos += len;
	}
}

WireError
find_times(const uint8_t *data, size_t len, size_t base, int64_t around_ms, TimeMarks *marks, WireHeader *header,
		   uint32_t *counts)
{
	WireBatch batch;
	WireMessage message;
	WireError error = wire_batch_open(&batch, data, len, WIRE_WEB, wire_string("", 0));

	*header = batch.header;
	if (error != WIRE_OK)
		return error;
	while (wire_batch_next(&batch, &message))
	{
		counts[message.wire_type]++;
		mark_message(&message, data, base, around_ms, marks);
	}
	return batch.error;
}

bool
move_times(uint8_t *data, const TimeMarks *marks, int64_t shift_ms)
{
	for (size_t i = 0; i < marks->count; i++)
	{
		const TimeMark *mark = &marks->items[i];
		uint8_t old[MAX_VARINT_BYTES];
		uint8_t moved[MAX_VARINT_BYTES];
		size_t len = encode_number(mark->kind, mark->value + shift_ms, moved);

		if (len != encode_number(mark->kind, mark->value, old))
			return false;
		memcpy(data + mark->offset, moved, len);
	}
	return true;
}
