--
-- Sequences of events: written when a session ends, gone while it goes on, and their answers are those of the rows.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
BEGIN;
SELECT openreplay.ensure_session_partitions('2022-05-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('sequences', true) RETURNING project_id \gset
SELECT setseed(0.75) IS NOT NULL AS seeded;

-- Sessions of a few events, many of them of one moment. Every tenth has not ended, every seventh is of another project.
INSERT INTO public.projects (name, active) VALUES ('others', true) RETURNING project_id AS other_id \gset
\set t0 1653955000000
CREATE TEMP TABLE recorded AS
	SELECT n, :t0 + n * 5000 AS start_ts, ((:t0 + n * 5000 - 1550000000000) << 24) | n AS session_id FROM generate_series(0, 99) AS n;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, duration, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, user_id)
SELECT session_id, CASE WHEN n % 7 = 6 THEN :other_id ELSE :project_id END, '17', start_ts, CASE WHEN n % 10 <> 9 THEN 1000 * (n % 3) END, md5(n::text)::uuid, 'Linux',
	'Chrome', '', 'desktop', 'FR', CASE WHEN n % 2 = 0 THEN 'anna' END FROM recorded;
CREATE FUNCTION pg_temp.one_of(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT choices[1 + floor(cardinality(choices) * random())::integer]
$$;
CREATE TEMP TABLE moment AS
	SELECT session_id, k, start_ts - 2000 + floor(random() * 6)::bigint * 1000 AS ts, random() AS chance, pg_temp.one_of('/a', '/A', '/b', '/b%', '', NULL) AS word
	FROM recorded, generate_series(1, 12) AS k;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path, load_time) SELECT session_id, k, ts, pg_temp.one_of('x', 'y'), coalesce(word, '/a'), k * 100 FROM moment WHERE chance < 0.3;
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, selector) SELECT session_id, k, ts, word, '#' || k FROM moment WHERE chance BETWEEN 0.25 AND 0.55;
INSERT INTO events.inputs (session_id, message_id, "timestamp", label, value) SELECT session_id, k, ts, word, 'typed' FROM moment WHERE chance BETWEEN 0.5 AND 0.6;
INSERT INTO events_common.customs (session_id, "timestamp", seq_index, name, payload, level) SELECT session_id, ts, k, coalesce(word, 'bought'), '{"a": 1}', pg_temp.one_of('info', 'error')::events_common.custom_level FROM moment WHERE chance BETWEEN 0.6 AND 0.7;
INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, host, path, duration, success, status_code, method)
SELECT session_id, ts, k, 'u', 'api', word, 5, status < 400, status, pg_temp.one_of('GET', 'POST', NULL)::public.http_method FROM moment, LATERAL (SELECT pg_temp.one_of('200', '404', '500')::smallint + 0 * k AS status) AS t WHERE chance BETWEEN 0.65 AND 0.85;
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES ('sequences-1', :project_id, 'js_exception', 'TypeError', '/a', '[]'), ('sequences-2', :project_id, 'sentry', NULL, '/b', '[]');
INSERT INTO events.errors (session_id, message_id, "timestamp", error_id) SELECT session_id, k, ts, pg_temp.one_of('sequences-1', 'sequences-2', 'nobody') FROM moment WHERE chance BETWEEN 0.85 AND 0.92;
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES ('sequences-1', :project_id, 'click_rage', '/a'), ('sequences-2', :project_id, 'incident', '/b');
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id, payload) SELECT session_id, ts, k, pg_temp.one_of('sequences-1', 'sequences-2'), '{"label": "x"}' FROM moment WHERE chance > 0.9;
INSERT INTO events.tags (session_id, "timestamp", seq_index, tag_id) SELECT session_id, ts, k, k FROM moment WHERE chance > 0.95;

--
-- Backfill: a few at a time, those that have ended.
--
SELECT openreplay.backfill_some_sessions(:project_id, 0, 9223372036854775807, 10) = session_id AS until_here FROM recorded WHERE n = 11;
SELECT count(*) AS ten FROM openreplay.session_events WHERE project_id = :project_id;
SELECT openreplay.backfill_some_sessions(NULL, 0, 9223372036854775807, 1000) > 0 AS more, openreplay.backfill_some_sessions(:project_id, 0, 9223372036854775807, 1000) IS NULL AS no_more;
SELECT s.has_sequence, s.duration IS NOT NULL AS ended, count(*) AS sessions, count(q.session_id) AS sequences
FROM public.sessions s JOIN recorded r USING (session_id) LEFT JOIN openreplay.session_events q USING (session_id) GROUP BY 1, 2 ORDER BY 1;
-- every value once in its project, ids without gaps
SELECT k.name, count(DISTINCT v.project_id) AS projects, bool_and(v.last = v.n - 1) AS dense, bool_and(v.distinct_values = v.n) AS once, max(v.n) AS most
FROM (SELECT project_id, kind, max(value_id) AS last, count(*) AS n, count(DISTINCT (value, details)) AS distinct_values FROM openreplay.event_values
	WHERE project_id IN (:project_id, :other_id) GROUP BY 1, 2) v JOIN openreplay.event_kinds() k USING (kind) GROUP BY k.kind, k.name ORDER BY k.kind;
SELECT problem, place FROM openreplay.check() WHERE problem ~ 'sequence';
-- what a sequence tells is what the rows tell, in their order
SELECT count(*) > 500 AS many, count(*) FILTER (WHERE (p.kind, p."timestamp", p.value, p.details) IS DISTINCT FROM (q.kind, q."timestamp", q.value, q.details)) AS different FROM (
	SELECT *, row_number() OVER (PARTITION BY session_id ORDER BY "timestamp", key, kind) AS n FROM openreplay.plain_events((SELECT array_agg(session_id) FROM openreplay.session_events))) p
FULL JOIN (
	SELECT q.session_id, x.*, v.value, v.details FROM openreplay.session_events q CROSS JOIN openreplay.sequence_events(q.events, q.start_ts) x
	JOIN openreplay.event_values v USING (project_id, kind, value_id)) q ON q.session_id = p.session_id AND q.n = p.n;

--
-- Random questions, answered from sequences and from rows. What sequences do not tell is read from rows in both cases.
--
CREATE TEMP TABLE item AS
	SELECT jsonb_build_object('type', t, 'operator', o, 'value', jsonb_build_array(v)) AS item, true AS told
	FROM unnest('{location,click,input,custom,request}'::text[]) t, unnest('{is,isNot,contains,notContains,startsWith,isAny,isUndefined}'::text[]) o, unnest('{/a,/b,b%}'::text[]) v
	UNION ALL SELECT jsonb_build_object('type', 'error', 'operator', o, 'value', '["/a"]'::jsonb, 'source', s), true FROM unnest('{is,isNot,isAny}'::text[]) o, unnest('{"[\"js_exception\"]","[\"*\"]"}'::jsonb[]) s
	UNION ALL SELECT jsonb_build_object('type', 'tag', 'operator', o, 'value', '["3", "4"]'::jsonb), true FROM unnest('{is,isNot}'::text[]) o
	UNION ALL SELECT jsonb_build_object('type', 'fetchFailed', 'operator', 'isAny', 'value', '[]'::jsonb), true
	UNION ALL SELECT jsonb_build_object('name', n, 'isEvent', true, 'operator', 'is', 'propertyOrder', p, 'filters', f), true FROM unnest('{and,or}'::text[]) p, (VALUES
		('LOCATION', '[{"name": "url_path", "operator": "regex", "value": ["^/[ab]$"]}, {"name": "url_host", "operator": "is", "value": ["x"]}]'::jsonb),
		('REQUEST', '[{"name": "status", "operator": ">=", "value": ["400"]}, {"name": "method", "operator": "is", "value": ["GET"]}]'),
		('REQUEST', '[{"name": "success", "operator": "true", "value": []}, {"name": "url_hostpath", "operator": "endsWith", "value": ["/B", "/a"]}]'),
		('REQUEST', '[{"name": "status", "operator": "!=", "value": ["200", "404"]}]'),
		('ISSUE', '[{"name": "issue_type", "operator": "is", "value": ["click_rage"]}, {"name": "context_string", "operator": "contains", "value": ["B"]}]'),
		('ERROR', '[{"name": "name", "operator": "isUndefined", "value": []}]'), ('INCIDENT', '[]'), ('LOCATION', '[{"name": "page_title", "operator": "isUndefined", "value": []}]')) AS v (n, f)
	UNION ALL SELECT jsonb_build_object('name', 'bought', 'isEvent', true, 'autoCaptured', false, 'operator', 'is', 'filters', '[]'::jsonb), true
	UNION ALL SELECT jsonb_build_object('name', 'bought', 'isEvent', true, 'autoCaptured', false, 'operator', 'is', 'filters', '[{"name": "a", "operator": "=", "value": ["1"], "dataType": "number", "autoCaptured": false}]'::jsonb), false
	UNION ALL SELECT '{"type": "click", "operator": "selectorContains", "value": ["1"]}', false
	UNION ALL SELECT '{"type": "input", "operator": "isAny", "value": [], "source": ["typed"]}', false
	UNION ALL SELECT '{"name": "LOCATION", "isEvent": true, "operator": "is", "filters": [{"name": "load_time", "operator": ">", "value": ["300"]}]}', false
	UNION ALL SELECT '{"name": "CLICK", "isEvent": true, "operator": "is", "filters": [{"name": "$browser", "operator": "is", "value": ["Chrome"]}]}', false;
CREATE TEMP TABLE question AS
	SELECT n, told, jsonb_build_object('startTimestamp', :t0 + (n % 5) * 20000, 'endTimestamp', :t0 + 500000 - (n % 7) * 20000, 'eventsOrder', 'then', 'filters', items
		|| CASE n % 6 WHEN 0 THEN '[{"type": "userId", "operator": "is", "value": ["anna"]}]' WHEN 1 THEN '[{"type": "duration", "operator": "is", "value": ["1000", ""]}]' ELSE '[]' END::jsonb) AS filter
	FROM generate_series(1, 300) AS n, LATERAL (
		SELECT jsonb_agg(item) AS items, bool_and(told) AS told FROM (SELECT item, told FROM item WHERE n > 0 ORDER BY random() LIMIT 2 + n % 3) AS chosen) AS c;
SELECT count(*) FILTER (WHERE told) > 200 AS told, count(*) FILTER (WHERE NOT told) > 10 AS not_told FROM question;
CREATE FUNCTION pg_temp.answer(filter jsonb) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(format('%s %s %s', session_id, first_event_ts, last_event_ts) ORDER BY session_id)
		|| format('%s of %s', count(*), openreplay.count_sessions((SELECT project_id FROM public.projects WHERE name = 'sequences'), filter))
	FROM openreplay.matching_sessions((SELECT project_id FROM public.projects WHERE name = 'sequences'), filter)
$$;
CREATE FUNCTION pg_temp.reads_sequences(filter jsonb) RETURNS boolean LANGUAGE sql AS $$
	SELECT string_agg(line, '') ~ 'session_events' FROM openreplay.explain_sessions((SELECT project_id FROM public.projects WHERE name = 'sequences'), filter) line
$$;
ANALYZE public.sessions, openreplay.session_events, openreplay.event_values;
CREATE TEMP TABLE answer AS SELECT n, told, filter, pg_temp.answer(filter) AS by_sequences, pg_temp.reads_sequences(filter) AS reads_sequences FROM question;
SET LOCAL openreplay.use_session_events = off;
-- what only must not be has no order, so it is asked of the rows
SELECT a.told, a.reads_sequences, pg_temp.reads_sequences(a.filter) AS without, count(*) FILTER (WHERE by_sequences IS DISTINCT FROM pg_temp.answer(a.filter)) AS different, count(*) FILTER (WHERE cardinality(by_sequences) > 1) > 5 AS some,
	count(*) FILTER (WHERE split_part(by_sequences[cardinality(by_sequences)], ' of ', 1) <> split_part(by_sequences[cardinality(by_sequences)], ' of ', 2)) AS miscounted
FROM answer a GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT filter, by_sequences, pg_temp.answer(filter) AS by_rows FROM answer WHERE by_sequences IS DISTINCT FROM pg_temp.answer(filter) ORDER BY n LIMIT 3;
RESET openreplay.use_session_events;

-- Without its sequence a session is answered from its rows, and so are all of them.
SELECT openreplay.forget_session_events(ARRAY(SELECT session_id FROM recorded WHERE n < 50));
SELECT count(*) FILTER (WHERE by_sequences IS DISTINCT FROM pg_temp.answer(filter)) AS different FROM answer;
-- Sessions that are deleted take their sequences along; a project its values.
DELETE FROM public.sessions WHERE session_id IN (SELECT session_id FROM recorded WHERE n < 80);
SELECT count(*) AS sequences FROM openreplay.session_events q JOIN recorded r USING (session_id);
DELETE FROM public.projects WHERE project_id = :project_id;
SELECT count(*) AS values_left FROM openreplay.event_values WHERE project_id = :project_id;

-- Where the table is missing, install() brings it for all months there are.
SET LOCAL client_min_messages = error;
DROP TABLE openreplay.session_events;
UPDATE public.sessions SET has_sequence = false WHERE has_sequence;
SELECT openreplay.install();
SELECT count(*) = (SELECT count(*) FROM openreplay.partitions_of('public.sessions')) AS all_months FROM openreplay.partitions_of('openreplay.session_events');
-- So it does with what tables of an earlier build lack.
ALTER TABLE public.sessions DROP COLUMN has_sequence;
ALTER TABLE openreplay.stored_recordings DROP COLUMN files, DROP COLUMN batches_gone;
SELECT openreplay.install();
SELECT a.attrelid::regclass AS "table", a.attname AS "column" FROM pg_attribute a
WHERE a.attrelid IN ('public.sessions'::regclass, 'openreplay.stored_recordings'::regclass) AND a.attname IN ('has_sequence', 'files', 'batches_gone') ORDER BY 1, 2;
SELECT count(*) AS index_is_back FROM pg_class WHERE relname = 'sessions_without_sequence_idx';

-- Damaged bytes are no events.
SELECT * FROM openreplay.sequence_events('\x01220a4100', 1000) ORDER BY n;
\set VERBOSITY terse
SAVEPOINT before;
SELECT * FROM openreplay.sequence_events('\x01220a41', 1000);
ROLLBACK TO before;
SELECT openreplay.follow_sequence('\x01220a4100', 1000, 0, 5000, '\x00');
ROLLBACK;

--
-- What the pipeline does: a sequence at the end, none while the session goes on, late data in the next one.
--
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include
INSERT INTO public.projects (name, active) VALUES ('sequences', true) RETURNING project_id \gset
\set t0 1733400000000
\set start '2024-12-05 12:00:00+00'
SELECT pg_temp.session_in_quiet_lane(:'start') AS sid \gset
CREATE FUNCTION pg_temp.sequence(id bigint) RETURNS TABLE (kind text, value text, after_ms bigint) LANGUAGE sql AS $$
	SELECT k.name, v.value, x."timestamp" - q.start_ts FROM openreplay.session_events q CROSS JOIN openreplay.sequence_events(q.events, q.start_ts) x
	JOIN openreplay.event_values v USING (project_id, kind, value_id) JOIN openreplay.event_kinds() k USING (kind) WHERE session_id = id AND k.name = 'clicks' ORDER BY x.n
$$;
SELECT pg_temp.start(:sid, :project_id, :'start') IS NOT NULL AS started;
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, n * 10, :t0 + n * 1000, 'https://shop.example.com/', 'tab-a',
	pg_temp.at(:t0 + n * 1000), pg_temp.click('at ' || n % 2)), timestamptz :'start' + n * interval '1 second') IS NOT NULL AS appended
FROM unnest('{0,41,90}'::int[]) AS n;
SELECT openreplay.process_batches() > 0 AS processed;
SELECT has_sequence, (SELECT count(*) FROM pg_temp.sequence(:sid)) AS events FROM public.sessions WHERE session_id = :sid;
SELECT openreplay.end_sessions(timestamptz :'start' + interval '240 seconds') AS ended;
SELECT has_sequence FROM public.sessions WHERE session_id = :sid;
SELECT * FROM pg_temp.sequence(:sid);
-- late data: the session goes on
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 3000, :t0 + 60000, 'https://shop.example.com/', 'tab-a',
	pg_temp.at(:t0 + 60000), pg_temp.click('late')), timestamptz :'start' + interval '300 seconds') IS NOT NULL AS appended;
SELECT openreplay.process_batches() > 0 AS processed;
SELECT has_sequence, (SELECT count(*) FROM openreplay.session_events WHERE session_id = :sid) AS sequences FROM public.sessions WHERE session_id = :sid;
SELECT openreplay.backfill_some_sessions(:project_id, 0, 9223372036854775807, 10) IS NOT NULL AS tried, has_sequence FROM public.sessions WHERE session_id = :sid;
SELECT has_sequence AS still_not FROM public.sessions WHERE session_id = :sid;
SELECT count(*) AS found FROM openreplay.matching_sessions(:project_id, '{"filters": [{"type": "click", "operator": "is", "value": ["at 1"]}, {"type": "click", "operator": "is", "value": ["late"]}]}');
-- a batch that was there already changes nothing once it has ended again
SELECT openreplay.end_sessions(timestamptz :'start' + interval '450 seconds') AS ended;
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 3000, :t0 + 60000, 'https://shop.example.com/', 'tab-a',
	pg_temp.at(:t0 + 60000), pg_temp.click('late')), timestamptz :'start' + interval '460 seconds') IS NOT NULL AS appended;
SELECT openreplay.process_batches() > 0 AS processed;
SELECT has_sequence FROM public.sessions WHERE session_id = :sid;
SELECT * FROM pg_temp.sequence(:sid);
SELECT count(*) AS found FROM openreplay.matching_sessions(:project_id, '{"filters": [{"type": "click", "operator": "is", "value": ["at 1"]}, {"type": "click", "operator": "is", "value": ["late"]}]}');
SELECT problem, place, rows FROM openreplay.check() WHERE problem ~ 'sequence';
-- Values that are of no session any more go.
SELECT pg_temp.session_in_quiet_lane('2024-12-05 14:00:00+00') AS other \gset
SELECT pg_temp.start(:other, :project_id, '2024-12-05 14:00:00+00') IS NOT NULL AS started,
	openreplay.append_batch(:other, pg_temp.batch(0, 0, :t0 + 7200000, 'https://shop.example.com/', 'tab-a', pg_temp.at(:t0 + 7200000), pg_temp.click('at 1'), pg_temp.click('of anna only')), '2024-12-05 14:00:00+00') IS NOT NULL AS appended;
SELECT openreplay.end_sessions('2024-12-05 15:00:00+00') AS ended;
CALL openreplay.forget_event_values();
SELECT string_agg(value, ', ' ORDER BY value) AS clicks FROM openreplay.event_values WHERE project_id = :project_id AND kind = 2;
DELETE FROM public.sessions WHERE session_id = :other;
-- one that is condemned is not given to anybody any more, but read where it is
SELECT openreplay.condemn_event_values() > 0 AS condemned;
SELECT value, condemned FROM openreplay.event_values WHERE project_id = :project_id AND kind = 2 ORDER BY value;
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 9000, :t0 + 61000, 'https://shop.example.com/', 'tab-a',
	pg_temp.at(:t0 + 61000), pg_temp.click('of anna only')), timestamptz :'start' + interval '470 seconds') IS NOT NULL AS appended;
SELECT openreplay.end_sessions(timestamptz :'start' + interval '700 seconds') AS ended;
SELECT value, condemned FROM openreplay.event_values WHERE project_id = :project_id AND kind = 2 ORDER BY value, condemned;
CALL openreplay.run_work('forget_event_values');
SELECT value, condemned FROM openreplay.event_values WHERE project_id = :project_id AND kind = 2 ORDER BY value;
SELECT count(*) AS found FROM openreplay.matching_sessions(:project_id, '{"filters": [{"type": "click", "operator": "is", "value": ["late"]}, {"type": "click", "operator": "is", "value": ["of anna only"]}]}');
DELETE FROM public.projects WHERE project_id = :project_id;
SELECT count(*) AS sequences FROM openreplay.session_events WHERE session_id = :sid;
