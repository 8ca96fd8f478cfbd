/* The queue's life, enqueueing, and who is working. Taking is in queue_take.c, what follows in queue_apply.c,
 * repair in queue_repair.c. */
#include "queue.h"

#include "mem.h"
#include "queue_priv.h"

#include <stdlib.h>
#include <string.h>

enum { WORKER_FORGOTTEN_MS = 3600 * 1000, GLANCE_PAGE = 100 };

enum err queue_new(const char *redis_url, const char *prefix, int timeout_ms, struct queue **queue,
                   struct err_text *why)
{
	struct queue *made;
	struct redis *redis;
	enum err err;

	if (strlen(prefix) > QUEUE_PREFIX_MAX)
		return err_set(why, ERR_INVALID, "the prefix of Redis keys is longer than %d bytes", QUEUE_PREFIX_MAX);
	if ((err = redis_new(redis_url, timeout_ms, &redis, why)))
		return err;
	made = mem_calloc(1, sizeof(*made));
	made->redis = redis;
	made->prefix = mem_strdup(prefix);
	made->wake_channel = mem_printf("%svendorfetch:wake", prefix);
	*queue = made;
	return ERR_OK;
}

void queue_free(struct queue *queue)
{
	if (!queue)
		return;
	redis_free(queue->redis);
	free(queue->prefix);
	free(queue->wake_channel);
	free(queue);
}

enum err queue_learn_time(const char *redis_url, int timeout_ms, struct err_text *why)
{
	struct redis *redis;
	enum err err = redis_new(redis_url, timeout_ms, &redis, why);

	if (err == ERR_OK) {
		err = redis_ready(redis, why);
		redis_free(redis);
	}
	return err;
}

/* ---- Single commands ---- */

static void make_ping(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	(void)queue, (void)arg, (void)i;
	queue__arg(command, "PING");
}

enum err queue_ping(struct queue *queue, struct err_text *why)
{
	return queue__run(queue, &(struct queue_pipeline){ .make = make_ping }, 1, why);
}

static void make_heartbeat(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	(void)i;
	queue__script(command, QUEUE_SCRIPT_HEARTBEAT, 1);
	queue__arg_name(command, queue, "workers");
	queue__arg(command, arg);
	queue__arg_number(command, WORKER_FORGOTTEN_MS);
}

enum err queue_heartbeat(struct queue *queue, const char *worker, struct err_text *why)
{
	struct queue_pipeline pipeline = { .make = make_heartbeat, .arg = (void *)worker };
	enum err err = queue__run(queue, &pipeline, 1, why);

	return err ? err : redis_learn_time(queue->redis, why);
}

static void make_sign_off(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	(void)i;
	queue__arg(command, "HDEL");
	queue__arg_name(command, queue, "workers");
	queue__arg(command, arg);
}

enum err queue_sign_off(struct queue *queue, const char *worker, struct err_text *why)
{
	return queue__run(queue, &(struct queue_pipeline){ .make = make_sign_off, .arg = (void *)worker }, 1, why);
}

struct workers {
	int64_t max_age_ms, now;
	int n;
};

static void make_workers(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	(void)arg;
	queue__arg(command, i == 0 ? "TIME" : "HVALS");
	if (i == 1)
		queue__arg_name(command, queue, "workers");
}

static bool take_workers(struct queue *queue, void *arg, size_t i, const redisReply *reply)
{
	struct workers *workers = arg;

	(void)queue;
	if (reply->type != REDIS_REPLY_ARRAY || (i == 0 && reply->elements != 2))
		return false;
	if (i == 0)
		workers->now = queue__integer(reply->element[0]) * 1000 + queue__integer(reply->element[1]) / 1000;
	for (size_t k = 0; i == 1 && k < reply->elements; k++)
		workers->n += workers->now - queue__integer(reply->element[k]) <= workers->max_age_ms;
	return true;
}

enum err queue_workers(struct queue *queue, int64_t max_age_ms, int *n, struct err_text *why)
{
	struct workers workers = { .max_age_ms = max_age_ms };
	struct queue_pipeline pipeline = { .make = make_workers, .take = take_workers, .arg = &workers };
	enum err err = queue__run(queue, &pipeline, 2, why);

	*n = err ? 0 : workers.n;
	return err;
}

struct depth {
	const char *vendor;
	int64_t counts[2];
};

static void make_depth(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	queue__arg(command, i == 0 ? "XLEN" : "ZCARD");
	queue__arg_key(command, queue, i == 0 ? "job-queue" : "job-delayed", ((struct depth *)arg)->vendor);
}

static bool take_depth(struct queue *queue, void *arg, size_t i, const redisReply *reply)
{
	(void)queue;
	((struct depth *)arg)->counts[i] = reply->integer;
	return reply->type == REDIS_REPLY_INTEGER;
}

enum err queue_depth(struct queue *queue, const char *vendor, int64_t *waiting, int64_t *delayed,
                     struct err_text *why)
{
	struct depth depth = { .vendor = vendor };
	struct queue_pipeline pipeline = { .make = make_depth, .take = take_depth, .arg = &depth };
	enum err err = queue__run(queue, &pipeline, 2, why);

	*waiting = depth.counts[0];
	*delayed = depth.counts[1];
	return err;
}

/* ---- Many vendors at a glance ---- */

struct look {
	enum queue_glance_kind kind;
	struct queue_glance *glances;
	size_t n;
};

static size_t page_end(const struct look *look, size_t page)
{
	size_t end = (page + 1) * GLANCE_PAGE;

	return end < look->n ? end : look->n;
}

static void make_glance(struct queue *queue, void *arg, size_t page, struct queue_command *command)
{
	const struct look *look = arg;

	queue__script(command, QUEUE_SCRIPT_GLANCE, 0);
	queue__arg(command, queue->prefix);
	queue__arg(command, look->kind == QUEUE_GLANCE_WAITING ? "waiting" : "taken");
	for (size_t i = page * GLANCE_PAGE; i < page_end(look, page); i++)
		queue__arg(command, look->glances[i].vendor);
}

static bool take_glance(struct queue *queue, void *arg, size_t page, const redisReply *reply)
{
	struct look *look = arg;
	size_t first = page * GLANCE_PAGE;

	(void)queue;
	if (reply->type != REDIS_REPLY_STRING || reply->len != page_end(look, page) - first)
		return false;
	for (size_t i = 0; i < reply->len; i++)
		look->glances[first + i].any = reply->str[i] == '1';
	return true;
}

enum err queue_glance(struct queue *queue, enum queue_glance_kind kind, struct queue_glance *glances, size_t n,
                      struct err_text *why)
{
	struct look look = { .kind = kind, .glances = glances, .n = n };
	struct queue_pipeline pipeline = { .make = make_glance, .take = take_glance, .arg = &look };

	return queue__run(queue, &pipeline, (n + GLANCE_PAGE - 1) / GLANCE_PAGE, why);
}

/* ---- Enqueue ---- */

/* A push is n commands XADD and one PUBLISH for each vendor, named by its first entry. */
struct push {
	const struct queue_entry *entries;
	size_t n;
	size_t *wake;
	size_t n_wake;
};

static void make_push(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	const struct push *push = arg;

	if (i >= push->n) {
		queue__arg(command, "PUBLISH");
		queue__arg(command, queue->wake_channel);
		queue__arg(command, push->entries[push->wake[i - push->n]].vendor);
		return;
	}
	queue__arg(command, "XADD");
	queue__arg_key(command, queue, "job-queue", push->entries[i].vendor);
	queue__arg(command, "*");
	queue__arg(command, "id");
	queue__arg(command, push->entries[i].request_id);
}

static bool is_new_vendor(const struct push *push, const char *vendor)
{
	for (size_t k = push->n_wake; k > 0; k--) {
		const char *known = push->entries[push->wake[k - 1]].vendor;

		if (known == vendor || strcmp(known, vendor) == 0)
			return false;
	}
	return true;
}

enum err queue_push(struct queue *queue, const struct queue_entry *entries, size_t n, struct err_text *why)
{
	struct push push = { .entries = entries, .n = n, .wake = mem_calloc(n ? n : 1, sizeof(*push.wake)) };
	struct queue_pipeline pipeline = { .make = make_push, .arg = &push };
	enum err err;

	for (size_t i = 0; i < n; i++)
		if (is_new_vendor(&push, entries[i].vendor))
			push.wake[push.n_wake++] = i;
	err = queue__run(queue, &pipeline, n + push.n_wake, why);
	free(push.wake);
	return err;
}
