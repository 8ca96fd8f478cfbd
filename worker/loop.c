#include "loop.h"

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "shard.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	EVENTS_A_TURN = 256,       /* shared among the shards that have any */
	BEGIN_A_TURN_US = 2000,    /* then sockets are looked at before more calls begin */
	BEGIN_STEP = 8,            /* so many at once, between looks at the time */
	SHARD_CALLS = 512,
	SHARDS_MAX = 32,           /* their shares are larger instead */
	EASY_KEPT = 1024,
	STOP_LOOK_MS = 20,
};

struct loop {
	struct mailbox *done, *late_poke;
	struct mailbox inbox;
	pthread_t thread;
	struct fair_queue submitted;       /* not begun yet */
	struct shard shards[SHARDS_MAX];
	int n_shards, next_home;
	int epoll_fd;                      /* the inbox (data.ptr is NULL) and the shards' sets */
	struct call *finished, **finished_tail;   /* of this turn */
	struct call *just_left;            /* written by the last curl_multi_socket_action() */
	CURL *spare[EASY_KEPT];            /* easy handles for the next calls */
	int n_spare;
	struct call **running;             /* dense; a call knows its place in it */
	int n_running, room_running;
	_Atomic bool stopping;
	_Atomic int64_t give_up_mono_ms;
};

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

/* Lanes begin in different shards, so that one with few calls always finds its connections again; one with many goes on
 * into the next ones. */
static struct shard *shard_with_room(struct loop *loop, struct lane *lane)
{
	int home;

	if (!lane->home_shard)
		lane->home_shard = 1 + loop->next_home++ % loop->n_shards;
	home = lane->home_shard - 1;
	for (int i = 0; i < loop->n_shards; i++) {
		struct shard *shard = &loop->shards[(home + i) % loop->n_shards];

		if (shard->n_running < shard->room)
			return shard;
	}
	return &loop->shards[home];   /* more than calls_max: curl lets them wait for a connection */
}

static void begin(struct loop *loop, struct call *call)
{
	struct shard *shard = shard_with_room(loop, call->lane);
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
	call_prepare(call, easy, &loop->just_left);
	if (curl_multi_add_handle(shard->multi, easy) != CURLM_OK) {
		log_error("loop: curl does not take the call request_id=%s", call->job->request_id);
		keep_easy(loop, easy);
		call_abandon(call);
		finish(loop, call);
		return;
	}
	call->shard = shard;
	shard->n_running++;
	add_running(loop, call);
}

static void receive(struct loop *loop)
{
	struct call *call = mailbox_take(&loop->inbox), *next;

	for (; call; call = next) {
		next = call->next;
		fair_queue_put(&loop->submitted, &call->lane->to_begin, call);
	}
}

static void detach(struct loop *loop, struct call *call, CURL *easy)
{
	curl_multi_remove_handle(call->shard->multi, easy);
	call->shard->n_running--;
	keep_easy(loop, easy);
	remove_running(loop, call);
}

/* At once, and not when the answer is written: other calls of this vendor may be about to leave. */
static void hold_if_asked(const struct call *call)
{
	int64_t hold_ms = outcome_hold_ms(call->exchange.vendor, &call->exchange.answer);
	enum lane_hold_of of = outcome_holds_account(&call->exchange.answer) ? HOLD_OF_ACCOUNT : HOLD_OF_VENDOR;

	if (hold_ms > 0 && lane_hold(call->lane, of, clock_mono_us() + hold_ms * 1000))
		log_info("the vendor asked to be left alone vendor=%s hold_ms=%lld", call->exchange.vendor->name, (long long)hold_ms);
}

static void collect(struct loop *loop, struct shard *shard)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(shard->multi, &left))) {
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

		if (call->exchange.asked && !give_up)
			continue;
		detach(loop, call, call->exchange.easy);
		call_abandon(call);
		finish(loop, call);
	}
}

static int next_timeout_ms(const struct loop *loop)
{
	int64_t next = INT64_MAX, wait;

	if (fair_queue_first(&loop->submitted))
		return 0;
	if (atomic_load(&loop->stopping))
		return STOP_LOOK_MS;
	for (int i = 0; i < loop->n_shards; i++)
		if (loop->shards[i].timer_mono_ms < next)
			next = loop->shards[i].timer_mono_ms;
	if (next == INT64_MAX)
		return -1;
	wait = next - clock_mono_ms();
	return wait < 0 ? 0 : wait > INT_MAX ? INT_MAX : (int)wait;
}

/* What curl has just done wrote some requests: were they in time? */
static void look_at_left(struct loop *loop)
{
	if (loop->just_left && calls_left_late(loop->just_left, clock_mono_us()))
		mailbox_poke(loop->late_poke);
	loop->just_left = NULL;
}

static void act(struct loop *loop, struct shard *shard, curl_socket_t fd, int flags)
{
	int running;

	curl_multi_socket_action(shard->multi, fd, flags, &running);
	look_at_left(loop);
}

static void act_on_timers(struct loop *loop)
{
	int64_t now = clock_mono_ms();

	for (int i = 0; i < loop->n_shards; i++) {
		if (now < loop->shards[i].timer_mono_ms)
			continue;
		loop->shards[i].timer_mono_ms = INT64_MAX;
		act(loop, &loop->shards[i], CURL_SOCKET_TIMEOUT, 0);
	}
}

static void act_on_sockets(struct loop *loop, struct shard *shard, int most)
{
	struct epoll_event events[EVENTS_A_TURN];
	int n = epoll_wait(shard->epoll_fd, events, most, 0);

	for (int i = 0; i < n; i++) {
		int flags = 0;

		if (events[i].events & (EPOLLIN | EPOLLHUP))
			flags |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			flags |= CURL_CSELECT_OUT;
		if (events[i].events & EPOLLERR)
			flags |= CURL_CSELECT_ERR;
		act(loop, shard, events[i].data.fd, flags);
	}
}

/* curl does most of a call's beginning when it is called next, which is part of the time that is looked at. */
static void begin_some(struct loop *loop)
{
	int64_t until = clock_mono_us() + BEGIN_A_TURN_US;

	while (fair_queue_first(&loop->submitted) && clock_mono_us() < until) {
		for (int i = 0; i < BEGIN_STEP && fair_queue_first(&loop->submitted); i++)
			begin(loop, fair_queue_take(&loop->submitted));
		act_on_timers(loop);
	}
}

static void turn(struct loop *loop)
{
	struct epoll_event ready[SHARDS_MAX + 1];
	int n = epoll_wait(loop->epoll_fd, ready, SHARDS_MAX + 1, next_timeout_ms(loop));

	for (int i = 0; i < n; i++) {
		if (ready[i].data.ptr)
			act_on_sockets(loop, ready[i].data.ptr, EVENTS_A_TURN / n);
		else
			receive(loop);
	}
	act_on_timers(loop);
	begin_some(loop);
	for (int i = 0; i < loop->n_shards; i++)
		collect(loop, &loop->shards[i]);
	if (atomic_load(&loop->stopping))
		stop_calls(loop);
	hand_over(loop);
}

static void *run(void *arg)
{
	struct loop *loop = arg;

	while (!atomic_load(&loop->stopping) || loop->n_running > 0)
		turn(loop);
	receive(loop);   /* stopping: gives back what came last */
	while (fair_queue_first(&loop->submitted))
		begin(loop, fair_queue_take(&loop->submitted));
	hand_over(loop);
	return NULL;
}

/* ---- Life ---- */

static enum err watch(struct loop *loop, int fd, struct shard *shard, struct err_text *why)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = shard };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return err_set(why, ERR_SYSTEM, "epoll_ctl: %s", strerror(errno));
	return ERR_OK;
}

static enum err make_shards(struct loop *loop, int calls_max, struct err_text *why)
{
	int n = (calls_max + SHARD_CALLS - 1) / SHARD_CALLS;
	enum err err = ERR_OK;

	n = n < 1 ? 1 : n > SHARDS_MAX ? SHARDS_MAX : n;
	while (loop->n_shards < n && !err) {
		struct shard *shard = &loop->shards[loop->n_shards];

		/* Together they have room for calls_max, no more. */
		err = shard_init(shard, (calls_max + loop->n_shards) / n, why);
		if (err)
			break;
		loop->n_shards++;
		err = watch(loop, shard->epoll_fd, shard, why);
	}
	return err;
}

enum err loop_new(int calls_max, struct mailbox *done, struct mailbox *late_poke, struct loop **out,
                  struct err_text *why)
{
	struct loop *loop = mem_calloc(1, sizeof(*loop));

	loop->done = done;
	loop->late_poke = late_poke;
	loop->finished_tail = &loop->finished;
	if (mailbox_init(&loop->inbox) < 0 || (loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) {
		err_set(why, ERR_SYSTEM, "eventfd or epoll: %s", strerror(errno));
		free(loop);
		return ERR_SYSTEM;
	}
	if (make_shards(loop, calls_max, why) != ERR_OK || watch(loop, loop->inbox.fd, NULL, why) != ERR_OK) {
		loop_free(loop);
		return ERR_SYSTEM;
	}
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
	for (int i = 0; i < loop->n_shards; i++)
		shard_deinit(&loop->shards[i]);
	close(loop->epoll_fd);
	mailbox_deinit(&loop->inbox);
	free(loop->running);
	free(loop);
}
