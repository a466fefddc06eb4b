-- What the pipeline wrote, a line a table: name, rows, digest of the rows in any order.  Left out is what tells when a row was
-- written, and numbers given by sequences.
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.digest() RETURNS TABLE (name text, rows bigint, digest numeric) LANGUAGE plpgsql AS $$
DECLARE
	t regclass;
BEGIN
	FOR t IN
		SELECT * FROM openreplay.session_tables()
		UNION ALL SELECT unnest('{public.errors, public.issues, public.crashes_ios, public.autocomplete, public.ut_tests_signals,
			openreplay.user_properties, openreplay.user_devices, openreplay.broken_batch_log}'::regclass[])
	LOOP
		RETURN QUERY EXECUTE format('SELECT %L, count(*), coalesce(sum(hashtextextended(row, 0)::numeric), 0)
			FROM (SELECT (to_jsonb(t) - ''{created_at, found_at, signal_id, seq, received_at}''::text[])::text AS row FROM %s t) r', t,
			-- the numbers that values were given, in the order of their appearance, are replaced by the values
			CASE t WHEN 'openreplay.session_events'::regclass THEN $q$(SELECT q.session_id, x.n, x.kind, x."timestamp", v.value, v.details FROM openreplay.session_events q
				CROSS JOIN openreplay.sequence_events(q.events, q.start_ts) x LEFT JOIN openreplay.event_values v ON v.project_id = q.project_id AND v.kind = x.kind AND v.value_id = x.value_id)$q$ ELSE t::text END);
	END LOOP;
END
$$;
SELECT * FROM pg_temp.digest() ORDER BY name;
