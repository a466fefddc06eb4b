/*
 * agent_test.c - user agents: uap-core's own tests, our naming rules, the cache
 *
 * Runs from the project root.  The devices are in build/, where `make check-unit` unpacks them.
 */
#include "visit/agent.h"

#include "check.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define DATA "data/uap-core/"

/* ---- uap-core's own tests ---- */

typedef struct FamilyTest
{
	AgentRules *rules;
	const char *family; /* in AgentFamilies */
	char (*version)[AGENT_PART];
	const char *version_keys[4];
	AgentFamilies families;
	int passed;
	int failed;
} FamilyTest;

/* What is not defined is an empty value or no key at all. */
static bool
same_part(const YamlRecord *record, const char *key, const char *part)
{
	const char *value = yaml_value(record, key);

	return strcmp(value == NULL ? "" : value, part) == 0;
}

static bool
visit_test_case(void *context, const YamlRecord *record, char *error, size_t error_size)
{
	FamilyTest *test = context;
	const char *text = yaml_value(record, "user_agent_string");
	bool ok;

	if (text == NULL)
	{
		snprintf(error, error_size, "no user_agent_string");
		return false;
	}
	read_agent_families(test->rules, text, strlen(text), &test->families);
	ok = same_part(record, "family", test->family);
	for (int i = 0; i < 4 && test->version_keys[i] != NULL; i++)
		ok = ok && same_part(record, test->version_keys[i], test->version[i]);
	if (ok)
		test->passed++;
	else
	{
		test->failed++;
		fprintf(stderr, "line %zu: %s\n", record->line, text);
	}
	return true;
}

static void
run_test_file(FamilyTest *test, const char *path, const char *name, int at_least)
{
	char error[256] = "";

	CHECK(read_yaml_records(path, visit_test_case, test, error, sizeof(error)));
	CHECK_TEXT(error, "");
	printf("uap-core %s: %d of %d\n", name, test->passed, test->passed + test->failed);
	CHECK_INT(test->failed, 0);
	CHECK(test->passed >= at_least);
}

static void
test_uap_core(AgentRules *rules)
{
	FamilyTest browsers = {.rules = rules, .version_keys = {"major", "minor", "patch"}};
	FamilyTest systems = {.rules = rules, .version_keys = {"major", "minor", "patch", "patch_minor"}};
	FamilyTest devices = {.rules = rules};

	browsers.family = browsers.families.browser;
	browsers.version = browsers.families.browser_version;
	run_test_file(&browsers, DATA "tests/test_ua.yaml", "browsers", 1421);
	systems.family = systems.families.os;
	systems.version = systems.families.os_version;
	run_test_file(&systems, DATA "tests/test_os.yaml", "systems", 443);
	devices.family = devices.families.device;
	run_test_file(&devices, "build/test_device.yaml", "devices", 16099);
}

/* ---- our names ---- */

static void
check_agent(AgentParser *parser, const char *text, UserAgent expected)
{
	/* the second time it comes from the cache */
	for (int i = 0; i < 2; i++)
	{
		UserAgent agent;

		parse_user_agent(parser, text, &agent);
		CHECK_TEXT(agent.os, expected.os);
		CHECK_TEXT(agent.os_version, expected.os_version);
		CHECK_TEXT(agent.browser, expected.browser);
		CHECK_TEXT(agent.browser_version, expected.browser_version);
		CHECK_TEXT(agent.device, expected.device);
		CHECK_TEXT(device_type_name(agent.device_type), device_type_name(expected.device_type));
		CHECK(agent.spider == expected.spider);
	}
}

static void
test_names(AgentParser *parser)
{
	check_agent(parser,
				"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 "
				"Safari/537.36",
				(UserAgent){"Windows", "10", "Chrome", "129.0.0", "", DEVICE_DESKTOP, false});
	check_agent(parser,
				"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
				"Version/17.5 Mobile/15E148 Safari/604.1",
				(UserAgent){"iOS", "17.5.1", "Mobile Safari", "17.5", "iPhone", DEVICE_MOBILE, false});
	/* a Mac, or an iPad that asks for desktop pages */
	check_agent(parser,
				"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
				"Safari/605.1.15",
				(UserAgent){"Mac OS X", "10.15.7", "Safari", "17.5", "", DEVICE_DESKTOP, false});
	check_agent(parser,
				"Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
				(UserAgent){"iOS", "12.2", "Mobile Safari UI", "", "iPad", DEVICE_MOBILE, false});
	check_agent(
		parser,
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Mobile "
		"Safari/537.36",
		(UserAgent){"Android", "14", "Chrome Mobile", "129.0.0", "Pixel 8", DEVICE_MOBILE, false});
	check_agent(parser, "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
				(UserAgent){"Ubuntu", "", "Firefox", "130.0", "", DEVICE_DESKTOP, false});
	check_agent(parser,
				"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 "
				"Safari/537.36",
				(UserAgent){"Chrome OS", "14541.0.0", "Chrome", "129.0.0", "", DEVICE_DESKTOP, false});
	/* unknown clients are visitors, crawlers are not */
	check_agent(parser, "curl/8.5.0", (UserAgent){"Other", "", "curl", "8.5.0", "", DEVICE_OTHER, false});
	check_agent(parser, "something else", (UserAgent){"Other", "", "Other", "", "", DEVICE_OTHER, false});
	check_agent(parser, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
				(UserAgent){"Other", "", "Googlebot", "2.1", "Spider", DEVICE_OTHER, true});
	check_agent(parser, "", (UserAgent){"", "", "", "", "", DEVICE_OTHER, false});
}

static void
test_odd_texts(AgentParser *parser)
{
	UserAgent agent;
	UserAgent cut;
	char text[8192];
	size_t len;

	/* what is captured is made storable and fits */
	parse_user_agent(parser, "Mozilla/5.0 (Linux; Android 9; \xc3\xa9\xff\xed\xa0\x80 Build/1) Chrome/1.2.3", &agent);
	CHECK_TEXT(agent.device, "\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	parse_user_agent(
		parser,
		"Mozilla/5.0 (Linux; Android 9; xx\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
		"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82"
		"\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac Build/1)",
		&agent);
	CHECK_INT(strlen(agent.device), 62); /* 2 + 20 * 3: the 21st would end at 65 */
	CHECK(clean_text(agent.device, strlen(agent.device), 0, text) == strlen(agent.device));
	CHECK(strcmp(text, agent.device) == 0);

	/* versions of hundreds of digits */
	len = (size_t) snprintf(text, sizeof(text), "Firefox/");
	memset(text + len, '7', 600);
	text[len + 600] = '\0';
	memcpy(text + len + 600, ".1", 3);
	parse_user_agent(parser, text, &agent);
	CHECK_TEXT(agent.browser, "Firefox");
	CHECK_INT(strlen(agent.browser_version), VISIT_AGENT_TEXT - 1);

	/* only the first 1024 bytes count */
	memset(text, 'x', sizeof(text));
	memcpy(text, "Firefox/3.5 ", 12);
	text[sizeof(text) - 1] = '\0';
	parse_user_agent(parser, text, &agent);
	text[AGENT_INPUT_MAX] = '\0';
	parse_user_agent(parser, text, &cut);
	CHECK_TEXT(agent.browser, "Firefox");
	CHECK(memcmp(&agent, &cut, sizeof(agent)) == 0);

	/* noise, of every length */
	for (int i = 0; i < 2000; i++)
	{
		static const char *const words[] = {"Mozilla/5.0 (", "Mobile ", "Android ", "Build", "; ", "1.",
											"HbbTV/1.1.1 ("};

		len = 0;
		while (len < (size_t) i && len < AGENT_INPUT_MAX)
		{
			const char *word = words[rand() % 7];

			if (rand() % 4 == 0)
				text[len++] = (char) (1 + rand() % 255);
			else
				len += (size_t) snprintf(text + len, sizeof(text) - len, "%s", word);
		}
		text[len] = '\0';
		parse_user_agent(parser, text, &agent);
	}
}

/* ---- the cache ---- */

static void
test_cache(void)
{
	AgentCache *cache = make_agent_cache();
	UserAgent agent = {.os = "first"};
	char text[32];
	int found = 0;

	CHECK(!find_cached_agent(cache, "a", 1, &agent));
	remember_agent(cache, "a", 1, &agent);
	remember_agent(cache, "a", 1, &(UserAgent){.os = "second"});
	CHECK(find_cached_agent(cache, "a", 1, &agent));
	CHECK_TEXT(agent.os, "first");
	CHECK(!find_cached_agent(cache, "ab", 2, &agent));

	/* "a" stays because it is asked for all the time, the others go in the order they came */
	for (int i = 0; i < 3 * AGENT_CACHE_SIZE; i++)
	{
		size_t len = (size_t) snprintf(text, sizeof(text), "agent %d", i);

		agent.device_type = (DeviceType) (i % 4);
		remember_agent(cache, text, len, &agent);
		found += find_cached_agent(cache, "a", 1, &agent);
	}
	CHECK_INT(found, 3 * AGENT_CACHE_SIZE);
	found = 0;
	for (int i = 0; i < 3 * AGENT_CACHE_SIZE; i++)
	{
		size_t len = (size_t) snprintf(text, sizeof(text), "agent %d", i);

		if (find_cached_agent(cache, text, len, &agent))
		{
			CHECK(i > 2 * AGENT_CACHE_SIZE);
			CHECK_INT(agent.device_type, i % 4);
			found++;
		}
	}
	CHECK_INT(found, AGENT_CACHE_SIZE - 1);
	free_agent_cache(cache);
}

static void *
parse_in_thread(void *context)
{
	AgentParser *parser = context;
	intptr_t wrong = 0;

	for (int i = 0; i < 3000; i++)
	{
		char text[64];
		char version[16];
		UserAgent agent;

		snprintf(version, sizeof(version), "%d.%d", i % 7 + 1, i);
		snprintf(text, sizeof(text), "Firefox/%s", version);
		parse_user_agent(parser, text, &agent);
		wrong += strcmp(agent.browser_version, version) != 0;
	}
	return (void *) wrong;
}

static void
test_threads(AgentParser *parser)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
	{
		int failed = pthread_create(&threads[i], NULL, parse_in_thread, parser);

		CHECK_INT(failed, 0);
		if (failed)
			abort();
	}
	for (int i = 0; i < 4; i++)
	{
		void *wrong;

		pthread_join(threads[i], &wrong);
		CHECK_INT((intptr_t) wrong, 0);
	}
}

/* ---- files that are no rules ---- */

static void
check_refused(const char *content, const char *why)
{
	char path[] = "/tmp/agent_test_XXXXXX";
	char error[256] = "";
	int fd = mkstemp(path);
	AgentParser *parser;

	if (fd < 0 || write(fd, content, strlen(content)) != (ssize_t) strlen(content))
		abort();
	close(fd);
	parser = open_agents(path, error, sizeof(error));
	CHECK(parser == NULL);
	close_agents(parser);
	if (strstr(error, why) == NULL)
		fprintf(stderr, "%s\n", error);
	CHECK(strstr(error, why) != NULL);
	unlink(path);
}

static void
test_bad_files(void)
{
	char error[256] = "";

	CHECK(open_agents(DATA "missing.yaml", error, sizeof(error)) == NULL);
	CHECK(strstr(error, "missing.yaml") != NULL);
	check_refused("", "no user_agent_parsers");
	check_refused("user_agent_parsers:\n  - regex: 'a'\n", "no os_parsers");
	check_refused("user_agent_parsers:\n  - regex: '(a'\n", "line 2: missing closing parenthesis");
	check_refused("user_agent_parsers:\n  - family_replacement: 'a'\n", "a rule without regex");
	check_refused("user_agent_parsers:\n  - regex: a\n    regex_flag: x\n", "regex_flag");
	check_refused("user_agent_parsers:\n  - regex: [a, b]\n", "unexpected list");
	check_refused("user_agent_parsers:\n  - regex: {a: b}\n", "unexpected mapping");
	check_refused("user_agent_parsers:\n  - a\n", "a text where");
	check_refused("- a\n", "unexpected list");
	check_refused("a: &x [ ]\nb: *x\n", "aliases");
	check_refused("a: 'b\n", "line 2");
	check_refused(
		"a:\n  - {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1, j: 1, k: 1, l: 1, m: 1, n: 1, o: 1, p: 1, "
		"q: 1}\n",
		"too many keys");
}

int
main(void)
{
	char error[256] = "";
	AgentRules *rules = open_agent_rules(DATA "regexes.yaml", error, sizeof(error));
	AgentParser *parser = open_agents(DATA "regexes.yaml", error, sizeof(error));

	CHECK_TEXT(error, "");
	if (rules == NULL || parser == NULL)
		return check_summary("agent");
	test_uap_core(rules);
	test_names(parser);
	test_odd_texts(parser);
	test_cache();
	test_threads(parser);
	test_bad_files();
	close_agent_rules(rules);
	close_agents(parser);
	return check_summary("agent");
}
