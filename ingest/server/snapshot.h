/*
 * snapshot.h - the active projects with their tags and conditions, in memory
 *
 * Read from the database once and again on each notification and every minute, by a thread with a connection of its
 * own, so that a session start waits for no query.  A key that is not in the snapshot is looked up once more before it
 * is called unknown; without a database nothing is ever called unknown.  What was read last is kept on disk, so that a
 * server which starts while the database is away knows whom it may record.
 */
#ifndef OPENREPLAY_SNAPSHOT_H
#define OPENREPLAY_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"
#include "server/project_set.h"
#include "server/settings.h"

typedef enum ProjectLookup
{
	PROJECT_FOUND,
	PROJECT_MISSING, /* the database says so, at most 5 s ago */
	PROJECT_UNSURE	 /* not in the snapshot: await_refresh() and look again */
} ProjectLookup;

/* Who waits for a refresh, embedded in the waiter's own struct; wake is called once, from the snapshot's thread. */
typedef struct SnapshotWaiter
{
	struct SnapshotWaiter *next;
	void (*wake)(struct SnapshotWaiter *waiter);
	bool refreshed; /* false: the database could not be asked */
} SnapshotWaiter;

typedef struct Snapshot Snapshot;

extern Snapshot *open_snapshot(const Settings *settings, char *error, size_t error_size);

/* Wakes all waiters, later ones are refused. */
extern void stop_snapshot(Snapshot *snapshot);
extern void close_snapshot(Snapshot *snapshot);

/* Thread-safe, no I/O, as are all below.  Copies the project out when found. */
extern ProjectLookup find_project(Snapshot *snapshot, const char *key, Project *project);

/* False when no active project has this id, as far as the snapshot goes. */
extern bool find_project_by_id(Snapshot *snapshot, int32_t id, Project *project);

/*
 * Append a JSON array, [] when the project has none or is not known: live tags with id, selector, icr, idc and
 * location; capture conditions with name, capture_rate and filters, in the words of web or of mobile trackers.
 */
extern void put_project_tags(Snapshot *snapshot, int32_t project_id, Buffer *json);
extern void put_project_conditions(Snapshot *snapshot, int32_t project_id, bool mobile, Buffer *json);

/* The rate by which sessions are captured once this condition came true, 0 .. 100; -1: there is no such condition. */
extern int condition_rate(Snapshot *snapshot, int32_t project_id, const char *name);

/* False when stopping: nobody will be woken. */
extern bool await_refresh(Snapshot *snapshot, SnapshotWaiter *waiter);

/* After a refresh that did not bring the key: remembers that for a moment. */
extern void remember_missing(Snapshot *snapshot, const char *key);

/* Reads again soon (SIGHUP). */
extern void refresh_snapshot(Snapshot *snapshot);

/* The largest batch any project may send: the server's limit or a project's beacon_size, whichever is more. */
extern int64_t largest_beacon(Snapshot *snapshot);

/* True once projects have been read from the database; true when there are any, be it those an earlier run kept. */
extern bool snapshot_loaded(Snapshot *snapshot);
extern bool has_projects(Snapshot *snapshot);

/* Seconds since the projects were read from the database, -1: not yet. */
extern double snapshot_age_s(Snapshot *snapshot);

#endif /* OPENREPLAY_SNAPSHOT_H */
