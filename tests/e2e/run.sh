#!/bin/sh
# Runs the end-to-end tests (pytest) as TAP for `make check`: a real lighttpd, Redis, store, pool, worker and mock vendors.
# VENDORFETCH_CHECK=units leaves them out. E2E_ARGS: more arguments for pytest.
# E2E_STORE: sqlite or mongodb, else both. `make check` runs it by run-sqlite.sh and run-mongodb.sh.
here=$(cd "$(dirname "$0")" && pwd)

if [ "${VENDORFETCH_CHECK:-all}" = units ]; then
	echo "1..0 # SKIP VENDORFETCH_CHECK=units"
	exit 0
fi
if ! /usr/bin/python3 -c 'import pytest, requests, redis, pymongo' 2>/dev/null; then
	echo "1..0 # SKIP Debian's python3-pytest, python3-requests, python3-redis, python3-pymongo are not installed (scripts/packages test)"
	exit 0
fi
VENDORFETCH_BUILD=${VENDORFETCH_BUILD:-$(pwd)}
PYTHONPATH=$here/../support${PYTHONPATH:+:$PYTHONPATH}
PYTHONDONTWRITEBYTECODE=1
export VENDORFETCH_BUILD PYTHONPATH PYTHONDONTWRITEBYTECODE
# shellcheck disable=SC2086 # E2E_ARGS is a list of words
exec /usr/bin/python3 -m pytest -p tap_plugin -p no:cacheprovider -p no:terminal "$here" ${E2E_ARGS:-}
