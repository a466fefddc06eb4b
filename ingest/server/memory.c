/*
 * memory.c - the budget
 */
#include "server/memory.h"

#include <assert.h>
#include <stdatomic.h>

static size_t limit;
static atomic_size_t taken;

void
set_memory_limit(size_t bytes)
{
	limit = bytes;
}

bool
take_memory(size_t bytes)
{
	size_t before = atomic_fetch_add_explicit(&taken, bytes, memory_order_relaxed);

	if (bytes <= limit && before <= limit - bytes)
		return true;
	atomic_fetch_sub_explicit(&taken, bytes, memory_order_relaxed);
	return false;
}

void
give_memory(size_t bytes)
{
	size_t before = atomic_fetch_sub_explicit(&taken, bytes, memory_order_relaxed);

	assert(before >= bytes);
	(void) before;
}

size_t
memory_taken(void)
{
	return atomic_load_explicit(&taken, memory_order_relaxed);
}
