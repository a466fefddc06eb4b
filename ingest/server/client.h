/*
 * client.h - whom a request comes from
 *
 * The peer of the connection, or, when that is a proxy of ours, whom the proxy names.  Anybody can write anything into
 * a header, so what no trusted proxy added is not believed.
 */
#ifndef OPENREPLAY_CLIENT_H
#define OPENREPLAY_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* IPv6, or IPv4 as ::ffff:a.b.c.d: an address is the same in either spelling. */
typedef struct Address
{
	uint8_t bytes[16];
} Address;

typedef struct AddressRange
{
	Address first;
	unsigned bits; /* of 128 */
} AddressRange;

#define TRUSTED_RANGES_MAX 64

typedef struct TrustedProxies
{
	AddressRange ranges[TRUSTED_RANGES_MAX];
	size_t count;
} TrustedProxies;

/* Addresses and CIDR ranges, separated by commas or blanks; "none" trusts nobody.  False with a message in error. */
extern bool read_trusted_proxies(const char *list, TrustedProxies *proxies, char *error, size_t error_size);

extern bool is_trusted(const TrustedProxies *proxies, const Address *address);

/*
 * Reads one address as proxies write them: blanks around it, a port, brackets, quotes, an IPv6 zone.  False for
 * anything else.
 */
extern bool parse_address(const char *text, size_t len, Address *address);

/* False, and the unspecified address, for what is not IPv4 or IPv6. */
extern bool address_of_socket(const struct sockaddr *socket_address, Address *address);
extern void socket_of_address(const Address *address, struct sockaddr_storage *socket_address);

/* Loopback, link-local, unique local and RFC 1918: nowhere on a map. */
extern bool is_private(const Address *address);
extern bool is_loopback(const Address *address);

#define FORWARDED_MAX 8 /* X-Forwarded-For lines that are looked at; callers pass the last ones */

/*
 * The client of a request: forwarded are the values of its X-Forwarded-For lines in their order, real_ip that of
 * X-Real-Ip or NULL.
 */
extern Address find_client(const TrustedProxies *proxies, const Address *peer, const char *const *forwarded,
						   size_t count, const char *real_ip);

#endif /* OPENREPLAY_CLIENT_H */
