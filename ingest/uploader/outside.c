/*
 * outside.c - addresses that others may have us connect to
 */
#include "uploader/outside.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Range
{
	uint8_t first[16]; /* the bytes that are not given are 0 */
	unsigned bits;
} Range;

/* IANA's special-purpose registries: what is not globally reachable; and where clouds speak to their machines. */
static const Range ipv4_inside[] = {
	{{0}, 8},
	{{10}, 8},
	{{100, 64}, 10},
	{{127}, 8},
	{{169, 254}, 16},
	{{172, 16}, 12},
	{{192, 0, 0}, 24},
	{{192, 0, 2}, 24},
	{{192, 88, 99}, 24},
	{{192, 168}, 16},
	{{198, 18}, 15},
	{{198, 51, 100}, 24},
	{{203, 0, 113}, 24},
	{{224}, 4},
	{{240}, 4},
	{{168, 63, 129, 16}, 32},
};
/* All global addresses of IPv6 are in the first of these, but for the others; Teredo is among them. */
static const Range ipv6_global = {{0x20}, 3};
static const Range ipv6_inside[] = {
	{{0x20, 0x01}, 23},
	{{0x20, 0x01, 0x0d, 0xb8}, 32},
	{{0x3f, 0xff}, 20},
};
/* These carry an IPv4 address, from the byte given on. */
static const struct
{
	Range range;
	size_t at;
} ipv6_carriers[] = {
	{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12}, /* mapped */
	{{{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12},		/* translated */
	{{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},					/* NAT64 */
	{{{0x20, 0x02}, 16}, 2},								/* 6to4 */
};

/* Ports that browsers refuse (the Fetch standard's "bad ports"), as other protocols than HTTP are spoken there. */
static const uint16_t other_ports[] = {
	0,	  1,	7,	  9,	11,	  13,	15,	  17,	19,	  20,	21,	  22,	23,	  25,	37,	   42,	 43,
	53,	  69,	77,	  79,	87,	  95,	101,  102,	103,  104,	109,  110,	111,  113,	115,   117,	 119,
	123,  135,	137,  139,	143,  161,	179,  389,	427,  465,	512,  513,	514,  515,	526,   530,	 531,
	532,  540,	548,  554,	556,  563,	587,  601,	636,  989,	990,  993,	995,  1719, 1720,  1723, 2049,
	3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
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
	return is_in(ipv6, &ipv6_global) && !is_in_any(ipv6, ipv6_inside, COUNT(ipv6_inside));
}

bool
is_web_port(unsigned port)
{
	for (size_t i = 0; i < COUNT(other_ports); i++)
		if (other_ports[i] == port)
			return false;
	return true;
}

static unsigned
port_of(const struct sockaddr *address)
{
	return ntohs(address->sa_family == AF_INET6 ? ((const struct sockaddr_in6 *) address)->sin6_port
												: ((const struct sockaddr_in *) address)->sin_port);
}

static curl_socket_t
open_outside(void *argument, curlsocktype purpose, struct curl_sockaddr *address)
{
	bool *refused = argument;

	(void) purpose;
	if (!is_outside(&address->addr) || !is_web_port(port_of(&address->addr)))
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
