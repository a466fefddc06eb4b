-- What listeners hear when projects, integrations and alerts change.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
SET TimeZone = 'America/New_York';		-- announced times are UTC nevertheless
LISTEN project;
LISTEN integration;
LISTEN alert;

-- psql names the process that notified, which differs each time; the pipe shows its lines when it is closed.
\set heard '\\o | sed ''s/^Asynchronous notification //; s/ received from server process.*//'''

-- A new project is announced with every column; the statement does not wait for who listens.
:heard
INSERT INTO public.projects (project_id, project_key, name, active, created_at)
	VALUES (7101, 'announcedProjectKey1', 'Läden "1"', true, '2024-05-01 10:00:00.123456');
UPDATE public.projects SET active = false, metadata_1 = 'plan' WHERE project_id = 7101;
\o

-- A project too large to be announced is announced by its keys, and saved.
:heard
UPDATE public.projects SET metadata_2 = repeat('long ', 2000) WHERE project_id = 7101;
\o
SELECT length(metadata_2) FROM public.projects WHERE project_id = 7101;
:heard
UPDATE public.projects SET metadata_2 = NULL WHERE project_id = 7101;
\o

-- Integrations: everyone may listen, so the keys of options are announced and the values are not.
:heard
INSERT INTO public.integrations (project_id, provider, options)
	VALUES (7101, 'sentry', '{"token": "secret", "nested": {"token": "secret"}, "list": ["secret"], "empty": null}');
UPDATE public.integrations SET options = '{"token": "another secret"}' WHERE project_id = 7101;
\o
-- Only the poller's cursor moves: nothing is heard.
:heard
UPDATE public.integrations SET request_data = '{"cursor": 5}' WHERE project_id = 7101;
UPDATE public.integrations SET options = options WHERE project_id = 7101;
\o
-- Options that are no object hide as an empty one, as null would mean that the integration was deleted.
:heard
UPDATE public.integrations SET options = '["secret"]' WHERE project_id = 7101;
UPDATE public.integrations SET options = 'null' WHERE project_id = 7101;
\o
-- Where only trusted people can connect, the values may be announced.
SET openreplay.notify_secrets = on;
:heard
UPDATE public.integrations SET options = '{"token": "secret", "nested": {"token": "secret"}}' WHERE project_id = 7101;
UPDATE public.integrations SET options = jsonb_build_object('token', repeat('long ', 4096)) WHERE project_id = 7101;
\o
RESET openreplay.notify_secrets;
SELECT length(options ->> 'token') FROM public.integrations WHERE project_id = 7101;
-- The values would be too long, the keys are not.
:heard
UPDATE public.integrations SET options = options || '{"site": "eu"}' WHERE project_id = 7101;
DELETE FROM public.integrations WHERE project_id = 7101;
\o
-- Only a superuser decides about secrets.
SET ROLE openreplay_admin;
SET openreplay.notify_secrets = on;
RESET ROLE;

-- Alerts: times are epoch milliseconds.
:heard
INSERT INTO public.alerts (alert_id, project_id, name, detection_method, query, created_at)
	VALUES (7101, 7101, 'errors', 'threshold', '{"left": "errors.backend.count", "operator": ">", "right": 3}', '2023-11-14 22:13:20.0005');
UPDATE public.alerts SET deleted_at = '2023-11-14 22:13:21' WHERE alert_id = 7101;
UPDATE public.alerts SET description = repeat('long ', 2000) WHERE alert_id = 7101;
DELETE FROM public.alerts WHERE alert_id = 7101;
\o

-- What is rolled back is not announced.
:heard
BEGIN;
UPDATE public.projects SET active = true WHERE project_id = 7101;
ROLLBACK;
\o

-- The longest payload that fits is sent whole, one byte more is not.
CREATE TEMP TABLE fits AS
	SELECT 7999 - octet_length(row_to_json(p)::text) - length('""') + length('null') AS bytes
	FROM public.projects p WHERE project_id = 7101;
\o | sed 's/^Asynchronous notification //; s/ received from server process.*//; s/xxx*/xx/g'
UPDATE public.projects SET metadata_2 = repeat('x', bytes) FROM fits WHERE project_id = 7101;
UPDATE public.projects SET metadata_2 = repeat('x', bytes + 1) FROM fits WHERE project_id = 7101;
\o

UNLISTEN *;
DELETE FROM public.projects WHERE project_id = 7101;
SELECT public.notify_project();
