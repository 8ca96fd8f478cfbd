#include "callback.h"

#include "buffer.h"
#include "clock.h"
#include "crash_point.h"
#include "fallback.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HISTORY_ENTRY_BYTES_MAX = 64 << 10 };

/* Whose a failure is, as its token says. */
enum token { TOKEN_NONE, TOKEN_CURRENT, TOKEN_OTHER, TOKEN_COUNT };

/* A queued job's last attempt has failed already, which is all that a late failure of it could say.
 * While a call is under way, a failure without a token may be an older attempt's: that call's answer tells. */
static const enum callback_effect failures[PHASE_COUNT][TOKEN_COUNT] = {
	/* phase                      none                 this attempt's      another attempt's */
	[PHASE_QUEUED]           = { CALLBACK_IGNORED,    CALLBACK_IGNORED,   CALLBACK_IGNORED },
	[PHASE_CALLING]          = { CALLBACK_TOO_SOON,   CALLBACK_COUNTS,  CALLBACK_IGNORED },
	[PHASE_WAITING_CALLBACK] = { CALLBACK_COUNTS,   CALLBACK_COUNTS,  CALLBACK_IGNORED },
	/* Its vendor is asked, and says so itself. */
	[PHASE_WAITING_POLL]     = { CALLBACK_IGNORED,    CALLBACK_IGNORED,   CALLBACK_IGNORED },
	[PHASE_POLLING]          = { CALLBACK_IGNORED,    CALLBACK_IGNORED,   CALLBACK_IGNORED },
	[PHASE_DONE]             = { CALLBACK_IGNORED,    CALLBACK_IGNORED,   CALLBACK_IGNORED },
};

enum callback_effect callback_effect(const struct job *job, bool success, int64_t fence)
{
	enum token token = fence == FENCE_ANY ? TOKEN_NONE : fence == job->fence ? TOKEN_CURRENT : TOKEN_OTHER;

	if (!success)
		return failures[job->phase][token];
	return job->phase == PHASE_DONE ? CALLBACK_IGNORED : CALLBACK_COUNTS;
}

/* ---- The change ---- */

/* What was acknowledged is counted already. */
static int attempts_of(const struct job *job) { return job->attempts + (job->phase == PHASE_CALLING); }

static char *retry_entry(const struct outcome *outcome, const struct job *job, int64_t now)
{
	char at[CLOCK_TEXT_SIZE];
	struct buffer entry;

	clock_format(now, at);
	buffer_init(&entry, HISTORY_ENTRY_BYTES_MAX);
	outcome_begin_entry(&entry, job, attempts_of(job), at);
	buffer_append_str(&entry, ",\"outcome\":\"callback_retry\",\"error\":");
	buffer_append_json_string(&entry, outcome->error, strlen(outcome->error));
	buffer_append_str(&entry, "}");
	return buffer_take(&entry, NULL);
}

/* As after a call that failed. False: it is not submitted again, and the error says why. */
static bool submit_again(const struct outcome *outcome, const struct job *job, const struct vendor *vendor, int64_t now,
                         uint32_t random, struct callback_change *to)
{
	int attempts = attempts_of(job);
	int64_t retry_at = now + retry_wait_ms(&vendor->retry, attempts, -1, random);

	to->change.history_entry = to->history_entry = retry_entry(outcome, job, now);
	if (!retry_allowed(&vendor->retry, attempts)) {
		to->error = mem_printf("%s (attempt %d of %d)", outcome->error, attempts, vendor->retry.max_attempts);
	} else if (retry_at >= job->deadline_at) {
		to->error = mem_printf("%s; the deadline comes before another attempt", outcome->error);
	} else {
		to->change.event = EVENT_CALLBACK_RETRY;
		to->change.next_attempt_at = to->change.queued_at = retry_at;
		to->change.due_at = job->deadline_at;
		to->queued_for = job->vendor;
		return true;
	}
	to->change.error = to->error;
	return false;
}

static void fail(const struct outcome *outcome, const struct job *job, const struct vendor_set *vendors,
                 const struct vendor *vendor, int64_t retention_ms, struct callback_change *to)
{
	enum fallback_reason reason = fallback_reason(vendor, job, outcome->settled);
	const struct vendor *next = fallback_next(vendors, job, reason, to->change.now);

	if (next) {
		fallback_to_change(vendors, job, next, reason, &to->change, &to->tried_entry);
		to->queued_for = next->name;
		return;
	}
	to->change.event = EVENT_CALLBACK_FAIL;
	to->change.expire_at = to->change.now + retention_ms;
	to->change.raw = outcome->keeps_raw ? &outcome->raw : NULL;
}

void callback_to_change(const struct outcome *outcome, const struct job *job, const struct vendor_set *vendors, int64_t now,
                        uint32_t random, int64_t retention_ms, struct callback_change *to)
{
	const struct vendor *vendor = vendor_find(vendors, job->vendor);

	*to = (struct callback_change){ .change = {
		.request_id = job->request_id,
		.from = PHASE_BIT(job->phase),
		.fence = job->fence,
		.vendor = job->vendor,
		.now = now,
		.attempts_add = job->phase == PHASE_CALLING,
		.result = outcome->result,
		.error = outcome->error,
	} };
	if (outcome->kind == OUTCOME_COMPLETE) {
		to->change.event = EVENT_SUCCEED;
		to->change.expire_at = now + retention_ms;
		to->change.raw = outcome->keeps_raw ? &outcome->raw : NULL;
	} else if (outcome->kind != OUTCOME_RETRY || !vendor || !submit_again(outcome, job, vendor, now, random, to)) {
		fail(outcome, job, vendors, vendor, retention_ms, to);
	}
}

void callback_change_deinit(struct callback_change *change)
{
	free(change->error);
	free(change->history_entry);
	free(change->tried_entry);
}

/* A success and a failure apart, as store_early_put() has it: the first success stays, else the first failure. */
void callback_raw_key(const char *vendor, const char *vendor_job_id, bool failed, char key[CALLBACK_RAW_KEY_SIZE])
{
	_Static_assert(VENDOR_NAME_MAX + VENDOR_JOB_ID_BYTES_MAX + 16 < CALLBACK_RAW_KEY_SIZE, "no id is cut");
	snprintf(key, CALLBACK_RAW_KEY_SIZE, "%s:%s:%s", vendor, failed ? "failed" : "complete", vendor_job_id);
}

/* ---- The way into the store ---- */

static enum err read_straight(void *arg, const char *request_id, struct job **job, struct err_text *why)
{
	return store_get(arg, request_id, job, why);
}

static enum err change_straight(void *arg, struct job_change *change, struct err_text *why)
{
	return store_change(arg, change, 1, why);
}

struct callback_way callback_straight(struct store *store, const struct vendor_set *vendors)
{
	return (struct callback_way){ .read = read_straight, .change = change_straight, .arg = store, .vendors = vendors };
}

static enum err read_again(const struct callback_way *way, struct job **job, struct err_text *why)
{
	char request_id[UUID_TEXT_SIZE];

	memcpy(request_id, (*job)->request_id, sizeof(request_id));
	job_free(*job);
	*job = NULL;
	return way->read(way->arg, request_id, job, why);
}

/* One try. ERR_STALE: somebody else was first. */
static enum err try_to_apply(const struct callback_way *way, const struct outcome *outcome, const struct job *job,
                             int64_t retention_ms, struct err_text *why)
{
	uint32_t random = (uint32_t)clock_mono_us() * 2654435761u;
	struct callback_change to;
	enum err err;

	callback_to_change(outcome, job, way->vendors, clock_now_ms(), random, retention_ms, &to);
	err = way->change(way->arg, &to.change, why);
	if (err == ERR_OK && to.change.outcome == ERR_TOO_BIG)
		err = err_set(why, ERR_TOO_BIG, "the result is too large for the store");
	else if (err == ERR_OK && to.change.outcome != ERR_OK && to.change.outcome != ERR_STALE)
		err = err_set(why, ERR_INVALID, "the store refuses this change of this job");
	else if (err == ERR_OK)
		err = to.change.outcome;
	if (err == ERR_OK && to.queued_for && way->enqueue) {
		CRASH_POINT("callback_before_enqueue");
		way->enqueue(way->enqueue_arg, to.queued_for, job->request_id);
	}
	callback_change_deinit(&to);
	return err;
}

/* Of a job that has been read again: it may have left the vendor meanwhile. */
static enum callback_effect effect_on(const struct job *job, const char *vendor, bool success, int64_t fence)
{
	return strcmp(job->vendor, vendor) == 0 ? callback_effect(job, success, fence) : CALLBACK_IGNORED;
}

enum err callback_apply(const struct callback_way *way, const struct outcome *outcome, int64_t fence,
                        int64_t retention_ms, struct job **job, enum callback_effect *effect, struct err_text *why)
{
	char *vendor = mem_strdup((*job)->vendor);
	enum err err = ERR_STALE;

	for (int i = 0; i < CALLBACK_TRIES && err == ERR_STALE; i++) {
		*effect = effect_on(*job, vendor, outcome->kind == OUTCOME_COMPLETE, fence);
		err = *effect == CALLBACK_COUNTS ? try_to_apply(way, outcome, *job, retention_ms, why) : ERR_OK;
		if (err == ERR_STALE) {
			enum err read = read_again(way, job, why);

			if (read)
				err = read;
		}
	}
	free(vendor);
	return err == ERR_STALE ? err_set(why, ERR_STALE, "the callback lost every race") : err;
}
