/* What a callback does to its job. One table decides, for the handler that receives callbacks and for the worker that
 * comes upon one that was kept (store_early_put): so it does not matter which of them has the job in its hands.
 *
 * A success finishes any unfinished job, also one that was given up and waits for another attempt. A failure counts
 * only for the attempt that it belongs to: the one whose token it carries or, without a token, the one that waits for
 * its callback; so does one that asks for the job to be submitted again. None of a vendor that the job has left counts
 * (fallback.h). Thread-safe.
 */
#ifndef VF_CALLBACK_H
#define VF_CALLBACK_H

#include "job.h"
#include "outcome.h"
#include "store.h"
#include "vendor.h"

/* callback_apply() reads and decides so often before it gives up; every race that it loses moves the job on. */
enum { CALLBACK_TRIES = 5 };

enum callback_effect {
	CALLBACK_COUNTS,       /* the job ends with it, or is queued again: for its vendor or, after a failure, for the next */
	CALLBACK_IGNORED,      /* the job has ended or left this vendor, or this failure's attempt no longer counts */
	CALLBACK_TOO_SOON,     /* a failure, and whether it is this attempt's will be known when the call has ended */
};

/* What it does to a job as it was read. success: it brings a result. fence: of the attempt whose token it carries, or
 * FENCE_ANY if it has none. Pure. */
enum callback_effect callback_effect(const struct job *job, bool success, int64_t fence);

/* The change that it makes, and the texts that the change borrows beside those of job and outcome; callback_change_deinit()
 * frees them. */
struct callback_change {
	struct job_change change;
	char *error, *history_entry, *tried_entry;
	const char *queued_for;    /* the vendor for which the job is queued then (borrowed); NULL: it has ended */
};

/* Guarded by what was read. random: 32 random bits, for the wait of one that is to be submitted again. Pure. */
void callback_to_change(const struct outcome *outcome, const struct job *job, const struct vendor_set *vendors, int64_t now,
                        uint32_t random, int64_t retention_ms, struct callback_change *change);
void callback_change_deinit(struct callback_change *change);

/* Under which the raw answer of an early callback is kept (store_raw_put()) until its job is known. */
enum { CALLBACK_RAW_KEY_SIZE = 512 };
void callback_raw_key(const char *vendor, const char *vendor_job_id, bool failed, char key[CALLBACK_RAW_KEY_SIZE]);

/* How callback_apply() gets at a job: callback_straight(), or one that shares calls of the store with others. */
struct callback_way {
	/* As store_get(); the payload may be missing. */
	enum err (*read)(void *arg, const char *request_id, struct job **job, struct err_text *why);
	/* As store_change() of this one. */
	enum err (*change)(void *arg, struct job_change *change, struct err_text *why);
	void *arg;
	/* The job is queued again, durably: gives it an entry. If that fails repair will. */
	void (*enqueue)(void *arg, const char *vendor, const char *request_id);
	void *enqueue_arg;
	const struct vendor_set *vendors;
};

/* One call of the store each; without an enqueue, which is the caller's to fill. */
struct callback_way callback_straight(struct store *store, const struct vendor_set *vendors);

/* Decides and writes; when somebody else was first, reads again and decides again. *job was read from the store, is
 * the calling vendor's, and may be replaced (or NULL afterwards). ERR_OK: *effect, and what it says is durable. ERR_TOO_BIG: the store cannot
 * hold the result, nothing was changed. ERR_STALE: every race was lost. ERR_INVALID: the store refuses this one,
 * though it is there. ERR_UNAVAILABLE, ERR_NOT_FOUND: as the store says. */
enum err callback_apply(const struct callback_way *way, const struct outcome *outcome, int64_t fence,
                        int64_t retention_ms, struct job **job, enum callback_effect *effect, struct err_text *why)
	__attribute__((warn_unused_result));

#endif
