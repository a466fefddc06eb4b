--
-- Visits of mobile applications: what each message becomes
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include

INSERT INTO public.projects (name, active, platform, metadata_2) VALUES ('mobile', true, 'ios', 'plan') RETURNING project_id \gset
\set t0 1731250800000
\set start '2024-11-10 15:00:00+00'
SELECT pg_temp.session_in_quiet_lane(:'start') AS sid \gset

SELECT pg_temp.start(:sid, :project_id, :'start', '{"platform": "ios", "user_os": "IOS", "user_os_version": "17.5",
	"user_browser": "", "user_browser_version": "", "user_device": "iPhone 14 Pro", "user_device_type": "mobile",
	"tracker_version": "1.0.13", "rev_id": "42"}') IS NOT NULL AS started;
SELECT openreplay.append_batch(:sid, pg_temp.mobile_batch(100, :t0,
	pg_temp.mobile(92, :t0 + 1, pg_temp.str('plan'), pg_temp.str('gold')),
	pg_temp.mobile(94, :t0 + 2, pg_temp.str('u-7')),
	pg_temp.mobile(95, :t0 + 3, pg_temp.str('anon-7')),
	pg_temp.mobile(93, :t0 + 4, pg_temp.str('signup'), pg_temp.str('{"step": 2}')),
	pg_temp.mobile(93, :t0 + 5, pg_temp.str('broken'), pg_temp.str('{"step": ')),
	pg_temp.tap(:t0 + 6, 'Pay'),
	pg_temp.mobile(106, :t0 + 7, pg_temp.str('Photos'), pg_temp.uint(3), pg_temp.uint(4), pg_temp.str('left')),
	pg_temp.mobile(101, :t0 + 8, pg_temp.str('secret'), '\x01', pg_temp.str('E-mail')),
	pg_temp.mobile(98, :t0 + 9, pg_temp.str('Shop'), pg_temp.str('Cart'), '\x01'),
	pg_temp.mobile(98, :t0 + 10, pg_temp.str('Shop'), pg_temp.str('Cart'), '\x00'),
	pg_temp.mobile(98, :t0 + 11, pg_temp.str('Shop'), pg_temp.str(''), '\x01'),
	pg_temp.mobile(105, :t0 + 12, pg_temp.str('fetch'), pg_temp.str('POST'), pg_temp.str('https://api.example.com/cart?t=1'),
		pg_temp.str('{"q":1}'), pg_temp.str('{"a":2}'), pg_temp.uint(503), pg_temp.uint(84)),
	pg_temp.mobile(109, :t0 + 13, pg_temp.str('query'), pg_temp.str('Cart'), pg_temp.str('{"id":1}'), pg_temp.str('{"data":2}'), pg_temp.uint(7)),
	pg_temp.mobile(97, :t0 + 14, pg_temp.str('NSRangeException'), pg_temp.str('index 3 beyond bounds'), pg_temp.str('0 App main + 12')),
	pg_temp.mobile(97, :t0 + 15, pg_temp.str('NSRangeException'), pg_temp.str('index 3 beyond bounds'), pg_temp.str('0 App main + 12')),
	-- messages 111 have no length; what detectors find here is not taken from them
	'\x6f'::bytea || pg_temp.uint(:t0 + 16) || pg_temp.str('tap_rage') || pg_temp.str('Pay') || pg_temp.str('') || pg_temp.str(''),
	'\x6f'::bytea || pg_temp.uint(:t0 + 17) || pg_temp.str('slow_resource') || pg_temp.str('cart.png') || pg_temp.str('') || pg_temp.str('{"ms":900}'),
	-- no rows: geometry, performance, log, internal error, an unknown type
	pg_temp.mobile(96, :t0 + 18, pg_temp.uint(0), pg_temp.uint(0), pg_temp.uint(390), pg_temp.uint(844)),
	pg_temp.mobile(102, :t0 + 19, pg_temp.str('fps'), pg_temp.uint(60)),
	pg_temp.mobile(103, :t0 + 20, pg_temp.str('info'), pg_temp.str('hello')),
	pg_temp.mobile(104, :t0 + 21, pg_temp.str('oops')),
	pg_temp.mobile(99, :t0 + 22, '\x0102'),
	-- three taps within 300 ms of each other are rage
	pg_temp.tap(:t0 + 5000, 'Pay'), pg_temp.tap(:t0 + 5100, 'Pay'), pg_temp.tap(:t0 + 5200, 'Pay'),
	-- tapped without a name
	pg_temp.tap(:t0 + 9000, '')), :'start', 'm') IS NOT NULL AS appended;
SELECT openreplay.process_batches();

SELECT platform, user_os, user_browser, user_browser_version, user_device, user_device_type, user_id, user_anonymous_id, metadata_2
FROM public.sessions WHERE session_id = :sid;
SELECT seq_index, timestamp - :t0 AS after_ms, name, payload, level FROM events_common.customs WHERE session_id = :sid ORDER BY 1;
SELECT seq_index, timestamp - :t0 AS after_ms, label FROM events_ios.taps WHERE session_id = :sid ORDER BY 1;
SELECT seq_index, timestamp - :t0 AS after_ms, label, direction, x, y FROM events_ios.swipes WHERE session_id = :sid;
SELECT seq_index, timestamp - :t0 AS after_ms, label FROM events_ios.inputs WHERE session_id = :sid;
SELECT seq_index, timestamp - :t0 AS after_ms, name FROM events_ios.views WHERE session_id = :sid ORDER BY 1;
SELECT seq_index, url, host, path, query, request_body, status_code, method, duration, success FROM events_common.requests WHERE session_id = :sid;
SELECT message_id, name, request_body, response_body FROM events.graphql WHERE session_id = :sid;
SELECT e.seq_index, substr(d.crash_ios_id, length(to_hex(d.project_id)) + 1) AS id_after_project, d.name, d.reason, d.stacktrace
FROM events_common.crashes e JOIN public.crashes_ios d USING (crash_ios_id) WHERE e.session_id = :sid ORDER BY 1;
SELECT e.seq_index, e.timestamp - :t0 AS after_ms, d.type, d.context_string, e.payload,
	substr(d.issue_id, length(to_hex(d.project_id)) + 1) AS id_after_project
FROM events_common.issues e JOIN public.issues d USING (issue_id) WHERE e.session_id = :sid ORDER BY 1;
-- both spellings of what searches of mobile sessions ask for
SELECT type, string_agg(value, ', ' ORDER BY value) AS suggested FROM public.autocomplete WHERE project_id = :project_id GROUP BY 1 ORDER BY 1;

-- Counters: taps, swipes and inputs are events, crashes are errors. Its end stores them, and the kinds of issues.
SELECT openreplay.end_sessions(timestamptz :'start' + interval '150 seconds') AS ended;
SELECT duration, pages_count, events_count, errors_count, issue_score - start_ts / 1000 AS score, issue_types
FROM public.sessions WHERE session_id = :sid;

-- Late data, sent at the next start of the application, opens it again, and a crash there counts.
SELECT openreplay.append_batch(:sid, pg_temp.mobile_batch(200, :t0 + 10000,
	pg_temp.mobile(97, :t0 + 10000, pg_temp.str('SIGSEGV'), pg_temp.str(''), pg_temp.str(''))), timestamptz :'start' + interval '1 hour', 'm') IS NOT NULL AS appended;
SELECT openreplay.end_sessions(timestamptz :'start' + interval '2 hours') AS ended;
SELECT duration, errors_count, issue_score - start_ts / 1000 AS score FROM public.sessions WHERE session_id = :sid;

-- Android, on a device whose clock is ten minutes ahead: the session starts when it came, and lasts as long as it says.
SELECT pg_temp.session_in_quiet_lane('2024-11-10 16:00:00+00') AS android \gset
SELECT pg_temp.start(:android, :project_id, '2024-11-10 16:10:00+00', '{"platform": "android", "user_os": "Android", "user_browser": ""}') IS NOT NULL AS started;
SELECT openreplay.append_batch(:android, pg_temp.mobile_batch(0, :t0 + 4200000, pg_temp.tap(:t0 + 4207000, 'Ahead')), '2024-11-10 16:00:08+00', 'm') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT openreplay.end_sessions('2024-11-10 17:00:00+00') AS ended;
SELECT platform, user_browser, to_timestamp(start_ts / 1000) AT TIME ZONE 'UTC' AS started, duration, events_count FROM public.sessions WHERE session_id = :android;

-- Batches that came before their session wait for it.
SELECT pg_temp.session_in_quiet_lane('2024-11-10 18:00:00+00') AS early \gset
SELECT openreplay.append_batch(:early, pg_temp.mobile_batch(0, :t0 + 10800000, pg_temp.tap(:t0 + 10800001, 'Early')), '2024-11-10 18:00:00+00', 'm') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT count(*) AS parked FROM openreplay.parked_batches WHERE session_id = :early;
SELECT pg_temp.start(:early, :project_id, '2024-11-10 18:00:00+00', '{"platform": "ios", "user_browser": ""}') IS NOT NULL AS started;
SELECT openreplay.process_batches();
SELECT label FROM events_ios.taps WHERE session_id = :early;

-- Deleting a session takes its rows along.
DELETE FROM public.sessions WHERE session_id = :sid;
SELECT (SELECT count(*) FROM events_ios.taps WHERE session_id = :sid) AS taps, (SELECT count(*) FROM events_ios.swipes WHERE session_id = :sid) AS swipes,
	(SELECT count(*) FROM events_ios.inputs WHERE session_id = :sid) AS inputs, (SELECT count(*) FROM events_ios.views WHERE session_id = :sid) AS views,
	(SELECT count(*) FROM events_common.crashes WHERE session_id = :sid) AS crashes, (SELECT count(*) FROM openreplay.batches WHERE session_id = :sid) AS batches;
DELETE FROM public.projects WHERE project_id = :project_id;
SELECT count(*) AS crashes_left FROM public.crashes_ios WHERE project_id = :project_id;
