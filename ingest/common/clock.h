/*
 * clock.h - the two clocks
 *
 * Wall time for what is written down, monotonic time for what is waited for: a stepped wall clock must neither fire a
 * timeout early nor keep it from firing.
 */
#ifndef OPENREPLAY_CLOCK_H
#define OPENREPLAY_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Microseconds since 1970-01-01 UTC. */
static inline int64_t
wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline int64_t
wall_ms(void)
{
	return wall_us() / 1000;
}

/* Microseconds since some fixed moment. */
static inline int64_t
monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline int64_t
monotonic_ms(void)
{
	return monotonic_us() / 1000;
}

static inline void
sleep_ms(int64_t ms)
{
	struct timespec pause = {ms / 1000, (ms % 1000) * 1000000};

	nanosleep(&pause, NULL);
}

#endif /* OPENREPLAY_CLOCK_H */
