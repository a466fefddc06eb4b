--
-- Cards that list what is frequent: values, pages, requests, issues, errors, screens; and the sessions behind any card
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
\set include :srcdir '/sql/include/card_visits.sql'
\i :include
CREATE FUNCTION pg_temp.table_of(metric_of text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$SELECT pg_temp.card('table', metric_of, more)$$;
CREATE FUNCTION pg_temp.table2(metric_of text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$SELECT pg_temp.card('table', metric_of, '{"generation": 2}' || more)$$;
\set home '{"name": "LOCATION", "isEvent": true, "operator": "is", "filters": [{"name": "url_path", "operator": "is", "value": ["/home"]}]}'
\set failed '{"name": "REQUEST", "isEvent": true, "operator": "is", "filters": [{"name": "status", "operator": ">=", "value": ["400"]}]}'
INSERT INTO public.users (email, role, name) VALUES ('cards@example.com', 'member', 'Cards') RETURNING user_id \gset
INSERT INTO public.user_viewed_errors (user_id, error_id) VALUES (:user_id, 'card-1');
INSERT INTO public.user_favorite_sessions (user_id, session_id) SELECT :user_id, session_id FROM visit WHERE n = 1;
-- Sessions as in the examples of the interface: 8 of Chrome, 3 of Safari.
SELECT openreplay.ensure_session_partitions('2024-10-27 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('examples', true) RETURNING project_id AS example_id \gset
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, user_id)
SELECT pg_temp.id_of(n, 1730000000000), :example_id, '17', 1730000000000, 'UTC', 1, md5(n::text)::uuid, 'Linux', CASE WHEN n <= 8 THEN 'Chrome' ELSE 'Safari' END, '', 'desktop', 'FR', CASE n WHEN 1 THEN 'a' ELSE 'b' END
FROM generate_series(1, 11) AS n;
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES ('e12a', :example_id, 'js_exception', 'TypeError', 'x is undefined', '[]');
INSERT INTO events.errors (session_id, message_id, "timestamp", error_id)
SELECT pg_temp.id_of(n, 1730000000000), k, 1730000000000 + at, 'e12a' FROM (VALUES (1, 1, 0), (2, 1, 0), (2, 2, 1000), (3, 1, 2000), (3, 2, 50000000)) AS e (n, k, at);
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;

SELECT openreplay.try_card(:example_id, '{"metricType": "table", "metricOf": "userBrowser", "startTimestamp": 1730000000000, "endTimestamp": 1730000000000, "series": [{"name": "All"}]}');
SELECT openreplay.try_card(:example_id, '{"generation": 2, "metricType": "table", "metricOf": "userBrowser", "name": "Browsers", "startTimestamp": 1730000000000, "endTimestamp": 1730000001000, "series": [{"name": "All"}]}');
SELECT openreplay.try_card(:example_id, '{"generation": 2, "metricType": "table", "metricOf": "jsException", "density": 2, "startTimestamp": 1730000000000, "endTimestamp": 1730050000000, "series": [{"name": "All"}]}');

-- Every list of the first generation: what is most frequent first, then by name; a name may be missing.
SELECT c.metric_of, openreplay.try_card(:project_id, pg_temp.table_of(c.metric_of)) AS chart FROM openreplay.card_catalogue() c WHERE c.generation = 1 AND c.metric_type = 'table' AND c.metric_of NOT IN ('sessions', 'jsException');
-- Users of values, where that is allowed.
SELECT c.metric_of, openreplay.try_card(:project_id, pg_temp.table_of(c.metric_of, '{"metricFormat": "userCount"}')) AS chart
FROM openreplay.card_catalogue() c WHERE c.generation = 1 AND c.metric_type = 'table' AND c.metric_formats LIKE '%userCount%';
-- One table a series.
SELECT openreplay.try_card(:project_id, pg_temp.table_of('userOs', '{"series": [{"name": "All"}, {"name": "bob", "filter": {"filters": [{"type": "userId", "operator": "is", "value": ["bob"]}]}}, {"name": "nobody", "filter": {"filters": [{"type": "userId", "operator": "is", "value": ["-"]}]}}]}')),
	openreplay.try_card(:project_id, pg_temp.table_of('userOs', '{"series": []}'));
-- Kinds of issues, only some of them, which others do not see.
SELECT openreplay.try_card(:project_id, pg_temp.table_of('issue', '{"metricValue": ["dead_click", "js_exception"]}')), openreplay.try_card(:project_id, pg_temp.table_of('userOs', '{"metricValue": ["dead_click"]}'));
SELECT openreplay.try_card(:project_id, pg_temp.table_of('issue', '{"metricValue": [""]}')) = openreplay.try_card(:project_id, pg_temp.table_of('issue')) AS all_of_them;
-- Pages and requests that the series itself asks for; what it says of anything but the path chooses sessions only.
SELECT name, openreplay.try_card(:project_id, pg_temp.table_of(kind, pg_temp.filtered(VARIADIC filters))) AS chart FROM (VALUES
	('one page', 'location', ARRAY['{"type": "location", "operator": "is", "value": ["/home"]}']::jsonb[]),
	('two operators', 'location', ARRAY['{"type": "location", "operator": "is", "value": ["/home"]}', '{"type": "location", "operator": "startsWith", "value": ["/ca"]}']::jsonb[]),
	('not this page', 'location', ARRAY['{"type": "location", "operator": "isNot", "value": ["/home"]}']::jsonb[]),
	('any page', 'location', ARRAY['{"type": "location", "operator": "isAny"}']::jsonb[]),
	('of those who clicked', 'location', ARRAY['{"type": "click", "operator": "on", "value": ["Buy"]}']::jsonb[]),
	('requests by path', 'fetch', ARRAY['{"type": "fetch", "isEvent": true, "operator": "is", "filters": [{"type": "fetchUrl", "operator": "contains", "value": ["ap"]}]}']::jsonb[]),
	('requests by status', 'fetch', ARRAY['{"type": "fetch", "isEvent": true, "operator": "is", "filters": [{"type": "fetchStatusCode", "operator": "=", "value": [503]}]}']::jsonb[])) AS c (name, kind, filters);
-- Pages of a list; its totals are of all pages.
SELECT page, openreplay.try_card(:project_id, pg_temp.table_of('userId', jsonb_build_object('limit', 2, 'page', page))) AS chart FROM generate_series(1, 4) AS page;

-- The second generation: total and count change places, what is empty is '', the card names the table.
SELECT c.metric_of, f.format, openreplay.try_card(:project_id, pg_temp.table2(c.metric_of, jsonb_build_object('metricFormat', f.format))) AS chart
FROM openreplay.card_catalogue() c, string_to_table(c.metric_formats, ' ') AS f (format) WHERE c.generation = 2 AND c.metric_type = 'table' AND c.metric_of NOT IN ('jsException', 'screenResolution');
SELECT name, openreplay.try_card(:project_id, pg_temp.table2(kind, pg_temp.filtered(VARIADIC filters) || '{"name": "T"}')) AS chart FROM (VALUES
	('of these pages', 'LOCATION', ARRAY[:'home']::jsonb[]), ('pages of whose requests failed', 'LOCATION', ARRAY[:'failed']::jsonb[]), ('requests of whose requests failed', 'REQUEST', ARRAY[:'failed']::jsonb[]),
	('no session', 'LOCATION', ARRAY['{"name": "userId", "operator": "is", "value": ["-"]}']::jsonb[])) AS c (name, kind, filters);
-- LOCATION is of the second generation by its letters.
SELECT openreplay.try_card(:project_id, pg_temp.card('table', 'LOCATION', '{"limit": 1}'));
-- Broken down, each node with its own page of values.
SELECT jsonb_pretty(openreplay.try_card(:project_id, pg_temp.table2('LOCATION', '{"breakdowns": ["userCountry", "issueType"], "limit": 1}')));
SELECT series, breakdown, place, name, value FROM openreplay.table_values(:project_id, pg_temp.table_of('userOs', '{"limit": 1}'));
SELECT series, breakdown, place, name, value FROM openreplay.table_values(:project_id, pg_temp.table2('userBrowser', '{"metricFormat": "eventCount", "breakdowns": ["issueType"]}'));
SELECT openreplay.try_card(:project_id, pg_temp.table2('userBrowser', pg_temp.filtered('{"name": "userId", "operator": "is", "value": ["-"]}') || '{"breakdowns": ["userOs"]}'));
-- What a session has one of is, in all, what a search finds.
SELECT c.metric_of, (SELECT sum(t.value) FROM openreplay.table_values(:project_id, pg_temp.table2(c.metric_of)) t) AS total, openreplay.count_sessions(:project_id, pg_temp.card('', '')) AS sessions
FROM openreplay.card_catalogue() c WHERE c.generation = 2 AND c.metric_type = 'table' AND c.metric_of IN ('userBrowser', 'userCountry', 'userDevice', 'userId', 'referrer') ORDER BY 1;

-- A row is of as many sessions as a search finds that asks for its name besides; so is what a chart is broken down to.
SELECT metric_of, count(*) AS rows, bool_and(t.value = openreplay.count_sessions(:project_id, jsonb_build_object('startTimestamp', :t0, 'endTimestamp', :t0 + 7200000, 'filters', jsonb_build_array(
	CASE metric_of WHEN 'LOCATION' THEN jsonb_set(:'home'::jsonb, '{filters,0,value,0}', to_jsonb(t.name)) ELSE jsonb_build_object('name', metric_of, 'operator', CASE WHEN t.name = '' THEN 'isUndefined' ELSE 'is' END, 'value', jsonb_build_array(t.name)) END)))) AS same
FROM unnest('{userBrowser,userCountry,userDevice,userId,LOCATION}'::text[]) AS metric_of, LATERAL openreplay.table_values(:project_id, pg_temp.table2(metric_of)) AS t GROUP BY 1 ORDER BY 1;
SELECT key, count(*) AS children, bool_and(t.value = openreplay.count_sessions(:project_id, jsonb_build_object('startTimestamp', :t0, 'endTimestamp', :t0 + 7200000, 'filters', jsonb_build_array(
	jsonb_build_object('name', name, 'operator', CASE WHEN t.child = '(empty)' THEN 'isUndefined' ELSE 'is' END, 'value', jsonb_build_array(nullif(t.child, '(empty)'))))))) AS same
FROM (VALUES ('userCountry', 'userCountry'), ('userBrowser', 'userBrowser'), ('userOs', 'userOs'), ('userId', 'userId'), ('userDeviceType', 'userDeviceType'), ('issueType', 'issue'), ('referringDomain', '$referring_domain'), ('searchEngine', '$search_engine')) AS k (key, name),
	LATERAL (SELECT t.breakdown[1] AS child, sum(t.value) AS value FROM openreplay.timeseries(:project_id, pg_temp.card('timeseries', 'sessionCount', jsonb_build_object('breakdowns', jsonb_build_array(key)))) AS t WHERE t.breakdown <> '{}' GROUP BY 1) AS t GROUP BY 1 ORDER BY 1;

-- Sessions and errors, as searches find them; nothing without a series.
SELECT openreplay.try_card(:project_id, pg_temp.table_of('sessions', '{"limit": 1}'), :user_id) = openreplay.search(:project_id, pg_temp.card('', '', '{"limit": 1}'), :user_id) AS same, jsonb_array_length(openreplay.try_card(:project_id, pg_temp.table_of('sessions')) -> 'sessions') AS sessions,
	openreplay.try_card(:project_id, pg_temp.table_of('sessions', '{"series": []}')), openreplay.try_card(:project_id, pg_temp.table_of('jsException', '{"series": []}'));
SELECT openreplay.try_card(:project_id, pg_temp.table_of('jsException'), :user_id);
SELECT openreplay.try_card(:project_id, pg_temp.table_of('jsException', '{"series": [{"filter": [{"type": "userId", "operator": "is", "value": ["ann"]}]}], "density": 3}')) #- '{errors,0,chart}';
-- In the second generation within the range only; the series' own errors instead of the usual ones.
SELECT openreplay.try_card(:project_id, pg_temp.table2('jsException', '{"density": 3}'));
SELECT sort, jsonb_path_query_array(chart, '$.errors[*].errorId') AS errors, jsonb_array_length(chart #> '{errors,0,chart}') AS points FROM unnest('{time,sessions,users}'::text[]) AS sort,
	LATERAL (SELECT openreplay.try_card(:project_id, pg_temp.table2('jsException', pg_temp.filtered('{"name": "ERROR", "isEvent": true, "operator": "is", "filters": [{"name": "name", "operator": "contains", "value": ["Error"]}]}') || jsonb_build_object('sortBy', sort, 'density', 1)))) AS t (chart);
SELECT openreplay.try_card(:project_id, pg_temp.table2('jsException', pg_temp.filtered(:'home', '{"name": "userId", "operator": "is", "value": ["ann"]}') || '{"limit": 1, "page": 2}'));
-- Screens: what is within 5 % of the area, so that groups overlap.
SELECT jsonb_pretty(openreplay.try_card(:project_id, pg_temp.table2('screenResolution', '{"metricFormat": "screenResolution", "name": "Screens"}')));
SELECT openreplay.try_card(:project_id, pg_temp.table2('screenResolution', pg_temp.filtered('{"name": "userId", "operator": "is", "value": ["-"]}')));

--
-- What is behind a card
--
SELECT s.value ->> 'seriesId' AS series_id, s.value ->> 'seriesName' AS name, s.value -> 'total' AS total, jsonb_path_query_array(s.value, '$.sessions[*].userId') AS users, jsonb_path_query_array(s.value, '$.sessions[*].favorite') AS favorites
FROM jsonb_array_elements(openreplay.card_sessions(:project_id, pg_temp.card('timeseries', 'sessionCount', '{"filters": [{"type": "userBrowser", "operator": "is", "value": ["Chrome"]}], "limit": 2, "series": [{"name": "All"}, {"seriesId": 88, "filter": {"filters": [{"type": "userId", "operator": "is", "value": ["ann"]}]}}]}'), :user_id)) AS s;
SELECT series, session_id - pg_temp.id_of(0, start_ts) AS n, user_id, favorite FROM openreplay.sessions_of_card(:project_id, pg_temp.card('timeseries', 'sessionCount', '{"sort": "startTs", "order": "ASC", "limit": 3}'), :user_id);
-- A point, a row of a table: the card with fewer of its time, with one filter more, is of as many sessions as the point says.
SELECT jsonb_path_query_array(openreplay.card_sessions(:project_id, pg_temp.card('timeseries', 'sessionCount', '{"startTimestamp": 1633050000000, "endTimestamp": 1633053599999}')), '$[*].total') AS of_point,
	jsonb_path_query_array(openreplay.card_sessions(:project_id, pg_temp.table_of('userBrowser', '{"filters": [{"type": "userBrowser", "operator": "is", "value": ["Chrome"]}]}')), '$[*].total') AS of_row, openreplay.card_sessions(:project_id, pg_temp.card('timeseries', 'sessionCount', '{"series": []}')) AS none;
SELECT openreplay.card_errors(:project_id, pg_temp.card('timeseries', 'sessionCount', '{"series": [{"seriesId": 5, "name": "A"}]}'), :user_id) #- '{errors,0,chart}', openreplay.card_errors(:project_id, pg_temp.card('timeseries', 'sessionCount', '{"series": []}'));

-- What is refused.
SELECT pg_temp.try(format('SELECT openreplay.try_card(%s, %L)', :project_id, card)) FROM (VALUES
	(pg_temp.table_of('userId', '{"metricFormat": "userCount"}')), (pg_temp.table_of('issue', '{"metricValue": ["boredom"]}')), (pg_temp.table_of('userOs', '{"viewType": "lineChart"}')), (pg_temp.table2('screenResolution', '{"breakdowns": ["userOs"]}')),
	(pg_temp.table2('ISSUE')), (pg_temp.table2('sessions')), (pg_temp.table2('userBrowser', '{"series": []}')), (pg_temp.table2('jsException', '{"sortBy": "name"}')), (pg_temp.table2('LOCATION', '{"metricFormat": "screenResolution"}'))) AS c (card);
SELECT pg_temp.try(format('SELECT * FROM openreplay.table_values(%s, %L)', :project_id, pg_temp.table_of('sessions')));
-- Hostile text, wherever text can be: the same answer as that of harmless text, or refused alike.
SELECT metric_of, place, count(DISTINCT replace(answer, to_jsonb(text)::text, '"text"')) AS answers
FROM (SELECT metric_of, place, text, openreplay.try_card(:project_id, pg_temp.table2(metric_of, jsonb_set('{"breakdowns": [], "name": "T", "series": [{"name": "A", "filter": {"filters": [{"name": "userCity", "operator": "is", "value": ["Q"]}]}}]}', place::text[], to_jsonb(text))))::text AS answer
	FROM unnest('{LOCATION,userBrowser,screenResolution,jsException}'::text[]) AS metric_of, unnest(ARRAY['{name}', '{series,0,name}', '{series,0,filter,filters,0,value,0}']) AS place,
		unnest(ARRAY['plain', E'o''q"', '''; DROP TABLE public.sessions; --', '$1', '%s', E'a\\b', '{}']) AS text) AS asked GROUP BY 1, 2 ORDER BY 1, 2;
SELECT place, count(*) FILTER (WHERE result NOT LIKE '22023 | %') AS wrong
FROM (SELECT place, pg_temp.try(format('SELECT openreplay.try_card(%s, %L)', :project_id, pg_temp.table_of('issue', jsonb_set('{"metricValue": [""]}', place::text[], to_jsonb(text))))) AS result
	FROM unnest(ARRAY['{metricValue,0}', '{limit}', '{page}', '{metricFormat}']) AS place, unnest(ARRAY[E'o''q"', '''; DROP TABLE public.sessions; --', '$1', '%s', E'a\\b']) AS text) AS asked GROUP BY place ORDER BY place;
SELECT DISTINCT jsonb_path_query_array(openreplay.card_sessions(:project_id, pg_temp.card('timeseries', 'sessionCount', jsonb_build_object('sort', text, 'series', jsonb_build_array(jsonb_build_object('name', 'A', 'sort', text))))), '$[*].total') AS totals
FROM unnest(ARRAY['plain', E'o''q"', '''; DROP TABLE public.sessions; --', '$1', '%s']) AS text;
ROLLBACK;
