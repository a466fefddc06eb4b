#!/usr/bin/env bash
#
# http_test.sh - what trackers are answered, and that an answer of 200 is kept, over real HTTP
#
# A private cluster with the extension, the real ingest server on it, curl as the tracker.  First every endpoint and status,
# then the faults: the database is stopped and started during posts, the writer's connection is cut again and again, the
# server is told to stop, killed while it spools, started without a database, given a full spool.  Each time the acknowledged
# batches are compared with the table.
# Prints "http: N passed, M failed".
set -u
test_name=http
. "$(dirname "${BASH_SOURCE[0]}")/http.sh"

# ---- the cluster, projects of all kinds -------------------------------------------------------------------------------

# commit times tell whether heartbeats were true
start_cluster "$dir" "$port" "track_commit_timestamp = on" || die "http_test.sh: cannot start a cluster"
create_openreplay || die "http_test.sh: cannot create the extension (make install?)"
sql -c "INSERT INTO public.projects (name, active, project_key, platform, sample_rate, max_session_duration, beacon_size) VALUES
	('phone', true, 'PhoneProject', 'ios', 100, 7200000, 0),
	('never', true, 'NeverProject', 'web', 0, 7200000, 0),
	('brief', true, 'BriefProject', 'web', 100, 1, 0),
	('large', true, 'LargeProject', 'web', 100, 7200000, 2000000),
	('vast', true, 'VastProject', 'web', 100, 7200000, 2147483647),
	('closed', false, 'ClosedProject', 'web', 100, 7200000, 0)"
start_ingest "$dir" TOKEN_SECRET=$secret SPOOL_AFTER_MS=1000 || die "http_test.sh: the ingest server does not start"

# ---- health, preflight, unknown paths ---------------------------------------------------------------------------------

for path in / /ingest/ /ingest //; do
	for method in GET POST PUT; do
		ask $method $path
		answers "$method $path" 200 ""
	done
done
for path in /v1/web/i /v1/web/start /ingest/v1/web/i /v1/web/nothing '/v1/web/i?batch=1_2&split=3'; do
	ask OPTIONS "$path" -H 'Origin: https://site.example' -H 'Access-Control-Request-Method: POST'
	answers "preflight $path" 200 ""
	like "preflight $path: methods" "$headers" $'*\nAccess-Control-Allow-Methods: POST, GET, OPTIONS\n*'
	like "preflight $path: headers" "$headers" $'*\nAccess-Control-Allow-Headers: Content-Type, Authorization, Content-Encoding, DataType, X-Openreplay-Batch\n*'
	like "preflight $path: age" "$headers" $'*\nAccess-Control-Max-Age: 86400\n*'
done
for path in /nothing /v1/web /v1/web/start/ /v1/sdk /v1/web/feature-flag /ingestion "/$(printf 'x%.0s' {1..3000})"; do
	ask POST "$path" --data-binary '{}'
	answers "unknown ${path:0:30}" 404 '{"error":"page not found"}'
	like "unknown ${path:0:30}: type" "$headers" $'*\nContent-Type: application/json\n*'
done
ask GET /v1/web/start
answers "GET start" 405 '{"error":"method not allowed"}'
ask PUT /v1/web/i --data-binary x
answers "PUT i" 405 '{"error":"method not allowed"}'
# every endpoint, with and without the prefix: its preflight, and the method that it has not
for endpoint in POST/v1/web/{start,i,not-started,feature-flags,images,uxt/signals/test,uxt/signals/task} GET/v1/web/{tags,conditions/1,uxt/test/1,uxt/upload-url} \
	POST/v1/mobile/{start,i,late,images} GET/v1/mobile/conditions/1 POST/v1/sdk/{start,i}; do
	path=/${endpoint#*/}
	wrong=$([ "${endpoint%%/*}" = POST ] && echo GET || echo POST)
	for prefix in '' /ingest /ingest/; do
		ask OPTIONS "$prefix$path"
		answers "preflight $prefix$path" 200 ''
		ask $wrong "$prefix$path"
		answers "$wrong $prefix$path" 405 '{"error":"method not allowed"}'
	done
done

# ---- session starts ---------------------------------------------------------------------------------------------------

ask POST /v1/web/start --data-binary ''
like "start without body" "$status $body" '400 {"error":"*'
ask POST /v1/web/start --data-binary '{"projectKey":'
like "start with half a body" "$status $body" '400 {"error":"*'
ask POST /v1/web/start --data-binary '["projectKey"]'
answers "start with an array" 400 '{"error":"a JSON object is expected"}'
ask POST /v1/web/start --data-binary "{\"a\":$(printf '[%.0s' {1..5000})"
answers "start nested deeply" 400 '{"error":"JSON is nested too deeply"}'
ask POST /v1/web/start --data-binary '{}'
answers "start without key" 403 '{"error":"ProjectKey value required"}'
ask POST /v1/web/start --data-binary '{"projectKey":null}'
answers "start with a null key" 403 '{"error":"ProjectKey value required"}'
for key in nobody ClosedProject "$(printf 'k%.0s' {1..190})"; do
	ask POST /v1/web/start --data-binary "{\"projectKey\":\"$key\"}"
	answers "start of ${key:0:20}" 404 "{\"error\":\"project doesn't exist or is not active, key: ${key:0:40}\"}"
done
ask POST /v1/web/start --data-binary '{"projectKey":"PhoneProject"}'
answers "start of a mobile project" 403 "{\"error\":\"project doesn't support web sessions\"}"
ask POST /v1/web/start --data-binary '{"projectKey":"NeverProject"}'
answers "start of an unsampled project" 403 '{"error":"capture rate miss, rate: 0"}'
start '' -H 'User-Agent:'
answers "start without user agent" 403 '{"error":"browser not recognized, user-agent: "}'
start '' -A 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
like "start of a crawler" "$status $body" '403 {"error":"browser not recognized, user-agent: Mozilla/5.0 (compatible; Googlebot*'
start '' -A 'curl/8.0'
answers "start of an unknown client" 200
random_bytes 140000 "$work/huge"
ask POST /v1/web/start --data-binary "@$work/huge"
answers "start over the limit" 413 '{"error":"http: request body too large"}'
like "start over the limit: closes" "$headers" $'*\nConnection: close*'
ask POST /v1/web/start -H 'Content-Encoding: gzip' --data-binary '{"projectKey":"x"}'
answers "start with broken gzip" 413 '{"error":"broken gzip body"}'

uuid=7F0C1D2E-3a4b-4c5d-8e6f-708192a3b4c5
ask POST /v1/web/start --data-binary "{\"projectKey\":\"$PROJECT_KEY\",\"trackerVersion\":\"19.0.1\",\"timestamp\":$(($(date +%s%3N) - 5000)),
	\"userUUID\":\"$uuid\",\"revID\":\"r\\\"1\",\"userID\":\"u-7\",\"deviceMemory\":8192,\"jsHeapSizeLimit\":4294705152,
	\"timezone\":\"UTC+02:00\",\"width\":1920,\"height\":1080,\"referrer\":\"https://news.example/a?x=1\",\"isSnippet\":false,
	\"doNotRecord\":false,\"bufferDiff\":25000,\"assistOnly\":false,\"unknown\":{\"a\":[1]}}"
answers "start" 200
like "start: type" "$headers" $'*\nContent-Type: application/json\n*'
token=$(field token)
session=$(field sessionID)
same "start: every field and its type" "$(sql -v answer="$body" <<< "SELECT string_agg(key || ' ' || jsonb_typeof(value), ', ' ORDER BY key) FROM jsonb_each((:'answer')::jsonb)")" \
	"beaconSizeLimit number, canvasEnabled boolean, canvasFPS number, canvasQuality string, compressionThreshold number, delay number, features object, projectID string, sessionID string, startTimestamp number, timestamp number, token string, userBrowser string, userCity string, userCountry string, userDevice string, userOS string, userState string, userUUID string"
same "start: values" "$(sql -v answer="$body" <<< "SELECT a->>'userUUID', a->>'userOS', a->>'userBrowser', a->>'userDevice', a->>'userCountry', a->>'projectID',
	a->>'beaconSizeLimit', a->>'compressionThreshold', a->>'canvasEnabled', a->>'canvasFPS', a->'features', a->>'timestamp' FROM (VALUES ((:'answer')::jsonb)) v(a)")" \
	"${uuid,,}|Windows|Chrome||UN|1|1000000|20000|true|1|{\"feature-flags\": false, \"usability-test\": false}|0"
same "start: the id holds the start's time" "$(($(field startTimestamp) - 1550000000000))" "$((session >> 24))"
like "start: delay is server minus client" "$(field delay)" '5[0-4][0-9][0-9]'
sql -c "SELECT openreplay.process_batches()" > /dev/null
same "start: the sessions row" "$(sql -c "SELECT tracker_version, rev_id, user_uuid, user_os, user_browser, user_browser_version, user_device_type, user_device_memory_size,
	user_device_heap_size, user_id, timezone, screen_width, screen_height, user_country, (session_id >> 24) + 1550000000000 - start_ts FROM public.sessions WHERE session_id = $session")" \
	'19.0.1|r"1|'"${uuid,,}"'|Windows|Chrome|129.0.0|desktop|8192|4294705152|u-7|UTC+02:00|1920|1080|UN|25000'

first_token=$token
first_session=$session
start ",\"token\":\"$first_token\""
same "start with a token goes on with the session" "$status $(field token) $(field sessionID)" "200 $first_token $first_session"
start ",\"token\":\"$first_token\",\"reset\":true"
same "start with reset makes a new one" "$status $([ "$(field sessionID)" != "$first_session" ] && echo new)" "200 new"
for wrong in "x$first_token" "${first_token%?}" a.b.c.d qrmzm13cfoxz.3t.mgjauf0b.Bghjox6jwEkkEYzRi99hMQ1Nty4eoyVC7GsqmHhGznhx; do
	start ",\"token\":\"$wrong\""
	same "start with token ${wrong:0:20} makes a new one" "$status $([ "$(field sessionID)" != "$first_session" ] && echo new)" "200 new"
done
ask POST /v1/web/start --data-binary "{\"projectKey\":\"LargeProject\",\"token\":\"$first_token\"}"
same "a token of another project's session does not go on" "$status $(field beaconSizeLimit) $([ "$(field sessionID)" != "$first_session" ] && echo new)" "200 2000000 new"
before=$(sql -c "SELECT count(*) FROM openreplay.batches")
start ',"doNotRecord":true'
same "start without recording has a token and no entry" "$status $(sql -c "SELECT count(*) - $before FROM openreplay.batches")" "200 0"
like "start without recording: token" "$(field token)" '*.*.*.*'
ask POST /v1/web/start --data-binary "{\"PROJECTKEY\":\"x\",\"projectkey\":\"y\",\"projectKey\":\"$PROJECT_KEY\",\"TrackerVersion\":\"14.0.14\"}"
answers "start with keys in other cases, the exact one wins" 200
ask POST /v1/web/start --data-binary "{\"PROJECTKEY\":\"$PROJECT_KEY\",\"userID\":null,\"token\":null,\"width\":\"a\",\"height\":10.6,\"deviceMemory\":-5,\"jsHeapSizeLimit\":1e300,\"bufferDiff\":[],\"reset\":\"no\",\"revID\":5}"
answers "start with values of wrong types" 200
session=$(field sessionID)
# a lone surrogate, U+0000 and bytes that are not UTF-8; and far too long
printf '{"projectKey":"%s","userID":"a\\ud83d\\u0000\xff\xc3z%s"}' "$PROJECT_KEY" "$(printf 'n%.0s' {1..9000})" > "$work/odd"
ask POST /v1/web/start --data-binary "@$work/odd"
answers "start with broken text" 200
odd_session=$(field sessionID)
gzip -c "$work/odd" > "$work/odd.gz"
ask POST /v1/web/start -H 'Content-Encoding: gzip' --data-binary "@$work/odd.gz"
answers "start in gzip" 200
ask POST /ingest//v1/web/start --data-binary "@$work/odd"
answers "start under /ingest with a double slash" 200
ask POST /v1/web/start -H 'Content-Type: application/json' -H 'Transfer-Encoding: chunked' --data-binary "@$work/odd"
answers "start in chunks" 200
sql -c "SELECT openreplay.process_batches()" > /dev/null
same "wrong types are mended" "$(sql -c "SELECT screen_width, screen_height, user_device_memory_size, rev_id FROM public.sessions WHERE session_id = $session")" "0|11||"
same "broken text is mended and cut" "$(sql -c "SELECT left(user_id, 5), length(user_id) FROM public.sessions WHERE session_id = $odd_session")" "a���z|8000"
for answered in '"protocolVersion"' '"framesSupport"'; do
	same "start does not promise $answered" "$(grep -c "$answered" <<< "$body")" 0
done

# A condition that came true has a rate of its own; an unknown one has none.
sql -c "INSERT INTO public.projects_conditions (project_id, name, capture_rate, filters)
	SELECT project_id, 'always', 100, '[]'::jsonb FROM public.projects WHERE project_key = 'NeverProject'
	UNION ALL SELECT project_id, 'not at all', 0, '[]'::jsonb FROM public.projects WHERE project_key = '$PROJECT_KEY'"
sleep 0.5
ask POST /v1/web/start --data-binary '{"projectKey":"NeverProject","condition":"always","bufferDiff":30000}'
answers "start by a condition of an unsampled project" 200
ask POST /v1/web/start --data-binary '{"projectKey":"NeverProject","condition":"another"}'
answers "start by an unknown condition" 403 '{"error":"capture rate miss, rate: 0"}'
start ',"condition":"not at all"'
answers "start by a condition that never captures" 403 '{"error":"capture rate miss, rate: 0"}'
start ',"condition":"not at all","doNotRecord":true'
answers "start without recording throws the dice too" 403 '{"error":"capture rate miss, rate: 0"}'
start ',"condition":""'
answers "start by no condition" 200

# Times: what was buffered counts, a wrong clock does not, and versions before 4.1.6 count by their own clock.
now=$(date +%s%3N)
for pair in "25000 \"trackerVersion\":\"18.0.4\",\"bufferDiff\":25000" "0 \"trackerVersion\":\"18.0.4\",\"bufferDiff\":300000" \
	"0 \"trackerVersion\":\"14.0.14\",\"bufferDiff\":$now" "60000 \"trackerVersion\":\"3.5.1\"" "60000 \"trackerVersion\":\"18.0.4\",\"isOffline\":true" \
	"0 \"trackerVersion\":\"9.0.14\"" "0 \"trackerVersion\":\"development\""; do
	ask POST /v1/web/start --data-binary "{\"projectKey\":\"$PROJECT_KEY\",\"timestamp\":$(($(date +%s%3N) - 60000)),${pair#* }}"
	answers "start with ${pair#* }" 200
	session=$(field sessionID)
	sql -c "SELECT openreplay.process_batches()" > /dev/null
	like "start with ${pair#* }: ms before the id" "$(sql -c "SELECT (session_id >> 24) + 1550000000000 - start_ts FROM public.sessions WHERE session_id = $session")" \
		"@(${pair%% *}|${pair:0:2}[0-9][0-9][0-9])"
done
# as 9.0.14 writes it: no buffered time, no screen, a key as number is none
ask POST /v1/web/start --data-binary "{\"userUUID\":null,\"projectKey\":\"$PROJECT_KEY\",\"revID\":\"\",\"trackerVersion\":\"9.0.14\",\"isSnippet\":false,
	\"timestamp\":$now,\"userID\":null,\"deviceMemory\":0,\"jsHeapSizeLimit\":0,\"timezone\":\"UTC+02:00\",\"reset\":false}"
answers "start of an old tracker" 200

# ---- tags -------------------------------------------------------------------------------------------------------------

token=$first_token
ask GET /v1/web/tags -H "Authorization: Bearer $token"
answers "tags" 200 '{"tags":[]}'
ask GET /v1/web/tags
answers "tags without token" 401 '{"error":"missing token"}'

# ---- batches ----------------------------------------------------------------------------------------------------------

random_bytes 1234 "$work/batch"
for header in 'X-None: 1' 'Authorization: bearer x' "Authorization: $token" 'Authorization: Basic eDp5'; do
	ask POST /v1/web/i -H "$header" --data-binary "@$work/batch"
	answers "batch with ${header:0:25}" 401 '{"error":"missing token"}'
done
for pair in 'a.b.c:wrong token format' ':wrong token format' "x$first_token:wrong token sign" \
	'qrmzm13cfoxz.3t.mgjauf0b.Bghjox6jwEkkEYzRi99hMQ1Nty4eoyVC7GsqmHhGznhx:token expired'; do
	ask POST /v1/web/i -H "Authorization: Bearer ${pair%:*}" --data-binary "@$work/batch"
	# without a token curl's header ends in a blank, which HTTP drops, and the scheme with it
	[ "$pair" = ':wrong token format' ] && same "batch with an empty token" "$status" 401 && continue
	answers "batch with token ${pair:0:20}" 401 "{\"error\":\"${pair##*:}\"}"
	ask GET /v1/web/tags -H "Authorization: Bearer ${pair%:*}"
	answers "tags with token ${pair:0:20}" 401 "{\"error\":\"${pair##*:}\"}"
done

new_session
post "$work/batch"
answers "batch" 200 ""
like "batch: length" "$headers" $'*\nContent-Length: 0*'
post /dev/null
answers "empty batch" 200 ""
post "$work/batch" '?batch=5_network:500_$3%zz&&=&batch=%00%ff%'
answers "batch with an odd query" 200 ""
same "batches are stored, empty ones are not" "$(stored)" "1234 1234"
same "rows are in the session's lane, in order, of the server's number" "$(sql -c "SELECT count(*), count(DISTINCT (shard, server_id)), bool_and(shard = openreplay.shard_of(session_id)),
	bool_and(received_at BETWEEN now() - interval '1 minute' AND now()), string_agg(kind::text, '' ORDER BY seq) FROM openreplay.batches WHERE session_id = $session")" "3|1|t|t|sww"
same "a body is one zstd frame" "$(sql -c "SELECT bool_and(substr(body, 1, 4) = '\\x28b52ffd') FROM openreplay.batches")" t

new_session
gzip -c "$work/batch" > "$work/batch.gz"
post "$work/batch.gz" '' -H 'Content-Encoding: gzip'
answers "batch in gzip" 200 ""
cat "$work/batch.gz" "$work/batch.gz" > "$work/two.gz"
post "$work/two.gz" '' -H 'Content-Encoding: gzip'
answers "batch in two gzip members" 200 ""
post "$work/batch.gz"
answers "batch of gzip bytes" 200 ""
post "$work/batch.gz" '' -H 'Content-Encoding: GZIP'
answers "batch with another encoding's name" 200 ""
same "gzip is inflated when it is named exactly" "$(stored)" "1234 2468 $(stat -c %s "$work/batch.gz") $(stat -c %s "$work/batch.gz")"
head -c 700 "$work/batch.gz" > "$work/cut.gz"
post "$work/cut.gz" '' -H 'Content-Encoding: gzip'
answers "batch cut off in gzip" 413 '{"error":"broken gzip body"}'
head -c 41000000 /dev/zero | gzip -1 > "$work/bomb.gz"
post "$work/bomb.gz" '' -H 'Content-Encoding: gzip'
answers "gzip bomb" 413 '{"error":"broken gzip body"}'
head -c 20000000 /dev/zero | gzip -1 > "$work/wide.gz"
post "$work/wide.gz" '' -H 'Content-Encoding: gzip'
answers "the limit counts bytes on the wire" 200 ""

new_session
random_bytes 2000000 "$work/most"
random_bytes 2000001 "$work/more"
random_bytes 30000000 "$work/far_more"
random_bytes 1000001 "$work/much"
post "$work/much"
answers "a batch over the server's limit" 413 '{"error":"http: request body too large"}'
ask POST /v1/web/start --data-binary '{"projectKey":"LargeProject"}'
token=$(field token)
session=$(field sessionID)
post "$work/most"
answers "a batch of a project with a larger limit" 200 ""
for over in more far_more; do
	post "$work/$over" '' -H 'Expect:'
	answers "batch over the limit ($over)" 413 '{"error":"http: request body too large"}'
	post "$work/$over" '' -H 'Expect:' -H 'Transfer-Encoding: chunked'
	answers "batch over the limit in chunks ($over)" 413 '{"error":"http: request body too large"}'
	post "$work/$over" '' -H 'Expect: 100-continue'
	answers "batch over the limit, asked before" 413 '{"error":"http: request body too large"}'
done
post "$work/batch" '' -H 'Transfer-Encoding: chunked'
answers "batch in chunks" 200 ""
post "$work/batch" '' -H 'Expect: 100-continue'
answers "batch, asked before" 200 ""
same "only what is within the limit is stored" "$(stored)" "2000000 1234 1234"
ask POST /v1/web/start --data-binary '{"projectKey":"VastProject"}'
same "no project has a limit beyond what readers take" "$status $(field beaconSizeLimit)" "200 67108864"
token=$(field token)
session=$(field sessionID)
for size in 67108864 67108865; do
	head -c $size /dev/zero | gzip -1 > "$work/vast.gz"
	post "$work/vast.gz" '' -H 'Content-Encoding: gzip'
	same "nor beyond that once inflated, $size bytes" "$status" "$([ $size = 67108864 ] && echo 200 || echo 413)"
done
same "what was told 200 can be read" "$(sql -c "SELECT length(openreplay.decompress_body(body)) FROM openreplay.batches WHERE session_id = $session AND kind = 'w'")" 67108864

# A visual body is two batches in one, cut at split, or else where the second one's header is.
new_session
bytes "pg_temp.batch(0, 1, 1760000000000, 'https://shop.example.com/', 'tab-a', pg_temp.click('one'))" "$work/player"
bytes "pg_temp.batch(0, 2, 1760000000000, 'https://shop.example.com/other', 'tab-a', pg_temp.click('two'), pg_temp.click('three'))" "$work/assets"
cat "$work/player" "$work/assets" > "$work/visual"
player=$(stat -c %s "$work/player")
assets=$(stat -c %s "$work/assets")
for split in "&split=$player" '' '&split=' '&split=0' "&split=$((player + assets))" '&split=-1' '&split=x' '&split=7' '&split=99999999999999999999'; do
	post "$work/visual" "?batch=1_1_900_kyes$split" -H 'datatype: visual'
	answers "visual batch with $split" 200 ""
	same "visual batch with $split: two batches" "$(stored)" "$player $assets"
	new_session
done
for type in player assets devtools analytics Visual-Ish; do
	post "$work/visual" "?split=$player" -H "DataType: $type"
	answers "batch of type $type" 200 ""
done
post "$work/batch" '?split=1000' -H 'DataType: visual'
same "others are no two batches, nor is what has no header" "$(stored)" "$(printf "$((player + assets)) %.0s" 1 2 3 4 5)1234"
gzip -c "$work/visual" > "$work/visual.gz"
post "$work/visual.gz" "?split=$player" -H 'DataType: visual' -H 'Content-Encoding: gzip'
same "a visual batch in gzip: split counts inflated bytes" "$(stored)" "$(printf "$((player + assets)) %.0s" 1 2 3 4 5)1234 $player $assets"

ask POST /v1/web/start --data-binary "{\"projectKey\":\"BriefProject\"}"
token=$(field token)
session=$(field sessionID)
sleep 0.1
post "$work/batch"
answers "batch with a token just expired" 401 '{"error":"token expired"}'
same "batch with a token just expired is stored" "$(stored)" 1234
post "$work/far_more"
answers "batch over the limit with a token just expired" 401 '{"error":"token expired"}'
ask GET /v1/web/tags -H "Authorization: Bearer $token"
answers "tags with a token just expired" 401 '{"error":"token expired"}'
start ",\"token\":\"$token\""
same "a token just expired does not continue a session" "$([ "$(field sessionID)" != "$session" ] && echo new)" new

# ---- rude clients -----------------------------------------------------------------------------------------------------

# say BYTES: sends them as they are, prints the first line that comes back within a second
say()
{
	local line=
	exec 4<>"/dev/tcp/127.0.0.1/$INGEST_PORT"
	printf "$1" >&4
	read -r -t 1 line <&4
	exec 4>&-
	printf '%s' "${line%$'\r'}"
}
new_session
same "a body shorter than announced is waited for" "$(say "POST /v1/web/i HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Length: 100\r\n\r\nshort")" ""
like "nonsense" "$(say 'nonsense\r\n\r\n')" '@(|HTTP/1.? 4*)'
like "a negative length" "$(say "POST /v1/web/i HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n")" 'HTTP/1.? 4*'
# what is still on its way when the server hangs up may cost us the answer
like "endless headers" "$(say "GET / HTTP/1.1\r\nHost: x\r\nX: $(printf 'x%.0s' {1..40000})\r\n\r\n")" '@(|HTTP/1.? 4*)'
same "nothing of that is stored" "$(stored)" ""
ask GET /health
answers "the server still answers" 200

# ---- projects change --------------------------------------------------------------------------------------------------

sql -c "UPDATE public.projects SET sample_rate = 0 WHERE project_key = 'LargeProject'"
sleep 0.5
ask POST /v1/web/start --data-binary '{"projectKey":"LargeProject"}'
answers "a changed rate holds at once" 403 '{"error":"capture rate miss, rate: 0"}'
sql -c "INSERT INTO public.projects (name, active, project_key) VALUES ('fresh', true, 'FreshProject')"
ask POST /v1/web/start --data-binary '{"projectKey":"FreshProject"}'
answers "a new project starts at once" 200
sql -c "UPDATE public.projects SET active = false WHERE project_key = 'FreshProject'"
sleep 0.5
ask POST /v1/web/start --data-binary '{"projectKey":"FreshProject"}'
answers "a closed one does not" 404

# ---- metrics ----------------------------------------------------------------------------------------------------------

ask GET /metrics
like "metrics" "$status $body" $'200 *openreplay_ingest_requests_total{endpoint="web/start",status="200"} *openreplay_ingest_commit_seconds_count *'
ask GET /metrics -H 'X-Forwarded-For: 203.0.113.7'
answers "metrics are not for strangers" 404

kill -HUP "$INGEST_PID"
sleep 0.2
same "SIGHUP reads the configuration again" "$(grep -c 'configuration read again' "$dir/ingest.log")" 1
new_session
like "and the server goes on" "$token" '*.*.*.*'

# ---- faults -----------------------------------------------------------------------------------------------------------

# post_until_told NUMBER: posts batches of sizes of its own; the acknowledged ones are noted
post_until_told()
{
	local size=$(($1 * 100000)) answer
	while [ -e "$work/posting" ]; do
		size=$((size + 1))
		answer=$(head -c "$((size % 100000 + 100))" "$work/most" |
			curl -s -m 30 -o "$work/answer$1" -D "$work/headers$1" -w '%{http_code}' -H "Authorization: Bearer $token" -H 'Content-Type:' \
				--data-binary @- "$INGEST_URL/v1/web/i?split=$size")
		case $answer in
			200) echo "$((size % 100000 + 100)) $1" >> "$work/acknowledged$1" ;;
			000) sleep 0.05 ;;
		esac
	done
}

# Four senders, each with a session of its own, so that a size names a batch of a session.
start_posting()
{
	local n
	rm -f "$work"/acknowledged*
	: > "$work/posting"
	sessions=()
	posters=()
	for n in 1 2 3 4; do
		new_session
		sessions+=("$session")
		post_until_told $n &
		posters+=($!)
	done
}

# stop_posting WHAT: every acknowledged batch is there, and none twice
stop_posting()
{
	local n
	rm -f "$work/posting"
	wait "${posters[@]}"
	: > "$work/ledger"
	for n in 1 2 3 4; do
		sed "s/ .*/ ${sessions[n - 1]}/" "$work/acknowledged$n" >> "$work/ledger" 2>/dev/null
	done
	like "$1: batches were acknowledged" "$(wc -l < "$work/ledger")" '[1-9][0-9]*'
	same "$1: acknowledged batches lost, stored batches doubled" "$(sql -c "CREATE TEMP TABLE ledger (size integer, session_id bigint)" -c "\\copy ledger from '$work/ledger' (delimiter ' ')" \
		-c "SELECT (SELECT count(*) FROM ledger l WHERE NOT EXISTS (SELECT FROM openreplay.batches b WHERE b.session_id = l.session_id AND b.size_bytes = l.size AND b.kind = 'w')),
			(SELECT count(*) - count(DISTINCT (session_id, size_bytes)) FROM openreplay.batches WHERE session_id IN ($(IFS=,; echo "${sessions[*]}")) AND kind = 'w')")" "0|0"
}

start_posting
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
	sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'openreplay-ingest%'" > /dev/null
	sleep 0.2
done
stop_posting "connections cut"

# A commit whose answer never comes: it waits for a standby that does not exist, durable here already, when its connection ends.
settled=$(grep -c 'settled an unknown commit writer=0 committed=1 again=0' "$dir/ingest.log")
new_session
sql -c "ALTER SYSTEM SET synchronous_standby_names = 'nobody'" -c "SELECT pg_reload_conf()" > /dev/null
sleep 0.2
curl -s -m 20 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $token" --data-binary "@$work/batch" "$INGEST_URL/v1/web/i" > "$work/told" &
poster=$!
for n in $(seq 50); do
	sql -c "SET synchronous_commit = local" -c "SELECT 'cut' FROM (SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY openreplay.batches%' AND wait_event = 'SyncRep' LIMIT 1) w,
		pg_terminate_backend(w.pid)" > "$work/cut"
	[ -s "$work/cut" ] && break
	sleep 0.05
done
wait "$poster"
sql -c "ALTER SYSTEM RESET synchronous_standby_names" -c "SELECT pg_reload_conf()" > /dev/null
same "a lost answer to a commit: told, stored" "$(cat "$work/cut" "$work/told") $(stored)" $'cut\n200 1234'
same "a lost answer to a commit is settled, not repeated" "$(grep -c 'settled an unknown commit writer=0 committed=1 again=0' "$dir/ingest.log")" $((settled + 1))

# A client that goes away while its batch is being committed: the batch is kept, and nothing of the client.
new_session
sql -c "ALTER SYSTEM SET synchronous_standby_names = 'nobody'" -c "SELECT pg_reload_conf()" > /dev/null
sleep 0.2
told=$(curl -s -m 0.3 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $token" --data-binary "@$work/batch" "$INGEST_URL/v1/web/i")
same "a client that goes away was told nothing" "$told" 000
sql -c "SET synchronous_commit = local" -c "ALTER SYSTEM RESET synchronous_standby_names" -c "SELECT pg_reload_conf()" > /dev/null
for n in $(seq 100); do
	[ "$(gauge connections) $(gauge memory_bytes)" = "1 0" ] && break
	sleep 0.05
done
same "its batch, the connections and memory left" "$(stored) $(gauge connections) $(gauge memory_bytes)" "1234 1 0"

random_bytes 50000 "$work/chunk"

# in_order WHAT: numbers are unique and order each lane by time, each sender's batches are in the order he sent them, and no
# heartbeat told of a clock before all up to it was committed
in_order()
{
	same "$1: numbers given twice, times that go back, senders out of order, untrue heartbeats" "$(sql -c "
		SELECT (SELECT count(*) - count(DISTINCT (server_id, shard, seq)) FROM openreplay.batches),
			(SELECT count(*) FROM (SELECT received_at < lag(received_at) OVER (PARTITION BY server_id, shard ORDER BY seq) AS back FROM openreplay.batches) b WHERE back),
			(SELECT count(*) FROM (SELECT size_bytes < lag(size_bytes) OVER (PARTITION BY session_id ORDER BY seq) AS back FROM openreplay.batches
				WHERE session_id IN ($(IFS=,; echo "${sessions[*]}")) AND kind = 'w') b WHERE back),
			(SELECT count(*) FROM openreplay.heartbeats h JOIN openreplay.batches b ON b.server_id = h.server_id AND b.received_at <= h.clock AND pg_xact_commit_timestamp(b.xmin) > h.noted_at)")" "0|0|0|0"
}

start_posting
sleep 0.7
stop_cluster "$dir" immediate
sleep 1.5
ask POST /v1/web/start --data-binary '{"projectKey":"nobody"}'
answers "an unknown key without a database" 503 '{"error":"database is not available, try again"}'
new_session
like "a start without a database" "$status $token" '200 *.*.*.*'
post "$work/batch"
answers "a batch without a database" 200 ""
ask GET /v1/web/tags -H "Authorization: Bearer $first_token"
answers "tags without a database" 200 '{"tags":[]}'
like "metrics: spool" "$(gauge spool_entries) $(gauge spool_bytes) $(gauge spool_age_seconds)" '[1-9]* [1-9]* [0-9]*'
start_cluster "$dir" "$port" || die "http_test.sh: PostgreSQL does not start again"
drained
sleep 0.3
stop_posting "PostgreSQL stopped at once and started"
in_order "PostgreSQL stopped at once and started"
same "a session that began without a database" "$(sql -c "SELECT string_agg(kind::text || size_bytes, ' ' ORDER BY seq) FROM openreplay.batches WHERE session_id = $session" | sed 's/s[0-9]*/s/')" "s w1234"
new_session
post "$work/batch"
answers "all is well afterwards" 200 ""
same "and in the table at once" "$(stored)" 1234

# The database says no, though it is there: nobody notices.
start_posting
sql -c "ALTER SYSTEM SET default_transaction_read_only = on" -c "SELECT pg_reload_conf()" > /dev/null
sleep 1.5
new_session
like "a start while the database is read-only" "$status $token" '200 *.*.*.*'
sql -c "SET default_transaction_read_only = off" -c "ALTER SYSTEM RESET default_transaction_read_only" -c "SELECT pg_reload_conf()" > /dev/null
drained
stop_posting "read-only for a while"
in_order "read-only for a while"

# A commit that hangs, durable here already: its batch is spooled as well, and then the server is killed.
new_session
sql -c "ALTER SYSTEM SET synchronous_standby_names = 'nobody'" -c "SELECT pg_reload_conf()" > /dev/null
sleep 0.2
post "$work/batch"
answers "a batch whose commit hangs" 200 ""
post "$work/chunk"
answers "a batch behind it" 200 ""
same "both are in the spool" "$(gauge spool_entries)" 2
kill_server
sql -c "ALTER SYSTEM RESET synchronous_standby_names" -c "SELECT pg_reload_conf()" > /dev/null
start_ingest "$dir" TOKEN_SECRET=$secret SPOOL_AFTER_MS=500
drained
same "what was committed and spooled is there once" "$(stored)" "1234 50000"

# Killed while it spools, twice, and the second time with half a record at the end; the database comes back last.
start_posting
sleep 0.3
stop_cluster "$dir" immediate
sleep 1.5
kill_server
same "killed while it spools: something is there" "$([ -n "$(ls "$dir/ingest/spool")" ] && echo yes)" yes
start_ingest "$dir" TOKEN_SECRET=$secret SPOOL_AFTER_MS=500
# in many lanes, whose numbers the server cannot know
cold_sessions=()
for n in 1 2 3 4 5 6 7 8 9 10; do
	new_session
	like "a start after a start without a database" "$status $token" '200 *.*.*.*'
	cold_sessions+=("$session")
	post "$work/batch"
	answers "a batch after a start without a database" 200 ""
done
ask POST /v1/web/start --data-binary '{"projectKey":"nobody"}'
answers "an unknown key then" 503 '{"error":"database is not available, try again"}'
kill_server
last_segment=$(ls "$dir"/ingest/spool/*.spool | tail -n 1)
size_before=$(stat -c %s "$last_segment")
head -c 57 "$last_segment" | tail -c 41 >> "$last_segment"
start_ingest "$dir" TOKEN_SECRET=$secret SPOOL_AFTER_MS=500
same "half a record at the end is cut off" "$(stat -c %s "$last_segment")" "$size_before"
sleep 0.3
start_cluster "$dir" "$port" || die "http_test.sh: PostgreSQL does not start again"
drained
stop_posting "killed while it spools"
in_order "killed while it spools"
same "sessions of the start without a database" "$(sql -c "SELECT count(*), string_agg(DISTINCT kinds, ' ') FROM (SELECT string_agg(kind::text, '' ORDER BY seq) AS kinds FROM openreplay.batches
	WHERE session_id IN ($(IFS=,; echo "${cold_sessions[*]}")) GROUP BY session_id) s")" "10|sw"
same "the spool is empty" "$(ls "$dir/ingest/spool" | wc -l)" 0

# Told to stop while the database is away: what was acknowledged is there afterwards.
start_posting
stop_cluster "$dir" fast
sleep 0.3
began=$(date +%s%3N)
kill "$INGEST_PID"
wait "$INGEST_PID"
same "SIGTERM without a database: exit status" $? 0
like "SIGTERM without a database: ms until the end" "$(($(date +%s%3N) - began))" '@([0-9]|[0-9][0-9]|[0-9][0-9][0-9]|[1-4][0-9][0-9][0-9])'
start_cluster "$dir" "$port" || die "http_test.sh: PostgreSQL does not start again"
start_ingest "$dir" TOKEN_SECRET=$secret SPOOL_AFTER_MS=300 SPOOL_LIMIT=300000
drained
stop_posting "SIGTERM without a database"
in_order "SIGTERM without a database"

# A spool that is full.
new_session
stop_cluster "$dir" fast
sleep 0.6
told=
for n in $(seq 8); do
	post "$work/chunk"
	told+=" $status"
done
same "a full spool" "$told" " 200 200 200 200 200 503 503 503"
answers "a batch that cannot be stored" 503 "{\"error\":\"can't save message, try again\"}"
like "a batch that cannot be stored: when to retry" "$headers" $'*\nRetry-After: 2\n*'
# nor can anything else be, once there is no room for the smallest of it
told="50000 50000 50000 50000 50000"
for size in 5000 500 50 10; do
	random_bytes $size "$work/rest"
	for n in $(seq 100); do
		post "$work/rest"
		[ "$status" = 200 ] || break
		told+=" $size"
	done
done
{ printf '\1\0\0\0\0\0\0\0\5\0\0\0image' | gzip; } > "$work/frames.gz"
while read -r what path form; do
	ask POST "$path" -H "Authorization: Bearer $token" ${form%%=*} "${form#*=}"
	answers "$what without room" 503 "{\"error\":\"can't save message, try again\"}"
	like "$what without room: when to retry" "$headers" $'*\nRetry-After: 2\n*'
done << END
start /v1/web/start --data-binary={"projectKey":"$PROJECT_KEY"}
mobile-start /v1/mobile/start --data-binary={"projectKey":"PhoneProject","trackerVersion":"1.0.14"}
SDK-start /v1/sdk/start --data-binary={"projectKey":"$PROJECT_KEY"}
mobile-batch /v1/mobile/i --data-binary=@$work/batch
late-batch /v1/mobile/late --data-binary=@$work/batch
SDK-data /v1/sdk/i --data-binary={"events":[]}
canvas /v1/web/images -F=snapshot=@$work/batch;filename=1_1_1.webp
screenshots /v1/mobile/images -F=batch=@$work/frames.gz;filename=1.gz
test-signal /v1/web/uxt/signals/test --data-binary={"testId":1,"status":"begin"}
task-signal /v1/web/uxt/signals/task --data-binary={"testId":1,"taskId":1,"status":"done"}
END
start ',"doNotRecord":true'
answers "a start that needs no room" 200
start ",\"token\":\"$token\""
same "nor does a session that goes on" "$status $(field token)" "200 $token"
start_cluster "$dir" "$port" || die "http_test.sh: PostgreSQL does not start again"
drained
same "a full spool: what was acknowledged, and no more" "$(stored)" "$told"
post "$work/chunk"
answers "room again" 200 ""

start_posting
sleep 0.7
began=$(date +%s%3N)
kill "$INGEST_PID"
wait "$INGEST_PID"
same "SIGTERM: exit status" $? 0
like "SIGTERM: ms until the end" "$(($(date +%s%3N) - began))" '@([0-9]|[0-9][0-9]|[0-9][0-9][0-9]|[1-4][0-9][0-9][0-9])'
INGEST_PID=
stop_posting "SIGTERM"
same "SIGTERM: the last heartbeat is later than all batches" "$(sql -c "SELECT (SELECT max(clock) FROM openreplay.heartbeats) >= (SELECT max(received_at) FROM openreplay.batches)")" t

# ---- starting ---------------------------------------------------------------------------------------------------------

stop_cluster "$dir" fast
as_server mkdir "$dir/fresh"
start_ingest "$dir" TOKEN_SECRET=$secret COMMIT_TIMEOUT_MS=500 SPOOL_AFTER_MS=100 "STATE_DIR=$dir/fresh" SERVER_NAME=fresh
ask GET /
answers "a new server that starts without a database is alive" 200
ask GET /health
like "but not healthy, for it can store nothing" "$status $body" '503 {"status":"fail",*'
start
answers "but cannot know projects" 503 '{"error":"database is not available, try again"}'
token=$first_token
post "$work/batch"
answers "nor store" 503 "{\"error\":\"can't save message, try again\"}"
start_cluster "$dir" "$port"
for n in $(seq 50); do
	start
	[ "$status" = 200 ] && break
	sleep 0.1
done
answers "until the database is there" 200
# what was queued meanwhile is written too, which a retry must not mind
same "it has lanes of its own" "$(sql -c "SELECT count(DISTINCT server_id), count(*) = count(DISTINCT (server_id, shard, seq)) FROM openreplay.batches")" "2|t"
stop_ingest

# A clock that was set back: as if ids had been given until an hour from now.
later_ms=$(($(date +%s%3N) + 3600000))
echo "$later_ms" | as_server sh -c 'cat > "$0"' "$dir/ingest/session_ids"
start_ingest "$dir" TOKEN_SECRET=$secret
new_session
same "ids go on behind those of the time before" "$(((session >> 24) + 1550000000000 > later_ms))" 1
sql -c "SELECT openreplay.process_batches()" > /dev/null
same "such a session begins now" "$(sql -c "SELECT start_ts BETWEEN $later_ms - 3610000 AND $later_ms - 3500000 FROM public.sessions WHERE session_id = $session")" t
same "the server is the one it was" "$(sql -c "SELECT count(DISTINCT server_id) FROM openreplay.batches")" 2

# refuses WHAT PATTERN [KEY=VALUE...]: a server with this configuration says why it does not start; sets output
marker=a-word-that-is-nobodys-business
refuses()
{
	local what=$1 pattern=$2 result
	shift 2
	output=$(as_server env "STATE_DIR=$dir/ingest" TOKEN_SECRET=x HTTP_PORT=0 "UAPARSER_FILE=$dir/ingest/regexes.yaml" "$@" "$dir/ingest/openreplay-ingest" --config "$work/config" 2>&1)
	result=$?
	like "$what" "$result $output" "[12] *$pattern*"
}
chmod 755 "$work"
printf '# comment\n\nLOG_LEVEL = info\nHTTP_HOST="127.0.0.1"\n' > "$work/config"
refuses "a used state directory" "STATE_DIR is used by another"
refuses "no state directory" 'STATE_DIR: cannot write to /nowhere' STATE_DIR=/nowhere
refuses "a wrong port" 'HTTP_PORT: "80a" is not a whole number from 0 to 65535 (environment)' HTTP_PORT=80a
refuses "two secrets" 'give either TOKEN_SECRET or TOKEN_SECRET_FILE' "TOKEN_SECRET_FILE=$work/config"
refuses "a wrong quality" 'CANVAS_QUALITY: "best" is none of low, medium, high' CANVAS_QUALITY=best
refuses "another wrong quality" 'MOBILE_QUALITY: "medium" is none of low, standard, high' MOBILE_QUALITY=medium
refuses "a wrong level" 'LOG_LEVEL: "loud"' LOG_LEVEL=loud
for url in "host=127.0.0.1 password=two $marker" "postgresql://door:100%$marker@127.0.0.1/x" "postgresql://door:a@$marker@127.0.0.1/x" "postgresql://door:$marker/b@127.0.0.1/x"; do
	refuses "DATABASE_URL=${url//$marker/...}" 'DATABASE_URL is no connection string or URL' "DATABASE_URL=$url"
	same "and is not shown" "$(grep -c "$marker" <<< "$output")" 0
done
echo "$marker" >> "$work/config"
refuses "a line that is none" "not of the form KEY=VALUE (line 5 of $work/config)"
same "and is not shown" "$(grep -c "$marker" <<< "$output")" 0
sed -i '$d' "$work/config"
echo 'HTTP_PROT=1' >> "$work/config"
refuses "a misspelt key" "unknown key HTTP_PROT (line 5 of $work/config)"
same "no secret is in the log" "$(grep -cE "$secret|$first_token" "$dir/ingest.log")" 0

tell_result
