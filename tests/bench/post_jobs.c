/* A client for benchmarks: posts exactly so many jobs, and says of each when it was sent and answered, and its id.
 *
 *   post_jobs PORT CONNECTIONS COUNT PAUSE_MS BODY_FILE POSTS_FILE
 *
 * POST /jobs with the same body to 127.0.0.1, on kept connections, each of which sends its next job PAUSE_MS after it
 * has its answer (with a pause there is one connection only). A line in POSTS_FILE for each job, in the order in which
 * they were sent: "<sent_us> <answered_us> <status> <id>", times of the wall clock; status 0 and the id "-" where no
 * answer came. One line of JSON on stdout: {"cpu_seconds"}.
 */
#include "clock.h"
#include "mem.h"
#include "rate.h"
#include "text_file.h"
#include "uuid.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT_MAX = 65535, CONNECTIONS_MAX = 1000, COUNT_MAX = 100000000, PAUSE_MS_MAX = 10000 };   /* arguments */
enum { ANSWER_BYTES = 4096, BODY_BYTES_MAX = 16 << 20, SILENCE_MS = 10000, EVENTS = 64 };

struct post {
	int64_t sent_us, answered_us;
	int status;
	char id[UUID_TEXT_SIZE];
};

struct conn {
	int fd;
	struct post *post;             /* that waits for its answer, or NULL */
	char answer[ANSWER_BYTES];
	size_t answer_bytes;
};

struct client {
	struct sockaddr_in to;
	int epoll;
	char *request;
	size_t request_bytes;
	struct post *posts;
	size_t n_posts, n_sent, n_waiting;
	int pause_ms;
};

static int64_t wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* False: refused. The sockets block: a request is sent in one piece, and read from only when something is there. */
static bool conn_open(struct client *client, struct conn *conn)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };
	int on = 1;

	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (conn->fd < 0)
		return false;
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(conn->fd, (struct sockaddr *)&client->to, sizeof(client->to)) == 0 &&
	    epoll_ctl(client->epoll, EPOLL_CTL_ADD, conn->fd, &event) == 0)
		return true;
	close(conn->fd);
	conn->fd = -1;
	return false;
}

static void conn_close(struct client *client, struct conn *conn)
{
	if (conn->post)
		client->n_waiting--;
	conn->post = NULL;
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
}

/* Sends the next job, if there is one left. A connection that breaks has lost its job. */
static void conn_send(struct client *client, struct conn *conn)
{
	if (client->n_sent == client->n_posts || (conn->fd < 0 && !conn_open(client, conn)))
		return;
	conn->post = &client->posts[client->n_sent++];
	client->n_waiting++;
	conn->answer_bytes = 0;
	conn->post->sent_us = wall_us();
	if (send(conn->fd, client->request, client->request_bytes, MSG_NOSIGNAL) != (ssize_t)client->request_bytes)
		conn_close(client, conn);
}

/* The answer as far as it is there. Gives its whole length, or 0 when more has to come, or it is none. */
static size_t answer_length(const char *answer)
{
	const char *end = strstr(answer, "\r\n\r\n");
	const char *length = strcasestr(answer, "\r\nContent-Length:");

	if (!end || !length || length > end)
		return 0;
	return (size_t)(end + 4 - answer) + strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
}

static void post_end(struct post *post, const char *answer)
{
	static const char name[] = "\"request_id\":\"";
	const char *id = strstr(answer, name);

	post->answered_us = wall_us();
	if (strncmp(answer, "HTTP/1.1 ", strlen("HTTP/1.1 ")) == 0)
		post->status = (int)strtol(answer + strlen("HTTP/1.1 "), NULL, 10);
	if (id && strlen(id + strlen(name)) >= UUID_TEXT_SIZE - 1)
		memcpy(post->id, id + strlen(name), UUID_TEXT_SIZE - 1);
}

static void pause_for(int ms)
{
	struct timespec pause = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&pause, &pause) != 0 && errno == EINTR)
		;
}

static void on_answer(struct client *client, struct conn *conn)
{
	ssize_t got = recv(conn->fd, conn->answer + conn->answer_bytes, sizeof(conn->answer) - 1 - conn->answer_bytes, 0);
	size_t length;

	if (got <= 0) {   /* broken, or closed while it was idle, or the answer has no end */
		conn_close(client, conn);
		conn_send(client, conn);
		return;
	}
	conn->answer_bytes += (size_t)got;
	conn->answer[conn->answer_bytes] = '\0';
	length = answer_length(conn->answer);
	if (!conn->post || !length || conn->answer_bytes < length)
		return;
	post_end(conn->post, conn->answer);
	conn->post = NULL;
	client->n_waiting--;
	if (strcasestr(conn->answer, "\r\nConnection: close"))
		conn_close(client, conn);
	if (client->pause_ms)
		pause_for(client->pause_ms);
	conn_send(client, conn);
}

/* Until each job has its answer, or nothing came for so long that none will. */
static void run(struct client *client, struct conn *conns, size_t n_conns)
{
	struct epoll_event events[EVENTS];
	int n = 0;

	for (size_t i = 0; i < n_conns; i++)
		conn_open(client, &conns[i]);
	for (size_t i = 0; i < n_conns; i++)
		conn_send(client, &conns[i]);
	while (client->n_waiting && (n = epoll_wait(client->epoll, events, EVENTS, SILENCE_MS)) > 0)
		for (int i = 0; i < n; i++)
			on_answer(client, events[i].data.ptr);
}

static bool write_posts(const struct client *client, const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return false;
	for (const struct post *post = client->posts; post < client->posts + client->n_sent; post++)
		fprintf(file, "%lld %lld %d %s\n", (long long)post->sent_us, (long long)post->answered_us, post->status,
			*post->id ? post->id : "-");
	return fclose(file) == 0;
}

static double cpu_seconds(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* All of the file's bytes as one request. NULL: it cannot be read. */
static char *request_new(const char *path, size_t *bytes)
{
	static const char head[] = "POST /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
				   "Content-Length: %zu\r\n\r\n";
	struct err_text why = { "" };
	size_t body_bytes;
	char *body, *request;
	int head_bytes;

	if (text_file_read(path, BODY_BYTES_MAX, &body, &body_bytes, &why) != ERR_OK) {
		fprintf(stderr, "post_jobs: %s\n", why.text);
		return NULL;
	}
	request = mem_alloc(sizeof(head) + 20 + body_bytes);
	head_bytes = snprintf(request, sizeof(head) + 20, head, body_bytes);
	memcpy(request + head_bytes, body, body_bytes);
	*bytes = (size_t)head_bytes + body_bytes;
	free(body);
	return request;
}

/* False: the arguments say nothing that can be done. */
static bool client_init(struct client *client, char **argv)
{
	int port = rate_argument(argv[1], PORT_MAX);
	int count = rate_argument(argv[3], COUNT_MAX);

	*client = (struct client){ .epoll = -1, .pause_ms = rate_argument(argv[4], PAUSE_MS_MAX) };
	if (!port || !count)
		return false;
	client->to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	client->request = request_new(argv[5], &client->request_bytes);
	client->n_posts = (size_t)count;
	client->posts = mem_calloc(client->n_posts, sizeof(*client->posts));
	client->epoll = epoll_create1(EPOLL_CLOEXEC);
	return client->request && client->epoll >= 0;
}

int main(int argc, char **argv)
{
	int n_conns = argc == 7 ? rate_argument(argv[2], CONNECTIONS_MAX) : 0;
	struct client client;
	struct conn *conns;

	if (!n_conns || !client_init(&client, argv) || (client.pause_ms && n_conns > 1)) {
		fprintf(stderr, "usage: post_jobs PORT CONNECTIONS COUNT PAUSE_MS BODY_FILE POSTS_FILE\n");
		return 2;
	}
	conns = mem_calloc((size_t)n_conns, sizeof(*conns));
	for (int i = 0; i < n_conns; i++)
		conns[i].fd = -1;
	run(&client, conns, (size_t)n_conns);
	if (!write_posts(&client, argv[6])) {
		perror(argv[6]);
		return 1;
	}
	printf("{\"cpu_seconds\": %.6f}\n", cpu_seconds());
	for (int i = 0; i < n_conns; i++)
		conn_close(&client, &conns[i]);
	close(client.epoll);
	free(conns);
	free(client.posts);
	free(client.request);
	return 0;
}
