/*
 * live.h - sessions that may still receive data, in the memory of the worker that holds their shard
 *
 * What a pass must know of a session beyond the batch at hand: which batches it saw, its tabs, half-built page views,
 * its times.  The database has checkpoints of it (openreplay.live_sessions); what is newer can always be derived again
 * from the batches, so losing this memory loses nothing.
 */
#ifndef OPENREPLAY_LIVE_H
#define OPENREPLAY_LIVE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "heuristics/detectors.h"
#include "heuristics/page_view.h"
#include "pipeline/rows.h"

#define LIVE_MAX_TABS 1000 /* more than these share the last ordinal */
#define LIVE_MAX_SEEN 512  /* fingerprints kept; a tracker gives up resending after about 60 batches */
#define LIVE_MAX_LANES 16  /* servers that may hold batches of one session */

/* The position in one lane up to which a session's batches are applied. */
typedef struct LanePosition
{
	int32 server_id;
	int64 seq;
} LanePosition;

typedef struct LiveTab
{
	uint64 fingerprint; /* of the tab's id */
	PageView page;
	char *url; /* of the page in the builder; cut to what is stored */
	char *referrer;
	char *location;			  /* where the tab is now, in-app navigations included; NULL: not known */
	DetectorState *detectors; /* NULL: no batch was applied yet */
} LiveTab;

typedef struct LiveSession
{
	int64 session_id;	   /* hash key, first */
	MemoryContext context; /* owns what the pointers point to */
	int32 project_id;
	bool mobile;
	bool exact_points;	 /* the tracker sends click coordinates in hundredths of a percent, always */
	bool ended;			 /* and nothing came since */
	bool dirty;			 /* differs from its checkpoint */
	bool checkpoint_now; /* must be written in this transaction */
	bool order_matters;	 /* entries in another order than they were applied in would give tabs other ordinals */
	bool has_checkpoint;
	int64 unsaved_bytes; /* of entries that the checkpoint does not have */
	int64 start_ms;		 /* by the clock its messages are timed by */
	int64 expires_ms;	 /* of its token */
	int64 clock_ms;		 /* highest plausible message time */
	TimestampTz last_received_at;
	char *url; /* last page, for pre-2021 batch headers that carry none; may be NULL */
	int nlanes;
	int lanes_size;
	LanePosition *lanes;
	int ntabs;
	LiveTab *tabs; /* by ordinal */
	int nseen;	   /* ever; the newest LIVE_MAX_SEEN are kept in a ring */
	int seen_size;
	uint64 *seen;
} LiveSession;

/* What a session of one tab and one lane takes, but for its URLs and eight bytes for each batch. */
StaticAssertDecl(sizeof(LiveSession) + sizeof(LanePosition) + sizeof(LiveTab) + sizeof(DetectorState) <= 2048,
				 "an ordinary live session spends at most 2 KB");

typedef struct LiveSessions LiveSessions;

/* A collection in its own memory context below the given one. */
extern LiveSessions *create_live_sessions(MemoryContext parent);

extern LiveSession *find_live_session(LiveSessions *sessions, int64 session_id);
extern LiveSession *add_live_session(LiveSessions *sessions, int64 session_id);
extern void forget_live_session(LiveSessions *sessions, int64 session_id);
extern void forget_all_live_sessions(LiveSessions *sessions);
extern long count_live_sessions(LiveSessions *sessions);

/* Memory they take, in bytes. */
extern Size live_sessions_bytes(LiveSessions *sessions);

/* Calls visit for each; it may forget the session it is given. */
extern void walk_live_sessions(LiveSessions *sessions, void (*visit)(LiveSession *session, void *arg), void *arg);

/*
 * Notes a batch's fingerprint; false when it was seen before.  With LASTING_FINGERPRINT it outlives the state, for what
 * would count again, as no key of a row tells that it was applied.
 */
#define LASTING_FINGERPRINT UINT64CONST(1)
extern bool note_batch(LiveSession *session, uint64 fingerprint);

/* Whether an entry is applied already, and that it is now. */
extern bool is_applied(const LiveSession *session, int32 server_id, int64 seq);
extern void note_position(LiveSession *session, int32 server_id, int64 seq);

/* Late data opens a session that had ended; its next end only extends. */
extern void open_again(LiveSession *session);

/* Notes what deriving an entry of so many bytes again would cost. */
extern void note_unsaved(LiveSession *session, size_t entry_bytes);

/* Whether the session's checkpoint must be written, or is old enough to be. */
extern bool checkpoint_is_due(const LiveSession *session);

/* The ordinal of a tab in order of first appearance. */
extern int tab_ordinal(LiveSession *session, WireString tab_id);

/* The detectors of a tab, made when there are none. */
extern DetectorState *tab_detectors(LiveSession *session, int tab);

/* Replaces *slot by a copy of at most max_bytes of the text, in the session's memory. */
extern void keep_text(LiveSession *session, char **slot, WireString text, size_t max_bytes);

/* Appends the session to the checkpoints to be written. */
extern void checkpoint_session(LiveSession *session, Rows *rows);

/* Fills a session just added from its checkpoint's bytes; false if they are of another version. */
extern bool restore_checkpoint(LiveSession *session, const char *data, size_t len);

/*
 * What must outlive the state, for data that comes after it has expired: 17 bytes, and 8 for each tab but the first, so
 * that tabs keep their ordinals, and for each of the newest lasting fingerprints.  Palloc'd bytes.
 */
extern bytea *remains_of(const LiveSession *session);

/* Fills a session just added from its remains, as one that has ended; false if they are damaged. */
extern bool restore_remains(LiveSession *session, const char *data, size_t len);

#endif /* OPENREPLAY_LIVE_H */
