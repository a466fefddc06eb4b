#!/usr/bin/env bash
# Uploaders are killed while they store hundreds of recordings, whose batches are dropped meanwhile, and of which most then get late data;
# in the end each file is there once and is what all its batches at once give, and the batches are gone.
#
#   uploader_soak.sh [--copies N] [--kills N]      N copies of each of eight recordings (default 63), kills (50)
#
# Sessions come in waves. The first part of a wave's batches is stored and dropped; then come the others, in three rounds.
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
as_server mkdir -m 700 "$dir/storage" "$dir/all"
install -m 755 "$PROJECT_ROOT/openreplay-uploader" "$dir/openreplay-uploader"

# ---- what shall become of each: eight sessions, undisturbed ----

{
	cat "$PROJECT_ROOT/sql/include/captures.sql"
	cat <<-'SQL'
		SELECT pg_temp.append_capture(name, 1) FROM (SELECT DISTINCT capture AS name FROM capture_requests) c ORDER BY name;
		CREATE FUNCTION pg_temp.record(name text, image bytea) RETURNS bytea LANGUAGE sql AS $$
			SELECT set_byte('\x0000', 0, length(name)) || convert_to(name, 'UTF8')
				|| set_byte(set_byte('\x00000000', 0, length(image) & 255), 1, length(image) >> 8) || image $$;
		-- two canvases and a screen
		SELECT openreplay.append_batch(session_id, pg_temp.record('1760000000000_' || CASE WHEN n % 3 = 2 THEN 1 ELSE 1 + n % 3 END || '_176000000' || 1000 + n || '.jpeg', repeat('image', 10 * n)::bytea),
			openreplay.session_time(session_id) + n * interval '1 second', CASE WHEN n % 3 = 2 THEN 'i'::"char" ELSE 'c' END)
		FROM (SELECT DISTINCT session_id FROM openreplay.batches) s, generate_series(1, 12) n;
	SQL
} | (cd "$PROJECT_ROOT" && sql > /dev/null)
sql -c "SELECT openreplay.process_batches()" -c "SELECT openreplay.end_sessions(now() + interval '1 day')" > /dev/null
as_server env "DATABASE_URL=host=$PGHOST port=$PGPORT user=uploader dbname=$PGDATABASE" STORAGE_DIR="$dir/all" \
	"$dir/openreplay-uploader" --once > /dev/null 2> "$work/log" || die "uploader_soak.sh: $(cat "$work/log")"
sql -c "CREATE TABLE public.expected AS SELECT d.session::bigint AS original, f.name AS file, pg_read_binary_file('$dir/all/mobs/' || d.session || '/' || f.name) AS object
		FROM pg_ls_dir('$dir/all/mobs') AS d (session), LATERAL pg_ls_dir('$dir/all/mobs/' || d.session) AS f (name) WHERE f.name NOT LIKE '%.origin'" \
	-c "CREATE TABLE public.clones AS SELECT session_id + n AS session_id, session_id AS original, n % 8 AS wave FROM public.sessions, generate_series(1, $copies) n" \
	-c "CREATE TABLE public.parts AS
		SELECT c.wave, CASE WHEN b.kind = 's' OR c.session_id % 3 = 0 THEN 0 ELSE b.n % 5 - least(b.n % 5, 1) END AS round, c.session_id, b.kind, b.size_bytes, b.body
		FROM public.clones c JOIN (SELECT *, row_number() OVER (PARTITION BY session_id ORDER BY received_at, seq) AS n FROM openreplay.batches) b ON b.session_id = c.original" \
	-c "INSERT INTO public.sessions SELECT (jsonb_populate_record(s, jsonb_build_object('session_id', c.session_id))).* FROM public.clones c JOIN public.sessions s ON s.session_id = c.original" \
	-c "DELETE FROM openreplay.batches" -c "DELETE FROM openreplay.outbox" -c "DELETE FROM openreplay.live_sessions" -c "DELETE FROM openreplay.stored_recordings" > /dev/null
sql -c "CREATE SEQUENCE public.seqs"
total=$(sql -c "SELECT count(*) FROM public.clones")
late=$(sql -c "SELECT count(*) FROM (SELECT DISTINCT session_id, round FROM public.parts WHERE round > 0) r")

# bring WAVE ROUND: those batches arrive, each wave's and round's in an hour of its own, and their sessions end
bring()
{
	local at="date_trunc('hour', now()) - interval '$((2 + $1 * 4 + $2)) hours'"
	sql -c "SELECT openreplay.ensure_batch_partitions($at, 0)" -c "BEGIN" \
		-c "INSERT INTO openreplay.batches (seq, session_id, received_at, server_id, size_bytes, shard, kind, body)
			SELECT nextval('public.seqs'), session_id, $at + row_number() OVER () * interval '1 ms', 1000, size_bytes, 0, kind, body FROM public.parts WHERE wave = $1 AND round = $2" \
		-c "SELECT openreplay.queue_recordings(array_agg(DISTINCT session_id)) FROM public.parts WHERE wave = $1 AND round = $2" -c "COMMIT" > /dev/null
}
# may_come WAVE ROUND: late is what comes when what came before is gone
may_come()
{
	[ "$2" = 0 ] || [ "$(sql -c "SELECT NOT EXISTS (SELECT FROM openreplay.batches b JOIN public.clones c USING (session_id) WHERE c.wave = $1)")" = t ]
}
next_round=(0 0 0 0 0 0 0 0)
# bring_next: what comes next of a wave chosen at random; false when none can
bring_next()
{
	local wave
	for wave in $(shuf -i 0-7); do
		[ "${next_round[wave]}" -lt 4 ] && may_come "$wave" "${next_round[wave]}" || continue
		bring "$wave" "${next_round[wave]}"
		next_round[wave]=$((next_round[wave] + 1))
		return 0
	done
	return 1
}
drop()
{
	sql -c "SELECT openreplay.retry_outbox()" -c "CALL openreplay.drop_stored_batches()" > /dev/null
}
serve()
{
	"${AS_SERVER[@]}" env "DATABASE_URL=host=$PGHOST port=$PGPORT user=uploader dbname=$PGDATABASE" STORAGE_DIR="$dir/storage" \
		UPLOADER_NAME="$1" UPLOADER_WORKERS=2 "$dir/openreplay-uploader" >> "$dir/uploader.log" 2>&1 3>&- &
	pids[$1]=$!
}
# Files of recordings that are told stored must be there, whatever is killed: that is what lets their batches go.
told_and_missing()
{
	sql -c "SELECT count(*) FROM openreplay.stored_recordings s, unnest(s.files) AS file
		WHERE pg_stat_file('$dir/storage/mobs/' || s.session_id || '/' || file, true) IS NULL"
}

# ---- kills ----

serve one
serve two
killed=0
held=0
missing=0
began=$SECONDS
while [ "$killed" -lt "$kills" ]; do
	[ "$(sql -c "SELECT count(*) < 30 FROM openreplay.outbox")" = f ] || bring_next
	sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
	name=$([ $((RANDOM % 2)) = 0 ] && echo one || echo two)
	kill -KILL "${pids[$name]}"
	wait "${pids[$name]}" 2> /dev/null
	killed=$((killed + 1))
	held=$((held + $(sql -c "SELECT count(*) FROM openreplay.outbox WHERE claimed_by LIKE '$name/%'")))
	missing=$((missing + $(told_and_missing)))
	serve "$name"
	drop
done
rounds=$(IFS=+; echo $((${next_round[*]})))
same "recordings that were told stored and were not there" "$missing" 0
[ "$held" -gt 0 ]
same "some kills hit a recording under way ($held of $killed)" $? 0
# what the kills left waits longer each time; nobody has to wait for that here
for n in $(seq 1200); do
	while bring_next; do :; done
	[ "${next_round[*]}" = "4 4 4 4 4 4 4 4" ] && [ "$(sql -c "SELECT count(*) FROM openreplay.outbox")" = 0 ] && break
	drop
	sleep 0.1
done
drop
echo "soak: $total recordings, $late times late data for them, $rounds of 32 rounds before the last of $killed kills, \
$held recordings under way when killed, $((SECONDS - began)) s"

# ---- what became of them ----

same "nothing waits, nothing was given up" "$(sql -c "SELECT count(*) FROM openreplay.outbox")" 0
same "all are told stored" "$(sql -c "SELECT count(*) FROM openreplay.stored_recordings JOIN public.clones USING (session_id)")" "$total"
same "all batches are gone" "$(sql -c "SELECT count(*) FROM openreplay.batches")" 0
same "every file is what all batches at once give" "$(sql -c "SELECT session_id || '/' || file FROM public.clones c JOIN public.expected e USING (original),
		LATERAL (SELECT pg_read_binary_file('$dir/storage/mobs/' || session_id || '/' || file, 0, 1000000000, true) AS stored) f
	WHERE stored IS DISTINCT FROM object")" ""
same "and there are no others" "$(as_server find "$dir/storage/mobs" -type f ! -name '*.origin' | wc -l)" \
	"$(sql -c "SELECT count(*) FROM public.clones JOIN public.expected USING (original)")"
tell_result
