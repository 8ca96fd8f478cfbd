/* What a quota is: a window so long (a day, a month) that its count must outlive Redis (invariant I3).
 *
 * Redis counts every window; of a quota the store counts, too. There a slot says: so many calls may have left until
 * this moment, none of them later. What is written is never too few calls and never too early (worker/quota_count.h), so
 * that the slots alone are enough to go on from when Redis has lost its count. Token buckets are no quotas, however
 * slow: one that starts used up gives its next call after per_ms / calls.
 */
#ifndef VF_QUOTA_H
#define VF_QUOTA_H

#include "vendor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	QUOTA_OVER_MS = 60000,      /* LONG_WINDOW_MS in queue_limiter.lua */
	QUOTA_SLOTS = 250,          /* a window has about so many slots: few rows, and little is counted too long */
	QUOTA_SLOT_MIN_MS = 1000,
	/* A slot is kept so much longer than it counts: the clock of the server that removes it may be ahead. */
	QUOTA_KEEP_MS = 600000,
};

struct quota_slot {
	const char *vendor;         /* vendor_account(), borrowed */
	int64_t per_ms;             /* the window */
	int64_t until;              /* no call of the slot leaves later */
	int64_t count;
};

static inline bool limit_is_quota(const struct vendor_limit *limit)
{
	return limit->burst == 0 && limit->per_ms > QUOTA_OVER_MS;
}

/* Is this limit counted in the store? Windows of the same length share one count: that of the first. */
static inline bool vendor_counts_limit(const struct vendor *vendor, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (limit_is_quota(&vendor->limits[k]) && vendor->limits[k].per_ms == vendor->limits[i].per_ms)
			return false;
	return limit_is_quota(&vendor->limits[i]);
}

static inline bool vendor_has_quota(const struct vendor *vendor)
{
	for (size_t i = 0; i < vendor->n_limits; i++)
		if (limit_is_quota(&vendor->limits[i]))
			return true;
	return false;
}

/* The `until` of the slot in which calls are counted that leave at this moment at the latest. */
static inline int64_t quota_slot_until(int64_t per_ms, int64_t leave_by)
{
	int64_t width = per_ms / QUOTA_SLOTS > QUOTA_SLOT_MIN_MS ? per_ms / QUOTA_SLOTS : QUOTA_SLOT_MIN_MS;

	return (leave_by + width - 1) / width * width;
}

/* The store may forget it then. */
static inline int64_t quota_slot_expire_at(const struct quota_slot *slot)
{
	return slot->until + slot->per_ms + QUOTA_KEEP_MS;
}

#endif
