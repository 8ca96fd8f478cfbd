/* The embedded store engine: one SQLite file (WAL, synchronous=FULL), many threads and processes of one host.
 *
 * Not for network file systems: WAL needs shared memory and locks that work. See store_sqlite_priv.h for its parts.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "store_sqlite_priv.h"

#include "clock.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DB_MODE = 0660 };

static const char scheme[] = "sqlite:";

/* ---- Opening ---- */

/* The file's absolute path with its folder resolved; the file itself may be missing. */
static enum err resolve_path(const char *uri, char **path, struct err_text *why)
{
	const char *given = uri + strlen(scheme);
	const char *slash = strrchr(given, '/');
	const char *name = slash ? slash + 1 : given;
	char *dir, real[PATH_MAX];
	struct stat st;
	enum err err = ERR_OK;

	if (*given == ':')
		return err_set(why, ERR_INVALID, "%s: several processes share the store: sqlite:/path", uri);
	if (!*name)
		return err_set(why, ERR_INVALID, "%s: names no file: sqlite:/path", uri);
	if (stat(given, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(why, ERR_INVALID, "%s: not a regular file", uri);
	dir = slash ? mem_strndup(given, (size_t)(slash - given + 1)) : mem_strdup(".");
	if (!realpath(dir, real))
		err = err_set(why, ERR_INVALID, "%s: folder %s: %s", uri, dir, strerror(errno));
	else
		*path = mem_printf("%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
	free(dir);
	return err;
}

/* SQLite would make it with mode 0644, but the programs may run as several users of one group; its -wal and -shm
 * files follow. Never opened when it is there: closing that descriptor would drop SQLite's locks in this process. */
static enum err create_file(const char *path, struct err_text *why)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, DB_MODE);

	if (fd < 0 && errno != EEXIST)
		return err_set(why, ERR_UNAVAILABLE, "cannot create %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ERR_OK;
}

/* Under the write lock, so that of several who open a new file one makes the tables. */
static enum err open_writer(struct sqlite_store *store, struct err_text *why)
{
	int64_t deadline_at = clock_mono_ms() + store->timeout_ms;
	enum err err = write_lock_take(&store->lock, deadline_at, why);

	if (err != ERR_OK)
		return err;
	err = create_file(store->path, why);
	if (err == ERR_OK)
		err = connection_open(&store->writer, store->path, deadline_at - clock_mono_ms(), why);
	if (err == ERR_OK)
		err = schema_prepare(&store->writer, store->path, why);
	write_lock_release(&store->lock);
	return err;
}

static void init_pool(struct sqlite_store *store)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&store->pool_mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&store->pool_cond, &attr);
	pthread_condattr_destroy(&attr);
}

static void sqlite_close(struct store *base)
{
	struct sqlite_store *store = sqlite_store(base);

	while (store->idle) {
		struct connection *conn = store->idle;

		store->idle = conn->next;
		connection_close(conn);
		free(conn);
	}
	connection_close(&store->writer);
	pthread_cond_destroy(&store->pool_cond);
	pthread_mutex_destroy(&store->pool_mutex);
	write_lock_deinit(&store->lock);
	free(store->path);
	free(store);
}

/* Or SQLite counts its memory, under one mutex for the allocations of all threads. */
static void switch_statistics_off(void) { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

static enum err sqlite_open(const char *uri, int timeout_ms, struct store **opened, struct err_text *why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct sqlite_store *store;
	char *path = NULL;
	enum err err = resolve_path(uri, &path, why);

	pthread_once(&once, switch_statistics_off);
	if (err != ERR_OK)
		return err;
	store = mem_calloc(1, sizeof(*store));
	store->base.engine = &store_sqlite_engine;
	store->path = path;
	store->timeout_ms = timeout_ms;
	err = write_lock_init(&store->lock, path, why);
	if (err != ERR_OK) {
		free(path);
		free(store);
		return err;
	}
	init_pool(store);
	err = open_writer(store, why);
	if (err != ERR_OK) {
		sqlite_close(&store->base);
		return err;
	}
	*opened = &store->base;
	return ERR_OK;
}

/* ---- Small facts ---- */

/* Runs a statement with one text parameter on a reader. *found: it gave a row, whose blob goes to out (if not
 * NULL). */
static enum err read_fact(struct sqlite_store *store, enum statement which, const char *key, bool *found,
                          unsigned char *out, struct err_text *why)
{
	struct reading reading;
	enum err err = read_begin(store, which, "read", &reading, why);
	int rc;

	if (err != ERR_OK)
		return err;
	if (key)
		bind_text(reading.stmt, 1, key);
	rc = sqlite3_step(reading.stmt);
	*found = rc == SQLITE_ROW;
	if (*found && out && sqlite3_column_bytes(reading.stmt, 0) == STORE_SECRET_SIZE)
		memcpy(out, sqlite3_column_blob(reading.stmt, 0), STORE_SECRET_SIZE);
	return read_end(store, &reading, rc, why);
}

/* Inserts a row with a text and (if not NULL) a blob unless the text is there. *made: it was not. */
static enum err write_fact(struct sqlite_store *store, enum statement which, const char *key, const unsigned char *blob,
                           bool *made, struct err_text *why)
{
	sqlite3_stmt *stmt;
	enum err err = write_begin(store, why);

	if (err != ERR_OK)
		return err;
	stmt = statement(&store->writer, which);
	if (stmt) {
		bind_text(stmt, 1, key);
		if (blob)
			sqlite3_bind_blob(stmt, 2, blob, STORE_SECRET_SIZE, SQLITE_STATIC);
	}
	if (!stmt || statement_run(stmt) != SQLITE_OK)
		err = connection_failed(&store->writer, "write", why);
	else
		*made = sqlite3_changes(store->writer.db) > 0;
	return write_end(store, err, why);
}

static enum err sqlite_ping(struct store *store, struct err_text *why)
{
	bool any;

	return read_fact(sqlite_store(store), STMT_PING, NULL, &any, NULL, why);
}

static enum err sqlite_try_write(struct store *base, struct err_text *why)
{
	struct sqlite_store *store = sqlite_store(base);
	sqlite3_stmt *stmt;
	enum err err = write_begin(store, why);

	if (err != ERR_OK)
		return err;
	stmt = statement(&store->writer, STMT_TRY_WRITE);
	if (!stmt || statement_run(stmt) != SQLITE_OK)
		err = connection_failed(&store->writer, "write", why);
	return write_end(store, err, why);
}

static enum err sqlite_mark_called(struct store *store, const char *vendor, struct err_text *why)
{
	bool found = false, made = false;
	enum err err = read_fact(sqlite_store(store), STMT_WAS_CALLED, vendor, &found, NULL, why);

	if (err == ERR_OK && !found)
		err = write_fact(sqlite_store(store), STMT_MARK_CALLED, vendor, NULL, &made, why);
	if (err == ERR_OK && !made)
		err = err_set(why, ERR_EXISTS, "%s was called before", vendor);
	return err;
}

static enum err sqlite_secret(struct store *store, const char *name, const unsigned char candidate[STORE_SECRET_SIZE],
                              unsigned char secret[STORE_SECRET_SIZE], struct err_text *why)
{
	bool found = false, made;
	enum err err = read_fact(sqlite_store(store), STMT_GET_SECRET, name, &found, secret, why);

	if (err != ERR_OK || found)
		return err;
	err = write_fact(sqlite_store(store), STMT_PUT_SECRET, name, candidate, &made, why);
	if (err != ERR_OK)
		return err;
	return read_fact(sqlite_store(store), STMT_GET_SECRET, name, &found, secret, why);
}

const struct store_engine store_sqlite_engine = {
	.scheme = scheme,
	.open = sqlite_open,
	.close = sqlite_close,
	.insert = sqlite_insert,
	.get = sqlite_get,
	.look = sqlite_look,
	.get_by_vendor_job_id = sqlite_get_by_vendor_job_id,
	.ping = sqlite_ping,
	.try_write = sqlite_try_write,
	.claim = sqlite_claim,
	.change = sqlite_change,
	.early_put = sqlite_early_put,
	.early_find = sqlite_early_find,
	.early_page = sqlite_early_page,
	.early_drop = sqlite_early_drop,
	.raw_of_job = sqlite_raw_of_job,
	.raw_put = sqlite_raw_put,
	.raw_get = sqlite_raw_get,
	.raw_drop = sqlite_raw_drop,
	.find_due = sqlite_find_due,
	.find_queued = sqlite_find_queued,
	.next_queued = sqlite_next_queued,
	.expire = sqlite_expire,
	.quota_add = sqlite_quota_add,
	.quota_read = sqlite_quota_read,
	.mark_called = sqlite_mark_called,
	.secret = sqlite_secret,
};
