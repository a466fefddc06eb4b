/*
 * snapshot_file.h - the projects as an earlier run of this server knew them, in STATE_DIR/projects
 */
#ifndef OPENREPLAY_SNAPSHOT_FILE_H
#define OPENREPLAY_SNAPSHOT_FILE_H

#include <stddef.h>

#include "server/snapshot.h"

/* Writes them if they differ from what the file has; a failure is logged, and costs only the next start. */
extern void keep_projects(const char *state_dir, const Project *projects, size_t nprojects);

/* Those in the file, to be freed; NULL when there is none that can be read. */
extern Project *recall_projects(const char *state_dir, size_t *nprojects);

#endif /* OPENREPLAY_SNAPSHOT_FILE_H */
