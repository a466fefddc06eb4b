/*
 * url_test.c - hosts, paths and queries as they are stored
 */
#include <stdlib.h>

#include "check.h"
#include "assets/url.h"

typedef struct Case
{
	const char *url;
	const char *host; /* NULL: not a URL */
	const char *path;
	const char *query;
} Case;

static const Case cases[] = {
	{"https://shop.example.com:8443/p/a%20b?utm_source=mail&x=1#top", "shop.example.com:8443", "/p/a b",
	 "utm_source=mail&x=1"},
	{"https://h/a%2Fb", "h", "/a%2Fb", ""},
	{"https://h/caf\xc3\xa9", "h", "/caf\xc3\xa9", ""},
	{"https://h/caf%C3%A9", "h", "/caf\xc3\xa9", ""},
	{"https://h/caf%c3%a9", "h", "/caf%c3%a9", ""},
	{"https://h/a!b%20c", "h", "/a!b%20c", ""},
	{"https://h/a%21b%20c", "h", "/a!b c", ""},
	{"https://user:pw@Host.Example/x", "Host.Example", "/x", ""},
	{"https://h", "h", "", ""},
	{"https://h?a=1", "h", "", "a=1"},
	{"//cdn.test/x.js", "cdn.test", "/x.js", ""},
	{"/just/a/path?q", "", "/just/a/path", "q"},
	{"relative/path", "", "relative/path", ""},
	{"data:text/html,hi", "", "", ""},
	{"mailto:a@b.c", "", "", ""},
	{"blob:https://h/1-2", "", "", ""},
	{"about:blank", "", "", ""},
	{"ht\ttp://h/\ta", "h", "/a", ""},
	{"https://h/100%", "h", "/100%", ""},
	{"https://h/%zz?a=%q", "h", "/%zz", "a=%25q"},
	{"https://[::1]:8080/x", "[::1]:8080", "/x", ""},
	{"https://h/#/route?x", "h", "/", ""},
	{"https://h:80a/x", NULL, NULL, NULL},
	{"https://h/\x01", NULL, NULL, NULL},
	{":no-scheme", NULL, NULL, NULL},
	{"", "", "", ""},
};

static bool
text_is(UrlText text, const char *expected)
{
	return text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0;
}

static void
test_split(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t len = strlen(cases[i].url);
		char *buffer = malloc(URL_BUFFER_SIZE(len));
		UrlParts parts;
		bool ok = split_url(cases[i].url, len, buffer, &parts);
		bool as_expected = ok == (cases[i].host != NULL);

		if (ok && cases[i].host != NULL)
			as_expected = text_is(parts.host, cases[i].host) && text_is(parts.path, cases[i].path) &&
						  text_is(parts.query, cases[i].query);
		check_report(as_expected, __FILE__, __LINE__, "split_url: ", cases[i].url);
		free(buffer);
	}
}

static void
test_queries(void)
{
	char out[64];
	UrlText query = {"utm_source=a+b%21&utm_medium=&x&utm_campaign=%q&utm_campaign=late", 65};

	CHECK_INT(query_parameter(query, "utm_source", out), 4);
	CHECK(memcmp(out, "a b!", 4) == 0);
	CHECK_INT(query_parameter(query, "utm_medium", out), 0);
	CHECK_INT(query_parameter(query, "x", out), 0);
	CHECK_INT(query_parameter(query, "utm_campaign", out), 4); /* the malformed one is passed over */
	CHECK_INT(query_parameter(query, "source", out), 0);
	CHECK(text_is(strip_query("https://n.example/n?id=7", 24), "https://n.example/n"));
	CHECK(text_is(strip_query("", 0), ""));
}

int
main(void)
{
	test_split();
	test_queries();
	return check_summary("url");
}
