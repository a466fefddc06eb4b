/*
 * agent.h - inside of user agent parsing: uap-core's rules, their prefilter, the cache
 *
 * Only the files agent*.c and their tests include it; everybody else uses visit.h.  Nothing here is thread-safe but
 * what agent.c guards.
 */
#ifndef OPENREPLAY_AGENT_H
#define OPENREPLAY_AGENT_H

#include "visit.h"

#define AGENT_INPUT_MAX 1024 /* bytes of a user agent that are looked at */
#define AGENT_PART 256		 /* one family or version part with its NUL; longer ones are cut */

/* ---- agent_yaml.c: the shape of uap-core's files, lists of flat records ---- */

#define YAML_RECORD_MAX 16

typedef struct YamlRecord
{
	const char *list; /* key of the list the record is in */
	size_t line;
	int count;
	char *keys[YAML_RECORD_MAX];
	char *values[YAML_RECORD_MAX];
} YamlRecord;

/* False with a message in error stops the reading. */
typedef bool (*YamlVisitor)(void *context, const YamlRecord *record, char *error, size_t error_size);

/* Calls visit for each record in the order of the file; the record is valid during the call.  False: see error. */
extern bool read_yaml_records(const char *path, YamlVisitor visit, void *context, char *error, size_t error_size);

/* NULL if the record lacks the key. */
extern const char *yaml_value(const YamlRecord *record, const char *key);

/* ---- agent_literals.c: the literals that rules need, and which of them a text has ---- */

typedef struct LiteralTable LiteralTable;

extern LiteralTable *make_literal_table(void);
extern void free_literal_table(LiteralTable *table);

/* The id of a lower-case literal of at least 2 bytes, the same for the same text; -1: no memory, or too many. */
extern int intern_literal(LiteralTable *table, const char *literal);

/* Makes text (at most AGENT_INPUT_MAX bytes) the one that text_has_literal() speaks of; after the last
 * intern_literal(). */
extern void scan_text(LiteralTable *table, const char *text, size_t len);

/* In upper or lower case. */
extern bool text_has_literal(LiteralTable *table, uint16_t id);

static inline unsigned char
to_lower(char c)
{
	return (unsigned char) (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* ---- agent_needs.c: which rules a text can match at all ---- */

/*
 * What each text that regex matches must contain: groups of literals, at least one literal of each group.  Encoded as
 * size, literal ids, size, literal ids ... 0; free() it.  NULL: no memory, or too many literals.
 */
extern uint16_t *find_literal_needs(LiteralTable *table, const char *regex);

/* Whether the text given to scan_text() has what is needed. */
extern bool literal_needs_met(LiteralTable *table, const uint16_t *needs);

/* ---- agent_rules.c: what uap-core says ---- */

/* uap-core's own result, before our naming rules: NUL-terminated, "" for what is not defined. */
typedef struct AgentFamilies
{
	char browser[AGENT_PART];
	char browser_version[3][AGENT_PART]; /* major, minor, patch */
	char os[AGENT_PART];
	char os_version[4][AGENT_PART];
	char device[AGENT_PART];
} AgentFamilies;

typedef struct AgentRules AgentRules;

extern AgentRules *open_agent_rules(const char *path, char *error, size_t error_size);
extern void close_agent_rules(AgentRules *rules);
extern void read_agent_families(AgentRules *rules, const char *text, size_t len, AgentFamilies *families);

/* For tests: the prefilter must not change any result. */
extern void use_prefilter(AgentRules *rules, bool on);

/* ---- agent_cache.c: the user agents seen last ---- */

#define AGENT_CACHE_SIZE 2048

typedef struct AgentCache AgentCache;

extern AgentCache *make_agent_cache(void);
extern void free_agent_cache(AgentCache *cache);
extern bool find_cached_agent(AgentCache *cache, const char *text, size_t len, UserAgent *agent);
extern void remember_agent(AgentCache *cache, const char *text, size_t len, const UserAgent *agent);

#endif /* OPENREPLAY_AGENT_H */
