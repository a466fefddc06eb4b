/*
 * runs.c - openreplay.count_runs(): how often the events of a session run through steps
 *
 * A run follows the steps as openreplay.follow_steps() does; the next one begins after the time at which the one before
 * got to its end.  Runs through one step are its events.  Runs through steps that only must not be are one, or none.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "sequences/sequence.h"

PG_FUNCTION_INFO_V1(openreplay_count_runs);

typedef struct RunEvent
{
	StepEvent event;
	int32 step;
} RunEvent;

static int
compare_events(const void *a, const void *b)
{
	const RunEvent *x = a, *y = b;

	if (x->step != y->step)
		return x->step < y->step ? -1 : 1;
	if (x->event.timestamp != y->event.timestamp)
		return x->event.timestamp < y->event.timestamp ? -1 : 1;
	return x->event.key < y->event.key ? -1 : x->event.key > y->event.key;
}

static int64 *
get_bigints(ArrayType *array, int expected)
{
	if (ARR_HASNULL(array) || ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != expected)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("events are as many steps, times and keys"));
	return (int64 *) ARR_DATA_PTR(array);
}

/* Events of each step, in the order of time. */
static void
sort_events(Step *steps, int nsteps, const int32 *numbers, const int64 *timestamps, const int64 *keys, int n)
{
	RunEvent *events = palloc_extended(Max(n, 1) * sizeof(RunEvent), MCXT_ALLOC_HUGE);
	StepEvent *sorted = palloc_extended(Max(n, 1) * sizeof(StepEvent), MCXT_ALLOC_HUGE);

	for (int i = 0; i < n; i++)
	{
		if (numbers[i] < 0 || numbers[i] >= nsteps)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no step %d", numbers[i]));
		events[i] = (RunEvent){{timestamps[i], keys[i]}, numbers[i]};
	}
	qsort(events, n, sizeof(RunEvent), compare_events);
	for (int i = 0; i < n; i++)
	{
		Step *step = &steps[events[i].step];

		sorted[i] = events[i].event;
		if (step->nevents++ == 0)
			step->events = &sorted[i];
	}
}

/* Leaves out the events until a time, included. */
static void
go_on_after(Step *steps, int n, int64 time)
{
	for (int i = 0; i < n; i++)
		while (steps[i].nevents > 0 && steps[i].events->timestamp <= time)
		{
			steps[i].events++;
			steps[i].nevents--;
		}
}

/* Runs through the first n of the steps. */
static int64
count_runs(const Step *all, int n)
{
	Step steps[FOLLOW_MAX_STEPS];
	int64 times[FOLLOW_MAX_STEPS + 1];
	int64 runs = 0;

	if (n == 1 && all[0].kind > 0)
		return all[0].nevents;
	memcpy(steps, all, n * sizeof(Step));
	while (follow_steps(steps, n, times) == n)
	{
		CHECK_FOR_INTERRUPTS();
		runs++;
		if (times[n - 1] == 0)
			break; /* nothing happened in it */
		go_on_after(steps, n, times[n - 1]);
	}
	return runs;
}

/* count_runs(kinds integer[], steps integer[], timestamps bigint[], keys bigint[]) */
Datum
openreplay_count_runs(PG_FUNCTION_ARGS)
{
	ArrayType *kinds = PG_GETARG_ARRAYTYPE_P(0), *numbers = PG_GETARG_ARRAYTYPE_P(1);
	int nsteps = ArrayGetNItems(ARR_NDIM(kinds), ARR_DIMS(kinds));
	int n = ArrayGetNItems(ARR_NDIM(numbers), ARR_DIMS(numbers));
	Step steps[FOLLOW_MAX_STEPS] = {0};
	Datum counts[FOLLOW_MAX_STEPS];

	if (nsteps < 1 || nsteps > FOLLOW_MAX_STEPS || ARR_HASNULL(kinds) || ARR_HASNULL(numbers))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("steps are 1 to %d numbers", FOLLOW_MAX_STEPS));
	for (int i = 0; i < nsteps; i++)
		steps[i].kind = ((const int32 *) ARR_DATA_PTR(kinds))[i];
	sort_events(steps, nsteps, (const int32 *) ARR_DATA_PTR(numbers), get_bigints(PG_GETARG_ARRAYTYPE_P(2), n),
				get_bigints(PG_GETARG_ARRAYTYPE_P(3), n), n);
	for (int i = 0; i < nsteps; i++)
		counts[i] = Int64GetDatum(count_runs(steps, i + 1));
	PG_RETURN_ARRAYTYPE_P(construct_array(counts, nsteps, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
