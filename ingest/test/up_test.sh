#!/usr/bin/env bash
#
# up_test.sh - ./openreplay makes an installation, repairs a broken one, leaves a whole one alone and removes it
#
# Works in directories of its own, on what is built and installed already; blank machines are not for a test to make.
# Prints "up: N passed, M failed".
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
openreplay=$root/openreplay
work=$(mktemp -d "${TMPDIR:-/tmp}/openreplay-up.XXXXXX")
chmod 755 "$work"
dir=$work/an\ installation
test_name=up
. "$root/ingest/test/checks.sh"
too_long=$work/$(printf 'long%.0s' {1..20})
listener=

clean_up()
{
	[ -z "$listener" ] || kill "$listener" 2> /dev/null
	for each in "$dir" "$too_long" "$work/closed/below"; do
		"$openreplay" down --dir "$each" --purge > /dev/null 2>&1
	done
	rm -rf "$work"
}
trap clean_up EXIT

up()
{
	"$openreplay" up --dir "$dir" "$@"
}

# said WHAT TEXT: the command checked last printed it
said()
{
	cp "$work/output" "$work/said"
	works "$1" grep -F -- "$2" "$work/said"
	mv "$work/said" "$work/output"
}

value()
{
	"$openreplay" psql --dir "$dir" -XAtc "$1" 2>&1
}

exit_code()
{
	"$@" > /dev/null 2>&1
	echo $?
}

from_env()
(
	unset "${!PG@}"
	set -a
	eval "$("$openreplay" env --dir "$dir")"
	"$@"
)

# Whoever may listen on the ports of an installation that is down.
take_port()
{
	perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => shift, Listen => 5,
		ReuseAddr => 1) or die $@; sleep 600' "$1" &
	listener=$!
	local waited=0
	until (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null || [ $((waited += 1)) -gt 50 ]; do
		sleep 0.1
	done
}

machine_clusters()
{
	! command -v pg_lsclusters > /dev/null || pg_lsclusters
}

# What up keeps: all its files but those that servers write, and who owns them.
kept_files()
{
	(cd "$dir" && find . \( -path ./log -o -path ./data -o -path ./socket \) -prune -o -type f -printf '%p %m %u %T@\n' | sort)
}

clusters=$(machine_clusters)
same "unknown words" "$(exit_code "$openreplay" upp)" 2
same "unknown options" "$(exit_code "$openreplay" up --dirr x)" 2
mkdir "$work/full" && touch "$work/full/file"
same "a directory with other things in it" "$(exit_code "$openreplay" up --dir "$work/full" --no-demo)" 1
same "psql where nothing is" "$(exit_code "$openreplay" psql --dir "$work/nothing")" 1
works "down where nothing is" "$openreplay" down --dir "$work/nothing" --purge

# ---- made

mkdir "$dir"
works "up with the demo" up
[ -f "$dir/demo-session" ] || { tell_result; exit 1; }
said "the demo prints its clicks" "Add to cart"
said "the demo prints its pages" "/checkout"
before=$(kept_files)
works "up again" up
said "says that nothing was changed" "nothing was changed"
same "up again wrote no file" "$(kept_files)" "$before"
same "the demo was sent once" "$(value "SELECT count(*) FROM public.sessions")" 1
same "secrets are the owner's alone" \
	"$(cd "$dir" && stat -c '%a %n' . socket storage password pgpass token-secret ingest.conf uploader.conf | tr '\n' ' ')" \
	"700 . 700 socket 700 storage 600 password 600 pgpass 600 token-secret 600 ingest.conf 600 uploader.conf "
works "status" "$openreplay" status --dir "$dir"
said "status tells of workers" "workers     1 of 1"

# ---- reached

same "env: keys" "$("$openreplay" env --dir "$dir" | cut -d= -f1 | tr '\n' ' ')" \
	"PGHOST PGPORT PGUSER PGDATABASE PGPASSFILE INGEST_URL PROJECT_KEY STORAGE_DIR "
bin=$("${PG_CONFIG:-pg_config}" --bindir)
same "env: psql" "$(from_env "$bin/psql" -XAtc "SELECT current_database()")" openreplay
same "env: psql over loopback" "$(from_env "$bin/psql" -h 127.0.0.1 -XAtc "SELECT current_user")" postgres
same "loopback without the password" "$(from_env env PGPASSFILE=/dev/null "$bin/psql" -w -h 127.0.0.1 -XAtc "SELECT 1" > /dev/null 2>&1
	echo $?)" 2
# shellcheck disable=SC2016 # env's values
same "env: the ingest server" "$(from_env bash -c \
	'curl -s -o /dev/null -w "%{http_code}" -X POST -H "Content-Type: application/json" "$INGEST_URL/v1/web/start" \
	-d "{\"projectKey\":\"$PROJECT_KEY\",\"trackerVersion\":\"14.0.14\",\"timestamp\":$(date +%s%3N)}"')" 200
# shellcheck disable=SC2016
works "env: the storage directory" from_env bash -c 'test -d "$STORAGE_DIR"'
same "psql passes arguments" "$(value "SELECT 'a  b'")" "a  b"
same "psql passes exit codes" "$(exit_code "$openreplay" psql --dir "$dir" -Xc "SELEC")" 1
same "psql passes input" "$(echo "SELECT 1 + 1;" | "$openreplay" psql --dir "$dir" -XAt)" 2
works "logs" "$openreplay" logs --dir "$dir"
said "logs have both servers" "database system is ready"

# ---- the demo's recording, once it is over
value "SELECT openreplay.queue_recordings(array_agg(session_id)) FROM public.sessions" > /dev/null
stored()
{
	local waited=0
	until [ -n "$(find "$dir/storage/mobs" -name dom.mobs 2> /dev/null)" ] || [ $((waited += 1)) -gt 100 ]; do
		sleep 0.1
	done
	[ "$(find "$dir/storage/mobs" -name dom.mobs | wc -l)" -gt 0 ]
}
works "the uploader stores" stored

# ---- repaired

key=$(value "SELECT project_key FROM public.projects")
from_env env > "$work/env"
kill -KILL "$(cat "$dir/ingest/pid")" "$(cat "$dir/uploader/pid")"
works "up after kill -9 of the ingest server and the uploader" up --no-demo
said "up started it again" "ingest      started"
said "and the uploader" "uploader    started"
kill -KILL "$(head -n 1 "$dir/data/postmaster.pid")" "$(cat "$dir/ingest/pid")" "$(cat "$dir/uploader/pid")"
sleep 1
same "status tells that nothing runs" "$(exit_code "$openreplay" status --dir "$dir")" 3
works "up after kill -9 of all" up --no-demo
same "the rows are there" "$(value "SELECT count(*) FROM events.clicks")" 31
from_env env > "$work/env.again"
works "and all is where it was" diff "$work/env" "$work/env.again"
value "DROP ROLE openreplay_server" > /dev/null
rm -f "$dir/pgpass" "$dir/token-secret"
works "up after parts were removed" up --no-demo
said "up made the role again" "role openreplay_server created"
same "env: psql over loopback again" "$(from_env "$bin/psql" -h 127.0.0.1 -XAtc "SELECT current_user")" postgres

# ---- stopped and started

works "down" "$openreplay" down --dir "$dir"
same "psql when it is down" "$(exit_code "$openreplay" psql --dir "$dir" -c "SELECT 1")" 1
works "down again" "$openreplay" down --dir "$dir"
said "down again says so" "Nothing was running"
take_port "$(sed -n 's/^HTTP_PORT=//p' "$dir/ingest.conf")"
works "up when another program has the port" up --no-demo
said "up says so" "its port is taken"
kill "$listener"
listener=
same "the key is the same" "$(value "SELECT project_key FROM public.projects")" "$key"
works "everything runs" "$openreplay" status --dir "$dir"
servers="$(cat "$dir/ingest/pid") $(cat "$dir/uploader/pid") $(head -n 1 "$dir/data/postmaster.pid")"
works "down --purge" "$openreplay" down --dir "$dir" --purge
works "nothing is left" [ ! -e "$dir" ]
# those that nobody has taken notice of yet are no servers any more
same "no server is left" "$(ps -o stat=,args= -p "${servers// /,}" | grep -v '^Z')" ""

# ---- elsewhere

works "up where a socket's name would be too long, after an interrupted initdb" "$openreplay" up --dir "$too_long" --no-demo
said "it says where it is" "/var/tmp/openreplay-"
same "psql finds it" "$("$openreplay" psql --dir "$too_long" -XAtc "SELECT 1")" 1
elsewhere=$("$openreplay" env --dir "$too_long" | sed -n 's/^STORAGE_DIR=\(.*\)\/storage/\1/p')
"$openreplay" down --dir "$too_long" > /dev/null
rm -rf "$elsewhere/data" && mkdir -p "$elsewhere/data.new/base"
[ "$(id -u)" != 0 ] || chown -R --reference="$elsewhere" "$elsewhere/data.new"
works "up after an interrupted initdb" "$openreplay" up --dir "$too_long" --no-demo
works "down --purge finds it" "$openreplay" down --dir "$too_long" --purge
works "nothing is left elsewhere" [ -n "$elsewhere" -a ! -e "$elsewhere" ]
if [ "$(id -u)" = 0 ]; then
	mkdir -m 700 "$work/closed"
	works "up where the servers' user cannot go" "$openreplay" up --dir "$work/closed/below" --no-demo
	said "it says why" "user postgres cannot reach it"
	works "down --purge there" "$openreplay" down --dir "$work/closed/below" --purge
fi
same "the machine's own clusters" "$(machine_clusters)" "$clusters"

tell_result
