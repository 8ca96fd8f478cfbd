/* The limiter, as the vendor sees it: many clients at once against a real Redis, and the worst that leaving late
 * can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/queue_fixture.h"
#include "clock.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { GRANTS_MAX = 20000, LAG_MS = FIXTURE_GUARD_MS + FIXTURE_TRAVEL_MS };

static struct private_redis *server;

/* ---- Windows ---- */

/* The worst case: one leaves at its latest, the one `calls` after it at its earliest. */
static void expect_window_kept(const struct fixture_call *calls, int n, const struct vendor_limit *limit)
{
	for (int i = 0; i + limit->calls < n; i++) {
		int64_t latest = calls[i].granted_us + (calls[i].guard_ms + FIXTURE_TRAVEL_MS) * 1000;

		if (calls[i + limit->calls].granted_us - latest < limit->per_ms * 1000)
			fail_msg("%lld in %lld ms broken at call %d of %d", (long long)limit->calls,
			         (long long)limit->per_ms, i, n);
	}
}

/* And as it happens: every call leaves at some time within its guard, once in 50 ways. */
static void expect_window_kept_at_random(const struct fixture_call *calls, int n, const struct vendor_limit *limit)
{
	struct fixture_call *seen = mem_calloc((size_t)n + 1, sizeof(*seen));

	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < n; i++)
			seen[i].granted_us = calls[i].granted_us + random() % (calls[i].guard_ms * 1000);
		qsort(seen, (size_t)n, sizeof(*seen), fixture_call_by_time);
		for (int i = 0; i + limit->calls < n; i++)
			assert_true(seen[i + limit->calls].granted_us - seen[i].granted_us >= limit->per_ms * 1000);
	}
	free(seen);
}

/* How many calls the limits allow in so many ms, if each window is longer by what calls may be late. */
static int ideal_calls(const struct vendor *vendor, int64_t ms)
{
	int *granted = mem_calloc((size_t)ms, sizeof(*granted)), sum = 0;

	for (int64_t t = 0; t < ms; t++) {
		int64_t room = INT32_MAX;

		for (size_t k = 0; k < vendor->n_limits; k++) {
			int64_t used = 0;

			for (int64_t u = t; u >= 0 && u > t - vendor->limits[k].per_ms - LAG_MS; u--)
				used += granted[u];
			if (vendor->limits[k].calls - used < room)
				room = vendor->limits[k].calls - used;
		}
		granted[t] = (int)room;
		sum += granted[t];
	}
	free(granted);
	return sum;
}

static void windows_are_never_broken_and_nearly_full(void **state)
{
	static const struct vendor_limit limits[] = {
		{ .calls = 50, .per_ms = 200 },
		{ .calls = 200, .per_ms = 1000 },
	};
	struct vendor vendor = fixture_vendor("windows", limits, 2);
	struct fixture_hammer hammer;
	int ideal;

	(void)state;
	fixture_hammer_run(&hammer, server, &vendor, 2500);
	ideal = ideal_calls(&vendor, hammer.took_ms);
	print_message("windows: %d calls of %d\n", hammer.n, ideal);
	for (size_t i = 0; i < vendor.n_limits; i++) {
		expect_window_kept(hammer.calls, hammer.n, &limits[i]);
		expect_window_kept_at_random(hammer.calls, hammer.n, &limits[i]);
	}
	assert_in_range(hammer.n, fixture_least(ideal * 9 / 10), ideal + 50);
	free(hammer.calls);
}

/* A trickle: calls gather in slots that are wider than their distance. */
static void calls_that_share_a_slot_count_as_long_as_the_last(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 20, .per_ms = 500 } };
	struct vendor vendor = fixture_vendor("trickle", limits, 1);
	struct queue *queue = fixture_queue(server);
	struct fixture_call *calls = mem_calloc(GRANTS_MAX, sizeof(*calls));
	int64_t end = clock_mono_ms() + 1150;
	struct queue_grant grants[1];
	int n = 0;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "trickle", 200);
	fixture_begin(queue, &vendor, true);
	while (clock_mono_ms() < end) {
		struct queue_take take = fixture_take(queue, &vendor, 1, grants);

		if (take.n)
			calls[n++] = (struct fixture_call){ take.granted_us, FIXTURE_GUARD_MS };
		if (take.n && n % 3)
			fixture_nap_ms(1);
	}
	assert_true(n > fixture_least(45));
	expect_window_kept(calls, n, &limits[0]);
	free(calls);
	queue_free(queue);
}

static void an_odd_window_shorter_than_the_guard_is_kept_too(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 3, .per_ms = 7 } };
	struct vendor vendor = fixture_vendor("short", limits, 1);
	struct fixture_hammer hammer;

	(void)state;
	fixture_hammer_run(&hammer, server, &vendor, 700);
	expect_window_kept(hammer.calls, hammer.n, &limits[0]);
	assert_true(hammer.n >= fixture_least(ideal_calls(&vendor, hammer.took_ms) * 7 / 10));
	free(hammer.calls);
}

/* ---- Buckets ---- */

/* For every stretch that begins with the latest of call i: all calls that may lie in it. */
static void expect_bucket_kept(const struct fixture_call *calls, int n, const struct vendor_limit *limit)
{
	double rate = (double)limit->calls / (double)limit->per_ms;

	for (int i = 0; i < n; i++) {
		int64_t from = calls[i].granted_us + (calls[i].guard_ms + FIXTURE_TRAVEL_MS) * 1000;
		int inside = 0;

		for (int j = 0; j < n; j++) {
			double ms = (double)(calls[j].granted_us - from) / 1000;

			inside += calls[j].granted_us + (calls[j].guard_ms + FIXTURE_TRAVEL_MS) * 1000 >= from;
			if (inside > (double)limit->burst + rate * (ms > 0 ? ms : 0) + 0.001)
				fail_msg("burst %lld + %g/ms broken: %d calls from %d to %d", (long long)limit->burst,
				         rate, inside, i, j);
		}
	}
}

static void buckets_are_never_broken_and_nearly_empty(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 300, .per_ms = 1000, .burst = 40 } };
	struct vendor vendor = fixture_vendor("bucket", limits, 1);
	struct fixture_hammer hammer;
	int ideal;

	(void)state;
	fixture_hammer_run(&hammer, server, &vendor, 1200);
	ideal = 40 + (int)(300 * (hammer.took_ms - LAG_MS) / 1000);
	print_message("bucket: %d calls of %d\n", hammer.n, ideal);
	expect_bucket_kept(hammer.calls, hammer.n, &limits[0]);
	assert_in_range(hammer.n, fixture_least(ideal * 9 / 10), ideal + 1);
	free(hammer.calls);
}

static void a_burst_smaller_than_the_guard_spaces_the_calls(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 50, .per_ms = 1000, .burst = 1 } };
	struct vendor vendor = fixture_vendor("tight", limits, 1);
	struct fixture_hammer hammer;
	int ideal;

	(void)state;
	fixture_hammer_run(&hammer, server, &vendor, 1000);
	ideal = (int)hammer.took_ms / (20 + LAG_MS);   /* (2 - 1 + rate * lag) / rate */
	expect_bucket_kept(hammer.calls, hammer.n, &limits[0]);
	assert_in_range(hammer.n, fixture_least(ideal * 8 / 10), ideal + 1);
	free(hammer.calls);
}

/* One client, guards from 1 to 200 ms; every grant is checked against its own. */
static void guards_that_vary_break_neither(void **state)
{
	static const struct vendor_limit limits[] = {
		{ .calls = 200, .per_ms = 1000, .burst = 20 },
		{ .calls = 30, .per_ms = 150 },
	};
	struct vendor vendor = fixture_vendor("guards", limits, 2);
	struct queue *queue = fixture_queue(server);
	struct fixture_call *calls = mem_calloc(GRANTS_MAX, sizeof(*calls));
	int64_t end = clock_mono_ms() + 900;
	struct queue_grant grants[8];
	int n = 0;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "guards", 1000);
	fixture_begin(queue, &vendor, true);
	while (clock_mono_ms() < end) {
		int guard_ms = random() % 8 ? 1 + (int)(random() % 30) : 200;
		struct queue_take take = { .vendor = &vendor, .want = 8, .guard_ms = guard_ms, .lease_ms = 1000,
			.grants = grants };

		assert_int_equal(queue_take(queue, "w1", &take, 1, NULL), ERR_OK);
		for (int i = 0; i < take.n; i++)
			calls[n++] = (struct fixture_call){ take.granted_us, guard_ms };
		fixture_nap_ms(1 + random() % 10);
	}
	assert_true(n > fixture_least(30));
	expect_bucket_kept(calls, n, &limits[0]);
	/* Guards differ, so the order of leaving does: all pairs, not only neighbours. */
	for (int i = 0; i < n; i++) {
		int64_t latest = calls[i].granted_us + (calls[i].guard_ms + FIXTURE_TRAVEL_MS) * 1000;
		int inside = 0;

		for (int j = 0; j < n; j++)
			inside += calls[j].granted_us + (calls[j].guard_ms + FIXTURE_TRAVEL_MS) * 1000 >= latest &&
				calls[j].granted_us < latest + limits[1].per_ms * 1000;
		assert_in_range(inside, 1, limits[1].calls);
	}
	free(calls);
	queue_free(queue);
}

/* ---- Steps of the limiter ---- */

static void wait_tells_when_the_window_frees(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 5, .per_ms = 300 } };
	struct vendor vendor = fixture_vendor("wait", limits, 1);
	struct queue *queue = fixture_queue(server);
	int64_t wait;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "wait", 20);
	fixture_begin(queue, &vendor, true);
	assert_int_equal(fixture_take_n(queue, &vendor, 3, &wait), 3);
	assert_int_equal(wait, 0);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, &wait), 2);
	assert_in_range(wait, fixture_least(250), 300 + LAG_MS + 1);
	fixture_nap_ms(wait + 5);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, &wait), 5);
	queue_free(queue);
}

/* While there are few slots they are narrow: calls 60 ms apart need not share one of a window of 50 s. */
static void calls_in_bursts_leave_the_window_as_they_came(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 10, .per_ms = 50000 } };
	struct vendor vendor = fixture_vendor("burst", limits, 1);
	struct queue *queue = fixture_queue(server);
	int64_t wait;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "burst", 20);
	fixture_begin(queue, &vendor, true);
	assert_int_equal(fixture_take_n(queue, &vendor, 5, NULL), 5);
	fixture_nap_ms(60);
	assert_int_equal(fixture_take_n(queue, &vendor, 6, &wait), 5);
	assert_in_range(wait, 40000, 50000 + LAG_MS - 59);
	queue_free(queue);
}

static void wait_tells_when_the_bucket_has_a_token(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 10, .per_ms = 1000, .burst = 3 } };
	struct vendor vendor = fixture_vendor("token", limits, 1);
	struct queue *queue = fixture_queue(server);
	int64_t wait;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "token", 20);
	fixture_begin(queue, &vendor, true);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, &wait), 2);   /* 3 less the guard's share, whole calls */
	assert_in_range(wait, 1, 100);
	fixture_nap_ms(wait);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, &wait), 1);
	queue_free(queue);
}

static void refund_gives_back_while_the_call_counts(void **state)
{
	static const struct vendor_limit limits[] = {
		{ .calls = 10, .per_ms = 400 },
		{ .calls = 10, .per_ms = 1000, .burst = 12 },
	};
	struct vendor vendor = fixture_vendor("refund", limits, 2);
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[10];
	struct queue_take take;
	struct queue_op op = { .kind = QUEUE_REFUND, .vendor = "refund", .at = 4 };

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "refund", 40);
	fixture_begin(queue, &vendor, true);
	take = fixture_take(queue, &vendor, 10, grants);
	assert_int_equal(take.n, 10);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 0);
	/* Without its time a grant cannot be found: nothing comes back. */
	assert_int_equal(queue_apply(queue, &op, 1, NULL), ERR_OK);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 0);
	op.granted_us = take.granted_us;
	assert_int_equal(queue_apply(queue, &op, 1, NULL), ERR_OK);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 4);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 0);
	queue_free(queue);
}

/* Who waits, and why: only then may it go on to another vendor. What is read without a grant is taken, and spends nothing. */
static void a_take_tells_why_entries_wait(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 2, .per_ms = 60000 } };
	struct vendor vendor = fixture_vendor("why", limits, 1);
	struct queue *queue = fixture_queue(server);
	struct queue_op hold = { .kind = QUEUE_HOLD, .vendor = "why", .at = 500000 };
	struct queue_grant grants[10];
	struct queue_take take;
	int n = 0;

	(void)state;
	private_redis_flush(server);
	vendor.breaker = (struct breaker_rules){ .failure_ratio = 0.5, .min_calls = 10, .window_ms = 30000, .open_ms = 1000, .probes = 1 };
	fixture_push(queue, "why", 6);
	fixture_begin(queue, &vendor, true);
	take = fixture_take(queue, &vendor, 2, grants);
	assert_int_equal(take.n, 2);
	assert_int_equal(take.open_ms + take.limited_ms, 0);
	fixture_finish(queue, "why", grants, 2);
	take = fixture_take(queue, &vendor, 2, grants);
	assert_int_equal(take.n, 0);
	assert_in_range(take.limited_ms, 1, 61000);
	assert_int_equal(take.open_ms, 0);
	assert_int_equal(queue_apply(queue, &hold, 1, NULL), ERR_OK);
	take = fixture_take(queue, &vendor, 2, grants);
	assert_in_range(take.limited_ms, 400000, 501000);
	private_redis_do(server, "HSET t:breaker:{why} state open open_until 99999999999999");
	take = fixture_take(queue, &vendor, 2, grants);
	assert_int_equal(take.n, 0);
	assert_in_range(take.open_ms, 1, 9000);
	assert_int_equal(queue_read_waiting(queue, "why", "w1", grants, 3, &n, NULL), ERR_OK);
	assert_int_equal(n, 3);
	fixture_finish(queue, "why", grants, 3);
	assert_int_equal(queue_read_waiting(queue, "why", "w1", grants, 3, &n, NULL), ERR_OK);
	assert_int_equal(n, 1);
	fixture_finish(queue, "why", grants, 1);
	assert_int_equal(queue_read_waiting(queue, "why", "w1", grants, 3, &n, NULL), ERR_OK);
	assert_int_equal(n, 0);
	/* Nobody waits. */
	take = fixture_take(queue, &vendor, 2, grants);
	assert_int_equal(take.open_ms + take.limited_ms, 0);
	fixture_expect_empty(server, "why");
	queue_free(queue);
}

/* Granted at once, but the vendor gets three of them a quarter of a second later: they leave its window later, too. */
static void late_calls_count_anew(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 5, .per_ms = 400 } };
	struct vendor vendor = fixture_vendor("late", limits, 1);
	struct queue *queue = fixture_queue(server);
	struct queue_op op = { .kind = QUEUE_LATE, .vendor = "late", .at = 3 };
	int64_t wait, told;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "late", 40);
	fixture_begin(queue, &vendor, true);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 5);
	fixture_nap_ms(250);
	told = clock_mono_ms();
	assert_int_equal(queue_apply(queue, &op, 1, NULL), ERR_OK);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, &wait), 0);
	while (fixture_take_n(queue, &vendor, 2, &wait) == 0)
		fixture_nap_ms(wait);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, &wait), 0);
	fixture_nap_ms(wait);
	assert_in_range(clock_mono_ms() - told, 400, 10000);
	assert_true(fixture_take_n(queue, &vendor, 10, NULL) >= fixture_least(1));
	queue_free(queue);
}

/* Two grants, the first one's refund comes when its slot has gone: it must not free the second one's. */
static void late_refund_gives_nothing_back(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 10, .per_ms = 100 } };
	struct vendor vendor = fixture_vendor("late", limits, 1);
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[10];
	struct queue_take first;
	struct queue_op op = { .kind = QUEUE_REFUND, .vendor = "late", .at = 5 };

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "late", 40);
	fixture_begin(queue, &vendor, true);
	first = fixture_take(queue, &vendor, 5, grants);
	assert_int_equal(first.n, 5);
	fixture_nap_ms(100 + LAG_MS + 5);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 10);
	op.granted_us = first.granted_us;
	assert_int_equal(queue_apply(queue, &op, 1, NULL), ERR_OK);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 0);
	queue_free(queue);
}

/* What comes back is the refunded grant's own share, not that of calls which are soon forgotten anyway. */
static void a_refund_is_of_its_own_grant(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 10, .per_ms = 600 } };
	struct vendor vendor = fixture_vendor("own", limits, 1);
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[10];
	struct queue_take take;
	struct queue_op op = { .kind = QUEUE_REFUND, .vendor = "own", .at = 5 };
	int64_t wait;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "own", 40);
	fixture_begin(queue, &vendor, true);
	assert_int_equal(fixture_take_n(queue, &vendor, 5, NULL), 5);
	fixture_nap_ms(200);
	take = fixture_take(queue, &vendor, 5, grants);
	assert_int_equal(take.n, 5);
	op.granted_us = take.granted_us;
	assert_int_equal(queue_apply(queue, &op, 1, NULL), ERR_OK);
	fixture_nap_ms(20);
	assert_int_equal(fixture_take_n(queue, &vendor, 5, NULL), 5);   /* the second refund finds no more of its own */
	assert_int_equal(queue_apply(queue, &op, 1, NULL), ERR_OK);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, &wait), 0);
	fixture_nap_ms(wait);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 5);
	queue_free(queue);
}

/* Whose share a grant has cannot be told by its time, if the clock has said that time twice. */
static void a_grant_from_before_the_clock_was_set_back_is_not_refunded(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 10, .per_ms = 600 } };
	static const char grant_later[] = "local r = cmsgpack.unpack(redis.call('HGET', KEYS[1], 'w:600')) "
		"r[4] = r[4] + 100000 redis.call('HSET', KEYS[1], 'w:600', cmsgpack.pack(r)) return 1";
	struct vendor vendor = fixture_vendor("back", limits, 1);
	struct queue *queue = fixture_queue(server);
	struct queue_op op = { .kind = QUEUE_REFUND, .vendor = "back", .at = 10 };
	struct queue_grant grants[10];
	struct queue_take take;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "back", 40);
	fixture_begin(queue, &vendor, true);
	take = fixture_take(queue, &vendor, 10, grants);
	assert_int_equal(take.n, 10);
	private_redis_do(server, "EVAL %s 1 t:rate_limit:{back}", grant_later);
	op.granted_us = take.granted_us;
	assert_int_equal(queue_apply(queue, &op, 1, NULL), ERR_OK);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 0);
	queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_are_never_broken_and_nearly_full),
		cmocka_unit_test(calls_that_share_a_slot_count_as_long_as_the_last),
		cmocka_unit_test(an_odd_window_shorter_than_the_guard_is_kept_too),
		cmocka_unit_test(buckets_are_never_broken_and_nearly_empty),
		cmocka_unit_test(a_burst_smaller_than_the_guard_spaces_the_calls),
		cmocka_unit_test(guards_that_vary_break_neither),
		cmocka_unit_test(wait_tells_when_the_window_frees),
		cmocka_unit_test(calls_in_bursts_leave_the_window_as_they_came),
		cmocka_unit_test(wait_tells_when_the_bucket_has_a_token),
		cmocka_unit_test(refund_gives_back_while_the_call_counts),
		cmocka_unit_test(late_refund_gives_nothing_back),
		cmocka_unit_test(a_refund_is_of_its_own_grant),
		cmocka_unit_test(a_grant_from_before_the_clock_was_set_back_is_not_refunded),
		cmocka_unit_test(late_calls_count_anew),
		cmocka_unit_test(a_take_tells_why_entries_wait),
	};

	private_redis_or_skip();
	server = private_redis_start(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
