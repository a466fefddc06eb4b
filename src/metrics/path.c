/*
 * path.c - openreplay.sequence_path(): the first events of a sequence that are of some values, or the last ones
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "metrics/sequences.h"
#include "sequences/sequence.h"

PG_FUNCTION_INFO_V1(openreplay_sequence_path);
PG_FUNCTION_INFO_V1(openreplay_path_values);

#define MAX_VALUE_ID (INT64CONST(1) << 28)

/* Values of a kind that are wanted; bitmaps by value id. */
typedef struct WantedValues
{
	uint32 nbytes;
	uint8 *bits;
} WantedValues;

/* Of all calls within a query. */
typedef struct PathFinder
{
	MemoryContext context;
	bool has_start;
	WantedValues wanted[SEQUENCE_KINDS];
	WantedValues starts[SEQUENCE_KINDS];
	int room;
	SequenceEvent *events; /* of the sequence at hand */
} PathFinder;

static void
add_value(MemoryContext context, WantedValues *values, int64 id)
{
	if (id / 8 >= values->nbytes)
	{
		uint32 nbytes = Max(pg_nextpower2_32(id / 8 + 1), 64);

		values->bits = values->bits != NULL ? repalloc(values->bits, nbytes) : MemoryContextAlloc(context, nbytes);
		memset(values->bits + values->nbytes, 0, nbytes - values->nbytes);
		values->nbytes = nbytes;
	}
	values->bits[id / 8] |= 1 << (id % 8);
}

/* Codes are a kind times 2^32 plus a value id. */
static void
add_codes(MemoryContext context, WantedValues *values, ArrayType *array)
{
	int n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const int64 *codes = (const int64 *) ARR_DATA_PTR(array);

	if (ARR_HASNULL(array))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("values cannot be null"));
	for (int i = 0; i < n; i++)
	{
		int64 kind = codes[i] >> 32, id = codes[i] & PG_UINT32_MAX;

		if (kind < 0 || kind >= SEQUENCE_KINDS || id >= MAX_VALUE_ID)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("there is no value " INT64_FORMAT, codes[i]));
		add_value(context, &values[kind], id);
	}
}

static bool
is_wanted(const WantedValues *values, const SequenceEvent *event)
{
	const WantedValues *of_kind = &values[event->kind];

	return event->value_id / 8 < of_kind->nbytes &&
		   (of_kind->bits[event->value_id / 8] & 1 << (event->value_id % 8)) != 0;
}

static PathFinder *
make_path_finder(FunctionCallInfo fcinfo)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	PathFinder *finder = MemoryContextAllocZero(context, sizeof(PathFinder));

	finder->context = context;
	add_codes(context, finder->wanted, PG_GETARG_ARRAYTYPE_P(4));
	finder->has_start = !PG_ARGISNULL(5);
	if (finder->has_start)
		add_codes(context, finder->starts, PG_GETARG_ARRAYTYPE_P(5));
	fcinfo->flinfo->fn_extra = finder;
	return finder;
}

/* The events that may be on a path, in the order of time; returns how many. */
static int
find_events(PathFinder *finder, SequenceReader *reader, int64 from, int64 to)
{
	SequenceEvent event;
	int n = 0;

	while (next_event(reader, &event) && event.timestamp <= to)
	{
		if (event.timestamp < from || (!is_wanted(finder->wanted, &event) && !is_wanted(finder->starts, &event)))
			continue;
		if (n == finder->room)
		{
			finder->room = Max(finder->room * 2, 64);
			finder->events = finder->events != NULL
								 ? repalloc_huge(finder->events, finder->room * sizeof(SequenceEvent))
								 : MemoryContextAlloc(finder->context, finder->room * sizeof(SequenceEvent));
		}
		finder->events[n++] = event;
	}
	check_sequence(reader);
	return n;
}

/*
 * sequence_path(events bytea, start_ts bigint, from_ts bigint, to_ts bigint, wanted bigint[], starts bigint[], steps
 * integer, backwards boolean); the sets are the first call's
 */
Datum
openreplay_sequence_path(PG_FUNCTION_ARGS)
{
	PathFinder *finder = fcinfo->flinfo->fn_extra;
	bytea *bytes;
	SequenceReader reader;
	Datum path[2 * MAX_PATH_STEPS];
	int most, nevents;
	int n = 0;
	bool started, backwards;

	for (int i = 0; i < 8; i++)
		if (PG_ARGISNULL(i) && i != 5)
			PG_RETURN_NULL();
	if (finder == NULL)
		finder = make_path_finder(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	reader = read_sequence((const uint8 *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), PG_GETARG_INT64(1));
	most = PG_GETARG_INT32(6);
	if (most < 1 || most > MAX_PATH_STEPS)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("steps are 1 to %d", MAX_PATH_STEPS));
	backwards = PG_GETARG_BOOL(7);
	nevents = find_events(finder, &reader, PG_GETARG_INT64(2), PG_GETARG_INT64(3));
	started = !finder->has_start;
	for (int i = 0; i < nevents && n < most; i++)
	{
		const SequenceEvent *event = &finder->events[backwards ? nevents - 1 - i : i];

		if (!is_wanted(started ? finder->wanted : finder->starts, event))
			continue;
		started = true;
		path[2 * n] = Int64GetDatum((int64) event->kind << 32 | event->value_id);
		path[2 * n + 1] = Int64GetDatum(event->timestamp);
		n++;
	}
	if (n == 0)
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(construct_array(path, 2 * n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* path_values(path bigint[]): the path without its times */
Datum
openreplay_path_values(PG_FUNCTION_ARGS)
{
	ArrayType *path = PG_GETARG_ARRAYTYPE_P(0);
	int n = ArrayGetNItems(ARR_NDIM(path), ARR_DIMS(path)) / 2;
	const int64 *elements = (const int64 *) ARR_DATA_PTR(path);
	Datum *values = palloc(Max(n, 1) * sizeof(Datum));

	if (ARR_HASNULL(path))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a path has no nulls"));
	for (int i = 0; i < n; i++)
		values[i] = Int64GetDatum(elements[2 * i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(values, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
