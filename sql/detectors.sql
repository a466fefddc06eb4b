--
-- What detectors find: in the recordings of real trackers, by a project's own numbers, and around its tags
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/captures.sql'
\i :include
\set include :srcdir '/sql/include/encode.sql'
\i :include

INSERT INTO public.projects (name, active) VALUES ('detectors', true) RETURNING project_id \gset
CREATE TEMP TABLE capture AS
SELECT name, (pg_temp.document(name, 'meta')->'sessions'->0->>'sessionID')::bigint AS session_id
FROM unnest('{s1-browse-short,s2-checkout-full,s3-frustration,s4-multipage,s5-heavy-dom,s6-three-tabs,s7-idle,s8-widgets}'::text[]) AS name;
SELECT sum(pg_temp.append_capture(name, :project_id)) AS entries FROM capture;
SELECT openreplay.process_batches() AS processed;
-- What is remembered of each between two batches: its tabs, their pages and detectors.
SELECT bool_and(octet_length(l.state) <= 2048 * (SELECT count(DISTINCT m.tab) FROM openreplay.messages(c.session_id) m)) AS small
FROM capture c JOIN openreplay.live_sessions l USING (session_id);
SELECT count(*) AS before FROM events_common.issues JOIN capture USING (session_id) \gset
SELECT openreplay.end_sessions(now()) >= 8 AS ended;
-- The end tells what was still open: the last click of s3, and two of s6 whose other streams might have told a reaction.
SELECT count(*) - :before AS at_the_end FROM events_common.issues JOIN capture USING (session_id);

-- What is found in each recording, and why:
--   s2  "Mark incident" only sends a message; the coupon's request fails. Its incident is the page's own word.
--   s3  buttons of /help write to the console, throw, or fetch, and show nothing; "Wish list" is dead, was clicked in rage
--       six times, and the last of these is dead as well; "Burn CPU" only computes. Four requests failed; of the two that
--       were aborted or refused this tracker tells nothing. The dead zone of the cart is missing: this tracker leaves
--       its label empty.
--   s4  "Print page" is dead. "Last year's edition" is not: the page was left for one that is not recorded.
--   s5  the tracker inlined a style sheet by a request that the page itself did not make, and it failed; as in s8. Its
--       own report of "Halt" counts for nothing: the board changed with that very click.
--   s6  "Throw an error" and "Fetch 404" show nothing; the fetch failed.
--   s8  the canvas ("logo") and the inks of a constructed style sheet change without a message, "Spin" animates.
-- Clicks on fields are none, and what trackers of version 19 report themselves is not counted again: five reports.
SELECT c.name AS capture, d.type, d.context_string, e.timestamp - s.start_ts AS ms, e.payload
FROM capture c JOIN public.sessions s USING (session_id) JOIN events_common.issues e USING (session_id)
JOIN public.issues d USING (issue_id) WHERE d.type NOT IN ('custom', 'mouse_thrashing') ORDER BY 1, e.timestamp, e.seq_index, 2;
SELECT c.name AS capture, m.fields->>'Type' AS reported, m.fields->>'ContextString' AS context_string
FROM capture c, openreplay.messages(c.session_id) m WHERE m.name = 'IssueEvent' ORDER BY 1, m.timestamp;
-- What the observer saw says the same: each failed fetch is an issue, but for what this tracker tells nothing of.
SELECT c.name AS capture, r.value->>'status' AS status, replace(r.value->>'url', 'http://shop.localhost:8085', '') AS url
FROM capture c, jsonb_array_elements(pg_temp.document(c.name, 'truth')->'requests') r
WHERE r.value->>'type' IN ('fetch', 'xhr') AND ((r.value->>'status')::int >= 400 OR (r.value->>'status')::int = 0)
ORDER BY 1, (r.value->>'t')::bigint;
-- Rage and dead zones as the script meant them.
SELECT c.name AS capture, e.value->>'step' AS step, e.value->>'target' AS target, e.value->>'count' AS count
FROM capture c, jsonb_array_elements(pg_temp.document(c.name, 'truth')->'events') e
WHERE e.value->>'kind' = 'step' AND (e.value->>'step' = 'rage_click' OR e.value->>'target' LIKE '%(dead)')
ORDER BY 1, (e.value->>'t')::bigint;

-- detect() finds the same without writing, the summaries of performance included.
WITH found AS (
	SELECT c.session_id, f.type, f.context_string, f.timestamp, f.message_id % 2147483647 AS seq_index, f.payload
	FROM capture c, openreplay.detect(c.session_id) f WHERE f.type IS NOT NULL
), stored AS (
	SELECT e.session_id, d.type::text, d.context_string, e.timestamp, e.seq_index, e.payload
	FROM capture JOIN events_common.issues e USING (session_id) JOIN public.issues d USING (issue_id)
	WHERE d.type NOT IN ('custom', 'mouse_thrashing', 'incident')
)
SELECT 'found' AS only, * FROM (SELECT * FROM found EXCEPT ALL SELECT * FROM stored) f
UNION ALL SELECT 'stored', * FROM (SELECT * FROM stored EXCEPT ALL SELECT * FROM found) s;
SELECT (SELECT count(*) FROM capture c, openreplay.detect(c.session_id) f WHERE f.detector = 'performance') AS found,
	   (SELECT count(*) FROM capture JOIN events.performance USING (session_id)) AS stored;

-- Frame rate, load and heap make sense, and lie within the session.
SELECT c.name AS capture, count(*) AS summaries, bool_and(min_fps <= max_fps AND max_fps <= 120 AND max_cpu <= 100) AS plausible,
	bool_and(p.timestamp BETWEEN s.start_ts AND s.start_ts + s.duration) AS within, bool_and(avg_used_js_heap_size > 1000000) AS heap
FROM capture c JOIN public.sessions s USING (session_id) JOIN events.performance p USING (session_id) GROUP BY 1 ORDER BY 1;

--
-- Tuning: what other numbers would find, without writing
--
SELECT c.name AS capture, count(*) FILTER (WHERE d.detector = 'dead_click') AS dead, count(*) FILTER (WHERE d.detector = 'click_rage') AS rage
FROM capture c, openreplay.detect(c.session_id, '{"dead_click.silence": 3000, "click_rage.clicks": 7}') d GROUP BY 1 ORDER BY 1;
-- the list of reactions that older servers had: trackers of today send little of it, and inputs go unknown
SELECT c.name AS capture, count(*) AS dead FROM capture c, openreplay.detect(c.session_id, '{"dead_click.reference_list": 1}') d
WHERE d.detector = 'dead_click' GROUP BY 1 ORDER BY 1;
SELECT * FROM openreplay.detect(1, '{}');
SELECT * FROM openreplay.detect((SELECT min(session_id) FROM capture), '{"click_rage.gap": 0}');
SELECT * FROM openreplay.detect((SELECT min(session_id) FROM capture), '{"no such number": 1}');
SELECT * FROM openreplay.detect((SELECT min(session_id) FROM capture), '{"click_rage.gap": "wide"}');
SELECT * FROM openreplay.detect((SELECT min(session_id) FROM capture), '[]');

--
-- A project's own numbers
--
SELECT * FROM openreplay.threshold_catalogue();
SELECT openreplay.set_detector_threshold(:project_id, 'click_rage.clicks', 2);
SELECT openreplay.set_detector_threshold(:project_id, 'click_rage.clicks', 5);
SELECT openreplay.set_detector_threshold(:project_id, 'click_rage.clicks', 1);
SELECT openreplay.set_detector_threshold(:project_id, 'click_rage.click', 5);
SELECT openreplay.set_detector_threshold(-1, 'click_rage.clicks', 5);
SELECT name, value, default_value FROM openreplay.detector_thresholds(:project_id) WHERE value <> default_value;
SELECT session_id AS s3 FROM capture WHERE name = 's3-frustration' \gset
SELECT payload FROM openreplay.detect(:s3) WHERE detector = 'click_rage';
SELECT openreplay.set_detector_threshold(:project_id, 'click_rage.clicks', 7);
SELECT payload FROM openreplay.detect(:s3) WHERE detector = 'click_rage';
SELECT openreplay.reset_detector_thresholds(:project_id, 'cpu.percent') AS cpu, openreplay.reset_detector_thresholds(:project_id) AS rest;
SELECT payload FROM openreplay.detect(:s3) WHERE detector = 'click_rage';
-- what is put there past the function is left unread
INSERT INTO openreplay.detector_settings VALUES (:project_id, 'click_rage.clicks', -4), (:project_id, 'nonsense', 1);
SELECT payload FROM openreplay.detect(:s3) WHERE detector = 'click_rage';
SELECT count(*) AS changed FROM openreplay.detector_thresholds(:project_id) WHERE value <> default_value;
SELECT openreplay.reset_detector_thresholds(:project_id);
-- dashboards may look, administrators may change
SET ROLE openreplay_reader;
SELECT count(*) > 0 AS may_detect FROM openreplay.detect(:s3);
SELECT openreplay.set_detector_threshold(:project_id, 'click_rage.clicks', 2);
INSERT INTO openreplay.detector_settings VALUES (:project_id, 'click_rage.clicks', 2);
SET ROLE openreplay_admin;
SELECT openreplay.set_detector_threshold(:project_id, 'click_rage.clicks', 2);
SELECT openreplay.reset_detector_thresholds(:project_id);
RESET ROLE;
DELETE FROM public.projects WHERE project_id = :project_id;
DELETE FROM openreplay.deleted_sessions;	-- its sessions may be sent again here

--
-- The documented visit: rage, then a dead click, told by one message
--
INSERT INTO public.projects (project_id, name, active) OVERRIDING SYSTEM VALUE VALUES (7412, 'tags', true);
\set t0 1732374000000
SELECT openreplay.session_id_at('2024-11-23 15:00:00+00') AS sid \gset
CREATE FUNCTION pg_temp.visit(id bigint, t bigint) RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_temp.batch(0, 10, t, 'https://shop.acme.test/cart', 'tab-a', pg_temp.click('Buy now'), pg_temp.at(t + 250),
		pg_temp.click('Buy now'), pg_temp.at(t + 500), pg_temp.click('Buy now'), pg_temp.at(t + 799), pg_temp.click('Buy now'),
		pg_temp.at(t + 3000), pg_temp.msg(68, pg_temp.uint(52), pg_temp.uint(1), pg_temp.str('Cancel'), pg_temp.str('#cancel'), pg_temp.uint(1), pg_temp.uint(1)))
$$;
CREATE FUNCTION pg_temp.issues(id bigint) RETURNS TABLE (type public.issue_type, context_string text, issue_id text, ms bigint, seq_index int, payload jsonb)
LANGUAGE sql AS $$
	SELECT d.type, d.context_string, d.issue_id, e.timestamp - s.start_ts, e.seq_index, e.payload
	FROM public.sessions s JOIN events_common.issues e USING (session_id) JOIN public.issues d USING (issue_id)
	WHERE s.session_id = id ORDER BY e.timestamp, e.seq_index, d.type
$$;
SELECT pg_temp.start(:sid + n, 7412, '2024-11-23 15:00:00+00') IS NOT NULL AS started FROM generate_series(0, 5) n;
SELECT openreplay.append_batch(:sid, pg_temp.visit(:sid, :t0), '2024-11-23 15:00:05+00') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT * FROM pg_temp.issues(:sid);

-- A tag ignores the kind of issue that it says, on exactly its element, from the next pass on; a deleted one ignores nothing.
INSERT INTO public.tags (project_id, name, selector, ignore_click_rage, ignore_dead_click, deleted_at) VALUES
	(7412, 'buy', '#buy', true, false, NULL), (7412, 'blank', '#buy ', true, true, NULL), (7412, 'old', '#buy', true, true, now());
SELECT openreplay.append_batch(:sid + 1, pg_temp.visit(:sid, :t0), '2024-11-23 15:00:05+00') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT type, context_string FROM pg_temp.issues(:sid + 1);
UPDATE public.tags SET ignore_click_rage = false, ignore_dead_click = true WHERE project_id = 7412 AND name = 'buy';
SELECT openreplay.append_batch(:sid + 2, pg_temp.visit(:sid, :t0), '2024-11-23 15:00:05+00') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT type, context_string FROM pg_temp.issues(:sid + 2);
SELECT detector, context_string, ignored FROM openreplay.detect(:sid + 2);

-- How a replay shows them: a series in rage is one click, and of issues of one kind those two seconds apart.
SELECT timestamp - :t0 AS ms, type, count, label FROM openreplay.session_clicks(:sid);
SELECT timestamp - :t0 AS ms, type, title, context_string FROM openreplay.session_issues(:sid);

--
-- A tracker that judges for itself is not believed, whether it tells of an issue before it is found here, after that, or
-- of one that was none: each is one
--
DELETE FROM public.tags WHERE project_id = 7412;
SELECT openreplay.session_id_at('2024-11-23 15:00:00+00') + 50 AS told \gset
SELECT pg_temp.start(:told + n, 7412, '2024-11-23 15:00:00+00', '{"tracker_version": "19.0.1"}') IS NOT NULL AS started FROM generate_series(0, 3) n;
CREATE FUNCTION pg_temp.report(type text, at bigint, label text, payload text DEFAULT '') RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_temp.msg(125, pg_temp.uint(3), pg_temp.uint(at), pg_temp.str(type), pg_temp.str(label), pg_temp.str('#buy'), pg_temp.str(payload), pg_temp.str(''))
$$;
CREATE FUNCTION pg_temp.clicks(t bigint) RETURNS bytea[] LANGUAGE sql AS $$
	SELECT ARRAY[pg_temp.click('Pay'), pg_temp.at(t + 100), pg_temp.click('Pay'), pg_temp.at(t + 200), pg_temp.click('Pay'), pg_temp.at(t + 5000)]
$$;
CREATE FUNCTION pg_temp.change() RETURNS bytea LANGUAGE sql AS $$ SELECT pg_temp.msg(11, pg_temp.uint(9)) $$;
-- before: told with the clicks, found by what comes after them
SELECT openreplay.append_batch(:told, pg_temp.batch(0, 10, :t0, 'https://shop.acme.test/cart', 'tab-a', VARIADIC
	pg_temp.clicks(:t0) || pg_temp.report('dead_click', :t0 + 200, 'Pay') || pg_temp.report('click_rage', :t0, 'Pay', '{"count":3}') || pg_temp.click('') || pg_temp.change()),
	'2024-11-23 15:00:05+00') IS NOT NULL AS appended;
-- after, in a batch and a page of its own
SELECT openreplay.append_batch(:told + 1, pg_temp.batch(0, 10, :t0, 'https://shop.acme.test/cart', 'tab-a', VARIADIC
	pg_temp.clicks(:t0) || pg_temp.click('') || pg_temp.change()), '2024-11-23 15:00:05+00') IS NOT NULL AS appended;
SELECT openreplay.append_batch(:told + 1, pg_temp.batch(1, 1, :t0 + 6000, 'https://shop.acme.test/done', 'tab-a',
	pg_temp.report('dead_click', :t0 + 200, 'Pay'), pg_temp.report('click_rage', :t0, 'Pay', '{"count":3}')), '2024-11-23 15:00:06+00') IS NOT NULL AS appended;
-- in other words, and twice: another time, another label
SELECT openreplay.append_batch(:told + 2, pg_temp.batch(0, 10, :t0, 'https://shop.acme.test/cart', 'tab-a', VARIADIC
	pg_temp.clicks(:t0) || pg_temp.report('dead_click', :t0 + 1434, 'Pay now') || pg_temp.report('dead_click', :t0 + 1435, 'Pay')
	|| pg_temp.report('click_rage', :t0 + 201, '', '{"count":9}') || pg_temp.click('') || pg_temp.change()), '2024-11-23 15:00:05+00') IS NOT NULL AS appended;
-- one that was none: the page answered at once, and nothing was slow
SELECT openreplay.append_batch(:told + 3, pg_temp.batch(0, 10, :t0, 'https://shop.acme.test/cart', 'tab-a', pg_temp.click('Pay'), pg_temp.change(),
	pg_temp.at(:t0 + 5000), pg_temp.report('dead_click', :t0, 'Pay'), pg_temp.report('cpu', :t0, 'https://shop.acme.test/cart', '{"Rate":99}'),
	pg_temp.report('memory', :t0, 'https://shop.acme.test/cart', '{"Rate":200}')), '2024-11-23 15:00:05+00') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT e.session_id - :told AS n, d.type, d.context_string, e.timestamp - :t0 AS ms, e.payload
FROM events_common.issues e JOIN public.issues d USING (issue_id) WHERE e.session_id BETWEEN :told AND :told + 3 ORDER BY 1, 4, 2;

-- detect() looks at what has come, processed or not, of sessions that live and that have ended, and needs to write nothing.
SELECT openreplay.append_batch(:told + 3, pg_temp.batch(0, 100, :t0 + 9000, 'https://shop.acme.test/cart', 'tab-a', VARIADIC pg_temp.clicks(:t0 + 9000)), '2024-11-23 15:00:09+00') IS NOT NULL AS appended;
SET ROLE openreplay_reader;
BEGIN READ ONLY;
SELECT is_live FROM openreplay.sessions WHERE session_id = :told + 3;
SELECT type, timestamp - :t0 AS ms, payload FROM openreplay.detect(:told + 3);
COMMIT;
RESET ROLE;
SELECT count(*) AS stored FROM events_common.issues WHERE session_id = :told + 3;
SELECT openreplay.end_sessions('2024-11-23 16:00:00+00') > 0 AS ended;
SET ROLE openreplay_reader;
BEGIN READ ONLY;
SELECT is_live FROM openreplay.sessions WHERE session_id = :told + 3;
SELECT type, timestamp - :t0 AS ms, payload FROM openreplay.detect(:told + 3);
COMMIT;
RESET ROLE;
SELECT count(*) AS stored FROM events_common.issues WHERE session_id = :told + 3;

--
-- Two issues that begin with one message are two; everything else a tracker can tell
--
SELECT openreplay.append_batch(:sid + 3, pg_temp.batch(0, 10, :t0, 'https://shop.acme.test/cart', 'tab-a',
	VARIADIC (SELECT array_agg(pg_temp.at(:t0 + n * 2000) || pg_temp.msg(49, pg_temp.int(20), pg_temp.int(CASE WHEN n < 4 THEN 66 ELSE 10 END),
		pg_temp.uint(9000), pg_temp.uint(CASE WHEN n < 4 THEN 100 ELSE 2000 END)) ORDER BY n) FROM generate_series(0, 7) n)), '2024-11-23 15:00:20+00') IS NOT NULL AS appended;
-- what detectors find is theirs to tell; of the rest, what the schema knows is stored; an incident is an issue
SELECT openreplay.append_batch(:sid + 4, pg_temp.batch(0, 20, :t0 + 1000, 'https://shop.acme.test/cart', 'tab-a',
	VARIADIC (SELECT array_agg(pg_temp.msg(125, pg_temp.uint(1), pg_temp.uint(:t0 + 500), pg_temp.str(type), pg_temp.str('reported'),
		pg_temp.str('#x'), pg_temp.str('{"n":1}'), pg_temp.str('https://shop.acme.test/')) ORDER BY type)
		FROM unnest('{click_rage,dead_click,cpu,memory,bad_request,app_crash,tap_rage,custom,js_exception,slow_resource,missing_resource,nonsense}'::text[]) type)
	|| pg_temp.msg(87, pg_temp.str('"quoted"'), pg_temp.int(:t0), pg_temp.int(:t0 + 900))
	|| pg_temp.at(:t0 + 2000) || pg_temp.msg(78, pg_temp.str('TypeError'), pg_temp.str('x is undefined'), pg_temp.str('[]'), pg_temp.str(''))
	|| pg_temp.msg(115, pg_temp.uint(70))), '2024-11-23 15:00:20+00') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT openreplay.end_sessions('2024-11-23 16:00:00+00') > 0 AS ended;
SELECT type, context_string, ms, seq_index, payload FROM pg_temp.issues(:sid + 3);
SELECT type, context_string, ms, payload FROM pg_temp.issues(:sid + 4);
SELECT timestamp - :t0 AS middle, message_id = timestamp AS key_is_time, min_fps, avg_fps, max_fps, min_cpu, avg_cpu, max_cpu,
	min_total_js_heap_size AS total, avg_used_js_heap_size AS used FROM events.performance WHERE session_id = :sid + 3;
-- the end counted them
SELECT session_id - :sid AS n, issue_score - start_ts / 1000 AS score, issue_types FROM public.sessions
WHERE session_id BETWEEN :sid AND :sid + 4 ORDER BY 1;

--
-- In an app: taps, how it runs, and whether it responds if that is asked for
--
SELECT openreplay.session_id_at('2024-11-23 15:00:00+00') + 100 AS app \gset
SELECT pg_temp.start(:app, 7412, '2024-11-23 15:00:00+00', '{"platform": "ios", "user_device_type": "mobile"}') IS NOT NULL AS started;
CREATE FUNCTION pg_temp.metric(at bigint, name text, value bigint) RETURNS bytea LANGUAGE sql AS $$
	SELECT '\x66'::bytea || pg_temp.uint(at) || pg_temp.uint(4) || pg_temp.str(name) || pg_temp.uint(value)
$$;
CREATE FUNCTION pg_temp.app_batch(first_index bigint, at bigint, VARIADIC messages bytea[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT '\x6b'::bytea || pg_temp.uint(at) || pg_temp.uint(2) || pg_temp.uint(first_index) || string_agg(m, '' ORDER BY i)
	FROM unnest(messages) WITH ORDINALITY AS x (m, i)
$$;
SELECT openreplay.append_batch(:app, pg_temp.app_batch(1, :t0,
	pg_temp.tap(:t0, 'Pay'), pg_temp.tap(:t0 + 100, 'Pay'), pg_temp.tap(:t0 + 200, 'Pay'),
	pg_temp.tap(:t0 + 5000, 'Back'), pg_temp.tap(:t0 + 5301, 'Back'), pg_temp.tap(:t0 + 5700, 'Back'),
	pg_temp.metric(:t0 + 6000, 'fps', 60), pg_temp.metric(:t0 + 6000, 'mainThreadCPU', 12), pg_temp.metric(:t0 + 7000, 'fps', 40)), '2024-11-23 15:00:20+00', 'm') IS NOT NULL AS appended;
SELECT openreplay.append_batch(:app, pg_temp.app_batch(20, :t0 + 906000,
	pg_temp.metric(:t0 + 906000, 'memoryUsage', 5000000000), pg_temp.metric(:t0 + 906001, 'batteryLevel', 80)), '2024-11-23 15:15:07+00', 'm') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT openreplay.end_sessions('2024-11-23 16:00:00+00') > 0 AS ended;
SELECT type, context_string, ms, payload FROM pg_temp.issues(:app);
SELECT issue_types FROM public.sessions WHERE session_id = :app;
SELECT timestamp - :t0 AS middle, min_fps, avg_fps, max_fps, max_cpu, max_memory, min_battery FROM events_ios.performance WHERE session_id = :app ORDER BY 1;
SELECT detector, type, timestamp - :t0 AS ms, context_string, payload - 'until' AS payload FROM openreplay.detect(:app);
SELECT type, timestamp - :t0 AS ms, message_id, context_string, payload FROM openreplay.detect(:app, '{"anr.enabled": 1}') WHERE detector = 'anr';
SELECT openreplay.set_detector_threshold(7412, 'anr.enabled', 1);
SELECT pg_temp.start(:app + 1, 7412, '2024-11-23 15:00:00+00', '{"platform": "android", "user_device_type": "mobile"}') IS NOT NULL AS started;
SELECT openreplay.append_batch(:app + 1, pg_temp.app_batch(1, :t0, pg_temp.tap(:t0, 'Pay'), pg_temp.tap(:t0 + 60000, 'Pay')), '2024-11-23 15:01:20+00', 'm') IS NOT NULL AS appended;
SELECT openreplay.end_sessions('2024-11-23 16:00:00+00') > 0 AS ended;
SELECT type, context_string, ms, payload FROM pg_temp.issues(:app + 1);

--
-- Kinds of issues: the catalogue has each once, and a project those it had, in the order of lists
--
SELECT * FROM openreplay.issue_types();
SELECT unnest(enum_range(NULL::public.issue_type))::text EXCEPT SELECT type FROM openreplay.issue_types();
SELECT count(*) - count(DISTINCT type) AS twice FROM openreplay.issue_types();
SELECT type, name, list_order, visible FROM openreplay.issue_types(7412);
-- the third dead click comes more than two seconds after the first, the last one that was shown
SELECT openreplay.append_batch(:sid + 5, pg_temp.batch(0, 10, :t0, 'https://shop.acme.test/cart', 'tab-a', VARIADIC
	(SELECT array_agg(pg_temp.at(:t0 + n * 1300) || pg_temp.click('Save') ORDER BY n) FROM generate_series(0, 3) n)), '2024-11-23 15:00:20+00') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT timestamp - :t0 AS stored FROM events_common.issues WHERE session_id = :sid + 5 ORDER BY 1;
SELECT timestamp - :t0 AS shown FROM openreplay.session_issues(:sid + 5);

--
-- A batch that is sent again makes no rage of two clicks; and what two tabs tell at one time is not one series
--
SELECT pg_temp.start(:sid + n, 7412, '2024-11-23 15:00:00+00') IS NOT NULL AS started FROM generate_series(7, 8) n;
SELECT openreplay.append_batch(:sid + 7, pg_temp.batch(0, 10, :t0, 'https://shop.acme.test/cart', 'tab-a', pg_temp.click('Pay'), pg_temp.at(:t0 + 100), pg_temp.click('Pay')),
	'2024-11-23 15:00:05+00') IS NOT NULL AS appended FROM generate_series(1, 3);
SELECT openreplay.append_batch(:sid + 8, pg_temp.batch(0, 10, :t0, 'https://shop.acme.test/cart', 'tab-a',
	pg_temp.click('Pay'), pg_temp.at(:t0 + 100), pg_temp.click('Pay'), pg_temp.at(:t0 + 200), pg_temp.click('Pay')), '2024-11-23 15:00:05+00') IS NOT NULL AS first_tab,
	openreplay.append_batch(:sid + 8, pg_temp.batch(0, 10, :t0 + 50, 'https://shop.acme.test/cart', 'tab-b',
	pg_temp.click('Pay'), pg_temp.at(:t0 + 150), pg_temp.click('Pay'), pg_temp.at(:t0 + 5000), pg_temp.click('Pay')), '2024-11-23 15:00:05+00') IS NOT NULL AS second_tab;
SELECT openreplay.end_sessions('2024-11-23 16:00:00+00') > 0 AS ended;
SELECT e.session_id - :sid AS n, type, timestamp - :t0 AS ms, payload FROM events_common.issues e JOIN public.issues USING (issue_id)
WHERE session_id IN (:sid + 7, :sid + 8) ORDER BY 1, 3, 2;
SELECT timestamp - :t0 AS ms, message_id >> 48 AS tab, type, count FROM openreplay.session_clicks(:sid + 8);

--
-- What a batch tells before it tells any time makes no page and is judged by nobody
--
SELECT pg_temp.start(:sid + 6, 7412, '2024-11-23 15:00:00+00') IS NOT NULL AS started;
SELECT openreplay.append_batch(:sid + 6, pg_temp.batch(0, 10, 0, 'https://shop.acme.test/early', 'tab-a',
	pg_temp.msg(122, pg_temp.str('https://shop.acme.test/early'), pg_temp.str(''), pg_temp.uint(1), pg_temp.str('')),
	pg_temp.msg(83, pg_temp.str('fetch'), pg_temp.str('GET'), pg_temp.str('https://shop.acme.test/x'), pg_temp.str(''), pg_temp.str(''), pg_temp.uint(500), pg_temp.uint(:t0), pg_temp.uint(40), pg_temp.uint(1)),
	pg_temp.at(:t0), pg_temp.msg(122, pg_temp.str('https://shop.acme.test/timely'), pg_temp.str(''), pg_temp.uint(1), pg_temp.str(''))), '2024-11-23 15:00:20+00') IS NOT NULL AS appended;
SELECT openreplay.end_sessions('2024-11-23 16:00:00+00') > 0 AS ended;
SELECT path, timestamp - :t0 AS ms FROM events.pages WHERE session_id = :sid + 6;
SELECT count(*) AS issues FROM events_common.issues WHERE session_id = :sid + 6;

DELETE FROM public.projects WHERE project_id = 7412;
DELETE FROM openreplay.deleted_sessions;	-- its sessions may be sent again here
SELECT count(*) AS settings_left FROM openreplay.detector_settings;
