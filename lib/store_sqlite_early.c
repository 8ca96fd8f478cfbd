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
		sqlite3_bind_int64(stmt, 5, (sqlite3_int64)strlen(text) + (sqlite3_int64)early->raw_bytes);
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

static struct store_early row_to_early(sqlite3_stmt *stmt)
{
	return (struct store_early){
		.vendor = column_text(stmt, 0), .vendor_job_id = column_text(stmt, 1),
		.received_at = sqlite3_column_int64(stmt, 2), .expire_at = sqlite3_column_int64(stmt, 3),
		.error = column_text(stmt, 4), .result = column_text(stmt, 5) };
}

/* Hands the rows over, or frees them. */
static enum err hand_over(enum err err, struct store_early *rows, size_t n_rows, struct store_early **kept,
                          size_t *n_kept)
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
	struct reading reading;
	struct store_early *rows;
	size_t n_rows = 0;
	int rc = SQLITE_DONE;
	enum err err = read_begin(store, STMT_EARLY_FIND, "look for early callbacks", &reading, why);

	if (err != ERR_OK)
		return err;
	rows = mem_calloc(n, sizeof(*rows));
	for (size_t i = 0; i < n && (rc == SQLITE_ROW || rc == SQLITE_DONE); i++) {
		sqlite3_reset(reading.stmt);
		bind_text(reading.stmt, 1, keys[i].vendor);
		bind_text(reading.stmt, 2, keys[i].vendor_job_id);
		rc = sqlite3_step(reading.stmt);
		if (rc == SQLITE_ROW)
			rows[n_rows++] = row_to_early(reading.stmt);
	}
	return hand_over(read_end(store, &reading, rc, why), rows, n_rows, kept, n_kept);
}

enum err sqlite_early_page(struct store *base, int64_t until, const struct store_early *after, size_t limit,
                           struct store_early **kept, size_t *n_kept, struct err_text *why)
{
	struct sqlite_store *store = sqlite_store(base);
	struct reading reading;
	struct store_early *rows;
	size_t n_rows = 0;
	int rc = SQLITE_DONE;
	enum err err = read_begin(store, STMT_EARLY_PAGE, "look for early callbacks", &reading, why);

	if (err != ERR_OK)
		return err;
	sqlite3_bind_int64(reading.stmt, 1, until);
	sqlite3_bind_int64(reading.stmt, 2, after ? after->received_at : 0);
	bind_text(reading.stmt, 3, after ? after->vendor : "");
	bind_text(reading.stmt, 4, after ? after->vendor_job_id : "");
	sqlite3_bind_int64(reading.stmt, 5, (sqlite3_int64)limit);
	rows = mem_calloc(limit, sizeof(*rows));
	while (n_rows < limit && (rc = sqlite3_step(reading.stmt)) == SQLITE_ROW)
		rows[n_rows++] = row_to_early(reading.stmt);
	return hand_over(read_end(store, &reading, rc, why), rows, n_rows, kept, n_kept);
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
