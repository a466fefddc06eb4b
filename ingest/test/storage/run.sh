#!/usr/bin/env bash
#
# run.sh - recordings go to an S3 server that verifies signatures, and get there whatever it does
#
# Prints "storage: N passed, M failed".
set -u
test_name=storage
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../http.sh"

command -v npm > /dev/null || die "run.sh: no npm here: install Debian's nodejs and npm"
# npm notes in node_modules what it installed; an older note than the lock file means other versions.
installed=$here/node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ "$here/package-lock.json" -nt "$installed" ]; then
	[ -w "$here" ] || die "run.sh: $here/node_modules is missing, and $(id -un) cannot write there"
	(cd "$here" && npm ci --no-audit --no-fund --loglevel=error) || die "run.sh: npm could not install the server"
	touch "$installed"
fi

s3_pid=
stop_s3()
{
	[ -z "$s3_pid" ] || { kill -KILL "$s3_pid" 2> /dev/null; wait "$s3_pid" 2> /dev/null; }
	s3_pid=
}
site_pid=
stop_all()
{
	stop_s3
	[ -z "$site_pid" ] || { kill -KILL "$site_pid" 2> /dev/null; wait "$site_pid" 2> /dev/null; }
	clean_up
}
trap stop_all EXIT

s3_secret='a/secret+of=the_test'
# start_s3 [DIRECTORY]: sets s3_port
start_s3()
{
	node "$here/s3.mjs" "${1:-$work/s3}" "$s3_secret" > "$work/s3.out" 2>&1 &
	s3_pid=$!
	local n
	for n in $(seq 100); do
		s3_port=$(sed -n 's/^port //p' "$work/s3.out")
		[ -n "$s3_port" ] && return
		sleep 0.1
	done
	cat "$work/s3.out"
	die "run.sh: the S3 server does not start"
}

# faults JSON: what shall happen to the next requests
faults()
{
	curl -s -o /dev/null -X PUT --data-binary "$1" "http://127.0.0.1:$s3_port/-/faults"
}

# requests: what came since it was last asked, in one line
requests()
{
	curl -s "http://127.0.0.1:$s3_port/-/requests" | tr '\n' ' ' | sed 's/ *$//'
}

# tags: those that came since it was last asked, "METHOD PATH TAGS" each
tags()
{
	curl -s "http://127.0.0.1:$s3_port/-/tags" | sed '/^$/d'
}

# s3 METHOD PATH [CURL_ARGUMENT...]: a signed request, as anybody else would make it
s3()
{
	local method=$1 path=$2
	shift 2
	curl -s --aws-sigv4 aws:amz:us-test-1:s3 --user "S3RVER:$s3_secret" -X "$method" \
		-H "x-amz-content-sha256: $(printf '' | sha256sum | cut -d' ' -f1)" "$@" "http://127.0.0.1:$s3_port$path"
}

# upload [KEY=VALUE...]: runs one, its words in $work/log, its summary in $summary
upload()
{
	summary=$(as_server env "DATABASE_URL=host=$PGHOST port=$PGPORT user=uploader dbname=$PGDATABASE" \
		AWS_ENDPOINT="http://127.0.0.1:$s3_port" AWS_REGION=us-test-1 AWS_ACCESS_KEY_ID=S3RVER \
		AWS_SECRET_ACCESS_KEY_FILE="$dir/s3-secret" LOG_LEVEL=debug "$@" "$dir/openreplay-uploader" --once 2> "$work/log")
	code=$?
}

# again [SESSION]: queues a recording, or all
again()
{
	sql -c "DELETE FROM openreplay.outbox" -c "SELECT openreplay.queue_recordings(array_agg(session_id)) FROM public.sessions
		WHERE session_id = ${1:-session_id}" > /dev/null
}

# whole SESSION: how many of its files are not the bytes of openreplay.recording()
whole()
{
	local file wrong=0
	for file in dom.mobs dom.mobe devtools.mob; do
		s3 GET "/mobs/$1/$file" > "$work/got"
		install -m 644 "$work/got" "$dir/got"
		[ "$(sql -c "SELECT openreplay.decompress_body(pg_read_binary_file('$dir/got')) = openreplay.recording($1, '$file')")" = t ] || wrong=$((wrong + 1))
	done
	echo $wrong
}

make -s -C "$PROJECT_ROOT" build/captures || die "run.sh: cannot unpack the recordings"
export OPENREPLAY_CAPTURES=$PROJECT_ROOT/build/captures
start_cluster "$dir" "$port" "shared_preload_libraries = 'openreplay'" "openreplay.database = 'no database'" "fsync = off" \
	|| die "run.sh: cannot start a cluster"
create_openreplay || die "run.sh: cannot create the extension (make install?)"
sql -c "CREATE ROLE uploader LOGIN IN ROLE openreplay_uploader"
install -m 755 "$PROJECT_ROOT/openreplay-uploader" "$dir/openreplay-uploader"
echo "$s3_secret" | as_server sh -c 'umask 077; cat > "$0"' "$dir/s3-secret"
{
	cat "$PROJECT_ROOT/sql/include/captures.sql"
	for name in s1-browse-short s2-checkout-full s5-heavy-dom; do
		echo "SELECT pg_temp.append_capture('$name', 1);"
	done
} | (cd "$PROJECT_ROOT" && sql > /dev/null)
sql -c "SELECT openreplay.process_batches()" -c "SELECT openreplay.end_sessions(now())" > /dev/null
sessions=$(sql -c "SELECT session_id FROM public.sessions ORDER BY 1")
session=${sessions%%$'\n'*}
start_s3

# ---- it works ----

upload
same "all goes well" "$code" 0
like "three recordings" "$summary" "stored 3 recordings in 9 files*; removed 0; 0 failed"
same "with no request too many" "$(requests)" "$(printf 'PUT 200 %.0s' $(seq 18) | sed 's/ $//')"
for each in $sessions; do
	same "session $each" "$(whole "$each")" 0
done
headers=$(s3 HEAD "/mobs/$session/dom.mobs" -I | tr -d '\r')
like "its type" "$headers" *"content-type: application/octet-stream"*
like "how long it may be kept" "$headers" *"cache-control: max-age=3600, private"*
same "no encoding, which browsers would undo" "$(grep -ci '^content-encoding' <<< "$headers")" 0
again "$session"
upload S3_ADDRESSING=virtual AWS_ENDPOINT="http://s3.localhost:$s3_port/"
same "by the bucket's own host name" "$code|$(whole "$session")" "0|0"
again "$session"
upload AWS_SESSION_TOKEN=a/token+of=a-session
same "with a session token" "$code|$(whole "$session")" "0|0"

# ---- what can never work is told at once ----

requests > /dev/null
again "$session"
upload AWS_SECRET_ACCESS_KEY_FILE= AWS_SECRET_ACCESS_KEY=a-wrong-secret
same "a wrong secret" "$code|$(sql -c "SELECT to_be_retried, last_error FROM openreplay.outbox_status" | sed -E 's/[0-9a-f]{16}\.origin/ORIGIN/')" \
	"1|1|the storage answered PUT $session/devtools.mob.ORIGIN with 403 SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided."
same "is tried once" "$(requests)" "PUT 403"
same "and not told to anybody" "$(grep -c a-wrong-secret "$work/log")" 0
again "$session"
upload AWS_ACCESS_KEY_ID=nobody
like "a wrong key" "$(sql -c "SELECT last_error FROM openreplay.outbox_status")" "*403 InvalidAccessKeyId*"
again "$session"
upload AWS_REGION=elsewhere
like "a wrong region" "$(sql -c "SELECT last_error FROM openreplay.outbox_status")" "*400 AuthorizationHeaderMalformed*"
again "$session"
upload BUCKET_NAME=nowhere
like "a bucket that is not there" "$(sql -c "SELECT last_error FROM openreplay.outbox_status")" "*404 NoSuchBucket*"
sql -c "SELECT openreplay.retry_outbox()" > /dev/null
upload
same "put right, it is stored" "$code|$(sql -c "SELECT count(*) FROM openreplay.outbox")" "0|0"

# ---- what passes is waited for ----

requests > /dev/null
for fault in 503 500 429 '"cut"' '"cut answer"' '"damage"' '{"status": 400, "code": "RequestTimeout"}' '{"status": 409, "code": "OperationAborted"}'; do
	again "$session"
	faults "[\"pass\", $fault, $fault]"
	upload
	same "$fault twice" "$code|$(whole "$session")" "0|0"
done
again "$session"
faults '[{"status": 503, "code": "SlowDown", "after": 2}]'
upload
like "for as long as it asks" "$code|$(grep -o 'pause_ms=[0-9]*' "$work/log")" "0|pause_ms=2000"
again "$session"
faults '["hang"]'
upload S3_TIMEOUT=1
same "no answer" "$code|$(whole "$session")" "0|0"
again "$session"
faults '[503, 503, 503, 503, 503, 503, 503, 503]'
requests > /dev/null
upload
like "for ever is too long" "$(sql -c "SELECT to_be_retried, last_error FROM openreplay.outbox_status")" "1|*with 503 SlowDown: as ordered"
same "four tries" "$(requests)" "PUT 503 PUT 503 PUT 503 PUT 503"
faults '[]'

# ---- the server is killed in the middle, and comes back ----

s3 DELETE "/mobs/$session/dom.mobs"
sql -c "SELECT openreplay.retry_outbox()" > /dev/null
faults '["pass", "pass", "pass", "hang"]'
upload S3_TIMEOUT=20 &
upload_pid=$!
for n in $(seq 100); do
	[ "$(requests)" = "PUT 200 PUT 200 PUT 200 PUT hang" ] && break
	sleep 0.1
	grep -q . "$work/s3.out" || break
done
sleep 1
stop_s3
wait "$upload_pid"
like "the server is gone" "$(sql -c "SELECT to_be_retried, last_error FROM openreplay.outbox_status")" "1|no answer of the storage to PUT $session/dom.mobe:*"
start_s3
same "what was not told stored is not there" "$(s3 HEAD "/mobs/$session/dom.mobs" -I -o /dev/null -w '%{http_code}')" 404
sql -c "SELECT openreplay.retry_outbox()" > /dev/null
upload
same "it is back" "$code|$(whole "$session")" "0|0"

# ---- large objects go in parts ----

# noise does not compress
sql -c "CREATE FUNCTION pg_temp.little_endian(n integer) RETURNS bytea LANGUAGE sql AS \$\$
		SELECT set_byte(set_byte(set_byte(set_byte('\\x00000000', 0, n & 255), 1, n >> 8 & 255), 2, n >> 16 & 255), 3, n >> 24) \$\$" \
	-c "CREATE TABLE noise AS SELECT string_agg(gen_random_bytes(1024), '') AS bytes FROM generate_series(1, 11500)" \
	-c "SELECT openreplay.append_batch($session, '\\x1f00'::bytea || convert_to('1760000000000_1_1760000001000.png', 'UTF8') || pg_temp.little_endian(length(bytes)) || bytes, now(), 'c') FROM noise" \
	> /dev/null 2> "$work/noise"
sql -c "SELECT length(bytes) FROM noise" > /dev/null || cat "$work/noise"
name=1760000000000_1_1760000001000.png
sql -c "UPDATE openreplay.batches SET body = openreplay.compress_body(set_byte('\\x0000', 0, ${#name}) || substring(openreplay.decompress_body(body) FROM 3))
	WHERE session_id = $session AND kind = 'c'"
parts()
{
	s3 GET "/mobs/$session/1760000000000_1.tar.zst" > "$work/got"
	install -m 644 "$work/got" "$dir/got"
	sql -c "SELECT substring(openreplay.decompress_body(pg_read_binary_file('$dir/got')) FROM 513 FOR length(bytes)) = bytes FROM noise"
}
requests > /dev/null
tags > /dev/null
again "$session"
upload S3_PART_SIZE=5242880 'S3_TAGS=keep=180d&team=web%20shop'
same "three parts" "$code|$(requests)" "0|$(printf 'PUT 200 %.0s' $(seq 7))POST 200 PUT 200 PUT 200 PUT 200 POST 200"
same "are one object" "$(parts)" t
tags=$(tags)
like "with its tags, and each other object with them" "$tags" "PUT /mobs/$session/devtools.mob.*.origin *PUT /mobs/$session/devtools.mob *POST /mobs/$session/1760000000000_1.tar.zst keep=180d&team=web%20shop"
same "which none lacks" "$(wc -l <<< "$tags")|$(grep -vc ' keep=180d&team=web%20shop$' <<< "$tags")" "8|0"
s3 DELETE "/mobs/$session/1760000000000_1.tar.zst"
again "$session"
passes='"pass", "pass", "pass", "pass", "pass", "pass", "pass"'
faults "[$passes, 500, \"pass\", \"cut\", \"pass\", \"pass\", \"cut answer\"]"
upload S3_PART_SIZE=5242880
same "with faults" "$code|$(parts)" "0|t"
s3 DELETE "/mobs/$session/1760000000000_1.tar.zst"
requests > /dev/null
again "$session"
faults "[$passes, \"pass\", \"pass\", 500, 500, 500, 500]"
upload S3_PART_SIZE=5242880
# s3rver does not know that request
same "parts of a failed upload are given up" "$code|$(requests)" \
	"1|$(printf 'PUT 200 %.0s' $(seq 7))POST 200 PUT 200 PUT 500 PUT 500 PUT 500 PUT 500 DELETE 405"
same "and nothing is there" "$(s3 HEAD "/mobs/$session/1760000000000_1.tar.zst" -I -o /dev/null -w '%{http_code}')" 404
sql -c "SELECT openreplay.retry_outbox()" > /dev/null
upload S3_PART_SIZE=5242880
same "later it is" "$code|$(parts)" "0|t"

# ---- keys of assets have every byte that a URL can have ----

node "$here/../asset_site.mjs" > "$work/site" 2>&1 &
site_pid=$!
for n in $(seq 100); do
	read -r word site_port < "$work/site" && [ "$word" = ready ] && break
	sleep 0.1
done
site=http://127.0.0.1:$site_port
sheets=("any/a!b'(c)*d.css" 'any/e+f&g=h;i$j,k.css?l=m/n&o' 'any/p%20q%2Fr~s.css' 'any/[t]{u}|v^w`x.css' 'any/é"<y>\z.css' 'any/@:%7E%21.css#1')
{
	cat "$PROJECT_ROOT/sql/include/encode.sql"
	echo "SET openreplay.assets_origin = 'https://copies.example';"
	echo "SELECT openreplay.session_id_at(now()) AS sid \\gset"
	echo "SELECT pg_temp.start(:sid, 1, now());"
	printf "SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 0, extract(epoch FROM now())::bigint * 1000, '$site/', 'tab'"
	for sheet in "${sheets[@]}"; do
		printf ", pg_temp.msg(60, pg_temp.uint(4), pg_temp.str('href'), pg_temp.str('%s'), pg_temp.str('$site/'))" "${sheet//\'/\'\'}"
	done
	echo "), now());"
	echo "SELECT openreplay.process_batches();"
} | (cd "$PROJECT_ROOT" && sql) > /dev/null
sql -c "ALTER ROLE uploader SET openreplay.assets_origin = 'https://copies.example'"
upload ASSETS_BUCKET_NAME=copies ASSETS_PRIVATE_ADDRESSES=true 'ASSETS_S3_TAGS=keep=40d'
like "all are copied" "$code|$summary" "0|copied ${#sheets[@]} assets*"
same "with tags of their own" "$(tags | sed 's/.* //' | sort | uniq -c | tr -s ' ')" " ${#sheets[@]} keep=40d"
while IFS='|' read -r key url; do
	# as the player asks for it: path-escaped
	same "$url" "$(s3 GET "/copies/${key//!/%21}")" "/* $(curl -s --globoff "${url%%#*}" | cut -d' ' -f2) */"
done < <(sql -c "SELECT key, url FROM openreplay.assets WHERE state = 'stored'")
like "their type" "$(s3 HEAD "/copies/$(sql -c "SELECT replace(min(key), '!', '%21') FROM openreplay.assets")" -I)" *"content-type: text/css"*
sql -c "ALTER ROLE uploader RESET openreplay.assets_origin"
like "what is no tag" "$(upload S3_TAGS='a=b&c'; cat "$work/log")" '*configuration: S3_TAGS: "a=b&c" is no list of up to 10 tags*'
same "nor is an eleventh" "$(upload "ASSETS_S3_TAGS=$(printf '&%s=1' a b c d e f g h i j k | cut -c2-)"; echo "$code")" 2
same "nor what has two equals signs" "$(upload S3_TAGS='a=b=c'; echo "$code")" 2

# ---- signed URLs ----

like "none without settings" "$(sql -c "SELECT openreplay.sign_url('GET', 'a')" 2>&1)" "*no object storage is set whose URLs could be signed*"
sql -c "ALTER SYSTEM SET openreplay.storage_url = 'http://127.0.0.1:$s3_port/mobs'" -c "ALTER SYSTEM SET openreplay.storage_region = 'us-test-1'" \
	-c "ALTER SYSTEM SET openreplay.storage_access_key_id = 'S3RVER'" -c "ALTER SYSTEM SET openreplay.storage_secret_file = '$dir/s3-secret'" \
	-c "SELECT pg_reload_conf()" > /dev/null
for n in $(seq 50); do
	[ "$(sql -c "SHOW openreplay.storage_access_key_id")" = S3RVER ] && break
	sleep 0.1
done
sql -c "CREATE ROLE viewer LOGIN IN ROLE openreplay_reader" -c "INSERT INTO events.canvas_recordings VALUES ($session, '1760000000000_1', 1760000000000)"
urls()
{
	sql -U viewer -F ' ' -c "SELECT * FROM openreplay.recording_urls($session, '1 minute')"
}
same "what readers get" "$(urls | cut -d' ' -f1 | tr '\n' ' ')" "dom.mobs dom.mobe devtools.mob 1760000000000_1.tar.zst "
while read -r file url; do
	s3 GET "/mobs/$session/$file" > "$work/signed"
	same "$file by its URL" "$(curl -s "$url" | sha256sum)" "$(sha256sum < "$work/signed")"
done < <(urls)
url=$(urls | sed -n 's/^dom.mobs //p')
like "for another object" "$(curl -s "${url/dom.mobs/dom.mobe}")" "*SignatureDoesNotMatch*"
like "longer than it is" "$(curl -s "${url/Expires=60/Expires=600}")" "*SignatureDoesNotMatch*"
like "too late" "$(curl -s "$(sql -c "SELECT openreplay.sign_url('GET', '$session/dom.mobs', '1 minute', now() - interval '2 minutes')")")" "*Request has expired*"
url=$(sql -c "SELECT openreplay.sign_url('PUT', 'put here/a+b', '1 minute')")
curl -s -X PUT --data-binary hello "$url"
same "what was put" "$(curl -s "$(sql -c "SELECT openreplay.sign_url('GET', 'put here/a+b')")")" hello
like "more than a week" "$(sql -c "SELECT openreplay.sign_url('GET', 'a', '8 days')" 2>&1)" "*valid for a second to seven days*"
like "readers sign nothing else" "$(sql -U viewer -c "SELECT openreplay.sign_url('GET', 'a')" 2>&1)" "*permission denied*"
like "nor see the settings" "$(sql -U viewer -c "SHOW openreplay.storage_secret_file" 2>&1)" "*ERROR*examine*"
sql -c "ALTER SYSTEM SET openreplay.storage_secret_file = '$dir/none'" -c "SELECT pg_reload_conf()" > /dev/null
for n in $(seq 50); do
	[ "$(sql -c "SHOW openreplay.storage_secret_file")" = "$dir/none" ] && break
	sleep 0.1
done
like "a secret that is not there" "$(sql -c "SELECT openreplay.sign_url('GET', 'a')" 2>&1)" "*cannot read the storage's secret from*No such file or directory*"
"$PG_BIN/pg_dumpall" > "$work/dump" 2> /dev/null
same "the secret is in no dump" "$(grep -c '^CREATE EXTENSION.* openreplay ' "$work/dump")|$(grep -cF -e "$s3_secret" -e a-wrong-secret "$work/dump")" "1|0"
same "the secret is in no log" "$(as_server grep -c "$s3_secret" "$dir/postgresql.log")" 0

# ---- deleting ----

s3 PUT "/mobs/$session/a%20%26b%27%3Cc.webm" > /dev/null
sql -c "DELETE FROM public.sessions WHERE session_id = $session"
faults '["pass", "pass", 503, "cut answer"]'
upload
like "a deleted session" "$code|$summary" "0|*removed 1; 0 failed"
same "leaves nothing" "$(s3 GET "/mobs?list-type=2&prefix=$session%2F" | grep -c '<Key>')" 0
same "and the others are there" "$(whole "${sessions##*$'\n'}")" 0

# An uploader is stuck while another is given its recording, the session is deleted, and its objects are removed.
last=${sessions##*$'\n'}
sql -c "DELETE FROM openreplay.outbox" -c "SELECT openreplay.queue_recordings(ARRAY[$last])" > /dev/null
requests > /dev/null
faults '["pass", "pass", "pass", "hang"]'
upload S3_TIMEOUT=3 > /dev/null &
upload_pid=$!
seen=
for n in $(seq 100); do
	seen+=" $(requests)"
	[[ $seen == *hang* ]] && break
	sleep 0.05
done
sql -c "UPDATE openreplay.outbox SET claimed_by = 'another'" -c "DELETE FROM public.sessions WHERE session_id = $last" \
	-c "DELETE FROM openreplay.outbox"
s3 DELETE "/mobs/$last/devtools.mob"
s3 DELETE "/mobs/$last/dom.mobs"
s3 DELETE "/mobs/$last/dom.mobe"
s3 GET "/mobs?list-type=2&prefix=$last%2F" | grep -o '<Key>[^<]*' | cut -c6- > "$work/origins"
while read -r key; do s3 DELETE "/mobs/$key"; done < "$work/origins"
wait "$upload_pid"
like "it puts no more" "$seen $(requests)" "*hang*PUT 200 GET 200 DELETE 204 GET 200"
same "and leaves nothing of a deleted session" "$(s3 GET "/mobs?list-type=2&prefix=$last%2F" | grep -c '<Key>')" 0

# ---- what comes late is merged into stored objects, whose batches are gone ----

late=$(sql -c "SELECT min(session_id) FROM public.sessions")
objects='dom.mobs dom.mobe devtools.mob'
# keys: of all its objects, with their origins
keys()
{
	s3 GET "/mobs?list-type=2&prefix=$late%2F" | grep -o '<Key>[^<]*' | cut -d/ -f2
}
# hashes: of the session's objects
hashes()
{
	local file
	for file in $objects; do
		s3 GET "/mobs/$late/$file" | sha256sum
	done
}
sql -c "DELETE FROM openreplay.outbox" -c "SELECT openreplay.queue_recordings(ARRAY[$late])" > /dev/null
upload
all=$(hashes)
for file in $objects; do
	s3 GET "/mobs/$late/$file" > "$work/$file"
done
same "the player's decompressor reads it" "$(cd "$here" && node inflate.mjs "$work/dom.mobs" | sha256sum)" \
	"$(sql -c "SELECT encode(openreplay.recording($late), 'base64')" | base64 -d | sha256sum)"
# a third is taken away, the rest stored and dropped
sql -c "CREATE TABLE late AS SELECT seq AS n, kind, openreplay.decompress_body(body) AS body FROM openreplay.batches WHERE session_id = $late AND kind <> 's' AND seq % 3 = 1" \
	-c "DELETE FROM openreplay.batches WHERE session_id <> $late OR seq IN (SELECT n FROM late)" -c "SELECT openreplay.queue_recordings(ARRAY[$late])" > /dev/null
upload
before=$(keys)
for file in $before; do
	s3 GET "/mobs/$late/$file" > "$work/before.$file"
done
# put_back: the objects as they were before the merge, which is to be done once more
put_back()
{
	local file
	for file in $before; do
		curl -s -X PUT --data-binary "@$work/before.$file" "$(sql -c "SELECT openreplay.sign_url('PUT', '$late/$file')")"
	done
	sql -c "SELECT openreplay.queue_recordings(ARRAY[$late])" > /dev/null
	requests > /dev/null
}
sql -c "ALTER SYSTEM SET openreplay.storage_secret_file = '$dir/s3-secret'" -c "SELECT pg_reload_conf()" \
	-c "UPDATE openreplay.live_sessions SET expires_at = now() - interval '1 day'" -c "SELECT openreplay.expire_live_state()" -c "CALL openreplay.drop_stored_batches()" > /dev/null
sql -c "SELECT openreplay.append_batch($late, body, now(), kind) FROM late ORDER BY n" -c "SELECT openreplay.process_batches()" \
	-c "SELECT openreplay.end_sessions(now() + interval '1 day')" > /dev/null
same "they are gone" "$(sql -c "SELECT batches_gone FROM openreplay.stored_recordings WHERE session_id = $late")" t
requests > /dev/null
upload
same "each object is read once and put once" "$code|$(requests)" "0|$(printf 'GET 200 %.0s' $(seq 6))PUT 200 PUT 200 PUT 200 PUT 200 PUT 200 PUT 200"
same "and is that of all at once" "$(hashes)" "$all"
put_back
faults '[503, "cut", "cut answer", "pass", "hang", "pass", "pass", "cut answer", "pass", "pass", "cut answer", "hang", "pass", 503]'
upload S3_TIMEOUT=1
same "whatever the storage does" "$code|$(hashes)" "0|$all"
# killed between two objects
put_back
faults "[$passes, \"pass\", \"pass\", \"pass\", 500, 500, 500, 500]"
upload
same "two objects are put, the third is not" "$code|$(sql -c "SELECT to_be_retried FROM openreplay.outbox_status")" "1|1"
sql -c "SELECT openreplay.retry_outbox()" > /dev/null
faults '[]'
upload
same "later it is" "$code|$(hashes)" "0|$all"
# An uploader is stuck while another is given its recording, and stores it with more; then it goes on, and replaces an object of that.
put_back
faults "[$passes, \"hang\"]"
upload S3_TIMEOUT=3 &
upload_pid=$!
seen=
for n in $(seq 100); do
	seen+=" $(requests)"
	[[ $seen == *hang* ]] && break
	sleep 0.05
done
sql -c "UPDATE openreplay.outbox SET claimed_by = 'another'" -c "DELETE FROM openreplay.outbox"
wait "$upload_pid"
# shellcheck disable=SC2086 # words
same "what it replaced it stores once more" "$(echo $seen $(requests))" "$(printf 'GET 200 %.0s' $(seq 6))PUT 200 PUT hang PUT 200 $(printf 'GET 200 %.0s' $(seq 6))$(printf ' PUT 200%.0s' $(seq 6) | cut -c2-)"
same "so that all is there" "$(hashes)|$(sql -c "SELECT count(*) FROM openreplay.outbox")" "$all|0"
# what is not there, and what is not told
put_back
upload AWS_SECRET_ACCESS_KEY_FILE= AWS_SECRET_ACCESS_KEY=a-wrong-secret
like "a wrong secret" "$(sql -c "SELECT failed, to_be_retried, last_error FROM openreplay.outbox_status")" "0|1|*GET $late/dom.mobs with 403 SignatureDoesNotMatch*"
sql -c "SELECT openreplay.retry_outbox()" > /dev/null
upload BUCKET_NAME=nowhere
like "no bucket is not no object" "$(sql -c "SELECT failed, to_be_retried, last_error FROM openreplay.outbox_status")" "0|1|*404 NoSuchBucket*"
s3 DELETE "/mobs/$late/dom.mobe"
sql -c "SELECT openreplay.retry_outbox()" > /dev/null
upload
same "an object that is not there" "$(sql -c "SELECT failed, last_error FROM openreplay.outbox_status")" \
	"1|what came late cannot be added to $late/dom.mobe, as its batches are gone and it is not in storage"
put_back
upload SESSION_SIZE_LIMIT=1048576
same "put right it is merged" "$code|$(hashes)" "0|$all"
head -c 1000 "$work/dom.mobs" > "$work/cut"
curl -s -X PUT --data-binary "@$work/cut" "$(sql -c "SELECT openreplay.sign_url('PUT', '$late/dom.mobs')")"
sql -c "SELECT openreplay.queue_recordings(ARRAY[$late])" > /dev/null
upload
same "an object cut off" "$(sql -c "SELECT failed, last_error FROM openreplay.outbox_status")" \
	"1|what came late cannot be added to $late/dom.mobs, as its batches are gone and it is damaged"
put_back
upload
same "is put right as well" "$code|$(hashes)" "0|$all"

tell_result
