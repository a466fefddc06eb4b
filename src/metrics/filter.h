/*
 * filter.h - a filter, parsed once, and the SQL it stands for
 *
 * The one model of sessions and events that searches, cards, alerts and drill-downs share.  parse_filter() reads the
 * JSON of either generation; the rest appends SQL to a query that the caller shapes:
 *
 *		Filter *filter = parse_filter(project_id, json);
 *		Sql *sql = sql_new();
 *
 *		sql_add(sql, "SELECT s.user_browser, count(*) FROM ");
 *		add_sessions(sql, filter, false);
 *		sql_add(sql, " WHERE ");
 *		add_sessions_where(sql, filter);
 *		sql_add(sql, " GROUP BY 1");
 *		SPI_connect();
 *		sql_run(sql);
 *
 * In that text a session is s, an event e, what the event refers to d, and what the session was found by m.  Values are
 * parameters, whatever they hold.
 */
#ifndef OPENREPLAY_METRICS_FILTER_H
#define OPENREPLAY_METRICS_FILTER_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "metrics/sql.h"

typedef enum FilterType
{
	FILTER_TEXT,
	FILTER_NUMBER,
	FILTER_BOOLEAN,
	FILTER_DURATION, /* values are minimum and maximum */
	FILTER_ISSUES,	 /* kinds of issues of the session, by their source those about something */
	FILTER_METADATA, /* a slot that the source names; becomes FILTER_TEXT when it is found */
	FILTER_IGNORED
} FilterType;

typedef enum FilterComparison
{
	FILTER_EQUAL,
	FILTER_NOT_EQUAL,
	FILTER_CONTAINS,
	FILTER_NOT_CONTAINS,
	FILTER_STARTS_WITH,
	FILTER_ENDS_WITH,
	FILTER_REGEX,
	FILTER_LESS,
	FILTER_GREATER,
	FILTER_AT_MOST,
	FILTER_AT_LEAST,
	FILTER_PRESENT,
	FILTER_UNDEFINED,
	FILTER_TRUE,
	FILTER_FALSE
} FilterComparison;

/* Tables of events. */
typedef enum FilterKind
{
#define KIND(constant, relation, key) EVENTS_##constant,
#include "metrics/filters.list.h"
#undef KIND
	EVENTS_KINDS
} FilterKind;

/* The generations of filters; an event's name can be of one of them. */
#define FILTER_GENERATION_FIRST 1  /* "type", such as click */
#define FILTER_GENERATION_SECOND 2 /* "name", such as CLICK */

/* ---- the catalogue: rows of filters.list.h ----------------------------------------------------------------------- */

typedef struct FilterOperator
{
	const char *name;
	FilterComparison comparison;
	bool of_selector; /* compares the selector of a click, whatever the condition is about */
} FilterOperator;

typedef struct FilterAttribute
{
	const char *name;
	const char *alias; /* "": none */
	FilterType type;
	const char *expression;
} FilterAttribute;

typedef struct FilterEventType
{
	const char *name;
	const char *alias;
	int generation;
	FilterKind kind;
	const char *property;  /* what the item's own value is compared with; "": its filters decide */
	const char *condition; /* SQL that holds for every event of this type; "": none */
} FilterEventType;

typedef struct FilterMetric
{
	const char *name;
	FilterKind kind;
	const char *expression;
	int64 scale; /* of the source, to the unit that is stored */
	bool sampled;
} FilterMetric;

typedef struct FilterProperty
{
	FilterKind kind;
	const char *name;
	const char *alias;
	FilterType type;
	const char *expression;
	const char *second; /* "": none */
} FilterProperty;

extern const FilterOperator filter_operators[];
extern const FilterAttribute filter_attributes[];
extern const FilterEventType filter_events[];
extern const FilterMetric filter_metrics[];
extern const FilterProperty filter_properties[];
extern const int n_filter_operators, n_filter_attributes, n_filter_events, n_filter_metrics, n_filter_properties;

/* Look-ups by a client's name, without case and underscores; NULL when there is none. */
extern const FilterOperator *find_filter_operator(const char *name);
extern const FilterAttribute *find_filter_attribute(const char *name);
extern const FilterEventType *find_filter_event(const char *name, int generation);
extern const FilterMetric *find_filter_metric(const char *name);
extern const FilterProperty *find_filter_property(FilterKind kind, const char *name);
extern bool same_filter_name(const char *a, const char *b);

/* Whether a comparison makes sense for a type. */
extern bool filter_type_allows(FilterType type, FilterComparison comparison);
extern bool comparison_needs_value(FilterComparison comparison);
extern bool comparison_is_negative(FilterComparison comparison);

/* What hints list; palloc'd. */
extern char *list_filter_operators(FilterType type);
extern char *list_filter_properties(FilterKind kind);
extern char *list_filter_events(int generation);
extern char *list_filter_attributes(void);

/* ---- a filter ---------------------------------------------------------------------------------------------------- */

/* One comparison with a list of values: any of them for positive ones, none of them for negative ones. */
typedef struct FilterCondition
{
	const char *name;		   /* as the client wrote it */
	const char *operator_name; /* likewise */
	FilterType type;
	const char *expression; /* SQL over s, e or d */
	const char *second;		/* NULL: none */
	const char *key;		/* of the payload of a custom event, read by expression; NULL: none */
	FilterComparison comparison;
	int nvalues;
	char **values;
	int nsources; /* of issues: what they are about */
	char **sources;
} FilterCondition;

/* Events of one table that satisfy conditions; or, negated, that there are none in a session. */
typedef struct FilterEvent
{
	const char *name; /* as the client wrote it */
	Jsonb *item;	  /* the whole of it, likewise */
	FilterKind kind;
	const char *fixed;		 /* SQL that always has to hold; NULL: none */
	const char *custom_name; /* of an event that a site names itself; NULL: any */
	bool negated;
	bool any; /* one condition is enough */
	int nconditions;
	FilterCondition *conditions;
	int nsources; /* of errors: their sources; of inputs: what was typed */
	char **sources;
	const FilterMetric *metric; /* NULL: none */
	FilterComparison metric_comparison;
} FilterEvent;

/* A property that several kinds of events have: some event of the session satisfies it. */
typedef struct FilterAnywhere
{
	int nevents;
	FilterEvent *events; /* all of the same condition, one a kind; never negated themselves */
	bool negated;
} FilterAnywhere;

typedef enum FilterOrder
{
	FILTER_THEN,
	FILTER_AND,
	FILTER_OR
} FilterOrder;

typedef enum FilterPopulation
{
	FILTER_ENDED,	/* searches and most cards: sessions that have ended once */
	FILTER_COUNTED, /* predefined cards: sessions longer than nothing */
	FILTER_ALL		/* funnels: also those that go on */
} FilterPopulation;

/*
 * What parse_filter() made of the JSON; palloc'd in the context that was current.  The caller may change range and
 * population before it asks for SQL, by set_filter_range() and by assignment.
 */
typedef struct Filter
{
	int32 project_id;
	bool web; /* the project's platform */
	/* Sessions start, and events happen, from from_ts on and up to to_ts, epoch milliseconds. */
	int64 from_ts;	   /* PG_INT64_MIN: no bound */
	int64 to_ts;	   /* PG_INT64_MAX: no bound */
	bool to_exclusive; /* whether to_ts itself is outside */
	FilterPopulation population;
	FilterOrder order;
	int nconditions;
	FilterCondition *conditions; /* on the session; all have to hold */
	int nanywhere;
	FilterAnywhere *anywhere;
	int nevents;
	FilterEvent *events; /* in the order of the list */
	char *metadata[10];	 /* names of the project's slots; NULL: free */
	/* percent of the sessions whose events are read; others have none, and are none if the filter asks for events */
	int sample_rate;
} Filter;

/*
 * Reads a filter: an object with filters (and events, before them), eventsOrder, startTimestamp, endTimestamp, or just
 * the list of filters.  Raises invalid_parameter_value for what is unknown, not allowed or no value, naming it and, in
 * the hint, listing what is; no_data_found for a project that is not there.  May be called with or without SPI.
 */
extern Filter *parse_filter(int32 project_id, Jsonb *json);

/* One event item or one event-less list, for start points and excludes of journeys. */
extern void parse_filter_items(Filter *filter, JsonbContainer *list);

extern void set_filter_range(Filter *filter, int64 from_ts, int64 to_ts, bool to_exclusive);

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

/*
 * Appends what follows FROM: sessions as s, and as m what they were found by where that takes a join.  More joins may
 * follow, then WHERE and add_sessions_where().  With with_times, m is there for certain, with first_event_ts and
 * last_event_ts: when the session's events began and ceased to satisfy the filter; both 0 if it has only events that
 * must not be.
 */
extern void add_sessions(Sql *sql, const Filter *filter, bool with_times);
extern void add_sessions_where(Sql *sql, const Filter *filter);

/*
 * Appends a subquery whose rows are the sessions found, each once, for those who ask for nothing else of them; false,
 * and nothing appended, where that takes add_sessions() anyhow.
 */
extern bool add_found_sessions(Sql *sql, const Filter *filter);

/* Bounds of a column of session ids, for tables that are joined to s: they let the planner skip months. */
extern void add_session_bounds(Sql *sql, const Filter *filter, const char *column);

/* ---- events ------------------------------------------------------------------------------------------------------ */

/* Appends what follows FROM or JOIN: events of the kind as e, with what they refer to as d. */
extern void add_events(Sql *sql, FilterKind kind);
/*
 * Appends the condition on e (and d, and s, which must be there) that an event satisfies the item, whether it is
 * negated or not, in the filter's range.
 */
extern void add_event_where(Sql *sql, const Filter *filter, const FilterEvent *event);
extern const char *event_key(FilterKind kind);
/* Whether that condition needs s, since it is about the event's session. */
extern bool asks_session(const FilterEvent *event);

/*
 * Appends a subquery: a row (session_id, step, timestamp, key) for each event that satisfies an item, of sessions that
 * satisfy the conditions on sessions; step is the item's number from 0.
 */
extern void add_steps(Sql *sql, const Filter *filter, const FilterEvent *events, int nevents);
/* Appends the aggregate that follows them in order over such rows: openreplay.follow_steps(), a bigint[]. */
extern void add_follow_steps(Sql *sql, const FilterEvent *events, int nevents);

/*
 * Appends a subquery: a row (session_id bigint, times bigint[]) for each session that reached the first of the items
 * and satisfies everything else the filter asks of sessions, filter->events apart; times as add_follow_steps() gives
 * them.  Only sessions with an event of some item are there, also when the first item must not be.
 */
extern void add_reached(Sql *sql, const Filter *filter, const FilterEvent *events, int nevents);

/* One condition, negative as it is; for conditions of the caller's own. */
extern void add_condition(Sql *sql, const Filter *filter, const FilterCondition *condition);

#endif /* OPENREPLAY_METRICS_FILTER_H */
