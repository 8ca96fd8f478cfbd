/* Starting a vendor's limiter: queue_limits.lua, with what the store counts of its quotas. */
#include "buffer.h"
#include "queue.h"
#include "queue_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNTS_MAX_BYTES = 1 << 20 };   /* far more than QUOTA_SLOTS need */

struct begin {
	struct queue_begin *begin;
	char *counts[VENDOR_LIMITS_MAX];   /* as the script wants them; "" of what is no quota */
};

static void make_begin(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	const struct begin *all = arg;
	const struct queue_begin *begin = all->begin;

	(void)i;
	queue__script(command, QUEUE_SCRIPT_LIMITS, 1);
	queue__arg_key(command, queue, "rate_limit", vendor_account(begin->vendor));
	queue__arg(command, redis_run_id(queue->redis));
	queue__arg(command, begin->ticket);
	queue__arg_number(command, begin->fresh);
	queue__arg_number(command, begin->guard_max_ms);
	queue__arg_limits(command, begin->vendor, begin->guard_max_ms);
	for (size_t k = 0; k < begin->vendor->n_limits; k++)
		queue__arg(command, all->counts[k]);
	queue__arg_group(command, begin->vendor);
}

static bool take_ticket(struct queue *queue, void *arg, size_t i, const redisReply *reply)
{
	struct queue_begin *begin = ((struct begin *)arg)->begin;

	(void)queue, (void)i;
	if (reply->type != REDIS_REPLY_STRING || reply->len >= sizeof(begin->next_ticket))
		return false;
	memcpy(begin->next_ticket, reply->str, reply->len + 1);
	return true;
}

/* NULL if there are too many to say. */
static char *counts_text(const struct queue_begin *begin, const struct vendor_limit *limit)
{
	struct buffer text;

	buffer_init(&text, COUNTS_MAX_BYTES);
	for (size_t i = 0; limit_is_quota(limit) && i < begin->n_slots; i++) {
		const struct quota_slot *slot = &begin->slots[i];

		if (slot->per_ms == limit->per_ms && slot->count > 0)
			buffer_printf(&text, "%lld:%lld ", (long long)slot->until, (long long)slot->count);
	}
	if (!text.overflowed)
		return buffer_take(&text, NULL);
	buffer_deinit(&text);
	return NULL;
}

enum err queue_limits_begin(struct queue *queue, struct queue_begin *begin, struct err_text *why)
{
	struct begin all = { .begin = begin };
	struct queue_pipeline pipeline = { .make = make_begin, .take = take_ticket, .arg = &all };
	enum err err = ERR_OK;

	for (size_t i = 0; i < begin->vendor->n_limits && err == ERR_OK; i++) {
		all.counts[i] = counts_text(begin, &begin->vendor->limits[i]);
		if (!all.counts[i])
			err = err_set(why, ERR_TOO_BIG, "the store counts a quota in too many slots");
	}
	if (err == ERR_OK)
		err = queue__run(queue, &pipeline, 1, why);
	for (size_t i = 0; i < VENDOR_LIMITS_MAX; i++)
		free(all.counts[i]);
	return err;
}
