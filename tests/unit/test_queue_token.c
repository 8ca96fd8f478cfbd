/* A vendor's access token in Redis: shared by all workers, fetched by one of them at a time, and not too often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/queue_fixture.h"
#include "clock.h"
#include "queue_token.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEASE_MS = 60000, USE_MS = 60000, RENEW_MS = 50000, WORKERS = 16, WAIT_MS = 20000 };

static struct private_redis *server;

static struct queue *start(void)
{
	private_redis_flush(server);
	return fixture_queue(server);
}

/* Asks; sealed stays in the answer until the test ends: it is one of its own texts. */
static struct queue_token_ask ask(struct queue *queue, const char *worker, const char *known, bool refused)
{
	struct queue_token_ask ask = { .vendor = "v", .known = known, .refused = refused, .lease_ms = LEASE_MS };
	struct err_text why = { "" };

	if (queue_token_ask(queue, worker, &ask, &why) != ERR_OK)
		fail_msg("ask: %s", why.text);
	if (ask.answer == QUEUE_TOKEN_THERE) {
		assert_string_equal(ask.sealed, "sealed");
		free(ask.sealed);
	} else {
		assert_null(ask.sealed);
	}
	return ask;
}

static void keep(struct queue *queue, const char *id)
{
	assert_int_equal(queue_token_keep(queue, "v", "w1", id, "sealed", USE_MS, RENEW_MS, NULL), ERR_OK);
	private_redis_do(server, "HSET t:token:{v} next_at 0");   /* its rest is over */
}

static void one_fetches_and_the_others_wait_for_it(void **state)
{
	struct queue *queue = start();
	struct queue_token_ask answer;

	(void)state;
	assert_int_equal(ask(queue, "w1", "", false).answer, QUEUE_TOKEN_FETCH);
	answer = ask(queue, "w2", "", false);
	assert_int_equal(answer.answer, QUEUE_TOKEN_WAIT);
	assert_in_range(answer.wait_ms, 1, 1000);
	assert_string_equal(answer.reason, "");
	assert_int_equal(ask(queue, "w1", "", false).answer, QUEUE_TOKEN_FETCH);   /* it was started anew, perhaps */
	keep(queue, "T1");
	answer = ask(queue, "w2", "", false);
	assert_int_equal(answer.answer, QUEUE_TOKEN_THERE);
	assert_string_equal(answer.id, "T1");
	assert_in_range(answer.use_ms, USE_MS - 10000, USE_MS);
	assert_in_range(answer.renew_ms, RENEW_MS - 10000, RENEW_MS);
	queue_free(queue);
}

struct asker {
	pthread_t thread;
	char name[16];
	_Atomic int *fetches;
};

static void *ask_until_there_is_one(void *arg)
{
	struct asker *asker = arg;
	struct queue *queue = fixture_queue(server);
	int64_t give_up = clock_mono_ms() + WAIT_MS;
	struct queue_token_ask answer;

	while ((answer = ask(queue, asker->name, "", false)).answer != QUEUE_TOKEN_THERE && clock_mono_ms() < give_up) {
		if (answer.answer == QUEUE_TOKEN_FETCH) {
			atomic_fetch_add(asker->fetches, 1);
			fixture_nap_ms(20);
			keep(queue, "T1");
		} else {
			fixture_nap_ms(answer.wait_ms / 10);
		}
	}
	queue_free(queue);
	return (void *)(uintptr_t)(answer.answer == QUEUE_TOKEN_THERE);
}

static void of_many_at_once_one_fetches(void **state)
{
	struct asker askers[WORKERS];
	_Atomic int fetches = 0;

	(void)state;
	queue_free(start());
	for (int i = 0; i < WORKERS; i++) {
		askers[i].fetches = &fetches;
		snprintf(askers[i].name, sizeof(askers[i].name), "w%d", i);
		assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_until_there_is_one, &askers[i]), 0);
	}
	for (int i = 0; i < WORKERS; i++) {
		void *found;

		pthread_join(askers[i].thread, &found);
		assert_non_null(found);
	}
	assert_int_equal(fetches, 1);
}

static void a_token_that_was_refused_is_nobodys_any_more(void **state)
{
	struct queue *queue = start();

	(void)state;
	keep(queue, "T1");
	assert_int_equal(ask(queue, "w1", "T1", true).answer, QUEUE_TOKEN_FETCH);
	assert_int_equal(ask(queue, "w2", "", false).answer, QUEUE_TOKEN_WAIT);
	keep(queue, "T2");
	/* Another worker finds out late that the first one is no good. */
	assert_string_equal(ask(queue, "w2", "T1", true).id, "T2");
	assert_string_equal(ask(queue, "w3", "", false).id, "T2");
	queue_free(queue);
}

static void an_old_token_is_everybodys_until_its_successor_is_there(void **state)
{
	struct queue *queue = start();

	(void)state;
	keep(queue, "T1");
	assert_int_equal(ask(queue, "w1", "T1", false).answer, QUEUE_TOKEN_FETCH);
	assert_string_equal(ask(queue, "w2", "", false).id, "T1");
	keep(queue, "T2");
	assert_string_equal(ask(queue, "w2", "T1", false).id, "T2");
	queue_free(queue);
}

static void a_token_that_is_over_is_not_given(void **state)
{
	struct queue *queue = start();

	(void)state;
	keep(queue, "T1");
	private_redis_do(server, "HSET t:token:{v} use_until 1");
	assert_int_equal(ask(queue, "w1", "", false).answer, QUEUE_TOKEN_FETCH);
	queue_free(queue);
}

static void the_next_one_is_not_fetched_at_once(void **state)
{
	struct queue *queue = start();
	struct queue_token_ask answer;

	(void)state;
	assert_int_equal(queue_token_keep(queue, "v", "w1", "T1", "sealed", USE_MS, RENEW_MS, NULL), ERR_OK);
	answer = ask(queue, "w1", "T1", true);
	assert_int_equal(answer.answer, QUEUE_TOKEN_WAIT);
	assert_in_range(answer.wait_ms, 1, QUEUE_TOKEN_REST_MS);
	queue_free(queue);
}

static void a_failure_is_everybodys(void **state)
{
	struct queue *queue = start();
	struct queue_token_ask answer;

	(void)state;
	assert_int_equal(ask(queue, "w1", "", false).answer, QUEUE_TOKEN_FETCH);
	assert_int_equal(queue_token_fail(queue, "v", "w1", 5000, "it burns", NULL), ERR_OK);
	answer = ask(queue, "w2", "", false);
	assert_int_equal(answer.answer, QUEUE_TOKEN_WAIT);
	assert_in_range(answer.wait_ms, 1, 5000);
	assert_string_equal(answer.reason, "it burns");
	private_redis_do(server, "HSET t:token:{v} next_at 0");
	answer = ask(queue, "w2", "", false);
	assert_int_equal(answer.answer, QUEUE_TOKEN_FETCH);
	assert_int_equal(answer.failures, 1);
	keep(queue, "T1");
	assert_int_equal(private_redis_do(server, "HEXISTS t:token:{v} failures"), 0);
	queue_free(queue);
}

/* One that leaves makes room at once; one that was killed when its lease is over. */
static void who_does_not_fetch_is_not_waited_for(void **state)
{
	struct queue *queue = start();

	(void)state;
	assert_int_equal(ask(queue, "w1", "", false).answer, QUEUE_TOKEN_FETCH);
	assert_int_equal(queue_token_leave(queue, "v", "w2", NULL), ERR_OK);   /* not its to leave */
	assert_int_equal(ask(queue, "w2", "", false).answer, QUEUE_TOKEN_WAIT);
	assert_int_equal(queue_token_leave(queue, "v", "w1", NULL), ERR_OK);
	assert_int_equal(ask(queue, "w2", "", false).answer, QUEUE_TOKEN_FETCH);
	private_redis_do(server, "HSET t:token:{v} lease_until 1");
	assert_int_equal(ask(queue, "w3", "", false).answer, QUEUE_TOKEN_FETCH);
	queue_free(queue);
}

static void all_of_it_goes_by_itself(void **state)
{
	struct queue *queue = start();

	(void)state;
	assert_int_equal(queue_token_leave(queue, "v", "w1", NULL), ERR_OK);
	assert_int_equal(private_redis_do(server, "DBSIZE"), 0);
	keep(queue, "T1");
	assert_in_range(private_redis_do(server, "PTTL t:token:{v}"), USE_MS, USE_MS + 3600000);
	assert_int_equal(queue_token_fail(queue, "v", "w1", 7200000, "it burns", NULL), ERR_OK);
	assert_in_range(private_redis_do(server, "PTTL t:token:{v}"), 7200000, 7200000 + 3600000);
	queue_free(queue);
}

static void states_say_that_there_is_no_token_and_why(void **state)
{
	struct queue *queue = start();
	struct vendor with = fixture_vendor("v", NULL, 0), without = fixture_vendor("v", NULL, 0);
	struct queue_state states[] = { { .vendor = &without }, { .vendor = &with } };

	(void)state;
	with.oauth2.url = (char *)(uintptr_t)"http://h/";
	assert_int_equal(queue_states(queue, states, 2, NULL), ERR_OK);
	assert_false(states[1].no_token);
	assert_int_equal(queue_token_fail(queue, "v", "w1", 5000, "it burns", NULL), ERR_OK);
	assert_int_equal(queue_states(queue, states, 2, NULL), ERR_OK);
	assert_false(states[0].no_token);
	assert_true(states[1].no_token);
	assert_in_range(states[1].token_ms, 1, 5000);
	assert_string_equal(states[1].token_reason, "it burns");
	/* A successor that cannot be fetched is no trouble yet. */
	keep(queue, "T1");
	assert_int_equal(queue_token_fail(queue, "v", "w1", 5000, "it burns", NULL), ERR_OK);
	assert_int_equal(queue_states(queue, states, 2, NULL), ERR_OK);
	assert_false(states[1].no_token);
	queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_fetches_and_the_others_wait_for_it),
		cmocka_unit_test(of_many_at_once_one_fetches),
		cmocka_unit_test(a_token_that_was_refused_is_nobodys_any_more),
		cmocka_unit_test(an_old_token_is_everybodys_until_its_successor_is_there),
		cmocka_unit_test(a_token_that_is_over_is_not_given),
		cmocka_unit_test(the_next_one_is_not_fetched_at_once),
		cmocka_unit_test(a_failure_is_everybodys),
		cmocka_unit_test(who_does_not_fetch_is_not_waited_for),
		cmocka_unit_test(all_of_it_goes_by_itself),
		cmocka_unit_test(states_say_that_there_is_no_token_and_why),
	};
	int failed;

	private_redis_or_skip();
	server = private_redis_start(NULL);
	failed = cmocka_run_group_tests_name("queue_token", tests, NULL, NULL);
	private_redis_free(server);
	return failed;
}
