# shellcheck shell=bash
# Free TCP ports for stacks that start side by side. To be sourced; used by scripts/stack.
#
# A port is reserved by a file with the folder of its stack in it, under one lock for all stacks of this user, and only
# taken when nothing has it open. It stays reserved while its service is down (a chaos test kills it and starts it
# again on the same port) until `stack down`. Ports lie outside the range from which the kernel hands out ports by
# itself, so that no outgoing connection can sit on one. Against strangers the last word has bind() in the service
# itself: `stack up` then tries again with others.

ports_folder=/tmp/vendorfetch-ports.$UID

# ports_take DIR COUNT: prints COUNT port numbers, one a line, reserved for the stack in DIR.
ports_take() {
	local dir=$1 count=$2 lock low port
	ports__folder_make
	exec {lock}>"$ports_folder/lock"
	flock -w 20 "$lock" || return 1
	low=$(ports__range_start)
	while ((count > 0)); do
		port=$((low + RANDOM % 4000))
		ports__is_reserved "$port" && continue
		ports__is_open "$port" && continue
		printf '%s\n' "$dir" >"$ports_folder/$port"
		printf '%s\n' "$port"
		((count -= 1))
	done
	exec {lock}>&-
}

# ports_release DIR: gives back all ports of the stack in DIR.
ports_release() {
	local dir=$1 lock file owner
	[[ -d $ports_folder ]] || return 0
	exec {lock}>"$ports_folder/lock"
	flock -w 20 "$lock" || return 1
	for file in "$ports_folder"/[0-9]*; do
		[[ -e $file ]] || continue
		read -r owner <"$file" || owner=
		[[ $owner != "$dir" ]] || rm -f "$file"
	done
	exec {lock}>&-
}

# ports_answers PORT: true when something on this machine accepts connections there.
ports_answers() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

ports__folder_make() {
	(umask 077 && mkdir -p "$ports_folder")
	[[ -O $ports_folder && ! -L $ports_folder ]] || die "$ports_folder is not ours"
}

# 4000 ports from here on are free of the kernel's own choices.
ports__range_start() {
	local first last
	read -r first last </proc/sys/net/ipv4/ip_local_port_range
	if ((first >= 15000)); then
		echo $((first - 4500))
	elif ((last <= 61400)); then
		echo 61500
	else
		echo 10240
	fi
}

# A reservation whose stack is gone (killed without `down`, folder removed) does not count.
ports__is_reserved() {
	local owner
	[[ -e $ports_folder/$1 ]] || return 1
	read -r owner <"$ports_folder/$1" || return 1
	[[ -d $owner/run && ! -e $owner/run/stopped ]]
}

# True when any socket has the port as its own, in any state but TIME_WAIT (06).
ports__is_open() {
	local hex
	printf -v hex ':%04X' "$1"
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
		awk -v port="$hex" '$2 ~ port "$" && $4 != "06" { found = 1 } END { exit !found }'
}
