#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../fcgi/group.h"
#include "../support/gate.h"

#include <pthread.h>
#include <stdatomic.h>

enum { CALLERS = 200, AT_ONCE = 3, BYTES_MAX = 100 };

/* ---- Work that can be held up ---- */

struct caller {
	struct group_item item;
	pthread_t thread;
	struct group *group;
	int times, done;
};

static struct gate gate = GATE_OPEN;
static _Atomic int working, started, done;
static _Atomic int most_working, most_items;
static _Atomic size_t most_bytes;        /* of several items together */
static _Atomic int alone_with_more;      /* batches of a single item over BYTES_MAX */

static void note_largest(size_t n, size_t bytes)
{
	if ((int)n > most_items)
		most_items = (int)n;
	if (n > 1 && bytes > most_bytes)
		most_bytes = bytes;
	if (n == 1 && bytes > BYTES_MAX)
		alone_with_more++;
}

/* The gate is passed by one at a time, which is what note_largest() needs. */
static void work(void *arg, struct group_item *const *items, size_t n)
{
	int now = atomic_fetch_add(&working, 1) + 1;
	size_t bytes = 0;

	(void)arg;
	for (size_t i = 0; i < n; i++) {
		((struct caller *)items[i])->done++;
		bytes += items[i]->bytes;
	}
	gate_pass(&gate);
	gate_shut(&gate);
	note_largest(n, bytes);
	if (now > most_working)
		most_working = now;
	gate_open(&gate);
	atomic_fetch_add(&done, (int)n);
	atomic_fetch_sub(&working, 1);
}

static int begin(void **state)
{
	working = started = done = most_working = most_items = alone_with_more = gate.came = 0;
	most_bytes = 0;
	*state = group_new(AT_ONCE, BYTES_MAX, work, NULL);
	return 0;
}

static int end(void **state)
{
	group_free(*state);
	return 0;
}

static void *call(void *arg)
{
	struct caller *caller = arg;

	atomic_fetch_add(&started, 1);
	for (int i = 0; i < caller->times; i++)
		group_do(caller->group, &caller->item);
	return NULL;
}

static void start_callers(struct caller *callers, size_t bytes, int times, struct group *group)
{
	for (int i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){ .item = { .bytes = bytes }, .group = group, .times = times };
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
	}
}

static void end_callers(struct caller *callers)
{
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].done, callers[i].times);
	}
}

/* All of them, once, with the first AT_ONCE held up until the others have come. */
static void gather(struct group *group, size_t bytes)
{
	struct caller callers[CALLERS];

	gate_shut(&gate);
	start_callers(callers, bytes, 1, group);
	assert_true(comes_to(&started, CALLERS));
	assert_true(comes_to(&gate.came, AT_ONCE));
	gate_open(&gate);
	end_callers(callers);
	assert_int_equal(done, CALLERS);
}

/* ---- Tests ---- */

static void a_lone_one_works_at_once_for_itself(void **state)
{
	struct caller caller = { .times = 0 };

	for (int i = 1; i <= 3; i++) {
		group_do(*state, &caller.item);
		assert_int_equal(caller.done, i);
		assert_int_equal(gate.came, i);
	}
	assert_int_equal(most_items, 1);
}

static void so_many_work_at_once_and_the_others_gather(void **state)
{
	gather(*state, 0);
	assert_int_equal(most_working, AT_ONCE);
	assert_in_range(gate.came, AT_ONCE + 1, CALLERS - 1);
}

static void a_batch_holds_no_more_items_than_it_may(void **state)
{
	gather(*state, 0);
	assert_in_range(most_items, 2, GROUP_BATCH_MAX);
	assert_in_range(gate.came, CALLERS / GROUP_BATCH_MAX, CALLERS - 1);
}

static void a_batch_holds_no_more_bytes_than_it_may(void **state)
{
	gather(*state, BYTES_MAX / 4 - 1);
	assert_int_equal(most_items, 4);
	assert_in_range(most_bytes, BYTES_MAX / 2, BYTES_MAX);
	assert_in_range(gate.came, CALLERS / 4, CALLERS - 1);
}

static void who_has_more_bytes_than_a_batch_may_hold_is_alone(void **state)
{
	gather(*state, BYTES_MAX + 1);
	assert_int_equal(alone_with_more, CALLERS);
	assert_int_equal(most_items, 1);
}

static void each_is_done_once_each_time(void **state)
{
	struct caller callers[CALLERS];

	start_callers(callers, 1, 200, *state);
	end_callers(callers);
	assert_int_equal(done, CALLERS * 200);
	assert_int_equal(working, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_lone_one_works_at_once_for_itself, begin, end),
		cmocka_unit_test_setup_teardown(so_many_work_at_once_and_the_others_gather, begin, end),
		cmocka_unit_test_setup_teardown(a_batch_holds_no_more_items_than_it_may, begin, end),
		cmocka_unit_test_setup_teardown(a_batch_holds_no_more_bytes_than_it_may, begin, end),
		cmocka_unit_test_setup_teardown(who_has_more_bytes_than_a_batch_may_hold_is_alone, begin, end),
		cmocka_unit_test_setup_teardown(each_is_done_once_each_time, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
