#include "callback.h"

#include "clock.h"

#include <string.h>

/* Whose a failure is, as its token says. */
enum token { TOKEN_NONE, TOKEN_CURRENT, TOKEN_OTHER, TOKEN_COUNT };

/* A queued job's last attempt has failed already, which is all that a late failure of it could say.
 * While a call is under way, a failure without a token may be an older attempt's: that call's answer tells. */
static const enum callback_effect failures[PHASE_COUNT][TOKEN_COUNT] = {
	/* phase                      none                 this attempt's      another attempt's */
	[PHASE_QUEUED]           = { CALLBACK_IGNORED,    CALLBACK_IGNORED,   CALLBACK_IGNORED },
	[PHASE_CALLING]          = { CALLBACK_TOO_SOON,   CALLBACK_FINISHES,  CALLBACK_IGNORED },
	[PHASE_WAITING_CALLBACK] = { CALLBACK_FINISHES,   CALLBACK_FINISHES,  CALLBACK_IGNORED },
	/* Its vendor is asked, and says so itself. */
	[PHASE_WAITING_POLL]     = { CALLBACK_IGNORED,    CALLBACK_IGNORED,   CALLBACK_IGNORED },
	[PHASE_POLLING]          = { CALLBACK_IGNORED,    CALLBACK_IGNORED,   CALLBACK_IGNORED },
	[PHASE_DONE]             = { CALLBACK_IGNORED,    CALLBACK_IGNORED,   CALLBACK_IGNORED },
};

enum callback_effect callback_effect(const struct job *job, bool failed, int64_t fence)
{
	enum token token = fence == FENCE_ANY ? TOKEN_NONE : fence == job->fence ? TOKEN_CURRENT : TOKEN_OTHER;

	if (failed)
		return failures[job->phase][token];
	return job->phase == PHASE_DONE ? CALLBACK_IGNORED : CALLBACK_FINISHES;
}

void callback_to_change(const struct outcome *outcome, const struct job *job, int64_t now, int64_t retention_ms,
                        struct job_change *change)
{
	*change = (struct job_change){
		.request_id = job->request_id,
		.event = outcome->kind == OUTCOME_FAILED ? EVENT_CALLBACK_FAIL : EVENT_SUCCEED,
		.from = PHASE_BIT(job->phase),
		.fence = job->fence,
		.now = now,
		.attempts_add = job->phase == PHASE_CALLING,
		.expire_at = now + retention_ms,
		.result = outcome->result,
		.error = outcome->error,
	};
}

static enum err read_straight(void *arg, const char *request_id, struct job **job, struct err_text *why)
{
	return store_get(arg, request_id, job, why);
}

static enum err change_straight(void *arg, struct job_change *change, struct err_text *why)
{
	return store_change(arg, change, 1, why);
}

struct callback_way callback_straight(struct store *store)
{
	return (struct callback_way){ .read = read_straight, .change = change_straight, .arg = store };
}

static enum err read_again(const struct callback_way *way, struct job **job, struct err_text *why)
{
	char request_id[UUID_TEXT_SIZE];

	memcpy(request_id, (*job)->request_id, sizeof(request_id));
	job_free(*job);
	*job = NULL;
	return way->read(way->arg, request_id, job, why);
}

enum err callback_apply(const struct callback_way *way, const struct outcome *outcome, int64_t fence,
                        int64_t retention_ms, struct job **job, enum callback_effect *effect, struct err_text *why)
{
	struct job_change change;
	enum err err;

	for (int i = 0; i < CALLBACK_TRIES; i++) {
		*effect = callback_effect(*job, outcome->kind == OUTCOME_FAILED, fence);
		if (*effect != CALLBACK_FINISHES)
			return ERR_OK;
		callback_to_change(outcome, *job, clock_now_ms(), retention_ms, &change);
		err = way->change(way->arg, &change, why);
		if (err != ERR_OK)
			return err;
		if (change.outcome == ERR_OK)
			return ERR_OK;
		if (change.outcome == ERR_TOO_BIG)
			return err_set(why, ERR_TOO_BIG, "the result is too large for the store");
		if (change.outcome != ERR_STALE)
			return err_set(why, ERR_INVALID, "the store refuses this change of this job");
		err = read_again(way, job, why);
		if (err != ERR_OK)
			return err;
	}
	return err_set(why, ERR_STALE, "the callback lost every race");
}
