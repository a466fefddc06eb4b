/*
 * predefined_errors.c - predefined cards about requests that failed and errors
 *
 * A request failed when its status is 400 or more; success says the same and has an index.
 */
#include "postgres.h"

#include "metrics/matching.h"
#include "metrics/predefined.h"

#define HOST "coalesce(e.host, '')"

/* ---- by host ----------------------------------------------------------------------------------------------------- */

/* Of each bucket the five hosts with the most; every host is in every point, "All" if there is none at all. */
static void
add_domains_chart(Sql *sql, Card *card, int hundreds)
{
	Filter *filter = counted_sessions(card);

	sql_add(sql, "WITH failed AS (SELECT ");
	add_bucket(sql, card, "e.\"timestamp\"");
	sql_add(sql, " AS bucket, " HOST " AS host, count(*) AS n FROM ");
	add_counted_events(sql, filter, "events_common.requests");
	sql_add(sql, " AND NOT e.success AND e.status_code / 100 = %d GROUP BY 1, 2)", hundreds);
	sql_add(sql, ", most AS (SELECT f.bucket, f.host, f.n FROM (SELECT *, row_number() OVER (PARTITION BY bucket "
				 "ORDER BY n DESC, host) AS place FROM failed) AS f WHERE f.place <= 5) "
				 "SELECT jsonb_agg(coalesce(a.hosts, '{\"All\": 0}') || coalesce(h.hosts, '{}') || "
				 "jsonb_build_object('timestamp', ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, ") ORDER BY b.bucket) FROM ");
	add_buckets(sql, card);
	sql_add(sql, " LEFT JOIN (SELECT m.bucket, jsonb_object_agg(m.host, m.n) AS hosts FROM most m GROUP BY 1) AS h "
				 "ON h.bucket = b.bucket CROSS JOIN (SELECT jsonb_object_agg(m.host, 0) AS hosts FROM most m) AS a");
}

void
add_domains_4xx_chart(Sql *sql, Card *card)
{
	add_domains_chart(sql, card, 4);
}

void
add_domains_5xx_chart(Sql *sql, Card *card)
{
	add_domains_chart(sql, card, 5);
}

void
add_errors_per_domains_chart(Sql *sql, Card *card)
{
	sql_add(sql, "WITH domain AS (SELECT " HOST " AS name, count(*) AS n FROM ");
	add_counted_events(sql, counted_sessions(card), "events_common.requests");
	sql_add(sql,
			" AND NOT e.success GROUP BY 1) SELECT jsonb_build_object('total', count(*), 'count', "
			"coalesce(sum(d.n), 0), 'values', coalesce((SELECT jsonb_agg(jsonb_build_object('domain', p.name, "
			"'errorsCount', p.n) ORDER BY p.n DESC, p.name) FROM (SELECT * FROM domain ORDER BY n DESC, name LIMIT ");
	sql_bigint(sql, card->limit);
	sql_add(sql, " OFFSET ");
	sql_bigint(sql, (int64) (card->page - 1) * card->limit);
	sql_add(sql, ") AS p), '[]')) FROM domain d");
}

void
add_calls_errors_chart(Sql *sql, Card *card)
{
	sql_add(sql, "WITH call AS (SELECT e.method, " HOST " || coalesce(e.path, '') AS url, count(*) AS n, "
				 "count(*) FILTER (WHERE e.status_code / 100 = 4) AS n4, "
				 "count(*) FILTER (WHERE e.status_code / 100 = 5) AS n5 FROM ");
	add_counted_events(sql, counted_sessions(card), "events_common.requests");
	sql_add(
		sql,
		" AND e.status_code / 100 <> 2 GROUP BY 1, 2), most AS (SELECT row_number() OVER (ORDER BY n4 + n5 DESC, "
		"n DESC, url, method) AS place, * FROM call) "
		"SELECT coalesce(jsonb_agg(jsonb_build_object('method', m.method, 'urlHostpath', m.url, 'allRequests', m.n, "
		"'4xx', m.n4, '5xx', m.n5) ORDER BY m.place), '[]') FROM most m WHERE m.place <= 50");
}

/* The project's own host: that of most requests of the 31 days before the range's end. */
static void
add_first_party(Sql *sql, const Card *card)
{
	Filter *filter = counted_sessions(card);

	set_filter_range(filter, card->to_ts - INT64CONST(31) * 86400000, card->to_ts, true);
	sql_add(sql, "SELECT " HOST " AS host FROM ");
	add_counted_events(sql, filter, "events_common.requests");
	sql_add(sql, " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1");
}

void
add_resources_by_party_chart(Sql *sql, Card *card)
{
	sql_add(sql, "WITH first_party AS (");
	add_first_party(sql, card);
	sql_add(sql, "), failed AS (SELECT ");
	add_bucket(sql, card, "e.\"timestamp\"");
	sql_add(sql, " AS bucket, " HOST " AS host, count(*) AS n FROM ");
	add_counted_events(sql, counted_sessions(card), "events_common.requests");
	sql_add(sql, " AND NOT e.success GROUP BY 1, 2) SELECT jsonb_agg(jsonb_build_object('timestamp', ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, ", 'firstParty', coalesce(f.n, 0), 'thirdParty', coalesce(f.others, 0)) ORDER BY b.bucket) FROM ");
	add_buckets(sql, card);
	sql_add(sql,
			" LEFT JOIN (SELECT x.bucket, sum(x.n) FILTER (WHERE x.own) AS n, sum(x.n) FILTER (WHERE NOT x.own) AS "
			"others FROM (SELECT failed.bucket, failed.n, failed.host IN (SELECT host FROM first_party) AS own "
			"FROM failed) AS x GROUP BY 1) AS f ON f.bucket = b.bucket");
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

/* Errors are counted of the whole project, whatever session they are of. */
static void
add_error_sources(Sql *sql, const Card *card, const Filter *filter)
{
	Filter begun = *filter; /* sessions that began before the range's end, however early */

	sql_add(sql, "SELECT ");
	add_bucket(sql, card, "e.\"timestamp\"");
	sql_add(sql, " AS bucket, count(*) FILTER (WHERE d.source = 'js_exception') AS js, "
				 "count(*) FILTER (WHERE d.source <> 'js_exception') AS integrations "
				 "FROM events.errors e JOIN public.errors d ON d.error_id = e.error_id WHERE d.project_id = ");
	sql_integer(sql, card->project_id);
	set_filter_range(&begun, PG_INT64_MIN, card->to_ts, true);
	add_session_bounds(sql, &begun, "e.session_id");
	add_time_range(sql, filter, "e.\"timestamp\"");
	sql_add(sql, " GROUP BY 1");
}

void
add_errors_per_type_chart(Sql *sql, Card *card)
{
	Filter *filter = counted_sessions(card);

	sql_add(sql, "SELECT jsonb_agg(jsonb_build_object('timestamp', ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, ", '4xx', coalesce(r.n4, 0), '5xx', coalesce(r.n5, 0), 'js', coalesce(x.js, 0), 'integrations', "
				 "coalesce(x.integrations, 0)) ORDER BY b.bucket) FROM ");
	add_buckets(sql, card);
	sql_add(sql, " LEFT JOIN (SELECT ");
	add_bucket(sql, card, "e.\"timestamp\"");
	sql_add(sql, " AS bucket, count(*) FILTER (WHERE e.status_code / 100 = 4) AS n4, "
				 "count(*) FILTER (WHERE e.status_code / 100 = 5) AS n5 FROM ");
	add_counted_events(sql, filter, "events_common.requests");
	sql_add(sql, " AND NOT e.success GROUP BY 1) AS r ON r.bucket = b.bucket LEFT JOIN (");
	add_error_sources(sql, card, filter);
	sql_add(sql, ") AS x ON x.bucket = b.bucket");
}

/* Distinct ones are made by hashing, once by bucket and once in all; what is left is counted. */
void
add_impacted_sessions_by_js_errors_chart(Sql *sql, Card *card)
{
	sql_add(sql, "WITH error AS (SELECT DISTINCT ");
	add_bucket(sql, card, "e.\"timestamp\"");
	sql_add(sql, " AS bucket, e.session_id, e.error_id FROM ");
	add_counted_events(sql, counted_sessions(card), "events.errors");
	sql_add(sql,
			" AND EXISTS (SELECT FROM public.errors d WHERE d.error_id = e.error_id AND d.source = 'js_exception')) "
			"SELECT jsonb_build_object('sessionsCount', (SELECT count(*) FROM (SELECT DISTINCT session_id FROM error) "
			"AS x), 'errorsCount', (SELECT count(*) FROM (SELECT DISTINCT error_id FROM error) AS x), 'chart', "
			"jsonb_agg(jsonb_build_object('timestamp', ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, ", 'sessionsCount', coalesce(s.n, 0), 'errorsCount', coalesce(x.n, 0)) ORDER BY b.bucket)) FROM ");
	add_buckets(sql, card);
	sql_add(sql,
			" LEFT JOIN (SELECT bucket, count(*) AS n FROM (SELECT DISTINCT bucket, session_id FROM error) AS x "
			"GROUP BY 1) AS s ON s.bucket = b.bucket LEFT JOIN (SELECT bucket, count(*) AS n FROM (SELECT DISTINCT "
			"bucket, error_id FROM error) AS x GROUP BY 1) AS x ON x.bucket = b.bucket");
}
