/*
 * tar.h - the files of a tar archive in memory
 */
#ifndef OPENREPLAY_TAR_H
#define OPENREPLAY_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct TarReader
{
	const uint8_t *data;
	size_t len;
	size_t pos;
	bool broken; /* reading stopped before the archive's end */
} TarReader;

/* Slices of the archive. */
typedef struct TarFile
{
	const char *name; /* after the last slash; not NUL-terminated */
	size_t name_len;
	const uint8_t *bytes;
	size_t size;
} TarFile;

/* True when the data begin as an archive does: with a header whose checksum holds. */
extern bool is_tar(const uint8_t *data, size_t len);

/*
 * The next regular file.  Directories, links, and what extended formats put between files are passed over; the name is
 * the one of the plain header, which is enough for names of up to 100 bytes.
 */
extern bool next_tar_file(TarReader *reader, TarFile *file);

#endif /* OPENREPLAY_TAR_H */
