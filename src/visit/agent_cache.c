/*
 * agent_cache.c - the user agents seen last, with what they were found to be
 *
 * A site's visitors share a few hundred user agents, so nearly every start finds its answer here.  Bounded: a client
 * that sends a new text each time only pushes out the least recently used ones.
 *
 * Entries live in one array and are linked by index, both in their hash chain and in order of use.
 */
#include "agent.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS (2 * AGENT_CACHE_SIZE)
#define NONE UINT16_MAX

_Static_assert(AGENT_CACHE_SIZE < NONE, "indexes fit in 16 bits");
_Static_assert((BUCKETS & (BUCKETS - 1)) == 0, "buckets are chosen by mask");

typedef struct CachedAgent
{
	uint64_t hash;
	char *text; /* not terminated */
	size_t len;
	uint16_t chain; /* next with the same bucket */
	uint16_t newer;
	uint16_t older;
	UserAgent agent;
} CachedAgent;

struct AgentCache
{
	uint16_t buckets[BUCKETS];
	uint16_t newest;
	uint16_t oldest;
	uint16_t used;
	CachedAgent entries[AGENT_CACHE_SIZE];
};

AgentCache *
make_agent_cache(void)
{
	AgentCache *cache = calloc(1, sizeof(AgentCache));

	if (cache == NULL)
		return NULL;
	memset(cache->buckets, 0xff, sizeof(cache->buckets));
	cache->newest = cache->oldest = NONE;
	return cache;
}

void
free_agent_cache(AgentCache *cache)
{
	if (cache == NULL)
		return;
	for (uint16_t i = 0; i < cache->used; i++)
		free(cache->entries[i].text);
	free(cache);
}

/* FNV-1a.  Texts made to collide cost at most a walk over AGENT_CACHE_SIZE hashes. */
static uint64_t
hash_text(const char *text, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char) text[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

static void
unlink_use(AgentCache *cache, uint16_t i)
{
	CachedAgent *entry = &cache->entries[i];

	if (entry->newer == NONE)
		cache->newest = entry->older;
	else
		cache->entries[entry->newer].older = entry->older;
	if (entry->older == NONE)
		cache->oldest = entry->newer;
	else
		cache->entries[entry->older].newer = entry->newer;
}

static void
link_newest(AgentCache *cache, uint16_t i)
{
	CachedAgent *entry = &cache->entries[i];

	entry->newer = NONE;
	entry->older = cache->newest;
	if (cache->newest != NONE)
		cache->entries[cache->newest].newer = i;
	cache->newest = i;
	if (cache->oldest == NONE)
		cache->oldest = i;
}

static uint16_t
find_entry(AgentCache *cache, const char *text, size_t len, uint64_t hash)
{
	uint16_t i = cache->buckets[hash & (BUCKETS - 1)];

	while (i != NONE)
	{
		const CachedAgent *entry = &cache->entries[i];

		if (entry->hash == hash && entry->len == len && memcmp(entry->text, text, len) == 0)
			break;
		i = entry->chain;
	}
	return i;
}

bool
find_cached_agent(AgentCache *cache, const char *text, size_t len, UserAgent *agent)
{
	uint16_t i = find_entry(cache, text, len, hash_text(text, len));

	if (i == NONE)
		return false;
	*agent = cache->entries[i].agent;
	unlink_use(cache, i);
	link_newest(cache, i);
	return true;
}

/* The index of an entry that belongs to no list. */
static uint16_t
take_entry(AgentCache *cache)
{
	uint16_t i = cache->oldest;
	uint16_t *link;

	if (cache->used < AGENT_CACHE_SIZE)
		return cache->used++;

	unlink_use(cache, i);
	link = &cache->buckets[cache->entries[i].hash & (BUCKETS - 1)];
	while (*link != i)
		link = &cache->entries[*link].chain;
	*link = cache->entries[i].chain;
	free(cache->entries[i].text);
	return i;
}

void
remember_agent(AgentCache *cache, const char *text, size_t len, const UserAgent *agent)
{
	uint64_t hash = hash_text(text, len);
	uint16_t *bucket = &cache->buckets[hash & (BUCKETS - 1)];
	char *copy;
	uint16_t i;

	/* Two threads may have met the same new text at once. */
	if (find_entry(cache, text, len, hash) != NONE)
		return;
	copy = malloc(len + 1);
	if (copy == NULL)
		return; /* it will be parsed again, that is all */
	memcpy(copy, text, len);

	i = take_entry(cache);
	cache->entries[i] = (CachedAgent){.hash = hash, .text = copy, .len = len, .chain = *bucket, .agent = *agent};
	*bucket = i;
	link_newest(cache, i);
}
