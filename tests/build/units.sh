#!/bin/bash
# Are the units for systemd understood, and is each as closed as the documentation says? 1 and what is wrong, if not.
#
#   tests/build/units.sh SOURCE-DIRECTORY
#
# systemd-analyze works on the files alone, nothing runs. It looks for programs: what is not installed is /bin/true here.

set -euo pipefail

source=${1:?the source directory}
threshold=15 # the highest exposure that is taken, in tenths
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for unit in "$source"/etc/systemd/*.service.in; do
	name=$(basename "$unit" .in)
	sed -e 's,@bindir@/vendorfetch-[a-z]*,/bin/true,' -e 's,@sysconfdir@,/etc,g' -e 's,@localstatedir@,/var,g' \
		-e 's,@runstatedir@,/run,g' "$unit" >"$folder/${name/@/@1}"
done
cd "$folder"
grep -l '@[a-z]*@' ./*.service && echo "something was not replaced" && exit 1
said=$(systemd-analyze verify --man=no ./*.service 2>&1) || { echo "$said" && exit 1; }
if grep vendorfetch <<<"$said"; then exit 1; fi # a key that is not known is a warning only
for unit in ./*.service; do
	systemd-analyze security --no-pager --offline=true --threshold="$threshold" "$unit" || exit 1
done
