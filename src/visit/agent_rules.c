/*
 * agent_rules.c - uap-core's rules: three ordered lists of regular expressions, the first that matches wins
 *
 * Semantics: uap-core's docs/specification.md.  A part of the result is the rule's replacement with $1..$9 filled in,
 * or without one the group of the same position, trimmed; a list without a match gives the family "Other".
 *
 * Hard idea: there are some 1200 regular expressions and a hostile client chooses the text.  The prefilter
 * (agent_needs.c) leaves a few dozen rules per text; those that have been tried once stay compiled to machine code,
 * so a server only pays, in time and memory, for the rules that its visitors come near.  The work that one regular
 * expression may do is limited; one that hits the limit counts as no match.
 */
#include "agent.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE_PARTS 5   /* family and up to four version parts */
#define RULE_GROUPS 10 /* $0 .. $9 */

/*
 * PCRE2 counts backtracking steps anew for each place of the text that a match may start at.  No text of uap-core's
 * tests needs 10,000; see README.md for what a hostile text can cost.
 */
#define MATCH_LIMIT 100000
#define HEAP_LIMIT_KB 1024 /* for the interpreter, where there is no JIT */
#define JIT_STACK_MIN (32 * 1024)
#define JIT_STACK_MAX (256 * 1024)

typedef enum AgentListId
{
	LIST_BROWSER,
	LIST_OS,
	LIST_DEVICE,
	LIST_COUNT
} AgentListId;

/* The lists as uap-core's file names them, and the keys of their replacements. */
static const struct
{
	const char *key;
	int parts;
	const char *replacements[RULE_PARTS];
} lists[LIST_COUNT] = {
	[LIST_BROWSER] = {"user_agent_parsers",
					  4,
					  {"family_replacement", "v1_replacement", "v2_replacement", "v3_replacement"}},
	[LIST_OS] = {"os_parsers",
				 5,
				 {"os_replacement", "os_v1_replacement", "os_v2_replacement", "os_v3_replacement",
				  "os_v4_replacement"}},
	[LIST_DEVICE] = {"device_parsers", 1, {"device_replacement"}},
};

typedef struct AgentRule
{
	pcre2_code *code;
	bool tried;		 /* compiled to machine code, where the platform allows it */
	uint16_t *needs; /* see find_literal_needs() */
	char *replacements[RULE_PARTS];
} AgentRule;

typedef struct RuleList
{
	AgentRule *rules;
	size_t count;
	size_t capacity;
} RuleList;

struct AgentRules
{
	RuleList lists[LIST_COUNT];
	LiteralTable *literals;
	bool prefilter;
	pcre2_match_data *match;
	uint32_t groups; /* of the last match that are set in match; PCRE2 leaves the others as they were */
	pcre2_match_context *context;
	pcre2_jit_stack *jit_stack;
};

/* ---- reading the rules ---- */

static bool
set_error(char *error, size_t error_size, const char *why)
{
	snprintf(error, error_size, "%s", why);
	return false;
}

static bool
compile_rule(AgentRule *rule, const char *regex, bool ignore_case, char *error, size_t error_size)
{
	/* Bytes, not characters: a user agent is whatever the client sent. */
	uint32_t options = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
	int code;
	PCRE2_SIZE offset;
	char why[128];

	if (ignore_case)
		options |= PCRE2_CASELESS;
	rule->code = pcre2_compile((PCRE2_SPTR) regex, PCRE2_ZERO_TERMINATED, options, &code, &offset, NULL);
	if (rule->code != NULL)
		return true;
	pcre2_get_error_message(code, (PCRE2_UCHAR *) why, sizeof(why));
	snprintf(error, error_size, "%s at offset %zu of %s", why, (size_t) offset, regex);
	return false;
}

static bool
add_rule(AgentRules *rules, AgentListId id, const YamlRecord *record, char *error, size_t error_size)
{
	RuleList *list = &rules->lists[id];
	const char *regex = yaml_value(record, "regex");
	const char *flag = yaml_value(record, "regex_flag");
	AgentRule *rule;

	if (regex == NULL)
		return set_error(error, error_size, "a rule without regex");
	if (flag != NULL && strcmp(flag, "i") != 0)
		return set_error(error, error_size, "regex_flag is not i");
	if (list->count == list->capacity)
	{
		size_t capacity = list->capacity == 0 ? 128 : list->capacity * 2;
		AgentRule *grown = realloc(list->rules, capacity * sizeof(*grown));

		if (grown == NULL)
			return set_error(error, error_size, "out of memory");
		list->rules = grown;
		list->capacity = capacity;
	}

	/* counted first, so that close_agent_rules() frees what there is of it */
	rule = &list->rules[list->count++];
	memset(rule, 0, sizeof(*rule));
	for (int part = 0; part < lists[id].parts; part++)
	{
		const char *replacement = yaml_value(record, lists[id].replacements[part]);

		if (replacement != NULL && (rule->replacements[part] = strdup(replacement)) == NULL)
			return set_error(error, error_size, "out of memory");
	}
	rule->needs = find_literal_needs(rules->literals, regex);
	if (rule->needs == NULL)
		return set_error(error, error_size, "out of memory, or too many rules");
	return compile_rule(rule, regex, flag != NULL, error, error_size);
}

static bool
visit_rule(void *context, const YamlRecord *record, char *error, size_t error_size)
{
	for (int id = 0; id < LIST_COUNT; id++)
	{
		if (strcmp(record->list, lists[id].key) == 0)
			return add_rule(context, (AgentListId) id, record, error, error_size);
	}
	return true;
}

AgentRules *
open_agent_rules(const char *path, char *error, size_t error_size)
{
	AgentRules *rules = calloc(1, sizeof(AgentRules));
	bool ok = rules != NULL;

	if (ok)
	{
		rules->prefilter = true;
		rules->literals = make_literal_table();
		rules->match = pcre2_match_data_create(RULE_GROUPS, NULL);
		rules->context = pcre2_match_context_create(NULL);
		rules->jit_stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
		/* no JIT stack: a platform without JIT, or too little memory for more than PCRE2's own 32 kB */
		ok = rules->literals != NULL && rules->match != NULL && rules->context != NULL;
	}
	if (!ok)
		set_error(error, error_size, "out of memory");
	else
	{
		pcre2_set_match_limit(rules->context, MATCH_LIMIT);
		pcre2_set_heap_limit(rules->context, HEAP_LIMIT_KB);
		if (rules->jit_stack != NULL)
			pcre2_jit_stack_assign(rules->context, NULL, rules->jit_stack);
		ok = read_yaml_records(path, visit_rule, rules, error, error_size);
	}
	for (int id = 0; ok && id < LIST_COUNT; id++)
	{
		if (rules->lists[id].count == 0)
		{
			snprintf(error, error_size, "\"%s\" has no %s", path, lists[id].key);
			ok = false;
		}
	}
	if (!ok)
	{
		close_agent_rules(rules);
		return NULL;
	}
	return rules;
}

void
close_agent_rules(AgentRules *rules)
{
	if (rules == NULL)
		return;
	for (int id = 0; id < LIST_COUNT; id++)
	{
		RuleList *list = &rules->lists[id];

		for (size_t i = 0; i < list->count; i++)
		{
			pcre2_code_free(list->rules[i].code);
			free(list->rules[i].needs);
			for (int part = 0; part < RULE_PARTS; part++)
				free(list->rules[i].replacements[part]);
		}
		free(list->rules);
	}
	free_literal_table(rules->literals);
	pcre2_match_data_free(rules->match);
	pcre2_match_context_free(rules->context);
	pcre2_jit_stack_free(rules->jit_stack);
	free(rules);
}

void
use_prefilter(AgentRules *rules, bool on)
{
	rules->prefilter = on;
}

/* ---- matching ---- */

static bool
rule_matches(AgentRules *rules, AgentRule *rule, const char *text, size_t len)
{
	int result;

	if (rules->prefilter && !literal_needs_met(rules->literals, rule->needs))
		return false;
	if (!rule->tried)
	{
		/* Where executable memory is forbidden this fails, and pcre2_match() interprets the rule. */
		pcre2_jit_compile(rule->code, PCRE2_JIT_COMPLETE);
		rule->tried = true;
	}
	result = pcre2_match(rule->code, (PCRE2_SPTR) text, len, 0, 0, rules->match, rules->context);
	if (result < 0)
		return false;
	rules->groups = result == 0 ? RULE_GROUPS : (uint32_t) result; /* 0: more groups than there is room for */
	return true;
}

/* The first rule that matches; its groups are in rules->match. */
static const AgentRule *
find_rule(AgentRules *rules, AgentListId id, const char *text, size_t len)
{
	RuleList *list = &rules->lists[id];

	for (size_t i = 0; i < list->count; i++)
	{
		if (rule_matches(rules, &list->rules[i], text, len))
			return &list->rules[i];
	}
	return NULL;
}

/* ---- results ---- */

typedef struct PartWriter
{
	size_t len;
	char *out; /* AGENT_PART bytes */
} PartWriter;

static void
put_bytes(PartWriter *writer, const char *bytes, size_t len)
{
	size_t room = AGENT_PART - 1 - writer->len;

	if (len > room)
		len = room;
	memcpy(writer->out + writer->len, bytes, len);
	writer->len += len;
}

/* Nothing for a group that took no part in the match. */
static void
put_group(PartWriter *writer, const AgentRules *rules, const char *text, uint32_t group)
{
	const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(rules->match) + (size_t) 2 * group;

	if (group < rules->groups && bounds[0] != PCRE2_UNSET && bounds[0] <= bounds[1])
		put_bytes(writer, text + bounds[0], bounds[1] - bounds[0]);
}

static void
put_replacement(PartWriter *writer, const AgentRules *rules, const char *text, const char *replacement)
{
	for (const char *at = replacement; *at != '\0'; at++)
	{
		if (*at == '$' && at[1] >= '1' && at[1] <= '9')
			put_group(writer, rules, text, (uint32_t) (*++at - '0'));
		else
			put_bytes(writer, at, 1);
	}
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
read_part(const AgentRules *rules, const AgentRule *rule, int part, const char *text, char *out)
{
	PartWriter writer = {.out = out};
	size_t start = 0;

	if (rule->replacements[part] != NULL)
		put_replacement(&writer, rules, text, rule->replacements[part]);
	else
		put_group(&writer, rules, text, (uint32_t) part + 1);

	while (writer.len > 0 && is_space(out[writer.len - 1]))
		writer.len--;
	while (start < writer.len && is_space(out[start]))
		start++;
	memmove(out, out + start, writer.len - start);
	out[writer.len - start] = '\0';
}

static void
read_list(AgentRules *rules, AgentListId id, const char *text, size_t len, char *family, char versions[][AGENT_PART])
{
	const AgentRule *rule = find_rule(rules, id, text, len);

	if (rule == NULL)
	{
		snprintf(family, AGENT_PART, "Other");
		return;
	}
	read_part(rules, rule, 0, text, family);
	for (int part = 1; part < lists[id].parts; part++)
		read_part(rules, rule, part, text, versions[part - 1]);
}

void
read_agent_families(AgentRules *rules, const char *text, size_t len, AgentFamilies *families)
{
	memset(families, 0, sizeof(*families));
	if (len > AGENT_INPUT_MAX)
		len = AGENT_INPUT_MAX;
	scan_text(rules->literals, text, len);
	read_list(rules, LIST_BROWSER, text, len, families->browser, families->browser_version);
	read_list(rules, LIST_OS, text, len, families->os, families->os_version);
	read_list(rules, LIST_DEVICE, text, len, families->device, NULL);
}
