#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/guard.h"

enum { MS = 1000 };

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
		guard_sample(&guard, 1 * MS);
	assert_int_equal(guard_ms(&guard), GUARD_MIN_MS);
}

static void widens_at_once_after_a_late_call(void **state)
{
	struct guard guard = fresh(0);

	(void)state;
	guard_sample(&guard, 90 * MS);
	assert_int_equal(guard_ms(&guard), 135);
}

static void never_passes_its_maximum(void **state)
{
	struct guard guard = fresh(0), slow_to_connect = fresh(3500);

	(void)state;
	guard_sample(&guard, 60000 * MS);
	assert_int_equal(guard_ms(&guard), GUARD_MAX_MS);
	guard_sample(&slow_to_connect, 60000 * MS);
	assert_int_equal(guard_ms(&slow_to_connect), 3500);
}

static void one_late_call_is_forgotten_after_a_while(void **state)
{
	struct guard guard = fresh(0);

	(void)state;
	guard_sample(&guard, 200 * MS);
	for (int i = 0; i < 500; i++)
		guard_sample(&guard, 2 * MS);
	assert_int_equal(guard_ms(&guard), GUARD_MIN_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_wide),
		cmocka_unit_test(narrows_to_the_least_while_calls_leave_at_once),
		cmocka_unit_test(widens_at_once_after_a_late_call),
		cmocka_unit_test(never_passes_its_maximum),
		cmocka_unit_test(one_late_call_is_forgotten_after_a_while),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
