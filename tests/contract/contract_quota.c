/* Quotas: what the store counts of windows that outlive Redis. */
#include "store_contract.h"

#include "clock.h"
#include "mem.h"

#include <stdlib.h>

enum { DAY = DAY_MS, ADDERS = 8, ADDS = 25 };

static struct quota_slot slot(int64_t until, int64_t count)
{
	return (struct quota_slot){ .vendor = "alpha", .per_ms = DAY, .until = until, .count = count };
}

static void add(struct store *store, struct quota_slot item)
{
	assert_ok(store_quota_add(store, &item, 1, &contract_why));
}

/* Reads alpha's day and compares with until, count, until, count ... */
static void assert_slots(struct store *store, int64_t since, const int64_t *expected, size_t n_expected)
{
	struct quota_slot *slots = NULL;
	size_t n = 99;

	assert_ok(store_quota_read(store, "alpha", DAY, since, &slots, &n, &contract_why));
	assert_int_equal(n, n_expected);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(slots[i].per_ms, DAY);
		assert_int_equal(slots[i].until, expected[2 * i]);
		assert_int_equal(slots[i].count, expected[2 * i + 1]);
	}
	free(slots);
}

static void slots_add_up_and_come_in_order(void **state)
{
	struct contract *c = *state;
	struct quota_slot items[] = { slot(c->now + 20, 5), slot(c->now + 10, 3), slot(c->now + 20, 4) };
	const int64_t first[] = { c->now + 10, 3, c->now + 20, 9 };
	const int64_t second[] = { c->now + 10, 1, c->now + 20, 10 };

	assert_slots(c->store, 0, NULL, 0);
	assert_ok(store_quota_add(c->store, items, 0, &contract_why));
	assert_ok(store_quota_add(c->store, items, COUNT(items), &contract_why));
	assert_slots(c->store, 0, first, 2);
	add(c->store, slot(c->now + 10, -2));
	add(c->store, slot(c->now + 20, 1));
	assert_slots(c->store, 0, second, 2);
	assert_slots(c->store, c->now + 9, second, 2);
	assert_slots(c->store, c->now + 10, second + 2, 1);
	assert_slots(c->store, c->now + 20, NULL, 0);
}

static void windows_and_vendors_are_kept_apart(void **state)
{
	struct contract *c = *state;
	struct quota_slot other = slot(c->now, 2), longer = slot(c->now, 3), mine = slot(c->now, 4);
	const int64_t expected[] = { c->now, 4 };
	struct quota_slot *slots = NULL;
	struct store *handle = NULL;
	size_t n = 0;

	other.vendor = "Alpha";
	longer.per_ms = 30LL * DAY;
	add(c->store, other);
	add(c->store, longer);
	add(c->store, mine);
	assert_slots(c->store, 0, expected, 1);
	assert_ok(store_open(c->uri, CONTRACT_TIMEOUT_MS, &handle, &contract_why));
	assert_slots(handle, 0, expected, 1);
	assert_ok(store_quota_read(handle, "alpha", 30LL * DAY, 0, &slots, &n, &contract_why));
	assert_int_equal(n, 1);
	assert_int_equal(slots[0].count, 3);
	free(slots);
	store_close(handle);
}

static void many_slots_are_read_whole(void **state)
{
	enum { SLOTS = 700, BATCH = 100 };
	struct contract *c = *state;
	struct quota_slot items[BATCH], *slots = NULL;
	size_t n = 0;

	for (int i = 0; i < SLOTS; i++) {
		items[i % BATCH] = slot(c->now + i, 1 + i % 3);
		if (i % BATCH == BATCH - 1)
			assert_ok(store_quota_add(c->store, items, BATCH, &contract_why));
	}
	assert_ok(store_quota_read(c->store, "alpha", DAY, 0, &slots, &n, &contract_why));
	assert_int_equal(n, SLOTS);
	for (int i = 0; i < SLOTS; i++) {
		assert_int_equal(slots[i].until, c->now + i);
		assert_int_equal(slots[i].count, 1 + i % 3);
	}
	free(slots);
}

/* ---- Many at once ---- */

struct adder {
	struct store *store;
	int64_t now;
	int failures;
};

static void *add_many(void *arg)
{
	struct adder *a = arg;

	for (int i = 0; i < ADDS; i++) {
		struct quota_slot items[] = { slot(a->now, 1), slot(a->now + 1 + i, 2) };

		a->failures += store_quota_add(a->store, items, COUNT(items), NULL) != ERR_OK;
	}
	return NULL;
}

/* Half of them over another handle, as another process would. All go for the same new slots. */
static void many_who_add_at_once_lose_nothing(void **state)
{
	struct contract *c = *state;
	struct adder adders[ADDERS];
	int64_t expected[2 * (ADDS + 1)] = { c->now, ADDERS * ADDS };
	struct store *other = NULL;

	assert_ok(store_open(c->uri, CONTRACT_TIMEOUT_MS, &other, &contract_why));
	for (int i = 0; i < ADDERS; i++)
		adders[i] = (struct adder){ .store = i % 2 ? other : c->store, .now = c->now };
	run_together(ADDERS, add_many, adders, sizeof(adders[0]));
	for (int i = 0; i < ADDERS; i++)
		assert_int_equal(adders[i].failures, 0);
	for (int i = 0; i < ADDS; i++) {
		expected[2 * (i + 1)] = c->now + 1 + i;
		expected[2 * (i + 1) + 1] = 2 * ADDERS;
	}
	assert_slots(c->store, 0, expected, ADDS + 1);
	store_close(other);
}

/* ---- Expiry ---- */

static void slots_that_count_no_more_are_removed(void **state)
{
	struct contract *c = *state;
	int64_t gone_at = c->now + DAY + QUOTA_KEEP_MS;
	const int64_t kept[] = { c->now + 1, 2 };
	size_t deleted = 99;

	add(c->store, slot(c->now, 1));
	add(c->store, slot(c->now + 1, 2));
	assert_ok(store_expire(c->store, gone_at - 1, 100, &deleted, &contract_why));
	assert_int_equal(deleted, 0);
	assert_ok(store_expire(c->store, gone_at, 100, &deleted, &contract_why));
	assert_int_equal(deleted, c->engine->expires_by_itself ? 0 : 1);
	assert_slots(c->store, c->engine->expires_by_itself ? c->now : 0, kept, 1);
}

static const struct CMUnitTest tests[] = {
	contract_test(slots_add_up_and_come_in_order),
	contract_test(windows_and_vendors_are_kept_apart),
	contract_test(many_slots_are_read_whole),
	contract_test(many_who_add_at_once_lose_nothing),
	contract_test(slots_that_count_no_more_are_removed),
};
const struct contract_group contract_quota = CONTRACT_GROUP(tests);
