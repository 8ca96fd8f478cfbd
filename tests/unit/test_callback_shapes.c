/* What callbacks look like: where they say which job, what came of it, and what the result is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "callback_body.h"
#include "json_strict.h"
#include "outcome.h"
#include "../support/one_vendor.h"

#define OURS "0192d3a0-0000-7000-8000-000000000001"
#define OTHERS "7c9e6679-7425-40de-944b-e07fc1f90ae7"

static struct json_object *parsed(const char *text)
{
	struct json_object *body;

	assert_int_equal(json_strict_parse(text, strlen(text), &JSON_LIMITS_DEFAULT, &body, NULL, 0, NULL), ERR_OK);
	return body;
}

/* ---- Which job ---- */

static const struct { const char *members, *header, *body, *id; } ids[] = {
	/* What vendors usually write, without a word in the file. */
	{ "", NULL, "{\"request_id\":\"" OURS "\",\"result\":1}", OURS },
	{ "", NULL, "{\"requestId\":\"" OURS "\",\"status\":\"ok\",\"data\":1}", OURS },
	{ "", NULL, "{\"job_id\":\"" OURS "\"}", OURS },
	{ "", NULL, "{\"jobId\":\"" OURS "\"}", OURS },
	{ "", NULL, "{\"id\":17}", "17" },
	{ "", NULL, "{\"data\":1}", NULL },
	{ "", NULL, "[1]", NULL },
	/* In this order; but an id of ours before any of theirs. */
	{ "", NULL, "{\"id\":\"evt-1\",\"jobId\":\"j-2\",\"job_id\":\"j-1\"}", "j-1" },
	{ "", NULL, "{\"request_id\":\"r-9\",\"jobId\":\"" OURS "\"}", OURS },
	{ "", NULL, "{\"job_id\":\"j-1\",\"id\":\"" OTHERS "\"}", "j-1" },
	{ "", NULL, "{\"request_id\":\"\",\"job_id\":null,\"jobId\":\"j-2\"}", "j-2" },
	{ "", NULL, "{\"request_id\":{\"a\":1},\"id\":\"x\"}", "x" },
	/* An id with U+0000 in it is not the one that it begins with. */
	{ "", NULL, "{\"request_id\":\"" OURS "\\u0000\"}", NULL },
	{ "", NULL, "{\"request_id\":\"" OURS "\\u0000\",\"id\":\"x\"}", "x" },
	/* As the file says. */
	{ "'callback':{'job_id':'/meta/ref'}", NULL, "{\"request_id\":\"r\",\"meta\":{\"ref\":\"m\"}}", "m" },
	{ "'callback':{'job_id':'/meta/ref'}", NULL, "{\"request_id\":\"r\"}", NULL },
	{ "'callback':{'job_id':['/a','/b']}", NULL, "{\"b\":\"2\",\"a\":\"1\"}", "1" },
	{ "'callback':{'job_id':['/a','/b']}", NULL, "{\"b\":\"2\"}", "2" },
	{ "'callback':{'job_id_header':'X-Job'}", "h-1", "{\"request_id\":\"" OURS "\"}", "h-1" },
	{ "'callback':{'job_id_header':'X-Job'}", NULL, "{\"request_id\":\"r\"}", "r" },
	{ "'callback':{'job_id_header':'X-Job'}", "", "{\"request_id\":\"r\"}", "r" },
	{ "'callback':{'job_id_header':'X-Job'}", "a\xff", "{\"request_id\":\"r\"}", "r" },
};

static void the_id_is_looked_for_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct vendor_set *set = one_vendor("async", ids[i].members);
		struct json_object *body = parsed(ids[i].body);
		const char *id = callback_body_job_id(vendor_at(set, 0), ids[i].header, body);

		if (!id || !ids[i].id)
			assert_ptr_equal(id, ids[i].id);
		else
			assert_string_equal(id, ids[i].id);
		json_object_put(body);
		vendor_set_free(set);
	}
}

/* ---- What came of it ---- */

static const char neither[] = "neither";

static const struct { const char *members, *body, *result, *error; } outcomes[] = {
	{ "", "{\"request_id\":\"r\",\"result\":{\"a\":1}}", "{\"a\":1}", NULL },
	{ "", "{\"request_id\":\"r\",\"data\":{\"a\":1},\"status\":\"complete\"}", "{\"a\":1}", NULL },
	{ "", "{\"request_id\":\"r\",\"data\":{\"a\":1},\"status\":\"FAILED\"}", NULL, "vendor called back with status \"FAILED\"" },
	{ "", "{\"requestId\":\"r\",\"status\":\"failure\",\"data\":null}", NULL, "vendor called back with status \"failure\"" },
	{ "", "{\"requestId\":\"r\",\"status\":200,\"data\":[]}", "[]", NULL },
	{ "", "{\"request_id\":\"r\",\"success\":false,\"error\":\"no such\"}", NULL, "vendor called back with an error: no such" },
	{ "", "{\"request_id\":\"r\",\"success\":false,\"error\":null}", NULL, "vendor called back without success" },
	{ "", "{\"request_id\":\"r\",\"success\":false,\"data\":{}}", NULL, "vendor called back without success" },
	{ "", "{\"request_id\":\"r\",\"success\":true,\"error\":null}", "null", NULL },
	{ "", "{\"request_id\":\"r\",\"success\":true,\"data\":5}", "5", NULL },
	{ "", "{\"job_id\":\"j\",\"data\":null,\"result\":6}", "6", NULL },
	{ "", "{\"job_id\":\"j\",\"data\":7,\"result\":6}", "7", NULL },
	{ "", "{\"job_id\":\"j\",\"result\":null}", "null", NULL },
	{ "", "{\"job_id\":\"j\",\"success\":\"yes\"}", neither, NULL },
	{ "", "{\"job_id\":\"j\",\"status\":\"failed\\u0000\",\"data\":1}", "1", NULL },
	{ "", "{\"job_id\":\"j\",\"error\":\"\\u0000no such\"}", NULL, "vendor called back with an error: \"\\u0000no such\"" },
	{ "", "{\"job_id\":\"j\",\"status\":\"done\"}", neither, NULL },
	{ "", "{\"job_id\":\"j\"}", neither, NULL },
	/* As the file says. */
	{ "'callback':{'result':'/out'}", "{\"data\":1,\"out\":2}", "2", NULL },
	{ "'callback':{'result':'/out'}", "{\"data\":1}", neither, NULL },
	{ "'callback':{'result':['/out','']}", "{\"a\":1}", "{\"a\":1}", NULL },
	{ "'callback':{'status':'/state/code','failed_values':['KO','12']}", "{\"state\":{\"code\":12},\"data\":1}", NULL,
	  "vendor called back with status \"12\"" },
	{ "'callback':{'failed_values':[]}", "{\"status\":\"failed\",\"data\":1}", "1", NULL },
	{ "'callback':{'success':'','error':''}", "{\"success\":false,\"error\":\"e\",\"data\":1}", "1", NULL },
	{ "'callback':{'verdicts':[{'where':'/state','equals':'later','verdict':'retry'}]}", "{\"state\":\"later\",\"error\":\"busy\"}", NULL,
	  "vendor called back with a failure that may pass: busy (callback/verdicts/0)" },
	{ "'callback':{'success':'/ok'}", "{\"ok\":false,\"data\":1}", NULL, "vendor called back without success" },
};

/* A vendor that tells of every step; the first rule that holds counts. */
static const struct { const char *body; bool is_no_news; } steps[] = {
	{ "{\"type\":\"created\"}", true },
	{ "{\"type\":\"reviewed\",\"answer\":\"again\"}", true },
	{ "{\"type\":\"reviewed\",\"answer\":\"yes\"}", false },
	{ "{\"answer\":\"yes\"}", false },
	{ "[]", false },
};

static void what_the_file_ignores_is_no_news(void **state)
{
	struct vendor_set *set = one_vendor("async", "'callback':{'verdicts':[{'where':'/answer','equals':'again','verdict':'ignore'},"
	                                             "{'where':'/type','equals':'reviewed','verdict':'success'},"
	                                             "{'where':'/type','exists':true,'verdict':'ignore'}]}");

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct json_object *body = parsed(steps[i].body);

		assert_int_equal(callback_body_is_no_news(vendor_at(set, 0), body), steps[i].is_no_news);
		json_object_put(body);
	}
	vendor_set_free(set);
}

static void usual_shapes_are_understood_and_others_by_the_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		struct vendor_set *set = one_vendor("async", outcomes[i].members);
		struct json_object *body = parsed(outcomes[i].body);
		struct outcome outcome;
		struct err_text why;
		enum err err = outcome_of_callback(vendor_at(set, 0), body, &outcome, &why);

		assert_int_equal(err, outcomes[i].result == neither ? ERR_INVALID : ERR_OK);
		if (err == ERR_OK)
			assert_string_equal(outcome.result ? outcome.result : outcome.error,
			                    outcomes[i].result ? outcomes[i].result : outcomes[i].error);
		if (err == ERR_OK)
			assert_int_equal(outcome.kind, outcomes[i].result ? OUTCOME_COMPLETE :
			                 strstr(outcome.error, "may pass") ? OUTCOME_RETRY : OUTCOME_FAILED);
		outcome_deinit(&outcome);
		json_object_put(body);
		vendor_set_free(set);
	}
}

static const struct { const char *callback, *message; } bad[] = {
	{ "'job_id':[]", "callback/job_id: must be a string, or an array of one or more" },
	{ "'job_id':5", "callback/job_id: must be a string, or an array of one or more" },
	{ "'job_id':['/a','b']", "callback/job_id: must be a JSON Pointer: empty, or beginning with '/'" },
	{ "'result':[1]", "callback/result: must be a string" },
	{ "'job_id':['','','','','','','','','','','','','','','','','']", "callback/job_id: has more than 16 entries" },
	{ "'job_id_header':'X Job'", "callback/job_id_header: is not a header name" },
	{ "'failed_values':['']", "callback/failed_values: is empty" },
	{ "'failed_values':'failed'", "callback/failed_values: must be an array of strings" },
	{ "'success':true", "callback/success: must be a string" },
};

static void bad_places_are_named_with_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *members = mem_printf("'callback':{%s}", bad[i].callback);

		one_vendor_refused("async", members, bad[i].message);
		free(members);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_id_is_looked_for_in_order),
		cmocka_unit_test(what_the_file_ignores_is_no_news),
		cmocka_unit_test(usual_shapes_are_understood_and_others_by_the_file),
		cmocka_unit_test(bad_places_are_named_with_the_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
