#!/usr/bin/env bash
#
# images_test.sh - canvas images and mobile screenshots, in every form trackers send them, and what comes of other things
#
# Prints "images: N passed, M failed".
set -u
test_name=images
. "$(dirname "${BASH_SOURCE[0]}")/http.sh"

start_cluster "$dir" "$port" || die "images_test.sh: cannot start a cluster"
create_openreplay || die "images_test.sh: cannot create the extension (make install?)"
sql -c "INSERT INTO public.projects (name, active, project_key, platform, sample_rate, max_session_duration, beacon_size) VALUES
	('phone', true, 'PhoneProject', 'ios', 100, 7200000, 0),
	('brief', true, 'BriefProject', 'web', 100, 1, 0)"
start_ingest "$dir" TOKEN_SECRET=$secret SPOOL_AFTER_MS=500 SESSION_IMAGES_LIMIT=25000000 || die "images_test.sh: the ingest server does not start"
web=/v1/web/images
mobile=/v1/mobile/images
seen=1760000000123

# send PATH [CURL_ARGUMENT...]
send()
{
	local path=$1
	shift
	ask POST "$path" -H "Authorization: Bearer $token" "$@"
}

# shown: names and sizes of the session's images
shown()
{
	sql -c "SELECT coalesce(string_agg(kind::text || ' ' || name || ' ' || size_bytes, ', ' ORDER BY kind, taken_ms, name), '') FROM openreplay.images($session)"
}

mobile_session()
{
	ask POST /v1/mobile/start --data-binary '{"projectKey":"PhoneProject","trackerVersion":"1.0.14"}'
	token=$(field token)
	session=$(field sessionID)
}

# frame MS FILE: an image as a frame, on standard output
frame()
{
	local hex i
	hex=$(printf '%016x%08x' "$1" "$(stat -c %s "$2")")
	for i in 14 12 10 8 6 4 2 0 22 20 18 16; do
		printf "\\x${hex:i:2}"
	done
	cat "$2"
}

random_bytes 3000 "$work/noise"
{ printf '\xff\xd8\xff\xe0'; head -c 1000 "$work/noise"; } > "$work/a.jpeg"
{ printf '\x89PNG\r\n\x1a\n'; head -c 2000 "$work/noise"; } > "$work/b.png"
{ printf 'RIFF\0\0\0\0WEBP'; head -c 1500 "$work/noise"; } > "$work/c.webp"

# ---- canvases: a file each --------------------------------------------------------------------------------------------

new_session
like "a start tells of canvases" "$(field canvasEnabled) $(field canvasQuality) $(field canvasFPS)" 'true low 1'
send $web -F "snapshot=@$work/c.webp;filename=${seen}_42_$((seen + 1000)).webp;type=image/webp" -F "snapshot=@$work/b.png;filename=${seen}_42_$((seen + 2000)).png" \
	-F "snapshot=@$work/a.jpeg;filename=${seen}_420_$((seen + 1500)).jpg"
answers "three images" 200 ""
same "three images are one entry" "$(sql -c "SELECT string_agg(kind::text, '' ORDER BY seq) FROM openreplay.batches WHERE session_id = $session")" sc
same "three images in SQL" "$(shown)" "c ${seen}_42_$((seen + 1000)).webp 1512, c ${seen}_420_$((seen + 1500)).jpeg 1004, c ${seen}_42_$((seen + 2000)).png 2008"
same "an image is as it was" "$(sql -c "SELECT md5(body) FROM openreplay.images($session) WHERE name LIKE '%.png'")" "$(md5sum < "$work/b.png" | cut -d' ' -f1)"
send $web -F "snapshot=@$work/a.jpeg;filename=${seen}_42_$((seen + 1000)).webp"
same "an image under the same name replaces it" "$(shown)" "c ${seen}_42_$((seen + 1000)).webp 1004, c ${seen}_420_$((seen + 1500)).jpeg 1004, c ${seen}_42_$((seen + 2000)).png 2008"
sql -c "SELECT openreplay.process_batches()" > /dev/null
same "images pass, and only a session comes of them" "$(sql -c "SELECT (SELECT count(*) FROM openreplay.broken_batches), (SELECT count(*) FROM public.sessions WHERE session_id = $session)")" "0|1"
same "images are no messages" "$(sql -c "SELECT count(*) FROM openreplay.messages($session)")" 0

new_session
for name in "../../../${seen}_1_1.webp" "/etc/${seen}_1_2.webp" "C:\\\\x\\\\${seen}_1_3.webp"; do
	send $web -F "snapshot=@$work/c.webp;filename=\"$name\""
	answers "a path as name, $name" 200 ""
done
same "only the last part of a path is a name" "$(shown)" "c ${seen}_1_1.webp 1512, c ${seen}_1_2.webp 1512, c ${seen}_1_3.webp 1512"
for name in passwd "${seen}_1.webp" "${seen}_1_1.svg" "${seen}_1_1.webp.exe" "${seen}_1_x.webp" "-1_1_1.webp" "$(printf '1%.0s' {1..400})_1_1.webp"; do
	send $web -F "snapshot=@$work/c.webp;filename=\"$name\""
	answers "no image's name, ${name:0:30}" 200 ""
done
send $web -F "snapshot=@/dev/null;filename=${seen}_1_9.webp"
answers "an empty image" 200 ""
send $web -F "snapshot=text"
answers "no file" 200 ""
same "nothing of that is stored" "$(shown)" "c ${seen}_1_1.webp 1512, c ${seen}_1_2.webp 1512, c ${seen}_1_3.webp 1512"

# ---- canvases: frames -------------------------------------------------------------------------------------------------

new_session
{ frame $((seen + 1000)) "$work/c.webp"; frame $((seen + 2000)) "$work/b.png"; frame $((seen + 3000)) "$work/noise"; } > "$work/frames"
send $web -F type=frames -F "frames=@$work/frames;filename=${seen}_42.webp.frames"
answers "frames" 200 ""
same "frames are images" "$(shown)" "c ${seen}_42_$((seen + 1000)).webp 1512, c ${seen}_42_$((seen + 2000)).png 2008, c ${seen}_42_$((seen + 3000)).webp 3000"
new_session
head -c 4000 "$work/frames" > "$work/torn"
send $web -F type=frames -F "frames=@$work/torn;filename=${seen}_42.webp.frames"
answers "torn frames" 200 ""
same "torn frames: what is whole" "$(shown)" "c ${seen}_42_$((seen + 1000)).webp 1512, c ${seen}_42_$((seen + 2000)).png 2008"
for name in "${seen}_42.webp" frames "${seen}.webp.frames"; do
	send $web -F "frames=@$work/frames;filename=$name"
	answers "frames called $name" 415 '{"error":"a file of frames is expected"}'
done

# ---- screenshots ------------------------------------------------------------------------------------------------------

mobile_session
mkdir -p "$work/shots/deep/er"
cp "$work/a.jpeg" "$work/shots/${seen}_1_$((seen + 100)).jpeg"
cp "$work/b.png" "$work/shots/deep/er/${seen}_1_$((seen + 200)).png"
cp "$work/noise" "$work/shots/passwd"
cp "$work/noise" "$work/shots/${seen}_2_1.jpeg"
ln -s /etc/passwd "$work/shots/${seen}_1_$((seen + 300)).jpeg"
for format in ustar gnu posix v7; do
	mobile_session
	tar -C "$work/shots" --format=$format -czf "$work/shots.tar.gz" .
	send $mobile -F projectKey=PhoneProject -F "batch=@$work/shots.tar.gz;filename=$session-$((seen + 200)).tar.gz"
	answers "screenshots ($format)" 200 ""
	same "screenshots ($format) in SQL" "$(shown)" "i ${seen}_1_$((seen + 100)).jpeg 1004, i ${seen}_1_$((seen + 200)).png 2008"
done
mobile_session
tar -C "$work/shots" -P --transform 's|^\./|../../../../tmp/|' -czf "$work/climbing.tar.gz" "./${seen}_1_$((seen + 100)).jpeg"
send $mobile -F "batch=@$work/climbing.tar.gz;filename=x.tar.gz"
answers "screenshots that climb" 200 ""
same "screenshots that climb: the last part of the name" "$(tar -tzPf "$work/climbing.tar.gz") $(shown)" "../../../../tmp/${seen}_1_$((seen + 100)).jpeg i ${seen}_1_$((seen + 100)).jpeg 1004"

mobile_session
zero=$(((session >> 24) + 1550000000000))
gzip -c "$work/frames" > "$work/frames.gz"
send $mobile -F type=frames -F "batch=@$work/frames.gz;filename=$session-1.gz"
answers "screenshots as frames" 200 ""
same "screenshots as frames in SQL" "$(shown)" "i ${zero}_1_$((seen + 1000)).webp 1512, i ${zero}_1_$((seen + 2000)).png 2008, i ${zero}_1_$((seen + 3000)).jpeg 3000"

# Three archives in one form, each with 15 MB that are no image: what a form may grow to is for all of it.
mobile_session
mkdir "$work/wide"
cp "$work/a.jpeg" "$work/wide/${seen}_1_$((seen + 100)).jpeg"
head -c 15000000 /dev/zero > "$work/wide/zeros"
tar -C "$work/wide" -czf "$work/wide.tar.gz" .
send $mobile -F "batch=@$work/wide.tar.gz;filename=1.tar.gz" -F "batch=@$work/wide.tar.gz;filename=2.tar.gz" -F "batch=@$work/wide.tar.gz;filename=3.tar.gz"
answers "archives that are too large together" 400 '{"error":"broken archive"}'
same "none of them is stored" "$(shown)" ''
send $mobile -F "batch=@$work/wide.tar.gz;filename=1.tar.gz" -F "batch=@$work/wide.tar.gz;filename=2.tar.gz"
answers "two of them" 200 ''

mobile_session
tar -C "$work/shots" -cf "$work/plain.tar" .
gunzip -c "$work/shots.tar.gz" | head -c 1000 | gzip > "$work/half.tar.gz"
head -c 700 "$work/shots.tar.gz" > "$work/cut.tar.gz"
head -c 60000000 /dev/zero | gzip -1 > "$work/bomb.tar.gz"
head -c 20000 /dev/zero | gzip > "$work/zeros.tar.gz"
gzip -c "$work/noise" > "$work/noise.gz"
for file in noise plain.tar cut.tar.gz bomb.tar.gz noise.gz half.tar.gz zeros.tar.gz; do
	send $mobile -F "batch=@$work/$file;filename=x.tar.gz"
	answers "no archive ($file)" 400 '{"error":"broken archive"}'
done
same "nothing of that is stored" "$(shown)" ""
# far more files than there are ever screenshots
mkdir "$work/many"
for n in $(seq 2001); do
	echo x > "$work/many/1_1_$n.jpeg"
done
tar -C "$work/many" -czf "$work/many.tar.gz" .
send $mobile -F "batch=@$work/many.tar.gz;filename=x.tar.gz"
answers "too many screenshots" 413 '{"error":"too many images"}'
rm "$work/many/1_1_7.jpeg"
tar -C "$work/many" -czf "$work/many.tar.gz" .
send $mobile -F "batch=@$work/many.tar.gz;filename=x.tar.gz"
same "as many as may be" "$status $(sql -c "SELECT count(*) FROM openreplay.images($session)")" "200 2000"

# ---- what is no upload ------------------------------------------------------------------------------------------------

new_session
late_token=qrmzm13cfoxz.3t.mgjauf0b.Bghjox6jwEkkEYzRi99hMQ1Nty4eoyVC7GsqmHhGznhx
printf -- '--xyz\r\nContent-Disposition: form-data; name="snapshot"; filename="1_1_1.webp"\r\n\r\nabc' > "$work/open"
random_bytes 10000001 "$work/more"
for path in $web $mobile; do
	ask POST $path -F "snapshot=@$work/c.webp;filename=1_1_1.webp"
	answers "$path without token" 401 '{"error":"missing token"}'
	ask POST $path -H "Authorization: Bearer x$token" -F "snapshot=@$work/c.webp;filename=1_1_1.webp"
	answers "$path with a forged token" 401 '{"error":"wrong token sign"}'
	ask POST $path -H "Authorization: Bearer $late_token" -F "snapshot=@$work/c.webp;filename=1_1_1.webp"
	answers "$path with an expired token" 401 '{"error":"token expired"}'
	for type in '' 'Content-Type: application/json' 'Content-Type: application/x-www-form-urlencoded' 'Content-Type: multipart/form-data' \
		'Content-Type: multipart/form-data; boundary=' 'Content-Type: multipart/form-data; boundary=""' "Content-Type: multipart/form-data; boundary=$(printf 'x%.0s' {1..5000})"; do
		send $path -H "${type:-Content-Type:}" --data-binary "@$work/open"
		answers "$path, no form: ${type:0:60}" 415 '{"error":"a multipart/form-data body is expected"}'
	done
	for body in '' abc '--xyz' '--xyz--' $'--xyz\r\n\r\n' "@$work/open" "@$work/noise"; do
		send $path -H 'Content-Type: multipart/form-data; boundary=xyz' --data-binary "$body"
		like "$path, half a form: ${body:0:10}" "$status $body" '@(200|400) *'
	done
	send $path -H 'Expect:' -F "snapshot=@$work/more;filename=1_1_1.webp"
	answers "$path over the limit" 413 '{"error":"http: request body too large"}'
	ask GET $path
	answers "GET $path" 405 '{"error":"method not allowed"}'
done
like "metrics: what is no form" "$(gauge 'requests_total{endpoint="web.images",status="415"}') $(gauge 'requests_total{endpoint="mobile.images",status="415"}')" '[1-9]* [1-9]*'
send $web -H 'Content-Type: multipart/form-data; boundary=xyz' --data-binary "@$work/open"
answers "a form without end" 400 '{"error":"broken multipart body"}'
same "nothing of that is stored" "$(shown)" ""

ask POST /v1/web/start --data-binary '{"projectKey":"BriefProject"}'
token=$(field token)
session=$(field sessionID)
sleep 0.1
send $web -F "snapshot=@$work/c.webp;filename=1_1_1.webp"
answers "images with a token just expired" 401 '{"error":"token expired"}'
same "images with a token just expired are stored" "$(shown)" "c 1_1_1.webp 1512"

# ---- much -------------------------------------------------------------------------------------------------------------

# An entry may be larger than what is committed at once, and than a segment of the spool is filled with.
new_session
random_bytes 9999000 "$work/large"
send $web -F "snapshot=@$work/large;filename=1_1_1.webp"
answers "a large image" 200 ""
stop_cluster "$dir" immediate
send $web -F "snapshot=@$work/large;filename=1_1_2.webp"
answers "a large image without a database" 200 ""
kill_server
start_ingest "$dir" TOKEN_SECRET=$secret SPOOL_AFTER_MS=500 SESSION_IMAGES_LIMIT=25000000
start_cluster "$dir" "$port" || die "images_test.sh: PostgreSQL does not start again"
drained
same "both are there" "$(shown)" "c 1_1_1.webp 9999000, c 1_1_2.webp 9999000"
same "as they were" "$(sql -c "SELECT DISTINCT md5(body) FROM openreplay.images($session)")" "$(md5sum < "$work/large" | cut -d' ' -f1)"
new_session
send $web -F "snapshot=@$work/large;filename=1_1_1.webp"
send $web -F "snapshot=@$work/large;filename=1_1_2.webp"
answers "below the session's limit" 200 ""
send $web -F "snapshot=@$work/large;filename=1_1_3.webp"
answers "over the session's limit" 413 '{"error":"too many images"}'
same "what was below it is there" "$(shown)" "c 1_1_1.webp 9999000, c 1_1_2.webp 9999000"

stop_cluster "$dir" fast
stop_ingest
start_ingest "$dir" TOKEN_SECRET=$secret SPOOL_AFTER_MS=300 COMMIT_TIMEOUT_MS=1000 SPOOL_LIMIT=300000 SESSION_IMAGES_LIMIT=25000000 RECORD_CANVAS=false CANVAS_QUALITY=high CANVAS_FPS=3 FRAMES_SUPPORT=true
new_session
same "what trackers are told is a setting" "$(field canvasEnabled) $(field canvasQuality) $(field canvasFPS) $(field framesSupport)" "false high 3 true"
send $web -F "snapshot=@$work/large;filename=1_1_1.webp"
answers "neither database nor room in the spool" 503 "{\"error\":\"can't save message, try again\"}"
for n in 1 2 3; do
	send $web -F "snapshot=@$work/large;filename=1_1_1.webp"
done
answers "and again: what is not stored does not count" 503 "{\"error\":\"can't save message, try again\"}"

tell_result
