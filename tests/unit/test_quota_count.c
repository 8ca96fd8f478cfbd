/* What the worker writes for a quota, and how it starts a limiter: against a store that only counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/limits_begin.h"
#include "../../worker/quota_count.h"
#include "../support/queue_fixture.h"
#include "clock.h"
#include "mem.h"
#include "store_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum { DAY_MS = 86400000, GUARD_MS = 20, GRANTED_MS = 1000000000, KEPT_MAX = 100 };

/* ---- The store: every add in one list ---- */

static struct {
	struct quota_slot kept[KEPT_MAX];
	size_t n;
	int writes;
	bool away;
	bool never_called;            /* nobody was, but */
	const char *called;
	char marked[64], read[64];    /* whom we were asked about */
} counted;

static enum err fake_add(struct store *store, const struct quota_slot *items, size_t n, struct err_text *why)
{
	(void)store;
	counted.writes++;
	if (counted.away)
		return err_set(why, ERR_UNAVAILABLE, "away");
	for (size_t i = 0; i < n; i++)
		counted.kept[counted.n++] = items[i];
	return ERR_OK;
}

static enum err fake_read(struct store *store, const char *vendor, int64_t per_ms, int64_t since,
                          struct quota_slot **slots, size_t *n, struct err_text *why)
{
	(void)store, (void)per_ms, (void)since;
	snprintf(counted.read + strlen(counted.read), sizeof(counted.read) - strlen(counted.read), "%s ", vendor);
	if (counted.away)
		return err_set(why, ERR_UNAVAILABLE, "away");
	*slots = mem_calloc(KEPT_MAX, sizeof(**slots));
	memcpy(*slots, counted.kept, counted.n * sizeof(**slots));
	*n = counted.n;
	return ERR_OK;
}

static enum err fake_mark_called(struct store *store, const char *vendor, struct err_text *why)
{
	(void)store;
	snprintf(counted.marked + strlen(counted.marked), sizeof(counted.marked) - strlen(counted.marked), "%s ", vendor);
	if (counted.never_called && strcmp(vendor, counted.called) != 0)
		return ERR_OK;
	return err_set(why, ERR_EXISTS, "%s", vendor);
}

static const struct store_engine engine = { .quota_add = fake_add, .quota_read = fake_read,
                                            .mark_called = fake_mark_called };
static struct store store = { &engine };

static int64_t count(int64_t per_ms)
{
	int64_t sum = 0;

	for (size_t i = 0; i < counted.n; i++)
		if (counted.kept[i].per_ms == per_ms)
			sum += counted.kept[i].count;
	return sum;
}

static struct lane lane_of(const struct vendor *vendor)
{
	struct lane lane = { .vendor = vendor, .guard_max_ms = 200 };

	memset(&counted, 0, sizeof(counted));
	snprintf(lane.name, sizeof(lane.name), "%s", vendor->name);
	return lane;
}

/* n grants of one lane at this moment. */
static enum err grant(struct lane *lane, int n, int64_t at_ms)
{
	struct queue_take take = { .vendor = lane->vendor, .n = n, .guard_ms = GUARD_MS, .granted_us = at_ms * 1000,
	                           .outcome = ERR_OK };
	struct err_text why;

	return quota_count_grants(&store, &lane, &take, 1, &why);
}

/* ---- Counting ---- */

static void a_vendor_without_a_quota_costs_no_write(void **state)
{
	static const struct vendor_limit limits[] = {
		{ .calls = 10, .per_ms = 1000 },
		{ .calls = 600, .per_ms = QUOTA_OVER_MS },
		{ .calls = 10, .per_ms = DAY_MS, .burst = 5 },
	};
	struct vendor vendor = fixture_vendor("none", limits, 3);
	struct lane lane = lane_of(&vendor);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(grant(&lane, 5, GRANTED_MS + i), ERR_OK);
	quota_count_unused(&lane);
	assert_int_equal(counted.writes, 0);
}

static void a_small_quota_is_counted_exactly_and_never_too_early(void **state)
{
	static const struct vendor_limit limits[] = {
		{ .calls = 10, .per_ms = 1000 },
		{ .calls = 40, .per_ms = 90000 },
		{ .calls = 100, .per_ms = DAY_MS },
	};
	struct vendor vendor = fixture_vendor("small", limits, 3);
	struct lane lane = lane_of(&vendor);

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(grant(&lane, 2, GRANTED_MS + 50 * i), ERR_OK);
	assert_int_equal(counted.writes, 20);
	assert_int_equal(count(90000), 40);
	assert_int_equal(count(DAY_MS), 40);
	for (size_t i = 0; i < counted.n; i++)
		assert_true(counted.kept[i].until >= GRANTED_MS + 50 * (int64_t)(i / 2) + GUARD_MS);
	assert_int_equal(grant(&lane, 0, GRANTED_MS + 2000), ERR_OK);
	assert_int_equal(counted.writes, 20);
}

/* They share one count in Redis and in the store. */
static void windows_of_the_same_length_are_counted_once(void **state)
{
	static const struct vendor_limit limits[] = {
		{ .calls = 100, .per_ms = DAY_MS },
		{ .calls = 40, .per_ms = DAY_MS },
		{ .calls = 10, .per_ms = DAY_MS, .burst = 5 },
	};
	struct vendor vendor = fixture_vendor("same", limits, 3);
	struct lane lane = lane_of(&vendor);

	(void)state;
	assert_int_equal(grant(&lane, 7, GRANTED_MS), ERR_OK);
	assert_int_equal(count(DAY_MS), 7);
}

/* 5,000 calls a second in 10 s: not 1,000 writes but some; and all the time the store has what was granted, with an
 * end that no grant can leave after. */
static void a_busy_vendor_costs_few_writes(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 10000000, .per_ms = DAY_MS } };
	struct vendor vendor = fixture_vendor("busy", limits, 1);
	struct lane lane = lane_of(&vendor);
	int64_t granted = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(grant(&lane, 50, GRANTED_MS + 10 * i), ERR_OK);
		granted += 50;
		assert_true(count(DAY_MS) >= granted);
		assert_int_equal(count(DAY_MS), granted + lane.quota.left);
		assert_true(lane.quota.span.until >= GRANTED_MS + 10 * i + GUARD_MS);
	}
	assert_in_range(counted.writes, 5, 30);
	/* After a pause what was reserved and not used is back. */
	assert_int_equal(grant(&lane, 1, GRANTED_MS + 60000), ERR_OK);
	assert_int_equal(count(DAY_MS), granted + 1);
}

static void what_was_not_used_counts_for_the_next(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 100, .per_ms = DAY_MS } };
	struct vendor vendor = fixture_vendor("unused", limits, 1);
	struct lane lane = lane_of(&vendor);
	struct quota_unsent unsent[2];

	(void)state;
	assert_int_equal(grant(&lane, 5, GRANTED_MS), ERR_OK);
	unsent[0] = unsent[1] = (struct quota_unsent){ &vendor, lane.quota.span };
	quota_count_unused(&lane);
	quota_count_unused(&lane);
	assert_int_equal(grant(&lane, 4, GRANTED_MS + 500), ERR_OK);
	assert_int_equal(count(DAY_MS), 7);
	quota_count_take_back(&store, unsent, 2);
	assert_int_equal(count(DAY_MS), 5);
}

static void nothing_of_a_failed_write_is_used_or_taken_back(void **state)
{
	static const struct vendor_limit limits[] = { { .calls = 1000000, .per_ms = DAY_MS } };
	struct vendor vendor = fixture_vendor("away", limits, 1);
	struct lane lane = lane_of(&vendor);

	(void)state;
	assert_int_equal(grant(&lane, 50, GRANTED_MS), ERR_OK);
	assert_int_equal(grant(&lane, 50, GRANTED_MS + 10), ERR_OK);
	assert_true(lane.quota.left > 0);
	counted.away = true;
	assert_int_equal(grant(&lane, 500, GRANTED_MS + 20), ERR_UNAVAILABLE);
	assert_int_equal(lane.quota.left, 0);
	counted.away = false;
	assert_int_equal(grant(&lane, 50, GRANTED_MS + 30), ERR_OK);
	assert_true(count(DAY_MS) >= 150 + lane.quota.left);
}

/* ---- Starting ---- */

static struct private_redis *server;
static bool store_away;
static const struct vendor_limit ten_a_day[] = { { .calls = 10, .per_ms = DAY_MS } };

static void another_worker_counts(int64_t n)
{
	counted.kept[counted.n++] = (struct quota_slot){ .per_ms = DAY_MS, .until = clock_now_ms(), .count = n };
}

/* Until a take is no longer stale; how long that took. */
static int64_t start(struct queue *queue, struct lane *lane)
{
	int64_t began = clock_mono_ms(), wait;
	struct queue_grant grants[1];

	while (fixture_take(queue, lane->vendor, 0, grants).outcome == ERR_STALE) {
		wait = limits_begin(&store, queue, lane, &store_away);
		assert_true(clock_mono_ms() - began < 10000);
		if (wait)
			fixture_nap_ms(wait);
	}
	return clock_mono_ms() - began;
}

/* Somebody else was granted calls by the Redis that is gone, and counts them when we have seen the new one already. */
static void a_start_knows_what_others_count_until_their_grants_are_void(void **state)
{
	struct vendor vendor = fixture_vendor("race", ten_a_day, 1);
	struct queue *queue = fixture_queue(server);
	struct lane lane = lane_of(&vendor);

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "race", 20);
	another_worker_counts(3);
	assert_in_range(limits_begin(&store, queue, &lane, &store_away), 100, 201);
	another_worker_counts(4);
	assert_true(start(queue, &lane) >= 100);
	assert_int_equal(fixture_take_n(queue, &vendor, 20, NULL), 3);
	queue_free(queue);
}

/* While we wait, others start the new Redis, are granted calls, and it forgets once more. */
static void a_start_begins_again_when_redis_forgets_again(void **state)
{
	struct vendor vendor = fixture_vendor("again", ten_a_day, 1);
	struct queue *queue = fixture_queue(server);
	struct lane lane = lane_of(&vendor);

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "again", 20);
	assert_true(limits_begin(&store, queue, &lane, &store_away) > 0);
	fixture_begin(queue, &vendor, false);
	assert_int_equal(fixture_take_n(queue, &vendor, 6, NULL), 6);
	private_redis_flush(server);
	fixture_push(queue, "again", 20);
	fixture_nap_ms(200);
	assert_in_range(limits_begin(&store, queue, &lane, &store_away), 100, 201);
	another_worker_counts(6);
	start(queue, &lane);
	assert_int_equal(fixture_take_n(queue, &vendor, 20, NULL), 4);
	queue_free(queue);
}

static void a_start_reads_windows_of_the_same_length_once(void **state)
{
	static const struct vendor_limit limits[] = {
		{ .calls = 100, .per_ms = DAY_MS },
		{ .calls = 10, .per_ms = DAY_MS },
	};
	struct vendor vendor = fixture_vendor("twice", limits, 2);
	struct queue *queue = fixture_queue(server);
	struct lane lane = lane_of(&vendor);

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "twice", 20);
	another_worker_counts(3);
	start(queue, &lane);
	assert_int_equal(fixture_take_n(queue, &vendor, 20, NULL), 7);
	queue_free(queue);
}

/* ---- Groups ---- */

static const char *members[] = { "a", "b", NULL };
static struct vendor_group group = { .account = "@acme", .members = members, .n_members = 2 };

static void calls_of_a_group_are_counted_as_the_accounts(void **state)
{
	struct vendor vendor = fixture_vendor("b", ten_a_day, 1);
	struct lane lane;

	(void)state;
	vendor.group = &group;
	lane = lane_of(&vendor);
	assert_int_equal(grant(&lane, 2, GRANTED_MS), ERR_OK);
	assert_int_equal(counted.n, 1);
	assert_string_equal(counted.kept[0].vendor, "@acme");
}

/* All of it are on record from then on; and it is new only if none of them was before. */
static void a_start_asks_about_everybody_in_the_group(void **state)
{
	static const struct { const char *called, *read; int grants; } rows[] = {
		{ "", "", 10 },
		{ "b", "@acme a b ", 7 },
		{ "@acme", "@acme a b ", 7 },
	};
	struct vendor vendor = fixture_vendor("a", ten_a_day, 1);
	struct queue *queue = fixture_queue(server);

	(void)state;
	vendor.group = &group;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lane lane = lane_of(&vendor);

		private_redis_flush(server);
		fixture_push(queue, "a", 20);
		another_worker_counts(1);   /* which the store says of each name */
		counted.never_called = true;
		counted.called = rows[i].called;
		fixture_nap_ms(limits_begin(&store, queue, &lane, &store_away));
		assert_string_equal(counted.marked, "@acme a b ");
		assert_int_equal(limits_begin(&store, queue, &lane, &store_away), 0);
		assert_string_equal(counted.read, rows[i].read);
		assert_int_equal(fixture_take_n(queue, &vendor, 20, NULL), rows[i].grants);
	}
	queue_free(queue);
}

static void without_the_store_nothing_is_started(void **state)
{
	struct vendor vendor = fixture_vendor("alone", ten_a_day, 1);
	struct queue *queue = fixture_queue(server);
	struct lane lane = lane_of(&vendor);
	struct queue_grant grants[1];

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "alone", 20);
	counted.away = true;
	fixture_nap_ms(limits_begin(&store, queue, &lane, &store_away));
	assert_false(store_away);
	assert_true(limits_begin(&store, queue, &lane, &store_away) > 0);
	assert_true(store_away);
	assert_int_equal(fixture_take(queue, &vendor, 1, grants).outcome, ERR_STALE);
	counted.away = false;
	start(queue, &lane);
	assert_int_equal(fixture_take_n(queue, &vendor, 20, NULL), 10);
	queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vendor_without_a_quota_costs_no_write),
		cmocka_unit_test(a_small_quota_is_counted_exactly_and_never_too_early),
		cmocka_unit_test(windows_of_the_same_length_are_counted_once),
		cmocka_unit_test(a_busy_vendor_costs_few_writes),
		cmocka_unit_test(what_was_not_used_counts_for_the_next),
		cmocka_unit_test(nothing_of_a_failed_write_is_used_or_taken_back),
		cmocka_unit_test(a_start_knows_what_others_count_until_their_grants_are_void),
		cmocka_unit_test(a_start_begins_again_when_redis_forgets_again),
		cmocka_unit_test(a_start_reads_windows_of_the_same_length_once),
		cmocka_unit_test(calls_of_a_group_are_counted_as_the_accounts),
		cmocka_unit_test(a_start_asks_about_everybody_in_the_group),
		cmocka_unit_test(without_the_store_nothing_is_started),
	};
	int failed;

	private_redis_or_skip();
	server = private_redis_start(NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	private_redis_free(server);
	return failed;
}
