-- What ingest servers keep in memory of every project: recording rules, tags and capture conditions.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
LISTEN openreplay_snapshot;
\set heard '\\o | sed ''s/^Asynchronous notification //; s/ received from server process.*//'''

INSERT INTO public.projects (project_id, project_key, name, active, platform, sample_rate, beacon_size) VALUES
	(7601, 'snapshotProject1', 'shop', true, 'web', 50, 2000000),
	(7602, 'snapshotProject2', 'phone', true, 'ios', 100, 0),
	(7603, 'snapshotProject3', 'closed', false, 'web', 100, 0);
\set snapshot 'SELECT * FROM openreplay.project_snapshot() WHERE project_id BETWEEN 7601 AND 7603 ORDER BY project_id'

-- Active projects only; nothing to tell yet.
:snapshot;

-- Tags and conditions announce their changes, once a statement.
:heard
INSERT INTO public.tags (tag_id, project_id, name, selector, ignore_click_rage, ignore_dead_click, location, deleted_at) VALUES
	(7602, 7601, 'pay', '#pay > "b"', false, true, '/cart', NULL),
	(7601, 7601, 'buy', '#buy', true, false, NULL, NULL),
	(7603, 7601, 'old', '#old', false, false, NULL, now());
INSERT INTO public.projects_conditions (condition_id, project_id, name, capture_rate, filters) VALUES
	(7602, 7601, 'slow', 100, '[{"type": "duration", "value": [30000], "operator": "is"}]'),
	(7601, 7601, 'checkout errors', 50, '[
		{"type": "error", "operator": "contains", "value": ["TypeError"], "source": null},
		{"type": "fetch", "operator": "is", "value": [], "filters": [
			{"type": "fetchUrl", "operator": "contains", "value": ["/pay"]},
			{"type": "fetchStatusCode", "operator": ">=", "value": [500]}]}]'),
	(7603, 7602, 'odd', 5, '[{"type": "custom", "value": "bought", "source": 5}, {"operator": "is"}, 7, "x", null, [1],
		{"type": "mainThreadCPU", "operator": ">", "value": [80.5, null, true, {"a": 1}], "filters": {}}]'),
	(7604, 7602, 'no list', 0, '{"type": "duration"}');
UPDATE public.tags SET selector = '#sell' WHERE tag_id IN (7601, 7602);
\o
:heard
UPDATE public.projects_conditions SET capture_rate = 51 WHERE condition_id = 7601;
\o
:heard
DELETE FROM public.tags WHERE tag_id = 7602;
\o

SELECT tags FROM openreplay.project_snapshot() WHERE project_id = 7601;
SELECT project_id, jsonb_pretty(web_conditions) FROM openreplay.project_snapshot() WHERE project_id IN (7601, 7602) ORDER BY 1;
-- Mobile trackers have other names, take text only, and miss no field.
SELECT project_id, jsonb_pretty(mobile_conditions) FROM openreplay.project_snapshot() WHERE project_id IN (7601, 7602) ORDER BY 1;

-- Whose is a session? Its row says, before that the entry it began with; a number that was never given is nobody's.
SELECT openreplay.session_id_at(date_trunc('hour', now())) AS sid \gset
SELECT openreplay.append_batch(:sid, convert_to(jsonb_build_object('session_id', :'sid', 'project_id', 7601, 'platform', 'web', 'user_browser', 'Chrome',
	'user_uuid', '7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5', 'user_device_type', 'desktop', 'user_country', 'NL', 'tracker_version', '14.0.14',
	'user_os', 'Windows', 'user_device', '', 'start_ts', extract(epoch FROM date_trunc('hour', now())) * 1000)::text, 'UTF8'), kind => 's') > 0 AS began;
SELECT openreplay.session_project(:sid) AS waiting, openreplay.session_project(:sid + 1) AS other, openreplay.session_project(1) AS long_ago,
	openreplay.session_project(9223372036854775807) AS far_off, openreplay.session_project(NULL) AS nobody;
SELECT openreplay.process_batches() > 0 AS processed;
SELECT openreplay.session_project(:sid) AS processed FROM public.sessions WHERE session_id = :sid;

-- Bodies as they are stored, and back.
SELECT convert_from(openreplay.decompress_body(openreplay.compress_body(repeat('text ', 1000)::bytea)), 'UTF8') = repeat('text ', 1000) AS whole,
	openreplay.decompress_body(openreplay.compress_body('')) AS empty, openreplay.decompress_body('no frame') AS as_it_is;
\set VERBOSITY sqlstate
SELECT openreplay.decompress_body(substr(openreplay.compress_body(repeat('text ', 1000)::bytea), 1, 20));
\set VERBOSITY terse

-- A usability test as trackers get it: under way, not deleted, with tasks, of their project.
INSERT INTO public.ut_tests (test_id, project_id, title, status, starting_path, require_mic, deleted_at) VALUES
	(7601, 7601, 'Buy a shoe', 'in-progress', '/shop', true, NULL), (7602, 7601, 'Paused', 'paused', NULL, NULL, NULL),
	(7603, 7601, 'Without tasks', 'preview', NULL, NULL, NULL), (7604, 7601, 'Gone', 'preview', NULL, NULL, now()), (7605, 7602, 'Theirs', 'preview', NULL, NULL, NULL);
INSERT INTO public.ut_tests_tasks (task_id, test_id, title, description, allow_typing) VALUES
	(7602, 7601, 'Pay', NULL, NULL), (7601, 7601, 'Find it', 'the red one', true), (7603, 7602, 'x', '', true), (7604, 7604, 'x', '', true), (7605, 7605, 'x', '', true);
SELECT jsonb_pretty(openreplay.usability_test(7601, 7601));
SELECT n, openreplay.usability_test(7601, n) FROM unnest(ARRAY[7602, 7603, 7604, 7606]) n;
SELECT openreplay.usability_test(7601, 7605);

-- A project that goes takes all along, and that is heard.
:heard
DELETE FROM public.projects WHERE project_id BETWEEN 7601 AND 7603;
\o
:snapshot;
SELECT openreplay.session_project(:sid) AS gone;
DELETE FROM openreplay.deleted_sessions;	-- its sessions may be sent again here
