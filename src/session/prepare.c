/*
 * prepare.c - sessions brought into memory before their batches are applied
 *
 * A session that is live but not in memory is read from its checkpoint, and what was applied after the checkpoint is
 * applied again to its state only: the rows of those batches are there.
 *
 * Of a session whose state has expired the row knows what must not be made up: which tab has which ordinal, since row
 * keys carry it.  Its detectors and page views begin anew.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pipeline/pass.h"

#define DERIVE_AT_ONCE 50 /* sessions whose batches are in memory together */

static Datum
id_array(const int64 *ids, int count)
{
	Datum *values = palloc(Max(count, 1) * sizeof(Datum));

	for (int i = 0; i < count; i++)
		values[i] = Int64GetDatum(ids[i]);
	return PointerGetDatum(construct_array(values, count, INT8OID, 8, true, TYPALIGN_DOUBLE));
}

static int
compare_ids(const void *a, const void *b)
{
	int64 x = *(const int64 *) a;
	int64 y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/* The sessions that have entries in this pass, once each; a start that was sent twice must find its session. */
static int64 *
sessions_of_pass(Pass *pass, int *count)
{
	int64 *ids = MemoryContextAlloc(pass->context, Max(pass->nentries, 1) * sizeof(int64));
	int n = 0;

	for (int i = 0; i < pass->nentries; i++)
		ids[n++] = pass->entries[i].session_id;
	qsort(ids, n, sizeof(int64), compare_ids);
	*count = 0;
	for (int i = 0; i < n; i++)
		if (i == 0 || ids[i] != ids[*count - 1])
			ids[(*count)++] = ids[i];
	return ids;
}

/* Batches applied after the checkpoint, before this pass: applied again to the state only. */
static void
derive_again(Pass *pass, const int64 *ids, int count)
{
	int nentries;
	Entry *entries;

	if (count == 0)
		return;
	entries = read_unapplied_entries(pass, ids, count, &nentries);
	for (int i = 0; i < nentries; i++)
	{
		Entry *entry = &entries[i];
		LiveSession *session = find_live_session(pass->pipeline->sessions, entry->session_id);
		Lane *lane = lane_of(pass->pipeline, entry->server_id, entry->shard);

		if (session == NULL || lane == NULL || entry->seq > lane->seq || !is_of_session(entry) ||
			is_applied(session, entry->server_id, entry->seq))
			continue;
		CHECK_FOR_INTERRUPTS();
		apply_entry(pass, session, entry, false);
		MemoryContextReset(pass->entry_context);
	}
	for (int i = 0; i < nentries; i++)
		pfree(entries[i].body);
	pfree(entries);
}

/* Brings sessions into memory that are live but not there. */
static void
load_sessions(Pass *pass, const int64 *ids, int count)
{
	LiveSessions *sessions = pass->pipeline->sessions;
	int64 *missing = MemoryContextAlloc(pass->context, Max(count, 1) * sizeof(int64));
	int nmissing = 0;
	int nloaded = 0;
	Oid types[] = {INT8ARRAYOID};
	Datum arguments[1];

	for (int i = 0; i < count; i++)
		if (find_live_session(sessions, ids[i]) == NULL)
			missing[nmissing++] = ids[i];
	if (nmissing == 0)
		return;
	arguments[0] = id_array(missing, nmissing);
	SPI_execute_with_args("SELECT session_id, state, last_received_at, ended_at FROM openreplay.live_sessions"
						  " WHERE session_id = ANY ($1)",
						  1, types, arguments, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool isnull;
		int64 id = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
		bytea *state = DatumGetByteaPP(SPI_getbinval(tuple, desc, 2, &isnull));
		LiveSession *session = add_live_session(sessions, id);

		if (!restore_checkpoint(session, VARDATA_ANY(state), VARSIZE_ANY_EXHDR(state)))
		{
			/* written by another version: its first batch makes it anew */
			forget_live_session(sessions, id);
			ereport(
				WARNING, errmsg("the state of session " INT64_FORMAT " was written by another version", id),
				errhint(
					"Its rows stay; what arrives from now on is kept as broken. Let sessions end before an upgrade."));
			continue;
		}
		session->last_received_at = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 3, &isnull));
		session->has_checkpoint = true;
		SPI_getbinval(tuple, desc, 4, &isnull);
		session->ended = !isnull;
		missing[nloaded++] = id;
	}
	SPI_freetuptable(SPI_tuptable);
	for (int i = 0; i < nloaded; i += DERIVE_AT_ONCE)
		derive_again(pass, missing + i, Min(nloaded - i, DERIVE_AT_ONCE));
}

/* The ids that a query of $1, an array of them, returns in order; in the memory of the pass. */
static int64 *
select_ids(Pass *pass, const char *query, const int64 *ids, int count, int *nfound)
{
	Oid types[] = {INT8ARRAYOID};
	Datum arguments[] = {id_array(ids, count)};
	int64 *found;

	SPI_execute_with_args(query, 1, types, arguments, NULL, false, 0);
	*nfound = (int) SPI_processed;
	found = MemoryContextAlloc(pass->context, Max(*nfound, 1) * sizeof(int64));
	for (int i = 0; i < *nfound; i++)
	{
		bool isnull;

		found[i] = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
	return found;
}

/*
 * Locks the rows of sessions against deletion until commit, which stands for the foreign keys that event tables do not
 * have.  Sessions whose row is gone were deleted: their state goes too.
 */
static void
lock_sessions(Pass *pass, const int64 *ids, int count)
{
	int nfound;
	int64 *found;

	if (count == 0)
		return;
	found = select_ids(
		pass, "SELECT session_id FROM public.sessions WHERE session_id = ANY ($1) ORDER BY session_id FOR KEY SHARE",
		ids, count, &nfound);
	for (int i = 0; i < count; i++)
		if (bsearch(&ids[i], found, nfound, sizeof(int64), compare_ids) == NULL)
			forget_live_session(pass->pipeline->sessions, ids[i]);
}

/*
 * Sessions whose state has expired begin a new one from what their rows know; for data of a server that was away, or
 * that a phone had kept.  It expires a day after the data came, so that a deletion meanwhile leaves its tombstone.
 */
static void
revive_sessions(Pass *pass, const int64 *ids, int count)
{
	Oid types[] = {INT8ARRAYOID};
	Datum arguments[1];
	int64 *expired = MemoryContextAlloc(pass->context, Max(count, 1) * sizeof(int64));
	int nexpired = 0;

	for (int i = 0; i < count; i++)
		if (find_live_session(pass->pipeline->sessions, ids[i]) == NULL)
			expired[nexpired++] = ids[i];
	if (nexpired == 0)
		return;
	arguments[0] = id_array(expired, nexpired);
	SPI_execute_with_args("SELECT session_id, project_id, platform <> 'web', remains FROM public.sessions"
						  " WHERE session_id = ANY ($1) AND remains IS NOT NULL ORDER BY session_id FOR KEY SHARE",
						  1, types, arguments, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool isnull;
		int64 id = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
		bytea *remains = DatumGetByteaPP(SPI_getbinval(tuple, desc, 4, &isnull));
		LiveSession *session = add_live_session(pass->pipeline->sessions, id);

		session->project_id = DatumGetInt32(SPI_getbinval(tuple, desc, 2, &isnull));
		session->mobile = DatumGetBool(SPI_getbinval(tuple, desc, 3, &isnull));
		session->expires_ms = TIMESTAMP_TO_MS(GetCurrentTimestamp()) + DAY_MS;
		if (!restore_remains(session, VARDATA_ANY(remains), VARSIZE_ANY_EXHDR(remains)))
			forget_live_session(pass->pipeline->sessions, id);
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Of the sessions that are not live, which were deleted (after the rows are locked: a deletion that was under way has
 * committed its tombstone then), and for which of them entries wait.
 */
static void
look_up_unknown(Pass *pass, const int64 *ids, int count)
{
	int64 *unknown = MemoryContextAlloc(pass->context, Max(count, 1) * sizeof(int64));
	int nunknown = 0;

	for (int i = 0; i < count; i++)
		if (find_live_session(pass->pipeline->sessions, ids[i]) == NULL)
			unknown[nunknown++] = ids[i];
	if (nunknown == 0)
		return;
	pass->deleted = select_ids(pass,
							   "SELECT session_id FROM openreplay.deleted_sessions WHERE session_id = ANY ($1)"
							   " ORDER BY session_id",
							   unknown, nunknown, &pass->ndeleted);
	pass->awaited = select_ids(pass,
							   "SELECT DISTINCT session_id FROM openreplay.parked_batches WHERE session_id = ANY ($1)"
							   " ORDER BY session_id",
							   unknown, nunknown, &pass->nawaited);
}

bool
is_deleted(const Pass *pass, int64 session_id)
{
	return pass->ndeleted > 0 &&
		   bsearch(&session_id, pass->deleted, pass->ndeleted, sizeof(int64), compare_ids) != NULL;
}

bool
is_awaited(const Pass *pass, int64 session_id)
{
	return pass->nawaited > 0 &&
		   bsearch(&session_id, pass->awaited, pass->nawaited, sizeof(int64), compare_ids) != NULL;
}

void
prepare_sessions(Pass *pass, int64 *session_ids, int count)
{
	qsort(session_ids, count, sizeof(int64), compare_ids);
	load_sessions(pass, session_ids, count);
	lock_sessions(pass, session_ids, count);
}

void
prepare_sessions_of_pass(Pass *pass)
{
	int count;
	int64 *ids = sessions_of_pass(pass, &count);

	prepare_sessions(pass, ids, count);
	revive_sessions(pass, ids, count);
	look_up_unknown(pass, ids, count);
}
