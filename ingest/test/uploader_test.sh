#!/usr/bin/env bash
#
# uploader_test.sh - recordings leave the database for a directory: the files, late data, removals, failures, kills
#
# Prints "uploader: N passed, M failed".
set -u
test_name=uploader
. "$(dirname "${BASH_SOURCE[0]}")/http.sh"

uploaders=
stop_uploaders()
{
	local pid
	for pid in $uploaders; do
		kill -KILL "$pid" 2> /dev/null
	done
	clean_up
}
trap stop_uploaders EXIT

make -s -C "$PROJECT_ROOT" build/captures || die "uploader_test.sh: cannot unpack the recordings"
export OPENREPLAY_CAPTURES=$PROJECT_ROOT/build/captures
start_cluster "$dir" "$port" "shared_preload_libraries = 'openreplay'" "openreplay.database = 'no database'" \
	|| die "uploader_test.sh: cannot start a cluster"
create_openreplay || die "uploader_test.sh: cannot create the extension (make install?)"
sql -c "CREATE ROLE uploader LOGIN IN ROLE openreplay_uploader"
as_server mkdir -m 700 "$dir/storage"
install -m 755 "$PROJECT_ROOT/openreplay-uploader" "$dir/openreplay-uploader"
mobs=$dir/storage/mobs
names='s1-browse-short s2-checkout-full s3-frustration s4-multipage s5-heavy-dom s6-three-tabs s7-idle s8-widgets'

# upload [KEY=VALUE...] [-- ARGUMENT...]: runs one, its words in $work/log, its summary in $summary
upload()
{
	summary=$(as_server env "DATABASE_URL=host=$PGHOST port=$PGPORT user=uploader dbname=$PGDATABASE" STORAGE_DIR="$dir/storage" \
		METRICS_FILE="$dir/metrics" "$@" "$dir/openreplay-uploader" --once 2> "$work/log")
	code=$?
}

# serve NAME: one that stays
serve()
{
	"${AS_SERVER[@]}" env "DATABASE_URL=host=$PGHOST port=$PGPORT user=uploader dbname=$PGDATABASE" STORAGE_DIR="$dir/storage" \
		UPLOADER_NAME="$1" UPLOADER_WORKERS=2 "$dir/openreplay-uploader" >> "$dir/uploader.log" 2>&1 3>&- &
	server=$!
	uploaders+=" $server"
}

# How many stored files are not the bytes of openreplay.recording(), or are missing, or are there and should not be.
different()
{
	sql -c "SELECT count(*) FROM openreplay.stored_recordings s, unnest('{dom.mobs,dom.mobe,devtools.mob}'::text[]) file,
		LATERAL (SELECT pg_read_binary_file('$mobs/' || session_id || '/' || file, 0, 1000000000, true) AS stored) f
		WHERE openreplay.decompress_body(stored) IS DISTINCT FROM openreplay.recording(session_id, file)"
}
waiting()
{
	sql -c "SELECT count(*) FROM openreplay.outbox WHERE NOT given_up"
}
# becomes WHAT SQL VALUE
becomes()
{
	local n
	for n in $(seq 200); do
		[ "$(sql -c "$2")" = "$3" ] && break
		sleep 0.1
	done
	same "$1" "$(sql -c "$2")" "$3"
}
# The end of all sessions, after all has been processed
end_all()
{
	sql -c "SELECT openreplay.process_batches()" -c "SELECT openreplay.end_sessions(now())" > /dev/null
}

# ---- eight visits, from batches to files ----

{
	cat "$PROJECT_ROOT/sql/include/captures.sql"
	for name in $names; do
		echo "SELECT pg_temp.append_capture('$name', 1);"
	done
} | (cd "$PROJECT_ROOT" && sql > /dev/null)
end_all
same "the ends have queued" "$(sql -c "SELECT count(*) FROM openreplay.outbox WHERE kind = 'recording'")" 8
upload UPLOADER_WORKERS=2
same "all goes well" "$code" 0
like "the summary" "$summary" "stored 8 recordings in 24 files, * bytes as *; removed 0; 0 failed"
same "nothing waits" "$(sql -c "SELECT count(*) FROM openreplay.outbox")" 0
same "they are known to be stored" "$(sql -c "SELECT count(*) FROM openreplay.stored_recordings")" 8
same "the files are what SQL shows" "$(different)" 0
larger=
while read -r file; do
	[ $(($(as_server stat -c %s "$file") * 100)) -le $(($(as_server unzstd -q -c "$file" | zstd -3 -q -c | wc -c) * 105)) ] || larger+=" $file"
done < <(as_server find "$dir/storage" -type f -name '*.mob*' ! -name '*.origin')
same "none is larger than 1.05 times what zstd -3 makes of it" "$larger" ""
same "and each has its origin beside it" "$(as_server find "$dir/storage" -type f -name '*.origin' | wc -l)" 24
same "and there are no others" "$(as_server find "$dir/storage" -type f | wc -l)" 48
same "nobody else may read them" "$(as_server find "$dir/storage" -type f -perm /007 | wc -l)" 0
same "metrics" "$(as_server grep '^openreplay_uploader_recordings_total' "$dir/metrics")" "openreplay_uploader_recordings_total 8"
session=$(sql -c "SELECT min(session_id) FROM public.sessions")
# zstd's magic, and a frame that tells its size: what players make room by
like "a frame" "$(as_server od -An -tx1 -N4 "$mobs/$session/dom.mobs")" "*28 b5 2f fd"
upload
same "nothing is done twice" "$summary" "stored 0 recordings in 0 files, 0 bytes as 0; removed 0; 0 failed"

# ---- late data: the session ends again, and its files are replaced ----

before=$(as_server stat -c %s "$mobs/$session/dom.mobe")
{
	cat "$PROJECT_ROOT/sql/include/encode.sql"
	echo "SELECT openreplay.append_batch($session, pg_temp.batch(0, 100000, (SELECT start_ts FROM public.sessions WHERE session_id = $session) + 90000,
		'https://late.test/', 'e43d425236f2', pg_temp.msg(20, pg_temp.uint(7), pg_temp.uint(8))), now());"
} | (cd "$PROJECT_ROOT" && sql > /dev/null)
sql -c "SELECT openreplay.process_batches()" -c "SELECT openreplay.end_sessions(now() + interval '1 hour')" > /dev/null
upload
like "the session is stored again" "$summary" "stored 1 recordings in 3 files*"
same "the files have what came late" "$(different)" 0
[ "$(as_server stat -c %s "$mobs/$session/dom.mobe")" -gt "$before" ]
same "they have grown" $? 0

# ---- images: an archive a canvas, one of the screen ----

record="CREATE FUNCTION pg_temp.record(name text, image bytea) RETURNS bytea LANGUAGE sql AS \$\$
	SELECT set_byte('\\x0000', 0, length(name)) || convert_to(name, 'UTF8')
		|| set_byte(set_byte('\\x00000000', 0, length(image) & 255), 1, length(image) >> 8) || image \$\$"
sql -c "$record" -c "SELECT openreplay.append_batch($session, pg_temp.record('1760000000000_1_1760000002000.webp', '\\xbb')
		|| pg_temp.record('1760000000000_1_1760000001000.webp', repeat('a', 600)::bytea), now(), 'c'),
	openreplay.append_batch($session, pg_temp.record('1760000000000_12_1760000001000.png', '\\xcc'), now(), 'c'),
	openreplay.append_batch($session, pg_temp.record('1760000000000_1_1760000003000.jpeg', '\\xdd'), now(), 'i'),
	openreplay.append_batch($session, pg_temp.record('1760000000000_1_1760000002000.webp', '\\xee'), now(), 'c')" \
	-c "SELECT openreplay.queue_recordings(ARRAY[$session])" > /dev/null
upload
same "images are packed" "$code" 0
# archive NAME ARGUMENTS: what tar makes of one
archive()
{
	sql -c "SELECT encode(openreplay.decompress_body(pg_read_binary_file('$mobs/$session/$1')), 'base64')" | base64 -d > "$work/archive"
	shift
	tar "$@" < "$work/archive"
}
same "a canvas" "$(archive 1760000000000_1.tar.zst -t)" $'1760000000000_1_1760000001000.webp\n1760000000000_1_1760000002000.webp'
same "of an image sent again the last counts" "$(archive 1760000000000_1.tar.zst -xO 1760000000000_1_1760000002000.webp | od -An -tx1)" " ee"
same "an image of more than a block" "$(archive 1760000000000_1.tar.zst -xO 1760000000000_1_1760000001000.webp)" "$(printf 'a%.0s' $(seq 600))"
same "a canvas whose number begins alike" "$(archive 1760000000000_12.tar.zst -t)" 1760000000000_12_1760000001000.png
same "the screen" "$(archive replay.tar.zst -t)" 1760000000000_1_1760000003000.jpeg

# ---- a storage that fails ----

as_server chmod 500 "$mobs/$session"
sql -c "SELECT openreplay.queue_recordings(array_agg(session_id)) FROM openreplay.stored_recordings" > /dev/null
upload
same "the exit code tells" "$code" 1
like "the others are stored" "$summary" "stored 7 recordings*; 1 failed"
like "it is tried again, and why" "$(sql -c "SELECT to_be_retried, last_error FROM openreplay.outbox_status")" "1|cannot rename a file to $mobs/$session/*: Permission denied"
same "nothing is left behind" "$(as_server find "$dir/storage/.partial" -type f | wc -l)" 0
as_server chmod 700 "$mobs/$session"
sql -c "SELECT openreplay.retry_outbox()" > /dev/null
upload
same "and then it is stored" "$code|$(waiting)|$(different)" "0|0|0"

# ---- limits: what fits is stored, and it is told ----

same "its files are known" "$(sql -c "SELECT files FROM openreplay.stored_recordings WHERE session_id = $session")" \
	"{devtools.mob,dom.mobe,dom.mobs,1760000000000_1.tar.zst,1760000000000_12.tar.zst,replay.tar.zst}"
sql -c "SELECT openreplay.queue_recordings(ARRAY[$session])" > /dev/null
upload MAX_FILE_SIZE=5000
same "a limited file" "$code" 0
like "is told" "$(cat "$work/log")" "*a recording is cut at a size limit session=$session*"
[ -z "$(as_server find "$mobs/$session" -name dom.mobe)" ]
same "without a second part" $? 0
same "and is the beginning of the whole" "$(sql -c "SELECT length(stored) BETWEEN 3000 AND 5000 AND stored = substring(openreplay.recording($session) FROM 1 FOR length(stored))
	FROM (SELECT openreplay.decompress_body(pg_read_binary_file('$mobs/$session/dom.mobs')) AS stored) s")" t
sql -c "SELECT openreplay.queue_recordings(ARRAY[$session])" > /dev/null
upload
same "without it all is there" "$(different)" 0

# ---- batches that are gone and were never stored ----

other=$(sql -c "SELECT max(session_id) FROM public.sessions")
sql -c "BEGIN" -c "DELETE FROM openreplay.batches WHERE session_id = $other AND seq < (SELECT max(seq) FROM openreplay.batches WHERE session_id = $other)" \
	-c "DELETE FROM openreplay.stored_recordings WHERE session_id = $other" -c "SELECT openreplay.queue_recordings(ARRAY[$other])" -c "COMMIT" > /dev/null
upload
like "late data without what came before" "$code|$(sql -c "SELECT failed, last_error FROM openreplay.outbox_status")" \
	"1|1|the first batches of session $other are gone from the database, and were not stored"
sql -c "DELETE FROM openreplay.outbox"

# ---- deleting ----

sql -c "DELETE FROM public.sessions WHERE session_id = $session"
upload
like "a deleted session" "$summary" "stored 0*; removed 1; 0 failed"
same "leaves nothing" "$(as_server ls "$mobs" | grep -c "^$session$")" 0
sql -c "DELETE FROM openreplay.stored_recordings WHERE session_id = $session"

# ---- several, and kills ----

as_server rm -rf "$mobs"
serve one
first=$server
serve two
sql -c "SELECT openreplay.queue_recordings(array_agg(session_id)) FROM openreplay.stored_recordings" > /dev/null
becomes "two uploaders empty the outbox" "SELECT count(*) FROM openreplay.outbox" 0
same "of all files" "$(different)" 0

stop_cluster "$dir" immediate
sleep 1
start_cluster "$dir" "$port"
sql -c "SELECT openreplay.queue_recordings(array_agg(session_id)) FROM openreplay.stored_recordings" > /dev/null
becomes "they go on when the database is back" "SELECT count(*) FROM openreplay.outbox" 0

for round in 1 2 3 4 5; do
	sql -c "SELECT openreplay.queue_recordings(array_agg(session_id)) FROM openreplay.stored_recordings" > /dev/null
	sleep 0.0$round
	kill -KILL "$first"
	wait "$first" 2> /dev/null
	# as if a minute had passed in silence
	sql -c "UPDATE openreplay.uploaders SET heartbeat = heartbeat - interval '1 hour' WHERE worker LIKE 'one/%'"
	sql -c "UPDATE openreplay.outbox SET next_try = now() WHERE claimed_by IS NULL"
	serve one
	first=$server
done
for n in $(seq 100); do
	[ "$(waiting)" = 0 ] && break
	sql -c "SELECT openreplay.retry_outbox()" > /dev/null
	sleep 0.1
done
same "after five kills nothing waits" "$(waiting)" 0
same "and every file is whole" "$(different)" 0
second=${uploaders##* }
for pid in $uploaders; do
	kill -0 "$pid" 2> /dev/null && kill -TERM "$pid"
done
wait "$first"
same "SIGTERM is a good end" $? 0
wait
same "nothing is held then" "$(sql -c "SELECT count(*) FROM openreplay.outbox WHERE claimed_by IS NOT NULL")" 0

# ---- what it tells those who watch it ----

as_server rm -rf "$mobs"
metrics_port=$(free_port)
# page PATH [CURL_ARGUMENT...]
page()
{
	local path=$1
	shift
	curl -s -m 10 "$@" "http://127.0.0.1:$metrics_port$path"
}
# metric NAME{LABELS}
metric()
{
	page /metrics | sed -n "s/^openreplay_uploader_$1 //p"
}
# metric_becomes WHAT NAME PATTERN
metric_becomes()
{
	local n value
	for n in $(seq 250); do
		value=$(metric "$2")
		# shellcheck disable=SC2053 # a pattern is wanted
		[[ $value == $3 ]] && break
		sleep 0.1
	done
	like "$1" "$value" "$3"
}
sql -c "DELETE FROM openreplay.outbox" -c "SELECT openreplay.queue_outbox('webhook', '{}'), openreplay.queue_outbox('carrier pigeon', '{}')" > /dev/null
sql -c "UPDATE openreplay.outbox SET given_up = true"
export METRICS_PORT=$metrics_port DELIVERIES=0
serve watched
unset METRICS_PORT DELIVERIES
metric_becomes "it is heard of" beat_age_seconds '[0-9]*'
like "given up is worth a warning" "$(page /health -w ' %{http_code} %{content_type}')" \
	'{"status":"warn","checks":{"postgres":\[{"status":"pass","time":"*ms"}\],"jobs":\[{"status":"pass","failures_in_a_row":0}\],"outbox":\[{"status":"warn","given_up":2}\]}} 200 application/health+json'
sql -c "DELETE FROM openreplay.outbox" -c "SELECT openreplay.queue_recordings(array_agg(session_id)) FROM openreplay.stored_recordings" > /dev/null
count=$(sql -c "SELECT count(*) FROM openreplay.stored_recordings")
metric_becomes "progress: recordings" recordings_total "$count"
same "how long each took" "$(metric 'job_seconds_count{kind="recording"}') $(metric 'job_seconds_bucket{kind="recording",le="+Inf"}')" "$count $count"
metric_becomes "nobody is busy then" workers_busy 0
metric_becomes "the backlog: none" 'outbox_given_up{kind="other"}' 0
like "all is well" "$(page /health)" '{"status":"pass",*}'
page /metrics > "$work/metrics"
told=$(node "$PROJECT_ROOT/ingest/test/metrics.mjs" < "$work/metrics")
same "metrics are Prometheus' text ($told)" $? 0
as_server cat "$dir/metrics" | node "$PROJECT_ROOT/ingest/test/metrics.mjs" > /dev/null
same "so is the file" $? 0
# unnamed WORD...: those that the manual has not among the first words of a table's line
unnamed()
{
	local word
	for word; do
		grep -q "^| [^|]*\`$word[\`{]" "$PROJECT_ROOT/ingest/uploader/README.md" || echo "$word"
	done
}
# shellcheck disable=SC2046 # words
same "metrics that the manual does not name" "$(unnamed $(sed -n 's/^# TYPE openreplay_uploader_\([a-z_]*\) .*/\1/p' "$work/metrics"))" ''
# shellcheck disable=SC2046 # words
same "keys that the manual does not name" "$(unnamed $(sed -n 's/^\t{"\([A-Z0-9_]*\)", CONFIG.*/\1/p' "$PROJECT_ROOT/ingest/uploader/settings.c"))" ''
same "HEAD" "$(page /metrics -I -o /dev/null -w '%{http_code}')" 200
same "nothing is taken" "$(page /metrics -d x -o /dev/null -w '%{http_code}')" 405
same "nor is anything else there" "$(page / -o /dev/null -w '%{http_code}')" 404
# silent clients hold it up for as long as their connections may last
for n in $(seq 40); do
	exec {silent[n]}<> "/dev/tcp/127.0.0.1/$metrics_port"
done
metric_becomes "it answers beside silent clients" workers 2
for n in $(seq 40); do
	exec {silent[n]}>&-
done
# a storage that fails
as_server chmod 500 "$dir/storage/.partial"
sql -c "SELECT openreplay.queue_recordings(array_agg(session_id)) FROM openreplay.stored_recordings" > /dev/null
metric_becomes "failures are counted" failures_total "$count"
like "and are worth a warning" "$(page /health)" "{\"status\":\"warn\",*\"failures_in_a_row\":$count}*"
as_server chmod 700 "$dir/storage/.partial"
sql -c "SELECT openreplay.retry_outbox()" > /dev/null
becomes "which ends" "SELECT count(*) FROM openreplay.outbox" 0
like "with the next success" "$(page /health)" '*"failures_in_a_row":0}*'
like "two cannot listen at one port" "$(as_server env "DATABASE_URL=host=$PGHOST port=$PGPORT user=uploader dbname=$PGDATABASE" STORAGE_DIR="$dir/storage" \
	METRICS_PORT="$metrics_port" "$dir/openreplay-uploader" 2>&1)" "*cannot listen on 127.0.0.1 port $metrics_port: Address already in use"
kill -TERM "$server"
wait "$server"
same "it ends as ever" $? 0

unit=$("${PG_CONFIG:-pg_config}" --sharedir)/openreplay/openreplay-uploader.service
same "systemd finds nothing wrong with the unit" "$(systemd-analyze verify "$unit" 2>&1; echo $?)" 0
like "which runs what is installed" "$(grep ^ExecStart= "$unit")" "ExecStart=$PG_BIN/openreplay-uploader --config *"
works "and may do little" systemd-analyze security --offline=true --threshold=20 "$unit"

# ---- what it says of its settings ----

says()
{
	env -i PATH="$PATH" "$@" "$dir/openreplay-uploader" --once 2>&1 > /dev/null | sed 's/^[^ ]* //'
}
like "no storage" "$(says)" "error configuration: give either STORAGE_DIR, * or AWS_ACCESS_KEY_ID *"
like "half of a key" "$(says AWS_ACCESS_KEY_ID=a)" "error configuration: AWS_SECRET_ACCESS_KEY or AWS_SECRET_ACCESS_KEY_FILE is missing"
like "an endpoint without a scheme" "$(says AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b AWS_ENDPOINT=host)" "error configuration: AWS_ENDPOINT: host begins with neither*"
like "a relative one" "$(says STORAGE_DIR=here)" "error configuration: STORAGE_DIR: here does not begin with a slash"
like "one that is not there" "$(says STORAGE_DIR="$work/nowhere")" "error the storage cannot be used error=\"cannot make $work/nowhere/.partial: No such file or directory\""
like "no database" "$(says STORAGE_DIR="$work" DATABASE_URL="host=$work")" "error cannot connect to the database*"

tell_result
