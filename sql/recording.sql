--
-- Recording files in SQL: what players get, of live and of ended sessions
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include
\set include :srcdir '/sql/include/captures.sql'
\i :include
\set include :srcdir '/sql/include/read_recording.sql'
\i :include

INSERT INTO public.projects (name, active) VALUES ('recording', true) RETURNING project_id \gset

--
-- The documented example: a batch of three messages, and its files to the byte
--
\set t0 1732372000000
\set moment '2024-11-23 14:26:40+00'
DELETE FROM openreplay.deleted_sessions;	-- other stories have deleted sessions of this moment
SELECT openreplay.session_id_at(:'moment') AS sid \gset
SELECT pg_temp.start(:sid, :project_id, :'moment') IS NOT NULL AS started;
SELECT openreplay.process_batches() > 0 AS processed;
-- a session of which nothing was recorded yet
SELECT openreplay.recording(:sid) IS NULL AS nothing;
SELECT openreplay.append_batch(:sid, '\x51010000'::bytea || pg_temp.int(:t0) || pg_temp.str('https://shop.example.com/') || pg_temp.at(:t0)
	|| pg_temp.msg(118, pg_temp.str('tab1')) || pg_temp.msg(20, pg_temp.uint(10), pg_temp.uint(20)), :'moment') IS NOT NULL AS appended;
SELECT openreplay.recording(:sid), openreplay.recording(:sid, 'dom.mobe') AS mobe, openreplay.recording(:sid, 'devtools.mob') AS devtools;
-- 16 seconds later comes what goes into the second part; it was sent twice, as happens
SELECT count(openreplay.append_batch(:sid, pg_temp.batch(0, 3, :t0 + 16000, 'https://shop.example.com/', 'tab1',
	pg_temp.msg(20, pg_temp.uint(10), pg_temp.uint(20)), pg_temp.custom('never', '"in a file"')), :'moment')) AS appended
FROM generate_series(1, 2);
SELECT openreplay.recording(:sid), openreplay.recording(:sid, 'dom.mobe') AS mobe, openreplay.recording(:sid, 'devtools.mob') AS devtools;
SELECT openreplay.recording(:sid) || openreplay.recording(:sid, 'dom.mobe') = openreplay.recording(:sid, 'dom.mob') AS together;

-- URLs are those of the page, wherever the player is; the classes are what players set for the pointer
SELECT openreplay.append_batch(:sid, pg_temp.batch(1, 0, :t0 + 17000, 'https://shop.example.com/p/', 'tab1',
	pg_temp.msg(60, pg_temp.uint(4), pg_temp.str('src'), pg_temp.str('../logo.svg'), pg_temp.str('https://shop.example.com/p/')),
	pg_temp.msg(61, pg_temp.uint(5), pg_temp.str('a:hover{background:url(bg.png)}'), pg_temp.str('https://shop.example.com/p/'))), :'moment') IS NOT NULL AS appended;
SELECT at - :t0 AS ms, tab, type, content FROM pg_temp.read_recording(openreplay.recording(:sid, 'dom.mob')) WHERE at > :t0 + 16000 ORDER BY n;

-- Older players know no dictionaries that outlive a page, nor animations
SELECT openreplay.append_batch(:sid, pg_temp.batch(1, 10, :t0 + 18000, 'https://shop.example.com/p/', 'tab1',
	pg_temp.msg(34, pg_temp.uint(900), pg_temp.str('class')), pg_temp.msg(34, pg_temp.uint(901), pg_temp.str('btn')),
	pg_temp.msg(35, pg_temp.uint(4), pg_temp.uint(900), pg_temp.uint(901)), pg_temp.msg(36, pg_temp.uint(4), pg_temp.str('{}'))), :'moment') IS NOT NULL AS appended;
SELECT type, content FROM pg_temp.read_recording(openreplay.recording(:sid, 'dom.mob')) WHERE at > :t0 + 17000 ORDER BY n;
SET openreplay.player = '1.20';
SELECT type, content FROM pg_temp.read_recording(openreplay.recording(:sid, 'dom.mob')) WHERE at > :t0 + 17000 ORDER BY n;
RESET openreplay.player;

-- What cannot be
SELECT openreplay.recording(:sid, 'dom.html');
SELECT openreplay.recording(1);
SELECT openreplay.recording(NULL) IS NULL AS nothing_of_nothing;

-- An app's taps, in the order of their numbers
SELECT openreplay.append_batch(:sid + 1, convert_to(jsonb_build_object('session_id', (:sid + 1)::text, 'project_id', :project_id,
	'start_ts', :t0, 'platform', 'ios', 'user_uuid', '7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5', 'delay_ms', 0, 'expires_ms', :t0 + 7200000)::text, 'UTF8'), :'moment', 's') IS NOT NULL AS started;
SELECT openreplay.process_batches() > 0 AS processed;
SELECT openreplay.append_batch(:sid + 1, '\x6b80b89e8680320105648ab89e86803207034275797880056794b89e8680320b04696e666f057265616479669eb89e8680320e0c626174746572794c6576656c50',
	:'moment', 'm') IS NOT NULL AS appended;
SELECT type, content FROM pg_temp.read_recording(openreplay.recording(:sid + 1)) ORDER BY n;
SELECT openreplay.recording(:sid + 1, 'dom.mobe') IS NULL AS unsplit, openreplay.recording(:sid + 1, 'devtools.mob') AS devtools;

--
-- The recorded visits. First their files while they are live.
--
CREATE TEMP TABLE capture AS
SELECT name, (pg_temp.document(name, 'meta')->'sessions'->0->>'sessionID')::bigint AS session_id
FROM unnest('{s1-browse-short,s2-checkout-full,s3-frustration,s4-multipage,s5-heavy-dom,s6-three-tabs,s7-idle,s8-widgets}'::text[]) AS name;
SELECT name, pg_temp.append_capture(name, :project_id) AS entries FROM capture ORDER BY name;
SELECT openreplay.process_batches() > 0 AS processed;
CREATE TEMP TABLE files AS SELECT c.name, file, openreplay.recording(c.session_id, file) AS bytes
FROM capture c, unnest('{dom.mobs,dom.mobe,devtools.mob}'::text[]) AS file;

-- Sizes and hashes are here so that nobody changes a byte unknowingly.
SELECT name, file, length(bytes) AS size, left(encode(sha256(bytes), 'hex'), 16) AS sha256 FROM files ORDER BY name, file;

-- The reader's messages are those of openreplay.messages() that belong into the file: in the order of (time, tab, page, stream,
-- place in the stream), each at its time and in its tab. What is rewritten is compared by its node.
CREATE TEMP TABLE sent AS
WITH message AS (
	SELECT c.name AS capture, m.*, count(*) FILTER (WHERE type = 81) OVER (PARTITION BY c.name ORDER BY ordinality) AS batch
	FROM capture c, openreplay.messages(c.session_id) WITH ORDINALITY AS m (index, at, tab, type, name, fields, ordinality)
), batch AS (
	SELECT capture, batch, (array_agg(fields ORDER BY ordinality) FILTER (WHERE type = 81))[1] AS header,
		(array_agg(fields->>'TabId' ORDER BY ordinality) FILTER (WHERE type = 118))[1] AS header_tab
	FROM message GROUP BY capture, batch
)
SELECT capture, at, tab, type, message.fields, file, row_number() OVER (PARTITION BY capture, file ORDER BY at, header_tab COLLATE "C",
	(header->>'PageNo')::bigint, CASE WHEN header->>'Version' = '3' THEN 1 ELSE 0 END, (header->>'FirstIndex')::bigint, ordinality) AS n
FROM message JOIN batch USING (capture, batch) JOIN recorded_types t USING (type) WHERE file <> 'both';

CREATE TEMP TABLE read AS
SELECT c.name AS capture, t.file, r.at, r.tab, r.type, r.content, row_number() OVER (PARTITION BY c.name, t.file ORDER BY r.n) AS n
FROM capture c, unnest('{dom,devtools}'::text[]) AS file, pg_temp.read_recording(openreplay.recording(c.session_id, file || '.mob')) r
JOIN recorded_types t USING (type) WHERE t.file = split_part(file.file, '.', 1);

CREATE FUNCTION pg_temp.sorted(VARIADIC fields jsonb[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT jsonb_agg(f ORDER BY f) FROM unnest(fields) f $$;
SELECT coalesce(s.capture, r.capture) AS capture, coalesce(s.file, r.file) AS file, count(s.n) AS sent, count(r.n) AS read,
	count(*) FILTER (WHERE s.type IN (60, 61, 71, 73)) AS rewritten,
	count(*) FILTER (WHERE (s.at, s.tab) IS DISTINCT FROM (r.at, r.tab)
		OR r.type IS DISTINCT FROM CASE s.type WHEN 61 THEN 15 WHEN 71 THEN 72 WHEN 73 THEN 74 WHEN 60 THEN 12 ELSE s.type END
		OR CASE WHEN s.type IN (60, 61, 71, 73) THEN coalesce(s.fields->'ID', s.fields->'SheetID') IS DISTINCT FROM r.content->0
			ELSE pg_temp.sorted(VARIADIC ARRAY(SELECT value FROM jsonb_each(s.fields))) IS DISTINCT FROM
				pg_temp.sorted(VARIADIC ARRAY(SELECT value FROM jsonb_array_elements(r.content))) END) AS different
FROM sent s FULL JOIN read r USING (capture, file, n) GROUP BY 1, 2 ORDER BY 1, 2;

-- What the page wrote relative is absolute now.
SELECT s.fields->>'Value' AS sent, count(*), array_agg(DISTINCT r.content->>2) AS read FROM sent s JOIN read r USING (capture, file, n)
WHERE s.type = 60 AND s.fields->>'Name' IN ('src', 'href') AND s.fields->>'Value' NOT LIKE 'http%' GROUP BY 1 ORDER BY 2 DESC, (s.fields->>'Value') COLLATE "C" LIMIT 5;
SELECT count(*) AS urls, count(*) FILTER (WHERE r.content->>2 NOT SIMILAR TO '(https?:|data:|blob:|#)%') AS relative
FROM sent s JOIN read r USING (capture, file, n) WHERE s.type = 60 AND s.fields->>'Name' IN ('src', 'href') AND s.fields->>'Value' <> '';

-- Ended sessions have the same files.
SELECT openreplay.end_sessions(now()) >= 8 AS ended;
SELECT count(*) AS files, count(*) FILTER (WHERE openreplay.recording(session_id, file) IS DISTINCT FROM bytes) AS changed
FROM files JOIN capture USING (name);

-- Readers of dashboards may, and only they and administrators.
SELECT r, has_function_privilege(r, 'openreplay.recording(bigint, text)', 'EXECUTE') AS may
FROM unnest('{openreplay_ingest,openreplay_uploader,openreplay_reader,openreplay_admin}'::text[]) r;
SET ROLE openreplay_reader;
SELECT length(openreplay.recording(:sid)) > 8 AS read;
RESET ROLE;

DELETE FROM public.projects WHERE project_id = :project_id;
DELETE FROM openreplay.deleted_sessions;	-- its sessions may be sent again here
SELECT openreplay.recording(:sid);
