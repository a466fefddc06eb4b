/*
 * agent_needs_test.c - the prefilter rules out what cannot match, and never what can
 *
 * Runs from the project root.
 */
#include "visit/agent.h"

#include "check.h"

#include <stdlib.h>

#define DATA "data/uap-core/"

static void
check_needs(const char *regex, const char *text, bool may_match)
{
	LiteralTable *table = make_literal_table();
	uint16_t *needs = find_literal_needs(table, regex);

	scan_text(table, text, strlen(text));
	if (literal_needs_met(table, needs) != may_match)
		fprintf(stderr, "%s on %s\n", regex, text);
	CHECK(literal_needs_met(table, needs) == may_match);
	free(needs);
	free_literal_table(table);
}

static void
test_needs(void)
{
	/* what it is for */
	check_needs("Firefox/(\\d+)", "opera/9", false);
	check_needs("Firefox/(\\d+)", "FIREFOX/9", true);
	check_needs("; *(HTC|Nexus) One.+ Build", "htc one", false);
	check_needs("; *(HTC|Nexus) One.+ Build", "Nexus ONE x build", true);
	check_needs("; *(HTC|Nexus) One.+ Build", "Pixel one x build", false);
	check_needs("iP(?:hone|ad)\\.x", "ipad xx", false);
	check_needs("iP(?:hone|ad)\\.x", "ipad.x", true);

	/* what is optional is not needed */
	check_needs("abc?", "ab", true);
	check_needs("abc*d", "ab d", true);
	check_needs("ab(cd)?", "ab", true);
	check_needs("ab(cd)*", "ab", true);
	check_needs("ab(cd){0,3}", "ab", true);
	check_needs("ab(?:cd|)", "ab", true);
	check_needs("ab(?:cd|e)", "ab", true);
	check_needs("(?:ab|)cd", "cd", true);
	check_needs("abc{0}", "ab", true);
	/* what is repeated is */
	check_needs("ab(cd)+", "ab", false);
	check_needs("ab(cd){1,3}", "ab", false);
	check_needs("ab(cd){10}", "ab", false);
	check_needs("abc+d", "abccd", true);
	check_needs("(ab(cd)+?)+", "ab", false);
	/* what must not be there, or need not be part of the match */
	check_needs("ab(?!cd)", "ab", true);
	check_needs("(?<!cd)ab", "ab", true);
	check_needs("ab(?=cd)", "ab", true);
	/* classes, and what looks like something else in them */
	check_needs("ab[]cd]e", "abce", true);
	check_needs("ab[^]cd]e", "abxe", true);
	check_needs("ab[cd|(]+e", "abe", true);
	check_needs("ab[\\]cd]ef", "abxef", true);
	check_needs("[ab]cd", "xcd", true);
	check_needs("^ab$", "ab", true);
	check_needs("a\\.b\\)c\\\\", "a.b)c\\", true);
	check_needs("a\\.b\\)c\\\\", "a.b)c/", false);
	/* what it does not understand needs nothing */
	check_needs("(ab)\\1", "x", true);
	check_needs("\\x61\\x62cd", "x", true);
	check_needs("\\Qab\\E", "x", true);
	check_needs("(?<name>ab)", "x", true);
	check_needs("(?x)a b", "ab", true);
	check_needs("(*ACCEPT)ab", "x", true);
	check_needs("[[:alpha:]]bc", "x", true);
	check_needs("ab{,3}", "x", true);
	check_needs("(ab", "x", true);
	check_needs("ab)", "x", true);
	check_needs("ab[c", "x", true);
	check_needs("ab\\", "x", true);
	check_needs("(?i)AB", "ab", true);
	check_needs("", "", true);
}

typedef struct FilterTest
{
	AgentRules *rules;
	int compared;
	int differing;
} FilterTest;

static void
compare_filtered(FilterTest *test, const char *text, size_t len)
{
	AgentFamilies filtered;
	AgentFamilies all;

	read_agent_families(test->rules, text, len, &filtered);
	use_prefilter(test->rules, false);
	read_agent_families(test->rules, text, len, &all);
	use_prefilter(test->rules, true);
	test->compared++;
	test->differing += memcmp(&filtered, &all, sizeof(all)) != 0;
}

/* Each third text as it is, and once with some bytes changed. */
static bool
visit_filter_case(void *context, const YamlRecord *record, char *error, size_t error_size)
{
	FilterTest *test = context;
	const char *text = yaml_value(record, "user_agent_string");
	char changed[AGENT_INPUT_MAX];
	size_t len = text == NULL ? 0 : strnlen(text, sizeof(changed));

	(void) error;
	(void) error_size;
	if (len == 0 || rand() % 3 != 0)
		return true;
	compare_filtered(test, text, len);
	memcpy(changed, text, len);
	for (int i = 0; i < 4; i++)
		changed[(size_t) rand() % len] = (char) (rand() % 2 ? rand() % 256 : "Aa1;/ ("[rand() % 7]);
	compare_filtered(test, changed, len);
	return true;
}

static void
test_prefilter(AgentRules *rules)
{
	FilterTest test = {.rules = rules};
	char error[256] = "";

	srand(2);
	CHECK(read_yaml_records(DATA "tests/test_ua.yaml", visit_filter_case, &test, error, sizeof(error)));
	CHECK(read_yaml_records(DATA "tests/test_os.yaml", visit_filter_case, &test, error, sizeof(error)));
	CHECK(test.compared > 1000);
	CHECK_INT(test.differing, 0);
}

int
main(void)
{
	char error[256] = "";
	AgentRules *rules = open_agent_rules(DATA "regexes.yaml", error, sizeof(error));

	test_needs();
	CHECK(rules != NULL);
	if (rules != NULL)
		test_prefilter(rules);
	close_agent_rules(rules);
	return check_summary("agent_needs");
}
