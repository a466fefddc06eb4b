/*
 * check.h - checks for plain C unit tests
 *
 * A failed check prints where and what and is counted; main ends with return check_summary("name").
 */
#ifndef OPENREPLAY_CHECK_H
#define OPENREPLAY_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int checks_passed;
static int checks_failed;

#define CHECK(condition) check_report((condition), __FILE__, __LINE__, #condition, "")

#define CHECK_INT(actual, expected) \
	do \
	{ \
		int64_t actual_ = (int64_t) (actual); \
		int64_t expected_ = (int64_t) (expected); \
		char detail_[64]; \
\
		snprintf(detail_, sizeof(detail_), ": %" PRId64 ", expected %" PRId64, actual_, expected_); \
		check_report(actual_ == expected_, __FILE__, __LINE__, #actual, detail_); \
	} while (0)

#define CHECK_TEXT(actual, expected) \
	do \
	{ \
		const char *actual_ = (actual); \
		const char *expected_ = (expected); \
		char detail_[512]; \
\
		snprintf(detail_, sizeof(detail_), ": \"%s\", expected \"%s\"", actual_, expected_); \
		check_report(strcmp(actual_, expected_) == 0, __FILE__, __LINE__, #actual, detail_); \
	} while (0)

static inline void
check_report(bool ok, const char *file, int line, const char *what, const char *detail)
{
	if (ok)
	{
		checks_passed++;
		return;
	}
	checks_failed++;
	fprintf(stderr, "%s:%d: %s%s\n", file, line, what, detail);
}

static inline int
check_summary(const char *name)
{
	printf("%s: %d passed, %d failed\n", name, checks_passed, checks_failed);
	return checks_failed > 0;
}

#endif /* OPENREPLAY_CHECK_H */
