/*
 * count_distinct.c - openreplay.count_distinct() and distinct_ids(), how many different ids there are, and which
 *
 * What count(DISTINCT id) is, without a sort for each group and in parallel workers: a group's ids are a hash table of
 * bare numbers.  Rows of a session mostly follow each other, so the last id is looked at first.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/memutils.h"

#define FIRST_ROOM 8

PG_FUNCTION_INFO_V1(openreplay_add_distinct);
PG_FUNCTION_INFO_V1(openreplay_add_distinct_ids);
PG_FUNCTION_INFO_V1(openreplay_merge_distinct);
PG_FUNCTION_INFO_V1(openreplay_write_distinct);
PG_FUNCTION_INFO_V1(openreplay_read_distinct);
PG_FUNCTION_INFO_V1(openreplay_distinct_count);

typedef struct Distinct
{
	int64 last;
	bool has_zero; /* which marks free slots */
	uint64 n;	   /* in the table, at most half of the room */
	uint64 room;   /* a power of two */
	int64 *slots;
} Distinct;

static Distinct *
new_distinct(MemoryContext context, uint64 room)
{
	Distinct *distinct = MemoryContextAllocZero(context, sizeof(Distinct));

	distinct->room = room;
	distinct->slots = MemoryContextAllocExtended(context, room * sizeof(int64), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return distinct;
}

static int64 *
find_slot(const Distinct *distinct, int64 id)
{
	/* the odd number nearest to 2^64 / golden ratio: ids that differ little are spread over all bits, the upper ones
	 * best */
	uint64 place = (uint64) id * UINT64CONST(0x9E3779B97F4A7C15);

	place ^= place >> 32;
	for (;; place++)
	{
		int64 *slot = &distinct->slots[place & (distinct->room - 1)];

		if (*slot == id || *slot == 0)
			return slot;
	}
}

static void
grow(Distinct *distinct)
{
	int64 *old = distinct->slots;
	uint64 old_room = distinct->room;

	distinct->room *= 2;
	distinct->slots = MemoryContextAllocExtended(GetMemoryChunkContext(old), distinct->room * sizeof(int64),
												 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint64 i = 0; i < old_room; i++)
		if (old[i] != 0)
			*find_slot(distinct, old[i]) = old[i];
	pfree(old);
}

static void
add_id(Distinct *distinct, int64 id)
{
	int64 *slot;

	if (id == 0)
	{
		distinct->has_zero = true;
		return;
	}
	if (id == distinct->last)
		return;
	distinct->last = id;
	slot = find_slot(distinct, id);
	if (*slot == id)
		return;
	*slot = id;
	if (++distinct->n * 2 > distinct->room)
		grow(distinct);
}

static MemoryContext
get_aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "openreplay.count_distinct() is called as no aggregate");
	return context;
}

/* add_distinct(state internal, id bigint) */
Datum
openreplay_add_distinct(PG_FUNCTION_ARGS)
{
	MemoryContext context = get_aggregate_context(fcinfo);
	Distinct *distinct = PG_ARGISNULL(0) ? new_distinct(context, FIRST_ROOM) : (Distinct *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
		add_id(distinct, PG_GETARG_INT64(1));
	PG_RETURN_POINTER(distinct);
}

/* merge_distinct(state internal, other internal) */
Datum
openreplay_merge_distinct(PG_FUNCTION_ARGS)
{
	MemoryContext context = get_aggregate_context(fcinfo);
	Distinct *distinct = PG_ARGISNULL(0) ? new_distinct(context, FIRST_ROOM) : (Distinct *) PG_GETARG_POINTER(0);
	Distinct *other = PG_ARGISNULL(1) ? NULL : (Distinct *) PG_GETARG_POINTER(1);

	for (uint64 i = 0; other != NULL && i < other->room; i++)
		if (other->slots[i] != 0)
			add_id(distinct, other->slots[i]);
	distinct->has_zero = distinct->has_zero || (other != NULL && other->has_zero);
	PG_RETURN_POINTER(distinct);
}

/* write_distinct(state internal) returns bytea: the ids, for a process that is no other machine */
Datum
openreplay_write_distinct(PG_FUNCTION_ARGS)
{
	Distinct *distinct = (Distinct *) PG_GETARG_POINTER(0);
	uint64 n = distinct->n + (distinct->has_zero ? 1 : 0);
	bytea *ids;
	int64 *next;

	(void) get_aggregate_context(fcinfo);
	ids = palloc_extended(VARHDRSZ + n * sizeof(int64), MCXT_ALLOC_ZERO);
	SET_VARSIZE(ids, VARHDRSZ + n * sizeof(int64));
	next = (int64 *) VARDATA(ids);
	for (uint64 i = 0; i < distinct->room; i++)
		if (distinct->slots[i] != 0)
			memcpy(next++, &distinct->slots[i], sizeof(int64));
	PG_RETURN_BYTEA_P(ids);
}

static void
add_ids(Distinct *distinct, const bytea *ids)
{
	const char *next = VARDATA_ANY(ids);
	uint64 n = VARSIZE_ANY_EXHDR(ids) / sizeof(int64);

	for (uint64 i = 0; i < n; i++)
	{
		int64 id;

		memcpy(&id, next + i * sizeof(int64), sizeof(int64));
		add_id(distinct, id);
	}
}

/* read_distinct(ids bytea, state internal) */
Datum
openreplay_read_distinct(PG_FUNCTION_ARGS)
{
	bytea *ids = PG_GETARG_BYTEA_PP(0);
	uint64 room = FIRST_ROOM;
	Distinct *distinct;

	(void) get_aggregate_context(fcinfo);
	while (room < VARSIZE_ANY_EXHDR(ids) / sizeof(int64) * 2)
		room *= 2;
	distinct = new_distinct(CurrentMemoryContext, room);
	add_ids(distinct, ids);
	PG_RETURN_POINTER(distinct);
}

/* add_distinct(state internal, ids bytea) */
Datum
openreplay_add_distinct_ids(PG_FUNCTION_ARGS)
{
	MemoryContext context = get_aggregate_context(fcinfo);
	Distinct *distinct = PG_ARGISNULL(0) ? new_distinct(context, FIRST_ROOM) : (Distinct *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
		add_ids(distinct, PG_GETARG_BYTEA_PP(1));
	PG_RETURN_POINTER(distinct);
}

/* distinct_count(state internal) returns bigint */
Datum
openreplay_distinct_count(PG_FUNCTION_ARGS)
{
	Distinct *distinct = PG_ARGISNULL(0) ? NULL : (Distinct *) PG_GETARG_POINTER(0);

	if (distinct == NULL)
		PG_RETURN_INT64(0);
	PG_RETURN_INT64(distinct->n + (distinct->has_zero ? 1 : 0));
}
