/* What the tests of the queue share; see the header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "clock.h"
#include "mem.h"
#include "queue_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 8, JOBS = 5000 };

struct queue *fixture_queue(const struct private_redis *server)
{
	struct queue *queue = NULL;

	assert_int_equal(queue_new(private_redis_url(server), "t:", FIXTURE_TIMEOUT_MS, &queue, NULL), ERR_OK);
	return queue;
}

struct vendor fixture_vendor(const char *name, const struct vendor_limit *limits, size_t n_limits)
{
	struct vendor vendor = { .name = (char *)name, .n_limits = n_limits };

	if (n_limits)
		memcpy(vendor.limits, limits, n_limits * sizeof(*limits));
	return vendor;
}

void fixture_push(struct queue *queue, const char *vendor, int n)
{
	struct queue_entry *entries = mem_calloc((size_t)n, sizeof(*entries));
	char (*ids)[UUID_TEXT_SIZE] = mem_calloc((size_t)n, sizeof(*ids));
	struct err_text why = { "" };

	for (int i = 0; i < n; i++) {
		uuid_new(clock_now_ms(), ids[i]);
		entries[i] = (struct queue_entry){ vendor, ids[i] };
	}
	if (queue_push(queue, entries, (size_t)n, &why))
		fail_msg("push: %s", why.text);
	free(entries);
	free(ids);
}

struct queue_take fixture_take(struct queue *queue, const struct vendor *vendor, int want,
                               struct queue_grant *grants)
{
	struct queue_take take = { .vendor = vendor, .want = want, .guard_ms = FIXTURE_GUARD_MS,
		.lease_ms = FIXTURE_LEASE_MS, .grants = grants };
	struct err_text why = { "" };

	if (queue_take(queue, "w1", &take, 1, &why))
		fail_msg("take: %s", why.text);
	return take;
}

int fixture_take_n(struct queue *queue, const struct vendor *vendor, int want, int64_t *wait_ms)
{
	struct queue_grant *grants = mem_calloc((size_t)want, sizeof(*grants));
	struct queue_take take = fixture_take(queue, vendor, want, grants);

	if (take.outcome)
		fail_msg("take: outcome %s", err_str(take.outcome));
	fixture_finish(queue, vendor->name, grants, take.n);
	free(grants);
	if (wait_ms)
		*wait_ms = take.wait_ms;
	return take.n;
}

void fixture_begin_with(struct queue *queue, const struct vendor *vendor, bool fresh, const struct quota_slot *slots,
                        size_t n_slots)
{
	struct queue_begin begin = { .vendor = vendor, .fresh = fresh, .guard_max_ms = FIXTURE_GUARD_MAX_MS,
	                             .slots = slots, .n_slots = n_slots };
	struct err_text why = { "" };

	for (int step = 0; step < 2; step++) {
		if (queue_limits_begin(queue, &begin, &why))
			fail_msg("begin: %s", why.text);
		memcpy(begin.ticket, begin.next_ticket, sizeof(begin.ticket));
	}
	assert_string_equal(begin.next_ticket, "");
}

void fixture_begin(struct queue *queue, const struct vendor *vendor, bool fresh)
{
	fixture_begin_with(queue, vendor, fresh, NULL, 0);
}

void fixture_finish(struct queue *queue, const char *vendor, const struct queue_grant *grants, int n)
{
	struct queue_op *ops = mem_calloc((size_t)n * 2 + 1, sizeof(*ops));
	struct err_text why = { "" };

	for (int i = 0; i < n; i++) {
		ops[i] = (struct queue_op){ .kind = QUEUE_ACK, .vendor = vendor, .entry_id = grants[i].entry_id };
		ops[n + i] = (struct queue_op){ .kind = QUEUE_RELEASE, .vendor = vendor, .entry_id = grants[i].entry_id };
	}
	if (queue_apply(queue, ops, (size_t)n * 2, &why))
		fail_msg("apply: %s", why.text);
	free(ops);
}

void fixture_expect_empty(struct private_redis *server, const char *vendor)
{
	assert_int_equal(private_redis_do(server, "XLEN t:job-queue:{%s}", vendor), 0);
	if (private_redis_do(server, "EXISTS t:job-queue:{%s}", vendor))
		assert_int_equal(private_redis_do(server, "XPENDING t:job-queue:{%s} workers - + 10", vendor), 0);
	assert_int_equal(private_redis_do(server, "ZCARD t:job-delayed:{%s}", vendor), 0);
	assert_int_equal(private_redis_do(server, "ZCARD t:in_flight:{%s}", vendor), 0);
}

void fixture_nap_ms(int64_t ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

void fixture_wait_for_redis(struct queue *queue)
{
	int64_t end = clock_mono_ms() + 5000;

	while (queue_ping(queue, NULL)) {
		assert_true(clock_mono_ms() < end);
		fixture_nap_ms(10);
	}
}

int64_t fixture_least(int64_t n) { return getenv("VENDORFETCH_SLOW") ? 0 : n; }

int64_t fixture_wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* ---- Many clients at once ---- */

struct shared {
	struct private_redis *server;
	const struct vendor *vendor;
	int64_t end_mono_ms;
	struct fixture_call *calls;
	atomic_int n;
	atomic_int failures;
};

int fixture_call_by_time(const void *a, const void *b)
{
	int64_t x = ((const struct fixture_call *)a)->granted_us, y = ((const struct fixture_call *)b)->granted_us;

	return (x > y) - (x < y);
}

static void *hammer_thread(void *arg)
{
	struct shared *shared = arg;
	struct queue *queue = fixture_queue(shared->server);
	struct queue_grant grants[32];
	unsigned int random = (unsigned int)(uintptr_t)queue;

	while (clock_mono_ms() < shared->end_mono_ms) {
		int64_t asked_us = fixture_wall_us();
		struct queue_take take = { .vendor = shared->vendor, .want = 1 + rand_r(&random) % 32,
			.guard_ms = FIXTURE_GUARD_MS, .lease_ms = FIXTURE_LEASE_MS, .grants = grants };

		if (queue_take(queue, "w1", &take, 1, NULL) || take.outcome) {
			atomic_fetch_add(&shared->failures, 1);
			continue;
		}
		/* The guard counts from the question: no grant may be older than that. */
		if (take.n && take.granted_us < asked_us)
			atomic_fetch_add(&shared->failures, 1);
		for (int i = 0; i < take.n; i++)
			shared->calls[atomic_fetch_add(&shared->n, 1)] = (struct fixture_call){ take.granted_us, FIXTURE_GUARD_MS };
		fixture_finish(queue, shared->vendor->name, grants, take.n);
		if (!take.n)
			fixture_nap_ms(1);
	}
	queue_free(queue);
	return NULL;
}

void fixture_hammer_run(struct fixture_hammer *hammer, struct private_redis *server, const struct vendor *vendor,
                        int64_t ms)
{
	struct queue *queue = fixture_queue(server);
	struct shared shared = { .server = server, .vendor = vendor, .calls = mem_calloc(JOBS, sizeof(*shared.calls)) };
	pthread_t threads[THREADS];
	int64_t begun;

	private_redis_flush(server);
	fixture_push(queue, vendor->name, JOBS);
	fixture_begin(queue, vendor, true);
	begun = clock_mono_ms();
	shared.end_mono_ms = begun + ms;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer_thread, &shared), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	qsort(shared.calls, (size_t)shared.n, sizeof(*shared.calls), fixture_call_by_time);
	assert_int_equal(shared.failures, 0);
	assert_int_equal(private_redis_do(server, "XPENDING t:job-queue:{%s} workers - + 10", vendor->name), 0);
	queue_free(queue);
	*hammer = (struct fixture_hammer){ .calls = shared.calls, .n = shared.n, .took_ms = clock_mono_ms() - begun };
}
