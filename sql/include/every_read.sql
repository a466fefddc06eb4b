\set ECHO none
-- Calls every function that the role of now may call, with sample arguments: by the name of an argument, or by its type, a list of
-- SQL expressions.  What is refused in every way, and what fails for another reason than its arguments, is then in the settings
-- test.refused and test.failed, until the transaction ends.  The variables project_id, session_id, user_id, dashboard_id,
-- metric_id, search_id, alert_id and feature_flag_id name things that are there.
SELECT jsonb_build_object('project_id', jsonb_build_array(:project_id), 'session_id', jsonb_build_array(:session_id), 'session_ids', jsonb_build_array(format('ARRAY[%s]', :session_id)), 'user_id', jsonb_build_array(:user_id), 'viewer_id', jsonb_build_array(:user_id, 'NULL'), 'error_id', '["''readers-1''"]'::jsonb,
	'dashboard_id', jsonb_build_array(:dashboard_id), 'metric_id', jsonb_build_array(:metric_id), 'search_id', jsonb_build_array(quote_literal(:'search_id')), 'alert_id', jsonb_build_array(:alert_id), 'feature_flag_id', jsonb_build_array(:feature_flag_id),
	'card', (SELECT jsonb_agg(quote_literal(card || '{"name": "x", "startTimestamp": 1643846000000, "endTimestamp": 1643847000000}')) FROM (
		SELECT DISTINCT ON (c.metric_type, c.generation) jsonb_build_object('generation', c.generation, 'metricType', c.metric_type, 'metricOf', c.metric_of, 'series', CASE c.metric_type
			WHEN 'funnel' THEN '[{"filter": {"filters": [{"type": "location", "operator": "isAny", "isEvent": true}, {"type": "click", "operator": "onAny", "isEvent": true}]}}]' ELSE '[{}]' END::jsonb) AS card
		FROM openreplay.card_catalogue() c ORDER BY c.metric_type, c.generation) AS kinds),
	'filter', '["''{\"filters\": []}''"]'::jsonb, 'range', '["''{\"startTimestamp\": 1643846000000, \"endTimestamp\": 1643847000000}''"]'::jsonb, 'config', '["''{\"position\": 1}''"]'::jsonb, 'more', '["''[]''"]'::jsonb, 'visitor', '["''{\"userID\": \"x\"}''"]'::jsonb, 'metric', '["''errors.5xx.count''"]'::jsonb,
	'key', '["''plan''"]'::jsonb, 'type', '["''location''"]'::jsonb, 'operator', '["''>''"]'::jsonb, 'file', '["''dom.mobs''"]'::jsonb, 'what', '["''session''"]'::jsonb, 'generation', '[1, 2]'::jsonb, 'jsonb', '["''{}''"]'::jsonb, 'integer', '[1]'::jsonb, 'bigint', '[1643846400000]'::jsonb, 'text', '["''x''"]'::jsonb,
	'boolean', '["false"]'::jsonb, 'timestamp with time zone', '["''2022-02-03''"]'::jsonb, 'timestamp without time zone', '["''2022-02-03''"]'::jsonb, 'numeric', '[1]'::jsonb, 'regclass', '["''openreplay.batches''"]'::jsonb, 'bytea', '["''''"]'::jsonb, 'interval', '["''1 hour''"]'::jsonb, 'integer[]', '["''{1}''"]'::jsonb) AS samples \gset
SELECT set_config('test.samples', :'samples', true) IS NOT NULL AS set;
DO $$
DECLARE
	function record;
	call text;
	code text;
	message text;
	done boolean;
	n_done integer := 0;
	refused text := '';
	failed text := '';
BEGIN
	FOR function IN
		SELECT p.oid, p.proname, p.prokind, (SELECT array_agg(coalesce(nullif(p.proargnames[i], ''), 'argument')) FROM generate_series(1, p.pronargs) i) AS names, p.proargtypes::oid[] AS types
		FROM pg_proc p WHERE p.pronamespace = 'openreplay'::regnamespace AND has_function_privilege(p.oid, 'EXECUTE') AND p.prokind = 'f'
			AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[]) ORDER BY p.proname, p.oid
	LOOP
		done := false;
		FOR call IN
			WITH RECURSIVE argument AS (
				SELECT 0 AS n, ARRAY[]::text[] AS expressions
				UNION ALL
				SELECT a.n + 1, a.expressions || format('%s::%s', s.value, format_type(function.types[a.n], NULL))
				FROM argument a, jsonb_array_elements_text(coalesce(current_setting('test.samples')::jsonb -> function.names[a.n + 1],
					current_setting('test.samples')::jsonb -> format_type(function.types[a.n], NULL), '["NULL"]')) AS s
				WHERE a.n < coalesce(cardinality(function.names), 0)
			)
			SELECT format('SELECT count(*) FROM openreplay.%I(%s) AS f', function.proname, array_to_string(expressions, ', ')) FROM argument WHERE n = coalesce(cardinality(function.names), 0)
		LOOP
			BEGIN
				EXECUTE call;
				done := true;
			EXCEPTION WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
				-- what arguments can be wrong about
				IF code NOT IN ('22023', 'P0002', '22P02', '22007', '22003', '55000', '42501') OR (code = '42501' AND message LIKE 'permission denied%') THEN
					failed := failed || format('%s %s: %s', code, message, left(call, 200)) || E'\n';
				END IF;
			END;
		END LOOP;
		n_done := n_done + done::integer;
		IF NOT done THEN
			refused := concat_ws(', ', nullif(refused, ''), function.proname);
		END IF;
	END LOOP;
	PERFORM set_config('test.refused', refused, true), set_config('test.failed', failed, true), set_config('test.done', n_done::text, true);
END
$$;
\set ECHO all
