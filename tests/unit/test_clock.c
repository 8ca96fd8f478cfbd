#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "clock.h"

/* Room for a slow machine between two readings. */
enum { SLACK_MS = 2000 };

static void assert_near(int64_t a, int64_t b) { assert_true(llabs(a - b) <= SLACK_MS); }

static void before_first_contact_it_is_the_wall_clock(void **state)
{
	(void)state;
	assert_near(clock_now_ms(), clock_wall_ms());
}

static void it_follows_what_redis_says(void **state)
{
	int64_t boot = clock_boot_ms();

	(void)state;
	clock_learn(INT64_C(5000000000000), boot, boot);
	assert_near(clock_now_ms(), INT64_C(5000000000000));
	clock_learn(INT64_C(1000000000000), boot, boot);
	assert_near(clock_now_ms(), INT64_C(1000000000000));
}

static void the_middle_of_question_and_answer_is_taken(void **state)
{
	int64_t boot = clock_boot_ms();

	(void)state;
	/* As if the answer had come just now, and the question had left 800 ms ago. */
	clock_learn(INT64_C(2000000000000), boot - 800, boot);
	assert_true(clock_now_ms() >= INT64_C(2000000000400));
	assert_true(clock_now_ms() <= INT64_C(2000000000400) + SLACK_MS);
}

static void a_slow_answer_teaches_nothing(void **state)
{
	int64_t boot = clock_boot_ms();

	(void)state;
	clock_learn(INT64_C(3000000000000), boot, boot);
	clock_learn(INT64_C(4000000000000), boot - 1001, boot);
	assert_near(clock_now_ms(), INT64_C(3000000000000));
}

static void monotonic_readings_never_go_back(void **state)
{
	int64_t last_us = clock_mono_us(), last_ms = clock_mono_ms();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		int64_t us = clock_mono_us(), ms = clock_mono_ms();

		assert_true(us >= last_us && ms >= last_ms);
		last_us = us;
		last_ms = ms;
	}
	assert_true(llabs(last_us / 1000 - last_ms) <= SLACK_MS);
}

static void instants_are_written_in_utc_with_milliseconds(void **state)
{
	static const struct { int64_t at; const char *text; } instants[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ 999, "1970-01-01T00:00:00.999Z" },
		{ INT64_C(951782400000), "2000-02-29T00:00:00.000Z" },
		{ INT64_C(1735689599999), "2024-12-31T23:59:59.999Z" },
		{ INT64_C(4102444800050), "2100-01-01T00:00:00.050Z" },
		{ INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
	};
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	setenv("TZ", "America/New_York", 1);
	for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++) {
		clock_format(instants[i].at, text);
		assert_string_equal(text, instants[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_first_contact_it_is_the_wall_clock),
		cmocka_unit_test(it_follows_what_redis_says),
		cmocka_unit_test(the_middle_of_question_and_answer_is_taken),
		cmocka_unit_test(a_slow_answer_teaches_nothing),
		cmocka_unit_test(monotonic_readings_never_go_back),
		cmocka_unit_test(instants_are_written_in_utc_with_milliseconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
