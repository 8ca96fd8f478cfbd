#include "conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "control.h"
#include "util.h"

enum {
	READ_MIN = 4096,                /* room offered to each read */
	KEEP_BYTES = 64 * 1024,         /* buffers that grew above it are given back after the request */
	REQUESTS_PER_TURN = 32,         /* then the other connections have their turn */
	LINGER_US = 2000000,
};

static void on_event(struct loop_io *io, uint32_t events);
static void on_due(struct loop_timer *timer);

static void on_free(struct loop_io *io)
{
	struct conn *conn = container_of(io, struct conn, io);

	buf_deinit(&conn->in);
	buf_deinit(&conn->out);
	free(conn);
}

bool conn_open(struct vendor *vendor, int fd)
{
	struct conn *conn = mem_calloc(1, sizeof(*conn));

	conn->io = (struct loop_io){ .fd = fd, .on_event = on_event, .on_free = on_free };
	conn->timer.on_due = on_due;
	conn->vendor = vendor;
	conn->next = vendor->conns;
	conn->previous = &vendor->conns;
	if (conn->next)
		conn->next->previous = &conn->next;
	vendor->conns = conn;
	if (loop_add(vendor->loop, &conn->io, EPOLLIN | EPOLLOUT | EPOLLRDHUP) < 0) {
		conn_close(conn);
		return false;
	}
	return true;
}

void conn_close(struct conn *conn)
{
	if (conn->state == CONN_CLOSED)
		return;
	vendor_call_drop(conn);
	conn->state = CONN_CLOSED;
	loop_timer_cancel(conn->vendor->loop, &conn->timer);
	*conn->previous = conn->next;
	if (conn->next)
		conn->next->previous = conn->previous;
	loop_close(conn->vendor->loop, &conn->io);
}

void conn_reset(struct conn *conn)
{
	struct linger at_once = { .l_onoff = 1 };

	if (conn->state != CONN_CLOSED)
		setsockopt(conn->io.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	conn_close(conn);
}

/* The kernel's receive timestamp, which does not depend on when we got round to reading; without one, the time at
 * which this turn of the loop began. */
static int64_t receive_time(struct conn *conn, struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		struct timespec at;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&at, CMSG_DATA(c), sizeof(at));
		conn->stamped = true;
		return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
	}
	conn->stamped = false;
	return conn->vendor->loop->now_real_ns;
}

/* A call whose connection is reset before it is read. The kernel shows what it is; the endpoints are spared, or nobody
 * could turn the knob back. */
static bool resets_early(struct conn *conn)
{
	char start[CONTROL_START_MAX];
	ssize_t len;

	if (conn->state != CONN_READING || conn->in.len || !conn->vendor->knobs.reset_early_ratio)
		return false;
	len = recv(conn->io.fd, start, sizeof(start), MSG_PEEK);
	return len > 0 && !control_is_meant(start, (size_t)len) && vendor_call_resets_early(conn);
}

/* Reads once. False: nothing more for now, or the connection is closed. */
static bool fill(struct conn *conn)
{
	union { struct cmsghdr align; char bytes[128]; } control;
	struct iovec place;
	struct msghdr message = { .msg_iov = &place, .msg_iovlen = 1, .msg_control = control.bytes,
		                  .msg_controllen = sizeof(control.bytes) };
	ssize_t len;

	if (!conn->readable)
		return false;
	if (resets_early(conn)) {
		conn_reset(conn);
		return false;
	}
	buf_reserve(&conn->in, READ_MIN);
	place = (struct iovec){ conn->in.data + conn->in.len, conn->in.cap - conn->in.len };
	do
		len = recvmsg(conn->io.fd, &message, 0);
	while (len < 0 && errno == EINTR);
	if (len < 0 && errno == EAGAIN) {
		conn->readable = false;
		return false;
	}
	if (len <= 0) {
		conn_close(conn);
		return false;
	}
	conn->read_ns = receive_time(conn, &message);
	if (!conn->in.len)
		conn->arrived_ns = conn->read_ns;
	conn->in.len += (size_t)len;
	/* A short read has emptied the socket, and a later byte brings a new event. Not so after the client's end:
	 * that event has come already. */
	if ((size_t)len < place.iov_len && !conn->peer_closed)
		conn->readable = false;
	return true;
}

/* The answer is out: makes the connection ready for the next request, which may be in the buffer already. */
static void finish_answer(struct conn *conn)
{
	size_t left = conn->in.len - conn->msg.next_at;

	if (conn->close_after) {
		if (!conn->linger) {
			conn_close(conn);
			return;
		}
		/* closing with unread bytes would send a reset that destroys the answer on its way */
		shutdown(conn->io.fd, SHUT_WR);
		conn->state = CONN_LINGERING;
		loop_timer_set(conn->vendor->loop, &conn->timer, conn->vendor->loop->now_us + LINGER_US);
		return;
	}
	memmove(conn->in.data, conn->in.data + conn->msg.next_at, left);
	conn->in.len = left;
	conn->arrived_ns = conn->read_ns;
	if (!left)
		buf_reset(&conn->in, KEEP_BYTES);
	buf_reset(&conn->out, KEEP_BYTES);
	conn->out_at = 0;
	conn->msg = (struct http_msg){ 0 };
	conn->continue_sent = false;
	conn->state = CONN_READING;
}

ssize_t conn_send(struct conn *conn, const void *bytes, size_t len)
{
	ssize_t sent;

	do
		sent = send(conn->io.fd, bytes, len, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno == EAGAIN)
		return 0;
	if (sent < 0)
		conn_close(conn);
	return sent;
}

/* Sends some of the answer: what is in `out`, then padding, then the tail. False: error, or the socket is full. */
static bool send_some(struct conn *conn)
{
	static const char block[16384] = { [0 ... 16383] = 'x' };
	const char *from = conn->out.data + conn->out_at;
	size_t len = conn->out.len - conn->out_at;
	ssize_t sent;

	if (!len && conn->pad_left) {
		from = block;
		len = conn->pad_left < sizeof(block) ? conn->pad_left : sizeof(block);
	} else if (!len) {
		from = conn->tail;
		len = strlen(conn->tail);
	}
	sent = conn_send(conn, from, len);
	if (sent <= 0)
		return false;
	if (from == block)
		conn->pad_left -= (size_t)sent;
	else if (from == conn->tail)
		conn->tail += sent;
	else
		conn->out_at += (size_t)sent;
	return true;
}

static void flush(struct conn *conn)
{
	conn->state = CONN_WRITING;
	while (conn->out_at < conn->out.len || conn->pad_left || *conn->tail)
		if (!send_some(conn))
			return;
	finish_answer(conn);
}

void conn_answer(struct conn *conn, const struct answer *answer)
{
	bool is_head = conn->msg.stage == HTTP_COMPLETE && http_span_is(&conn->in, conn->msg.method, "HEAD");

	/* the end of the connection is the only way to find out that less came than was announced */
	if (conn->msg.stage != HTTP_COMPLETE || !conn->msg.keep_alive || answer->length_lie > 0)
		conn->close_after = true;
	conn->tail = answer->tail && !is_head ? answer->tail : "";
	conn->pad_left = is_head ? 0 : answer->pad;
	buf_addf(&conn->out, "HTTP/1.1 %d %s\r\nServer: vendorfetch-mock\r\n", answer->status,
	         http_phrase(answer->status));
	buf_addf(&conn->out, "Content-Type: %s\r\nContent-Length: %zu\r\n",
	         answer->type ? answer->type : "application/json",
	         answer->len + answer->pad + (answer->tail ? strlen(answer->tail) : 0) + (size_t)answer->length_lie);
	if (answer->header_name)
		buf_addf(&conn->out, "%s: %s\r\n", answer->header_name, answer->header_value);
	if (answer->headers)
		buf_add_str(&conn->out, answer->headers);
	buf_add_str(&conn->out, conn->close_after ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n");
	if (!is_head)
		buf_add(&conn->out, answer->body, answer->len);
	flush(conn);
}

void conn_answer_error(struct conn *conn, int status, const char *message)
{
	struct buf *text = &conn->vendor->text;

	text->len = 0;
	buf_addf(text, "{\"status\":\"error\",\"error\":{\"code\":%d,\"message\":", status);
	buf_add_json(text, message, strlen(message));
	buf_add_str(text, "}}");
	conn_answer(conn, &(struct answer){ .status = status, .body = text->data, .len = text->len });
}

static void refuse(struct conn *conn, int status)
{
	conn->vendor->stats.bad_requests++;
	conn->linger = true;
	conn_answer_error(conn, status, http_phrase(status));
}

/* A client that asked whether to send its body at all is told to. */
static void encourage(struct conn *conn)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (!conn->msg.expects_continue || conn->continue_sent || conn->msg.stage == HTTP_HEAD)
		return;
	conn->continue_sent = true;
	if (send(conn->io.fd, text, sizeof(text) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(text) - 1)
		conn_close(conn); /* 25 bytes fit into any living socket with nothing else on its way */
}

static void read_on(struct conn *conn, int *requests)
{
	int r = conn->in.len ? http_read(&conn->msg, &conn->in) : HTTP_MORE;

	if (r == HTTP_MORE) {
		encourage(conn);
		return;
	}
	++*requests;
	if (r != HTTP_DONE)
		refuse(conn, r);
	else if (!control_handle(conn))
		vendor_call_begin(conn);
}

void conn_run(struct conn *conn)
{
	int requests = 0, before;

	if (conn->state == CONN_READING)
		loop_timer_cancel(conn->vendor->loop, &conn->timer);
	while (conn->state == CONN_READING) {
		before = requests;
		read_on(conn, &requests);
		if (conn->state != CONN_READING)
			return;
		if (requests == REQUESTS_PER_TURN) {
			loop_timer_set(conn->vendor->loop, &conn->timer, conn->vendor->loop->now_us + 1);
			return;
		}
		if (requests == before && !fill(conn))
			return;
	}
}

static void discard(struct conn *conn)
{
	while (conn->state == CONN_LINGERING) {
		conn->in.len = 0;
		if (!fill(conn))
			return;
	}
}

static void on_due(struct loop_timer *timer)
{
	struct conn *conn = container_of(timer, struct conn, timer);

	if (conn->state == CONN_LINGERING) {
		conn_close(conn);
		return;
	}
	if (conn->state == CONN_BUSY)
		vendor_call_continue(conn);
	conn_run(conn);
}

static void on_event(struct loop_io *io, uint32_t events)
{
	struct conn *conn = container_of(io, struct conn, io);

	if (events & (EPOLLERR | EPOLLHUP)) {
		conn_close(conn);
		return;
	}
	if (events & (EPOLLIN | EPOLLRDHUP))
		conn->readable = true;
	if (events & EPOLLRDHUP) {
		conn->peer_closed = true;
		if (conn->state == CONN_BUSY) { /* it gave up waiting */
			conn_close(conn);
			return;
		}
	}
	if (conn->state == CONN_WRITING && (events & EPOLLOUT))
		flush(conn);
	if (conn->state == CONN_LINGERING)
		discard(conn);
	conn_run(conn);
}
