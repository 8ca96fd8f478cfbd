/* Jobs that wait for a vendor which nobody may call now, and go on to the next vendor of their list (fallback.h).
 *
 * A take says that entries wait, and why. They are read without a grant, and their jobs moved by one durable batch of
 * guarded changes; then they get entries of their new vendors, and the old ones are acknowledged. What a crash leaves
 * behind is there already for claims: an entry that was read comes back by repair, and finds its job moved; a job that was
 * moved and got no entry is lost from its new vendor's stream, which repair sees. */
#ifndef VF_FALL_BACK_H
#define VF_FALL_BACK_H

#include "queue.h"
#include "worker.h"

/* May jobs leave a vendor whose limits, or a hold, leave no call for so long? */
bool fall_back_is_limited(const struct vendor *vendor, int64_t limited_ms);

/* After a take of this lane: moves some of the jobs that wait, if they may. Those that may not get delayed entries, until
 * the vendor may be called or a minute has passed. True if there may be more. */
bool fall_back_waiting(struct worker *worker, struct queue *queue, struct lane *lane, const struct queue_take *take);

#endif
