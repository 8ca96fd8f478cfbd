/* What becomes of a job whose vendor refuses its access token: once more with another one, then as any 401. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "outcome.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static const int64_t NOW = INT64_C(1800000000000);
static const int64_t DEADLINE = INT64_C(1800000000000) + 86400000;

static int also_401[] = { 401, 0 }, never_401[] = { 401, 0 };

static const struct vendor plain = {
	.name = (char *)(uintptr_t)"s", .retry = { .max_attempts = 3, .base_ms = 2000, .max_ms = 60000, .max_hold_ms = 600000 },
	.response_result = (char *)(uintptr_t)"/data", .response_error = (char *)(uintptr_t)"/error", .timeout_ms = 10000,
	.poll = { .state = (char *)(uintptr_t)"/status", .interval_ms = 5000, .factor = 1, .max_interval_ms = 60000 },
};

static struct answer http(int status, const char *token_id)
{
	return (struct answer){ .transport = TRANSPORT_ANSWERED, .http_status = status, .body = "{\"error\":\"expired\"}",
	                        .body_len = strlen("{\"error\":\"expired\"}"), .retry_after_ms = -1, .sent_at = NOW,
	                        .token_id = token_id };
}

static struct outcome decide(const struct vendor *vendor, enum phase phase, const char *memory, struct answer answer)
{
	const struct job job = { .request_id = "0198c0de-0000-7000-8000-000000000001", .vendor = TEXT("s"), .phase = phase,
	                         .fence = 7, .attempts = 1, .deadline_at = DEADLINE, .poll = TEXT(memory) };
	struct outcome outcome;

	outcome_of_answer(vendor, &job, &answer, NOW, 0, &outcome);
	return outcome;
}

static void the_first_time_it_goes_once_more_at_once_and_costs_nothing(void **state)
{
	struct outcome outcome = decide(&plain, PHASE_CALLING, NULL, http(401, "T1"));

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_RETURNED);
	assert_int_equal(outcome.attempts_add, 0);
	assert_int_equal(outcome.retry_at, NOW);
	assert_int_equal(outcome.health, HEALTH_SUCCESS);
	assert_int_equal(outcome.hold_ms, 0);
	assert_string_equal(outcome.error, "vendor answered 401: expired; once more with another access token");
	assert_string_equal(outcome.poll, "{\"polls\":0,\"refused_token\":\"T1\"}");
	assert_null(outcome.history_entry);
	outcome_deinit(&outcome);
}

static void the_second_time_it_is_any_401(void **state)
{
	struct outcome outcome = decide(&plain, PHASE_CALLING, "{\"polls\":0,\"refused_token\":\"T1\"}", http(401, "T2"));

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_FAILED);
	assert_int_equal(outcome.attempts_add, 1);
	assert_string_equal(outcome.error, "vendor answered 401: expired");
	assert_non_null(strstr(outcome.history_entry, "\"http_status\":401"));
	outcome_deinit(&outcome);
}

/* Another worker had it still. */
static void the_same_token_again_does_not_count(void **state)
{
	struct outcome outcome = decide(&plain, PHASE_CALLING, "{\"refused_token\":\"T1\"}", http(401, "T1"));

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_RETURNED);
	assert_int_equal(outcome.attempts_add, 0);
	outcome_deinit(&outcome);
}

static void without_a_token_it_is_any_401(void **state)
{
	struct outcome outcome = decide(&plain, PHASE_CALLING, NULL, http(401, NULL));

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_FAILED);
	assert_null(outcome.poll);
	outcome_deinit(&outcome);
}

static void other_answers_are_what_they_are(void **state)
{
	struct outcome outcome = decide(&plain, PHASE_CALLING, NULL, http(403, "T1"));

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_FAILED);
	assert_string_equal(outcome.error, "vendor answered 403: expired");
	outcome_deinit(&outcome);
}

/* What the vendor file says of a 401 it says of the second. */
static void the_files_rules_are_for_the_second(void **state)
{
	struct vendor also = plain, never = plain;
	struct outcome outcome;

	(void)state;
	also.retry_also = also_401;
	never.retry_never = never_401;
	outcome = decide(&never, PHASE_CALLING, NULL, http(401, "T1"));
	assert_int_equal(outcome.kind, OUTCOME_RETURNED);
	outcome_deinit(&outcome);
	outcome = decide(&also, PHASE_CALLING, "{\"refused_token\":\"T1\"}", http(401, "T2"));
	assert_int_equal(outcome.kind, OUTCOME_RETRY);
	assert_int_equal(outcome.attempts_add, 1);
	/* Another attempt, another time: its token may be over again. */
	assert_string_equal(outcome.poll, "{}");
	outcome_deinit(&outcome);
	outcome = decide(&also, PHASE_CALLING, "{}", http(401, "T2"));
	assert_int_equal(outcome.kind, OUTCOME_RETURNED);
	outcome_deinit(&outcome);
}

static void a_call_that_did_not_leave_changes_nothing(void **state)
{
	struct answer answer = { .transport = TRANSPORT_NOT_SENT, .retry_after_ms = -1 };
	struct outcome outcome = decide(&plain, PHASE_CALLING, "{\"refused_token\":\"T1\"}", answer);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_RETURNED);
	assert_null(outcome.poll);
	outcome_deinit(&outcome);
	outcome = decide(&plain, PHASE_POLLING, "{\"polls\":2,\"refused_token\":\"T1\"}", answer);
	assert_int_equal(outcome.kind, OUTCOME_POLL_AGAIN);
	assert_string_equal(outcome.poll, "{\"polls\":2,\"refused_token\":\"T1\"}");
	outcome_deinit(&outcome);
}

static void a_poll_is_made_once_more(void **state)
{
	struct outcome outcome = decide(&plain, PHASE_POLLING, "{\"polls\":3,\"unusable\":1,\"url\":\"/s/1\"}", http(401, "T1"));

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_POLL_AGAIN);
	assert_int_equal(outcome.retry_at, NOW);
	assert_string_equal(outcome.poll, "{\"polls\":4,\"unusable\":1,\"refused_token\":\"T1\",\"url\":\"/s/1\"}");
	outcome_deinit(&outcome);
	outcome = decide(&plain, PHASE_POLLING, "{\"polls\":4,\"refused_token\":\"T1\"}", http(401, "T2"));
	assert_int_equal(outcome.kind, OUTCOME_FAILED);
	outcome_deinit(&outcome);
}

static void after_a_poll_that_was_answered_the_next_401_is_the_first(void **state)
{
	struct outcome outcome = decide(&plain, PHASE_POLLING, "{\"polls\":4,\"refused_token\":\"T1\"}", http(500, "T2"));

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_POLL_AGAIN);
	assert_string_equal(outcome.poll, "{\"polls\":5}");
	outcome_deinit(&outcome);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_time_it_goes_once_more_at_once_and_costs_nothing),
		cmocka_unit_test(the_second_time_it_is_any_401),
		cmocka_unit_test(the_same_token_again_does_not_count),
		cmocka_unit_test(without_a_token_it_is_any_401),
		cmocka_unit_test(other_answers_are_what_they_are),
		cmocka_unit_test(the_files_rules_are_for_the_second),
		cmocka_unit_test(a_call_that_did_not_leave_changes_nothing),
		cmocka_unit_test(a_poll_is_made_once_more),
		cmocka_unit_test(after_a_poll_that_was_answered_the_next_401_is_the_first),
	};
	return cmocka_run_group_tests_name("outcome_token", tests, NULL, NULL);
}
