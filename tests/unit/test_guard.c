#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/guard.h"

enum { MS = 1000, NOW = 1000 * MS };

static struct guard fresh(int64_t max_ms)
{
	struct guard guard;

	guard_init(&guard, max_ms);
	return guard;
}

static void begins_wide(void **state)
{
	struct guard guard = fresh(0);

	(void)state;
	assert_int_equal(guard_ms(&guard), GUARD_START_MS);
}

static void narrows_to_the_least_while_calls_leave_at_once(void **state)
{
	struct guard guard = fresh(0);

	(void)state;
	for (int i = 0; i < 1000; i++)
		guard_sample(&guard, NOW, 1 * MS);
	assert_int_equal(guard_ms(&guard), GUARD_MIN_MS);
}

static void widens_at_once_after_a_late_call(void **state)
{
	struct guard guard = fresh(0);

	(void)state;
	guard_sample(&guard, NOW, 90 * MS);
	assert_int_equal(guard_ms(&guard), 135);
}

static void never_passes_its_maximum(void **state)
{
	struct guard guard = fresh(0), slow_to_connect = fresh(3500);

	(void)state;
	guard_sample(&guard, NOW, 60000 * MS);
	assert_int_equal(guard_ms(&guard), GUARD_MAX_MS);
	guard_sample(&slow_to_connect, NOW, 60000 * MS);
	assert_int_equal(guard_ms(&slow_to_connect), 3500);
}

static void one_late_call_is_forgotten_after_a_while(void **state)
{
	struct guard guard = fresh(0);

	(void)state;
	guard_sample(&guard, NOW, 200 * MS);
	for (int i = 0; i < 500; i++)
		guard_sample(&guard, NOW, 2 * MS);
	assert_int_equal(guard_ms(&guard), GUARD_MIN_MS);
}

static void few_samples_forget_with_time(void **state)
{
	struct guard guard = fresh(0);

	(void)state;
	guard_sample(&guard, NOW, 200 * MS);
	for (int i = 1; i <= 8; i++)
		guard_sample(&guard, NOW + 1000 * MS * i, 2 * MS);
	assert_int_equal(guard_ms(&guard), GUARD_MIN_MS);
	guard_sample(&guard, NOW + 9000 * MS, 200 * MS);
	guard_sample(&guard, NOW + 3600000LL * MS, 2 * MS);   /* half of it, however long ago */
	assert_in_range(guard_ms(&guard), 150, 152);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_wide),
		cmocka_unit_test(narrows_to_the_least_while_calls_leave_at_once),
		cmocka_unit_test(widens_at_once_after_a_late_call),
		cmocka_unit_test(never_passes_its_maximum),
		cmocka_unit_test(one_late_call_is_forgotten_after_a_while),
		cmocka_unit_test(few_samples_forget_with_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
