--
-- What else dashboards ask: users, issues, sessions by metadata, notes of either generation, what can be watched
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
SET LOCAL TimeZone = 'UTC';
SELECT openreplay.ensure_session_partitions('2022-03-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active, metadata_2) VALUES ('people', true, 'plan') RETURNING project_id \gset
INSERT INTO public.projects (name, active) VALUES ('people elsewhere', true) RETURNING project_id AS other_id \gset
INSERT INTO public.users (email, name) VALUES ('ann@people.example', 'Ann') RETURNING user_id AS ann \gset
INSERT INTO public.users (email, name) VALUES ('ben@people.example', 'Ben') RETURNING user_id AS ben \gset
-- Six sessions, ten minutes apart; the last goes on.
CREATE TEMP TABLE recorded AS SELECT n, t, ((t - 1550000000000) << 24) | n AS session_id FROM generate_series(0, 5) AS n, LATERAL (SELECT 1646265600000 + n * 600000 AS t) AS x;
GRANT SELECT ON recorded TO openreplay_reader;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_id, user_anonymous_id, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, user_city, events_count, pages_count, errors_count, issue_score, metadata_2)
SELECT session_id, :project_id, '17', t, 'UTC', CASE WHEN n < 5 THEN 1000 END, CASE n % 3 WHEN 0 THEN 'u1' WHEN 1 THEN 'u2' END, 'anon' || n, ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'Linux', 'Chrome', '', 'desktop', 'NL', 'City' || n, 2, 1, 0, t / 1000 - n * 1000, CASE WHEN n < 4 THEN 'pro' END FROM recorded;
INSERT INTO openreplay.user_properties VALUES (:project_id, 'u1', '{"email": "una@example.com", "name": "Una", "plan": "pro"}', '2022-02-01', '2022-02-02', NULL), (:project_id, 'u9', '{"name": "100%_"}', '2022-01-01', '2022-01-02', NULL),
	(:project_id, 'gone', '{}', '2022-01-01', '2022-01-02', '2022-01-03'), (:other_id, 'u1', '{"name": "Elsewhere"}', '2022-01-01', '2022-01-02', NULL);

-- Users: who had sessions or was told of, whichever is newer; not who was deleted.
\x on
SELECT * FROM openreplay.people(:project_id, '{"limit": 1}');
\x off
SELECT options, array_agg(user_id ORDER BY ordinality) AS people, max(total) AS total FROM unnest(ARRAY['{}', '{"sortBy": "$name", "sortOrder": "asc"}', '{"sortBy": "created_at"}', '{"sortBy": "sessions", "sortOrder": "desc"}', '{"query": "UNA@"}', '{"q": "%_"}', '{"userId": "u2"}', '{"limit": 2, "page": 2}', '{"query": "'' OR true --"}']) WITH ORDINALITY AS o (options, n)
	LEFT JOIN LATERAL openreplay.people(:project_id, options::jsonb) WITH ORDINALITY ON true GROUP BY n, options ORDER BY n;
SELECT * FROM openreplay.user_summary(:project_id, 'u2'), openreplay.user_summary(:project_id, 'u1') AS of_u1;
SELECT openreplay.save_person(:project_id, 'u1', '{"plan": null, "email": "una@example.org", "age": 42}'), openreplay.save_person(:project_id, 'u2', '{"name": "Uwe"}');
SELECT user_id, name, email, properties, created_at FROM openreplay.people(:project_id) WHERE user_id < 'u9' ORDER BY 1;
SELECT pg_temp.try(s) FROM (VALUES (1, format('SELECT openreplay.save_person(%s, ''nobody'', ''{}'')', :project_id)), (2, format('SELECT openreplay.save_person(%s, ''u1'', ''[]'')', :project_id)), (3, format('SELECT openreplay.save_person(%s, '''', ''{}'')', :project_id)), (4, format('SELECT openreplay.people(%s, ''{"sortBy": "drop table"}'')', :project_id))) AS v (n, s) ORDER BY n;

-- Issues of sessions, of a time, of a kind.
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES ('people-1', :project_id, 'dead_click', '#buy'), ('people-2', :project_id, 'bad_request', '/api'), ('people-3', :project_id, 'custom', 'bought');
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id) SELECT session_id, t + k * 100, k, 'people-1' FROM recorded, generate_series(1, 2) k WHERE n < 4;
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id) SELECT session_id, t + 500, 5, 'people-2' FROM recorded WHERE n < 2;
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id) SELECT session_id, t + 600, 6, 'people-3' FROM recorded;
SELECT type, title, context_string, occurrences, sessions, users, first_occurrence - 1646265600000 AS first, last_occurrence - 1646265600000 AS last, total FROM openreplay.search_issues(:project_id, '{"limit": 2}');
SELECT options, array_agg(context_string || ' ' || sessions ORDER BY ordinality) AS issues FROM unnest(ARRAY['{"types": ["custom"]}', '{"types": ["custom", "dead_click"]}', '{"filters": [{"type": "userId", "operator": "is", "value": ["u1"]}]}', '{"startTimestamp": 1646266200000, "endTimestamp": 1646266200200}', '{"limit": 1, "page": 2}']) WITH ORDINALITY AS o (options, n),
	openreplay.search_issues(:project_id, options::jsonb) WITH ORDINALITY GROUP BY n, options ORDER BY n;

-- Sessions by metadata and by user, in all projects; those with most trouble first, one's bookmarks before them.
SELECT openreplay.set_favorite_session(session_id, :ann) AS favorite FROM recorded WHERE n = 3;
SELECT v ->> 'total' AS total, v -> 'missingMetadata' AS missing, (SELECT array_agg((s ->> 'sessionId')::bigint & 255 ORDER BY k) FROM jsonb_array_elements(v -> 'sessions') WITH ORDINALITY AS x (s, k)) AS sessions
FROM jsonb_each(openreplay.sessions_by_metadata('plan', 'pro', viewer_id => :ann)) AS e (k, v) WHERE k::integer IN (:project_id, :other_id) ORDER BY k::integer;
SELECT k::integer = :project_id AS ours, v ->> 'total' AS total, v #>> '{sessions,0,favorite}' AS favorite FROM jsonb_each(openreplay.sessions_by_metadata('userId', 'u1', :project_id)) AS e (k, v);
SELECT v ->> 'total' AS total FROM jsonb_each(openreplay.sessions_by_metadata('userAnonymousId', 'anon5', :project_id)) AS e (k, v);
SELECT v AS unknown FROM jsonb_each(openreplay.sessions_by_metadata('1; DROP TABLE sessions', 'x', :project_id)) AS e (k, v);

-- Whether anything is recorded.
SELECT openreplay.recording_status(:project_id, '2022-03-03 00:30+00') AS now, openreplay.recording_status(:project_id, '2022-03-10') AS later, openreplay.recording_status(:other_id, '2022-03-03') AS elsewhere;
UPDATE public.sessions SET duration = NULL WHERE project_id = :project_id;
SELECT openreplay.recording_status(:project_id, '2022-03-03 00:30+00') AS none_has_ended;

-- Sessions that had an error.
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES ('people-1', :project_id, 'js_exception', 'Error', 'x', '[]');
INSERT INTO events.errors SELECT session_id, 10 + k, t + k, 'people-1' FROM recorded, generate_series(1, 2) k WHERE n IN (1, 4);
SELECT e -> 'total' AS total, jsonb_array_length(e -> 'sessions') AS listed, (e #>> '{sessions,0,sessionId}')::bigint & 255 AS newest FROM openreplay.error_sessions('people-1', '2022-03-03', '2022-03-04') e;
SELECT openreplay.error_sessions('people-1') AS of_the_last_week, openreplay.error_sessions('nowhere') AS unknown;

-- Notes as the second generation has them.
SELECT openreplay.save_note(session_id, :ann, '{"message": "From here on", "startAt": 100, "endAt": 900, "thumbnail": "data:image/png;base64,AA==", "tag": "DESIGN"}') AS note FROM recorded WHERE n = 0 \gset
SELECT openreplay.note(:note, :ann) - '{noteId,sessionId,projectId,userId,createdAt}'::text[] AS note;
SELECT openreplay.save_note(session_id, :ann, '{"endAt": 950, "isPublic": true}', :note) = :note AS changed FROM recorded WHERE n = 0;
SELECT message, start_at, end_at, thumbnail IS NOT NULL AS pictured, count FROM openreplay.search_notes(:project_id, :ben, '{"search": "HERE"}');
SELECT count(*) AS none FROM openreplay.search_notes(:project_id, :ben, '{"search": "%"}');
SELECT pg_temp.try(s) FROM (SELECT 1, format('SELECT openreplay.save_note(%s, %s, ''{"message": "xx", "thumbnail": "javascript:alert(1)"}'')', session_id, :ann) FROM recorded WHERE n = 0
	UNION ALL SELECT 2, format('SELECT openreplay.save_note(%s, %s, ''{"message": "xx", "startAt": -1}'')', session_id, :ann) FROM recorded WHERE n = 0 UNION ALL SELECT 3, format('SELECT openreplay.note(-1, %s)', :ann)) AS v (n, s) ORDER BY n;

-- What an alert can watch: figures, and series of timeseries one may see.
SELECT count(openreplay.save_card(:project_id, :ann, jsonb_build_object('name', name, 'isPublic', name = 'Visits', 'metricType', 'timeseries', 'series', '[{"name": "All"}, {}]'::jsonb))) AS cards FROM unnest('{Visits,Secret}'::text[]) name;
SELECT name, value = series_id::text AS by_series, unit FROM openreplay.alert_triggers(:project_id, :ben) WHERE NOT predefined;
SELECT count(*) FILTER (WHERE predefined) = (SELECT count(*) FROM openreplay.alert_metrics()) AS figures, count(*) FILTER (WHERE NOT predefined) AS series FROM openreplay.alert_triggers(:project_id, :ann);
ROLLBACK;
