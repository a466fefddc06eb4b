--
-- Journeys: which ways sessions take from an event, or to one
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
SELECT openreplay.ensure_session_partitions('2021-06-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('journeys', true) RETURNING project_id \gset
INSERT INTO public.projects (name, active) VALUES ('ways', true) RETURNING project_id AS ways_id \gset
-- In the first project 30 visitors go from /home to the cart and 10 to the help, where they take their time. A visit of one event, one of no length and one that goes on are none to judge by.
\set t0 1623000000000
CREATE TEMP TABLE visit AS
	SELECT n, :t0 + n * 60000 AS start_ts, ((:t0 + n * 60000 - 1550000000000) << 24) | n AS session_id FROM generate_series(1, 200) AS n;
GRANT SELECT ON visit TO openreplay_reader;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, duration, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, events_count)
SELECT session_id, CASE WHEN n <= 50 THEN :project_id ELSE :ways_id END, '17', start_ts, CASE WHEN n = 42 THEN 0 WHEN n <> 43 THEN 30000 END, md5(n::text)::uuid, 'Linux', CASE n % 2 WHEN 0 THEN 'Chrome' ELSE 'Firefox' END, '', 'desktop', 'NL', CASE WHEN n = 41 THEN 1 ELSE 2 END
FROM visit WHERE n <= 43 OR n > 100;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path)
SELECT session_id, 1, start_ts + 100, 'a.example', '/home' FROM visit WHERE n <= 43
UNION ALL SELECT session_id, 2, start_ts + 5500, 'a.example', '/cart' FROM visit WHERE n <= 30 OR n > 40 AND n <= 43 UNION ALL SELECT session_id, 2, start_ts + 9200, 'a.example', '/help' FROM visit WHERE n > 30 AND n <= 40;
-- In the other one, each way of some letters is that of as many visits, a second a step, the first page at 0 s: upper case are pages, lower case clicks on a button of that name, digits events of the site's own.
CREATE TEMP TABLE way AS SELECT w, n, 100 + sum(n) OVER (ORDER BY w COLLATE "C") - n AS before FROM (VALUES ('AaB', 6), ('ABC', 5), ('ABCD', 4), ('AB1C', 3), ('ABB', 2), ('AC', 2), ('A', 1), ('BA', 3), ('BAB2', 2), ('CaBA', 1)) AS w (w, n);
CREATE TEMP TABLE step AS
	SELECT v.session_id, k, v.start_ts + (k - 1) * 1000 AS ts, substr(w.w, k::integer, 1) AS what FROM way w JOIN visit v ON v.n > w.before AND v.n <= w.before + w.n, generate_series(1, length(w.w)) AS k;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path) SELECT session_id, k, ts, 'a.example', '/' || what FROM step WHERE what ~ '[A-Z]';
INSERT INTO events.clicks (session_id, message_id, "timestamp", label) SELECT session_id, k, ts, what FROM step WHERE what ~ '[a-z]';
INSERT INTO events_common.customs (session_id, seq_index, "timestamp", name, payload) SELECT session_id, k, ts, 'event ' || what, '{}' FROM step WHERE what ~ '[0-9]';
-- Issues: of four visits of the first project, twice in one; later than the range; of a visit that is not looked at.
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES ('journeys-1', :project_id, 'dead_click', '#pay'), ('journeys-2', :project_id, 'bad_request', '/api/x'), ('journeys-3', :project_id, 'cpu', '');
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id)
SELECT session_id, start_ts + 200, 10, 'journeys-1' FROM visit WHERE n IN (1, 2, 35, 36) UNION ALL SELECT session_id, start_ts + 300, 11, 'journeys-1' FROM visit WHERE n = 1
UNION ALL SELECT session_id, start_ts + 200, 12, 'journeys-2' FROM visit WHERE n IN (3, 4) UNION ALL SELECT session_id, start_ts + 86400000, 13, 'journeys-3' FROM visit WHERE n = 5 UNION ALL SELECT session_id, start_ts + 200, 14, 'journeys-3' FROM visit WHERE n IN (41, 42, 43);
CREATE FUNCTION pg_temp.card(more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT '{"metricType": "pathAnalysis", "metricOf": "sessionCount", "density": 2, "startTimestamp": 1623000000000, "endTimestamp": 1623086400000, "series": [{"filter": {"filters": []}}]}' || more
$$;
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;

-- The chart of either generation, and as rows.
SELECT jsonb_pretty(openreplay.try_card(:project_id, pg_temp.card()));
SELECT openreplay.try_card(:project_id, pg_temp.card('{"generation": 2, "excludes": [{"name": "LOCATION", "isEvent": true, "operator": "is", "filters": [{"name": "url_path", "operator": "is", "value": ["/help"]}]}]}'));
SELECT * FROM openreplay.journey(:project_id, pg_temp.card());
-- Paths begin with what most begin with; three steps more.
SELECT * FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 4}'));
SELECT * FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 4, "generation": 2}'));
SELECT openreplay.try_card(:ways_id, pg_temp.card('{"density": 4, "generation": 2}'));
-- Clicks as well; few links; fewer rows, the others being one.
SELECT step, source, target, sessions, percent FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 3, "hideExcess": true, "metricValue": ["location", "click", "custom"]}'));
SELECT step, source_type, source, target_type, target, sessions, percent FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 4, "hideExcess": true, "rows": 1, "generation": 2, "metricValue": ["LOCATION", "CLICK", "event 1"]}'));
-- From a start point on, from its first event; to one, from its last event backwards, links in the order of time.
SELECT step, source, target, sessions, percent, avg_gap_ms FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 3, "startPoint": [{"type": "location", "operator": "is", "value": ["/B"]}]}'));
SELECT step, source, target, sessions, percent, avg_gap_ms FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 3, "startType": "end", "startPoint": [{"type": "location", "operator": "is", "value": ["/B"]}]}'));
SELECT step, source, target, sessions, percent FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 3, "startType": "end"}'));
SELECT openreplay.try_card(:ways_id, pg_temp.card('{"density": 3, "startType": "end", "startPoint": {"type": "click", "operator": "onAny"}}'));
SELECT openreplay.try_card(:ways_id, pg_temp.card('{"density": 3, "startType": "end", "generation": 2, "startPoint": {"name": "CLICK", "isEvent": true, "operator": "is", "filters": [{"name": "label", "operator": "is", "value": ["a"]}]}}'));
-- The second generation shows a start point of another kind at the first step only.
SELECT step, source_type, source, target_type, target, sessions FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 3, "generation": 2, "startPoint": {"name": "event 1", "isEvent": true, "autoCaptured": false, "operator": "is", "filters": []}}'));
-- What is excluded is as if it had not happened.
SELECT step, source, target, sessions FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 3, "excludes": [{"type": "location", "operator": "is", "value": ["/A"]}, {"type": "location", "operator": "is", "value": ["/C"]}]}'));
-- Sessions as a filter has them.
SELECT sum(sessions) FROM openreplay.journey(:project_id, pg_temp.card('{"series": [{"filter": {"filters": [{"type": "userBrowser", "operator": "is", "value": ["Chrome"]}]}}]}'));
-- As a tree.
SELECT openreplay.try_card(:project_id, pg_temp.card('{"generation": 2, "viewType": "sunburst", "density": 3}'));
SELECT openreplay.try_card(:ways_id, pg_temp.card('{"generation": 2, "viewType": "sunburst", "density": 3, "rows": 1, "hideExcess": true}'));
-- Nothing.
SELECT openreplay.try_card(:project_id, pg_temp.card(c)) FROM unnest(ARRAY['{"metricValue": ["click"]}', '{"generation": 2, "metricValue": ["nothing"]}', '{"generation": 2, "viewType": "sunburst", "metricValue": ["CLICK"]}']::jsonb[]) AS c;

-- Issues of these sessions, each session once.
SELECT openreplay.card_issues(:project_id, pg_temp.card());
SELECT openreplay.card_issues(:project_id, pg_temp.card('{"limit": 1, "page": 2, "series": [{"seriesId": 3, "name": "S"}]}'));
SELECT openreplay.card_issues(:project_id, pg_temp.card('{"excludes": [{"type": "location", "operator": "is", "value": ["/help"]}]}')), openreplay.card_issues(:project_id, pg_temp.card('{"startPoint": [{"type": "location", "operator": "is", "value": ["/help"]}]}'));
SELECT array_agg(s & 255) FROM openreplay.issue_sessions(:project_id, pg_temp.card(), 'journeys-1') AS s;
SELECT j #> '{sessions,total}' AS total, jsonb_array_length(j #> '{sessions,sessions}') AS n, j -> 'issue' AS issue FROM openreplay.card_issue_sessions(:project_id, pg_temp.card(), 'journeys-2') AS j;

-- What is refused.
SELECT pg_temp.try(format('SELECT * FROM openreplay.journey(%s, %L)', :project_id, pg_temp.card(c))) FROM unnest(ARRAY['{"metricType": "funnel"}', '{"startType": "middle"}', '{"metricValue": ["scroll"]}', '{"generation": 2, "metricValue": ["PERFORMANCE"]}', '{"startPoint": [{"type": "userBrowser", "operator": "is", "value": ["Chrome"]}]}',
	'{"startPoint": [{"type": "location", "operator": "isAny"}, {"type": "click", "operator": "isAny"}]}', '{"startPoint": [{"type": "location", "operator": "is", "value": ["/x", "/home"]}], "excludes": [{"type": "location", "operator": "is", "value": ["/home"]}]}',
	'{"excludes": [{"type": "no", "operator": "is", "value": ["/home"]}]}', '{"generation": 2, "hideExcess": true, "rows": 51}', '{"viewType": "sunburst", "generation": 3}']::jsonb[]) AS c;
-- Hostile text.
SELECT openreplay.try_card(:project_id, pg_temp.card(jsonb_build_object('generation', g, 'metricValue', CASE g WHEN 2 THEN jsonb_build_array(evil, 'LOCATION') ELSE '["location"]' END, 'startPoint', jsonb_build_array(jsonb_build_object('type', 'location', 'operator', 'is', 'value', jsonb_build_array(evil))),
	'excludes', jsonb_build_array(jsonb_build_object('type', 'location', 'operator', 'contains', 'value', jsonb_build_array(evil || '!'))))))
FROM unnest(ARRAY[1, 2]) AS g, (SELECT E'\'; DROP TABLE public.sessions; -- "$1" %s \\' AS evil) AS e;
ROLLBACK;
