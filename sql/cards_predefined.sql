--
-- Predefined cards: fixed questions about how quick pages are, what fails and what is loaded
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
SELECT openreplay.ensure_session_partitions('2021-10-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('predefined', true) RETURNING project_id \gset
-- A minute from 2021-10-04 on: sessions at 0, 10, 25 and 55 seconds, one half a minute before, one of another project.
CREATE FUNCTION pg_temp.at(seconds numeric) RETURNS bigint LANGUAGE sql AS $$ SELECT (1633305600000 + seconds * 1000)::bigint $$;
CREATE FUNCTION pg_temp.id(n integer) RETURNS bigint LANGUAGE sql AS $$ SELECT ((pg_temp.at((ARRAY[0, 10, 25, 55, -30, 0, 30])[n]) - 1550000000000) << 24) | n $$;
CREATE FUNCTION pg_temp.insert_session(n integer, project_id integer, length integer, user_id text, browser text, version text, country text, pages integer) RETURNS void LANGUAGE sql AS $$
	INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_id, user_uuid, user_os, user_browser, user_browser_version, user_device, user_device_type, user_country, pages_count)
	SELECT pg_temp.id(n), $2, '17', pg_temp.at((ARRAY[0, 10, 25, 55, -30, 0, 30])[n]), 'UTC', length, user_id, gen_random_uuid(), 'Linux', browser, version, '', 'desktop', country::public.country, pages
$$;
CREATE FUNCTION pg_temp.insert_page(n integer, message_id integer, seconds numeric, time_ms integer) RETURNS void LANGUAGE sql AS $$
	-- everything else at a fixed distance, so that each figure is its own
	INSERT INTO events.pages (session_id, message_id, "timestamp", host, path, dom_building_time, dom_content_loaded_time, load_time, first_paint_time, first_contentful_paint_time, speed_index, visually_complete, time_to_interactive, response_time, response_end, ttfb)
	VALUES (pg_temp.id(n), message_id, pg_temp.at(seconds), 'shop.test', '/', time_ms + 10, time_ms + 20, time_ms * 10, time_ms + 30, time_ms + 40, time_ms + 50, time_ms + 60, time_ms + 70, time_ms, time_ms + 80, time_ms + 90)
$$;
CREATE FUNCTION pg_temp.insert_request(n integer, message_id integer, seconds numeric, host text, path text, status integer) RETURNS void LANGUAGE sql AS $$
	INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, host, path, duration, success, status_code, method)
	VALUES (pg_temp.id(n), pg_temp.at(seconds), message_id, 'https://' || host || path, host, path, 10, status < 400, status, 'GET')
$$;
CREATE FUNCTION pg_temp.insert_resource(n integer, message_id integer, seconds numeric, type text, url text, length integer) RETURNS void LANGUAGE sql AS $$
	INSERT INTO events.resources (session_id, message_id, "timestamp", duration, type, url, url_host, url_hostpath, success)
	VALUES (pg_temp.id(n), message_id, pg_temp.at(seconds), length, type::events.resource_type, 'https://' || url, split_part(url, '/', 1), split_part(url, '?', 1), length > 0)
$$;
CREATE FUNCTION pg_temp.insert_sample(n integer, message_id integer, seconds numeric, fps integer, cpu integer, heap bigint) RETURNS void LANGUAGE sql AS $$
	INSERT INTO events.performance VALUES (pg_temp.id(n), pg_temp.at(seconds), message_id, 'shop.test', '/', NULL, 0, fps, 60, 0, cpu, 100, 0, 0, 0, 0, heap, 0)
$$;
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES ('predefined js', :project_id, 'js_exception', 'TypeError', 'no', '[]'), ('predefined log', :project_id, 'sentry', 'Error', 'no', '[]');
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES ('predefined crash', :project_id, 'crash', '/'), ('predefined rage', :project_id, 'click_rage', 'Buy');
SELECT pg_temp.insert_session(1, :project_id, 10000, 'ann', 'Chrome', '95', 'NL', 2), pg_temp.insert_session(2, :project_id, 20000, 'ann', 'Chrome', '94', 'DE', 1),
	pg_temp.insert_session(3, :project_id, 60000, 'bob', 'Firefox', '93', 'NL', 0), pg_temp.insert_session(4, :project_id, 70000, '', 'Safari', 'count', 'FR', 4), pg_temp.insert_session(5, :project_id, 80000, 'ann', 'Chrome', '95', 'NL', 5);
SELECT pg_temp.insert_page(1, 1, 1, 100), pg_temp.insert_page(1, 2, 9, 200), pg_temp.insert_page(2, 1, 21, 300), pg_temp.insert_page(3, 1, 26, 0), pg_temp.insert_page(3, 2, 45, 900), pg_temp.insert_page(5, 1, -20, 700);

-- ---- Which cards see what ----

CREATE FUNCTION pg_temp.card(type text, metric text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('metricType', type, 'metricOf', metric, 'viewType', 'chart', 'startTimestamp', 1633305600000, 'endTimestamp', 1633305660000, 'density', 4) || more
$$;
CREATE VIEW pg_temp.predefined AS
	SELECT metric_type AS type, metric_of AS metric FROM openreplay.card_catalogue() WHERE metric_type IN ('webVitals', 'performance', 'errors', 'resources');
CREATE FUNCTION pg_temp.charts(project_id integer) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_object_agg(metric, openreplay.try_card($1, pg_temp.card(type, metric))) FROM pg_temp.predefined
$$;
GRANT SELECT ON pg_temp.predefined TO openreplay_reader;
-- A row is there for one look.
CREATE FUNCTION pg_temp.changed_by(statement text, project_id integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before jsonb := pg_temp.charts($2);
	after jsonb;
BEGIN
	BEGIN
		EXECUTE statement;
		after := pg_temp.charts($2);
		RAISE SQLSTATE 'OR000';
	EXCEPTION WHEN SQLSTATE 'OR000' THEN
		RETURN coalesce((SELECT string_agg(metric, ' ' ORDER BY metric) FROM pg_temp.predefined WHERE before -> metric <> after -> metric), 'none');
	END;
END
$$;
SELECT fixture, pg_temp.changed_by(statement, :project_id) AS changes FROM (VALUES
	('a session of no length', format('SELECT pg_temp.insert_session(7, %s, 0, ''zoe'', ''Opera'', ''1'', ''JP'', 9)', :project_id)),
	('one that goes on', format('SELECT pg_temp.insert_session(7, %s, NULL, ''zoe'', ''Opera'', ''1'', ''JP'', 9)', :project_id)),
	('one of another project, with a page', format('INSERT INTO public.projects (project_id, name, active) VALUES (-7, ''other'', true); SELECT pg_temp.insert_session(6, -7, 1000, ''zoe'', ''Opera'', ''1'', ''JP'', 9), pg_temp.insert_page(6, 1, 1, 500)')),
	('a second session of a user', format('SELECT pg_temp.insert_session(7, %s, 1000, ''bob'', ''Firefox'', ''93'', ''NL'', 9)', :project_id)),
	('a page', 'SELECT pg_temp.insert_page(4, 9, 56, 500)'),
	('a page after the end, of a session that began before', 'SELECT pg_temp.insert_page(4, 9, 61, 500)'),
	('a request after the end', 'SELECT pg_temp.insert_request(4, 9, 61, ''a.test'', ''/'', 500)'),
	('a resource after the end', 'SELECT pg_temp.insert_resource(4, 9, 61, ''img'', ''a.test/a.png'', 0)'),
	('a request answered 200', 'SELECT pg_temp.insert_request(4, 9, 56, ''a.test'', ''/'', 200)'),
	('a request answered 404', 'SELECT pg_temp.insert_request(4, 9, 56, ''a.test'', ''/'', 404)'),
	('a request answered 503', 'SELECT pg_temp.insert_request(4, 9, 56, ''a.test'', ''/'', 503)'),
	('an image without duration', 'SELECT pg_temp.insert_resource(4, 9, 56, ''img'', ''a.test/a.png'', 0)'),
	('an image', 'SELECT pg_temp.insert_resource(4, 9, 56, ''img'', ''a.test/a.png'', 10)'),
	('a fetch', 'SELECT pg_temp.insert_resource(4, 9, 56, ''fetch'', ''a.test/a'', 10)'),
	('a JavaScript error', format('INSERT INTO events.errors VALUES (%s, 9, %s, ''predefined js'')', pg_temp.id(4), pg_temp.at(56))),
	('an error of an integration', format('INSERT INTO events.errors VALUES (%s, 9, %s, ''predefined log'')', pg_temp.id(4), pg_temp.at(56))),
	('one of a session that began before', format('INSERT INTO events.errors VALUES (%s, 9, %s, ''predefined js'')', pg_temp.id(5), pg_temp.at(6))),
	('a sample of nothing', 'SELECT pg_temp.insert_sample(1, 8, 2, 30, 20, 1000), pg_temp.insert_sample(4, 9, 56, 0, 0, 0)'),
	('a crash', format('INSERT INTO events_common.issues VALUES (%s, %s, 9, ''predefined crash'')', pg_temp.id(4), pg_temp.at(56))),
	('another issue', format('INSERT INTO events_common.issues VALUES (%s, %s, 9, ''predefined rage'')', pg_temp.id(4), pg_temp.at(56)))
) AS f (fixture, statement);

-- ---- What they say ----

SELECT pg_temp.insert_resource(1, 11, 2, 'img', 'cdn.test/big/logo.png?x=1', 300), pg_temp.insert_resource(1, 12, 3, 'img', 'a.test/logo.png', 100), pg_temp.insert_resource(2, 11, 22, 'script', 'cdn.test/app.js', 2000),
	pg_temp.insert_resource(2, 12, 22, 'fetch', 'api.test/v1/cart', 40), pg_temp.insert_resource(3, 11, 27, 'img', 'a.test/gone.png', 0), pg_temp.insert_resource(3, 12, 45, 'img', 'a.test/gone.png', 0),
	pg_temp.insert_resource(3, 13, 46, 'img', 'a.test/<lost> ''"%.png', 0), pg_temp.insert_resource(3, 14, 46, 'img', 'a.test/logo.png', 200), pg_temp.insert_resource(5, 11, -10, 'img', 'a.test/logo.png', 600);
SELECT pg_temp.insert_request(1, 21, 2, 'api.test', '/v1/cart', 200), pg_temp.insert_request(1, 22, 3, 'api.test', '/v1/cart', 404), pg_temp.insert_request(2, 21, 21, 'api.test', '/v1/cart', 500), pg_temp.insert_request(3, 21, 26, 'timestamp', '/$1', 503),
	pg_temp.insert_request(3, 22, 45, 'timestamp', '/$1', 302), pg_temp.insert_request(5, 21, -10, 'api.test', '/v1/cart', 200);
SELECT pg_temp.insert_sample(1, 31, 2, 30, 20, 3000000), pg_temp.insert_sample(2, 31, 22, 0, 0, 5000000), pg_temp.insert_sample(3, 31, 30, 60, 40, 0);
INSERT INTO events.errors VALUES (pg_temp.id(1), 41, pg_temp.at(5), 'predefined js'), (pg_temp.id(1), 42, pg_temp.at(19), 'predefined js'), (pg_temp.id(2), 41, pg_temp.at(20), 'predefined js'), (pg_temp.id(2), 42, pg_temp.at(20), 'predefined log');
INSERT INTO events_common.issues VALUES (pg_temp.id(1), pg_temp.at(5), 51, 'predefined crash'), (pg_temp.id(1), pg_temp.at(8), 52, 'predefined crash'), (pg_temp.id(2), pg_temp.at(25), 51, 'predefined crash'), (pg_temp.id(3), pg_temp.at(25), 51, 'predefined crash'), (pg_temp.id(4), pg_temp.at(56), 51, 'predefined crash');
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;

-- Points are at 0, 20, 40 and, empty, 60 seconds.
SELECT type, metric, jsonb_path_query_array(chart, '$.chart[*].timestamp') = '[1633305600000, 1633305620000, 1633305640000, 1633305660000]' AS in_time, jsonb_path_query_array(chart, '$.chart[*].value') AS chart, chart - 'chart' AS figure
FROM (SELECT type, metric, openreplay.try_card(:project_id, pg_temp.card(type, metric)) AS chart FROM pg_temp.predefined WHERE type = 'webVitals' OR metric IN ('cpu', 'fps', 'memoryConsumption', 'timeToRender', 'pagesDomBuildtime', 'pagesResponseTime')) AS c;
SELECT metric, replace(openreplay.try_card(:project_id, pg_temp.card(type, metric))::text, '16333056', '') AS chart
FROM pg_temp.predefined WHERE type <> 'webVitals' AND metric NOT IN ('cpu', 'fps', 'memoryConsumption', 'timeToRender', 'pagesDomBuildtime', 'pagesResponseTime');

-- A time is shown in the unit that suits it, with points in the same.
SELECT unit, value FROM (VALUES ('avgSessionDuration'), ('avgPageLoadTime'), ('avgResponseTime'), ('avgUsedJsHeapSize')) AS m (metric),
	LATERAL openreplay.try_card(:project_id, pg_temp.card('webVitals', metric, '{"endTimestamp": 1633305640000}')) AS c, LATERAL jsonb_to_record(c) AS f (unit text, value float8);
SELECT openreplay.try_card(:project_id, pg_temp.card('webVitals', 'avgSessionDuration', '{"startTimestamp": 1633305655000}'));
-- One bucket; as many as there are milliseconds; nothing at all.
SELECT jsonb_array_length(openreplay.try_card(:project_id, pg_temp.card('webVitals', 'countSessions', more)) -> 'chart') AS points, openreplay.try_card(:project_id, pg_temp.card('webVitals', 'countSessions', more)) - 'chart' AS figure
FROM (VALUES ('{"density": 1}'::jsonb), ('{"endTimestamp": 1633305600005, "density": 50}'), ('{"endTimestamp": 1633305600000}'), ('{"startTimestamp": 0, "endTimestamp": 1000}')) AS m (more);
SELECT metric, openreplay.try_card(:project_id, pg_temp.card(type, metric, '{"startTimestamp": 5000, "endTimestamp": 5001, "density": 1}')) AS of_nothing FROM pg_temp.predefined;
-- Series, filters and formats do not matter.
SELECT openreplay.try_card(:project_id, pg_temp.card('webVitals', 'countSessions', '{"series": [{"filter": {"filters": [{"type": "no such thing"}]}}], "filters": [7], "metricFormat": "userCount"}')) = openreplay.try_card(:project_id, pg_temp.card('webVitals', 'countSessions')) AS same;
-- Pages of a table.
SELECT openreplay.try_card(:project_id, pg_temp.card('errors', 'errorsPerDomains', '{"limit": 1, "page": 2}'));

-- The same for people with psql, in milliseconds and bytes.
SELECT "timestamp" - 1633305600000 AS at, value FROM openreplay.card_points(:project_id, pg_temp.card('webVitals', 'avgPageLoadTime'));
SELECT metric, v.* FROM pg_temp.predefined, LATERAL openreplay.card_value(:project_id, pg_temp.card(type, metric)) AS v WHERE metric IN ('countSessions', 'userCount', 'avgVisitedPages', 'avgSessionDuration', 'avgPageLoadTime', 'avgCpu', 'cpu');
SELECT pg_temp.try(format('SELECT openreplay.%s(%s, %L)', name, :project_id, pg_temp.card(type, metric))) FROM (VALUES ('card_points', 'errors', 'callsErrors'), ('card_value', 'webVitals', '$1'), ('try_card', 'resources', 'avgCpu')) AS c (name, type, metric);
SELECT pg_temp.try(format('SELECT openreplay.try_card(%s, %L)', :project_id, pg_temp.card('webVitals', 'avgCpu', '{"viewType": "lineChart"}')));
SELECT pg_temp.try(format('SELECT * FROM openreplay.card_value(%s, %L)', :project_id, '{"metricType": "timeseries", "metricOf": "sessionCount"}'));
ROLLBACK;

-- ---- Distribution of response times ----

-- The percentile is the number at the next whole place, values above the first one beyond the 99th are extreme.
BEGIN;
SELECT openreplay.ensure_session_partitions('2021-10-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('distribution', true) RETURNING project_id \gset
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_uuid, user_os, user_browser, user_device, user_device_type, user_country)
SELECT openreplay.session_id_at('2021-10-05 00:00+00'), :project_id, '17', 1633392000000, 'UTC', 1000, gen_random_uuid(), 'Linux', 'Chrome', '', 'desktop', 'NL';
CREATE FUNCTION pg_temp.distribution(more jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT openreplay.try_card((SELECT project_id FROM public.projects WHERE name = 'distribution'), '{"metricType": "performance", "metricOf": "pagesResponseTimeDistribution", "startTimestamp": 1633392000000, "endTimestamp": 1633392001000}' || more)
$$;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path, response_time)
SELECT openreplay.session_id_at('2021-10-05 00:00+00'), n, 1633392000000, 'shop.test', '/', v FROM unnest('{10, 20, 20, 30, 1000}'::integer[]) WITH ORDINALITY AS v (v, n);
SELECT pg_temp.distribution('{}');
DELETE FROM events.pages WHERE session_id = openreplay.session_id_at('2021-10-05 00:00+00');
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path, response_time)
SELECT openreplay.session_id_at('2021-10-05 00:00+00'), n, 1633392000000, 'shop.test', '/', n + 10 * (n / 100) FROM generate_series(1, 1000) AS n;
SELECT d - 'chart' AS figures, (SELECT count(*) FROM jsonb_array_elements(d -> 'chart')) AS points, (SELECT sum((p ->> 'count')::integer) FROM jsonb_array_elements(d -> 'chart') AS p) AS pages FROM pg_temp.distribution('{"density": 200}') AS d;
SELECT pg_temp.distribution('{}') -> 'chart';
SELECT pg_temp.distribution('{"density": 4}') -> 'chart';
-- However few points, none is lost and the percentiles are among them.
SELECT density, (SELECT sum((p ->> 'count')::integer) FROM jsonb_array_elements(d -> 'chart') AS p) + (d #>> '{extremeValues,0,count}')::integer AS pages,
	(SELECT count(*) FROM jsonb_array_elements(d -> 'percentiles') AS q WHERE d -> 'chart' @> jsonb_build_array(jsonb_build_object('responseTime', q -> 'responseTime'))) AS borders,
	jsonb_array_length(d -> 'chart') <= greatest(density, 9) AS few FROM unnest('{4, 5, 10, 11, 50, 199}'::integer[]) AS density, LATERAL pg_temp.distribution(jsonb_build_object('density', density)) AS d;
ROLLBACK;
