-- Functions to append the recordings of data/captures as if they had been received; the directory is where data/unpack.sh
-- put them.  Included by tests; leaves two functions in pg_temp.
\getenv captures OPENREPLAY_CAPTURES
SELECT set_config('test.captures', :'captures', false) IS NOT NULL AS ready;

-- One JSON object per request.
CREATE FUNCTION pg_temp.requests(capture text) RETURNS SETOF jsonb LANGUAGE sql AS $$
	SELECT line::jsonb FROM regexp_split_to_table(
		pg_read_file(current_setting('test.captures') || '/' || capture || '/requests.ndjson'), '\n') AS line
	WHERE line <> ''
$$;

-- Start entry and batches, at the times they were recorded.  Returns how many entries were appended.
CREATE FUNCTION pg_temp.append_capture(capture text, project_id integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	dir text := current_setting('test.captures') || '/' || capture;
	meta jsonb := pg_read_file(dir || '/meta.json')::jsonb;
	request jsonb;
	started jsonb;
	session_id bigint := (meta->'sessions'->0->>'sessionID')::bigint;
	body bytea;
	split integer;
	received_at timestamptz;
	entries integer := 0;
BEGIN
	FOR request IN SELECT pg_temp.requests(capture)
	LOOP
		CONTINUE WHEN request->>'method' <> 'POST' OR (request->>'status')::int <> 200 OR request->>'body' IS NULL;
		body := pg_read_binary_file(dir || '/bodies/' || (request->>'body'));
		received_at := to_timestamp(((meta->>'started_ms')::bigint + (request->>'t_ms')::bigint) / 1000.0);
		IF request->>'path' LIKE '%/web/start' AND entries = 0 THEN
			started := convert_from(body, 'UTF8')::jsonb;
			PERFORM openreplay.append_batch(session_id, convert_to(jsonb_build_object(
				'session_id', session_id::text, 'project_id', project_id,
				'start_ts', meta->'sessions'->0->'startTimestamp', 'tracker_version', started->>'trackerVersion',
				'rev_id', coalesce(started->>'revID', ''), 'platform', 'web',
				'user_uuid', coalesce(request->'response'->>'userUUID', started->>'userUUID'),
				'user_os', request->'response'->>'userOS', 'user_os_version', '',
				'user_browser', request->'response'->>'userBrowser', 'user_browser_version', '156.0.0',
				'user_device', request->'response'->>'userDevice', 'user_device_type', 'desktop',
				'user_country', request->'response'->>'userCountry', 'user_state', '', 'user_city', '',
				'user_device_memory_size', coalesce(started->'deviceMemory', '0'),
				'user_device_heap_size', coalesce(started->'jsHeapSizeLimit', '0'),
				'user_id', coalesce(started->>'userID', ''), 'timezone', started->>'timezone',
				'screen_width', started->'width', 'screen_height', started->'height', 'user_agent', meta->>'user_agent',
				'delay_ms', meta->'sessions'->0->'delay',
				'expires_ms', (meta->'sessions'->0->>'startTimestamp')::bigint + 7200000)::text, 'UTF8'),
				received_at, 's');
			entries := entries + 1;
		ELSIF request->>'path' LIKE '%/web/i?%' THEN
			split := substring(request->>'path' FROM 'split=(\d+)')::integer;
			IF split IS NOT NULL THEN
				PERFORM openreplay.append_batch(session_id, substring(body FROM 1 FOR split), received_at);
				PERFORM openreplay.append_batch(session_id, substring(body FROM split + 1), received_at);
				entries := entries + 2;
			ELSE
				PERFORM openreplay.append_batch(session_id, body, received_at);
				entries := entries + 1;
			END IF;
		END IF;
	END LOOP;
	RETURN entries;
END
$$;
