/*
 * agent_fuzz.c - libFuzzer target: what a client sends as User-Agent
 *
 * Besides memory errors: the names are storable, and the same text tells the same twice.
 */
#include "visit/visit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static AgentParser *parser;

static void
require(bool ok)
{
	if (!ok)
		abort();
}

static void
require_clean(const char *text)
{
	char again[3 * VISIT_AGENT_TEXT + 1];
	size_t len = strnlen(text, VISIT_AGENT_TEXT);

	require(len < VISIT_AGENT_TEXT && clean_text(text, len, 0, again) == len && memcmp(again, text, len) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char error[256] = "";

	(void) argc;
	(void) argv;
	parser = open_agents("data/uap-core/regexes.yaml", error, sizeof(error));
	if (parser == NULL)
		fprintf(stderr, "%s\n", error);
	require(parser != NULL);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(3 * size + 1);
	UserAgent agent;
	UserAgent again;

	require(text != NULL);
	clean_text((const char *) data, size, 0, text); /* as the door does */
	parse_user_agent(parser, text, &agent);
	parse_user_agent(parser, text, &again);
	require(memcmp(&agent, &again, sizeof(agent)) == 0);
	require_clean(agent.os);
	require_clean(agent.os_version);
	require_clean(agent.browser);
	require_clean(agent.browser_version);
	require_clean(agent.device);
	require(agent.os[0] != '\0' || text[0] == '\0');
	free(text);
	return 0;
}
