-- Visits that cards of time and of values are asked about, the first hour of October 2021 being at :t0. Within a transaction.
--
--  n  starts    user  browser  country  issues                  pages (seconds after its start)     clicks on Buy  requests
--  1  +0 s      ann   Chrome   FR       click_rage              /home 1, /cart 2, /home 3           4, 5           GET a/api 200
--  2  +600 s    ann   Chrome   FR                               /home 1                                            POST a/api 503
--  3  +3600 s   bob   Safari   FR       dead_click, click_rage  /cart 1, /late after the range      2              GET b/ 404, without a path
--  4  +3900 s   ''    Chrome   DE                               none
--  5  +7200 s         Firefox  UN       js_exception            /home 0, as the range ends
--  6  +4000 s   eve   Chrome   US                               /home 1; it goes on
--  7  +1000 s   cid   Chrome   DE                               none; it had no length
\set t0 1633046400000
SELECT openreplay.ensure_session_partitions('2021-10-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('cards of visits', true) RETURNING project_id \gset
CREATE FUNCTION pg_temp.id_of(n integer, start_ts bigint) RETURNS bigint LANGUAGE sql AS 'SELECT ((start_ts - 1550000000000) << 24) | n';
CREATE TEMP TABLE visit AS
	SELECT n, 1633046400000 + at * 1000::bigint AS start_ts, pg_temp.id_of(n, 1633046400000 + at * 1000::bigint) AS session_id, user_id, browser, country, issues, duration, events
	FROM (VALUES (1, 0, 'ann', 'Chrome', 'FR', '{click_rage}', 60000, 5), (2, 600, 'ann', 'Chrome', 'FR', '{}', 60000, 1), (3, 3600, 'bob', 'Safari', 'FR', '{dead_click,click_rage}', 7200000, 3),
		(4, 3900, '', 'Chrome', 'DE', '{}', 60000, 0), (5, 7200, NULL, 'Firefox', 'UN', '{js_exception}', 60000, 1), (6, 4000, 'eve', 'Chrome', 'US', '{}', NULL, 1), (7, 1000, 'cid', 'Chrome', 'DE', '{}', 0, 0))
		AS v (n, at, user_id, browser, country, issues, duration, events);
GRANT SELECT ON visit TO openreplay_reader;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_id, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, issue_types, events_count,
	referrer, base_referrer, screen_width, screen_height)
SELECT session_id, :project_id, '17', start_ts, 'UTC', duration, user_id, md5(n::text)::uuid, CASE WHEN n < 4 THEN 'Linux' ELSE 'Windows' END, browser, CASE WHEN n = 3 THEN 'iPhone' ELSE '' END, 'desktop',
	country::public.country, issues::public.issue_type[], events, CASE n WHEN 1 THEN 'https://www.google.com/search?q=a' WHEN 3 THEN 'https://www.google.com/search?q=b' WHEN 4 THEN 'https://news.example/' END,
	CASE n WHEN 1 THEN 'https://www.google.com/search' WHEN 3 THEN 'https://www.google.com/search' WHEN 4 THEN 'https://news.example/' END, width, height
FROM visit LEFT JOIN (VALUES (1, 1920, 1080), (2, 1920, 1080), (3, 1900, 1060), (4, 800, 600)) AS screen (n, width, height) USING (n);
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path)
SELECT session_id, k, start_ts + at * 1000, 'shop.example', path
FROM visit JOIN (VALUES (1, 1, 1, '/home'), (1, 2, 2, '/cart'), (1, 3, 3, '/home'), (2, 1, 1, '/home'), (3, 1, 1, '/cart'), (3, 2, 3601, '/late'), (5, 1, 0, '/home'), (6, 1, 1, '/home')) AS p (n, k, at, path) USING (n);
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, url, path)
SELECT session_id, 10 + at, start_ts + at * 1000, 'Buy', 'shop.example/cart', '/cart' FROM visit JOIN (VALUES (1, 4), (1, 5), (3, 2)) AS c (n, at) USING (n);
INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, host, path, duration, success, status_code, method)
SELECT session_id, start_ts + 1500, 20, 'https://' || host || coalesce(path, ''), host, path, 100, status < 400, status, method::public.http_method
FROM visit JOIN (VALUES (1, 'a.example', '/api', 200, 'GET'), (2, 'a.example', '/api', 503, 'POST'), (3, 'b.example', NULL, 404, 'GET')) AS r (n, host, path, status, method) USING (n);
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES
	('card-1', :project_id, 'js_exception', 'TypeError', 'x is undefined', '[]'), ('card-2', :project_id, 'js_exception', 'Error', 'Script error.', '[]'), ('card-3', :project_id, 'sentry', 'Error', 'from elsewhere', '[]');
INSERT INTO events.errors (session_id, message_id, "timestamp", error_id)
SELECT session_id, 30 + k, start_ts + k * 1000, error_id
FROM visit JOIN (VALUES (1, 1, 'card-1'), (1, 2, 'card-1'), (2, 1, 'card-1'), (3, 1, 'card-1'), (3, 3700, 'card-1'), (5, 0, 'card-2'), (4, 1, 'card-3')) AS e (n, k, error_id) USING (n);
-- pg_temp.card(kind, what, more): a card of two hours, with two points and the end
CREATE FUNCTION pg_temp.card(metric_type text, metric_of text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('metricType', metric_type, 'metricOf', metric_of, 'startTimestamp', 1633046400000, 'endTimestamp', 1633053600000, 'density', 2, 'series', '[{"name": "All"}]'::jsonb) || more
$$;
-- pg_temp.filtered(filter...): {"series": [...]} of one series with these filters
CREATE FUNCTION pg_temp.filtered(VARIADIC filters jsonb[]) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('series', jsonb_build_array(jsonb_build_object('name', 'Some', 'filter', jsonb_build_object('filters', to_jsonb(filters)))))
$$;
