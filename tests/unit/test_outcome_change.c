/* The guarded change that writes an outcome (outcome_to_change). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "outcome.h"

static const int64_t NOW = INT64_C(1800000000000);
static const int64_t DEADLINE = INT64_C(1800000000000) + 86400000;
static const int64_t RETENTION_MS = 1000000;

static struct job job_after(int attempts)
{
	return (struct job){ .request_id = "0198c0de-0000-7000-8000-000000000001", .vendor = (char *)(uintptr_t)"s",
	                     .phase = PHASE_CALLING, .fence = 7, .attempts = attempts, .deadline_at = DEADLINE };
}

static struct job_change change_of(enum outcome_kind kind)
{
	static struct job job;
	struct outcome outcome = { .kind = kind, .attempts_add = 1, .retry_at = NOW + 5, .callback_until = NOW + 9 };
	struct job_change change;

	job = job_after(1);
	outcome_to_change(&outcome, &job, NOW, RETENTION_MS, &change);
	assert_ptr_equal(change.request_id, job.request_id);
	assert_int_equal(change.now, NOW);
	assert_int_equal(change.attempts_add, 1);
	assert_int_equal(change.queued_at_guard, 0);
	return change;
}

static void finished_jobs_expire(void **state)
{
	struct job_change change = change_of(OUTCOME_FAILED);

	(void)state;
	assert_int_equal(change.event, EVENT_FAIL);
	assert_int_equal(change.fence, 7);
	assert_int_equal(change.expire_at, NOW + RETENTION_MS);
	assert_int_equal(change.due_at, 0);
}

static void a_success_counts_for_its_own_attempt_but_may_be_written_without_it(void **state)
{
	struct job_change change = change_of(OUTCOME_COMPLETE);

	(void)state;
	assert_int_equal(change.event, EVENT_SUCCEED);
	assert_int_equal(change.fence, 7);
	assert_true(job_transition(EVENT_SUCCEED)->any_fence);
	assert_int_equal(change.expire_at, NOW + RETENTION_MS);
}

static void queued_jobs_are_due_at_their_deadline(void **state)
{
	static const struct { enum outcome_kind kind; enum job_event event; } pairs[] = {
		{ OUTCOME_RETRY, EVENT_RETRY }, { OUTCOME_RETURNED, EVENT_RETURN },
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct job_change change = change_of(pairs[i].kind);

		assert_int_equal(change.event, pairs[i].event);
		assert_int_equal(change.fence, 7);
		assert_int_equal(change.next_attempt_at, NOW + 5);
		assert_int_equal(change.queued_at, NOW + 5);
		assert_int_equal(change.due_at, DEADLINE);
		assert_int_equal(change.expire_at, 0);
	}
}

static void awaited_callbacks_are_due(void **state)
{
	struct job_change change = change_of(OUTCOME_AWAIT_CALLBACK);

	(void)state;
	assert_int_equal(change.event, EVENT_AWAIT_CALLBACK);
	assert_int_equal(change.due_at, NOW + 9);
	assert_int_equal(change.next_attempt_at, 0);
	assert_int_equal(change.queued_at, 0);
	assert_int_equal(change.expire_at, 0);
}

static void jobs_to_be_asked_for_are_due_at_the_poll_deadline(void **state)
{
	struct outcome outcome = { .kind = OUTCOME_AWAIT_POLL, .attempts_add = 1, .retry_at = NOW + 5, .deadline_at = NOW + 70,
	                           .poll = (char *)(uintptr_t)"{}" };
	struct job job = job_after(0);
	struct job_change change;

	(void)state;
	outcome_to_change(&outcome, &job, NOW, RETENTION_MS, &change);
	assert_int_equal(change.event, EVENT_AWAIT_POLL);
	assert_int_equal(change.next_attempt_at, NOW + 5);
	assert_int_equal(change.queued_at, NOW + 5);
	assert_int_equal(change.due_at, NOW + 70);
	assert_int_equal(change.deadline_at, NOW + 70);
	assert_ptr_equal(change.poll, outcome.poll);
	outcome = (struct outcome){ .kind = OUTCOME_POLL_AGAIN, .retry_at = NOW + 9 };
	outcome_to_change(&outcome, &job, NOW, RETENTION_MS, &change);
	assert_int_equal(change.event, EVENT_POLL_AGAIN);
	assert_int_equal(change.next_attempt_at, NOW + 9);
	assert_int_equal(change.due_at, DEADLINE);
	assert_int_equal(change.deadline_at, 0);
	assert_int_equal(change.attempts_add, 0);
}

static void the_change_borrows_the_texts(void **state)
{
	struct outcome outcome = { .kind = OUTCOME_RETRY, .error = (char *)(uintptr_t)"e", .history_entry = (char *)(uintptr_t)"{}" };
	struct job job = job_after(0);
	struct job_change change;

	(void)state;
	outcome_to_change(&outcome, &job, NOW, RETENTION_MS, &change);
	assert_ptr_equal(change.error, outcome.error);
	assert_ptr_equal(change.history_entry, outcome.history_entry);
	assert_null(change.result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finished_jobs_expire),
		cmocka_unit_test(a_success_counts_for_its_own_attempt_but_may_be_written_without_it),
		cmocka_unit_test(queued_jobs_are_due_at_their_deadline),
		cmocka_unit_test(awaited_callbacks_are_due),
		cmocka_unit_test(jobs_to_be_asked_for_are_due_at_the_poll_deadline),
		cmocka_unit_test(the_change_borrows_the_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
