/*
 * request.c - the life of a request
 *
 * libmicrohttpd calls on_request() again and again for one request; Request.state says what the call is about.
 *
 * An answer given before the body was read would make libmicrohttpd close the connection with data still under way, and
 * the reset that follows can overtake the answer.  So an unwanted body is read to its end, up to DISCARD_MAX.
 */
#include "server/request.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "server/door.h"
#include "server/memory.h"
#include "server/metrics.h"
#include "server/pack.h"
#include "server/paths.h"
#include "wire/wire.h"

#define DISCARD_MAX ((size_t) 64 << 20) /* beyond any limit that is set by default, with much to spare */
#define INFLATE_FACTOR 20
#define INFLATE_LEAST ((size_t) 32 << 20)
#define INFLATE_JSON_FACTOR 8 /* parsed JSON is many times its text */
#define HEADERS_MAX 100
#define FIRST_BODY_BYTES ((size_t) 65536)

/* Hands the answer to libmicrohttpd. */
static enum MHD_Result
send_answer(Request *request)
{
	enum MHD_Result result = MHD_queue_response(request->connection, request->status, request->answer);

	expect_taking(request->line);
	count_request(request->endpoint, request->status, monotonic_us() - request->started_us, request->answer_len);
	if (request->answer_is_own)
		MHD_destroy_response(request->answer);
	request->answer = NULL;
	request->state = REQUEST_ANSWERED;
	return result;
}

/* ---- waiting ------------------------------------------------------------------------------------------------------
 */

void
suspend_request(Request *request, RequestContinuation then)
{
	assert(request->state == REQUEST_HANDLING);
	request->state = REQUEST_WAITING;
	request->then = then;
	MHD_suspend_connection(request->connection);
}

void
resume_request(Request *request)
{
	MHD_resume_connection(request->connection);
}

static void
wake_from_lane(LaneWaiter *waiter)
{
	resume_request((Request *) ((char *) waiter - offsetof(Request, lane_waiter)));
}

static void
wake_from_snapshot(SnapshotWaiter *waiter)
{
	resume_request((Request *) ((char *) waiter - offsetof(Request, snapshot_waiter)));
}

void
store_entries(Request *request, Entry **entries, int count, RequestContinuation then)
{
	suspend_request(request, then);
	if (queue_entries(request->server->lanes, entries, count, &request->lane_waiter))
		return;
	for (int i = 0; i < count; i++)
		free_entry(entries[i]);
	request->lane_waiter.committed = false;
	resume_request(request);
}

static void
wake_from_call(Call *call)
{
	resume_request((Request *) ((char *) call - offsetof(Request, call)));
}

void
call_database(Request *request, const char *sql, int nparameters, int64_t limit_ms, RequestContinuation then)
{
	Call *call = &request->call;

	free(call->value);
	call->wake = wake_from_call;
	call->sql = sql;
	call->nparameters = nparameters;
	call->limit_ms = limit_ms;
	suspend_request(request, then);
	queue_call(request->server->caller, call);
}

const char *
request_header(Request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* ---- the request line ---------------------------------------------------------------------------------------------
 */

/* The first libmicrohttpd tells us about a request: its line as it came. */
void *
on_request_line(void *argument, const char *target, struct MHD_Connection *connection)
{
	Door *door = argument;
	Connection *line = connection_of(connection);
	Request *request = line != NULL ? calloc(1, sizeof(*request)) : NULL;
	char path[CLEAN_PATH_SIZE];

	if (request == NULL)
		return NULL;
	expect_request(line);
	request->line = line;
	set_request(line, request);
	request->door = door;
	atomic_fetch_add(&door->under_way, 1);
	request->connection = connection;
	request->server = door->server;
	request->state = REQUEST_NEW;
	request->started_us = monotonic_us();
	request->split = find_split(target);
	request->lane_waiter.wake = wake_from_lane;
	request->snapshot_waiter.wake = wake_from_snapshot;
	request->endpoint = METRIC_ENDPOINTS - 1;
	if (clean_path(target, path))
	{
		for (size_t i = 0; i < door->nroutes; i++)
		{
			if (match_path(door->routes[i].path, path, request->parameter))
			{
				request->route = &door->routes[i];
				request->endpoint = door->endpoints[i];
				break;
			}
		}
	}
	return request;
}

/* ---- the client ---------------------------------------------------------------------------------------------------
 */

typedef struct HeaderLines
{
	size_t count;
	const char *forwarded[FORWARDED_MAX]; /* the last ones */
	size_t nforwarded;
} HeaderLines;

static enum MHD_Result
note_header(void *argument, enum MHD_ValueKind kind, const char *name, const char *value)
{
	HeaderLines *lines = argument;

	(void) kind;
	lines->count++;
	if (value == NULL || strcasecmp(name, "X-Forwarded-For") != 0)
		return MHD_YES;
	if (lines->nforwarded == FORWARDED_MAX)
		memmove(lines->forwarded, lines->forwarded + 1, --lines->nforwarded * sizeof(lines->forwarded[0]));
	lines->forwarded[lines->nforwarded++] = value;
	return MHD_YES;
}

/* Who asks, and may he; else answers. */
static bool
admit_client(Request *request)
{
	const TrustedProxies *proxies = &request->server->settings.trusted_proxies;
	const Address *peer = connection_peer(request->line);
	Clients *clients = request->server->clients;
	int64_t now_ms = request->started_us / 1000;
	HeaderLines lines = {.count = 0};

	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, note_header, &lines);
	request->address =
		find_client(proxies, peer, lines.forwarded, lines.nforwarded, request_header(request, "X-Real-Ip"));
	if (lines.count > HEADERS_MAX)
	{
		count_rejected(REJECTED_HEADERS);
		answer(request, ANSWER_TOO_MANY_HEADERS);
		return false;
	}
	if (is_trusted(proxies, peer) && memcmp(&request->address, peer, sizeof(*peer)) == 0)
		return true;
	request->client = hold_client(clients, &request->address, now_ms);
	if (take_request(clients, request->client, now_ms))
		return true;
	count_rejected(REJECTED_RATE);
	answer(request, ANSWER_TOO_MANY_REQUESTS);
	return false;
}

/* ---- the headers --------------------------------------------------------------------------------------------------
 */

static bool
check_token(Request *request)
{
	static const char scheme[] = "Bearer ";
	const Settings *settings = &request->server->settings;
	const char *value = request_header(request, "Authorization");
	const char *text;

	if (value == NULL || strncmp(value, scheme, sizeof(scheme) - 1) != 0)
	{
		answer(request, ANSWER_MISSING_TOKEN);
		return false;
	}
	text = value + sizeof(scheme) - 1;
	switch (read_token(text, strlen(text), settings->token_secret, settings->token_secret_len, request->arrived_ms,
					   &request->token))
	{
		case TOKEN_VALID:
			return true;
		case TOKEN_JUST_EXPIRED:
			request->just_expired = request->route->auth == AUTH_TOKEN_GRACE;
			if (request->just_expired || request->route->auth == AUTH_SIGNATURE)
				return true;
			answer(request, ANSWER_TOKEN_EXPIRED);
			return false;
		case TOKEN_EXPIRED:
			if (request->route->auth == AUTH_SIGNATURE)
				return true;
			answer(request, ANSWER_TOKEN_EXPIRED);
			return false;
		case TOKEN_WRONG_SIGN:
			answer(request, ANSWER_TOKEN_WRONG_SIGN);
			return false;
		case TOKEN_WRONG_FORMAT:
			break;
	}
	answer(request, ANSWER_TOKEN_WRONG_FORMAT);
	return false;
}

/*
 * What the session's tracker may have been told of the size of batches: its project's limit, and the server's too, as
 * the project's may have been set since.  Of a session not known here, what any may have been told.
 */
static int64_t
batch_limit(Request *request)
{
	Server *server = request->server;
	SessionFacts facts;
	Project project;

	if (!recall_session(server->sessions, request->token.session_id, &facts) ||
		!find_project_by_id(server->snapshot, facts.project_id, &project))
		return largest_beacon(server->snapshot);
	return project.beacon_size > server->settings.beacon_size_limit ? project.beacon_size
																	: server->settings.beacon_size_limit;
}

/* Bytes on the wire. */
static size_t
limit_of(Request *request)
{
	const Settings *settings = &request->server->settings;

	switch (request->route->body)
	{
		case BODY_BATCH:
			return (size_t) batch_limit(request);
		case BODY_MOBILE_BATCH: /* mobile trackers are told no other limit */
		case BODY_ANALYTICS:
			return (size_t) settings->beacon_size_limit;
		case BODY_JSON:
		case BODY_MOBILE_JSON:
			return (size_t) settings->json_size_limit;
		case BODY_FILES:
			return (size_t) settings->file_size_limit;
		case BODY_NONE:
			break;
	}
	return 0;
}

static void
answer_too_large(Request *request)
{
	count_rejected(REJECTED_SIZE);
	answer(request, request->route->body == BODY_MOBILE_JSON ? ANSWER_MOBILE_BODY_TOO_LARGE : ANSWER_BODY_TOO_LARGE);
}

/* The body's announced length; 0 when there is none or it comes in chunks. */
static size_t
announced_length(Request *request)
{
	const char *value = request_header(request, "Content-Length");

	return value != NULL ? (size_t) strtoull(value, NULL, 10) : 0;
}

/* Memory for size bytes of body; false when the budget is spent, or the client's share of it. */
static bool
grow_body(Request *request, size_t size)
{
	size_t more = size - request->body_size;
	uint8_t *body;

	if (!take_client_memory(request->server->clients, request->client, more))
	{
		count_rejected(REJECTED_CLIENT_MEMORY);
		return false;
	}
	if (take_memory(more))
	{
		body = realloc(request->body, size);
		if (body != NULL)
		{
			request->body = body;
			request->body_size = size;
			return true;
		}
		give_memory(more);
	}
	give_client_memory(request->server->clients, request->client, more);
	count_rejected(REJECTED_MEMORY);
	return false;
}

static void
release_body(Request *request)
{
	free(request->body);
	give_memory(request->body_size);
	give_client_memory(request->server->clients, request->client, request->body_size);
	request->body = NULL;
	request->body_size = 0;
}

/* Looks at everything that can be decided before the body; what cannot be served is answered here. */
static void
look_at_headers(Request *request, const char *method)
{
	const Route *route = request->route;
	const char *encoding;
	size_t length;

	if (strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0)
	{
		answer_preflight(request);
		return;
	}
	if (!admit_client(request))
		return;
	if (route == NULL)
	{
		answer(request, ANSWER_NOT_FOUND);
		return;
	}
	if (route->method != NULL && strcmp(method, route->method) != 0)
	{
		answer(request, ANSWER_WRONG_METHOD);
		return;
	}
	if (route->auth != AUTH_NONE && !check_token(request))
		return;
	if (route->body == BODY_NONE)
		return;

	request->body_limit = limit_of(request);
	encoding = request_header(request, "Content-Encoding");
	request->gzip = encoding != NULL && strcmp(encoding, "gzip") == 0 && route->body != BODY_MOBILE_JSON;
	length = announced_length(request);
	if (length > request->body_limit)
		answer_too_large(request);
	else if (length > 0 && !grow_body(request, length < FIRST_BODY_BYTES ? length : FIRST_BODY_BYTES))
		answer(request, ANSWER_BUSY);
	request->body_announced = length;
}

static enum MHD_Result
begin_request(Request *request, const char *method)
{
	request->arrived_ms = wall_ms();
	look_at_headers(request, method);
	if (request->answer == NULL)
	{
		request->state = request->route->body == BODY_NONE ? REQUEST_DISCARDING : REQUEST_READING;
		return MHD_YES;
	}
	request->state = REQUEST_DISCARDING;
	/* Who waits for "100 Continue", or would send too much to listen to, gets the answer now, at the price of the
	 * connection. */
	if (announced_length(request) > DISCARD_MAX || request_header(request, "Expect") != NULL)
		return send_answer(request);
	return MHD_YES;
}

/* ---- the body -----------------------------------------------------------------------------------------------------
 */

static void
collect_body(Request *request, const char *data, size_t len)
{
	size_t needed = request->body_len + len;

	count_received(len);
	if (request->state == REQUEST_READING && needed > request->body_limit)
	{
		answer_too_large(request);
		request->state = REQUEST_DISCARDING;
	}
	else if (request->state == REQUEST_READING && needed > request->body_size)
	{
		size_t most = request->body_announced > 0 ? request->body_announced : request->body_limit;
		size_t size = request->body_size * 2 > FIRST_BODY_BYTES ? request->body_size * 2 : FIRST_BODY_BYTES;

		/* Not all at once: who announces much has not sent it yet. */
		if (size > most)
			size = most;
		if (size < needed)
			size = needed;
		if (!grow_body(request, size))
		{
			answer(request, ANSWER_BUSY);
			request->state = REQUEST_DISCARDING;
		}
	}
	if (request->state == REQUEST_DISCARDING)
	{
		release_body(request);
		request->discarded += len;
		return;
	}
	memcpy(request->body + request->body_len, data, len);
	request->body_len = needed;
}

static size_t
inflated_limit(Request *request)
{
	if (request->route->body == BODY_ANALYTICS || request->route->body == BODY_FILES)
		return request->body_limit;
	if (request->route->body == BODY_JSON)
		return request->body_limit * INFLATE_JSON_FACTOR;
	if (request->body_limit > WIRE_BODY_MAX / INFLATE_FACTOR)
		return WIRE_BODY_MAX;
	return request->body_limit * INFLATE_FACTOR > INFLATE_LEAST ? request->body_limit * INFLATE_FACTOR : INFLATE_LEAST;
}

static void
handle_request(Request *request)
{
	const uint8_t *body = request->body;
	size_t len = request->body_len;

	request->state = REQUEST_HANDLING;
	if (request->gzip && len > 0 && !inflate_gzip(request->body, len, inflated_limit(request), &body, &len))
	{
		count_rejected(REJECTED_SIZE);
		answer(request, request->route->body == BODY_MOBILE_BATCH ? ANSWER_BAD_MOBILE_GZIP : ANSWER_BAD_GZIP);
	}
	else
		request->route->handle(request, body, len);
	/* Whatever has to stay was copied; a waiting request holds no body. */
	release_body(request);
}

/* ---- callbacks ----------------------------------------------------------------------------------------------------
 */

enum MHD_Result
on_request(void *argument, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
		   const char *data, size_t *len, void **context)
{
	Request *request = *context;

	(void) argument;
	(void) connection;
	(void) url;
	(void) version;
	if (request == NULL)
		return MHD_NO;
	switch (request->state)
	{
		case REQUEST_NEW:
			return begin_request(request, method);
		case REQUEST_READING:
		case REQUEST_DISCARDING:
			if (*len > 0)
			{
				collect_body(request, data, *len);
				*len = 0;
				return request->discarded <= DISCARD_MAX ? MHD_YES : MHD_NO;
			}
			expect_server(request->line);
			if (request->answer == NULL)
				handle_request(request);
			break;
		case REQUEST_WAITING:
			request->state = REQUEST_HANDLING;
			request->then(request);
			break;
		case REQUEST_HANDLING:
		case REQUEST_ANSWERED:
			return MHD_NO;
	}
	if (request->state == REQUEST_WAITING)
		return MHD_YES;
	assert(request->answer != NULL);
	return send_answer(request);
}

void
forget_request(Request *request)
{
	release_body(request);
	free(request->call.value);
	release_client(request->server->clients, request->client);
	if (request->free_work != NULL)
		request->free_work(request->work);
	if (request->answer != NULL && request->answer_is_own)
		MHD_destroy_response(request->answer);
	atomic_fetch_sub(&request->door->under_way, 1);
	free(request);
}

void
on_completed(void *argument, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode reason)
{
	Request *request = *context;

	(void) argument;
	(void) connection;
	(void) reason;
	if (request == NULL)
		return;
	*context = NULL;
	expect_request(request->line);
	set_request(request->line, NULL);
	forget_request(request);
}
