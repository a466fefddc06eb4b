/*
 * pack.h - bytes as they come and as they are stored
 *
 * Inflates gzip bodies and makes the zstd frames that the database keeps.  Buffers and contexts belong to the calling
 * thread and are used again and again; results are valid until the thread's next call of the same function.
 */
#ifndef OPENREPLAY_PACK_H
#define OPENREPLAY_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Inflates a whole gzip stream, of one or several members, to at most max bytes.  False when it is broken, cut off or
 * larger; data and out are undefined then.
 */
extern bool inflate_gzip(const uint8_t *data, size_t len, size_t max, const uint8_t **out, size_t *out_len);

/* One zstd frame at level 1 that tells its content size.  False when out of memory. */
extern bool pack_body(const void *data, size_t len, const void **frame, size_t *frame_len);

#endif /* OPENREPLAY_PACK_H */
