#include "group_read.h"

#include "group.h"
#include "mem.h"

#include <stdlib.h>

enum {
	AT_ONCE = 2,       /* one that waits for a slow answer does not hold up everybody */
	BYTES_MAX = 0,     /* no look counts for any */
};

struct group_read {
	struct store_link *link;
	struct group *group;
};

struct reader {
	struct group_item item;
	struct store_look look;
};

static struct store_look *look_of(struct group_item *item) { return &((struct reader *)item)->look; }

static void read_batch(void *arg, struct group_item *const *items, size_t n)
{
	struct group_read *read = arg;
	struct store *store = store_link_get(read->link, NULL);
	struct store_look looks[GROUP_BATCH_MAX];
	struct err_text why;
	enum err err;

	if (!store)
		return;
	for (size_t i = 0; i < n; i++)
		looks[i] = *look_of(items[i]);
	err = store_look(store, looks, n, &why);
	if (err)
		store_link_report(read->link, err, &why);
	for (size_t i = 0; i < n; i++)
		*look_of(items[i]) = looks[i];
}

struct group_read *group_read_new(struct store_link *link)
{
	struct group_read *read = mem_calloc(1, sizeof(*read));

	read->link = link;
	read->group = group_new(AT_ONCE, BYTES_MAX, read_batch, read);
	return read;
}

void group_read_free(struct group_read *read)
{
	if (!read)
		return;
	group_free(read->group);
	free(read);
}

enum err group_read_get(struct group_read *read, const char *request_id, struct job **job)
{
	struct reader self = { .look = { .request_id = request_id, .outcome = ERR_UNAVAILABLE } };

	group_do(read->group, &self.item);
	*job = self.look.job;
	return self.look.outcome;
}
