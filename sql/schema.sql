-- The documented tables, with the corrections that make them hold what they promise.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\pset tuples_only on

-- Every product table with its columns.
SELECT CASE WHEN a.attnum = 1 THEN E'\n' || t.name || E'\n' ELSE '' END || '  ' || a.attname || ' '
	|| format_type(a.atttypid, a.atttypmod)
	|| CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
	|| CASE WHEN a.attidentity = 'd' THEN ' identity' ELSE '' END
	|| coalesce(' = ' || pg_get_expr(d.adbin, d.adrelid), '')
FROM openreplay.product_tables() WITH ORDINALITY AS t (name, position)
	JOIN pg_attribute a ON a.attrelid = t.name::regclass AND a.attnum > 0
	LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
ORDER BY t.position, a.attnum;

-- Primary keys, unique constraints, checks and foreign keys.
SELECT t.name || ': ' || pg_get_constraintdef(c.oid)
FROM openreplay.product_tables() WITH ORDINALITY AS t (name, position)
	JOIN pg_constraint c ON c.conrelid = t.name::regclass AND c.conparentid = 0 AND c.contype IN ('p', 'u', 'c', 'f')
ORDER BY t.position, array_position('{p,u,c,f}', c.contype::text), c.conkey, pg_get_constraintdef(c.oid) COLLATE "C";

-- Indexes of other kinds.
SELECT regexp_replace(pg_get_indexdef(i.indexrelid), '^CREATE (UNIQUE )?INDEX \S+ ON (ONLY )?', '\1')
FROM openreplay.product_tables() WITH ORDINALITY AS t (name, position)
	JOIN pg_index i ON i.indrelid = t.name::regclass
WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u'))
ORDER BY t.position, pg_get_indexdef(i.indexrelid) COLLATE "C";

-- Enum types; countries are many.
SELECT e.enumtypid::regtype || ': '
	|| CASE WHEN count(*) > 30 THEN count(*)::text ELSE string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) END
FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
WHERE t.typnamespace::regnamespace::text IN ('public', 'events', 'events_common')
GROUP BY e.enumtypid ORDER BY e.enumtypid::regtype::text COLLATE "C";

SELECT tgrelid::regclass || ': ' || pg_get_triggerdef(oid) FROM pg_trigger
WHERE NOT tgisinternal AND tgparentid = 0
	AND tgrelid IN (SELECT name::regclass FROM openreplay.product_tables() AS name)
ORDER BY tgrelid::regclass::text COLLATE "C", tgname;

\pset format aligned
\pset tuples_only off

-- Every table of the product schemas is a documented one or a partition of one.
SELECT c.oid::regclass FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
	AND c.relnamespace::regnamespace::text IN ('events', 'events_common', 'events_ios', 'or_cache', 'spots')
	AND c.oid NOT IN (SELECT name::regclass FROM openreplay.product_tables() AS name);

-- Every foreign key has an index that begins with its columns: without it, each delete of the other side scans the table.
SELECT c.conrelid::regclass, c.conname FROM pg_constraint c
WHERE c.contype = 'f' AND c.conparentid = 0 AND c.conrelid IN (SELECT name::regclass FROM openreplay.product_tables() AS name)
	AND NOT EXISTS (SELECT FROM pg_index i
		WHERE i.indrelid = c.conrelid AND (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey);

-- Writing stays cheap: at most five indexes on an event table, fifteen on sessions, and none that begins another.
SELECT name FROM openreplay.product_tables() AS name
WHERE (SELECT count(*) FROM pg_index WHERE indrelid = name::regclass)
	> CASE WHEN name::regclass IN (SELECT openreplay.session_tables()) AND name <> 'public.sessions' THEN 5 ELSE 15 END;
SELECT i.indexrelid::regclass AS repeated, longer.indexrelid::regclass AS by_index
FROM openreplay.product_tables() AS name
	JOIN pg_index i ON i.indrelid = name::regclass AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT i.indisunique
	JOIN pg_class ic ON ic.oid = i.indexrelid
	JOIN pg_index longer ON longer.indrelid = i.indrelid AND longer.indexrelid <> i.indexrelid AND longer.indpred IS NULL
	JOIN pg_class lc ON lc.oid = longer.indexrelid AND lc.relam = ic.relam
WHERE (longer.indkey::smallint[])[0:i.indnkeyatts - 1] = (i.indkey::smallint[])[0:i.indnkeyatts - 1];

-- Long values do not fail: a btree takes 2704 bytes, a query string or a label may be longer.
SELECT i.indexrelid::regclass, a.attname
FROM openreplay.session_tables() AS t
	JOIN pg_index i ON i.indrelid = t
	JOIN pg_class c ON c.oid = i.indexrelid
	JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'
	JOIN pg_attribute a ON a.attrelid = t AND a.attnum = ANY (i.indkey) AND a.atttypid = 'text'::regtype
ORDER BY 1, 2;

-- Every product table and every function is explained.
SELECT name FROM openreplay.product_tables() AS name WHERE obj_description(name::regclass, 'pg_class') IS NULL;
SELECT d.objid::regprocedure FROM pg_depend d
WHERE d.deptype = 'e' AND d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'openreplay')
	AND obj_description(d.objid, 'pg_proc') IS NULL;

-- Installing again changes nothing.
SELECT openreplay.install();

-- There is one tenant.
\set VERBOSITY terse
BEGIN;
INSERT INTO public.tenants (name) VALUES ('first');
SAVEPOINT one;
INSERT INTO public.tenants (name) VALUES ('second');
ROLLBACK TO one;
INSERT INTO public.tenants (tenant_id, name) VALUES (2, 'second');
ROLLBACK;
\set VERBOSITY default

-- Row times are UTC wherever the client is.
SET TimeZone = 'Asia/Tokyo';
INSERT INTO public.projects (project_id, name, active) VALUES (7501, 'schema', true);
SELECT abs(extract(epoch FROM created_at - now() AT TIME ZONE 'UTC')) < 60 AS utc FROM public.projects WHERE project_id = 7501;
RESET TimeZone;

-- Two live flags cannot share a key; deleted ones can.
INSERT INTO public.feature_flags (project_id, flag_key, flag_type) VALUES (7501, 'new-checkout', 'single');
INSERT INTO public.feature_flags (project_id, flag_key, flag_type) VALUES (7501, 'New-Checkout', 'single');
UPDATE public.feature_flags SET deleted_at = '2024-01-01' WHERE project_id = 7501;
INSERT INTO public.feature_flags (project_id, flag_key, flag_type) VALUES (7501, 'New-Checkout', 'single');

-- A user who put cards on a dashboard can be deleted.
INSERT INTO public.users (user_id, email, name) VALUES (7501, 'schema@example.com', 'Schema');
INSERT INTO public.metrics (metric_id, project_id, user_id, name) VALUES (7501, 7501, 7501, 'card');
INSERT INTO public.dashboards (dashboard_id, project_id, user_id, name) VALUES (7501, 7501, 7501, 'board');
INSERT INTO public.dashboard_widgets (dashboard_id, metric_id, user_id) VALUES (7501, 7501, 7501);
DELETE FROM public.users WHERE user_id = 7501;
SELECT w.user_id, m.name, d.name FROM public.dashboard_widgets w
	JOIN public.metrics m USING (metric_id) JOIN public.dashboards d USING (dashboard_id) WHERE d.dashboard_id = 7501;

-- Sessions: web has a browser, applications have none.
SELECT openreplay.ensure_session_partitions('2020-10-10 00:00+00', 0) >= 0 AS ready;
CREATE TEMP TABLE visit AS
	SELECT openreplay.session_id_at(moment) AS session_id, (extract(epoch FROM moment) * 1000)::bigint AS start_ts
	FROM CAST('2020-10-10 00:00+00' AS timestamptz) AS moment;
\set VERBOSITY terse
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, user_uuid, user_os, user_device,
	user_device_type, user_country)
	SELECT session_id, 7501, '14.0.14', start_ts, '00000000-0000-0000-0000-000000007501', 'Linux', '', 'desktop', 'UN' FROM visit;
\set VERBOSITY default

-- A canvas is recorded once.
INSERT INTO events.canvas_recordings SELECT session_id, '1_2', start_ts FROM visit;
INSERT INTO events.canvas_recordings SELECT session_id, '1_2', start_ts FROM visit ON CONFLICT DO NOTHING;
SELECT count(*) FROM events.canvas_recordings WHERE session_id = (SELECT session_id FROM visit);
DELETE FROM events.canvas_recordings WHERE session_id = (SELECT session_id FROM visit);

DELETE FROM public.projects WHERE project_id = 7501;
