/*
 * agent_needs.c - which rules a user agent can match at all, without running their regular expressions
 *
 * Hard idea: nearly every rule names something ("SM-G", "Nokia", "Firefox/"), and nearly every user agent lacks nearly
 * all of those names.  From each regular expression we derive what its matches must contain: groups of literals, at
 * least one literal of each group.  '; *(HTC|Nexus) One.+ Build' needs (htc or nexus) and " one" and " build".  One
 * look at a table of the byte pairs in the text then rules most rules out.
 *
 * The derivation may only err towards needing less.  So it understands the plain constructs, lets anything else break a
 * literal, and needs nothing at all of a regular expression with a construct it does not know.  Both sides are compared
 * in lower case, which only lets more pass and makes the case flag irrelevant.
 */
#include "agent.h"

#include <stdlib.h>
#include <string.h>

#define NEEDS_MAX 4	   /* groups kept of one regular expression, the longest literals first */
#define GROUP_MAX 96   /* literals in one group; with more choices it rules little out */
#define LITERAL_MAX 48 /* bytes of a literal; a longer one is split */
#define LITERAL_MIN 2  /* a pair */
#define DEPTH_MAX 24

/* At least one of the literals must be there. */
typedef struct Group
{
	uint16_t count;
	uint16_t shortest; /* bytes of the shortest literal, the measure of how much it rules out */
	uint16_t ids[GROUP_MAX];
} Group;

/* All of the groups must be met. */
typedef struct Needs
{
	int count;
	Group groups[NEEDS_MAX];
} Needs;

typedef struct RegexReader
{
	LiteralTable *table;
	const char *at;
	int depth;
	bool unknown; /* met something this file does not understand */
	bool failed;  /* no room in the table */
} RegexReader;

static void read_alternatives(RegexReader *reader, Needs *needs);

/* ---- needs ---- */

/* Keeps the groups that rule out most: those with the longest shortest literal. */
static void
add_group(Needs *needs, const Group *group)
{
	int worst = 0;

	if (group->count == 0)
		return;
	if (needs->count < NEEDS_MAX)
	{
		needs->groups[needs->count++] = *group;
		return;
	}
	for (int i = 1; i < NEEDS_MAX; i++)
	{
		if (needs->groups[i].shortest < needs->groups[worst].shortest)
			worst = i;
	}
	if (group->shortest > needs->groups[worst].shortest)
		needs->groups[worst] = *group;
}

static const Group *
best_group(const Needs *needs)
{
	const Group *best = NULL;

	for (int i = 0; i < needs->count; i++)
	{
		if (best == NULL || needs->groups[i].shortest > best->shortest)
			best = &needs->groups[i];
	}
	return best;
}

/* one: what this or that alternative needs.  An alternative that needs nothing, or too many choices, leave it empty. */
static void
join_alternative(Group *one, const Needs *alternative)
{
	const Group *best = best_group(alternative);

	if (best == NULL || one->count + best->count > GROUP_MAX)
	{
		one->count = 0;
		return;
	}
	memcpy(one->ids + one->count, best->ids, best->count * sizeof(best->ids[0]));
	one->count = (uint16_t) (one->count + best->count);
	if (best->shortest < one->shortest)
		one->shortest = best->shortest;
}

/* ---- reading a regular expression ---- */

typedef struct LiteralRun
{
	size_t len;
	char text[LITERAL_MAX + 1];
} LiteralRun;

/* The run of literal characters ends here. */
static void
end_run(RegexReader *reader, LiteralRun *run, Needs *needs)
{
	Group group = {.count = 1, .shortest = (uint16_t) run->len};

	run->text[run->len] = '\0';
	if (run->len >= LITERAL_MIN)
	{
		int id = intern_literal(reader->table, run->text);

		reader->failed |= id < 0;
		group.ids[0] = (uint16_t) id;
		add_group(needs, &group);
	}
	run->len = 0;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Steps over a quantifier; *once: there is none, *optional: it allows none. */
static void
read_quantifier(RegexReader *reader, bool *once, bool *optional)
{
	const char *at = reader->at;

	*once = false;
	*optional = false;
	if (*at == '?' || *at == '*')
	{
		*optional = true;
		at++;
	}
	else if (*at == '+')
		at++;
	else if (*at == '{')
	{
		if (!is_digit(at[1]))
			reader->unknown = true; /* PCRE2's releases differ on "{,3}" and "{ 1 }" */
		*optional = true;
		for (at++; is_digit(*at); at++)
		{
			if (*at != '0')
				*optional = false;
		}
		if (*at == ',')
			at++;
		while (is_digit(*at))
			at++;
		if (*at++ != '}')
		{
			reader->unknown = true;
			return;
		}
	}
	else
	{
		*once = true;
		return;
	}
	if (*at == '?' || *at == '+')
		at++;
	reader->at = at;
}

/* Steps over "[...]". */
static void
skip_class(RegexReader *reader)
{
	const char *at = reader->at + 1;

	if (*at == '^')
		at++;
	if (*at == ']')
		at++;
	for (; *at != ']'; at++)
	{
		if (*at == '\\')
			at++;
		if (*at == '\0' || (*at == '[' && (at[1] == ':' || at[1] == '.' || at[1] == '=')))
		{
			reader->unknown = true;
			return;
		}
	}
	reader->at = at + 1;
}

/* After "(": steps over the kind of group; *counts: its content is part of the match. */
static void
read_group_kind(RegexReader *reader, bool *counts)
{
	const char *at = reader->at;

	*counts = true;
	if (*at == '*')
		reader->unknown = true;
	if (*at != '?')
		return;
	at++;
	if (*at == ':')
		at++;
	else if (*at == '=' || *at == '!')
	{
		*counts = false;
		at++;
	}
	else if (*at == '<' && (at[1] == '=' || at[1] == '!'))
	{
		*counts = false;
		at += 2;
	}
	else if (*at == 'i' && at[1] == ')') /* "(?i)" reads as an empty group: case is ignored anyway */
		at++;
	else
		reader->unknown = true;
	reader->at = at;
}

/* After "(": the group, its quantifier, and what it needs, if it must occur. */
static void
read_group(RegexReader *reader, Needs *needs)
{
	Needs inner;
	bool counts;
	bool once;
	bool optional;

	read_group_kind(reader, &counts);
	if (++reader->depth > DEPTH_MAX)
		reader->unknown = true;
	if (reader->unknown)
		return;
	read_alternatives(reader, &inner);
	reader->depth--;
	if (*reader->at != ')')
	{
		reader->unknown = true;
		return;
	}
	reader->at++;
	read_quantifier(reader, &once, &optional);
	if (!counts || optional)
		return;
	for (int i = 0; i < inner.count; i++)
		add_group(needs, &inner.groups[i]);
}

/* One alternative: up to '|', ')' or the end. */
static void
read_sequence(RegexReader *reader, Needs *needs)
{
	LiteralRun run = {0};
	bool once;
	bool optional;

	needs->count = 0;
	while (!reader->unknown && !reader->failed && *reader->at != '\0' && *reader->at != '|' && *reader->at != ')')
	{
		char c = *reader->at;

		if (c == '(')
		{
			end_run(reader, &run, needs);
			reader->at++;
			read_group(reader, needs);
			continue;
		}
		if (c == '[' || c == '.' || c == '^' || c == '$' || (c == '\\' && strchr("dDsSwWbB", reader->at[1]) != NULL))
		{
			if (c == '\\' && reader->at[1] == '\0')
			{
				reader->unknown = true;
				return;
			}
			end_run(reader, &run, needs);
			if (c == '[')
				skip_class(reader);
			else
				reader->at += c == '\\' ? 2 : 1;
			read_quantifier(reader, &once, &optional);
			continue;
		}
		if (c == '\\')
		{
			c = *++reader->at;
			if (is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z'))
			{
				reader->unknown = true; /* \1, \x20, \Q ...: nothing that uap-core uses */
				return;
			}
		}

		/* a character that stands for itself */
		reader->at++;
		read_quantifier(reader, &once, &optional);
		if (optional || run.len == LITERAL_MAX)
			end_run(reader, &run, needs);
		if (!optional)
			run.text[run.len++] = (char) to_lower(c);
		if (!once)
			end_run(reader, &run, needs);
	}
	end_run(reader, &run, needs);
}

static void
read_alternatives(RegexReader *reader, Needs *needs)
{
	Group one = {.shortest = UINT16_MAX};
	bool every = true; /* alternative so far needs something */
	Needs next;

	read_sequence(reader, needs);
	if (*reader->at != '|')
		return;

	join_alternative(&one, needs);
	every = one.count > 0;
	while (*reader->at == '|' && !reader->unknown && !reader->failed)
	{
		reader->at++;
		read_sequence(reader, &next);
		if (every)
			join_alternative(&one, &next);
		every = every && one.count > 0;
	}
	needs->count = 0;
	if (every)
		add_group(needs, &one);
}

uint16_t *
find_literal_needs(LiteralTable *table, const char *regex)
{
	RegexReader reader = {.table = table, .at = regex};
	Needs needs;
	size_t size = 1;
	uint16_t *encoded;
	uint16_t *out;

	read_alternatives(&reader, &needs);
	if (reader.failed)
		return NULL;
	if (reader.unknown || *reader.at != '\0')
		needs.count = 0;

	for (int i = 0; i < needs.count; i++)
		size += 1u + needs.groups[i].count;
	out = encoded = malloc(size * sizeof(*encoded));
	if (encoded == NULL)
		return NULL;
	for (int i = 0; i < needs.count; i++)
	{
		*out++ = needs.groups[i].count;
		memcpy(out, needs.groups[i].ids, needs.groups[i].count * sizeof(*out));
		out += needs.groups[i].count;
	}
	*out = 0;
	return encoded;
}

bool
literal_needs_met(LiteralTable *table, const uint16_t *needs)
{
	while (*needs != 0)
	{
		uint16_t count = *needs++;
		bool met = false;

		for (uint16_t i = 0; i < count && !met; i++)
			met = text_has_literal(table, needs[i]);
		if (!met)
			return false;
		needs += count;
	}
	return true;
}
