#!/bin/sh
# Runs the end-to-end tests (pytest) as TAP for `make check`: a real lighttpd, Redis, store, pool, worker and mock vendors.
# VENDORFETCH_CHECK=units leaves them out. E2E_ARGS: more arguments for pytest.
# E2E_STORE: sqlite or mongodb, else both. `make check` runs it by run-sqlite.sh and run-mongodb.sh.
# E2E_JOBS: so many test files at a time (3), each on stacks of its own: most tests wait for something most of the time.
here=$(cd "$(dirname "$0")" && pwd)

# shellcheck disable=SC1091
. "$here/../support/pytest.sh"
if [ "${VENDORFETCH_CHECK:-all}" = units ]; then
	echo "1..0 # SKIP VENDORFETCH_CHECK=units"
	exit 0
fi
# shellcheck disable=SC2086 # E2E_ARGS is a list of words
run_pytest "$here" "requests redis pymongo xdist" "python3-requests python3-redis python3-pymongo python3-pytest-xdist" \
	-n "${E2E_JOBS:-3}" --dist loadfile ${E2E_ARGS:-}
