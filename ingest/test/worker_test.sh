#!/usr/bin/env bash
# The workers' life: started for the extension, woken by a commit, gone with DROP EXTENSION, paused in a copy, no obstacle to
# DROP DATABASE, and what they knew survives their end. Makes a cluster of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. ingest/test/cluster.sh
test_name=worker
. ingest/test/checks.sh

dir=$(cluster_dir openreplay-worker)
trap 'stop_cluster "$dir" immediate > /dev/null 2>&1; rm -rf "$dir"' EXIT
trap 'exit 143' TERM INT

# sql STATEMENT [PSQL_ARGUMENT...]
sql()
{
	"$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 -c 'SET client_min_messages = warning' -c "$1" "${@:2}"
}

# eventually WHAT EXPECTED SQL [PSQL_ARGS]: asks again until the answer is the expected one, at most 30 s
eventually()
{
	local answer='' attempt
	for attempt in $(seq 300); do
		answer=$(sql "${@:3}" 2>&1) || true
		[ "$answer" != "$2" ] || break
		sleep 0.1
	done
	same "$1" "$answer" "$2"
}

workers="SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'openreplay worker'"

# A session of one batch with a click, appended as a server would.
visit()
{
	"$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 -v root="$PROJECT_ROOT" -v label="$1" -v key="${2:-0}" <<-'SQL'
		SET client_min_messages = warning;
		\set include :root '/sql/include/encode.sql'
		\i :include
		\set ECHO none
		SELECT openreplay.session_id_at(now() - interval '1 second') + :key AS sid, project_id,
			(extract(epoch FROM now()) * 1000)::bigint AS ms FROM public.projects LIMIT 1 \gset
		\o /dev/null
		SELECT pg_temp.start(:sid, :project_id, now());
		SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 0, :ms, 'https://shop.example.com/', 'tab', pg_temp.click(:'label')));
		\o
		SELECT :sid;
	SQL
}
last_id()
{
	grep -E '^[0-9]+$' | tail -n 1
}

port=$(free_port)
start_cluster "$dir" "$port" "shared_preload_libraries = 'openreplay'" "openreplay.workers = 2" "openreplay.session_timeout = 2s"

# The launcher waits for the database and the extension; nobody has to restart anything.
same 'no database, no workers' "$(sql "$workers")" 0
create_openreplay
eventually 'two workers after CREATE EXTENSION' 2 "$workers"
same 'the launcher holds no database' "$(sql "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'openreplay launcher' AND datname IS NULL")" 1

# Woken by the commit: rows are there long before the next look at the clock (10 s), and each session in one worker only.
for n in 1 2 3 4 5 6; do
	visit "click $n" "$n" > /dev/null
done
eventually 'rows of six visits' 6 "SELECT count(*) FROM events.clicks WHERE label LIKE 'click %'"
same 'not by the clock' "$(sql "SELECT count(*) FROM openreplay.passes WHERE passed_at - received_at > interval '5 seconds'")" 0

# So are the lanes of servers that register while workers run: a start told once more by each.
for n in 1 2 3; do
	sql "WITH s AS MATERIALIZED (SELECT openreplay.register_server('newcomer $n') AS id)
		INSERT INTO openreplay.batches SELECT 1, session_id, now(), s.id, size_bytes, shard, kind, body
		FROM openreplay.batches, s WHERE kind = 's' ORDER BY seq LIMIT 1"
	eventually "newcomer $n is heard" 1 "SELECT count(*) FROM openreplay.passes JOIN openreplay.servers USING (server_id) WHERE name = 'newcomer $n'"
done
same 'not by the clock either' "$(sql "SELECT count(*) FROM openreplay.passes WHERE passed_at - received_at > interval '5 seconds'")" 0

# A long transaction elsewhere stalls nothing.
sql "BEGIN; SELECT count(*) FROM public.sessions; SELECT pg_sleep(60)" > /dev/null 2>&1 &
sleeper=$!
sleep 0.3
id=$(visit 'beside a long transaction' 7 | last_id)
eventually 'rows beside a long transaction' 1 "SELECT count(*) FROM events.clicks WHERE session_id = $id"
eventually 'and the session ends' f "SELECT is_live FROM openreplay.sessions WHERE session_id = $id"
same 'with its counters' "$(sql "SELECT events_count FROM public.sessions WHERE session_id = $id")" 1
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()" > /dev/null
wait "$sleeper" || true

# While workers hold the shards, nobody else processes them.
sql "ALTER SYSTEM SET openreplay.workers = 0" && sql "SELECT pg_reload_conf()" > /dev/null
eventually 'workers go when their number is 0' 0 "$workers"
id=$(visit 'nobody there' 8 | last_id)
sleep 0.5
same 'batches wait' "$(sql "SELECT batches_waiting FROM openreplay.status")" 2
sql "ALTER SYSTEM SET openreplay.workers = 1" && sql "SELECT pg_reload_conf()" > /dev/null
eventually 'and are processed when one comes' 1 "SELECT count(*) FROM events.clicks WHERE session_id = $id"
same 'one worker' "$(sql "$workers")" 1
same 'process_batches() leaves its shards alone' "$(sql "SELECT openreplay.process_batches()")" 0

# stop() and start().
sql "SELECT openreplay.stop()" > /dev/null
eventually 'stop() ends them' 0 "$workers"
sleep 6
same 'and they stay away' "$(sql "$workers")" 0
sql "SELECT openreplay.start()" > /dev/null
eventually 'start() brings them back' 1 "$workers"

# A terminated worker is replaced, and its successor knows the sessions: a resent batch is a duplicate, tabs keep their place.
id=$(visit 'before' 9 | last_id)
eventually 'a row before' 1 "SELECT count(*) FROM events.clicks WHERE session_id = $id"
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'openreplay worker'" > /dev/null
eventually 'a successor' 1 "$workers"
# the same entry once more: its stored body under a new number
sql "WITH e AS (SELECT * FROM openreplay.batches WHERE session_id = $id AND kind = 'w')
	 INSERT INTO openreplay.batches SELECT seq + 1000, session_id, now(), server_id, size_bytes, shard, kind, body FROM e" > /dev/null
eventually 'a resent batch is recognised' 1 "SELECT sum(duplicates) FROM openreplay.passes"
same 'and its row removed' "$(sql "SELECT count(*) FROM openreplay.batches WHERE session_id = $id AND kind = 'w'")" 1
same 'one row still' "$(sql "SELECT count(*) FROM events.clicks WHERE session_id = $id")" 1

# Sessions that their worker has live in memory are deleted: what comes late is dropped, and neither a checkpoint nor the end of
# one that changed since its last checkpoint (as a resent batch does) brings it back.
late=$(visit 'to be deleted' 20 | last_id)
silent=$(visit 'to be deleted' 21 | last_id)
eventually 'rows to be deleted' 2 "SELECT count(*) FROM events.clicks WHERE session_id IN ($late, $silent)"
sql "CREATE TABLE kept AS SELECT * FROM openreplay.batches WHERE session_id IN ($late, $silent) AND kind = 'w'"
sql "INSERT INTO openreplay.batches SELECT seq + 1000, session_id, now(), server_id, size_bytes, shard, kind, body FROM kept WHERE session_id = $silent"
eventually 'the silent one has changed' 2 "SELECT sum(duplicates) FROM openreplay.passes"
sql "DELETE FROM public.sessions WHERE session_id IN ($late, $silent)"
sql "INSERT INTO openreplay.batches SELECT seq + 2000, session_id, now(), server_id, size_bytes, shard, kind, body FROM kept WHERE session_id = $late"
eventually 'late batches of deleted sessions are dropped' 1 "SELECT sum(dropped) FROM openreplay.passes"
sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'openreplay worker'" > /dev/null
eventually 'a successor after its last checkpoints' 1 "$workers"
for id in $late $silent; do
	same 'nothing of it is left' "$(sql "SELECT (SELECT count(*) FROM public.sessions WHERE session_id = $id), (SELECT count(*) FROM events.clicks WHERE session_id = $id),
		(SELECT count(*) FROM openreplay.batches WHERE session_id = $id), (SELECT count(*) FROM openreplay.live_sessions WHERE session_id = $id),
		(SELECT count(*) FROM openreplay.parked_batches WHERE session_id = $id)")" '0|0|0|0|0'
	same 'and its blobs are to be removed' "$(sql "SELECT count(*) FROM openreplay.outbox WHERE kind = 'remove' AND payload->'session_ids' @> '$id'")" 1
done

# More live sessions than fit in memory: those that leave it go on from their checkpoints.
sql "ALTER SYSTEM SET openreplay.worker_memory = '1MB'" && sql "ALTER SYSTEM SET openreplay.session_timeout = '1h'" && sql "SELECT pg_reload_conf()" > /dev/null
for index in 0 10; do
	"$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 -v root="$PROJECT_ROOT" -v index="$index" <<-'SQL' > /dev/null
		SET client_min_messages = warning;
		\set include :root '/sql/include/encode.sql'
		\i :include
		SELECT openreplay.session_id_at(date_trunc('day', now())) + 100000 AS sid, project_id, (extract(epoch FROM now()) * 1000)::bigint AS ms
		FROM public.projects LIMIT 1 \gset
		SELECT CASE WHEN :index = 0 THEN pg_temp.start(:sid + n, :project_id, date_trunc('day', now())) END,
			openreplay.append_batch(:sid + n, pg_temp.batch(0, :index, :ms, 'https://shop.example.com/', 'tab', pg_temp.click('one of many')))
		FROM generate_series(1, 3000) n;
	SQL
done
eventually 'many sessions, twice each' 6000 "SELECT count(*) FROM events.clicks WHERE label = 'one of many'"
same 'nothing of them is parked or broken' "$(sql "SELECT batches_parked + batches_broken FROM openreplay.status")" 0

# The periodic work is done by a process of its own, and everything is as it should be after all that.
sql "INSERT INTO openreplay.deleted_sessions (session_id, expires_at) VALUES (1, now() - interval '1 hour')"
stop_cluster "$dir"
start_cluster "$dir" "$port"
export PGDATABASE=openreplay
eventually 'the housekeeper has been here' 0 "SELECT count(*) FROM openreplay.deleted_sessions WHERE session_id = 1"
eventually 'and has gone' 0 "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'openreplay housekeeper'"
eventually 'workers are back' 1 "$workers"
same 'openreplay.check() finds nothing' "$(sql "SELECT problem, place, rows FROM openreplay.check()")" ''

# A copy of the database is paused; the original goes on.
sql "ALTER SYSTEM SET openreplay.database = 'copy'" && sql "SELECT pg_reload_conf()" > /dev/null
sql "SELECT openreplay.stop()" > /dev/null
eventually 'nobody in the original' 0 "$workers"
sql "CREATE DATABASE copy TEMPLATE openreplay" -d postgres
sql "UPDATE openreplay.pipeline SET running = true" -d copy
id=$(PGDATABASE=copy visit 'in the copy' 10 | last_id)
sleep 7
same 'a copy is left alone' "$(sql "SELECT count(*) FROM events.clicks WHERE session_id = $id" -d copy)" 0
same 'and says so' "$(sql "SELECT running FROM openreplay.status" -d copy)" f
sql "SELECT openreplay.start()" -d copy > /dev/null
eventually 'until start()' 1 "SELECT count(*) FROM events.clicks WHERE session_id = $id" -d copy

# DROP EXTENSION ends the worker and keeps the rows; CREATE EXTENSION finds them; after stop() the database can be dropped.
sql "DROP EXTENSION openreplay CASCADE" -d copy
eventually 'DROP EXTENSION ends it' 0 "$workers"
same 'rows stay' "$(sql "SELECT count(*) FROM events.clicks WHERE session_id = $id" -d copy)" 1
sql "CREATE EXTENSION openreplay" -d copy
eventually 'CREATE EXTENSION brings it back' 1 "$workers"
sql "SELECT openreplay.stop()" -d copy > /dev/null
eventually 'stopped' 0 "$workers"
sql "DROP DATABASE copy" -d postgres
same 'the copy is gone' "$(sql "SELECT count(*) FROM pg_database WHERE datname = 'copy'" -d postgres)" 0

same 'no error in the log but what was asked for' "$(grep -E 'openreplay (worker|launcher)' "$dir/postgresql.log" | grep -E ' (ERROR|FATAL|PANIC|WARNING):' | grep -vcE 'terminating (background worker|connection)' || true)" 0
tell_result
