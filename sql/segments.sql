--
-- Segments, actions, bookmarked errors, names of metadata: who may, what they mean in a search; what is refused
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
SELECT openreplay.ensure_session_partitions('2022-01-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active, metadata_1, metadata_3) VALUES ('segments', true, 'plan', 'cart') RETURNING project_id \gset
INSERT INTO public.projects (name, active) VALUES ('another', true) RETURNING project_id AS other_id \gset
INSERT INTO public.users (email, name) VALUES ('ann@segments.example', 'Ann') RETURNING user_id AS ann \gset
INSERT INTO public.users (email, name) VALUES ('ben@segments.example', 'Ben') RETURNING user_id AS ben \gset
-- Six sessions, a day apart from 3 January on, half of them with Firefox, of two users and nobody.
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_id, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, events_count, pages_count, errors_count, metadata_1, metadata_3)
SELECT ((t - 1550000000000) << 24) | n, :project_id, '17', t, 'UTC', 1000, nullif('user' || n % 3, 'user0'), gen_random_uuid(), 'Linux', CASE n % 2 WHEN 0 THEN 'Firefox' ELSE 'Chrome' END, '', 'desktop', 'NL', 2, 1, 0, 'pro', 'cart' || n
FROM generate_series(0, 5) AS n, LATERAL (SELECT 1641168000000 + n * 86400000::bigint AS t) AS t;

-- ---- segments ----
\set firefox '{"filters": [{"name": "userBrowser", "operator": "is", "value": ["Firefox"]}], "eventsOrder": "then", "startTimestamp": 1, "endTimestamp": 2, "limit": 1000}'
SELECT openreplay.save_segment(:project_id, :ann, jsonb_build_object('name', ' Foxes ', 'data', :'firefox'::jsonb)) AS foxes \gset
SELECT openreplay.save_segment(:project_id, :ben, '{"name": "Known", "isPublic": true, "data": {"filters": [{"name": "userId", "operator": "isAny", "value": []}]}}') AS known \gset
SELECT openreplay.save_segment(:project_id, :ben, jsonb_build_object('isShare', true, 'data', :'firefox'::jsonb)) AS shared \gset
UPDATE public.saved_searches SET created_at = '2022-01-05'::timestamp + CASE search_id WHEN :'foxes' THEN interval '1 s' ELSE '2 s' END WHERE project_id = :project_id;
-- The counts are of a week, whatever range was saved; the three with Firefox were in the first one of January, two of them of users.
SELECT * FROM openreplay.segment_counts(:'foxes', '2022-01-08 00:00+00'), openreplay.segment_counts(:'known', '2022-01-09 00:00+00') AS of_known (known_sessions, known_users);
SELECT openreplay.segment(:'foxes', :ann) - '{searchId,projectId,userId}'::text[] AS segment;
SELECT who, array_agg(name ORDER BY ordinality) AS segments FROM unnest(ARRAY[:ann, :ben, NULL]) WITH ORDINALITY AS w (id, n), LATERAL (SELECT CASE n WHEN 1 THEN 'Ann' WHEN 2 THEN 'Ben' ELSE 'nobody' END AS who) AS x, openreplay.segments(:project_id, id) WITH ORDINALITY GROUP BY n, who ORDER BY n;
SELECT options, (SELECT array_agg(name ORDER BY ordinality) FROM openreplay.segments(:project_id, :ann, options::jsonb) WITH ORDINALITY) AS segments FROM unnest(ARRAY['{"sort": "name"}', '{"sort": "userName", "order": "desc"}', '{"limit": 1}', '{"limit": 1, "page": 2}', '{"limit": 1, "offset": 1}']) AS options;
SELECT l ->> 'total' AS total, s ->> 'name' AS name, s -> 'sessionsCount' AS sessions FROM openreplay.segment_list(:project_id, :ann) l, jsonb_array_elements(l -> 'searches') s;
SELECT s -> 'sessionsCount' AS not_counted FROM openreplay.segment_list(:project_id, :ann, counting_time => '0') l, jsonb_array_elements(l -> 'searches') s;
-- In a search it stands for its filters; what it says of time and pages does not count.
SELECT openreplay.count_sessions(:project_id, format('{"filters": [{"isSegment": true, "searchId": "%s"}]}', :'foxes')::jsonb) AS foxes, openreplay.count_sessions(:project_id, format('{"filters": [{"isSegment": true, "searchId": "%s"}, {"isSegment": true, "searchId": "%s"}]}', :'foxes', :'known')::jsonb) AS both;
-- Whoever knows the id of a shared one finds it, for a month; it is in no list.
SELECT openreplay.segment(:'shared', :ann) ->> 'isShare' AS shared, (openreplay.segment(:'shared', :ann) ->> 'expiresAt')::timestamptz - now() BETWEEN interval '27 days' AND interval '32 days' AS for_a_month;
UPDATE public.saved_searches SET expires_at = '2022-01-01' WHERE search_id = :'shared';
-- Only the owner changes one.
SELECT openreplay.save_segment(:project_id, :ann, '{"name": "Foxes", "isPublic": true, "data": {"filters": []}}', :'foxes') = :'foxes' AS changed;
SELECT pg_temp.try(s) FROM (VALUES (1, format('SELECT openreplay.segment(%L, %s)', :'shared', :ben)), (2, format('SELECT openreplay.save_segment(%s, %s, ''{"name": "x", "data": {"filters": []}}'', %L)', :project_id, :ben, :'foxes')), (3, format('SELECT openreplay.save_segment(%s, %s, ''{"name": "x", "data": {"filters": []}}'', %L)', :other_id, :ann, :'foxes')),
	(4, format('SELECT openreplay.delete_segment(%L, %s)', :'foxes', :ben)), (5, format('SELECT openreplay.delete_segment(%L, %s)', :'foxes', :ann)), (6, format('SELECT openreplay.delete_segment(%L, %s)', :'foxes', :ann)), (7, format('SELECT openreplay.save_segment(%s, %s, ''{"name": "", "data": {"filters": []}}'')', :project_id, :ann)),
	(8, format('SELECT openreplay.save_segment(%s, %s, ''{"name": "x", "data": []}'')', :project_id, :ann)), (9, format('SELECT openreplay.save_segment(%s, %s, ''{"name": "x", "data": {"filters": [{"name": "mood", "operator": "is", "value": ["x"]}]}}'')', :project_id, :ann)),
	(10, format('SELECT openreplay.save_segment(%s, %s, ''{"name": "x", "data": {"filters": [], "limit": 1001}}'')', :project_id, :ann)), (11, format('SELECT openreplay.save_segment(%s, %s, ''{"name": "x", "isPublic": 1, "data": {"filters": []}}'')', :project_id, :ann)), (12, format('SELECT openreplay.segments(%s, 1, ''{"sort": "drop table"}'')', :project_id))) AS v (n, s) ORDER BY n;

-- ---- actions ----
SELECT openreplay.save_action(:project_id, :ann, '{"name": "Pro \"''%", "description": "pays", "filters": [{"name": "userId", "operator": "is", "value": ["user1"]}]}') AS action \gset
SELECT name, description, filters, is_public, user_name FROM openreplay.actions(:project_id, :ann);
SELECT count(*) AS ben_sees FROM openreplay.actions(:project_id, :ben);
SELECT openreplay.count_sessions(:project_id, format('{"filters": [{"isAction": true, "actionId": "%s"}]}', :'action')::jsonb) AS sessions;
SELECT pg_temp.try(s) FROM (VALUES (1, format('SELECT openreplay.save_action(%s, %s, ''{"name": "mine", "filters": [{"name": "userId", "operator": "isAny", "value": []}]}'', %L)', :project_id, :ben, :'action')), (2, format('SELECT openreplay.save_action(%s, %s, ''{"name": "PRO \"''''%%", "filters": [{"name": "userId", "operator": "isAny", "value": []}]}'')', :project_id, :ben)),
	(3, format('SELECT openreplay.save_action(%s, %s, ''{"name": "none", "filters": []}'')', :project_id, :ben)), (4, format('SELECT openreplay.save_action(%s, %s, ''{"name": "x", "filters": [{"name": "mood", "operator": "is", "value": ["x"]}]}'')', :project_id, :ben)), (5, format('SELECT openreplay.delete_action(%L, %s)', :'action', :ben)),
	(6, format('SELECT openreplay.save_action(%s, %s, ''{"name": "Pro", "isPublic": true, "filters": [{"name": "userId", "operator": "isAny", "value": []}]}'', %L)', :project_id, :ann, :'action')), (7, format('SELECT openreplay.delete_action(%L, %s)', :'action', :ben)), (8, format('SELECT openreplay.delete_action(%L, %s)', :'action', :ben))) AS v (n, s) ORDER BY n;

-- ---- bookmarked errors ----
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES ('segments-1', :project_id, 'js_exception', 'Error', 'x', '[]');
SELECT openreplay.set_favorite_error('segments-1', :ann) AS on, openreplay.set_favorite_error('segments-1', :ann, true) AS still;
SELECT openreplay.error('segments-1', viewer_id => :ann) -> 'favorite' AS of_ann, openreplay.error('segments-1', viewer_id => :ben) -> 'favorite' AS of_ben;
SELECT openreplay.set_favorite_error('segments-1', :ann) AS off;
SELECT count(*) FROM public.user_favorite_errors WHERE error_id = 'segments-1';
SELECT pg_temp.try(format('SELECT openreplay.set_favorite_error(''nowhere'', %s)', :ann));

-- ---- names of metadata ----
-- The lowest free slot; a name once, whatever its letters' case.
SELECT openreplay.save_metadata_key(:project_id, '  Team '), openreplay.save_metadata_key(:project_id, 'it''s "odd"');
SELECT * FROM openreplay.metadata_keys(:project_id);
-- Another name, also in the conditions that use it.
SELECT openreplay.save_capture_conditions(:project_id, '{"rate": 20, "conditionalCapture": true, "conditions": [{"name": "paying", "captureRate": 100, "filters": [{"type": "metadata", "source": "plan", "operator": "is", "value": ["pro"]}]}]}') IS NOT NULL AS saved;
SELECT openreplay.save_metadata_key(:project_id, 'tariff', 1);
SELECT filters FROM public.projects_conditions WHERE project_id = :project_id;
SELECT openreplay.count_sessions(:project_id, '{"filters": [{"type": "metadata", "source": "tariff", "operator": "is", "value": ["pro"]}]}') AS by_the_new_name;
-- A deleted name's values are not shown, and are cleared step by step; until then another slot is given out first.
SELECT openreplay.delete_metadata_key(:project_id, 3);
SELECT openreplay.save_metadata_key(:project_id, 'next') AS next_slot;
SELECT openreplay.clear_freed_metadata(4) AS cleared, openreplay.clear_freed_metadata(4) AS cleared, openreplay.clear_freed_metadata(4) AS nothing_left;
SELECT count(metadata_1) AS kept, count(metadata_3) AS left FROM public.sessions WHERE project_id = :project_id;
SELECT openreplay.save_metadata_key(:project_id, 'cart') AS slot;
-- With all others taken, a freed one is cleared at once.
SELECT count(openreplay.save_metadata_key(:project_id, 'm' || n)) AS more FROM generate_series(1, 5) n;
SELECT openreplay.delete_metadata_key(:project_id, 1);
SELECT openreplay.save_metadata_key(:project_id, 'fresh') AS slot, (SELECT count(metadata_1) FROM public.sessions WHERE project_id = :project_id) AS before;
SELECT count(metadata_1) AS after FROM public.sessions WHERE project_id = :project_id;
SELECT pg_temp.try(s) FROM (VALUES (1, format('SELECT openreplay.save_metadata_key(%s, ''eleventh'')', :project_id)), (2, format('SELECT openreplay.save_metadata_key(%s, ''TEAM'')', :project_id)), (3, format('SELECT openreplay.save_metadata_key(%s, ''TEAM'', 2)', :project_id)), (4, format('SELECT openreplay.save_metadata_key(%s, '' '')', :project_id)),
	(5, format('SELECT openreplay.save_metadata_key(%s, ''x'', 11)', :project_id)), (6, format('SELECT openreplay.delete_metadata_key(%s, 0)', :project_id)), (7, 'SELECT openreplay.save_metadata_key(-1, ''x'')')) AS v (n, s) ORDER BY n;

-- A reader reads all of that, and changes none of it.
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;
SELECT count(*) AS segments, openreplay.segment(:'known') ->> 'name' AS segment, openreplay.segment_list(:project_id) ->> 'total' AS list, (SELECT count(*) FROM openreplay.actions(:project_id)) AS actions FROM openreplay.segments(:project_id);
SELECT openreplay.delete_metadata_key(:project_id, 1);
ROLLBACK;
