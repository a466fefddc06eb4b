/*
 * log.c - writes log lines
 *
 * A line leaves in one write(), so lines of several threads do not mix and nothing needs a lock.
 */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 2048

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static atomic_int current_level = LOG_INFO;

void
set_log_level(LogLevel level)
{
	atomic_store(&current_level, (int) level);
}

bool
parse_log_level(const char *name, LogLevel *level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
	{
		if (strcmp(name, level_names[i]) == 0)
		{
			*level = (LogLevel) i;
			return true;
		}
	}
	return false;
}

void
log_line(LogLevel level, const char *format, ...)
{
	char line[LINE_SIZE];
	struct timespec now;
	struct tm parts;
	size_t len;
	int written;
	va_list arguments;
	int saved_errno = errno;

	if ((int) level > atomic_load_explicit(&current_level, memory_order_relaxed))
		return;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	len = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &parts);
	len += (size_t) snprintf(line + len, sizeof(line) - len, ".%03ldZ %s ", now.tv_nsec / 1000000, level_names[level]);

	errno = saved_errno; /* for %m */
	va_start(arguments, format);
	written = vsnprintf(line + len, sizeof(line) - len, format, arguments);
	va_end(arguments);
	if (written > 0)
		len += (size_t) written;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;

	for (size_t i = 0; i < len; i++)
	{
		if ((unsigned char) line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
	}
	while (len > 0 && line[len - 1] == ' ')
		len--;
	line[len++] = '\n';

	/* Nothing useful can be done when stderr is gone. */
	if (write(STDERR_FILENO, line, len) < 0)
		errno = saved_errno;
}
