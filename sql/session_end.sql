--
-- How sessions end: after 150 s of silence by their lane's clock; late data opens them again, and an end only ever extends
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include

DELETE FROM openreplay.outbox;
INSERT INTO public.projects (name, active) VALUES ('session end', true) RETURNING project_id \gset
\set t0 1732460400000
\set start '2024-11-24 15:00:00+00'
SELECT pg_temp.session_in_quiet_lane(:'start') AS sid \gset
CREATE FUNCTION pg_temp.state(id bigint) RETURNS TABLE (is_live boolean, duration int, pages int, events int, stored_duration int)
LANGUAGE sql AS $$
	SELECT v.is_live, v.duration, v.pages_count, v.events_count, s.duration
	FROM openreplay.sessions v JOIN public.sessions s USING (session_id) WHERE session_id = id
$$;

-- Batches after 0, 40 and 95 s: the session ends 245 s after its start, not earlier.
SELECT pg_temp.start(:sid, :project_id, :'start') IS NOT NULL AS started;
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, n * 10, :t0 + n * 1000, 'https://shop.example.com/', 'tab-a',
	pg_temp.at(:t0 + n * 1000), pg_temp.click('at ' || n)), timestamptz :'start' + n * interval '1 second') IS NOT NULL AS appended
FROM unnest('{0,40,95}'::int[]) AS n;
SELECT openreplay.end_sessions(timestamptz :'start' + interval '244.9 seconds') AS ended;
SELECT * FROM pg_temp.state(:sid);
SELECT openreplay.end_sessions(timestamptz :'start' + interval '245 seconds') AS ended;
SELECT * FROM pg_temp.state(:sid);
-- its recording is on its way, once
SELECT kind, payload->>'session_id' = :'sid' AS of_it, attempts FROM openreplay.outbox WHERE key = :'sid';
-- ended is ended
SELECT openreplay.end_sessions(timestamptz :'start' + interval '10 minutes') AS ended;

-- A batch after 300 s opens it again; its second end is longer, with all counters, announced, and its recording is stored anew.
SELECT count(*) AS claimed, bool_or(openreplay.finish_outbox(c.outbox_id, 'regress')) AS stored
FROM openreplay.claim_outbox('regress', '{recording}', 1000) c;
LISTEN openreplay_session_ended;
\set heard '\\o | sed ''s/^Asynchronous notification //; s/ received from server process.*//; s/[0-9]\\{15,\\}/ID/; s/"project_id" : [0-9]*/"project_id" : N/'''
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 3000, :t0 + 300000, 'https://shop.example.com/', 'tab-a',
	pg_temp.at(:t0 + 300000), pg_temp.click('late')), timestamptz :'start' + interval '300 seconds') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT * FROM pg_temp.state(:sid);
SELECT openreplay.end_sessions(timestamptz :'start' + interval '449 seconds') AS ended;
:heard
SELECT openreplay.end_sessions(timestamptz :'start' + interval '450 seconds') AS ended;
\o
UNLISTEN openreplay_session_ended;
SELECT * FROM pg_temp.state(:sid);
SELECT kind, attempts FROM openreplay.outbox WHERE key = :'sid';
-- late data that is older does not shorten it
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 2000, :t0 + 50000, 'https://shop.example.com/', 'tab-a',
	pg_temp.at(:t0 + 50000), pg_temp.click('later still')), timestamptz :'start' + interval '900 seconds') IS NOT NULL AS appended;
SELECT openreplay.end_sessions(timestamptz :'start' + interval '1 hour') AS ended;
SELECT * FROM pg_temp.state(:sid);

-- Nothing ends while batches wait: the call above read them first, and so does this one.
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 5000, :t0 + 3600000, 'https://shop.example.com/', 'tab-a',
	pg_temp.at(:t0 + 3600000)), timestamptz :'start' + interval '1 hour') IS NOT NULL AS appended;
SELECT openreplay.end_sessions(timestamptz :'start' + interval '1 hour') AS ended;
SELECT is_live FROM pg_temp.state(:sid);

-- A writer's heartbeat is the clock: as long as it says an hour ago, nothing ends; once it has moved on, the session does.
INSERT INTO openreplay.heartbeats (server_id, clock) VALUES (0, timestamptz :'start' + interval '1 hour 149 seconds');
SELECT openreplay.end_sessions() > 0 AS ended;
SELECT is_live FROM pg_temp.state(:sid);
INSERT INTO openreplay.heartbeats (server_id, clock) VALUES (0, timestamptz :'start' + interval '1 hour 150 seconds');
SELECT openreplay.end_sessions() > 0 AS ended;
SELECT is_live FROM pg_temp.state(:sid);
DELETE FROM openreplay.heartbeats;

-- A page view waits for its timings; at the end it is shown as it is. Vitals that come after its row update the row.
SELECT pg_temp.session_in_quiet_lane('2024-11-24 17:00:00+00') AS sid \gset
\set t1 1732467600000
SELECT pg_temp.start(:sid, :project_id, '2024-11-24 17:00:00+00') IS NOT NULL AS started;
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 0, :t1, 'https://shop.example.com/', 'tab-a',
	pg_temp.msg(122, pg_temp.str('https://shop.example.com/first'), pg_temp.str(''), pg_temp.uint(:t1), pg_temp.str('')),
	pg_temp.msg(124, pg_temp.str('TTFB'), pg_temp.str('12.5')),
	pg_temp.msg(23, VARIADIC array_fill(pg_temp.uint(40), ARRAY[9])), pg_temp.msg(24, VARIADIC array_fill(pg_temp.uint(50), ARRAY[3])),
	pg_temp.at(:t1 + 2000),
	pg_temp.msg(122, pg_temp.str('https://shop.example.com/in-app'), pg_temp.str(''), pg_temp.uint(0), pg_temp.str('')),
	pg_temp.msg(124, pg_temp.str('LCP'), pg_temp.str('800'))), '2024-11-24 17:00:05+00') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT path, load_time, web_vitals FROM events.pages WHERE session_id = :sid ORDER BY timestamp;
SELECT openreplay.append_batch(:sid, pg_temp.batch(1, 0, :t1 + 9000, 'https://shop.example.com/', 'tab-a',
	pg_temp.msg(122, pg_temp.str('https://shop.example.com/second'), pg_temp.str('https://shop.example.com/first'), pg_temp.uint(:t1 + 9000), pg_temp.str(''))), '2024-11-24 17:00:15+00') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT path, load_time, web_vitals FROM events.pages WHERE session_id = :sid ORDER BY timestamp;
SELECT openreplay.end_sessions('2024-11-24 18:00:00+00') AS ended;
SELECT path, load_time, web_vitals FROM events.pages WHERE session_id = :sid ORDER BY timestamp;
SELECT * FROM pg_temp.state(:sid);

-- A worker that died leaves a checkpoint that knows of the start only. The batches know better: what is not silent does not
-- end, and what comes next finds the tabs where they were.
SELECT pg_temp.session_in_quiet_lane('2024-11-24 21:00:00+00') AS sid \gset
\set t2 1732482000000
CREATE FUNCTION pg_temp.say(sid bigint, s int, tab text, label text) RETURNS boolean LANGUAGE sql AS $$
	SELECT openreplay.append_batch(sid, pg_temp.batch(0, s * 10, 1732482000000 + s * 1000, 'https://shop.example.com/', tab,
		pg_temp.at(1732482000000 + s * 1000), pg_temp.click(label)), '2024-11-24 21:00:00+00'::timestamptz + s * interval '1 second') IS NOT NULL
$$;
SELECT pg_temp.start(:sid, :project_id, '2024-11-24 21:00:00+00') IS NOT NULL AS started;
SELECT openreplay.process_batches();
CREATE TEMP TABLE checkpoint AS SELECT * FROM openreplay.live_sessions WHERE session_id = :sid;
SELECT pg_temp.say(:sid, 20, 'tab-b', 'first'), pg_temp.say(:sid, 130, 'tab-a', 'second');
SELECT openreplay.process_batches();
UPDATE openreplay.live_sessions l SET last_received_at = c.last_received_at, last_message_ms = c.last_message_ms, state = c.state
FROM checkpoint c WHERE l.session_id = c.session_id;
SELECT * FROM pg_temp.state(:sid);
SELECT openreplay.end_sessions('2024-11-24 21:04:39+00') AS ended;
SELECT * FROM pg_temp.state(:sid);
SELECT last_received_at AT TIME ZONE 'UTC' AS last_received_at, last_message_ms - :t2 AS ms FROM openreplay.live_sessions WHERE session_id = :sid;
UPDATE openreplay.live_sessions l SET last_received_at = c.last_received_at, last_message_ms = c.last_message_ms, state = c.state
FROM checkpoint c WHERE l.session_id = c.session_id;
SELECT pg_temp.say(:sid, 140, 'tab-a', 'third');
SELECT openreplay.end_sessions('2024-11-24 21:04:50+00') AS ended;
SELECT * FROM pg_temp.state(:sid);
SELECT label, message_id >> 48 AS tab FROM events.clicks WHERE session_id = :sid ORDER BY timestamp;

-- What another version wrote is not guessed at: the session stays as it is, and the others end.
SELECT pg_temp.session_in_quiet_lane('2024-11-24 22:00:00+00') AS sid \gset
SELECT pg_temp.start(:sid, :project_id, '2024-11-24 22:00:00+00') IS NOT NULL AS started;
SELECT openreplay.process_batches();
UPDATE openreplay.live_sessions SET state = '\x00000001' WHERE session_id = :sid;
SET client_min_messages = error;
SELECT openreplay.end_sessions('2024-11-24 23:00:00+00') >= 0 AS comes_back;
SET client_min_messages = warning;
SELECT is_live FROM pg_temp.state(:sid);
DELETE FROM public.sessions WHERE session_id = :sid;

-- Client clocks that are wrong: behind the start the duration is 999, a day ahead they move nothing. No message at all: 0.
SELECT openreplay.session_id_at('2024-11-24 19:00:00+00') AS sid \gset
SELECT pg_temp.start(:sid + n, :project_id, '2024-11-24 19:00:00+00') IS NOT NULL AS started FROM generate_series(0, 2) n;
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 0, 86400000, 'https://shop.example.com/', 'tab-a', pg_temp.click('1970')), '2024-11-24 19:00:01+00') IS NOT NULL AS behind,
	   openreplay.append_batch(:sid + 1, pg_temp.batch(0, 0, 4102444800000, 'https://shop.example.com/', 'tab-a', pg_temp.click('2100')), '2024-11-24 19:00:01+00') IS NOT NULL AS ahead;
SELECT openreplay.end_sessions(now() + interval '1 day') >= 3 AS ended;	-- lanes may have received later things
SELECT session_id - :sid AS n, duration, events_count, (SELECT count(*) FROM openreplay.outbox o WHERE o.key = s.session_id::text) AS queued
FROM public.sessions s WHERE session_id BETWEEN :sid AND :sid + 2 ORDER BY 1;

-- 999 says that a clock was wrong, so a true 999 is 1000; what a column cannot hold is its largest value.
SELECT openreplay.session_id_at('2024-10-01 19:00:00+00') AS sid \gset
SELECT pg_temp.start(:sid + n, :project_id, '2024-10-01 19:00:00+00', jsonb_build_object('expires_ms', 1730315999000)) IS NOT NULL AS started FROM generate_series(0, 1) n;
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 0, 1727809200000, 'https://shop.example.com/', 'tab-a', pg_temp.at(1727809200999)), '2024-10-01 19:00:02+00') IS NOT NULL AS true_999,
	openreplay.append_batch(:sid + 1, pg_temp.batch(0, 0, 1730055600000, 'https://shop.example.com/', 'tab-a', pg_temp.at(1730055600000)), '2024-10-27 19:00:01+00') IS NOT NULL AS days_26;
SELECT openreplay.end_sessions(now() + interval '1 day') >= 2 AS ended;
SELECT session_id - :sid AS n, duration FROM public.sessions WHERE session_id BETWEEN :sid AND :sid + 1 ORDER BY 1;

DELETE FROM public.projects WHERE project_id = :project_id;
