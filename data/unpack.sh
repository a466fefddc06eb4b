#!/bin/sh
# Copies data/captures into DEST with gzipped bodies inflated, for tests that read bodies in SQL.  usage: unpack.sh DEST
set -eu
source=$(dirname "$0")/captures
dest=$1
for capture in "$source"/*/; do
	name=$(basename "$capture")
	mkdir -p "$dest/$name/bodies"
	cp "$capture"*.json "$capture"requests.ndjson "$dest/$name/"
	for body in "$capture"bodies/*.bin; do
		# a gzip member announces itself in its first two bytes
		if [ "$(head -c 2 "$body" | od -An -tx1 | tr -d ' \n')" = 1f8b ]; then
			gzip -dc <"$body" >"$dest/$name/bodies/$(basename "$body")"
		else
			cp "$body" "$dest/$name/bodies/"
		fi
	done
done
chmod -R a+rX "$dest"
