/* The circuit breaker's arithmetic (lib/queue_breaker.lua), run in a real Redis with a clock of our own. What
 * takes and reports do with it: test_breaker_queue.c; any order of events: test_breaker_random.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/breaker_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct private_redis *server;

/* Calls that ended, granted in the present spell; none of them lacked a connection. */
static const char *count(struct bench *bench, int successes, int failures)
{
	return bench_run(bench, "count now %d %d 0 1", successes, failures)->changed;
}

static void open_it(struct bench *bench)
{
	assert_string_equal(count(bench, 0, bench->rules.min_calls), "open");
}

/* Open, waited for, and with one probe out. */
static void half_open_it(struct bench *bench, const char *probe, long long lease_ms)
{
	open_it(bench);
	bench->now += bench_look(bench)->wait_ms;
	assert_string_equal(bench_run(bench, "lease %s %lld", probe, bench->now + lease_ms)->changed, "half_open");
}

static void a_new_breaker_is_closed(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	assert_string_equal(bench_look(bench)->state, "closed");
	assert_int_equal(bench->view.room, EVERYTHING);
	bench_free(bench);
}

static const struct { int successes, failures; const char *changed; } ratios[] = {
	{ 0, 19, "" }, { 0, 20, "open" }, { 10, 10, "open" }, { 11, 10, "" }, { 11, 11, "open" }, { 1000, 999, "" },
	{ 20, 0, "" }, { 0, 0, "" },
};

static void opens_at_the_ratio_but_not_below_the_minimum(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
		struct bench *bench = bench_new(server);

		assert_string_equal(count(bench, ratios[i].successes, ratios[i].failures), ratios[i].changed);
		bench_free(bench);
	}
}

static void says_why_it_opened(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	count(bench, 10, 15);
	assert_string_equal(bench->view.reason, "15 of 25 calls failed within 30 s");
	bench_free(bench);
	bench = bench_new(server);
	bench_run(bench, "count now 0 5 5 0");
	assert_string_equal(bench->view.reason, "5 connections in a row could not be opened");
	bench_free(bench);
}

static void calls_add_up_over_reports(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	for (int i = 0; i < 19; i++, bench->now += 1000)
		assert_string_equal(count(bench, 0, 1), "");
	assert_string_equal(count(bench, 0, 1), "open");
	bench_free(bench);
}

static void what_is_older_than_the_window_is_forgotten(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	count(bench, 0, 19);
	bench->now += BENCH_RULES.window_ms;
	assert_string_equal(count(bench, 0, 1), "");
	assert_string_equal(count(bench, 0, 18), "");
	assert_string_equal(count(bench, 0, 1), "open");
	bench_free(bench);
}

static void successes_are_forgotten_too(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	count(bench, 1000, 0);
	bench->now += BENCH_RULES.window_ms - BENCH_RULES.window_ms / 5;
	assert_string_equal(count(bench, 0, 100), "");
	bench->now += BENCH_RULES.window_ms / 5;
	assert_string_equal(count(bench, 0, 1), "open");
	bench_free(bench);
}

static void a_clock_set_back_forgets_what_lies_ahead(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	count(bench, 0, 19);
	bench->now -= 3600000;
	assert_string_equal(count(bench, 0, 19), "");
	open_it(bench);
	bench->now -= 3600000;
	assert_in_range(bench_look(bench)->wait_ms, 1, 8 * BENCH_RULES.open_ms);
	bench_free(bench);
}

static void connections_that_fail_in_a_row_open_it_without_the_minimum(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	bench_run(bench, "count now 0 2 2 0");
	bench_run(bench, "count now 0 2 2 0");
	assert_string_equal(bench->view.changed, "");
	assert_string_equal(bench_run(bench, "count now 1 4 4 1")->changed, "");   /* one in between got through */
	assert_string_equal(bench_run(bench, "count now 0 1 1 0")->changed, "open");
	bench_free(bench);
}

static void each_way_of_opening_can_be_switched_off(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	bench->rules.failure_ratio = 0;
	assert_string_equal(count(bench, 0, 1000), "");
	bench->rules = BENCH_RULES;
	bench->rules.connect_failures = 0;
	bench->rules.min_calls = 100000;
	assert_string_equal(bench_run(bench, "count now 0 1000 1000 0")->changed, "");
	bench_free(bench);
}

static void open_it_waits_half_fixed_half_jitter(void **state)
{
	static const struct { int random; long long wait_ms; } waits[] = { { 0, 5000 }, { 500, 7500 }, { 1000, 10000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct bench *bench = bench_new(server);

		bench->random = waits[i].random;
		open_it(bench);
		assert_int_equal(bench->view.room, 0);
		assert_int_equal(bench->view.wait_ms, waits[i].wait_ms);
		bench->now += waits[i].wait_ms - 1;
		assert_int_equal(bench_look(bench)->room, 0);
		bench->now++;
		assert_int_equal(bench_look(bench)->room, BENCH_RULES.probes);
		assert_string_equal(bench->view.state, "open");   /* until a probe goes */
		bench_free(bench);
	}
}

static void so_many_probes_go_and_close_it(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	half_open_it(bench, "1-1", 60000);
	assert_int_equal(bench->view.room, 2);
	bench_run(bench, "lease 1-2 %lld", bench->now + 50000);
	assert_int_equal(bench_run(bench, "lease 1-3 %lld", bench->now + 60000)->room, 0);
	assert_int_equal(bench->view.wait_ms, 50000);
	assert_string_equal(bench_run(bench, "probed 1-2 success")->changed, "");
	assert_int_equal(bench->view.room, 0);   /* one success, two out: no more are needed */
	bench_run(bench, "probed 1-1 success");
	assert_string_equal(bench_run(bench, "probed 1-3 success")->changed, "closed");
	assert_int_equal(bench->view.room, EVERYTHING);
	assert_int_equal(bench->view.opens, 0);
	assert_string_equal(count(bench, 0, 19), "");   /* its window begins anew */
	bench_free(bench);
}

static void a_probe_that_fails_opens_it_for_longer_each_time(void **state)
{
	static const long long waits[] = { 7500, 15000, 30000, 60000, 60000 };
	struct bench *bench = bench_new(server);

	(void)state;
	open_it(bench);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		assert_int_equal(bench_look(bench)->wait_ms, waits[i]);
		bench->now += waits[i];
		bench_run(bench, "lease 1-%zu %lld", i, bench->now + 60000);
		assert_string_equal(bench_run(bench, "probed 1-%zu failure", i)->changed, "open");
		assert_string_equal(bench->view.reason, "a probe failed");
	}
	bench_free(bench);
}

static void a_probe_that_says_nothing_makes_room_for_another(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	half_open_it(bench, "1-1", 60000);
	bench_run(bench, "lease 1-2 %lld", bench->now + 60000);
	assert_int_equal(bench_run(bench, "lease 1-3 %lld", bench->now + 60000)->room, 0);
	assert_string_equal(bench_run(bench, "probed 1-2 none")->changed, "");
	assert_int_equal(bench->view.room, 1);
	assert_int_equal(bench->view.leased, 2);
	bench_free(bench);
}

static void a_probe_whose_worker_died_is_forgotten_with_its_lease(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	bench->rules.probes = 1;
	half_open_it(bench, "1-1", 60000);
	assert_int_equal(bench->view.room, 0);
	bench->now += 60000;
	assert_int_equal(bench_look(bench)->room, 1);
	assert_string_equal(bench_run(bench, "probed 1-1 success")->changed, "");   /* too late */
	bench_run(bench, "lease 1-2 %lld", bench->now + 60000);
	assert_string_equal(bench_run(bench, "probed 1-2 success")->changed, "closed");
	bench_free(bench);
}

static void only_leased_probes_count_and_once(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	half_open_it(bench, "1-1", 60000);
	assert_string_equal(bench_run(bench, "probed 9-9 failure")->changed, "");
	bench_run(bench, "probed 1-1 success");
	bench_run(bench, "probed 1-1 success");
	assert_string_equal(bench_run(bench, "probed 1-1 success")->state, "half_open");
	assert_string_equal(bench_run(bench, "probed 1-1 failure")->state, "half_open");
	bench_free(bench);
}

/* Calls that were out when it opened come back: while it is open, half-open, and closed again. */
static void late_reports_change_nothing(void **state)
{
	struct bench *bench = bench_new(server);
	long long before = bench_look(bench)->since;

	(void)state;
	open_it(bench);
	assert_string_equal(bench_run(bench, "count %lld 100 0 0 1", before)->state, "open");
	bench->now += bench->view.wait_ms;
	bench_run(bench, "lease 1-1 %lld", bench->now + 60000);
	assert_string_equal(bench_run(bench, "count %lld 100 0 0 1", before)->state, "half_open");
	assert_string_equal(bench_run(bench, "count %lld 0 100 9 0", before)->state, "half_open");
	assert_string_equal(bench_run(bench, "count now 0 100 9 0")->state, "half_open");
	for (int i = 1; i <= BENCH_RULES.probes; i++) {
		bench_run(bench, "lease 1-%d %lld", i, bench->now + 60000);
		bench_run(bench, "probed 1-%d success", i);
	}
	assert_string_equal(bench->view.state, "closed");
	assert_string_equal(bench_run(bench, "count %lld 0 100 9 0", before)->state, "closed");
	bench_free(bench);
}

static void a_probe_of_an_earlier_time_half_open_does_not_count(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	half_open_it(bench, "1-1", 600000);
	bench_run(bench, "lease 1-2 %lld", bench->now + 600000);
	bench_run(bench, "probed 1-2 failure");
	bench->now += bench->view.wait_ms;
	bench_run(bench, "lease 1-3 %lld", bench->now + 600000);
	assert_string_equal(bench_run(bench, "probed 1-1 failure")->state, "half_open");
	assert_int_equal(bench->view.leased, 1);
	bench_free(bench);
}

static void fewer_probes_in_a_changed_file_do_not_wedge_it(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	half_open_it(bench, "1-1", 60000);
	bench_run(bench, "probed 1-1 success");
	bench_run(bench, "lease 1-2 %lld", bench->now + 60000);
	bench_run(bench, "probed 1-2 success");
	bench->rules.probes = 1;
	assert_int_equal(bench_look(bench)->room, 1);
	bench_run(bench, "lease 1-3 %lld", bench->now + 60000);
	assert_string_equal(bench_run(bench, "probed 1-3 none")->changed, "closed");
	bench_free(bench);
}

static void what_cannot_be_read_is_empty(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	private_redis_do(server, "HSET b state closed window nonsense probes %s connect_row 0", "\x91\x07");
	assert_string_equal(count(bench, 0, 19), "");
	open_it(bench);
	private_redis_do(server, "HSET b state half_open probes %s", "\xff");
	assert_int_equal(bench_look(bench)->room, BENCH_RULES.probes);
	bench_free(bench);
}

static void it_is_never_evicted_and_small(void **state)
{
	struct bench *bench = bench_new(server);

	(void)state;
	bench->rules.min_calls = 1000000;
	for (int i = 0; i < 500; i++, bench->now += 77)
		count(bench, 3, 2);
	assert_int_equal(private_redis_do(server, "TTL b"), -1);
	assert_true(private_redis_do(server, "MEMORY USAGE b") < 1000);
	bench_free(bench);
}

static int start_server(void **state)
{
	(void)state;
	server = private_redis_start(NULL);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	private_redis_free(server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_breaker_is_closed),
		cmocka_unit_test(opens_at_the_ratio_but_not_below_the_minimum),
		cmocka_unit_test(says_why_it_opened),
		cmocka_unit_test(calls_add_up_over_reports),
		cmocka_unit_test(what_is_older_than_the_window_is_forgotten),
		cmocka_unit_test(successes_are_forgotten_too),
		cmocka_unit_test(a_clock_set_back_forgets_what_lies_ahead),
		cmocka_unit_test(connections_that_fail_in_a_row_open_it_without_the_minimum),
		cmocka_unit_test(each_way_of_opening_can_be_switched_off),
		cmocka_unit_test(open_it_waits_half_fixed_half_jitter),
		cmocka_unit_test(so_many_probes_go_and_close_it),
		cmocka_unit_test(a_probe_that_fails_opens_it_for_longer_each_time),
		cmocka_unit_test(a_probe_that_says_nothing_makes_room_for_another),
		cmocka_unit_test(a_probe_whose_worker_died_is_forgotten_with_its_lease),
		cmocka_unit_test(only_leased_probes_count_and_once),
		cmocka_unit_test(late_reports_change_nothing),
		cmocka_unit_test(a_probe_of_an_earlier_time_half_open_does_not_count),
		cmocka_unit_test(fewer_probes_in_a_changed_file_do_not_wedge_it),
		cmocka_unit_test(what_cannot_be_read_is_empty),
		cmocka_unit_test(it_is_never_evicted_and_small),
	};

	private_redis_or_skip();
	return cmocka_run_group_tests_name("breaker", tests, start_server, stop_server);
}
