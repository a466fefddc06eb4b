/*
 * buffer.h - a growing text, for JSON and other answers
 *
 * Running out of memory, or of the cap, sets failed and drops what follows: build the text, then look once.
 */
#ifndef OPENREPLAY_BUFFER_H
#define OPENREPLAY_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Buffer
{
	char *data; /* NUL-terminated when not failed and not empty; free with free_buffer() */
	size_t len;
	size_t size;
	size_t max; /* bytes it may grow to */
	bool failed;
} Buffer;

extern void init_buffer(Buffer *buffer, size_t max);
extern void free_buffer(Buffer *buffer);
extern void put_bytes(Buffer *buffer, const void *data, size_t len);
extern void put_text(Buffer *buffer, const char *text);
extern void put_format(Buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text as a JSON string with its quotes.  It must be valid UTF-8. */
extern void put_json_string(Buffer *buffer, const char *text);

#endif /* OPENREPLAY_BUFFER_H */
