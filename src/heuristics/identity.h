/*
 * identity.h - names of distinct errors and issues
 *
 * Two occurrences are the same issue when their ids are: lower-case hex of the project, then FNV-1a (128 bits) over the
 * parts that make it what it is, without separators.  The formulas are those ids were always made by, so that rows
 * written by other servers keep their meaning.
 */
#ifndef OPENREPLAY_IDENTITY_H
#define OPENREPLAY_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#define IDENTITY_SIZE 41 /* 8 + 32 hex digits and NUL */

typedef struct Identity
{
	unsigned __int128 hash;
} Identity;

extern void identity_start(Identity *identity);
extern void identity_add(Identity *identity, const void *data, size_t len);
extern void identity_add_number(Identity *identity, int64_t number); /* its decimal digits */
extern void identity_finish(const Identity *identity, uint32_t project_id, char *id);

#endif /* OPENREPLAY_IDENTITY_H */
