#!/bin/bash
# Are the programs of a build hardened? Says what is missing, of which program; 1 then.
#
#   tests/build/hardened.sh BUILD-DIRECTORY      a build with configure's own flags (no sanitizer, no -O0)
#
# Debian's hardening-check does most of it, readelf what it does not. The C library of Debian 12 starts programs with code that
# knows nothing of control flow integrity, so no program has the mark of it, and our own objects are looked at instead.

set -uo pipefail

build=${1:?a build directory}
programs=(vendorfetch vendorfetch.fcgi vendorfetch-worker vendorfetch-mock)
failed=0

lacks() {
	echo "$1: $2"
	failed=1
}

check_program() {
	local program=$build/$1 said
	[[ -x $program ]] || { lacks "$1" "is not built" && return; }
	if ! said=$(hardening-check --nocfprotection "$program"); then
		lacks "$1" "$(grep ': no' <<<"$said")"
	fi
	grep -q 'GNU_STACK .* RW ' <<<"$(readelf -lW "$program")" || lacks "$1" "its stack is executable"
}

# Marks of the compiler in each object: x86 alone has them.
check_objects() {
	local object objects
	[[ $(uname -m) == x86_64 ]] || return 0
	objects=$(find "$build/lib" "$build/http" "$build/fcgi" "$build/worker" "$build/cli" "$build/mock" -name '*.o')
	[[ -n $objects ]] || lacks "$build" "has no objects"
	for object in $objects; do
		grep -q 'IBT, SHSTK' <<<"$(readelf -nW "$object")" || lacks "$object" "no -fcf-protection"
	done
}

# The probe of a page of a large frame; functions with less than a page have none.
check_stack_clash() {
	[[ $(uname -m) == x86_64 ]] || return 0
	grep -qE 'or[ql] +[$]0x0,(0x[0-9a-f]+)?[(]%rsp[)]' <<<"$(objdump -d --no-show-raw-insn "$build/vendorfetch-worker")" ||
		lacks vendorfetch-worker "no -fstack-clash-protection"
}

command -v hardening-check >/dev/null || { echo "hardening-check is missing (Debian package devscripts)" && exit 1; }
for program in "${programs[@]}"; do check_program "$program"; done
check_objects
check_stack_clash
exit "$failed"
