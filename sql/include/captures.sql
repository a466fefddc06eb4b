\set ECHO none
-- The recordings of data/captures in temporary tables, and a function to append one as if it had been received.  The files
-- are read by psql; data/unpack.sh made them, and OPENREPLAY_CAPTURES names their directory.
CREATE TEMP TABLE capture_requests (capture text, request jsonb, body bytea);
CREATE TEMP TABLE capture_documents (capture text, name text, document jsonb);
\copy capture_requests FROM PROGRAM 'cat "$OPENREPLAY_CAPTURES/requests.tsv"'
\copy capture_documents FROM PROGRAM 'cat "$OPENREPLAY_CAPTURES/documents.tsv"'

CREATE FUNCTION pg_temp.document(capture text, name text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT d.document FROM capture_documents d WHERE d.capture = $1 AND d.name = $2
$$;

CREATE FUNCTION pg_temp.start_entry(session_id bigint, project_id integer, meta jsonb, request jsonb, started jsonb) RETURNS bytea
LANGUAGE sql AS $$
	SELECT convert_to(jsonb_build_object(
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
		'expires_ms', (meta->'sessions'->0->>'startTimestamp')::bigint + 7200000)::text, 'UTF8')
$$;

-- Start entry and batches, at the times they were recorded.  Returns how many entries were appended.
CREATE FUNCTION pg_temp.append_capture(name text, project_id integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	meta jsonb := pg_temp.document(name, 'meta');
	session_id bigint := (meta->'sessions'->0->>'sessionID')::bigint;
	r record;
	split integer;
	received_at timestamptz;
	entries integer := 0;
BEGIN
	FOR r IN
		SELECT request, body FROM capture_requests c
		WHERE c.capture = name AND request->>'method' = 'POST' AND (request->>'status')::int = 200 AND body IS NOT NULL
		ORDER BY (request->>'seq')::int
	LOOP
		received_at := to_timestamp(((meta->>'started_ms')::bigint + (r.request->>'t_ms')::bigint) / 1000.0);
		IF r.request->>'path' LIKE '%/web/start' AND entries = 0 THEN
			PERFORM openreplay.append_batch(session_id,
				pg_temp.start_entry(session_id, project_id, meta, r.request, convert_from(r.body, 'UTF8')::jsonb), received_at, 's');
			entries := entries + 1;
		ELSIF r.request->>'path' LIKE '%/web/i?%' THEN
			split := substring(r.request->>'path' FROM 'split=(\d+)')::integer;
			IF split IS NOT NULL THEN
				PERFORM openreplay.append_batch(session_id, substring(r.body FROM 1 FOR split), received_at);
				PERFORM openreplay.append_batch(session_id, substring(r.body FROM split + 1), received_at);
				entries := entries + 2;
			ELSE
				PERFORM openreplay.append_batch(session_id, r.body, received_at);
				entries := entries + 1;
			END IF;
		END IF;
	END LOOP;
	RETURN entries;
END
$$;
\set ECHO all
