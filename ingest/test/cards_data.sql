--
-- cards_data.sql - sessions to search and to draw cards of, as many as wanted, with the skew of real ones
--
--   psql -v sessions=100000 -v project_id=1 -f ingest/test/cards_data.sql
--
-- About 30 events a session and 9 files that its pages load, over the first three months of 2024: few pages, labels and users have most of the events, most
-- sessions are short. The same numbers give the same rows. Rows come in the order of time, as the pipeline writes them; the
-- indexes that are slow to grow are built afterwards.
--
SET client_min_messages = warning;
SET work_mem = '256MB';
SET maintenance_work_mem = '512MB';
SET synchronous_commit = off;
SELECT openreplay.ensure_session_partitions('2024-01-01 00:00+00', 3) >= 0 AS ready;
UPDATE public.projects SET metadata_1 = coalesce(metadata_1, 'plan'), metadata_2 = coalesce(metadata_2, 'cart') WHERE project_id = :project_id;
SELECT setseed(0.5) IS NOT NULL AS seeded;

-- Trigrams: their definitions are kept, and they come back below.
CREATE TEMP TABLE slow_indexes AS
	SELECT i.indexrelid::regclass::text AS name, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') AS definition
	FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
	WHERE a.amname = 'gin' AND i.indrelid IN (SELECT t FROM openreplay.session_tables() t);
SELECT format('DROP INDEX %s', name) FROM slow_indexes \gexec

CREATE TEMP TABLE session AS
	SELECT n, start_ts, ((start_ts - 1550000000000) << 24) | (n % 16777216) AS session_id,
		   greatest(1, (30 * power(random(), 2) * 1.5)::integer) AS length, random() AS luck,
		   CASE WHEN random() < 0.6 THEN 'user' || floor(:sessions * power(random(), 3) / 4)::integer END AS user_id
	FROM generate_series(1, :sessions) AS n,
		LATERAL (SELECT 1704067200000 + (n * (7776000000.0 / :sessions))::bigint AS start_ts) AS t;
CREATE FUNCTION pg_temp.one_of(choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
	-- the first is twice as likely as the second, and so on
	SELECT choices[1 + floor(cardinality(choices) * power(random(), 3))::integer]
$$;

INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, rev_id, user_id, user_anonymous_id, user_uuid,
	user_os, user_browser, user_browser_version, user_device, user_device_type, user_country, user_city, pages_count, events_count, errors_count,
	issue_score, issue_types, utm_source, referrer, base_referrer, screen_width, screen_height, metadata_1, metadata_2)
SELECT s.session_id, :project_id, '17.0.0', s.start_ts, 'UTC+01:00', CASE WHEN s.luck < 0.995 THEN s.length * 20000 END, 'r' || floor(random() * 20)::integer,
	   s.user_id, CASE WHEN s.user_id IS NULL THEN 'anonymous' || s.n END,
	   md5(coalesce(s.user_id, s.n::text))::uuid, pg_temp.one_of('{Windows,Mac OS X,Android,iOS,Linux}'),
	   pg_temp.one_of('{Chrome,Safari,Edge,Firefox,Opera}'), '120.0', pg_temp.one_of('{"",iPhone,Pixel 8,iPad}'),
	   pg_temp.one_of('{desktop,mobile,tablet}')::public.device_type, pg_temp.one_of('{US,DE,FR,GB,NL,IN,BR,JP,UN}')::public.country,
	   pg_temp.one_of('{Paris,Berlin,Amsterdam,London}'), greatest(1, s.length / 6), s.length, (s.luck > 0.7)::integer, s.start_ts / 1000 + (s.luck * 1000)::integer,
	   CASE WHEN s.luck > 0.9 THEN '{dead_click,js_exception}' WHEN s.luck > 0.7 THEN '{js_exception}' WHEN s.luck > 0.6 THEN '{click_rage}' ELSE '{}' END::public.issue_type[],
	   CASE WHEN random() < 0.2 THEN pg_temp.one_of('{newsletter,google,partner}') END, r.referrer, r.referrer,
	   1920, 1080, pg_temp.one_of('{free,pro,team,enterprise}'), CASE WHEN random() < 0.3 THEN floor(random() * 500)::text END
FROM session s, LATERAL (SELECT CASE WHEN s.luck < 0.5 THEN pg_temp.one_of('{https://www.google.com/,https://news.example/list,https://partner.example/offer/12}') END AS referrer) AS r
ORDER BY s.session_id;

-- One row a thing that happened; what it is, chance decides.
CREATE TEMP TABLE happening AS
	SELECT s.session_id, s.luck, k::bigint AS message_id, s.start_ts + (k * 600 + floor(random() * 600))::bigint AS "timestamp", random() AS what, power(random(), 3) AS place
	FROM session s, generate_series(1, s.length * 2) AS k;
ANALYZE session, happening;

INSERT INTO events.pages (session_id, message_id, "timestamp", host, path, query, dom_building_time, dom_content_loaded_time, load_time, first_paint_time,
	first_contentful_paint_time, speed_index, visually_complete, time_to_interactive, response_time, response_end, ttfb, web_vitals)
SELECT session_id, message_id, "timestamp", 'shop.example', CASE WHEN place < 0.1 THEN '/' WHEN place < 0.2 THEN '/cart' WHEN place < 0.25 THEN '/checkout' ELSE '/products/' || floor(place * 300)::integer END,
	   NULL, 100 + (what * 2000)::integer, 300 + (place * 900)::integer, 700 + (place * 4000)::integer, 200 + (place * 600)::integer, 300 + (place * 1500)::integer, 900 + (place * 4000)::integer,
	   1000 + (place * 3000)::integer, 1200, 80 + (place * 500)::integer, 400, 40 + (place * 700)::integer, format('{"CLS":"%s","LCP":"%s"}', round((place / 3)::numeric, 3), 900 + (place * 4000)::integer)
FROM happening WHERE what < 0.18 OR message_id = 1 ORDER BY session_id, message_id;
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, url, path, selector, hesitation, normalized_x, normalized_y)
SELECT session_id, message_id, "timestamp", CASE WHEN place < 0.15 THEN 'Menu' WHEN place < 0.2 THEN 'Add to cart' WHEN place < 0.22 THEN 'Buy' ELSE 'Product ' || floor(place * 400)::integer END,
	   'shop.example/', '/products/' || floor(place * 300)::integer, '#main > div:nth-child(' || floor(place * 50)::integer || ')', floor(place * 3000)::integer, round((what * 100)::numeric, 2), round((place * 100)::numeric, 2)
FROM happening WHERE what BETWEEN 0.18 AND 0.45 AND message_id > 1 ORDER BY session_id, message_id;
INSERT INTO events.inputs (session_id, message_id, "timestamp", label, value, duration, hesitation)
SELECT session_id, message_id, "timestamp", CASE WHEN place < 0.3 THEN 'Search' WHEN place < 0.5 THEN 'E-mail' ELSE 'Field ' || floor(place * 40)::integer END,
	   CASE WHEN place < 0.3 THEN 'lamp ' || floor(place * 100)::integer END, floor(place * 5000)::integer, floor(what * 2000)::integer
FROM happening WHERE what BETWEEN 0.45 AND 0.55 AND message_id > 1 ORDER BY session_id, message_id;
INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, host, path, duration, success, status_code, method)
SELECT session_id, "timestamp", message_id, 'https://api.shop.example/v1/things/' || floor(place * 200)::integer, 'api.shop.example', '/v1/things/' || floor(place * 200)::integer, 20 + (place * 4000)::integer,
	   place < 0.8, CASE WHEN place < 0.8 THEN 200 WHEN place < 0.95 THEN 404 ELSE 500 END, (CASE WHEN what < 0.6 THEN 'POST' ELSE 'GET' END)::public.http_method
FROM happening WHERE what BETWEEN 0.55 AND 0.85 AND message_id > 1 ORDER BY session_id, "timestamp";
INSERT INTO events_common.customs (session_id, "timestamp", seq_index, name, payload)
SELECT session_id, "timestamp", message_id, CASE WHEN place < 0.3 THEN 'viewed' WHEN place < 0.5 THEN 'added' WHEN place < 0.6 THEN 'purchase' ELSE 'event_' || floor(place * 30)::integer END,
	   jsonb_build_object('amount', floor(place * 500), 'currency', CASE WHEN what > 0.9 THEN 'EUR' ELSE 'USD' END)
FROM happening WHERE what BETWEEN 0.85 AND 0.93 AND message_id > 1 ORDER BY session_id, "timestamp";
INSERT INTO events.performance (session_id, "timestamp", message_id, host, path, min_fps, avg_fps, max_fps, min_cpu, avg_cpu, max_cpu, min_total_js_heap_size, avg_total_js_heap_size,
	max_total_js_heap_size, min_used_js_heap_size, avg_used_js_heap_size, max_used_js_heap_size)
SELECT session_id, "timestamp", message_id, 'shop.example', '/', 20, 50, 60, 5, (place * 100)::integer, 100, 90000000, 95000000, 99000000, 30000000, (place * 200000000)::bigint, 200000000
FROM happening WHERE what BETWEEN 0.93 AND 0.96 AND message_id > 1 ORDER BY session_id, "timestamp";
INSERT INTO events.resources (session_id, message_id, "timestamp", duration, type, url, url_host, url_hostpath, success)
SELECT session_id, message_id, "timestamp", CASE WHEN place < 0.97 THEN 5 + (power(what, 2) * 4000)::integer ELSE 0 END, type::events.resource_type, 'https://' || host || path || '?v=3', host, host || path, place < 0.97
FROM happening, LATERAL (SELECT (ARRAY['img', 'script', 'fetch', 'stylesheet', 'other', 'media'])[1 + floor(luck * what * 12)::integer % 6] AS type,
		(ARRAY['cdn.shop.example', 'shop.example', 'fonts.example', 'ads.example', 'api.shop.example'])[1 + floor(place * 5)::integer] AS host, '/assets/' || floor(place * 20)::integer || '/file' || floor(place * 400)::integer || '.bin' AS path) AS r
WHERE what BETWEEN 0.3 AND 0.6 ORDER BY session_id, message_id;
INSERT INTO public.errors (error_id, project_id, source, name, message, payload)
SELECT md5(:project_id || ' error ' || n), :project_id, 'js_exception', CASE n % 3 WHEN 0 THEN 'TypeError' WHEN 1 THEN 'ReferenceError' ELSE 'Error' END, 'thing ' || n || ' is undefined', '[]' FROM generate_series(0, 99) AS n;
INSERT INTO events.errors (session_id, message_id, "timestamp", error_id)
SELECT session_id, message_id, "timestamp", md5(:project_id || ' error ' || floor(place * 100)::integer) FROM happening WHERE what > 0.985 AND luck > 0.7 ORDER BY session_id, message_id;
INSERT INTO public.issues (issue_id, project_id, type, context_string)
SELECT md5(:project_id || ' issue ' || n), :project_id, (ARRAY['click_rage', 'dead_click', 'bad_request'])[1 + n % 3]::public.issue_type, '/products/' || n FROM generate_series(0, 299) AS n;
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id)
SELECT session_id, "timestamp", message_id, md5(:project_id || ' issue ' || floor(place * 300)::integer) FROM happening WHERE what BETWEEN 0.96 AND 0.985 AND luck > 0.6 ORDER BY session_id, "timestamp";
DROP TABLE happening;

SELECT definition FROM slow_indexes \gexec
CALL openreplay.backfill_session_events(:project_id);
VACUUM ANALYZE public.sessions, openreplay.session_events, openreplay.event_values, events.pages, events.clicks, events.inputs, events.errors, events.performance, events.resources, events_common.requests, events_common.customs, events_common.issues;
SELECT count(*) AS sessions FROM session;
