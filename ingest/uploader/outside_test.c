/*
 * outside_test.c - what is inside, in all the ways it can be written
 */
#include "uploader/outside.c"

#include <arpa/inet.h>

#include "check.h"

static bool
outside(const char *text)
{
	struct sockaddr_in ipv4 = {.sin_family = AF_INET};
	struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1)
		return is_outside((const struct sockaddr *) &ipv4);
	CHECK(inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1);
	return is_outside((const struct sockaddr *) &ipv6);
}

int
main(void)
{
	static const char *const inside_texts[] = {
		"0.0.0.0",
		"0.1.2.3",
		"10.0.0.1",
		"10.255.255.255",
		"100.64.0.1",
		"100.127.255.255",
		"127.0.0.1",
		"127.255.0.9",
		"169.254.169.254",
		"172.16.0.1",
		"172.31.255.255",
		"192.0.0.8",
		"192.168.1.1",
		"198.19.255.255",
		"224.0.0.1",
		"239.1.1.1",
		"240.0.0.1",
		"255.255.255.255",
		"::",
		"::1",
		"::127.0.0.1",
		"::ffff:127.0.0.1",
		"::ffff:a00:1",
		"64:ff9b::a9fe:a9fe",
		"64:ff9b:1::1",
		"2002:7f00:1::",
		"2002:a00:1::1",
		"fc00::1",
		"fdff::1",
		"fe80::1",
		"febf::1",
		"fec0::1",
		"ff02::1",
		"2001:db8::1",
		"100::1",
		"203.0.113.9",
		"192.88.99.1",
		"168.63.129.16",
		"::ffff:0:127.0.0.1",
		"::ffff:169.254.169.254",
		"2001::1",
		"2001:0:4136:e378:8000:63bf:3fff:fdd2",
		"2001:1ff::1",
		"3fff::1",
		"3fff:fff::1",
		"4000::1",
		"5f00::1",
		"1fff::1",
		"fd00:ec2::254",
		"100:0:0:1::1",
	};
	static const char *const outside_texts[] = {
		"1.1.1.1",		  "9.255.255.255",	   "11.0.0.0",		"100.63.255.255", "100.128.0.0",	 "126.255.255.255",
		"128.0.0.1",	  "169.253.1.1",	   "172.15.0.1",	"172.32.0.0",	  "192.167.255.255", "192.169.0.0",
		"198.17.0.1",	  "198.20.0.1",		   "223.1.1.1",		"2606:4700::1",	  "::ffff:1.1.1.1",	 "64:ff9b::101:101",
		"2002:101:101::", "2a00:1450:4001::1", "168.63.129.15", "168.63.129.17",  "192.88.98.255",	 "::ffff:0:1.1.1.1",
		"2001:200::1",	  "2001:db7::1",	   "2001:db9::1",	"3ffe::1",		  "3fff:1000::1",
	};
	static const unsigned web_ports[] = {80, 443, 3000, 8080, 8443, 10079, 10081, 65535};
	static const unsigned other[] = {0, 1, 22, 25, 465, 587, 6000, 6665, 6669, 10080};
	struct sockaddr local = {.sa_family = AF_UNIX};

	for (size_t i = 0; i < COUNT(inside_texts); i++)
		CHECK_TEXT(outside(inside_texts[i]) ? inside_texts[i] : "", "");
	for (size_t i = 0; i < COUNT(outside_texts); i++)
		CHECK_TEXT(outside(outside_texts[i]) ? "" : outside_texts[i], "");
	CHECK(!is_outside(&local));
	for (size_t i = 0; i < COUNT(web_ports); i++)
		CHECK_INT(is_web_port(web_ports[i]) ? 0 : web_ports[i], 0);
	for (size_t i = 0; i < COUNT(other); i++)
		CHECK(!is_web_port(other[i]));
	return check_summary("outside");
}
