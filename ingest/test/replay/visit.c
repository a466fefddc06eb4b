/*
 * visit.c - a recorded visit made fresh: its batches at another time, its start requests with another key and token
 */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

/* Servers believe a start that tells of a visit begun less than five minutes ago. */
#define MAX_BUFFERED_MS 299000

Edition *
make_edition(Capture *capture, int64_t shift_ms)
{
	Edition *edition = need(calloc(1, sizeof(Edition) + capture->nrequests * sizeof(EditionBody)));

	*edition = (Edition){.capture = capture, .shift_ms = shift_ms, .users = 1};
	for (size_t i = 0; i < capture->nrequests; i++)
	{
		const CaptureRequest *request = &capture->requests[i];
		EditionBody *body = &edition->bodies[i];

		if (request->kind != REQUEST_BATCH)
			continue;
		body->data = need(malloc(request->len + 1));
		memcpy(body->data, request->body, request->len);
		body->len = request->len;
		if (!move_times(body->data, &request->marks, shift_ms))
			fail("%s: a time cannot be moved by %lld ms in place", capture->name, (long long) shift_ms);
		body->nparts = request->nparts;
		for (int n = 0; n < request->nparts; n++)
		{
			const BatchPart *part = &request->parts[n];

			body->parts[n] = (PartName){.hash = hash_bytes(body->data + part->offset, part->len),
										.size = (uint32_t) part->len,
										.page_no = part->page_no,
										.first_index = part->first_index};
		}
		if (request->gzip)
		{
			uint8_t *plain = body->data;

			body->data = deflate_gzip(plain, body->len, &body->len);
			free(plain);
		}
	}
	return edition;
}

void
release_edition(Edition *edition)
{
	if (edition == NULL || --edition->users > 0)
		return;
	for (size_t i = 0; i < edition->capture->nrequests; i++)
		free(edition->bodies[i].data);
	free(edition);
}

static int64_t
moved_duration(const Capture *capture)
{
	return capture->duration_ms < MAX_BUFFERED_MS ? capture->duration_ms : MAX_BUFFERED_MS;
}

int64_t
shift_to_end_at(const Capture *capture, int64_t end_ms)
{
	return end_ms - moved_duration(capture) - capture->start_ms;
}

/*
 * A moved visit ends now, so it began before its session id is made.  The tracker has a word for that, bufferDiff: how
 * long it buffered before it asked for a session.  Its clock then reads the visit's begin plus that.
 */
char *
start_body(const Capture *capture, const CaptureRequest *request, const char *project_key, const char *token,
		   int64_t shift_ms, bool moved)
{
	json_t *body = json_copy(request->start);
	int64_t timestamp = json_integer_value(json_object_get(body, "timestamp")) + shift_ms;
	char *text;

	json_object_set_new(body, "projectKey", json_string(project_key));
	if (moved && token == NULL)
	{
		timestamp += moved_duration(capture);
		json_object_set_new(body, "bufferDiff", json_integer(moved_duration(capture)));
	}
	json_object_set_new(body, "timestamp", json_integer(timestamp));
	if (token && json_object_get(body, "token"))
		json_object_set_new(body, "token", json_string(token));
	text = need(json_dumps(body, JSON_COMPACT));
	json_decref(body);
	return text;
}

static bool
number_or_absent(json_t *answer, const char *name)
{
	json_t *value = json_object_get(answer, name);

	return value == NULL || json_is_number(value);
}

const char *
read_start_answer(const char *body, size_t len, StartAnswer *answer)
{
	json_t *json = json_loadb(body, len, 0, NULL);
	const char *token = json_string_value(json_object_get(json, "token"));
	const char *session_id = json_string_value(json_object_get(json, "sessionID"));
	const char *missing = NULL;

	if (!json_is_object(json))
		missing = "not a JSON object";
	else if (token == NULL || strlen(token) >= sizeof(answer->token))
		missing = "token is not a string of a sensible length";
	else if (session_id == NULL)
		missing = "sessionID is not a string";
	else if (!json_is_string(json_object_get(json, "userUUID")))
		missing = "userUUID is not a string";
	else if (!json_is_number(json_object_get(json, "delay")))
		missing = "delay is not a number";
	else if (!number_or_absent(json, "beaconSizeLimit") || !number_or_absent(json, "startTimestamp"))
		missing = "beaconSizeLimit or startTimestamp is neither absent nor a number";
	else
	{
		snprintf(answer->token, sizeof(answer->token), "%s", token);
		answer->session_id = strtoull(session_id, NULL, 10);
		if (answer->session_id == 0)
			missing = "sessionID is not a number";
	}
	json_decref(json);
	return missing;
}
