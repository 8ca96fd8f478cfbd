/* Starts a vendor's limiter when Redis does not know it: from nothing, from "used up", and its quotas from the store.
 *
 * The store counts every call of a quota before it leaves (quota_count.h). But a grant that Redis gave before it forgot
 * may be in another worker's hands, and be counted after we have read. So the start has a ticket (lib/queue.h), which
 * says that Redis grants nothing until it has been used: every grant we do not know of is older than the ticket, so
 * older than our first sight of it. When the longest guard has passed since then, each of them is either void or a call
 * that has left, and a call is counted before it leaves: what is read then has them all. If Redis forgets once more
 * while we wait or read, the ticket is no longer good, and all of this begins again.
 *
 * Who finds the vendor on record already waits a moment even without quotas: the worker that has just put it there starts from
 * nothing, and is not to be overtaken by a start from "used up".
 */
#ifndef VF_LIMITS_BEGIN_H
#define VF_LIMITS_BEGIN_H

#include "lane.h"
#include "queue.h"
#include "store.h"

/* After ERR_STALE of a take. The ms after which the lane is to be taken from again; if its limiter is not started
 * then, that take says ERR_STALE, too, and this goes on. *store_away is set if the store did not answer. Intake's
 * thread only. */
int64_t limits_begin(struct store *store, struct queue *queue, struct lane *lane, bool *store_away);

#endif
