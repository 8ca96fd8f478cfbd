#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "err.h"

static void every_code_has_its_own_text(void **state)
{
	(void)state;
	for (int a = ERR_OK; a >= ERR_SYSTEM; a--) {
		assert_string_not_equal(err_str((enum err)a), "unknown error");
		for (int b = ERR_OK; b > a; b--)
			assert_string_not_equal(err_str((enum err)a), err_str((enum err)b));
	}
}

static void other_numbers_are_unknown(void **state)
{
	(void)state;
	assert_string_equal(err_str((enum err)(ERR_SYSTEM - 1)), "unknown error");
	assert_string_equal(err_str((enum err)1), "unknown error");
}

static void the_same_call_helps_only_against_absence_haste_and_crowds(void **state)
{
	(void)state;
	for (int e = ERR_OK; e >= ERR_SYSTEM; e--)
		assert_int_equal(err_is_retryable((enum err)e), e == ERR_UNAVAILABLE || e == ERR_NOT_DUE || e == ERR_FULL);
}

static void set_fills_the_text_and_gives_the_code(void **state)
{
	struct err_text why;

	(void)state;
	assert_int_equal(err_set(&why, ERR_CONFLICT, "%s %d", "key", 5), ERR_CONFLICT);
	assert_string_equal(why.text, "key 5");
	assert_int_equal(err_set(NULL, ERR_STALE, "%s", "nobody asks"), ERR_STALE);
}

static void a_long_text_is_cut(void **state)
{
	struct err_text why;
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&why, ERR_INVALID, "%s", text);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_own_text),
		cmocka_unit_test(other_numbers_are_unknown),
		cmocka_unit_test(the_same_call_helps_only_against_absence_haste_and_crowds),
		cmocka_unit_test(set_fills_the_text_and_gives_the_code),
		cmocka_unit_test(a_long_text_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
