/* Raw answers in a SQLite store: that of a job under its request_id, that of an early callback under a key of its own.
 *
 * What SQLite deletes stays in the file until its place is used again, and in the log until that is. So what is removed
 * here is overwritten, and the log emptied as soon as nobody reads in it.
 */
#include "store_sqlite_priv.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum err raw_write(struct connection *conn, const char *key, const struct raw_answer *raw, struct err_text *why)
{
	sqlite3_stmt *stmt = statement(conn, STMT_RAW_PUT);

	if (stmt) {
		bind_text(stmt, 1, key);
		sqlite3_bind_int64(stmt, 2, raw->expire_at);
		sqlite3_bind_int64(stmt, 3, raw->received_at);
		sqlite3_bind_int(stmt, 4, raw->http_status);
		bind_text(stmt, 5, raw->content_type);
		sqlite3_bind_blob(stmt, 6, raw->body ? raw->body : "", (int)raw->body_len, SQLITE_STATIC);
		if (statement_run(stmt) == SQLITE_OK)
			return ERR_OK;
	}
	return connection_failed(conn, "keep a raw answer", why);
}

enum err sqlite_raw_put(struct store *base, const char *key, const struct raw_answer *raw, struct err_text *why)
{
	struct sqlite_store *store = sqlite_store(base);
	enum err err = write_begin(store, why);

	return err ? err : write_end(store, raw_write(&store->writer, key, raw, why), why);
}

static struct raw_answer *row_to_raw(sqlite3_stmt *stmt)
{
	struct raw_answer *raw = mem_calloc(1, sizeof(*raw));
	const void *bytes = sqlite3_column_blob(stmt, 4);

	raw->expire_at = sqlite3_column_int64(stmt, 0);
	raw->received_at = sqlite3_column_int64(stmt, 1);
	raw->http_status = sqlite3_column_int(stmt, 2);
	raw->content_type = column_text(stmt, 3);
	raw->body_len = (size_t)sqlite3_column_bytes(stmt, 4);
	raw->body = mem_alloc(raw->body_len + 1);
	if (raw->body_len)
		memcpy(raw->body, bytes, raw->body_len);
	raw->body[raw->body_len] = '\0';
	return raw;
}

enum err sqlite_raw_get(struct store *base, const char *key, int64_t now, struct raw_answer **raw, struct err_text *why)
{
	struct sqlite_store *store = sqlite_store(base);
	struct reading reading;
	enum err err = read_begin(store, STMT_RAW_GET, "read a raw answer", &reading, why);
	int rc;

	if (err != ERR_OK)
		return err;
	bind_text(reading.stmt, 1, key);
	sqlite3_bind_int64(reading.stmt, 2, now);
	rc = sqlite3_step(reading.stmt);
	if (rc == SQLITE_ROW)
		*raw = row_to_raw(reading.stmt);
	err = read_end(store, &reading, rc, why);
	return rc == SQLITE_DONE ? err_set(why, ERR_NOT_FOUND, "no raw answer is kept") : err;
}

enum err sqlite_raw_of_job(struct store *base, const char *request_id, int64_t now, struct raw_answer **raw,
                           struct err_text *why)
{
	return sqlite_raw_get(base, request_id, now, raw, why);
}

/* ---- Removing ---- */

/* Runs a bound statement that deletes, overwriting what it deletes. SQLITE_OK or the error. */
static int delete_for_good(struct connection *conn, sqlite3_stmt *stmt)
{
	int rc = connection_exec(conn, "PRAGMA secure_delete = ON");

	if (rc == SQLITE_OK)
		rc = statement_run(stmt);
	connection_exec(conn, "PRAGMA secure_delete = OFF");   /* it costs all others */
	return rc;
}

static enum err drop_item(struct connection *conn, void *item, const void *unused, struct err_text *why)
{
	sqlite3_stmt *stmt = statement(conn, STMT_RAW_DROP);

	(void)unused;
	if (stmt) {
		bind_text(stmt, 1, *(const char *const *)item);
		if (delete_for_good(conn, stmt) == SQLITE_OK)
			return ERR_OK;
	}
	return connection_failed(conn, "drop a raw answer", why);
}

enum err sqlite_raw_drop(struct store *store, const char *const *keys, size_t n, struct err_text *why)
{
	return write_batch(store, drop_item, NULL, (void *)(uintptr_t)keys, n, sizeof(*keys), why);
}

enum err raw_expire(struct connection *conn, int64_t now, size_t limit, size_t *deleted, struct err_text *why)
{
	sqlite3_stmt *stmt = statement(conn, STMT_EXPIRE_RAW);

	if (stmt) {
		sqlite3_bind_int64(stmt, 1, now);
		sqlite3_bind_int64(stmt, 2, limit < INT32_MAX ? (sqlite3_int64)limit : INT32_MAX);
		if (delete_for_good(conn, stmt) == SQLITE_OK) {
			*deleted += (size_t)sqlite3_changes(conn->db);
			return ERR_OK;
		}
	}
	return connection_failed(conn, "remove raw answers that have expired", why);
}
