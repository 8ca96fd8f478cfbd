/* The functions of lib/queue_breaker.lua, called in a real Redis with a clock of the test's own. */
#ifndef VF_TEST_BREAKER_BENCH_H
#define VF_TEST_BREAKER_BENCH_H

#include "breaker.h"
#include "private_redis.h"

#include <hiredis/hiredis.h>

extern const struct breaker_rules BENCH_RULES;

enum { HALF = 500, EVERYTHING = -1 };   /* per mille of jitter; room without a bound */

/* What the breaker looks like after a call. */
struct view {
	char state[16], changed[16], reason[80];
	int room, leased, opens;
	long long wait_ms, since;
};

struct bench {
	redisContext *redis;
	char sha[41];
	struct breaker_rules rules;
	long long now;
	int random;            /* per mille */
	struct view view;      /* after the last call */
};

/* A closed breaker with BENCH_RULES; flushes the server. Ends the test if anything fails, like the rest. */
struct bench *bench_new(struct private_redis *server);
void bench_free(struct bench *bench);

/* Calls a function by the name of its event, with its arguments in one text with blanks:
 *   look | count <since|now> <successes> <failures> <connect_row> <connected> | lease <probe> <end>
 *   | probed <probe> <verdict> */
const struct view *bench_run(struct bench *bench, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const struct view *bench_look(struct bench *bench);

#endif
