/* What /health knows about Redis, the workers and the vendors: asked at most twice a second, whoever asks how often.
 * Thread-safe. */
#ifndef VF_HEALTH_H
#define VF_HEALTH_H

#include "err.h"
#include "queue.h"
#include "vendors.h"

#include <stdbool.h>

enum { HEALTH_HELD_MAX = 32 };

struct health;

struct health_facts {
	bool redis_there;
	int workers_alive;   /* gave a heartbeat lately; -1: unknown, for Redis is away */
	int n_held;          /* vendors that get no calls now, or only probes: breaker not closed, on hold, a quota used up, out of
	                        hours, or no access token */
	struct health_held {
		char vendor[VENDOR_NAME_MAX + 1];
		struct queue_state state;   /* without its vendor */
		int64_t opens_at;           /* when its hours begin; 0: they are on */
	} held[HEALTH_HELD_MAX]; /* the first of them */
};

/* Borrows vendors. ERR_INVALID, ERR_UNSUPPORTED: the URL. */
enum err health_new(const char *redis_url, const char *prefix, int timeout_ms, struct vendors *vendors,
                    struct health **health, struct err_text *why)
	__attribute__((warn_unused_result));
/* NULL is fine. */
void health_free(struct health *health);

/* The facts, at most 500 ms old unless Redis is slow: one caller asks it, the others get the last known
 * facts meanwhile. */
void health_ask(struct health *health, struct health_facts *facts);

#endif
