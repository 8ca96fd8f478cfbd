/* Why the jobs of a vendor wait, as far as Redis knows it: the breaker, and a hold. What is about access tokens is in
 * queue_token.c. */
#include "queue.h"
#include "queue_priv.h"

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
	return err ? err : queue__token_states(queue, states, n, why);
}
