/* Reading jobs and references from a SQLite store. */
#include "store_sqlite_priv.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_REFS = 16 };

static void read_id(sqlite3_stmt *stmt, int i, char id[UUID_TEXT_SIZE])
{
	const char *text = (const char *)sqlite3_column_text(stmt, i);
	size_t len = text ? strnlen(text, UUID_TEXT_SIZE - 1) : 0;

	memcpy(id, text ? text : "", len);
	id[len] = '\0';
}

/* A name that this program does not know was not written by its version: PHASE_DONE keeps hands off such a job. */
static enum phase read_phase(sqlite3_stmt *stmt, int i)
{
	int phase = phase_parse((const char *)sqlite3_column_text(stmt, i));

	return phase < 0 ? PHASE_DONE : (enum phase)phase;
}

static enum status read_status(sqlite3_stmt *stmt, int i)
{
	int status = status_parse((const char *)sqlite3_column_text(stmt, i));

	return status < 0 ? STATUS_FAILED : (enum status)status;
}

struct job *row_to_job(sqlite3_stmt *stmt)
{
	struct job *job = mem_calloc(1, sizeof(*job));
	int i = 0;

	read_id(stmt, i++, job->request_id);
	job->phase = read_phase(stmt, i++);
	job->status = read_status(stmt, i++);
	job->fence = sqlite3_column_int64(stmt, i++);
	job->attempts = sqlite3_column_int(stmt, i++);
	job->created_at = sqlite3_column_int64(stmt, i++);
	job->updated_at = sqlite3_column_int64(stmt, i++);
	job->next_attempt_at = sqlite3_column_int64(stmt, i++);
	job->queued_at = sqlite3_column_int64(stmt, i++);
	job->due_at = sqlite3_column_int64(stmt, i++);
	job->deadline_at = sqlite3_column_int64(stmt, i++);
	job->completed_at = sqlite3_column_int64(stmt, i++);
	job->expire_at = sqlite3_column_int64(stmt, i++);
	job->vendor = column_text(stmt, i++);
	job->vendor_job_id = column_text(stmt, i++);
	job->error = column_text(stmt, i++);
	job->history = column_text(stmt, i++);
	job->payload = column_text(stmt, i++);
	job->result = column_text(stmt, i++);
	job->poll = column_text(stmt, i++);
	job->tenant = column_text(stmt, i++);
	job->tried = column_text(stmt, i++);
	return job;
}

static struct job_ref row_to_ref(sqlite3_stmt *stmt)
{
	struct job_ref ref = { .phase = read_phase(stmt, 1) };

	read_id(stmt, 0, ref.request_id);
	ref.vendor = column_text(stmt, 2);
	ref.fence = sqlite3_column_int64(stmt, 3);
	ref.attempts = sqlite3_column_int(stmt, 4);
	ref.queued_at = sqlite3_column_int64(stmt, 5);
	ref.due_at = sqlite3_column_int64(stmt, 6);
	ref.deadline_at = sqlite3_column_int64(stmt, 7);
	ref.vendor_job_id = column_text(stmt, 8);
	ref.error = column_text(stmt, 9);
	ref.created_at = sqlite3_column_int64(stmt, 10);
	ref.tried = column_text(stmt, 11);
	return ref;
}

/* The single row of a statement that looks a job up by texts. */
static enum err look_up(struct store *base, enum statement which, const char *const *keys, int n_keys, struct job **job,
                        struct err_text *why)
{
	struct sqlite_store *store = sqlite_store(base);
	struct reading reading;
	enum err err = read_begin(store, which, "read a job", &reading, why);
	int rc;

	if (err != ERR_OK)
		return err;
	for (int i = 0; i < n_keys; i++)
		bind_text(reading.stmt, i + 1, keys[i]);
	rc = sqlite3_step(reading.stmt);
	if (rc == SQLITE_ROW)
		*job = row_to_job(reading.stmt);
	err = read_end(store, &reading, rc, why);
	return rc == SQLITE_DONE ? err_set(why, ERR_NOT_FOUND, "no such job") : err;
}

enum err sqlite_get(struct store *store, const char *request_id, struct job **job, struct err_text *why)
{
	return look_up(store, STMT_GET, &request_id, 1, job, why);
}

/* The statement's row, if there is one. The result code of SQLite. */
static int look_at(sqlite3_stmt *stmt, struct store_look *item)
{
	int rc;

	bind_text(stmt, 1, item->request_id);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		item->job = row_to_job(stmt);
		item->outcome = ERR_OK;
	}
	sqlite3_reset(stmt);
	return rc;
}

/* One transaction around them all: without it each would lock and unlock the log. */
enum err sqlite_look(struct store *base, struct store_look *items, size_t n, struct err_text *why)
{
	struct sqlite_store *store = sqlite_store(base);
	sqlite3_stmt *begin, *commit;
	struct reading reading;
	enum err err = read_begin(store, STMT_LOOK, "read jobs", &reading, why);
	int rc = SQLITE_ERROR;

	if (err != ERR_OK)
		return err;
	begin = statement(reading.conn, STMT_BEGIN_READ);
	commit = statement(reading.conn, STMT_COMMIT);
	if (begin && commit && statement_run(begin) == SQLITE_OK) {
		rc = SQLITE_DONE;
		for (size_t i = 0; i < n && (rc == SQLITE_DONE || rc == SQLITE_ROW); i++)
			rc = look_at(reading.stmt, &items[i]);
		if ((rc == SQLITE_DONE || rc == SQLITE_ROW) && statement_run(commit) != SQLITE_OK)
			rc = SQLITE_ERROR;
	}
	return read_end(store, &reading, rc, why);
}

enum err sqlite_get_by_vendor_job_id(struct store *store, const char *vendor, const char *vendor_job_id,
                                     struct job **job, struct err_text *why)
{
	const char *const keys[] = { vendor, vendor_job_id };

	return look_up(store, STMT_GET_BY_VENDOR_JOB_ID, keys, 2, job, why);
}

/* All rows of a bound statement, and the end of the reading. On an error *refs and *n are as before. */
static enum err collect_refs(struct sqlite_store *store, struct reading *reading, struct job_ref **refs, size_t *n,
                             struct err_text *why)
{
	struct job_ref *rows = NULL;
	size_t n_rows = 0, capacity = 0;
	enum err err;
	int rc;

	while ((rc = sqlite3_step(reading->stmt)) == SQLITE_ROW) {
		if (n_rows == capacity) {
			capacity = capacity ? capacity * 2 : FIRST_REFS;
			rows = mem_realloc(rows, capacity * sizeof(*rows));
		}
		rows[n_rows++] = row_to_ref(reading->stmt);
	}
	err = read_end(store, reading, rc, why);
	if (err != ERR_OK) {
		job_refs_free(rows, n_rows);
		return err;
	}
	*refs = rows;
	*n = n_rows;
	return ERR_OK;
}

static sqlite3_int64 sql_limit(size_t limit) { return limit < INT32_MAX ? (sqlite3_int64)limit : INT32_MAX; }

enum err sqlite_find_due(struct store *base, int64_t now, int64_t after_due_at, const char *after_id, size_t limit,
                         struct job_ref **refs, size_t *n, struct err_text *why)
{
	struct reading reading;
	enum err err = read_begin(sqlite_store(base), STMT_FIND_DUE, "look for due jobs", &reading, why);

	if (err != ERR_OK)
		return err;
	sqlite3_bind_int64(reading.stmt, 1, now);
	sqlite3_bind_int64(reading.stmt, 2, after_due_at);
	bind_text(reading.stmt, 3, after_id);
	sqlite3_bind_int64(reading.stmt, 4, sql_limit(limit));
	return collect_refs(sqlite_store(base), &reading, refs, n, why);
}

enum err sqlite_find_queued(struct store *base, const char *vendor, int64_t before, size_t limit, struct job_ref **refs,
                            size_t *n, struct err_text *why)
{
	struct reading reading;
	enum err err = read_begin(sqlite_store(base), STMT_FIND_QUEUED, "look for queued jobs", &reading, why);

	if (err != ERR_OK)
		return err;
	bind_text(reading.stmt, 1, vendor);
	sqlite3_bind_int64(reading.stmt, 2, before);
	sqlite3_bind_int64(reading.stmt, 3, sql_limit(limit));
	return collect_refs(sqlite_store(base), &reading, refs, n, why);
}

enum err sqlite_next_queued(struct store *base, const char *after_vendor, struct job_ref **refs, size_t *n,
                            struct err_text *why)
{
	struct reading reading;
	enum err err = read_begin(sqlite_store(base), STMT_NEXT_QUEUED, "look for queued jobs", &reading, why);

	if (err != ERR_OK)
		return err;
	bind_text(reading.stmt, 1, after_vendor);
	return collect_refs(sqlite_store(base), &reading, refs, n, why);
}
