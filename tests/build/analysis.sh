#!/bin/bash
# Static analysis of all that is not a test, without findings. What is left out, and why: .clang-tidy, tests/build/cppcheck.txt.
#
#   tests/build/analysis.sh clang-tidy|cppcheck SOURCE-DIRECTORY BUILD-DIRECTORY
#
# gcc's own -fanalyzer is a build with that flag (scripts/test analysis).

set -euo pipefail

tool=${1:?clang-tidy or cppcheck}
source=$(realpath "${2:?the source directory}")
build=$(realpath "${3:?a build directory, for config.h and generated headers}")
jobs=$(nproc)
folders=(lib http fcgi worker cli mock)
cd "$source"

sources() { find "${folders[@]}" -name '*.c' | sort; }

tidy() {
	local flags
	# Crash points are compiled in, so that they are looked at, too.
	flags=(-std=gnu11 -D_GNU_SOURCE -DHAVE_CONFIG_H -DVF_CRASH_POINTS "-I$build" -Ilib -Ihttp -Ifcgi -Iworker "-I$build/lib" "-I$build/fcgi"
		'-DVENDORFETCH_SYSCONFDIR=""' '-DVENDORFETCH_STATEDIR=""')
	# shellcheck disable=SC2207 # words
	flags+=($(pkg-config --cflags fcgi hiredis libcurl json-c libcrypto sqlite3 libmongoc-1.0))
	sources | xargs -P "$jobs" -I FILE clang-tidy --quiet FILE -- "${flags[@]}" 2>/dev/null
}

check_cpp() {
	local suppressions
	suppressions=$(mktemp)
	# shellcheck disable=SC2064 # the name as it is now
	trap "rm -f '$suppressions'" EXIT
	grep -v '^#' tests/build/cppcheck.txt >"$suppressions"
	cppcheck -j "$jobs" --quiet --error-exitcode=1 --enable=warning,portability,performance --std=c11 --platform=unix64 \
		-D_GNU_SOURCE -DHAVE_CONFIG_H -DHAVE_SQLITE=1 -DHAVE_MONGODB=1 -Ilib -Ihttp "-I$build" "-I$build/lib" "-I$build/fcgi" \
		--suppressions-list="$suppressions" "${folders[@]/#/$source/}"
}

case $tool in
clang-tidy) tidy ;;
cppcheck) check_cpp ;;
*) exit 2 ;;
esac
