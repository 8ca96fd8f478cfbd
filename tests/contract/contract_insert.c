/* Inserting and reading: every member comes back, one bad item harms nobody, idempotency keys. */
#include "store_contract.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

static struct store_insert keyed(struct job *job, const char *key, unsigned char hash, int64_t expire_at)
{
	struct store_insert item = { .job = job, .idempotency_key = key, .key_expire_at = expire_at };

	memset(item.body_hash, hash, sizeof(item.body_hash));
	return item;
}

static void a_new_job_comes_back_as_it_went_in(void **state)
{
	struct contract *c = *state;
	struct job *job = contract_job(c->now, "alpha");
	struct job *got;

	must_insert(c->store, job);
	got = must_get(c->store, job->request_id);
	assert_same_job(got, job);
	job_free(got);
	job_free(job);
}

static void every_member_comes_back(void **state)
{
	struct contract *c = *state;
	struct job *job = contract_job(c->now, "alpha beta-gamma.1");
	struct job *got;

	job->result = mem_strdup("[1,2,3]");
	job->error = mem_strdup("the vendor said \"no\"\n\xf0\x9f\x98\x80");
	job->history = mem_strdup("[{\"attempt\":1,\"error\":\"x\"}]");
	job->vendor_job_id = mem_strdup("V-\xc3\xa9-1");
	job->tenant = mem_strdup("billing");
	job->phase = PHASE_WAITING_CALLBACK;
	job->status = STATUS_PROCESSING;
	job->fence = INT64_C(1) << 40;
	job->attempts = 7;
	job->updated_at = c->now + 1;
	job->completed_at = c->now + 2;
	job->next_attempt_at = c->now + 3;
	job->queued_at = c->now + 4;
	job->due_at = c->now + 5;
	job->deadline_at = c->now + 6;
	job->expire_at = c->now + DAY_MS;
	must_insert(c->store, job);
	got = must_get(c->store, job->request_id);
	assert_same_job(got, job);
	job_free(got);
	job_free(job);
}

static void an_unknown_id_is_not_found(void **state)
{
	static const char *const ids[] = {
		"", "x", "0197aaaa-0000-7000-8000-000000000000", "' OR 1=1 --", "{\"$gt\":\"\"}", "%", "*", "null",
	};
	struct contract *c = *state;
	struct job *job = contract_job(c->now, "alpha");

	must_insert(c->store, job);
	for (size_t i = 0; i < COUNT(ids); i++)
		assert_not_found(c->store, ids[i]);
	job_free(job);
}

static void an_empty_batch_is_well(void **state)
{
	struct contract *c = *state;

	assert_ok(store_insert(c->store, NULL, 0, &contract_why));
	assert_ok(store_claim(c->store, NULL, 0, c->now, c->now + 1, &contract_why));
	assert_ok(store_change(c->store, NULL, 0, &contract_why));
}

static void a_full_batch_is_stored_whole(void **state)
{
	struct contract *c = *state;
	struct store_insert *items = mem_calloc(STORE_BATCH_MAX, sizeof(*items));

	for (size_t i = 0; i < STORE_BATCH_MAX; i++) {
		items[i].job = contract_job(c->now, "alpha");
		items[i].outcome = ERR_SYSTEM;
	}
	assert_ok(store_insert(c->store, items, STORE_BATCH_MAX, &contract_why));
	for (size_t i = 0; i < STORE_BATCH_MAX; i++) {
		assert_err(items[i].outcome, ERR_OK);
		job_free(must_get(c->store, items[i].job->request_id));
		job_free(items[i].job);
	}
	free(items);
}

/* After a lost answer the same batch is sent again; by then the job may have gone on. */
static void inserting_again_changes_nothing(void **state)
{
	struct contract *c = *state;
	struct job *job = contract_job(c->now, "alpha");
	struct store_insert again = { .job = job };
	struct job *claimed, *got;
	enum err err;

	must_insert(c->store, job);
	assert_err(claim_one(c->store, job->request_id, c->now, &claimed), ERR_OK);
	err = insert_one(c->store, &again);
	assert_true(err == ERR_OK || err == ERR_EXISTS);
	got = must_get(c->store, job->request_id);
	assert_same_job(got, claimed);
	job_free(got);
	job_free(claimed);
	job_free(job);
}

static void a_repeated_id_leaves_its_neighbours_alone(void **state)
{
	struct contract *c = *state;
	struct job *old = contract_job(c->now, "alpha");
	struct job *before = contract_job(c->now, "alpha"), *after = contract_job(c->now, "alpha");
	struct store_insert items[] = { { .job = before }, { .job = old }, { .job = after } };

	must_insert(c->store, old);
	assert_ok(store_insert(c->store, items, COUNT(items), &contract_why));
	assert_err(items[0].outcome, ERR_OK);
	assert_err(items[2].outcome, ERR_OK);
	job_free(must_get(c->store, before->request_id));
	job_free(must_get(c->store, after->request_id));
	job_free(before);
	job_free(old);
	job_free(after);
}

static void a_payload_at_the_limit_is_stored(void **state)
{
	struct contract *c = *state;
	struct job *job = contract_job(c->now, "alpha");
	struct job *got;

	free(job->payload);
	job->payload = contract_text(STORE_TEXT_MAX, 'p');
	must_insert(c->store, job);
	got = must_get(c->store, job->request_id);
	assert_same_text("payload", got->payload, job->payload);
	job_free(got);
	job_free(job);
}

static void a_too_big_payload_leaves_its_neighbours_alone(void **state)
{
	struct contract *c = *state;
	struct job *small = contract_job(c->now, "alpha"), *last = contract_job(c->now, "alpha");
	struct job *big = contract_job(c->now, "alpha"), *next = contract_job(c->now, "alpha");
	struct store_insert items[3] = { { .job = small }, keyed(big, "big", 1, c->now + DAY_MS), { .job = last } };
	struct store_insert retried = keyed(next, "big", 2, c->now + DAY_MS);

	free(big->payload);
	big->payload = contract_text(STORE_TEXT_MAX + 1, 'p');
	assert_ok(store_insert(c->store, items, COUNT(items), &contract_why));
	assert_err(items[0].outcome, ERR_OK);
	assert_err(items[1].outcome, ERR_TOO_BIG);
	assert_err(items[2].outcome, ERR_OK);
	job_free(must_get(c->store, small->request_id));
	job_free(must_get(c->store, last->request_id));
	assert_not_found(c->store, big->request_id);
	/* Its key was not used up. */
	assert_err(insert_one(c->store, &retried), ERR_OK);
	job_free(small);
	job_free(big);
	job_free(last);
	job_free(next);
}

/* ---- Idempotency keys ---- */

static void the_same_key_and_body_give_the_first_id(void **state)
{
	struct contract *c = *state;
	struct job *first = contract_job(c->now, "alpha"), *second = contract_job(c->now + 5, "alpha");
	struct store_insert a = keyed(first, "k", 1, c->now + DAY_MS), b = keyed(second, "k", 1, c->now + DAY_MS);
	char second_id[UUID_TEXT_SIZE];

	memcpy(second_id, second->request_id, sizeof(second_id));
	assert_err(insert_one(c->store, &a), ERR_OK);
	assert_err(insert_one(c->store, &b), ERR_EXISTS);
	assert_string_equal(second->request_id, first->request_id);
	job_free(must_get(c->store, first->request_id));
	assert_not_found(c->store, second_id);
	/* And again, as after a lost answer. */
	assert_err(insert_one(c->store, &a), ERR_EXISTS);
	job_free(first);
	job_free(second);
}

static void the_same_key_with_another_body_is_a_conflict(void **state)
{
	struct contract *c = *state;
	struct job *first = contract_job(c->now, "alpha"), *second = contract_job(c->now, "alpha");
	struct store_insert a = keyed(first, "k", 1, c->now + DAY_MS), b = keyed(second, "k", 1, c->now + DAY_MS);

	b.body_hash[STORE_HASH_SIZE - 1] = 2;
	assert_err(insert_one(c->store, &a), ERR_OK);
	assert_err(insert_one(c->store, &b), ERR_CONFLICT);
	assert_not_found(c->store, second->request_id);
	job_free(first);
	job_free(second);
}

/* A key may be kept for longer than its job. */
static void a_key_whose_job_has_expired_stores_it_again(void **state)
{
	struct contract *c = *state;
	struct job *first = contract_job(c->now, "alpha"), *second = contract_job(c->now, "alpha");
	struct store_insert a = keyed(first, "k", 1, c->now + DAY_MS), b = keyed(second, "k", 1, c->now + DAY_MS);
	struct job_change cancel = { .request_id = first->request_id, .event = EVENT_CANCEL, .fence = FENCE_ANY,
		                     .now = c->now, .expire_at = c->now + 60000 };
	size_t deleted;

	assert_err(insert_one(c->store, &a), ERR_OK);
	assert_err(store_change(c->store, &cancel, 1, NULL), ERR_OK);
	assert_err(cancel.outcome, ERR_OK);
	assert_err(store_expire(c->store, c->now + 60001, 10, &deleted, NULL), ERR_OK);
	assert_err(insert_one(c->store, &b), ERR_EXISTS);
	assert_string_equal(second->request_id, first->request_id);
	job_free(must_get(c->store, first->request_id));
	job_free(first);
	job_free(second);
}

static void a_key_that_has_expired_is_free_again(void **state)
{
	struct contract *c = *state;
	struct job *first = contract_job(c->now - 60000, "alpha"), *second = contract_job(c->now, "alpha");
	struct job *third = contract_job(c->now, "alpha");
	struct store_insert a = keyed(first, "k", 1, c->now - 30000), b = keyed(second, "k", 2, c->now + DAY_MS);
	struct store_insert again = keyed(third, "k", 2, c->now + DAY_MS);

	assert_err(insert_one(c->store, &a), ERR_OK);
	assert_err(insert_one(c->store, &b), ERR_OK);
	job_free(must_get(c->store, first->request_id));
	job_free(must_get(c->store, second->request_id));
	assert_err(insert_one(c->store, &again), ERR_EXISTS);
	assert_string_equal(third->request_id, second->request_id);
	job_free(first);
	job_free(second);
	job_free(third);
}

static void a_key_twice_in_one_batch_makes_one_job(void **state)
{
	struct contract *c = *state;
	struct store_insert items[6];
	size_t stored = 0;

	for (size_t i = 0; i < COUNT(items); i++)
		items[i] = keyed(contract_job(c->now, "alpha"), i < 4 ? "same" : NULL, 1, c->now + DAY_MS);
	assert_ok(store_insert(c->store, items, COUNT(items), &contract_why));
	for (size_t i = 0; i < 4; i++) {
		assert_true(items[i].outcome == ERR_OK || items[i].outcome == ERR_EXISTS);
		stored += items[i].outcome == ERR_OK;
		assert_string_equal(items[i].job->request_id, items[0].job->request_id);
	}
	assert_int_equal(stored, 1);
	assert_err(items[4].outcome, ERR_OK);
	assert_err(items[5].outcome, ERR_OK);
	job_free(must_get(c->store, items[0].job->request_id));
	for (size_t i = 0; i < COUNT(items); i++)
		job_free(items[i].job);
}

static void a_key_with_two_bodies_in_one_batch_makes_one_job(void **state)
{
	struct contract *c = *state;
	struct store_insert items[2];
	int winner;

	for (size_t i = 0; i < COUNT(items); i++)
		items[i] = keyed(contract_job(c->now, "alpha"), "same", (unsigned char)i, c->now + DAY_MS);
	assert_ok(store_insert(c->store, items, COUNT(items), &contract_why));
	winner = items[0].outcome == ERR_OK ? 0 : 1;
	assert_err(items[winner].outcome, ERR_OK);
	assert_err(items[!winner].outcome, ERR_CONFLICT);
	job_free(must_get(c->store, items[winner].job->request_id));
	assert_not_found(c->store, items[!winner].job->request_id);
	job_free(items[0].job);
	job_free(items[1].job);
}

/* Keys are bytes: nothing folds case, trims blanks or wants UTF-8. */
static void keys_are_compared_byte_by_byte(void **state)
{
	static const char *const keys[] = { "a", "A", "a ", " a", "\xe9", "\xc3\xa9", "\xff\xfe", "$a", "a.b", "'",
	                                    "1", "1.0" };
	struct contract *c = *state;
	struct store_insert items[COUNT(keys) + 2];
	char longest[256], longest_too[256];

	memset(longest, 'k', 255);
	longest[255] = '\0';
	memcpy(longest_too, longest, 256);
	longest_too[254] = 'l';
	for (size_t i = 0; i < COUNT(items); i++) {
		const char *key = i < COUNT(keys) ? keys[i] : i == COUNT(keys) ? longest : longest_too;

		items[i] = keyed(contract_job(c->now, "alpha"), key, (unsigned char)i, c->now + DAY_MS);
	}
	assert_ok(store_insert(c->store, items, COUNT(items), &contract_why));
	for (size_t i = 0; i < COUNT(items); i++)
		assert_err(items[i].outcome, ERR_OK);
	assert_ok(store_insert(c->store, items, COUNT(items), &contract_why));
	for (size_t i = 0; i < COUNT(items); i++) {
		assert_err(items[i].outcome, ERR_EXISTS);
		job_free(items[i].job);
	}
}

static void a_batch_of_old_new_and_conflicting_keys_answers_each(void **state)
{
	struct contract *c = *state;
	struct job *old = contract_job(c->now, "alpha");
	struct store_insert seed = keyed(old, "old", 1, c->now + DAY_MS);
	struct store_insert items[] = {
		keyed(contract_job(c->now, "alpha"), "new", 1, c->now + DAY_MS),
		keyed(contract_job(c->now, "alpha"), "old", 1, c->now + DAY_MS),
		keyed(contract_job(c->now, "alpha"), "old", 9, c->now + DAY_MS),
		keyed(contract_job(c->now, "alpha"), NULL, 0, 0),
	};
	static const enum err expected[] = { ERR_OK, ERR_EXISTS, ERR_CONFLICT, ERR_OK };

	assert_err(insert_one(c->store, &seed), ERR_OK);
	assert_ok(store_insert(c->store, items, COUNT(items), &contract_why));
	for (size_t i = 0; i < COUNT(items); i++)
		assert_err(items[i].outcome, expected[i]);
	assert_string_equal(items[1].job->request_id, old->request_id);
	job_free(must_get(c->store, items[0].job->request_id));
	job_free(must_get(c->store, items[3].job->request_id));
	assert_not_found(c->store, items[2].job->request_id);
	for (size_t i = 0; i < COUNT(items); i++)
		job_free(items[i].job);
	job_free(old);
}

static const struct CMUnitTest tests[] = {
	contract_test(a_new_job_comes_back_as_it_went_in),
	contract_test(every_member_comes_back),
	contract_test(an_unknown_id_is_not_found),
	contract_test(an_empty_batch_is_well),
	contract_test(a_full_batch_is_stored_whole),
	contract_test(inserting_again_changes_nothing),
	contract_test(a_repeated_id_leaves_its_neighbours_alone),
	contract_test(a_payload_at_the_limit_is_stored),
	contract_test(a_too_big_payload_leaves_its_neighbours_alone),
	contract_test(the_same_key_and_body_give_the_first_id),
	contract_test(the_same_key_with_another_body_is_a_conflict),
	contract_test(a_key_whose_job_has_expired_stores_it_again),
	contract_test(a_key_that_has_expired_is_free_again),
	contract_test(a_key_twice_in_one_batch_makes_one_job),
	contract_test(a_key_with_two_bodies_in_one_batch_makes_one_job),
	contract_test(keys_are_compared_byte_by_byte),
	contract_test(a_batch_of_old_new_and_conflicting_keys_answers_each),
};
const struct contract_group contract_insert = CONTRACT_GROUP(tests);
