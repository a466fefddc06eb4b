--
-- What each message of a web page becomes: columns, cuts, bounds, and when there is no row.  (The ordinary ones are in the
-- stories "pipeline", "session_end" and "captures".)
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include

INSERT INTO public.projects (name, active) VALUES ('messages', true) RETURNING project_id \gset
INSERT INTO public.projects (name, active) VALUES ('other', true) RETURNING project_id AS other_id \gset
\set t0 1731423600000
\set start '2024-11-12 15:00:00+00'
SELECT pg_temp.session_in_quiet_lane(:'start') AS sid \gset
CREATE FUNCTION pg_temp.request(type int, method text, url text, status bigint, duration bigint, size bigint) RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_temp.msg(type, CASE type WHEN 83 THEN pg_temp.str('fetch') ELSE '' END, pg_temp.str(method), pg_temp.str(url),
		pg_temp.str('q'), pg_temp.str('a'), pg_temp.uint(status), pg_temp.uint(1), pg_temp.uint(duration),
		CASE type WHEN 83 THEN pg_temp.uint(size) ELSE '' END)
$$;
CREATE FUNCTION pg_temp.resource(url text, initiator text, duration bigint) RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_temp.msg(116, pg_temp.uint(1731423600500), pg_temp.uint(duration), pg_temp.uint(0), pg_temp.uint(300),
		pg_temp.uint(0), pg_temp.uint(9000000000), pg_temp.str(url), pg_temp.str(initiator), pg_temp.uint(7), '\x01')
$$;
SELECT pg_temp.start(:sid, :project_id, :'start', '{"tracker_version": "13.0.1"}') IS NOT NULL AS started;

--
-- Clicks: an old tracker's coordinates, the message without any, cuts in characters, a page whose URL is none
--
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 0, :t0, 'https://shop.example.com/a', 'tab-a',
	pg_temp.click('hundredths', 4567, 250), pg_temp.click('percents', 45, 100), pg_temp.click('unknown', 101, 50),
	pg_temp.msg(69, pg_temp.uint(1), pg_temp.uint(5), pg_temp.str('oldest'), pg_temp.str('a')),
	pg_temp.click('', 1, 1),
	pg_temp.msg(68, pg_temp.uint(1), pg_temp.uint(9000000000), pg_temp.str(repeat('é', 2001)), pg_temp.str(repeat('s', 8001)), pg_temp.uint(4000000000), pg_temp.uint(7000)),
	pg_temp.msg(4, pg_temp.str('https://shop.example.com/%zz'), pg_temp.str(''), pg_temp.uint(0)),
	pg_temp.click('no URL', 5000, 5000)), :'start') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT message_id, left(label, 12) AS label, length(label) AS chars, length(selector) AS selector, url, path, hesitation, normalized_x, normalized_y
FROM events.clicks WHERE session_id = :sid ORDER BY 1;
-- the same numbers of a tracker that always sends hundredths
SELECT :sid + 1000000 AS newer \gset
SELECT pg_temp.start(:newer, :project_id, :'start', '{"tracker_version": "14.0.3"}') IS NOT NULL AS started;
SELECT openreplay.append_batch(:newer, pg_temp.batch(0, 0, :t0, 'https://shop.example.com/a', 'tab-a',
	pg_temp.click('corner', 45, 100), pg_temp.click('known', 101, 50)), :'start') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT label, normalized_x, normalized_y FROM events.clicks WHERE session_id = :newer ORDER BY message_id;

--
-- What counts: a custom event is a row, an issue and its occurrence, a suggestion and 100 points, and no event of the session; a
-- click without label is nothing; an input is an event each time it changes; an anonymous id is not the user's; a broken payload
-- costs itself
--
SELECT :sid + 2000000 AS counted \gset
SELECT pg_temp.start(:counted, :project_id, :'start', '{"user_id": "u-7"}') IS NOT NULL AS started;
CREATE FUNCTION pg_temp.counts(id bigint) RETURNS TABLE (events int, score bigint, customs text, issues bigint, occurrences bigint, suggested text)
LANGUAGE sql AS $$
	SELECT s.events_count, s.issue_score - s.start_ts / 1000,
		(SELECT string_agg(name || ' ' || level, ', ' ORDER BY seq_index) FROM events_common.customs WHERE session_id = id),
		(SELECT count(DISTINCT issue_id) FROM events_common.issues WHERE session_id = id),
		(SELECT count(*) FROM events_common.issues WHERE session_id = id),
		(SELECT string_agg(value, ', ' ORDER BY value) FROM public.autocomplete a WHERE a.project_id = s.project_id AND a.type = 'CUSTOM')
	FROM openreplay.sessions s WHERE session_id = id
$$;
SELECT openreplay.append_batch(:counted, pg_temp.batch(0, 0, :t0, 'https://shop.example.com/a', 'tab-a', pg_temp.custom('signup', '{"step":1}')), :'start') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT * FROM pg_temp.counts(:counted);
SELECT openreplay.append_batch(:counted, pg_temp.batch(0, 10, :t0, 'https://shop.example.com/a', 'tab-a', pg_temp.click(''),
	pg_temp.msg(112, pg_temp.uint(9), pg_temp.str(''), '\x00', pg_temp.str('E-mail'), pg_temp.int(1), pg_temp.int(2)),
	pg_temp.msg(112, pg_temp.uint(9), pg_temp.str(''), '\x00', pg_temp.str('E-mail'), pg_temp.int(3), pg_temp.int(4)),
	pg_temp.msg(29, pg_temp.str('anon-7')),
	pg_temp.custom('broken', '{"step'), pg_temp.msg(27, pg_temp.str('nul'), pg_temp.str('\x227800'::bytea)), pg_temp.custom('last', '{}')), :'start') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT * FROM pg_temp.counts(:counted);
SELECT user_id, user_anonymous_id FROM public.sessions WHERE session_id = :counted;

--
-- Requests: any status, any method, sizes beyond columns; what is no URL makes no row; bodies only when the project keeps them
--
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 100, :t0 + 1000, 'https://shop.example.com/a', 'tab-a',
	pg_temp.request(83, 'get', 'https://u:p@API.example.com:8443/a%20b?x=1#y', 200, 84, 312),
	pg_temp.request(83, 'BREW', '/relative?', 99999, 3000000000, 9000000000),
	pg_temp.request(39, 'PATCH', 'https://api.example.com/' || repeat('p', 9000), 0, 1, 0),
	pg_temp.request(83, 'GET', 'https://' || repeat('h', 301) || '/caf%C3%A9%2F', 399, 1, 0),
	pg_temp.request(83, 'GET', ':nothing', 200, 1, 1),
	pg_temp.request(83, 'GET', 'data:text/plain,x', 400, 1, 1)), :'start') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT seq_index, timestamp - :t0 AS after_ms, left(url, 46) AS url, length(url) AS chars, left(host, 22) AS host, length(host) AS host_chars,
	left(path, 20) AS path, length(path) AS path_chars, query, request_body, response_body, status_code, method, duration, success, transfer_size
FROM events_common.requests WHERE session_id = :sid ORDER BY 1;

--
-- Resources: the type by initiator, then by the path's ending; zeros are not known, a duration of 0 is a failure
--
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 200, :t0 + 2000, 'https://shop.example.com/a', 'tab-a',
	pg_temp.resource('https://cdn.example.com/a.css?v=1', 'link', 12), pg_temp.resource('https://cdn.example.com/a.js', 'script', 0),
	pg_temp.resource('https://cdn.example.com/a.JS', 'script', 1), pg_temp.resource('https://cdn.example.com/a.svg', 'css', 1),
	pg_temp.resource('https://cdn.example.com/a.webm', 'video', 1), pg_temp.resource('https://cdn.example.com/a.css', 'fetch', 1),
	pg_temp.resource('https://cdn.example.com/pixel', 'img', 1), pg_temp.resource('https://cdn.example.com:port/', 'img', 1)), :'start') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT message_id, timestamp - :t0 AS after_ms, type, url_host, url_hostpath, success, status, duration, ttfb, header_size, encoded_body_size, decoded_body_size
FROM events.resources WHERE session_id = :sid ORDER BY 1;

--
-- Tags: only the project's own. Canvases: once each. State actions.
--
INSERT INTO public.tags (name, project_id, selector, ignore_click_rage, ignore_dead_click) VALUES ('own', :project_id, '#a', false, false) RETURNING tag_id \gset
INSERT INTO public.tags (name, project_id, selector, ignore_click_rage, ignore_dead_click) VALUES ('foreign', :other_id, '#a', false, false) RETURNING tag_id AS foreign_tag \gset
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 300, :t0 + 3000, 'https://shop.example.com/a', 'tab-a',
	pg_temp.msg(120, pg_temp.int(:tag_id)), pg_temp.msg(120, pg_temp.int(:foreign_tag)), pg_temp.msg(120, pg_temp.int(999999999)),
	pg_temp.msg(119, pg_temp.str('12'), pg_temp.uint(:t0 + 2500)), pg_temp.msg(119, pg_temp.str('12'), pg_temp.uint(:t0 + 2500)),
	pg_temp.msg(119, pg_temp.str('1'), pg_temp.uint(:t0 + 2500)),
	pg_temp.msg(42, pg_temp.str('cart/add')), pg_temp.at(:t0 + 3500)), :'start') IS NOT NULL AS appended;
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 320, :t0 + 3600, 'https://shop.example.com/a', 'tab-a',
	pg_temp.msg(119, pg_temp.str('12'), pg_temp.uint(:t0 + 2500))), :'start') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT t.seq_index, t.timestamp - :t0 AS after_ms, n.name FROM events.tags t JOIN public.tags n USING (tag_id) WHERE session_id = :sid;
SELECT recording_id, timestamp - :t0 AS after_ms FROM events.canvas_recordings WHERE session_id = :sid ORDER BY 1;
SELECT message_id, timestamp - :t0 AS after_ms, name FROM events.state_actions WHERE session_id = :sid;

--
-- Issues that trackers report: thrashing is an issue each time, incidents are one, of the others those no detector here finds
--
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 400, :t0 + 4000, 'https://shop.example.com/cart', 'tab-a',
	pg_temp.msg(114, pg_temp.uint(:t0 + 3990)), pg_temp.msg(114, pg_temp.uint(:t0 + 3995)),
	pg_temp.msg(87, pg_temp.str('It "broke"'), pg_temp.int(:t0 + 3000), pg_temp.int(:t0 + 3900)),
	pg_temp.msg(125, pg_temp.uint(1), pg_temp.uint(:t0 + 3991), pg_temp.str('missing_resource'), pg_temp.str('a.png'), pg_temp.str(''), pg_temp.str('{"n":1}'), pg_temp.str('')),
	pg_temp.msg(125, pg_temp.uint(1), pg_temp.uint(0), pg_temp.str('slow_page_load'), pg_temp.str('/a'), pg_temp.str(''), pg_temp.str('{}'), pg_temp.str('')),
	pg_temp.msg(125, pg_temp.uint(1), pg_temp.uint(0), pg_temp.str('dead_click'), pg_temp.str('Buy'), pg_temp.str(''), pg_temp.str(''), pg_temp.str('')),
	pg_temp.msg(125, pg_temp.uint(1), pg_temp.uint(0), pg_temp.str('no such type'), pg_temp.str('x'), pg_temp.str(''), pg_temp.str(''), pg_temp.str(''))), :'start') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT e.seq_index, e.timestamp - :t0 AS after_ms, d.type, d.context_string, e.payload FROM events_common.issues e JOIN public.issues d USING (issue_id)
WHERE e.session_id = :sid AND d.type <> 'bad_request' ORDER BY 1, 2;
SELECT count(DISTINCT issue_id) AS thrashing FROM events_common.issues JOIN public.issues d USING (issue_id) WHERE session_id = :sid AND d.type = 'mouse_thrashing';

--
-- Errors that other tools know of: a message alone, without batch. Each is kept, none counts as an error of the page.
--
SELECT openreplay.append_batch(:sid, '\x1a'::bytea || pg_temp.uint(:t0 + 9000 + n) || pg_temp.str(source) || pg_temp.str('TypeError: x is null')
	|| pg_temp.str('') || pg_temp.str('{"id": ' || n || '}'), :'start') IS NOT NULL AS appended
FROM (VALUES (1, 'sentry'), (2, 'sentry'), (3, 'datadog'), (4, 'js_exception'), (5, 'no such tool')) AS v (n, source);
SELECT openreplay.process_batches();
SELECT e.timestamp - :t0 AS after_ms, e.message_id > 1::bigint << 52 AS apart, d.source, d.name, d.message, d.payload,
	substr(d.error_id, length(to_hex(d.project_id)) + 1) AS id_after_project
FROM events.errors e JOIN public.errors d USING (error_id) WHERE session_id = :sid ORDER BY 1;
SELECT errors_count, issue_score - start_ts / 1000 AS score FROM openreplay.sessions WHERE session_id = :sid;

-- Values of filter boxes are whole: a path as long as it is, a label uncut; beyond 8000 bytes there is none.
SELECT type, count(*), max(length(value)) AS longest FROM public.autocomplete
WHERE project_id = :project_id AND type IN ('CLICK', 'REQUEST', 'STATEACTION') GROUP BY 1 ORDER BY 1;

DELETE FROM public.projects WHERE project_id IN (:project_id, :other_id);
