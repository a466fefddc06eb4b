/*
 * wire_bench.c - decoding speed on the recorded batches, one core
 *
 * "walk" iterates, "decode" also decodes the fields of every message.  Medians of nine rounds of about 100 ms each.
 */
#include <stdlib.h>
#include <time.h>

#include "wire/wire.h"
#include "wire/testing/captures.c"

#define ROUNDS 9

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

static uint64_t
run_once(const Capture *capture, bool fields)
{
	uint64_t messages = 0;

	for (int i = 0; i < capture->nbatches; i++)
	{
		WireBatch batch;
		WireMessage message;
		WireValue values[WIRE_MAX_FIELDS];

		wire_batch_open(&batch, capture->batches[i].data, capture->batches[i].len, WIRE_WEB, wire_string("", 0));
		while (wire_batch_next(&batch, &message))
		{
			messages++;
			if (fields)
			{
				wire_decode(&message, values);
				sink += values[0].u;
			}
			sink += message.index;
		}
	}
	return messages;
}

static int
by_speed(const void *a, const void *b)
{
	double x = ((const Rate *) a)->mb_per_s;
	double y = ((const Rate *) b)->mb_per_s;

	return (x > y) - (x < y);
}

static Rate
measure(const Capture *capture, bool fields)
{
	Rate rates[ROUNDS];

	for (int round = 0; round < ROUNDS; round++)
	{
		double start = seconds();
		double elapsed;
		uint64_t messages = 0;
		uint64_t bytes = 0;

		do
		{
			messages += run_once(capture, fields);
			bytes += capture->bytes;
			elapsed = seconds() - start;
		} while (elapsed < 0.1);
		rates[round] = (Rate){(double) bytes / elapsed / 1e6, (double) messages / elapsed};
	}
	qsort(rates, ROUNDS, sizeof(Rate), by_speed);
	return rates[ROUNDS / 2];
}

int
main(void)
{
	static Capture capture;

	printf("%-18s %9s %9s %12s %14s %16s\n", "capture", "kB", "messages", "walk MB/s", "decode MB/s", "decode Mmsg/s");
	for (int i = 0; i < CAPTURE_COUNT; i++)
	{
		Rate walk;
		Rate decode;

		load_capture(capture_names[i], &capture);
		walk = measure(&capture, false);
		decode = measure(&capture, true);
		printf("%-18s %9.1f %9d %12.0f %14.0f %16.1f\n", capture_names[i], (double) capture.bytes / 1e3,
			   (int) run_once(&capture, false), walk.mb_per_s, decode.mb_per_s, decode.messages_per_s / 1e6);
		free_capture(&capture);
	}
	return sink == 42; /* keeps the work from being optimised away */
}
