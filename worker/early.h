/* Early callbacks, the worker's side: whoever has written a vendor's own id of a job looks whether its callback was
 * kept before (see store.h), and repair looks after what a crash left behind. */
#ifndef VF_EARLY_H
#define VF_EARLY_H

#include "store.h"
#include "worker.h"

/* Applies those of these keys that are kept to their jobs and drops them; jobs that go on to another vendor get their
 * entries by this queue (NULL: by repair). False: the store did not answer (said in the
 * log), or the worker has to leave; something may be left for repair, this worker's or another's. Thread-safe, but for
 * the queue. */
bool early_apply(struct worker *worker, struct queue *queue, const struct store_early_key *keys, size_t n);

struct early_rounds;

/* Goes through all that is kept, a bounded part each round; the next goes on where it ended. Owned by the caller. queue
 * is borrowed. */
struct early_rounds *early_rounds_new(struct worker *worker, struct queue *queue);
void early_rounds_free(struct early_rounds *rounds);

/* One round: looks for the jobs of what was received before clock_now_ms() - grace_ms. False: the store is away. */
bool early_round(struct early_rounds *rounds, int64_t grace_ms);

#endif
