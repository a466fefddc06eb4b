/*
 * bench.c - durable batches a second, with bodies of one size
 *
 * Bodies are cut from recorded batches message by message, so that they compress and decode like real ones, and topped
 * up to the exact size with one console line.  Only the header differs from send to send (FirstIndex, unique in a run),
 * and it goes out as its own piece of the writev: the generator copies nothing.
 */
#include "replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TEMPLATES 512
#define HEADER_ROOM 256
#define FILL_RESERVE 96						 /* room kept for the console line */
#define FIRST_INDEX_BASE (UINT64_C(1) << 21) /* four-byte varints from here to 2^28 */
#define PAGE_URL "http://shop.localhost:8085/"

typedef struct Bench Bench;

typedef struct Sender
{
	Bench *bench;
	HttpConnection *connection;
	StartAnswer *session;
	char *start_text;
	int64_t due_ns;
	uint64_t first_index;
	const uint8_t *template;
	uint8_t header[HEADER_ROOM];
	size_t header_len;
} Sender;

struct Bench
{
	const BenchOptions *options;
	HttpClient *client;
	Ledger *ledger;
	const Capture *capture; /* whose start request is used */
	StartAnswer *sessions;
	int nsessions; /* started */
	int nasked;
	uint64_t sent;
	uint8_t *templates;
	size_t template_len;
	Sender *senders;
	Sender **idle;
	int nidle;
	int nflying;
	bool benching;
	int64_t end_ns;
	Latencies latencies;
	uint64_t batches;
	uint64_t refused;
	char reason[160]; /* of the first refusal */
	uint8_t *whole;	  /* body put together for the ledger's hash */
};

static size_t
write_header(uint8_t *out, uint64_t first_index, int64_t timestamp_ms)
{
	WireWriter writer = {.data = out, .size = HEADER_ROOM};
	WireValue values[WIRE_MAX_FIELDS] = {0};

	values[BatchMetadata_Version].u = 1;
	values[BatchMetadata_FirstIndex].u = first_index;
	values[BatchMetadata_Timestamp].i = timestamp_ms;
	values[BatchMetadata_Location].s = wire_string(PAGE_URL, sizeof(PAGE_URL) - 1);
	wire_put_message(&writer, MSG_BatchMetadata, values, false);
	return writer.len;
}

/* Whole messages of one capture, one after the other, as they stand in its batches. */
typedef struct Stream
{
	struct iovec *messages;
	size_t count;
	size_t room;
	size_t next;
} Stream;

static void
read_messages(Stream *stream, const uint8_t *data, size_t len)
{
	WireBatch batch;
	WireMessage message;

	if (wire_batch_open(&batch, data, len, WIRE_WEB, wire_string("", 0)) != WIRE_OK || !batch.sized)
		return;
	while (wire_batch_next(&batch, &message))
	{
		if (message.wire_type == MSG_BatchMetadata)
			continue;
		if (stream->count == stream->room)
		{
			stream->room = stream->room ? stream->room * 2 : 1024;
			stream->messages = need(realloc(stream->messages, stream->room * sizeof(struct iovec)));
		}
		stream->messages[stream->count++] = (struct iovec){(void *) (message.body - 4), message.body_len + 4};
	}
}

static Stream
open_stream(Capture *capture)
{
	Stream stream = {0};
	int64_t shift = shift_to_end_at(capture, wall_ms());

	for (size_t i = 0; i < capture->nrequests; i++)
	{
		CaptureRequest *request = &capture->requests[i];

		if (request->kind != REQUEST_BATCH)
			continue;
		if (!move_times(request->body, &request->marks, shift))
			fail("%s: a time cannot be moved in place", capture->name);
		for (int n = 0; n < request->nparts; n++)
			read_messages(&stream, request->body + request->parts[n].offset, request->parts[n].len);
	}
	return stream;
}

static size_t
varint_len(size_t value)
{
	size_t len = 1;

	for (; value >= 128; value >>= 7)
		len++;
	return len;
}

/*
 * One ConsoleLog of exactly len bytes, its text taken from recorded bytes.  Where the text's length grows by a byte
 * there is one total that no text gives; the longer level gives it.
 */
static void
fill_with_console_line(uint8_t *out, size_t len, const Stream *stream)
{
	static const char *const levels[] = {"log", "info"};
	WireWriter writer = {.data = out, .size = len};
	WireValue values[WIRE_MAX_FIELDS] = {0};
	const struct iovec *source = &stream->messages[stream->next % stream->count];
	char *text = need(malloc(len));

	for (size_t i = 0; i < len; i++)
	{
		uint8_t byte = ((const uint8_t *) source->iov_base)[i % source->iov_len];

		text[i] = byte >= ' ' && byte < 127 ? (char) byte : ' ';
	}
	for (int i = 0; i < 2 && writer.len == 0; i++)
	{
		size_t level_len = strlen(levels[i]);

		for (size_t width = 1; width <= 4; width++)
		{
			size_t text_len = len - (4 + 1 + level_len + width);

			if (varint_len(text_len) != width)
				continue;
			values[ConsoleLog_Level].s = wire_string(levels[i], level_len);
			values[ConsoleLog_Value].s = wire_string(text, text_len);
			wire_put_message(&writer, MSG_ConsoleLog, values, true);
			break;
		}
	}
	free(text);
	if (writer.overflow || writer.len != len)
		fail("a body cannot be filled up by %zu bytes", len);
}

static void
cut_template(uint8_t *out, size_t len, Stream *stream)
{
	size_t pos = 0;
	size_t skipped = 0;

	/* Messages that do not fit are passed over, until the rest is small or a whole round found none. */
	while (len - pos > FILL_RESERVE && skipped < stream->count)
	{
		const struct iovec *message = &stream->messages[stream->next++ % stream->count];

		if (message->iov_len > len - pos - FILL_RESERVE / 2)
		{
			skipped++;
			continue;
		}
		memcpy(out + pos, message->iov_base, message->iov_len);
		pos += message->iov_len;
	}
	fill_with_console_line(out + pos, len - pos, stream);
}

static void
cut_templates(Bench *bench, Capture **captures, size_t ncaptures)
{
	Stream *streams = need(calloc(ncaptures, sizeof(Stream)));
	uint8_t header[HEADER_ROOM];
	size_t header_len = write_header(header, FIRST_INDEX_BASE, wall_ms());

	if ((size_t) bench->options->size < header_len + 2 * FILL_RESERVE)
		fail("--size must be at least %zu", header_len + 2 * FILL_RESERVE);
	bench->template_len = (size_t) bench->options->size - header_len;
	bench->templates = need(malloc(TEMPLATES * bench->template_len));
	bench->whole = need(malloc((size_t) bench->options->size));
	for (size_t i = 0; i < ncaptures; i++)
		streams[i] = open_stream(captures[i]);
	for (size_t i = 0; i < TEMPLATES; i++)
		cut_template(bench->templates + i * bench->template_len, bench->template_len, &streams[i % ncaptures]);
	for (size_t i = 0; i < ncaptures; i++)
		free(streams[i].messages);
	free(streams);
}

static void
ask_for_session(Sender *sender)
{
	Bench *bench = sender->bench;
	const CaptureRequest *request = &bench->capture->requests[0];
	struct iovec body;
	char headers[512];

	free(sender->start_text);
	sender->start_text = start_body(bench->capture, request, bench->options->key, NULL,
									shift_to_end_at(bench->capture, wall_ms()), true);
	body = (struct iovec){sender->start_text, strlen(sender->start_text)};
	snprintf(headers, sizeof(headers), "User-Agent: %.300s\r\nContent-Type: application/json\r\n",
			 bench->capture->user_agent);
	bench->nasked++;
	send_request(sender->connection, "POST", request->path, headers, &body, 1);
}

static void
send_body(Sender *sender, int64_t due_ns)
{
	Bench *bench = sender->bench;
	uint64_t n = bench->sent++;
	char headers[512];
	struct iovec body[2];

	sender->session = &bench->sessions[n % (uint64_t) bench->nsessions];
	sender->template = bench->templates + n % TEMPLATES * bench->template_len;
	sender->first_index = FIRST_INDEX_BASE + n;
	sender->header_len = write_header(sender->header, sender->first_index, wall_ms());
	sender->due_ns = due_ns;
	body[0] = (struct iovec){sender->header, sender->header_len};
	body[1] = (struct iovec){(void *) sender->template, bench->template_len};
	snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n", sender->session->token);
	bench->nflying++;
	send_request(sender->connection, "POST", "/v1/web/i?batch=0_1", headers, body, 2);
}

static void
note_in_ledger(Sender *sender)
{
	Bench *bench = sender->bench;
	PartName part = {.size = (uint32_t) bench->options->size, .first_index = sender->first_index};

	if (bench->ledger == NULL)
		return;
	memcpy(bench->whole, sender->header, sender->header_len);
	memcpy(bench->whole + sender->header_len, sender->template, bench->template_len);
	part.hash = hash_bytes(bench->whole, (size_t) bench->options->size);
	ledger_batch(bench->ledger, sender->session->session_id, &part);
}

static void
note_refusal(Bench *bench, int status, const char *body, size_t len)
{
	if (bench->refused++ == 0)
		snprintf(bench->reason, sizeof(bench->reason), "status %d: %.*s", status, (int) (len < 100 ? len : 100), body);
}

static void
handle_start(Sender *sender, int status, const char *body, size_t len)
{
	Bench *bench = sender->bench;
	const char *missing = status == 200 ? read_start_answer(body, len, &bench->sessions[bench->nsessions]) : "refused";

	if (missing)
		fail("start: %s: status %d: %.*s", missing, status, (int) (len < 200 ? len : 200), body);
	ledger_start(bench->ledger, bench->sessions[bench->nsessions].session_id);
	bench->nsessions++;
	if (bench->nasked < bench->options->sessions)
		ask_for_session(sender);
}

static void
handle_answer(void *owner, int status, const char *body, size_t len)
{
	Sender *sender = owner;
	Bench *bench = sender->bench;
	int64_t now;

	if (!bench->benching)
	{
		handle_start(sender, status, body, len);
		return;
	}
	now = clock_ns();
	bench->nflying--;
	if (status == 200)
	{
		note_in_ledger(sender);
		bench->batches++;
		add_latency(&bench->latencies, now - sender->due_ns);
	}
	else
		note_refusal(bench, status, body, len);
	if (status == 200 && bench->options->rate <= 0 && now < bench->end_ns)
		send_body(sender, now);
	else
		bench->idle[bench->nidle++] = sender;
}

static void
start_sessions(Bench *bench)
{
	int64_t give_up = clock_ns() + INT64_C(60000000000);

	bench->sessions = need(calloc((size_t) bench->options->sessions, sizeof(StartAnswer)));
	for (int i = 0; i < bench->options->connections && bench->nasked < bench->options->sessions; i++)
		ask_for_session(&bench->senders[i]);
	while (bench->nsessions < bench->options->sessions)
	{
		if (clock_ns() > give_up)
			fail("only %d of %d sessions started within a minute", bench->nsessions, bench->options->sessions);
		poll_http(bench->client, 100);
	}
}

static double
run_bench(Bench *bench)
{
	int64_t begin = clock_ns();
	int64_t now = begin;
	Pace pace;

	bench->benching = true;
	bench->end_ns = begin + (int64_t) (bench->options->seconds * 1e9);
	start_pace(&pace, bench->options->rate);
	while (now < bench->end_ns || (bench->nflying > 0 && now < bench->end_ns + INT64_C(30000000000)))
	{
		int64_t due;

		while (now < bench->end_ns && bench->nidle > 0 && take_permit(&pace, now, &due))
			send_body(bench->idle[--bench->nidle], due);
		poll_http(bench->client, bench->nidle > 0 ? ms_to_permit(&pace, now) : 100);
		now = clock_ns();
	}
	return (double) (now - begin) / 1e9;
}

int
bench(const BenchOptions *options)
{
	Bench *bench = need(calloc(1, sizeof(Bench)));
	Processes *processes;
	Capture **captures;
	size_t ncaptures;
	double seconds;

	bench->options = options;
	captures = open_captures(options->captures, &ncaptures);
	bench->capture = captures[0];
	cut_templates(bench, captures, ncaptures);
	bench->client = open_http(options->url);
	bench->ledger = open_ledger(options->ledger);
	bench->senders = need(calloc((size_t) options->connections, sizeof(Sender)));
	bench->idle = need(calloc((size_t) options->connections, sizeof(Sender *)));
	for (int i = 0; i < options->connections; i++)
	{
		Sender *sender = &bench->senders[i];

		sender->bench = bench;
		sender->connection = open_connection(bench->client, handle_answer, sender);
		bench->idle[bench->nidle++] = sender;
	}
	start_sessions(bench);
	processes = watch_processes(options->pids);
	seconds = run_bench(bench);
	printf("bench: %" PRIu64 " batches of %d bytes in %.1f s: %.0f batches/s, %.1f MB/s\n", bench->batches,
		   options->size, seconds, (double) bench->batches / seconds,
		   (double) bench->batches * options->size / seconds / 1e6);
	print_latencies(&bench->latencies);
	print_cpu_seconds(processes, bench->batches);
	if (bench->refused + (uint64_t) bench->nflying > 0)
		printf("%" PRIu64 " refused or unanswered, the first: %s; %d without an end\n", bench->refused, bench->reason,
			   bench->nflying);
	close_ledger(bench->ledger);
	return bench->batches == 0 || bench->refused > 0 || bench->nflying > 0;
}
