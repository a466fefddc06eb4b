#!/usr/bin/env bash
#
# filters_soak.sh [ROUNDS] - the story of sql/filters.sql with other data, 800 random filters and every hostile text, ROUNDS (4) times
#
# What it prints has to be what is expected of its short form in the regression tests: no filter is answered otherwise than by
# the second definition. Prints "filters: N passed, M failed".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. ingest/test/cluster.sh

dir=$(cluster_dir openreplay-filters)
work=$(mktemp -d)
trap 'stop_cluster "$dir" immediate 2> /dev/null; rm -rf "$dir" "$work"' EXIT
start_cluster "$dir" "$(free_port)" "shared_preload_libraries = openreplay" "openreplay.workers = 0"
create_openreplay
passed=0
failed=0
for round in $(seq "${1:-4}"); do
	export OPENREPLAY_FILTERS_SEED=0.$round OPENREPLAY_FILTERS_MIXES=800 OPENREPLAY_FILTERS_EVERY_NTH_HOSTILE=1
	"$PG_BIN/psql" -Xaq -f sql/filters.sql > "$work/out" 2>&1
	if diff expected/filters.out "$work/out"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
	echo "round $round done"
done
echo "filters: $passed passed, $failed failed"
[ "$failed" = 0 ]
