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

#define DISCARD_MAX ((size_t) 8 << 20)
#define INFLATE_FACTOR 20
#define INFLATE_LEAST ((size_t) 32 << 20)
#define INFLATE_JSON_FACTOR 8 /* parsed JSON is many times its text */
#define FIRST_BODY_BYTES ((size_t) 65536)

/* Hands the answer to libmicrohttpd. */
static enum MHD_Result
send_answer(Request *request)
{
	enum MHD_Result result = MHD_queue_response(request->connection, request->status, request->answer);

	count_request(request->endpoint, request->status);
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
	Request *request = calloc(1, sizeof(*request));
	char path[CLEAN_PATH_SIZE];

	if (request == NULL)
		return NULL;
	atomic_fetch_add(&door->under_way, 1);
	request->connection = connection;
	request->server = door->server;
	request->state = REQUEST_NEW;
	request->started_ms = monotonic_ms();
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
				request->endpoint = (unsigned) i;
				break;
			}
		}
	}
	return request;
}

/* ---- the client ---------------------------------------------------------------------------------------------------
 */

typedef struct ForwardedLines
{
	const char *lines[FORWARDED_MAX]; /* the last ones */
	size_t count;
} ForwardedLines;

static enum MHD_Result
note_forwarded(void *argument, enum MHD_ValueKind kind, const char *name, const char *value)
{
	ForwardedLines *forwarded = argument;

	(void) kind;
	if (value == NULL || strcasecmp(name, "X-Forwarded-For") != 0)
		return MHD_YES;
	if (forwarded->count == FORWARDED_MAX)
		memmove(forwarded->lines, forwarded->lines + 1, --forwarded->count * sizeof(forwarded->lines[0]));
	forwarded->lines[forwarded->count++] = value;
	return MHD_YES;
}

static Address
client_of(Request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	ForwardedLines forwarded = {.count = 0};
	Address peer;

	address_of_socket(info != NULL ? info->client_addr : NULL, &peer);
	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, note_forwarded, &forwarded);
	return find_client(&request->server->settings.trusted_proxies, &peer, forwarded.lines, forwarded.count,
					   request_header(request, "X-Real-Ip"));
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

/* Bytes on the wire. */
static size_t
limit_of(Request *request)
{
	const Settings *settings = &request->server->settings;

	switch (request->route->body)
	{
		case BODY_BATCH:
		case BODY_MOBILE_BATCH:
			return (size_t) largest_beacon(request->server->snapshot);
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
	answer(request, request->route->body == BODY_MOBILE_JSON ? ANSWER_MOBILE_BODY_TOO_LARGE : ANSWER_BODY_TOO_LARGE);
}

/* The body's announced length; 0 when there is none or it comes in chunks. */
static size_t
announced_length(Request *request)
{
	const char *value = request_header(request, "Content-Length");

	return value != NULL ? (size_t) strtoull(value, NULL, 10) : 0;
}

/* Memory for size bytes of body; false when the budget is spent. */
static bool
grow_body(Request *request, size_t size)
{
	uint8_t *body;

	if (!take_memory(size - request->body_size))
		return false;
	body = realloc(request->body, size);
	if (body == NULL)
	{
		give_memory(size - request->body_size);
		return false;
	}
	request->body = body;
	request->body_size = size;
	return true;
}

static void
release_body(Request *request)
{
	free(request->body);
	give_memory(request->body_size);
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
	request->client = client_of(request);
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
	return request->body_limit * INFLATE_FACTOR > INFLATE_LEAST ? request->body_limit * INFLATE_FACTOR : INFLATE_LEAST;
}

static void
handle_request(Request *request)
{
	const uint8_t *body = request->body;
	size_t len = request->body_len;

	request->state = REQUEST_HANDLING;
	if (request->gzip && len > 0 && !inflate_gzip(request->body, len, inflated_limit(request), &body, &len))
		answer(request, request->route->body == BODY_MOBILE_BATCH ? ANSWER_BAD_MOBILE_GZIP : ANSWER_BAD_GZIP);
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
				/* A body may be slow, but not for ever. */
				return request->discarded <= DISCARD_MAX &&
							   monotonic_ms() - request->started_ms <= request->server->settings.http_timeout_s * 1000
						   ? MHD_YES
						   : MHD_NO;
			}
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
on_completed(void *argument, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode reason)
{
	Door *door = argument;
	Request *request = *context;

	(void) connection;
	(void) reason;
	if (request == NULL)
		return;
	*context = NULL;
	release_body(request);
	free(request->call.value);
	if (request->free_work != NULL)
		request->free_work(request->work);
	if (request->answer != NULL && request->answer_is_own)
		MHD_destroy_response(request->answer);
	free(request);
	atomic_fetch_sub(&door->under_way, 1);
}
