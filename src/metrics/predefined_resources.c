/*
 * predefined_resources.c - predefined cards about the files that pages load
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

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

#define NAMED "substring(%s FROM '[^/]*$')"

/* Hosts and paths, a text[], of the files whose names are the ten slowest; false: there are none. */
static bool
find_slowest_paths(const Card *card, const Filter *filter, Datum *paths)
{
	MemoryContext context = CurrentMemoryContext; /* which a query leaves for SPI's own */
	Sql *sql = sql_new();
	bool isnull;

	/* a name is cut off once a path, not once a row */
	sql_add(sql,
			"SELECT array_agg(u.path) FROM (SELECT array_agg(p.path) AS paths FROM (SELECT e.url_hostpath AS path, "
			"sum(e.duration::float8) AS total, count(*) AS n FROM ");
	add_counted_events(sql, filter, "events.resources");
	sql_add(sql, " AND e.duration > 0 AND e.type <> 'fetch' GROUP BY 1) AS p GROUP BY " NAMED, "p.path");
	sql_add(sql,
			" ORDER BY sum(p.total) / sum(p.n)::float8 DESC, " NAMED " LIMIT 10) AS s, unnest(s.paths) AS u (path)",
			"p.path");
	sql_run(sql);
	MemoryContextSwitchTo(context);
	*paths = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
		*paths = PointerGetDatum(DatumGetArrayTypePCopy(*paths)); /* constants are expected with a full header */
	return !isnull;
}

/*
 * Files by their name, whatever directory they are in.  Only the rows of the ten slowest are looked at closely: what
 * the slowest of them was travels as one text that sorts by duration, which parallel workers can take the maximum of.
 */
void
add_slowest_resources_chart(Sql *sql, Card *card)
{
	Filter *filter = counted_sessions(card);
	Datum paths;

	if (!find_slowest_paths(card, filter, &paths))
	{
		sql_add(sql, "SELECT jsonb_build_array()");
		return;
	}
	sql_add(sql, "WITH path AS (SELECT e.url_hostpath AS path, ");
	add_bucket(sql, card, "e.\"timestamp\"");
	sql_add(
		sql,
		" AS bucket, sum(e.duration::float8) AS total, count(*) AS n, max((lpad(e.duration::text, 19, '0') || ' ' || "
		"e.type || ' ' || e.url) COLLATE \"C\") AS worst FROM ");
	add_counted_events(sql, filter, "events.resources");
	sql_add(sql, " AND e.duration > 0 AND e.type <> 'fetch' AND e.url_hostpath = ANY (");
	sql_datum(sql, TEXTARRAYOID, paths);
	sql_add(sql, ") GROUP BY 1, 2), file AS (SELECT " NAMED " AS name, p.* FROM path p), ", "p.path");
	sql_add(sql, "slow AS (SELECT name, sum(total) / sum(n)::float8 AS mean, max(worst) AS worst FROM file GROUP BY 1) "
				 "SELECT jsonb_agg(jsonb_build_object('name', t.name, 'avg', t.mean, 'url', substr(t.worst, 22 + "
				 "length(w.type)), "
				 "'type', upper(w.type), 'chart', (SELECT jsonb_agg(jsonb_build_object('timestamp', ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, ", 'avg', coalesce(c.mean, 0)) ORDER BY b.bucket) FROM ");
	add_buckets(sql, card);
	sql_add(sql,
			" LEFT JOIN (SELECT f.bucket, sum(f.total) / sum(f.n)::float8 AS mean FROM file f WHERE f.name = t.name "
			"GROUP BY 1) AS c ON c.bucket = b.bucket)) ORDER BY t.mean DESC, t.name) "
			"FROM slow t, LATERAL (SELECT split_part(t.worst, ' ', 2) AS type) AS w");
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
