/*
 * pace.c - requests at an even rate
 */
#include "replay.h"

/* This program looks at its clock about once a millisecond; being late by that is its own doing, not the server's. */
#define OWN_LATENESS_NS 2000000

void
start_pace(Pace *pace, double rate)
{
	*pace = (Pace){.rate = rate, .started_ns = clock_ns()};
}

static int64_t
next_due(const Pace *pace)
{
	return pace->started_ns + (int64_t) ((double) (pace->taken + 1) / pace->rate * 1e9);
}

bool
take_permit(Pace *pace, int64_t now_ns, int64_t *due_ns)
{
	*due_ns = now_ns;
	if (pace->rate > 0)
	{
		int64_t due = next_due(pace);

		if (due > now_ns)
			return false;
		if (now_ns - due > OWN_LATENESS_NS)
			*due_ns = due;
	}
	pace->taken++;
	return true;
}

void
forgive_backlog(Pace *pace, int64_t now_ns, int64_t older_than_ns)
{
	int64_t late;

	if (pace->rate <= 0)
		return;
	late = now_ns - next_due(pace) - older_than_ns;
	if (late > 0)
		pace->started_ns += late;
}

int
ms_to_permit(const Pace *pace, int64_t now_ns)
{
	int64_t left;

	if (pace->rate <= 0)
		return 100;
	left = (next_due(pace) - now_ns) / 1000000;
	return left < 1 ? 1 : left > 100 ? 100 : (int) left;
}
