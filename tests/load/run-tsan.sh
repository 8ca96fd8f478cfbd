#!/bin/bash
# Puts load on a pool and a worker that were built with TSan, and fails if TSan reported anything or a job did not end.
#
#   tests/load/run-tsan.sh BUILD_DIR [sqlite|mongodb]

set -euo pipefail

top=$(dirname "$(dirname "$(dirname "$(realpath "$0")")")")
build=$(realpath "$1")
store=${2:-sqlite}
jobs=400
dir=$(mktemp -d)

finish() {
	"$top/scripts/stack" down "$dir/stack" || true
	rm -rf "$dir"
}
trap finish EXIT

# mongoc, hiredis and curl are not built with TSan; what happens inside them alone is theirs.
cat >"$dir/suppressions" <<'END'
race:libmongoc-1.0
race:libbson-1.0
race:libcrypto.so
END

export VENDORFETCH_BUILD=$build
export TSAN_OPTIONS="log_path=$dir/tsan suppressions=$dir/suppressions exitcode=66 second_deadlock_stack=1"
"$top/scripts/stack" up "$dir/stack" --store "$store" --workers 2
# shellcheck disable=SC1091
source "$dir/stack/env"

post() { curl -fsS -o /dev/null -w '%header{location}\n' "$BASE_URL/jobs" -H 'Content-Type: application/json' -d "$1"; }

post_many() {
	for ((i = 0; i < jobs / 8; i++)); do
		post "{\"vendor\":\"sync\",\"payload\":{\"n\":$i}}"
		post "{\"vendor\":\"async\",\"payload\":{\"n\":$i}}"
	done
}

for n in 1 2 3 4; do post_many >"$dir/ids.$n" & done
for n in 1 2 3 4 5; do "$build/vendorfetch" reload --config "$dir/stack/vendorfetch.conf" && sleep 0.2; done
wait
cat "$dir"/ids.* >"$dir/ids"
[[ $(wc -l <"$dir/ids") -eq $jobs ]] || { echo "only $(wc -l <"$dir/ids") of $jobs jobs were accepted" && exit 1; }

deadline=$((SECONDS + 90))
while read -r location; do
	until curl -fsS "$BASE_URL$location" | grep -q '"status":"complete"'; do
		((SECONDS < deadline)) || { echo "$location did not end" && curl -sS "$BASE_URL$location" && exit 1; }
		sleep 0.2
	done
done <"$dir/ids"

# TERM under load belongs to it: both have to leave without a race.
post_many >/dev/null 2>&1 &
"$top/scripts/stack" kill "$dir/stack" worker-1 TERM
"$top/scripts/stack" kill "$dir/stack" api TERM
wait
"$top/scripts/stack" down "$dir/stack"
if compgen -G "$dir/tsan.*" >/dev/null; then
	cat "$dir"/tsan.* && exit 1
fi
echo "$jobs jobs, nothing reported"
