/* In which slots calls of a quota are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/zone_bytes.h"
#include "quota.h"

enum { SLOTS_MAX = 32, DAY_MS = 86400000, SPARE_MS = VENDOR_CLOCK_SPARE_MS + QUOTA_TRAVEL_MS };

/* 2024-01-15T00:00:00Z */
#define MIDNIGHT INT64_C(1705276800000)

static int64_t slots[SLOTS_MAX];
static size_t n_slots;

static void note(void *arg, int64_t until)
{
	(void)arg;
	assert_true(n_slots < SLOTS_MAX);
	slots[n_slots++] = until;
}

static void slots_of(const struct vendor *vendor, int64_t from, int64_t until)
{
	n_slots = 0;
	quota_each_slot(vendor, vendor->limits[0].per_ms, &(struct quota_span){ from, until }, note, NULL);
}

static struct vendor by_day(void)
{
	return (struct vendor){ .n_limits = 1, .limits = { { .calls = 10, .unit = CALENDAR_DAY,
	                                                     .per_ms = calendar_longest_ms(CALENDAR_DAY) } } };
}

static void a_span_of_any_beginning_has_one_slot(void **state)
{
	const struct vendor vendor = { .n_limits = 1, .limits = { { .calls = 10, .per_ms = DAY_MS } } };

	(void)state;
	for (int64_t at = MIDNIGHT - 3000; at < MIDNIGHT + 3000; at += 100) {
		slots_of(&vendor, at, at + 20);
		assert_int_equal(n_slots, 1);
		assert_int_equal(slots[0] % (DAY_MS / QUOTA_SLOTS), 0);
		assert_in_range(slots[0] - (at + 20), 0, DAY_MS / QUOTA_SLOTS);
	}
}

/* As the limiter sees it: what is in a slot counts from that one's end and the travel on, less what clocks differ. */
static bool is_in_day_from(int64_t slot, int64_t start) { return slot + SPARE_MS >= start; }

static void a_slot_never_reaches_over_midnight(void **state)
{
	const struct vendor vendor = by_day();

	(void)state;
	for (int64_t at = MIDNIGHT - 700000; at < MIDNIGHT + 700000; at += 97) {
		bool seen_before = at - VENDOR_CLOCK_SPARE_MS < MIDNIGHT, seen_after = at + 20 + SPARE_MS >= MIDNIGHT;
		size_t before = 0, after = 0;

		slots_of(&vendor, at, at + 20);
		for (size_t i = 0; i < n_slots; i++)
			if (is_in_day_from(slots[i], MIDNIGHT))
				after++;
			else
				before++;
		assert_int_equal(before, seen_before);
		assert_int_equal(after, seen_after);
		/* Nothing that is counted in one day only leaves after its slot. */
		if (n_slots == 1)
			assert_true(slots[0] >= at + 20);
	}
}

static void a_long_time_has_a_slot_in_each_part(void **state)
{
	struct vendor vendor = by_day();

	(void)state;
	vendor.limits[0].unit = CALENDAR_MINUTE;
	vendor.limits[0].per_ms = calendar_longest_ms(CALENDAR_MINUTE);
	slots_of(&vendor, MIDNIGHT + 30000, MIDNIGHT + 30000 + 600000);
	assert_int_equal(n_slots, 11);
	for (size_t i = 0; i + 1 < n_slots; i++)
		assert_int_equal(slots[i], MIDNIGHT + 60000 * (int64_t)(i + 1) - SPARE_MS - 1);
	assert_int_equal(slots[10], MIDNIGHT + 630000);
}

/* Two time zones, one count: it begins anew where either begins. */
static void limits_of_the_same_length_share_their_slots(void **state)
{
	struct time_zone *zone = zone_of_rule("XXX-1");
	struct vendor vendor = by_day();

	(void)state;
	vendor.n_limits = 2;
	vendor.limits[1] = vendor.limits[0];
	vendor.limits[1].time_zone = zone;
	slots_of(&vendor, MIDNIGHT - 10, MIDNIGHT);
	assert_int_equal(n_slots, 2);
	slots_of(&vendor, MIDNIGHT - 3600010, MIDNIGHT - 3600000);
	assert_int_equal(n_slots, 2);
	slots_of(&vendor, MIDNIGHT - 1800000, MIDNIGHT - 1799990);
	assert_int_equal(n_slots, 1);
	time_zone_free(zone);
}

static void a_cost_makes_fewer_calls(void **state)
{
	static const struct { struct vendor_limit limit; int64_t calls; } cases[] = {
		{ { .calls = 10, .per_ms = DAY_MS }, 10 },
		{ { .calls = 10, .per_ms = DAY_MS, .cost = 1 }, 10 },
		{ { .calls = 10, .per_ms = DAY_MS, .cost = 3 }, 3 },
		{ { .calls = 10, .per_ms = DAY_MS, .cost = 10 }, 1 },
		{ { .calls = 100, .per_ms = DAY_MS, .burst = 7, .cost = 3 }, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(limit_in_calls(&cases[i].limit), cases[i].calls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_span_of_any_beginning_has_one_slot),
		cmocka_unit_test(a_slot_never_reaches_over_midnight),
		cmocka_unit_test(a_long_time_has_a_slot_in_each_part),
		cmocka_unit_test(limits_of_the_same_length_share_their_slots),
		cmocka_unit_test(a_cost_makes_fewer_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
