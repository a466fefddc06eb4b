-- Batches for the differential test: the recordings, two of them with everything sent twice, one whose start comes late; a visit of
-- an application, signals, reports, what is broken.  Variables: root; interleaved: whether all come at once, or session by session.
\set ECHO none
SET client_min_messages = warning;
\set include :root '/sql/include/encode.sql'
\i :include
\set include :root '/sql/include/captures.sql'
\i :include
\set ECHO none
\o /dev/null
INSERT INTO public.projects (project_id, name, active, save_request_payloads, metadata_1) OVERRIDING SYSTEM VALUE
VALUES (7777, 'differential', true, true, 'store');
INSERT INTO public.tags (tag_id, name, project_id, selector, ignore_click_rage, ignore_dead_click) VALUES (1, 'own', 7777, '#a', false, false);
INSERT INTO public.ut_tests (test_id, project_id, title, status) OVERRIDING SYSTEM VALUE VALUES (1, 7777, 'Find the lamp', 'in-progress');
INSERT INTO public.ut_tests_tasks (task_id, test_id, title) OVERRIDING SYSTEM VALUE VALUES (1, 1, 'Search');
SELECT pg_temp.append_capture(capture, 7777) FROM (SELECT DISTINCT capture FROM capture_requests) c;

SELECT max(received_at) AS latest FROM openreplay.batches \gset
SELECT openreplay.session_id_at(:'latest') AS sid, (extract(epoch FROM timestamptz :'latest') * 1000)::bigint AS t0 \gset
SELECT pg_temp.start(:sid, 7777, :'latest', '{"platform": "ios", "user_browser": ""}');
SELECT openreplay.append_batch(:sid, pg_temp.mobile_batch(n * 10, :t0 + n * 1000,
	pg_temp.tap(:t0 + n * 1000, 'Buy'), pg_temp.tap(:t0 + n * 1000 + 100, 'Buy'), pg_temp.tap(:t0 + n * 1000 + 200, 'Buy'),
	pg_temp.mobile(106, :t0 + n * 1000 + 300, pg_temp.str('Photos'), pg_temp.uint(3), pg_temp.uint(4), pg_temp.str('left')),
	pg_temp.mobile(101, :t0 + n * 1000 + 400, pg_temp.str('secret'), '\x01', pg_temp.str('E-mail')),
	pg_temp.mobile(98, :t0 + n * 1000 + 450, pg_temp.str('Shop'), pg_temp.str('Cart'), '\x01'),
	pg_temp.mobile(97, :t0 + n * 1000 + 500, pg_temp.str('SIGSEGV'), pg_temp.str('n' || n), pg_temp.str('')),
	pg_temp.mobile(102, :t0 + n * 1000 + 600, pg_temp.str('fps'), pg_temp.uint(50 + n))), timestamptz :'latest' + n * interval '1 second', 'm')
FROM generate_series(1, 5) n;
SELECT openreplay.append_batch(:sid, convert_to(jsonb_build_object('test_id', 1, 'task_id', task, 'status', 'done', 'timestamp', :t0 + 7000,
	'duration', 5, 'answer', 'Yes')::text, 'UTF8'), timestamptz :'latest' + interval '6 seconds', 'u') FROM unnest('{1, null}'::int[]) AS task;
SELECT openreplay.append_batch(:sid, convert_to(jsonb_build_object('user_actions', jsonb_build_array(
		jsonb_build_object('type', 'identity', 'user_id', 'u-7', 'timestamp', :t0 + n),
		jsonb_build_object('type', 'increment_property', 'user_id', 'u-7', 'timestamp', :t0 + n, 'payload', '{"visits": 1}'::jsonb)),
	'events', jsonb_build_array(jsonb_build_object('name', 'step', 'timestamp', :t0 + n)))::text, 'UTF8'),
	timestamptz :'latest' + interval '7 seconds', 'a') FROM generate_series(1, 3) n;
SELECT pg_temp.start(:sid + 2, 7777, timestamptz :'latest' + interval '8 seconds');
SELECT openreplay.append_batch(:sid + 2, pg_temp.batch(0, 0, :t0 + 8500, 'https://shop.example.com/', 'tab-a', pg_temp.msg(120, pg_temp.int(1)),
	pg_temp.msg(119, pg_temp.str('12'), pg_temp.uint(:t0 + 8500)), pg_temp.msg(42, pg_temp.str('cart/add'))), timestamptz :'latest' + interval '9 seconds');
SELECT openreplay.append_batch(:sid, '\x6b', timestamptz :'latest' + interval '8 seconds', 'm');
SELECT openreplay.append_batch(:sid + 1, 'no JSON', timestamptz :'latest' + interval '8 seconds', 's');

-- As they came, but for what arrives late or again; then they get their places anew, as if one server had written them so.
CREATE TEMP TABLE entry AS
SELECT b.*, row_number() OVER (PARTITION BY session_id ORDER BY received_at, seq)::numeric AS place, 1 AS copy FROM openreplay.batches b;
UPDATE entry SET place = 4.5 WHERE kind = 's'
	AND session_id = (pg_temp.document('s1-browse-short', 'meta')->'sessions'->0->>'sessionID')::bigint;
INSERT INTO entry SELECT e.*, 2 FROM (SELECT seq, session_id, received_at, server_id, size_bytes, shard, kind, body, place + 0.5 FROM entry) e
WHERE session_id IN (SELECT (pg_temp.document(name, 'meta')->'sessions'->0->>'sessionID')::bigint FROM unnest('{s1-browse-short, s3-frustration}'::text[]) name);
TRUNCATE openreplay.batches;
INSERT INTO openreplay.batches (seq, session_id, received_at, server_id, size_bytes, shard, kind, body)
SELECT row_number() OVER w, session_id, max(received_at) OVER (w ROWS UNBOUNDED PRECEDING), 0, size_bytes, shard, kind, body FROM entry
WINDOW w AS (PARTITION BY shard ORDER BY CASE WHEN :interleaved THEN received_at END, CASE WHEN :interleaved THEN place END, session_id, place);
\o
SELECT count(*) || ' entries of ' || count(DISTINCT session_id) || ' sessions' FROM openreplay.batches;
