/* Vendors that share an account: never over its limits together, a fair share for each, and one limiter whatever Redis and
 * vendor files do. */
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
	LAG_MS = FIXTURE_GUARD_MS + FIXTURE_TRAVEL_MS,
	JOBS = 3000,
	THREADS = 6,
	HAMMER_MS = 2000,
	DAY_MS = 86400000,
};

static struct private_redis *server;

static const char *both_names[] = { "a", "b", NULL };
static struct vendor_group both_of_acme = { .account = "@acme", .members = both_names, .n_members = 2 };

/* Two vendors of one account, with a connection. */
struct pair {
	struct vendor a, b;
	struct queue *queue;
};

static struct vendor member(const char *name, const struct vendor_limit *limits, size_t n_limits)
{
	struct vendor vendor = fixture_vendor(name, limits, n_limits);

	vendor.group = &both_of_acme;
	return vendor;
}

static struct pair new_pair(const struct vendor_limit *limits, size_t n_limits, int jobs)
{
	struct pair p = { member("a", limits, n_limits), member("b", limits, n_limits), fixture_queue(server) };

	private_redis_flush(server);
	if (jobs > 0) {
		fixture_push(p.queue, "a", jobs);
		fixture_push(p.queue, "b", jobs);
	}
	if (n_limits > 0)
		fixture_begin(p.queue, &p.a, true);
	return p;
}

static int take(const struct pair *p, const struct vendor *vendor, int want)
{
	return fixture_take_n(p->queue, vendor, want, NULL);
}

/* ---- Limits ---- */

static void what_one_is_granted_the_other_has_not(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 10, .per_ms = 60000 }, { .calls = 100, .per_ms = 1000, .burst = 15 } };
	struct pair p = new_pair(limits, 2, 0);

	(void)state;
	fixture_push(p.queue, "a", 7);
	assert_int_equal(take(&p, &p.a, 20), 7);
	fixture_push(p.queue, "b", 20);
	assert_int_equal(take(&p, &p.b, 20), 3);
	assert_int_equal(take(&p, &p.b, 20), 0);
	fixture_push(p.queue, "a", 1);
	assert_int_equal(take(&p, &p.a, 20), 0);
	queue_free(p.queue);
}

/* A vendor may be called as a group is. */
static void a_vendor_of_the_groups_name_is_somebody_else(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 5, .per_ms = 60000 } };
	struct pair p = new_pair(limits, 1, 20);
	struct vendor alone = fixture_vendor("acme", limits, 1);

	(void)state;
	fixture_push(p.queue, "acme", 20);
	fixture_begin(p.queue, &alone, true);
	assert_int_equal(take(&p, &alone, 20), 5);
	assert_in_range(take(&p, &p.a, 20) + take(&p, &p.b, 20), 5, 5);
	queue_free(p.queue);
}

static void refunds_and_late_calls_of_one_are_the_others_too(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 10, .per_ms = 60000 } };
	struct pair p = new_pair(limits, 1, 0);
	struct queue_grant grants[10];
	struct queue_op op = { .kind = QUEUE_REFUND, .vendor = "@acme", .at = 4 };
	struct queue_take first;

	(void)state;
	fixture_push(p.queue, "a", 10);
	first = fixture_take(p.queue, &p.a, 10, grants);
	assert_int_equal(first.n, 10);
	fixture_push(p.queue, "b", 10);
	assert_int_equal(take(&p, &p.b, 10), 0);
	op.granted_us = first.granted_us;
	assert_int_equal(queue_apply(p.queue, &op, 1, NULL), ERR_OK);
	op = (struct queue_op){ .kind = QUEUE_LATE, .vendor = "@acme", .at = 1 };
	assert_int_equal(queue_apply(p.queue, &op, 1, NULL), ERR_OK);
	assert_int_equal(take(&p, &p.b, 10), 3);
	queue_free(p.queue);
}

/* Its window ends when the call left, whoever of the two tells. */
static void when_calls_left_is_told_along_with_the_others_take(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 5, .per_ms = 3000 } };
	struct pair p = new_pair(limits, 1, 0);
	struct queue_grant grants[5];
	struct queue_take first, second;
	struct queue_left left;
	int64_t since_ms;

	(void)state;
	fixture_push(p.queue, "a", 5);
	fixture_push(p.queue, "b", 5);
	first = fixture_take(p.queue, &p.a, 5, grants);
	assert_int_equal(first.n, 5);
	left = (struct queue_left){ .granted_us = first.granted_us, .n = 5, .left_us = first.granted_us + 3000 };
	second = (struct queue_take){ .vendor = &p.b, .want = 5, .guard_ms = FIXTURE_GUARD_MS, .lease_ms = FIXTURE_LEASE_MS,
	                              .grants = grants, .left = &left, .n_left = 1 };
	assert_int_equal(queue_take(p.queue, "w1", &second, 1, NULL), ERR_OK);
	assert_int_equal(second.n, 0);
	since_ms = (second.granted_us - first.granted_us) / 1000;
	assert_in_range(second.wait_ms + since_ms, 3000 + 3 + FIXTURE_TRAVEL_MS - 1, 3000 + 3 + FIXTURE_TRAVEL_MS + 1);
	queue_free(p.queue);
}

/* ---- Many workers at once ---- */

struct hammer {
	const struct vendor *vendor;
	int64_t end_mono_ms;
	struct fixture_call *calls;
	atomic_int *n;
	atomic_int own, failures;
};

static void *hammer_thread(void *arg)
{
	struct hammer *h = arg;
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[16];
	unsigned int random = (unsigned int)(uintptr_t)queue;

	while (clock_mono_ms() < h->end_mono_ms) {
		struct queue_take take = fixture_take(queue, h->vendor, 1 + rand_r(&random) % 16, grants);

		if (take.outcome != ERR_OK)
			atomic_fetch_add(&h->failures, 1);
		for (int i = 0; i < take.n; i++)
			h->calls[atomic_fetch_add(h->n, 1)] = (struct fixture_call){ take.granted_us, FIXTURE_GUARD_MS };
		atomic_fetch_add(&h->own, take.n);
		fixture_finish(queue, h->vendor->name, grants, take.n);
		if (!take.n)
			fixture_nap_ms(1 + rand_r(&random) % 4);
	}
	queue_free(queue);
	return NULL;
}

/* The worst case of all calls of both: one leaves at its latest, the one `calls` after it at its earliest. Five threads are
 * after one vendor's jobs and one after the other's; each gets about half. */
static void together_they_never_exceed_and_each_has_its_share(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 40, .per_ms = 200 }, { .calls = 150, .per_ms = 1000 } };
	struct pair p = new_pair(limits, 2, JOBS / 2);
	atomic_int n = 0;
	struct hammer of_a = { .vendor = &p.a, .end_mono_ms = clock_mono_ms() + HAMMER_MS, .n = &n,
	                       .calls = mem_calloc(JOBS, sizeof(*of_a.calls)) };
	struct hammer of_b = { .vendor = &p.b, .end_mono_ms = of_a.end_mono_ms, .n = &n, .calls = of_a.calls };
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer_thread, i == 0 ? &of_b : &of_a), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(of_a.failures + of_b.failures, 0);
	qsort(of_a.calls, (size_t)n, sizeof(*of_a.calls), fixture_call_by_time);
	for (size_t k = 0; k < p.a.n_limits; k++)
		for (int i = 0; i + limits[k].calls < n; i++)
			if (of_a.calls[i + limits[k].calls].granted_us - of_a.calls[i].granted_us < (limits[k].per_ms + LAG_MS) * 1000)
				fail_msg("%lld in %lld ms broken at call %d of %d", (long long)limits[k].calls,
				         (long long)limits[k].per_ms, i, n);
	print_message("%d calls: %d and %d\n", n, of_a.own, of_b.own);
	assert_true(n >= fixture_least(150 * HAMMER_MS / 1000 * 7 / 10));
	assert_true(of_a.own >= fixture_least(n * 4 / 10) && of_b.own >= fixture_least(n * 4 / 10));
	free(of_a.calls);
	queue_free(p.queue);
}

/* ---- Turns ---- */

/* One asks first, and ten times as often. What is free comes one by one. */
static void who_asks_more_often_gets_no_more(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 2, .per_ms = 100, .burst = 1 } };   /* one each 50 ms, and what the guard costs */
	struct pair p = new_pair(limits, 1, 100);
	int64_t end = clock_mono_ms() + 1500;
	int of_a = 0, of_b = 0;

	(void)state;
	while (clock_mono_ms() < end) {
		for (int i = 0; i < 10; i++) {
			of_a += take(&p, &p.a, 10);
			fixture_nap_ms(1);
		}
		of_b += take(&p, &p.b, 10);
	}
	print_message("%d and %d\n", of_a, of_b);
	assert_true(of_a + of_b >= fixture_least(8));
	assert_in_range(of_a - of_b + 2, 0, 4);
	queue_free(p.queue);
}

static void a_window_that_is_free_again_is_halved(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 10, .per_ms = 150 } };
	struct pair p = new_pair(limits, 1, 100);
	int64_t wait;

	(void)state;
	assert_int_equal(take(&p, &p.a, 10), 10);   /* nobody else had said that it waits */
	assert_int_equal(fixture_take_n(p.queue, &p.b, 10, &wait), 0);
	fixture_nap_ms(wait);
	assert_int_equal(fixture_take_n(p.queue, &p.a, 20, &wait), 5);
	assert_in_range(wait, 1, 30);               /* for what is left, if the other one does not come */
	assert_int_equal(take(&p, &p.b, 20), 5);
	queue_free(p.queue);
}

static void nothing_is_kept_for_one_that_has_no_jobs_or_does_not_come(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 10, .per_ms = 100 } };
	struct pair p = new_pair(limits, 1, 0);
	int64_t wait;

	(void)state;
	fixture_push(p.queue, "a", 60);
	assert_int_equal(take(&p, &p.b, 10), 0);
	assert_int_equal(fixture_take_n(p.queue, &p.a, 10, NULL), 10);
	fixture_push(p.queue, "b", 3);
	assert_int_equal(fixture_take_n(p.queue, &p.b, 10, &wait), 0);
	fixture_nap_ms(wait + 2);
	assert_int_equal(take(&p, &p.a, 10), 7);    /* no more than what it has jobs for */
	fixture_nap_ms(100 + LAG_MS + 5);
	assert_true(take(&p, &p.a, 10) >= 7);
	fixture_nap_ms(300);                        /* its worker has died: it would have come by now */
	assert_int_equal(take(&p, &p.a, 10), 10);
	queue_free(p.queue);
}

/* What it did not take while it had no jobs is nothing that it could claim later. */
static void one_that_comes_back_does_not_make_the_other_wait(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 10, .per_ms = 60 } };
	struct pair p = new_pair(limits, 1, 0);
	int64_t wait;
	int of_a = 0;

	(void)state;
	fixture_push(p.queue, "a", 200);
	for (int i = 0; i < 8; i++) {
		of_a += fixture_take_n(p.queue, &p.a, 20, &wait);
		fixture_nap_ms(wait);
	}
	assert_true(of_a >= fixture_least(60));
	fixture_push(p.queue, "b", 200);
	of_a = 0;
	for (int i = 0; i < 8; i++) {
		take(&p, &p.b, 10);
		of_a += fixture_take_n(p.queue, &p.a, 10, &wait);
		fixture_nap_ms(60 + LAG_MS);
	}
	assert_in_range(of_a, fixture_least(25), 45);
	queue_free(p.queue);
}

/* ---- Calls in flight ---- */

static int take_open(const struct pair *p, const struct vendor *vendor, int want, struct queue_grant *grants)
{
	struct queue_take taken = fixture_take(p->queue, vendor, want, grants);

	assert_int_equal(taken.outcome, ERR_OK);
	return taken.n;
}

static void calls_in_flight_are_counted_together_and_shared(void **state)
{
	struct pair p = new_pair(NULL, 0, 20);
	struct queue_grant of_a[8], of_b[8];

	(void)state;
	p.a.max_in_flight = p.b.max_in_flight = 4;
	assert_int_equal(take_open(&p, &p.a, 8, of_a), 4);
	assert_int_equal(take_open(&p, &p.b, 8, of_b), 0);
	/* As they end, the other one has as many open before the first one gets more. */
	fixture_finish(p.queue, "a", of_a, 2);
	assert_int_equal(take_open(&p, &p.a, 8, of_a), 0);
	assert_int_equal(take_open(&p, &p.b, 8, of_b), 2);
	assert_int_equal(take_open(&p, &p.b, 8, of_b + 2), 0);
	fixture_finish(p.queue, "b", of_b, 1);
	assert_int_equal(take_open(&p, &p.a, 8, of_a + 4), 0);
	assert_int_equal(take_open(&p, &p.b, 8, of_b + 2), 1);
	queue_free(p.queue);
}

static void they_take_turns_where_one_call_may_be_open(void **state)
{
	struct pair p = new_pair(NULL, 0, 20);
	struct queue_grant grants[1];
	int of_a = 0, of_b = 0;

	(void)state;
	p.a.max_in_flight = p.b.max_in_flight = 1;
	for (int i = 0; i < 10; i++) {
		int n = take_open(&p, &p.a, 1, grants);

		fixture_finish(p.queue, "a", grants, n);
		of_a += n;
		n = take_open(&p, &p.b, 1, grants);
		fixture_finish(p.queue, "b", grants, n);
		of_b += n;
	}
	assert_true(of_a >= 4 && of_b >= 4);
	queue_free(p.queue);
}

/* Slow calls of one leave the other what the limits allow. */
static void who_waits_for_calls_to_end_keeps_nothing_of_the_limits(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 1000, .per_ms = 60000 } };
	struct pair p = new_pair(limits, 1, 100);
	struct queue_grant open[2], grants[10];

	(void)state;
	p.a.max_in_flight = p.b.max_in_flight = 4;
	assert_int_equal(take_open(&p, &p.b, 2, open), 2);
	assert_int_equal(take_open(&p, &p.a, 10, grants), 2);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(take_open(&p, &p.b, 2, grants + 5), 0);
		fixture_finish(p.queue, "a", grants, 2);
		assert_int_equal(take_open(&p, &p.a, 10, grants), 2);
	}
	queue_free(p.queue);
}

/* ---- Holds ---- */

static void a_hold_is_of_the_account_or_of_one_vendor(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 100, .per_ms = 1000 } };
	struct pair p = new_pair(limits, 1, 20);
	struct queue_op of_b = { .kind = QUEUE_HOLD, .vendor = "b", .at = 60000 };
	struct queue_op of_all = { .kind = QUEUE_HOLD, .vendor = "@acme", .at = 30000 };
	struct queue_state states[] = { { .vendor = &p.a }, { .vendor = &p.b } };
	int64_t wait;

	(void)state;
	assert_int_equal(queue_apply(p.queue, &of_b, 1, NULL), ERR_OK);
	assert_int_equal(fixture_take_n(p.queue, &p.b, 5, &wait), 0);
	assert_in_range(wait, 50000, 60001);
	assert_int_equal(take(&p, &p.a, 5), 5);
	assert_int_equal(queue_states(p.queue, states, 2, NULL), ERR_OK);
	assert_int_equal(states[0].hold_ms, 0);
	assert_in_range(states[1].hold_ms, 50000, 60001);
	assert_int_equal(queue_apply(p.queue, &of_all, 1, NULL), ERR_OK);
	assert_int_equal(fixture_take_n(p.queue, &p.a, 5, &wait), 0);
	assert_in_range(wait, 20000, 30001);
	assert_int_equal(queue_states(p.queue, states, 2, NULL), ERR_OK);
	assert_in_range(states[0].hold_ms, 20000, 30001);
	assert_in_range(states[1].hold_ms, 50000, 60001);
	queue_free(p.queue);
}

/* ---- Starting ---- */

static enum err outcome_of_take(const struct pair *p, const struct vendor *vendor)
{
	struct queue_grant grants[1];

	return fixture_take(p->queue, vendor, 1, grants).outcome;
}

static void a_wiped_redis_grants_neither_a_second_burst(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 5, .per_ms = 200 } };
	struct pair p = new_pair(limits, 1, 20);
	int64_t wait;

	(void)state;
	assert_int_equal(take(&p, &p.a, 5), 5);
	private_redis_flush(server);
	fixture_push(p.queue, "a", 20);
	fixture_push(p.queue, "b", 20);
	assert_int_equal(outcome_of_take(&p, &p.b), ERR_STALE);
	fixture_begin(p.queue, &p.b, false);
	/* One start is enough for both. */
	assert_int_equal(fixture_take_n(p.queue, &p.a, 5, &wait), 0);
	assert_in_range(wait, 600, 200 + FIXTURE_GUARD_MAX_MS + FIXTURE_TRAVEL_MS + 1);
	assert_int_equal(take(&p, &p.b, 5), 0);
	fixture_nap_ms(wait);
	assert_int_equal(take(&p, &p.a, 5) + take(&p, &p.b, 5), 5);
	queue_free(p.queue);
}

static void a_restarted_redis_counts_the_quota_of_both(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 10, .per_ms = DAY_MS } };
	struct pair p = new_pair(limits, 1, 20);
	/* As the store has it: of the account, and of a vendor from before it was in the group. */
	struct quota_slot slots[] = {
		{ .vendor = "@acme", .per_ms = DAY_MS, .until = clock_now_ms(), .count = 5 },
		{ .vendor = "b", .per_ms = DAY_MS, .until = clock_now_ms(), .count = 2 },
	};

	(void)state;
	private_redis_restart(server);
	fixture_wait_for_redis(p.queue);
	fixture_push(p.queue, "a", 20);
	assert_int_equal(outcome_of_take(&p, &p.a), ERR_STALE);
	fixture_begin_with(p.queue, &p.a, false, slots, 2);
	assert_int_equal(take(&p, &p.a, 20), 3);
	fixture_push(p.queue, "b", 1);
	assert_int_equal(take(&p, &p.b, 20), 0);
	queue_free(p.queue);
}

/* Both have been called alone, and now share: the limiter that begins for them knows nothing of that. When one leaves
 * again, neither does its own. */
static void entering_and_leaving_a_group_forgets_no_call(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 5, .per_ms = 300 } };
	struct vendor alone = fixture_vendor("b", limits, 1);
	struct pair p = new_pair(limits, 1, 60);
	int64_t wait;

	(void)state;
	private_redis_flush(server);
	fixture_push(p.queue, "a", 60);
	fixture_push(p.queue, "b", 60);
	fixture_begin(p.queue, &alone, true);
	assert_int_equal(take(&p, &alone, 5), 5);

	assert_int_equal(outcome_of_take(&p, &p.b), ERR_STALE);
	assert_int_equal(outcome_of_take(&p, &p.a), ERR_STALE);
	fixture_begin(p.queue, &p.a, false);
	assert_int_equal(fixture_take_n(p.queue, &p.b, 5, &wait), 0);
	fixture_nap_ms(wait);
	assert_int_equal(take(&p, &p.b, 5), 5);

	assert_int_equal(outcome_of_take(&p, &alone), ERR_STALE);
	fixture_begin(p.queue, &alone, false);
	assert_int_equal(fixture_take_n(p.queue, &alone, 5, &wait), 0);
	fixture_nap_ms(wait);
	assert_int_equal(take(&p, &alone, 5), 5);

	/* And back again: the others stop, too, until all are counted. */
	assert_int_equal(outcome_of_take(&p, &p.b), ERR_STALE);
	fixture_begin(p.queue, &p.b, false);
	assert_int_equal(take(&p, &p.b, 5), 0);
	assert_int_equal(take(&p, &p.a, 5), 0);
	queue_free(p.queue);
}

/* A third vendor enters while the others are called. Between ticket and start nobody is granted anything, and a ticket
 * from before that is no good. */
static void while_a_vendor_enters_a_running_group_nothing_is_granted(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 5, .per_ms = 200 }, { .calls = 100, .per_ms = DAY_MS } };
	static const char *three_names[] = { "a", "b", "c", NULL };
	struct vendor_group three = { .account = "@acme", .members = three_names, .n_members = 3 };
	struct pair p = new_pair(limits, 2, 60);
	struct vendor c = member("c", limits, 2);
	struct queue_begin begin = { .vendor = &c, .guard_max_ms = FIXTURE_GUARD_MAX_MS };
	struct quota_slot slot = { .vendor = "@acme", .per_ms = DAY_MS, .until = clock_now_ms(), .count = 98 };
	int64_t wait;

	(void)state;
	c.group = &three;
	fixture_push(p.queue, "c", 60);
	assert_int_equal(take(&p, &p.a, 3), 3);
	assert_int_equal(outcome_of_take(&p, &c), ERR_STALE);
	assert_int_equal(queue_limits_begin(p.queue, &begin, NULL), ERR_OK);
	assert_string_not_equal(begin.next_ticket, "");
	assert_int_equal(outcome_of_take(&p, &p.a), ERR_STALE);
	fixture_begin_with(p.queue, &c, false, &slot, 1);
	assert_int_equal(fixture_take_n(p.queue, &p.a, 5, &wait), 0);
	fixture_nap_ms(wait);
	assert_int_equal(take(&p, &p.b, 5) + take(&p, &c, 5), 2);
	queue_free(p.queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_one_is_granted_the_other_has_not),
		cmocka_unit_test(a_vendor_of_the_groups_name_is_somebody_else),
		cmocka_unit_test(refunds_and_late_calls_of_one_are_the_others_too),
		cmocka_unit_test(when_calls_left_is_told_along_with_the_others_take),
		cmocka_unit_test(together_they_never_exceed_and_each_has_its_share),
		cmocka_unit_test(who_asks_more_often_gets_no_more),
		cmocka_unit_test(a_window_that_is_free_again_is_halved),
		cmocka_unit_test(nothing_is_kept_for_one_that_has_no_jobs_or_does_not_come),
		cmocka_unit_test(one_that_comes_back_does_not_make_the_other_wait),
		cmocka_unit_test(calls_in_flight_are_counted_together_and_shared),
		cmocka_unit_test(they_take_turns_where_one_call_may_be_open),
		cmocka_unit_test(who_waits_for_calls_to_end_keeps_nothing_of_the_limits),
		cmocka_unit_test(a_hold_is_of_the_account_or_of_one_vendor),
		cmocka_unit_test(a_wiped_redis_grants_neither_a_second_burst),
		cmocka_unit_test(a_restarted_redis_counts_the_quota_of_both),
		cmocka_unit_test(entering_and_leaving_a_group_forgets_no_call),
		cmocka_unit_test(while_a_vendor_enters_a_running_group_nothing_is_granted),
	};

	private_redis_or_skip();
	server = private_redis_start(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
