#!/bin/sh
# The end-to-end tests over MongoDB.
E2E_STORE=mongodb exec sh "$(dirname "$0")/run.sh"
