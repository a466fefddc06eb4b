/*
 * captures.h - the recorded batches of data/captures, for tests and benchmarks of the codec
 */
#ifndef OPENREPLAY_WIRE_TESTING_CAPTURES_H
#define OPENREPLAY_WIRE_TESTING_CAPTURES_H

#include <stddef.h>
#include <stdint.h>

typedef struct Capture
{
	const char *name;
	struct CapturedBatch
	{
		uint8_t *data; /* inflated, one batch: a "visual" body gives two */
		size_t len;
	} batches[128];
	int nbatches;
	size_t bytes; /* of all batches */
} Capture;

#define CAPTURE_COUNT 8
extern const char *const capture_names[CAPTURE_COUNT];

/* Reads all accepted batches of a capture; exits with a message when a file is missing.  Free with free_capture(). */
extern void load_capture(const char *name, Capture *capture);
extern void free_capture(Capture *capture);

#endif /* OPENREPLAY_WIRE_TESTING_CAPTURES_H */
