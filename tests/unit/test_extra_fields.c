#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../fcgi/extra_fields.h"
#include "buffer.h"

static void assert_adds(const char *setting, const char *answer, const char *expected)
{
	struct extra_fields *fields;
	size_t len = strlen(answer);
	struct err_text why;
	char *sent;

	if (extra_fields_new(setting, &fields, &why) != ERR_OK)
		fail_msg("%s: %s", setting, why.text);
	sent = extra_fields_add(fields, strdup(answer), &len);
	assert_string_equal(sent, expected);
	assert_int_equal(len, strlen(expected));
	free(sent);
	extra_fields_free(fields);
}

static void without_any_the_answer_stays(void **state)
{
	(void)state;
	assert_adds("", "{\"request_id\":\"x\",\"status\":\"pending\"}\n", "{\"request_id\":\"x\",\"status\":\"pending\"}\n");
	assert_adds("result=data", "{\"request_id\":\"x\"}\n", "{\"request_id\":\"x\"}\n");
}

static void each_name_has_the_whole_value(void **state)
{
	(void)state;
	assert_adds("request_id=requestId,jobId;result=data",
	            "{\"request_id\":\"x\",\"result\":{\"data\":[1,{\"result\":\"}\"}]},\"attempts\":1}\n",
	            "{\"request_id\":\"x\",\"result\":{\"data\":[1,{\"result\":\"}\"}]},\"attempts\":1,"
	            "\"requestId\":\"x\",\"jobId\":\"x\",\"data\":{\"data\":[1,{\"result\":\"}\"}]}}\n");
	assert_adds("attempts=tries", "{\"attempts\":12}\n", "{\"attempts\":12,\"tries\":12}\n");
	assert_adds("result=x", "{\"result\":null}\n", "{\"result\":null,\"x\":null}\n");
}

static void members_of_results_are_left_alone(void **state)
{
	(void)state;
	assert_adds("status=state", "{\"result\":{\"status\":1}}\n", "{\"result\":{\"status\":1}}\n");
}

static void the_longest_names_for_the_longest_value_fit(void **state)
{
	struct buffer setting, answer, expected;

	(void)state;
	buffer_init(&setting, 2000);
	buffer_init(&answer, 2000);
	buffer_init(&expected, 20000);
	buffer_append_str(&setting, "result=");
	buffer_printf(&answer, "{\"result\":1%0400d}\n", 0);
	buffer_append(&expected, answer.data, answer.len - 2);
	for (int i = 0; i < 16; i++) {
		buffer_printf(&setting, "%sn%063d", i ? "," : "", i);
		buffer_printf(&expected, ",\"n%063d\":1%0400d", i, 0);
	}
	buffer_append_str(&expected, "}\n");
	assert_adds(setting.data, answer.data, expected.data);
	buffer_deinit(&setting);
	buffer_deinit(&answer);
	buffer_deinit(&expected);
}

static void what_is_no_answer_goes_as_it_is(void **state)
{
	(void)state;
	assert_adds("result=data", "", "");
	assert_adds("result=data", "{\"result\":1}", "{\"result\":1}");
	assert_adds("result=data", "\n", "\n");
}

static void bad_settings_are_named(void **state)
{
	static const struct { const char *setting, *reason; } bad[] = {
		{ "requestId", "\"requestId\" is not like member=name,name" },
		{ "result=data;", "\"\" is not like member=name,name" },
		{ "results=data", "answers have no member \"results\"" },
		{ "=data", "answers have no member \"\"" },
		{ "result=", "\"\" is no name of 1 to 64 letters, digits, '_', '.' and '-'" },
		{ "result=data,", "\"\" is no name of 1 to 64 letters, digits, '_', '.' and '-'" },
		{ "result=da\"ta", "\"da\"ta\" is no name of 1 to 64 letters, digits, '_', '.' and '-'" },
		{ "result=1st", "\"1st\" is no name of 1 to 64 letters, digits, '_', '.' and '-'" },
		{ "result=data,x,data", "the name \"data\" is there twice" },
		{ "result=data;error=data", "the name \"data\" is there twice" },
		{ "result=status", "the name \"status\" is there twice" },
		{ "result=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "more than 16 names" },
	};
	struct extra_fields *fields;
	struct err_text why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(extra_fields_new(bad[i].setting, &fields, &why), ERR_INVALID);
		assert_string_equal(why.text, bad[i].reason);
		assert_null(fields);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_any_the_answer_stays),
		cmocka_unit_test(each_name_has_the_whole_value),
		cmocka_unit_test(members_of_results_are_left_alone),
		cmocka_unit_test(the_longest_names_for_the_longest_value_fit),
		cmocka_unit_test(what_is_no_answer_goes_as_it_is),
		cmocka_unit_test(bad_settings_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
