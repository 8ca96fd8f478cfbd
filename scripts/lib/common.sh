# shellcheck shell=bash
# The few lines that all scripts share. To be sourced.

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "$*"
	exit 1
}

# Milliseconds since the epoch, without a fork. For durations of seconds in scripts only.
now_ms() {
	local us=${EPOCHREALTIME/[.,]/}
	printf '%s\n' $((us / 1000))
}

# nap SECONDS: sleep as a builtin: no child process that could outlive the caller. A wait for what never comes.
nap() {
	[[ -n ${nap_fd:-} ]] || exec {nap_fd}<> <(:)
	read -r -t "$1" -u "$nap_fd" || true
}
