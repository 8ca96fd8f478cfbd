/* Why not let FCGX_Accept_r() block in accept(), and interrupt it with a signal to stop: libfcgi also takes
 * an EINTR in the poll() or read() that follow a successful accept() for a lost peer, and drops the
 * request. So each thread waits in epoll for either a connection or the order to stop, and calls
 * FCGX_Accept_r() only when there is a connection; it answers EAGAIN if another thread or process was
 * faster. All signals are blocked here. */
#include "accept_pool.h"

#include "access.h"
#include "log.h"
#include "mem.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	STACK_BYTES = 256 << 10,
	OUT_OF_FILES_PAUSE_MS = 50,
};

struct accept_pool {
	struct api *api;
	int listen_fd;
	int epoll_fd;          /* of all threads: the socket and stop_fd */
	int stop_fd;           /* readable from the order to stop on */
	_Atomic bool stopping;
	pthread_t *threads;
	int n_threads;
};

static void pause_ms(int ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000L }, NULL);
}

/* ---- One request ---- */

static bool is_compressed(const struct request *request)
{
	const char *coding = request_header(request, "HTTP_CONTENT_ENCODING");

	return coding && *coding && strcasecmp(coding, "identity") != 0;
}

static void read_and_handle(struct api *api, const struct route *route, struct request *request, struct reply *reply)
{
	struct err_text why;
	enum err err;

	if (is_compressed(request)) {
		reply_problem(reply, 415, "the body must come as it is, without Content-Encoding");
		return;
	}
	err = request_read_body(request, (size_t)api->settings.max_body_bytes, &why);
	if (err)
		reply_problem(reply, err == ERR_TOO_BIG ? 413 : 400, "%s", why.text);
	else
		route->handle(api, request, reply);
}

static void answer(struct api *api, struct request *request, struct reply *reply)
{
	const struct route *route = route_find(api_routes, api->settings.path_prefix, request, reply);

	if (!route || !access_enter(api->access, route, request, reply))
		return;
	if (route->takes_body)
		read_and_handle(api, route, request, reply);
	else
		route->handle(api, request, reply);
}

void accept_pool__serve(struct api *api, FCGX_Request *fcgx)
{
	struct request request;
	struct reply reply;
	struct err_text why;
	enum err err = request_init(&request, fcgx, &why);
	struct generation *rules = vendors_acquire(api->vendors);

	request.rules = rules;
	reply_init(&reply);
	if (err)
		reply_problem(&reply, err == ERR_TOO_BIG ? 414 : 400, "%s", why.text);
	else
		answer(api, &request, &reply);
	if (!reply_send(&reply, fcgx, strcmp(request.method, "HEAD") == 0))
		log_debug("the web server went away before its answer status=%d", reply.status);
	reply_deinit(&reply);
	access_leave(&request);
	request_deinit(&request);
	generation_release(rules);
}

/* ---- The threads ---- */

/* Waits until the socket has a connection. False: it is time to leave. */
static bool wait_for_connection(struct accept_pool *pool)
{
	struct epoll_event event;

	while (epoll_wait(pool->epoll_fd, &event, 1, -1) < 0)
		if (errno != EINTR)
			return false;
	return !atomic_load(&pool->stopping);
}

/* After a failed accept. EAGAIN: somebody else has the connection. Anything else is our trouble, and
 * repeats until it is over. */
static void accept_failed(int code)
{
	if (code == -EAGAIN || code == -EWOULDBLOCK || code == -EINTR)
		return;
	log_error("cannot accept a request error=\"%s\"", strerror(-code));
	pause_ms(OUT_OF_FILES_PAUSE_MS);
}

static void *run(void *arg)
{
	struct accept_pool *pool = arg;
	FCGX_Request fcgx;

	FCGX_InitRequest(&fcgx, pool->listen_fd, FCGI_FAIL_ACCEPT_ON_INTR);
	while (wait_for_connection(pool)) {
		int code = FCGX_Accept_r(&fcgx);

		if (code < 0) {
			accept_failed(code);
			continue;
		}
		accept_pool__serve(pool->api, &fcgx);
		FCGX_Finish_r(&fcgx);
	}
	return NULL;
}

static enum err start_threads(struct accept_pool *pool, int n, struct err_text *why)
{
	pthread_attr_t attr;
	int failed = 0;

	pool->threads = mem_calloc((size_t)n, sizeof(*pool->threads));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	while (!failed && pool->n_threads < n) {
		failed = pthread_create(&pool->threads[pool->n_threads], &attr, run, pool);
		pool->n_threads += !failed;
	}
	pthread_attr_destroy(&attr);
	if (failed)
		return err_set(why, ERR_SYSTEM, "thread %d of %d: %s", pool->n_threads + 1, n, strerror(failed));
	return ERR_OK;
}

/* ---- Life ---- */

static enum err watch(struct accept_pool *pool, int fd, uint32_t events, struct err_text *why)
{
	struct epoll_event event = { .events = events };

	if (epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return err_set(why, ERR_SYSTEM, "epoll_ctl: %s", strerror(errno));
	return ERR_OK;
}

static enum err check_listening(int fd, struct err_text *why)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
		return err_set(why, ERR_INVALID,
		               "standard input is not a listening socket: start this program with spawn-fcgi");
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return err_set(why, ERR_SYSTEM, "fcntl: %s", strerror(errno));
	return ERR_OK;
}

enum err accept_pool_new(struct api *api, int listen_fd, int n, struct accept_pool **pool, struct err_text *why)
{
	struct accept_pool *p;
	enum err err = check_listening(listen_fd, why);

	if (err)
		return err;
	if (FCGX_Init() != 0)
		return err_set(why, ERR_SYSTEM, "FCGX_Init failed");
	p = mem_calloc(1, sizeof(*p));
	p->api = api;
	p->listen_fd = listen_fd;
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	p->stop_fd = eventfd(0, EFD_CLOEXEC);
	/* Exclusive: of all processes on this socket, one is woken for a connection, not each. */
	err = watch(p, listen_fd, EPOLLIN | EPOLLEXCLUSIVE, why);
	if (!err)
		err = watch(p, p->stop_fd, EPOLLIN, why);
	if (!err)
		err = start_threads(p, n, why);
	if (err) {
		accept_pool_free(p);
		return err;
	}
	*pool = p;
	return ERR_OK;
}

void accept_pool_free(struct accept_pool *pool)
{
	if (!pool)
		return;
	atomic_store(&pool->stopping, true);
	if (eventfd_write(pool->stop_fd, 1) < 0)
		log_error("cannot wake the accept threads error=\"%s\"", strerror(errno));
	for (int i = 0; i < pool->n_threads; i++)
		pthread_join(pool->threads[i], NULL);
	close(pool->epoll_fd);
	close(pool->stop_fd);
	free(pool->threads);
	free(pool);
}
