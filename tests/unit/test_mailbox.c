#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/call.h"
#include "../../worker/mailbox.h"

#include "clock.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

static bool is_readable(const struct mailbox *box)
{
	struct pollfd wait = { .fd = box->fd, .events = POLLIN };

	return poll(&wait, 1, 0) == 1;
}

static int setup(void **state)
{
	struct mailbox *box = calloc(1, sizeof(*box));

	*state = box;
	return box ? mailbox_init(box) : -1;
}

static int teardown(void **state)
{
	mailbox_deinit(*state);
	free(*state);
	return 0;
}

static void gives_lists_in_the_order_they_came(void **state)
{
	struct call calls[4] = { { .place = 0 } };

	calls[0].next = &calls[1];
	calls[2].next = &calls[3];
	mailbox_put(*state, &calls[0]);
	mailbox_put(*state, &calls[2]);
	assert_ptr_equal(mailbox_take(*state), &calls[0]);
	assert_ptr_equal(calls[1].next, &calls[2]);
	assert_null(calls[3].next);
	assert_null(mailbox_take(*state));
}

static void is_readable_until_it_is_taken(void **state)
{
	struct call call = { .place = 0 };

	assert_false(is_readable(*state));
	mailbox_put(*state, &call);
	mailbox_poke(*state);
	assert_true(is_readable(*state));
	assert_ptr_equal(mailbox_take(*state), &call);
	assert_false(is_readable(*state));
}

static void a_poke_wakes_with_nothing_in_hand(void **state)
{
	mailbox_poke(*state);
	mailbox_wait(*state, -1);
	assert_null(mailbox_take(*state));
	assert_false(is_readable(*state));
}

static void nothing_put_wakes_nobody(void **state)
{
	int64_t began = clock_mono_ms();

	mailbox_put(*state, NULL);
	assert_false(is_readable(*state));
	mailbox_wait(*state, 20);
	assert_true(clock_mono_ms() - began >= 19);
}

enum { WRITERS = 4, CALLS_A_WRITER = 5000 };

struct writer {
	struct mailbox *box;
	struct call *calls;
};

static void *put_one_by_one(void *arg)
{
	struct writer *writer = arg;

	for (int i = 0; i < CALLS_A_WRITER; i++)
		mailbox_put(writer->box, &writer->calls[i]);
	return NULL;
}

/* A lost wake-up would leave the reader waiting for ever: the wait has no time-out. */
static void loses_nothing_between_threads(void **state)
{
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	int n = 0;

	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ *state, calloc(CALLS_A_WRITER, sizeof(struct call)) };
		assert_int_equal(pthread_create(&threads[i], NULL, put_one_by_one, &writers[i]), 0);
	}
	while (n < WRITERS * CALLS_A_WRITER) {
		mailbox_wait(*state, -1);
		for (struct call *call = mailbox_take(*state); call; call = call->next)
			n++;
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		free(writers[i].calls);
	}
	assert_int_equal(n, WRITERS * CALLS_A_WRITER);
	assert_null(mailbox_take(*state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(gives_lists_in_the_order_they_came, setup, teardown),
		cmocka_unit_test_setup_teardown(is_readable_until_it_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(a_poke_wakes_with_nothing_in_hand, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_put_wakes_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(loses_nothing_between_threads, setup, teardown),
	};

	return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
