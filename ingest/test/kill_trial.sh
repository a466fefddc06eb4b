#!/usr/bin/env bash
#
# kill_trial.sh - nothing acknowledged is lost or doubled and no start refused, whoever is killed
#
#   kill_trial.sh [--seconds S] [--kills N] [--rate BATCHES_PER_S|half] [--visitors V] [--keep]
#
# Recorded visits are replayed as many visitors (resending as trackers do) against two ingest servers side by side on one
# PostgreSQL with two workers. Between each server and PostgreSQL runs a stretch of network of ours (openreplay-replay relay).
# Meanwhile, at random, one of these happens at a time, each equally often:
#   worker      kill -9 of a worker, on which PostgreSQL restarts all its processes
#   ingest      kill -9 of a server, which is started again
#   postgres    kill -9 of the postmaster and all its processes
#   stop        immediate stop of PostgreSQL, start some seconds later
#   orphan      the same, and meanwhile kill -9 of a server, which starts again without the database
#   cut         the network resets all connections of a server
#   freeze      the network of a server hangs for some seconds
#   refuse      it resets connections and refuses new ones for some seconds
#   swallow     it loses all answers of PostgreSQL, and then resets: commits happen that nobody hears of
#   forget      the same, and kill -9 of the server, which so forgets what it sent: trackers send again what is committed
# Afterwards
#   - the ledger of acknowledged starts and batches is compared with openreplay.batches: each exactly once;
#   - no start was answered with an error, and one without an answer was sent while its server was dead;
#   - the stored batches are processed again from nothing, by one process that nobody disturbs, in a second database: every
#     event table must hold the same rows as the disturbed one, no more and no fewer;
#   - the rows of some sessions are counted against their decoded messages;
#   - openreplay.check() finds nothing wrong.
# --rate half first measures how many batches a second are taken and processed on this machine, undisturbed, and sends half.
# Prints "kill: N passed, M failed". --keep leaves the directory with logs and cluster for a look.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/cluster.sh"
test_name=kill
. "$here/checks.sh"

seconds=45
kills=10
rate=500
visitors=120
keep=
while [ $# -gt 0 ]; do
	case $1 in
		--seconds) seconds=$2; shift 2 ;;
		--kills) kills=$2; shift 2 ;;
		--rate) rate=$2; shift 2 ;;
		--visitors) visitors=$2; shift 2 ;;
		--keep) keep=yes; shift ;;
		*) sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
done

replay=$PROJECT_ROOT/openreplay-replay
[ -x "$replay" ] && [ -x "$PROJECT_ROOT/openreplay-ingest" ] || die "kill_trial.sh: run make first"
dir=$(cluster_dir openreplay-kill) || exit 1
work=$(mktemp -d)
port=$(free_port)
servers=(a b)
declare -A http_port net_port server_pid relay_pid relay_in load_pid

clean_up()
{
	local pid
	for pid in "${load_pid[@]}" "${server_pid[@]}" "${relay_pid[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	[ -f "$dir/data/postmaster.pid" ] && stop_cluster "$dir" immediate
	if [ -n "$keep" ]; then
		echo "kept: $dir $work"
	else
		rm -rf "$dir" "$work"
	fi
}
trap clean_up EXIT

# ---- servers and their networks -----------------------------------------------------------------------------------------

start_relay()
{
	net_port[$1]=$(free_port)
	mkfifo "$work/net.$1"
	"$replay" relay --listen "${net_port[$1]}" --to "$port" < "$work/net.$1" 3>&- &
	relay_pid[$1]=$!
	exec {fd}> "$work/net.$1"
	relay_in[$1]=$fd
}

# network SERVER WORD: see relay.c
network()
{
	echo "$2" >&"${relay_in[$1]}"
}

start_server()
{
	INGEST_PORT=${http_port[$1]}
	start_ingest "$dir/$1" SERVER_NAME="$1" \
		DATABASE_URL="host=127.0.0.1 port=${net_port[$1]} user=$PGUSER dbname=$PGDATABASE" || return 1
	server_pid[$1]=$INGEST_PID
}

any_server()
{
	echo "${servers[RANDOM % ${#servers[@]}]}"
}

# load_server SERVER RATE SECONDS: in the background
load_server()
{
	"$replay" load --url "http://127.0.0.1:${http_port[$1]}" --key "$PROJECT_KEY" --visitors "$((visitors / ${#servers[@]}))" \
		--rate "$2" --seconds "$3" --retry --captures "$PROJECT_ROOT/data/captures" --ledger "$work/ledger.$1" > "$work/load.$1" 2>&1 &
	load_pid[$1]=$!
}

# Batches a second that are taken and processed when nothing happens, as many as that may be.
measure_capacity()
{
	local server batches=0 began ended
	began=$(date +%s%3N)
	for server in "${servers[@]}"; do
		load_server "$server" max 8
	done
	for server in "${servers[@]}"; do
		wait "${load_pid[$server]}"
		batches=$((batches + $(sed -n 's/^load: \([0-9]*\) batches.*/\1/p' "$work/load.$server")))
	done
	wait_until_processed || return 1
	ended=$(date +%s%3N)
	capacity=$((batches * 1000 / (ended - began)))
}

# ---- the killing --------------------------------------------------------------------------------------------------------

# Some seconds, at most so many.
some_time()
{
	sleep "$(awk -v most="$1" -v r=$RANDOM 'BEGIN { print most * (0.2 + 0.8 * r / 32768) }')"
}

# After the kill before, workers need a few seconds to be back.
kill_worker()
{
	local pid= waited=0
	while [ -z "$pid" ] && [ "$waited" -lt 50 ]; do
		pid=$(sql -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'openreplay worker' ORDER BY random() LIMIT 1" 2>/dev/null)
		waited=$((waited + 1))
		sleep 0.2
	done
	[ -n "$pid" ] && kill -9 "$pid" 2>/dev/null
}

# Notes from when to when the server was dead.
kill_ingest()
{
	local server=${1:-$(any_server)} from
	from=$(date +%s%3N)
	kill -9 "${server_pid[$server]}" || return 1
	wait "${server_pid[$server]}" 2>/dev/null
	some_time 2
	start_server "$server" || die "kill_trial.sh: the ingest server does not start again"
	echo "$from $(date +%s%3N)" >> "$work/down.$server"
}

kill_postgres()
{
	local postmaster children
	postmaster=$(head -n 1 "$dir/data/postmaster.pid")
	children=$(ps -o pid= --ppid "$postmaster")
	# shellcheck disable=SC2086
	kill -9 "$postmaster" $children 2>/dev/null
	some_time 2
	start_cluster "$dir" "$port" || die "kill_trial.sh: PostgreSQL does not start again"
}

kill_stop()
{
	stop_cluster "$dir" immediate
	some_time 5
	start_cluster "$dir" "$port" || die "kill_trial.sh: PostgreSQL does not start again"
}

kill_orphan()
{
	stop_cluster "$dir" immediate
	some_time 4
	kill_ingest
	some_time 3
	start_cluster "$dir" "$port" || die "kill_trial.sh: PostgreSQL does not start again"
}

kill_cut()
{
	network "$(any_server)" cut
}

kill_freeze()
{
	local server
	server=$(any_server)
	network "$server" freeze
	some_time 6
	network "$server" pass
}

kill_refuse()
{
	local server
	server=$(any_server)
	network "$server" refuse
	some_time 5
	network "$server" pass
}

kill_swallow()
{
	local server
	server=$(any_server)
	network "$server" swallow
	some_time 3
	network "$server" cut
}

kill_forget()
{
	local server
	server=$(any_server)
	network "$server" swallow
	some_time 1
	kill_ingest "$server"
	network "$server" cut
}

# Every kind equally often, in an order and at times that differ from run to run.
kill_at_random()
{
	local victims=() n victim pause begin=$SECONDS
	while [ ${#victims[@]} -lt "$kills" ]; do
		mapfile -t -O ${#victims[@]} victims \
			< <(printf '%s\n' worker ingest postgres stop orphan cut freeze refuse swallow forget | shuf)
	done
	for ((n = 0; n < kills; n++)); do
		victim=${victims[n]}
		pause=$(awk -v left=$((seconds + begin - SECONDS)) -v kills=$((kills - n)) -v r=$RANDOM \
			'BEGIN { left -= 3 * kills; print (left > 0 ? left : 0) / (kills + 1) * (0.5 + r / 32768) }')
		sleep "$pause"
		if ! kill -0 "${load_pid[@]}" 2>/dev/null; then
			echo "kill: the load ended before kill $((n + 1)) of $kills"
			return 1
		fi
		if "kill_$victim"; then
			echo "$victim" >> "$work/killed"
		else
			echo "kill: nothing to kill: $victim"
		fi
	done
}

# ---- afterwards ---------------------------------------------------------------------------------------------------------

# Starts that were refused though their server lived: answered with an error, or not answered while it was not dead.
refused_starts()
{
	awk -v down="$work/down.$1" '
		BEGIN { while ((getline line < down) > 0) { split(line, time, " "); from[++n] = time[1]; to[n] = time[2] } }
		$1 == "r" {
			excused = 0
			for (i = 1; i <= n; i++)
				excused = excused || ($3 == 0 && $2 >= from[i] && $2 <= to[i])
			if (!excused)
				print "at " $2 " status " $3
		}' "$work/ledger.$1"
}

spool_is_empty()
{
	local waited=0 entries=
	while [ "$waited" -lt 240 ]; do
		entries=$(curl -sf --max-time 5 "http://127.0.0.1:${http_port[$1]}/metrics" | awk '$1 ~ /^[a-z_]*spool_entries$/ { print $2 }')
		[ "$entries" = 0 ] && return 0
		waited=$((waited + 1))
		sleep 0.5
	done
	echo "entries in the spool: $entries"
	return 1
}

wait_until_processed()
{
	local waited=0 waiting=
	while [ "$waited" -lt 240 ]; do
		waiting=$(sql -c "SELECT batches_waiting FROM openreplay.status" 2>"$work/error")
		[ "$waiting" = 0 ] && return 0
		waited=$((waited + 1))
		sleep 0.5
	done
	echo "batches still waiting: $waiting $(cat "$work/error")"
	return 1
}

# The same batches once more, in a database that no worker knows.
process_undisturbed()
{
	local disturbed=$PGDATABASE
	sql -d postgres -c "CREATE DATABASE undisturbed" || return 1
	sql -d undisturbed -c "SET client_min_messages = warning" -c "CREATE EXTENSION openreplay CASCADE" || return 1
	local copied
	for copied in "public.projects" "openreplay.servers" "openreplay.batches"; do
		if [ "$copied" = openreplay.batches ]; then
			sql -d "$disturbed" -c "SELECT DISTINCT date_trunc('hour', received_at) FROM openreplay.batches" | while read -r hour; do
				sql -d undisturbed -c "SELECT openreplay.ensure_batch_partitions('$hour')" > /dev/null
			done
		fi
		sql -d "$disturbed" -c "COPY (SELECT * FROM $copied) TO STDOUT (FORMAT binary)" > "$work/copied" || return 1
		sql -d undisturbed -c "DELETE FROM $copied" -c "COPY $copied FROM STDIN (FORMAT binary)" < "$work/copied" || return 1
	done
	local entries
	while :; do
		entries=$(sql -d undisturbed -c "SELECT openreplay.process_batches()") || return 1
		[ "$entries" -gt 0 ] || return 0
	done
}

end_all_sessions()
{
	sql -d "$1" -c "SELECT openreplay.end_sessions(now() + interval '1 day')" > /dev/null
}

# Count and digest of a table's rows, less the columns that tell when rather than what; in any order.
digest()
{
	sql -d "$1" -c "SELECT count(*) || ' rows, digest ' || coalesce(sum(hashtextextended(row, 0)::numeric), 0)
		FROM (SELECT (to_jsonb(t) - '{created_at,first_recorded_session_at,sessions_last_check_at}'::text[])::text AS row FROM $2 t) r"
}

compare_tables()
{
	local table
	for table in public.sessions events.pages events.clicks events.inputs events.errors events.performance events.graphql \
		events.resources events_common.requests events_common.customs events_common.issues public.issues public.errors public.autocomplete; do
		same "$table as if undisturbed" "$(digest "$PGDATABASE" "$table")" "$(digest undisturbed "$table")"
	done
}

# Independent of the pass: rows against what the decoder says was sent. Prints sessions that differ.
count_decoded()
{
	sql -c "
	WITH sample AS MATERIALIZED (SELECT session_id FROM public.sessions ORDER BY md5(session_id::text) LIMIT 40)
	SELECT session_id, sent, stored
	FROM sample s
	CROSS JOIN LATERAL (
		SELECT count(*) FILTER (WHERE m.name = 'MouseClick' AND m.fields ->> 'Label' <> '') AS clicks,
			count(*) FILTER (WHERE m.name = 'InputChange' AND m.fields ->> 'Label' <> '') AS inputs,
			count(*) FILTER (WHERE m.name = 'JSException') AS errors,
			count(*) FILTER (WHERE m.name = 'NetworkRequest') AS requests,
			count(*) FILTER (WHERE m.name IN ('CustomEvent', 'CustomIssue')) AS customs
		FROM openreplay.messages(s.session_id) m) AS sent
	CROSS JOIN LATERAL (
		SELECT (SELECT count(*) FROM events.clicks e WHERE e.session_id = s.session_id) AS clicks,
			(SELECT count(*) FROM events.inputs e WHERE e.session_id = s.session_id) AS inputs,
			(SELECT count(*) FROM events.errors e WHERE e.session_id = s.session_id) AS errors,
			(SELECT count(*) FROM events_common.requests e WHERE e.session_id = s.session_id) AS requests,
			(SELECT count(*) FROM events_common.customs e WHERE e.session_id = s.session_id) AS customs) AS stored
	WHERE sent IS DISTINCT FROM stored"
}

# ---- the trial ----------------------------------------------------------------------------------------------------------

start_cluster "$dir" "$port" "shared_preload_libraries = 'openreplay'" "openreplay.database = 'openreplay'" "openreplay.workers = 2" \
	"shared_buffers = 128MB" "max_wal_size = 512MB" "checkpoint_timeout = 30s" || exit 1
create_openreplay || die "kill_trial.sh: CREATE EXTENSION openreplay failed: run make install first"
for server in "${servers[@]}"; do
	as_server mkdir -m 700 "$dir/$server"
	http_port[$server]=$(free_port)
	start_relay "$server"
	start_server "$server" || exit 1
done

if [ "$rate" = half ]; then
	measure_capacity || die "kill_trial.sh: not even undisturbed"
	rate=$((capacity / 2))
	echo "capacity: $capacity batches/s taken and processed; the load is $rate"
fi
begun=$SECONDS
for server in "${servers[@]}"; do
	load_server "$server" "$((rate / ${#servers[@]}))" "$seconds"
done
: > "$work/killed"
kill_at_random
for server in "${servers[@]}"; do
	wait "${load_pid[$server]}"
	same "load exit code of $server" $? 0
	sed "s/^/$server: /" "$work/load.$server"
done
load_pid=()
load_seconds=$((SECONDS - begun))
echo "killed: $(sort "$work/killed" | uniq -c | tr -s ' \n' ' ')"
same "kills" "$(wc -l < "$work/killed")" "$kills"

for server in "${servers[@]}"; do
	works "the spool of $server drains" spool_is_empty "$server"
	same "starts refused by $server while it lived" "$(refused_starts "$server")" ""
	echo "$server: dead $(cat "$work/down.$server" 2>/dev/null | wc -l) times, turned to its spool" \
		"$(grep -c 'spooling until' "$dir/$server/ingest.log") times; starts not answered while it was dead:" \
		"$(grep -c '^r' "$work/ledger.$server")"
	kill "${server_pid[$server]}"
	wait "${server_pid[$server]}"
	same "exit code of $server" $? 0
done
server_pid=()
processing=$SECONDS
works "everything gets processed" wait_until_processed
processed_at=$SECONDS
processed_seconds=$((processed_at - processing))
cat "$work"/ledger.* > "$work/ledger"
works "the ledger agrees with openreplay.batches" "$replay" verify --ledger "$work/ledger"
tail -n 1 "$work/output"
same "batches parked or broken" "$(sql -c "SELECT batches_parked + batches_broken FROM openreplay.status")" 0

sql -c "SELECT openreplay.stop()" > /dev/null
sleep 1
works "the batches can be processed again elsewhere" process_undisturbed
works "sessions end" end_all_sessions "$PGDATABASE"
works "sessions end elsewhere" end_all_sessions undisturbed
compare_tables
for database in "$PGDATABASE" undisturbed; do
	same "openreplay.check() in $database" "$(sql -d "$database" -c "SELECT * FROM openreplay.check()")" ""
done
same "sessions whose rows differ from their messages" "$(count_decoded)" ""
echo "recognised as resent: $(sql -c "SELECT sum(duplicates) FROM openreplay.passes")"
echo "rows: $(sql -c "SELECT (SELECT count(*) FROM public.sessions) || ' sessions, ' || (SELECT count(*) FROM events.clicks) || ' clicks, '
	|| (SELECT count(*) FROM events.pages) || ' pages, ' || (SELECT count(*) FROM events_common.requests) || ' requests'")"

echo "took: $load_seconds s of load, $processed_seconds s until processed, $((SECONDS - processed_at)) s of checks"
tell_result
