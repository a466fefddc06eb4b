/*
 * predefined_performance.c - predefined cards about how quick pages are, and on what
 */
#include "postgres.h"

#include "metrics/predefined.h"

/* ---- crashes and browsers ---------------------------------------------------------------------------------------- */

/* Of each of the three browsers with the most: its name, n, and versions (version, n, place), over rows (name, version,
 * n). */
#define TOP_BROWSERS \
	"browser AS (SELECT x.name, sum(x.n) AS n FROM x GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3), " \
	"version AS (SELECT v.* FROM (SELECT x.name, x.version, x.n, row_number() OVER (PARTITION BY x.name ORDER BY x.n " \
	"DESC, " \
	"x.version) AS place FROM x JOIN browser ON browser.name = x.name) AS v WHERE v.place <= 3) "

void
add_crashes_chart(Sql *sql, Card *card)
{
	sql_add(sql, "WITH crash AS (SELECT ");
	add_bucket(sql, card, "s.start_ts");
	sql_add(sql, " AS bucket, coalesce(s.user_browser, '') AS name, coalesce(s.user_browser_version, '') AS version, "
				 "count(*) AS n FROM ");
	add_counted_events(sql, counted_sessions(card), "events_common.issues");
	sql_add(sql,
			" AND EXISTS (SELECT FROM public.issues d WHERE d.issue_id = e.issue_id AND d.type = 'crash') "
			"GROUP BY 1, 2, 3), x AS (SELECT name, version, sum(n) AS n FROM crash GROUP BY 1, 2), " TOP_BROWSERS
			"SELECT jsonb_build_object('unit', 'count', 'chart', (SELECT jsonb_agg(jsonb_build_object('timestamp', ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, ", 'value', coalesce(c.n, 0)) ORDER BY b.bucket) FROM ");
	add_buckets(sql, card);
	sql_add(sql,
			" LEFT JOIN (SELECT bucket, sum(n) AS n FROM crash GROUP BY 1) AS c ON c.bucket = b.bucket), 'browsers', "
			"coalesce((SELECT jsonb_agg(jsonb_build_object('browser', r.name, 'total', r.n, 'percentage', "
			"100 * r.n::float8 / (SELECT sum(n) FROM browser)::float8, 'versions', (SELECT jsonb_agg("
			"jsonb_build_object(v.version, 100 * v.n::float8 / r.n::float8) ORDER BY v.place) FROM version v "
			"WHERE v.name = r.name)) ORDER BY r.name) FROM browser r), '[]'))");
}

void
add_sessions_per_browser_chart(Sql *sql, Card *card)
{
	sql_add(sql,
			"WITH x AS (SELECT coalesce(s.user_browser, '') AS name, coalesce(s.user_browser_version, '') AS version, "
			"count(*) AS n FROM ");
	add_counted_sessions(sql, counted_sessions(card));
	sql_add(sql,
			" GROUP BY 1, 2), " TOP_BROWSERS
			"SELECT jsonb_build_object('count', coalesce(sum(r.n), 0), 'chart', coalesce(jsonb_agg("
			"(SELECT jsonb_object_agg(v.version, v.n) FROM version v WHERE v.name = r.name) || "
			"jsonb_build_object('browser', r.name, 'count', r.n) ORDER BY r.n DESC, r.name), '[]')) FROM browser r");
}

/* ---- where it is slow -------------------------------------------------------------------------------------------- */

void
add_slowest_domains_chart(Sql *sql, Card *card)
{
	sql_add(sql, "WITH domain AS (SELECT e.url_host AS name, sum(e.duration::float8) AS total, count(*) AS n FROM ");
	add_counted_events(sql, counted_sessions(card), "events.resources");
	sql_add(sql,
			" AND e.duration > 0 GROUP BY 1) SELECT jsonb_build_object('value', coalesce(sum(d.total) / "
			"nullif(sum(d.n), 0)::float8, 0), 'unit', 'ms', 'chart', coalesce((SELECT jsonb_agg(jsonb_build_object("
			"'domain', p.name, 'value', p.mean) ORDER BY p.mean DESC, p.name) FROM (SELECT name, total / n AS mean "
			"FROM domain ORDER BY 2 DESC, 1 LIMIT 5) AS p), '[]')) FROM domain d");
}

void
add_speed_location_chart(Sql *sql, Card *card)
{
	sql_add(sql,
			"SELECT jsonb_build_object('value', coalesce(sum(c.total) / nullif(sum(c.n), 0)::float8, 0), 'unit', 'ms', "
			"'chart', coalesce(jsonb_agg(jsonb_build_object('userCountry', c.country, 'value', c.total / c.n) "
			"ORDER BY c.total / c.n, c.country::text), '[]')) FROM (SELECT s.user_country AS country, "
			"sum(e.speed_index::float8) AS total, count(*) AS n FROM ");
	add_counted_events(sql, counted_sessions(card), "events.pages");
	sql_add(sql, " AND e.speed_index > 0 GROUP BY 1) AS c");
}

/* Sessions with a page that took more than twice the mean. */
void
add_impacted_sessions_by_slow_pages_chart(Sql *sql, Card *card)
{
	Filter *filter = counted_sessions(card);

	sql_add(sql, "SELECT jsonb_agg(jsonb_build_object('timestamp', ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, ", 'count', coalesce(c.n, 0)) ORDER BY b.bucket) FROM ");
	add_buckets(sql, card);
	sql_add(sql, " LEFT JOIN (SELECT x.bucket, count(*) AS n FROM (SELECT DISTINCT ");
	add_bucket(sql, card, "s.start_ts");
	sql_add(sql, " AS bucket, s.session_id FROM ");
	add_counted_events(sql, filter, "events.pages");
	sql_add(sql, " AND e.response_time > 2 * (SELECT sum(e.response_time::float8) / count(*) FROM ");
	add_counted_events(sql, filter, "events.pages");
	sql_add(sql, " AND e.response_time > 0)) AS x GROUP BY 1) AS c ON c.bucket = b.bucket");
}

static const char *const resource_types[] = {"img", "fetch", "stylesheet", "script", "other", "media"};

/*
 * Rows (bucket, type, n, sessions): how many files of a kind, and of how many sessions.  A session is hashed once, not
 * once a kind, and kinds become rows when there are few.
 */
static void
add_resources_of_sessions(Sql *sql, const Card *card, const Filter *filter)
{
	sql_add(sql, "SELECT y.bucket, t.type, t.n, t.sessions FROM (SELECT x.bucket");
	for (int i = 0; i < lengthof(resource_types); i++)
		sql_add(sql, ", sum(x.n%d) AS n%d, count(*) FILTER (WHERE x.n%d > 0) AS sessions%d", i, i, i, i);
	sql_add(sql, " FROM (SELECT ");
	add_bucket(sql, card, "e.\"timestamp\"");
	sql_add(sql, " AS bucket, e.session_id");
	for (int i = 0; i < lengthof(resource_types); i++)
		sql_add(sql, ", count(*) FILTER (WHERE e.type = '%s') AS n%d", resource_types[i], i);
	sql_add(sql, " FROM ");
	add_counted_events(sql, filter, "events.resources");
	sql_add(sql, " GROUP BY 1, 2) AS x GROUP BY 1) AS y, LATERAL (VALUES ");
	for (int i = 0; i < lengthof(resource_types); i++)
		sql_add(sql, "%s('%s', y.n%d, y.sessions%d)", i == 0 ? "" : ", ", resource_types[i], i, i);
	sql_add(sql, ") AS t (type, n, sessions) WHERE t.n > 0");
}

/* Of each kind of resource the mean number in a session that loaded any, beside the time until pages were complete. */
void
add_resources_vs_visually_complete_chart(Sql *sql, Card *card)
{
	Filter *filter = counted_sessions(card);

	sql_add(sql, "SELECT jsonb_agg(jsonb_build_object('timestamp', ");
	add_bucket_time(sql, card, "b.bucket");
	sql_add(sql, ", 'types', coalesce(r.types, '{}'), 'avgCountResources', coalesce(r.mean, 0), 'avgTimeToRender', "
				 "coalesce(p.mean, 0)) ORDER BY b.bucket) FROM ");
	add_buckets(sql, card);
	sql_add(sql, " LEFT JOIN (SELECT t.bucket, jsonb_object_agg(t.type, t.n::float8 / t.sessions) AS types, "
				 "sum(t.n)::float8 / count(*) AS mean FROM (");
	add_resources_of_sessions(sql, card, filter);
	sql_add(sql, ") AS t GROUP BY 1) AS r ON r.bucket = b.bucket LEFT JOIN (SELECT ");
	add_bucket(sql, card, "e.\"timestamp\"");
	sql_add(sql, " AS bucket, sum(e.visually_complete::float8) / count(*) AS mean FROM ");
	add_counted_events(sql, filter, "events.pages");
	sql_add(sql, " AND e.visually_complete > 0 GROUP BY 1) AS p ON p.bucket = b.bucket");
}

/* ---- response times ---------------------------------------------------------------------------------------------- */

/*
 * A histogram, shortened.  Percentiles cut it into segments, of which each gets as many points as the longest may have
 * for all of them to be few enough, but two if it has them.  A segment is cut where the gaps between its values are
 * widest; what lies between two cuts becomes one point at its last value.  So the border of a segment stays a point.
 */
void
add_pages_response_time_distribution_chart(Sql *sql, Card *card)
{
	int64 most = Max(get_card_number(card->root, "density", 20, 1, 200), 4);

	sql_add(sql, "WITH value AS (SELECT e.response_time AS v, count(*) AS n FROM ");
	add_counted_events(sql, counted_sessions(card), "events.pages");
	sql_add(
		sql,
		" AND e.response_time > 0 GROUP BY 1), "
		"summed AS (SELECT v, n, sum(n) OVER (ORDER BY v) AS upto, v - lag(v) OVER (ORDER BY v) AS gap FROM value), "
		"counted AS (SELECT coalesce(sum(n), 0)::bigint AS total, sum(v::float8 * n) / sum(n)::float8 AS mean "
		"FROM value), "
		"percentile AS (SELECT q.q, coalesce((SELECT min(s.v) FROM summed s WHERE s.upto > "
		"ceil(q.q * (c.total - 1) / 100.0)), 0) AS v FROM counted c, unnest('{50, 90, 95, 99}'::integer[]) AS q (q)), "
		"shown AS (SELECT s.*, (SELECT count(*) FROM percentile p WHERE p.v < s.v) AS segment FROM summed s "
		"WHERE s.v <= (SELECT min(x.v) FROM summed x WHERE x.v > (SELECT max(v) FROM percentile)) "
		"OR s.v <= (SELECT max(v) FROM percentile)), "
		"segment AS (SELECT segment, count(*) AS n FROM shown GROUP BY 1), "
		"room AS (SELECT coalesce(max(r), 2) AS most FROM generate_series(2, ");
	sql_bigint(sql, most);
	sql_add(sql, ") AS r WHERE (SELECT sum(least(n, r)) FROM segment) <= ");
	sql_bigint(sql, most);
	sql_add(
		sql,
		"), cut AS (SELECT s.*, CASE WHEN NOT s.first THEN row_number() OVER (PARTITION BY s.segment "
		"ORDER BY s.first, s.gap DESC, s.v) END AS place FROM (SELECT *, lag(v) OVER (PARTITION BY segment "
		"ORDER BY v) IS NULL AS first FROM shown) AS s), "
		"point AS (SELECT segment, part, max(v) AS v, sum(n) AS n FROM (SELECT c.*, count(*) FILTER (WHERE c.place < "
		"(SELECT most FROM room)) OVER (PARTITION BY c.segment ORDER BY c.v) AS part FROM cut c) AS x GROUP BY 1, 2) "
		"SELECT jsonb_build_object('value', coalesce(c.mean, 0), 'total', c.total, 'unit', 'ms', "
		"'percentiles', (SELECT jsonb_agg(jsonb_build_object('percentile', q, 'responseTime', v) ORDER BY q) "
		"FROM percentile), 'extremeValues', jsonb_build_array(jsonb_build_object('count', (SELECT coalesce(sum(n), 0) "
		"FROM summed WHERE v > coalesce((SELECT max(v) FROM shown), 0)))), "
		"'chart', coalesce((SELECT jsonb_agg(jsonb_build_object('responseTime', v, 'count', n) ORDER BY v) "
		"FROM point), '[]')) FROM counted c");
}
