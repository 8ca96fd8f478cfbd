#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/queue_fixture.h"
#include "clock.h"
#include "mem.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct private_redis *server;

static struct queue *start(void)
{
	private_redis_flush(server);
	return fixture_queue(server);
}

static enum err apply_one(struct queue *queue, struct queue_op op)
{
	return queue_apply(queue, &op, 1, NULL);
}

static void new_id(char out[UUID_TEXT_SIZE])
{
	uuid_new(clock_now_ms(), out);
}

/* ---- Push and take ---- */

static void every_job_comes_out_once_and_nothing_is_left(void **state)
{
	enum { N = 2500 };
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("Data.vendor-1_x", NULL, 0);
	struct queue_grant *grants = mem_calloc(QUEUE_BATCH_MAX, sizeof(*grants));
	char last[UUID_TEXT_SIZE] = "";
	int seen = 0;

	(void)state;
	fixture_push(queue, vendor.name, N);
	while (seen < N) {
		struct queue_take take = fixture_take(queue, &vendor, QUEUE_BATCH_MAX, grants);

		assert_int_equal(take.outcome, ERR_OK);
		assert_in_range(take.n, 1, QUEUE_BATCH_MAX);
		/* Ids of one process ascend, so order shows both order and that none comes twice. */
		for (int i = 0; i < take.n; i++, seen++) {
			assert_true(strcmp(grants[i].request_id, last) > 0);
			memcpy(last, grants[i].request_id, sizeof(last));
		}
		fixture_finish(queue, vendor.name, grants, take.n);
	}
	assert_int_equal(fixture_take(queue, &vendor, 10, grants).wait_ms, -1);
	fixture_expect_empty(server, vendor.name);
	free(grants);
	queue_free(queue);
}

static void many_vendors_in_one_take_and_one_broken_hurts_no_other(void **state)
{
	enum { N = 100, BROKEN = 50 };
	static const struct vendor_limit limit = { .calls = 3, .per_ms = 10000 };
	struct queue *queue = start();
	struct vendor vendors[N];
	struct queue_take takes[N];
	struct queue_grant grants[N][5];
	char names[N][16];

	(void)state;
	private_redis_do(server, "SET t:job-queue:{v50} 1");
	for (int i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "v%d", i);
		vendors[i] = fixture_vendor(names[i], &limit, 1);
		fixture_begin(queue, &vendors[i], true);
		if (i != BROKEN)
			fixture_push(queue, names[i], 4);
		takes[i] = (struct queue_take){ .vendor = &vendors[i], .want = 5, .guard_ms = 50, .lease_ms = 1000,
			.grants = grants[i] };
	}
	assert_int_equal(queue_take(queue, "w1", takes, N, NULL), ERR_OK);
	for (int i = 0; i < N; i++) {
		assert_int_equal(takes[i].outcome, i == BROKEN ? ERR_UNAVAILABLE : ERR_OK);
		assert_int_equal(takes[i].n, i == BROKEN ? 0 : 3);
		assert_true(i == BROKEN || takes[i].wait_ms > 9000);
	}
	queue_free(queue);
}

static void prefixes_keep_two_systems_apart(void **state)
{
	struct queue *queue = start(), *other = NULL;
	struct vendor vendor = fixture_vendor("v", NULL, 0);
	struct err_text why;
	char long_prefix[300];

	(void)state;
	assert_int_equal(queue_new(private_redis_unix_url(server), "", FIXTURE_TIMEOUT_MS, &other, &why), ERR_OK);
	fixture_push(queue, "v", 3);
	assert_int_equal(fixture_take_n(other, &vendor, 5, NULL), 0);
	assert_int_equal(fixture_take_n(queue, &vendor, 5, NULL), 3);
	queue_free(other);
	queue_free(queue);
	memset(long_prefix, 'x', sizeof(long_prefix) - 1);
	long_prefix[sizeof(long_prefix) - 1] = '\0';
	assert_int_equal(queue_new("redis://h", long_prefix, 1, &other, &why), ERR_INVALID);
	assert_int_equal(queue_new("rediss://h", "", 1, &other, &why), ERR_UNSUPPORTED);
	queue_free(NULL);
}

static void malformed_entries_are_removed_and_cost_no_call(void **state)
{
	static const struct vendor_limit limit = { .calls = 2, .per_ms = 60000 };
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("v", &limit, 1);
	int granted = 0;

	(void)state;
	fixture_begin(queue, &vendor, true);
	private_redis_do(server, "XADD t:job-queue:{v} * other 1");
	private_redis_do(server, "XADD t:job-queue:{v} * id not-a-uuid");
	private_redis_do(server, "XADD t:job-queue:{v} * id 01890000-0000-7000-8000-00000000000G");
	private_redis_do(server, "XADD t:job-queue:{v} * id 01890000-0000-7000-8000-000000000000 more 1");
	fixture_push(queue, "v", 2);
	for (int i = 0; i < 5; i++)
		granted += fixture_take_n(queue, &vendor, 2, NULL);
	assert_int_equal(granted, 2);
	fixture_expect_empty(server, "v");
	queue_free(queue);
}

/* ---- Delay, hold, in flight ---- */

static void delay(struct queue *queue, const char *request_id, int64_t at)
{
	assert_int_equal(apply_one(queue, (struct queue_op){ .kind = QUEUE_DELAY, .vendor = "v", .request_id = request_id,
		.at = at }), ERR_OK);
}

static void delayed_jobs_come_when_they_are_due(void **state)
{
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("v", NULL, 0);
	struct queue_grant grants[10];
	struct queue_entry asked[2];
	struct queue_take take;
	char soon[UUID_TEXT_SIZE], later[UUID_TEXT_SIZE];
	int64_t due = fixture_wall_us() / 1000 + 600;
	bool present[2];

	(void)state;
	new_id(soon);
	new_id(later);
	delay(queue, soon, due);
	delay(queue, later, due + 60000);
	take = fixture_take(queue, &vendor, 10, grants);
	assert_int_equal(take.n, 0);
	assert_in_range(take.wait_ms, 1, 601);
	fixture_nap_ms(take.wait_ms);
	assert_true(fixture_wall_us() / 1000 >= due);
	take = fixture_take(queue, &vendor, 10, grants);
	assert_int_equal(take.n, 1);
	assert_string_equal(grants[0].request_id, soon);
	assert_in_range(take.wait_ms, 55000, 60000);
	asked[0] = (struct queue_entry){ "v", soon };
	asked[1] = (struct queue_entry){ "v", later };
	assert_int_equal(queue_is_delayed(queue, asked, 2, present, NULL), ERR_OK);
	assert_false(present[0]);
	assert_true(present[1]);
	queue_free(queue);
}

static void thousands_may_be_due_at_once(void **state)
{
	enum { N = 2300 };
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("v", NULL, 0);
	struct queue_op *ops = mem_calloc(N, sizeof(*ops));
	char (*ids)[UUID_TEXT_SIZE] = mem_calloc(N, sizeof(*ids));
	int64_t wait = 0, waiting, delayed;
	int got = 0;

	(void)state;
	for (int i = 0; i < N; i++) {
		new_id(ids[i]);
		ops[i] = (struct queue_op){ .kind = QUEUE_DELAY, .vendor = "v", .request_id = ids[i], .at = 1000 + i };
	}
	assert_int_equal(queue_apply(queue, ops, N, NULL), ERR_OK);
	assert_int_equal(queue_depth(queue, "v", &waiting, &delayed, NULL), ERR_OK);
	assert_int_equal(waiting, 0);
	assert_int_equal(delayed, N);
	while (wait == 0)
		got += fixture_take_n(queue, &vendor, 1000, &wait);
	assert_int_equal(got, N);
	fixture_expect_empty(server, "v");
	free(ids);
	free(ops);
	queue_free(queue);
}

static void held_vendor_is_left_alone_and_no_hold_is_shortened(void **state)
{
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("v", NULL, 0);
	int64_t wait;

	(void)state;
	assert_int_equal(apply_one(queue, (struct queue_op){ .kind = QUEUE_HOLD, .vendor = "v", .at = 150 }), ERR_OK);
	assert_int_equal(apply_one(queue, (struct queue_op){ .kind = QUEUE_HOLD, .vendor = "v", .at = 1 }), ERR_OK);
	assert_int_equal(fixture_take_n(queue, &vendor, 5, &wait), 0);
	assert_int_equal(wait, -1);
	fixture_push(queue, "v", 3);
	assert_int_equal(fixture_take_n(queue, &vendor, 5, &wait), 0);
	assert_in_range(wait, 50, 151);
	fixture_nap_ms(wait);
	assert_int_equal(fixture_take_n(queue, &vendor, 5, &wait), 3);
	queue_free(queue);
}

static void max_in_flight_counts_until_release_or_lease_end(void **state)
{
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("v", NULL, 0);
	struct queue_grant grants[10];
	struct queue_take take = { .vendor = &vendor, .want = 10, .guard_ms = 10, .lease_ms = 1000, .grants = grants };

	(void)state;
	vendor.max_in_flight = 4;
	fixture_push(queue, "v", 20);
	assert_int_equal(queue_take(queue, "w1", &take, 1, NULL), ERR_OK);
	assert_int_equal(take.n, 4);
	assert_int_equal(queue_take(queue, "w1", &take, 1, NULL), ERR_OK);
	assert_int_equal(take.n, 0);
	assert_in_range(take.wait_ms, 1, 1001);
	assert_int_equal(apply_one(queue, (struct queue_op){ .kind = QUEUE_RELEASE, .vendor = "v",
		.entry_id = grants[0].entry_id }), ERR_OK);
	assert_int_equal(queue_take(queue, "w1", &take, 1, NULL), ERR_OK);
	assert_int_equal(take.n, 1);
	/* Three leases of the first take end first. */
	fixture_nap_ms(take.wait_ms);
	assert_int_equal(queue_take(queue, "w1", &take, 1, NULL), ERR_OK);
	assert_in_range(take.n, 3, 4);
	queue_free(queue);
}

static void a_thousand_acks_in_one_go(void **state)
{
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("v", NULL, 0), other = fixture_vendor("other", NULL, 0);

	(void)state;
	vendor.max_in_flight = 5000;
	fixture_push(queue, "v", 1000);
	fixture_push(queue, "other", 3);
	assert_int_equal(fixture_take_n(queue, &vendor, 1000, NULL), 1000);
	assert_int_equal(fixture_take_n(queue, &other, 3, NULL), 3);
	fixture_expect_empty(server, "v");
	fixture_expect_empty(server, "other");
	queue_free(queue);
}

/* ---- Repair ---- */

static void what_was_taken_and_forgotten_comes_again(void **state)
{
	enum { N = 350 };
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("v", NULL, 0);
	struct queue_grant grants[N];
	int n;

	(void)state;
	assert_int_equal(queue_reclaim(queue, "v", "w2", 0, &n, NULL), ERR_OK);
	assert_int_equal(n, 0);
	vendor.max_in_flight = 1000;
	fixture_push(queue, "v", N);
	assert_int_equal(fixture_take(queue, &vendor, N, grants).n, N);
	assert_int_equal(queue_reclaim(queue, "v", "w2", 60000, &n, NULL), ERR_OK);
	assert_int_equal(n, 0);
	/* One whose data went before its acknowledgement: nothing to bring back. */
	private_redis_do(server, "XDEL t:job-queue:{v} %s", grants[7].entry_id);
	fixture_nap_ms(2);
	assert_int_equal(queue_reclaim(queue, "v", "w2", 1, &n, NULL), ERR_OK);
	assert_int_equal(n, N - 1);
	assert_int_equal(private_redis_do(server, "ZCARD t:in_flight:{v}"), 0);
	assert_int_equal(fixture_take_n(queue, &vendor, N, NULL), N - 1);
	fixture_expect_empty(server, "v");
	queue_free(queue);
}

static void an_open_call_whose_lease_is_over_is_forgotten_without_a_take(void **state)
{
	struct queue *queue = start();
	int n;

	(void)state;
	private_redis_do(server, "ZADD t:in_flight:{v} %lld 1-1", (long long)(fixture_wall_us() / 1000 - 1));
	private_redis_do(server, "ZADD t:in_flight:{v} %lld 1-2", (long long)(fixture_wall_us() / 1000 + 60000));
	assert_int_equal(queue_reclaim(queue, "v", "w1", 1, &n, NULL), ERR_OK);
	assert_int_equal(private_redis_do(server, "ZCARD t:in_flight:{v}"), 1);
	private_redis_do(server, "DEL t:in_flight:{v}");
	queue_free(queue);
}

static void entries_of_a_deleted_consumer_are_removed(void **state)
{
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("v", NULL, 0);
	struct queue_grant grants[3];
	int n;

	(void)state;
	fixture_push(queue, "v", 6);
	assert_int_equal(fixture_take(queue, &vendor, 3, grants).n, 3);
	assert_int_equal(private_redis_do(server, "XGROUP DELCONSUMER t:job-queue:{v} workers w1"), 3);
	assert_int_equal(fixture_take(queue, &vendor, 1, grants).n, 1);
	assert_int_equal(queue_reclaim(queue, "v", "w2", 60000, &n, NULL), ERR_OK);
	assert_int_equal(n, 0);
	/* One in work and two that were never taken are as they were. */
	assert_int_equal(private_redis_do(server, "XLEN t:job-queue:{v}"), 3);
	fixture_finish(queue, "v", grants, 1);
	assert_int_equal(fixture_take_n(queue, &vendor, 3, NULL), 2);
	fixture_expect_empty(server, "v");
	queue_free(queue);
}

static void delivered_until_follows_the_group(void **state)
{
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("v", NULL, 0);
	struct queue_grant grants[2];
	int64_t at, now = fixture_wall_us() / 1000;

	(void)state;
	assert_int_equal(queue_delivered_until(queue, "v", &at, NULL), ERR_OK);
	assert_in_range(at, now, now + 2000);
	fixture_push(queue, "v", 2);
	assert_int_equal(queue_delivered_until(queue, "v", &at, NULL), ERR_OK);
	assert_int_equal(at, 0);
	assert_int_equal(fixture_take(queue, &vendor, 1, grants).n, 1);
	fixture_nap_ms(30);
	assert_int_equal(queue_delivered_until(queue, "v", &at, NULL), ERR_OK);
	assert_int_equal(at, strtoll(grants[0].entry_id, NULL, 10));
	assert_int_equal(fixture_take(queue, &vendor, 1, grants + 1).n, 1);
	now = fixture_wall_us() / 1000;
	assert_int_equal(queue_delivered_until(queue, "v", &at, NULL), ERR_OK);
	assert_in_range(at, now, now + 2000);
	queue_free(queue);
}

static void works_on_after_parts_of_redis_are_deleted(void **state)
{
	static const struct vendor_limit limit = { .calls = 1000, .per_ms = 1000 };
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("v", &limit, 1);
	struct queue_grant grants[10];

	(void)state;
	fixture_begin(queue, &vendor, true);
	fixture_push(queue, "v", 3);
	private_redis_do(server, "DEL t:job-queue:{v}");
	assert_int_equal(fixture_take_n(queue, &vendor, 5, NULL), 0);
	fixture_push(queue, "v", 3);
	assert_int_equal(fixture_take(queue, &vendor, 1, grants).n, 1);
	private_redis_do(server, "XGROUP DESTROY t:job-queue:{v} workers");
	assert_int_equal(fixture_take_n(queue, &vendor, 5, NULL), 3);
	private_redis_do(server, "SCRIPT FLUSH");
	fixture_push(queue, "v", 2);
	assert_int_equal(fixture_take_n(queue, &vendor, 5, NULL), 2);
	private_redis_do(server, "FLUSHALL");
	fixture_push(queue, "v", 2);
	assert_int_equal(fixture_take(queue, &vendor, 5, grants).outcome, ERR_STALE);
	fixture_begin(queue, &vendor, true);
	assert_int_equal(fixture_take_n(queue, &vendor, 5, NULL), 2);
	fixture_expect_empty(server, "v");
	queue_free(queue);
}

/* ---- Redis in trouble ---- */

static void full_or_read_only_redis_is_unavailable_until_it_is_not(void **state)
{
	static const struct { const char *begin, *end, *says; } troubles[] = {
		{ "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "OOM" },
		{ "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "READONLY" },
		{ "CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0", "NOREPLICAS" },
	};
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("v", NULL, 0);
	char id[UUID_TEXT_SIZE];

	(void)state;
	new_id(id);
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		struct queue_entry entry = { "v", id };
		struct err_text why = { "" };

		fixture_wait_for_redis(queue);
		private_redis_do(server, troubles[i].begin);
		assert_int_equal(queue_push(queue, &entry, 1, &why), ERR_UNAVAILABLE);
		assert_non_null(strstr(why.text, troubles[i].says));
		assert_int_equal(queue_heartbeat(queue, "w1", &why), ERR_UNAVAILABLE);
		private_redis_do(server, troubles[i].end);
		fixture_wait_for_redis(queue);
		assert_int_equal(queue_push(queue, &entry, 1, &why), ERR_OK);
		assert_int_equal(fixture_take_n(queue, &vendor, 5, NULL), 1);
	}
	fixture_expect_empty(server, "v");
	queue_free(queue);
}

static void silent_redis_costs_one_timeout_and_comes_back(void **state)
{
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("v", NULL, 0);
	struct queue_grant grants[5];
	struct queue_take take = { .vendor = &vendor, .want = 5, .guard_ms = 10, .lease_ms = 1000, .grants = grants };
	int64_t begun;

	(void)state;
	fixture_push(queue, "v", 3);
	private_redis_stop(server);
	begun = clock_mono_ms();
	assert_int_equal(queue_take(queue, "w1", &take, 1, NULL), ERR_UNAVAILABLE);
	assert_int_equal(take.outcome, ERR_UNAVAILABLE);
	assert_int_equal(take.n, 0);
	assert_true(clock_mono_ms() - begun < FIXTURE_TIMEOUT_MS * 3);
	private_redis_cont(server);
	fixture_wait_for_redis(queue);
	/* The script may have run after all: then its entries are pending, and come back by reclaiming. */
	assert_int_equal(queue_take(queue, "w1", &take, 1, NULL), ERR_OK);
	if (take.n == 0) {
		int n;

		fixture_nap_ms(2);
		assert_int_equal(queue_reclaim(queue, "v", "w1", 1, &n, NULL), ERR_OK);
		assert_int_equal(n, 3);
		take.n = fixture_take(queue, &vendor, 5, grants).n;
	}
	assert_int_equal(take.n, 3);
	fixture_finish(queue, "v", grants, take.n);
	fixture_expect_empty(server, "v");
	queue_free(queue);
}

static void dead_redis_fails_at_once_and_comes_back(void **state)
{
	struct queue *queue = start();
	int64_t waiting, delayed;
	int n;

	(void)state;
	fixture_wait_for_redis(queue);
	private_redis_kill(server);
	assert_int_equal(queue_ping(queue, NULL), ERR_UNAVAILABLE);
	assert_int_equal(queue_depth(queue, "v", &waiting, &delayed, NULL), ERR_UNAVAILABLE);
	assert_int_equal(queue_workers(queue, 1000, &n, NULL), ERR_UNAVAILABLE);
	private_redis_restart(server);
	fixture_wait_for_redis(queue);
	assert_int_equal(queue_depth(queue, "v", &waiting, &delayed, NULL), ERR_OK);
	queue_free(queue);
}

/* ---- Workers and wake-up ---- */

static void workers_are_counted_by_their_heartbeat(void **state)
{
	struct queue *queue = start();
	int n;

	(void)state;
	assert_int_equal(queue_heartbeat(queue, "host-1:w1", NULL), ERR_OK);
	assert_int_equal(queue_heartbeat(queue, "host-1:w2", NULL), ERR_OK);
	private_redis_do(server, "HSET t:workers old 1000");
	private_redis_do(server, "HSET t:workers away %lld", (long long)(fixture_wall_us() / 1000 - 60000));
	assert_int_equal(queue_workers(queue, 10000, &n, NULL), ERR_OK);
	assert_int_equal(n, 2);
	assert_int_equal(queue_heartbeat(queue, "host-1:w1", NULL), ERR_OK);
	assert_int_equal(private_redis_do(server, "HLEN t:workers"), 3);
	assert_int_equal(queue_sign_off(queue, "host-1:w1", NULL), ERR_OK);
	assert_int_equal(queue_workers(queue, 10000, &n, NULL), ERR_OK);
	assert_int_equal(n, 1);
	queue_free(queue);
}

static void on_wake(const char *vendor, void *arg)
{
	char *heard = arg;
	size_t len = strlen(heard);

	snprintf(heard + len, 100 - len, "%s ", vendor);
}

/* Reads until the whole text was heard. */
static void expect_wakes(struct queue_wake *wake, const char *text)
{
	int64_t end = clock_mono_ms() + 5000;
	char heard[100] = "";

	while (strlen(heard) < strlen(text)) {
		struct pollfd fd = { .fd = queue_wake_fd(wake), .events = POLLIN };

		assert_true(clock_mono_ms() < end);
		poll(&fd, 1, 100);
		queue_wake_read(wake, on_wake, heard);
	}
	assert_string_equal(heard, text);
}

static int wait_for_fd(struct queue_wake *wake)
{
	int64_t end = clock_mono_ms() + 5000;
	int fd;

	while ((fd = queue_wake_fd(wake)) < 0) {
		assert_true(clock_mono_ms() < end);
		fixture_nap_ms(10);
	}
	return fd;
}

static void a_push_wakes_each_of_its_vendors_once(void **state)
{
	struct queue *queue = start();
	struct queue_wake *wake;
	char id[UUID_TEXT_SIZE];
	struct queue_entry entries[4] = { { "a", id }, { "b", id }, { "a", id }, { "b", id } };
	struct pollfd fd;
	char heard[100] = "";

	(void)state;
	new_id(id);
	assert_int_equal(queue_wake_new(private_redis_url(server), "t:", FIXTURE_TIMEOUT_MS, &wake, NULL), ERR_OK);
	fd = (struct pollfd){ .fd = wait_for_fd(wake), .events = POLLIN };
	assert_int_equal(queue_push(queue, entries, 4, NULL), ERR_OK);
	expect_wakes(wake, "a b ");

	private_redis_kill(server);
	assert_int_equal(poll(&fd, 1, 5000), 1);
	queue_wake_read(wake, on_wake, heard);
	assert_string_equal(heard, "");
	assert_int_equal(queue_wake_fd(wake), -1);
	private_redis_restart(server);
	wait_for_fd(wake);
	fixture_wait_for_redis(queue);
	fixture_push(queue, "after", 1);
	expect_wakes(wake, "after ");
	queue_wake_free(wake);
	queue_wake_free(NULL);
	queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_job_comes_out_once_and_nothing_is_left),
		cmocka_unit_test(many_vendors_in_one_take_and_one_broken_hurts_no_other),
		cmocka_unit_test(prefixes_keep_two_systems_apart),
		cmocka_unit_test(malformed_entries_are_removed_and_cost_no_call),
		cmocka_unit_test(delayed_jobs_come_when_they_are_due),
		cmocka_unit_test(thousands_may_be_due_at_once),
		cmocka_unit_test(held_vendor_is_left_alone_and_no_hold_is_shortened),
		cmocka_unit_test(max_in_flight_counts_until_release_or_lease_end),
		cmocka_unit_test(a_thousand_acks_in_one_go),
		cmocka_unit_test(what_was_taken_and_forgotten_comes_again),
		cmocka_unit_test(an_open_call_whose_lease_is_over_is_forgotten_without_a_take),
		cmocka_unit_test(entries_of_a_deleted_consumer_are_removed),
		cmocka_unit_test(delivered_until_follows_the_group),
		cmocka_unit_test(works_on_after_parts_of_redis_are_deleted),
		cmocka_unit_test(full_or_read_only_redis_is_unavailable_until_it_is_not),
		cmocka_unit_test(silent_redis_costs_one_timeout_and_comes_back),
		cmocka_unit_test(dead_redis_fails_at_once_and_comes_back),
		cmocka_unit_test(workers_are_counted_by_their_heartbeat),
		cmocka_unit_test(a_push_wakes_each_of_its_vendors_once),
	};

	private_redis_or_skip();
	server = private_redis_start(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
