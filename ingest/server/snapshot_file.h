/*
 * snapshot_file.h - the projects as an earlier run of this server knew them, in STATE_DIR/projects
 */
#ifndef OPENREPLAY_SNAPSHOT_FILE_H
#define OPENREPLAY_SNAPSHOT_FILE_H

#include "server/project_set.h"

/* Writes them if they differ from what the file has; a failure is logged, and costs only the next start. */
extern void keep_projects(const char *state_dir, const ProjectSet *set);

/* Those in the file, ordered, to be freed; NULL when there is none, or none of this form that is whole. */
extern ProjectSet *recall_projects(const char *state_dir);

#endif /* OPENREPLAY_SNAPSHOT_FILE_H */
