#!/usr/bin/env bash
#
# fuzz.sh SECONDS [NAME...] - every libFuzzer target for so many seconds; what crashes one is kept and named
#
# Inputs found in earlier runs are in build/fuzz/corpus and are where the next run begins; the recorded batches are seeds too.
# Prints "fuzz: N passed, M failed", one for each target.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
seconds=${1:?fuzz.sh SECONDS [NAME...]}
shift
passed=0
failed=0

make -s -j "$(nproc)" fuzz || { echo "fuzz: 0 passed, 1 failed"; exit 1; }
for source in src/*/*_fuzz.c ingest/*/*_fuzz.c; do
	name=$(basename "$source" _fuzz.c)
	[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
	program=build/fuzz/${source%.c}
	corpus=build/fuzz/corpus/$name
	mkdir -p "$corpus"
	log=build/fuzz/$name.log
	if "$program" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/crash-$name-" "$corpus" data/captures/*/bodies > "$log" 2>&1; then
		passed=$((passed + 1))
		echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, $(find "$corpus" -type f | wc -l) kept"
	else
		failed=$((failed + 1))
		echo "fuzz: not ok: $name"
		grep -vE '^#[0-9]+' "$log" | tail -n 40
	fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" = 0 ]
