/*
 * spool_fuzz.c - any bytes as a segment: reading stays within them, ends, and what it gives writes the same record
 * again
 */
#define FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#include "server/spool_record.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t header[RECORD_HEADER_SIZE];
	SpoolRecord record;
	size_t at = 0;
	size_t len;

	if (read_segment_header(data, size) == SEGMENT_VERSION)
		at = SEGMENT_HEADER_SIZE;
	while (read_record(data + at, size - at, &record, &len) == RECORD_WHOLE)
	{
		if (len < RECORD_HEADER_SIZE || len > size - at || record.body + record.body_len != data + at + len)
			abort();
		write_record_header(&record, header);
		/* all but the checksum, and the two bytes nobody looks at */
		if (memcmp(header + LENGTH_AT, data + at + LENGTH_AT, KIND_AT + 1 - LENGTH_AT) != 0)
			abort();
		at += len;
	}
	return 0;
}
