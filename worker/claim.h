/* Turns what was taken from the queue into calls: claims the jobs in the store as one durable batch, then
 * tells Redis. */
#ifndef VF_CLAIM_H
#define VF_CLAIM_H

#include "queue.h"
#include "worker.h"

struct claim_item {
	struct lane *lane;
	const struct queue_take *take;
	const struct queue_grant *grant;   /* one of the take's */
};

/* Claims n <= STORE_BATCH_MAX jobs, hands those that were claimed to the loop at once, then acknowledges the
 * entries (from here on the lease in the store covers a crash) and gives back the grants of those that could
 * not be claimed. ERR_UNAVAILABLE: the store did not answer. The entries stay pending; repair brings them
 * back. */
enum err claim_and_call(struct worker *worker, struct queue *queue, const struct claim_item *items, size_t n);
/* None of these n grants may become a call: gives them back. Their entries stay pending likewise. */
void claim_nothing(struct queue *queue, const struct claim_item *items, size_t n);

#endif
