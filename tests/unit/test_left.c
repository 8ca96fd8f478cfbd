#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/left.h"

#include <pthread.h>

enum { THREADS = 4, CALLS = 20000 };

static void calls_of_one_grant_are_one_report(void **state)
{
	struct queue_left items[QUEUE_LEFT_MAX];
	struct left left;

	(void)state;
	left_init(&left);
	assert_int_equal(left_take(&left, items), 0);
	left_add(&left, 100, 130);
	left_add(&left, 200, 210);
	left_add(&left, 100, 120);
	left_add(&left, 200, 250);
	assert_int_equal(left_take(&left, items), 2);
	assert_int_equal(items[0].granted_us, 100);
	assert_int_equal(items[0].n, 2);
	assert_int_equal(items[0].left_us, 130);
	assert_int_equal(items[1].granted_us, 200);
	assert_int_equal(items[1].n, 2);
	assert_int_equal(items[1].left_us, 250);
	assert_int_equal(left_take(&left, items), 0);
	left_deinit(&left);
}

static void what_finds_no_room_is_not_told(void **state)
{
	struct queue_left items[QUEUE_LEFT_MAX];
	struct left left;

	(void)state;
	left_init(&left);
	for (int64_t grant = 1; grant <= QUEUE_LEFT_MAX + 1; grant++)
		left_add(&left, grant, grant);
	left_add(&left, QUEUE_LEFT_MAX, 1000);
	assert_int_equal(left_take(&left, items), QUEUE_LEFT_MAX);
	for (int i = 0; i < QUEUE_LEFT_MAX; i++)
		assert_int_equal(items[i].granted_us, i + 1);
	assert_int_equal(items[QUEUE_LEFT_MAX - 1].n, 2);
	left_deinit(&left);
}

static void *add_many(void *arg)
{
	for (int i = 0; i < CALLS; i++)
		left_add(arg, i % 8, i);
	return NULL;
}

static void no_call_is_told_twice(void **state)
{
	struct queue_left items[QUEUE_LEFT_MAX];
	pthread_t threads[THREADS];
	struct left left;
	int told = 0;

	(void)state;
	left_init(&left);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, &left), 0);
	for (int round = 0; round < 1000; round++)
		for (int i = left_take(&left, items) - 1; i >= 0; i--)
			told += items[i].n;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = left_take(&left, items) - 1; i >= 0; i--)
		told += items[i].n;
	assert_int_equal(told, THREADS * CALLS);
	left_deinit(&left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_of_one_grant_are_one_report),
		cmocka_unit_test(what_finds_no_room_is_not_told),
		cmocka_unit_test(no_call_is_told_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
