\set ECHO none
-- The wire format in SQL, enough to write batches by hand: varints, strings, messages, batches.
CREATE FUNCTION pg_temp.uint(value bigint) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	result bytea := '';
BEGIN
	WHILE value >= 128 LOOP
		result := result || set_byte('\x00', 0, (value & 127)::int | 128);
		value := value >> 7;
	END LOOP;
	RETURN result || set_byte('\x00', 0, value::int);
END
$$;
CREATE FUNCTION pg_temp.int(value bigint) RETURNS bytea LANGUAGE sql AS 'SELECT pg_temp.uint(value * 2)';	-- positive ones
CREATE FUNCTION pg_temp.str(value bytea) RETURNS bytea LANGUAGE sql AS 'SELECT pg_temp.uint(length(value)) || value';
CREATE FUNCTION pg_temp.str(value text) RETURNS bytea LANGUAGE sql AS $$ SELECT pg_temp.str(convert_to(value, 'UTF8')) $$;
-- A message with its three size bytes.
CREATE FUNCTION pg_temp.msg(type int, VARIADIC fields bytea[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT set_byte('\x00', 0, type) || set_byte('\x00', 0, n & 255) || set_byte('\x00', 0, n >> 8 & 255)
		|| set_byte('\x00', 0, n >> 16) || body
	FROM (SELECT length(b) AS n, b AS body FROM (SELECT coalesce(string_agg(f, '' ORDER BY i), '') AS b
		  FROM unnest(fields) WITH ORDINALITY AS x (f, i)) y) z
$$;
-- A batch of version 1: header, TabData, then the messages.
CREATE FUNCTION pg_temp.batch(page_no bigint, first_index bigint, at bigint, url text, tab text, VARIADIC messages bytea[])
RETURNS bytea LANGUAGE sql AS $$
	SELECT '\x51'::bytea || pg_temp.uint(1) || pg_temp.uint(page_no) || pg_temp.uint(first_index) || pg_temp.int(at)
		|| pg_temp.str(url) || pg_temp.msg(118, pg_temp.str(tab))
		|| (SELECT coalesce(string_agg(m, '' ORDER BY i), '') FROM unnest(messages) WITH ORDINALITY AS x (m, i))
$$;
CREATE FUNCTION pg_temp.at(ms bigint) RETURNS bytea LANGUAGE sql AS 'SELECT pg_temp.msg(0, pg_temp.uint(ms))';
CREATE FUNCTION pg_temp.click(label text, x int DEFAULT 4567, y int DEFAULT 250) RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_temp.msg(68, pg_temp.uint(51), pg_temp.uint(730), pg_temp.str(label), pg_temp.str('#buy'), pg_temp.uint(x), pg_temp.uint(y))
$$;
CREATE FUNCTION pg_temp.custom(name text, payload text) RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_temp.msg(27, pg_temp.str(name), pg_temp.str(payload))
$$;
-- A session that starts at a time, with what matters of its start entry.
CREATE FUNCTION pg_temp.start(id bigint, project_id int, at timestamptz, more jsonb DEFAULT '{}') RETURNS bigint LANGUAGE sql AS $$
	SELECT openreplay.append_batch(id, convert_to((jsonb_build_object('session_id', id::text, 'project_id', project_id,
		'start_ts', (extract(epoch FROM at) * 1000)::bigint, 'tracker_version', '14.0.14', 'rev_id', '', 'platform', 'web',
		'user_uuid', '7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5', 'user_os', 'Windows', 'user_os_version', '10',
		'user_browser', 'Chrome', 'user_browser_version', '129.0.0', 'user_device', '', 'user_device_type', 'desktop',
		'user_country', 'NL', 'user_state', '', 'user_city', 'Amsterdam', 'user_device_memory_size', 8192,
		'user_device_heap_size', 4294705152, 'user_id', '', 'timezone', 'UTC+02:00', 'screen_width', 1920,
		'screen_height', 1080, 'user_agent', 'UA', 'delay_ms', 137,
		'expires_ms', (extract(epoch FROM at) * 1000)::bigint + 7200000) || more)::text, 'UTF8'), at, 's')
$$;
-- Mobile messages have no sizes; their time and the length of the rest come first.
CREATE FUNCTION pg_temp.mobile(type int, at bigint, VARIADIC fields bytea[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT set_byte('\x00', 0, type) || pg_temp.uint(at) || pg_temp.uint(length(body)) || body
	FROM (SELECT coalesce(string_agg(f, '' ORDER BY i), '') AS body FROM unnest(fields) WITH ORDINALITY AS x (f, i)) b
$$;
CREATE FUNCTION pg_temp.mobile_batch(first_index bigint, at bigint, VARIADIC messages bytea[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_temp.mobile(107, at, pg_temp.uint(first_index))
		|| (SELECT coalesce(string_agg(m, '' ORDER BY i), '') FROM unnest(messages) WITH ORDINALITY AS x (m, i))
$$;
CREATE FUNCTION pg_temp.tap(at bigint, label text) RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_temp.mobile(100, at, pg_temp.str(label), pg_temp.uint(10), pg_temp.uint(20))
$$;
-- An id of a session of a time, whose lane has nothing later in it: append_batch() keeps the times it is given there.
CREATE FUNCTION pg_temp.session_in_quiet_lane(at timestamptz) RETURNS bigint LANGUAGE sql AS $$
	SELECT min(id) FROM generate_series(openreplay.session_id_at(at), openreplay.session_id_at(at) + 1000) AS id
	WHERE NOT EXISTS (SELECT FROM openreplay.batches b WHERE b.server_id = 0 AND b.shard = openreplay.shard_of(id) AND b.received_at > at)
	AND NOT EXISTS (SELECT FROM openreplay.passes p WHERE p.server_id = 0 AND p.shard = openreplay.shard_of(id) AND p.received_at > at)
$$;
\set ECHO all
