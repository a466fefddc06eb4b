/*
 * usability.c - usability tests: GET /v1/web/uxt/test/{id}, POST /v1/web/uxt/signals/test and /task,
 * GET /v1/web/uxt/upload-url
 *
 * A test is read from the database.  What a visitor does in it is as dear as his recording, so signals take the way of
 * batches: an entry on the session's lane, of which the pass makes a row.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "server/client_json.h"
#include "server/pack.h"
#include "server/routes.h"

#define TEST_MS 1000
#define ANSWER_MAX 10000 /* characters of a visitor's answer */
#define JSON_MAX ((size_t) 1 << 20)
#define TEST_MAX ((size_t) 16 << 20)

/* ---- the test -----------------------------------------------------------------------------------------------------
 */

static void
answer_test(Request *request)
{
	const Call *call = &request->call;
	Buffer json;

	if (call->outcome == CALL_UNAVAILABLE || call->outcome == CALL_TOO_LATE)
		answer(request, ANSWER_NO_DATABASE);
	else if (call->outcome == CALL_REFUSED && strcmp(call->sqlstate, "28000") == 0)
		answer(request, ANSWER_PROJECT_MISMATCH);
	else if (call->outcome == CALL_REFUSED)
		answer(request, ANSWER_FAILED);
	else if (call->value == NULL)
		answer_error(request, 500, "there is no such test to take");
	else
	{
		init_buffer(&json, TEST_MAX);
		put_text(&json, call->value);
		answer_json(request, 200, &json);
	}
}

static void
find_test(Request *request)
{
	switch (request->lookup)
	{
		case SESSION_FOUND:
			break;
		case SESSION_MISSING:
			answer_error(request, 403, "the session is not known");
			return;
		case SESSION_UNSURE:
			answer(request, ANSWER_NO_DATABASE);
			return;
		case SESSION_FAILED:
			answer(request, ANSWER_FAILED);
			return;
	}
	if (read_parameter(request->parameter) == 0)
	{
		answer_error(request, 500, "the number of the test is none");
		return;
	}
	request->call.parameters[0] = project_text(request);
	request->call.parameters[1] = request->parameter;
	call_database(request, "SELECT openreplay.usability_test($1::integer, $2::integer)", 2, TEST_MS, answer_test);
}

void
show_usability_test(Request *request, const uint8_t *body, size_t len)
{
	(void) body;
	(void) len;
	with_session(request, find_test);
}

/* ---- signals ------------------------------------------------------------------------------------------------------
 */

static void
after_commit(Request *request)
{
	answer(request, request->lane_waiter.committed ? ANSWER_OK : ANSWER_BUSY);
}

static void
store_signal(Request *request, const Buffer *json)
{
	Entry *entry = NULL;
	const void *frame;
	size_t frame_len;

	if (!json->failed && pack_body(json->data, json->len, &frame, &frame_len))
		entry = make_entry(request->token.session_id, 'u', (uint32_t) json->len, frame, frame_len);
	if (entry != NULL)
		store_entries(request, &entry, 1, after_commit);
	else
		answer(request, ANSWER_BUSY);
}

/* One of the words the database knows; NULL otherwise. */
static const char *
known_status(const json_t *value)
{
	static const char *const statuses[] = {"begin", "done", "skipped"};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
	{
		if (json_is_string(value) && strcmp(json_string_value(value), statuses[i]) == 0)
			return statuses[i];
	}
	return NULL;
}

static bool
is_row_number(int64_t number)
{
	return number > 0 && number <= INT32_MAX;
}

/* The answer is sent as taskAnswer; newer servers' clients may say answer. */
static void
put_answer(Buffer *json, const json_t *signal)
{
	const json_t *value = client_member(signal, "taskAnswer");
	char *text;

	if (value == NULL)
		value = client_member(signal, "answer");
	text = client_text(value, ANSWER_MAX);
	if (text == NULL || text[0] == '\0')
		put_text(json, "null");
	else
		put_json_string(json, text);
	free(text);
}

/* The signal in the one form that the pass reads.  False, and answered, when it makes no sense. */
static bool
put_signal(Request *request, const json_t *signal, bool of_task, Buffer *json)
{
	int64_t test_id = client_number(client_member(signal, "testID"));
	int64_t task_id = client_number(client_member(signal, "taskID"));
	int64_t timestamp = client_number(client_member(signal, "timestamp"));
	int64_t duration = client_number(client_member(signal, "duration"));
	const char *status = known_status(client_member(signal, "status"));

	if (!is_row_number(test_id))
		answer_error(request, 400, "testID value required");
	else if (of_task && !is_row_number(task_id))
		answer_error(request, 400, "taskID value required");
	else if (status == NULL)
		answer_error(request, 400, "status is none of begin, done, skipped");
	else
	{
		put_format(json, "{\"test_id\":%lld,\"task_id\":", (long long) test_id);
		if (of_task)
			put_format(json, "%lld", (long long) task_id);
		else
			put_text(json, "null");
		put_format(json, ",\"status\":\"%s\",\"timestamp\":%lld,\"duration\":%lld,\"answer\":", status,
				   (long long) (timestamp > 0 ? timestamp : request->arrived_ms),
				   (long long) (duration > 0 ? duration : 0));
		put_answer(json, signal);
		put_text(json, "}");
		return true;
	}
	return false;
}

static void
take_signal(Request *request, const uint8_t *body, size_t len, bool of_task)
{
	char why[256];
	json_t *signal = read_client_json(body, len, why, sizeof(why));
	Buffer json;

	if (signal == NULL)
	{
		answer_error(request, 400, why);
		return;
	}
	init_buffer(&json, JSON_MAX);
	if (put_signal(request, signal, of_task, &json))
		store_signal(request, &json);
	free_buffer(&json);
	json_decref(signal);
}

void
take_test_signal(Request *request, const uint8_t *body, size_t len)
{
	take_signal(request, body, len, false);
}

void
take_task_signal(Request *request, const uint8_t *body, size_t len)
{
	take_signal(request, body, len, true);
}

/* ---- the webcam ---------------------------------------------------------------------------------------------------
 */

static void
answer_upload_url(Request *request)
{
	const Call *call = &request->call;
	Buffer json;

	if (call->outcome == CALL_UNAVAILABLE || call->outcome == CALL_TOO_LATE)
		answer(request, ANSWER_NO_DATABASE);
	else if (call->outcome == CALL_REFUSED && strcmp(call->sqlstate, "55000") == 0)
		answer_error(request, 500, "no object storage is configured");
	else if (call->outcome == CALL_REFUSED || call->value == NULL)
		answer(request, ANSWER_FAILED);
	else
	{
		init_buffer(&json, TEST_MAX);
		put_text(&json, "{\"url\":");
		put_json_string(&json, call->value);
		put_text(&json, "}");
		answer_json(request, 200, &json);
	}
}

/* The tracker puts the video straight into object storage; the database has the key that signs for it. */
void
give_upload_url(Request *request, const uint8_t *body, size_t len)
{
	(void) body;
	(void) len;
	request->call.parameters[0] = session_text(request);
	call_database(request, "SELECT openreplay.webcam_upload_url($1::bigint)", 1, TEST_MS, answer_upload_url);
}
