#!/usr/bin/env bash
#
# full_disk.sh - full disks refuse, they do not lose
#
#   full_disk.sh [--keep]
#
# The ingest server's STATE_DIR, the database's tables, and the cluster with its WAL are each on a small file system of their own
# (tmpfs, mounted in a private namespace, so only root can run this). One after the other is filled while recorded visits are
# replayed by visitors who resend as trackers do:
#   - PostgreSQL is away until the spool has filled its disk: then 503, and nothing else;
#   - the same disk has no byte left while PostgreSQL is there, which nobody shall notice;
#   - the tables cannot grow: COPY and workers fail, the spool takes over;
#   - the WAL cannot grow, on which PostgreSQL panics and may not even come back.
# Each time room is made again, and in the end every acknowledged start and batch is there exactly once, and processed.
# Prints "disk: N passed, M failed". --keep leaves the directory with logs for a look.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/cluster.sh"
test_name=disk
. "$here/checks.sh"

if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
	echo "disk: NOT TESTED: small file systems can be mounted by root only"
	exit 0
fi
if [ "${OPENREPLAY_OWN_MOUNTS:-}" != yes ]; then
	OPENREPLAY_OWN_MOUNTS=yes exec unshare -m --propagation private -- "$0" "$@"
fi
keep=
[ "${1:-}" != --keep ] || keep=yes

replay=$PROJECT_ROOT/openreplay-replay
[ -x "$replay" ] || die "full_disk.sh: run make first"
dir=$(cluster_dir openreplay-disk) || exit 1
work=$(mktemp -d)
port=$(free_port)

clean_up()
{
	stop_ingest
	[ -f "$dir/data/postmaster.pid" ] && stop_cluster "$dir" immediate
	umount "$dir/data" "$dir/tables" "$dir/state"
	if [ -n "$keep" ]; then
		echo "kept: $dir $work"
	else
		rm -rf "$dir" "$work"
	fi
}
trap clean_up EXIT

# ---- disks --------------------------------------------------------------------------------------------------------------

# small_disk NAME SIZE: at DIR/NAME, the servers' user's
small_disk()
{
	as_server mkdir -m 700 "$dir/$1"
	mount -t tmpfs -o "size=$2,mode=700,uid=$(id -u "$SERVER_USER"),gid=$(id -g "$SERVER_USER")" none "$dir/$1" \
		|| die "full_disk.sh: cannot mount a tmpfs"
}

# To the last byte.
fill_disk()
{
	dd if=/dev/zero of="$dir/$1/ballast" bs=64k > /dev/null 2>&1
	dd if=/dev/zero of="$dir/$1/ballast.more" bs=512 > /dev/null 2>&1
	[ "$(df --output=avail "$dir/$1" | tail -n 1)" -eq 0 ] || die "full_disk.sh: $1 is not full"
}

make_room()
{
	rm "$dir/$1/ballast" "$dir/$1/ballast.more"
}

# ---- traffic ------------------------------------------------------------------------------------------------------------

# play_visits RATE SECONDS: prints how often each status was answered, 0 when there was no answer: "200=812 503=4 "
play_visits()
{
	"$replay" load --url "$INGEST_URL" --key "$PROJECT_KEY" --visitors 60 --rate "$1" --seconds "$2" --retry \
		--captures "$PROJECT_ROOT/data/captures" --ledger "$work/ledger" > "$work/load" 2>&1 || cat "$work/load" >&2
	sed -n 's/^answers:\(.*\); unanswered \([0-9]*\)$/\1 0 x \2/p' "$work/load" | sed 's/ \([0-9]*\) x \([0-9]*\)/\1=\2 /g'
}

# check_answers WHAT ANSWERS STATUS...: these statuses were answered, each, and no other
check_answers()
{
	local what=$1 answers=$2 seen
	shift 2
	seen=$(tr ' ' '\n' <<< "$answers" | awk -F= '$2 > 0 { print $1 }' | sort | xargs)
	echo "$what: $answers"
	works "$what: answered $seen, expected $*" test "$seen" = "$*"
}

metric()
{
	curl -sf --max-time 5 "$INGEST_URL/metrics" | awk -v name="$1" '$1 ~ name "$" { print $2; exit }'
}

# until_is VALUE COMMAND...: waits until the command prints it
until_is()
{
	local wanted=$1 waited=0 value=
	shift
	while [ "$waited" -lt 240 ]; do
		value=$("$@" 2>/dev/null)
		[ "$value" = "$wanted" ] && return 0
		waited=$((waited + 1))
		sleep 0.25
	done
	echo "it is \"$value\""
	return 1
}

check_recovered()
{
	works "$1: the spool drains" until_is 0 metric spool_entries
	works "$1: everything gets processed" until_is 0 sql -c "SELECT batches_waiting FROM openreplay.status"
	works "$1: the ledger agrees with openreplay.batches" "$replay" verify --ledger "$work/ledger"
	tail -n 1 "$work/output"
}

# Goes through the WAL segments that were made when there was room, until PostgreSQL needs a new one, and panics.
use_up_wal()
{
	local n
	for ((n = 0; n < 40; n++)); do
		sql -d postgres -c "SELECT pg_logical_emit_message(true, 'trial', 'x')" -c "SELECT pg_switch_wal()"
		grep -q 'PANIC: .*No space left' "$dir/postgresql.log" && return 0
	done
	return 1
}

# ---- the trial ----------------------------------------------------------------------------------------------------------

small_disk data 260m
small_disk tables 100m
small_disk state 3m
start_cluster "$dir" "$port" "shared_preload_libraries = 'openreplay'" "openreplay.database = 'openreplay'" "openreplay.workers = 1" \
	"min_wal_size = 32MB" "max_wal_size = 64MB" || exit 1
create_openreplay || die "full_disk.sh: CREATE EXTENSION openreplay failed: run make install first"
sql -d postgres -c "CREATE TABLESPACE small LOCATION '$dir/tables'" -c "ALTER SYSTEM SET openreplay.workers = 0" -c "SELECT pg_reload_conf()" > /dev/null
works "the tables move to their disk" until_is "" sql -d postgres -c "ALTER DATABASE openreplay SET TABLESPACE small"
sql -c "ALTER SYSTEM RESET openreplay.workers" -c "SELECT pg_reload_conf()" > /dev/null
start_ingest "$dir" STATE_DIR="$dir/state" SPOOL_AFTER_MS=1000 || exit 1
check_answers "all disks have room" "$(play_visits 200 4)" 200

stop_cluster "$dir" immediate
check_answers "PostgreSQL is away and the spool's disk gets full" "$(play_visits 300 10)" 200 503
works "the server lives" kill -0 "$INGEST_PID"
{ kill -9 "$INGEST_PID"; wait "$INGEST_PID"; } 2>/dev/null
start_ingest "$dir" STATE_DIR="$dir/state" SPOOL_AFTER_MS=1000 || exit 1
works "a server that starts on a full disk knows what it has spooled" test "$(metric spool_entries)" -gt 100
start_cluster "$dir" "$port" || exit 1
check_recovered "spool"

fill_disk state
check_answers "STATE_DIR's disk is full, PostgreSQL is there" "$(play_visits 50 15)" 200
make_room state
check_answers "there is room again" "$(play_visits 50 3)" 200
check_recovered "state"

fill_disk tables
spooled=$(metric spooled_entries_total)
check_answers "the tables' disk is full" "$(play_visits 30 10)" 200
works "the spool took over" test "$(metric spooled_entries_total)" -gt "$spooled"
make_room tables
check_recovered "tables"

sql -d postgres -c "SELECT 1" > /dev/null # writes a cache file that every connection wants
fill_disk data
spooled=$(metric spooled_entries_total)
works "the WAL gets to the end of the disk" use_up_wal
check_answers "the WAL's disk is full" "$(play_visits 40 10)" 200
works "the spool took over" test "$(metric spooled_entries_total)" -gt "$spooled"
echo "PostgreSQL said: $(grep -oE '(PANIC|FATAL): .*No space left on device' "$dir/postgresql.log" | cut -c 1-100 | sort | uniq -c | sort -rn | head -n 1 | tr -s ' ')"
make_room data
"$PG_BIN/pg_isready" -q || start_cluster "$dir" "$port" || exit 1
check_recovered "WAL"

works "no batch is parked or broken" until_is 0 sql -c "SELECT batches_parked + batches_broken FROM openreplay.status"
works "openreplay.check() finds nothing wrong" until_is "" sql -c "SELECT * FROM openreplay.check()"
tell_result
