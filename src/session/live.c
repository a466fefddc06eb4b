/*
 * live.c - live sessions and their checkpoints
 *
 * A checkpoint is the struct written field by field, page builders and detectors as the bytes they are (plain structs
 * without pointers).  It begins with a version that includes their sizes: bytes of another layout are not guessed at.
 * Detectors are mostly empty, so of them only the words that are not 0 are written, after a bitmap that tells which.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pipeline/injection.h"
#include "session/live.h"
#include "visit/visit.h"

#define CHECKPOINT_VERSION (2 << 24 | (int) sizeof(DetectorState) << 12 | (int) sizeof(PageView))

StaticAssertDecl(sizeof(PageView) < 1 << 12 && sizeof(DetectorState) < 1 << 12, "sizes share the checkpoint's version");
StaticAssertDecl(sizeof(DetectorState) % sizeof(uint64) == 0, "detectors are written in words");

#define DETECTOR_WORDS ((int) (sizeof(DetectorState) / sizeof(uint64)))

/*
 * How much a restart may have to derive again of a session: bytes of inflated entries, and for each entry what finding
 * it costs beside.  A checkpoint has one to two kilobytes, so that this also keeps the checkpoints small beside the
 * batches.
 */
#ifndef CHECKPOINT_AFTER_BYTES
#define CHECKPOINT_AFTER_BYTES (1024 * 1024)
#endif
#define CHECKPOINT_BYTES_PER_ENTRY 4096

struct LiveSessions
{
	MemoryContext context;
	HTAB *table;
};

static void
create_table(LiveSessions *sessions)
{
	HASHCTL control = {
		.keysize = sizeof(int64),
		.entrysize = sizeof(LiveSession),
		.hcxt = sessions->context,
	};

	sessions->table = hash_create("live sessions", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

LiveSessions *
create_live_sessions(MemoryContext parent)
{
	LiveSessions *sessions = MemoryContextAlloc(parent, sizeof(LiveSessions));

	sessions->context = AllocSetContextCreate(parent, "openreplay live sessions", ALLOCSET_DEFAULT_SIZES);
	create_table(sessions);
	return sessions;
}

LiveSession *
find_live_session(LiveSessions *sessions, int64 session_id)
{
	return hash_search(sessions->table, &session_id, HASH_FIND, NULL);
}

LiveSession *
add_live_session(LiveSessions *sessions, int64 session_id)
{
	bool found;
	LiveSession *session = hash_search(sessions->table, &session_id, HASH_ENTER, &found);

	Assert(!found);
	memset((char *) session + sizeof(int64), 0, sizeof(LiveSession) - sizeof(int64));
	session->context = AllocSetContextCreate(sessions->context, "openreplay live session", 0, 1024, 8192);
	return session;
}

void
forget_live_session(LiveSessions *sessions, int64 session_id)
{
	LiveSession *session = find_live_session(sessions, session_id);

	if (session == NULL)
		return;
	MemoryContextDelete(session->context);
	hash_search(sessions->table, &session_id, HASH_REMOVE, NULL);
}

void
forget_all_live_sessions(LiveSessions *sessions)
{
	MemoryContextReset(sessions->context);
	create_table(sessions);
}

long
count_live_sessions(LiveSessions *sessions)
{
	return hash_get_num_entries(sessions->table);
}

Size
live_sessions_bytes(LiveSessions *sessions)
{
	return MemoryContextMemAllocated(sessions->context, true);
}

void
walk_live_sessions(LiveSessions *sessions, void (*visit)(LiveSession *session, void *arg), void *arg)
{
	HASH_SEQ_STATUS walk;
	LiveSession *session;

	hash_seq_init(&walk, sessions->table);
	while ((session = hash_seq_search(&walk)) != NULL)
		visit(session, arg);
}

bool
note_batch(LiveSession *session, uint64 fingerprint)
{
	int kept = Min(session->nseen, LIVE_MAX_SEEN);

	for (int i = 0; i < kept; i++)
		if (session->seen[i] == fingerprint)
			return false;
	if (kept == session->seen_size && kept < LIVE_MAX_SEEN)
	{
		int size = session->seen_size ? Min(session->seen_size * 2, LIVE_MAX_SEEN) : 8;

		session->seen = session->seen ? repalloc(session->seen, size * sizeof(uint64))
									  : MemoryContextAlloc(session->context, size * sizeof(uint64));
		session->seen_size = size;
	}
	session->seen[session->nseen % LIVE_MAX_SEEN] = fingerprint;
	session->nseen++;
	session->dirty = true;
	return true;
}

bool
is_applied(const LiveSession *session, int32 server_id, int64 seq)
{
	for (int i = 0; i < session->nlanes; i++)
		if (session->lanes[i].server_id == server_id)
			return seq <= session->lanes[i].seq;
	return false;
}

static void
reserve_lanes(LiveSession *session, int size)
{
	if (size <= session->lanes_size)
		return;
	session->lanes = session->lanes ? repalloc(session->lanes, size * sizeof(LanePosition))
									: MemoryContextAlloc(session->context, size * sizeof(LanePosition));
	session->lanes_size = size;
}

void
note_position(LiveSession *session, int32 server_id, int64 seq)
{
	session->dirty = true;
	for (int i = 0; i < session->nlanes; i++)
	{
		if (session->lanes[i].server_id != server_id)
			continue;
		/* it waited for the session and is behind the position already: only a checkpoint knows that it was applied */
		if (seq < session->lanes[i].seq)
			session->checkpoint_now = true;
		session->lanes[i].seq = Max(session->lanes[i].seq, seq);
		return;
	}
	/* a session of one lane can be derived again as it was; of several, what was applied from which by then must be
	 * known */
	if (session->nlanes > 0)
		session->order_matters = session->checkpoint_now = true;
	/* beyond this many servers a session's oldest lane is forgotten; row keys still keep its rows from doubling */
	if (session->nlanes == LIVE_MAX_LANES)
		memmove(session->lanes, session->lanes + 1, (--session->nlanes) * sizeof(LanePosition));
	reserve_lanes(session, session->nlanes + 1);
	session->lanes[session->nlanes++] = (LanePosition){server_id, seq};
}

void
open_again(LiveSession *session)
{
	if (!session->ended)
		return;
	session->ended = false;
	session->checkpoint_now = true;
}

void
note_unsaved(LiveSession *session, size_t entry_bytes)
{
	session->unsaved_bytes += (int64) entry_bytes + CHECKPOINT_BYTES_PER_ENTRY;
}

bool
checkpoint_is_due(const LiveSession *session)
{
	return session->checkpoint_now || (session->dirty && !session->has_checkpoint) ||
		   session->unsaved_bytes >= CHECKPOINT_AFTER_BYTES;
}

static LiveTab *
add_tab(LiveSession *session)
{
	int size = session->ntabs + 1;
	LiveTab *tab;

	session->tabs = session->tabs ? repalloc(session->tabs, size * sizeof(LiveTab))
								  : MemoryContextAlloc(session->context, size * sizeof(LiveTab));
	tab = &session->tabs[session->ntabs++];
	memset(tab, 0, sizeof(LiveTab));
	return tab;
}

int
tab_ordinal(LiveSession *session, WireString tab_id)
{
	uint64 fingerprint = hash_bytes_extended((const unsigned char *) tab_id.data, (int) tab_id.len, 0);

	for (int i = 0; i < session->ntabs; i++)
		if (session->tabs[i].fingerprint == fingerprint)
			return i;
	if (session->ntabs >= LIVE_MAX_TABS)
		return LIVE_MAX_TABS - 1;
	add_tab(session)->fingerprint = fingerprint;
	session->dirty = true;
	/* rows carry the ordinal, so it must outlive a restart together with them */
	if (session->order_matters)
		session->checkpoint_now = true;
	return session->ntabs - 1;
}

DetectorState *
tab_detectors(LiveSession *session, int tab)
{
	LiveTab *live = &session->tabs[tab];

	if (live->detectors == NULL)
	{
		live->detectors = MemoryContextAlloc(session->context, sizeof(DetectorState));
		detectors_start(live->detectors, session->mobile ? WIRE_MOBILE : WIRE_WEB);
	}
	return live->detectors;
}

void
keep_text(LiveSession *session, char **slot, WireString text, size_t max_bytes)
{
	size_t len = Min(text.len, max_bytes);
	char *copy = MemoryContextAlloc(session->context, len + 1);

	memcpy(copy, text.data, len);
	copy[len] = '\0';
	if (*slot != NULL)
		pfree(*slot);
	*slot = copy;
}

/* ---- checkpoints ---- */

static void
send_text(StringInfo out, const char *text)
{
	pq_sendint32(out, text ? (int32) strlen(text) : -1);
	if (text != NULL)
		appendBinaryStringInfo(out, text, (int) strlen(text));
}

static void
send_detectors(StringInfo out, const DetectorState *detectors)
{
	uint64 words[DETECTOR_WORDS];

	pq_sendint8(out, detectors != NULL);
	if (detectors == NULL)
		return;
	memcpy(words, detectors, sizeof(words));
	for (int base = 0; base < DETECTOR_WORDS; base += 8)
	{
		uint8 present = 0;

		for (int i = 0; i < 8 && base + i < DETECTOR_WORDS; i++)
			if (words[base + i] != 0)
				present |= 1 << i;
		pq_sendint8(out, present);
		for (int i = 0; i < 8; i++)
			if (present & (1 << i))
				appendBinaryStringInfo(out, (const char *) &words[base + i], sizeof(uint64));
	}
}

void
checkpoint_session(LiveSession *session, Rows *rows)
{
	StringInfoData out;
	int kept = Min(session->nseen, LIVE_MAX_SEEN);

	initStringInfo(&out);
	pq_sendint32(&out, CHECKPOINT_VERSION);
	pq_sendint32(&out, session->project_id);
	pq_sendint8(&out, session->mobile);
	pq_sendint8(&out, session->exact_points);
	pq_sendint64(&out, session->start_ms);
	pq_sendint64(&out, session->expires_ms);
	pq_sendint64(&out, session->clock_ms);
	send_text(&out, session->url);
	pq_sendint32(&out, session->nlanes);
	for (int i = 0; i < session->nlanes; i++)
	{
		pq_sendint32(&out, session->lanes[i].server_id);
		pq_sendint64(&out, session->lanes[i].seq);
	}
	pq_sendint32(&out, session->ntabs);
	for (int i = 0; i < session->ntabs; i++)
	{
		pq_sendint64(&out, (int64) session->tabs[i].fingerprint);
		appendBinaryStringInfo(&out, (const char *) &session->tabs[i].page, sizeof(PageView));
		send_text(&out, session->tabs[i].url);
		send_text(&out, session->tabs[i].referrer);
		send_text(&out, session->tabs[i].location);
		send_detectors(&out, session->tabs[i].detectors);
	}
	pq_sendint32(&out, session->nseen);
	for (int i = 0; i < kept; i++)
		pq_sendint64(&out, (int64) session->seen[i]);

	row_start(rows, ROWS_CHECKPOINTS);
	put_int64(rows, session->session_id);
	put_timestamp(rows, session->last_received_at);
	put_int64(rows, session->clock_ms);
	put_timestamp(rows, (session->expires_ms - INT64CONST(946684800000)) * 1000);
	if (session->ended)
		put_timestamp(rows, GetCurrentTimestamp());
	else
		put_null(rows);
	put_int32(rows, session->project_id);
	put_int16(rows, session_shard((uint64) session->session_id));
	put_bytes(rows, out.data, out.len);
	pfree(out.data);

	session->has_checkpoint = true;
	session->unsaved_bytes = 0;
	session->dirty = false;
	session->checkpoint_now = false;
}

static char *
receive_text(LiveSession *session, StringInfo in)
{
	int32 len = (int32) pq_getmsgint(in, 4);
	char *text;

	if (len < 0)
		return NULL;
	text = MemoryContextAlloc(session->context, len + 1);
	memcpy(text, pq_getmsgbytes(in, len), len);
	text[len] = '\0';
	return text;
}

static void
receive_detectors(LiveSession *session, int tab, StringInfo in)
{
	uint64 words[DETECTOR_WORDS] = {0};

	if (pq_getmsgbyte(in) == 0)
		return;
	for (int base = 0; base < DETECTOR_WORDS; base += 8)
	{
		int present = pq_getmsgbyte(in);

		for (int i = 0; i < 8 && base + i < DETECTOR_WORDS; i++)
			if (present & (1 << i))
				memcpy(&words[base + i], pq_getmsgbytes(in, sizeof(uint64)), sizeof(uint64));
	}
	memcpy(tab_detectors(session, tab), words, sizeof(words));
}

bool
restore_checkpoint(LiveSession *session, const char *data, size_t len)
{
	StringInfoData in = {.data = (char *) data, .len = (int) len};
	int ntabs;
	int kept;

	if (len < 4 || pq_getmsgint(&in, 4) != CHECKPOINT_VERSION)
		return false;
	session->project_id = (int32) pq_getmsgint(&in, 4);
	session->mobile = pq_getmsgbyte(&in) != 0;
	session->exact_points = pq_getmsgbyte(&in) != 0;
	session->start_ms = pq_getmsgint64(&in);
	session->expires_ms = pq_getmsgint64(&in);
	session->clock_ms = pq_getmsgint64(&in);
	session->url = receive_text(session, &in);
	session->nlanes = (int) pq_getmsgint(&in, 4);
	session->order_matters = session->nlanes > 1;
	reserve_lanes(session, session->nlanes);
	for (int i = 0; i < session->nlanes; i++)
	{
		session->lanes[i].server_id = (int32) pq_getmsgint(&in, 4);
		session->lanes[i].seq = pq_getmsgint64(&in);
	}
	ntabs = (int) pq_getmsgint(&in, 4);
	for (int i = 0; i < ntabs; i++)
	{
		LiveTab *tab = add_tab(session);

		tab->fingerprint = (uint64) pq_getmsgint64(&in);
		memcpy(&tab->page, pq_getmsgbytes(&in, sizeof(PageView)), sizeof(PageView));
		tab->url = receive_text(session, &in);
		tab->referrer = receive_text(session, &in);
		tab->location = receive_text(session, &in);
		receive_detectors(session, i, &in);
	}
	session->nseen = (int) pq_getmsgint(&in, 4);
	kept = Min(session->nseen, LIVE_MAX_SEEN);
	session->seen_size = kept;
	if (kept > 0)
		session->seen = MemoryContextAlloc(session->context, kept * sizeof(uint64));
	for (int i = 0; i < kept; i++)
		session->seen[i] = (uint64) pq_getmsgint64(&in);
	return true;
}

/* ---- remains ---- */

#define REMAINS_EXACT_POINTS 1
#define REMAINS_FINGERPRINTS 2 /* their number, two bytes, and they themselves are before the tabs */
#define MAX_LASTING 64

/* The newest lasting fingerprints, newest first; returns how many. */
static int
find_lasting(const LiveSession *session, uint64 *found)
{
	int kept = Min(session->nseen, LIVE_MAX_SEEN);
	int count = 0;

	for (int i = 1; i <= kept && count < MAX_LASTING; i++)
	{
		uint64 fingerprint = session->seen[(session->nseen - i) % LIVE_MAX_SEEN];

		if (fingerprint & LASTING_FINGERPRINT)
			found[count++] = fingerprint;
	}
	return count;
}

bytea *
remains_of(const LiveSession *session)
{
	StringInfoData out;
	uint64 lasting[MAX_LASTING];
	int count = find_lasting(session, lasting);

	pq_begintypsend(&out);
	pq_sendint8(&out, (session->exact_points ? REMAINS_EXACT_POINTS : 0) | (count > 0 ? REMAINS_FINGERPRINTS : 0));
	pq_sendint64(&out, session->start_ms);
	if (count > 0)
		pq_sendint16(&out, (uint16) count);
	for (int i = count - 1; i >= 0; i--)
		pq_sendint64(&out, (int64) lasting[i]);
	for (int i = 0; i < session->ntabs; i++)
		pq_sendint64(&out, (int64) session->tabs[i].fingerprint);
	return pq_endtypsend(&out);
}

bool
restore_remains(LiveSession *session, const char *data, size_t len)
{
	StringInfoData in = {.data = (char *) data, .len = (int) len};
	int flags;
	int lasting = 0;

	if (len < 9)
		return false;
	flags = pq_getmsgbyte(&in);
	session->exact_points = (flags & REMAINS_EXACT_POINTS) != 0;
	session->start_ms = pq_getmsgint64(&in);
	if (flags & REMAINS_FINGERPRINTS)
		lasting = len < 11 ? MAX_LASTING + 1 : (int) pq_getmsgint(&in, 2);
	if (lasting > MAX_LASTING || (in.len - in.cursor) % 8 != 0 || (in.len - in.cursor) / 8 < lasting ||
		(in.len - in.cursor) / 8 - lasting > LIVE_MAX_TABS)
		return false;
	for (int i = 0; i < lasting; i++)
		note_batch(session, (uint64) pq_getmsgint64(&in));
	while (in.cursor < in.len)
		add_tab(session)->fingerprint = (uint64) pq_getmsgint64(&in);
	session->ended = true;
	return true;
}
