/* When a vendor's circuit breaker opens, and how it closes again: one vendor's rules, as its file states them.
 *
 * The breaker itself lives in Redis, where all workers share it: lib/queue_breaker.lua has its arithmetic.
 */
#ifndef VF_BREAKER_H
#define VF_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

struct breaker_rules {
	double failure_ratio;   /* of the calls in the window, at which it opens; 0 = the ratio never opens it */
	int min_calls;          /* so many must be in the window for that; >= 1 */
	int64_t window_ms;
	int64_t open_ms;        /* how long it stays open at first, before jitter */
	int probes;             /* calls at a time while it is half-open, and successes that close it; >= 1 */
	int connect_failures;   /* so many connections in a row that cannot be opened open it, too; 0 = never */
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

/* False: it never opens. */
static inline bool breaker_is_on(const struct breaker_rules *rules)
{
	return rules->failure_ratio > 0 || rules->connect_failures > 0;
}

#endif
