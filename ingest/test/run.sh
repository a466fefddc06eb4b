#!/usr/bin/env bash
#
# run.sh tests|benches|soaks [NAME] - runs the parts of a table below, one after the other, and adds up
#
# For ./openreplay, which has installed and built what they need. Each part runs in a process group and with a time limit of
# its own; on Ctrl-C the running one is told to end and cleans up after itself. The last line is
# "N passed, M failed" over all parts: a part's own lines of that form and pg_regress's summary are counted, a part that
# prints none counts as one. All that a part says is kept in build/log/run-PART.log.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. ingest/test/cluster.sh

# name, limit in seconds, "server" if a PostgreSQL shall run for it, command
tests='
lint     300 -      make lint
unit     600 -      make -s check-unit
fuzz     600 -      ingest/test/fuzz.sh 10
http_fuzz 300 -     ingest/test/http_fuzz.sh 20
regress  600 server make installcheck
restore  600 server ingest/test/restore.sh
readers  300 server ingest/test/readers_test.sh
cookbook 300 server ingest/test/cookbook_test.sh
replica  300 -      ingest/test/replica_test.sh
http     300 -      ingest/test/http_test.sh
mobile   300 -      ingest/test/mobile_test.sh
images   300 -      ingest/test/images_test.sh
project  300 -      ingest/test/project_test.sh
operation 300 -     ingest/test/operation_test.sh
worker   300 -      ingest/test/worker_test.sh
uploader 300 -      ingest/test/uploader_test.sh
late     300 -      ingest/test/late_test.sh
late_1_20 300 -     ingest/test/late_test.sh 1.20
merges   300 -      ingest/test/uploader_soak.sh --copies 8 --kills 12
storage  300 -      ingest/test/storage/run.sh
assets   300 -      ingest/test/assets_test.sh
inside   300 -      ingest/test/inside_test.sh
delivery 300 -      ingest/test/delivery/run.sh
schedule 300 -      ingest/test/schedule_test.sh
kills    300 -      ingest/test/kill_trial.sh --seconds 45 --kills 10
disk     300 -      ingest/test/full_disk.sh
differential 300 -  ingest/test/differential_test.sh 10
snapshot 300 -      ingest/test/visible_bench.sh --seconds 20 --rate 200 --snapshot
browser  600 -      ingest/test/browser/run.sh
up       600 -      ingest/test/up_test.sh
'
benches='
wire     900 -      build/bench/src/wire/wire_bench data/captures
flags    300 -      ingest/test/flags_bench.sh
cards   1800 -      ingest/test/cards_bench.sh
ingest  1800 -      ingest/test/ingest_bench.sh
pass    1800 -      ingest/test/pass_bench.sh
recording 900 -     ingest/test/recording_bench.sh
visible  600 -      ingest/test/visible_bench.sh
sessions 600 -      ingest/test/sessions_bench.sh
'
soaks='
chaos   1800 -      ingest/test/kill_trial.sh --seconds 240 --kills 30 --rate half --visitors 400
snapshot 3600 -     ingest/test/visible_bench.sh --seconds 600 --snapshot
storage 1800 -     ingest/test/uploader_soak.sh
fuzz    3600 -      ingest/test/fuzz.sh 600 body headers start_request visit
fuzz_all 14400 -    ingest/test/fuzz.sh 600
http_fuzz 1800 -    ingest/test/http_fuzz.sh 600
filters 3600 -      ingest/test/filters_soak.sh
differential 3600 - ingest/test/differential_test.sh 1
'

passed=0
failed=0
failed_parts=
skipped_parts=
part=
logs=build/log
mkdir -p $logs

# A server that preloads the extension, with workers that leave every database alone: what its parts do, they do by hand.
in_cluster()
(
	dir=$(cluster_dir openreplay-run)
	trap 'stop_cluster "$dir" immediate > /dev/null 2>&1; rm -rf "$dir"' EXIT
	start_cluster "$dir" "$(free_port)" "shared_preload_libraries = 'openreplay'" "openreplay.database = 'no database'" \
		"fsync = off"
	"$@" &
	trap 'kill -TERM $!; wait $!; exit 143' TERM
	wait $!
)

# Nobody but the part's own script knows what it has started, so that alone is told to end, once, and waited for.
stop_part()
{
	trap - EXIT
	if [ -n "$part" ] && kill -TERM "$part" 2> /dev/null; then
		wait "$part" 2> /dev/null || true
		kill -KILL -- "-$part" 2> /dev/null || true
	fi
}
trap stop_part EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Prints the sums of passed and failed in a log. pg_regress says "All 5 tests passed" or "2 of 5 tests failed".
count_results()
{
	sed -nE -e 's/^[^ ]+: ([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' -e 's/^[# ]*All ([0-9]+) tests passed.*/\1 0/p' \
		-e 's/^[# ]*([0-9]+) of ([0-9]+) tests failed.*/\2 \1 of/p' "$1" \
		| awk '{ passed += $3 == "of" ? $1 - $2 : $1; failed += $2 } END { print passed + 0, failed + 0 }'
}

# Follows a log while its part runs. A part that floods is cut, its end is what matters then.
show()
{
	tail -n +1 -s 0.2 -f --pid="$part" "$1" \
		| awk -v log_file="$1" 'NR <= 120 { print substr($0, 1, 200) } NR == 121 { print "... more in " log_file } { fflush() }'
}

# run_part NAME LIMIT SERVER COMMAND...
run_part()
{
	local name=$1 limit=$2 server=$3 log=$logs/run-$1.log began=$SECONDS code=0 n_passed n_failed shown
	shift 3
	printf '\n==== %s: %s\n' "$name" "$*"
	: > "$log"
	set -- timeout --foreground -k 30 "$limit" "$@"
	if [ "$server" = - ]; then set -- exec "$@"; else set -- in_cluster "$@"; fi
	set -m
	"$@" > "$log" 2>&1 < /dev/null &
	part=$!
	set +m
	show "$log" &
	shown=$!
	wait "$part" || code=$?
	wait "$shown" || true
	kill -KILL -- "-$part" 2> /dev/null || true
	part=
	[ "$code" != 124 ] || echo "$name: stopped after $limit s"
	read -r n_passed n_failed < <(count_results "$log")
	if [ "$code" = 0 ] && [ "$n_passed$n_failed" = 00 ]; then
		n_passed=1
	elif [ "$code" != 0 ] && [ "$n_failed" = 0 ]; then
		n_failed=1
	fi
	passed=$((passed + n_passed))
	failed=$((failed + n_failed))
	[ "$n_failed" = 0 ] || failed_parts+=" $name"
	if [ "$n_failed" != 0 ]; then
		[ "$(wc -l < "$log")" -le 120 ] || tail -n 40 "$log" | cut -c 1-200
		[ "$name" != regress ] || head -n 120 build/regress/regression.diffs || true
	fi
	printf -- '---- %s: %d passed, %d failed, %d s\n' "$name" "$n_passed" "$n_failed" $((SECONDS - began))
}

run_table()
{
	local name limit server command only=$2 found=
	while read -r name limit server command; do
		[[ -n $name && (-z $only || $only = "$name") ]] || continue
		found=yes
		[[ $command != build/* ]] || make -s "${command%% *}"
		if [[ ${command%% *} == */* && ! -x ${command%% *} ]]; then
			skipped_parts+=" $name"
			continue
		fi
		# shellcheck disable=SC2086 # words, all from the tables above
		run_part "$name" "$limit" "$server" $command
	done <<< "$1"
	[ -n "$found" ] || die "no $only here, only:$(awk 'NF { printf " %s", $1 }' <<< "$1")"
}

case ${1:-} in
	tests) run_table "$tests" "${2:-}" ;;
	benches) run_table "$benches" "${2:-}" ;;
	soaks) run_table "$soaks" "${2:-}" ;;
	*) die "run.sh tests|benches|soaks [NAME]" ;;
esac
echo
[ -z "$skipped_parts" ] || echo "not in this version:$skipped_parts"
[ -z "$failed_parts" ] || echo "failed:$failed_parts"
[ "$1" = benches ] || echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
