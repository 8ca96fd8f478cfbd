#include "shard.h"

#include "clock.h"
#include "log.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct shard *shard = arg;
	struct epoll_event event = { .data.fd = fd };

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		/* The socket may be closed already, and out of the set with it. */
		epoll_ctl(shard->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		curl_multi_assign(shard->multi, fd, NULL);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? (unsigned)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (unsigned)EPOLLOUT : 0);
	if (epoll_ctl(shard->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0 &&
	    epoll_ctl(shard->epoll_fd, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) < 0)
		log_error("loop: a socket cannot be watched fd=%d error=%s", fd, strerror(errno));
	curl_multi_assign(shard->multi, fd, shard);
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct shard *shard = arg;

	(void)multi;
	shard->timer_mono_ms = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
	return 0;
}

enum err shard_init(struct shard *shard, int room, struct err_text *why)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0)
		return err_set(why, ERR_SYSTEM, "epoll: %s", strerror(errno));
	*shard = (struct shard){ .multi = curl_multi_init(), .epoll_fd = epoll_fd, .timer_mono_ms = INT64_MAX, .room = room };
	if (!shard->multi) {
		close(epoll_fd);
		return err_set(why, ERR_SYSTEM, "curl_multi_init failed");
	}
	curl_multi_setopt(shard->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)room);
	/* Else curl keeps four for each call in flight, so that a batch that ends closes what the next one needs; and to close
	 * one it looks through all of them. */
	curl_multi_setopt(shard->multi, CURLMOPT_MAXCONNECTS, (long)room);
	curl_multi_setopt(shard->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(shard->multi, CURLMOPT_SOCKETDATA, shard);
	curl_multi_setopt(shard->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(shard->multi, CURLMOPT_TIMERDATA, shard);
	return ERR_OK;
}

void shard_deinit(struct shard *shard)
{
	if (!shard->multi)
		return;
	curl_multi_cleanup(shard->multi);
	close(shard->epoll_fd);
}
