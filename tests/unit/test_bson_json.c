#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "bson_json.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text that the document prints, or NULL if it was not taken; the caller owns it. */
static char *there_and_back(const char *text, size_t len)
{
	bson_t doc = BSON_INITIALIZER;
	char *back = NULL;
	struct buffer out;
	bson_iter_t iter;

	buffer_init(&out, 8 << 20);
	if (bson_json_append(&doc, "x", text, len)) {
		assert_true(bson_validate(&doc, BSON_VALIDATE_UTF8 | BSON_VALIDATE_UTF8_ALLOW_NULL, NULL));
		assert_true(bson_iter_init_find(&iter, &doc, "x"));
		assert_true(bson_json_print(&out, &iter));
		assert_false(out.overflowed);
		back = buffer_take(&out, NULL);
	} else {
		assert_int_equal(bson_count_keys(&doc), 0);
	}
	buffer_deinit(&out);
	bson_destroy(&doc);
	return back;
}

static void assert_exact(const char *text)
{
	char *back = there_and_back(text, strlen(text));

	if (!back)
		fail_msg("not taken: %s", text);
	assert_string_equal(back, text);
	free(back);
}

static void assert_refused(const char *text)
{
	char *back = there_and_back(text, strlen(text));

	if (back)
		fail_msg("taken: %s", text);
}

static void what_goes_in_comes_out(void **state)
{
	static const char *const texts[] = {
		"{}", "[]", "null", "true", "false", "\"\"", "0", "-1", "{\"a\":{}}", "[[],{},[{}]]",
		"{\"customer_id\":12345,\"tags\":[\"a\",\"b\",null,true,false],\"deep\":{\"x\":{\"y\":[1,2,3]}}}",
		"\"caf\xc3\xa9 \xf0\x9f\x98\x80 / \\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\"",
		"{\"caf\xc3\xa9\":1,\"a b\":2,\"\\n\":3,\"a$\":4,\"_id\":5,\"0\":6}",
		"[2147483647,2147483648,-2147483648,-2147483649,9223372036854775807,-9223372036854775808]",
		"[0.1,1.5,-1.5,3.14159,1.0,-0.0,1e+20,1e-07,1.7976931348623157e+308,1e-300,0.30000000000000004,123456.789]",
		"[0,1,2,3,4,5,6,7,8,9,10,11,12]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_exact(texts[i]);
}

static void what_would_change_is_refused(void **state)
{
	static const char *const texts[] = {
		/* numbers */
		"9223372036854775808", "-9223372036854775809", "100000000000000000000", "-0", "1.50", "1e5", "1E+20", "1e400",
		"0.1000000000000000055511151231257827", "5e-324", "[1,2,1.10]",
		/* escapes */
		"\"\\/\"", "\"\\u0041\"", "\"\\u00e9\"", "\"\\u001F\"", "\"\\u000a\"", "\"\\ud83d\\ude00\"",
		/* names */
		"{\"\":1}", "{\"$set\":1}", "{\"a.b\":1}", "{\"a\\u0000b\":1}", "{\"a\":{\"$oid\":\"x\"}}", "[{\".\":1}]",
		/* white space */
		"{ }", "[1, 2]", " 1", "1 ", "{\"a\": 1}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i]);
}

static void what_is_not_json_is_refused(void **state)
{
	static const char *const texts[] = {
		"", "{", "[", "\"", "\"a", "\"\\", "\"\\u", "\"\\u00", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{,}", "[,]",
		"[1,]", "[1 2]", "[1}", "{\"a\":1]", "]", "}", "1]", "{}{}", "tru", "nul", "nan", "inf", "-", "--1", "1-2", "01",
		"+1", ".5", "1.", "0x10", "{1:2}", "{a:1}", "'a'", "\"\n\"", "1.5.5", "1e", "[1,,2]", ":", ",",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i]);
}

static void nul_bytes_in_the_text_are_refused(void **state)
{
	(void)state;
	assert_null(there_and_back("\"a\0b\"", 5));
	assert_null(there_and_back("1\0", 2));
	assert_null(there_and_back("\0", 1));
}

static char *nested(int depth, char open, char close)
{
	char *text = mem_calloc(2 * (size_t)depth + 1, 1);

	memset(text, open, (size_t)depth);
	memset(text + depth, close, (size_t)depth);
	return text;
}

static void depth_is_bounded(void **state)
{
	char *deepest = nested(BSON_JSON_MAX_DEPTH, '[', ']');
	char *deeper = nested(BSON_JSON_MAX_DEPTH + 1, '[', ']');
	char *far_deeper = nested(1000000, '[', ']');

	(void)state;
	assert_exact(deepest);
	assert_refused(deeper);
	assert_refused(far_deeper);
	free(deepest);
	free(deeper);
	free(far_deeper);
}

/* A JSON string of len bytes, quotes included. */
static char *long_string(size_t len)
{
	char *text = mem_calloc(len + 1, 1);

	memset(text, 'x', len);
	text[0] = text[len - 1] = '"';
	return text;
}

static void size_is_bounded(void **state)
{
	char *fits = long_string(BSON_JSON_MAX_BYTES - 64);
	char *large = long_string(BSON_JSON_MAX_BYTES + 1);
	char *larger = long_string(15 << 20);

	(void)state;
	assert_exact(fits);
	assert_refused(large);
	assert_refused(larger);
	free(fits);
	free(large);
	free(larger);
}

/* Array keys make BSON grow beyond its text: the limit holds for the BSON. */
static void many_small_elements_are_bounded_too(void **state)
{
	size_t n = 300000;
	char *text = mem_calloc(2 * n + 2, 1);

	(void)state;
	for (size_t i = 0; i < n; i++)
		memcpy(text + 2 * i, ",0", 2);
	text[0] = '[';
	text[2 * n] = ']';
	assert_refused(text);
	free(text);
}

static void other_members_of_the_document_stay(void **state)
{
	bson_t doc = BSON_INITIALIZER;
	bson_iter_t iter;

	(void)state;
	BSON_APPEND_INT32(&doc, "before", 1);
	assert_true(bson_json_append(&doc, "x", "{\"customer_id\":12345}", 21));
	assert_false(bson_json_append(&doc, "y", "{\"a\":1.10}", 10));
	BSON_APPEND_INT32(&doc, "after", 2);
	assert_int_equal(bson_count_keys(&doc), 3);
	assert_true(bson_iter_init(&iter, &doc));
	assert_true(bson_iter_find_descendant(&iter, "x.customer_id", &iter));
	assert_int_equal(bson_iter_int32(&iter), 12345);
	bson_destroy(&doc);
}

static void foreign_types_are_not_printed(void **state)
{
	bson_t doc = BSON_INITIALIZER;
	struct buffer out;
	bson_iter_t iter;

	(void)state;
	buffer_init(&out, 1000);
	BSON_APPEND_DATE_TIME(&doc, "x", 1);
	assert_true(bson_iter_init_find(&iter, &doc, "x"));
	assert_false(bson_json_print(&out, &iter));
	buffer_deinit(&out);
	bson_destroy(&doc);
}

static size_t random_text(unsigned *seed, char *text, size_t size)
{
	static const char *const pieces[] = {
		"{", "}", "[", "]", ",", ":", "\"a\":", "\"b\"", "1", "-", "0", ".5", "e+20", "e5", "true", "null", "\"",
		"\\u001f", "\\n", "\\", "\"k\":{", "[1,2", "},", "\xc3\xa9", "12345678901", "\"x\":[",
	};
	size_t len = 0;

	for (int n = rand_r(seed) % 12; n >= 0; n--) {
		const char *piece = pieces[(size_t)rand_r(seed) % (sizeof(pieces) / sizeof(pieces[0]))];

		if (len + strlen(piece) >= size)
			break;
		memcpy(text + len, piece, strlen(piece) + 1);
		len += strlen(piece);
	}
	return len;
}

static void whatever_is_taken_is_exact(void **state)
{
	unsigned seed = 20261122;
	char text[256];
	int taken = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		size_t len = random_text(&seed, text, sizeof(text));
		char *back = there_and_back(text, len);

		if (!back)
			continue;
		assert_string_equal(back, text);
		free(back);
		taken++;
	}
	assert_true(taken > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(what_would_change_is_refused),
		cmocka_unit_test(what_is_not_json_is_refused),
		cmocka_unit_test(nul_bytes_in_the_text_are_refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(many_small_elements_are_bounded_too),
		cmocka_unit_test(other_members_of_the_document_stay),
		cmocka_unit_test(foreign_types_are_not_printed),
		cmocka_unit_test(whatever_is_taken_is_exact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
