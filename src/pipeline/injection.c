/*
 * injection.c - dying where a test says; empty but in builds for tests
 */
#include "postgres.h"

#include "pipeline/injection.h"

#ifdef OPENREPLAY_INJECTION

#include <fcntl.h>
#include <unistd.h>

#include "utils/guc.h"

#define MARK_FILE "openreplay.crashed"

int openreplay_pass_entries;
static int crash_at_step;

void
define_injection_settings(void)
{
	DefineCustomIntVariable("openreplay.crash_at_step", "The marked step at which a process dies; 0: at none.", NULL,
							&crash_at_step, 0, 0, PG_INT32_MAX, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("openreplay.pass_entries", "Entries a pass takes at most.", NULL, &openreplay_pass_entries,
							1000, 1, 1000, PGC_SUSET, 0, NULL, NULL, NULL);
}

void
crash_point(const char *step)
{
	static int steps;
	int file;

	if (++steps != crash_at_step)
		return;
	file = open(MARK_FILE, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (file < 0)
		return;
	if (write(file, step, strlen(step)) < 0 || close(file) != 0)
		elog(PANIC, "cannot write " MARK_FILE ": %m");
	_exit(2);
}

#endif
