#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/untold.h"
#include "../support/private_redis.h"

#include <unistd.h>

enum { T0 = 1000000, CONNECT_AGAIN_US = 300000 };   /* the latter: lib/redis.h's REDIS_RETRY_MS and some more */

static const char key[] = "job-delayed:{v}";
static const char id[] = "01900000-0000-7000-8000-000000000001";

struct fixture {
	struct private_redis *redis;
	struct queue *queue;
	struct untold *untold;
};

static int setup(void **state)
{
	static struct fixture f;

	f.redis = private_redis_start(NULL);
	f.untold = untold_new();
	*state = &f;
	return queue_new(private_redis_url(f.redis), "", 500, &f.queue, NULL) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	untold_free(f->untold);
	queue_free(f->queue);
	private_redis_free(f->redis);
	return 0;
}

static void add_delay(struct fixture *f, int64_t at)
{
	untold_add(f->untold, &(struct queue_op){ .kind = QUEUE_DELAY, .vendor = "v", .request_id = id, .at = at });
}

static long long members(struct fixture *f) { return private_redis_do(f->redis, "ZCARD %s", key); }

static void what_is_added_is_told(void **state)
{
	struct fixture *f = *state;

	add_delay(f, 1);
	assert_int_equal(members(f), 0);
	assert_true(untold_tell(f->untold, f->queue, T0));
	assert_int_equal(members(f), 1);
}

static void what_redis_did_not_hear_is_told_again_but_not_at_once(void **state)
{
	struct fixture *f = *state;

	private_redis_kill(f->redis);
	add_delay(f, 1);
	assert_false(untold_tell(f->untold, f->queue, T0));
	private_redis_restart(f->redis);
	usleep(CONNECT_AGAIN_US);
	assert_false(untold_tell(f->untold, f->queue, T0 + UNTOLD_RETRY_MS - 1));
	assert_int_equal(members(f), 0);
	assert_true(untold_tell(f->untold, f->queue, T0 + UNTOLD_RETRY_MS));
	assert_int_equal(members(f), 1);
}

static void a_refund_is_told_once_at_most(void **state)
{
	struct fixture *f = *state;

	private_redis_kill(f->redis);
	untold_add(f->untold, &(struct queue_op){ .kind = QUEUE_REFUND, .vendor = "v", .at = 1, .granted_us = 1 });
	assert_true(untold_tell(f->untold, f->queue, T0));
}

static void a_report_is_told_once_at_most(void **state)
{
	static const struct breaker_rules rules = { .failure_ratio = 0.5, .min_calls = 1, .window_ms = 1000, .open_ms = 1000,
		.probes = 1 };
	struct queue_op op = { .kind = QUEUE_REPORT, .vendor = "v", .report = { .rules = &rules, .failures = 1 } };
	struct fixture *f = *state;

	untold_add(f->untold, &op);
	assert_true(untold_tell(f->untold, f->queue, T0));
	assert_int_equal(private_redis_do(f->redis, "EXISTS breaker:{v}"), 1);
	private_redis_kill(f->redis);
	untold_add(f->untold, &op);
	assert_true(untold_tell(f->untold, f->queue, T0 + 1));
}

/* Else the vendor would wait for the end of the probe's lease. */
static void a_report_of_a_probe_is_told_again(void **state)
{
	static const struct breaker_rules rules = { .failure_ratio = 0.5, .min_calls = 1, .window_ms = 1000, .open_ms = 1000,
		.probes = 1 };
	struct queue_op op = { .kind = QUEUE_REPORT, .vendor = "v", .entry_id = "1-1",
		.report = { .rules = &rules, .successes = 1 } };
	struct fixture *f = *state;

	private_redis_kill(f->redis);
	untold_add(f->untold, &op);
	assert_false(untold_tell(f->untold, f->queue, T0));
	private_redis_restart(f->redis);
	usleep(CONNECT_AGAIN_US);
	assert_true(untold_tell(f->untold, f->queue, T0 + UNTOLD_RETRY_MS));
	assert_int_equal(private_redis_do(f->redis, "EXISTS breaker:{v}"), 1);
}

/* Somebody else's key under our name: no other vendor's hold, report or retry waits for that. */
static void what_redis_refuses_for_one_vendor_stops_no_other(void **state)
{
	static const struct breaker_rules rules = { .failure_ratio = 0.5, .min_calls = 1, .window_ms = 1000, .open_ms = 1000,
		.probes = 1 };
	struct queue_op op = { .kind = QUEUE_REPORT, .vendor = "odd", .report = { .rules = &rules, .failures = 1 } };
	struct fixture *f = *state;

	private_redis_do(f->redis, "SET breaker:{odd} x");
	untold_add(f->untold, &op);
	assert_true(untold_tell(f->untold, f->queue, T0));
	add_delay(f, 1);
	assert_true(untold_tell(f->untold, f->queue, T0 + 1));
	assert_int_equal(members(f), 1);
	/* Redis itself says no: that is told again. */
	private_redis_do(f->redis, "REPLICAOF 127.0.0.1 1");
	untold_add(f->untold, &(struct queue_op){ .kind = QUEUE_HOLD, .vendor = "v", .at = 1000 });
	assert_false(untold_tell(f->untold, f->queue, T0 + 2));
	private_redis_do(f->redis, "REPLICAOF NO ONE");
	usleep(CONNECT_AGAIN_US);
	assert_true(untold_tell(f->untold, f->queue, T0 + 2 + UNTOLD_RETRY_MS));
	assert_int_equal(private_redis_do(f->redis, "EXISTS rate_limit:{v}"), 1);
}

static void what_is_old_is_dropped(void **state)
{
	struct fixture *f = *state;

	private_redis_kill(f->redis);
	add_delay(f, 1);
	assert_false(untold_tell(f->untold, f->queue, T0));
	assert_true(untold_tell(f->untold, f->queue, T0 + UNTOLD_MAX_AGE_MS));
}

static void there_is_no_more_than_the_maximum(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < UNTOLD_MAX + 10; i++)
		untold_add(f->untold, &(struct queue_op){ .kind = QUEUE_HOLD, .vendor = i < UNTOLD_MAX ? "v" : "late", .at = 1 });
	assert_true(untold_tell(f->untold, f->queue, T0));
	assert_int_equal(private_redis_do(f->redis, "EXISTS rate_limit:{v}"), 1);
	assert_int_equal(private_redis_do(f->redis, "EXISTS rate_limit:{late}"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_added_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(what_redis_did_not_hear_is_told_again_but_not_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refund_is_told_once_at_most, setup, teardown),
		cmocka_unit_test_setup_teardown(a_report_is_told_once_at_most, setup, teardown),
		cmocka_unit_test_setup_teardown(a_report_of_a_probe_is_told_again, setup, teardown),
		cmocka_unit_test_setup_teardown(what_redis_refuses_for_one_vendor_stops_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_old_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(there_is_no_more_than_the_maximum, setup, teardown),
	};

	private_redis_or_skip();
	return cmocka_run_group_tests_name("untold", tests, NULL, NULL);
}
