--
-- Cards over time: sessions, users and events in both shapes, broken down, in a sample, beside the time before
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
CREATE FUNCTION pg_temp.over_time(metric_of text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$SELECT pg_temp.card('timeseries', metric_of, '{"generation": 2}' || more)$$;
\set buy '{"name": "CLICK", "isEvent": true, "operator": "is", "filters": [{"name": "label", "operator": "is", "value": ["Buy"]}]}'
\set home '{"name": "LOCATION", "isEvent": true, "operator": "is", "filters": [{"name": "url_path", "operator": "is", "value": ["/home"]}]}'
\set chrome '{"name": "userBrowser", "operator": "is", "value": ["Chrome"]}'
-- Sessions as in the examples of the interface: from 1730000000000 on, 3 on mobiles and 9 on desktops, an hour later 4 on desktops.
SELECT openreplay.ensure_session_partitions('2024-10-27 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('examples', true) RETURNING project_id AS example_id \gset
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, user_state)
SELECT pg_temp.id_of(n, t), :example_id, '17', t, 'UTC', 1, md5(n::text)::uuid, 'Linux', CASE WHEN n = 4 THEN 'Safari' ELSE 'Chrome' END, '', CASE WHEN n <= 3 THEN 'mobile' ELSE 'desktop' END::public.device_type,
	'FR', CASE WHEN n <= 3 THEN 'FR' END
FROM generate_series(1, 16) AS n, LATERAL (SELECT CASE WHEN n <= 12 THEN 1730000000000 ELSE 1730003600000 END AS t) AS t;
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, url, path)
SELECT pg_temp.id_of(n, 1730000000000), 1, 1730000000000, label, 'a.example/', '/' FROM (VALUES (1, '100%'), (2, '1000'), (3, '0_')) AS c (n, label);
INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, host, path, duration, success, status_code, method)
SELECT pg_temp.id_of(n, 1730000000000), 1730000000000, 1, 'https://a.example/x', 'a.example', '/x', 10, false, status, 'GET' FROM (VALUES (1, 503), (2, 499)) AS r (n, status);
SELECT openreplay.backfill_some_sessions(:project_id, 0, 9223372036854775807, 3) > 0 AS has_more;
SELECT n, has_sequence FROM visit JOIN public.sessions USING (session_id) ORDER BY n;
-- What a chart adds up to, as a whole.
CREATE FUNCTION pg_temp.sum_of(project_id integer, card jsonb) RETURNS bigint LANGUAGE sql AS $$SELECT sum(value)::bigint FROM openreplay.timeseries(project_id, card) WHERE breakdown = '{}'$$;
-- How many events a chart has, and whether it is the same without sequences.
CREATE FUNCTION pg_temp.with_and_without(project_id integer, card jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	chart jsonb := openreplay.try_card(project_id, card);
	events bigint := (SELECT sum(value) FROM openreplay.timeseries(project_id, card) WHERE breakdown = '{}');
BEGIN
	PERFORM set_config('openreplay.use_session_events', 'off', true);
	RETURN jsonb_build_array(events, chart = openreplay.try_card(project_id, card), set_config('openreplay.use_session_events', 'on', true) = 'on');
END
$$;
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;

SELECT openreplay.try_card(:example_id, '{"metricType": "timeseries", "metricOf": "sessionCount", "startTimestamp": 1730000000000, "endTimestamp": 1730003600000, "density": 1, "series": [
	{"name": "Mobile", "filter": {"filters": [{"type": "platform", "operator": "is", "value": ["mobile"]}]}}, {"name": "Desktop", "filter": {"filters": [{"type": "platform", "operator": "is", "value": ["desktop"]}]}}]}');
SELECT openreplay.try_card(:example_id, '{"generation": 2, "metricType": "timeseries", "metricOf": "sessionCount", "startTimestamp": 1730000000000, "endTimestamp": 1730003600000, "density": 1, "series": [{"name": "Series 1"}]}');
-- One inside the other; nothing is (empty).
SELECT jsonb_pretty(openreplay.try_card(:example_id, '{"metricType": "timeseries", "metricOf": "sessionCount", "startTimestamp": 1730000000000, "endTimestamp": 1730003599999, "density": 1, "breakdowns": ["userState", "userBrowser"],
	"series": [{"name": "Series 1", "filter": {"filters": [{"name": "screenWidth", "operator": "isUndefined"}]}}]}'));

-- A label of 100% contains 0%, others do not; a status of 503 is at least 500.
SELECT jsonb_path_query_array(openreplay.card_sessions(:example_id, jsonb_build_object('metricType', 'timeseries', 'startTimestamp', 1730000000000, 'endTimestamp', 1730003600000, 'series', series)), '$[*].total') AS sessions
FROM (VALUES ('[{"filter": {"filters": [{"type": "click", "operator": "contains", "value": ["0%"]}]}}, {"filter": {"filters": [{"name": "CLICK", "isEvent": true, "operator": "is", "filters": [{"name": "label", "operator": "endsWith", "value": ["0%"]}]}]}},
	{"filter": {"filters": [{"name": "REQUEST", "isEvent": true, "operator": "is", "filters": [{"name": "status", "operator": ">=", "value": ["500"]}]}]}}, {"filter": {"filters": [{"name": "REQUEST", "isEvent": true, "operator": "is", "filters": [{"name": "status", "operator": ">=", "value": ["400"]}]}]}}]'::jsonb)) AS c (series);
-- Both shapes: a point has what begins with it, also what had no length; the last has the end. What goes on is not counted.
SELECT openreplay.try_card(:project_id, pg_temp.card('timeseries', 'sessionCount'));
SELECT openreplay.try_card(:project_id, pg_temp.over_time('sessionCount')), openreplay.try_card(:project_id, pg_temp.over_time('sessionCount', '{"viewType": "columnChart", "density": 1}'));
-- Users have an id; each is counted once a point.
SELECT openreplay.try_card(:project_id, pg_temp.card('timeseries', 'userCount')), openreplay.try_card(:project_id, pg_temp.over_time('userCount'));
-- Events count when they happened, within the range: all of them, those of the items, once though two items want them.
SELECT series, ("timestamp" - :t0) / 60000 AS minute, value FROM openreplay.timeseries(:project_id, pg_temp.over_time('eventCount'));
SELECT series, ("timestamp" - :t0) / 60000 AS minute, value FROM openreplay.timeseries(:project_id, pg_temp.over_time('eventCount', pg_temp.filtered(:'buy')));
SELECT series, ("timestamp" - :t0) / 60000 AS minute, value FROM openreplay.timeseries(:project_id, pg_temp.over_time('eventCount', pg_temp.filtered(:'home', :'home', :'buy') || '{"density": 1}'));
-- The same whether a session's events are counted as rows or in its sequence, which three of them have; by what the sessions are, too.
SELECT breakdowns, more, jsonb_path_query_array(pg_temp.with_and_without(:project_id, pg_temp.over_time('eventCount', jsonb_build_object('breakdowns', breakdowns) || more)), '$[*]') AS events_and_same
FROM (VALUES ('[]'::jsonb), ('["userCountry"]'), ('["userCountry", "issueType"]'), ('["currentPath"]')) AS b (breakdowns), (VALUES ('{}'::jsonb), ('{"density": 7, "endTimestamp": 1633053599999}'), ('{"sampleRate": 50}')) AS m (more);
SELECT openreplay.count_times(NULL, 0, 0, 10, 5) AS none, openreplay.count_times(q.events, q.start_ts, :t0, :t0 + 7200000, 3600000) AS by_hour FROM openreplay.session_events q WHERE q.project_id = :project_id;
SELECT pg_temp.try(format('SELECT openreplay.count_times(CASE k WHEN 2 THEN ''x''::bytea END, 0, %s, %s, %s) FROM generate_series(1, 2) AS k', from_ts, to_ts, step)) FROM (VALUES ('0', '10', '0'), ('0', '10', 'k % 2'), ('10', '0', '1'), ('0', '1000000', '1'), ('NULL', '1', '1'), ('0', '1', '1')) AS t (from_ts, to_ts, step);
-- Every sum over time is what a search finds.
SELECT metric_of, generation, (SELECT sum(t.value) FROM openreplay.timeseries(:project_id, pg_temp.card('timeseries', metric_of, jsonb_build_object('generation', generation, 'density', density))) t)
	= openreplay.count_sessions(:project_id, pg_temp.card('', '')) AS same
FROM (VALUES ('sessionCount', 1, 2), ('sessionCount', 2, 2), ('sessionCount', 2, 7), ('sessionCount', 1, 200), ('sessionCount', 2, 720)) AS c (metric_of, generation, density);
SELECT eventsOrder, items, pg_temp.sum_of(:project_id, card) AS sessions, pg_temp.sum_of(:project_id, card) = openreplay.count_sessions(:project_id, filter) AS same,
	pg_temp.sum_of(:project_id, card || '{"breakdowns": ["currentPath"]}') = openreplay.count_sessions(:project_id, filter) AS same_whole, pg_temp.sum_of(:project_id, card || '{"metricOf": "eventCount"}') AS events
FROM unnest('{then,and,or}'::text[]) AS eventsOrder,
	(VALUES ('home', jsonb_build_array(:'home'::jsonb)), ('home, buy', jsonb_build_array(:'home'::jsonb, :'buy'::jsonb)), ('buy, home', jsonb_build_array(:'buy'::jsonb, :'home'::jsonb)),
		('no home, buy', jsonb_build_array(jsonb_set(:'home'::jsonb, '{filters,0,operator}', '"isNot"'), :'buy'::jsonb))) AS i (items, list),
	LATERAL (SELECT jsonb_build_object('filters', list, 'eventsOrder', eventsOrder, 'startTimestamp', :t0, 'endTimestamp', :t0 + 7200000)) AS f (filter),
	LATERAL (SELECT pg_temp.over_time('sessionCount', jsonb_build_object('series', jsonb_build_array(jsonb_build_object('filter', filter))))) AS c (card);
-- Every way to show it is of the same numbers; one point is allowed, more than there are milliseconds too.
SELECT count(DISTINCT openreplay.try_card(:project_id, pg_temp.over_time('sessionCount', jsonb_build_object('viewType', view)))) AS charts, count(*) AS views
FROM openreplay.card_catalogue() c, string_to_table(c.view_types, ' ') AS view WHERE c.generation = 2 AND c.metric_type = 'timeseries' AND c.metric_of = 'sessionCount';
SELECT openreplay.try_card(:project_id, pg_temp.over_time('sessionCount', '{"endTimestamp": 1633046400003, "density": 720}'));

--
-- Broken down: each level is counted by itself
--
SELECT breakdown, string_agg(value::text, ' ' ORDER BY "timestamp") AS points FROM openreplay.timeseries(:project_id, pg_temp.over_time('sessionCount', '{"breakdowns": ["userCountry", "userBrowser"]}')) GROUP BY 1 ORDER BY 1;
-- bob is one user; ann's sessions are of one, too
SELECT breakdown, string_agg(value::text, ' ' ORDER BY "timestamp") AS points FROM openreplay.timeseries(:project_id, pg_temp.over_time('userCount', '{"breakdowns": ["userCountry"]}')) GROUP BY 1 ORDER BY 1;
-- A session with two kinds of issues is one in the whole.
SELECT breakdown, string_agg(value::text, ' ' ORDER BY "timestamp") AS points FROM openreplay.timeseries(:project_id, pg_temp.over_time('sessionCount', '{"breakdowns": ["issueType", "userCountry"]}')) GROUP BY 1 ORDER BY 1;
SELECT breakdown, sum(value) FROM openreplay.timeseries(:project_id, pg_temp.over_time('eventCount', pg_temp.filtered(:'buy') || '{"breakdowns": ["userCountry", "issueType"]}')) GROUP BY 1 ORDER BY 1;
-- Values of events: of those that the series asks for, else of all that have such a thing.
SELECT breakdown, sum(value) FROM openreplay.timeseries(:project_id, pg_temp.over_time('sessionCount', '{"breakdowns": ["currentPath"]}')) GROUP BY 1 ORDER BY 1;
SELECT breakdown, sum(value) FROM openreplay.timeseries(:project_id, pg_temp.over_time('sessionCount', pg_temp.filtered(:'home') || '{"breakdowns": ["currentPath", "urlHost"]}')) GROUP BY 1 ORDER BY 1;
SELECT breakdown, sum(value) FROM openreplay.timeseries(:project_id, pg_temp.over_time('sessionCount', '{"breakdowns": ["statusCode", "httpMethod", "urlHost"]}')) GROUP BY 1 ORDER BY 1;
SELECT breakdown, sum(value) FROM openreplay.timeseries(:project_id, pg_temp.over_time('eventCount', pg_temp.filtered(:'home', :'buy') || '{"breakdowns": ["currentPath"]}')) GROUP BY 1 ORDER BY 1;
-- Every key; the whole is the same whatever it is broken down by.
SELECT b.key, (SELECT count(DISTINCT t.breakdown) - 1 FROM openreplay.timeseries(:project_id, pg_temp.over_time('sessionCount', jsonb_build_object('breakdowns', jsonb_build_array(b.key)))) t) AS children,
	(SELECT sum(t.value) FROM openreplay.timeseries(:project_id, pg_temp.over_time('sessionCount', jsonb_build_object('breakdowns', jsonb_build_array(b.key)))) t WHERE t.breakdown = '{}') AS sessions,
	(SELECT sum(t.value) FROM openreplay.timeseries(:project_id, pg_temp.over_time('userCount', jsonb_build_object('breakdowns', jsonb_build_array(b.key)))) t WHERE t.breakdown = '{}') AS users,
	(SELECT sum(t.value) FROM openreplay.timeseries(:project_id, pg_temp.over_time('eventCount', jsonb_build_object('breakdowns', jsonb_build_array(b.key)))) t WHERE t.breakdown = '{}') AS events
FROM unnest('{userCountry,userCity,userState,userBrowser,userDevice,userOs,referrer,userId,platform,utmSource,utmMedium,utmCampaign,userDeviceType,revId,issueType,currentPath,referringDomain,searchEngine,httpMethod,statusCode,urlHost}'::text[]) AS b (key);
-- Series side by side, each with its own tree; one without anything has its zeros.
SELECT openreplay.try_card(:project_id, pg_temp.over_time('sessionCount', '{"density": 1, "breakdowns": ["userBrowser"], "series": [{"name": "A"}, {"name": "None", "filter": {"filters": [{"name": "userId", "operator": "is", "value": ["nobody"]}]}}]}'));

--
-- A sample: events of some sessions only, the same ones every time
--
SELECT n, openreplay.sample_key(session_id) FROM visit ORDER BY n;
SELECT rate, (SELECT sum(value) FROM openreplay.timeseries(:project_id, pg_temp.over_time('eventCount', jsonb_build_object('sampleRate', rate)))) AS events,
	(SELECT sum(value) FROM openreplay.timeseries(:project_id, pg_temp.over_time('sessionCount', jsonb_build_object('sampleRate', rate)))) AS sessions,
	(SELECT sum(value) FROM openreplay.timeseries(:project_id, pg_temp.over_time('sessionCount', pg_temp.filtered(:'home') || jsonb_build_object('sampleRate', rate)))) AS sessions_with_home,
	(SELECT sum(value) FROM openreplay.timeseries(:project_id, pg_temp.over_time('sessionCount', pg_temp.filtered(jsonb_set(:'home', '{operator}', '"isNot"')) || jsonb_build_object('sampleRate', rate)))) AS without
FROM unnest(ARRAY[0, 1, 30, 60, 99, 100]) AS rate;

--
-- Beside the time before: as long, without the moment at which the card's own begins
--
SELECT series, breakdown, ("timestamp" - :t0) / 60000 AS minute, value, previous, round(progress, 1) AS progress
FROM openreplay.compare_timeseries(:project_id, pg_temp.over_time('sessionCount', '{"startTimestamp": 1633050000000, "endTimestamp": 1633053600000, "density": 1, "breakdowns": ["userCountry"]}'));
SELECT series, ("timestamp" - :t0) / 60000 AS minute, value, previous, round(progress, 1) AS progress FROM openreplay.compare_timeseries(:project_id, pg_temp.over_time('userCount', '{"startTimestamp": 1633046700000, "endTimestamp": 1633047000000, "density": 1}'));
-- Positive is less than before.
SELECT openreplay.progress(4, 4)::integer AS same, openreplay.progress(0, 0) AS nothing, openreplay.progress(4, 0) AS gone, openreplay.progress(0, 4)::integer AS new, openreplay.progress(6, 4)::integer AS fell, openreplay.progress(3, 4)::integer AS rose;

-- What is refused.
SELECT pg_temp.try(format('SELECT openreplay.try_card(%s, %L)', :project_id, pg_temp.over_time('sessionCount', more))) FROM (VALUES
	('{"series": []}'::jsonb), ('{"breakdowns": ["colour"]}'), ('{"breakdowns": ["userOs", "user_os"]}'), ('{"breakdowns": ["userOs", "userCity", "userId", "revId"]}'), ('{"breakdowns": [{}]}'), ('{"sampleRate": 101}'), ('{"density": 721}'), ('{"startTimestamp": 1}'), ('{"viewType": "sunburst"}')) AS c (more);
SELECT pg_temp.try(format('SELECT * FROM openreplay.timeseries(%s, %L)', :project_id, pg_temp.card('table', 'userOs'))), pg_temp.try(format('SELECT openreplay.try_card(%s, %L)', :project_id, pg_temp.card('timeseries', 'sessionCount', '{"generation": 1, "breakdowns": ["userOs"]}')));

-- Hostile text, wherever text can be: the same answer as that of harmless text, or refused alike.
SELECT place, count(DISTINCT replace(answer, to_jsonb(text)::text, '"text"')) AS answers, min(replace(answer, to_jsonb(text)::text, '"text"')) AS answer
FROM (SELECT place, text, openreplay.try_card(:project_id, pg_temp.over_time('sessionCount', jsonb_set('{"density": 1, "breakdowns": ["userCity"], "series": [{"name": "A", "filter": {"filters": [{"name": "userCity", "operator": "is", "value": ["Q"]}]}}]}', place::text[], to_jsonb(text))))::text AS answer
	FROM unnest(ARRAY['{name}', '{series,0,name}', '{series,0,filter,filters,0,value,0}', '{series,0,filter,unknown}', '{filters}', '{thumbnail}']) AS place,
		unnest(ARRAY['plain', E'o''q"', '''; DROP TABLE public.sessions; --', '$1', '%s', E'a\\b', '{}', '(empty)']) AS text) AS asked GROUP BY place ORDER BY place;
SELECT place, count(*) FILTER (WHERE result NOT LIKE '22023 | %') AS wrong
FROM (SELECT place, pg_temp.try(format('SELECT openreplay.try_card(%s, %L)', :project_id, pg_temp.over_time('sessionCount', jsonb_set('{"density": 1, "breakdowns": ["userCity"], "series": [{"name": "A", "filter": {"filters": [{"name": "userCity", "operator": "is", "value": ["Q"]}]}}]}', place::text[], to_jsonb(text))))) AS result
	FROM unnest(ARRAY['{metricType}', '{metricOf}', '{metricFormat}', '{viewType}', '{density}', '{sampleRate}', '{breakdowns,0}', '{startTimestamp}', '{generation}', '{series,0,filter,filters,0,name}', '{series,0,filter,filters,0,operator}', '{series,0,filter,eventsOrder}']) AS place,
		unnest(ARRAY[E'o''q"', '''; DROP TABLE public.sessions; --', '$1', '%s', E'a\\b']) AS text) AS asked GROUP BY place ORDER BY place;
ROLLBACK;
