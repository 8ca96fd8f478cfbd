/* How long a grant is good for: long enough for this worker to get the call out, no longer.
 *
 * The limiter counts a granted call until its window plus this guard is over (lib/queue.h), so a wide guard
 * wastes some of the limit, and a narrow one sends calls back unsent. It follows the delays that this worker
 * measures between asking for a grant and the moment just before the request is written. Pure; one thread at
 * a time.
 */
#ifndef VF_GUARD_H
#define VF_GUARD_H

#include <stdint.h>

enum { GUARD_MIN_MS = 10, GUARD_START_MS = 50, GUARD_MAX_MS = 500 };

struct guard {
	int64_t high_us;           /* a maximum of the measured delays that decays with samples and with time */
	int64_t sampled_mono_us;   /* the last sample; 0: none yet */
	int64_t max_ms;
};

/* max_ms: the longest guard; a vendor that is slow to connect to needs more than GUARD_MAX_MS. */
void guard_init(struct guard *guard, int64_t max_ms);
/* What it is for a vendor's connect timeout. */
static inline int64_t guard_longest_ms(int64_t connect_timeout_ms) { return GUARD_MAX_MS + connect_timeout_ms; }
/* Another longest guard from now on. */
void guard_set_max(struct guard *guard, int64_t max_ms);
/* Now a call left (or was refused), this long after its grant was asked for. */
void guard_sample(struct guard *guard, int64_t now_mono_us, int64_t delay_us);
/* The guard for the next grant, in ms. */
int guard_ms(const struct guard *guard);

#endif
