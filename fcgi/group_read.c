#include "group_read.h"

#include "mem.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
	AT_ONCE = 2,       /* one that waits for a slow answer does not hold up everybody */
	BATCH_MAX = 64,
};

/* A caller, on its own stack: gone once it has been woken. */
struct waiter {
	struct store_look look;
	struct waiter *next;
	sem_t wake;
	bool reads;        /* woken to read, for itself and those behind it; else its look is done */
};

struct group_read {
	struct store_link *link;
	pthread_mutex_t lock;
	struct waiter *head, **tail;    /* who waits, oldest first; nobody while fewer than AT_ONCE read */
	int reading;
};

struct group_read *group_read_new(struct store_link *link)
{
	struct group_read *group = mem_calloc(1, sizeof(*group));

	group->link = link;
	group->tail = &group->head;
	pthread_mutex_init(&group->lock, NULL);
	return group;
}

void group_read_free(struct group_read *group)
{
	if (!group)
		return;
	pthread_mutex_destroy(&group->lock);
	free(group);
}

/* Under the lock: takes the oldest off the queue. NULL: nobody waits. */
static struct waiter *take_oldest(struct group_read *group)
{
	struct waiter *oldest = group->head;

	if (oldest)
		group->head = oldest->next;
	if (!group->head)
		group->tail = &group->head;
	return oldest;
}

/* The reader itself and those who wait, as many as a batch may hold. */
static size_t take_batch(struct group_read *group, struct waiter *self, struct waiter **batch)
{
	size_t n = 0;

	batch[n++] = self;
	pthread_mutex_lock(&group->lock);
	while (group->head && n < BATCH_MAX)
		batch[n++] = take_oldest(group);
	pthread_mutex_unlock(&group->lock);
	return n;
}

static void read_batch(struct group_read *group, struct waiter **batch, size_t n)
{
	struct store *store = store_link_get(group->link, NULL);
	struct store_look looks[BATCH_MAX];
	struct err_text why;
	enum err err;

	if (!store)
		return;
	for (size_t i = 0; i < n; i++)
		looks[i] = batch[i]->look;
	err = store_look(store, looks, n, &why);
	if (err)
		store_link_report(group->link, err, &why);
	for (size_t i = 0; i < n; i++)
		batch[i]->look = looks[i];
}

/* The right to read goes on to the oldest who waits, if there is one. */
static void pass_on(struct group_read *group)
{
	struct waiter *next;

	pthread_mutex_lock(&group->lock);
	next = take_oldest(group);
	if (next)
		next->reads = true;
	else
		group->reading--;
	pthread_mutex_unlock(&group->lock);
	if (next)
		sem_post(&next->wake);
}

static void read_for_all(struct group_read *group, struct waiter *self)
{
	struct waiter *batch[BATCH_MAX];
	size_t n = take_batch(group, self, batch);

	read_batch(group, batch, n);
	pass_on(group);
	for (size_t i = 1; i < n; i++)
		sem_post(&batch[i]->wake);
}

/* True: it is the caller's turn to read. Else it is in the queue, and others may write to it. */
static bool may_read(struct group_read *group, struct waiter *self)
{
	bool reads;

	pthread_mutex_lock(&group->lock);
	reads = group->reading < AT_ONCE;
	if (reads) {
		group->reading++;
		self->reads = true;
	} else {
		*group->tail = self;
		group->tail = &self->next;
	}
	pthread_mutex_unlock(&group->lock);
	return reads;
}

enum err group_read_get(struct group_read *group, const char *request_id, struct job **job)
{
	struct waiter self = { .look = { .request_id = request_id, .outcome = ERR_UNAVAILABLE } };

	sem_init(&self.wake, 0, 0);
	if (!may_read(group, &self))
		while (sem_wait(&self.wake) < 0 && errno == EINTR)
			;
	if (self.reads)
		read_for_all(group, &self);
	sem_destroy(&self.wake);
	*job = self.look.job;
	return self.look.outcome;
}
