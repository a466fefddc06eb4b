--
-- Heat maps: a session to show a page of, and where that page is clicked
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
SELECT openreplay.ensure_session_partitions('2021-12-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('maps', true) RETURNING project_id \gset
-- A minute from 2021-12-06 on: session n begins in second n. 1 to 3 qualify; 4 is short, 5 of a phone, 6 goes on, 7 has no click, 8 no page.
CREATE FUNCTION pg_temp.id(n integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT ((1638748800000 + n * 1000 - 1550000000000) << 24) | n $$;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, events_count)
SELECT pg_temp.id(n), :project_id, '17', 1638748800000 + n * 1000, 'UTC', CASE n WHEN 4 THEN 4999 WHEN 6 THEN NULL ELSE 9000 - n * 1000 + 1000 END, gen_random_uuid(), 'Linux', CASE n WHEN 3 THEN 'Firefox' ELSE 'Chrome' END, '',
	CASE n WHEN 5 THEN 'mobile' ELSE 'desktop' END::public.device_type, 'NL', 5 FROM generate_series(1, 8) AS n;
UPDATE public.sessions SET duration = 70000 WHERE session_id IN (pg_temp.id(7), pg_temp.id(8));
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path) SELECT pg_temp.id(n), 1, 1638748800000 + n * 1000, 'shop.test', '/cart' FROM generate_series(1, 7) AS n;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path) VALUES (pg_temp.id(1), 5, 1638748809000, 'shop.test', '/Cart/50%');
CREATE FUNCTION pg_temp.click(n integer, message_id integer, ms integer, path text, selector text, x numeric, y numeric) RETURNS void LANGUAGE sql AS $$
	INSERT INTO events.clicks (session_id, message_id, "timestamp", label, url, path, selector, normalized_x, normalized_y) VALUES (pg_temp.id(n), message_id, 1638748800000 + ms, 'Buy', 'shop.test' || path, path, selector, x, y)
$$;
SELECT pg_temp.click(1, 11, 2000, '/cart', '#buy', 10, 20.5), pg_temp.click(1, 12, 2200, '/cart', '#buy', 11, 21), pg_temp.click(1, 13, 2400, '/cart', '#buy', 12, 22), pg_temp.click(1, 14, 2600, '/cart', '#buy', 13, 23), pg_temp.click(1, 15, 9100, '/Cart/50%', '#x', 14, 24),
	pg_temp.click(2, 11, 3000, '/cart', '#buy', 30, 40), pg_temp.click(2, 12, 7500, '/', '#menu', 31, 41), pg_temp.click(3, 11, 4000, '/cart', '', NULL, NULL), pg_temp.click(3, 12, 4100, '/', '#menu', 50, 60),
	pg_temp.click(4, 11, 5000, '/cart', '#buy', 70, 80), pg_temp.click(5, 11, 6000, '/cart', '#buy', 71, 81), pg_temp.click(6, 11, 7000, '/cart', '#buy', 72, 82), pg_temp.click(8, 11, 9000, '/other', '#buy', 73, 83), pg_temp.click(4, 12, 70000, '/cart', '#buy', 74, 84);
-- Three clicks at 2000 are a rage, a fourth and one of another session are not of it.
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES ('maps rage', :project_id, 'click_rage', 'Buy'), ('maps dead', :project_id, 'dead_click', 'Buy');
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id, payload) VALUES (pg_temp.id(1), 1638748802000, 11, 'maps rage', '{"Count": 3}'), (pg_temp.id(2), 1638748803000, 11, 'maps dead', '{"Count": 3}');
INSERT INTO openreplay.stored_recordings (session_id, stored_at) VALUES (pg_temp.id(2), now()), (pg_temp.id(4), now());
CREATE FUNCTION pg_temp.card(more jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT '{"metricType": "heatMap", "metricOf": "heatMapUrl", "generation": 1, "viewType": "chart", "startTimestamp": 1638748800000, "endTimestamp": 1638748860000, "density": 7, "series": [{"filter": {"filters": []}}]}' || more
$$;
CREATE FUNCTION pg_temp.number(id text) RETURNS integer LANGUAGE sql AS $$ SELECT id::bigint & 255 $$;
SAVEPOINT stored;

-- ---- A session, of the first generation ----

-- The one whose recording is stored; without, any of the three.
CREATE FUNCTION pg_temp.chosen(project_id integer, more jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(DISTINCT coalesce(openreplay.try_card($1, pg_temp.card(more) || jsonb_build_object('seed', seed)) ->> 'sessionId', '0')::bigint & 255 || '', ' ') FROM generate_series(1, 40) AS seed
$$;
SET LOCAL ROLE openreplay_reader;
SELECT openreplay.try_card(:project_id, pg_temp.card('{}')) - 'projectId' AS map;
SELECT pg_temp.chosen(:project_id, '{}') AS stored,
	pg_temp.chosen(:project_id, '{"series": [{"filter": {"filters": [{"type": "userBrowser", "operator": "is", "value": ["Firefox"]}]}}]}') AS firefox,
	pg_temp.chosen(:project_id, '{"series": [{"filter": {"filters": [{"type": "duration", "operator": "is", "value": [0, 5000]}, {"type": "platform", "operator": "is", "value": ["desktop", "mobile"]}]}}]}') AS short,
	pg_temp.chosen(:project_id, '{"series": [{"filter": {"filters": [{"type": "platform", "operator": "is", "value": ["mobile"]}]}}]}') AS phone,
	pg_temp.chosen(:project_id, '{"series": [{"filter": {"filters": [{"type": "location", "isEvent": true, "operator": "is", "value": ["/Cart/50%"]}]}}]}') AS page,
	pg_temp.chosen(:project_id, '{"startTimestamp": 1638748840000}') AS none;
SELECT openreplay.try_card(:project_id, pg_temp.card('{"startTimestamp": 1638748840000}'));
-- The path is the filter's first value, whatever it holds, or the one clicked most of those clicked in the session.
SELECT openreplay.try_card(:project_id, pg_temp.card(more)) ->> 'path' AS path FROM (VALUES ('{}'::jsonb),
	('{"series": [{"filter": {"filters": [{"type": "location", "isEvent": true, "operator": "contains", "value": ["art/50%", "b"]}]}}]}'),
	(jsonb_build_object('sessionId', pg_temp.id(8)))) AS m (more);
-- The session that a saved card keeps; its files may be gone; one of another project or none at all is not kept.
SELECT pg_temp.number(m ->> 'sessionId') AS session, m -> 'domURL' = '[]' AS no_url, m -> 'issue' AS issue FROM (VALUES (format('{"sessionId": %s}', pg_temp.id(2))), (format('{"data": {"sessionId": "%s"}}', pg_temp.id(1))), ('{"sessionId": "1 OR true"}'), ('{"sessionId": "7"}')) AS c (more),
	LATERAL openreplay.try_card(:project_id, pg_temp.card(more::jsonb)) AS m;
RESET ROLE;
DELETE FROM openreplay.stored_recordings;
SET LOCAL ROLE openreplay_reader;
SELECT pg_temp.chosen(:project_id, '{}') AS any_of, openreplay.try_card(:project_id, pg_temp.card('{}')) -> 'domURL' AS without_files;
RESET ROLE;
ROLLBACK TO stored;

SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;

-- ---- Points, of the first generation ----

SELECT request, string_agg(format('%s,%s', normalized_x, normalized_y), ' ') AS points FROM (VALUES ('{}'::jsonb), ('{"url": ""}'), ('{"url": "/cart"}'), ('{"url": "/cart", "operator": "is"}'), ('{"url": "50%", "operator": "endsWith"}'), ('{"url": "%", "operator": "contains"}'),
	('{"url": "/cart", "clickRage": true}'), ('{"url": "/cart", "operator": "is", "filters": [{"type": "userBrowser", "operator": "is", "value": ["Firefox"]}]}'),
	('{"url": "/cart", "operator": "is", "endTimestamp": 1638748802300}'), ('{"url": "'' OR true --"}')) AS r (request)
LEFT JOIN LATERAL openreplay.heatmap_points(:project_id, '{"startTimestamp": 1638748800000, "endTimestamp": 1638748860000}' || request) ON true GROUP BY 1 ORDER BY min(request::text);
SELECT pg_temp.try(format('SELECT * FROM openreplay.heatmap_points(%s, %L)', :project_id, request)) FROM (VALUES ('[]'), ('{"url": "/", "operator": "regex"}'), ('{"url": "/", "filters": [{"type": "no"}]}')) AS r (request);
SELECT url, operator, (SELECT string_agg(format('%s,%s', normalized_x, normalized_y), ' ') FROM openreplay.session_heatmap(pg_temp.id(1), url, operator)) AS points
FROM (VALUES (NULL, 'is'), ('/cart', 'is'), ('/cart', 'startsWith'), ('_0%', 'endsWith'), ('50%', 'endsWith'), ('T/5', 'contains'), ('/cart', 'regex')) AS r (url, operator);
SELECT selector, count FROM openreplay.session_clickmap(pg_temp.id(1)) UNION ALL SELECT '', NULL UNION ALL SELECT selector, count FROM openreplay.session_clickmap(pg_temp.id(1), '/cart');

-- ---- The second generation ----

-- A session and a moment: of the ten shortest sessions with a click on the page, or of the ten earliest clicks on the page that is clicked most.
SELECT what, string_agg(DISTINCT format('%s at %s on %s', pg_temp.number(m ->> 'sessionId'), (m ->> 'eventTimestamp')::bigint - 1638748800000, m ->> 'urlPath'), ', ') AS moments
FROM (VALUES ('most', '{}'::jsonb), ('page', '{"series": [{"filter": {"filters": [{"name": "LOCATION", "isEvent": true, "operator": "is", "filters": [{"name": "url_path", "operator": "contains", "value": ["/50%"]}]}]}}]}'),
	('browser', '{"series": [{"filter": {"filters": [{"name": "userBrowser", "operator": "is", "value": ["Firefox"]}]}}]}')) AS c (what, more),
	generate_series(1, 60) AS seed, LATERAL openreplay.try_card(:project_id, pg_temp.card(more || jsonb_build_object('generation', 2, 'seed', seed))) AS m GROUP BY 1;
SELECT openreplay.try_card(:project_id, pg_temp.card('{"generation": 2, "startTimestamp": 1638748840000}'));
-- Points: a click rage is one point, unless it is asked for; what is near it in another session is none of it.
SELECT rage, openreplay.try_card(:project_id, pg_temp.card(jsonb_build_object('metricType', 'heatmaps_session', 'generation', 2, 'includeClickRage', rage))) AS points FROM unnest('{false, true}'::boolean[]) AS rage;
SELECT openreplay.try_card(:project_id, pg_temp.card('{"metricType": "heatmaps_session", "generation": 2, "series": [{"filter": {"filters": [{"name": "LOCATION", "isEvent": true, "operator": "is", "filters": [{"name": "url_path", "operator": "is", "value": ["'' OR true --"]}]}]}}]}'));
ROLLBACK;
