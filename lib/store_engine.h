/* What a store engine implements: the functions of store.h, behind a const struct of functions.
 * An engine exports one symbol, its `struct store_engine`; its own state begins with a `struct store`. */
#ifndef VF_STORE_ENGINE_H
#define VF_STORE_ENGINE_H

#include "store.h"

struct store_engine {
	const char *scheme;    /* what the URI starts with, colon included */
	enum err (*open)(const char *uri, int timeout_ms, struct store **store, struct err_text *why);
	void (*close)(struct store *store);
	enum err (*insert)(struct store *store, struct store_insert *items, size_t n, struct err_text *why);
	enum err (*get)(struct store *store, const char *request_id, struct job **job, struct err_text *why);
	enum err (*get_by_vendor_job_id)(struct store *store, const char *vendor, const char *vendor_job_id,
	                                 struct job **job, struct err_text *why);
	enum err (*ping)(struct store *store, struct err_text *why);
	enum err (*try_write)(struct store *store, struct err_text *why);
	enum err (*claim)(struct store *store, struct store_claim *items, size_t n, int64_t now, int64_t lease_until,
	                  struct err_text *why);
	enum err (*look)(struct store *store, struct store_look *items, size_t n, struct err_text *why);
	enum err (*change)(struct store *store, struct job_change *items, size_t n, struct err_text *why);
	enum err (*early_put)(struct store *store, const struct store_early *early, struct err_text *why);
	enum err (*early_find)(struct store *store, const struct store_early_key *keys, size_t n, struct store_early **kept,
	                       size_t *n_kept, struct err_text *why);
	enum err (*early_page)(struct store *store, int64_t until, const struct store_early *after, size_t limit,
	                       struct store_early **kept, size_t *n_kept, struct err_text *why);
	enum err (*early_drop)(struct store *store, const struct store_early_key *keys, size_t n, struct err_text *why);
	enum err (*raw_of_job)(struct store *store, const char *request_id, int64_t now, struct raw_answer **raw,
	                       struct err_text *why);
	enum err (*raw_put)(struct store *store, const char *key, const struct raw_answer *raw, struct err_text *why);
	enum err (*raw_get)(struct store *store, const char *key, int64_t now, struct raw_answer **raw, struct err_text *why);
	enum err (*raw_drop)(struct store *store, const char *const *keys, size_t n, struct err_text *why);
	enum err (*find_due)(struct store *store, int64_t now, int64_t after_due_at, const char *after_id, size_t limit,
	                     struct job_ref **refs, size_t *n, struct err_text *why);
	enum err (*find_queued)(struct store *store, const char *vendor, int64_t before, size_t limit,
	                        struct job_ref **refs, size_t *n, struct err_text *why);
	enum err (*next_queued)(struct store *store, const char *after_vendor, struct job_ref **refs, size_t *n,
	                        struct err_text *why);
	enum err (*expire)(struct store *store, int64_t now, size_t limit, size_t *deleted, struct err_text *why);
	enum err (*quota_add)(struct store *store, const struct quota_slot *items, size_t n, struct err_text *why);
	enum err (*quota_read)(struct store *store, const char *vendor, int64_t per_ms, int64_t since,
	                       struct quota_slot **slots, size_t *n, struct err_text *why);
	enum err (*mark_called)(struct store *store, const char *vendor, struct err_text *why);
	enum err (*secret)(struct store *store, const char *name, const unsigned char candidate[STORE_SECRET_SIZE],
	                   unsigned char secret[STORE_SECRET_SIZE], struct err_text *why);
};

struct store { const struct store_engine *engine; };

extern const struct store_engine store_sqlite_engine;   /* HAVE_SQLITE */
extern const struct store_engine store_mongo_engine;    /* HAVE_MONGODB */

/* The version of the stored format. An engine opens its own and the one before, and refuses others. What came later
 * without a new version (tables, members, phases) does not disturb a program that does not know it: a phase that it has
 * no name for reads as done, and no guard of its writes lets such a job through. */
enum { STORE_SCHEMA_VERSION = 1 };

#endif
