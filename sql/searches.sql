--
-- Searching sessions: who may, pages, groups, detail, errors, suggestions, marks, notes, saved searches; what is refused
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
	code text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, code = RETURNED_SQLSTATE;
	RETURN left(concat_ws(' | ', code, message, nullif(hint, '')), 160);
END
$$;
BEGIN;
SELECT openreplay.ensure_session_partitions('2021-05-01 00:00+00', 2) >= 0 AS ready;
INSERT INTO public.projects (name, active, metadata_1, metadata_4) VALUES ('searches', true, 'plan', 'it''s "odd"') RETURNING project_id \gset
INSERT INTO public.users (email, name) VALUES ('ann@searches.example', 'Ann') RETURNING user_id AS ann \gset
INSERT INTO public.users (email, name) VALUES ('ben@searches.example', 'Ben') RETURNING user_id AS ben \gset
-- Seven sessions from 10 May on, one of them in June; the last has not ended. n is their name here.
CREATE TEMP TABLE recorded AS
	SELECT n, start_ts, ((start_ts - 1550000000000) << 24) | n AS session_id
	FROM generate_series(1, 7) AS n, LATERAL (SELECT CASE n WHEN 6 THEN 1622600000000 ELSE 1620640000000 + n * 60000 END AS start_ts) AS t;
GRANT SELECT ON recorded TO openreplay_reader;
CREATE FUNCTION pg_temp.n(id bigint) RETURNS integer LANGUAGE sql AS $$SELECT (id & 16777215)::integer$$;
CREATE FUNCTION pg_temp.id(n integer) RETURNS bigint LANGUAGE sql AS $$SELECT session_id FROM recorded r WHERE r.n = $1$$;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, timezone, duration, user_id, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, events_count,
	pages_count, errors_count, issue_score, issue_types, metadata_1, metadata_4, screen_width)
SELECT session_id, :project_id, '17', start_ts, 'UTC+02:00', CASE WHEN n < 7 THEN n * 10000 END, CASE WHEN n % 3 > 0 THEN 'user' || n % 3 END, ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'Linux',
	CASE n % 2 WHEN 0 THEN 'Firefox' ELSE 'Chrome' END, '', 'desktop', 'NL', n / 2, 1, n % 2, start_ts / 1000 + n, CASE WHEN n = 3 THEN '{click_rage}' ELSE '{}' END::public.issue_type[],
	CASE WHEN n > 2 THEN 'pro' END, CASE WHEN n = 4 THEN 'ye''s' END, 1280 FROM recorded;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path, load_time) SELECT session_id, 1, start_ts + 1000, 'a.example', '/a', 700 FROM recorded;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path) SELECT session_id, 9, start_ts + 9000, 'a.example', '/b' FROM recorded WHERE n < 4;
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, path) SELECT session_id, t, start_ts + 1000 * t, 'Buy', '/a' FROM recorded, unnest(ARRAY[5, 12]) AS t WHERE n < 4;

-- The worked example: /a at 1 s, Buy at 5, /b at 9, Buy at 12.
SELECT items, jsonb_object_agg(mode, openreplay.count_sessions(:project_id, format('{"filters": [%s, {"type": "duration", "operator": "is", "value": [0, 30000]}], "eventsOrder": "%s"}', items, mode)::jsonb) = 3) AS found
FROM (VALUES (1, '{"type": "location", "operator": "is", "value": ["/b"]}, {"type": "click", "operator": "on", "value": ["Buy"]}'), (2, '{"type": "click", "operator": "on", "value": ["Buy"]}, {"type": "location", "operator": "is", "value": ["/a"]}'),
	(3, '{"type": "location", "operator": "is", "value": ["/a"]}, {"type": "click", "operator": "notOn", "value": ["Buy"]}'), (4, '{"type": "click", "operator": "notOn", "value": ["Pay"]}, {"type": "location", "operator": "is", "value": ["/b"]}')) AS c (n, items),
	unnest('{then,and,or}'::text[]) AS mode
GROUP BY n, items ORDER BY n;
SELECT pg_temp.n(session_id) AS n, first_event_ts - start_ts AS first, last_event_ts - start_ts AS last
FROM openreplay.matching_sessions(:project_id, '{"filters": [{"type": "location", "operator": "is", "value": ["/a"]}, {"type": "click", "operator": "on", "value": ["Buy"]}]}') ORDER BY n;
SELECT pg_temp.n(session_id) AS n, first_event_ts - start_ts AS first, last_event_ts - start_ts AS last
FROM openreplay.matching_sessions(:project_id, '{"filters": [{"type": "click", "operator": "on", "value": ["Buy"]}]}') ORDER BY n;

-- All that follows is done by a reader, who may write nothing.
SAVEPOINT reader;
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;
\x on
SELECT pg_temp.n(session_id) AS n, * FROM openreplay.search_sessions(:project_id, '{"limit": 1, "sort": "duration", "order": "asc", "filters": [{"type": "metadata", "source": "it''s \"odd\"", "operator": "is", "value": ["ye''s"]}]}');
\x off
SELECT openreplay.count_sessions(:project_id, '{"filters": [{"type": "location", "operator": "is", "value": ["/a"]}, {"type": "click", "operator": "on", "value": ["Buy"]}]}') AS in_order,
	(SELECT count(*) FROM openreplay.explain_sessions(:project_id, '{"filters": [{"type": "error", "operator": "isAny"}]}')) > 0 AS explained, (SELECT count(*) FROM openreplay.filter_catalogue()) > 100 AS catalogue;
-- edges of a range are inside; a session that goes on is in no search
SELECT array_agg(pg_temp.n(session_id)) AS in_range FROM openreplay.search_sessions(:project_id, jsonb_build_object('startTimestamp', 1620640060000, 'endTimestamp', 1620640180000));
SELECT array_agg(pg_temp.n(session_id)) AS nearly FROM openreplay.search_sessions(:project_id, jsonb_build_object('startDate', 1620640060001, 'endDate', 1620640179999));
SELECT openreplay.count_sessions(:project_id) AS all, openreplay.count_sessions(:project_id, from_time => to_timestamp(1620640060), until_time => to_timestamp(1620640180)) AS half_open;
-- pages by number and by key give the same rows, in any sort
SELECT sort, "order", (SELECT array_agg(pg_temp.n(s.session_id) ORDER BY ordinality) FROM openreplay.search_sessions(:project_id, jsonb_build_object('sort', sort, 'order', "order")) WITH ORDINALITY s) AS rows,
	(SELECT array_agg(pg_temp.n(s.session_id) ORDER BY page, ordinality) FROM generate_series(1, 4) AS page, openreplay.search_sessions(:project_id, jsonb_build_object('sort', sort, 'order', "order", 'limit', 2, 'page', page)) WITH ORDINALITY s) AS pages,
	(WITH RECURSIVE walk AS (SELECT 0 AS k, NULL::bigint AS id UNION ALL
		SELECT k + 1, (SELECT s.session_id FROM openreplay.search_sessions(:project_id, jsonb_strip_nulls(jsonb_build_object('sort', sort, 'order', "order", 'limit', 1, 'after', id::text))) s) FROM walk WHERE k < 6)
	 SELECT array_agg(pg_temp.n(id) ORDER BY k) FROM walk WHERE k > 0) AS keys
FROM unnest('{startTs,eventsCount,user_id,errorsCount,sessionId,drop table}'::text[]) sort, unnest('{DESC,asc}'::text[]) "order" ORDER BY sort, "order";
SELECT count(*) AS past_the_end, openreplay.search(:project_id, '{"page": 9}') AS json FROM openreplay.search_sessions(:project_id, '{"page": 9}');
-- groups of users; those without one are one
SELECT user_id, user_sessions_count, pg_temp.n(session_id) AS first, first_session_ts FROM openreplay.search_sessions(:project_id, '{"groupByUser": true}') WITH ORDINALITY ORDER BY ordinality;
SELECT user_id, pg_temp.n(session_id) AS first FROM openreplay.search_sessions(:project_id, '{"groupByUser": true, "sort": "eventsCount", "order": "ASC", "limit": 2}') WITH ORDINALITY ORDER BY ordinality;
SELECT openreplay.count_sessions(:project_id, '{"groupByUser": true}') AS users;
SELECT jsonb_pretty(openreplay.search(:project_id, '{"groupByUser": true, "filters": [{"type": "userId", "operator": "is", "value": ["user1"]}, {"type": "duration", "operator": "is", "value": ["", "20000"]}]}') #- '{sessions,0,sessionId}' #- '{sessions,0,projectId}') AS search;
ROLLBACK TO reader;

-- Months outside of the range are not read.
SELECT count(*) FILTER (WHERE l ~ 'sessions_2021_05') > 0 AS may, count(*) FILTER (WHERE l ~ 'clicks_2021_05') > 0 AS clicks_of_may, count(*) FILTER (WHERE l ~ '_20(2[02-9]|21_0[16-9]|21_1)') AS others
FROM openreplay.explain_sessions(:project_id, '{"startTimestamp": 1620600000000, "endTimestamp": 1620700000000, "filters": [{"type": "click", "operator": "on", "value": ["Buy"]}, {"type": "location", "operator": "isAny"}, {"type": "avgCpuLoad", "operator": "isAny", "source": [1], "sourceOperator": ">"},
	{"type": "issue", "operator": "is", "value": ["click_rage"], "source": ["x"]}]}') AS l;

-- Issues about something, while the events were seen.
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES ('searches-1', :project_id, 'click_rage', '#pay'), ('searches-2', :project_id, 'click_rage', '#other');
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id) SELECT session_id, start_ts + 7000, 7, 'searches-1' FROM recorded WHERE n = 3;
SELECT source, events, openreplay.count_sessions(:project_id, jsonb_build_object('filters', jsonb_build_array(jsonb_build_object('type', 'issue', 'operator', operator, 'value', '["click_rage"]'::jsonb, 'source', source)) || events)) AS sessions
FROM (VALUES (1, 'is', '#pay', '[]'::jsonb), (2, 'is', '#other', '[]'), (3, 'isAny', '#pay', '[]'), (4, 'isNot', '#pay', '[]'), (5, 'is', '#pay', '[{"type": "click", "operator": "on", "value": ["Buy"]}]'),
	(6, 'is', '#pay', '[{"type": "location", "operator": "is", "value": ["/b"]}]'), (7, 'is', '#pay', '[{"type": "location", "operator": "is", "value": ["/a"]}, {"type": "click", "operator": "on", "value": ["Buy"]}]')) AS v (n, operator, source, events) ORDER BY n;

-- Saved searches and actions inside of a search; two that name each other add nothing.
INSERT INTO public.saved_searches (search_id, name, project_id, user_id, search_data) VALUES
	('00000000-0000-0000-0000-000000000001', 'Firefox', :project_id, :ann, '{"filters": [{"name": "userBrowser", "operator": "is", "value": ["Firefox"]}, {"name": "x", "isSegment": true, "searchId": "00000000-0000-0000-0000-000000000002"}]}'),
	('00000000-0000-0000-0000-000000000002', 'user1', :project_id, :ann, '{"filters": [{"name": "userId", "operator": "is", "value": ["user1"]}, {"name": "x", "isSegment": true, "searchId": "00000000-0000-0000-0000-000000000001"}]}');
INSERT INTO public.actions (action_id, project_id, name, filters) VALUES ('00000000-0000-0000-0000-00000000000a', :project_id, 'bought', '[{"name": "CLICK", "isEvent": true, "operator": "is", "filters": [{"name": "label", "operator": "is", "value": ["Buy"]}]}]');
SELECT openreplay.count_sessions(:project_id, '{"filters": [{"isSegment": true, "searchId": "00000000-0000-0000-0000-000000000001"}]}') AS segment,
	openreplay.count_sessions(:project_id, '{"filters": [{"isAction": true, "actionId": "00000000-0000-0000-0000-00000000000A"}]}') AS action,
	openreplay.count_sessions(:project_id, '{"filters": [{"isSegment": true, "searchId": "nowhere"}]}') AS missing;

-- A stored filter in the old shape; legacy names; values that nobody filled in; metadata that is gone.
SELECT openreplay.count_sessions(:project_id, filter::jsonb) AS sessions, filter FROM (VALUES
	(1, '{"events": [{"type": "CLICK", "operator": "on", "value": "Buy"}], "filters": [{"type": "USERBROWSER", "operator": "is", "value": ["Chrome"]}], "events_order": "and"}'),
	(2, '{"filters": [{"type": "USERID", "operator": "is", "value": ["user1", null, "user1"]}, {"type": "userId", "operator": "is", "value": ["user2"]}]}'),
	(3, '{"filters": [{"type": "userId", "operator": "is", "value": ["user1"]}, {"type": "userId", "operator": "=", "value": ["user2"]}]}'),
	(4, '{"filters": [{"type": "userId", "operator": "is", "value": []}, {"type": "click", "operator": "on", "value": []}, {"type": "eventsCount", "operator": ">=", "value": [""]}]}'),
	(5, '{"filters": [{"type": "metadata", "source": "gone", "operator": "is", "value": ["x"]}]}'),
	(6, '{"filters": [{"type": "DURATION", "operator": "is", "value": [30000, 0]}]}'),
	(7, '{"filters": [{"type": "duration", "operator": "is", "value": [30000, "30000", "long"]}]}'),
	(8, '[{"name": "metadata_1", "operator": "isUndefined", "value": []}]'),
	(9, '[{"name": "url_path", "operator": "is", "value": ["/b"]}]'),
	(10, '[{"name": "url_path", "operator": "isNot", "value": ["/b"]}]')) AS v (n, filter) ORDER BY n;

-- Hostile values are values; each gives what the same words in plain SQL do.
UPDATE public.sessions s SET user_id = h.value FROM (VALUES (1, E'\'; DROP TABLE sessions; --'), (2, E'\\'), (3, '%'), (4, '_%'), (5, E'a\u0001"b'), (6, '$1 {"x": [.*+?(]}')) AS h (n, value) WHERE s.session_id = pg_temp.id(h.n);
SELECT operator, count(*) AS values, bool_and(found = defined) AS same, sum(found) > 0 AS some FROM (
	SELECT operator, openreplay.count_sessions(:project_id, jsonb_build_object('filters', jsonb_build_array(jsonb_build_object('type', 'userId', 'operator', operator, 'value', s.user_id)))) AS found,
		(SELECT count(*) FROM public.sessions t WHERE t.project_id = :project_id AND t.duration IS NOT NULL AND CASE operator WHEN 'is' THEN t.user_id = s.user_id WHEN 'isNot' THEN t.user_id <> s.user_id
			WHEN 'contains' THEN position(s.user_id IN t.user_id) > 0 WHEN 'startsWith' THEN starts_with(t.user_id, s.user_id) ELSE position(s.user_id IN t.user_id) = 0 END) AS defined
	FROM public.sessions s, unnest('{is,isNot,contains,startsWith,notContains}'::text[]) operator WHERE s.project_id = :project_id AND s.duration IS NOT NULL) AS a GROUP BY operator ORDER BY operator;
SELECT openreplay.count_sessions(:project_id, jsonb_build_object('filters', jsonb_build_array(jsonb_build_object('name', E'x\'" OR true --', 'isEvent', true, 'autoCaptured', false, 'operator', 'is', 'filters',
	jsonb_build_array(jsonb_build_object('name', E'k\') OR true --', 'autoCaptured', false, 'operator', 'is', 'value', E'\' OR true --')))))) AS injected;
SELECT n, pg_temp.try(format('SELECT openreplay.count_sessions(%s, %L)', :project_id, filter)) FROM (VALUES
	(1, '7'), (2, '{"filters": 7}'), (3, '{"filters": [7]}'), (4, '{"filters": [{}]}'), (5, '{"filters": [{"type": "mood", "operator": "is"}]}'), (6, '{"filters": [{"name": "MOOD", "isEvent": true, "operator": "is"}]}'),
	(7, '{"filters": [{"name": "mood", "operator": "is", "value": ["x"]}]}'), (8, '{"filters": [{"type": "userId", "value": ["x"]}]}'), (9, '{"filters": [{"type": "userId", "operator": "like", "value": ["x"]}]}'),
	(10, '{"filters": [{"type": "userId", "operator": ">", "value": ["x"]}]}'), (11, '{"filters": [{"type": "eventsCount", "operator": "contains", "value": ["1"]}]}'), (12, '{"filters": [{"type": "eventsCount", "operator": "=", "value": ["1; DROP"]}]}'),
	(13, '{"filters": [{"type": "issue", "operator": "is", "value": ["bad_mood"]}]}'), (14, '{"filters": [{"type": "userId", "operator": "is", "value": [["x"]]}]}'), (15, '{"filters": [{"type": "userId", "operator": "is", "value": {"a": 1}}]}'),
	(16, '{"filters": [{"type": "fetch", "operator": "is"}]}'), (17, '{"filters": [{"type": "ttfb", "operator": "isAny"}]}'), (18, '{"filters": [{"type": "ttfb", "operator": "isAny", "sourceOperator": ">", "source": ["x"]}]}'),
	(19, '{"filters": [{"type": "metadata", "operator": "is", "value": ["x"]}]}'), (20, '{"filters": [{"type": "metadata", "source": ["a", "b"], "operator": "is", "value": ["x"]}]}'), (21, '{"filters": [], "eventsOrder": "maybe"}'),
	(22, '{"startTimestamp": 5, "endTimestamp": 4}'), (23, '{"startTimestamp": "x"}'), (24, '{"limit": 0}'), (25, '{"limit": 201}'), (26, '{"page": -1}'), (27, '{"order": "up"}'), (28, '{"after": "x"}'), (29, '{"bookmarked": true}'),
	(30, '{"filters": [{"name": "CLICK", "isEvent": true, "operator": "is", "filters": [{"name": "mood", "operator": "is", "value": ["x"]}]}]}'), (31, '{"filters": [{"name": "CLICK", "isEvent": true, "operator": "is", "propertyOrder": "xor"}]}'),
	(32, '{"filters": [{"type": "userId", "operator": "selectorIs", "value": ["x"]}]}'), (33, '{"filters": [{"type": "input", "operator": "selectorIs", "value": ["x"]}]}'), (34, '{"filters": [{"name": "userId", "operator": "regex", "value": ["("]}]}'),
	(35, '{"filters": [{"isSegment": true}]}'), (36, '{"filters": [' || repeat('{"type": "click", "operator": "onAny"},', 100) || '{"type": "click", "operator": "onAny"}]}'),
	(37, '{"filters": [{"type": "userId", "operator": "is", "value": ["' || repeat('x', 1000000) || '"]}]}'), (38, '{"filters": [{"name": "userId", "operator": "regex", "value": ["' || repeat('x', 257) || '"]}]}'),
	(39, '{"filters": [{"type": "userId", "operator": "is", "value": [' || repeat('1,', 200) || '1]}]}'), (40, '{"filters": [{"type": "userId", "operator": "is", "value": ["\u0000"]}]}')) AS v (n, filter) ORDER BY n;
SELECT pg_temp.try('SELECT openreplay.count_sessions(0)') AS no_project;
-- a hundred steps are followed
SELECT openreplay.count_sessions(:project_id, ('{"filters": [' || repeat('{"type": "click", "operator": "notOn", "value": ["Pay"]},', 98) || '{"type": "location", "operator": "is", "value": ["/a"]}, {"type": "click", "operator": "onAny"}]}')::jsonb) AS long;
SELECT left(pg_temp.try(format('SELECT openreplay.count_sessions(%s, %L)', :project_id, repeat('[', 100000))), 5) AS deep;

-- Marks. Bookmarks are of any time.
SELECT openreplay.set_favorite_session(pg_temp.id(2), :ann) AS on, openreplay.set_favorite_session(pg_temp.id(6), :ann, true) AS on, openreplay.set_favorite_session(pg_temp.id(3), :ben) AS of_ben,
	openreplay.set_favorite_session(pg_temp.id(4), :ann) AS once, openreplay.set_favorite_session(pg_temp.id(4), :ann) AS twice, openreplay.view_session(pg_temp.id(6), :ann);
SELECT pg_temp.n(session_id) AS n, viewed, favorite FROM openreplay.search_sessions(:project_id, '{"bookmarked": true, "startTimestamp": 1, "endTimestamp": 2}', :ann) ORDER BY n;
SELECT openreplay.count_sessions(:project_id, '{"bookmarked": true, "filters": [{"type": "userBrowser", "operator": "is", "value": ["Chrome"]}]}', viewer_id => :ben) AS of_ben;
SELECT pg_temp.try(format('SELECT openreplay.set_favorite_session(5, %s)', :ann)) AS nowhere;

-- One session, and what happened in it.
SELECT key, value FROM jsonb_each(openreplay.session(pg_temp.id(6), :ann)) WHERE key IN ('userBrowser', 'duration', 'issueTypes', 'metadata', 'favorite', 'viewed', 'live', 'inDB', 'domURL', 'metadata1') ORDER BY key;
SELECT openreplay.session(pg_temp.id(6)) ->> 'sessionId' = pg_temp.id(6)::text AS as_text;
-- Without an object storage the files of a stored recording are named, not signed.
SAVEPOINT stored;
RESET ROLE;
INSERT INTO openreplay.stored_recordings (session_id, stored_at) VALUES (pg_temp.id(6), now());
SET LOCAL ROLE openreplay_reader;
SELECT key, replace(value::text, pg_temp.id(6)::text, 'ID') AS urls FROM jsonb_each(openreplay.session(pg_temp.id(6))) WHERE key IN ('domURL', 'devtoolsURL', 'videoURL') ORDER BY key;
ROLLBACK TO stored;
SELECT pg_temp.try('SELECT openreplay.session(5)') AS nowhere, openreplay.session_activity(5) AS nothing;
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES ('searches-1', :project_id, 'js_exception', 'TypeError', 'x is 100% undefined', '[{"fileName": "m.js", "lineNumber": 10}, {"fileName": "n.js"}]'),
	('searches-2', :project_id, 'js_exception', 'Error', 'y', '[]'), ('searches-3', :project_id, 'js_exception', 'Error', 'Script error.', '[]'), ('searches-4', :project_id, 'sentry', 'Error', 'z', '{}');
INSERT INTO events.errors (session_id, message_id, "timestamp", error_id) SELECT session_id, 100 + e, start_ts + e * 1000, 'searches-' || e FROM recorded, generate_series(1, 4) AS e WHERE n <= e;
INSERT INTO public.errors_tags (key, value, error_id, session_id, message_id) SELECT 'release', '7', 'searches-1', session_id, 101 FROM recorded WHERE n = 1;
INSERT INTO events_common.customs (session_id, "timestamp", seq_index, name, payload) SELECT session_id, start_ts + 3000, 30, 'paid', '{"snake_case": 1}' FROM recorded WHERE n = 1;
INSERT INTO events.resources (session_id, message_id, "timestamp", type, url, url_host, url_hostpath, success, duration) SELECT session_id, 40, start_ts + 10, 'img', 'https://a.example/x.png', 'a.example', 'a.example/x.png', true, 5 FROM recorded WHERE n = 1;
SELECT kind, jsonb_agg(item - 'sessionId' - 'session_id' - 'projectId' - 'timestamp' - 'datetime' ORDER BY i) AS items
FROM jsonb_each(openreplay.session_activity(pg_temp.id(1))) AS a (kind, list), jsonb_array_elements(list) WITH ORDINALITY AS l (item, i) GROUP BY kind ORDER BY kind;

-- Errors of a project, of a time, of some sessions.
SELECT error_id, name, users, sessions, last_occurrence, first_occurrence, chart, viewed, total FROM openreplay.search_errors(:project_id, '{"startTimestamp": 1620640000000, "endTimestamp": 1620641000000, "density": 3}');
SELECT error_id, sessions FROM openreplay.search_errors(:project_id, '{"startTimestamp": 1620640000000, "endTimestamp": 1620641000000, "filters": [{"type": "userBrowser", "operator": "is", "value": ["Firefox"]}]}');
SELECT error_id FROM openreplay.search_errors(:project_id, '{"startTimestamp": 1620640000000, "endTimestamp": 1620641000000, "query": "100%", "status": "unresolved"}');
SELECT array_agg(error_id) AS by_sessions FROM openreplay.search_errors(:project_id, '{"startTimestamp": 1620640000000, "endTimestamp": 1620641000000, "sort": "sessions", "order": "asc"}');
SELECT openreplay.view_error('searches-1', :ann);
SELECT jsonb_pretty(d - 'lastSessionId' - 'lastHydratedSession') AS error, d ->> 'lastSessionId' = pg_temp.id(1)::text AS last, d #>> '{lastHydratedSession,userBrowser}' AS browser
FROM openreplay.error('searches-1', 2, 2, :ann, to_timestamp(1620650000)) AS d;
SELECT * FROM openreplay.set_error_status('searches-1', 'resolved');
SELECT pg_temp.try(s) FROM (VALUES (1, 'SELECT openreplay.set_error_status(''searches-1'', ''resolved'')'), (2, 'SELECT openreplay.set_error_status(''searches-1'', ''ignored'')'), (3, 'SELECT openreplay.set_error_status(''none'', ''ignored'')'),
	(4, 'SELECT openreplay.set_error_status(''searches-1'', ''gone'')'), (5, 'SELECT openreplay.error(''none'')'), (6, format('SELECT openreplay.search_errors(%s, ''{"sort": "mood"}'')', :project_id)),
	(7, format('SELECT openreplay.search_errors(%s, ''{"density": 1000000000}'')', :project_id))) AS v (n, s) ORDER BY n;

-- What filter boxes suggest.
INSERT INTO public.autocomplete (project_id, type, value) SELECT :project_id, 'LOCATION', v FROM unnest('{/cart,/cart/pay,/old/cart,/100%,/a b}'::text[]) v;
INSERT INTO public.autocomplete (project_id, type, value) VALUES (:project_id, 'USERCITY', 'Cartagena'), (:project_id, 'STATEACTION', 'cart/add');
SELECT q, type, (SELECT array_agg(value || ' ' || kind ORDER BY value, kind) FROM openreplay.autocomplete(:project_id, q, type)) FROM (VALUES
	(1, 'cart', NULL), (2, 'cart', 'location'), (3, '^/cart', 'LOCATION'), (4, 'cart$', 'location'), (5, '/c*pay', 'location'), (6, '%', 'location'), (7, '/100%', 'location'), (8, '/a   b', 'location'), (9, 'cart', 'stateAction'), (10, '', 'mood')) AS v (n, q, type) ORDER BY n;
SELECT * FROM openreplay.metadata_keys(:project_id);
SELECT openreplay.metadata_values(:project_id, 'plan', 'P');
SELECT regexp_replace(pg_temp.try(format('SELECT openreplay.metadata_values(%s, ''mood'')', :project_id)), '[0-9]+ has', 'n has') AS unknown;

-- Notes: one's own and public ones; only the owner changes them.
SELECT openreplay.save_note(pg_temp.id(1), :ann, '{"message": "Look here", "tag": "ISSUE", "timestamp": 1500}') AS of_ann, openreplay.save_note(pg_temp.id(1), :ben, '{"message": "Ours", "isPublic": true}') AS of_ben \gset
SELECT message, tag, "timestamp", is_public, user_name FROM openreplay.session_notes(pg_temp.id(1), :ann) ORDER BY message;
SELECT array_agg(message) AS ben_reads FROM openreplay.session_notes(pg_temp.id(1), :ben);
SELECT openreplay.save_note(pg_temp.id(1), :ann, '{"isPublic": true}', :of_ann) = :of_ann AS changed;
SELECT message, tag, count FROM openreplay.search_notes(:project_id, :ben, '{"tags": ["ISSUE", "TASK"]}');
SELECT count(*) AS mine FROM openreplay.search_notes(:project_id, :ben, '{"mineOnly": true}');
SELECT pg_temp.try(s) FROM (VALUES (1, format('SELECT openreplay.save_note(%s, %s, ''{"message": "x"}'')', pg_temp.id(1), :ann)), (2, format('SELECT openreplay.save_note(%s, %s, ''{"message": "mine now"}'', %s)', pg_temp.id(1), :ben, :of_ann)),
	(3, format('SELECT openreplay.save_note(%s, %s, ''{"timestamp": -2}'', %s)', pg_temp.id(1), :ann, :of_ann)), (4, format('SELECT openreplay.delete_note(%s, %s)', :of_ann, :ben)), (5, format('SELECT openreplay.delete_note(%s, %s)', :of_ann, :ann)),
	(6, format('SELECT openreplay.save_note(5, %s, ''{"message": "nowhere"}'')', :ann))) AS v (n, s) ORDER BY n;

-- Saved searches.
SELECT openreplay.save_search(:project_id, :ann, 'Firefox', '{"events": [{"type": "click", "operator": "onAny"}], "filters": [{"type": "userBrowser", "operator": "is", "value": ["Firefox"]}]}') AS search_id \gset
SELECT name, is_public, filter FROM openreplay.saved_searches(:project_id, :ann);
SELECT count(*) AS ben_sees FROM openreplay.saved_searches(:project_id, :ben);
SELECT openreplay.save_search(:project_id, :ann, 'All', '{}', true, :search_id) = :search_id AS changed;
SELECT name, filter FROM openreplay.saved_searches(:project_id, :ben);
SELECT pg_temp.try(s) FROM (VALUES (1, format('SELECT openreplay.save_search(%s, %s, '' '', ''{}'')', :project_id, :ann)), (2, format('SELECT openreplay.save_search(%s, %s, ''x'', ''{"filters": [{"type": "mood", "operator": "is"}]}'')', :project_id, :ann)),
	(3, format('SELECT openreplay.delete_search(%s, %s)', :search_id, :ben)), (4, format('SELECT openreplay.delete_search(%s, %s)', :search_id, :ben))) AS v (n, s) ORDER BY n;

-- A reader reads all of that, and changes none of it.
SAVEPOINT reader;
SET LOCAL ROLE openreplay_reader;
SELECT (openreplay.session(session_id) ->> 'inDB')::boolean AS session, openreplay.session_activity(session_id) IS NOT NULL AS activity FROM recorded WHERE n = 1;
SELECT count(*) >= 0 AS errors, (SELECT count(*) FROM openreplay.autocomplete(:project_id, 'cart')) > 0 AS suggestions, (SELECT count(*) FROM openreplay.session_notes(1, 1)) AS notes, (openreplay.error('searches-1')) IS NOT NULL AS error
FROM openreplay.search_errors(:project_id);
SELECT openreplay.save_search(1, 1, 'x', '{}');
ROLLBACK TO reader;

-- A search ends when its time is over.
\set VERBOSITY terse
SET LOCAL statement_timeout = '200ms';
SELECT count(*) FROM generate_series(1, 100000000) g, LATERAL openreplay.matching_sessions(:project_id + 0 * g, '{}');
ROLLBACK;
