/*
 * spool_record.h - entries as bytes of a spool segment
 *
 * A segment is a header and then records, one behind the other.  A record's checksum covers all of it, its length
 * included, so that what a crash left half-written is told from what was.  Nothing here knows files.
 */
#ifndef OPENREPLAY_SPOOL_RECORD_H
#define OPENREPLAY_SPOOL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_HEADER_SIZE 16
#define RECORD_HEADER_SIZE 40
#define RECORD_BODY_MAX (UINT32_C(1) << 30)

typedef struct SpoolRecord
{
	int64_t seq; /* its number in the lane, given before it was written and for ever */
	uint64_t session_id;
	int64_t received_us; /* wall clock */
	uint32_t size_bytes; /* of the body before compression */
	uint8_t shard;
	char kind;
	uint32_t body_len;
	const uint8_t *body; /* one zstd frame */
} SpoolRecord;

typedef enum RecordState
{
	RECORD_WHOLE,
	RECORD_SHORT, /* as far as it is there it may be one */
	RECORD_BROKEN /* these bytes were never a record */
} RecordState;

extern void write_segment_header(uint8_t header[SEGMENT_HEADER_SIZE]);

/* 0: no segment.  Otherwise the version; only SEGMENT_VERSION can be read. */
#define SEGMENT_VERSION 1
extern uint32_t read_segment_header(const uint8_t *data, size_t len);

/* What comes before the record's body; body_len at most RECORD_BODY_MAX. */
extern void write_record_header(const SpoolRecord *record, uint8_t header[RECORD_HEADER_SIZE]);

/*
 * The record at data.  *size is its length with header and body: with RECORD_SHORT what is needed to read on.  The body
 * points into data.
 */
extern RecordState read_record(const uint8_t *data, size_t len, SpoolRecord *record, size_t *size);

#endif /* OPENREPLAY_SPOOL_RECORD_H */
