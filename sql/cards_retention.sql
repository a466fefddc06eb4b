--
-- Users: who comes back, how often, to what; and what goes wrong more than before
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
SELECT openreplay.ensure_session_partitions('2022-01-01 00:00+00', 5) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('retention', true) RETURNING project_id \gset
-- Week 0 begins on Monday, 2022-01-10. Visits at days and hours from then on; '' and none are nobody.
CREATE TEMP TABLE visit (n integer GENERATED ALWAYS AS IDENTITY, user_id text, day integer, hour integer);
INSERT INTO visit (user_id, day, hour) VALUES ('old', -1, 23), ('old', 0, 1), ('ann', 0, 0), ('ann', 6, 23), ('ann', 7, 0), ('ann', 14, 5), ('bob', 3, 5), ('bob', 21, 5), ('cid', 6, 5), ('dan', 8, 5), ('dan', 9, 5), ('dan', 15, 5), ('eve', 69, 23), ('eve', 70, 0), ('', 0, 5), (NULL, 0, 5), ('it''s "$1"', 1, 5);
CREATE FUNCTION pg_temp.at(day integer, hour integer) RETURNS bigint LANGUAGE sql AS $$ SELECT 1641772800000 + (day * 24 + hour) * 3600000::bigint $$;
CREATE FUNCTION pg_temp.id(n integer) RETURNS bigint LANGUAGE sql AS $$ SELECT ((pg_temp.at(day, hour) - 1550000000000) << 24) | n FROM visit WHERE visit.n = $1 $$;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_id, user_uuid, user_os, user_browser, user_device, user_device_type, user_country)
SELECT pg_temp.id(n), :project_id, '17', pg_temp.at(day, hour), 'UTC', 60000, user_id, gen_random_uuid(), 'Linux', 'Chrome', '', 'desktop', 'NL' FROM visit;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_id, user_uuid, user_os, user_browser, user_device, user_device_type, user_country)
SELECT ((pg_temp.at(0, 2) - 1550000000000) << 24) | 99, :project_id, '17', pg_temp.at(0, 2), 'UTC', 0, 'short', gen_random_uuid(), 'Linux', 'Chrome', '', 'desktop', 'NL';
-- Who clicks "Buy": ann in her first and last, bob in his last, dan twice in his first; "Menu": ann, cid.
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, path)
SELECT pg_temp.id(v.n), c.k, pg_temp.at(v.day, v.hour) + c.k, c.label, '/' FROM visit v JOIN (VALUES (3, 1, 'Buy'), (6, 1, 'Buy'), (8, 1, 'Buy'), (10, 1, 'Buy'), (10, 2, 'Buy'), (3, 2, 'Menu'), (9, 1, 'Menu'), (15, 1, 'Menu'), (5, 9, '')) AS c (n, k, label) ON c.n = v.n;
CREATE FUNCTION pg_temp.card(type text, metric text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	-- Wednesday of week 0 to the end of week 3
	SELECT jsonb_build_object('metricType', type, 'metricOf', metric, 'viewType', 'chart', 'startTimestamp', pg_temp.at(2, 7), 'endTimestamp', pg_temp.at(28, 0), 'series', '[]'::jsonb) || more
$$;
CREATE FUNCTION pg_temp.buyers() RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"series": [{"filter": {"filters": [{"type": "click", "isEvent": true, "operator": "on", "value": ["Buy"]}]}}]}'::jsonb $$;
CREATE FUNCTION pg_temp.whole() RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('startTimestamp', pg_temp.at(0, 0)) $$;
GRANT SELECT ON visit TO openreplay_reader;
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;

-- ---- Who comes back ----

-- Of week 0 are ann, bob, cid and $1, who were first seen in it; old was seen before.
SELECT (first_week - 1641772800000) / 604800000 AS first_week, string_agg(format('%s: %s (%s)', week, users, round(share)), ', ' ORDER BY week) AS weeks FROM openreplay.retention(:project_id, pg_temp.card('retention', 'userCount')) GROUP BY 1 ORDER BY 1;
SELECT openreplay.try_card(:project_id, pg_temp.card('retention', 'userCount'));
SELECT jsonb_path_query_array(openreplay.try_card(:project_id, pg_temp.card('retention', 'acquisition')), '$.chart[0, 1, 9].usersCount') AS acquired, openreplay.try_card(:project_id, pg_temp.card('retention', 'acquisition')) #> '{chart,1,chart,1}' AS of_week_1;
-- A feature: dan began in week 1 and did not buy again, bob began with week 3.
SELECT (first_week - 1641772800000) / 604800000 AS first_week, string_agg(format('%s: %s (%s)', week, users, round(share)), ', ' ORDER BY week) AS weeks FROM openreplay.retention(:project_id, pg_temp.card('retention', 'acquisition', pg_temp.buyers())) WHERE users > 0 GROUP BY 1 ORDER BY 1;

-- ---- How often ----

SELECT * FROM openreplay.stickiness(:project_id, pg_temp.card('stickiness', 'userCount', pg_temp.whole()));
SELECT openreplay.try_card(:project_id, pg_temp.card('stickiness', 'userCount', pg_temp.whole())), openreplay.try_card(:project_id, pg_temp.card('stickiness', 'userCount', '{"startTimestamp": 5, "endTimestamp": 6}')) AS of_nothing;
SELECT * FROM openreplay.stickiness(:project_id, pg_temp.card('stickiness', 'userCount', pg_temp.whole() || pg_temp.buyers()));
SELECT string_agg(users::text, ' ' ORDER BY "timestamp") AS by_day FROM openreplay.users_active(:project_id, pg_temp.card('stickiness', 'userCount', pg_temp.whole()));
SELECT ("timestamp" - 1641772800000) / 604800000 AS week, users FROM openreplay.users_active(:project_id, pg_temp.card('stickiness', 'userCount', '{"granularity": "week"}'));
SELECT user_id, (last_ts - 1641772800000) / 86400000 AS last_day, sessions FROM openreplay.users_slipping(:project_id, pg_temp.card('stickiness', 'userCount', pg_temp.whole()));
SELECT user_id FROM openreplay.users_slipping(:project_id, pg_temp.card('stickiness', 'userCount', pg_temp.whole() || '{"limit": 2, "page": 2}'));
SELECT user_id FROM openreplay.users_slipping(:project_id, pg_temp.card('stickiness', 'userCount', pg_temp.whole() || pg_temp.buyers()));

-- ---- To what ----

SELECT * FROM openreplay.feature_usage(:project_id, pg_temp.card('stickiness', 'userCount', pg_temp.whole()));
SELECT * FROM openreplay.feature_usage(:project_id, pg_temp.card('stickiness', 'userCount', pg_temp.whole() || '{"series": [{"filter": {"filters": [{"type": "click", "isEvent": true, "operator": "contains", "value": ["enu"]}]}}]}'));
SELECT * FROM openreplay.feature_adoption(:project_id, pg_temp.card('stickiness', 'userCount', pg_temp.whole() || pg_temp.buyers()));
SELECT * FROM openreplay.feature_users(:project_id, pg_temp.card('stickiness', 'userCount', pg_temp.whole() || pg_temp.buyers()));
SELECT * FROM openreplay.feature_users(:project_id, pg_temp.card('stickiness', 'userCount', pg_temp.whole())) LIMIT 3;
SELECT count(*) FROM openreplay.feature_users(:project_id, pg_temp.card('stickiness', 'userCount', '{"series": [{"filter": {"filters": [{"type": "click", "isEvent": true, "operator": "on", "value": ["'' OR true --"]}]}}]}'));
SELECT pg_temp.try(format('SELECT * FROM openreplay.users_active(%s, %L)', :project_id, pg_temp.card('stickiness', 'userCount', more))) FROM (VALUES ('{"granularity": "year"}'::jsonb), ('{"endTimestamp": 999999999999999}'), ('{"series": 5}')) AS m (more);
ROLLBACK;

-- ---- What goes wrong ----

BEGIN;
SELECT openreplay.ensure_session_partitions('2022-01-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('insights', true) RETURNING project_id \gset
-- One session in the hour from 2022-01-10 on, and one in the hour before it.
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_uuid, user_os, user_browser, user_device, user_device_type, user_country)
SELECT ((t - 1550000000000) << 24) | 1, :project_id, '17', t, 'UTC', 60000, gen_random_uuid(), 'Linux', browser, '', 'desktop', 'NL' FROM (VALUES (1641772800000, 'Chrome'), (1641772800000 - 3600000, 'Firefox')) AS s (t, browser);
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES ('insights a', :project_id, 'js_exception', 'TypeError', 'x', '[]'), ('insights b', :project_id, 'js_exception', 'Error', 'y', '[]'), ('insights c', :project_id, 'sentry', 'Error', 'z', '[]');
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES ('insights a', :project_id, 'click_rage', '<b>"Buy"</b>'), ('insights b', :project_id, 'cpu', '/'), ('insights c', :project_id, 'memory', '/'), ('insights d', :project_id, 'dead_click', 'Buy');
CREATE TEMP TABLE deed (thing text, before integer, now integer);
INSERT INTO deed VALUES ('insights a', 2, 3), ('insights b', 0, 1), ('insights c', 1, 0), ('insights d', 1, 1);
CREATE TEMP VIEW occurrence AS
	SELECT ((t - 1550000000000) << 24) | 1 AS session_id, t + k AS "timestamp", (k * 10 + ascii(right(thing, 1)))::integer AS k, thing
	FROM deed, LATERAL (SELECT 1641772800000 AS t, k FROM generate_series(1, now) AS k UNION ALL SELECT 1641772800000 - 3600000, k FROM generate_series(1, before) AS k) AS o;
INSERT INTO events.errors SELECT session_id, k, "timestamp", thing FROM occurrence WHERE thing <> 'insights d';
INSERT INTO events_common.issues SELECT session_id, "timestamp", k, thing FROM occurrence;
INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, host, path, duration, success, status_code) SELECT session_id, "timestamp", k, 'https://' || thing, thing, '/', 1, thing = 'insights d', CASE thing WHEN 'insights d' THEN 200 ELSE 500 END FROM occurrence;
CREATE FUNCTION pg_temp.insights(more jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT '{"metricType": "insights", "metricOf": "issueCategories", "startTimestamp": 1641772800000, "endTimestamp": 1641776400000}' || more
$$;
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;
SELECT * FROM openreplay.insights(:project_id, pg_temp.insights('{}'));
SELECT openreplay.try_card(:project_id, pg_temp.insights('{"metricValue": ["rage"]}'));
SELECT openreplay.try_card(:project_id, pg_temp.insights('{"series": [{"filter": {"filters": [{"type": "userBrowser", "operator": "is", "value": ["Firefox"]}]}}]}'));
SELECT pg_temp.try(format('SELECT openreplay.try_card(%s, %L)', :project_id, pg_temp.insights('{"metricValue": ["rage", "no''$1"]}')));
ROLLBACK;
