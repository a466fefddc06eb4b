/*
 * count_times.c - openreplay.count_times(), events of sequences by the time at which they happened
 *
 * Counting events of a period one by one, as rows joined to their sessions, is mostly joining.  A sequence has those of
 * a session together, four bytes an event.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

#include "metrics/sequences.h"
#include "sequences/sequence.h"

#define MAX_BUCKETS 10000

PG_FUNCTION_INFO_V1(openreplay_add_times);
PG_FUNCTION_INFO_V1(openreplay_merge_times);

static ArrayType *
new_counts(MemoryContext context, int n)
{
	Size size = ARR_OVERHEAD_NONULLS(1) + n * sizeof(int64);
	ArrayType *counts;

	if (n < 1 || n > MAX_BUCKETS)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("these are not 1 to %d buckets", MAX_BUCKETS),
				errhint("from_ts is not after to_ts, and step is a number of milliseconds."));
	counts = MemoryContextAllocZero(context, size);
	SET_VARSIZE(counts, size);
	counts->ndim = 1;
	counts->elemtype = INT8OID;
	ARR_DIMS(counts)[0] = n;
	ARR_LBOUND(counts)[0] = 1;
	return counts;
}

/* The state is changed where it is, which only an aggregate may do. */
static MemoryContext
get_aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "openreplay.count_times() is called as no aggregate");
	return context;
}

/* add_times(counts bigint[], events bytea, start_ts, from_ts, to_ts, step bigint) */
Datum
openreplay_add_times(PG_FUNCTION_ARGS)
{
	MemoryContext context = get_aggregate_context(fcinfo);
	ArrayType *counts = PG_ARGISNULL(0) ? NULL : PG_GETARG_ARRAYTYPE_P(0);
	int64 from_ts = PG_GETARG_INT64(3);
	int64 to_ts = PG_GETARG_INT64(4);
	int64 step = PG_GETARG_INT64(5);
	SequenceReader reader;
	SequenceEvent event;
	bytea *events;
	int64 *count;
	int n;

	for (int i = 2; i <= 5; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("times cannot be null"));
	n = step < 1 || from_ts < 0 || to_ts < from_ts ? 0 : Min((to_ts - from_ts) / step, MAX_BUCKETS) + 1;
	if (counts == NULL || n < 1)
		counts = new_counts(context, n);
	if (PG_ARGISNULL(1))
		PG_RETURN_ARRAYTYPE_P(counts);
	events = PG_GETARG_BYTEA_PP(1);
	reader = read_sequence((const uint8 *) VARDATA_ANY(events), VARSIZE_ANY_EXHDR(events), PG_GETARG_INT64(2));
	count = (int64 *) ARR_DATA_PTR(counts);
	n = Min(n, ARR_DIMS(counts)[0]);
	while (next_event(&reader, &event))
	{
		int64 bucket = event.timestamp < from_ts || event.timestamp > to_ts ? -1 : (event.timestamp - from_ts) / step;

		if (bucket >= 0 && bucket < n)
			count[bucket]++;
	}
	check_sequence(&reader);
	PG_RETURN_ARRAYTYPE_P(counts);
}

/* merge_times(counts bigint[], other bigint[]) */
Datum
openreplay_merge_times(PG_FUNCTION_ARGS)
{
	MemoryContext context = get_aggregate_context(fcinfo);
	ArrayType *counts;
	ArrayType *other;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	other = PG_GETARG_ARRAYTYPE_P(1);
	counts = PG_ARGISNULL(0) ? new_counts(context, ARR_DIMS(other)[0]) : PG_GETARG_ARRAYTYPE_P(0);
	for (int i = 0; i < ARR_DIMS(other)[0] && i < ARR_DIMS(counts)[0]; i++)
		((int64 *) ARR_DATA_PTR(counts))[i] += ((int64 *) ARR_DATA_PTR(other))[i];
	PG_RETURN_ARRAYTYPE_P(counts);
}
