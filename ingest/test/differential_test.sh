#!/usr/bin/env bash
#
# differential_test.sh - the same batches make the same rows, however they are dealt out and whenever somebody dies
#
#   differential_test.sh [EVERY]     dies at every so-manieth step of a pass (default 20; 1: at each)
#
# The reference is one pass over everything, session by session. Against it: passes of one entry, sessions interleaved, one, two
# and four workers; one backend that dies at a step of its only pass, which must leave nothing, and goes through the next time;
# and a worker that dies at a step of its run of many passes, whose successor goes on from what was committed. Compared are the
# rows of all tables. Prints "differential: N passed, M failed".
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. ingest/test/cluster.sh
test_name=differential
. ingest/test/checks.sh

every=${1:-20}
make -s build/injection/openreplay.so build/captures || die "differential_test.sh: the module with marked steps does not build"
dir=$(cluster_dir openreplay-differential) || exit 1
work=$(mktemp -d)
trap 'stop_cluster "$dir" immediate > /dev/null 2>&1; rm -rf "$dir" "$work"' EXIT
trap 'exit 143' TERM INT

digest()
{
	sql -f ingest/test/digest.sql
}

# same_tables WHAT EXPECTED_FILE: the tables now; who died after the last of its work may have the server start again
same_tables()
{
	local attempt
	for attempt in $(seq 100); do
		! digest > "$work/digest" 2>&1 || break
		sleep 0.1
	done
	works "$1" diff "$2" "$work/digest"
}

export OPENREPLAY_CAPTURES=$PROJECT_ROOT/build/captures

# ---- databases to start from ----------------------------------------------------------------------------------------------

# Filled with the ordinary module; functions then name the module without a directory, so that the other one is found for them.
fill()
{
	create_openreplay "$1" || die "differential_test.sh: no database"
	sql -v root="$PROJECT_ROOT" -v interleaved="$2" -f ingest/test/differential_fill.sql | grep 'entries of' || die "differential_test.sh: no batches"
	sql -c "SET allow_system_table_mods = on" -c "UPDATE pg_proc SET probin = 'openreplay' WHERE probin = '\$libdir/openreplay'"
}

prepare()
{
	start_cluster "$dir" "$(free_port)" "shared_preload_libraries = 'openreplay'" "openreplay.workers = 0" "fsync = off" \
		"shared_buffers = 32MB" "max_wal_size = 1GB" "openreplay.database = 'interleaved'" || die "differential_test.sh: no cluster"
	fill by_session false
	fill interleaved true
	stop_cluster "$dir"
	as_server mkdir "$dir/module"
	install -m 755 build/injection/openreplay.so "$dir/module/openreplay.so"
	as_server sh -c "echo \"dynamic_library_path = '$dir/module:\\\$libdir'\" >> '$dir/data/postgresql.conf'"
	start_cluster "$dir" "$PGPORT" || die "differential_test.sh: the cluster does not start with marked steps"
}

# set_workers NUMBER: waits for the end of those there are
set_workers()
{
	sql -c "ALTER SYSTEM SET openreplay.workers = $1" -c "SELECT pg_reload_conf()" > /dev/null
	[ "$1" = 0 ] || return 0
	until [ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'openreplay worker'" 2> /dev/null)" = 0 ]; do sleep 0.05; done
}

# reset [SETTING VALUE...]: nothing is processed yet
reset()
{
	set_workers 0
	sql -f ingest/test/differential_reset.sql || die "differential_test.sh: cannot start anew"
	as_server rm -f "$dir/data/openreplay.crashed"
	while [ $# -gt 0 ]; do
		sql -c "ALTER SYSTEM SET $1 = $2"
		shift 2
	done
}

# ---- ways to process ----------------------------------------------------------------------------------------------------

by_hand()
{
	sql -c "SELECT openreplay.process_batches()" -c "SELECT openreplay.end_sessions(now() + interval '1 day')" > "$work/by_hand" 2>&1
}

# Waits until workers have done everything; the server may be starting again meanwhile.
workers_done()
{
	local attempt state=
	for attempt in $(seq 600); do
		state=$(sql -c "SELECT openreplay.batches_waiting() = 0 AND count(*) = count(ended_at) FROM openreplay.live_sessions" 2> /dev/null) || true
		[ "$state" != t ] || return 0
		sleep 0.05
	done
	failed=$((failed + 1))
	echo "differential: not ok: workers did not finish, died at '$(died_at)'"
	sql -c "SELECT batches_waiting, live_sessions, workers FROM openreplay.status"
	tail -n 5 "$dir/postgresql.log"
}

died_at()
{
	as_server cat "$dir/data/openreplay.crashed" 2> /dev/null
}

# ---- the test -----------------------------------------------------------------------------------------------------------

prepare
empty=$work/empty
reference=$work/reference

digest > "$empty"
PGDATABASE=by_session by_hand
PGDATABASE=by_session digest > "$reference"
same "tables without rows in the reference" "$(awk -F'|' '$2 == 0 { print $1 }' "$reference" | tr '\n' ' ')" "openreplay.stored_recordings "
reset
by_hand
same_tables "sessions interleaved" "$reference"

reset openreplay.pass_entries 1
by_hand
same_tables "passes of one entry" "$reference"

for workers in 1 2 4; do
	reset openreplay.pass_entries 20
	set_workers "$workers"
	workers_done
	same_tables "$workers workers" "$reference"
done

# One backend: what it did until it died is undone, whatever step that was.
reset openreplay.pass_entries 1000
step=1
while :; do
	sql -c "SET openreplay.crash_at_step = $step" -c "SELECT openreplay.process_batches()" > "$work/crash" 2>&1 && break
	until sql -c "SELECT 1" > /dev/null 2>&1; do sleep 0.05; done
	same "a backend died at step $step" "$(died_at | grep -c .)" 1
	same_tables "nothing is left of a pass that died at step $step" "$empty"
	as_server rm -f "$dir/data/openreplay.crashed"
	step=$((step + every))
done
echo "differential: a backend's pass has less than $step steps"
by_hand
same_tables "a pass after others died" "$reference"

# A worker in the middle of a run of passes, alone and beside another; its successor goes on.
for workers in 1 2; do
	step=1
	while :; do
		reset openreplay.pass_entries 50 openreplay.crash_at_step "$step"
		set_workers "$workers"
		workers_done
		where=$(died_at)
		[ -n "$where" ] || break
		same_tables "one of $workers workers died at step $step ($where)" "$reference"
		step=$((step + every * workers))
	done
	echo "differential: the run of one of $workers workers has less than $step steps"
	same_tables "$workers workers that did not die" "$reference"
done

tell_result
