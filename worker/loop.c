#include "loop.h"

#include "clock.h"
#include "log.h"
#include "mem.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_A_TURN = 256, EASY_KEPT = 1024, STOP_LOOK_MS = 20 };

struct loop {
	const struct call_context *context;
	struct mailbox *done, *late_poke;
	struct mailbox inbox;
	pthread_t thread;
	CURLM *multi;
	int epoll_fd;
	int64_t timer_mono_ms;             /* when curl wants to be called; INT64_MAX = not */
	struct call *finished, **finished_tail;   /* of this turn */
	struct call *just_left;            /* written by the last curl_multi_socket_action() */
	CURL *spare[EASY_KEPT];            /* easy handles for the next calls */
	int n_spare;
	struct call **running;             /* dense; a call knows its place in it */
	int n_running, room_running;
	_Atomic bool stopping;
	_Atomic int64_t give_up_mono_ms;
};

/* ---- What curl asks for ---- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct loop *loop = arg;
	struct epoll_event event = { .data.fd = fd };

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		/* The socket may be closed already, and out of the set with it. */
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		curl_multi_assign(loop->multi, fd, NULL);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? (unsigned)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (unsigned)EPOLLOUT : 0);
	if (epoll_ctl(loop->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0 &&
	    epoll_ctl(loop->epoll_fd, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) < 0)
		log_error("loop: a socket cannot be watched fd=%d error=%s", fd, strerror(errno));
	curl_multi_assign(loop->multi, fd, loop);
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct loop *loop = arg;

	(void)multi;
	loop->timer_mono_ms = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
	return 0;
}

/* ---- Calls in and out ---- */

static void finish(struct loop *loop, struct call *call)
{
	call->next = NULL;
	*loop->finished_tail = call;
	loop->finished_tail = &call->next;
}

/* Reset, so that nothing of a call that will be freed stays in it. */
static void keep_easy(struct loop *loop, CURL *easy)
{
	curl_easy_reset(easy);
	if (loop->n_spare < EASY_KEPT)
		loop->spare[loop->n_spare++] = easy;
	else
		curl_easy_cleanup(easy);
}

static void add_running(struct loop *loop, struct call *call)
{
	if (loop->n_running == loop->room_running) {
		loop->room_running = loop->room_running ? 2 * loop->room_running : 64;
		loop->running = mem_realloc(loop->running, (size_t)loop->room_running * sizeof(*loop->running));
	}
	call->place = loop->n_running;
	loop->running[loop->n_running++] = call;
}

static void remove_running(struct loop *loop, struct call *call)
{
	struct call *last = loop->running[--loop->n_running];

	loop->running[call->place] = last;
	last->place = call->place;
}

static void begin(struct loop *loop, struct call *call)
{
	CURL *easy = loop->n_spare ? loop->spare[--loop->n_spare] : curl_easy_init();

	if (!easy || atomic_load(&loop->stopping)) {
		if (easy)
			keep_easy(loop, easy);
		else
			log_error("loop: no curl handle request_id=%s", call->job->request_id);
		call_abandon(call);
		finish(loop, call);
		return;
	}
	call_prepare(call, easy, loop->context, &loop->just_left);
	if (curl_multi_add_handle(loop->multi, easy) != CURLM_OK) {
		log_error("loop: curl does not take the call request_id=%s", call->job->request_id);
		keep_easy(loop, easy);
		call_abandon(call);
		finish(loop, call);
		return;
	}
	add_running(loop, call);
}

static void begin_submitted(struct loop *loop)
{
	struct call *call = mailbox_take(&loop->inbox), *next;

	for (; call; call = next) {
		next = call->next;
		begin(loop, call);
	}
}

static void detach(struct loop *loop, struct call *call, CURL *easy)
{
	curl_multi_remove_handle(loop->multi, easy);
	keep_easy(loop, easy);
	remove_running(loop, call);
}

/* At once, and not when the answer is written: other calls of this vendor may be about to leave. */
static void hold_if_asked(const struct call *call)
{
	int64_t hold_ms = outcome_hold_ms(call->lane->vendor, &call->answer);

	if (hold_ms > 0)
		lane_hold(call->lane, hold_ms);
}

static void collect(struct loop *loop)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(loop->multi, &left))) {
		CURL *easy = message->easy_handle;
		struct call *call;

		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
		call_finish(call, message->data.result);   /* reads from the handle, so it comes first */
		detach(loop, call, easy);
		hold_if_asked(call);
		finish(loop, call);
	}
}

static void hand_over(struct loop *loop)
{
	struct call *list = loop->finished;

	loop->finished = NULL;
	loop->finished_tail = &loop->finished;
	mailbox_put(loop->done, list);
}

/* ---- The loop ---- */

/* On leaving: what has not left never will; what has may finish until the last moment. */
static void stop_calls(struct loop *loop)
{
	bool give_up = clock_mono_ms() >= atomic_load(&loop->give_up_mono_ms);

	for (int i = loop->n_running - 1; i >= 0; i--) {
		struct call *call = loop->running[i];

		if (call->asked && !give_up)
			continue;
		detach(loop, call, call->easy);
		call_abandon(call);
		finish(loop, call);
	}
}

static int next_timeout_ms(const struct loop *loop)
{
	int64_t wait;

	if (atomic_load(&loop->stopping))
		return STOP_LOOK_MS;
	if (loop->timer_mono_ms == INT64_MAX)
		return -1;
	wait = loop->timer_mono_ms - clock_mono_ms();
	return wait < 0 ? 0 : wait > INT_MAX ? INT_MAX : (int)wait;
}

/* What curl has just done wrote some requests: were they in time? */
static void look_at_left(struct loop *loop)
{
	if (loop->just_left && calls_left_late(loop->just_left, clock_mono_us()))
		mailbox_poke(loop->late_poke);
	loop->just_left = NULL;
}

static void act(struct loop *loop, curl_socket_t fd, int flags)
{
	int running;

	curl_multi_socket_action(loop->multi, fd, flags, &running);
	look_at_left(loop);
}

static void dispatch(struct loop *loop, const struct epoll_event *event)
{
	int flags = 0;

	if (event->data.fd == loop->inbox.fd) {
		begin_submitted(loop);
		return;
	}
	if (event->events & (EPOLLIN | EPOLLHUP))
		flags |= CURL_CSELECT_IN;
	if (event->events & EPOLLOUT)
		flags |= CURL_CSELECT_OUT;
	if (event->events & EPOLLERR)
		flags |= CURL_CSELECT_ERR;
	act(loop, event->data.fd, flags);
}

static void *run(void *arg)
{
	struct loop *loop = arg;
	struct epoll_event events[EVENTS_A_TURN];

	while (!atomic_load(&loop->stopping) || loop->n_running > 0) {
		int n = epoll_wait(loop->epoll_fd, events, EVENTS_A_TURN, next_timeout_ms(loop));

		for (int i = 0; i < n; i++)
			dispatch(loop, &events[i]);
		if (clock_mono_ms() >= loop->timer_mono_ms) {
			loop->timer_mono_ms = INT64_MAX;
			act(loop, CURL_SOCKET_TIMEOUT, 0);
		}
		collect(loop);
		if (atomic_load(&loop->stopping))
			stop_calls(loop);
		hand_over(loop);
	}
	begin_submitted(loop);   /* stopping: gives back what came last */
	hand_over(loop);
	return NULL;
}

/* ---- Life ---- */

static enum err watch_inbox(struct loop *loop, struct err_text *why)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = loop->inbox.fd };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->inbox.fd, &event) < 0)
		return err_set(why, ERR_SYSTEM, "epoll_ctl: %s", strerror(errno));
	return ERR_OK;
}

enum err loop_new(const struct call_context *context, int calls_max, struct mailbox *done,
                  struct mailbox *late_poke, struct loop **out, struct err_text *why)
{
	struct loop *loop = mem_calloc(1, sizeof(*loop));

	loop->context = context;
	loop->done = done;
	loop->late_poke = late_poke;
	loop->timer_mono_ms = INT64_MAX;
	loop->finished_tail = &loop->finished;
	if (mailbox_init(&loop->inbox) < 0 || (loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) {
		err_set(why, ERR_SYSTEM, "eventfd or epoll: %s", strerror(errno));
		free(loop);
		return ERR_SYSTEM;
	}
	loop->multi = curl_multi_init();
	if (!loop->multi || watch_inbox(loop, why) != ERR_OK) {
		loop_free(loop);
		return err_set(why, ERR_SYSTEM, "curl_multi_init failed");
	}
	curl_multi_setopt(loop->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)calls_max);
	/* Else curl keeps four for each call in flight, so that a batch that ends closes what the next one needs; and to close
	 * one it looks through all of them. */
	curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, (long)calls_max);
	curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
	curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
	*out = loop;
	return ERR_OK;
}

enum err loop_start(struct loop *loop, struct err_text *why)
{
	int error = pthread_create(&loop->thread, NULL, run, loop);

	return error ? err_set(why, ERR_SYSTEM, "pthread_create: %s", strerror(error)) : ERR_OK;
}

void loop_submit(struct loop *loop, struct call *list) { mailbox_put(&loop->inbox, list); }

void loop_stop(struct loop *loop, int64_t give_up_mono_ms)
{
	atomic_store(&loop->give_up_mono_ms, give_up_mono_ms);
	atomic_store(&loop->stopping, true);
	mailbox_poke(&loop->inbox);
	pthread_join(loop->thread, NULL);
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	for (int i = 0; i < loop->n_spare; i++)
		curl_easy_cleanup(loop->spare[i]);
	curl_multi_cleanup(loop->multi);
	close(loop->epoll_fd);
	mailbox_deinit(&loop->inbox);
	free(loop->running);
	free(loop);
}
