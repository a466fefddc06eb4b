--
-- all_cards.sql - every kind of card once, as a dashboard's role in a read-only transaction: a line a kind with a hash of its chart
--
--   psql -v project_id=1 -v from_ts=1704067200000 -v to_ts=1711843200000 -f ingest/test/all_cards.sql
--
-- For comparing servers and settings: the same rows give the same lines. A heat map picks its session by chance, so of that
-- only what it is made of is told.
--
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
BEGIN;
SET LOCAL ROLE openreplay_reader;
SET LOCAL transaction_read_only = on;
SELECT c.generation, c.metric_type, c.metric_of, format, CASE WHEN chart IS NULL THEN 'no chart' WHEN c.metric_type = 'heatMap' THEN jsonb_typeof(chart) ELSE md5(chart::text) END
FROM openreplay.card_catalogue() AS c, string_to_table(c.metric_formats, ' ') AS format,
	LATERAL openreplay.try_card(:project_id, jsonb_build_object('generation', c.generation, 'metricType', c.metric_type, 'metricOf', c.metric_of, 'metricFormat', format, 'startTimestamp', :from_ts, 'endTimestamp', :to_ts,
		'density', 7, 'limit', 20, 'page', 1, 'series', jsonb_build_array(jsonb_build_object('name', 'All', 'filter', jsonb_build_object('filters', CASE c.metric_type
			WHEN 'funnel' THEN '[{"type": "location", "operator": "isAny", "value": [], "isEvent": true}, {"type": "click", "operator": "onAny", "value": [], "isEvent": true}]'
			ELSE '[{"type": "userBrowser", "operator": "is", "value": ["Chrome", "Safari"]}]' END::jsonb))))) AS chart;
ROLLBACK;
