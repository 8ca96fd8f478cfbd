/* A baseline: how fast Redis takes entries into a stream from one connection that pipelines them.
 *
 *   xadd_rate PORT SECONDS       prints one line of JSON, see rate.h
 *
 * Pipelines of 64 XADDs of a request id to one stream of its own on 127.0.0.1, removed at the end.
 */
#include "clock.h"
#include "rate.h"
#include "uuid.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdio.h>

enum { PIPELINE = 64, PORT_MAX = 65535, SECONDS_MAX = 3600 };

#define STREAM "bench-xadd"

/* False: Redis is gone, or refused one of them. */
static bool add_some(redisContext *redis)
{
	bool well = true;

	for (int i = 0; i < PIPELINE; i++) {
		char id[UUID_TEXT_SIZE];

		uuid_new(clock_now_ms(), id);
		redisAppendCommand(redis, "XADD " STREAM " * id %s", id);
	}
	for (int i = 0; i < PIPELINE; i++) {
		redisReply *reply = NULL;

		if (redisGetReply(redis, (void **)&reply) != REDIS_OK)
			return false;
		well = well && reply->type == REDIS_REPLY_STRING;
		freeReplyObject(reply);
	}
	return well;
}

int main(int argc, char **argv)
{
	int port = argc == 3 ? rate_argument(argv[1], PORT_MAX) : 0;
	int seconds = argc == 3 ? rate_argument(argv[2], SECONDS_MAX) : 0;
	redisContext *redis;
	struct rate rate;
	bool well = true;

	if (!port || !seconds) {
		fprintf(stderr, "usage: xadd_rate PORT SECONDS\n");
		return 2;
	}
	redis = redisConnect("127.0.0.1", port);
	if (!redis || redis->err) {
		fprintf(stderr, "xadd_rate: %s\n", redis ? redis->errstr : "no connection");
		redisFree(redis);
		return 1;
	}
	rate_init(&rate, seconds);
	while (rate_begin(&rate) && (well = add_some(redis)))
		rate_end(&rate);
	if (well)
		rate_print(&rate, PIPELINE);
	else
		fprintf(stderr, "xadd_rate: Redis refuses: %s\n", redis->errstr);
	rate_deinit(&rate);
	freeReplyObject(redisCommand(redis, "DEL " STREAM));
	redisFree(redis);
	return well ? 0 : 1;
}
