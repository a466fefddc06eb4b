/*
 * agent_literals.c - which rules a user agent can match at all, without running their regular expressions
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
#define LITERALS_MAX 16384
#define DEPTH_MAX 24

typedef enum Presence
{
	PRESENCE_UNKNOWN,
	PRESENT,
	ABSENT
} Presence;

struct LiteralTable
{
	char **literals; /* lower case, distinct */
	uint8_t *presence;
	uint16_t *slots; /* hash table of id + 1 */
	size_t count;
	size_t capacity;
	size_t text_len;
	char text[AGENT_INPUT_MAX];
	uint8_t pairs[65536 / 8]; /* bit a << 8 | b: text has byte a followed by b */
};

#define SLOTS (2 * LITERALS_MAX)

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
	bool out_of_memory;
} RegexReader;

static void read_alternatives(RegexReader *reader, Needs *needs);

static unsigned char
lower(char c)
{
	return (unsigned char) (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* ---- the table ---- */

LiteralTable *
make_literal_table(void)
{
	LiteralTable *table = calloc(1, sizeof(LiteralTable));

	if (table == NULL)
		return NULL;
	table->slots = calloc(SLOTS, sizeof(*table->slots));
	if (table->slots == NULL)
	{
		free(table);
		return NULL;
	}
	return table;
}

void
free_literal_table(LiteralTable *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < table->count; i++)
		free(table->literals[i]);
	free(table->literals);
	free(table->presence);
	free(table->slots);
	free(table);
}

static bool
grow_table(LiteralTable *table)
{
	size_t capacity = table->capacity == 0 ? 512 : table->capacity * 2;
	char **literals = realloc(table->literals, capacity * sizeof(*literals));
	uint8_t *presence;

	if (literals == NULL)
		return false;
	table->literals = literals;
	presence = realloc(table->presence, capacity);
	if (presence == NULL)
		return false;
	table->presence = presence;
	table->capacity = capacity;
	return true;
}

/* The id of a literal, the same for the same text. */
static bool
intern_literal(RegexReader *reader, const char *literal, uint16_t *id)
{
	LiteralTable *table = reader->table;
	uint32_t hash = 2166136261u;
	uint16_t *slot;

	for (const char *c = literal; *c != '\0'; c++)
		hash = (hash ^ (unsigned char) *c) * 16777619u;
	for (hash %= SLOTS; *(slot = &table->slots[hash]) != 0; hash = (hash + 1) % SLOTS)
	{
		if (strcmp(table->literals[*slot - 1], literal) == 0)
		{
			*id = (uint16_t) (*slot - 1);
			return true;
		}
	}
	if (table->count == LITERALS_MAX)
	{
		reader->unknown = true;
		return false;
	}
	if ((table->count == table->capacity && !grow_table(table)) ||
		(table->literals[table->count] = strdup(literal)) == NULL)
	{
		reader->out_of_memory = true;
		return false;
	}
	*id = (uint16_t) table->count++;
	*slot = (uint16_t) (*id + 1);
	return true;
}

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
	if (run->len >= LITERAL_MIN && intern_literal(reader, run->text, &group.ids[0]))
		add_group(needs, &group);
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
	while (!reader->unknown && !reader->out_of_memory && *reader->at != '\0' && *reader->at != '|' &&
		   *reader->at != ')')
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
			if (is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'))
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
			run.text[run.len++] = (char) lower(c);
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
	while (*reader->at == '|' && !reader->unknown && !reader->out_of_memory)
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
	if (reader.out_of_memory)
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

/* ---- looking at a text ---- */

void
scan_text(LiteralTable *table, const char *text, size_t len)
{
	memset(table->pairs, 0, sizeof(table->pairs));
	memset(table->presence, PRESENCE_UNKNOWN, table->count);
	table->text_len = len;
	for (size_t i = 0; i < len; i++)
		table->text[i] = (char) lower(text[i]);
	for (size_t i = 1; i < len; i++)
	{
		unsigned pair = (unsigned) (unsigned char) table->text[i - 1] << 8 | (unsigned char) table->text[i];

		table->pairs[pair / 8] |= (uint8_t) (1 << pair % 8);
	}
}

static bool
text_has(LiteralTable *table, uint16_t id)
{
	const unsigned char *literal = (const unsigned char *) table->literals[id];

	if (table->presence[id] != PRESENCE_UNKNOWN)
		return table->presence[id] == PRESENT;

	table->presence[id] = ABSENT;
	for (const unsigned char *c = literal; c[1] != '\0'; c++)
	{
		unsigned pair = (unsigned) c[0] << 8 | c[1];

		if (!(table->pairs[pair / 8] & 1 << pair % 8))
			return false;
	}
	if (memmem(table->text, table->text_len, literal, strlen((const char *) literal)) == NULL)
		return false;
	table->presence[id] = PRESENT;
	return true;
}

bool
literal_needs_met(LiteralTable *table, const uint16_t *needs)
{
	while (*needs != 0)
	{
		uint16_t count = *needs++;
		bool met = false;

		for (uint16_t i = 0; i < count && !met; i++)
			met = text_has(table, needs[i]);
		if (!met)
			return false;
		needs += count;
	}
	return true;
}
