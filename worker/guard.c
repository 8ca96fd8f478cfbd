#include "guard.h"

/* A sample below the maximum pulls it down by 1/DECAY of the distance. */
enum { DECAY = 64 };

void guard_init(struct guard *guard, int64_t max_ms)
{
	guard->high_us = (int64_t)GUARD_START_MS * 2000 / 3 + 1;
	guard->max_ms = max_ms > GUARD_MAX_MS ? max_ms : GUARD_MAX_MS;
}

void guard_sample(struct guard *guard, int64_t delay_us)
{
	if (delay_us > guard->high_us)
		guard->high_us = delay_us;
	else
		guard->high_us -= (guard->high_us - delay_us) / DECAY;
}

/* Half as much again as the recent maximum: a delay that was seen will be passed by a little. */
int guard_ms(const struct guard *guard)
{
	int64_t ms = guard->high_us * 3 / 2000;

	if (ms < GUARD_MIN_MS)
		return GUARD_MIN_MS;
	return (int)(ms < guard->max_ms ? ms : guard->max_ms);
}
