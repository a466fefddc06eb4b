/*
 * search.c - sessions in SQL: which satisfy a filter, how many, a page of them
 *
 * Owns what a search adds to a filter: sort, order, limit, page, after, groupByUser and bookmarked.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "metrics/filter.h"
#include "metrics/members.h"

#define DEFAULT_LIMIT 200
#define MAX_LIMIT 200
#define MAX_PAGE 1000000

PG_FUNCTION_INFO_V1(openreplay_search_sessions);
PG_FUNCTION_INFO_V1(openreplay_count_sessions);
PG_FUNCTION_INFO_V1(openreplay_matching_sessions);
PG_FUNCTION_INFO_V1(openreplay_explain_sessions);
PG_FUNCTION_INFO_V1(openreplay_check_filter);
PG_FUNCTION_INFO_V1(openreplay_filter_catalogue);

typedef struct SortColumn
{
	const char *name;
	const char *expression;
	bool nullable; /* an index serves NULLS LAST only where nobody asks for it */
} SortColumn;

static const SortColumn sort_columns[] = {
	{"startTs", "s.start_ts", false},
	{"duration", "s.duration", false},
	{"eventsCount", "s.events_count", false},
	{"pagesCount", "s.pages_count", false},
	{"errorsCount", "s.errors_count", false},
	{"issueScore", "s.issue_score", false},
	{"sessionId", "s.session_id", false},
	{"userId", "s.user_id", true},
	{"userAnonymousId", "s.user_anonymous_id", true},
	{"userOs", "s.user_os", false},
	{"userBrowser", "s.user_browser", true},
	{"userDevice", "s.user_device", false},
	{"userCountry", "s.user_country::text", false},
	{"userCity", "s.user_city", true},
	{"userState", "s.user_state", true},
};

typedef struct Search
{
	Filter *filter;
	const SortColumn *sort;
	bool by_sessions_count; /* of groups */
	bool ascending;
	int limit;
	int page;	 /* from 1 */
	int64 after; /* the last session of the page before; 0: none */
	bool group_by_user;
	bool bookmarked;
	bool has_viewer;
	int32 viewer_id; /* who asks */
} Search;

/* ---- options ----------------------------------------------------------------------------------------------------- */

static void
refuse_option(const char *name, const char *value, const char *hint)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s cannot be \"%.*s\"", name, 60, value),
			errhint("%s", hint));
}

static int
get_count(JsonbContainer *object, const char *name, int otherwise, int most)
{
	char *text = get_text(object, name, NULL);

	if (text == NULL)
		return otherwise;
	if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text) || strlen(text) > 9 || atoi(text) < 1 ||
		atoi(text) > most)
		refuse_option(name, text, psprintf("It is a number from 1 to %d.", most));
	return atoi(text);
}

static void
parse_sort(Search *search, JsonbContainer *object)
{
	char *sort = get_text(object, "sort", NULL);
	char *order = get_text(object, "order", NULL);

	search->sort = &sort_columns[0];
	search->by_sessions_count = sort == NULL || same_filter_name(sort, "sessionsCount");
	/* what cannot be sorted by is sorted by time */
	for (int i = 0; sort != NULL && i < lengthof(sort_columns); i++)
		if (same_filter_name(sort, sort_columns[i].name))
			search->sort = &sort_columns[i];
	if (order == NULL || pg_strcasecmp(order, "desc") == 0)
		return;
	if (pg_strcasecmp(order, "asc") != 0)
		refuse_option("order", order, "It is ASC or DESC.");
	search->ascending = true;
}

static void
parse_options(Search *search, JsonbContainer *object)
{
	char *after = get_text(object, "after", NULL);

	parse_sort(search, object);
	search->limit = get_count(object, "limit", DEFAULT_LIMIT, MAX_LIMIT);
	search->page = get_count(object, "page", 1, MAX_PAGE);
	search->group_by_user = get_boolean(object, "groupByUser", "group_by_user", false);
	search->bookmarked = get_boolean(object, "bookmarked", NULL, false);
	if (after == NULL)
		return;
	if (after[0] == '\0' || strspn(after, "0123456789") != strlen(after) || strlen(after) > 19)
		refuse_option("after", after, "It is the id of the last session of the page before.");
	search->after = strtoll(after, NULL, 10);
	if (search->group_by_user)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("groups of users have no after"),
				errhint("Use page."));
}

/* Arguments of all functions here: project_id and filter; viewer_id at the given place, if any. */
static Search *
get_search(FunctionCallInfo fcinfo, int viewer_argument)
{
	Search *search = palloc0(sizeof(Search));
	Jsonb *json = PG_GETARG_JSONB_P(1);

	search->filter = parse_filter(PG_GETARG_INT32(0), json);
	search->sort = &sort_columns[0];
	search->limit = DEFAULT_LIMIT;
	search->page = 1;
	if (JB_ROOT_IS_OBJECT(json))
		parse_options(search, &json->root);
	if (viewer_argument >= 0 && !PG_ARGISNULL(viewer_argument))
	{
		search->has_viewer = true;
		search->viewer_id = PG_GETARG_INT32(viewer_argument);
	}
	if (search->bookmarked && !search->has_viewer && viewer_argument >= 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("bookmarked sessions are those of a user"),
				errhint("Give the viewer_id."));
	/* bookmarks are of any time */
	if (search->bookmarked)
		set_filter_range(search->filter, PG_INT64_MIN, PG_INT64_MAX, false);
	return search;
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

static void
add_from_where(Sql *sql, Search *search)
{
	sql_add(sql, " FROM ");
	add_sessions(sql, search->filter, false);
	sql_add(sql, " WHERE ");
	add_sessions_where(sql, search->filter);
	if (search->bookmarked)
	{
		sql_add(sql,
				" AND s.session_id IN (SELECT f.session_id FROM public.user_favorite_sessions f WHERE f.user_id = ");
		sql_integer(sql, search->viewer_id);
		sql_add(sql, ")");
	}
}

static void
add_order(Sql *sql, const Search *search)
{
	sql_add(sql, " ORDER BY %s %s%s, s.issue_score DESC, s.session_id DESC", search->sort->expression,
			search->ascending ? "ASC" : "DESC", search->sort->nullable ? " NULLS LAST" : "");
}

static void
add_place(Sql *sql, const Search *search, const char *expression)
{
	sql_add(sql, "(SELECT %s FROM public.sessions s WHERE s.session_id = ", expression);
	sql_bigint(sql, search->after);
	sql_add(sql, ")");
}

/* Sessions that come after a session in the order of add_order(). */
static void
add_after(Sql *sql, const Search *search)
{
	const char *expression = search->sort->expression;

	sql_add(sql, " AND (%s %s ", expression, search->ascending ? ">" : "<");
	add_place(sql, search, expression);
	sql_add(sql, " OR (%s IS NULL AND ", expression);
	add_place(sql, search, expression);
	sql_add(sql, " IS NOT NULL) OR (%s IS NOT DISTINCT FROM ", expression);
	add_place(sql, search, expression);
	sql_add(sql, " AND (s.issue_score < ");
	add_place(sql, search, "s.issue_score");
	sql_add(sql, " OR (s.issue_score = ");
	add_place(sql, search, "s.issue_score");
	sql_add(sql, " AND s.session_id < ");
	sql_bigint(sql, search->after);
	sql_add(sql, "))))");
	if (search->sort != &sort_columns[0])
		return;
	/* the same once more, such that the index on start_ts begins there */
	sql_add(sql, " AND s.start_ts %s ", search->ascending ? ">=" : "<=");
	add_place(sql, search, "s.start_ts");
}

static void
add_limit(Sql *sql, const Search *search)
{
	sql_add(sql, " LIMIT ");
	sql_bigint(sql, search->limit);
	sql_add(sql, " OFFSET ");
	sql_bigint(sql, search->after > 0 ? 0 : (int64) (search->page - 1) * search->limit);
}

static void
add_page_of_sessions(Sql *sql, Search *search)
{
	sql_add(sql, "SELECT s.*, NULL::bigint AS user_sessions_count, NULL::bigint AS first_session_ts");
	add_from_where(sql, search);
	if (search->after > 0)
		add_after(sql, search);
	add_order(sql, search);
	add_limit(sql, search);
}

/* For each user the session that comes first; sessions without a user are one group. */
static void
add_page_of_users(Sql *sql, Search *search)
{
	const char *direction = search->ascending ? "ASC" : "DESC";

	sql_add(
		sql,
		"SELECT s.*, g.user_sessions_count, g.first_session_ts, row_number() OVER (ORDER BY g.rank %s NULLS LAST, "
		"g.session_id DESC) AS n"
		" FROM (SELECT count(*) AS user_sessions_count, min(s.start_ts) AS first_session_ts, (array_agg(s.session_id",
		direction);
	add_order(sql, search);
	sql_add(sql, "))[1] AS session_id, %s AS rank",
			search->by_sessions_count
				? "count(*)"
				: psprintf("%s(%s)", search->ascending ? "min" : "max", search->sort->expression));
	add_from_where(sql, search);
	sql_add(sql, " GROUP BY s.user_id ORDER BY rank %s NULLS LAST, session_id DESC", direction);
	add_limit(sql, search);
	sql_add(sql, ") g JOIN public.sessions s ON s.session_id = g.session_id");
	add_session_bounds(sql, search->filter, "s.session_id");
}

/* Names and values of the project's slots. */
static void
add_metadata(Sql *sql, const Filter *filter)
{
	bool first = true;

	sql_add(sql, "jsonb_strip_nulls(jsonb_build_object(");
	for (int i = 0; i < lengthof(filter->metadata); i++)
	{
		if (filter->metadata[i] == NULL)
			continue;
		sql_add(sql, "%s", first ? "" : ", ");
		sql_text(sql, filter->metadata[i]);
		sql_add(sql, ", s.metadata_%d", i + 1);
		first = false;
	}
	sql_add(sql, "))");
}

static void
add_mark(Sql *sql, const Search *search, const char *table)
{
	if (!search->has_viewer)
	{
		sql_add(sql, "false");
		return;
	}
	sql_add(sql, "EXISTS (SELECT FROM %s u WHERE u.session_id = s.session_id AND u.user_id = ", table);
	sql_integer(sql, search->viewer_id);
	sql_add(sql, ")");
}

static void
check_after(const Search *search)
{
	Sql *sql = sql_new();

	sql_add(sql, "SELECT FROM public.sessions s WHERE s.project_id = ");
	sql_integer(sql, search->filter->project_id);
	sql_add(sql, " AND s.session_id = ");
	sql_bigint(sql, search->after);
	sql_run(sql);
	if (SPI_processed == 0)
		ereport(ERROR, errcode(ERRCODE_NO_DATA_FOUND), errmsg("session not found"),
				errdetail("There is no session " INT64_FORMAT " to go on after.", search->after),
				errhint("It may have been deleted; begin with the first page."));
}

/* search_sessions(project_id integer, filter jsonb, viewer_id integer) */
Datum
openreplay_search_sessions(PG_FUNCTION_ARGS)
{
	Search *search;
	Sql *sql = sql_new();

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	search = get_search(fcinfo, 2);
	sql_add(sql, "SELECT s.session_id, ");
	add_mark(sql, search, "public.user_viewed_sessions");
	sql_add(sql, ", ");
	add_mark(sql, search, "public.user_favorite_sessions");
	sql_add(sql, ", s.user_uuid, s.user_id, s.user_anonymous_id, s.user_os, s.user_browser, s.user_device,"
				 " s.user_device_type::text, s.user_country::text, s.user_city, s.user_state, s.start_ts, s.duration,"
				 " s.events_count, s.pages_count, s.errors_count, s.platform::text, s.timezone, s.issue_score,"
				 " s.issue_types::text[], ");
	add_metadata(sql, search->filter);
	sql_add(sql, ", s.screen_width, s.screen_height, s.user_sessions_count, s.first_session_ts FROM (");
	if (search->group_by_user)
		add_page_of_users(sql, search);
	else
		add_page_of_sessions(sql, search);
	sql_add(sql, ") s");
	if (search->group_by_user)
		sql_add(sql, " ORDER BY s.n");
	else
		add_order(sql, search);

	SPI_connect();
	if (search->after > 0)
		check_after(search);
	sql_return(sql, (ReturnSetInfo *) fcinfo->resultinfo);
	SPI_finish();
	return (Datum) 0;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static int64
milliseconds(TimestampTz moment)
{
	if (TIMESTAMP_NOT_FINITE(moment))
		return TIMESTAMP_IS_NOBEGIN(moment) ? PG_INT64_MIN : PG_INT64_MAX;
	/* rounded up, such that a moment and its millisecond bound the same sessions */
	return (moment + 999) / 1000 + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY * 1000;
}

static void
add_count(Sql *sql, Search *search)
{
	if (search->group_by_user)
	{
		/* NULL is a user, too: of all sessions without one */
		sql_add(sql, "SELECT count(DISTINCT s.user_id) + coalesce(max((s.user_id IS NULL)::integer), 0)");
		add_from_where(sql, search);
		return;
	}
	sql_add(sql, "SELECT count(*) FROM (");
	if (search->bookmarked || !add_found_sessions(sql, search->filter))
	{
		sql_add(sql, "SELECT");
		add_from_where(sql, search);
	}
	sql_add(sql, ") found");
}

/* count_sessions(project_id integer, filter jsonb, from_time timestamptz, until_time timestamptz, viewer_id integer) */
Datum
openreplay_count_sessions(PG_FUNCTION_ARGS)
{
	Search *search;
	Sql *sql = sql_new();
	bool isnull;
	int64 count;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	search = get_search(fcinfo, 4);
	if (!PG_ARGISNULL(2) || !PG_ARGISNULL(3))
		set_filter_range(search->filter, PG_ARGISNULL(2) ? PG_INT64_MIN : milliseconds(PG_GETARG_TIMESTAMPTZ(2)),
						 PG_ARGISNULL(3) ? PG_INT64_MAX : milliseconds(PG_GETARG_TIMESTAMPTZ(3)), true);
	add_count(sql, search);
	SPI_connect();
	sql_run(sql);
	count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	PG_RETURN_INT64(count);
}

/* matching_sessions(project_id integer, filter jsonb) */
Datum
openreplay_matching_sessions(PG_FUNCTION_ARGS)
{
	Filter *filter = parse_filter(PG_GETARG_INT32(0), PG_GETARG_JSONB_P(1));
	Sql *sql = sql_new();

	InitMaterializedSRF(fcinfo, 0);
	sql_add(sql, "SELECT s.session_id, s.start_ts, %s FROM ",
			filter->nevents > 0 ? "m.first_event_ts, m.last_event_ts" : "NULL::bigint, NULL::bigint");
	add_sessions(sql, filter, filter->nevents > 0);
	sql_add(sql, " WHERE ");
	add_sessions_where(sql, filter);
	return sql_return_rows(sql, fcinfo);
}

/* check_filter(project_id integer, filter jsonb) */
Datum
openreplay_check_filter(PG_FUNCTION_ARGS)
{
	(void) get_search(fcinfo, -1);
	PG_RETURN_VOID();
}

/* explain_sessions(project_id integer, filter jsonb) */
Datum
openreplay_explain_sessions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Search *search = get_search(fcinfo, -1);
	Sql *sql = sql_new();

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	sql_add(sql, "EXPLAIN (COSTS OFF) SELECT s.session_id");
	add_from_where(sql, search);
	SPI_connect();
	sql_run_utility(sql);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
	return (Datum) 0;
}

/* ---- what there is to filter by ---------------------------------------------------------------------------------- */

static const char *const type_names[] = {
	[FILTER_TEXT] = "text",		  [FILTER_NUMBER] = "number", [FILTER_BOOLEAN] = "boolean",
	[FILTER_DURATION] = "range",  [FILTER_ISSUES] = "issues", [FILTER_METADATA] = "metadata",
	[FILTER_IGNORED] = "nothing",
};

static void
put_catalogue_row(ReturnSetInfo *result, const char *what, int generation, const char *event, const char *name,
				  const char *alias, FilterType type)
{
	Datum values[7];
	bool nulls[7] = {0};

	values[0] = CStringGetTextDatum(what);
	values[1] = Int32GetDatum(generation);
	nulls[1] = generation == 0;
	values[2] = CStringGetTextDatum(event != NULL ? event : "");
	nulls[2] = event == NULL;
	values[3] = CStringGetTextDatum(name);
	values[4] = CStringGetTextDatum(alias);
	nulls[4] = alias[0] == '\0';
	values[5] = CStringGetTextDatum(type_names[type]);
	values[6] = CStringGetTextDatum(list_filter_operators(type));
	nulls[6] = type == FILTER_DURATION || type == FILTER_IGNORED;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static FilterType
type_of_event(const FilterEventType *event)
{
	return event->property[0] == '\0' ? FILTER_IGNORED : find_filter_property(event->kind, event->property)->type;
}

/* filter_catalogue() */
Datum
openreplay_filter_catalogue(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < n_filter_attributes; i++)
		put_catalogue_row(result, "attribute", 0, NULL, filter_attributes[i].name, filter_attributes[i].alias,
						  filter_attributes[i].type);
	for (int i = 0; i < n_filter_events; i++)
		put_catalogue_row(result, "event", filter_events[i].generation, NULL, filter_events[i].name,
						  filter_events[i].alias, type_of_event(&filter_events[i]));
	for (int i = 0; i < n_filter_metrics; i++)
		put_catalogue_row(result, "event", 1, NULL, filter_metrics[i].name, "", FILTER_TEXT);
	for (int i = 0; i < n_filter_events; i++)
		for (int j = 0; j < n_filter_properties; j++)
			if (filter_events[i].property[0] == '\0' && filter_properties[j].kind == filter_events[i].kind)
				put_catalogue_row(result, "property", filter_events[i].generation, filter_events[i].name,
								  filter_properties[j].name, filter_properties[j].alias, filter_properties[j].type);
	return (Datum) 0;
}
