/* Tells the queue in Redis about stored jobs, beside the requests: no answer to a client waits for Redis.
 *
 * Keeps (bounded) what could not be pushed yet and tries again. What does not fit, or is left when the
 * process ends, is lost here and found again by the workers' repair: the store has the job. Thread-safe.
 */
#ifndef VF_QUEUE_PUSHER_H
#define VF_QUEUE_PUSHER_H

#include "err.h"

#include <stddef.h>

enum { QUEUE_PUSHER_MAX = 100000 };

struct queue_pusher;

/* Starts its thread, with a Redis connection of its own. ERR_INVALID, ERR_UNSUPPORTED: the URL. */
enum err queue_pusher_new(const char *redis_url, const char *prefix, int timeout_ms, struct queue_pusher **pusher,
                          struct err_text *why) __attribute__((warn_unused_result));
/* Goes on pushing what is left for at most drain_ms (and the one push that runs then), then ends the
 * thread. NULL is fine. */
void queue_pusher_free(struct queue_pusher *pusher, int drain_ms);

/* Copies both. Never blocks. */
void queue_pusher_put(struct queue_pusher *pusher, const char *vendor, const char *request_id);

/* How many wait to be pushed. */
size_t queue_pusher_waiting(struct queue_pusher *pusher);

#endif
