#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "util.h"

enum {
	EVENTS_PER_TURN = 512,
	SOON_US = 10, /* a wait this short is not worth a sleep, which lasts at least a millisecond */
};

static volatile sig_atomic_t stop_wanted;

static void on_stop_signal(int number)
{
	(void)number;
	stop_wanted = 1;
}

/* The signals are let in only inside epoll_pwait: a stop between the check and the wait cannot get lost. */
static int catch_signals(struct loop *loop)
{
	struct sigaction stop = { .sa_handler = on_stop_signal };
	sigset_t block;

	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	if (sigprocmask(SIG_BLOCK, &block, &loop->wait_mask) < 0)
		return -1;
	sigdelset(&loop->wait_mask, SIGTERM);
	sigdelset(&loop->wait_mask, SIGINT);
	if (sigaction(SIGTERM, &stop, NULL) < 0 || sigaction(SIGINT, &stop, NULL) < 0)
		return -1;
	return 0;
}

int loop_init(struct loop *loop)
{
	*loop = (struct loop){ .now_us = clock_mono_us(), .now_real_ns = clock_real_ns() };
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -1;
	return catch_signals(loop);
}

static void free_closed(struct loop *loop)
{
	while (loop->closed) {
		struct loop_io *io = loop->closed;

		loop->closed = io->next_closed;
		if (io->on_free)
			io->on_free(io);
	}
}

void loop_deinit(struct loop *loop)
{
	free_closed(loop);
	free(loop->heap);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	*loop = (struct loop){ .epoll_fd = -1 };
}

int loop_add(struct loop *loop, struct loop_io *io, uint32_t events)
{
	struct epoll_event event = { .events = events | EPOLLET, .data.ptr = io };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, io->fd, &event);
}

void loop_close(struct loop *loop, struct loop_io *io)
{
	if (io->fd < 0)
		return;
	close(io->fd);
	io->fd = -1;
	io->next_closed = loop->closed;
	loop->closed = io;
}

static void put(struct loop *loop, size_t place, struct loop_timer *timer)
{
	loop->heap[place - 1] = timer;
	timer->place = place;
}

static void sift_up(struct loop *loop, struct loop_timer *timer)
{
	size_t place = timer->place;

	for (; place > 1 && loop->heap[place / 2 - 1]->due_us > timer->due_us; place /= 2)
		put(loop, place, loop->heap[place / 2 - 1]);
	put(loop, place, timer);
}

static void sift_down(struct loop *loop, struct loop_timer *timer)
{
	size_t place = timer->place, child;

	for (; (child = place * 2) <= loop->timers; place = child) {
		if (child < loop->timers && loop->heap[child]->due_us < loop->heap[child - 1]->due_us)
			child++;
		if (loop->heap[child - 1]->due_us >= timer->due_us)
			break;
		put(loop, place, loop->heap[child - 1]);
	}
	put(loop, place, timer);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_us)
{
	timer->due_us = due_us;
	if (!timer->place) {
		if (loop->timers == loop->heap_cap) {
			loop->heap_cap = loop->heap_cap ? loop->heap_cap * 2 : 256;
			loop->heap = mem_realloc(loop->heap, loop->heap_cap * sizeof(loop->heap[0]));
		}
		timer->place = ++loop->timers;
	}
	sift_up(loop, timer);
	sift_down(loop, timer);
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	size_t place = timer->place;
	struct loop_timer *last;

	if (!place)
		return;
	last = loop->heap[--loop->timers];
	timer->place = 0;
	if (last == timer)
		return;
	put(loop, place, last);
	sift_up(loop, last);
	sift_down(loop, last);
}

static int wait_ms(const struct loop *loop)
{
	int64_t left_us;

	if (!loop->timers)
		return -1;
	left_us = loop->heap[0]->due_us - clock_mono_us();
	if (left_us <= SOON_US)
		return 0;
	return left_us > 60000000 ? 60000 : (int)((left_us + 999) / 1000);
}

/* A timer that is set again for the time just after now_us runs in the next turn: sockets get theirs in between. */
static void run_timers(struct loop *loop)
{
	while (loop->timers && loop->heap[0]->due_us <= loop->now_us) {
		struct loop_timer *timer = loop->heap[0];

		loop_timer_cancel(loop, timer);
		timer->on_due(timer);
	}
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[EVENTS_PER_TURN];

	while (!stop_wanted) {
		int count = epoll_pwait(loop->epoll_fd, events, EVENTS_PER_TURN, wait_ms(loop), &loop->wait_mask);

		if (count < 0 && errno != EINTR)
			return -1;
		loop->now_us = clock_mono_us();
		loop->now_real_ns = clock_real_ns();
		for (int i = 0; i < count; i++) {
			struct loop_io *io = events[i].data.ptr;

			if (io->fd >= 0)
				io->on_event(io, events[i].events);
		}
		run_timers(loop);
		free_closed(loop);
	}
	return 0;
}
