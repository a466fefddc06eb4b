-- As if nothing had been processed: all tables empty again but for what differential_fill.sql put there. Triggers stay out of it.
BEGIN;
SET LOCAL session_replication_role = replica;
SET LOCAL client_min_messages = warning;
CREATE TABLE IF NOT EXISTS public.filled AS SELECT * FROM openreplay.batches;
DO $$
DECLARE
	t regclass;
BEGIN
	FOR t IN
		SELECT c.oid FROM pg_class c
		WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('public', 'events', 'events_common', 'events_ios', 'openreplay')
			AND c.oid <> ALL ('{public.projects, public.tags, public.ut_tests, public.ut_tests_tasks, public.filled,
				openreplay.servers, openreplay.pipeline}'::regclass[])
			AND pg_relation_size(c.oid) > 0
	LOOP
		EXECUTE format('DELETE FROM %s', t);
	END LOOP;
END
$$;
INSERT INTO openreplay.batches SELECT * FROM public.filled;
COMMIT;
