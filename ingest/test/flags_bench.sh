#!/usr/bin/env bash
# Feature flags evaluated: by the plain C core, and by SQL calls of one connection.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. ingest/test/cluster.sh

make -s build/bench/src/flags/flag_bench
build/bench/src/flags/flag_bench

dir=$(cluster_dir openreplay-flags)
trap 'stop_cluster "$dir" immediate 2> /dev/null; rm -rf "$dir"' EXIT
start_cluster "$dir" "$(free_port)" "shared_preload_libraries = openreplay" "openreplay.workers = 0"
create_openreplay

# what a site has: a few flags, one of them with three filters
"$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 <<'SQL' > /dev/null
SELECT openreplay.save_feature_flag(1, '{"flagKey": "new-nav", "conditions": [{"name": "readers", "rolloutPercentage": 50, "filters": [
	{"type": "userCountry", "operator": "is", "value": ["DE", "FR", "NL"]},
	{"type": "referrer", "operator": "contains", "value": ["news.example"]},
	{"type": "metadata", "source": "plan", "operator": "isNot", "value": ["free"]}]}]}');
SELECT openreplay.save_feature_flag(1, jsonb_build_object('flagKey', 'flag-' || n, 'conditions', '[{"name": "all", "rolloutPercentage": 50}]'::jsonb))
FROM generate_series(1, 4) n;
SQL
cat > "$dir/call.sql" <<'SQL'
\set visitor random(1, 1000000)
SELECT openreplay.evaluate_flags(1, jsonb_build_object('userID', :visitor::integer, 'country', 'NL', 'referrer', 'https://news.example/a?x=1', 'metadata', '{"plan": "pro"}'::jsonb));
SQL
rate=$("$PG_BIN/pgbench" -n -M prepared -T 10 -f "$dir/call.sql" | sed -n 's/^tps = \([0-9]*\).*/\1/p')
echo "openreplay.evaluate_flags() of a project with five flags: $rate calls/s by one connection, its client included"
