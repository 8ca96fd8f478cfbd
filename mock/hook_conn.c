#include "hook_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "util.h"

enum { READ_MIN = 2048, KEEP_BYTES = 64 * 1024 };

static void on_event(struct loop_io *io, uint32_t events);
static void on_timeout(struct loop_timer *timer);

static void on_free(struct loop_io *io)
{
	struct hook_conn *conn = container_of(io, struct hook_conn, io);

	buf_deinit(&conn->out);
	buf_deinit(&conn->in);
	free(conn);
}

static int connected_socket(const struct url_address *address)
{
	int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, failed;

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&address->socket, address->len) == 0 || errno == EINPROGRESS)
		return fd;
	failed = errno;
	close(fd);
	errno = failed;
	return -1;
}

struct hook_conn *hook_conn_open(struct loop *loop, const struct url_address *address, const struct hook_events *events,
                                 void *owner)
{
	int fd = connected_socket(address);
	struct hook_conn *conn;

	if (fd < 0)
		return NULL;
	conn = mem_calloc(1, sizeof(*conn));
	*conn = (struct hook_conn){ .owner = owner, .loop = loop, .events = events,
		                    .io = { .fd = fd, .on_event = on_event, .on_free = on_free },
		                    .timer.on_due = on_timeout };
	if (loop_add(loop, &conn->io, EPOLLIN | EPOLLOUT | EPOLLRDHUP) < 0) {
		int failed = errno;

		hook_conn_close(conn);
		errno = failed;
		return NULL;
	}
	return conn;
}

bool hook_conn_usable(const struct hook_conn *conn)
{
	return conn->io.fd >= 0;
}

void hook_conn_close(struct hook_conn *conn)
{
	loop_timer_cancel(conn->loop, &conn->timer);
	loop_close(conn->loop, &conn->io);
}

static void finish(struct hook_conn *conn, int status, const char *error)
{
	bool stale = !status && conn->used_before && !conn->in.len;

	loop_timer_cancel(conn->loop, &conn->timer);
	if (!status || !conn->msg.keep_alive || !conn->sent || conn->in.len != conn->msg.next_at)
		hook_conn_close(conn);
	conn->used_before = true;
	conn->in.len = 0;
	buf_reset(&conn->out, KEEP_BYTES);
	conn->out_at = 0;
	conn->events->on_done(conn, status, error, stale);
}

/* False: the exchange is over, or the socket takes no more now. */
static bool write_on(struct hook_conn *conn)
{
	while (conn->out_at < conn->out.len) {
		ssize_t sent = send(conn->io.fd, conn->out.data + conn->out_at, conn->out.len - conn->out_at,
		                    MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN))
			return true;
		/* A receiver that answers and closes before it has read all: its answer is looked for by read_on() */
		if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
			return true;
		if (sent < 0) {
			finish(conn, 0, strerror(errno));
			return false;
		}
		conn->out_at += (size_t)sent;
	}
	if (!conn->sent) {
		conn->sent = true;
		conn->events->on_sent(conn);
	}
	return true;
}

/* Takes what is in the buffer. True: more must be read. */
static bool take_answer(struct hook_conn *conn)
{
	int r = http_read(&conn->msg, &conn->in);

	while (r == HTTP_DONE && conn->msg.status < 200) { /* an interim answer; the real one follows */
		conn->in.len -= conn->msg.next_at;
		memmove(conn->in.data, conn->in.data + conn->msg.next_at, conn->in.len);
		conn->msg = (struct http_msg){ .is_response = true };
		r = conn->in.len ? http_read(&conn->msg, &conn->in) : HTTP_MORE;
	}
	if (r == HTTP_MORE)
		return true;
	if (r == HTTP_DONE)
		finish(conn, conn->msg.status, NULL);
	else
		finish(conn, 0, "the answer is not HTTP or too large");
	return false;
}

static void read_on(struct hook_conn *conn)
{
	for (;;) {
		ssize_t len;

		buf_reserve(&conn->in, READ_MIN);
		len = recv(conn->io.fd, conn->in.data + conn->in.len, conn->in.cap - conn->in.len, 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && (errno == EAGAIN || errno == ENOTCONN))
			return;
		if (len <= 0) {
			finish(conn, 0, len < 0 ? strerror(errno) : "the connection ended before the answer");
			return;
		}
		conn->in.len += (size_t)len;
		if (!take_answer(conn))
			return;
	}
}

void hook_conn_send(struct hook_conn *conn, void *job)
{
	conn->job = job;
	conn->sent = false;
	conn->msg = (struct http_msg){ .is_response = true };
	loop_timer_set(conn->loop, &conn->timer, conn->loop->now_us + HOOK_TIMEOUT_US);
	write_on(conn); /* an error is reported by finish(); an unconnected socket takes it with its first event */
}

static void on_timeout(struct loop_timer *timer)
{
	struct hook_conn *conn = container_of(timer, struct hook_conn, timer);

	finish(conn, 0, "no answer in time");
}

static void on_event(struct loop_io *io, uint32_t events)
{
	struct hook_conn *conn = container_of(io, struct hook_conn, io);

	if (!conn->job) { /* an idle connection has nothing to say but that it ends */
		if (!(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
			return;
		hook_conn_close(conn);
		conn->events->on_gone(conn);
		return;
	}
	if (write_on(conn) && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		read_on(conn);
}
