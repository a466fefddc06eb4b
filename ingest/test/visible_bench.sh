#!/usr/bin/env bash
#
# visible_bench.sh - how long from a batch's arrival until its rows can be seen, and what an old snapshot changes
#
#   visible_bench.sh [--seconds S] [--rate BATCHES_PER_S|half] [--workers W] [--visitors V] [--snapshot]
#
# Recorded visits of all captures are replayed at a steady rate against an ingest server and a PostgreSQL with W workers, by
# default at half of what this machine takes and processes when it is sent as much as it answers. Every batch is measured,
# undisturbed: from the ingest server's stamp at its arrival to the commit of the pass that wrote its rows
# (track_commit_timestamp). Page rows, which wait for the page's timings, may be later.
# --snapshot does it a second time, in a second cluster, beside a transaction that holds an old snapshot and a lock on every table
# from before the first batch until all is processed, as pg_dump does; tells both side by side; and checks that nothing waited for
# it, that nothing but the batches and their rows has grown, and that rows were not written again but where that is allowed.
# Prints "visible: N passed, M failed".
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/cluster.sh"
test_name=visible
. "$here/checks.sh"

seconds=30
rate=half
workers=2
visitors=200
snapshot=
while [ $# -gt 0 ]; do
	case $1 in
		--seconds) seconds=$2; shift 2 ;;
		--rate) rate=$2; shift 2 ;;
		--workers) workers=$2; shift 2 ;;
		--visitors) visitors=$2; shift 2 ;;
		--snapshot) snapshot=yes; shift ;;
		*) sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
done

replay=$PROJECT_ROOT/openreplay-replay
[ -x "$replay" ] && [ -x "$PROJECT_ROOT/openreplay-ingest" ] || die "visible_bench.sh: run make first"
work=$(mktemp -d)
dir=
holder=

end_cluster()
{
	[ -z "$holder" ] || kill "$holder" 2> /dev/null
	holder=
	stop_ingest
	[ -n "$dir" ] && [ -f "$dir/data/postmaster.pid" ] && stop_cluster "$dir" immediate
	rm -rf "$dir"
	dir=
}
trap 'end_cluster; rm -rf "$work"' EXIT

begin_cluster()
{
	dir=$(cluster_dir openreplay-visible) || exit 1
	unset INGEST_PORT
	start_cluster "$dir" "$(free_port)" "shared_preload_libraries = 'openreplay'" "openreplay.database = 'openreplay'" \
		"openreplay.workers = $workers" "track_commit_timestamp = on" "shared_buffers = 256MB" "max_wal_size = 4GB" \
		"autovacuum_naptime = 5s" || exit 1
	create_openreplay || die "visible_bench.sh: CREATE EXTENSION openreplay failed: run make install first"
	# The launcher looks for new databases every few seconds; that is not what is measured.
	until [ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'openreplay worker'")" = "$workers" ]; do
		sleep 0.1
	done
	start_ingest "$dir" || exit 1
}

# play_visits RATE SECONDS
play_visits()
{
	"$replay" load --url "$INGEST_URL" --key "$PROJECT_KEY" --visitors "$visitors" --rate "$1" --seconds "$2" \
		--captures "$PROJECT_ROOT/data/captures" --ledger "$work/ledger" > "$work/load" 2>&1 || cat "$work/load" >&2
}

all_processed()
{
	local waited=0 waiting=
	while [ "$waited" -lt 1200 ]; do
		waiting=$(sql -c "SELECT batches_waiting FROM openreplay.status")
		[ "$waiting" = 0 ] && return 0
		waited=$((waited + 1))
		sleep 0.1
	done
	echo "batches still waiting: $waiting"
	return 1
}

# The whole path as fast as it goes: batches taken and processed a second.
measure_capacity()
{
	local began ended
	began=$(date +%s%3N)
	play_visits max 10
	all_processed || exit 1
	ended=$(date +%s%3N)
	sed -n 's/^load: \([0-9]*\) batches.*/\1/p' "$work/load" | awk -v ms=$((ended - began)) '{ print int($1 * 1000 / ms) }'
}

# A transaction like pg_dump's, in a session of its own: returns once it has its snapshot and its locks.
hold_snapshot()
{
	mkfifo "$work/hold"
	sql < "$work/hold" > "$work/held" 2>&1 &
	holder=$!
	exec {hold}> "$work/hold"
	cat >&"$hold" <<- 'SQL'
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT format('LOCK TABLE %s IN ACCESS SHARE MODE', oid::regclass) FROM pg_class
		WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text ~ '^(openreplay|public|events|events_common|events_ios)$' \gexec
		SELECT 'holding';
	SQL
	until grep -q holding "$work/held"; do
		kill -0 "$holder" 2> /dev/null || { cat "$work/held" >&2; exit 1; }
		sleep 0.1
	done
}

let_go_of_snapshot()
{
	works "the old snapshot was held to the end" test "$(sql -c "SELECT count(*) FROM pg_stat_activity
		WHERE state = 'idle in transaction' AND backend_xmin IS NOT NULL")" -ge 1
	exec {hold}>&-
	wait "$holder"
	holder=
	rm "$work/hold"
}

# ---- figures ------------------------------------------------------------------------------------------------------------

# Quantiles of the milliseconds to the commit of a batch's pass; the second line only of the last third of the run.
latencies()
{
	sql -F ' ' << 'SQL'
WITH batch AS MATERIALIZED (
	SELECT b.received_at, extract(epoch FROM pass.visible_at - b.received_at) * 1000 AS ms
	FROM openreplay.batches b CROSS JOIN LATERAL (
		SELECT pg_xact_commit_timestamp(p.xmin) AS visible_at FROM openreplay.passes p
		WHERE p.server_id = b.server_id AND p.shard = b.shard AND p.seq >= b.seq ORDER BY p.seq LIMIT 1) AS pass
	WHERE b.kind = 'w'),
span AS (SELECT max(received_at) - (max(received_at) - min(received_at)) / 3 AS last_third FROM batch)
SELECT (SELECT array_to_string(array(SELECT round(q::numeric, 1) FROM unnest(percentile_cont(ARRAY[0.5, 0.95, 0.99, 1]) WITHIN GROUP (ORDER BY ms)) AS q), ' ')
	FROM batch, span WHERE whole OR received_at >= last_third)
FROM (VALUES (true), (false)) AS part (whole);
SQL
}

# Table, bytes with indexes, rows inserted, updated and dead: partitions added up.
tables()
{
	sql -F ' ' << 'SQL'
SET search_path = pg_catalog;
SELECT root, sum(pg_total_relation_size(oid)), sum(pg_stat_get_tuples_inserted(oid)), sum(pg_stat_get_tuples_updated(oid)),
	sum(pg_stat_get_dead_tuples(oid))
FROM (SELECT c.oid, coalesce(pg_partition_root(c.oid), c.oid)::regclass::text AS root FROM pg_class c
	WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('openreplay', 'public', 'events', 'events_common', 'events_ios')) t
GROUP BY root HAVING sum(pg_total_relation_size(oid)) > 0 ORDER BY root;
SQL
}

# What may be written again: a page when vitals come after it; a session when its visitor becomes known and when it ends; its state
# at its end and after each megabyte that was sent (src/session/live.c). All else that trackers cause is written once.
unlike_appended()
{
	local megabytes
	megabytes=$(sql -c "SELECT sum(bytes + entries * 4096) / 1048576 FROM openreplay.passes")
	awk -v megabytes="$megabytes" 'BEGIN { often["events.pages"] = often["openreplay.live_sessions"] = 1; often["public.sessions"] = 2 }
		$4 > often[$1] * $3 + ($1 == "openreplay.live_sessions" ? megabytes : 0) + 100 {
			print "rewritten:", $1, $3, "rows inserted,", $4, "updated"; wrong = 1 }
		END { exit wrong }' "$1"
}

# measure NAME: the run at $rate in the cluster that is there; leaves figures in $work/NAME.*
measure()
{
	local name=$1 wal
	rm -f "$work/ledger"
	wal=$(sql -c "SELECT pg_current_wal_insert_lsn()")
	play_visits "$rate" "$seconds"
	works "$name: everything is processed" all_processed
	[ "$name" != snapshot ] || let_go_of_snapshot
	works "$name: the ledger agrees with openreplay.batches" "$replay" verify --ledger "$work/ledger"
	works "$name: nothing is parked or broken" test "$(sql -c "SELECT batches_parked + batches_broken FROM openreplay.status")" = 0
	tables > "$work/$name.tables"
	works "$name: rows are appended, not written again" unlike_appended "$work/$name.tables"
	latencies > "$work/$name.latencies"
	sql -F ' ' -v wal="$wal" > "$work/$name.work" << 'SQL'
SELECT count(*), round(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), :'wal') / count(*)),
	(SELECT round(sum(ms)::numeric * 1000 / (SELECT count(*) FROM openreplay.batches WHERE kind = 'w')) FROM (SELECT max(elapsed_ms) AS ms FROM openreplay.passes GROUP BY xmin::text) p)
FROM openreplay.batches WHERE kind = 'w';
SQL
	report "$name"
}

report()
{
	local name=$1 batches wal us
	read -r batches wal us < "$work/$name.work"
	echo "$name: $batches batches at $rate/s, $workers workers; $us us of a worker's time and $wal bytes of WAL a batch"
	awk 'NR == 1 { part = "whole run" } NR == 2 { part = "last third" }
		{ print "    posted -> visible, " part ": p50 " $1 " ms, p95 " $2 " ms, p99 " $3 " ms, max " $4 " ms" }' "$work/$name.latencies"
}

# ---- the old snapshot beside the control ------------------------------------------------------------------------------

compare_tables()
{
	printf '%-26s %13s %13s %9s %9s %9s %9s\n' 'those that differ:' 'bytes control' 'snapshot' 'updates' 'updates' 'dead rows' 'dead rows'
	join -a 1 -a 2 -e 0 -o 0,1.2,2.2,1.4,2.4,1.5,2.5 <(sort "$work/control.tables") <(sort "$work/snapshot.tables") > "$work/both"
	# %.0f: %d ends at 2^31 in some awks
	awk '$2 != $3 || $6 + $7 > 0 { printf "%-26s %13.0f %13.0f %9d %9d %9d %9d\n", $1, $2, $3, $4, $5, $6, $7 }' "$work/both"
}

# An engine table may hold what a batch in flight or a live session needs, and history a row a pass; it may not grow by rows that
# cannot be cleaned up. So beside the old snapshot none is larger than without it by more than a hundredth of the batches, and pages.
grown_tables()
{
	local batches
	batches=$(awk '$1 == "openreplay.batches" { print $2 }' "$work/control.tables")
	awk -v spare=$((batches / 100 + 262144)) '$1 != "openreplay.batches" && $3 > $2 * 1.2 + spare { print; grown = 1 } END { exit grown }' "$work/both"
}

begin_cluster
if [ "$rate" = half ]; then
	capacity=$(measure_capacity)
	rate=$((capacity / 2))
	echo "whole path: $capacity batches/s taken and processed"
	end_cluster
	begin_cluster
fi
measure control
if [ -n "$snapshot" ]; then
	end_cluster
	begin_cluster
	hold_snapshot
	measure snapshot
	compare_tables
	works "no table grows for the old snapshot's sake" grown_tables
fi
tell_result
