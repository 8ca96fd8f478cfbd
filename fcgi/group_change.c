#include "group_change.h"

#include "group.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	AT_ONCE = 1,
	ITEM_OVERHEAD_BYTES = 512,   /* what an item counts for beside its texts, towards STORE_BATCH_BYTES */
};

struct group_change {
	struct store_link *link;
	struct group *group;
};

struct writer {
	struct group_item item;
	struct job_change *change;
	enum err err;              /* of its batch */
};

static struct writer *writer_of(struct group_item *item) { return (struct writer *)item; }

static void write_batch(void *arg, struct group_item *const *items, size_t n)
{
	struct group_change *group = arg;
	struct store *store = store_link_get(group->link, NULL);
	struct job_change changes[GROUP_BATCH_MAX];
	struct err_text why;
	enum err err;

	if (!store)
		return;
	for (size_t i = 0; i < n; i++)
		changes[i] = *writer_of(items[i])->change;
	err = store_change(store, changes, n, &why);
	if (err)
		store_link_report(group->link, err, &why);
	for (size_t i = 0; i < n; i++) {
		writer_of(items[i])->change->outcome = changes[i].outcome;
		writer_of(items[i])->err = err;
	}
}

struct group_change *group_change_new(struct store_link *link)
{
	struct group_change *group = mem_calloc(1, sizeof(*group));

	group->link = link;
	group->group = group_new(AT_ONCE, STORE_BATCH_BYTES, write_batch, group);
	return group;
}

void group_change_free(struct group_change *group)
{
	if (!group)
		return;
	group_free(group->group);
	free(group);
}

static size_t text_bytes(const char *text) { return text ? strlen(text) : 0; }

static size_t change_bytes(const struct job_change *change)
{
	return text_bytes(change->result) + text_bytes(change->error) + text_bytes(change->history_entry) +
	       text_bytes(change->tried_entry) + (change->raw ? change->raw->body_len : 0) + ITEM_OVERHEAD_BYTES;
}

enum err group_change_put(struct group_change *group, struct job_change *change)
{
	struct writer self = { .item = { .bytes = change_bytes(change) }, .change = change, .err = ERR_UNAVAILABLE };

	change->outcome = ERR_UNAVAILABLE;
	group_do(group->group, &self.item);
	return self.err;
}
