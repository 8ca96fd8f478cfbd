#include "mailbox.h"

#include "call.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_init(struct mailbox *box)
{
	pthread_mutex_init(&box->lock, NULL);
	box->first = NULL;
	box->last = &box->first;
	box->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return box->fd < 0 ? -1 : 0;
}

void mailbox_deinit(struct mailbox *box)
{
	close(box->fd);
	pthread_mutex_destroy(&box->lock);
}

void mailbox_poke(struct mailbox *box)
{
	/* A full counter (EAGAIN) means the receiver has been told already. */
	eventfd_write(box->fd, 1);
}

void mailbox_put(struct mailbox *box, struct call *list)
{
	struct call *tail = list;

	if (!list)
		return;
	while (tail->next)
		tail = tail->next;
	pthread_mutex_lock(&box->lock);
	*box->last = list;
	box->last = &tail->next;
	pthread_mutex_unlock(&box->lock);
	mailbox_poke(box);
}

struct call *mailbox_take(struct mailbox *box)
{
	struct call *list;
	eventfd_t ignored;

	eventfd_read(box->fd, &ignored);
	pthread_mutex_lock(&box->lock);
	list = box->first;
	box->first = NULL;
	box->last = &box->first;
	pthread_mutex_unlock(&box->lock);
	return list;
}

void mailbox_wait(struct mailbox *box, int timeout_ms)
{
	struct pollfd wait = { .fd = box->fd, .events = POLLIN };

	poll(&wait, 1, timeout_ms);
}
