-- Periodic work: plain functions anybody may call or schedule, one run at a time, each noted; a clear word where pg_cron is absent.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
RESET client_min_messages;
TRUNCATE openreplay.work_log;
SELECT name, period, cron, is_long FROM openreplay.periodic_work();
CALL openreplay.keep_house();
-- run again it finds nothing to do
CALL openreplay.keep_house();
SELECT name, state, run_by, count(*), min(took) >= '0' AS took, min(result) AS result, error FROM openreplay.work_runs GROUP BY 1, 2, 3, 7 ORDER BY min(run_id);
SELECT openreplay.schedule_jobs();
-- with pg_cron preloaded, the statements to run in its database
SET cron.database_name = 'scheduler';
SELECT replace(s, current_database(), '<database>') FROM openreplay.schedule_jobs() s LIMIT 2;
RESET cron.database_name;

-- What is due: what was not begun within its period. By hand it is done whenever somebody wants it.
SELECT openreplay.due_work(false);
SELECT openreplay.due_work(true);
CALL openreplay.run_work('evaluate_alerts');
CALL openreplay.run_work('evaluate_alerts', only_if_due => true);
CALL openreplay.run_work('count_sessions', only_if_due => true);
SELECT name, state, count(*) FROM openreplay.work_runs WHERE name IN ('evaluate_alerts', 'count_sessions') GROUP BY 1, 2 ORDER BY 1;
UPDATE openreplay.work_log SET started_at = now() - interval '51 seconds' WHERE name = 'evaluate_alerts';
SELECT openreplay.due_work(false);
-- a clock that was set back stops nothing
UPDATE openreplay.work_log SET started_at = now() + interval '1 hour' WHERE name = 'count_sessions';
SELECT openreplay.due_work(false);
CALL openreplay.run_work('wash_the_dishes');

-- What fails is noted and stops no other.
\set VERBOSITY terse
ALTER FUNCTION openreplay.expire_live_state() RENAME TO expire_live_state_away;
CALL openreplay.keep_house();
ALTER FUNCTION openreplay.expire_live_state_away() RENAME TO expire_live_state;
SELECT name, state, error FROM openreplay.work_runs WHERE run_id > (SELECT max(run_id) FROM openreplay.work_log WHERE name = 'make_partitions') ORDER BY run_id LIMIT 3;
-- Nor does a procedure, which ends without a word, and is known to have.
ALTER FUNCTION openreplay.take_job() RENAME TO take_job_away;
CALL openreplay.run_work('run_jobs');
ALTER FUNCTION openreplay.take_job_away() RENAME TO take_job;
SELECT pg_advisory_unlock_all();
SELECT state, error FROM openreplay.work_runs WHERE name = 'run_jobs' ORDER BY run_id DESC LIMIT 1;
-- unless somebody notes it for it
SELECT openreplay.fail_work('run_jobs', 'as its process said');
SELECT state, error FROM openreplay.work_runs WHERE name = 'run_jobs' ORDER BY run_id DESC LIMIT 1;
-- one that runs
SELECT pg_advisory_lock(hashtextextended('openreplay.run_work run_jobs', 0)), openreplay.begin_work('run_jobs') > 0 AS begun;
SELECT state, took > '0' AS took FROM openreplay.work_runs WHERE name = 'run_jobs' ORDER BY run_id DESC LIMIT 1;
SELECT pg_advisory_unlock_all();
-- a week of them
UPDATE openreplay.work_log SET started_at = now() - interval '8 days' WHERE name = 'run_jobs';
CALL openreplay.run_work('run_jobs');
SELECT count(*) FROM openreplay.work_runs WHERE name = 'run_jobs';
\set VERBOSITY default

-- state that expired goes: old heartbeats, ended sessions whose token has expired
INSERT INTO openreplay.heartbeats (server_id, clock, noted_at) VALUES (0, now(), now() - interval '11 minutes'), (0, now(), now());
INSERT INTO openreplay.live_sessions (session_id, last_received_at, last_message_ms, expires_at, ended_at, project_id, shard, state)
VALUES (-1, now(), 0, now() - interval '1 hour', now(), 0, 64, ''), (-2, now(), 0, now() - interval '1 hour', NULL, 0, 64, ''),
	(-3, now(), 0, now() + interval '1 hour', now(), 0, 64, '');
CALL openreplay.keep_house();
SELECT session_id FROM openreplay.live_sessions WHERE shard = 64 ORDER BY 1;
SELECT count(*) FROM openreplay.heartbeats WHERE server_id = 0 AND noted_at < now() - interval '10 minutes';
DELETE FROM openreplay.live_sessions WHERE shard = 64;
DELETE FROM openreplay.heartbeats;

-- Counts of projects, a row a day; a second count changes nothing, and what was deleted is seen.
BEGIN;
INSERT INTO public.projects (project_id, name, active, metadata_2) VALUES (8101, 'counted', true, 'plan');
SELECT openreplay.ensure_session_partitions(now() - interval '40 days', 2) IS NOT NULL AS have_months;
SELECT date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS today \gset
INSERT INTO public.sessions (session_id, project_id, start_ts, platform, user_uuid, user_os, user_device, user_device_type, user_country, user_browser, tracker_version,
	timezone, duration, events_count, user_id, metadata_2)
SELECT openreplay.session_id_at(:'today'::timestamptz - days * interval '1 day') + n, 8101, (extract(epoch FROM :'today'::timestamptz - days * interval '1 day') * 1000)::bigint, 'web',
	'7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5', 'Linux', '', 'desktop', 'NL', 'Firefox', '14.0.14', 'UTC+00:00', duration, 10 * n, 'user ' || n % 2, CASE WHEN n < 3 THEN 'pro' ELSE 'free' END
FROM (VALUES (1, 0, 100), (2, 0, NULL), (3, 1, 100), (4, 1, 100), (5, 35, 100)) AS v (n, days, duration);
SELECT openreplay.count_project_days(now() - interval '2 days') >= 2 AS counted;
SELECT ((:'today'::timestamptz AT TIME ZONE 'UTC')::date - created_at::date) AS days_ago, sessions_count, events_count FROM public.projects_stats WHERE project_id = 8101 ORDER BY 1;
SELECT openreplay.count_project_days('-infinity') >= 3 AS counted;
DELETE FROM public.sessions WHERE project_id = 8101 AND events_count = 30;
DELETE FROM public.sessions WHERE project_id = 8101 AND events_count = 50;
SELECT openreplay.count_project_days('-infinity') >= 2 AS counted;
SELECT ((:'today'::timestamptz AT TIME ZONE 'UTC')::date - created_at::date) AS days_ago, sessions_count, events_count FROM public.projects_stats WHERE project_id = 8101 ORDER BY 1;

-- Most frequent values: counted once in five minutes, then out of the cache.
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, url, selector)
SELECT session_id, n, start_ts, CASE WHEN n % 3 = 0 THEN 'Pay' WHEN n = 7 THEN '' ELSE 'Add' END, 'https://shop.example/', 'b' FROM public.sessions, generate_series(1, 7) n WHERE project_id = 8101 AND duration IS NOT NULL;
SELECT openreplay.top_values(8101, 'click') AS counted, openreplay.top_values(8101, 'click') AS cached;
SELECT openreplay.top_values(8101, 'userId') AS users, openreplay.top_values(8101, 'metadata', 'plan') AS plans, openreplay.top_values(8101, 'metadata', 'no such') AS none, openreplay.top_values(8101, 'nothing') AS nothing;
SELECT type, openreplay.count_top_values(8101, type) IS NOT NULL AS counts FROM openreplay.top_value_sources() WHERE openreplay.count_top_values(8101, type) IS NULL;
SELECT event_type, event_key FROM or_cache.autocomplete_top_values WHERE project_id = 8101 ORDER BY 1, 2;
UPDATE or_cache.autocomplete_top_values SET created_at = timezone('utc', now()) - interval '4 minutes', result = '[{}]' WHERE project_id = 8101;
UPDATE or_cache.autocomplete_top_values SET asked_at = timezone('utc', now()) - interval '2 hours' WHERE project_id = 8101 AND event_type = 'userId';
SELECT openreplay.refresh_top_values();
SELECT event_type, result -> 0 FROM or_cache.autocomplete_top_values WHERE project_id = 8101 ORDER BY 1;

-- Jobs that erase a user, as the application handles them.
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT openreplay.erase_user(8101, 'user 1') AS midnight \gset
SELECT j.start_at = (date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC' AS at_midnight, description, status, action, reference_id, errors
FROM openreplay.jobs(8101) j;
SELECT jsonb_pretty(openreplay.job(8101, :midnight) - 'jobId' - 'createdAt' - 'startAt'), openreplay.job(8100, :midnight), openreplay.job(8101, 0);
SELECT pg_temp.try(statement) FROM (VALUES ('SELECT openreplay.erase_user(8101, ''user 1'')'), ('SELECT openreplay.erase_user(8101, '''')'), ('SELECT openreplay.erase_user(8101, repeat(''x'', 257))'),
	('SELECT openreplay.cancel_job(8101, 0)'), (format('SELECT openreplay.cancel_job(8100, %s)', :midnight)), (format('SELECT openreplay.cancel_job(8101, %s)', :midnight)),
	(format('SELECT openreplay.cancel_job(8101, %s)', :midnight))) AS t (statement);
SELECT openreplay.erase_user(8101, 'user 1', now()) > 0 AS again;
SELECT status, reference_id FROM openreplay.jobs(8101, 1, 1);
SELECT status, reference_id FROM openreplay.jobs(8101, 1, 2);
ROLLBACK;
