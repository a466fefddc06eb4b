/*
 * codec.c - a sequence's bytes
 *
 * Most ids are small and most events follow within seconds, so an event takes four bytes or five.  Kind and id share a
 * varint, since there are few kinds and the most frequent values have the smallest ids.
 */
#include "sequences/sequence.h"

#define KIND_BITS 5

_Static_assert(SEQUENCE_KINDS == 1 << KIND_BITS, "a kind fits its bits");

static bool
get_varint(SequenceReader *reader, uint64_t *value)
{
	*value = 0;
	for (int shift = 0; shift < 64 && reader->at < reader->end; shift += 7)
	{
		uint8_t byte = *reader->at++;

		*value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return true;
	}
	reader->damaged = true;
	return false;
}

static uint8_t *
put_varint(uint8_t *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*out++ = (uint8_t) (value | 0x80);
	*out++ = (uint8_t) value;
	return out;
}

SequenceReader
read_sequence(const uint8_t *data, size_t len, int64_t start)
{
	SequenceReader reader = {.at = data, .end = data + len, .timestamp = start, .first = true};

	if (len == 0 || data[0] != SEQUENCE_VERSION)
		reader.damaged = true;
	else
		reader.at++;
	return reader;
}

bool
next_event(SequenceReader *reader, SequenceEvent *event)
{
	uint64_t what, delta;

	if (reader->damaged || reader->at == reader->end || !get_varint(reader, &what) || !get_varint(reader, &delta))
		return false;
	if (what >> KIND_BITS > UINT32_MAX)
	{
		reader->damaged = true;
		return false;
	}
	if (reader->first)
		delta = (delta >> 1) ^ (0 - (delta & 1));
	reader->first = false;
	reader->timestamp = (int64_t) ((uint64_t) reader->timestamp + delta);
	event->timestamp = reader->timestamp;
	event->value_id = (uint32_t) (what >> KIND_BITS);
	event->kind = what & (SEQUENCE_KINDS - 1);
	return true;
}

size_t
write_sequence(const SequenceEvent *events, size_t n, int64_t start, uint8_t *out)
{
	uint8_t *at = out;

	*at++ = SEQUENCE_VERSION;
	for (size_t i = 0; i < n; i++)
	{
		uint64_t delta = (uint64_t) events[i].timestamp - (uint64_t) (i == 0 ? start : events[i - 1].timestamp);

		if (i == 0)
			delta = (delta << 1) ^ (0 - (delta >> 63));
		at = put_varint(at, (uint64_t) events[i].value_id << KIND_BITS | events[i].kind);
		at = put_varint(at, delta);
	}
	return (size_t) (at - out);
}
