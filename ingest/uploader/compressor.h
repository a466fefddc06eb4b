/*
 * compressor.h - bytes that come piece by piece, as one zstd frame in memory
 */
#ifndef OPENREPLAY_COMPRESSOR_H
#define OPENREPLAY_COMPRESSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMPRESSOR_PENDING 16384 /* pieces are a few bytes each, and a call of zstd costs more than copying them */

typedef struct Compressor
{
	void *context;
	uint8_t *data; /* what is compressed so far */
	size_t len;
	size_t size;
	uint8_t pending[COMPRESSOR_PENDING]; /* pieces that zstd has not got yet */
	size_t npending;
	bool failed; /* out of memory; what follows is dropped: look once, at the end */
} Compressor;

/* size is that of all that will come, and must be right: players make room by it. */
extern void open_compressor(Compressor *compressor, int level, uint64_t size);
extern void compress_bytes(Compressor *compressor, const void *data, size_t len);

/* Ends the frame; data then is whole.  False if anything failed. */
extern bool finish_compressor(Compressor *compressor);
extern void close_compressor(Compressor *compressor);

#endif /* OPENREPLAY_COMPRESSOR_H */
