--
-- Saved cards: kept, found, changed, shared, computed; what is refused
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
SELECT openreplay.ensure_session_partitions('2021-11-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('saved cards', true) RETURNING project_id \gset
INSERT INTO public.projects (name, active) VALUES ('another', true) RETURNING project_id AS other_id \gset
INSERT INTO public.users (email, name) VALUES ('ann@cards.example', 'Ann') RETURNING user_id AS ann \gset
INSERT INTO public.users (email, name) VALUES ('ben@cards.example', 'Ben') RETURNING user_id AS ben \gset
-- Six sessions, ten seconds apart, half of them with Firefox; a page and a click each.
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_id, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, events_count, pages_count, errors_count)
SELECT ((t - 1550000000000) << 24) | n, :project_id, '17', t, 'UTC', 1000, 'user' || n % 2, gen_random_uuid(), 'Linux', CASE n % 2 WHEN 0 THEN 'Firefox' ELSE 'Chrome' END, '', 'desktop', 'NL', 2, 1, 0
FROM generate_series(0, 5) AS n, LATERAL (SELECT 1636502400000 + n * 10000 AS t) AS t;
-- What differs from run to run is named instead.
CREATE FUNCTION pg_temp.named(card jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_object_agg(key, CASE WHEN key IN ('metricId', 'projectId', 'userId', 'createdAt', 'editedAt', 'widgetId', 'dashboardId', 'seriesId') THEN to_jsonb(jsonb_typeof(value))
		WHEN key IN ('series', 'dashboards', 'widgets') THEN (SELECT coalesce(jsonb_agg(pg_temp.named(s) ORDER BY n), '[]') FROM jsonb_array_elements(value) WITH ORDINALITY AS x (s, n)) ELSE value END)
	FROM jsonb_each(card)
$$;

-- A card is kept as it was understood; its time range is not.
SELECT openreplay.save_card(:project_id, :ann, '{"name": " Visits ", "metricType": "timeseries", "metricOf": "sessionCount", "viewType": "areaChart", "startTimestamp": 1, "config": {"col": 4}, "thumbnail": "data:image/png;base64,AA==",
	"series": [{"name": "All", "filter": {"startDate": 1, "filters": []}}, {"name": "Firefox", "filter": [{"type": "userBrowser", "operator": "is", "value": ["Firefox"]}]}]}') AS visits \gset
SELECT jsonb_pretty(pg_temp.named(openreplay.saved_card(:visits, :ann)));
SELECT name, metric_type, view_type, metric_format, is_public, thumbnail IS NOT NULL AS pictured, default_config, card_info FROM public.metrics WHERE metric_id = :visits;
-- Its chart is what the same card not saved shows, for the range of whoever asks.
\set range '{"startTimestamp": 1636502400000, "endTimestamp": 1636502460000, "density": 2}'
SELECT openreplay.card(:visits, :'range') AS chart;
SELECT openreplay.card(:visits, :'range') = openreplay.try_card(:project_id, openreplay.saved_card(:visits) || :'range') AS same;
-- Filters of the page around it are added; so are those that were saved with the card.
SELECT openreplay.card(:visits, :'range'::jsonb || '{"density": 1, "filters": [{"type": "userBrowser", "operator": "is", "value": ["Chrome"]}]}') AS of_chrome;
SELECT openreplay.save_card(:project_id, :ann, '{"name": "Of one", "metricType": "timeseries", "filters": [{"type": "userId", "operator": "is", "value": ["user1"]}], "series": [{}]}') AS of_one \gset
SELECT openreplay.card(:of_one, :'range'::jsonb || '{"density": 1}') AS of_one, openreplay.card(:of_one, :'range'::jsonb || '{"density": 1, "filters": [{"type": "userBrowser", "operator": "is", "value": ["Firefox"]}]}') AS nobody,
	openreplay.saved_card(:of_one) -> 'filters' AS filters;

-- Series keep their ids when they are named; a new one gets one, and one that is not mentioned goes.
SELECT array_agg(series_id ORDER BY index) AS before FROM public.metric_series WHERE metric_id = :visits \gset
INSERT INTO public.alerts (project_id, series_id, name, detection_method, query) VALUES (:project_id, (:'before'::integer[])[2], 'few', 'threshold', '{}');
SELECT openreplay.save_card(:project_id, :ben, format('{"name": "Visits", "metricType": "timeseries", "metricFormat": "userCount", "series": [{"seriesId": %1$s, "name": "Foxes", "filter": {"filters": []}}, {"seriesId": %1$s, "name": "Again"}, {"seriesId": %2$s, "name": "Not ours"}]}', (:'before'::integer[])[2], (SELECT series_id FROM public.metric_series WHERE metric_id = :of_one))::jsonb, :visits) = :visits AS changed;
SELECT index, name, series_id = (:'before'::integer[])[2] AS kept, series_id = ANY (:'before') AS known, filter FROM public.metric_series WHERE metric_id = :visits ORDER BY index;
SELECT count(*) AS alerts FROM public.alerts WHERE project_id = :project_id;
SELECT metric_format, view_type, default_config, thumbnail IS NOT NULL AS pictured, edited_at >= created_at AS edited FROM public.metrics WHERE metric_id = :visits;

-- Filters stored by others, in either shape, are read as one.
INSERT INTO public.metrics (project_id, user_id, name) VALUES (:project_id, :ann, 'old') RETURNING metric_id AS old \gset
INSERT INTO public.metric_series (metric_id, index, name, filter) VALUES
	(:old, 1, 'a', '{"events": [{"type": "CLICK", "operator": "on", "value": ["Buy"]}], "filters": [{"type": "USERBROWSER", "operator": "is", "value": ["Chrome"]}], "events_order": "and", "group_by_user": false, "start_date": null, "limit": 200}'),
	(:old, 0, NULL, '{"filters": [{"name": "userBrowser", "operator": "is", "value": ["Chrome"]}]}');
SELECT s ->> 'name' AS name, s -> 'filter' AS filter FROM jsonb_array_elements(openreplay.saved_card(:old) -> 'series') s;
SELECT openreplay.card(:old, :'range'::jsonb || '{"density": 1, "generation": 1}') AS chart;

-- The session of a heat map; filters in the first shape's place for events keep what they are.
INSERT INTO public.metric_series (metric_id, index, name, filter) VALUES (:old, 2, 'both', '{"events": [], "filters": [{"name": "CLICK", "isEvent": true, "operator": "is", "filters": []}, {"name": "userBrowser", "operator": "is", "value": ["Chrome"]}]}');
SELECT openreplay.saved_card(:old) #> '{series,2,filter,filters}' AS filters;
SELECT openreplay.save_card(:project_id, :ann, '{"name": "Heat", "metricType": "heatMap", "metricOf": "heatMapUrl", "sessionId": "4118056163306637056", "series": [{}]}') AS heat \gset
SELECT c -> 'sessionId' AS session, m.data FROM openreplay.saved_card(:heat) c, public.metrics m WHERE m.metric_id = :heat;
UPDATE public.metrics SET deleted_at = now() WHERE metric_id = :heat;

-- Options that have no column: those of journeys are there beside the card's own members, with their defaults.
INSERT INTO public.metrics (project_id, user_id, name, metric_type, view_type, card_info) VALUES (:project_id, :ann, 'paths', 'pathAnalysis', 'chart', '{"startPoint": [{"type": "location", "operator": "is", "value": ["/"]}], "hideExcess": true}') RETURNING metric_id AS paths \gset
SELECT c -> 'startPoint' AS start_point, c -> 'startType' AS start_type, c -> 'excludes' AS excludes, c -> 'hideExcess' AS hide FROM openreplay.saved_card(:paths) c;
SELECT openreplay.card_options('{"name": "x", "rows": 5, "stepsBefore": 1, "stepsAfter": null, "breakdowns": [], "startType": "end", "includeClickRage": true, "generation": 2, "limit": 3}');

-- What is behind a saved card: issues of a funnel, by its first series, and the sessions that had one.
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path) SELECT session_id, 1, start_ts + 100, 'a.example', '/a' FROM public.sessions WHERE project_id = :project_id;
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, path) SELECT session_id, 2, start_ts + 500, 'Buy', '/a' FROM public.sessions WHERE project_id = :project_id AND user_browser = 'Chrome';
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES ('saved-1', :project_id, 'dead_click', '#buy');
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id) SELECT session_id, start_ts + 300, 3, 'saved-1' FROM public.sessions WHERE project_id = :project_id AND user_browser = 'Firefox';
SELECT openreplay.save_card(:project_id, :ann, '{"name": "Buying", "metricType": "funnel", "series": [{"name": "A to Buy", "filter": {"filters": [{"type": "location", "operator": "is", "value": ["/a"], "isEvent": true}, {"type": "click", "operator": "on", "value": ["Buy"], "isEvent": true}]}}, {"name": "not looked at"}]}') AS buying \gset
SELECT count(*) AS series FROM public.metric_series WHERE metric_id = :buying;
SELECT c #>> '{stages,1,sessionsCount}' AS bought, c ->> 'totalDropDueToIssues' AS lost FROM openreplay.card(:buying, :'range') c;
SELECT i - 'seriesId' AS issues, (i -> 'seriesId')::integer = (SELECT series_id FROM public.metric_series WHERE metric_id = :buying) AS its_own FROM openreplay.saved_card_issues(:buying, :'range') i;
SELECT s ->> 'seriesName' AS series, s #>> '{issue,title}' AS issue, s #>> '{sessions,total}' AS total, jsonb_array_length(s #> '{sessions,sessions}') AS here FROM openreplay.saved_card_issue_sessions(:buying, 'saved-1', :'range'::jsonb || '{"limit": 2}', :ben) s;
SELECT s -> 'issue' AS issue, s -> 'sessions' AS sessions FROM openreplay.saved_card_issue_sessions(:buying, 'of another', :'range') s;
-- Its sessions, or those of other series that the page around it has; its errors.
SELECT s ->> 'seriesName' AS series, (s ->> 'seriesId')::integer IN (SELECT series_id FROM public.metric_series WHERE metric_id = :buying) AS its_own, s -> 'total' AS total, jsonb_array_length(s -> 'sessions') AS here
FROM jsonb_array_elements(openreplay.saved_card_sessions(:buying, :'range'::jsonb || '{"limit": 1}')) s;
SELECT s ->> 'seriesName' AS series, s -> 'total' AS total FROM jsonb_array_elements(openreplay.saved_card_sessions(:visits, :'range'::jsonb || '{"series": [{"name": "Foxes", "filter": {"filters": [{"type": "userBrowser", "operator": "is", "value": ["Firefox"]}]}}, {"name": "All"}]}', :ben)) s;
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES ('saved-1', :project_id, 'js_exception', 'TypeError', 'x is undefined', '[]');
INSERT INTO events.errors SELECT session_id, 4, start_ts + 400, 'saved-1' FROM public.sessions WHERE project_id = :project_id AND user_id = 'user1';
SELECT e - '{seriesId,errors}'::text[] AS errors, e #> '{errors,0,message}' AS message, e #> '{errors,0,sessions}' AS sessions FROM openreplay.saved_card_errors(:buying, :'range') e;
UPDATE public.metrics SET deleted_at = now() WHERE metric_id = :buying;

-- Who sees what: one's own cards and public ones.
SELECT openreplay.save_card(:project_id, :ann, '{"name": "Secret", "isPublic": false, "metricType": "timeseries", "series": [{}]}') AS secret \gset
SELECT openreplay.save_card(:project_id, :ben, '{"name": "100%_off", "metricType": "timeseries", "series": [{}]}') AS sale \gset
UPDATE public.metrics SET created_at = '2021-11-10'::timestamp + metric_id * interval '1 ms', edited_at = '2021-12-10'::timestamp - metric_id * interval '1 ms' WHERE project_id = :project_id;
SELECT who, array_agg(c.name ORDER BY ordinality) AS cards FROM unnest(ARRAY[:ann, :ben, NULL]) WITH ORDINALITY AS w (id, n), LATERAL (SELECT CASE n WHEN 1 THEN 'Ann' WHEN 2 THEN 'Ben' ELSE 'nobody' END AS who) AS x,
	openreplay.cards(:project_id, id) WITH ORDINALITY AS c GROUP BY n, who ORDER BY n;
SELECT options, coalesce(array_agg(c.name ORDER BY ordinality) FILTER (WHERE c.name IS NOT NULL), '{}') AS cards, max(total) AS total FROM unnest(ARRAY['{"mineOnly": true}', '{"sharedOnly": true}', '{"query": "ANN@"}', '{"name": "ANN@"}', '{"query": "_O"}', '{"query": "%"}', '{"metricType": "pathAnalysis"}', '{"metricType": "monitors"}',
	'{"limit": 2}', '{"limit": 2, "page": 2, "order": "asc"}', '{"page": 9}', '{"sortField": "name", "sortOrder": "asc"}', '{"sortField": "owner_email", "sortOrder": "desc"}', '{"sortField": "edited_at"}', '{"sortField": "metricType"}', '{"query": "'' OR true --"}']) WITH ORDINALITY AS o (options, n)
	LEFT JOIN LATERAL openreplay.cards(:project_id, :ann, options::jsonb) WITH ORDINALITY AS c ON true GROUP BY n, options ORDER BY n;
SELECT jsonb_pretty(pg_temp.named(c)) AS first FROM jsonb_path_query(openreplay.card_list(:project_id, :ann, '{"limit": 1}'), '$[*]') c;
SELECT c ->> 'total' AS total, jsonb_array_length(c -> 'list') AS here, c #>> '{list,0,createdAt}' ~ '^2021-11-10T00:00:..\....Z$' AS rfc_3339 FROM openreplay.card_list(:project_id, :ben, '{"limit": 2}', 2) c;
SELECT openreplay.card_list(:project_id, :ben, '{"page": 7}', 2) AS past_the_end, openreplay.card_list(:other_id, :ben) AS elsewhere;

-- Who may what: a card of somebody else that is not public is not there at all.
SELECT pg_temp.try(s) FROM (VALUES (1, format('SELECT openreplay.saved_card(%s, %s)', :secret, :ben)), (2, format('SELECT openreplay.card(%s)', :secret)), (3, format('SELECT openreplay.delete_card(%s, %s)', :secret, :ben)), (3, format('SELECT openreplay.saved_card_issues(%s, viewer_id => %s)', :secret, :ben)), (3, format('SELECT openreplay.saved_card_sessions(%s, viewer_id => %s)', :secret, :ben)), (3, format('SELECT openreplay.saved_card_errors(%s, viewer_id => %s)', :secret, :ben)),
	(3, format('SELECT openreplay.saved_card_issue_sessions(%s, ''saved-1'', viewer_id => %s)', :secret, :ben)),
	(4, format('SELECT openreplay.save_card(%s, %s, ''{"name": "mine now", "metricType": "timeseries"}'', %s)', :project_id, :ben, :secret)), (5, format('SELECT openreplay.save_card(%s, %s, ''{"name": "x", "metricType": "timeseries"}'', %s)', :other_id, :ann, :secret)),
	(6, format('SELECT openreplay.saved_card(%s, %s)', :secret, :ann)), (7, format('SELECT openreplay.delete_card(%s, %s)', :sale, :ann)), (8, format('SELECT openreplay.saved_card(%s, %s)', :sale, :ben)), (9, format('SELECT openreplay.delete_card(%s, %s)', :sale, :ann))) AS v (n, s) ORDER BY n;
-- An alert ceases to watch a card that is gone.
SELECT openreplay.save_card(:project_id, :ann, '{"name": "Watched", "metricType": "timeseries", "series": [{}]}') AS watched \gset
SELECT openreplay.save_alert(:project_id, format('{"name": "few", "detectionMethod": "threshold", "query": {"left": %s, "operator": "<", "right": 5}, "options": {"currentPeriod": 15, "renotifyInterval": 60}}', series_id)::jsonb) AS alert_id FROM public.metric_series WHERE metric_id = :watched \gset
SELECT count(*) FILTER (WHERE d = :alert_id) AS watched FROM openreplay.due_alerts('2021-11-10 00:00+00') d;
SELECT openreplay.delete_card(:watched, :ann);
SELECT count(*) FILTER (WHERE d = :alert_id) AS watched FROM openreplay.due_alerts('2021-11-10 00:00+00') d;
-- One of no project can be computed for any.
INSERT INTO public.metrics (name) VALUES ('of all') RETURNING metric_id AS of_all \gset
INSERT INTO public.metric_series (metric_id, index, name, filter) VALUES (:of_all, 0, 'All', '{}');
SELECT openreplay.card(:of_all, :'range'::jsonb || format('{"projectId": %s, "density": 1}', :project_id)::jsonb) AS chart, pg_temp.try(format('SELECT openreplay.card(%s)', :of_all)) AS without, pg_temp.try(format('SELECT openreplay.delete_card(%s, %s)', :of_all, :ann)) AS deleted;

-- Hostile text is kept as it is.
SELECT openreplay.save_card(:project_id, :ann, jsonb_build_object('name', E'\'); DROP TABLE metrics; -- \\ %s $1', 'metricType', 'timeseries', 'series', jsonb_build_array(jsonb_build_object('name', E'"}\' <script>', 'filter',
	'{"filters": [{"type": "userId", "operator": "is", "value": ["'' OR true --"]}]}'::jsonb)))) AS hostile \gset
SELECT name FROM public.metrics WHERE metric_id = :hostile;
SELECT openreplay.card(:hostile, :'range'::jsonb || '{"density": 1}');

-- What is refused.
SELECT regexp_replace(pg_temp.try(format('SELECT openreplay.save_card(%s, %s, %L)', :project_id, :ann, card)), ' . (It is one of|Events are) .*', '') AS try FROM (VALUES
	(1, '[]'), (2, '{"name": "x"}'), (3, '{"metricType": "timeseries"}'), (4, '{"name": "x", "metricType": "timeseries", "metricOf": "money"}'), (5, '{"name": "x", "metricType": "timeseries", "series": [{"filter": {"filters": [{"type": "mood", "operator": "is"}]}}]}'),
	(6, '{"name": "x", "metricType": "timeseries", "thumbnail": "javascript:alert(1)"}'), (7, format('{"name": "x", "metricType": "timeseries", "thumbnail": "data:image/png;base64,%s"}', repeat('A', 500000))),
	(8, format('{"name": "x", "metricType": "timeseries", "waste": "%s"}', repeat('A', 1000000))), (9, format('{"name": "%s", "metricType": "timeseries"}', repeat('x', 201))), (10, '{"name": "x", "metricType": "timeseries", "isPublic": "yes"}'),
	(11, '{"name": "x", "metricType": "timeseries", "config": {"col": -1}}'), (12, '{"name": "x", "metricType": "timeseries", "config": 4}'), (13, '{"name": "x", "metricType": "timeseries", "sessionId": "1; DROP"}'),
	(14, '{"name": "x", "metricType": "timeseries", "series": [{}, {}, {}, {}, {}, {}]}'), (15, '{"name": "x", "metricType": "heatMap", "metricOf": "heatMapUrl", "series": [{}], "sessionId": [1]}'), (16, '{"name": "x", "metricType": "heatMap", "metricOf": "heatMapUrl", "series": [{}], "sessionId": "9223372036854775808"}'),
	(17, '{"name": "x", "metricType": "pathAnalysis", "series": [{}], "startType": "middle"}'), (18, '{"name": "x", "metricType": "pathAnalysis", "series": [{}], "excludes": [{"type": "mood", "operator": "is", "value": ["x"]}]}'), (19, '{"name": "x", "metricType": "table", "metricOf": "LOCATION", "generation": 2}'),
	(20, '{"name": "x", "metricType": "timeseries", "filters": [{"type": "userId", "operator": "is", "value": ["x"]}], "series": [{"filter": {"filters": {}}}]}')) AS v (n, card) ORDER BY n;
SELECT pg_temp.try(format('SELECT openreplay.save_card(NULL, %s, ''{"name": "x", "metricType": "timeseries"}'')', :ann)) AS no_project, pg_temp.try(format('SELECT openreplay.save_card(-1, %s, ''{"name": "x", "metricType": "timeseries", "series": [{}]}'')', :ann)) AS unknown_project;
SELECT pg_temp.try(format('SELECT openreplay.cards(%s, NULL, ''{"sortField": "drop table"}'')', :project_id));

-- A reader reads all of that, and changes none of it.
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;
SELECT count(*) AS cards, openreplay.saved_card(:visits) ->> 'name' AS card, openreplay.card(:visits, :'range') IS NOT NULL AS chart, jsonb_array_length(openreplay.card_list(:project_id)) AS list FROM openreplay.cards(:project_id);
SELECT openreplay.save_card(:project_id, :ann, '{}');
ROLLBACK;
