--
-- Style sheets and fonts that pages name: what is queued to be copied, and what recordings name of it
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include
\set include :srcdir '/sql/include/read_recording.sql'
\i :include
\set include :srcdir '/sql/include/assets.sql'
\i :include
DELETE FROM openreplay.outbox;
INSERT INTO public.projects (name, active) VALUES ('assets', true) RETURNING project_id \gset

\set moment '2024-09-23 14:26:40+00'
SELECT openreplay.session_id_at('2024-09-23 14:26:40+00') + 71 AS sid \gset

-- A visit of the 23rd, whose page has its own style sheet, one of a distant host, an image, and styles of all kinds
-- (sql/include/assets.sql). Nothing is copied unless somebody says where copies are.
SHOW openreplay.assets_origin;
SELECT pg_temp.record_visit(:sid, :project_id, :'moment', VARIADIC pg_temp.page()) IS NOT NULL AS recorded;
SELECT openreplay.process_batches() > 0 AS processed;
SELECT * FROM pg_temp.queued();

-- Else style sheets and fonts are queued, each once, whatever names them: with the URL as the page means it, under the key that the
-- servers of stock players look for. Images and pages are not, nor what has somebody's name in it, nor what has no key.
SET openreplay.assets_origin = 'https://copies.example/assets';
SELECT pg_temp.record_visit(:sid + 1, :project_id, :'moment', VARIADIC pg_temp.page()) IS NOT NULL AS recorded;
SELECT openreplay.process_batches() > 0 AS processed;
SELECT * FROM pg_temp.queued();
SELECT state, count(*) FROM openreplay.assets GROUP BY state;

-- Other visits of the day queue nothing more, also when their batches are processed by others: another connection remembers nothing.
DELETE FROM openreplay.outbox;
SELECT pg_temp.record_visit(:sid + 2, :project_id, :'moment', VARIADIC pg_temp.page()) IS NOT NULL AS recorded;
SELECT openreplay.process_batches() > 0 AS processed;
SELECT * FROM pg_temp.queued();
\c -
\pset format unaligned
SET client_min_messages = warning;
\set include :srcdir '/sql/include/encode.sql'
\i :include
\set include :srcdir '/sql/include/read_recording.sql'
\i :include
\set include :srcdir '/sql/include/assets.sql'
\i :include
SET openreplay.assets_origin = 'https://copies.example/assets';
SELECT pg_temp.sheets(:sid + 3, :project_id, :'moment', 'https://shop.example/p/') IS NOT NULL AS recorded;
SELECT openreplay.process_batches() > 0 AS processed;
SELECT * FROM pg_temp.queued();

-- Those of the next day do, as the site may look different then.
SELECT openreplay.session_id_at('2024-09-24 09:00:00+00') + 71 AS next_day \gset
SELECT pg_temp.sheets(:next_day, :project_id, '2024-09-24 09:00:00+00', 'https://shop.example/p/') IS NOT NULL AS recorded;
SELECT openreplay.process_batches() > 0 AS processed;
SELECT * FROM pg_temp.queued();

-- So do those of the same day of another month: what was queued long ago is queued again.
DELETE FROM openreplay.outbox;
UPDATE openreplay.assets SET queued_at = queued_at - interval '30 days', state = 'stored', stored_at = clock_timestamp() - interval '30 days'
WHERE key LIKE '%main.css%.23';
\c -
\pset format unaligned
SET client_min_messages = warning;
\set include :srcdir '/sql/include/encode.sql'
\i :include
\set include :srcdir '/sql/include/read_recording.sql'
\i :include
\set include :srcdir '/sql/include/assets.sql'
\i :include
SET openreplay.assets_origin = 'https://copies.example/assets';
SELECT pg_temp.sheets(:sid + 4, :project_id, :'moment', 'https://shop.example/p/') IS NOT NULL AS recorded;
SELECT openreplay.process_batches() > 0 AS processed;
SELECT * FROM pg_temp.queued();

-- Of some hosts the style sheets stay as they are: what such a page's links name is copied, what its styles name is not.
DELETE FROM openreplay.outbox;
SET openreplay.assets_left_hosts = '.intra.example, old.example';
SELECT count(pg_temp.sheets(:sid + 4 + n, :project_id, :'moment', base)) AS recorded
FROM unnest('{https://a.intra.example/p/,https://intra.example/p/,https://old.example:8443/p/,https://very.old.example/p/,https://bold.example/p/}'::text[])
	WITH ORDINALITY AS x (base, n);
SELECT openreplay.process_batches() > 0 AS processed;
SELECT url FROM pg_temp.queued();
RESET openreplay.assets_left_hosts;

-- A batch of made-up names makes nobody fetch thousands.
DELETE FROM openreplay.outbox;
SELECT pg_temp.record_visit(:sid + 20, :project_id, :'moment', VARIADIC array_agg(pg_temp.attribute('href', n || '.css'))) IS NOT NULL AS recorded
FROM generate_series(1, 1100) AS n;
SELECT openreplay.process_batches() > 0 AS processed;
SELECT count(*) FROM pg_temp.queued();
DELETE FROM openreplay.outbox;

--
-- Recordings name what was copied by its copy, and else the site's own
--
\set main 'https!3A!2F!2Fshop.example!2Fmain.css!3Fv!3D3.23'
\set data 'https!3A!2F!2Fshop.example!2Fp!2Fdata.css.23'
UPDATE openreplay.assets SET stored_at = NULL, state = 'waiting';
SELECT * FROM pg_temp.named(:sid + 3);
SET ROLE openreplay_uploader;
SELECT openreplay.note_asset(:'main', 'https://shop.example/main.css?v=3'), openreplay.note_asset(:'data', 'https://shop.example/p/data.css', 'status 404');
RESET ROLE;
SELECT * FROM pg_temp.named(:sid + 3);
-- a copy is of its day
SELECT * FROM pg_temp.named(:next_day);
-- when it cannot be had again, the older one stays in use, for as long as it can be of this month
SELECT openreplay.note_asset(:'main', 'https://shop.example/main.css?v=3', 'status 503');
SELECT state, reason FROM openreplay.assets WHERE key = :'main';
SELECT content FROM pg_temp.named(:sid + 3) WHERE type = 12;
UPDATE openreplay.assets SET stored_at = stored_at - interval '41 days' WHERE key = :'main';
SELECT content FROM pg_temp.named(:sid + 3) WHERE type = 12;
-- each is looked up once for a recording, however often it is named
SELECT count(openreplay.append_batch(:sid + 3, pg_temp.batch(1, n * 100, 1727101600000 + n, 'https://shop.example/p/', 'tab1',
	pg_temp.msg(60, pg_temp.uint(4), pg_temp.str('href'), pg_temp.str('/main.css?v=3'), pg_temp.str('https://shop.example/p/')))
	, :'moment')) AS appended FROM generate_series(1, 50) AS n;
SELECT openreplay.process_batches() > 0 AS processed;
SET track_functions = 'all';
BEGIN;
SELECT coalesce(pg_stat_get_xact_function_calls('openreplay.is_copied(text, interval)'::regprocedure), 0) AS before \gset
SELECT count(*) FROM pg_temp.named(:sid + 3);
SELECT pg_stat_get_xact_function_calls('openreplay.is_copied(text, interval)'::regprocedure) - :before AS look_ups;
COMMIT;
RESET track_functions;

-- What nobody named for long is forgotten.
UPDATE openreplay.assets SET queued_at = queued_at - interval '41 days' WHERE key = :'main';
SELECT openreplay.forget_assets();
SELECT count(*) FROM openreplay.assets WHERE key = :'main';

DELETE FROM openreplay.outbox;
DELETE FROM openreplay.assets;
DELETE FROM public.sessions WHERE project_id = :project_id;
DELETE FROM public.projects WHERE project_id = :project_id;
