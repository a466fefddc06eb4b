/*
 * openreplay.h - settings and names that more than one folder of the module needs
 */
#ifndef OPENREPLAY_H
#define OPENREPLAY_H

#include "postgres.h"

/* Settings; defined and described in openreplay.c. */
extern char *openreplay_database;
extern int openreplay_workers;
extern int openreplay_session_timeout_s;
extern int openreplay_worker_memory_kb;
extern bool openreplay_use_session_events;
extern int openreplay_query_memory_kb; /* at least so much for each sort and hash of a question */
extern int openreplay_player;		   /* a RecordingPlayer */
extern char *openreplay_storage_url;
extern char *openreplay_storage_region;
extern char *openreplay_storage_access_key_id;
extern char *openreplay_storage_secret_file;
extern char *openreplay_assets_origin; /* "": nothing is copied */
extern char *openreplay_assets_left_hosts;

#define OPENREPLAY_MAX_WORKERS 64 /* one per shard */

#endif /* OPENREPLAY_H */
