/* Compiling and rendering of texts with references. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "json_strict.h"
#include "mem.h"
#include "template.h"

enum { OUT_MAX = 4096 };

#define ALL (REFERS_TO_JOB | REFERS_TO_REQUEST | REFERS_TO_SIGNATURE)

/* ${env:X} is known at load; its value looks like a reference, and must not be read as one. */
static enum err fixed(const char *reference, const void *arg, struct buffer *out, struct err_text *why)
{
	(void)arg, (void)why;
	if (strcmp(reference, "env:X") != 0)
		return ERR_NOT_FOUND;
	buffer_append_str(out, "${payload:/s}&\"");
	return ERR_OK;
}

static const struct template_rules rules = { ALL, fixed, NULL };

static const char payload[] =
	"{\"s\":\"plain\",\"hostile\":\"/../a b?c#d%41&e=f+g;\",\"unicode\":\"\xc3\xa9\xe2\x82\xac\",\"nul\":\"a\\u0000b\","
	"\"crlf\":\"a\\r\\nX-Evil: 1\",\"tab\":\"a\\tb\",\"quote\":\"\\\"}\\\\\\u0001,\",\"empty\":\"\",\"null\":null,\"yes\":true,"
	"\"int\":42,\"big\":123456789012345678901234567890,\"money\":1.50,\"tiny\":1e-7,\"minus0\":-0,"
	"\"list\":[1,{\"a\":\"b\"}],\"a/b\":{\"~\":\"deep\"},\"dot\":\".\",\"ref\":\"${env:X}\"}";

static struct template_values values_of(const char *json)
{
	struct template_values values = { .payload = json };

	values.texts[REFER_REQUEST_ID].bytes = "id-1";
	values.texts[REFER_REQUEST_ID].len = 4;
	return values;
}

/* What it renders, or the error. The caller owns it. */
static char *rendered(const struct template *t, const char *json)
{
	struct template_values values = values_of(json);
	struct err_text why = { "" };
	struct buffer out;
	char *text;

	buffer_init(&out, OUT_MAX);
	text = template_render(t, &values, &out, &why) == ERR_OK ? buffer_take(&out, NULL) : mem_printf("! %s", why.text);
	buffer_deinit(&out);
	template_values_deinit(&values);
	return text;
}

static void expect(const struct template *t, const char *json, const char *expected)
{
	char *text = rendered(t, json);

	assert_string_equal(text, expected);
	free(text);
}

/* ---- Each place has its own escapes ---- */

static const struct { enum template_escape escape; const char *text, *expected; } places[] = {
	{ ESCAPE_NONE, "", "" },
	{ ESCAPE_NONE, "<${job:request_id}> ${payload:/crlf}", "<id-1> a\r\nX-Evil: 1" },
	{ ESCAPE_NONE, "${payload:/big}|${payload:/money}|${payload:/tiny}|${payload:/minus0}|${payload:/yes}",
	  "123456789012345678901234567890|1.50|1e-7|-0|true" },
	{ ESCAPE_NONE, "${payload:/list} ${payload:/list/0} ${payload:/a~1b/~0}", "[1,{\"a\":\"b\"}] 1 deep" },
	{ ESCAPE_NONE, "${payload:/none|x/y|z} ${payload:/null|no}", "x/y|z no" },
	{ ESCAPE_NONE, "a$b{c}d", "a$b{c}d" },
	{ ESCAPE_NONE, "${env:X}", "${payload:/s}&\"" },
	{ ESCAPE_NONE, "${payload:/ref}", "${env:X}" },
	{ ESCAPE_URL, "http://h/v1/${payload:/hostile}/x", "http://h/v1/%2F..%2Fa%20b%3Fc%23d%2541%26e%3Df%2Bg%3B/x" },
	{ ESCAPE_URL, "http://h/${payload:/unicode}", "http://h/%C3%A9%E2%82%AC" },
	{ ESCAPE_URL, "http://h/${payload:/nul}", "http://h/a%00b" },
	{ ESCAPE_URL, "http://h/${payload:/crlf}", "http://h/a%0D%0AX-Evil%3A%201" },
	{ ESCAPE_URL, "http://h/${payload:/list}", "http://h/%5B1%2C%7B%22a%22%3A%22b%22%7D%5D" },
	{ ESCAPE_URL, "http://h/${payload:/none|a b}", "http://h/a%20b" },
	{ ESCAPE_URL, "http://h/${payload:/empty}/x", "! /empty of the payload is empty" },
	{ ESCAPE_URL, "http://h/${payload:/none|}", "! /none of the payload is empty" },
	{ ESCAPE_URL, "http://h/x?a=${payload:/empty}&b=${payload:/hostile}",
	  "http://h/x?a=&b=%2F..%2Fa%20b%3Fc%23d%2541%26e%3Df%2Bg%3B" },
	{ ESCAPE_QUERY, "a b&${payload:/s}=${env:X}", "a%20b%26plain%3D%24%7Bpayload%3A%2Fs%7D%26%22" },
	{ ESCAPE_FORM, "a b~${payload:/hostile}", "a+b%7E%2F..%2Fa+b%3Fc%23d%2541%26e%3Df%2Bg%3B" },
	{ ESCAPE_HEADER, "x ${payload:/unicode}${payload:/tab}${payload:/empty}", "x \xc3\xa9\xe2\x82\xac" "a\tb" },
	{ ESCAPE_HEADER, "x ${payload:/crlf}", "! /crlf of the payload holds a control character" },
	{ ESCAPE_HEADER, "x ${payload:/nul}", "! /nul of the payload holds a control character" },
	{ ESCAPE_JSON, "${payload:/quote}${payload:/nul}${env:X}", "\\\"}\\\\\\u0001,a\\u0000b${payload:/s}&\\\"" },
	{ ESCAPE_NONE, "${payload:/none}", "! /none of the payload is not there" },
	{ ESCAPE_NONE, "${payload:/null}", "! /null of the payload is not there" },
	{ ESCAPE_NONE, "${payload:/list/2}", "! /list/2 of the payload is not there" },
	{ ESCAPE_NONE, "${payload:/s/x}", "! /s/x of the payload is not there" },
};

static void a_value_stays_where_it_stands(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct template t = { 0 };

		assert_int_equal(template_add(&t, places[i].text, places[i].escape, &rules, NULL), ERR_OK);
		expect(&t, payload, places[i].expected);
		template_deinit(&t);
	}
}

static void no_value_of_one_byte_gets_out_of_its_segment(void **state)
{
	struct template t = { 0 };

	(void)state;
	assert_int_equal(template_add(&t, "http://h/${payload:/v}", ESCAPE_URL, &rules, NULL), ERR_OK);
	for (int c = 1; c < 0x80; c++) {
		char json[32], *text;

		snprintf(json, sizeof(json), "{\"v\":\"\\u%04x\"}", c);
		text = rendered(&t, json);
		assert_null(strpbrk(text + strlen("http://h/"), "/?#\\@:&=+; \"<>"));
		free(text);
	}
	template_deinit(&t);
}

/* ---- Lists ---- */

static void entries_are_separated_and_optional_ones_left_out(void **state)
{
	static const struct { const char *url, *json, *expected; } urls[] = {
		{ "http://h/x", "{\"q\":\"v\"}", "http://h/x?n%26=1&q=v&last=" },
		{ "http://h/x", "{}", "http://h/x?n%26=1&last=" },
		{ "http://h/x", "{\"q\":\"\"}", "http://h/x?n%26=1&q=&last=" },
		{ "http://h/x", "{\"q\":null,\"l\":0}", "http://h/x?n%26=1&last=0" },
		{ "http://h/x?", "{}", "http://h/x?n%26=1&last=" },
		{ "http://h?a=1", "{}", "http://h?a=1&n%26=1&last=" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct template t = { 0 };

		assert_int_equal(template_add(&t, urls[i].url, ESCAPE_URL, &rules, NULL), ERR_OK);
		assert_int_equal(template_add_pair(&t, "n&", "1", ESCAPE_QUERY, &rules, NULL), ERR_OK);
		assert_int_equal(template_add_pair(&t, "q", "${payload:/q|}", ESCAPE_QUERY, &rules, NULL), ERR_OK);
		assert_int_equal(template_add_pair(&t, "last", "${payload:/l|}${payload:/none|}", ESCAPE_QUERY, &rules, NULL), ERR_OK);
		expect(&t, urls[i].json, urls[i].expected);
		template_deinit(&t);
	}
}

static void a_form_may_begin_with_what_is_left_out(void **state)
{
	struct template t = { 0 };

	(void)state;
	assert_int_equal(template_add_pair(&t, "a", "${payload:/a|}", ESCAPE_FORM, &rules, NULL), ERR_OK);
	assert_int_equal(template_add_pair(&t, "b c", "${payload:/b|}", ESCAPE_FORM, &rules, NULL), ERR_OK);
	expect(&t, "{}", "");
	expect(&t, "{\"b\":\"x y\"}", "b+c=x+y");
	expect(&t, "{\"a\":1,\"b\":\"&\"}", "a=1&b+c=%26");
	template_deinit(&t);
}

static void a_header_is_a_line_or_left_out(void **state)
{
	struct template t = { 0 };

	(void)state;
	assert_int_equal(template_add_pair(&t, "X-Name", "${payload:/a|}", ESCAPE_HEADER, &rules, NULL), ERR_OK);
	expect(&t, "{}", "");
	expect(&t, "{\"a\":\"\"}", "X-Name: ");
	expect(&t, "{\"a\":\"v\"}", "X-Name: v");
	template_deinit(&t);
}

/* ---- JSON; single quotes stand for double ones ---- */

static const struct { const char *body, *json, *expected; } bodies[] = {
	{ "'${payload:}'", "{'a':[1.0,null]}", "{'a':[1.0,null]}" },
	{ "{'all':'${payload:}'}", "[1]", "{'all':[1]}" },
	{ "{'n':1.50,'t':true,'z':null,'e':{},'l':[]}", "{}", "{'n':1.50,'t':true,'z':null,'e':{},'l':[]}" },
	{ "{'v':'${payload:/v}'}", "{'v':123456789012345678901234567890.10}", "{'v':123456789012345678901234567890.10}" },
	{ "{'v':'${payload:/v}'}", "{'v':18446744073709551616}", "{'v':18446744073709551616}" },
	{ "{'v':'${payload:/v}'}", "{'v':{'a':[1,'x',null,1E+2]}}", "{'v':{'a':[1,'x',null,1E+2]}}" },
	{ "{'v':'${payload:/v}'}", "{'v':null}", "{'v':null}" },
	{ "{'v':'${payload:/v}'}", "{'v':'\\'},{'}", "{'v':'\\'},{'}" },
	{ "{'v':'no. ${payload:/v}'}", "{'v':7}", "{'v':'no. 7'}" },
	{ "{'v':' ${payload:/v}'}", "{'v':'\\'\\\\'}", "{'v':' \\'\\\\'}" },
	{ "{'v':'${payload:/v|5}'}", "{}", "{'v':'5'}" },
	{ "{'v':'${payload:/v|}','w':1}", "{}", "{'w':1}" },
	{ "{'w':1,'v':'${payload:/v|}'}", "{}", "{'w':1}" },
	{ "{'w':1,'v':'${payload:/v|}'}", "{'v':null}", "{'w':1,'v':null}" },
	{ "{'u':'${payload:/u|}','v':'${payload:/v|}'}", "{}", "{}" },
	{ "['${payload:/u|}',['${payload:/v|}','x'],'${job:request_id}']", "{}", "[['x'],'id-1']" },
	{ "{'v':'${payload:/v}'}", "{}", "! /v of the payload is not there" },
	{ "{'v':'a ${payload:/v}'}", "{'v':null}", "! /v of the payload is not there" },
	{ "{'a\\'b':'\\u0009\\\\'}", "{}", "{'a\\'b':'\\t\\\\'}" },
};

static char *quoted(const char *text)
{
	char *copy = mem_strdup(text);

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	return copy;
}

static struct template compile_json(const char *text, const struct template_rules *with, enum err expected, struct err_text *why)
{
	struct json_object *value;
	struct template t = { 0 };

	assert_int_equal(json_strict_parse(text, strlen(text), &JSON_LIMITS_DEFAULT, &value, NULL, 0, NULL), ERR_OK);
	assert_int_equal(template_add_json(&t, value, with, why), expected);
	json_object_put(value);
	return t;
}

static void json_keeps_types_and_digits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		char *body = quoted(bodies[i].body), *json = quoted(bodies[i].json), *expected = quoted(bodies[i].expected);
		struct template t = compile_json(body, &rules, ERR_OK, NULL);

		expect(&t, json, expected);
		template_deinit(&t);
		free(body);
		free(json);
		free(expected);
	}
}

/* ---- What is refused when it is compiled ---- */

static const struct { const char *text; enum template_escape escape; unsigned allowed; const char *message; } bad[] = {
	{ "${payload:/a", ESCAPE_NONE, ALL, "\"${\" without \"}\"" },
	{ "${payload:a}", ESCAPE_NONE, ALL, "${payload:a} takes a JSON Pointer: empty, or beginning with '/'" },
	{ "${payload:/a~2|x}", ESCAPE_NONE, ALL, "${payload:/a~2|x} takes a JSON Pointer, in which '~' is written ~0" },
	{ "${payload:/a|${job:request_id}}", ESCAPE_NONE, ALL, "\"${\" inside of ${...}" },
	{ "${payload}", ESCAPE_NONE, ALL, "${payload} is not known here" },
	{ "${job:payload}", ESCAPE_NONE, ALL, "${job:payload} is not known here" },
	{ "${time:s}", ESCAPE_NONE, REFER_BIT(REFER_TIME_MS), "${time:s} is not known here" },
	{ "${payload:/a}", ESCAPE_NONE, 0, "${payload:/a} is not known here" },
	{ "${request:signature}", ESCAPE_NONE, REFERS_TO_JOB | REFERS_TO_REQUEST, "${request:signature} is not known here" },
	{ "${request:body}", ESCAPE_NONE, REFERS_TO_JOB, "${request:body} is not known here" },
	{ "http://h/a b", ESCAPE_URL, ALL, "holds a character that must be percent-encoded" },
	{ "http://h/\xc3\xa9", ESCAPE_URL, ALL, "holds a character that must be percent-encoded" },
	{ "http://h/${payload:/a}#x", ESCAPE_URL, ALL, "has a fragment, which is never sent" },
	{ "a\nb", ESCAPE_HEADER, ALL, "holds a control character" },
	{ "${payload:/a|a\nb}", ESCAPE_HEADER, ALL, "the default of ${payload:/a} holds a control character" },
};

static void what_cannot_be_meant_is_refused(void **state)
{
	struct err_text why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct template_rules allowing = { bad[i].allowed, fixed, NULL };
		struct template t = { 0 };

		assert_int_equal(template_add(&t, bad[i].text, bad[i].escape, &allowing, &why), ERR_INVALID);
		assert_string_equal(why.text, bad[i].message);
		template_deinit(&t);
	}
}

static void names_hold_no_references(void **state)
{
	struct template t = { 0 }, json;
	struct err_text why;

	(void)state;
	assert_int_equal(template_add_pair(&t, "${payload:/a}", "x", ESCAPE_QUERY, &rules, &why), ERR_INVALID);
	assert_string_equal(why.text, "a name cannot hold a reference");
	template_deinit(&t);
	json = compile_json("{\"${payload:/a}\":1}", &rules, ERR_INVALID, &why);
	assert_string_equal(why.text, "a name cannot hold a reference");
	template_deinit(&json);
	json = compile_json("[\"\\u0000\"]", &rules, ERR_INVALID, &why);
	assert_string_equal(why.text, "a string holds a \\u0000");
	template_deinit(&json);
}

/* ---- Bounds ---- */

static void references_and_sizes_are_bounded(void **state)
{
	struct template_values values = values_of("{\"a\":\"0123456789\"}");
	struct template t = { 0 };
	struct err_text why;
	struct buffer out;

	(void)state;
	for (int i = 0; i < TEMPLATE_REFERENCES_MAX; i++)
		assert_int_equal(template_add(&t, "${payload:/a}", ESCAPE_NONE, &rules, &why), ERR_OK);
	buffer_init(&out, 10 * TEMPLATE_REFERENCES_MAX - 1);
	assert_int_equal(template_render(&t, &values, &out, &why), ERR_TOO_BIG);
	assert_string_equal(why.text, "is longer than 2559 bytes");
	buffer_deinit(&out);
	buffer_init(&out, 10 * TEMPLATE_REFERENCES_MAX);
	assert_int_equal(template_render(&t, &values, &out, &why), ERR_OK);
	buffer_deinit(&out);
	assert_int_equal(template_add(&t, "${payload:/a}", ESCAPE_NONE, &rules, &why), ERR_INVALID);
	assert_string_equal(why.text, "has more than 256 references");
	template_values_deinit(&values);
	template_deinit(&t);
}

static void a_payload_that_is_no_json_has_nothing(void **state)
{
	struct template t = { 0 };

	(void)state;
	assert_int_equal(template_add(&t, "${payload:/a}", ESCAPE_NONE, &rules, NULL), ERR_OK);
	expect(&t, "{\"a\":", "! /a of the payload is not there");
	template_deinit(&t);
}

/* ---- Dots ---- */

static void segments_of_dots_are_found_however_they_are_written(void **state)
{
	static const char *const with[] = { "http://h/..", "http://h/./x", "http://h/a/%2e%2E/x?q", "http://h/.%2e?", "http://h/%2E" };
	static const char *const without[] = { "http://h", "http://..", "http://h/...", "http://h/a..b", "http://h/.a/..%2F",
		"http://h/x?a=/../", "http://h//", "http://h/%2e%2" };

	(void)state;
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		assert_true(template_url_has_dots(with[i]));
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		assert_false(template_url_has_dots(without[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_stays_where_it_stands),
		cmocka_unit_test(no_value_of_one_byte_gets_out_of_its_segment),
		cmocka_unit_test(entries_are_separated_and_optional_ones_left_out),
		cmocka_unit_test(a_form_may_begin_with_what_is_left_out),
		cmocka_unit_test(a_header_is_a_line_or_left_out),
		cmocka_unit_test(json_keeps_types_and_digits),
		cmocka_unit_test(what_cannot_be_meant_is_refused),
		cmocka_unit_test(names_hold_no_references),
		cmocka_unit_test(references_and_sizes_are_bounded),
		cmocka_unit_test(a_payload_that_is_no_json_has_nothing),
		cmocka_unit_test(segments_of_dots_are_found_however_they_are_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
