#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "clean.h"
#include "json_strict.h"

static char *cleaned(const struct vendor *vendor, const char *text)
{
	struct json_object *value;
	char *out;

	assert_int_equal(json_strict_parse(text, strlen(text), &JSON_LIMITS_DEFAULT, &value, NULL, 0, NULL), ERR_OK);
	value = clean_result(vendor, value);
	out = json_text(value, NULL);
	json_object_put(value);
	return out;
}

/* Cleaned twice is cleaned once. */
static void assert_cleaned(const struct vendor *vendor, const char *text, const char *expected)
{
	char *once = cleaned(vendor, text), *twice = cleaned(vendor, once);

	assert_string_equal(once, expected);
	assert_string_equal(twice, expected);
	free(once);
	free(twice);
}

static void without_rules_nothing_changes(void **state)
{
	static const struct vendor none;

	(void)state;
	assert_cleaned(&none, "{\"a\":\" x \",\"n\":[1.0,1e2,null]}", "{\"a\":\" x \",\"n\":[1.0,1e2,null]}");
	assert_cleaned(&none, "null", "null");
}

static void strings_lose_white_space_at_both_ends_everywhere(void **state)
{
	static const struct vendor trim = { .trim_strings = true };

	(void)state;
	assert_cleaned(&trim, "\" a b \"", "\"a b\"");
	assert_cleaned(&trim, "\" \\t\\r\\n \"", "\"\"");
	assert_cleaned(&trim, "\"\"", "\"\"");
	assert_cleaned(&trim, "null", "null");
	assert_cleaned(&trim, "[\" a\",[\"b \",{\" k \":\" v \"}],5,true,null]", "[\"a\",[\"b\",{\" k \":\"v\"}],5,true,null]");
	assert_cleaned(&trim, "\" \\u0000 x\\u0000 \"", "\"\\u0000 x\\u0000\"");
	assert_cleaned(&trim, "\" \xc2\xa0x \"", "\"\xc2\xa0x\"");
}

static void a_long_string_is_trimmed_whole(void **state)
{
	static const struct vendor trim = { .trim_strings = true };
	char text[2010], expected[2010];

	(void)state;
	memset(text, 'x', sizeof(text));
	memset(expected, 'x', sizeof(expected));
	memcpy(text, "\"  ", 3);
	memcpy(text + 2003, "  \"", 4);
	expected[0] = '"';
	memcpy(expected + 2001, "\"", 2);
	assert_cleaned(&trim, text, expected);
}

static void named_members_go(void **state)
{
	static char *remove[] = { "/ssn", "/person/tax~1id", "/gone/away", NULL };
	static const struct vendor vendor = { .remove = remove };

	(void)state;
	assert_cleaned(&vendor, "{\"ssn\":1,\"name\":\"a\",\"person\":{\"tax/id\":2,\"ssn\":3}}", "{\"name\":\"a\",\"person\":{\"ssn\":3}}");
	assert_cleaned(&vendor, "{\"ssn\":null}", "{}");
	assert_cleaned(&vendor, "[1]", "[1]");
	assert_cleaned(&vendor, "\"ssn\"", "\"ssn\"");
	assert_cleaned(&vendor, "null", "null");
	assert_cleaned(&vendor, "{\"person\":null}", "{\"person\":null}");
}

static void a_star_stands_for_all_items(void **state)
{
	static char *remove[] = { "/*/ssn", "/people/*/ssn", "/m/*/*/x", NULL };
	static const struct vendor vendor = { .remove = remove };

	(void)state;
	assert_cleaned(&vendor, "{\"people\":[{\"ssn\":1,\"a\":2},null,5,{\"ssn\":3}]}", "{\"people\":[{\"a\":2},null,5,{}]}");
	assert_cleaned(&vendor, "[{\"ssn\":1},{\"b\":1}]", "[{},{\"b\":1}]");
	assert_cleaned(&vendor, "{\"m\":[[{\"x\":1},{\"y\":1}],[{\"x\":2}]]}", "{\"m\":[[{},{\"y\":1}],[{}]]}");
	/* In an object it is a name like any other. */
	assert_cleaned(&vendor, "{\"*\":{\"ssn\":1},\"a\":{\"ssn\":2}}", "{\"*\":{},\"a\":{\"ssn\":2}}");
}

static void items_of_arrays_become_null(void **state)
{
	static char *remove[] = { "/a/1", "/a/9", "/b/*", NULL };
	static const struct vendor vendor = { .remove = remove };

	(void)state;
	assert_cleaned(&vendor, "{\"a\":[1,2,3],\"b\":[1,{}]}", "{\"a\":[1,null,3],\"b\":[null,null]}");
}

static void numbers_stay_as_written(void **state)
{
	static char *remove[] = { "/x", NULL };
	static const struct vendor vendor = { .remove = remove, .trim_strings = true };

	(void)state;
	assert_cleaned(&vendor, "{\"x\":1,\"n\":[1.00,-0,1e999,123456789012345678901234567890]}",
	               "{\"n\":[1.00,-0,1e999,123456789012345678901234567890]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_rules_nothing_changes),
		cmocka_unit_test(strings_lose_white_space_at_both_ends_everywhere),
		cmocka_unit_test(a_long_string_is_trimmed_whole),
		cmocka_unit_test(named_members_go),
		cmocka_unit_test(a_star_stands_for_all_items),
		cmocka_unit_test(items_of_arrays_become_null),
		cmocka_unit_test(numbers_stay_as_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
