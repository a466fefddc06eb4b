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

/*
 * The query's split=<n>, -1 when there is none or it is not a number.  Read from the raw text: nothing else in the
 * query matters, whatever it holds.
 */
extern int64_t find_split(const char *target);

#endif /* OPENREPLAY_PATHS_H */
