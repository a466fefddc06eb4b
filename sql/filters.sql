--
-- Filters: every filter with every operator, alone and in random combinations, against a definition that is written down
-- a second time here: row by row, over JSON, in the plainest words.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
-- A longer trial has other numbers (ingest/test/filters_soak.sh); what is expected is the same.
\set seed 0.25
\set mixes 400
\set every_nth_hostile 7
\getenv seed OPENREPLAY_FILTERS_SEED
\getenv mixes OPENREPLAY_FILTERS_MIXES
\getenv every_nth_hostile OPENREPLAY_FILTERS_EVERY_NTH_HOSTILE
BEGIN;
SELECT openreplay.ensure_session_partitions('2022-03-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active, metadata_1, metadata_3) VALUES ('filters', true, 'plan', 'odd "name"') RETURNING project_id \gset
INSERT INTO public.projects (name, active, metadata_1) VALUES ('other', true, 'plan') RETURNING project_id AS other_id \gset
SELECT setseed(:seed) IS NOT NULL AS seeded;
-- Values that differ in case, hold wildcards and quotes, are empty or missing.
CREATE FUNCTION pg_temp.one_of(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT choices[1 + floor(cardinality(choices) * random())::integer]
$$;
CREATE FUNCTION pg_temp.word() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT pg_temp.one_of('/a', '/A', '/ab', '/b%', 'a_b', E'c\\d', E'o''q"', '', NULL)
$$;
CREATE FUNCTION pg_temp.some_word() RETURNS text LANGUAGE sql VOLATILE AS $$SELECT coalesce(pg_temp.word(), '/a')$$;

-- Twenty sessions in three minutes at the turn of a month; a few have not ended, a few are of another project.
\set t0 1648771140000
CREATE TEMP TABLE recorded AS
	SELECT n, :t0 + n * 10000 AS start_ts, ((:t0 + n * 10000 - 1550000000000) << 24) | n AS session_id FROM generate_series(0, 19) AS n;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, duration, rev_id, user_id, user_anonymous_id, user_uuid, user_os, user_os_version,
	user_browser, user_browser_version, user_device, user_device_type, user_country, user_city, user_state, events_count, issue_types, utm_source, utm_medium,
	utm_campaign, referrer, base_referrer, screen_width, screen_height, metadata_1, metadata_3)
SELECT session_id, CASE WHEN n % 10 = 9 THEN :other_id ELSE :project_id END, '17', start_ts, CASE WHEN n % 9 = 8 THEN NULL ELSE (n % 4) * 1000 END, pg_temp.word(), pg_temp.word(), pg_temp.word(),
	'00000000-0000-0000-0000-00000000000a', pg_temp.some_word(), pg_temp.word(), pg_temp.some_word(), pg_temp.word(), pg_temp.some_word(),
	pg_temp.one_of('desktop', 'mobile', 'tablet')::public.device_type, pg_temp.one_of('US', 'FR', 'UN')::public.country, pg_temp.word(), pg_temp.word(), n % 5,
	pg_temp.one_of('{}', '{click_rage}', '{dead_click,cpu}')::public.issue_type[], pg_temp.word(), pg_temp.word(), pg_temp.word(),
	r, split_part(r, '?', 1), 100 * (n % 3), nullif(n % 4, 0), pg_temp.word(), pg_temp.word()
FROM recorded, LATERAL (SELECT n AS m, pg_temp.one_of('https://www.google.com/search?q=a', 'http://News.example/a', '', NULL) AS r) AS t;

-- What happened in them, few moments apart, so that many things have the same time.
CREATE TEMP TABLE moment AS
	SELECT session_id, k, start_ts + floor(random() * 5)::bigint * 1000 AS ts FROM recorded, generate_series(1, 4) AS k;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path, query, dom_building_time, dom_content_loaded_time, load_time, first_paint_time,
	first_contentful_paint_time, speed_index, visually_complete, time_to_interactive, response_time, response_end, ttfb, web_vitals)
SELECT session_id, k, ts, 'a.example', pg_temp.some_word(), pg_temp.word(), n, n, n, n, n, n, n, n, n, n, n,
	pg_temp.one_of('{"CLS":"0.25","LCP":"1200"}', '{"INP":"80"}', '{"LCP":"x"}', NULL)
FROM moment, LATERAL (SELECT pg_temp.one_of('0', '100', '250', NULL)::integer + 0 * k AS n) AS t WHERE random() < 0.6;
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, url, path, selector, hesitation, normalized_x, normalized_y)
SELECT session_id, 10 + k, ts, pg_temp.word(), 'a.example' || pg_temp.some_word(), pg_temp.word(), pg_temp.some_word(), k * 100, k * 12.5, NULL FROM moment WHERE random() < 0.7;
INSERT INTO events.inputs (session_id, message_id, "timestamp", label, value, duration, hesitation)
SELECT session_id, 20 + k, ts, pg_temp.word(), pg_temp.word(), k * 100, NULL FROM moment WHERE random() < 0.5;
INSERT INTO events_common.customs (session_id, "timestamp", seq_index, name, payload, level)
SELECT session_id, ts, 30 + k, pg_temp.one_of('paid', 'Paid', 'left'), pg_temp.one_of('{"amount": 12.5, "ok": true}', '{"amount": "7", "name": "o''q\""}', '{"amount": "x", "ok": "false"}', '[1]', '{}')::jsonb, 'info'
FROM moment WHERE random() < 0.6;
INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, host, path, duration, success, status_code, method, request_body, response_body, transfer_size)
SELECT session_id, ts, 40 + k, 'https://b.example' || pg_temp.some_word(), 'b.example', pg_temp.word(), k * 100, status < 400, status, pg_temp.one_of('GET', 'POST', NULL)::public.http_method, pg_temp.word(), NULL, k
FROM moment, LATERAL (SELECT pg_temp.one_of('200', '404', '500')::smallint + 0 * k AS status) AS t WHERE random() < 0.6;
INSERT INTO events.graphql (session_id, message_id, "timestamp", name, request_body, response_body, method)
SELECT session_id, 50 + k, ts, pg_temp.some_word(), pg_temp.word(), pg_temp.word(), pg_temp.one_of('GET', 'POST', NULL)::public.http_method FROM moment WHERE random() < 0.4;
INSERT INTO events.state_actions (session_id, message_id, "timestamp", name) SELECT session_id, 60 + k, ts, pg_temp.some_word() FROM moment WHERE random() < 0.4;
INSERT INTO public.errors (error_id, project_id, source, name, message, payload) VALUES
	('filters-1', :project_id, 'js_exception', 'TypeError', '/a is undefined', '[]'), ('filters-2', :project_id, 'js_exception', NULL, '/a', '[1]'), ('filters-3', :project_id, 'sentry', '/ab', 'o''q"', '{}');
INSERT INTO events.errors (session_id, message_id, "timestamp", error_id) SELECT session_id, 70 + k, ts, pg_temp.one_of('filters-1', 'filters-2', 'filters-3') FROM moment WHERE random() < 0.4;
INSERT INTO events.tags (session_id, "timestamp", seq_index, tag_id) SELECT session_id, ts, 80 + k, k FROM moment WHERE random() < 0.4;
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES
	('filters-1', :project_id, 'click_rage', '/a'), ('filters-2', :project_id, 'dead_click', 'o''q"'), ('filters-3', :project_id, 'incident', '');
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id, payload)
SELECT session_id, ts, 90 + k, id, CASE id WHEN 'filters-3' THEN '{"label": "/ab", "start_time": 100, "end_time": "x"}'::jsonb END
FROM moment, LATERAL (SELECT pg_temp.one_of('filters-1', 'filters-2', 'filters-3') || left('', k) AS id) AS t WHERE random() < 0.5;
INSERT INTO events.performance (session_id, "timestamp", message_id, min_fps, avg_fps, max_fps, min_cpu, avg_cpu, max_cpu, min_total_js_heap_size, avg_total_js_heap_size,
	max_total_js_heap_size, min_used_js_heap_size, avg_used_js_heap_size, max_used_js_heap_size)
SELECT session_id, ts, 100 + k, k, 100, 250, k, k * 50, 100, k, k, 100, k, k * 1048576 * 50, 250 FROM moment WHERE random() < 0.4;
INSERT INTO events_ios.taps (session_id, "timestamp", seq_index, label) SELECT session_id, ts, 110 + k, pg_temp.some_word() FROM moment WHERE random() < 0.4;
INSERT INTO events_ios.inputs (session_id, "timestamp", seq_index, label) SELECT session_id, ts, 120 + k, pg_temp.some_word() FROM moment WHERE random() < 0.4;
INSERT INTO events_ios.swipes (session_id, "timestamp", seq_index, label, direction) SELECT session_id, ts, 130 + k, pg_temp.some_word(), pg_temp.one_of('up', 'left') FROM moment WHERE random() < 0.4;
INSERT INTO events_ios.views (session_id, "timestamp", seq_index, name) SELECT session_id, ts, 140 + k, pg_temp.some_word() FROM moment WHERE random() < 0.4;
INSERT INTO public.crashes_ios (crash_ios_id, project_id, name, reason, stacktrace) VALUES ('filters-1', :project_id, 'SIGABRT', '/a', '/ab'), ('filters-2', :project_id, '/ab', 'SIGSEGV', '');
INSERT INTO events_common.crashes (session_id, "timestamp", seq_index, crash_ios_id) SELECT session_id, ts, 150 + k, pg_temp.one_of('filters-1', 'filters-2') FROM moment WHERE random() < 0.3;

-- Half of the sessions are answered from sequences where these can answer, the others from their rows.
SELECT openreplay.backfill_some_sessions(:project_id, 0, session_id, 100) IS NOT NULL AS sequences FROM recorded WHERE n = 10;

--
-- The second definition. All that happened is one table, each with its members as JSON.
--
CREATE TEMP TABLE happened AS
	SELECT 'pages' AS kind, session_id, "timestamp" AS ts, message_id::text AS key, to_jsonb(e) || jsonb_build_object('url_path', path, 'url_host', host, 'url_hostpath', host || path,
		'url', host || path || CASE WHEN query <> '' THEN '?' || query ELSE '' END, '$current_path', path, 'dom_content_loaded_event_time', dom_content_loaded_time, 'load_event_time', load_time,
		'first_paint', first_paint_time, 'cls', web_vitals::jsonb ->> 'CLS', 'inp', web_vitals::jsonb ->> 'INP', 'lcp', nullif(web_vitals::jsonb ->> 'LCP', 'x')) AS members FROM events.pages e
	UNION ALL SELECT 'clicks', session_id, "timestamp", message_id::text, to_jsonb(e) || jsonb_build_object('hesitation_time', hesitation, 'url_path', path, 'url_host', split_part(url, '/', 1),
		'url_hostpath', url, '$current_path', path) FROM events.clicks e
	UNION ALL SELECT 'inputs', session_id, "timestamp", message_id::text, to_jsonb(e) || jsonb_build_object('hesitation_time', hesitation) FROM events.inputs e
	UNION ALL SELECT 'customs', session_id, "timestamp", seq_index::text, to_jsonb(e) FROM events_common.customs e
	UNION ALL SELECT 'requests', session_id, "timestamp", seq_index::text, to_jsonb(e) || jsonb_build_object('url_path', path, 'url_host', host, 'url_hostpath', host || path, 'status', status_code) FROM events_common.requests e
	UNION ALL SELECT 'graphql', session_id, "timestamp", message_id::text, to_jsonb(e) FROM events.graphql e
	UNION ALL SELECT 'state_actions', session_id, "timestamp", message_id::text, to_jsonb(e) FROM events.state_actions e
	UNION ALL SELECT 'errors', session_id, "timestamp", message_id::text, jsonb_build_object('name', d.name, 'message', d.message, 'source', d.source, 'payload', d.payload) FROM events.errors e JOIN public.errors d USING (error_id)
	UNION ALL SELECT 'tags', session_id, "timestamp", seq_index::text, to_jsonb(e) FROM events.tags e
	UNION ALL SELECT 'issues', session_id, "timestamp", seq_index || issue_id, jsonb_build_object('issue_type', d.type, 'context_string', d.context_string, 'payload', e.payload, 'label', e.payload -> 'label',
		'start_time', e.payload -> 'start_time') FROM events_common.issues e JOIN public.issues d USING (issue_id)
	UNION ALL SELECT 'performance', session_id, "timestamp", message_id::text, to_jsonb(e) FROM events.performance e
	UNION ALL SELECT 'taps', session_id, "timestamp", seq_index::text, to_jsonb(e) FROM events_ios.taps e
	UNION ALL SELECT 'mobile_inputs', session_id, "timestamp", seq_index::text, to_jsonb(e) FROM events_ios.inputs e
	UNION ALL SELECT 'swipes', session_id, "timestamp", seq_index::text, to_jsonb(e) FROM events_ios.swipes e
	UNION ALL SELECT 'views', session_id, "timestamp", seq_index::text, to_jsonb(e) FROM events_ios.views e
	UNION ALL SELECT 'crashes', session_id, "timestamp", seq_index::text, to_jsonb(d) || jsonb_build_object('payload', stacktrace) FROM events_common.crashes e JOIN public.crashes_ios d USING (crash_ios_id);
DELETE FROM happened WHERE session_id NOT IN (SELECT session_id FROM recorded);
CREATE INDEX ON happened (session_id, kind);
ANALYZE happened;

-- Which kind of things an event is, and what of them its value is compared with.
CREATE TEMP TABLE event_names (name text PRIMARY KEY, kind text, member text, other text);
INSERT INTO event_names VALUES ('click', 'clicks', 'label', NULL), ('input', 'inputs', 'label', NULL), ('location', 'pages', 'path', NULL), ('custom', 'customs', 'name', NULL), ('request', 'requests', 'path', NULL),
	('stateAction', 'state_actions', 'name', NULL), ('error', 'errors', 'message', 'name'), ('tag', 'tags', 'tag_id', NULL), ('fetch', 'requests', NULL, NULL), ('graphql', 'graphql', NULL, NULL), ('fetchFailed', 'requests', 'path', NULL),
	('clickMobile', 'taps', 'label', NULL), ('inputMobile', 'mobile_inputs', 'label', NULL), ('viewMobile', 'views', 'name', NULL), ('customMobile', 'customs', 'name', NULL), ('requestMobile', 'requests', 'path', NULL),
	('errorMobile', 'crashes', 'reason', 'name'), ('swipeMobile', 'swipes', 'label', NULL), ('domComplete', 'pages', 'path', NULL), ('largestContentfulPaintTime', 'pages', 'path', NULL), ('ttfb', 'pages', 'path', NULL),
	('avgCpuLoad', 'pages', 'path', NULL), ('avgMemoryUsage', 'pages', 'path', NULL),
	('LOCATION', 'pages', NULL, NULL), ('CLICK', 'clicks', NULL, NULL), ('INPUT', 'inputs', NULL, NULL), ('REQUEST', 'requests', NULL, NULL), ('GRAPHQL', 'graphql', NULL, NULL), ('ERROR', 'errors', NULL, NULL), ('ISSUE', 'issues', NULL, NULL), ('PERFORMANCE', 'performance', NULL, NULL),
	('TAG_TRIGGER', 'tags', NULL, NULL), ('INCIDENT', 'issues', NULL, NULL), ('TAP', 'taps', NULL, NULL), ('SWIPE', 'swipes', NULL, NULL), ('VIEW', 'views', NULL, NULL), ('CRASH', 'crashes', NULL, NULL), ('STATE_ACTION', 'state_actions', NULL, NULL), ('CUSTOM', 'customs', NULL, NULL);

CREATE FUNCTION pg_temp.holds(value text, operator text, choices text[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	choice text;
	any_true boolean := false;
	any_false boolean := false;
	one boolean;
BEGIN
	IF operator IN ('isAny', 'onAny') THEN
		RETURN value IS NOT NULL;
	ELSIF operator = 'isUndefined' THEN
		RETURN value IS NULL OR value = '';
	ELSIF value IS NULL THEN
		RETURN false;
	ELSIF operator IN ('true', 'isTrue', 'false', 'isFalse') THEN
		RETURN value = (operator IN ('true', 'isTrue'))::text;
	END IF;
	FOREACH choice IN ARRAY choices LOOP
		one := CASE operator
			WHEN 'is' THEN value = choice WHEN 'on' THEN value = choice WHEN '=' THEN value::text = choice OR (value ~ '^-?[0-9.]+$' AND choice ~ '^-?[0-9.]+$' AND value::numeric = choice::numeric)
			WHEN 'isNot' THEN value <> choice WHEN 'notOn' THEN value <> choice WHEN '!=' THEN value <> choice
			WHEN 'contains' THEN position(lower(choice) IN lower(value)) > 0 WHEN 'notContains' THEN position(lower(choice) IN lower(value)) = 0
			WHEN 'startsWith' THEN left(lower(value), length(choice)) = lower(choice) WHEN 'endsWith' THEN right(lower(value), length(choice)) = lower(choice) OR choice = ''
			WHEN 'regex' THEN value ~ choice
			WHEN '<' THEN value::numeric < choice::numeric WHEN '>' THEN value::numeric > choice::numeric
			WHEN '<=' THEN value::numeric <= choice::numeric WHEN '>=' THEN value::numeric >= choice::numeric END;
		any_true := any_true OR one;
		any_false := any_false OR NOT one;
	END LOOP;
	RETURN CASE WHEN operator IN ('isNot', 'notOn', '!=', 'notContains') THEN NOT any_false ELSE any_true END;
END
$$;
CREATE FUNCTION pg_temp.is_negative(operator text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT operator IN ('isNot', 'notOn', '!=', 'notContains', 'selectorIsNot', 'selectorNotContains')$$;
CREATE FUNCTION pg_temp.positive(operator text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE operator WHEN 'isNot' THEN 'is' WHEN 'notOn' THEN 'on' WHEN '!=' THEN '=' WHEN 'notContains' THEN 'contains' WHEN 'selectorIsNot' THEN 'selectorIs' WHEN 'selectorNotContains' THEN 'selectorContains' ELSE operator END
$$;
CREATE FUNCTION pg_temp.choices(item jsonb) RETURNS text[] LANGUAGE sql AS $$SELECT ARRAY(SELECT jsonb_array_elements_text(item -> 'value'))$$;
-- a property as the sub-filters of the first generation call it
CREATE FUNCTION pg_temp.member(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE name WHEN 'fetchUrl' THEN 'path' WHEN 'fetchStatusCode' THEN 'status_code' WHEN 'fetchMethod' THEN 'method' WHEN 'fetchDuration' THEN 'duration' WHEN 'fetchRequestBody' THEN 'request_body'
		WHEN 'fetchResponseBody' THEN 'response_body' WHEN 'graphqlName' THEN 'name' WHEN 'graphqlMethod' THEN 'method' WHEN 'graphqlRequestBody' THEN 'request_body' WHEN 'graphqlResponseBody' THEN 'response_body' ELSE name END
$$;
CREATE FUNCTION pg_temp.condition_holds(members jsonb, condition jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	name text := pg_temp.member(coalesce(condition ->> 'name', condition ->> 'type'));
	value text := CASE WHEN condition ->> 'autoCaptured' = 'false' THEN members -> 'payload' ->> name ELSE members ->> name END;
BEGIN
	IF name IN ('message_or_name', 'reason_or_name') THEN
		IF pg_temp.is_negative(condition ->> 'operator') THEN
			RETURN pg_temp.holds(members ->> split_part(name, '_', 1), condition ->> 'operator', pg_temp.choices(condition)) AND pg_temp.holds(members ->> 'name', condition ->> 'operator', pg_temp.choices(condition));
		END IF;
		RETURN pg_temp.holds(members ->> split_part(name, '_', 1), condition ->> 'operator', pg_temp.choices(condition)) OR pg_temp.holds(members ->> 'name', condition ->> 'operator', pg_temp.choices(condition));
	END IF;
	IF condition ->> 'dataType' = 'number' AND condition ->> 'autoCaptured' = 'false' AND value !~ '^-?[0-9]+(\.[0-9]+)?$' THEN
		value := NULL;
	END IF;
	RETURN pg_temp.holds(value, condition ->> 'operator', pg_temp.choices(condition));
END
$$;
-- Whether one thing that happened is what an item is about, however negative the item is.
CREATE FUNCTION pg_temp.thing_matches(h happened, item jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	name text := coalesce(item ->> 'name', item ->> 'type');
	e event_names;
	operator text := item ->> 'operator';
	condition jsonb;
	held boolean;
	any_true boolean := false;
	all_true boolean := true;
	turned boolean;
	conditions jsonb := coalesce(item -> 'filters', '[]');
BEGIN
	IF item ? 'name' AND item ->> 'autoCaptured' = 'false' THEN
		IF h.kind <> 'customs' OR h.members ->> 'name' <> name THEN
			RETURN false;
		END IF;
	ELSE
		SELECT * INTO e FROM event_names n WHERE n.name = coalesce(item ->> 'name', item ->> 'type');
		IF h.kind <> e.kind OR (name = 'fetchFailed' AND (h.members ->> 'success')::boolean) OR (name = 'INCIDENT' AND h.members ->> 'issue_type' <> 'incident') THEN
			RETURN false;
		END IF;
	END IF;
	IF e.kind IS NOT NULL AND e.member IS NOT NULL THEN
		IF name = 'error' AND NOT (coalesce(item #>> '{source,0}', 'js_exception') IN ('*', '') OR coalesce(item -> 'source', '["js_exception"]') ? (h.members ->> 'source')) THEN
			RETURN false;
		ELSIF name = 'input' AND jsonb_array_length(coalesce(item -> 'source', '[]')) > 0 AND NOT pg_temp.holds(h.members ->> 'value', 'contains', ARRAY(SELECT jsonb_array_elements_text(item -> 'source'))) THEN
			RETURN false;
		ELSIF item ? 'sourceOperator' AND NOT EXISTS (
			SELECT FROM (
				SELECT CASE name WHEN 'domComplete' THEN h.members ->> 'dom_building_time' WHEN 'ttfb' THEN h.members ->> 'ttfb' WHEN 'largestContentfulPaintTime' THEN h.members ->> 'first_contentful_paint_time' END::numeric AS measured, 1 AS unit
				UNION ALL
				SELECT CASE name WHEN 'avgCpuLoad' THEN p.members ->> 'avg_cpu' WHEN 'avgMemoryUsage' THEN p.members ->> 'avg_used_js_heap_size' END::numeric, CASE name WHEN 'avgMemoryUsage' THEN 1048576 ELSE 1 END
				FROM happened p WHERE p.session_id = h.session_id AND p.kind = 'performance' AND p.ts >= h.ts
			) AS m, jsonb_array_elements_text(item -> 'source') AS s (limit_text)
			WHERE m.measured > 0 AND pg_temp.holds((m.measured / m.unit)::text, item ->> 'sourceOperator', ARRAY[trim_scale(s.limit_text::numeric)::text])) THEN
			RETURN false;
		END IF;
		IF operator LIKE 'selector%' THEN
			operator := lower(substr(pg_temp.positive(operator), 9, 1)) || substr(pg_temp.positive(operator), 10);
			RETURN operator = 'isAny' OR pg_temp.holds(h.members ->> 'selector', operator, pg_temp.choices(item));
		END IF;
		RETURN operator IN ('isAny', 'onAny') OR pg_temp.holds(h.members ->> e.member, pg_temp.positive(operator), pg_temp.choices(item))
			OR (e.other IS NOT NULL AND pg_temp.holds(h.members ->> e.other, pg_temp.positive(operator), pg_temp.choices(item)));
	END IF;
	-- conditions that are all negative tell what must not be
	turned := item ? 'name' AND NOT pg_temp.is_negative(operator) AND NOT EXISTS (SELECT FROM jsonb_array_elements(conditions) c WHERE NOT pg_temp.is_negative(c ->> 'operator'));
	FOR condition IN SELECT c FROM jsonb_array_elements(conditions) c LOOP
		IF turned THEN
			condition := condition || jsonb_build_object('operator', pg_temp.positive(condition ->> 'operator'));
		END IF;
		held := pg_temp.condition_holds(h.members, condition);
		any_true := any_true OR held;
		all_true := all_true AND held;
	END LOOP;
	RETURN all_true OR (any_true AND item ->> 'propertyOrder' = 'or');
END
$$;
CREATE FUNCTION pg_temp.item_is_negative(item jsonb) RETURNS boolean LANGUAGE sql AS $$
	SELECT pg_temp.is_negative(item ->> 'operator') OR (item ? 'name' AND jsonb_array_length(coalesce(item -> 'filters', '[]')) > 0
		AND NOT EXISTS (SELECT FROM jsonb_array_elements(item -> 'filters') c WHERE NOT pg_temp.is_negative(c ->> 'operator')))
$$;
-- Whether the items from the n-th on follow what was reached: tries every thing that could come next, of the earliest ones.
CREATE FUNCTION pg_temp.follow(session bigint, items jsonb, n integer, at_ts bigint, at_kind text, at_key text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	h happened;
	earliest bigint;
BEGIN
	IF n = jsonb_array_length(items) THEN
		RETURN true;
	END IF;
	IF pg_temp.item_is_negative(items -> n) THEN
		RETURN NOT EXISTS (SELECT FROM happened x WHERE x.session_id = session AND pg_temp.thing_matches(x, items -> n) AND (x.ts > at_ts OR (x.ts = at_ts AND (x.kind, x.key) IS DISTINCT FROM (at_kind, at_key))))
			AND pg_temp.follow(session, items, n + 1, at_ts, at_kind, at_key);
	END IF;
	FOR h IN SELECT * FROM happened x WHERE x.session_id = session AND x.ts >= at_ts AND (x.ts > at_ts OR (x.kind, x.key) IS DISTINCT FROM (at_kind, at_key)) ORDER BY x.ts LOOP
		EXIT WHEN h.ts > earliest;
		CONTINUE WHEN NOT pg_temp.thing_matches(h, items -> n);
		earliest := h.ts;
		IF pg_temp.follow(session, items, n + 1, h.ts, h.kind, h.key) THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END
$$;
-- Attributes of a session by their names in filters.
CREATE TEMP TABLE attributes AS
	SELECT s.session_id, s.start_ts, s.duration, s.project_id, jsonb_build_object('userOs', user_os, 'userOsVersion', user_os_version, 'userBrowser', user_browser, 'userBrowserVersion', user_browser_version,
		'userDevice', user_device, 'userDeviceType', user_device_type, 'platform', user_device_type, 'userCountry', user_country, 'userCity', user_city, 'userState', user_state, 'userId', user_id,
		'userAnonymousId', user_anonymous_id, 'revId', rev_id, 'referrer', base_referrer, 'utmSource', utm_source, 'utmMedium', utm_medium, 'utmCampaign', utm_campaign, 'screenWidth', screen_width,
		'screenHeight', screen_height, 'eventsCount', events_count) || jsonb_build_object('$os', user_os, '$browser', user_browser, '$device', user_device, '$referrer', referrer,
		'$referring_domain', CASE WHEN base_referrer LIKE '%google%' THEN 'www.google.com' WHEN base_referrer LIKE '%News%' THEN 'News.example' END, '$search_engine', CASE WHEN base_referrer LIKE '%google%' THEN 'google' END,
		'metadata', metadata_1, 'metadata_3', metadata_3) AS members, s.issue_types::text[] AS issues
	FROM public.sessions s JOIN recorded USING (session_id);
CREATE FUNCTION pg_temp.attribute_holds(a attributes, item jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	name text := coalesce(item ->> 'name', item ->> 'type');
	kinds text[] := pg_temp.choices(item);
BEGIN
	IF name = 'duration' THEN
		kinds := ARRAY(SELECT k FROM unnest(kinds) WITH ORDINALITY AS x (k, n) WHERE k ~ '^[0-9]*$' ORDER BY n);
		RETURN a.duration >= coalesce(kinds[1], '0')::integer AND (coalesce(kinds[2], '0') = '0' OR a.duration <= kinds[2]::integer);
	ELSIF name IN ('issue', 'issueType') THEN
		RETURN CASE item ->> 'operator' WHEN 'isAny' THEN a.issues <> '{}' WHEN 'onAny' THEN a.issues <> '{}' WHEN 'isUndefined' THEN a.issues = '{}' ELSE a.issues && kinds <> pg_temp.is_negative(item ->> 'operator') END;
	ELSIF name = 'metadata' AND item ->> 'source' NOT IN ('plan', 'odd "name"') THEN
		RETURN true;
	ELSIF name IN ('thermalState', 'mainThreadCPU', 'viewComponent', 'logEvent', 'clickEvent', 'memoryUsage') THEN
		RETURN true;
	END IF;
	RETURN pg_temp.holds(a.members ->> name, item ->> 'operator', kinds);
END
$$;
CREATE FUNCTION pg_temp.is_event(item jsonb) RETURNS boolean LANGUAGE sql AS $$
	SELECT (item ? 'name' AND item ->> 'isEvent' = 'true') OR EXISTS (SELECT FROM event_names WHERE name = item ->> 'type')
$$;
CREATE FUNCTION pg_temp.session_matches(a attributes, filter jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	items jsonb := (SELECT coalesce(jsonb_agg(i ORDER BY n), '[]') FROM jsonb_array_elements(filter -> 'filters') WITH ORDINALITY AS f (i, n) WHERE pg_temp.is_event(i));
	item jsonb;
	held boolean;
	any_true boolean := false;
	all_true boolean := true;
BEGIN
	IF a.duration IS NULL THEN
		RETURN false;
	END IF;
	FOR item IN SELECT i FROM jsonb_array_elements(filter -> 'filters') i WHERE NOT pg_temp.is_event(i) LOOP
		IF NOT pg_temp.attribute_holds(a, item) THEN
			RETURN false;
		END IF;
	END LOOP;
	IF jsonb_array_length(items) = 0 THEN
		RETURN true;
	ELSIF coalesce(filter ->> 'eventsOrder', 'then') = 'then' THEN
		RETURN pg_temp.follow(a.session_id, items, 0, 0, NULL, NULL);
	END IF;
	FOR item IN SELECT i FROM jsonb_array_elements(items) i LOOP
		held := EXISTS (SELECT FROM happened h WHERE h.session_id = a.session_id AND pg_temp.thing_matches(h, item)) <> pg_temp.item_is_negative(item);
		any_true := any_true OR held;
		all_true := all_true AND held;
	END LOOP;
	RETURN CASE filter ->> 'eventsOrder' WHEN 'or' THEN any_true ELSE all_true END;
END
$$;
CREATE FUNCTION pg_temp.defined(filter jsonb, project integer) RETURNS bigint[] LANGUAGE sql AS $$
	SELECT ARRAY(SELECT session_id FROM attributes a WHERE a.project_id = project AND pg_temp.session_matches(a, filter) ORDER BY 1)
$$;
CREATE FUNCTION pg_temp.found(filter jsonb, project integer) RETURNS bigint[] LANGUAGE sql AS $$
	SELECT ARRAY(SELECT session_id FROM openreplay.matching_sessions(project, filter || '{"startTimestamp": 1648771140000, "endTimestamp": 1648771500000}') ORDER BY 1)
$$;

--
-- Every row of the catalogue with every operator it allows.
--
CREATE TEMP TABLE cases AS
WITH list AS (
	SELECT c.*, o.operator, CASE
		WHEN c.type = 'number' THEN v.numbers WHEN c.type = 'boolean' THEN '["true"]' WHEN c.type = 'issues' THEN v.kinds WHEN c.type = 'range' THEN v.numbers ELSE v.texts END::jsonb AS value
	FROM openreplay.filter_catalogue() c
	CROSS JOIN LATERAL string_to_table(coalesce(c.operators, 'is'), ', ') AS o (operator)
	-- values in turn
	JOIN (VALUES (0, '["/a"]', '["100"]', '["click_rage"]'), (1, '["/A", "o''q\"", "b%", "_"]', '["250", "2"]', '["dead_click", "cpu"]'), (2, '[""]', '["0", "1000"]', '["memory"]')) AS v (turn, texts, numbers, kinds)
		ON v.turn = (length(c.name) + length(o.operator)) % 3
)
SELECT what, event, name, operator, value, CASE
	WHEN what = 'attribute' THEN jsonb_build_object('type', name, 'operator', operator, 'value', value) || CASE name WHEN 'metadata' THEN '{"source": "plan"}' ELSE '{}' END::jsonb
	WHEN what = 'event' AND generation = 2 THEN jsonb_build_object('name', name, 'isEvent', true, 'operator', 'is', 'value', '[]'::jsonb)
	WHEN what = 'event' AND name IN ('fetch', 'graphql') THEN jsonb_build_object('type', name, 'operator', operator, 'filters', '[]'::jsonb)
	WHEN what = 'event' THEN jsonb_build_object('type', name, 'operator', operator, 'value', value)
		|| CASE WHEN name IN ('domComplete', 'largestContentfulPaintTime', 'ttfb', 'avgCpuLoad', 'avgMemoryUsage') THEN '{"source": [100], "sourceOperator": ">="}' ELSE '{}' END::jsonb
	WHEN generation = 1 THEN jsonb_build_object('type', event, 'operator', 'is', 'filters', jsonb_build_array(jsonb_build_object('type', name, 'operator', operator, 'value', value)))
	ELSE jsonb_build_object('name', event, 'isEvent', true, 'operator', 'is', 'filters', jsonb_build_array(jsonb_build_object('name', name, 'operator', operator, 'value', value))) END AS item
FROM list;
INSERT INTO cases
	SELECT 'selector', 'click', 'click', o, v, jsonb_build_object('type', 'click', 'operator', o, 'value', v)
	FROM unnest('{selectorIs,selectorIsNot,selectorIsAny,selectorIsUndefined,selectorContains,selectorNotContains,selectorStartsWith,selectorEndsWith}'::text[]) o, unnest('{"[\"/a\"]","[\"/A\", \"_\"]"}'::jsonb[]) v;
CREATE TEMP TABLE answers AS
	SELECT what, event, name, operator, item, pg_temp.found(jsonb_build_object('filters', jsonb_build_array(item)), :project_id) AS found,
		   pg_temp.defined(jsonb_build_object('filters', jsonb_build_array(item)), :project_id) AS defined
	FROM cases;
SELECT what, count(DISTINCT (event, name)) AS rows, count(DISTINCT operator) AS operators, count(*) > 0 AS compared, count(*) FILTER (WHERE found <> defined) AS different,
	   count(*) FILTER (WHERE found <> '{}') > 0 AS some, count(*) FILTER (WHERE cardinality(found) < 16) > 0 AS not_all FROM answers GROUP BY what ORDER BY what;
SELECT item, found, defined FROM answers WHERE found <> defined ORDER BY item::text LIMIT 10;

--
-- Random combinations of them, in all orders: what is found is what the second definition says.
--
CREATE TEMP TABLE mixes AS
	SELECT n, jsonb_build_object('eventsOrder', (ARRAY['then', 'and', 'or'])[1 + n % 3], 'filters', (
			SELECT jsonb_agg(item) FROM (SELECT item FROM cases TABLESAMPLE BERNOULLI (30) REPEATABLE (n) ORDER BY random() LIMIT 1 + n % 4) AS chosen)) AS filter
	FROM generate_series(1, :mixes) AS n;
CREATE TEMP TABLE mixed AS
	SELECT filter, pg_temp.found(filter, :project_id) AS found, pg_temp.defined(filter, :project_id) AS defined FROM mixes WHERE filter -> 'filters' <> 'null';
SELECT filter ->> 'eventsOrder' AS "order", count(*) > 50 AS many, count(*) FILTER (WHERE found <> defined) AS different, count(*) FILTER (WHERE found <> '{}') > 10 AS some FROM mixed GROUP BY 1 ORDER BY 1;
SELECT filter, found, defined FROM mixed WHERE found <> defined ORDER BY filter::text LIMIT 3;

--
-- Hostile text in every place that holds text: refused, or nothing but a text like any other.
--
CREATE FUNCTION pg_temp.text_places(object jsonb) RETURNS SETOF text[] LANGUAGE sql AS $$
	WITH RECURSIVE place (path, value) AS (
		VALUES ('{}'::text[], object)
		UNION ALL
		SELECT p.path || m.key, m.value FROM place p, LATERAL (
			SELECT key, value FROM jsonb_each(CASE jsonb_typeof(p.value) WHEN 'object' THEN p.value END)
			UNION ALL
			SELECT (n - 1)::text, value FROM jsonb_array_elements(CASE jsonb_typeof(p.value) WHEN 'array' THEN p.value END) WITH ORDINALITY AS x (value, n)) AS m
	)
	SELECT path FROM place WHERE jsonb_typeof(value) = 'string'
$$;
CREATE FUNCTION pg_temp.meet(filter jsonb, project integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found bigint[];
	defined bigint[];
	code text;
BEGIN
	BEGIN
		found := pg_temp.found(filter, project);
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE;
		RETURN 'refused, ' || code;
	END;
	defined := pg_temp.defined(filter, project);
	RETURN CASE WHEN found = defined THEN 'as any text' ELSE 'DIFFERENT' END;
END
$$;
CREATE TEMP TABLE hostile AS
	SELECT row_number() OVER (ORDER BY c.item::text, p.path, h.text) AS n, jsonb_build_object('filters', jsonb_build_array(jsonb_set(c.item, p.path, to_jsonb(h.text)))) AS filter
	FROM cases c, pg_temp.text_places(c.item) AS p (path),
		unnest(ARRAY['''; DELETE FROM public.sessions; --', '" OR true OR "', '$1', '$$) OR true --', E'\\'' OR 1=1 --', '%s%n', '); SELECT pg_sleep(60); --', repeat('(', 300), U&'\2019 OR 1=1', 'NULL', '{}', '*']) AS h (text);
CREATE TEMP TABLE met AS SELECT filter, pg_temp.meet(filter, :project_id) AS what FROM hostile WHERE n % :every_nth_hostile = 0;
SELECT what, count(*) > 100 AS many FROM met GROUP BY 1 ORDER BY 1;
SELECT filter FROM met WHERE what NOT IN ('as any text', 'refused, 22023') ORDER BY filter::text LIMIT 5;
SELECT count(*) AS sessions_are_there FROM public.sessions WHERE project_id IN (:project_id, :other_id);

-- Two things of one moment: either may be the first, so one of them can be followed by what the other is, and either by nothing like itself.
SELECT session_id AS one FROM recorded WHERE n = 1 \gset
SELECT openreplay.forget_session_events(ARRAY[:one]);
DELETE FROM events_common.requests WHERE session_id = :one;
INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, path, duration, success, status_code, method)
SELECT session_id, start_ts, i, 'https://b.example/' || path, path, 1, true, status, 'GET' FROM recorded, (VALUES (1, '/first', 200), (2, '/second', 404)) AS r (i, path, status) WHERE session_id = :one;
SELECT steps, :one IN (SELECT session_id FROM openreplay.matching_sessions(:project_id, jsonb_build_object('eventsOrder', 'then', 'filters', (
	SELECT jsonb_agg(jsonb_build_object('type', 'fetch', 'isEvent', true, 'operator', 'is', 'value', '[]'::jsonb, 'filters', jsonb_build_array(
		jsonb_build_object('type', 'fetchStatusCode', 'operator', split_part(step, ' ', 1), 'value', string_to_array(split_part(step, ' ', 2), ',')))) ORDER BY n)
	FROM unnest(steps) WITH ORDINALITY AS x (step, n))))) AS matches
FROM (VALUES (ARRAY['= 200', '= 404']), (ARRAY['= 404', '= 200']), (ARRAY['= 200', '= 200']), (ARRAY['>= 200', '>= 200', '>= 200']),
	(ARRAY['>= 200', '!= 404']), (ARRAY['>= 200', '!= 404,200']), (ARRAY['= 200', '!= 404']), (ARRAY['= 200', '!= 200'])) AS v (steps);
ROLLBACK;
