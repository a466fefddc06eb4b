--
-- Cards nobody would send: whatever is wrong is refused by its name, and what is kept can be drawn
--
-- Each is a template with a few members replaced by something else, by numbers from a seed.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
BEGIN;
INSERT INTO public.projects (name, active) VALUES ('hostile cards', true) RETURNING project_id \gset
INSERT INTO public.users (email, name) VALUES ('mallory@cards.example', 'Mallory') RETURNING user_id \gset
CREATE TEMP TABLE outcome (stage text, code text, message text, card jsonb);
CREATE FUNCTION pg_temp.one_of(choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$SELECT choices[1 + floor(random() * cardinality(choices))]$$;
CREATE FUNCTION pg_temp.spoil(card jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	value jsonb := pg_temp.one_of(ARRAY['null', '1', '-1', '"x"', '""', '[]', '{}', 'true', '1e400', '[null]', '[[1]]', '[{}]', '{"a": 1}', '"\u0001"', '"''; DROP TABLE sessions; --"', '99999999999999999999', '[1, "a", {}]'])::jsonb;
	path text[] := CASE floor(random() * 4)
		WHEN 0 THEN ARRAY['series', '0', pg_temp.one_of('{seriesId,name,filter}')]
		WHEN 1 THEN ARRAY['series', '0', 'filter', pg_temp.one_of('{filters,eventsOrder,events,limit,startTimestamp}')]
		ELSE ARRAY[pg_temp.one_of('{name,isPublic,config,thumbnail,sessionId,filters,series,metricType,metricOf,viewType,metricFormat,metricValue,generation,startPoint,excludes,breakdowns,rows,density,defaultConfig,limit,page,hideExcess,sampleRate,startType,stepsBefore}')] END;
BEGIN
	RETURN jsonb_set(card, path, value, true);
EXCEPTION WHEN OTHERS THEN
	RETURN card;		-- there is no such place any more
END
$$;
CREATE FUNCTION pg_temp.attack(project_id integer, user_id integer, attacks integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	cards jsonb[] := ARRAY(SELECT t.card FROM openreplay.card_templates() t ORDER BY t.template);
	card jsonb;
	id integer;
	stage text;
	code text;
	message text;
BEGIN
	PERFORM setseed(0.25);
	FOR i IN 1 .. attacks LOOP
		card := cards[1 + floor(random() * cardinality(cards))];
		FOR j IN 0 .. floor(random() * 3)::integer LOOP
			card := pg_temp.spoil(card);
		END LOOP;
		BEGIN
			stage := 'saving';
			id := openreplay.save_card(project_id, user_id, card);
			stage := 'drawing';
			PERFORM openreplay.saved_card(id, user_id), openreplay.card(id, '{"startTimestamp": 1646265600000, "endTimestamp": 1646265700000, "limit": 10}', user_id);
			INSERT INTO outcome VALUES ('drawn', NULL, NULL, card);
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
			INSERT INTO outcome VALUES (stage, code, message, card);
		END;
	END LOOP;
END
$$;
SELECT pg_temp.attack(:project_id, :user_id, 600);
SELECT count(*) FILTER (WHERE stage = 'drawn') > 100 AS some_are_drawn, count(*) FILTER (WHERE stage = 'saving') > 100 AS some_are_refused FROM outcome;
-- None other than by what is wrong with it, and none that was kept.
SELECT stage, code, message, card FROM outcome WHERE stage = 'drawing' OR (stage = 'saving' AND (code <> '22023' OR message ~ '^cannot (extract|call|get|cast)'));
ROLLBACK;
