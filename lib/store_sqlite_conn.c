/* Connections to a SQLite store: opening, statements that are kept, transactions, the pool of readers.
 *
 * A connection is used by one thread at a time: the writer under the write lock, a reader while it is lent.
 */
#include "store_sqlite_priv.h"

#include "buffer.h"
#include "clock.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STATEMENT_MAX_BYTES = 4096 };

/* synchronous=FULL: a commit is on the disk when it returns. The log is checkpointed every 2,000 pages (8 MiB),
 * which writes a page that many commits touched once, and is cut back to 64 MiB after a burst. */
static const char settings[] =
	"PRAGMA synchronous = FULL;"
	"PRAGMA wal_autocheckpoint = 2000;"
	"PRAGMA journal_size_limit = 67108864;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA cache_size = -8000;";
/* Of one that only reads: there are several, and the pages are in the system's cache as well. With 1 MB each a handler grew by
 * a fifth when jobs piled up, and was no faster. */
static const char reader_settings[] = "PRAGMA cache_size = -250;";

#define ENQUEUED "'queued', 'waiting_poll'"    /* PHASES_ENQUEUED */

static const char *const texts[STMT_CHANGE] = {
	[STMT_BEGIN] = "BEGIN IMMEDIATE",
	[STMT_COMMIT] = "COMMIT",
	[STMT_ROLLBACK] = "ROLLBACK",
	/* Stored before, and the answer was lost: left as it is by now. */
	[STMT_INSERT_JOB] = "INSERT INTO jobs (v," JOB_COLUMNS ") VALUES (1,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
	                    "ON CONFLICT (requestId) DO NOTHING",
	[STMT_FIND_KEY] = "SELECT hash, requestId FROM idempotency_keys WHERE key = ? AND expireAt > ?",
	[STMT_PUT_KEY] = "INSERT OR REPLACE INTO idempotency_keys (key, hash, requestId, expireAt) VALUES (?,?,?,?)",
	/* phases, status: the rows of EVENT_CLAIM and EVENT_CLAIM_POLL. */
	[STMT_CLAIM] = "UPDATE jobs SET phase = iif(phase = 'queued', ?1, ?6), status = ?2, fence = fence + 1, dueAt = ?3, "
	               "updatedAt = ?4, nextAttemptAt = NULL, queuedAt = NULL "
	               "WHERE requestId = ?5 AND phase IN (" ENQUEUED ") AND coalesce(nextAttemptAt, 0) <= ?4 "
	               "AND deadlineAt > ?4 AND vendor = coalesce(?7, vendor)",
	[STMT_WHY_NOT_CLAIMED] = "SELECT nextAttemptAt, phase IN (" ENQUEUED ") AND nextAttemptAt > ?2 AND deadlineAt > ?2 "
	                         "AND vendor = coalesce(?3, vendor) FROM jobs WHERE requestId = ?1",
	[STMT_GET] = "SELECT " JOB_COLUMNS " FROM jobs WHERE requestId = ?",
	/* Not poll either, for which SQLite would walk over a long payload. */
	[STMT_LOOK] = "SELECT " JOB_COLUMNS_WITH("NULL", "NULL") " FROM jobs WHERE requestId = ?",
	[STMT_BEGIN_READ] = "BEGIN",
	[STMT_GET_BY_VENDOR_JOB_ID] = "SELECT " JOB_COLUMNS " FROM jobs WHERE vendor = ? AND vendorJobId = ? "
	                              "ORDER BY phase = 'done', createdAt DESC, requestId DESC LIMIT 1",
	[STMT_FIND_DUE] = "SELECT " REF_COLUMNS " FROM jobs WHERE dueAt <= ? AND (dueAt, requestId) > (?, ?) "
	                  "ORDER BY dueAt, requestId LIMIT ?",
	[STMT_FIND_QUEUED] = "SELECT " REF_COLUMNS " FROM jobs INDEXED BY jobs_queued "
	                     "WHERE vendor = ? AND queuedAt < ? ORDER BY queuedAt LIMIT ?",
	[STMT_NEXT_QUEUED] = "SELECT " REF_COLUMNS " FROM jobs INDEXED BY jobs_queued "
	                     "WHERE vendor > ? AND queuedAt IS NOT NULL ORDER BY vendor, queuedAt LIMIT 1",
	[STMT_ANY_EXPIRED] = "SELECT EXISTS (SELECT 1 FROM jobs WHERE expireAt <= ?1) "
	                     "OR EXISTS (SELECT 1 FROM idempotency_keys WHERE expireAt <= ?1) "
	                     "OR EXISTS (SELECT 1 FROM quotas WHERE expireAt <= ?1) "
	                     "OR EXISTS (SELECT 1 FROM early_callbacks WHERE expireAt <= ?1) "
	                     "OR EXISTS (SELECT 1 FROM raw_answers WHERE expireAt <= ?1)",
	/* Whatever wrote expireAt: a job that is not finished never goes. */
	[STMT_EXPIRE_JOBS] = "DELETE FROM jobs WHERE phase = 'done' AND rowid IN "
	                     "(SELECT rowid FROM jobs WHERE expireAt <= ? ORDER BY expireAt LIMIT ?)",
	[STMT_EXPIRE_KEYS] = "DELETE FROM idempotency_keys WHERE key IN "
	                     "(SELECT key FROM idempotency_keys WHERE expireAt <= ? ORDER BY expireAt LIMIT ?)",
	[STMT_EXPIRE_QUOTAS] = "DELETE FROM quotas WHERE rowid IN "
	                       "(SELECT rowid FROM quotas WHERE expireAt <= ? ORDER BY expireAt LIMIT ?)",
	[STMT_QUOTA_ADD] = "INSERT INTO quotas (vendor, perMs, until, count, expireAt) VALUES (?,?,?,?,?) "
	                   "ON CONFLICT (vendor, perMs, until) DO UPDATE SET count = count + excluded.count",
	[STMT_QUOTA_READ] = "SELECT until, count FROM quotas WHERE vendor = ? AND perMs = ? AND until > ? ORDER BY until",
	[STMT_EXPIRE_EARLY] = "DELETE FROM early_callbacks WHERE rowid IN "
	                      "(SELECT rowid FROM early_callbacks WHERE expireAt <= ? ORDER BY expireAt LIMIT ?)",
	/* One that is kept already finds room: it grows at most once, to a success. */
	[STMT_EARLY_ROOM] = "SELECT (SELECT count(*) < ?3 AND coalesce(sum(bytes), 0) < ?4 FROM early_callbacks "
	                    "WHERE vendor = ?1) OR EXISTS (SELECT 1 FROM early_callbacks WHERE vendor = ?1 AND vendorJobId = ?2)",
	[STMT_EARLY_PUT] = "INSERT INTO early_callbacks (vendor, vendorJobId, receivedAt, expireAt, bytes, error, result) "
	                   "VALUES (?,?,?,?,?,?,?) ON CONFLICT (vendor, vendorJobId) DO UPDATE SET bytes = excluded.bytes, "
	                   "error = NULL, result = excluded.result WHERE result IS NULL AND excluded.result IS NOT NULL",
	[STMT_EARLY_FIND] = "SELECT vendor, vendorJobId, receivedAt, expireAt, error, result FROM early_callbacks "
	                    "WHERE vendor = ? AND vendorJobId = ?",
	[STMT_EARLY_PAGE] = "SELECT vendor, vendorJobId, receivedAt, expireAt, NULL, NULL FROM early_callbacks "
	                    "WHERE receivedAt <= ? AND (receivedAt, vendor, vendorJobId) > (?, ?, ?) "
	                    "ORDER BY receivedAt, vendor, vendorJobId LIMIT ?",
	[STMT_EARLY_DROP] = "DELETE FROM early_callbacks WHERE vendor = ? AND vendorJobId = ?",
	[STMT_RAW_PUT] = "INSERT INTO raw_answers (key, expireAt, receivedAt, httpStatus, contentType, body) VALUES (?,?,?,?,?,?) "
	                 "ON CONFLICT (key) DO NOTHING",
	[STMT_RAW_GET] = "SELECT expireAt, receivedAt, httpStatus, contentType, body FROM raw_answers WHERE key = ? AND expireAt > ?",
	[STMT_RAW_DROP] = "DELETE FROM raw_answers WHERE key = ?",
	[STMT_EXPIRE_RAW] = "DELETE FROM raw_answers WHERE rowid IN "
	                    "(SELECT rowid FROM raw_answers WHERE expireAt <= ? ORDER BY expireAt LIMIT ?)",
	[STMT_PING] = "SELECT 1 FROM jobs LIMIT 1",
	/* The same number again; but SQLite writes its page of the file all the same. */
	[STMT_TRY_WRITE] = "PRAGMA application_id = " NUMBER_TEXT(APPLICATION_ID),
	[STMT_WAS_CALLED] = "SELECT 1 FROM vendors_called WHERE vendor = ?",
	[STMT_MARK_CALLED] = "INSERT INTO vendors_called (vendor) VALUES (?) ON CONFLICT DO NOTHING",
	[STMT_GET_SECRET] = "SELECT secret FROM secrets WHERE name = ?",
	[STMT_PUT_SECRET] = "INSERT INTO secrets (name, secret) VALUES (?, ?) ON CONFLICT DO NOTHING",
};

/* ---- Opening ---- */

enum err connection_open(struct connection *conn, const char *path, int64_t busy_ms, struct err_text *why)
{
	int rc;

	memset(conn, 0, sizeof(*conn));
	rc = sqlite3_open_v2(path, &conn->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_extended_result_codes(conn->db, 1);
		sqlite3_busy_timeout(conn->db, (int)busy_ms);
		rc = connection_exec(conn, settings);
	}
	if (rc == SQLITE_OK)
		return ERR_OK;
	err_set(why, ERR_UNAVAILABLE, "cannot open %s: %s", path,
	        conn->db ? sqlite3_errmsg(conn->db) : sqlite3_errstr(rc));
	connection_close(conn);
	return rc == SQLITE_NOTADB ? ERR_UNSUPPORTED : ERR_UNAVAILABLE;
}

void connection_close(struct connection *conn)
{
	for (int i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(conn->stmts[i]);
	sqlite3_close(conn->db);
	memset(conn->stmts, 0, sizeof(conn->stmts));
	conn->db = NULL;
}

int connection_exec(struct connection *conn, const char *sql) { return sqlite3_exec(conn->db, sql, NULL, NULL, NULL); }

enum err connection_failed(struct connection *conn, const char *doing, struct err_text *why)
{
	int code = sqlite3_extended_errcode(conn->db);

	err_set(why, ERR_UNAVAILABLE, "store: cannot %s: %s (SQLite code %d)", doing, sqlite3_errmsg(conn->db), code);
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_NOMEM:
	case SQLITE_TOOBIG:
	case SQLITE_CONSTRAINT:
		break;
	default:
		connection_close(conn);
	}
	return ERR_UNAVAILABLE;
}

/* A file that was removed or replaced under us would swallow jobs that nobody finds again. The new one, if there is
 * one, is opened; a missing one is not made anew. (Closing does not touch the new file's log: SQLite looks, too.) */
static void close_if_moved(struct connection *conn)
{
	int moved = 0;

	if (conn->db && sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved)
		connection_close(conn);
}

static enum err make_ready(struct sqlite_store *store, struct connection *conn, int64_t deadline_at,
                           struct err_text *why)
{
	int64_t left_ms = deadline_at - clock_mono_ms();

	if (left_ms < 1)
		left_ms = 1;
	close_if_moved(conn);
	if (!conn->db) {
		if (connection_open(conn, store->path, left_ms, why) != ERR_OK)
			return ERR_UNAVAILABLE;
		if (conn != &store->writer)
			connection_exec(conn, reader_settings);   /* without it all works as well */
		return ERR_OK;
	}
	sqlite3_busy_timeout(conn->db, (int)left_ms);
	return ERR_OK;
}

/* ---- Statements ---- */

/* A JSON array in a column, or NULL, with one more element unless that is NULL. */
#define APPENDED(column, element) "CASE WHEN " element " IS NULL THEN " column \
	" WHEN " column " IS NULL THEN '[' || " element " || ']'" \
	" ELSE substr(" column ", 1, length(" column ") - 1) || ',' || " element " || ']' END"

/* The guards come from the row of the event; ?11 is the mask of phases that `from` leaves of it. */
static char *change_sql(enum job_event event)
{
	const struct job_transition *row = job_transition(event);
	struct buffer sql;

	buffer_init(&sql, STATEMENT_MAX_BYTES);
	buffer_printf(&sql, "UPDATE jobs SET phase = '%s', updatedAt = ?1, nextAttemptAt = ?3, queuedAt = ?4, dueAt = ?5, "
	              "deadlineAt = coalesce(?15, deadlineAt), history = " APPENDED("history", "?7") ", ",
	              phase_name(row->to));
	buffer_append_str(&sql, row->to_other
	                  ? "vendor = coalesce(?18, vendor), tried = " APPENDED("tried", "?19") ", fence = fence + 1, attempts = 0, "
	                    "vendorJobId = NULL, poll = NULL, "
	                  : "attempts = attempts + ?2, vendorJobId = coalesce(?6, vendorJobId), poll = coalesce(?16, poll), ");
	buffer_append_str(&sql, row->clears_error ? "error = ?8" : "error = coalesce(?8, error)");
	if (event == EVENT_SUCCEED)
		buffer_append_str(&sql, ", result = coalesce(?14, result)");
	if (row->status >= 0)
		buffer_printf(&sql, ", status = '%s'", status_name((enum status)row->status));
	if (row->to == PHASE_DONE)
		buffer_append_str(&sql, ", completedAt = ?1, expireAt = ?9");
	buffer_append_str(&sql, " WHERE requestId = ?10 AND CASE phase");
	for (int phase = 0; phase < PHASE_COUNT; phase++)
		buffer_printf(&sql, " WHEN '%s' THEN %u", phase_name((enum phase)phase), PHASE_BIT(phase));
	buffer_append_str(&sql, " ELSE 0 END & ?11 AND (?13 = 0 OR queuedAt = ?13) AND vendor = coalesce(?17, vendor)");
	buffer_printf(&sql, row->any_fence ? " AND (?12 = %d OR fence = ?12)" : " AND fence = ?12", (int)FENCE_ANY);
	return buffer_take(&sql, NULL);
}

sqlite3_stmt *statement(struct connection *conn, enum statement which)
{
	sqlite3_stmt **stmt = &conn->stmts[which];
	char *made;

	if (*stmt)
		return *stmt;
	made = which >= STMT_CHANGE ? change_sql((enum job_event)(which - STMT_CHANGE)) : NULL;
	sqlite3_prepare_v3(conn->db, made ? made : texts[which], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
	free(made);
	return *stmt;
}

int statement_run(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);
	int reset_rc = sqlite3_reset(stmt);

	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : reset_rc ? reset_rc : rc;
}

void bind_time(sqlite3_stmt *stmt, int i, int64_t at)
{
	if (at)
		sqlite3_bind_int64(stmt, i, at);
	else
		sqlite3_bind_null(stmt, i);
}

void bind_text(sqlite3_stmt *stmt, int i, const char *text)
{
	sqlite3_bind_text(stmt, i, text, -1, SQLITE_STATIC);
}

char *column_text(sqlite3_stmt *stmt, int i)
{
	const char *text = (const char *)sqlite3_column_text(stmt, i);

	return mem_strndup(text, (size_t)sqlite3_column_bytes(stmt, i));
}

/* ---- Transactions ---- */

enum err write_begin(struct sqlite_store *store, struct err_text *why)
{
	int64_t deadline_at = clock_mono_ms() + store->timeout_ms;
	sqlite3_stmt *begin;
	enum err err;

	err = write_lock_take(&store->lock, deadline_at, why);
	if (err != ERR_OK)
		return err;
	err = make_ready(store, &store->writer, deadline_at, why);
	if (err != ERR_OK)
		goto release;
	begin = statement(&store->writer, STMT_BEGIN);
	if (begin && statement_run(begin) == SQLITE_OK)
		return ERR_OK;
	err = connection_failed(&store->writer, "begin to write", why);
release:
	write_lock_release(&store->lock);
	return err;
}

/* Leaves the connection without a transaction, or closed. */
static void roll_back(struct connection *conn)
{
	sqlite3_stmt *rollback;

	/* Closed after an error; or SQLite has rolled back by itself. */
	if (!conn->db || sqlite3_get_autocommit(conn->db))
		return;
	rollback = statement(conn, STMT_ROLLBACK);
	if (!rollback || statement_run(rollback) != SQLITE_OK || !sqlite3_get_autocommit(conn->db))
		connection_close(conn);
}

enum err write_end(struct sqlite_store *store, enum err err, struct err_text *why)
{
	struct connection *conn = &store->writer;

	if (err == ERR_OK) {
		sqlite3_stmt *commit = statement(conn, STMT_COMMIT);

		if (!commit || statement_run(commit) != SQLITE_OK)
			err = connection_failed(conn, "commit", why);
	}
	if (err != ERR_OK)
		roll_back(conn);
	write_lock_release(&store->lock);
	return err;
}

bool write_empty_log(struct sqlite_store *store)
{
	struct connection *conn = &store->writer;
	bool emptied = false;

	if (write_lock_take(&store->lock, clock_mono_ms() + store->timeout_ms, NULL) != ERR_OK)
		return false;
	if (conn->db) {
		sqlite3_busy_timeout(conn->db, 0);   /* nobody waits for readers; the next call sets its own */
		emptied = sqlite3_wal_checkpoint_v2(conn->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK;
	}
	write_lock_release(&store->lock);
	return emptied;
}

/* ---- Readers ---- */

static struct connection *take_reader(struct sqlite_store *store, int64_t deadline_at)
{
	struct timespec until = { .tv_sec = deadline_at / 1000, .tv_nsec = deadline_at % 1000 * 1000000 };
	struct connection *conn;
	int rc = 0;

	pthread_mutex_lock(&store->pool_mutex);
	while (!store->idle && store->readers == SQLITE_READERS_MAX && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&store->pool_cond, &store->pool_mutex, &until);
	conn = store->idle;
	if (conn) {
		store->idle = conn->next;
	} else if (store->readers < SQLITE_READERS_MAX) {
		store->readers++;
		conn = mem_calloc(1, sizeof(*conn));
	}
	pthread_mutex_unlock(&store->pool_mutex);
	return conn;
}

static void put_reader(struct sqlite_store *store, struct connection *conn)
{
	pthread_mutex_lock(&store->pool_mutex);
	conn->next = store->idle;
	store->idle = conn;
	pthread_cond_signal(&store->pool_cond);
	pthread_mutex_unlock(&store->pool_mutex);
}

enum err read_begin(struct sqlite_store *store, enum statement which, const char *doing, struct reading *reading,
                    struct err_text *why)
{
	int64_t deadline_at = clock_mono_ms() + store->timeout_ms;
	struct connection *conn = take_reader(store, deadline_at);
	enum err err;

	if (!conn)
		return err_set(why, ERR_UNAVAILABLE, "store busy: all %d connections for reading are in use",
		               SQLITE_READERS_MAX);
	*reading = (struct reading){ .conn = conn, .doing = doing };
	err = make_ready(store, conn, deadline_at, why);
	if (err == ERR_OK) {
		reading->stmt = statement(conn, which);
		if (!reading->stmt)
			err = connection_failed(conn, doing, why);
	}
	if (err != ERR_OK)
		put_reader(store, conn);
	return err;
}

enum err read_end(struct sqlite_store *store, struct reading *reading, int rc, struct err_text *why)
{
	enum err err = ERR_OK;

	sqlite3_reset(reading->stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		err = connection_failed(reading->conn, reading->doing, why);
		roll_back(reading->conn);
	}
	put_reader(store, reading->conn);
	return err;
}
