/*
 * codec.h - what batch.c needs of codec.c; private to src/wire
 */
#ifndef OPENREPLAY_WIRE_CODEC_H
#define OPENREPLAY_WIRE_CODEC_H

#include "wire/wire.h"

extern const WireType wire_types[WIRE_TYPE_COUNT];

extern uint8_t wire_canonical_type(uint8_t wire_type);

/* Reads or passes over all fields of a type, none may be missing: for headers and for bodies without sizes. */
extern WireError wire_read_fields(const WireType *type, const uint8_t **pos, const uint8_t *end, WireValue *values);
extern WireError wire_skip_fields(const WireType *type, const uint8_t **pos, const uint8_t *end);

static inline bool
wire_is_unsized(unsigned type)
{
	return type == MSG_BatchMetadata || type == MSG_BatchMeta || type == MSG_PartitionedMessage;
}

static inline int64_t
wire_unzigzag(uint64_t number)
{
	return (int64_t) (number >> 1) ^ -(int64_t) (number & 1);
}

static inline WireError
wire_read_uint(const uint8_t **pos, const uint8_t *end, uint64_t *value)
{
	const uint8_t *p = *pos;
	uint64_t	result = 0;

	for (unsigned shift = 0; shift < 70; shift += 7)
	{
		uint8_t		byte;

		if (p == end)
			return WIRE_TRUNCATED;
		byte = *p++;
		if (shift == 63 && byte > 1)
			return WIRE_VARINT_OVERFLOW;
		result |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			*pos = p;
			*value = result;
			return WIRE_OK;
		}
	}
	return WIRE_VARINT_OVERFLOW;
}

#endif							/* OPENREPLAY_WIRE_CODEC_H */
