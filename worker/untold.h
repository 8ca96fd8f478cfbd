/* What Redis has yet to be told. Ops that could not be applied wait here and are told again, so that a short
 * absence of Redis costs neither a vendor its room (calls that ended would count as in flight until their
 * lease ends) nor a retry its time.
 *
 * Bounded by count and age: what is dropped, repair and the leases mend. A refund and a report, unless it is a
 * probe's, are told once at most, for they may have been carried out although the answer was lost. While Redis
 * hangs, its time-out is paid once in a while only. Not thread-safe.
 */
#ifndef VF_UNTOLD_H
#define VF_UNTOLD_H

#include "queue.h"

enum { UNTOLD_MAX = 30000, UNTOLD_MAX_AGE_MS = 60000, UNTOLD_RETRY_MS = 2000 };

struct untold;

struct untold *untold_new(void);
void untold_free(struct untold *untold);

/* Copies the op, also what it borrows. */
void untold_add(struct untold *untold, const struct queue_op *op);
/* Tells Redis everything, unless it failed less than UNTOLD_RETRY_MS before now (clock_mono_ms()). True if
 * nothing is left. */
bool untold_tell(struct untold *untold, struct queue *queue, int64_t now_mono_ms);

#endif
