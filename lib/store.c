/* Chooses the engine by the URI and hands every call on to it. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "store_engine.h"

#include "crash_point.h"
#include "mem.h"
#include "secret.h"

#include <stdlib.h>
#include <string.h>

static const struct store_engine *const engines[] = {
#ifdef HAVE_SQLITE
	&store_sqlite_engine,
#endif
#ifdef HAVE_MONGODB
	&store_mongo_engine,
#endif
	NULL,
};

enum err store_open(const char *uri, int timeout_ms, struct store **store, struct err_text *why)
{
	char *shown;

	for (int i = 0; engines[i]; i++)
		if (strncmp(uri, engines[i]->scheme, strlen(engines[i]->scheme)) == 0)
			return engines[i]->open(uri, timeout_ms, store, why);
	shown = secret_hide_in_url(uri);
	err_set(why, ERR_UNSUPPORTED, "STORE_URI %s: this build has no store engine for it (known: sqlite:/path, mongodb://host/db)",
	        shown);
	free(shown);
	return ERR_UNSUPPORTED;
}

void store_close(struct store *store)
{
	if (store)
		store->engine->close(store);
}

/* What a test of lost answers says in place of the engine's own answer (crash_point.h). */
static inline enum err answer_lost(struct err_text *why)
{
	return err_set(why, ERR_UNAVAILABLE, "the answer was lost");
}

enum err store_insert(struct store *store, struct store_insert *items, size_t n, struct err_text *why)
{
	enum err err = store->engine->insert(store, items, n, why);

	if (FAULT_POINT("lost_insert_answer")) {
		for (size_t i = 0; i < n; i++)
			items[i].outcome = ERR_UNAVAILABLE;
		err = answer_lost(why);
	}
	return err;
}

enum err store_get(struct store *store, const char *request_id, struct job **job, struct err_text *why)
{
	return store->engine->get(store, request_id, job, why);
}

enum err store_look(struct store *store, struct store_look *items, size_t n, struct err_text *why)
{
	enum err err;

	for (size_t i = 0; i < n; i++) {
		items[i].job = NULL;
		items[i].outcome = ERR_NOT_FOUND;
	}
	err = n ? store->engine->look(store, items, n, why) : ERR_OK;
	for (size_t i = 0; i < n && err; i++) {
		job_free(items[i].job);
		items[i].job = NULL;
		items[i].outcome = ERR_UNAVAILABLE;
	}
	return err;
}

enum err store_get_by_vendor_job_id(struct store *store, const char *vendor, const char *vendor_job_id,
                                    struct job **job, struct err_text *why)
{
	return store->engine->get_by_vendor_job_id(store, vendor, vendor_job_id, job, why);
}

enum err store_ping(struct store *store, struct err_text *why)
{
	return store->engine->ping(store, why);
}

enum err store_try_write(struct store *store, struct err_text *why)
{
	return store->engine->try_write(store, why);
}

enum err store_claim(struct store *store, struct store_claim *items, size_t n, int64_t now, int64_t lease_until,
                     struct err_text *why)
{
	enum err err = store->engine->claim(store, items, n, now, lease_until, why);

	if (FAULT_POINT("lost_claim_answer")) {
		for (size_t i = 0; i < n; i++) {
			job_free(items[i].job);
			items[i].job = NULL;
			items[i].outcome = ERR_UNAVAILABLE;
		}
		err = answer_lost(why);
	}
	return err;
}

enum err store_change(struct store *store, struct job_change *items, size_t n, struct err_text *why)
{
	enum err err = store->engine->change(store, items, n, why);

	if (FAULT_POINT("lost_change_answer")) {
		for (size_t i = 0; i < n; i++)
			items[i].outcome = ERR_UNAVAILABLE;
		err = answer_lost(why);
	}
	return err;
}

void store_early_free(struct store_early *kept, size_t n)
{
	for (size_t i = 0; kept && i < n; i++) {
		free(kept[i].vendor);
		free(kept[i].vendor_job_id);
		free(kept[i].result);
		free(kept[i].error);
	}
	free(kept);
}

enum err store_early_put(struct store *store, const struct store_early *early, struct err_text *why)
{
	if (early->result && strnlen(early->result, STORE_TEXT_MAX + 1) > STORE_TEXT_MAX)
		return err_set(why, ERR_TOO_BIG, "the result is over %d bytes", STORE_TEXT_MAX);
	return store->engine->early_put(store, early, why);
}

enum err store_early_find(struct store *store, const struct store_early_key *keys, size_t n, struct store_early **kept,
                          size_t *n_kept, struct err_text *why)
{
	*kept = NULL;
	*n_kept = 0;
	return n ? store->engine->early_find(store, keys, n, kept, n_kept, why) : ERR_OK;
}

enum err store_early_page(struct store *store, int64_t until, const struct store_early *after, size_t limit,
                          struct store_early **kept, size_t *n_kept, struct err_text *why)
{
	*kept = NULL;
	*n_kept = 0;
	return limit ? store->engine->early_page(store, until, after, limit, kept, n_kept, why) : ERR_OK;
}

enum err store_early_drop(struct store *store, const struct store_early_key *keys, size_t n, struct err_text *why)
{
	return n ? store->engine->early_drop(store, keys, n, why) : ERR_OK;
}

_Static_assert((int)RAW_ANSWER_BYTES_MAX <= (int)STORE_TEXT_MAX, "whatever a vendor may say can be kept");

enum err store_raw_of_job(struct store *store, const char *request_id, int64_t now, struct raw_answer **raw,
                          struct err_text *why)
{
	*raw = NULL;
	return store->engine->raw_of_job(store, request_id, now, raw, why);
}

enum err store_raw_put(struct store *store, const char *key, const struct raw_answer *raw, struct err_text *why)
{
	if (raw->body_len > STORE_TEXT_MAX)
		return err_set(why, ERR_TOO_BIG, "the raw answer is over %d bytes", STORE_TEXT_MAX);
	return store->engine->raw_put(store, key, raw, why);
}

enum err store_raw_get(struct store *store, const char *key, int64_t now, struct raw_answer **raw, struct err_text *why)
{
	*raw = NULL;
	return store->engine->raw_get(store, key, now, raw, why);
}

enum err store_raw_drop(struct store *store, const char *const *keys, size_t n, struct err_text *why)
{
	return n ? store->engine->raw_drop(store, keys, n, why) : ERR_OK;
}

enum err store_find_due(struct store *store, int64_t now, int64_t after_due_at, const char *after_id, size_t limit,
                        struct job_ref **refs, size_t *n, struct err_text *why)
{
	return store->engine->find_due(store, now, after_due_at, after_id, limit, refs, n, why);
}

enum err store_find_queued(struct store *store, const char *vendor, int64_t before, size_t limit,
                           struct job_ref **refs, size_t *n, struct err_text *why)
{
	return store->engine->find_queued(store, vendor, before, limit, refs, n, why);
}

enum err store_next_queued(struct store *store, const char *after_vendor, struct job_ref **refs, size_t *n,
                           struct err_text *why)
{
	return store->engine->next_queued(store, after_vendor, refs, n, why);
}

enum err store_expire(struct store *store, int64_t now, size_t limit, size_t *deleted, struct err_text *why)
{
	return store->engine->expire(store, now, limit, deleted, why);
}

enum err store_quota_add(struct store *store, const struct quota_slot *items, size_t n, struct err_text *why)
{
	enum err err = store->engine->quota_add(store, items, n, why);

	return FAULT_POINT("lost_quota_answer") ? answer_lost(why) : err;
}

enum err store_quota_read(struct store *store, const char *vendor, int64_t per_ms, int64_t since,
                          struct quota_slot **slots, size_t *n, struct err_text *why)
{
	return store->engine->quota_read(store, vendor, per_ms, since, slots, n, why);
}

enum err store_mark_called(struct store *store, const char *vendor, struct err_text *why)
{
	return store->engine->mark_called(store, vendor, why);
}

enum err store_secret(struct store *store, const char *name, const unsigned char candidate[STORE_SECRET_SIZE],
                      unsigned char secret[STORE_SECRET_SIZE], struct err_text *why)
{
	return store->engine->secret(store, name, candidate, secret, why);
}
