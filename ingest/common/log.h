/*
 * log.h - one line per event on stderr: time, level, message, key=value ...
 *
 * Secrets and request bodies are never arguments of these functions.
 */
#ifndef OPENREPLAY_LOG_H
#define OPENREPLAY_LOG_H

#include <stdbool.h>

typedef enum LogLevel
{
	LOG_ERROR,
	LOG_WARNING,
	LOG_INFO,
	LOG_DEBUG
} LogLevel;

/* Lines above this level are not written.  May be changed at any time by any thread. */
extern void set_log_level(LogLevel level);

/* "error", "warning", "info", "debug"; false for anything else. */
extern bool parse_log_level(const char *name, LogLevel *level);

/* Thread-safe.  Control characters become spaces, so that a line stays a line; a long one is cut. */
extern void log_line(LogLevel level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif /* OPENREPLAY_LOG_H */
