/*
 * replay.h - openreplay-replay: recorded visits sent again, and the proof of what became of them
 *
 * The family's one header.  A file is a role: capture.c reads recordings, times.c moves their clock, http.c talks to
 * many servers' sockets at once, ledger.c remembers what was acknowledged, and play.c, load.c, bench.c, verify.c and
 * relay.c are the commands.
 */
#ifndef OPENREPLAY_REPLAY_H
#define OPENREPLAY_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

#include <jansson.h>

#include "wire/wire.h"

/* ---- small things (util.c) ---- */

/* Memory that is there: the program ends with a message when it is not. */
extern void *need(void *memory);

extern _Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

extern int64_t wall_ms(void);
extern int64_t clock_ns(void); /* monotonic */

/* Whole file into memory of the caller's; NULL when it cannot be read. */
extern uint8_t *read_whole_file(const char *path, size_t *len);

/* Fast, not for adversaries: names a body within its session. */
extern uint64_t hash_bytes(const void *data, size_t len);

/* Caller frees.  inflate_gzip returns NULL for bytes that are not gzip or inflate to more than 64 MiB. */
extern uint8_t *inflate_gzip(const uint8_t *data, size_t len, size_t *out_len);
extern uint8_t *deflate_gzip(const uint8_t *data, size_t len, size_t *out_len);

/* ---- moving the clock (times.c) ---- */

typedef struct TimeMark
{
	uint32_t offset; /* of the encoded number in the inflated body */
	WireKind kind;	 /* WIRE_UINT or WIRE_INT */
	int64_t value;	 /* ms, as recorded */
} TimeMark;

typedef struct TimeMarks
{
	TimeMark *items;
	size_t count;
	size_t room;
} TimeMarks;

/*
 * Walks one batch: appends where its times are (numbers within a day of around_ms; offsets plus base) and adds its
 * messages to counts (WIRE_TYPE_COUNT of them, by the type that was sent).  Returns why it stopped early, WIRE_OK if it
 * did not.
 */
extern WireError find_times(const uint8_t *data, size_t len, size_t base, int64_t around_ms, TimeMarks *marks,
							WireHeader *header, uint32_t *counts);

/* Rewrites every marked number as value + shift_ms.  False when one would not fit where the old one was. */
extern bool move_times(uint8_t *data, const TimeMarks *marks, int64_t shift_ms);

/* ---- recordings (capture.c) ---- */

typedef enum RequestKind
{
	REQUEST_START,
	REQUEST_BATCH,
	REQUEST_OTHER /* tags, flags, images: nice to have */
} RequestKind;

/* One batch in a body: a `visual` body has two. */
typedef struct BatchPart
{
	size_t offset;
	size_t len;
	uint64_t page_no;
	uint64_t first_index;
} BatchPart;

typedef struct CaptureRequest
{
	RequestKind kind;
	char *method;
	char *path;			/* after the ingest point, with the query: /v1/web/i?batch=... */
	char *data_type;	/* NULL when not sent */
	char *content_type; /* NULL when not sent */
	bool gzip;
	uint8_t *body; /* inflated; NULL when there is none */
	size_t len;
	BatchPart parts[2];
	int nparts;
	TimeMarks marks;
	uint32_t counts[WIRE_TYPE_COUNT];
	json_t *start; /* REQUEST_START: its body */
} CaptureRequest;

typedef struct Capture
{
	char *name;
	char *user_agent;
	char *token;	  /* handed out when recorded */
	int64_t start_ms; /* by the recording server's clock */
	int64_t duration_ms;
	CaptureRequest *requests; /* refused ones, preflights and product analytics left out */
	size_t nrequests;
} Capture;

extern Capture *open_capture(const char *dir);
extern void close_capture(Capture *capture);

/* All captures of a directory, sorted by name, NULL-terminated. */
extern Capture **open_captures(const char *dir, size_t *count);
extern void close_captures(Capture **captures);

/* data/captures beside the program, else NULL. */
extern const char *bundled_captures(void);

/*
 * A capture as it would look had it happened at another time: shared by all visits that begin at about that time,
 * because rewriting and packing a body for each of thousands of visitors would cost more than the server under test.
 */
typedef struct PartName
{
	uint64_t hash;
	uint32_t size;
	uint64_t page_no;
	uint64_t first_index;
} PartName;

typedef struct EditionBody
{
	uint8_t *data; /* as it goes over the wire */
	size_t len;
	PartName parts[2];
	int nparts;
} EditionBody;

typedef struct Edition
{
	Capture *capture;
	int64_t shift_ms;
	int users;
	EditionBody bodies[]; /* one per request, empty unless it is a batch */
} Edition;

extern Edition *make_edition(Capture *capture, int64_t shift_ms);
extern void release_edition(Edition *edition);

/* How far to move a capture so that the visit ended at end_ms. */
extern int64_t shift_to_end_at(const Capture *capture, int64_t end_ms);

/*
 * The JSON body of a start request.  token: NULL for the first start of the visit.  moved: tell the server that the
 * visit began capture->duration_ms ago.  Caller frees.
 */
extern char *start_body(const Capture *capture, const CaptureRequest *request, const char *project_key,
						const char *token, int64_t shift_ms, bool moved);

/* What a tracker checks before it records.  NULL if it would start, else what it misses. */
typedef struct StartAnswer
{
	char token[256];
	uint64_t session_id;
} StartAnswer;

extern const char *read_start_answer(const char *body, size_t len, StartAnswer *answer);

/* ---- the ledger (ledger.c) ---- */

/*
 * Text, a line an acknowledgement: "s SESSION" for a start, "w SESSION HASH SIZE PAGE FIRST_INDEX" for a batch (hash in
 * hex). Written before anything counts as acknowledged.  "r WALL_MS STATUS" is a start that was refused then, status 0
 * when no answer came.  All functions take NULL for "no ledger".
 */
typedef struct Ledger Ledger;

extern Ledger *open_ledger(const char *path);
extern void ledger_start(Ledger *ledger, uint64_t session_id);
extern void ledger_batch(Ledger *ledger, uint64_t session_id, const PartName *part);
extern void ledger_refusal(Ledger *ledger, int status);
extern void flush_ledger(Ledger *ledger);
extern void close_ledger(Ledger *ledger);

/* ---- many connections (http.c) ---- */

typedef struct HttpClient HttpClient;
typedef struct HttpConnection HttpConnection;

/* status 0: no answer; body then says why.  body is valid during the call only, which may send the next request. */
typedef void (*HttpDone)(void *owner, int status, const char *body, size_t len);

#define HTTP_BODY_PARTS 2

/* url: http://host[:port][/prefix].  Ends the program when it is not one. */
extern HttpClient *open_http(const char *url);
extern HttpConnection *open_connection(HttpClient *client, HttpDone done, void *owner);

/* headers: complete lines, each with CR LF.  What the body parts point to must stay until the answer. */
extern void send_request(HttpConnection *connection, const char *method, const char *path, const char *headers,
						 const struct iovec *body, int body_parts);

/* Handles what has happened and waits at most timeout_ms for something to happen. */
extern void poll_http(HttpClient *client, int timeout_ms);

/* ---- latencies (latency.c) ---- */

#define LATENCY_BUCKETS 2560

/* Logarithmic buckets, 64 an octave: below 1.6 % wrong from 1 us to hours, and no memory per sample. */
typedef struct Latencies
{
	uint64_t counts[LATENCY_BUCKETS];
	uint64_t total;
	int64_t max_ns;
} Latencies;

extern void add_latency(Latencies *latencies, int64_t ns);
extern double latency_ms(const Latencies *latencies, double quantile);
extern void print_latencies(const Latencies *latencies);

/* ---- requests at a rate (pace.c) ---- */

/*
 * Hands out permits at an even rate.  A permit remembers when it fell due, so that waiting for a free connection counts
 * as latency and a slow server cannot slow down its own measurement.
 */
typedef struct Pace
{
	double rate; /* a second; 0: as fast as answers come */
	int64_t started_ns;
	uint64_t taken;
} Pace;

extern void start_pace(Pace *pace, double rate);

/* True when a request may go now; due_ns is the time its latency counts from. */
extern bool take_permit(Pace *pace, int64_t now_ns, int64_t *due_ns);

/* Forgets permits that waited longer: visitors that could not come do not all come at once later. */
extern void forgive_backlog(Pace *pace, int64_t now_ns, int64_t older_than_ns);

/* How long one may wait for the next permit: 1 to 100 ms. */
extern int ms_to_permit(const Pace *pace, int64_t now_ns);

/* ---- CPU time of processes (processes.c) ---- */

/* list: "name=pid,name=pid"; a process counts with its children. NULL is an empty list. */
typedef struct Processes Processes;

extern Processes *watch_processes(const char *list);
extern void print_cpu_seconds(Processes *processes, uint64_t batches);

/* ---- commands: 0 when all was well ---- */

typedef struct PlayOptions
{
	const char *capture_dir;
	const char *url;
	const char *key;
	const char *ledger;
	bool now;
} PlayOptions;

typedef struct LoadOptions
{
	const char *url;
	const char *key;
	const char *captures;
	const char *ledger;
	int visitors;
	double rate;
	double seconds;
	bool retry;
} LoadOptions;

typedef struct BenchOptions
{
	const char *url;
	const char *key;
	const char *captures;
	const char *ledger;
	const char *pids;
	int size;
	int connections;
	int sessions;
	double rate;
	double seconds;
} BenchOptions;

extern int play(const PlayOptions *options);
extern int load(const LoadOptions *options);
extern int bench(const BenchOptions *options);
extern int verify(const char *ledger_path);

/* Until its input ends.  Both ports are loopback's. */
extern int relay(int listen_port, int target_port);

#endif /* OPENREPLAY_REPLAY_H */
