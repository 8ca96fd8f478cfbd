/* The contract suite over SQLite, and what can happen to a file: wrong paths, other versions, a full disk, removal.
 * What other processes can do to it is in sqlite_processes.c. */
#include "sqlite_own.h"

#include "clock.h"
#include "mem.h"

#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/vf-sqlite.XXXXXX";

char *sqlite_fresh_uri(void)
{
	static int made;

	return mem_printf("sqlite:%s/%d.db", folder, made++);
}

void sqlite_remove(const char *uri)
{
	static const char *const endings[] = { "", "-wal", "-shm", ".lock" };

	for (size_t i = 0; i < COUNT(endings); i++) {
		char *path = mem_printf("%s%s", sqlite_path(uri), endings[i]);

		unlink(path);
		free(path);
	}
}

/* Runs SQL past the store, as somebody with the sqlite3 shell would; the first column of its first row, or -1. */
static int run_sql(const char *uri, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db;
	int got;

	assert_int_equal(sqlite3_open(sqlite_path(uri), &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	got = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int(stmt, 0) : -1;
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return got;
}

static void assert_open_fails(const char *uri, enum err expected, const char *words)
{
	struct store *store = NULL;

	assert_err(store_open(uri, CONTRACT_TIMEOUT_MS, &store, &contract_why), expected);
	assert_null(store);
	if (!strstr(contract_why.text, words))
		fail_msg("\"%s\" does not say \"%s\"", contract_why.text, words);
}

/* ---- Paths ---- */

static void a_uri_that_is_no_file_is_invalid(void **state)
{
	char *dir = mem_printf("sqlite:%s", folder), *slash = mem_printf("sqlite:%s/", folder);
	char *lock = mem_printf("%s.lock", folder);

	(void)state;
	assert_open_fails("sqlite::memory:", ERR_INVALID, "sqlite:/path");
	assert_open_fails("sqlite:", ERR_INVALID, "sqlite:/path");
	assert_open_fails("sqlite:/nonexistent-folder/jobs.db", ERR_INVALID, "/nonexistent-folder");
	assert_open_fails(dir, ERR_INVALID, folder);
	assert_open_fails(slash, ERR_INVALID, folder);
	assert_int_equal(access(lock, F_OK), -1);
	free(dir);
	free(slash);
	free(lock);
}

static void a_relative_path_stays_where_it_was_opened(void **state)
{
	struct contract *c = *state;
	char before[PATH_MAX];
	struct store *store = NULL;
	struct job *job = contract_job(c->now, "alpha");

	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(folder), 0);
	assert_ok(store_open("sqlite:relative.db", CONTRACT_TIMEOUT_MS, &store, &contract_why));
	assert_int_equal(chdir("/"), 0);
	must_insert(store, job);
	job_free(must_get(store, job->request_id));
	store_close(store);
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(access("relative.db", F_OK), 0);
	assert_int_equal(chdir(before), 0);
	job_free(job);
}

static void its_files_are_for_the_group_as_far_as_the_umask_allows(void **state)
{
	static const char *const endings[] = { "", "-wal", "-shm", ".lock" };
	static const mode_t umasks[] = { 0007, 0022, 0077 };

	(void)state;
	for (size_t u = 0; u < COUNT(umasks); u++) {
		char *uri = sqlite_fresh_uri();
		mode_t before = umask(umasks[u]);
		struct store *store = NULL;

		assert_ok(store_open(uri, CONTRACT_TIMEOUT_MS, &store, &contract_why));
		umask(before);
		for (size_t i = 0; i < COUNT(endings); i++) {
			char *path = mem_printf("%s%s", sqlite_path(uri), endings[i]);
			struct stat st;

			assert_int_equal(stat(path, &st), 0);
			assert_int_equal(st.st_mode & 0777, 0660 & ~umasks[u]);
			free(path);
		}
		store_close(store);
		sqlite_remove(uri);
		free(uri);
	}
}

/* ---- What is in the file ---- */

static void a_newer_schema_is_refused(void **state)
{
	struct contract *c = *state;

	run_sql(c->uri, "PRAGMA user_version = 2");
	assert_open_fails(c->uri, ERR_UNSUPPORTED, "version 2");
	assert_int_equal(run_sql(c->uri, "PRAGMA user_version"), 2);
}

static void an_older_file_gets_the_columns_that_came_later(void **state)
{
	struct contract *c = *state;
	struct job *old = must_have_in_phase(c->store, c->now, "alpha", PHASE_QUEUED), *polled, *got;
	struct store *store;

	run_sql(c->uri, "ALTER TABLE jobs DROP COLUMN poll");
	assert_ok(store_open(c->uri, CONTRACT_TIMEOUT_MS, &store, &contract_why));
	got = must_get(store, old->request_id);
	assert_same_job(got, old);
	polled = contract_job(c->now, "alpha");
	polled->poll = mem_strdup("{\"polls\":1}");
	must_insert(store, polled);
	job_free(got);
	got = must_get(store, polled->request_id);
	assert_same_job(got, polled);
	store_close(store);
	job_free(got);
	job_free(polled);
	job_free(old);
}

/* As a program finds them that is older than a phase's name. */
static void a_phase_without_a_name_is_left_alone(void **state)
{
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_WAITING_POLL), *got;
	struct job_change change = { .request_id = job->request_id, .event = EVENT_EXPIRE, .fence = job->fence, .now = c->now };

	run_sql(c->uri, "UPDATE jobs SET phase = 'hovering'");
	assert_err(claim_one(c->store, job->request_id, c->now, NULL), ERR_STALE);
	assert_err(change_one(c->store, &change), ERR_STALE);
	got = must_get(c->store, job->request_id);
	assert_int_equal(got->phase, PHASE_DONE);
	assert_int_equal(got->status, STATUS_PROCESSING);
	job_free(got);
	job_free(job);
}

static void a_file_of_another_program_is_refused_and_left_alone(void **state)
{
	char *uri = sqlite_fresh_uri();

	(void)state;
	run_sql(uri, "CREATE TABLE theirs (x)");
	assert_open_fails(uri, ERR_UNSUPPORTED, "another program");
	assert_int_equal(run_sql(uri, "SELECT count(*) FROM sqlite_schema"), 1);
	sqlite_remove(uri);
	free(uri);
}

static void a_file_that_is_no_database_is_refused_and_left_alone(void **state)
{
	char *uri = sqlite_fresh_uri();
	FILE *file = fopen(sqlite_path(uri), "w");
	struct stat st;

	(void)state;
	for (int i = 0; i < 1000; i++)
		fputs("not a database\n", file);
	fclose(file);
	assert_open_fails(uri, ERR_UNSUPPORTED, "not a database");
	assert_int_equal(stat(sqlite_path(uri), &st), 0);
	assert_int_equal(st.st_size, 15000);
	sqlite_remove(uri);
	free(uri);
}

static void people_can_read_it_with_the_shell(void **state)
{
	struct contract *c = *state;

	job_free(must_have_in_phase(c->store, c->now, "alpha", PHASE_DONE));
	job_free(must_have_in_phase(c->store, c->now, "alpha", PHASE_QUEUED));
	assert_int_equal(run_sql(c->uri, "SELECT count(*) FROM jobs WHERE status = 'failed' AND phase = 'done' "
	                                 "AND error = 'refused' AND requestId IS NOT NULL AND result IS NULL "
	                                 "AND dueAt IS NULL AND completedAt >= createdAt"), 1);
	assert_int_equal(run_sql(c->uri, "SELECT count(*) FROM jobs WHERE payload ->> '$.customer_id' = 42 "
	                                 "AND vendor = 'alpha' AND v = 1"), 2);
}

/* As it was before there were raw answers. */
static void a_file_of_an_older_program_gets_what_came_later(void **state)
{
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
	struct raw_answer raw = { .body = (char *)(uintptr_t)"x", .body_len = 1, .expire_at = c->now + DAY_MS }, *got = NULL;
	struct job_change change = { .request_id = job->request_id, .event = EVENT_SUCCEED, .fence = job->fence, .now = c->now,
	                             .result = "1", .expire_at = c->now + DAY_MS, .raw = &raw };

	store_close(c->store);
	run_sql(c->uri, "DROP TABLE raw_answers");
	assert_ok(store_open(c->uri, CONTRACT_TIMEOUT_MS, &c->store, &contract_why));
	assert_err(change_one(c->store, &change), ERR_OK);
	assert_ok(store_raw_of_job(c->store, job->request_id, c->now, &got, &contract_why));
	assert_memory_equal(got->body, "x", 1);
	raw_answer_free(got);
	job_free(job);
}

static bool file_holds(const char *path, const char *text)
{
	FILE *file = fopen(path, "r");
	bool found = false;
	char *bytes;
	long len;

	if (!file)
		return false;
	fseek(file, 0, SEEK_END);
	len = ftell(file);
	rewind(file);
	bytes = mem_alloc((size_t)len + 1);
	if (fread(bytes, 1, (size_t)len, file) == (size_t)len)
		found = memmem(bytes, (size_t)len, text, strlen(text)) != NULL;
	free(bytes);
	fclose(file);
	return found;
}

static bool database_holds(const char *uri, const char *text)
{
	char *log = mem_printf("%s-wal", sqlite_path(uri));
	bool found = file_holds(sqlite_path(uri), text) || file_holds(log, text);

	free(log);
	return found;
}

/* Also not in what SQLite has let go: the file's free pages, and its log. A long one lies in pages of its own. */
static void a_raw_answer_that_has_expired_is_nowhere_in_the_files(void **state)
{
	enum { LONG = 100000, KEEP_MS = 1000 };
	static const char secret[] = "078-05-1120 and nobody else";
	struct contract *c = *state;
	char *body = contract_text(LONG, 'y');
	struct raw_answer raw = { .body = body, .body_len = LONG, .expire_at = c->now + KEEP_MS };
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
	struct job_change change = { .request_id = job->request_id, .event = EVENT_FAIL, .fence = job->fence, .now = c->now,
	                             .error = "no", .expire_at = c->now + DAY_MS, .raw = &raw };
	size_t deleted;

	memcpy(body + LONG - sizeof(secret), secret, strlen(secret));
	assert_err(change_one(c->store, &change), ERR_OK);
	raw.body_len = strlen(secret);
	raw.body = (char *)(uintptr_t)secret;
	assert_ok(store_raw_put(c->store, "alpha:complete:1", &raw, &contract_why));
	assert_true(database_holds(c->uri, secret));
	assert_ok(store_expire(c->store, c->now + KEEP_MS, 100, &deleted, &contract_why));
	assert_int_equal(deleted, 2);
	assert_false(database_holds(c->uri, secret));
	job_free(job);
	free(body);
}

/* Each query of repair, clients and people walks an index and sorts nothing. */
static void queries_use_their_indexes(void **state)
{
	static const char *const queries[][2] = {
		{ "jobs_due", "SELECT requestId FROM jobs WHERE dueAt <= 5 AND (dueAt, requestId) > (1, 'x') "
		              "ORDER BY dueAt, requestId LIMIT 9" },
		{ "jobs_queued", "SELECT requestId FROM jobs WHERE vendor = 'a' AND queuedAt < 5 "
		                 "ORDER BY queuedAt LIMIT 9" },
		{ "jobs_vendor_job", "SELECT requestId FROM jobs WHERE vendor = 'a' AND vendorJobId = 'x'" },
		{ "jobs_failed", "SELECT requestId FROM jobs WHERE vendor = 'a' AND status = 'failed' "
		                 "ORDER BY completedAt DESC LIMIT 9" },
		{ "jobs_failed", "SELECT count(*) FROM jobs WHERE vendor = 'a' AND status = 'failed'" },
		{ "jobs_expire", "SELECT rowid FROM jobs WHERE expireAt <= 5 ORDER BY expireAt LIMIT 9" },
		{ "idempotency_keys_expire", "SELECT key FROM idempotency_keys WHERE expireAt <= 5 "
		                             "ORDER BY expireAt LIMIT 9" },
		{ "sqlite_autoindex_quotas_1", "SELECT until, count FROM quotas WHERE vendor = 'a' AND perMs = 5 AND until > 5 "
		                               "ORDER BY until" },
		{ "quotas_expire", "SELECT rowid FROM quotas WHERE expireAt <= 5 ORDER BY expireAt LIMIT 9" },
		{ "COVERING INDEX early_callbacks_size", "SELECT count(*), sum(bytes) FROM early_callbacks WHERE vendor = 'a'" },
		{ "early_callbacks_received", "SELECT vendor FROM early_callbacks WHERE receivedAt <= 5 AND "
		                              "(receivedAt, vendor, vendorJobId) > (1, 'a', 'b') "
		                              "ORDER BY receivedAt, vendor, vendorJobId LIMIT 9" },
		{ "sqlite_autoindex_raw_answers_1", "SELECT body FROM raw_answers WHERE key = 'a' AND expireAt > 5" },
		{ "raw_answers_expire", "SELECT rowid FROM raw_answers WHERE expireAt <= 5 ORDER BY expireAt LIMIT 9" },
		{ "early_callbacks_expire", "SELECT rowid FROM early_callbacks WHERE expireAt <= 5 ORDER BY expireAt LIMIT 9" },
	};
	struct contract *c = *state;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(sqlite_path(c->uri), &db), SQLITE_OK);
	for (size_t i = 0; i < COUNT(queries); i++) {
		char *sql = mem_printf("EXPLAIN QUERY PLAN %s", queries[i][1]);
		sqlite3_stmt *stmt = NULL;
		const char *plan;

		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		plan = (const char *)sqlite3_column_text(stmt, 3);
		if (strncmp(plan, "SEARCH", 6) != 0 || !strstr(plan, queries[i][0]))
			fail_msg("%s: %s", queries[i][1], plan);
		assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
		sqlite3_finalize(stmt);
		free(sql);
	}
	sqlite3_close(db);
}

/* ---- What happens to the file ---- */

static enum err insert_payload(struct store *store, size_t len)
{
	struct job *job = job_new(clock_now_ms(), "alpha", contract_text(len, 'p'), clock_now_ms() + DAY_MS);
	struct store_insert item = { .job = job };
	enum err err = store_insert(store, &item, 1, &contract_why);

	assert_err(item.outcome, err);
	job_free(job);
	return err;
}

/* The kernel's limit on a file's size stands in for the disk's end. */
static void a_store_that_can_be_read_only_fails_a_try_to_write(void **state)
{
	struct contract *c = *state;
	struct rlimit limit, none;
	enum err ping, write;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	none = (struct rlimit){ .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	ping = store_ping(c->store, NULL);
	write = store_try_write(c->store, NULL);
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_err(ping, ERR_OK);
	assert_err(write, ERR_UNAVAILABLE);
	assert_ok(store_try_write(c->store, &contract_why));
	assert_ok(insert_payload(c->store, 1000));
}

static void a_full_disk_makes_writes_unavailable_until_there_is_room(void **state)
{
	struct contract *c = *state;
	struct job *known = must_have_in_phase(c->store, c->now, "alpha", PHASE_QUEUED), *got;
	struct rlimit limit, small;
	int writes = 0;
	enum err err;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = (struct rlimit){ .rlim_cur = 4 << 20, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	do
		err = insert_payload(c->store, 300000);
	while (err == ERR_OK && ++writes < 100);
	if (err == ERR_UNAVAILABLE)
		err = insert_payload(c->store, 300000);
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_err(err, ERR_UNAVAILABLE);
	got = must_get(c->store, known->request_id);
	assert_same_job(got, known);
	for (int i = 0; i < 3; i++)
		assert_ok(insert_payload(c->store, 300000));
	assert_int_equal(run_sql(c->uri, "SELECT count(*) FROM jobs"), writes + 4);
	assert_err(claim_one(c->store, known->request_id, c->now, NULL), ERR_OK);
	job_free(got);
	job_free(known);
}

/* Writing on into a file without a name would lose every job that is acknowledged. */
static void a_removed_file_is_noticed(void **state)
{
	struct contract *c = *state;
	struct job *known = must_have_in_phase(c->store, c->now, "alpha", PHASE_QUEUED), *got = NULL;
	char *aside = mem_printf("%s.aside", sqlite_path(c->uri));

	run_sql(c->uri, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(rename(sqlite_path(c->uri), aside), 0);
	assert_err(insert_payload(c->store, 100), ERR_UNAVAILABLE);
	assert_err(store_get(c->store, known->request_id, &got, &contract_why), ERR_UNAVAILABLE);
	assert_err(store_ping(c->store, &contract_why), ERR_UNAVAILABLE);
	/* Put back, all goes on. */
	assert_int_equal(rename(aside, sqlite_path(c->uri)), 0);
	got = must_get(c->store, known->request_id);
	assert_same_job(got, known);
	assert_ok(insert_payload(c->store, 100));
	job_free(got);
	job_free(known);
	free(aside);
}

/* As when a backup is put in its place: the old log is removed with the old file, and the new one has its own. */
static void a_replaced_file_is_taken_up_and_not_harmed(void **state)
{
	struct contract *c = *state;
	char *backup = sqlite_fresh_uri(), *wal = mem_printf("%s-wal", sqlite_path(c->uri));
	char *shm = mem_printf("%s-shm", sqlite_path(c->uri));
	struct stat before, after;
	struct job *old, *fresh;
	struct store *other = NULL;

	assert_ok(store_open(backup, CONTRACT_TIMEOUT_MS, &other, &contract_why));
	old = must_have_in_phase(other, c->now, "alpha", PHASE_QUEUED);
	store_close(other);
	job_free(must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING));
	unlink(wal);
	unlink(shm);
	assert_int_equal(rename(sqlite_path(backup), sqlite_path(c->uri)), 0);
	assert_ok(store_open(c->uri, CONTRACT_TIMEOUT_MS, &other, &contract_why));
	fresh = must_have_in_phase(other, c->now, "alpha", PHASE_QUEUED);
	assert_int_equal(stat(wal, &before), 0);
	job_free(must_get(c->store, old->request_id));
	job_free(must_get(c->store, fresh->request_id));
	assert_err(claim_one(c->store, fresh->request_id, c->now, NULL), ERR_OK);
	assert_int_equal(stat(wal, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	store_close(other);
	assert_int_equal(run_sql(c->uri, "SELECT count(*) FROM jobs"), 2);
	sqlite_remove(backup);
	job_free(old);
	job_free(fresh);
	free(backup);
	free(wal);
	free(shm);
}

struct getter {
	struct store *store;
	const char *request_id;
	int failures;
};

static void *get_often(void *arg)
{
	struct getter *g = arg;

	for (int i = 0; i < 100; i++) {
		struct job *job = NULL;

		if (store_get(g->store, g->request_id, &job, NULL) != ERR_OK)
			g->failures++;
		job_free(job);
	}
	return NULL;
}

static void more_threads_than_connections_can_read(void **state)
{
	enum { GETTERS = 40 };
	struct contract *c = *state;
	struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_QUEUED);
	struct getter getters[GETTERS];

	for (int i = 0; i < GETTERS; i++)
		getters[i] = (struct getter){ .store = c->store, .request_id = job->request_id };
	run_together(GETTERS, get_often, getters, sizeof(getters[0]));
	for (int i = 0; i < GETTERS; i++)
		assert_int_equal(getters[i].failures, 0);
	job_free(job);
}

static const struct CMUnitTest file_tests[] = {
	contract_test(a_uri_that_is_no_file_is_invalid),
	contract_test(a_relative_path_stays_where_it_was_opened),
	contract_test(its_files_are_for_the_group_as_far_as_the_umask_allows),
	contract_test(a_newer_schema_is_refused),
	contract_test(an_older_file_gets_the_columns_that_came_later),
	contract_test(a_phase_without_a_name_is_left_alone),
	contract_test(a_file_of_another_program_is_refused_and_left_alone),
	contract_test(a_file_that_is_no_database_is_refused_and_left_alone),
	contract_test(people_can_read_it_with_the_shell),
	contract_test(a_file_of_an_older_program_gets_what_came_later),
	contract_test(a_raw_answer_that_has_expired_is_nowhere_in_the_files),
	contract_test(queries_use_their_indexes),
	contract_test(a_store_that_can_be_read_only_fails_a_try_to_write),
	contract_test(a_full_disk_makes_writes_unavailable_until_there_is_room),
	contract_test(a_removed_file_is_noticed),
	contract_test(a_replaced_file_is_taken_up_and_not_harmed),
	contract_test(more_threads_than_connections_can_read),
};

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int main(void)
{
	struct CMUnitTest own[COUNT(file_tests) + SQLITE_PROCESS_TESTS];
	const struct contract_engine engine = {
		.fresh_uri = sqlite_fresh_uri,
		.remove = sqlite_remove,
		.tests = own,
		.n_tests = COUNT(own),
	};
	int failed;

	if (!mkdtemp(folder)) {
		perror(folder);
		return 1;
	}
	memcpy(own, file_tests, sizeof(file_tests));
	memcpy(own + COUNT(file_tests), sqlite_process_tests, sizeof(sqlite_process_tests));
	failed = contract_run(&engine);
	nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	return failed;
}
