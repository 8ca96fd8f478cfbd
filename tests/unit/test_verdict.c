/* What the rules of a vendor file make of answers and callbacks: what becomes of the job, and of the breaker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "json_strict.h"
#include "outcome.h"
#include "../support/one_vendor.h"

static const int64_t NOW = INT64_C(1800000000000);

static struct outcome decide(const struct vendor *vendor, int status, const char *body, int64_t retry_after_ms)
{
	struct job job = { .request_id = "0198c0de-0000-7000-8000-000000000001", .phase = PHASE_CALLING, .fence = 1,
	                   .deadline_at = NOW + 86400000 };
	struct answer answer = { .transport = TRANSPORT_ANSWERED, .http_status = status, .body = body,
	                         .body_len = strlen(body), .retry_after_ms = retry_after_ms, .sent_at = NOW };
	struct outcome outcome;

	outcome_of_answer(vendor, &job, &answer, NOW, 0, &outcome);
	/* Who cannot wait for the outcome knows of no hold that only the body tells. */
	if (outcome_hold_ms(vendor, &answer) != 0 || outcome.kind != OUTCOME_RETURNED)
		assert_int_equal(outcome_hold_ms(vendor, &answer), outcome.hold_ms);
	return outcome;
}

/* ---- Single rules ---- */

/* Does a rule of these members hold? It says no_data, which nothing else leads to. */
static const struct { const char *rule; int status; const char *body; bool holds; } rules[] = {
	{ "", 200, "{}", true },
	{ "", 404, "<html>", true },
	{ "'statuses':[404],", 404, "", true },
	{ "'statuses':[404],", 405, "", false },
	{ "'statuses':[404,'500-502'],", 500, "", true },
	{ "'statuses':[404,'500-502'],", 502, "", true },
	{ "'statuses':[404,'500-502'],", 503, "", false },
	{ "'where':'/status','equals':'none',", 200, "{\"status\":\"none\"}", true },
	{ "'where':'/status','equals':'none',", 200, "{\"status\":\"None\"}", false },
	{ "'where':'/status','equals':'none',", 200, "{}", false },
	{ "'where':'/status','equals':'none',", 200, "not JSON", false },
	{ "'where':'','equals':'none',", 200, "\"none\"", true },
	{ "'where':'/a/b~1c','equals':true,", 200, "{\"a\":{\"b/c\":true}}", true },
	{ "'where':'/a','equals':true,", 200, "{\"a\":\"true\"}", false },
	{ "'where':'/a','equals':null,", 200, "{\"a\":null}", true },
	{ "'where':'/a','equals':null,", 200, "{}", false },
	{ "'where':'','equals':null,", 200, "null", true },
	{ "'where':'/code','equals':7,", 200, "{\"code\":7.0}", true },
	{ "'where':'/code','equals':7,", 200, "{\"code\":\"7\"}", false },
	{ "'where':'/code','equals':7,", 200, "{\"code\":71}", false },
	{ "'where':'/code','equals':123456789012345678901,", 200, "{\"code\":123456789012345678901}", true },
	{ "'where':'/code','equals':123456789012345678901,", 200, "{\"code\":123456789012345678902}", false },
	{ "'where':'/found','equals':[],", 200, "{\"found\":[]}", true },
	{ "'where':'/found','equals':[],", 200, "{\"found\":[1]}", false },
	{ "'where':'/found','equals':{},", 200, "{\"found\":{}}", true },
	{ "'where':'/found','equals':{},", 200, "{\"found\":[]}", false },
	{ "'where':'/code','in':['E1','E2',3],", 200, "{\"code\":\"E2\"}", true },
	{ "'where':'/code','in':['E1','E2',3],", 200, "{\"code\":3}", true },
	{ "'where':'/code','in':['E1','E2',3],", 200, "{\"code\":\"E3\"}", false },
	{ "'where':'/error','exists':true,", 200, "{\"error\":{\"x\":1}}", true },
	{ "'where':'/error','exists':true,", 200, "{\"error\":false}", true },
	{ "'where':'/error','exists':true,", 200, "{\"error\":null}", false },
	{ "'where':'/error','exists':true,", 200, "{}", false },
	{ "'where':'/error','exists':false,", 200, "{\"error\":null}", true },
	{ "'where':'/error','exists':false,", 200, "{}", true },
	{ "'where':'/error','exists':false,", 200, "", false },
	{ "'where':'/items/0','exists':false,", 200, "{\"items\":[]}", true },
	{ "'statuses':[200],'where':'/a','equals':1,", 200, "{\"a\":1}", true },
	{ "'statuses':[200],'where':'/a','equals':1,", 201, "{\"a\":1}", false },
};

static void each_rule_holds_for_what_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		char *members = mem_printf("'response':{'verdicts':[{%s'verdict':'no_data'}]}", rules[i].rule);
		struct vendor_set *set = one_vendor("sync", members);
		struct outcome outcome = decide(vendor_at(set, 0), rules[i].status, rules[i].body, -1);
		bool held = outcome.history_entry && strstr(outcome.history_entry, "\"outcome\":\"no_data\"");

		if (held != rules[i].holds)
			fail_msg("%s %d %s", rules[i].rule, rules[i].status, rules[i].body);
		outcome_deinit(&outcome);
		vendor_set_free(set);
		free(members);
	}
}

/* ---- A whole file ---- */

#define FILE_OF_RULES \
	"'retry':{'never_statuses':[502],'bad_body':true},'response':{'result':'/data','no_data_result':{'found':false},'verdicts':[" \
	"{'where':'/status','equals':'busy','verdict':'retry'}," \
	"{'where':'/status','in':['error','refused'],'verdict':'fail'}," \
	"{'statuses':[404],'verdict':'no_data'}," \
	"{'where':'/data','equals':[],'verdict':'no_data'}," \
	"{'statuses':[404,409,'500-599'],'where':'/data','exists':true,'verdict':'success'}," \
	"{'statuses':['300-499'],'where':'/again','equals':true,'verdict':'retry'}]}"

static const struct {
	int status;
	const char *body;
	enum outcome_kind kind;
	enum vendor_health health;
	const char *said;          /* its result, or its error */
} answers[] = {
	{ 200, "{\"status\":\"ok\",\"data\":1}", OUTCOME_COMPLETE, HEALTH_SUCCESS, "1" },
	/* 200 that says error: for good, it is the job's trouble; for now, it is the vendor's. */
	{ 200, "{\"status\":\"error\",\"error\":\"no such\"}", OUTCOME_FAILED, HEALTH_SUCCESS,
	  "vendor answered 200: no such (response/verdicts/1)" },
	{ 200, "{\"status\":\"refused\",\"data\":1}", OUTCOME_FAILED, HEALTH_SUCCESS, "vendor answered 200 (response/verdicts/1)" },
	{ 200, "{\"status\":\"busy\",\"error\":\"later\"}", OUTCOME_RETRY, HEALTH_FAILURE,
	  "vendor answered 200: later (response/verdicts/0)" },
	/* The first that holds counts. */
	{ 404, "{\"status\":\"error\"}", OUTCOME_FAILED, HEALTH_SUCCESS, "vendor answered 404 (response/verdicts/1)" },
	{ 404, "{\"data\":1}", OUTCOME_COMPLETE, HEALTH_SUCCESS, "{\"found\":false}" },
	{ 404, "gone", OUTCOME_COMPLETE, HEALTH_SUCCESS, "{\"found\":false}" },
	{ 200, "{\"data\":[]}", OUTCOME_COMPLETE, HEALTH_SUCCESS, "{\"found\":false}" },
	{ 409, "{\"data\":[2]}", OUTCOME_COMPLETE, HEALTH_SUCCESS, "[2]" },
	{ 500, "{\"data\":[2]}", OUTCOME_COMPLETE, HEALTH_SUCCESS, "[2]" },
	{ 500, "{\"status\":\"busy\"}", OUTCOME_RETRY, HEALTH_FAILURE, "vendor answered 500 (response/verdicts/0)" },
	{ 500, "{\"status\":\"error\"}", OUTCOME_FAILED, HEALTH_SUCCESS, "vendor answered 500 (response/verdicts/1)" },
	{ 409, "{\"again\":true}", OUTCOME_RETRY, HEALTH_SUCCESS, "vendor answered 409 (response/verdicts/5)" },
	/* None holds: as without rules. */
	{ 409, "{}", OUTCOME_FAILED, HEALTH_SUCCESS, "vendor answered 409" },
	{ 502, "{}", OUTCOME_FAILED, HEALTH_FAILURE, "vendor answered 502" },
	{ 503, "{}", OUTCOME_RETRY, HEALTH_FAILURE, "vendor answered 503" },
	{ 200, "{}", OUTCOME_RETRY, HEALTH_SUCCESS, "vendor answered 200, but there is nothing at /data in its body" },
	/* A 429 is no failure, whatever it says. */
	{ 429, "{\"status\":\"error\",\"error\":\"slow down\"}", OUTCOME_RETURNED, HEALTH_ALIVE, "vendor answered 429: slow down" },
	{ 429, "{\"again\":true}", OUTCOME_RETURNED, HEALTH_ALIVE, "vendor answered 429" },
};

static void a_file_says_what_answers_mean(void **state)
{
	struct vendor_set *set = one_vendor("sync", FILE_OF_RULES);

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct outcome outcome = decide(vendor_at(set, 0), answers[i].status, answers[i].body, -1);

		assert_string_equal(outcome.kind == OUTCOME_COMPLETE ? outcome.result : outcome.error, answers[i].said);
		assert_int_equal(outcome.kind, answers[i].kind);
		assert_int_equal(outcome.health, answers[i].health);
		assert_int_equal(outcome.attempts_add, outcome.kind != OUTCOME_RETURNED);
		outcome_deinit(&outcome);
	}
	vendor_set_free(set);
}

static void retry_after_is_kept_whatever_a_rule_says(void **state)
{
	struct vendor_set *set = one_vendor("sync", FILE_OF_RULES);
	const struct vendor *vendor = vendor_at(set, 0);
	struct outcome outcome = decide(vendor, 503, "{\"status\":\"error\"}", 30000);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_FAILED);
	assert_int_equal(outcome.hold_ms, 30000);
	outcome_deinit(&outcome);
	outcome = decide(vendor, 200, "{\"status\":\"busy\"}", 30000);
	assert_int_equal(outcome.kind, OUTCOME_RETRY);
	assert_int_equal(outcome.hold_ms, 0);
	assert_true(outcome.retry_at >= NOW + 30000);
	outcome_deinit(&outcome);
	outcome = decide(vendor, 429, "{\"status\":\"error\"}", 30000);
	assert_int_equal(outcome.hold_ms, 30000);
	outcome_deinit(&outcome);
	vendor_set_free(set);
}

/* As a 429, whatever the status: it costs no attempt, is nobody's failure, and everybody waits. */
static void a_limit_that_the_body_tells_holds_the_vendor(void **state)
{
	struct vendor_set *set = one_vendor("sync", "'retry':{'base_ms':2500},'response':{'error':'/message','verdicts':["
	                                            "{'statuses':[403],'verdict':'limited'},"
	                                            "{'where':'/code','equals':429,'verdict':'limited'}]}");
	const struct vendor *vendor = vendor_at(set, 0);
	struct outcome outcome = decide(vendor, 200, "{\"code\":429,\"message\":\"out of credits\"}", -1);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_RETURNED);
	assert_int_equal(outcome.attempts_add, 0);
	assert_int_equal(outcome.health, HEALTH_ALIVE);
	assert_int_equal(outcome.hold_ms, 2500);
	assert_true(outcome.retry_at >= NOW + 2500 && outcome.retry_at <= NOW + 5000);
	assert_string_equal(outcome.error, "vendor answered 200: out of credits (response/verdicts/1)");
	assert_null(outcome.history_entry);
	outcome_deinit(&outcome);
	outcome = decide(vendor, 403, "", 30000);
	assert_int_equal(outcome.kind, OUTCOME_RETURNED);
	assert_int_equal(outcome.hold_ms, 30000);
	outcome_deinit(&outcome);
	vendor_set_free(set);
}

static void an_acknowledgement_can_refuse(void **state)
{
	struct vendor_set *set = one_vendor("async", "'response':{'verdicts':[{'where':'/ok','equals':false,'verdict':'fail'},"
	                                             "{'statuses':[404],'verdict':'success'}]}");
	struct outcome outcome = decide(vendor_at(set, 0), 202, "{\"ok\":false,\"error\":\"unknown product\"}", -1);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_FAILED);
	assert_string_equal(outcome.error, "vendor answered 202: unknown product (response/verdicts/0)");
	outcome_deinit(&outcome);
	outcome = decide(vendor_at(set, 0), 404, "{\"ok\":true}", -1);
	assert_int_equal(outcome.kind, OUTCOME_AWAIT_CALLBACK);
	outcome_deinit(&outcome);
	vendor_set_free(set);
}

/* ---- Callbacks ---- */

static const struct { const char *body; const char *result, *error; } callbacks[] = {
	{ "{\"state\":\"NOT_FOUND\"}", "null", NULL },
	{ "{\"state\":\"KO\",\"data\":1}", NULL, "vendor called back with a failure (callback/verdicts/1)" },
	{ "{\"state\":\"KO\",\"error\":\"no\"}", NULL, "vendor called back with a failure: no (callback/verdicts/1)" },
	/* Says success where the usual signs would say failure. */
	{ "{\"state\":\"OK\",\"status\":\"failed\",\"data\":1}", "1", NULL },
	/* None holds. */
	{ "{\"state\":\"?\",\"status\":\"failed\"}", NULL, "vendor called back with status \"failed\"" },
	{ "{\"state\":\"?\",\"data\":2}", "2", NULL },
};

static void callbacks_are_judged_by_rules_of_their_own(void **state)
{
	struct vendor_set *set = one_vendor("async",
		"'response':{'verdicts':[{'verdict':'fail'}]},'callback':{'verdicts':["
		"{'where':'/state','equals':'NOT_FOUND','verdict':'no_data'},"
		"{'where':'/state','equals':'KO','verdict':'fail'},"
		"{'where':'/state','equals':'OK','verdict':'success'}]}");

	(void)state;
	for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++) {
		struct json_object *body;
		struct outcome outcome;

		assert_int_equal(json_strict_parse(callbacks[i].body, strlen(callbacks[i].body), &JSON_LIMITS_DEFAULT, &body, NULL, 0,
		                                   NULL), ERR_OK);
		assert_int_equal(outcome_of_callback(vendor_at(set, 0), body, &outcome, NULL), ERR_OK);
		assert_string_equal(outcome.result ? outcome.result : outcome.error,
		                    callbacks[i].result ? callbacks[i].result : callbacks[i].error);
		assert_int_equal(outcome.kind, callbacks[i].result ? OUTCOME_COMPLETE : OUTCOME_FAILED);
		outcome_deinit(&outcome);
		json_object_put(body);
	}
	vendor_set_free(set);
}

static void a_success_without_a_result_is_refused(void **state)
{
	struct vendor_set *set = one_vendor("async", "'callback':{'verdicts':[{'verdict':'success'}]}");
	struct json_object *body = json_object_new_object();
	struct outcome outcome;
	struct err_text why;

	(void)state;
	assert_int_equal(outcome_of_callback(vendor_at(set, 0), body, &outcome, &why), ERR_INVALID);
	assert_string_equal(why.text, "there is neither a result at \"/data\" or \"/result\" nor an error at \"/error\"");
	json_object_put(body);
	vendor_set_free(set);
}

/* ---- Bad rules ---- */

static const struct { const char *members, *message; } bad_rules[] = {
	{ "'response':{'verdicts':{}}", "response/verdicts: must be an array" },
	{ "'response':{'verdicts':[5]}", "response/verdicts/0: must be an object" },
	{ "'response':{'verdicts':[{}]}", "response/verdicts/0/verdict: is missing" },
	{ "'response':{'verdicts':[{'verdict':'success'},{'verdict':'maybe'}]}",
	  "response/verdicts/1/verdict: must be \"success\", \"retry\", \"limited\", \"fail\" or \"no_data\"" },
	{ "'response':{'verdicts':[{'verdict':1}]}",
	  "response/verdicts/0/verdict: must be \"success\", \"retry\", \"limited\", \"fail\" or \"no_data\"" },
	{ "'response':{'verdicts':[{'verdict':'fail','status':[1]}]}",
	  "response/verdicts/0/status: unknown member, did you mean callback/status?" },
	{ "'response':{'verdicts':[{'verdict':'fail','statuses':404}]}",
	  "response/verdicts/0/statuses: must be an array of statuses and \"from-to\"" },
	{ "'response':{'verdicts':[{'verdict':'fail','statuses':[99]}]}",
	  "response/verdicts/0/statuses: 99 is neither a status between 100 and 599 nor \"from-to\"" },
	{ "'response':{'verdicts':[{'verdict':'fail','statuses':[4294967696]}]}",
	  "response/verdicts/0/statuses: 4294967696 is neither a status between 100 and 599 nor \"from-to\"" },
	{ "'response':{'verdicts':[{'verdict':'fail','statuses':['4xx']}]}",
	  "response/verdicts/0/statuses: 4xx is neither a status between 100 and 599 nor \"from-to\"" },
	{ "'response':{'verdicts':[{'verdict':'fail','statuses':['500-400']}]}",
	  "response/verdicts/0/statuses: 500-400 is neither a status between 100 and 599 nor \"from-to\"" },
	{ "'response':{'verdicts':[{'verdict':'fail','statuses':['400-4999']}]}",
	  "response/verdicts/0/statuses: 400-4999 is neither a status between 100 and 599 nor \"from-to\"" },
	{ "'response':{'verdicts':[{'verdict':'fail','statuses':[null]}]}",
	  "response/verdicts/0/statuses: null is neither a status between 100 and 599 nor \"from-to\"" },
	{ "'response':{'verdicts':[{'verdict':'fail','statuses':[429]}]}",
	  "response/verdicts/0/statuses: 429 is always tried again when the vendor lets us" },
	{ "'response':{'verdicts':[{'verdict':'fail','where':'/a'}]}", "response/verdicts/0/where: needs one of equals, in and exists" },
	{ "'response':{'verdicts':[{'verdict':'fail','where':'a','equals':1}]}",
	  "response/verdicts/0/where: must be a JSON Pointer: empty, or beginning with '/'" },
	{ "'response':{'verdicts':[{'verdict':'fail','equals':1}]}", "response/verdicts/0/where: is missing" },
	{ "'response':{'verdicts':[{'verdict':'fail','where':'/a','equals':1,'in':[2]}]}",
	  "response/verdicts/0/in: only one of equals, in and exists may be there" },
	{ "'response':{'verdicts':[{'verdict':'fail','where':'/a','in':[2],'exists':true}]}",
	  "response/verdicts/0/exists: only one of equals, in and exists may be there" },
	{ "'response':{'verdicts':[{'verdict':'fail','where':'/a','equals':[1]}]}",
	  "response/verdicts/0/equals: can only name strings, numbers, true, false, null, [] and {}" },
	{ "'response':{'verdicts':[{'verdict':'fail','where':'/a','in':[]}]}", "response/verdicts/0/in: is empty: it would never hold" },
	{ "'response':{'verdicts':[{'verdict':'fail','where':'/a','in':'x'}]}", "response/verdicts/0/in: must be an array of values" },
	{ "'response':{'verdicts':[{'verdict':'fail','where':'/a','in':[1,{'a':1}]}]}",
	  "response/verdicts/0/in: can only name strings, numbers, true, false, null, [] and {}" },
	{ "'response':{'verdicts':[{'verdict':'fail','where':'/a','exists':1}]}", "response/verdicts/0/exists: must be true or false" },
	{ "'callback':{'verdicts':[{'verdict':'fail','statuses':[200]}]}", 
	  "callback/verdicts/0/statuses: unknown member, did you mean response/verdicts/*/statuses?" },
	{ "'callback':{'verdicts':[{'verdict':'fail'},{'verdict':'again'}]}",
	  "callback/verdicts/1/verdict: must be \"success\", \"retry\", \"fail\", \"no_data\" or \"ignore\"" },
	{ "'callback':{'verdicts':[{'verdict':'fail','where':'/a'}]}", "callback/verdicts/0/where: needs one of equals, in and exists" },
};

static void bad_rules_are_named_with_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_rules) / sizeof(bad_rules[0]); i++)
		one_vendor_refused("sync", bad_rules[i].members, bad_rules[i].message);
}

static void rules_are_bounded(void **state)
{
	char members[2048] = "'response':{'verdicts':[{'verdict':'fail'}";

	(void)state;
	for (int i = 0; i < VERDICT_RULES_MAX; i++)
		strcat(members, ",{'verdict':'fail'}");
	strcat(members, "]}");
	one_vendor_refused("sync", members, "response/verdicts: has more than 32 entries");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_holds_for_what_it_says),
		cmocka_unit_test(a_file_says_what_answers_mean),
		cmocka_unit_test(retry_after_is_kept_whatever_a_rule_says),
		cmocka_unit_test(a_limit_that_the_body_tells_holds_the_vendor),
		cmocka_unit_test(an_acknowledgement_can_refuse),
		cmocka_unit_test(callbacks_are_judged_by_rules_of_their_own),
		cmocka_unit_test(a_success_without_a_result_is_refused),
		cmocka_unit_test(bad_rules_are_named_with_the_reason),
		cmocka_unit_test(rules_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
