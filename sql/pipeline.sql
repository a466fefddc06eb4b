--
-- From batches to rows: the worked example, and everything that can be wrong with a batch
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include

INSERT INTO public.projects (name, active, metadata_1, metadata_3) VALUES ('pipeline', true, 'plan', 'team')
RETURNING project_id \gset
-- The visit of the documented example: 2024-11-23, 14:26:40.
\set t0 1732372000000
\set moment '2024-11-23 14:26:40+00'
SELECT openreplay.session_id_at(:'moment') AS sid \gset

--
-- One page view, one click, one failed request
--
SELECT pg_temp.start(:sid, :project_id, :'moment') AS seq;
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 1, :t0, 'https://shop.example.com:8443/p/a%20b', 'tab-a',
	pg_temp.msg(122, pg_temp.str('https://shop.example.com:8443/p/a%20b?utm_source=mail&x=1#top'),
				pg_temp.str('https://news.example.org/n?id=7'), pg_temp.uint(:t0), pg_temp.str('A page')),
	pg_temp.msg(23, pg_temp.uint(20), pg_temp.uint(120), pg_temp.uint(180), pg_temp.uint(400), pg_temp.uint(410),
				pg_temp.uint(890), pg_temp.uint(900), pg_temp.uint(0), pg_temp.uint(350)),
	pg_temp.msg(24, pg_temp.uint(610), pg_temp.uint(1200), pg_temp.uint(1300)),
	pg_temp.at(:t0 + 5120), pg_temp.click('Buy'),
	pg_temp.at(:t0 + 5300),
	pg_temp.msg(83, pg_temp.str('fetch'), pg_temp.str('post'), pg_temp.str('https://api.example.com/cart?t=1'),
				pg_temp.str('{"q":1}'), pg_temp.str('{"a":2}'), pg_temp.uint(503), pg_temp.uint(:t0 + 5200),
				pg_temp.uint(84), pg_temp.uint(312))), :'moment') AS seq;
SELECT openreplay.process_batches();
\x
SELECT * FROM events.pages WHERE session_id = :sid;
SELECT * FROM events.clicks WHERE session_id = :sid;
SELECT * FROM events_common.requests WHERE session_id = :sid;
SELECT is_live, duration, pages_count, events_count, errors_count, issue_score, utm_source, referrer, base_referrer
FROM openreplay.sessions WHERE session_id = :sid;
\x
SELECT type, value FROM public.autocomplete WHERE project_id = :project_id ORDER BY type, value;

--
-- Identity, metadata, payloads
--
UPDATE public.projects SET save_request_payloads = true WHERE project_id = :project_id;
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 100, :t0 + 6000, 'https://shop.example.com/', 'tab-a',
	pg_temp.msg(28, pg_temp.str('u-7')), pg_temp.msg(29, pg_temp.str('anon-7')),
	pg_temp.msg(30, pg_temp.str('plan'), pg_temp.str('gold')), pg_temp.msg(30, pg_temp.str('team'), pg_temp.str('red')),
	pg_temp.msg(30, pg_temp.str('unknown'), pg_temp.str('x')), pg_temp.msg(30, pg_temp.str('plan'), pg_temp.str('silver')),
	pg_temp.msg(123, pg_temp.str('query'), pg_temp.str('Cart'), pg_temp.str('{"id":1}'), pg_temp.str('{"data":2}'), pg_temp.uint(7)),
	pg_temp.msg(112, pg_temp.uint(9), pg_temp.str('secret'), '\x00', pg_temp.str('E-mail'), pg_temp.int(500), pg_temp.int(2500)),
	pg_temp.msg(112, pg_temp.uint(9), pg_temp.str('secret'), '\x00', pg_temp.str('E-mail'), pg_temp.int(3000000000), pg_temp.int(100)),
	pg_temp.msg(112, pg_temp.uint(9), pg_temp.str('secret'), '\x00', pg_temp.str(''), pg_temp.int(1), pg_temp.int(1))), :'moment') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT user_id, user_anonymous_id, metadata_1, metadata_2, metadata_3 FROM public.sessions WHERE session_id = :sid;
SELECT name, request_body, response_body FROM events.graphql WHERE session_id = :sid;
-- two changes of one field are two rows, one without label is none; a hesitation beyond an integer is a measuring error
SELECT message_id, label, value, hesitation, duration FROM events.inputs WHERE session_id = :sid ORDER BY 1;

--
-- Exceptions: what makes them the same, and their tags
--
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 200, :t0 + 7000, 'https://shop.example.com/', 'tab-a',
	pg_temp.msg(78, pg_temp.str('TypeError'), pg_temp.str('x is undefined'),
		pg_temp.str('[{"columnNumber":345,"lineNumber":12,"fileName":"https://app.example.com/main.js","functionName":"f"}]'),
		pg_temp.str('{"release":"1.2","retries":3,"nested":{"a":[1]}}')),
	pg_temp.msg(78, pg_temp.str('TypeError'), pg_temp.str('x is undefined'), pg_temp.str('[{"lineNumber":"12"}]'), pg_temp.str('["beta"]')),
	pg_temp.msg(78, pg_temp.str('TypeError'), pg_temp.str('x is undefined'), pg_temp.str('no json'), pg_temp.str('nor this')),
	pg_temp.msg(25, pg_temp.str('Old'), pg_temp.str('tracker'), pg_temp.str('[]'))), :'moment') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT e.message_id, substr(d.error_id, length(to_hex(d.project_id)) + 1) AS id_after_project, d.name, d.message, d.payload
FROM events.errors e JOIN public.errors d USING (error_id) WHERE e.session_id = :sid ORDER BY 1;
SELECT message_id, key, value FROM public.errors_tags WHERE session_id = :sid ORDER BY 1, 2;

--
-- Custom events: a row, an issue, an occurrence; whatever the payload is
--
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 300, :t0 + 8000, 'https://shop.example.com/', 'tab-a',
	pg_temp.custom('signup', '{"plan":"gold"}'), pg_temp.custom('empty', ''), pg_temp.custom('null', 'null'),
	pg_temp.custom('broken', '{"plan":'), pg_temp.custom('escaped nul', '{"a":"x\u0000y"}'),
	pg_temp.custom('huge number', '{"n":1e999999}'), pg_temp.custom('lone surrogate', '"\ud800"'),
	pg_temp.custom('deep', repeat('[', 500) || repeat(']', 500)),
	pg_temp.msg(27, pg_temp.str('raw nul and latin'), pg_temp.str('\x22610062e922'::bytea)),
	pg_temp.msg(64, pg_temp.str('reported'), pg_temp.str('{}'))), :'moment') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT seq_index, name, level, CASE WHEN length(payload::text) < 100 THEN payload::text ELSE jsonb_typeof(payload) || ' of ' || length(payload::text) END AS payload
FROM events_common.customs WHERE session_id = :sid ORDER BY 1;
SELECT e.seq_index, d.type, d.context_string, left(e.payload::text, 20) AS payload,
	substr(d.issue_id, length(to_hex(d.project_id)) + 1) AS id_after_project
FROM events_common.issues e JOIN public.issues d USING (issue_id) WHERE e.session_id = :sid ORDER BY 1;

-- A payload may tell the event's own time: a number since the session began, and not a day ahead.
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 350, :t0 + 8500, 'https://shop.example.com/', 'tab-a',
	pg_temp.custom('told', format('{"or_timestamp": %s}', :t0 + 4321)), pg_temp.custom('told in part', format('{"or_timestamp": %s.9}', :t0 + 4321)),
	pg_temp.custom('at the start', format('{"or_timestamp": %s}', :t0)), pg_temp.custom('before it', format('{"or_timestamp": %s}', :t0 - 1)),
	pg_temp.custom('a day ahead', format('{"or_timestamp": %s}', :t0 + 8501 + 86400000)), pg_temp.custom('endless', '{"or_timestamp": 1e300}'),
	pg_temp.custom('as text', format('{"or_timestamp": "%s"}', :t0 + 4321)), pg_temp.custom('deeper', format('{"a": {"or_timestamp": %s}}', :t0 + 4321)),
	pg_temp.custom('broken', format('{"or_timestamp": %s', :t0 + 4321)), pg_temp.custom('a list', '["or_timestamp"]')), :'moment') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT c.name, c.timestamp - :t0 AS ms, e.timestamp = c.timestamp AS issue_too
FROM events_common.customs c JOIN events_common.issues e USING (session_id, seq_index) WHERE session_id = :sid AND seq_index BETWEEN 350 AND 399 ORDER BY seq_index;

--
-- The same batch again is recognised and its row goes; a part of it sent again doubles nothing either
--
SELECT (SELECT count(*) FROM events.clicks WHERE session_id = :sid) AS clicks,
	   (SELECT count(*) FROM openreplay.batches WHERE session_id = :sid) AS batches;
SELECT openreplay.append_batch(:sid, openreplay_body, :'moment') IS NOT NULL AS appended FROM (
	SELECT pg_temp.batch(0, 400, :t0 + 9000, 'https://shop.example.com/', 'tab-a', pg_temp.click('Once'), pg_temp.click('Twice'))
	AS openreplay_body) b, generate_series(1, 3);
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 400, :t0 + 9000, 'https://shop.example.com/', 'tab-a', pg_temp.click('Once')), :'moment') IS NOT NULL AS shorter;
SELECT openreplay.process_batches();
SELECT message_id, label FROM events.clicks WHERE session_id = :sid ORDER BY 1;
SELECT count(*) AS batches FROM openreplay.batches WHERE session_id = :sid;
SELECT sum(duplicates) AS duplicates, max(rows_known) AS known FROM openreplay.passes WHERE server_id = 0 AND shard = openreplay.shard_of(:sid) AND passed_at > now() - interval '1 hour';

--
-- Tabs count their messages each from 0: rows are told apart by the tab's ordinal, and a session of one tab keeps the index
--
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 400, :t0 + 9000, 'https://shop.example.com/', 'tab-b', pg_temp.click('Once')), :'moment') IS NOT NULL AS other_tab;
SELECT openreplay.process_batches();
SELECT message_id & ((1::bigint << 48) - 1) AS index, message_id >> 48 AS tab, label FROM events.clicks WHERE session_id = :sid AND label = 'Once' ORDER BY 2;

--
-- Out of order: whatever comes first
--
SELECT openreplay.append_batch(:sid, pg_temp.batch(1, 50, :t0 + 12000, 'https://shop.example.com/', 'tab-a', pg_temp.click('Later')), :'moment') IS NOT NULL AS later,
	   openreplay.append_batch(:sid, pg_temp.batch(1, 0, :t0 + 11000, 'https://shop.example.com/', 'tab-a', pg_temp.click('Earlier')), :'moment') IS NOT NULL AS earlier;
SELECT openreplay.process_batches();
SELECT label, timestamp - :t0 AS after_ms, message_id FROM events.clicks WHERE session_id = :sid AND label LIKE '%er' ORDER BY timestamp;

--
-- Broken batches: truncated, garbage in the middle, garbage altogether, an unsupported version, a damaged body.
-- What came before the fault is kept, the rest is listed, the neighbours lose nothing.
--
SELECT openreplay.append_batch(:sid, substring(b FROM 1 FOR length(b) - 5), :'moment') IS NOT NULL AS truncated FROM (
	SELECT pg_temp.batch(2, 0, :t0 + 13000, 'https://shop.example.com/', 'tab-a', pg_temp.click('Before the cut'), pg_temp.click('Cut')) AS b) x;
SELECT openreplay.append_batch(:sid, pg_temp.batch(2, 10, :t0 + 13000, 'https://shop.example.com/', 'tab-a', pg_temp.click('Before garbage'),
	'\x63ffffff0102030405', pg_temp.click('After garbage')), :'moment') IS NOT NULL AS garbage_inside;
SELECT openreplay.append_batch(:sid, '\x00ff13ff', :'moment') IS NOT NULL AS garbage;
SELECT openreplay.append_batch(:sid, '\x510900000000', :'moment') IS NOT NULL AS version;
SELECT openreplay.append_batch(:sid, pg_temp.batch(2, 20, :t0 + 13000, 'https://shop.example.com/', 'tab-a', pg_temp.click('Neighbour')), :'moment') AS neighbour \gset
UPDATE openreplay.batches SET body = '\x28b52ffd00' WHERE session_id = :sid AND seq = :neighbour;
SELECT openreplay.append_batch(:sid, pg_temp.batch(2, 30, :t0 + 13000, 'https://shop.example.com/', 'tab-a', pg_temp.click('Next neighbour')), :'moment') IS NOT NULL AS next;
SELECT openreplay.process_batches();
SELECT kind, messages_kept, reason FROM openreplay.broken_batches WHERE session_id = :sid ORDER BY seq;
SELECT label FROM events.clicks WHERE session_id = :sid AND message_id >= 2 * 4294967296 AND message_id < 3 * 4294967296 ORDER BY message_id;
-- the kept body can still be read as far as it goes
SELECT d.index - 2 * 4294967296 AS index, d.name FROM openreplay.broken_batches b, openreplay.decode_batch(b.body) d
WHERE b.session_id = :sid AND b.reason LIKE 'data end%' AND d.name <> 'TabData' ORDER BY b.seq, d.index;

--
-- A session nobody started: its batches wait, and are applied when the start entry comes
--
SELECT openreplay.session_id_at('2024-11-23 15:00:00+00') AS orphan \gset
SELECT openreplay.append_batch(:orphan, pg_temp.batch(0, 0, :t0 + 2000100, 'https://shop.example.com/', 'tab-z', pg_temp.click('Early bird')), '2024-11-23 15:00:05+00') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT count(*) AS parked FROM openreplay.parked_batches WHERE session_id = :orphan;
SELECT count(*) AS clicks FROM events.clicks WHERE session_id = :orphan;
SELECT pg_temp.start(:orphan, :project_id, '2024-11-23 15:00:00+00') IS NOT NULL AS started;
SELECT openreplay.process_batches();
SELECT label FROM events.clicks WHERE session_id = :orphan;
SELECT count(*) AS parked FROM openreplay.parked_batches WHERE session_id = :orphan;

-- also when both come in one pass
SELECT :orphan + 1000 AS orphan \gset
SELECT openreplay.append_batch(:orphan, pg_temp.batch(0, 0, :t0 + 2000100, 'https://shop.example.com/', 'tab-z', pg_temp.click('Just before')), '2024-11-23 15:00:05+00') IS NOT NULL AS appended;
SELECT pg_temp.start(:orphan, :project_id, '2024-11-23 15:00:00+00') IS NOT NULL AS started;
SELECT openreplay.append_batch(:orphan, pg_temp.batch(0, 10, :t0 + 2000200, 'https://shop.example.com/', 'tab-z', pg_temp.click('Just after')), '2024-11-23 15:00:06+00') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT label FROM events.clicks WHERE session_id = :orphan ORDER BY message_id;
SELECT count(*) AS parked FROM openreplay.parked_batches WHERE session_id = :orphan;

--
-- Where the visitor came from is what the first page said, also when its row is written after that of a later navigation,
-- because it waits for its timings
--
SELECT openreplay.session_id_at('2024-11-23 15:30:00+00') AS guest \gset
SELECT pg_temp.start(:guest, :project_id, '2024-11-23 15:30:00+00') IS NOT NULL AS started;
SELECT openreplay.append_batch(:guest, pg_temp.batch(0, 0, :t0 + 3800000, 'https://shop.example.com/', 'tab-a',
	pg_temp.msg(122, pg_temp.str('https://shop.example.com/shop?utm_source=letter'), pg_temp.str('https://mail.example.org/letter'), pg_temp.uint(1), pg_temp.str('')),
	pg_temp.msg(122, pg_temp.str('https://shop.example.com/shop/lamp'), pg_temp.str('https://shop.example.com/shop?utm_source=letter'), pg_temp.uint(0), pg_temp.str(''))),
	'2024-11-23 15:30:01+00') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT openreplay.append_batch(:guest, pg_temp.batch(0, 10, :t0 + 3805000, 'https://shop.example.com/', 'tab-a',
	pg_temp.msg(23, VARIADIC array_fill(pg_temp.uint(40), ARRAY[9])), pg_temp.msg(24, VARIADIC array_fill(pg_temp.uint(50), ARRAY[3]))),
	'2024-11-23 15:30:06+00') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT path, query, referrer FROM events.pages WHERE session_id = :guest ORDER BY timestamp, message_id;
SELECT referrer, base_referrer, utm_source FROM public.sessions WHERE session_id = :guest;

--
-- Impossible visitors are stored corrected, impossible start entries are listed
--
SELECT openreplay.session_id_at('2024-11-23 16:00:00+00') AS odd \gset
SELECT pg_temp.start(:odd, :project_id, '2024-11-23 16:00:00+00', jsonb_build_object('user_country', repeat('X', 300), 'start_ts', 0,
	'user_device_type', 'toaster', 'user_uuid', 'not one', 'screen_width', -5, 'user_device_heap_size', 1e30,
	'timezone', repeat('Z', 5000), 'tracker_version', 'dev', 'platform', 7)) IS NOT NULL AS odd;
-- bytes that are no UTF-8, an escaped NUL, a platform nobody knows, a clock 300 years ahead, a country that is no code
SELECT openreplay.append_batch(:odd + 4, convert_to('{"project_id": ' || :project_id || ', "start_ts": 11199744000000, "platform": "banana",
	"user_browser": "Chrome", "user_os": "caf' || chr(233) || '", "user_device": "a\u0000b", "user_country": "nl", "user_city": "",
	"user_device_memory_size": -1, "screen_height": 1e12, "expires_ms": -5}', 'LATIN1'), '2024-11-23 16:00:00+00', 's') IS NOT NULL AS odder;
SELECT openreplay.append_batch(:odd + 1, '{"project_id": 999999999}', '2024-11-23 16:00:00+00', 's') IS NOT NULL AS no_project;
SELECT openreplay.append_batch(:odd + 5, convert_to('{"project_id": ' || :project_id + 4294967296 || '}', 'UTF8'), '2024-11-23 16:00:00+00', 's') IS NOT NULL AS far_project;
SELECT openreplay.append_batch(:odd + 2, 'this is no JSON', '2024-11-23 16:00:00+00', 's') IS NOT NULL AS no_json;
SELECT openreplay.append_batch(9000000000000000000, '{"project_id": 1}', '2024-11-23 16:00:00+00', 's') IS NOT NULL AS no_time;
SELECT openreplay.process_batches();
SELECT user_country, user_device_type, start_ts, length(user_uuid::text) AS uuid, screen_width, user_device_heap_size,
	length(timezone) AS timezone, tracker_version, platform FROM public.sessions WHERE session_id = :odd;
SELECT user_os, user_device, user_browser, platform, user_country, user_city, to_timestamp(start_ts / 1000) AT TIME ZONE 'UTC' AS started,
	user_device_memory_size, screen_height FROM public.sessions WHERE session_id = :odd + 4;
SELECT kind, reason FROM openreplay.broken_batches WHERE session_id IN (:odd + 1, :odd + 2, :odd + 5, 9000000000000000000) ORDER BY session_id;

--
-- A start entry that comes a second time changes nothing: the session keeps its row and what is known of it
--
SELECT pg_temp.start(:sid, :project_id, :'moment', '{"user_browser": "Another"}') IS NOT NULL AS again;
SELECT openreplay.process_batches();
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 400, :t0 + 9000, 'https://shop.example.com/', 'tab-b', pg_temp.click('Once')), :'moment') IS NOT NULL AS resent,
	   openreplay.append_batch(:sid, pg_temp.batch(3, 0, :t0 + 13500, 'https://shop.example.com/', 'tab-b', pg_temp.click('Of tab b')), :'moment') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT user_browser FROM public.sessions WHERE session_id = :sid;
SELECT message_id >> 48 AS tab, label FROM events.clicks WHERE session_id = :sid AND label IN ('Once', 'Of tab b') ORDER BY message_id;
SELECT count(*) AS resent_kept FROM openreplay.batches WHERE session_id = :sid AND kind = 'w' AND body = openreplay.compress_body(
	pg_temp.batch(0, 400, :t0 + 9000, 'https://shop.example.com/', 'tab-b', pg_temp.click('Once')));

--
-- A project that is switched off writes nothing
--
UPDATE public.projects SET active = false WHERE project_id = :project_id;
SELECT openreplay.append_batch(:sid, pg_temp.batch(3, 0, :t0 + 14000, 'https://shop.example.com/', 'tab-a', pg_temp.click('Unheard')), :'moment') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT count(*) FROM events.clicks WHERE label = 'Unheard';

-- Nothing is processed twice.
SELECT openreplay.process_batches();
DELETE FROM public.projects WHERE project_id = :project_id;
SELECT count(*) AS broken_left FROM openreplay.broken_batches WHERE session_id = :sid;
