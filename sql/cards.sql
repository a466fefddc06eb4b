--
-- What all cards share: the range, series and their names, filters of the card, what is refused
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
SELECT openreplay.ensure_session_partitions('2021-09-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('cards', true) RETURNING project_id \gset
-- Sessions at 0, 5, 10, 10, 15 and 20 seconds after 2021-09-10; the one at 15 goes on.
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_id, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, events_count, pages_count, errors_count)
SELECT ((t - 1550000000000) << 24) | n, :project_id, '17', t, 'UTC', CASE WHEN n <> 5 THEN 1000 END, CASE WHEN n < 5 THEN 'user' || n % 2 END, gen_random_uuid(), 'Linux', CASE n % 2 WHEN 0 THEN 'Firefox' ELSE 'Chrome' END, '', 'desktop', 'NL', 1, 1, 0
FROM unnest(ARRAY[0, 5, 10, 10, 15, 20]) WITH ORDINALITY AS x (seconds, n), LATERAL (SELECT 1631232000000 + seconds * 1000::bigint AS t) AS t;
CREATE FUNCTION pg_temp.card(more jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT '{"metricType": "timeseries", "metricOf": "sessionCount", "startTimestamp": 1631232000000, "endTimestamp": 1631232020000, "density": 2, "series": [{"name": "All"}]}' || more
$$;
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;

-- A session is counted in one bucket, the one that begins with it; the range's end is in the last.
SELECT series, "timestamp" - 1631232000000 AS at, value FROM openreplay.timeseries(:project_id, pg_temp.card('{}'));
SELECT openreplay.try_card(:project_id, pg_temp.card('{"viewType": "areaChart"}'));
SELECT series, "timestamp" - 1631232000000 AS at, value FROM openreplay.timeseries(:project_id, pg_temp.card('{"metricOf": "userCount", "density": 1}'));
-- Series without a name have their place as one, and no two have the same.
SELECT openreplay.try_card(:project_id, pg_temp.card('{"density": 1, "endTimestamp": 1631232000000, "series": [{}, {"name": "1"}, {"name": "", "filter": {"filters": [{"type": "userBrowser", "operator": "is", "value": ["Firefox"]}]}}]}'));
-- Filters of the card: an attribute's values instead of the series' own, everything else besides.
SELECT openreplay.merge_filters('{"eventsOrder": "and", "events": [{"type": "click", "operator": "on", "value": ["a"]}], "filters": [{"type": "userBrowser", "operator": "is", "value": ["Chrome"]}, {"type": "metadata", "source": "plan", "operator": "is", "value": ["pro"]}]}',
	'[{"type": "click", "operator": "on", "value": ["b"], "isEvent": true}, {"type": "userBrowser", "operator": "is", "value": ["Safari"]}, {"type": "metadata", "source": "cart", "operator": "is", "value": ["1"]}]');
SELECT sum(value) FROM openreplay.timeseries(:project_id, pg_temp.card('{"series": [{"filter": {"filters": [{"type": "userBrowser", "operator": "is", "value": ["Chrome"]}]}}], "filters": [{"type": "userBrowser", "operator": "is", "value": ["Firefox"]}]}'));
-- No series, no point; no range, the last week.
SELECT openreplay.try_card(:project_id, pg_temp.card('{"series": []}')), jsonb_array_length(openreplay.try_card(:project_id, '{"metricType": "timeseries", "series": [{}]}'));

-- What is refused, and what is allowed instead.
SELECT regexp_replace(pg_temp.try(format('SELECT openreplay.try_card(%s, %L)', :project_id, card)), 'timeseries, .*', 'timeseries, ...') AS try FROM (VALUES
	('[]'), ('{}'), ('{"metricType": "pie"}'), ('{"metricType": "timeseries", "metricOf": "money"}'),
	(pg_temp.card('{"viewType": "sunburst"}')::text), (pg_temp.card('{"metricFormat": "eventCount"}')::text), (pg_temp.card('{"metricFormat": "no"}')::text),
	(pg_temp.card('{"density": 0}')::text), (pg_temp.card('{"density": 201}')::text), (pg_temp.card('{"density": "many"}')::text), (pg_temp.card('{"limit": 201}')::text), (pg_temp.card('{"page": -1}')::text),
	(pg_temp.card('{"endTimestamp": 5}')::text), (pg_temp.card('{"series": {}}')::text), (pg_temp.card('{"series": [1]}')::text), (pg_temp.card('{"series": [{}, {}, {}, {}, {}, {}]}')::text),
	(pg_temp.card('{"series": [{"filter": 1}]}')::text), (pg_temp.card('{"series": [{"filter": {"filters": [{"type": "no"}]}}]}')::text), (pg_temp.card('{"generation": 3}')::text)) AS c (card);
SELECT pg_temp.try('SELECT openreplay.try_card(-1, ''{"metricType": "timeseries", "series": [{}]}'')');
ROLLBACK;
