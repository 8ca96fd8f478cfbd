/* Several threads and several handles (as several processes would have) at once. */
#include "store_contract.h"

#include "clock.h"
#include "mem.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDLES = 4, NO_ANSWER = ERR_SYSTEM };

static void open_handles(struct contract *c, struct store *handles[HANDLES])
{
	handles[0] = c->store;
	for (int i = 1; i < HANDLES; i++)
		assert_ok(store_open(c->uri, CONTRACT_TIMEOUT_MS, &handles[i], &contract_why));
}

static void close_handles(struct store *handles[HANDLES])
{
	for (int i = 1; i < HANDLES; i++)
		store_close(handles[i]);
}

enum { TRIES = 5 };

/* ---- Opening ---- */

struct opener {
	const char *uri;
	struct store *store;
	enum err err;
};

static void *open_it(void *arg)
{
	struct opener *o = arg;

	/* On a loaded machine a new database may take longer than one call may: programs try again, too. */
	for (int tries = 0; tries < TRIES && (tries == 0 || o->err == ERR_UNAVAILABLE); tries++)
		o->err = store_open(o->uri, CONTRACT_TIMEOUT_MS, &o->store, NULL);
	return NULL;
}

static void all_who_open_a_new_store_at_once_succeed(void **state)
{
	enum { OPENERS = 8 };
	struct contract *c = *state;
	char *uri = c->engine->fresh_uri();
	struct opener openers[OPENERS];

	for (int i = 0; i < OPENERS; i++)
		openers[i] = (struct opener){ .uri = uri, .err = NO_ANSWER };
	run_together(OPENERS, open_it, openers, sizeof(openers[0]));
	for (int i = 0; i < OPENERS; i++) {
		struct job *job = contract_job(c->now, "alpha");

		assert_err(openers[i].err, ERR_OK);
		must_insert(openers[i].store, job);
		job_free(must_get(openers[0].store, job->request_id));
		job_free(job);
	}
	for (int i = 0; i < OPENERS; i++)
		store_close(openers[i].store);
	c->engine->remove(uri);
	free(uri);
}

/* ---- Idempotency keys ---- */

enum { RACED_KEYS = 20 };

struct key_racer {
	struct store *store;
	int64_t now;
	size_t n_keys;
	char ids[RACED_KEYS][UUID_TEXT_SIZE];    /* as made, before the store's answer */
	struct store_insert items[RACED_KEYS];
	bool again;                              /* an answer was lost, so the first insert may be ours */
	enum err err;
};

static void *race_keys(void *arg)
{
	static const char *const keys[RACED_KEYS] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
	                                              "k", "l", "m", "n", "o", "p", "q", "r", "s", "t" };
	struct key_racer *r = arg;

	for (size_t i = 0; i < r->n_keys; i++) {
		struct job *job = contract_job(r->now, "alpha");

		memcpy(r->ids[i], job->request_id, sizeof(r->ids[i]));
		r->items[i] = (struct store_insert){ .job = job, .idempotency_key = keys[i],
		                                      .key_expire_at = r->now + DAY_MS };
	}
	r->err = store_insert(r->store, r->items, r->n_keys, NULL);
	for (int tries = 1; tries < TRIES && r->err == ERR_UNAVAILABLE; tries++) {
		r->again = true;
		r->err = store_insert(r->store, r->items, r->n_keys, NULL);
	}
	return NULL;
}

static void assert_one_job_a_key(struct contract *c, size_t threads, size_t n_keys)
{
	struct key_racer *racers = mem_calloc(threads, sizeof(*racers));
	struct store *handles[HANDLES];

	open_handles(c, handles);
	for (size_t t = 0; t < threads; t++)
		racers[t] = (struct key_racer){ .store = handles[t % HANDLES], .now = c->now, .n_keys = n_keys,
		                                .err = NO_ANSWER };
	run_together(threads, race_keys, racers, sizeof(*racers));
	for (size_t k = 0; k < n_keys; k++) {
		size_t stored = 0;
		bool again = false;

		for (size_t t = 0; t < threads; t++) {
			struct store_insert *item = &racers[t].items[k];

			again = again || racers[t].again;
			assert_err(racers[t].err, ERR_OK);
			assert_true(item->outcome == ERR_OK || item->outcome == ERR_EXISTS);
			stored += item->outcome == ERR_OK;
			assert_string_equal(item->job->request_id, racers[0].items[k].job->request_id);
			if (strcmp(item->job->request_id, racers[t].ids[k]) != 0)
				assert_not_found(c->store, racers[t].ids[k]);
		}
		assert_in_range(stored, again ? 0 : 1, 1);
		job_free(must_get(c->store, racers[0].items[k].job->request_id));
	}
	for (size_t t = 0; t < threads; t++)
		for (size_t k = 0; k < n_keys; k++)
			job_free(racers[t].items[k].job);
	close_handles(handles);
	free(racers);
}

static void fifty_racing_for_one_key_make_one_job(void **state) { assert_one_job_a_key(*state, 50, 1); }

static void batches_racing_for_the_same_keys_make_one_job_each(void **state)
{
	assert_one_job_a_key(*state, 8, RACED_KEYS);
}

/* ---- Claims ---- */

enum { RACED_JOBS = 500, CLAIM_BATCH = 50, CLAIMERS = 8 };

struct claimer {
	struct store *store;
	int64_t now;
	struct job **jobs;
	size_t first;
	atomic_int *claimed;    /* per job */
	int failures;
};

static void *claim_all(void *arg)
{
	struct claimer *r = arg;

	for (size_t done = 0; done < RACED_JOBS; done += CLAIM_BATCH) {
		struct store_claim claims[CLAIM_BATCH] = { 0 };

		for (size_t i = 0; i < CLAIM_BATCH; i++)
			claims[i].request_id = r->jobs[(r->first + done + i) % RACED_JOBS]->request_id;
		if (store_claim(r->store, claims, CLAIM_BATCH, r->now, r->now + LEASE_MS, NULL) != ERR_OK)
			r->failures++;
		for (size_t i = 0; i < CLAIM_BATCH; i++) {
			size_t job = (r->first + done + i) % RACED_JOBS;

			if (claims[i].outcome == ERR_OK && claims[i].job->fence == 1 &&
			    strcmp(claims[i].job->request_id, r->jobs[job]->request_id) == 0)
				atomic_fetch_add(&r->claimed[job], 1);
			else if (claims[i].outcome != ERR_STALE)
				r->failures++;
			job_free(claims[i].job);
		}
	}
	return NULL;
}

static void each_job_is_claimed_by_exactly_one(void **state)
{
	struct contract *c = *state;
	struct store_insert items[RACED_JOBS] = { 0 };
	struct job *jobs[RACED_JOBS];
	struct claimer claimers[CLAIMERS];
	atomic_int claimed[RACED_JOBS] = { 0 };
	struct store *handles[HANDLES];

	open_handles(c, handles);
	for (size_t i = 0; i < RACED_JOBS; i++)
		items[i].job = jobs[i] = contract_job(c->now, "alpha");
	assert_ok(store_insert(c->store, items, RACED_JOBS, &contract_why));
	for (size_t t = 0; t < CLAIMERS; t++)
		claimers[t] = (struct claimer){ .store = handles[t % HANDLES], .now = c->now, .jobs = jobs,
		                                .first = t * 17 * (t % 3), .claimed = claimed };
	run_together(CLAIMERS, claim_all, claimers, sizeof(claimers[0]));
	for (size_t t = 0; t < CLAIMERS; t++)
		assert_int_equal(claimers[t].failures, 0);
	for (size_t i = 0; i < RACED_JOBS; i++) {
		assert_int_equal(claimed[i], 1);
		job_free(jobs[i]);
	}
	close_handles(handles);
}

/* ---- Changes ---- */

enum { ENDED_JOBS = 40, ENDERS = 8 };

struct ender {
	struct store *store;
	int64_t now;
	struct job **jobs;
	char result[16];
	struct job_change changes[ENDED_JOBS];
	enum err err;
};

static void *end_all(void *arg)
{
	struct ender *r = arg;

	for (size_t i = 0; i < ENDED_JOBS; i++)
		r->changes[i] = (struct job_change){ .request_id = r->jobs[i]->request_id, .event = EVENT_SUCCEED,
		                                     .fence = FENCE_ANY, .now = r->now, .attempts_add = 1,
		                                     .result = r->result, .expire_at = r->now + DAY_MS };
	r->err = store_change(r->store, r->changes, ENDED_JOBS, NULL);
	return NULL;
}

static void each_job_ends_once_as_the_winner_says(void **state)
{
	struct contract *c = *state;
	struct job *jobs[ENDED_JOBS];
	struct ender enders[ENDERS];
	struct store *handles[HANDLES];

	open_handles(c, handles);
	for (size_t i = 0; i < ENDED_JOBS; i++)
		jobs[i] = must_have_in_phase(c->store, c->now, "alpha", i % 2 ? PHASE_CALLING : PHASE_WAITING_CALLBACK);
	for (size_t t = 0; t < ENDERS; t++) {
		enders[t] = (struct ender){ .store = handles[t % HANDLES], .now = c->now, .jobs = jobs,
		                             .err = NO_ANSWER };
		snprintf(enders[t].result, sizeof(enders[t].result), "\"%zu\"", t);
	}
	run_together(ENDERS, end_all, enders, sizeof(enders[0]));
	for (size_t i = 0; i < ENDED_JOBS; i++) {
		struct job *got = must_get(c->store, jobs[i]->request_id);
		int winners = 0;

		for (size_t t = 0; t < ENDERS; t++) {
			assert_err(enders[t].err, ERR_OK);
			if (enders[t].changes[i].outcome == ERR_STALE)
				continue;
			assert_err(enders[t].changes[i].outcome, ERR_OK);
			assert_same_text("result", got->result, enders[t].result);
			winners++;
		}
		assert_int_equal(winners, 1);
		assert_int_equal(got->attempts, 1);
		job_free(got);
		job_free(jobs[i]);
	}
	close_handles(handles);
}

struct claim_or_expire {
	struct store *store;
	const char *request_id;
	int64_t now;
	bool claims;
	enum err outcome;
};

static void *claim_or_expire(void *arg)
{
	struct claim_or_expire *r = arg;
	struct store_claim claim = { .request_id = r->request_id };
	struct job_change change = { .request_id = r->request_id, .event = EVENT_EXPIRE, .fence = 0, .now = r->now,
	                             .error = "too late", .expire_at = r->now + DAY_MS };
	enum err err;

	if (r->claims)
		err = store_claim(r->store, &claim, 1, r->now, r->now + LEASE_MS, NULL);
	else
		err = store_change(r->store, &change, 1, NULL);
	r->outcome = err != ERR_OK ? NO_ANSWER : r->claims ? claim.outcome : change.outcome;
	job_free(claim.job);
	return NULL;
}

/* Repair read the job before the claim raised its fence. */
static void a_claim_and_a_repair_exclude_each_other(void **state)
{
	struct contract *c = *state;
	struct store *handles[HANDLES];

	open_handles(c, handles);
	for (int round = 0; round < 30; round++) {
		struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_QUEUED), *got;
		struct claim_or_expire racers[4];

		for (int i = 0; i < 4; i++)
			racers[i] = (struct claim_or_expire){ .store = handles[i % HANDLES],
			                                      .request_id = job->request_id, .now = c->now,
			                                      .claims = i % 2 };
		run_together(4, claim_or_expire, racers, sizeof(racers[0]));
		got = must_get(c->store, job->request_id);
		for (int i = 0, winners = 0; i < 4; i++) {
			winners += racers[i].outcome == ERR_OK;
			if (racers[i].outcome == ERR_OK)
				assert_int_equal(got->phase, racers[i].claims ? PHASE_CALLING : PHASE_DONE);
			else
				assert_err(racers[i].outcome, ERR_STALE);
			assert_true(i < 3 || winners == 1);
		}
		job_free(got);
		job_free(job);
	}
	close_handles(handles);
}

/* ---- Reading while others write ---- */

enum { READ_JOBS = 60, READERS = 6 };

struct reader_or_writer {
	struct store *store;
	int64_t now;
	bool writes;
	char (*ids)[UUID_TEXT_SIZE];
	atomic_int *acknowledged;    /* so many of ids are stored */
	int failures;
};

static void write_jobs(struct reader_or_writer *r)
{
	for (int i = 0; i < READ_JOBS; i++) {
		struct job *job = contract_job(r->now, "alpha");
		struct store_insert item = { .job = job };

		memcpy(r->ids[i], job->request_id, UUID_TEXT_SIZE);
		if (store_insert(r->store, &item, 1, NULL) != ERR_OK || item.outcome != ERR_OK)
			r->failures++;
		job_free(job);
		atomic_store(r->acknowledged, i + 1);
	}
}

static void *read_or_write(void *arg)
{
	struct reader_or_writer *r = arg;
	int known = 0;

	if (r->writes) {
		write_jobs(r);
		return NULL;
	}
	while (known < READ_JOBS) {
		struct job *job = NULL;

		known = atomic_load(r->acknowledged);
		if (known == 0)
			continue;
		if (store_get(r->store, r->ids[known - 1], &job, NULL) != ERR_OK)
			r->failures++;
		job_free(job);
	}
	return NULL;
}

static void what_was_answered_is_seen_by_everyone_at_once(void **state)
{
	struct contract *c = *state;
	struct store *handles[HANDLES];
	struct reader_or_writer all[READERS + 1];
	char ids[READ_JOBS][UUID_TEXT_SIZE];
	atomic_int acknowledged = 0;

	open_handles(c, handles);
	for (int i = 0; i <= READERS; i++)
		all[i] = (struct reader_or_writer){ .store = handles[i % HANDLES], .now = c->now, .writes = i == 0,
		                                    .ids = ids, .acknowledged = &acknowledged };
	run_together(READERS + 1, read_or_write, all, sizeof(all[0]));
	for (int i = 0; i <= READERS; i++)
		assert_int_equal(all[i].failures, 0);
	close_handles(handles);
}

/* ---- Small facts ---- */

struct fact_racer {
	struct store *store;
	unsigned char candidate[STORE_SECRET_SIZE], secret[STORE_SECRET_SIZE];
	enum err secret_err, called_err;
};

static void *race_facts(void *arg)
{
	struct fact_racer *r = arg;

	r->secret_err = store_secret(r->store, "callback", r->candidate, r->secret, NULL);
	r->called_err = store_mark_called(r->store, "alpha", NULL);
	return NULL;
}

static void all_get_one_secret_and_one_is_the_first_caller(void **state)
{
	enum { RACERS = 12 };
	struct contract *c = *state;
	struct store *handles[HANDLES];
	struct fact_racer racers[RACERS] = { 0 };
	int first = 0;

	open_handles(c, handles);
	for (int i = 0; i < RACERS; i++) {
		racers[i].store = handles[i % HANDLES];
		memset(racers[i].candidate, i + 1, STORE_SECRET_SIZE);
	}
	run_together(RACERS, race_facts, racers, sizeof(racers[0]));
	for (int i = 0; i < RACERS; i++) {
		assert_err(racers[i].secret_err, ERR_OK);
		assert_memory_equal(racers[i].secret, racers[0].secret, STORE_SECRET_SIZE);
		first += racers[i].called_err == ERR_OK;
		assert_true(racers[i].called_err == ERR_OK || racers[i].called_err == ERR_EXISTS);
	}
	assert_int_equal(first, 1);
	close_handles(handles);
}

static const struct CMUnitTest tests[] = {
	contract_test(all_who_open_a_new_store_at_once_succeed),
	contract_test(fifty_racing_for_one_key_make_one_job),
	contract_test(batches_racing_for_the_same_keys_make_one_job_each),
	contract_test(each_job_is_claimed_by_exactly_one),
	contract_test(each_job_ends_once_as_the_winner_says),
	contract_test(a_claim_and_a_repair_exclude_each_other),
	contract_test(what_was_answered_is_seen_by_everyone_at_once),
	contract_test(all_get_one_secret_and_one_is_the_first_caller),
};
const struct contract_group contract_races = CONTRACT_GROUP(tests);
