-- Sessions and their events live in months: built when needed, skipped by time ranges.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
SET TimeZone = 'America/New_York';		-- months are UTC nevertheless

-- A session id carries its time.
SELECT openreplay.session_id_at('2019-02-12 19:33:20+00') AS first_id,
	openreplay.session_id_at('2024-05-01 00:00+00') AS of_may,
	openreplay.session_time(openreplay.session_id_at('2024-05-01 10:00:00.123+00') + 16777215) AT TIME ZONE 'UTC' AS time_of_id;

-- Installation made this month and the next two.
SELECT count(*) FROM openreplay.missing_session_partitions(now(), 2);

-- An old session comes late: its months are built once, in every table.
SELECT openreplay.ensure_session_partitions('2020-05-17 12:00+00', 1) = 2 * count(*) AS built FROM openreplay.session_tables();
SELECT openreplay.ensure_session_partitions('2020-05-17 12:00+00', 1) AS built_again;
SELECT i.inhrelid::regclass AS partition, pg_get_expr(c.relpartbound, c.oid) AS bounds
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE c.relkind = 'r' AND c.relname LIKE '%\_2020\_05' ORDER BY i.inhrelid::regclass::text COLLATE "C";
SELECT openreplay.session_id_at('2020-05-01 00:00+00'), openreplay.session_id_at('2020-06-01 00:00+00');

-- They are no part of the extension, have all indexes and constraints of their parents, and what cascades to sessions.
SELECT count(*) FROM pg_depend
WHERE deptype = 'e' AND classid = 'pg_class'::regclass AND refclassid = 'pg_extension'::regclass
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'openreplay');
SELECT parent, indexes, attached FROM (
	SELECT t AS parent,
		(SELECT count(*) FROM pg_index WHERE indrelid = t) AS indexes,
		(SELECT count(*) FROM pg_index x JOIN pg_inherits i ON i.inhparent = x.indexrelid
			JOIN pg_index p ON p.indexrelid = i.inhrelid WHERE x.indrelid = t
			AND p.indrelid = to_regclass(replace(t::text || '_2020_05', '"', ''))) AS attached
	FROM openreplay.session_tables() AS t) AS counted
WHERE indexes <> attached;
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 'public.sessions_2020_05'::regclass AND contype IN ('c', 'f', 'p') ORDER BY conname COLLATE "C";

-- Times that no session can have.
\set SHOW_CONTEXT never
SELECT openreplay.ensure_session_partitions('2019-02-01 00:00+00');
SELECT openreplay.ensure_session_partitions('2100-01-01 00:00+00');
SELECT openreplay.ensure_session_partitions(NULL);
SELECT openreplay.ensure_session_partitions(now(), 1000);

-- Rows find their month by their id; without a month there is no place for them.
INSERT INTO public.projects (project_id, name, active) VALUES (7201, 'months', true);
PREPARE new_session (timestamptz, timestamptz) AS
	INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, user_uuid, user_os, user_browser, user_device,
		user_device_type, user_country)
	VALUES (openreplay.session_id_at($1) + 7201, 7201, '14.0.14', (extract(epoch FROM $2) * 1000)::bigint,
		'00000000-0000-0000-0000-000000007201', 'Linux', 'Chrome', '', 'desktop', 'UN')
	RETURNING tableoid::regclass;
EXECUTE new_session('2020-05-01 00:00+00', '2020-05-01 00:00+00');
EXECUTE new_session('2020-05-31 23:59:59.999+00', '2020-05-31 23:59:59.999+00');
EXECUTE new_session('2020-06-01 00:00+00', '2020-05-31 00:00:01+00');		-- began a day before it got its id
\set VERBOSITY terse
EXECUTE new_session('2020-06-02 00:00+00', '2020-05-30 23:59:59+00');		-- more than a day: start_ts is wrong
EXECUTE new_session('2020-07-01 00:00+00', '2020-07-01 00:00+00');
\set VERBOSITY default
\set may_session '(openreplay.session_id_at(''2020-05-01 00:00+00'') + 7201)'
INSERT INTO events.clicks (session_id, message_id, "timestamp", label) VALUES (:may_session, 1, 1588291200000, 'Buy')
	RETURNING tableoid::regclass;

-- Which tables a query reads.
CREATE FUNCTION pg_temp.tables_read(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query
	LOOP
		IF line ~ '(Scan|Update|Delete) .*on \w+_\d{4}_\d\d' THEN
			RETURN NEXT (regexp_match(line, 'on (\w+_\d{4}_\d\d)'))[1];
		END IF;
	END LOOP;
END
$$;

-- A session is looked for in its month; a range of start_ts reads the months it can be in, and the day after.
SELECT DISTINCT pg_temp.tables_read('SELECT * FROM public.sessions WHERE session_id = ' || :may_session);
SELECT DISTINCT pg_temp.tables_read($$
	SELECT * FROM public.sessions
	WHERE project_id = 7201 AND start_ts BETWEEN 1589000000000 AND 1589100000000$$);
SELECT DISTINCT pg_temp.tables_read($$
	SELECT * FROM public.sessions
	WHERE project_id = 7201 AND start_ts BETWEEN 1590900000000 AND 1590969599999$$) ORDER BY 1;

-- A range of session ids skips months of every event table, and a join carries it over.
SELECT DISTINCT pg_temp.tables_read($$
	SELECT label, count(*) FROM events.clicks
	WHERE session_id >= openreplay.session_id_at('2020-05-03 00:00+00') AND session_id < openreplay.session_id_at('2020-05-09 00:00+00')
	GROUP BY label$$);

-- The plan of the usual list: the newest sessions of a project in a time range.
SET enable_seqscan = off;
EXPLAIN (COSTS OFF)
SELECT session_id, start_ts, duration FROM public.sessions
WHERE project_id = 7201 AND start_ts BETWEEN 1589000000000 AND 1589100000000
	AND session_id >= openreplay.session_id_at('2020-05-09 04:53:20+00') AND session_id < openreplay.session_id_at('2020-05-11 08:40:00+00')
ORDER BY start_ts DESC LIMIT 20;
RESET enable_seqscan;

-- A month that was taken off its parent returns.
ALTER TABLE events.clicks DETACH PARTITION events.clicks_2020_05;
SELECT count(*) FROM events.clicks WHERE session_id = :may_session;
SELECT openreplay.ensure_session_partitions('2020-05-17 12:00+00', 0);
SELECT count(*) FROM events.clicks WHERE session_id = :may_session;

DELETE FROM public.projects WHERE project_id = 7201;
SELECT count(*) FROM events.clicks WHERE session_id = :may_session;
