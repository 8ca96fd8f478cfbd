#include "private_redis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SERVERS_MAX = 16, ARGS_MAX = 64, START_TRIES = 5, START_MS = 10000 };

struct private_redis {
	pid_t pid;           /* 0: not running */
	int port;
	char folder[64];
	char url[64];
	char unix_url[128];
	const char *const *options;
};

static struct private_redis *servers[SERVERS_MAX];

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static const char *server_program(void)
{
	const char *named = getenv("REDIS_SERVER");

	return named && *named ? named : "redis-server";
}

static bool is_there(const char *program)
{
	const char *path = getenv("PATH");
	char *copy, *rest, *folder, candidate[512];
	bool found = false;

	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	copy = rest = strdup(path ? path : "/usr/bin:/bin");
	while (!found && (folder = strsep(&rest, ":"))) {
		snprintf(candidate, sizeof(candidate), "%s/%s", folder, program);
		found = access(candidate, X_OK) == 0;
	}
	free(copy);
	return found;
}

void private_redis_or_skip(void)
{
	const char *output = getenv("CMOCKA_MESSAGE_OUTPUT");

	signal(SIGPIPE, SIG_IGN);
	if (is_there(server_program()))
		return;
	printf("1..0 # SKIP no redis-server in PATH\n");
	fflush(stdout);
	exit(output && strcasecmp(output, "tap") == 0 ? 0 : 77);
}

static int free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) || getsockname(fd, (struct sockaddr *)&address, &len))
		die("private redis: no free port: %s", strerror(errno));
	close(fd);
	return ntohs(address.sin_port);
}

__attribute__((noreturn))
static void become_server(const struct private_redis *redis, pid_t parent)
{
	char port[8], log[96], socket_path[96];
	const char *argv[ARGS_MAX] = { server_program(), "--port", port, "--bind", "127.0.0.1", "--unixsocket", socket_path,
		"--dir", redis->folder, "--logfile", log, "--save", "", "--daemonize", "no" };
	int argc = 15;

	snprintf(port, sizeof(port), "%d", redis->port);
	snprintf(log, sizeof(log), "%s/redis.log", redis->folder);
	snprintf(socket_path, sizeof(socket_path), "%s/redis.sock", redis->folder);
	for (int i = 0; redis->options && redis->options[i] && argc < ARGS_MAX - 1; i++)
		argv[argc++] = redis->options[i];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], (char **)argv);
	_exit(127);
}

static bool answers(const struct private_redis *redis)
{
	redisContext *ctx = redisConnectWithTimeout("127.0.0.1", redis->port, (struct timeval){ .tv_sec = 1 });
	redisReply *reply = ctx && !ctx->err ? redisCommand(ctx, "PING") : NULL;
	bool yes = reply && reply->type == REDIS_REPLY_STATUS;

	if (reply)
		freeReplyObject(reply);
	if (ctx)
		redisFree(ctx);
	return yes;
}

/* False if the server ended, e.g. because somebody else took its port. */
static bool launch(struct private_redis *redis)
{
	struct timespec nap = { .tv_nsec = 5 * 1000 * 1000 };
	pid_t parent = getpid();

	redis->pid = fork();
	if (redis->pid < 0)
		die("private redis: fork: %s", strerror(errno));
	if (redis->pid == 0)
		become_server(redis, parent);
	for (int waited = 0; waited < START_MS; waited += 5) {
		if (waitpid(redis->pid, NULL, WNOHANG) == redis->pid) {
			redis->pid = 0;
			return false;
		}
		if (answers(redis))
			return true;
		nanosleep(&nap, NULL);
	}
	die("private redis: no answer within %d ms, see %s/redis.log", START_MS, redis->folder);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void end_all(void)
{
	for (int i = 0; i < SERVERS_MAX; i++)
		private_redis_free(servers[i]);
}

static void remember(struct private_redis *redis)
{
	static bool registered;

	if (!registered)
		atexit(end_all);
	registered = true;
	for (int i = 0; i < SERVERS_MAX; i++)
		if (!servers[i]) {
			servers[i] = redis;
			return;
		}
	die("private redis: more than %d at once", SERVERS_MAX);
}

struct private_redis *private_redis_start(const char *const *options)
{
	struct private_redis *redis = calloc(1, sizeof(*redis));

	if (!redis)
		die("private redis: out of memory");
	redis->options = options;
	snprintf(redis->folder, sizeof(redis->folder), "/tmp/vf-redis.XXXXXX");
	if (!mkdtemp(redis->folder))
		die("private redis: %s: %s", redis->folder, strerror(errno));
	remember(redis);
	for (int i = 0; i < START_TRIES; i++) {
		redis->port = free_port();
		if (launch(redis)) {
			snprintf(redis->url, sizeof(redis->url), "redis://127.0.0.1:%d", redis->port);
			snprintf(redis->unix_url, sizeof(redis->unix_url), "unix://%s/redis.sock", redis->folder);
			return redis;
		}
	}
	die("private redis: %s does not start, see %s/redis.log", server_program(), redis->folder);
}

void private_redis_kill(struct private_redis *redis)
{
	if (!redis->pid)
		return;
	kill(redis->pid, SIGKILL);
	waitpid(redis->pid, NULL, 0);
	redis->pid = 0;
}

void private_redis_free(struct private_redis *redis)
{
	if (!redis)
		return;
	private_redis_kill(redis);
	nftw(redis->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	for (int i = 0; i < SERVERS_MAX; i++)
		if (servers[i] == redis)
			servers[i] = NULL;
	free(redis);
}

void private_redis_restart(struct private_redis *redis)
{
	private_redis_kill(redis);
	for (int i = 0; i < START_TRIES; i++)
		if (launch(redis))
			return;
	die("private redis: does not start again, see %s/redis.log", redis->folder);
}

void private_redis_stop(struct private_redis *redis)
{
	kill(redis->pid, SIGSTOP);
}

void private_redis_cont(struct private_redis *redis)
{
	kill(redis->pid, SIGCONT);
}

void private_redis_flush(struct private_redis *redis)
{
	private_redis_do(redis, "FLUSHALL");
	private_redis_do(redis, "SCRIPT FLUSH");
}

const char *private_redis_url(const struct private_redis *redis)
{
	return redis->url;
}

const char *private_redis_unix_url(const struct private_redis *redis)
{
	return redis->unix_url;
}

long long private_redis_do(struct private_redis *redis, const char *fmt, ...)
{
	redisContext *ctx = redisConnect("127.0.0.1", redis->port);
	redisReply *reply = NULL;
	long long value;
	va_list args;

	va_start(args, fmt);
	if (ctx && !ctx->err)
		reply = redisvCommand(ctx, fmt, args);
	va_end(args);
	if (!reply || reply->type == REDIS_REPLY_ERROR)
		die("private redis: %s: %s", fmt, reply ? reply->str : ctx ? ctx->errstr : "out of memory");
	value = reply->type == REDIS_REPLY_ARRAY ? (long long)reply->elements
	      : reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : reply->integer;
	freeReplyObject(reply);
	redisFree(ctx);
	return value;
}
