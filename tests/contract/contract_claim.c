/* Claiming: only what is queued and due, each job to one claimer. */
#include "store_contract.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* Claims this job; what is given and what is stored is in this phase, with a lease. Frees the job. */
static void assert_claim_leads_to(struct contract *c, struct job *job, enum phase phase)
{
	struct job *claimed, *got;

	assert_err(claim_one(c->store, job->request_id, c->now + 7, &claimed), ERR_OK);
	job->phase = phase;
	job->status = STATUS_PROCESSING;
	job->fence++;
	job->updated_at = c->now + 7;
	job->due_at = c->now + 7 + LEASE_MS;
	job->next_attempt_at = job->queued_at = 0;
	assert_same_job(claimed, job);
	got = must_get(c->store, job->request_id);
	assert_same_job(got, job);
	job_free(got);
	job_free(claimed);
	job_free(job);
}

static void a_claim_starts_a_lease(void **state)
{
	struct contract *c = *state;

	assert_claim_leads_to(c, must_have_in_phase(c->store, c->now, "alpha", PHASE_QUEUED), PHASE_CALLING);
}

/* The phase says that its vendor is to be asked, not called. */
static void a_job_that_waits_to_be_asked_for_is_claimed_as_that(void **state)
{
	struct contract *c = *state;

	assert_claim_leads_to(c, must_have_in_phase(c->store, c->now, "alpha", PHASE_WAITING_POLL), PHASE_POLLING);
}

static void a_batch_claims_both_kinds(void **state)
{
	static const enum phase before[] = { PHASE_WAITING_POLL, PHASE_QUEUED, PHASE_POLLING, PHASE_QUEUED, PHASE_WAITING_POLL };
	struct contract *c = *state;
	struct store_claim claims[COUNT(before)];
	struct job *jobs[COUNT(before)];

	for (size_t i = 0; i < COUNT(before); i++) {
		jobs[i] = must_have_in_phase(c->store, c->now, "alpha", before[i]);
		claims[i] = (struct store_claim){ .request_id = jobs[i]->request_id };
	}
	assert_ok(store_claim(c->store, claims, COUNT(before), c->now, c->now + LEASE_MS, &contract_why));
	for (size_t i = 0; i < COUNT(before); i++) {
		assert_err(claims[i].outcome, before[i] == PHASE_POLLING ? ERR_STALE : ERR_OK);
		if (claims[i].job) {
			assert_string_equal(claims[i].job->request_id, jobs[i]->request_id);
			assert_int_equal(claims[i].job->phase, before[i] == PHASE_QUEUED ? PHASE_CALLING : PHASE_POLLING);
			assert_int_equal(claims[i].job->fence, jobs[i]->fence + 1);
		}
		job_free(claims[i].job);
		job_free(jobs[i]);
	}
}

/* Entries of several vendors in one batch; some are left over from before their job went to another. */
static void only_its_own_vendor_claims_a_job(void **state)
{
	static const struct { const char *vendor, *entry; enum err outcome; } rows[] = {
		{ "alpha", "alpha", ERR_OK }, { "beta", "alpha", ERR_STALE }, { "beta", "beta", ERR_OK }, { "alpha", NULL, ERR_OK },
		{ "alpha", "beta", ERR_STALE },
	};
	struct contract *c = *state;
	struct store_claim claims[COUNT(rows)];
	struct job *jobs[COUNT(rows)];

	for (size_t i = 0; i < COUNT(rows); i++) {
		jobs[i] = must_have_in_phase(c->store, c->now, rows[i].vendor, PHASE_QUEUED);
		claims[i] = (struct store_claim){ .request_id = jobs[i]->request_id, .vendor = rows[i].entry };
	}
	assert_ok(store_claim(c->store, claims, COUNT(rows), c->now, c->now + LEASE_MS, &contract_why));
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_err(claims[i].outcome, rows[i].outcome);
		job_free(claims[i].job);
		job_free(jobs[i]);
	}
}

/* One vendor for all, which is what is nearly always asked for. */
static void a_left_over_entry_claims_nothing(void **state)
{
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "beta", PHASE_QUEUED), *got;
	struct store_claim claim = { .request_id = job->request_id, .vendor = "alpha" };

	assert_ok(store_claim(c->store, &claim, 1, c->now, c->now + LEASE_MS, &contract_why));
	assert_err(claim.outcome, ERR_STALE);
	got = must_get(c->store, job->request_id);
	assert_same_job(got, job);
	job_free(got);
	job_free(job);
}

static void only_enqueued_jobs_are_claimed(void **state)
{
	static const enum phase others[] = { PHASE_CALLING, PHASE_WAITING_CALLBACK, PHASE_POLLING, PHASE_DONE };
	struct contract *c = *state;

	for (size_t i = 0; i < COUNT(others); i++) {
		struct job *job = must_have_in_phase(c->store, c->now, "alpha", others[i]);
		struct job *got;

		assert_err(claim_one(c->store, job->request_id, c->now, NULL), ERR_STALE);
		got = must_get(c->store, job->request_id);
		assert_same_job(got, job);
		job_free(got);
		job_free(job);
	}
}

static void an_unknown_id_cannot_be_claimed(void **state)
{
	struct contract *c = *state;

	assert_err(claim_one(c->store, "0197aaaa-0000-7000-8000-000000000000", c->now, NULL), ERR_NOT_FOUND);
}

static void a_job_for_later_says_when(void **state)
{
	static const enum phase phases[] = { PHASE_QUEUED, PHASE_WAITING_POLL };
	struct contract *c = *state;

	for (size_t i = 0; i < COUNT(phases); i++) {
		struct job *job = contract_job(c->now, "alpha");
		struct store_claim claim = { .request_id = job->request_id };
		struct job *got;

		job->phase = phases[i];
		job->next_attempt_at = c->now + 1000;
		must_insert(c->store, job);
		assert_ok(store_claim(c->store, &claim, 1, c->now + 999, c->now + LEASE_MS, &contract_why));
		assert_err(claim.outcome, ERR_NOT_DUE);
		assert_null(claim.job);
		assert_int_equal(claim.not_before, c->now + 1000);
		got = must_get(c->store, job->request_id);
		assert_same_job(got, job);
		assert_err(claim_one(c->store, job->request_id, c->now + 1000, NULL), ERR_OK);
		job_free(got);
		job_free(job);
	}
}

static void a_job_at_its_deadline_is_not_claimed(void **state)
{
	struct contract *c = *state;
	struct job *late = contract_job(c->now, "alpha"), *in_time = contract_job(c->now, "alpha");

	late->deadline_at = in_time->deadline_at = c->now + 1000;
	must_insert(c->store, late);
	must_insert(c->store, in_time);
	assert_err(claim_one(c->store, late->request_id, c->now + 1000, NULL), ERR_STALE);
	assert_err(claim_one(c->store, late->request_id, c->now + 5000, NULL), ERR_STALE);
	assert_err(claim_one(c->store, in_time->request_id, c->now + 999, NULL), ERR_OK);
	job_free(late);
	job_free(in_time);
}

static void the_fence_grows_at_every_claim(void **state)
{
	struct contract *c = *state;
	struct job *job = contract_job(c->now, "alpha");
	struct job_change back = { .request_id = job->request_id, .event = EVENT_RETURN, .now = c->now,
	                           .due_at = job->deadline_at, .next_attempt_at = c->now, .queued_at = c->now };

	must_insert(c->store, job);
	for (int64_t fence = 1; fence <= 5; fence++) {
		struct job *claimed;

		assert_err(claim_one(c->store, job->request_id, c->now, &claimed), ERR_OK);
		assert_int_equal(claimed->fence, fence);
		assert_int_equal(claimed->attempts, 0);
		job_free(claimed);
		back.fence = fence;
		assert_err(change_one(c->store, &back), ERR_OK);
	}
	job_free(job);
}

static void an_id_twice_in_a_batch_is_claimed_once(void **state)
{
	struct contract *c = *state;
	struct job *job = contract_job(c->now, "alpha"), *other = contract_job(c->now, "alpha");
	struct store_claim claims[] = {
		{ .request_id = job->request_id }, { .request_id = other->request_id },
		{ .request_id = job->request_id }, { .request_id = job->request_id },
	};
	struct job *got;
	int claimed = 0;

	must_insert(c->store, job);
	must_insert(c->store, other);
	assert_ok(store_claim(c->store, claims, COUNT(claims), c->now, c->now + LEASE_MS, &contract_why));
	assert_err(claims[1].outcome, ERR_OK);
	for (size_t i = 0; i < COUNT(claims); i++) {
		assert_true((claims[i].outcome == ERR_OK) == (claims[i].job != NULL));
		if (i != 1 && claims[i].outcome == ERR_OK)
			claimed++;
		else if (i != 1)
			assert_err(claims[i].outcome, ERR_STALE);
		job_free(claims[i].job);
	}
	assert_int_equal(claimed, 1);
	got = must_get(c->store, job->request_id);
	assert_int_equal(got->fence, 1);
	job_free(got);
	job_free(job);
	job_free(other);
}

static void a_mixed_batch_answers_each(void **state)
{
	struct contract *c = *state;
	struct job *due = contract_job(c->now, "alpha"), *later = contract_job(c->now, "beta");
	struct job *done = must_have_in_phase(c->store, c->now, "alpha", PHASE_DONE);
	struct store_claim claims[] = {
		{ .request_id = later->request_id }, { .request_id = "no such job" },
		{ .request_id = due->request_id }, { .request_id = done->request_id },
	};
	static const enum err expected[] = { ERR_NOT_DUE, ERR_NOT_FOUND, ERR_OK, ERR_STALE };

	later->next_attempt_at = c->now + 1;
	must_insert(c->store, due);
	must_insert(c->store, later);
	assert_ok(store_claim(c->store, claims, COUNT(claims), c->now, c->now + LEASE_MS, &contract_why));
	for (size_t i = 0; i < COUNT(claims); i++) {
		assert_err(claims[i].outcome, expected[i]);
		assert_true((claims[i].job != NULL) == (expected[i] == ERR_OK));
	}
	assert_string_equal(claims[2].job->request_id, due->request_id);
	job_free(claims[2].job);
	job_free(due);
	job_free(later);
	job_free(done);
}

/* What was in the caller's array before is not read. */
static void a_full_batch_is_claimed_whole(void **state)
{
	struct contract *c = *state;
	struct store_insert *items = mem_calloc(STORE_BATCH_MAX, sizeof(*items));
	struct store_claim *claims = mem_calloc(STORE_BATCH_MAX, sizeof(*claims));

	for (size_t i = 0; i < STORE_BATCH_MAX; i++) {
		items[i].job = contract_job(c->now, "alpha");
		claims[i] = (struct store_claim){ .request_id = items[i].job->request_id, .job = (struct job *)items,
		                                  .outcome = ERR_SYSTEM, .not_before = 1 };
	}
	assert_ok(store_insert(c->store, items, STORE_BATCH_MAX, &contract_why));
	assert_ok(store_claim(c->store, claims, STORE_BATCH_MAX, c->now, c->now + LEASE_MS, &contract_why));
	for (size_t i = 0; i < STORE_BATCH_MAX; i++) {
		assert_err(claims[i].outcome, ERR_OK);
		assert_string_equal(claims[i].job->request_id, items[i].job->request_id);
		job_free(claims[i].job);
		job_free(items[i].job);
	}
	free(items);
	free(claims);
}

static const struct CMUnitTest tests[] = {
	contract_test(a_claim_starts_a_lease),
	contract_test(a_job_that_waits_to_be_asked_for_is_claimed_as_that),
	contract_test(a_batch_claims_both_kinds),
	contract_test(only_its_own_vendor_claims_a_job),
	contract_test(a_left_over_entry_claims_nothing),
	contract_test(only_enqueued_jobs_are_claimed),
	contract_test(an_unknown_id_cannot_be_claimed),
	contract_test(a_job_for_later_says_when),
	contract_test(a_job_at_its_deadline_is_not_claimed),
	contract_test(the_fence_grows_at_every_claim),
	contract_test(an_id_twice_in_a_batch_is_claimed_once),
	contract_test(a_mixed_batch_answers_each),
	contract_test(a_full_batch_is_claimed_whole),
};
const struct contract_group contract_claim = CONTRACT_GROUP(tests);
