#include "guard.h"

/* A sample below the maximum pulls it down by 1/DECAY of the distance or, where samples are few, by half of it for every
 * FORGET_US since the last one: of many workers each has few calls of a vendor, and would go by old delays for long. */
enum { DECAY = 64, FORGET_US = 1000000 };

void guard_init(struct guard *guard, int64_t max_ms)
{
	*guard = (struct guard){ .high_us = (int64_t)GUARD_START_MS * 2000 / 3 + 1 };
	guard_set_max(guard, max_ms);
}

void guard_set_max(struct guard *guard, int64_t max_ms)
{
	guard->max_ms = max_ms > GUARD_MAX_MS ? max_ms : GUARD_MAX_MS;
}

void guard_sample(struct guard *guard, int64_t now_mono_us, int64_t delay_us)
{
	int64_t over = guard->high_us - delay_us;
	int64_t passed_us = guard->sampled_mono_us ? now_mono_us - guard->sampled_mono_us : 0;
	int64_t fall = over / DECAY;

	if (passed_us > FORGET_US)
		passed_us = FORGET_US;
	if (over * passed_us / FORGET_US / 2 > fall)
		fall = over * passed_us / FORGET_US / 2;
	guard->high_us = over < 0 ? delay_us : guard->high_us - fall;
	guard->sampled_mono_us = now_mono_us;
}

/* Half as much again as the recent maximum: a delay that was seen will be passed by a little. */
int guard_ms(const struct guard *guard)
{
	int64_t ms = guard->high_us * 3 / 2000;

	if (ms < GUARD_MIN_MS)
		return GUARD_MIN_MS;
	return (int)(ms < guard->max_ms ? ms : guard->max_ms);
}
