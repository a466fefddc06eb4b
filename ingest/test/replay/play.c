/*
 * play.c - one recorded visit through the HTTP door, request by request, as the stock tracker would
 */
#include "replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

/* The tracker's own numbers: it waits attempt * 250 ms and gives up after ten. */
#define RETRY_STEP_MS 250
#define RETRY_ATTEMPTS 10

typedef struct Player
{
	const PlayOptions *options;
	const Capture *capture;
	Edition *edition;
	Ledger *ledger;
	CURL *curl;
	char *answer;
	size_t answer_len;
	StartAnswer session;
	bool started;
	int batches;
	size_t bytes;
	int refused;  /* answers that stop or harm a recording */
	int declined; /* answers a tracker shrugs off */
	uint64_t counts[WIRE_TYPE_COUNT];
} Player;

static size_t
collect_answer(char *data, size_t size, size_t count, void *user)
{
	Player *player = user;
	size_t len = size * count;

	player->answer = need(realloc(player->answer, player->answer_len + len + 1));
	memcpy(player->answer + player->answer_len, data, len);
	player->answer_len += len;
	player->answer[player->answer_len] = '\0';
	return len;
}

static struct curl_slist *
add_header(struct curl_slist *headers, const char *name, const char *value)
{
	char *line;

	if (asprintf(&line, "%s: %s", name, value) < 0)
		fail("out of memory");
	headers = need(curl_slist_append(headers, line));
	free(line);
	return headers;
}

static struct curl_slist *
request_headers(const Player *player, const CaptureRequest *request)
{
	/* A name alone keeps libcurl from adding what the tracker does not send. */
	struct curl_slist *headers = need(curl_slist_append(NULL, "Expect:"));

	if (request->content_type)
		headers = add_header(headers, "Content-Type", request->content_type);
	else
		headers = need(curl_slist_append(headers, "Content-Type:"));
	if (request->data_type)
		headers = add_header(headers, "DataType", request->data_type);
	if (request->gzip)
		headers = add_header(headers, "Content-Encoding", "gzip");
	if (request->kind != REQUEST_START && player->started)
	{
		char bearer[sizeof(player->session.token) + 8];

		snprintf(bearer, sizeof(bearer), "Bearer %s", player->session.token);
		headers = add_header(headers, "Authorization", bearer);
	}
	return headers;
}

/* The status, 0 when there is no answer. */
static long
exchange(Player *player, const CaptureRequest *request, const void *body, size_t len)
{
	struct curl_slist *headers = request_headers(player, request);
	char *url;
	long status = 0;
	CURLcode result;

	if (asprintf(&url, "%s%s", player->options->url, request->path) < 0)
		fail("out of memory");
	player->answer_len = 0;
	curl_easy_reset(player->curl);
	curl_easy_setopt(player->curl, CURLOPT_URL, url);
	curl_easy_setopt(player->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(player->curl, CURLOPT_USERAGENT, player->capture->user_agent ? player->capture->user_agent : "");
	curl_easy_setopt(player->curl, CURLOPT_WRITEFUNCTION, collect_answer);
	curl_easy_setopt(player->curl, CURLOPT_WRITEDATA, player);
	curl_easy_setopt(player->curl, CURLOPT_TIMEOUT, 30L);
	curl_easy_setopt(player->curl, CURLOPT_NOSIGNAL, 1L);
	if (strcmp(request->method, "GET") != 0)
	{
		curl_easy_setopt(player->curl, CURLOPT_CUSTOMREQUEST, request->method);
		curl_easy_setopt(player->curl, CURLOPT_POSTFIELDS, body ? body : "");
		curl_easy_setopt(player->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) len);
	}
	result = curl_easy_perform(player->curl);
	if (result == CURLE_OK)
		curl_easy_getinfo(player->curl, CURLINFO_RESPONSE_CODE, &status);
	else
		fprintf(stderr, "%s: %s\n", url, curl_easy_strerror(result));
	curl_slist_free_all(headers);
	free(url);
	return status;
}

static void
tell_refusal(const Player *player, const CaptureRequest *request, long status)
{
	fprintf(stderr, "%s: %s %s: status %ld: %.200s\n", player->capture->name, request->method, request->path, status,
			player->answer_len > 0 ? player->answer : "");
}

static void
play_start(Player *player, const CaptureRequest *request)
{
	char *body =
		start_body(player->capture, request, player->options->key, player->started ? player->session.token : NULL,
				   player->edition->shift_ms, player->options->now);
	long status = exchange(player, request, body, strlen(body));
	StartAnswer answer;
	const char *missing;

	free(body);
	if (status != 200)
	{
		tell_refusal(player, request, status);
		player->refused++;
		return;
	}
	missing = read_start_answer(player->answer, player->answer_len, &answer);
	if (missing == NULL && player->started && answer.session_id != player->session.session_id)
		missing = "another session although the token of the first was sent";
	if (missing)
	{
		fprintf(stderr, "%s: start: %s: %.200s\n", player->capture->name, missing, player->answer);
		player->refused++;
		return;
	}
	if (!player->started)
	{
		ledger_start(player->ledger, answer.session_id);
		printf("session %" PRIu64 " %s\n", answer.session_id, player->capture->name);
	}
	player->session = answer;
	player->started = true;
}

static void
play_batch(Player *player, const CaptureRequest *request, const EditionBody *body)
{
	long status = 0;

	for (int attempt = 1; attempt <= RETRY_ATTEMPTS; attempt++)
	{
		status = exchange(player, request, body->data, body->len);
		if (status == 200 || status == 401)
			break;
		tell_refusal(player, request, status);
		usleep((useconds_t) (attempt * RETRY_STEP_MS * 1000));
	}
	if (status != 200)
	{
		tell_refusal(player, request, status);
		player->refused++;
		return;
	}
	for (int i = 0; i < body->nparts; i++)
	{
		ledger_batch(player->ledger, player->session.session_id, &body->parts[i]);
		player->batches++;
		player->bytes += body->parts[i].size;
	}
	for (int type = 0; type < WIRE_TYPE_COUNT; type++)
		player->counts[type] += request->counts[type];
}

static void
play_other(Player *player, const CaptureRequest *request)
{
	long status = exchange(player, request, request->body, request->len);

	if (status != 200)
		player->declined++;
}

int
play(const PlayOptions *options)
{
	Capture *capture = open_capture(options->capture_dir);
	Player player = {.options = options, .capture = capture};

	player.edition = make_edition(capture, options->now ? shift_to_end_at(capture, wall_ms()) : 0);
	player.ledger = open_ledger(options->ledger);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	player.curl = need(curl_easy_init());
	for (size_t i = 0; i < capture->nrequests; i++)
	{
		const CaptureRequest *request = &capture->requests[i];

		if (request->kind == REQUEST_START)
			play_start(&player, request);
		else if (!player.started)
			break;
		else if (request->kind == REQUEST_BATCH)
			play_batch(&player, request, &player.edition->bodies[i]);
		else
			play_other(&player, request);
	}
	curl_easy_cleanup(player.curl);
	curl_global_cleanup();
	close_ledger(player.ledger);
	release_edition(player.edition);
	free(player.answer);

	printf("sent %d batches of %zu bytes", player.batches, player.bytes);
	if (player.declined > 0)
		printf("; %d other requests (tags, flags, images) not answered 200, which a tracker tolerates",
			   player.declined);
	printf("\n");
	for (unsigned type = 0; type < WIRE_TYPE_COUNT; type++)
	{
		if (player.counts[type] > 0)
			printf("message %u %s %" PRIu64 "\n", type, wire_type(type)->name, player.counts[type]);
	}
	if (player.refused > 0)
		fprintf(stderr, "%s: %d requests were not answered as a tracker needs it\n", capture->name, player.refused);
	close_capture(capture);
	return player.refused > 0;
}
