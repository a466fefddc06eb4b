--
-- Images of canvases and of a phone's screen, as the ingest server stores them, read back in SQL
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\set VERBOSITY terse
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include
\set t0 1732374000000
INSERT INTO public.projects (name, active) VALUES ('images', true) RETURNING project_id \gset
SELECT openreplay.session_id_at('2024-11-23 15:00:00+00') + 42 AS sid \gset

-- A record: length of the name, name, size, bytes; numbers are little-endian.
CREATE FUNCTION pg_temp.record(name text, image bytea) RETURNS bytea LANGUAGE sql AS $$
	SELECT set_byte('\x0000', 0, length(name)) || convert_to(name, 'UTF8')
		|| set_byte(set_byte('\x00000000', 0, length(image) & 255), 1, length(image) >> 8) || image
$$;

SELECT pg_temp.start(:sid, :project_id, '2024-11-23 15:00:00+00') IS NOT NULL AS started;
SELECT openreplay.append_batch(:sid, pg_temp.record(:t0 || '_42_' || :t0 + 2000 || '.webp', '\xbb')
	|| pg_temp.record(:t0 || '_42_' || :t0 + 1000 || '.webp', '\xaa'), '2024-11-23 15:00:02+00', 'c') IS NOT NULL AS canvas;
SELECT openreplay.append_batch(:sid, pg_temp.record(:t0 || '_1_' || :t0 + 1500 || '.jpeg', repeat('x', 300)::bytea),
	'2024-11-23 15:00:03+00', 'i') IS NOT NULL AS screenshot;
-- Sent again, and changed: the last one counts.
SELECT openreplay.append_batch(:sid, pg_temp.record(:t0 || '_42_' || :t0 + 1000 || '.webp', '\xcc'), '2024-11-23 15:00:04+00', 'c') IS NOT NULL AS again;
SELECT received_at IS NOT NULL AS received, kind, name, taken_ms - :t0 AS taken, size_bytes, md5(body) = md5(repeat('x', 300)::bytea) AS screen,
	left(encode(body, 'hex'), 4) AS body FROM openreplay.images(:sid);

-- Images are no messages, and the pass leaves them where they are.
SELECT openreplay.process_batches();
SELECT count(*) FROM openreplay.messages(:sid);
SELECT count(*) AS broken FROM openreplay.broken_batches WHERE session_id = :sid;

-- Those that come after the end make the recording be stored again, as does anything late.
SELECT openreplay.end_sessions(now()) > 0 AS ended;
DELETE FROM openreplay.outbox WHERE key = :'sid';
SELECT openreplay.append_batch(:sid, pg_temp.record(:t0 || '_42_' || :t0 + 3000 || '.webp', '\xdd'), '2024-11-23 15:00:04.5+00', 'c') IS NOT NULL AS late;
SELECT openreplay.process_batches(), openreplay.end_sessions(now()) AS ended;
SELECT kind FROM openreplay.outbox WHERE key = :'sid';

-- What is no image record is told, what came before it is shown.
SELECT name, size_bytes FROM openreplay.decode_images(pg_temp.record('1_2_3.png', '\x01') || '\x0900'::bytea || '../passwd');
SELECT openreplay.append_batch(:sid, '\x', '2024-11-23 15:00:05+00', 'x');

-- Who sees dashboards sees images.
SET ROLE openreplay_reader;
SELECT count(*) FROM openreplay.images(:sid);
RESET ROLE;
DELETE FROM public.projects WHERE project_id = :project_id;
