/* What repair asks for, and the small facts. */
#include "store_contract.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct job *insert_due(struct contract *c, const char *vendor, int64_t due_at)
{
	struct job *job = contract_job(c->now, vendor);

	job->due_at = due_at;
	must_insert(c->store, job);
	return job;
}

static int64_t far_future(const struct contract *c) { return c->now + 1000 * (int64_t)DAY_MS; }

static void due_jobs_come_in_order_of_time_then_id(void **state)
{
	static const int due_in[] = { 30, 10, 20, 10, 30, 10 };
	struct contract *c = *state;
	struct job *jobs[COUNT(due_in)];
	struct job_ref *refs = NULL;
	size_t n = 0;

	for (size_t i = 0; i < COUNT(due_in); i++)
		jobs[i] = insert_due(c, "alpha", c->now + due_in[i]);
	assert_ok(store_find_due(c->store, c->now + 30, 0, "", 100, &refs, &n, &contract_why));
	assert_int_equal(n, COUNT(due_in));
	for (size_t i = 1; i < n; i++) {
		const struct job_ref *a = &refs[i - 1], *b = &refs[i];

		assert_true(a->due_at <= b->due_at);
		assert_true(a->due_at < b->due_at || strcmp(a->request_id, b->request_id) < 0);
	}
	job_refs_free(refs, n);
	assert_ok(store_find_due(c->store, c->now + 29, 0, "", 100, &refs, &n, &contract_why));
	assert_int_equal(n, 4);
	job_refs_free(refs, n);
	assert_ok(store_find_due(c->store, c->now + 9, 0, "", 100, &refs, &n, &contract_why));
	assert_int_equal(n, 0);
	job_refs_free(refs, n);
	for (size_t i = 0; i < COUNT(due_in); i++)
		job_free(jobs[i]);
}

enum { PAGED_JOBS = 250 };

static void page_through_due_jobs(struct contract *c, const struct store_insert *items, size_t page, int *seen)
{
	int64_t after_at = 0;
	char after_id[UUID_TEXT_SIZE] = "";
	size_t n;

	do {
		struct job_ref *refs = NULL;

		assert_ok(store_find_due(c->store, c->now + 2, after_at, after_id, page, &refs, &n, &contract_why));
		assert_true(n <= page);
		for (size_t r = 0; r < n; r++)
			for (int i = 0; i < PAGED_JOBS; i++)
				seen[i] += strcmp(items[i].job->request_id, refs[r].request_id) == 0;
		if (n) {
			after_at = refs[n - 1].due_at;
			memcpy(after_id, refs[n - 1].request_id, sizeof(after_id));
		}
		job_refs_free(refs, n);
	} while (n == page);
}

/* A page is full unless it is the last: whoever pages may stop at one that is not. */
static void paging_through_due_jobs_meets_each_once(void **state)
{
	static const size_t pages[] = { 10, 200 };
	struct contract *c = *state;
	struct store_insert items[PAGED_JOBS] = { 0 };
	int seen[PAGED_JOBS] = { 0 };

	for (int i = 0; i < PAGED_JOBS; i++) {
		items[i].job = contract_job(c->now, "alpha");
		items[i].job->due_at = c->now + i % 3;
	}
	assert_ok(store_insert(c->store, items, PAGED_JOBS, &contract_why));
	for (size_t p = 0; p < COUNT(pages); p++)
		page_through_due_jobs(c, items, pages[p], seen);
	for (int i = 0; i < PAGED_JOBS; i++) {
		assert_int_equal(seen[i], (int)COUNT(pages));
		job_free(items[i].job);
	}
}

static void a_reference_carries_what_repair_needs(void **state)
{
	struct contract *c = *state;
	struct job *job = contract_job(c->now, "alpha");
	struct job_ref *refs = NULL;
	size_t n = 0;

	job->phase = PHASE_CALLING;
	job->fence = 12;
	job->attempts = 3;
	job->due_at = c->now + 3;
	job->queued_at = c->now + 2;
	job->vendor_job_id = mem_strdup("V-7");
	job->error = mem_strdup("why not");
	must_insert(c->store, job);
	assert_ok(store_find_due(c->store, c->now + 3, 0, "", 5, &refs, &n, &contract_why));
	assert_int_equal(n, 1);
	assert_string_equal(refs[0].request_id, job->request_id);
	assert_string_equal(refs[0].vendor, "alpha");
	assert_int_equal(refs[0].phase, PHASE_CALLING);
	assert_int_equal(refs[0].fence, 12);
	assert_int_equal(refs[0].attempts, 3);
	assert_int_equal(refs[0].due_at, c->now + 3);
	assert_int_equal(refs[0].queued_at, c->now + 2);
	assert_string_equal(refs[0].vendor_job_id, "V-7");
	assert_int_equal(refs[0].deadline_at, job->deadline_at);
	assert_string_equal(refs[0].error, "why not");
	job_refs_free(refs, n);
	job_free(job);
}

static void finished_jobs_are_never_due(void **state)
{
	struct contract *c = *state;
	struct job_ref *refs = NULL;
	size_t n = 0;

	for (int phase = 0; phase < PHASE_COUNT; phase++)
		job_free(must_have_in_phase(c->store, c->now, "alpha", (enum phase)phase));
	assert_ok(store_find_due(c->store, far_future(c), 0, "", 100, &refs, &n, &contract_why));
	assert_int_equal(n, PHASE_DONE);
	for (size_t i = 0; i < n; i++)
		assert_int_not_equal(refs[i].phase, PHASE_DONE);
	job_refs_free(refs, n);
}

static void insert_enqueued(struct contract *c, const char *vendor, enum phase phase, int64_t queued_at)
{
	struct job *job = contract_job(c->now, vendor);

	job->phase = phase;
	job->queued_at = queued_at;
	must_insert(c->store, job);
	job_free(job);
}

/* Jobs that nobody would find in Redis. */
static void insert_one_in_each_other_phase(struct contract *c, const char *vendor)
{
	for (int phase = 0; phase < PHASE_COUNT; phase++)
		if (!phase_is_enqueued((enum phase)phase))
			job_free(must_have_in_phase(c->store, c->now, vendor, (enum phase)phase));
}

static void enqueued_jobs_of_a_vendor_come_oldest_first(void **state)
{
	static const struct { enum phase phase; int queued_in; } jobs[] = {
		{ PHASE_QUEUED, 5 }, { PHASE_QUEUED, 1 }, { PHASE_WAITING_POLL, 3 }, { PHASE_WAITING_POLL, 2 }, { PHASE_QUEUED, 4 },
		{ PHASE_WAITING_POLL, 6 },
	};
	struct contract *c = *state;
	struct job_ref *refs = NULL;
	size_t n = 0;

	for (size_t i = 0; i < COUNT(jobs); i++)
		insert_enqueued(c, "alpha", jobs[i].phase, c->now + jobs[i].queued_in);
	job_free(must_have_in_phase(c->store, c->now, "beta", PHASE_QUEUED));
	job_free(must_have_in_phase(c->store, c->now, "beta", PHASE_WAITING_POLL));
	insert_one_in_each_other_phase(c, "alpha");
	assert_ok(store_find_queued(c->store, "alpha", c->now + 5, 100, &refs, &n, &contract_why));
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(refs[i].queued_at, c->now + 1 + (int64_t)i);
		assert_string_equal(refs[i].vendor, "alpha");
		assert_int_equal(refs[i].phase, i == 1 || i == 2 ? PHASE_WAITING_POLL : PHASE_QUEUED);
	}
	job_refs_free(refs, n);
	assert_ok(store_find_queued(c->store, "alpha", far_future(c), 2, &refs, &n, &contract_why));
	assert_int_equal(n, 2);
	assert_int_equal(refs[1].queued_at, c->now + 2);
	job_refs_free(refs, n);
	assert_ok(store_find_queued(c->store, "gamma", far_future(c), 2, &refs, &n, &contract_why));
	assert_int_equal(n, 0);
	job_refs_free(refs, n);
}

static void vendors_with_enqueued_jobs_are_met_once_each_by_their_oldest(void **state)
{
	static const char *const expected[] = { "Alpha", "alpha", "beta" };
	struct contract *c = *state;
	char after[16] = "";
	struct job_ref *refs;
	size_t n;

	/* "alpha" has both kinds, "beta" waits to be asked for only. */
	for (int i = 5; i > 0; i--)
		for (size_t v = 0; v < COUNT(expected); v++)
			insert_enqueued(c, expected[v], v == 2 || (v == 1 && i % 2) ? PHASE_WAITING_POLL : PHASE_QUEUED, c->now + i);
	insert_one_in_each_other_phase(c, "aside");
	for (size_t v = 0; v < COUNT(expected); v++) {
		assert_ok(store_next_queued(c->store, after, &refs, &n, &contract_why));
		assert_int_equal(n, 1);
		assert_string_equal(refs->vendor, expected[v]);
		assert_int_equal(refs->queued_at, c->now + 1);
		snprintf(after, sizeof(after), "%s", refs->vendor);
		job_refs_free(refs, n);
	}
	refs = NULL;
	assert_ok(store_next_queued(c->store, after, &refs, &n, &contract_why));
	assert_int_equal(n, 0);
	job_refs_free(refs, n);
}

/* ---- By the vendor's own id ---- */

static char *insert_with_vendor_job_id(struct contract *c, const char *vendor, const char *vendor_job_id,
                                       enum phase phase, int in)
{
	struct job *job = contract_job(c->now + in, vendor);
	char *request_id = mem_strdup(job->request_id);

	job->vendor_job_id = mem_strdup(vendor_job_id);
	job->phase = phase;
	must_insert(c->store, job);
	job_free(job);
	return request_id;
}

static void assert_found(struct contract *c, const char *vendor, const char *vendor_job_id, const char *request_id)
{
	struct job *job = NULL;

	assert_ok(store_get_by_vendor_job_id(c->store, vendor, vendor_job_id, &job, &contract_why));
	assert_string_equal(job->request_id, request_id);
	assert_same_text("vendor_job_id", job->vendor_job_id, vendor_job_id);
	job_free(job);
}

static void the_vendors_id_finds_the_unfinished_then_the_newest(void **state)
{
	struct contract *c = *state;
	struct job *none = NULL;
	char *ids[] = {
		insert_with_vendor_job_id(c, "alpha", "V", PHASE_WAITING_CALLBACK, 0),
		insert_with_vendor_job_id(c, "alpha", "V", PHASE_CALLING, 20),
		insert_with_vendor_job_id(c, "alpha", "V", PHASE_WAITING_CALLBACK, 10),
		insert_with_vendor_job_id(c, "alpha", "V", PHASE_DONE, 30),
		insert_with_vendor_job_id(c, "beta", "V", PHASE_DONE, 5),
		insert_with_vendor_job_id(c, "beta", "V", PHASE_DONE, 6),
		insert_with_vendor_job_id(c, "alpha", "W", PHASE_CALLING, 50),
	};

	assert_found(c, "alpha", "V", ids[1]);
	assert_found(c, "beta", "V", ids[5]);
	assert_found(c, "alpha", "W", ids[6]);
	assert_err(store_get_by_vendor_job_id(c->store, "beta", "W", &none, &contract_why), ERR_NOT_FOUND);
	assert_err(store_get_by_vendor_job_id(c->store, "alpha", "v", &none, &contract_why), ERR_NOT_FOUND);
	assert_err(store_get_by_vendor_job_id(c->store, "alpha", "", &none, &contract_why), ERR_NOT_FOUND);
	for (size_t i = 0; i < COUNT(ids); i++)
		free(ids[i]);
}

/* Write, then look: who wrote the id and then looks must find it, and so must the other side. */
static void an_id_is_found_as_soon_as_it_is_written(void **state)
{
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
	struct job_change change = { .request_id = job->request_id, .event = EVENT_AWAIT_CALLBACK, .fence = 1,
	                             .now = c->now, .due_at = c->now + LEASE_MS, .vendor_job_id = "V-9" };

	assert_err(change_one(c->store, &change), ERR_OK);
	assert_found(c, "alpha", "V-9", job->request_id);
	job_free(job);
}

/* ---- Many at once ---- */

static struct store_insert finished(const struct contract *c, int64_t expire_at)
{
	struct store_insert item = { .job = contract_job(c->now, "alpha") };

	item.job->phase = PHASE_DONE;
	item.job->status = STATUS_COMPLETE;
	item.job->due_at = item.job->queued_at = item.job->next_attempt_at = 0;
	item.job->expire_at = expire_at;
	return item;
}

static void assert_looks_like(const struct store_look *look, const struct job *job)
{
	assert_err(look->outcome, ERR_OK);
	assert_string_equal(look->job->request_id, job->request_id);
	assert_string_equal(look->job->vendor, job->vendor);
	assert_int_equal(look->job->phase, job->phase);
	assert_int_equal(look->job->status, job->status);
	assert_int_equal(look->job->attempts, job->attempts);
	assert_int_equal(look->job->created_at, job->created_at);
	assert_null(look->job->payload);
}

static void many_are_looked_at_at_once(void **state)
{
	struct contract *c = *state;
	struct job *queued = must_have_in_phase(c->store, c->now, "alpha", PHASE_QUEUED);
	struct job *done = must_have_in_phase(c->store, c->now, "beta", PHASE_DONE);
	struct job *nobody = contract_job(c->now, "alpha");
	struct store_look looks[] = { { .request_id = done->request_id }, { .request_id = nobody->request_id },
	                              { .request_id = queued->request_id }, { .request_id = done->request_id } };

	assert_ok(store_look(c->store, looks, COUNT(looks), &contract_why));
	assert_looks_like(&looks[0], done);
	assert_string_equal(looks[0].job->error, done->error);
	assert_err(looks[1].outcome, ERR_NOT_FOUND);
	assert_null(looks[1].job);
	assert_looks_like(&looks[2], queued);
	assert_looks_like(&looks[3], done);
	for (size_t i = 0; i < COUNT(looks); i++)
		job_free(looks[i].job);
	assert_ok(store_look(c->store, looks, 0, &contract_why));
	job_free(queued);
	job_free(done);
	job_free(nobody);
}

static void a_look_shows_results_and_no_payloads(void **state)
{
	enum { JOBS = 64, RESULT_BYTES = 1 << 19 };   /* together more than one answer of a MongoDB server may hold */
	struct contract *c = *state;
	struct store_insert items[JOBS];
	struct store_look looks[JOBS];

	for (int i = 0; i < JOBS; i++) {
		items[i] = finished(c, c->now + DAY_MS);
		items[i].job->result = contract_text(RESULT_BYTES, (char)('a' + i % 26));
		looks[i] = (struct store_look){ .request_id = items[i].job->request_id };
		assert_err(insert_one(c->store, &items[i]), ERR_OK);
	}
	assert_ok(store_look(c->store, looks, JOBS, &contract_why));
	for (int i = 0; i < JOBS; i++) {
		assert_looks_like(&looks[i], items[i].job);
		assert_same_text("result", looks[i].job->result, items[i].job->result);
		job_free(looks[i].job);
		job_free(items[i].job);
	}
}

/* ---- Expiry ---- */

static void only_what_has_expired_is_removed(void **state)
{
	struct contract *c = *state;
	struct job *running = contract_job(c->now, "alpha");
	struct store_insert items[] = { finished(c, c->now + 1000), finished(c, c->now + 1000),
	                                finished(c, c->now + 1001), { .job = running } };
	size_t deleted = 99, in_all = 0;

	assert_ok(store_insert(c->store, items, COUNT(items), &contract_why));
	for (int i = 0; i < 3; i++) {
		assert_ok(store_expire(c->store, c->now + 1000, 1, &deleted, &contract_why));
		in_all += deleted;
	}
	assert_int_equal(in_all, c->engine->expires_by_itself ? 0 : 2);
	if (!c->engine->expires_by_itself) {
		assert_not_found(c->store, items[0].job->request_id);
		assert_not_found(c->store, items[1].job->request_id);
	}
	job_free(must_get(c->store, items[2].job->request_id));
	job_free(must_get(c->store, running->request_id));
	for (size_t i = 0; i < COUNT(items); i++)
		job_free(items[i].job);
}

static void expired_keys_are_removed(void **state)
{
	struct contract *c = *state;
	struct job *jobs[] = { contract_job(c->now, "alpha"), contract_job(c->now, "alpha") };
	struct store_insert items[] = {
		{ .job = jobs[0], .idempotency_key = "short", .key_expire_at = c->now + 1000 },
		{ .job = jobs[1], .idempotency_key = "long", .key_expire_at = c->now + DAY_MS },
	};
	size_t deleted = 99;

	assert_ok(store_insert(c->store, items, COUNT(items), &contract_why));
	assert_ok(store_expire(c->store, c->now + 1000, 100, &deleted, &contract_why));
	assert_int_equal(deleted, c->engine->expires_by_itself ? 0 : 1);
	assert_ok(store_expire(c->store, c->now + 1000, 100, &deleted, &contract_why));
	assert_int_equal(deleted, 0);
	assert_err(insert_one(c->store, &items[1]), ERR_EXISTS);
	for (size_t i = 0; i < COUNT(jobs); i++) {
		job_free(must_get(c->store, jobs[i]->request_id));
		job_free(jobs[i]);
	}
}

/* ---- Small facts ---- */

static void a_vendor_is_called_for_the_first_time_once(void **state)
{
	struct contract *c = *state;
	struct store *other = NULL;

	assert_err(store_mark_called(c->store, "alpha", &contract_why), ERR_OK);
	assert_err(store_mark_called(c->store, "alpha", &contract_why), ERR_EXISTS);
	assert_err(store_mark_called(c->store, "Alpha", &contract_why), ERR_OK);
	assert_ok(store_open(c->uri, CONTRACT_TIMEOUT_MS, &other, &contract_why));
	assert_err(store_mark_called(other, "alpha", &contract_why), ERR_EXISTS);
	store_close(other);
}

static void a_secret_is_made_once_and_kept(void **state)
{
	struct contract *c = *state;
	unsigned char first[STORE_SECRET_SIZE], second[STORE_SECRET_SIZE], got[STORE_SECRET_SIZE];
	struct store *other = NULL;

	/* Any byte may be in it, zeros too. */
	for (int i = 0; i < STORE_SECRET_SIZE; i++) {
		first[i] = (unsigned char)(i * 37);
		second[i] = 0xff;
	}
	assert_ok(store_secret(c->store, "callback", first, got, &contract_why));
	assert_memory_equal(got, first, sizeof(got));
	assert_ok(store_secret(c->store, "callback", second, got, &contract_why));
	assert_memory_equal(got, first, sizeof(got));
	assert_ok(store_secret(c->store, "other", second, got, &contract_why));
	assert_memory_equal(got, second, sizeof(got));
	assert_ok(store_open(c->uri, CONTRACT_TIMEOUT_MS, &other, &contract_why));
	assert_ok(store_secret(other, "callback", second, got, &contract_why));
	assert_memory_equal(got, first, sizeof(got));
	store_close(other);
}

static void a_store_that_is_there_answers_a_ping(void **state)
{
	struct contract *c = *state;

	assert_ok(store_ping(c->store, &contract_why));
}

static void a_store_that_can_be_written_says_so_and_changes_no_job(void **state)
{
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING), *got;

	for (int i = 0; i < 3; i++)
		assert_ok(store_try_write(c->store, &contract_why));
	got = must_get(c->store, job->request_id);
	assert_same_job(got, job);
	job_free(got);
	job_free(job);
	store_close(c->store);
	c->store = NULL;
	assert_ok(store_open(c->uri, CONTRACT_TIMEOUT_MS, &c->store, &contract_why));
}

static void what_was_stored_is_there_after_reopening(void **state)
{
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_WAITING_CALLBACK), *got;

	store_close(c->store);
	c->store = NULL;
	assert_ok(store_open(c->uri, CONTRACT_TIMEOUT_MS, &c->store, &contract_why));
	got = must_get(c->store, job->request_id);
	assert_same_job(got, job);
	job_free(got);
	job_free(job);
}

static const struct CMUnitTest tests[] = {
	contract_test(due_jobs_come_in_order_of_time_then_id),
	contract_test(paging_through_due_jobs_meets_each_once),
	contract_test(a_reference_carries_what_repair_needs),
	contract_test(finished_jobs_are_never_due),
	contract_test(enqueued_jobs_of_a_vendor_come_oldest_first),
	contract_test(vendors_with_enqueued_jobs_are_met_once_each_by_their_oldest),
	contract_test(the_vendors_id_finds_the_unfinished_then_the_newest),
	contract_test(an_id_is_found_as_soon_as_it_is_written),
	contract_test(many_are_looked_at_at_once),
	contract_test(a_look_shows_results_and_no_payloads),
	contract_test(only_what_has_expired_is_removed),
	contract_test(expired_keys_are_removed),
	contract_test(a_vendor_is_called_for_the_first_time_once),
	contract_test(a_secret_is_made_once_and_kept),
	contract_test(a_store_that_is_there_answers_a_ping),
	contract_test(a_store_that_can_be_written_says_so_and_changes_no_job),
	contract_test(what_was_stored_is_there_after_reopening),
};
const struct contract_group contract_find = CONTRACT_GROUP(tests);
