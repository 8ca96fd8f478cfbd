/* The life of a job: its phases, the events that move it, and the one table that says which move is allowed.
 *
 *   queued --claim--> calling --succeed--> done (complete)
 *     ^                 |  |---fail------> done (failed)
 *     |---retry---------|  |---await_callback--> waiting_callback --succeed / callback_fail--> done
 *     |---return--------|
 *     |---lease_lost----|
 *   queued --requeue--> queued             any unfinished phase --expire / cancel--> done
 *   waiting_callback --callback_retry--> queued
 *   any unfinished phase --fall_back--> queued, for another vendor
 *
 *   calling --await_poll--> waiting_poll --claim--> polling --succeed / fail--> done
 *                              ^                       |
 *                              |-poll_again, poll_lost-|      waiting_poll --requeue--> waiting_poll
 *
 * Both stores build the guard of every write from a row of this table, so no other file decides what may follow
 * what. A finished job never changes again (invariant I2): no row leaves PHASE_DONE. Pure; thread-safe.
 */
#ifndef VF_JOB_STATE_H
#define VF_JOB_STATE_H

#include <stdbool.h>

/* Stored as their names; the numbers are for masks within a process. */
enum phase {
	PHASE_QUEUED, PHASE_CALLING, PHASE_WAITING_CALLBACK, PHASE_WAITING_POLL, PHASE_POLLING, PHASE_DONE, PHASE_COUNT
};

/* What clients see. */
enum status { STATUS_PENDING, STATUS_PROCESSING, STATUS_COMPLETE, STATUS_FAILED, STATUS_CANCELLED, STATUS_COUNT };

enum job_event {
	EVENT_CLAIM,           /* a worker takes it: fence + 1, lease starts */
	EVENT_CLAIM_POLL,      /* the same, of one whose vendor has it: it is asked, not called again */
	EVENT_SUCCEED,         /* the vendor's data is here; allowed from any unfinished phase, also for a stale attempt */
	EVENT_FAIL,            /* the call failed for good */
	EVENT_RETRY,           /* the call failed, another attempt later */
	EVENT_RETURN,          /* the call did not leave, or the vendor said 429 */
	EVENT_AWAIT_CALLBACK,  /* the vendor accepted the job and will call back */
	EVENT_AWAIT_POLL,      /* the vendor accepted the job and will be asked */
	EVENT_POLL_AGAIN,      /* it was asked, and will be asked again */
	EVENT_POLL_LOST,       /* the worker that asked is gone: asked again */
	EVENT_LEASE_LOST,      /* the worker that called is gone: queued again */
	EVENT_CALLBACK_FAIL,   /* the vendor called back with a failure */
	EVENT_CALLBACK_RETRY,  /* the vendor called back: submit it again */
	EVENT_FALL_BACK,       /* it leaves its vendor and is queued for the next one (fallback.h) */
	EVENT_REQUEUE,         /* its stream entry was lost: only queuedAt moves */
	EVENT_REQUEUE_POLL,    /* the same, of one that waits to be asked for */
	EVENT_EXPIRE,          /* a deadline passed, or attempts are used up by lost leases */
	EVENT_CANCEL,          /* a client no longer wants it */
	EVENT_COUNT
};

#define PHASE_BIT(phase) (1u << (phase))
#define PHASES_UNFINISHED (PHASE_BIT(PHASE_DONE) - 1)
/* Those with an entry in Redis, now or at their next attempt: the two that are claimed. */
#define PHASES_ENQUEUED (PHASE_BIT(PHASE_QUEUED) | PHASE_BIT(PHASE_WAITING_POLL))

_Static_assert(PHASE_DONE == PHASE_COUNT - 1, "every phase before it is an unfinished one");

struct job_transition {
	const char *name;
	unsigned from;          /* PHASE_BITs it may start from */
	enum phase to;
	int status;             /* the status it sets (enum status), or -1: unchanged */
	bool any_fence;         /* true: may be written without knowing the fence */
	bool clears_error;      /* true: without an error of its own it takes the last one away */
	bool to_other;          /* true: it is another vendor's then: fence + 1, no attempts, no id of the old vendor, no poll */
};

/* The row of an event; never NULL for a valid event. */
const struct job_transition *job_transition(enum job_event event);

const char *phase_name(enum phase phase);
const char *status_name(enum status status);
/* The number for a name, or -1. */
int phase_parse(const char *name);
int status_parse(const char *name);

static inline bool phase_is_enqueued(enum phase phase) { return PHASES_ENQUEUED & PHASE_BIT(phase); }
static inline bool status_is_final(enum status status) { return status >= STATUS_COMPLETE; }

#endif
