-- openreplay.check() finds what is planted, and nothing in a database that is well. And the pipeline at a glance.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include
DELETE FROM openreplay.outbox;
INSERT INTO public.projects (project_id, name, active) VALUES (7901, 'check', true);
SELECT date_trunc('second', now()) - interval '3 hours' AS start \gset
SELECT openreplay.session_id_at(:'start') + 7901 AS sid, (extract(epoch FROM :'start'::timestamptz) * 1000)::bigint AS t0 \gset

-- Three entries wait in two lanes; then nothing does.
SELECT batches_waiting AS waiting, oldest_waiting IS NULL AS none, lag_ms FROM openreplay.status;
SELECT pg_temp.start(:sid, 7901, :'start') IS NOT NULL AS started;
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, n, :t0, 'https://shop.example.com/', 'tab', pg_temp.click('click')), :'start') IS NOT NULL AS appended FROM generate_series(0, 10, 10) n;
SELECT batches_waiting AS waiting, lanes_waiting, oldest_waiting IS NULL AS none, lag_ms > 0 AS late FROM openreplay.status;
SELECT openreplay.process_batches() AS processed;
SELECT batches_waiting AS waiting, lanes_waiting, lag_ms, batches_per_second >= 0.1 AS rate, messages_per_second > 0 AS messages, live_sessions > 0 AS live, outbox_failed FROM openreplay.status;

SELECT * FROM openreplay.check();
-- One fault after the other; each is told with an example, and taken back.
\set problems 'SELECT problem, place, rows, replace(example, :''sid'', ''SID'') AS example FROM openreplay.check();'
BEGIN;
INSERT INTO events.clicks (session_id, message_id, "timestamp", label) VALUES (:sid + 1, 1, 0, 'of nobody'), (:sid + 1, 2, 0, 'of nobody');
SELECT problem, place, rows, example = (:sid + 1)::text AS of_it FROM openreplay.check();
ROLLBACK;
BEGIN;
INSERT INTO events.errors VALUES (:sid, 1, 0, 'unknown');
INSERT INTO public.errors_tags (key, value, error_id, session_id, message_id) VALUES ('release', '1', 'unknown', :sid, 2);
INSERT INTO events_common.issues VALUES (:sid, 0, 1, 'unknown', NULL);
INSERT INTO events_common.crashes VALUES (:sid, 0, 1, 'unknown');
INSERT INTO events.tags VALUES (:sid, 0, 1, -1);
:problems
ROLLBACK;
BEGIN;
UPDATE openreplay.live_sessions SET shard = shard + 1, project_id = -1 WHERE session_id = :sid;
INSERT INTO openreplay.deleted_sessions (session_id, expires_at) VALUES (:sid, now());
INSERT INTO openreplay.parked_batches (session_id, server_id, shard, seq, received_at) VALUES (:sid, 0, 0, -1, now());
:problems
ROLLBACK;
BEGIN;
DELETE FROM openreplay.live_sessions WHERE session_id = :sid;
:problems
ROLLBACK;
BEGIN;
INSERT INTO openreplay.batches SELECT seq + 1000000, session_id, received_at - interval '1 second', server_id, size_bytes, (shard + 1) % 64, kind, body
	FROM openreplay.batches WHERE session_id = :sid;
INSERT INTO openreplay.batches SELECT seq + 1000000, session_id, received_at + (1000 - seq) * interval '1 microsecond', 65535, size_bytes, shard, kind, body
	FROM openreplay.batches WHERE session_id = :sid AND seq < 1000000 AND kind = 'w';
INSERT INTO openreplay.passes SELECT * FROM openreplay.passes WHERE server_id = 0 AND entries > 0 ORDER BY passed_at DESC LIMIT 1;
SELECT problem, place, rows FROM openreplay.check();
ROLLBACK;
SELECT openreplay.end_sessions(now() + interval '1 day') > 0 AS ended;
BEGIN;
UPDATE public.sessions SET events_count = events_count + 1 WHERE session_id = :sid;
DELETE FROM openreplay.outbox WHERE key = :'sid';
INSERT INTO openreplay.outbox (kind, key, payload, claimed_by) VALUES ('recording', '1', '{}', 'nobody');
:problems
ROLLBACK;
SELECT * FROM openreplay.check();
DELETE FROM public.projects WHERE project_id = 7901;
SELECT * FROM openreplay.check();
DELETE FROM openreplay.outbox;
DELETE FROM openreplay.deleted_sessions;
