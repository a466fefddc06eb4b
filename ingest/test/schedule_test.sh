#!/usr/bin/env bash
#
# schedule_test.sh - the periodic work is done, by pg_cron and by the launcher, once, and what fails stops nothing else
#
# Prints "schedule: N passed, M failed". Wants pg_cron beside PostgreSQL (Debian's postgresql-15-cron).
set -u
test_name=schedule
. "$(dirname "${BASH_SOURCE[0]}")/http.sh"

[ -e "$("${PG_CONFIG:-pg_config}" --pkglibdir)/pg_cron.so" ] || die "schedule_test.sh: no pg_cron here: install Debian's postgresql-15-cron"
start_cluster "$dir" "$port" "shared_preload_libraries = 'openreplay, pg_cron'" "openreplay.database = 'no database'" "fsync = off" \
	"cron.database_name = 'postgres'" "cron.use_background_workers = on" "cron.timezone = 'UTC'" || die "schedule_test.sh: cannot start a cluster"
create_openreplay || die "schedule_test.sh: cannot create the extension (make install?)"

# becomes WHAT SQL VALUE: within 100 s, as pg_cron and the launcher look once a minute
becomes()
{
	local n
	for n in $(seq 500); do
		[ "$(sql -c "$2")" = "$3" ] && break
		sleep 0.2
	done
	same "$1" "$(sql -c "$2")" "$3"
}

# ---- pg_cron, from the database where it lives ----

sql -d postgres -c "CREATE EXTENSION pg_cron"
sql -c "SELECT openreplay.schedule_jobs()" 2> "$work/notice" | sql -d postgres > /dev/null
like "it is told where that is" "$(cat "$work/notice")" '*pg_cron schedules from database "postgres"*'
same "all of it is scheduled" "$(sql -d postgres -c "SELECT count(*) FROM cron.job WHERE database = 'openreplay'")" "$(sql -c "SELECT count(*) FROM openreplay.periodic_work()")"
sql -c "SELECT openreplay.schedule_jobs()" 2> /dev/null | sql -d postgres > /dev/null
same "and once" "$(sql -d postgres -c "SELECT count(*) - count(DISTINCT jobname) FROM cron.job")" 0
becomes "pg_cron evaluates alerts" "SELECT DISTINCT run_by || ' ' || state || ' ' || result FROM openreplay.work_runs WHERE name = 'evaluate_alerts'" \
	"pg_cron done 0 evaluated, 0 met, 0 failed"
same "from its own database nothing is run there" "$(sql -d postgres -c "SELECT to_regnamespace('openreplay') IS NULL")" t
sql -d postgres -c "SELECT cron.unschedule(jobid) FROM cron.job" > /dev/null

# ---- the launcher ----

sql -c "TRUNCATE openreplay.work_log"
sql -c "ALTER FUNCTION openreplay.take_job() RENAME TO take_job_away" -c "ALTER FUNCTION openreplay.refresh_top_values() RENAME TO refresh_away" \
	-c "ALTER SYSTEM SET openreplay.database = 'openreplay'" -c "SELECT pg_reload_conf()" > /dev/null
becomes "the launcher has all of it done" "SELECT count(DISTINCT name) FROM openreplay.work_runs WHERE run_by = 'openreplay housekeeper' AND state <> 'running'" \
	"$(sql -c "SELECT count(*) FROM openreplay.periodic_work()")"
same "but what fails, and it is noted why" "$(sql -c "SELECT DISTINCT name, error FROM openreplay.work_runs WHERE state = 'failed' ORDER BY 1")" \
	$'refresh_top_values|function openreplay.refresh_top_values() does not exist\nrun_jobs|function openreplay.take_job() does not exist'
like "in the log, too" "$(cat "$dir/postgresql.log")" "*function openreplay.take_job() does not exist*"
sql -c "ALTER FUNCTION openreplay.take_job_away() RENAME TO take_job" -c "ALTER FUNCTION openreplay.refresh_away() RENAME TO refresh_top_values"

# ---- two at once ----

sql -c "SELECT pg_advisory_lock(hashtextextended('openreplay.run_work run_jobs', 0)), pg_sleep(100)" > /dev/null 2>&1 &
holder=$!
for n in $(seq 50); do
	[ "$(sql -c "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid IN (SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100)%' AND pid <> pg_backend_pid())")" = 1 ] && break
	sleep 0.1
done
before=$(sql -c "SELECT count(*) FROM openreplay.work_log WHERE name = 'run_jobs'")
like "a second run stays away" "$(sql -c "CALL openreplay.run_work('run_jobs')" 2>&1)" "*run_jobs is under way elsewhere*"
sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100)%' AND pid <> pg_backend_pid()" > /dev/null
wait "$holder" 2> /dev/null
sql -c "CALL openreplay.run_work('run_jobs')"
same "and comes when the first is gone" "$(sql -c "SELECT count(*) - $before FROM openreplay.work_log WHERE name = 'run_jobs'")" 1

# ---- a job that erases a user, 5,000 sessions of theirs, killed on its way ----

sql -c "ALTER SYSTEM SET openreplay.database = 'no database'" -c "SELECT pg_reload_conf()" > /dev/null
sql -c "INSERT INTO public.sessions (session_id, project_id, start_ts, platform, user_uuid, user_os, user_device, user_device_type, user_country, user_browser,
		tracker_version, timezone, duration, events_count, pages_count, errors_count, issue_score, issue_types, user_id)
	SELECT openreplay.session_id_at(now() - interval '1 hour' + n * interval '0.1 second'), 1, (openreplay.session_id_at(now() - interval '1 hour' + n * interval '0.1 second') >> 24) + 1550000000000,
		'web', '7f0c1d2e-3a4b-4c5d-8e6f-708192a3b4c5', 'Linux', '', 'desktop', 'NL', 'Firefox', '14.0.14', 'UTC+00:00', 100, 3, 0, 0, 0, '{}', CASE WHEN n <= 5000 THEN 'mara' ELSE 'other' END
	FROM generate_series(1, 5100) n" \
	-c "INSERT INTO events.clicks (session_id, message_id, timestamp, label, selector, url) SELECT session_id, n, start_ts, 'Pay', 'b', 'https://shop.example/' FROM public.sessions, generate_series(1, 3) n" \
	-c "UPDATE public.sessions SET issue_score = start_ts / 1000" \
	-c "INSERT INTO public.autocomplete (value, type, project_id) VALUES ('mara', 'USERID', 1), ('other', 'USERID', 1)"
# what storage holds of everybody: a folder a session
as_server mkdir -p -m 700 "$dir/storage/mobs"
sql -c "SELECT session_id FROM public.sessions" | as_server sh -c 'cd "$0" && xargs mkdir && for folder in *; do echo recorded > "$folder/dom.mobs"; done' "$dir/storage/mobs"
same "all are stored" "$(find "$dir/storage/mobs" -name dom.mobs | wc -l)" 5100
job=$(sql -c "SELECT openreplay.erase_user(1, 'mara', now())")
sql -c "CALL openreplay.run_work('run_jobs')" > /dev/null 2>&1 &
victim=$!
for n in $(seq 2000); do
	left=$(sql -c "SELECT count(*) FROM public.sessions WHERE user_id = 'mara'")
	[ "$left" -lt 4000 ] && break
done
kill -KILL "$(sql -c "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL openreplay.run_work%'")"
wait "$victim" 2> /dev/null
for n in $(seq 100); do
	sql -c "SELECT 1" > /dev/null 2>&1 && break
	sleep 0.1
done
same "after a kill some are left" "$(sql -c "SELECT count(*) BETWEEN 1 AND 4999 FROM public.sessions WHERE user_id = 'mara'")" t
same "the run is known to have failed" "$(sql -c "SELECT state FROM openreplay.work_runs WHERE name = 'run_jobs' ORDER BY run_id DESC LIMIT 1")" failed
same "and the job goes on" "$(sql -c "SELECT status FROM openreplay.jobs(1)")" running
sql -c "CALL openreplay.run_work('run_jobs')"
same "until no row is left" "$(sql -c "SELECT (SELECT status FROM openreplay.jobs(1)), (SELECT count(*) FROM public.sessions WHERE user_id = 'mara'), (SELECT count(*) FROM public.sessions),
	(SELECT count(*) FROM events.clicks), (SELECT string_agg(value, ' ') FROM public.autocomplete WHERE type = 'USERID')")" "completed|0|100|300|other"
same "and each blob is to be removed" "$(sql -c "SELECT count(DISTINCT id) FROM openreplay.outbox, jsonb_array_elements(payload->'session_ids') id WHERE kind = 'remove'")" 5000
sql -c "CREATE ROLE uploader LOGIN IN ROLE openreplay_uploader"
install -m 755 "$PROJECT_ROOT/openreplay-uploader" "$dir/openreplay-uploader"
as_server env DATABASE_URL="host=$PGHOST port=$PGPORT user=uploader dbname=$PGDATABASE" STORAGE_DIR="$dir/storage" \
	"$dir/openreplay-uploader" --once > /dev/null 2> "$dir/uploader.log"
same "an uploader removes them, and nobody else's" "$(find "$dir/storage/mobs" -name dom.mobs | wc -l)" 100
same "nothing wrong was noted" "$(sql -c "SELECT count(*) FROM openreplay.check()")" 0

tell_result
