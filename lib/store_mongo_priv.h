/* What the parts of the MongoDB engine share; no other module includes this.
 *
 *   store_mongo.c          opening, time limits, errors, bulk writes
 *   store_mongo_facts.c    vendors called, secrets
 *   store_mongo_schema.c   collections, indexes, format version
 *   store_mongo_doc.c      struct job <-> document
 *   store_mongo_read.c     get and find
 *   store_mongo_insert.c   insert, with idempotency keys
 *   store_mongo_change.c   claim and change
 *   store_mongo_quota.c    quotas
 *   store_mongo_early.c    early callbacks
 *   store_mongo_raw.c      raw answers
 */
#ifndef VF_STORE_MONGO_PRIV_H
#define VF_STORE_MONGO_PRIV_H

#include "buffer.h"
#include "store_engine.h"

#include <mongoc/mongoc.h>

#define COLLECTION_JOBS "jobs"
#define COLLECTION_KEYS "idempotency_keys"
#define COLLECTION_QUOTAS "quotas"
#define COLLECTION_EARLY "early_callbacks"
#define COLLECTION_RAW "raw_answers"
#define COLLECTION_CALLED "vendors_called"
#define COLLECTION_SECRETS "secrets"
#define COLLECTION_META "meta"

#define INDEX_ID "requestId"
/* Of the jobs that are enqueued, by phase. */
#define INDEX_QUEUED "vendor_queuedAt"
#define INDEX_POLLS "vendor_queuedAt_polls"

enum {
	MONGO_DOCUMENT_MAX = 16 << 20,        /* the server's limit for one document */

	/* Server error codes that have a meaning here. */
	MONGO_CODE_AUTHENTICATION = 18,
	MONGO_CODE_INVALID_ID_FIELD = 53,
	MONGO_CODE_INDEX_OPTIONS_CONFLICT = 85,
	MONGO_CODE_INDEX_KEY_CONFLICT = 86,
	MONGO_CODE_DUPLICATE_KEY = 11000,
	MONGO_CODE_OBJECT_TOO_LARGE = 10334,
	MONGO_CODE_UPDATE_TOO_LARGE = 17419,
	MONGO_CODE_UPDATE_GROWS_TOO_LARGE = 17420,
};

struct store_mongo {
	struct store base;
	mongoc_client_pool_t *pool;
	char *database;
	int start_ms;       /* no command starts when this much of a call has passed: it could end too late */
	int max_time_ms;    /* what a read may take on the server */
};

/* One call of a store function: a client out of the pool, and when the call began. */
struct mongo_call {
	struct store_mongo *store;
	mongoc_client_t *client;
	int64_t began_ms;
};

/* ---- store_mongo.c ---- */

/* Every begin that returned ERR_OK needs its end. ERR_UNAVAILABLE if all clients stay busy. */
enum err mongo_call_begin(struct store *store, struct mongo_call *call, struct err_text *why);
void mongo_call_end(struct mongo_call *call);
/* ERR_OK, or ERR_UNAVAILABLE if too much of the time limit has passed for one more command. */
enum err mongo_call_check(const struct mongo_call *call, struct err_text *why);
/* The caller destroys it. */
mongoc_collection_t *mongo_collection(const struct mongo_call *call, const char *name);

/* Describes what failed; always ERR_UNAVAILABLE: nothing that the driver or the server says makes a write final. */
enum err mongo_failed(struct err_text *why, const char *what, const bson_error_t *error);

/* An unordered bulk write; mongo_bulk_run() or mongoc_bulk_operation_destroy() ends it. */
mongoc_bulk_operation_t *mongo_bulk_new(mongoc_collection_t *collection);
/* Runs and destroys the bulk of n inserts or single updates. ERR_OK: the server answered each item with
 * codes[i], 0 = done, and what was written is durable. Else codes mean nothing. */
enum err mongo_bulk_run(mongoc_bulk_operation_t *bulk, const char *what, int *codes, size_t n, struct err_text *why);
/* ERR_TOO_BIG for the codes that say so; ERR_UNAVAILABLE, with a line in the log, for all others: a code that
 * has no meaning to the caller. */
enum err mongo_item_refused(const char *what, const char *request_id, int code);

/* Finds with the engine's time limit. Destroys filter and opts (which may be NULL); the caller destroys the cursor. */
mongoc_cursor_t *mongo_find(const struct mongo_call *call, mongoc_collection_t *collection, bson_t *filter,
                            bson_t *opts);

/* ---- store_mongo_facts.c ---- */

/* Reads the document of this _id; if there is none, stores it with these fields first. *doc (the caller destroys
 * it) is set on ERR_OK only. All callers get the same document. */
enum err mongo_get_or_insert(const struct mongo_call *call, const char *collection, const char *id,
                             const bson_t *fields, bson_t **doc, struct err_text *why);

/* ---- store_mongo_schema.c ---- */

/* Creates what is missing; refuses a format version that this program does not know. */
enum err mongo_schema_ensure(const struct mongo_call *call, struct err_text *why);

/* ---- store_mongo_doc.c ---- */

/* The whole job as a new document; the caller destroys it. */
bson_t *mongo_job_to_bson(const struct job *job);
/* The caller owns the job. */
struct job *mongo_job_from_bson(const bson_t *doc);
void mongo_ref_from_bson(struct job_ref *ref, const bson_t *doc);
/* The projection that mongo_ref_from_bson() needs, appended to the options of a find. */
void mongo_append_ref_projection(bson_t *opts);
/* JSON text under `field` as a document if that is exact, else under `text_field` as text. */
void mongo_append_json(bson_t *doc, const char *field, const char *text_field, const char *text);
/* An entry of the history: an object, or its text where it could not be kept exactly. */
void mongo_append_history_entry(bson_t *array, const char *key, const char *text, size_t len);
/* An instant; 0 = not set, so not there. */
void mongo_append_at(bson_t *doc, const char *field, int64_t at);
int64_t mongo_at(const bson_t *doc, const char *field);

/* ---- store_mongo_raw.c ---- */

enum { MONGO_RAW_KEY_SIZE = 2 * UUID_TEXT_SIZE };

/* The keys of the raw answers of a batch, empty where an item has none. */
struct mongo_raw_keys { char (*texts)[MONGO_RAW_KEY_SIZE]; size_t n; };

/* Writes those of all items whose row leads to done, each under a new key that nobody refers to yet: it becomes the job's
 * with the change that names it. keys->texts is NULL without any; mongo_raw_end() frees it. */
enum err mongo_raw_begin(const struct mongo_call *call, const struct job_change *items, size_t n,
                         struct mongo_raw_keys *keys, struct err_text *why);
/* Removes those whose change was refused. After an error of the batch (answered is false) nobody knows which were: they
 * stay, and nobody finds those to which no job refers, until they expire. */
void mongo_raw_end(const struct mongo_call *call, const struct job_change *items, bool answered,
                   struct mongo_raw_keys *keys);

/* ---- the engine's functions; see store.h ---- */

enum err mongo_insert(struct store *store, struct store_insert *items, size_t n, struct err_text *why);
enum err mongo_get(struct store *store, const char *request_id, struct job **job, struct err_text *why);
enum err mongo_look(struct store *store, struct store_look *items, size_t n, struct err_text *why);
enum err mongo_get_by_vendor_job_id(struct store *store, const char *vendor, const char *vendor_job_id,
                                    struct job **job, struct err_text *why);
enum err mongo_claim(struct store *store, struct store_claim *items, size_t n, int64_t now, int64_t lease_until,
                     struct err_text *why);
enum err mongo_change(struct store *store, struct job_change *items, size_t n, struct err_text *why);
enum err mongo_early_put(struct store *store, const struct store_early *early, struct err_text *why);
enum err mongo_early_find(struct store *store, const struct store_early_key *keys, size_t n, struct store_early **kept,
                          size_t *n_kept, struct err_text *why);
enum err mongo_early_page(struct store *store, int64_t until, const struct store_early *after, size_t limit,
                          struct store_early **kept, size_t *n_kept, struct err_text *why);
enum err mongo_early_drop(struct store *store, const struct store_early_key *keys, size_t n, struct err_text *why);
enum err mongo_raw_of_job(struct store *store, const char *request_id, int64_t now, struct raw_answer **raw,
                          struct err_text *why);
enum err mongo_raw_put(struct store *store, const char *key, const struct raw_answer *raw, struct err_text *why);
enum err mongo_raw_get(struct store *store, const char *key, int64_t now, struct raw_answer **raw, struct err_text *why);
enum err mongo_raw_drop(struct store *store, const char *const *keys, size_t n, struct err_text *why);
enum err mongo_find_due(struct store *store, int64_t now, int64_t after_due_at, const char *after_id, size_t limit,
                        struct job_ref **refs, size_t *n, struct err_text *why);
enum err mongo_find_queued(struct store *store, const char *vendor, int64_t before, size_t limit,
                           struct job_ref **refs, size_t *n, struct err_text *why);
enum err mongo_next_queued(struct store *store, const char *after_vendor, struct job_ref **refs, size_t *n,
                           struct err_text *why);
enum err mongo_quota_add(struct store *store, const struct quota_slot *items, size_t n, struct err_text *why);
enum err mongo_quota_read(struct store *store, const char *vendor, int64_t per_ms, int64_t since,
                          struct quota_slot **slots, size_t *n, struct err_text *why);
enum err mongo_mark_called(struct store *store, const char *vendor, struct err_text *why);
enum err mongo_secret(struct store *store, const char *name, const unsigned char candidate[STORE_SECRET_SIZE],
                      unsigned char secret[STORE_SECRET_SIZE], struct err_text *why);

#endif
