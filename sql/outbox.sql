-- The outbox: what must leave is claimed, done, tried again, given up; and never in two hands.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
RESET client_min_messages;
DELETE FROM openreplay.outbox;
LISTEN openreplay_outbox;
\set SHOW_CONTEXT never
\set heard '\\o | sed ''s/^Asynchronous notification //; s/ received from server process.*//'''

-- Something is queued, and uploaders are told.
:heard
SELECT openreplay.queue_outbox('hook', '{"n": 1}') IS NOT NULL AS queued;
\o
UNLISTEN openreplay_outbox;
SELECT openreplay.queue_outbox('hook', '{"n": 2}') IS NOT NULL AS queued;
SELECT openreplay.queue_outbox('mail', '{"n": 3}') IS NOT NULL AS queued;

-- The first kind first, the oldest first; what one holds another does not get.
SELECT kind, payload, attempts FROM openreplay.claim_outbox('a', '{mail,hook}', 2);
SELECT kind, payload, attempts FROM openreplay.claim_outbox('b', '{mail,hook}', 10);
SELECT kind, pending, to_be_retried, in_progress, failed, last_error FROM openreplay.outbox_status ORDER BY kind;

-- Only its holder finishes it; done is gone.
SELECT outbox_id AS mail FROM openreplay.outbox WHERE kind = 'mail' \gset
SELECT openreplay.finish_outbox(:mail, 'b') AS by_b, openreplay.finish_outbox(:mail, 'a') AS by_a, openreplay.finish_outbox(:mail, 'a') AS again;

-- A failure waits longer each time: 10 s, 20 s, 40 s, at most an hour, give or take a half, and no two the same.
SELECT outbox_id AS hook FROM openreplay.outbox WHERE payload->>'n' = '1' \gset
CREATE TEMP TABLE pause (attempt integer, seconds numeric);
DO $$
DECLARE
	id bigint := (SELECT outbox_id FROM openreplay.outbox WHERE payload->>'n' = '1');
BEGIN
	FOR attempt IN 1..39 LOOP
		PERFORM openreplay.fail_outbox(id, 'a', 'the receiver answered 503');
		INSERT INTO pause SELECT attempt, extract(epoch FROM next_try - clock_timestamp()) FROM openreplay.outbox WHERE outbox_id = id;
		UPDATE openreplay.outbox SET next_try = now() WHERE outbox_id = id;
		PERFORM openreplay.claim_outbox('a', '{hook}', 1);
	END LOOP;
END
$$;
SELECT attempt, seconds FROM pause WHERE seconds NOT BETWEEN 0.49 * least(3600, 5 * 2.0 ^ attempt) AND 1.5 * least(3600, 5 * 2.0 ^ attempt);
SELECT count(*) > 1 AS jitter FROM (SELECT DISTINCT round(seconds) FROM pause WHERE attempt > 20) p;
-- after openreplay.outbox_attempts it is given up, with its last error; nobody gets it any more
SELECT openreplay.fail_outbox(:hook, 'a', 'the receiver answered 503 again');
SELECT kind, pending, to_be_retried, in_progress, failed, last_error FROM openreplay.outbox_status;
SELECT attempts, given_up FROM openreplay.outbox WHERE outbox_id = :hook;
SELECT payload FROM openreplay.claim_outbox('a', '{hook}', 10);
-- until somebody says so
SELECT openreplay.retry_outbox(kind => 'hook'), openreplay.retry_outbox(kind => 'hook') AS again;
SELECT payload, attempts FROM openreplay.claim_outbox('a', '{hook}', 10);
-- what cannot succeed is given up at once
SELECT openreplay.fail_outbox(:hook, 'a', 'no such address', true);
SELECT given_up, last_error FROM openreplay.outbox WHERE outbox_id = :hook;
SELECT openreplay.retry_outbox(:hook);
DELETE FROM openreplay.outbox WHERE outbox_id = :hook;

-- An uploader that is silent for a minute has lost what it held; one that comes back gives it back itself.
UPDATE openreplay.uploaders SET heartbeat = now() - interval '61 seconds' WHERE worker = 'b';
SELECT payload, attempts FROM openreplay.claim_outbox('a', '{hook}', 10);
SELECT claimed_by, attempts, last_error, next_try > now() AS later FROM openreplay.outbox;
UPDATE openreplay.outbox SET next_try = now();
SELECT payload, attempts FROM openreplay.claim_outbox('a', '{hook}', 10);
SELECT openreplay.holds_outbox(outbox_id, 'a') AS a_holds, openreplay.holds_outbox(outbox_id, 'b') AS b_holds FROM openreplay.outbox;
SELECT openreplay.finish_outbox(outbox_id, 'b') AS by_the_dead FROM openreplay.outbox;
SELECT openreplay.release_outbox('a'), openreplay.release_outbox('a') AS again;
DELETE FROM openreplay.outbox;

-- A recording that is queued twice is stored once; queued while it is being stored, it is stored once more.
SELECT openreplay.ensure_session_partitions('2024-11-24 12:00+00', 0) >= 0 AS ready;
SELECT openreplay.session_id_at('2024-11-24 12:00+00') AS sid \gset
SELECT openreplay.queue_recordings(ARRAY[:sid]), openreplay.queue_recordings(ARRAY[:sid]);
SELECT kind, payload->>'session_id' = :'sid' AS of_session FROM openreplay.claim_outbox('a', '{recording}', 10);
SELECT openreplay.queue_recordings(ARRAY[:sid]);
SELECT count(*) AS to_others FROM openreplay.claim_outbox('b', '{recording}', 10);
SELECT openreplay.finish_outbox(outbox_id, 'a') FROM openreplay.outbox;
SELECT count(*) AS stored FROM openreplay.stored_recordings WHERE session_id = :sid;
SELECT kind, attempts FROM openreplay.claim_outbox('b', '{recording}', 10);
SELECT openreplay.finish_outbox(outbox_id, 'b') FROM openreplay.outbox;
SELECT count(*) AS stored FROM openreplay.stored_recordings WHERE session_id = :sid;
SELECT count(*) AS waiting FROM openreplay.outbox;

-- A month that has no place for it gets one.
SELECT openreplay.queue_recordings(ARRAY[openreplay.session_id_at('2022-02-02 12:00+00')]);
SELECT count(openreplay.finish_outbox(outbox_id, 'a')) AS finished FROM openreplay.claim_outbox('a', '{recording}', 1);
DELETE FROM openreplay.stored_recordings WHERE session_id = openreplay.session_id_at('2022-02-02 12:00+00') RETURNING stored_at <= now() AS stored;

-- Its session is deleted: what waits is taken back, what is being stored is removed when it is stored, or has failed.
SELECT openreplay.queue_recordings(ARRAY[:sid, :sid + 1, :sid + 2]);
SELECT count(*) AS claimed FROM openreplay.claim_outbox('a', '{recording}', 2);
SELECT openreplay.queue_removal(ARRAY[:sid, :sid + 1, :sid + 2]);
SELECT kind, key IS NULL AS without_key, followed_by, jsonb_array_length(payload->'session_ids') AS sessions FROM openreplay.outbox ORDER BY outbox_id;
SELECT openreplay.finish_outbox(min(outbox_id), 'a') AS finished, openreplay.fail_outbox(max(outbox_id), 'a', 'disk full') AS failed
FROM openreplay.outbox WHERE kind = 'recording';
SELECT kind, attempts, payload->'session_ids'->>0 = :'sid' AS first FROM openreplay.claim_outbox('a', '{recording,remove}', 10);
SELECT openreplay.finish_outbox(outbox_id, 'a') FROM openreplay.outbox;
DELETE FROM openreplay.stored_recordings WHERE session_id = :sid;
-- removals of many share rows
SELECT openreplay.queue_removal(array_agg(n)) FROM generate_series(1, 2500) n;
SELECT jsonb_array_length(payload->'session_ids') FROM openreplay.outbox ORDER BY outbox_id;
DELETE FROM openreplay.outbox;

-- An announcement that cannot be made fails nothing.
SELECT openreplay.announce('openreplay_outbox', repeat('long ', 2000));

-- Uploaders do their work and see nothing else.
SET ROLE openreplay_uploader;
\set VERBOSITY terse
SELECT count(*) FROM openreplay.claim_outbox('a', '{recording}', 1);
SELECT openreplay.beat_outbox('a'), openreplay.release_outbox('a'), openreplay.finish_outbox(-1, 'a'), openreplay.fail_outbox(-1, 'a', '');
SELECT count(*) FROM openreplay.outbox;
SELECT openreplay.queue_outbox('hook', '{}');
SELECT openreplay.claim_outbox('a', '{recording}', 0);
RESET ROLE;
DELETE FROM openreplay.uploaders;

-- Messages: of a receiver only the first is given away, whoever asks, and with what is needed to deliver it.
DELETE FROM openreplay.outbox;
SELECT openreplay.save_webhook('https://hooks.example/a', 'a', auth_header => 'Bearer secret') AS a, openreplay.save_webhook('https://hooks.example/b', 'b', 'slack') AS b \gset
SELECT count(openreplay.queue_outbox(kind, jsonb_build_object('webhook_id', hook, 'idempotency_key', 'k' || n, 'body', jsonb_build_object('n', n)))) AS queued
FROM (VALUES (1, 'webhook', :a), (2, 'webhook', :a), (3, 'slack', :b), (4, 'webhook', 0)) AS v (n, kind, hook);
SELECT openreplay.queue_outbox('email', '{"body": {"to": "Mara@x.example", "subject": "s", "text": "t"}}') IS NOT NULL AS queued;
SELECT kind, attempts, idempotency_key, problem, endpoint, auth_header, body FROM openreplay.claim_deliveries('a', '{webhook,slack,msteams}', 10) ORDER BY idempotency_key;
SELECT count(*) AS to_others FROM openreplay.claim_deliveries('b', '{webhook,slack,msteams}', 10);
SELECT kind, idempotency_key LIKE 'outbox-%' AS own_key, "to", subject, plain, html FROM openreplay.claim_deliveries('b', '{email}', 10);
SELECT kind, replace(receiver, :'a', '<a>') AS receiver FROM openreplay.outbox WHERE receiver NOT LIKE '%' || :'b' ORDER BY outbox_id;

-- The next one comes when it is done or given up; while it waits for its next try, all of this receiver wait.
SELECT outbox_id AS first FROM openreplay.outbox WHERE payload ->> 'idempotency_key' = 'k1' \gset
SELECT openreplay.fail_outbox(:first, 'a', 'answered 503');
SELECT count(*) AS meanwhile FROM openreplay.claim_deliveries('b', '{webhook}', 10);
UPDATE openreplay.outbox SET next_try = now() WHERE outbox_id = :first;
SELECT idempotency_key, attempts FROM openreplay.claim_deliveries('b', '{webhook}', 10);
SELECT openreplay.finish_outbox(:first, 'b');
SELECT idempotency_key, attempts FROM openreplay.claim_deliveries('b', '{webhook}', 10);
-- The walk reads an entry a receiver, not all that waits.
INSERT INTO openreplay.outbox (kind, payload) SELECT 'webhook', jsonb_build_object('webhook_id', -n % 3, 'body', n) FROM generate_series(1, 3000) n;
ANALYZE openreplay.outbox;
SELECT body FROM openreplay.claim_deliveries('c', '{webhook}', 10) ORDER BY body::integer;
-- An uploader gets secrets by this function alone.
SET ROLE openreplay_uploader;
SELECT count(*) FROM public.webhooks;
RESET ROLE;
DELETE FROM openreplay.outbox;
DELETE FROM public.webhooks WHERE name IN ('a', 'b');
SELECT openreplay.claim_deliveries('a', '{webhook}', 0);
DELETE FROM openreplay.uploaders;
