-- A deleted session takes along what was recorded with it, in tables with and without foreign keys.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;

SELECT openreplay.ensure_session_partitions('2020-08-10 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (project_id, name, active) VALUES (7401, 'deletes', true);
INSERT INTO public.users (user_id, email, name) VALUES (7401, 'deletes@example.com', 'Deletes');
INSERT INTO public.errors (error_id, project_id, source, message, payload) VALUES ('e7401', 7401, 'js_exception', 'message', '[]');
INSERT INTO public.feature_flags (feature_flag_id, project_id, flag_key, flag_type) VALUES (7401, 7401, 'flag', 'single');
INSERT INTO public.ut_tests (test_id, project_id, title, status) VALUES (7401, 7401, 'test', 'in-progress');

-- Two sessions in August, one in September.
CREATE TEMP TABLE recorded AS
	SELECT openreplay.session_id_at(moment) AS session_id, (extract(epoch FROM moment) * 1000)::bigint AS start_ts
	FROM unnest(ARRAY['2020-08-10 00:00+00', '2020-08-11 00:00+00', '2020-09-01 00:00+00']::timestamptz[]) AS moment;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, user_uuid, user_os, user_browser, user_device,
	user_device_type, user_country)
SELECT session_id, 7401, '14.0.14', start_ts, '00000000-0000-0000-0000-000000007401', 'Linux', 'Chrome', '', 'desktop', 'UN' FROM recorded;

INSERT INTO events.pages (session_id, message_id, "timestamp", host, path) SELECT session_id, 1, start_ts, 'example.com', '/' FROM recorded;
INSERT INTO events.clicks (session_id, message_id, "timestamp", label) SELECT session_id, 2, start_ts, 'Buy' FROM recorded;
INSERT INTO events.inputs (session_id, message_id, "timestamp", label) SELECT session_id, 3, start_ts, 'email' FROM recorded;
INSERT INTO events.errors SELECT session_id, 4, start_ts, 'e7401' FROM recorded;
INSERT INTO public.errors_tags (key, value, error_id, session_id, message_id) SELECT 'release', '1', 'e7401', session_id, 4 FROM recorded;
INSERT INTO events.performance SELECT session_id, start_ts, 5, 'example.com', '/', NULL, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3 FROM recorded;
INSERT INTO events.resources (session_id, message_id, "timestamp", type, url, url_host, url_hostpath, success)
	SELECT session_id, 6, start_ts, 'img', 'https://example.com/a.png', 'example.com', 'example.com/a.png', true FROM recorded;
INSERT INTO events.graphql (session_id, message_id, "timestamp", name) SELECT session_id, 7, start_ts, 'query' FROM recorded;
INSERT INTO events.state_actions SELECT session_id, 8, start_ts, 'cart/add' FROM recorded;
INSERT INTO events.tags SELECT session_id, start_ts, 9, 1 FROM recorded;
INSERT INTO events.canvas_recordings SELECT session_id, start_ts || '_10', start_ts FROM recorded;
INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, duration, success)
	SELECT session_id, start_ts, 11, 'https://example.com/api', 5, true FROM recorded;
INSERT INTO events_common.customs SELECT session_id, start_ts, 12, 'paid', '{}' FROM recorded;
INSERT INTO events_common.issues SELECT session_id, start_ts, 13, 'i7401', NULL FROM recorded;
INSERT INTO events_common.crashes SELECT session_id, start_ts, 14, 'c7401' FROM recorded;
INSERT INTO events_ios.taps SELECT session_id, start_ts, 15, 'Buy' FROM recorded;
INSERT INTO events_ios.inputs SELECT session_id, start_ts, 16, 'email' FROM recorded;
INSERT INTO events_ios.swipes (session_id, "timestamp", seq_index, label, direction) SELECT session_id, start_ts, 17, 'list', 'up' FROM recorded;
INSERT INTO events_ios.views SELECT session_id, start_ts, 18, 'Main' FROM recorded;
INSERT INTO events_ios.performance SELECT session_id, 19, start_ts, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3 FROM recorded;

INSERT INTO public.user_viewed_sessions SELECT 7401, session_id FROM recorded;
INSERT INTO public.user_favorite_sessions SELECT 7401, session_id FROM recorded;
INSERT INTO public.sessions_notes (message, session_id, project_id) SELECT 'note', session_id, 7401 FROM recorded;
INSERT INTO public.assigned_sessions (session_id, issue_id, provider, created_by) SELECT session_id, 'ABC-1', 'jira', 7401 FROM recorded;
INSERT INTO public.session_integrations (session_id, project_id, provider) SELECT session_id, 7401, 'sentry' FROM recorded;
INSERT INTO public.sessions_feature_flags SELECT session_id, 7401, NULL FROM recorded;
INSERT INTO public.ut_tests_signals (session_id, test_id, status, "timestamp") SELECT session_id, 7401, 'done', start_ts FROM recorded;

-- Rows of these sessions in every product table that knows sessions.
CREATE FUNCTION pg_temp.rows_of_sessions() RETURNS TABLE (table_name text, rows bigint) LANGUAGE plpgsql AS $$
BEGIN
	FOR table_name IN
		SELECT name FROM openreplay.product_tables() AS name
		WHERE EXISTS (SELECT FROM pg_attribute WHERE attrelid = name::regclass AND attname = 'session_id')
		ORDER BY name COLLATE "C"
	LOOP
		EXECUTE format('SELECT count(*) FROM %s JOIN recorded USING (session_id)', table_name) INTO rows;
		RETURN NEXT;
	END LOOP;
END
$$;
SELECT * FROM pg_temp.rows_of_sessions();

-- The first session goes, the others stay whole.
DELETE FROM public.sessions WHERE session_id = openreplay.session_id_at('2020-08-10 00:00+00');
SELECT rows, count(*) AS tables FROM pg_temp.rows_of_sessions() GROUP BY rows;
-- What happened in a usability test outlives the recording.
SELECT count(*), count(session_id) AS with_session FROM public.ut_tests_signals WHERE test_id = 7401;

-- A rolled back delete deletes nothing.
BEGIN;
DELETE FROM public.sessions WHERE project_id = 7401;
SELECT rows, count(*) AS tables FROM pg_temp.rows_of_sessions() GROUP BY rows;
ROLLBACK;
SELECT rows, count(*) AS tables FROM pg_temp.rows_of_sessions() GROUP BY rows;

-- A project takes its sessions along, whoever deletes it.
SET ROLE openreplay_admin;
DELETE FROM public.projects WHERE project_id = 7401;
RESET ROLE;
SELECT rows, count(*) AS tables FROM pg_temp.rows_of_sessions() GROUP BY rows;
DELETE FROM public.users WHERE user_id = 7401;

-- A visit that is under way is deleted by hand: its rows, its batches, its recording that was about to be stored.
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include
DELETE FROM openreplay.outbox;
INSERT INTO public.projects (name, active) VALUES ('tombstones', true) RETURNING project_id \gset
SELECT date_trunc('second', now()) - interval '1 hour' AS start, (extract(epoch FROM date_trunc('second', now()) - interval '1 hour') * 1000)::bigint AS t0 \gset
SELECT openreplay.session_id_at(:'start') + 7402 AS sid \gset
SELECT openreplay.shard_of(:sid) AS shard \gset
SELECT pg_temp.start(:sid, :project_id, :'start') IS NOT NULL AS started,
	openreplay.append_batch(:sid, pg_temp.batch(0, 0, :t0, 'https://shop.example.com/', 'tab-a', pg_temp.click('before')), :'start') IS NOT NULL AS appended;
SELECT openreplay.end_sessions(now() + interval '1 day') >= 1 AS ended;
SELECT count(*) AS clicks FROM events.clicks WHERE session_id = :sid;
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 10, :t0, 'https://shop.example.com/', 'tab-a', pg_temp.click('not read yet')), :'start') IS NOT NULL AS appended;
BEGIN ISOLATION LEVEL REPEATABLE READ;
\set SHOW_CONTEXT never
DELETE FROM public.sessions WHERE session_id = :sid;
ROLLBACK;
DELETE FROM public.sessions WHERE session_id = :sid;
SELECT (SELECT count(*) FROM events.clicks WHERE session_id = :sid) AS clicks, (SELECT count(*) FROM openreplay.batches WHERE session_id = :sid) AS batches,
	(SELECT count(*) FROM openreplay.live_sessions WHERE session_id = :sid) AS states;
SELECT kind, payload->'session_ids' = jsonb_build_array(:sid) AS of_it FROM openreplay.outbox;
-- what its tracker still sends, its start among it, is dropped and counted, and not parked
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 20, :t0, 'https://shop.example.com/', 'tab-a', pg_temp.click('late')), :'start') IS NOT NULL AS appended,
	pg_temp.start(:sid, :project_id, :'start') IS NOT NULL AS started;
SELECT openreplay.process_batches() AS processed;
SELECT entries, dropped, parked, broken FROM openreplay.passes WHERE server_id = 0 AND shard = :shard ORDER BY seq DESC LIMIT 1;
SELECT (SELECT count(*) FROM public.sessions WHERE session_id = :sid) AS sessions, (SELECT count(*) FROM openreplay.batches WHERE session_id = :sid) AS batches,
	(SELECT count(*) FROM openreplay.parked_batches WHERE session_id = :sid) AS parked;
-- until a day after its token expired: an hour's session of two hours
SELECT round(extract(epoch FROM expires_at - now()) / 3600) AS hours FROM openreplay.deleted_sessions WHERE session_id = :sid;
UPDATE openreplay.deleted_sessions SET expires_at = now() - interval '1 second' WHERE session_id = :sid;
SELECT openreplay.expire_live_state();
SELECT count(*) AS tombstones FROM openreplay.deleted_sessions WHERE session_id = :sid;
DELETE FROM public.projects WHERE project_id = :project_id;
DELETE FROM openreplay.outbox;
