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

-- Or runs through the stages: a visit that comes to the shop once buys once, however often it clicks.
SELECT stage, reached, round(drop_pct::numeric, 2) AS drop_pct FROM openreplay.funnel(:project_id, pg_temp.card('{"metricFormat": "eventCount", "generation": 2}'));
SELECT openreplay.count_runs('{1,2}', '{0,1,0,1,1,0}', '{1,2,3,4,5,6}', '{1,2,3,4,5,6}') AS twice, openreplay.count_runs('{1,2}', '{0,1,0,1}', '{1,1,1,1}', '{1,2,3,4}') AS all_at_once, openreplay.count_runs('{1,-2}', '{0,1,0,0}', '{1,2,3,4}', '{1,2,3,4}') AS too_early,
	openreplay.count_runs('{-1,2}', '{1,1}', '{5,6}', '{1,2}') AS without, openreplay.count_runs('{-1,-2}', '{}', '{}', '{}') AS nothing, openreplay.count_runs('{1,1}', '{0,1,0,1,0,1}', '{1,1,2,2,3,3}', '{1,1,2,2,3,3}') AS pairs;
SELECT pg_temp.try(s) FROM unnest(ARRAY['SELECT openreplay.count_runs(''{1}'', ''{1}'', ''{1}'', ''{1}'')', 'SELECT openreplay.count_runs(''{1}'', ''{0}'', ''{1,2}'', ''{1}'')', 'SELECT openreplay.count_runs(''{}'', ''{}'', ''{}'', ''{}'')']) AS s;
-- Broken down: each by itself, however often a session is there; what the issues of a session are is known when it ends.
SELECT breakdown, stage, reached, round(drop_pct::numeric, 2) AS drop_pct FROM openreplay.funnel(:project_id, pg_temp.card('{"breakdowns": ["userBrowser"]}'));
SELECT breakdown, stage, reached FROM openreplay.funnel(:project_id, pg_temp.card('{"breakdowns": ["userId", "currentPath"]}')) WHERE breakdown IN ('{}', '{user0}', '{user1}', '{user0,/done}', '{user0,/home}', '{user0,(empty)}', '{user1,/done}');
SELECT breakdown, stage, reached FROM openreplay.funnel(:project_id, pg_temp.card('{"breakdowns": ["userBrowser"], "metricFormat": "userCount"}')) WHERE stage = 1;
SELECT openreplay.try_card(:project_id, pg_temp.card('{"breakdowns": ["userBrowser"], "name": "Shop"}', '[{"type": "click", "operator": "on", "value": ["Buy"]}]'));
SELECT openreplay.try_card(:project_id, pg_temp.card('{"breakdowns": ["userBrowser"]}', '[]'));
-- A part of the sessions: their events, and those without any.
SELECT f.reached = (SELECT count(*) FROM visit WHERE openreplay.sample_key(session_id) < 40) AS alike, f.reached BETWEEN 1 AND 119 AS some
FROM unnest(ARRAY['[{"type": "location", "operator": "is", "value": ["/home"]}]', '[{"type": "custom", "operator": "isNot", "value": ["x"]}]']::jsonb[]) AS filters, openreplay.funnel(:project_id, pg_temp.card('{"sampleRate": 40}', filters)) AS f;
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

--
-- The same once more, written down row by row, for random funnels over random sessions whose events often share a moment.
--
BEGIN;
SELECT openreplay.ensure_session_partitions('2021-05-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('random funnels', true) RETURNING project_id \gset
SELECT setseed(0.125) IS NOT NULL AS seeded;
CREATE FUNCTION pg_temp.one_of(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$SELECT choices[1 + floor(cardinality(choices) * random())::integer]$$;
CREATE TEMP TABLE visit AS
	SELECT n, 1620000000000 + n * 1000 AS start_ts, (((1620000000000 + n * 1000) - 1550000000000) << 24) | n AS session_id, pg_temp.one_of('ann', 'ben', 'cem', '', NULL) AS user_id, pg_temp.one_of('Chrome', 'Firefox') AS browser,
		pg_temp.one_of('3000', '5000', NULL)::integer AS duration, n / 3 AS device FROM generate_series(1, 30) AS n;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, duration, user_id, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, events_count)
SELECT session_id, :project_id, '17', start_ts, duration, user_id, md5(device::text)::uuid, 'Linux', browser, '', 'desktop', 'NL', 3 FROM visit;
-- All that happened, within four seconds a session.
CREATE TEMP TABLE happened AS
	SELECT row_number() OVER () AS id, v.session_id, k AS key, v.start_ts + floor(random() * 5)::bigint * 1000 AS ts, pg_temp.one_of('location', 'location', 'click', 'input', 'custom') AS kind,
		pg_temp.one_of('/a', '/b', '/A', 'a%') AS value, pg_temp.one_of('#x', '#y', '') AS selector FROM visit v, generate_series(1, 7) AS k WHERE random() < 0.8;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path) SELECT session_id, key, ts, 'h', value FROM happened WHERE kind = 'location';
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, selector) SELECT session_id, key, ts, value, selector FROM happened WHERE kind = 'click';
INSERT INTO events.inputs (session_id, message_id, "timestamp", label) SELECT session_id, key, ts, value FROM happened WHERE kind = 'input';
INSERT INTO events_common.customs (session_id, seq_index, "timestamp", name, payload) SELECT session_id, key, ts, value, '{}' FROM happened WHERE kind = 'custom';
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES ('random-1', :project_id, 'dead_click', 'x'), ('random-2', :project_id, 'cpu', 'y'), ('random-3', :project_id, 'custom', 'z');
CREATE TEMP TABLE trouble AS SELECT v.session_id, 100 + k AS key, v.start_ts + floor(random() * 6)::bigint * 1000 AS ts, 'random-' || 1 + floor(random() * 3)::integer AS issue_id FROM visit v, generate_series(1, 3) AS k WHERE random() < 0.4;
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id) SELECT session_id, ts, key, issue_id FROM trouble;
CREATE INDEX ON happened (session_id);
ANALYZE happened, visit, trouble;
GRANT SELECT ON visit, happened, trouble TO openreplay_reader;

CREATE FUNCTION pg_temp.item() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_build_object('type', type, 'operator', CASE WHEN type = 'click' AND random() < 0.2 THEN pg_temp.one_of('selectorIs', 'selectorIsNot', 'selectorContains') ELSE pg_temp.one_of('is', 'is', 'on', 'isAny', 'isNot', 'notOn', 'contains', 'startsWith', 'notContains') END,
		'value', CASE WHEN random() < 0.05 THEN '[]' WHEN random() < 0.6 THEN jsonb_build_array(a) ELSE jsonb_build_array(a, b) END)
	FROM (SELECT pg_temp.one_of('location', 'location', 'click', 'input', 'custom') AS type, pg_temp.one_of('/a', '/b', '/A', '#x', '/', 'a%') AS a, pg_temp.one_of('/b', 'A', '#y', '%') AS b) AS i
$$;
-- Whether an event is what an item, made positive, asks for.
CREATE FUNCTION pg_temp.is_item(e happened, item jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	op text := lower(replace(replace(item ->> 'operator', 'selector', ''), 'Not', ''));
	what text := CASE WHEN item ->> 'operator' LIKE 'selector%' THEN e.selector ELSE e.value END;
	wanted text;
BEGIN
	IF e.kind <> item ->> 'type' THEN
		RETURN false;
	END IF;
	IF op = 'isany' THEN
		RETURN true;
	END IF;
	FOR wanted IN SELECT * FROM jsonb_array_elements_text(item -> 'value') LOOP
		IF op IN ('is', 'on', 'noton') AND what = wanted OR op IN ('contains', 'notcontains') AND strpos(lower(what), lower(wanted)) > 0 OR op = 'startswith' AND left(lower(what), length(wanted)) = lower(wanted) THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END
$$;
-- How far the events of some sessions get, each stage at its earliest; possible: all events that the stage may have been.
CREATE FUNCTION pg_temp.get_far(ids bigint[], items jsonb, until bigint, since bigint DEFAULT 1620000000000) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
	times bigint[] := '{}';
	possible happened[] := NULL;
	next happened[];
	matches happened[];
	item jsonb;
	e happened;
	p happened;
	follows boolean;
BEGIN
	FOR item IN SELECT * FROM jsonb_array_elements(items) LOOP
		matches := ARRAY(SELECT h FROM happened h WHERE h.session_id = ANY (ids) AND h.ts BETWEEN since AND until AND pg_temp.is_item(h, item) ORDER BY h.ts);
		next := '{}';
		IF item ->> 'operator' ~* 'not' THEN
			IF possible IS NULL THEN
				EXIT WHEN cardinality(matches) > 0;
				times := times || 0::bigint;
				CONTINUE;
			END IF;
			FOREACH p IN ARRAY possible LOOP
				follows := false;
				FOREACH e IN ARRAY matches LOOP
					follows := follows OR (e.ts >= p.ts AND e.id <> p.id);
				END LOOP;
				IF NOT follows THEN
					next := next || p;
				END IF;
			END LOOP;
		ELSE
			FOREACH e IN ARRAY matches LOOP
				EXIT WHEN cardinality(next) > 0 AND next[1].ts < e.ts;
				follows := possible IS NULL;
				FOREACH p IN ARRAY coalesce(possible, '{}') LOOP
					follows := follows OR (e.ts >= p.ts AND e.id <> p.id);
				END LOOP;
				IF follows THEN
					next := next || e;
				END IF;
			END LOOP;
		END IF;
		EXIT WHEN cardinality(next) = 0;
		possible := next;
		times := times || next[1].ts;
	END LOOP;
	RETURN times;
END
$$;
CREATE FUNCTION pg_temp.at_least_0(r float8) RETURNS float8 LANGUAGE sql AS $$SELECT greatest(coalesce(r, 0), 0)$$;
CREATE TEMP TABLE question AS
	SELECT n, (SELECT jsonb_agg(item) FROM (SELECT pg_temp.item() AS item FROM generate_series(1, 1 + n % 5)) AS i) AS items, pg_temp.one_of('Chrome', NULL, NULL) AS browser, 1620000000000 + pg_temp.one_of('15000', '33000', '40000')::bigint AS until, 1 + n % 2 AS generation
	FROM generate_series(1, 300) AS n;
CREATE FUNCTION pg_temp.random_card(q question, format text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('metricType', 'funnel', 'metricOf', 'sessionCount', 'metricFormat', format, 'generation', q.generation, 'startTimestamp', 1620000000000, 'endTimestamp', q.until,
		'series', jsonb_build_array(jsonb_build_object('filter', jsonb_build_object('filters', q.items || CASE WHEN q.browser IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(jsonb_build_object('type', 'userBrowser', 'operator', 'is', 'value', jsonb_build_array(q.browser))) END))))
$$;
-- What was asked: stages without values are none; in the second generation the end of the range is out.
CREATE TEMP TABLE asked AS
	SELECT q.n, q.generation, q, coalesce((SELECT jsonb_agg(i ORDER BY o) FROM jsonb_array_elements(q.items) WITH ORDINALITY AS x (i, o) WHERE i -> 'value' <> '[]' OR i ->> 'operator' = 'isAny'), '[]') AS stages, q.until - (q.generation - 1) AS until, q.browser FROM question q;
CREATE TEMP TABLE entered AS
	SELECT a.n, v.session_id, v.user_id, v.device, v.start_ts, v.duration, pg_temp.get_far(ARRAY[v.session_id], a.stages, a.until) AS times FROM asked a JOIN visit v ON v.start_ts <= a.until AND v.browser = coalesce(a.browser, v.browser);
CREATE TEMP TABLE user_entered AS
	SELECT a.n, pg_temp.get_far(array_agg(v.session_id), a.stages, a.until) AS times FROM asked a JOIN visit v ON v.start_ts <= a.until AND v.browser = coalesce(a.browser, v.browser) WHERE v.user_id <> '' GROUP BY a.n, a.stages, a.until, v.user_id;
-- How often a session goes all the way: again after it got there; a single stage as often as there are such events.
CREATE FUNCTION pg_temp.get_there(visit_id bigint, items jsonb, until bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := 0;
	since bigint := 1620000000000;
	times bigint[];
BEGIN
	IF jsonb_array_length(items) = 1 AND items #>> '{0,operator}' !~* 'not' THEN
		RETURN (SELECT count(*) FROM happened h WHERE h.session_id = visit_id AND h.ts BETWEEN since AND until AND pg_temp.is_item(h, items -> 0));
	END IF;
	LOOP
		times := pg_temp.get_far(ARRAY[visit_id], items, until, since);
		EXIT WHEN cardinality(times) < jsonb_array_length(items);
		n := n + 1;
		since := times[cardinality(times)] + 1;
		EXIT WHEN since = 1;
	END LOOP;
	RETURN n;
END
$$;
CREATE TEMP TABLE runs AS
	SELECT e.n, k, sum(pg_temp.get_there(e.session_id, (SELECT jsonb_agg(i ORDER BY o) FROM jsonb_array_elements(a.stages) WITH ORDINALITY AS x (i, o) WHERE o <= k), a.until))::bigint AS n_runs
	FROM entered e JOIN asked a USING (n), generate_series(1, jsonb_array_length(a.stages)) AS k WHERE a.generation = 2 AND a.n <= 100 GROUP BY 1, 2;
GRANT SELECT ON question, asked, entered, user_entered, runs TO openreplay_reader;
CREATE FUNCTION pg_temp.compare(project_id integer, most integer) RETURNS TABLE (funnels bigint, alike bigint, stages numeric, reached_to_the_end bigint) LANGUAGE sql AS $$
WITH expected AS (
	SELECT a.n, 'sessionCount' AS format, ARRAY(SELECT (SELECT count(*) FROM entered e WHERE e.n = a.n AND cardinality(e.times) >= k) FROM generate_series(1, jsonb_array_length(a.stages)) AS k ORDER BY k) AS counts FROM asked a WHERE a.n <= $2
	UNION ALL SELECT a.n, 'userCount', ARRAY(SELECT CASE a.generation WHEN 1 THEN (SELECT count(DISTINCT nullif(e.user_id, '')) FROM entered e WHERE e.n = a.n AND cardinality(e.times) >= k)
			ELSE (SELECT count(*) FROM user_entered e WHERE e.n = a.n AND cardinality(e.times) >= k) END FROM generate_series(1, jsonb_array_length(a.stages)) AS k ORDER BY k) FROM asked a WHERE a.n <= $2
	UNION ALL SELECT a.n, 'eventCount', ARRAY(SELECT coalesce((SELECT n_runs FROM runs r WHERE r.n = a.n AND r.k = g.k), 0) FROM generate_series(1, jsonb_array_length(a.stages)) AS g (k) ORDER BY k) FROM asked a WHERE a.generation = 2 AND a.n <= least($2, 100)
), found AS (
	SELECT x.n, x.format, ARRAY(SELECT f.reached FROM openreplay.funnel($1, pg_temp.random_card(a.q, x.format)) AS f ORDER BY f.stage) AS counts FROM expected x JOIN asked a USING (n)
)
SELECT count(*), count(*) FILTER (WHERE f.counts = x.counts) AS alike, sum(cardinality(x.counts)) AS stages, count(*) FILTER (WHERE x.counts[cardinality(x.counts)] > 0) AS reached_to_the_end FROM expected x JOIN found f USING (n, format)
$$;
SELECT openreplay.backfill_some_sessions(:project_id, 0, 9223372036854775807, 1000) > 0 AS written;
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;
-- From rows, and from the sequences that sessions have got when they ended.
SELECT alike = funnels AS all_alike, funnels >= 600 AS many, stages > 1000 AS long, reached_to_the_end > 100 AS reached_to_the_end FROM pg_temp.compare(:project_id, 300);
-- Which issues keep them: counted by looking at each session, correlated by the server's own corr().
WITH population AS (
	SELECT e.*, cardinality(e.times) < jsonb_array_length(a.stages) AS lost, ARRAY(SELECT DISTINCT t.issue_id FROM trouble t WHERE t.session_id = e.session_id AND t.issue_id <> 'random-3' AND t.ts >= e.times[1]
			AND t.ts <= CASE WHEN cardinality(e.times) = jsonb_array_length(a.stages) THEN e.times[cardinality(e.times)] ELSE coalesce(e.start_ts + e.duration, t.ts) END) AS issues
	FROM entered e JOIN asked a USING (n) WHERE cardinality(e.times) > 0 AND a.n <= 100
), expected AS (
	SELECT p.n, i.issue_id, count(*) FILTER (WHERE i.issue_id = ANY (p.issues)) AS affected, count(*) FILTER (WHERE i.issue_id <> ALL (p.issues)) AS unaffected, count(DISTINCT p.device) FILTER (WHERE i.issue_id = ANY (p.issues)) AS users,
		pg_temp.at_least_0(corr(p.lost::integer, (i.issue_id = ANY (p.issues))::integer)) AS r FROM population p, (VALUES ('random-1'), ('random-2')) AS i (issue_id) GROUP BY 1, 2
), found AS (
	SELECT a.n, f.* FROM asked a, openreplay.funnel_issues(:project_id, pg_temp.random_card(a.q, 'sessionCount')) AS f WHERE a.n <= 100
), total AS (
	SELECT p.n, trunc((pg_temp.at_least_0(corr(p.lost::integer, (p.issues <> '{}')::integer)) * count(*) FILTER (WHERE p.lost AND p.issues <> '{}'))::numeric + 0.000000001) AS lost FROM population p GROUP BY 1
)
SELECT count(*) > 100 AS many, count(*) = count(*) FILTER (WHERE (x.affected, x.unaffected, x.users) = (f.affected_sessions, f.unaffected_sessions, f.affected_users) AND abs(x.r - f.correlation) < 1e-9) AS all_alike, count(*) FILTER (WHERE f.significant) > 10 AS some_significant,
	(SELECT count(*) FROM total) = (SELECT count(*) FROM total t JOIN asked a USING (n) WHERE t.lost = (openreplay.card_issues(:project_id, pg_temp.random_card(a.q, 'sessionCount')) #>> '{issues,totalDropDueToIssues}')::numeric) AS totals_alike, (SELECT sum(lost) FROM total) > 10 AS some_lost
FROM (SELECT * FROM expected WHERE affected > 0) x FULL JOIN found f USING (n, issue_id);
SET LOCAL openreplay.use_session_events = off;
SELECT alike = funnels AS all_alike, funnels >= 120 AS many FROM pg_temp.compare(:project_id, 60);
ROLLBACK;
