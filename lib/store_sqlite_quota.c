/* Quotas in a SQLite store: one row a slot. */
#include "store_sqlite_priv.h"

#include "mem.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 64 };

static enum err add_slot(struct connection *conn, void *item, const void *arg, struct err_text *why)
{
	const struct quota_slot *slot = item;
	sqlite3_stmt *stmt = statement(conn, STMT_QUOTA_ADD);

	(void)arg;
	if (!stmt)
		return connection_failed(conn, "count calls", why);
	bind_text(stmt, 1, slot->vendor);
	sqlite3_bind_int64(stmt, 2, slot->per_ms);
	sqlite3_bind_int64(stmt, 3, slot->until);
	sqlite3_bind_int64(stmt, 4, slot->count);
	sqlite3_bind_int64(stmt, 5, quota_slot_expire_at(slot));
	return statement_run(stmt) == SQLITE_OK ? ERR_OK : connection_failed(conn, "count calls", why);
}

enum err sqlite_quota_add(struct store *store, const struct quota_slot *items, size_t n, struct err_text *why)
{
	return write_batch(store, add_slot, NULL, (void *)(uintptr_t)items, n, sizeof(*items), why);
}

enum err sqlite_quota_read(struct store *base, const char *vendor, int64_t per_ms, int64_t since,
                           struct quota_slot **slots, size_t *n, struct err_text *why)
{
	struct quota_slot *rows = NULL;
	size_t n_rows = 0, capacity = 0;
	struct reading reading;
	enum err err = read_begin(sqlite_store(base), STMT_QUOTA_READ, "read a quota", &reading, why);
	int rc;

	*slots = NULL;
	*n = 0;
	if (err != ERR_OK)
		return err;
	bind_text(reading.stmt, 1, vendor);
	sqlite3_bind_int64(reading.stmt, 2, per_ms);
	sqlite3_bind_int64(reading.stmt, 3, since);
	while ((rc = sqlite3_step(reading.stmt)) == SQLITE_ROW) {
		if (n_rows == capacity) {
			capacity = capacity ? capacity * 2 : FIRST_SLOTS;
			rows = mem_realloc(rows, capacity * sizeof(*rows));
		}
		rows[n_rows++] = (struct quota_slot){ .per_ms = per_ms, .until = sqlite3_column_int64(reading.stmt, 0),
		                                      .count = sqlite3_column_int64(reading.stmt, 1) };
	}
	err = read_end(sqlite_store(base), &reading, rc, why);
	if (err != ERR_OK) {
		free(rows);
		return err;
	}
	*slots = rows;
	*n = n_rows;
	return ERR_OK;
}
