/*
 * wire_bench.c - decoding speed on the recorded batches, one core
 *
 * "walk" iterates, "decode" also decodes the fields of every message, "detect" also feeds the detectors with them; the
 * last column is what that adds.  Medians of many short rounds, the three ways in turns: what else the machine does
 * then meets all of them alike, and what detectors add is compared within a round.
 */
#include <stdlib.h>
#include <time.h>

#include "heuristics/detectors.h"
#include "wire/wire.h"
#include "wire/testing/captures.c"

#define ROUNDS 41
#define ROUND_S 0.02

typedef enum Way
{
	WALK,
	DECODE,
	DETECT,
	WAYS
} Way;

typedef struct Rate
{
	double mb_per_s;
	double messages_per_s;
} Rate;

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static uint64_t sink;

static void
count_fact(const Fact *fact, void *arg)
{
	(void) arg;
	sink += (uint64_t) fact->timestamp;
}

static inline __attribute__((always_inline)) uint64_t
run_way(const Capture *capture, Way way)
{
	static DetectorState state;
	const DetectorBits *interests = detector_interests(WIRE_WEB);
	Thresholds thresholds;
	Detection detection = {.thresholds = &thresholds, .sink = count_fact};
	uint64_t messages = 0;

	default_thresholds(&thresholds);
	detectors_start(&state, WIRE_WEB);

	for (int i = 0; i < capture->nbatches; i++)
	{
		WireBatch batch;
		WireMessage message;
		WireValue values[WIRE_MAX_FIELDS];

		wire_batch_open(&batch, capture->batches[i].data, capture->batches[i].len, WIRE_WEB, wire_string("", 0));
		while (wire_batch_next(&batch, &message))
		{
			messages++;
			if (way != WALK)
			{
				wire_decode(&message, values);
				sink += values[0].u;
			}
			if (way == DETECT)
			{
				unsigned stream = detector_stream(&batch.header);
				DetectorBits bits = detectors_step(&state, interests, message.type, message.timestamp, stream);

				if (bits != 0)
				{
					detection.url = message.url;
					detection.message_id = message.index;
					detectors_feed(&state, bits, &message, values, stream, &detection);
				}
			}
			sink += message.index;
		}
	}
	return messages;
}

static uint64_t
run_once(const Capture *capture, Way way)
{
	return way == WALK ? run_way(capture, WALK) : way == DECODE ? run_way(capture, DECODE) : run_way(capture, DETECT);
}

static int
by_speed(const void *a, const void *b)
{
	double x = ((const Rate *) a)->mb_per_s;
	double y = ((const Rate *) b)->mb_per_s;

	return (x > y) - (x < y);
}

static Rate
measure_round(const Capture *capture, Way way)
{
	double start = seconds();
	double elapsed;
	uint64_t messages = 0;
	uint64_t bytes = 0;

	do
	{
		messages += run_once(capture, way);
		bytes += capture->bytes;
		elapsed = seconds() - start;
	} while (elapsed < ROUND_S);
	return (Rate){(double) bytes / elapsed / 1e6, (double) messages / elapsed};
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Fills in the medians; returns what detecting adds to decoding, in percent. */
static double
measure(const Capture *capture, Rate medians[WAYS])
{
	Rate rates[WAYS][ROUNDS];
	double added[ROUNDS];

	for (int round = 0; round < ROUNDS; round++)
		for (Way way = 0; way < WAYS; way++)
			rates[way][round] = measure_round(capture, way);
	for (int round = 0; round < ROUNDS; round++)
		added[round] = 100 * (rates[DECODE][round].mb_per_s / rates[DETECT][round].mb_per_s - 1);
	qsort(added, ROUNDS, sizeof(double), by_size);
	for (Way way = 0; way < WAYS; way++)
	{
		qsort(rates[way], ROUNDS, sizeof(Rate), by_speed);
		medians[way] = rates[way][ROUNDS / 2];
	}
	return added[ROUNDS / 2];
}

int
main(void)
{
	static Capture capture;

	printf("%-18s %9s %9s %12s %14s %16s %14s %10s\n", "capture", "kB", "messages", "walk MB/s", "decode MB/s",
		   "decode Mmsg/s", "detect MB/s", "detect +%");
	for (int i = 0; i < CAPTURE_COUNT; i++)
	{
		Rate rates[WAYS];
		double added;

		load_capture(capture_names[i], &capture);
		added = measure(&capture, rates);
		printf("%-18s %9.1f %9d %12.0f %14.0f %16.1f %14.0f %10.1f\n", capture_names[i], (double) capture.bytes / 1e3,
			   (int) run_once(&capture, WALK), rates[WALK].mb_per_s, rates[DECODE].mb_per_s,
			   rates[DECODE].messages_per_s / 1e6, rates[DETECT].mb_per_s, added);
		free_capture(&capture);
	}
	return sink == 42; /* keeps the work from being optimised away */
}
