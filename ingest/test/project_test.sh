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

# ---- feature flags ----------------------------------------------------------------------------------------------------

# flags [JSON] [CURL_ARGUMENT...]: asks for the session's
flags()
{
	ask POST /v1/web/feature-flags -H "Authorization: Bearer $token" --data-binary "${1:-{\}}" "${@:2}"
}

new_session
wants_token POST /v1/web/feature-flags
flags
answers "no flags" 200 '{"flags": []}'
sql -c "SELECT openreplay.save_feature_flag(1, '{\"flagKey\": \"new-nav\", \"payload\": \"blue\", \"isActive\": true, \"conditions\": [{\"name\": \"pros\", \"rolloutPercentage\": 100, \"filters\": [
	{\"type\": \"userCountry\", \"operator\": \"is\", \"value\": [\"NL\"]}, {\"type\": \"metadata\", \"source\": \"plan\", \"operator\": \"is\", \"value\": [\"10\"]}]}]}')" \
	-c "SELECT openreplay.save_feature_flag(1, '{\"flagKey\": \"button\", \"flagType\": \"multi\", \"isPersist\": true, \"conditions\": [{\"name\": \"none\", \"rolloutPercentage\": 0}],
	\"variants\": [{\"value\": \"red\", \"payload\": \"#f00\", \"rolloutPercentage\": 100}]}')" \
	-c "SELECT openreplay.save_feature_flag(70, '{\"flagKey\": \"theirs\", \"conditions\": [{\"name\": \"all\", \"rolloutPercentage\": 100}]}')" > /dev/null
new_nav='{"key": "new-nav", "value": true, "payload": "blue", "is_persist": false}'
red='{"key": "button", "value": "red", "payload": "#f00", "is_persist": true}'
flags '{"projectID":"1","userID":"u-7","metadata":{"plan":"10"},"referrer":"","os":"Windows","device":"","country":"NL","state":"","city":"","browser":"Chrome","persistFlags":{}}'
answers "a flag" 200 "{\"flags\": [$new_nav]}"
like "flags: type" "$headers" $'*\nContent-Type: application/json\n*'
same "is noted with the session" "$(sql -c "SELECT f.flag_key, c.name FROM public.sessions_feature_flags s JOIN public.feature_flags f USING (feature_flag_id) JOIN public.feature_flags_conditions c USING (condition_id) WHERE session_id = $session")" "new-nav|pros"
flags '{"COUNTRY":"NL","Metadata":{"plan":10}}'
answers "a flag for names in other cases and a number" 200 "{\"flags\": [$new_nav]}"
flags '{"country":"DE","metadata":{"plan":"10"}}'
answers "no flag for others" 200 '{"flags": []}'
for kept in '"red"' '{"key":"button","value":"red"}' '{"key":"button","value":{"key":"button","value":"red"}}'; do
	flags "{\"persistFlags\":{\"button\":$kept}}"
	answers "what the browser remembers as $kept" 200 "{\"flags\": [$red]}"
done
for kept in true '"green"' 5 null '[]' '{"value":"blue"}'; do
	flags "{\"persistFlags\":{\"button\":$kept}}"
	answers "what is no variant: $kept" 200 '{"flags": []}'
done
flags '{"projectID":"70"}'
answers "the project is the session's, not the body's" 200 '{"flags": []}'
flags '{"projectID":"x"}'
answers "flags of a project that is no number" 500 '{"error":"projectID is not a number"}'
flags '{"metadata":5,"persistFlags":[],"os":{},"userID":"a\u0000\ud83d","country":null}'
answers "flags with values of wrong types" 200 '{"flags": []}'
for text in '' '[]' '{"projectID":'; do
	ask POST /v1/web/feature-flags -H "Authorization: Bearer $token" --data-binary "$text"
	like "flags of \"$text\"" "$status $body" '400 {"error":"*'
done
head -c 131073 /dev/zero | tr '\0' ' ' > "$work/huge"
ask POST /v1/web/feature-flags -H "Authorization: Bearer $token" --data-binary "@$work/huge"
answers "flags over the limit" 413 '{"error":"http: request body too large"}'
token=$unrecorded_token
flags '{"projectID":"1","country":"NL","metadata":{"plan":"10"}}'
answers "a flag after a conditional start" 200 "{\"flags\": [$new_nav]}"

# ---- usability tests --------------------------------------------------------------------------------------------------

sql -c "INSERT INTO public.ut_tests (test_id, project_id, title, status, starting_path, require_mic, deleted_at) VALUES
	(31, 1, 'Buy a shoe', 'in-progress', '/shop', true, NULL), (32, 1, 'Drafted', 'paused', NULL, NULL, NULL), (33, 70, 'Theirs', 'preview', NULL, NULL, NULL),
	(34, 1, 'Without tasks', 'preview', NULL, NULL, NULL), (35, 1, 'Gone', 'preview', NULL, NULL, now())" \
	-c "INSERT INTO public.ut_tests_tasks (task_id, test_id, title, description, allow_typing) VALUES (42, 31, 'Pay', NULL, true), (41, 31, 'Find it', 'the red one', false), (43, 32, 'x', '', true), (44, 33, 'x', '', true), (45, 35, 'x', '', true)"
new_session
wants_token GET /v1/web/uxt/test/31
tell /v1/web/uxt/test/31
answers "a usability test" 200
same "a usability test: all of it, tasks in order" "$(sql -v answer="$body" <<< "SELECT (:'answer')::jsonb")" "$(sql <<< "SELECT '{\"test\": {\"title\": \"Buy a shoe\", \"description\": \"\",
	\"startingPath\": \"/shop\", \"status\": \"in-progress\", \"reqMic\": true, \"reqCamera\": false, \"guidelines\": \"\", \"conclusion\": \"\", \"tasks\": [
	{\"task_id\": 41, \"title\": \"Find it\", \"description\": \"the red one\", \"allow_typing\": false}, {\"task_id\": 42, \"title\": \"Pay\", \"description\": \"\", \"allow_typing\": true}]}}'::jsonb")"
for none in 32 34 35 99; do
	tell /v1/web/uxt/test/$none
	answers "usability test $none" 500 '{"error":"there is no such test to take"}'
done
for none in x 0 99999999999 1x; do
	tell /v1/web/uxt/test/$none
	answers "usability test $none" 500 '{"error":"the number of the test is none"}'
done
tell /v1/web/uxt/test/33
answers "a usability test of another project" 403 '{"error":"project mismatch"}'

# signal KIND JSON
signal()
{
	ask POST "/v1/web/uxt/signals/$1" -H "Authorization: Bearer $token" --data-binary "$2"
}
for kind in test task; do
	wants_token POST /v1/web/uxt/signals/$kind
	for text in '' '[]' '{"testId":31'; do
		signal $kind "$text"
		like "$kind signal \"$text\"" "$status $body" '400 {"error":"*'
	done
	signal $kind '{"taskId":41,"status":"done","timestamp":1}'
	answers "$kind signal without test" 400 '{"error":"testID value required"}'
	for status_word in '"finished"' 5 null '"DONE"'; do
		signal $kind "{\"testId\":31,\"taskId\":41,\"status\":$status_word}"
		answers "$kind signal with status $status_word" 400 '{"error":"status is none of begin, done, skipped"}'
	done
	signal $kind "@$work/huge"
	answers "$kind signal over the limit" 413 '{"error":"http: request body too large"}'
done
signal task '{"testId":31,"status":"done"}'
answers "task signal without task" 400 '{"error":"taskID value required"}'
signal test '{"testId":31,"status":"begin","timestamp":1760000000500}'
answers "test signal" 200 ""
signal task '{"testID":31,"taskID":41,"status":"done","timestamp":1760000000700,"duration":200.7,"taskAnswer":"the \"red\" one"}'
answers "task signal" 200 ""
signal task '{"testid":"31","taskid":42,"status":"skipped","timestamp":1760000000900,"duration":-5,"answer":""}'
answers "task signal in other words" 200 ""
same "signals are kept on the session's lane" "$(sql -c "SELECT convert_from(openreplay.decompress_body(body), 'UTF8') FROM openreplay.batches WHERE session_id = $session AND kind = 'u' ORDER BY seq")" \
	'{"test_id":31,"task_id":null,"status":"begin","timestamp":1760000000500,"duration":0,"answer":null}
{"test_id":31,"task_id":41,"status":"done","timestamp":1760000000700,"duration":200,"answer":"the \"red\" one"}
{"test_id":31,"task_id":42,"status":"skipped","timestamp":1760000000900,"duration":0,"answer":null}'
sql -c "SELECT openreplay.process_batches()" > /dev/null
same "and become rows" "$(sql -c "SELECT test_id, task_id, status, timestamp, duration, comment FROM public.ut_tests_signals WHERE session_id = $session ORDER BY timestamp")" \
	'31||begin|1760000000500||
31|41|done|1760000000700|200|the "red" one
31|42|skipped|1760000000900||'
wants_token GET /v1/web/uxt/upload-url
tell /v1/web/uxt/upload-url
answers "without object storage there is no place for the webcam's video" 500 '{"error":"no object storage is configured"}'
printf 'a secret of storage' > "$work/storage-secret"
chmod 644 "$work/storage-secret"
chmod 755 "$work"
sql -c "LOAD 'openreplay'" -c "ALTER SYSTEM SET openreplay.storage_url = 'https://storage.example/mobs'" -c "ALTER SYSTEM SET openreplay.storage_region = 'eu-test-1'" \
	-c "ALTER SYSTEM SET openreplay.storage_access_key_id = 'KEY'" -c "ALTER SYSTEM SET openreplay.storage_secret_file = '$work/storage-secret'" \
	-c "SELECT pg_reload_conf()" > /dev/null
for _ in {1..100}; do
	tell /v1/web/uxt/upload-url
	[ "$status" = 500 ] || break
	sleep 0.1
done
same "with it the answer" "$status" 200
like "is a place beside the session's recording, for 15 minutes" "$body" \
	"{\"url\":\"https://storage.example/mobs/$session/ux_webcam_record.webm?*X-Amz-Expires=900&*X-Amz-Signature=*\"}"

# ---- not started ------------------------------------------------------------------------------------------------------

# not_started TEXT [CURL_ARGUMENT...]
not_started()
{
	ask POST /v1/web/not-started -H 'Content-Type: text/plain' --data-binary "$1" "${@:2}"
}
not_started "{\"trackerVersion\":\"14.0.14\",\"projectKey\":\"$PROJECT_KEY\",\"doNotTrack\":true,\"reason\":\"missing api\"}"
answers "not started" 200 ""
not_started ''
like "not started without words" "$status $body" '400 {"error":"*'
not_started '{"doNotTrack":true}'
answers "not started without key" 403 '{"error":"projectKey value required"}'
not_started '{"projectKey":"ClosedProject"}'
answers "not started of a closed project" 404 "{\"error\":\"project doesn't exist or is not active, key: ClosedProject\"}"
not_started "{\"projectKey\":\"$PROJECT_KEY\"}" -H 'User-Agent:'
answers "not started without user agent" 403 '{"error":"browser not recognized, user-agent: "}'
not_started "@$work/huge"
answers "not started over the limit" 413 '{"error":"http: request body too large"}'

# ---- sessions that another server began -------------------------------------------------------------------------------

new_session
processed_token=$token
sql -c "SELECT openreplay.process_batches()" > /dev/null
begin OtherProject
waiting_token=$token
new_session
asked_token=$token
new_session
cut_token=$token
new_session
refused_token=$token
stop_ingest
serve
begin OtherProject ",\"token\":\"$processed_token\""
same "a session does not go on in another project, says the database" "$status $([ "$token" != "$processed_token" ] && echo new)" "200 new"
begin "$PROJECT_KEY" ",\"token\":\"$processed_token\""
same "but in its own" "$status $token" "200 $processed_token"
begin "$PROJECT_KEY" ",\"token\":\"$unrecorded_token\""
same "and so does one that nobody knows" "$status $token" "200 $unrecorded_token"
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
flags '{"country":"NL","metadata":{"plan":"10"}}'
answers "flags of a session that nobody knows" 200 '{"flags":[]}'
tell /v1/web/uxt/test/31
answers "usability test of a session that nobody knows" 403 '{"error":"the session is not known"}'
tell /v1/web/conditions/1
answers "conditions for a session that nobody knows" 200 "$slow"
tell /v1/web/conditions/73
answers "conditions of a project that nobody knows" 200 '{"conditions":[]}'
tell /v1/web/conditions/72
answers "conditions of a closed project" 200 '{"conditions":[]}'

# lock_tables TABLES: somebody else has them, until unlock_tables
lock_tables()
{
	sql -c "BEGIN" -c "LOCK TABLE $1" -c "SELECT pg_sleep(60)" > /dev/null 2>&1 &
	locker=$!
	local n
	for n in $(seq 100); do
		[ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")" = 1 ] && return
		sleep 0.05
	done
}

unlock_tables()
{
	sql -c "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'" > /dev/null
	wait "$locker"
}

# A database that is slow, or says no.
lock_tables "public.sessions, public.feature_flags, public.ut_tests"
begin OtherProject ",\"token\":\"$refused_token\""
same "a session goes on while the database is slow" "$status $token" "200 $refused_token"
token=$processed_token
flags '{"country":"NL","metadata":{"plan":"10"}}'
answers "flags while the database is slow" 200 '{"flags":[]}'
tell /v1/web/uxt/test/31
answers "usability test while the database is slow" 503 '{"error":"database is not available, try again"}'
token=$asked_token
tell /v1/web/tags
answers "tags while the database is slow" 200 '{"tags":[]}'
same "it is told not to go on" "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'openreplay-ingest caller' AND state = 'active'")" 0
unlock_tables

# Its connection ends while it is asked, or does not answer at all.
lock_tables public.sessions
curl -s -m 10 -H "Authorization: Bearer $cut_token" "$INGEST_URL/v1/web/tags" > "$work/told" &
asker=$!
for n in $(seq 100); do
	sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'openreplay-ingest caller' AND wait_event = 'relation'" > "$work/cut"
	[ -s "$work/cut" ] && break
	sleep 0.01
done
wait "$asker"
same "tags when the connection is cut: cut, told" "$(cat "$work/cut" "$work/told")" $'t\n{"tags":[]}'
unlock_tables
token=$cut_token
becomes "there is another connection soon" /v1/web/tags "{\"tags\":[$pay]}"
tell /v1/web/uxt/test/31 # has another limit, so that the next call begins by setting its own
answers "a usability test over the new connection" 200
hanging=$(sql -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'openreplay-ingest caller'")
kill -STOP "$hanging"
token=$unrecorded_token
for n in 1 2 3; do
	tell /v1/web/tags
	answers "tags when the connection hangs ($n)" 200 '{"tags":[]}'
done
kill -CONT "$hanging"
for n in $(seq 60); do
	tell /v1/web/tags
	[ "$status" = 401 ] && break
	sleep 0.05
done
answers "tags when the database is asked again" 401 '{"error":"no rows: the session is not known"}'
token=$refused_token
sql -c "ALTER FUNCTION openreplay.session_project(bigint) RENAME TO session_project_away"
tell /v1/web/tags
answers "tags when the database refuses" 500 '{"error":"internal error"}'
flags
answers "flags when the database refuses to say whose" 500 '{"error":"internal error"}'
tell /v1/web/uxt/test/31
answers "a usability test when the database refuses to say whose" 500 '{"error":"internal error"}'
tell /v1/web/conditions/1
answers "conditions when the database refuses" 200 "$slow"
sql -c "ALTER FUNCTION openreplay.session_project_away(bigint) RENAME TO session_project"
tell /v1/web/tags
answers "tags when it has come to itself" 200 "{\"tags\":[$pay]}"
sql -c "ALTER FUNCTION openreplay.give_flags(bigint, integer, jsonb) RENAME TO give_flags_away"
flags
answers "flags when the database refuses" 500 '{"error":"internal error"}'
sql -c "ALTER FUNCTION openreplay.give_flags_away(bigint, integer, jsonb) RENAME TO give_flags"
flags
answers "flags when it has come to itself" 200 '{"flags": []}'

# Who does not wait for the answer leaves nothing behind.
lock_tables public.feature_flags
for n in 1 2 3 4 5; do
	curl -s -m 0.1 -o /dev/null -H "Authorization: Bearer $token" --data-binary '{}' "$INGEST_URL/v1/web/feature-flags"
done
for n in $(seq 100); do
	[ "$(gauge connections) $(gauge memory_bytes) $(gauge calls_waiting)" = "1 0 0" ] && break
	sleep 0.05
done
same "connections, memory and calls of those who went away" "$(gauge connections) $(gauge memory_bytes) $(gauge calls_waiting)" "1 0 0"
unlock_tables

# ---- without the database ---------------------------------------------------------------------------------------------

stop_cluster "$dir" immediate
token=$processed_token
flags '{"country":"NL","metadata":{"plan":"10"}}'
answers "flags without the database" 200 '{"flags":[]}'
tell /v1/web/uxt/test/31
answers "usability test without the database" 503 '{"error":"database is not available, try again"}'
signal test '{"testId":31,"status":"done","timestamp":1760000001000}'
answers "test signal without the database" 200 ""
not_started '{"projectKey":"nobody"}'
answers "not started of an unknown project without the database" 503 '{"error":"database is not available, try again"}'
token=$refused_token
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
begin "$PROJECT_KEY" ",\"token\":\"$processed_token\""
same "a session goes on then" "$status $token" "200 $processed_token"
new_session
tell /v1/web/tags
answers "tags of a session that begins then" 200 "{\"tags\":[$pay]}"
start_cluster "$dir" "$port" || die "project_test.sh: PostgreSQL does not start again"
token=$processed_token
becomes "the database is asked again once it is there" /v1/web/tags "{\"tags\":[$pay]}"
drained
same "the signal is there once the database is" "$(sql -c "SELECT count(*) FROM openreplay.batches WHERE kind = 'u' AND convert_from(openreplay.decompress_body(body), 'UTF8') LIKE '%1760000001000%'")" 1
flags '{"country":"NL","metadata":{"plan":"10"}}'
answers "and flags are on again" 200 "{\"flags\": [$new_nav]}"
like "metrics: sessions and calls" "$(gauge sessions_remembered) $(gauge calls_waiting) $(gauge 'calls_total{outcome="done"}') $(gauge 'calls_total{outcome="unavailable"}')" '[1-9]* 0 [1-9]* [0-9]*'
same "no secret is in the log" "$(grep -cE "$secret|$processed_token" "$dir/ingest.log")" 0

tell_result
