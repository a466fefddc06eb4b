--
-- Readers: whatever openreplay_reader may call works with that role alone, in a transaction that can write nothing
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
BEGIN;
-- Something of each kind to read.
SELECT openreplay.ensure_session_partitions('2022-02-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active, metadata_1) VALUES ('readers', true, 'plan') RETURNING project_id \gset
INSERT INTO public.users (email, name) VALUES ('ann@readers.example', 'Ann') RETURNING user_id \gset
SELECT ((1643846400000 - 1550000000000) << 24) | 7 AS session_id \gset
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, events_count, pages_count, errors_count, metadata_1)
VALUES (:session_id, :project_id, '17', 1643846400000, 'UTC', 5000, gen_random_uuid(), 'Linux', 'Firefox', '', 'desktop', 'NL', 2, 1, 0, 'pro');
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path, load_time, response_time) VALUES (:session_id, 1, 1643846400100, 'a.example', '/a', 100, 10);
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, path, url, normalized_x, normalized_y) VALUES (:session_id, 2, 1643846400900, 'Buy', '/a', 'a.example/a', 1, 1);
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES ('readers-1', :project_id, 'js_exception', 'Error', 'x', '[]');
SELECT openreplay.save_dashboard(:project_id, :user_id, '{"name": "All", "isPublic": true}') AS dashboard_id \gset
SELECT openreplay.save_card(:project_id, :user_id, '{"name": "Buying", "metricType": "funnel", "series": [{"filter": {"filters": [{"type": "location", "operator": "isAny", "isEvent": true}, {"type": "click", "operator": "onAny", "isEvent": true}]}}]}') AS metric_id \gset
SELECT openreplay.save_segment(:project_id, :user_id, '{"name": "All", "data": {"filters": []}}') AS search_id \gset
SELECT openreplay.save_alert(:project_id, '{"name": "Many", "detectionMethod": "threshold", "query": {"left": "errors.5xx.count", "operator": ">", "right": 5}, "options": {"currentPeriod": 15, "renotifyInterval": 60}}') AS alert_id \gset
SELECT openreplay.save_feature_flag(:project_id, '{"flagKey": "new", "flagType": "single", "conditions": [{"name": "all", "rolloutPercentage": 100, "filters": []}]}') ->> 'featureFlagId' AS feature_flag_id \gset
SELECT count(*) AS cards FROM openreplay.add_cards(:dashboard_id, :user_id, ARRAY[:metric_id]);
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;
\set include :srcdir '/sql/include/every_read.sql'
\i :include
SELECT current_setting('test.done')::integer > 120 AS called, cardinality(string_to_array(current_setting('test.refused'), ', ')) < 10 AS few_refused_in_every_way;
SELECT current_setting('test.failed') AS failed;
ROLLBACK;
