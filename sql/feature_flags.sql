-- Feature flags: defined by the product's people, asked for by trackers, the same answer for a visitor every time.
\set VERBOSITY default
BEGIN;
INSERT INTO public.projects (name, active) VALUES ('shop', true) RETURNING project_id \gset

-- A flag for Dutch visitors on the pro plan, and everybody from the newsletter.
SELECT openreplay.save_feature_flag(:project_id, '{"flagKey": "new-nav", "payload": "{\"cta\": \"Buy\"}", "conditions": [
	{"name": "dutch pros", "rolloutPercentage": 100, "filters": [
		{"type": "userCountry", "operator": "is", "value": ["NL"]},
		{"type": "metadata", "source": "plan", "operator": "is", "value": ["pro"]}]},
	{"name": "newsletter", "rolloutPercentage": 100, "filters": [
		{"type": "referrer", "operator": "startsWith", "value": ["https://mail.example/"]}]}]}') AS flag \gset
SELECT jsonb_pretty(:'flag'::jsonb #- '{createdAt}' #- '{updatedAt}' #- '{featureFlagId}' #- '{conditions,0,conditionId}' #- '{conditions,1,conditionId}');
SELECT (:'flag'::jsonb ->> 'featureFlagId')::integer AS flag_id \gset

SELECT openreplay.evaluate_flags(:project_id, '{"userID": "u-7", "country": "NL", "metadata": {"plan": "pro"}}');
SELECT openreplay.evaluate_flags(:project_id, '{"userID": "u-7", "country": "NL", "metadata": {"plan": "free"}}');
SELECT openreplay.evaluate_flags(:project_id, '{"userID": null, "country": "DE", "referrer": "https://mail.example/42"}');

-- What is no text in a visitor's JSON is taken as one.
SELECT openreplay.save_feature_flag(:project_id, '{"flagKey": "big-cart", "conditions": [{"name": "ten", "rolloutPercentage": 100, "filters": [
	{"type": "metadata", "source": "cart", "operator": "is", "value": ["10", "true"]}]}]}') IS NOT NULL AS saved;
SELECT openreplay.evaluate_flags(:project_id, visitor) -> 'flags' @> '[{"key": "big-cart"}]' AS has_it, visitor
FROM (VALUES ('{"metadata": {"cart": 10}}'::jsonb), ('{"metadata": {"cart": true}}'), ('{"metadata": {"cart": [10]}}'),
			 ('{"metadata": null}'), ('{"metadata": "cart"}'), ('{"metadata": {"cart": null}}'), ('{}')) AS v (visitor);

-- A flag with variants: stable per visitor, in the shares that were asked for.
SELECT openreplay.save_feature_flag(:project_id, '{"flagKey": "button", "flagType": "multi", "isPersist": true,
	"conditions": [{"name": "half", "rolloutPercentage": 50, "filters": []}],
	"variants": [{"value": "red", "payload": "#f00", "rolloutPercentage": 25}, {"value": "blue", "payload": "#00f", "rolloutPercentage": 75}]}') IS NOT NULL AS saved;
SELECT button, abs(count(*) - (CASE button WHEN 'red' THEN 250 WHEN 'blue' THEN 750 ELSE 1000 END)) < 110 AS is_its_share
FROM (SELECT coalesce(f.value #>> '{}', 'without') AS button FROM generate_series(1, 2000) n
	  LEFT JOIN LATERAL openreplay.match_flags(:project_id, jsonb_build_object('userUUID', n)) f ON f.flag_key = 'button') AS given
GROUP BY 1 ORDER BY 1; -- 110 is five standard deviations
SELECT count(*) AS changed_their_mind FROM generate_series(1, 500) n
WHERE openreplay.evaluate_flags(:project_id, jsonb_build_object('userID', n)) <> openreplay.evaluate_flags(:project_id, jsonb_build_object('userID', n, 'sessionID', 'other'));

-- Raising a percentage takes nobody out.
CREATE TEMP TABLE had AS SELECT n FROM generate_series(1, 500) n
	WHERE openreplay.evaluate_flags(:project_id, jsonb_build_object('userID', n)) -> 'flags' @> '[{"key": "button"}]';
UPDATE public.feature_flags_conditions SET rollout_percentage = 60 WHERE name = 'half';
SELECT count(*) > 0 AS some_had_it,
	bool_and(openreplay.evaluate_flags(:project_id, jsonb_build_object('userID', n)) -> 'flags' @> '[{"key": "button"}]') AS all_have_it
FROM had;
SELECT bool_and((openreplay.flag_bucket(:project_id, 'button', n::text) < 60)
				= openreplay.evaluate_flags(:project_id, jsonb_build_object('userID', n)) -> 'flags' @> '[{"key": "button"}]') AS bucket_tells
FROM generate_series(1, 500) n;

-- What the browser remembers goes on, however it is wrapped, while it is one of the variants and the flag is persistent.
UPDATE public.feature_flags_conditions SET rollout_percentage = 0 WHERE name = 'half';
SELECT kept, openreplay.evaluate_flags(:project_id, jsonb_build_object('persistFlags', jsonb_build_object('button', kept))) -> 'flags' AS flags
FROM (VALUES ('"red"'::jsonb), ('{"key": "button", "value": "blue"}'), ('{"value": {"value": {"value": "blue"}}}'), ('"green"'), ('true'), ('{}')) AS v (kept);

-- A flag without conditions, a switched off and a deleted one are nobody's; a filter that makes no sense never holds.
DELETE FROM public.feature_flags_conditions WHERE name = 'ten';
SELECT openreplay.evaluate_flags(:project_id, '{"metadata": {"cart": 10}}');
UPDATE public.feature_flags_conditions SET filters = '[{"type": "userAgent", "operator": "isAny", "value": []}]' WHERE name = 'newsletter';
UPDATE public.feature_flags_conditions SET filters = '"broken"' WHERE name = 'dutch pros';
SELECT openreplay.evaluate_flags(:project_id, '{"country": "NL", "referrer": "https://mail.example/42", "metadata": {"plan": "pro"}}');
SELECT openreplay.set_feature_flag_active(:flag_id, false);
SELECT openreplay.search_feature_flags(:project_id, query => 'NAV', is_active => true) -> 'total' AS active,
	openreplay.search_feature_flags(:project_id, query => 'NAV') -> 'total' AS all_of_them;

-- A session's flags are noted, once, also before its row is there.
UPDATE public.feature_flags_conditions SET rollout_percentage = 100 WHERE name = 'half';
SELECT openreplay.give_flags(openreplay.session_id_at(now()), :project_id, '{"userID": "u-9"}') -> 'flags' -> 0 ->> 'key' AS given;
SELECT openreplay.give_flags(openreplay.session_id_at(now()), :project_id, '{"userID": "u-9"}') -> 'flags' -> 0 ->> 'key' AS given;
SELECT f.flag_key, c.name FROM public.sessions_feature_flags s JOIN public.feature_flags f USING (feature_flag_id)
LEFT JOIN public.feature_flags_conditions c USING (condition_id);
ROLLBACK;

-- Changing one: children with an id stay themselves, new ones are added, those left out go.
BEGIN;
INSERT INTO public.projects (name, active) VALUES ('shop', true) RETURNING project_id \gset
SELECT openreplay.save_feature_flag(:project_id, '{"flagKey": "a", "conditions": [{"name": "one", "filters": [{"type": "userOs", "operator": "is", "value": ["Linux"]}]}, {"name": "two"}]}') AS flag \gset
SELECT (:'flag'::jsonb ->> 'featureFlagId')::integer AS flag_id, (:'flag'::jsonb #>> '{conditions,0,conditionId}')::integer AS one \gset
SELECT openreplay.save_feature_flag(:project_id, jsonb_build_object('flagKey', 'B', 'conditions', jsonb_build_array(
		jsonb_build_object('name', 'new'), jsonb_build_object('conditionId', :one, 'name', 'one', 'rolloutPercentage', 5,
			'filters', '[{"type": "userOs", "operator": "isAny", "value": []}]'::jsonb))), :flag_id) AS flag \gset
SELECT :'flag'::jsonb -> 'flagKey' AS key, c ->> 'name' AS name, (c ->> 'conditionId')::integer = :one AS same, c -> 'rolloutPercentage' AS percent, c #> '{filters,0,operator}' AS operator
FROM jsonb_array_elements(:'flag'::jsonb -> 'conditions') c;
SELECT openreplay.delete_feature_flag(:flag_id);
SELECT openreplay.feature_flag(:flag_id) IS NULL AS gone, openreplay.save_feature_flag(:project_id, '{"flagKey": "b", "conditions": [{"name": "x"}]}') IS NOT NULL AS key_is_free;

-- What is refused, and what is said.
CREATE FUNCTION pg_temp.try(definition jsonb, flag integer DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
	code text;
BEGIN
	PERFORM openreplay.save_feature_flag((SELECT max(project_id) FROM public.projects), definition, flag);
	RETURN 'saved';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, code = RETURNED_SQLSTATE;
	RETURN concat_ws(' | ', code, message, nullif(hint, ''));
END
$$;
\pset tuples_only
\pset format unaligned
SELECT pg_temp.try(definition) FROM (VALUES
	(1, '[]'::jsonb),
	(2, '{"flagKey": "with space", "conditions": [{"name": "x"}]}'),
	(3, '{"flagKey": "B", "conditions": [{"name": "x"}]}'),
	(4, '{"flagKey": "c", "flagType": "double", "conditions": [{"name": "x"}]}'),
	(5, '{"flagKey": "c"}'),
	(6, '{"flagKey": "c", "conditions": [{"name": "x", "rolloutPercentage": 101}]}'),
	(7, '{"flagKey": "c", "conditions": [{"name": "x", "rolloutPercentage": "50"}]}'),
	(8, '{"flagKey": "c", "conditions": [{"name": "x", "filters": [{"type": "userAgent", "operator": "is", "value": ["x"]}]}]}'),
	(9, '{"flagKey": "c", "conditions": [{"name": "x", "filters": [{"type": "userOs", "operator": "on", "value": ["x"]}]}]}'),
	(10, '{"flagKey": "c", "conditions": [{"name": "x", "filters": [{"type": "userOs", "operator": "is", "value": []}]}]}'),
	(11, '{"flagKey": "c", "conditions": [{"name": "x", "filters": [{"type": "metadata", "operator": "is", "value": ["x"]}]}]}'),
	(12, '{"flagKey": "c", "flagType": "multi", "conditions": [{"name": "x"}]}'),
	(13, '{"flagKey": "c", "flagType": "multi", "conditions": [{"name": "x"}], "variants": [{"value": "a", "rolloutPercentage": 60}, {"value": "b", "rolloutPercentage": 60}]}'),
	(14, '{"flagKey": "c", "flagType": "multi", "conditions": [{"name": "x"}], "variants": [{"value": "a"}, {"value": "a"}]}'),
	(15, '{"flagKey": "c", "isPersist": true, "payload": "a;b", "conditions": [{"name": "x"}]}'),
	(16, '{"flagKey": "c", "payload": {"a": 1}, "conditions": [{"name": "x"}]}'),
	(17, '{"flagKey": "c", "conditions": [{"name": "x", "conditionId": 0}]}')) AS t (n, definition) ORDER BY n;
SELECT pg_temp.try('{"flagKey": "c", "conditions": [{"name": "x"}]}', 0);
\pset tuples_only
\pset format aligned
\set VERBOSITY terse
SELECT openreplay.set_feature_flag_active(:flag_id, true);
\set VERBOSITY default
ROLLBACK;
SELECT openreplay.evaluate_flags(1, '[]');
SELECT kind, string_agg(name, ' ') AS names FROM openreplay.flag_vocabulary() GROUP BY kind ORDER BY kind;
