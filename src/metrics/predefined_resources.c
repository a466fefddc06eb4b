/*
 * predefined_resources.c - predefined cards about the files that pages load
 */
#include "postgres.h"

#include "metrics/predefined.h"

/* ---- one by one -------------------------------------------------------------------------------------------------- */

/* Images that were asked for and never came. */
void
add_missing_resources_chart(Sql *sql, Card *card)
{
	sql_add(sql, "WITH missing AS (SELECT e.url_hostpath AS url, ");
	add_bucket(sql, card, "s.start_ts");
	sql_add(sql, " AS bucket, count(*) AS n, min(e.\"timestamp\") AS first_ts, max(e.\"timestamp\") AS last_ts FROM ");
	add_counted_events(sql, counted_sessions(card), "events.resources");
	sql_add(
		sql,
		" AND e.type = 'img' AND NOT e.success GROUP BY 1, 2), "
		"most AS (SELECT url, sum(n) AS n, min(first_ts) AS first_ts, "
		"(array_agg(last_ts ORDER BY bucket DESC))[1] AS last_ts FROM missing GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10) "
		"SELECT coalesce(jsonb_agg(jsonb_build_object('url', t.url, 'sessions', t.n, 'startedAt', t.first_ts, "
		"'endedAt', t.last_ts, 'startTimestamp', ");
	sql_bigint(sql, card->from_ts);
	sql_add(sql, ", 'endTimestamp', ");
	sql_bigint(sql, card->to_ts);
	sql_add(sql, ", 'chart', (SELECT jsonb_agg(jsonb_build_object('timestamp', ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, ", 'count', coalesce(m.n, 0)) ORDER BY b.bucket) FROM ");
	add_buckets(sql, card);
	sql_add(sql, " LEFT JOIN missing m ON m.bucket = b.bucket AND m.url = t.url)) ORDER BY t.n DESC, t.url), '[]') "
				 "FROM most t");
}

/*
 * Files by their name, whatever directory they are in.  Names are cut off host and path once a path, not once a row.
 */
void
add_slowest_resources_chart(Sql *sql, Card *card)
{
	Filter *filter = counted_sessions(card);

	sql_add(sql, "WITH path AS (SELECT e.url_hostpath AS path, e.type, ");
	add_bucket(sql, card, "e.\"timestamp\"");
	sql_add(sql, " AS bucket, sum(e.duration::float8) AS total, count(*) AS n, max(e.duration) AS longest FROM ");
	add_counted_events(sql, filter, "events.resources");
	sql_add(
		sql,
		" AND e.duration > 0 AND e.type <> 'fetch' GROUP BY 1, 2, 3), "
		"file AS (SELECT p.*, substring(p.path FROM '[^/]*$') AS name FROM path p), "
		"slow AS (SELECT name, sum(total) / sum(n)::float8 AS mean FROM file GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10), "
		"worst AS (SELECT DISTINCT ON (f.name) f.name, f.path, f.type, f.longest FROM file f "
		"JOIN slow ON slow.name = f.name ORDER BY f.name, f.longest DESC, f.path, f.type), "
		"url AS (SELECT w.name, min(e.url) AS url FROM worst w JOIN events.resources e ON e.duration = w.longest "
		"AND e.url_hostpath = w.path JOIN ");
	add_sessions(sql, filter, false);
	sql_add(sql, " ON s.session_id = e.session_id WHERE ");
	add_sessions_where(sql, filter);
	add_session_bounds(sql, filter, "e.session_id");
	sql_add(sql, " AND e.duration >= (SELECT min(longest) FROM worst) GROUP BY 1) "
				 "SELECT coalesce(jsonb_agg(jsonb_build_object('name', t.name, 'avg', t.mean, 'url', url.url, 'type', "
				 "CASE w.type WHEN 'fetch' THEN 'REQUEST' ELSE upper(w.type::text) END, 'chart', "
				 "(SELECT jsonb_agg(jsonb_build_object('timestamp', ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, ", 'avg', coalesce(c.mean, 0)) ORDER BY b.bucket) FROM ");
	add_buckets(sql, card);
	sql_add(sql,
			" LEFT JOIN (SELECT f.bucket, sum(f.total) / sum(f.n)::float8 AS mean FROM file f WHERE f.name = t.name "
			"GROUP BY 1) AS c ON c.bucket = b.bucket)) ORDER BY t.mean DESC, t.name), '[]') "
			"FROM slow t JOIN worst w ON w.name = t.name LEFT JOIN url ON url.name = t.name");
}

/* ---- all together ------------------------------------------------------------------------------------------------ */

void
add_resources_loading_time_chart(Sql *sql, Card *card)
{
	sql_add(sql, "SELECT jsonb_build_object('avg', coalesce(sum(r.total) / nullif(sum(r.n), 0)::float8, 0), 'chart', "
				 "jsonb_agg(jsonb_build_object('timestamp', ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, ", 'avg', coalesce(r.total / r.n, 0)) ORDER BY b.bucket)) FROM ");
	add_buckets(sql, card);
	sql_add(sql, " LEFT JOIN (SELECT ");
	add_bucket(sql, card, "e.\"timestamp\"");
	sql_add(sql, " AS bucket, sum(e.duration::float8) AS total, count(*) AS n FROM ");
	add_counted_events(sql, counted_sessions(card), "events.resources");
	sql_add(sql, " AND e.duration > 0 GROUP BY 1) AS r ON r.bucket = b.bucket");
}

void
add_resource_type_vs_response_end_chart(Sql *sql, Card *card)
{
	Filter *filter = counted_sessions(card);

	sql_add(sql, "SELECT jsonb_agg(jsonb_build_object('timestamp', ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, ", 'avgResponseEnd', coalesce(p.mean, 0), 'total', coalesce(r.n, 0), 'xhr', coalesce(r.xhr, 0)) "
				 "ORDER BY b.bucket) FROM ");
	add_buckets(sql, card);
	sql_add(sql, " LEFT JOIN (SELECT ");
	add_bucket(sql, card, "e.\"timestamp\"");
	sql_add(sql, " AS bucket, count(*) AS n, count(*) FILTER (WHERE e.type = 'fetch') AS xhr FROM ");
	add_counted_events(sql, filter, "events.resources");
	sql_add(sql, " GROUP BY 1) AS r ON r.bucket = b.bucket LEFT JOIN (SELECT ");
	add_bucket(sql, card, "e.\"timestamp\"");
	sql_add(sql, " AS bucket, sum(e.response_end::float8) / count(*) AS mean FROM ");
	add_counted_events(sql, filter, "events.pages");
	sql_add(sql, " AND e.response_end > 0 GROUP BY 1) AS p ON p.bucket = b.bucket");
}

void
add_resources_count_by_type_chart(Sql *sql, Card *card)
{
	sql_add(
		sql,
		"SELECT jsonb_agg('{\"img\": 0, \"fetch\": 0, \"stylesheet\": 0, \"script\": 0, \"other\": 0, \"media\": 0}' "
		"|| coalesce(r.types, '{}') || jsonb_build_object('timestamp', ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, ") ORDER BY b.bucket) FROM ");
	add_buckets(sql, card);
	sql_add(sql, " LEFT JOIN (SELECT x.bucket, jsonb_object_agg(x.type, x.n) AS types FROM (SELECT ");
	add_bucket(sql, card, "e.\"timestamp\"");
	sql_add(sql, " AS bucket, e.type, count(*) AS n FROM ");
	add_counted_events(sql, counted_sessions(card), "events.resources");
	sql_add(sql, " GROUP BY 1, 2) AS x GROUP BY 1) AS r ON r.bucket = b.bucket");
}
