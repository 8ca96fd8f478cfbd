/* Limits by the calendar, and costs, in Redis: no day has more calls than its limit, whenever calls leave and whatever the
 * vendor's clock says of midnight, which in these tests is where they want it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/queue_fixture.h"
#include "../support/zone_bytes.h"
#include "civil.h"
#include "clock.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	DAY_MS = 86400000, HOUR_MS = 3600000, CALLS = 5, GRANTS_MAX = 4000, SLOTS_MAX = 8,
	SPARE_MS = VENDOR_CLOCK_SPARE_MS + FIXTURE_TRAVEL_MS,
};

static struct private_redis *server;
static struct time_zone *zone;

static int64_t now_ms(void) { return fixture_wall_us() / 1000; }

/* The zone in which it was midnight so long ago, or will be (less than 0); the midnight itself, in ms: a whole second. */
static int64_t set_midnight(int64_t ago_ms)
{
	int64_t midnight = floor_div(now_ms() - ago_ms, 1000), behind = floor_mod(midnight, SECONDS_A_DAY);
	char rule[32];

	snprintf(rule, sizeof(rule), "XXX%d:%02d:%02d", (int)behind / 3600, (int)behind / 60 % 60, (int)behind % 60);
	time_zone_free(zone);
	zone = zone_of_rule(rule);
	return midnight * 1000;
}

static struct vendor by_day(int64_t calls)
{
	struct vendor_limit limit = { .calls = calls, .unit = CALENDAR_DAY, .per_ms = calendar_longest_ms(CALENDAR_DAY) };
	struct vendor vendor = fixture_vendor("daily", &limit, 1);

	vendor.time_zone = zone;
	return vendor;
}

/* A vendor of which 40 jobs wait, and nothing was called. */
static struct queue *begun(const struct vendor *vendor)
{
	struct queue *queue = fixture_queue(server);

	private_redis_flush(server);
	fixture_push(queue, vendor->name, 40);
	fixture_begin(queue, vendor, true);
	return queue;
}

/* As if all that is counted had been so much earlier. */
static void age(int64_t ms)
{
	char number[32];

	snprintf(number, sizeof(number), "%lld", (long long)ms);
	assert_int_equal(private_redis_do(server,
		"EVAL %s 1 t:rate_limit:{daily} w:172800000 %s",
		"local r = cmsgpack.unpack(redis.call('HGET', KEYS[1], ARGV[1])) "
		"for i = 1, #r[3], 3 do r[3][i] = r[3][i] - ARGV[2] r[3][i + 2] = r[3][i + 2] - ARGV[2] end "
		"redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack(r)) return 1", number), 1);
}

/* As /health and the deadline of a job say it. */
static int64_t used_up_ms(struct queue *queue, const struct vendor *vendor)
{
	struct queue_state state = { .vendor = vendor };

	assert_int_equal(queue_states(queue, &state, 1, NULL), ERR_OK);
	return state.quota_ms;
}

static void a_day_has_its_calls_and_the_next_begins_anew(void **state)
{
	int64_t midnight = set_midnight(HOUR_MS), wait;
	struct vendor vendor = by_day(CALLS);
	struct queue *queue = begun(&vendor);
	struct queue_grant grants[10];
	struct queue_take take;

	(void)state;
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), CALLS);
	take = fixture_take(queue, &vendor, 10, grants);
	assert_int_equal(take.n, 0);
	/* Until the vendor's clock shows midnight, too. */
	wait = midnight + DAY_MS + VENDOR_CLOCK_SPARE_MS - take.granted_us / 1000;
	assert_in_range(take.wait_ms, wait - 2, wait + 2);
	assert_in_range(take.quota_wait_ms, wait - 2, wait + 2);
	assert_in_range(used_up_ms(queue, &vendor), wait - 2000, wait + 2);
	age(2 * HOUR_MS);
	assert_int_equal(used_up_ms(queue, &vendor), 0);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), CALLS);
	age(HOUR_MS / 2);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 0);
	queue_free(queue);
}

/* They may be seen on either side of midnight, so they are counted on both. */
static void calls_around_midnight_count_in_both_days(void **state)
{
	int64_t midnight = set_midnight(-1500), left;
	struct vendor vendor = by_day(CALLS);
	struct queue *queue = begun(&vendor);

	(void)state;
	left = midnight - now_ms();
	fixture_nap_ms(left > 300 ? left - 300 : 0);
	assert_int_equal(fixture_take_n(queue, &vendor, 3, NULL), 3);
	fixture_nap_ms(midnight + VENDOR_CLOCK_SPARE_MS + 20 - now_ms());
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), CALLS - 3);
	queue_free(queue);
}

/* Every call is in every day in which it may be seen. */
static int calls_of_day(const struct fixture_call *calls, int n, int64_t start, int64_t end)
{
	int in_day = 0;

	for (int i = 0; i < n; i++) {
		int64_t earliest = calls[i].granted_us / 1000 - VENDOR_CLOCK_SPARE_MS;
		int64_t latest = calls[i].granted_us / 1000 + calls[i].guard_ms + SPARE_MS;

		in_day += earliest < end && latest >= start;
	}
	return in_day;
}

/* Guards from 1 to 200 ms, from before midnight until after it. */
static void neither_day_is_ever_over(void **state)
{
	enum { A_DAY = 250 };   /* at 100 calls a second it is used up while calls count in both */
	int64_t midnight = set_midnight(-2500), end = midnight + 2500;
	struct vendor vendor = by_day(A_DAY);
	struct queue *queue = fixture_queue(server);
	struct fixture_call *calls = mem_calloc(GRANTS_MAX, sizeof(*calls));
	struct queue_grant grants[4];
	int n = 0, before, after;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "daily", 1000);
	fixture_begin(queue, &vendor, true);
	while (now_ms() < end) {
		struct queue_take take = { .vendor = &vendor, .want = 1 + (int)random() % 4, .guard_ms = 1 + (int)random() % 200,
		                           .lease_ms = FIXTURE_LEASE_MS, .grants = grants };

		assert_int_equal(queue_take(queue, "w1", &take, 1, NULL), ERR_OK);
		assert_int_equal(take.outcome, ERR_OK);
		for (int i = 0; i < take.n; i++)
			calls[n++] = (struct fixture_call){ take.granted_us, take.guard_ms };
		fixture_finish(queue, "daily", grants, take.n);
		fixture_nap_ms(25);
	}
	before = calls_of_day(calls, n, midnight - DAY_MS, midnight);
	after = calls_of_day(calls, n, midnight, midnight + DAY_MS);
	print_message("days: %d and %d of %d, %d calls in all\n", before, after, A_DAY, n);
	assert_in_range(before, fixture_least(50), A_DAY);
	assert_in_range(after, fixture_least(50), A_DAY);
	free(calls);
	queue_free(queue);
}

static void what_did_not_leave_is_free_again(void **state)
{
	struct vendor vendor = (set_midnight(HOUR_MS), by_day(CALLS));
	struct queue *queue = begun(&vendor);
	struct queue_grant grants[10];
	struct queue_take take = fixture_take(queue, &vendor, 10, grants);
	struct queue_op refund = { .kind = QUEUE_REFUND, .vendor = "daily", .at = 2, .granted_us = take.granted_us };

	(void)state;
	assert_int_equal(take.n, CALLS);
	fixture_finish(queue, "daily", grants, take.n);
	assert_int_equal(queue_apply(queue, &refund, 1, NULL), ERR_OK);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 2);
	queue_free(queue);
}

/* Its file is older, and knows nothing of days. */
static void calls_of_a_worker_without_the_limit_count(void **state)
{
	static const struct vendor_limit hundred[] = { { .calls = 100, .per_ms = 1000 } };
	struct vendor vendor = (set_midnight(HOUR_MS), by_day(CALLS)), other = fixture_vendor("daily", hundred, 1);
	struct queue *queue = begun(&vendor);

	(void)state;
	assert_int_equal(fixture_take_n(queue, &vendor, 1, NULL), 1);
	assert_int_equal(fixture_take_n(queue, &other, 3, NULL), 3);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), CALLS - 4);
	queue_free(queue);
}

static void a_span_and_a_day_hold_together(void **state)
{
	struct vendor vendor = (set_midnight(HOUR_MS), by_day(CALLS));
	struct queue *queue;

	(void)state;
	/* All three go by the same record. */
	vendor.limits[1] = (struct vendor_limit){ .calls = 3, .per_ms = vendor.limits[0].per_ms };
	vendor.limits[2] = vendor.limits[0];
	vendor.limits[2].calls = 4;
	vendor.n_limits = 3;
	queue = begun(&vendor);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 3);
	age(2 * HOUR_MS);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 0);
	vendor.limits[1].calls = 20;
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 4);
	queue_free(queue);
}

/* ---- A Redis that forgot ---- */

static struct quota_slot kept[SLOTS_MAX];
static size_t n_kept;
static const struct vendor *counted_for;

static void keep(void *arg, int64_t until)
{
	assert_true(n_kept < SLOTS_MAX);
	kept[n_kept++] = (struct quota_slot){ .vendor = counted_for->name, .per_ms = counted_for->limits[0].per_ms,
	                                      .until = until, .count = *(int64_t *)arg };
}

/* As the worker counts it in the store. */
static void count(const struct vendor *vendor, int64_t from, int64_t until, int64_t n)
{
	counted_for = vendor;
	quota_each_slot(vendor, vendor->limits[0].per_ms, &(struct quota_span){ from, until }, keep, &n);
}

static int granted_after_wipe(const struct vendor *vendor)
{
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[1];
	int n;

	private_redis_flush(server);
	fixture_push(queue, vendor->name, 40);
	assert_int_equal(fixture_take(queue, vendor, 1, grants).outcome, ERR_STALE);
	fixture_begin_with(queue, vendor, false, kept, n_kept);
	n = fixture_take_n(queue, vendor, 20, NULL);
	n_kept = 0;
	queue_free(queue);
	return n;
}

static void a_wiped_redis_goes_on_in_the_middle_of_a_day(void **state)
{
	int64_t midnight = set_midnight(5000);
	struct vendor vendor = by_day(20);

	(void)state;
	count(&vendor, midnight - 3000, midnight - 2900, 16);
	count(&vendor, midnight + 2000, midnight + 2100, 3);
	assert_int_equal(granted_after_wipe(&vendor), 17);
	/* The vendor may have seen these on either day. */
	count(&vendor, midnight - 100, midnight - 50, 4);
	count(&vendor, midnight + 2000, midnight + 2100, 3);
	assert_int_equal(granted_after_wipe(&vendor), 13);
	/* A reservation that reaches beyond now. */
	count(&vendor, now_ms() - 10, now_ms() + 1500, 6);
	assert_int_equal(granted_after_wipe(&vendor), 14);
}

/* ---- Costs ---- */

static void each_limit_has_a_cost_of_its_own(void **state)
{
	static const struct vendor_limit credits[] = {
		{ .calls = 100, .per_ms = 1000, .cost = 1 },
		{ .calls = 23, .per_ms = DAY_MS, .cost = 5 },
	};
	struct vendor vendor = fixture_vendor("daily", credits, 2);
	struct queue *queue = begun(&vendor);

	(void)state;
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 4);
	/* What was called is counted, whatever a call costs tomorrow. */
	vendor.limits[1].cost = 2;
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 7);
	queue_free(queue);
}

/* 60 credits a second, 40 at once: 2 calls (less what the guard is worth), then one each third of a second. */
static void a_bucket_of_credits_fills_slower(void **state)
{
	static const struct vendor_limit credits[] = { { .calls = 60, .per_ms = 1000, .burst = 40, .cost = 20 } };
	struct vendor vendor = fixture_vendor("daily", credits, 1);
	struct queue *queue = begun(&vendor);
	int64_t wait;

	(void)state;
	assert_int_equal(fixture_take_n(queue, &vendor, 10, &wait), 1);
	assert_in_range(wait, 1, FIXTURE_GUARD_MS + FIXTURE_TRAVEL_MS);
	fixture_nap_ms(wait);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, &wait), 1);
	assert_in_range(wait, 200, 334);
	queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_has_its_calls_and_the_next_begins_anew),
		cmocka_unit_test(calls_around_midnight_count_in_both_days),
		cmocka_unit_test(neither_day_is_ever_over),
		cmocka_unit_test(what_did_not_leave_is_free_again),
		cmocka_unit_test(calls_of_a_worker_without_the_limit_count),
		cmocka_unit_test(a_span_and_a_day_hold_together),
		cmocka_unit_test(a_wiped_redis_goes_on_in_the_middle_of_a_day),
		cmocka_unit_test(each_limit_has_a_cost_of_its_own),
		cmocka_unit_test(a_bucket_of_credits_fills_slower),
	};
	int failed;

	private_redis_or_skip();
	server = private_redis_start(NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	private_redis_free(server);
	time_zone_free(zone);
	return failed;
}
