#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <cmocka.h>

#include "buffer.h"
#include "json_strict.h"

/* A text with its length, so that it may hold NUL. */
#define TEXT(literal) { literal, sizeof(literal) - 1 }

struct text { const char *bytes; size_t len; };

/* Valid; each prints as it is written here. */
static const struct text kept[] = {
	TEXT("null"), TEXT("true"), TEXT("false"), TEXT("0"), TEXT("-0"), TEXT("1"), TEXT("-1"), TEXT("\"\""), TEXT("[]"),
	TEXT("{}"), TEXT("[[]]"), TEXT("[null]"), TEXT("[1,2,3]"), TEXT("{\"a\":null}"), TEXT("{\"\":0}"),
	TEXT("{\"a\":{\"b\":[{}]}}"), TEXT("{\"a\":1,\"A\":2}"),
	/* numbers keep their form */
	TEXT("1.0"), TEXT("1.10"), TEXT("-0.0"), TEXT("1e5"), TEXT("1E5"), TEXT("1e+5"), TEXT("1e-5"), TEXT("0e0"), TEXT("-0e-0"),
	TEXT("1e999"), TEXT("-1e999"), TEXT("1e-999"), TEXT("0.1"), TEXT("123.456e78"), TEXT("3.14159265358979323846264338327950"),
	TEXT("9223372036854775807"), TEXT("-9223372036854775808"), TEXT("9223372036854775808"),
	TEXT("18446744073709551615"), TEXT("18446744073709551616"), TEXT("-9223372036854775809"),
	TEXT("100000000000000000000000000000000000001"), TEXT("[-0,0.0,1e1]"),
	/* strings */
	TEXT("\"a\""), TEXT("\"/\""), TEXT("\"\x7f\""), TEXT("\"\\\"\\\\\\b\\f\\n\\r\\t\""), TEXT("\"\\u0000\""), TEXT("\"a\\u0000b\""),
	TEXT("\"\\u001f\""), TEXT("\"\xc2\x80\""), TEXT("\"\xdf\xbf\""), TEXT("\"\xe0\xa0\x80\""), TEXT("\"\xed\x9f\xbf\""),
	TEXT("\"\xee\x80\x80\""), TEXT("\"\xef\xbf\xbf\""), TEXT("\"\xf0\x90\x80\x80\""), TEXT("\"\xf4\x8f\xbf\xbf\""),
	TEXT("\"\xe2\x80\xa8\xe2\x80\xa9\""), TEXT("\"\xef\xbb\xbf\""), TEXT("{\"\xc3\xa9\":1}"), TEXT("{\"a/b~c\":1}"),
	TEXT("{\"__proto__\":1}"), TEXT("{\"a\\u0000b\":1}"), TEXT("{\"a\\u0000\":1,\"a\":2,\"\\u0000\\u0000\":{\"\\u0000\":3}}"),
};

/* Valid, and printed in its one compact form. */
static const struct { struct text in, out; } rewritten[] = {
	{ TEXT(" \t\r\n1 \t\r\n"), TEXT("1") },
	{ TEXT("[ 1 , 2 ]"), TEXT("[1,2]") },
	{ TEXT("{ \"a\" : 1 , \"b\" : [ ] }"), TEXT("{\"a\":1,\"b\":[]}") },
	{ TEXT("[ ]"), TEXT("[]") },
	{ TEXT("{ }"), TEXT("{}") },
	{ TEXT("\"\\/\""), TEXT("\"/\"") },
	{ TEXT("\"\\u0041\""), TEXT("\"A\"") },
	{ TEXT("\"\\u00e9\""), TEXT("\"\xc3\xa9\"") },
	{ TEXT("\"\\u20AC\""), TEXT("\"\xe2\x82\xac\"") },
	{ TEXT("\"\\ud83d\\ude00\""), TEXT("\"\xf0\x9f\x98\x80\"") },
	{ TEXT("\"\\uD800\\uDC00\""), TEXT("\"\xf0\x90\x80\x80\"") },
	{ TEXT("\"\\uDBFF\\uDFFF\""), TEXT("\"\xf4\x8f\xbf\xbf\"") },
	{ TEXT("\"\\u007f\""), TEXT("\"\x7f\"") },
	{ TEXT("\"\\uffff\""), TEXT("\"\xef\xbf\xbf\"") },
	{ TEXT("\"x\\u0022y\""), TEXT("\"x\\\"y\"") },
	{ TEXT("{\"\\u0061\":1}"), TEXT("{\"a\":1}") },
	{ TEXT("{\"a\\tb\":1}"), TEXT("{\"a\\tb\":1}") },
};

static const struct text refused[] = {
	TEXT(""), TEXT(" "), TEXT("\n"), TEXT("\xef\xbb\xbf""1"), TEXT("\xff\xfe"), TEXT("1 2"), TEXT("1,"), TEXT(","), TEXT("[1]]"),
	TEXT("{}{}"), TEXT("[] x"), TEXT("1\0"), TEXT("\0"), TEXT("[1]\0"), TEXT("\x0b""1"), TEXT("\x0c""1"), TEXT("\xc2\xa0""1"),
	/* words */
	TEXT("nul"), TEXT("nulll"), TEXT("True"), TEXT("NULL"), TEXT("tru"), TEXT("NaN"), TEXT("Infinity"), TEXT("-Infinity"),
	TEXT("inf"), TEXT("undefined"), TEXT("abc"),
	/* numbers */
	TEXT("+1"), TEXT("01"), TEXT("-01"), TEXT("00"), TEXT("1."), TEXT(".1"), TEXT("-.1"), TEXT("-"), TEXT("--1"), TEXT("1e"),
	TEXT("1e+"), TEXT("1e1.0"), TEXT("1.e1"), TEXT("0x10"), TEXT("1_000"), TEXT("1a"), TEXT("1.2.3"), TEXT("- 1"), TEXT("0e"),
	TEXT("\xef\xbc\x91"), TEXT("1e999e"), TEXT("-NaN"),
	/* strings */
	TEXT("'a'"), TEXT("\""), TEXT("\"a"), TEXT("\"a\\"), TEXT("\"\\\""), TEXT("a\""), TEXT("\"\t\""), TEXT("\"\n\""), TEXT("\"\0\""),
	TEXT("\"\x1f\""), TEXT("\"\\a\""), TEXT("\"\\x41\""), TEXT("\"\\'\""), TEXT("\"\\u\""), TEXT("\"\\u00\""), TEXT("\"\\u00g0\""),
	TEXT("\"\\u 041\""), TEXT("\"\\U0041\""), TEXT("\"\\\0\""), TEXT("\"\\ud800\""), TEXT("\"\\udc00\""), TEXT("\"\\ud800x\""),
	TEXT("\"\\ud800\\n\""), TEXT("\"\\ud800\\u0041\""), TEXT("\"\\ud800\\ud800\""), TEXT("\"\\udc00\\ud800\""),
	TEXT("\"\\ud800\\ue000\""), TEXT("\"\\udbff\\uffff\""), TEXT("\"\\ud83d\\u\""), TEXT("\"\\u004"),
	/* not UTF-8 */
	TEXT("\"\x80\""), TEXT("\"\xbf\""), TEXT("\"\xc0\x80\""), TEXT("\"\xc0\xaf\""), TEXT("\"\xc1\xbf\""), TEXT("\"\xc2\""), TEXT("\"\xc2"),
	TEXT("\"\xe0\x80\x80\""), TEXT("\"\xe0\x9f\xbf\""), TEXT("\"\xed\xa0\x80\""), TEXT("\"\xed\xbf\xbf\""), TEXT("\"\xe2\x82\""),
	TEXT("\"\xf0\x80\x80\x80\""), TEXT("\"\xf0\x8f\xbf\xbf\""), TEXT("\"\xf4\x90\x80\x80\""), TEXT("\"\xf5\x80\x80\x80\""),
	TEXT("\"\xf8\x88\x80\x80\x80\""), TEXT("\"\xfe\""), TEXT("\"\xff\""), TEXT("\"\xf0\x9f\x98\""), TEXT("{\"\xff\":1}"),
	TEXT("\xe9"),
	/* arrays */
	TEXT("["), TEXT("]"), TEXT("[1"), TEXT("[1,"), TEXT("[1,]"), TEXT("[,1]"), TEXT("[,]"), TEXT("[1,,2]"), TEXT("[1 2]"), TEXT("[1;2]"),
	TEXT("[1}"), TEXT("[\"a\":1]"), TEXT("[1:2]"), TEXT("[*]"), TEXT("[[]"),
	/* objects */
	TEXT("{"), TEXT("}"), TEXT("{\"a\""), TEXT("{\"a\":"), TEXT("{\"a\":1"), TEXT("{\"a\":1,"), TEXT("{\"a\":1,}"), TEXT("{,}"),
	TEXT("{a:1}"), TEXT("{'a':1}"), TEXT("{1:1}"), TEXT("{null:1}"), TEXT("{\"a\" 1}"), TEXT("{\"a\"=1}"), TEXT("{\"a\":1 \"b\":2}"),
	TEXT("{\"a\":1]"), TEXT("{\"a\":}"), TEXT("{\"a\",1}"), TEXT("{\"a\":1,,\"b\":2}"), TEXT("{[]:1}"), TEXT("{\"a\":1:2}"),
	TEXT("{\"a\":1,\"a\":2}"), TEXT("{\"a\":1,\"\\u0061\":2}"), TEXT("{\"\":1,\"\":1}"),
	TEXT("{\"a\\u0000\":1,\"a\\u0000\":1}"),
	/* comments */
	TEXT("// x\n1"), TEXT("/* x */1"), TEXT("1//"), TEXT("1 /* x */"), TEXT("# x\n1"), TEXT("{\"a\":1/**/}"),
};

/* json_strict_compact() says what json_strict_parse() says, and makes the text that its value prints. */
static void assert_compacts_alike(const char *text, size_t len, const struct json_limits *limits, enum err err,
                                  struct json_object *value, const char *why_text, const char *pointer_text)
{
	char *compact, *printed, pointer[64];
	struct err_text why = { "" };

	assert_int_equal(json_strict_compact(text, len, limits, NULL, 0, &compact, pointer, sizeof(pointer), &why), err);
	if (err == ERR_OK) {
		printed = json_text(value, NULL);
		assert_string_equal(compact, printed);
		free(printed);
		free(compact);
	} else {
		assert_null(compact);
		assert_string_equal(why.text, why_text);
		assert_string_equal(pointer, pointer_text);
	}
}

static enum err parse(const char *text, size_t len, struct json_object **value)
{
	/* A copy of the exact size, so that reading past the end is noticed. */
	char *copy = malloc(len ? len : 1);
	struct err_text why = { "" };
	char pointer[64];
	enum err err;

	memcpy(copy, text, len);
	err = json_strict_parse(copy, len, &JSON_LIMITS_DEFAULT, value, pointer, sizeof(pointer), &why);
	assert_compacts_alike(copy, len, &JSON_LIMITS_DEFAULT, err, *value, why.text, pointer);
	free(copy);
	if (err != ERR_OK) {
		assert_non_null(strstr(why.text, "byte "));
		assert_null(*value);
	}
	return err;
}

static void assert_prints(const struct text *in, const struct text *out)
{
	struct json_object *value;
	size_t len;
	char *text;

	if (parse(in->bytes, in->len, &value) != ERR_OK)
		fail_msg("refused: %s", in->bytes);
	text = json_text(value, &len);
	assert_string_equal(text, out->bytes);
	assert_int_equal(len, out->len);
	free(text);
	json_object_put(value);
}

static void valid_texts_print_as_they_came(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		assert_prints(&kept[i], &kept[i]);
}

static void white_space_and_needless_escapes_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rewritten) / sizeof(rewritten[0]); i++)
		assert_prints(&rewritten[i].in, &rewritten[i].out);
}

static void what_is_not_json_is_refused(void **state)
{
	struct json_object *value;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (parse(refused[i].bytes, refused[i].len, &value) != ERR_INVALID)
			fail_msg("accepted: %s", refused[i].bytes);
}

/* Each proper beginning of a container or string is refused. */
static void a_text_cut_anywhere_is_refused(void **state)
{
	static const char text[] = "{\"a\":[1,-2.5e3,\"x\\ud83d\\ude00\xc3\xa9\",null,{\"b\":true}],\"c\":{}}";
	struct json_object *value;

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		assert_int_equal(parse(text, len, &value), ERR_INVALID);
}

static void null_is_a_value(void **state)
{
	struct json_object *value = (struct json_object *)(uintptr_t)1, *found;

	(void)state;
	assert_int_equal(parse("null", 4, &value), ERR_OK);
	assert_null(value);
	assert_true(json_at(value, "", &found));
	assert_false(json_at(value, "/a", &found));
}

static void assert_fails(const char *text, const struct json_limits *limits, enum err expected, const char *why_text,
                         const char *pointer_text)
{
	struct json_object *value;
	struct err_text why;
	char pointer[64];

	assert_int_equal(json_strict_parse(text, strlen(text), limits, &value, pointer, sizeof(pointer), &why), expected);
	assert_string_equal(why.text, why_text);
	assert_string_equal(pointer, pointer_text);
	assert_compacts_alike(text, strlen(text), limits, expected, NULL, why_text, pointer_text);
}

static void errors_name_byte_and_place(void **state)
{
	const struct json_limits *any = &JSON_LIMITS_DEFAULT;

	(void)state;
	assert_fails("{\"a\":1 \"b\":2}", any, ERR_INVALID, "byte 7: expected ',' or '}'", "");
	assert_fails("{\"a\":{\"b\":1 x}}", any, ERR_INVALID, "byte 12: expected ',' or '}' at /a", "/a");
	assert_fails("{\"a\":[0,1,x]}", any, ERR_INVALID, "byte 10: expected a value at /a/2", "/a/2");
	assert_fails("{\"a/b\":{\"c~d\":tru}}", any, ERR_INVALID, "byte 14: expected a value at /a~1b/c~0d", "/a~1b/c~0d");
	assert_fails("[1,2", any, ERR_INVALID, "byte 4: expected ',' or ']', but the text ends", "");
	assert_fails("{\"k\":1,\"k\":2}", any, ERR_INVALID, "byte 7: member name that was there before at /k", "/k");
	assert_fails("{\"k\":[],\"\\u006b\":{x}}", any, ERR_INVALID, "byte 8: member name that was there before at /k", "/k");
	assert_fails("{\"\\u00e9\":{\"\\n\":\"\\t\",\"z\":-}}", any, ERR_INVALID, "byte 26: bad number at /\xc3\xa9/z", "/\xc3\xa9/z");
	assert_fails("{\"k\":\"\xff\"}", any, ERR_INVALID, "byte 6: not UTF-8 at /k", "/k");
	assert_fails("1 1", any, ERR_INVALID, "byte 2: expected the end after the value", "");
	assert_fails("{\"a\\u0000b\":x}", any, ERR_INVALID, "byte 12: expected a value at /a" NUL_IN_NAME "b", "/a" NUL_IN_NAME "b");
}

static void long_pointers_are_cut_between_characters(void **state)
{
	char text[1100], pointer[8];
	struct json_object *value;
	struct err_text why;

	(void)state;
	memset(text, 0, sizeof(text));
	snprintf(text, sizeof(text), "{\"a");
	for (int i = 0; i < 500; i++)
		memcpy(text + 3 + 2 * i, "\xc3\xa9", 2);
	snprintf(text + 1003, sizeof(text) - 1003, "\":x}");
	assert_int_equal(json_strict_parse(text, strlen(text), &JSON_LIMITS_DEFAULT, &value, pointer, sizeof(pointer), &why),
	                 ERR_INVALID);
	assert_string_equal(pointer, "/a\xc3\xa9\xc3\xa9");
	assert_true(strlen(why.text) < 300);
}

static void limits_hold_and_are_reached_exactly(void **state)
{
	const struct json_limits small = { .max_bytes = 20, .max_depth = 3, .max_members = 5, .max_string_bytes = 4 };
	struct json_object *value;

	(void)state;
	assert_fails("[[[[]]]]", &small, ERR_TOO_BIG, "byte 3: nested deeper than 3 at /0/0/0", "/0/0/0");
	assert_fails("[0,1,2,3,4]", &small, ERR_TOO_BIG, "byte 9: more than 5 values at /4", "/4");
	assert_fails("\"0123456789012345678\"", &small, ERR_TOO_BIG, "byte 20: longer than 20 bytes", "");
	assert_fails("\"01234\"", &small, ERR_TOO_BIG, "byte 0: string longer than 4 bytes", "");
	assert_fails("[\"\\u00e9\\n\", 12345]", &small, ERR_TOO_BIG, "byte 13: number longer than 4 bytes at /1", "/1");
	assert_fails("{\"01234\":1}", &small, ERR_TOO_BIG, "byte 1: string longer than 4 bytes", "");
	assert_int_equal(json_strict_parse("{\"0123\":\"0123\"}", 15, &small, &value, NULL, 0, NULL), ERR_OK);
	json_object_put(value);
	assert_int_equal(json_strict_parse("[[[1]],2]           ", 20, &small, &value, NULL, 0, NULL), ERR_OK);
	json_object_put(value);
}

static void limits_that_are_settings_are_named(void **state)
{
	const struct json_limits small = { .max_bytes = 20, .max_depth = 1, .max_members = 2, .max_string_bytes = 4,
	                                   .are_settings = true };

	(void)state;
	assert_fails("[[]]", &small, ERR_TOO_BIG, "byte 1: nested deeper than 1 (VENDORFETCH_JSON_MAX_DEPTH) at /0", "/0");
	assert_fails("[1,2]", &small, ERR_TOO_BIG, "byte 3: more than 2 values (VENDORFETCH_JSON_MAX_MEMBERS) at /1", "/1");
	assert_fails("[\"01234\"]", &small, ERR_TOO_BIG,
	             "byte 1: string longer than 4 bytes (VENDORFETCH_JSON_MAX_STRING_BYTES) at /0", "/0");
	assert_fails("                     ", &small, ERR_TOO_BIG, "byte 20: longer than 20 bytes (VENDORFETCH_MAX_BODY_BYTES)", "");
}

static void compact_finds_members_of_the_outermost_object(void **state)
{
	static const char text[] = " { \"x\" : { \"a\" : 1 } , \"\\u0061\" : [ \"a\" , 2 ] , \"b\" : null } ";
	struct json_wanted wanted[] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };
	char *compact;

	(void)state;
	assert_int_equal(json_strict_compact(text, strlen(text), &JSON_LIMITS_DEFAULT, wanted, 3, &compact, NULL, 0, NULL), ERR_OK);
	assert_string_equal(compact, "{\"x\":{\"a\":1},\"a\":[\"a\",2],\"b\":null}");
	assert_memory_equal(compact + wanted[0].at, "\"a\":[", 5);
	assert_memory_equal(compact + wanted[0].value_at, "[\"a\",2],", 8);
	assert_memory_equal(compact + wanted[0].end, ",\"b\"", 4);
	assert_string_equal(compact + wanted[1].value_at, "null}");
	assert_string_equal(compact + wanted[1].end, "}");
	assert_int_equal(wanted[2].end, 0);
	free(compact);
}

/* Many objects with the same names, and one with many. */
static void a_name_may_come_once_in_each_object(void **state)
{
	struct buffer text;
	struct json_object *value;

	(void)state;
	buffer_init(&text, 1 << 20);
	for (int i = 0; i < 3000; i++)
		buffer_printf(&text, "%s{\"name\":%d,\"id\":{\"name\":0}}", i ? "," : "{\"list\":[", i);
	buffer_append_str(&text, "]");
	for (int i = 0; i < 3000; i++)
		buffer_printf(&text, ",\"name%d\":%d", i, i);
	buffer_append_str(&text, "}");
	assert_int_equal(parse(text.data, text.len, &value), ERR_OK);
	json_object_put(value);
	text.len--;
	buffer_append_str(&text, ",\"name1234\":1}");
	assert_int_equal(parse(text.data, text.len, &value), ERR_INVALID);
	buffer_deinit(&text);
}

/* The deepest text that is let in goes through parser, printer and release on the smallest stack that the programs use. */
static void *deepest_on_this_stack(void *arg)
{
	struct buffer text;
	struct json_object *value;
	enum err err;
	char *printed;

	buffer_init(&text, 10000);
	for (int i = 0; i < JSON_LIMITS_DEFAULT.max_depth; i++)
		buffer_append_str(&text, i % 2 ? "{\"member\":" : "[");
	buffer_append_str(&text, "1");
	for (int i = JSON_LIMITS_DEFAULT.max_depth; i-- > 0;)
		buffer_append_str(&text, i % 2 ? "}" : "]");
	err = json_strict_parse(text.data, text.len, &JSON_LIMITS_DEFAULT, &value, NULL, 0, NULL);
	if (err == ERR_OK) {
		printed = json_text(value, NULL);
		*(bool *)arg = strcmp(printed, text.data) == 0;
		free(printed);
		json_object_put(value);
	}
	err = json_strict_compact(text.data, text.len, &JSON_LIMITS_DEFAULT, NULL, 0, &printed, NULL, 0, NULL);
	*(bool *)arg = *(bool *)arg && err == ERR_OK && strcmp(printed, text.data) == 0;
	free(printed);
	buffer_deinit(&text);
	return NULL;
}

static void the_greatest_depth_fits_a_small_stack(void **state)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool same = false;

	(void)state;
	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setstacksize(&attr, 256 << 10), 0);
	assert_int_equal(pthread_create(&thread, &attr, deepest_on_this_stack, &same), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	assert_true(same);
}

static void many_small_objects_stay_whole(void **state)
{
	struct json_object *value;
	struct buffer text;
	char *printed;

	(void)state;
	buffer_init(&text, 10 << 20);
	buffer_append_str(&text, "[");
	for (int i = 0; i < 3000; i++) {
		buffer_append_str(&text, i ? ",{" : "{");
		for (int k = 0; k < i % 20; k++)
			buffer_printf(&text, "%s\"m%d\":%d", k ? "," : "", k, k);
		buffer_append_str(&text, "}");
	}
	buffer_append_str(&text, "]");
	assert_int_equal(parse(text.data, text.len, &value), ERR_OK);
	/* Shrunk objects still take new members. */
	for (int i = 0; i < 3000; i++)
		json_object_object_add(json_object_array_get_idx(value, (size_t)i), "more", NULL);
	for (int i = 0; i < 3000; i++)
		json_object_object_del(json_object_array_get_idx(value, (size_t)i), "more");
	printed = json_text(value, NULL);
	assert_string_equal(printed, text.data);
	free(printed);
	json_object_put(value);
	buffer_deinit(&text);
}

static void pointers_find_members_and_items(void **state)
{
	static const char text[] = "{\"a\":[10,null,\"x\"],\"b/c\":{\"d~e\":1.50},\"\":7,\"n\":null,\"t\":true,\"cut\":\"x\\u0000y\"}";
	struct json_object *value, *found;

	(void)state;
	assert_int_equal(parse(text, sizeof(text) - 1, &value), ERR_OK);
	assert_string_equal(json_string_at(value, "/a/0"), "10");
	assert_string_equal(json_string_at(value, "/a/2"), "x");
	assert_string_equal(json_string_at(value, "/b~1c/d~0e"), "1.50");
	assert_string_equal(json_string_at(value, "/"), "7");
	assert_true(json_at(value, "/a/1", &found));
	assert_null(found);
	assert_true(json_at(value, "/n", &found));
	assert_null(json_string_at(value, "/n"));
	assert_null(json_string_at(value, "/t"));
	assert_null(json_string_at(value, "/a"));
	assert_null(json_string_at(value, "/cut"));   /* as a C string it would be "x" */
	assert_false(json_at(value, "/a/3", &found));
	assert_false(json_at(value, "/a/00", &found));
	assert_false(json_at(value, "/a/-", &found));
	assert_false(json_at(value, "/a/x", &found));
	assert_false(json_at(value, "/A", &found));
	assert_false(json_at(value, "/n/x", &found));
	assert_false(json_at(value, "/t/x", &found));
	json_object_put(value);
}

/* ---- Random values ---- */

static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)*seed * below) >> 32);
}

static void random_string(uint32_t *seed, struct buffer *out)
{
	static const char *const pieces[] = { "a", "0", " ", "/", "\xc3\xa9", "\xe2\x80\xa8", "\xf0\x9f\x98\x80", "\x7f", "\\\"", "\\\\", "\\n",
	                                      "\\u0001", "~", "'" };
	uint32_t n = draw(seed, 12);

	for (uint32_t i = 0; i < n; i++)
		buffer_append_str(out, pieces[draw(seed, sizeof(pieces) / sizeof(pieces[0]))]);
}

static void random_number(uint32_t *seed, struct buffer *out)
{
	buffer_printf(out, "%s%u", draw(seed, 2) ? "-" : "", draw(seed, 1000000));
	if (draw(seed, 4) == 0)
		buffer_printf(out, "%u%u%u", 1 + draw(seed, UINT32_MAX - 1), draw(seed, UINT32_MAX), draw(seed, UINT32_MAX));
	if (draw(seed, 3) == 0)
		buffer_printf(out, ".%u0", draw(seed, 1000));
	if (draw(seed, 3) == 0)
		buffer_printf(out, "%c%s%u", draw(seed, 2) ? 'e' : 'E', draw(seed, 2) ? "-" : "", draw(seed, 400));
}

static void random_value(uint32_t *seed, int depth, struct buffer *out)
{
	uint32_t kind = draw(seed, depth > 0 ? 7 : 5), n = draw(seed, 6);

	if (kind < 3) {
		buffer_append_str(out, (const char *[]){ "null", "true", "false" }[kind]);
	} else if (kind == 3) {
		random_number(seed, out);
	} else if (kind == 4) {
		buffer_append_str(out, "\"");
		random_string(seed, out);
		buffer_append_str(out, "\"");
	} else {
		buffer_append_str(out, kind == 5 ? "[" : "{");
		for (uint32_t i = 0; i < n; i++) {
			buffer_append_str(out, i ? "," : "");
			if (kind == 6) {
				buffer_printf(out, "\"%u", i);
				random_string(seed, out);
				buffer_append_str(out, "\":");
			}
			random_value(seed, depth - 1, out);
		}
		buffer_append_str(out, kind == 5 ? "]" : "}");
	}
}

static void random_values_come_out_as_they_went_in(void **state)
{
	uint32_t seed = 42;
	struct buffer text;

	(void)state;
	buffer_init(&text, 1 << 20);
	for (int round = 0; round < 5000; round++) {
		struct text same;

		buffer_reset(&text);
		random_value(&seed, 6, &text);
		same = (struct text){ text.data, text.len };
		assert_prints(&same, &same);
	}
	buffer_deinit(&text);
}

/* Valid texts with a few bytes changed are accepted or refused, but never read out of bounds (for the sanitizers to see). */
static void damaged_texts_do_no_harm(void **state)
{
	struct json_object *value;
	struct buffer text;
	uint32_t seed = 7;

	(void)state;
	buffer_init(&text, 1 << 20);
	for (int round = 0; round < 5000; round++) {
		buffer_reset(&text);
		random_value(&seed, 4, &text);
		for (uint32_t i = draw(&seed, 4); i-- > 0;)
			text.data[draw(&seed, (uint32_t)text.len)] = (char)draw(&seed, 256);
		if (parse(text.data, text.len, &value) == ERR_OK)
			json_object_put(value);
	}
	buffer_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_texts_print_as_they_came),
		cmocka_unit_test(white_space_and_needless_escapes_go),
		cmocka_unit_test(what_is_not_json_is_refused),
		cmocka_unit_test(a_text_cut_anywhere_is_refused),
		cmocka_unit_test(null_is_a_value),
		cmocka_unit_test(errors_name_byte_and_place),
		cmocka_unit_test(long_pointers_are_cut_between_characters),
		cmocka_unit_test(limits_hold_and_are_reached_exactly),
		cmocka_unit_test(limits_that_are_settings_are_named),
		cmocka_unit_test(compact_finds_members_of_the_outermost_object),
		cmocka_unit_test(a_name_may_come_once_in_each_object),
		cmocka_unit_test(the_greatest_depth_fits_a_small_stack),
		cmocka_unit_test(many_small_objects_stay_whole),
		cmocka_unit_test(pointers_find_members_and_items),
		cmocka_unit_test(random_values_come_out_as_they_went_in),
		cmocka_unit_test(damaged_texts_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
