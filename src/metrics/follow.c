/*
 * follow.c - sequences as SQL sees them: sets of values, steps followed, events listed
 *
 * openreplay.step_values() folds the values that satisfy the items of a question into bitmaps, one an item.
 * openreplay.follow_sequence() walks a sequence once and looks each event's value up in those of its kind.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "metrics/sequences.h"
#include "sequences/sequence.h"

#define MAX_VALUE_ID (INT64CONST(1) << 28) /* a bitmap of 32 MB */

PG_FUNCTION_INFO_V1(openreplay_add_step_value);
PG_FUNCTION_INFO_V1(openreplay_step_values);
PG_FUNCTION_INFO_V1(openreplay_follow_sequence);
PG_FUNCTION_INFO_V1(openreplay_sequence_events);

/* ---- sets of values ---------------------------------------------------------------------------------------------- */

typedef struct ValueSet
{
	int32 kind;	   /* of the step; negative: must not be */
	uint32 nbytes; /* of the bitmap */
	uint8 *bits;
} ValueSet;

typedef struct ValueSets
{
	int n;
	ValueSet sets[FLEXIBLE_ARRAY_MEMBER];
} ValueSets;

/* How they are handed from one function to the other: these, one a step, and then the bitmaps. */
typedef struct PackedSet
{
	int32 kind;
	uint32 nbytes;
} PackedSet;

static ValueSets *
make_value_sets(MemoryContext context, ArrayType *kinds)
{
	int n = ArrayGetNItems(ARR_NDIM(kinds), ARR_DIMS(kinds));
	ValueSets *sets;

	if (n < 1 || n > FOLLOW_MAX_STEPS || ARR_HASNULL(kinds))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("steps are 1 to %d numbers", FOLLOW_MAX_STEPS));
	sets = MemoryContextAllocZero(context, offsetof(ValueSets, sets) + n * sizeof(ValueSet));
	sets->n = n;
	for (int i = 0; i < n; i++)
	{
		sets->sets[i].kind = ((const int32 *) ARR_DATA_PTR(kinds))[i];
		if (sets->sets[i].kind == 0 || abs(sets->sets[i].kind) >= SEQUENCE_KINDS)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("%d is no kind of events", sets->sets[i].kind));
	}
	return sets;
}

/* add_step_value(state, kinds integer[], step integer, value_id integer); the kinds are the first call's */
Datum
openreplay_add_step_value(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	ValueSets *sets;
	ValueSet *set;
	int step, id;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "add_step_value is called by its aggregate only");
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("steps and values cannot be null"));
	sets = PG_ARGISNULL(0) ? make_value_sets(context, PG_GETARG_ARRAYTYPE_P(1)) : (ValueSets *) PG_GETARG_POINTER(0);
	step = PG_GETARG_INT32(2);
	id = PG_GETARG_INT32(3);
	if (step < 0 || step >= sets->n || id < 0 || id >= MAX_VALUE_ID)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no step %d or value %d", step, id));
	set = &sets->sets[step];
	if (id / 8 >= set->nbytes)
	{
		uint32 nbytes = Max(pg_nextpower2_32(id / 8 + 1), 64);

		set->bits = set->bits ? repalloc(set->bits, nbytes) : MemoryContextAlloc(context, nbytes);
		memset(set->bits + set->nbytes, 0, nbytes - set->nbytes);
		set->nbytes = nbytes;
	}
	set->bits[id / 8] |= 1 << (id % 8);
	PG_RETURN_POINTER(sets);
}

Datum
openreplay_step_values(PG_FUNCTION_ARGS)
{
	ValueSets *sets;
	Size size;
	bytea *packed;
	char *at;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	sets = (ValueSets *) PG_GETARG_POINTER(0);
	size = VARHDRSZ + sets->n * sizeof(PackedSet);
	for (int i = 0; i < sets->n; i++)
		size += sets->sets[i].nbytes;
	packed = palloc(size);
	SET_VARSIZE(packed, size);
	at = VARDATA(packed);
	for (int i = 0; i < sets->n; i++, at += sizeof(PackedSet))
		memcpy(at, &(PackedSet){sets->sets[i].kind, sets->sets[i].nbytes}, sizeof(PackedSet));
	for (int i = 0; i < sets->n; at += sets->sets[i++].nbytes)
		if (sets->sets[i].nbytes > 0)
			memcpy(at, sets->sets[i].bits, sets->sets[i].nbytes);
	PG_RETURN_BYTEA_P(packed);
}

/* ---- following --------------------------------------------------------------------------------------------------- */

/* One step, with the events found for it in the sequence at hand. */
typedef struct SequenceStep
{
	const uint8 *bits;
	uint32 nbytes;
	int room;
	StepEvent *events;
} SequenceStep;

/* Of all calls within a query. */
typedef struct Follower
{
	MemoryContext context;
	uint64 identity[2]; /* of the steps: hashes */
	int n;
	Step steps[FOLLOW_MAX_STEPS];
	SequenceStep found[FOLLOW_MAX_STEPS];
	int nsteps_of[SEQUENCE_KINDS]; /* steps of each kind */
	uint8 steps_of[SEQUENCE_KINDS][FOLLOW_MAX_STEPS];
} Follower;

StaticAssertDecl(FOLLOW_MAX_STEPS <= PG_UINT8_MAX, "the number of a step fits a byte");

/*
 * The sequence followed last, and where it led: a query that has found a row by that asks for it once more, in another
 * place of its plan.
 */
#define KEPT_BYTES 2048

static struct
{
	uint64 identity[2];
	int64 start, from, to;
	Size len; /* 0: nothing is kept */
	uint8 bytes[KEPT_BYTES];
	int reached;
	int64 times[FOLLOW_MAX_STEPS + 1];
} kept;

static void
refuse_steps(void)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("these are no steps of openreplay.step_values()"));
}

/* How many sets there are is nowhere said: they and their bitmaps take all bytes. */
static int
count_packed_sets(const char *data, Size len)
{
	Size total = 0;
	int n = 0;

	while (n < FOLLOW_MAX_STEPS && total < len && (n + 1) * sizeof(PackedSet) <= len)
	{
		PackedSet set;

		memcpy(&set, data + n++ * sizeof(PackedSet), sizeof(PackedSet));
		total += sizeof(PackedSet) + set.nbytes;
	}
	if (n == 0 || total != len)
		refuse_steps();
	return n;
}

static Follower *
make_follower(MemoryContext context, bytea *packed)
{
	Follower *follower = MemoryContextAllocZero(context, sizeof(Follower));
	Size len = VARSIZE_ANY_EXHDR(packed);
	uint8 *data = MemoryContextAlloc(context, Max(len, 1));
	const uint8 *bits;

	memcpy(data, VARDATA_ANY(packed), len);
	follower->context = context;
	for (int seed = 0; seed < 2; seed++)
		follower->identity[seed] = hash_bytes_extended(data, (int) len, seed);
	follower->n = count_packed_sets((const char *) data, len);
	bits = data + follower->n * sizeof(PackedSet);
	for (int i = 0; i < follower->n; i++)
	{
		PackedSet set;
		int kind;

		memcpy(&set, data + i * sizeof(PackedSet), sizeof(PackedSet));
		if (set.kind == 0 || set.kind <= -SEQUENCE_KINDS || set.kind >= SEQUENCE_KINDS)
			refuse_steps();
		kind = abs(set.kind);
		follower->steps[i].kind = set.kind;
		follower->found[i].bits = bits;
		follower->found[i].nbytes = set.nbytes;
		follower->steps_of[kind][follower->nsteps_of[kind]++] = i;
		bits += set.nbytes;
	}
	return follower;
}

static void
note_step_event(Follower *follower, int i, int64 timestamp, int64 key)
{
	SequenceStep *found = &follower->found[i];
	Step *step = &follower->steps[i];

	if (step->nevents == found->room)
	{
		found->room = Max(found->room * 2, 16);
		found->events = found->events == NULL ? MemoryContextAlloc(follower->context, found->room * sizeof(StepEvent))
											  : repalloc_huge(found->events, found->room * sizeof(StepEvent));
		step->events = found->events;
	}
	found->events[step->nevents++] = (StepEvent){timestamp, key};
}

void
check_sequence(const SequenceReader *reader)
{
	if (reader->damaged)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a sequence of events is damaged"),
				errhint("openreplay.forget_session_events() has the session answered from its events."));
}

/* Finds the events of each step; false if there are none. */
static bool
find_step_events(Follower *follower, SequenceReader *reader, int64 from, int64 to)
{
	SequenceEvent event;
	bool any = false;

	for (int i = 0; i < follower->n; i++)
		follower->steps[i].nevents = 0;
	for (int64 n = 0; next_event(reader, &event) && event.timestamp <= to; n++)
	{
		if (event.timestamp < from)
			continue;
		for (int s = 0; s < follower->nsteps_of[event.kind]; s++)
		{
			int i = follower->steps_of[event.kind][s];
			const SequenceStep *found = &follower->found[i];

			if (event.value_id / 8 < found->nbytes && found->bits[event.value_id / 8] & 1 << (event.value_id % 8))
			{
				note_step_event(follower, i, event.timestamp, n);
				any = true;
			}
		}
	}
	check_sequence(reader);
	return any;
}

#define NO_EVENTS -1

/* How many steps are reached, at times; or NO_EVENTS. */
static int
follow_sequence(Follower *follower, const uint8 *data, Size len, int64 start, int64 from, int64 to, int64 *times)
{
	SequenceReader reader = read_sequence(data, len, start);

	if (!find_step_events(follower, &reader, from, to))
		return NO_EVENTS;
	return follow_steps(follower->steps, follower->n, times);
}

static bool
is_kept(const Follower *follower, const uint8 *data, Size len, int64 start, int64 from, int64 to)
{
	return kept.len == len && len > 0 && kept.start == start && kept.from == from && kept.to == to &&
		   memcmp(kept.identity, follower->identity, sizeof(kept.identity)) == 0 && memcmp(kept.bytes, data, len) == 0;
}

/* follow_sequence(events bytea, start_ts bigint, from_ts bigint, to_ts bigint, steps bytea); steps are the first call's
 */
Datum
openreplay_follow_sequence(PG_FUNCTION_ARGS)
{
	Follower *follower = fcinfo->flinfo->fn_extra;
	bytea *events = PG_GETARG_BYTEA_PP(0);
	const uint8 *data = (const uint8 *) VARDATA_ANY(events);
	Size len = VARSIZE_ANY_EXHDR(events);
	int64 start = PG_GETARG_INT64(1), from = PG_GETARG_INT64(2), to = PG_GETARG_INT64(3);

	if (follower == NULL)
		follower = fcinfo->flinfo->fn_extra = make_follower(fcinfo->flinfo->fn_mcxt, PG_GETARG_BYTEA_PP(4));
	if (!is_kept(follower, data, len, start, from, to))
	{
		kept.len = 0; /* also after an error */
		kept.reached = follow_sequence(follower, data, len, start, from, to, kept.times);
		memcpy(kept.identity, follower->identity, sizeof(kept.identity));
		kept.start = start;
		kept.from = from;
		kept.to = to;
		if (len <= KEPT_BYTES)
		{
			memcpy(kept.bytes, data, len);
			kept.len = len;
		}
	}
	if (kept.reached == NO_EVENTS)
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(times_array(kept.times, kept.reached, follower->n));
}

/* ---- listing ----------------------------------------------------------------------------------------------------- */

/* sequence_events(events bytea, start_ts bigint) */
Datum
openreplay_sequence_events(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea *events = PG_GETARG_BYTEA_PP(0);
	SequenceReader reader =
		read_sequence((const uint8 *) VARDATA_ANY(events), VARSIZE_ANY_EXHDR(events), PG_GETARG_INT64(1));
	SequenceEvent event;

	InitMaterializedSRF(fcinfo, 0);
	for (int32 n = 1; next_event(&reader, &event); n++)
	{
		Datum values[] = {Int32GetDatum(n), Int16GetDatum(event.kind), Int64GetDatum(event.timestamp),
						  Int32GetDatum((int32) event.value_id)};
		bool nulls[4] = {0};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	check_sequence(&reader);
	return (Datum) 0;
}
