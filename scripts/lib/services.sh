# shellcheck shell=bash disable=SC2034,SC2154
# The services of a stack: what each one runs, and when it counts as up. To be sourced; used by scripts/stack.
#
# Reads the stack's own variables (see plan_write in scripts/stack): DIR, store, ports, counts. Each service has
# service_run_X, which becomes the program (exec), and service_ready_X. worker-1, worker-2, ... share one pair.

services_known='redis, mongod (or mongod-1, ...), lighttpd, api, worker-1, worker-2, ..., mock'

# service_kind SERVICE: prints the name under which its functions are found; fails for what this stack cannot run.
service_kind() {
	case $1 in
	redis | lighttpd | api) echo "$1" ;;
	mongod) [[ $store == mongodb && $mongod_nodes == 1 ]] && echo mongod ;;
	mongod-[1-7]) [[ $store == mongodb ]] && ((mongod_nodes > 1 && ${1#mongod-} <= mongod_nodes)) && echo mongod ;;
	mock) [[ $mocks == yes ]] && echo mock ;;
	worker-[1-9] | worker-[1-9][0-9] | worker-[1-9][0-9][0-9]) echo worker ;;
	*) return 1 ;;
	esac
}

# program NAME: prints the path of one of our own programs: build tree, else the top of the repository, else PATH.
program() {
	local folder
	for folder in ${VENDORFETCH_BUILD:+"$VENDORFETCH_BUILD"} "$top"; do
		if [[ -x $folder/$1 ]]; then
			printf '%s\n' "$folder/$1"
			return
		fi
	done
	command -v "$1" ||
		die "$1 is not built: run ./bootstrap && ./configure && make, or set VENDORFETCH_BUILD"
}

# The password comes on stdin: ps would show a flag.
service_run_redis() {
	exec_fresh redis-server - --port "$redis_port" --bind 127.0.0.1 --dir "$DIR/redis" --daemonize no \
		--save '' --appendonly yes --appendfsync everysec --set-proc-title no \
		--maxmemory "${STACK_REDIS_MAXMEMORY:-1gb}" --maxmemory-policy volatile-lru <<<"${STACK_REDIS_PASSWORD:+requirepass "$STACK_REDIS_PASSWORD"}"
}

service_ready_redis() {
	[[ -z ${STACK_REDIS_PASSWORD:-} ]] || local -x REDISCLI_AUTH=$STACK_REDIS_PASSWORD
	[[ $(redis-cli -p "$redis_port" ping 2>/dev/null) == PONG ]]
}

service_run_mongod() {
	local set=()
	((mongod_nodes == 1)) || set=(--replSet stack --oplogSize 64 --setParameter shutdownTimeoutMillisForSignaledShutdown=500)
	mkdir -p "$DIR/$1"
	exec_fresh "$mongod" --dbpath "$DIR/$1" --port "$(mongod_port "$1")" --bind_ip 127.0.0.1 --nounixsocket --quiet \
		--wiredTigerCacheSizeGB "${STACK_MONGOD_CACHE_GB:-0.5}" --setParameter diagnosticDataCollectionEnabled=false "${set[@]}"
}

service_ready_mongod() {
	ports_answers "$(mongod_port "$1")"
}

# mongod_port SERVICE: mongod, or mongod-<number>.
mongod_port() {
	local node=${1#mongod} ports
	read -ra ports <<<"$mongod_ports"
	node=${node#-}
	echo "${ports[${node:-1} - 1]}"
}

service_run_lighttpd() {
	export VENDORFETCH_PORT=$http_port VENDORFETCH_BIND=127.0.0.1 VENDORFETCH_SOCKET=$socket_folder/api.sock
	export VENDORFETCH_UPLOAD_DIR=$DIR/tmp
	exec_fresh lighttpd -D -f "$top/etc/lighttpd.conf"
}

service_ready_lighttpd() {
	ports_answers "$http_port"
}

# The listening socket is there already, as stdin (see the supervisor). -t 0: without it multiwatch gives a handler up
# for good after four quick deaths. No -s TERM: multiwatch 1.0.0 sends the option's place in its own list as the signal
# number (QUIT for TERM); its default, USR1, is right, and handlers take it as TERM.
service_run_api() {
	local handler
	handler=$(program vendorfetch.fcgi)
	((api_processes > 0)) || api_processes=1 # `stack start` after `up --api-processes 0`
	exec_fresh multiwatch -f "$api_processes" -t 0 -- "$handler" --config "$DIR/vendorfetch.conf"
}

service_ready_api() {
	[[ -S $socket_folder/api.sock ]] && (($(processes_of "$DIR" api | wc -l) > 1))
}

service_run_worker() {
	local worker
	worker=$(program vendorfetch-worker)
	exec_fresh "$worker" --config "$DIR/vendorfetch.conf" --worker-slot "${1#worker-}"
}

service_ready_worker() {
	[[ -n $(processes_of "$DIR" "$1") ]]
}

service_run_mock() {
	local mock
	mock=$(program vendorfetch-mock)
	# shellcheck disable=SC2086  # --mock-args are words
	exec_fresh "$mock" --sync-port "$sync_port" --async-port "$async_port" --port-file "$DIR/run/mock.ports" --quiet \
		$mock_args
}

service_ready_mock() {
	local url
	for url in "$SYNC_VENDOR_URL" "$ASYNC_VENDOR_URL"; do
		curl -sf -m 2 -o /dev/null "$url/health" || return 1
	done
}

# exec_fresh COMMAND...: becomes the command, without what a shell's background job inherits: ignored signals and
# open files (a caller's lock or pipe would otherwise be held as long as the service lives).
exec_fresh() {
	close_inherited
	exec env --default-signal "$@"
}

close_inherited() {
	local fd
	for fd in "/proc/$BASHPID/fd"/*; do
		fd=${fd##*/}
		((fd <= 2 || fd == 255)) || eval "exec $fd>&-"
	done
}
