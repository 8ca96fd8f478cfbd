/* The intake thread beside a store that hangs: it asks once, not for every vendor, and leaves when it has to. And beside a
 * vendor with a backlog: it hears of others. And beside queues of which nobody told it anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/tokens.h"
#include "../../worker/worker.h"
#include "../support/queue_fixture.h"
#include "clock.h"
#include "mem.h"
#include "store_engine.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { LANES = 24, STORE_TIMEOUT_MS = 250, BACKLOG = 3000, BATCH_MAX = 1000, WAIT_MS = 20000, LOOK_MS = 100 };

static struct private_redis *server;
static const struct vendor_limit limits[] = { { .calls = 10, .per_ms = 1000 } };

/* ---- A store whose every answer is a time-out ---- */

static _Atomic int asked;

static enum err time_out(struct err_text *why)
{
	atomic_fetch_add(&asked, 1);
	fixture_nap_ms(STORE_TIMEOUT_MS);
	return err_set(why, ERR_UNAVAILABLE, "too slow");
}

static enum err fake_mark_called(struct store *store, const char *vendor, struct err_text *why)
{
	(void)store, (void)vendor;
	return time_out(why);
}

static enum err fake_ping(struct store *store, struct err_text *why)
{
	(void)store;
	return time_out(why);
}

/* ---- A store that has none of the jobs, to which a lone job of another vendor comes at the second claim ---- */

static const char lone_id[] = "0199f0c2-0000-7000-8000-000000000001";
static struct queue *pushes;
static _Atomic int claims, claimed, claimed_before_lone;

static enum err fake_claim(struct store *store, struct store_claim *items, size_t n, int64_t now, int64_t lease_until,
                           struct err_text *why)
{
	const struct queue_entry entry = { "v1", lone_id };

	(void)store, (void)now, (void)lease_until;
	if (atomic_fetch_add(&claims, 1) == 1)
		assert_int_equal(queue_push(pushes, &entry, 1, why), ERR_OK);
	for (size_t i = 0; i < n; i++) {
		items[i].outcome = ERR_NOT_FOUND;
		if (strcmp(items[i].request_id, lone_id) == 0)
			atomic_store(&claimed_before_lone, atomic_load(&claimed));
	}
	atomic_fetch_add(&claimed, (int)n);
	return ERR_OK;
}

static const struct store_engine engine = { .mark_called = fake_mark_called, .ping = fake_ping, .claim = fake_claim };
static struct store store = { &engine };

/* Nothing is ever granted. */
void loop_submit(struct loop *loop, struct call *list)
{
	(void)loop;
	assert_null(list);
}

static _Atomic int wanted;   /* tokens, of the lane 0 */

void tokens_want(struct tokens *tokens, struct lane *lane)
{
	(void)tokens;
	assert_string_equal(lane->name, "v0");
	atomic_fetch_add(&wanted, 1);
}

struct lane *worker_lane(const struct worker *worker, const char *name)
{
	for (size_t i = 0; i < worker->n_lanes; i++)
		if (strcmp(worker->lanes[i]->name, name) == 0)
			return worker->lanes[i];
	return NULL;
}

bool worker_follow_rules(struct worker *worker)
{
	(void)worker;
	return false;
}

/* ---- The test ---- */

static struct vendor vendors[LANES];
static struct lane lanes[LANES], *places[LANES];

static void make_lane(struct worker *worker, int i, struct vendor vendor)
{
	vendors[i] = vendor;
	lanes[i] = (struct lane){ .vendor = &vendors[i], .in_flight = &worker->in_flight };
	snprintf(lanes[i].name, sizeof(lanes[i].name), "%s", vendor.name);
	places[i] = &lanes[i];
}

/* As after a restart of Redis: every vendor has work, and its limiter is another run's. */
static void make_stale_lanes(struct worker *worker)
{
	struct queue *queue = fixture_queue(server);

	for (int i = 0; i < LANES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "v%d", i);
		make_lane(worker, i, fixture_vendor(name, limits, 1));
		vendors[i].name = lanes[i].name;
		fixture_push(queue, name, 1);
		private_redis_do(server, "HSET t:rate_limit:{%s} run_id another", name);
	}
	worker->lanes = places;
	worker->n_lanes = LANES;
	queue_free(queue);
}

static struct worker new_worker(void)
{
	return (struct worker){ .store = &store, .calls_max = 1000, .lease_ms = FIXTURE_LEASE_MS, .consumer = "w1",
		.settings = { .redis_url = (char *)(uintptr_t)private_redis_url(server), .redis_prefix = (char *)(uintptr_t)"t:",
		              .redis_timeout_ms = FIXTURE_TIMEOUT_MS, .repair_period_ms = LOOK_MS } };
}

static void a_store_that_hangs_is_not_waited_for_once_a_vendor(void **state)
{
	struct worker worker = new_worker();
	int64_t told;
	pthread_t thread;

	(void)state;
	assert_int_equal(mailbox_init(&worker.intake_poke), 0);
	make_stale_lanes(&worker);
	assert_int_equal(pthread_create(&thread, NULL, intake_run, &worker), 0);
	while (atomic_load(&asked) == 0)
		fixture_nap_ms(1);
	told = clock_mono_ms();
	atomic_store(&worker.leaving, true);
	mailbox_poke(&worker.intake_poke);
	pthread_join(thread, NULL);
	assert_in_range(clock_mono_ms() - told, 0, LANES * STORE_TIMEOUT_MS / 2);
	assert_in_range(atomic_load(&asked), 1, 2);
	mailbox_deinit(&worker.intake_poke);
}

static void a_backlog_of_one_lane_keeps_no_wake_up_of_another_waiting(void **state)
{
	struct worker worker = new_worker();
	int64_t give_up = clock_mono_ms() + WAIT_MS;
	pthread_t thread;

	(void)state;
	private_redis_do(server, "FLUSHALL");
	pushes = fixture_queue(server);
	for (int i = 0; i < 2; i++)
		make_lane(&worker, i, fixture_vendor(i ? "v1" : "v0", NULL, 0));
	for (int n = BACKLOG; n > 0; n -= BATCH_MAX)
		fixture_push(pushes, "v0", BATCH_MAX);
	worker.lanes = places;
	worker.n_lanes = 2;
	assert_int_equal(mailbox_init(&worker.intake_poke), 0);
	assert_int_equal(pthread_create(&thread, NULL, intake_run, &worker), 0);
	while (atomic_load(&claimed) <= BACKLOG && clock_mono_ms() < give_up)
		fixture_nap_ms(1);
	atomic_store(&worker.leaving, true);
	mailbox_poke(&worker.intake_poke);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&claimed), BACKLOG + 1);
	assert_in_range(atomic_load(&claimed_before_lone), 1, BACKLOG - 1);
	mailbox_deinit(&worker.intake_poke);
	queue_free(pushes);
}

/* A grant would be over by the time that there is one. The lane beside it goes on. */
static void without_a_token_nothing_is_taken(void **state)
{
	struct worker worker = new_worker();
	int64_t give_up = clock_mono_ms() + WAIT_MS;
	pthread_t thread;

	(void)state;
	private_redis_do(server, "FLUSHALL");
	pushes = fixture_queue(server);
	atomic_store(&claims, 2);   /* no lone job comes */
	atomic_store(&claimed, 0);
	for (int i = 0; i < 2; i++)
		make_lane(&worker, i, fixture_vendor(i ? "v1" : "v0", NULL, 0));
	vendors[0].oauth2.url = (char *)(uintptr_t)"http://127.0.0.1:1/";
	token_slot_init(&lanes[0].token);
	worker.lanes = places;
	worker.n_lanes = 2;
	assert_int_equal(mailbox_init(&worker.intake_poke), 0);
	assert_int_equal(pthread_create(&thread, NULL, intake_run, &worker), 0);
	/* A vendor without jobs wants none. */
	fixture_push(pushes, "v1", 1);
	while (atomic_load(&claimed) < 1 && clock_mono_ms() < give_up)
		fixture_nap_ms(1);
	assert_int_equal(atomic_load(&wanted), 0);
	fixture_push(pushes, "v0", 3);
	while (atomic_load(&wanted) == 0 && clock_mono_ms() < give_up)
		fixture_nap_ms(1);
	fixture_push(pushes, "v1", 2);
	while (atomic_load(&claimed) < 3 && clock_mono_ms() < give_up)
		fixture_nap_ms(1);
	assert_int_equal(private_redis_do(server, "XLEN t:job-queue:{v0}"), 3);
	assert_int_equal(private_redis_do(server, "XPENDING t:job-queue:{v1} workers - + 10"), 0);
	token_slot_fill(&lanes[0].token, vendors[0].oauth2.key, "T1", mem_strdup("t0ken"), INT64_MAX, INT64_MAX);
	atomic_store(&lanes[0].look, true);
	mailbox_poke(&worker.intake_poke);
	while (atomic_load(&claimed) < 6 && clock_mono_ms() < give_up)
		fixture_nap_ms(1);
	atomic_store(&worker.leaving, true);
	mailbox_poke(&worker.intake_poke);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&claimed), 6);
	token_slot_deinit(&lanes[0].token);
	mailbox_deinit(&worker.intake_poke);
	queue_free(pushes);
}

/* By a look at lanes that have slept through several, too. (Were the naps too short for that, less would be tested.) */
static void jobs_whose_wake_up_message_was_lost_are_found(void **state)
{
	struct worker worker = new_worker();
	int64_t give_up = clock_mono_ms() + WAIT_MS;
	pthread_t thread;

	(void)state;
	private_redis_do(server, "FLUSHALL");
	pushes = fixture_queue(server);
	atomic_store(&claims, 2);
	atomic_store(&claimed, 0);
	for (int i = 0; i < 3; i++)
		make_lane(&worker, i, fixture_vendor((const char *[]){ "v0", "v1", "v2" }[i], NULL, 0));
	worker.lanes = places;
	worker.n_lanes = 3;
	assert_int_equal(mailbox_init(&worker.intake_poke), 0);
	assert_int_equal(pthread_create(&thread, NULL, intake_run, &worker), 0);
	fixture_push(pushes, "v0", 1);   /* so that there is a group, and the thread is known to have begun */
	while (atomic_load(&claimed) < 1 && clock_mono_ms() < give_up)
		fixture_nap_ms(1);
	for (int i = 1; i <= 2; i++) {
		fixture_nap_ms(4 * LOOK_MS);
		private_redis_do(server, "XADD t:job-queue:{v%d} * id 0199f0c2-0000-7000-8000-00000000000%d", i, i);
		while (atomic_load(&claimed) < 1 + i && clock_mono_ms() < give_up)
			fixture_nap_ms(1);
		assert_int_equal(atomic_load(&claimed), 1 + i);
	}
	atomic_store(&worker.leaving, true);
	mailbox_poke(&worker.intake_poke);
	pthread_join(thread, NULL);
	mailbox_deinit(&worker.intake_poke);
	queue_free(pushes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_that_hangs_is_not_waited_for_once_a_vendor),
		cmocka_unit_test(a_backlog_of_one_lane_keeps_no_wake_up_of_another_waiting),
		cmocka_unit_test(without_a_token_nothing_is_taken),
		cmocka_unit_test(jobs_whose_wake_up_message_was_lost_are_found),
	};
	int failed;

	private_redis_or_skip();
	server = private_redis_start(NULL);
	failed = cmocka_run_group_tests_name("intake", tests, NULL, NULL);
	private_redis_free(server);
	return failed;
}
