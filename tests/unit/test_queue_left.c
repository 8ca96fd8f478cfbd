/* The limiter hears when calls left: their windows end when they need to, and not when they could have needed to; and
 * as the vendor sees it nothing is broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/queue_fixture.h"
#include "clock.h"
#include "mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	GUARD_MS = 200,      /* wide, so that it shows */
	PER_MS = 300,
	CALLS = 5,           /* in PER_MS, in the tests of single steps */
	THREADS = 6,
	JOBS = 5000,
	HAMMER_MS = 3000,
};

static struct private_redis *server;

/* Everything of one test: a limit of CALLS in PER_MS, with as many jobs as it needs. */
struct bench {
	struct vendor_limit limit;
	struct vendor vendor;
	struct queue *queue;
	struct queue_grant grants[CALLS];
	struct queue_take take;
};

static void begin(struct bench *b, int64_t per_ms)
{
	b->limit = (struct vendor_limit){ .calls = CALLS, .per_ms = per_ms };
	b->vendor = fixture_vendor("left", &b->limit, 1);
	b->queue = fixture_queue(server);
	private_redis_flush(server);
	fixture_push(b->queue, "left", 40);
	fixture_begin(b->queue, &b->vendor, true);
}

/* Takes up to want calls, and tells of up to one report before. */
static int take(struct bench *b, int want, const struct queue_left *left)
{
	b->take = (struct queue_take){ .vendor = &b->vendor, .want = want, .guard_ms = GUARD_MS, .lease_ms = FIXTURE_LEASE_MS,
	                               .grants = b->grants, .left = left, .n_left = left ? 1 : 0 };
	assert_int_equal(queue_take(b->queue, "w1", &b->take, 1, NULL), ERR_OK);
	assert_int_equal(b->take.outcome, ERR_OK);
	fixture_finish(b->queue, "left", b->grants, b->take.n);
	return b->take.n;
}

/* n calls of the last take have left so many ms after it. */
static struct queue_left left_after(const struct bench *b, int n, int64_t ms)
{
	return (struct queue_left){ .granted_us = b->take.granted_us, .n = n, .left_us = b->take.granted_us + ms * 1000 };
}

/* The last take found the window full until this long after the grant. */
static void expect_wait_since(const struct bench *b, int64_t granted_us, int64_t ms)
{
	int64_t since_ms = (b->take.granted_us - granted_us) / 1000;

	assert_in_range(b->take.wait_ms + since_ms, ms - 1, ms + 1);   /* ms are rounded */
}

static void end(struct bench *b) { queue_free(b->queue); }

static void a_window_ends_when_its_calls_need_it(void **state)
{
	struct bench b;
	struct queue_left left;

	(void)state;
	begin(&b, 10 * PER_MS);
	assert_int_equal(take(&b, CALLS, NULL), CALLS);
	left = left_after(&b, CALLS, 7);
	assert_int_equal(take(&b, CALLS, &left), 0);
	expect_wait_since(&b, left.granted_us, 10 * PER_MS + 7 + FIXTURE_TRAVEL_MS);
	end(&b);
}

static void while_one_call_may_still_leave_nothing_is_free_sooner(void **state)
{
	struct bench b;
	struct queue_left left;

	(void)state;
	begin(&b, 10 * PER_MS);
	assert_int_equal(take(&b, CALLS, NULL), CALLS);
	left = left_after(&b, CALLS - 1, 1);
	assert_int_equal(take(&b, CALLS, &left), 0);
	expect_wait_since(&b, left.granted_us, 10 * PER_MS + GUARD_MS + FIXTURE_TRAVEL_MS);
	/* The last one is told of later, and left later. */
	left.n = 1;
	left.left_us += 30000;
	assert_int_equal(take(&b, CALLS, &left), 0);
	expect_wait_since(&b, left.granted_us, 10 * PER_MS + 31 + FIXTURE_TRAVEL_MS);
	end(&b);
}

/* A refund says that its calls will not leave, so the others' times are enough. */
static void calls_that_do_not_leave_are_not_waited_for(void **state)
{
	struct bench b;
	struct queue_op op = { .kind = QUEUE_REFUND, .vendor = "left", .at = 2 };
	struct queue_left left;

	(void)state;
	begin(&b, 10 * PER_MS);
	assert_int_equal(take(&b, CALLS, NULL), CALLS);
	left = left_after(&b, CALLS - 2, 4);
	op.granted_us = b.take.granted_us;
	fixture_nap_ms(20);   /* what is granted next is in a slot of its own */
	assert_int_equal(take(&b, 1, &left), 0);
	assert_int_equal(queue_apply(b.queue, &op, 1, NULL), ERR_OK);
	assert_int_equal(take(&b, CALLS, NULL), 2);
	assert_int_equal(take(&b, CALLS, NULL), 0);
	expect_wait_since(&b, left.granted_us, 10 * PER_MS + 4 + FIXTURE_TRAVEL_MS);
	end(&b);
}

/* Grants close to each other share a slot; those told of first must not end it for the others. */
static void a_shared_slot_waits_for_all_its_grants(void **state)
{
	struct bench b;
	struct queue_left first;
	int64_t second_us;

	(void)state;
	begin(&b, 40000);   /* slots of 41 ms */
	assert_int_equal(take(&b, 2, NULL), 2);
	first = left_after(&b, 2, 1);
	assert_int_equal(take(&b, 3, &first), 3);
	second_us = b.take.granted_us;
	assert_int_equal(take(&b, 1, NULL), 0);
	expect_wait_since(&b, second_us, 40000 + GUARD_MS + FIXTURE_TRAVEL_MS);
	end(&b);
}

/* What left after its grant was over counts for longer, as soon as it is told. */
static void a_slot_whose_call_was_late_ends_later(void **state)
{
	struct bench b;
	struct queue_left left;

	(void)state;
	begin(&b, 10 * PER_MS);
	assert_int_equal(take(&b, CALLS, NULL), CALLS);
	left = left_after(&b, CALLS, GUARD_MS + 500);
	assert_int_equal(take(&b, CALLS, &left), 0);
	expect_wait_since(&b, left.granted_us, 10 * PER_MS + GUARD_MS + 500 + FIXTURE_TRAVEL_MS);
	end(&b);
}

static void reports_on_grants_of_another_life_change_nothing(void **state)
{
	struct bench b;
	struct queue_left old, left;

	(void)state;
	begin(&b, 10 * PER_MS);
	assert_int_equal(take(&b, CALLS, NULL), CALLS);
	old = left_after(&b, CALLS, 1);
	private_redis_flush(server);
	fixture_push(b.queue, "left", 10);
	fixture_begin(b.queue, &b.vendor, true);
	assert_int_equal(take(&b, CALLS, NULL), CALLS);
	left = left_after(&b, 0, 0);
	assert_int_equal(take(&b, CALLS, &old), 0);
	expect_wait_since(&b, left.granted_us, 10 * PER_MS + GUARD_MS + FIXTURE_TRAVEL_MS);
	end(&b);
}

/* A worker of an earlier version writes the record without the open calls; ours reads that, and shortens nothing. */
static void a_record_without_open_calls_is_read(void **state)
{
	static const char forget_open[] = "local r = cmsgpack.unpack(redis.call('HGET', KEYS[1], ARGV[1])) "
		"assert(#r[6] == 3) redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack({ r[1], r[2], r[3], r[4], r[5] })) return 1";
	struct bench b;
	struct queue_left left;

	(void)state;
	begin(&b, 10 * PER_MS);
	assert_int_equal(take(&b, CALLS, NULL), CALLS);
	left = left_after(&b, CALLS, 1);
	assert_int_equal(private_redis_do(server, "EVAL %s 1 t:rate_limit:{left} w:%d", forget_open, 10 * PER_MS), 1);
	assert_int_equal(take(&b, CALLS, &left), 0);
	expect_wait_since(&b, left.granted_us, 10 * PER_MS + GUARD_MS + FIXTURE_TRAVEL_MS);
	end(&b);
}

/* ---- Many workers at once ---- */

struct hammer {
	const struct vendor *vendor;
	int64_t end_mono_ms;
	int64_t *left_us;        /* of each call */
	atomic_int n;
	atomic_int failures;
};

static void refund(struct queue *queue, const struct queue_take *take)
{
	struct queue_op op = { .kind = QUEUE_REFUND, .vendor = take->vendor->name, .at = 1, .granted_us = take->granted_us };

	if (queue_apply(queue, &op, 1, NULL))
		fail_msg("refund");
}

/* Each grant's calls leave after a while; then they are told of in one or two reports, or never; now and then one does
 * not leave. */
static void *hammer_thread(void *arg)
{
	struct hammer *h = arg;
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[8];
	struct queue_left left[2];
	unsigned int random = (unsigned int)(uintptr_t)queue;
	int n_left = 0;

	while (clock_mono_ms() < h->end_mono_ms) {
		struct queue_take take = { .vendor = h->vendor, .want = 1 + rand_r(&random) % 8, .guard_ms = GUARD_MS,
			.lease_ms = FIXTURE_LEASE_MS, .grants = grants, .left = left, .n_left = n_left };
		int64_t asked = clock_mono_ms();
		int leave, refunded = 0;

		if (queue_take(queue, "w1", &take, 1, NULL) || take.outcome) {
			atomic_fetch_add(&h->failures, 1);
			break;
		}
		n_left = 0;
		if (take.n == 0) {
			fixture_nap_ms(1 + rand_r(&random) % 3);
			continue;
		}
		fixture_finish(queue, h->vendor->name, grants, take.n);
		fixture_nap_ms(rand_r(&random) % 15);
		/* As a worker does: what comes too late does not leave. */
		if (clock_mono_ms() > asked + GUARD_MS - 5 || rand_r(&random) % 8 == 0)
			refund(queue, &take), refunded = 1;
		leave = clock_mono_ms() > asked + GUARD_MS - 5 ? 0 : take.n - refunded;
		for (int i = 0; i < leave; i++) {
			int64_t now = fixture_wall_us();

			h->left_us[atomic_fetch_add(&h->n, 1)] = now;
			if (n_left < 2)
				left[n_left++] = (struct queue_left){ .granted_us = take.granted_us };
			left[n_left - 1].n++;
			left[n_left - 1].left_us = now;
		}
		if (rand_r(&random) % 16 == 0)
			n_left = 0;   /* told to a Redis that did not answer */
	}
	queue_free(queue);
	return NULL;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void as_the_vendor_sees_it_nothing_is_broken(void **state)
{
	static const struct vendor_limit limits[] = {
		{ .calls = 60, .per_ms = PER_MS },
		{ .calls = 150, .per_ms = 1000 },
	};
	struct vendor vendor = fixture_vendor("left", limits, 2);
	struct hammer h = { .vendor = &vendor, .left_us = mem_calloc(JOBS, sizeof(*h.left_us)) };
	struct queue *queue = fixture_queue(server);
	int64_t began = clock_mono_ms(), took;
	pthread_t threads[THREADS];

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "left", JOBS);
	fixture_begin(queue, &vendor, true);
	h.end_mono_ms = began + HAMMER_MS;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer_thread, &h), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	took = clock_mono_ms() - began;
	assert_int_equal(h.failures, 0);
	qsort(h.left_us, (size_t)h.n, sizeof(*h.left_us), by_time);
	for (size_t k = 0; k < vendor.n_limits; k++)
		for (int i = 0; i + limits[k].calls < h.n; i++)
			if (h.left_us[i + limits[k].calls] - h.left_us[i] < (limits[k].per_ms + FIXTURE_TRAVEL_MS) * 1000)
				fail_msg("%lld in %lld ms broken at call %d of %d", (long long)limits[k].calls,
				         (long long)limits[k].per_ms, i, h.n);
	print_message("%d calls in %lld ms\n", h.n, (long long)took);
	queue_free(queue);
	free(h.left_us);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_ends_when_its_calls_need_it),
		cmocka_unit_test(while_one_call_may_still_leave_nothing_is_free_sooner),
		cmocka_unit_test(calls_that_do_not_leave_are_not_waited_for),
		cmocka_unit_test(a_shared_slot_waits_for_all_its_grants),
		cmocka_unit_test(a_slot_whose_call_was_late_ends_later),
		cmocka_unit_test(reports_on_grants_of_another_life_change_nothing),
		cmocka_unit_test(a_record_without_open_calls_is_read),
		cmocka_unit_test(as_the_vendor_sees_it_nothing_is_broken),
	};

	private_redis_or_skip();
	server = private_redis_start(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
