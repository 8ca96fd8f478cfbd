/* vendorfetch-mock: a vendor that answers at once and one that calls back, in one process and one thread.
 *
 * For the demo, the tests, chaos and benchmarks. It is no part of the service and shares no code with it: what it
 * counts (limits, repeated calls) is evidence about the service. docs/mock.md is its manual.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "conn.h"
#include "listener.h"
#include "loop.h"
#include "options.h"
#include "util.h"
#include "vendor.h"
#include "webhook.h"

struct mock {
	struct options options;
	struct loop loop;
	struct rng rng;
	struct webhooks *webhooks;
	struct vendor vendors[VENDORS];
	struct listener listeners[VENDORS];
};

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_line("cannot raise the limit of open files: %s", strerror(errno));
}

static bool listen_all(struct mock *mock)
{
	for (int i = 0; i < VENDORS; i++)
		if (!listener_open(&mock->listeners[i], &mock->vendors[i], mock->options.bind, mock->options.ports[i]))
			return false;
	return true;
}

/* Written beside and moved into place: whoever waits for the file never sees half of it. */
static bool write_port_file(const struct mock *mock)
{
	const char *path = mock->options.port_file;
	struct buf temporary = { 0 };
	FILE *file = NULL;
	bool ok = false;

	if (!path)
		return true;
	buf_addf(&temporary, "%s.%ld", path, (long)getpid());
	buf_add(&temporary, "", 1);
	file = fopen(temporary.data, "we");
	if (!file)
		goto out;
	ok = fprintf(file, "SYNC_PORT=%d\nASYNC_PORT=%d\n", mock->listeners[VENDOR_SYNC].port,
	             mock->listeners[VENDOR_ASYNC].port) > 0;
	ok = fclose(file) == 0 && ok && rename(temporary.data, path) == 0;
out:
	if (!ok) {
		log_line("cannot write %s: %s", path, strerror(errno));
		if (file)
			unlink(temporary.data);
	}
	buf_deinit(&temporary);
	return ok;
}

static void init_vendors(struct mock *mock)
{
	mock->rng.state = mock->options.seed ? mock->options.seed : (uint64_t)clock_real_ns();
	mock->webhooks = webhooks_new(&mock->loop, mock->options.webhook_connections);
	for (int i = 0; i < VENDORS; i++) {
		struct vendor *vendor = &mock->vendors[i];

		vendor->knobs = mock->options.knobs[i];
		vendor->loop = &mock->loop;
		vendor->rng = &mock->rng;
		vendor->sender = mock->webhooks;
		vendor_init(vendor, vendor_names[i], i == VENDOR_ASYNC);
	}
}

/* Connections before webhooks: a call that waits for its webhook lets go of it when it is closed. */
static void deinit(struct mock *mock)
{
	for (int i = 0; i < VENDORS; i++) {
		listener_close(&mock->listeners[i]);
		while (mock->vendors[i].conns)
			conn_close(mock->vendors[i].conns);
	}
	webhooks_free(mock->webhooks);
	for (int i = 0; i < VENDORS; i++)
		vendor_deinit(&mock->vendors[i]);
	loop_deinit(&mock->loop);
}

int main(int argc, char **argv)
{
	static struct mock mock;
	int status = EXIT_FAILURE;

	options_read(&mock.options, argc, argv);
	raise_file_limit();
	signal(SIGPIPE, SIG_IGN);
	if (loop_init(&mock.loop) < 0) {
		log_line("cannot start: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	init_vendors(&mock);
	if (!listen_all(&mock) || !write_port_file(&mock))
		goto out;
	if (!mock.options.quiet)
		log_line("sync vendor on %s:%d, async vendor on %s:%d", mock.options.bind, mock.listeners[0].port,
		         mock.options.bind, mock.listeners[1].port);
	if (loop_run(&mock.loop) < 0)
		log_line("cannot wait for events: %s", strerror(errno));
	else
		status = EXIT_SUCCESS;
out:
	deinit(&mock);
	return status;
}
