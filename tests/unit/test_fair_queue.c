#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/call.h"
#include "../../worker/fair_queue.h"

#include <string.h>

enum { LINES = 3, CALLS = 8 };

struct fixture {
	struct fair_queue queue;
	struct fair_line lines[LINES];
	struct call calls[LINES][CALLS];
	int put[LINES];
};

static void put(struct fixture *f, int line, int n)
{
	while (n-- > 0)
		fair_queue_put(&f->queue, &f->lines[line], &f->calls[line][f->put[line]++]);
}

/* Takes as many calls as there are names: "a0" is the first that was put into the first line. */
static void assert_next(struct fixture *f, const char *names)
{
	for (; *names; names += strspn(names + 2, " ") + 2) {
		struct call *expected = &f->calls[names[0] - 'a'][names[1] - '0'];

		assert_ptr_equal(fair_queue_first(&f->queue), expected);
		assert_ptr_equal(fair_queue_take(&f->queue), expected);
		assert_null(expected->next);
	}
}

static void one_line_is_first_come_first_served(void **state)
{
	struct fixture f = { .put = { 0 } };

	(void)state;
	assert_null(fair_queue_first(&f.queue));
	put(&f, 0, 3);
	assert_next(&f, "a0 a1 a2");
	assert_null(fair_queue_first(&f.queue));
}

static void lines_have_their_turns_one_call_each(void **state)
{
	struct fixture f = { .put = { 0 } };

	(void)state;
	put(&f, 0, 5);
	put(&f, 1, 2);
	put(&f, 2, 1);
	assert_next(&f, "a0 b0 c0 a1 b1 a2 a3 a4");
	assert_null(fair_queue_first(&f.queue));
}

static void who_comes_late_with_little_does_not_wait_for_those_with_much(void **state)
{
	struct fixture f = { .put = { 0 } };

	(void)state;
	put(&f, 0, 8);
	put(&f, 1, 8);
	assert_next(&f, "a0 b0 a1");
	put(&f, 2, 1);
	assert_next(&f, "b1 a2 c0 b2 a3");
}

static void who_comes_back_again_and_again_does_not_go_first_each_time(void **state)
{
	struct fixture f = { .put = { 0 } };

	(void)state;
	put(&f, 0, 4);
	put(&f, 1, 1);
	assert_next(&f, "a0 b0");
	put(&f, 1, 1);
	assert_next(&f, "a1 b1");
	put(&f, 1, 1);
	assert_next(&f, "a2 b2 a3");
}

static void a_queue_that_was_empty_is_as_new(void **state)
{
	struct fixture f = { .put = { 0 } };

	(void)state;
	put(&f, 1, 1);
	assert_next(&f, "b0");
	put(&f, 0, 1);
	put(&f, 1, 2);
	assert_next(&f, "a0 b1 b2");
	assert_null(fair_queue_first(&f.queue));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_is_first_come_first_served),
		cmocka_unit_test(lines_have_their_turns_one_call_each),
		cmocka_unit_test(who_comes_late_with_little_does_not_wait_for_those_with_much),
		cmocka_unit_test(who_comes_back_again_and_again_does_not_go_first_each_time),
		cmocka_unit_test(a_queue_that_was_empty_is_as_new),
	};

	return cmocka_run_group_tests_name("fair_queue", tests, NULL, NULL);
}
