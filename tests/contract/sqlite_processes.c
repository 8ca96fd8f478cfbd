/* SQLite: what several processes do to one file at once, and what a killed or stopped one leaves behind. */
#include "sqlite_own.h"

#include "clock.h"
#include "mem.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 4, SHORT_TIMEOUT_MS = 400, SLACK_MS = 600 };

struct child {
	pid_t pid;
	int from;    /* what it wrote */
};

/* Runs function in a process of its own, which ends with its return value. Nothing in there may use cmocka. */
static struct child start(int (*function)(const char *uri, int to), const char *uri)
{
	struct child child;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fflush(NULL);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (child.pid == 0)
		_exit(function(uri, fds[1]));
	close(fds[1]);
	child.from = fds[0];
	return child;
}

/* Its exit status, or -1 when a signal ended it. */
static int end_of(struct child child)
{
	int status = 0;

	close(child.from);
	assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void must_read(int fd, void *bytes, size_t size)
{
	assert_int_equal(read(fd, bytes, size), size);
}

/* Inserts for ever, batch by batch, and writes the ids of each batch once it is acknowledged. */
static int insert_for_ever(const char *uri, int to)
{
	enum { BATCH = 8 };
	struct store *store;

	if (store_open(uri, CONTRACT_TIMEOUT_MS, &store, NULL) != ERR_OK)
		return 1;
	for (;;) {
		struct store_insert items[BATCH] = { 0 };
		char ids[BATCH][UUID_TEXT_SIZE];

		for (int i = 0; i < BATCH; i++) {
			items[i].job = contract_job(clock_now_ms(), "alpha");
			memcpy(ids[i], items[i].job->request_id, sizeof(ids[i]));
		}
		if (store_insert(store, items, BATCH, NULL) != ERR_OK)
			return 1;
		for (int i = 0; i < BATCH; i++)
			job_free(items[i].job);
		if (write(to, ids, sizeof(ids)) != (ssize_t)sizeof(ids))
			return 1;
	}
}

static void a_killed_writer_loses_nothing_that_was_acknowledged(void **state)
{
	struct contract *c = *state;

	for (int round = 0; round < 5; round++) {
		struct child child = start(insert_for_ever, c->uri);
		char id[UUID_TEXT_SIZE];
		size_t acknowledged = 0;

		must_read(child.from, id, sizeof(id));
		job_free(must_get(c->store, id));
		usleep((useconds_t)(20000 + round * 7000));
		kill(child.pid, SIGKILL);
		while (read(child.from, id, sizeof(id)) == (ssize_t)sizeof(id)) {
			job_free(must_get(c->store, id));
			acknowledged++;
		}
		assert_int_equal(end_of(child), -1);
		assert_true(acknowledged > 0);
	}
	/* And the others write on. */
	job_free(must_have_in_phase(c->store, c->now, "alpha", PHASE_DONE));
}

enum { SHARED_JOBS = 200 };

/* Claims page by page until nothing is queued any more; writes the id of each job that it got. */
static int claim_everything(const char *uri, int to)
{
	enum { PAGE = 10 };
	struct store *store;
	int64_t now = clock_now_ms() + 1000;
	size_t n = 0;

	if (store_open(uri, CONTRACT_TIMEOUT_MS, &store, NULL) != ERR_OK)
		return 1;
	do {
		struct job_ref *refs;
		struct store_claim claims[PAGE] = { 0 };

		if (store_find_queued(store, "alpha", now, PAGE, &refs, &n, NULL) != ERR_OK)
			return 2;
		for (size_t i = 0; i < n; i++)
			claims[i].request_id = refs[i].request_id;
		if (store_claim(store, claims, n, now, now + LEASE_MS, NULL) != ERR_OK)
			return 3;
		for (size_t i = 0; i < n; i++) {
			const char *id = claims[i].request_id;

			if (claims[i].outcome == ERR_OK && write(to, id, UUID_TEXT_SIZE) != UUID_TEXT_SIZE)
				return 4;
			job_free(claims[i].job);
		}
		job_refs_free(refs, n);
	} while (n > 0);
	store_close(store);
	return 0;
}

static void several_processes_share_the_work(void **state)
{
	struct contract *c = *state;
	struct store_insert items[SHARED_JOBS] = { 0 };
	struct child children[PROCESSES];
	int claimed[SHARED_JOBS] = { 0 };
	char id[UUID_TEXT_SIZE];

	for (int i = 0; i < SHARED_JOBS; i++)
		items[i].job = contract_job(c->now, "alpha");
	assert_ok(store_insert(c->store, items, SHARED_JOBS, &contract_why));
	for (int p = 0; p < PROCESSES; p++)
		children[p] = start(claim_everything, c->uri);
	for (int p = 0; p < PROCESSES; p++) {
		while (read(children[p].from, id, sizeof(id)) == (ssize_t)sizeof(id))
			for (int i = 0; i < SHARED_JOBS; i++)
				claimed[i] += strcmp(items[i].job->request_id, id) == 0;
		assert_int_equal(end_of(children[p]), 0);
	}
	for (int i = 0; i < SHARED_JOBS; i++) {
		assert_int_equal(claimed[i], 1);
		job_free(items[i].job);
	}
}

static int open_and_close_often(const char *uri, int to)
{
	(void)to;
	for (int i = 0; i < 20; i++) {
		struct job *job = contract_job(clock_now_ms(), "alpha");
		struct store_insert item = { .job = job };
		struct store *store;

		if (store_open(uri, CONTRACT_TIMEOUT_MS, &store, NULL) != ERR_OK)
			return 1;
		if (store_insert(store, &item, 1, NULL) != ERR_OK)
			return 2;
		store_close(store);
		job_free(job);
	}
	return 0;
}

/* The last one to close removes the log while another one opens. */
static void processes_open_a_new_file_and_close_it_at_the_same_time(void **state)
{
	char *uri = sqlite_fresh_uri();
	struct child children[PROCESSES];

	(void)state;
	for (int p = 0; p < PROCESSES; p++)
		children[p] = start(open_and_close_often, uri);
	for (int p = 0; p < PROCESSES; p++)
		assert_int_equal(end_of(children[p]), 0);
	sqlite_remove(uri);
	free(uri);
}

/* How many batches it got through, and its longest wait in ms, after a second. */
static int write_for_a_second(const char *uri, int to)
{
	int64_t end = clock_mono_ms() + 1000, longest = 0, batches = 0;
	struct store *store;

	if (store_open(uri, CONTRACT_TIMEOUT_MS, &store, NULL) != ERR_OK)
		return 1;
	for (; clock_mono_ms() < end; batches++) {
		struct job *job = contract_job(clock_now_ms(), "alpha");
		struct store_insert item = { .job = job };
		int64_t started = clock_mono_ms();

		if (store_insert(store, &item, 1, NULL) != ERR_OK)
			return 2;
		if (clock_mono_ms() - started > longest)
			longest = clock_mono_ms() - started;
		job_free(job);
	}
	store_close(store);
	return write(to, (int64_t[]){ batches, longest }, 2 * sizeof(int64_t)) < 0;
}

static void no_writer_is_passed_over(void **state)
{
	struct contract *c = *state;
	struct child children[PROCESSES];
	int64_t least = INT64_MAX, most = 0;

	for (int p = 0; p < PROCESSES; p++)
		children[p] = start(write_for_a_second, c->uri);
	for (int p = 0; p < PROCESSES; p++) {
		int64_t got[2];

		must_read(children[p].from, got, sizeof(got));
		assert_int_equal(end_of(children[p]), 0);
		least = got[0] < least ? got[0] : least;
		most = got[0] > most ? got[0] : most;
		assert_in_range(got[1], 0, 900);
	}
	assert_true(least * 10 >= most);
}

/* ---- Held locks ---- */

static void assert_writes_fail_in_time_and_reads_go_on(struct contract *c, struct job *known)
{
	struct store_insert insert = { .job = known };
	struct store_claim claim = { .request_id = known->request_id };
	struct job_change change = { .request_id = known->request_id, .event = EVENT_CANCEL, .fence = FENCE_ANY,
	                             .now = c->now };
	unsigned char secret[STORE_SECRET_SIZE] = { 0 };
	int64_t start = clock_mono_ms();
	struct job *got = NULL;

	assert_err(store_insert(c->store, &insert, 1, &contract_why), ERR_UNAVAILABLE);
	assert_err(insert.outcome, ERR_UNAVAILABLE);
	assert_in_range(clock_mono_ms() - start, SHORT_TIMEOUT_MS - 50, SHORT_TIMEOUT_MS + SLACK_MS);
	assert_err(store_claim(c->store, &claim, 1, c->now, c->now + LEASE_MS, &contract_why), ERR_UNAVAILABLE);
	assert_err(claim.outcome, ERR_UNAVAILABLE);
	assert_null(claim.job);
	assert_err(store_change(c->store, &change, 1, &contract_why), ERR_UNAVAILABLE);
	assert_err(change.outcome, ERR_UNAVAILABLE);
	assert_err(store_mark_called(c->store, "alpha", &contract_why), ERR_UNAVAILABLE);
	assert_err(store_secret(c->store, "x", secret, secret, &contract_why), ERR_UNAVAILABLE);
	assert_in_range(clock_mono_ms() - start, 0, 5 * (SHORT_TIMEOUT_MS + SLACK_MS));
	assert_ok(store_get(c->store, known->request_id, &got, &contract_why));
	assert_same_job(got, known);
	assert_ok(store_ping(c->store, &contract_why));
	job_free(got);
}

struct waiter {
	struct store *store;
	enum err err;
	int64_t took_ms;
};

static void *wait_to_insert(void *arg)
{
	struct waiter *w = arg;
	struct job *job = contract_job(clock_now_ms(), "alpha");
	struct store_insert item = { .job = job };
	int64_t start = clock_mono_ms();

	w->err = store_insert(w->store, &item, 1, NULL);
	w->took_ms = clock_mono_ms() - start;
	job_free(job);
	return NULL;
}

/* A queue of threads does not add their waits up. */
static void assert_all_threads_fail_in_time(struct store *store)
{
	enum { WAITERS = 6 };
	struct waiter waiters[WAITERS];

	for (int i = 0; i < WAITERS; i++)
		waiters[i] = (struct waiter){ .store = store };
	run_together(WAITERS, wait_to_insert, waiters, sizeof(waiters[0]));
	for (int i = 0; i < WAITERS; i++) {
		assert_err(waiters[i].err, ERR_UNAVAILABLE);
		assert_in_range(waiters[i].took_ms, 0, SHORT_TIMEOUT_MS + SLACK_MS);
	}
}

/* Runs holder in a process that is then stopped; the store must answer in time, and work again once it is gone. */
static void assert_survives_a_stopped(struct contract *c, int (*holder)(const char *uri, int to), bool blocks_opening)
{
	struct job *known = must_have_in_phase(c->store, c->now, "alpha", PHASE_QUEUED);
	struct store *other = NULL;
	struct child child;
	char ready;

	store_close(c->store);
	c->store = NULL;
	assert_ok(store_open(c->uri, SHORT_TIMEOUT_MS, &c->store, &contract_why));
	child = start(holder, c->uri);
	must_read(child.from, &ready, 1);
	kill(child.pid, SIGSTOP);
	assert_writes_fail_in_time_and_reads_go_on(c, known);
	assert_all_threads_fail_in_time(c->store);
	if (blocks_opening)
		assert_err(store_open(c->uri, SHORT_TIMEOUT_MS, &other, &contract_why), ERR_UNAVAILABLE);
	kill(child.pid, SIGKILL);
	assert_int_equal(end_of(child), -1);
	assert_err(claim_one(c->store, known->request_id, c->now, NULL), ERR_OK);
	job_free(known);
}

static int hold_the_write_lock(const char *uri, int to)
{
	char *path = mem_printf("%s.lock", sqlite_path(uri));
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX) != 0 || write(to, "!", 1) != 1)
		return 1;
	for (;;)
		pause();
}

/* Somebody with the sqlite3 shell, who does not know our lock. */
static int hold_a_transaction(const char *uri, int to)
{
	sqlite3 *db;

	if (sqlite3_open(sqlite_path(uri), &db) != SQLITE_OK ||
	    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return 1;
	if (write(to, "!", 1) != 1)
		return 2;
	for (;;)
		pause();
}

static void a_stopped_holder_of_the_lock_makes_writes_unavailable_in_time(void **state)
{
	assert_survives_a_stopped(*state, hold_the_write_lock, true);
}

static void a_stopped_transaction_of_others_makes_writes_unavailable_in_time(void **state)
{
	assert_survives_a_stopped(*state, hold_a_transaction, false);
}

const struct CMUnitTest sqlite_process_tests[SQLITE_PROCESS_TESTS] = {
	contract_test(a_killed_writer_loses_nothing_that_was_acknowledged),
	contract_test(several_processes_share_the_work),
	contract_test(processes_open_a_new_file_and_close_it_at_the_same_time),
	contract_test(no_writer_is_passed_over),
	contract_test(a_stopped_holder_of_the_lock_makes_writes_unavailable_in_time),
	contract_test(a_stopped_transaction_of_others_makes_writes_unavailable_in_time),
};
