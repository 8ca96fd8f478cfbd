#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "job_state.h"

static void nothing_leaves_done(void **state)
{
	(void)state;
	for (int e = 0; e < EVENT_COUNT; e++) {
		assert_int_equal(job_transition((enum job_event)e)->from & PHASE_BIT(PHASE_DONE), 0);
		assert_int_not_equal(job_transition((enum job_event)e)->from, 0);
	}
}

static void exactly_the_finished_have_a_final_status(void **state)
{
	(void)state;
	for (int e = 0; e < EVENT_COUNT; e++) {
		const struct job_transition *t = job_transition((enum job_event)e);

		assert_int_equal(t->to == PHASE_DONE, t->status >= 0 && status_is_final((enum status)t->status));
	}
}

static void the_picture_in_the_header_is_true(void **state)
{
	static const struct { enum job_event event; unsigned from; enum phase to; } rows[] = {
		{ EVENT_CLAIM, PHASE_BIT(PHASE_QUEUED), PHASE_CALLING },
		{ EVENT_CLAIM_POLL, PHASE_BIT(PHASE_WAITING_POLL), PHASE_POLLING },
		{ EVENT_FAIL, PHASE_BIT(PHASE_CALLING) | PHASE_BIT(PHASE_POLLING), PHASE_DONE },
		{ EVENT_RETRY, PHASE_BIT(PHASE_CALLING), PHASE_QUEUED },
		{ EVENT_RETURN, PHASE_BIT(PHASE_CALLING), PHASE_QUEUED },
		{ EVENT_LEASE_LOST, PHASE_BIT(PHASE_CALLING), PHASE_QUEUED },
		{ EVENT_AWAIT_CALLBACK, PHASE_BIT(PHASE_CALLING), PHASE_WAITING_CALLBACK },
		{ EVENT_AWAIT_POLL, PHASE_BIT(PHASE_CALLING), PHASE_WAITING_POLL },
		{ EVENT_POLL_AGAIN, PHASE_BIT(PHASE_POLLING), PHASE_WAITING_POLL },
		{ EVENT_POLL_LOST, PHASE_BIT(PHASE_POLLING), PHASE_WAITING_POLL },
		{ EVENT_CALLBACK_FAIL, PHASE_BIT(PHASE_CALLING) | PHASE_BIT(PHASE_WAITING_CALLBACK), PHASE_DONE },
		{ EVENT_CALLBACK_RETRY, PHASE_BIT(PHASE_CALLING) | PHASE_BIT(PHASE_WAITING_CALLBACK), PHASE_QUEUED },
		{ EVENT_FALL_BACK, PHASES_UNFINISHED, PHASE_QUEUED },
		{ EVENT_REQUEUE, PHASE_BIT(PHASE_QUEUED), PHASE_QUEUED },
		{ EVENT_REQUEUE_POLL, PHASE_BIT(PHASE_WAITING_POLL), PHASE_WAITING_POLL },
		{ EVENT_SUCCEED, PHASES_UNFINISHED, PHASE_DONE },
		{ EVENT_EXPIRE, PHASES_UNFINISHED, PHASE_DONE },
		{ EVENT_CANCEL, PHASES_UNFINISHED, PHASE_DONE },
	};

	(void)state;
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), EVENT_COUNT);
	for (size_t i = 0; i < EVENT_COUNT; i++) {
		assert_int_equal(job_transition(rows[i].event)->from, rows[i].from);
		assert_int_equal(job_transition(rows[i].event)->to, rows[i].to);
	}
}

/* What a vendor has accepted is asked for, and never submitted to it again. */
static void nothing_leads_back_from_polls_to_the_queue(void **state)
{
	const unsigned polls = PHASE_BIT(PHASE_WAITING_POLL) | PHASE_BIT(PHASE_POLLING);

	(void)state;
	for (int e = 0; e < EVENT_COUNT; e++) {
		const struct job_transition *t = job_transition((enum job_event)e);

		if (t->from & polls && !t->to_other)
			assert_true(t->to == PHASE_DONE || polls & PHASE_BIT(t->to));
	}
}

/* The new vendor's calls have fences of their own, and its attempts are counted from the start. */
static void one_event_goes_to_another_vendor(void **state)
{
	(void)state;
	for (int e = 0; e < EVENT_COUNT; e++)
		assert_int_equal(job_transition((enum job_event)e)->to_other, e == EVENT_FALL_BACK);
}

/* A stale worker must not take a job away from the one that has it now. */
static void only_these_may_be_written_without_the_fence(void **state)
{
	(void)state;
	for (int e = 0; e < EVENT_COUNT; e++)
		assert_int_equal(job_transition((enum job_event)e)->any_fence,
		                 e == EVENT_CLAIM || e == EVENT_CLAIM_POLL || e == EVENT_SUCCEED || e == EVENT_CANCEL);
}

static void names_are_read_back(void **state)
{
	(void)state;
	for (int p = 0; p < PHASE_COUNT; p++)
		assert_int_equal(phase_parse(phase_name((enum phase)p)), p);
	for (int s = 0; s < STATUS_COUNT; s++)
		assert_int_equal(status_parse(status_name((enum status)s)), s);
	assert_int_equal(phase_parse("Queued"), -1);
	assert_int_equal(phase_parse(""), -1);
	assert_int_equal(status_parse("done"), -1);
}

static void every_event_has_its_own_name(void **state)
{
	(void)state;
	for (int a = 0; a < EVENT_COUNT; a++)
		for (int b = 0; b < a; b++)
			assert_string_not_equal(job_transition((enum job_event)a)->name, job_transition((enum job_event)b)->name);
}

/* Stored data is read by these. */
static void stored_names_stay(void **state)
{
	(void)state;
	assert_string_equal(phase_name(PHASE_QUEUED), "queued");
	assert_string_equal(phase_name(PHASE_CALLING), "calling");
	assert_string_equal(phase_name(PHASE_WAITING_CALLBACK), "waiting_callback");
	assert_string_equal(phase_name(PHASE_WAITING_POLL), "waiting_poll");
	assert_string_equal(phase_name(PHASE_POLLING), "polling");
	assert_string_equal(phase_name(PHASE_DONE), "done");
	assert_string_equal(status_name(STATUS_PENDING), "pending");
	assert_string_equal(status_name(STATUS_PROCESSING), "processing");
	assert_string_equal(status_name(STATUS_COMPLETE), "complete");
	assert_string_equal(status_name(STATUS_FAILED), "failed");
	assert_string_equal(status_name(STATUS_CANCELLED), "cancelled");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_leaves_done),
		cmocka_unit_test(exactly_the_finished_have_a_final_status),
		cmocka_unit_test(the_picture_in_the_header_is_true),
		cmocka_unit_test(nothing_leads_back_from_polls_to_the_queue),
		cmocka_unit_test(one_event_goes_to_another_vendor),
		cmocka_unit_test(only_these_may_be_written_without_the_fence),
		cmocka_unit_test(names_are_read_back),
		cmocka_unit_test(every_event_has_its_own_name),
		cmocka_unit_test(stored_names_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
