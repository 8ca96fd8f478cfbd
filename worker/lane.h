/* What a worker knows of one vendor while it runs: when to take next, how long its grants are good for, what
 * is in flight.
 *
 * Lanes keep vendors apart (invariant I6): nothing that is waited for in one is waited for in another.
 */
#ifndef VF_LANE_H
#define VF_LANE_H

#include "guard.h"
#include "vendor.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lane {
	const struct vendor *vendor;
	_Atomic int *in_flight;             /* the worker's count of calls from claim to commit */
	_Atomic int calls;                  /* those of this lane */
	_Atomic int not_left;               /* of them: their requests were not written yet */
	int64_t next_take_mono_ms;          /* intake's: not before this */
	struct guard guard;                 /* the loop's */
	_Atomic int guard_ms;               /* loop writes, intake reads */
	_Atomic bool look;                  /* commit, repair: something changed, take again */
	_Atomic int64_t hold_until_mono_us; /* a Retry-After came in: granted calls do not leave before this */
};

#endif
