/*
 * codec.h - what batch.c needs of codec.c; private to src/wire
 */
#ifndef OPENREPLAY_WIRE_CODEC_H
#define OPENREPLAY_WIRE_CODEC_H

#include "wire/wire.h"

extern const WireType wire_types[WIRE_TYPE_COUNT];

/*
 * Legacy forms and what they are now.  Their fields are a prefix of the successor's, in the same order and of the same
 * kinds (the kinds that differ, GraphQL's Duration and the booleans, are handled in wire_decode), so only what to fill
 * in is told.
 */
typedef struct WireSuccessor
{
	uint8_t now;	   /* 0: the message has no successor */
	bool type_first;   /* the successor starts with a Type field the old form lacks */
	bool absent_point; /* the two added numbers are coordinates: 101 marks them unknown */
	const char *text;  /* value of that Type, or of the first added field when it is a string */
} WireSuccessor;

extern const WireSuccessor wire_successors[WIRE_TYPE_COUNT];

/*
 * Reads the fields of a known type; none may be missing.  On error *pos is where the failing field starts and *nread
 * how many were read before it.
 */
extern WireError wire_read_fields(unsigned id, const uint8_t **pos, const uint8_t *end, WireValue *values,
								  unsigned *nread);

static inline uint8_t
wire_canonical_type(unsigned wire_type)
{
	return wire_successors[wire_type].now != 0 ? wire_successors[wire_type].now : (uint8_t) wire_type;
}

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
	uint64_t result = 0;

	for (unsigned shift = 0; shift < 70; shift += 7)
	{
		uint8_t byte;

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

#endif /* OPENREPLAY_WIRE_CODEC_H */
