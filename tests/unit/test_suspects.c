#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/suspects.h"

static const char id[] = "01900000-0000-7000-8000-000000000001";

static int64_t seen_in_a_round(struct suspects *suspects, const char *request_id, int64_t fence, int64_t mono_ms)
{
	int64_t seen_for;

	suspects_begin_round(suspects);
	seen_for = suspects_seen_for_ms(suspects, request_id, fence, mono_ms);
	suspects_end_round(suspects);
	return seen_for;
}

static void counts_from_the_first_sight(void **state)
{
	struct suspects *suspects = suspects_new();

	(void)state;
	assert_int_equal(seen_in_a_round(suspects, id, 3, 1000), 0);
	assert_int_equal(seen_in_a_round(suspects, id, 3, 2500), 1500);
	assert_int_equal(seen_in_a_round(suspects, id, 3, 9000), 8000);
	suspects_free(suspects);
}

static void a_new_fence_begins_again(void **state)
{
	struct suspects *suspects = suspects_new();

	(void)state;
	seen_in_a_round(suspects, id, 3, 1000);
	assert_int_equal(seen_in_a_round(suspects, id, 4, 5000), 0);
	assert_int_equal(seen_in_a_round(suspects, id, 4, 5100), 100);
	suspects_free(suspects);
}

static void what_was_not_seen_in_a_round_is_forgotten(void **state)
{
	struct suspects *suspects = suspects_new();

	(void)state;
	seen_in_a_round(suspects, id, 3, 1000);
	seen_in_a_round(suspects, "01900000-0000-7000-8000-000000000002", 1, 2000);
	assert_int_equal(seen_in_a_round(suspects, id, 3, 3000), 0);
	suspects_free(suspects);
}

static void the_same_job_twice_in_a_round_counts_once(void **state)
{
	struct suspects *suspects = suspects_new();

	(void)state;
	suspects_begin_round(suspects);
	assert_int_equal(suspects_seen_for_ms(suspects, id, 1, 10), 0);
	assert_int_equal(suspects_seen_for_ms(suspects, id, 1, 20), 0);
	suspects_end_round(suspects);
	assert_int_equal(seen_in_a_round(suspects, id, 1, 30), 20);
	suspects_free(suspects);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_from_the_first_sight),
		cmocka_unit_test(a_new_fence_begins_again),
		cmocka_unit_test(what_was_not_seen_in_a_round_is_forgotten),
		cmocka_unit_test(the_same_job_twice_in_a_round_counts_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
