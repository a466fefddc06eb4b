#!/usr/bin/env bash
# From batches to stored files: recordings and megabytes a second of one worker, bytes stored a recorded minute, memory.
#
#   recording_bench.sh [COPIES]      of each of the eight captures (default 60)
#
# Three runs of openreplay-uploader --once into a directory; the median. The directory is on whatever disk $TMPDIR is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. ingest/test/cluster.sh

copies=${1:-60}
dir=$(cluster_dir openreplay-recording)
trap 'stop_cluster "$dir" immediate 2> /dev/null; rm -rf "$dir"' EXIT
start_cluster "$dir" "$(free_port)" "shared_preload_libraries = openreplay" "openreplay.workers = 0" "shared_buffers = 256MB"
create_openreplay
data/unpack.sh "$dir/captures"
export OPENREPLAY_CAPTURES=$dir/captures
run_sql()
{
	"$PG_BIN/psql" -XqAt -F ' ' -v ON_ERROR_STOP=1 "$@"
}
{
	echo "SET client_min_messages = warning;"
	cat sql/include/captures.sql
	echo "SELECT pg_temp.append_capture(name, 1) FROM (SELECT DISTINCT capture AS name FROM capture_requests) c ORDER BY name;"
} | run_sql > /dev/null
run_sql -c "SELECT openreplay.process_batches()" -c "SELECT openreplay.end_sessions(now())" -c "DELETE FROM openreplay.outbox" \
	-c "CREATE ROLE uploader LOGIN IN ROLE openreplay_uploader" > /dev/null
run_sql -v copies="$copies" -f ingest/test/clone_sessions.sql > /dev/null
install -m 755 openreplay-uploader "$dir/openreplay-uploader"
read -r sessions minutes < <(run_sql -c "SELECT count(*), sum(s.duration) / 60000.0 FROM public.clones c JOIN public.sessions s ON s.session_id = c.original")

# metric RUN NAME
metric()
{
	as_server sed -n "s/^openreplay_uploader_$2 //p" "$dir/metrics$1"
}
for run in 1 2 3; do
	run_sql -c "SELECT openreplay.queue_recordings(array_agg(session_id)) FROM public.clones" > /dev/null
	as_server mkdir "$dir/storage$run"
	began=$(date +%s%N)
	as_server env DATABASE_URL="host=$PGHOST port=$PGPORT user=uploader dbname=$PGDATABASE" STORAGE_DIR="$dir/storage$run" \
		METRICS_FILE="$dir/metrics$run" "$dir/openreplay-uploader" --once > /dev/null
	echo "$(($(date +%s%N) - began)) $(metric $run cpu_seconds_total) $(metric $run memory_max_bytes)"
done | sort -n | sed -n 2p | {
	read -r ns cpu memory
	awk -v sessions="$sessions" -v minutes="$minutes" -v seconds="$(awk "BEGIN { print $ns / 1e9 }")" -v cpu="$cpu" -v memory="$memory" \
		-v batches="$(metric 1 batches_total)" -v in_bytes="$(metric 1 batch_bytes_total)" -v out_bytes="$(metric 1 stored_bytes_total)" 'BEGIN {
		printf "%d recordings of %d batches, %.1f MB inflated, stored as %.1f MB\n", sessions, batches, in_bytes / 1e6, out_bytes / 1e6
		printf "recordings/s %.1f   batch MB/s %.1f   (wall clock, one worker, fsync)\n", sessions / seconds, in_bytes / 1e6 / seconds
		printf "recordings/s %.1f   batch MB/s %.1f   (of its own CPU time)\n", sessions / cpu, in_bytes / 1e6 / cpu
		printf "bytes stored a recorded minute %.0f\n", out_bytes / minutes
		printf "memory %.1f MB at most\n", memory / 1e6 }'
}
