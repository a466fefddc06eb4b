-- What the tables know about one visit: ./openreplay psql -v session=SESSION_ID -f data/demo.sql
\set QUIET on
\set ON_ERROR_STOP on
\pset footer off
\pset null '-'
\echo
\echo 'The visit: openreplay.sessions'
SELECT session_id, user_id, user_browser AS browser, user_os AS os, round(duration / 1000.0, 1) AS seconds,
	   pages_count AS pages, events_count AS events, errors_count AS errors
FROM openreplay.sessions WHERE session_id = :session;

\echo 'Its pages: events.pages'
SELECT round((e.timestamp - s.start_ts) / 1000.0, 1) AS second, e.host, e.path, e.load_time AS load_ms
FROM events.pages e JOIN public.sessions s USING (session_id) WHERE session_id = :session ORDER BY e.timestamp, e.message_id;

\echo 'Its first clicks: events.clicks'
SELECT round((e.timestamp - s.start_ts) / 1000.0, 1) AS second, left(e.label, 40) AS label, e.path
FROM events.clicks e JOIN public.sessions s USING (session_id) WHERE session_id = :session
ORDER BY e.timestamp, e.message_id LIMIT 12;

\echo 'Its slowest requests: events_common.requests'
SELECT method, left(path, 48) AS path, status_code AS status, duration AS ms
FROM events_common.requests WHERE session_id = :session ORDER BY duration DESC, timestamp LIMIT 5;

\echo 'Its custom events: events_common.customs'
SELECT round((e.timestamp - s.start_ts) / 1000.0, 1) AS second, e.name, left((e.payload - 'or_timestamp')::text, 60) AS payload
FROM events_common.customs e JOIN public.sessions s USING (session_id) WHERE session_id = :session
ORDER BY e.timestamp, e.seq_index;
