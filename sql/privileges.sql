-- Four groups, each with what it needs, and nothing for everybody else.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;

SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles
WHERE rolname LIKE 'openreplay\_%' ORDER BY rolname COLLATE "C";

-- Everybody else: no function, no schema, no table.
CREATE ROLE regress_openreplay_stranger;
SELECT count(*) AS functions FROM pg_depend d
WHERE d.deptype = 'e' AND d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'openreplay')
	AND has_function_privilege('regress_openreplay_stranger', d.objid, 'EXECUTE');
SELECT count(*) AS schemas FROM pg_namespace
WHERE nspname IN ('openreplay', 'events', 'events_common', 'events_ios', 'or_cache', 'spots')
	AND has_schema_privilege('regress_openreplay_stranger', oid, 'USAGE, CREATE');
SELECT count(*) AS tables FROM openreplay.product_tables() AS name
WHERE has_any_column_privilege('regress_openreplay_stranger', name, 'SELECT, INSERT, UPDATE, REFERENCES')
	OR has_table_privilege('regress_openreplay_stranger', name, 'DELETE, TRUNCATE, TRIGGER');
SET ROLE regress_openreplay_stranger;
SELECT public.generate_api_key(20);
SELECT openreplay.install();
SELECT count(*) FROM public.sessions;
RESET ROLE;
DROP ROLE regress_openreplay_stranger;

-- Servers at the edge do not read product tables.
SELECT role_name, count(*) FROM openreplay.product_tables() AS name,
	unnest(ARRAY['openreplay_ingest', 'openreplay_uploader']) AS role_name
WHERE has_any_column_privilege(role_name, name, 'SELECT, INSERT, UPDATE') OR has_table_privilege(role_name, name, 'DELETE')
GROUP BY role_name;

-- Dashboards read everything but credentials,
SELECT name, string_agg(attname, ', ' ORDER BY attnum) AS hidden
FROM openreplay.product_tables() AS name JOIN pg_attribute ON attrelid = name::regclass AND attnum > 0
WHERE NOT has_column_privilege('openreplay_reader', name, attnum, 'SELECT')
GROUP BY name ORDER BY name COLLATE "C";
SET ROLE openreplay_reader;
SELECT count(*) FROM public.users WHERE email = 'nobody@example.com';
SELECT count(*) FROM events.clicks WHERE session_id = 1;
SELECT api_key FROM public.users;
SELECT * FROM public.integrations;
-- and write nothing.
INSERT INTO public.projects (name, active) VALUES ('mine', true);
RESET ROLE;
SELECT count(*) FROM openreplay.product_tables() AS name
WHERE has_any_column_privilege('openreplay_reader', name, 'INSERT, UPDATE') OR has_table_privilege('openreplay_reader', name, 'DELETE');

-- Administrators change product data, and not the database.
SELECT count(*) FROM openreplay.product_tables() AS name
WHERE NOT (has_table_privilege('openreplay_admin', name, 'SELECT') AND has_table_privilege('openreplay_admin', name, 'INSERT')
	AND has_table_privilege('openreplay_admin', name, 'UPDATE') AND has_table_privilege('openreplay_admin', name, 'DELETE'));
SET ROLE openreplay_admin;
INSERT INTO public.projects (project_id, name, active) VALUES (7301, 'theirs', true);
INSERT INTO public.tags (name, project_id, selector, ignore_click_rage, ignore_dead_click)
	VALUES ('buy', 7301, '#buy', false, false);
UPDATE public.projects SET active = false WHERE project_id = 7301;
DELETE FROM public.projects WHERE project_id = 7301;
TRUNCATE public.projects CASCADE;
SELECT openreplay.install();
CREATE TABLE events.mine ();
RESET ROLE;

-- The engine: servers append and no more, dashboards look, administrators may run the pipeline by hand.
SET ROLE openreplay_ingest;
SELECT openreplay.register_server('privileges') BETWEEN 1 AND 65535 AS registered;
SELECT count(*) AS lanes FROM openreplay.take_lanes(openreplay.register_server('privileges'));
SELECT openreplay.ensure_batch_partitions(), openreplay.heartbeat(openreplay.register_server('privileges'), now());
SELECT count(*) >= 0 AS snapshot FROM openreplay.project_snapshot();
SELECT openreplay.session_project(openreplay.register_server('privileges')) IS NULL AS session_unknown;
SELECT count(*) FROM openreplay.batches;
UPDATE openreplay.batches SET seq = 0;
SELECT openreplay.process_batches();
RESET ROLE;
DELETE FROM openreplay.heartbeats;
SET ROLE openreplay_reader;
SELECT count(*) >= 0 AS sessions FROM openreplay.sessions;
SELECT batches_waiting >= 0 AS waiting, running FROM openreplay.status;
SELECT count(*) FROM openreplay.messages(1);
SELECT openreplay.process_batches();
DELETE FROM openreplay.batches;
RESET ROLE;
SET ROLE openreplay_admin;
SELECT openreplay.process_batches();
SELECT openreplay.end_sessions('2019-03-01 00:00:00+00');
RESET ROLE;
