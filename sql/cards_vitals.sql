--
-- Web vitals: how quick pages were for those who visited them, and how that is rated
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
SELECT openreplay.ensure_session_partitions('2021-11-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('vitals', true) RETURNING project_id \gset
-- A minute from 2021-11-08 on: three sessions that ended, one that goes on.
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_uuid, user_os, user_browser, user_device, user_device_type, user_country)
SELECT ((1636329600000 + n * 1000 - 1550000000000) << 24) | n, :project_id, '19', 1636329600000 + n * 1000, 'UTC', CASE WHEN n < 4 THEN 0 END, gen_random_uuid(), 'Linux', CASE n WHEN 3 THEN 'Firefox' ELSE 'Chrome' END, '', 'desktop', 'NL' FROM generate_series(1, 4) AS n;
CREATE FUNCTION pg_temp.page(n integer, message_id integer, seconds integer, dom integer, ttfb integer, index integer, fcp integer, vitals text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO events.pages (session_id, message_id, "timestamp", host, path, dom_building_time, ttfb, speed_index, first_contentful_paint_time, web_vitals)
	VALUES (((1636329600000 + n * 1000 - 1550000000000) << 24) | n, message_id, 1636329600000 + seconds * 1000, 'shop.test', '/', dom, ttfb, index, fcp, vitals)
$$;
-- What was not measured is null; what the tracker measured itself wins; no shift at all is a measurement, no time at all is none.
SELECT pg_temp.page(1, 1, 1, 300, 40, 3400, 1800, NULL), pg_temp.page(1, 2, 2, 301, 180, 3401, 1801, '{"CLS":"0","LCP":"2500","TTFB":"0"}'), pg_temp.page(2, 1, 3, 600, 390, 5800, 3000, '{"CLS":"0.1","INP":"200","LCP":"2500.5"}'),
	pg_temp.page(2, 2, 4, 601, 1, 5801, 3001, '{"CLS":"0.29","INP":"500.5","LCP":"4000.25","TTFB":"2100"}'), pg_temp.page(3, 1, 5, NULL, NULL, NULL, NULL, '{"CLS":"1e-05","INP":"-5","LCP":"1.2.3"}'),
	pg_temp.page(3, 2, 90, 9999, 9999, 9999, 9999, NULL), pg_temp.page(4, 1, 5, 9999, 9999, 9999, 9999, '{"CLS":"9"}');
CREATE FUNCTION pg_temp.card(more jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT '{"metricType": "webVital", "metricOf": "webVitalUrl", "startTimestamp": 1636329600000, "endTimestamp": 1636329660000, "density": 70, "series": [{"filter": {"filters": []}}]}' || more
$$;
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;

-- Beside each other: at a bound is still good, a little above it is not yet bad.
SELECT * FROM openreplay.web_vitals(:project_id, pg_temp.card('{}'));
SELECT key, value FROM jsonb_each(openreplay.try_card(:project_id, pg_temp.card('{}')));
-- The first series decides about the sessions; a card without series is about all.
SELECT metric, pages, min, max FROM openreplay.web_vitals(:project_id, pg_temp.card('{"series": [{"filter": {"filters": [{"name": "userBrowser", "operator": "is", "value": ["Firefox"]}]}}, {}]}')) WHERE pages > 0;
SELECT openreplay.try_card(:project_id, pg_temp.card('{"series": []}')) = openreplay.try_card(:project_id, pg_temp.card('{}')) AS same;
SELECT metric, pages FROM openreplay.web_vitals(:project_id, pg_temp.card('{"series": [{"filter": {"filters": [{"name": "LOCATION", "isEvent": true, "operator": "is", "filters": [{"name": "url_path", "operator": "is", "value": ["'' OR true --"]}]}]}}]}')) WHERE metric = 'ttfb';
-- A sample of the sessions, with series and without.
SELECT rate, max(pages) AS pages, max(whole.n) AS without_series FROM unnest('{1, 50, 100}'::integer[]) AS rate, LATERAL (SELECT max(pages) AS n FROM openreplay.web_vitals(:project_id, pg_temp.card(jsonb_build_object('sampleRate', rate, 'series', '[]'::jsonb)))) AS whole,
	LATERAL openreplay.web_vitals(:project_id, pg_temp.card(jsonb_build_object('sampleRate', rate))) GROUP BY 1 ORDER BY 1;
-- Nothing: zeros, which are good, but no pages that are rated.
SELECT value FROM jsonb_each(openreplay.try_card(:project_id, pg_temp.card('{"startTimestamp": 1636329800000, "endTimestamp": 1636329900000}'))) GROUP BY 1 ORDER BY 1;
SELECT DISTINCT pages, max, status FROM openreplay.web_vitals(:project_id, pg_temp.card('{"startTimestamp": 1636329800000, "endTimestamp": 1636329900000}'));
SELECT pg_temp.try(format('SELECT openreplay.try_card(%s, %L)', :project_id, card)) FROM (VALUES (pg_temp.card('{"metricOf": "$1"}')), ('{"metricType": "webVital", "metricOf": "webVitalUrl"}')) AS c (card);
ROLLBACK;

-- ---- Percentiles ----

BEGIN;
-- Against their definition over sorted values: exact for whole milliseconds up to eight seconds, within a thousandth beyond.
CREATE FUNCTION pg_temp.deviation(low integer, high integer) RETURNS text LANGUAGE sql AS $$
	WITH value AS (SELECT low + (high - low)::bigint * abs(hashint4(n)::bigint) / 2147483648 AS v FROM generate_series(1, 5001) AS n),
	sorted AS (SELECT min(v)::float8, avg(v)::float8, max(v)::float8, percentile_cont('{0.5, 0.75, 0.9}'::float8[]) WITHIN GROUP (ORDER BY v) AS p FROM value),
	gathered AS (SELECT openreplay.vitals(NULL, v::integer, NULL, NULL, NULL) AS f FROM value)
	SELECT CASE WHEN f[2][1] <> 5001 OR f[2][2] <> min OR abs(f[2][3] - avg) > avg / 1e9 OR f[2][4] <> max THEN 'wrong'
		WHEN f[2][5] = p[1] AND f[2][6] = p[2] AND f[2][7] = p[3] THEN 'exact'
		WHEN abs(f[2][5] - p[1]) <= p[1] / 1000 AND abs(f[2][6] - p[2]) <= p[2] / 1000 AND abs(f[2][7] - p[3]) <= p[3] / 1000 THEN 'within a thousandth' ELSE 'too far' END
	FROM sorted, gathered
$$;
SELECT low, high, pg_temp.deviation(low, high) FROM (VALUES (1, 2), (1, 100), (1, 8191), (1, 60000), (3000000, 16777215)) AS r (low, high);
SELECT openreplay.vitals(n, NULL, NULL, NULL, NULL) FROM generate_series(1, 0) AS n;
-- However many processes gather them.
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
CREATE TABLE public.vitals_story AS SELECT 1 + abs(hashint4(n)) % 5000 AS a, format('{"CLS":"0.%s","INP":"%s"}', abs(hashint4(-n)) % 100, n) AS b FROM generate_series(1, 3000) AS n;
ALTER TABLE public.vitals_story SET (parallel_workers = 2);
EXPLAIN (COSTS OFF) SELECT openreplay.vitals(a, a, a, a, b) FROM public.vitals_story;
CREATE TEMP TABLE parallel_answer AS SELECT openreplay.vitals(a, a, a, a, b) AS f FROM public.vitals_story;
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT bool_and(abs(p - s) <= s / 1e9) AS same FROM parallel_answer, (SELECT openreplay.vitals(a, a, a, a, b) AS f FROM public.vitals_story) AS x, unnest(parallel_answer.f, x.f) AS y (p, s);
ROLLBACK;
