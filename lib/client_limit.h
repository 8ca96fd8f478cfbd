/* How many requests a client of the API may make: one bucket in Redis for all processes of all machines.
 *
 * Without Redis nobody is limited: the limit keeps one client from taking the others' share, and jobs are taken without
 * Redis, too. Thread-safe.
 */
#ifndef VF_CLIENT_LIMIT_H
#define VF_CLIENT_LIMIT_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct client_limit;

struct client_limit_answer {
	bool allowed;
	int64_t left;        /* requests that would be allowed now */
	int64_t full_ms;     /* until all would be */
	int64_t retry_ms;    /* when not allowed: until one is */
};

/* Does not connect yet. ERR_INVALID, ERR_UNSUPPORTED: the URL. */
enum err client_limit_new(const char *redis_url, const char *prefix, int timeout_ms, struct client_limit **limit,
                          struct err_text *why) __attribute__((warn_unused_result));
/* NULL is fine. */
void client_limit_free(struct client_limit *limit);

/* Takes one request of so many in any per_ms, at once or not. ERR_UNAVAILABLE: Redis is away, which costs the caller at
 * most 200 ms once a second. */
enum err client_limit_take(struct client_limit *limit, const char *client, int64_t requests, int64_t per_ms,
                           struct client_limit_answer *answer) __attribute__((warn_unused_result));

#endif
