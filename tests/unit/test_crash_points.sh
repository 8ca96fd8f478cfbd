#!/bin/sh
# A normal build knows no crash point; a build with --enable-crash-points knows all that the sources name.
build=${VENDORFETCH_BUILD:-.}
names=$(cd "${top_srcdir:-.}" && grep -ohE '(CRASH|FAULT)_POINT\("[a-z_]+"\)' fcgi/*.c worker/*.c lib/*.c | cut -d'"' -f2 | sort -u)
in_programs=$(cat "$build/vendorfetch.fcgi" "$build/vendorfetch-worker" | grep -aoE 'crash_point:[a-z_]+' | cut -d: -f2 | sort -u)

echo "1..2"
if [ "$(echo "$names" | wc -l)" -ge 10 ]; then
	echo "ok 1 - the sources name crash points"
else
	echo "not ok 1 - the sources name only these crash points: $(echo "$names" | tr "\n" " ")"
fi
if grep -q '^S\["CRASH_POINTS_TRUE"\]=""' "$build/config.status"; then
	what="the programs know all of them" expected=$names
else
	what="the programs know none of them" expected=''
	in_programs=$in_programs$(cat "$build/vendorfetch.fcgi" "$build/vendorfetch-worker" | grep -aoE 'crash_point_(hit|die)|VENDORFETCH_CRASH_DIR')
fi
if [ "$in_programs" = "$expected" ]; then
	echo "ok 2 - $what"
else
	echo "not ok 2 - $what; found: $(echo "$in_programs" | tr "\n" " ")"
fi
