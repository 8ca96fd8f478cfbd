#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "buffer.h"

static void pieces_come_out_in_order(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 1000);
	buffer_append_str(&b, "a");
	buffer_append(&b, "b\0c", 3);
	buffer_printf(&b, "%d-%s", 7, "x");
	assert_int_equal(b.len, 7);
	assert_memory_equal(b.data, "ab\0c7-x", 8);
	assert_false(b.overflowed);
	buffer_deinit(&b);
	assert_null(b.data);
}

static void it_may_be_filled_to_the_last_byte(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 4);
	buffer_append_str(&b, "1234");
	buffer_append(&b, "", 0);
	assert_false(b.overflowed);
	assert_string_equal(b.data, "1234");
	buffer_deinit(&b);
}

static void over_the_maximum_it_keeps_what_it_had(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 4);
	buffer_append_str(&b, "123");
	buffer_append_str(&b, "45");
	assert_true(b.overflowed);
	assert_string_equal(b.data, "123");
	/* Also what would fit: the text has a hole. */
	buffer_append_str(&b, "4");
	buffer_printf(&b, "%d", 4);
	buffer_append_json_string(&b, "x", 1);
	assert_string_equal(b.data, "123");
	assert_int_equal(b.len, 3);
	buffer_deinit(&b);
}

static void a_length_near_the_address_space_overflows_only_the_flag(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 100);
	buffer_append_str(&b, "x");
	buffer_append(&b, "", SIZE_MAX);
	assert_true(b.overflowed);
	assert_string_equal(b.data, "x");
	buffer_deinit(&b);
}

static void printf_is_all_or_nothing(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 5);
	buffer_printf(&b, "%s", "12345");
	assert_false(b.overflowed);
	buffer_reset(&b);
	buffer_printf(&b, "%s", "123456");
	assert_true(b.overflowed);
	assert_string_equal(b.data, "");
	buffer_deinit(&b);
}

static void reset_empties_it_and_forgets_the_overflow(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 3);
	buffer_append_str(&b, "1234");
	assert_true(b.overflowed);
	buffer_reset(&b);
	buffer_append_str(&b, "abc");
	assert_false(b.overflowed);
	assert_string_equal(b.data, "abc");
	buffer_deinit(&b);
}

static void it_grows_over_many_appends(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 100000);
	for (int i = 0; i < 20000; i++)
		buffer_append(&b, "12345", 5);
	assert_int_equal(b.len, 100000);
	assert_false(b.overflowed);
	for (size_t i = 0; i < b.len; i += 5)
		assert_memory_equal(b.data + i, "12345", 5);
	buffer_append(&b, "6", 1);
	assert_true(b.overflowed);
	buffer_deinit(&b);
}

static void json_strings_are_escaped(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 1000);
	buffer_append_json_string(&b, "a\"b\\c/\b\f\n\r\t\0\x1f\x7f\xc3\xa9", 16);
	assert_string_equal(b.data, "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\xc3\xa9\"");
	buffer_reset(&b);
	buffer_append_json_string(&b, "", 0);
	assert_string_equal(b.data, "\"\"");
	buffer_reset(&b);
	buffer_append_json_string(&b, "a" NUL_IN_NAME NUL_IN_NAME "b\xc0", 7);
	assert_string_equal(b.data, "\"a\\u0000\\u0000b\xc0\"");
	buffer_deinit(&b);
}

static void taking_leaves_it_empty(void **state)
{
	struct buffer b;
	char *data;
	size_t len = 99;

	(void)state;
	buffer_init(&b, 10);
	data = buffer_take(&b, &len);
	assert_string_equal(data, "");
	assert_int_equal(len, 0);
	free(data);
	buffer_append_str(&b, "abc");
	data = buffer_take(&b, &len);
	assert_string_equal(data, "abc");
	assert_int_equal(len, 3);
	free(data);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.max, 10);
	buffer_append_str(&b, "again");
	assert_string_equal(b.data, "again");
	buffer_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_come_out_in_order),
		cmocka_unit_test(it_may_be_filled_to_the_last_byte),
		cmocka_unit_test(over_the_maximum_it_keeps_what_it_had),
		cmocka_unit_test(a_length_near_the_address_space_overflows_only_the_flag),
		cmocka_unit_test(printf_is_all_or_nothing),
		cmocka_unit_test(reset_empties_it_and_forgets_the_overflow),
		cmocka_unit_test(it_grows_over_many_appends),
		cmocka_unit_test(json_strings_are_escaped),
		cmocka_unit_test(taking_leaves_it_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
