/* What follows a take: acknowledge, release, refund, delay, hold, report. All in one pipeline; neighbours of one kind
 * and vendor in one command. */
#include "log.h"
#include "mem.h"
#include "queue.h"
#include "queue_priv.h"

#include <stdlib.h>
#include <string.h>

/* One command: ops[first .. first + n). */
struct step {
	void (*make)(struct queue *queue, const struct queue_op *ops, size_t n, struct queue_command *command);
	size_t first, n;
};

struct apply {
	const struct queue_op *ops;
	struct step *steps;
	size_t n;
};

static void make_xdel(struct queue *queue, const struct queue_op *ops, size_t n, struct queue_command *command)
{
	queue__arg(command, "XDEL");
	queue__arg_key(command, queue, "job-queue", ops->vendor);
	for (size_t i = 0; i < n; i++)
		queue__arg(command, ops[i].entry_id);
}

static void make_xack(struct queue *queue, const struct queue_op *ops, size_t n, struct queue_command *command)
{
	queue__arg(command, "XACK");
	queue__arg_key(command, queue, "job-queue", ops->vendor);
	queue__arg(command, "workers");
	for (size_t i = 0; i < n; i++)
		queue__arg(command, ops[i].entry_id);
}

static void make_release(struct queue *queue, const struct queue_op *ops, size_t n, struct queue_command *command)
{
	queue__arg(command, "ZREM");
	queue__arg_key(command, queue, "in_flight", ops->vendor);
	for (size_t i = 0; i < n; i++)
		queue__arg(command, ops[i].entry_id);
}

static void make_refund(struct queue *queue, const struct queue_op *ops, size_t n, struct queue_command *command)
{
	(void)n;
	queue__script(command, QUEUE_SCRIPT_REFUND, 1);
	queue__arg_key(command, queue, "rate_limit", ops->vendor);
	queue__arg_number(command, ops->at);
	queue__arg_number(command, ops->granted_us);
}

static void make_late(struct queue *queue, const struct queue_op *ops, size_t n, struct queue_command *command)
{
	(void)n;
	queue__script(command, QUEUE_SCRIPT_LATE, 1);
	queue__arg_key(command, queue, "rate_limit", ops->vendor);
	queue__arg_number(command, ops->at);
}

static void make_delay(struct queue *queue, const struct queue_op *ops, size_t n, struct queue_command *command)
{
	queue__arg(command, "ZADD");
	queue__arg_key(command, queue, "job-delayed", ops->vendor);
	for (size_t i = 0; i < n; i++) {
		queue__arg_number(command, ops[i].at);
		queue__arg(command, ops[i].request_id);
	}
}

static void make_hold(struct queue *queue, const struct queue_op *ops, size_t n, struct queue_command *command)
{
	(void)n;
	queue__script(command, QUEUE_SCRIPT_HOLD, 1);
	queue__arg_key(command, queue, "rate_limit", ops->vendor);
	queue__arg_number(command, ops->at);
}

static void make_report(struct queue *queue, const struct queue_op *ops, size_t n, struct queue_command *command)
{
	const struct queue_report *report = &ops->report;

	(void)n;
	queue__script(command, QUEUE_SCRIPT_REPORT, 1);
	queue__arg_key(command, queue, "breaker", ops->vendor);
	queue__arg_breaker(command, report->rules);
	queue__arg_number(command, report->since);
	queue__arg_number(command, report->successes);
	queue__arg_number(command, report->failures);
	queue__arg_number(command, report->connect_row);
	queue__arg_number(command, report->connected);
	queue__arg(command, ops->entry_id ? ops->entry_id : "");
	queue__arg(command, queue->wake_channel);
	queue__arg(command, ops->vendor);
}

/* Which commands an op is made of, and how many ops one command takes. XDEL goes before XACK: should the
 * connection end between them, a pending entry without data remains, which reclaiming removes; the other way
 * round the entry would stay in the stream for good. */
static const struct {
	void (*make[2])(struct queue *queue, const struct queue_op *ops, size_t n, struct queue_command *command);
	size_t most;
} kinds[] = {
	[QUEUE_ACK] = { { make_xdel, make_xack }, QUEUE_VARIADIC_MAX },
	[QUEUE_RELEASE] = { { make_release }, QUEUE_VARIADIC_MAX },
	[QUEUE_REFUND] = { { make_refund }, 1 },
	[QUEUE_LATE] = { { make_late }, 1 },
	[QUEUE_DELAY] = { { make_delay }, 100 },
	[QUEUE_HOLD] = { { make_hold }, 1 },
	[QUEUE_REPORT] = { { make_report }, 1 },
};

static size_t neighbours(const struct queue_op *ops, size_t n)
{
	size_t most = kinds[ops->kind].most, k = 1;

	while (k < n && k < most && ops[k].kind == ops->kind && strcmp(ops[k].vendor, ops->vendor) == 0)
		k++;
	return k;
}

static void make_step(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	const struct apply *apply = arg;
	const struct step *step = &apply->steps[i];

	step->make(queue, apply->ops + step->first, step->n, command);
}

static bool take_report(const struct queue_op *op, const redisReply *reply)
{
	const char *state, *reason;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !reply->element[0]->str || !reply->element[1]->str)
		return false;
	state = reply->element[0]->str;
	reason = reply->element[1]->str;
	if (strcmp(state, "open") == 0)
		log_warn("breaker %s vendor=%s reason=\"%s\"", state, op->vendor, reason);
	else if (state[0])
		log_info("breaker %s vendor=%s", state, op->vendor);
	return true;
}

static bool take_step(struct queue *queue, void *arg, size_t i, const redisReply *reply)
{
	const struct apply *apply = arg;
	const struct queue_op *op = &apply->ops[apply->steps[i].first];

	(void)queue;
	return op->kind != QUEUE_REPORT || take_report(op, reply);
}

enum err queue_apply(struct queue *queue, const struct queue_op *ops, size_t n, struct err_text *why)
{
	struct apply apply = { .ops = ops, .steps = mem_calloc(n ? 2 * n : 1, sizeof(*apply.steps)) };
	struct err_text own;
	enum err err;

	why = why ? why : &own;
	for (size_t first = 0, k; first < n; first += k) {
		k = neighbours(ops + first, n - first);
		for (int c = 0; c < 2 && kinds[ops[first].kind].make[c]; c++)
			apply.steps[apply.n++] = (struct step){ kinds[ops[first].kind].make[c], first, k };
	}
	err = queue__run(queue, &(struct queue_pipeline){ .make = make_step, .take = take_step, .arg = &apply }, apply.n, why);
	free(apply.steps);
	if (!err || redis_fd(queue->redis) < 0)
		return err;
	/* Some vendor's own trouble, e.g. a key of another type: it will not go away by itself, and the others were told. */
	if (queue__may_complain(queue))
		log_warn("Redis refuses some of what it was told: %s", why->text);
	return ERR_OK;
}
