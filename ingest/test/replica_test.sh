#!/usr/bin/env bash
#
# replica_test.sh - dashboards on a hot standby: every card, the cookbook and the Grafana dashboard answer as on the primary; in
# little memory they answer the same; a card that takes too long is cancelled
#
# Makes a cluster and a physical replica of it by pg_basebackup.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. ingest/test/cluster.sh
test_name=replica
. ingest/test/checks.sh
. ingest/test/cookbook.sh

dir=$(cluster_dir openreplay-replica)
work=$dir/work
stop_all()
{
	as_server "$PG_BIN/pg_ctl" -D "$dir/standby" -m immediate -s stop 2> /dev/null
	stop_cluster "$dir" immediate 2> /dev/null
	rm -rf "$dir"
}
trap stop_all EXIT
trap 'exit 143' TERM INT
as_server mkdir -m 755 "$work" "$work/cookbook"
chmod 777 "$work" "$work/cookbook"

primary_port=$(free_port)
start_cluster "$dir" "$primary_port" "shared_preload_libraries = openreplay" "openreplay.workers = 0" "fsync = off" "hot_standby_feedback = on"
PGDATABASE=postgres sql -c 'CREATE DATABASE openreplay'
export PGDATABASE=openreplay
sql -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION openreplay CASCADE'
make -s build/captures
OPENREPLAY_CAPTURES=$PWD/build/captures sql -f data/recordings.sql > /dev/null
sql -c "INSERT INTO public.projects (name, active) VALUES ('generated', true)"
sql -v sessions=3000 -v project_id=2 -f ingest/test/cards_data.sql > /dev/null
sql -c "INSERT INTO public.users (email, name) VALUES ('ann@replica.example', 'Ann')" \
	-c "SELECT openreplay.add_templates(openreplay.save_dashboard(2, 1, '{\"name\": \"Shop\", \"isPublic\": true}'), 1)" > /dev/null

# ---- the replica ----

as_server "$PG_BIN/pg_basebackup" -h "$dir/socket" -p "$primary_port" -U postgres -D "$dir/standby" -R -X stream -c fast
as_server mkdir -m 700 "$dir/standby-socket"
standby_port=$(free_port)
printf '%s\n' "port = $standby_port" "unix_socket_directories = '$dir/standby-socket'" | as_server sh -c 'cat >> "$0"' "$dir/standby/postgresql.conf"
as_server "$PG_BIN/pg_ctl" -D "$dir/standby" -l "$dir/standby.log" -w -t 60 -s start > /dev/null 2>&1 || { tail -n 20 "$dir/standby.log"; exit 1; }
on_standby()
{
	PGHOST=$dir/standby-socket PGPORT=$standby_port "$@"
}
end=$(sql -c 'SELECT pg_current_wal_lsn()')
for _ in $(seq 300); do
	[ "$(on_standby sql -c "SELECT pg_last_wal_replay_lsn() >= '$end'")" != t ] || break
	sleep 0.1
done
same 'the replica is one, and has it all' "$(on_standby sql -c "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() >= '$end'")" 't|t'

all_cards()
{
	sql -v project_id=2 -v from_ts=1704067200000 -v to_ts=1711843200000 -f ingest/test/all_cards.sql
}
board="SET ROLE openreplay_reader; SELECT name, error, md5(chart::text) FROM openreplay.dashboard_charts(1, openreplay.period('2024-01-01 UTC', '2024-04-01 UTC') || '{\"density\": 24, \"limit\": 20}') WHERE name <> 'Heatmap'"
works 'every card on the primary' all_cards
cp "$work/output" "$work/primary"
works 'every card on the replica' on_standby all_cards
same 'the same charts on both' "$(diff "$work/primary" "$work/output")" ''
same 'as many as there are kinds' "$(grep -c . "$work/primary")" "$(sql -c "SELECT count(*) FROM openreplay.card_catalogue(), string_to_table(metric_formats, ' ')")"
same 'a dashboard of all templates, the same on both' "$(on_standby sql -c "$board")" "$(sql -c "$board")"
same 'nothing of it failed' "$(on_standby sql -c "$board" | awk -F'|' '$2 != ""')" ''
PGHOST=$dir/standby-socket PGPORT=$standby_port
check_cookbook
check_grafana
like 'whatever readers may call works on the replica' "$(sql -v project_id=2 -v user_id=1 -v dashboard_id=1 -v metric_id=1 -v alert_id=0 -v feature_flag_id=0 \
	-v session_id="$(sql -c 'SELECT min(session_id) FROM public.sessions WHERE project_id = 2')" -v search_id=00000000-0000-0000-0000-000000000000 <<-'SQL' 2>&1
		BEGIN;
		SET LOCAL ROLE openreplay_reader;
		\i sql/include/every_read.sql
		\set ECHO none
		SELECT format('%s called, failed: <%s>', current_setting('test.done'), current_setting('test.failed'));
	SQL
	)" '*1[0-9][0-9] called, failed: <>*'

# ---- little memory, little patience ----

PGHOST=$dir/socket PGPORT=$primary_port
in_little_memory()
{
	PGOPTIONS='-c work_mem=64kB -c openreplay.query_memory=64kB' "$@"
}
works 'every card with 64 kB for each sort and hash' in_little_memory all_cards
same 'gives the same charts' "$(diff "$work/primary" "$work/output")" ''

# A statement of many cards is cancelled while it runs one: whoever waits for it is told, and nothing is left behind.
long="SELECT count(openreplay.try_card(2 + 0 * n, '{\"metricType\": \"timeseries\", \"series\": [{\"filter\": {\"filters\": [{\"type\": \"click\", \"operator\": \"contains\", \"value\": [\"u\"]}]}}]}' || openreplay.period('2024-01-01 UTC', '2024-04-01 UTC'))) FROM generate_series(1, 1000000) n"
cancelled()
{
	local waiting pid
	PGAPPNAME=long_card sql -c "$long" > "$work/long" 2>&1 &
	waiting=$!
	for _ in $(seq 300); do
		pid=$(sql -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'long_card' AND state = 'active'")
		[ -z "$pid" ] || break
		sleep 0.1
	done
	[ -n "$pid" ] && sql -c "SELECT pg_sleep(0.5), pg_cancel_backend($pid)" > /dev/null
	! wait "$waiting"
}
works 'a long card is cancelled on the primary' cancelled
like 'and says so' "$(cat "$work/long")" '*canceling statement due to user request*'
works 'and on the replica' on_standby cancelled
like 'and says so there' "$(cat "$work/long")" '*canceling statement due to user request*'
like 'a timeout ends a dashboard, whose own errors it would have noted' "$(on_standby sql -c "SET statement_timeout = '300ms'" \
	-c "SELECT count(*) FROM generate_series(1, 1000000) n, LATERAL openreplay.dashboard_charts(1 + 0 * n, openreplay.period('2024-01-01 UTC', '2024-04-01 UTC') || '{\"density\": 24, \"limit\": 20}')" 2>&1 || true)" '*canceling statement due to statement timeout*'
tell_result
