/* Whose answers are kept as they came: of vendors whose file says so, and only those that ended their job. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../support/one_vendor.h"
#include "callback.h"
#include "json_strict.h"
#include "outcome.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal) ((char *)(uintptr_t)(literal))

static const int64_t NOW = INT64_C(1800000000000);
static const int64_t RETENTION_MS = 86400000;

static struct answer http(int status, const char *body)
{
	return (struct answer){ .transport = TRANSPORT_ANSWERED, .http_status = status, .body = body, .body_len = strlen(body),
	                        .content_type = "application/json", .retry_after_ms = -1, .sent_at = NOW - 120, .latency_ms = 100 };
}

/* What the change that writes the outcome carries, after a call or poll of this vendor. */
static const struct raw_answer *kept(const struct vendor *vendor, enum phase phase, const struct answer *answer,
                                     struct outcome *outcome)
{
	const struct job job = { .request_id = "0198c0de-0000-7000-8000-000000000001", .vendor = TEXT("v"), .payload = TEXT("{}"),
	                         .phase = phase, .fence = 7, .deadline_at = NOW + RETENTION_MS, .vendor_job_id = TEXT("1") };
	static struct job_change change;

	outcome_of_answer(vendor, &job, answer, NOW, 0, outcome);
	outcome_to_change(outcome, &job, NOW, RETENTION_MS, &change);
	return change.raw;
}

#define POLL "'response':{'job_id':'/id','keep_raw_seconds':60},'poll':{'url':'http://h/${job:vendor_job_id}','done_values':['done']}"
#define KEEP "'retry':{'max_attempts':1},'response':{'result':'/data','keep_raw_seconds':60}"
#define KEEP_AND_RETRY "'retry':{'max_attempts':2},'response':{'result':'/data','keep_raw_seconds':60}"

static const struct { const char *mode, *members; enum phase phase; int status; const char *body; bool kept; } rows[] = {
	{ "sync", KEEP, PHASE_CALLING, 200, "{\"data\": 1.50 }", true },
	{ "sync", KEEP, PHASE_CALLING, 200, "no json", true },
	{ "sync", KEEP, PHASE_CALLING, 422, "{\"error\":\"no\"}", true },
	{ "sync", KEEP, PHASE_CALLING, 500, "", true },
	{ "sync", KEEP_AND_RETRY, PHASE_CALLING, 500, "later", false },
	{ "sync", KEEP, PHASE_CALLING, 429, "later", false },
	{ "sync", "'response':{'result':'/data'}", PHASE_CALLING, 200, "{\"data\":1}", false },
	{ "sync", "'response':{'result':'/data','keep_raw_seconds':0}", PHASE_CALLING, 200, "{\"data\":1}", false },
	{ "async", KEEP, PHASE_CALLING, 202, "{\"id\":1}", false },
	{ "async", KEEP, PHASE_CALLING, 400, "{\"id\":1}", true },
	{ "poll", POLL, PHASE_CALLING, 202, "{\"id\":1}", false },
	{ "poll", POLL, PHASE_POLLING, 200, "{\"status\":\"working\"}", false },
	{ "poll", POLL, PHASE_POLLING, 200, "{\"status\":\"done\"}", true },
	{ "poll", POLL, PHASE_POLLING, 200, "{\"status\":\"failed\"}", true },
	{ "poll", POLL, PHASE_POLLING, 410, "gone", true },
};

static void what_ends_a_job_is_kept_as_it_came(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct vendor_set *set = one_vendor(rows[i].mode, rows[i].members);
		struct answer answer = http(rows[i].status, rows[i].body);
		struct outcome outcome;
		const struct raw_answer *raw = kept(vendor_at(set, 0), rows[i].phase, &answer, &outcome);

		if (rows[i].kept != (raw != NULL))
			fail_msg("row %zu: %s is %skept", i, rows[i].body, raw ? "" : "not ");
		if (raw) {
			assert_int_equal(raw->http_status, rows[i].status);
			assert_string_equal(raw->body, rows[i].body);
			assert_int_equal(raw->body_len, strlen(rows[i].body));
			assert_string_equal(raw->content_type, "application/json");
			assert_true(raw->received_at == NOW - 20 && raw->expire_at == NOW - 20 + 60000);
		}
		outcome_deinit(&outcome);
		vendor_set_free(set);
	}
}

static void what_is_no_whole_answer_is_not(void **state)
{
	struct vendor_set *set = one_vendor("sync", KEEP);
	struct answer cut = http(500, "the beginn"), none = { .transport = TRANSPORT_TIMEOUT, .body = "", .retry_after_ms = -1 };
	struct outcome outcome;

	(void)state;
	cut.is_cut = true;
	assert_null(kept(vendor_at(set, 0), PHASE_CALLING, &cut, &outcome));
	outcome_deinit(&outcome);
	assert_null(kept(vendor_at(set, 0), PHASE_CALLING, &none, &outcome));
	outcome_deinit(&outcome);
	vendor_set_free(set);
}

static void a_callback_is_kept_with_the_change_that_it_makes(void **state)
{
	struct vendor_set *set = one_vendor("async", "'response':{'keep_raw_seconds':0.5}");
	const struct raw_answer raw = { .content_type = TEXT("text/plain"), .body = TEXT("{\"data\":1}"), .body_len = 10, .received_at = NOW };
	const struct job job = { .phase = PHASE_WAITING_CALLBACK, .vendor = vendor_at(set, 0)->name };
	struct json_object *body;
	struct callback_change to;
	struct outcome outcome;

	(void)state;
	assert_int_equal(json_strict_parse(raw.body, raw.body_len, &JSON_LIMITS_DEFAULT, &body, NULL, 0, NULL), ERR_OK);
	assert_int_equal(outcome_of_callback(vendor_at(set, 0), body, &outcome, NULL), ERR_OK);
	callback_to_change(&outcome, &job, set, NOW, 0, RETENTION_MS, &to);
	assert_null(to.change.raw);
	callback_change_deinit(&to);
	outcome_keep_raw(vendor_at(set, 0), &raw, &outcome);
	callback_to_change(&outcome, &job, set, NOW, 0, RETENTION_MS, &to);
	assert_int_equal(to.change.raw->http_status, 0);
	assert_string_equal(to.change.raw->body, raw.body);
	assert_true(to.change.raw->expire_at == NOW + 500);
	callback_change_deinit(&to);
	outcome_deinit(&outcome);
	json_object_put(body);
	vendor_set_free(set);
}

static void only_types_that_can_be_passed_on_are(void **state)
{
	char long_type[RAW_ANSWER_TYPE_BYTES_MAX + 2] = "";

	(void)state;
	memset(long_type, 'x', sizeof(long_type) - 1);
	assert_true(raw_answer_is_type("application/json; charset=\"utf-8\""));
	assert_false(raw_answer_is_type(""));
	assert_false(raw_answer_is_type("text/html\r\nX: y"));
	assert_false(raw_answer_is_type("t\xc3\xa9xt/html"));
	assert_false(raw_answer_is_type(long_type));
	long_type[RAW_ANSWER_TYPE_BYTES_MAX] = '\0';
	assert_true(raw_answer_is_type(long_type));
}

static void keys_of_early_callbacks_are_their_own(void **state)
{
	char key[CALLBACK_RAW_KEY_SIZE], other[CALLBACK_RAW_KEY_SIZE];

	(void)state;
	callback_raw_key("a", "b:c", false, key);
	assert_string_equal(key, "a:complete:b:c");
	callback_raw_key("a", "b:c", true, other);
	assert_string_not_equal(key, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_ends_a_job_is_kept_as_it_came),
		cmocka_unit_test(what_is_no_whole_answer_is_not),
		cmocka_unit_test(a_callback_is_kept_with_the_change_that_it_makes),
		cmocka_unit_test(only_types_that_can_be_passed_on_are),
		cmocka_unit_test(keys_of_early_callbacks_are_their_own),
	};

	return cmocka_run_group_tests_name("raw_answer", tests, NULL, NULL);
}
