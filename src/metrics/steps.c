/*
 * steps.c - events that follow each other: the aggregate openreplay.follow_steps()
 *
 * Takes the events of one session, each with the number of the step it matches, in any order; what follows what is
 * decided in sequences/follow.c.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "metrics/sequences.h"
#include "sequences/sequence.h"

#define MAX_STEPS FOLLOW_MAX_STEPS

typedef struct GatheredEvent
{
	StepEvent event;
	int32 step;
} GatheredEvent;

/* What the steps are, once for all sessions. */
typedef struct Steps
{
	int n;
	int kinds[MAX_STEPS]; /* negative: must not be */
} Steps;

/* One a session: there may be very many, so it is one small chunk. */
typedef struct StepState
{
	const Steps *steps;
	int nevents;
	int room;
	GatheredEvent events[FLEXIBLE_ARRAY_MEMBER];
} StepState;

#define FIRST_ROOM 2
#define STATE_SIZE(room) (offsetof(StepState, events) + (Size) (room) * sizeof(GatheredEvent))

PG_FUNCTION_INFO_V1(openreplay_follow_step);
PG_FUNCTION_INFO_V1(openreplay_followed_steps);

static const Steps *
get_steps(FunctionCallInfo fcinfo)
{
	Steps *steps = fcinfo->flinfo->fn_extra;
	ArrayType *array;
	int n;

	if (steps != NULL)
		return steps;
	if (PG_ARGISNULL(1))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("steps cannot be null"));
	array = PG_GETARG_ARRAYTYPE_P(1);
	n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (n < 1 || n > MAX_STEPS || ARR_HASNULL(array))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("steps are 1 to %d numbers", MAX_STEPS));
	steps = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Steps));
	steps->n = n;
	memcpy(steps->kinds, ARR_DATA_PTR(array), n * sizeof(int32));
	fcinfo->flinfo->fn_extra = steps;
	return steps;
}

/* follow_step(state, steps integer[], step integer, "timestamp" bigint, key bigint); steps are the first call's */
Datum
openreplay_follow_step(PG_FUNCTION_ARGS)
{
	const Steps *steps = get_steps(fcinfo);
	MemoryContext context;
	StepState *state;
	GatheredEvent *event;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "follow_step is called by its aggregate only");
	if (PG_ARGISNULL(0))
	{
		state = MemoryContextAllocZero(context, STATE_SIZE(FIRST_ROOM));
		state->steps = steps;
		state->room = FIRST_ROOM;
	}
	else
		state = (StepState *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(2) || PG_ARGISNULL(3) || PG_ARGISNULL(4))
		PG_RETURN_POINTER(state);
	if (PG_GETARG_INT32(2) < 0 || PG_GETARG_INT32(2) >= steps->n)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no step %d", PG_GETARG_INT32(2)));
	if (state->nevents == state->room)
	{
		state = repalloc_huge(state, STATE_SIZE(state->room * 2));
		state->room *= 2;
	}
	event = &state->events[state->nevents++];
	event->step = PG_GETARG_INT32(2);
	event->event.timestamp = PG_GETARG_INT64(3);
	event->event.key = PG_GETARG_INT64(4);
	PG_RETURN_POINTER(state);
}

static int
compare_events(const void *a, const void *b)
{
	const GatheredEvent *x = a, *y = b;

	if (x->step != y->step)
		return x->step < y->step ? -1 : 1;
	if (x->event.timestamp != y->event.timestamp)
		return x->event.timestamp < y->event.timestamp ? -1 : 1;
	return x->event.key < y->event.key ? -1 : x->event.key > y->event.key;
}

ArrayType *
times_array(const int64 *times, int reached, int nsteps)
{
	Datum values[MAX_STEPS + 1];
	int n = reached == nsteps ? nsteps + 1 : reached;

	for (int i = 0; i < n; i++)
		values[i] = Int64GetDatum(times[i]);
	return construct_array(values, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

/* The times at which the steps were reached, as follow_steps() has them: up to the first that was not. */
Datum
openreplay_followed_steps(PG_FUNCTION_ARGS)
{
	StepState *state;
	StepEvent *events;
	Step steps[MAX_STEPS];
	int64 times[MAX_STEPS + 1];
	int n;
	int event = 0;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (StepState *) PG_GETARG_POINTER(0);
	n = state->steps->n;
	qsort(state->events, state->nevents, sizeof(GatheredEvent), compare_events);
	events = palloc_extended(Max(state->nevents, 1) * sizeof(StepEvent), MCXT_ALLOC_HUGE);
	for (int i = 0; i < state->nevents; i++)
		events[i] = state->events[i].event;
	for (int i = 0; i < n; i++)
	{
		steps[i] = (Step){.kind = state->steps->kinds[i], .events = events + event};
		for (; event < state->nevents && state->events[event].step == i; event++)
			steps[i].nevents++;
	}
	PG_RETURN_ARRAYTYPE_P(times_array(times, follow_steps(steps, n, times), n));
}
