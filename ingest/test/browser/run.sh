#!/usr/bin/env bash
#
# run.sh - stock trackers in a real browser, and what SQL must know of the visits
#
#   run.sh [--keep] [9] [14] [16] [17] [18] [19]
#
# Makes a private cluster with one worker, starts an ingest server on it, and runs run.mjs; the trackers named (by major version) or all of them.
# Prints "browser: N passed, M failed". --keep leaves cluster and logs for a look.
#
# CHROMIUM: the browser's program (default: chromium of PATH). PROTOCOL_VERSION: what the server offers trackers (default 0).
# FRAMES_SUPPORT: whether it takes canvas images as frames (default false).
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../cluster.sh"

keep=
if [ "${1:-}" = --keep ]; then
	keep=yes
	shift
fi

CHROMIUM=${CHROMIUM:-$(command -v chromium)}
[ -x "$CHROMIUM" ] || die "run.sh: no Chromium here: install Debian's chromium or name the program in CHROMIUM"
command -v npm > /dev/null || die "run.sh: no npm here: install Debian's nodejs and npm"
[ -x "$PROJECT_ROOT/openreplay-ingest" ] || die "run.sh: run make first"
export CHROMIUM

# npm notes in node_modules what it installed; an older note than the lock file means other versions.
installed=$here/node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ "$here/package-lock.json" -nt "$installed" ]; then
	[ -w "$here" ] || die "run.sh: $here/node_modules is missing, and $(id -un) cannot write there"
	(cd "$here" && npm ci --no-audit --no-fund --loglevel=error) || die "run.sh: npm could not install the trackers"
	touch "$installed"
fi

dir=$(cluster_dir openreplay-browser) || exit 1
node_pid=

clean_up()
{
	[ -n "$node_pid" ] && kill "$node_pid" 2> /dev/null && wait "$node_pid" 2> /dev/null
	stop_ingest
	[ -f "$dir/data/postmaster.pid" ] && stop_cluster "$dir" immediate
	if [ -n "$keep" ]; then
		echo "kept: $dir"
	else
		rm -rf "$dir"
	fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

start_cluster "$dir" "$(free_port)" "shared_preload_libraries = 'openreplay'" "openreplay.database = 'openreplay'" \
	"openreplay.workers = 1" "fsync = off" || exit 1
create_openreplay || die "run.sh: CREATE EXTENSION openreplay failed: run make install first"
start_ingest "$dir" PROTOCOL_VERSION="${PROTOCOL_VERSION:-0}" FRAMES_SUPPORT="${FRAMES_SUPPORT:-false}" CANVAS_FPS=10 IS_FEATURE_FLAG_ENABLED=true || exit 1

# In the background, because bash runs a trap only when the command it waits for has ended.
INGEST_URL=$INGEST_URL PSQL=$PG_BIN/psql node "$here/run.mjs" "$@" &
node_pid=$!
wait "$node_pid"
result=$?
node_pid=
exit "$result"
