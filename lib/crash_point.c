#include "crash_point.h"

#include "log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 512 };

static const char *short_name(const struct crash_point *point) { return strchr(point->name, ':') + 1; }

/* The n of its file; 0: it is not armed. */
static long armed_with(const char *path)
{
	char text[16] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long n = 0;

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) > 0)
		n = strtol(text, NULL, 10);
	close(fd);
	return n;
}

bool crash_point_hit(struct crash_point *point)
{
	const char *folder = getenv("VENDORFETCH_CRASH_DIR");
	char path[PATH_SIZE];
	long n;

	if (!folder)
		return false;
	snprintf(path, sizeof(path), "%s/%s", folder, short_name(point));
	n = armed_with(path);
	if (n <= 0) {
		atomic_store(&point->passes, 0);
		return false;
	}
	return atomic_fetch_add(&point->passes, 1) + 1 >= n && unlink(path) == 0;
}

void crash_point_die(const struct crash_point *point)
{
	log_warn("crash point reached name=%s", short_name(point));
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}
