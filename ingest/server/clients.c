/*
 * clients.c - what one client may take of the server
 *
 * A table of fixed size, in sets of eight, keyed by a hash that nobody outside can foresee.  Whoever takes nothing at
 * the moment may be forgotten for a new one, the longest silent first; who is forgotten starts with a full measure of
 * requests, so an attacker needs thousands of addresses to gain from that, and with those he gains as much without.
 */
#include "server/clients.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SETS 2048
#define WAYS 8
#define KEY_BYTES 16

struct Client
{
	uint8_t key[KEY_BYTES]; /* an IPv6 address without its last half: one customer has them all */
	unsigned holders;		/* 0: may be forgotten; and never was used while used_ms is 0 */
	unsigned connections;
	size_t memory;
	double requests; /* how many may come at once */
	int64_t used_ms;
};

struct Clients
{
	pthread_mutex_t lock;
	ClientLimits limits;
	uint64_t seed;
	Client sets[SETS][WAYS];
};

Clients *
open_clients(const ClientLimits *limits)
{
	Clients *clients = calloc(1, sizeof(*clients));

	if (clients == NULL)
		return NULL;
	clients->limits = *limits;
	while (getrandom(&clients->seed, sizeof(clients->seed), 0) != sizeof(clients->seed))
		;
	pthread_mutex_init(&clients->lock, NULL);
	return clients;
}

void
close_clients(Clients *clients)
{
	pthread_mutex_destroy(&clients->lock);
	free(clients);
}

void
set_client_limits(Clients *clients, const ClientLimits *limits)
{
	pthread_mutex_lock(&clients->lock);
	clients->limits = *limits;
	pthread_mutex_unlock(&clients->lock);
}

static void
make_key(const Address *address, uint8_t *key)
{
	static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	memcpy(key, address->bytes, KEY_BYTES);
	if (memcmp(key, mapped_prefix, sizeof(mapped_prefix)) != 0)
		memset(key + KEY_BYTES / 2, 0, KEY_BYTES / 2);
}

/* splitmix64's finaliser, twice: good enough where the seed is secret. */
static unsigned
set_of(const Clients *clients, const uint8_t *key)
{
	uint64_t hash = clients->seed;

	for (int i = 0; i < KEY_BYTES; i += 8)
	{
		uint64_t half;

		memcpy(&half, key + i, sizeof(half));
		hash = (hash ^ half) + UINT64_C(0x9e3779b97f4a7c15);
		hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
		hash ^= hash >> 31;
	}
	return (unsigned) (hash % SETS);
}

Client *
hold_client(Clients *clients, const Address *address, int64_t now_ms)
{
	uint8_t key[KEY_BYTES];
	Client *found = NULL;
	Client *oldest = NULL;
	Client *set;

	make_key(address, key);
	set = clients->sets[set_of(clients, key)];
	pthread_mutex_lock(&clients->lock);
	for (int i = 0; i < WAYS && found == NULL; i++)
	{
		Client *client = &set[i];

		if (client->used_ms != 0 && memcmp(client->key, key, KEY_BYTES) == 0)
			found = client;
		else if (client->holders == 0 && (oldest == NULL || client->used_ms < oldest->used_ms))
			oldest = client;
	}
	if (found == NULL && oldest != NULL)
	{
		found = oldest;
		*found = (Client){.requests = (double) clients->limits.requests_per_s * CLIENT_BURST_S, .used_ms = now_ms};
		memcpy(found->key, key, KEY_BYTES);
	}
	if (found != NULL)
		found->holders++;
	pthread_mutex_unlock(&clients->lock);
	return found;
}

void
release_client(Clients *clients, Client *client)
{
	if (client == NULL)
		return;
	pthread_mutex_lock(&clients->lock);
	assert(client->holders > 0);
	client->holders--;
	pthread_mutex_unlock(&clients->lock);
}

bool
take_connection(Clients *clients, Client *client)
{
	bool taken;

	if (client == NULL)
		return true;
	pthread_mutex_lock(&clients->lock);
	taken = clients->limits.connections == 0 || client->connections < clients->limits.connections;
	if (taken)
		client->connections++;
	pthread_mutex_unlock(&clients->lock);
	return taken;
}

void
give_connection(Clients *clients, Client *client)
{
	if (client == NULL)
		return;
	pthread_mutex_lock(&clients->lock);
	assert(client->connections > 0);
	client->connections--;
	pthread_mutex_unlock(&clients->lock);
}

bool
take_request(Clients *clients, Client *client, int64_t now_ms)
{
	double rate;
	bool taken;

	if (client == NULL)
		return true;
	pthread_mutex_lock(&clients->lock);
	rate = (double) clients->limits.requests_per_s;
	if (now_ms > client->used_ms)
	{
		client->requests += (double) (now_ms - client->used_ms) * rate / 1000;
		client->used_ms = now_ms;
	}
	if (client->requests > rate * CLIENT_BURST_S)
		client->requests = rate * CLIENT_BURST_S;
	taken = rate == 0 || client->requests >= 1;
	if (taken && rate > 0)
		client->requests -= 1;
	pthread_mutex_unlock(&clients->lock);
	return taken;
}

bool
take_client_memory(Clients *clients, Client *client, size_t bytes)
{
	size_t limit;
	bool taken;

	if (client == NULL)
		return true;
	pthread_mutex_lock(&clients->lock);
	limit = (size_t) clients->limits.memory;
	taken = limit == 0 || (bytes <= limit && client->memory <= limit - bytes);
	if (taken)
		client->memory += bytes;
	pthread_mutex_unlock(&clients->lock);
	return taken;
}

void
give_client_memory(Clients *clients, Client *client, size_t bytes)
{
	if (client == NULL)
		return;
	pthread_mutex_lock(&clients->lock);
	assert(client->memory >= bytes);
	client->memory -= bytes;
	pthread_mutex_unlock(&clients->lock);
}
