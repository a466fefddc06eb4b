/*
 * agent.c - from a User-Agent header to the words sessions are searched by
 *
 * uap-core finds the families (agent_rules.c); here they get the names and versions that sessions carry.
 *
 * Two locks: one for the cache, held for a lookup, and one for the rules, held for a parse.  So a client that sends new
 * texts all the time never delays visitors whose user agent is known.
 */
#include "agent.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct AgentParser
{
	pthread_mutex_t cache_lock;
	AgentCache *cache;
	pthread_mutex_t rules_lock;
	AgentRules *rules;
};

/* OS families whose devices we can tell; any other is DEVICE_OTHER, and nothing on the web is a DEVICE_TABLET. */
static const struct
{
	const char *os;
	DeviceType type;
} device_types[] = {
	/* clang-format off */
	{"Android", DEVICE_MOBILE},
	{"BlackBerry OS", DEVICE_MOBILE},
	{"BlackBerry Tablet OS", DEVICE_MOBILE},
	{"Chrome OS", DEVICE_DESKTOP},
	{"Fedora", DEVICE_DESKTOP},
	{"FreeBSD", DEVICE_DESKTOP},
	{"Linux", DEVICE_DESKTOP},
	{"Mac OS X", DEVICE_DESKTOP},
	{"NetBSD", DEVICE_DESKTOP},
	{"Ubuntu", DEVICE_DESKTOP},
	{"Windows", DEVICE_DESKTOP},
	{"Windows Phone", DEVICE_MOBILE},
	{"iOS", DEVICE_MOBILE},
	/* clang-format on */
};

const char *
device_type_name(DeviceType type)
{
	static const char *const names[] = {
		[DEVICE_DESKTOP] = "desktop",
		[DEVICE_MOBILE] = "mobile",
		[DEVICE_TABLET] = "tablet",
		[DEVICE_OTHER] = "other",
	};

	return names[type];
}

static DeviceType
find_device_type(const char *os)
{
	for (size_t i = 0; i < sizeof(device_types) / sizeof(device_types[0]); i++)
	{
		if (strcmp(device_types[i].os, os) == 0)
			return device_types[i].type;
	}
	return DEVICE_OTHER;
}

/* Storable, and cut to VISIT_AGENT_TEXT - 1 bytes between two code points.  len is below AGENT_PART. */
static void
put_text(char *out, const char *text, size_t len)
{
	char clean[3 * AGENT_PART];
	size_t size = clean_text(text, len, 0, clean);

	if (size >= VISIT_AGENT_TEXT)
	{
		size = VISIT_AGENT_TEXT - 1;
		while (((unsigned char) clean[size] & 0xc0) == 0x80)
			size--;
	}
	memcpy(out, clean, size);
	out[size] = '\0';
}

/* major[.minor[.patch]], a part only if there is one before it. */
static void
put_version(char *out, char parts[][AGENT_PART])
{
	char joined[AGENT_PART];
	size_t len = 0;

	for (int i = 0; i < 3 && parts[i][0] != '\0' && len < sizeof(joined); i++)
		len += (size_t) snprintf(joined + len, sizeof(joined) - len, "%s%s", i == 0 ? "" : ".", parts[i]);
	put_text(out, len == 0 ? "" : joined, len < sizeof(joined) ? len : sizeof(joined) - 1);
}

static void
name_agent(AgentFamilies *families, UserAgent *agent)
{
	bool no_model = strcmp(families->device, "Other") == 0 || strcmp(families->device, "Mac") == 0;

	put_text(agent->os, families->os, strlen(families->os));
	put_version(agent->os_version, families->os_version);
	/* "Mobile Safari UI/WKWebView" is a Mobile Safari UI */
	put_text(agent->browser, families->browser, strcspn(families->browser, "/"));
	put_version(agent->browser_version, families->browser_version);
	put_text(agent->device, families->device, no_model ? 0 : strlen(families->device));
	agent->device_type = find_device_type(families->os);
	agent->spider = strcmp(families->device, "Spider") == 0;
}

AgentParser *
open_agents(const char *path, char *error, size_t error_size)
{
	AgentParser *parser = calloc(1, sizeof(AgentParser));

	if (parser == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&parser->cache_lock, NULL);
	pthread_mutex_init(&parser->rules_lock, NULL);
	parser->cache = make_agent_cache();
	if (parser->cache == NULL)
		snprintf(error, error_size, "out of memory");
	else
		parser->rules = open_agent_rules(path, error, error_size);
	if (parser->rules == NULL)
	{
		close_agents(parser);
		return NULL;
	}
	return parser;
}

void
close_agents(AgentParser *parser)
{
	if (parser == NULL)
		return;
	close_agent_rules(parser->rules);
	free_agent_cache(parser->cache);
	pthread_mutex_destroy(&parser->rules_lock);
	pthread_mutex_destroy(&parser->cache_lock);
	free(parser);
}

void
parse_user_agent(AgentParser *parser, const char *text, UserAgent *agent)
{
	size_t len = strnlen(text, AGENT_INPUT_MAX);
	AgentFamilies families;
	bool known;

	memset(agent, 0, sizeof(*agent));
	agent->device_type = DEVICE_OTHER;
	if (len == 0)
		return;

	pthread_mutex_lock(&parser->cache_lock);
	known = find_cached_agent(parser->cache, text, len, agent);
	pthread_mutex_unlock(&parser->cache_lock);
	if (known)
		return;

	pthread_mutex_lock(&parser->rules_lock);
	read_agent_families(parser->rules, text, len, &families);
	pthread_mutex_unlock(&parser->rules_lock);
	name_agent(&families, agent);

	pthread_mutex_lock(&parser->cache_lock);
	remember_agent(parser->cache, text, len, agent);
	pthread_mutex_unlock(&parser->cache_lock);
}
