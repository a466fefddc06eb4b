#!/usr/bin/env bash
#
# assets_test.sh - style sheets and fonts that recordings name are copied, and nothing else is reached by that
#
# Prints "assets: N passed, M failed".
set -u
test_name=assets
. "$(dirname "${BASH_SOURCE[0]}")/assets.sh"

site_pid=
stop_all()
{
	[ -z "$site_pid" ] || { kill -KILL "$site_pid" 2> /dev/null; wait "$site_pid" 2> /dev/null; }
	clean_up
}
trap stop_all EXIT

command -v node > /dev/null || die "assets_test.sh: no node here: install Debian's nodejs"
node "$PROJECT_ROOT/ingest/test/asset_site.mjs" > "$work/site" 2>&1 &
site_pid=$!
for n in $(seq 100); do
	read -r word site_port < "$work/site" && [ "$word" = ready ] && break
	sleep 0.1
done
[ "${word:-}" = ready ] || { cat "$work/site"; die "assets_test.sh: the site does not start"; }
site=http://127.0.0.1:$site_port

start_assets

recorded()
{
	sql -c "SELECT convert_from(replace(openreplay.recording($sid)::text, '00', '20')::bytea, 'LATIN1')"
}
day=$(sql -c "SELECT extract(day FROM now() AT TIME ZONE 'UTC')::int")
copy_of()
{
	sql -c "SELECT convert_from(pg_read_binary_file('$dir/storage/sessions-assets/http!3A!2F!2F127.0.0.1!3A$site_port!2F$1.$day'), 'UTF8')"
}
copied_as()
{
	echo "https://copies.example/assets/http%213A%212F%212F127.0.0.1%213A$site_port%212F$1.$day"
}

# ---- off ----

visit "SET openreplay.assets_origin = '';" "$site" main.css
same "off, nothing is queued" "$(waiting_assets)" 0

# ---- copied ----

visit '' "$site" main.css main.css moved.css logo.png
visit '' "$site" main.css
same "each is queued once" "$(sql -c "SELECT string_agg(payload ->> 'url', ' ' ORDER BY key) FROM openreplay.outbox WHERE kind = 'asset'")" \
	"$site/main.css $site/moved.css"
like "before it is copied a recording names the site's" "$(recorded)" "*$site/main.css*"
upload ASSETS_PRIVATE_ADDRESSES=true
same "all goes well" "$code" 0
like "the summary" "$summary" "copied 5 assets*"
same "each is fetched once, and no image" "$(curl -s "$site/asked")" "/deep/g.ttf /f.woff2 /f.woff2 /gone.woff /main.css /more.css /moved.css"
same "a sheet names copies, and the site's where there is none" "$(copy_of main.css)" \
	"@import \"$(copied_as more.css)\"; a.-openreplay-hover{src:url($(copied_as f.woff2))} b{src:url($site/gone.woff)} i{background:url($site/i.png)}"
same "a sheet in a sheet" "$(copy_of more.css)" "@import \"$site/main.css\"; c{src:url(\"$(copied_as deep%212Fg.ttf)\")}"
same "a font" "$(copy_of f.woff2)" "font f"
same "what is gone is counted" "$(failures status)" 1
like "a recording names the copy" "$(recorded)" "*$(copied_as main.css)*"
same "what is gone is known to have failed" "$(state "$site/gone.woff")" "failed: status 404"
same "nothing waits" "$(waiting_assets)" 0
sql -c "SELECT openreplay.end_sessions(now() + interval '1 hour')" > /dev/null
upload
same "what is stored is what SQL shows, with the copies" "$(sql -c "SELECT openreplay.decompress_body(pg_read_binary_file('$dir/storage/mobs/$sid/dom.mobs'))
	= openreplay.recording($sid, 'dom.mobs'), position('copies.example'::bytea IN openreplay.recording($sid, 'dom.mobs')) > 0")" "t|t"
visit '' "$site" main.css
same "and it is not queued again" "$(waiting_assets)" 0
sql -c "UPDATE openreplay.assets SET queued_at = queued_at - interval '30 days', stored_at = stored_at - interval '30 days'" > /dev/null
visit '' "$site" main.css
same "but a month later" "$(waiting_assets)" 1
sql -c "DELETE FROM openreplay.outbox" > /dev/null

visit '' "$site" old/sheet.css
upload ASSETS_PRIVATE_ADDRESSES=true
same "what a sheet names is relative to where it was found" "$(copy_of old!2Fsheet.css)" "a{src:url($(copied_as new%212Fx.woff)),url($site/i.png)}"

# ---- traps ----

visit '' "$site" page.css large.css bomb.css bombs.css endless.css headers.css file.css round.css none.css drip.css
upload ASSETS_PRIVATE_ADDRESSES=true
same "a web page" "$(state "$site/page.css")" "failed: it is a web page"
same "too large" "$(state "$site/large.css")" "failed: it is too large"
same "a bomb" "$(state "$site/bomb.css")" "failed: it is too large"
same "a bomb in a bomb" "$(state "$site/bombs.css")" "failed: it is too large"
same "a sheet without end" "$(state "$site/endless.css")" "failed: it is too large"
same "headers without end" "$(state "$site/headers.css")" "failed: its headers are too large"
same "a file" "$(state "$site/file.css")" "failed: it leads to what is no http, or on and on"
same "round and round" "$(state "$site/round.css")" "failed: it leads to what is no http, or on and on"
same "none" "$(state "$site/none.css")" "failed: status 404"
same "slow ones are tried again" "$(state "$site/drip.css")" waiting
same "counted by reason" "$(failures type) $(failures size) $(failures address) $(failures status) $(failures time)" "1 5 2 1 1"
like "a recording names the site's" "$(recorded)" "*$site/page.css*"
sql -c "UPDATE openreplay.outbox SET attempts = 4, next_try = now() WHERE kind = 'asset'" > /dev/null
upload ASSETS_PRIVATE_ADDRESSES=true
same "until they are given up" "$(state "$site/drip.css")" "failed: it takes too long"

# ---- what a sheet names may come later than it ----

visit '' "$site" late.css
curl -s "$site/asked" > /dev/null
upload ASSETS_PRIVATE_ADDRESSES=true
same "a sheet is there at once" "$(copy_of late.css)" "@import \"$(copied_as later.css)\"; a{src:url($site/late.woff)} b{src:url($site/never.woff2)}"
like "and is tried again" "$(sql -c "SELECT to_be_retried, last_error FROM openreplay.outbox_status")" "1|not all it names is there yet: status 503"
same "until then nothing is known of what is late" "$(state "$site/late.woff")$(state "$site/latest.ttf")$(state "$site/later.css")" ''
sql -c "UPDATE openreplay.outbox SET next_try = now() WHERE kind = 'asset'" > /dev/null
upload ASSETS_PRIVATE_ADDRESSES=true
same "then it names what came" "$(copy_of late.css)" "@import \"$(copied_as later.css)\"; a{src:url($(copied_as late.woff))} b{src:url($site/never.woff2)}"
same "so does the sheet in it" "$(copy_of later.css)" "c{src:url($(copied_as latest.ttf))}"
sql -c "UPDATE openreplay.outbox SET attempts = 4, next_try = now() WHERE kind = 'asset'" > /dev/null
curl -s "$site/asked" > "$work/before"
upload ASSETS_PRIVATE_ADDRESSES=true
same "what never comes is given up" "$(state "$site/never.woff2")|$(waiting_assets)|$code" "failed: status 503|0|0"
same "what is there was not fetched again" "$(curl -s "$site/asked" | tr ' ' '\n' | grep -c late.woff)" "$(tr ' ' '\n' < "$work/before" | grep -c late.woff)"

# ---- addresses inside ----

before=$(curl -s "$site/asked")
names="http://127.0.0.1:$site_port/x.css http://localhost:$site_port/x.css http://[::1]:$site_port/x.css http://[::ffff:127.0.0.1]:$site_port/x.css
	http://0.0.0.0:$site_port/x.css http://169.254.169.254/latest/x.css http://10.0.0.1/x.css http://172.16.0.1/x.css http://192.168.0.1/x.css
	http://100.64.0.1/x.css http://[fd00::1]/x.css http://[fe80::1]/x.css http://224.0.0.1/x.css http://2130706433:$site_port/x.css"
# shellcheck disable=SC2086 # one a word
visit '' https://shop.example $names
upload
same "each is refused" "$(failures address)" "$(wc -w <<< "$names")"
same "and none is reached" "$(curl -s "$site/asked")" "$before"
same "and known to have failed" "$(sql -c "SELECT count(*) FROM openreplay.assets WHERE reason LIKE 'its address is loopback, private or reserved%'")" \
	"$(wc -w <<< "$names")"
sql -c "SELECT openreplay.queue_outbox('asset', '{\"url\": \"file:///etc/passwd.css\", \"key\": \"file!3A!2F!2F!2Fetc!2Fpasswd.css.1\"}')" > /dev/null
upload
same "a file is no asset" "$(sql -c "SELECT given_up FROM openreplay.outbox WHERE kind = 'asset'")" t

tell_result
