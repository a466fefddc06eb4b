#!/usr/bin/env bash
#
# mobile_test.sh - what mobile trackers and the analytics SDK are answered, and what becomes of what they send
#
# Prints "mobile: N passed, M failed".
set -u
test_name=mobile
. "$(dirname "${BASH_SOURCE[0]}")/http.sh"

start_cluster "$dir" "$port" || die "mobile_test.sh: cannot start a cluster"
create_openreplay || die "mobile_test.sh: cannot create the extension (make install?)"
sql -c "INSERT INTO public.projects (name, active, project_key, platform, sample_rate, max_session_duration, beacon_size) VALUES
	('phone', true, 'PhoneProject', 'ios', 100, 7200000, 0),
	('never', true, 'NeverPhone', 'android', 0, 7200000, 0),
	('brief', true, 'BriefPhone', 'android', 100, 1, 0)"
start_ingest "$dir" TOKEN_SECRET=$secret MOBILE_FPS=2 MOBILE_QUALITY=standard || die "mobile_test.sh: the ingest server does not start"
app='Shop/12 CFNetwork/1490.0.4 Darwin/23.2.0'

# begin JSON_MEMBERS [CURL_ARGUMENT...]: a mobile start
begin()
{
	local members=$1
	shift
	ask POST /v1/mobile/start -A "$app" -H 'Content-Type: application/json' "$@" --data-binary "{\"projectKey\":\"PhoneProject\",\"trackerVersion\":\"1.0.14\"$members}"
}

# row COLUMNS: of the session's row, once the pass has made it
row()
{
	sql -c "SELECT openreplay.process_batches()" > /dev/null
	sql -c "SELECT $1 FROM public.sessions s WHERE session_id = $session"
}

# entries: kinds and sizes of the session's entries
entries()
{
	sql -c "SELECT coalesce(string_agg(kind::text || size_bytes, ' ' ORDER BY seq), '') FROM openreplay.batches WHERE session_id = $session AND kind <> 's'"
}

# ---- start ------------------------------------------------------------------------------------------------------------

for wrong in '' '{' '[]'; do
	ask POST /v1/mobile/start -A "$app" --data-binary "$wrong"
	like "start with \"$wrong\"" "$status $body" '400 {"error":"*'
done
random_bytes 140000 "$work/huge"
ask POST /v1/mobile/start -A "$app" --data-binary "@$work/huge"
answers "start over the limit" 400 '{"error":"http: request body too large"}'
ask POST /v1/mobile/start -A "$app" -H 'Transfer-Encoding: chunked' --data-binary "@$work/huge"
answers "start over the limit in chunks" 400 '{"error":"http: request body too large"}'
echo '{"projectKey":"PhoneProject","trackerVersion":"1.0.14"}' | gzip > "$work/start.gz"
ask POST /v1/mobile/start -A "$app" -H 'Content-Encoding: gzip' --data-binary "@$work/start.gz"
like "start in gzip, which no mobile tracker sends" "$status $body" '400 {"error":"*'
ask POST /v1/mobile/start -A "$app" --data-binary '{"trackerVersion":"1.0.14"}'
answers "start without key" 403 '{"error":"projectKey value required"}'
ask POST /v1/mobile/start -A "$app" --data-binary '{"projectKey":"nobody","trackerVersion":"1.0.14"}'
answers "start of an unknown project" 404 "{\"error\":\"project doesn't exist or is not active, key: nobody\"}"
ask POST /v1/mobile/start -A "$app" --data-binary "{\"projectKey\":\"$PROJECT_KEY\",\"trackerVersion\":\"1.0.14\"}"
answers "start of a web project" 403 "{\"error\":\"project doesn't support mobile sessions\"}"
for version in '"1.0.8"' '"0.9.99"' '"new"' '""' null; do
	ask POST /v1/mobile/start -A "$app" --data-binary "{\"projectKey\":\"PhoneProject\",\"trackerVersion\":$version}"
	answers "start of version $version" 426 '{"error":"tracker version not supported"}'
done
ask POST /v1/mobile/start -A "$app" --data-binary '{"projectKey":"NeverPhone","trackerVersion":"1.0.9"}'
answers "start of an unsampled project" 403 '{"error":"capture rate miss, rate: 0"}'
begin '' -A ''
answers "start without user agent" 403 '{"error":"browser not recognized, user-agent: "}'
begin '' -A 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
like "start of a crawler" "$status" 403

uuid=7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5
told=$(($(date +%s%3N) - 30000))
begin ",\"revID\":\"12\",\"userUUID\":\"$uuid\",\"userOSVersion\":\"17.5\",\"userDevice\":\"iPhone15,2\",\"userDeviceType\":\"iPhone 14 Pro\",
	\"timestamp\":$told,\"timezone\":\"UTC+02:00\",\"deviceMemory\":5963776,\"width\":393.0,\"height\":852.4,\"doNotRecord\":false,\"performances\":{\"a\":1}"
answers "start" 200
token=$(field token)
session=$(field sessionID)
same "start: every field and its type" "$(sql -v answer="$body" <<< "SELECT string_agg(key || ' ' || jsonb_typeof(value), ', ' ORDER BY key) FROM jsonb_each((:'answer')::jsonb)")" \
	"beaconSizeLimit number, features object, fps number, imagesHashList null, projectID string, quality string, sessionID string, token string, userUUID string"
same "start: values" "$(field userUUID) $(field projectID) $(field fps) $(field quality) $(field beaconSizeLimit)" "$uuid 2 2 standard 1000000"
like "start: the token has no delay" "$token" '*.0.*.*'
same "start: the sessions row" "$(row "platform, tracker_version, rev_id, user_uuid, user_os, user_os_version, user_device, user_device_type, user_browser, user_browser_version,
	user_device_memory_size, user_device_heap_size, user_id, timezone, screen_width, screen_height, start_ts - $told")" \
	"ios|1.0.14|12|$uuid|IOS|17.5|iPhone 14 Pro|mobile|||5963776|5963776||UTC+02:00|393|852|0"
first_token=$token
first_session=$session

begin ',"platform":"android","userOSVersion":"14","userDevice":"oriole","userDeviceType":"tablet","timestamp":0'
session=$(field sessionID)
same "start of Android, without a clock" "$(row "platform, user_os, user_device, user_device_type, (session_id >> 24) + 1550000000000 - start_ts")" "android|Android|oriole|tablet|0"
begin ',"platform":"android","userDevice":"x","userDeviceType":"toaster"'
session=$(field sessionID)
same "start of an odd Android" "$(row "platform, user_device_type")" "android|other"
begin ",\"platform\":\"toaster\",\"userDevice\":\"iPad99,1\",\"timestamp\":$((told - 100000000))"
session=$(field sessionID)
same "start of an odd platform with an odd clock" "$(row "platform, user_device, user_device_type, (session_id >> 24) + 1550000000000 - start_ts")" "ios|iPad99,1|tablet|0"
begin ",\"token\":\"$first_token\"" -A ''
same "start with a token goes on with the session" "$status $(field token) $(field sessionID)" "200 $first_token $first_session"
before=$(sql -c "SELECT count(*) FROM openreplay.batches")
begin ',"doNotRecord":true'
same "start without recording has a token and no entry" "$status $(sql -c "SELECT count(*) - $before FROM openreplay.batches")" "200 0"

# ---- batches ----------------------------------------------------------------------------------------------------------

# send PATH FILE [CURL_ARGUMENT...]
send()
{
	local path=$1 file=$2
	shift 2
	ask POST "$path" -A "$app" -H "Authorization: Bearer $token" --data-binary "@$file" "$@"
}

begin ",\"userDevice\":\"iPhone15,2\",\"timestamp\":$told"
token=$(field token)
session=$(field sessionID)
late_token=qrmzm13cfoxz.3t.mgjauf0b.Bghjox6jwEkkEYzRi99hMQ1Nty4eoyVC7GsqmHhGznhx
late_session=3523215362064790535
# MobileBatchMeta, then a MobileEvent and a MobileClickEvent: time, length, fields
bytes "'\\x6b'::bytea || pg_temp.uint($told) || pg_temp.uint(0) || pg_temp.uint(1)
	|| '\\x5d'::bytea || pg_temp.uint($told + 500) || pg_temp.uint(18) || pg_temp.str('checkout'::text) || pg_temp.str('{\"a\":12}'::text)
	|| '\\x64'::bytea || pg_temp.uint($told + 900) || pg_temp.uint(7) || pg_temp.str('Buy'::text) || pg_temp.uint(120) || pg_temp.uint(300)" "$work/batch"
size=$(stat -c %s "$work/batch")
gzip -c "$work/batch" > "$work/batch.gz"
head -c $((size / 2)) "$work/batch.gz" > "$work/cut.gz"
head -c 41000000 /dev/zero | gzip -1 > "$work/bomb.gz"
random_bytes 1000001 "$work/more"
for path in /v1/mobile/i /v1/mobile/late; do
	ask POST $path -A "$app" --data-binary "@$work/batch"
	answers "$path without token" 401 '{"error":"missing token"}'
	ask POST $path -A "$app" -H "Authorization: Bearer x$token" --data-binary "@$work/batch"
	answers "$path with a forged token" 401 '{"error":"wrong token sign"}'
	ask POST $path -A "$app" -H "Authorization: Bearer a.b" --data-binary "@$work/batch"
	answers "$path with no token's format" 401 '{"error":"wrong token format"}'
	send $path "$work/more"
	answers "$path over the limit" 413 '{"error":"http: request body too large"}'
	for broken in cut.gz bomb.gz batch; do
		send $path "$work/$broken" -H 'Content-Encoding: gzip'
		answers "$path with broken gzip ($broken)" 400 '{"error":"broken gzip body"}'
	done
	send $path /dev/null
	answers "$path empty" 200 ""
	send $path "$work/batch.gz" -H 'Content-Encoding: gzip'
	answers "$path in gzip" 200 ""
done
same "batches are stored, inflated" "$(entries)" "m$size m$size"
send /v1/mobile/late "$work/batch"
answers "late, as it is" 200 ""
same "messages in SQL" "$(sql -c "SELECT string_agg(name || ' ' || \"timestamp\" - $told, ', ' ORDER BY index) FROM openreplay.messages($session)")" \
	"MobileBatchMeta 0, MobileEvent 500, MobileClickEvent 900"
same "a tap and an event in SQL, once" "$(row "(SELECT string_agg(label, ' ') FROM events_ios.taps t WHERE t.session_id = s.session_id),
	(SELECT string_agg(name || ' ' || payload, ' ') FROM events_common.customs c WHERE c.session_id = s.session_id)" )" 'Buy|checkout {"a": 12}'
session=$late_session
ask POST /v1/mobile/i -A "$app" -H "Authorization: Bearer $late_token" --data-binary "@$work/batch"
answers "an expired token" 401 '{"error":"token expired"}'
same "what comes with an expired token is not stored" "$(entries)" ""
ask POST /v1/mobile/late -A "$app" -H "Authorization: Bearer $late_token" --data-binary "@$work/batch"
answers "late, with a token expired long ago" 200 ""
same "what comes late is stored" "$(entries)" "m$size"
ask POST /v1/mobile/start -A "$app" --data-binary '{"projectKey":"BriefPhone","trackerVersion":"1.1.0"}'
token=$(field token)
session=$(field sessionID)
sleep 0.1
send /v1/mobile/i "$work/batch"
answers "a token just expired" 401 '{"error":"token expired"}'
send /v1/mobile/late "$work/batch"
answers "late, with a token just expired" 200 ""
same "both are stored" "$(entries)" "m$size m$size"

# ---- the analytics SDK ------------------------------------------------------------------------------------------------

new_session
cat > "$work/wrapped.json" << END
{"data":{"user_actions":[{"type":"identity","user_id":"u-7","timestamp":1760000001000}],"events":[{"name":"signup","payload":{"step":2},"timestamp":1760000002000}]}}
END
echo '{"events":[{"name":"at once \ud83d","payload":null}]}' > "$work/bare.json"
for file in wrapped bare; do
	send /v1/sdk/i "$work/$file.json" -H 'Content-Type: application/json'
	answers "SDK data, $file" 200 ""
done
gzip -c "$work/wrapped.json" > "$work/wrapped.gz"
send /v1/sdk/i "$work/wrapped.gz" -H 'Content-Encoding: gzip'
answers "SDK data in gzip" 200 ""
same "SDK data are stored as sent" "$(entries)" "a$(stat -c %s "$work/wrapped.json") a$(stat -c %s "$work/bare.json") a$(stat -c %s "$work/wrapped.json")"
same "SDK data in SQL" "$(row "user_id, (SELECT string_agg(name, ', ' ORDER BY name) FROM events_common.customs c WHERE c.session_id = s.session_id)")" "u-7|at once �, signup"
for wrong in '' '{' '[]' 'null' "{\"a\":$(printf '[%.0s' {1..5000})"; do
	printf '%s' "$wrong" > "$work/wrong"
	send /v1/sdk/i "$work/wrong"
	like "SDK data ${wrong:0:10}" "$status $body" '400 {"error":"*'
done
send /v1/sdk/i "$work/more"
answers "SDK data over the limit" 413 '{"error":"http: request body too large"}'
head -c 1000001 /dev/zero | gzip -1 > "$work/wide.gz"
send /v1/sdk/i "$work/wide.gz" -H 'Content-Encoding: gzip'
answers "SDK data over the limit once inflated" 413 '{"error":"broken gzip body"}'
ask POST /v1/sdk/i --data-binary '{}'
answers "SDK data without token" 401 '{"error":"missing token"}'
ask POST /v1/sdk/i -H "Authorization: Bearer $late_token" --data-binary '{}'
answers "SDK data with an expired token" 401 '{"error":"token expired"}'

ask POST /v1/sdk/start --data-binary '{}'
answers "SDK start without key" 403 '{"error":"ProjectKey value required"}'
ask POST /v1/sdk/start --data-binary '{"projectKey":"nobody"}'
answers "SDK start of an unknown project" 404 "{\"error\":\"project doesn't exist or is not active, key: nobody\"}"
ask POST /v1/sdk/start --data-binary '{'
like "SDK start with half a body" "$status $body" '400 {"error":"*'
ask POST /v1/sdk/start --data-binary "@$work/huge"
answers "SDK start over the limit" 413 '{"error":"http: request body too large"}'

# sdk_start JSON_MEMBERS [CURL_ARGUMENT...]: sets token and session, which the answer does not tell
sdk_start()
{
	local members=$1
	shift
	ask POST /v1/sdk/start "$@" --data-binary "{\"projectKey\":\"$PROJECT_KEY\"$members}"
	token=$(field token)
	session=$(sql -c "SELECT session_id FROM openreplay.batches WHERE kind = 's' ORDER BY session_id DESC LIMIT 1")
}
sdk_start ",\"os\":\"macOS\",\"os_version\":14.5,\"browser\":\"Chrome\",\"browser_version\":129,\"platform\":\"web\",\"screen_height\":900,\"screen_width\":1440,
	\"initial_referrer\":\"https://news.example/a?x=1\",\"utm_source\":\"letter\",\"utm_medium\":\"mail\",\"utm_campaign\":\"spring\",\"user_id\":\"u-9\",\"device_id\":\"$uuid\",
	\"sdk_edition\":\"x\",\"sdk_version\":\"1.0\",\"timezone\":\"UTC+02:00\",\"search_engine\":\"y\""
same "SDK start" "$status $body" "200 {\"token\":\"$token\"}"
same "SDK start: the sessions row" "$(row "platform, tracker_version, user_uuid, user_os, user_os_version, user_browser, user_browser_version, user_id, timezone, screen_width, screen_height,
	referrer, base_referrer, utm_source, utm_medium, utm_campaign, user_device_type")" \
	"web|1.0|$uuid|macOS|14.5|Chrome|129|u-9|UTC+02:00|1440|900|https://news.example/a?x=1|https://news.example/a|letter|mail|spring|desktop"
IFS=. read -r id delay expires sign <<< "$token"
same "SDK start: the token has no delay and lives for a day" "$delay $((36#$expires - ((36#$id >> 24) + 1550000000000)))" "0 86400000"
send /v1/sdk/i "$work/wrapped.json"
answers "SDK data by that token" 200 ""
sdk_start '' -A ''
same "SDK start that tells nothing" "$status $(row "platform, user_os, user_browser, user_device_type")" "200 web||Other|other"
sdk_start ',"platform":"ios","os":"iOS","browser":"x"' -A "$app"
same "SDK start of an app" "$status $(row "platform, user_os, user_browser")" "200 ios|iOS|"
same "nothing is broken" "$(sql -c "SELECT coalesce(string_agg(kind::text || ' ' || reason, ', '), '') FROM openreplay.broken_batches WHERE kind <> 'a'")" ""

tell_result
