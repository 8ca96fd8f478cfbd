/* Writing jobs to a SQLite store: a batch is one transaction, an item one or two statements of it.
 *
 * What is wrong with one item (too big, a key in use, a guard that does not match) is its answer and rolls nothing
 * back; what is wrong with the store (disk full, I/O) ends the batch.
 */
#include "store_sqlite_priv.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_too_big(const char *text) { return text && strnlen(text, STORE_TEXT_MAX + 1) > STORE_TEXT_MAX; }

enum err write_batch(struct store *base, write_item_fn write_item, const void *arg, void *items, size_t n,
                     size_t item_size, struct err_text *why)
{
	struct sqlite_store *store = sqlite_store(base);
	enum err err;

	if (n == 0)
		return ERR_OK;
	err = write_begin(store, why);
	if (err != ERR_OK)
		return err;
	for (size_t i = 0; i < n && err == ERR_OK; i++)
		err = write_item(&store->writer, (char *)items + i * item_size, arg, why);
	return write_end(store, err, why);
}

/* ---- Insert ---- */

static enum err insert_job(struct connection *conn, const struct job *job, struct err_text *why)
{
	sqlite3_stmt *stmt = statement(conn, STMT_INSERT_JOB);
	int i = 1;

	if (!stmt)
		return connection_failed(conn, "insert a job", why);
	bind_text(stmt, i++, job->request_id);
	bind_text(stmt, i++, phase_name(job->phase));
	bind_text(stmt, i++, status_name(job->status));
	sqlite3_bind_int64(stmt, i++, job->fence);
	sqlite3_bind_int(stmt, i++, job->attempts);
	sqlite3_bind_int64(stmt, i++, job->created_at);
	sqlite3_bind_int64(stmt, i++, job->updated_at);
	bind_time(stmt, i++, job->next_attempt_at);
	bind_time(stmt, i++, job->queued_at);
	bind_time(stmt, i++, job->due_at);
	bind_time(stmt, i++, job->deadline_at);
	bind_time(stmt, i++, job->completed_at);
	bind_time(stmt, i++, job->expire_at);
	bind_text(stmt, i++, job->vendor);
	bind_text(stmt, i++, job->vendor_job_id);
	bind_text(stmt, i++, job->error);
	bind_text(stmt, i++, job->history);
	bind_text(stmt, i++, job->payload);
	bind_text(stmt, i++, job->result);
	bind_text(stmt, i++, job->poll);
	bind_text(stmt, i++, job->tenant);
	bind_text(stmt, i++, job->tried);
	if (statement_run(stmt) != SQLITE_OK)
		return connection_failed(conn, "insert a job", why);
	return ERR_OK;
}

static void bind_key(sqlite3_stmt *stmt, int i, const struct store_insert *item)
{
	sqlite3_bind_blob(stmt, i, item->idempotency_key, (int)strlen(item->idempotency_key), SQLITE_STATIC);
}

/* Answers the item if its key is in use; else leaves outcome at ERR_OK. */
static enum err look_for_key(struct connection *conn, struct store_insert *item, struct err_text *why)
{
	sqlite3_stmt *stmt = statement(conn, STMT_FIND_KEY);
	int rc = SQLITE_ERROR;

	item->outcome = ERR_OK;
	if (stmt) {
		bind_key(stmt, 1, item);
		sqlite3_bind_int64(stmt, 2, item->job->created_at);
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) == STORE_HASH_SIZE &&
		    memcmp(sqlite3_column_blob(stmt, 0), item->body_hash, STORE_HASH_SIZE) == 0) {
			const char *first_id = (const char *)sqlite3_column_text(stmt, 1);

			snprintf(item->job->request_id, UUID_TEXT_SIZE, "%s", first_id);
			item->outcome = ERR_EXISTS;
		} else if (rc == SQLITE_ROW) {
			item->outcome = ERR_CONFLICT;
		}
		sqlite3_reset(stmt);
	}
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_OK : connection_failed(conn, "look for a key", why);
}

static enum err put_key(struct connection *conn, const struct store_insert *item, struct err_text *why)
{
	sqlite3_stmt *stmt = statement(conn, STMT_PUT_KEY);

	if (stmt) {
		bind_key(stmt, 1, item);
		sqlite3_bind_blob(stmt, 2, item->body_hash, STORE_HASH_SIZE, SQLITE_STATIC);
		bind_text(stmt, 3, item->job->request_id);
		sqlite3_bind_int64(stmt, 4, item->key_expire_at);
		if (statement_run(stmt) == SQLITE_OK)
			return ERR_OK;
	}
	return connection_failed(conn, "keep a key", why);
}

static enum err insert_item(struct connection *conn, void *any, const void *unused, struct err_text *why)
{
	struct store_insert *item = any;
	enum err err;

	(void)unused;
	item->outcome = ERR_OK;
	if (is_too_big(item->job->payload) || is_too_big(item->job->result)) {
		item->outcome = ERR_TOO_BIG;
		return ERR_OK;
	}
	if (item->idempotency_key) {
		err = look_for_key(conn, item, why);
		if (err != ERR_OK || item->outcome == ERR_CONFLICT)
			return err;
	}
	/* With a key that was used before the job is there, unless it has expired since: then it is stored again. */
	err = insert_job(conn, item->job, why);
	if (err == ERR_OK && item->idempotency_key && item->outcome == ERR_OK)
		err = put_key(conn, item, why);
	return err;
}

enum err sqlite_insert(struct store *base, struct store_insert *items, size_t n, struct err_text *why)
{
	enum err err = write_batch(base, insert_item, NULL, items, n, sizeof(*items), why);

	for (size_t i = 0; i < n && err != ERR_OK; i++)
		items[i].outcome = ERR_UNAVAILABLE;
	return err;
}

/* ---- Claim ---- */

static enum err say_why_not(struct connection *conn, struct store_claim *item, int64_t now, struct err_text *why)
{
	sqlite3_stmt *stmt = statement(conn, STMT_WHY_NOT_CLAIMED);
	int rc = SQLITE_ERROR;

	if (stmt) {
		bind_text(stmt, 1, item->request_id);
		sqlite3_bind_int64(stmt, 2, now);
		bind_text(stmt, 3, item->vendor);
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW)
			item->outcome = sqlite3_column_int(stmt, 1) ? ERR_NOT_DUE : ERR_STALE;
		else
			item->outcome = ERR_NOT_FOUND;
		if (item->outcome == ERR_NOT_DUE)
			item->not_before = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_OK : connection_failed(conn, "claim a job", why);
}

struct lease { int64_t now, until; };

static enum err read_claimed(struct connection *conn, struct store_claim *item, struct err_text *why)
{
	sqlite3_stmt *stmt = statement(conn, STMT_GET);
	int rc = SQLITE_ERROR;

	if (stmt) {
		bind_text(stmt, 1, item->request_id);
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW)
			item->job = row_to_job(stmt);
		sqlite3_reset(stmt);
	}
	item->outcome = ERR_OK;
	return rc == SQLITE_ROW ? ERR_OK : connection_failed(conn, "read a claimed job", why);
}

/* Two statements: UPDATE ... RETURNING makes a table for its rows each time, which costs more than to look again. */
static enum err claim_item(struct connection *conn, void *any, const void *arg, struct err_text *why)
{
	struct store_claim *item = any;
	const struct lease *lease = arg;
	const struct job_transition *row = job_transition(EVENT_CLAIM);
	sqlite3_stmt *stmt = statement(conn, STMT_CLAIM);

	if (!stmt)
		return connection_failed(conn, "claim a job", why);
	bind_text(stmt, 1, phase_name(row->to));
	bind_text(stmt, 2, status_name((enum status)row->status));
	sqlite3_bind_int64(stmt, 3, lease->until);
	sqlite3_bind_int64(stmt, 4, lease->now);
	bind_text(stmt, 5, item->request_id);
	bind_text(stmt, 6, phase_name(job_transition(EVENT_CLAIM_POLL)->to));
	bind_text(stmt, 7, item->vendor);
	if (statement_run(stmt) != SQLITE_OK)
		return connection_failed(conn, "claim a job", why);
	return sqlite3_changes(conn->db) ? read_claimed(conn, item, why) : say_why_not(conn, item, lease->now, why);
}

enum err sqlite_claim(struct store *base, struct store_claim *items, size_t n, int64_t now, int64_t lease_until,
                      struct err_text *why)
{
	const struct lease lease = { .now = now, .until = lease_until };
	enum err err;

	for (size_t i = 0; i < n; i++) {
		items[i].job = NULL;
		items[i].not_before = 0;
	}
	err = write_batch(base, claim_item, &lease, items, n, sizeof(*items), why);
	for (size_t i = 0; i < n && err != ERR_OK; i++) {
		job_free(items[i].job);
		items[i].job = NULL;
		items[i].outcome = ERR_UNAVAILABLE;
	}
	return err;
}

/* ---- Change ---- */

static void bind_change(sqlite3_stmt *stmt, const struct job_change *item, const struct job_transition *row)
{
	bool enqueued = phase_is_enqueued(row->to);

	sqlite3_bind_int64(stmt, 1, item->now);
	sqlite3_bind_int(stmt, 2, item->attempts_add);
	bind_time(stmt, 3, enqueued ? item->next_attempt_at : 0);
	bind_time(stmt, 4, enqueued ? item->queued_at : 0);
	bind_time(stmt, 5, row->to == PHASE_DONE ? 0 : item->due_at);
	bind_text(stmt, 6, item->vendor_job_id);
	bind_text(stmt, 7, item->history_entry);
	bind_text(stmt, 8, item->error);
	bind_time(stmt, 9, item->expire_at);
	bind_text(stmt, 10, item->request_id);
	sqlite3_bind_int64(stmt, 11, row->from & (item->from ? item->from : ~0u));
	sqlite3_bind_int64(stmt, 12, item->fence);
	sqlite3_bind_int64(stmt, 13, item->queued_at_guard);
	if (item->event == EVENT_SUCCEED)
		bind_text(stmt, 14, item->result);
	bind_time(stmt, 15, item->deadline_at);
	bind_text(stmt, 16, item->poll);
	bind_text(stmt, 17, item->vendor);
	if (row->to_other) {
		bind_text(stmt, 18, item->to_vendor);
		bind_text(stmt, 19, item->tried_entry);
	}
}

static enum err change_item(struct connection *conn, void *any, const void *unused, struct err_text *why)
{
	struct job_change *item = any;
	sqlite3_stmt *stmt;

	(void)unused;
	if (is_too_big(item->result) || (item->raw && item->raw->body_len > STORE_TEXT_MAX)) {
		item->outcome = ERR_TOO_BIG;
		return ERR_OK;
	}
	stmt = statement(conn, (enum statement)(STMT_CHANGE + item->event));
	if (!stmt)
		return connection_failed(conn, "change a job", why);
	bind_change(stmt, item, job_transition(item->event));
	if (statement_run(stmt) != SQLITE_OK)
		return connection_failed(conn, "change a job", why);
	item->outcome = sqlite3_changes(conn->db) ? ERR_OK : ERR_STALE;
	if (item->raw && item->outcome == ERR_OK && job_transition(item->event)->to == PHASE_DONE)
		return raw_write(conn, item->request_id, item->raw, why);
	return ERR_OK;
}

enum err sqlite_change(struct store *base, struct job_change *items, size_t n, struct err_text *why)
{
	enum err err = write_batch(base, change_item, NULL, items, n, sizeof(*items), why);

	for (size_t i = 0; i < n && err != ERR_OK; i++)
		items[i].outcome = ERR_UNAVAILABLE;
	return err;
}

/* ---- Expire ---- */

/* Without the write lock: nearly always there is nothing to do. */
static enum err any_expired(struct sqlite_store *store, int64_t now, bool *any, struct err_text *why)
{
	struct reading reading;
	enum err err = read_begin(store, STMT_ANY_EXPIRED, "look for what has expired", &reading, why);
	int rc;

	if (err != ERR_OK)
		return err;
	sqlite3_bind_int64(reading.stmt, 1, now);
	rc = sqlite3_step(reading.stmt);
	*any = rc == SQLITE_ROW && sqlite3_column_int(reading.stmt, 0);
	return read_end(store, &reading, rc, why);
}

static enum err delete_expired(struct connection *conn, enum statement which, int64_t now, size_t limit,
                               size_t *deleted, struct err_text *why)
{
	sqlite3_stmt *stmt = statement(conn, which);

	if (!stmt)
		return connection_failed(conn, "remove what has expired", why);
	sqlite3_bind_int64(stmt, 1, now);
	sqlite3_bind_int64(stmt, 2, limit < INT32_MAX ? (sqlite3_int64)limit : INT32_MAX);
	if (statement_run(stmt) != SQLITE_OK)
		return connection_failed(conn, "remove what has expired", why);
	*deleted += (size_t)sqlite3_changes(conn->db);
	return ERR_OK;
}

enum err sqlite_expire(struct store *base, int64_t now, size_t limit, size_t *deleted, struct err_text *why)
{
	/* Those of which there are few come first: jobs alone may use up the limit time and again. */
	static const enum statement kinds[] = { STMT_EXPIRE_QUOTAS, STMT_EXPIRE_EARLY, STMT_EXPIRE_KEYS, STMT_EXPIRE_JOBS };
	struct sqlite_store *store = sqlite_store(base);
	size_t count = 0, raw;
	bool any = false;
	enum err err;

	*deleted = 0;
	if (atomic_load(&store->log_has_raw) && write_empty_log(store))
		atomic_store(&store->log_has_raw, false);
	err = any_expired(store, now, &any, why);
	if (err != ERR_OK || !any)
		return err;
	err = write_begin(store, why);
	if (err != ERR_OK)
		return err;
	err = raw_expire(&store->writer, now, limit, &count, why);
	raw = count;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && err == ERR_OK; i++)
		err = delete_expired(&store->writer, kinds[i], now, limit - count, &count, why);
	err = write_end(store, err, why);
	if (err == ERR_OK)
		*deleted = count;
	if (err == ERR_OK && raw)
		atomic_store(&store->log_has_raw, !write_empty_log(store));
	return err;
}
