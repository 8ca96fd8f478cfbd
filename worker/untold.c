#include "untold.h"

#include "log.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 1024 };

struct item {
	struct queue_op op;              /* its ids are those below, once it is told */
	char vendor[VENDOR_NAME_MAX + 2];   /* or an account */
	char entry_id[QUEUE_ENTRY_ID_SIZE];
	char request_id[UUID_TEXT_SIZE];
	struct breaker_rules rules;      /* of a report */
	int64_t failed_mono_ms;          /* when Redis first could not be told; 0: not tried yet */
};

struct untold {
	struct item *items;              /* oldest first */
	size_t n, room, dropped;
	int64_t next_try_mono_ms;
	bool away;
};

struct untold *untold_new(void) { return mem_calloc(1, sizeof(struct untold)); }

void untold_free(struct untold *untold)
{
	free(untold->items);
	free(untold);
}

void untold_add(struct untold *untold, const struct queue_op *op)
{
	struct item *item;

	if (untold->n == UNTOLD_MAX) {
		untold->dropped++;
		return;
	}
	if (untold->n == untold->room) {
		untold->room = untold->room ? 2 * untold->room : BATCH;
		untold->items = mem_realloc(untold->items, untold->room * sizeof(*untold->items));
	}
	item = &untold->items[untold->n++];
	*item = (struct item){ .op = *op };
	snprintf(item->vendor, sizeof(item->vendor), "%s", op->vendor);
	snprintf(item->entry_id, sizeof(item->entry_id), "%s", op->entry_id ? op->entry_id : "");
	if (op->report.rules)
		item->rules = *op->report.rules;
	snprintf(item->request_id, sizeof(item->request_id), "%s", op->request_id ? op->request_id : "");
}

static void drop_first(struct untold *untold, size_t n)
{
	untold->n -= n;
	memmove(untold->items, untold->items + n, untold->n * sizeof(*untold->items));
}

static enum err tell_batch(struct untold *untold, struct queue *queue, size_t n, struct err_text *why)
{
	struct queue_op ops[BATCH];

	for (size_t i = 0; i < n; i++) {
		ops[i] = untold->items[i].op;
		ops[i].entry_id = untold->items[i].entry_id[0] ? untold->items[i].entry_id : NULL;
		ops[i].request_id = untold->items[i].request_id;
		ops[i].vendor = untold->items[i].vendor;
		ops[i].report.rules = &untold->items[i].rules;
	}
	return queue_apply(queue, ops, n, why);
}

/* A probe's report counts only while its lease is there: the second time it finds none. */
static bool told_once_at_most(const struct item *item)
{
	return item->op.kind == QUEUE_REFUND || (item->op.kind == QUEUE_REPORT && !item->entry_id[0]);
}

/* Keeps those of the first n, which may have been told, that may be told again. */
static void failed(struct untold *untold, size_t n, int64_t now, const char *why)
{
	size_t kept = 0;

	if (!untold->away)
		log_warn("Redis is away, what it has to know is kept ops=%zu error=\"%s\"", untold->n, why);
	untold->away = true;
	untold->next_try_mono_ms = now + UNTOLD_RETRY_MS;
	for (size_t i = 0; i < untold->n; i++) {
		struct item *item = &untold->items[i];

		if (!item->failed_mono_ms)
			item->failed_mono_ms = now;
		if (i < n && told_once_at_most(item))
			continue;
		if (now - item->failed_mono_ms < UNTOLD_MAX_AGE_MS)
			untold->items[kept++] = *item;
		else
			untold->dropped++;
	}
	untold->n = kept;
}

bool untold_tell(struct untold *untold, struct queue *queue, int64_t now_mono_ms)
{
	struct err_text why = { "" };

	while (untold->n > 0 && now_mono_ms >= untold->next_try_mono_ms) {
		size_t n = untold->n < BATCH ? untold->n : BATCH;

		if (tell_batch(untold, queue, n, &why) != ERR_OK) {
			failed(untold, n, now_mono_ms, why.text);
			return untold->n == 0;
		}
		drop_first(untold, n);
		if (untold->away)
			log_info("Redis is told again left=%zu dropped=%zu", untold->n, untold->dropped);
		untold->away = false;
		untold->dropped = 0;
	}
	return untold->n == 0;
}
