/* What the calls of one batch say about their vendors, gathered for the circuit breakers: one line a vendor
 * instead of one a call, and one for each probe. Not thread-safe. */
#ifndef VF_REPORTS_H
#define VF_REPORTS_H

#include "call.h"
#include "outcome.h"
#include "queue.h"
#include "untold.h"

#include <stdbool.h>

enum { REPORTS_MAX = 256 };

struct reports {
	struct queue_op ops[REPORTS_MAX];
	int n;
	bool urgent;   /* something failed, or a probe ended: the breaker is to hear of it at once */
};

/* Empties it. */
void reports_begin(struct reports *reports);
/* Adds a call that has ended, in the order in which they did; at most REPORTS_MAX. Borrows from it until
 * reports_hand_over(). */
void reports_add(struct reports *reports, const struct call *call, enum vendor_health health);
void reports_hand_over(const struct reports *reports, struct untold *untold);

#endif
