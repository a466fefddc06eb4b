--
-- detect() finds what the pipeline found, in visits nobody thought of: made by numbers from a hash, arriving in batches that
-- are processed one by one in every other visit, so that each is taken up again from its checkpoint
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include
INSERT INTO public.projects (project_id, name, active) OVERRIDING SYSTEM VALUE VALUES (7413, 'agrees', true);
SELECT openreplay.set_detector_threshold(7413, 'anr.enabled', 1);
SELECT openreplay.set_detector_threshold(7413, 'anr.silence', 20000);
SELECT openreplay.set_detector_threshold(7413, 'app_performance.window', 30000);
SELECT openreplay.set_detector_threshold(7413, 'performance.window', 30000);
\set moment '2024-11-21 15:00:00+00'

-- 0 ... below - 1
CREATE FUNCTION pg_temp.dice(visit int, n int, what text, below int) RETURNS int LANGUAGE sql IMMUTABLE AS $$
	SELECT (('x' || substr(md5(concat_ws('/', visit, n, what)), 1, 7))::bit(28)::int) % below
$$;
CREATE FUNCTION pg_temp.label(visit int, n int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT (ARRAY['Pay', 'Pay', 'Back', ''])[1 + pg_temp.dice(visit, n, 'label', 4)]
$$;
-- Times move on, mostly by a little, now and then back.
CREATE FUNCTION pg_temp.step(visit int, n int) RETURNS int LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE pg_temp.dice(visit, n, 'pace', 12) WHEN 0 THEN -500 WHEN 1 THEN 30000 WHEN 2 THEN 3000
		WHEN 3 THEN 1500 ELSE pg_temp.dice(visit, n, 'step', 400) END
$$;
CREATE FUNCTION pg_temp.web_message(visit int, n int, at bigint) RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_temp.at(at) || CASE pg_temp.dice(visit, n, 'type', 9)
		WHEN 0 THEN pg_temp.msg(11, pg_temp.uint(9))
		WHEN 1 THEN pg_temp.msg(49, pg_temp.int(20), pg_temp.int(pg_temp.dice(visit, n, 'ticks', 40)), pg_temp.uint(9000),
			pg_temp.uint(100 + pg_temp.dice(visit, n, 'heap', 20) / 19 * 1000))
		WHEN 2 THEN pg_temp.msg(49, pg_temp.int(20), pg_temp.int(0), pg_temp.uint(9000), pg_temp.uint(100))
		WHEN 3 THEN pg_temp.msg(83, pg_temp.str('fetch'), pg_temp.str('GET'), pg_temp.str('https://a.test/x'), pg_temp.str(''), pg_temp.str(''),
			pg_temp.uint(200 + 300 * pg_temp.dice(visit, n, 'status', 2)), pg_temp.uint(at - 40), pg_temp.uint(40), pg_temp.uint(1))
		WHEN 4 THEN pg_temp.msg(115, pg_temp.uint(50 + pg_temp.dice(visit, n, 'nodes', 50)))
		WHEN 5 THEN pg_temp.msg(20, pg_temp.uint(1), pg_temp.uint(1))
		ELSE pg_temp.click(pg_temp.label(visit, n)) END
$$;
CREATE FUNCTION pg_temp.app_message(visit int, n int, at bigint) RETURNS bytea LANGUAGE sql AS $$
	SELECT CASE pg_temp.dice(visit, n, 'type', 5)
		WHEN 0 THEN '\x66'::bytea || pg_temp.uint(at) || pg_temp.uint(4)
			|| pg_temp.str((ARRAY['fps', 'mainThreadCPU', 'memoryUsage', 'batteryLevel', 'background'])[1 + pg_temp.dice(visit, n, 'metric', 5)])
			|| pg_temp.uint(pg_temp.dice(visit, n, 'value', 100))
		WHEN 1 THEN '\x67'::bytea || pg_temp.uint(at) || pg_temp.uint(4) || pg_temp.str('info') || pg_temp.str('log')
		ELSE '\x64'::bytea || pg_temp.uint(at) || pg_temp.uint(4) || pg_temp.str(pg_temp.label(visit, n)) || pg_temp.uint(1) || pg_temp.uint(2) END
$$;

-- Twelve visits of the web and twelve of apps, of eight batches with twenty messages each.
CREATE TEMP TABLE visit AS
	SELECT v AS visit, openreplay.session_id_at(:'moment') + v AS session_id, v > 12 AS app FROM generate_series(1, 24) v;
CREATE TEMP TABLE batch AS
	SELECT visit, session_id, app, n / 20 AS batch, min(at) AS at,
		   string_agg(CASE WHEN app THEN pg_temp.app_message(visit, n, at) ELSE pg_temp.web_message(visit, n, at) END, '' ORDER BY n) AS messages
	FROM (SELECT v.*, n, (extract(epoch FROM :'moment'::timestamptz) * 1000)::bigint + 1000
				 + sum(pg_temp.step(visit, n)) OVER (PARTITION BY visit ORDER BY n) AS at
		  FROM visit v, generate_series(0, 159) n) m
	GROUP BY visit, session_id, app, n / 20;
SELECT count(pg_temp.start(session_id, 7413, :'moment',
	CASE WHEN app THEN '{"platform": "ios", "user_device_type": "mobile"}'::jsonb ELSE '{}' END)) AS started FROM visit;
DO $$
DECLARE
	b record;
BEGIN
	FOR b IN SELECT * FROM batch ORDER BY visit % 2, batch, visit LOOP
		PERFORM openreplay.append_batch(b.session_id,
			CASE WHEN b.app THEN '\x6b'::bytea || pg_temp.uint(b.at) || pg_temp.uint(2) || pg_temp.uint(b.batch * 100) || b.messages
				 ELSE pg_temp.batch(b.batch / 3, b.batch * 100, b.at, 'https://shop.acme.test/' || b.batch / 3, 'tab-' || b.batch % 2, b.messages) END,
			'2024-11-21 15:00:00+00'::timestamptz + b.batch * interval '1 second', CASE WHEN b.app THEN 'm' ELSE 'w' END::"char");
		IF b.visit % 2 = 1 THEN
			PERFORM openreplay.process_batches();
		END IF;
	END LOOP;
END
$$;
SELECT openreplay.end_sessions(now() + interval '1 day') >= 24 AS ended;

-- Every detector had something to find, and what is stored is what is found.
CREATE TEMP TABLE found AS SELECT v.session_id, f.* FROM visit v, openreplay.detect(v.session_id) f;
SELECT detector, count(*) > 0 AS some FROM found GROUP BY 1 ORDER BY 1;
CREATE TEMP TABLE stored AS
	SELECT session_id, d.type::text, d.context_string, e.timestamp, e.seq_index, e.payload
	FROM visit JOIN events_common.issues e USING (session_id) JOIN public.issues d USING (issue_id);
SELECT 'found' AS only, * FROM (
	SELECT session_id, type, context_string, timestamp, message_id % 2147483647 AS seq_index, payload FROM found WHERE type IS NOT NULL
	EXCEPT ALL TABLE stored) f
UNION ALL SELECT 'stored', * FROM (
	TABLE stored EXCEPT ALL
	SELECT session_id, type, context_string, timestamp, message_id % 2147483647, payload FROM found WHERE type IS NOT NULL) s;
WITH summary AS (
	SELECT session_id, timestamp + ((payload->>'until')::bigint - timestamp) / 2 AS middle, payload->'max_fps' AS fps, payload->'max_cpu' AS cpu
	FROM found WHERE type IS NULL
), row AS (
	SELECT session_id, timestamp AS middle, to_jsonb(max_fps) AS fps, to_jsonb(max_cpu) AS cpu FROM events.performance JOIN visit USING (session_id)
	UNION ALL SELECT session_id, timestamp, to_jsonb(max_fps), to_jsonb(max_cpu) FROM events_ios.performance JOIN visit USING (session_id)
)
SELECT 'found' AS only, * FROM (TABLE summary EXCEPT ALL TABLE row) f
UNION ALL SELECT 'stored', * FROM (TABLE row EXCEPT ALL TABLE summary) r;
DELETE FROM public.projects WHERE project_id = 7413;
