/*
 * request.h - requests and answers
 *
 * A handler gets the whole body, inflated, and does one of two things before it returns: it answers, or it waits. While
 * it waits the connection is suspended and costs no thread; the function it named is called again on the connection's
 * own thread once somebody has woken the request.
 */
#ifndef OPENREPLAY_REQUEST_H
#define OPENREPLAY_REQUEST_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "server/caller.h"
#include "server/connections.h"
#include "server/paths.h"
#include "server/server.h"

typedef enum AnswerId
{
#define ANSWER(name, status, text) ANSWER_##name,
#include "server/answers.list.h"
#undef ANSWER
	ANSWER_COUNT
} AnswerId;

typedef struct Request Request;

typedef void (*RequestHandler)(Request *request, const uint8_t *body, size_t len);
typedef void (*RequestContinuation)(Request *request);

typedef enum RouteAuth
{
	AUTH_NONE,
	AUTH_TOKEN,		  /* a valid token, else 401 */
	AUTH_TOKEN_GRACE, /* one just expired is let in; what the handler answers becomes 401 "token expired" */
	AUTH_SIGNATURE	  /* an expired one is as good as a valid one */
} RouteAuth;

typedef enum RouteBody
{
	BODY_NONE,		   /* read and forgotten */
	BODY_JSON,		   /* up to JSON_SIZE_LIMIT */
	BODY_BATCH,		   /* up to the beacon size of the session's project */
	BODY_ANALYTICS,	   /* JSON up to BEACON_SIZE_LIMIT */
	BODY_MOBILE_JSON,  /* like JSON, never in gzip; whatever is wrong with it is told 400 */
	BODY_MOBILE_BATCH, /* up to BEACON_SIZE_LIMIT; broken gzip is told 400, which ends an iOS tracker's retries */
	BODY_FILES		   /* multipart up to FILE_SIZE_LIMIT */
} RouteBody;

typedef struct Route
{
	const char *path;	/* may end in a parameter, as "/v1/web/conditions/" followed by * */
	const char *method; /* NULL: any */
	RouteAuth auth;
	RouteBody body;
	RequestHandler handle;
	const char *name; /* in the metrics */
} Route;

typedef enum SessionLookup
{
	SESSION_FOUND,
	SESSION_MISSING, /* the database has no such session */
	SESSION_UNSURE,	 /* the database is away or slow */
	SESSION_FAILED	 /* it refused to say */
} SessionLookup;

typedef enum RequestState
{
	REQUEST_NEW,		/* headers not looked at yet */
	REQUEST_READING,	/* collecting the body */
	REQUEST_DISCARDING, /* reading a body nobody wants, so that the client reads the answer */
	REQUEST_HANDLING,	/* in a handler or continuation, nothing decided yet */
	REQUEST_WAITING,	/* suspended */
	REQUEST_ANSWERED
} RequestState;

struct Request
{
	struct MHD_Connection *connection;
	Connection *line; /* the same connection */
	struct Door *door;
	Server *server;
	const Route *route; /* NULL: unknown path */
	unsigned endpoint;	/* its number in the metrics */
	RequestState state;
	int64_t started_us; /* monotonic */
	int64_t arrived_ms; /* wall clock */
	Address address;	/* the client's, from the headers on */
	Client *client;		/* NULL: nobody is named, so a proxy of ours asks for itself */

	char parameter[PATH_PARAMETER_SIZE]; /* of the path, where the route has one */
	int64_t split;						 /* of the query, -1: none or not a number */
	Token token;						 /* valid, or just expired on routes that allow it */
	bool just_expired;
	bool gzip;

	uint8_t *body;
	size_t body_len;
	size_t body_size;	   /* counted in the memory budget */
	size_t body_limit;	   /* bytes on the wire */
	size_t body_announced; /* 0: not */
	size_t discarded;

	RequestContinuation then;
	LaneWaiter lane_waiter;
	SnapshotWaiter snapshot_waiter;
	Call call;
	char session_text[24]; /* see session_text() and project_text() */
	char project_text[12];
	SessionLookup lookup; /* after with_session() */
	SessionFacts session; /* when found */
	RequestContinuation after_lookup;
	void *work; /* what a handler keeps while it waits */
	void (*free_work)(void *work);

	unsigned status;
	size_t answer_len;
	struct MHD_Response *answer;
	bool answer_is_own; /* not one of the shared answers */
};

/* One of these ends the request. */
extern void answer(Request *request, AnswerId id);
extern void answer_error(Request *request, unsigned status, const char *text); /* the text may quote a client */
extern void answer_json(Request *request, unsigned status, Buffer *json);	   /* takes the buffer's memory */
extern void answer_content(Request *request, unsigned status, Buffer *content, const char *content_type); /* the same */
extern void answer_preflight(Request *request);

/* answers.c: the shared answers. */
extern bool open_answers(const Settings *settings);
extern void close_connections_after_answers(void);
extern void close_answers(void);

/*
 * Suspends the request; then is called after lane_waiter or snapshot_waiter was woken.  Call it before handing the
 * waiter out, since the waking may happen at once; where that then fails, call resume_request() oneself.
 */
extern void suspend_request(Request *request, RequestContinuation then);
extern void resume_request(Request *request);

/* Stores entries on their lane and continues with then once they are decided (request->lane_waiter.committed). */
extern void store_entries(Request *request, Entry **entries, int count, RequestContinuation then);

/*
 * Calls a SQL function, with the parameters set in request->call, and continues with then; its outcome and value are in
 * request->call.  Takes limit_ms at most.
 */
extern void call_database(Request *request, const char *sql, int nparameters, int64_t limit_ms,
						  RequestContinuation then);

/*
 * session_lookup.c: finds whose the session of the token is, in memory or else in the database, and continues with
 * then, at once or later.
 */
extern void with_session(Request *request, RequestContinuation then);

/* The token's session, and the project that with_session() found, in decimal, as parameters for calls. */
extern const char *session_text(Request *request);
extern const char *project_text(Request *request);

/* Frees the request with all it holds; nobody may be about to wake it. */
extern void forget_request(Request *request);

extern const char *request_header(Request *request, const char *name);

#endif /* OPENREPLAY_REQUEST_H */
