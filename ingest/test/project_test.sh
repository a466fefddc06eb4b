#!/usr/bin/env bash
#
# project_test.sh - what trackers are told of their project, over real HTTP
#
# Tags, capture conditions, feature flags and usability tests: every status of each endpoint; then the same for sessions that
# another run of the server began, with a database that refuses, that is slow, that is away, and after a start without it.
# Prints "project: N passed, M failed".
set -u
test_name=project
. "$(dirname "${BASH_SOURCE[0]}")/http.sh"

start_cluster "$dir" "$port" || die "project_test.sh: cannot start a cluster"
create_openreplay || die "project_test.sh: cannot create the extension (make install?)"
sql -c "INSERT INTO public.projects (project_id, name, active, project_key, platform) VALUES
	(70, 'other', true, 'OtherProject', 'web'), (71, 'phone', true, 'PhoneProject', 'ios'), (72, 'closed', false, 'ClosedProject', 'web')"
# the server as it should be run: with the privileges of openreplay_ingest and no others
sql -c "CREATE ROLE door LOGIN IN ROLE openreplay_ingest"
serve()
{
	start_ingest "$dir" TOKEN_SECRET=$secret "DATABASE_URL=host=$PGHOST port=$PGPORT user=door dbname=$PGDATABASE" "$@" \
		|| die "project_test.sh: the ingest server does not start"
}
serve

# tell PATH [CURL_ARGUMENT...]: asks with the session's token
tell()
{
	ask GET "$1" -H "Authorization: Bearer $token" "${@:2}"
}

# becomes WHAT PATH BODY: the answer within two seconds of a change
becomes()
{
	local n
	for n in $(seq 40); do
		tell "$2"
		[ "$body" = "$3" ] && break
		sleep 0.05
	done
	answers "$1" 200 "$3"
}

# begin KEY [JSON_MEMBERS]: a web session of a project; sets token and session
begin()
{
	ask POST /v1/web/start --data-binary "{\"projectKey\":\"$1\"${2:-}}"
	token=$(field token)
	session=$(field sessionID)
}

expired=qrmzm13cfoxz.3t.mgjauf0b.Bghjox6jwEkkEYzRi99hMQ1Nty4eoyVC7GsqmHhGznhx

# wants_token METHOD PATH: 401 for every token that is none
wants_token()
{
	ask "$1" "$2" --data-binary '{}'
	answers "$1 $2 without token" 401 '{"error":"missing token"}'
	ask "$1" "$2" -H 'Authorization: Bearer a.b.c' --data-binary '{}'
	answers "$1 $2 with a token of another form" 401 '{"error":"wrong token format"}'
	ask "$1" "$2" -H "Authorization: Bearer x$token" --data-binary '{}'
	answers "$1 $2 with a forged token" 401 '{"error":"wrong token sign"}'
	ask "$1" "$2" -H "Authorization: Bearer $expired" --data-binary '{}'
	answers "$1 $2 with an expired token" 401 '{"error":"token expired"}'
}

# ---- tags -------------------------------------------------------------------------------------------------------------

new_session
wants_token GET /v1/web/tags
tell /v1/web/tags
answers "no tags" 200 '{"tags":[]}'
like "tags: type" "$headers" $'*\nContent-Type: application/json\n*'
sql -c "INSERT INTO public.tags (tag_id, name, project_id, selector, ignore_click_rage, ignore_dead_click, location) VALUES
	(5, 'buy', 1, '#buy > \"b\"', true, false, NULL), (6, 'pay', 1, '.pay', false, true, '/cart'), (7, 'elsewhere', 70, 'a', false, false, NULL)"
buy='{"id": 5, "icr": true, "idc": false, "location": null, "selector": "#buy > \"b\""}'
pay='{"id": 6, "icr": false, "idc": true, "location": "/cart", "selector": ".pay"}'
becomes "new tags are told at once" /v1/web/tags "{\"tags\":[$buy, $pay]}"
tell /ingest//v1/web/tags
answers "tags under /ingest" 200 "{\"tags\":[$buy, $pay]}"
sql -c "UPDATE public.tags SET deleted_at = now() WHERE tag_id = 5"
becomes "a tag that is deleted is gone at once" /v1/web/tags "{\"tags\":[$pay]}"
begin OtherProject
tell /v1/web/tags
answers "tags of another project" 200 '{"tags":[{"id": 7, "icr": false, "idc": false, "location": null, "selector": "a"}]}'
begin "$PROJECT_KEY" ',"doNotRecord":true'
unrecorded_token=$token
tell /v1/web/tags
answers "tags of a session that is not recorded" 200 "{\"tags\":[$pay]}"
ask POST /v1/web/tags -H "Authorization: Bearer $token"
answers "POST tags" 405 '{"error":"method not allowed"}'

# ---- conditions -------------------------------------------------------------------------------------------------------

new_session
wants_token GET /v1/web/conditions/1
wants_token GET /v1/mobile/conditions/1
for kind in web mobile; do
	tell /v1/$kind/conditions/1
	answers "no $kind conditions" 200 '{"conditions":[]}'
	for other in 70 0 x 99999999999999999999999999 1x; do
		tell /v1/$kind/conditions/$other
		answers "$kind conditions of $other" 403 '{"error":"project mismatch"}'
	done
	tell /v1/$kind/conditions/
	answers "$kind conditions of nobody" 404 '{"error":"page not found"}'
	tell /v1/$kind/conditions/1/2
	answers "$kind conditions of too many" 404 '{"error":"page not found"}'
done
sql -c "INSERT INTO public.projects_conditions (project_id, name, capture_rate, filters) VALUES (1, 'slow', 50, '[{\"type\": \"duration\", \"operator\": \"is\", \"value\": [30000], \"source\": null}]')"
slow='{"conditions":[{"name": "slow", "filters": [{"type": "duration", "value": [30000], "source": null, "operator": "is"}], "capture_rate": 50}]}'
becomes "new conditions are told at once" /v1/web/conditions/1 "$slow"
tell /v1/mobile/conditions/1
answers "conditions in the words of mobile trackers" 200 \
	'{"conditions":[{"name": "slow", "filters": [{"type": "session_duration", "value": ["30000"], "operator": "is"}], "capture_rate": 50}]}'
token=$unrecorded_token
tell /v1/web/conditions/1
answers "conditions after a conditional start" 200 "$slow"
tell /v1/web/conditions/70
answers "conditions of another project after a conditional start" 403 '{"error":"project mismatch"}'

# ---- sessions that another server began -------------------------------------------------------------------------------

new_session
processed_token=$token
sql -c "SELECT openreplay.process_batches()" > /dev/null
begin OtherProject
waiting_token=$token
new_session
asked_token=$token
stop_ingest
serve
token=$processed_token
tell /v1/web/tags
answers "tags of a session in the database" 200 "{\"tags\":[$pay]}"
tell /v1/web/conditions/70
answers "conditions of a project that the session is not of, says the database" 403 '{"error":"project mismatch"}'
token=$waiting_token
tell /v1/web/tags
answers "tags of a session whose start waits to be processed" 200 '{"tags":[{"id": 7, "icr": false, "idc": false, "location": null, "selector": "a"}]}'
token=$unrecorded_token
tell /v1/web/tags
answers "tags of a session that nobody knows" 401 '{"error":"no rows: the session is not known"}'
tell /v1/web/conditions/1
answers "conditions for a session that nobody knows" 200 "$slow"
tell /v1/web/conditions/73
answers "conditions of a project that nobody knows" 200 '{"conditions":[]}'
tell /v1/web/conditions/72
answers "conditions of a closed project" 200 '{"conditions":[]}'

# A database that is slow, or says no.
token=$asked_token
sql -c "BEGIN" -c "LOCK TABLE public.sessions" -c "SELECT pg_sleep(1.5)" > /dev/null &
locker=$!
for n in $(seq 40); do
	[ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")" = 1 ] && break
	sleep 0.05
done
tell /v1/web/tags
answers "tags while the database is slow" 200 '{"tags":[]}'
same "it is told not to go on" "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'openreplay-ingest caller' AND state = 'active'")" 0
wait "$locker"
sql -c "ALTER FUNCTION openreplay.session_project(bigint) RENAME TO session_project_away"
tell /v1/web/tags
answers "tags when the database refuses" 500 '{"error":"internal error"}'
sql -c "ALTER FUNCTION openreplay.session_project_away(bigint) RENAME TO session_project"
tell /v1/web/tags
answers "tags when it has come to itself" 200 "{\"tags\":[$pay]}"

# ---- without the database ---------------------------------------------------------------------------------------------

stop_cluster "$dir" immediate
token=$asked_token
tell /v1/web/tags
answers "tags of a known session without the database" 200 "{\"tags\":[$pay]}"
tell /v1/web/conditions/70
answers "conditions of another project without the database" 403 '{"error":"project mismatch"}'
token=$unrecorded_token
tell /v1/web/tags
answers "tags of an unknown session without the database" 200 '{"tags":[]}'
stop_ingest
serve SPOOL_AFTER_MS=100
token=$processed_token
tell /v1/web/tags
answers "tags of an unknown session after a start without the database" 200 '{"tags":[]}'
tell /v1/web/conditions/1
answers "conditions after a start without the database" 200 "$slow"
tell /v1/mobile/conditions/73
answers "conditions of an unknown project then" 200 '{"conditions":[]}'
new_session
tell /v1/web/tags
answers "tags of a session that begins then" 200 "{\"tags\":[$pay]}"
start_cluster "$dir" "$port" || die "project_test.sh: PostgreSQL does not start again"
token=$processed_token
becomes "the database is asked again once it is there" /v1/web/tags "{\"tags\":[$pay]}"
drained

tell_result
