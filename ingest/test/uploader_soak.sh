#!/usr/bin/env bash
# Uploaders are killed while they store hundreds of recordings; in the end each file is there once and whole.
#
#   uploader_soak.sh [--copies N] [--kills N]      N copies of each of eight recordings (default 63), kills (50)
#
# Prints "soak: N passed, M failed".
set -u
test_name=soak
. "$(dirname "${BASH_SOURCE[0]}")/http.sh"
copies=63
kills=50
while [ $# -gt 1 ]; do
	case $1 in
		--copies) copies=$2 ;;
		--kills) kills=$2 ;;
		*) die "uploader_soak.sh [--copies N] [--kills N]" ;;
	esac
	shift 2
done
declare -A pids=()
stop_all()
{
	local name
	for name in "${!pids[@]}"; do
		kill -KILL "${pids[$name]}" 2> /dev/null
		wait "${pids[$name]}" 2> /dev/null
	done
	clean_up
}
trap stop_all EXIT

make -s -C "$PROJECT_ROOT" build/captures || die "uploader_soak.sh: cannot unpack the recordings"
export OPENREPLAY_CAPTURES=$PROJECT_ROOT/build/captures
start_cluster "$dir" "$port" "shared_preload_libraries = 'openreplay'" "openreplay.database = 'no database'" \
	|| die "uploader_soak.sh: cannot start a cluster"
create_openreplay || die "uploader_soak.sh: cannot create the extension (make install?)"
sql -c "CREATE ROLE uploader LOGIN IN ROLE openreplay_uploader"
as_server mkdir -m 700 "$dir/storage"
install -m 755 "$PROJECT_ROOT/openreplay-uploader" "$dir/openreplay-uploader"
{
	cat "$PROJECT_ROOT/sql/include/captures.sql"
	echo "SELECT pg_temp.append_capture(name, 1) FROM (SELECT DISTINCT capture AS name FROM capture_requests) c ORDER BY name;"
} | (cd "$PROJECT_ROOT" && sql > /dev/null)
sql -c "SELECT openreplay.process_batches()" -c "SELECT openreplay.end_sessions(now())" -c "DELETE FROM openreplay.outbox" \
	-c "CREATE TABLE public.expected AS SELECT session_id AS original, file, openreplay.recording(session_id, file) AS bytes
		FROM public.sessions, unnest('{dom.mobs,dom.mobe,devtools.mob}'::text[]) AS file" > /dev/null
sql -v copies="$copies" -f "$PROJECT_ROOT/ingest/test/clone_sessions.sql" > /dev/null
total=$(sql -c "SELECT count(*) FROM openreplay.outbox")

serve()
{
	"${AS_SERVER[@]}" env "DATABASE_URL=host=$PGHOST port=$PGPORT user=uploader dbname=$PGDATABASE" STORAGE_DIR="$dir/storage" \
		UPLOADER_NAME="$1" UPLOADER_WORKERS=2 "$dir/openreplay-uploader" >> "$dir/uploader.log" 2>&1 3>&- &
	pids[$1]=$!
}
# Files of recordings that are told stored must be there, whatever is killed: that is what lets their batches go.
told_and_missing()
{
	sql -c "SELECT count(*) FROM openreplay.stored_recordings s JOIN public.clones c USING (session_id) JOIN public.expected e USING (original)
		WHERE bytes IS NOT NULL AND pg_stat_file('$dir/storage/mobs/' || s.session_id || '/' || file, true) IS NULL"
}

serve one
serve two
killed=0
held=0
missing=0
while [ "$killed" -lt "$kills" ]; do
	# what is done is done once more while there are kills left
	if [ "$(sql -c "SELECT count(*) < 50 FROM openreplay.outbox")" = t ]; then
		sql -c "SELECT openreplay.queue_recordings(array_agg(session_id)) FROM public.clones" > /dev/null
	fi
	sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
	name=$([ $((RANDOM % 2)) = 0 ] && echo one || echo two)
	kill -KILL "${pids[$name]}"
	wait "${pids[$name]}" 2> /dev/null
	killed=$((killed + 1))
	held=$((held + $(sql -c "SELECT count(*) FROM openreplay.outbox WHERE claimed_by LIKE '$name/%'")))
	missing=$((missing + $(told_and_missing)))
	serve "$name"
done
same "recordings that were told stored and were not there" "$missing" 0
[ "$held" -gt 0 ]
same "some kills hit a recording under way ($held of $killed)" $? 0
# what a killed one held waits longer each time; nobody has to wait for that here
for n in $(seq 600); do
	[ "$(sql -c "SELECT count(*) FROM openreplay.outbox")" = 0 ] && break
	sql -c "SELECT openreplay.retry_outbox()" > /dev/null
	sleep 0.2
done
same "nothing waits" "$(sql -c "SELECT count(*) FROM openreplay.outbox")" 0
same "all are told stored" "$(sql -c "SELECT count(*) FROM openreplay.stored_recordings JOIN public.clones USING (session_id)")" "$total"
same "every file is whole" "$(sql -c "SELECT count(*) FROM public.clones c JOIN public.expected e USING (original)
	WHERE openreplay.decompress_body(pg_read_binary_file('$dir/storage/mobs/' || session_id || '/' || file, 0, 1000000000, true)) IS DISTINCT FROM bytes")" 0
same "and there are no others" "$(as_server find "$dir/storage/mobs" -type f | wc -l)" \
	"$(sql -c "SELECT count(bytes) FROM public.clones JOIN public.expected USING (original)")"
tell_result
