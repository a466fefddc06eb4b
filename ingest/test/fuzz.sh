#!/usr/bin/env bash
#
# fuzz.sh SECONDS [NAME...] - every libFuzzer target, or those named, for so many seconds; what crashes one is kept and named
#
# As many at a time as there are cores. Inputs found in earlier runs are in build/fuzz/corpus and are where the next run begins;
# the recorded batches are seeds too. Prints "fuzz: N passed, M failed", one for each target.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
seconds=${1:?fuzz.sh SECONDS [NAME...]}
shift
passed=0
failed=0
running=0

# run_target NAME PROGRAM
run_target()
{
	local name=$1 corpus=build/fuzz/corpus/$1 log=build/fuzz/$1.log
	mkdir -p "$corpus"
	if "$2" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/crash-$name-" "$corpus" data/captures/*/bodies > "$log" 2>&1; then
		echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, $(find "$corpus" -type f | wc -l) kept"
	else
		echo "fuzz: not ok: $name"
		grep -vE '^#[0-9]+' "$log" | tail -n 40
		return 1
	fi
}

await_one()
{
	if wait -n; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
	running=$((running - 1))
}

make -s -j "$(nproc)" fuzz || { echo "fuzz: 0 passed, 1 failed"; exit 1; }
trap 'kill $(jobs -p) 2> /dev/null; exit 143' INT TERM
for source in src/*/*_fuzz.c ingest/*/*_fuzz.c; do
	name=$(basename "$source" _fuzz.c)
	[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
	[ "$running" -lt "$(nproc)" ] || await_one
	run_target "$name" "build/fuzz/${source%.c}" &
	running=$((running + 1))
done
while [ "$running" -gt 0 ]; do await_one; done
[ $((passed + failed)) -gt 0 ] || { echo "fuzz: no such target: $*" >&2; exit 2; }
echo "fuzz: $passed passed, $failed failed"
[ "$failed" = 0 ]
