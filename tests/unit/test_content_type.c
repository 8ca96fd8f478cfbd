#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../fcgi/content_type.h"

static const char *const json[] = {
	"application/json", "Application/JSON", " application/json\t", "application/json;charset=utf-8",
	"application/json; charset=UTF-8", "application/json ; charset=\"utf-8\"", "application/json; charset=utf8",
	"application/json; q=1; Charset=utf-8; x=\"a;b\"", "application/json;", "application/json; ; charset=utf-8",
	"application/json; xcharset=latin-1", "application/problem+json", "application/vnd.api+json; charset=utf-8", "text/x+JSON",
	"application/json; profile=\"http://h/charset=latin-1\"",
};

static const char *const other[] = {
	"", " ", "json", "/json", "application/", "application", "+json", "application/+json", "/x+json", "application/jsonx",
	"application/xjson", "application/json+xml", "application/json/x", "text/json", "text/plain", "*/*",
	"application/x-www-form-urlencoded", "application/json, text/plain", "application/json application/json",
	"application/json; charset", "application/json; charset=", "application/json; =utf-8", "application/json; charset=latin-1",
	"application/json; charset=utf-16", "application/json; charset=utf-8x", "application/json; charset=\"utf-8",
	"application/json; charset=\"utf-8\"x", "application/json; charset=utf-8; charset=latin-1", "application/json; charset = utf-8",
	"application/json\x01", "application /json", "multipart/form-data; boundary=x", "application/json;charset=utf-8,",
};

static void json_in_utf_8_has_many_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++)
		if (!content_type_is_json(json[i]))
			fail_msg("refused: %s", json[i]);
}

static void everything_else_is_something_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (content_type_is_json(other[i]))
			fail_msg("taken: %s", other[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_in_utf_8_has_many_names),
		cmocka_unit_test(everything_else_is_something_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
