/*
 * tar.h - as much of the ustar format as archives of images need: small files with short names
 *
 * An entry is a header block, the content, and zeros up to a whole block; two blocks of zeros end the archive.
 */
#ifndef OPENREPLAY_TAR_H
#define OPENREPLAY_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK_SIZE 512
#define TAR_END_SIZE (2 * TAR_BLOCK_SIZE)

extern const uint8_t tar_zeros[TAR_END_SIZE];

static inline size_t
tar_padding(size_t size)
{
	return (TAR_BLOCK_SIZE - size % TAR_BLOCK_SIZE) % TAR_BLOCK_SIZE;
}

static inline uint64_t
tar_entry_size(size_t size)
{
	return TAR_BLOCK_SIZE + size + tar_padding(size);
}

/* name has less than 100 bytes, size less than 8 GiB; mtime in seconds, 0 when out of range. */
extern void make_tar_header(uint8_t header[TAR_BLOCK_SIZE], const char *name, size_t size, int64_t mtime_s);

/* ---- reading what was written so ---- */

#define TAR_NAME_SIZE 100

typedef struct TarReader
{
	const uint8_t *data;
	size_t len;
	size_t pos;
} TarReader;

typedef struct TarEntry
{
	char name[TAR_NAME_SIZE + 1];
	const uint8_t *content; /* a slice of the data */
	size_t size;
} TarEntry;

static inline TarReader
read_tar(const void *data, size_t len)
{
	return (TarReader){data, len, 0};
}

/* The next file; false at the end, and for what is none of ours. */
extern bool next_tar_entry(TarReader *reader, TarEntry *entry);

#endif /* OPENREPLAY_TAR_H */
