/* What repair asks of the queue: how far it was delivered, what is in the delayed set, and the return of what
 * was taken and forgotten. */
#include "queue.h"
#include "queue_priv.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { PAGE = 100, PAGES_MAX = 100 };

struct delivered {
	const char *vendor;
	int64_t at;
};

static void make_delivered(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	(void)i;
	queue__script(command, QUEUE_SCRIPT_DELIVERED, 1);
	queue__arg_key(command, queue, "job-queue", ((struct delivered *)arg)->vendor);
}

static bool take_delivered(struct queue *queue, void *arg, size_t i, const redisReply *reply)
{
	(void)queue, (void)i;
	((struct delivered *)arg)->at = reply->integer;
	return reply->type == REDIS_REPLY_INTEGER;
}

enum err queue_delivered_until(struct queue *queue, const char *vendor, int64_t *at, struct err_text *why)
{
	struct delivered delivered = { .vendor = vendor };
	struct queue_pipeline pipeline = { .make = make_delivered, .take = take_delivered, .arg = &delivered };
	enum err err = queue__run(queue, &pipeline, 1, why);

	*at = delivered.at;
	return err;
}

struct reclaim {
	const char *vendor, *consumer;
	int64_t min_idle_ms;
	char cursor[QUEUE_ENTRY_ID_SIZE];
	int n;
};

static void make_reclaim(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	const struct reclaim *reclaim = arg;

	(void)i;
	queue__script(command, QUEUE_SCRIPT_RECLAIM, 2);
	queue__arg_key(command, queue, "job-queue", reclaim->vendor);
	queue__arg_key(command, queue, "in_flight", reclaim->vendor);
	queue__arg(command, reclaim->consumer);
	queue__arg_number(command, reclaim->min_idle_ms);
	queue__arg(command, reclaim->cursor);
	queue__arg_number(command, PAGE);
}

static bool take_reclaim(struct queue *queue, void *arg, size_t i, const redisReply *reply)
{
	struct reclaim *reclaim = arg;
	int64_t n;

	(void)queue, (void)i;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !reply->element[0]->str)
		return false;
	n = queue__integer(reply->element[1]);
	if (n < 0 || n > INT_MAX / PAGES_MAX)
		return false;
	snprintf(reclaim->cursor, sizeof(reclaim->cursor), "%s", reply->element[0]->str);
	reclaim->n += (int)n;
	return true;
}

static void make_wake(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	(void)i;
	queue__arg(command, "PUBLISH");
	queue__arg(command, queue->wake_channel);
	queue__arg(command, arg);
}

/* A page a script, so that other clients of Redis never wait long. */
enum err queue_reclaim(struct queue *queue, const char *vendor, const char *consumer, int64_t min_idle_ms, int *n,
                       struct err_text *why)
{
	struct reclaim reclaim = { .vendor = vendor, .consumer = consumer, .min_idle_ms = min_idle_ms, .cursor = "0-0" };
	struct queue_pipeline pipeline = { .make = make_reclaim, .take = take_reclaim, .arg = &reclaim };
	enum err err = ERR_OK;

	for (int page = 0; !err && page < PAGES_MAX && (page == 0 || strcmp(reclaim.cursor, "0-0") != 0); page++)
		err = queue__run(queue, &pipeline, 1, why);
	*n = reclaim.n;
	if (!err && reclaim.n > 0)
		err = queue__run(queue, &(struct queue_pipeline){ .make = make_wake, .arg = (void *)vendor }, 1, why);
	return err;
}

struct delayed {
	const struct queue_entry *entries;
	bool *present;
};

static void make_is_delayed(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	const struct queue_entry *entry = &((struct delayed *)arg)->entries[i];

	queue__arg(command, "ZSCORE");
	queue__arg_key(command, queue, "job-delayed", entry->vendor);
	queue__arg(command, entry->request_id);
}

static bool take_is_delayed(struct queue *queue, void *arg, size_t i, const redisReply *reply)
{
	(void)queue;
	((struct delayed *)arg)->present[i] = reply->type == REDIS_REPLY_STRING;
	return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_NIL;
}

enum err queue_is_delayed(struct queue *queue, const struct queue_entry *entries, size_t n, bool *present,
                           struct err_text *why)
{
	struct delayed delayed = { .entries = entries, .present = present };
	struct queue_pipeline pipeline = { .make = make_is_delayed, .take = take_is_delayed, .arg = &delayed };

	return queue__run(queue, &pipeline, n, why);
}
