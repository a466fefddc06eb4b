/*
 * write_sequences.c - events become sequences: openreplay.write_session_events()
 *
 * The rows of many sessions are read at once, in no order; what is kept of each is 32 bytes.  A value that is new to
 * its project gets the next id of its kind.  Ids are given under a lock on the project until commit, so that nobody
 * gives one twice; projects are locked in order, after everything else that a pass locks.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "metrics/sequences.h"
#include "sequences/sequence.h"

#define ROWS_AT_ONCE 10000
/* A session with more events is answered from its rows; as are those that would make it too many at once. */
#define MAX_EVENTS 100000
#define MAX_EVENTS_AT_ONCE 5000000

PG_FUNCTION_INFO_V1(openreplay_event_kinds);
PG_FUNCTION_INFO_V1(openreplay_plain_events);
PG_FUNCTION_INFO_V1(openreplay_write_session_events);

typedef struct WrittenSession
{
	int64 session_id;
	int64 start_ts;
	int32 project_id;
	int nevents;
	bool too_long;
} WrittenSession;

/* What a value is: by its content, which is its own memory. */
typedef struct ValueKey
{
	int32 project_id;
	int16 kind;
	bool has_value;
	int32 len; /* of value, in its text form */
	const text *value;
	const struct varlena *details; /* text[] */
} ValueKey;

typedef struct Value
{
	ValueKey key; /* hash key, first */
	int n;		  /* in the order of appearance, from 0 */
	int32 value_id;
	pg_uuid_t digest;
} Value;

typedef struct WrittenEvent
{
	int64 timestamp;
	int64 key;
	int32 session; /* index */
	int32 value;   /* index */
	int16 kind;
} WrittenEvent;

typedef struct Writing
{
	MemoryContext context;
	int nsessions;
	WrittenSession *sessions; /* by id */
	HTAB *values;
	Value **in_order;
	int nvalues;
	int values_size;
	WrittenEvent *events;
	int64 nevents;
	int64 events_size;
} Writing;

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* Appends a subquery: the events of sessions as rows, those of array parameter ids or all. */
static void
add_plain_events(Sql *sql, Datum ids, int64 first_id, int64 last_id)
{
	for (int k = 0; k < n_sequence_kinds; k++)
	{
		const SequenceKind *kind = &sequence_kinds[k];
		int column = 0;

		sql_add(sql, "%sSELECT e.session_id, %d::smallint AS kind, e.\"timestamp\", (%s)::bigint AS key",
				k == 0 ? "" : " UNION ALL ", kind->code, event_key(kind->kind));
		for (int i = 0; i < n_carried_columns; i++)
			if (carried_columns[i].kind == kind->kind)
				sql_add(sql, "%se.%s::text",
						column++ == 0 ? ", "
						: column == 2 ? ", ARRAY["
									  : ", ",
						carried_columns[i].name);
		sql_add(sql, "%s FROM %s e", column > 1 ? "]" : ", NULL::text[]", kind->relation);
		if (ids == (Datum) 0)
			continue;
		sql_add(sql, " WHERE e.session_id = ANY (");
		sql_datum(sql, INT8ARRAYOID, ids);
		/* lets the planner skip months */
		sql_add(sql, ") AND e.session_id >= ");
		sql_bigint(sql, first_id);
		sql_add(sql, " AND e.session_id <= ");
		sql_bigint(sql, last_id);
	}
}

static int
compare_ids(const void *a, const void *b)
{
	int64 x = *(const int64 *) a;
	int64 y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/* Ids of an array argument, sorted. */
static int64 *
sorted_ids(ArrayType *array, int *n)
{
	int64 *ids;

	if (ARR_HASNULL(array))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("session ids cannot be null"));
	*n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	ids = palloc(Max(*n, 1) * sizeof(int64));
	memcpy(ids, ARR_DATA_PTR(array), *n * sizeof(int64));
	qsort(ids, *n, sizeof(int64), compare_ids);
	return ids;
}

/* event_kinds() */
Datum
openreplay_event_kinds(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int k = 0; k < n_sequence_kinds; k++)
	{
		Datum columns[8];
		int n = 0;
		Datum values[5];
		bool nulls[5] = {0};

		for (int i = 0; i < n_carried_columns; i++)
			if (carried_columns[i].kind == sequence_kinds[k].kind)
				columns[n++] = CStringGetTextDatum(carried_columns[i].name);
		values[0] = Int16GetDatum((int16) sequence_kinds[k].code);
		values[1] = CStringGetTextDatum(sequence_kinds[k].name);
		values[2] = CStringGetTextDatum(sequence_kinds[k].relation);
		values[3] = columns[0];
		values[4] = PointerGetDatum(construct_array(columns + 1, n - 1, TEXTOID, -1, false, TYPALIGN_INT));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* plain_events(session_ids bigint[]) */
Datum
openreplay_plain_events(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		add_plain_events(sql, (Datum) 0, 0, 0);
	else
	{
		int n;
		int64 *ids = sorted_ids(PG_GETARG_ARRAYTYPE_P(0), &n);

		if (n == 0)
			return (Datum) 0;
		add_plain_events(sql, PG_GETARG_DATUM(0), ids[0], ids[n - 1]);
	}
	return sql_return_rows(sql, fcinfo);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static Size
details_size(const ValueKey *key)
{
	return key->details == NULL ? 0 : VARSIZE_ANY_EXHDR(key->details);
}

static uint32
hash_value(const void *data, Size size)
{
	const ValueKey *key = data;
	uint32 hash = hash_combine(hash_bytes_uint32((uint32) key->project_id), hash_bytes_uint32((uint32) key->kind));

	if (key->has_value)
		hash = hash_combine(hash, hash_bytes((const unsigned char *) VARDATA_ANY(key->value), key->len));
	if (key->details != NULL)
		hash =
			hash_combine(hash, hash_bytes((const unsigned char *) VARDATA_ANY(key->details), (int) details_size(key)));
	return hash;
}

/* 0: they are the same. */
static int
compare_values(const void *a, const void *b, Size size)
{
	const ValueKey *x = a, *y = b;

	if (x->project_id != y->project_id || x->kind != y->kind || x->has_value != y->has_value || x->len != y->len ||
		details_size(x) != details_size(y))
		return 1;
	if (x->has_value && memcmp(VARDATA_ANY(x->value), VARDATA_ANY(y->value), x->len) != 0)
		return 1;
	return details_size(x) > 0 && memcmp(VARDATA_ANY(x->details), VARDATA_ANY(y->details), details_size(x)) != 0;
}

static void *
copy_varlena(MemoryContext context, const void *source)
{
	void *copy = MemoryContextAlloc(context, VARSIZE_ANY(source));

	return memcpy(copy, source, VARSIZE_ANY(source));
}

static void
update_digest(pg_cryptohash_ctx *hash, const void *data, Size len)
{
	if (pg_cryptohash_update(hash, data, len) < 0)
		elog(ERROR, "could not compute a digest: %s", pg_cryptohash_error(hash));
}

/* A text, or that there is none, such that no other texts give the same bytes. */
static void
digest_text(pg_cryptohash_ctx *hash, const char *data, int32 len, bool isnull)
{
	uint8 length[4] = {len >> 24, len >> 16, len >> 8, len};

	if (isnull)
		memset(length, 0xff, sizeof(length));
	update_digest(hash, length, sizeof(length));
	if (!isnull)
		update_digest(hash, data, len);
}

/* By its digest a value is found, however long it is. */
static void
digest_value(Value *value)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	const ValueKey *key = &value->key;

	if (hash == NULL || pg_cryptohash_init(hash) < 0)
		elog(ERROR, "could not compute a digest");
	digest_text(hash, key->has_value ? VARDATA_ANY(key->value) : NULL, key->len, !key->has_value);
	if (key->details != NULL)
	{
		Datum *details;
		bool *nulls;
		int n;

		deconstruct_array((ArrayType *) key->details, TEXTOID, -1, false, TYPALIGN_INT, &details, &nulls, &n);
		for (int i = 0; i < n; i++)
			digest_text(hash, nulls[i] ? NULL : VARDATA_ANY(details[i]), nulls[i] ? 0 : VARSIZE_ANY_EXHDR(details[i]),
						nulls[i]);
	}
	if (pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute a digest: %s", pg_cryptohash_error(hash));
	pg_cryptohash_free(hash);
	memcpy(value->digest.data, digest, UUID_LEN);
}

/* Its index. */
static int
find_value(Writing *writing, const ValueKey *key)
{
	bool found;
	Value *value = hash_search(writing->values, key, HASH_ENTER, &found);

	if (found)
		return value->n;
	if (key->has_value)
		value->key.value = copy_varlena(writing->context, key->value);
	if (key->details != NULL)
		value->key.details = copy_varlena(writing->context, key->details);
	value->value_id = -1;
	value->n = writing->nvalues++;
	if (value->n == writing->values_size)
	{
		writing->values_size *= 2;
		writing->in_order = repalloc_huge(writing->in_order, writing->values_size * sizeof(Value *));
	}
	writing->in_order[value->n] = value;
	digest_value(value);
	return value->n;
}

/* ---- their ids --------------------------------------------------------------------------------------------------- */

/* Columns of the values without an id: project_id, kind, digest, n. */
static int
missing_values(const Writing *writing, Datum *arguments)
{
	Datum *columns[4];
	int n = 0;

	for (int c = 0; c < 4; c++)
		columns[c] = palloc(Max(writing->nvalues, 1) * sizeof(Datum));
	for (int i = 0; i < writing->nvalues; i++)
	{
		Value *value = writing->in_order[i];

		if (value->value_id >= 0)
			continue;
		columns[0][n] = Int32GetDatum(value->key.project_id);
		columns[1][n] = Int16GetDatum(value->key.kind);
		columns[2][n] = UUIDPGetDatum(&value->digest);
		columns[3][n++] = Int32GetDatum(i);
	}
	arguments[0] = PointerGetDatum(construct_array(columns[0], n, INT4OID, 4, true, TYPALIGN_INT));
	arguments[1] = PointerGetDatum(construct_array(columns[1], n, INT2OID, 2, true, TYPALIGN_SHORT));
	arguments[2] = PointerGetDatum(construct_array(columns[2], n, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
	arguments[3] = PointerGetDatum(construct_array(columns[3], n, INT4OID, 4, true, TYPALIGN_INT));
	return n;
}

static int32
get_int32(uint64 row, int column)
{
	bool isnull;

	return DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull));
}

/* Ids of values that are known; false when all have theirs. */
static bool
read_value_ids(Writing *writing)
{
	Oid types[] = {INT4ARRAYOID, INT2ARRAYOID, UUIDARRAYOID, INT4ARRAYOID};
	Datum arguments[4];
	int missing = missing_values(writing, arguments);

	if (missing == 0)
		return false;
	SPI_execute_with_args("SELECT m.n, v.value_id FROM unnest($1, $2, $3, $4) AS m (project_id, kind, digest, n)"
						  " JOIN openreplay.event_values v USING (project_id, kind, digest) WHERE NOT v.condemned",
						  4, types, arguments, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
		writing->in_order[get_int32(i, 1)]->value_id = get_int32(i, 2);
	missing -= (int) SPI_processed;
	SPI_freetuptable(SPI_tuptable);
	return missing > 0;
}

static void
lock_projects(Writing *writing)
{
	Oid types[] = {INT4ARRAYOID, INT2ARRAYOID, UUIDARRAYOID, INT4ARRAYOID};
	Datum arguments[4];

	missing_values(writing, arguments);
	SPI_execute_with_args(
		"SELECT pg_advisory_xact_lock(hashtextextended('openreplay.event_values', p.project_id))"
		" FROM (SELECT DISTINCT project_id FROM unnest($1) AS m (project_id) ORDER BY project_id OFFSET 0) p",
		1, types, arguments, NULL, false, 0);
	SPI_freetuptable(SPI_tuptable);
}

/* The next id of each kind; what is new comes in the order of its first appearance. */
static void
add_values(Writing *writing)
{
	static SPIPlanPtr plan;
	Oid types[] = {INT4OID, INT2OID, UUIDOID, TEXTOID, TEXTARRAYOID};

	if (plan == NULL)
	{
		plan = SPI_prepare("INSERT INTO openreplay.event_values (project_id, kind, value_id, digest, value, details)"
						   " VALUES ($1, $2, (SELECT coalesce(max(v.value_id) + 1, 0) FROM openreplay.event_values v"
						   " WHERE v.project_id = $1 AND v.kind = $2), $3, $4, $5) RETURNING value_id",
						   5, types);
		SPI_keepplan(plan);
	}
	for (int i = 0; i < writing->nvalues; i++)
	{
		Value *value = writing->in_order[i];
		char nulls[] = {' ', ' ', ' ', value->key.has_value ? ' ' : 'n', value->key.details != NULL ? ' ' : 'n', '\0'};
		Datum arguments[] = {Int32GetDatum(value->key.project_id), Int16GetDatum(value->key.kind),
							 UUIDPGetDatum(&value->digest), PointerGetDatum(value->key.value),
							 PointerGetDatum(value->key.details)};

		if (value->value_id >= 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		SPI_execute_plan(plan, arguments, nulls, false, 0);
		value->value_id = get_int32(0, 1);
		SPI_freetuptable(SPI_tuptable);
	}
}

static void
give_value_ids(Writing *writing)
{
	if (!read_value_ids(writing))
		return;
	lock_projects(writing);
	if (read_value_ids(writing))
		add_values(writing);
}

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

static void
read_sessions(Writing *writing, Datum ids)
{
	Oid types[] = {INT8ARRAYOID};

	SPI_execute_with_args("SELECT s.session_id, s.start_ts, s.project_id FROM public.sessions s"
						  " WHERE s.session_id = ANY ($1) ORDER BY s.session_id",
						  1, types, &ids, NULL, false, 0);
	writing->nsessions = (int) SPI_processed;
	writing->sessions = MemoryContextAllocZero(writing->context, Max(writing->nsessions, 1) * sizeof(WrittenSession));
	for (int i = 0; i < writing->nsessions; i++)
	{
		bool isnull;
		HeapTuple tuple = SPI_tuptable->vals[i];

		writing->sessions[i].session_id = DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &isnull));
		writing->sessions[i].start_ts = DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &isnull));
		writing->sessions[i].project_id = get_int32(i, 3);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Session ids are the first member, so one compares as an id does. */
static WrittenSession *
find_session(const Writing *writing, int64 session_id)
{
	return bsearch(&session_id, writing->sessions, writing->nsessions, sizeof(WrittenSession), compare_ids);
}

static void
note_event(Writing *writing, HeapTuple tuple, TupleDesc desc)
{
	Datum values[6];
	bool nulls[6];
	WrittenSession *session;
	ValueKey key = {0};

	heap_deform_tuple(tuple, desc, values, nulls);
	session = find_session(writing, DatumGetInt64(values[0]));
	if (session == NULL || session->too_long)
		return;
	if (session->nevents == MAX_EVENTS || writing->nevents == MAX_EVENTS_AT_ONCE)
	{
		session->too_long = true;
		return;
	}
	session->nevents++;
	key.project_id = session->project_id;
	key.kind = DatumGetInt16(values[1]);
	key.has_value = !nulls[4];
	if (key.has_value)
	{
		key.value = DatumGetTextPP(values[4]);
		key.len = VARSIZE_ANY_EXHDR(key.value);
	}
	if (!nulls[5])
		key.details = PG_DETOAST_DATUM(values[5]);
	if (writing->nevents == writing->events_size)
	{
		writing->events_size *= 2;
		writing->events = repalloc_huge(writing->events, writing->events_size * sizeof(WrittenEvent));
	}
	writing->events[writing->nevents++] = (WrittenEvent){
		.timestamp = DatumGetInt64(values[2]),
		.key = DatumGetInt64(values[3]),
		.session = (int32) (session - writing->sessions),
		.value = find_value(writing, &key),
		.kind = key.kind,
	};
}

static void
read_events(Writing *writing, Datum ids)
{
	Sql *sql = sql_new();
	Portal portal;
	MemoryContext rows = AllocSetContextCreate(writing->context, "openreplay rows", ALLOCSET_DEFAULT_SIZES);

	if (writing->nsessions == 0)
		return;
	add_plain_events(sql, ids, writing->sessions[0].session_id, writing->sessions[writing->nsessions - 1].session_id);
	portal = sql_open(sql);
	do
	{
		MemoryContext old;

		SPI_cursor_fetch(portal, true, ROWS_AT_ONCE);
		old = MemoryContextSwitchTo(rows);
		for (uint64 i = 0; i < SPI_processed; i++)
			note_event(writing, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	} while (SPI_processed == ROWS_AT_ONCE);
	SPI_cursor_close(portal);
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static int
compare_events(const void *a, const void *b)
{
	const WrittenEvent *x = a, *y = b;

	if (x->session != y->session)
		return x->session < y->session ? -1 : 1;
	if (x->timestamp != y->timestamp)
		return x->timestamp < y->timestamp ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

/* The sequence of a session whose events are the next ones. */
static Datum
encode_session(const Writing *writing, const WrittenSession *session, const WrittenEvent *events)
{
	SequenceEvent *sequence = palloc_extended(Max(session->nevents, 1) * sizeof(SequenceEvent), MCXT_ALLOC_HUGE);
	bytea *bytes = palloc(VARHDRSZ + 1 + (Size) session->nevents * SEQUENCE_EVENT_BYTES);
	size_t len;

	for (int i = 0; i < session->nevents; i++)
		sequence[i] = (SequenceEvent){
			.timestamp = events[i].timestamp,
			.value_id = (uint32) writing->in_order[events[i].value]->value_id,
			.kind = (uint8) events[i].kind,
		};
	len = write_sequence(sequence, session->nevents, session->start_ts, (uint8 *) VARDATA(bytes));
	SET_VARSIZE(bytes, VARHDRSZ + len);
	pfree(sequence);
	return PointerGetDatum(repalloc(bytes, VARHDRSZ + len));
}

/* Ids of the sessions that have a sequence now. */
static ArrayType *
write_sequences(Writing *writing)
{
	int n = 0;
	int64 event = 0;
	Oid types[] = {INT8ARRAYOID, INT4ARRAYOID, INT8ARRAYOID, BYTEAARRAYOID};
	Datum *columns[4];
	Datum arguments[4];

	qsort(writing->events, writing->nevents, sizeof(WrittenEvent), compare_events);
	for (int c = 0; c < 4; c++)
		columns[c] = palloc(Max(writing->nsessions, 1) * sizeof(Datum));
	for (int i = 0; i < writing->nsessions; i++)
	{
		const WrittenSession *session = &writing->sessions[i];

		if (!session->too_long)
		{
			columns[0][n] = Int64GetDatum(session->session_id);
			columns[1][n] = Int32GetDatum(session->project_id);
			columns[2][n] = Int64GetDatum(session->start_ts);
			columns[3][n++] = encode_session(writing, session, writing->events + event);
		}
		event += session->nevents;
	}
	arguments[0] = PointerGetDatum(construct_array(columns[0], n, INT8OID, 8, true, TYPALIGN_DOUBLE));
	arguments[1] = PointerGetDatum(construct_array(columns[1], n, INT4OID, 4, true, TYPALIGN_INT));
	arguments[2] = PointerGetDatum(construct_array(columns[2], n, INT8OID, 8, true, TYPALIGN_DOUBLE));
	arguments[3] = PointerGetDatum(construct_array(columns[3], n, BYTEAOID, -1, false, TYPALIGN_INT));
	SPI_execute_with_args("INSERT INTO openreplay.session_events (session_id, project_id, start_ts, events)"
						  " SELECT * FROM unnest($1, $2, $3, $4)"
						  " ON CONFLICT (project_id, session_id) DO UPDATE SET events = excluded.events",
						  4, types, arguments, NULL, false, 0);
	return DatumGetArrayTypeP(arguments[0]);
}

/* write_session_events(session_ids bigint[]) */
Datum
openreplay_write_session_events(PG_FUNCTION_ARGS)
{
	HASHCTL control = {.keysize = sizeof(ValueKey),
					   .entrysize = sizeof(Value),
					   .hcxt = CurrentMemoryContext,
					   .hash = hash_value,
					   .match = compare_values};
	Writing writing = {.context = CurrentMemoryContext, .values_size = 256, .events_size = 4096};
	ArrayType *written;
	Datum ids = PG_GETARG_DATUM(0);

	writing.values =
		hash_create("event values", 256, &control, HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
	writing.in_order = palloc(writing.values_size * sizeof(Value *));
	writing.events = palloc(writing.events_size * sizeof(WrittenEvent));
	SPI_connect();
	read_sessions(&writing, ids);
	read_events(&writing, ids);
	give_value_ids(&writing);
	written = write_sequences(&writing);
	written = DatumGetArrayTypeP(SPI_datumTransfer(PointerGetDatum(written), false, -1));
	SPI_finish();
	PG_RETURN_ARRAYTYPE_P(written);
}
