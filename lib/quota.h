/* What a quota is: a window so long (a day, a month) that its count must outlive Redis (invariant I3).
 *
 * Redis counts every window; of a quota the store counts, too. There a slot says: so many calls may have left until
 * this moment, none of them later. What is written is never too few calls and never too early (worker/quota_count.h), so
 * that the slots alone are enough to go on from when Redis has lost its count. Token buckets are no quotas, however
 * slow: one that starts used up gives its next call after per_ms / calls.
 *
 * A limit by the calendar (vendor_limit.unit) is always a quota. What it counts by is the same: its per_ms is longer than
 * any of its days or months, and of what was counted in that time what lies in this one is what matters. So a slot never
 * reaches over a beginning, and a call that the vendor may see on either side of it is in a slot on each.
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
	QUOTA_TRAVEL_MS = 10,       /* TRAVEL_MS there: a call that leaves reaches the vendor within this */
	/* A slot is kept so much longer than it counts: the clock of the server that removes it may be ahead. */
	QUOTA_KEEP_MS = 600000,
};

struct quota_slot {
	const char *vendor;         /* vendor_account(), borrowed */
	int64_t per_ms;             /* the window */
	int64_t until;              /* no call of the slot leaves later */
	int64_t count;
};

/* Calls that leave in this time, both ends included. */
struct quota_span { int64_t from, until; };

/* How many calls make use of all of a limit. Of a bucket: of its burst. */
static inline int64_t limit_in_calls(const struct vendor_limit *limit)
{
	return (limit->burst ? limit->burst : limit->calls) / (limit->cost ? limit->cost : 1);
}

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

/* The beginnings of a limit's minutes, hours, days or months: the last one that is not after at_ms, and the first one that
 * is. vendor_limit.unit must be set. */
int64_t limit_start(const struct vendor *vendor, const struct vendor_limit *limit, int64_t at_ms);
int64_t limit_next_start(const struct vendor *vendor, const struct vendor_limit *limit, int64_t at_ms);

/* Calls each(until) for every slot, by its end, in which calls of the vendor's windows of this length are counted: one, or
 * one on each side of a beginning that is near. */
void quota_each_slot(const struct vendor *vendor, int64_t per_ms, const struct quota_span *span,
                     void (*each)(void *arg, int64_t until), void *arg);

/* The store may forget it then. */
static inline int64_t quota_slot_expire_at(const struct quota_slot *slot)
{
	return slot->until + slot->per_ms + QUOTA_KEEP_MS;
}

#endif
