/*
 * sequence_test.c - what is written is read, damage is noticed, and steps follow each other as they should
 */

#include "check.h"
#include "sequences/sequence.h"

#define START INT64_C(1760000000000)

static void
test_round_trip(void)
{
	static const SequenceEvent events[] = {
		{START - 86400000, 0, 0},	 {START - 86400000, 3, 31},		   {START, 4, 1},
		{START + 1, UINT32_MAX, 31}, {START + 1000000000000, 127, 15}, {INT64_MAX, 1, 1},
	};
	size_t n = sizeof(events) / sizeof(events[0]);
	uint8_t bytes[1 + SEQUENCE_EVENT_BYTES * 6];
	size_t len = write_sequence(events, n, START, bytes);
	SequenceReader reader = read_sequence(bytes, len, START);
	SequenceEvent event;

	CHECK(len <= sizeof(bytes));
	for (size_t i = 0; i < n; i++)
	{
		CHECK(next_event(&reader, &event));
		CHECK_INT(event.timestamp, events[i].timestamp);
		CHECK_INT(event.value_id, events[i].value_id);
		CHECK_INT(event.kind, events[i].kind);
	}
	CHECK(!next_event(&reader, &event));
	CHECK(!reader.damaged);

	len = write_sequence(events, 0, START, bytes);
	CHECK_INT(len, 1);
	reader = read_sequence(bytes, len, START);
	CHECK(!next_event(&reader, &event));
	CHECK(!reader.damaged);
}

/* What most events take: an id below 16 and less than 16 s in three bytes. */
static void
test_size(void)
{
	SequenceEvent events[100];
	uint8_t bytes[1 + SEQUENCE_EVENT_BYTES * 100];

	for (int i = 0; i < 100; i++)
		events[i] = (SequenceEvent){START + 16000 * i, (uint32_t) i % 4, 2};
	CHECK_INT(write_sequence(events, 100, START, bytes), 1 + 2 + 99 * 3);
}

static void
test_damage(void)
{
	static const struct
	{
		const char *bytes;
		size_t len;
		int events; /* before the damage */
	} damaged[] = {
		{"", 0, 0},
		{"\x02", 1, 0},
		{"\x01\x21", 2, 0},
		{"\x01\x21\x02\x21", 4, 1},
		{"\x01\x21\x80", 3, 0},
		{"\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x00", 13, 0},
		{"\x01\xff\xff\xff\xff\xff\xff\x01\x00", 9, 0},
	};

	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++)
	{
		SequenceReader reader = read_sequence((const uint8_t *) damaged[i].bytes, damaged[i].len, START);
		SequenceEvent event;
		int n = 0;

		while (next_event(&reader, &event))
			n++;
		CHECK_INT(n, damaged[i].events);
		CHECK(reader.damaged);
	}
}

#define PAGE 1
#define CLICK 2

static void
test_following(void)
{
	static const StepEvent page[] = {{10, 1}};
	static const StepEvent clicks[] = {{5, 2}, {10, 3}, {20, 4}};
	static const StepEvent twins[] = {{10, 5}, {10, 6}};
	int64_t times[FOLLOW_MAX_STEPS + 1];

	/* a click may be at the time of the page; the last element is the last click */
	CHECK_INT(follow_steps((Step[]){{PAGE, page, 1}, {CLICK, clicks, 3}}, 2, times), 2);
	CHECK_INT(times[0], 10);
	CHECK_INT(times[1], 10);
	CHECK_INT(times[2], 20);
	/* two clicks are two events */
	CHECK_INT(follow_steps((Step[]){{CLICK, clicks, 1}, {CLICK, clicks, 1}}, 2, times), 1);
	CHECK_INT(follow_steps((Step[]){{CLICK, twins, 2}, {CLICK, twins, 2}}, 2, times), 2);
	/* but only of steps next to each other */
	CHECK_INT(follow_steps((Step[]){{CLICK, twins, 2}, {CLICK, twins, 2}, {CLICK, twins, 2}}, 3, times), 3);
	/* which of the twins it was is settled by what must not follow */
	CHECK_INT(follow_steps((Step[]){{CLICK, twins, 2}, {-CLICK, twins, 1}}, 2, times), 2);
	CHECK_INT(follow_steps((Step[]){{CLICK, twins, 2}, {-CLICK, twins, 1}, {CLICK, twins, 1}}, 3, times), 2);
	CHECK_INT(follow_steps((Step[]){{CLICK, twins, 2}, {-CLICK, twins, 1}, {CLICK, twins + 1, 1}}, 3, times), 3);
	CHECK_INT(follow_steps((Step[]){{CLICK, twins, 2}, {-CLICK, twins, 2}}, 2, times), 1);
	/* nothing before anything was reached */
	CHECK_INT(follow_steps((Step[]){{-CLICK, clicks, 0}, {PAGE, page, 1}}, 2, times), 2);
	CHECK_INT(times[0], 0);
	CHECK_INT(follow_steps((Step[]){{-CLICK, clicks, 3}, {PAGE, page, 1}}, 2, times), 0);
	CHECK_INT(follow_steps((Step[]){{PAGE, page, 1}, {-CLICK, clicks, 1}}, 2, times), 2);
	CHECK_INT(times[2], 10);
	CHECK_INT(follow_steps((Step[]){{PAGE, page, 1}, {-CLICK, clicks, 2}}, 2, times), 1);
}

int
main(void)
{
	test_round_trip();
	test_size();
	test_damage();
	test_following();
	return check_summary("sequence");
}
