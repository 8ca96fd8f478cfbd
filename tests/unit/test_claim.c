/* What becomes of grants when the store does not answer: no call, and nothing of the vendor's limits is used up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/claim.h"
#include "../support/queue_fixture.h"
#include "store_engine.h"

enum { DAY_MS = 86400000, QUOTA = 10 };

static struct private_redis *server;
static const struct vendor_limit ten_a_day[] = { { QUOTA, DAY_MS, 0 } };

/* ---- The store never answers, and the loop is never used ---- */

static enum err fake_claim(struct store *store, struct store_claim *items, size_t n, int64_t now, int64_t lease_until,
                           struct err_text *why)
{
	(void)store, (void)now, (void)lease_until;
	for (size_t i = 0; i < n; i++)
		items[i].outcome = ERR_UNAVAILABLE;
	return err_set(why, ERR_UNAVAILABLE, "away");
}

static const struct store_engine engine = { .claim = fake_claim };
static struct store store = { &engine };

void loop_submit(struct loop *loop, struct call *list)
{
	(void)loop;
	assert_null(list);
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
	struct lane lane = { .vendor = &vendor };
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_without_an_answer_costs_no_quota),
		cmocka_unit_test(grants_that_cannot_be_counted_cost_no_quota),
		cmocka_unit_test(a_probe_without_a_claim_makes_room_for_another),
	};
	int failed;

	private_redis_or_skip();
	server = private_redis_start(NULL);
	failed = cmocka_run_group_tests_name("claim", tests, NULL, NULL);
	private_redis_free(server);
	return failed;
}
