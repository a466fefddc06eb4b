#!/usr/bin/env bash
#
# cookbook_test.sh - the manual's cookbook and the Grafana dashboard say what is so, and need no more than openreplay_reader
#
# Wants a running server and a superuser in PG*; works in a database of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. ingest/test/cluster.sh
test_name=cookbook
. ingest/test/checks.sh
. ingest/test/cookbook.sh
database=openreplay_cookbook
work=$(mktemp -d)
drop_database()
{
	PGDATABASE=postgres sql -c 'SET client_min_messages = warning' -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"
}
trap 'drop_database; rm -rf "$work"' EXIT
trap 'exit 143' TERM INT

drop_database
PGDATABASE=postgres sql -c "CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8'"
export PGDATABASE=$database
sql -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION openreplay CASCADE'
make -s build/captures
like 'the recordings are loaded' "$(OPENREPLAY_CAPTURES=$PWD/build/captures sql -f data/recordings.sql)" '*project 1: * entries, 8 sessions ended'
check_cookbook
check_grafana
tell_result
