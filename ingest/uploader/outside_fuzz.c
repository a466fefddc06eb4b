/*
 * outside_fuzz.c - addresses of any kind, judged once more by their text
 *
 * The first bytes are the address.  What the system calls loopback, link-local or private must be
 * inside, and an IPv4 address must be judged alike in all forms in which IPv6 carries it.
 */
#include "uploader/outside.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_outside_v4(const uint8_t *bytes)
{
	struct sockaddr_in address = {.sin_family = AF_INET};

	memcpy(&address.sin_addr, bytes, 4);
	return is_outside((const struct sockaddr *) &address);
}

static bool
is_outside_v6(const uint8_t *bytes)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6};

	memcpy(&address.sin6_addr, bytes, 16);
	return is_outside((const struct sockaddr *) &address);
}

/* By the text alone: what everybody knows to be inside. */
static bool
looks_inside(const uint8_t *bytes)
{
	static const char *const beginnings[] = {"0.", "10.", "127.", "169.254.", "192.168.", "224.", "239.", "255."};
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, bytes, text, sizeof(text));
	for (size_t i = 0; i < COUNT(beginnings); i++)
		if (strncmp(text, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	return strncmp(text, "172.", 4) == 0 && atoi(text + 4) >= 16 && atoi(text + 4) <= 31;
}

static void
check_forms(const uint8_t *ipv4)
{
	static const char *const forms[] = {"::ffff:0.0.0.0", "::ffff:0:0.0.0.0", "64:ff9b::0.0.0.0", "2002::"};
	bool outside = is_outside_v4(ipv4);

	if (outside && looks_inside(ipv4))
		abort();
	for (size_t i = 0; i < COUNT(forms); i++)
	{
		uint8_t ipv6[16];

		inet_pton(AF_INET6, forms[i], ipv6);
		memcpy(ipv6 + (i == 3 ? 2 : 12), ipv4, 4);
		if (is_outside_v6(ipv6) != outside)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct in6_addr ipv6;

	if (size < 16)
		return 0;
	check_forms(data);
	memcpy(&ipv6, data, 16);
	if (is_outside_v6(data) &&
		(IN6_IS_ADDR_LOOPBACK(&ipv6) || IN6_IS_ADDR_UNSPECIFIED(&ipv6) || IN6_IS_ADDR_LINKLOCAL(&ipv6) ||
		 IN6_IS_ADDR_SITELOCAL(&ipv6) || IN6_IS_ADDR_MULTICAST(&ipv6) || IN6_IS_ADDR_V4COMPAT(&ipv6) ||
		 (data[0] & 0xfe) == 0xfc))
		abort();
	return 0;
}
