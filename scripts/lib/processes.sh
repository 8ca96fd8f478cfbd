# shellcheck shell=bash
# The processes of a stack: who belongs to which service, signals, and waiting for their end. To be sourced.
#
# Every process of a stack carries two variables in its environment, inherited by whatever it forks:
#   VF_STACK_OWNED_BY=DIR        the stack
#   VF_STACK_ROLE=SERVICE DIR    the service, or "supervisor:SERVICE DIR"
# They are looked up in /proc. So nothing is missed (orphaned handlers) and nothing else is hit (a pid used again),
# which pid files alone could not promise.

# processes_of DIR ROLE: prints the pids, one a line, of one service or supervisor.
processes_of() {
	processes__with "VF_STACK_ROLE=$2 $1"
}

# processes_all DIR: prints all pids of the stack, supervisors included.
processes_all() {
	processes__with "VF_STACK_OWNED_BY=$1"
}

# processes_signal SIGNAL PID...: those that are gone already are no error.
processes_signal() {
	local signal=$1
	shift
	(($# == 0)) || kill -s "$signal" -- "$@" 2>/dev/null || true
}

# processes_wait_gone MILLISECONDS COMMAND...: true once COMMAND (one of the listings above) prints nothing.
processes_wait_gone() {
	local deadline=$(($(now_ms) + $1))
	shift
	while [[ -n $("$@") ]]; do
		(($(now_ms) < deadline)) || return 1
		nap 0.05
	done
}

# processes_kill COMMAND...: KILL for everything that COMMAND lists, again until nothing is left (at most 10 s).
processes_kill() {
	local deadline=$(($(now_ms) + 10000)) pids
	while mapfile -t pids < <("$@") && ((${#pids[@]} > 0)); do
		(($(now_ms) < deadline)) || return 1
		processes_signal KILL "${pids[@]}"
		nap 0.02
	done
}

# processes_may_look: may this user see the environment of a process that allows no core dumps? Without CAP_SYS_PTRACE (19)
# nobody may.
processes_may_look() {
	local capabilities
	capabilities=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
	(((16#$capabilities >> 19) & 1))
}

# A zombie has an empty environment and so does not show up; neither does a process of another user.
processes__with() {
	local file
	{ grep -lzsxF -- "$1" /proc/[0-9]*/environ || true; } | while IFS=/ read -r _ _ file _; do
		printf '%s\n' "$file"
	done
}
