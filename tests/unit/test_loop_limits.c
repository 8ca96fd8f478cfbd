/* loop.c, call.c and left.c: what a grant allows, and what the vendor itself says of its limits. */
#include "../support/loop_fixture.h"

#include "clock.h"

enum { EVERY_DAY = 0x7f };

/* ---- Grants ---- */

static void a_grant_that_is_too_old_does_not_leave(void **state)
{
	struct fixture *f = *state;
	int before = guard_ms(&f->lane.guard);
	struct call *call;

	set_url(f, "/ok");
	start(f);
	loop_submit(f->loop, call_granted_ago(f, GUARD_MS + 1));
	call = wait_for(f, 1);
	assert_int_equal(call->exchange.answer.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(call->exchange.answer.sent_at, 0);
	assert_int_equal(tiny_http_requests(f->http), 0);
	assert_true(f->lane.guard_ms > before);
}

static void without_limits_the_lease_is_the_bound(void **state)
{
	struct fixture *f = *state;

	f->vendor.n_limits = 0;
	set_url(f, "/ok");
	start(f);
	loop_submit(f->loop, call_granted_ago(f, GUARD_MS + 1));
	assert_int_equal(wait_for(f, 1)->exchange.answer.transport, TRANSPORT_ANSWERED);
	loop_submit(f->loop, call_granted_ago(f, LEASE_MS - f->vendor.timeout_ms));
	assert_int_equal(wait_for(f, 1)->exchange.answer.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(tiny_http_requests(f->http), 1);
}

static void a_hold_stops_a_granted_call(void **state)
{
	struct fixture *f = *state;

	atomic_store(&f->lane.hold_until_mono_us, clock_mono_us() + 60000000);
	assert_int_equal(do_call(f, "/ok")->exchange.answer.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(tiny_http_requests(f->http), 0);
	atomic_store(&f->lane.hold_until_mono_us, clock_mono_us() - 1);
	assert_int_equal(do_call(f, "/ok")->exchange.answer.transport, TRANSPORT_ANSWERED);
}

/* Granted just before its hours were over, or by a worker whose clock was ahead. */
static void out_of_hours_nothing_leaves(void **state)
{
	struct fixture *f = *state;
	int64_t minute = clock_now_ms() / 60000 % MINUTES_A_DAY;

	/* All but three minutes of the day, and the other way round. */
	hours_add(&f->vendor.hours, EVERY_DAY, (int)(minute + 2) % MINUTES_A_DAY, (int)(minute + MINUTES_A_DAY - 1) % MINUTES_A_DAY);
	assert_int_equal(do_call(f, "/ok")->exchange.answer.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(tiny_http_requests(f->http), 0);
	hours_add(&f->vendor.hours, EVERY_DAY, (int)(minute + MINUTES_A_DAY - 1) % MINUTES_A_DAY, (int)(minute + 2) % MINUTES_A_DAY);
	assert_int_equal(do_call(f, "/ok")->exchange.answer.transport, TRANSPORT_ANSWERED);
	hours_deinit(&f->vendor.hours);
}

/* ---- What the vendor says of its limits ---- */

/* Both lanes are of one account, and look at the headers. */
static void share_an_account(struct fixture *f)
{
	static const char *members[] = { "v", "other", NULL };

	f->vendor_group = (struct vendor_group){ .account = "@acme", .members = members, .n_members = 2 };
	left_init(&f->group.left);
	f->vendor.rate = (struct rate_rules){ .remaining = (char *)"x-RateLimit-remaining", .reset = (char *)"X-RateLimit-Reset",
	                                      .reset_is = RESET_AUTO, .hold_below = 1 };
	f->other_vendor.rate = f->vendor.rate;
	f->vendor.group = f->other_vendor.group = &f->vendor_group;
	f->lane.group = f->other_lane.group = &f->group;
}

static void headers_that_say_that_nothing_is_left_hold_the_account_at_once(void **state)
{
	struct fixture *f = *state;
	struct call *call;

	share_an_account(f);
	assert_int_equal(do_call(f, "/room")->exchange.answer.http_status, 200);
	assert_int_equal(lane_held_until_mono_us(&f->lane), 0);
	call = do_call(f, "/spent");
	assert_int_equal(call->exchange.answer.http_status, 200);
	assert_string_equal(call->exchange.answer.body, "{\"data\":1}");
	assert_in_range(call->hold_until_mono_us / 1000 - clock_mono_ms(), 10000, 20000);
	assert_true(lane_held_until_mono_us(&f->other_lane) >= call->hold_until_mono_us);
	assert_int_equal(do_call(f, "/ok")->exchange.answer.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(tiny_http_requests(f->http), 2);
}

static void a_hold_by_headers_has_the_bound_of_the_file(void **state)
{
	struct fixture *f = *state;

	share_an_account(f);
	f->vendor.retry.max_hold_ms = 3000;
	assert_in_range(do_call(f, "/spent")->hold_until_mono_us / 1000 - clock_mono_ms(), 1, 3000);
}

static void headers_that_make_no_sense_hold_nobody(void **state)
{
	struct fixture *f = *state;

	share_an_account(f);
	for (int i = 0; i < 3; i++)
		assert_int_equal(do_call(f, "/odd")->exchange.answer.http_status, 200);
	assert_int_equal(lane_held_until_mono_us(&f->lane), 0);
	assert_true(atomic_load(&f->lane.nonsense_told));
}

/* Of two calls the earlier one is answered last: by then the other one has been told that there is room. */
static void an_answer_that_was_overtaken_holds_from_when_its_call_left(void **state)
{
	struct fixture *f = *state;
	struct call *call;

	share_an_account(f);
	call = do_call(f, "/spent-slow");
	assert_true(call->hold_until_mono_us - call->exchange.left_mono_us >= 20000000 + TINY_HTTP_SLOW_MS * 1000);
	atomic_store(&f->group.hold_until_mono_us, 0);

	set_whole_url(&f->other_vendor, tiny_http_url(f->http, "/room"));
	loop_submit(f->loop, call_granted_ago(f, 0));
	wait_for_requests(f, 2);
	loop_submit(f->loop, call_of(f, &f->other_lane, 0));
	call = wait_for(f, 2);
	while (call->lane != &f->lane)
		call = call->next;
	assert_true(call->hold_until_mono_us == call->exchange.left_mono_us + 20000000);
}

/* ---- When calls left ---- */

/* Between the last look at the clock and the write the thread may have been kept from running. */
static void a_call_that_was_written_too_late_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct call call = { .lane = &f->lane, .granted_mono_us = 1000000, .leave_by_mono_us = 1020000,
		.exchange.vendor = &f->vendor };
	int guard_before;

	guard_init(&f->lane.guard, 0);
	guard_before = guard_ms(&f->lane.guard);
	assert_false(calls_left_late(&call, 1019000));
	assert_false(calls_left_late(&call, 1021000));
	assert_int_equal(guard_ms(&f->lane.guard), guard_before);
	assert_true(calls_left_late(&call, 1200000));
	assert_true(guard_ms(&f->lane.guard) >= 200);
	assert_int_equal(f->lane.late, 1);
	f->vendor.n_limits = 0;
	assert_false(calls_left_late(&call, 1200000));
	assert_int_equal(f->lane.late, 1);
}

/* Many are written in one go, which may take longer than the first ones had. */
static void a_call_is_late_only_if_the_next_one_began_late(void **state)
{
	struct fixture *f = *state;
	struct call calls[3];

	for (int i = 0; i < 3; i++)
		calls[i] = (struct call){ .lane = &f->lane, .granted_mono_us = 1000000, .leave_by_mono_us = 1020000,
			.exchange = { .vendor = &f->vendor, .left_mono_us = 1015000 + 4000 * i }, .next_left = i ? &calls[i - 1] : NULL };
	assert_true(calls_left_late(&calls[2], 1050000));   /* 0 was written by 1019000, 1 by 1023000, 2 by 1050000 */
	assert_int_equal(f->lane.late, 2);
	f->lane.late = 0;
	calls[2].exchange.left_mono_us = 1021000;
	assert_false(calls_left_late(&calls[2], 1022000));
	assert_int_equal(f->lane.late, 0);
}

/* In Redis TIME, from the time that Redis gave the grant at the earliest. */
static void the_lane_hears_when_calls_of_limited_vendors_left(void **state)
{
	struct fixture *f = *state;
	struct queue_left left[QUEUE_LEFT_MAX];
	struct call calls[3];

	for (int i = 0; i < 3; i++)
		calls[i] = (struct call){ .lane = &f->lane, .granted_us = i < 2 ? 7000000 : 7004000, .granted_mono_us = 1000000,
			.leave_by_mono_us = 1020000, .exchange = { .vendor = &f->vendor, .left_mono_us = 1003000 + 1000 * i },
			.next_left = i ? &calls[i - 1] : NULL };
	assert_false(calls_left_late(&calls[2], 1006000));
	assert_int_equal(left_take(&f->lane.left, left), 2);
	assert_int_equal(left[0].granted_us, 7004000);
	assert_int_equal(left[0].n, 1);
	assert_int_equal(left[0].left_us, 7010000);   /* written by 1006000: 6 ms after it was asked for */
	assert_int_equal(left[1].granted_us, 7000000);
	assert_int_equal(left[1].n, 2);
	assert_int_equal(left[1].left_us, 7005000);   /* the second one, before the third asked */
	f->vendor.n_limits = 0;
	assert_false(calls_left_late(&calls[2], 1006000));
	assert_int_equal(left_take(&f->lane.left, left), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(headers_that_say_that_nothing_is_left_hold_the_account_at_once),
		LOOP_TEST(a_hold_by_headers_has_the_bound_of_the_file),
		LOOP_TEST(headers_that_make_no_sense_hold_nobody),
		LOOP_TEST(an_answer_that_was_overtaken_holds_from_when_its_call_left),
		LOOP_TEST(a_grant_that_is_too_old_does_not_leave),
		LOOP_TEST(without_limits_the_lease_is_the_bound),
		LOOP_TEST(a_hold_stops_a_granted_call),
		LOOP_TEST(out_of_hours_nothing_leaves),
		LOOP_TEST(a_call_that_was_written_too_late_is_noticed),
		LOOP_TEST(a_call_is_late_only_if_the_next_one_began_late),
		LOOP_TEST(the_lane_hears_when_calls_of_limited_vendors_left),
	};

	return cmocka_run_group_tests_name("loop: limits", tests, loop_fixture_group_setup, loop_fixture_group_teardown);
}
