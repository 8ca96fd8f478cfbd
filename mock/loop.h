/* The event loop: epoll (edge-triggered), timers in a heap, and sockets that are freed only when a turn is over.
 *
 * One thread. An object embeds struct loop_io or struct loop_timer and gets back to itself with container_of().
 */
#ifndef VF_MOCK_LOOP_H
#define VF_MOCK_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop_io {
	int fd;                                                   /* owned; -1 once closed */
	void (*on_event)(struct loop_io *io, uint32_t events);    /* EPOLL... bits */
	void (*on_free)(struct loop_io *io);                      /* frees the object around it; or NULL */
	struct loop_io *next_closed;
};

struct loop_timer {
	int64_t due_us;
	size_t place;                                             /* 0: not armed; else index in the heap + 1 */
	void (*on_due)(struct loop_timer *timer);
};

struct loop {
	int epoll_fd;
	int64_t now_us;                                           /* monotonic, of this turn */
	int64_t now_real_ns;                                      /* taken right after epoll_wait */
	struct loop_timer **heap;
	size_t timers, heap_cap;
	struct loop_io *closed;
	sigset_t wait_mask;
};

/* Sets the loop up and blocks SIGTERM and SIGINT except while it waits. 0, or -1 with errno. */
int loop_init(struct loop *loop) __attribute__((warn_unused_result));

/* Frees what was closed and the loop itself. Everything added must have been closed before. */
void loop_deinit(struct loop *loop);

/* Watches io->fd, edge-triggered. 0, or -1 with errno; the fd stays the caller's then. */
int loop_add(struct loop *loop, struct loop_io *io, uint32_t events) __attribute__((warn_unused_result));

/* Closes the fd now, frees the object (on_free) when the turn ends: events of this turn may still name it. */
void loop_close(struct loop *loop, struct loop_io *io);

/* Arms the timer, or moves it if armed. It is called once, at or up to a millisecond after due_us. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_us);

/* Disarms the timer; nothing happens if it is not armed. */
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

/* Turns until SIGTERM or SIGINT. 0, or -1 with errno if waiting itself fails. */
int loop_run(struct loop *loop) __attribute__((warn_unused_result));

#endif
