#include "group.h"

#include "mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct group {
	int at_once;
	size_t bytes_max;
	group_work_fn work;
	void *arg;
	pthread_mutex_t lock;
	struct group_item *head, **tail;    /* who waits, oldest first; nobody while fewer than at_once work */
	int working;
};

struct group *group_new(int at_once, size_t bytes_max, group_work_fn work, void *arg)
{
	struct group *group = mem_calloc(1, sizeof(*group));

	group->at_once = at_once;
	group->bytes_max = bytes_max;
	group->work = work;
	group->arg = arg;
	group->tail = &group->head;
	pthread_mutex_init(&group->lock, NULL);
	return group;
}

void group_free(struct group *group)
{
	if (!group)
		return;
	pthread_mutex_destroy(&group->lock);
	free(group);
}

/* Under the lock: takes the oldest off the queue. NULL: nobody waits. */
static struct group_item *take_oldest(struct group *group)
{
	struct group_item *oldest = group->head;

	if (oldest)
		group->head = oldest->next;
	if (!group->head)
		group->tail = &group->head;
	return oldest;
}

/* The leader itself and those who wait, as many as a batch may hold. */
static size_t take_batch(struct group *group, struct group_item *self, struct group_item **batch)
{
	size_t n = 0, bytes = self->bytes;

	batch[n++] = self;
	pthread_mutex_lock(&group->lock);
	while (group->head && n < GROUP_BATCH_MAX && bytes + group->head->bytes <= group->bytes_max) {
		bytes += group->head->bytes;
		batch[n++] = take_oldest(group);
	}
	pthread_mutex_unlock(&group->lock);
	return n;
}

/* The right to work goes on to the oldest who waits, if there is one. */
static void pass_on(struct group *group)
{
	struct group_item *next;

	pthread_mutex_lock(&group->lock);
	next = take_oldest(group);
	if (next)
		next->leads = true;
	else
		group->working--;
	pthread_mutex_unlock(&group->lock);
	if (next)
		sem_post(&next->wake);
}

/* An item is gone once its thread has been woken. */
static void work_for_all(struct group *group, struct group_item *self)
{
	struct group_item *batch[GROUP_BATCH_MAX];
	size_t n = take_batch(group, self, batch);

	group->work(group->arg, batch, n);
	pass_on(group);
	for (size_t i = 1; i < n; i++)
		sem_post(&batch[i]->wake);
}

/* Decides under the lock whether it is the caller's turn. If not, it is in the queue, and others may write to it. */
static bool may_work(struct group *group, struct group_item *self)
{
	bool leads;

	pthread_mutex_lock(&group->lock);
	leads = group->working < group->at_once;
	if (leads) {
		group->working++;
		self->leads = true;
	} else {
		*group->tail = self;
		group->tail = &self->next;
	}
	pthread_mutex_unlock(&group->lock);
	return leads;
}

void group_do(struct group *group, struct group_item *self)
{
	self->next = NULL;
	self->leads = false;
	sem_init(&self->wake, 0, 0);
	if (!may_work(group, self))
		while (sem_wait(&self->wake) < 0 && errno == EINTR)
			;
	if (self->leads)
		work_for_all(group, self);
	sem_destroy(&self->wake);
}
