#include "client_limit.h"

#include "clock.h"
#include "mem.h"
#include "queue_scripts.h"
#include "redis.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MAX_MS = 200, LEFT_ALONE_MS = 1000, NUMBER_SIZE = 24, ANSWERS = 4 };

static const int64_t ANSWER_MAX = INT64_C(1) << 62;   /* more is no answer of the script */

struct client_limit {
	char *prefix;
	pthread_mutex_t lock;      /* over what follows */
	struct redis *redis;
	int64_t not_before_ms;     /* mono; after a failure Redis is not asked for a while */
};

enum err client_limit_new(const char *redis_url, const char *prefix, int timeout_ms, struct client_limit **limit,
                          struct err_text *why)
{
	struct client_limit *l = mem_calloc(1, sizeof(*l));
	enum err err = redis_new(redis_url, timeout_ms < TIMEOUT_MAX_MS ? timeout_ms : TIMEOUT_MAX_MS, &l->redis, why);

	if (err) {
		free(l);
		return err;
	}
	l->prefix = mem_strdup(prefix);
	pthread_mutex_init(&l->lock, NULL);
	*limit = l;
	return ERR_OK;
}

void client_limit_free(struct client_limit *limit)
{
	if (!limit)
		return;
	redis_free(limit->redis);
	pthread_mutex_destroy(&limit->lock);
	free(limit->prefix);
	free(limit);
}

static bool read_answer(const redisReply *reply, struct client_limit_answer *answer)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != ANSWERS)
		return false;
	for (size_t i = 0; i < ANSWERS; i++)
		if (reply->element[i]->type != REDIS_REPLY_INTEGER || reply->element[i]->integer < -ANSWER_MAX ||
		    reply->element[i]->integer > ANSWER_MAX)
			return false;
	*answer = (struct client_limit_answer){
		.allowed = reply->element[0]->integer == 1,
		.left = reply->element[1]->integer,
		.full_ms = (reply->element[2]->integer + 999) / 1000,
		.retry_ms = (reply->element[3]->integer + 999) / 1000,
	};
	return true;
}

static bool ask(struct client_limit *limit, const char **argv, int argc, struct client_limit_answer *answer)
{
	size_t lens[8];
	redisReply *reply = NULL;
	bool read;

	for (int i = 0; i < argc; i++)
		lens[i] = strlen(argv[i]);
	read = redis_ready(limit->redis, NULL) == ERR_OK &&
	       redis_command(limit->redis, argc, argv, lens, &reply, NULL) == ERR_OK && read_answer(reply, answer);
	if (reply)
		freeReplyObject(reply);
	return read;
}

enum err client_limit_take(struct client_limit *limit, const char *client, int64_t requests, int64_t per_ms,
                           struct client_limit_answer *answer)
{
	char *key = mem_printf("%sclient_limit:{%s}", limit->prefix, client);
	char requests_text[NUMBER_SIZE], per_text[NUMBER_SIZE];
	const char *argv[] = { "EVAL", client_limit_lua, "1", key, requests_text, per_text };
	bool asked = false;

	snprintf(requests_text, sizeof(requests_text), "%" PRId64, requests);
	snprintf(per_text, sizeof(per_text), "%" PRId64, per_ms);
	pthread_mutex_lock(&limit->lock);
	if (clock_mono_ms() >= limit->not_before_ms) {
		asked = ask(limit, argv, sizeof(argv) / sizeof(argv[0]), answer);
		if (!asked)
			limit->not_before_ms = clock_mono_ms() + LEFT_ALONE_MS;
	}
	pthread_mutex_unlock(&limit->lock);
	free(key);
	return asked ? ERR_OK : ERR_UNAVAILABLE;
}
