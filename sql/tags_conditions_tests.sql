-- What a product's people define besides flags: named elements, capture conditions, usability tests.
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
	code text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, code = RETURNED_SQLSTATE;
	RETURN concat_ws(' | ', code, message, nullif(detail, ''), nullif(hint, ''));
END
$$;
BEGIN;
INSERT INTO public.projects (name, active) VALUES ('shop', true) RETURNING project_id \gset

-- ---- Tags: an element by its selector ----
SELECT openreplay.save_tag(:project_id, ' Buy button ', '#buy', ignore_dead_click => true) AS buy \gset
SELECT openreplay.save_tag(:project_id, 'Cart', '.cart > a:not(.empty)', location => '/cart') AS cart \gset
SELECT name, selector, ignore_click_rage, ignore_dead_click, location, volume FROM openreplay.tags(:project_id);
SELECT openreplay.save_tag(:project_id, 'Checkout', '.cart', tag_id => :cart) = :cart AS changed;
SELECT openreplay.delete_tag(:buy);
SELECT name, selector, location FROM openreplay.tags(:project_id);
-- ingest servers get the live ones
SELECT tags @> '[{"selector": ".cart", "icr": false, "idc": false, "location": null}]' AS told, jsonb_array_length(tags) AS tags
FROM openreplay.project_snapshot() WHERE project_id = :project_id;

-- A selector that would throw an error in every visitor's page is refused.
SELECT selector, openreplay.selector_fault(selector) AS fault
FROM (VALUES ('#buy'), ('a >'), ('li:nth-child(x)'), ('#naïve, .1'), ('div::before'), ('a; DROP')) AS s (selector);
\pset tuples_only
\pset format unaligned
SELECT pg_temp.try(format('SELECT openreplay.save_tag(%s, %L, %L)', :project_id, name, selector))
FROM (VALUES (1, 'x', '#1'), (2, 'x', ' '), (3, ' ', '#a'), (4, repeat('x', 101), '#a'), (5, 'x', '#' || repeat('a', 255)), (6, 'x', NULL)) AS t (n, name, selector) ORDER BY n;
SELECT pg_temp.try(format('SELECT openreplay.save_tag(%s, %L, %L, tag_id => 0)', :project_id, 'x', '#a')) ~ '^P0002 . tag not found' AS unknown_tag;
SELECT pg_temp.try('SELECT openreplay.delete_tag(0)');
\pset tuples_only
\pset format aligned

-- Where one was seen counts for a week.
SELECT openreplay.ensure_session_partitions(now() - interval '10 days', 1) IS NOT NULL AS have_months;
INSERT INTO public.sessions (session_id, project_id, start_ts, platform, user_uuid, user_os, user_device, user_device_type, user_country, user_browser, tracker_version, timezone)
SELECT openreplay.session_id_at(now() - n * interval '3 days'), :project_id, (extract(epoch FROM now() - n * interval '3 days') * 1000)::bigint, 'web',
	'7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5', 'Linux', '', 'desktop', 'NL', 'Firefox', '14.0.14', 'UTC+00:00' FROM generate_series(1, 3) n;
INSERT INTO events.tags (session_id, "timestamp", seq_index, tag_id)
SELECT session_id, start_ts + m, m, :cart FROM public.sessions, generate_series(1, 2) m WHERE project_id = :project_id;
SELECT name, volume, users FROM openreplay.tags(:project_id);
SELECT name, volume, users FROM openreplay.tags(:project_id, 30);

-- ---- Capture conditions ----
SELECT openreplay.save_capture_conditions(:project_id, '{"rate": 10, "conditionalCapture": true, "conditions": [
	{"name": "errors", "captureRate": 100, "filters": [{"type": "error", "operator": "contains", "value": ["TypeError"]}]},
	{"name": "slow", "captureRate": 50, "filters": [{"type": "fetch", "operator": "is", "value": [], "filters": [
		{"type": "fetchDuration", "operator": ">=", "value": [500]}]}]}]}') AS rules \gset
SELECT jsonb_pretty(jsonb_set(:'rules'::jsonb, '{conditions}', (SELECT jsonb_agg(c - 'conditionId') FROM jsonb_array_elements(:'rules'::jsonb -> 'conditions') c)));
-- saved again as they are they stay themselves; left out they go
SELECT openreplay.save_capture_conditions(:project_id, :'rules') = :'rules'::jsonb AS unchanged;
SELECT jsonb_array_length(openreplay.save_capture_conditions(:project_id, jsonb_build_object('conditions', jsonb_build_array(:'rules'::jsonb #> '{conditions,1}'))) -> 'conditions') AS conditions,
	(SELECT sample_rate FROM public.projects WHERE project_id = :project_id) AS rate;
SELECT sample_rate, web_conditions #>> '{0,name}' AS condition, web_conditions #>> '{0,capture_rate}' AS its_rate FROM openreplay.project_snapshot() WHERE project_id = :project_id;
\pset tuples_only
\pset format unaligned
SELECT pg_temp.try(format('SELECT openreplay.save_capture_conditions(%s, %L)', :project_id, rules)) FROM (VALUES
	(1, '[]'), (2, '{"rate": 101}'), (3, '{"rate": "all"}'), (4, '{"conditions": [{"name": " ", "captureRate": 1}]}'),
	(5, '{"conditions": [{"name": "a", "captureRate": -1}]}'), (6, '{"conditions": [{"name": "a", "captureRate": 1, "filters": [{"type": "mood", "value": []}]}]}'),
	(7, '{"conditions": [{"name": "a", "captureRate": 1, "filters": [{"type": "error", "value": "x"}]}]}'),
	(8, '{"conditions": [{"name": "a", "captureRate": 1}, {"name": "a ", "captureRate": 2}]}')) AS t (n, rules) ORDER BY n;
SELECT pg_temp.try('SELECT openreplay.save_capture_conditions(0, ''{}'')');
\pset tuples_only
\pset format aligned

-- ---- Usability tests ----
SELECT openreplay.save_usability_test(:project_id, '{"title": "Checkout", "startingPath": "/cart", "requireMic": true,
	"tasks": [{"title": "Buy a jacket", "allowTyping": true}, {"title": "Find the imprint"}]}') AS test_id \gset
SELECT t.title, t.status, t.require_mic, t.require_camera, k.title AS task, k.allow_typing FROM public.ut_tests t JOIN public.ut_tests_tasks k USING (test_id)
WHERE test_id = :test_id ORDER BY task_id;
SELECT min(task_id) AS jacket, max(task_id) AS imprint FROM public.ut_tests_tasks WHERE test_id = :test_id \gset
-- two visitors: one does all, one gives up
INSERT INTO public.ut_tests_signals (session_id, test_id, task_id, status, comment, "timestamp", duration)
SELECT s.id, :test_id, v.task, v.status::public.ut_signal_status, v.comment, 1760000000000 + v.at, v.duration
FROM (SELECT min(session_id) AS one, max(session_id) AS two FROM public.sessions WHERE project_id = :project_id) AS visitors
CROSS JOIN LATERAL (VALUES (1, one), (2, two)) AS s (n, id)
JOIN (VALUES (1, NULL::integer, 'begin', NULL, 1, NULL::bigint), (1, :jacket, 'begin', NULL, 2, NULL), (1, :jacket, 'done', 'easy', 3, 4000), (1, :imprint, 'done', NULL, 4, 2000),
	(1, NULL, 'done', NULL, 5, 9000), (2, NULL, 'begin', NULL, 6, NULL), (2, :jacket, 'done', NULL, 7, 6000), (2, :imprint, 'skipped', 'where?', 8, 500), (2, NULL, 'skipped', NULL, 9, 8000)
) AS v (n, task, status, comment, at, duration) USING (n);
SELECT * FROM openreplay.usability_test_statistics(:test_id);
SELECT title, completed, skipped, avg_completion_ms FROM openreplay.usability_task_statistics(:test_id);
SELECT status, answer, answered_at AT TIME ZONE 'UTC' AS answered_at FROM openreplay.usability_answers(:imprint);
-- changed: without tasks they stay, with them those left out go
SELECT openreplay.save_usability_test(:project_id, '{"title": "Checkout 2", "status": "closed"}', :test_id) = :test_id AS same;
SELECT t.title, t.status, count(*) AS tasks FROM public.ut_tests t JOIN public.ut_tests_tasks USING (test_id) WHERE test_id = :test_id GROUP BY 1, 2;
SELECT openreplay.save_usability_test(:project_id, jsonb_build_object('title', 'Checkout 3', 'tasks', jsonb_build_array(jsonb_build_object('taskId', :jacket, 'title', 'Buy two'))), :test_id) = :test_id AS same;
SELECT task_id = :jacket AS kept, title FROM public.ut_tests_tasks WHERE test_id = :test_id;
\pset tuples_only
\pset format unaligned
SELECT pg_temp.try(format('SELECT openreplay.save_usability_test(%s, %L)', :project_id, definition)) FROM (VALUES
	(1, '[]'), (2, '{"title": ""}'), (3, '{"title": "x", "status": "running"}'), (4, '{"title": "x", "tasks": [{}]}'), (5, '{"title": "x", "tasks": {}}')) AS t (n, definition) ORDER BY n;
SELECT openreplay.delete_usability_test(:test_id);
SELECT pg_temp.try(format('SELECT openreplay.save_usability_test(%s, %L, %s)', :project_id, '{"title": "x"}', :test_id)) ~ '^P0002 . Test not found' AS gone;
ROLLBACK;
