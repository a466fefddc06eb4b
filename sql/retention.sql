-- What goes, and what stays: retention by project, favourites, batches that are stored, data of a user, a whole project.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include
\set SHOW_CONTEXT never
\set VERBOSITY terse
DELETE FROM openreplay.outbox;

INSERT INTO public.users (user_id, email, name) VALUES (7801, 'retention@example.com', 'Retention');
INSERT INTO public.projects (project_id, name, active) VALUES (7801, 'short', true), (7802, 'long', true), (7803, 'for ever', true);
CREATE FUNCTION pg_temp.visit(project integer, days integer, n integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := date_trunc('hour', now()) - days * interval '1 day';
	id bigint := openreplay.session_id_at(began) + project * 10 + n;
BEGIN
	PERFORM openreplay.ensure_session_partitions(began, 0);
	INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, user_uuid, user_os, user_browser, user_device,
		user_device_type, user_country, user_id, duration)
	VALUES (id, project, '14.0.14', (extract(epoch FROM began) * 1000)::bigint, '00000000-0000-0000-0000-000000007801', 'Linux', 'Chrome', '',
		'desktop', 'UN', 'user ' || n % 3, 0);
	INSERT INTO events.clicks (session_id, message_id, "timestamp", label) VALUES (id, 1, 0, days || ' days');
	INSERT INTO events_common.customs VALUES (id, 0, 1, 'custom', '{}');
	RETURN id;
END
$$;
CREATE FUNCTION pg_temp.left_over() RETURNS TABLE (project integer, days text, sessions bigint, clicks bigint) LANGUAGE sql AS $$
	SELECT s.project_id, string_agg(DISTINCT c.label, ', ' ORDER BY c.label), count(*), count(c.label)
	FROM public.sessions s LEFT JOIN events.clicks c USING (session_id) WHERE s.project_id BETWEEN 7801 AND 7803 GROUP BY 1 ORDER BY 1
$$;
SELECT count(pg_temp.visit(project, days, n)) FROM unnest('{7801, 7802, 7803}'::int[]) project, unnest('{5, 40, 400}'::int[]) days, generate_series(1, 4) n;

-- Without a setting everything stays.
CALL openreplay.apply_retention();
SELECT * FROM pg_temp.left_over();

-- A project's own setting: session by session, as others keep theirs; favourites and what is under way stay.
SELECT openreplay.set_retention(30, 7801);
INSERT INTO public.user_favorite_sessions SELECT 7801, min(session_id) FROM public.sessions WHERE project_id IN (7801, 7802) GROUP BY project_id;
INSERT INTO public.sessions_notes (message, user_id, session_id, project_id) SELECT 'a note', 7801, session_id, 7802 FROM public.user_favorite_sessions JOIN public.sessions USING (session_id) WHERE project_id = 7802;
CALL openreplay.apply_retention();
SELECT * FROM pg_temp.left_over();
SELECT kind, sum(jsonb_array_length(payload->'session_ids')) AS sessions FROM openreplay.outbox GROUP BY kind;
SELECT openreplay.set_retention(0, 7801);
SELECT openreplay.set_retention(1, -1);

-- A general setting, and one project for ever: months go when no project keeps them.
SELECT openreplay.set_retention(100), openreplay.set_retention(NULL, 7803);
SELECT * FROM openreplay.retention_of_projects() WHERE project_id BETWEEN 7801 AND 7803 ORDER BY 1;
SELECT count(*) AS months FROM openreplay.expired_months();
CALL openreplay.apply_retention();
SELECT * FROM pg_temp.left_over();
DELETE FROM openreplay.outbox;
-- that project gives up its own: the month 400 days ago is replaced by one with the favourites, and with what people wrote on them
SELECT openreplay.reset_retention(7803);
SELECT count(*) > 0 AS months FROM openreplay.expired_months();
SELECT tableoid AS table_before FROM public.sessions WHERE session_id = (SELECT min(session_id) FROM public.user_favorite_sessions) \gset
INSERT INTO public.user_viewed_sessions SELECT 7801, session_id FROM public.sessions WHERE project_id = 7803;
CALL openreplay.apply_retention();
SELECT * FROM pg_temp.left_over();
SELECT tableoid <> :table_before AS replaced, obj_description(tableoid) IS NULL AS plain FROM public.sessions WHERE session_id = (SELECT min(session_id) FROM public.user_favorite_sessions);
SELECT count(*) AS favourites FROM public.user_favorite_sessions WHERE user_id = 7801;
SELECT message FROM public.sessions_notes WHERE user_id = 7801;
SELECT count(*) AS viewed FROM public.user_viewed_sessions WHERE user_id = 7801;
SELECT sum(jsonb_array_length(payload->'session_ids')) AS to_be_removed FROM openreplay.outbox WHERE kind = 'remove';
-- the replacement is a month like any other: its favourites are deleted with all they have, new sessions find a place
DELETE FROM public.user_favorite_sessions WHERE user_id = 7801;
SELECT count(*) > 0 AS months FROM openreplay.expired_months();
SELECT pg_temp.visit(7801, 400, 9) IS NOT NULL AS visited;
CALL openreplay.apply_retention();
SELECT * FROM pg_temp.left_over();
SELECT count(*) AS rows_left FROM events_common.customs e WHERE NOT EXISTS (SELECT FROM public.sessions s WHERE s.session_id = e.session_id);
SELECT count(*) AS months FROM openreplay.expired_months();
-- nothing that was detached is left
SELECT count(*) AS detached FROM pg_class WHERE relname ~ '^(detached|kept)_';
SELECT openreplay.reset_retention();

-- Batches stay while they are needed: until they are old enough, read, their sessions' tokens expired, and the recordings stored.
DELETE FROM openreplay.outbox;
SELECT date_trunc('hour', now()) - interval '5 hours' AS start \gset
SELECT openreplay.session_id_at(:'start') + 7800 AS sid, (extract(epoch FROM :'start'::timestamptz) * 1000)::bigint AS t0 \gset
SELECT openreplay.ensure_batch_partitions(:'start', 0), openreplay.register_server('retention') AS server \gset
SELECT ('openreplay.batches_' || to_char(timestamptz :'start' AT TIME ZONE 'UTC', 'YYYYMMDD_HH24'))::regclass AS hour \gset
CREATE FUNCTION pg_temp.receive(id bigint, server integer, seq bigint, kind "char", body bytea, at timestamptz) RETURNS void LANGUAGE sql AS $$
	INSERT INTO openreplay.batches (seq, session_id, received_at, server_id, size_bytes, shard, kind, body)
	VALUES (seq, id, at, server, length(body), openreplay.shard_of(id), kind, openreplay.compress_body(body))
$$;
SELECT pg_temp.receive(:sid, :server, 1, 's', convert_to(jsonb_build_object('session_id', :'sid', 'project_id', 7801, 'start_ts', :t0, 'tracker_version', '14.0.14',
	'platform', 'web', 'user_os', 'Linux', 'user_browser', 'Chrome', 'user_device', '', 'user_device_type', 'desktop', 'user_country', 'NL', 'timezone', 'UTC',
	'expires_ms', :t0 + 7200000)::text, 'UTF8'), :'start');
SELECT pg_temp.receive(:sid, :server, 2, 'w', pg_temp.batch(0, 0, :t0, 'https://shop.example.com/', 'tab', pg_temp.click('stored')), timestamptz :'start' + interval '1 second');
SELECT openreplay.why_batches_stay(:'hour');
SELECT openreplay.process_batches() AS processed;
SELECT openreplay.why_batches_stay(:'hour');
SELECT openreplay.end_sessions(now() + interval '1 day') > 0 AS ended;
SELECT openreplay.why_batches_stay(:'hour');
SELECT openreplay.expire_live_state();
SELECT openreplay.why_batches_stay(:'hour');
SELECT count(*) AS claimed FROM openreplay.claim_outbox('regress', '{recording}', 1000);
SELECT openreplay.why_batches_stay(:'hour');
SELECT bool_and(openreplay.finish_outbox(outbox_id, 'regress')) AS stored FROM openreplay.outbox WHERE kind = 'recording';
SELECT openreplay.why_batches_stay(:'hour');
-- what a spool delivers at the last moment is noticed
SELECT openreplay.lane_ends(:'hour') AS ends \gset
BEGIN;
SELECT pg_temp.receive(:sid, :server, 3, 'w', pg_temp.batch(0, 10, :t0, 'https://shop.example.com/', 'tab', pg_temp.click('late')), timestamptz :'start' + interval '2 seconds');
SELECT openreplay.detach_batches(:'hour', :'ends');
SELECT openreplay.why_batches_stay(:'hour');
ROLLBACK;
-- and a recording that is to be stored once more, as of data in another hour, is not forgotten with this one
BEGIN;
SELECT openreplay.queue_recordings(ARRAY[:sid]);
SELECT openreplay.detach_batches(:'hour', :'ends') AS detached;
SELECT batches_gone, (SELECT count(*) FROM openreplay.outbox WHERE key = :'sid') AS recordings FROM openreplay.stored_recordings WHERE session_id = :sid;
ROLLBACK;
CALL openreplay.drop_stored_batches();
SELECT to_regclass(:'hour') IS NULL AS dropped, (SELECT count(*) FROM openreplay.batches WHERE session_id = :sid) AS batches,
	(SELECT count(*) FROM events.clicks WHERE session_id = :sid) AS clicks;
-- the stored files alone have it all from here on
SELECT batches_gone FROM openreplay.stored_recordings WHERE session_id = :sid;
\set VERBOSITY sqlstate
SELECT openreplay.recording(:sid);
\set VERBOSITY default
SELECT openreplay.why_batches_stay('public.projects');
-- What comes after all that finds its tabs, and no row twice; the session ends again, and only extends.
SELECT openreplay.ensure_batch_partitions(:'start', 0);
SELECT count(*) AS states FROM openreplay.live_sessions WHERE session_id = :sid;
SELECT pg_temp.receive(:sid, :server, n, 'w', pg_temp.batch(0, index, :t0 + moment, 'https://shop.example.com/', tab, pg_temp.click(label)), timestamptz :'start' + n * interval '1 second')
FROM (VALUES (4, 0, 0, 'tab', 'stored'), (5, 20, 90000, 'tab', 'later'), (6, 0, 91000, 'another tab', 'elsewhere')) AS late (n, index, moment, tab, label);
SELECT openreplay.process_batches() AS processed;
SELECT sum(entries) AS entries, sum(parked) AS parked, sum(broken) AS broken FROM openreplay.passes WHERE server_id = :server AND seq > 2;
SELECT message_id >> 48 AS tab, message_id & 65535 AS index, label FROM events.clicks WHERE session_id = :sid ORDER BY message_id;
SELECT openreplay.end_sessions(now() + interval '1 day') > 0 AS ended;
SELECT s.duration, s.events_count, count(o.key) AS recordings FROM public.sessions s LEFT JOIN openreplay.outbox o ON o.key = s.session_id::text WHERE s.session_id = :sid GROUP BY 1, 2;
SELECT openreplay.why_batches_stay(:'hour');
-- and once more, months later; a tab keeps its number
DELETE FROM openreplay.live_sessions WHERE session_id = :sid;
SELECT pg_temp.receive(:sid, :server, 7, 'w', pg_temp.batch(0, 30, :t0 + 92000, 'https://shop.example.com/', 'another tab', pg_temp.click('elsewhere')), timestamptz :'start' + interval '7 seconds');
SELECT openreplay.process_batches() AS processed;
SELECT message_id >> 48 AS tab, count(*) AS clicks FROM events.clicks WHERE session_id = :sid GROUP BY 1 ORDER BY 1;
-- of a session whose end could not be written nobody knows the tabs: its late data waits, and is listed as broken
SELECT openreplay.end_sessions(now() + interval '1 day') > 0 AS ended;
DELETE FROM openreplay.live_sessions WHERE session_id = :sid;
UPDATE public.sessions SET remains = NULL WHERE session_id = :sid;
SELECT pg_temp.receive(:sid, :server, 8, 'w', pg_temp.batch(0, 40, :t0 + 93000, 'https://shop.example.com/', 'tab', pg_temp.click('lost')), timestamptz :'start' + interval '8 seconds');
SELECT openreplay.process_batches() AS processed;
SELECT entries, parked FROM openreplay.passes WHERE server_id = :server ORDER BY seq DESC LIMIT 1;
SELECT openreplay.why_batches_stay(:'hour');
DELETE FROM openreplay.parked_batches WHERE session_id = :sid;

-- Without an uploader they go by age, if the operator says so; recordings that waited for one are no longer complete.
DELETE FROM openreplay.stored_recordings WHERE session_id = :sid;
SELECT openreplay.queue_recordings(ARRAY[:sid]);
SELECT openreplay.why_batches_stay(:'hour');
ALTER SYSTEM SET openreplay.keep_batches = '2h';
SELECT pg_reload_conf();
\c
SET client_min_messages = warning;
SELECT current_setting('openreplay.keep_batches'), openreplay.why_batches_stay(:'hour');
CALL openreplay.drop_stored_batches();
SELECT to_regclass(:'hour') IS NULL AS dropped, (SELECT count(*) FROM openreplay.outbox WHERE key = :'sid') AS recordings;
-- what comes after that is no recording
SELECT openreplay.ensure_batch_partitions(:'start', 0);
SELECT openreplay.recording(:sid) IS NULL AS nothing;
INSERT INTO openreplay.batches (seq, session_id, received_at, server_id, size_bytes, shard, kind, body)
VALUES (9, :sid, :'start', :server, 11, openreplay.shard_of(:sid), 'w', openreplay.compress_body('\x5101000000000001000001'));
\set VERBOSITY sqlstate
SELECT openreplay.recording(:sid);
\set VERBOSITY default
SELECT count(*) > 0 AS shown FROM openreplay.messages(:sid);
DELETE FROM openreplay.batches WHERE session_id = :sid;
ALTER SYSTEM RESET openreplay.keep_batches;
SELECT pg_reload_conf();

-- A week of passes; the position of a lane that has been idle since is carried along.
SELECT count(*) AS lanes, sum(position) AS positions FROM openreplay.lanes \gset
SELECT openreplay.ensure_pass_partitions(now() - interval '30 days');
UPDATE openreplay.passes SET passed_at = now() - interval '29 days' WHERE server_id = :server;
CALL openreplay.drop_old_passes();
SELECT count(*) = :lanes AS lanes, sum(position) = :positions AS positions FROM openreplay.lanes;
SELECT seq, entries FROM openreplay.passes WHERE server_id = :server;
SELECT count(*) AS old FROM openreplay.partitions_of('openreplay.passes') WHERE upper_bound::timestamptz < now() - interval '8 days';

-- All data of a user, by a job: however many sessions, and what else is known of the user.
INSERT INTO public.autocomplete VALUES ('user 1', 'USERID', 7801), ('user 2', 'USERID', 7801), ('user 1', 'CLICK', 7801);
INSERT INTO openreplay.user_properties VALUES (7801, 'user 1', '{"email": "x@example.com"}', now(), now());
INSERT INTO public.jobs (description, status, project_id, action, reference_id, start_at)
VALUES ('due', 'scheduled', 7801, 'delete_user_data', 'user 1', timezone('utc', now()) - interval '1 minute'),
	('later', 'scheduled', 7801, 'delete_user_data', 'user 2', timezone('utc', now()) + interval '1 day'),
	('cancelled', 'cancelled', 7801, 'delete_user_data', 'user 2', timezone('utc', now()) - interval '1 minute');
CALL openreplay.run_jobs();
SELECT description, status, errors FROM public.jobs WHERE project_id = 7801 ORDER BY job_id;
SELECT user_id, count(*) FROM public.sessions WHERE project_id = 7801 GROUP BY 1 ORDER BY 1;
SELECT value, type FROM public.autocomplete WHERE project_id = 7801 AND value LIKE 'user%' ORDER BY 1, 2;
SELECT count(*) AS properties FROM openreplay.user_properties WHERE project_id = 7801;
-- by hand
CALL openreplay.delete_user_sessions(7801, 'user 2');
CALL openreplay.delete_user_sessions(7801, '');
SELECT user_id, count(*) FROM public.sessions WHERE project_id = 7801 GROUP BY 1 ORDER BY 1;

-- A project, in small steps.
SET ROLE openreplay_admin;
CALL openreplay.delete_project(7801);
CALL openreplay.delete_project(7802);
CALL openreplay.delete_project(7803);
CALL openreplay.delete_project(7803);
RESET ROLE;
SELECT (SELECT count(*) FROM public.projects WHERE project_id BETWEEN 7801 AND 7803) AS projects,
	(SELECT count(*) FROM public.sessions WHERE project_id BETWEEN 7801 AND 7803) AS sessions,
	(SELECT count(*) FROM events.clicks e WHERE NOT EXISTS (SELECT FROM public.sessions s WHERE s.session_id = e.session_id)) AS orphans;
DELETE FROM public.users WHERE user_id = 7801;
DELETE FROM openreplay.outbox;
DELETE FROM openreplay.uploaders;
DELETE FROM openreplay.deleted_sessions;
