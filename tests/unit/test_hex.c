#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hex.h"

static void only_hex_digits_have_a_value(void **state)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	(void)state;
	for (int c = -128; c < 128; c++) {
		const char text[] = { (char)c, '\0' };

		assert_int_equal(hex_digit((char)c), c && strchr(digits, c) ? (int)strtol(text, NULL, 16) : -1);
	}
}

static void a_byte_is_two_digits(void **state)
{
	(void)state;
	assert_int_equal(hex_byte("00", 2), 0);
	assert_int_equal(hex_byte("aF", 2), 0xaf);
	assert_int_equal(hex_byte("ff0", 3), 0xff);
	assert_int_equal(hex_byte("ff", 1), -1);
	assert_int_equal(hex_byte("", 0), -1);
	assert_int_equal(hex_byte("f", 2), -1);
	assert_int_equal(hex_byte("g0", 2), -1);
	assert_int_equal(hex_byte("0x", 2), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_hex_digits_have_a_value),
		cmocka_unit_test(a_byte_is_two_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
