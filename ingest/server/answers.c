/*
 * answers.c - what clients are told
 *
 * CORS headers are on every answer, because a browser hides an answer without them from the tracker, which then takes a
 * plain "your token has expired" for a dead network.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "server/request.h"

#define ERROR_MAX 8192
#define ERROR_SHOWN 1000 /* bytes of a text that may quote a client */

static const unsigned answer_statuses[] = {
#define ANSWER(name, status, text) status,
#include "server/answers.list.h"
#undef ANSWER
};

static const char *const answer_texts[] = {
#define ANSWER(name, status, text) text,
#include "server/answers.list.h"
#undef ANSWER
};

static const Settings *settings;
static struct MHD_Response *answers[ANSWER_COUNT][2]; /* keeping the connection, closing it */
static size_t answer_lens[ANSWER_COUNT];
static struct MHD_Response *preflight;
static atomic_bool closing; /* every answer is the last of its connection */

static void
add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (MHD_add_response_header(response, name, value) != MHD_YES)
		log_error("cannot add a response header name=%s", name);
}

/* Headers that depend on the status and settings alone.  A body that was cut short leaves the connection unusable. */
static void
add_headers(struct MHD_Response *response, unsigned status, const char *content_type, bool last)
{
	if (settings->use_cors)
		add_header(response, "Access-Control-Allow-Origin", "*");
	if (content_type != NULL)
		add_header(response, "Content-Type", content_type);
	if (status == 503 || status == 429)
		add_header(response, "Retry-After", "2");
	if (last || status == 413)
		add_header(response, "Connection", "close");
}

static struct MHD_Response *
make_answer(unsigned status, const char *text, bool last, size_t *len)
{
	struct MHD_Response *response = NULL;
	Buffer json;

	*len = 0;
	if (text == NULL)
		response = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
	else
	{
		init_buffer(&json, ERROR_MAX);
		put_text(&json, "{\"error\":");
		put_json_string(&json, text);
		put_text(&json, "}");
		if (!json.failed)
			response = MHD_create_response_from_buffer(json.len, json.data, MHD_RESPMEM_MUST_COPY);
		*len = json.len;
		free_buffer(&json);
	}
	if (response != NULL)
		add_headers(response, status, text != NULL ? "application/json" : NULL, last);
	return response;
}

bool
open_answers(const Settings *with)
{
	bool ok = true;
	size_t none;

	settings = with;
	for (int id = 0; id < ANSWER_COUNT; id++)
	{
		for (int last = 0; last < 2; last++)
		{
			answers[id][last] = make_answer(answer_statuses[id], answer_texts[id], last == 1, &answer_lens[id]);
			ok = ok && answers[id][last] != NULL;
		}
	}
	preflight = make_answer(200, NULL, false, &none);
	if (!ok || preflight == NULL)
	{
		close_answers();
		return false;
	}
	if (settings->use_cors)
	{
		add_header(preflight, "Access-Control-Allow-Methods", "POST, GET, OPTIONS");
		add_header(preflight, "Access-Control-Allow-Headers",
				   "Content-Type, Authorization, Content-Encoding, DataType, X-Openreplay-Batch");
		/* A closing page sends its last batch without a preflight of its own. */
		add_header(preflight, "Access-Control-Max-Age", "86400");
	}
	return true;
}

static void
set_answer(Request *request, unsigned status, struct MHD_Response *response, size_t len, bool own)
{
	assert(request->state != REQUEST_ANSWERED && request->answer == NULL);
	request->status = status;
	request->answer = response;
	request->answer_len = len;
	request->answer_is_own = own;
}

void
answer(Request *request, AnswerId id)
{
	if (request->just_expired)
		id = ANSWER_TOKEN_EXPIRED;
	set_answer(request, answer_statuses[id], answers[id][atomic_load(&closing)], answer_lens[id], false);
}

void
answer_error(Request *request, unsigned status, const char *text)
{
	char clean[3 * ERROR_SHOWN + 1];
	size_t len;
	struct MHD_Response *response;

	clean_text(text, strnlen(text, ERROR_SHOWN), 0, clean);
	response = make_answer(status, clean, atomic_load(&closing), &len);
	if (response != NULL)
		set_answer(request, status, response, len, true);
	else
		answer(request, ANSWER_FAILED);
}

void
answer_content(Request *request, unsigned status, Buffer *content, const char *content_type)
{
	struct MHD_Response *response = NULL;
	size_t len = content->len;

	if (!content->failed)
		response = MHD_create_response_from_buffer(content->len, content->data, MHD_RESPMEM_MUST_FREE);
	if (response == NULL)
	{
		free_buffer(content);
		answer(request, ANSWER_FAILED);
		return;
	}
	*content = (Buffer){0};
	add_headers(response, status, content_type, atomic_load(&closing));
	set_answer(request, status, response, len, true);
}

void
answer_json(Request *request, unsigned status, Buffer *json)
{
	answer_content(request, status, json, "application/json");
}

void
answer_preflight(Request *request)
{
	set_answer(request, 200, preflight, 0, false);
}

void
close_connections_after_answers(void)
{
	atomic_store(&closing, true);
}

void
close_answers(void)
{
	for (int id = 0; id < ANSWER_COUNT; id++)
	{
		for (int last = 0; last < 2; last++)
		{
			if (answers[id][last] != NULL)
				MHD_destroy_response(answers[id][last]);
			answers[id][last] = NULL;
		}
	}
	if (preflight != NULL)
		MHD_destroy_response(preflight);
	preflight = NULL;
}
