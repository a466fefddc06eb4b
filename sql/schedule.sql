-- Periodic work: a plain function anybody may schedule, and a clear word where pg_cron is absent.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
RESET client_min_messages;
CALL openreplay.keep_house();
-- run again it finds nothing to do
CALL openreplay.keep_house();
SELECT openreplay.schedule_jobs();
-- with pg_cron preloaded, the statement to run in its database
SET cron.database_name = 'scheduler';
SELECT regexp_replace(openreplay.schedule_jobs(), current_database(), '<database>', 'g');
RESET cron.database_name;
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
