# http.sh - a private cluster with an ingest server on it and curl as the tracker, for tests; set test_name and source it
#
#   dir, port, work, secret, chrome    the cluster's directory and port, a directory for files, the token secret, a user agent
#   same, like, tell_result            of checks.sh
#   ask, start, new_session, post      requests; set status, body, headers, and token and session
#   answers, field                     look at the last answer
#   sql, stored                        look into the database
#   bytes                              write batches by hand
#   gauge, drained, kill_server        look at the server, wait for its spool, kill it
#
# The script that sources it starts cluster and server itself (start_cluster, create_openreplay, start_ingest); at its end both are
# stopped and everything is removed.
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
. "$(dirname "${BASH_SOURCE[0]}")/checks.sh"

[ -x "$PROJECT_ROOT/openreplay-ingest" ] || die "$test_name: run make first"
dir=$(cluster_dir "openreplay-$test_name") || exit 1
work=$(mktemp -d)
port=$(free_port)
secret=secret_token_string
chrome='Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36'

clean_up()
{
	stop_ingest
	[ -f "$dir/data/postmaster.pid" ] && stop_cluster "$dir" immediate
	rm -rf "$dir" "$work"
}
trap clean_up EXIT

# ask METHOD PATH [CURL_ARGUMENT...]: sets status (000: connection closed), body and headers; every answer has the CORS header
ask()
{
	local method=$1 path=$2
	shift 2
	status=$(curl -s -m 30 -X "$method" -A "$chrome" -o "$work/body" -D "$work/headers" -w '%{http_code}' "$@" "$INGEST_URL$path")
	body=$(cat "$work/body" 2>/dev/null)
	headers=$(tr -d '\r' < "$work/headers")
	: > "$work/body"
	if [ "$status" != 000 ] && [ "$(grep -ci '^access-control-allow-origin: \*$' <<< "$headers")" != 1 ]; then
		failed=$((failed + 1))
		echo "$test_name: not ok: $method $path answered $status without its one CORS header"
	fi
}

# answers WHAT STATUS [BODY]: the last answer
answers()
{
	same "$1" "$status${3+ $body}" "$2${3+ $3}"
}

# start [JSON_MEMBERS] [CURL_ARGUMENT...]: a session start for our project
start()
{
	local members=${1:-}
	shift
	ask POST /v1/web/start -H 'Content-Type: application/json' "$@" \
		--data-binary "{\"projectKey\":\"$PROJECT_KEY\",\"timestamp\":$(date +%s%3N),\"trackerVersion\":\"14.0.14\"$members}"
}

# field NAME: of the last answer
field()
{
	sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" <<< "$body"
}

# new_session [JSON_MEMBERS]: sets token and session
new_session()
{
	start "${1:-}"
	token=$(field token)
	session=$(field sessionID)
}

# post FILE [QUERY] [CURL_ARGUMENT...]: a batch of the session
post()
{
	local file=$1 query=${2:-}
	shift
	[ $# -gt 0 ] && shift
	ask POST "/v1/web/i$query" -H "Authorization: Bearer $token" --data-binary "@$file" "$@"
}

# stored: sizes of the session's batches in their order
stored()
{
	sql -c "SELECT coalesce(string_agg(size_bytes::text, ' ' ORDER BY seq), '') FROM openreplay.batches WHERE session_id = $session AND kind = 'w'"
}

# bytes EXPRESSION FILE: what an expression with the functions of sql/include/encode.sql gives
bytes()
{
	printf "$(sql -f "$PROJECT_ROOT/sql/include/encode.sql" -c "SELECT encode($1, 'hex')" | tail -n 1 | sed 's/../\\x&/g')" > "$2"
}

random_bytes()
{
	head -c "$1" /dev/urandom > "$2"
}

# gauge NAME: of the metrics
gauge()
{
	curl -s -m 10 "$INGEST_URL/metrics" | sed -n "s/^openreplay_ingest_$1 //p"
}

# drained: waits until nothing is in the spool
drained()
{
	local n
	for n in $(seq 100); do
		[ "$(gauge spool_bytes)" = 0 ] && return
		sleep 0.1
	done
	echo "$test_name: the spool is not drained"
}

# kill_server: as a crash would
kill_server()
{
	kill -9 "$INGEST_PID"
	wait "$INGEST_PID" 2>/dev/null
}
