-- One row and more in every product table, for restore.sh: all months, all kinds of columns, values that are easily garbled.
SET TimeZone = 'UTC';

SELECT openreplay.ensure_session_partitions('2020-02-29 12:00+00', 1);
SELECT openreplay.session_id_at('2020-02-29 12:00+00') + 1 AS old_session,
	openreplay.session_id_at('2020-03-31 23:59:59.999+00') + 2 AS march_session,
	openreplay.session_id_at(now()) + 3 AS new_session \gset

-- accounts
INSERT INTO public.tenants (name) VALUES ('Überflüssig & Söhne');
INSERT INTO public.users (email, role, name)
	VALUES ('owner@example.com', 'owner', 'Owner'), ('member@example.com', 'member', E'Line\nbreak');
INSERT INTO public.basic_authentication (user_id, password)
	SELECT user_id, public.crypt('secret', public.gen_salt('bf', 4)) FROM public.users;
INSERT INTO public.oauth_authentication VALUES (1, 'github', '4711', 'token');
INSERT INTO public.jira_cloud VALUES (1, 'owner', 'token', 'https://jira.example.com');
INSERT INTO public.webhooks (endpoint, type, name) VALUES ('https://hooks.example.com/1', 'slack', 'channel');
INSERT INTO public.notifications (user_id, title, description) VALUES (1, 'title', 'description'), (NULL, 'to all', '');
INSERT INTO public.user_viewed_notifications VALUES (1, 1);
INSERT INTO public.announcements (title, description) VALUES ('news', 'description');

-- projects
INSERT INTO public.projects (name, active, metadata_1) VALUES ('web', true, 'plan'), ('gone', false, NULL);
INSERT INTO public.projects (name, active, platform) VALUES ('app', true, 'ios');
INSERT INTO public.projects_conditions (project_id, name, capture_rate) VALUES (1, 'half', 50);
INSERT INTO public.projects_stats (project_id, events_count) VALUES (1, 5000000000);
INSERT INTO public.tags (name, project_id, selector, ignore_click_rage, ignore_dead_click)
	VALUES ('buy', 1, '#buy', false, true);
INSERT INTO public.integrations VALUES (1, 'dynatrace', '{"token": "t"}', '{"cursor": 1}');
INSERT INTO public.jobs (description, status, project_id, action, reference_id, start_at)
	VALUES ('forget', 'scheduled', 1, 'delete_user_data', 'someone', '2030-01-01');
INSERT INTO public.searches (project_id, user_id, name, filter) VALUES (1, 1, 'search', '{"events": []}');
INSERT INTO public.saved_searches (name, project_id, user_id, search_data) VALUES ('saved', 1, 1, '{}');
INSERT INTO public.actions (project_id, user_id, name) VALUES (1, 1, 'action');
INSERT INTO public.autocomplete VALUES ('/checkout', 'LOCATION', 1), (repeat('long ', 3000), 'CLICK', 1);
INSERT INTO or_cache.autocomplete_top_values (project_id, event_type, result) VALUES (1, 'LOCATION', '[]');
INSERT INTO public.feature_flags (project_id, flag_key, flag_type, created_by, deleted_at)
	VALUES (1, 'flag', 'multi', 1, NULL), (1, 'flag', 'single', 1, '2024-01-01');
INSERT INTO public.feature_flags_conditions (feature_flag_id, name, rollout_percentage) VALUES (1, 'all', 100);
INSERT INTO public.feature_flags_variants (feature_flag_id, value, payload) VALUES (1, 'a', '"{\"color\":\"red\"}"');
INSERT INTO public.ut_tests (project_id, title, status, created_by) VALUES (1, 'test', 'in-progress', 1);
INSERT INTO public.ut_tests_tasks (test_id, title) VALUES (1, 'task');

-- sessions, in three months
INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, user_uuid, user_os, user_browser, user_device,
	user_device_type, user_country, issue_types, user_id, metadata_1)
SELECT id, 1, '14.0.14', (extract(epoch FROM openreplay.session_time(id)) * 1000)::bigint, public.gen_random_uuid(), 'Linux', 'Chrome',
	'', 'desktop', 'DE', '{click_rage,incident}', 'user ' || id, repeat('gold ', 1000)
FROM unnest(ARRAY[:old_session, :march_session, :new_session]) AS id;
INSERT INTO public.user_viewed_sessions VALUES (1, :old_session);
INSERT INTO public.user_favorite_sessions VALUES (1, :march_session);
INSERT INTO public.sessions_notes (message, user_id, session_id, project_id)
	VALUES ('note', 1, :new_session, 1), (NULL, NULL, :old_session, 1);
INSERT INTO public.assigned_sessions (session_id, issue_id, provider, created_by) VALUES (:new_session, 'ABC-1', 'jira', 1);
INSERT INTO public.session_integrations (session_id, project_id, provider) VALUES (:new_session, 1, 'sentry');
INSERT INTO public.sessions_feature_flags VALUES (:new_session, 1, 1);
INSERT INTO public.ut_tests_signals (session_id, test_id, task_id, status, "timestamp")
	VALUES (:new_session, 1, 1, 'done', 1);

-- distinct errors, issues, crashes
INSERT INTO public.errors (error_id, project_id, source, name, message, payload, parent_error_id)
	VALUES ('1a', 1, 'js_exception', 'Error', 'message', '[]', NULL), ('1b', 1, 'sentry', 'Error', 'merged', '[]', '1a');
INSERT INTO public.user_favorite_errors VALUES (1, '1a');
INSERT INTO public.user_viewed_errors VALUES (1, '1b');
INSERT INTO public.issues (issue_id, project_id, type, context_string)
	VALUES ('1c', 1, 'incident', 'https://example.com/?' || repeat('q=1&', 2000));
INSERT INTO public.crashes_ios VALUES ('1d', 3, 'SIGSEGV', 'reason', 'stack');

-- events of each session
INSERT INTO events.pages (session_id, message_id, "timestamp", host, path, query, ttfb, web_vitals)
	SELECT session_id, (1::bigint << 48) + 1, start_ts, 'example.com', '/checkout', repeat('a=b&', 2000), 12, '{"LCP": 1.5}' FROM public.sessions;
INSERT INTO events.clicks (session_id, message_id, "timestamp", label, normalized_x)
	SELECT session_id, 2, start_ts, 'Buy', 12.34 FROM public.sessions;
INSERT INTO events.inputs (session_id, message_id, "timestamp", label)
	SELECT session_id, 3, start_ts, 'email' FROM public.sessions;
INSERT INTO events.errors SELECT session_id, 4, start_ts, '1a' FROM public.sessions;
INSERT INTO public.errors_tags (key, value, error_id, session_id, message_id)
	SELECT 'release', '', '1a', session_id, 4 FROM public.sessions;
INSERT INTO events.performance
	SELECT session_id, start_ts, 5, 'example.com', '/', NULL, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3 FROM public.sessions;
INSERT INTO events.resources (session_id, message_id, "timestamp", type, url, url_host, url_hostpath, success)
	SELECT session_id, 6, start_ts, 'img', 'https://example.com/a.png', 'example.com', 'example.com/a.png', false FROM public.sessions;
INSERT INTO events.graphql (session_id, message_id, "timestamp", name, method)
	SELECT session_id, 7, start_ts, 'query', 'POST' FROM public.sessions;
INSERT INTO events.state_actions SELECT session_id, 8, start_ts, 'cart/add' FROM public.sessions;
INSERT INTO events.tags SELECT session_id, start_ts, 9, 1 FROM public.sessions;
INSERT INTO events.canvas_recordings SELECT session_id, start_ts || '_10', start_ts FROM public.sessions;
INSERT INTO events_common.requests (session_id, "timestamp", seq_index, url, duration, success, status_code, method)
	SELECT session_id, start_ts, 11, 'https://example.com/api', 5, false, 500, 'GET' FROM public.sessions;
INSERT INTO events_common.customs SELECT session_id, start_ts, 12, 'paid', '{"amount": 1.10}' FROM public.sessions;
INSERT INTO events_common.issues SELECT session_id, start_ts, 13, '1c', '{}' FROM public.sessions;
INSERT INTO events_common.crashes SELECT session_id, start_ts, 14, '1d' FROM public.sessions;
INSERT INTO events_ios.taps SELECT session_id, start_ts, 15, 'Buy' FROM public.sessions;
INSERT INTO events_ios.inputs SELECT session_id, start_ts, 16, 'email' FROM public.sessions;
INSERT INTO events_ios.swipes (session_id, "timestamp", seq_index, label, direction)
	SELECT session_id, start_ts, 17, 'list', 'up' FROM public.sessions;
INSERT INTO events_ios.views SELECT session_id, start_ts, 18, 'Main' FROM public.sessions;
INSERT INTO events_ios.performance SELECT session_id, 19, start_ts, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3 FROM public.sessions;

-- what the end of a session makes of them
UPDATE public.sessions SET duration = 60000 WHERE session_id = :march_session;
CALL openreplay.backfill_session_events();

-- cards, dashboards, alerts, screen recordings
INSERT INTO public.metrics (project_id, user_id, name, metric_value)
	VALUES (1, 1, 'card', '{click_rage,"a,b"}'), (NULL, NULL, 'for all', '{}');
INSERT INTO public.metric_series (metric_id, index, name, filter) VALUES (1, 0, 'series', '{}');
INSERT INTO public.dashboards (project_id, user_id, name) VALUES (1, 1, 'board');
INSERT INTO public.dashboard_widgets (dashboard_id, metric_id, user_id) VALUES (1, 1, 1), (1, 2, NULL);
INSERT INTO public.alerts (project_id, series_id, name, detection_method, query) VALUES (1, 1, 'alert', 'threshold', '{}');
INSERT INTO spots.spots (spot_id, name, user_id, tenant_id, duration, crop, comments)
	VALUES (1, 'clip', 1, 1, 60000, '{0,1000}', '{"{\"text\": \"x\"}"}');
INSERT INTO spots.keys VALUES ('key', 1, 1, 3600, '2030-01-01', '2024-01-01', NULL);
INSERT INTO spots.streams VALUES (1, '#EXTM3U', '#EXTM3U', '2024-01-01', '2030-01-01');
INSERT INTO spots.tasks VALUES (1, 60000, NULL, 'pending', NULL, '2024-01-01');

-- a user, as the site's own analytics told of them
INSERT INTO openreplay.user_properties VALUES (1, 'u-7', '{"plan": "pro"}', '2024-01-01', '2024-01-02', NULL);
INSERT INTO openreplay.user_devices VALUES (1, '7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5', 'u-7', '2024-01-02');

-- a slot of metadata that lost its name
INSERT INTO openreplay.freed_metadata VALUES (1, 7, '2024-01-01');

-- a project's own number for its detectors
SELECT openreplay.set_detector_threshold(1, 'click_rage.gap', 400);

-- a lane of an ingest server
SELECT openreplay.register_server('restore') AS server \gset
SELECT openreplay.heartbeat(:server, now());
INSERT INTO openreplay.batches (seq, session_id, received_at, server_id, size_bytes, shard, kind, body)
	VALUES (1, :new_session, now(), :server, 4, openreplay.shard_of(:new_session), 'w', '\x28b52ffd');

-- what must leave, in all its states; what is stored, deleted, parked, and how long all of it is kept
SELECT openreplay.queue_recordings(ARRAY[:march_session, :new_session]);
SELECT count(*) FROM openreplay.claim_outbox('restore', '{recording}', 2);
SELECT openreplay.finish_outbox(outbox_id, 'restore', '{dom.mobs,devtools.mob}') FROM openreplay.outbox WHERE key = :'march_session';
SELECT openreplay.queue_recordings(ARRAY[:new_session]);
SELECT openreplay.queue_outbox('hook', '{"n": 1}');
SELECT count(*) FROM openreplay.claim_outbox('restore', '{hook}', 1);
SELECT openreplay.fail_outbox(outbox_id, 'restore', 'Überlast', true) FROM openreplay.outbox WHERE kind = 'hook';
SELECT openreplay.queue_removal(ARRAY[1, 2]);
INSERT INTO openreplay.deleted_sessions (session_id, expires_at) VALUES (:new_session + 1, now() + interval '1 hour');
INSERT INTO openreplay.parked_batches (session_id, server_id, shard, seq, received_at)
	SELECT session_id, server_id, shard, seq, received_at FROM openreplay.batches;
SELECT openreplay.set_retention(90), openreplay.set_retention(NULL, 1);

-- what the pipeline keeps of live sessions, its passes, what it could not read; users as sites tell of them
INSERT INTO openreplay.live_sessions (session_id, last_received_at, last_message_ms, expires_at, project_id, shard, state)
	VALUES (:new_session, now(), 1, now() + interval '1 hour', 1, openreplay.shard_of(:new_session), '\x00ff');
INSERT INTO openreplay.passes (seq, received_at, messages, bytes, server_id, entries, duplicates, broken, parked, dropped, rows_written,
	rows_known, elapsed_ms, shard) VALUES (1, now(), 5000000000, 1, :server, 1, 0, 1, 0, 0, 1, 0, 0.25, openreplay.shard_of(:new_session));
INSERT INTO openreplay.broken_batch_log (received_at, session_id, seq, server_id, messages_kept, shard, kind, reason, body)
	VALUES (now(), :new_session, 1, :server, 0, openreplay.shard_of(:new_session), 'w', 'no zstd frame', '\x28b52ffd');
SELECT openreplay.change_user(1, 'someone', 'set_property', '{"email": "x@example.com", "visits": 12345678901234567}', now());
INSERT INTO openreplay.user_devices VALUES (1, public.gen_random_uuid(), 'someone', now());
INSERT INTO openreplay.alert_runs VALUES (1, now(), 12.50, true, true, NULL);

-- copies of what recordings name, and what the periodic work said
INSERT INTO openreplay.assets (key, url, state, stored_at, reason) VALUES
	('https!3A!2F!2Fshop.example!2Fa.css.5', 'https://shop.example/a.css', 'stored', now(), NULL),
	('https!3A!2F!2Fshop.example!2Fü.css.5', 'https://shop.example/ü.css', 'failed', NULL, '404');
CALL openreplay.run_work('evaluate_alerts');
