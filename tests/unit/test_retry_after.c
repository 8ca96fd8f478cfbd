#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "outcome.h"

static const int64_t NOW = INT64_C(1800000000000);

static void retry_after_takes_seconds_and_three_forms_of_dates(void **state)
{
	static const int64_t now = INT64_C(784111700000);   /* Sun, 06 Nov 1994 08:48:20 GMT */

	(void)state;
	assert_int_equal(retry_after_parse("0", now), 0);
	assert_int_equal(retry_after_parse("120", now), 120000);
	assert_int_equal(retry_after_parse("007", now), 7000);
	assert_int_equal(retry_after_parse("Sun, 06 Nov 1994 08:49:37 GMT", now), 77000);
	assert_int_equal(retry_after_parse("Sunday, 06-Nov-94 08:49:37 GMT", now), 77000);
	assert_int_equal(retry_after_parse("Sun Nov  6 08:49:37 1994", now), 77000);
	assert_int_equal(retry_after_parse("Sun, 06 Nov 1994 08:48:20 GMT", now), 0);
	assert_int_equal(retry_after_parse("Sun, 06 Nov 1994 08:00:00 GMT", now), 0);
	assert_int_equal(retry_after_parse("Thu, 01 Jan 1970 00:00:00 GMT", now), 0);
}

static void two_digit_years_are_the_near_ones(void **state)
{
	static const int64_t in_2026 = INT64_C(1795000000000);

	(void)state;
	assert_int_equal(retry_after_parse("Sunday, 06-Nov-94 08:49:37 GMT", in_2026), 0);
	assert_true(retry_after_parse("Friday, 06-Nov-70 08:49:37 GMT", in_2026) > 0);
}

static void huge_waits_saturate(void **state)
{
	int64_t longest = retry_after_parse("99999999999999999999999999999999", NOW);

	(void)state;
	assert_true(longest > INT64_C(1000) * 86400 * 365 * 99);
	assert_true(longest < INT64_MAX / 4);
	assert_int_equal(retry_after_parse("Fri, 31 Dec 9999 23:59:59 GMT", NOW), longest);
	assert_int_equal(retry_after_parse("9223372036854775807", NOW), longest);
}

static void nonsense_is_no_retry_after(void **state)
{
	static const char *const nonsense[] = {
		"", " ", "-1", "+1", "1.5", "1s", "soon", "0x10", "1 2", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 GMT x", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z",
		"Sun, 06 Nov 1969 08:49:37 GMT", "Sun, -6 Nov 1994 08:49:37 GMT",
	};

	(void)state;
	assert_int_equal(retry_after_parse(NULL, NOW), -1);
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
		assert_int_equal(retry_after_parse(nonsense[i], NOW), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retry_after_takes_seconds_and_three_forms_of_dates),
		cmocka_unit_test(two_digit_years_are_the_near_ones),
		cmocka_unit_test(huge_waits_saturate),
		cmocka_unit_test(nonsense_is_no_retry_after),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
