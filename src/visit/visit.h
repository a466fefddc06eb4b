/*
 * visit.h - who visits: session ids, tokens, visitor ids, devices
 *
 * What must be the same wherever a visit is started, continued or read back.  Plain C; knows neither sockets nor SQL,
 * and takes the time as an argument.  Formats are those the trackers and older servers already hold tokens in.
 */
#ifndef OPENREPLAY_VISIT_H
#define OPENREPLAY_VISIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- session ids ---- */

#define VISIT_EPOCH_MS INT64_C(1550000000000)					/* 2019-02-12T19:33:20Z */
#define VISIT_LAST_MS (VISIT_EPOCH_MS + (INT64_C(1) << 40) - 1) /* 2053-12-16, the last one that fits */
#define VISIT_SHARDS 64 /* fixed at installation; lanes and workers are counted in it */

/*
 * Ids of one process: 40 bits of ms since VISIT_EPOCH_MS, 16 bits of server, 8 bits of sequence.  Not thread-safe;
 * guard it with the caller's lock.
 */
typedef struct SessionIds
{
	uint16_t server_id;
	int64_t last_ms; /* never goes back, whatever the clock does */
	unsigned used;	 /* ids handed out in last_ms, at most 256 */
} SessionIds;

extern void session_ids_init(SessionIds *ids, uint16_t server_id);

/*
 * The next id, or 0 when 256 were made in this millisecond: wait for the next one and ask again.  Also 0 while now_ms
 * is not after VISIT_EPOCH_MS or does not fit in 40 bits from there (the clock is wrong), so bound the wait.  Ids grow
 * strictly, also while the clock stands behind the last one.
 */
extern uint64_t next_session_id(SessionIds *ids, int64_t now_ms);

/* Creation time in ms. */
extern int64_t session_id_ms(uint64_t session_id);

/*
 * 0 .. VISIT_SHARDS - 1, by a hash that the database computes alike (openreplay.shard_of): the top 6 bits of
 *splitmix64's finaliser of the id, in 64-bit unsigned arithmetic: x = id;  x ^= x >> 30;  x *= 0xbf58476d1ce4e5b9;  x
 *^= x >> 27;  x *= 0x94d049bb133111eb;  x ^= x >> 31;  x >> 58
 */
extern unsigned session_shard(uint64_t session_id);

/* ---- tokens ---- */

#define VISIT_TOKEN_SIZE 128 /* buffer for the longest token and its NUL */

typedef struct Token
{
	uint64_t session_id;
	int64_t delay_ms;	/* server minus client clock when the session was made */
	int64_t expires_ms; /* unix ms */
} Token;

typedef enum TokenState
{
	TOKEN_VALID,
	TOKEN_JUST_EXPIRED, /* by less than 30 s: take the batch, then answer 401 */
	TOKEN_EXPIRED,		/* the fields are readable nevertheless */
	TOKEN_WRONG_SIGN,
	TOKEN_WRONG_FORMAT
} TokenState;

/*
 * "<id>.<delay>.<expiry>.<signature>" into text (VISIT_TOKEN_SIZE bytes).  The same token and secret give the same
 * text.
 * "" when the crypto library has no memory left.
 */
extern void make_token(const Token *token, const void *secret, size_t secret_len, char *text);

/*
 * Signature compared in constant time, before any of the numbers is read.  Fills token for VALID, JUST_EXPIRED and
 * EXPIRED. Only the one spelling that make_token() gives is read; a signature that is not one is a WRONG_SIGN.
 */
extern TokenState read_token(const char *text, size_t len, const void *secret, size_t secret_len, int64_t now_ms,
							 Token *token);

/* The error text trackers' users know: "token expired", "wrong token sign" ... */
extern const char *token_state_text(TokenState state);

/* ---- visitors ---- */

#define VISIT_UUID_SIZE 37

/* Normalises the accepted spellings (hyphenated, 32 digits, braces, urn:uuid:) to lower-case hyphenated; false if none.
 */
extern bool parse_uuid(const char *text, size_t len, char *uuid);

/* A random version 4 uuid from the operating system's generator. */
extern void make_uuid(char *uuid);

/*
 * Makes client text storable in PostgreSQL: drops U+0000, replaces invalid UTF-8 by U+FFFD and cuts after max_chars
 * code points (0: no cut).  out needs 3 * len + 1 bytes and must not overlap text; returns the bytes written, without
 * the NUL it adds.
 */
extern size_t clean_text(const char *text, size_t len, size_t max_chars, char *out);

/*
 * In JSON, in place: escaped halves of surrogate pairs (\ud800 ... \udfff) that lack their other half become \ufffd.
 * JavaScript makes such texts, by cutting in the middle of an emoji, and neither PostgreSQL nor jansson reads them.
 */
extern void mend_surrogates(char *json, size_t len);

/* ---- user agents ---- */

#define VISIT_AGENT_TEXT 64

typedef enum DeviceType
{
	DEVICE_DESKTOP,
	DEVICE_MOBILE,
	DEVICE_TABLET,
	DEVICE_OTHER
} DeviceType;

/*
 * All texts NUL-terminated and valid UTF-8, "" when unknown.  A client that no rule knows has os and browser "Other".
 * Refuse a visit whose agent is a spider or has no os or no browser (the User-Agent header is missing or empty).
 */
typedef struct UserAgent
{
	char os[VISIT_AGENT_TEXT];
	char os_version[VISIT_AGENT_TEXT];
	char browser[VISIT_AGENT_TEXT];
	char browser_version[VISIT_AGENT_TEXT];
	char device[VISIT_AGENT_TEXT]; /* "" for desktops without a model */
	DeviceType device_type;
	bool spider; /* a crawler: refuse it */
} UserAgent;

typedef struct AgentParser AgentParser;

/* Compiles uap-core's regexes.yaml.  NULL and a message in error (NUL-terminated) on failure.  Free with
 * close_agents(). */
extern AgentParser *open_agents(const char *path, char *error, size_t error_size);
extern void close_agents(AgentParser *parser);

/*
 * Thread-safe.  Recent user agents are remembered, so a busy site costs one parse per distinct text.  Looks at the
 * first 1024 bytes of text.
 */
extern void parse_user_agent(AgentParser *parser, const char *text, UserAgent *agent);

/* "desktop", "mobile", "tablet", "other" */
extern const char *device_type_name(DeviceType type);

/* "iPhone 14 Pro" for "iPhone15,2"; the identifier itself when the model is not known. */
extern const char *ios_model_name(const char *identifier);

#endif /* OPENREPLAY_VISIT_H */
