#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/reports.h"

#include <stdio.h>

static const struct vendor a = { .name = (char *)"a", .breaker = { .failure_ratio = 0.5 } };
static const struct vendor b = { .name = (char *)"b", .breaker = { .connect_failures = 5 } };
static const struct vendor without = { .name = (char *)"without" };

static struct reports reports;

static int begin(void **state)
{
	(void)state;
	reports_begin(&reports);
	return 0;
}

static void add(const struct vendor *vendor, int64_t since, enum vendor_health health)
{
	static struct lane lanes[] = { { .name = "a" }, { .name = "b" }, { .name = "without" } };
	struct lane *lane = &lanes[vendor == &a ? 0 : vendor == &b ? 1 : 2];
	struct call call = { .lane = lane, .exchange.vendor = vendor, .breaker_since = since };

	reports_add(&reports, &call, health);
}

static void expect(int i, const char *vendor, int successes, int failures, int connect_row, bool connected)
{
	const struct queue_op *op = &reports.ops[i];

	assert_int_equal(op->kind, QUEUE_REPORT);
	assert_string_equal(op->vendor, vendor);
	assert_null(op->entry_id);
	assert_int_equal(op->report.successes, successes);
	assert_int_equal(op->report.failures, failures);
	assert_int_equal(op->report.connect_row, connect_row);
	assert_int_equal(op->report.connected, connected);
}

static void calls_of_a_vendor_are_one_line(void **state)
{
	(void)state;
	add(&a, 1, HEALTH_SUCCESS);
	add(&b, 1, HEALTH_SUCCESS);
	add(&a, 1, HEALTH_SUCCESS);
	add(&a, 1, HEALTH_ALIVE);
	assert_int_equal(reports.n, 2);
	expect(0, "a", 2, 0, 0, true);
	expect(1, "b", 1, 0, 0, true);
	assert_false(reports.urgent);
	add(&b, 1, HEALTH_FAILURE);
	expect(1, "b", 1, 1, 0, true);
	assert_true(reports.urgent);
}

static void calls_of_another_spell_are_another_line(void **state)
{
	(void)state;
	add(&a, 1, HEALTH_SUCCESS);
	add(&a, 2, HEALTH_FAILURE);
	assert_int_equal(reports.n, 2);
	assert_int_equal(reports.ops[0].report.since, 1);
	assert_int_equal(reports.ops[1].report.since, 2);
}

static void only_the_last_connections_are_in_a_row(void **state)
{
	(void)state;
	add(&a, 1, HEALTH_UNREACHABLE);
	add(&a, 1, HEALTH_UNREACHABLE);
	expect(0, "a", 0, 2, 2, false);
	add(&a, 1, HEALTH_FAILURE);
	expect(0, "a", 0, 3, 0, true);
	add(&a, 1, HEALTH_UNREACHABLE);
	expect(0, "a", 0, 4, 1, true);
	assert_true(reports.urgent);
}

static void what_says_nothing_is_not_reported(void **state)
{
	struct lane lane = { .name = "a" };
	struct call given_up = { .lane = &lane, .exchange.vendor = &a, .abandoned = true };

	(void)state;
	add(&a, 1, HEALTH_UNKNOWN);
	add(&without, 1, HEALTH_FAILURE);
	reports_add(&reports, &given_up, HEALTH_FAILURE);
	assert_int_equal(reports.n, 0);
	assert_false(reports.urgent);
}

static void each_probe_is_reported_by_its_name(void **state)
{
	static const struct { enum vendor_health health; int successes, failures; } probes[] = {
		{ HEALTH_SUCCESS, 1, 0 }, { HEALTH_ALIVE, 1, 0 }, { HEALTH_FAILURE, 0, 1 }, { HEALTH_UNREACHABLE, 0, 1 },
		{ HEALTH_UNKNOWN, 0, 0 },
	};
	struct lane lane = { .name = "a" };
	struct call calls[5];

	(void)state;
	for (int i = 0; i < 5; i++) {
		calls[i] = (struct call){ .lane = &lane, .exchange.vendor = &a, .probe = true };
		snprintf(calls[i].entry_id, sizeof(calls[i].entry_id), "1-%d", i);
		reports_add(&reports, &calls[i], probes[i].health);
		assert_string_equal(reports.ops[i].entry_id, calls[i].entry_id);
		assert_int_equal(reports.ops[i].report.successes, probes[i].successes);
		assert_int_equal(reports.ops[i].report.failures, probes[i].failures);
	}
	assert_true(reports.urgent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(calls_of_a_vendor_are_one_line, begin),
		cmocka_unit_test_setup(calls_of_another_spell_are_another_line, begin),
		cmocka_unit_test_setup(only_the_last_connections_are_in_a_row, begin),
		cmocka_unit_test_setup(what_says_nothing_is_not_reported, begin),
		cmocka_unit_test_setup(each_probe_is_reported_by_its_name, begin),
	};

	return cmocka_run_group_tests_name("reports", tests, NULL, NULL);
}
