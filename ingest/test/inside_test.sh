#!/usr/bin/env bash
#
# inside_test.sh - no name, no redirection and no port leads those who fetch assets to what only this machine can reach
#
# In a network of its own: addresses of the loopback interface that look public, private and link-local, servers on all of them, and a
# name server that changes its mind (inside_site.mjs). What is fetched with the guard off shows that the traps are really there.
# Only root can make such a network. Prints "inside: N passed, M failed".
set -u
test_name=inside
if [ "$(id -u)" != 0 ] || ! unshare -mn true 2> /dev/null; then
	echo "inside: NOT TESTED: a network of its own can be made by root only"
	exit 0
fi
if [ "${OPENREPLAY_OWN_NETWORK:-}" != yes ]; then
	OPENREPLAY_OWN_NETWORK=yes exec unshare -mn --propagation private -- "$0" "$@"
fi
. "$(dirname "${BASH_SOURCE[0]}")/assets.sh"

site_pid=
stop_all()
{
	[ -z "$site_pid" ] || { kill -KILL "$site_pid" 2> /dev/null; wait "$site_pid" 2> /dev/null; }
	clean_up
}
trap stop_all EXIT

ip link set lo up
for address in 11.22.33.44/32 10.0.0.1/32 169.254.169.254/32 2a00:1450::5/128 fd00::1/128; do
	ip address add "$address" dev lo || die "inside_test.sh: no address $address"
done
echo 'nameserver 127.0.0.1' > "$work/resolv.conf"
chmod 644 "$work/resolv.conf"
mount --bind "$work/resolv.conf" "$(readlink -f /etc/resolv.conf)" || die "inside_test.sh: cannot name a name server"

node "$PROJECT_ROOT/ingest/test/inside_site.mjs" > "$work/site" 2>&1 &
site_pid=$!
for n in $(seq 100); do
	grep -q '^ready' "$work/site" && break
	sleep 0.1
done
grep -q '^ready' "$work/site" || { cat "$work/site"; die "inside_test.sh: the site does not start"; }
# said WORD: what the site tells with it: "reached" an address, "asked" for a name
said()
{
	sed -n "s/^$1 //p" "$work/site" | sort | uniq -c | awk '{ print $2 "*" $1 }' | tr '\n' ' '
}
start_assets

# to URL: a page that redirects there
to()
{
	node -e 'console.log(`http://public.example/to/${encodeURIComponent(encodeURIComponent(process.argv[1]))}.css`)' "$1"
}

# ---- what is outside is fetched, by name and by number, also behind a redirection ----

# shellcheck disable=SC2046 # one a word
visit '' http://public.example ok.css http://11.22.33.44/ok.css $(to http://public.example/ok.css) $(to //11.22.33.44/ok.css)
upload
same "outside" "$code|$(failures address)|$(sql -c "SELECT count(*) FROM openreplay.assets WHERE state = 'stored'")" "0|0|4"

# ---- redirections from outside ----

targets=(http://127.0.0.1/ http://localhost/ http://127.1/ http://2130706433/ http://0x7f000001/ http://0177.0.0.1/ http://0.0.0.0/
	'http://[::1]/' 'http://[::ffff:127.0.0.1]/' 'http://[::ffff:7f00:1]/' 'http://[0:0:0:0:0:ffff:7f00:1]/' 'http://[::127.0.0.1]/'
	'http://[64:ff9b::7f00:1]/' 'http://[2002:7f00:1::]/' //127.0.0.1/ //localhost/ http://10.0.0.1/ http://169.254.169.254/latest/
	http://2852039166/latest/ 'http://[fd00::1]/' 'http://[fe80::1]/' http://user@127.0.0.1/ http://public.example@127.0.0.1/
	http://①②⑦.0.0.1/ http://127.0.0.1:8080/ http://public.example:25/ http://11.22.33.44:25/ https://127.0.0.1/
	http://inside.example/ http://lan.example/ http://six.example/ http://mapped.example/ http://both.example/
	file:///etc/passwd ftp://public.example/a gopher://public.example:25/_x dict://127.0.0.1/x
	"$(to http://127.0.0.1/)" "$(to "$(to http://169.254.169.254/latest/)")")
names=()
for target in "${targets[@]}"; do
	names+=("$(to "$target")")
done
visit '' http://public.example "${names[@]}"
same "redirections are queued" "$(waiting_assets)" "${#targets[@]}"
upload
same "each is refused and counted" "$(failures address)" "${#targets[@]}"
same "and none reaches anything" "$(said reached)" ''
for n in "${!targets[@]}"; do
	like "${targets[n]}" "$(state "${names[n]}")" "failed: @(its address is |it leads to what is no http)*"
done

# ---- names that lead inside, at once or at second sight ----

visit '' http://public.example http://inside.example/a.css http://lan.example/a.css http://six.example/a.css http://mapped.example/a.css \
	http://both.example/a.css http://public.example:25/a.css
upload
same "names that lead inside" "$(failures address)|$(said reached)" "6|"
# its first answer is outside, the others are inside: the redirection goes to another port, so that the name is looked up again
visit '' http://turning.example http://turning.example/turn.css
upload
same "a name that turns during a redirection" "$(failures address)|$(state http://turning.example/turn.css)" \
	"1|failed: its address is loopback, private or reserved, or its port another protocol's"
like "was looked up twice" "$(said asked)" "*turning.example\*2*"
visit '' http://rebind.example http://rebind.example/ok.css
upload
same "a name is outside" "$(failures address)|$(state http://rebind.example/ok.css)" "0|stored"
visit '' http://rebind.example http://rebind.example/more.css
upload
same "and later inside" "$(failures address)|$(said reached)" "1|"

# ---- hooks of users are under the same guard, and not redirected at all ----

for hook in http://inside.example/ http://lan.example/ http://six.example/ http://mapped.example/ http://both.example/ http://rebind.example/ \
	http://public.example:25/ http://169.254.169.254/ "$(to http://127.0.0.1/)" http://public.example/hook; do
	sql -v url="$hook" <<- 'SQL'
		SELECT openreplay.save_webhook(:'url', :'url') AS hook \gset
		SELECT openreplay.queue_outbox('webhook', jsonb_build_object('webhook_id', :hook, 'idempotency_key', :'url', 'body', '{}'::jsonb), :'url') \g /dev/null
	SQL
done
upload
same "one hook is outside" "$summary" "delivered 1 messages"$'\n'"stored 0 recordings in 0 files, 0 bytes as 0; removed 0; 9 failed"
same "eight are refused, one is not followed" "$(sql -c "SELECT count(*) FILTER (WHERE last_error LIKE '% its address is loopback, private or reserved%'),
	count(*) FILTER (WHERE last_error LIKE '%302, and redirections are not followed') FROM openreplay.outbox")|$(said reached)" "8|1|"
sql -c "DELETE FROM openreplay.outbox"

# ---- the traps are there ----

sql -c "DELETE FROM openreplay.assets" > /dev/null
visit '' http://public.example http://inside.example/a.css http://10.0.0.1/a.css 'http://[::1]/a.css' http://169.254.169.254/a.css 'http://[fd00::1]/a.css' \
	http://public.example:25/a.css http://six.example/a.css http://127.0.0.1:8080/a.css
upload ASSETS_PRIVATE_ADDRESSES=true
same "without the guard all are reached" "$(said reached)" \
	"10.0.0.1:80*1 11.22.33.44:25*1 127.0.0.1:80*1 127.0.0.1:8080*1 169.254.169.254:80*1 ::1:80*2 fd00::1:80*1 "

tell_result
