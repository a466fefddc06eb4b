/*
 * follow.c - steps that follow each other in the events of a session
 *
 * Follows greedily: each step is reached at the earliest event that is not before the one before.  The earliest is
 * enough, since whatever follows a later one also follows the earliest.
 *
 * Consecutive steps of the same kind of events need two events, which may carry the same timestamp.  So what is known
 * of a reached step is its time and, if only one event could have reached it then, which one: the next step has to be
 * another.  A step that must not be is passed at the time of the one before when no event from there on matches it.
 */
#include "sequences/sequence.h"

/*
 * Where following has got to.  Several events of one time may have reached the step; which of them it is taken to be is
 * left open as long as it makes no difference to what follows.
 */
typedef struct Place
{
	int64_t timestamp;
	int kind;				 /* of the events of the last step that was reached; 0: none was */
	const StepEvent *events; /* those that may have reached it, but for the excluded key; sorted */
	size_t nevents;
	bool excludes; /* one of them reached the step before */
	int64_t excluded;
	size_t nkeys; /* different ones among the others */
	int64_t key;  /* the first of them */
} Place;

static bool
may_follow(const StepEvent *event, int kind, const Place *place)
{
	if (event->timestamp != place->timestamp)
		return event->timestamp > place->timestamp;
	return kind != place->kind || place->nkeys > 1 || event->key != place->key;
}

/* Goes on to the first of a step's events that may follow; false when none may. */
static bool
reach(Place *place, int kind, const StepEvent *events, size_t n)
{
	Place next = {.kind = kind};
	size_t first = 0;

	while (first < n && !may_follow(&events[first], kind, place))
		first++;
	if (first == n)
		return false;
	next.timestamp = events[first].timestamp;
	next.events = events + first;
	next.excludes = kind == place->kind && next.timestamp == place->timestamp && place->nkeys == 1;
	next.excluded = place->key;
	for (size_t i = first; i < n && events[i].timestamp == next.timestamp; i++)
	{
		next.nevents++;
		if (!may_follow(&events[i], kind, place) || (i > first && events[i].key == events[i - 1].key))
			continue;
		if (next.nkeys++ == 0)
			next.key = events[i].key;
	}
	*place = next;
	return true;
}

static bool
may_be_at(const Place *place, int64_t key)
{
	if (place->nkeys == 1)
		return key == place->key;
	if (place->excludes && key == place->excluded)
		return false;
	for (size_t i = 0; i < place->nevents; i++)
		if (place->events[i].key == key)
			return true;
	return false;
}

/* Whether the place can be one that none of these events follows; settles which one it is then. */
static bool
avoid(Place *place, int kind, const StepEvent *events, size_t n)
{
	const StepEvent *only = NULL; /* of the place's own kind and time */

	for (size_t i = 0; i < n; i++)
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
	if (!may_be_at(place, only->key))
		return false;
	place->key = only->key;
	place->nkeys = 1;
	return true;
}

int
follow_steps(const Step *steps, int n, int64_t *times)
{
	Place place = {.timestamp = INT64_MIN};

	for (int i = 0; i < n; i++)
	{
		const Step *step = &steps[i];
		bool must_not = step->kind < 0;

		if (must_not ? !avoid(&place, -step->kind, step->events, step->nevents)
					 : !reach(&place, step->kind, step->events, step->nevents))
			return i;
		times[i] = place.kind == 0 ? 0 : place.timestamp;
		if (i == n - 1)
			times[n] = must_not ? times[i] : step->events[step->nevents - 1].timestamp;
	}
	return n;
}
