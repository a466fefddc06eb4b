#!/usr/bin/env bash
# The full pass, capture by capture: messages and rows a second of one backend, and WAL bytes a message.
#
#   pass_bench.sh [MESSAGES]      how many messages each run shall process at least (default 300000)
#
# Each capture is processed as many sessions by openreplay.process_batches(), in a database of its own; medians of three runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. ingest/test/cluster.sh

least=${1:-300000}
dir=$(cluster_dir openreplay-pass)
trap 'stop_cluster "$dir" immediate 2> /dev/null; rm -rf "$dir"' EXIT
start_cluster "$dir" "$(free_port)" "shared_preload_libraries = openreplay" "openreplay.workers = 0" "shared_buffers = 512MB" \
	"max_wal_size = 4GB" "checkpoint_timeout = 1h"
data/unpack.sh "$dir/captures"
export OPENREPLAY_CAPTURES=$dir/captures

printf '%-18s %10s %8s %12s %10s %16s\n' capture messages rows messages/s rows/s 'WAL bytes/msg'
for capture in data/captures/*/; do
	name=$(basename "$capture")
	for run in 1 2 3; do
		create_openreplay "pass_$run"
		"$PG_BIN/psql" -XqAt -F ' ' -v ON_ERROR_STOP=1 -v root="$PROJECT_ROOT" -v capture="$name" -v least="$least" -f ingest/test/pass_bench.sql | grep -E "^[0-9]+ "
		"$PG_BIN/psql" -XqAt -d postgres -c "DROP DATABASE pass_$run"
	done | sort -k3,3n | sed -n 2p | {
		read -r total rows per_s rows_per_s wal
		printf '%-18s %10s %8s %12s %10s %16s\n' "$name" "$total" "$rows" "$per_s" "$rows_per_s" "$wal"
	}
done
