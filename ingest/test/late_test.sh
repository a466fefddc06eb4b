#!/usr/bin/env bash
#
# late_test.sh - what comes when a session's batches have gone is merged into its stored files, as if it had been there before
#
# All files are made once from all batches. Then a third of the batches is taken away, the rest stored and dropped, and the third
# brought back: the files must become, byte for byte, what they were.
#
#   late_test.sh [PLAYER]      the generation of players that files are for (1.27)
#
# Prints "late: N passed, M failed".
set -u
test_name=late
player=${1:-1.27}
. "$(dirname "${BASH_SOURCE[0]}")/http.sh"

make -s -C "$PROJECT_ROOT" build/captures || die "late_test.sh: cannot unpack the recordings"
export OPENREPLAY_CAPTURES=$PROJECT_ROOT/build/captures
start_cluster "$dir" "$port" "shared_preload_libraries = 'openreplay'" "openreplay.database = 'no database'" "fsync = off" \
	|| die "late_test.sh: cannot start a cluster"
create_openreplay || die "late_test.sh: cannot create the extension (make install?)"
sql -c "CREATE ROLE uploader LOGIN IN ROLE openreplay_uploader" -c "ALTER DATABASE \"$PGDATABASE\" SET openreplay.player = '$player'"
as_server mkdir -m 700 "$dir/all" "$dir/storage"
install -m 755 "$PROJECT_ROOT/openreplay-uploader" "$dir/openreplay-uploader"
mobs=$dir/storage/mobs

# upload [KEY=VALUE...]: runs one, its words in $work/log, its summary in $summary
upload()
{
	summary=$(as_server env "DATABASE_URL=host=$PGHOST port=$PGPORT user=uploader dbname=$PGDATABASE" STORAGE_DIR="$dir/storage" "$@" \
		"$dir/openreplay-uploader" --once 2> "$work/log")
	code=$?
}
# End all sessions, as if a day had passed
end_all()
{
	sql -c "SELECT openreplay.process_batches()" -c "SELECT openreplay.end_sessions(now() + interval '1 day')" > /dev/null
}
# What is stored may go, once nobody can send more with a token of then
expire_and_drop()
{
	sql -c "UPDATE openreplay.live_sessions SET expires_at = now() - interval '1 day'" -c "SELECT openreplay.expire_live_state()" \
		-c "CALL openreplay.drop_stored_batches()" > /dev/null
}
batches_here()
{
	sql -c "SELECT count(*) FROM openreplay.batches WHERE kind <> 's' AND session_id IN (SELECT session_id FROM public.sessions)"
}
# hashes DIRECTORY: the names and contents of all files in it, as hashes, but for origins, which stay when files are replaced
hashes()
{
	sql -c "SELECT d.session || '/' || f.name, sha256(b)
		FROM pg_ls_dir('$1/mobs') AS d (session), LATERAL pg_ls_dir('$1/mobs/' || d.session) AS f (name),
			LATERAL pg_read_binary_file('$1/mobs/' || d.session || '/' || f.name) AS b WHERE f.name NOT LIKE '%.origin' ORDER BY 1"
}

same "files are for players of $player" "$(sql -c "SHOW openreplay.player")" "$player"

# ---- all sessions, once with all they have ----

{
	cat "$PROJECT_ROOT/sql/include/captures.sql" "$PROJECT_ROOT/sql/include/encode.sql"
	cat <<-'SQL'
		SELECT pg_temp.append_capture(name, 1) FROM (SELECT DISTINCT capture AS name FROM capture_requests) c ORDER BY name;
		CREATE FUNCTION pg_temp.record(name text, image bytea) RETURNS bytea LANGUAGE sql AS $$
			SELECT set_byte('\x0000', 0, length(name)) || convert_to(name, 'UTF8')
				|| set_byte(set_byte('\x00000000', 0, length(image) & 255), 1, length(image) >> 8) || image $$;
		SELECT date_trunc('hour', now()) - interval '5 hours' AS then \gset
		SELECT min(session_id) AS web, openreplay.session_id_at(:'then') AS app, (extract(epoch FROM timestamptz :'then') * 1000)::bigint AS t0 FROM openreplay.batches \gset
		SELECT openreplay.append_batch(:app, convert_to(jsonb_build_object('session_id', (:app)::text, 'project_id', 1, 'start_ts', :t0,
			'platform', 'ios', 'user_uuid', '7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5', 'delay_ms', 0, 'expires_ms', :t0 + 7200000)::text, 'UTF8'), :'then', 's');
		-- an app's batches overlap when they are sent again after an error
		SELECT openreplay.append_batch(:app, pg_temp.mobile_batch(n * 3, :t0 + n * 1000, pg_temp.tap(:t0 + n * 1000, 'tap ' || n * 3 + 1),
			pg_temp.tap(:t0 + n * 1000 + 10, 'tap ' || n * 3 + 2), pg_temp.tap(:t0 + n * 1000 + 20, 'tap ' || n * 3 + 3), pg_temp.tap(:t0 + n * 1000 + 1000, 'tap ' || n * 3 + 4)),
			timestamptz :'then' + n * interval '1 second', 'm') FROM generate_series(0, 20) n;
		SELECT openreplay.append_batch(:app, pg_temp.record('1760000000000_1_176000000' || 1000 + n || '.jpeg', repeat('s', 100 * n)::bytea), timestamptz :'then' + n * interval '1 second', 'i')
		FROM generate_series(1, 9) n;
		SELECT openreplay.append_batch(:web, pg_temp.record('1760000000000_' || 1 + n % 2 || '_176000000' || 1000 + n || '.webp', repeat('c', 50 * n)::bytea), timestamptz :'then' + n * interval '1 second', 'c')
		FROM generate_series(1, 9) n;
		-- images that came again, and are others now
		SELECT openreplay.append_batch(:web, pg_temp.record('1760000000000_2_1760000001003.webp', 'again'), timestamptz :'then' + interval '20 seconds', 'c');
		SELECT openreplay.append_batch(:web, pg_temp.record('1760000000000_2_1760000001005.webp', 'again'), timestamptz :'then' + interval '20 seconds', 'c');
	SQL
} | (cd "$PROJECT_ROOT" && sql > /dev/null)
end_all
sql -c "CREATE TABLE whole AS SELECT session_id, file, openreplay.recording(session_id, file) AS bytes
	FROM public.sessions, unnest('{dom.mobs,dom.mobe,devtools.mob}'::text[]) AS file"
upload STORAGE_DIR="$dir/all"
same "all at once" "$code" 0
same "are the files that SQL shows" "$(sql -c "SELECT count(*) FROM whole, LATERAL (SELECT pg_read_binary_file('$dir/all/mobs/' || session_id || '/' || file, 0, 1000000000, true) AS stored) f
	WHERE openreplay.decompress_body(stored) IS DISTINCT FROM bytes")" 0

# ---- a third is late ----

sql -c "CREATE TABLE late AS SELECT row_number() OVER (ORDER BY received_at, seq) AS n, session_id, kind, openreplay.decompress_body(body) AS body FROM openreplay.batches
		WHERE kind <> 's' AND seq % 3 = 1" \
	-c "DELETE FROM openreplay.batches WHERE kind <> 's' AND seq % 3 = 1" \
	-c "SELECT openreplay.queue_recordings(array_agg(session_id)) FROM public.sessions" > /dev/null
upload
same "two thirds are stored" "$code" 0
[ "$(hashes "$dir/all")" != "$(hashes "$dir/storage")" ]
same "which is not all" $? 0
expire_and_drop
same "and their batches are gone" "$(batches_here)" 0
same "which is known of all sessions" "$(sql -c "SELECT count(*), count(*) FILTER (WHERE batches_gone) FROM openreplay.stored_recordings")" "9|9"
session=$(sql -c "SELECT min(session_id) FROM late")
like "a recording is no longer made in SQL" "$(sql -c "SELECT openreplay.recording($session)" 2>&1)" \
	"*batches of session $session are no longer in the database*Its recording is in storage*openreplay.recording_urls()*"
as_server cp -a "$mobs" "$dir/before"

# bring WHERE: late batches arrive, by now so old that they may go when they are stored
bring()
{
	sql -c "SELECT openreplay.append_batch(session_id, body, date_trunc('hour', now()) - interval '3 hours' + n * interval '1 second', kind) FROM late WHERE $1 ORDER BY n" > /dev/null
	end_all
}
bring true
same "all sessions end again" "$(sql -c "SELECT count(*) FROM openreplay.outbox WHERE kind = 'recording'")" 9
same "late batches stay" "$(sql -c "SELECT DISTINCT openreplay.why_batches_stay(tableoid::regclass) FROM openreplay.batches")" live
sql -c "UPDATE openreplay.live_sessions SET expires_at = now() - interval '1 day'" -c "SELECT openreplay.expire_live_state()" > /dev/null
same "until they are stored" "$(sql -c "SELECT DISTINCT openreplay.why_batches_stay(tableoid::regclass) FROM openreplay.batches")" "not stored"
upload UPLOADER_WORKERS=2 METRICS_FILE="$dir/metrics"
same "as metrics tell" "$(as_server grep -E '^openreplay_uploader_(merged|recordings)_total' "$dir/metrics")" \
	$'openreplay_uploader_recordings_total 9\nopenreplay_uploader_merged_total 9'
same "they are merged" "$code|$(sql -c "SELECT count(*) FROM openreplay.outbox")" "0|0"
hashes "$dir/all" > "$work/all"
same "the files are those of all at once" "$(hashes "$dir/storage" | diff - "$work/all")" ""

# ---- once more, and after a kill at each step ----

sql -c "SELECT openreplay.queue_recordings(array_agg(session_id)) FROM openreplay.stored_recordings" > /dev/null
upload
same "merged again they are the same" "$code|$(hashes "$dir/storage" | diff - "$work/all")" "0|"
for put in "" devtools.mob "devtools.mob dom.mobe" "devtools.mob dom.mobe dom.mobs"; do
	as_server rm -rf "$dir/killed"
	as_server mv "$mobs" "$dir/killed"
	as_server cp -a "$dir/before" "$mobs"
	for file in '*.origin' $put; do
		as_server sh -c 'cd "$0" && for each in */$1; do cp -a "$each" "$2/$each"; done' "$dir/killed" "$file" "$mobs"
	done
	sql -c "SELECT openreplay.queue_recordings(array_agg(session_id)) FROM openreplay.stored_recordings" > /dev/null
	upload
	same "killed when it had put $put" "$code|$(hashes "$dir/storage" | diff - "$work/all")" "0|"
done

# ---- what is stored is damaged, or not there ----

# broken WHAT ERROR: the row is given up with that error, nothing is touched, and put right it is done by SQL
broken()
{
	local before
	before=$(hashes "$dir/storage")
	sql -c "SELECT openreplay.queue_recordings(ARRAY[$session])" > /dev/null
	upload
	like "$1" "$code|$(sql -c "SELECT failed, last_error FROM openreplay.outbox_status WHERE kind = 'recording'")" \
		"1|1|what came late cannot be added to $session/$2"
	same "$1: nothing is touched" "$(hashes "$dir/storage")" "$before"
	same "$1: the batches stay" "$(sql -c "SELECT DISTINCT openreplay.why_batches_stay(tableoid::regclass) FROM openreplay.batches")" "not stored"
	as_server rm -rf "$mobs/$session"
	as_server cp -a "$dir/before/$session" "$mobs/$session"
	sql -c "SELECT openreplay.retry_outbox()" > /dev/null
	upload
	same "$1: put right it is merged" "$code|$(hashes "$dir/storage" | diff - "$work/all")" "0|"
}
as_server sh -c 'printf "\0\0\0\0" | dd of="$0" bs=1 seek=900 conv=notrunc status=none' "$mobs/$session/dom.mobs"
broken "a damaged file" "dom.mobs, as its batches are gone and it is damaged"
as_server truncate -s 100 "$mobs/$session/dom.mobe"
broken "a file cut off" "dom.mobe, as its batches are gone and it is damaged"
as_server truncate -s 0 "$mobs/$session/devtools.mob"
broken "an empty file" "devtools.mob, as its batches are gone and it is damaged"
for file in dom.mobs dom.mobe devtools.mob 1760000000000_1.tar.zst; do
	as_server rm "$mobs/$session/$file"
	broken "without $file" "$file, as its batches are gone and it is not in storage"
done
as_server cp "$mobs/$session/devtools.mob" "$mobs/$session/dom.mobe"
broken "a file in another's place" "dom.mobe, as its batches are gone and it is not what was stored, or has lost its origin"
as_server sh -c 'rm "$0"/dom.mobs.*.origin' "$mobs/$session"
broken "an origin that is lost" "dom.mobs, as its batches are gone and it is not what was stored, or has lost its origin"
as_server sh -c 'truncate -s 50 "$0"/dom.mobs.*.origin' "$mobs/$session"
broken "an origin cut off" "dom.mobs.*.origin, as its batches are gone and it is damaged"
as_server sh -c 'unzstd -q -f "$0" -o "$1" && zstd -q -12 -f "$1" -o "$0"' "$mobs/$session/dom.mobs" "$dir/unpacked"
broken "a file that somebody else has packed" "dom.mobs, as its batches are gone and it is not what was stored, or has lost its origin"
sql -c "SELECT openreplay.queue_recordings(ARRAY[$session])" > /dev/null
upload SESSION_SIZE_LIMIT=1048576
same "a limit that it keeps" "$code" 0

# ---- what was late may go, too ----

expire_and_drop
same "then all batches are gone" "$(batches_here)" 0
# a batch that came before comes once more, as from the spool of a server that was believed lost
bring "n % 5 = 0"
upload
same "what comes again changes nothing" "$code|$(hashes "$dir/storage" | diff - "$work/all")" "0|"
expire_and_drop

# an image alone, of a canvas that is stored, and one of a canvas that nobody knew
sql -c "CREATE TABLE image AS SELECT name, set_byte('\\x0000', 0, length(name)) || convert_to(name, 'UTF8') || '\\x0400000061626364' AS record
		FROM unnest('{1760000000000_2_1760000009999.webp,1760000000000_3_1760000000001.webp}'::text[]) AS name" \
	-c "SELECT openreplay.append_batch($session, record, date_trunc('hour', now()) - interval '3 hours', 'c') FROM image" > /dev/null
end_all
upload
same "images alone are packed" "$code|$(hashes "$dir/storage" | diff - "$work/all" | grep -c '^[<>]')" "0|3"
# names ARCHIVE: what is in it
names()
{
	as_server unzstd -q -c "$mobs/$session/$1" | tar -t | tr '\n' ' '
}
same "beside what was there" "$(names 1760000000000_2.tar.zst)" \
	"1760000000000_2_1760000001001.webp 1760000000000_2_1760000001003.webp 1760000000000_2_1760000001005.webp 1760000000000_2_1760000001007.webp 1760000000000_2_1760000001009.webp 1760000000000_2_1760000009999.webp "
same "or as a new archive" "$(names 1760000000000_3.tar.zst)" "1760000000000_3_1760000000001.webp "
same "which is known" "$(sql -c "SELECT '1760000000000_3.tar.zst' = ANY (files), 'dom.mobe' = ANY (files) FROM openreplay.stored_recordings WHERE session_id = $session")" "t|t"
same "nothing is wrong" "$(sql -c "SELECT * FROM openreplay.check()")" ""

tell_result
