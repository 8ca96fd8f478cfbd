#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "json_locate.h"
#include "json_strict.h"

static const char text[] =
	"\n{ \"a\": 1,\n"
	"  \"b\" : [ {\"x\": \"}],\\\"\"}, [ ], null,-1e5 , {\"x\":{\"y\":true}} ],\r\n"
	"\t\"\xc3\xa4\xf0\x9f\x98\x80\": 2, \"a/b\": 3, \"m~n\": 4, \"\": 5,\n"
	"  \"c\\u0064\\n\": {\"0\": {}, \"01\": 6}, \"e\": { }, \"b2\": 7}";

/* Each: a pointer, what the text has there, and its line and column. */
static const struct { const char *pointer, *there; size_t line, column; } places[] = {
	{ "", "{ \"a\"", 2, 1 },
	{ "/a", "\"a\": 1", 2, 3 },
	{ "/b", "\"b\" :", 3, 3 },
	{ "/b/0", "{\"x\": \"}", 3, 11 },
	{ "/b/0/x", "\"x\": \"}", 3, 12 },
	{ "/b/1", "[ ]", 3, 27 },
	{ "/b/2", "null", 3, 32 },
	{ "/b/3", "-1e5", 3, 37 },
	{ "/b/4/x/y", "\"y\":true", 3, 50 },
	{ "/\xc3\xa4\xf0\x9f\x98\x80", "\"\xc3\xa4", 4, 2 },
	{ "/a~1b", "\"a/b\"", 4, 11 },
	{ "/m~0n", "\"m~n\"", 4, 21 },
	{ "/", "\"\": 5", 4, 31 },
	{ "/cd\n", "\"c\\u0064", 5, 3 },
	{ "/cd\n/01", "\"01\"", 5, 26 },
	{ "/b2", "\"b2\"", 5, 46 },
	/* what is not there: the deepest place that is */
	{ "/nowhere", "{ \"a\"", 2, 1 },
	{ "/b/5", "\"b\" :", 3, 3 },
	{ "/b/00", "\"b\" :", 3, 3 },
	{ "/b/-", "\"b\" :", 3, 3 },
	{ "/b/1/0", "[ ]", 3, 27 },
	{ "/b/0/y/z", "{\"x\": \"}", 3, 11 },
	{ "/a/x", "\"a\": 1", 2, 3 },
	{ "/e/x", "\"e\"", 5, 36 },
};

static void a_pointer_leads_to_the_name_of_the_member_or_to_the_item(void **state)
{
	size_t len = strlen(text);
	struct json_object *value;
	struct err_text why;

	(void)state;
	assert_int_equal(json_strict_parse(text, len, &JSON_LIMITS_DEFAULT, &value, NULL, 0, &why), ERR_OK);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		size_t at = json_locate(text, len, places[i].pointer);
		struct json_position position = json_position(text, at);

		if (strncmp(text + at, places[i].there, strlen(places[i].there)) != 0)
			fail_msg("\"%s\" is found at \"%.12s\"", places[i].pointer, text + at);
		if (position.line != places[i].line || position.column != places[i].column)
			fail_msg("\"%s\" is found at %zu:%zu", places[i].pointer, position.line, position.column);
	}
	json_object_put(value);
}

static void a_text_that_is_one_value_has_one_place(void **state)
{
	static const char *const values[] = { "1", "\"/a\"", "null", "[]", "{}" };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_int_equal(json_locate(values[i], strlen(values[i]), "/a"), 0);
	assert_int_equal(json_locate("  1", 3, ""), 2);
}

static void a_position_counts_characters_from_one(void **state)
{
	struct json_position end = json_position("a\n\xc3\xa9\n", 4);

	(void)state;
	assert_int_equal(json_position("", 0).line, 1);
	assert_int_equal(json_position("", 0).column, 1);
	assert_int_equal(end.line, 2);
	assert_int_equal(end.column, 2);
	assert_int_equal(json_position("a\n\xc3\xa9\n", 5).line, 3);
}

/* Each: what people mistype, the byte of the mistake, and what is said of it. */
static const struct { const char *text; size_t at; const char *pointer, *reason; } mistyped[] = {
	{ "", 0, "", "expected a value, but the text ends" },
	{ "{\"a\":1,}", 7, "", "expected a member name in double quotes" },
	{ "{\"a\":{\"b\":tru}}", 10, "/a/b", "expected a value" },
	{ "{\"a\":1,\n\"a\":2}", 8, "/a", "member name that was there before" },
	{ "[1,[2 3]]", 6, "/1", "expected ',' or ']'" },
	{ "1 2", 2, "", "expected the end after the value" },
};

static void a_syntax_error_comes_with_its_byte_apart_from_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistyped) / sizeof(mistyped[0]); i++) {
		struct json_object *value;
		char pointer[32];
		struct err_text why;
		size_t at = 999;

		assert_int_equal(json_strict_parse_at(mistyped[i].text, strlen(mistyped[i].text), &JSON_LIMITS_DEFAULT, &value,
		                                      pointer, sizeof(pointer), &at, &why), ERR_INVALID);
		assert_int_equal(at, mistyped[i].at);
		assert_string_equal(pointer, mistyped[i].pointer);
		assert_string_equal(why.text, mistyped[i].reason);
	}
}

static void a_token_in_a_pointer_is_escaped(void **state)
{
	struct buffer out;

	(void)state;
	buffer_init(&out, 64);
	json_pointer_put(&out, "a/b~c", 5);
	assert_string_equal(out.data, "a~1b~0c");
	buffer_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pointer_leads_to_the_name_of_the_member_or_to_the_item),
		cmocka_unit_test(a_text_that_is_one_value_has_one_place),
		cmocka_unit_test(a_position_counts_characters_from_one),
		cmocka_unit_test(a_syntax_error_comes_with_its_byte_apart_from_the_reason),
		cmocka_unit_test(a_token_in_a_pointer_is_escaped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
