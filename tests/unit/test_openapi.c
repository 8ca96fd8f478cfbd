/* The OpenAPI document against the table of routes: neither has a call that the other does not know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "../../fcgi/api.h"
#include "../support/vendor_text.h"
#include "json_strict.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 32 };

static struct json_object *document;

/* Of a system, and who asks it. */
struct asked {
	const char *prefix, *default_vendor;
	int64_t accept_status;
	struct client client;
	bool without_tokens;
};

static const char *const vendors[] = {
	"{'name':'one','aliases':['uno'],'mode':'sync','request':{'url':'http://h/'}}",
	"{'name':'two','mode':'sync','request':{'url':'http://h/'}}",
};

/* As it is answered. */
static struct json_object *ask(struct asked asked)
{
	struct err_text why = { "" };
	struct generation rules = { .set = vendor_texts_load(vendors, 2, &why) };
	struct api api = { .settings = { .default_vendor = (char *)(asked.default_vendor ? asked.default_vendor : ""),
	                                 .accept_status = asked.accept_status ? asked.accept_status : 202 } };
	struct request request = { .method = "GET", .query = "", .prefix = asked.prefix ? asked.prefix : "", .rules = &rules,
	                           .client = &asked.client, .clients = asked.without_tokens ? NULL : (struct clients *)&rules };
	struct json_object *parsed = NULL;
	struct reply reply;

	assert_non_null(rules.set);
	reply_init(&reply);
	openapi_get_route.handle(&api, &request, &reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.content_type, "application/json");
	if (json_strict_parse(reply.body, reply.body_len, &JSON_LIMITS_DEFAULT, &parsed, NULL, 0, &why) != ERR_OK)
		fail_msg("the document is no JSON: %s", why.text);
	reply_deinit(&reply);
	vendor_set_free(rules.set);
	return parsed;
}

static int load(void **state)
{
	(void)state;
	document = ask((struct asked){ .prefix = "" });
	return 0;
}

static int unload(void **state)
{
	(void)state;
	json_object_put(document);
	return 0;
}

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	return value;
}

static void lower(const char *method, char out[NAME_SIZE])
{
	size_t i;

	for (i = 0; method[i] && i + 1 < NAME_SIZE; i++)
		out[i] = (char)tolower((unsigned char)method[i]);
	out[i] = '\0';
}

static struct json_object *operation_of(const struct route *route)
{
	char method[NAME_SIZE];

	lower(route->method, method);
	return member(member(member(document, "paths"), route->pattern), method);
}

/* ---- Routes ---- */

static void every_route_is_in_the_document(void **state)
{
	(void)state;
	for (const struct route *const *route = api_routes; *route; route++)
		if (!operation_of(*route))
			fail_msg("%s %s is not in fcgi/openapi.json", (*route)->method, (*route)->pattern);
}

static bool is_answered(const char *path, const char *method)
{
	char name[NAME_SIZE];

	for (const struct route *const *route = api_routes; *route; route++) {
		if (strcmp((*route)->pattern, path) != 0)
			continue;
		lower((*route)->method, name);
		if (strcmp(name, method) == 0 || strcmp(method, "options") == 0 ||
		    (strcmp(name, "get") == 0 && strcmp(method, "head") == 0))
			return true;
	}
	return false;
}

static bool is_operation(const char *name)
{
	static const char *const methods[] = { "get", "put", "post", "delete", "options", "head", "patch", "trace" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(name, methods[i]) == 0)
			return true;
	return false;
}

static void everything_in_the_document_has_a_route(void **state)
{
	(void)state;
	json_object_object_foreach(member(document, "paths"), path, item) {
		json_object_object_foreach(item, name, operation) {
			(void)operation;
			if (is_operation(name) && !is_answered(path, name))
				fail_msg("%s %s of fcgi/openapi.json has no route", name, path);
		}
	}
}

static void head_and_options_follow_from_the_routes(void **state)
{
	(void)state;
	for (const struct route *const *route = api_routes; *route; route++) {
		struct json_object *item = member(member(document, "paths"), (*route)->pattern);

		assert_non_null(member(item, "options"));
		assert_true(!member(item, "get") == !member(item, "head"));
	}
}

static void bodies_are_where_routes_take_them(void **state)
{
	(void)state;
	for (const struct route *const *route = api_routes; *route; route++)
		assert_true((*route)->takes_body == !!member(operation_of(*route), "requestBody"));
}

/* ---- Who may call ---- */

static bool names_role(struct json_object *operation, const char *role)
{
	struct json_object *all = member(operation, "security");

	for (size_t i = 0; all && i < json_object_array_length(all); i++) {
		struct json_object *roles = member(json_object_array_get_idx(all, i), "token");

		if (roles && json_object_array_length(roles) == 1 &&
		    strcmp(json_object_get_string(json_object_array_get_idx(roles, 0)), role) == 0)
			return true;
	}
	return false;
}

static void scopes_are_those_of_the_routes(void **state)
{
	static const struct { unsigned scope; const char *role; } roles[] = {
		{ SCOPE_SUBMIT, "submit" }, { SCOPE_READ, "read" }, { SCOPE_ADMIN, "admin" },
	};

	(void)state;
	for (const struct route *const *route = api_routes; *route; route++) {
		struct json_object *operation = operation_of(*route);

		/* Who may read gets more of /health, and nobody is refused. */
		assert_true(!(*route)->scope == !member(member(operation, "responses"), "403"));
		for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
			if (((*route)->scope & roles[i].scope) && !names_role(operation, roles[i].role))
				fail_msg("%s %s needs the scope %s", (*route)->method, (*route)->pattern, roles[i].role);
	}
}

/* ---- The document itself ---- */

static void it_is_of_this_version(void **state)
{
	(void)state;
	assert_string_equal(json_object_get_string(member(member(document, "info"), "version")), PACKAGE_VERSION);
}

static void behind_a_prefix_it_says_so(void **state)
{
	struct json_object *other = ask((struct asked){ .prefix = "/api/v1" }), *servers = member(other, "servers");

	(void)state;
	assert_null(member(document, "servers"));
	assert_string_equal(json_object_get_string(member(json_object_array_get_idx(servers, 0), "url")), "/api/v1");
	json_object_object_del(other, "servers");
	assert_true(json_object_equal(other, document));
	json_object_put(other);
}

/* ---- What holds here, for who asks ---- */

static const char *text_at(struct json_object *in, const char *pointer)
{
	struct json_object *found = NULL;

	return json_at(in, pointer, &found) ? json_object_to_json_string_ext(found, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE) : "nothing";
}

static void tokens_are_asked_for_where_there_are_some(void **state)
{
	struct json_object *open = ask((struct asked){ .without_tokens = true });

	(void)state;
	assert_string_equal(text_at(document, "/paths/~1jobs/post/security"), "[{\"token\":[\"submit\"]}]");
	assert_string_equal(text_at(document, "/paths/~1health/get/security"), "[{},{\"token\":[\"read\"]}]");
	json_object_object_foreach(member(open, "paths"), path, item) {
		json_object_object_foreach(item, name, operation) {
			if (is_operation(name) && json_object_array_length(member(operation, "security")) != 0)
				fail_msg("%s %s asks for a token", name, path);
		}
	}
	json_object_put(open);
}

static void jobs_are_taken_with_the_status_of_the_setting(void **state)
{
	struct json_object *other = ask((struct asked){ .accept_status = 201 });

	(void)state;
	for (int status = 200; status <= 202; status++) {
		char pointer[64];

		snprintf(pointer, sizeof(pointer), "/paths/~1jobs/post/responses/%d", status);
		assert_true((strcmp(text_at(document, pointer), "nothing") != 0) == (status == 202));
		assert_true((strcmp(text_at(other, pointer), "nothing") != 0) == (status == 201));
	}
	json_object_put(other);
}

static void who_may_post_jobs_finds_the_vendors(void **state)
{
	static const struct { unsigned scopes; const char *only, *schema; } rows[] = {
		{ SCOPE_SUBMIT, NULL, "{\"enum\":[\"one\",\"uno\",\"two\"]}" },
		{ SCOPES_ALL, "two", "{\"enum\":[\"two\"]}" },
		{ SCOPE_SUBMIT, "gone", "{\"$ref\":\"#/components/schemas/VendorName\"}" },
		{ SCOPE_READ, NULL, "{\"$ref\":\"#/components/schemas/VendorName\"}" },
		{ 0, NULL, "{\"$ref\":\"#/components/schemas/VendorName\"}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *only[] = { (char *)rows[i].only, NULL };
		struct json_object *shown = ask((struct asked){ .client = { .scopes = rows[i].scopes, .vendors = rows[i].only ? only : NULL } });

		assert_string_equal(text_at(shown, "/components/schemas/JobRequest/properties/vendor"), rows[i].schema);
		json_object_put(shown);
	}
}

static void a_vendor_is_asked_for_where_there_is_no_other_way_to_one(void **state)
{
	struct json_object *other = ask((struct asked){ .default_vendor = "one" });

	(void)state;
	assert_string_equal(text_at(document, "/components/schemas/JobRequest/required"), "[\"vendor\"]");
	assert_string_equal(text_at(other, "/components/schemas/JobRequest/required"), "nothing");
	json_object_put(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_in_the_document),
		cmocka_unit_test(everything_in_the_document_has_a_route),
		cmocka_unit_test(head_and_options_follow_from_the_routes),
		cmocka_unit_test(bodies_are_where_routes_take_them),
		cmocka_unit_test(scopes_are_those_of_the_routes),
		cmocka_unit_test(it_is_of_this_version),
		cmocka_unit_test(behind_a_prefix_it_says_so),
		cmocka_unit_test(tokens_are_asked_for_where_there_are_some),
		cmocka_unit_test(jobs_are_taken_with_the_status_of_the_setting),
		cmocka_unit_test(who_may_post_jobs_finds_the_vendors),
		cmocka_unit_test(a_vendor_is_asked_for_where_there_is_no_other_way_to_one),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
