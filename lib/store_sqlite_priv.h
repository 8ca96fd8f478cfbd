/* What the files of the SQLite engine share.
 *
 *   store_sqlite.c         the engine's table, opening and closing, the small facts
 *   store_sqlite_conn.c    connections, kept statements, transactions, the pool of readers
 *   store_sqlite_lock.c    one writer at a time on this host
 *   store_sqlite_schema.c  tables, indexes, version
 *   store_sqlite_write.c   insert, claim, change, expire
 *   store_sqlite_read.c    get, find
 *   store_sqlite_quota.c   quotas
 *   store_sqlite_early.c   early callbacks
 *   store_sqlite_raw.c     raw answers
 *
 * Deadlines are clock_mono_ms() values.
 */
#ifndef VF_STORE_SQLITE_PRIV_H
#define VF_STORE_SQLITE_PRIV_H

#include "job_state.h"
#include "store_engine.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { SQLITE_READERS_MAX = 8 };

/* ---- One writer at a time ---- */

struct lock_waiter;

struct write_lock {
	char *path;
	int fd;
	pthread_mutex_t mutex;          /* over the members below */
	bool held;                      /* by a thread of this handle */
	struct lock_waiter *first;      /* this handle's threads that wait, in order of arrival */
	struct lock_waiter **end;
};

/* Opens (and creates) <db_path>.lock. ERR_UNAVAILABLE with the reason. */
enum err write_lock_init(struct write_lock *lock, const char *db_path, struct err_text *why);
void write_lock_deinit(struct write_lock *lock);
/* Keeps all other writers of this file, in all processes of this host, out. ERR_UNAVAILABLE when it is not to be
 * had until deadline_at. Not recursive. Thread-safe. */
enum err write_lock_take(struct write_lock *lock, int64_t deadline_at, struct err_text *why);
void write_lock_release(struct write_lock *lock);

/* ---- Statements, kept for the life of their connection ---- */

enum statement {
	STMT_BEGIN, STMT_COMMIT, STMT_ROLLBACK,
	STMT_INSERT_JOB, STMT_FIND_KEY, STMT_PUT_KEY,
	STMT_CLAIM, STMT_WHY_NOT_CLAIMED,
	STMT_GET, STMT_LOOK, STMT_BEGIN_READ, STMT_GET_BY_VENDOR_JOB_ID,
	STMT_FIND_DUE, STMT_FIND_QUEUED, STMT_NEXT_QUEUED,
	STMT_EARLY_ROOM, STMT_EARLY_PUT, STMT_EARLY_FIND, STMT_EARLY_PAGE, STMT_EARLY_DROP,
	STMT_ANY_EXPIRED, STMT_EXPIRE_JOBS, STMT_EXPIRE_KEYS, STMT_EXPIRE_QUOTAS, STMT_EXPIRE_EARLY,
	STMT_QUOTA_ADD, STMT_QUOTA_READ,
	STMT_RAW_PUT, STMT_RAW_GET, STMT_RAW_DROP, STMT_EXPIRE_RAW,
	STMT_PING, STMT_TRY_WRITE, STMT_WAS_CALLED, STMT_MARK_CALLED, STMT_GET_SECRET, STMT_PUT_SECRET,
	STMT_CHANGE,    /* one for each event */
	STMT_COUNT = STMT_CHANGE + EVENT_COUNT
};

/* The columns of a job in the order of STMT_GET and STMT_LOOK. */
#define JOB_COLUMNS JOB_COLUMNS_WITH("payload", "poll")
#define JOB_COLUMNS_WITH(payload, poll) \
	"requestId,phase,status,fence,attempts,createdAt,updatedAt,nextAttemptAt,queuedAt,dueAt,deadlineAt," \
	"completedAt,expireAt,vendor,vendorJobId,error,history," payload ",result," poll ",tenant,tried"
/* The columns of a reference, likewise. */
#define REF_COLUMNS "requestId,phase,vendor,fence,attempts,queuedAt,dueAt,deadlineAt,vendorJobId,error,createdAt,tried"

struct connection {
	sqlite3 *db;                        /* NULL: to be opened (again) */
	sqlite3_stmt *stmts[STMT_COUNT];    /* NULL until first used */
	struct connection *next;            /* in the pool */
};

struct sqlite_store {
	struct store base;
	char *path;                     /* absolute: a later chdir() changes nothing */
	int timeout_ms;
	struct write_lock lock;
	struct connection writer;       /* used under lock only */
	_Atomic bool log_has_raw;       /* the log may hold raw answers that were removed */
	pthread_mutex_t pool_mutex;     /* over the members below */
	pthread_cond_t pool_cond;
	struct connection *idle;
	int readers;                    /* connections made, idle or lent */
};

static inline struct sqlite_store *sqlite_store(struct store *store) { return (struct sqlite_store *)store; }

/* ---- Connections ---- */

/* Opens the file that is there. busy_ms: how long SQLite may wait for others.
 * ERR_UNSUPPORTED: no SQLite file; ERR_UNAVAILABLE. */
enum err connection_open(struct connection *conn, const char *path, int64_t busy_ms, struct err_text *why);
/* Closes it, if it is open. */
void connection_close(struct connection *conn);
/* Runs SQL that returns nothing, several statements too. The SQLite result code. */
int connection_exec(struct connection *conn, const char *sql);

/* The statement, ready to be bound. NULL when it cannot be prepared (sqlite3_errmsg says why). */
sqlite3_stmt *statement(struct connection *conn, enum statement which);
/* Runs a bound statement that returns no rows (or none of interest) and resets it. SQLITE_OK or the error. */
int statement_run(sqlite3_stmt *stmt);

/* 0 is stored as NULL, and NULL is read as 0: that keeps what is not set out of the partial indexes. */
void bind_time(sqlite3_stmt *stmt, int i, int64_t at);
/* Borrows the text until the statement is reset. NULL is stored as NULL. */
void bind_text(sqlite3_stmt *stmt, int i, const char *text);
/* A copy of the column, owned by the caller; NULL for NULL. */
char *column_text(sqlite3_stmt *stmt, int i);

/* Fills why from the connection's last error and, if the connection cannot be trusted any more, closes it: the next
 * use opens it again. Always ERR_UNAVAILABLE. */
enum err connection_failed(struct connection *conn, const char *doing, struct err_text *why);

/* Takes the write lock and begins a transaction on store->writer. On an error nothing is held. */
enum err write_begin(struct sqlite_store *store, struct err_text *why);
/* Commits when err is ERR_OK, else rolls back; releases the lock. err, or ERR_UNAVAILABLE when the commit fails. */
enum err write_end(struct sqlite_store *store, enum err err, struct err_text *why);

/* Writes and answers one item. Only what is wrong with the store is an error. */
typedef enum err (*write_item_fn)(struct connection *conn, void *item, const void *arg, struct err_text *why);
/* All items of a batch, of item_size bytes each, in one transaction. On an error none is written. */
enum err write_batch(struct store *base, write_item_fn write_item, const void *arg, void *items, size_t n,
                     size_t item_size, struct err_text *why);

/* Empties the log, unless somebody reads in it (then false): nothing that was written before is in it any more. */
bool write_empty_log(struct sqlite_store *store);

/* One statement that reads, on a connection lent by the pool. */
struct reading {
	struct connection *conn;
	sqlite3_stmt *stmt;     /* to be bound and stepped */
	const char *doing;      /* for the error text: "store: cannot <doing>" */
};

/* Lends a connection and a statement of it; both go back with read_end(). On an error nothing is held. */
enum err read_begin(struct sqlite_store *store, enum statement which, const char *doing, struct reading *reading,
                    struct err_text *why);
/* rc is what the last sqlite3_step() said: ERR_OK for a row or the end of them, else ERR_UNAVAILABLE. */
enum err read_end(struct sqlite_store *store, struct reading *reading, int rc, struct err_text *why);

/* ---- The rest ---- */

/* "vfjb", in the file's header: tells a store of ours from somebody else's SQLite file. */
#define APPLICATION_ID 1986423394
#define TEXT_OF(number) #number
#define NUMBER_TEXT(number) TEXT_OF(number)

/* Makes an empty file ours or checks that it is. Called under the write lock. ERR_UNSUPPORTED, ERR_UNAVAILABLE. */
enum err schema_prepare(struct connection *conn, const char *path, struct err_text *why);

/* Within a transaction. One that is kept under this key stays. */
enum err raw_write(struct connection *conn, const char *key, const struct raw_answer *raw, struct err_text *why);
/* Within a transaction: removes what has expired, up to limit, and overwrites it in the file. *deleted grows by how many. */
enum err raw_expire(struct connection *conn, int64_t now, size_t limit, size_t *deleted, struct err_text *why);

/* The job in the current row of JOB_COLUMNS, owned by the caller. */
struct job *row_to_job(sqlite3_stmt *stmt);

enum err sqlite_insert(struct store *store, struct store_insert *items, size_t n, struct err_text *why);
enum err sqlite_claim(struct store *store, struct store_claim *items, size_t n, int64_t now, int64_t lease_until,
                      struct err_text *why);
enum err sqlite_change(struct store *store, struct job_change *items, size_t n, struct err_text *why);
enum err sqlite_expire(struct store *store, int64_t now, size_t limit, size_t *deleted, struct err_text *why);

enum err sqlite_quota_add(struct store *store, const struct quota_slot *items, size_t n, struct err_text *why);
enum err sqlite_quota_read(struct store *store, const char *vendor, int64_t per_ms, int64_t since,
                           struct quota_slot **slots, size_t *n, struct err_text *why);

enum err sqlite_get(struct store *store, const char *request_id, struct job **job, struct err_text *why);
enum err sqlite_look(struct store *store, struct store_look *items, size_t n, struct err_text *why);
enum err sqlite_get_by_vendor_job_id(struct store *store, const char *vendor, const char *vendor_job_id,
                                     struct job **job, struct err_text *why);
enum err sqlite_early_put(struct store *store, const struct store_early *early, struct err_text *why);
enum err sqlite_early_find(struct store *store, const struct store_early_key *keys, size_t n, struct store_early **kept,
                           size_t *n_kept, struct err_text *why);
enum err sqlite_early_page(struct store *store, int64_t until, const struct store_early *after, size_t limit,
                           struct store_early **kept, size_t *n_kept, struct err_text *why);
enum err sqlite_early_drop(struct store *store, const struct store_early_key *keys, size_t n, struct err_text *why);
enum err sqlite_raw_of_job(struct store *store, const char *request_id, int64_t now, struct raw_answer **raw,
                           struct err_text *why);
enum err sqlite_raw_put(struct store *store, const char *key, const struct raw_answer *raw, struct err_text *why);
enum err sqlite_raw_get(struct store *store, const char *key, int64_t now, struct raw_answer **raw, struct err_text *why);
enum err sqlite_raw_drop(struct store *store, const char *const *keys, size_t n, struct err_text *why);
enum err sqlite_find_due(struct store *store, int64_t now, int64_t after_due_at, const char *after_id, size_t limit,
                         struct job_ref **refs, size_t *n, struct err_text *why);
enum err sqlite_find_queued(struct store *store, const char *vendor, int64_t before, size_t limit,
                            struct job_ref **refs, size_t *n, struct err_text *why);
enum err sqlite_next_queued(struct store *store, const char *after_vendor, struct job_ref **refs, size_t *n,
                            struct err_text *why);

#endif
