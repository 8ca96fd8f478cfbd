#!/bin/sh
# Prints a C header that holds the given files: queue_take.lua becomes `static const char queue_take_lua[]`.
# Bytes instead of string literals: no quoting to get wrong, and no limit on a literal's length.
set -eu

echo "/* Made by embed.sh; do not edit. */"
for file in "$@"; do
	echo "static const char $(basename "$file" | tr . _)[] = {"
	od -An -v -tu1 "$file" | sed 's/[0-9][0-9]*/&,/g'
	echo "0};"
done
