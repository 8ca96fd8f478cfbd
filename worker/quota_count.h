/* Counts the calls of vendors with a quota in the store (lib/quota.h), before they leave.
 *
 * The count lacks no call that left, whatever dies when (invariant I3): what was granted is added durably before it is
 * claimed, so a crash counts too many, and a grant whose write failed is not used. One write may reserve more, for the
 * grants of the next second, so that a busy vendor costs about one write a second; what is left of that goes back with
 * the next write. The slot ends no earlier than the last call of the reservation can leave.
 * Intake's thread only, but for quota_count_take_back().
 */
#ifndef VF_QUOTA_COUNT_H
#define VF_QUOTA_COUNT_H

#include "lane.h"
#include "queue.h"
#include "store.h"

/* Counts what n takes were granted; takes[i] is of lanes[i]. ERR_UNAVAILABLE: none of these calls may leave. Does
 * nothing for vendors without a quota. */
enum err quota_count_grants(struct store *store, struct lane *const *lanes, const struct queue_take *takes, int n,
                            struct err_text *why) __attribute__((warn_unused_result));
/* One of the grants that were counted last is no call and never will be. */
void quota_count_unused(struct lane *lane);

struct quota_unsent {
	const struct vendor *vendor;
	struct quota_span span;     /* the reservation's, when it was granted (lane->quota.span) */
};
/* Calls that were counted did not leave and never will. Tried once: a count too many does no harm. */
void quota_count_take_back(struct store *store, const struct quota_unsent *calls, size_t n);

#endif
