--
-- Journeys: which ways sessions take from an event, or to one
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\getenv srcdir PG_ABS_SRCDIR
\pset format unaligned
\set include :srcdir '/sql/include/try.sql'
\i :include
BEGIN;
SELECT openreplay.ensure_session_partitions('2021-06-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('journeys', true) RETURNING project_id \gset
INSERT INTO public.projects (name, active) VALUES ('ways', true) RETURNING project_id AS ways_id \gset
-- In the first project 30 visitors go from /home to the cart and 10 to the help, where they take their time. A visit of one event, one of no length and one that goes on are none to judge by.
\set t0 1623000000000
CREATE TEMP TABLE visit AS
	SELECT n, :t0 + n * 60000 AS start_ts, ((:t0 + n * 60000 - 1550000000000) << 24) | n AS session_id FROM generate_series(1, 200) AS n;
GRANT SELECT ON visit TO openreplay_reader;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, duration, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, events_count)
SELECT session_id, CASE WHEN n <= 50 THEN :project_id ELSE :ways_id END, '17', start_ts, CASE WHEN n = 42 THEN 0 WHEN n <> 43 THEN 30000 END, md5(n::text)::uuid, 'Linux', CASE n % 2 WHEN 0 THEN 'Chrome' ELSE 'Firefox' END, '', 'desktop', 'NL', CASE WHEN n = 41 THEN 1 ELSE 2 END
FROM visit WHERE n <= 43 OR n > 100;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path)
SELECT session_id, 1, start_ts + 100, 'a.example', '/home' FROM visit WHERE n <= 43
UNION ALL SELECT session_id, 2, start_ts + 5500, 'a.example', '/cart' FROM visit WHERE n <= 30 OR n > 40 AND n <= 43 UNION ALL SELECT session_id, 2, start_ts + 9200, 'a.example', '/help' FROM visit WHERE n > 30 AND n <= 40;
-- In the other one, each way of some letters is that of as many visits, a second a step, the first page at 0 s: upper case are pages, lower case clicks on a button of that name, digits events of the site's own.
CREATE TEMP TABLE way AS SELECT w, n, 100 + sum(n) OVER (ORDER BY w COLLATE "C") - n AS before FROM (VALUES ('AaB', 6), ('ABC', 5), ('ABCD', 4), ('AB1C', 3), ('ABB', 2), ('AC', 2), ('A', 1), ('BA', 3), ('BAB2', 2), ('CaBA', 1)) AS w (w, n);
CREATE TEMP TABLE step AS
	SELECT v.session_id, k, v.start_ts + (k - 1) * 1000 AS ts, substr(w.w, k::integer, 1) AS what FROM way w JOIN visit v ON v.n > w.before AND v.n <= w.before + w.n, generate_series(1, length(w.w)) AS k;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path) SELECT session_id, k, ts, 'a.example', '/' || what FROM step WHERE what ~ '[A-Z]';
INSERT INTO events.clicks (session_id, message_id, "timestamp", label) SELECT session_id, k, ts, what FROM step WHERE what ~ '[a-z]';
INSERT INTO events_common.customs (session_id, seq_index, "timestamp", name, payload) SELECT session_id, k, ts, 'event ' || what, '{}' FROM step WHERE what ~ '[0-9]';
-- Issues: of four visits of the first project, twice in one; later than the range; of a visit that is not looked at.
INSERT INTO public.issues (issue_id, project_id, type, context_string) VALUES ('journeys-1', :project_id, 'dead_click', '#pay'), ('journeys-2', :project_id, 'bad_request', '/api/x'), ('journeys-3', :project_id, 'cpu', '');
INSERT INTO events_common.issues (session_id, "timestamp", seq_index, issue_id)
SELECT session_id, start_ts + 200, 10, 'journeys-1' FROM visit WHERE n IN (1, 2, 35, 36) UNION ALL SELECT session_id, start_ts + 300, 11, 'journeys-1' FROM visit WHERE n = 1
UNION ALL SELECT session_id, start_ts + 200, 12, 'journeys-2' FROM visit WHERE n IN (3, 4) UNION ALL SELECT session_id, start_ts + 86400000, 13, 'journeys-3' FROM visit WHERE n = 5 UNION ALL SELECT session_id, start_ts + 200, 14, 'journeys-3' FROM visit WHERE n IN (41, 42, 43);
CREATE FUNCTION pg_temp.card(more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT '{"metricType": "pathAnalysis", "metricOf": "sessionCount", "density": 2, "startTimestamp": 1623000000000, "endTimestamp": 1623086400000, "series": [{"filter": {"filters": []}}]}' || more
$$;
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;

-- The chart of either generation, and as rows.
SELECT jsonb_pretty(openreplay.try_card(:project_id, pg_temp.card()));
SELECT openreplay.try_card(:project_id, pg_temp.card('{"generation": 2, "excludes": [{"name": "LOCATION", "isEvent": true, "operator": "is", "filters": [{"name": "url_path", "operator": "is", "value": ["/help"]}]}]}'));
SELECT * FROM openreplay.journey(:project_id, pg_temp.card());
-- Paths begin with what most begin with; three steps more.
SELECT * FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 4}'));
SELECT * FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 4, "generation": 2}'));
SELECT openreplay.try_card(:ways_id, pg_temp.card('{"density": 4, "generation": 2}'));
-- Clicks as well; few links; fewer rows, the others being one.
SELECT step, source, target, sessions, percent FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 3, "hideExcess": true, "metricValue": ["location", "click", "custom"]}'));
SELECT step, source_type, source, target_type, target, sessions, percent FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 4, "hideExcess": true, "rows": 1, "generation": 2, "metricValue": ["LOCATION", "CLICK", "event 1"]}'));
-- From a start point on, from its first event; to one, from its last event backwards, links in the order of time.
SELECT step, source, target, sessions, percent, avg_gap_ms FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 3, "startPoint": [{"type": "location", "operator": "is", "value": ["/B"]}]}'));
SELECT step, source, target, sessions, percent, avg_gap_ms FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 3, "startType": "end", "startPoint": [{"type": "location", "operator": "is", "value": ["/B"]}]}'));
SELECT step, source, target, sessions, percent FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 3, "startType": "end"}'));
SELECT openreplay.try_card(:ways_id, pg_temp.card('{"density": 3, "startType": "end", "startPoint": {"type": "click", "operator": "onAny"}}'));
SELECT openreplay.try_card(:ways_id, pg_temp.card('{"density": 3, "startType": "end", "generation": 2, "startPoint": {"name": "CLICK", "isEvent": true, "operator": "is", "filters": [{"name": "label", "operator": "is", "value": ["a"]}]}}'));
-- The second generation shows a start point of another kind at the first step only.
SELECT step, source_type, source, target_type, target, sessions FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 3, "generation": 2, "startPoint": {"name": "event 1", "isEvent": true, "autoCaptured": false, "operator": "is", "filters": []}}'));
-- What is excluded is as if it had not happened.
SELECT step, source, target, sessions FROM openreplay.journey(:ways_id, pg_temp.card('{"density": 3, "excludes": [{"type": "location", "operator": "is", "value": ["/A"]}, {"type": "location", "operator": "is", "value": ["/C"]}]}'));
-- Sessions as a filter has them.
SELECT sum(sessions) FROM openreplay.journey(:project_id, pg_temp.card('{"series": [{"filter": {"filters": [{"type": "userBrowser", "operator": "is", "value": ["Chrome"]}]}}]}'));
-- As a tree.
SELECT openreplay.try_card(:project_id, pg_temp.card('{"generation": 2, "viewType": "sunburst", "density": 3}'));
SELECT openreplay.try_card(:ways_id, pg_temp.card('{"generation": 2, "viewType": "sunburst", "density": 3, "rows": 1, "hideExcess": true}'));
-- The plan of the query that they are made from.
SELECT bool_or(line ~ 'on sessions_2021_06') AS reads_the_month, bool_or(line ~ '2021_05') AS or_another FROM openreplay.explain_card(:project_id, pg_temp.card()) AS line;
-- Nothing.
SELECT openreplay.try_card(:project_id, pg_temp.card(c)) FROM unnest(ARRAY['{"metricValue": ["click"]}', '{"generation": 2, "metricValue": ["nothing"]}', '{"generation": 2, "viewType": "sunburst", "metricValue": ["CLICK"]}']::jsonb[]) AS c;

-- Issues of these sessions, each session once.
SELECT openreplay.card_issues(:project_id, pg_temp.card());
SELECT openreplay.card_issues(:project_id, pg_temp.card('{"limit": 1, "page": 2, "series": [{"seriesId": 3, "name": "S"}]}'));
SELECT openreplay.card_issues(:project_id, pg_temp.card('{"excludes": [{"type": "location", "operator": "is", "value": ["/help"]}]}')), openreplay.card_issues(:project_id, pg_temp.card('{"startPoint": [{"type": "location", "operator": "is", "value": ["/help"]}]}'));
SELECT array_agg(s & 255) FROM openreplay.issue_sessions(:project_id, pg_temp.card(), 'journeys-1') AS s;
SELECT j #> '{sessions,total}' AS total, jsonb_array_length(j #> '{sessions,sessions}') AS n, j -> 'issue' AS issue FROM openreplay.card_issue_sessions(:project_id, pg_temp.card(), 'journeys-2') AS j;

-- What is refused.
SELECT pg_temp.try(format('SELECT * FROM openreplay.journey(%s, %L)', :project_id, pg_temp.card(c))) FROM unnest(ARRAY['{"metricType": "funnel"}', '{"startType": "middle"}', '{"metricValue": ["scroll"]}', '{"generation": 2, "metricValue": ["PERFORMANCE"]}', '{"startPoint": [{"type": "userBrowser", "operator": "is", "value": ["Chrome"]}]}',
	'{"startPoint": [{"type": "location", "operator": "isAny"}, {"type": "click", "operator": "isAny"}]}', '{"startPoint": [{"type": "location", "operator": "is", "value": ["/x", "/home"]}], "excludes": [{"type": "location", "operator": "is", "value": ["/home"]}]}',
	'{"excludes": [{"type": "no", "operator": "is", "value": ["/home"]}]}', '{"generation": 2, "hideExcess": true, "rows": 51}', '{"viewType": "sunburst", "generation": 3}']::jsonb[]) AS c;
-- Hostile text.
SELECT openreplay.try_card(:project_id, pg_temp.card(jsonb_build_object('generation', g, 'metricValue', CASE g WHEN 2 THEN jsonb_build_array(evil, 'LOCATION') ELSE '["location"]' END, 'startPoint', jsonb_build_array(jsonb_build_object('type', 'location', 'operator', 'is', 'value', jsonb_build_array(evil))),
	'excludes', jsonb_build_array(jsonb_build_object('type', 'location', 'operator', 'contains', 'value', jsonb_build_array(evil || '!'))))))
FROM unnest(ARRAY[1, 2]) AS g, (SELECT E'\'; DROP TABLE public.sessions; -- "$1" %s \\' AS evil) AS e;
ROLLBACK;

--
-- The same once more, written down session by session and event by event, for random journeys over random sessions whose events often share a moment.
--
BEGIN;
SELECT openreplay.ensure_session_partitions('2021-06-01 00:00+00', 1) >= 0 AS ready;
INSERT INTO public.projects (name, active) VALUES ('random journeys', true) RETURNING project_id \gset
SELECT setseed(0.375) IS NOT NULL AS seeded;
CREATE FUNCTION pg_temp.one_of(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$SELECT choices[1 + floor(cardinality(choices) * power(random(), 1.5))::integer]$$;
CREATE TEMP TABLE visit AS
	SELECT n, 1623000000000 + n * 1000 AS start_ts, (((1623000000000 + n * 1000) - 1550000000000) << 24) | n AS session_id, pg_temp.one_of('Chrome', 'Firefox') AS browser, pg_temp.one_of('3000', '5000', '2', '0', NULL)::integer AS duration, pg_temp.one_of('5', '9', '2', '1')::integer AS events_count FROM generate_series(1, 60) AS n;
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, duration, user_uuid, user_os, user_browser, user_device, user_device_type, user_country, events_count)
SELECT session_id, :project_id, '17', start_ts, duration, md5(n::text)::uuid, 'Linux', browser, '', 'desktop', 'NL', events_count FROM visit;
CREATE TEMP TABLE happened AS
	SELECT v.session_id, CASE x.kind WHEN 'custom' THEN k % 3 ELSE k END AS key, v.start_ts + k / 2 * 1000 + floor(random() * 2)::bigint * 500 AS ts, x.kind, pg_temp.one_of('/a', '/b', '/c', 'a%', '/d', '/e') || left('', k) AS value
	FROM visit v, generate_series(1, 9) AS k, LATERAL (SELECT pg_temp.one_of('location', 'location', 'click', 'input', 'custom') || left('', k) AS kind) AS x WHERE random() < 0.8;
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path) SELECT session_id, key, ts, 'h', value FROM happened WHERE kind = 'location';
INSERT INTO events.clicks (session_id, message_id, "timestamp", label) SELECT session_id, key, ts, value FROM happened WHERE kind = 'click';
INSERT INTO events.inputs (session_id, message_id, "timestamp", label) SELECT session_id, key, ts, value FROM happened WHERE kind = 'input';
DELETE FROM happened h WHERE kind = 'custom' AND EXISTS (SELECT FROM happened o WHERE o.kind = 'custom' AND (o.session_id, o.ts, o.key) = (h.session_id, h.ts, h.key) AND o.ctid < h.ctid);
INSERT INTO events_common.customs (session_id, seq_index, "timestamp", name, payload) SELECT session_id, key, ts, value, '{}' FROM happened WHERE kind = 'custom';
CREATE FUNCTION pg_temp.item() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_build_object('type', pg_temp.one_of('location', 'location', 'click', 'input', 'custom'), 'operator', pg_temp.one_of('is', 'is', 'isNot', 'isAny', 'contains', 'startsWith'), 'value', jsonb_build_array(pg_temp.one_of('/b', '/a', '/', 'A%')))
$$;
CREATE FUNCTION pg_temp.is_item(e happened, item jsonb) RETURNS boolean LANGUAGE sql AS $$
	SELECT e.kind = item ->> 'type' AND CASE item ->> 'operator' WHEN 'is' THEN e.value = v WHEN 'isNot' THEN e.value <> v WHEN 'contains' THEN strpos(lower(e.value), lower(v)) > 0 WHEN 'startsWith' THEN left(lower(e.value), length(v)) = lower(v) ELSE true END
	FROM (SELECT item #>> '{value,0}') AS i (v)
$$;
CREATE TEMP TABLE question AS
	SELECT n, 1 + n % 2 AS generation, 2 + n % 5 AS density, n % 3 = 0 AS backwards, n % 7 > 3 AS few, 1 + n % 4 AS rows, pg_temp.one_of(NULL, 'Chrome') AS browser, 1623000000000 + pg_temp.one_of('80000', '30000')::bigint AS until,
		CASE WHEN random() < 0.5 THEN pg_temp.item() END AS start, ARRAY(SELECT pg_temp.item() FROM generate_series(1, n % 4 / 2 + n % 2) WHERE random() < 0.4) AS excludes,
		ARRAY(SELECT k FROM unnest('{location,click,input,custom}'::text[]) AS k WHERE random() < 0.5) AS kinds FROM generate_series(1, 200) AS n;
-- A start point that is excluded is refused.
UPDATE question q SET excludes = '{}' WHERE start ->> 'operator' = 'is' AND EXISTS (SELECT FROM unnest(excludes) AS e WHERE e = start);
-- Paths: a session's events, one after the other.
CREATE TEMP TABLE taken (n integer, session_id bigint, step integer, type text COLLATE "C", value text COLLATE "C", ts bigint, PRIMARY KEY (n, session_id, step));
CREATE FUNCTION pg_temp.take(q question) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v visit;
	e happened;
	x jsonb;
	place integer;
	started boolean;
	left_out boolean;
	is_start boolean;
BEGIN
	IF q.kinds = '{}' THEN
		q.kinds := '{location}';
	END IF;
	IF q.generation = 1 AND q.start IS NOT NULL THEN
		q.kinds := q.kinds || (q.start ->> 'type');
	END IF;
	FOR v IN SELECT * FROM visit LOOP
		CONTINUE WHEN v.start_ts >= q.until OR v.browser <> coalesce(q.browser, v.browser) OR coalesce(v.duration, 0) <= 0 OR v.events_count <= 1;
		place := 0;
		started := q.start IS NULL;
		FOR e IN SELECT (x.h).* FROM (SELECT h, row_number() OVER (ORDER BY h.ts, h.key, array_position('{location,click,input,custom}', h.kind)) AS n FROM happened h WHERE h.session_id = v.session_id) AS x (h, n)
				ORDER BY CASE WHEN q.backwards THEN - x.n ELSE x.n END LOOP
			is_start := q.start IS NOT NULL AND pg_temp.is_item(e, q.start);
			CONTINUE WHEN e.ts >= q.until OR (e.kind <> ALL (q.kinds) AND (started OR NOT is_start));
			left_out := false;
			FOREACH x IN ARRAY q.excludes LOOP
				left_out := left_out OR pg_temp.is_item(e, x);
			END LOOP;
			CONTINUE WHEN left_out OR NOT (started OR is_start);
			started := true;
			place := place + 1;
			EXIT WHEN place > q.density;
			INSERT INTO taken VALUES (q.n, v.session_id, place, CASE q.generation WHEN 1 THEN e.kind ELSE upper(e.kind) END, e.value, e.ts);
		END LOOP;
	END LOOP;
	-- where nothing says with what to begin, it is with what most begin with; else, in the second generation, with what is shown of it
	DELETE FROM taken t WHERE t.n = q.n AND (q.start IS NULL OR q.generation = 2) AND NOT EXISTS (SELECT FROM taken f JOIN (
			SELECT c.type, c.value FROM taken c WHERE c.n = q.n AND c.step = 1 GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2 LIMIT CASE WHEN q.start IS NULL THEN 1 WHEN q.few THEN q.rows ELSE 50 END) AS most ON most.type = f.type AND most.value = f.value
		WHERE f.n = q.n AND f.session_id = t.session_id AND f.step = 1);
END
$$;
SELECT count(pg_temp.take(q)) AS questions FROM question q;
ANALYZE taken;
-- Links as the first generation keeps them.
CREATE TEMP TABLE link (n integer, depth integer, type text, value text, next_type text, next_value text, sessions bigint, gap float8);
CREATE FUNCTION pg_temp.keep(q question) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	reached text[];
	next text[] := '{}';
	kept integer;
	r record;
BEGIN
	FOR at IN 1 .. q.density - 1 LOOP
		reached := next;
		next := '{}';
		kept := 0;
		FOR r IN SELECT t.type, t.value, u.type AS next_type, u.value AS next_value, count(*) AS sessions, avg(abs(u.ts - t.ts)) AS gap FROM taken t LEFT JOIN taken u ON u.n = t.n AND u.session_id = t.session_id AND u.step = t.step + 1
				WHERE t.n = q.n AND t.step = at GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2, 3 NULLS LAST, 4 LOOP
			CONTINUE WHEN at = 1 AND r.next_type IS NULL OR at > 1 AND r.type || ' ' || r.value <> ALL (reached);
			kept := kept + 1;
			EXIT WHEN kept > CASE WHEN q.few THEN 4 ELSE 8 END;
			IF r.next_type IS NOT NULL THEN
				INSERT INTO link VALUES (q.n, at, r.type, r.value, r.next_type, r.next_value, r.sessions, r.gap);
				next := next || (r.next_type || ' ' || r.next_value);
			END IF;
		END LOOP;
	END LOOP;
END
$$;
SELECT count(pg_temp.keep(q)) AS questions FROM question q WHERE generation = 1;
-- And as the second one does: every session flows through all steps.
CREATE TEMP TABLE named AS
	SELECT n, step, type, value FROM (SELECT t.n, t.step, t.type, t.value, row_number() OVER (PARTITION BY t.n, t.step ORDER BY count(*) DESC, t.type, t.value) AS rank, CASE WHEN q.few THEN q.rows ELSE 50 END AS most
		FROM taken t JOIN question q USING (n) WHERE q.generation = 2 GROUP BY 1, 2, 3, 4, q.few, q.rows) AS r WHERE rank <= most;
CREATE TEMP TABLE flow AS
	SELECT q.n, s.session_id, k AS step, CASE WHEN t.type IS NULL THEN 'DROP' WHEN m.type IS NULL THEN 'OTHER' ELSE t.type END AS type, CASE WHEN m.type IS NULL THEN '' ELSE t.value END AS value, t.ts
	FROM question q JOIN (SELECT DISTINCT n, session_id FROM taken) AS s USING (n) CROSS JOIN generate_series(1, q.density) AS k LEFT JOIN taken t ON t.n = q.n AND t.session_id = s.session_id AND t.step = k
		LEFT JOIN named m ON m.n = t.n AND m.step = k AND m.type = t.type AND m.value = t.value WHERE q.generation = 2 AND k <= q.density;
CREATE INDEX ON flow (n, session_id);
INSERT INTO link SELECT f.n, f.step, f.type, f.value, t.type, t.value, count(*), avg(abs(t.ts - f.ts)) FROM flow f JOIN flow t ON t.n = f.n AND t.session_id = f.session_id AND t.step = f.step + 1 GROUP BY 1, 2, 3, 4, 5, 6;
-- The same place where the path of nobody ended anew has another name.
UPDATE link l SET next_value = 'None' WHERE l.next_type = 'DROP' AND NOT EXISTS (SELECT FROM link o WHERE o.n = l.n AND o.depth = l.depth AND o.next_type = 'DROP' AND o.type <> 'DROP');
UPDATE link l SET value = 'None' WHERE l.type = 'DROP' AND NOT EXISTS (SELECT FROM link o WHERE o.n = l.n AND o.depth = l.depth - 1 AND o.next_type = 'DROP' AND o.type <> 'DROP');
CREATE TEMP TABLE expected AS
	SELECT l.n, CASE WHEN q.backwards THEN max(l.depth) OVER w - l.depth + 1 ELSE l.depth END AS step, CASE WHEN q.backwards THEN ARRAY[next_type, next_value, type, value] ELSE ARRAY[type, value, next_type, next_value] END AS way, l.sessions,
		round((100.0 * l.sessions / sum(l.sessions) FILTER (WHERE l.depth = 1) OVER w), 6) AS percent, round(l.gap::numeric, 3) AS gap FROM link l JOIN question q USING (n) WINDOW w AS (PARTITION BY l.n);
GRANT SELECT ON question, expected, taken, flow TO openreplay_reader;
CREATE FUNCTION pg_temp.random_card(q question) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('metricType', 'pathAnalysis', 'metricOf', 'sessionCount', 'generation', q.generation, 'startTimestamp', 1623000000000, 'endTimestamp', q.until, 'density', q.density, 'startType', CASE WHEN q.backwards THEN 'end' ELSE 'start' END,
		'hideExcess', q.few, 'rows', q.rows, 'startPoint', CASE WHEN q.start IS NULL THEN '[]' ELSE jsonb_build_array(q.start) END, 'excludes', to_jsonb(q.excludes), 'metricValue', (SELECT coalesce(jsonb_agg(CASE q.generation WHEN 1 THEN k ELSE upper(k) END), '[]') FROM unnest(q.kinds) AS k),
		'series', jsonb_build_array(jsonb_build_object('filter', jsonb_build_object('filters', CASE WHEN q.browser IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(jsonb_build_object('type', 'userBrowser', 'operator', 'is', 'value', jsonb_build_array(q.browser))) END))))
$$;
CREATE FUNCTION pg_temp.compare(project_id integer) RETURNS TABLE (generation integer, journeys bigint, links bigint, alike bigint, missing bigint, too_many bigint) LANGUAGE sql AS $$
WITH found AS (
	SELECT q.n, j.step, ARRAY[j.source_type, j.source, j.target_type, j.target] AS way, j.sessions, round(j.percent::numeric, 6) AS percent, round(j.avg_gap_ms::numeric, 3) AS gap FROM question q, openreplay.journey($1, pg_temp.random_card(q)) AS j
)
SELECT q.generation, count(DISTINCT x.n) AS journeys, count(x.n) AS links, count(*) FILTER (WHERE x IS NOT DISTINCT FROM f) AS alike, count(*) FILTER (WHERE f.n IS NULL) AS missing, count(*) FILTER (WHERE x.n IS NULL) AS too_many FROM expected x FULL JOIN found f USING (n, step, way) JOIN question q USING (n) GROUP BY 1 ORDER BY 1
$$;
CREATE FUNCTION pg_temp.compare_trees(project_id integer) RETURNS TABLE (nodes bigint, parents bigint, sums bigint, wrong bigint) LANGUAGE sql AS $$
WITH RECURSIVE node AS (
	SELECT q.n, c AS node FROM question q, jsonb_array_elements(openreplay.try_card($1, pg_temp.random_card(q) || '{"viewType": "sunburst", "hideExcess": false}')) AS c WHERE q.generation = 2 AND NOT q.few AND q.n <= 100
	UNION ALL SELECT node.n, c FROM node, jsonb_array_elements(node -> 'children') AS c
)
SELECT count(*) AS nodes, count(*) FILTER (WHERE node -> 'children' <> '[]') AS parents, count(*) FILTER (WHERE (node -> 'value')::bigint = (SELECT sum((c -> 'value')::bigint) FROM jsonb_array_elements(node -> 'children') AS c)) AS sums,
	(SELECT count(*) FROM (SELECT n.n, n.node -> 'depth' AS depth, n.node ->> 'type' AS type, n.node ->> 'name' AS name, sum((n.node -> 'value')::bigint) AS sessions FROM node n WHERE n.node ->> 'type' NOT IN ('DROP', 'OTHER') GROUP BY 1, 2, 3, 4) AS t
		WHERE t.sessions <> (SELECT count(*) FROM taken k WHERE k.n = t.n AND k.step = t.depth::integer + 1 AND k.type = t.type AND k.value = t.name)) AS wrong FROM node
$$;
SELECT openreplay.backfill_some_sessions(:project_id, 0, (SELECT session_id FROM visit WHERE n = 30), 1000) > 0 AS written;
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;
-- From the sequences that the first half of the sessions has got, and the rows of the others; then all from rows.
SELECT generation, alike = links AND missing = 0 AND too_many = 0 AS all_alike, journeys > 25 AS many, links > 300 AS long FROM pg_temp.compare(:project_id);
-- The tree holds what flows: at each depth as many sessions as the other chart, and parents are the sums of their children.
SELECT sums = parents AND wrong = 0 AS all_alike, nodes > 100 AS many FROM pg_temp.compare_trees(:project_id);
SET LOCAL openreplay.use_session_events = off;
SELECT generation, alike = links AND missing = 0 AND too_many = 0 AS all_alike, journeys > 25 AS many, links > 300 AS long FROM pg_temp.compare(:project_id);
ROLLBACK;
