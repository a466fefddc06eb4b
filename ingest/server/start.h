/*
 * start.h - what the files start*.c share
 *
 * start.c has the course of every start; what differs between web trackers, mobile trackers and the analytics SDK is a
 * StartKind.
 */
#ifndef OPENREPLAY_START_H
#define OPENREPLAY_START_H

#include "common/buffer.h"
#include "server/request.h"
#include "server/start_request.h"

#define AGENT_MAX 2048 /* bytes of a User-Agent that are looked at */

/* The visitor as its row in public.sessions will say.  NULL and "" mean unknown; nothing is owned. */
typedef struct Visitor
{
	const char *platform; /* web, ios, android */
	const char *os;
	const char *os_version;
	const char *browser; /* web only, and there always */
	const char *browser_version;
	const char *device;
	const char *device_type;
	int64_t heap_size;
} Visitor;

typedef struct StartKind StartKind;

/* What is known so far; request->work from the first answerable moment on. */
typedef struct Start
{
	const StartKind *kind;
	StartRequest asked;
	Project project;
	UserAgent agent;
	Place place;
	char agent_text[3 * AGENT_MAX + 1];
	char user_uuid[VISIT_UUID_SIZE];
	Visitor visitor;
	Token token;
	int64_t start_ts;
	bool looked_again; /* the snapshot was refreshed for this request */
} Start;

struct StartKind
{
	StartClient client;
	AnswerId no_project_key;
	bool sampled; /* a new session depends on the dice */

	/* May this project be recorded by this client?  Fills the visitor.  False: answered. */
	bool (*admit)(Request *request);

	/* The same for a new session that the dice allow; may be NULL. */
	bool (*admit_new)(Request *request);

	/* Sets token.delay_ms, token.expires_ms and start_ts of a session that begins now. */
	void (*set_times)(Start *start, int64_t arrived_ms, int64_t now_ms);

	/* The members of the answer behind the token. */
	void (*put_answer)(const Request *request, Buffer *json);
};

#define DAY_MS INT64_C(86400000)

/* start.c: reads the body and starts or continues a session. */
extern void begin_start(const StartKind *kind, Request *request, const uint8_t *body, size_t len);

/* start.c: the visitor's User-Agent, parsed.  require_browser: false, and answered 403, when there is none. */
extern bool read_agent(Request *request, bool require_browser);

/* start.c: a time told by the client, when it lies within a day before now_ms; else now_ms. */
extern int64_t believable_time(int64_t told_ms, int64_t now_ms);

/* start.c: ,"name":"text" */
extern void put_field(Buffer *json, const char *name, const char *text);

/* start.c: what the settings promise: features, framesSupport. */
extern void put_promises(const Request *request, Buffer *json);

/* start_entry.c: the start entry of the session, all that its row will say. */
extern void put_start_entry(Buffer *json, const Start *start);

#endif /* OPENREPLAY_START_H */
