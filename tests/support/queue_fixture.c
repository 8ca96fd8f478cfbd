#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "clock.h"
#include "mem.h"
#include "queue_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

struct queue_take fixture_take(struct queue *queue, const struct vendor *vendor, int want, struct queue_grant *grants)
{
	struct queue_take take = { .vendor = vendor, .want = want, .guard_ms = FIXTURE_GUARD_MS, .lease_ms = FIXTURE_LEASE_MS,
		.grants = grants };
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

void fixture_begin(struct queue *queue, const struct vendor *vendor, bool fresh)
{
	struct err_text why = { "" };

	if (queue_limits_begin(queue, vendor, fresh, &why))
		fail_msg("begin: %s", why.text);
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

int64_t fixture_wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
