/* What headers of answers say of a vendor's limits: a table of what vendors send, and of what they should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "rate_headers.h"

#include <string.h>

static const int64_t NOW = INT64_C(1800000000000);   /* 2027-01-15T08:00:00Z */
static const int64_t DAY_MS = 86400000;

static struct rate_said read_headers(int reset_is, const char *remaining, const char *reset, const char *header, bool refused)
{
	struct rate_rules rules = { .reset_is = reset_is, .hold_below = 1 };
	struct rate_values values = { (char *)remaining, (char *)reset, (char *)header };
	struct rate_said said;

	if (header) {
		rules.header = (char *)"RateLimit";
	} else {
		rules.remaining = (char *)"X-RateLimit-Remaining";
		rules.reset = (char *)"X-RateLimit-Reset";
	}
	rate_headers_read(&rules, &values, refused, NOW, &said);
	return said;
}

static void two_headers_say_how_long_to_wait(void **state)
{
	static const struct { int reset_is; const char *remaining, *reset; enum rate_says says; int64_t wait_ms; bool counted; } rows[] = {
		{ RESET_SECONDS, "0", "30", RATE_SAYS_HOLD, 30000, true },
		{ RESET_SECONDS, "0", "0.25", RATE_SAYS_HOLD, 250, true },
		{ RESET_SECONDS, "1", "30", RATE_SAYS_ROOM, 0, false },
		{ RESET_SECONDS, "4999", "30", RATE_SAYS_ROOM, 0, false },
		{ RESET_SECONDS, "0", "0", RATE_SAYS_NOTHING, 0, false },
		{ RESET_SECONDS, "0", NULL, RATE_SAYS_NOTHING, 0, false },
		{ RESET_SECONDS, NULL, "30", RATE_SAYS_NOTHING, 0, false },
		{ RESET_SECONDS, NULL, NULL, RATE_SAYS_NOTHING, 0, false },
		{ RESET_EPOCH, "0", "1800000060", RATE_SAYS_HOLD, 60000, false },
		{ RESET_EPOCH, "0", "1800000000.5", RATE_SAYS_HOLD, 500, false },
		{ RESET_EPOCH, "0", "1799999999", RATE_SAYS_NOTHING, 0, false },
		{ RESET_EPOCH, "0", "30", RATE_SAYS_NOTHING, 0, false },
		{ RESET_EPOCH_MS, "0", "1800000000750", RATE_SAYS_HOLD, 750, false },
		{ RESET_EPOCH_MS, "0", "1800000000", RATE_SAYS_NOTHING, 0, false },
		/* inferred */
		{ RESET_AUTO, "0", "30", RATE_SAYS_HOLD, 30000, true },
		{ RESET_AUTO, "0", "86400", RATE_SAYS_HOLD, 86400000, true },
		{ RESET_AUTO, "0", "1800000060", RATE_SAYS_HOLD, 60000, false },
		{ RESET_AUTO, "0", "1800000000750", RATE_SAYS_HOLD, 750, false },
		{ RESET_AUTO, "0", "Fri, 15 Jan 2027 08:01:00 GMT", RATE_SAYS_HOLD, 60000, false },
		{ RESET_AUTO, "0", "Fri, 15 Jan 2027 07:00:00 GMT", RATE_SAYS_NOTHING, 0, false },
		/* several limits in one header, or the header several times: the longest hold of those that are used up */
		{ RESET_SECONDS, "0, 14523", "1, 1419704", RATE_SAYS_HOLD, 1000, true },
		{ RESET_SECONDS, "3,0", "1,60", RATE_SAYS_HOLD, 60000, true },
		{ RESET_SECONDS, "0,0", "1,60", RATE_SAYS_HOLD, 60000, true },
		{ RESET_SECONDS, "5 , 0", "60", RATE_SAYS_HOLD, 60000, true },
		{ RESET_SECONDS, "5,7", "60", RATE_SAYS_ROOM, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rate_said said = read_headers(rows[i].reset_is, rows[i].remaining, rows[i].reset, NULL, false);

		if (said.says != rows[i].says || (said.says == RATE_SAYS_HOLD && (said.wait_ms != rows[i].wait_ms || said.counted != rows[i].counted)))
			fail_msg("row %zu: says %d wait %lld counted %d", i, (int)said.says, (long long)said.wait_ms, said.counted);
	}
}

static void one_header_has_both(void **state)
{
	static const struct { const char *header; enum rate_says says; int64_t wait_ms; } rows[] = {
		{ "\"default\";r=0;t=30", RATE_SAYS_HOLD, 30000 },
		{ "\"default\";t=30;r=0", RATE_SAYS_HOLD, 30000 },
		{ "\"default\"; r=0; t=30", RATE_SAYS_HOLD, 30000 },
		{ "\"default\";r=50;t=30", RATE_SAYS_ROOM, 0 },
		{ "\"second\";r=0;t=1, \"day\";r=100;t=3600", RATE_SAYS_HOLD, 1000 },
		{ "\"second\";r=5;t=1, \"day\";r=0;t=3600", RATE_SAYS_HOLD, 3600000 },
		{ "\"second\";r=0;t=1,\"day\";r=0;t=60", RATE_SAYS_HOLD, 60000 },
		{ "\"a,b;r=5\\\";t=9\";r=0;t=1", RATE_SAYS_HOLD, 1000 },
		{ "default;r=0;t=7;pk=:cHsdsRa894==:", RATE_SAYS_HOLD, 7000 },
		{ "\"default\";r=0", RATE_SAYS_NOTHING, 0 },
		{ "\"default\"", RATE_SAYS_NOTHING, 0 },
		{ "", RATE_SAYS_NOTHING, 0 },
		/* as older drafts had it */
		{ "limit=100, remaining=0, reset=30", RATE_SAYS_HOLD, 30000 },
		{ "limit=100, remaining=1, reset=30", RATE_SAYS_ROOM, 0 },
		{ "remaining=0", RATE_SAYS_NOTHING, 0 },
		{ "\"default\";r=-1;t=30", RATE_SAYS_NONSENSE, 0 },
		{ "\"default\";r=0;t=soon", RATE_SAYS_NONSENSE, 0 },
		{ "\"default\";r=0;t=99999999999999", RATE_SAYS_NONSENSE, 0 },
		{ "\"open;r=0;t=30", RATE_SAYS_NOTHING, 0 },
		{ ";;,,==;r;t,", RATE_SAYS_NOTHING, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rate_said said = read_headers(RESET_AUTO, NULL, NULL, rows[i].header, false);

		if (said.says != rows[i].says || (said.says == RATE_SAYS_HOLD && (said.wait_ms != rows[i].wait_ms || !said.counted)))
			fail_msg("%s: says %d wait %lld", rows[i].header, (int)said.says, (long long)said.wait_ms);
	}
}

static void what_makes_no_sense_holds_nobody(void **state)
{
	static const char *const remaining[] = {
		"", " ", "-1", "+0", "none", "0x0", "1e3", "0.", ".5", "0 0", "00000000000000000000", "9999999999999999999999", "0;0", "\"0\"",
	};
	static const char *const resets[] = {
		"", "-30", "+30", "soon", "30s", "1e3", "0x1e", "30.", "30.1.2", "99999999999999999999", "1800000060Z",
		"40000000", "1900000000", "Fri, 99 Foo 2027 08:01:00 GMT", "30,30", "\x01",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(remaining) / sizeof(remaining[0]); i++)
		assert_int_equal(read_headers(RESET_AUTO, remaining[i], "30", NULL, false).says, RATE_SAYS_NONSENSE);
	for (size_t i = 0; i < sizeof(resets) / sizeof(resets[0]); i++)
		if (read_headers(RESET_AUTO, "0", resets[i], NULL, false).says != RATE_SAYS_NONSENSE)
			fail_msg("%s", resets[i]);
	/* One limit that makes no sense hides no other. */
	assert_int_equal(read_headers(RESET_SECONDS, "x,0", "30", NULL, false).says, RATE_SAYS_HOLD);
	assert_int_equal(read_headers(RESET_SECONDS, "0,x", "30", NULL, false).says, RATE_SAYS_HOLD);
	assert_int_equal(read_headers(RESET_SECONDS, "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "30", NULL, false).says, RATE_SAYS_NONSENSE);
	/* The longest that is believed. */
	assert_int_equal(read_headers(RESET_SECONDS, "0", "31622400", NULL, false).wait_ms, 366 * DAY_MS);
	assert_int_equal(read_headers(RESET_SECONDS, "0", "31622401", NULL, false).says, RATE_SAYS_NONSENSE);
}

static void a_refusal_says_that_nothing_is_left(void **state)
{
	(void)state;
	assert_int_equal(read_headers(RESET_EPOCH, NULL, "1800000060", NULL, true).wait_ms, 60000);
	assert_int_equal(read_headers(RESET_EPOCH, NULL, "x", NULL, true).says, RATE_SAYS_NONSENSE);
	/* What it says itself counts: the limit that refused it may be another one. */
	assert_int_equal(read_headers(RESET_EPOCH, "17", "1800000060", NULL, true).says, RATE_SAYS_ROOM);
}

static void a_file_may_keep_some_calls_back(void **state)
{
	struct rate_rules rules = { .remaining = (char *)"A", .reset = (char *)"B", .hold_below = 5 };
	struct rate_values values = { .remaining = (char *)"4", .reset = (char *)"30" };
	struct rate_said said;

	(void)state;
	rate_headers_read(&rules, &values, false, NOW, &said);
	assert_int_equal(said.says, RATE_SAYS_HOLD);
	values.remaining = (char *)"5";
	rate_headers_read(&rules, &values, false, NOW, &said);
	assert_int_equal(said.says, RATE_SAYS_ROOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_headers_say_how_long_to_wait),
		cmocka_unit_test(one_header_has_both),
		cmocka_unit_test(what_makes_no_sense_holds_nobody),
		cmocka_unit_test(a_refusal_says_that_nothing_is_left),
		cmocka_unit_test(a_file_may_keep_some_calls_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
