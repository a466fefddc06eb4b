/*
 * client.c - whom a request comes from
 *
 * A proxy appends the address it talks to at the right end of X-Forwarded-For (or adds a line below the others), and
 * passes on whatever stood there before.  So the list is read from the right: our own proxies and private addresses
 * (hops between them) are passed over, and the first public address is the client, because a proxy of ours wrote it.
 * What is further left the client could have written itself.  Where only one proxy appends, that is what the usual
 * reading from the left finds too.
 */
#include "server/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOPS_MAX 32 /* entries that are looked at; nobody has that many proxies */
#define ADDRESS_TEXT 64

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* As IPv4 ranges stand among the 128 bits. */
#define IPV4_RANGE(a, b, bits) \
	{ \
		{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, (a), (b), 0, 0}}, 96 + (bits) \
	}

static const AddressRange loopback_ranges[] = {
	IPV4_RANGE(127, 0, 8),
	{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 128},
};
static const AddressRange private_ranges[] = {
	IPV4_RANGE(10, 0, 8),	  IPV4_RANGE(172, 16, 12), IPV4_RANGE(192, 168, 16),
	IPV4_RANGE(169, 254, 16), {{{0xfc}}, 7},		   {{{0xfe, 0x80}}, 10},
};

static bool
is_in_range(const Address *address, const AddressRange *range)
{
	unsigned whole = range->bits / 8;
	unsigned rest = range->bits % 8;

	if (memcmp(address->bytes, range->first.bytes, whole) != 0)
		return false;
	return rest == 0 || (address->bytes[whole] ^ range->first.bytes[whole]) >> (8 - rest) == 0;
}

static bool
is_in_any(const Address *address, const AddressRange *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		if (is_in_range(address, &ranges[i]))
			return true;
	}
	return false;
}

bool
is_loopback(const Address *address)
{
	return is_in_any(address, loopback_ranges, sizeof(loopback_ranges) / sizeof(loopback_ranges[0]));
}

bool
is_private(const Address *address)
{
	return is_loopback(address) ||
		   is_in_any(address, private_ranges, sizeof(private_ranges) / sizeof(private_ranges[0]));
}

static void
map_ipv4(const void *ipv4, Address *address)
{
	memcpy(address->bytes, mapped_prefix, sizeof(mapped_prefix));
	memcpy(address->bytes + sizeof(mapped_prefix), ipv4, 4);
}

bool
address_of_socket(const struct sockaddr *socket_address, Address *address)
{
	memset(address, 0, sizeof(*address));
	if (socket_address != NULL && socket_address->sa_family == AF_INET)
		map_ipv4(&((const struct sockaddr_in *) socket_address)->sin_addr, address);
	else if (socket_address != NULL && socket_address->sa_family == AF_INET6)
		memcpy(address->bytes, &((const struct sockaddr_in6 *) socket_address)->sin6_addr, 16);
	else
		return false;
	return true;
}

void
socket_of_address(const Address *address, struct sockaddr_storage *socket_address)
{
	memset(socket_address, 0, sizeof(*socket_address));
	if (memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0)
	{
		socket_address->ss_family = AF_INET;
		memcpy(&((struct sockaddr_in *) socket_address)->sin_addr, address->bytes + sizeof(mapped_prefix), 4);
	}
	else
	{
		socket_address->ss_family = AF_INET6;
		memcpy(&((struct sockaddr_in6 *) socket_address)->sin6_addr, address->bytes, sizeof(address->bytes));
	}
}

static bool
read_address(const char *text, Address *address)
{
	struct in_addr ipv4;

	if (inet_pton(AF_INET, text, &ipv4) != 1)
		return inet_pton(AF_INET6, text, address->bytes) == 1;
	map_ipv4(&ipv4, address);
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits >= 1 && digits <= 5 && text[digits] == '\0';
}

bool
parse_address(const char *text, size_t len, Address *address)
{
	char copy[ADDRESS_TEXT];
	char *start = copy;
	char *end;

	while (len > 0 && is_blank(text[0]))
	{
		text++;
		len--;
	}
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	if (len >= 2 && text[0] == '"' && text[len - 1] == '"')
	{
		text++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';

	if (copy[0] == '[')
	{
		start = copy + 1;
		end = strchr(start, ']');
		if (end == NULL || (end[1] != '\0' && (end[1] != ':' || !is_port(end + 2))))
			return false;
		*end = '\0';
	}
	else if ((end = strchr(copy, ':')) != NULL && strchr(end + 1, ':') == NULL)
	{
		/* one colon: IPv4 and a port */
		if (!is_port(end + 1))
			return false;
		*end = '\0';
	}
	if ((end = strchr(start, '%')) != NULL && strchr(start, ':') != NULL)
		*end = '\0'; /* the zone says nothing outside the proxy's own host */
	return read_address(start, address);
}

/* ---- trusted proxies ----------------------------------------------------------------------------------------------
 */

/* "address" or "address/bits" */
static bool
read_range(const char *text, AddressRange *range)
{
	char copy[ADDRESS_TEXT];
	char *slash;
	unsigned most;

	if (strlen(text) >= sizeof(copy))
		return false;
	memcpy(copy, text, strlen(text) + 1);
	slash = strchr(copy, '/');
	if (slash != NULL)
		*slash++ = '\0';
	if (!read_address(copy, &range->first))
		return false;
	most = strchr(copy, ':') == NULL ? 32 : 128;
	range->bits = most;
	if (slash != NULL)
	{
		if (!is_port(slash) || strtoul(slash, NULL, 10) > most)
			return false;
		range->bits = (unsigned) strtoul(slash, NULL, 10);
	}
	range->bits += 128 - most;
	return true;
}

bool
read_trusted_proxies(const char *list, TrustedProxies *proxies, char *error, size_t error_size)
{
	static const char separators[] = ", \t";

	proxies->count = 0;
	if (strcmp(list, "none") == 0)
		return true;
	for (const char *at = list + strspn(list, separators); *at != '\0'; at += strspn(at, separators))
	{
		size_t len = strcspn(at, separators);
		char text[ADDRESS_TEXT];

		snprintf(text, sizeof(text), "%.*s", (int) (len < sizeof(text) ? len : sizeof(text)), at);
		if (proxies->count == TRUSTED_RANGES_MAX)
		{
			snprintf(error, error_size, "TRUSTED_PROXIES: more than %d addresses and ranges", TRUSTED_RANGES_MAX);
			return false;
		}
		if (len >= sizeof(text) || !read_range(text, &proxies->ranges[proxies->count]))
		{
			snprintf(error, error_size,
					 "TRUSTED_PROXIES: \"%s\" is no address or CIDR range such as 10.0.0.0/8 or fd00::/8", text);
			return false;
		}
		proxies->count++;
		at += len;
	}
	return true;
}

bool
is_trusted(const TrustedProxies *proxies, const Address *address)
{
	return is_in_any(address, proxies->ranges, proxies->count);
}

/* ---- headers ------------------------------------------------------------------------------------------------------
 */

/* The addresses of X-Forwarded-For, the last one first. */
typedef struct Hops
{
	const char *const *lines;
	size_t lines_left;
	size_t bytes_left; /* of the line before those */
	unsigned seen;
} Hops;

/* False at the end, and at anything that is no address: what stands before it is not to be believed either. */
static bool
next_hop(Hops *hops, Address *hop)
{
	const char *line;
	size_t begin;
	size_t end;

	while (hops->bytes_left == 0)
	{
		if (hops->lines_left == 0)
			return false;
		hops->bytes_left = strlen(hops->lines[--hops->lines_left]);
	}
	line = hops->lines[hops->lines_left];
	end = hops->bytes_left;
	for (begin = end; begin > 0 && line[begin - 1] != ',';)
		begin--;
	hops->bytes_left = begin > 0 ? begin - 1 : 0;
	return ++hops->seen <= HOPS_MAX && parse_address(line + begin, end - begin, hop);
}

Address
find_client(const TrustedProxies *proxies, const Address *peer, const char *const *forwarded, size_t count,
			const char *real_ip)
{
	Hops hops = {.lines = forwarded, .lines_left = count};
	Address furthest = *peer; /* of our proxies, or the private hop before them, should nobody public be found */
	bool ours = true;
	Address hop;

	if (!is_trusted(proxies, peer))
		return *peer;
	while (next_hop(&hops, &hop))
	{
		bool trusted = is_trusted(proxies, &hop);

		if (!trusted && !is_private(&hop))
			return hop;
		if (ours)
			furthest = hop;
		ours = ours && trusted;
	}
	if (real_ip != NULL && is_private(&furthest) && parse_address(real_ip, strlen(real_ip), &hop))
		return hop;
	return furthest;
}
