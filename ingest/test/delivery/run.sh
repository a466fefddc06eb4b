#!/usr/bin/env bash
#
# run.sh - an alert fires from real visits and reaches its receivers, whatever they do meanwhile
#
# Prints "delivery: N passed, M failed".
set -u
test_name=delivery
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../http.sh"

command -v npm > /dev/null || die "run.sh: no npm here: install Debian's nodejs and npm"
# npm notes in node_modules what it installed; an older note than the lock file means other versions.
installed=$here/node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ "$here/package-lock.json" -nt "$installed" ]; then
	[ -w "$here" ] || die "run.sh: $here/node_modules is missing, and $(id -un) cannot write there"
	(cd "$here" && npm ci --no-audit --no-fund --loglevel=error) || die "run.sh: npm could not install the mail server"
	touch "$installed"
fi

receivers_pid=
server=
stop_all()
{
	[ -z "$server" ] || kill -KILL "$server" 2> /dev/null
	[ -z "$receivers_pid" ] || { kill -KILL "$receivers_pid" 2> /dev/null; wait "$receivers_pid" 2> /dev/null; }
	clean_up
}
trap stop_all EXIT

node "$here/receivers.mjs" > "$work/receivers" 2>&1 &
receivers_pid=$!
for n in $(seq 100); do
	read -r word control hook_port mail_port < "$work/receivers" && [ "$word" = ready ] && break
	sleep 0.1
done
[ "${word:-}" = ready ] || { cat "$work/receivers"; die "run.sh: the receivers do not start"; }
hooks=http://127.0.0.1:$hook_port

# tell PATH TEXT; came hooks|mails: what came since it was last asked
tell()
{
	curl -s -X PUT --data-binary "$2" "http://127.0.0.1:$control/$1"
}
came()
{
	curl -s "http://127.0.0.1:$control/$1"
}

start_cluster "$dir" "$port" "shared_preload_libraries = 'openreplay'" "openreplay.database = 'openreplay'" "fsync = off" \
	"openreplay.site_url = 'https://replay.example'" || die "run.sh: cannot start a cluster"
create_openreplay || die "run.sh: cannot create the extension (make install?)"
start_ingest "$dir" || die "run.sh: cannot start the ingest server"
sql -c "CREATE ROLE uploader LOGIN IN ROLE openreplay_uploader"
as_server mkdir -m 700 "$dir/storage"
install -m 755 "$PROJECT_ROOT/openreplay-uploader" "$dir/openreplay-uploader"
echo 'the mail secret' | as_server sh -c 'umask 077; cat > "$0"' "$dir/mail-secret"
project=$(sql -c "SELECT project_id FROM public.projects")

uploader_env=("DATABASE_URL=host=$PGHOST port=$PGPORT user=uploader dbname=$PGDATABASE" STORAGE_DIR="$dir/storage"
	ALLOW_PRIVATE_ADDRESSES=true EMAIL_HOST=127.0.0.1 EMAIL_PORT="$mail_port" EMAIL_FROM='Open Replay<bot@replay.example>'
	EMAIL_USER=bot EMAIL_PASSWORD_FILE="$dir/mail-secret" EMAIL_SKIP_SSL_VALIDATION=true LOG_LEVEL=debug)
# upload [KEY=VALUE...]: one that ends when nothing is due; its summary in $summary
upload()
{
	summary=$(as_server env "${uploader_env[@]}" "$@" "$dir/openreplay-uploader" --once 2>> "$dir/uploader.log")
	code=$?
}
# serve NAME [KEY=VALUE...]: one that stays
serve()
{
	"${AS_SERVER[@]}" env "${uploader_env[@]}" UPLOADER_NAME="$1" "${@:2}" "$dir/openreplay-uploader" >> "$dir/uploader.log" 2>&1 3>&- &
	server=$!
}
# becomes WHAT SQL VALUE
becomes()
{
	local n
	for n in $(seq 900); do
		[ "$(sql -c "$2")" = "$3" ] && break
		sleep 0.1
	done
	same "$1" "$(sql -c "$2")" "$3"
}
messages="FROM openreplay.outbox WHERE receiver IS NOT NULL"
# As if the pause were over
due()
{
	sql -c "UPDATE openreplay.outbox SET next_try = now() WHERE claimed_by IS NULL AND NOT given_up"
}
# queue HOOK NUMBER...: numbered messages for one hook
queue()
{
	local hook=$1 n
	shift
	for n in "$@"; do
		echo "SELECT openreplay.queue_outbox('webhook', '{\"webhook_id\": $hook, \"idempotency_key\": \"key-$hook-$n\", \"body\": {\"n\": $n}}', 'key-$hook-$n');"
	done | sql > /dev/null
}
# hook PATH [AUTH]: a receiver; prints its id
hook()
{
	sql -c "SELECT openreplay.save_webhook('$hooks$1', '$1', auth_header => '${2:-}')"
}

# ---- an alert fires from what a visitor did, and all its receivers are told ----

ops=$(hook '/ops?token=in-the-url' 'Bearer of-the-hook')
slack=$(sql -c "SELECT openreplay.save_webhook('$hooks/slack', 'channel', 'slack')")
teams=$(sql -c "SELECT openreplay.save_webhook('$hooks/teams', 'team', 'msteams')")
alert=$(sql -c "SELECT openreplay.save_alert($project, jsonb_build_object('name', 'Zu viele \"5xx\" <b>', 'detectionMethod', 'threshold',
	'query', '{\"left\": \"errors.5xx.count\", \"operator\": \">\", \"right\": 0}'::jsonb,
	'options', jsonb_build_object('currentPeriod', 15, 'renotifyInterval', 10, 'message', jsonb_build_array(
		jsonb_build_object('type', 'webhook', 'value', '$ops'), jsonb_build_object('type', 'slack', 'value', '$slack'),
		jsonb_build_object('type', 'msteams', 'value', '$teams'), '{\"type\": \"email\", \"value\": \"mara@alderpine.example\"}'::jsonb))))")
serve one
PROJECT_KEY=$PROJECT_KEY INGEST_URL=$INGEST_URL "$PROJECT_ROOT/openreplay-replay" play "$PROJECT_ROOT/data/captures/s3-frustration" --now > "$work/play" \
	|| { cat "$work/play"; die "run.sh: the visit was refused"; }
becomes "a request fails" "SELECT count(*) > 0 FROM events_common.requests WHERE status_code >= 500" t
becomes "the launcher has the alert evaluated" "SELECT count(*) FROM public.notifications" 1
becomes "all receivers have taken it" "SELECT count(*) $messages" 0
fired=$(sql -c "SELECT options->>'lastNotification' FROM public.alerts")
failures=$(sql -c "SELECT actual FROM (SELECT round(value) AS actual FROM openreplay.alert_runs WHERE notified) r")
got=$(came hooks)
like "a hook" "$(grep ^'POST /ops' <<< "$got")" "POST /ops[?]token=in-the-url 200 Bearer of-the-hook alert-$alert-$fired-* application/json {*}"
like "what it is told" "$(grep ^'POST /ops' <<< "$got")" "*\"title\": \"Zu viele \\\\\"5xx\\\\\" <b>\"*"
like "with numbers" "$(grep ^'POST /ops' <<< "$got")" "*\"createdAt\": $fired, *\"actualValue\": $failures, *"
like "a channel" "$(grep ^'POST /slack' <<< "$got")" "POST /slack 200 - alert-* application/json {\"attachments\": \[{*<https://replay.example/$project/metrics|Check metrics for more details>*}\]}"
like "a team" "$(grep ^'POST /teams' <<< "$got")" "POST /teams 200 - alert-* application/json {*\"@type\": \"MessageCard\"*}"
same "each once" "$(wc -l <<< "$got")" 3
mail=$(came mails)
like "a mailbox" "$mail" "bot@replay.example | mara@alderpine.example | bot | tls | ?Open Replay? <bot@replay.example> | mara@alderpine.example | <alert-$alert-$fired-*@replay.example> | *"
like "its subject" "$mail" '* | "?"Zu viele ?"5xx?" <b>?" has been triggered" | *'
like "its text" "$mail" "* | *errors.5xx.count = $failures (> 0).*https://replay.example/$project/metrics* | *"
like "its HTML" "$mail" '*<b>?"Zu viele &quot;5xx&quot; &lt;b&gt;?"</b>*'
same "one mail" "$(wc -l <<< "$mail")" 1

# ---- not again within its interval, again after it ----

same "within the interval" "$(sql -c "SELECT count(*) FROM openreplay.evaluate_alerts(now() + interval '4 minutes')")" 0
same "and after it" "$(sql -c "SELECT is_met FROM openreplay.evaluate_alerts(now() + interval '11 minutes')")" t
becomes "all receivers have taken it, too" "SELECT count(*) $messages" 0
got+=$'\n'$(came hooks)
same "with other keys" "$(grep -o 'alert-[0-9a-f-]*' <<< "$got" | sort | uniq -c | awk '{print $1}' | tr '\n' ' ')" "1 1 1 1 1 1 "
came mails > /dev/null

# ---- receivers that are down get it later, with the same key ----

kill -TERM "$server"
wait "$server"
same "SIGTERM is a good end" $? 0
tell hooks down
tell mail down
sql -c "SELECT openreplay.queue_alert($alert, 7, now())" > /dev/null
keys=$(sql -c "SELECT string_agg(payload->>'idempotency_key', ' ' ORDER BY kind) $messages")
upload
same "nobody is there" "$code|$(sql -c "SELECT string_agg(kind || ' ' || to_be_retried, ' ' ORDER BY kind) FROM openreplay.outbox_status")" "1|email 1 msteams 1 slack 1 webhook 1"
like "a hook's error" "$(sql -c "SELECT last_error FROM openreplay.outbox_status WHERE kind = 'webhook'")" "no answer of webhook $ops: *Connection refused"
like "a mail server's error" "$(sql -c "SELECT last_error FROM openreplay.outbox_status WHERE kind = 'email'")" "email mara@alderpine.example: *"
tell hooks up
tell mail up
upload
same "before its time nothing is tried" "$(came hooks)" ""
due
upload
same "then all is delivered" "$code|$(sql -c "SELECT count(*) $messages")" "0|0"
same "with the keys it had" "$({ came mails | grep -o 'alert-[0-9a-f-]*'; came hooks | sort -k 2 | grep -o 'alert-[0-9a-f-]*'; } | sort | tr '\n' ' ')" "$(tr ' ' '\n' <<< "$keys" | sort | tr '\n' ' ')"

# ---- an uploader that dies while a receiver thinks ----

tell modes '{"/a": "hang"}'
a=$(hook /a)
queue "$a" 1
serve two
for n in $(seq 100); do
	got=$(came hooks)
	[ -n "$got" ] && break
	sleep 0.1
done
kill -KILL "$server"
wait "$server" 2> /dev/null
server=
tell modes '{}'
sql -c "UPDATE openreplay.uploaders SET heartbeat = heartbeat - interval '1 hour'"
upload # takes it back
due
upload
same "another delivers it, with the same key" "$(grep -o 'key[^ ]*' <<< "$got")|$(came hooks)" "key-$a-1|POST /a 200 - key-$a-1 application/json {\"n\": 1}"

# ---- a slow or silent receiver delays nobody else ----

tell modes '{"/a": "slow", "/silent": "hang"}'
silent=$(hook /silent)
b=$(hook /b)
queue "$a" 2 3
queue "$silent" 1
queue "$b" $(seq 40)
upload DELIVERY_TIMEOUT=6
got=$(came hooks)
same "the slow one has got all" "$(grep -c ' /a ' <<< "$got")" 2
# the second for the slow one is sent when it has answered the first, seconds after all for the quick one
same "the quick one had all before" "$(sed '/\/a .*"n": 3/,$d' <<< "$got" | grep -c ' /b ')" 40
same "in their order" "$(grep ' /b ' <<< "$got" | grep -o '"n": [0-9]*' | tr -d '"n: ' | tr '\n' ' ')" "$(seq 40 | tr '\n' ' ')"
like "the silent one's is tried again" "$(sql -c "SELECT last_error $messages")" "no answer of webhook $silent: Timeout was reached"
sql -c "DELETE FROM openreplay.outbox WHERE receiver IS NOT NULL"

# ---- a receiver gets its messages in their order, also when the first fails ----

tell modes '{"/b": 503}'
queue "$b" 51 52 53
upload
same "the others wait" "$(came hooks | grep -o '"n": .*'), $(sql -c "SELECT count(*) $messages")" '"n": 51}, 3'
like "and it is told why" "$(sql -c "SELECT last_error FROM openreplay.outbox_status WHERE kind = 'webhook'")" "webhook $b answered 503"
tell modes '{}'
due
upload
same "until it is there" "$(came hooks | grep -o '"n": .*' | tr '\n' ' ')" '"n": 51} "n": 52} "n": 53} '
tell modes '{"/b": 400}'
queue "$b" 54 55
upload
same "what it cannot read is given up, and holds up nothing" "$(came hooks | grep -c '"n": 5[45]')|$(sql -c "SELECT failed FROM openreplay.outbox_status WHERE kind = 'webhook'")" "2|2"
sql -c "DELETE FROM openreplay.outbox WHERE receiver IS NOT NULL"

# ---- what else receivers do ----

tell modes '{"/b": "redirect"}'
queue "$b" 61
upload
same "a redirection is not followed" "$(came hooks | awk '{print $2}')|$(sql -c "SELECT last_error $messages")" "/b|webhook $b answered 302, and redirections are not followed"
tell modes '{"/b": "flood"}'
due
upload
same "an answer without an end is cut" "$code|$(came hooks | grep -c key-"$b"-61)|$(sql -c "SELECT count(*) $messages")" "0|1|0"
wrong=$(hook /wrong 'Bearer not-the-right-one')
tell modes '{"/wrong": 401}'
queue "$wrong" 1
upload
same "wrong credentials" "$(sql -c "SELECT to_be_retried, last_error FROM openreplay.outbox_status")" "1|webhook $wrong answered 401"
sql -c "SELECT openreplay.delete_webhook($wrong)" > /dev/null
due
upload
same "a receiver that was removed" "$(sql -c "SELECT failed, last_error FROM openreplay.outbox_status")" "1|there is no webhook $wrong any more"
sql -c "DELETE FROM openreplay.outbox WHERE receiver IS NOT NULL"

# ---- addresses of this machine ----

came hooks > /dev/null
inside=$(sql -c "SELECT openreplay.save_webhook('http://localhost:$hook_port/inside', 'inside')")
mapped=$(sql -c "SELECT openreplay.save_webhook('http://[::ffff:7f00:1]:$hook_port/inside', 'mapped')")
number=$(sql -c "SELECT openreplay.save_webhook('http://2130706433:$hook_port/inside', 'number')")
metadata=$(sql -c "SELECT openreplay.save_webhook('http://169.254.169.254/latest', 'metadata')")
for each in $inside $mapped $number $metadata; do
	queue "$each" 1
done
upload ALLOW_PRIVATE_ADDRESSES=false http_proxy="$hooks"
same "are refused" "$(sql -c "SELECT count(*) $messages AND last_error LIKE 'webhook % its address is loopback, private or reserved%'")|$(came hooks)" "4|"
sql -c "DELETE FROM openreplay.outbox WHERE receiver IS NOT NULL"

# ---- mail ----

mail_to()
{
	sql -c "SELECT openreplay.queue_outbox('email', '{\"idempotency_key\": \"m\", \"body\": {\"to\": \"$1\", \"subject\": \"s\", \"text\": \"t\"}}')" > /dev/null
}
problem()
{
	sql -c "SELECT given_up, last_error FROM openreplay.outbox WHERE kind = 'email'"
	sql -c "DELETE FROM openreplay.outbox WHERE kind = 'email'"
}
mail_to nobody@alderpine.example
mail_to somebody@alderpine.example
upload
like "a mailbox that is not there" "$(problem)" "t|email nobody@alderpine.example: *: RCPT failed: 550"
like "holds up no other" "$(came mails)" "* | somebody@alderpine.example | *"
mail_to a@alderpine.example
upload EMAIL_PASSWORD_FILE= EMAIL_PASSWORD=not-the-mail-secret
like "a wrong password" "$(problem)" "f|email a@alderpine.example: Login denied*"
mail_to a@alderpine.example
upload EMAIL_SKIP_SSL_VALIDATION=false
like "a certificate that nobody knows" "$(problem)" "f|email a@alderpine.example: *certificate*"
mail_to a@alderpine.example
upload EMAIL_USE_TLS=false EMAIL_USER=
like "without TLS and log-in" "$code $(came mails)" "0 * | a@alderpine.example | - | plain | *"
mail_to a@alderpine.example
upload EMAIL_HOST=
same "no mail server" "$(problem)" "t|no mail server is set (EMAIL_HOST)"
mail_to 'a@alderpine.example\r\nBcc: b@alderpine.example'
upload
like "an address that is none" "$(problem)$(came mails)" "t|no mail can be made of it*"

# ---- secrets ----

same "secrets are in no log" "$(as_server cat "$dir/uploader.log" "$dir/ingest.log" "$dir/postgresql.log" | grep -c 'of-the-hook\|in-the-url\|not-the-right-one\|mail secret\|mail-secret')" 0
same "nothing wrong was noted" "$(sql -c "SELECT count(*) FROM openreplay.check()")" 0

tell_result
