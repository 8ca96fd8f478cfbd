/* What becomes of grants that lead to no call: when the store does not answer nothing of the vendor's limits is used up,
 * and a job that does not fit its vendor goes to commit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/claim.h"
#include "../support/queue_fixture.h"
#include "mem.h"
#include "store_engine.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum { DAY_MS = 86400000, QUOTA = 10, LARGE_BYTES = 1 << 20 };

static struct private_redis *server;
static const struct vendor_limit ten_a_day[] = { { .calls = QUOTA, .per_ms = DAY_MS } };

/* ---- The store does not answer, or gives jobs with this payload; the loop only counts ---- */

static const char *payload, *memory;

static enum err fake_claim(struct store *store, struct store_claim *items, size_t n, int64_t now, int64_t lease_until,
                           struct err_text *why)
{
	(void)store, (void)now, (void)lease_until;
	for (size_t i = 0; i < n; i++) {
		items[i].outcome = payload ? ERR_OK : ERR_UNAVAILABLE;
		items[i].job = payload ? job_new(1, "fit", mem_strdup(payload), INT64_MAX) : NULL;
		if (payload)
			items[i].job->poll = mem_strdup(memory);
	}
	return payload ? ERR_OK : err_set(why, ERR_UNAVAILABLE, "away");
}

static const struct store_engine engine = { .claim = fake_claim };
static struct store store = { &engine };

static int submitted, submissions;

void loop_submit(struct loop *loop, struct call *list)
{
	struct call *next;

	(void)loop;
	submissions += list != NULL;
	for (; list; list = next, submitted++) {
		next = list->next;
		call_free(list);
	}
}

/* ---- Tests ---- */

struct taken {
	struct lane lane;
	struct queue_take take;
	struct queue_grant grants[QUOTA];
	struct claim_item items[QUOTA];
};

static void take_all(struct queue *queue, struct vendor *vendor, struct taken *taken)
{
	*taken = (struct taken){ .lane = { .vendor = vendor } };
	snprintf(taken->lane.name, sizeof(taken->lane.name), "%s", vendor->name);
	private_redis_flush(server);
	fixture_push(queue, vendor->name, 2 * QUOTA);
	fixture_begin(queue, vendor, true);
	taken->take = fixture_take(queue, vendor, QUOTA, taken->grants);
	assert_int_equal(taken->take.n, QUOTA);
	for (int i = 0; i < QUOTA; i++)
		taken->items[i] = (struct claim_item){ &taken->lane, &taken->take, &taken->grants[i] };
}

/* The quota and the open calls are as if nothing had been granted; the entries wait for repair. */
static void expect_given_back(struct queue *queue, struct vendor *vendor)
{
	assert_int_equal(submitted, 0);
	assert_int_equal(private_redis_do(server, "ZCARD t:in_flight:{%s}", vendor->name), 0);
	assert_int_equal(private_redis_do(server, "XLEN t:job-queue:{%s}", vendor->name), 2 * QUOTA);
	assert_int_equal(fixture_take_n(queue, vendor, QUOTA, NULL), QUOTA);
}

static void a_claim_without_an_answer_costs_no_quota(void **state)
{
	struct vendor vendor = fixture_vendor("claim", ten_a_day, 1);
	struct worker worker = { .store = &store };
	struct queue *queue = fixture_queue(server);
	struct taken taken;

	(void)state;
	vendor.max_in_flight = QUOTA;
	take_all(queue, &vendor, &taken);
	assert_int_equal(claim_and_call(&worker, queue, taken.items, QUOTA), ERR_UNAVAILABLE);
	expect_given_back(queue, &vendor);
	/* They are counted in the store: the next grants need no other count. */
	assert_int_equal(taken.lane.quota.left, QUOTA);
	queue_free(queue);
}

static void grants_that_cannot_be_counted_cost_no_quota(void **state)
{
	struct vendor vendor = fixture_vendor("count", ten_a_day, 1);
	struct queue *queue = fixture_queue(server);
	struct taken taken;

	(void)state;
	vendor.max_in_flight = QUOTA;
	take_all(queue, &vendor, &taken);
	claim_nothing(queue, taken.items, QUOTA);
	expect_given_back(queue, &vendor);
	assert_int_equal(taken.lane.quota.left, 0);
	queue_free(queue);
}

/* Nobody else would tell the breaker before the probe's lease is over. */
static void a_probe_without_a_claim_makes_room_for_another(void **state)
{
	struct vendor vendor = fixture_vendor("probe", NULL, 0);
	struct queue *queue = fixture_queue(server);
	struct worker worker = { .store = &store };
	struct queue_grant grants[2];
	struct lane lane = { .name = "probe", .vendor = &vendor };
	struct queue_take take;

	(void)state;
	vendor.breaker = (struct breaker_rules){ .failure_ratio = 0.5, .min_calls = 1, .window_ms = 30000, .open_ms = 1,
		.probes = 1 };
	private_redis_flush(server);
	fixture_push(queue, "probe", 2);
	private_redis_do(server, "HSET t:breaker:{probe} state open since 1 open_until 1 opens 1");
	take = fixture_take(queue, &vendor, 1, grants);
	assert_int_equal(take.n, 1);
	assert_true(take.probes);
	assert_int_equal(claim_and_call(&worker, queue, &(struct claim_item){ &lane, &take, &grants[0] }, 1),
	                 ERR_UNAVAILABLE);
	take = fixture_take(queue, &vendor, 1, grants);
	assert_int_equal(take.n, 1);
	assert_true(take.probes);
	queue_free(queue);
}

/* Its grant goes back when commit has written that it failed. */
static void a_job_that_does_not_fit_goes_to_commit_without_a_call(void **state)
{
	static const struct template_rules rules = { .allowed = REFERS_TO_JOB };
	struct vendor vendor = fixture_vendor("fit", ten_a_day, 1);
	struct queue *queue = fixture_queue(server);
	struct worker worker = { .store = &store };
	struct call *call, *next;
	struct taken taken;
	int n = 0;

	(void)state;
	assert_int_equal(template_add(&vendor.call.url, "http://h/${payload:/id}", ESCAPE_URL, &rules, NULL), ERR_OK);
	assert_int_equal(mailbox_init(&worker.done), 0);
	take_all(queue, &vendor, &taken);
	taken.lane.in_flight = &worker.in_flight;
	payload = "{}";
	assert_int_equal(claim_and_call(&worker, queue, taken.items, QUOTA), ERR_OK);
	payload = NULL;
	for (call = mailbox_take(&worker.done); call; call = next, n++) {
		assert_int_equal(call->exchange.answer.transport, TRANSPORT_NOT_MADE);
		next = call->next;
		call_free(call);
	}
	assert_int_equal(n, QUOTA);
	assert_int_equal(submitted, 0);
	assert_int_equal(worker.in_flight, 0);
	assert_int_equal(private_redis_do(server, "XLEN t:job-queue:{fit}"), QUOTA);   /* the taken ones are acknowledged */
	mailbox_deinit(&worker.done);
	template_deinit(&vendor.call.url);
	queue_free(queue);
}

/* Those that are made first would be too late if they waited for the last one. */
static void calls_do_not_wait_for_the_large_ones_behind_them(void **state)
{
	static const struct template_rules rules = { .allowed = REFERS_TO_JOB };
	struct vendor vendor = fixture_vendor("large", ten_a_day, 1);
	struct queue *queue = fixture_queue(server);
	struct worker worker = { .store = &store };
	char *large = mem_alloc(LARGE_BYTES + 1);
	struct taken taken;

	(void)state;
	for (int i = 0; i < LARGE_BYTES; i += 2)
		memcpy(large + i, i == 0 ? "[1" : i == LARGE_BYTES - 2 ? " ]" : ",1", 3);
	assert_int_equal(template_add(&vendor.call.url, "http://h/${payload:/0}", ESCAPE_URL, &rules, NULL), ERR_OK);
	take_all(queue, &vendor, &taken);
	taken.lane.in_flight = &worker.in_flight;
	vendor.call.method = "POST";
	payload = large;
	assert_int_equal(claim_and_call(&worker, queue, taken.items, QUOTA), ERR_OK);
	payload = NULL;
	assert_int_equal(submitted, QUOTA);
	assert_true(submissions > 1);
	template_deinit(&vendor.call.url);
	queue_free(queue);
	free(large);
}

static void expect_all_unsent(struct worker *worker)
{
	struct call *call, *next;
	int n = 0;

	for (call = mailbox_take(&worker->done); call; call = next, n++) {
		assert_int_equal(call->exchange.answer.transport, TRANSPORT_NOT_SENT);
		assert_null(call->exchange.answer.token_id);
		next = call->next;
		call_free(call);
	}
	assert_int_equal(n, QUOTA);
	assert_int_equal(submitted, 0);
}

/* It was refused, or is over, since the take; or the job has been refused with it, by a worker that knew before us. */
static void calls_without_a_good_token_do_not_leave(void **state)
{
	static const struct template_rules rules = { .allowed = REFERS_TO_JOB };
	struct vendor vendor = fixture_vendor("token", ten_a_day, 1);
	struct queue *queue = fixture_queue(server);
	struct worker worker = { .store = &store };
	struct taken taken;

	(void)state;
	submitted = 0;
	assert_int_equal(template_add(&vendor.call.url, "http://h/", ESCAPE_URL, &rules, NULL), ERR_OK);
	assert_int_equal(mailbox_init(&worker.done), 0);
	vendor.call.method = "POST";
	vendor.oauth2.url = (char *)(uintptr_t)"http://h/token";
	payload = "{}";
	take_all(queue, &vendor, &taken);
	taken.lane.in_flight = &worker.in_flight;
	assert_int_equal(claim_and_call(&worker, queue, taken.items, QUOTA), ERR_OK);
	expect_all_unsent(&worker);

	take_all(queue, &vendor, &taken);
	taken.lane.in_flight = &worker.in_flight;
	token_slot_init(&taken.lane.token);
	token_slot_fill(&taken.lane.token, vendor.oauth2.key, "T1", mem_strdup("t0ken"), INT64_MAX, INT64_MAX);
	memory = "{\"refused_token\":\"T1\"}";
	assert_int_equal(claim_and_call(&worker, queue, taken.items, QUOTA), ERR_OK);
	expect_all_unsent(&worker);
	assert_int_equal(token_slot_state(&taken.lane.token, vendor.oauth2.key, 0), TOKEN_MISSING);

	take_all(queue, &vendor, &taken);
	taken.lane.in_flight = &worker.in_flight;
	token_slot_init(&taken.lane.token);
	token_slot_fill(&taken.lane.token, vendor.oauth2.key, "T2", mem_strdup("t0ken"), INT64_MAX, INT64_MAX);
	assert_int_equal(claim_and_call(&worker, queue, taken.items, QUOTA), ERR_OK);
	assert_int_equal(submitted, QUOTA);
	payload = memory = NULL;
	token_slot_deinit(&taken.lane.token);
	mailbox_deinit(&worker.done);
	template_deinit(&vendor.call.url);
	queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_without_an_answer_costs_no_quota),
		cmocka_unit_test(grants_that_cannot_be_counted_cost_no_quota),
		cmocka_unit_test(a_probe_without_a_claim_makes_room_for_another),
		cmocka_unit_test(a_job_that_does_not_fit_goes_to_commit_without_a_call),
		cmocka_unit_test(calls_do_not_wait_for_the_large_ones_behind_them),
		cmocka_unit_test(calls_without_a_good_token_do_not_leave),
	};
	int failed;

	private_redis_or_skip();
	server = private_redis_start(NULL);
	failed = cmocka_run_group_tests_name("claim", tests, NULL, NULL);
	private_redis_free(server);
	return failed;
}
