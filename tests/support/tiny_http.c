#include "tiny_http.h"

#include "mem.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, REQUEST_MAX = 16384 };

struct connection {
	struct tiny_http *http;
	pthread_t thread;
	int fd;
};

struct tiny_http {
	int fd, port;
	pthread_t thread;
	char url[128];
	_Atomic int requests, n_connections;
	pthread_mutex_t lock;
	char last[REQUEST_MAX];
	struct connection connections[CONNECTIONS_MAX];
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

/* False once the client is gone. */
static bool put(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* ---- Behaviours: true if the connection goes on ---- */

static bool answer_ok(int fd, int nth)
{
	(void)nth;
	return put(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{\"data\":1}");
}

static bool answer_slow(int fd, int nth)
{
	poll(NULL, 0, TINY_HTTP_SLOW_MS);
	return answer_ok(fd, nth);
}

static bool answer_once(int fd, int nth) { return nth == 1 && answer_ok(fd, nth); }

static bool hang(int fd, int nth)
{
	char byte;

	(void)nth;
	return recv(fd, &byte, 1, 0) > 0;   /* until the client leaves */
}

static bool without_end(int fd, const char *head, const char *more)
{
	bool there = put(fd, head);

	while (there)
		there = put(fd, more);
	return false;
}

static bool answer_endless(int fd, int nth)
{
	(void)nth;
	return without_end(fd, "HTTP/1.1 200 OK\r\n\r\n", "and so on, and so on, and so on, ");
}

static bool refuse(int fd, int nth)
{
	(void)nth;
	return without_end(fd, "HTTP/1.1 500 Oh\r\n\r\n", "and so on, and so on, and so on, ");
}

static bool answer_line(int fd, int nth)
{
	(void)nth;
	return without_end(fd, "HTTP/1.1 200 OK\r\nX-A: ", "and so on, and so on, and so on, ");
}

static bool answer_headers(int fd, int nth)
{
	(void)nth;
	return without_end(fd, "HTTP/1.1 200 OK\r\n", "X-More: and so on, and so on, and so on, and so on\r\n");
}

static bool answer_later(int fd, int nth)
{
	(void)nth;
	return put(fd, "HTTP/1.1 429 Later\r\nretry-after:  7 \r\nContent-Length: 0\r\n\r\n");
}

static bool answer_unauthorized(int fd, int nth)
{
	(void)nth;
	return put(fd, "HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n");
}

static bool answer_submit(int fd, int nth)
{
	(void)nth;
	return put(fd, "HTTP/1.1 202 Accepted\r\nLOCATION: \t/asked\r\nContent-Length: 0\r\n\r\n");
}

static bool answer_bad(int fd, int nth)
{
	(void)nth;
	return put(fd, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
}

#define WITH_LIMITS(remaining, reset) "HTTP/1.1 200 OK\r\nX-RateLimit-Remaining: " remaining "\r\nx-ratelimit-reset:" reset \
	"\r\nContent-Length: 10\r\n\r\n{\"data\":1}"

static bool answer_room(int fd, int nth)
{
	(void)nth;
	return put(fd, WITH_LIMITS("5", "20"));
}

static bool answer_spent(int fd, int nth)
{
	(void)nth;
	return put(fd, "HTTP/1.1 100 Continue\r\nX-RateLimit-Remaining: 7\r\n\r\n" WITH_LIMITS("0", "20"));
}

static bool answer_spent_slow(int fd, int nth)
{
	usleep(TINY_HTTP_SLOW_MS * 1000);
	return answer_spent(fd, nth);
}

static bool answer_odd(int fd, int nth)
{
	(void)nth;
	return put(fd, WITH_LIMITS("nothing", "-1e999"));
}

static const struct { const char *path; bool (*behave)(int fd, int nth); } behaviours[] = {
	{ "/ok ", answer_ok }, { "/slow ", answer_slow }, { "/once ", answer_once }, { "/hang ", hang },
	{ "/endless ", answer_endless }, { "/refuse ", refuse }, { "/headers ", answer_headers }, { "/line ", answer_line }, { "/later ", answer_later },
	{ "/at/", answer_ok }, { "/unauthorized ", answer_unauthorized },
	{ "/room ", answer_room }, { "/spent ", answer_spent }, { "/spent-slow ", answer_spent_slow },
	{ "/odd ", answer_odd },
	{ "/submit ", answer_submit }, { "/asked ", answer_ok },
};

/* ---- Connections ---- */

/* A whole request with its body into text; false at the end of the connection. */
static bool read_request(int fd, char text[REQUEST_MAX])
{
	size_t len = 0;

	for (;;) {
		ssize_t n = recv(fd, text + len, REQUEST_MAX - 1 - len, 0);
		char *end, *length;

		if (n <= 0)
			return false;
		len += (size_t)n;
		text[len] = '\0';
		end = strstr(text, "\r\n\r\n");
		length = strstr(text, "Content-Length: ");
		if (end && len - (size_t)(end + 4 - text) >= (length ? strtoul(length + 16, NULL, 10) : 0))
			return true;
	}
}

static bool answer_token(int fd, int requests)
{
	char body[128], answer[256];

	snprintf(body, sizeof(body), "{\"access_token\":\"T%d\",\"token_type\":\"Bearer\",\"expires_in\":3600}", requests);
	snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	return put(fd, answer);
}

static bool behave(struct tiny_http *http, const char *request, int fd, int nth)
{
	const char *path = strchr(request, '/');

	if (path && strncmp(path, "/token ", 7) == 0)
		return answer_token(fd, atomic_load(&http->requests));
	if (path && strncmp(path, "/asked ", 7) == 0 &&
	    (strncmp(request, "GET ", 4) != 0 || strstr(request, "Idempotency-Key") || strstr(request, "Content-Length")))
		return answer_bad(fd, nth);
	for (size_t i = 0; path && i < sizeof(behaviours) / sizeof(behaviours[0]); i++)
		if (strncmp(path, behaviours[i].path, strlen(behaviours[i].path)) == 0)
			return behaviours[i].behave(fd, nth);
	return false;
}

static void keep_last(struct tiny_http *http, const char *request)
{
	pthread_mutex_lock(&http->lock);
	snprintf(http->last, sizeof(http->last), "%s", request);
	pthread_mutex_unlock(&http->lock);
}

static void *serve(void *arg)
{
	struct connection *connection = arg;
	char request[REQUEST_MAX];

	for (int nth = 1; read_request(connection->fd, request); nth++) {
		keep_last(connection->http, request);
		atomic_fetch_add(&connection->http->requests, 1);
		if (!behave(connection->http, request, connection->fd, nth))
			break;
	}
	shutdown(connection->fd, SHUT_RDWR);
	return NULL;
}

static void *accept_all(void *arg)
{
	struct tiny_http *http = arg;
	int fd;

	while ((fd = accept(http->fd, NULL, NULL)) >= 0) {
		struct connection *connection = &http->connections[http->n_connections];

		must(http->n_connections < CONNECTIONS_MAX, "too many connections");
		*connection = (struct connection){ .http = http, .fd = fd };
		atomic_fetch_add(&http->n_connections, 1);   /* before the client can have an answer */
		must(pthread_create(&connection->thread, NULL, serve, connection) == 0, "pthread_create");
	}
	return NULL;
}

/* ---- Life ---- */

struct tiny_http *tiny_http_start(void)
{
	struct tiny_http *http = mem_calloc(1, sizeof(*http));
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	http->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(http->fd >= 0 && bind(http->fd, (struct sockaddr *)&at, len) == 0 && listen(http->fd, 1024) == 0 &&
	     getsockname(http->fd, (struct sockaddr *)&at, &len) == 0, "listen");
	http->port = ntohs(at.sin_port);
	pthread_mutex_init(&http->lock, NULL);
	must(pthread_create(&http->thread, NULL, accept_all, http) == 0, "pthread_create");
	return http;
}

void tiny_http_free(struct tiny_http *http)
{
	shutdown(http->fd, SHUT_RDWR);
	pthread_join(http->thread, NULL);
	for (int i = 0; i < http->n_connections; i++) {
		shutdown(http->connections[i].fd, SHUT_RDWR);
		pthread_join(http->connections[i].thread, NULL);
		close(http->connections[i].fd);
	}
	close(http->fd);
	pthread_mutex_destroy(&http->lock);
	free(http);
}

const char *tiny_http_url(struct tiny_http *http, const char *path)
{
	snprintf(http->url, sizeof(http->url), "http://127.0.0.1:%d%s", http->port, path);
	return http->url;
}

int tiny_http_requests(struct tiny_http *http) { return atomic_load(&http->requests); }
int tiny_http_connections(struct tiny_http *http) { return atomic_load(&http->n_connections); }

const char *tiny_http_last(struct tiny_http *http)
{
	pthread_mutex_lock(&http->lock);
	pthread_mutex_unlock(&http->lock);
	return http->last;
}
