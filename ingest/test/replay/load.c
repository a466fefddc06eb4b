/*
 * load.c - many visitors at once
 *
 * Each visitor is a connection and a small state machine that plays recordings one after the other, every time as a new
 * session that just happened.  Requests leave at an even rate over all visitors; one visitor has one request in flight,
 * as a tracker has.  A visit's bodies belong to an edition of its capture that all visits begun within EDITION_LIFE
 * share.
 */
#include "replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define EDITION_LIFE_NS INT64_C(10000000000)
#define FLUSH_EVERY_NS INT64_C(1000000000)
#define GRACE_NS INT64_C(20000000000) /* for answers and retries after the end; outlasts a server's restart */
#define MAX_BACKLOG_NS INT64_C(500000000)

/* The tracker's own numbers: it waits attempt * 250 ms and gives up after ten. */
#define RETRY_STEP_NS INT64_C(250000000)
#define RETRY_ATTEMPTS 10
#define START_AGAIN_NS INT64_C(1000000000)

typedef struct Load Load;

typedef struct Visitor
{
	Load *load;
	HttpConnection *connection;
	Edition *edition; /* NULL: the next request begins a visit */
	size_t next;	  /* request of the capture */
	StartAnswer session;
	bool started;
	int attempt;
	int64_t due_ns;
	int64_t wake_ns; /* 0: not waiting */
	char *start_text;
} Visitor;

struct Load
{
	const LoadOptions *options;
	Capture **captures;
	Edition **editions;
	int64_t *edition_made_ns;
	size_t ncaptures;
	size_t next_capture;
	HttpClient *client;
	Ledger *ledger;
	Visitor *visitors;
	Visitor **ready; /* ring */
	size_t ready_first;
	size_t nready;
	size_t nwaiting;
	size_t nflying;
	Latencies latencies;
	uint64_t batches; /* as stored: a `visual` body is two */
	uint64_t requests;
	uint64_t bytes;
	uint64_t sessions;
	uint64_t visits_done;
	uint64_t visits_abandoned;
	uint64_t starts_refused;
	uint64_t retries;
	uint64_t unanswered;
	uint64_t statuses[600];
};

static void
make_ready(Visitor *visitor)
{
	Load *load = visitor->load;
	size_t size = (size_t) load->options->visitors;

	load->ready[(load->ready_first + load->nready) % size] = visitor;
	load->nready++;
}

static void
wait_until(Visitor *visitor, int64_t wake_ns)
{
	visitor->wake_ns = wake_ns;
	visitor->load->nwaiting++;
}

static Edition *
fresh_edition(Load *load, int64_t now_ns)
{
	size_t n = load->next_capture++ % load->ncaptures;

	if (load->editions[n] == NULL || now_ns - load->edition_made_ns[n] > EDITION_LIFE_NS)
	{
		release_edition(load->editions[n]);
		load->editions[n] = make_edition(load->captures[n], shift_to_end_at(load->captures[n], wall_ms()));
		load->edition_made_ns[n] = now_ns;
	}
	load->editions[n]->users++;
	return load->editions[n];
}

static void
end_visit(Visitor *visitor)
{
	release_edition(visitor->edition);
	visitor->edition = NULL;
	visitor->started = false;
	visitor->attempt = 0;
}

static void
send_start(Visitor *visitor, const CaptureRequest *request)
{
	Load *load = visitor->load;
	char headers[512];
	struct iovec body;

	free(visitor->start_text);
	visitor->start_text =
		start_body(visitor->edition->capture, request, load->options->key,
				   visitor->started ? visitor->session.token : NULL, visitor->edition->shift_ms, true);
	body = (struct iovec){visitor->start_text, strlen(visitor->start_text)};
	snprintf(headers, sizeof(headers), "User-Agent: %.300s\r\nContent-Type: application/json\r\n",
			 visitor->edition->capture->user_agent);
	send_request(visitor->connection, "POST", request->path, headers, &body, 1);
}

static void
send_batch(Visitor *visitor, const CaptureRequest *request)
{
	const EditionBody *body = &visitor->edition->bodies[visitor->next];
	struct iovec part = {body->data, body->len};
	char headers[512];

	snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n%s%s%s%s", visitor->session.token,
			 request->data_type ? "DataType: " : "", request->data_type ? request->data_type : "",
			 request->data_type ? "\r\n" : "", request->gzip ? "Content-Encoding: gzip\r\n" : "");
	send_request(visitor->connection, "POST", request->path, headers, &part, 1);
}

static void
send_next(Visitor *visitor, int64_t due_ns)
{
	const CaptureRequest *request;

	if (visitor->edition == NULL)
	{
		visitor->edition = fresh_edition(visitor->load, due_ns);
		visitor->next = 0;
	}
	request = &visitor->edition->capture->requests[visitor->next];
	visitor->due_ns = due_ns;
	visitor->load->nflying++;
	if (request->kind == REQUEST_START)
		send_start(visitor, request);
	else
		send_batch(visitor, request);
}

/* To the next start or batch; tags, flags and images are not part of the load. */
static void
go_on(Visitor *visitor)
{
	const Capture *capture = visitor->edition->capture;

	visitor->attempt = 0;
	do
		visitor->next++;
	while (visitor->next < capture->nrequests && capture->requests[visitor->next].kind == REQUEST_OTHER);
	if (visitor->next == capture->nrequests)
	{
		visitor->load->visits_done++;
		end_visit(visitor);
	}
	make_ready(visitor);
}

static void
handle_refusal(Visitor *visitor, int status, RequestKind kind)
{
	Load *load = visitor->load;

	if (kind == REQUEST_START)
	{
		load->starts_refused++;
		ledger_refusal(load->ledger, status);
	}
	if (kind == REQUEST_BATCH && load->options->retry && status != 401 && visitor->attempt < RETRY_ATTEMPTS)
	{
		visitor->attempt++;
		load->retries++;
		wait_until(visitor, clock_ns() + visitor->attempt * RETRY_STEP_NS);
		return;
	}
	/* After 401 and after its last attempt a tracker lets go of the session. */
	load->visits_abandoned++;
	end_visit(visitor);
	wait_until(visitor, clock_ns() + START_AGAIN_NS);
}

static bool
accept_start(Visitor *visitor, const char *body, size_t len)
{
	StartAnswer answer;

	if (read_start_answer(body, len, &answer) != NULL)
		return false;
	if (!visitor->started || answer.session_id != visitor->session.session_id)
	{
		ledger_start(visitor->load->ledger, answer.session_id);
		visitor->load->sessions++;
	}
	visitor->session = answer;
	visitor->started = true;
	return true;
}

static void
accept_batch(Visitor *visitor)
{
	Load *load = visitor->load;
	const EditionBody *body = &visitor->edition->bodies[visitor->next];

	for (int i = 0; i < body->nparts; i++)
	{
		ledger_batch(load->ledger, visitor->session.session_id, &body->parts[i]);
		load->batches++;
		load->bytes += body->parts[i].size;
	}
	add_latency(&load->latencies, clock_ns() - visitor->due_ns);
}

static void
handle_answer(void *owner, int status, const char *body, size_t len)
{
	Visitor *visitor = owner;
	Load *load = visitor->load;
	RequestKind kind = visitor->edition->capture->requests[visitor->next].kind;

	load->nflying--;
	load->requests++;
	if (status > 0 && status < 600)
		load->statuses[status]++;
	else
		load->unanswered++;
	if (status == 200 && kind == REQUEST_START && !accept_start(visitor, body, len))
		status = 0;
	if (status != 200)
	{
		handle_refusal(visitor, status, kind);
		return;
	}
	if (kind == REQUEST_BATCH)
		accept_batch(visitor);
	go_on(visitor);
}

static void
wake_visitors(Load *load, int64_t now_ns, bool ending)
{
	for (int i = 0; i < load->options->visitors && load->nwaiting > 0; i++)
	{
		Visitor *visitor = &load->visitors[i];

		if (visitor->wake_ns == 0 || visitor->wake_ns > now_ns)
			continue;
		visitor->wake_ns = 0;
		load->nwaiting--;
		if (visitor->attempt > 0)
			send_next(visitor, now_ns);
		else if (!ending)
			make_ready(visitor);
	}
}

static void
run_load(Load *load)
{
	int64_t begin = clock_ns();
	int64_t end = begin + (int64_t) (load->options->seconds * 1e9);
	int64_t now = begin;
	int64_t next_flush = begin + FLUSH_EVERY_NS;
	Pace pace;

	start_pace(&pace, load->options->rate);
	while (now < end || (load->nflying + load->nwaiting > 0 && now < end + GRACE_NS))
	{
		int64_t due;

		forgive_backlog(&pace, now, MAX_BACKLOG_NS);
		while (now < end && load->nready > 0 && take_permit(&pace, now, &due))
		{
			Visitor *visitor = load->ready[load->ready_first];

			load->ready_first = (load->ready_first + 1) % (size_t) load->options->visitors;
			load->nready--;
			send_next(visitor, due);
		}
		poll_http(load->client, load->nready > 0 ? ms_to_permit(&pace, now) : load->nwaiting > 0 ? 20 : 100);
		now = clock_ns();
		if (load->nwaiting > 0)
			wake_visitors(load, now, now >= end);
		if (now >= next_flush)
		{
			flush_ledger(load->ledger);
			next_flush = now + FLUSH_EVERY_NS;
		}
	}
}

static void
report(const Load *load)
{
	double seconds = load->options->seconds;

	printf("load: %" PRIu64 " batches acknowledged in %.1f s: %.0f batches/s, %.1f MB/s inflated\n", load->batches,
		   seconds, (double) load->batches / seconds, (double) load->bytes / seconds / 1e6);
	print_latencies(&load->latencies);
	printf("%" PRIu64 " sessions, %" PRIu64 " visits complete, %" PRIu64 " abandoned, %" PRIu64
		   " starts refused, %" PRIu64 " retries\n",
		   load->sessions, load->visits_done, load->visits_abandoned, load->starts_refused, load->retries);
	printf("answers:");
	for (int status = 0; status < 600; status++)
	{
		if (load->statuses[status] > 0)
			printf(" %d x %" PRIu64, status, load->statuses[status]);
	}
	printf("; unanswered %" PRIu64 "\n", load->unanswered);
}

int
load(const LoadOptions *options)
{
	Load *load = need(calloc(1, sizeof(Load)));
	int result;

	load->options = options;
	load->captures = open_captures(options->captures, &load->ncaptures);
	load->editions = need(calloc(load->ncaptures, sizeof(Edition *)));
	load->edition_made_ns = need(calloc(load->ncaptures, sizeof(int64_t)));
	load->client = open_http(options->url);
	load->ledger = open_ledger(options->ledger);
	load->visitors = need(calloc((size_t) options->visitors, sizeof(Visitor)));
	load->ready = need(calloc((size_t) options->visitors, sizeof(Visitor *)));
	for (int i = 0; i < options->visitors; i++)
	{
		load->visitors[i].load = load;
		load->visitors[i].connection = open_connection(load->client, handle_answer, &load->visitors[i]);
		make_ready(&load->visitors[i]);
	}
	run_load(load);
	close_ledger(load->ledger);
	report(load);
	/* With --retry faults are part of the trial and the ledger is the judge. */
	result = load->batches == 0 || (!options->retry && load->visits_abandoned > 0);
	free(load->ready);
	free(load->visitors);
	free(load->edition_made_ns);
	free(load->editions);
	free(load);
	return result;
}
