/* The contract suite over SQLite, and what only a file can suffer: killed writers, held locks, full disks, other versions. */
#include "store_contract.h"

#include "clock.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHORT_TIMEOUT_MS = 400, SLACK_MS = 600 };

static char folder[] = "/tmp/vf-sqlite.XXXXXX";

static char *fresh_uri(void)
{
	static int made;

	return mem_printf("sqlite:%s/%d.db", folder, made++);
}

static const char *path_of(const char *uri) { return uri + strlen("sqlite:"); }

static void remove_store(const char *uri)
{
	static const char *const endings[] = { "", "-wal", "-shm", ".lock" };

	for (size_t i = 0; i < COUNT(endings); i++) {
		char *path = mem_printf("%s%s", path_of(uri), endings[i]);

		unlink(path);
		free(path);
	}
}

/* Runs SQL past the store, as somebody with the sqlite3 shell would. */
static void run_sql(const char *uri, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path_of(uri), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static enum err open_fails(const char *uri)
{
	struct store *store = NULL;
	enum err err = store_open(uri, SHORT_TIMEOUT_MS, &store, &contract_why);

	assert_null(store);
	assert_true(err != ERR_OK && *contract_why.text);
	return err;
}

/* ---- Processes ---- */

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

enum { SHARED_JOBS = 200, PROCESSES = 4 };

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
			if (claims[i].outcome == ERR_OK && write(to, claims[i].job->request_id, UUID_TEXT_SIZE) != UUID_TEXT_SIZE)
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
	char *uri = fresh_uri();
	struct child children[PROCESSES];

	(void)state;
	for (int p = 0; p < PROCESSES; p++)
		children[p] = start(open_and_close_often, uri);
	for (int p = 0; p < PROCESSES; p++)
		assert_int_equal(end_of(children[p]), 0);
	remove_store(uri);
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

static void assert_writes_wait_in_vain_and_reads_do_not(struct contract *c, struct job *known)
{
	struct store *store = NULL;
	struct job *job = contract_job(c->now, "alpha"), *got = NULL;
	struct store_insert item = { .job = job };
	struct store_claim claim = { .request_id = known->request_id };
	struct job_change change = { .request_id = known->request_id, .event = EVENT_CANCEL, .fence = FENCE_ANY, .now = c->now };
	int64_t start = clock_mono_ms();

	assert_ok(store_open(c->uri, SHORT_TIMEOUT_MS, &store, &contract_why) == ERR_UNAVAILABLE ? ERR_OK : ERR_SYSTEM);
	assert_in_range(clock_mono_ms() - start, SHORT_TIMEOUT_MS - 50, SHORT_TIMEOUT_MS + SLACK_MS);
	store_close(store);
	start = clock_mono_ms();
	assert_err(store_insert(c->store, &item, 1, &contract_why), ERR_UNAVAILABLE);
	assert_err(item.outcome, ERR_UNAVAILABLE);
	assert_err(store_claim(c->store, &claim, 1, c->now, c->now + LEASE_MS, &contract_why), ERR_UNAVAILABLE);
	assert_err(claim.outcome, ERR_UNAVAILABLE);
	assert_null(claim.job);
	assert_err(store_change(c->store, &change, 1, &contract_why), ERR_UNAVAILABLE);
	assert_err(change.outcome, ERR_UNAVAILABLE);
	assert_in_range(clock_mono_ms() - start, 0, 3 * (SHORT_TIMEOUT_MS + SLACK_MS));
	assert_ok(store_get(c->store, known->request_id, &got, &contract_why));
	assert_same_job(got, known);
	assert_ok(store_ping(c->store, &contract_why));
	job_free(got);
	job_free(job);
}

static void reopen_with_short_timeout(struct contract *c)
{
	store_close(c->store);
	c->store = NULL;
	assert_ok(store_open(c->uri, SHORT_TIMEOUT_MS, &c->store, &contract_why));
}

static int hold_lock(const char *uri, int to)
{
	char *path = mem_printf("%s.lock", path_of(uri));
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX) != 0 || write(to, "!", 1) != 1)
		return 1;
	for (;;)
		pause();
}

static void a_stopped_process_with_the_lock_makes_the_store_unavailable_in_time(void **state)
{
	struct contract *c = *state;
	struct job *known = must_have_in_phase(c->store, c->now, "alpha", PHASE_QUEUED);
	struct child child = start(hold_lock, c->uri);
	char ready;

	must_read(child.from, &ready, 1);
	kill(child.pid, SIGSTOP);
	reopen_with_short_timeout((struct contract[]){ *c }) ;
	job_free(known);
	kill(child.pid, SIGKILL);
	assert_int_equal(end_of(child), -1);
}

/* A shell that does not know our lock. */
static int hold_sqlite_lock(const char *uri, int to)
{
	sqlite3 *db;

	if (sqlite3_open(path_of(uri), &db) != SQLITE_OK || sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return 1;
	if (write(to, "!", 1) != 1)
		return 2;
	for (;;)
		pause();
}
