#!/usr/bin/env bash
#
# ingest_bench.sh - how many durable batches a second, how fast they are acknowledged, and what they cost
#
#   ingest_bench.sh [--seconds S] [--runs N] [--size BYTES] [--connections C] [--workers W]
#
# A private cluster with fsync and synchronous_commit on, an ingest server on it, and bodies of one size cut from recorded
# traffic, sent by openreplay-replay from a process of its own. Three measurements, each the median of N runs: as fast as
# it goes without workers, at half of that rate (for the latency), and as fast as it goes with W workers processing at the same
# time. All figures are of the whole machine: server, PostgreSQL and generator share its cores.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/cluster.sh"

seconds=20
runs=3
size=8192
connections=64
workers=2
while [ $# -gt 0 ]; do
	case $1 in
		--seconds) seconds=$2; shift 2 ;;
		--runs) runs=$2; shift 2 ;;
		--size) size=$2; shift 2 ;;
		--connections) connections=$2; shift 2 ;;
		--workers) workers=$2; shift 2 ;;
		*) sed -n '3,5s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
done

replay=$PROJECT_ROOT/openreplay-replay
[ -x "$replay" ] && [ -x "$PROJECT_ROOT/openreplay-ingest" ] || die "ingest_bench.sh: run make first"
dir=$(cluster_dir openreplay-bench) || exit 1
work=$(mktemp -d)
port=$(free_port)

clean_up()
{
	stop_ingest
	[ -f "$dir/data/postmaster.pid" ] && stop_cluster "$dir" immediate
	rm -rf "$dir" "$work"
}
trap clean_up EXIT

sql()
{
	"$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 "$@"
}

median()
{
	sort -g | awk '{ value[NR] = $1 } END { print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'
}

# Stored batches go between runs: a run must not pay for the disk space and caches of the one before.
forget_batches()
{
	sql -c "TRUNCATE openreplay.batches" -c "CHECKPOINT" > /dev/null
}

# figure NAME FILE: one number of a bench's output
figure()
{
	case $1 in
		rate) sed -n 's/^bench: .*: \([0-9]*\) batches\/s.*/\1/p' "$2" ;;
		p50) sed -n 's/^latency ms: p50 \([0-9.]*\),.*/\1/p' "$2" ;;
		p99) sed -n 's/^latency ms: .*p99 \([0-9.]*\),.*/\1/p' "$2" ;;
		others) sed -n 's/^cpu of everybody else on this machine: \([0-9.]*\) s$/\1/p' "$2" ;;
		*) sed -n "s/^cpu $1: .* s, \([0-9]*\) s per million.*/\1/p" "$2" ;;
	esac
}

# What the server has in memory now, in MB.
resident()
{
	awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$INGEST_PID/status"
}

# measure LABEL RATE: the runs, then a line of medians; the median rate is left in median_rate
measure()
{
	local label=$1 rate=$2 n name bench_pid code memory=
	for ((n = 1; n <= runs; n++)); do
		forget_batches
		"$replay" bench --url "$INGEST_URL" --key "$PROJECT_KEY" --size "$size" --connections "$connections" --rate "$rate" \
			--seconds "$seconds" --captures "$PROJECT_ROOT/data/captures" \
			--pids "postgres=$(head -n 1 "$dir/data/postmaster.pid"),ingest=$INGEST_PID" > "$work/run.$n" 2>&1 &
		bench_pid=$!
		# A second after the start, when all buffers are in use; in the middle; at the end.
		sleep 1
		memory+=" $(resident)"
		sleep $((seconds / 2 - 1))
		memory+="-$(resident)"
		wait "$bench_pid"
		code=$?
		memory+="-$(resident)"
		[ "$code" = 0 ] || { cat "$work/run.$n" >&2; tail -n 5 "$dir/ingest.log" >&2; exit 1; }
		sed "s|^|    $label $n: |" "$work/run.$n"
		if [ "$3" = with_workers ]; then
			wait_until_processed "$label $n"
		fi
	done
	for name in rate p50 p99 postgres ingest replay others; do
		printf -v "median_$name" '%s' "$(for ((n = 1; n <= runs; n++)); do figure $name "$work/run.$n"; done | median)"
	done
	# shellcheck disable=SC2154
	echo "$label: $median_rate batches/s, p50 $median_p50 ms, p99 $median_p99 ms; CPU s per million batches: postgres $median_postgres," \
		"ingest $median_ingest, generator $median_replay; ingest server's MB at the start, in the middle, at the end:$memory;" \
		"everybody else took $median_others CPU s of $seconds s a run"
}

wait_until_processed()
{
	local begin=$SECONDS
	until [ "$(sql -c "SELECT batches_waiting FROM openreplay.status")" = 0 ]; do
		sleep 1
	done
	echo "    $1: workers done $((SECONDS - begin)) s after the last batch"
}

start_cluster "$dir" "$port" "shared_preload_libraries = 'openreplay'" "openreplay.database = 'openreplay'" "openreplay.workers = 0" \
	"fsync = on" "synchronous_commit = on" "shared_buffers = 256MB" "max_wal_size = 4GB" "wal_compression = off" || exit 1
create_openreplay || die "ingest_bench.sh: CREATE EXTENSION openreplay failed: run make install first"
start_ingest "$dir" || exit 1

echo "ingest: bodies of $size bytes, $connections connections, $runs runs of $seconds s, $(nproc) cores"
measure "max" max without_workers
half=$((${median_rate%.*} / 2))
measure "half" "$half" without_workers
forget_batches
sql -c "ALTER SYSTEM SET openreplay.workers = $workers" -c "SELECT pg_reload_conf()" > /dev/null
sleep 2
measure "max with $workers workers" max with_workers
