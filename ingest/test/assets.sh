# assets.sh - visits whose pages name assets, and an uploader that copies them, for tests; set test_name and source it
#
#   start_assets [CONF_LINE...]              the cluster, with copies at https://copies.example/assets, and a role for the uploader
#   visit SETTINGS BASE NAME...              a visit whose page links to these, recorded now; sets sid
#   upload [KEY=VALUE...]                    runs one uploader, its words in $work/log; sets summary and code
#   failures REASON                          how many tries it counted as failed for this
#   state URL                                what openreplay.assets has of one
#   waiting_assets                           how many are in the outbox
#
# It sources http.sh, whose clean_up removes all.
. "$(dirname "${BASH_SOURCE[0]}")/http.sh"

start_assets()
{
	start_cluster "$dir" "$port" "shared_preload_libraries = 'openreplay'" "openreplay.database = 'no database'" \
		"openreplay.assets_origin = 'https://copies.example/assets'" "$@" || die "$test_name: cannot start a cluster"
	create_openreplay || die "$test_name: cannot create the extension (make install?)"
	sql -c "CREATE ROLE uploader LOGIN IN ROLE openreplay_uploader"
	as_server mkdir -m 700 "$dir/storage"
	install -m 755 "$PROJECT_ROOT/openreplay-uploader" "$dir/openreplay-uploader"
}

visit()
{
	local settings=$1 base=$2 messages= name
	shift 2
	for name in "$@"; do
		messages+=", pg_temp.msg(60, pg_temp.uint(4), pg_temp.str('href'), pg_temp.str('${name//\'/\'\'}'), pg_temp.str('$base/'))"
	done
	visits=$((${visits:-0} + 1))
	sid=$({
		cat "$PROJECT_ROOT/sql/include/encode.sql"
		echo "$settings"
		echo "SELECT openreplay.session_id_at(now()) + $visits AS sid \\gset"
		echo "SELECT pg_temp.start(:sid, 1, now()) \\g /dev/null"
		echo "SELECT openreplay.append_batch(:sid, pg_temp.batch(0, 0, extract(epoch FROM now())::bigint * 1000, '$base/', 'tab'$messages), now()) \\g /dev/null"
		echo "SELECT openreplay.process_batches() \\g /dev/null"
		echo "SELECT :sid;"
	} | (cd "$PROJECT_ROOT" && sql) | tail -n 1)
}

upload()
{
	summary=$(as_server env "DATABASE_URL=host=$PGHOST port=$PGPORT user=uploader dbname=$PGDATABASE" STORAGE_DIR="$dir/storage" \
		METRICS_FILE="$dir/metrics" ASSETS_TIMEOUT=2 ASSETS_SIZE_LIMIT=1000000 "$@" "$dir/openreplay-uploader" --once 2> "$work/log")
	code=$?
}

failures()
{
	grep "^openreplay_uploader_asset_failures_total{reason=\"$1\"}" "$dir/metrics" | cut -d' ' -f2
}

state()
{
	sql -v url="$1" <<< "SELECT state || coalesce(': ' || reason, '') FROM openreplay.assets WHERE url = :'url'"
}

waiting_assets()
{
	sql -c "SELECT count(*) FROM openreplay.outbox WHERE kind = 'asset'"
}
