/*
 * pass.h - one pass over waiting batches, and what its parts share
 *
 * Private to src/pipeline and src/session.  A pass: entries are read from the lanes (lanes.c), start entries become
 * sessions (session/start.c), batches become rows (apply.c, events.c, pages.c), idle sessions end (session/end.c), and
 * everything is written by rows.c - in the caller's transaction.
 */
#ifndef OPENREPLAY_PASS_H
#define OPENREPLAY_PASS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "pipeline/rows.h"
#include "session/live.h"
#include "utils/jsonb.h"
#include "visit/visit.h"

/* Milliseconds since the Unix epoch, as messages count, and PostgreSQL's microseconds since 2000. */
#define POSTGRES_EPOCH_MS INT64CONST(946684800000)
#define TIMESTAMP_TO_MS(timestamp) ((timestamp) / 1000 + POSTGRES_EPOCH_MS)
#define MS_TO_TIMESTAMP(ms) (((ms) -POSTGRES_EPOCH_MS) * 1000)

#define DAY_MS INT64CONST(86400000)

static inline bool
text_is(WireString text, const char *expected)
{
	return text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0;
}

/* Kinds of entries in openreplay.batches. */
#define ENTRY_START 's'
#define ENTRY_WEB 'w'
#define ENTRY_MOBILE 'm'
#define ENTRY_SIGNAL 'u'	  /* of a usability test, JSON */
#define ENTRY_ANALYTICS 'a'	  /* events and users' properties that a site reports, JSON */
#define ENTRY_CANVAS 'c'	  /* images of canvases */
#define ENTRY_SCREENSHOTS 'i' /* of mobile sessions */

/* One row of openreplay.batches, in the memory of the pass. */
typedef struct Entry
{
	int64 seq;
	int64 session_id;
	TimestampTz received_at;
	int32 server_id;
	int16 shard;
	char kind;
	struct varlena *body; /* possibly toasted, one zstd frame */
} Entry;

/* True for entries whose body is a batch of messages. */
static inline bool
is_batch(const Entry *entry)
{
	return entry->kind == ENTRY_WEB || entry->kind == ENTRY_MOBILE;
}

/* True for entries that are applied to a session that has started. */
static inline bool
is_of_session(const Entry *entry)
{
	return is_batch(entry) || entry->kind == ENTRY_SIGNAL || entry->kind == ENTRY_ANALYTICS;
}

/* A lane as the pass knows it: its position, and what this pass did in it. */
typedef struct Lane
{
	int32 server_id;
	int16 shard;
	int64 seq;				 /* done up to here */
	TimestampTz received_at; /* of that entry; the lane's clock */
	int entries;
	int duplicates;
	int broken;
	int parked;
	int dropped; /* of deleted sessions */
	int64 messages;
	int64 bytes;
} Lane;

typedef struct Lanes
{
	Lane *lanes;
	int count;
	int allocated;
	int first; /* where reading starts next time: lanes take turns */
} Lanes;

/* An element of a project's pages that was named. */
typedef struct Tag
{
	uint64 selector; /* selector_hash() */
	bool ignore_click_rage;
	bool ignore_dead_click;
} Tag;

/* Settings of a project that change what is written. */
typedef struct Project
{
	int32 project_id; /* hash key */
	bool known;
	bool active;
	bool save_payloads;
	char *metadata[10]; /* names of the metadata columns, NULL where free */
	Thresholds thresholds;
	Tag *tags;
	int ntags;
} Project;

/* What lasts from pass to pass: of a worker, or of one call of process_batches(). */
typedef struct Pipeline
{
	MemoryContext context;
	uint64 shards; /* bit n: shard n is ours */
	Lanes lanes;
	LiveSessions *sessions;
	long weighed_sessions;	  /* how many they were when their memory was last added up */
	struct HTAB *suggestions; /* hashes of autocomplete values written lately */
	bool keeps_state;		  /* sessions stay in memory between passes (a worker) */
	bool leave_parked;		  /* what waits for a session stays where it is (isolate.c) */
	int64 started;			  /* the last session that started so; 0: none */
} Pipeline;

/* One pass. */
typedef struct Pass
{
	Pipeline *pipeline;
	MemoryContext context;		 /* of the pass */
	MemoryContext entry_context; /* of the entry at hand, reset after each */
	Rows *rows;
	struct HTAB *projects;	 /* read once per pass */
	struct HTAB *identities; /* changes to sessions rows, one per session */
	int64 month_first_id;	 /* a month of sessions that is known to have its partitions */
	int64 month_end_id;
	Entry *entries;
	int nentries;
	const Entry **parked; /* of this pass: their session has not started; NULL where it has meanwhile */
	int nparked;
	Entry *discarded; /* rows to delete: duplicates, of deleted sessions, put aside */
	int ndiscarded;
	int64 *deleted; /* sessions with a tombstone that have entries in this pass, in order */
	int ndeleted;
	int64 *awaited; /* sessions of this pass for which entries of passes before wait, in order */
	int nawaited;
	int64 *ended; /* sessions among them that had ended; what goes on must have no sequence */
	int nended;
	int64 *touched; /* sessions that changed, possibly more than once */
	int ntouched;
	int touched_size;
	uint8 *buffer; /* inflated body */
	size_t buffer_size;
	size_t inflated_bytes; /* of all entries */
	int64 entries_done;
	int64 rows_written;
	int64 rows_known;
	FactSink fact_sink; /* takes what detectors find instead of the tables; NULL in every pass that writes */
	void *fact_sink_arg;
} Pass;

/* ---- lanes.c ---- */

extern void read_lane_positions(Pipeline *pipeline);
extern void find_new_lanes(Pipeline *pipeline);
extern Lane *lane_of(Pipeline *pipeline, int32 server_id, int16 shard);

/* Reads up to limit entries behind the lanes' positions, lanes in turns; in lane order. */
extern void read_entries(Pass *pass, int limit);

/* Ends the pass before one of its entries; its lane is the first of the next pass. */
extern void leave_entries(Pass *pass, int from);

/* All entries of these sessions, or those that wait for them, which then wait no more; in the order they were received.
 */
extern Entry *read_entries_of(Pass *pass, const int64 *session_ids, int count, bool from_parked, int *nentries);

/* Entries behind the positions of these sessions, which are in memory; in the order they were received. */
extern Entry *read_unapplied_entries(Pass *pass, const int64 *session_ids, int count, int *nentries);

/* ---- pass.c ---- */

extern Pipeline *create_pipeline(MemoryContext parent, uint64 shards, bool keeps_state);

/* Processes what waits, at most one pass worth; returns how many entries. */
extern int64 run_pass(Pipeline *pipeline);

/*
 * Runs work in a subtransaction with SPI connected.  Returns pass->entries_done; on an error that may be gone next
 * time, or that work cannot be blamed on one entry, the error is raised again after everything was undone.
 */
typedef void (*PassWork)(Pass *pass, const void *arg);
extern int64 do_pass(Pipeline *pipeline, PassWork work, const void *arg);

/* The same, but for an error that can be blamed on an entry: -1 and the error's text. */
extern int64 try_pass(Pipeline *pipeline, PassWork work, const void *arg, char **error);

/* Work of an ordinary pass; arg points to how many entries it takes at most. */
extern void ordinary_work(Pass *pass, const void *arg);

/* Notes what was done in the lanes, their positions among it. */
extern void put_positions(Pass *pass, double elapsed_ms);

/* The entry's row goes, so that no other reader needs to know why it must not be read. */
extern void discard(Pass *pass, const Entry *entry);

/* Inflates an entry's body into the pass's buffer; false and a reason when it is no zstd frame of legal size. */
extern bool inflate_entry(Pass *pass, const Entry *entry, const uint8 **data, size_t *len, const char **reason);

/* To be called with every session that this pass changes. */
extern void touch_session(Pass *pass, LiveSession *session);

extern void report_duplicate(Pass *pass, const Entry *entry);
extern void report_broken(Pass *pass, const Entry *entry, const char *reason, int messages_kept);

/* Writes everything collected so far. */
extern void finish_pass(Pass *pass);

/* ---- parked.c ---- */

/* Applies an entry to its session, or keeps it until that starts. */
extern void process_or_park(Pass *pass, const Entry *entry);

/* Applies what came before its session's start entry did, in passes before and in this one. */
extern void process_parked(Pass *pass, int64 session_id);

extern void put_parked(Pass *pass);

/* ---- isolate.c ---- */

/* After a failed pass: does up to limit entries one by one, and puts the first that fails aside; returns how many. */
extern int64 isolate_fault(Pipeline *pipeline, int limit);

/* ---- projects.c ---- */

/* Never NULL; known tells whether there is such a project. */
extern Project *find_project(Pass *pass, int32 project_id);

/* ---- session/prepare.c ---- */

/*
 * Brings the live state of these sessions into memory and locks their rows against deletion until commit; deleted ones
 * are forgotten, also those that were live in memory.
 */
extern void prepare_sessions(Pass *pass, int64 *session_ids, int count);

/* The same for all that have entries in this pass; finds the tombstones among them. */
extern void prepare_sessions_of_pass(Pass *pass);

/* Whether a session of this pass was deleted before. */
extern bool is_deleted(const Pass *pass, int64 session_id);

/* Whether entries of passes before wait for the session. */
extern bool is_awaited(const Pass *pass, int64 session_id);

/* ---- apply.c ---- */

/* Applies one entry to its session; write is false when state is derived again and rows exist already. */
extern void apply_entry(Pass *pass, LiveSession *session, const Entry *entry, bool write);

/* ---- pages.c ---- */

/* Does what the page builder asks for (PAGE_VIEW_SHOW ...) of a tab, but for in-app navigations. */
extern void write_pages(Pass *pass, LiveSession *session, LiveTab *tab, const PageView *previous, unsigned todo);

/* A page view without timings. */
extern void write_navigation(Pass *pass, LiveSession *session, int64 message_id, int64 timestamp, WireString url,
							 WireString referrer);

/* Referrer and utm parameters of a SetPageLocation, for the session's row. */
extern void note_page_source(Pass *pass, LiveSession *session, WireString url, WireString referrer);

/* At the end of the session: what is half-built is shown. */
extern void flush_pages(Pass *pass, LiveSession *session);

/* ---- facts.c ---- */

/* At the end of the session: what its detectors still have pending is judged. */
extern void flush_detectors(Pass *pass, LiveSession *session);

/* Whether a tag of the project says that an issue on its element is none. */
extern bool is_ignored(const Project *project, const Fact *fact);

/* ---- signals.c ---- */

/* Writes what a visitor did in a usability test; NULL, or the reason why nothing was written. */
extern const char *write_signal(Pass *pass, LiveSession *session, const Entry *entry, JsonbContainer *signal);

/* ---- analytics.c ---- */

/* Whether a report has actions on users. */
extern bool changes_users(JsonbContainer *report);

/* Writes what a site's analytics report: custom events and changes of users; NULL, or what was left out and why. */
extern const char *write_analytics(Pass *pass, LiveSession *session, const Entry *entry, JsonbContainer *report);

/* ---- identities.c ---- */

typedef enum IdentityField
{
	IDENTITY_USER_ID,
	IDENTITY_ANONYMOUS_ID,
	IDENTITY_REFERRER,
	IDENTITY_UTM_SOURCE,
	IDENTITY_UTM_MEDIUM,
	IDENTITY_UTM_CAMPAIGN,
	IDENTITY_METADATA_1,
	IDENTITY_FIELDS = IDENTITY_METADATA_1 + 10
} IdentityField;

/* Notes a change of the session's row; the last one wins, of referrers the first. */
extern void note_identity(Pass *pass, int64 session_id, IdentityField field, WireString value);
extern void put_identities(Pass *pass);

/* ---- autocomplete.c ---- */

/* Whether something of this hash was written lately, by this worker; now it was. */
extern bool was_written_lately(Pass *pass, uint64 hash);
extern void suggest(Pass *pass, int32 project_id, const char *type, WireString value);

/* ---- session/start.c ---- */

/* Makes the session of a start entry: its row and its live state.  False: the entry is broken, reason tells. */
extern bool start_session(Pass *pass, const Entry *entry, const char **reason);

/* ---- session/end.c ---- */

/* Clocks of the lanes, to be read before the last batches are: index is the shard. */
typedef struct LaneClocks
{
	TimestampTz clocks[VISIT_SHARDS];
} LaneClocks;

extern void read_lane_clocks(Pipeline *pipeline, LaneClocks *clocks);

/*
 * Ends what was silent for the timeout by these clocks, in a pass of its own, and adds how many sessions that were to
 * *ended.  Returns how many it ended or found to be not silent after all: 0 when none is left.
 */
extern int64 end_idle_sessions(Pipeline *pipeline, const LaneClocks *clocks, int64 *ended);

/* ---- session/save.c ---- */

/* Whether live sessions take more than openreplay.worker_memory; cheap enough for every pass. */
extern bool memory_is_short(Pipeline *pipeline);

/* Since when a session must have been heard of to stay in memory: some minutes, less when memory is short. */
extern TimestampTz memory_horizon(Pipeline *pipeline);

/*
 * Writes the changes of sessions not heard of since horizon (DT_NOEND: of all), at most a transaction's worth; returns
 * how many.
 */
extern int64 save_checkpoints(Pipeline *pipeline, TimestampTz horizon);

/* Forgets sessions not heard of since horizon whose checkpoint has all. */
extern void evict_sessions(Pipeline *pipeline, TimestampTz horizon);

#endif /* OPENREPLAY_PASS_H */
