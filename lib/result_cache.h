/* Finished answers, ready to send: only they are cached, for they never change.
 *
 * Two layers: a small one in this process (least recently used goes), then `job:<request_id>` in Redis (SET EX
 * 3600, up to RESULT_CACHE_BYTES_MAX a piece). Redis away: this process's layer alone, without waiting for Redis
 * again for a second. Thread-safe: Redis connections come from a small pool inside.
 */
#ifndef VF_RESULT_CACHE_H
#define VF_RESULT_CACHE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum { RESULT_CACHE_BYTES_MAX = 64 << 10 };

struct result_cache;

/* local_bytes: most memory for the layer in this process. timeout_ms bounds a wait for Redis; however long it is, no
 * reader waits longer than 150 ms, and not again for a second. */
enum err result_cache_new(const char *redis_url, const char *prefix, int timeout_ms, size_t local_bytes,
                          struct result_cache **cache, struct err_text *why) __attribute__((warn_unused_result));
void result_cache_free(struct result_cache *cache);

/* A copy of the answer (caller owns it) and its length, or NULL. */
char *result_cache_get(struct result_cache *cache, const char *request_id, size_t *len);
/* The store says that there is no answer yet: the next result_cache_get() of it need not ask Redis. */
void result_cache_note_unfinished(struct result_cache *cache, const char *request_id);
/* True: that was noted, and is no more; another process may have put the answer into Redis since. */
bool result_cache_forget_unfinished(struct result_cache *cache, const char *request_id);
/* Puts it into both layers; failures are silent but for a counter: the store has it. */
void result_cache_put(struct result_cache *cache, const char *request_id, const char *answer, size_t len);

#endif
