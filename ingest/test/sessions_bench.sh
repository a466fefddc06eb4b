#!/usr/bin/env bash
# Very many tiny sessions: what a worker needs for those that are live, how long the status takes while all of them wait, how fast
# sessions end and are deleted, and what an old snapshot costs.
#
#   sessions_bench.sh [SESSIONS]      default 20000
#
# Each session is a start and one batch with a click. Memory is the worker's own, without PostgreSQL's shared buffers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. ingest/test/cluster.sh

sessions=${1:-20000}
dir=$(cluster_dir openreplay-sessions)
trap 'stop_cluster "$dir" immediate > /dev/null 2>&1; rm -rf "$dir"' EXIT
start_cluster "$dir" "$(free_port)" "shared_preload_libraries = openreplay" "openreplay.workers = 0" "openreplay.session_timeout = 1h" \
	"shared_buffers = 256MB" "max_wal_size = 4GB" "track_wal_io_timing = off"
create_openreplay

sql()
{
	"$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 -c 'SET client_min_messages = warning' "$@"
}

set_and_reload()
{
	sql -c "ALTER SYSTEM SET $1" -c 'SELECT pg_reload_conf()' > /dev/null
}

# until SQL: asks again until it says t
until_true()
{
	until [ "$(sql -c "$1")" = t ]; do
		sleep 0.2
	done
}

seconds()
{
	date +%s.%N
}

report()
{
	printf '%-64s %s\n' "$1" "$2"
}

worker_kb()
{
	awk '/^Anonymous:/ { print $2 }' \
		"/proc/$(sql -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'openreplay worker'")/smaps_rollup"
}

# visits FIRST LAST [INDEX]: those sessions send a batch, and their start if it is the first
visits()
{
	"$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 -v root="$PROJECT_ROOT" -v first="$1" -v last="$2" -v index="${3:-0}" <<-'SQL' > /dev/null
		SET client_min_messages = warning;
		\set include :root '/sql/include/encode.sql'
		\i :include
		SELECT openreplay.session_id_at(date_trunc('hour', now())) AS sid, project_id, (extract(epoch FROM now()) * 1000)::bigint AS ms
		FROM public.projects LIMIT 1 \gset
		SELECT CASE WHEN :index = 0 THEN pg_temp.start(:sid + n, :project_id, date_trunc('hour', now())) END,
			openreplay.append_batch(:sid + n, pg_temp.batch(0, :index, :ms, 'https://shop.example.com/', 'tab', pg_temp.click('click')))
		FROM generate_series(:first::bigint, :last::bigint) n;
	SQL
}

visits 1 1000
set_and_reload 'openreplay.workers = 1'
until_true "SELECT batches_waiting = 0 AND workers = 1 FROM openreplay.status"
empty=$(worker_kb)
set_and_reload 'openreplay.workers = 0'
until_true "SELECT workers = 0 FROM openreplay.status"
visits 1001 "$((sessions + 1000))"
report "entries that wait" "$(sql -c 'SELECT batches_waiting FROM openreplay.status')"
report "openreplay.status while they wait, ms" "$(sql -c '\timing on' -c 'TABLE openreplay.status' -c 'TABLE openreplay.status' | awk '/^Time/ { print $2 }' | sort -n | head -n 1)"

begin=$(seconds)
set_and_reload 'openreplay.workers = 1'
until_true "SELECT batches_waiting = 0 AND workers = 1 FROM openreplay.status"
report "sessions started and passed a second" "$(awk -v n="$sessions" -v a="$begin" -v b="$(seconds)" 'BEGIN { printf "%d", n / (b - a) }')"
full=$(worker_kb)
report "worker with 1000 live sessions, MB" "$((empty / 1024))"
report "worker with $((sessions + 1000)) live sessions, MB" "$((full / 1024))"
report "a live session in memory, kB" "$(awk -v a="$empty" -v b="$full" -v n="$sessions" 'BEGIN { printf "%.1f", (b - a) / n }')"
report "its checkpoint, bytes" "$(sql -c 'SELECT round(avg(pg_column_size(state))) FROM openreplay.live_sessions')"

# A snapshot is held open: each session sends another batch and is checkpointed once more, in little memory.
sql -c 'BEGIN ISOLATION LEVEL REPEATABLE READ' -c 'SELECT 1' -c 'SELECT pg_sleep(600)' > /dev/null 2>&1 &
size="SELECT pg_total_relation_size('openreplay.live_sessions')"
before=$(sql -c "$size")
set_and_reload "openreplay.worker_memory = '8MB'"
sql -c "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_type = 'openreplay worker'" > /dev/null
visits 1001 "$((sessions + 1000))" 10
until_true "SELECT batches_waiting = 0 AND workers = 1 FROM openreplay.status"
report "worker with a worker_memory of 8 MB after as many sessions, MB" "$(($(worker_kb) / 1024))"
report "growth of states beside an old snapshot, bytes a session" "$((($(sql -c "$size") - before) / sessions))"

begin=$(seconds)
set_and_reload "openreplay.session_timeout = '1s'"
until_true "SELECT live_sessions = 0 FROM openreplay.status"
report "sessions ended a second, beside an old snapshot" "$(awk -v n="$sessions" -v a="$begin" -v b="$(seconds)" 'BEGIN { printf "%d", n / (b - a) }')"
report "longest pass, ms" "$(sql -c 'SELECT round(max(elapsed_ms)) FROM openreplay.passes')"
report "recordings in the outbox" "$(sql -c "SELECT count(*) FROM openreplay.outbox WHERE kind = 'recording'")"
begin=$(seconds)
sql -c "DELETE FROM public.sessions WHERE session_id IN (SELECT session_id FROM public.sessions ORDER BY session_id LIMIT 1000)"
report "sessions deleted a second" "$(awk -v a="$begin" -v b="$(seconds)" 'BEGIN { printf "%d", 1000 / (b - a) }')"
begin=$(seconds)
problems=$(sql -c 'SELECT * FROM openreplay.check()')
report "openreplay.check(), s" "$(awk -v a="$begin" -v b="$(seconds)" 'BEGIN { printf "%.1f", b - a }')${problems:+, it found $problems}"
sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()" > /dev/null
