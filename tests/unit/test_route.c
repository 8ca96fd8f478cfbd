#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../fcgi/route.h"

#include <stdlib.h>
#include <string.h>

static void nothing(struct api *api, const struct request *request, struct reply *reply)
{
	(void)api, (void)request, (void)reply;
}

static const struct route post_things = { "POST", "/things", true, nothing, 0 };
static const struct route get_things = { "GET", "/things", false, nothing, 0 };
static const struct route get_thing = { "GET", "/things/{id}", false, nothing, 0 };
static const struct route get_part = { "GET", "/things/{id}/parts/{part}", false, nothing, 0 };
static const struct route *const table[] = { &post_things, &get_things, &get_thing, &get_part, NULL };

static struct request request;
static struct reply reply;

static int begin(void **state)
{
	(void)state;
	memset(&request, 0, sizeof(request));
	reply_init(&reply);
	return 0;
}

static int end(void **state)
{
	(void)state;
	reply_deinit(&reply);
	return 0;
}

static const struct route *find_with(const char *prefix, const char *method, const char *target)
{
	struct err_text why;

	request.method = method;
	assert_int_equal(request_set_target(&request, target, &why), ERR_OK);
	return route_find(table, prefix, &request, &reply);
}

static const struct route *find(const char *method, const char *target) { return find_with("", method, target); }

/* ---- Routes ---- */

static void finds_by_method_and_path(void **state)
{
	(void)state;
	assert_ptr_equal(find("POST", "/things"), &post_things);
	assert_string_equal(request.prefix, "");
	assert_ptr_equal(find("GET", "/things?x=1"), &get_things);
	assert_ptr_equal(find("GET", "/things/7"), &get_thing);
	assert_string_equal(request.params[0], "7");
}

static void keeps_several_params_apart(void **state)
{
	(void)state;
	assert_ptr_equal(find("GET", "/things/a%20b/parts/c"), &get_part);
	assert_string_equal(request.params[0], "a b");
	assert_string_equal(request.params[1], "c");
}

static void head_goes_where_get_goes(void **state)
{
	(void)state;
	assert_ptr_equal(find("HEAD", "/things/7"), &get_thing);
}

static void unknown_paths_are_404(void **state)
{
	static const char *const targets[] = { "/", "/thing", "/things/", "/things//", "/things/7/", "/things/7/parts", "/thingsx",
	                                       "/things/7/parts/", "/things/1/parts/2/3", "//things", "/THINGS" };

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		assert_null(find("GET", targets[i]));
		assert_int_equal(reply.status, 404);
	}
}

static void other_methods_are_405_with_allow(void **state)
{
	(void)state;
	assert_null(find("DELETE", "/things"));
	assert_int_equal(reply.status, 405);
	assert_string_equal(reply.headers.data, "Allow: POST, GET, HEAD, OPTIONS\r\n");
}

static void methods_are_case_sensitive(void **state)
{
	(void)state;
	assert_null(find("get", "/things"));
	assert_int_equal(reply.status, 405);
}

static void options_is_204_with_allow(void **state)
{
	(void)state;
	assert_null(find("OPTIONS", "/things/7"));
	assert_int_equal(reply.status, 204);
	assert_string_equal(reply.headers.data, "Allow: GET, HEAD, OPTIONS\r\n");
	assert_null(reply.body);
}

static void a_prefix_is_one_more_way_to_every_path(void **state)
{
	(void)state;
	assert_ptr_equal(find_with("/api/v1", "POST", "/api/v1/things"), &post_things);
	assert_string_equal(request.prefix, "/api/v1");
	assert_ptr_equal(find_with("/api/v1", "GET", "/%61pi/v1/things/7?x=1"), &get_thing);
	assert_string_equal(request.params[0], "7");
	assert_ptr_equal(find_with("/api/v1", "GET", "/things/7/parts/api"), &get_part);
	assert_string_equal(request.prefix, "");
}

static void what_only_looks_like_the_prefix_is_404(void **state)
{
	static const char *const targets[] = { "/api/v1", "/api/v1/", "/api/v1things", "/api/v11/things", "/api/things",
	                                       "/API/v1/things", "/api/v1/api/v1/things", "/api/v1//things", "/things/api/v1" };

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		assert_null(find_with("/api/v1", "GET", targets[i]));
		assert_int_equal(reply.status, 404);
	}
}

static void a_prefix_that_begins_as_a_path_does_clashes(void **state)
{
	(void)state;
	assert_true(route_prefix_clashes(table, "/things"));
	assert_true(route_prefix_clashes(table, "/things/v1"));
	assert_false(route_prefix_clashes(table, "/thing"));
	assert_false(route_prefix_clashes(table, "/things2"));
	assert_false(route_prefix_clashes(table, "/api/things"));
	assert_false(route_prefix_clashes(table, ""));
}

/* ---- The request's target ---- */

static enum err set_target(const char *target)
{
	struct err_text why;

	return request_set_target(&request, target, &why);
}

static void decodes_the_path_but_not_the_query(void **state)
{
	(void)state;
	assert_int_equal(set_target("/a%62c/%7e?d=%65&f"), ERR_OK);
	assert_string_equal(request.path, "/abc/~");
	assert_string_equal(request.query, "d=%65&f");
}

static void refuses_what_is_no_path(void **state)
{
	static const char *const bad[] = { "", "jobs", "*", "http://host/jobs", "/%", "/%4", "/%zz", "/a%2", "/a%00b", "/a%2fb", "/a%2Fb",
	                                   "/a\nb", "/a%0ab", "/%7f" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(set_target(bad[i]), ERR_INVALID);
}

static void refuses_a_path_that_is_too_long(void **state)
{
	char target[REQUEST_PATH_MAX + 2];

	(void)state;
	memset(target, 'a', sizeof(target));
	target[0] = '/';
	target[REQUEST_PATH_MAX + 1] = '\0';
	assert_int_equal(set_target(target), ERR_TOO_BIG);
	target[REQUEST_PATH_MAX] = '\0';
	assert_int_equal(set_target(target), ERR_OK);
}

static void reads_query_values(void **state)
{
	char value[REQUEST_QUERY_VALUE_SIZE];

	(void)state;
	assert_int_equal(set_target("/x?a=1&token=3.ab%2Dcd&&id=&a=2&bad=%"), ERR_OK);
	assert_int_equal(request_query(&request, "token", value), ERR_OK);
	assert_string_equal(value, "3.ab-cd");
	assert_int_equal(request_query(&request, "id", value), ERR_OK);
	assert_string_equal(value, "");
	assert_int_equal(request_query(&request, "tok", value), ERR_NOT_FOUND);
	assert_int_equal(request_query(&request, "bad", value), ERR_INVALID);
}

static void a_query_value_that_is_there_twice_is_none(void **state)
{
	char value[REQUEST_QUERY_VALUE_SIZE];

	(void)state;
	assert_int_equal(set_target("/x?a=1&b=2&a=2&c=3&c=3"), ERR_OK);
	assert_int_equal(request_query(&request, "a", value), ERR_INVALID);
	assert_int_equal(request_query(&request, "b", value), ERR_OK);
	assert_int_equal(request_query(&request, "c", value), ERR_INVALID);
}

static void a_query_value_that_is_too_long_is_none(void **state)
{
	char target[REQUEST_QUERY_VALUE_SIZE + 5], value[REQUEST_QUERY_VALUE_SIZE];

	(void)state;
	memset(target, 'a', sizeof(target));
	memcpy(target, "/?b=", 4);
	target[REQUEST_QUERY_VALUE_SIZE + 4] = '\0';
	assert_int_equal(set_target(target), ERR_OK);
	assert_int_equal(request_query(&request, "b", value), ERR_INVALID);
	target[REQUEST_QUERY_VALUE_SIZE + 3] = '\0';
	assert_int_equal(set_target(target), ERR_OK);
	assert_int_equal(request_query(&request, "b", value), ERR_OK);
}

/* ---- Problems ---- */

static void a_problem_names_the_place(void **state)
{
	(void)state;
	reply_problem_at(&reply, 422, "/a\"b", "bad %s", "\"x\"");
	assert_int_equal(reply.status, 422);
	assert_string_equal(reply.body, "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,"
	                                "\"detail\":\"bad \\\"x\\\"\",\"errors\":[{\"detail\":\"bad \\\"x\\\"\",\"pointer\":\"/a\\\"b\"}]}\n");
	assert_int_equal(reply.body_len, strlen(reply.body));
}

static void a_long_detail_is_not_cut_within_a_character(void **state)
{
	char text[2048];

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x82\xac", 4);
	for (size_t shift = 0; shift < 3; shift++) {
		reply_problem(&reply, 400, "%.*s%s", (int)shift, "ab", text);
		assert_non_null(strstr(reply.body, "\xe2\x82\xac\"}"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_by_method_and_path, begin, end),
		cmocka_unit_test_setup_teardown(keeps_several_params_apart, begin, end),
		cmocka_unit_test_setup_teardown(head_goes_where_get_goes, begin, end),
		cmocka_unit_test_setup_teardown(unknown_paths_are_404, begin, end),
		cmocka_unit_test_setup_teardown(other_methods_are_405_with_allow, begin, end),
		cmocka_unit_test_setup_teardown(methods_are_case_sensitive, begin, end),
		cmocka_unit_test_setup_teardown(options_is_204_with_allow, begin, end),
		cmocka_unit_test_setup_teardown(a_prefix_is_one_more_way_to_every_path, begin, end),
		cmocka_unit_test_setup_teardown(what_only_looks_like_the_prefix_is_404, begin, end),
		cmocka_unit_test_setup_teardown(a_prefix_that_begins_as_a_path_does_clashes, begin, end),
		cmocka_unit_test_setup_teardown(decodes_the_path_but_not_the_query, begin, end),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_path, begin, end),
		cmocka_unit_test_setup_teardown(refuses_a_path_that_is_too_long, begin, end),
		cmocka_unit_test_setup_teardown(reads_query_values, begin, end),
		cmocka_unit_test_setup_teardown(a_query_value_that_is_there_twice_is_none, begin, end),
		cmocka_unit_test_setup_teardown(a_query_value_that_is_too_long_is_none, begin, end),
		cmocka_unit_test_setup_teardown(a_problem_names_the_place, begin, end),
		cmocka_unit_test_setup_teardown(a_long_detail_is_not_cut_within_a_character, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
