/* Raw answers: written with the change that ends a job and by no other, found until they expire, bytes as they came. */
#include "store_contract.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_MS = 30 * 1000 };

/* No text, no UTF-8, and a NUL. */
static const char odd_bytes[] = "{\"a\" : 1.50}\0\xff\r\n\x80";

static struct raw_answer raw_with(const struct contract *c, const char *body, size_t len)
{
	return (struct raw_answer){ .http_status = 418, .content_type = (char *)(uintptr_t)"text/x-tea; q=\"1\"",
	                            .body = (char *)(uintptr_t)body, .body_len = len, .received_at = c->now,
	                            .expire_at = c->now + KEEP_MS };
}

static void assert_same_raw(const struct raw_answer *got, const struct raw_answer *expected)
{
	assert_int_equal(got->http_status, expected->http_status);
	assert_same_text("content_type", got->content_type, expected->content_type);
	assert_int_equal(got->body_len, expected->body_len);
	assert_memory_equal(got->body, expected->body, got->body_len);
	assert_true(got->received_at == expected->received_at && got->expire_at == expected->expire_at);
}

/* expected NULL: none is to be had. */
static void assert_raw_of(struct contract *c, const char *request_id, int64_t now, const struct raw_answer *expected)
{
	struct raw_answer *raw;

	assert_err(store_raw_of_job(c->store, request_id, now, &raw, &contract_why), expected ? ERR_OK : ERR_NOT_FOUND);
	if (expected)
		assert_same_raw(raw, expected);
	else
		assert_null(raw);
	raw_answer_free(raw);
}

static void assert_raw_under(struct contract *c, const char *key, int64_t now, const char *body)
{
	struct raw_answer *raw;

	assert_err(store_raw_get(c->store, key, now, &raw, &contract_why), body ? ERR_OK : ERR_NOT_FOUND);
	if (body)
		assert_same_text("body", raw->body, body);
	raw_answer_free(raw);
}

static struct job_change ending(const struct contract *c, const struct job *job, const struct raw_answer *raw)
{
	return (struct job_change){ .request_id = job->request_id, .event = EVENT_SUCCEED, .fence = job->fence, .now = c->now,
	                            .result = "1", .expire_at = c->now + DAY_MS, .raw = raw };
}

/* ---- Of jobs ---- */

static void it_goes_with_the_change_that_ends_the_job(void **state)
{
	struct contract *c = *state;
	struct raw_answer odd = raw_with(c, odd_bytes, sizeof(odd_bytes)), empty = raw_with(c, "", 0), *const raws[] = { &odd, &empty };
	static const enum job_event events[] = { EVENT_SUCCEED, EVENT_FAIL, EVENT_CALLBACK_FAIL };

	empty.content_type = NULL;
	empty.http_status = 0;
	for (size_t i = 0; i < COUNT(raws) * COUNT(events); i++) {
		struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
		struct job_change change = ending(c, job, raws[i % COUNT(raws)]);
		struct store *other = NULL;

		change.event = events[i / COUNT(raws)];
		change.result = change.event == EVENT_SUCCEED ? "1" : NULL;
		assert_raw_of(c, job->request_id, c->now, NULL);
		assert_err(change_one(c->store, &change), ERR_OK);
		assert_raw_of(c, job->request_id, c->now, raws[i % COUNT(raws)]);
		assert_ok(store_open(c->uri, CONTRACT_TIMEOUT_MS, &other, &contract_why));
		store_close(c->store);
		c->store = other;
		assert_raw_of(c, job->request_id, c->now + KEEP_MS - 1, raws[i % COUNT(raws)]);
		assert_raw_of(c, job->request_id, c->now + KEEP_MS, NULL);
		job_free(job);
	}
}

static void by_default_nothing_is_kept(void **state)
{
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
	struct job_change change = ending(c, job, NULL);

	assert_err(change_one(c->store, &change), ERR_OK);
	assert_raw_of(c, job->request_id, 0, NULL);
	assert_raw_of(c, "no such job", 0, NULL);
	job_free(job);
}

/* A worker that lost its lease, one that comes after the end, one whose job is gone, one that only puts the job off. */
static void who_came_too_late_leaves_none(void **state)
{
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
	struct raw_answer first = raw_with(c, "first", 5), other = raw_with(c, "other", 5);
	struct job_change change = ending(c, job, &other);

	change.fence--;
	assert_err(change_one(c->store, &change), ERR_STALE);
	assert_raw_of(c, job->request_id, c->now, NULL);
	change = ending(c, job, &other);
	change.request_id = "0198c0de-0000-7000-8000-00000000dead";
	assert_err(change_one(c->store, &change), ERR_STALE);
	assert_raw_of(c, change.request_id, c->now, NULL);
	change = ending(c, job, &other);
	change.event = EVENT_RETRY;
	change.result = NULL;
	change.next_attempt_at = change.queued_at = change.due_at = c->now;
	assert_err(change_one(c->store, &change), ERR_OK);
	assert_raw_of(c, job->request_id, c->now, NULL);
	assert_err(claim_one(c->store, job->request_id, c->now, NULL), ERR_OK);
	job->fence++;
	change = ending(c, job, &first);
	assert_err(change_one(c->store, &change), ERR_OK);
	change.raw = &other;
	assert_err(change_one(c->store, &change), ERR_STALE);
	assert_raw_of(c, job->request_id, c->now, &first);
	job_free(job);
}

static void what_is_too_big_ends_no_job(void **state)
{
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
	char *body = mem_alloc(STORE_TEXT_MAX + 1);
	struct raw_answer raw = raw_with(c, body, STORE_TEXT_MAX + 1);
	struct job_change change = ending(c, job, &raw);

	memset(body, 'x', STORE_TEXT_MAX + 1);
	assert_err(change_one(c->store, &change), ERR_TOO_BIG);
	assert_err(store_raw_put(c->store, "alpha:complete:1", &raw, &contract_why), ERR_TOO_BIG);
	assert_raw_of(c, job->request_id, c->now, NULL);
	raw.body_len--;
	change = ending(c, job, &raw);
	assert_err(change_one(c->store, &change), ERR_OK);
	assert_raw_of(c, job->request_id, c->now, &raw);
	free(body);
	job_free(job);
}

/* One item's trouble is not its neighbours'. */
static void a_batch_keeps_just_its_own(void **state)
{
	enum { N = 5 };
	struct contract *c = *state;
	struct job *jobs[N];
	struct raw_answer raws[N];
	struct job_change changes[N];
	char bodies[N][2] = { "0", "1", "2", "3", "4" };

	for (int i = 0; i < N; i++) {
		jobs[i] = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
		raws[i] = raw_with(c, bodies[i], 1);
		changes[i] = ending(c, jobs[i], i == 1 ? NULL : &raws[i]);
		if (i == 3)
			changes[i].fence = 99;
	}
	assert_ok(store_change(c->store, changes, N, &contract_why));
	for (int i = 0; i < N; i++) {
		assert_err(changes[i].outcome, i == 3 ? ERR_STALE : ERR_OK);
		assert_raw_of(c, jobs[i]->request_id, c->now, i == 1 || i == 3 ? NULL : &raws[i]);
		job_free(jobs[i]);
	}
}

/* ---- Of early callbacks ---- */

static void under_a_key_the_first_stays_until_it_is_dropped(void **state)
{
	static const char *const keys[] = { "alpha:complete:1", "none" };
	struct contract *c = *state;
	struct raw_answer first = raw_with(c, "first", 5), second = raw_with(c, "second", 6);

	assert_raw_under(c, keys[0], c->now, NULL);
	assert_ok(store_raw_put(c->store, keys[0], &first, &contract_why));
	assert_ok(store_raw_put(c->store, keys[0], &second, &contract_why));
	assert_ok(store_raw_put(c->store, "alpha:failed:1", &second, &contract_why));
	assert_raw_under(c, keys[0], c->now, "first");
	assert_raw_under(c, keys[0], c->now + KEEP_MS, NULL);
	assert_ok(store_raw_drop(c->store, keys, COUNT(keys), &contract_why));
	assert_ok(store_raw_drop(c->store, keys, 0, &contract_why));
	assert_raw_under(c, keys[0], c->now, NULL);
	assert_raw_under(c, "alpha:failed:1", c->now, "second");
}

/* ---- Their end ---- */

static void what_has_expired_is_removed(void **state)
{
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
	struct raw_answer raw = raw_with(c, "soon", 4), later = raw_with(c, "later", 5);
	struct job_change change = ending(c, job, &raw);
	size_t deleted = 99;

	later.expire_at++;
	assert_err(change_one(c->store, &change), ERR_OK);
	assert_ok(store_raw_put(c->store, "alpha:complete:1", &later, &contract_why));
	assert_ok(store_expire(c->store, c->now + KEEP_MS - 1, 100, &deleted, &contract_why));
	assert_int_equal(deleted, 0);
	assert_ok(store_expire(c->store, c->now + KEEP_MS, 100, &deleted, &contract_why));
	assert_int_equal(deleted, c->engine->expires_by_itself ? 0 : 1);
	if (!c->engine->expires_by_itself)
		assert_raw_of(c, job->request_id, 0, NULL);
	assert_raw_under(c, "alpha:complete:1", c->now + KEEP_MS, "later");
	job_free(must_get(c->store, job->request_id));
	job_free(job);
}

/* A page at a time, so that nobody waits long. */
static void it_is_removed_page_by_page(void **state)
{
	enum { N = 7, PAGE = 3 };
	struct contract *c = *state;
	struct raw_answer raw = raw_with(c, "x", 1);
	size_t deleted, in_all = 0;
	char key[32];

	for (int i = 0; i < N; i++) {
		snprintf(key, sizeof(key), "alpha:complete:%d", i);
		assert_ok(store_raw_put(c->store, key, &raw, &contract_why));
	}
	do {
		assert_ok(store_expire(c->store, c->now + KEEP_MS, PAGE, &deleted, &contract_why));
		assert_true(deleted <= PAGE);
		in_all += deleted;
	} while (deleted);
	assert_int_equal(in_all, c->engine->expires_by_itself ? 0 : N);
}

static const struct CMUnitTest tests[] = {
	contract_test(it_goes_with_the_change_that_ends_the_job),
	contract_test(by_default_nothing_is_kept),
	contract_test(who_came_too_late_leaves_none),
	contract_test(what_is_too_big_ends_no_job),
	contract_test(a_batch_keeps_just_its_own),
	contract_test(under_a_key_the_first_stays_until_it_is_dropped),
	contract_test(what_has_expired_is_removed),
	contract_test(it_is_removed_page_by_page),
};

const struct contract_group contract_raw = CONTRACT_GROUP(tests);
