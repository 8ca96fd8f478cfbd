/* What becomes of a job whose vendor is asked: after its acknowledgement, and after each poll. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "outcome.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal) ((char *)(uintptr_t)(literal))

static const int64_t NOW = INT64_C(1800000000000);
static const int64_t DEADLINE = INT64_C(1800000000000) + 86400000;

static char *done[] = { (char *)(uintptr_t)"done", NULL }, *failed[] = { (char *)(uintptr_t)"failed", (char *)(uintptr_t)"false", NULL };
static char *remove_ssn[] = { (char *)(uintptr_t)"/ssn", NULL };

static struct vendor polled = {   /* its URL is made in set_up() */
	.name = (char *)(uintptr_t)"p", .mode = VENDOR_POLL, .url = (char *)(uintptr_t)"http://h/submit", .timeout_ms = 10000,
	.retry = { .max_attempts = 5, .base_ms = 2000, .max_ms = 60000, .max_hold_ms = 600000 },
	.response_error = (char *)(uintptr_t)"/error", .response_job_id = (char *)(uintptr_t)"/id", .remove = remove_ssn,
	.ask = { .method = (char *)(uintptr_t)"GET", .body_kind = BODY_NONE },
	.poll = { .has_url = true, .state = (char *)(uintptr_t)"/status",
	          .done_values = done, .failed_values = failed, .result = (char *)(uintptr_t)"/data", .interval_ms = 5000,
	          .factor = 2, .max_interval_ms = 60000, .timeout_ms = 3600000 },
};

static int set_up(void **state)
{
	static const struct template_rules rules = { .allowed = REFERS_TO_ACCEPTED_JOB };

	(void)state;
	return template_add(&polled.ask.url, "http://h/s/${job:vendor_job_id}", ESCAPE_URL, &rules, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	template_deinit(&polled.ask.url);
	return 0;
}

static struct answer http(int status, const char *body)
{
	return (struct answer){ .transport = TRANSPORT_ANSWERED, .http_status = status, .body = body, .body_len = strlen(body),
	                        .retry_after_ms = -1, .sent_at = NOW - 120, .latency_ms = 120 };
}

static struct outcome decide(const struct vendor *vendor, enum phase phase, const char *poll, const struct answer *answer)
{
	const struct job job = { .request_id = "0198c0de-0000-7000-8000-000000000001", .vendor = TEXT("p"), .phase = phase,
	                         .fence = 7, .attempts = 1, .deadline_at = DEADLINE, .vendor_job_id = TEXT("V-1"),
	                         .poll = TEXT(poll) };
	struct outcome outcome;

	outcome_of_answer(vendor, &job, answer, NOW, 0, &outcome);
	return outcome;
}

/* ---- The acknowledgement ---- */

static void an_accepted_job_is_asked_for_until_the_poll_deadline(void **state)
{
	struct answer answer = http(202, "{\"id\":\"J-1\"}");
	struct outcome outcome = decide(&polled, PHASE_CALLING, NULL, &answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_AWAIT_POLL);
	assert_int_equal(outcome.attempts_add, 1);
	assert_int_equal(outcome.retry_at, NOW + 5000);
	assert_int_equal(outcome.deadline_at, NOW + 3600000);
	assert_string_equal(outcome.vendor_job_id, "J-1");
	assert_string_equal(outcome.poll, "{\"polls\":0}");
	assert_null(outcome.error);
	assert_string_equal(outcome.history_entry, "{\"attempt\":2,\"at\":\"2027-01-15T07:59:59.880Z\",\"outcome\":\"http_202\","
	                                           "\"latency_ms\":120,\"http_status\":202}");
	assert_true(outcome_is_enqueued(&outcome));
	outcome_deinit(&outcome);
}

static void the_jobs_own_deadline_is_the_last(void **state)
{
	struct vendor v = polled;
	struct answer answer = http(200, "{\"id\":17}");
	struct outcome outcome;

	(void)state;
	v.poll.timeout_ms = 2 * 86400000;
	outcome = decide(&v, PHASE_CALLING, NULL, &answer);
	assert_int_equal(outcome.deadline_at, DEADLINE);
	assert_string_equal(outcome.vendor_job_id, "17");
	outcome_deinit(&outcome);
}

static void a_url_that_it_names_is_kept(void **state)
{
	struct vendor v = polled;
	struct answer answer = http(202, "");
	struct outcome outcome;

	(void)state;
	v.poll.has_url = false;
	v.ask.url = (struct template){ 0 };
	answer.location = "status/1";
	answer.retry_after_ms = 30000;
	outcome = decide(&v, PHASE_CALLING, NULL, &answer);
	assert_int_equal(outcome.kind, OUTCOME_AWAIT_POLL);
	assert_string_equal(outcome.poll, "{\"polls\":0,\"url\":\"http://h/status/1\"}");
	assert_int_equal(outcome.retry_at, NOW + 30000);
	outcome_deinit(&outcome);
}

static void an_acknowledgement_of_no_use_fails_the_job_or_is_tried_again(void **state)
{
	struct vendor v = polled;
	struct answer answer = http(202, "accepted");
	struct outcome outcome = decide(&v, PHASE_CALLING, NULL, &answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_FAILED);
	assert_string_equal(outcome.error, "vendor answered 202, but there is no id of the job at /id in its body");
	outcome_deinit(&outcome);
	v.retry_bad_body = true;
	outcome = decide(&v, PHASE_CALLING, NULL, &answer);
	assert_int_equal(outcome.kind, OUTCOME_RETRY);
	outcome_deinit(&outcome);
}

/* ---- Polls ---- */

static void a_result_is_taken_from_its_place_and_cleaned(void **state)
{
	struct answer answer = http(200, "{\"status\":\"done\",\"data\":{\"name\":\"Ann\",\"ssn\":\"1\"}}");
	struct outcome outcome = decide(&polled, PHASE_POLLING, "{\"polls\":4}", &answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_COMPLETE);
	assert_int_equal(outcome.attempts_add, 0);
	assert_string_equal(outcome.result, "{\"name\":\"Ann\"}");
	assert_string_equal(outcome.history_entry, "{\"attempt\":1,\"at\":\"2027-01-15T07:59:59.880Z\",\"outcome\":\"http_200\","
	                                           "\"latency_ms\":120,\"http_status\":200,\"polls\":5}");
	assert_false(outcome_is_enqueued(&outcome));
	outcome_deinit(&outcome);
}

/* The file was changed since. It would not be another one tomorrow. */
static void a_poll_that_cannot_be_made_fails_the_job(void **state)
{
	const struct answer answer = { .transport = TRANSPORT_NOT_MADE, .detail = "its poll's URL: /a of the payload is not there",
	                               .retry_after_ms = -1 };
	struct outcome outcome = decide(&polled, PHASE_POLLING, "{\"polls\":4}", &answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_FAILED);
	assert_int_equal(outcome.attempts_add, 0);
	assert_int_equal(outcome.health, HEALTH_UNKNOWN);
	assert_true(transport_is_unsent(answer.transport));
	assert_string_equal(outcome.error, "the request cannot be made: its poll's URL: /a of the payload is not there");
	assert_string_equal(outcome.history_entry, "{\"attempt\":1,\"at\":\"2027-01-15T08:00:00.000Z\",\"outcome\":\"not_made\","
	                    "\"latency_ms\":0,\"polls\":4,\"error\":\"the request cannot be made: its poll's URL: /a of the payload is not there\"}");
	outcome_deinit(&outcome);
}

static void while_it_works_it_is_asked_again_and_nothing_is_written_down(void **state)
{
	struct answer answer = http(200, "{\"status\":\"queued\"}");
	struct outcome outcome = decide(&polled, PHASE_POLLING, "{\"polls\":1,\"unusable\":4}", &answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_POLL_AGAIN);
	assert_int_equal(outcome.attempts_add, 0);
	assert_int_equal(outcome.retry_at, NOW + 20000);
	assert_int_equal(outcome.deadline_at, 0);
	assert_null(outcome.error);
	assert_null(outcome.history_entry);
	assert_string_equal(outcome.poll, "{\"polls\":2}");
	assert_int_equal(outcome.health, HEALTH_SUCCESS);
	assert_true(outcome_is_enqueued(&outcome));
	outcome_deinit(&outcome);
}

/* Each answer to a first poll. */
static const struct {
	int status;
	const char *body;
	enum outcome_kind kind;
	const char *error, *poll;
} answers[] = {
	{ 200, "{\"status\":\"failed\",\"error\":{\"message\":\"no such person\"}}", OUTCOME_FAILED,
	  "vendor answered that the job is \"failed\": no such person", NULL },
	{ 202, "{\"status\":\"Failed\"}", OUTCOME_FAILED, "vendor answered that the job is \"Failed\"", NULL },
	{ 200, "{\"status\":false}", OUTCOME_FAILED, "vendor answered that the job is \"false\"", NULL },
	{ 200, "{\"status\":\"done\"}", OUTCOME_POLL_AGAIN,
	  "vendor answered that the job is done, but there is nothing at /data in its body", "{\"polls\":1,\"unusable\":1}" },
	{ 200, "{\"error\":\"oh\"}", OUTCOME_POLL_AGAIN,
	  "vendor answered 200, but there is no state at \"/status\" in its body: oh", "{\"polls\":1,\"unusable\":1}" },
	{ 200, "<html>", OUTCOME_POLL_AGAIN, "vendor answered 200, but its body cannot be read: byte 0: expected a value",
	  "{\"polls\":1,\"unusable\":1}" },
	{ 404, "", OUTCOME_POLL_AGAIN, "vendor answered 404", "{\"polls\":1,\"unusable\":1}" },
	{ 410, "", OUTCOME_FAILED, "vendor answered 410", NULL },
	{ 401, "", OUTCOME_FAILED, "vendor answered 401", NULL },
	{ 303, "", OUTCOME_FAILED, "vendor answered 303", NULL },
	{ 408, "", OUTCOME_POLL_AGAIN, "vendor answered 408", "{\"polls\":1}" },
	{ 429, "", OUTCOME_POLL_AGAIN, "vendor answered 429", "{\"polls\":1}" },
	{ 500, "", OUTCOME_POLL_AGAIN, "vendor answered 500", "{\"polls\":1}" },
	{ 503, "", OUTCOME_POLL_AGAIN, "vendor answered 503", "{\"polls\":1}" },
};

static void each_answer_has_its_outcome_and_costs_no_attempt(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct answer answer = http(answers[i].status, answers[i].body);
		struct outcome outcome = decide(&polled, PHASE_POLLING, "{\"polls\":0}", &answer);

		assert_int_equal(outcome.kind, answers[i].kind);
		assert_string_equal(outcome.error, answers[i].error);
		assert_int_equal(outcome.attempts_add, 0);
		assert_int_equal(outcome.history_entry != NULL, answers[i].kind == OUTCOME_FAILED);
		if (answers[i].poll)
			assert_string_equal(outcome.poll, answers[i].poll);
		else
			assert_null(outcome.poll);
		outcome_deinit(&outcome);
	}
}

static void a_poll_that_got_no_answer_is_made_again(void **state)
{
	static const struct { enum transport transport; enum vendor_health health; const char *poll; int64_t in; } rows[] = {
		{ TRANSPORT_NOT_SENT, HEALTH_UNKNOWN, "{\"polls\":3}", 0 },
		{ TRANSPORT_CONNECT_FAILED, HEALTH_UNREACHABLE, "{\"polls\":4}", 60000 },
		{ TRANSPORT_TIMEOUT, HEALTH_FAILURE, "{\"polls\":4}", 60000 },
		{ TRANSPORT_CONNECTION_LOST, HEALTH_FAILURE, "{\"polls\":4}", 60000 },
		{ TRANSPORT_LOCAL_ERROR, HEALTH_UNKNOWN, "{\"polls\":4}", 60000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct answer answer = { .transport = rows[i].transport, .retry_after_ms = -1, .detail = "oh" };
		struct outcome outcome = decide(&polled, PHASE_POLLING, "{\"polls\":3}", &answer);

		assert_int_equal(outcome.kind, OUTCOME_POLL_AGAIN);
		assert_int_equal(outcome.retry_at, NOW + rows[i].in);
		assert_int_equal(outcome.health, rows[i].health);
		assert_int_equal(outcome.attempts_add, 0);
		assert_string_equal(outcome.poll, rows[i].poll);
		assert_null(outcome.history_entry);
		outcome_deinit(&outcome);
	}
}

static void a_poll_that_may_not_be_made_fails_the_job(void **state)
{
	struct answer answer = { .transport = TRANSPORT_NOT_MADE, .retry_after_ms = -1, .detail = "why" };
	struct outcome outcome = decide(&polled, PHASE_POLLING, "{\"polls\":3}", &answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_FAILED);
	assert_string_equal(outcome.error, "the request cannot be made: why");
	assert_int_equal(outcome.attempts_add, 0);
	outcome_deinit(&outcome);
}

/* Only the vendor itself can say that it is done with a job that it has accepted. */
static void a_vendor_is_done_when_it_says_so(void **state)
{
	static const struct { int status; const char *body; enum settled settled; } rows[] = {
		{ 200, "{\"status\":\"failed\"}", SETTLED }, { 200, "{}", UNSETTLED }, { 404, "", UNSETTLED }, { 410, "", UNSETTLED },
		{ 401, "", UNSETTLED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct answer answer = http(rows[i].status, rows[i].body);
		struct outcome outcome = decide(&polled, PHASE_POLLING, "{\"polls\":9,\"unusable\":4}", &answer);

		assert_int_equal(outcome.kind, OUTCOME_FAILED);
		assert_int_equal(outcome.settled, rows[i].settled);
		outcome_deinit(&outcome);
	}
}

static void nothing_to_go_by_five_times_in_a_row_fails_the_job(void **state)
{
	static const char *const bodies[] = { "{\"status\":\"done\"}", "{}", "oh" };

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct answer answer = http(200, bodies[i]);
		struct outcome outcome = decide(&polled, PHASE_POLLING, "{\"polls\":9,\"unusable\":4}", &answer);

		assert_int_equal(outcome.kind, OUTCOME_FAILED);
		assert_non_null(strstr(outcome.history_entry, "\"polls\":10"));
		assert_null(outcome.poll);
		outcome_deinit(&outcome);
	}
}

static void the_vendors_wishes_are_kept(void **state)
{
	struct answer working = http(200, "{\"status\":\"queued\"}"), slow_down = http(429, "");
	struct outcome outcome;

	(void)state;
	working.retry_after_ms = 90000;
	outcome = decide(&polled, PHASE_POLLING, NULL, &working);
	assert_int_equal(outcome.retry_at, NOW + 90000);
	assert_int_equal(outcome.hold_ms, 0);
	outcome_deinit(&outcome);
	working.retry_after_ms = 900000;
	outcome = decide(&polled, PHASE_POLLING, NULL, &working);
	assert_int_equal(outcome.retry_at, NOW + 600000);   /* max_hold_seconds */
	outcome_deinit(&outcome);
	slow_down.retry_after_ms = 30000;
	outcome = decide(&polled, PHASE_POLLING, NULL, &slow_down);
	assert_int_equal(outcome.retry_at, NOW + 30000);
	assert_int_equal(outcome.hold_ms, 30000);
	assert_int_equal(outcome.health, HEALTH_ALIVE);
	outcome_deinit(&outcome);
}

/* With answers in time: the deadline is a day from NOW, and a call may take 10 s. */
static void a_last_poll_comes_before_the_deadline_rather_than_never(void **state)
{
	struct vendor v = polled;
	struct answer answer = http(200, "{\"status\":\"queued\"}");
	struct outcome outcome;

	(void)state;
	v.poll.interval_ms = v.poll.max_interval_ms = 86400000 - 5000;
	outcome = decide(&v, PHASE_POLLING, NULL, &answer);
	assert_int_equal(outcome.retry_at, DEADLINE - 10000);
	outcome_deinit(&outcome);
	v.timeout_ms = 86400000;
	outcome = decide(&v, PHASE_POLLING, NULL, &answer);
	assert_int_equal(outcome.retry_at, DEADLINE - 5000);
	outcome_deinit(&outcome);
}

/* Its file was changed while the job waited: what it needs may be gone, the job waits on. */
static void a_vendor_that_is_no_longer_polled_is_asked_until_the_deadline(void **state)
{
	struct vendor v = polled;
	struct answer answer = http(200, "{\"status\":\"done\",\"data\":1}");
	struct outcome outcome;

	(void)state;
	v.mode = VENDOR_SYNC;
	v.poll.done_values = NULL;
	outcome = decide(&v, PHASE_POLLING, NULL, &answer);
	assert_int_equal(outcome.kind, OUTCOME_POLL_AGAIN);
	outcome_deinit(&outcome);
}

/* The lists of statuses hold for polls, too. */
static void the_file_may_say_which_statuses_pass(void **state)
{
	static int also[] = { 404, 401, 0 }, never[] = { 500, 0 };
	static const struct { int status; enum outcome_kind kind; } rows[] = {
		{ 404, OUTCOME_POLL_AGAIN }, { 401, OUTCOME_POLL_AGAIN }, { 500, OUTCOME_FAILED },
	};
	struct vendor v = polled;

	(void)state;
	v.retry_also = also;
	v.retry_never = never;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct answer answer = http(rows[i].status, "");
		struct outcome outcome = decide(&v, PHASE_POLLING, "{\"polls\":9,\"unusable\":4}", &answer);

		assert_int_equal(outcome.kind, rows[i].kind);
		outcome_deinit(&outcome);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_accepted_job_is_asked_for_until_the_poll_deadline),
		cmocka_unit_test(the_jobs_own_deadline_is_the_last),
		cmocka_unit_test(a_url_that_it_names_is_kept),
		cmocka_unit_test(an_acknowledgement_of_no_use_fails_the_job_or_is_tried_again),
		cmocka_unit_test(a_result_is_taken_from_its_place_and_cleaned),
		cmocka_unit_test(a_poll_that_cannot_be_made_fails_the_job),
		cmocka_unit_test(while_it_works_it_is_asked_again_and_nothing_is_written_down),
		cmocka_unit_test(each_answer_has_its_outcome_and_costs_no_attempt),
		cmocka_unit_test(a_poll_that_got_no_answer_is_made_again),
		cmocka_unit_test(a_poll_that_may_not_be_made_fails_the_job),
		cmocka_unit_test(a_vendor_is_done_when_it_says_so),
		cmocka_unit_test(nothing_to_go_by_five_times_in_a_row_fails_the_job),
		cmocka_unit_test(the_vendors_wishes_are_kept),
		cmocka_unit_test(a_last_poll_comes_before_the_deadline_rather_than_never),
		cmocka_unit_test(a_vendor_that_is_no_longer_polled_is_asked_until_the_deadline),
		cmocka_unit_test(the_file_may_say_which_statuses_pass),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
