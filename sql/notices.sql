-- Alerts: a figure crosses its limit, the application and the receivers are told, once per interval, and again later.
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
	code text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, code = RETURNED_SQLSTATE;
	RETURN concat_ws(' | ', code, message, nullif(hint, ''));
END
$$;
BEGIN;
SET LOCAL openreplay.site_url = 'https://replay.example/';
INSERT INTO public.projects (name, active) VALUES ('shop', true) RETURNING project_id \gset
SELECT date_trunc('minute', now()) AS now, openreplay.session_id_at(date_trunc('minute', now()) - interval '20 minutes') AS session_id \gset
SELECT openreplay.ensure_session_partitions(now() - interval '1 day', 1) IS NOT NULL AS have_months;
INSERT INTO public.sessions (session_id, project_id, start_ts, platform, user_uuid, user_os, user_device, user_device_type, user_country, user_browser, tracker_version, timezone, duration, errors_count)
VALUES (:session_id, :project_id, (:session_id >> 24) + 1550000000000, 'web', '7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5', 'Linux', '', 'desktop', 'NL', 'Firefox', '14.0.14', 'UTC+00:00', 1, 1);

-- Requests: 3 failures in the last quarter of an hour, 2 in the one before.
INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, host, path, status_code, success, duration)
SELECT :session_id, (extract(epoch FROM :'now'::timestamptz - minutes * interval '1 minute') * 1000)::bigint, n, 'https://shop.example/api', 'shop.example', '/api', status, status < 400, 10
FROM (VALUES (1, 1, 500), (2, 5, 503), (3, 14, 404), (4, 3, 200), (5, 16, 500), (6, 17, 404)) AS v (n, minutes, status);
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path, load_time, ttfb, first_paint_time)
SELECT :session_id, n, (extract(epoch FROM :'now'::timestamptz - interval '2 minutes') * 1000)::bigint, 'shop.example', '/', load, ttfb, paint
FROM (VALUES (1, 1000, 0, 300), (2, 0, 100, 900), (3, 2000, NULL, 500)) AS v (n, load, ttfb, paint);
INSERT INTO events.resources (session_id, message_id, "timestamp", type, url, url_host, url_hostpath, success, duration)
SELECT :session_id, n, (extract(epoch FROM :'now'::timestamptz - interval '2 minutes') * 1000)::bigint, type::events.resource_type, url, 'shop.example', url, duration > 0, duration
FROM (VALUES (1, 'img', '/a.png', 40), (2, 'img', '/b.png', 0), (3, 'img', '/b.png', 0), (4, 'script', '/c.js', 0), (5, 'fetch', '/api', 20)) AS v (n, type, url, duration);
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES
	('alerts-js', :project_id, 'js_exception', 'TypeError', 'x', '[]'), ('alerts-be', :project_id, 'sentry', 'Error', 'y', '{}');
INSERT INTO events.errors (session_id, message_id, "timestamp", error_id)
SELECT :session_id, n, (extract(epoch FROM :'now'::timestamptz - interval '2 minutes') * 1000)::bigint, id FROM (VALUES (1, 'alerts-js'), (2, 'alerts-js'), (3, 'alerts-be')) AS v (n, id);

-- Every figure, of the last half hour.
SELECT m.name, m.unit, round(openreplay.alert_metric_value(:project_id, m.name, :'now'::timestamptz - interval '30 minutes', :'now'), 2) AS value
FROM openreplay.alert_metrics() m;
SELECT openreplay.alert_metric_value(:project_id, 'errors.5xx.count', :'now'::timestamptz - interval '15 minutes', :'now') AS now,
	openreplay.alert_metric_value(:project_id, 'errors.5xx.count', :'now'::timestamptz - interval '30 minutes', :'now'::timestamptz - interval '15 minutes') AS before;

-- Receivers.
SELECT openreplay.save_webhook('https://hooks.example/ops', 'ops', auth_header => 'Bearer secret') AS ops,
	openreplay.save_webhook('https://chat.example/services/T0/B1', 'channel', 'slack') AS slack,
	openreplay.save_webhook('https://teams.example/webhook', 'Team', 'msteams') AS teams \gset
SELECT openreplay.save_alert(:project_id, jsonb_build_object('name', 'Failures', 'detectionMethod', 'threshold',
	'query', '{"left": "errors.4xx_5xx.count", "operator": ">", "right": 2}'::jsonb,
	'options', jsonb_build_object('currentPeriod', 15, 'renotifyInterval', 60, 'message', jsonb_build_array(
		jsonb_build_object('type', 'webhook', 'value', :'ops'), jsonb_build_object('type', 'slack', 'value', :'slack'),
		jsonb_build_object('type', 'msteams', 'value', :'teams'), '{"type": "email", "value": "mara@alderpine.example"}'::jsonb)))) AS failures \gset
SELECT openreplay.save_alert(:project_id, '{"name": "Rising", "detectionMethod": "change", "change": "percent", "query": {"left": "errors.4xx_5xx.count", "operator": ">=", "right": 50}}') AS rising,
	openreplay.save_alert(:project_id, '{"name": "Falling", "detectionMethod": "change", "query": {"left": "errors.4xx_5xx.count", "operator": "<", "right": 0}}') AS falling,
	openreplay.save_alert(:project_id, '{"name": "Slow", "detectionMethod": "threshold", "query": {"left": "performance.page_load_time.average", "operator": ">", "right": 1234.5}}') AS slow \gset

-- The first run tells who is to be told.
SELECT a.name, e.value, e.is_met, e.error FROM openreplay.evaluate_alerts(:'now') e JOIN public.alerts a USING (alert_id);
SELECT title, description, button_text, replace(button_url, :'project_id', '<project>') AS button_url, options ->> 'source' AS source, user_id FROM public.notifications ORDER BY notification_id;
\x on
SELECT kind, replace(replace(jsonb_pretty(payload #- '{idempotency_key}' #- '{webhook_id}'), :'project_id' || '/metrics', '<project>/metrics'), (extract(epoch FROM :'now'::timestamptz) * 1000)::bigint::text, '<now>')
	~ '"createdAt": <now>|"ts": [0-9]+|MessageCard|mara@alderpine' AS told_when, payload ->> 'webhook_id' = CASE kind WHEN 'webhook' THEN :'ops' WHEN 'slack' THEN :'slack' WHEN 'msteams' THEN :'teams' END AS by_id
FROM openreplay.outbox WHERE kind IN ('webhook', 'slack', 'msteams', 'email') ORDER BY kind;
SELECT replace(payload #>> '{body,text}', :'project_id' || '/metrics', '<project>/metrics') AS mail, payload #>> '{body,to}' AS receiver, payload #>> '{body,subject}' AS subject FROM openreplay.outbox WHERE kind = 'email';
SELECT replace(payload #>> '{body,attachments,0,text}', :'project_id' || '/metrics', '<project>/metrics') AS slack FROM openreplay.outbox WHERE kind = 'slack';
SELECT replace(jsonb_pretty(payload #> '{body,sections}'), :'project_id' || '/metrics', '<project>/metrics') AS teams FROM openreplay.outbox WHERE kind = 'msteams';
SELECT jsonb_pretty((payload -> 'body') - 'createdAt' - 'alertId') AS webhook FROM openreplay.outbox WHERE kind = 'webhook';
\x off
-- no secret is in what is queued
SELECT count(*) AS secrets FROM openreplay.outbox WHERE payload::text ~ 'secret|hooks.example';

-- Not again within the interval, nor before its time; an hour later once more, and with another key.
SELECT count(*) AS at_once FROM openreplay.evaluate_alerts(:'now');
SELECT a.name, e.is_met FROM openreplay.evaluate_alerts(:'now'::timestamptz + interval '3 minutes') e JOIN public.alerts a USING (alert_id) ORDER BY 1;
UPDATE events_common.requests SET "timestamp" = "timestamp" + 3660000 WHERE session_id = :session_id;
SELECT a.name, e.value, e.is_met FROM openreplay.evaluate_alerts(:'now'::timestamptz + interval '61 minutes') e JOIN public.alerts a USING (alert_id) WHERE alert_id = :failures;
SELECT kind, count(*), count(DISTINCT key) AS keys FROM openreplay.outbox WHERE kind IN ('webhook', 'email') GROUP BY kind ORDER BY kind;
SELECT count(*) AS runs, count(*) FILTER (WHERE notified) AS told FROM openreplay.alert_runs WHERE alert_id = :failures;

-- A series of a card is watched, too: sessions with Firefox that ended, in the half hour before and before that.
INSERT INTO public.metrics (project_id, name) VALUES (:project_id, 'Visits') RETURNING metric_id \gset
INSERT INTO public.metric_series (metric_id, index, filter) VALUES (:metric_id, 0, '{"filters": [{"type": "userBrowser", "operator": "is", "value": ["Firefox"]}], "startDate": 1, "endDate": 2}') RETURNING series_id \gset
SELECT openreplay.save_alert(:project_id, format('{"name": "Visits", "detectionMethod": "threshold", "query": {"left": %s, "operator": ">=", "right": 1}, "options": {"currentPeriod": 30}}', :series_id)::jsonb) AS visits,
	openreplay.save_alert(:project_id, format('{"name": "More visits", "detectionMethod": "change", "query": {"left": %s, "operator": ">", "right": 0}, "options": {"currentPeriod": 15}}', :series_id)::jsonb) AS more \gset
SELECT name, query, series_id = :series_id AS of_series, openreplay.alert_figure_name(alert_id) AS figure, openreplay.alert_value(alert_id, :'now') AS value FROM public.alerts WHERE alert_id IN (:visits, :more) ORDER BY name;
SELECT a.name, e.value, e.is_met, e.error FROM openreplay.evaluate_alerts(:'now') e JOIN public.alerts a USING (alert_id);
SELECT description FROM public.notifications WHERE title = 'Visits';
-- a filter that is none is told, and a series that is gone is watched no more
UPDATE public.metric_series SET filter = '{"filters": [{"type": "mood", "operator": "is", "value": ["good"]}]}' WHERE series_id = :series_id;
SELECT a.name, e.is_met, e.error FROM openreplay.evaluate_alerts(:'now'::timestamptz + interval '1 day') e JOIN public.alerts a USING (alert_id) WHERE alert_id = :visits;
UPDATE public.metric_series SET deleted_at = now() WHERE series_id = :series_id;
SELECT count(*) AS due FROM openreplay.due_alerts(:'now'::timestamptz + interval '2 days') d WHERE d IN (:visits, :more);
SELECT regexp_replace(pg_temp.try(format('SELECT openreplay.save_alert(%s, ''{"name": "a", "detectionMethod": "threshold", "query": {"left": %s, "operator": ">", "right": 1}}'')', :project_id, id)), 'series [0-9]{1,9} ', 'series <id> ')
FROM (VALUES (:series_id::text), ('1.5'), ('1e30')) AS v (id);

-- One that cannot be evaluated stops no other; a clock that was set back does not silence one; a deleted one is quiet.
UPDATE public.alerts SET query = '{"left": "no.such.figure", "operator": ">", "right": 1}' WHERE alert_id = :slow;
UPDATE public.alerts SET options = '{"renotifyInterval": null, "lastNotification": "soon"}' WHERE alert_id = :rising;
SELECT openreplay.delete_alert(:falling);
SELECT a.name, e.is_met, e.error FROM openreplay.evaluate_alerts(:'now'::timestamptz - interval '1 day') e JOIN public.alerts a USING (alert_id) ORDER BY 1;

-- Changes: percent from nothing, numbers as people write them, how often each is looked at.
SELECT openreplay.show_number(n) FROM unnest(ARRAY[0, 12, 1234567, 0.5, 1234.567, -3]) n;
SELECT method, options, openreplay.alert_frequency(method, options) FROM (VALUES ('threshold', '{}'::jsonb), ('threshold', '{"previousPeriod": 60, "currentPeriod": 1440}'),
	('change', '{"previousPeriod": 60, "currentPeriod": 1440}'), ('change', '{"currentPeriod": 30}'), ('threshold', '{"previousPeriod": "x"}')) AS v (method, options);

-- Notices: for everybody until one has seen them.
INSERT INTO public.users (email, name) VALUES ('alerts@alderpine.example', 'Mara') RETURNING user_id \gset
SELECT openreplay.count_notifications(:user_id) > 0 AS has_news, openreplay.view_notifications(:user_id, ARRAY[-1]) AS none, openreplay.view_notifications(:user_id) > 0 AS viewed;
SELECT openreplay.count_notifications(:user_id) AS unseen, bool_and(viewed) AS all_viewed FROM openreplay.notifications(:user_id);
INSERT INTO public.announcements (title, description, created_at) VALUES ('News', 'A player', timezone('utc', now()) - interval '1 hour');
SELECT title, viewed FROM openreplay.announcements(:user_id);
SELECT openreplay.view_announcements(:user_id);
SELECT title, viewed FROM openreplay.announcements(:user_id);

-- What is refused.
\pset tuples_only
\pset format unaligned
SELECT left(pg_temp.try(format('SELECT openreplay.save_alert(%s, %L)', :project_id, definition)), 160) FROM (VALUES
	(1, '[]'), (2, '{"query": {}}'), (3, '{"name": "a", "detectionMethod": "guess", "query": {}}'), (4, '{"name": "a", "detectionMethod": "threshold", "query": {"left": "x"}}'),
	(5, '{"name": "a", "detectionMethod": "threshold", "query": {"left": "errors.4xx.count", "operator": "!="}}'),
	(6, '{"name": "a", "detectionMethod": "threshold", "query": {"left": "errors.4xx.count", "operator": ">", "right": "5"}}'),
	(7, '{"name": "a", "detectionMethod": "threshold", "query": {"left": "errors.4xx.count", "operator": ">", "right": 5}, "options": {"currentPeriod": 20}}'),
	(8, '{"name": "a", "detectionMethod": "threshold", "query": {"left": "errors.4xx.count", "operator": ">", "right": 5}, "options": {"message": [{"type": "slack", "value": "0"}]}}'),
	(9, '{"name": "a", "detectionMethod": "threshold", "query": {"left": "errors.4xx.count", "operator": ">", "right": 5}, "options": {"message": [{"type": "email", "value": "a@b\r\nBcc: c@d"}]}}')) AS t (n, definition) ORDER BY n;
SELECT left(pg_temp.try(statement), 160) FROM (VALUES
	(1, 'SELECT openreplay.save_webhook(''ftp://x'', ''a'')'), (2, 'SELECT openreplay.save_webhook(''https://x.example'', '''')'), (3, 'SELECT openreplay.save_webhook(''https://x.example'', ''OPS'')'),
	(4, 'SELECT openreplay.save_webhook(''https://x.example'', ''b'', ''pigeon'')'), (5, E'SELECT openreplay.save_webhook(''https://x.example'', ''b'', auth_header => E''a\\r\\nb'')'),
	(6, 'SELECT openreplay.delete_webhook(0)'), (7, 'SELECT openreplay.delete_alert(0)'), (8, 'SELECT openreplay.alert_metric_value(1, ''x'', now(), now())')) AS t (n, statement) ORDER BY n;
ROLLBACK;
