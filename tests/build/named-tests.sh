#!/bin/bash
# Is every test that docs/security.md names there? 1 and those that are not, if not.
#
#   tests/build/named-tests.sh SOURCE-DIRECTORY

set -euo pipefail
cd "${1:?the source directory}"

found=0
failed=0
# shellcheck disable=SC2016 # the backquotes are Markdown's
while read -r name; do
	file=${name%%::*}
	found=$((found + 1))
	[[ $file == */* ]] || file=$(ls tests/*/"$file" 2>/dev/null || true)
	if [[ ! -f $file ]] || ! grep -qwF -- "${name##*::}" "$file" && [[ $name == *::* ]]; then
		echo "docs/security.md: no $name"
		failed=1
	fi
done < <(grep -oE '`(tests/[a-z]+/)?[a-z_-]+[.](py|c|sh)(::[a-z_0-9]+)?`' docs/security.md | tr -d '`' | grep -E '^test')
((found > 20)) || { echo "only $found tests are named" && exit 1; }
exit "$failed"
