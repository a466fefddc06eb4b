#!/usr/bin/env bash
#
# restore.sh - a filled database survives dump and restore, and DROP EXTENSION
#
# Wants a running server and a superuser in PGHOST, PGPORT, PGUSER and PGDATABASE; works in databases of its own that it
# drops in the end.  Prints "restore: N passed, M failed".
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$("${PG_CONFIG:-pg_config}" --bindir)
work=$(mktemp -d)
source=openreplay_restore_source
targets="openreplay_restore_custom openreplay_restore_parallel openreplay_restore_plain"
test_name=restore
. "$here/checks.sh"

# sql DATABASE ARGUMENT...
sql()
{
	"$bin/psql" -XqAt -v ON_ERROR_STOP=1 -d "$@"
}

drop_databases()
{
	local database
	for database in $source $targets; do
		sql "${PGDATABASE:-postgres}" -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"
	done
}
trap 'drop_databases; rm -rf "$work"' EXIT

# Every table and partition with its number of rows and a hash of them, and every sequence with its position.
contents()
{
	sql "$1" <<-'SQL'
		SET TimeZone = 'UTC';
		SELECT format('SELECT %L, count(*), md5(string_agg(t::text, E''\n'' ORDER BY t::text)) FROM %s t', oid::regclass, oid::regclass)
		FROM pg_class
		WHERE relkind IN ('r', 'p') AND relpersistence = 'p'
			AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
		ORDER BY oid::regclass::text COLLATE "C" \gexec
		SELECT format('SELECT %L, last_value, is_called FROM %s', oid::regclass, oid::regclass)
		FROM pg_class WHERE relkind = 'S' ORDER BY oid::regclass::text COLLATE "C" \gexec
	SQL
}

# The schema as pg_dump sees it: columns, defaults, partitions, indexes, foreign keys, triggers, grants, comments.
schema()
{
	"$bin/pg_dump" --schema-only "$1" | grep -vE '^\\(un)?restrict '
}

same()
{
	diff -u "$1" "$2"
}

contents_are()
{
	contents "$1" > "$work/contents" && same "$2" "$work/contents"
}

schema_is()
{
	schema "$1" > "$work/schema" && same "$2" "$work/schema"
}

# is DATABASE QUERY VALUE
is()
{
	local got
	got=$(sql "$1" -c "$2") || return 1
	[ "$got" = "$3" ] || { echo "$2: $got instead of $3"; return 1; }
}

restore_plain()
{
	sql "$1" -f "$work/plain.sql" > /dev/null
}

# install() while another transaction writes to every table: it must neither wait nor make writers queue behind it.
install_beside_writers()
{
	sql "$1" > "$work/beside" 2>&1 <<-SQL
		BEGIN;
		SELECT format('LOCK TABLE %s IN ROW EXCLUSIVE MODE', oid::regclass) FROM pg_class
		WHERE relkind IN ('r', 'p') AND NOT relispartition
			AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \gexec
		\! $bin/psql -Xq -d $1 -c "SET lock_timeout = '1s'" -c "SELECT openreplay.install()"
		COMMIT;
	SQL
	grep -q '^(1 row)' "$work/beside" || { cat "$work/beside"; return 1; }
}

# Partitions of the engine are made by the hour: what is compared must be of one and the same.
left=$((3600 - $(date +%s) % 3600))
[ $left -gt 60 ] || sleep $((left + 1))

drop_databases
sql "${PGDATABASE:-postgres}" -c "CREATE DATABASE $source"
works "the extension is created" sql $source -c "SET client_min_messages = warning" -c "CREATE EXTENSION openreplay CASCADE"
works "every table is filled" sql $source -f "$here/restore_fill.sql"
works "no product table is empty" is $source "
	SELECT count(*) FROM openreplay.product_tables() AS name
	WHERE (xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM ' || name, false, true, '')))[1]::text = '0'" 0
works "no table of the engine is empty" is $source "
	SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c
	WHERE c.relnamespace = 'openreplay'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		AND (xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM ' || c.oid::regclass, false, true, '')))[1]::text = '0'" ""
works "nothing but functions belongs to the extension" is $source "
	SELECT count(*) FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid <> 'pg_proc'::regclass
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'openreplay')" 0
works "install() waits for no writer" install_beside_writers $source
contents $source > "$work/source.contents"
schema $source > "$work/source.schema"
works "dump, custom format" "$bin/pg_dump" -Fc -f "$work/custom.dump" $source
works "dump, plain" "$bin/pg_dump" -f "$work/plain.sql" $source

for target in $targets; do
	sql "${PGDATABASE:-postgres}" -c "CREATE DATABASE $target"
	case $target in
		*_custom) works "pg_restore" "$bin/pg_restore" --exit-on-error -d "$target" "$work/custom.dump" ;;
		*_parallel) works "pg_restore -j2" "$bin/pg_restore" --exit-on-error -j2 -d "$target" "$work/custom.dump" ;;
		*_plain) works "psql" restore_plain "$target" ;;
	esac
	works "$target: contents" contents_are "$target" "$work/source.contents"
	works "$target: schema" schema_is "$target" "$work/source.schema"
	works "$target: install() runs" sql "$target" -c "SELECT openreplay.install()"
	works "$target: install() changed no contents" contents_are "$target" "$work/source.contents"
	works "$target: install() changed no schema" schema_is "$target" "$work/source.schema"
done

target=openreplay_restore_custom
works "identities go on" is $target \
	"INSERT INTO public.projects (name, active) VALUES ('next', true) RETURNING project_id, length(project_key)" "4|20"
works "sequences go on" is $target \
	"INSERT INTO public.tags (name, project_id, selector, ignore_click_rage, ignore_dead_click)
	VALUES ('next', 4, 'a', false, false) RETURNING tag_id" 2
works "a session takes its events along" is $target "
	DELETE FROM public.sessions WHERE openreplay.session_time(session_id) < '2020-03-01';
	SELECT count(*) FROM events_common.customs" 2
works "the outbox goes on" is $target "
	UPDATE openreplay.uploaders SET heartbeat = 'epoch';
	SELECT count(*) FROM openreplay.claim_outbox('after the restore', '{recording,remove,hook}', 10)" 2
works "check() finds what the fill has left open, the same in the copy" is $target "
	SELECT count(*) FROM openreplay.check() WHERE place NOT IN ('openreplay.parked_batches', 'events.tags', 'public.sessions')" 0
works "new months attach" is $target "SELECT openreplay.ensure_session_partitions('2021-01-01', 0) > 0" t

target=openreplay_restore_parallel
works "DROP EXTENSION" sql "$target" -c "SET client_min_messages = warning" -c "DROP EXTENSION openreplay CASCADE"
works "DROP EXTENSION keeps the rows" contents_are "$target" "$work/source.contents"
works "CREATE EXTENSION again" sql "$target" -c "CREATE EXTENSION openreplay"
works "CREATE EXTENSION keeps the rows" contents_are "$target" "$work/source.contents"
works "CREATE EXTENSION repairs defaults, triggers and views" schema_is "$target" "$work/source.schema"
works "repaired defaults work" is $target \
	"INSERT INTO public.projects (name, active) VALUES ('next', true) RETURNING project_id, length(project_key)" "4|20"
works "repaired triggers work" is $target \
	"DELETE FROM public.projects WHERE project_id = 1; SELECT count(*) FROM events.pages" 0

tell_result
