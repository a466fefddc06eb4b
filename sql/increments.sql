--
-- However batches are dealt out to passes, the tables end up the same
--
-- Between calls of process_batches() nothing is in memory: each reads the session's checkpoint. So one call per batch shows
-- that a worker may be replaced after every batch, and a pass over everything that it need not be.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/captures.sql'
\i :include

-- Everything recorded of a project's sessions, one row per row.
CREATE FUNCTION pg_temp.contents(project integer) RETURNS TABLE (table_name text, contents text) LANGUAGE plpgsql AS $$
DECLARE
	t regclass;
BEGIN
	FOR t IN SELECT * FROM openreplay.session_tables()
	LOOP
		RETURN QUERY EXECUTE format('SELECT %L, (to_jsonb(e) - ''created_at'')::text FROM %s e
			WHERE session_id IN (SELECT session_id FROM public.sessions WHERE project_id = %s)', t, t, project);
	END LOOP;
	RETURN QUERY SELECT 'errors', to_jsonb(e)::text FROM public.errors e WHERE project_id = project;
	RETURN QUERY SELECT 'issues', to_jsonb(e)::text FROM public.issues e WHERE project_id = project;
	RETURN QUERY SELECT 'autocomplete', to_jsonb(e)::text FROM public.autocomplete e WHERE project_id = project;
END
$$;

CREATE TEMP TABLE visits AS SELECT DISTINCT capture FROM capture_requests WHERE capture <> 's5-heavy-dom';

-- All at once.
INSERT INTO public.projects (project_id, name, active, save_request_payloads, metadata_1) OVERRIDING SYSTEM VALUE
VALUES (7777, 'increments', true, true, 'store');
SELECT sum(pg_temp.append_capture(capture, 7777)) AS entries FROM visits;
SELECT openreplay.process_batches();
SELECT openreplay.end_sessions(now());
CREATE TEMP TABLE at_once AS SELECT * FROM pg_temp.contents(7777);
CREATE TEMP TABLE entry AS
SELECT b.session_id, b.received_at, b.kind, b.body, b.seq FROM openreplay.batches b JOIN public.sessions s USING (session_id) WHERE s.project_id = 7777;
DELETE FROM public.projects WHERE project_id = 7777;
DELETE FROM openreplay.deleted_sessions;	-- its sessions may be sent again here

-- One call per entry, sessions interleaved by time of arrival; the session's state is read from its checkpoint each time.
INSERT INTO public.projects (project_id, name, active, save_request_payloads, metadata_1) OVERRIDING SYSTEM VALUE
VALUES (7777, 'increments', true, true, 'store');
-- stored bodies are zstd frames: appending needs what they hold, so rows go in as they are
CREATE FUNCTION pg_temp.append_stored(e entry) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	placed bigint;
BEGIN
	placed := openreplay.append_batch(e.session_id, '', e.received_at, e.kind);
	UPDATE openreplay.batches b SET body = e.body WHERE b.session_id = e.session_id AND b.seq = placed;
END
$$;
DO $$
DECLARE
	e entry;
BEGIN
	FOR e IN SELECT * FROM entry ORDER BY received_at, session_id, seq
	LOOP
		PERFORM pg_temp.append_stored(e);
		PERFORM openreplay.process_batches();
	END LOOP;
END
$$;
SELECT openreplay.end_sessions(now());
CREATE TEMP TABLE one_by_one AS SELECT * FROM pg_temp.contents(7777);
DELETE FROM public.projects WHERE project_id = 7777;
DELETE FROM openreplay.deleted_sessions;	-- its sessions may be sent again here

-- Every batch twice, in passes of seven.
INSERT INTO public.projects (project_id, name, active, save_request_payloads, metadata_1) OVERRIDING SYSTEM VALUE
VALUES (7777, 'increments', true, true, 'store');
DO $$
DECLARE
	e entry;
	n integer := 0;
BEGIN
	FOR e IN SELECT * FROM entry ORDER BY session_id, seq
	LOOP
		PERFORM pg_temp.append_stored(e);
		PERFORM pg_temp.append_stored(e);
		n := n + 1;
		IF n % 7 = 0 THEN
			PERFORM openreplay.process_batches();
		END IF;
	END LOOP;
END
$$;
SELECT openreplay.end_sessions(now());
CREATE TEMP TABLE twice AS SELECT * FROM pg_temp.contents(7777);
SELECT count(*) AS batches_kept, (SELECT count(*) FROM entry WHERE kind = 'w') AS sent FROM openreplay.batches b
JOIN public.sessions s USING (session_id) WHERE s.project_id = 7777 AND b.kind = 'w';
DELETE FROM public.projects WHERE project_id = 7777;
DELETE FROM openreplay.deleted_sessions;	-- its sessions may be sent again here

SELECT table_name, count(*) FROM at_once GROUP BY 1 ORDER BY 1;
-- no difference
SELECT 'missing' AS what, * FROM (SELECT * FROM at_once EXCEPT ALL SELECT * FROM one_by_one) d
UNION ALL SELECT 'extra', * FROM (SELECT * FROM one_by_one EXCEPT ALL SELECT * FROM at_once) d;
SELECT 'missing' AS what, * FROM (SELECT * FROM at_once EXCEPT ALL SELECT * FROM twice) d
UNION ALL SELECT 'extra', * FROM (SELECT * FROM twice EXCEPT ALL SELECT * FROM at_once) d;
