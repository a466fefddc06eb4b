/*
 * agent_literals.c - the literals that rules need, and which of them a text has
 *
 * Each distinct literal is kept once, so a text is searched for "android" once, not once for each of the rules that
 * need it.  Most literals are ruled out by a table of the byte pairs in the text, before any search.  Everything is in
 * lower case.
 */
#include "agent.h"

#include <stdlib.h>
#include <string.h>

#define LITERALS_MAX 16384
#define SLOTS (2 * LITERALS_MAX)

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

int
intern_literal(LiteralTable *table, const char *literal)
{
	uint32_t hash = 2166136261u;
	uint16_t *slot;

	for (const char *c = literal; *c != '\0'; c++)
		hash = (hash ^ (unsigned char) *c) * 16777619u;
	for (hash %= SLOTS; *(slot = &table->slots[hash]) != 0; hash = (hash + 1) % SLOTS)
	{
		if (strcmp(table->literals[*slot - 1], literal) == 0)
			return *slot - 1;
	}
	if (table->count == LITERALS_MAX || (table->count == table->capacity && !grow_table(table)) ||
		(table->literals[table->count] = strdup(literal)) == NULL)
		return -1;
	*slot = (uint16_t) ++table->count;
	return *slot - 1;
}

/* ---- looking at a text ---- */

void
scan_text(LiteralTable *table, const char *text, size_t len)
{
	memset(table->pairs, 0, sizeof(table->pairs));
	if (table->count > 0)
		memset(table->presence, PRESENCE_UNKNOWN, table->count);
	table->text_len = len;
	for (size_t i = 0; i < len; i++)
		table->text[i] = (char) to_lower(text[i]);
	for (size_t i = 1; i < len; i++)
	{
		unsigned pair = (unsigned) (unsigned char) table->text[i - 1] << 8 | (unsigned char) table->text[i];

		table->pairs[pair / 8] |= (uint8_t) (1 << pair % 8);
	}
}

bool
text_has_literal(LiteralTable *table, uint16_t id)
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
