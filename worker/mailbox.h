/* Hands calls from one thread to another: a list under a mutex and an eventfd that is readable while it is
 * not empty, so that the receiver can wait for it together with its sockets. Bounded by the number of calls
 * that a worker may have in flight. */
#ifndef VF_MAILBOX_H
#define VF_MAILBOX_H

#include <pthread.h>
#include <stdint.h>

struct call;

struct mailbox {
	pthread_mutex_t lock;
	struct call *first, **last;
	int fd;      /* for poll/epoll: readable after a put or a poke */
};

/* 0, or -1 with errno. */
int mailbox_init(struct mailbox *box);
void mailbox_deinit(struct mailbox *box);
/* Takes the list of calls (linked by ->next). */
void mailbox_put(struct mailbox *box, struct call *list);
/* Wakes the receiver with nothing in hand. */
void mailbox_poke(struct mailbox *box);
/* All calls that have come, oldest first (owned by the caller), or NULL. Clears the eventfd. */
struct call *mailbox_take(struct mailbox *box);
/* Waits until there is something or timeout_ms has passed (-1 = for ever). */
void mailbox_wait(struct mailbox *box, int timeout_ms);

#endif
