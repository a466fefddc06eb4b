--
-- Events as a list: of any kind, in order of time, page by page; what is chosen, and what is refused
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
SELECT openreplay.ensure_session_partitions('2022-04-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('events', true) RETURNING project_id \gset
INSERT INTO public.tags (name, project_id, selector, ignore_click_rage, ignore_dead_click) VALUES ('buy', :project_id, '#buy', false, false) RETURNING tag_id \gset
-- Two sessions, a minute apart, the second of which goes on; in each one event of every kind, a second apart.
CREATE TEMP TABLE recorded AS SELECT n, t, ((t - 1550000000000) << 24) | n AS session_id FROM generate_series(0, 1) AS n, LATERAL (SELECT 1648944000000 + n * 60000 AS t) AS x;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_id, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, events_count, pages_count, errors_count)
SELECT session_id, :project_id, '17', t, 'UTC', CASE n WHEN 0 THEN 30000 END, 'user' || n, ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'Linux', 'Chrome', '', 'desktop', 'NL', 2, 1, 1 FROM recorded;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path) SELECT session_id, 1, t + 1000, 'a.example', '/a' FROM recorded;
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, path) SELECT session_id, 2, t + 2000, E'"Buy" \\ \' %', '/a' FROM recorded;
INSERT INTO events.inputs (session_id, message_id, "timestamp", label) SELECT session_id, 3, t + 3000, 'email' FROM recorded;
INSERT INTO events_common.customs SELECT session_id, t + 4000, 4, 'paid', '{"amount": 1.5}' FROM recorded;
INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, path, duration, success, status_code, method) SELECT session_id, t + 5000, 5, 'https://a.example/api', '/api', 5, false, 500, 'GET' FROM recorded;
INSERT INTO events.graphql (session_id, message_id, "timestamp", name, method) SELECT session_id, 6, t + 6000, 'query', 'POST' FROM recorded;
INSERT INTO events.state_actions SELECT session_id, 7, t + 7000, 'cart/add' FROM recorded;
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES ('events-1', :project_id, 'js_exception', 'TypeError', 'x is undefined', '[]');
INSERT INTO events.errors SELECT session_id, 8, t + 8000, 'events-1' FROM recorded;
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES ('events-1', :project_id, 'dead_click', '#buy'), ('events-2', :project_id, 'incident', ''), ('events-3', :project_id, 'custom', 'paid');
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id) SELECT session_id, t + 9000 + 100 * k, 9 + k, 'events-' || k FROM recorded, generate_series(1, 3) k;
INSERT INTO events.tags SELECT session_id, t + 10000, 13, :tag_id FROM recorded;
INSERT INTO events.performance SELECT session_id, t + 11000, 14, 'a.example', '/a', NULL, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3 FROM recorded;
INSERT INTO events_ios.taps SELECT session_id, t + 12000, 15, 'Tap' FROM recorded;
INSERT INTO events_ios.inputs SELECT session_id, t + 13000, 16, 'name' FROM recorded;
INSERT INTO events_ios.swipes (session_id, "timestamp", seq_index, label, direction) SELECT session_id, t + 14000, 17, 'list', 'up' FROM recorded;
INSERT INTO events_ios.views SELECT session_id, t + 15000, 18, 'Main' FROM recorded;
INSERT INTO public.crashes_ios VALUES ('events-1', :project_id, 'SIGSEGV', 'reason', 'stack');
INSERT INTO events_common.crashes SELECT session_id, t + 16000, 19, 'events-1' FROM recorded;
\set april '{"startTimestamp": 1648944000000, "endTimestamp": 1648944090000}'
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;

-- All, newest first, but what would only repeat others; the second session goes on.
SELECT user_id, "timestamp" - 1648944000000 AS at, name, value, total FROM openreplay.search_events(:project_id, :'april'::jsonb || '{"limit": 16}');
SELECT name, properties FROM openreplay.search_events(:project_id, :'april'::jsonb || '{"limit": 5, "sortOrder": "asc"}');
-- Pages hold each of them once, in either order.
SELECT "order", count(*) AS rows, count(DISTINCT (e.session_id, e."timestamp", e.name)) AS events, max(total) AS total, bool_and(e."timestamp" = p.at) AS in_order
FROM unnest('{asc,desc}'::text[]) AS "order", LATERAL (
	SELECT e.*, row_number() OVER (ORDER BY page, e.ordinality) AS n FROM generate_series(1, 8) AS page, openreplay.search_events(:project_id, :'april'::jsonb || jsonb_build_object('limit', 4, 'page', page, 'sortOrder', "order")) WITH ORDINALITY AS e) AS e,
	LATERAL (SELECT (openreplay.search_events(:project_id, :'april'::jsonb || jsonb_build_object('limit', 200, 'sortOrder', "order")))."timestamp" AS at OFFSET e.n - 1 LIMIT 1) AS p GROUP BY 1 ORDER BY 1;
-- Items are alternatives, one that must not be is for events of its kind that are not so; all else chooses sessions.
SELECT n, array_agg(user_id || ' ' || name || ' ' || coalesce(value, '-') ORDER BY ordinality) AS events FROM (VALUES
	(1, '[{"name": "CLICK", "isEvent": true, "operator": "is", "filters": []}, {"name": "paid", "isEvent": true, "autoCaptured": false, "operator": "is", "filters": [{"name": "amount", "operator": ">", "value": ["1"], "dataType": "number", "autoCaptured": false}]}]'),
	(2, '[{"name": "REQUEST", "isEvent": true, "operator": "is", "filters": [{"name": "status", "operator": "<", "value": ["500"], "dataType": "number"}]}, {"name": "userId", "operator": "is", "value": ["user0"]}]'),
	(3, '[{"type": "location", "operator": "isNot", "value": ["/b"], "isEvent": true}, {"type": "input", "operator": "isNot", "value": ["email"], "isEvent": true}]'),
	(4, '[{"name": "userId", "operator": "is", "value": ["user1"]}, {"name": "TAG_TRIGGER", "isEvent": true, "operator": "is", "filters": []}, {"name": "PERFORMANCE", "isEvent": true, "operator": "is", "filters": []}]'),
	(5, '[{"name": "ISSUE", "isEvent": true, "operator": "is", "filters": []}, {"name": "userId", "operator": "is", "value": ["user0"]}]'),
	(6, '[{"name": "INCIDENT", "isEvent": true, "operator": "is", "filters": []}]'), (7, E'[{"type": "click", "operator": "contains", "value": ["\\" \\\\ \' %"], "isEvent": true}]')) AS q (n, filters)
	LEFT JOIN LATERAL openreplay.search_events(:project_id, :'april'::jsonb || jsonb_build_object('filters', filters::jsonb)) WITH ORDINALITY ON true GROUP BY n ORDER BY n;
SELECT count(*) AS of_the_last_week FROM openreplay.search_events(:project_id);
SELECT regexp_replace(pg_temp.try(format('SELECT * FROM openreplay.search_events(%s, %L)', :project_id, f)), ' . Events are .*', '') FROM (VALUES (1, '{"limit": 201}'), (2, '{"page": 0}'), (3, '{"filters": [{"name": "MOOD", "isEvent": true, "operator": "is"}]}'), (4, '7')) AS v (n, f) ORDER BY n;
ROLLBACK;
