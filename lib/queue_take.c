/* Taking: one run of queue_take.lua a vendor, all of them in one pipeline. */
#include "clock.h"
#include "log.h"
#include "queue.h"
#include "queue_priv.h"

#include <string.h>

enum { HEAD = 6 };   /* elements of the script's answer before the grants */

struct takes {
	const char *consumer;
	struct queue_take *takes;
};

static int64_t wanted(const struct queue_take *take)
{
	if (take->want < 0)
		return 0;
	return take->want < QUEUE_BATCH_MAX ? take->want : QUEUE_BATCH_MAX;
}

static void arg_left(struct queue_command *command, const struct queue_take *take)
{
	queue__arg_number(command, take->n_left);
	for (int i = 0; i < take->n_left; i++) {
		queue__arg_number(command, take->left[i].granted_us);
		queue__arg_number(command, take->left[i].n);
		queue__arg_number(command, take->left[i].left_us);
	}
}

static void make_take(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	const struct takes *all = arg;
	const struct queue_take *take = &all->takes[i];
	const char *name = take->vendor->name;
	bool grouped = take->vendor->group != NULL;

	queue__script(command, QUEUE_SCRIPT_TAKE, grouped ? 6 : 5);
	queue__arg_key(command, queue, "job-queue", name);
	queue__arg_key(command, queue, "job-delayed", name);
	queue__arg_key(command, queue, "rate_limit", vendor_account(take->vendor));
	queue__arg_key(command, queue, "in_flight", name);
	queue__arg_key(command, queue, "breaker", name);
	if (grouped)
		queue__arg_key(command, queue, "rate_limit", name);
	queue__arg(command, all->consumer);
	queue__arg_number(command, wanted(take));
	queue__arg_number(command, take->guard_ms);
	queue__arg_number(command, take->lease_ms);
	queue__arg_number(command, take->vendor->max_in_flight);
	queue__arg(command, redis_run_id(queue->redis));
	queue__arg_breaker(command, &take->vendor->breaker);
	queue__arg_limits(command, take->vendor, take->guard_ms);
	arg_left(command, take);
	queue__arg_group(command, take->vendor);
}

bool queue__read_grant(struct queue_grant *grant, const redisReply *entry_id, const redisReply *request_id)
{
	if (!entry_id->str || entry_id->len >= sizeof(grant->entry_id))
		return false;
	if (!request_id->str || !uuid_is_valid(request_id->str))
		return false;
	memcpy(grant->entry_id, entry_id->str, entry_id->len + 1);
	memcpy(grant->request_id, request_id->str, sizeof(grant->request_id));
	return true;
}

static void log_malformed(const char *vendor, const redisReply *ids)
{
	for (size_t i = 0; ids->type == REDIS_REPLY_ARRAY && i < ids->elements; i++)
		log_warn("queue entry is not a job, removed vendor=%s entry=%s", vendor, ids->element[i]->str);
}

static bool take_breaker(struct queue_take *take, const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || !reply->element[2]->str)
		return false;
	take->breaker_since = queue__integer(reply->element[0]);
	take->probes = queue__integer(reply->element[1]) == 1;
	if (reply->element[2]->str[0])
		log_info("breaker %s vendor=%s", reply->element[2]->str, take->vendor->name);
	return true;
}

static bool take_waits(struct queue_take *take, const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
		return false;
	take->open_ms = queue__integer(reply->element[0]);
	take->limited_ms = queue__integer(reply->element[1]);
	take->quota_wait_ms = queue__integer(reply->element[2]);
	return true;
}

static bool take_answer(struct queue *queue, void *arg, size_t i, const redisReply *reply)
{
	struct queue_take *take = &((struct takes *)arg)->takes[i];
	size_t n = reply->elements;

	(void)queue;
	if (reply->type != REDIS_REPLY_ARRAY || n < 1 || !reply->element[0]->str)
		return false;
	if (strcmp(reply->element[0]->str, "stale") == 0) {
		take->outcome = ERR_STALE;
		return true;
	}
	if (n < HEAD || n % 2 != HEAD % 2 || (n - HEAD) / 2 > (size_t)wanted(take))
		return false;
	for (size_t k = HEAD; k < n; k += 2)
		if (!queue__read_grant(&take->grants[(k - HEAD) / 2], reply->element[k], reply->element[k + 1]))
			return false;
	if (!take_breaker(take, reply->element[4]) || !take_waits(take, reply->element[5]))
		return false;
	take->wait_ms = queue__integer(reply->element[1]);
	take->granted_us = queue__integer(reply->element[2]);
	take->n = (int)((n - HEAD) / 2);
	take->outcome = ERR_OK;
	log_malformed(take->vendor->name, reply->element[3]);
	return true;
}

/* Names the first vendor in trouble: the text is its. */
static void complain(struct queue *queue, const struct queue_take *takes, size_t n, const char *text)
{
	if (!queue__may_complain(queue))
		return;
	for (size_t i = 0; i < n; i++)
		if (takes[i].outcome == ERR_UNAVAILABLE) {
			log_warn("cannot take from a vendor's queue vendor=%s: %s", takes[i].vendor->name, text);
			return;
		}
}

enum err queue_take(struct queue *queue, const char *consumer, struct queue_take *takes, size_t n,
                    struct err_text *why)
{
	struct takes all = { .consumer = consumer, .takes = takes };
	struct queue_pipeline pipeline = { .make = make_take, .take = take_answer, .arg = &all };
	struct err_text own;
	enum err err;

	why = why ? why : &own;
	for (size_t i = 0; i < n; i++) {
		takes[i].n = 0;
		takes[i].wait_ms = -1;
		takes[i].granted_us = takes[i].open_ms = takes[i].limited_ms = 0;
		takes[i].quota_wait_ms = 0;
		takes[i].probes = false;
		takes[i].outcome = ERR_UNAVAILABLE;
	}
	/* Connecting first: it may take long, and the guards count from here on. */
	if ((err = redis_ready(queue->redis, why)))
		return err;
	for (size_t i = 0; i < n; i++)
		takes[i].asked_mono_ms = clock_mono_ms();
	err = queue__run(queue, &pipeline, n, why);
	if (!err || redis_fd(queue->redis) < 0)
		return err;
	/* Some vendor's own trouble, e.g. a key of another type: the others have what they asked for. */
	complain(queue, takes, n, why->text);
	return ERR_OK;
}

/* ---- Without grants ---- */

struct ungranted {
	const char *consumer, *vendor;
	struct queue_grant *entries;
	int want, n;
};

static void make_read(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	const struct ungranted *read = arg;

	(void)i;
	queue__arg(command, "XREADGROUP");
	queue__arg(command, "GROUP");
	queue__arg(command, "workers");
	queue__arg(command, read->consumer);
	queue__arg(command, "COUNT");
	queue__arg_number(command, read->want);
	queue__arg(command, "STREAMS");
	queue__arg_key(command, queue, "job-queue", read->vendor);
	queue__arg(command, ">");
}

/* What is no job stays taken: it comes back by queue_reclaim(), and the next take removes it. */
static void take_entry(struct ungranted *read, const redisReply *entry)
{
	const redisReply *fields = entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 ? entry->element[1] : NULL;

	if (fields && fields->type == REDIS_REPLY_ARRAY && fields->elements == 2 && fields->element[0]->str &&
	    strcmp(fields->element[0]->str, "id") == 0 &&
	    queue__read_grant(&read->entries[read->n], entry->element[0], fields->element[1]))
		read->n++;
}

/* [[stream, [[entry id, [name, value]], ...]]], or nil. */
static bool take_read(struct queue *queue, void *arg, size_t i, const redisReply *reply)
{
	struct ungranted *read = arg;
	const redisReply *entries;

	(void)queue, (void)i;
	if (reply->type == REDIS_REPLY_NIL)
		return true;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1 || reply->element[0]->type != REDIS_REPLY_ARRAY ||
	    reply->element[0]->elements != 2 || reply->element[0]->element[1]->type != REDIS_REPLY_ARRAY)
		return false;
	entries = reply->element[0]->element[1];
	for (size_t k = 0; k < entries->elements && read->n < read->want; k++)
		take_entry(read, entries->element[k]);
	return true;
}

enum err queue_read_waiting(struct queue *queue, const char *vendor, const char *consumer, struct queue_grant *entries,
                            int want, int *n, struct err_text *why)
{
	struct ungranted read = { .consumer = consumer, .vendor = vendor, .entries = entries, .want = want };
	enum err err = queue__run(queue, &(struct queue_pipeline){ .make = make_read, .take = take_read, .arg = &read }, 1, why);

	*n = read.n;
	return err;
}
