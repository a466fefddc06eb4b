/*
 * paths.h - request lines
 */
#ifndef OPENREPLAY_PATHS_H
#define OPENREPLAY_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#define CLEAN_PATH_SIZE 128

/*
 * The path of a request target: without query, scheme and host, double slashes and the prefix /ingest.  False when it
 * is longer than any path that is served.
 */
extern bool clean_path(const char *target, char *path);

#define PATH_PARAMETER_SIZE 24 /* for any 64-bit number */

/*
 * True when path is what pattern says.  A pattern may end in a * that stands for one part of a path, which is put into
 * parameter (PATH_PARAMETER_SIZE bytes), cut off if it is longer than any number.
 */
extern bool match_path(const char *pattern, const char *path, char *parameter);

/* The parameter as a number from 1 to 2147483647; 0 when it is none. */
extern int32_t read_parameter(const char *parameter);

/*
 * The query's split=<n>, -1 when there is none or it is not a number.  Read from the raw text: nothing else in the
 * query matters, whatever it holds.
 */
extern int64_t find_split(const char *target);

#endif /* OPENREPLAY_PATHS_H */
