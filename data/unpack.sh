#!/bin/sh
# Writes data/captures as two files for COPY into DEST: requests.tsv (capture, request as JSON, body in hex, inflated) and
# documents.tsv (capture, name, JSON).  Read by sql/include/captures.sql.  usage: unpack.sh DEST
set -eu
source=$(dirname "$0")/captures
dest=$1
mkdir -p "$dest"
: >"$dest/requests.tsv"
: >"$dest/documents.tsv"

hex()
{
	od -An -v -tx1 | tr -d ' \n'
}

for capture in "$source"/*/; do
	name=$(basename "$capture")
	for document in meta truth decoded-counts; do
		printf '%s\t%s\t%s\n' "$name" "$document" "$(tr -d '\n' <"$capture$document.json" | sed 's/\\/\\\\/g')" >>"$dest/documents.tsv"
	done
	sed 's/\\/\\\\/g' "$capture/requests.ndjson" | while IFS= read -r request; do
		body=$(printf '%s' "$request" | sed -n 's/.*"body": *"\([0-9]*\.bin\)".*/\1/p')
		printf '%s\t%s\t' "$name" "$request"
		if [ -z "$body" ]; then
			printf '%s\n' '\N'
		# a gzip member announces itself in its first two bytes
		elif [ "$(head -c 2 "$capture/bodies/$body" | hex)" = 1f8b ]; then
			printf '\\\\x%s\n' "$(gzip -dc <"$capture/bodies/$body" | hex)"
		else
			printf '\\\\x%s\n' "$(hex <"$capture/bodies/$body")"
		fi
	done >>"$dest/requests.tsv"
done
