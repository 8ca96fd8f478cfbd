/* Changing: every event in every phase against the transition table, the guards, and what a change writes. */
#include "store_contract.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(char **array, const char *entry)
{
	char *old = *array;

	if (!entry)
		return;
	*array = old ? mem_printf("%.*s,%s]", (int)strlen(old) - 1, old, entry) : mem_printf("[%s]", entry);
	free(old);
}

/* Nothing of the vendor that it leaves stays. */
static void go_to_other(struct job *job, const struct job_change *change)
{
	free(job->vendor);
	free(job->vendor_job_id);
	free(job->poll);
	job->vendor = mem_strdup(change->to_vendor);
	job->vendor_job_id = job->poll = NULL;
	job->fence++;
	job->attempts = 0;
	append(&job->tried, change->tried_entry);
}

/* What job.h says that this change makes of the job. */
static void apply(struct job *job, const struct job_change *change)
{
	const struct job_transition *row = job_transition(change->event);
	bool enqueued = phase_is_enqueued(row->to), to_done = row->to == PHASE_DONE;

	job->phase = row->to;
	if (row->status >= 0)
		job->status = (enum status)row->status;
	job->updated_at = change->now;
	job->attempts += change->attempts_add;
	job->next_attempt_at = enqueued ? change->next_attempt_at : 0;
	job->queued_at = enqueued ? change->queued_at : 0;
	job->due_at = to_done ? 0 : change->due_at;
	if (change->deadline_at)
		job->deadline_at = change->deadline_at;
	if (to_done) {
		job->completed_at = change->now;
		job->expire_at = change->expire_at;
	}
	if (change->event == EVENT_SUCCEED)
		job->result = mem_strdup(change->result);
	if (change->error || row->clears_error) {
		free(job->error);
		job->error = change->error ? mem_strdup(change->error) : NULL;
	}
	append(&job->history, change->history_entry);
	if (row->to_other) {
		go_to_other(job, change);
		return;
	}
	if (change->poll) {
		free(job->poll);
		job->poll = mem_strdup(change->poll);
	}
	if (change->vendor_job_id) {
		free(job->vendor_job_id);
		job->vendor_job_id = mem_strdup(change->vendor_job_id);
	}
}

/* A change that writes all that its event may write. */
static struct job_change full_change(const struct job *job, enum job_event event, int64_t now)
{
	struct job_change change = {
		.request_id = job->request_id, .event = event, .fence = job->fence, .now = now, .attempts_add = 1,
		.next_attempt_at = now + 10, .queued_at = now + 11, .due_at = now + 12, .expire_at = now + DAY_MS,
		.deadline_at = now + DAY_MS / 2, .vendor_job_id = "V-1",
		.poll = "{\"polls\":3,\"url\":\"http://127.0.0.1/s?id=1\"}", .history_entry = "{\"attempt\":1,\"status\":503}",
		.vendor = job->vendor, .to_vendor = "beta", .tried_entry = "{\"vendor\":\"alpha\",\"attempts\":2}",
	};

	if (event == EVENT_SUCCEED)
		change.result = "{\"score\":1.50}";
	else
		change.error = "HTTP 503";
	return change;
}

static bool is_claim(enum job_event event) { return event == EVENT_CLAIM || event == EVENT_CLAIM_POLL; }

static bool allowed(enum phase phase, enum job_event event)
{
	return job_transition(event)->from & PHASE_BIT(phase);
}

static void assert_became(struct store *store, struct job *before, const struct job_change *change, bool applied)
{
	struct job *got = must_get(store, before->request_id);

	if (change->outcome != (applied ? ERR_OK : ERR_STALE))
		fail_msg("%s in phase %s: %s", job_transition(change->event)->name, phase_name(before->phase),
		         err_str(change->outcome));
	if (applied)
		apply(before, change);
	assert_same_job(got, before);
	job_free(got);
}

static void every_event_in_every_phase_follows_the_table(void **state)
{
	struct contract *c = *state;

	for (int phase = 0; phase < PHASE_COUNT; phase++)
		for (int event = EVENT_CLAIM_POLL + 1; event < EVENT_COUNT; event++) {
			struct job *job = must_have_in_phase(c->store, c->now, "alpha", (enum phase)phase);
			struct job_change change = full_change(job, (enum job_event)event, c->now + 5);

			assert_ok(store_change(c->store, &change, 1, &contract_why));
			assert_became(c->store, job, &change, allowed((enum phase)phase, (enum job_event)event));
			job_free(job);
		}
}

static void one_batch_of_every_event_in_every_phase_answers_each(void **state)
{
	enum { N = PHASE_COUNT * EVENT_COUNT };
	struct contract *c = *state;
	struct job *jobs[N];
	struct job_change changes[N];

	for (int i = 0; i < N; i++) {
		enum job_event event = (enum job_event)(i % EVENT_COUNT);

		jobs[i] = must_have_in_phase(c->store, c->now, "alpha", (enum phase)(i / EVENT_COUNT));
		/* Claims are not for store_change(): their places are taken by jobs that do not exist. */
		changes[i] = full_change(jobs[i], is_claim(event) ? EVENT_CANCEL : event, c->now + 5);
		if (is_claim(event))
			changes[i].request_id = "no such job";
		changes[i].outcome = ERR_SYSTEM;
	}
	assert_ok(store_change(c->store, changes, N, &contract_why));
	for (int i = 0; i < N; i++) {
		bool exists = !is_claim((enum job_event)(i % EVENT_COUNT));

		assert_became(c->store, jobs[i], &changes[i], exists && allowed(jobs[i]->phase, changes[i].event));
		job_free(jobs[i]);
	}
}

/* Without its optional members a change leaves the old values. */
static void a_bare_change_keeps_what_it_does_not_name(void **state)
{
	struct contract *c = *state;

	for (int phase = 0; phase < PHASE_DONE; phase++)
		for (int event = EVENT_CLAIM_POLL + 1; event < EVENT_COUNT; event++) {
			struct job *job = contract_job(c->now, "alpha"), *got;
			struct job_change change = { .request_id = job->request_id, .event = (enum job_event)event,
			                             .now = c->now + 5, .due_at = c->now + 9, .to_vendor = "beta" };

			if (!allowed((enum phase)phase, (enum job_event)event)) {
				job_free(job);
				continue;
			}
			if (event == EVENT_SUCCEED)
				change.result = "null";
			job->phase = (enum phase)phase;
			job->attempts = 3;
			job->error = mem_strdup("the last failure");
			job->vendor_job_id = mem_strdup("V-7");
			job->poll = mem_strdup("{\"polls\":1}");
			job->history = mem_strdup("[{\"a\":1}]");
			must_insert(c->store, job);
			assert_err(change_one(c->store, &change), ERR_OK);
			apply(job, &change);
			got = must_get(c->store, job->request_id);
			assert_same_job(got, job);
			job_free(got);
			job_free(job);
		}
}

/* Whatever its fence: also one that may be written without. */
static void another_vendors_job_is_stale(void **state)
{
	struct contract *c = *state;

	for (int event = EVENT_CLAIM_POLL + 1; event < EVENT_COUNT; event++) {
		struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
		struct job_change change = full_change(job, (enum job_event)event, c->now + 5);

		change.vendor = "alph";
		if (job_transition(change.event)->any_fence)
			change.fence = FENCE_ANY;
		assert_ok(store_change(c->store, &change, 1, &contract_why));
		assert_became(c->store, job, &change, false);
		job_free(job);
	}
}

/* One batch takes a job from its vendor to the next and on: each time its fence is a new one, and what the vendor that it
 * has left had of it is gone. */
static void a_job_that_goes_to_another_vendor_starts_anew_there(void **state)
{
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_WAITING_CALLBACK), *got = NULL;
	struct job_change first = full_change(job, EVENT_FALL_BACK, c->now + 5), again = first, late = first;
	struct job_ref *refs = NULL;
	size_t n = 0;

	assert_err(change_one(c->store, &first), ERR_OK);
	assert_err(change_one(c->store, &again), ERR_STALE);
	late.event = EVENT_SUCCEED;
	late.fence = FENCE_ANY;
	late.result = "1";
	assert_err(change_one(c->store, &late), ERR_STALE);
	assert_err(store_get_by_vendor_job_id(c->store, "beta", "V-1", &got, &contract_why), ERR_NOT_FOUND);
	assert_ok(store_find_queued(c->store, "alpha", c->now + DAY_MS, 10, &refs, &n, &contract_why));
	assert_int_equal(n, 0);
	job_refs_free(refs, n);
	assert_ok(store_find_queued(c->store, "beta", c->now + DAY_MS, 10, &refs, &n, &contract_why));
	assert_int_equal(n, 1);
	assert_string_equal(refs->request_id, job->request_id);
	assert_string_equal(refs->tried, "[{\"vendor\":\"alpha\",\"attempts\":2}]");
	assert_int_equal(refs->created_at, job->created_at);
	assert_int_equal(refs->fence, job->fence + 1);
	job_refs_free(refs, n);
	first.fence = job->fence + 1;
	first.vendor = "beta";
	first.to_vendor = "gamma";
	first.tried_entry = "{\"vendor\":\"beta\"}";
	assert_err(change_one(c->store, &first), ERR_OK);
	got = must_get(c->store, job->request_id);
	assert_string_equal(got->vendor, "gamma");
	assert_string_equal(got->tried, "[{\"vendor\":\"alpha\",\"attempts\":2},{\"vendor\":\"beta\"}]");
	job_free(got);
	job_free(job);
}

static void another_fence_is_stale(void **state)
{
	static const int64_t others[] = { -1, 1, 1000 };
	struct contract *c = *state;

	for (int phase = PHASE_CALLING; phase < PHASE_DONE; phase++)
		for (int event = EVENT_CLAIM_POLL + 1; event < EVENT_COUNT; event++) {
			struct job *job = must_have_in_phase(c->store, c->now, "alpha", (enum phase)phase);

			for (size_t i = 0; i < COUNT(others); i++) {
				struct job_change change = full_change(job, (enum job_event)event, c->now + 5);

				change.fence = job->fence + others[i];
				assert_ok(store_change(c->store, &change, 1, &contract_why));
				assert_became(c->store, job, &change, false);
			}
			job_free(job);
		}
}

static void any_fence_is_for_the_events_that_allow_it(void **state)
{
	struct contract *c = *state;

	for (int phase = 0; phase < PHASE_COUNT; phase++)
		for (int event = EVENT_CLAIM_POLL + 1; event < EVENT_COUNT; event++) {
			struct job *job = must_have_in_phase(c->store, c->now, "alpha", (enum phase)phase);
			struct job_change change = full_change(job, (enum job_event)event, c->now + 5);

			change.fence = FENCE_ANY;
			assert_ok(store_change(c->store, &change, 1, &contract_why));
			assert_became(c->store, job, &change, allowed((enum phase)phase, (enum job_event)event) &&
			                                              job_transition((enum job_event)event)->any_fence);
			job_free(job);
		}
}

static void from_narrows_the_phases(void **state)
{
	struct contract *c = *state;

	for (int phase = 0; phase < PHASE_COUNT; phase++)
		for (unsigned from = 1; from < PHASE_BIT(PHASE_COUNT); from++) {
			struct job *job = must_have_in_phase(c->store, c->now, "alpha", (enum phase)phase);
			struct job_change change = full_change(job, EVENT_EXPIRE, c->now + 5);

			change.from = from;
			assert_ok(store_change(c->store, &change, 1, &contract_why));
			assert_became(c->store, job, &change, phase != PHASE_DONE && from & PHASE_BIT(phase));
			job_free(job);
		}
}

static void from_cannot_widen_the_phases(void **state)
{
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_DONE);
	struct job_change change = full_change(job, EVENT_SUCCEED, c->now + 5);

	change.from = PHASE_BIT(PHASE_DONE) | PHASE_BIT(PHASE_CALLING);
	assert_ok(store_change(c->store, &change, 1, &contract_why));
	assert_became(c->store, job, &change, false);
	job_free(job);
}

static void requeue_is_for_the_queued_at_that_was_read(void **state)
{
	static const struct { enum phase phase; enum job_event event; } rows[] = {
		{ PHASE_QUEUED, EVENT_REQUEUE }, { PHASE_WAITING_POLL, EVENT_REQUEUE_POLL },
	};
	struct contract *c = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct job *job = must_have_in_phase(c->store, c->now, "alpha", rows[i].phase);
		struct job_change change = { .request_id = job->request_id, .event = rows[i].event, .fence = job->fence,
		                             .now = c->now + 5, .queued_at_guard = job->queued_at - 1,
		                             .next_attempt_at = job->next_attempt_at, .queued_at = c->now + 5,
		                             .due_at = job->due_at };

		assert_ok(store_change(c->store, &change, 1, &contract_why));
		assert_became(c->store, job, &change, false);
		change.queued_at_guard = job->queued_at;
		assert_ok(store_change(c->store, &change, 1, &contract_why));
		assert_became(c->store, job, &change, true);
		/* Somebody else who read the same page comes too late. */
		assert_ok(store_change(c->store, &change, 1, &contract_why));
		assert_became(c->store, job, &change, false);
		job_free(job);
	}
}

static void the_last_failure_stays_until_success_clears_it(void **state)
{
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
	struct job_change retry = { .request_id = job->request_id, .event = EVENT_RETRY, .fence = 1, .now = c->now,
	                            .attempts_add = 1, .next_attempt_at = c->now, .queued_at = c->now,
	                            .due_at = job->deadline_at, .error = "HTTP 500" };
	struct job_change succeed = { .request_id = job->request_id, .event = EVENT_SUCCEED, .fence = FENCE_ANY,
	                              .now = c->now, .result = "1", .expire_at = c->now + DAY_MS };
	struct job *got;

	assert_err(change_one(c->store, &retry), ERR_OK);
	assert_err(claim_one(c->store, job->request_id, c->now, &got), ERR_OK);
	assert_same_text("error", got->error, "HTTP 500");
	assert_int_equal(got->attempts, 1);
	job_free(got);
	assert_err(change_one(c->store, &succeed), ERR_OK);
	got = must_get(c->store, job->request_id);
	assert_same_text("error", got->error, NULL);
	assert_same_text("result", got->result, "1");
	job_free(got);
	job_free(job);
}

static void history_grows_in_order(void **state)
{
	enum { ENTRIES = 40 };
	struct contract *c = *state;
	struct job *job = contract_job(c->now, "alpha"), *got;
	char expected[ENTRIES * 24] = "[";

	must_insert(c->store, job);
	for (int i = 0; i < ENTRIES; i++) {
		char entry[24];
		size_t len = strlen(expected);
		struct job_change change = { .request_id = job->request_id, .event = EVENT_RETRY, .fence = i + 1,
		                             .now = c->now, .next_attempt_at = c->now, .queued_at = c->now,
		                             .due_at = job->deadline_at, .history_entry = entry };

		snprintf(entry, sizeof(entry), "{\"n\":%d}", i);
		snprintf(expected + len, sizeof(expected) - len, "%s%s", entry, i < ENTRIES - 1 ? "," : "]");
		assert_err(claim_one(c->store, job->request_id, c->now, NULL), ERR_OK);
		assert_err(change_one(c->store, &change), ERR_OK);
	}
	got = must_get(c->store, job->request_id);
	assert_same_text("history", got->history, expected);
	job_free(got);
	job_free(job);
}

/* Whichever of the two wins, its answer and what is stored agree. */
static void two_ends_for_one_job_in_a_batch_leave_one(void **state)
{
	static const char *const results[] = { "\"first\"", "\"second\"" };
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
	struct job_change changes[2];
	struct job *got;
	int winner;

	for (int i = 0; i < 2; i++) {
		changes[i] = full_change(job, EVENT_SUCCEED, c->now);
		changes[i].result = results[i];
	}
	assert_ok(store_change(c->store, changes, 2, &contract_why));
	winner = changes[0].outcome == ERR_OK ? 0 : 1;
	assert_err(changes[winner].outcome, ERR_OK);
	assert_err(changes[!winner].outcome, ERR_STALE);
	got = must_get(c->store, job->request_id);
	assert_same_text("result", got->result, results[winner]);
	assert_int_equal(got->attempts, 1);
	job_free(got);
	job_free(job);
}

static void a_too_big_result_writes_nothing_and_harms_nobody(void **state)
{
	struct contract *c = *state;
	char *big = contract_text(STORE_TEXT_MAX + 1, 'r');
	struct job *jobs[3];
	struct job_change changes[3];

	for (int i = 0; i < 3; i++) {
		jobs[i] = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
		changes[i] = full_change(jobs[i], EVENT_SUCCEED, c->now + 5);
	}
	changes[1].result = big;
	assert_ok(store_change(c->store, changes, 3, &contract_why));
	assert_err(changes[1].outcome, ERR_TOO_BIG);
	for (int i = 0; i < 3; i++) {
		struct job *got = must_get(c->store, jobs[i]->request_id);

		if (i != 1) {
			assert_err(changes[i].outcome, ERR_OK);
			apply(jobs[i], &changes[i]);
		}
		assert_same_job(got, jobs[i]);
		job_free(got);
		job_free(jobs[i]);
	}
	free(big);
}

/* An engine may keep both or say that they are too big together; nothing in between. */
static void a_big_payload_with_a_big_result_is_kept_or_refused(void **state)
{
	enum { BIG = 10 << 20 };
	struct contract *c = *state;
	char *result = contract_text(BIG, 'r');
	struct job *job = job_new(c->now, "alpha", contract_text(BIG, 'p'), c->now + DAY_MS), *got;
	struct job *other = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
	struct job_change changes[2];

	must_insert(c->store, job);
	changes[0] = full_change(job, EVENT_SUCCEED, c->now + 5);
	changes[0].result = result;
	changes[1] = full_change(other, EVENT_SUCCEED, c->now + 5);
	assert_ok(store_change(c->store, changes, 2, &contract_why));
	assert_err(changes[1].outcome, ERR_OK);
	if (changes[0].outcome == ERR_OK)
		apply(job, &changes[0]);
	else
		assert_err(changes[0].outcome, ERR_TOO_BIG);
	got = must_get(c->store, job->request_id);
	assert_same_job(got, job);
	job_free(got);
	job_free(job);
	job_free(other);
	free(result);
}

static const struct CMUnitTest tests[] = {
	contract_test(every_event_in_every_phase_follows_the_table),
	contract_test(one_batch_of_every_event_in_every_phase_answers_each),
	contract_test(a_bare_change_keeps_what_it_does_not_name),
	contract_test(another_vendors_job_is_stale),
	contract_test(a_job_that_goes_to_another_vendor_starts_anew_there),
	contract_test(another_fence_is_stale),
	contract_test(any_fence_is_for_the_events_that_allow_it),
	contract_test(from_narrows_the_phases),
	contract_test(from_cannot_widen_the_phases),
	contract_test(requeue_is_for_the_queued_at_that_was_read),
	contract_test(the_last_failure_stays_until_success_clears_it),
	contract_test(history_grows_in_order),
	contract_test(two_ends_for_one_job_in_a_batch_leave_one),
	contract_test(a_too_big_result_writes_nothing_and_harms_nobody),
	contract_test(a_big_payload_with_a_big_result_is_kept_or_refused),
};
const struct contract_group contract_change = CONTRACT_GROUP(tests);
