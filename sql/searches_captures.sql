--
-- Questions to the bundled recordings, each asked as a filter and in plain SQL
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/captures.sql'
\i :include

INSERT INTO public.projects (name, active, metadata_1, metadata_2) VALUES ('searched captures', true, 'store', 'segment') RETURNING project_id \gset
CREATE TEMP TABLE capture AS
SELECT split_part(name, '-', 1) AS short, name, (pg_temp.document(name, 'meta')->'sessions'->0->>'sessionID')::bigint AS session_id
FROM unnest('{s1-browse-short,s2-checkout-full,s3-frustration,s4-multipage,s5-heavy-dom,s6-three-tabs,s7-idle,s8-widgets}'::text[]) AS name;
SELECT count(pg_temp.append_capture(name, :project_id)) AS captures FROM capture;
SELECT openreplay.process_batches() > 0 AS processed, openreplay.count_sessions(:project_id) AS while_live;
SELECT openreplay.end_sessions(now()) >= 8 AS ended;
SELECT openreplay.count_sessions(:project_id) AS sessions, openreplay.count_sessions(:project_id, '{"groupByUser": true}') AS users;

CREATE TEMP TABLE question (n integer, question text, filters jsonb, events_order text, plain text);
INSERT INTO question VALUES
	(1, 'looked at a product and put it into the cart', '[{"type": "location", "operator": "startsWith", "value": ["/p/"]}, {"type": "click", "operator": "on", "value": ["Add to cart"]}]', 'then',
	 'EXISTS (SELECT FROM events.pages p JOIN events.clicks k USING (session_id) WHERE p.session_id = s.session_id AND p.path LIKE ''/p/%'' AND k.label = ''Add to cart'' AND k.timestamp >= p.timestamp)'),
	(2, 'put something into the cart, and did not order', '[{"type": "click", "operator": "on", "value": ["Add to cart"]}, {"type": "click", "operator": "notContains", "value": ["place ORDER"]}]', 'then',
	 'EXISTS (SELECT FROM events.clicks k WHERE k.session_id = s.session_id AND k.label = ''Add to cart'') AND NOT EXISTS (SELECT FROM events.clicks k WHERE k.session_id = s.session_id AND k.label = ''Place order'')'),
	(3, 'had a request that failed', '[{"type": "fetch", "operator": "is", "filters": [{"type": "fetchStatusCode", "operator": ">=", "value": [500]}]}]', 'then',
	 'EXISTS (SELECT FROM events_common.requests r WHERE r.session_id = s.session_id AND r.status_code >= 500)'),
	(4, 'the same, asked in the newer way', '[{"name": "REQUEST", "isEvent": true, "operator": "is", "value": [], "filters": [{"name": "status", "operator": ">=", "value": ["500"], "dataType": "number"}]}]', 'then',
	 'EXISTS (SELECT FROM events_common.requests r WHERE r.session_id = s.session_id AND r.status_code >= 500)'),
	(5, 'dispatched an action of the store, or asked by GraphQL', '[{"type": "stateAction", "operator": "is", "value": ["cart/clear"]}, {"type": "graphql", "operator": "is", "filters": []}]', 'or',
	 'EXISTS (SELECT FROM events.state_actions a WHERE a.session_id = s.session_id AND a.name = ''cart/clear'') OR EXISTS (SELECT FROM events.graphql g WHERE g.session_id = s.session_id)'),
	(6, 'customers of the store in Berlin who came back', '[{"type": "metadata", "source": "store", "operator": "is", "value": ["berlin"]}, {"name": "metadata_2", "operator": "startsWith", "value": ["RETURN"]}]', 'then', 's.metadata_1 = ''berlin'' AND s.metadata_2 LIKE ''return%'''),
	(7, 'clicked in vain', '[{"type": "issue", "operator": "is", "value": ["dead_click"]}]', 'then', '''dead_click'' = ANY (s.issue_types)'),
	(8, 'clicked in vain on the wish list', '[{"type": "issue", "operator": "is", "value": ["dead_click"], "source": ["Wish list"]}]', 'then',
	 'EXISTS (SELECT FROM events_common.issues o JOIN public.issues i USING (issue_id) WHERE o.session_id = s.session_id AND i.type = ''dead_click'' AND i.context_string = ''Wish list'')'),
	(9, 'marked an incident', '[{"name": "INCIDENT", "isEvent": true, "operator": "is", "filters": [{"name": "label", "operator": "isAny", "value": []}]}]', 'then', '''incident'' = ANY (s.issue_types)'),
	(10, 'had a page that jumped or was slow to paint', '[{"name": "LOCATION", "isEvent": true, "operator": "is", "propertyOrder": "or", "filters": [{"name": "cls", "operator": ">", "value": ["0"], "dataType": "number"}, {"name": "lcp", "operator": ">", "value": ["800"], "dataType": "number"}]}]', 'then',
	 'EXISTS (SELECT FROM events.pages p WHERE p.session_id = s.session_id AND ((p.web_vitals::jsonb ->> ''CLS'')::numeric > 0 OR (p.web_vitals::jsonb ->> ''LCP'')::numeric > 800))'),
	(11, 'had an error, of any source', '[{"type": "error", "operator": "isAny", "source": ["*"]}]', 'then', 'EXISTS (SELECT FROM events.errors e WHERE e.session_id = s.session_id)'),
	(12, 'reported an order of its own', '[{"name": "order_placed", "isEvent": true, "autoCaptured": false, "operator": "is", "filters": []}]', 'then',
	 'EXISTS (SELECT FROM events_common.customs c WHERE c.session_id = s.session_id AND c.name = ''order_placed'')'),
	(13, 'more than a minute, much done, nobody known', '[{"type": "duration", "operator": "is", "value": [60000, 0]}, {"type": "eventsCount", "operator": ">", "value": [20]}, {"type": "userId", "operator": "isUndefined", "value": []}]', 'then',
	 's.duration >= 60000 AND s.events_count > 20 AND s.user_id IS NULL'),
	(14, 'never saw the cart', '[{"type": "location", "operator": "isNot", "value": ["/cart"]}]', 'then', 'NOT EXISTS (SELECT FROM events.pages p WHERE p.session_id = s.session_id AND p.path = ''/cart'')');
CREATE FUNCTION pg_temp.plain(condition text, project_id integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	shorts text;
BEGIN
	EXECUTE format('SELECT string_agg(c.short, '' '' ORDER BY c.short) FROM public.sessions s JOIN capture c USING (session_id) WHERE s.project_id = $1 AND (%s)', condition) INTO shorts USING project_id;
	RETURN shorts;
END
$$;
SELECT n, question, found, found IS NOT DISTINCT FROM pg_temp.plain(plain, :project_id) AS as_in_plain_sql
FROM question q, LATERAL (
	SELECT string_agg(c.short, ' ' ORDER BY c.short) AS found
	FROM openreplay.matching_sessions(:project_id, jsonb_build_object('filters', q.filters, 'eventsOrder', q.events_order)) m JOIN capture c USING (session_id)) AS f
ORDER BY n;

-- What the replay of one of them shows beside the picture.
SELECT kind, jsonb_array_length(list) AS items FROM jsonb_each(openreplay.session_activity((SELECT session_id FROM capture WHERE short = 's3'))) AS a (kind, list) ORDER BY kind;
SELECT name, message, users, sessions FROM openreplay.search_errors(:project_id, '{"startTimestamp": 0, "endTimestamp": 4000000000000, "density": 2}') ORDER BY name, message;
SELECT * FROM openreplay.autocomplete(:project_id, 'cart');

DELETE FROM public.projects WHERE project_id = :project_id;
DELETE FROM openreplay.deleted_sessions;	-- its sessions may be sent again here
