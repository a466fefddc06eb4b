/*
 * clients.h - what one client may take of the server
 *
 * A client is an IPv4 address or an IPv6 /64.  Its open connections, its requests a second and the memory of the bodies
 * it is sending are bounded, so that one who wants too much does not take it from the others.  The bounds are far above
 * what a whole office behind one address needs.
 */
#ifndef OPENREPLAY_CLIENTS_H
#define OPENREPLAY_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/client.h"

/* 0: no limit */
typedef struct ClientLimits
{
	int64_t connections;
	int64_t requests_per_s; /* CLIENT_BURST_S times that may come at once */
	int64_t memory;			/* bytes of bodies under way */
} ClientLimits;

#define CLIENT_BURST_S 5

typedef struct Clients Clients;
typedef struct Client Client;

/* NULL when out of memory.  All functions are thread-safe. */
extern Clients *open_clients(const ClientLimits *limits);
extern void close_clients(Clients *clients);
extern void set_client_limits(Clients *clients, const ClientLimits *limits);

/*
 * Remembers a client until release_client().  NULL when too many are remembered: such a client has no limits of its
 * own, and all functions take NULL for it.
 */
extern Client *hold_client(Clients *clients, const Address *address, int64_t now_ms);
extern void release_client(Clients *clients, Client *client);

/* False when the client has as many as it may; else give_connection() later. */
extern bool take_connection(Clients *clients, Client *client);
extern void give_connection(Clients *clients, Client *client);

/* False when the client asks too often. */
extern bool take_request(Clients *clients, Client *client, int64_t now_ms);

/* False when the client's bodies hold as much as they may; else give_client_memory() later. */
extern bool take_client_memory(Clients *clients, Client *client, size_t bytes);
extern void give_client_memory(Clients *clients, Client *client, size_t bytes);

#endif /* OPENREPLAY_CLIENTS_H */
