--
-- One entry that makes a pass fail costs itself, and nothing else
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\set VERBOSITY terse
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include

INSERT INTO public.projects (name, active) VALUES ('poison', true) RETURNING project_id \gset
\set t0 1732633200000
\set start '2024-11-26 15:00:00+00'
SELECT openreplay.session_id_at(:'start') AS sid \gset

-- No value of a client's makes a statement fail; a trigger of the user's own may.
CREATE FUNCTION public.refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'poison is not stored';
END
$$;
CREATE TRIGGER refuse_poison BEFORE INSERT ON events.clicks FOR EACH ROW WHEN (NEW.label = 'Poison')
	EXECUTE FUNCTION public.refuse_poison();

SELECT pg_temp.start(:sid + n, :project_id, :'start') IS NOT NULL AS started FROM generate_series(0, 1) n;
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, n * 10, :t0 + n * 1000, 'https://shop.example.com/', 'tab-a',
	pg_temp.click(CASE n WHEN 2 THEN 'Poison' ELSE 'Click ' || n END)), timestamptz :'start' + n * interval '1 second') IS NOT NULL AS appended
FROM generate_series(1, 4) n;
SELECT openreplay.append_batch(:sid + 1, pg_temp.batch(0, 0, :t0, 'https://shop.example.com/', 'tab-a',
	pg_temp.click('Another session')), :'start') IS NOT NULL AS appended;

SELECT openreplay.process_batches();
SELECT session_id - :sid AS session, label FROM events.clicks WHERE session_id BETWEEN :sid AND :sid + 1 ORDER BY 1, 2;
SELECT session_id - :sid AS session, kind, reason, messages_kept FROM openreplay.broken_batches WHERE session_id BETWEEN :sid AND :sid + 1;

-- The fault removed, the kept body can be appended again and takes effect.
DROP TRIGGER refuse_poison ON events.clicks;
SELECT openreplay.append_batch(session_id, (SELECT pg_temp.batch(0, 20, :t0 + 2000, 'https://shop.example.com/', 'tab-a', pg_temp.click('Poison'))))
	IS NOT NULL AS appended FROM openreplay.broken_batches WHERE session_id = :sid;
SELECT openreplay.process_batches();
SELECT label FROM events.clicks WHERE session_id = :sid ORDER BY message_id;

-- What waits for a session is tried one by one as well: neither its start nor its neighbours pay for the one.
CREATE TRIGGER refuse_poison BEFORE INSERT ON events.clicks FOR EACH ROW WHEN (NEW.label = 'Poison')
	EXECUTE FUNCTION public.refuse_poison();
SELECT openreplay.append_batch(:sid + 2, pg_temp.batch(0, n * 10, :t0 + n * 1000, 'https://shop.example.com/', 'tab-a',
	pg_temp.click(CASE n WHEN 2 THEN 'Poison' ELSE 'Early ' || n END)), timestamptz :'start' + n * interval '1 second') IS NOT NULL AS appended
FROM generate_series(1, 3) n;
SELECT openreplay.process_batches();
SELECT pg_temp.start(:sid + 2, :project_id, :'start') IS NOT NULL AS started;
SELECT openreplay.append_batch(:sid + 2, pg_temp.batch(0, 40, :t0 + 4000, 'https://shop.example.com/', 'tab-a', pg_temp.click('On time')), timestamptz :'start' + interval '10 seconds') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
SELECT label FROM events.clicks WHERE session_id = :sid + 2 ORDER BY message_id;
SELECT kind, reason FROM openreplay.broken_batches WHERE session_id = :sid + 2;
SELECT count(*) AS parked FROM openreplay.parked_batches WHERE session_id = :sid + 2;
DROP TRIGGER refuse_poison ON events.clicks;

-- A session that cannot be ended is left as it is, and keeps no other from ending.
CREATE TRIGGER refuse_poison BEFORE UPDATE ON public.sessions FOR EACH ROW WHEN (NEW.duration IS NOT NULL AND NEW.user_id = 'Poison')
	EXECUTE FUNCTION public.refuse_poison();
UPDATE public.sessions SET user_id = 'Poison' WHERE session_id = :sid + 1;
SELECT openreplay.end_sessions(now() + interval '1 day') >= 3 AS ended;	-- lanes may have received later things
SELECT s.session_id - :sid AS session, s.duration IS NOT NULL AS has_duration, v.is_live
FROM public.sessions s JOIN openreplay.sessions v USING (session_id) WHERE s.session_id BETWEEN :sid AND :sid + 2 ORDER BY 1;
DROP TRIGGER refuse_poison ON public.sessions;

-- A fault of the moment is nobody's fault: the statement fails, and nothing is put aside.
CREATE OR REPLACE FUNCTION public.refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full';
END
$$;
CREATE TRIGGER refuse_poison BEFORE INSERT ON events.clicks FOR EACH ROW EXECUTE FUNCTION public.refuse_poison();
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 50, :t0 + 5000, 'https://shop.example.com/', 'tab-a',
	pg_temp.click('After the disk was full')), timestamptz :'start' + interval '9 seconds') IS NOT NULL AS appended;
SELECT openreplay.process_batches();
DROP TRIGGER refuse_poison ON events.clicks;
DROP FUNCTION public.refuse_poison;
SELECT openreplay.process_batches();
SELECT label FROM events.clicks WHERE session_id = :sid ORDER BY message_id;
SELECT count(*) AS broken FROM openreplay.broken_batches WHERE session_id = :sid;

-- A pass takes 64 MiB of what is sent and no more: the sixth of these waits for the next one.
SELECT max(seq) AS position FROM openreplay.passes WHERE server_id = 0 AND shard = openreplay.shard_of(:sid) \gset
SELECT count(openreplay.append_batch(:sid, convert_to(repeat(n::text, 15000000), 'UTF8'), timestamptz :'start' + interval '10 seconds')) AS appended
FROM generate_series(1, 6) n;
SELECT openreplay.process_batches();
SELECT entries FROM openreplay.passes WHERE server_id = 0 AND shard = openreplay.shard_of(:sid) AND seq > :position ORDER BY seq;

DELETE FROM public.projects WHERE project_id = :project_id;
