#!/usr/bin/env bash
#
# http_fuzz.sh SECONDS [SEED] - the ingest server, built with ASan and UBSan, under what no tracker sends
#
# http_fuzz.mjs sends damaged requests of every endpoint to a server on a private cluster, with limits low enough to be met. The
# server must live, report nothing, leak nothing, hold nothing of anybody afterwards, and still record.
# Prints "http_fuzz: N passed, M failed".
set -u
test_name=http_fuzz
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
seconds=${1:?http_fuzz.sh SECONDS [SEED]}
make -s -C "$here/../.." -j "$(nproc)" all build/unit/openreplay-ingest || exit 1
. "$here/http.sh"
INGEST_PROGRAM=$PROJECT_ROOT/build/unit/openreplay-ingest

start_cluster "$dir" "$port" "fsync = off" || die "$test_name: cannot start a cluster"
create_openreplay || die "$test_name: cannot create the extension (make install?)"
start_ingest "$dir" TOKEN_SECRET=$secret HTTP_TIMEOUT=2 HTTP_THREADS=2 MEMORY_LIMIT=33554432 LOG_LEVEL=debug MAXMINDDB_FILE="$PROJECT_ROOT/data/geo/places.mmdb" \
	ASAN_OPTIONS=abort_on_error=0:exitcode=99:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 || die "$test_name: the ingest server does not start"
new_session
cd "$PROJECT_ROOT" || exit 1
TOKEN=$token KEY=$PROJECT_KEY CAPTURES=$PROJECT_ROOT/data/captures node "$here/http_fuzz.mjs" "$INGEST_URL" "$seconds" ${2:+"$2"} > "$work/fuzz"
same "the server answers all the time, with CORS headers" $? 0
cat "$work/fuzz"

# Whose turn it is had two seconds; then nothing is left.
for n in $(seq 100); do
	left="$(gauge memory_bytes) $(gauge connections)"
	[ "$left" = "0 1" ] && break
	sleep 0.1
done
same "memory held and connections open afterwards" "$left" "0 1"
new_session
random_bytes 1234 "$work/batch"
post "$work/batch"
answers "a batch afterwards" 200 ''
same "is stored" "$(stored)" 1234
sql -c "SELECT count(*) FROM openreplay.process_batches()" > /dev/null
same "the pass copes with what came" $? 0
kill "$INGEST_PID"
wait "$INGEST_PID"
same "the server ends well, and leaked nothing" $? 0
INGEST_PID=
same "the sanitizers found nothing" "$(grep -cE 'AddressSanitizer|LeakSanitizer|runtime error:' "$dir/ingest.log")" 0
grep -E -A 30 -m 1 'AddressSanitizer|LeakSanitizer|runtime error:' "$dir/ingest.log"
same "no secret is in the log" "$(grep -cE "$secret|$token" "$dir/ingest.log")" 0
tell_result
