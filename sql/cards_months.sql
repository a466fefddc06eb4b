--
-- No card reads months that its range is not in: neither by its plan nor by what it calls. Every row of the catalogue is asked
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
BEGIN;
SELECT openreplay.ensure_session_partitions('2020-09-01 00:00+00', 3) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('months', true) RETURNING project_id \gset
INSERT INTO public.users (email, role, name) VALUES ('months@example.com', 'member', 'Months') RETURNING user_id \gset
-- A visit on the 15th of each of three months, with pages, clicks, requests, an error and an issue.
CREATE TEMP TABLE visit AS
	SELECT n, ts, ((ts - 1550000000000) << 24) | n AS session_id FROM generate_series(1, 3) AS n, LATERAL (SELECT (extract(epoch FROM make_timestamptz(2020, 8 + n, 15, 12, 0, 0, 'UTC')) * 1000)::bigint AS ts) AS t;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_id, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, issue_types, events_count, pages_count)
SELECT session_id, :project_id, '17', ts, 'UTC', 60000, 'ann', md5(n::text)::uuid, 'Linux', 'Chrome', '', 'desktop', 'FR', '{dead_click}', 5, 2 FROM visit;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path, response_time) SELECT session_id, k, ts + k * 1000, 'a.example', '/' || k, 100 FROM visit, generate_series(1, 2) AS k;
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, url, path, normalized_x, normalized_y) SELECT session_id, 10 + k, ts + k * 1000, 'Buy', 'a.example/1', '/1', 10, 10 FROM visit, generate_series(1, 2) AS k;
INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, host, path, duration, success, status_code, method) SELECT session_id, ts + 1000, 20, 'https://b.example/x', 'b.example', '/x', 10, false, 500, 'GET' FROM visit;
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES ('months', :project_id, 'js_exception', 'Error', 'months', '[]');
INSERT INTO events.errors (session_id, message_id, "timestamp", error_id) SELECT session_id, 30, ts + 1000, 'months' FROM visit;
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES ('months', :project_id, 'dead_click', '#a');
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id) SELECT session_id, ts + 1000, 40, 'months' FROM visit;

CREATE FUNCTION pg_temp.scans_outside() RETURNS TABLE (relation text, scans bigint) LANGUAGE sql AS $$
	SELECT s.schemaname || '.' || s.relname, coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0) FROM pg_stat_xact_user_tables s WHERE s.relname ~ '_20[0-9]{2}_[0-9]{2}$' AND s.relname !~ '_2020_10$'
$$;
-- What a card reads of months other than October: by what was scanned when it was computed, and by its plan.
CREATE FUNCTION pg_temp.read_outside(project_id integer, card jsonb, viewer_id integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before jsonb := (SELECT coalesce(jsonb_object_agg(relation, scans), '{}') FROM pg_temp.scans_outside());
	chart jsonb;
	found text;
BEGIN
	chart := openreplay.try_card(project_id, card, viewer_id);
	SELECT string_agg(DISTINCT regexp_replace(relation, '_20[0-9]{2}_[0-9]{2}$', ''), ', ') INTO found FROM pg_temp.scans_outside() WHERE scans > coalesce((before ->> relation)::bigint, 0);
	RETURN coalesce(found, (SELECT 'in its plan, to be left out when it runs' FROM openreplay.explain_card(project_id, card) AS line WHERE line ~ '_20[0-9]{2}_[0-9]{2}[ _]' AND line !~ '_2020_10[ _]' LIMIT 1));
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN SQLERRM;
END
$$;
SELECT count(*) > 50 AS many FROM openreplay.card_catalogue();
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;
-- First and last time of an error are of all time; the party that is first is of the last 31 days; errors per type are of any session, however old; who comes back is told
-- over weeks of their own; which session a heat map is of is only known when it is found.
SELECT generation, metric_type, metric_of, outside
FROM openreplay.card_catalogue() c, LATERAL (SELECT pg_temp.read_outside(:project_id, jsonb_build_object('generation', generation, 'metricType', metric_type, 'metricOf', metric_of, 'startTimestamp', 1602460800000, 'endTimestamp', 1603065600000, 'density', 5,
	'series', jsonb_build_array(jsonb_build_object('name', 'A', 'filter', jsonb_build_object('filters', jsonb_build_array(
		CASE generation WHEN 1 THEN '{"type": "click", "isEvent": true, "operator": "on", "value": ["Buy"]}' ELSE '{"name": "CLICK", "isEvent": true, "operator": "is", "filters": []}' END::jsonb, '{"name": "userOs", "operator": "is", "value": ["Linux"]}'::jsonb)))),
	'breakdowns', CASE WHEN generation = 2 AND metric_type = 'timeseries' THEN '["currentPath", "issueType"]'::jsonb ELSE '[]' END), :user_id) AS outside) AS t
WHERE outside IS NOT NULL ORDER BY 1, 2, 3;
SELECT pg_temp.read_outside(:project_id, '{"metricType": "timeseries", "series": [{}], "startTimestamp": 1600000000000, "endTimestamp": 1603065600000}', NULL) AS a_range_of_two_months;
-- What the functions beside cards read.
SELECT count(*) FROM openreplay.compare_timeseries(:project_id, '{"metricType": "timeseries", "metricOf": "userCount", "density": 1, "series": [{"name": "A"}], "startTimestamp": 1602460800000, "endTimestamp": 1603065600000}');
ROLLBACK;
-- count_distinct() is count(DISTINCT), also of nothing, of 0, of groups, of groups of groups, and by several processes.
SELECT openreplay.count_distinct(x) AS nothing FROM generate_series(1, 0) AS x;
SELECT openreplay.count_distinct(x) AS some FROM (VALUES (0::bigint), (NULL), (-1), (0), (9223372036854775807), (-9223372036854775808), (-1)) AS v (x);
SELECT k, openreplay.count_distinct(x) = count(DISTINCT x) AS same FROM generate_series(0, 3) AS k, LATERAL (SELECT (g * g) % (7 + 1000 * k) AS x FROM generate_series(1, 5000) AS g) AS t GROUP BY k ORDER BY k;
BEGIN;
CREATE TABLE public.many_ids AS SELECT (g % 3)::integer AS k, (g % 50021)::bigint << 24 AS id FROM generate_series(0, 200000) AS g;
ANALYZE public.many_ids;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT k, openreplay.count_distinct(id) FROM public.many_ids GROUP BY k;
SELECT k, openreplay.count_distinct(id) = count(DISTINCT id) AS same FROM public.many_ids GROUP BY k ORDER BY k;
SELECT k, openreplay.count_distinct(id) FROM public.many_ids GROUP BY k ORDER BY k;
SELECT openreplay.count_distinct(id) FROM public.many_ids WHERE id <= 0;
SELECT openreplay.count_distinct(ids) = 50021 AS of_three, openreplay.count_distinct(ids) FILTER (WHERE false) AS of_none, sum(octet_length(ids)) = 3 * 50021 * 8 AS bytes FROM (SELECT k, openreplay.distinct_ids(id) AS ids FROM public.many_ids GROUP BY k) AS g;
ROLLBACK;
