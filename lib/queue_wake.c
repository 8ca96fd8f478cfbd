/* The wake-up subscription. Messages may be lost (Redis away): whoever sleeps on it also looks by itself now
 * and then. */
#include "log.h"
#include "mem.h"
#include "queue.h"
#include "redis.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct queue_wake {
	struct redis *redis;
	char *channel;
	bool subscribed;   /* on the current connection */
};

enum err queue_wake_new(const char *redis_url, const char *prefix, int timeout_ms, struct queue_wake **wake,
                        struct err_text *why)
{
	struct queue_wake *made;
	struct redis *redis;
	enum err err = redis_new(redis_url, timeout_ms, &redis, why);

	if (err)
		return err;
	made = mem_calloc(1, sizeof(*made));
	made->redis = redis;
	made->channel = mem_printf("%svendorfetch:wake", prefix);
	*wake = made;
	return ERR_OK;
}

void queue_wake_free(struct queue_wake *wake)
{
	if (!wake)
		return;
	redis_free(wake->redis);
	free(wake->channel);
	free(wake);
}

static bool subscribe(struct queue_wake *wake, struct err_text *why)
{
	const char *argv[2] = { "SUBSCRIBE", wake->channel };
	redisReply *reply;
	bool ok;

	if (redis_command(wake->redis, 2, argv, NULL, &reply, why))
		return false;
	ok = reply->type == REDIS_REPLY_ARRAY;
	if (!ok) {
		err_set(why, ERR_UNAVAILABLE, "redis: SUBSCRIBE: %s", reply->str ? reply->str : "no answer that makes sense");
		redis_drop(wake->redis);
	}
	freeReplyObject(reply);
	return ok;
}

int queue_wake_fd(struct queue_wake *wake)
{
	struct err_text why;

	if (redis_fd(wake->redis) >= 0 && wake->subscribed)
		return redis_fd(wake->redis);
	wake->subscribed = false;
	if (redis_ready(wake->redis, &why) || !subscribe(wake, &why)) {
		log_debug("no wake-ups: %s", why.text);
		return -1;
	}
	wake->subscribed = true;
	return redis_fd(wake->redis);
}

void queue_wake_read(struct queue_wake *wake, queue_wake_fn on_wake, void *arg)
{
	struct err_text why;
	redisReply *reply;

	if (!wake->subscribed)
		return;
	while (!redis_poll(wake->redis, &reply, &why) && reply) {
		if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 && reply->element[0]->str &&
		    strcmp(reply->element[0]->str, "message") == 0 && reply->element[2]->str)
			on_wake(reply->element[2]->str, arg);
		freeReplyObject(reply);
	}
	if (redis_fd(wake->redis) < 0) {
		log_warn("wake-ups lost: %s", why.text);
		wake->subscribed = false;
	}
}
