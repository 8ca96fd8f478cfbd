# shellcheck shell=bash disable=SC2154
# One supervisor per service: starts it, and starts it again when it dies. To be sourced; used by scripts/stack.
#
# It runs in a session of its own and ends when the service is held (`stack kill`) or the stack stops: there is no
# supervisor without work. Files in DIR/run, each with the service's name:
#   X.lock      held as long as a supervisor lives: never two
#   X.turn      held from "may it run?" to "it runs", so that a kill is never overtaken by a restart
#   X.held      exists: not to be started again
#   X.pid       the service's first process
#   X.restarts  how often it had to be started again

# supervisor_start SERVICE: returns at once; a second supervisor of the same service ends by itself.
#
# The supervisor of api has the pool's listening socket as its stdin: the socket stays open while multiwatch is
# replaced, requests wait in its backlog. It gets its name only once the supervisor has its lock.
supervisor_start() {
	local around=()
	[[ $1 != api ]] || around=(spawn-fcgi -n -b 1024 -M 0660 -s "$socket_folder/api.$$" --)
	(
		close_inherited
		exec env --default-signal "VF_STACK_OWNED_BY=$DIR" "VF_STACK_ROLE=supervisor:$1 $DIR" \
			"socket_new=$socket_folder/api.$$" \
			setsid "${around[@]}" "$stack" __supervise "$DIR" "$1" </dev/null >>"$DIR/log/stack.log" 2>&1
	) &
	disown
}

# supervisor_lives SERVICE
supervisor_lives() {
	[[ -e $DIR/run/$1.lock ]] && ! flock -n "$DIR/run/$1.lock" true
}

# supervisor_wait_end SERVICE MILLISECONDS
supervisor_wait_end() {
	local deadline=$(($(now_ms) + $2))
	while supervisor_lives "$1"; do
		(($(now_ms) < deadline)) || return 1
		nap 0.05
	done
}

# supervisor_run SERVICE: the supervisor itself.
supervisor_run() {
	local service=$1 child status started_at restarts=0
	exec 9>"$DIR/run/$service.lock"
	if ! flock -w 2 9; then # not -n: supervisor_lives holds it for an instant
		[[ $service != api ]] || rm -f "$socket_new"
		exit 0
	fi
	[[ $service != api ]] || mv -f "$socket_new" "$socket_folder/api.sock"
	while supervisor__turn "$service"; do
		echo "$restarts" >"$DIR/run/$service.restarts"
		started_at=$(now_ms)
		status=0
		wait "$child" || status=$?
		supervisor__log "$service ended with status $status"
		# At most 1 s from death to start, this pause and supervisor__clear together.
		if (($(now_ms) - started_at < 1000)); then nap 0.4; else nap 0.05; fi
		((restarts += 1))
	done
}

# One start, unless the service is held. Sets the caller's `child`.
supervisor__turn() {
	local service=$1 kind
	kind=$(service_kind "$service") || return 1
	exec 8>"$DIR/run/$service.turn"
	flock 8
	if [[ -e $DIR/run/$service.held || -e $DIR/run/stopped ]]; then
		exec 8>&-
		return 1
	fi
	supervisor__clear "$service"
	VF_STACK_ROLE="$service $DIR" "service_run_$kind" "$service" <&0 >>"$DIR/log/$service.log" 2>&1 &
	child=$!
	echo "$child" >"$DIR/run/$service.pid"
	supervisor__wait_exec "$service"
	supervisor__log "$service started, pid $child"
	exec 8>&-
}

# What is left of the service's earlier life: handlers of a killed multiwatch still take requests. They had their TERM
# from the kernel (PR_SET_PDEATHSIG), so they get a moment, no second TERM, and then go.
supervisor__clear() {
	processes_wait_gone 400 processes_of "$DIR" "$1" || processes_kill processes_of "$DIR" "$1"
}

# Only after exec does the service show up under its own role.
supervisor__wait_exec() {
	while kill -0 "$child" 2>/dev/null && [[ -z $(processes_of "$DIR" "$1") ]]; do
		nap 0.01
	done
}

supervisor__log() {
	printf '%(%FT%T%z)T %s\n' -1 "$*"
}
