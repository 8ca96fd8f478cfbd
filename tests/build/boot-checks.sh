#!/bin/bash
# What is checked inside the system that boot.sh has booted, as root. 1 if something is not so.
#
#   boot-checks.sh running|booted     running: all of it, then everything is stopped and started; booted: what a boot must bring

# shellcheck disable=SC2317 # functions are called by their names
set -uo pipefail

units=(vendorfetch-http vendorfetch-api vendorfetch-worker@1)
base=http://127.0.0.1:3000
failed=0

check() {
	local name=$1
	shift
	if "$@"; then echo "ok - $name"; else failed=1 && echo "not ok - $name" && journalctl --no-pager -q -n 20 -u 'vendorfetch-*' | sed 's/^/# /'; fi
}

# within SECONDS COMMAND...
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.2
	done
}

healthy() { curl -s -m 2 "$base"/health | grep '"status":"ok".*"alive":1' >/dev/null; }
complete() { curl -s -m 5 "$base/jobs/$1" | grep '"status":"complete"' >/dev/null; }
answers() { [[ $(curl -s -m 10 -o /dev/null -w '%{http_code}' "$base"/health) == 200 ]]; }
is_active() { systemctl -q is-active "${units[@]}"; }
main_pid() { systemctl show -P MainPID "$1"; }
restarts() { systemctl show -P NRestarts "$1"; }
runs_again() { [[ $(main_pid "$1") != 0 && $(main_pid "$1") != "$2" ]] && is_active && healthy; }
handlers() { pgrep -x vendorfetch.fcg | sort; }

job_completes() {
	local id
	id=$(curl -s "$base"/jobs -H 'Content-Type: application/json' -d "{\"vendor\": \"$1\", \"payload\": {\"customer_id\": 1}}" |
		sed -n 's/.*"request_id":"\([^"]*\)".*/\1/p')
	[[ -n $id ]] && within 30 complete "$id"
}

# Every process of the user is without root, capabilities, a way to new ones, and most system calls; at least five run.
closed() {
	local pid line n=0 status
	for pid in $(pgrep -u vendorfetch); do
		status=$(tr '\t' ' ' <"/proc/$pid/status") || continue
		for line in '^CapEff: 0+$' '^CapBnd: 0+$' '^NoNewPrivs: 1$' '^Seccomp: 2$'; do
			grep -qE "$line" <<<"$status" || { echo "# $pid ($(<"/proc/$pid/comm")): no $line" && return 1; }
		done
		n=$((n + 1))
	done
	((n >= 5)) && ! pgrep -u root -f '^(/usr/local/bin/vendorfetch|lighttpd)'
}

modes() {
	[[ $(stat -c '%a %U %G' /run/vendorfetch/api.sock) == '660 vendorfetch vendorfetch' ]] &&
		[[ $(stat -c '%a %U' /run/vendorfetch) == '750 vendorfetch' && $(stat -c '%a %U' /var/lib/vendorfetch) == '750 vendorfetch' ]]
}

# Asks all the time while the handlers are replaced.
reloads_without_a_refusal() {
	local old bad=0 asked=0 reload
	old=$(handlers)
	systemctl reload vendorfetch-api &
	reload=$!
	while kill -0 "$reload" 2>/dev/null; do
		asked=$((asked + 1))
		answers || bad=$((bad + 1))
	done
	wait "$reload" && ((asked > 0 && bad == 0)) && [[ -z $(comm -12 <(echo "$old") <(handlers)) ]]
}

killed_is_back() {
	local pid
	pid=$(main_pid "$1")
	kill -9 "$pid"
	within 30 runs_again "$1" "$pid" && job_completes sync
}

failed_often() { (($(restarts vendorfetch-worker@1) >= 7)); }

# More often than systemd takes by itself; afterwards the mended file alone must do.
mended_file_is_enough() {
	local bad=/etc/vendorfetch/vendors.d/bad.json ended=1
	echo '{' >"$bad"
	if ! systemctl reload vendorfetch-api 2>/dev/null && answers; then
		systemctl restart vendorfetch-worker@1
		within 30 failed_often && ended=0
	fi
	rm "$bad"
	((ended == 0)) && within 30 healthy && is_active
}

in_journal() { journalctl --no-pager -q -u vendorfetch-worker@1 | grep 'vendorfetch-worker@1\[.* ready vendors=' >/dev/null; }

nothing_left() { ! pgrep -u vendorfetch -a; }

stops_and_starts() {
	systemctl stop "${units[@]}" && nothing_left && ! systemctl -q is-failed "${units[@]}" &&
		systemctl start "${units[@]}" && within 30 healthy
}

no_restarts() {
	local unit
	for unit in "${units[@]}"; do
		[[ $(restarts "$unit") == 0 ]] || { echo "# $unit: $(restarts "$unit") restarts" && return 1; }
	done
}

vendorfetch-mock --quiet >/dev/null 2>&1 &
mock=$!
trap 'kill "$mock"' EXIT

check "all of it is up" within 30 healthy
check "a sync job completes" within 90 job_completes sync # its vendor may have been away at first
check "an async job completes" job_completes async
check "processes are as closed as is said" closed
check "socket and folders are its own" modes
check "logs are in the journal under the unit's name" in_journal
if [[ $1 == booted ]]; then
	check "nothing had to be started twice" no_restarts
else
	check "reload replaces the handlers and refuses nobody" reloads_without_a_refusal
	for unit in "${units[@]}"; do check "$unit is back when it was killed" killed_is_back "$unit"; done
	check "a worker with a bad vendor file is back when that is mended" mended_file_is_enough
	check "reload brings vendor files in" vendorfetch reload
	check "stops and starts" stops_and_starts
fi
exit "$failed"
