/*
 * spool_record.c - entries as bytes of a spool segment
 *
 * All numbers are little-endian.  Header of a segment: magic, version, 4 bytes of 0.  Header of a record: checksum
 * (CRC-32 of all that follows it), body length, seq, session id, time, size, shard, kind, 2 bytes of 0.
 */
#include "server/spool_record.h"

#include <endian.h>
#include <string.h>
#include <zlib.h>

#define LENGTH_AT 4
#define SEQ_AT 8
#define SESSION_AT 16
#define RECEIVED_AT 24
#define SIZE_AT 32
#define SHARD_AT 36
#define KIND_AT 37

#define SHARDS 64

static const uint8_t magic[8] = "ORSPOOL\n";

static void
put32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static void
put64(uint8_t *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

static uint32_t
get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static uint64_t
get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

static uint32_t
checksum(const uint8_t *header, const uint8_t *body, uint32_t body_len)
{
	uLong sum = crc32(0, header + LENGTH_AT, RECORD_HEADER_SIZE - LENGTH_AT);

	return (uint32_t) (body_len > 0 ? crc32(sum, body, body_len) : sum);
}

/* A fuzzer does not guess checksums. */
static bool
checksum_holds(const uint8_t *header, const uint8_t *body, uint32_t body_len)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	return checksum(header, body, body_len) != 0;
#else
	return checksum(header, body, body_len) == get32(header);
#endif
}

void
write_segment_header(uint8_t header[SEGMENT_HEADER_SIZE])
{
	memset(header, 0, SEGMENT_HEADER_SIZE);
	memcpy(header, magic, sizeof(magic));
	put32(header + sizeof(magic), SEGMENT_VERSION);
}

uint32_t
read_segment_header(const uint8_t *data, size_t len)
{
	if (len < SEGMENT_HEADER_SIZE || memcmp(data, magic, sizeof(magic)) != 0)
		return 0;
	return get32(data + sizeof(magic));
}

void
write_record_header(const SpoolRecord *record, uint8_t header[RECORD_HEADER_SIZE])
{
	memset(header, 0, RECORD_HEADER_SIZE);
	put32(header + LENGTH_AT, record->body_len);
	put64(header + SEQ_AT, (uint64_t) record->seq);
	put64(header + SESSION_AT, record->session_id);
	put64(header + RECEIVED_AT, (uint64_t) record->received_us);
	put32(header + SIZE_AT, record->size_bytes);
	header[SHARD_AT] = record->shard;
	header[KIND_AT] = (uint8_t) record->kind;
	put32(header, checksum(header, record->body, record->body_len));
}

RecordState
read_record(const uint8_t *data, size_t len, SpoolRecord *record, size_t *size)
{
	uint32_t body_len;

	*size = RECORD_HEADER_SIZE;
	if (len < RECORD_HEADER_SIZE)
		return RECORD_SHORT;
	body_len = get32(data + LENGTH_AT);
	/* Also a protection against reading on and on after a length that was never written. */
	if (body_len > RECORD_BODY_MAX || data[SHARD_AT] >= SHARDS || (int64_t) get64(data + SEQ_AT) <= 0)
		return RECORD_BROKEN;
	*size += body_len;
	if (len < *size)
		return RECORD_SHORT;
	if (!checksum_holds(data, data + RECORD_HEADER_SIZE, body_len))
		return RECORD_BROKEN;
	*record = (SpoolRecord){
		.seq = (int64_t) get64(data + SEQ_AT),
		.session_id = get64(data + SESSION_AT),
		.received_us = (int64_t) get64(data + RECEIVED_AT),
		.size_bytes = get32(data + SIZE_AT),
		.shard = data[SHARD_AT],
		.kind = (char) data[KIND_AT],
		.body_len = body_len,
		.body = data + RECORD_HEADER_SIZE,
	};
	return RECORD_WHOLE;
}
