#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../support/one_vendor.h"
#include "callback.h"
#include "store_engine.h"

static const int64_t NOW = INT64_C(1800000000000);
static const int64_t RETENTION_MS = 1000000;
enum { FENCE = 7, BASE_MS = 100, MIDDLE = 0x80000000u };
static struct vendor_set *vendors;

static struct job *job_in(enum phase phase)
{
	struct job *job = job_new(NOW, "v", NULL, NOW + 1000);

	job->phase = phase;
	job->fence = FENCE;
	return job;
}

static struct outcome success(void)
{
	return (struct outcome){ .kind = OUTCOME_COMPLETE, .result = (char *)(uintptr_t)"{\"n\":1}" };
}

static struct outcome failure(void)
{
	return (struct outcome){ .kind = OUTCOME_FAILED, .error = (char *)(uintptr_t)"no such person" };
}

static struct outcome once_more(void)
{
	return (struct outcome){ .kind = OUTCOME_RETRY, .error = (char *)(uintptr_t)"busy" };
}

/* ---- The table ---- */

static const int64_t fences[] = { FENCE_ANY, FENCE, FENCE - 1, FENCE + 1 };

static void a_success_finishes_whatever_has_not_ended(void **state)
{
	(void)state;
	for (int phase = 0; phase < PHASE_COUNT; phase++)
		for (size_t f = 0; f < sizeof(fences) / sizeof(fences[0]); f++) {
			struct job *job = job_in((enum phase)phase);

			assert_int_equal(callback_effect(job, true, fences[f]),
			                 phase == PHASE_DONE ? CALLBACK_IGNORED : CALLBACK_COUNTS);
			job_free(job);
		}
}

static void a_failure_counts_for_its_own_attempt_only(void **state)
{
	static const struct {
		enum phase phase;
		enum callback_effect no_token, current, older, newer;
	} rows[PHASE_COUNT] = {
		{ PHASE_QUEUED, CALLBACK_IGNORED, CALLBACK_IGNORED, CALLBACK_IGNORED, CALLBACK_IGNORED },
		{ PHASE_CALLING, CALLBACK_TOO_SOON, CALLBACK_COUNTS, CALLBACK_IGNORED, CALLBACK_IGNORED },
		{ PHASE_WAITING_CALLBACK, CALLBACK_COUNTS, CALLBACK_COUNTS, CALLBACK_IGNORED, CALLBACK_IGNORED },
		{ PHASE_WAITING_POLL, CALLBACK_IGNORED, CALLBACK_IGNORED, CALLBACK_IGNORED, CALLBACK_IGNORED },
		{ PHASE_POLLING, CALLBACK_IGNORED, CALLBACK_IGNORED, CALLBACK_IGNORED, CALLBACK_IGNORED },
		{ PHASE_DONE, CALLBACK_IGNORED, CALLBACK_IGNORED, CALLBACK_IGNORED, CALLBACK_IGNORED },
	};

	(void)state;
	for (size_t i = 0; i < PHASE_COUNT; i++) {
		struct job *job = job_in(rows[i].phase);

		assert_int_equal(callback_effect(job, false, FENCE_ANY), rows[i].no_token);
		assert_int_equal(callback_effect(job, false, FENCE), rows[i].current);
		assert_int_equal(callback_effect(job, false, FENCE - 1), rows[i].older);
		assert_int_equal(callback_effect(job, false, FENCE + 1), rows[i].newer);
		job_free(job);
	}
}

/* ---- The change ---- */

static void the_change_is_one_that_the_life_of_a_job_allows(void **state)
{
	(void)state;
	for (int phase = 0; phase < PHASE_COUNT; phase++)
		for (int failed = 0; failed < 2; failed++)
			for (size_t f = 0; f < sizeof(fences) / sizeof(fences[0]); f++) {
				struct outcome outcome = failed ? failure() : success();
				struct job *job = job_in((enum phase)phase);
				struct callback_change to;

				if (callback_effect(job, !failed, fences[f]) == CALLBACK_COUNTS) {
					callback_to_change(&outcome, job, vendors, NOW, MIDDLE, RETENTION_MS, &to);
					assert_int_equal(to.change.from, PHASE_BIT(phase));
					assert_int_equal(to.change.from & ~job_transition(to.change.event)->from, 0);
					assert_int_equal(job_transition(to.change.event)->to, PHASE_DONE);
					assert_int_equal(job_transition(to.change.event)->status, failed ? STATUS_FAILED : STATUS_COMPLETE);
					assert_int_equal(to.change.fence, FENCE);
					assert_int_equal(to.change.attempts_add, phase == PHASE_CALLING);
					assert_int_equal(to.change.expire_at, NOW + RETENTION_MS);
					assert_ptr_equal(to.change.result, outcome.result);
					assert_ptr_equal(to.change.error, outcome.error);
					assert_string_equal(to.change.vendor, "v");
					assert_null(to.queued_for);
					callback_change_deinit(&to);
				}
				job_free(job);
			}
}

/* "Submit it again": as after a call that failed, with what an attempt costs and how long it waits. */
static void what_is_to_be_submitted_again_waits_like_any_retry(void **state)
{
	static const struct { enum phase phase; int attempts, add; enum job_event event; const char *error; } rows[] = {
		{ PHASE_WAITING_CALLBACK, 1, 0, EVENT_CALLBACK_RETRY, "busy" },
		{ PHASE_WAITING_CALLBACK, 2, 0, EVENT_CALLBACK_RETRY, "busy" },
		{ PHASE_WAITING_CALLBACK, 3, 0, EVENT_CALLBACK_FAIL, "busy (attempt 3 of 3)" },
		{ PHASE_CALLING, 0, 1, EVENT_CALLBACK_RETRY, "busy" },
		{ PHASE_CALLING, 2, 1, EVENT_CALLBACK_FAIL, "busy (attempt 3 of 3)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome = once_more();
		struct job *job = job_in(rows[i].phase);
		struct callback_change to;

		job->attempts = rows[i].attempts;
		callback_to_change(&outcome, job, vendors, NOW, MIDDLE, RETENTION_MS, &to);
		assert_int_equal(to.change.event, rows[i].event);
		assert_int_equal(to.change.attempts_add, rows[i].add);
		assert_string_equal(to.change.error, rows[i].error);
		assert_non_null(strstr(to.change.history_entry, "\"outcome\":\"callback_retry\",\"error\":\"busy\""));
		if (rows[i].event == EVENT_CALLBACK_RETRY) {
			assert_int_equal(to.change.next_attempt_at, NOW + BASE_MS * 3 / 4 * (rows[i].attempts + rows[i].add));
			assert_int_equal(to.change.queued_at, to.change.next_attempt_at);
			assert_int_equal(to.change.due_at, job->deadline_at);
			assert_string_equal(to.queued_for, "v");
		}
		callback_change_deinit(&to);
		job_free(job);
	}
}

static void after_the_deadline_nothing_is_submitted_again(void **state)
{
	struct outcome outcome = once_more();
	struct job *job = job_in(PHASE_WAITING_CALLBACK);
	struct callback_change to;

	(void)state;
	job->attempts = 1;
	job->deadline_at = NOW + 1;
	callback_to_change(&outcome, job, vendors, NOW, MIDDLE, RETENTION_MS, &to);
	assert_int_equal(to.change.event, EVENT_CALLBACK_FAIL);
	assert_string_equal(to.change.error, "busy; the deadline comes before another attempt");
	callback_change_deinit(&to);
	job_free(job);
}

/* ---- Applying, against a store that plays the others ---- */

struct rival {
	struct store base;
	enum phase phases[CALLBACK_TRIES + 1];    /* the job as each read after the first finds it */
	int reads, writes;
	enum err answer;                          /* of every write, once the job is in phase `settled` */
	enum phase settled;
	enum phase now;
	bool moved_on;                            /* each read after the first finds it with another vendor */
};

static enum err rival_change(struct store *store, struct job_change *items, size_t n, struct err_text *why)
{
	struct rival *r = (struct rival *)store;

	(void)why;
	assert_int_equal(n, 1);
	r->writes++;
	items[0].outcome = r->now == r->settled ? r->answer : ERR_STALE;
	return r->now == r->settled && r->answer == ERR_UNAVAILABLE ? ERR_UNAVAILABLE : ERR_OK;
}

static enum err rival_get(struct store *store, const char *request_id, struct job **job, struct err_text *why)
{
	struct rival *r = (struct rival *)store;

	(void)request_id, (void)why;
	r->now = r->phases[r->reads++];
	*job = job_in(r->now);
	if (r->moved_on)
		(*job)->vendor[0] = 'w';
	return ERR_OK;
}

static const struct store_engine rival_engine = { .change = rival_change, .get = rival_get };

static enum err apply(struct rival *r, struct outcome outcome, int64_t fence, enum phase read,
                      enum callback_effect *effect)
{
	struct job *job = job_in(read);
	struct err_text why;
	struct callback_way way = callback_straight(&r->base, vendors);
	enum err err;

	r->base.engine = &rival_engine;
	r->now = PHASE_COUNT;    /* somebody has moved it since it was read */
	if (read == r->settled)
		r->now = read;
	err = callback_apply(&way, &outcome, fence, RETENTION_MS, &job, effect, &why);
	job_free(job);
	return err;
}

static void it_is_written_at_once_if_nobody_is_in_the_way(void **state)
{
	struct rival r = { .settled = PHASE_WAITING_CALLBACK, .answer = ERR_OK };
	enum callback_effect effect;

	(void)state;
	assert_int_equal(apply(&r, success(), FENCE_ANY, PHASE_WAITING_CALLBACK, &effect), ERR_OK);
	assert_int_equal(effect, CALLBACK_COUNTS);
	assert_int_equal(r.writes, 1);
	assert_int_equal(r.reads, 0);
}

static void who_is_second_decides_again(void **state)
{
	struct rival r = { .settled = PHASE_WAITING_CALLBACK, .answer = ERR_OK, .phases = { PHASE_WAITING_CALLBACK } };
	struct rival ended = { .settled = PHASE_QUEUED, .phases = { PHASE_DONE } };
	struct rival given_up = { .settled = PHASE_DONE, .phases = { PHASE_QUEUED } };
	enum callback_effect effect;

	(void)state;
	assert_int_equal(apply(&r, failure(), FENCE, PHASE_CALLING, &effect), ERR_OK);
	assert_int_equal(effect, CALLBACK_COUNTS);
	assert_int_equal(r.writes, 2);
	assert_int_equal(apply(&ended, success(), FENCE, PHASE_WAITING_CALLBACK, &effect), ERR_OK);
	assert_int_equal(effect, CALLBACK_IGNORED);
	assert_int_equal(apply(&given_up, failure(), FENCE, PHASE_CALLING, &effect), ERR_OK);
	assert_int_equal(effect, CALLBACK_IGNORED);
}

/* What the vendor that it has left says, is too late: even a success. */
static void a_job_that_has_left_the_vendor_meanwhile_is_let_go(void **state)
{
	struct rival r = { .settled = PHASE_DONE, .phases = { PHASE_CALLING }, .moved_on = true };
	enum callback_effect effect;

	(void)state;
	assert_int_equal(apply(&r, success(), FENCE_ANY, PHASE_WAITING_CALLBACK, &effect), ERR_OK);
	assert_int_equal(effect, CALLBACK_IGNORED);
	assert_int_equal(r.writes, 1);
}

static void it_gives_up_after_so_many_races(void **state)
{
	struct rival r = { .settled = PHASE_DONE, .phases = { PHASE_QUEUED, PHASE_CALLING, PHASE_QUEUED, PHASE_CALLING,
	                                                      PHASE_QUEUED } };
	enum callback_effect effect;

	(void)state;
	assert_int_equal(apply(&r, success(), FENCE_ANY, PHASE_CALLING, &effect), ERR_STALE);
	assert_int_equal(r.writes, CALLBACK_TRIES);
}

static void what_the_store_says_is_handed_on(void **state)
{
	static const struct { enum err answer, expected; } rows[] = {
		{ ERR_TOO_BIG, ERR_TOO_BIG }, { ERR_UNAVAILABLE, ERR_UNAVAILABLE }, { ERR_SYSTEM, ERR_INVALID },
	};
	enum callback_effect effect;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rival r = { .settled = PHASE_QUEUED, .answer = rows[i].answer };

		assert_int_equal(apply(&r, success(), FENCE_ANY, PHASE_QUEUED, &effect), rows[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_success_finishes_whatever_has_not_ended),
		cmocka_unit_test(a_failure_counts_for_its_own_attempt_only),
		cmocka_unit_test(the_change_is_one_that_the_life_of_a_job_allows),
		cmocka_unit_test(what_is_to_be_submitted_again_waits_like_any_retry),
		cmocka_unit_test(after_the_deadline_nothing_is_submitted_again),
		cmocka_unit_test(a_job_that_has_left_the_vendor_meanwhile_is_let_go),
		cmocka_unit_test(it_is_written_at_once_if_nobody_is_in_the_way),
		cmocka_unit_test(who_is_second_decides_again),
		cmocka_unit_test(it_gives_up_after_so_many_races),
		cmocka_unit_test(what_the_store_says_is_handed_on),
	};

	int failed;

	vendors = one_vendor("async", "'retry':{'max_attempts':3,'base_ms':100}");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vendor_set_free(vendors);
	return failed;
}
