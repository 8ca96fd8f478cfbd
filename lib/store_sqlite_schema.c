/* The tables of a SQLite store and their version. */
#include "store_sqlite_priv.h"

/* Version 1.
 *
 * jobs has a rowid: rows hold payloads of any size, and in a table WITHOUT ROWID everything over a quarter of a
 * page would overflow, the index of every other column would carry the 36 bytes of the id, and page splits would
 * move payloads. So new rows go to the table's right end, and new ids, which are ordered by time, to the right
 * end of their index. Short columns come first: what reads them does not walk a long payload's overflow pages.
 *
 * Instants are milliseconds since 1970; not set = NULL, which keeps a row out of the partial indexes.
 * Names of columns are those that the MongoDB documents have.
 */
static const char version_1[] =
	"CREATE TABLE jobs ("
	"	requestId TEXT NOT NULL UNIQUE,"
	"	v INTEGER NOT NULL,"             /* format version of the row */
	"	status TEXT NOT NULL,"
	"	phase TEXT NOT NULL,"
	"	vendor TEXT NOT NULL,"
	"	fence INTEGER NOT NULL,"
	"	attempts INTEGER NOT NULL,"
	"	createdAt INTEGER NOT NULL,"
	"	updatedAt INTEGER NOT NULL,"
	"	nextAttemptAt INTEGER,"
	"	queuedAt INTEGER,"
	"	dueAt INTEGER,"
	"	deadlineAt INTEGER,"
	"	completedAt INTEGER,"
	"	expireAt INTEGER,"
	"	vendorJobId TEXT,"
	"	tenant TEXT,"
	"	error TEXT,"
	"	history TEXT,"
	"	payload TEXT,"
	"	result TEXT);"
	"CREATE INDEX jobs_due ON jobs (dueAt, requestId) WHERE dueAt IS NOT NULL;"
	"CREATE INDEX jobs_queued ON jobs (vendor, queuedAt) WHERE queuedAt IS NOT NULL;"
	"CREATE INDEX jobs_vendor_job ON jobs (vendor, vendorJobId) WHERE vendorJobId IS NOT NULL;"
	"CREATE INDEX jobs_expire ON jobs (expireAt) WHERE expireAt IS NOT NULL;"
	/* key: the bytes as the client sent them */
	"CREATE TABLE idempotency_keys ("
	"	key BLOB NOT NULL PRIMARY KEY,"
	"	hash BLOB NOT NULL,"
	"	requestId TEXT NOT NULL,"
	"	expireAt INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX idempotency_keys_expire ON idempotency_keys (expireAt);"
	"CREATE TABLE vendors_called (vendor TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;"
	"CREATE TABLE secrets (name TEXT NOT NULL PRIMARY KEY, secret BLOB NOT NULL) WITHOUT ROWID;"
	"PRAGMA application_id = " NUMBER_TEXT(APPLICATION_ID) ";"
	"PRAGMA user_version = 1;";

/* What came later. The version stays: a program that does not know it is not disturbed by it. */
static const char additions[] =
	/* Nothing of ours looks for jobs by status, and every job paid for it six times. What people look for is what
	 * failed; what is not finished is in jobs_due. */
	"DROP INDEX IF EXISTS jobs_status;"
	"DROP INDEX IF EXISTS jobs_vendor_status;"
	"CREATE INDEX IF NOT EXISTS jobs_failed ON jobs (vendor, completedAt) WHERE status = 'failed';"
	/* count calls of the window perMs may have left until then, none of them later (lib/quota.h) */
	"CREATE TABLE IF NOT EXISTS quotas ("
	"	vendor TEXT NOT NULL,"
	"	perMs INTEGER NOT NULL,"
	"	until INTEGER NOT NULL,"
	"	count INTEGER NOT NULL,"
	"	expireAt INTEGER NOT NULL,"
	"	UNIQUE (vendor, perMs, until));"
	"CREATE INDEX IF NOT EXISTS quotas_expire ON quotas (expireAt);"
	/* payloads last, as in jobs; early_callbacks_size says how many of a vendor are kept, and how big they are,
	 * without reading them */
	"CREATE TABLE IF NOT EXISTS early_callbacks ("
	"	vendor TEXT NOT NULL,"
	"	vendorJobId TEXT NOT NULL,"
	"	receivedAt INTEGER NOT NULL,"
	"	expireAt INTEGER NOT NULL,"
	"	bytes INTEGER NOT NULL,"
	"	error TEXT,"
	"	result TEXT,"
	"	UNIQUE (vendor, vendorJobId));"
	"CREATE INDEX IF NOT EXISTS early_callbacks_size ON early_callbacks (vendor, bytes);"
	"CREATE INDEX IF NOT EXISTS early_callbacks_received ON early_callbacks (receivedAt, vendor, vendorJobId);"
	"CREATE INDEX IF NOT EXISTS early_callbacks_expire ON early_callbacks (expireAt);"
	/* key: a job's requestId, or that of an early callback (store.h) */
	"CREATE TABLE IF NOT EXISTS raw_answers ("
	"	key TEXT NOT NULL UNIQUE,"
	"	expireAt INTEGER NOT NULL,"
	"	receivedAt INTEGER NOT NULL,"
	"	httpStatus INTEGER NOT NULL,"
	"	contentType TEXT,"
	"	body BLOB NOT NULL);"
	"CREATE INDEX IF NOT EXISTS raw_answers_expire ON raw_answers (expireAt);";

/* Of jobs. At the row's end, behind the payload: to be read with it only, or nearly always NULL. (tenant is there in stores
 * that are older.) */
static const struct { const char *exists, *add; } later_columns[] = {
	{ "SELECT count(*) FROM pragma_table_info('jobs') WHERE name = 'poll'", "ALTER TABLE jobs ADD COLUMN poll TEXT" },
	{ "SELECT count(*) FROM pragma_table_info('jobs') WHERE name = 'tenant'", "ALTER TABLE jobs ADD COLUMN tenant TEXT" },
	{ "SELECT count(*) FROM pragma_table_info('jobs') WHERE name = 'tried'", "ALTER TABLE jobs ADD COLUMN tried TEXT" },
};

_Static_assert(STORE_SCHEMA_VERSION == 1, "a new version needs its tables and the steps from the one before");

struct schema_state {
	int version;           /* 0: none yet */
	int application_id;
	int tables;
};

static int read_number(struct connection *conn, const char *sql, int *number)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		*number = sqlite3_column_int(stmt, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int read_state(struct connection *conn, struct schema_state *state)
{
	int rc = read_number(conn, "PRAGMA user_version", &state->version);

	if (rc == SQLITE_OK)
		rc = read_number(conn, "PRAGMA application_id", &state->application_id);
	if (rc == SQLITE_OK)
		rc = read_number(conn, "SELECT count(*) FROM sqlite_schema", &state->tables);
	return rc;
}

/* The result code of SQLite. */
static int add_what_came_later(struct connection *conn)
{
	int rc = connection_exec(conn, additions);

	for (size_t i = 0; i < sizeof(later_columns) / sizeof(later_columns[0]) && rc == SQLITE_OK; i++) {
		int exists = 0;

		rc = read_number(conn, later_columns[i].exists, &exists);
		if (rc == SQLITE_OK && !exists)
			rc = connection_exec(conn, later_columns[i].add);
	}
	return rc;
}

static enum err create(struct connection *conn, struct err_text *why)
{
	enum err err;

	/* WAL stays with the file; it cannot be set within a transaction. */
	if (connection_exec(conn, "PRAGMA journal_mode = WAL") == SQLITE_OK &&
	    connection_exec(conn, "BEGIN IMMEDIATE") == SQLITE_OK && connection_exec(conn, version_1) == SQLITE_OK &&
	    add_what_came_later(conn) == SQLITE_OK && connection_exec(conn, "COMMIT") == SQLITE_OK)
		return ERR_OK;
	err = connection_failed(conn, "create the tables", why);
	connection_close(conn);
	return err;
}

enum err schema_prepare(struct connection *conn, const char *path, struct err_text *why)
{
	struct schema_state state = { 0 };
	int rc = read_state(conn, &state);

	if (rc != SQLITE_OK)
		return connection_failed(conn, "read the schema version", why);
	if (state.tables == 0 && state.version == 0)
		return create(conn, why);
	if (state.application_id != APPLICATION_ID)
		return err_set(why, ERR_UNSUPPORTED, "%s is a SQLite file of another program", path);
	if (state.version != STORE_SCHEMA_VERSION)
		return err_set(why, ERR_UNSUPPORTED, "%s has schema version %d; this program knows version %d", path,
		               state.version, STORE_SCHEMA_VERSION);
	if (add_what_came_later(conn) != SQLITE_OK)
		return connection_failed(conn, "add the tables of this version", why);
	return ERR_OK;
}
