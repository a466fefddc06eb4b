/*
 * compress.h - bodies as they are stored
 */
#ifndef OPENREPLAY_COMPRESS_H
#define OPENREPLAY_COMPRESS_H

#include "postgres.h"

/* The content of a stored body, one zstd frame of at most 64 MiB; anything else is returned as it is, in place. */
extern const uint8 *inflate_body(const bytea *body, size_t *len);

/* The same, but NULL and what is wrong when the frame is damaged. */
extern const uint8 *inflate_whole_body(const bytea *body, size_t *len, const char **fault);

#endif /* OPENREPLAY_COMPRESS_H */
