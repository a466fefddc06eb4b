--
-- What comes as JSON beside the batches: signals of usability tests, reports of a site's analytics
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/encode.sql'
\i :include

INSERT INTO public.projects (name, active) VALUES ('reports', true) RETURNING project_id \gset
INSERT INTO public.projects (name, active) VALUES ('other', true) RETURNING project_id AS other_id \gset
INSERT INTO public.ut_tests (project_id, title, status) VALUES (:project_id, 'Find the lamp', 'in-progress') RETURNING test_id \gset
INSERT INTO public.ut_tests (project_id, title, status) VALUES (:other_id, 'Of another project', 'in-progress') RETURNING test_id AS other_test \gset
INSERT INTO public.ut_tests_tasks (test_id, title) VALUES (:test_id, 'Search') RETURNING task_id \gset
INSERT INTO public.ut_tests_tasks (test_id, title) VALUES (:other_test, 'Elsewhere') RETURNING task_id AS other_task \gset
\set t0 1731337200000
\set start '2024-11-11 15:00:00+00'
SELECT pg_temp.session_in_quiet_lane(:'start') AS sid \gset
CREATE FUNCTION pg_temp.signal(id bigint, signal jsonb) RETURNS boolean LANGUAGE sql AS $$
	SELECT openreplay.append_batch(id, convert_to(signal::text, 'UTF8'), '2024-11-11 15:01:00+00', 'u') IS NOT NULL
$$;
CREATE FUNCTION pg_temp.report(id bigint, report jsonb) RETURNS boolean LANGUAGE sql AS $$
	SELECT openreplay.append_batch(id, convert_to(report::text, 'UTF8'), '2024-11-11 15:02:00+00', 'a') IS NOT NULL
$$;

--
-- Signals. The first came before the session's start did, and waits for it.
--
SELECT pg_temp.signal(:sid, jsonb_build_object('test_id', :test_id, 'task_id', null, 'status', 'begin', 'timestamp', :t0 + 1000, 'duration', 0, 'answer', null));
SELECT openreplay.process_batches();
SELECT count(*) AS parked FROM openreplay.parked_batches WHERE session_id = :sid;
SELECT pg_temp.start(:sid, :project_id, :'start') IS NOT NULL AS started;
SELECT pg_temp.signal(:sid, jsonb_build_object('test_id', :test_id, 'task_id', :task_id, 'status', 'done', 'timestamp', :t0 + 9000, 'duration', 8000, 'answer', 'On the shelf'));
-- the same again is a duplicate, the same with another answer is known; a signal of the whole test is none of a task
SELECT pg_temp.signal(:sid, jsonb_build_object('test_id', :test_id, 'task_id', :task_id, 'status', 'done', 'timestamp', :t0 + 9000, 'duration', 8000, 'answer', 'On the shelf'));
SELECT pg_temp.signal(:sid, jsonb_build_object('test_id', :test_id, 'task_id', :task_id, 'status', 'done', 'timestamp', :t0 + 9000, 'duration', 8000, 'answer', 'Elsewhere'));
SELECT pg_temp.signal(:sid, jsonb_build_object('test_id', :test_id, 'task_id', null, 'status', 'begin', 'timestamp', :t0 + 1000, 'duration', 5, 'answer', null));
SELECT pg_temp.signal(:sid, jsonb_build_object('test_id', :test_id, 'task_id', null, 'status', 'skipped', 'timestamp', :t0 + 9000, 'duration', -3, 'answer', ''));
-- unknown tests and tasks, those of other projects, and what is no signal
SELECT pg_temp.signal(:sid, jsonb_build_object('test_id', 999999999, 'task_id', null, 'status', 'begin', 'timestamp', :t0));
SELECT pg_temp.signal(:sid, jsonb_build_object('test_id', :other_test, 'task_id', null, 'status', 'begin', 'timestamp', :t0));
SELECT pg_temp.signal(:sid, jsonb_build_object('test_id', :test_id, 'task_id', :other_task, 'status', 'begin', 'timestamp', :t0));
SELECT pg_temp.signal(:sid, jsonb_build_object('test_id', :test_id, 'task_id', null, 'status', 'paused', 'timestamp', :t0));
SELECT pg_temp.signal(:sid, '[1]');
SELECT has_ut_test FROM public.sessions WHERE session_id = :sid;
SELECT openreplay.process_batches();
SELECT task_id IS NOT NULL AS of_task, status, comment, timestamp - :t0 AS after_ms, duration FROM public.ut_tests_signals WHERE session_id = :sid ORDER BY signal_id;
SELECT reason FROM openreplay.broken_batches WHERE session_id = :sid ORDER BY seq;
SELECT has_ut_test FROM public.sessions WHERE session_id = :sid;
-- in another pass it is known as well
SELECT pg_temp.signal(:sid, jsonb_build_object('test_id', :test_id, 'task_id', null, 'status', 'begin', 'timestamp', :t0 + 1000, 'duration', 77, 'answer', null));
SELECT openreplay.process_batches();
SELECT count(*) FROM public.ut_tests_signals WHERE session_id = :sid;

--
-- Reports: who the visitor is, what is known of them, events
--
SELECT pg_temp.report(:sid, jsonb_build_object('data', jsonb_build_object(
	'user_actions', jsonb_build_array(
		jsonb_build_object('type', 'identity', 'user_id', '  u-7 ', 'timestamp', :t0 + 20000),
		jsonb_build_object('type', 'set_property', 'user_id', 'u-7', 'payload', '{"plan": "pro", "visits": 1, "email": "u7@example.com", "score": "many", "name": {"not": "a text"}}'::jsonb),
		jsonb_build_object('type', 'set_property_once', 'user_id', 'u-7', 'payload', '{"plan": "free", "since": 2024}'::jsonb),
		jsonb_build_object('type', 'increment_property', 'user_id', 'u-7', 'payload', '{"visits": 2, "returns": -1, "score": 5, "email": 1, "since": 0.5}'::jsonb),
		jsonb_build_object('type', 'append_property', 'user_id', 'u-7', 'payload', '{"plan": "team", "seen": "lamp"}'::jsonb),
		jsonb_build_object('type', 'append_property', 'user_id', 'u-7', 'payload', '{"seen": "lamp"}'::jsonb),
		jsonb_build_object('type', 'append_unique_property', 'user_id', 'u-7', 'payload', '{"seen": "lamp", "tags": "a"}'::jsonb),
		jsonb_build_object('type', 'append_unique_property', 'user_id', 'u-7', 'payload', '{"seen": "desk"}'::jsonb),
		jsonb_build_object('type', 'set_property', 'user_id', ' ', 'payload', '{"plan": "nobody''s"}'::jsonb),
		jsonb_build_object('type', 'fly', 'user_id', 'u-8', 'payload', '{"plan": "pro"}'::jsonb),
		jsonb_build_object('type', 'set_property', 'user_id', 'u-9', 'payload', '"no object"'::jsonb),
		'"no action"'::jsonb),
	'events', jsonb_build_array(
		jsonb_build_object('name', 'signup', 'payload', '{"step": 2}'::jsonb, 'timestamp', :t0 + 21000),
		jsonb_build_object('name', 'signup', 'payload', '{"step": 2}'::jsonb, 'timestamp', :t0 + 21000),
		jsonb_build_object('name', 'no payload', 'timestamp', :t0 + 22000),
		jsonb_build_object('name', 'no time', 'payload', '[1]'::jsonb),
		jsonb_build_object('name', 'of 1970', 'payload', '{}'::jsonb, 'timestamp', 86400000),
		jsonb_build_object('name', 'far ahead', 'payload', '{}'::jsonb, 'timestamp', :t0 + 999999999999),
		jsonb_build_object('name', ' ', 'timestamp', :t0),
		'7'::jsonb))));
SELECT openreplay.process_batches();
SELECT user_id FROM public.sessions WHERE session_id = :sid;
SELECT user_id, properties, last_seen_at AT TIME ZONE 'UTC' AS last_seen, deleted_at FROM openreplay.user_properties WHERE project_id = :project_id ORDER BY 1;
SELECT d.user_id FROM openreplay.user_devices d JOIN public.sessions s USING (project_id, user_uuid) WHERE s.session_id = :sid;
SELECT name, payload, level, timestamp - :t0 AS after_ms FROM events_common.customs WHERE session_id = :sid ORDER BY timestamp, name, seq_index;
SELECT d.type, d.context_string, count(*) FROM events_common.issues e JOIN public.issues d USING (issue_id) WHERE e.session_id = :sid GROUP BY 1, 2 ORDER BY 2;

-- One that is sent at once has no wrapper. Events that came before, now in another report, are known; actions are not: what a
-- tracker counts up twice was counted up twice.
SELECT pg_temp.report(:sid, jsonb_build_object('events', jsonb_build_array(
	jsonb_build_object('name', 'signup', 'payload', '{"step": 2}'::jsonb, 'timestamp', :t0 + 21000),
	jsonb_build_object('name', 'at once', 'payload', '{"a": 1}'::jsonb, 'timestamp', :t0 + 30000))));
SELECT pg_temp.report(:sid, '{"user_actions": [{"type": "increment_property", "user_id": "u-7", "payload": {"visits": 10}}]}');
SELECT openreplay.process_batches();
SELECT name, count(*) FROM events_common.customs WHERE session_id = :sid GROUP BY 1 ORDER BY 1;
SELECT properties->'visits' AS visits FROM openreplay.user_properties WHERE project_id = :project_id AND user_id = 'u-7';
-- the very same report again is a duplicate
SELECT pg_temp.report(:sid, '{"user_actions": [{"type": "increment_property", "user_id": "u-7", "payload": {"visits": 10}}]}');
SELECT openreplay.process_batches();
SELECT properties->'visits' AS visits FROM openreplay.user_properties WHERE project_id = :project_id AND user_id = 'u-7';

-- Deleted is deleted: only the key stays, and who comes again begins anew.
SELECT pg_temp.report(:sid, '{"user_actions": [{"type": "delete_user", "user_id": "u-7"}]}');
SELECT openreplay.process_batches();
SELECT user_id, properties, deleted_at IS NOT NULL AS deleted FROM openreplay.user_properties WHERE project_id = :project_id AND user_id = 'u-7';
SELECT pg_temp.report(:sid, '{"user_actions": [{"type": "set_property", "user_id": "u-7", "payload": {"plan": "basic"}}]}');
SELECT openreplay.process_batches();
SELECT user_id, properties, deleted_at IS NOT NULL AS deleted FROM openreplay.user_properties WHERE project_id = :project_id AND user_id = 'u-7';

-- Limits: long names and values are cut, what would grow too large stays as it was, so many actions at once are not done.
SELECT openreplay.change_properties('{"a": 1}', 'set_property', jsonb_build_object('b', repeat('x', 40000)));
SELECT key, length(value #>> '{}') FROM jsonb_each(openreplay.change_properties('{}', 'set_property',
	jsonb_build_object('email', repeat('e', 300), 'avatar', repeat('a', 300), repeat('k', 300), 1))) ORDER BY 1;
SELECT openreplay.change_properties('{"n": 999999999999999999}', 'increment_property', '{"n": 1e17, "m": 1e300}');
SELECT pg_temp.report(:sid, jsonb_build_object('user_actions', jsonb_agg('{"type": "increment_property", "user_id": "busy", "payload": {"n": 1}}'::jsonb)))
FROM generate_series(1, 501);
SELECT openreplay.process_batches();
SELECT properties FROM openreplay.user_properties WHERE project_id = :project_id AND user_id = 'busy';
SELECT reason FROM openreplay.broken_batches WHERE session_id = :sid ORDER BY seq DESC LIMIT 1;

-- Neither keeps a session alive; what comes after its end is counted at once.
SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 0, :t0 + 1000, 'https://shop.example.com/', 'tab-a', pg_temp.click('Only click')), '2024-11-11 15:03:00+00') IS NOT NULL AS appended;
SELECT openreplay.end_sessions('2024-11-11 15:05:30+00') AS ended;
SELECT duration, events_count, issue_score - start_ts / 1000 AS score FROM public.sessions WHERE session_id = :sid;
SELECT openreplay.append_batch(:sid, convert_to('{"events": [{"name": "late", "timestamp": 1731337560000}]}', 'UTF8'), '2024-11-11 15:06:00+00', 'a') IS NOT NULL AS appended;
SELECT openreplay.end_sessions('2024-11-11 15:06:00+00') AS ended;
SELECT duration, events_count, issue_score - start_ts / 1000 AS score FROM public.sessions WHERE session_id = :sid;

-- What comes once more when the session's state has expired, as from the spool of a server that was away for days, has counted already.
DELETE FROM openreplay.live_sessions WHERE session_id = :sid;
SELECT pg_temp.report(:sid, jsonb_build_object('user_actions', jsonb_agg('{"type": "increment_property", "user_id": "busy", "payload": {"n": 1}}'::jsonb)))
FROM generate_series(1, 501);
SELECT pg_temp.signal(:sid, jsonb_build_object('test_id', :test_id, 'task_id', null, 'status', 'begin', 'timestamp', :t0 + 1000, 'duration', 77, 'answer', null));
SELECT pg_temp.report(:sid, '{"user_actions": [{"type": "increment_property", "user_id": "busy", "payload": {"n": 7}}]}');
SELECT openreplay.process_batches();
SELECT properties FROM openreplay.user_properties WHERE project_id = :project_id AND user_id = 'busy';
SELECT count(*) FROM public.ut_tests_signals WHERE session_id = :sid;
-- and the same after another end
SELECT openreplay.end_sessions('2024-11-11 15:10:00+00') AS ended;
DELETE FROM openreplay.live_sessions WHERE session_id = :sid;
SELECT pg_temp.report(:sid, '{"user_actions": [{"type": "increment_property", "user_id": "busy", "payload": {"n": 7}}]}');
SELECT pg_temp.report(:sid, jsonb_build_object('user_actions', jsonb_agg('{"type": "increment_property", "user_id": "busy", "payload": {"n": 1}}'::jsonb)))
FROM generate_series(1, 501);
SELECT openreplay.process_batches();
SELECT properties FROM openreplay.user_properties WHERE project_id = :project_id AND user_id = 'busy';

DELETE FROM public.projects WHERE project_id IN (:project_id, :other_id);
SELECT count(*) AS left FROM openreplay.user_properties WHERE project_id = :project_id;
SELECT count(*) AS left FROM openreplay.user_devices WHERE project_id = :project_id;
