/* Which vendor a job goes on to, and when it must not; what a file may say of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../support/vendor_text.h"
#include "fallback.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define VENDOR(name, mode, members) "{'name':'" name "','mode':'" mode "','request':{'url':'http://h/'}" members "}"
#define LEFT(vendor) "{\"vendor\":\"" vendor "\",\"outcome\":\"failed\",\"attempts\":1}"

enum { DEADLINE_MS = 60000 };
static const int64_t NOW = INT64_C(1800000000000);

/* a: every reason but unknown. anyway: all. silent: only failures. b has a list of its own, back to a. */
static const char *const texts[] = {
	VENDOR("a", "sync", ",'deadline_seconds':60,'fallback':{'vendors':['bee','c']}"),
	VENDOR("b", "sync", ",'aliases':['bee'],'fallback':{'vendors':['a']}"),
	VENDOR("c", "async", ""),
	VENDOR("anyway", "async", ",'deadline_seconds':60,'fallback':{'vendors':['c'],'on':['open','failed','unknown']}"),
	VENDOR("silent", "sync", ",'deadline_seconds':60,'fallback':{'vendors':['c'],'on':['failed']}"),
};
static struct vendor_set *vendors;

static struct vendor_set *load(const char *const *files, size_t n)
{
	struct err_text why = { "" };
	struct vendor_set *set = vendor_texts_load(files, n, &why);

	if (!set)
		fail_msg("%s", why.text);
	return set;
}

static struct job job_of(const char *vendor, const char *tried, int attempts, const char *history)
{
	return (struct job){ .request_id = "0198c0de-0000-7000-8000-000000000001", .vendor = (char *)(uintptr_t)vendor,
	                     .tried = (char *)(uintptr_t)tried, .attempts = attempts, .history = (char *)(uintptr_t)history,
	                     .phase = PHASE_QUEUED, .fence = 4, .created_at = NOW, .deadline_at = NOW + DEADLINE_MS };
}

/* ---- The way ---- */

static void the_list_of_the_first_vendor_counts_to_its_end(void **state)
{
	static const struct { const char *vendor, *tried, *next; } rows[] = {
		{ "a", NULL, "b" },
		{ "b", "[" LEFT("a") "]", "c" },
		{ "c", "[" LEFT("a") "," LEFT("b") "]", NULL },
		{ "b", NULL, "a" },                           /* each may be the other's */
		{ "a", "[" LEFT("b") "]", NULL },
		{ "c", NULL, NULL },
		{ "c", "[" LEFT("a") "]", "b" },              /* the file was changed meanwhile */
		{ "b", "[" LEFT("gone") "]", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job job = job_of(rows[i].vendor, rows[i].tried, 0, NULL);
		const struct vendor *next = fallback_next(vendors, &job, FALLBACK_FAILED, NOW);

		if (rows[i].next)
			assert_string_equal(next ? next->name : "none", rows[i].next);
		else
			assert_null(next);
	}
}

static void only_what_the_file_names_is_a_reason(void **state)
{
	static const struct { const char *vendor; bool open, exhausted, failed, unknown; } rows[] = {
		{ "a", true, true, true, false }, { "anyway", true, false, true, true }, { "silent", false, false, true, false },
		{ "c", false, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job job = job_of(rows[i].vendor, NULL, 0, NULL);

		assert_int_equal(fallback_next(vendors, &job, FALLBACK_OPEN, NOW) != NULL, rows[i].open);
		assert_int_equal(fallback_next(vendors, &job, FALLBACK_EXHAUSTED, NOW) != NULL, rows[i].exhausted);
		assert_int_equal(fallback_next(vendors, &job, FALLBACK_FAILED, NOW) != NULL, rows[i].failed);
		assert_int_equal(fallback_next(vendors, &job, FALLBACK_UNKNOWN, NOW) != NULL, rows[i].unknown);
	}
}

/* The deadline of the vendor that it came in for. Polling may have brought the job's own nearer. */
static void after_its_deadline_a_job_goes_nowhere(void **state)
{
	struct job job = job_of("a", NULL, 0, NULL);

	(void)state;
	assert_non_null(fallback_next(vendors, &job, FALLBACK_FAILED, NOW + DEADLINE_MS - 1));
	assert_null(fallback_next(vendors, &job, FALLBACK_FAILED, NOW + DEADLINE_MS));
	job.deadline_at = NOW + 1;
	assert_non_null(fallback_next(vendors, &job, FALLBACK_FAILED, NOW + DEADLINE_MS - 1));
}

/* ---- Never two at once ---- */

#define TRY(attempt, outcome) "{\"attempt\":" attempt ",\"at\":\"\",\"outcome\":\"" outcome "\"}"

static void a_queued_job_goes_only_if_nothing_can_be_at_work(void **state)
{
	static const struct { const char *vendor, *history; int attempts; bool settled; } rows[] = {
		{ "a", NULL, 0, true },
		{ "a", "[" TRY("1", "http_500") "]", 1, true },
		{ "a", "[" TRY("1", "connect_failed") "]", 1, true },
		{ "a", "[" TRY("1", "timeout") "]", 1, false },
		{ "a", "[" TRY("1", "connection_lost") "]", 1, false },
		{ "a", "[" TRY("1", "worker_lost") "]", 1, false },
		{ "a", "[" TRY("1", "http_504") "]", 1, false },
		{ "a", "[" TRY("1", "timeout") "," TRY("2", "http_500") "]", 2, true },
		{ "a", "[" TRY("1", "timeout") "," TRY("2", "connect_failed") "]", 2, false },
		{ "a", "[" TRY("1", "timeout") "," TRY("1", "connect_failed") "]", 1, true },   /* another vendor's was before */
		{ "a", "[" TRY("1", "timeout") "]", 0, true },
		{ "a", "[" TRY("1", "http_200") "]", 1, true },
		{ "anyway", "[" TRY("1", "http_202") "]", 1, false },     /* what it acknowledged, it may do */
		{ "anyway", "[" TRY("1", "http_202") "," TRY("1", "callback_retry") "]", 1, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job job = job_of(rows[i].vendor, NULL, rows[i].attempts, rows[i].history);

		assert_int_equal(fallback_is_settled(vendor_find(vendors, job.vendor), &job), rows[i].settled);
		/* anyway takes the risk */
		assert_int_equal(fallback_of_queued(vendors, &job, FALLBACK_OPEN, NOW) != NULL,
		                 rows[i].settled || strcmp(rows[i].vendor, "anyway") == 0);
	}
}

static void a_failure_is_unknown_while_something_can_be_at_work(void **state)
{
	struct job job = job_of("a", NULL, 1, "[" TRY("1", "timeout") "]");
	const struct vendor *a = vendor_find(vendors, "a");

	(void)state;
	assert_int_equal(fallback_reason(a, &job, SETTLED), FALLBACK_FAILED);
	assert_int_equal(fallback_reason(a, &job, UNSETTLED), FALLBACK_UNKNOWN);
	assert_int_equal(fallback_reason(a, &job, SETTLED_AS_BEFORE), FALLBACK_UNKNOWN);
	job.history = (char *)(uintptr_t)"[" TRY("1", "http_500") "]";
	assert_int_equal(fallback_reason(a, &job, SETTLED_AS_BEFORE), FALLBACK_FAILED);
}

/* A job that would wait for the end of a long Retry-After goes on; after_seconds is 90. */
static void who_wants_to_be_left_alone_for_long_is_left(void **state)
{
	static const struct { const char *vendor; enum outcome_kind kind; int64_t hold_ms; enum settled settled; bool goes; } rows[] = {
		{ "a", OUTCOME_RETURNED, 90001, SETTLED, true },
		{ "a", OUTCOME_RETURNED, 90000, SETTLED, false },
		{ "a", OUTCOME_RETRY, 90001, SETTLED, true },
		{ "a", OUTCOME_RETRY, 90001, UNSETTLED, false },
		{ "a", OUTCOME_RETRY, 0, SETTLED, false },
		{ "a", OUTCOME_COMPLETE, 90001, SETTLED, false },
		{ "a", OUTCOME_POLL_AGAIN, 90001, SETTLED, false },
		{ "silent", OUTCOME_RETURNED, 90001, SETTLED, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job job = job_of(rows[i].vendor, NULL, 0, NULL);
		struct outcome outcome = { .kind = rows[i].kind, .hold_ms = rows[i].hold_ms, .settled = rows[i].settled };
		enum fallback_reason reason;
		const struct vendor *next = fallback_of_outcome(vendors, vendor_find(vendors, job.vendor), &job, &outcome, NOW, &reason);

		assert_int_equal(next != NULL, rows[i].goes);
		if (next)
			assert_int_equal(reason, FALLBACK_EXHAUSTED);
	}
}

/* ---- The change ---- */

static void the_change_is_guarded_and_says_why(void **state)
{
	struct job job = job_of("a", NULL, 1, NULL);
	struct job_change change = { .request_id = job.request_id, .event = EVENT_FAIL, .fence = job.fence, .now = NOW + 5,
	                             .attempts_add = 1, .error = "vendor answered 400: \"no\"", .expire_at = 77 };
	char *entry;

	(void)state;
	job.phase = PHASE_CALLING;
	job.deadline_at = NOW + 10;
	fallback_to_change(vendors, &job, vendor_find(vendors, "b"), FALLBACK_FAILED, &change, &entry);
	assert_int_equal(change.event, EVENT_FALL_BACK);
	assert_int_equal(change.from, PHASE_BIT(PHASE_CALLING));
	assert_int_equal(change.fence, 4);
	assert_string_equal(change.vendor, "a");
	assert_string_equal(change.to_vendor, "b");
	assert_ptr_equal(change.tried_entry, entry);
	assert_string_equal(entry, "{\"vendor\":\"a\",\"outcome\":\"failed\",\"at\":\"2027-01-15T08:00:00.005Z\",\"attempts\":2,"
	                    "\"error\":\"vendor answered 400: \\\"no\\\"\"}");
	assert_int_equal(change.queued_at, NOW + 5);
	assert_int_equal(change.next_attempt_at, NOW + 5);
	assert_int_equal(change.deadline_at, NOW + DEADLINE_MS);
	assert_int_equal(change.due_at, NOW + DEADLINE_MS);
	assert_int_equal(change.expire_at, 0);
	free(entry);
}

static void a_vendor_that_was_never_called_has_said_nothing(void **state)
{
	struct job job = job_of("b", "[" LEFT("a") "]", 0, NULL);
	struct job_change change = { .request_id = job.request_id, .fence = job.fence, .now = NOW };
	char *entry;

	(void)state;
	job.error = (char *)(uintptr_t)"what a said";
	fallback_to_change(vendors, &job, vendor_find(vendors, "c"), FALLBACK_OPEN, &change, &entry);
	assert_string_equal(entry, "{\"vendor\":\"b\",\"outcome\":\"open\",\"at\":\"2027-01-15T08:00:00.000Z\",\"attempts\":0}");
	free(entry);
}

static void it_is_known_whom_a_job_has_left(void **state)
{
	struct job job = job_of("c", "[" LEFT("a") "," LEFT("b") "]", 0, NULL), first = job_of("a", NULL, 0, NULL);

	(void)state;
	assert_true(fallback_has_left(&job, "a"));
	assert_true(fallback_has_left(&job, "b"));
	assert_false(fallback_has_left(&job, "c"));
	assert_false(fallback_has_left(&first, "a"));
}

/* ---- What files say ---- */

static void each_vendor_knows_what_may_make_jobs_leave_it(void **state)
{
	static const char *const files[] = {
		VENDOR("a", "sync", ",'fallback':{'vendors':['b','c'],'after_seconds':30}"),
		VENDOR("b", "sync", ",'fallback':{'vendors':['c'],'on':['exhausted'],'after_seconds':20}"),
		VENDOR("c", "sync", ",'fallback':{'vendors':['d'],'on':['failed']}"),
		VENDOR("d", "sync", ""),
	};
	const unsigned open = FALLBACK_BIT(FALLBACK_OPEN), exhausted = FALLBACK_BIT(FALLBACK_EXHAUSTED);
	struct vendor_set *set = load(files, 4);

	(void)state;
	assert_int_equal(vendor_find(set, "a")->leaving.on, open | exhausted);
	assert_int_equal(vendor_find(set, "a")->leaving.after_ms, 30000);
	assert_int_equal(vendor_find(set, "b")->leaving.on, open | exhausted);
	assert_int_equal(vendor_find(set, "b")->leaving.after_ms, 20000);
	assert_int_equal(vendor_find(set, "c")->leaving.on, 0);
	assert_int_equal(vendor_find(set, "d")->leaving.on, 0);
	vendor_set_free(set);
}

static void refused(const char *members, const char *message)
{
	char *a = mem_printf("{'name':'a','aliases':['eh'],'mode':'sync','request':{'url':'http://h/'},'fallback':%s}", members);
	const char *files[] = { a, VENDOR("b", "sync", ",'aliases':['bee']") };
	struct err_text why = { "" };

	assert_null(vendor_texts_load(files, 2, &why));
	assert_string_equal(why.text, message);
	free(a);
}

static void a_way_that_does_not_lead_on_is_refused(void **state)
{
	(void)state;
	refused("{'vendors':['b','nobody']}", "fallback/vendors: there is no vendor \"nobody\"");
	refused("{'vendors':['a']}", "fallback/vendors: a job would come to \"a\" twice: a -> a");
	refused("{'vendors':['b','eh']}", "fallback/vendors: a job would come to \"eh\" twice: a -> b -> eh");
	refused("{'vendors':['b','bee']}", "fallback/vendors: a job would come to \"bee\" twice: a -> b -> bee");
	refused("{'vendors':['b'],'on':['closed']}",
	        "fallback/on: must be \"open\", \"exhausted\", \"failed\" or \"unknown\"");
	refused("{'vendors':'b'}", "fallback/vendors: must be an array of strings");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_of_the_first_vendor_counts_to_its_end),
		cmocka_unit_test(only_what_the_file_names_is_a_reason),
		cmocka_unit_test(after_its_deadline_a_job_goes_nowhere),
		cmocka_unit_test(a_queued_job_goes_only_if_nothing_can_be_at_work),
		cmocka_unit_test(a_failure_is_unknown_while_something_can_be_at_work),
		cmocka_unit_test(who_wants_to_be_left_alone_for_long_is_left),
		cmocka_unit_test(the_change_is_guarded_and_says_why),
		cmocka_unit_test(a_vendor_that_was_never_called_has_said_nothing),
		cmocka_unit_test(it_is_known_whom_a_job_has_left),
		cmocka_unit_test(each_vendor_knows_what_may_make_jobs_leave_it),
		cmocka_unit_test(a_way_that_does_not_lead_on_is_refused),
	};
	int failed;

	vendors = load(texts, sizeof(texts) / sizeof(texts[0]));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vendor_set_free(vendors);
	return failed;
}
