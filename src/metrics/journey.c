/*
 * journey.c - which ways sessions take: the options of a journey
 *
 * A path is the first events of a session, of the kinds that were chosen and without those that were excluded, as many
 * as the journey has steps; backwards, the last ones.  It begins with the session's first event that satisfies the
 * start point; where there is no such point, only sessions are looked at that begin with what most of them begin with.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "metrics/journey.h"
#include "metrics/members.h"
#include "metrics/parse.h"

#define MAX_ROWS 50
#define MOST_LINKS 8
#define FEW_LINKS 4

/* ---- options ----------------------------------------------------------------------------------------------------- */

static bool
is_second(const Journey *journey)
{
	return journey->card->generation == FILTER_GENERATION_SECOND;
}

/* The items of an option that is a list of events or one of them. */
static FilterEvent *
get_events(const Journey *journey, const char *name, int *n)
{
	Filter items = *journey->filter;
	JsonbParseState *state = NULL;
	JsonbValue value;
	Jsonb *list;

	*n = 0;
	if (!get_member(journey->card->root, name, NULL, &value) || (!is_list(&value) && !is_object(&value)))
		return NULL;
	if (is_list(&value))
		list = JsonbValueToJsonb(&value);
	else
	{
		pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
		pushJsonbValue(&state, WJB_ELEM, &value);
		list = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
	}
	items.conditions = NULL; /* new lists are made */
	items.nconditions = items.nanywhere = items.nevents = 0;
	parse_filter_items(&items, &list->root);
	if (items.nconditions + items.nanywhere > 0)
		refuse_filter(psprintf("%s has something that is no event", name),
					  psprintf("Events are %s.", list_filter_events(journey->card->generation)));
	for (int i = 0; i < items.nevents; i++)
		if (path_name(items.events[i].kind) == NULL)
			refuse_filter(psprintf("no journey goes by \"%s\"", shorten(items.events[i].name)), NULL);
	*n = items.nevents;
	return items.events;
}

static bool
is_known_kind(const Journey *journey, const FilterEvent *events)
{
	for (int i = 0; i < journey->nkinds; i++)
	{
		const FilterEvent *known = &journey->kinds[i].events;

		if (known->kind == events->kind &&
			(known->custom_name == NULL ||
			 (events->custom_name != NULL && strcmp(known->custom_name, events->custom_name) == 0)))
			return true;
	}
	return false;
}

static void
add_kind(Journey *journey, const FilterEvent *events, const char *type, bool only_start)
{
	JourneyKind *kind = &journey->kinds[journey->nkinds++];

	kind->events.name = events->name;
	kind->events.kind = events->kind;
	kind->events.fixed = events->fixed;
	kind->events.custom_name = events->custom_name;
	kind->type = type;
	kind->only_start = only_start;
}

static const FilterEventType *
find_event_type(const Journey *journey, const char *name)
{
	const FilterEventType *type = find_filter_event(name, journey->card->generation);

	/* what a site calls its own events may differ from the others in case only */
	return type != NULL && is_second(journey) && strcmp(type->name, name) != 0 ? NULL : type;
}

static void
parse_kind(Journey *journey, const char *name)
{
	const FilterEventType *type = find_event_type(journey, name);
	FilterEvent events = {.name = name, .kind = EVENTS_CUSTOMS};

	if (type != NULL)
	{
		events.kind = kind_of_project(journey->filter, type->kind);
		events.fixed = type->condition[0] != '\0' ? type->condition : NULL;
	}
	else if (is_second(journey))
		events.custom_name = name;
	if ((type == NULL && !is_second(journey)) || path_name(events.kind) == NULL)
		refuse_filter(psprintf("no journey goes by \"%s\"", shorten(name)),
					  "It goes by location, click, input, custom.");
	if (!is_known_kind(journey, &events))
		add_kind(journey, &events, type != NULL ? type->name : name, false);
}

static void
parse_kinds(Journey *journey)
{
	const Card *card = journey->card;

	journey->kinds = palloc0((card->nvalues + 2) * sizeof(JourneyKind));
	for (int i = 0; i < card->nvalues; i++)
		if (find_event_type(journey, card->values[i]) != NULL)
			parse_kind(journey, card->values[i]);
	/* names of a site's events after those that may be all of them */
	for (int i = 0; i < card->nvalues; i++)
		if (find_event_type(journey, card->values[i]) == NULL)
			parse_kind(journey, card->values[i]);
	if (journey->nkinds == 0)
		parse_kind(journey, is_second(journey) ? "LOCATION" : "location");
}

/* Whether two events are asked for a value that both have. */
static bool
share_value(const FilterEvent *a, const FilterEvent *b)
{
	const FilterCondition *x = a->conditions, *y = b->conditions;

	if (a->kind != b->kind || a->negated || b->negated || a->nconditions != 1 || b->nconditions != 1 ||
		x->comparison != FILTER_EQUAL || y->comparison != FILTER_EQUAL || x->expression == NULL ||
		y->expression == NULL || strcmp(x->expression, y->expression) != 0)
		return false;
	for (int i = 0; i < x->nvalues; i++)
		for (int j = 0; j < y->nvalues; j++)
			if (strcmp(x->values[i], y->values[j]) == 0)
				return true;
	return false;
}

static void
parse_start(Journey *journey)
{
	FilterEvent *start;
	const FilterEventType *type;
	const char *label;
	int n;

	start = get_events(journey, "startPoint", &n);
	if (n > 1)
		refuse_filter("a journey has one start point", NULL);
	if (n == 0)
		return;
	journey->start = start;
	for (int i = 0; i < journey->nexcludes; i++)
		if (share_value(start, &journey->excludes[i]))
			refuse_filter("the start point of the journey is excluded", NULL);
	if (is_known_kind(journey, start))
		return;
	type = start->custom_name != NULL ? NULL : find_filter_event(start->name, journey->card->generation);
	label = type != NULL ? type->name : start->name;
	add_kind(journey, &(FilterEvent){.name = start->name, .kind = start->kind, .custom_name = start->custom_name},
			 label, is_second(journey));
}

Journey *
get_journey(Card *card)
{
	Journey *journey = palloc0(sizeof(Journey));
	char *start_type = get_text(card->root, "startType", "start_type");
	bool few = get_boolean(card->root, "hideExcess", "hide_excess", false);

	journey->card = card;
	journey->filter =
		card->nseries > 0
			? card->series[0].filter
			: parse_filter(card->project_id, DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"))));
	journey->filter->population = FILTER_COUNTED;
	set_filter_range(journey->filter, card->from_ts, card->to_ts, true);
	journey->nsteps = card->density;
	if (!is_second(journey))
		journey->rows = few ? FEW_LINKS : MOST_LINKS;
	else
		journey->rows = few ? get_card_number(card->root, "rows", 5, 1, MAX_ROWS) : MAX_ROWS;
	if (start_type != NULL && strcmp(start_type, "end") == 0)
		journey->backwards = true;
	else if (start_type != NULL && start_type[0] != '\0' && strcmp(start_type, "start") != 0)
		refuse_filter(psprintf("startType cannot be \"%s\"", shorten(start_type)), "It is start or end.");
	parse_kinds(journey);
	journey->excludes = get_events(journey, "excludes", &journey->nexcludes);
	parse_start(journey);
	return journey;
}
