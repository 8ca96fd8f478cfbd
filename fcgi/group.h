/* A group: many request threads, few calls to the store at a time.
 *
 * A thread that finds fewer than at_once at work sets to work at once, for itself. Those that come meanwhile gather,
 * and one of them works for all as soon as another has ended: so the busier the store, the more one call to it brings,
 * and a lone one waits for nobody. Work begins after each of those whom it is for has come. Thread-safe.
 */
#ifndef VF_GROUP_H
#define VF_GROUP_H

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>

enum { GROUP_BATCH_MAX = 64 };

/* One caller and what it wants done: the first member of a struct of its own, on its own stack. */
struct group_item {
	size_t bytes;              /* counts towards the bytes of a batch; the caller's to set */
	struct group_item *next;   /* from here on the group's */
	sem_t wake;
	bool leads;                /* woken to work, for itself and those behind it; else its work is done */
};

/* Does what the 1 <= n <= GROUP_BATCH_MAX items want and writes the answers into them. */
typedef void (*group_work_fn)(void *arg, struct group_item *const *items, size_t n);

struct group;

/* At most at_once threads work at a time. The items of a batch have at most bytes_max together; one that has more is
 * a batch of its own. arg is borrowed. */
struct group *group_new(int at_once, size_t bytes_max, group_work_fn work, void *arg);
/* No group_do() may be running. NULL is fine. */
void group_free(struct group *group);

/* Returns when the item's work is done, by this thread or by another. */
void group_do(struct group *group, struct group_item *self);

#endif
