#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <cmocka.h>

#include "uuid.h"

static const int64_t NOW = INT64_C(1800000000123);

static void it_has_the_form_of_version_7(void **state)
{
	char id[UUID_TEXT_SIZE], ms[13];

	(void)state;
	uuid_new(NOW, id);
	assert_int_equal(strlen(id), 36);
	assert_true(uuid_is_valid(id));
	assert_int_equal(id[14], '7');
	assert_non_null(strchr("89ab", id[19]));
	memcpy(ms, id, 8);
	memcpy(ms + 8, id + 9, 4);
	ms[12] = '\0';
	assert_int_equal(strtoll(ms, NULL, 16), NOW);
}

static void later_ids_sort_later_even_within_a_millisecond(void **state)
{
	char last[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];

	(void)state;
	uuid_new(NOW + 1, last);
	/* More than the 4096 that one millisecond has room for. */
	for (int i = 0; i < 20000; i++) {
		uuid_new(NOW + 1, id);
		assert_true(strcmp(last, id) < 0);
		memcpy(last, id, sizeof(last));
	}
}

static void a_clock_that_goes_back_changes_no_order(void **state)
{
	char last[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];

	(void)state;
	uuid_new(NOW + 1000, last);
	for (int i = 0; i < 5000; i++) {
		uuid_new(NOW + 1000 - i, id);
		assert_true(strcmp(last, id) < 0);
		memcpy(last, id, sizeof(last));
	}
}

enum { THREADS = 4, IDS = 5000 };
static char made[THREADS][IDS][UUID_TEXT_SIZE];

static void *make_ids(void *arg)
{
	char (*ids)[UUID_TEXT_SIZE] = arg;

	for (int i = 0; i < IDS; i++)
		uuid_new(NOW + 5000, ids[i]);
	return NULL;
}

static int compare(const void *a, const void *b) { return strcmp(a, b); }

static void threads_never_make_the_same(void **state)
{
	pthread_t threads[THREADS];
	char (*all)[UUID_TEXT_SIZE] = made[0];

	(void)state;
	for (int t = 0; t < THREADS; t++)
		assert_int_equal(pthread_create(&threads[t], NULL, make_ids, made[t]), 0);
	for (int t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	qsort(all, THREADS * IDS, UUID_TEXT_SIZE, compare);
	for (int i = 1; i < THREADS * IDS; i++)
		assert_string_not_equal(all[i - 1], all[i]);
}

static void only_canonical_text_is_valid(void **state)
{
	static const char *const bad[] = {
		"", "0198c0de", "0198c0de-0000-7000-8000-00000000000", "0198c0de-0000-7000-8000-0000000000011",
		"0198C0DE-0000-7000-8000-000000000001", "0198c0de00000-7000-8000-000000000001", "0198c0de-0000-7000-8000-00000000000g",
		"{198c0de-0000-7000-8000-00000000000}", "0198c0de-0000-7000-8000-000000000001\n", "0198c0de 0000-7000-8000-000000000001",
	};

	(void)state;
	assert_true(uuid_is_valid("0198c0de-0000-7000-8000-000000000001"));
	assert_true(uuid_is_valid("ffffffff-ffff-4fff-ffff-ffffffffffff"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(uuid_is_valid(bad[i]));
}

static void either_case_is_read_as_lower_case(void **state)
{
	char out[UUID_TEXT_SIZE];

	(void)state;
	assert_true(uuid_parse("01A20470-ABCD-7EF0-8000-00000000000F", out));
	assert_string_equal(out, "01a20470-abcd-7ef0-8000-00000000000f");
	assert_false(uuid_parse("", out));
	assert_false(uuid_parse("01A20470-ABCD-7EF0-8000-00000000000G", out));
	assert_false(uuid_parse("01a20470-abcd-7ef0-8000-00000000000f0", out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_case_is_read_as_lower_case),
		cmocka_unit_test(it_has_the_form_of_version_7),
		cmocka_unit_test(later_ids_sort_later_even_within_a_millisecond),
		cmocka_unit_test(a_clock_that_goes_back_changes_no_order),
		cmocka_unit_test(threads_never_make_the_same),
		cmocka_unit_test(only_canonical_text_is_valid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
