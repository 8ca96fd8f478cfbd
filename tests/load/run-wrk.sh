#!/bin/sh
# Load without k6: the mix of jobs.k6.js (200 users for 60 s, POST /jobs and GET /jobs/{id}) by Debian's wrk.
#
#   BASE_URL=http://127.0.0.1:3000 tests/load/run-wrk.sh
#
# Settings (environment): BASE_URL (http://127.0.0.1:3000), USERS (200), DURATION (60s), THREADS (2), VENDOR (sync),
# READS (3: GETs to each POST). Thresholds: MAX_P95_MS (500), MAX_P99_MS (1500); no job may be missing, no answer
# broken, and at most one in a thousand refused or unanswered. Exit status 1 when one of them is not met.
#
# It measures accepting and reading, not vendors: most jobs are still waiting at the end. Point it at a system of its
# own, for example:  scripts/stack up /tmp/load && . /tmp/load/env && BASE_URL=$BASE_URL tests/load/run-wrk.sh
set -eu

command -v wrk >/dev/null || { echo "run-wrk: wrk is missing (apt-get install wrk)" >&2; exit 2; }
base_url=${BASE_URL:-http://127.0.0.1:3000}
here=$(cd "$(dirname "$0")" && pwd)

report=$(wrk --threads "${THREADS:-2}" --connections "${USERS:-200}" --duration "${DURATION:-60s}" \
	--timeout 10s --latency --script "$here/jobs.wrk.lua" "${base_url%/}") || { printf '%s\n' "$report"; exit 1; }
printf '%s\n' "$report"

printf '%s\n' "$report" | awk -v max_p95="${MAX_P95_MS:-500}" -v max_p99="${MAX_P99_MS:-1500}" '
	function broken(what) { print "run-wrk: threshold broken: " what; failed = 1 }
	$1 == "jobs.wrk:" {
		for (i = 2; i <= NF; i++) { split($i, part, "="); value[part[1]] = part[2] }
		answers = value["accepted"] + value["found"]
		seen = 1
	}
	END {
		if (!seen) { print "run-wrk: no result line"; exit 1 }
		if (value["accepted"] == 0 || value["found"] == 0) broken("no jobs were accepted and read")
		if (value["missing"] > 0) broken(value["missing"] " accepted jobs were not found")
		if (value["broken"] > 0) broken(value["broken"] " answers with an unexpected status")
		if (value["refused"] + value["unanswered"] > answers / 1000)
			broken(value["refused"] " refused and " value["unanswered"] " unanswered of " answers)
		if (value["p95_ms"] > max_p95) broken("p95 " value["p95_ms"] " ms, allowed " max_p95)
		if (value["p99_ms"] > max_p99) broken("p99 " value["p99_ms"] " ms, allowed " max_p99)
		if (!failed) print "run-wrk: all thresholds met"
		exit failed
	}'
