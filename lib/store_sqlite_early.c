/* Early callbacks in a SQLite store: a small table that is nearly always empty. */
#include "store_sqlite_priv.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- Put ---- */

static enum err look_for_room(struct connection *conn, const struct store_early *early, struct err_text *why)
{
	sqlite3_stmt *stmt = statement(conn, STMT_EARLY_ROOM);
	int rc = SQLITE_ERROR;
	bool room = false;

	if (stmt) {
		bind_text(stmt, 1, early->vendor);
		bind_text(stmt, 2, early->vendor_job_id);
		sqlite3_bind_int64(stmt, 3, STORE_EARLY_MAX);
		sqlite3_bind_int64(stmt, 4, STORE_EARLY_BYTES);
		rc = sqlite3_step(stmt);
		room = rc == SQLITE_ROW && sqlite3_column_int(stmt, 0);
		sqlite3_reset(stmt);
	}
	if (rc != SQLITE_ROW)
		return connection_failed(conn, "count early callbacks", why);
	return room ? ERR_OK : err_set(why, ERR_FULL, "too many early callbacks of %s are kept", early->vendor);
}

static enum err put(struct connection *conn, const struct store_early *early, struct err_text *why)
{
	const char *text = early->result ? early->result : early->error;
	sqlite3_stmt *stmt = statement(conn, STMT_EARLY_PUT);

	if (stmt) {
		bind_text(stmt, 1, early->vendor);
		bind_text(stmt, 2, early->vendor_job_id);
		sqlite3_bind_int64(stmt, 3, early->received_at);
		sqlite3_bind_int64(stmt, 4, early->expire_at);
		sqlite3_bind_int64(stmt, 5, (sqlite3_int64)strlen(text));
		bind_text(stmt, 6, early->error);
		bind_text(stmt, 7, early->result);
		if (statement_run(stmt) == SQLITE_OK)
			return ERR_OK;
	}
	return connection_failed(conn, "keep an early callback", why);
}

enum err sqlite_early_put(struct store *base, const struct store_early *early, struct err_text *why)
{
	struct sqlite_store *store = sqlite_store(base);
	enum err err = write_begin(store, why);

	if (err != ERR_OK)
		return err;
	err = look_for_room(&store->writer, early, why);
	if (err == ERR_OK)
		err = put(&store->writer, early, why);
	return write_end(store, err, why);
}

/* ---- Find ---- */

/* Steps a bound statement and adds its rows to kept, which has room for `capacity`. */
static enum err read_rows(struct connection *conn, sqlite3_stmt *stmt, struct store_early *kept, size_t capacity, size_t *n,
                          struct err_text *why)
{
	int rc = SQLITE_DONE;

	while (*n < capacity && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		kept[(*n)++] = (struct store_early){
			.vendor = column_text(stmt, 0), .vendor_job_id = column_text(stmt, 1),
			.received_at = sqlite3_column_int64(stmt, 2), .expire_at = sqlite3_column_int64(stmt, 3),
			.error = column_text(stmt, 4), .result = column_text(stmt, 5) };
	sqlite3_reset(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_OK : connection_failed(conn, "look for early callbacks", why);
}

static enum err find_one(struct connection *conn, const struct store_early_key *key, struct store_early *kept,
                         size_t capacity, size_t *n, struct err_text *why)
{
	sqlite3_stmt *stmt = statement(conn, STMT_EARLY_FIND);

	if (!stmt)
		return connection_failed(conn, "look for early callbacks", why);
	bind_text(stmt, 1, key->vendor);
	bind_text(stmt, 2, key->vendor_job_id);
	return read_rows(conn, stmt, kept, capacity, n, why);
}

/* Hands the rows over, or frees them. */
static enum err hand_over(enum err err, struct store_early *rows, size_t n_rows, struct store_early **kept, size_t *n_kept)
{
	if (err != ERR_OK) {
		store_early_free(rows, n_rows);
		return err;
	}
	*kept = rows;
	*n_kept = n_rows;
	return ERR_OK;
}

enum err sqlite_early_find(struct store *base, const struct store_early_key *keys, size_t n, struct store_early **kept,
                           size_t *n_kept, struct err_text *why)
{
	struct sqlite_store *store = sqlite_store(base);
	struct store_early *rows;
	struct connection *conn;
	size_t n_rows = 0;
	enum err err = reader_get(store, &conn, why);

	if (err != ERR_OK)
		return err;
	rows = mem_calloc(n, sizeof(*rows));
	for (size_t i = 0; i < n && err == ERR_OK; i++)
		err = find_one(conn, &keys[i], rows, n, &n_rows, why);
	reader_put(store, conn);
	return hand_over(err, rows, n_rows, kept, n_kept);
}

enum err sqlite_early_page(struct store *base, int64_t until, const struct store_early *after, size_t limit,
                           struct store_early **kept, size_t *n_kept, struct err_text *why)
{
	struct sqlite_store *store = sqlite_store(base);
	struct store_early *rows;
	struct connection *conn;
	sqlite3_stmt *stmt;
	size_t n_rows = 0;
	enum err err = reader_get(store, &conn, why);

	if (err != ERR_OK)
		return err;
	rows = mem_calloc(limit, sizeof(*rows));
	stmt = statement(conn, STMT_EARLY_PAGE);
	if (stmt) {
		sqlite3_bind_int64(stmt, 1, until);
		sqlite3_bind_int64(stmt, 2, after ? after->received_at : 0);
		bind_text(stmt, 3, after ? after->vendor : "");
		bind_text(stmt, 4, after ? after->vendor_job_id : "");
		sqlite3_bind_int64(stmt, 5, (sqlite3_int64)limit);
		err = read_rows(conn, stmt, rows, limit, &n_rows, why);
	} else {
		err = connection_failed(conn, "look for early callbacks", why);
	}
	reader_put(store, conn);
	return hand_over(err, rows, n_rows, kept, n_kept);
}

/* ---- Drop ---- */

static enum err drop(struct connection *conn, const struct store_early_key *key, struct err_text *why)
{
	sqlite3_stmt *stmt = statement(conn, STMT_EARLY_DROP);

	if (stmt) {
		bind_text(stmt, 1, key->vendor);
		bind_text(stmt, 2, key->vendor_job_id);
		if (statement_run(stmt) == SQLITE_OK)
			return ERR_OK;
	}
	return connection_failed(conn, "drop an early callback", why);
}

enum err sqlite_early_drop(struct store *base, const struct store_early_key *keys, size_t n, struct err_text *why)
{
	struct sqlite_store *store = sqlite_store(base);
	enum err err = write_begin(store, why);

	if (err != ERR_OK)
		return err;
	for (size_t i = 0; i < n && err == ERR_OK; i++)
		err = drop(&store->writer, &keys[i], why);
	return write_end(store, err, why);
}
