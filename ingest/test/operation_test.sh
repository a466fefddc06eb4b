#!/usr/bin/env bash
#
# operation_test.sh - what an operator relies on: who is asked for, what nobody may take, what the server tells of itself
#
# A private cluster with a real ingest server on it. First whom requests come from and where that is; then clients that are
# slow, greedy or too many; then metrics, health, logs, SIGHUP and the service; last several servers on one database.
# Prints "operation: N passed, M failed".
set -u
test_name=operation
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/http.sh"

start_cluster "$dir" "$port" || die "$test_name: cannot start a cluster"
create_openreplay || die "$test_name: cannot create the extension (make install?)"
chmod 755 "$work"
INGEST_CONFIG=$work/config
secret_file=$work/secret
places=$dir/places.mmdb
echo "$secret" > "$secret_file"
as_server cp "$PROJECT_ROOT/data/geo/places.mmdb" "$places"

# configure KEY=VALUE...: the whole of the configuration file
configure()
{
	printf '%s\n' "$@" > "$INGEST_CONFIG"
}

# restart KEY=VALUE...: the server with this configuration
restart()
{
	stop_ingest
	configure "$@"
	start_ingest "$dir" TOKEN_SECRET= "TOKEN_SECRET_FILE=$secret_file" || die "$test_name: the ingest server does not start"
}

# until_like PATTERN COMMAND...: repeats the command until its output is like the pattern, prints its last one
until_like()
{
	local pattern=$1 output n
	shift
	for n in $(seq 200); do
		output=$("$@")
		[[ $output == $pattern ]] && break
		sleep 0.1
	done
	printf '%s' "$output"
}

# ---- who, and where ---------------------------------------------------------------------------------------------------

# place: country, state and city of the last start, as told and as stored
place()
{
	sql -c "SELECT openreplay.process_batches()" > /dev/null
	printf '%s %s' "$(field userCountry)|$(field userState)|$(field userCity)" \
		"$(sql -c "SELECT user_country, user_state, user_city FROM public.sessions WHERE session_id = $(field sessionID)")"
}

restart "MAXMINDDB_FILE=$places" 'TRUSTED_PROXIES=127.0.0.1, 10.0.0.0/8'
start
same "nobody is named" "$(place)" 'UN|| UN||'
start '' -H 'X-Forwarded-For: 192.0.2.7'
same "a proxy names the client" "$(place)" 'NL|North Holland|Amsterdam NL|North Holland|Amsterdam'
start '' -H 'X-Forwarded-For: 192.0.2.7, 192.0.2.130, 10.1.2.3'
same "the client itself named another" "$(place)" 'DE|Bavaria|Nürnberg DE|Bavaria|Nürnberg'
start '' -H 'X-Forwarded-For: 192.0.2.7' -H 'X-Forwarded-For: [2001:db8:1::9]:4711'
same "the last of several lines" "$(place)" 'JP|Tokyo|Tokyo JP|Tokyo|Tokyo'
start '' -H 'X-Real-Ip: 192.0.2.200'
same "X-Real-Ip" "$(place)" 'FR|| FR||'
start '' -H 'X-Forwarded-For: 198.51.100.1'
same "a country that the schema does not know" "$(place)" 'ZZ|A state|A city UN|A state|A city'
start '' -H "X-Forwarded-For: $(printf '%0.s8.8.8.8, ' {1..1000})garbage"
same "garbage" "$(place)" 'UN|| UN||'

# the file is damaged, then removed, then another one: SIGHUP each time
# hang_up WHAT: SIGHUP, and until the server has read all again
hang_up()
{
	local times
	times=$(grep -c 'configuration read again\|configuration not reloaded' "$dir/ingest.log")
	kill -HUP "$INGEST_PID"
	until_like $((times + 1)) grep -c 'configuration read again\|configuration not reloaded' "$dir/ingest.log" > "$work/told"
}
echo 'no database' | as_server sh -c 'cat > "$0"' "$places"
start '' -H 'X-Forwarded-For: 192.0.2.7'
same "a file that is overwritten" "$(field userCity)" Amsterdam
hang_up
start '' -H 'X-Forwarded-For: 192.0.2.7'
same "a file that is of no use leaves the old one" "$(field userCity)" Amsterdam
like "and is told" "$(tail -n 5 "$dir/ingest.log")" "*MAXMINDDB_FILE cannot be used*"
configure 'TRUSTED_PROXIES=127.0.0.1, 10.0.0.0/8'
hang_up
start '' -H 'X-Forwarded-For: 192.0.2.7'
same "no file is wanted any more" "$(field userCountry)|$(field userCity)" 'UN|'
configure "MAXMINDDB_FILE=$PROJECT_ROOT/nowhere.mmdb" 'TRUSTED_PROXIES=127.0.0.1, 10.0.0.0/8'
hang_up
as_server cp "$PROJECT_ROOT/data/geo/places.mmdb" "$places"
configure "MAXMINDDB_FILE=$places" 'TRUSTED_PROXIES=127.0.0.1, 10.0.0.0/8'
hang_up
start '' -H 'X-Forwarded-For: 192.0.2.7'
same "another file" "$(field userCity)" Amsterdam

restart "MAXMINDDB_FILE=$places" TRUSTED_PROXIES=none
start '' -H 'X-Forwarded-For: 192.0.2.7' -H 'X-Real-Ip: 192.0.2.7'
same "a proxy nobody trusts" "$(place)" 'UN|| UN||'

# ---- what trackers are told and held to -------------------------------------------------------------------------------

restart USE_CORS=no PROTOCOL_VERSION=2 FRAMES_SUPPORT=on IS_FEATURE_FLAG_ENABLED=yes IS_USABILITY_TEST_ENABLED=1 COMPRESSION_THRESHOLD=12345 \
	BEACON_SIZE_LIMIT=5000 JSON_SIZE_LIMIT=2000 FILE_SIZE_LIMIT=3000 CANVAS_FPS=60 CANVAS_QUALITY=medium RECORD_CANVAS=false
# ask misses the header that another layer is to add
bare()
{
	status=$(curl -s -m 30 -X "$1" -A "$chrome" -o "$work/body" -D "$work/headers" -w '%{http_code}' "${@:3}" "$INGEST_URL$2")
	body=$(cat "$work/body")
}
bare POST /v1/web/start --data-binary "{\"projectKey\":\"$PROJECT_KEY\",\"trackerVersion\":\"19.0.1\"}"
token=$(field token)
same "settings that a start tells" "$(sql -v answer="$body" <<< "SELECT a->'protocolVersion', a->'framesSupport', a->'features', a->'compressionThreshold', a->'beaconSizeLimit', a->'canvasFPS',
	a->'canvasQuality', a->'canvasEnabled' FROM (VALUES ((:'answer')::jsonb)) v(a)")" '2|true|{"feature-flags": true, "usability-test": true}|12345|5000|60|"medium"|false'
same "no CORS headers" "$(grep -ci '^access-control' "$work/headers")" 0
bare OPTIONS /v1/web/i
same "nor with a preflight" "$status $(grep -ci '^access-control' "$work/headers")" '200 0'
random_bytes 5001 "$work/batch"
# a path, the largest body and what it is answered, then what one byte more is answered
while read -r path size told more; do
	for pair in "$size $told" "$((size + 1)) $more"; do
		head -c "${pair% *}" "$work/batch" > "$work/sized"
		bare POST "$path" -H "Authorization: Bearer $token" --data-binary "@$work/sized"
		same "$path, ${pair% *} bytes" "$status" "${pair#* }"
	done
done << END
/v1/web/i 5000 200 413
/v1/mobile/i 5000 200 413
/v1/sdk/i 5000 400 413
/v1/web/start 2000 400 413
/v1/mobile/start 2000 400 400
/v1/sdk/start 2000 400 413
/v1/web/not-started 2000 400 413
/v1/web/feature-flags 2000 400 413
/v1/web/uxt/signals/test 2000 400 413
/v1/web/uxt/signals/task 2000 400 413
/v1/web/images 3000 415 413
/v1/mobile/images 3000 415 413
END

# ---- limits -----------------------------------------------------------------------------------------------------------

# attack KIND [KEY=VALUE...]: begins one, in the background
attack()
{
	rm -f "$work/say" "$work/stop"
	node "$here/attack.mjs" "$INGEST_URL" "$@" "say=$work/say" > "$work/attack" &
	attacker=$!
	until_like sent cat "$work/say" > "$work/told" 2> /dev/null
}

# end_attack WHAT PATTERN: ends it and compares what became of it
end_attack()
{
	: > "$work/stop"
	wait "$attacker"
	like "$1" "$(cat "$work/attack")" "$2"
}

# many HEADER: the statuses of 40 requests at once, counted
many()
{
	curl -s -m 30 -A "$chrome" -H "$1" -o /dev/null -w '%{http_code}\n' "$INGEST_URL/?[1-40]" | sort | uniq -c | tr -s '\n ' ' '
}

restart CLIENT_REQUEST_LIMIT=1
like "a client that asks too often" "$(many 'X-Forwarded-For: 203.0.113.1')" ' [5-9] 200 3[1-5] 429 '
ask GET / -H 'X-Forwarded-For: 203.0.113.1'
answers "what it is told" 429 '{"error":"too many requests, try again"}'
like "and when to come back" "$headers" $'*\nRetry-After: 2\n*'
ask OPTIONS /v1/web/i -H 'X-Forwarded-For: 203.0.113.1'
answers "its preflights are answered" 200 ''
ask GET / -H 'X-Forwarded-For: 203.0.113.2'
answers "another one is not held up" 200 ''
like "IPv6 clients have more than one address" "$(many 'X-Forwarded-For: 2001:db8::1')" ' [5-9] 200 3[1-5] 429 '
ask GET / -H 'X-Forwarded-For: 2001:db8::2'
answers "but one measure" 429
same "our own proxy asks as often as it likes" "$(many 'X-Nobody: named')" ' 40 200 '
configure CLIENT_REQUEST_LIMIT=0
hang_up
same "SIGHUP lifts the limit" "$(many 'X-Forwarded-For: 203.0.113.1')" ' 40 200 '
like "metrics: rejected" "$(gauge 'rejected_total{reason="rate"}')" '[67][0-9]'

ask GET / $(printf -- '-H X-%d:1 ' {1..95})
answers "95 headers more than curl's" 200
ask GET / $(printf -- '-H X-%d:1 ' {1..120})
answers "120 headers more" 431 '{"error":"too many headers"}'
ask GET / -H "Cookie: $(head -c 15000 /dev/zero | tr '\0' x)"
answers "a long header" 200

restart HTTP_TIMEOUT=1
new_session
for kind in headers body silent idle; do
	attack $kind connections=20 "token=$token"
	wait "$attacker"
	like "slow clients: $kind" "$(cat "$work/attack")" '{"closed":20,"alive":0,*'
done
like "metrics: slow connections" "$(gauge 'rejected_total{reason="slow"}')" '[4-8][0-9]'
same "no request hangs" "$(gauge connections)" 1
random_bytes 1234 "$work/batch"
post "$work/batch"
answers "the server still works" 200 ''
ask GET /health
like "and is healthy" "$status $body" '200 {"status":"pass",*'

# Clients that leave in the middle of a request, before their last words were read: nobody waits HTTP_TIMEOUT for them.
restart HTTP_TIMEOUT=60
new_session
for begun in "POST /v1/web/i HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Length: 100\r\n\r\n" "POST /v1/web/i HTTP/1.1\r\n"; do
	exec 4<> "/dev/tcp/127.0.0.1/$INGEST_PORT"
	printf "$begun" >&4
	until_like 2 gauge connections > "$work/told"
	kill -STOP "$INGEST_PID"
	printf 'word' >&4
	exec 4>&-
	kill -CONT "$INGEST_PID"
	same "who left in the middle of ${begun:0:40}..." "$(until_like 1 gauge connections) $(gauge memory_bytes)" '1 0'
done

restart TRUSTED_PROXIES=none CLIENT_CONNECTION_LIMIT=3
attack connect connections=3 "stop=$work/stop"
same "a fourth connection of a client" "$(curl -s -m 10 -o /dev/null -w '%{http_code}' "$INGEST_URL/")" 000
end_attack "the three stay open" '{"closed":0,"alive":3,*'
same "and one may come when they are gone" "$(until_like 200 curl -s -m 10 -o /dev/null -w '%{http_code}' "$INGEST_URL/")" 200
like "metrics: refused connections" "$(gauge 'rejected_total{reason="connection"}')" '[1-9]*'

# Bodies that do not end: never more memory than MEMORY_LIMIT, nor than a quarter of it for one client.
resident_kb()
{
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$INGEST_PID/status"
}
limit=16777216
restart MEMORY_LIMIT=$limit
new_session
post "$work/batch"
before=$(resident_kb)
attack hold connections=60 "token=$token" clients=1 "stop=$work/stop"
held=$(gauge memory_bytes)
like "one client's bodies, no more than a quarter" "$((held > limit / 8)) $((held <= limit / 4))" '1 1'
post "$work/batch"
answers "the others are served" 200 ''
like "metrics: bodies without memory" "$(gauge 'rejected_total{reason="client_memory"}') $(gauge 'rejected_total{reason="memory"}')" '5[0-9] 0'
end_attack "they wait for their turn to be told" '{"closed":0,"alive":60,"answers":{}}'
same "it is free again" "$(until_like 0 gauge memory_bytes)" 0
attack hold connections=80 "token=$token" clients=80 "stop=$work/stop"
held=$(gauge memory_bytes)
grown=$(($(resident_kb) - before))
like "many clients' bodies, no more than the limit" "$((held > limit / 2)) $((held <= limit))" '1 1'
like "grown by no more than the limit and what belongs to 80 connections (KB: $grown)" "$((grown < (limit + 80 * 65536) / 1024))" 1
like "metrics: bodies without memory" "$(gauge 'rejected_total{reason="memory"}')" '[67][0-9]'
end_attack "they wait too" '{"closed":0,"alive":80,"answers":{}}'
same "all of it is free again" "$(until_like 0 gauge memory_bytes)" 0
post "$work/batch"
answers "and the server works" 200 ''

# JSON and gzip that grow when they are read
printf '{"a":[%s0]}' "$(printf '%0.s[],' {1..40000})" > "$work/wide"
ask POST /v1/web/start --data-binary "@$work/wide"
answers "40,000 arrays" 403
printf '{"a":%s' "$(printf '%0.s[' {1..60000})" > "$work/deep"
ask POST /v1/web/start --data-binary "@$work/deep"
answers "60,000 levels" 400 '{"error":"JSON is nested too deeply"}'
head -c 1000000 /dev/zero | sed 's/\x00\x00\x00/[],/g;s/^/{"a":[/;s/,\x00*$/]}/' | gzip > "$work/wide.gz"
ask POST /v1/web/start -H 'Content-Encoding: gzip' --data-binary "@$work/wide.gz"
answers "333,000 arrays in $(stat -c %s "$work/wide.gz") bytes" 403
peak=$(($(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$INGEST_PID/status") - before))
like "never more than 128 MB in all (KB: $peak)" "$((peak < 131072))" 1
grown=$(($(resident_kb) - before))
like "nor does it stay (KB: $grown)" "$((grown < 65536))" 1

# ---- metrics, health, logs --------------------------------------------------------------------------------------------

ask POST /nowhere --data-binary x
ask GET /health
like "healthy" "$status $body" '200 {"status":"pass","checks":{"postgres":\[{"status":"pass","time":"*ms"}\],"spool":\[{"status":"pass","entries":0,"bytes":0}\]}}'
like "its type" "$headers" $'*\nContent-Type: application/health+json\n*'
same "its JSON" "$(sql -v answer="$body" <<< "SELECT jsonb_typeof((:'answer')::jsonb)")" object
curl -s -m 10 "$INGEST_URL/metrics" > "$work/metrics"
told=$(node "$here/metrics.mjs" < "$work/metrics")
same "metrics are Prometheus' text ($told)" $? 0
for metric in requests_total request_seconds rejected_total received_bytes_total sent_bytes_total committed_rows_total commit_seconds \
	group_rows queue_entries memory_bytes memory_limit_bytes database_connected lanes_held lane_position spool_entries spool_bytes \
	spool_limit_bytes spool_age_seconds connections snapshot_age_seconds places_known; do
	same "metrics have $metric" "$(grep -c "^# TYPE openreplay_ingest_$metric " "$work/metrics")" 1
done
same "metrics: lanes" "$(gauge lanes_held) $(grep -c '^openreplay_ingest_lane_position{' "$work/metrics")" '64 64'
same "metrics: each lane's position" "$(sed -n 's/^openreplay_ingest_lane_position{shard="\([0-9]*\)"} \([0-9]*\)$/\1|\2/p' "$work/metrics" | awk -F'|' '$2 > 0' | sort)" \
	"$(sql -c "SELECT shard, max(seq) FROM openreplay.batches GROUP BY shard" | sort)"
# unnamed WORD...: those that the server's manual has not as the first words of a table's line
unnamed()
{
	local word
	for word; do
		grep -q "^| .*\`$word[\`{]" "$PROJECT_ROOT/ingest/server/README.md" || echo "$word"
	done
}
same "metrics that the manual does not name" "$(unnamed $(sed -n 's/^# TYPE openreplay_ingest_\([a-z_]*\) .*/\1/p' "$work/metrics"))" ''
same "keys that the manual does not name" "$(unnamed $(sed -n 's/^\t{"\([A-Z_]*\)", CONFIG.*/\1/p' "$PROJECT_ROOT/ingest/server/settings.c"))" ''
same "the checker is strict" "$(printf '# HELP a b\n# TYPE a counter\na 1\na 1\n' | node "$here/metrics.mjs" | tr '\n' '|')" "twice: a{}|a counter's name ends in _total: a|"

stop_cluster "$dir" fast
new_session
post "$work/batch"
answers "a batch while the database is away" 200 ''
ask GET /health
like "worth a warning, and able to store" "$status $body" '200 {"status":"warn","checks":{"postgres":\[{"status":"fail",*"spool":\[{"status":"warn","entries":[1-9]*'
same "metrics: no lane is held" "$(until_like 0 gauge lanes_held)" 0
start_cluster "$dir" "$port" || die "$test_name: PostgreSQL does not start again"
drained

# SIGHUP: what counts after a restart is named, and what is wrong changes nothing
echo 'another secret' > "$secret_file"
configure "MEMORY_LIMIT=$limit" HTTP_TIMEOUT=7 LOG_LEVEL=debug
hang_up
same "SIGHUP names what counts after a restart" "$(grep -o 'after a restart key=.*' "$dir/ingest.log" | tail -n 2 | tr '\n' ' ')" \
	'after a restart key=HTTP_TIMEOUT after a restart key=TOKEN_SECRET '
post "$work/batch"
answers "tokens of the old secret are good until then" 200 ''
configure "MEMORY_LIMIT=$limit" HTTP_TIMEOUT=many
hang_up
like "SIGHUP with a wrong configuration" "$(grep 'configuration not reloaded' "$dir/ingest.log")" '*HTTP_TIMEOUT: "many" is not a whole number*'
echo "$secret" > "$secret_file"

marker=a-word-that-is-nobodys-business
for text in "$marker" "\"$marker" "{\"$marker\":" "{\"projectKey\":\"$PROJECT_KEY\",\"userID\":\"$marker\",\"$marker\":[}" \
	"{\"projectKey\":\"$PROJECT_KEY\",\"userID\":\"$marker\",\"token\":\"$marker\"}"; do
	ask POST /v1/web/start --data-binary "$text"
	ask POST /v1/web/i -H "Authorization: Bearer $token" --data-binary "$text"
	ask POST "/v1/web/i?$marker" -H "Authorization: Bearer $marker" --data-binary "$text"
done
stop_ingest
same "no secret, token, key, body or query in the log" "$(grep -cE "$secret|another secret|$token|$PROJECT_KEY|$marker" "$dir/ingest.log")" 0
like "though it was written with all details" "$(wc -l < "$dir/ingest.log")" '[1-9][0-9]*'

# ---- the service ------------------------------------------------------------------------------------------------------

unit=$("${PG_CONFIG:-pg_config}" --sharedir)/openreplay/openreplay-ingest.service
same "systemd finds nothing wrong with the unit" "$(systemd-analyze verify "$unit" 2>&1; echo $?)" 0
like "which runs what is installed" "$(grep ^ExecStart= "$unit")" "ExecStart=$PG_BIN/openreplay-ingest --config *"

# ---- several servers --------------------------------------------------------------------------------------------------

# Three servers, each with a load of its own; one is killed in the middle and stays away.
configure LOG_LEVEL=info
declare -A pid url
for name in one two three; do
	as_server mkdir -p "$dir/$name"
	INGEST_PORT=
	start_ingest "$dir/$name" TOKEN_SECRET=$secret SERVER_NAME=$name || die "$test_name: server $name does not start"
	pid[$name]=$INGEST_PID
	url[$name]=$INGEST_URL
done
same "each has lanes of its own" "$(sql -c "SELECT count(DISTINCT objid), count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 20338 AND granted")" '192|3'
loads=()
for name in one two three; do
	"$PROJECT_ROOT/openreplay-replay" load --visitors 10 --rate 60 --seconds 6 --url "${url[$name]}" --captures "$PROJECT_ROOT/data/captures" \
		--ledger "$work/ledger.$name" > "$work/load.$name" 2>&1 &
	loads+=($!)
done
sleep 3
kill -9 "${pid[two]}"
wait "${pid[two]}" 2> /dev/null
sleep 0.5
same "the lanes of the others are as they were" "$(sql -c "SELECT count(DISTINCT objid), count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 20338 AND granted")" '128|2'
wait "${loads[@]}"
cat "$work"/ledger.* > "$work/ledger"
"$PROJECT_ROOT/openreplay-replay" verify --ledger "$work/ledger" > "$work/verified" 2>&1
same "all that the three acknowledged is there once: $(tail -n 1 "$work/verified")" $? 0
same "in lanes of three servers" "$(sql -c "SELECT count(DISTINCT name) FROM openreplay.batches JOIN openreplay.servers USING (server_id) WHERE name IN ('one', 'two', 'three')")" 3
# a token of one is good for the others
INGEST_URL=${url[one]}
new_session
INGEST_URL=${url[three]}
post "$work/batch"
answers "a session may go from one to another" 200 ''

# Two servers of one name: the second is told, and takes nothing away.
as_server mkdir -p "$dir/double"
INGEST_PORT=
start_ingest "$dir/double" TOKEN_SECRET=$secret SERVER_NAME=three
like "a second server of one name" "$(cat "$dir/double/ingest.log")" '*another running server has the name "three"*'
ask GET /health
like "cannot store" "$status $body" '503 {"status":"fail",*'
start
answers "nor record" 503
INGEST_URL=${url[three]}
post "$work/batch"
answers "the first goes on" 200 ''
same "with its connection as it was" "$(grep -c 'lanes taken' "$dir/three/ingest.log")" 1
kill "${pid[three]}"
wait "${pid[three]}"
INGEST_URL=http://127.0.0.1:$INGEST_PORT
like "once that is gone, its place is free" "$(until_like '{"status":"pass"*' curl -s -m 10 "$INGEST_URL/health")" '{"status":"pass"*'
stop_ingest
kill "${pid[one]}"
wait "${pid[one]}"

tell_result
