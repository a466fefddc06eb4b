/*
 * files.h - small files read and written whole
 */
#ifndef OPENREPLAY_FILES_H
#define OPENREPLAY_FILES_H

#include <stdbool.h>
#include <stddef.h>

/* The content, NUL-terminated, to be freed; NULL with errno when unreadable or over max bytes (EFBIG). */
extern char *read_small_file(const char *path, size_t max, size_t *len);

/* Written beside, fsynced and renamed: after a crash there is the old content or the new.  False with errno. */
extern bool write_small_file(const char *path, const char *text);

#endif /* OPENREPLAY_FILES_H */
