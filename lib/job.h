/* A job, as it travels between the store, the handlers and the worker, and a change to it.
 *
 * JSON is carried as text (compact, valid UTF-8): what a client or a vendor sent comes out as it went in.
 * All instants are clock_now_ms() values; 0 = not set.
 */
#ifndef VF_JOB_H
#define VF_JOB_H

#include "err.h"
#include "job_state.h"
#include "raw_answer.h"
#include "uuid.h"

#include <stddef.h>
#include <stdint.h>

/* A vendor's own id of a job that is longer is not kept: the job is found by ours only. */
enum { VENDOR_JOB_ID_BYTES_MAX = 255 };

/* Owns every pointer in it; strings are NULL where there is nothing. */
struct job {
	char request_id[UUID_TEXT_SIZE];
	char *vendor;             /* the vendor's name, never an alias */
	char *tenant;             /* whose it is (fcgi/clients.h), or NULL */
	char *payload;            /* JSON text */
	char *result;             /* JSON text, once complete */
	char *error;              /* plain text, once failed */
	char *history;            /* JSON array of attempts, or NULL */
	char *vendor_job_id;      /* the vendor's own id of it, once known */
	char *poll;               /* JSON object: what is kept between calls and polls (polling.h), or NULL */
	char *tried;              /* JSON array of the vendors that it has left (fallback.h), or NULL */
	enum phase phase;
	enum status status;
	int64_t fence;            /* grows at every claim, never goes back */
	int attempts;             /* calls of its vendor that count (invariant I4) */
	int64_t created_at;
	int64_t updated_at;
	int64_t completed_at;     /* when it was finished */
	int64_t next_attempt_at;  /* not claimable before; 0 unless it is enqueued (PHASES_ENQUEUED) */
	int64_t queued_at;        /* the earliest time that its stream entry can exist; likewise */
	int64_t due_at;           /* when repair has to look at it: lease end, callback deadline, job deadline; 0 when done */
	int64_t deadline_at;      /* it fails then at the latest; comes nearer once it is polled */
	int64_t expire_at;        /* removed from the store then; only set when done */
};

/* A new queued job that may run at once. Copies vendor, takes payload. */
struct job *job_new(int64_t now, const char *vendor, char *payload, int64_t deadline_at);
/* NULL is fine. */
void job_free(struct job *job);

/* The few members of a job that repair needs. Owns its texts. */
struct job_ref {
	char request_id[UUID_TEXT_SIZE];
	char *vendor;
	char *vendor_job_id;      /* or NULL */
	char *tried;              /* as in struct job */
	enum phase phase;
	int64_t fence;
	int attempts;
	int64_t created_at;
	int64_t queued_at;
	int64_t due_at;
	int64_t deadline_at;
	char *error;              /* why its last attempt failed, or NULL */
};

/* Frees its texts. */
void job_ref_deinit(struct job_ref *ref);
void job_refs_free(struct job_ref *refs, size_t n);

#define FENCE_ANY ((int64_t)-1)

/* One write to one job. The store applies it only if the job exists, is in one of the phases that the event's row
 * (and `from`, when not 0) allows, and has this fence. Sets phase and status by the row, updated_at = now,
 * and these members: */
struct job_change {
	const char *request_id;     /* borrowed, like every pointer here */
	enum job_event event;       /* any but EVENT_CLAIM and EVENT_CLAIM_POLL */
	unsigned from;              /* narrows the row's phases; 0 = as the row */
	int64_t fence;              /* guard; FENCE_ANY only where the row says any_fence */
	const char *vendor;         /* guard: it is this vendor's; NULL: whoever's */
	int64_t queued_at_guard;    /* guard: its queued_at as read (EVENT_REQUEUE, EVENT_REQUEUE_POLL); 0 = none */
	int64_t now;
	int attempts_add;           /* 0 or 1 */
	int64_t next_attempt_at;    /* when the row leads to PHASES_ENQUEUED: these two are written, otherwise cleared */
	int64_t queued_at;
	int64_t due_at;             /* written unless the row leads to done (then cleared) */
	int64_t deadline_at;        /* written if not 0 */
	int64_t expire_at;          /* when the row leads to done; completed_at = now */
	const char *result;         /* JSON text, with EVENT_SUCCEED */
	const char *error;          /* plain text: the reason with failures; also the last failure of a job that is retried.
	                               NULL: stays as it is, unless the row clears it */
	const char *vendor_job_id;  /* written if not NULL */
	const char *poll;           /* JSON object, likewise */
	const char *history_entry;  /* JSON object appended to history if not NULL */
	const char *to_vendor;      /* the next two when the row goes to another vendor: its name ... */
	const char *tried_entry;    /* ... and a JSON object appended to tried */
	const struct raw_answer *raw; /* when the row leads to done: kept beside the job if not NULL (store_raw_of_job()) */
	enum err outcome;           /* filled by the store: ERR_OK, ERR_STALE (a guard did not match, or no such job),
	                               ERR_TOO_BIG (result or raw over the store's limit, nothing written), ERR_UNAVAILABLE */
};

#endif
