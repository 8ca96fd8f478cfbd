/* The mock's window counter against its definition, computed the slow way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../mock/window.h"

static const int64_t SECOND = INT64_C(1000000000);

enum { CALLS_MAX = 300 };

struct result {
	uint64_t violations, max_in_window;
};

/* A repeatable random number: the rounds below are the same in every run. */
static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)*seed * below) >> 32);
}

/* The definition, word by word. Among equal times the sequence of adding decides. */
static struct result brute_force(const int64_t *times, int count, uint64_t limit, int64_t span)
{
	struct result result = { 0 };

	for (int i = 0; i < count; i++) {
		uint64_t inside = 0;

		for (int k = 0; k < count; k++)
			inside += times[k] > times[i] - span &&
			          (times[k] < times[i] || (times[k] == times[i] && k <= i));
		result.violations += inside > limit;
		if (inside > result.max_in_window)
			result.max_in_window = inside;
	}
	return result;
}

static void assert_like_brute_force(const int64_t *times, int count, uint64_t limit, int64_t span)
{
	struct window window = { 0 };
	struct result expected = brute_force(times, count, limit, span);

	window_set(&window, limit, span);
	for (int i = 0; i < count; i++)
		window_add(&window, times[i]);
	assert_int_equal(window.violations, expected.violations);
	assert_int_equal(window.max_in_window, expected.max_in_window);
	window_deinit(&window);
}

static void without_a_limit_counts_nothing(void **state)
{
	struct window window = { 0 };

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_false(window_add(&window, 5));
	window_set(&window, 3, 0);
	assert_false(window_add(&window, 5));
	assert_int_equal(window.violations, 0);
	assert_int_equal(window.max_in_window, 0);
	window_deinit(&window);
}

static void the_call_after_the_last_allowed_one_is_the_violation(void **state)
{
	struct window window = { 0 };

	(void)state;
	window_set(&window, 3, SECOND);
	for (int i = 0; i < 3; i++)
		assert_false(window_add(&window, i));
	assert_true(window_add(&window, 3));
	assert_true(window_add(&window, SECOND - 1));
	assert_int_equal(window.violations, 2);
	assert_int_equal(window.max_in_window, 5);
	window_deinit(&window);
}

static void a_call_exactly_one_span_ago_is_outside(void **state)
{
	struct window window = { 0 };

	(void)state;
	window_set(&window, 1, SECOND);
	assert_false(window_add(&window, 0));
	assert_false(window_add(&window, SECOND));
	assert_true(window_add(&window, 2 * SECOND - 1));
	window_deinit(&window);
}

static void a_late_call_makes_violations_of_later_ones(void **state)
{
	struct window window = { 0 };

	(void)state;
	window_set(&window, 2, SECOND);
	assert_false(window_add(&window, 100));
	assert_false(window_add(&window, 300));
	assert_false(window_add(&window, 200)); /* the second in its window; the call at 300 is the third now */
	assert_int_equal(window.violations, 1);
	assert_int_equal(window.max_in_window, 3);
	window_deinit(&window);
}

static void a_clock_that_was_set_back_starts_anew(void **state)
{
	struct window window = { 0 };

	(void)state;
	window_set(&window, 1, SECOND);
	assert_false(window_add(&window, 3600 * SECOND));
	assert_false(window_add(&window, 0));
	assert_true(window_add(&window, 1));
	window_deinit(&window);
}

static void setting_a_limit_forgets_the_past(void **state)
{
	struct window window = { 0 };

	(void)state;
	window_set(&window, 1, SECOND);
	window_add(&window, 0);
	assert_true(window_add(&window, 1));
	window_set(&window, 1, SECOND);
	assert_int_equal(window.violations, 0);
	assert_false(window_add(&window, 2));
	window_deinit(&window);
}

static void in_order_calls_match_brute_force(void **state)
{
	uint32_t seed = 1;
	int64_t times[CALLS_MAX];

	(void)state;
	for (int round = 0; round < 300; round++) {
		int count = 1 + (int)draw(&seed, CALLS_MAX);
		int64_t at = draw(&seed, 1000), step = 1 + draw(&seed, 400);

		for (int i = 0; i < count; i++)
			times[i] = at += draw(&seed, (uint32_t)step); /* steps of 0 make equal times */
		assert_like_brute_force(times, count, 1 + draw(&seed, 20), 1 + draw(&seed, 3000));
	}
}

static void out_of_order_calls_match_brute_force(void **state)
{
	uint32_t seed = 7;
	int64_t times[CALLS_MAX];

	(void)state;
	for (int round = 0; round < 300; round++) {
		int count = 1 + (int)draw(&seed, CALLS_MAX);
		int64_t at = 0, step = 1 + draw(&seed, 400);

		for (int i = 0; i < count; i++) {
			at += draw(&seed, (uint32_t)step);
			times[i] = at - draw(&seed, 2000);
		}
		assert_like_brute_force(times, count, 1 + draw(&seed, 20), 1 + draw(&seed, 3000));
	}
}

/* Spans and steps of seconds, so that old calls are dropped while late ones still come. */
static void dropping_old_calls_changes_nothing(void **state)
{
	uint32_t seed = 99;
	int64_t times[CALLS_MAX];

	(void)state;
	for (int round = 0; round < 300; round++) {
		int count = 1 + (int)draw(&seed, CALLS_MAX);
		int64_t at = 0, span = (1 + draw(&seed, 20)) * SECOND / 4;

		for (int i = 0; i < count; i++) {
			at += draw(&seed, 1000) * (SECOND / 1000);
			times[i] = at - draw(&seed, 4000) * (SECOND / 1000);
		}
		assert_like_brute_force(times, count, 1 + draw(&seed, 12), span);
	}
}

static void a_flood_stays_exact_when_the_ring_is_full(void **state)
{
	struct window window = { 0 };
	uint64_t calls = WINDOW_CALLS_MAX + 1000;

	(void)state;
	window_set(&window, 1000, 3600 * SECOND);
	for (uint64_t i = 0; i < calls; i++)
		window_add(&window, (int64_t)i);
	assert_int_equal(window.violations, calls - 1000);
	assert_int_equal(window.max_in_window, WINDOW_CALLS_MAX);
	window_deinit(&window);
}

static void it_says_how_many_more_may_come_and_from_when_on(void **state)
{
	struct window window = { 0 };
	int64_t free_at;

	(void)state;
	assert_true(window_left(&window, 5, &free_at) == UINT64_MAX);
	window_set(&window, 2, SECOND);
	assert_int_equal(window_left(&window, 0, &free_at), 2);
	window_add(&window, 100);
	assert_int_equal(window_left(&window, 200, &free_at), 1);
	window_add(&window, 300);
	assert_int_equal(window_left(&window, 400, &free_at), 0);
	assert_int_equal(free_at, SECOND + 100);
	assert_int_equal(window_left(&window, SECOND + 99, &free_at), 0);
	assert_int_equal(window_left(&window, SECOND + 100, &free_at), 1);
	/* A call too many is there, too: two have to leave. */
	window_add(&window, 500);
	assert_int_equal(window_left(&window, 600, &free_at), 0);
	assert_int_equal(free_at, SECOND + 300);
	window_deinit(&window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_limit_counts_nothing),
		cmocka_unit_test(the_call_after_the_last_allowed_one_is_the_violation),
		cmocka_unit_test(a_call_exactly_one_span_ago_is_outside),
		cmocka_unit_test(a_late_call_makes_violations_of_later_ones),
		cmocka_unit_test(a_clock_that_was_set_back_starts_anew),
		cmocka_unit_test(setting_a_limit_forgets_the_past),
		cmocka_unit_test(it_says_how_many_more_may_come_and_from_when_on),
		cmocka_unit_test(in_order_calls_match_brute_force),
		cmocka_unit_test(out_of_order_calls_match_brute_force),
		cmocka_unit_test(dropping_old_calls_changes_nothing),
		cmocka_unit_test(a_flood_stays_exact_when_the_ring_is_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
