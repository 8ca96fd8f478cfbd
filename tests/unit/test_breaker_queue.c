/* What takes and reports do with the circuit breaker, one client and many at once. Its arithmetic: test_breaker.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/queue_fixture.h"
#include "clock.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static struct private_redis *server;

enum { OPEN_MS = 200, THREADS = 8 };

static struct vendor breaker_vendor(void)
{
	struct vendor vendor = fixture_vendor("v", NULL, 0);

	vendor.breaker = (struct breaker_rules){ .failure_ratio = 0.5, .min_calls = 10, .window_ms = 30000,
		.open_ms = OPEN_MS, .probes = 3, .connect_failures = 5 };
	return vendor;
}

static void report(struct queue *queue, const struct vendor *vendor, int64_t since, int successes, int failures,
                   const char *probe)
{
	struct queue_op op = { .kind = QUEUE_REPORT, .vendor = vendor->name, .entry_id = probe,
		.report = { &vendor->breaker, since, successes, failures, 0, true } };

	assert_int_equal(queue_apply(queue, &op, 1, NULL), ERR_OK);
}

static struct queue_take wait_for_probes(struct queue *queue, const struct vendor *vendor, int want,
                                         struct queue_grant *grants)
{
	int64_t end = clock_mono_ms() + 5000;
	struct queue_take take = fixture_take(queue, vendor, want, grants);

	while (take.n == 0 && clock_mono_ms() < end) {
		fixture_nap_ms(take.wait_ms > 0 ? take.wait_ms : 1);
		take = fixture_take(queue, vendor, want, grants);
	}
	assert_true(take.n > 0);
	return take;
}

static void while_it_is_open_nothing_is_read(void **state)
{
	struct vendor vendor = breaker_vendor();
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[10];
	struct queue_take take;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "v", 20);
	take = fixture_take(queue, &vendor, 10, grants);
	assert_int_equal(take.n, 10);
	assert_false(take.probes);
	fixture_finish(queue, "v", grants, take.n);
	report(queue, &vendor, take.breaker_since, 0, 10, NULL);
	take = fixture_take(queue, &vendor, 10, grants);
	assert_int_equal(take.n, 0);
	assert_in_range(take.wait_ms, 1, OPEN_MS);
	assert_int_equal(private_redis_do(server, "XLEN t:job-queue:{v}"), 10);
	assert_int_equal(private_redis_do(server, "XPENDING t:job-queue:{v} workers - + 10"), 0);
	queue_free(queue);
}

static void probes_are_granted_by_name_and_close_it(void **state)
{
	struct vendor vendor = breaker_vendor();
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[10];
	struct queue_take take;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "v", 20);
	report(queue, &vendor, 0, 0, 10, NULL);
	take = wait_for_probes(queue, &vendor, 10, grants);
	assert_int_equal(take.n, 3);
	assert_true(take.probes);
	assert_in_range(take.wait_ms, 1, FIXTURE_LEASE_MS + 1);
	fixture_finish(queue, "v", grants, take.n);
	assert_int_equal(fixture_take_n(queue, &vendor, 7, NULL), 0);
	report(queue, &vendor, 0, 0, 0, grants[0].entry_id);   /* did not leave: another may */
	report(queue, &vendor, 0, 1, 0, grants[1].entry_id);
	report(queue, &vendor, 0, 1, 0, grants[2].entry_id);
	take = fixture_take(queue, &vendor, 10, grants);
	assert_int_equal(take.n, 1);
	fixture_finish(queue, "v", grants, take.n);
	report(queue, &vendor, 0, 1, 0, grants[0].entry_id);
	take = fixture_take(queue, &vendor, 10, grants);
	assert_int_equal(take.n, 10);
	assert_false(take.probes);
	assert_true(take.breaker_since > 0);
	queue_free(queue);
}

static void a_vendor_without_a_breaker_pays_and_keeps_nothing(void **state)
{
	struct vendor vendor = fixture_vendor("v", NULL, 0), with = breaker_vendor();
	struct queue *queue = fixture_queue(server);

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "v", 5);
	report(queue, &with, 0, 0, 10, NULL);
	assert_int_equal(fixture_take_n(queue, &with, 5, NULL), 0);
	assert_int_equal(fixture_take_n(queue, &vendor, 5, NULL), 5);
	queue_free(queue);
}

static void a_closing_breaker_wakes_every_worker(void **state)
{
	struct vendor vendor = breaker_vendor();
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[3];
	redisContext *listener;
	redisReply *reply;
	int port = 0;

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "v", 5);
	report(queue, &vendor, 0, 0, 10, NULL);
	assert_int_equal(wait_for_probes(queue, &vendor, 3, grants).n, 3);
	assert_int_equal(sscanf(private_redis_url(server), "redis://127.0.0.1:%d", &port), 1);
	listener = redisConnect("127.0.0.1", port);
	freeReplyObject(redisCommand(listener, "SUBSCRIBE t:vendorfetch:wake"));
	for (int i = 0; i < 3; i++)
		report(queue, &vendor, 0, 1, 0, grants[i].entry_id);
	assert_int_equal(redisGetReply(listener, (void **)&reply), REDIS_OK);
	assert_string_equal(reply->element[2]->str, "v");
	freeReplyObject(reply);
	redisFree(listener);
	queue_free(queue);
}

static void states_say_why_jobs_wait(void **state)
{
	struct vendor vendors[] = { breaker_vendor(), breaker_vendor(), fixture_vendor("off", NULL, 0) };
	struct queue_state states[3];
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[3];

	(void)state;
	private_redis_flush(server);
	vendors[1].name = (char *)"held";
	for (int i = 0; i < 3; i++)
		states[i] = (struct queue_state){ .vendor = &vendors[i] };
	assert_int_equal(queue_states(queue, states, 3, NULL), ERR_OK);
	for (int i = 0; i < 3; i++)
		assert_true(states[i].breaker == BREAKER_CLOSED && states[i].open_ms == 0 && states[i].hold_ms == 0);
	report(queue, &vendors[0], 0, 0, 10, NULL);
	private_redis_do(server, "HSET t:breaker:{off} state open open_until 99999999999999");
	assert_int_equal(queue_apply(queue, &(struct queue_op){ .kind = QUEUE_HOLD, .vendor = "held", .at = 5000 }, 1, NULL),
	                 ERR_OK);
	assert_int_equal(queue_states(queue, states, 3, NULL), ERR_OK);
	assert_int_equal(states[0].breaker, BREAKER_OPEN);
	assert_in_range(states[0].open_ms, 1, OPEN_MS);
	assert_in_range(states[1].hold_ms, 4000, 5001);
	assert_int_equal(states[2].breaker, BREAKER_CLOSED);
	fixture_push(queue, "v", 5);
	wait_for_probes(queue, &vendors[0], 3, grants);
	assert_int_equal(queue_states(queue, states, 3, NULL), ERR_OK);
	assert_int_equal(states[0].breaker, BREAKER_HALF_OPEN);
	queue_free(queue);
}

/* ---- Many clients at once ---- */

struct crowd {
	const struct vendor *vendor;
	atomic_int granted, refused;
};

static void *take_probes(void *arg)
{
	struct crowd *crowd = arg;
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[4];

	for (int i = 0; i < 50; i++) {
		struct queue_take take = fixture_take(queue, crowd->vendor, 4, grants);

		atomic_fetch_add(&crowd->granted, take.n);
		atomic_fetch_add(&crowd->refused, take.n == 0);
	}
	queue_free(queue);
	return NULL;
}

static void *report_successes(void *arg)
{
	struct crowd *crowd = arg;
	struct queue *queue = fixture_queue(server);

	for (int i = 0; i < 100; i++)
		report(queue, crowd->vendor, 0, 1, 0, NULL);
	queue_free(queue);
	return NULL;
}

static void run_crowd(struct crowd *crowd, void *(*body)(void *))
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, body, crowd), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void many_clients_get_no_more_probes_than_there_are(void **state)
{
	struct vendor vendor = breaker_vendor();
	struct crowd crowd = { .vendor = &vendor };
	struct queue *queue = fixture_queue(server);

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "v", 1000);
	report(queue, &vendor, 0, 0, 10, NULL);
	fixture_nap_ms(OPEN_MS);
	run_crowd(&crowd, take_probes);
	assert_int_equal(crowd.granted, 3);
	assert_true(crowd.refused >= THREADS * 50 - 3);
	queue_free(queue);
}

static void many_clients_reports_all_count(void **state)
{
	struct vendor vendor = breaker_vendor();
	struct crowd crowd = { .vendor = &vendor };
	struct queue *queue = fixture_queue(server);
	struct queue_grant grants[1];

	(void)state;
	private_redis_flush(server);
	fixture_push(queue, "v", 10);
	vendor.breaker.min_calls = THREADS * 100 * 2;
	run_crowd(&crowd, report_successes);
	report(queue, &vendor, 0, 0, THREADS * 100 - 1, NULL);
	assert_int_equal(fixture_take(queue, &vendor, 1, grants).n, 1);
	report(queue, &vendor, 0, 0, 1, NULL);
	assert_int_equal(fixture_take(queue, &vendor, 1, grants).n, 0);
	queue_free(queue);
}

static int start_server(void **state)
{
	(void)state;
	server = private_redis_start(NULL);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	private_redis_free(server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(while_it_is_open_nothing_is_read),
		cmocka_unit_test(probes_are_granted_by_name_and_close_it),
		cmocka_unit_test(a_vendor_without_a_breaker_pays_and_keeps_nothing),
		cmocka_unit_test(a_closing_breaker_wakes_every_worker),
		cmocka_unit_test(states_say_why_jobs_wait),
		cmocka_unit_test(many_clients_get_no_more_probes_than_there_are),
		cmocka_unit_test(many_clients_reports_all_count),
	};

	private_redis_or_skip();
	return cmocka_run_group_tests_name("breaker_queue", tests, start_server, stop_server);
}
