-- The eight bundled recordings, at the times they were made, as a project of their own:
--
--   data/unpack.sh DIR && OPENREPLAY_CAPTURES=DIR ./openreplay psql -f data/recordings.sql
--
-- The answers in the manual's cookbook are about these; where workers run, they are there when the sessions have ended.
\set QUIET on
\set ON_ERROR_STOP on
\set ECHO none
\ir ../sql/include/captures.sql
\set ECHO none
\set QUIET on
INSERT INTO public.projects (name, active, metadata_1, metadata_2) VALUES ('recordings', true, 'store', 'segment') RETURNING project_id \gset
SELECT sum(pg_temp.append_capture(name, :project_id)) AS entries
FROM (SELECT DISTINCT capture AS name FROM capture_requests ORDER BY 1) AS c \gset
SELECT openreplay.process_batches() AS processed \gset
SELECT openreplay.end_sessions(now()) AS ended \gset
\echo project :project_id: :entries entries, :ended sessions ended
