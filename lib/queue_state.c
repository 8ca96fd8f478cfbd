/* Why the jobs of a vendor wait, as far as Redis knows it: the breaker, a hold, a used up quota. What is about access tokens
 * is in queue_token.c. */
#include "mem.h"
#include "queue.h"
#include "queue_priv.h"

#include <stdlib.h>
#include <string.h>

struct asked {
	struct queue_state *states;
	size_t commands;       /* a vendor, after the one that asks for the time: breaker, own hold, and where there are groups, theirs */
	int64_t now;
};

static void make_state(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	const struct asked *asked = arg;
	const struct vendor *vendor;

	if (i == 0) {
		queue__arg(command, "TIME");
		return;
	}
	vendor = asked->states[(i - 1) / asked->commands].vendor;
	queue__arg(command, "HMGET");
	if ((i - 1) % asked->commands == 0) {
		queue__arg_key(command, queue, "breaker", vendor->name);
		queue__arg(command, "state");
		queue__arg(command, "open_until");
	} else {
		queue__arg_key(command, queue, "rate_limit", (i - 1) % asked->commands == 1 ? vendor->name : vendor_account(vendor));
		queue__arg(command, "hold_until");
	}
}

static int64_t left_ms(int64_t until, int64_t now) { return until > now ? until - now : 0; }

static void take_breaker(struct queue_state *state, const redisReply *name, const redisReply *open_until, int64_t now)
{
	if (!name->str || !breaker_is_on(&state->vendor->breaker))
		return;
	if (strcmp(name->str, "half_open") == 0)
		state->breaker = BREAKER_HALF_OPEN;
	if (strcmp(name->str, "open") == 0) {
		state->breaker = BREAKER_OPEN;
		state->open_ms = left_ms(queue__integer(open_until), now);
	}
}

static bool take_state(struct queue *queue, void *arg, size_t i, const redisReply *reply)
{
	struct asked *asked = arg;
	struct queue_state *state = &asked->states[i ? (i - 1) / asked->commands : 0];
	bool of_breaker = i && (i - 1) % asked->commands == 0;
	int64_t hold_ms;

	(void)queue;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != (i == 0 || of_breaker ? 2 : 1))
		return false;
	if (i == 0)
		asked->now = queue__integer(reply->element[0]) * 1000 + queue__integer(reply->element[1]) / 1000;
	if (of_breaker)
		take_breaker(state, reply->element[0], reply->element[1], asked->now);
	if (i == 0 || of_breaker)
		return true;
	hold_ms = left_ms(queue__integer(reply->element[0]), asked->now);
	if (hold_ms > state->hold_ms)
		state->hold_ms = hold_ms;
	return true;
}

/* ---- Quotas, of the vendors that have one ---- */

struct quotas { struct queue_state **states; };

static void make_quota(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	const struct vendor *vendor = ((struct quotas *)arg)->states[i]->vendor;

	queue__script(command, QUEUE_SCRIPT_QUOTA, 1);
	queue__arg_key(command, queue, "rate_limit", vendor_account(vendor));
	queue__arg_limits(command, vendor, 0);
}

static bool take_quota(struct queue *queue, void *arg, size_t i, const redisReply *reply)
{
	(void)queue;
	((struct quotas *)arg)->states[i]->quota_ms = queue__integer(reply);
	return reply->type == REDIS_REPLY_INTEGER;
}

static enum err ask_quotas(struct queue *queue, struct queue_state *states, size_t n, struct err_text *why)
{
	struct quotas quotas = { .states = mem_calloc(n, sizeof(*quotas.states)) };
	struct queue_pipeline pipeline = { .make = make_quota, .take = take_quota, .arg = &quotas };
	size_t n_quotas = 0;
	enum err err = ERR_OK;

	for (size_t i = 0; i < n; i++)
		if (vendor_has_quota(states[i].vendor))
			quotas.states[n_quotas++] = &states[i];
	if (n_quotas > 0)
		err = queue__run(queue, &pipeline, n_quotas, why);
	free(quotas.states);
	return err;
}

enum err queue_states(struct queue *queue, struct queue_state *states, size_t n, struct err_text *why)
{
	struct asked asked = { .states = states, .commands = 2 };
	struct queue_pipeline pipeline = { .make = make_state, .take = take_state, .arg = &asked };
	enum err err;

	for (size_t i = 0; i < n; i++) {
		states[i] = (struct queue_state){ .vendor = states[i].vendor };
		if (states[i].vendor->group)
			asked.commands = 3;
	}
	err = queue__run(queue, &pipeline, 1 + asked.commands * n, why);
	if (!err)
		err = ask_quotas(queue, states, n, why);
	return err ? err : queue__token_states(queue, states, n, why);
}
