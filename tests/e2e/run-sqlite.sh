#!/bin/sh
# The end-to-end tests over SQLite. They and those over MongoDB may run side by side: make -j2 check.
E2E_STORE=sqlite exec sh "$(dirname "$0")/run.sh"
