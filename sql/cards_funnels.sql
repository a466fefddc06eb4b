--
-- Funnels: how many get how far, and which issues keep them from it
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
SELECT openreplay.ensure_session_partitions('2021-05-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('funnels', true) RETURNING project_id \gset
INSERT INTO public.projects (name, active) VALUES ('other funnels', true) RETURNING project_id AS other_id \gset
-- 120 visits of a shop, a minute apart: all come to /home, 72 click on Buy, 36 are done. The last of them still goes on. Every tenth visit is of a user: three of user0, four of user1 and user2, one of user3.
\set t0 1620000000000
CREATE TEMP TABLE visit AS
	SELECT n, :t0 + n * 60000 AS start_ts, ((:t0 + n * 60000 - 1550000000000) << 24) | n AS session_id FROM generate_series(1, 120) AS n;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, duration, user_id, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, events_count)
SELECT session_id, :project_id, '17', start_ts, CASE WHEN n < 120 THEN 10000 END, CASE n % 10 WHEN 0 THEN 'user' || n / 40 END, md5(least(n, 110)::text)::uuid, 'Linux',
	CASE WHEN n <= 60 THEN 'Chrome' ELSE 'Firefox' END, '', 'desktop', 'NL', 3 FROM visit;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path)
SELECT session_id, 1, start_ts + 1000, 'shop.example', '/home' FROM visit UNION ALL SELECT session_id, 5, start_ts + 5000, 'shop.example', '/done' FROM visit WHERE n <= 36;
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, selector)
SELECT session_id, 3, start_ts + 3000, 'Buy', '#buy' FROM visit WHERE n <= 72;
-- A dead click on #pay keeps 27 of them; requests fail for 5 who get through all the same. What happens before the first page, or after the last one, or is no issue but an event, does not count.
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES ('funnels-1', :project_id, 'dead_click', '#pay'), ('funnels-2', :project_id, 'bad_request', '/api/x'),
	('funnels-3', :project_id, 'click_rage', 'early'), ('funnels-4', :project_id, 'click_rage', 'late'), ('funnels-5', :project_id, 'custom', 'asked'), ('funnels-6', :other_id, 'cpu', '');
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id)
SELECT session_id, start_ts + 4000 + k, 10 + k, 'funnels-1' FROM visit, generate_series(1, 2) AS k WHERE n > 93
UNION ALL SELECT session_id, start_ts + 4000, 11, 'funnels-2' FROM visit WHERE n <= 5
UNION ALL SELECT session_id, start_ts + 999, 12, 'funnels-3' FROM visit
UNION ALL SELECT session_id, start_ts + CASE WHEN n <= 36 THEN 5001 ELSE 10001 END, 13, 'funnels-4' FROM visit WHERE n < 120
UNION ALL SELECT session_id, start_ts + 4000, 14, 'funnels-5' FROM visit
UNION ALL SELECT session_id, start_ts + 4000, 15, 'funnels-6' FROM visit;
GRANT SELECT ON visit TO openreplay_reader;
CREATE FUNCTION pg_temp.card(more jsonb DEFAULT '{}', filters jsonb DEFAULT '[{"type": "location", "operator": "is", "value": ["/home"]}, {"type": "click", "operator": "on", "value": ["Buy"]}, {"type": "location", "operator": "is", "value": ["/done"]}]')
RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('metricType', 'funnel', 'metricOf', 'sessionCount', 'startTimestamp', 1620000000000, 'endTimestamp', 1620086400000, 'series', jsonb_build_array(jsonb_build_object('filter', jsonb_build_object('filters', filters)))) || more
$$;
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;

-- The chart, and the same as rows. 32 sessions have an issue, 27 of them are lost, and r = (120 * 27 - 32 * 84) / sqrt(32 * 88 * 84 * 36) = 0.189; r * 27 is 5.1.
SELECT jsonb_pretty(openreplay.try_card(:project_id, pg_temp.card()));
SELECT * FROM openreplay.funnel(:project_id, pg_temp.card());
-- Users, each counted once.
SELECT openreplay.try_card(:project_id, pg_temp.card('{"metricFormat": "userCount"}'));
-- What keeps them. Of 120 sessions, 84 are lost; 27 have the dead click and are lost: r = (120 * 27 - 27 * 84) / sqrt(27 * 93 * 84 * 36), and r * 27 is 9.52.
SELECT issue_id, type, title, context_string, affected_sessions AS affected, unaffected_sessions AS unaffected, affected_users AS users, lost_sessions AS lost,
	round(correlation::numeric, 6) AS r, round(confidence::numeric, 4) AS confidence, significant, lost_conversions, conversion_impact FROM openreplay.funnel_issues(:project_id, pg_temp.card());
SELECT round((120 * 27 - 27 * 84) / sqrt(27.0 * 93 * 84 * 36), 6) AS r;
SELECT jsonb_pretty(openreplay.card_issues(:project_id, pg_temp.card()));
SELECT openreplay.card_issues(:project_id, pg_temp.card('{"series": [{"seriesId": 7, "name": "All", "filter": {"filters": []}}]}'));
-- Who that was.
SELECT count(*), min(session_id & 255) AS first, max(session_id & 255) AS last FROM openreplay.issue_sessions(:project_id, pg_temp.card(), 'funnels-1') AS session_id;
SELECT j #> '{sessions,total}' AS total, jsonb_array_length(j #> '{sessions,sessions}') AS n, (j #>> '{sessions,sessions,0,sessionId}')::bigint & 255 AS first, j -> 'issue' AS issue, j ->> 'seriesName' AS series
FROM openreplay.card_issue_sessions(:project_id, pg_temp.card('{"limit": 10, "page": 3}'), 'funnels-1') AS j;
SELECT openreplay.card_issue_sessions(:project_id, pg_temp.card(), issue) FROM unnest(ARRAY['none', 'funnels-6']) AS issue;
-- Sessions are listed as a search lists them.
SELECT openreplay.search(:project_id, '{"filters": [{"type": "userBrowser", "operator": "is", "value": ["Chrome"]}], "limit": 3}') -> 'sessions'
	= openreplay.list_sessions(ARRAY(SELECT session_id FROM visit WHERE n <= 60 ORDER BY n DESC LIMIT 3)) AS alike;
SELECT count(*), count(*) FILTER (WHERE reached_at = (session_id >> 24) + 1550000000000 + 3000) AS at_the_click FROM openreplay.funnel_sessions(:project_id, pg_temp.card(), 2);
SELECT count(*), min(session_id & 255) AS first, max(session_id & 255) AS last FROM openreplay.funnel_sessions(:project_id, pg_temp.card(), 3, dropped => true);

-- Session filters restrict who enters, stages can be of any kind of event and compare whatever a filter does; one without values is none.
SELECT stage, type, operator, "values", reached, drop_pct FROM openreplay.funnel(:project_id, pg_temp.card('{}', '[{"type": "userBrowser", "operator": "is", "value": ["Chrome"]}, {"type": "location", "operator": "isAny", "value": []},
	{"type": "location", "operator": "is", "value": []}, {"type": "click", "operator": "selectorStartsWith", "value": ["#b"]}, {"type": "custom", "operator": "is", "value": ["x"]}, {"type": "location", "operator": "contains", "value": ["DO", "X"]}]'));
SELECT openreplay.try_card(:project_id, pg_temp.card('{}', '[{"type": "custom", "operator": "is", "value": ["x"]}, {"type": "click", "operator": "on", "value": ["Buy"]}]'));
-- What must not be: after the stage before; at the beginning, in the whole session, and then sessions without any of the events are there as well.
SELECT stage, type, operator, reached FROM openreplay.funnel(:project_id, pg_temp.card('{}', '[{"type": "click", "operator": "on", "value": ["Buy"]}, {"type": "location", "operator": "isNot", "value": ["/done"]}]'));
SELECT stage, type, operator, reached FROM openreplay.funnel(:project_id, pg_temp.card('{}', '[{"type": "location", "operator": "isNot", "value": ["/done"]}, {"type": "click", "operator": "on", "value": ["Buy"]}]'));
SELECT stage, type, operator, reached FROM openreplay.funnel(:project_id, pg_temp.card('{}', '[{"type": "custom", "operator": "isNot", "value": ["x"]}, {"type": "click", "operator": "notOn", "value": ["Buy"]}, {"type": "input", "operator": "isAny", "value": []}]'));
-- Two stages of one kind are two events.
SELECT stage, reached FROM openreplay.funnel(:project_id, pg_temp.card('{}', '[{"type": "location", "operator": "isAny"}, {"type": "location", "operator": "isAny"}, {"type": "location", "operator": "isAny"}]'));

-- The second generation: the end of the range is out, stages carry the filters of their events, users go through the stages over all their sessions.
SELECT jsonb_pretty(openreplay.try_card(:project_id, pg_temp.card('{"name": "Sign-up"}', '[{"name": "LOCATION", "isEvent": true, "operator": "is", "propertyOrder": "and", "value": [], "filters": [{"name": "url_path", "operator": "is", "value": ["/home"]}]}, {"name": "CLICK", "isEvent": true, "operator": "is", "value": [], "filters": []}]')));
SELECT metric, stage, type, filters, reached, drop_pct FROM unnest(ARRAY['sessionCount', 'userCount']) AS metric, openreplay.funnel(:project_id, pg_temp.card(jsonb_build_object('metricFormat', metric, 'metricOf', 'userCount', 'generation', 2),
	'[{"name": "LOCATION", "isEvent": true, "operator": "is", "filters": [{"name": "url_path", "operator": "is", "value": ["/done"]}]}, {"name": "LOCATION", "isEvent": true, "operator": "is", "filters": [{"name": "url_path", "operator": "is", "value": ["/home"]}]}]'));
SELECT openreplay.try_card(:project_id, pg_temp.card('{"generation": 2}', '[]')), openreplay.try_card(:project_id, pg_temp.card('{}', '[]')), openreplay.try_card(:project_id, pg_temp.card('{"series": []}'));

-- The correlation, by hand: sessions, affected, lost, both.
SELECT c.*, round(s.correlation::numeric, 6) AS r, round(s.confidence::numeric, 6) AS confidence, s.significant, s.lost_conversions, s.conversion_impact, s.drop_due FROM (VALUES
	(0, 0, 0, 0, 'nobody'), (1, 1, 1, 1, 'one session tells nothing'), (2, 1, 1, 1, 'of two, both in one'), (2, 1, 1, 0, 'of two, each in another'), (2, 2, 1, 1, 'all affected'), (2, 1, 2, 1, 'all lost'),
	(10, 0, 5, 0, 'none affected'), (10, 5, 0, 0, 'none lost'), (10, 5, 5, 5, 'the same'), (10, 5, 5, 0, 'the opposite'), (10, 5, 5, 3, 'r = 0.2'), (4, 2, 2, 1, 'r = 0'),
	(12, 6, 6, 4, 'r = 1/3'), (100, 50, 50, 26, 'r = 0.04'), (1000000, 500000, 500000, 499800, 'r = 0.9992'), (1000000, 500000, 500000, 499700, 'r = 0.9988')) AS c (n, affected, lost, both_, what),
	openreplay.issue_significance(n, affected, lost, both_) AS s;
SELECT pg_temp.try('SELECT openreplay.issue_significance(10, 5, 5, 6)'), pg_temp.try('SELECT openreplay.issue_significance(10, 8, 8, 2)');
-- What is refused.
SELECT pg_temp.try(format(call, :project_id, card)) FROM (VALUES
	('SELECT * FROM openreplay.funnel(%s, %L)', pg_temp.card('{"metricType": "timeseries"}')), ('SELECT * FROM openreplay.funnel_issues(%s, %L)', pg_temp.card('{"metricType": "timeseries"}')),
	('SELECT openreplay.card_issues(%s, %L)', pg_temp.card('{"metricType": "timeseries"}')), ('SELECT * FROM openreplay.issue_sessions(%s, %L, ''x'')', pg_temp.card('{"metricType": "timeseries"}')),
	('SELECT openreplay.card_issue_sessions(%s, %L, ''x'')', pg_temp.card('{"limit": "many"}')), ('SELECT * FROM openreplay.funnel_sessions(%s, %L, 4)', pg_temp.card()), ('SELECT * FROM openreplay.funnel_sessions(%s, %L, 0)', pg_temp.card()),
	('SELECT openreplay.try_card(%s, %L)', pg_temp.card('{"metricFormat": "eventCount"}'))) AS c (call, card);
-- Hostile text.
SELECT openreplay.try_card(:project_id, pg_temp.card(jsonb_build_object('name', evil, 'generation', g), jsonb_build_array(jsonb_build_object('type', 'click', 'operator', 'on', 'value', jsonb_build_array(evil, '1')))))
FROM unnest(ARRAY[1, 2]) AS g, (SELECT E'\'; DROP TABLE public.sessions; -- "$1" %s \\' AS evil) AS e;
SELECT count(*) FROM openreplay.issue_sessions(:project_id, pg_temp.card(), ''' OR true --');
ROLLBACK;
