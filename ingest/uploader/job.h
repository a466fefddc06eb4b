/*
 * job.h - one row of the outbox, and what does it
 *
 * A job may be done twice, also by two uploaders at once, and may be killed anywhere: it puts and removes whole objects
 * and tells the database last.
 */
#ifndef OPENREPLAY_JOB_H
#define OPENREPLAY_JOB_H

#include <jansson.h>

#include "assets/rewrite.h"
#include "common/buffer.h"
#include "common/pq.h"
#include "uploader/compressor.h"
#include "uploader/metrics.h"
#include "uploader/session_data.h"
#include "uploader/settings.h"
#include "uploader/storage.h"
#include "wire/recording_file.h"

#define JOB_ERROR_SIZE 1024

typedef struct Job
{
	const Settings *settings;
	Storage *storage;
	Storage *assets_storage;   /* where copies of assets go */
	const char *assets_origin; /* openreplay.assets_origin; "": nothing is copied */
	const char *assets_left_hosts;
	int attempt; /* 1 at the first */
	Metrics *metrics;
	PGconn *conn;
	PqWait wait;
	const char *outbox_id; /* of the row, and the name under which it is claimed */
	const char *worker;
	const json_t *payload;
	RecordingPlayer player;
	Buffer files; /* of a recording: names of the objects that storage has when this is done, separated by commas */
	char error[JOB_ERROR_SIZE];
	bool permanent; /* trying again is useless */
} Job;

/* Each returns false with job->error set. */
extern bool store_recording(Job *job);
extern bool remove_recordings(Job *job);

/* What can never be copied is noted so, and done; true for it too. */
extern bool store_asset(Job *job);

/* AssetRules.wanted for recordings, with a CopiedAssets as context: whether the copy is there. */
typedef struct CopiedAssets
{
	Job *job;
	json_t *known; /* by key */
} CopiedAssets;
extern bool is_asset_copied(void *copied_assets, UrlText url, UrlText key);

/*
 * A recording was put while its row was somebody else's.  If that was because the session was deleted, its objects may
 * have been removed already, and are removed once more; else they may replace newer ones, and are stored once more.
 */
extern void disown_recording(Job *job);

/* Packs a session's images; called by store_recording().  merge: others of them may be in storage only. */
extern bool store_images(Job *job, int64_t session_id, const SessionData *data, bool merge);

#endif /* OPENREPLAY_JOB_H */
