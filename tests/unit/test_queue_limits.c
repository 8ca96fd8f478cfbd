/* The limiter when what it knows of changes: Redis forgets or restarts, vendor files are changed, clocks are set back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/queue_fixture.h"
#include "clock.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

static struct private_redis *server;

static void restarted_redis_grants_no_second_burst(void **state)
{
	static const struct vendor_limit limits[] = {
		{ .calls = 5, .per_ms = 200 },
		{ .calls = 20, .per_ms = 1000, .burst = 5 },
	};
	struct vendor vendor = fixture_vendor("restart", limits, 2);
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[5];
	int64_t wait;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "restart", 5);
	assert_int_equal(fixture_take(queue, &vendor, 5, grants).outcome, ERR_STALE);
	fixture_begin(queue, &vendor, true);
	assert_true(fixture_take_n(queue, &vendor, 5, NULL) >= 4);

	private_redis_restart(server);
	fixture_wait_for_redis(queue);
	fixture_push(queue, "restart", 5);
	assert_int_equal(fixture_take(queue, &vendor, 5, grants).outcome, ERR_STALE);
	fixture_begin(queue, &vendor, false);
	assert_int_equal(fixture_take_n(queue, &vendor, 5, &wait), 0);
	assert_in_range(wait, 600, 200 + 500 + FIXTURE_TRAVEL_MS + 1);
	/* Somebody else who finds it stale comes too late to change anything. */
	fixture_begin(queue, &vendor, true);
	assert_int_equal(fixture_take_n(queue, &vendor, 5, NULL), 0);
	fixture_nap_ms(wait);
	assert_true(fixture_take_n(queue, &vendor, 5, NULL) >= 4);
	queue_free(queue);
}

static void an_unknown_vendor_is_asked_about_when_there_is_a_call_to_make(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 5, .per_ms = 86400000 } };
	struct vendor vendor = fixture_vendor("unknown", limits, 1);
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[5];
	struct queue_take take;

	(void)state;
	private_redis_flush(server);
	take = fixture_take(queue, &vendor, 5, grants);
	assert_int_equal(take.outcome, ERR_OK);
	assert_int_equal(take.n, 0);
	assert_int_equal(take.wait_ms, -1);
	fixture_push(queue, "unknown", 1);
	assert_int_equal(fixture_take(queue, &vendor, 5, grants).outcome, ERR_STALE);
	queue_free(queue);
}

static void fresh_is_not_believed_across_a_restart(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 5, .per_ms = 200 } };
	struct vendor vendor = fixture_vendor("fresh", limits, 1);
	struct queue_begin begin = { .vendor = &vendor, .fresh = true, .guard_max_ms = FIXTURE_GUARD_MAX_MS };
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[5];

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "fresh", 1);
	assert_int_equal(fixture_take(queue, &vendor, 5, grants).outcome, ERR_STALE);
	assert_int_equal(queue_limits_begin(queue, &begin, NULL), ERR_OK);
	memcpy(begin.ticket, begin.next_ticket, sizeof(begin.ticket));
	private_redis_restart(server);
	fixture_wait_for_redis(queue);
	fixture_push(queue, "fresh", 1);
	assert_int_equal(queue_limits_begin(queue, &begin, NULL), ERR_OK);
	assert_string_not_equal(begin.next_ticket, "");
	assert_int_equal(fixture_take(queue, &vendor, 5, grants).outcome, ERR_STALE);
	fixture_begin(queue, &vendor, false);
	fixture_push(queue, "fresh", 5);
	assert_int_equal(fixture_take_n(queue, &vendor, 5, NULL), 0);
	queue_free(queue);
}

static void changed_limits_count_what_was_called_under_the_old_ones(void **state)
{
	static const struct vendor_limit old[] = { { .calls = 10, .per_ms = 400 } };
	static const struct vendor_limit fewer[] = { { .calls = 6, .per_ms = 400 } };
	static const struct vendor_limit shorter[] = { { .calls = 12, .per_ms = 300 } };
	static const struct vendor_limit longer[] = { { .calls = 100, .per_ms = 500 } };
	static const struct { const struct vendor_limit *limits; size_t n; int grants; } cases[] = {
		{ old, 1, 2 },        /* 8 of 10 are used */
		{ fewer, 1, 0 },      /* 8 of 6 */
		{ shorter, 1, 4 },    /* 8 of 12: the longer window knew them all */
		{ longer, 1, 0 },     /* what happened before the shorter window is not known */
	};
	struct queue *queue = fixture_queue(server);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vendor before = fixture_vendor("changed", old, 1);
		struct vendor after = fixture_vendor("changed", cases[i].limits, cases[i].n);

		private_redis_flush(server);
		fixture_push(queue, "changed", 40);
		fixture_begin(queue, &before, true);
		assert_int_equal(fixture_take_n(queue, &before, 8, NULL), 8);
		assert_int_equal(fixture_take_n(queue, &after, 20, NULL), cases[i].grants);
	}
	queue_free(queue);
}

/* Workers with an old and a new file side by side count in each other's windows. */
static void workers_with_different_files_break_neither_limit(void **state)
{
	static const struct vendor_limit a_limits[] = { { .calls = 10, .per_ms = 400 } };
	static const struct vendor_limit b_limits[] = { { .calls = 12, .per_ms = 300 } };
	struct vendor a = fixture_vendor("mixed", a_limits, 1), b = fixture_vendor("mixed", b_limits, 1);
	struct queue *queue = fixture_queue(server);

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "mixed", 60);
	fixture_begin(queue, &a, true);
	assert_int_equal(fixture_take_n(queue, &a, 4, NULL), 4);
	assert_int_equal(fixture_take_n(queue, &b, 4, NULL), 4);
	assert_int_equal(fixture_take_n(queue, &a, 20, NULL), 2);
	assert_int_equal(fixture_take_n(queue, &b, 20, NULL), 2);
	assert_int_equal(fixture_take_n(queue, &a, 20, NULL), 0);
	queue_free(queue);
}

static void unreadable_record_counts_as_used_up_for_one_window(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 10, .per_ms = 100 } };
	struct vendor vendor = fixture_vendor("torn", limits, 1);
	struct queue *queue = fixture_queue(server);
	int64_t wait;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "torn", 20);
	fixture_begin(queue, &vendor, true);
	private_redis_do(server, "HSET t:rate_limit:{torn} w:100 %s", "nonsense");
	assert_int_equal(fixture_take_n(queue, &vendor, 10, &wait), 0);
	assert_in_range(wait, 500, 611);
	fixture_nap_ms(wait);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 10);
	queue_free(queue);
}

/* Redis TIME was set back by an hour: what lies ahead counts as of now, not for another hour. */
static void a_clock_set_back_costs_one_window(void **state)
{
	static const struct vendor_limit limits[] = {
		{ .calls = 10, .per_ms = 100 },
		{ .calls = 10, .per_ms = 1000, .burst = 10 },
	};
	static const char write[] = "local t = redis.call('TIME')[1] * 1000 + 3600000 "
		"redis.call('HSET', KEYS[1], 'w:100', cmsgpack.pack({1, t, {t, 10, t + 130}}), "
		"'b:10:1000:10', cmsgpack.pack({1, t, {10, t, t - 50}})) return 1";
	struct vendor vendor = fixture_vendor("back", limits, 2);
	struct queue *queue = fixture_queue(server);
	int64_t wait;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "back", 20);
	fixture_begin(queue, &vendor, true);
	private_redis_do(server, "EVAL %s 1 t:rate_limit:{back}", write);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, &wait), 0);
	assert_in_range(wait, 90, 131);
	fixture_nap_ms(wait);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 1);
	queue_free(queue);
}

static void the_hash_stays_small(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 100000, .per_ms = 250 } };
	struct vendor vendor = fixture_vendor("small", limits, 1);
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[1];
	int64_t end = clock_mono_ms() + 600;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "small", 5000);
	fixture_begin(queue, &vendor, true);
	while (clock_mono_ms() < end)
		fixture_take(queue, &vendor, 1, grants);
	assert_in_range(private_redis_do(server, "HSTRLEN t:rate_limit:{small} w:250"), fixture_least(100), 300 * (9 + 1 + 9) + 32);
	assert_int_equal(private_redis_do(server, "TTL t:rate_limit:{small}"), -1);
	queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restarted_redis_grants_no_second_burst),
		cmocka_unit_test(an_unknown_vendor_is_asked_about_when_there_is_a_call_to_make),
		cmocka_unit_test(fresh_is_not_believed_across_a_restart),
		cmocka_unit_test(changed_limits_count_what_was_called_under_the_old_ones),
		cmocka_unit_test(workers_with_different_files_break_neither_limit),
		cmocka_unit_test(unreadable_record_counts_as_used_up_for_one_window),
		cmocka_unit_test(a_clock_set_back_costs_one_window),
		cmocka_unit_test(the_hash_stays_small),
	};

	private_redis_or_skip();
	server = private_redis_start(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
