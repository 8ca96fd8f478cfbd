/* The frame of the contract suite: one empty store a test, and the shortcuts that the tests share. */
#include "store_contract.h"

#include "clock.h"
#include "mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 120 };

struct err_text contract_why;
static const struct contract_engine *current_engine;

int contract_setup(void **state)
{
	struct contract *c = mem_calloc(1, sizeof(*c));

	c->engine = current_engine;
	c->uri = current_engine->fresh_uri();
	c->now = clock_now_ms();
	*state = c;
	if (store_open(c->uri, CONTRACT_TIMEOUT_MS, &c->store, &contract_why) == ERR_OK)
		return 0;
	print_error("%s: %s\n", c->uri, contract_why.text);
	return -1;
}

int contract_teardown(void **state)
{
	struct contract *c = *state;

	store_close(c->store);
	current_engine->remove(c->uri);
	free(c->uri);
	free(c);
	return 0;
}

int contract_run(const struct contract_engine *engine)
{
	const struct contract_group own = { engine->tests, engine->n_tests };
	const struct contract_group *groups[] = { &contract_insert, &contract_json, &contract_claim, &contract_change,
	                                          &contract_early, &contract_find, &contract_quota, &contract_races, &contract_raw, &own };
	struct CMUnitTest *all = NULL;
	size_t n = 0;
	int failed;

	current_engine = engine;
	for (size_t g = 0; g < COUNT(groups); g++) {
		if (groups[g]->n == 0)
			continue;
		all = mem_realloc(all, (n + groups[g]->n) * sizeof(*all));
		memcpy(all + n, groups[g]->tests, groups[g]->n * sizeof(*all));
		n += groups[g]->n;
	}
	failed = _cmocka_run_group_tests("store contract", all, n, NULL, NULL);
	free(all);
	return failed;
}

void assert_same_text(const char *what, const char *got, const char *expected)
{
	if (!got && !expected)
		return;
	if (!got || !expected)
		fail_msg("%s: got %.*s, expected %.*s", what, SHOWN_BYTES, got ? got : "nothing",
		         SHOWN_BYTES, expected ? expected : "nothing");
	if (strcmp(got, expected) != 0)
		fail_msg("%s: got %.*s (%zu bytes), expected %.*s (%zu bytes)", what, SHOWN_BYTES, got, strlen(got),
		         SHOWN_BYTES, expected, strlen(expected));
}

static void assert_same_number(const char *what, int64_t got, int64_t expected)
{
	if (got != expected)
		fail_msg("%s: got %lld, expected %lld", what, (long long)got, (long long)expected);
}

void assert_same_job(const struct job *got, const struct job *expected)
{
	assert_same_text("request_id", got->request_id, expected->request_id);
	assert_same_text("vendor", got->vendor, expected->vendor);
	assert_same_text("tenant", got->tenant, expected->tenant);
	assert_same_text("payload", got->payload, expected->payload);
	assert_same_text("result", got->result, expected->result);
	assert_same_text("error", got->error, expected->error);
	assert_same_text("history", got->history, expected->history);
	assert_same_text("vendor_job_id", got->vendor_job_id, expected->vendor_job_id);
	assert_same_text("poll", got->poll, expected->poll);
	assert_same_text("tried", got->tried, expected->tried);
	assert_same_text("phase", phase_name(got->phase), phase_name(expected->phase));
	assert_same_text("status", status_name(got->status), status_name(expected->status));
	assert_same_number("fence", got->fence, expected->fence);
	assert_same_number("attempts", got->attempts, expected->attempts);
	assert_same_number("created_at", got->created_at, expected->created_at);
	assert_same_number("updated_at", got->updated_at, expected->updated_at);
	assert_same_number("completed_at", got->completed_at, expected->completed_at);
	assert_same_number("next_attempt_at", got->next_attempt_at, expected->next_attempt_at);
	assert_same_number("queued_at", got->queued_at, expected->queued_at);
	assert_same_number("due_at", got->due_at, expected->due_at);
	assert_same_number("deadline_at", got->deadline_at, expected->deadline_at);
	assert_same_number("expire_at", got->expire_at, expected->expire_at);
}

struct job *contract_job(int64_t now, const char *vendor)
{
	return job_new(now, vendor, mem_strdup("{\"customer_id\":42}"), now + DAY_MS);
}

char *contract_text(size_t len, char c)
{
	char *text = mem_alloc(len + 1);

	memset(text, c, len);
	text[0] = text[len - 1] = '"';
	text[len] = '\0';
	return text;
}

enum err insert_one(struct store *store, struct store_insert *item)
{
	assert_ok(store_insert(store, item, 1, &contract_why));
	return item->outcome;
}

void must_insert(struct store *store, struct job *job)
{
	struct store_insert item = { .job = job };

	assert_err(insert_one(store, &item), ERR_OK);
}

struct job *must_get(struct store *store, const char *request_id)
{
	struct job *job = NULL;

	assert_ok(store_get(store, request_id, &job, &contract_why));
	assert_non_null(job);
	return job;
}

void assert_not_found(struct store *store, const char *request_id)
{
	struct job *job = NULL;

	assert_err(store_get(store, request_id, &job, &contract_why), ERR_NOT_FOUND);
}

enum err claim_one(struct store *store, const char *request_id, int64_t now, struct job **job)
{
	struct store_claim item = { .request_id = request_id };

	assert_ok(store_claim(store, &item, 1, now, now + LEASE_MS, &contract_why));
	assert_true((item.outcome == ERR_OK) == (item.job != NULL));
	if (job)
		*job = item.job;
	else
		job_free(item.job);
	return item.outcome;
}

enum err change_one(struct store *store, struct job_change *change)
{
	assert_ok(store_change(store, change, 1, &contract_why));
	return change->outcome;
}

struct job *must_have_in_phase(struct store *store, int64_t now, const char *vendor, enum phase phase)
{
	struct job *job = contract_job(now, vendor);
	struct job_change change = { .request_id = job->request_id, .fence = 1, .now = now, .due_at = now + LEASE_MS,
	                             .next_attempt_at = now, .queued_at = now };
	struct job *stored;

	must_insert(store, job);
	if (phase != PHASE_QUEUED)
		assert_err(claim_one(store, job->request_id, now, NULL), ERR_OK);
	if (phase == PHASE_WAITING_CALLBACK) {
		change.event = EVENT_AWAIT_CALLBACK;
		assert_err(change_one(store, &change), ERR_OK);
	} else if (phase == PHASE_WAITING_POLL || phase == PHASE_POLLING) {
		change.event = EVENT_AWAIT_POLL;
		assert_err(change_one(store, &change), ERR_OK);
		if (phase == PHASE_POLLING)
			assert_err(claim_one(store, job->request_id, now, NULL), ERR_OK);
	} else if (phase == PHASE_DONE) {
		change.event = EVENT_FAIL;
		change.error = "refused";
		change.expire_at = now + DAY_MS;
		assert_err(change_one(store, &change), ERR_OK);
	}
	stored = must_get(store, job->request_id);
	assert_int_equal(stored->phase, phase);
	job_free(job);
	return stored;
}

struct runner {
	pthread_t thread;
	pthread_barrier_t *start;
	void *(*function)(void *arg);
	void *arg;
};

static void *run_one(void *arg)
{
	struct runner *runner = arg;

	pthread_barrier_wait(runner->start);
	return runner->function(runner->arg);
}

void run_together(size_t n, void *(*function)(void *arg), void *args, size_t size)
{
	struct runner *runners = mem_calloc(n, sizeof(*runners));
	pthread_barrier_t start;

	assert_int_equal(pthread_barrier_init(&start, NULL, (unsigned)n), 0);
	for (size_t i = 0; i < n; i++) {
		runners[i] = (struct runner){ .start = &start, .function = function, .arg = (char *)args + i * size };
		assert_int_equal(pthread_create(&runners[i].thread, NULL, run_one, &runners[i]), 0);
	}
	for (size_t i = 0; i < n; i++)
		pthread_join(runners[i].thread, NULL);
	pthread_barrier_destroy(&start);
	free(runners);
}
