-- Ended sessions by the hundred: each capture's batches once more under :copies other ids, without a pass, queued to be stored.
-- Wants the captures appended (sql/include/captures.sql); session clone of original has the same files.
SET client_min_messages = warning;
CREATE TABLE IF NOT EXISTS public.clones (session_id bigint PRIMARY KEY, original bigint NOT NULL);
INSERT INTO public.clones SELECT o.session_id + n, o.session_id
FROM (SELECT DISTINCT session_id FROM openreplay.batches WHERE server_id = 0) o, generate_series(1, :copies) n;
INSERT INTO openreplay.batches (seq, session_id, received_at, server_id, size_bytes, shard, kind, body)
SELECT row_number() OVER (ORDER BY b.received_at, b.seq), c.session_id, b.received_at, 1000, b.size_bytes, 0, b.kind, b.body
FROM public.clones c JOIN openreplay.batches b ON b.session_id = c.original AND b.server_id = 0;
SELECT openreplay.queue_recordings(array_agg(session_id)) FROM public.clones;
