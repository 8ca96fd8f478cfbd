#include "private_mongod.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_TRIES = 600, START_PAUSE_US = 50 * 1000 };

static bool fail(char *reason, size_t size, const char *text)
{
	snprintf(reason, size, "%s", text);
	return false;
}

/* Runs the program and takes the last line of its output. */
static bool last_line_of(const char *program, char *line, size_t size)
{
	FILE *output;
	int fds[2], status = -1;
	bool found = false;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	output = fdopen(fds[0], "r");
	while (output && fgets(line, (int)size, output)) {
		line[strcspn(line, "\n")] = '\0';
		found = *line != '\0';
	}
	if (output)
		fclose(output);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 && found;
}

static bool find_in_path(const char *name, char *path, size_t size)
{
	const char *dirs = getenv("PATH");

	for (const char *dir = dirs; dir && *dir; dir += strspn(dir, ":")) {
		int len = (int)strcspn(dir, ":");

		snprintf(path, size, "%.*s/%s", len, dir, name);
		if (access(path, X_OK) == 0)
			return true;
		dir += len;
	}
	return false;
}

static bool find_mongod(char *path, size_t size)
{
	const char *named = getenv("MONGOD"), *top = getenv("top_srcdir");
	char script[PATH_MAX];

	if (named && *named) {
		snprintf(path, size, "%s", named);
		return access(path, X_OK) == 0;
	}
	if (find_in_path("mongod", path, size))
		return true;
	snprintf(script, sizeof(script), "%s/scripts/get-mongod", top && *top ? top : ".");
	return access(script, X_OK) == 0 && last_line_of(script, path, size) && access(path, X_OK) == 0;
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
	                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* Free at this moment; mongod cannot choose one by itself. */
static int free_port(void)
{
	struct sockaddr_in address = loopback(0);
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = 0;

	if (bind(fd, (struct sockaddr *)&address, len) == 0 && getsockname(fd, (struct sockaddr *)&address, &len) == 0)
		port = ntohs(address.sin_port);
	close(fd);
	return port;
}

static bool takes_connections(int port)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	close(fd);
	return connected;
}

static void run_mongod(const char *mongod, const char *dir, int port)
{
	char port_text[16], log[96];
	int null = open("/dev/null", O_RDWR);

	snprintf(port_text, sizeof(port_text), "%d", port);
	snprintf(log, sizeof(log), "%s/mongod.log", dir);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, STDOUT_FILENO);
	execl(mongod, mongod, "--dbpath", dir, "--logpath", log, "--port", port_text, "--bind_ip", "127.0.0.1",
	      "--nounixsocket", "--wiredTigerCacheSizeGB", "0.5", (char *)NULL);
	_exit(127);
}

static bool wait_until_up(struct private_mongod *server, int port)
{
	for (int i = 0; i < START_TRIES; i++) {
		if (waitpid(server->pid, NULL, WNOHANG) != 0) {
			server->pid = 0;
			return false;
		}
		if (takes_connections(port))
			return true;
		usleep(START_PAUSE_US);
	}
	return false;
}

bool private_mongod_start(struct private_mongod *server, char *reason, size_t size)
{
	char mongod[PATH_MAX];
	int port = free_port();

	*server = (struct private_mongod){ .dir = "/tmp/vf-mongod.XXXXXX" };
	if (!find_mongod(mongod, sizeof(mongod)))
		return fail(reason, size, "no mongod: none in PATH, MONGOD or from scripts/get-mongod");
	if (!port || !mkdtemp(server->dir))
		return fail(reason, size, "no free port or no temporary folder for mongod");
	snprintf(server->uri, sizeof(server->uri), "mongodb://127.0.0.1:%d/", port);
	fflush(NULL);
	server->pid = fork();
	if (server->pid == 0)
		run_mongod(mongod, server->dir, port);
	if (server->pid > 0 && wait_until_up(server, port))
		return true;
	private_mongod_stop(server);
	return fail(reason, size, "mongod does not start");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void private_mongod_stop(struct private_mongod *server)
{
	if (server->pid > 0) {
		kill(server->pid, SIGKILL);
		waitpid(server->pid, NULL, 0);
	}
	server->pid = 0;
	if (*server->dir)
		nftw(server->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	*server->dir = '\0';
}
