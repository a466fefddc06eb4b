#!/usr/bin/env bash
#
# cards_bench.sh [SESSIONS [PATTERN]] - how long searches, counts and cards take on generated sessions (100,000 of 30 events unless told otherwise)
#
# One connection asks each question 25 times, over all three months and over the last week; the first 5 fill the caches and do not
# count. Times are the server's, in milliseconds. Cards are the lines of cards_bench*.list;
# with a pattern only what it matches is asked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. ingest/test/cluster.sh

dir=$(cluster_dir openreplay-cards)
trap 'stop_cluster "$dir" immediate 2> /dev/null; rm -rf "$dir"' EXIT
start_cluster "$dir" "$(free_port)" "shared_preload_libraries = openreplay" "openreplay.workers = 0" "shared_buffers = 2GB" \
	"max_wal_size = 4GB" "effective_cache_size = 4GB" "random_page_cost = 1.1"
create_openreplay
psql=("$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1)
"${psql[@]}" -v sessions="${1:-100000}" -v project_id=1 < ingest/test/cards_data.sql > /dev/null
"${psql[@]}" -c "SELECT format('%s sessions, %s events', (SELECT count(*) FROM public.sessions), (SELECT count(*) FROM events.pages) + (SELECT count(*) FROM events.clicks)
	+ (SELECT count(*) FROM events.inputs) + (SELECT count(*) FROM events.errors) + (SELECT count(*) FROM events.performance) + (SELECT count(*) FROM events.resources) + (SELECT count(*) FROM events_common.requests)
	+ (SELECT count(*) FROM events_common.customs) + (SELECT count(*) FROM events_common.issues))"
cards=$(sed -E '/^(#|$)/d; s/ *\| */|/' ingest/test/cards_bench*.list)
"${psql[@]}" << SQL
CREATE TABLE public.bench_card (n integer GENERATED ALWAYS AS IDENTITY, name text, card jsonb);
COPY public.bench_card (name, card) FROM STDIN WITH (DELIMITER '|');
$cards
\\.
SQL
"${psql[@]}" -v pattern="${2:-}" << 'SQL'
CREATE TEMP TABLE question (n integer GENERATED ALWAYS AS IDENTITY, name text, statement text);
INSERT INTO question (name, statement)
SELECT name, format(call, filter) FROM (VALUES
	('first page of all', 'SELECT count(*) FROM openreplay.search_sessions(1, %L || $1)', '{"filters": []}'),
	('first page, most events first', 'SELECT count(*) FROM openreplay.search_sessions(1, %L || $1)', '{"filters": [], "sort": "eventsCount"}'),
	('first page of users', 'SELECT count(*) FROM openreplay.search_sessions(1, %L || $1)', '{"filters": [], "groupByUser": true}'),
	('count of all', 'SELECT openreplay.count_sessions(1, %L || $1)', '{"filters": []}'),
	('one browser', 'SELECT openreplay.count_sessions(1, %L || $1)', '{"filters": [{"type": "userBrowser", "operator": "is", "value": ["Safari"]}]}'),
	('a user''s sessions', 'SELECT openreplay.count_sessions(1, %L || $1)', '{"filters": [{"type": "userId", "operator": "is", "value": ["user77"]}]}'),
	('part of a metadata value', 'SELECT openreplay.count_sessions(1, %L || $1)', '{"filters": [{"type": "metadata", "source": "cart", "operator": "contains", "value": ["123"]}]}'),
	('an event', 'SELECT openreplay.count_sessions(1, %L || $1)', '{"filters": [{"type": "click", "operator": "on", "value": ["Buy"]}]}'),
	('its first page', 'SELECT count(*) FROM openreplay.search_sessions(1, %L || $1)', '{"filters": [{"type": "click", "operator": "on", "value": ["Buy"]}]}'),
	('its absence', 'SELECT openreplay.count_sessions(1, %L || $1)', '{"filters": [{"type": "click", "operator": "notOn", "value": ["Buy"]}]}'),
	('part of a path', 'SELECT openreplay.count_sessions(1, %L || $1)', '{"filters": [{"type": "location", "operator": "contains", "value": ["/products/1"]}]}'),
	('failed requests', 'SELECT openreplay.count_sessions(1, %L || $1)', '{"filters": [{"name": "REQUEST", "isEvent": true, "operator": "is", "filters": [{"name": "status", "operator": ">=", "value": ["500"]}]}]}'),
	('a custom event''s amount', 'SELECT openreplay.count_sessions(1, %L || $1)',
	 '{"filters": [{"name": "purchase", "isEvent": true, "autoCaptured": false, "operator": "is", "filters": [{"name": "amount", "operator": ">", "value": ["100"], "dataType": "number", "autoCaptured": false}]}]}'),
	('two events, either', 'SELECT openreplay.count_sessions(1, %L || $1)', '{"filters": [{"type": "click", "operator": "on", "value": ["Buy"]}, {"type": "location", "operator": "is", "value": ["/checkout"]}], "eventsOrder": "or"}'),
	('two events, both', 'SELECT openreplay.count_sessions(1, %L || $1)', '{"filters": [{"type": "click", "operator": "on", "value": ["Buy"]}, {"type": "location", "operator": "is", "value": ["/checkout"]}], "eventsOrder": "and"}'),
	('two events in order', 'SELECT openreplay.count_sessions(1, %L || $1)', '{"filters": [{"type": "location", "operator": "is", "value": ["/cart"]}, {"type": "click", "operator": "on", "value": ["Buy"]}]}'),
	('four events in order', 'SELECT openreplay.count_sessions(1, %L || $1)',
	 '{"filters": [{"type": "location", "operator": "is", "value": ["/"]}, {"type": "location", "operator": "startsWith", "value": ["/products"]}, {"type": "click", "operator": "on", "value": ["Add to cart"]}, {"type": "location", "operator": "is", "value": ["/checkout"]}]}'),
	('any page, then any click', 'SELECT openreplay.count_sessions(1, %L || $1)', '{"filters": [{"type": "location", "operator": "isAny"}, {"type": "click", "operator": "onAny"}]}'),
	('two events in order, from rows', 'SELECT pg_temp.count_from_rows(%L || $1)', '{"filters": [{"type": "location", "operator": "is", "value": ["/cart"]}, {"type": "click", "operator": "on", "value": ["Buy"]}]}'),
	('four events in order, from rows', 'SELECT pg_temp.count_from_rows(%L || $1)',
	 '{"filters": [{"type": "location", "operator": "is", "value": ["/"]}, {"type": "location", "operator": "startsWith", "value": ["/products"]}, {"type": "click", "operator": "on", "value": ["Add to cart"]}, {"type": "location", "operator": "is", "value": ["/checkout"]}]}'),
	('any page, then any click, from rows', 'SELECT pg_temp.count_from_rows(%L || $1)', '{"filters": [{"type": "location", "operator": "isAny"}, {"type": "click", "operator": "onAny"}]}'),
	('errors', 'SELECT count(*) FROM openreplay.search_errors(1, %L || $1)', '{"filters": []}')) AS q (name, call, filter);
INSERT INTO question (name, statement) SELECT name, format('SELECT openreplay.try_card(1, %L || $1)', card) FROM public.bench_card ORDER BY n;
DELETE FROM question WHERE name !~ :'pattern';
CREATE FUNCTION pg_temp.count_from_rows(filter jsonb) RETURNS bigint LANGUAGE sql SET openreplay.use_session_events = off
AS 'SELECT openreplay.count_sessions(1, filter)';
CREATE FUNCTION pg_temp.measure(statement text, period jsonb) RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz;
	times float8[];
BEGIN
	FOR i IN 1 .. 25 LOOP
		began := clock_timestamp();
		EXECUTE statement USING period;
		IF i > 5 THEN
			times := times || extract(epoch FROM clock_timestamp() - began)::float8 * 1000;
		END IF;
	END LOOP;
	RETURN times;
END
$$;
\pset tuples_only off
\pset format aligned
\pset footer off
SELECT name, round(q[1]::numeric, 1) AS p50, round(q[2]::numeric, 1) AS p95, round(w[1]::numeric, 1) AS week_p50, round(w[2]::numeric, 1) AS week_p95
FROM (SELECT n, name, (SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY t)
		FROM unnest(pg_temp.measure(statement, '{"startTimestamp": 1704067200000, "endTimestamp": 1711843200000}')) t) AS q,
	(SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY t)
		FROM unnest(pg_temp.measure(statement, '{"startTimestamp": 1711238400000, "endTimestamp": 1711843200000}')) t) AS w
	FROM question) AS measured ORDER BY n;
SQL
