/*
 * outside.c - addresses that others may have us connect to
 */
#include "uploader/outside.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Range
{
	uint8_t first[16]; /* the bytes that are not given are 0 */
	unsigned bits;
} Range;

/* IANA's special-purpose registries: what is not globally reachable. */
static const Range ipv4_inside[] = {
	{{0}, 8},		   {{10}, 8},		  {{100, 64}, 10},	{{127}, 8},		 {{169, 254}, 16},	   {{172, 16}, 12},
	{{192, 0, 0}, 24}, {{192, 0, 2}, 24}, {{192, 168}, 16}, {{198, 18}, 15}, {{198, 51, 100}, 24}, {{203, 0, 113}, 24},
	{{224}, 4},		   {{240}, 4},
};
static const Range ipv6_inside[] = {
	{{0}, 96}, /* unspecified, loopback, and IPv4 as it was once carried */
	{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48},
	{{0x01}, 64},
	{{0x20, 0x01, 0x0d, 0xb8}, 32},
	{{0xfc}, 7},
	{{0xfe, 0x80}, 10},
	{{0xfe, 0xc0}, 10},
	{{0xff}, 8},
};
/* These carry an IPv4 address, from the byte given on. */
static const struct
{
	Range range;
	size_t at;
} ipv6_carriers[] = {
	{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12},
	{{{0x00, 0x64, 0xff, 0x9b}, 96}, 12}, /* NAT64 */
	{{{0x20, 0x02}, 16}, 2},			  /* 6to4 */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_in(const uint8_t *bytes, const Range *range)
{
	unsigned whole = range->bits / 8;
	unsigned rest = range->bits % 8;

	if (memcmp(bytes, range->first, whole) != 0)
		return false;
	return rest == 0 || (bytes[whole] ^ range->first[whole]) >> (8 - rest) == 0;
}

static bool
is_in_any(const uint8_t *bytes, const Range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_in(bytes, &ranges[i]))
			return true;
	return false;
}

bool
is_outside(const struct sockaddr *address)
{
	const uint8_t *ipv6;

	if (address->sa_family == AF_INET)
		return !is_in_any((const uint8_t *) &((const struct sockaddr_in *) address)->sin_addr, ipv4_inside,
						  COUNT(ipv4_inside));
	if (address->sa_family != AF_INET6)
		return false;
	ipv6 = ((const struct sockaddr_in6 *) address)->sin6_addr.s6_addr;
	for (size_t i = 0; i < COUNT(ipv6_carriers); i++)
		if (is_in(ipv6, &ipv6_carriers[i].range))
			return !is_in_any(ipv6 + ipv6_carriers[i].at, ipv4_inside, COUNT(ipv4_inside));
	return !is_in_any(ipv6, ipv6_inside, COUNT(ipv6_inside));
}

static curl_socket_t
open_outside(void *argument, curlsocktype purpose, struct curl_sockaddr *address)
{
	bool *refused = argument;

	(void) purpose;
	if (!is_outside(&address->addr))
	{
		*refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void
keep_outside(CURL *curl, bool *refused)
{
	*refused = false;
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_outside);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, refused);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
}
