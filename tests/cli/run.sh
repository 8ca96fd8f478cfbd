#!/bin/sh
# Runs the tests of vendorfetch(1) (pytest) as TAP for `make check`. CLI_ARGS: more arguments for pytest.
here=$(cd "$(dirname "$0")" && pwd)

# shellcheck disable=SC1091
. "$here/../support/pytest.sh"
# shellcheck disable=SC2086 # CLI_ARGS is a list of words
run_pytest "$here" "jsonschema" "python3-jsonschema" ${CLI_ARGS:-}
