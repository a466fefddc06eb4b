/*
 * numbers.h - a durable bound above all numbers ever given to entries of this server's lanes
 *
 * A server that starts while the database is away has to number what it spools, and does not know how far the lanes
 * are.  It goes on from this bound.  Numbers of a lane need not be without gaps.
 */
#ifndef OPENREPLAY_NUMBERS_H
#define OPENREPLAY_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/settings.h"

typedef struct Numbers Numbers;

/* NULL with a message in error when the bound is there and cannot be read. */
extern Numbers *open_numbers(const Settings *settings, char *error, size_t error_size);
extern void close_numbers(Numbers *numbers);

/* Every number that was ever given is below it; 0 while that is unknown, before the database was ever asked. */
extern int64_t numbers_bound(Numbers *numbers);

/*
 * True when the numbers after last may be given, a few thousand of them.  Thread-safe; writes a file once in millions.
 * False, with errno, when that had to be and failed.
 */
extern bool reserve_numbers(Numbers *numbers, int64_t last);

#endif /* OPENREPLAY_NUMBERS_H */
