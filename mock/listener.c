#include "listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "util.h"

enum { BACKLOG = 4096, ACCEPT_AGAIN_US = 50000 };

/* Edge-triggered: accepts until there is nobody left. */
static void accept_all(struct listener *listener)
{
	struct loop *loop = listener->vendor->loop;

	for (;;) {
		int fd = accept4(listener->io.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			if (!conn_open(listener->vendor, fd))
				log_line("%s vendor: cannot watch a connection: %s", listener->vendor->name,
				         strerror(errno));
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN) {
			log_line("%s vendor: cannot accept: %s", listener->vendor->name, strerror(errno));
			loop_timer_set(loop, &listener->timer, loop->now_us + ACCEPT_AGAIN_US);
		}
		return;
	}
}

static void on_event(struct loop_io *io, uint32_t events)
{
	(void)events;
	accept_all(container_of(io, struct listener, io));
}

static void on_due(struct loop_timer *timer)
{
	accept_all(container_of(timer, struct listener, timer));
}

/* What accepted sockets inherit is set here, once: the timestamps even of data that comes before accept(). */
static void set_socket_options(int fd)
{
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
}

static int listening_socket(const struct addrinfo *at)
{
	int fd = socket(at->ai_family, at->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), failed;

	if (fd < 0)
		return -1;
	set_socket_options(fd);
	if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	failed = errno;
	close(fd);
	errno = failed;
	return -1;
}

static int bound_port(int fd)
{
	union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } name = { .v6 = { 0 } };
	socklen_t len = sizeof(name);

	if (getsockname(fd, &name.any, &len) < 0)
		return 0;
	return ntohs(name.any.sa_family == AF_INET6 ? name.v6.sin6_port : name.v4.sin_port);
}

bool listener_open(struct listener *listener, struct vendor *vendor, const char *address, int port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *found = NULL;
	char port_text[8];
	int failed, fd;

	snprintf(port_text, sizeof(port_text), "%d", port);
	failed = getaddrinfo(address, port_text, &hints, &found);
	if (failed) {
		log_line("cannot listen on %s: %s", address, gai_strerror(failed));
		return false;
	}
	fd = listening_socket(found);
	freeaddrinfo(found);
	if (fd < 0) {
		log_line("cannot listen on %s port %d: %s", address, port, strerror(errno));
		return false;
	}
	*listener = (struct listener){ .io = { .fd = fd, .on_event = on_event }, .timer.on_due = on_due,
		                       .vendor = vendor, .port = bound_port(fd) };
	if (loop_add(vendor->loop, &listener->io, EPOLLIN) == 0)
		return true;
	log_line("cannot watch %s port %d: %s", address, port, strerror(errno));
	listener_close(listener);
	return false;
}

void listener_close(struct listener *listener)
{
	if (!listener->vendor)
		return;
	loop_timer_cancel(listener->vendor->loop, &listener->timer);
	loop_close(listener->vendor->loop, &listener->io);
}
