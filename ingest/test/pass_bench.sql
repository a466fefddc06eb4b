-- One capture as so many sessions that they hold at least a number of messages, processed in one go.  Variables: root,
-- capture, least.  Prints one line of figures.
\set ECHO none
\o /dev/null
SET client_min_messages = warning;
\set include :root '/sql/include/captures.sql'
\i :include
\set ECHO none
INSERT INTO public.projects (name, active) VALUES ('bench', true) RETURNING project_id \gset
SELECT pg_temp.append_capture(:'capture', :project_id);
CREATE TEMP TABLE recording AS SELECT * FROM openreplay.batches
WHERE session_id = (pg_temp.document(:'capture', 'meta')->'sessions'->0->>'sessionID')::bigint;
SELECT :least / count(*) + 1 AS copies FROM openreplay.messages((SELECT max(session_id) FROM recording)) \gset
DELETE FROM openreplay.batches WHERE session_id IN (SELECT session_id FROM recording);
INSERT INTO openreplay.batches
SELECT row_number() OVER (PARTITION BY shard ORDER BY copy, seq) + 1000000, session_id, received_at, 0, size_bytes, shard, kind, body
FROM (SELECT r.seq, r.session_id + copy AS session_id, r.received_at, r.size_bytes, openreplay.shard_of(r.session_id + copy) AS shard,
			 r.kind, r.body, copy FROM recording r, generate_series(1, :copies) AS copy) c
ORDER BY received_at;
ANALYZE openreplay.batches;
CHECKPOINT;
SELECT clock_timestamp() AS began, pg_current_wal_insert_lsn() AS wal \gset
SELECT openreplay.process_batches();
SELECT extract(epoch FROM clock_timestamp() - :'began') AS seconds, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), :'wal') AS wal_bytes \gset
\o
SELECT sum(messages), (SELECT sum(n) FROM (SELECT DISTINCT elapsed_ms, rows_written AS n FROM openreplay.passes) p),
	round(sum(messages) / :seconds), round((SELECT sum(n) FROM (SELECT DISTINCT elapsed_ms, rows_written AS n FROM openreplay.passes) p) / :seconds),
	round(:wal_bytes / sum(messages), 1)
FROM openreplay.passes;
