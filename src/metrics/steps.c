/*
 * steps.c - events that follow each other: the aggregate openreplay.follow_steps()
 *
 * Takes the events of one session, each with the number of the step it matches, in any order, and follows the steps
 * greedily: each is reached at the earliest event that is not before the one before.  The earliest is enough, since
 * whatever follows a later one also follows the earliest.
 *
 * Consecutive steps of the same kind of events need two events, which may carry the same timestamp.  So what is known
 * of a reached step is its time and, if only one event could have reached it then, which one: the next step has to be
 * another.  A step that must not be is passed at the time of the one before when no event from there on matches it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#define MAX_STEPS 200

typedef struct StepEvent
{
	int64 timestamp;
	int64 key;
	int32 step;
} StepEvent;

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
	StepEvent events[FLEXIBLE_ARRAY_MEMBER];
} StepState;

#define FIRST_ROOM 2
#define STATE_SIZE(room) (offsetof(StepState, events) + (Size) (room) * sizeof(StepEvent))

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
	StepEvent *event;

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
	event->timestamp = PG_GETARG_INT64(3);
	event->key = PG_GETARG_INT64(4);
	PG_RETURN_POINTER(state);
}

static int
compare_events(const void *a, const void *b)
{
	const StepEvent *x = a, *y = b;

	if (x->step != y->step)
		return x->step < y->step ? -1 : 1;
	if (x->timestamp != y->timestamp)
		return x->timestamp < y->timestamp ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

/*
 * Where following has got to.  Several events of one time may have reached the step; which of them it is taken to be is
 * left open as long as it makes no difference to what follows.
 */
typedef struct Place
{
	int64 timestamp;
	int kind;	 /* of the events of the last step that was reached; 0: none was */
	int64 *keys; /* of those that may have reached it, different ones */
	int nkeys;
} Place;

static bool
may_follow(const StepEvent *event, int kind, const Place *place)
{
	if (event->timestamp != place->timestamp)
		return event->timestamp > place->timestamp;
	return kind != place->kind || place->nkeys > 1 || event->key != place->keys[0];
}

/* Goes on to the first of a step's events, sorted, that may follow; false when none may. */
static bool
reach(Place *place, int kind, const StepEvent *events, int n)
{
	Place next = {.kind = kind};
	int first = 0;
	int last;

	while (first < n && !may_follow(&events[first], kind, place))
		first++;
	if (first == n)
		return false;
	next.timestamp = events[first].timestamp;
	for (last = first; last < n && events[last].timestamp == next.timestamp; last++)
		;
	next.keys = palloc((last - first) * sizeof(int64));
	for (int i = first; i < last; i++)
		if (may_follow(&events[i], kind, place) && (next.nkeys == 0 || next.keys[next.nkeys - 1] != events[i].key))
			next.keys[next.nkeys++] = events[i].key;
	if (place->keys != NULL)
		pfree(place->keys);
	*place = next;
	return true;
}

/* Whether the place can be one that none of these events, sorted, follows; settles which one it is then. */
static bool
avoid(Place *place, int kind, const StepEvent *events, int n)
{
	const StepEvent *only = NULL; /* of the place's own kind and time */

	for (int i = 0; i < n; i++)
	{
		if (events[i].timestamp < place->timestamp)
			continue;
		if (events[i].timestamp > place->timestamp || kind != place->kind)
			return false;
		if (only != NULL && only->key != events[i].key)
			return false; /* whichever the place is, one of the two is another */
		only = &events[i];
	}
	if (only == NULL)
		return true;
	for (int i = 0; i < place->nkeys; i++)
	{
		if (place->keys[i] != only->key)
			continue;
		place->keys[0] = only->key;
		place->nkeys = 1;
		return true;
	}
	return false;
}

/*
 * The times at which the steps were reached, up to the first that was not; when all were, one more element: the time of
 * the last event that matches the last step, or of the step itself if that must not be.
 */
Datum
openreplay_followed_steps(PG_FUNCTION_ARGS)
{
	StepState *state;
	Datum times[MAX_STEPS + 1];
	int reached = 0;
	int first = 0;
	Place place = {.timestamp = PG_INT64_MIN};

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (StepState *) PG_GETARG_POINTER(0);
	qsort(state->events, state->nevents, sizeof(StepEvent), compare_events);
	for (int step = 0; step < state->steps->n; step++)
	{
		int kind = abs(state->steps->kinds[step]);
		int last = first;
		bool must_not = state->steps->kinds[step] < 0;

		CHECK_FOR_INTERRUPTS();
		while (last < state->nevents && state->events[last].step == step)
			last++;
		if (must_not ? !avoid(&place, kind, state->events + first, last - first)
					 : !reach(&place, kind, state->events + first, last - first))
			break;
		times[reached++] = Int64GetDatum(place.kind == 0 ? 0 : place.timestamp);
		if (reached == state->steps->n)
			times[reached] = must_not ? times[reached - 1] : Int64GetDatum(state->events[last - 1].timestamp);
		first = last;
	}
	if (reached == state->steps->n)
		reached++;
	PG_RETURN_ARRAYTYPE_P(construct_array(times, reached, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
