/*
 * memory.h - the one budget for what clients make the server hold
 *
 * Bodies being received and entries waiting for their commit count against MEMORY_LIMIT.  When it is spent, new
 * requests are told 503 at once; nothing else in the server grows with the load.
 */
#ifndef OPENREPLAY_MEMORY_H
#define OPENREPLAY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

extern void set_memory_limit(size_t bytes);

/* Thread-safe.  False when the budget does not allow it. */
extern bool take_memory(size_t bytes);
extern void give_memory(size_t bytes);

extern size_t memory_taken(void);

#endif /* OPENREPLAY_MEMORY_H */
