--
-- Dashboards: made, filled, arranged, pinned, computed, shared; what is refused
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
SELECT openreplay.ensure_session_partitions('2021-12-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('dashboards', true) RETURNING project_id \gset
INSERT INTO public.projects (name, active) VALUES ('another', true) RETURNING project_id AS other_id \gset
INSERT INTO public.users (email, name) VALUES ('ann@boards.example', 'Ann') RETURNING user_id AS ann \gset
INSERT INTO public.users (email, name) VALUES ('ben@boards.example', 'Ben') RETURNING user_id AS ben \gset
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, events_count, pages_count, errors_count)
SELECT ((t - 1550000000000) << 24) | n, :project_id, '17', t, 'UTC', 1000, gen_random_uuid(), 'Linux', 'Firefox', '', 'desktop', 'NL', 2, 1, 0
FROM generate_series(0, 5) AS n, LATERAL (SELECT 1639094400000 + n * 10000 AS t) AS t;
CREATE FUNCTION pg_temp.series(name text) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('name', name, 'metricType', 'timeseries', 'series', '[{"name": "All", "filter": {"filters": []}}]'::jsonb)$$;
SELECT openreplay.save_card(:project_id, :ann, pg_temp.series('Visits') || '{"config": {"col": 4}}') AS visits \gset
SELECT openreplay.save_card(:project_id, :ann, pg_temp.series('Users') || '{"metricOf": "userCount"}') AS users \gset
SELECT openreplay.save_card(:project_id, :ann, pg_temp.series('Secret') || '{"isPublic": false}') AS secret \gset
SELECT openreplay.save_card(:other_id, :ann, pg_temp.series('Elsewhere')) AS elsewhere \gset
INSERT INTO public.metrics (name, default_config) VALUES ('Of all projects', '{"col": 1, "row": 1, "position": 0}') RETURNING metric_id AS of_all \gset
INSERT INTO public.metric_series (metric_id, index, name, filter) VALUES (:of_all, 0, 'All', '{}');
-- Widgets by the names of their cards, since ids differ from run to run.
CREATE FUNCTION pg_temp.widgets(dashboard_id integer, viewer_id integer) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat(w ->> 'name', ' at ', w -> 'config') FROM openreplay.dashboard_widgets($1, $2) w
$$;

-- A dashboard with cards: each a widget, in the order they were named; private unless it says otherwise.
SELECT openreplay.save_dashboard(:project_id, :ann, format('{"name": " Shop ", "metrics": [%s, %s, %s]}', :users, :visits, :secret)::jsonb) AS shop \gset
SELECT pg_temp.widgets(:shop, :ann);
SELECT openreplay.save_dashboard(:project_id, :ben, '{"name": "Ben''s", "description": "what I like", "isPublic": true, "isPinned": true}') AS bens \gset
SELECT name, description, owner_name, is_public, is_pinned, widgets FROM openreplay.dashboards(:project_id, :ann);
SELECT name FROM openreplay.dashboards(:project_id, :ben);
SELECT d - '{dashboardId,projectId,userId,createdAt}'::text[] AS listed, jsonb_typeof(d -> 'createdAt') AS created_at FROM jsonb_array_elements(openreplay.dashboard_list(:project_id)) d;
\x on
SELECT openreplay.dashboard(:shop, :ann) - '{dashboardId,projectId,userId,createdAt,widgets}'::text[] AS dashboard, (openreplay.dashboard(:shop, :ann) #> '{widgets,1}') - '{widgetId,dashboardId,metricId,userId,createdAt,editedAt,series}'::text[] AS widget;
\x off
SELECT w #>> '{series,0,name}' AS series, w #> '{series,0}' ? 'filter' AS first_has_filter, s #> '{series,0,filter}' AS filter_of_second FROM openreplay.dashboard_widgets(:shop, :ann) w JOIN openreplay.dashboard_widgets(:shop, :ann, 2) s ON s -> 'widgetId' = w -> 'widgetId' LIMIT 1;

-- Cards come behind those that are there; the first generation takes one twice, the second does not.
SELECT count(*) AS added FROM openreplay.add_cards(:shop, :ann, ARRAY[:of_all, :visits, :visits], generation => 2);
SELECT count(*) AS added FROM openreplay.add_cards(:shop, :ann, ARRAY[:visits, :users], '{"note": "again"}');
SELECT pg_temp.widgets(:shop, :ann);
SELECT openreplay.save_dashboard(:project_id, :ann, format('{"name": "Shop", "metrics": [%s], "isPublic": true}', :users)::jsonb, :shop) = :shop AS changed;
-- Somebody else sees it now, without the card that is not his; a widget is moved, another taken off.
SELECT pg_temp.widgets(:shop, :ben);
SELECT w ->> 'widgetId' AS first FROM openreplay.dashboard_widgets(:shop, :ben) w LIMIT 1 \gset
SELECT openreplay.update_widget(:shop, :first, :ben, '{"position": 9, "col": 1}');
SELECT w ->> 'widgetId' AS second FROM openreplay.dashboard_widgets(:shop, :ben) w LIMIT 1 \gset
SELECT openreplay.delete_widget(:shop, :second, :ben);
SELECT pg_temp.widgets(:shop, :ben);
SELECT openreplay.add_cards(:shop, :ben, ARRAY[:visits]) > 0 AS added;
SELECT w -> 'config' AS last FROM openreplay.dashboard_widgets(:shop, :ben) w OFFSET 5;

-- One dashboard of a project is pinned.
SELECT openreplay.pin_dashboard(:shop, :ben);
SELECT name, is_pinned FROM openreplay.dashboards(:project_id, :ann);
SELECT openreplay.save_dashboard(:project_id, :ben, '{"name": "Ben''s own", "isPinned": true}', :bens) = :bens AS changed;
SELECT name, description, is_public, is_pinned FROM openreplay.dashboards(:project_id, :ann);
SELECT openreplay.save_dashboard(:project_id, :ben, '{"name": "Ben''s own", "isPinned": false}', :bens) = :bens AS changed;
SELECT count(*) FILTER (WHERE is_pinned) AS pinned FROM openreplay.dashboards(:project_id, :ann);

-- All of it computed. A card that cannot be any more costs only itself.
\set range '{"startTimestamp": 1639094400000, "endTimestamp": 1639094460000, "density": 1}'
UPDATE public.metric_series SET filter = '{"filters": [{"type": "mood", "operator": "is", "value": ["good"]}]}' WHERE metric_id = :users;
SELECT name, chart, regexp_replace(error, ' \(.*', '') AS error FROM openreplay.dashboard_charts(:shop, :'range', :ben);
SELECT openreplay.delete_card(:visits, :ben);
SELECT name FROM openreplay.dashboard_charts(:shop, :'range');

-- What is refused: what is not there, not one's own, of another project, no dashboard.
SELECT pg_temp.try(s) FROM (VALUES (1, format('SELECT openreplay.save_dashboard(%s, %s, ''{"name": ""}'')', :project_id, :ann)), (2, format('SELECT openreplay.save_dashboard(%s, %s, ''{"name": "ab"}'', generation => 2)', :project_id, :ann)),
	(3, format('SELECT openreplay.save_dashboard(%s, %s, ''[]'')', :project_id, :ann)), (4, format('SELECT openreplay.save_dashboard(%s, %s, ''{"name": "x", "metrics": ["1; DROP"]}'')', :project_id, :ann)), (4, format('SELECT openreplay.save_dashboard(%s, %s, ''{"name": "x", "metrics": [[1]]}'')', :project_id, :ann)), (5, format('SELECT openreplay.save_dashboard(%s, %s, ''{"name": "x", "metrics": [%s]}'')', :project_id, :ann, :elsewhere)),
	(6, format('SELECT openreplay.save_dashboard(%s, %s, ''{"name": "x", "isPinned": "yes"}'')', :project_id, :ann)), (7, format('SELECT openreplay.save_dashboard(%s, %s, ''{"name": "x", "description": "%s"}'')', :project_id, :ann, repeat('x', 501))),
	(8, format('SELECT openreplay.save_dashboard(%s, %s, ''{"name": "x"}'', %s)', :other_id, :ann, :shop)), (9, format('SELECT openreplay.add_cards(%s, %s, ''{%s}'')', :shop, :ben, :secret)), (10, format('SELECT openreplay.add_cards(%s, %s, ''{%s}'')', :shop, :ben, :visits)),
	(11, format('SELECT openreplay.update_widget(%s, %s, %s, ''{"position": "first"}'')', :shop, :first, :ben)), (12, format('SELECT openreplay.update_widget(%s, %s, %s, ''[]'')', :shop, :first, :ben)), (13, format('SELECT openreplay.update_widget(%s, %s, %s, ''{}'')', :bens, :first, :ben)),
	(14, format('SELECT openreplay.delete_widget(%s, %s, %s)', :shop, :second, :ben)), (15, format('SELECT openreplay.delete_dashboard(%s, %s, 2)', :shop, :ben)), (16, format('SELECT openreplay.delete_dashboard(%s, %s)', :shop, :ben)), (17, format('SELECT openreplay.dashboard(%s, %s)', :shop, :ann)),
	(18, format('SELECT openreplay.pin_dashboard(%s, %s)', :shop, :ann)), (19, 'SELECT openreplay.dashboard_charts(-1)')) AS v (n, s) ORDER BY n;
-- A private one is nobody else's, whatever he wants of it.
SELECT openreplay.save_dashboard(:project_id, :ann, '{"name": "Ann''s", "isPublic": false}') AS anns \gset
SELECT pg_temp.try(s) FROM (VALUES (1, format('SELECT openreplay.dashboard(%s, %s)', :anns, :ben)), (2, format('SELECT openreplay.add_cards(%s, %s, ''{%s}'')', :anns, :ben, :users)), (3, format('SELECT openreplay.save_dashboard(%s, %s, ''{"name": "mine"}'', %s)', :project_id, :ben, :anns)),
	(4, format('SELECT openreplay.pin_dashboard(%s, %s)', :anns, :ben)), (5, format('SELECT openreplay.delete_dashboard(%s, %s)', :anns, :ben)), (6, format('SELECT openreplay.dashboard_charts(%s)', :anns)), (7, format('SELECT openreplay.delete_dashboard(%s, %s, 2)', :anns, :ann))) AS v (n, s) ORDER BY n;

-- Templates to begin with: each is a card that can be saved, and on a dashboard gives a chart.
SELECT template, name, card ->> 'metricType' AS type, card ->> 'metricOf' AS of FROM openreplay.card_templates();
SELECT openreplay.save_dashboard(:project_id, :ben, '{"name": "First steps"}') AS first_steps \gset
SELECT template FROM openreplay.add_templates(:first_steps, :ben, '{failed_requests,trend,funnel}');
SELECT pg_temp.widgets(:first_steps, :ben);
SELECT name, chart, error FROM openreplay.dashboard_charts(:first_steps, :'range'::jsonb || '{"limit": 10, "page": 1}', :ben);
-- each of them answers: of one session a request failed, of another one was slow, by numbers, not by letters
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path) SELECT session_id, 1, start_ts + 100, 'a.example', '/a' FROM public.sessions WHERE project_id = :project_id;
INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, path, duration, success, status_code, method)
SELECT session_id, start_ts + 200, 2, 'https://a.example/r' || n, '/r' || n, (ARRAY[900, 5000, 600, 10000, 0, 49])[n], n <> 1, (ARRAY[404, 200, 399, 200, 0, 200])[n], 'GET'
FROM (SELECT s.*, row_number() OVER (ORDER BY start_ts) AS n FROM public.sessions s WHERE s.project_id = :project_id) AS s;
SELECT t.template, openreplay.try_card(:project_id, t.card || :'range'::jsonb || '{"limit": 10, "page": 1}') AS chart FROM openreplay.card_templates() t;
SELECT openreplay.save_dashboard(:project_id, :ben, '{"name": "All of them"}') AS all_of_them \gset
SELECT count(*) AS added FROM openreplay.add_templates(:all_of_them, :ben);
SELECT count(*) AS widgets, count(c.error) AS failed, count(*) FILTER (WHERE c.chart = openreplay.try_card(:project_id, t.card || :'range'::jsonb || '{"limit": 10, "page": 1}')) AS as_from_the_template
FROM openreplay.dashboard_charts(:all_of_them, :'range'::jsonb || '{"limit": 10, "page": 1}', :ben) c JOIN openreplay.card_templates() t ON t.name = c.name;
SELECT pg_temp.try(format('SELECT openreplay.add_templates(%s, %s, ''{funnel,"x; DROP"}'')', :first_steps, :ben)), pg_temp.try(format('SELECT openreplay.add_templates(%s, %s)', :first_steps, :ann));

-- A reader reads all of that, and changes none of it.
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;
SELECT count(*) AS dashboards, openreplay.dashboard(:bens) ->> 'name' AS dashboard, jsonb_array_length(openreplay.dashboard_list(:project_id)) AS list, (SELECT count(*) FROM openreplay.dashboard_charts(:bens)) AS charts FROM openreplay.dashboards(:project_id);
SELECT openreplay.pin_dashboard(:bens, :ben);
ROLLBACK;
