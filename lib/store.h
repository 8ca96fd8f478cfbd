/* The store: the truth about every job (invariant I8).
 *
 * One contract, one engine per URI scheme: `sqlite:/path` (store_sqlite.c) and `mongodb://...` (store_mongo.c).
 * tests/contract/ runs the same suite over every engine.
 *
 * Rules for all functions:
 * - Thread-safe. Calls block, but no longer than the time limit given to store_open().
 * - A write that returns ERR_OK is durable (journaled, on a majority of a replica set).
 * - Batches are unordered and answer per item: one bad item never takes its neighbours down. The return value is
 *   ERR_OK
 *   when every item carries an answer, else the error of the whole batch (then each item carries ERR_UNAVAILABLE,
 *   and each may or may not have been written: all writes can be repeated safely).
 * - Callers bound a batch to STORE_BATCH_MAX items and STORE_BATCH_BYTES of text.
 * - why may be NULL; it is filled when the return value is not ERR_OK.
 */
#ifndef VF_STORE_H
#define VF_STORE_H

#include "err.h"
#include "job.h"
#include "quota.h"

#include <stddef.h>
#include <stdint.h>

enum {
	STORE_BATCH_MAX = 1000,
	STORE_BATCH_BYTES = 16 << 20,
	STORE_TEXT_MAX = 15 << 20,    /* a payload or result over this is ERR_TOO_BIG */
	STORE_SECRET_SIZE = 32,
	STORE_HASH_SIZE = 32,
	STORE_EARLY_MAX = 10000,            /* early callbacks kept for one vendor ... */
	STORE_EARLY_BYTES = 64 << 20,       /* ... and their bytes */
};

struct store;

/* Opens (and creates what is missing: file, collections, indexes, schema version). timeout_ms bounds every later
 * call. ERR_UNAVAILABLE: not reachable now, try again; ERR_UNSUPPORTED: engine not in this build, or a schema
 * version this program does not know; ERR_INVALID: the URI, or a directory that is not there. *store is set on
 * ERR_OK only. */
enum err store_open(const char *uri, int timeout_ms, struct store **store, struct err_text *why)
	__attribute__((warn_unused_result));
/* NULL is fine. No other call may be running. */
void store_close(struct store *store);

/* ---- Insert ---- */

struct store_insert {
	struct job *job;                /* borrowed; with a key that was used before, request_id is set to the first one's */
	const char *idempotency_key;    /* or NULL; bytes as the client sent them, <= 255 */
	unsigned char body_hash[STORE_HASH_SIZE];
	int64_t key_expire_at;          /* the key is forgotten then */
	enum err outcome;               /* ERR_OK: stored. ERR_EXISTS: same key, same hash, the job is stored (now or before).
	                                   ERR_CONFLICT: same key, other hash. ERR_TOO_BIG. ERR_UNAVAILABLE. */
};

/* Safe when the same key races in several batches, processes or within one batch, and after a lost answer. */
enum err store_insert(struct store *store, struct store_insert *items, size_t n, struct err_text *why)
	__attribute__((warn_unused_result));

/* ---- Read ---- */

/* ERR_OK (*job owned by the caller), ERR_NOT_FOUND, ERR_UNAVAILABLE. Sees every write that was answered. */
enum err store_get(struct store *store, const char *request_id, struct job **job, struct err_text *why)
	__attribute__((warn_unused_result));

struct store_look {
	const char *request_id;    /* borrowed */
	struct job *job;           /* without its payload, owned by the caller; NULL unless outcome is ERR_OK */
	enum err outcome;          /* ERR_OK, ERR_NOT_FOUND; ERR_UNAVAILABLE with an error of the batch */
};

/* store_get() of many jobs, less their payloads: what readers of a job's state want to know. An id may be there more
 * than once. */
enum err store_look(struct store *store, struct store_look *items, size_t n, struct err_text *why)
	__attribute__((warn_unused_result));

/* The unfinished-first, newest job of this vendor that carries this vendor_job_id. */
enum err store_get_by_vendor_job_id(struct store *store, const char *vendor, const char *vendor_job_id,
                                    struct job **job, struct err_text *why) __attribute__((warn_unused_result));
/* Cheap: can the store be reached? */
enum err store_ping(struct store *store, struct err_text *why) __attribute__((warn_unused_result));
/* Can the store be written? Writes something small that means nothing, as durably as a job. A full disk or a server
 * without a majority answers a ping but fails this. ERR_UNAVAILABLE. */
enum err store_try_write(struct store *store, struct err_text *why) __attribute__((warn_unused_result));

/* ---- Claim and change ---- */

struct store_claim {
	const char *request_id;
	const char *vendor;     /* whose entry it was: claims no other vendor's job; NULL: whoever's */
	struct job *job;        /* out: the claimed job (fence already raised), owned by the caller; else NULL */
	int64_t not_before;     /* out with ERR_NOT_DUE */
	enum err outcome;       /* ERR_OK, ERR_NOT_DUE (enqueued for later), ERR_STALE (not enqueued: someone has it, or
	                           finished, or past its deadline; or enqueued for another vendor), ERR_NOT_FOUND, ERR_UNAVAILABLE */
};

/* queued -> calling and waiting_poll -> polling for jobs with next_attempt_at <= now < deadline_at: fence + 1, due_at =
 * lease_until, status processing. The job's phase says which of the two it was. The same id twice in a batch: at most one
 * of the two gets it. */
enum err store_claim(struct store *store, struct store_claim *items, size_t n, int64_t now, int64_t lease_until,
                     struct err_text *why) __attribute__((warn_unused_result));

/* Applies guarded changes; see struct job_change. */
enum err store_change(struct store *store, struct job_change *items, size_t n, struct err_text *why)
	__attribute__((warn_unused_result));

/* ---- Early callbacks: of a vendor that knows only its own id, from before that id was stored with the job ----
 *
 * Write, then look, on both sides: who keeps one looks for the job afterwards, who writes a vendor_job_id looks for
 * a kept callback afterwards. So whichever was later finds the other. Whoever has applied it drops it. */

struct store_early_key {            /* borrowed */
	const char *vendor;
	const char *vendor_job_id;
};

/* Owns its texts. One of result and error is set, but for store_early_page(). */
struct store_early {
	char *vendor;
	char *vendor_job_id;
	char *result;                   /* JSON text: it was a success */
	char *error;                    /* plain text: it was a failure */
	size_t raw_bytes;               /* of its raw answer, which counts towards STORE_EARLY_BYTES; with store_early_put() only */
	int64_t received_at;
	int64_t expire_at;              /* removed then */
};

/* NULL is fine. */
void store_early_free(struct store_early *kept, size_t n);

/* Keeps it. One of the same (vendor, vendor_job_id) that was kept before stays, unless this is the first success.
 * ERR_FULL: STORE_EARLY_MAX or STORE_EARLY_BYTES of this vendor are kept (puts at the same time may pass either by a
 * few). ERR_TOO_BIG: the result. ERR_UNAVAILABLE. */
enum err store_early_put(struct store *store, const struct store_early *early, struct err_text *why)
	__attribute__((warn_unused_result));
/* Those of n keys that are kept, in any order. *kept (owned by the caller) holds *n_kept <= n. */
enum err store_early_find(struct store *store, const struct store_early_key *keys, size_t n, struct store_early **kept,
                          size_t *n_kept, struct err_text *why) __attribute__((warn_unused_result));
/* A page of all that were received at or before `until`, without result and error, in order of (received_at, vendor,
 * vendor_job_id), after the given one (NULL: from the start; its keys and received_at count). *kept likewise. */
enum err store_early_page(struct store *store, int64_t until, const struct store_early *after, size_t limit,
                          struct store_early **kept, size_t *n_kept, struct err_text *why)
	__attribute__((warn_unused_result));
/* Those that are not there are no error. */
enum err store_early_drop(struct store *store, const struct store_early_key *keys, size_t n, struct err_text *why)
	__attribute__((warn_unused_result));

/* ---- Raw answers, of vendors whose file wants them kept ----
 *
 * That of a job is written with the change that ends it (struct job_change), by the same guard: who came too late leaves
 * none. That of an early callback is put here by a key of its own, until its job takes it over. */

/* The one of this job, unless it has expired by now: then, and without one, ERR_NOT_FOUND. *raw is the caller's
 * (raw_answer_free()). */
enum err store_raw_of_job(struct store *store, const char *request_id, int64_t now, struct raw_answer **raw,
                          struct err_text *why) __attribute__((warn_unused_result));
/* Keeps it under a key that is no request_id, of at most 511 bytes. One that is kept under it already stays. ERR_TOO_BIG. */
enum err store_raw_put(struct store *store, const char *key, const struct raw_answer *raw, struct err_text *why)
	__attribute__((warn_unused_result));
/* As store_raw_of_job(). */
enum err store_raw_get(struct store *store, const char *key, int64_t now, struct raw_answer **raw, struct err_text *why)
	__attribute__((warn_unused_result));
/* Those that are not there are no error. */
enum err store_raw_drop(struct store *store, const char *const *keys, size_t n, struct err_text *why)
	__attribute__((warn_unused_result));

/* ---- What repair asks for: one page each, by index ---- */

/* Unfinished jobs with due_at <= now, in order of (due_at, request_id), after the given pair (0, "" = from the
 * start). *refs (owned by the caller, job_refs_free) holds *n <= limit. */
enum err store_find_due(struct store *store, int64_t now, int64_t after_due_at, const char *after_id, size_t limit,
                        struct job_ref **refs, size_t *n, struct err_text *why) __attribute__((warn_unused_result));
/* Jobs of a vendor that are enqueued (PHASES_ENQUEUED), with queued_at < before, oldest first. */
enum err store_find_queued(struct store *store, const char *vendor, int64_t before, size_t limit,
                           struct job_ref **refs, size_t *n, struct err_text *why) __attribute__((warn_unused_result));
/* The oldest enqueued job of the next vendor that has one, in order of their names, after the given name ("": the first).
 * *refs as above, *n is 1, or 0 if there is no more. So who goes through the vendors meets those only that may need it. */
enum err store_next_queued(struct store *store, const char *after_vendor, struct job_ref **refs, size_t *n,
                           struct err_text *why) __attribute__((warn_unused_result));
/* Deletes up to limit jobs, keys, slots of quotas, early callbacks and raw answers whose expire_at has passed; *deleted counts
 * them. An engine whose server does this by itself (MongoDB's TTL index) deletes nothing. */
enum err store_expire(struct store *store, int64_t now, size_t limit, size_t *deleted, struct err_text *why)
	__attribute__((warn_unused_result));

/* ---- Quotas: what their windows count outlives Redis ---- */

/* Adds the count of each item to its slot (same vendor, per_ms and until); a negative one takes back what its caller
 * added before. Repeated after a lost answer, it may count twice: never repeat one that takes back. All are written on
 * ERR_OK; on ERR_UNAVAILABLE any may be. */
enum err store_quota_add(struct store *store, const struct quota_slot *items, size_t n, struct err_text *why)
	__attribute__((warn_unused_result));
/* The slots of this window with until > since, in order of until. *slots (owned by the caller, free(); vendor is NULL)
 * holds *n. */
enum err store_quota_read(struct store *store, const char *vendor, int64_t per_ms, int64_t since,
                          struct quota_slot **slots, size_t *n, struct err_text *why)
	__attribute__((warn_unused_result));

/* ---- Small facts that outlive Redis ---- */

/* ERR_OK: this vendor (or account) was never called before, and now is on record as called. ERR_EXISTS: it was on record.
 * So a limiter that is not in Redis can tell a new system from a wiped one. */
enum err store_mark_called(struct store *store, const char *vendor, struct err_text *why)
	__attribute__((warn_unused_result));
/* Reads the secret of this name; if there is none, stores candidate first. All processes get the same one. */
enum err store_secret(struct store *store, const char *name, const unsigned char candidate[STORE_SECRET_SIZE],
                      unsigned char secret[STORE_SECRET_SIZE], struct err_text *why) __attribute__((warn_unused_result));

#endif
