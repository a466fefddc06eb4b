# checks.sh - what tests with real processes check with; set test_name, and work to a directory, and source it
#
#   works WHAT COMMAND...          the command succeeds, in this very shell; what it printed is in $work/output, shown if it does not
#   same WHAT ACTUAL EXPECTED      two texts are the same
#   like WHAT ACTUAL PATTERN       a text matches a pattern of the shell
#   sql ARGUMENT...                psql on the database of the environment, results alone
#   tell_result                    prints "NAME: N passed, M failed" and is true when none failed
#
# Counted in passed and failed; what is wrong is printed as "NAME: not ok: WHAT". PG_BIN is cluster.sh's.
passed=0
failed=0

passes()
{
	passed=$((passed + 1))
}

fails()
{
	failed=$((failed + 1))
	echo "$test_name: not ok: $1"
}

works()
{
	local what=$1
	shift
	if "$@" > "$work/output" 2>&1; then
		passes
	else
		fails "$what"
		tail -n 20 "$work/output"
	fi
}

same()
{
	if [ "$2" = "$3" ]; then
		passes
	else
		fails "$1: \"${2:0:300}\", expected \"${3:0:300}\""
	fi
}

like()
{
	# shellcheck disable=SC2053 # a pattern is wanted
	if [[ $2 == $3 ]]; then
		passes
	else
		fails "$1: \"${2:0:300}\" is not like \"$3\""
	fi
}

sql()
{
	"$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 "$@"
}

tell_result()
{
	echo "$test_name: $passed passed, $failed failed"
	[ "$failed" = 0 ]
}
