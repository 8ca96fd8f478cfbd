#include "lane.h"

#include "clock.h"
#include "log.h"

void lane_hold(struct lane *lane, int64_t hold_ms)
{
	int64_t now = clock_mono_us(), until = now + hold_ms * 1000, before = atomic_load(&lane->hold_until_mono_us);

	if (before <= now)
		log_info("the vendor asked to be left alone vendor=%s hold_ms=%lld", lane->vendor->name, (long long)hold_ms);
	while (before < until && !atomic_compare_exchange_weak(&lane->hold_until_mono_us, &before, until))
		;
}
