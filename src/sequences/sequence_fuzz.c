/*
 * sequence_fuzz.c - any bytes as a sequence: reading stays within them and ends, and what was read can be written and
 * read again
 */
#include <stdlib.h>

#include "sequences/sequence.h"

#define START INT64_C(1760000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SequenceReader reader = read_sequence(data, size, START);
	SequenceReader again;
	SequenceEvent *events = malloc((size + 1) * sizeof(SequenceEvent));
	uint8_t *bytes = malloc(1 + SEQUENCE_EVENT_BYTES * (size + 1));
	SequenceEvent event;
	size_t n = 0;

	if (events == NULL || bytes == NULL)
		abort();
	while (next_event(&reader, &event))
	{
		if (n == size / 2 || event.kind >= SEQUENCE_KINDS)
			abort();
		events[n++] = event;
	}
	again = read_sequence(bytes, write_sequence(events, n, START, bytes), START);
	for (size_t i = 0; i < n; i++)
		if (!next_event(&again, &event) || event.timestamp != events[i].timestamp ||
			event.value_id != events[i].value_id || event.kind != events[i].kind)
			abort();
	if (next_event(&again, &event) || again.damaged)
		abort();
	free(events);
	free(bytes);
	return 0;
}
