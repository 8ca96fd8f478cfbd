/* What becomes of a job after an answer or a callback. The change that writes it: test_outcome_change.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "json_strict.h"
#include "outcome.h"

enum { MIDDLE = 0x80000000u };

static const int64_t NOW = INT64_C(1800000000000);
static const int64_t DEADLINE = INT64_C(1800000000000) + 86400000;

static char *remove_ssn[] = { "/ssn", NULL };
static char *data_only[] = { "/data", NULL };
static char *failed_words[] = { "failed", "error", NULL };

static const struct vendor sync_vendor = {
	.name = "s", .mode = VENDOR_SYNC, .retry = { .max_attempts = 5, .base_ms = 2000, .max_ms = 60000, .max_hold_ms = 600000 },
	.callback_result = data_only, .callback_error = "/error", .callback_status = "/status", .callback_success = "/success",
	.callback_failed = failed_words, .response_result = "/data", .response_error = "/error",
	.trim_strings = true, .remove = remove_ssn,
};

static struct vendor async_vendor(const char *job_id)
{
	struct vendor v = sync_vendor;

	v.mode = VENDOR_ASYNC;
	v.callback_timeout_ms = 300000;
	v.response_job_id = (char *)(uintptr_t)job_id;
	return v;
}

static struct job job_after(int attempts)
{
	return (struct job){ .request_id = "0198c0de-0000-7000-8000-000000000001", .vendor = (char *)(uintptr_t)"s",
	                     .phase = PHASE_CALLING, .fence = 7, .attempts = attempts, .deadline_at = DEADLINE };
}

static struct answer http(int status, const char *body)
{
	return (struct answer){ .transport = TRANSPORT_ANSWERED, .http_status = status, .body = body, .body_len = strlen(body),
	                        .retry_after_ms = -1, .sent_at = NOW - 120, .latency_ms = 120 };
}

static struct answer broken(enum transport transport, const char *detail)
{
	return (struct answer){ .transport = transport, .retry_after_ms = -1, .sent_at = NOW - 50, .latency_ms = 50, .detail = detail };
}

static struct outcome decide(const struct vendor *vendor, int attempts, const struct answer *answer)
{
	struct job job = job_after(attempts);
	struct outcome outcome;

	outcome_of_answer(vendor, &job, answer, NOW, MIDDLE, &outcome);
	return outcome;
}

/* ---- Answers ---- */

static void a_result_is_taken_from_its_place_and_cleaned(void **state)
{
	struct answer answer = http(200, "{\"data\":{\"name\":\" Ann \",\"ssn\":\"1\",\"n\":1.50},\"other\":1}");
	struct outcome outcome = decide(&sync_vendor, 0, &answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_COMPLETE);
	assert_string_equal(outcome.result, "{\"name\":\"Ann\",\"n\":1.50}");
	assert_null(outcome.error);
	assert_int_equal(outcome.attempts_add, 1);
	assert_string_equal(outcome.history_entry,
	                    "{\"attempt\":1,\"at\":\"2027-01-15T07:59:59.880Z\",\"outcome\":\"http_200\",\"latency_ms\":120,\"http_status\":200}");
	outcome_deinit(&outcome);
}

static void null_is_a_result(void **state)
{
	struct answer answer = http(201, "{\"data\":null}");
	struct outcome outcome = decide(&sync_vendor, 0, &answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_COMPLETE);
	assert_string_equal(outcome.result, "null");
	outcome_deinit(&outcome);
}

/* What each answer leads to, at the first of five attempts. */
static const struct {
	int status;
	const char *body;
	enum outcome_kind kind;
	int attempts_add;
	const char *error;
} answers[] = {
	{ 200, "{\"x\":1}", OUTCOME_FAILED, 1, "vendor answered 200, but there is nothing at /data in its body" },
	{ 200, "{\"error\":\"no such\"}", OUTCOME_FAILED, 1, "vendor answered 200, but there is nothing at /data in its body: no such" },
	{ 200, "", OUTCOME_FAILED, 1, "vendor answered 200, but its body cannot be read: byte 0: expected a value, but the text ends" },
	{ 200, "<html>", OUTCOME_FAILED, 1, "vendor answered 200, but its body cannot be read: byte 0: expected a value" },
	{ 301, "", OUTCOME_FAILED, 1, "vendor answered 301" },
	{ 400, "{\"error\":\"\"}", OUTCOME_FAILED, 1, "vendor answered 400" },
	{ 401, "nonsense", OUTCOME_FAILED, 1, "vendor answered 401" },
	{ 404, "{\"error\":null}", OUTCOME_FAILED, 1, "vendor answered 404" },
	{ 408, "", OUTCOME_RETRY, 1, "vendor answered 408" },
	{ 422, "{\"error\":\"unknown customer\"}", OUTCOME_FAILED, 1, "vendor answered 422: unknown customer" },
	{ 422, "{\"error\":{\"message\":\"bad zip\",\"code\":3}}", OUTCOME_FAILED, 1, "vendor answered 422: bad zip" },
	{ 422, "{\"error\":{\"code\":3}}", OUTCOME_FAILED, 1, "vendor answered 422: {\"code\":3}" },
	{ 422, "{\"error\":17}", OUTCOME_FAILED, 1, "vendor answered 422: 17" },
	{ 425, "", OUTCOME_RETRY, 1, "vendor answered 425" },
	{ 429, "{\"error\":\"slow down\"}", OUTCOME_RETURNED, 0, "vendor answered 429: slow down" },
	{ 499, "", OUTCOME_FAILED, 1, "vendor answered 499" },
	{ 500, "oops", OUTCOME_RETRY, 1, "vendor answered 500" },
	{ 502, "", OUTCOME_RETRY, 1, "vendor answered 502" },
	{ 503, "", OUTCOME_RETRY, 1, "vendor answered 503" },
	{ 599, "", OUTCOME_RETRY, 1, "vendor answered 599" },
	{ 100, "", OUTCOME_FAILED, 1, "vendor answered 100" },
	{ 0, "", OUTCOME_FAILED, 1, "vendor answered 0" },
	{ 999, "", OUTCOME_FAILED, 1, "vendor answered 999" },
};

static void each_status_has_its_outcome(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct answer answer = http(answers[i].status, answers[i].body);
		struct outcome outcome = decide(&sync_vendor, 0, &answer);

		assert_int_equal(outcome.kind, answers[i].kind);
		assert_int_equal(outcome.attempts_add, answers[i].attempts_add);
		assert_string_equal(outcome.error, answers[i].error);
		assert_null(outcome.result);
		assert_int_equal(outcome.history_entry != NULL, outcome.attempts_add);
		outcome_deinit(&outcome);
	}
}

static const struct {
	enum transport transport;
	enum outcome_kind kind;
	int attempts_add;
	const char *name, *error;
} failures[] = {
	{ TRANSPORT_NOT_MADE, OUTCOME_FAILED, 0, NULL, "the request cannot be made: why" },
	{ TRANSPORT_NOT_SENT, OUTCOME_RETURNED, 0, NULL, "the call was not sent: why" },
	{ TRANSPORT_CONNECT_FAILED, OUTCOME_RETRY, 1, "\"connect_failed\"", "cannot connect to the vendor: why" },
	{ TRANSPORT_TIMEOUT, OUTCOME_RETRY, 1, "\"timeout\"", "vendor did not answer in time: why" },
	{ TRANSPORT_CONNECTION_LOST, OUTCOME_RETRY, 1, "\"connection_lost\"", "connection lost before the answer: why" },
	{ TRANSPORT_TOO_BIG, OUTCOME_FAILED, 1, "\"too_big\"", "vendor's answer is too big: why" },
	{ TRANSPORT_LOCAL_ERROR, OUTCOME_RETURNED, 0, NULL, "the call could not be made: why" },
};

static void each_failure_on_the_wire_has_its_outcome(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct answer answer = broken(failures[i].transport, "why");
		struct outcome outcome = decide(&sync_vendor, 0, &answer);

		assert_int_equal(outcome.kind, failures[i].kind);
		assert_int_equal(outcome.attempts_add, failures[i].attempts_add);
		assert_string_equal(outcome.error, failures[i].error);
		if (failures[i].name)
			assert_non_null(strstr(outcome.history_entry, failures[i].name));
		else
			assert_null(outcome.history_entry);
		if (outcome.history_entry)
			assert_null(strstr(outcome.history_entry, "http_status"));
		outcome_deinit(&outcome);
	}
}

static const struct { enum transport transport; int status; enum vendor_health health; } healths[] = {
	{ TRANSPORT_ANSWERED, 200, HEALTH_SUCCESS }, { TRANSPORT_ANSWERED, 301, HEALTH_SUCCESS },
	{ TRANSPORT_ANSWERED, 404, HEALTH_SUCCESS }, { TRANSPORT_ANSWERED, 408, HEALTH_SUCCESS },
	{ TRANSPORT_ANSWERED, 429, HEALTH_ALIVE }, { TRANSPORT_ANSWERED, 500, HEALTH_FAILURE },
	{ TRANSPORT_ANSWERED, 503, HEALTH_FAILURE }, { TRANSPORT_TIMEOUT, 0, HEALTH_FAILURE },
	{ TRANSPORT_CONNECTION_LOST, 0, HEALTH_FAILURE }, { TRANSPORT_CONNECT_FAILED, 0, HEALTH_UNREACHABLE },
	{ TRANSPORT_TOO_BIG, 0, HEALTH_SUCCESS }, { TRANSPORT_NOT_SENT, 0, HEALTH_UNKNOWN },
	{ TRANSPORT_LOCAL_ERROR, 0, HEALTH_UNKNOWN }, { TRANSPORT_NOT_MADE, 0, HEALTH_UNKNOWN },
};

static void each_end_says_how_the_vendor_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(healths) / sizeof(healths[0]); i++) {
		struct answer answer = http(healths[i].status, "");
		struct outcome outcome;

		answer.transport = healths[i].transport;
		outcome = decide(&sync_vendor, 0, &answer);
		assert_int_equal(outcome.health, healths[i].health);
		outcome_deinit(&outcome);
	}
}

static struct vendor with_overrides(void)
{
	static int also[] = { 404, 304, 500, 0 }, never[] = { 503, 408, 0 };
	struct vendor v = sync_vendor;

	v.retry_also = also;
	v.retry_never = never;
	v.retry_bad_body = true;
	return v;
}

/* What the vendor file of with_overrides() changes, and what it does not. */
static const struct { int status; const char *body; enum outcome_kind kind; enum vendor_health health; } overridden[] = {
	{ 404, "", OUTCOME_RETRY, HEALTH_SUCCESS },
	{ 304, "", OUTCOME_RETRY, HEALTH_SUCCESS },
	{ 403, "", OUTCOME_FAILED, HEALTH_SUCCESS },
	{ 500, "", OUTCOME_RETRY, HEALTH_FAILURE },
	{ 502, "", OUTCOME_RETRY, HEALTH_FAILURE },
	{ 503, "", OUTCOME_FAILED, HEALTH_FAILURE },
	{ 408, "", OUTCOME_FAILED, HEALTH_SUCCESS },
	{ 429, "", OUTCOME_RETURNED, HEALTH_ALIVE },
	{ 200, "<html>", OUTCOME_RETRY, HEALTH_SUCCESS },
	{ 200, "{\"error\":\"later\"}", OUTCOME_RETRY, HEALTH_SUCCESS },
	{ 200, "{\"data\":1}", OUTCOME_COMPLETE, HEALTH_SUCCESS },
};

static void the_vendor_file_changes_what_is_tried_again(void **state)
{
	struct vendor vendor = with_overrides();

	(void)state;
	for (size_t i = 0; i < sizeof(overridden) / sizeof(overridden[0]); i++) {
		struct answer answer = http(overridden[i].status, overridden[i].body);
		struct outcome outcome = decide(&vendor, 0, &answer);

		assert_int_equal(outcome.kind, overridden[i].kind);
		assert_int_equal(outcome.health, overridden[i].health);
		assert_int_equal(outcome.attempts_add, outcome.kind != OUTCOME_RETURNED);
		if (outcome.kind == OUTCOME_RETRY)
			assert_in_range(outcome.retry_at - NOW, 1000, 2000);
		outcome_deinit(&outcome);
	}
}

static void a_bad_body_is_not_tried_for_ever(void **state)
{
	struct vendor vendor = with_overrides();
	struct answer answer = http(200, "<html>");
	struct outcome outcome = decide(&vendor, 4, &answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_FAILED);
	assert_string_equal(outcome.error, "vendor answered 200, but its body cannot be read: byte 0: expected a value (attempt 5 of 5)");
	outcome_deinit(&outcome);
}

/* It costs no attempt, so it is the claims that make it wait longer. */
static void our_own_trouble_backs_off(void **state)
{
	static const struct { int64_t fence, wait_ms; } waits[] = { { 1, 1500 }, { 2, 3000 }, { 4, 12000 }, { 40, 45000 } };
	struct answer answer = broken(TRANSPORT_LOCAL_ERROR, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct job job = job_after(0);
		struct outcome outcome;

		job.fence = waits[i].fence;
		outcome_of_answer(&sync_vendor, &job, &answer, NOW, MIDDLE, &outcome);
		assert_int_equal(outcome.kind, OUTCOME_RETURNED);
		assert_in_range(outcome.retry_at - NOW, waits[i].wait_ms, waits[i].wait_ms + 1);
		outcome_deinit(&outcome);
	}
}

static void the_last_attempt_fails_for_good(void **state)
{
	struct answer answer = http(503, "");
	struct outcome outcome = decide(&sync_vendor, 3, &answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_RETRY);
	outcome_deinit(&outcome);
	outcome = decide(&sync_vendor, 4, &answer);
	assert_int_equal(outcome.kind, OUTCOME_FAILED);
	assert_int_equal(outcome.attempts_add, 1);
	assert_int_equal(outcome.retry_at, 0);
	assert_string_equal(outcome.error, "vendor answered 503 (attempt 5 of 5)");
	outcome_deinit(&outcome);
}

static void what_costs_no_attempt_is_returned_at_any_attempt(void **state)
{
	struct answer answer = http(429, "");
	struct outcome outcome = decide(&sync_vendor, 4, &answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_RETURNED);
	outcome_deinit(&outcome);
}

static void no_attempt_comes_after_the_deadline(void **state)
{
	struct answer answer = http(500, ""), held = http(429, "");
	struct job job = job_after(0);
	struct outcome outcome;

	(void)state;
	job.deadline_at = NOW + 100;
	outcome_of_answer(&sync_vendor, &job, &answer, NOW, MIDDLE, &outcome);
	assert_int_equal(outcome.kind, OUTCOME_FAILED);
	assert_string_equal(outcome.error, "vendor answered 500; the deadline comes before another attempt");
	outcome_deinit(&outcome);
	held.retry_after_ms = 5000;
	outcome_of_answer(&sync_vendor, &job, &held, NOW, MIDDLE, &outcome);
	assert_int_equal(outcome.kind, OUTCOME_FAILED);
	assert_int_equal(outcome.attempts_add, 0);
	assert_int_equal(outcome.hold_ms, 5000);
	outcome_deinit(&outcome);
}

/* Waits of base 2000 ms doubling, with half of the random part. */
static void retries_wait_longer_each_time(void **state)
{
	static const int64_t waits[] = { 1500, 3000, 6000, 12000 };
	struct answer answer = broken(TRANSPORT_TIMEOUT, NULL);

	(void)state;
	for (int attempts = 0; attempts < 4; attempts++) {
		struct outcome outcome = decide(&sync_vendor, attempts, &answer);

		assert_in_range(outcome.retry_at - NOW, waits[attempts], waits[attempts] + 1);
		assert_int_equal(outcome.hold_ms, 0);
		outcome_deinit(&outcome);
	}
}

static const struct { int status; int64_t retry_after_ms, hold_ms, least_wait, most_wait; } holds[] = {
	{ 429, -1, 2000, 2000, 4000 },           /* none asked for: the base */
	{ 429, 0, 2000, 2000, 4000 },
	{ 429, 30000, 30000, 30000, 32000 },
	{ 429, 99999999, 600000, 600000, 602000 }, /* max_hold */
	{ 503, -1, 0, 1000, 2000 },
	{ 503, 0, 0, 1000, 2000 },
	{ 503, 30000, 30000, 30000, 30000 },
	{ 503, 99999999, 600000, 600000, 600000 },
	{ 500, 30000, 0, 30000, 30000 },
};

static void retry_after_holds_the_vendor_within_bounds(void **state)
{
	static const uint32_t randoms[] = { 0, 1, MIDDLE, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(holds) / sizeof(holds[0]); i++)
		for (size_t r = 0; r < 4; r++) {
			struct answer answer = http(holds[i].status, "");
			struct job job = job_after(0);
			struct outcome outcome;

			answer.retry_after_ms = holds[i].retry_after_ms;
			outcome_of_answer(&sync_vendor, &job, &answer, NOW, randoms[r], &outcome);
			assert_int_equal(outcome.hold_ms, holds[i].hold_ms);
			assert_int_equal(outcome_hold_ms(&sync_vendor, &answer), holds[i].hold_ms);
			/* That of a 429 is for all that share its account. */
			assert_int_equal(outcome.hold_of_account, holds[i].status == 429);
			assert_int_equal(outcome_holds_account(&answer), holds[i].status == 429);
			assert_in_range(outcome.retry_at - NOW, holds[i].least_wait, holds[i].most_wait);
			outcome_deinit(&outcome);
		}
}

static void a_call_that_did_not_leave_goes_again_at_once(void **state)
{
	struct answer answer = broken(TRANSPORT_NOT_SENT, NULL);
	struct outcome outcome = decide(&sync_vendor, 4, &answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_RETURNED);
	assert_int_equal(outcome.retry_at, NOW);
	outcome_deinit(&outcome);
	answer = broken(TRANSPORT_LOCAL_ERROR, NULL);
	outcome = decide(&sync_vendor, 0, &answer);
	assert_true(outcome.retry_at >= NOW + 1000);
	outcome_deinit(&outcome);
}

static void the_vendors_words_are_cut_between_characters(void **state)
{
	char body[2048] = "{\"error\":\"x";
	struct answer answer;
	struct outcome outcome;

	(void)state;
	for (int i = 0; i < 600; i++)
		memcpy(body + 11 + 2 * i, "\xc3\xa9", 2);
	memcpy(body + 11 + 1200, "\"}", 3);
	answer = http(400, body);
	outcome = decide(&sync_vendor, 0, &answer);
	assert_int_equal(strlen(outcome.error), strlen("vendor answered 400: ") + 499);
	assert_memory_equal(outcome.error + strlen(outcome.error) - 2, "\xc3\xa9", 2);
	outcome_deinit(&outcome);
}

static void words_of_the_transport_become_utf8(void **state)
{
	struct answer answer = broken(TRANSPORT_CONNECT_FAILED, "no \xff route\xc3");
	struct outcome outcome = decide(&sync_vendor, 0, &answer);
	struct json_object *entry;

	(void)state;
	assert_string_equal(outcome.error, "cannot connect to the vendor: no ? route?");
	assert_int_equal(json_strict_parse(outcome.history_entry, strlen(outcome.history_entry), &JSON_LIMITS_DEFAULT, &entry, NULL, 0,
	                                   NULL), ERR_OK);
	assert_string_equal(json_string_at(entry, "/error"), outcome.error);
	json_object_put(entry);
	outcome_deinit(&outcome);
}

/* ---- Acknowledgements ---- */

/* Whether the vendor is done with a job that has failed: then another vendor may have it. */
static void it_is_known_what_a_call_leaves_behind(void **state)
{
	static const struct { enum transport transport; int status; enum settled of_sync, of_async; } rows[] = {
		{ TRANSPORT_ANSWERED, 400, SETTLED, SETTLED },
		{ TRANSPORT_ANSWERED, 429, SETTLED, SETTLED },
		{ TRANSPORT_ANSWERED, 500, SETTLED, SETTLED },
		{ TRANSPORT_ANSWERED, 504, UNSETTLED, UNSETTLED },
		{ TRANSPORT_ANSWERED, 200, SETTLED, UNSETTLED },
		{ TRANSPORT_NOT_MADE, 0, SETTLED_AS_BEFORE, SETTLED_AS_BEFORE },
		{ TRANSPORT_NOT_SENT, 0, SETTLED_AS_BEFORE, SETTLED_AS_BEFORE },
		{ TRANSPORT_CONNECT_FAILED, 0, SETTLED_AS_BEFORE, SETTLED_AS_BEFORE },
		{ TRANSPORT_LOCAL_ERROR, 0, SETTLED_AS_BEFORE, SETTLED_AS_BEFORE },
		{ TRANSPORT_TIMEOUT, 0, UNSETTLED, UNSETTLED },
		{ TRANSPORT_CONNECTION_LOST, 0, UNSETTLED, UNSETTLED },
		{ TRANSPORT_TOO_BIG, 0, SETTLED, UNSETTLED },
	};
	struct vendor async = async_vendor(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct answer answer = rows[i].transport == TRANSPORT_ANSWERED ? http(rows[i].status, "{}") : broken(rows[i].transport, NULL);
		struct outcome of_sync = decide(&sync_vendor, 4, &answer), of_async = decide(&async, 4, &answer);

		assert_int_equal(of_sync.settled, rows[i].of_sync);
		assert_int_equal(of_async.settled, rows[i].of_async);
		outcome_deinit(&of_sync);
		outcome_deinit(&of_async);
	}
}

static void the_history_of_a_job_that_went_on_names_its_vendors(void **state)
{
	struct answer answer = http(400, "");
	struct job job = job_after(0);
	struct outcome outcome;

	(void)state;
	job.tried = (char *)(uintptr_t)"[{}]";
	outcome_of_answer(&sync_vendor, &job, &answer, NOW, MIDDLE, &outcome);
	assert_memory_equal(outcome.history_entry, "{\"vendor\":\"s\",\"attempt\":1,", strlen("{\"vendor\":\"s\",\"attempt\":1,"));
	outcome_deinit(&outcome);
}

static void an_acknowledgement_waits_for_the_callback(void **state)
{
	struct vendor vendor = async_vendor("/job_id");
	struct answer answer = http(202, "{\"job_id\":\"j-1\"}");
	struct outcome outcome = decide(&vendor, 0, &answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_AWAIT_CALLBACK);
	assert_int_equal(outcome.callback_until, NOW + 300000);
	assert_string_equal(outcome.vendor_job_id, "j-1");
	assert_int_equal(outcome.attempts_add, 1);
	assert_null(outcome.result);
	outcome_deinit(&outcome);
}

static void an_acknowledgement_may_be_anything(void **state)
{
	static const char *const bodies[] = { "", "OK", "{}", "{\"job_id\":null}", "{\"job_id\":\"\"}", "{\"job_id\":{}}", "null",
	                                      "{\"job_id\":\"j-1\\u0000x\"}" };
	struct vendor vendor = async_vendor("/job_id"), silent = async_vendor(NULL);
	struct answer answer;
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		answer = http(200, bodies[i]);
		outcome = decide(&vendor, 0, &answer);
		assert_int_equal(outcome.kind, OUTCOME_AWAIT_CALLBACK);
		assert_null(outcome.vendor_job_id);
		outcome_deinit(&outcome);
	}
	answer = http(200, "{\"job_id\":12345678901234567890123}");
	outcome = decide(&vendor, 0, &answer);
	assert_string_equal(outcome.vendor_job_id, "12345678901234567890123");
	outcome_deinit(&outcome);
	outcome = decide(&silent, 0, &answer);
	assert_null(outcome.vendor_job_id);
	outcome_deinit(&outcome);
}

static void the_callback_is_not_awaited_past_the_deadline(void **state)
{
	struct vendor vendor = async_vendor(NULL);
	struct answer answer = http(200, "");
	struct job job = job_after(0);
	struct outcome outcome;

	(void)state;
	job.deadline_at = NOW + 1000;
	outcome_of_answer(&vendor, &job, &answer, NOW, 0, &outcome);
	assert_int_equal(outcome.callback_until, NOW + 1000);
	outcome_deinit(&outcome);
}

/* ---- Callbacks ---- */

static const struct { const char *body; enum err err; const char *result, *error; } callbacks[] = {
	{ "{\"data\":{\"ssn\":1,\"a\":\" x \"}}", ERR_OK, "{\"a\":\"x\"}", NULL },
	{ "{\"data\":null}", ERR_OK, "null", NULL },
	{ "{\"data\":1,\"error\":null}", ERR_OK, "1", NULL },
	{ "{\"data\":1,\"error\":false}", ERR_OK, "1", NULL },
	{ "{\"data\":1,\"error\":\"\"}", ERR_OK, "1", NULL },
	{ "{\"data\":1,\"status\":\"complete\"}", ERR_OK, "1", NULL },
	{ "{\"data\":1,\"error\":\"bad\"}", ERR_OK, NULL, "vendor called back with an error: bad" },
	{ "{\"error\":{\"message\":\"bad\",\"code\":1}}", ERR_OK, NULL, "vendor called back with an error: bad" },
	{ "{\"error\":true}", ERR_OK, NULL, "vendor called back with an error: true" },
	{ "{\"error\":[1,2]}", ERR_OK, NULL, "vendor called back with an error: [1,2]" },
	{ "{\"status\":\"failed\"}", ERR_OK, NULL, "vendor called back with status \"failed\"" },
	{ "{\"status\":\"error\",\"data\":1}", ERR_OK, NULL, "vendor called back with status \"error\"" },
	{ "{\"status\":\"done\"}", ERR_INVALID, NULL, "there is neither a result at \"/data\" nor an error at \"/error\"" },
	{ "{}", ERR_INVALID, NULL, "there is neither a result at \"/data\" nor an error at \"/error\"" },
	{ "null", ERR_INVALID, NULL, "there is neither a result at \"/data\" nor an error at \"/error\"" },
	{ "[]", ERR_INVALID, NULL, "there is neither a result at \"/data\" nor an error at \"/error\"" },
};

static void callbacks_bring_results_and_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++) {
		const char *text = callbacks[i].body;
		struct json_object *body;
		struct outcome outcome;
		struct err_text why;
		char *after;

		assert_int_equal(json_strict_parse(text, strlen(text), &JSON_LIMITS_DEFAULT, &body, NULL, 0, NULL), ERR_OK);
		assert_int_equal(outcome_of_callback(&sync_vendor, body, &outcome, &why), callbacks[i].err);
		if (callbacks[i].err) {
			assert_string_equal(why.text, callbacks[i].error);
		} else if (callbacks[i].error) {
			assert_int_equal(outcome.kind, OUTCOME_FAILED);
			assert_string_equal(outcome.error, callbacks[i].error);
		} else {
			assert_int_equal(outcome.kind, OUTCOME_COMPLETE);
			assert_string_equal(outcome.result, callbacks[i].result);
		}
		/* The caller's body is as it was. */
		after = json_text(body, NULL);
		assert_string_equal(after, text);
		free(after);
		outcome_deinit(&outcome);
		json_object_put(body);
	}
}

static void without_a_place_for_errors_only_results_count(void **state)
{
	struct vendor vendor = sync_vendor;
	struct outcome outcome;
	struct json_object *body;

	(void)state;
	vendor.callback_error = (char *)(uintptr_t)"";
	assert_int_equal(json_strict_parse("{\"data\":1}", 10, &JSON_LIMITS_DEFAULT, &body, NULL, 0, NULL), ERR_OK);
	assert_int_equal(outcome_of_callback(&vendor, body, &outcome, NULL), ERR_OK);
	assert_int_equal(outcome.kind, OUTCOME_COMPLETE);
	outcome_deinit(&outcome);
	json_object_put(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_result_is_taken_from_its_place_and_cleaned),
		cmocka_unit_test(null_is_a_result),
		cmocka_unit_test(each_status_has_its_outcome),
		cmocka_unit_test(it_is_known_what_a_call_leaves_behind),
		cmocka_unit_test(the_history_of_a_job_that_went_on_names_its_vendors),
		cmocka_unit_test(each_failure_on_the_wire_has_its_outcome),
		cmocka_unit_test(each_end_says_how_the_vendor_is),
		cmocka_unit_test(the_vendor_file_changes_what_is_tried_again),
		cmocka_unit_test(a_bad_body_is_not_tried_for_ever),
		cmocka_unit_test(our_own_trouble_backs_off),
		cmocka_unit_test(the_last_attempt_fails_for_good),
		cmocka_unit_test(what_costs_no_attempt_is_returned_at_any_attempt),
		cmocka_unit_test(no_attempt_comes_after_the_deadline),
		cmocka_unit_test(retries_wait_longer_each_time),
		cmocka_unit_test(retry_after_holds_the_vendor_within_bounds),
		cmocka_unit_test(a_call_that_did_not_leave_goes_again_at_once),
		cmocka_unit_test(the_vendors_words_are_cut_between_characters),
		cmocka_unit_test(words_of_the_transport_become_utf8),
		cmocka_unit_test(an_acknowledgement_waits_for_the_callback),
		cmocka_unit_test(an_acknowledgement_may_be_anything),
		cmocka_unit_test(the_callback_is_not_awaited_past_the_deadline),
		cmocka_unit_test(callbacks_bring_results_and_errors),
		cmocka_unit_test(without_a_place_for_errors_only_results_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
