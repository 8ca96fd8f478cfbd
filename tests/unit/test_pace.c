#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/pace.h"

enum { MAX = 512, BATCH_US = PACE_BATCH_MS * 1000, ALONE_US = PACE_ALONE_MS * 1000, BATCHES = 20 };

static const char a, b;   /* lanes */

/* Full batches, one after the other, of jobs that take us_each. The end of the last one. */
static int64_t work_from(struct pace *pace, const void *lane, int64_t now, int batches, int64_t us_first, int64_t us_each)
{
	while (batches-- > 0) {
		int n = pace_most(pace, now);

		pace_note(pace, lane, n, now, now + us_first + n * us_each);
		now += us_first + n * us_each;
	}
	return now;
}

static int64_t work(struct pace *pace, const void *lane, int64_t now, int batches, int64_t us_each)
{
	pace_note(pace, lane, 1, now, now + us_each);
	return work_from(pace, lane, now + us_each, batches, 0, us_each);
}

static void one_lane_has_large_batches_however_long_they_take(void **state)
{
	struct pace pace;
	int64_t now;

	(void)state;
	pace_init(&pace, MAX);
	now = work(&pace, &a, 0, BATCHES, 100);
	assert_int_equal(pace_most(&pace, now), MAX);
}

static void with_several_a_batch_takes_as_long_as_it_may(void **state)
{
	struct pace pace;
	int64_t now;

	(void)state;
	pace_init(&pace, MAX);
	now = work(&pace, NULL, 0, BATCHES, 100);
	assert_in_range(pace_most(&pace, now) * 100, BATCH_US / 2, BATCH_US);
	now = work(&pace, NULL, now, BATCHES, 20);
	assert_in_range(pace_most(&pace, now) * 20, BATCH_US / 2, BATCH_US);
}

static void the_second_lane_does_not_wait_for_the_first_one_s_batches_to_shrink(void **state)
{
	struct pace pace;
	int64_t now;

	(void)state;
	pace_init(&pace, MAX);
	now = work(&pace, &a, 0, BATCHES, 100);
	pace_note(&pace, &b, 1, now, now + 1000);
	assert_in_range(pace_most(&pace, now + 1000) * 100, BATCH_US / 2, BATCH_US);
}

static void a_lane_is_alone_again_when_the_others_were_gone_for_a_while(void **state)
{
	struct pace pace;
	int64_t now;

	(void)state;
	pace_init(&pace, MAX);
	now = work(&pace, NULL, 0, BATCHES, 100);
	pace_note(&pace, &a, 1, now, now + ALONE_US / 2);
	assert_true(pace_most(&pace, now + ALONE_US - 1) < MAX);
	assert_int_equal(pace_most(&pace, now + ALONE_US), MAX);
}

static void where_the_smallest_batch_takes_long_smaller_ones_would_bring_nothing(void **state)
{
	struct pace pace;
	int64_t now;

	(void)state;
	pace_init(&pace, MAX);
	pace_note(&pace, NULL, 1, 0, 4 * BATCH_US);
	now = work_from(&pace, NULL, 4 * BATCH_US, BATCHES, 4 * BATCH_US, 10);
	assert_int_equal(pace_most(&pace, now), MAX);
	now = work_from(&pace, NULL, now, BATCHES, 4 * BATCH_US, 200);
	assert_in_range(pace_most(&pace, now) * 200, BATCH_US, 6 * BATCH_US);
}

static void never_fewer_than_a_transaction_is_worth(void **state)
{
	struct pace pace;
	int64_t now;

	(void)state;
	pace_init(&pace, MAX);
	now = work(&pace, NULL, 0, BATCHES, BATCH_US);
	assert_int_equal(pace_most(&pace, now), PACE_LEAST);
}

static void one_batch_that_was_held_up_halves_the_next_at_most(void **state)
{
	struct pace pace;

	(void)state;
	pace_init(&pace, MAX);
	pace_note(&pace, NULL, 1, 0, 1000);
	pace_note(&pace, NULL, MAX, 0, 1000 * BATCH_US);
	assert_int_equal(pace_most(&pace, 1000 * BATCH_US), MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_lane_has_large_batches_however_long_they_take),
		cmocka_unit_test(with_several_a_batch_takes_as_long_as_it_may),
		cmocka_unit_test(the_second_lane_does_not_wait_for_the_first_one_s_batches_to_shrink),
		cmocka_unit_test(a_lane_is_alone_again_when_the_others_were_gone_for_a_while),
		cmocka_unit_test(where_the_smallest_batch_takes_long_smaller_ones_would_bring_nothing),
		cmocka_unit_test(never_fewer_than_a_transaction_is_worth),
		cmocka_unit_test(one_batch_that_was_held_up_halves_the_next_at_most),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
