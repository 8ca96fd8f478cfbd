/* Quotas in Redis: started from what the store counts, whatever Redis has lost or kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/queue_fixture.h"

#include <stdio.h>
#include <string.h>

enum { DAY_MS = 86400000, HOUR_MS = 3600000 };

static struct private_redis *server;
static const struct vendor_limit day[] = { { .calls = 10, .per_ms = DAY_MS } };

static int64_t now_ms(void) { return fixture_wall_us() / 1000; }

static struct quota_slot slot(int64_t per_ms, int64_t until, int64_t count)
{
	return (struct quota_slot){ .vendor = "quota", .per_ms = per_ms, .until = until, .count = count };
}

/* Redis with jobs to call for, and a limiter of another time. */
static struct queue *wiped(const struct vendor *vendor)
{
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[1];

	private_redis_flush(server);
	fixture_push(queue, vendor->name, 40);
	assert_int_equal(fixture_take(queue, vendor, 1, grants).outcome, ERR_STALE);
	return queue;
}

static void a_wiped_redis_goes_on_with_what_the_store_counts(void **state)
{
	struct vendor vendor = fixture_vendor("quota", day, 1);
	struct queue *queue = wiped(&vendor);
	struct quota_slot slots[] = { slot(DAY_MS, now_ms() - DAY_MS - 20000, 50), slot(DAY_MS, now_ms() - DAY_MS / 2, 3),
	                              slot(HOUR_MS, now_ms(), 90), slot(DAY_MS, now_ms() + 100, 4) };
	int64_t wait;

	(void)state;
	fixture_begin_with(queue, &vendor, false, slots, 4);
	assert_int_equal(fixture_take_n(queue, &vendor, 20, NULL), 3);
	assert_int_equal(fixture_take_n(queue, &vendor, 20, &wait), 0);
	assert_in_range(wait, DAY_MS / 2 - 10000, DAY_MS / 2 + 10000);
	queue_free(queue);
}

/* It neither forgets what was called since the snapshot, nor counts what is in it twice. */
static void an_older_snapshot_goes_on_with_what_the_store_counts(void **state)
{
	static const char *const options[] = { "--appendonly", "yes", "--appendfsync", "always", NULL };
	struct vendor vendor = fixture_vendor("quota", day, 1);
	struct private_redis *saved = private_redis_start(options);
	struct queue *queue = fixture_queue(saved);
	struct queue_op hold = { .kind = QUEUE_HOLD, .vendor = "quota", .at = 60000 };
	struct queue_grant grants[10];
	struct quota_slot since;
	int64_t wait;

	(void)state;
	fixture_push(queue, "quota", 20);
	fixture_begin(queue, &vendor, true);
	assert_int_equal(fixture_take_n(queue, &vendor, 4, NULL), 4);
	assert_int_equal(queue_apply(queue, &hold, 1, NULL), ERR_OK);
	private_redis_restart(saved);
	fixture_wait_for_redis(queue);
	assert_int_equal(fixture_take(queue, &vendor, 10, grants).outcome, ERR_STALE);
	since = slot(DAY_MS, now_ms(), 7);
	fixture_begin_with(queue, &vendor, false, &since, 1);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, &wait), 0);
	assert_in_range(wait, 50000, 60000);
	private_redis_do(saved, "HDEL t:rate_limit:{quota} hold_until");
	assert_int_equal(fixture_take_n(queue, &vendor, 10, NULL), 3);
	assert_int_equal(fixture_take_n(queue, &vendor, 10, &wait), 0);
	assert_in_range(wait, DAY_MS - 10000, DAY_MS + 10000);
	queue_free(queue);
	private_redis_free(saved);
}

/* Short limits and slow buckets start used up beside it; a bucket's next call is not a window away. */
static void only_quotas_are_not_used_up(void **state)
{
	static const struct vendor_limit limits[] = {
		{ .calls = 10, .per_ms = DAY_MS },
		{ .calls = 5, .per_ms = 200 },
		{ .calls = 3600, .per_ms = HOUR_MS, .burst = 2 },
	};
	struct vendor vendor = fixture_vendor("quota", limits, 3);
	struct queue *queue = wiped(&vendor);
	int64_t wait;

	(void)state;
	fixture_begin(queue, &vendor, false);
	assert_int_equal(fixture_take_n(queue, &vendor, 20, &wait), 0);
	assert_in_range(wait, 500, 2000);
	fixture_nap_ms(wait);
	assert_in_range(fixture_take_n(queue, &vendor, 20, NULL), 1, 2);
	queue_free(queue);
}

/* A slot that lies far ahead was written before the clock was set back: it counts as of now. */
static void slots_of_the_future_count_as_of_now(void **state)
{
	struct vendor vendor = fixture_vendor("quota", day, 1);
	struct queue *queue = wiped(&vendor);
	struct quota_slot ahead = slot(DAY_MS, now_ms() + 10LL * DAY_MS, 10);
	int64_t wait;

	(void)state;
	fixture_begin_with(queue, &vendor, false, &ahead, 1);
	assert_int_equal(fixture_take_n(queue, &vendor, 20, &wait), 0);
	assert_in_range(wait, DAY_MS, DAY_MS + DAY_MS / QUOTA_SLOTS + 4000);
	queue_free(queue);
}

/* ---- Tickets ---- */

/* One step of a start; the ticket goes back in. */
static const char *step(struct queue *queue, struct queue_begin *begin)
{
	assert_int_equal(queue_limits_begin(queue, begin, NULL), ERR_OK);
	memcpy(begin->ticket, begin->next_ticket, sizeof(begin->ticket));
	return begin->ticket;
}

static void a_ticket_is_good_until_redis_forgets_again(void **state)
{
	struct vendor vendor = fixture_vendor("quota", day, 1);
	struct queue *queue = wiped(&vendor);
	struct queue_begin mine = { .vendor = &vendor, .guard_max_ms = 500 }, other = mine;
	char first[QUEUE_TICKET_SIZE];
	struct queue_grant grants[10];

	(void)state;
	snprintf(first, sizeof(first), "%s", step(queue, &mine));
	assert_string_not_equal(first, "");
	assert_string_equal(step(queue, &other), first);
	private_redis_flush(server);
	fixture_push(queue, "quota", 20);
	assert_string_not_equal(step(queue, &mine), "");
	assert_string_not_equal(mine.ticket, first);
	assert_int_equal(fixture_take(queue, &vendor, 10, grants).outcome, ERR_STALE);
	/* The other's is not good for this start; it gets the same new one. */
	assert_string_equal(step(queue, &other), mine.ticket);
	assert_string_equal(step(queue, &other), "");
	/* What comes too late changes nothing. */
	assert_int_equal(fixture_take_n(queue, &vendor, 9, NULL), 9);
	mine.fresh = true;
	assert_string_equal(step(queue, &mine), "");
	assert_int_equal(fixture_take_n(queue, &vendor, 9, NULL), 1);
	queue_free(queue);
}

static void a_ticket_of_another_run_is_no_good(void **state)
{
	static const char *const options[] = { "--appendonly", "yes", "--appendfsync", "always", NULL };
	struct vendor vendor = fixture_vendor("quota", day, 1);
	struct private_redis *saved = private_redis_start(options);
	struct queue *queue = fixture_queue(saved);
	struct queue_begin begin = { .vendor = &vendor, .guard_max_ms = 500 };
	char first[QUEUE_TICKET_SIZE];

	(void)state;
	fixture_push(queue, "quota", 20);
	snprintf(first, sizeof(first), "%s", step(queue, &begin));
	private_redis_restart(saved);
	fixture_wait_for_redis(queue);
	assert_string_not_equal(step(queue, &begin), "");
	assert_string_not_equal(begin.ticket, first);
	queue_free(queue);
	private_redis_free(saved);
}

/* ---- The file changes ---- */

/* It counts what the other limits know, and does not close the vendor for a day. */
static void a_new_quota_counts_what_is_known(void **state)
{
	static const struct vendor_limit short_one[] = { { .calls = 10, .per_ms = 400 } };
	static const struct vendor_limit both[] = {
		{ .calls = 10, .per_ms = 400 },
		{ .calls = 12, .per_ms = DAY_MS },
	};
	struct vendor before = fixture_vendor("quota", short_one, 1), after = fixture_vendor("quota", both, 2);
	struct queue *queue = wiped(&before);
	struct queue_grant grants[20];

	(void)state;
	fixture_begin(queue, &before, true);
	assert_int_equal(fixture_take_n(queue, &before, 8, NULL), 8);
	assert_int_equal(fixture_take(queue, &after, 20, grants).outcome, ERR_STALE);
	fixture_begin(queue, &after, false);
	assert_int_equal(fixture_take_n(queue, &after, 20, NULL), 2);
	fixture_nap_ms(400 + FIXTURE_GUARD_MS + FIXTURE_TRAVEL_MS + 5);
	assert_int_equal(fixture_take_n(queue, &after, 20, NULL), 2);
	queue_free(queue);
}

/* Redis is started anew by a worker with an older file: that of the quota finds its own count all the same. */
static void a_start_without_the_quota_does_not_forget_it(void **state)
{
	static const struct vendor_limit short_one[] = { { .calls = 10, .per_ms = 100 } };
	static const struct vendor_limit both[] = {
		{ .calls = 10, .per_ms = 100 },
		{ .calls = 12, .per_ms = DAY_MS },
	};
	struct vendor older = fixture_vendor("quota", short_one, 1), newer = fixture_vendor("quota", both, 2);
	struct queue *queue = wiped(&older);
	struct quota_slot counted = slot(DAY_MS, now_ms(), 9);
	struct queue_grant grants[20];

	(void)state;
	fixture_begin(queue, &older, false);
	assert_int_equal(fixture_take(queue, &newer, 20, grants).outcome, ERR_STALE);
	fixture_begin_with(queue, &newer, false, &counted, 1);
	fixture_nap_ms(100 + FIXTURE_GUARD_MAX_MS + FIXTURE_TRAVEL_MS + 5);
	assert_int_equal(fixture_take_n(queue, &older, 2, NULL), 2);
	assert_int_equal(fixture_take_n(queue, &newer, 20, NULL), 1);
	queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wiped_redis_goes_on_with_what_the_store_counts),
		cmocka_unit_test(an_older_snapshot_goes_on_with_what_the_store_counts),
		cmocka_unit_test(only_quotas_are_not_used_up),
		cmocka_unit_test(slots_of_the_future_count_as_of_now),
		cmocka_unit_test(a_ticket_is_good_until_redis_forgets_again),
		cmocka_unit_test(a_ticket_of_another_run_is_no_good),
		cmocka_unit_test(a_new_quota_counts_what_is_known),
		cmocka_unit_test(a_start_without_the_quota_does_not_forget_it),
	};
	int failed;

	private_redis_or_skip();
	server = private_redis_start(NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	private_redis_free(server);
	return failed;
}
