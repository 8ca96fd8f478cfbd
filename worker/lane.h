/* What a worker knows of one vendor while it runs: when to take next, how long its grants are good for, what
 * is in flight.
 *
 * Lanes keep vendors apart (invariant I6): nothing that is waited for in one is waited for in another.
 */
#ifndef VF_LANE_H
#define VF_LANE_H

#include "fair_queue.h"
#include "guard.h"
#include "left.h"
#include "queue.h"
#include "token_slot.h"
#include "vendor.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Of a vendor with a quota: calls that the store counts already (quota_count.h). Times are Redis TIME. */
struct quota_reserve {
	int64_t until;                      /* for grants that are void by then */
	int64_t left;
	int64_t granted;                    /* since the last write */
	int64_t written_at;
};

/* A start of the vendor's limiter that is under way (limits_begin.h). */
struct limits_start {
	char ticket[QUEUE_TICKET_SIZE];
	int64_t seen_mono_ms;               /* for the first time */
};

struct lane {
	const struct vendor *vendor;
	_Atomic int *in_flight;             /* the worker's count of calls from claim to commit */
	_Atomic int calls;                  /* those of this lane */
	_Atomic int not_left;               /* of them: their requests were not written yet */
	int64_t next_take_mono_ms;          /* intake's: not before this */
	int64_t gather_until_mono_ms;       /* intake's: a wake-up does not lead to a take before this */
	struct quota_reserve quota;         /* intake's, and */
	struct limits_start limits_start;   /* this */
	struct fair_line to_begin;          /* the loop's: calls that were submitted */
	int home_shard;                     /* where it looks for room for them first, from 1 on; 0: not chosen yet */
	struct fair_line to_commit;         /* commit's: calls that were answered, ... */
	struct fair_line to_commit_failed;  /* ... and those that failed */
	struct guard guard;                 /* the loop's */
	_Atomic int guard_ms;               /* loop writes, intake reads */
	_Atomic int late;                   /* calls that left after their grants were over; intake tells Redis */
	struct left left;                   /* loop adds, intake tells Redis */
	struct token_slot token;            /* of a vendor that wants one */
	_Atomic bool look;                  /* commit, repair: something changed, take again */
	_Atomic int64_t hold_until_mono_us; /* a Retry-After came in: granted calls do not leave before this */
};

/* The vendor is left alone for so long from now on, by this worker; never shortened by a later call. Says so in the log.
 * Thread-safe. */
void lane_hold(struct lane *lane, int64_t hold_ms);

#endif
