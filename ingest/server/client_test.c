/*
 * client_test.c - whom a request comes from, whatever its headers claim
 */
#include "server/client.c"

#include "check.h"

static TrustedProxies proxies;
static char shown[INET6_ADDRSTRLEN];

static void
trust(const char *list)
{
	char error[256] = "";

	CHECK(read_trusted_proxies(list, &proxies, error, sizeof(error)));
	CHECK_TEXT(error, "");
}

static const char *
distrusts(const char *list)
{
	static char error[256];

	error[0] = '\0';
	CHECK(!read_trusted_proxies(list, &proxies, error, sizeof(error)));
	return error;
}

static const char *
show(const Address *address)
{
	if (memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0)
		inet_ntop(AF_INET, address->bytes + 12, shown, sizeof(shown));
	else
		inet_ntop(AF_INET6, address->bytes, shown, sizeof(shown));
	return shown;
}

static const char *
parsed(const char *text)
{
	Address address;

	return parse_address(text, strlen(text), &address) ? show(&address) : "no";
}

static const char *
client_of(const char *peer_text, const char *forwarded, const char *real_ip)
{
	Address peer;
	Address client;

	CHECK(parse_address(peer_text, strlen(peer_text), &peer));
	client = find_client(&proxies, &peer, &forwarded, forwarded != NULL, real_ip);
	return show(&client);
}

static void
test_addresses(void)
{
	CHECK_TEXT(parsed("203.0.113.7"), "203.0.113.7");
	CHECK_TEXT(parsed(" \t203.0.113.7 "), "203.0.113.7");
	CHECK_TEXT(parsed("203.0.113.7:443"), "203.0.113.7");
	CHECK_TEXT(parsed("2001:db8::1"), "2001:db8::1");
	CHECK_TEXT(parsed("[2001:db8::1]"), "2001:db8::1");
	CHECK_TEXT(parsed("[2001:db8::1]:65535"), "2001:db8::1");
	CHECK_TEXT(parsed("\"[2001:db8::1]:80\""), "2001:db8::1");
	CHECK_TEXT(parsed("fe80::1%eth0"), "fe80::1");
	CHECK_TEXT(parsed("::ffff:203.0.113.7"), "203.0.113.7");
	CHECK_TEXT(parsed("[::ffff:cb00:7107]:1"), "203.0.113.7");
	for (const char *const *garbage =
			 (const char *const[]){"",
								   " ",
								   "unknown",
								   "_hidden",
								   "203.0.113",
								   "203.0.113.256",
								   "203.0.113.7.1",
								   "203.0.113.7:",
								   "203.0.113.7:x",
								   "203.0.113.7:123456",
								   "203.0.113.7:1:2",
								   "[2001:db8::1",
								   "[2001:db8::1]x",
								   "[2001:db8::1]:",
								   "2001:db8:::1",
								   "\"",
								   "\"\"",
								   "[]",
								   "1.2.3.4%eth0",
								   "1.2.3.4 5.6.7.8",
								   "0x7f.0.0.1",
								   "127.1",
								   "2001:0db8:0000:0000:0000:0000:0000:0001:0000:0000:0000:0000:0000:0000:0000",
								   NULL};
		 *garbage != NULL; garbage++)
		CHECK_TEXT(parsed(*garbage), "no");
}

static void
test_private(void)
{
	Address address;

	for (const char *const *text =
			 (const char *const[]){"127.0.0.1", "127.255.255.255", "10.0.0.1", "172.16.0.1", "172.31.255.255",
								   "192.168.4.5", "169.254.169.254", "::1", "fc00::1", "fdff::1", "fe80::1", "febf::1",
								   "::ffff:10.1.1.1", NULL};
		 *text != NULL; text++)
		CHECK(parse_address(*text, strlen(*text), &address) && is_private(&address));
	for (const char *const *text = (const char *const[]){"128.0.0.1", "11.0.0.1", "172.15.255.255", "172.32.0.0",
														 "192.169.0.1", "169.253.1.1", "::2", "fbff::1", "fe00::1",
														 "fec0::1", "2001:db8::1", "8.8.8.8", NULL};
		 *text != NULL; text++)
		CHECK(parse_address(*text, strlen(*text), &address) && !is_private(&address));
}

static void
test_trusted_proxies(void)
{
	trust("127.0.0.0/8, ::1");
	CHECK_INT(proxies.count, 2);
	trust("  ,10.1.2.3,,fd00::/8\t192.0.2.0/24 ");
	CHECK_INT(proxies.count, 3);
	CHECK_INT(proxies.ranges[0].bits, 128);
	CHECK_INT(proxies.ranges[1].bits, 8);
	CHECK_INT(proxies.ranges[2].bits, 96 + 24);
	trust("none");
	CHECK_INT(proxies.count, 0);
	/* who trusts everybody gets the first of the list */
	trust("0.0.0.0/0");
	CHECK_TEXT(client_of("198.51.100.1", "203.0.113.7, 192.0.2.1", "192.0.2.9"), "203.0.113.7");
	CHECK_TEXT(client_of("198.51.100.1", "203.0.113.7", NULL), "203.0.113.7");
	CHECK_TEXT(client_of("2001:db8::1", "203.0.113.7", NULL), "2001:db8::1");

	CHECK_TEXT(distrusts("10.0.0.0/33"),
			   "TRUSTED_PROXIES: \"10.0.0.0/33\" is no address or CIDR range such as 10.0.0.0/8 or fd00::/8");
	for (const char *const *wrong =
			 (const char *const[]){
				 "proxy.example", "10.0.0.0/", "10.0.0.0/x", "10.0.0/8", "::1/129", "::1/-1", "/8", "127.0.0.1, nobody",
				 "[::1]", "1.2.3.4:80", "10.0.0.0/8/8",
				 "2001:0db8:0000:0000:0000:0000:0000:0001:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL};
		 *wrong != NULL; wrong++)
		CHECK(strstr(distrusts(*wrong), "is no address") != NULL);

	char many[8 * (TRUSTED_RANGES_MAX + 1) + 1] = "";

	for (int i = 0; i <= TRUSTED_RANGES_MAX; i++)
		strcat(many, "1.2.3.4 ");
	CHECK(strstr(distrusts(many), "more than 64") != NULL);
}

static void
test_clients(void)
{
	trust("127.0.0.0/8, ::1, 10.9.0.0/16, 198.51.100.10");

	/* nobody to name another */
	CHECK_TEXT(client_of("203.0.113.7", NULL, NULL), "203.0.113.7");
	CHECK_TEXT(client_of("127.0.0.1", NULL, NULL), "127.0.0.1");
	/* a stranger may claim what he likes */
	CHECK_TEXT(client_of("203.0.113.7", "192.0.2.1", "192.0.2.1"), "203.0.113.7");
	CHECK_TEXT(client_of("10.8.0.1", "192.0.2.1", NULL), "10.8.0.1");
	/* a proxy is believed, in either spelling of its address */
	CHECK_TEXT(client_of("127.0.0.1", "192.0.2.1", NULL), "192.0.2.1");
	CHECK_TEXT(client_of("::ffff:127.0.0.1", "192.0.2.1", NULL), "192.0.2.1");
	CHECK_TEXT(client_of("::1", "[2001:db8::7]:5000", NULL), "2001:db8::7");
	/* what it passed on from the client is not */
	CHECK_TEXT(client_of("127.0.0.1", "8.8.8.8, 192.0.2.1", NULL), "192.0.2.1");
	CHECK_TEXT(client_of("127.0.0.1", "8.8.8.8,192.0.2.1,10.9.1.1, 198.51.100.10", NULL), "192.0.2.1");
	/* hops in a private network that nobody listed, and a client behind a proxy of its own */
	CHECK_TEXT(client_of("127.0.0.1", "192.0.2.1, 172.20.0.3", NULL), "192.0.2.1");
	CHECK_TEXT(client_of("127.0.0.1", "192.168.1.20, 192.0.2.1", NULL), "192.0.2.1");
	/* all private: X-Real-Ip, else the one next to our proxies */
	CHECK_TEXT(client_of("127.0.0.1", "192.168.1.20, 172.20.0.3", "192.168.1.21"), "192.168.1.21");
	CHECK_TEXT(client_of("127.0.0.1", "192.168.1.20, 172.20.0.3", NULL), "172.20.0.3");
	CHECK_TEXT(client_of("127.0.0.1", NULL, "192.0.2.9"), "192.0.2.9");
	CHECK_TEXT(client_of("127.0.0.1", NULL, "nobody"), "127.0.0.1");
	/* garbage ends the belief */
	CHECK_TEXT(client_of("127.0.0.1", "8.8.8.8, unknown, 10.9.1.1", NULL), "10.9.1.1");
	CHECK_TEXT(client_of("127.0.0.1", "8.8.8.8, unknown", "192.0.2.9"), "192.0.2.9");
	CHECK_TEXT(client_of("127.0.0.1", "", NULL), "127.0.0.1");
	CHECK_TEXT(client_of("127.0.0.1", ",", NULL), "127.0.0.1");
	CHECK_TEXT(client_of("127.0.0.1", "8.8.8.8,", NULL), "127.0.0.1");
}

/* A proxy may add a line instead of appending to the client's. */
static void
test_lines(void)
{
	const char *lines[] = {"8.8.8.8", "192.0.2.1", "10.9.0.1, 10.9.0.2"};
	Address peer;
	Address client;

	trust("127.0.0.0/8, 10.9.0.0/16");
	parse_address("127.0.0.1", 9, &peer);
	client = find_client(&proxies, &peer, lines, 3, NULL);
	CHECK_TEXT(show(&client), "192.0.2.1");
	client = find_client(&proxies, &peer, lines, 1, NULL);
	CHECK_TEXT(show(&client), "8.8.8.8");
}

static void
test_long_lists(void)
{
	static char list[200000];
	char *at = list;

	trust("127.0.0.0/8, 10.9.0.0/16");
	at = stpcpy(at, "8.8.8.8");
	while (at < list + sizeof(list) - 16)
		at = stpcpy(at, ", 10.9.0.1");
	CHECK_TEXT(client_of("127.0.0.1", list, NULL), "10.9.0.1"); /* further than anybody looks */
	strcpy(at, ", 192.0.2.1");
	CHECK_TEXT(client_of("127.0.0.1", list, NULL), "192.0.2.1");
	memset(list, ',', sizeof(list) - 1);
	CHECK_TEXT(client_of("127.0.0.1", list, NULL), "127.0.0.1");
	memset(list, '1', sizeof(list) - 1);
	CHECK_TEXT(client_of("127.0.0.1", list, "192.0.2.9"), "192.0.2.9");
}

int
main(void)
{
	test_addresses();
	test_private();
	test_trusted_proxies();
	test_clients();
	test_lines();
	test_long_lists();
	return check_summary("client");
}
