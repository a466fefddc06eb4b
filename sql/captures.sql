--
-- The recordings of real trackers: every message decodes, and the rows agree with what really happened
--
-- data/captures holds what trackers 14 and 19 sent on eight scripted visits, and beside it what an observer without the
-- tracker saw (truth.json) and what an independent decoder counted (decoded-counts.json).
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/captures.sql'
\i :include

INSERT INTO public.projects (name, active, metadata_1, metadata_2) VALUES ('captures', true, 'store', 'segment')
RETURNING project_id \gset

CREATE TEMP TABLE capture AS
SELECT name, (pg_temp.document(name, 'meta')->'sessions'->0->>'sessionID')::bigint AS session_id
FROM unnest('{s1-browse-short,s2-checkout-full,s3-frustration,s4-multipage,s5-heavy-dom,s6-three-tabs,s7-idle,s8-widgets}'::text[]) AS name;
SELECT name, pg_temp.append_capture(name, :project_id) AS entries FROM capture ORDER BY name;
SELECT openreplay.process_batches() AS processed;
SELECT count(*) AS broken FROM openreplay.broken_batches b JOIN capture USING (session_id);

-- Every message of every type, as the independent decoder counted them: no difference.
WITH decoded AS (
	SELECT c.name AS capture, m.type || ' ' || m.name AS message, count(*) AS n
	FROM capture c, openreplay.messages(c.session_id) m GROUP BY 1, 2
), expected AS (
	SELECT c.name AS capture, e.key AS message, e.value::bigint AS n
	FROM capture c, jsonb_each_text(pg_temp.document(c.name, 'decoded-counts')->'messages') e
)
SELECT capture, message, decoded.n AS decoded, expected.n AS expected
FROM decoded FULL JOIN expected USING (capture, message)
WHERE decoded.n IS DISTINCT FROM expected.n ORDER BY 1, 2;
SELECT count(*) AS messages, count(DISTINCT m.type) AS types FROM capture c, openreplay.messages(c.session_id) m;

-- What the observer saw.
CREATE TEMP TABLE seen AS
SELECT c.name AS capture, c.session_id, e.value AS event
FROM capture c, jsonb_array_elements(pg_temp.document(c.name, 'truth')->'events') e;
CREATE TEMP TABLE seen_requests AS
SELECT c.name AS capture, c.session_id, r.value AS request
FROM capture c, jsonb_array_elements(pg_temp.document(c.name, 'truth')->'requests') r
WHERE r.value->>'type' IN ('fetch', 'xhr');

-- Clicks. The tracker sent each; those on something without a label make no row.
SELECT c.name,
	(SELECT count(*) FROM seen s WHERE s.capture = c.name AND event->>'kind' = 'click') AS seen,
	(SELECT count(*) FROM openreplay.messages(c.session_id) m WHERE m.name = 'MouseClick') AS sent,
	(SELECT count(*) FROM openreplay.messages(c.session_id) m WHERE m.name = 'MouseClick' AND fields->>'Label' <> '') AS labelled,
	(SELECT count(*) FROM events.clicks e WHERE e.session_id = c.session_id) AS rows
FROM capture c ORDER BY 1;

-- In s8 four more were seen: inside an iframe, where this tracker does not listen.
-- Where they were: within a percent of the point the observer saw, matched in order (so without s8). None is further away.
WITH clicked AS (
	SELECT c.name, m.index, m.tab, row_number() OVER (PARTITION BY c.name ORDER BY m.timestamp, m.index) AS n
	FROM capture c, openreplay.messages(c.session_id) m WHERE m.name = 'MouseClick'
), observed AS (
	SELECT capture, event, row_number() OVER (PARTITION BY capture ORDER BY (event->>'t')::bigint) AS n
	FROM seen WHERE event->>'kind' = 'click'
)
SELECT e.label, e.normalized_x, e.normalized_y,
	round(100 * (event->>'pageX')::numeric / (event->>'docW')::numeric, 2) AS seen_x,
	round(100 * (event->>'pageY')::numeric / (event->>'docH')::numeric, 2) AS seen_y
FROM clicked k JOIN observed o ON o.capture = k.name AND o.n = k.n
JOIN capture c ON c.name = k.name
JOIN events.clicks e ON e.session_id = c.session_id AND e.message_id & ((1::bigint << 48) - 1) = k.index
WHERE event->>'docW' IS NOT NULL AND k.name <> 's8-widgets'
	AND (abs(e.normalized_x - 100 * (event->>'pageX')::numeric / (event->>'docW')::numeric) > 1
	 OR abs(e.normalized_y - 100 * (event->>'pageY')::numeric / (event->>'docH')::numeric) > 1);

-- Page views: what the address bar showed, in order. The tracker stars tokens in queries (s2). In s4 the error page has no
-- tracker, and pages restored from the browser's cache go on as they were. In s6 the observer lists each tab's first page.
SELECT c.name, string_agg(p.path || coalesce('?' || p.query, ''), ' ' ORDER BY p.timestamp, p.message_id) AS paths
FROM capture c JOIN events.pages p USING (session_id) GROUP BY 1 ORDER BY 1;
SELECT c.name, string_agg(replace(n.value->>'url', 'http://shop.localhost:8085', ''), ' ' ORDER BY n.ordinality) AS seen
FROM capture c, jsonb_array_elements(pg_temp.document(c.name, 'truth')->'navigations') WITH ORDINALITY n GROUP BY 1 ORDER BY 1;

-- Real loads have timings; navigations inside the page have none.
SELECT c.name, count(*) FILTER (WHERE load_time > 0 AND dom_content_loaded_time > 0) AS timed, count(*) AS pages,
	count(p.web_vitals) AS with_vitals
FROM capture c JOIN events.pages p USING (session_id) GROUP BY 1 ORDER BY 1;

-- Requests: method, path and status, rows against sight (the tracker sends the URL as the page wrote it, often without
-- host). Missing are only two of tracker 14: one the page aborted, one the browser refused to send.
SELECT coalesce(r.capture, s.capture) AS capture, r.what AS row, s.what AS seen
FROM (SELECT c.name AS capture, concat_ws(' ', method, replace(url, 'http://shop.localhost:8085', ''), status_code) AS what,
			 row_number() OVER (PARTITION BY c.name, method, replace(url, 'http://shop.localhost:8085', ''), status_code) AS n
	  FROM capture c JOIN events_common.requests USING (session_id)) r
FULL JOIN (SELECT capture, concat_ws(' ', request->>'method', replace(request->>'url', 'http://shop.localhost:8085', ''), request->>'status') AS what,
				  row_number() OVER (PARTITION BY capture, request->>'method', request->>'url', request->>'status') AS n
		   FROM seen_requests) s ON s.capture = r.capture AND s.what = r.what AND s.n = r.n
WHERE r.what IS NULL OR s.what IS NULL ORDER BY 1, 2, 3;
SELECT method, status_code, success, count(*) FROM capture JOIN events_common.requests USING (session_id) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- Errors. The browser's words differ a little from what the tracker makes of them; the one in s8 happened inside an iframe.
SELECT c.name, d.name AS error, d.message, count(*), d.payload->0->>'lineNumber' AS line
FROM capture c JOIN events.errors e USING (session_id) JOIN public.errors d USING (error_id) GROUP BY 1, 2, 3, 5 ORDER BY 1, 2, 3;
SELECT capture, event->>'kind' AS seen, event->>'name' AS error, event->>'message' AS message
FROM seen WHERE event->>'kind' IN ('js_error', 'promise_rejection', 'handled_error') ORDER BY 1, (event->>'t')::bigint;

-- Custom events and issues, with their payloads. Missing are two of s6 that the pages sent before the tracker had started.
SELECT c.name AS capture, e.level, e.name, e.payload FROM capture c JOIN events_common.customs e USING (session_id)
ORDER BY 1, e.timestamp, e.seq_index;
SELECT capture, event->>'kind' AS seen, event->>'name' AS name, event->'payload' AS payload FROM seen
WHERE event->>'kind' IN ('custom_event', 'custom_issue') ORDER BY 1, (event->>'t')::bigint;

-- Inputs have labels and times, never values.
SELECT c.name AS capture, e.label, e.value, e.duration > 0 AS took_time FROM capture c JOIN events.inputs e USING (session_id)
ORDER BY 1, e.timestamp, e.message_id;

-- GraphQL, resources, state, canvases.
SELECT c.name AS capture, e.name, e.request_body FROM capture c JOIN events.graphql e USING (session_id);
SELECT c.name AS capture, e.type, count(*), count(*) FILTER (WHERE NOT success) AS failed
FROM capture c JOIN events.resources e USING (session_id) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT c.name AS capture, e.name, count(*) FROM capture c JOIN events.state_actions e USING (session_id) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT c.name AS capture, count(*) AS canvases FROM capture c JOIN events.canvas_recordings e USING (session_id) GROUP BY 1;

-- Who it was. Live sessions show their counters already; ending stores the same, but for the last page of s4 and s6, whose
-- timings never came and which the end therefore shows, and for clicks of s3 and s6 that only the end tells to be dead.
CREATE TEMP TABLE live AS SELECT * FROM openreplay.sessions JOIN capture USING (session_id);
SELECT openreplay.end_sessions(now()) >= 8 AS ended;
SELECT c.name, s.user_id, s.metadata_1, s.metadata_2, s.user_browser, s.user_os, s.timezone, s.screen_width, s.tracker_version
FROM capture c JOIN public.sessions s USING (session_id) ORDER BY 1;
SELECT c.name, s.duration, s.pages_count, s.events_count, s.errors_count, s.issue_score - s.start_ts / 1000 AS score, s.issue_types
FROM capture c JOIN public.sessions s USING (session_id) ORDER BY 1;
SELECT l.name, l.is_live, s.is_live AS now_live FROM live l JOIN openreplay.sessions s USING (session_id)
WHERE (l.duration, l.pages_count, l.events_count, l.errors_count, l.issue_score, l.issue_types)
	IS DISTINCT FROM (s.duration, s.pages_count, s.events_count, s.errors_count, s.issue_score, s.issue_types)
	OR NOT l.is_live OR s.is_live ORDER BY 1;

-- Autocomplete has each value once.
SELECT type, count(*), count(DISTINCT value) FROM public.autocomplete WHERE project_id = :project_id GROUP BY 1 ORDER BY 1;

-- The database agrees with itself, before and after all of it is deleted.
SELECT * FROM openreplay.check();
DELETE FROM public.projects WHERE project_id = :project_id;
DELETE FROM openreplay.deleted_sessions;	-- its sessions may be sent again here
SELECT count(*) AS rows_left FROM events.clicks JOIN capture USING (session_id);
SELECT count(*) AS batches_left FROM openreplay.batches JOIN capture USING (session_id);
SELECT * FROM openreplay.check();
