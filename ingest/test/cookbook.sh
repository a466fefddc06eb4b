# cookbook.sh - what the manual and the Grafana dashboard ask, asked; source it after checks.sh, with $work a directory
#
#   check_cookbook    runs the statements of README.md's cookbook as openreplay_reader and compares with the answers printed there
#   check_grafana     runs every query of data/grafana/openreplay.json likewise, its macros and variables filled in; each has to
#                     work, and to answer something about the bundled recordings unless it is in grafana_empty
#
# Both want data/recordings.sql as project 1 of the database of the environment.

# A session that may read, and nothing else, as psql shows it to people.
ask()
{
	PGOPTIONS='-c role=openreplay_reader -c default_transaction_read_only=on' \
		"$PG_BIN/psql" -Xq -v ON_ERROR_STOP=1 -P footer=off -P pager=off "$@" 2>&1 | sed -E 's/[[:space:]]+$//' | sed -e '${/^$/d}'
}

# split_cookbook DIR: statement N to DIR/N.sql, its answer to DIR/N.answer
split_cookbook()
{
	awk -v dir="$1" '
		/^### Questions and answers/ { here = 1; next }
		here && /^##/ { exit }
		here && /^```sql/ { n++; file = dir "/" n ".sql"; next }
		here && /^```$/ && file == "" { file = dir "/" n ".answer"; printf "" > file; next }
		here && /^```$/ { file = ""; next }
		here && file != "" { print > file }' README.md
}

check_cookbook()
{
	local dir=$work/cookbook number n
	mkdir -p "$dir"
	split_cookbook "$dir"
	number=$(find "$dir" -name '*.sql' | wc -l)
	same 'the cookbook has 15 questions and more' "$((number >= 15))" 1
	for n in $(seq "$number"); do
		same "question $n: $(head -n 1 "$dir/$n.sql")" "$(ask -f "$dir/$n.sql")" "$(cat "$dir/$n.answer")"
	done
}

# Grafana's macros as its PostgreSQL data source expands them, and the dashboard's variables.
grafana_queries()
{
	node -e '
		const board = JSON.parse(require("fs").readFileSync("data/grafana/openreplay.json"));
		const from = "\u00272026-11-23T00:00:00Z\u0027", to = "\u00272026-11-24T00:00:00Z\u0027";
		const stages = board.templating.list.find(v => v.name === "funnel").current.value;
		const quoted = text => "\u0027" + text.replace(/\u0027/g, "\u0027\u0027") + "\u0027";
		// the argument of a macro may have parentheses of its own
		const argument = String.raw`((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)`;
		const fill = sql => sql
			.replace(new RegExp(String.raw`\$__timeFilter\(${argument}\)`, "g"), (_, column) => `${column} BETWEEN ${from} AND ${to}`)
			.replace(new RegExp(String.raw`\$__timeGroup\(${argument}, *\$__interval\)`, "g"), (_, column) => `to_timestamp(floor(extract(epoch from ${column})/300)*300)`)
			.replace(/\$__timeFrom\(\)/g, from).replace(/\$__timeTo\(\)/g, to)
			.replace(/\$\{funnel:sqlstring\}/g, quoted(stages)).replace(/\$\{project:sqlstring\}/g, quoted("1"));
		const queries = board.panels.flatMap(p => p.targets.map(t => [`${p.title} ${t.refId}`, t.rawSql]));
		queries.push(...board.templating.list.filter(v => v.type === "query").map(v => [`variable ${v.name}`, v.query]));
		for (const [title, sql] of queries) console.log(`${title}\t${fill(sql).replace(/\s+/g, " ")}`);'
}

# What the recordings have nothing of.
grafana_empty=' Referrers A '

check_grafana()
{
	local title statement answer
	while IFS=$'\t' read -r title statement; do
		if ! answer=$(PGOPTIONS='-c role=openreplay_reader -c default_transaction_read_only=on' sql -c "$statement" 2>&1); then
			fails "Grafana, $title: $answer"
		elif [[ $statement == *'$'* ]]; then
			fails "Grafana, $title: a macro or a variable was not filled in: $statement"
		elif [[ -z $answer && $grafana_empty != *" $title "* ]]; then
			fails "Grafana, $title: no answer"
		else
			passes
		fi
	done < <(grafana_queries)
}
