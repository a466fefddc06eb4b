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

-- A project that goes takes all along, and that is heard.
:heard
DELETE FROM public.projects WHERE project_id BETWEEN 7601 AND 7603;
\o
:snapshot;
