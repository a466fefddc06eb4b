# cluster.sh - private PostgreSQL clusters for tests and trials; source it, it runs nothing by itself
#
#   free_port                              prints a loopback port that nobody listens on
#   start_cluster DIR PORT [CONF_LINE...]  makes the cluster in DIR if it is not there, starts it and exports PG* for it;
#                                          calling it again after a crash starts it again, settings as the first time
#   stop_cluster DIR [MODE]                stops it (mode fast by default)
#   cluster_dir NAME                       makes and prints a directory that the servers' user can reach
#   as_server COMMAND...                   runs a command as the user whom servers run as
#   create_openreplay [DATABASE]           database with the extension and one project: sets PGDATABASE and PROJECT_KEY
#   start_ingest DIR [KEY=VALUE...]        starts an ingest server on the cluster, with the file INGEST_CONFIG if that is set: sets
#                                          INGEST_PID and INGEST_URL
#   stop_ingest                            SIGTERM and wait
#
# PostgreSQL refuses to run as root, so root's servers run as SERVER_USER (postgres) and everybody else's as themselves.
# A cluster trusts its unix socket, whose directory only its owner can enter; over loopback it wants the password in PGPASSWORD,
# because other people of the machine can reach that.
#
# PG_BIN: PostgreSQL's programs (default: pg_config's).

PG_BIN=${PG_BIN:-$("${PG_CONFIG:-pg_config}" --bindir)}
SERVER_USER=${SERVER_USER:-postgres}
PROJECT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

die()
{
	echo "$*" >&2
	exit 1
}

# Unlike runuser and su, setpriv becomes the command instead of waiting for it, so "${AS_SERVER[@]}" command & gives the
# command's own process id.
AS_SERVER=()
if [ "$(id -u)" = 0 ]; then
	AS_SERVER=(setpriv "--reuid=$SERVER_USER" "--regid=$(id -g "$SERVER_USER")" --init-groups --)
fi

as_server()
{
	"${AS_SERVER[@]}" "$@"
}

cluster_dir()
{
	local dir
	dir=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX") || return 1
	if [ "$(id -u)" = 0 ]; then
		chown "$SERVER_USER" "$dir"
	fi
	as_server test -w "$dir" || die "user $SERVER_USER cannot write to $dir: set TMPDIR to a directory it can reach"
	echo "$dir"
}

# Below the range from which the kernel takes ports for outgoing connections.
free_port()
{
	local port
	while :; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			echo "$port"
			return
		fi
	done
}

start_cluster()
{
	local dir=$1 port=$2
	shift 2
	if [ ! -f "$dir/data/PG_VERSION" ]; then
		[ ${#dir} -lt 80 ] || die "$dir: too long for a unix socket"
		od -An -N16 -tx1 /dev/urandom | tr -d ' \n' | as_server sh -c 'umask 077; cat > "$0"' "$dir/password"
		as_server "$PG_BIN/initdb" -D "$dir/data" -U postgres --locale=C.UTF-8 --encoding=UTF8 --no-sync --auth-local=trust \
			--auth-host=scram-sha-256 --pwfile="$dir/password" > "$dir/initdb.log" 2>&1 \
			|| { cat "$dir/initdb.log" >&2; return 1; }
		as_server mkdir -m 700 "$dir/socket"
		printf '%s\n' "port = $port" "listen_addresses = '127.0.0.1'" "unix_socket_directories = '$dir/socket'" \
			"log_line_prefix = '%m [%p] %b '" "$@" | as_server sh -c 'cat >> "$0"' "$dir/data/postgresql.conf"
		PGDATABASE=postgres
	fi
	PGPASSWORD=$(cat "$dir/password")
	export PGPASSWORD PGHOST=$dir/socket PGPORT=$port PGUSER=postgres PGDATABASE
	# After a kill -9 the old children may hold the shared memory for a moment longer.
	local attempt=0
	while [ "$attempt" -lt 60 ]; do
		if as_server "$PG_BIN/pg_ctl" -D "$dir/data" -l "$dir/postgresql.log" -w -t 60 -s start > /dev/null 2>&1 3>&-; then
			return 0
		fi
		attempt=$((attempt + 1))
		sleep 0.3
	done
	tail -n 20 "$dir/postgresql.log" >&2
	return 1
}

stop_cluster()
{
	as_server "$PG_BIN/pg_ctl" -D "$1/data" -m "${2:-fast}" -w -t 60 -s stop
}

create_openreplay()
{
	local database=${1:-openreplay}
	"$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 -d postgres -c "CREATE DATABASE $database" || return 1
	export PGDATABASE=$database
	PROJECT_KEY=$("$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 -c "SET client_min_messages = warning" \
		-c "CREATE EXTENSION openreplay CASCADE" \
		-c "INSERT INTO public.projects (name, active, metadata_1, metadata_2) VALUES ('trial', true, 'plan', 'cart') RETURNING project_key")
	export PROJECT_KEY
	[ -n "$PROJECT_KEY" ]
}

# The program and its data are copied, because the servers' user may not reach the source tree.  HTTP_PORT stays the same when
# the server is started again, as clients expect.
start_ingest()
{
	local dir=$1
	shift
	INGEST_PORT=${INGEST_PORT:-$(free_port)}
	INGEST_URL=http://127.0.0.1:$INGEST_PORT
	if [ ! -d "$dir/ingest" ]; then
		as_server mkdir -m 700 "$dir/ingest"
		install -m 755 "${INGEST_PROGRAM:-$PROJECT_ROOT/openreplay-ingest}" "$dir/ingest/openreplay-ingest"
		install -m 644 "$PROJECT_ROOT/data/uap-core/regexes.yaml" "$dir/ingest/regexes.yaml"
	fi
	as_server rm -f "$dir/ingest/port"
	"${AS_SERVER[@]}" env HTTP_HOST=127.0.0.1 HTTP_PORT="$INGEST_PORT" DATABASE_URL="host=$PGHOST port=$PGPORT user=$PGUSER dbname=$PGDATABASE" \
		TOKEN_SECRET=a-secret-for-trials-only STATE_DIR="$dir/ingest" SERVER_NAME=trial UAPARSER_FILE="$dir/ingest/regexes.yaml" \
		PORT_FILE="$dir/ingest/port" "$@" "$dir/ingest/openreplay-ingest" ${INGEST_CONFIG:+--config "$INGEST_CONFIG"} >> "$dir/ingest.log" 2>&1 3>&- &
	INGEST_PID=$!
	local waited=0
	until [ -s "$dir/ingest/port" ]; do
		kill -0 "$INGEST_PID" 2>/dev/null || { tail -n 20 "$dir/ingest.log" >&2; return 1; }
		waited=$((waited + 1))
		[ "$waited" -lt 300 ] || { echo "the ingest server does not get ready" >&2; return 1; }
		sleep 0.1
	done
}

stop_ingest()
{
	[ -z "${INGEST_PID:-}" ] && return
	kill "$INGEST_PID" 2>/dev/null
	wait "$INGEST_PID" 2>/dev/null
	INGEST_PID=
}
