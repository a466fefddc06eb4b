#!/usr/bin/env bash
# Partitions come and go beside open transactions: building one waits for nobody; removing one gives up at once and goes on when
# the reader has gone, and whoever comes meanwhile is not held up. Wants a running server and a superuser in PG*; works in a
# database of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bin=$("${PG_CONFIG:-pg_config}" --bindir)
database=openreplay_readers
test_name=readers
. ingest/test/checks.sh

sql()
{
	"$bin/psql" -XqAt -v ON_ERROR_STOP=1 -d "$database" -c 'SET client_min_messages = warning' "$@"
}

drop_database()
{
	"$bin/psql" -XqAt -d "${PGDATABASE:-postgres}" -c 'SET client_min_messages = warning' -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"
}
trap drop_database EXIT
trap 'exit 143' TERM INT

# open_reader QUERY: a transaction that has read and stays open; close_reader ends it
open_reader()
{
	PGAPPNAME=reader sql -c 'BEGIN' -c "$1" -c 'SELECT pg_sleep(300)' > /dev/null 2>&1 &
	reader=$!
	local attempt
	for attempt in $(seq 100); do
		[ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reader' AND query LIKE '%pg_sleep%'")" = 0 ] || return 0
		sleep 0.1
	done
	echo "readers: the reader does not read" >&2
	exit 1
}
close_reader()
{
	sql -c "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'reader'" > /dev/null
	wait "$reader" || true
}

drop_database
"$bin/psql" -XqAt -d "${PGDATABASE:-postgres}" -c "CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8'"
sql -c 'CREATE EXTENSION openreplay CASCADE'
sql -f - <<'SQL' > /dev/null
	INSERT INTO public.projects (name, active) VALUES ('readers', true);
	INSERT INTO public.users (email, name) VALUES ('readers@example.com', 'Readers');
	SELECT openreplay.ensure_session_partitions(now() - interval '400 days', 0), openreplay.ensure_batch_partitions(now() - interval '3 days', 0);
	INSERT INTO public.sessions (session_id, project_id, tracker_version, start_ts, user_uuid, user_os, user_browser, user_device,
		user_device_type, user_country)
	SELECT openreplay.session_id_at(began) + n, 1, '14.0.14', (extract(epoch FROM began) * 1000)::bigint, public.gen_random_uuid(), 'Linux',
		'Chrome', '', 'desktop', 'UN'
	FROM generate_series(1, 100) n, (SELECT date_trunc('second', now() - interval '400 days') AS began) b;
	INSERT INTO events.clicks (session_id, message_id, "timestamp", label) SELECT session_id, 1, start_ts, 'click' FROM public.sessions;
	INSERT INTO events_ios.taps SELECT session_id, start_ts, 1, 'tap' FROM public.sessions;
	INSERT INTO public.user_favorite_sessions SELECT 1, min(session_id) FROM public.sessions;
SQL
partitions="SELECT count(*) FROM pg_inherits"

# Somebody reads all: partitions are built at once.
open_reader 'SELECT count(*) FROM public.sessions, events.clicks, events_ios.taps, openreplay.batches, openreplay.passes'
before=$(sql -c "$partitions")
sql -c "SELECT openreplay.ensure_session_partitions(now() - interval '500 days', 1), openreplay.ensure_batch_partitions(now() - interval '5 days'),
	openreplay.ensure_pass_partitions(now() - interval '30 days')" > /dev/null
same 'partitions are built beside a reader' "$([ "$(sql -c "$partitions")" -gt "$before" ] && echo built)" built
same 'and rows find them' "$(sql -c "INSERT INTO events.clicks (session_id, message_id, \"timestamp\", label)
	VALUES (openreplay.session_id_at(now() - interval '500 days'), 1, 0, 'new month') RETURNING label")" 'new month'
sql -c "DELETE FROM events.clicks WHERE label = 'new month'"

# Nothing can be removed now; who comes meanwhile is served.
sql -c 'SELECT openreplay.set_retention(30)' > /dev/null
before=$(sql -c "$partitions")
(sql -c 'CALL openreplay.keep_house()' && echo done) > build/log/readers-house 2>&1 &
house=$!
held_up=0
while kill -0 "$house" 2> /dev/null; do
	sql -c "SET lock_timeout = '5s'" -c 'SELECT count(*) FROM public.sessions, events.clicks' \
		-c "INSERT INTO openreplay.heartbeats (server_id, clock) VALUES (0, now())" > /dev/null 2>&1 || held_up=$((held_up + 1))
done
wait "$house" || true
same 'keep_house() gives up beside a reader' "$(tail -n 1 build/log/readers-house)" 'done'
same 'nobody was held up' "$held_up" 0
same 'nothing is gone' "$(sql -c 'SELECT count(*) FROM public.sessions'),$(sql -c 'SELECT count(*) FROM events.clicks')" '100,100'
close_reader

# A reader of one table only: the others go ahead, and the next call goes on there.
open_reader 'SELECT count(*) FROM events_ios.taps'
sql -c 'CALL openreplay.apply_retention()'
same 'what nobody reads is gone but for the favourite' "$(sql -c 'SELECT count(*) FROM events.clicks')" 1
same 'sessions go last' "$(sql -c 'SELECT count(*) FROM public.sessions')" 100
close_reader
sql -c 'CALL openreplay.keep_house()'
same 'then all is gone but for the favourite' "$(sql -c 'SELECT (SELECT count(*) FROM public.sessions), (SELECT count(*) FROM events.clicks),
	(SELECT count(*) FROM events_ios.taps), (SELECT count(*) FROM public.user_favorite_sessions)')" '1|1|1|1'
same 'old batches and passes too' "$(sql -c "SELECT (SELECT count(*) FROM openreplay.partitions_of('openreplay.batches') WHERE upper_bound::timestamptz < now() - interval '3 hours')
	+ (SELECT count(*) FROM openreplay.partitions_of('openreplay.passes') WHERE upper_bound::timestamptz < now() - interval '8 days')")" 0
same 'no detached table is left' "$(sql -c "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^(detached|kept)_'")" 0
same 'blobs of 99 sessions are to be removed' "$(sql -c "SELECT count(DISTINCT id) FROM openreplay.outbox, jsonb_array_elements(payload->'session_ids') id WHERE kind = 'remove'")" 99
same 'check() finds nothing' "$(sql -c 'SELECT * FROM openreplay.check()')" ''

# Killed between taking off and dropping, and somebody reads what was taken off: it is dropped when nobody does.
sql -c "SELECT openreplay.ensure_pass_partitions(now() - interval '20 days')" > /dev/null
day=$(sql -c "SELECT partition FROM openreplay.partitions_of('openreplay.passes') ORDER BY lower_bound::timestamptz LIMIT 1")
sql -c "SELECT openreplay.detach_partition('openreplay.passes', '$day')" > /dev/null
open_reader "SELECT count(*) FROM $(sql -c "SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relname ~ '^detached_'")"
sql -c 'CALL openreplay.keep_house()'
same 'detached, not dropped' "$(sql -c "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^detached_'")" 1
close_reader
sql -c 'CALL openreplay.keep_house()'
same 'dropped' "$(sql -c "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^detached_'")" 0

tell_result
